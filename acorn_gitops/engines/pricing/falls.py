"""What falls between the promotions of before and those of after. Comes in: both. Goes out: where less than a
floor is paid, and where what is paid falls most. Callers: reconcile `promoted`, apply's price guard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import pairwise, product
from typing import Final

from acorn_gitops.engines.pricing.forms import (
    Money,
    Reach,
    Running,
    Variants,
    reaching,
)
from acorn_gitops.engines.pricing.lowest import Lowest, as_is, lowest, some_buyers
from acorn_gitops.engines.pricing.offer import minor
from acorn_gitops.engines.pricing.price import Offer
from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.engines.pricing.worlds import (
    Asked,
    Breach,
    Option,
    Stretch,
    first_breach,
    stretches,
)
from acorn_gitops.resources.buyers import EVERYBODY, Buyer

_Memo = tuple[Reach, Reach, str, str]
"""Promotions before and after, the currency, the audience of the buyer."""

MOST_OFFERS: Final = 200_000
"""Offers that are looked at, time by time, to tell one sort of buyer from another."""


class Falls:
    """What buyers pay with the promotions of before and with those of after, time by time: a sale of one day
    that was agreed says nothing of another that runs for years, and a code for a few nothing of a price for
    all."""

    def __init__(self, before: HeldPromotions, after: HeldPromotions) -> None:
        self._before, self._after = before, after
        self._stretches: dict[_Memo, list[Stretch]] = {}
        self._pairs: dict[tuple[_Memo, bool], list[tuple[Lowest, Lowest]]] = {}
        """Also by whether the list price moves."""

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
        memo = self._memo(sku, former or sku, currency, buyer)
        if memo not in self._stretches:
            before = reaching(self._before.running(memo[0], currency), buyer)
            after = reaching(self._after.running(memo[1], currency), buyer)
            self._stretches[memo] = stretches([*_paired(after, before)])
        paid = minor(was["value"], currency) if was is not None and was["currency"] == currency else None
        return first_breach(self._stretches[memo], Asked(minor(then["value"], currency), paid), floor=floor)

    def deepest(
        self, sku: str, was: Money, then: Money, *, former: str = "", buyer: Buyer = EVERYBODY
    ) -> tuple[int, int]:
        """What is paid before and after (minor units) where it falls most, at the list prices `was` and
        `then`: looked for among all times from now on with promotions: those who pay least, those who meet
        each condition, and everybody who does nothing for it. `former`: the SKU that it has until now, where
        it is renamed in place; promotions on it may follow it. `buyer`: who is asked these prices."""
        currency = then["currency"]
        memo = self._memo(sku, former or sku, currency, buyer)
        first, second = minor(was["value"], currency), minor(then["value"], currency)
        moves = first != second
        if (memo, moves) not in self._pairs:
            pairs = self._between(memo[0], memo[1], currency, buyer=buyer, moves=moves)
            self._pairs[memo, moves] = [(lowest(had), lowest(has)) for had, has in pairs]
        paid = ((had.pays(first), has.pays(second)) for had, has in self._pairs[memo, moves])
        return max(paid, key=lambda p: Fraction(p[0] - p[1], p[0] or 1), default=(first, first))

    def _memo(self, sku: str, former: str, currency: str, buyer: Buyer) -> _Memo:
        return self._before.reach(former), self._after.reach(sku, former), currency, buyer.audience

    def _between(
        self, before: Reach, after: Reach, currency: str, *, buyer: Buyer, moves: bool
    ) -> Iterable[_Pair]:
        """Of each time with promotions, what somebody had then and has: who pays least, and each sort of
        buyer; `moves`: also of those for whom only the list price is another. Where all fall alike, or there
        are very many sorts: who meets one condition, and who does nothing for it. What is paid between
        promotions is the list price: others judge it. Where there are too many to tell them apart, all count
        as if they had paid the list price."""
        old = _single(self._before.computable(before, currency), buyer)
        new = _single(self._after.computable(after, currency), buyer)
        found = dict[_Pair, None]()
        left = MOST_OFFERS
        # What changes is looked at first, so that nothing else uses up the looking.
        for was, then in sorted(_times(old, new), key=lambda both: both[0] == both[1]):
            found[was, then] = None
            if not was or (was == then and not moves):
                continue  # all paid alike, or pay what they paid
            # Where all take shares and only the list price changes, it falls alike for everybody.
            alike = was == then and all(one.kind == "percent" for one in was)
            some = _each_buyer(was, then) if not alike and left > 0 else None
            for pair in some or _each_condition(was, then):
                if pair not in found and (moves or pair[0] != pair[1]):
                    found[pair] = None
                    left -= 1 + len(pair[0]) + len(pair[1])
            if some is None and was != then:
                found[(), then] = None
        return found


def _times(old: Mapping[str, Running], new: Mapping[str, Running]) -> Iterable[_Pair]:
    """What is on offer before and after, at each time at which anything is; each once."""
    edges = sorted({edge for one in (*old.values(), *new.values()) for edge in (one.start, one.end)})
    found = dict[_Pair, None]()
    for start, _ in pairwise(edges):
        was = tuple(one.offer for one in old.values() if one.start <= start < one.end)
        then = tuple(one.offer for one in new.values() if one.start <= start < one.end)
        if was or then:
            found[was, then] = None
    return found


_Pair = tuple[tuple[Offer, ...], tuple[Offer, ...]]
"""What somebody had, and has."""


def _each_buyer(was: tuple[Offer, ...], then: tuple[Offer, ...]) -> list[_Pair] | None:
    """What each sort of buyer had and has; None where there are too many of them."""
    sorts = some_buyers([*dict.fromkeys((*was, *then))])
    if sorts is None:
        return None
    return [(as_is(o for o in was if o in has), as_is(o for o in then if o in has)) for has in sorts]


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


def _single(running: Mapping[str, Running], buyer: Buyer) -> dict[str, Running]:
    """As `reaching`, of promotions of which each is one."""
    seen = reaching({key: (one,) for key, one in running.items()}, buyer)
    return {key: one for key, (one,) in seen.items() if one is not None}


def _paired(after: Mapping[str, Variants], before: Mapping[str, Variants]) -> Iterator[list[Option]]:
    """Of each promotion, each way in which it may be after and before."""
    for key in sorted({*after, *before}):
        then, was = after.get(key, (None,)), before.get(key, (None,))
        yield [(one, one) for one in then] if then == was else [*product(then, was)]
