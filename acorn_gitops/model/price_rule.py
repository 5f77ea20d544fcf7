"""Prices by rule. Comes in: a base price and a rule of acorn.yaml. Goes out: a canonical amount.
Callers: compile, rules."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from acorn_gitops.model.money import canonical, round_half_up
from acorn_gitops.model.reference import minor_units


def priced_by_rule(base: str, rule: Mapping[str, Any], currency: str) -> str:
    """`base` × exchange rate × factor, moved to the nearest ending (the higher of two equally near) or,
    without one, rounded half up to the currency. Never below zero. Which endings a currency can have:
    `can_end`."""
    amount = (
        Decimal(base)
        * Decimal((rule.get("fx") or {}).get("rate") or "1")
        * Decimal(rule.get("factor") or "1")
    )
    ending = rule.get("ending")
    if ending is None:
        return canonical(str(round_half_up(amount, currency)), currency)
    step = Decimal(1) if ending.startswith(".") else Decimal(10) ** len(ending)
    rest = Decimal(ending)
    below = ((amount - rest) / step).to_integral_value(rounding=ROUND_FLOOR) * step + rest
    above = below + step
    nearest = above if amount - below >= above - amount or below < 0 else below
    return canonical(str(round_half_up(nearest, currency)), currency)


def can_end(ending: str, currency: str) -> bool:
    """Whether an amount in a currency can end so: no yen ends in .95, and no euro in .955."""
    decimals = ending.partition(".")[2].rstrip("0")
    return len(decimals) <= minor_units().get(currency, 2)
