"""What is taken off which SKUs, for whom, and from when to when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from acorn_gitops.model.resource import Address
from acorn_gitops.resources.resource_type import Held, Lookup, ResourceType, Show, SpecPath
from acorn_gitops.resources.wire import FREE, INSTANT, MONEY, TEXTS, text

JOINS: Final = "joins"
"""The attribute of a promotion of others that names products for which it holds, whatever SKU offers them."""
EVERYTHING: Final = "*"
"""In place of a product: all that there is and will be."""
NAMED: Final = 12
"""So many SKUs of a promotion are named."""


def _words(held: Held, show: Show) -> Sequence[str]:
    skus = [show(str(sku), 0) for sku in held.get("skus") or ()]
    named = ", ".join(skus[:NAMED]) + (f" and {len(skus) - NAMED:,} more" if len(skus) > NAMED else "")
    discount = held.get("discount")
    if isinstance(discount, Mapping) and {*discount} == {"salePrice"}:
        discount = discount["salePrice"]  # an amount says it all
    what = " ".join(show(one, 60) for one in (held.get("type"), discount) if one is not None)
    found = [f"{what} on {named or 'no SKU'}"]
    found += [
        f"{name} {show(held[name], 60)}"
        for name in ("audience", "code", "stacking", "minimumOrder")
        if held.get(name) is not None
    ]
    if held.get("start") is not None:
        found.append(f"{show(str(held['start']), 0)} to {show(str(held.get('end')), 0)}")
    return found


def _spec_paths(address: Address, attribute: str, value: Any, spec: Mapping[str, Any]) -> Sequence[SpecPath]:
    if attribute in ("audience", "code", "minimumQuantity", "stacking", "limits"):
        return [SpecPath(("spec", attribute), value)]
    if attribute == "minimumOrder":
        return [SpecPath(("spec", attribute, address.store), value)]
    said = {name for name, one in (spec.get("discount") or {}).items() if one is not None}
    if (
        attribute == "discount"
        and isinstance(value, dict)
        and {*value} == {"percent"}
        and said <= {"percent"}
    ):
        return [SpecPath(("spec", "discount", "percent"), value["percent"])]
    return ()


def _objection(held: Held, values: Lookup) -> tuple[str, str] | None:
    if held["start"] >= held["end"]:
        return "Empty window", "start must be before end"
    listed = values("listing", "sku")
    missing = next((sku for sku in held["skus"] if sku not in listed), None)
    return None if missing is None else ("Unknown SKU", f"the store does not list {missing}")


TYPE = ResourceType(
    name="promotion",
    kind="Promo",
    wave=5,
    needs="promo",
    home="storefront",
    numbered=True,
    priced=True,
    told_apart=True,
    reading_rank=2,
    sets=frozenset({"skus", "combinableWith"}),
    # To say none of these has a meaning of its own: no code, for everybody, on any amount.
    cleared=frozenset(
        {"discount", "minimumOrder", "minimumQuantity", "audience", "code", "stacking", "limits"}
    ),
    properties={
        "type": text(30),
        "skus": {**TEXTS, "minItems": 1},
        "start": INSTANT,
        "end": INSTANT,
        "discount": FREE,
        "minimumOrder": MONEY,
        "minimumQuantity": {"type": "integer", "minimum": 2, "maximum": 1_000_000},
        "audience": text(20),
        "code": text(50),
        "stacking": FREE,
        "limits": FREE,
    },
    required=("type", "skus", "start", "end"),
    words=_words,
    spec_paths=_spec_paths,
    objection=_objection,
)
