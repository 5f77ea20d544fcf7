"""How instances of an attribute are told apart, and what a write makes of those that are there. Comes in:
instances. Goes out: instances. Callers: `listings`, `feeds`.

As Amazon documents patches: values match what is stored by their selectors; what matches nothing is added,
what is not named stays, and of a matched instance `replace` keeps nothing that is not said again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

Instance = dict[str, object]

_SELECTORS: Final[Mapping[str, tuple[str, ...]]] = {
    "purchasable_offer": ("marketplace_id", "currency", "audience"),
    "fulfillment_availability": ("fulfillment_channel_code",),
    "list_price": ("marketplace_id", "currency"),
    "item_name": ("marketplace_id", "language_tag"),
    "brand": ("marketplace_id", "language_tag"),
    "externally_assigned_product_identifier": ("marketplace_id", "type"),
}
"""Of attributes whose schema says so; of all others the marketplace."""


def completed(name: str, value: Sequence[Instance], marketplace: str) -> list[Instance]:
    """Instances with what the server adds: the marketplace, and that an offer is for all."""
    return [_complete(name, one, marketplace) for one in value]


def _complete(name: str, one: Instance, marketplace: str) -> Instance:
    made = dict(one)
    if name == "purchasable_offer":
        made = {"currency": made.pop("currency", None), "audience": made.pop("audience", "ALL"), **made}
        if made.get("start_at") is not None:
            made.setdefault("end_at", {"value": None})
    made["marketplace_id"] = made.pop("marketplace_id", marketplace)
    return {key: _with_decimals(key, value) for key, value in made.items()}


def _with_decimals(key: str, value: object) -> object:
    """Amounts are numbers with decimals there: 400 comes back as 400.0."""
    if isinstance(value, list):
        return [_with_decimals(key, one) for one in value]
    if isinstance(value, dict):
        return {name: _with_decimals(name, one) for name, one in value.items()}
    return Decimal(value) if key == "value_with_tax" and isinstance(value, int) else value


def same(name: str, one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two instances are one to the selectors."""
    return all(one.get(key) == other.get(key) for key in _SELECTORS.get(name, ("marketplace_id",)))


def replaced(name: str, have: Sequence[Instance], value: Sequence[Instance]) -> list[Instance]:
    """`add` and `replace`."""
    kept = [one for one in have if not any(same(name, one, new) for new in value)]
    return [*kept, *value]


def merged(name: str, have: Sequence[Instance], value: Sequence[Instance]) -> list[Instance]:
    """`merge`: what is said goes into the matched instance; null takes a part out."""
    made = [dict(one) for one in have]
    for new in value:
        match = next((one for one in made if same(name, one, new)), None)
        if match is None:
            made.append(dict(new))
            continue
        for key, part in new.items():
            if part is None:
                match.pop(key, None)
            else:
                match[key] = part
    return made


def deleted(name: str, have: Sequence[Instance], value: Sequence[Instance]) -> list[Instance]:
    """`delete`: the instances whose selectors are named."""
    return [one for one in have if not any(same(name, one, gone) for gone in value)]
