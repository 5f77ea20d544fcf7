"""Promotions that lower prices for everybody are sale prices by whole days; what is on sale is judged, whoever put it
there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.marketplaces.amazon.days import Days, begins, instants, is_over, whole_days
from acorn_gitops.marketplaces.protocol import Scope, Write
from acorn_gitops.model.resource import Address
from tests.amazon.emulated import DE, SELLER, Emulated
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller, by_hand, price

SALE = Address("amz-de", "promotion", "sale:MUG-RED")


@pytest.fixture
def amazon(by_the_wall_clock: Emulated) -> Emulated:
    """As commands meet it."""
    return by_the_wall_clock


def sale(amazon: Emulated, sku: str = "MUG-RED") -> Any:
    """The sale price of a SKU in Germany; None for none."""
    (offer,) = amazon.account.listings[sku, DE].attributes["purchasable_offer"]
    if "discounted_price" not in offer:
        return None
    (entry,) = offer["discounted_price"][0]["schedule"]
    return format(entry["value_with_tax"], ".2f"), entry["start_at"], entry["end_at"]


def put_on_sale(amazon: Emulated, sku: str, list_price: float, amount: float, end: str) -> None:
    """Somebody does so in Seller Central."""
    entry = {"value_with_tax": amount, "start_at": "2026-11-01", "end_at": end}
    offer = {
        "currency": "EUR",
        "our_price": [{"schedule": [{"value_with_tax": list_price}]}],
        "discounted_price": [{"schedule": [entry]}],
    }
    amazon.hand(sku=sku, marketplaceId=DE, set={"purchasable_offer": [offer]})


@pytest.mark.parametrize(
    ("start", "end", "zone", "days"),
    [
        ("2026-11-26T23:00:00Z", "2026-11-30T23:00:00Z", "Europe/Berlin", ("2026-11-27", "2026-11-30")),
        ("2026-11-26T23:00:01Z", "2026-11-30T22:59:59Z", "Europe/Berlin", ("2026-11-28", "2026-11-29")),
        ("2026-11-27T08:00:00Z", "2026-11-28T07:59:00Z", "America/Los_Angeles", None),
        ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "Europe/Berlin", ("2026-10-25", "2026-10-25")),
        ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "Europe/Berlin", ("2026-03-29", "2026-03-29")),
        ("2026-11-27T12:00:00Z", "2026-11-27T13:00:00Z", "UTC", None),
    ],
)
def test_a_sale_holds_on_days_that_lie_wholly_in_its_window(
    start: str, end: str, zone: str, days: tuple[str, str] | None
) -> None:
    """Never earlier, never later, also where the clocks change."""
    found = whole_days(start, end, zone)
    assert found is None if days is None else found is not None
    if found is not None:
        assert (found.first.isoformat(), found.last.isoformat()) == days
        begin, over = instants(Days(*found), zone)
        assert start <= begin < over <= end
        assert (begins(found.first.isoformat(), zone), is_over(found.last.isoformat(), zone)) == (begin, over)


def test_a_percentage_becomes_an_amount_by_whole_days(tmp_path: Path, amazon: Emulated) -> None:
    """12.90 less 20 % is 10.32, from Friday to Monday; and a second plan is empty."""
    seller = Seller(tmp_path, amazon, STORES + SKUS + PROMO)
    seller.apply()
    assert sale(amazon) == ("10.32", "2026-11-27", "2026-11-30")
    assert price(amazon, "MUG-RED") == "12.90"
    again = seller.run("plan", "--detailed-exitcode")
    assert again.code == 0, again.out


def test_a_new_price_takes_the_sale_with_it(tmp_path: Path, amazon: Emulated) -> None:
    """And neither undoes the other, although Amazon shows both a while later."""
    seller = Seller(tmp_path, amazon, STORES + SKUS + PROMO)
    seller.apply()
    seller.text((STORES + SKUS + PROMO).replace("12.90", "10.00"))
    seller.apply()
    assert (price(amazon, "MUG-RED"), sale(amazon)) == ("10.00", ("8.00", "2026-11-27", "2026-11-30"))


def test_what_was_sent_and_is_not_seen_yet_is_not_undone(amazon: Emulated) -> None:
    """A sale is put into the offer that this run has sent, not into the one that Amazon still shows."""
    adapter = amazon.adapter({"amz-de": {"marketplaceId": DE, "sellerId": SELLER}}, hurry=True)
    listing = Address("amz-de", "listing", "MUG-RED")
    money = {"currency": "EUR", "value": "12.90"}
    made = {"sku": "MUG-RED", "asin": "B0EXAMPLE2", "price": money, "status": "active"}
    adapter.write("amz-de", [Write("create", listing, made, etag="", key="1")])
    amazon.world.habits.delay = 3600
    new = {"price": {"currency": "EUR", "value": "11.00"}}
    (first,) = adapter.write("amz-de", [Write("update", listing, new, etag="", key="2")])
    discount = {"salePrice": {"currency": "EUR", "value": "9.00"}}
    wish = {
        "type": "salePrice",
        "skus": ["MUG-RED"],
        "start": "2026-11-26T23:00:00Z",
        "end": "2026-11-30T23:00:00Z",
        "discount": discount,
    }
    (second,) = adapter.write("amz-de", [Write("create", SALE, wish, etag="", key="3")])
    assert (first.status, second.status) == ("accepted", "accepted")
    from datetime import UTC, datetime

    amazon.world.habits.delay = 0
    amazon.world.now = lambda: datetime(2030, 1, 1, tzinfo=UTC)
    amazon.world.settle()
    assert price(amazon, "MUG-RED") == "11.00"
    assert sale(amazon) == ("9.00", "2026-11-27", "2026-11-30")


def test_a_sale_that_ends_is_taken_away_and_the_next_one_comes(
    tmp_path: Path, amazon: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Amazon holds one: the first that is not over."""
    later = PROMO.replace("black-friday", "advent").replace("2026-12-01", "2026-12-06")
    later = later.replace("2026-11-27", "2026-12-03")
    later = later.replace("percentOff", "salePrice").replace(
        'percent: "20"', 'salePrice: {amz-de: {currency: EUR, value: "7.74"}}'
    )
    seller = Seller(tmp_path, amazon, STORES + SKUS + PROMO + later)
    seller.apply()
    assert sale(amazon) == ("10.32", "2026-11-27", "2026-11-30")
    monkeypatch.setenv("ACORN_NOW", "2026-12-02T09:00:00Z")
    seller.apply()
    assert sale(amazon) == ("7.74", "2026-12-03", "2026-12-05")
    seller.text(STORES + SKUS)
    seller.apply()
    assert sale(amazon) is None
    assert price(amazon, "MUG-RED") == "12.90"


def test_two_at_one_time_are_refused_by_name(tmp_path: Path, amazon: Emulated) -> None:
    """Which of them is meant nobody may guess."""
    other = PROMO.replace("black-friday", "cyber-week").replace('"20"', '"10"')
    other += "  stacking: {mode: bestOnly}\n"
    seller = Seller(
        tmp_path, amazon, STORES + SKUS + PROMO + other.replace("  stacking: {mode: bestOnly}\n", "")
    )
    result = seller.run("plan")
    assert result.code == 4
    assert "Amazon holds one sale price" in " ".join(result.out.split())


def test_a_sale_by_hand_below_the_floor_is_told(tmp_path: Path, amazon: Emulated) -> None:
    """A sale price that is live counts, also where nobody manages it."""
    seller = Seller(tmp_path, amazon, STORES + SKUS)
    seller.apply()
    put_on_sale(amazon, "KTL-17-BLK", 49.99, 20, "2027-12-31")
    seller.text((STORES + SKUS).replace("49.99", "47.50"))
    result = seller.run("plan")
    assert "ACN-033" in result.out and "20.00 EUR with sale:KTL-17-BLK" in result.out


def test_a_sale_that_sticks_is_told_each_time_and_never_called_done(tmp_path: Path, amazon: Emulated) -> None:
    """models#4134: the replacement is accepted, and the sale price stays."""
    seller = Seller(tmp_path, amazon, STORES + SKUS + PROMO)
    seller.apply()
    amazon.world.habits.sticky_sale = True
    seller.text(STORES + SKUS)
    before = amazon.world.requests.get("patchListingsItem", 0)
    result = seller.run("apply", "--auto-approve", "--wait", "1")
    assert result.code == 3 and "sale:MUG-RED" in result.out
    assert amazon.world.requests["patchListingsItem"] == before + 1
    assert sale(amazon) is not None


def test_drift_of_a_sale_is_found(tmp_path: Path, amazon: Emulated) -> None:
    """Somebody took it out by hand."""
    seller = Seller(tmp_path, amazon, STORES + SKUS + PROMO)
    seller.apply()
    by_hand(amazon, "MUG-RED", 12.90)
    found = seller.run("drift", "--detailed-exitcode")
    assert found.code == 2 and "sale:MUG-RED" in found.out


@pytest.mark.parametrize(
    "entry",
    [
        {"value_with_tax": 5},
        {"value_with_tax": 5, "start_at": "soon", "end_at": "later"},
        {"value_with_tax": 5, "start_at": "2026-11-27T00:00:00Z"},
        {"value_with_tax": 5, "start_at": "0001-01-01", "end_at": "9999-12-31"},
    ],
)
def test_a_sale_of_which_nobody_says_when_may_hold_at_any_time(amazon: Emulated, entry: Any) -> None:
    """The guard looks at it as if it held."""
    offer = {
        "currency": "EUR",
        "audience": "ALL",
        "marketplace_id": DE,
        "our_price": [{"schedule": [{"value_with_tax": 9}]}],
        "discounted_price": [{"schedule": [entry]}],
    }
    amazon.hand(sku="X", marketplaceId=DE, all={"condition_type": [{"value": "new_new"}]})
    amazon.account.listings["X", DE].attributes["purchasable_offer"] = [offer]
    adapter = amazon.adapter({"amz-de": {"marketplaceId": DE, "sellerId": SELLER}})
    found = adapter.read(Scope("amz-de")).resources["promotion", "sale:X"].attributes
    assert found["start"] <= "2026-11-27T00:00:00Z" and found["end"] >= "2026-12-31T00:00:00Z"
    assert found["discount"] == {"salePrice": {"currency": "EUR", "value": "5.00"}}
