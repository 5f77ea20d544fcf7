"""GEN rules over the whole configuration: names that refer to nothing. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule


def _nearest(word: str, known: Iterable[str]) -> str:
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(names[:8])}" if names else "declare it first"


@rule(
    "GEN-012",
    "error",
    "A name refers to nothing",
    "The part that depends on it would silently not happen.",
    mend="Correct the name, or declare what is missing.",
)
def references(context: Context) -> Iterator[Finding]:
    """Stores, locations, connections and price rules that specs name."""
    config = context.configuration
    storefronts = {n for n, s in config.stores.items() if s.spec["type"] == "storefront"}
    locations = config.stores.keys() - storefronts
    for store in config.stores.values():
        connection = store.spec.get("connection")
        if connection is not None and connection not in config.connections:
            yield config.finding(
                "GEN-012",
                "error",
                store,
                ("spec", "connection"),
                f"there is no connection {connection}",
                _nearest(connection, config.connections),
            )
        elif connection is None and len(config.connections) > 1:
            yield config.finding(
                "GEN-012",
                "error",
                store,
                (),
                f"store {store.name} names no connection, and there are {len(config.connections)}",
                f"add `connection:`, one of {', '.join(config.connections)}",
            )
    for sku in config.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            if listing["store"] not in storefronts:
                name = listing["store"]
                what = (
                    f"{name} is a physical store, not a storefront"
                    if name in locations
                    else f"there is no store {name}"
                )
                yield config.finding(
                    "GEN-012",
                    "error",
                    sku,
                    ("spec", "listings", index, "store"),
                    what,
                    _nearest(name, storefronts),
                )
            price = listing.get("price")
            if price and price.get("rule") is not None and price["rule"] not in config.price_rules:
                yield config.finding(
                    "GEN-012",
                    "error",
                    sku,
                    ("spec", "listings", index, "price", "rule"),
                    f"there is no price rule {price['rule']}",
                    _nearest(price["rule"], config.price_rules),
                )
        inventory = sku.spec.get("inventory")
        if inventory:
            for index, source in enumerate(inventory.get("sources") or ()):
                if source["location"] not in locations:
                    yield config.finding(
                        "GEN-012",
                        "error",
                        sku,
                        ("spec", "inventory", "sources", index, "location"),
                        f"there is no physical store {source['location']}",
                        _nearest(source["location"], locations),
                    )
            allocation = inventory.get("allocation") or {}
            for part in ("weights", "min", "cap"):
                for name in allocation.get(part) or ():
                    if name not in config.stores:
                        yield config.finding(
                            "GEN-012",
                            "error",
                            sku,
                            ("spec", "inventory", "allocation", part, name),
                            f"there is no store {name}",
                            _nearest(name, config.stores),
                        )
        for part, prices in (sku.spec.get("pricePolicy") or {}).items():
            if isinstance(prices, dict):
                for name in prices:
                    if name not in storefronts:
                        yield config.finding(
                            "GEN-012",
                            "error",
                            sku,
                            ("spec", "pricePolicy", part, name),
                            f"there is no store {name}",
                            _nearest(name, storefronts),
                        )
    for spec in (*config.roles.values(), *config.promos.values()):
        for part in ("names", "exclude"):
            for index, name in enumerate(spec.spec["stores"].get(part) or ()):
                if name not in config.stores:
                    yield config.finding(
                        "GEN-012",
                        "error",
                        spec,
                        ("spec", "stores", part, index),
                        f"there is no store {name}",
                        _nearest(name, config.stores),
                    )
    for spec in config.taxes.values():
        for index, name in enumerate((spec.spec["match"].get("stores") or {}).get("names") or ()):
            if name not in storefronts:
                yield config.finding(
                    "GEN-012",
                    "error",
                    spec,
                    ("spec", "match", "stores", "names", index),
                    f"there is no store {name}",
                    _nearest(name, storefronts),
                )
    for rule_name, price_rule in config.price_rules.items():
        if price_rule["fromStore"] not in storefronts:
            yield Finding(
                "GEN-012",
                "error",
                f"price rule {rule_name} takes prices from {price_rule['fromStore']}, which is no storefront",
                None,
                _nearest(price_rule["fromStore"], storefronts),
            )
