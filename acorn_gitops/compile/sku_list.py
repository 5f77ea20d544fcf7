"""Listings and stock policies to entries of a SKU list: the way back, where rows of many stores become one
entry. Comes in: rows. Goes out: entries. Callers: `listing`, `stock`, `decompile`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from acorn_gitops.model.resource import Attributes
from acorn_gitops.resources.buyers import BUSINESS_PRICE, BUSINESS_TIERS
from acorn_gitops.resources.listing import BOUNDS, OWN, PRODUCT
from acorn_gitops.specs.resolve import name_of_sku


def sku_list(
    listings: Iterable[tuple[str, str, Attributes]],
    stocks: Iterable[tuple[str, str, Attributes]],
    taken: Collection[str] = (),
    *,
    differing: dict[str, list[str]] | None = None,
) -> list[dict[str, object]]:
    """Entries of a SKU list that would compile to these (store, key, attributes) resources, by SKU. `taken`:
    names that other mappings have; two codes can have one short name.

    Facts that differ between a SKU's listings cannot be said once for the SKU; they are left undeclared, and
    go into `differing`: by fact, of which SKUs.
    """
    told = differing if differing is not None else {}
    by_sku: dict[str, list[tuple[str, str, Attributes]]] = {}
    for row in listings:
        by_sku.setdefault(str(row[2].get("sku") or row[1]), []).append(row)
    sources: dict[str, list[tuple[str, Attributes]]] = {}
    for location, sku, attributes in stocks:
        sources.setdefault(sku, []).append((location, attributes))
    items: list[dict[str, object]] = []
    every = sorted(by_sku.keys() | sources.keys())
    # Codes that are their own names keep them.
    names = {sku: sku for sku in every if name_of_sku(sku) == sku and sku not in taken}
    used = {*taken, *names.values()}
    numbers: dict[str, int] = {}
    for sku in every:
        rows = sorted(by_sku.get(sku, ()), key=lambda r: (r[0], r[1]))
        item: dict[str, object] = {"sku": sku}
        name = names.get(sku) or _free(name_of_sku(sku), used, numbers)
        used.add(name)
        if name != sku.lower():
            item["name"] = name
        if rows:
            _facts(item, [attributes for _, _, attributes in rows])
        item["listings"] = [
            _listing(store, key, sku, attributes=attributes) for store, key, attributes in rows
        ]
        bounds = _bounds(rows)
        if bounds:
            item["pricePolicy"] = bounds
        inventory = _inventory(rows, sources.get(sku, []))
        if inventory:
            item["inventory"] = inventory
        items.append(item)
        for fact in _left_out(item, rows):
            told.setdefault(fact, []).append(sku)
    return items


def _left_out(item: Mapping[str, object], rows: list[tuple[str, str, Attributes]]) -> Iterator[str]:
    """What listings hold of facts that an entry does not say."""
    said = {*item, *_keys(item.get("attributes"))}
    for name in ("gtin", "composition", *PRODUCT):
        if name not in said and any(row[2].get(name) is not None for row in rows):
            yield name
    policy = _keys(item.get("pricePolicy"))
    for part, name in BOUNDS.items():
        stores = {store for store, _, attributes in rows if attributes.get(name) is not None}
        if part not in policy and stores:
            yield f"pricePolicy.{part}"
    allocated = any((row[2].get("allocation") or {}).get("pool") for row in rows)
    if "inventory" not in item and allocated:
        yield "inventory"


def _keys(block: object) -> set[str]:
    return {*block} if isinstance(block, dict) else set()


def _free(name: str, used: Collection[str], numbers: dict[str, int]) -> str:
    """A name that is not used. `numbers`: how far each name was counted, so that nobody counts again."""
    found, number = name, numbers.get(name[:58], 2)
    while found in used:
        found, number = f"{name[:58]}-{number}", number + 1
    numbers[name[:58]] = number
    return found


def _agreed(rows: list[Attributes], name: str) -> Any:
    values = [row.get(name) for row in rows]
    return values[0] if all(value == values[0] for value in values) else None


def _facts(item: dict[str, object], rows: list[Attributes]) -> None:
    if (gtin := _agreed(rows, "gtin")) is not None:
        item["gtin"] = gtin
    facts = {name: value for name in PRODUCT if (value := _agreed(rows, name)) is not None}
    if facts:
        item["attributes"] = facts
    composition = _agreed(rows, "composition")
    if composition is not None:
        parts = composition.get("components")
        if composition["type"] == "multipack" and parts:
            item["composition"] = {"type": "multipack", "of": parts[0]["sku"], "qty": parts[0]["qty"]}
        else:
            item["composition"] = composition


def _listing(store: str, key: str, sku: str, attributes: Attributes) -> dict[str, object]:
    listing: dict[str, object] = {"store": store}
    if key != sku:
        listing["sellerSku"] = key
    for name in (*OWN, "price"):
        if attributes.get(name) is not None:
            listing[name] = attributes[name]
    if business := _business(attributes):
        listing["business"] = business
    return listing


def _business(attributes: Attributes) -> dict[str, object]:
    """What businesses are asked: amounts in the currency of the store."""
    said: dict[str, object] = {}
    if attributes.get(BUSINESS_PRICE) is not None:
        said["price"] = attributes[BUSINESS_PRICE]["value"]
    if attributes.get(BUSINESS_TIERS):
        said["tiers"] = [
            {"minimumQuantity": tier["minimumQuantity"], "price": tier["price"]["value"]}
            for tier in sorted(attributes[BUSINESS_TIERS], key=lambda tier: tier["minimumQuantity"])
        ]
    return said


def _bounds(rows: list[tuple[str, str, Attributes]]) -> dict[str, object]:
    policy: dict[str, object] = {}
    for part, name in BOUNDS.items():
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


def _inventory(
    rows: list[tuple[str, str, Attributes]], sources: list[tuple[str, Attributes]]
) -> dict[str, object]:
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
                if name == "weight":  # who is not named has none
                    shares = {store: weight for store, weight in shares.items() if weight}
                if shares:
                    inventory["allocation"][part] = shares
    return inventory
