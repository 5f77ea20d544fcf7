"""Promotions over time. Comes in: a configuration. Goes out: which offers a listing has, when, and how low
its price can fall. Callers: rules, cli `price` and `calendar`.

A calendar is swept by its boundaries: between two neighbouring starts or ends nothing changes, so every
moment of the calendar is looked at, and none is sampled. Only what one store has in common is computed once:
listings with the same promotions share their intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from acorn_gitops.engines.pricing.floors import floor_of, respected
from acorn_gitops.engines.pricing.lowest import EXCLUSIVE, Lowest, State, lowest, lowest_of_kinds, turns
from acorn_gitops.engines.pricing.offer import NotComputable, audience_of, minor, offer_of
from acorn_gitops.engines.pricing.price import Offer, Price
from acorn_gitops.model.money import MoneyError, canonical, quantum
from acorn_gitops.model.price_rule import priced_by_rule
from acorn_gitops.model.reference import minor_units, sale_zone
from acorn_gitops.model.selectors import Grouped, select
from acorn_gitops.model.window import instant
from acorn_gitops.resources.buyers import EVERYBODY, Buyer
from acorn_gitops.specs.configuration import Configuration, Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import (
        BandData,
        BusinessData,
        ListingData,
        PromoData,
        SkuMappingData,
        StoreData,
    )


class Dated(NamedTuple):
    """An offer and when it holds: from `start` until before `end`."""

    offer: Offer
    promo: Spec[PromoData]
    start: datetime
    end: datetime
    audience: str


class Listed(NamedTuple):
    """One listing with a price."""

    sku: Spec[SkuMappingData]
    store: str
    key: str
    currency: str
    price: int
    """Minor units; in a `Low` the least that it may be."""
    buyer: Buyer = EVERYBODY
    """Who is asked this price."""


class Interval(NamedTuple):
    """A time in which nothing changes: what is on offer."""

    start: datetime
    end: datetime
    offers: State


_FLOORS: Final = frozenset({"min", "map"})
JUST_ABOVE: Final = 50
"""Minor units above the lower end of a band: rounding takes at most one for each promotion but the first, and
a price that is fifty higher leaves more than that, unless promotions take nearly everything."""
AROUND: Final = 2
"""Minor units on both sides of a price at which another offer wins: that price is rounded."""
MOST_LOOKS: Final = 16_000_000
"""What is looked at in one sweep over a catalogue, in offers of combinations: half a minute. What comes after
that is judged by a bound that no buyer goes below."""


class Low(NamedTuple):
    """The lowest price that any buyer of a listing can have, when, and through which promotions."""

    listed: Listed
    pays: int
    interval: Interval
    least: Lowest

    @property
    def price(self) -> Price:
        """The price with its trace."""
        return self.least.at(self.listed.price)

    @property
    def offers(self) -> State:
        """What that buyer has."""
        return self.least.state(self.listed.price)


class Cut(NamedTuple):
    """A listing in a time: what is paid for it in place of its price, and its floor. In minor units."""

    sku: str
    currency: str
    listed: int
    pays: int
    floor: int | None


class Span(NamedTuple):
    """A time in one store in which nothing changes: which promotions hold, on how many SKUs, how deep they
    cut, and how many prices would lie below their floor."""

    start: datetime
    end: datetime
    promos: tuple[str, ...]
    skus: int
    stacked: int
    """SKUs on which more than one of them meet."""
    deepest: Decimal
    """Percent off the list price, of the listing that loses most."""
    below: int
    most: Cut
    """The listing that loses most, in percent."""
    worst: Cut | None
    """Of those below their floor, the one that lies furthest below, in percent of it."""


@dataclass
class Calendar:
    """All promotions of a configuration, by store and SKU. Promotions that cannot be understood are left out:
    their own rules say why."""

    configuration: Configuration
    _intervals: dict[tuple[Hashable, ...], list[Interval]] = field(default_factory=dict)
    _asleep: set[tuple[str, str]] = field(default_factory=set)
    """Store and key of listings that are not for sale."""
    _prices: dict[int, list[tuple[str, str, str, int]]] = field(default_factory=dict)
    _least: dict[State, Lowest] = field(default_factory=dict)
    _to_businesses: dict[int, list[Dated]] = field(default_factory=dict)

    @cached_property
    def _currencies(self) -> dict[str, str]:
        stores = self.configuration.stores.values()
        return {s.name: front["currency"] for s in stores if (front := s.spec.get("storefront"))}

    @property
    def offers(self) -> dict[tuple[str, str], list[Dated]]:
        """What is on offer, by store and SKU."""
        return self._offers[0]

    @property
    def promotions(self) -> list[tuple[str, Dated]]:
        """(store, promotion in it) of every promotion that lowers something there."""
        return self._offers[1]

    @cached_property
    def _offers(self) -> tuple[dict[tuple[str, str], list[Dated]], list[tuple[str, Dated]]]:
        promotions: list[tuple[str, Dated]] = []
        found: dict[tuple[str, str], list[Dated]] = {}
        config = self.configuration
        fronts = [(s.name, s.labels) for s in config.stores.values() if s.spec.get("storefront")]
        skus = Grouped((s.spec["sku"], s.labels) for s in config.skus if config.promos)
        stores_of = (
            {s.spec["sku"]: {entry["store"] for entry in s.spec.get("listings") or ()} for s in config.skus}
            if config.promos
            else {}
        )
        for promo in config.promos.values():
            chosen = skus.select(promo.spec["skus"])
            for name in select(promo.spec["stores"], fronts):
                dated = _dated(promo, config.stores[name])
                if dated is not None:
                    here = [sku for sku in chosen if name in stores_of[sku]]
                    for sku in here:
                        found.setdefault((name, sku), []).append(dated)
                    if here:
                        promotions.append((name, dated))
        return found, promotions

    def listings(self, store: str | None = None, sku: str | None = None) -> Iterator[Listed]:
        """Every listing with a usable price."""
        for spec in self.configuration.skus:
            if sku is None or spec.spec["sku"] == sku:
                yield from self.listings_of(spec, store)

    def listings_of(self, spec: Spec[SkuMappingData], store: str | None = None) -> Iterator[Listed]:
        """The listings of one SKU that have a usable price."""
        for name, key, currency, amount in self.prices_of(spec):
            if store is None or name == store:
                yield Listed(spec, name, key, currency=currency, price=amount)

    def prices_of(self, spec: Spec[SkuMappingData]) -> list[tuple[str, str, str, int]]:
        """As `listings_of`, as plain (store, key, currency, price in minor units): for sweeps over a
        catalogue. Kept, as several sweeps ask for the same."""
        known = self._prices.get(id(spec))
        if known is not None:
            return known
        body, currencies, places = spec.spec, self._currencies, minor_units()
        found = self._prices[id(spec)] = []
        for entry in body.get("listings") or ():
            price = entry.get("price")
            if not price:
                continue
            name = entry["store"]
            if entry.get("status") == "inactive":
                self._asleep.add((name, entry.get("sellerSku") or body["sku"]))
            currency, amount = currencies.get(name), None
            value = price.get("value")
            if value is not None and price.get("currency") == currency and "rule" not in price:
                # The usual spelling, with all of the currency's decimals, needs no arithmetic.
                point = value.find(".")
                if point > 0 and len(value) - point - 1 == places.get(currency or ""):
                    amount = int(value[:point] + value[point + 1 :])
            if amount is None:
                money = listed_price(self.configuration, spec, entry)
                if money is None:
                    continue
                currency, amount = money[0], minor(money[1], money[0])
            found.append((name, entry.get("sellerSku") or body["sku"], currency or "", amount))
        return found

    def least_of(self, spec: Spec[SkuMappingData]) -> list[tuple[str, str, str, int]]:
        """As `prices_of`, each price at the least that it may have: one that is ceded to somebody else (a
        repricer) at the lower end of its band, which never lies below its floors."""
        band = ((spec.lifecycle or {}).get("ceded") or {}).get("price")
        return self.prices_of(spec) if band is None else [*self._ceded(spec, band)]

    def _ceded(self, spec: Spec[SkuMappingData], band: BandData) -> Iterator[tuple[str, str, str, int]]:
        for store, key, currency, price in self.prices_of(spec):
            floor = floor_of(spec, store, currency, respect=_FLOORS)
            unit = quantum(currency)
            low = int((Decimal(band["min"]) / unit).to_integral_value(ROUND_CEILING))
            yield store, key, currency, min(price, max(low, floor[0] if floor is not None else 0))

    def of_businesses(self, spec: Spec[SkuMappingData]) -> Iterator[Listed]:
        """What businesses are asked where that is less than everybody is: for one piece, and by how many they
        buy."""
        for entry in spec.spec.get("listings") or ():
            if said := entry.get("business"):
                yield from self._asked_of_businesses(spec, entry, said)

    def _asked_of_businesses(
        self, spec: Spec[SkuMappingData], entry: ListingData, said: BusinessData
    ) -> Iterator[Listed]:
        store, currency = entry["store"], self._currencies.get(entry["store"])
        if currency is None:
            return
        key = entry.get("sellerSku") or spec.spec["sku"]
        asked = [(1, said["price"])] if said.get("price") else []
        asked += [(tier["minimumQuantity"], tier["price"]) for tier in said.get("tiers") or ()]
        for pieces, amount in asked:
            try:
                price = minor(canonical(amount, currency), currency)
            except (MoneyError, KeyError):
                continue  # SKU-014 tells
            yield Listed(spec, store, key, currency=currency, price=price, buyer=Buyer("b2b", pieces))

    def beside(self, listed: Listed) -> Iterator[Listed]:
        """What businesses are asked for the same listing."""
        for one in self.of_businesses(listed.sku):
            if (one.store, one.key) == (listed.store, listed.key):
                yield one

    def dated_for(self, dated: list[Dated], buyer: Buyer) -> list[Dated]:
        """Of the promotions of a listing, those that a buyer can have."""
        if buyer == EVERYBODY:
            return dated
        found = self._to_businesses.get(id(dated))
        if found is None:
            kept = [one for one in dated if one.audience not in EXCLUSIVE - {"b2b"}]
            found = [one._replace(offer=one.offer._replace(audience="all")) for one in kept]
            self._to_businesses[id(dated)] = found
        return found

    def band(self, listed: Listed, offers: Iterable[Offer]) -> Sequence[int]:
        """The list prices of a listing at which the least may be paid under these offers (`may_be`)."""
        spec = listed.sku
        lower = {(store, key): price for store, key, _, price in self.least_of(spec)}
        price = lower.get((listed.store, listed.key), listed.price)
        return may_be(spec, price, listed.currency, offers)

    def active(self, listed: Listed, at: datetime, audience: str = "all") -> list[Offer]:
        """Offers on a listing at an instant, for an audience."""
        return [
            d.offer
            for d in self.offers.get((listed.store, listed.sku.spec["sku"]), ())
            if d.start <= at < d.end and d.audience in ("all", audience)
        ]

    def timeline(self, store: str) -> Iterator[Span]:
        """One store's calendar from boundary to boundary; times without a promotion are left out."""
        here = {sku: dated for (name, sku), dated in self.offers.items() if name == store}
        listings = [
            one
            for listed in self.listings(store)
            if listed.sku.spec["sku"] in here
            for one in (listed, *self.beside(listed))
        ]
        edges = sorted({edge for dated in here.values() for d in dated for edge in (d.start, d.end)})
        sorts: dict[State, Mapping[Hashable, Lowest]] = {}
        for start, end in pairwise(edges):
            names: set[str] = set()
            skus = stacked = 0
            cuts: list[Cut] = []
            low: dict[str, Cut] = {}
            for listed in listings:
                dated = self.dated_for(here[listed.sku.spec["sku"]], listed.buyer)
                offers = tuple(d.offer for d in dated if d.start <= start < d.end)
                if not offers:
                    continue
                names.update(offer.name for offer in offers)
                skus += listed.buyer == EVERYBODY
                stacked += len(offers) > 1 and listed.buyer == EVERYBODY
                here_low = [*self._cuts(listed, offers, sorts)]
                cuts.append(min(here_low, key=lambda c: c.pays))
                below = [c for c in here_low if c.floor is not None and c.pays < c.floor]
                for cut in below[:1]:
                    lowest_yet = low.setdefault(listed.key, cut)
                    low[listed.key] = min(cut, lowest_yet, key=lambda c: Fraction(c.pays, c.floor or 1))
            if cuts:
                most = max(cuts, key=lambda c: (Fraction(c.listed - c.pays, c.listed or 1), -c.pays))
                deepest = Decimal(most.listed - most.pays) * 100 / (most.listed or 1)
                worst = min(low.values(), key=lambda c: Fraction(c.pays, c.floor or 1), default=None)
                yield Span(
                    start,
                    end,
                    tuple(sorted(names)),
                    skus=skus,
                    stacked=stacked,
                    deepest=round(deepest, 1),
                    below=len(low),
                    most=most,
                    worst=worst,
                )

    def _cuts(
        self, listed: Listed, offers: State, sorts: dict[State, Mapping[Hashable, Lowest]]
    ) -> Iterator[Cut]:
        """What is paid for a listing at least, once for each set of floors that buyers can meet."""
        if offers not in sorts:
            promos = self.configuration.promos
            sorts[offers] = lowest_of_kinds(
                offers, lambda state: respected(promos[offer.name] for offer in state)
            )
        for respect, least in sorts[offers].items():
            bound = floor_of(
                listed.sku, listed.store, listed.currency, respect=cast("frozenset[str]", respect)
            )
            floor = bound[0] if bound is not None else None
            yield Cut(
                listed.sku.spec["sku"],
                listed.currency,
                listed.price,
                pays=least.pays(listed.price),
                floor=floor,
            )

    def least(self, offers: State) -> Lowest:
        """The least that any buyer pays while these offers hold."""
        found = self._least.get(offers)
        if found is None:
            found = self._least[offers] = lowest(offers)
        return found

    def lows(
        self,
        kind: Callable[[State], Hashable] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Low]:
        """For every listing with promotions that is for sale, the lowest price of any buyer over the whole
        calendar, or over what of it is to come `since` an instant and `until` another. `kind` sorts what a
        buyer can have at once; of each kind the lowest is told."""
        offers = self.offers
        kinds: dict[int, list[list[tuple[Interval, Lowest]]]] = {}
        memo: dict[State, Mapping[Hashable, Lowest]] = {}
        bounds: dict[int, Lowest] = {}
        left = MOST_LOOKS
        promoted = {sku for _, sku in offers}
        for spec in self.configuration.skus if promoted else ():
            sku = spec.spec["sku"]
            for listed in self._asked(spec) if sku in promoted else ():
                store, key, currency, price = listed.store, listed.key, listed.currency, listed.price
                dated = offers.get((store, sku))
                if dated is None or (store, key) in self._asleep:
                    continue
                every = self.intervals(self.dated_for(dated, listed.buyer), since, until)
                if not every:
                    continue
                sorts = kinds.get(id(every))
                if sorts is None:
                    sorts = kinds[id(every)] = self._sorts(every, kind, memo)
                free = listed.buyer == EVERYBODY  # what is ceded is the price for everybody
                prices = (
                    may_be(spec, price, currency, (o for i in every for o in i.offers)) if free else (price,)
                )
                for alike in sorts:
                    found, least = alike[0]
                    pays, of = price + 1, price
                    for interval, other in alike:
                        if left <= 0 and len(other.states) > 1:
                            other = bounds.get(id(other)) or bounds.setdefault(id(other), other.bounded())
                        for asked in prices:
                            less, looks = other.looked(asked)
                            left -= looks
                            if less < pays:
                                pays, found, least, of = less, interval, other, asked
                    yield Low(listed._replace(price=of), pays, found, least=least)

    def _asked(self, spec: Spec[SkuMappingData]) -> Iterator[Listed]:
        """Every price of a SKU at the least that it may have, whoever is asked it."""
        for store, key, currency, price in self.least_of(spec):
            yield Listed(spec, store, key, currency=currency, price=price)
        yield from self.of_businesses(spec)

    def _sorts(
        self,
        every: Sequence[Interval],
        kind: Callable[[State], Hashable] | None,
        memo: dict[State, Mapping[Hashable, Lowest]],
    ) -> list[list[tuple[Interval, Lowest]]]:
        if kind is None:
            return [[(interval, self.least(interval.offers)) for interval in every]]
        by_kind: dict[Hashable, list[tuple[Interval, Lowest]]] = {}
        for interval in every:
            if interval.offers not in memo:
                memo[interval.offers] = lowest_of_kinds(interval.offers, kind)
            for which, least in memo[interval.offers].items():
                by_kind.setdefault(which, []).append((interval, least))
        return list(by_kind.values())

    def intervals(
        self, dated: Sequence[Dated], since: datetime | None = None, until: datetime | None = None
    ) -> list[Interval]:
        """From boundary to boundary, what is on offer there; empty intervals are left out, and so are later
        ones with the same offers, those that were over by `since`, and those that begin from `until` on."""
        memo = (since, until, *map(id, dated))
        found = self._intervals.get(memo)
        if found is None:
            edges = sorted({d.start for d in dated} | {d.end for d in dated})
            by_offers: dict[tuple[Offer, ...], Interval] = {}
            for start, end in pairwise(edges):
                offers = tuple(d.offer for d in dated if d.start <= start < d.end)
                if (since is not None and end <= since) or (until is not None and start >= until):
                    continue
                if offers and offers not in by_offers:
                    by_offers[offers] = Interval(start, end, offers)
            found = self._intervals[memo] = list(by_offers.values())
        return found


def may_be(spec: Spec[SkuMappingData], price: int, currency: str, offers: Iterable[Offer]) -> Sequence[int]:
    """The prices at which the least may be paid: the listed one; of a ceded one, whose lower end `price`
    is, those just above that, as a higher price can leave less where several percentages are rounded one
    by one; and those around which another of these offers becomes the best one of its group."""
    band = ((spec.lifecycle or {}).get("ceded") or {}).get("price")
    if band is None:
        return (price,)
    most = max(int(Decimal(band["max"]) / quantum(currency)), price)
    found = {*range(price, min(price + JUST_ABOVE, most) + 1)}
    for turn in turns(tuple(dict.fromkeys(offers))):
        found.update(one for one in range(turn - AROUND, turn + AROUND + 1) if price < one <= most)
    return sorted(found)


def calendar_of(configuration: Configuration) -> Calendar:
    """The one calendar of a configuration: it is swept by many."""
    made: Calendar = configuration.__dict__.setdefault("_calendar", Calendar(configuration))
    return made


def listed_price(
    config: Configuration, spec: Spec[SkuMappingData], entry: ListingData
) -> tuple[str, str] | None:
    """(currency, value) of a listing: as declared, or by its price rule; None where there is none, or a rule
    of its own speaks of it first."""
    price = entry.get("price") or {}
    store = config.stores.get(entry["store"])
    front = store.spec.get("storefront") if store is not None else None
    if front is None:
        return None
    currency = front["currency"]
    try:
        if price.get("value") is not None:
            if price.get("currency") != currency:
                return None
            canonical(price["value"], currency)  # MoneyError when it has more decimals than the currency
            return currency, price["value"]
        rule = config.price_rules.get(price.get("rule") or "")
        if rule is None:
            return None
        for other in spec.spec.get("listings") or ():
            base = (other.get("price") or {}).get("value")
            if other["store"] == rule["fromStore"] and base is not None:
                return currency, priced_by_rule(base, rule, currency)
    except (MoneyError, KeyError):
        return None
    return None


def _dated(promo: Spec[PromoData], store: Spec[StoreData]) -> Dated | None:
    body = promo.spec
    front = store.spec["storefront"]
    edges = []
    for edge in ("start", "end"):
        moment = body["window"][edge]
        tz = sale_zone(front) if moment["tz"] == "store" else moment["tz"]
        try:
            edges.append(instant(moment["local"], tz, moment.get("fold")))
        except (ValueError, KeyError):
            return None
    if edges[0] >= edges[1]:
        return None
    try:
        offer = offer_of(
            promo.name, _in_store(body, store.name), front["currency"], platform=front.get("platform") or ""
        )
    except NotComputable:
        return None
    return (
        Dated(offer, promo, edges[0], end=edges[1], audience=audience_of(body)) if offer is not None else None
    )


def _in_store(body: PromoData, store: str) -> dict[str, object]:
    """A promotion's content as it is in one store: amounts are said by store."""
    discount: dict[str, Any] = {k: v for k, v in (body.get("discount") or {}).items() if v is not None}
    for name in ("amount", "salePrice"):
        if name in discount:
            discount[name] = (discount[name] or {}).get(store) or {}
    return {**body, "discount": discount, "minimumOrder": (body.get("minimumOrder") or {}).get(store)}
