"""A SKU that a store sells: its facts, its price, its share of the stock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from acorn_gitops.model.resource import Address, is_money
from acorn_gitops.resources.buyers import (
    ASKED,
    BUSINESS_PRICE,
    BUSINESS_TIERS,
    EVERYBODY,
    MOST_TIERS,
    as_seen,
    buyers_of,
)
from acorn_gitops.resources.resource_type import Held, ResourceType, Show, SpecPath
from acorn_gitops.resources.wire import COUNT, FREE, MONEY, block, one_of, text

PRODUCT: Final = ("brand", "title", "productType", "taxClass", "ptc", "hs6", "extra")
"""Facts that a SKU has once, for all of its listings."""
OWN: Final = ("asin", "condition", "fulfillment", "status")
"""What each listing says for itself, beside its price."""
BOUNDS: Final[Mapping[Literal["min", "max", "map"], str]] = {
    "min": "minPrice",
    "max": "maxPrice",
    "map": "mapPrice",
}
"""By the name in `pricePolicy`, the attribute."""
_POLICY: Final = {attribute: part for part, attribute in BOUNDS.items()}


def index_of(address: Address, spec: Mapping[str, Any]) -> int | None:
    """Which entry of `listings` an address is."""
    for index, listing in enumerate(spec.get("listings") or ()):
        own = listing.get("sellerSku") or spec["sku"]
        if listing["store"] == address.store and own == address.key:
            return index
    return None


def _spec_paths(address: Address, attribute: str, value: Any, spec: Mapping[str, Any]) -> Sequence[SpecPath]:
    index = index_of(address, spec)
    if index is None:
        return ()
    here = ("spec", "listings", index)
    if attribute == "price" and is_money(value):
        if (spec["listings"][index].get("price") or {}).get("rule") is not None:
            return ()  # a computed price has no number of its own to edit
        return [SpecPath((*here, "price", "value"), value["value"])]
    if attribute == BUSINESS_PRICE and is_money(value):
        return [SpecPath((*here, "business", "price"), value["value"])]
    if attribute == BUSINESS_TIERS and isinstance(value, list) and all(map(_is_tier, value)):
        tiers = [{**tier, "price": tier["price"]["value"]} for tier in sorted(value, key=_pieces)]
        return [SpecPath((*here, "business", "tiers"), tiers)]
    if attribute in OWN:
        return [SpecPath((*here, attribute), value)]
    if attribute in _POLICY and is_money(value):
        return [SpecPath(("spec", "pricePolicy", _POLICY[attribute], address.store), value["value"])]
    if attribute == "gtin":
        return [SpecPath(("spec", "gtin"), value)]
    if attribute in PRODUCT:
        return [SpecPath(("spec", "attributes", attribute), value)]
    if attribute == "allocation" and isinstance(value, dict):
        return _division_paths(address.store, value, spec.get("inventory") or {})
    return ()


def _is_tier(said: object) -> bool:
    return isinstance(said, dict) and said.keys() == {"minimumQuantity", "price"} and is_money(said["price"])


def _pieces(tier: Mapping[str, Any]) -> int:
    said = tier["minimumQuantity"]
    return said if isinstance(said, int) else 0


def _words(held: Held, show: Show) -> Sequence[str]:
    """What businesses are asked: it stands beside the price that everybody sees."""
    others = [buyer for buyer in buyers_of(held) if buyer != EVERYBODY]
    if not others:
        return ()
    asked = [(buyer.pieces, show(as_seen(held, buyer).get("price"), 40)) for buyer in others]
    told = [price + (f" from {pieces:,}" if pieces > 1 else "") for pieces, price in asked]
    return [f"for businesses {', '.join(told)}"]


_SHARES: Final = {"weight": "weights", "min": "min", "cap": "cap"}
"""Of a division of stock, by attribute, the map of a spec that says it by store."""


def _division_paths(store: str, value: Mapping[str, Any], inventory: Mapping[str, Any]) -> Sequence[SpecPath]:
    """Each part of a division that a spec says otherwise; none where it says one that is gone, which no value
    can be written for."""
    allocation = inventory.get("allocation") or {}
    here = ("spec", "inventory")
    said: dict[str, tuple[Any, tuple[str, ...]]] = {
        part: (inventory.get(part), (*here, part)) for part in ("pool", "buffer")
    }
    said["mode"] = allocation.get("mode"), (*here, "allocation", "mode")
    for part, name in _SHARES.items():
        shares = allocation.get(name) or {}
        # Whoever is not named where others have weights has none.
        left_out = 0 if part == "weight" and shares and allocation.get("mode") == "weighted" else None
        said[part] = shares.get(store, left_out), (*here, "allocation", name, store)
    if any(now is not None and value.get(part) is None for part, (now, _) in said.items()):
        return ()
    return [
        SpecPath(path, value[part])
        for part, (now, path) in said.items()
        if part in value and value[part] != now
    ]


TYPE = ResourceType(
    name="listing",
    kind="SkuMapping",
    wave=3,
    needs="listing",
    needs_by_field={
        **dict.fromkeys((*ASKED, *BOUNDS.values()), "price"),
        **dict.fromkeys(("title", "brand", "extra", "productType"), "content"),
        "allocation": "inventory",
    },
    home="storefront",
    priced=True,
    told_by_field=True,
    fixed=frozenset({"sku"}),
    sets=frozenset({"components", BUSINESS_TIERS}),
    keyed={BUSINESS_TIERS: "minimumQuantity"},
    refers={"taxClass": "tax-class"},
    properties={
        "sku": text(40),
        "gtin": text(14),
        "asin": text(10),
        "brand": text(),
        "title": text(),
        "productType": text(),
        "taxClass": text(63),
        "ptc": text(60),
        "hs6": text(6),
        "extra": FREE,
        "condition": text(40),
        "fulfillment": one_of("mfn", "afn"),
        "status": one_of("active", "inactive"),
        "price": MONEY,
        BUSINESS_PRICE: MONEY,
        BUSINESS_TIERS: {
            "type": "array",
            "maxItems": MOST_TIERS,
            "items": block(
                {"minimumQuantity": {"type": "integer", "minimum": 2}, "price": MONEY},
                "minimumQuantity",
                "price",
            ),
        },
        "minPrice": MONEY,
        "maxPrice": MONEY,
        "mapPrice": MONEY,
        "composition": block(
            {
                "type": text(20),
                "components": {
                    "type": "array",
                    "items": block({"sku": text(40), "qty": {"type": "integer", "minimum": 1}}, "sku", "qty"),
                },
            },
            "type",
        ),
        "allocation": block(
            {"pool": text(63), "mode": text(20), "weight": COUNT, "min": COUNT, "cap": COUNT, "buffer": FREE},
            "pool",
        ),
    },
    required=("sku",),
    words=_words,
    spec_paths=_spec_paths,
)
