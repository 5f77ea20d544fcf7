"""In which order Vendure is told: at no moment is something sold for what it cost while nobody could buy it, or elsewhere. A Vendure of
some lines, which shows what is on sale after each request; tests/vendure has a real one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from acorn_gitops.marketplaces.by_looking import Doubtful, Journal, RemoteStore, carry_out
from acorn_gitops.marketplaces.protocol import Write
from acorn_gitops.marketplaces.vendure.amounts import Amounts
from acorn_gitops.marketplaces.vendure.catalogue import Listings
from acorn_gitops.marketplaces.vendure.client import Client, Refusal
from acorn_gitops.model.resource import Address

CHANNEL = RemoteStore(
    "shop-de",
    "2",
    "token",
    {
        "code": "shop-de", "defaultCurrencyCode": "EUR", "availableCurrencyCodes": ["EUR"],
        "defaultLanguageCode": "de", "pricesIncludeTax": True,
    },
)  # fmt: skip
SIXTY = {"currency": "EUR", "value": "60.00"}


class Small(Client):
    """One product with one variant."""

    def __init__(
        self, *, here: bool, on: bool, base: int | None = 4000, fails: Exception | None = None
    ) -> None:
        self.name = "main"
        self.here, self.on, self.base, self.fails = here, on, base, fails
        self.variant: dict[str, Any] = {
            "id": "9", "sku": "X-1", "name": "T", "enabled": True, "updatedAt": "a",
            "useGlobalOutOfStockThreshold": True, "outOfStockThreshold": 0, "trackInventory": "INHERIT",
            "prices": [{"currencyCode": "EUR", "price": 4000}], "taxCategory": {"id": "1", "name": "standard"},
        }  # fmt: skip
        self.sold: list[int] = []
        """For how much it was on sale in the channel, after each request."""

    def every(
        self, operation: str, field: str, variables: Mapping[str, object] | None = None, channel: str = ""
    ) -> list[dict[str, Any]]:
        if field == "products":
            return [{"id": "7", "variantList": {"totalItems": 1, "items": [{"sku": "X-1"}]}}]
        if "PricesOfServer" in operation:
            return [{"id": "9", "sku": "X-1", "price": self.base, "priceWithTax": self.base}]
        if "VariantsOfServer" in operation:
            return [{"id": "9", "sku": "X-1"}]
        return [{**self.variant, "product": {"id": "7", "enabled": self.on}}] if self.here else []

    def read(self, *asked: Any, **more: Any) -> Any:
        return {"globalSettings": {}}

    def write(self, operation: str, variables: Mapping[str, Any], channel: str = "") -> Any:
        if "EnableProduct" in operation:
            if self.fails is not None:
                raise self.fails
            self.on = True
        if "assignProductVariants" in operation:
            self.here = True
            self._cost(int((self.base or 0) * variables["i0"].get("priceFactor", 1)))
        for row in variables["input"] if "UpdateVariants" in operation else ():
            if "prices" in row:
                self._cost(row["prices"][0]["price"])
            self.variant["enabled"] = row.get("enabled", self.variant["enabled"])
        if self.here and self.on and self.variant["enabled"]:
            self.sold.append(self.variant["prices"][0]["price"])
        return {}

    def _cost(self, price: int) -> None:
        self.variant["prices"] = [{"currencyCode": "EUR", "price": price}]


def told(client: Small, operation: str, **sent: Any) -> str:
    """What became of one write."""
    amounts = Amounts(client)
    amounts.minor = lambda money: int(Decimal(money["value"]) * 100)  # type: ignore[method-assign]
    amounts.money = lambda price, currency: {"currency": currency, "value": f"{price / 100:.2f}"}  # type: ignore[method-assign]
    listings = Listings(client, amounts, None)  # type: ignore[arg-type]
    etag = listings.rows(CHANNEL, ["X-1"])["X-1"].live.etag if operation == "update" else ""
    address = Address("shop-de", "listing", "X-1")
    write = Write(operation, address, attributes=sent, etag=etag, key="k")  # type: ignore[arg-type]
    (outcome,) = carry_out(listings, CHANNEL, [write], Journal())
    return outcome.status


@pytest.mark.parametrize(
    ("fails", "status", "sold"),
    [
        (None, "observed", [6000]),
        (Refusal("no", "ILLEGAL_OPERATION"), "rejected", []),
        (Doubtful("504", late=True), "unknown", []),
        (Doubtful("504", late=False), "unknown", []),
    ],
)
def test_a_product_is_switched_on_last(fails: Exception | None, status: str, sold: list[int]) -> None:
    """What comes back to that as an error may have been done all the same."""
    client = Small(here=True, on=False, fails=fails)
    assert told(client, "update", status="active", price=SIXTY) == status
    assert client.sold == sold


@pytest.mark.parametrize("base", [4000, 0, None])
@pytest.mark.parametrize("sent", [{"status": "active", "price": SIXTY}, {"status": "inactive"}])
def test_a_variant_of_another_channel_is_sold_for_this_ones_price_alone(
    sent: dict[str, Any], base: int | None
) -> None:
    """From the first moment; one that shall not be sold is not, whatever it costs elsewhere."""
    client = Small(here=False, on=True, base=base)
    status = told(client, "create", sku="X-1", title="T", **sent)
    refused = sent["status"] == "active" and not base
    assert status == ("rejected" if refused else "observed")
    assert set(client.sold) <= ({6000} if sent["status"] == "active" else set())
