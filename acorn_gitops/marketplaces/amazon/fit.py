"""What of the specs Amazon can hold. Comes in: every wish for one account. Goes out: wishes in the form in
which they are read back, and a finding for all that is left out. Caller: cli, through the adapter, before
anything is compared.

A location gets a status (on), and an address in Amazon's parts. A listing that is off sale has no offer, and
so no prices. What a marketplace of Amazon cannot be told (a promotion, rights of users, settings of taxes) is
not here: capabilities say that people do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from acorn_gitops.marketplaces.amazon.listings import PRICES
from acorn_gitops.marketplaces.left_out import Impossible, LeftOut
from acorn_gitops.marketplaces.protocol import Fitted, Shards
from acorn_gitops.model.resource import Address, Attributes, Desired

Key = tuple[str, str]

HELD: Final[Mapping[str, frozenset[str]]] = {
    "storefront": frozenset({"platform", "currency", "marketplaceId", "country", "region"}),
    "location": frozenset(
        {"code", "alias", "timezone", "address", "hours", "throughput", "capabilities", "status"}
    ),
    "listing": frozenset(
        {
            "sku",
            "asin",
            "productType",
            "title",
            "brand",
            "ptc",
            "condition",
            "fulfillment",
            "status",
            *PRICES,
        }
    ),
}
"""By type, the attributes that are sent and compared."""
SILENT: Final[Mapping[str, frozenset[str]]] = {
    # What these say has its effect elsewhere: in other attributes, or in acorn itself.
    "storefront": frozenset(
        {"sellerId", "environment", "timezone", "pricesIncludeTax", "lifecycle", "languages", "entitlements"}
    ),
    "location": frozenset({"geo"}),
    "listing": frozenset({"taxClass", "composition", "gtin", "hs6"}),
}
NOT_SENT: Final = frozenset({"stock", "tax-class"})
"""Types that have their effect in acorn itself: how stock is divided, which tax a product has."""
BY_HAND: Final = frozenset({"promotion", "role", "grant", "tax-rule"})
"""Types for which Amazon has no interface that writes."""


def fitted(desired: Shards, *, sandbox: bool) -> Fitted:
    """Every wish, fitted. `sandbox`: the connection leads to Amazon's sandbox."""
    work = _Work(desired, sandbox)
    shards: dict[str, dict[Key, Desired]] = {}
    for store, shard in desired.items():
        out: dict[Key, Desired] = {}
        for key, want in shard.items():
            if key[0] in NOT_SENT:
                continue
            if key[0] in BY_HAND:
                out[key] = want
                continue
            address = Address(store, *key)
            try:
                attributes = work.attributes(address, want)
            except Impossible as reason:
                work.refuse(address, want, str(reason))
                continue
            out[key] = want._replace(attributes=attributes, whole=want.attributes)
        shards[store] = out
    return Fitted(shards, work.findings(), frozenset(work.withheld))


class _Work(LeftOut):
    """One run."""

    def __init__(self, desired: Shards, sandbox: bool) -> None:
        super().__init__("Amazon", "docs/amazon.md")
        self._desired = desired
        self._sandbox = sandbox
        self._by_type: Mapping[str, Callable[[Address, Desired], Attributes]] = {
            "storefront": self._storefront,
            "location": self._location,
            "listing": self._listing,
        }

    def attributes(self, address: Address, want: Desired) -> Attributes:
        """The attributes to send and compare. Impossible where they would mean something else."""
        said, held = want.attributes, HELD[address.type]
        for name, value in said.items():
            if name not in held and name not in SILENT[address.type] and value is not None:
                self.lose(address.type, name, want)
        made = self._by_type[address.type](address, want)
        return {name: value for name, value in made.items() if name in held}

    def _storefront(self, address: Address, want: Desired) -> Attributes:
        said = want.attributes
        if said.get("platform") != "amazon":
            raise Impossible(
                f"its platform is {said.get('platform')}, and this connection is an Amazon account"
            )
        if not said.get("marketplaceId"):
            raise Impossible("Amazon knows its stores by marketplaceId, and it has none")
        meant = said.get("environment")
        if meant and (meant == "sandbox") != self._sandbox:
            here = "the sandbox" if self._sandbox else "production"
            raise Impossible(f"its environment is {meant}, and this connection leads to {here}")
        return dict(said)

    def _location(self, address: Address, want: Desired) -> Attributes:
        said = dict(want.attributes)
        place = dict(said["address"])
        if len(place["lines"]) > 3:
            raise Impossible("its address has four lines, and Amazon takes three")
        # Amazon wants a state of every address: where a country has none, the town stands for it.
        if not place.get("administrativeArea"):
            place["administrativeArea"] = place.get("locality") or place["countryCode"]
        said["address"] = place
        if said.get("hours"):
            said["hours"] = {
                day: [
                    ["00:00", "23:59"] if span == ["00:00", "24:00"] else _before_midnight(span)
                    for span in spans
                ]
                for day, spans in said["hours"].items()
            }
        if said.get("capabilities"):
            said["capabilities"] = self._capabilities(said["capabilities"], want)
        return {**said, "status": "active"}

    def _capabilities(self, said: Attributes, want: Desired) -> Attributes:
        ship, pickup = dict(said.get("shipFromStore") or {}), dict(said.get("bopis") or {})
        for name in ("cutoff", "carriers"):
            if ship.pop(name, None):
                self.lose("location", f"capabilities.shipFromStore.{name}", want)
        if (said.get("returns") or {}).get("enabled"):
            self.lose("location", "capabilities.returns", want)
        if not pickup.get("curbside"):
            pickup.pop("curbside", None)
        return {"shipFromStore": {"enabled": False, **ship}, "bopis": {"enabled": False, **pickup}}

    def _listing(self, address: Address, want: Desired) -> Attributes:
        said = dict(want.attributes)
        if said["sku"] != address.key:
            said["sku"] = address.key  # Amazon knows the seller's SKU alone
        if "allocation" in said:
            said.pop("allocation")
        if said.get("status") == "inactive":
            return {name: value for name, value in said.items() if name not in PRICES}
        if said.get("status") is None and said.get("price") is not None:
            said["status"] = "active"
        return said


def _before_midnight(span: list[str]) -> list[str]:
    return [span[0], "23:59" if span[1] == "24:00" else span[1]]
