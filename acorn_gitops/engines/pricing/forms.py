"""What a promotion may be at this moment: what a store shows of it, or what was sent and may come. Comes in:
its attributes. Goes out: what it offers from when to when, and to which buyers. Callers: `standing`, `falls`,
`attested`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from acorn_gitops.engines.pricing.lowest import EXCLUSIVE
from acorn_gitops.engines.pricing.offer import NotComputable, offer_of
from acorn_gitops.engines.pricing.price import Offer
from acorn_gitops.resources.buyers import EVERYBODY, Buyer
from acorn_gitops.resources.promotion import JOINS

Money = Mapping[str, str]

Reach = frozenset[tuple[str, int]]
"""Promotions that hold for a listing: the key of each, and which of its forms."""

Form = tuple[str, Mapping[str, object]] | None
"""What a promotion may be at this moment: its key and what it says; None where it may not be there."""


class Running(NamedTuple):
    """An offer of a promotion that has not ended, and when it holds."""

    offer: Offer
    start: datetime
    end: datetime


Variants = tuple[Running | None, ...]
"""What one promotion may be, form by form: with two of them nobody knows which one is there."""

NONSENSE: Final = (ArithmeticError, LookupError, TypeError, ValueError)
"""What comes of values that are none."""


def running(
    key: str, attributes: Mapping[str, object], currency: str, now: datetime, platform: str
) -> Running | None:
    """What a promotion offers from now on; None when it is over, or leaves prices alone. NotComputable when
    it is wrong."""
    if attributes.get("enabled") is False:
        return None  # it is switched off
    try:
        start = instant(attributes["start"])
        end = instant(attributes["end"])
    except (KeyError, ValueError, OverflowError):
        raise NotComputable(f"{key} has no window") from None
    if start >= end:
        raise NotComputable(f"{key} ends before it begins")
    if end <= now:
        return None
    if ANY in skus_of((key, attributes)):
        raise NotComputable(f"{key} does not say what it is for{WAY_OUT if key.startswith(ATTESTED) else ''}")
    offer = offer_of(key, attributes, currency, platform=platform)
    if offer is None:
        return None
    return Running(offer, max(start, now), end)


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


ANY: Final = ""
"""In place of a SKU: whatever there is."""


def joining(product: str) -> str:
    """In place of a SKU: those of a product. No SKU holds this letter."""
    return f"\0{product}"


def skus_of(form: Form) -> Iterable[str]:
    """What a promotion names; `ANY` where that is not a list of texts."""
    if form is None:
        return ()
    attributes = form[1]
    skus, joins = attributes.get("skus"), attributes.get(JOINS) or []
    if not isinstance(skus, list) or not isinstance(joins, list):
        return (ANY,)
    if not all(isinstance(one, str) for one in (*skus, *joins)):
        return (ANY,)
    return {*(sku.casefold() for sku in skus), *map(joining, joins)}


ATTESTED: Final = "attested:"
"""What the key of a promotion begins with that people made by hand, and no reading shows."""
WAY_OUT: Final = (
    ": its record in evidence/ is older than that; attest it again, or take it out once it is gone"
)


def instant(text: object) -> datetime:
    """ValueError without an offset: whose clock is meant is not known."""
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return moment.astimezone(UTC)
