"""Which pool a location feeds with a SKU, in which order, and what it keeps back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acorn_gitops.model.resource import Address
from acorn_gitops.resources.resource_type import ResourceType, SpecPath
from acorn_gitops.resources.wire import COUNT, text


def _spec_paths(
    address: Address, attribute: str, value: object, spec: Mapping[str, Any]
) -> Sequence[SpecPath]:
    if attribute not in ("priority", "reserve"):
        return ()
    for index, source in enumerate((spec.get("inventory") or {}).get("sources") or ()):
        if source["location"] == address.store:
            return [SpecPath(("spec", "inventory", "sources", index, attribute), value)]
    return ()


TYPE = ResourceType(
    name="stock",
    kind="SkuMapping",
    wave=4,
    needs="inventory",
    home="location",
    told_by_field=True,
    singular="stock policy",
    plural="stock policies",
    properties={"pool": text(63), "priority": COUNT, "reserve": COUNT},
    required=("pool",),
    spec_paths=_spec_paths,
)
