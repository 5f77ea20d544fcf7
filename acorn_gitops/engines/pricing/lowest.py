"""The least that any buyer can pay. Comes in: the offers of a listing at one time. Goes out: the least price
over every combination that one buyer can be in, and through which offers. Callers: `calendar` for specs,
`held` for what marketplaces hold.

Buyers choose: they enter a code or not, take a coupon or not, belong to an audience, buy more pieces, fill a
basket. More offers are not always a lower price: in a group a code may win against the better sale price, a
best-only offer may push others aside. So the least is searched, not assumed.

What makes the search small, without losing any combination:
- An offer that is no sale price and in no group never makes a price dearer (it takes its part, and a
  best-only one holds only where it is better): whoever can have it has it.
- Of a group only the winner matters. A buyer's choices in a group of n are therefore n + 1, not 2 to the n;
  of sale prices without a group likewise.
- What a combination pays is bounded from below by its percentages and amounts alone; one whose bound is not
  below the least found so far is not computed.
Twelve offers have 4 to the 4 combinations of winners at worst. Where there are more than `MOST` in all, the
answer is a bound that no combination goes below, and says so (`exact`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Final, NamedTuple

from acorn_gitops.engines.pricing.price import WHOLE, Offer, Price, effective, part_of, pays_under

MOST: Final = 4096
"""Combinations of one time that are looked at."""

MOST_BUYERS: Final = 128
"""Sorts of buyers that are told apart."""

MOST_SOME_BUYERS: Final = 512
"""The same, of those who have few codes."""

BESIDES: Final = 4
"""What computing a combination costs beside its offers, in offers."""

EXCLUSIVE: Final = frozenset({"prime", "b2b"})
"""Nobody is both. A segment may be of either."""

State = tuple[Offer, ...]
"""What one buyer has at once."""


class _Candidate(NamedTuple):
    state: State
    pays: Callable[[int], int]
    asks: int
    """How many of them not everybody has."""
    share: int
    """What is at least left of the base, in billionths, amounts aside."""
    amounts: int
    """What is taken off at most beside percentages: minor units, and one for each rounding."""
    sale: int | None
    """The lowest sale price of the state."""


@dataclass(frozen=True)
class Lowest:
    """The least price under some offers, at any list price. `exact`: every combination was looked at;
    otherwise `pays` is a bound that none goes below."""

    states: tuple[State, ...]
    exact: bool = True

    def pays(self, listed: int) -> int:
        """The least that is paid, in minor units."""
        return self._only(listed) if self._only is not None else self._search(listed)[0]

    def looked(self, listed: int) -> tuple[int, int]:
        """The least that is paid, and how much was looked at for it: combinations times what each holds."""
        if self._only is not None:
            return self._only(listed), 1
        pays, _, looks = self._searched(listed)
        return pays, looks

    def bounded(self) -> Lowest:
        """A bound that none of these combinations goes below, at no cost."""
        every = dict.fromkeys(offer for state in self.states for offer in state)
        return Lowest((tuple(every),), exact=False)

    def at(self, listed: int) -> Price:
        """The least price with its trace. Of combinations that pay alike the one with the fewest
        conditions."""
        if not self.exact:
            bound = self.pays(listed)
            return effective(listed, self.states[0])._replace(pays=bound)
        return effective(listed, self.state(listed))

    def state(self, listed: int) -> State:
        """The offers of the buyer who pays least."""
        return self.states[0] if self._only is not None else self._search(listed)[1].state

    @cached_property
    def _only(self) -> Callable[[int], int] | None:
        if not self.exact:
            return _bound(self.states[0])
        return pays_under(self.states[0]) if len(self.states) == 1 else None

    @cached_property
    def _candidates(self) -> list[_Candidate]:
        """The deepest first: it makes most others superfluous."""
        return sorted((_candidate(state) for state in self.states), key=lambda c: (c.share, -c.amounts))

    def _search(self, listed: int) -> tuple[int, _Candidate]:
        return self._searched(listed)[:2]

    def _searched(self, listed: int) -> tuple[int, _Candidate, int]:
        best, found, looks = listed + 1, self._candidates[0], 0
        for one in self._candidates:
            base = listed if one.sale is None or one.sale > listed else one.sale
            if base * one.share // WHOLE - one.amounts > best:
                continue
            pays = one.pays(listed)
            looks += len(one.state) + BESIDES
            if pays < best or (pays == best and one.asks < found.asks):
                best, found = pays, one
        return best, found, looks


def lowest(offers: Sequence[Offer]) -> Lowest:
    """The least price over all combinations of these offers that one buyer can be in."""
    return Lowest(*_states(offers))


def lowest_of_kinds(offers: Sequence[Offer], kind: Callable[[State], Hashable]) -> Mapping[Hashable, Lowest]:
    """As `lowest`, apart for each kind of combination: what is allowed may depend on which offers take
    part."""
    states, exact = _states(offers)
    sorts: dict[Hashable, list[State]] = {}
    for state in states:
        sorts.setdefault(kind(state), []).append(state)
    return {which: Lowest(tuple(some), exact) for which, some in sorts.items()}


def buyers(offers: Sequence[Offer]) -> list[frozenset[Offer]] | None:
    """What each buyer can have at most, of whom these offers tell one from another: by audience, pieces,
    basket, and the codes and coupons that he has. None where there are more than `MOST_BUYERS`. What he pays
    is the least under what he can have, as nobody enters a code that makes it dearer."""
    named = sorted({o.choice for o in offers} - {""})
    return _sorts(offers, named, len(named), MOST_BUYERS) if len(named) <= MOST_BUYERS.bit_length() else None


def some_buyers(offers: Sequence[Offer]) -> list[frozenset[Offer]] | None:
    """As `buyers`; where there are too many of them, those who have two codes or coupons at most, or one.
    None where even these are too many."""
    named = sorted({o.choice for o in offers} - {""})
    return (
        buyers(offers)
        or _sorts(offers, named, 2, MOST_SOME_BUYERS)
        or _sorts(offers, named, 1, MOST_SOME_BUYERS)
    )


def as_is(offers: Iterable[Offer]) -> State:
    """Offers for one of these sorts of buyers, who has them all: he is who he is, and buys what he buys. Only
    codes and coupons are left to choose."""
    return tuple(one._replace(audience="all", quantity=1, basket=0) for one in offers)


def _sorts(
    offers: Sequence[Offer], choices: Sequence[str], has: int, most: int
) -> list[frozenset[Offer]] | None:
    """Sorts of buyers who have so many of these choices at most."""
    found: dict[frozenset[Offer], None] = {}
    for there in _reach(offers):
        for number in range(min(has, len(choices)) + 1):
            for some in combinations(choices, number):
                found[frozenset(o for o in there if not o.choice or o.choice in some)] = None
                if len(found) > most:
                    return None
    return [*found]


def turns(offers: Sequence[Offer]) -> Iterator[int]:
    """List prices at which another offer of a group becomes the best one of it. Only there can a price that
    is higher leave far less: the new winner may stand beside offers that the old one kept away."""
    for one, other in combinations((offer for offer in offers if offer.group), 2):
        if one.group != other.group or one.kind == other.kind:
            continue
        kinds = {offer.kind: offer.value for offer in (one, other)}
        percent, amount, sale = kinds.get("percent"), kinds.get("amount"), kinds.get("sale")
        if percent and amount is not None:
            yield amount * WHOLE // percent
        elif percent is not None and sale is not None and percent < WHOLE:
            yield sale * WHOLE // (WHOLE - percent)
        elif amount is not None and sale is not None:
            yield sale + amount


def _states(offers: Sequence[Offer]) -> tuple[tuple[State, ...], bool]:
    """Combinations of which one pays least whatever the list price, and whether none was left out. Where some
    are left out, all offers at once."""
    if not any(_asked(offer) for offer in offers):
        return (tuple(offers),), True
    sorts = (len({o.quantity for o in offers}) + 1) * (len({o.basket for o in offers}) + 1)
    if sorts * len(offers) > MOST:
        return (tuple(offers),), False
    if not any(_picky(offer) for offer in offers):
        return _largest(_reach(offers)), True
    found: dict[State, dict[State, None]] = {}
    count = 0
    for there in _reach(offers):
        for state in _choices(there):
            count += 1
            if count > MOST:
                return (tuple(offers),), False
            picky = tuple(o for o in state if _picky(o))
            found.setdefault(picky, {})[state] = None
    return tuple(s for alike in found.values() for s in _largest(alike)), True


def _asked(offer: Offer) -> bool:
    """Whether not everybody has it."""
    return bool(offer.audience != "all" or offer.choice or offer.quantity > 1 or offer.basket)


def _picky(offer: Offer) -> bool:
    """Whether taking it may make a price dearer."""
    return bool(offer.group) or offer.kind == "sale"


def _reach(offers: Sequence[Offer]) -> Iterator[State]:
    """What is within the reach of each sort of buyer: by audience, pieces and basket."""
    named = sorted({o.audience for o in offers} - {"all"})
    every = [set(some) for n in range(len(named), -1, -1) for some in combinations(named, n)]
    audiences = [some for some in every if not some >= EXCLUSIVE]
    pieces = sorted({1, *(o.quantity for o in offers)}, reverse=True)
    baskets = sorted({0, *(o.basket for o in offers)}, reverse=True)
    seen = set()
    for who, quantity, basket in product(audiences, pieces, baskets):
        there = tuple(
            o
            for o in offers
            if (o.audience == "all" or o.audience in who) and o.quantity <= quantity and o.basket <= basket
        )
        if there not in seen:
            seen.add(there)
            yield there


def _choices(there: State) -> Iterator[State]:
    """What a buyer can choose among what is within reach."""
    chosen: dict[str, list[Offer]] = {}
    for offer in there:
        if offer.choice:
            chosen.setdefault(offer.choice, []).append(offer)
    free = {choice: some for choice, some in chosen.items() if any(map(_picky, some))}
    fields: dict[str, list[tuple[str, ...]]] = {}
    """What excludes each other: the choices of a group, of sale prices without one, or a single choice and
    nothing."""
    for choice, some in free.items():
        alone = len(some) == 1
        field = f"group {some[0].group}" if alone else f"choice {choice}"
        fields.setdefault(field, [()]).append((choice,))
    for picked in product(*fields.values()):
        taken = {choice for some in picked for choice in some}
        yield tuple(o for o in there if o.choice not in free or o.choice in taken)


def _largest(states: Mapping[State, None] | Iterator[State]) -> tuple[State, ...]:
    """Of states that differ in nothing that can make a price dearer, those that no other one holds."""
    kept: list[tuple[frozenset[Offer], State]] = []
    for state in sorted(states, key=len, reverse=True):
        content = frozenset(state)
        if not any(content <= other for other, _ in kept):
            kept.append((content, state))
    return tuple(state for _, state in kept)


def _candidate(state: State) -> _Candidate:
    chained, alone, amounts = WHOLE, 0, 0
    together: dict[str, int] = {}
    """What is taken off one base at most, in billionths: of a group, what one of it takes, whatever its
    mode."""
    for offer in state:
        if offer.kind == "sale":
            continue
        part = offer.value if offer.kind == "percent" else 0
        amounts += 1 + (offer.value if offer.kind == "amount" else 0)
        if offer.group:
            together[offer.group] = max(together.get(offer.group, 0), part)
        elif offer.mode == "multiplicative":
            chained = chained * (WHOLE - part) // WHOLE
        elif offer.mode == "bestOnly":
            alone = max(alone, part)
        else:
            together[f"\0{offer.name}"] = part
    share = max(0, WHOLE - sum(together.values())) * chained // WHOLE
    sale = min((o.value for o in state if o.kind == "sale"), default=None)
    asks = sum(map(_asked, state))
    return _Candidate(
        state, pays_under(state), asks, share=min(share, WHOLE - alone), amounts=amounts, sale=sale
    )


def _bound(offers: State) -> Callable[[int], int]:
    """What no combination goes below: the lowest sale price less what each offer takes of the list price at
    most, of a group the most."""
    sale = min((o.value for o in offers if o.kind == "sale"), default=None)
    cuts = [o for o in offers if o.kind != "sale"]

    def pays(listed: int) -> int:
        most: dict[str, int] = {}
        for offer in cuts:
            off = part_of(listed, offer.value) if offer.kind == "percent" else offer.value
            key = offer.group or f"\0{offer.name}"
            most[key] = max(most.get(key, 0), off)
        base = listed if sale is None else min(sale, listed)
        return max(0, base - sum(most.values()))

    return pays
