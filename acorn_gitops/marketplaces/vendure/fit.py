"""What of the specs Vendure can hold. Comes in: every wish for one server. Goes out: wishes in the form in
which they are read back, and a finding for all that is left out. Caller: cli, through the adapter, before
anything is compared.

Three answers. What Vendure holds is brought into its form (a class of tax rate becomes a percentage, `de_DE`
becomes `de`). What only describes and cannot be held is left out and told, once for each attribute (ACN-030).
What would mean something else there (a promotion for companies would be for everybody) is refused by name
(ACN-031), and whatever is live there is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Final

from acorn_gitops.marketplaces.left_out import Impossible, LeftOut
from acorn_gitops.marketplaces.protocol import Fitted, Shards
from acorn_gitops.marketplaces.vendure.channels import DEFAULT, language_code, language_tag, slug
from acorn_gitops.marketplaces.vendure.permissions import wished
from acorn_gitops.marketplaces.vendure.tax import rate_form
from acorn_gitops.model.resource import Address, Attributes, Desired
from acorn_gitops.model.territory import rates_at

Key = tuple[str, str]

HELD: Final[dict[str, frozenset[str]]] = {
    "storefront": frozenset(
        {"platform", "currency", "languages", "defaultLanguage", "pricesIncludeTax", "country", "sellerId"}
    ),
    "location": frozenset({"alias"}),
    "tax-class": frozenset({"name"}),
    "tax-rule": frozenset({"supply", "goods", "rate", "enabled"}),
    "role": frozenset({"rules", "foreign"}),
    "grant": frozenset({"role", "subject"}),
    "listing": frozenset({"sku", "title", "status", "price", "taxClass", "fulfillment", "allocation"}),
    "stock": frozenset(),
    "promotion": frozenset(
        {
            *("type", "skus", "start", "end", "discount"),
            *("minimumOrder", "minimumQuantity", "code", "limits", "foreign"),
        }
    ),
}
"""By type, the attributes that are sent and compared."""
SILENT: Final[dict[str, frozenset[str]]] = {
    # What these say has its effect elsewhere: in other attributes, or in acorn itself.
    "storefront": frozenset({"timezone", "environment", "lifecycle"}),
    "location": frozenset({"code", "timezone", "status"}),
    "listing": frozenset({"minPrice", "maxPrice", "mapPrice", "composition"}),
    "role": frozenset({"validFrom", "validUntil"}),
    "tax-rule": frozenset({"liableParty", "treatment", "validFrom", "validTo"}),
    "promotion": frozenset({"audience"}),
}
TAXED: Final = frozenset({"standard", "reduced", "superReduced", "zero"})


class NotNow(Exception):
    """It holds on other days."""


def fitted(desired: Shards, today: str) -> Fitted:
    """Every wish, fitted."""
    work = _Work(desired, today)
    shards: dict[str, dict[Key, Desired]] = {}
    for store, shard in desired.items():
        out: dict[Key, Desired] = {}
        for key, want in shard.items():
            address = Address(store, *key)
            try:
                attributes = work.attributes(address, want.attributes)
            except NotNow:
                continue
            except Impossible as reason:
                work.refuse(address, want, str(reason))
                continue
            if attributes is not None:
                out[key] = want._replace(attributes=attributes, whole=want.attributes)
        shards[store] = out
    work.one_state_for_all()
    work.one_promotion_for_all(shards)
    for address in work.withheld:
        shards[address.store].pop((address.type, address.key), None)
    return Fitted(shards, work.findings(), frozenset(work.withheld))


class _Work(LeftOut):
    """One run: what was left out is gathered, to be told once."""

    def __init__(self, desired: Shards, today: str) -> None:
        super().__init__("Vendure", "docs/vendure.md")
        self.desired = desired
        self.today = today
        self._keys: dict[str, dict[str, list[str]]] = {}
        self._by_type: Mapping[str, Callable[[Address, Attributes], Attributes | None]] = {
            "storefront": self._storefront,
            "tax-rule": self._tax_rule,
            "role": self._role,
            "grant": self._grant,
            "listing": self._listing,
            "stock": self._stock,
            "promotion": self._promotion,
        }

    def attributes(self, address: Address, said: Attributes) -> Attributes | None:
        """The attributes to send and compare. None: the resource has no place there, and that was noted."""
        want = self.desired[address.store][(address.type, address.key)]
        self._want = want
        for name, value in said.items():
            if (
                name not in HELD[address.type]
                and name not in SILENT.get(address.type, ())
                and value is not None
            ):
                self.lost_of(address.type, name)
        change = self._by_type.get(address.type)
        made = dict(said) if change is None else change(address, dict(said))
        return None if made is None else {k: v for k, v in made.items() if k in HELD[address.type]}

    def lost_of(self, type: str, name: str) -> None:
        """Note something of the wish that is looked at, which is left out."""
        self.lose(type, name, self._want)

    # -- by type ---------------------------------------------------------------------------------------------

    def _storefront(self, address: Address, said: Attributes) -> Attributes:
        if said.get("platform") != "vendure":
            raise Impossible(
                f"its platform is {said.get('platform')}, and this connection is a Vendure server"
            )
        if said.get("languages"):
            tags = [language_tag(language_code(tag)) for tag in said["languages"]]
            said["languages"] = sorted(tags)
            if len(tags) > 1:
                said["defaultLanguage"] = tags[0]
        return said

    def _tax_rule(self, address: Address, said: Attributes) -> Attributes:
        if said["validFrom"] > self.today or (said.get("validTo") or "9999") <= self.today:
            raise NotNow
        if said["liableParty"] != "seller" or said["treatment"] not in TAXED:
            raise Impossible(
                f"Vendure only knows rates that the seller owes, not {said['liableParty']}: {said['treatment']}"
            )
        customer = said.get("customer") or {}
        if customer.get("type") == "b2b" or customer.get("vatId") in ("present", "valid"):
            raise Impossible("it is for companies, and Vendure would charge everybody so")
        if said.get("value"):
            raise Impossible(
                "it is for goods of a certain value, and Vendure would charge so whatever the value"
            )
        goods, supply = said.get("goods") or {}, said.get("supply") or {}
        if goods.get("skus") or goods.get("ptc"):
            raise Impossible("it is for single SKUs or product tax codes; Vendure knows tax classes only")
        classes, countries = goods.get("taxClass") or (), supply.get("shipTo") or ()
        if not classes or not countries:
            raise Impossible(
                "Vendure needs to know for which tax classes and which countries (supply.shipTo) it is"
            )
        if bad := [c for c in countries if len(c) != 2 or c == "EU"]:
            raise Impossible(
                f"Vendure's zones are made of countries: write them in place of {', '.join(bad)}"
            )
        if supply.get("territoryExclude"):
            self.lost_of("tax-rule", "supply.territoryExclude")
        if supply.get("shipFrom"):
            self.lost_of("tax-rule", "supply.shipFrom")
        rate = said.get("rate") or {}
        left: list[str] = list(supply.get("shipFrom") or ())
        if (
            rate.get("class")
            and rate.get("of") == "shipFrom"
            and (len(left) != 1 or len(left[0]) != 2 or left[0] == "EU")
        ):
            raise Impossible(
                "its rate is that of the country which goods leave, and that is not one country; write a percentage"
            )
        whose = left[0] if rate.get("of") == "shipFrom" and rate.get("class") else None
        percents = {(c, n): self._percent(whose or c, said) for c in countries for n in classes}
        return {
            "supply": {"shipTo": sorted(countries)},
            "goods": {"taxClass": sorted(classes)},
            "rate": rate_form(percents),
            "enabled": said.get("enabled") is not False,
        }

    def _percent(self, country: str, said: Attributes) -> str:
        rate, taxes = said.get("rate"), said.get("taxes") or ()
        if any(one.get("liableParty") not in (None, "seller") for one in taxes):
            raise Impossible("one of its taxes is not owed by the seller, and Vendure would charge it")
        if taxes:
            return _plain(str(sum(Decimal(one["percent"]) for one in taxes)))
        if rate is None:
            return "0" if said["treatment"] == "zero" else _impossible("it has no rate")
        if rate.get("percent") is not None:
            return _plain(rate["percent"])
        found = rates_at(country, rate["class"], self.today)
        if len(found) != 1:
            raise Impossible(
                f"the table of rates has {len(found) or 'no'} {rate['class']} rate{'s' * (len(found) > 1)} for {country}"
                f" on {self.today}; write a percentage"
            )
        return _plain(found[0])

    def _role(self, address: Address, said: Attributes) -> Attributes | None:
        if not self._is_front(address):
            self.lost_of("role", "(at a stock location)")
            return None
        if any(rule.get("constraints") for rule in said["rules"]):
            raise Impossible(
                "its rights have limits (constraints) that Vendure does not know: it would grant more"
            )
        if (said.get("validFrom") or "") > self.today or (said.get("validUntil") or "9999") <= self.today:
            raise NotNow
        if said.get("validUntil"):
            self.lost_of("role", "validUntil (acorn takes it away at the first apply after it)")
        wish = wished(said["rules"])
        if wish.impossible:
            raise Impossible("; ".join(wish.impossible))
        if wish.ours:
            self.lost_of("role", "the verbs plan, approve, apply and export (they are acorn's own)")
        return {"rules": wish.rules, "foreign": None}

    def _grant(self, address: Address, said: Attributes) -> Attributes | None:
        if not self._is_front(address):
            self.lost_of("grant", "(at a stock location)")
            return None
        if said["subject"]["kind"] != "user":
            raise Impossible(
                f"Vendure has no {said['subject']['kind']}s: name the persons, by e-mail address"
            )
        role = self.desired[address.store].get(("role", said["role"]))
        if role is not None:
            self._want_of(role, Address(address.store, "role", said["role"]))
        return said

    def _want_of(self, want: Desired, address: Address) -> None:
        """A grant goes with its role: not now when that is not now, and withheld when that is refused."""
        kept, self.lost = self.lost, {}
        try:
            self._role(address, dict(want.attributes))
        finally:
            self.lost = kept

    def _listing(self, address: Address, said: Attributes) -> Attributes:
        if said.get("fulfillment") == "afn":
            raise Impossible("Vendure has no fulfilment by the marketplace")
        if said["sku"] != address.key:
            self.lost_of("listing", "sku (where sellerSku is another: Vendure knows that one)")
            said["sku"] = address.key
        if (said.get("composition") or {}).get("type") in ("multipack", "bundle"):
            self.lost_of("listing", "composition")
        if "allocation" in said:
            allocation = said.pop("allocation") or {}
            buffer = allocation.pop("buffer", None) or {} if (allocation := dict(allocation)) else {}
            for name in sorted({*allocation, *(f"buffer.{k}" for k in buffer if k != "units")}):
                self.lost_of("listing", f"allocation.{name}")
            if buffer.get("units") is not None:
                said["allocation"] = {"buffer": {"units": buffer["units"]}}
        return said

    def _stock(self, address: Address, said: Attributes) -> Attributes | None:
        if address.key not in self._variants:
            self.lost_of("stock", "(of what no store lists: Vendure has rows of variants only)")
            return None
        return said

    @cached_property
    def _variants(self) -> frozenset[str]:
        """What any store of this server lists, by SKU and by seller SKU."""
        return frozenset(
            name
            for shard in self.desired.values()
            for (type, key), want in shard.items()
            if type == "listing"
            for name in (key, str(want.attributes["sku"]))
        )

    def _promotion(self, address: Address, said: Attributes) -> Attributes:
        if said.get("audience") not in (None, "all"):
            raise Impossible(f"it is for {said['audience']}, and Vendure would give it to everybody")
        discount, limits = dict(said.get("discount") or {}), dict(said.get("limits") or {})
        for name in ("budget", "quantity"):
            if limits.get(name) is not None:
                raise Impossible(f"it ends when a {name} is spent, and Vendure would go on")
        x = discount.get("buyXGetY")
        if x is not None and str(x.get("discountPercent") or "100") not in ("100", "100.0", "100.00"):
            raise Impossible("what is got is not for nothing, and in Vendure it would be")
        if "salePrice" in discount:
            raise Impossible("Vendure has no sale price for a time: change the listing's price")
        if said["type"] in ("quantityTier", "storeOnly", "primeExclusive"):
            raise Impossible(f"Vendure has nothing like {said['type']}")
        keys = self._listed(address.store)
        named = {key for sku in said["skus"] for key in keys.get(sku, [sku])}
        unnamed = sorted({key for those in keys.values() for key in those} - named)
        if "amount" in discount and said.get("minimumOrder") and unnamed:
            raise Impossible(
                "Vendure takes the amount off the whole order, also of what it does not name"
                f" ({', '.join(unnamed[:3])}): name all goods, or write a percentage"
            )
        if x is not None and said.get("minimumQuantity"):
            raise Impossible("Vendure cannot ask for pieces beside those that are bought and got")
        if "amount" in discount:
            self.lost_of("promotion", "an amount off each item (it is taken off once from an order)")
        kind = "freeShipping"
        if x is not None:
            kind, discount = "buyXGetY", {"buyXGetY": {"buy": x["buy"], "get": x["get"]}}
        elif "percent" in discount:
            kind, discount = "percentOff", {"percent": _plain(discount["percent"])}
        elif "amount" in discount:
            kind = "amountOff"
        if said.get("code") and kind in ("percentOff", "amountOff"):
            kind = "promoCode"
        made = {
            "type": kind,
            "skus": sorted(named),
            "start": said["start"],
            "end": said["end"],
            "discount": discount or None,
            "minimumOrder": said.get("minimumOrder"),
            "minimumQuantity": said.get("minimumQuantity"),
            "code": said.get("code"),
            "limits": limits or None,
        }
        # A type says whether there is a code and a discount: none is a wish, and not silence.
        said_so = {k: v for k, v in made.items() if v is not None or k in ("code", "discount")}
        return {**said_so, "foreign": None}

    # -- helpers ---------------------------------------------------------------------------------------------

    def _is_front(self, address: Address) -> bool:
        return ("storefront", address.store) in self.desired[address.store]

    def _listed(self, store: str) -> dict[str, list[str]]:
        """Seller SKUs of a store by SKU."""
        if store not in self._keys:
            found: dict[str, list[str]] = {}
            for (type_, key), want in self.desired[store].items():
                if type_ == "listing":
                    found.setdefault(want.attributes["sku"], []).append(key)
            self._keys[store] = found
        return self._keys[store]

    def one_state_for_all(self) -> None:
        """A variant is on sale in all channels or in none."""
        states: dict[str, dict[str, list[str]]] = {}
        for store, shard in self.desired.items():
            for (type_, key), want in shard.items():
                if type_ == "listing" and want.attributes.get("status"):
                    states.setdefault(key, {}).setdefault(want.attributes["status"], []).append(store)
        for key, by_state in states.items():
            if len(by_state) > 1:
                for store in by_state["inactive"]:
                    address = Address(store, "listing", key)
                    where = ", ".join(sorted(by_state["active"]))
                    self.refuse(
                        address,
                        self.desired[store][("listing", key)],
                        f"it is inactive here and active in {where}: a variant of Vendure has one state for all channels",
                    )

    def one_promotion_for_all(self, shards: Mapping[str, dict[Key, Desired]]) -> None:
        """What a channel promotes is in the default channel, too. Said there alike it needs no second one;
        said otherwise, each apply would undo the other."""
        central = slug(DEFAULT)
        mine = shards.get(central, {})
        for key, want in [*mine.items()]:
            others = [
                (store, shard[key]) for store, shard in shards.items() if store != central and key in shard
            ]
            if key[0] != "promotion" or not others:
                continue
            store, other = others[0]
            if other.attributes == want.attributes:
                del mine[key]
                continue
            self.refuse(
                Address(central, *key),
                want,
                f"{store} says it otherwise, and a promotion of any channel is in the default channel, too: one thing cannot be both",
            )


def _impossible(why: str) -> str:
    raise Impossible(why)


def _plain(percent: str) -> str:
    """`19.00` as `19`: as it is read back."""
    return format(Decimal(percent).normalize(), "f")
