"""Of whom a listing asks which price. Comes in: attributes of a listing. Goes out: its buyers, and the
listing as each of them sees it. Callers: whatever judges prices.

Businesses may be asked a price of their own, and less for more pieces. A floor, a budget, a limit holds for
every buyer, and is asked of the listing as that buyer sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple

from acorn_gitops.model.resource import Attributes, is_money

BUSINESS_PRICE: Final = "businessPrice"
BUSINESS_TIERS: Final = "businessTiers"
MOST_TIERS: Final = 20
"""Of one listing: whoever says more says nothing that can be judged."""
ASKED: Final = ("price", BUSINESS_PRICE, BUSINESS_TIERS)
"""Attributes of a listing that say what a piece costs."""


Listing = Mapping[str, Any]
"""Attributes of a listing, or of a write of one."""


class Buyer(NamedTuple):
    """Who buys, and how many pieces at least."""

    audience: Literal["all", "b2b"]
    pieces: int = 1

    def told(self, why: str) -> str:
        """Something about a price, with the buyer who is asked it; nothing of nothing."""
        return f"{why} ({self.words.strip()})" if why and self.words else why

    @property
    def words(self) -> str:
        """For people, after what it is about: empty for everybody."""
        if self.audience == "all":
            return ""
        return " for businesses" + (f" from {self.pieces:,} pieces" if self.pieces > 1 else "")


EVERYBODY: Final = Buyer("all")


def buyers_of(*listings: Listing | None) -> list[Buyer]:
    """Everybody; and, where one of these listings has prices for businesses, those by the numbers of pieces
    at which any of them changes."""
    pieces: set[int] = set()
    for listing in listings:
        if listing and (listing.get(BUSINESS_PRICE) is not None or listing.get(BUSINESS_TIERS)):
            pieces |= {1, *(least for least, _ in tiers_of(listing))}
    return [EVERYBODY, *(Buyer("b2b", number) for number in sorted(pieces))]


def tiers_of(listing: Listing) -> Iterator[tuple[int, object]]:
    """(from so many pieces on, what one costs). A tier that makes no sense holds from the first piece on,
    with what it says in the place of a price."""
    said = listing.get(BUSINESS_TIERS) or ()
    for tier in said if isinstance(said, list | tuple) and len(said) <= MOST_TIERS else (said,):
        least = tier.get("minimumQuantity") if isinstance(tier, dict) else None
        if isinstance(least, int) and not isinstance(least, bool) and least > 0:
            yield least, tier.get("price") or tier
        else:
            yield 1, tier


def as_seen(listing: Listing, buyer: Buyer) -> Attributes:
    """A listing as a buyer sees it: `price` is what a piece costs for him, the least that he may choose. What
    is no amount, or is in another currency than the rest, is shown in place of the price: nobody can say
    what he pays."""
    if buyer.audience == "all":
        return dict(listing)
    asked = [listing.get("price"), listing.get(BUSINESS_PRICE)]
    asked += [price for least, price in tiers_of(listing) if least <= buyer.pieces]
    return {**listing, "price": _least([one for one in asked if one is not None])}


def asked(*listings: Listing) -> Iterator[tuple[Mapping[str, str] | None, ...]]:
    """What each buyer is asked by these forms of a listing, one after the other; None where that is no
    amount."""
    for buyer in buyers_of(*listings):
        prices = [as_seen(listing, buyer).get("price") for listing in listings]
        yield tuple(price if _amount(price) is not None else None for price in prices)


def asks_no_less(after: Listing, before: Listing) -> bool:
    """Whether nobody is asked less than before, of what was for sale: whatever promotions there are, that
    makes none of them worse."""
    if before.get("status") == "inactive":
        return False
    for then, was in asked(after, before):
        paid, pays = _amount(was), _amount(then)
        if paid is None or pays is None or paid[0] != pays[0] or pays[1] < paid[1]:
            return False
    return True


def write_as_seen(sent: Listing, live: Listing, buyer: Buyer) -> tuple[Attributes, Attributes]:
    """What a write sends, and what it is laid over, as a buyer sees both: `price` is sent where what he is
    asked becomes another."""
    if buyer == EVERYBODY:
        return dict(sent), dict(live)
    before, after = as_seen(live, buyer), as_seen({**live, **sent}, buyer)
    seen = {name: value for name, value in sent.items() if name not in ASKED}
    if after["price"] != before["price"]:
        seen["price"] = after["price"]
    return seen, before


def _least(asked: list[object]) -> object:
    amounts: list[tuple[str, Decimal, object]] = []
    for one in asked:
        found = _amount(one)
        if found is None:
            return one
        amounts.append((*found, one))
    if not amounts:
        return None
    other = next((one for currency, _, one in amounts if currency != amounts[0][0]), None)
    return other or min(amounts, key=lambda one: one[1])[2]


def _amount(said: object) -> tuple[str, Decimal] | None:
    """Currency and amount; None for what is no amount of money."""
    if not isinstance(said, dict) or not is_money(said):
        return None
    try:
        found = Decimal(said["value"])
    except (InvalidOperation, TypeError, ValueError):
        return None
    return (said["currency"], found) if found.is_finite() else None
