"""What a buyer pays by what a marketplace holds. Comes in: the promotions of one store as they are there, an
instant. Goes out: whether a change of a price or of a promotion takes what is paid below a floor, when and
through what. Callers: apply's price guard next to the write, reconcile `guards` for the plan.

Specs say what shall be; between two writes of a run, after half of one, or beside promotions that nobody
manages, something else is. Every moment from now on is looked at, boundary by boundary, for the buyer who
pays least then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import pairwise, product
from math import prod
from typing import Any, Final, NamedTuple

from acorn_gitops.engines.pricing.lowest import EXCLUSIVE, Lowest, buyers, lowest
from acorn_gitops.engines.pricing.offer import NotComputable, minor, offer_of
from acorn_gitops.engines.pricing.price import WHOLE, Offer
from acorn_gitops.model.resource import Attributes
from acorn_gitops.resources.buyers import EVERYBODY, Buyer
from acorn_gitops.resources.promotion import EVERYTHING, JOINS

Money = Mapping[str, str]
Reach = frozenset[tuple[str, int]]
"""Promotions that hold for a listing: the key of each, and which of its forms."""
_Memo = tuple[Reach, Reach, str, str]
"""Promotions before and after, the currency, the audience of the buyer."""

Form = tuple[str, Mapping[str, object]] | None
"""What a promotion may be at this moment: its key and what it says; None where it may not be there."""


class Running(NamedTuple):
    """An offer of a promotion that has not ended, and when it holds."""

    offer: Offer
    start: datetime
    end: datetime


Variants = tuple[Running | None, ...]
"""What one promotion may be, form by form: with two of them nobody knows which one is there."""


class Breach(NamedTuple):
    """What would be paid below what is allowed: minor units, through which promotions, from when."""

    pays: int
    promos: tuple[str, ...]
    start: datetime


class _Asked(NamedTuple):
    """List prices to be compared, in minor units: after a change; before it (None: it was not for sale); and
    at an earlier moment with which it is compared as well."""

    after: int
    before: int | None
    stood: int | None = None


@dataclass(frozen=True)
class _World:
    """What is on offer at one time, in one of the ways in which it may be: after the change, before it, and at
    an earlier moment (None: that is not asked)."""

    then: tuple[Offer, ...]
    was: tuple[Offer, ...]
    stood: tuple[Offer, ...] | None = None

    @cached_property
    def after(self) -> Callable[[int], int]:
        """The least that anybody pays of a list price after the change."""
        return lowest(self.then).pays

    @cached_property
    def before(self) -> Callable[[int], int]:
        """The least that anybody pays of a list price before it."""
        return lowest(self.was).pays

    def below(self, prices: _Asked, floor: int) -> int | None:
        """What a buyer pays after the change who pays less than a floor, and less than he does before it, or
        did then; None where there is none. That somebody else (staff, who has a code) pays little already
        opens nothing for others."""
        least = self.after(prices.after)
        if least >= floor:
            return None
        compared = [*self._compared(prices)]
        if least < min((lowest(offers).pays(price) for offers, price in compared), default=least + 1):
            return least
        if any(self._is_less(prices.after, offers, price) for offers, price in compared):
            return None
        return self._of_each(prices.after, compared, floor)

    def _compared(self, prices: _Asked) -> Iterator[tuple[tuple[Offer, ...], int]]:
        if prices.before is not None:
            yield self.was, prices.before
        if prices.stood is not None and self.stood is not None:
            yield self.stood, prices.stood

    def _is_less(self, after: int, offers: tuple[Offer, ...], price: int) -> bool:
        """Whether there are only fewer offers now, at a price that is no lower, and nobody can pay less."""
        return after >= price and {*self.then} <= {*offers} and _is_monotone(offers)

    def _of_each(self, after: int, compared: list[tuple[tuple[Offer, ...], int]], floor: int) -> int | None:
        """As `below`, sort of buyer by sort; what the luckiest pays where there are too many sorts."""
        sorts = buyers([*dict.fromkeys((*self.then, *(one for offers, _ in compared for one in offers)))])
        if sorts is None:
            return self.after(after)
        left, seen = MOST_STATES, set()
        for has in sorts:
            reach = tuple(
                tuple(o for o in offers if o in has) for offers in (self.then, *(c[0] for c in compared))
            )
            if reach in seen:
                continue
            seen.add(reach)
            searched = [_searched(offers) for offers in reach]
            left -= sum(len(one.states) for one in searched)
            if left < 0:
                return self.after(after)
            pays = searched[0].pays(after)
            paid = min(one.pays(price) for one, (_, price) in zip(searched[1:], compared, strict=True))
            if pays < floor and pays < paid:
                return pays
        return None


@lru_cache(maxsize=4096)
def _searched(offers: tuple[Offer, ...]) -> Lowest:
    return lowest(offers)


@dataclass(frozen=True)
class _Stretch:
    """A time in which nothing changes. `worlds`: each way in which it may be; none where there are too many of
    them, so that only the bound is known."""

    start: datetime
    worlds: tuple[_World, ...]
    every: tuple[Offer, ...]
    """All that may be on offer after the change."""

    def below(self, prices: _Asked, floor: int) -> Breach | None:
        """As `_World.below`, in any world."""
        if len(self.worlds) != 1 and (pays := self._bound(prices.after)) >= floor:
            return None
        if not self.worlds:
            return Breach(pays, tuple(one.name for one in self.every), self.start)
        for world in self.worlds:
            found = world.below(prices, floor)
            if found is not None:
                return Breach(found, tuple(one.name for one in world.then), self.start)
        return None

    def falls(self, amount: int, *, alone: bool) -> Iterator[int]:
        """What is paid at least after the change where that is less than before it. `alone`: also where there
        is one offer only."""
        if not self.worlds:
            yield self._bound(amount)
        for world in self.worlds:
            if len(world.then) > (not alone) and (pays := world.after(amount)) < world.before(amount):
                yield pays

    @cached_property
    def _bound(self) -> Callable[[int], int]:
        """What nobody pays less than, whatever is there."""
        return lowest(self.every).bounded().pays


MOST_WORLDS: Final = 64
"""Ways in which what is on offer at one time may be, of promotions that were sent and not seen."""
MOST_OFFERS: Final = 100_000
"""Offers that are looked at, time by time, to tell those who meet one condition from others."""
MOST_STATES: Final = 4_096
"""Combinations of offers that are looked at to tell one buyer from another."""


def _is_monotone(offers: Iterable[Offer]) -> bool:
    """Whether fewer of these offers, or a higher list price, are never a lower price for anybody: of each
    group the best one is the same at any price, and whichever takes its place counts in the same way, and in
    the same turn."""
    groups: dict[str, set[tuple[str, str, int]]] = {}
    for one in offers:
        if one.group:
            groups.setdefault(one.group, set()).add((one.kind, one.mode, one.tier))
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
        self._forms: dict[str, tuple[Form, ...]] = {}
        self._skus: dict[str, set[tuple[str, int]]] = {}
        self._running: dict[tuple[str, int, str], Running | None] = {}
        self._stretches: dict[_Memo, list[_Stretch]] = {}
        for key, forms in _identified(promotions):
            self.may_be(key, forms)

    def put(self, key: str, attributes: Mapping[str, object] | None) -> None:
        """A promotion is now like this; None: it is gone."""
        self.may_be(key, [None if attributes is None else (key, attributes)])

    def may_be(self, key: str, forms: Sequence[Form]) -> None:
        """A promotion is in one of these forms, and nobody knows in which; the first is the one that was
        seen. One that may have another key by now has that in its form."""
        for number, form in enumerate(self._forms.pop(key, ())):
            for sku in _skus(form):
                self._skus[sku].discard((key, number))
        for memo in [memo for memo in self._running if memo[0] == key]:
            del self._running[memo]
        self._stretches.clear()
        if any(form is not None for form in forms):
            self._forms[key] = tuple(forms)
            for number, form in enumerate(forms):
                for sku in _skus(form):
                    self._skus.setdefault(sku, set()).add((key, number))

    def forms(self, key: str) -> tuple[Form, ...]:
        """What a promotion may be."""
        return self._forms.get(key, (None,))

    def content(self, key: str) -> Mapping[str, Any] | None:
        """A promotion as it was seen."""
        form = self.forms(key)[0]
        return form[1] if form is not None else None

    def on(self, *skus: str) -> frozenset[str]:
        """The promotions that name one of these SKUs in any letter case, and those of which nobody knows what
        they name."""
        return frozenset(key for key, _ in self.reach(*skus))

    def reach(self, *skus: str) -> Reach:
        """As `on`, with the forms of each that do."""
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
        NotComputable when a promotion is in another currency, unless nobody pays less by what is known."""
        there = self.reach(former or sku)
        here = there | self.reach(sku)
        if not here:
            return None
        currency = after["currency"]
        paid = None
        if before is not None and before["currency"] == currency:
            paid = minor(before["value"], currency)
        prices = _Asked(minor(after["value"], currency), paid)
        memo = (here, there, currency, buyer.audience)
        try:
            if memo not in self._stretches:
                self._stretches[memo] = self._between(here, there, currency, buyer=buyer)
        except NotComputable:
            if paid is None or prices.after < paid:
                raise
            known = self.known(here, currency)
            stretches = self._between(known, known & there, currency, buyer=buyer)
            if _first_breach(stretches, prices, floor=_ANY_FALL) is not None:
                raise
            return None
        return _first_breach(self._stretches[memo], prices, floor=floor)

    def _between(self, here: Reach, there: Reach, currency: str, *, buyer: Buyer) -> list[_Stretch]:
        """Of promotions that hold for a listing when it has its new SKU (`here`) and that did before."""
        before = reaching(self.running(there, currency), buyer)
        options = [
            [*zip(variants, before.get(key, (None,) * len(variants)), strict=True)]
            for key, variants in reaching(self.running(here, currency), buyer).items()
        ]
        return _stretches(options)

    def known(self, reach: Reach, currency: str) -> Reach:
        """Those of them that can be understood."""
        found = set()
        for one in reach:
            with suppress(NotComputable, *NONSENSE):
                self._form(*one, currency)
                found.add(one)
        return frozenset(found)

    def check(self, key: str, currency: str) -> None:
        """NotComputable where nobody can tell what a promotion takes off."""
        for number in range(len(self.forms(key))):
            self._form(key, number, currency)

    def proposed(
        self,
        key: str,
        content: Mapping[str, object] | None,
        *,
        instead_of: str = "",
        stood: HeldPromotions | None = None,
    ) -> Proposed:
        """A change of one promotion (None: its end), to be judged before it is made; `instead_of` the one
        whose place it takes, where that has another key. `stood`: the promotions of an earlier moment, with
        which it is compared as well."""
        ended = frozenset({key, instead_of or key})
        return Proposed(self, key, content, ended=ended, stood=stood, now=self._now)

    def computable(self, reach: Reach, currency: str) -> dict[str, Running]:
        """Of these promotions, those that lower a price from now on and can be understood, each in the first
        of its forms that holds: what others do nobody knows."""
        found = self.running(self.known(reach, currency), currency).values()
        first = [next(one for one in variants if one is not None) for variants in found]
        return {one.offer.name: one for one in first}

    def running(self, reach: Reach, currency: str) -> dict[str, Variants]:
        """Of these promotions, those that may lower a price from now on: by key, form by form."""
        found = {}
        for key in sorted({key for key, _ in reach}):
            variants = tuple(
                self._form(key, number, currency) if (key, number) in reach else None
                for number in range(len(self._forms[key]))
            )
            if any(one is not None for one in variants):
                found[key] = variants
        return found

    def _form(self, key: str, number: int, currency: str) -> Running | None:
        memo = (key, number, currency)
        if memo not in self._running:
            form = self.forms(key)[number]
            self._running[memo] = (
                running(*form, currency, now=self._now, platform=self.platform) if form is not None else None
            )
        return self._running[memo]


NONSENSE: Final = (ArithmeticError, LookupError, TypeError, ValueError)
"""What comes of values that are none."""
_ANY_FALL: Final = 1 << 200
"""A floor below which is every price: whoever pays less than before is found."""


class Proposed:
    """A promotion that is about to be written, beside those that are there."""

    def __init__(
        self,
        held: HeldPromotions,
        key: str,
        content: Mapping[str, object] | None,
        ended: frozenset[str],
        stood: HeldPromotions | None,
        now: datetime,
    ) -> None:
        self._held, self._key, self._content, self._now = held, key, content, now
        self._ended, self._stood = ended, stood
        self.skus = frozenset(_skus((key, content) if content is not None else None))
        self._stretches: dict[tuple[Reach, bool, str, str], list[_Stretch]] = {}

    def breach(
        self,
        sku: str,
        price: Money,
        floor: int,
        *,
        buyer: Buyer = EVERYBODY,
        stood: Money | None = None,
    ) -> Breach | None:
        """The first time at which the price of a SKU would be paid below a floor, and lower than without the
        change. `buyer`: who is asked that price. `stood`: the price at the earlier moment with which it is
        compared as well. NotComputable when a promotion is in another currency, unless nobody pays less by
        what is known."""
        here, currency = self._held.reach(sku), price["currency"]
        amount = minor(price["value"], currency)
        then = (
            minor(stood["value"], currency) if stood is not None and stood["currency"] == currency else None
        )
        prices = _Asked(amount, amount, then)
        memo = (here, sku.casefold() in self.skus, currency, buyer.audience)
        try:
            if memo not in self._stretches:
                self._stretches[memo] = self._between(sku, here, currency, buyer=buyer)
        except NotComputable:
            known = self._held.known(here, currency)
            stretches = self._between(sku, known, currency, buyer=buyer)
            if _first_breach(stretches, prices, floor=_ANY_FALL) is not None:
                raise
            return None
        return _first_breach(self._stretches[memo], prices, floor=floor)

    def _between(self, sku: str, here: Reach, currency: str, *, buyer: Buyer) -> list[_Stretch]:
        mine = self._reaching(self._content, currency, buyer, sku=sku)
        seen = dict(reaching(self._held.running(here, currency), buyer))
        ended = {key: seen.pop(key, (None,)) for key in sorted(self._ended)}
        options = [[(one, one) for one in variants] for variants in seen.values()]
        for key, variants in ended.items():
            options.append([(mine if key == self._key else None, one) for one in variants])
        return _stretches(options, self._earlier(sku, currency, buyer))

    def _earlier(self, sku: str, currency: str, buyer: Buyer) -> list[Running] | None:
        """What was on offer at the earlier moment, as it was seen; None where nothing is compared with it, or
        nobody can tell."""
        if self._stood is None:
            return None
        try:
            there = reaching(self._stood.running(self._stood.reach(sku), currency), buyer)
        except (NotComputable, *NONSENSE):
            return None
        return [next(one for one in variants if one is not None) for variants in there.values()]

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

    def deepest(
        self,
        sku: str,
        price: Money,
        *,
        buyer: Buyer = EVERYBODY,
        was: Mapping[str, object] | None = None,
    ) -> Fraction:
        """The most that a buyer gets off a price, as a part of it, at any time at which this promotion holds:
        by it alone, and with all that hold beside it where it makes the buyer pay less. `was`: what it is
        until now; where its change makes a buyer pay less, what he gets then counts as well, also where
        others take its place. `buyer`: who is asked that price. NotComputable when a promotion cannot be
        understood."""
        currency, amount = price["currency"], minor(price["value"], price["currency"])
        if not amount:
            return Fraction(0)
        others = {
            key: variants
            for key, variants in self._held.running(self._held.reach(sku), currency).items()
            if key not in self._ended
        }
        mine = self._reaching(self._content, currency, buyer, sku=sku)
        former = self._reaching(was, currency, buyer, sku=sku)
        beside = reaching(others, buyer).values()
        most = self._alone(mine, amount)
        for had, has in ((None, mine), (former, mine)):
            if had == has:
                continue
            for stretch in _stretches([*([(one, one) for one in some] for some in beside), [(has, had)]]):
                for pays in stretch.falls(amount, alone=had is not None):
                    most = max(most, Fraction(amount - pays - 1, amount))  # a cent may come from rounding
        return most

    def _reaching(
        self, content: Mapping[str, object] | None, currency: str, buyer: Buyer, *, sku: str
    ) -> Running | None:
        if content is None or sku.casefold() not in {*_skus((self._key, content))}:
            return None
        one = running(self._key, content, currency, now=self._now, platform=self._held.platform)
        return reaching({"": (one,)}, buyer).get("", (None,))[0]

    @staticmethod
    def _alone(mine: Running | None, amount: int) -> Fraction:
        if mine is None:
            return Fraction(0)
        if mine.offer.kind == "percent":
            return Fraction(mine.offer.value, WHOLE)  # as it is said, not as it is rounded
        return Fraction(amount - lowest([mine.offer]).pays(amount), amount)


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
        memo = (
            self._before.reach(former or sku),
            self._after.reach(sku, former or sku),
            currency,
            buyer.audience,
        )
        if memo not in self._stretches:
            before = reaching(self._before.running(memo[0], currency), buyer)
            after = reaching(self._after.running(memo[1], currency), buyer)
            self._stretches[memo] = _stretches([*_paired(after, before)])
        paid = minor(was["value"], currency) if was is not None and was["currency"] == currency else None
        return _first_breach(self._stretches[memo], _Asked(minor(then["value"], currency), paid), floor=floor)

    def deepest(
        self, sku: str, was: Money, then: Money, *, former: str = "", buyer: Buyer = EVERYBODY
    ) -> tuple[int, int]:
        """What is paid before and after (minor units) where it falls most, at the list prices `was` and
        `then`: looked for among all times from now on with promotions: those who pay least, those who meet
        each condition, and everybody who does nothing for it. `former`: the SKU that it has until now, where
        it is renamed in place; promotions on it may follow it. `buyer`: who is asked these prices."""
        currency = then["currency"]
        memo = (
            self._before.reach(former or sku),
            self._after.reach(sku, former or sku),
            currency,
            buyer.audience,
        )
        if memo not in self._pairs:
            pairs = self._between(memo[0], memo[1], currency, buyer=buyer)
            self._pairs[memo] = [(lowest(had), lowest(has)) for had, has in pairs]
        first, second = minor(was["value"], currency), minor(then["value"], currency)
        paid = ((had.pays(first), has.pays(second)) for had, has in self._pairs[memo])
        return max(paid, key=lambda p: Fraction(p[0] - p[1], p[0] or 1), default=(first, first))

    def _between(self, before: Reach, after: Reach, currency: str, *, buyer: Buyer) -> Iterable[_Pair]:
        """Of each time with promotions, what somebody had then and has: who pays least, who meets one
        condition, and who does nothing for it. What is paid between promotions is the list price: others
        judge it. Where there are too many to tell them apart, all count as if they had paid the list
        price."""
        old = _single(self._before.computable(before, currency), buyer)
        new = _single(self._after.computable(after, currency), buyer)
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


def reaching(running: Mapping[str, Variants], buyer: Buyer) -> Mapping[str, Variants]:
    """Of these promotions, those that a buyer can have. To a business those for businesses are like those for
    everybody."""
    if buyer == EVERYBODY:
        return running
    found = {}
    for key, variants in running.items():
        theirs = tuple(_theirs(one) for one in variants)
        if any(one is not None for one in theirs):
            found[key] = theirs
    return found


def _theirs(one: Running | None) -> Running | None:
    """A promotion to a business."""
    if one is None or one.offer.audience in EXCLUSIVE - {"b2b"}:
        return None
    return one._replace(offer=one.offer._replace(audience="all"))


def _single(running: Mapping[str, Running], buyer: Buyer) -> dict[str, Running]:
    """As `reaching`, of promotions of which each is one."""
    seen = reaching({key: (one,) for key, one in running.items()}, buyer)
    return {key: one for key, (one,) in seen.items() if one is not None}


_Option = tuple[Running | None, Running | None]
"""What one promotion is after a change, and before it."""


def _paired(after: Mapping[str, Variants], before: Mapping[str, Variants]) -> Iterator[list[_Option]]:
    """Of each promotion, each way in which it may be after and before."""
    for key in sorted({*after, *before}):
        then, was = after.get(key, (None,)), before.get(key, (None,))
        yield [(one, one) for one in then] if then == was else [*product(then, was)]


def _stretches(
    options: Sequence[Sequence[_Option]], stood: Sequence[Running] | None = None
) -> list[_Stretch]:
    """Time by time, what is on offer after a change and before it: of each promotion one of its options, in
    every combination. `stood`: what was on offer at an earlier moment."""
    every = [one for some in options for option in some for one in option if one is not None]
    edges = {edge for one in (*every, *(stood or ())) for edge in (one.start, one.end)}
    found = []
    for start, _ in pairwise(sorted(edges)):

        def at(one: Running | None, start: datetime = start) -> Offer | None:
            return one.offer if one is not None and one.start <= start < one.end else None

        here = [list(dict.fromkeys((at(then), at(was)) for then, was in some)) for some in options]
        here = [some for some in here if some != [(None, None)]]
        after = tuple(dict.fromkeys(then for some in here for then, _ in some if then is not None))
        if not after:
            continue
        earlier = None if stood is None else tuple(o for one in stood if (o := at(one)) is not None)
        count = prod(len(some) for some in here)
        worlds = tuple(
            _World(
                tuple(then for then, _ in chosen if then is not None),
                tuple(was for _, was in chosen if was is not None),
                earlier,
            )
            for chosen in (product(*here) if count <= MOST_WORLDS else ())
        )
        found.append(_Stretch(start, worlds, after))
    return found


def _first_breach(stretches: Iterable[_Stretch], prices: _Asked, floor: int) -> Breach | None:
    return next((found for one in stretches if (found := one.below(prices, floor)) is not None), None)


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
    if _ANY in _skus((key, attributes)):
        raise NotComputable(
            f"{key} does not say what it is for{_WAY_OUT if key.startswith(ATTESTED) else ''}"
        )
    offer = offer_of(key, attributes, currency, platform=platform)
    if offer is None:
        return None
    return Running(offer, max(start, now), end)


_ANY: Final = ""
"""In place of a SKU: whatever there is."""


def _joining(product: str) -> str:
    """In place of a SKU: those of a product. No SKU holds this letter."""
    return f"\0{product}"


def _skus(form: Form) -> Iterable[str]:
    """What a promotion names; `_ANY` where that is not a list of texts."""
    if form is None:
        return ()
    attributes = form[1]
    skus, joins = attributes.get("skus"), attributes.get(JOINS) or []
    if not isinstance(skus, list) or not isinstance(joins, list):
        return (_ANY,)
    if not all(isinstance(one, str) for one in (*skus, *joins)):
        return (_ANY,)
    return {*(sku.casefold() for sku in skus), *map(_joining, joins)}


ATTESTED: Final = "attested:"
"""What the key of a promotion begins with that people made by hand, and no reading shows."""
_WAY_OUT: Final = (
    ": its record in evidence/ is older than that; attest it again, or take it out once it is gone"
)


def beside(
    promotions: Mapping[str, Attributes],
    attested: Mapping[str, Attributes],
    listings: Iterable[Attributes] = (),
) -> dict[str, Attributes]:
    """What a store shows, and what people say that they made there: without what it surely shows as well.
    `listings`: those that it shows; what was made for one SKU of a product may hold for each of them."""
    shown = [*promotions.values()]
    hidden = {key: one for key, one in attested.items() if not any(_shows(by, one) for by in shown)}
    if not hidden:
        return {**promotions}
    offered = [(str(one["sku"]), str(one["asin"])) for one in listings if one.get("sku") and one.get("asin")]
    return {**promotions, **{key: _on_products(one, offered) for key, one in hidden.items()}}


def _on_products(attested: Attributes, offered: Iterable[tuple[str, str]]) -> Attributes:
    """A promotion, for all SKUs of its products. `offered`: SKUs and their products."""
    named = _skus(("", attested))
    if _ANY in named:
        return attested
    joins = {str(one) for one in attested.get(JOINS) or ()}
    joins |= {product for sku, product in offered if sku.casefold() in named}
    if not joins:
        return attested
    more = {sku for sku, product in offered if product in joins}
    return {**attested, "skus": sorted({*attested["skus"], *more}), JOINS: sorted(joins)}


def _identified(promotions: Iterable[tuple[str, Mapping[str, object]]]) -> Iterator[tuple[str, list[Form]]]:
    """Promotions, each with what it may be: one that people made may be one that the store shows, with other
    days or other goods; it is the one or the other, and never both."""
    every = dict(promotions)
    forms: dict[str, list[Form]] = {key: [(key, one)] for key, one in every.items()}
    for key, one in every.items():
        if key.startswith(ATTESTED) and (by := _shown_as(one, every)):
            forms[by] += forms.pop(key)
    yield from forms.items()


def _shown_as(attested: Mapping[str, object], every: Mapping[str, Mapping[str, object]]) -> str:
    """Which of these promotions it may be: the one that shares most of its goods; "" for none."""
    mine = {*_skus((ATTESTED, attested))}
    alike = [key for key, by in every.items() if not key.startswith(ATTESTED) and _may_be_one(attested, by)]
    return max(alike, key=lambda key: len(mine & {*_skus((key, every[key]))}), default="")


def _may_be_one(attested: Mapping[str, object], by: Mapping[str, object]) -> bool:
    """Whether what people made may be what a store shows: by its code; without one, what somebody made in a
    console that takes as much off, for the same buyers."""
    code = attested.get("code")
    if code or by.get("code"):
        return str(code).casefold() == str(by.get("code")).casefold()
    return bool(by.get("foreign")) and _is_alike(attested, by)


def _is_alike(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return all(one.get(name) == other.get(name) for name in ("discount", "audience", "minimumOrder"))


def _shows(by: Attributes, attested: Attributes) -> bool:
    """Whether a store surely shows what people made: as much off, for the same buyers, on all of its goods and
    all of its days."""
    if not _may_be_one(attested, by) or not _is_alike(attested, by):
        return False
    named = {*_skus(("", {"skus": attested.get("skus")}))}
    if EVERYTHING in (attested.get(JOINS) or ()):
        named.add(_joining(EVERYTHING))
    everything = EVERYTHING in (by.get(JOINS) or ())
    try:
        longer = _instant(by["start"]) <= _instant(attested["start"]) and _instant(
            attested["end"]
        ) <= _instant(by["end"])
    except (KeyError, ValueError, OverflowError):
        return False
    return longer and (everything or named <= {*_skus(("", by))})


def _instant(text: object) -> datetime:
    """ValueError without an offset: whose clock is meant is not known."""
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return moment.astimezone(UTC)
