"""What of the specs Amazon can hold. Comes in: every wish for one account. Goes out: wishes in the form in
which they are read back, and a finding for all that is left out. Caller: cli, through the adapter, before
anything is compared.

A location gets a status (on), and an address in Amazon's parts. A listing that is off sale has no offer,
and so no prices. A promotion that lowers prices for everybody becomes a sale price of each SKU, by whole
days of the marketplace; others (coupons, deals, codes) people make in Seller Central, as they do rights of
users and settings of taxes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from acorn_gitops.engines.pricing.offer import major, minor, offer_of
from acorn_gitops.engines.pricing.price import effective
from acorn_gitops.marketplaces.amazon.days import instants, whole_days
from acorn_gitops.marketplaces.amazon.offers import PRICES
from acorn_gitops.marketplaces.amazon.sales import key_of
from acorn_gitops.marketplaces.amazon.supply_sources import address_sent
from acorn_gitops.marketplaces.left_out import Impossible, LeftOut
from acorn_gitops.marketplaces.protocol import Fitted, Shards
from acorn_gitops.model.money import canonical
from acorn_gitops.model.reference import amazon_marketplaces
from acorn_gitops.model.resource import Address, Attributes, Desired
from acorn_gitops.resources.buyers import BUSINESS_PRICE, BUSINESS_TIERS

Key = tuple[str, str]

MOST_TIERS: Final = 5
"""Levels of a quantity discount plan; the definitions of product types say so."""
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
            BUSINESS_PRICE,
            BUSINESS_TIERS,
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
BY_HAND: Final = frozenset({"role", "grant", "tax-rule"})
"""Types for which Amazon has no interface that writes."""
SALES: Final = frozenset({"salePrice", "percentOff", "amountOff"})
"""Types of promotions that a sale price can be."""
_ALONE: Final = ("minimumOrder", "minimumQuantity", "code", "limits", "stacking")
"""What a sale price cannot say."""


def fitted(desired: Shards, today: str, *, sandbox: bool) -> Fitted:
    """Every wish, fitted. `today`: an ISO date; `sandbox`: the connection leads to Amazon's sandbox."""
    work = _Work(desired, sandbox)
    shards: dict[str, dict[Key, Desired]] = {}
    by_hand: set[Address] = set()
    for store, shard in desired.items():
        out: dict[Key, Desired] = {}
        promotions: list[tuple[str, Desired]] = []
        for key, want in shard.items():
            if key[0] in NOT_SENT:
                continue
            if key[0] == "promotion":
                if _is_a_sale(want.attributes):
                    promotions.append((key[1], want))
                else:
                    by_hand.add(Address(store, *key))
                    out[key] = want
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
        for sku, sale in work.sales(store, out, promotions, today=today):
            out["promotion", key_of(sku)] = sale
        shards[store] = out
    return Fitted(shards, work.findings(), frozenset(work.withheld), by_hand=frozenset(by_hand))


def _is_a_sale(said: Attributes) -> bool:
    """Whether a promotion lowers a price for everybody, and asks for nothing."""
    asks = any(said.get(name) is not None for name in _ALONE)
    return said.get("type") in SALES and said.get("audience") in (None, "all") and not asks


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

    def sales(
        self,
        store: str,
        shard: Mapping[Key, Desired],
        promotions: Sequence[tuple[str, Desired]],
        *,
        today: str,
    ) -> Iterator[tuple[str, Desired]]:
        """By seller SKU, the sale price that Amazon is to hold now: it holds one, so that the first that is
        not over is sent, and the next when that is."""
        keys: dict[str, list[str]] = {}
        for type, key in shard:
            whole = shard[type, key].whole
            if type == "listing" and whole is not None:
                keys.setdefault(str(whole["sku"]), []).append(key)
        found: dict[str, list[tuple[str, str, Desired]]] = {}
        zone = self._zone(shard, store)
        for name, want in promotions:
            for sku in want.attributes["skus"]:
                for key in keys.get(sku, ()):
                    try:
                        sale = self._sale(key, shard["listing", key], want, zone)
                    except Impossible as reason:
                        self.refuse(Address(store, "promotion", key_of(key)), want, f"{name}: {reason}")
                        continue
                    if sale.attributes["end"][:10] >= today:
                        found.setdefault(key, []).append((str(sale.attributes["start"]), name, sale))
        for key, sales in found.items():
            first, *later = sorted(sales, key=lambda one: one[:2])
            met = next((one for one in later if one[0] < str(first[2].attributes["end"])), None)
            if met is not None:
                words = f"{first[1]} and {met[1]} are at one time, and Amazon holds one sale price"
                self.refuse(Address(store, "promotion", key_of(key)), met[2], words)
                continue
            yield key, first[2]

    def _zone(self, shard: Mapping[Key, Desired], store: str) -> str:
        front = shard.get(("storefront", store))
        id = str(front.attributes.get("marketplaceId")) if front is not None else ""
        row = amazon_marketplaces().get(id)
        return row.timezone if row is not None else "UTC"

    def _sale(self, key: str, listing: Desired, want: Desired, tz: str) -> Desired:
        """One SKU's part of a promotion, as Amazon holds it: an amount, by whole days."""
        said, price = want.attributes, listing.attributes.get("price")
        lifecycle = listing.lifecycle or {}
        others = "price" in (lifecycle.get("ignoreFields") or ()) or "price" in (lifecycle.get("ceded") or {})
        if price is None or others:
            raise Impossible(
                f"the price of {key} is not said here, so that nobody knows what a sale would make of it"
            )
        days = whole_days(said["start"], said["end"], tz)
        if days is None:
            raise Impossible(f"it holds for no whole day in {tz}, and Amazon sells by days")
        start, end = instants(days, tz)
        if (start, end) != (said["start"], said["end"]):
            self.lose("promotion", f"hours (by whole days in {tz}: {days.first} to {days.last})", want)
        currency = price["currency"]
        offer = offer_of(key, said, currency, "amazon")
        if offer is None:
            raise Impossible("it takes nothing off a price")
        listed = minor(price["value"], currency)
        pays = effective(listed, [offer]).pays
        if not 0 < pays < listed:
            raise Impossible(f"{key} would cost {major(pays, currency)} in place of {price['value']}")
        amount = {"currency": currency, "value": canonical(major(pays, currency), currency)}
        made = {
            "type": "salePrice",
            "skus": [key],
            "start": start,
            "end": end,
            "discount": {"salePrice": amount},
        }
        return want._replace(attributes=made, moved_from=None)

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
        said["address"] = address_sent(place)
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
            gone = {*PRICES, BUSINESS_PRICE, BUSINESS_TIERS}
            return {name: value for name, value in said.items() if name not in gone}
        if said.get(BUSINESS_TIERS) and said.get(BUSINESS_PRICE) is None:
            raise Impossible(
                "it has tiers for businesses, and Amazon knows them only beside a business price"
            )
        if len(said.get(BUSINESS_TIERS) or ()) > MOST_TIERS:
            raise Impossible(f"it has more than {MOST_TIERS} tiers for businesses, and Amazon takes no more")
        if said.get("status") is None and said.get("price") is not None:
            said["status"] = "active"
        return said


def _before_midnight(span: list[str]) -> list[str]:
    return [span[0], "23:59" if span[1] == "24:00" else span[1]]
