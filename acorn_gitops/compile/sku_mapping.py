"""`SkuMapping` to listings and stock policies, and back. Callers: `configuration`, import, export.

The loop over listings is the hottest of the tool: facts of the SKU are gathered once and copied into each of
its listings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.model.money import canonical
from acorn_gitops.model.price_rule import priced_by_rule
from acorn_gitops.model.resource import Attributes, Desired, Origin
from acorn_gitops.specs.configuration import Configuration
from acorn_gitops.specs.resolve import name_of_sku

_PRODUCT = ("brand", "title", "productType", "taxClass", "ptc", "hs6", "extra")
_LISTING = ("asin", "condition", "fulfillment", "status")
_POLICY = {"min": "minPrice", "max": "maxPrice", "map": "mapPrice"}


def compile_skus(configuration: Configuration, state: DesiredState) -> None:
    """A `listing` for each store, a `stock` policy for each location that feeds the SKU's pool."""
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
        origin = Origin(sku.file, sku.line, "SkuMapping", sku.name)
        if listings:
            shared = _shared(spec)
            policy = spec.get("pricePolicy")
            allocation = spec.get("inventory")
            for listing in listings:
                store = listing["store"]
                attributes = shared.copy()
                for name in _LISTING:
                    if name in listing:
                        attributes[name] = listing[name]
                price = listing.get("price")
                if price is not None:
                    if price.get("rule") is not None:
                        attributes["price"] = _by_rule(spec, price["rule"], rules, currencies[store])
                    else:
                        currency = price["currency"]
                        value = canonical(price["value"], currency)
                        exact = value == price["value"] and len(price) == 2
                        attributes["price"] = price if exact else {"currency": currency, "value": value}
                elif "price" in listing:
                    attributes["price"] = None
                if policy:
                    _bounds(attributes, policy, store, currencies[store])
                if allocation and listing.get("fulfillment") != "afn":
                    attributes["allocation"] = _allocation(allocation, store)
                key = listing.get("sellerSku") or spec["sku"]
                desired = Desired(attributes, origin, sku.lifecycle, listing.get("movedFrom"))
                if shards[store].setdefault(("listing", key), desired) is not desired:
                    raise ValueError(f"{store}/listing/{key} is declared twice")
        inventory = spec.get("inventory")
        if inventory:
            for source in inventory.get("sources") or ():
                stock = {"pool": inventory["pool"]} | {
                    k: source[k] for k in ("priority", "reserve") if k in source
                }
                state.add(source["location"], "stock", spec["sku"], Desired(stock, origin, sku.lifecycle))


def _shared(spec: dict[str, Any]) -> Attributes:
    """What every listing of a SKU has."""
    attributes: Attributes = {"sku": spec["sku"]}
    if "gtin" in spec:
        attributes["gtin"] = spec["gtin"]
    facts = spec.get("attributes")
    if facts:
        for name in _PRODUCT:
            if name in facts:
                attributes[name] = facts[name]
    composition = spec.get("composition")
    if composition is not None:
        attributes["composition"] = _composition(composition)
    return attributes


def _composition(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "multipack":
        return {"type": "multipack", "components": [{"qty": block["qty"], "sku": block["of"]}]}
    if block["type"] == "bundle":
        parts = [{"qty": part["qty"], "sku": part["sku"]} for part in block["components"]]
        return {"type": "bundle", "components": sorted(parts, key=lambda p: str(p["sku"]))}
    return {"type": "single"}


def _by_rule(spec: dict[str, Any], name: str, rules: Any, currency: str) -> dict[str, str]:
    rule = rules[name]
    for listing in spec["listings"]:
        if listing["store"] == rule["fromStore"] and (listing.get("price") or {}).get("value") is not None:
            return {"currency": currency, "value": priced_by_rule(listing["price"]["value"], rule, currency)}
    raise ValueError(f"{spec['sku']} has no price in {rule['fromStore']} for price rule {name}")


def _bounds(attributes: Attributes, policy: dict[str, Any], store: str, currency: str) -> None:
    for part, name in _POLICY.items():
        bound = (policy.get(part) or {}).get(store)
        if bound is not None:
            attributes[name] = {"currency": currency, "value": canonical(bound, currency)}


def _allocation(inventory: dict[str, Any], store: str) -> dict[str, Any]:
    out: dict[str, Any] = {"pool": inventory["pool"]}
    buffer = without_none(inventory.get("buffer"))
    if buffer:
        out["buffer"] = buffer
    allocation = inventory.get("allocation")
    if allocation:
        out["mode"] = allocation["mode"]
        for part, name in (("weights", "weight"), ("min", "min"), ("cap", "cap")):
            share = (allocation.get(part) or {}).get(store)
            if share is not None:
                out[name] = share
    return out


def decompile_skus(
    listings: Iterable[tuple[str, str, Attributes]],
    stocks: Iterable[tuple[str, str, Attributes]],
    taken: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Entries of a SKU list that would compile to these (store, key, attributes) resources, by SKU. `taken`: names that other mappings
    have; two codes can have one short name.

    Facts that differ between a SKU's listings cannot be said once for the SKU; they are left undeclared.
    """
    by_sku: dict[str, list[tuple[str, str, Attributes]]] = {}
    for row in listings:
        by_sku.setdefault(str(row[2].get("sku") or row[1]), []).append(row)
    sources: dict[str, list[tuple[str, Attributes]]] = {}
    for location, sku, attributes in stocks:
        sources.setdefault(sku, []).append((location, attributes))
    items: list[dict[str, Any]] = []
    every = sorted(by_sku.keys() | sources.keys())
    # Codes that are their own names keep them.
    names = {sku: sku for sku in every if name_of_sku(sku) == sku and sku not in taken}
    used = {*taken, *names.values()}
    for sku in every:
        rows = sorted(by_sku.get(sku, ()), key=lambda r: (r[0], r[1]))
        item: dict[str, Any] = {"sku": sku}
        name = names.get(sku) or _free(name_of_sku(sku), used)
        used.add(name)
        if name != sku.lower():
            item["name"] = name
        if rows:
            _decompile_shared(item, [attributes for _, _, attributes in rows])
        item["listings"] = [
            _decompile_listing(store, key, sku, attributes) for store, key, attributes in rows
        ]
        bounds = _decompile_policy(rows)
        if bounds:
            item["pricePolicy"] = bounds
        inventory = _decompile_inventory(rows, sources.get(sku, []))
        if inventory:
            item["inventory"] = inventory
        items.append(item)
    return items


def _free(name: str, used: Collection[str]) -> str:
    found, number = name, 2
    while found in used:
        found, number = f"{name[:58]}-{number}", number + 1
    return found


def _agreed(rows: list[Attributes], name: str) -> Any:
    values = [row.get(name) for row in rows]
    return values[0] if all(value == values[0] for value in values) else None


def _decompile_shared(item: dict[str, Any], rows: list[Attributes]) -> None:
    if (gtin := _agreed(rows, "gtin")) is not None:
        item["gtin"] = gtin
    facts = {name: value for name in _PRODUCT if (value := _agreed(rows, name)) is not None}
    if facts:
        item["attributes"] = facts
    composition = _agreed(rows, "composition")
    if composition is not None:
        parts = composition.get("components")
        if composition["type"] == "multipack" and parts:
            item["composition"] = {"type": "multipack", "of": parts[0]["sku"], "qty": parts[0]["qty"]}
        else:
            item["composition"] = composition


def _decompile_listing(store: str, key: str, sku: str, attributes: Attributes) -> dict[str, Any]:
    listing: dict[str, Any] = {"store": store}
    if key != sku:
        listing["sellerSku"] = key
    for name in (*_LISTING, "price"):
        if attributes.get(name) is not None:
            listing[name] = attributes[name]
    return listing


def _decompile_policy(rows: list[tuple[str, str, Attributes]]) -> dict[str, Any]:
    policy: dict[str, Any] = {}
    for part, name in _POLICY.items():
        # One bound for a SKU and store: two listings there that disagree cannot be said.
        bounds: dict[str, set[str]] = {}
        for store, _, attributes in rows:
            money = attributes.get(name)
            bounds.setdefault(store, set()).add(money["value"] if money is not None else "")
        said = {
            store: next(iter(values))
            for store, values in bounds.items()
            if len(values) == 1 and values != {""}
        }
        if said:
            policy[part] = said
    return policy


def _decompile_inventory(
    rows: list[tuple[str, str, Attributes]], sources: list[tuple[str, Attributes]]
) -> dict[str, Any]:
    allocations = [
        (store, a["allocation"])
        for store, _, a in rows
        if (a.get("allocation") or {}).get("pool") and a.get("fulfillment") != "afn"
    ]
    sources = [(location, a) for location, a in sources if a.get("pool")]
    pools = {a["pool"] for _, a in allocations} | {a["pool"] for _, a in sources if a.get("pool")}
    if len(pools) != 1 or (
        allocations and len(allocations) != sum(a.get("fulfillment") != "afn" for _, _, a in rows)
    ):
        return {}
    inventory: dict[str, Any] = {"pool": pools.pop()}
    if sources:
        inventory["sources"] = [
            {"location": location, **{k: a[k] for k in ("priority", "reserve") if a.get(k) is not None}}
            for location, a in sorted(sources)
        ]
    if allocations:
        first = allocations[0][1]
        if any(
            a.get("buffer") != first.get("buffer") or a.get("mode") != first.get("mode")
            for _, a in allocations
        ):
            return {}
        if first.get("buffer"):
            inventory["buffer"] = first["buffer"]
        if first.get("mode"):
            inventory["allocation"] = {"mode": first["mode"]}
            for part, name in (("weights", "weight"), ("min", "min"), ("cap", "cap")):
                shares = {store: a[name] for store, a in allocations if a.get(name) is not None}
                if shares:
                    inventory["allocation"][part] = shares
    return inventory
