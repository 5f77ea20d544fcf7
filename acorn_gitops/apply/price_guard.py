"""The last look at a price, next to the write. Comes in: what is about to be sent, and what is there. Goes out: why
not, or nothing. Caller: `carry_out`, for every write there is.

Validation and planning judge prices with all that they know; this judges again with only what is sent and what is
there, so that no other way to a write leads past it: no selection, no saved plan, no fault of a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from acorn_gitops.model.resource import is_money

_BOUNDS = (
    ("minPrice", "floor", -1),
    ("mapPrice", "minimum advertised price", -1),
    ("maxPrice", "ceiling", 1),
)


BOUNDS = frozenset(name for name, _, _ in _BOUNDS)
"""Attributes that bound a price."""


def refusal(type: str, sent: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    """Why this write must not be sent; empty when it may. `live` is what the write is laid over; empty for a creation."""
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
    return ""
