"""`Store` to a location, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.compile.translation import Document, Drafts, Translation
from acorn_gitops.model.resource import Address, Attributes, Desired
from acorn_gitops.specs.configuration import Configuration

if TYPE_CHECKING:
    from acorn_gitops.model.typed import CapabilitiesData, PhysicalData

_FIELDS: Final = ("code", "alias", "timezone", "throughput", "safetyStock", "geo")


def _compile(configuration: Configuration, state: DesiredState) -> None:
    """One resource, named as the store. Verification records stay here: they are no wish."""
    for spec in configuration.stores.values():
        if spec.spec["type"] != "physical":
            continue
        desired = Desired(
            _attributes(spec.spec["physical"]), spec.origin, spec.lifecycle, moved_from=spec.moved_from
        )
        state.add(spec.name, "location", spec.name, desired)


def _attributes(block: PhysicalData) -> Attributes:
    found: Attributes = {name: block[name] for name in _FIELDS if name in block}
    address = without_none(block["address"])
    address.pop("verification", None)
    found["address"] = address
    if "hours" in block:
        found["hours"] = without_none(block["hours"]) or None
    if "exceptions" in block:
        said = block["exceptions"]
        found["exceptions"] = sorted(said, key=lambda e: str(e["date"])) if said is not None else None
    if "capabilities" in block:
        found["capabilities"] = _capabilities(block["capabilities"])
    return found


def _capabilities(block: CapabilitiesData | None) -> dict[str, Any] | None:
    if block is None:
        return None
    said: Mapping[str, Any] = block
    out = {name: without_none(value) for name, value in said.items() if value is not None}
    ship = out.get("shipFromStore")
    if ship and "carriers" in ship:
        ship["carriers"] = sorted(ship["carriers"])
    return out


def _alone(store: str, key: str, attributes: Attributes) -> Document:
    allowed = {*_FIELDS, "address", "hours", "exceptions", "capabilities"}
    known = {k: v for k, v in attributes.items() if v is not None and k in allowed}
    spec = {"type": "physical", "physical": known}
    return {"apiVersion": "acorn/v1", "kind": "Store", "metadata": {"name": store}, "spec": spec}


def _add(drafts: Drafts, address: Address, attributes: Attributes) -> None:
    drafts.stores.append(_alone(address.store, address.key, attributes))


def _unsayable(attributes: Attributes) -> str:
    if "address" in attributes and "code" in attributes:
        return ""
    return "its address is not known there, and a Store needs one: write it, and it is taken over"


TRANSLATION = Translation(compile=_compile, alone=_alone, add=_add, unsayable=_unsayable)
