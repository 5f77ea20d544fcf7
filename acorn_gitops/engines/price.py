"""The price that a buyer pays. Comes in: a list price and the offers on it. Goes out: the price, and what each offer
did to it. Callers: `calendar`, cli `price`.

In this order, so that the order of files decides nothing:
1. Offers are sorted by tier, then priority (higher first), then name.
2. Of an exclusivity group only the offer that is best for the buyer holds, alone; of equal ones the higher priority,
   then the first name. A group with a sale price in it is settled first, as the base depends on it.
3. The base is the lowest of the list price and the sale prices that hold. A sale price above the list price raises
   nothing.
4. Additive offers each take their part of the base; multiplicative ones of what is left; a best-only offer holds
   alone, when alone it is better than everything else together. Every discount is rounded half up to the currency's
   minor unit before it is subtracted, and nothing costs less than nothing.

Amounts are integers in the currency's minor unit; percentages are integers in millionths (15 % is 150,000).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple

WHOLE: Final = 1_000_000
"""100 % in millionths."""

Mode = Literal["additive", "multiplicative", "bestOnly"]
Kind = Literal["percent", "amount", "sale"]


class Offer(NamedTuple):
    """What one promotion offers on one SKU in one store."""

    name: str
    kind: Kind
    value: int
    """percent: millionths; amount: minor units off; sale: the price in minor units."""
    tier: int = 20
    priority: int = 0
    group: str = ""
    mode: Mode = "additive"
    condition: str = ""
    """What a buyer must do for it ("with code HYGGE10"); empty when everybody has it."""


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


def part_of(amount: int, millionths: int) -> int:
    """A percentage of an amount, rounded half up."""
    return (2 * amount * millionths + WHOLE) // (2 * WHOLE)


def effective(listed: int, offers: Iterable[Offer]) -> Price:
    """The price when all of these offers are active at once."""
    every = sorted(offers, key=lambda o: (o.tier, -o.priority, o.name))
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
    best = max(alone, key=lambda o: (_off(o, base), o.priority, _reversed(o.name)), default=None)
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
    return Price(listed, base, pays, tuple(steps[o.name] for o in every))


def pays_under(offers: Sequence[Offer]) -> Callable[[int], int]:
    """What is paid at a list price when these offers are active, without the trace: for sweeps over a catalogue. Of
    percentages it does not depend on the price which of a group is best, so that is settled once for all prices."""
    if any(offer.kind != "percent" for offer in offers):
        return lambda listed: effective(listed, offers).pays
    chosen = {
        o.group: o for o in sorted(offers, key=lambda o: (o.value, o.priority, _reversed(o.name))) if o.group
    }
    kept = [o for o in offers if not o.group or chosen[o.group] is o]
    additive = [o.value for o in kept if o.mode == "additive"]
    chained = [
        o.value
        for o in sorted(kept, key=lambda o: (o.tier, -o.priority, o.name))
        if o.mode == "multiplicative"
    ]
    alone = max((o.value for o in kept if o.mode == "bestOnly"), default=0)

    def pays(listed: int) -> int:
        left = listed
        for value in additive:
            left -= (2 * listed * value + WHOLE) // (2 * WHOLE)
        left = max(left, 0)
        for value in chained:
            left = max(left - (2 * left * value + WHOLE) // (2 * WHOLE), 0)
        if alone:
            left = min(left, max(listed - (2 * listed * alone + WHOLE) // (2 * WHOLE), 0))
        return left

    return pays


def _off(offer: Offer, amount: int) -> int:
    """What an offer alone takes off an amount."""
    return min(amount, part_of(amount, offer.value) if offer.kind == "percent" else offer.value)


def _reversed(name: str) -> tuple[int, ...]:
    """So that of equal offers `max` chooses the first name."""
    return tuple(-ord(c) for c in name)


def _without_beaten_sales(offers: Sequence[Offer], listed: int, steps: dict[str, Step]) -> list[Offer]:
    """The offers without those that another of their group beats, for groups with a sale price."""
    mixed = {o.group for o in offers if o.group and o.kind == "sale"}
    if not mixed:
        return list(offers)
    base = min([listed, *(o.value for o in offers if o.kind == "sale" and not o.group)])

    def key(offer: Offer) -> tuple[int, int, tuple[int, ...]]:
        gives = max(0, base - offer.value) if offer.kind == "sale" else _off(offer, base)
        return gives, offer.priority, _reversed(offer.name)

    best = {group: max((o for o in offers if o.group == group), key=key) for group in mixed}
    kept = []
    for offer in offers:
        if offer.group in best and best[offer.group] is not offer:
            steps[offer.name] = Step(offer, 0, f"{best[offer.group].name} is better in group {offer.group}")
        else:
            kept.append(offer)
    return kept


def _best_of_groups(offers: Sequence[Offer], base: int, steps: dict[str, Step]) -> list[Offer]:
    best: dict[str, Offer] = {}
    key: Callable[[Offer], tuple[int, int, tuple[int, ...]]] = lambda o: (  # noqa: E731 - used twice below
        _off(o, base),
        o.priority,
        _reversed(o.name),
    )
    for offer in offers:
        if offer.group and (offer.group not in best or key(offer) > key(best[offer.group])):
            best[offer.group] = offer
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
