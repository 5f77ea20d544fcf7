"""The last look at a price, next to the write. Comes in: what is about to be sent, what is there, and the least price that leaves the
agreed margin. Goes out: why not, or nothing. Caller: `carry_out`, for every write there is.

Validation and planning judge prices with all that they know, promotions together and over the whole calendar; this
judges again with only what is sent and what is there, so that no other way to a write leads past it: no selection, no
saved plan, no fault of a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from acorn_gitops.engines.price import Offer, effective
from acorn_gitops.model.money import quantum
from acorn_gitops.model.resource import is_money

_BOUNDS = (
    ("minPrice", "floor", -1),
    ("mapPrice", "minimum advertised price", -1),
    ("maxPrice", "ceiling", 1),
)


BOUNDS = frozenset(name for name, _, _ in _BOUNDS)
"""Attributes that bound a price."""


class Offered(NamedTuple):
    """A listing that a promotion is about: its attributes, and the least price that leaves its margin (None: no such policy)."""

    attributes: Mapping[str, Any]
    least: Mapping[str, str] | None


def refusal(
    type: str, sent: Mapping[str, Any], live: Mapping[str, Any], least: Mapping[str, str] | None = None
) -> str:
    """Why this write of a listing must not be sent; empty when it may. `live` is what the write is laid over; empty for a
    creation. `least` is the lowest price that leaves the margin of its policy."""
    if type != "listing":
        return ""
    after = {**live, **sent}
    price = after.get("price")
    if price is None or ("price" not in sent and not any(name in sent for name, _, _ in _BOUNDS)):
        return ""
    if not is_money(price):
        return "the price is no amount with a currency"
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
    if least is not None and "price" in sent:
        return _too_little(price, least)
    return ""


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


def promotion_refusal(sent: Mapping[str, Any], offered: Mapping[str, Offered]) -> str:
    """Why a promotion must not be sent: alone, it takes one of these listings (by SKU) below its floor or margin. The minimum
    advertised price is not asked: a promotion may be agreed to go below it."""
    discount = sent.get("discount") or {}
    for sku, (listing, least) in offered.items():
        price = listing.get("price")
        if price is None or not is_money(price):
            continue
        currency = price["currency"]
        try:
            pays = _pays(price, discount)
        except (InvalidOperation, TypeError, KeyError, ValueError):
            return f"what it takes off {sku} cannot be computed"
        if pays is None:
            continue
        paid = {"currency": currency, "value": str(pays)}
        floor = listing.get("minPrice")
        if floor is not None:
            if not is_money(floor) or floor["currency"] != currency:
                return f"the floor of {sku} is not in the currency of its price"
            if pays < Decimal(floor["value"]):
                return f"{sku} would cost {pays} {currency}, below its floor {floor['value']}"
        why = _too_little(paid, least) if least is not None else ""
        if why:
            return f"{sku}: {why}"
    return ""


def _pays(price: Mapping[str, str], discount: Mapping[str, Any]) -> Decimal | None:
    """The price under this discount alone; None where the discount does not change a piece's price."""
    unit = quantum(price["currency"])

    def minor(money: Mapping[str, str]) -> int:
        if money["currency"] != price["currency"]:
            raise ValueError("another currency")
        return int(Decimal(money["value"]) / unit)

    if discount.get("percent") is not None:
        offer = Offer("", "percent", int(Decimal(discount["percent"]) * 10_000))
    elif discount.get("amount") is not None:
        offer = Offer("", "amount", minor(discount["amount"]))
    elif discount.get("salePrice") is not None:
        offer = Offer("", "sale", minor(discount["salePrice"]))
    else:
        return None
    return effective(minor(price), [offer]).pays * unit
