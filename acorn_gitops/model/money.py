"""Amounts of money as canonical decimal text. Comes in: text and a currency. Goes out: one spelling.

`49.9`, `49.90` and `049.9` would compare unequal as text and digest differently, so that an approved plan
would look stale; each amount therefore has one spelling, with exactly its currency's ISO 4217 minor units.
Arithmetic is Decimal; floats never come near. Callers: compile, plan, rules, adapters.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from typing import Any, Final

from acorn_gitops.model.reference import minor_units

_known: dict[tuple[str, str], str] = {}


class MoneyError(ValueError):
    """The text is no amount of that currency."""


@cache
def quantum(currency: str) -> Decimal:
    """The smallest amount of a currency: 0.01 for EUR, 1 for JPY, 0.001 for KWD. KeyError if unknown."""
    return Decimal(1).scaleb(-minor_units()[currency])


def canonical(value: str, currency: str) -> str:
    """The one spelling of an amount. MoneyError when it has more decimals than the currency, or is none.

    Memoised: a catalogue of 100,000 prices has a few thousand different ones.
    """
    known = _known.get((value, currency))
    if known is not None:
        return known
    try:
        amount = Decimal(value)
        exact = amount.quantize(quantum(currency))
    except InvalidOperation:
        raise MoneyError(f'"{value}" is no decimal amount') from None
    except KeyError:
        raise MoneyError(f"{currency} is no ISO 4217 currency") from None
    if exact != amount:
        raise MoneyError(
            f"{value} {currency} has more decimals than {currency} has ({minor_units()[currency]})"
        )
    text = str(exact)
    _known[(value, currency)] = text
    return text


def as_written(value: str, currency: str) -> str:
    """As `canonical`, of an amount that a person has written: three decimals of a currency that has not
    three may be thousands (1.500 for 1,500), also where the last ones are zeros."""
    if value[-4:-3] == "." and _LIKE_THOUSANDS.fullmatch(value) and minor_units().get(currency, 3) != 3:
        plain, point = value.replace(".", ""), value.rstrip("0").rstrip(".")
        decimals = minor_units().get(currency, 2)
        if len(point.partition(".")[2]) > decimals:
            point = f"an amount with {decimals} decimals" if decimals else "an amount without decimals"
        raise MoneyError(f"{value} {currency} may be {plain} or {point}: write the one that is meant")
    return canonical(value, currency)


_LIKE_THOUSANDS: Final = re.compile(r"[0-9]{1,3}\.[0-9]{3}")


def round_half_up(amount: Decimal, currency: str) -> Decimal:
    """Commercial rounding to the currency's minor unit."""
    return amount.quantize(quantum(currency), rounding=ROUND_HALF_UP)


def percent_change(before: str, after: str) -> Decimal | None:
    """Change from `before` to `after` in percent with one decimal; None from zero, and where one of them is
    no number or out of all proportion to the other."""
    try:
        old = Decimal(before)
        if not old:
            return None
        return ((Decimal(after) - old) * 100 / old).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        return None


BOUNDS: Final = frozenset({"max", "above"})
"""Beside a currency, bounds of a value: decimal numbers, too."""
NUMBERS: Final = frozenset({"percent", "discountPercent", "maxDiscountPercent", "lat", "lon"})
"""Names of values that are decimal numbers and no amounts."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)


def one_spelling(value: object, name: str = "") -> Any:
    """A value in which every decimal number has one spelling: 15.0 is 15, 52.520 is 52.52."""
    if isinstance(value, dict):
        bounds = BOUNDS if "currency" in value else frozenset()
        return {k: one_spelling(v, "percent" if k in bounds else k) for k, v in value.items()}
    if isinstance(value, list):
        return [one_spelling(item) for item in value]
    if name in NUMBERS and isinstance(value, str) and _NUMBER.fullmatch(value):
        whole, point, rest = value.partition(".")
        plain = f"{whole}{point}{rest}".rstrip("0").rstrip(".") if point else whole
        return "0" if plain in ("-0", "") else plain
    return value
