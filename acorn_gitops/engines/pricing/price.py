"""The price that a buyer pays. Comes in: a list price and the offers on it. Goes out: the price, and what
each offer did to it. Callers: `calendar`, cli `price`.

In this order, so that the order of files decides nothing: 1. Offers are sorted by tier, then priority (higher
first), then name. 2. Of an exclusivity group only the offer that is best for the buyer holds, alone; of equal
ones the higher priority,
   then the first name. A group with a sale price in it is settled first, as the base depends on it.
3. The base is the lowest of the list price and the sale prices that hold. A sale price above the list price
raises
   nothing.
4. Additive offers each take their part of the base; multiplicative ones of what is left; a best-only offer
holds
   alone, when alone it is better than everything else together. Every discount is rounded half up to the
   currency's minor unit before it is subtracted, and nothing costs less than nothing.

Amounts are integers in the currency's minor unit; percentages are integers in billionths (15 % is
150,000,000).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple

WHOLE: Final = 1_000_000_000
"""100 % in billionths."""

Mode = Literal["additive", "multiplicative", "bestOnly"]
Kind = Literal["percent", "amount", "sale"]


class Offer(NamedTuple):
    """What one promotion offers on one SKU in one store."""

    name: str
    kind: Kind
    value: int
    """percent: billionths; amount: minor units off; sale: the price in minor units."""
    tier: int = 20
    priority: int = 0
    group: str = ""
    mode: Mode = "additive"
    condition: str = ""
    """What a buyer must do for it ("with code HYGGE10"), for people; empty when everybody has it. The parts
    of it:"""
    audience: str = "all"
    """Who gets it: `all`, or one of the audiences of a promotion."""
    choice: str = ""
    """The code that is entered, or the coupon that is taken: offers with one choice come together. Empty:
    nobody is asked."""
    quantity: int = 1
    """From so many pieces on."""
    basket: int = 0
    """From a basket of so many minor units on."""


class Step(NamedTuple):
    """What an offer did. `taken`: minor units off; 0 and a reason when it did not hold."""

    offer: Offer
    taken: int
    why: str = ""


class Price(NamedTuple):
    """A price with its trace, in minor units."""

    listed: int
    base: int
    pays: int
    steps: tuple[Step, ...]


def part_of(amount: int, billionths: int) -> int:
    """A percentage of an amount, rounded half up."""
    return (2 * amount * billionths + WHOLE) // (2 * WHOLE)


def effective(listed: int, offers: Iterable[Offer]) -> Price:
    """The price when all of these offers are active at once."""
    every = sorted(offers, key=_order)
    steps: dict[str, Step] = {}
    ordered = _without_beaten_sales(every, listed, steps)
    base = min([listed, *(offer.value for offer in ordered if offer.kind == "sale")])
    for offer in ordered:
        if offer.kind == "sale":
            lowest = offer.value == base and offer.value < listed
            why = (
                ""
                if lowest
                else ("not below the list price" if offer.value >= listed else "another is lower")
            )
            steps[offer.name] = Step(offer, listed - offer.value if lowest else 0, why)
    rest = _best_of_groups([o for o in ordered if o.kind != "sale"], base, steps)
    alone = [o for o in rest if o.mode == "bestOnly"]
    together = [o for o in rest if o.mode != "bestOnly"]
    pays, taken = _stacked(base, together)
    best = _best(alone, lambda o: _off(o, base)) if alone else None
    if best is not None and base - _off(best, base) < pays:
        pays = max(0, base - _off(best, base))
        for offer in rest:
            steps[offer.name] = (
                Step(offer, base - pays) if offer is best else Step(offer, 0, f"{best.name} holds alone")
            )
    else:
        for offer in alone:
            steps[offer.name] = Step(
                offer, 0, "others give more" if together else f"{offer.name} gives nothing"
            )
        for offer, off in taken:
            steps[offer.name] = Step(offer, off)
    return Price(listed, base, pays, steps=tuple(steps[o.name] for o in every))


def pays_under(offers: Sequence[Offer]) -> Callable[[int], int]:
    """What is paid at a list price when these offers are active, without the trace: `effective(listed,
    offers).pays`, for sweeps over a catalogue."""
    ordered = sorted(offers, key=_order)
    if any(offer.group for offer in ordered):
        return lambda listed: _grouped(listed, ordered)
    lowest = min((o.value for o in ordered if o.kind == "sale"), default=None)
    rest = [o for o in ordered if o.kind != "sale"]
    percents = [o.value for o in rest if o.mode == "additive" and o.kind == "percent"]
    amounts = sum(o.value for o in rest if o.mode == "additive" and o.kind == "amount")
    chained = [(o.kind == "percent", o.value) for o in rest if o.mode == "multiplicative"]
    alone = [(o.kind == "percent", o.value) for o in rest if o.mode == "bestOnly"]

    def pays(listed: int) -> int:
        base = listed if lowest is None or lowest > listed else lowest
        left = base - amounts
        for value in percents:
            left -= (2 * base * value + WHOLE) // (2 * WHOLE)
        left = max(left, 0)
        for of_it, value in chained:
            left = max(left - ((2 * left * value + WHOLE) // (2 * WHOLE) if of_it else value), 0)
        for of_it, value in alone:
            left = min(left, max(base - ((2 * base * value + WHOLE) // (2 * WHOLE) if of_it else value), 0))
        return left

    return pays


def _grouped(listed: int, ordered: Sequence[Offer]) -> int:
    """As `effective`, of offers in order, without the trace."""
    every = _without_beaten_sales(ordered, listed, {})
    base = min([listed, *(offer.value for offer in every if offer.kind == "sale")])
    rest = _best_of_groups([o for o in every if o.kind != "sale"], base, {})
    pays, _ = _stacked(base, [o for o in rest if o.mode != "bestOnly"])
    for offer in rest:
        if offer.mode == "bestOnly":
            pays = min(pays, base - _off(offer, base))
    return pays


def _order(offer: Offer) -> tuple[int, int, str]:
    return offer.tier, -offer.priority, offer.name


def _off(offer: Offer, amount: int) -> int:
    """What an offer alone takes off an amount."""
    return min(amount, part_of(amount, offer.value) if offer.kind == "percent" else offer.value)


def _best(offers: Iterable[Offer], gives: Callable[[Offer], int]) -> Offer:
    """The one that gives most; of equal ones the higher priority, then the first name."""
    return min(offers, key=lambda o: (-gives(o), -o.priority, o.name))


def _without_beaten_sales(offers: Sequence[Offer], listed: int, steps: dict[str, Step]) -> list[Offer]:
    """The offers without those that another of their group beats, for groups with a sale price."""
    mixed = {o.group for o in offers if o.group and o.kind == "sale"}
    if not mixed:
        return list(offers)
    base = min([listed, *(o.value for o in offers if o.kind == "sale" and not o.group)])

    def gives(offer: Offer) -> int:
        return max(0, base - offer.value) if offer.kind == "sale" else _off(offer, base)

    best = {group: _best((o for o in offers if o.group == group), gives) for group in mixed}
    kept = []
    for offer in offers:
        if offer.group in best and best[offer.group] is not offer:
            steps[offer.name] = Step(offer, 0, f"{best[offer.group].name} is better in group {offer.group}")
        else:
            kept.append(offer)
    return kept


def _best_of_groups(offers: Sequence[Offer], base: int, steps: dict[str, Step]) -> list[Offer]:
    groups = {o.group for o in offers if o.group}
    best = {
        group: _best((o for o in offers if o.group == group), lambda o: _off(o, base)) for group in groups
    }
    kept = []
    for offer in offers:
        if offer.group and best[offer.group] is not offer:
            steps[offer.name] = Step(offer, 0, f"{best[offer.group].name} is better in group {offer.group}")
        else:
            kept.append(offer)
    return kept


def _stacked(base: int, offers: Sequence[Offer]) -> tuple[int, list[tuple[Offer, int]]]:
    """Additive offers off the base, multiplicative ones off what is left."""
    pays = base
    taken: list[tuple[Offer, int]] = []
    for offer in sorted(offers, key=lambda o: o.mode == "multiplicative"):
        off = min(pays, _off(offer, pays if offer.mode == "multiplicative" else base))
        taken.append((offer, off))
        pays -= off
    return pays, taken
