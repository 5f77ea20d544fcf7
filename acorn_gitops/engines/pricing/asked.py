"""What one listing costs at one moment, and why. Comes in: a calendar, a listing, an instant, who buys. Goes
out: what is paid, the least that anybody pays, and the floor below which that must not be. Caller: cli
`price`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, cast

from acorn_gitops.engines.pricing.calendar import Calendar, Listed
from acorn_gitops.engines.pricing.floors import floor_of, respected
from acorn_gitops.engines.pricing.lowest import lowest_of_kinds
from acorn_gitops.engines.pricing.margin import Margins
from acorn_gitops.engines.pricing.offer import minor
from acorn_gitops.engines.pricing.price import Offer, Price, effective
from acorn_gitops.resources.buyers import EVERYBODY, Buyer


class Asked(NamedTuple):
    """Amounts are in minor units."""

    listed: Listed
    offers: Sequence[Offer]
    """What holds then for whoever buys."""
    price: Price
    """What is paid by somebody who asks for nothing."""
    worst: Price
    """What is paid at least; `worst.listed` is another list price than today's where the price is ceded, or
    less is asked for more pieces."""
    for_pieces: str
    """Of whom that list price is asked, for people: `for businesses from 10 pieces`; empty for everybody."""
    floor: tuple[int, str] | None
    """The floor, and what it is called."""

    @property
    def is_low(self) -> bool:
        """Whether the least is below the floor."""
        return self.floor is not None and self.worst.pays < self.floor[0]


def asked(calendar: Calendar, listed: Listed, at: datetime, audience: str) -> Asked:
    """Of a ceded price every list price of its band counts, and to a business every tier; of all that is paid
    at least, what is furthest below a floor, or else the lowest. A business pays for one piece what
    businesses are asked for one, where that is less."""
    config, currency = calendar.configuration, listed.currency
    here = calendar.active(listed, at, audience)
    theirs = _asked_of(calendar, listed, audience)
    one_piece = [price for price, buyer in theirs.items() if buyer.pieces == 1]
    price = effective(
        min([listed.price, *one_piece]),
        [o for o in here if not o.condition or o.condition == f"for {audience}"],
    )
    mine = [offer._replace(audience="all") for offer in here]
    least = Margins(config, at.date().isoformat()).least(listed.sku, listed.store, currency)
    margin = (minor(str(least.amount), currency), "margin") if least is not None else None
    found: list[tuple[Price, tuple[int, str] | None]] = []
    sorts = lowest_of_kinds(mine, lambda state: respected(config.promos[o.name] for o in state))
    for respect, lowest in sorts.items():
        named = floor_of(listed.sku, listed.store, currency, respect=cast("frozenset[str]", respect))
        floor = max((one for one in (named, margin) if one is not None), default=None)
        found += [(lowest.at(one), floor) for one in (*calendar.band(listed, mine), *theirs)]
    worst, floor = min(found, key=_how_bad)
    buyer = theirs.get(worst.listed, EVERYBODY)
    return Asked(listed, here, price, worst=worst, for_pieces=buyer.words.strip(), floor=floor)


def _asked_of(calendar: Calendar, listed: Listed, audience: str) -> dict[int, Buyer]:
    """What is asked of an audience beside the price for everybody: by amount, of whom."""
    if audience != "b2b":
        return {}
    every = calendar.of_businesses(listed.sku)
    return {one.price: one.buyer for one in every if (one.store, one.key) == (listed.store, listed.key)}


def _how_bad(found: tuple[Price, tuple[int, str] | None]) -> tuple[int, int]:
    worst, floor = found
    return min(0, worst.pays - floor[0]) if floor is not None else 0, worst.pays
