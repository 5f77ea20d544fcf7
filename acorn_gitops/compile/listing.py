"""`SkuMapping` to a listing in each store, and back.

The loop over listings is the hottest of the tool: facts of the SKU are gathered once and copied into each of
its listings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.compile.sku_list import sku_list
from acorn_gitops.compile.translation import Document, Drafts, Translation
from acorn_gitops.model.money import canonical
from acorn_gitops.model.price_rule import priced_by_rule
from acorn_gitops.model.resource import Address, Attributes, Desired, Origin
from acorn_gitops.resources.buyers import BUSINESS_PRICE, BUSINESS_TIERS
from acorn_gitops.resources.listing import BOUNDS, OWN, PRODUCT
from acorn_gitops.specs.configuration import Configuration

if TYPE_CHECKING:
    from acorn_gitops.model.typed import (
        BusinessData,
        CompositionData,
        InventoryData,
        PricePolicyData,
        SkuMappingData,
    )


def _compile(configuration: Configuration, state: DesiredState) -> None:
    rules = configuration.price_rules
    currencies = {
        name: store.spec["storefront"]["currency"]
        for name, store in configuration.stores.items()
        if store.spec.get("storefront")
    }
    shards = state.stores
    for sku in configuration.skus:
        spec = sku.spec
        listings = spec.get("listings")
        if listings:
            origin = Origin(sku.file, sku.line, "SkuMapping", name=sku.name)
            shared = _shared(spec)
            policy = spec.get("pricePolicy")
            allocation = spec.get("inventory")
            for listing in listings:
                store = listing["store"]
                attributes = shared.copy()
                for name in OWN:
                    if name in listing:
                        attributes[name] = listing[name]
                price = listing.get("price")
                if price is not None:
                    if price.get("rule") is not None:
                        attributes["price"] = _by_rule(spec, price["rule"], rules, currency=currencies[store])
                    else:
                        currency = price["currency"]
                        value = canonical(price["value"], currency)
                        exact = value == price["value"] and len(price) == 2
                        attributes["price"] = price if exact else {"currency": currency, "value": value}
                elif "price" in listing:
                    attributes["price"] = None
                if "business" in listing:
                    _for_businesses(attributes, listing["business"], currency=currencies[store])
                if "pricePolicy" in spec:
                    _bounds(attributes, policy, store, currency=currencies[store])
                if allocation and listing.get("fulfillment") != "afn":
                    attributes["allocation"] = _allocation(allocation, store)
                key = listing.get("sellerSku") or spec["sku"]
                desired = Desired(attributes, origin, sku.lifecycle, moved_from=listing.get("movedFrom"))
                if shards[store].setdefault(("listing", key), desired) is not desired:
                    raise ValueError(f"{store}/listing/{key} is declared twice")


def _shared(spec: SkuMappingData) -> Attributes:
    """What every listing of a SKU has."""
    attributes: Attributes = {"sku": spec["sku"]}
    if "gtin" in spec:
        attributes["gtin"] = spec["gtin"]
    facts = spec.get("attributes")
    if facts:
        for name in PRODUCT:
            if name in facts:
                attributes[name] = facts[name]
    composition = spec.get("composition")
    if composition is not None:
        attributes["composition"] = _composition(composition)
    return attributes


def _composition(block: CompositionData) -> dict[str, object]:
    if block["type"] == "multipack":
        return {"type": "multipack", "components": [{"qty": block["qty"], "sku": block["of"]}]}
    if block["type"] == "bundle":
        parts = [{"qty": part["qty"], "sku": part["sku"]} for part in block["components"]]
        return {"type": "bundle", "components": sorted(parts, key=lambda p: str(p["sku"]))}
    return {"type": "single"}


def _by_rule(
    spec: SkuMappingData, name: str, rules: Mapping[str, Mapping[str, object]], currency: str
) -> dict[str, str]:
    rule = rules[name]
    for listing in spec["listings"]:
        if listing["store"] == rule["fromStore"] and (listing.get("price") or {}).get("value") is not None:
            return {"currency": currency, "value": priced_by_rule(listing["price"]["value"], rule, currency)}
    raise ValueError(f"{spec['sku']} has no price in {rule['fromStore']} for price rule {name}")


def _bounds(attributes: Attributes, policy: PricePolicyData | None, store: str, currency: str) -> None:
    for part, name in BOUNDS.items():
        said = policy.get(part, {}) if policy is not None else None
        bound = said.get(store) if said is not None else None
        if bound is not None:
            attributes[name] = _money(bound, currency)
        elif said is None:
            attributes[name] = None  # null: there shall be none


def _for_businesses(attributes: Attributes, said: BusinessData | None, currency: str) -> None:
    """What businesses are asked; what is said to be null shall not be there."""
    block: BusinessData = said or {}
    if said is None or "price" in block:
        value = block.get("price")
        attributes[BUSINESS_PRICE] = None if value is None else _money(value, currency)
    if said is None or "tiers" in block:
        tiers = [
            {"minimumQuantity": tier["minimumQuantity"], "price": _money(tier["price"], currency)}
            for tier in sorted(block.get("tiers") or (), key=lambda tier: tier["minimumQuantity"])
        ]
        attributes[BUSINESS_TIERS] = tiers or None


def _money(value: str, currency: str) -> dict[str, str]:
    return {"currency": currency, "value": canonical(value, currency)}


def _allocation(inventory: InventoryData, store: str) -> dict[str, object]:
    out: dict[str, object] = {"pool": inventory["pool"]}
    buffer = without_none(inventory.get("buffer"))
    if buffer:
        out["buffer"] = buffer
    allocation = inventory.get("allocation")
    if allocation:
        out["mode"] = allocation["mode"]
        shares = (
            ("weight", allocation.get("weights")),
            ("min", allocation.get("min")),
            ("cap", allocation.get("cap")),
        )
        for name, by_store in shares:
            share = (by_store or {}).get(store)
            if share is not None:
                out[name] = share
            elif name == "weight" and by_store and allocation["mode"] == "weighted":
                out[name] = 0  # others are named that share it
    return out


def _alone(store: str, key: str, attributes: Attributes) -> Document:
    return {"kind": "SkuMapping", "spec": {"items": sku_list([(store, key, attributes)], [])}}


def _add(drafts: Drafts, address: Address, attributes: Attributes) -> None:
    drafts.skus.setdefault("listing", []).append((address.store, address.key, attributes))
    if attributes.get("taxClass"):
        drafts.named.add((address.store, "tax-class", str(attributes["taxClass"])))


TRANSLATION = Translation(compile=_compile, alone=_alone, add=_add)
