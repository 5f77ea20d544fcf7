"""The offers of an item, as Amazon has them. Comes in: an item's attributes. Goes out: amounts, and whether
anybody can buy it. Callers: the modules of this adapter.

An instance of an attribute belongs to a marketplace; an offer to a currency and an audience, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from typing import Final

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.by_looking import Raw, RemoteStore
from acorn_gitops.model.finding import Incomplete, MarketplaceError
from acorn_gitops.model.money import canonical, quantum
from acorn_gitops.model.resource import Attributes
from acorn_gitops.resources.buyers import BUSINESS_PRICE, BUSINESS_TIERS, MOST_TIERS

Tree = Raw
PRICES: Final[Mapping[str, str]] = {
    "price": "our_price",
    "minPrice": "minimum_seller_allowed_price",
    "maxPrice": "maximum_seller_allowed_price",
    "mapPrice": "map_price",
}
OFFER: Final = "purchasable_offer"
SALE: Final = "discounted_price"
BUSINESS: Final = "B2B"
PLAN: Final = "quantity_discount_plan"
"""Of an offer to businesses: what a piece costs from so many on."""


def ambiguous(store: RemoteStore, attributes: Tree) -> str:
    """Why nobody can say what an item costs; empty where it can be said."""
    for audience, whom in (("ALL", "everybody"), (BUSINESS, "businesses")):
        mine = _offers_to(store, attributes, audience)
        if len(mine) > 1:
            return f"there are {len(mine)} offers to {whom}, and which one counts cannot be known"
        for name in PRICES.values() if mine else ():
            blocks = mine[0].get(name) or []
            if len(blocks) > 1 or any(len(block.get("schedule") or ()) > 1 for block in blocks):
                return f"its {name} has several amounts, and which one counts cannot be known"
    return ""


def offer_of(store: RemoteStore, attributes: Tree, audience: str = "ALL") -> Tree:
    """The offer to an audience (everybody), in the marketplace's currency."""
    return next(iter(_offers_to(store, attributes, audience)), {})


def _offers_to(store: RemoteStore, attributes: Tree, audience: str) -> list[Tree]:
    currency = store.raw["currency"]
    return [
        one
        for one in offers_of(store, attributes)
        if one.get("audience", "ALL") == audience and one.get("currency") == currency
    ]


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
    return as_amount(blocks[0]["schedule"][0]["value_with_tax"])


def as_amount(said: object) -> Decimal:
    """What somebody asks, or takes off; Incomplete where it makes no sense."""
    if isinstance(said, bool) or not isinstance(said, int | Decimal):
        raise Incomplete(f"a price makes no sense: {one_line(str(said), 40)}")
    found = Decimal(said)
    if not 0 <= found < Decimal(10) ** 12 or -int(found.normalize().as_tuple().exponent) > 4:
        raise Incomplete(f"a price makes no sense: {one_line(str(said), 40)}")
    return found


def money_of(amount: Decimal, currency: str) -> dict[str, str]:
    """An amount as acorn writes it."""
    return {"currency": currency, "value": canonical(format(amount, "f"), currency)}


def business_of(store: RemoteStore, attributes: Tree, now: datetime) -> Tree:
    """What an item asks of businesses, in acorn's attributes: nothing where they have no offer of their own,
    or it does not hold now."""
    offer = offer_of(store, attributes, BUSINESS)
    price = amount_of(offer, "our_price")
    if price is None or not is_on(offer, now):
        return {}
    currency = str(offer["currency"])
    made: Tree = {BUSINESS_PRICE: money_of(price, currency)}
    tiers = sorted(islice(_tiers(offer, price, currency), MOST_TIERS + 1))
    if len(tiers) > MOST_TIERS:
        raise Incomplete(f"more than {MOST_TIERS} tiers of one price make no sense")
    if tiers:
        made[BUSINESS_TIERS] = [
            {"minimumQuantity": pieces, "price": money_of(amount, currency)} for pieces, amount in tiers
        ]
    return made


def _tiers(offer: Tree, price: Decimal, currency: str) -> Iterator[tuple[int, Decimal]]:
    """(from so many pieces on, what one costs), of every schedule: a share off is taken of the business
    price."""
    for block in offer.get(PLAN) or ():
        for schedule in block.get("schedule") or ():
            for level in schedule.get("levels") or ():
                pieces, value = level.get("lower_bound"), as_amount(level.get("value"))
                if isinstance(pieces, bool) or not isinstance(pieces, int) or pieces > 10**9:
                    raise Incomplete(f"a number of pieces makes no sense: {one_line(str(pieces), 40)}")
                if schedule.get("discount_type") == "percent":
                    left = price * (100 - min(value, Decimal(100))) / 100
                    value = left.quantize(quantum(currency), ROUND_HALF_UP)
                yield max(pieces, 1), value


def _plan(tiers: Iterable[tuple[int, Decimal]]) -> list[Tree]:
    levels = [{"lower_bound": pieces, "value": amount} for pieces, amount in sorted(tiers)]
    return [{"schedule": [{"discount_type": "fixed", "levels": levels}]}]


def to_businesses(offer: Tree, wish: Attributes) -> Tree:
    """An offer to businesses with what is wished for in the place of what it has; empty where none is left.
    MarketplaceError where it would have tiers and no price."""
    made = dict(offer)
    before = amount_of(offer, "our_price")
    if before is not None and PLAN in offer and BUSINESS_TIERS not in wish:
        # A share off would move with the price: what was judged is what it makes now.
        made[PLAN] = _plan(_tiers(offer, before, str(offer["currency"])))
    if BUSINESS_PRICE in wish:
        price = wish[BUSINESS_PRICE]
        if price is None:
            made.pop("our_price", None)
        else:
            made["our_price"] = [{"schedule": [{"value_with_tax": Decimal(price["value"])}]}]
    if BUSINESS_TIERS in wish:
        tiers = wish[BUSINESS_TIERS]
        if not tiers:
            made.pop(PLAN, None)
        else:
            made[PLAN] = _plan((int(t["minimumQuantity"]), Decimal(t["price"]["value"])) for t in tiers)
    if "our_price" in made:
        return made
    if wish.get(BUSINESS_TIERS):
        raise MarketplaceError("Amazon knows tiers only beside a business price for one piece")
    return {}
