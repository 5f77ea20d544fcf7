"""`Promo` to a promotion in each store, and back. Callers: `configuration`, import, export."""

from __future__ import annotations

from typing import Any

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.model.money import canonical
from acorn_gitops.model.resource import Attributes, Desired
from acorn_gitops.model.selectors import Grouped, select
from acorn_gitops.model.window import instant, utc_text
from acorn_gitops.specs.configuration import Configuration, Spec


class Catalogue:
    """What every promotion chooses from, gathered once: SKUs by label, and where each is listed."""

    def __init__(self, configuration: Configuration) -> None:
        self.skus = Grouped((s.spec["sku"], s.labels) for s in configuration.skus)
        self.stores = {
            s.spec["sku"]: {entry["store"] for entry in s.spec.get("listings") or ()}
            for s in configuration.skus
        }


def compile_promo(
    spec: Spec, configuration: Configuration, catalogue: Catalogue, state: DesiredState
) -> None:
    """A `promotion` in every selected storefront where a selected SKU is listed. Local times become each
    store's own instants."""
    body = spec.spec
    fronts = [(s.name, s.labels) for s in configuration.stores.values() if s.spec.get("storefront")]
    stores = select(body["stores"], fronts)
    listed: dict[str, list[str]] = {name: [] for name in stores}
    for sku in catalogue.skus.select(body["skus"]):
        for name in catalogue.stores[sku]:
            if name in listed:
                listed[name].append(sku)
    for name in stores:
        if listed[name]:
            attributes = _attributes(body, configuration.stores[name], sorted(listed[name]))
            state.add(
                name,
                "promotion",
                body.get("key") or spec.name,
                Desired(attributes, spec.origin, spec.lifecycle, spec.moved_from),
            )


def _attributes(body: dict[str, Any], store: Spec, skus: list[str]) -> Attributes:
    front = store.spec["storefront"]
    out: Attributes = {"type": body["type"], "skus": skus}
    for edge in ("start", "end"):
        moment = body["window"][edge]
        tz = (front.get("timezone") or "UTC") if moment["tz"] == "store" else moment["tz"]
        out[edge] = utc_text(instant(moment["local"], tz, moment.get("fold")))
    discount = without_none(body.get("discount"))
    for name in ("amount", "salePrice"):
        if name in discount:
            discount[name] = _money(discount[name][store.name])
    if "buyXGetY" in discount:
        discount["buyXGetY"] = without_none(discount["buyXGetY"])
    discount.pop("gift", None)  # what acorn may let through; the marketplace need not know
    if discount:
        out["discount"] = discount
    minimum = (body.get("minimumOrder") or {}).get(store.name)
    if minimum is not None:
        out["minimumOrder"] = _money(minimum)
    for name in ("audience", "code", "minimumQuantity"):
        if name in body:
            out[name] = body[name]
    for name in ("stacking", "limits"):
        block = without_none(body.get(name))
        if block:
            out[name] = {
                k: sorted(v) if isinstance(v, list) else _money(v) if isinstance(v, dict) else v
                for k, v in block.items()
            }
    return out


def _money(money: dict[str, str]) -> dict[str, str]:
    return {"currency": money["currency"], "value": canonical(money["value"], money["currency"])}


def decompile_promo(store: str, key: str, attributes: Attributes) -> dict[str, Any]:
    """The document that would compile to this promotion in one store."""
    discount = dict(attributes.get("discount") or {})
    for name in ("amount", "salePrice"):
        if name in discount:
            discount[name] = {store: discount[name]}
    spec: dict[str, Any] = {
        "type": attributes["type"],
        "stores": {"names": [store]},
        "skus": {"names": attributes["skus"]},
        "window": {
            edge: {"local": str(attributes[edge]).removesuffix("Z"), "tz": "UTC"} for edge in ("start", "end")
        },
    }
    if discount:
        spec["discount"] = discount
    if attributes.get("minimumOrder"):
        spec["minimumOrder"] = {store: attributes["minimumOrder"]}
    for name in ("audience", "code", "minimumQuantity", "stacking", "limits"):
        if attributes.get(name) is not None:
            spec[name] = attributes[name]
    return {"apiVersion": "acorn/v1", "kind": "Promo", "metadata": {"name": key}, "spec": spec}
