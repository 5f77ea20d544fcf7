"""Which tax is owed for which sales, by whom, and since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from acorn_gitops.model.resource import Address
from acorn_gitops.resources.resource_type import Held, ResourceType, Show, SpecPath
from acorn_gitops.resources.wire import BOOL, DATE, DECIMAL, FREE, block, text

_RESULT: Final = ("treatment", "rate", "taxes", "scheme", "liableParty")
_TERMS: Final = ("validFrom", "validTo", "enabled", "priority")
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "validFrom": ("validity", "from"),
    "validTo": ("validity", "to"),
    "liableParty": ("result", "liableParty"),
    "treatment": ("result", "treatment"),
    "rate": ("result", "rate"),
    "scheme": ("result", "scheme"),
    "invoice": ("result", "invoice"),
    "enabled": ("enabled",),
    "priority": ("priority",),
}


def _spec_paths(
    address: Address, attribute: str, value: object, spec: Mapping[str, object]
) -> Sequence[SpecPath]:
    return [SpecPath(("spec", *_PLACES.get(attribute, ("match", attribute))), value)]


def _words(held: Held, show: Show) -> Sequence[str]:
    """What is owed, by whom and when; then for which sales: all that it asks."""
    asked = [name for name in held if name not in (*_RESULT, *_TERMS)]
    found = [
        ", ".join(f"{name} {show(held[name], 0)}" for name in names if held.get(name) is not None)
        for names in (_RESULT, _TERMS, asked)
    ]
    return [phrase for phrase in found if phrase]


TYPE = ResourceType(
    name="tax-rule",
    kind="TaxRule",
    wave=2,
    needs="tax",
    home="storefront",
    numbered=True,
    told_apart=True,
    reading_rank=3,
    singular="tax rule",
    sets=frozenset(
        {"shipFrom", "shipTo", "territoryExclude", "taxClass", "ptc", "establishedIn", "registeredIn"}
    ),
    # To say none of these has a meaning of its own: without end, any buyer, any value, no rate.
    cleared=frozenset(
        {"validTo", "supply", "customer", "seller", "goods", "value", "rate", "taxes", "scheme", "invoice"}
        | {"enabled", "priority"}
    ),
    properties={
        "validFrom": DATE,
        "validTo": DATE,
        "liableParty": text(20),
        "treatment": text(20),
        "supply": FREE,
        "customer": FREE,
        "seller": FREE,
        "goods": FREE,
        "value": FREE,
        "rate": FREE,
        "taxes": {
            "type": "array",
            "minItems": 1,
            "maxItems": 5,
            "items": block(
                {"name": text(30), "percent": DECIMAL, "liableParty": text(20)}, "name", "percent"
            ),
        },
        "scheme": text(20),
        "invoice": FREE,
        "enabled": BOOL,
        "priority": {"type": "integer"},
    },
    required=("validFrom", "liableParty", "treatment"),
    words=_words,
    spec_paths=_spec_paths,
)
