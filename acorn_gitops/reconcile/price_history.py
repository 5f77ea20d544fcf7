"""Which prices were in force. Comes in: the ledger, recorded prices, the calendar. Goes out: for a listing,
its prices over time with the promotions that lowered them. Caller: planning, for rules about prior prices.

The ledger's audit trail is the history: append-only, and a changed row breaks its chain. What was in force
before acorn, or beside it, is recorded in facts/prices.csv; a price that a hand set is known when acorn meets
it, and one that was taken into the specs from when it was. Of a price that is left to others only the
recorded facts are known. While a listing is inactive nobody pays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final, NamedTuple

from acorn_gitops.engines.pricing.calendar import Dated, Listed, calendar_of
from acorn_gitops.engines.pricing.offer import NotComputable, audience_of, minor, offer_of
from acorn_gitops.engines.pricing.price import Offer, effective
from acorn_gitops.engines.pricing.prior_price import DAYS, Span, spans_of
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.model.money import MoneyError
from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.specs.configuration import Configuration
from acorn_gitops.specs.facts import at

_NONSENSE: Final = (ArithmeticError, AttributeError, KeyError, TypeError, ValueError)
"""What reading a promotion ends in that somebody else's hand, or a broken marketplace, has made."""
_BASKETS: Final = frozenset({"promoCode", "buyXGetY", "quantityTier", "freeShipping"})
"""Not coupons: whoever sees one may clip it."""

KEPT: Final = 64
"""So many listings' prices are kept: promotions ask listing by listing."""


class _Past(NamedTuple):
    """A promotion that held. `instead`: it took the place of what the ledger says of `key` in that time."""

    start: datetime
    end: datetime
    skus: frozenset[str]
    offer: Offer
    key: str = ""
    instead: bool = False


class PriceHistory:
    """Read when the first rule asks."""

    def __init__(
        self,
        config: Configuration,
        ledger: Ledger,
        now: datetime,
        seen: Mapping[tuple[str, str], Mapping[str, str]] | None = None,
        standing: Mapping[str, Mapping[str, Attributes]] | None = None,
    ) -> None:
        """`seen`: prices by store and listing that stores hold at this moment and nobody applied; `standing`:
        likewise promotions, by store and key."""
        self._config, self._ledger, self._now, self._seen = config, ledger, now, seen or {}
        self._standing = standing or {}
        self._lists: dict[str, dict[str, list[tuple[datetime, str, str]]]] = {}
        self._former: dict[str, dict[str, set[str]]] = {}
        """By store and SKU, under which keys it was listed and is no longer."""
        self._renamed: dict[str, dict[str, list[tuple[datetime, str]]]] = {}
        """By store and key, which key it had before, until when."""
        self._skus: dict[str, dict[str, set[str]]] = {}
        """By store and key, what was sold under it."""
        self._promos: dict[str, list[_Past]] = {}
        self._times: dict[str, dict[str, list[_Past]]] = {}
        """By store and key, when promotions really held, for whom, for what, and how deep."""
        self._recorded: dict[tuple[str, str], list[tuple[datetime, str, str]]] | None = None
        self._calendar = calendar_of(config)
        self._paid: dict[tuple[str, str, bool, bool], list[Span]] = {}
        """By store and listing, whether all is still to come, and whether the wished price counts: computed
        once, as every promotion of a listing asks for it."""

    def prices(self, listed: Listed, start: datetime) -> Sequence[Span]:
        """What a buyer paid for a listing, and will until `start`; each price from when on, and until
        when."""
        ahead = start - timedelta(days=DAYS) >= self._now
        sort = (listed.store, listed.key, ahead, start > self._now)
        if sort not in self._paid:
            if len(self._paid) > KEPT:
                self._paid.clear()
            self._paid[sort] = self._prices(listed, ahead=ahead, coming=start > self._now)
        spans = self._paid[sort]
        first = start - timedelta(days=DAYS + 2)
        return [span for span in spans if span.start < start and (span.end is None or span.end > first)]

    def begins(self, dated: Dated, listed: Listed) -> datetime:
        """When a promotion begins, or really began without a break, to lower what a listing costs. Its window
        says only when it may: what was not applied before begins now."""
        if dated.start >= self._now:
            return dated.start
        store, sku = listed.store, listed.sku.spec["sku"]
        if store not in self._lists:
            self._load(store)
        promo, times = dated.promo, self._times.get(store, {})
        names = {promo.spec.get("key") or promo.name, promo.name, f"sale:{listed.key}"}
        if promo.moved_from and promo.moved_from not in self._config.promos:
            names.add(promo.moved_from)
        held = [one for name in names for one in times.get(name, ()) if {sku, listed.key} & one.skus]
        began = self._now
        for one in sorted(held, key=lambda one: one.end, reverse=True):
            gap = one.end < began - timedelta(seconds=1)
            if gap or not _goes_on(one.offer, dated.offer, listed.price):
                break
            began = min(began, one.start)
        return began

    def _prices(self, listed: Listed, *, ahead: bool, coming: bool) -> list[Span]:
        sku = listed.sku.spec["sku"]
        if ahead:
            # All of these days are still to come: the price is the one that is wished for.
            return self._lowered([Span(self._now, None, listed.price)], listed.store, {sku})
        if listed.store not in self._lists:
            self._load(listed.store)
        points = [*(self._recorded or {}).get((listed.store, sku), ())]
        if not _left_to_others(listed):
            points += self._of_listing(listed.store, listed.key, sku)
        here = self._seen.get((listed.store, listed.key))
        if here is not None:
            points.append((self._now, here["value"], here["currency"]))
        if {currency for _, _, currency in points if currency} != {listed.currency}:
            return []  # nothing, or another currency, which nobody can compare
        try:
            known = [
                (since, minor(amount, listed.currency) if amount else None) for since, amount, _ in points
            ]
        except (MoneyError, KeyError):
            return []
        if coming:
            # From now on it is the one that is wished for; what was applied in this very second was in force.
            known.append((self._now + timedelta(seconds=1), listed.price))
        return self._lowered(spans_of(known), listed.store, {sku, *self._called(listed.store, listed.key)})

    def _of_listing(self, store: str, key: str, sku: str) -> list[tuple[datetime, str, str]]:
        """What was applied to a listing, also under the keys that it had before: a buyer sees no key. Under
        another key it did not end, where it goes on under this one."""
        lists = self._lists[store]
        own = lists.get(key, [])
        before = [point for old in self._former[store].get(sku, ()) for point in lists.get(old, ())]
        before += self._renamed_from(store, key)
        return [*(point for point in before if point[1] or not own), *own]

    def _renamed_from(self, store: str, key: str) -> list[tuple[datetime, str, str]]:
        """What was applied to a listing under the keys that it had before, until it was given another: the
        goods are the same."""
        return [
            point
            for until, old in self._earlier_keys(store, key)
            for point in self._lists[store].get(old, ())
            if point[0] < until and point[1]
        ]

    def _called(self, store: str, key: str) -> Set[str]:
        """The SKUs that a listing had under the keys that it had before."""
        return {sku for _, old in self._earlier_keys(store, key) for sku in self._skus[store].get(old, ())}

    def _earlier_keys(self, store: str, key: str) -> list[tuple[datetime, str]]:
        """The keys that a listing had before, each with the moment at which it got another."""
        found: list[tuple[datetime, str]] = []
        at, until, seen = key, datetime.max.replace(tzinfo=UTC), {key}
        while earlier := [one for one in self._renamed[store].get(at, ()) if one[0] <= until]:
            until, at = max(earlier)
            if at in seen:
                break
            seen.add(at)
            found.append((until, at))
        return found

    def _lowered(self, spans: Sequence[Span], store: str, skus: Set[str]) -> list[Span]:
        """The spans, cut where promotions began and ended, at what was then paid. `skus`: what it is and was
        called."""
        dated = [one for sku in skus for one in self._calendar.offers.get((store, sku), ())]
        planned = [d for d in dated if d.end > self._now and not _shown_to_few(d.promo.spec)]
        past = [p for p in self._promos.get(store, ()) if not p.skus.isdisjoint(skus)]
        if not planned and not past:
            return list(spans)
        holding = past + [
            _Past(max(d.start, self._now), d.end, frozenset(), offer=d.offer, key=d.promo.name)
            for d in planned
        ]
        edges = sorted({edge for one in holding for edge in (one.start, one.end)})
        out: list[Span] = []
        for span in spans:
            cuts = [span.start, *(e for e in edges if e > span.start and (span.end is None or e < span.end))]
            for index, begin in enumerate(cuts):
                end = cuts[index + 1] if index + 1 < len(cuts) else span.end
                at_once = [one for one in holding if one.start <= begin < one.end]
                taken = {one.key for one in at_once if one.instead}
                offers = [one.offer for one in at_once if one.instead or one.key not in taken]
                out.append(Span(begin, end, effective(span.amount, offers).pays))
        return out

    @cached_property
    def _keys(self) -> Mapping[str, Set[str]]:
        """By store, under which keys something is listed now."""
        found: dict[str, set[str]] = {}
        for spec in self._config.skus:
            for store, key, _, _ in self._calendar.prices_of(spec):
                found.setdefault(store, set()).add(key)
        return found

    def _load(self, store: str) -> None:
        """Of one store, everything that is or was on offer."""
        lists = self._lists[store] = {}
        if self._recorded is None:
            self._recorded = {}
            for row in self._config.facts.rows("prices"):
                self._recorded.setdefault((row["store"], row["sku"]), []).append(
                    (at(row["from"]), row["price"], row["currency"])
                )
        promoted = {sku for name, sku in self._calendar.offers if name == store}
        wanted = {
            Address(store, "listing", key)
            for spec in self._config.skus
            if spec.spec["sku"] in promoted
            for name, key, _, _ in self._calendar.prices_of(spec)
            if name == store
        }
        renamed = self._renamed[store] = self._renames(store)
        wanted |= {Address(store, "listing", old) for olds in renamed.values() for _, old in olds}
        kept = self._keys.get(store, frozenset())
        wanted |= {one for one in self._ledger.ever(store, "listing") if one.key not in kept}
        wanted |= self._ledger.ever(store, "promotion")
        former = self._former[store] = {}
        skus = self._skus[store] = {}
        open_promos: dict[str, tuple[datetime, dict[str, object]]] = {}
        instants: dict[str, datetime] = {}
        for stamp, address, attributes in self._ledger.states(wanted):
            when = instants.get(stamp)
            if when is None:
                when = instants[stamp] = datetime.fromisoformat(stamp).astimezone(UTC)
            key = address.key
            if address.type == "listing":
                if attributes is not None and key not in kept:
                    former.setdefault(str(attributes.get("sku") or key), set()).add(key)
                if attributes is not None:
                    skus.setdefault(key, set()).add(str(attributes.get("sku") or key))
                price = (attributes or {}).get("price")
                if price is not None and (attributes or {}).get("status") != "inactive":
                    lists.setdefault(key, []).append((when, price["value"], price["currency"]))
                elif attributes is None or price is not None:
                    lists.setdefault(key, []).append((when, "", ""))
                continue
            if key in open_promos:
                self._close(store, key, *open_promos.pop(key), when)
            if attributes is not None:
                open_promos[key] = (when, attributes)
        for key, (since, attributes) in open_promos.items():
            self._close(store, key, since, attributes, self._now)
        applied = self._ledger.applied(store) if self._standing.get(store) else {}
        for key, attributes in self._standing.get(store, {}).items():
            self._stands(store, key, attributes, known=("promotion", key) in applied)

    def _renames(self, store: str) -> dict[str, list[tuple[datetime, str]]]:
        """Which keys listings had before: as the ledger knows, and as the specs are about to say."""
        found: dict[str, list[tuple[datetime, str]]] = {}
        for when, key, old in self._ledger.renames(store, "listing"):
            found.setdefault(key, []).append((datetime.fromisoformat(when).astimezone(UTC), old))
        wished = self._wished.get(store, ())
        applied = self._ledger.applied(store) if wished else {}
        for key, former in wished:
            if ("listing", key) not in applied:  # it is about to be renamed
                found.setdefault(key, []).append((self._now + timedelta(seconds=1), former))
        return found

    @cached_property
    def _wished(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """By store, the keys that listings are to have, with their former ones."""
        found: dict[str, list[tuple[str, str]]] = {}
        for spec in self._config.skus:
            for entry in spec.spec.get("listings") or ():
                former = entry.get("movedFrom")
                if former:
                    key = entry.get("sellerSku") or spec.spec["sku"]
                    found.setdefault(entry["store"], []).append((key, former))
        return found

    def _close(self, store: str, key: str, since: datetime, attributes: Attributes, until: datetime) -> None:
        """Of an applied promotion, the time in which it really held."""
        try:
            start, end = (
                datetime.fromisoformat(attributes[edge]).astimezone(UTC) for edge in ("start", "end")
            )
        except _NONSENSE:
            return  # somebody else's, as it was there: nobody knows when it held
        self._note(store, key, attributes, start=max(since, start), end=min(until, end))

    def _stands(self, store: str, key: str, attributes: Attributes, *, known: bool) -> None:
        """A promotion that is there as nobody applied it. `known`: the ledger knows it, as another; since
        when it is as it is nobody can tell, so that it counts as of this moment. Else it holds as it says,
        until the specs say otherwise."""
        try:
            start, end = (
                datetime.fromisoformat(attributes[edge]).astimezone(UTC) for edge in ("start", "end")
            )
        except _NONSENSE:
            return  # nobody knows when it holds; guards tell
        if known:
            start, end = max(start, self._now - timedelta(seconds=1)), min(end, self._now)
        elif any(name == store and d.promo.name == key for name, d in self._calendar.promotions):
            end = min(end, self._now)
        self._note(store, key, attributes, start=start, end=end, instead=known)

    def _note(
        self,
        store: str,
        key: str,
        attributes: Attributes,
        *,
        start: datetime,
        end: datetime,
        instead: bool = False,
    ) -> None:
        if start >= end or attributes.get("enabled") is False:
            return
        offer = _offer(key, attributes)
        if offer is None:
            return
        skus = frozenset(map(str, attributes.get("skus") or ()))
        one = _Past(start, end, skus, offer=offer, key=key, instead=instead)
        self._times.setdefault(store, {}).setdefault(key, []).append(one)
        if not _shown_to_few(attributes):
            self._promos.setdefault(store, []).append(one)


def _goes_on(held: Offer, now: Offer, price: int) -> bool:
    """Whether what held is what is offered now, to the same buyers and no less deep: a reduction that grows,
    or that others are shown, begins when it does."""
    return _whose(held) == _whose(now) and effective(price, [held]).pays <= effective(price, [now]).pays


def _whose(offer: Offer) -> tuple[str, str, int, int]:
    """Who has an offer. A coupon is one coupon, whatever it is called."""
    choice = "coupon" if offer.choice.startswith("coupon ") else offer.choice
    return offer.audience, choice, offer.quantity, offer.basket


def _left_to_others(listed: Listed) -> bool:
    """Whether the price is set by somebody else: what the specs and the ledger say of it was in force at no
    time that anybody knows."""
    lifecycle = listed.sku.lifecycle or {}
    return "price" in (lifecycle.get("ignoreFields") or ()) or "price" in (lifecycle.get("ceded") or {})


def _shown_to_few(promotion: Mapping[str, object]) -> bool:
    """Codes and baskets lower nobody's shown price; what businesses or members pay is no price for
    consumers."""
    few = audience_of(promotion) != "all"
    return few or bool(promotion.get("code")) or promotion.get("type") in _BASKETS


def _offer(key: str, attributes: Attributes) -> Offer | None:
    """What was offered, to whomever; None where it lowered no price, or nobody can tell."""
    try:
        discount = attributes.get("discount") or {}
        money = discount.get("amount") or discount.get("salePrice") or {}
        # Of a percentage the currency does not matter.
        return offer_of(key, attributes, money.get("currency") or "EUR")
    except (NotComputable, *_NONSENSE):
        return None
