"""The last look at a price, next to the write. Comes in: what is about to be sent, what is there, and the
least price that leaves the agreed margin. Goes out: why not, or nothing. Caller: `carry_out`, for every write
there is.

Validation and planning judge prices with all that the specs say; this judges again with only what is sent and
what is there, so that no other way to a write leads past it: no selection, no saved plan, no half of a run,
no promotion that specs do not know, no fault of a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any, NamedTuple

from acorn_gitops.engines.pricing.falls import Falls
from acorn_gitops.engines.pricing.offer import NotComputable, major, minor
from acorn_gitops.engines.pricing.standing import HeldPromotions, Proposed
from acorn_gitops.engines.pricing.worlds import Breach
from acorn_gitops.model.money import quantum
from acorn_gitops.model.resource import Attributes, Desired, is_money
from acorn_gitops.model.window import utc_text
from acorn_gitops.resources.buyers import Buyer, Listing, as_seen, buyers_of, write_as_seen

_BOUNDS = (
    ("minPrice", "floor", -1),
    ("mapPrice", "minimum advertised price", -1),
    ("maxPrice", "ceiling", 1),
)


def bounds_of(want: Desired | None, live: Mapping[str, object]) -> dict[str, object]:
    """The bounds of a listing by its spec and by what the store shows, or will show (`live`). What the
    marketplace cannot hold is as the spec says it. Of the others the stricter one counts: a floor that was
    raised and is not there yet binds already, and whoever else keeps a bound does not open what the specs
    have closed."""
    if want is None:
        return {}
    said = {name: value for name, value in (want.whole or {}).items() if value is not None}
    found: dict[str, object] = {}
    for name, _, sign in _BOUNDS:
        declared = want.attributes.get(name)
        if declared is not None:
            found[name] = _stricter(declared, live.get(name), sign)
        elif name in said:
            found[name] = said[name]
    return found


def _stricter(one: Any, other: Any, sign: int) -> object:
    """Of two bounds the one that allows less; the first where they cannot be compared."""
    if not is_money(one) or not is_money(other) or one["currency"] != other["currency"]:
        return one
    try:
        return other if (Decimal(one["value"]) - Decimal(other["value"])) * sign > 0 else one
    except (InvalidOperation, TypeError):
        return one


class Offered(NamedTuple):
    """A listing that a promotion is about: its attributes, and the least price that leaves its margin (None:
    no such policy). `stood`: what it was at an earlier moment with which it is compared as well."""

    attributes: Attributes
    least: Mapping[str, str] | None
    stood: Attributes | None = None


def refusal(
    type: str, sent: Mapping[str, object], live: Attributes, least: Mapping[str, str] | None = None
) -> str:
    """Why this write of a listing must not be sent; empty when it may. `live` is what the write is laid over;
    empty for a creation. `least` is the lowest price that leaves the margin of its policy."""
    if type != "listing":
        return ""
    for buyer in buyers_of({**live, **sent}):
        seen, before = write_as_seen(sent, live, buyer)
        if why := _refused(seen, before, least):
            return buyer.told(why)
    return ""


def _refused(sent: Listing, live: Listing, least: Mapping[str, str] | None) -> str:
    after = {**live, **sent}
    price = after.get("price")
    begins = "status" in sent and sent["status"] != "inactive" and live.get("status") == "inactive"
    said = begins or "price" in sent
    if price is None or not (said or any(name in sent for name, _, _ in _BOUNDS)):
        return ""
    if not is_money(price):
        return "the price is no amount with a currency"
    if said and _is_nothing(price["value"]):
        return f"{price['value']} {price['currency']} is no price"
    for name, words, sign in _BOUNDS:
        bound = after.get(name)
        if bound is None:
            continue
        if not is_money(bound) or bound["currency"] != price["currency"]:
            return f"the {words} is not in the currency of the price"
        try:
            beyond = (Decimal(price["value"]) - Decimal(bound["value"])) * sign > 0
        except (InvalidOperation, TypeError):
            return "price or bound is no decimal amount"
        if beyond:
            where = "below its" if sign < 0 else "above its"
            return f"{price['value']} {price['currency']} is {where} {words} {bound['value']}"
    if least is not None and said:
        return _too_little(price, least)
    return ""


def _is_nothing(value: str) -> bool:
    try:
        return Decimal(value) <= 0
    except (InvalidOperation, TypeError):
        return False  # told below


def _too_little(price: Mapping[str, str], least: Mapping[str, str]) -> str:
    if price["currency"] != least["currency"]:
        return "the least price for its margin is not in the currency of the price"
    try:
        if Decimal(price["value"]) >= Decimal(least["value"]):
            return ""
    except (InvalidOperation, TypeError):
        return "the price is no decimal amount"
    return (
        f"{price['value']} {price['currency']} leaves less than the margin of its policy, for which it takes"
        f" {least['value']}"
    )


def paid_refusal(
    sku: str,
    sent: Mapping[str, object],
    live: Listing,
    least: Mapping[str, str] | None,
    held: HeldPromotions,
    *,
    former: str = "",
) -> str:
    """Why this write of a listing must not be sent: with the promotions that the store holds at this moment,
    buyers would pay less than its floor or margin, and less than they do now. `former`: the SKU that it has
    until now, where it is renamed in place. Empty when it may."""
    for buyer in buyers_of({**live, **sent}):
        seen, before = write_as_seen(sent, live, buyer)
        if why := _paid_too_little(sku, seen, before, least, held=held, former=former, buyer=buyer):
            return buyer.told(why)
    return ""


def _paid_too_little(
    sku: str,
    sent: Mapping[str, object],
    live: Listing,
    least: Mapping[str, str] | None,
    *,
    held: HeldPromotions,
    former: str,
    buyer: Buyer,
) -> str:
    after = {**live, **sent}
    price, before = after.get("price"), live.get("price")
    if price is None or not held or not (former or {"price", "minPrice", "status"} & sent.keys()):
        return ""
    if after.get("status") == "inactive":
        return ""  # nobody can buy it; it is judged when it is put on sale
    if live.get("status") == "inactive":
        before = None  # it is not for sale now
    try:
        floor = _floor(price["currency"], after.get("minPrice"), least)
        found = (
            held.breach(sku, price, before, floor[0], former=former, buyer=buyer)
            if floor is not None
            else None
        )
    except NotComputable as error:
        return str(error)
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return "price or bound is no decimal amount"
    if found is None or floor is None:
        return ""
    return f"{_words(found, price['currency'], floor)}; change {_them(found)} first, or with it"


def promotion_refusal(proposed: Proposed, offered: Iterable[tuple[str, Offered]]) -> str:
    """Why a promotion must not be sent: beside those that the store holds, it takes one of these listings
    below its floor or margin, and lower than it is. One SKU may be listed several times. The minimum
    advertised price is not asked: a promotion may be agreed to go below it."""
    for sku, (listing, least, stood) in offered:
        if listing.get("status") == "inactive":
            continue  # what is put on sale later is judged then
        sold = stood if stood is not None and stood.get("status") != "inactive" else {}
        for buyer in buyers_of(listing):
            why = _takes_too_much(
                proposed,
                sku,
                as_seen(listing, buyer),
                least,
                buyer=buyer,
                stood=as_seen(sold, buyer).get("price"),
            )
            if why:
                return buyer.told(why)
    return ""


def _takes_too_much(
    proposed: Proposed,
    sku: str,
    listing: Attributes,
    least: Mapping[str, str] | None,
    *,
    buyer: Buyer,
    stood: Any,
) -> str:
    price, bound = listing.get("price"), listing.get("minPrice")
    if price is None or (bound is None and least is None):
        return ""
    if not is_money(price):
        return f"what {sku} costs cannot be told, so that nobody knows what it takes off"
    if bound is not None and (not is_money(bound) or bound["currency"] != price["currency"]):
        return f"the floor of {sku} is not in the currency of its price"
    try:
        floor = _floor(price["currency"], bound, least)
        earlier = stood if stood is not None and is_money(stood) else None
        found = (
            proposed.breach(sku, price, floor[0], buyer=buyer, stood=earlier) if floor is not None else None
        )
    except NotComputable as error:
        return f"what {sku} costs then cannot be computed: {error}"
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return f"what it takes off {sku} cannot be computed"
    if found is None or floor is None:
        return ""
    return f"{sku} {_words(found, price['currency'], floor)}"


def sold_below(
    sku: str,
    listing: Attributes,
    live: Listing,
    least: Mapping[str, str] | None,
    falls: Falls,
    *,
    former: str = "",
) -> str:
    """For a plan: at what a listing, as it will be, would be sold below its floor or margin with the
    promotions that will be there; empty where it is not, or where it is sold as low at that time already
    (`live`). `former`: the SKU that it has until now, where it is renamed in place."""
    for buyer in buyers_of(listing):
        seen, before = as_seen(listing, buyer), as_seen(live, buyer)
        if why := _sold_for_less(sku, seen, before, least, falls=falls, former=former, buyer=buyer):
            return buyer.told(why)
    return ""


def _sold_for_less(
    sku: str,
    listing: Attributes,
    live: Listing,
    least: Mapping[str, str] | None,
    *,
    falls: Falls,
    former: str,
    buyer: Buyer,
) -> str:
    price = listing.get("price")
    if not is_money(price) or price is None or listing.get("status") == "inactive":
        return ""
    try:
        floor = _floor(price["currency"], listing.get("minPrice"), least)
        paid: Any = live.get("price")
        sold = paid if is_money(paid) and live.get("status") != "inactive" else None
        found = (
            falls.breach(sku, sold, price, floor[0], former=former, buyer=buyer)
            if floor is not None
            else None
        )
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return ""
    if found is None or floor is None:
        return ""
    return _words(found, price["currency"], floor)


def sold_below_now(
    sku: str,
    listing: Attributes,
    least: Mapping[str, str] | None,
    standing: HeldPromotions,
    now: datetime,
) -> str:
    """How a listing is sold below its floor or margin at this moment, with the promotions that the store
    holds; empty where it is not, or where nobody can tell."""
    for buyer in buyers_of(listing):
        seen = as_seen(listing, buyer)
        if why := _low_now(sku, seen, least, standing=standing, now=now, buyer=buyer):
            return buyer.told(why)
    return ""


def _low_now(
    sku: str,
    listing: Attributes,
    least: Mapping[str, str] | None,
    *,
    standing: HeldPromotions,
    now: datetime,
    buyer: Buyer,
) -> str:
    price = listing.get("price")
    if not is_money(price) or price is None or listing.get("status") == "inactive":
        return ""
    try:
        floor = _floor(price["currency"], listing.get("minPrice"), least)
        if floor is None:
            return ""
        amount = minor(price["value"], price["currency"])
        if amount < floor[0]:
            return f"costs {price['value']} {price['currency']}, below {floor[1]} {major(floor[0], price['currency'])}"
        found = standing.breach(sku, price, None, floor[0], buyer=buyer)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return ""
    if found is None or found.start > now:
        return ""
    names = " and ".join(found.promos)
    return (
        f"costs {major(found.pays, price['currency'])} {price['currency']} with {names}, below {floor[1]}"
        f" {major(floor[0], price['currency'])}"
    )


def _floor(
    currency: str, bound: Mapping[str, str] | None, least: Mapping[str, str] | None
) -> tuple[int, str] | None:
    """The higher of floor and least price, in minor units, and its name."""
    floors = []
    if bound is not None and bound["currency"] == currency:
        floors.append((minor(bound["value"], currency), "its floor"))
    if least is not None and least["currency"] == currency:
        amount = (Decimal(least["value"]) / quantum(currency)).to_integral_value(ROUND_CEILING)
        floors.append((int(amount), "what the margin of its policy takes,"))
    return max(floors, default=None)


def _words(breach: Breach, currency: str, floor: tuple[int, str]) -> str:
    return (
        f"would cost {major(breach.pays, currency)} {currency} with {' and '.join(breach.promos)} from"
        f" {utc_text(breach.start)}, below {floor[1]} {major(floor[0], currency)}"
    )


def _them(breach: Breach) -> str:
    return "that promotion" if len(breach.promos) == 1 else "those promotions"
