"""`Store` to `storefront` or `location`, and back. Callers: `configuration`, import, export."""

from __future__ import annotations

from typing import Any

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.model.language import canonical_tag
from acorn_gitops.model.resource import Attributes, Desired
from acorn_gitops.specs.configuration import Spec

_STOREFRONT = (
    "platform",
    "currency",
    "sellerId",
    "marketplaceId",
    "country",
    "region",
    "environment",
    "timezone",
    "pricesIncludeTax",
    "lifecycle",
)
_PHYSICAL = ("code", "alias", "timezone", "throughput", "safetyStock", "geo")


def compile_store(spec: Spec, state: DesiredState) -> None:
    """One resource, named as the store. Credentials, verification records and ids given by the marketplace
    stay here: they are no wish."""
    block = spec.spec[spec.spec["type"]]
    attributes: Attributes = {}
    if spec.spec["type"] == "storefront":
        for name in _STOREFRONT:
            if name in block:
                attributes[name] = block[name]
        if "languages" in block:
            attributes["languages"] = _languages(block["languages"])
        if "entitlements" in block:
            attributes["entitlements"] = without_none(block["entitlements"]) or None
        state.add(
            spec.name,
            "storefront",
            spec.name,
            Desired(attributes, spec.origin, spec.lifecycle, spec.moved_from),
        )
        return
    for name in _PHYSICAL:
        if name in block:
            attributes[name] = block[name]
    address = without_none(block["address"])
    address.pop("verification", None)
    attributes["address"] = address
    if "hours" in block:
        attributes["hours"] = without_none(block["hours"]) or None
    if "exceptions" in block:
        exceptions = block["exceptions"]
        attributes["exceptions"] = (
            sorted(exceptions, key=lambda e: str(e["date"])) if exceptions is not None else None
        )
    if "capabilities" in block:
        attributes["capabilities"] = _capabilities(block["capabilities"])
    state.add(
        spec.name, "location", spec.name, Desired(attributes, spec.origin, spec.lifecycle, spec.moved_from)
    )


def _languages(said: list[str] | None) -> list[str] | None:
    """In one spelling, each once: the first declared is the default and stays first; the order of the others means nothing."""
    if not said:
        return said
    first, *others = map(canonical_tag, said)
    return [first, *sorted({*others} - {first})]


def _capabilities(block: dict[str, Any] | None) -> dict[str, Any] | None:
    if block is None:
        return None
    out = {name: without_none(value) for name, value in block.items() if value is not None}
    ship = out.get("shipFromStore")
    if ship and "carriers" in ship:
        ship["carriers"] = sorted(ship["carriers"])
    return out


def decompile_store(store: str, type: str, attributes: Attributes) -> dict[str, Any]:
    """The document that would compile to this storefront or location."""
    known = {k: v for k, v in attributes.items() if v is not None}
    if type == "storefront":
        allowed = {*_STOREFRONT, "languages", "entitlements"}
        default = known.get("defaultLanguage")
        if default in known.get("languages", ()):
            known["languages"] = [default, *(tag for tag in known["languages"] if tag != default)]
        spec: dict[str, Any] = {
            "type": "storefront",
            "storefront": {k: v for k, v in known.items() if k in allowed},
        }
    else:
        allowed = {*_PHYSICAL, "address", "hours", "exceptions", "capabilities"}
        spec = {"type": "physical", "physical": {k: v for k, v in known.items() if k in allowed}}
    return {"apiVersion": "acorn/v1", "kind": "Store", "metadata": {"name": store}, "spec": spec}
