"""What is on offer time by time, in each way in which it may be. Comes in: of each promotion its options,
before a change and after it. Goes out: whether somebody pays less than a floor, and less than before.
Callers: `standing`, `falls`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import pairwise, product
from math import prod
from typing import Final, NamedTuple

from acorn_gitops.engines.pricing.forms import Running
from acorn_gitops.engines.pricing.lowest import Lowest, as_is, buyers, lowest, some_buyers
from acorn_gitops.engines.pricing.price import WHOLE, Offer


class Breach(NamedTuple):
    """What would be paid below what is allowed: minor units, through which promotions, from when."""

    pays: int
    promos: tuple[str, ...]
    start: datetime


class Asked(NamedTuple):
    """List prices to be compared, in minor units: after a change; before it (None: it was not for sale); and
    at an earlier moment with which it is compared as well."""

    after: int
    before: int | None
    stood: int | None = None


Option = tuple[Running | None, Running | None]
"""What one promotion is after a change, and before it."""


@dataclass(frozen=True)
class World:
    """What is on offer at one time, in one of the ways in which it may be: after the change, before it, and
    at an earlier moment (None: that is not asked)."""

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

    def below(self, prices: Asked, floor: int) -> int | None:
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
        sorts = buyers(self._all(compared))
        return next(self._of_each(prices.after, compared, sorts=sorts, floor=floor), None)

    def fall(self, amount: int) -> int | None:
        """The least that somebody pays after the change, at a list price, who pays more before it; None where
        there is nobody."""
        if self.then == self.was:
            return None
        least = self.after(amount)
        if least < self.before(amount):
            return least
        if self._is_less(amount, self.was, amount):
            return None
        compared = [(self.was, amount)]
        sorts = some_buyers(self._all(compared))
        return min(self._of_each(amount, compared, sorts=sorts, floor=amount), default=None)

    def _all(self, compared: Iterable[tuple[tuple[Offer, ...], int]]) -> list[Offer]:
        return [*dict.fromkeys((*self.then, *(one for offers, _ in compared for one in offers)))]

    def _compared(self, prices: Asked) -> Iterator[tuple[tuple[Offer, ...], int]]:
        if prices.before is not None:
            yield self.was, prices.before
        if prices.stood is not None and self.stood is not None:
            yield self.stood, prices.stood

    def _is_less(self, after: int, offers: tuple[Offer, ...], price: int) -> bool:
        """Whether there are only fewer offers now, at a price that is no lower, and nobody can pay less."""
        gone = {*offers} - {*self.then}
        if after < price or not {*self.then} <= {*offers} or not _is_monotone(offers):
            return False
        if any(one.kind == "sale" for one in gone):
            return _rounded_at_once(self.then)
        return after == price or _outgrows_rounding(self.then, after - price)

    def _of_each(
        self,
        after: int,
        compared: Sequence[tuple[tuple[Offer, ...], int]],
        *,
        sorts: Iterable[frozenset[Offer]] | None,
        floor: int,
    ) -> Iterator[int]:
        """What is paid after the change, below a floor and less than before, sort of buyer by sort; what the
        luckiest pays where there are too many sorts (None)."""
        if sorts is None:
            yield self.after(after)
            return
        left, seen = MOST_STATES, set()
        every = (self.then, *(offers for offers, _ in compared))
        same = all(after == price for _, price in compared)
        plain = dict(zip(bare := self._all(compared), as_is(bare), strict=True))
        for has in sorts:
            reach = tuple(tuple(plain[o] for o in offers if o in has) for offers in every)
            if reach in seen or (same and all(one == reach[0] for one in reach)):
                continue
            seen.add(reach)
            searched = [_searched(offers) for offers in reach]
            left -= sum(len(one.states) for one in searched)
            if left < 0:
                yield self.after(after)
                return
            pays = searched[0].pays(after)
            paid = min(one.pays(price) for one, (_, price) in zip(searched[1:], compared, strict=True))
            if pays < floor and pays < paid:
                yield pays


@lru_cache(maxsize=4096)
def _searched(offers: tuple[Offer, ...]) -> Lowest:
    return lowest(offers)


@dataclass(frozen=True)
class Stretch:
    """A time in which nothing changes. `worlds`: each way in which it may be; none where there are too many
    of them, so that only the bound is known."""

    start: datetime
    worlds: tuple[World, ...]
    every: tuple[Offer, ...]
    """All that may be on offer after the change."""

    def below(self, prices: Asked, floor: int) -> Breach | None:
        """As `World.below`, in any world."""
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
            if len(world.then) > (not alone) and (pays := world.fall(amount)) is not None:
                yield pays

    @cached_property
    def _bound(self) -> Callable[[int], int]:
        """What nobody pays less than, whatever is there."""
        return lowest(self.every).bounded().pays


MOST_WORLDS: Final = 64
"""Ways in which what is on offer at one time may be, of promotions that were sent and not seen."""
MOST_STATES: Final = 4_096
"""Combinations of offers that are looked at to tell one buyer from another."""

ANY_FALL: Final = 1 << 200
"""A floor below which is every price: whoever pays less than before is found."""


def _outgrows_rounding(offers: Iterable[Offer], more: int) -> bool:
    """Whether nobody pays less when the list price is so much higher. Several percentages of one base are
    rounded one by one, so that a cent more can leave less: each takes a cent too many at most."""
    every = [*offers]
    if _rounded_at_once(every):
        return True
    shares = _shares(every)
    capped = any(one.kind == "sale" for one in every)
    return not capped and more * (WHOLE - sum(shares)) >= len(shares) * WHOLE


def _rounded_at_once(offers: Iterable[Offer]) -> bool:
    """Whether a higher base never leaves less: no two percentages of it are rounded each by itself."""
    return len(_shares(offers)) < 2


def _shares(offers: Iterable[Offer]) -> list[int]:
    return [one.value for one in offers if one.mode == "additive" and one.kind == "percent"]


def _is_monotone(offers: Iterable[Offer]) -> bool:
    """Whether fewer of these offers, or a higher list price, are never a lower price for anybody: of each
    group the best one is the same at any price, and whichever takes its place counts in the same way. Of
    offers that each take of what the others left, its turn may be another one: an amount takes more of what
    is left than before a percentage."""
    groups: dict[str, list[Offer]] = {}
    in_turn = 0
    for one in offers:
        in_turn += one.mode == "multiplicative"
        if one.group:
            groups.setdefault(one.group, []).append(one)
    for some in groups.values():
        if len({(one.kind, one.mode) for one in some}) > 1:
            return False
        if len(some) > 1 and some[0].mode == "multiplicative" and in_turn > len(some):
            return False
    return True


def stretches(options: Sequence[Sequence[Option]], stood: Sequence[Running] | None = None) -> list[Stretch]:
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
            World(
                tuple(then for then, _ in chosen if then is not None),
                tuple(was for _, was in chosen if was is not None),
                earlier,
            )
            for chosen in (product(*here) if count <= MOST_WORLDS else ())
        )
        found.append(Stretch(start, worlds, after))
    return found


def first_breach(stretches: Iterable[Stretch], prices: Asked, floor: int) -> Breach | None:
    return next((found for one in stretches if (found := one.below(prices, floor)) is not None), None)
