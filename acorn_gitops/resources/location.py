"""A place with stock: a shop or a warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from acorn_gitops.model.resource import Address
from acorn_gitops.resources.resource_type import ResourceType, SpecPath
from acorn_gitops.resources.wire import COUNT, DATE, DECIMAL, FREE, SPANS, TEXTS, block, one_of, text

SERVICES: Final[tuple[Literal["shipFromStore", "bopis"], ...]] = ("shipFromStore", "bopis")
"""What a shop may do for orders from elsewhere."""


def _spec_paths(
    address: Address, attribute: str, value: object, spec: Mapping[str, Any]
) -> Sequence[SpecPath]:
    here = ("spec", "physical")
    if attribute == "address" and isinstance(value, dict):
        said = (spec.get("physical") or {}).get("address") or {}
        if said.keys() - value.keys() - {"verification"}:
            return ()  # a part is gone, and no value can be written for it
        return [SpecPath((*here, "address", part), said) for part, said in value.items()]
    return [SpecPath((*here, attribute), value)]


TYPE = ResourceType(
    name="location",
    kind="Store",
    wave=0,
    needs="store",
    is_store=True,
    numbered=True,
    # Supply Sources API 2020-07-01 takes the address in createSupplySource only.
    fixed=frozenset({"code", "address"}),
    sets=frozenset({"exceptions", "carriers"}),
    properties={
        "code": text(100),
        "alias": text(),
        "timezone": text(60),
        "address": block(
            {
                "countryCode": text(2),
                "lines": {**TEXTS, "minItems": 1, "maxItems": 4},
                "locality": text(),
                "administrativeArea": text(),
                "postalCode": text(20),
                "phone": text(20),
            },
            "countryCode",
            "lines",
        ),
        "geo": block({"lat": DECIMAL, "lon": DECIMAL}, "lat", "lon"),
        "hours": {"type": "object", "additionalProperties": SPANS},
        "exceptions": {"type": "array", "items": block({"date": DATE, "hours": SPANS}, "date", "hours")},
        "capabilities": FREE,
        "throughput": block({"orders": COUNT, "per": text(10)}, "orders", "per"),
        "safetyStock": block({"default": COUNT}, "default"),
        "status": one_of("active", "inactive"),
    },
    required=("code", "address"),
    spec_paths=_spec_paths,
)
