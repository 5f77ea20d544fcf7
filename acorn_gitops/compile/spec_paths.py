"""Where in a spec an attribute of a resource is said. Comes in: an address, an attribute, the resolved spec. Goes
out: a path in the spec and how to write the value there. Callers: cli `import` and `explain`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from acorn_gitops.model.resource import Address, is_money
from acorn_gitops.specs.configuration import Spec


class SpecPath(NamedTuple):
    """A path below the document, and the value to write there."""

    path: tuple[Any, ...]
    value: Any


_BOUNDS = {"minPrice": "min", "maxPrice": "max", "mapPrice": "map"}


def spec_paths(address: Address, attribute: str, value: Any, spec: Spec) -> list[SpecPath]:
    """The places to edit so that `attribute` becomes `value`; empty when no single place says it."""
    kind = address.type
    if kind == "listing":
        return _listing(address, attribute, value, spec)
    if kind in ("storefront", "location"):
        block = "storefront" if kind == "storefront" else "physical"
        if attribute == "address" and isinstance(value, dict):
            return [SpecPath(("spec", block, "address", k), v) for k, v in value.items()]
        return [SpecPath(("spec", block, attribute), value)]
    if kind == "tax-rule":
        places = {
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
        if attribute in places:
            return [SpecPath(("spec", *places[attribute]), value)]
        return [SpecPath(("spec", "match", attribute), value)]
    if kind == "role":
        places = {"validFrom": ("validity", "from"), "validUntil": ("validity", "until")}
        return [SpecPath(("spec", *places.get(attribute, (attribute,))), value)]
    if kind == "promotion" and attribute in ("audience", "code", "stacking", "limits"):
        return [SpecPath(("spec", attribute), value)]
    if kind == "promotion" and attribute == "discount" and isinstance(value, dict) and "percent" in value:
        return [SpecPath(("spec", "discount", "percent"), value["percent"])]
    if kind == "stock" and attribute in ("priority", "reserve"):
        for index, source in enumerate((spec.spec.get("inventory") or {}).get("sources") or ()):
            if source["location"] == address.store:
                return [SpecPath(("spec", "inventory", "sources", index, attribute), value)]
    return []


def _listing(address: Address, attribute: str, value: Any, spec: Spec) -> list[SpecPath]:
    index = listing_index(address, spec)
    if index is None:
        return []
    here = ("spec", "listings", index)
    if attribute == "price" and is_money(value):
        price = spec.spec["listings"][index].get("price") or {}
        if price.get("rule") is not None:
            return []  # a computed price has no number of its own to edit
        return [SpecPath((*here, "price", "value"), value["value"])]
    if attribute in ("asin", "condition", "fulfillment", "status"):
        return [SpecPath((*here, attribute), value)]
    if attribute in _BOUNDS and is_money(value):
        return [SpecPath(("spec", "pricePolicy", _BOUNDS[attribute], address.store), value["value"])]
    if attribute == "gtin":
        return [SpecPath(("spec", "gtin"), value)]
    if attribute in ("brand", "title", "productType", "taxClass", "ptc", "hs6", "extra"):
        return [SpecPath(("spec", "attributes", attribute), value)]
    if attribute == "allocation" and isinstance(value, dict) and "weight" in value:
        return [SpecPath(("spec", "inventory", "allocation", "weights", address.store), value["weight"])]
    return []


def listing_index(address: Address, spec: Spec) -> int | None:
    """Which entry of `listings` an address is."""
    for index, listing in enumerate(spec.spec.get("listings") or ()):
        if (
            listing["store"] == address.store
            and (listing.get("sellerSku") or spec.spec["sku"]) == address.key
        ):
            return index
    return None
