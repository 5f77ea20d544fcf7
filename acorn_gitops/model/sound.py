"""Whether values that came from outside can be reckoned with. Comes in: attributes. Goes out: what is wrong,
or nothing. Callers: adapters.

An amount is decimal text and a currency, or it never reaches arithmetic; what is nested without end never
reaches recursion.
"""

from __future__ import annotations

import re
from typing import Any, Final

from acorn_gitops.model.resource import is_money

DEEPEST: Final = 32
_AMOUNT: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)
_PERCENT: Final = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,9})?", re.ASCII)
_PERCENTS: Final = frozenset({"percent", "discountPercent"})
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def unfit(attributes: dict[str, object]) -> str:
    """What of a resource cannot be an attribute's value; empty where all is well."""
    level: list[object] = [attributes]
    for _ in range(DEEPEST):
        following: list[object] = []
        for value in level:
            if isinstance(value, dict):
                if is_money(value) and not _is_amount(value):
                    return f"an amount that is none: {str(value)[:100]}"
                for name in _PERCENTS & value.keys():
                    share = value[name]
                    if isinstance(share, str) and _PERCENT.fullmatch(share) is None:
                        return f"a percentage that is none: {share[:100]}"
                following += value.values()
            elif isinstance(value, list):
                following += value
        if not following:
            return ""
        level = following
    return f"it is nested more than {DEEPEST} deep"


def is_percent(text: str) -> bool:
    """Whether a text is a percentage of a reasonable length."""
    return _PERCENT.fullmatch(text) is not None


def _is_amount(money: dict[str, Any]) -> bool:
    value, currency = money["value"], money["currency"]
    return (
        isinstance(value, str)
        and isinstance(currency, str)
        and _AMOUNT.fullmatch(value) is not None
        and _CURRENCY.fullmatch(currency) is not None
    )
