"""The offers of an item, as Amazon has them. Comes in: an item's attributes. Goes out: amounts, and whether
anybody can buy it. Callers: the modules of this adapter.

An instance of an attribute belongs to a marketplace; an offer to a currency and an audience, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.by_looking import Raw, RemoteStore
from acorn_gitops.model.finding import Incomplete

Tree = Raw
PRICES: Final[Mapping[str, str]] = {
    "price": "our_price",
    "minPrice": "minimum_seller_allowed_price",
    "maxPrice": "maximum_seller_allowed_price",
    "mapPrice": "map_price",
}
OFFER: Final = "purchasable_offer"
SALE: Final = "discounted_price"


def ambiguous(store: RemoteStore, attributes: Tree) -> str:
    """Why nobody can say what an item costs; empty where it can be said."""
    mine = [
        one
        for one in attributes.get(OFFER) or ()
        if one.get("marketplace_id", store.id) == store.id
        and one.get("audience", "ALL") == "ALL"
        and one.get("currency") == store.raw["currency"]
    ]
    if len(mine) > 1:
        return f"there are {len(mine)} offers to everybody, and which one counts cannot be known"
    for name in PRICES.values() if mine else ():
        blocks = mine[0].get(name) or []
        if len(blocks) > 1 or any(len(block.get("schedule") or ()) > 1 for block in blocks):
            return f"its {name} has several amounts, and which one counts cannot be known"
    return ""


def offer_of(store: RemoteStore, attributes: Tree) -> Tree:
    """The offer to everybody, in the marketplace's currency."""
    for one in offers_of(store, attributes):
        if one.get("audience", "ALL") == "ALL" and one.get("currency") == store.raw["currency"]:
            return one
    return {}


def offers_of(store: RemoteStore, attributes: Tree) -> list[Tree]:
    """The offers in a marketplace: to everybody, and to businesses."""
    return [
        dict(one) for one in attributes.get(OFFER) or () if one.get("marketplace_id", store.id) == store.id
    ]


def is_sold(store: RemoteStore, attributes: Tree, now: datetime) -> bool:
    """Whether anybody can buy it now, but for stock: an offer has a price, and has begun and not ended."""
    return any(
        amount_of(offer, "our_price") is not None and is_on(offer, now)
        for offer in offers_of(store, attributes)
    )


def is_on(offer: Tree, now: datetime) -> bool:
    """Whether an offer has begun, and has not ended. What is no instant says nothing."""
    begins, ends = _when(offer.get("start_at")), _when(offer.get("end_at"))
    return (begins is None or begins <= now) and (ends is None or now < ends)


def _when(said: object) -> datetime | None:
    text = said.get("value") if isinstance(said, dict) else said
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def amount_of(offer: Tree, name: str) -> Decimal | None:
    """The amount of a price; None where there is none. An amount is a number, and nothing else is."""
    blocks = offer.get(name)
    if not blocks:
        return None
    amount = blocks[0]["schedule"][0]["value_with_tax"]
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise Incomplete(f"a price makes no sense: {one_line(str(amount), 40)}")
    found = Decimal(amount)
    if not 0 <= found < Decimal(10) ** 12 or -int(found.normalize().as_tuple().exponent) > 4:
        raise Incomplete(f"a price makes no sense: {one_line(str(amount), 40)}")
    return found
