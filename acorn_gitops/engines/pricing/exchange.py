"""Amounts in another currency, by the dated rates of acorn.yaml. Comes in: a configuration, an amount. Goes
out: the amount, or None where no rate is known. Callers: margins, tax, rules, views.
"""

from __future__ import annotations

from decimal import Decimal

from acorn_gitops.specs.configuration import Configuration


def exchanged(configuration: Configuration, amount: Decimal, source: str, target: str) -> Decimal | None:
    """By the rate of the pair, in either direction; None where there is none. Rates are not chained: a cross
    rate is one that nobody has dated."""
    if source == target:
        return amount
    rates = configuration.settings.get("exchangeRates") or {}
    straight, back = rates.get(f"{source}/{target}"), rates.get(f"{target}/{source}")
    if straight is not None:
        return amount * Decimal(straight["rate"])
    return amount / Decimal(back["rate"]) if back is not None else None
