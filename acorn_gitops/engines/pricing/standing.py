"""What a buyer pays by what a marketplace holds. Comes in: the promotions of one store as they are there, an
instant. Goes out: whether a change of a price or of a promotion takes what is paid below a floor, when and
through what. Callers: apply's price guard next to the write, reconcile `guards` for the plan.

Specs say what shall be; between two writes of a run, after half of one, or beside promotions that nobody
manages, something else is. Every moment from now on is looked at, boundary by boundary, for the buyer who
pays least then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, NamedTuple

from acorn_gitops.engines.pricing.lowest import EXCLUSIVE, Lowest, buyers, lowest
from acorn_gitops.engines.pricing.offer import NotComputable, minor, offer_of
from acorn_gitops.engines.pricing.price import WHOLE, Offer
from acorn_gitops.model.resource import Attributes
from acorn_gitops.resources.buyers import EVERYBODY, Buyer
from acorn_gitops.resources.promotion import EVERYTHING, JOINS

Money = Mapping[str, str]
_Memo = tuple[frozenset[str], frozenset[str], str, str]
"""Promotions before and after, the currency, the audience of the buyer."""


class Running(NamedTuple):
    """An offer of a promotion that has not ended, and when it holds."""

    offer: Offer
    start: datetime
    end: datetime


class Breach(NamedTuple):
    """What would be paid below what is allowed: minor units, through which promotions, from when."""

    pays: int
    promos: tuple[str, ...]
    start: datetime


@dataclass(frozen=True)
class _Stretch:
    """A time in which nothing changes: what is on offer after the change, and before it."""

    start: datetime
    names: tuple[str, ...]
    then: tuple[Offer, ...]
    was: tuple[Offer, ...]

    @cached_property
    def after(self) -> Callable[[int], int]:
        """The least that anybody pays of a list price after the change."""
        return lowest(self.then).pays

    @cached_property
    def before(self) -> Callable[[int], int]:
        """The least that anybody pays of a list price before it."""
        return lowest(self.was).pays

    def below(self, after: int, before: int | None, floor: int) -> int | None:
        """What a buyer pays at a list price `after` who pays less than a floor, and less than he does at
        `before` (None: it is not for sale); None where there is none. That somebody else (staff, who has a
        code) pays little already opens nothing for others."""
        least = self.after(after)
        if least >= floor:
            return None
        if before is None or least < self.before(before):
            return least
        if after >= before and {*self.then} <= {*self.was} and _is_monotone(self.was):
            return None
        if self._each is None:
            return least
        for then, was in self._each:
            pays = then.pays(after)
            if pays < floor and pays < was.pays(before):
                return pays
        return None

    @cached_property
    def _each(self) -> list[tuple[Lowest, Lowest]] | None:
        """Of each sort of buyer, what he can have after the change and before it; None where there are too
        many."""
        sorts = buyers([*dict.fromkeys((*self.then, *self.was))])
        if sorts is None:
            return None
        reach = dict.fromkeys(
            (tuple(o for o in self.then if o in has), tuple(o for o in self.was if o in has)) for has in sorts
        )
        found: list[tuple[Lowest, Lowest]] = []
        left = MOST_STATES
        for then, was in reach:
            found.append((lowest(then), lowest(was)))
            left -= len(found[-1][0].states) + len(found[-1][1].states)
            if left < 0:
                return None
        return found


MOST_OFFERS: Final = 100_000
"""Offers that are looked at, time by time, to tell those who meet one condition from others."""
MOST_STATES: Final = 4_096
"""Combinations of offers that are looked at to tell one buyer from another."""


def _is_monotone(offers: Iterable[Offer]) -> bool:
    """Whether fewer of these offers, or a higher list price, are never a lower price for anybody: of each
    group the best one is the same at any price, and whichever takes its place counts in the same way."""
    groups: dict[str, set[tuple[str, str]]] = {}
    for one in offers:
        if one.group:
            groups.setdefault(one.group, set()).add((one.kind, one.mode))
    return all(len(sorts) == 1 for sorts in groups.values())


class HeldPromotions:
    """The promotions of one store, as they are at this moment of a run."""

    def __init__(
        self,
        now: datetime,
        promotions: Iterable[tuple[str, Mapping[str, object]]] = (),
        platform: str = "",
        products: Mapping[str, str] | None = None,
    ) -> None:
        """`products`: of SKUs that are not listed yet, the product (ASIN) that they will offer: a promotion
        on a product, or on everything, holds for them from their first moment."""
        self._now = now
        self.platform = platform
        self._products = {sku.casefold(): product for sku, product in (products or {}).items()}
        self._content: dict[str, Mapping[str, object]] = {}
        self._skus: dict[str, set[str]] = {}
        self._running: dict[tuple[str, str], Running | None] = {}
        self._stretches: dict[_Memo, list[_Stretch]] = {}
        for key, attributes in promotions:
            self.put(key, attributes)

    def put(self, key: str, attributes: Mapping[str, object] | None) -> None:
        """A promotion is now like this; None: it is gone."""
        for sku in _skus(self._content.pop(key, None)):
            self._skus[sku].discard(key)
        for memo in [memo for memo in self._running if memo[0] == key]:
            del self._running[memo]
        self._stretches.clear()
        if attributes is not None:
            self._content[key] = attributes
            for sku in _skus(attributes):
                self._skus.setdefault(sku, set()).add(key)

    def content(self, key: str) -> Mapping[str, Any] | None:
        """A promotion as it is."""
        return self._content.get(key)

    def on(self, *skus: str) -> frozenset[str]:
        """The promotions that name one of these SKUs in any letter case, and those of which nobody knows what
        they name."""
        names = (name for sku in skus for name in self._skus.get(sku.casefold(), ()))
        products = [self._products[sku.casefold()] for sku in skus if sku.casefold() in self._products]
        joined = (name for product in products for name in self._skus.get(_joining(product), ()))
        everything = self._skus.get(_joining(EVERYTHING), ())
        return frozenset((*names, *joined, *everything, *self._skus.get(_ANY, ())))

    def breach(
        self,
        sku: str,
        after: Money,
        before: Money | None,
        floor: int,
        *,
        former: str = "",
        buyer: Buyer = EVERYBODY,
    ) -> Breach | None:
        """The first time at which a price `after` would be paid below a floor (minor units), and lower than
        `before` is paid then; before None: it is not for sale. `former`: the SKU that it has until now, where
        it is renamed in place: promotions on it may follow it. `buyer`: who is asked these prices.
        NotComputable when a promotion is in another currency."""
        there = self.on(former or sku)
        here = there | self.on(sku)
        if not here:
            return None
        currency = after["currency"]
        memo = (here, there, currency, buyer.audience)
        if memo not in self._stretches:
            self._stretches[memo] = _stretches(
                reaching(self.running(here, currency), buyer), reaching(self.running(there, currency), buyer)
            )
        paid = None
        if before is not None and before["currency"] == currency:
            paid = minor(before["value"], currency)
        return _first_breach(self._stretches[memo], minor(after["value"], currency), paid, floor=floor)

    def proposed(
        self,
        key: str,
        content: Mapping[str, object] | None,
        *,
        instead_of: str = "",
        without: frozenset[str] = frozenset(),
    ) -> Proposed:
        """A change of one promotion (None: its end), to be judged before it is made; `instead_of` the one
        whose place it takes, where that has another key. `without`: those that do not count, neither before
        nor after: earlier versions of the same, of which nobody knows whether they came."""
        return Proposed(
            self, key, content, ended=frozenset({key, instead_of or key}), without=without, now=self._now
        )

    def computable(self, keys: frozenset[str], currency: str) -> dict[str, Running]:
        """Of these promotions, those that lower a price from now on and can be understood: what others do
        nobody knows."""
        found: dict[str, Running] = {}
        for key in keys:
            with suppress(NotComputable, ArithmeticError, LookupError, TypeError, ValueError):
                found |= self.running(frozenset({key}), currency)
        return dict(sorted(found.items()))

    def running(self, keys: frozenset[str], currency: str) -> dict[str, Running]:
        """Of these promotions, those that lower a price from now on."""
        found = {}
        for key in sorted(keys):
            memo = (key, currency)
            if memo not in self._running:
                self._running[memo] = running(
                    key, self._content[key], currency, now=self._now, platform=self.platform
                )
            if one := self._running[memo]:
                found[key] = one
        return found


class Proposed:
    """A promotion that is about to be written, beside those that are there."""

    def __init__(
        self,
        held: HeldPromotions,
        key: str,
        content: Mapping[str, object] | None,
        ended: frozenset[str],
        without: frozenset[str],
        now: datetime,
    ) -> None:
        self._held, self._key, self._content, self._now = held, key, content, now
        self._ended, self._without = ended, without
        self.skus = frozenset(_skus(content))
        self._stretches: dict[tuple[frozenset[str], bool, str, str], list[_Stretch]] = {}

    def breach(self, sku: str, price: Money, floor: int, *, buyer: Buyer = EVERYBODY) -> Breach | None:
        """The first time at which the price of a SKU would be paid below a floor, and lower than without the
        change. `buyer`: who is asked that price. NotComputable when a promotion is in another currency."""
        here, currency = self._held.on(sku) - self._without, price["currency"]
        memo = (here, sku.casefold() in self.skus, currency, buyer.audience)
        if memo not in self._stretches:
            before = self._held.running(here, currency)
            after = {key: one for key, one in before.items() if key not in self._ended}
            if self._content is not None and sku.casefold() in self.skus:
                mine = running(
                    self._key, self._content, currency, now=self._now, platform=self._held.platform
                )
                if mine is not None:
                    after[self._key] = mine
            self._stretches[memo] = _stretches(reaching(after, buyer), reaching(before, buyer))
        amount = minor(price["value"], currency)
        return _first_breach(self._stretches[memo], amount, amount, floor=floor)

    def by_percent(self) -> bool:
        """Whether it takes off a share, or nothing: then no price need be known for its depth."""
        discount = (self._content or {}).get("discount") or {}
        return isinstance(discount, Mapping) and {*discount} <= {"percent", "buyXGetY", "gift"}

    def share(self) -> Fraction:
        """The share that it takes off by itself, as it is said, also of goods of which no price is known: of
        X for Y the pieces that are given. 0 where it says none. ArithmeticError and its like for what is no
        share."""
        discount = (self._content or {}).get("discount") or {}
        if not isinstance(discount, Mapping):
            return Fraction(0)
        if (block := discount.get("buyXGetY")) is not None:
            pieces = Fraction(int(block["get"]), int(block["buy"]) + int(block["get"]))
            return pieces * Fraction(block.get("discountPercent") or "100") / 100
        said = discount.get("percent")
        return Fraction(said) / 100 if isinstance(said, str) else Fraction(0)

    def deepest(self, sku: str, price: Money, *, buyer: Buyer = EVERYBODY) -> Fraction:
        """The most that a buyer gets off a price, as a part of it, at any time at which this promotion holds:
        by it alone, and with all that hold beside it where it makes the buyer pay less. `buyer`: who is asked
        that price. NotComputable when a promotion cannot be understood."""
        currency, amount = price["currency"], minor(price["value"], price["currency"])
        if self._content is None or not amount:
            return Fraction(0)
        own = running(self._key, self._content, currency, now=self._now, platform=self._held.platform)
        mine = reaching({self._key: own}, buyer).get(self._key) if own is not None else None
        if mine is None:
            return Fraction(0)
        if mine.offer.kind == "percent":
            most = Fraction(mine.offer.value, WHOLE)  # as it is said, not as it is rounded
        else:
            most = Fraction(amount - lowest([mine.offer]).pays(amount), amount)
        others = reaching(
            self._held.running(self._held.on(sku) - self._ended - self._without, currency), buyer
        )
        for stretch in _stretches({**others, self._key: mine}, others):
            beside = len(stretch.names) > 1 and self._key in stretch.names
            if beside and (pays := stretch.after(amount)) < stretch.before(amount):
                most = max(most, Fraction(amount - pays - 1, amount))  # a cent may come from rounding
        return most


class Falls:
    """What buyers pay with the promotions of before and with those of after, time by time: a sale of one day
    that was agreed says nothing of another that runs for years, and a code for a few nothing of a price for
    all."""

    def __init__(self, before: HeldPromotions, after: HeldPromotions) -> None:
        self._before, self._after = before, after
        self._stretches: dict[_Memo, list[_Stretch]] = {}
        self._pairs: dict[_Memo, list[tuple[Lowest, Lowest]]] = {}

    def breach(
        self,
        sku: str,
        was: Money | None,
        then: Money,
        floor: int,
        *,
        former: str = "",
        buyer: Buyer = EVERYBODY,
    ) -> Breach | None:
        """The first time at which less than a floor (minor units) would be paid at the list price `then`, and
        less than is paid at that time at the list price `was` (None: it is not for sale). `former`, `buyer`:
        as in `deepest`. NotComputable when a promotion is in another currency."""
        currency = then["currency"]
        memo = (self._before.on(former or sku), self._after.on(sku, former or sku), currency, buyer.audience)
        if memo not in self._stretches:
            before, after = self._before.running(memo[0], currency), self._after.running(memo[1], currency)
            self._stretches[memo] = _stretches(reaching(after, buyer), reaching(before, buyer))
        paid = minor(was["value"], currency) if was is not None and was["currency"] == currency else None
        return _first_breach(self._stretches[memo], minor(then["value"], currency), paid, floor=floor)

    def deepest(
        self, sku: str, was: Money, then: Money, *, former: str = "", buyer: Buyer = EVERYBODY
    ) -> tuple[int, int]:
        """What is paid before and after (minor units) where it falls most, at the list prices `was` and
        `then`: looked for among all times from now on with promotions: those who pay least, those who meet
        each condition, and everybody who does nothing for it. `former`: the SKU that it has until now, where
        it is renamed in place; promotions on it may follow it. `buyer`: who is asked these prices."""
        currency = then["currency"]
        memo = (self._before.on(former or sku), self._after.on(sku, former or sku), currency, buyer.audience)
        if memo not in self._pairs:
            pairs = self._between(memo[0], memo[1], currency, buyer=buyer)
            self._pairs[memo] = [(lowest(had), lowest(has)) for had, has in pairs]
        first, second = minor(was["value"], currency), minor(then["value"], currency)
        paid = ((had.pays(first), has.pays(second)) for had, has in self._pairs[memo])
        return max(paid, key=lambda p: Fraction(p[0] - p[1], p[0] or 1), default=(first, first))

    def _between(
        self, before: frozenset[str], after: frozenset[str], currency: str, *, buyer: Buyer
    ) -> Iterable[_Pair]:
        """Of each time with promotions, what somebody had then and has: who pays least, who meets one
        condition, and who does nothing for it. What is paid between promotions is the list price: others
        judge it. Where there are too many to tell them apart, all count as if they had paid the list
        price."""
        old = reaching(self._before.computable(before, currency), buyer)
        new = reaching(self._after.computable(after, currency), buyer)
        edges = sorted({edge for one in (*old.values(), *new.values()) for edge in (one.start, one.end)})
        times = set[_Pair]()
        found = dict[_Pair, None]()
        left = MOST_OFFERS
        for start, _ in pairwise(edges):
            was = tuple(one.offer for one in old.values() if one.start <= start < one.end)
            then = tuple(one.offer for one in new.values() if one.start <= start < one.end)
            if not (was or then) or (was, then) in times:
                continue
            times.add((was, then))
            found[was, then] = None
            if not was:
                continue  # all paid alike
            for pair in _each_condition(was, then) if left > 0 else ():
                if pair not in found:
                    found[pair] = None
                    left -= 1 + len(pair[0]) + len(pair[1])
            if left <= 0 and was != then:
                found[(), then] = None
        return found


_Pair = tuple[tuple[Offer, ...], tuple[Offer, ...]]
"""What somebody had, and has."""


def _each_condition(was: tuple[Offer, ...], then: tuple[Offer, ...]) -> Iterator[_Pair]:
    """What those had and have who meet one condition, with what everybody has."""
    had, has = _by_condition(was), _by_condition(then)
    none, every = had.pop(_EVERYBODY, ()), has.pop(_EVERYBODY, ())
    yield none, every
    for who in dict.fromkeys((*had, *has)):
        yield (*none, *had.get(who, ())), (*every, *has.get(who, ()))


_Condition = tuple[str, str, int, int]
"""For whom an offer is: audience, code or coupon, pieces, basket."""
_EVERYBODY: Final[_Condition] = ("all", "", 1, 0)
"""Whoever does nothing for it."""


def _by_condition(offers: Iterable[Offer]) -> dict[_Condition, tuple[Offer, ...]]:
    found: dict[_Condition, list[Offer]] = {}
    for one in offers:
        found.setdefault((one.audience, one.choice, one.quantity, one.basket), []).append(one)
    return {who: tuple(some) for who, some in found.items()}


def reaching(running: Mapping[str, Running], buyer: Buyer) -> Mapping[str, Running]:
    """Of these promotions, those that a buyer can have. To a business those for businesses are like those for
    everybody."""
    if buyer == EVERYBODY:
        return running
    return {
        key: one._replace(offer=one.offer._replace(audience="all"))
        for key, one in running.items()
        if one.offer.audience not in EXCLUSIVE - {"b2b"}
    }


def _stretches(after: Mapping[str, Running], before: Mapping[str, Running]) -> list[_Stretch]:
    edges = {edge for one in (*after.values(), *before.values()) for edge in (one.start, one.end)}
    found = []
    for start, _ in pairwise(sorted(edges)):
        then = {key: one.offer for key, one in after.items() if one.start <= start < one.end}
        earlier = [one.offer for one in before.values() if one.start <= start < one.end]
        if then:
            found.append(_Stretch(start, tuple(then), tuple(then.values()), was=tuple(earlier)))
    return found


def _first_breach(stretches: Iterable[_Stretch], after: int, before: int | None, floor: int) -> Breach | None:
    for stretch in stretches:
        pays = stretch.below(after, before, floor)
        if pays is not None:
            return Breach(pays, stretch.names, stretch.start)
    return None


def running(
    key: str, attributes: Mapping[str, object], currency: str, now: datetime, platform: str
) -> Running | None:
    """What a promotion offers from now on; None when it is over, or leaves prices alone. NotComputable when
    it is wrong."""
    if attributes.get("enabled") is False:
        return None  # it is switched off
    try:
        start = _instant(attributes["start"])
        end = _instant(attributes["end"])
    except (KeyError, ValueError, OverflowError):
        raise NotComputable(f"{key} has no window") from None
    if start >= end:
        raise NotComputable(f"{key} ends before it begins")
    if end <= now:
        return None
    if _ANY in _skus(attributes):
        raise NotComputable(f"{key} does not say what it is for")
    offer = offer_of(key, attributes, currency, platform=platform)
    if offer is None:
        return None
    return Running(offer, max(start, now), end)


_ANY: Final = ""
"""In place of a SKU: whatever there is."""


def _joining(product: str) -> str:
    """In place of a SKU: those of a product. No SKU holds this letter."""
    return f"\0{product}"


def _skus(attributes: Mapping[str, object] | None) -> Iterable[str]:
    """What a promotion names; `_ANY` where that is not a list of texts."""
    if attributes is None:
        return ()
    skus, joins = attributes.get("skus"), attributes.get(JOINS) or []
    if not isinstance(skus, list) or not isinstance(joins, list):
        return (_ANY,)
    if not all(isinstance(one, str) for one in (*skus, *joins)):
        return (_ANY,)
    return {*(sku.casefold() for sku in skus), *map(_joining, joins)}


ATTESTED: Final = "attested"
"""What the key of a promotion begins with that people made by hand, and no reading shows."""


def beside(promotions: Mapping[str, Attributes], attested: Mapping[str, Attributes]) -> dict[str, Attributes]:
    """What a store shows, and what people say that they made there: without what it shows as well."""
    shown = [*promotions.values()]
    hidden = {key: one for key, one in attested.items() if not any(_is_shown(one, by) for by in shown)}
    return {**promotions, **hidden}


def _is_shown(attested: Attributes, by: Attributes) -> bool:
    """Whether what people made is what a store shows: by its code; without one, what somebody made in a
    console that takes as much off the same goods, for the same buyers."""
    code = attested.get("code")
    if code or by.get("code"):
        return str(code).casefold() == str(by.get("code")).casefold()
    alike = all(attested.get(name) == by.get(name) for name in ("discount", "audience", "minimumOrder"))
    everything = EVERYTHING in (by.get(JOINS) or ())
    return bool(by.get("foreign")) and alike and (everything or {*_skus(attested)} <= {*_skus(by)})


def _instant(text: object) -> datetime:
    """ValueError without an offset: whose clock is meant is not known."""
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return moment.astimezone(UTC)
