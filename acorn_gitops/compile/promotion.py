"""`Promo` to a promotion in each store, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.compile.translation import Document, Drafts, Translation
from acorn_gitops.model.money import canonical
from acorn_gitops.model.reference import sale_zone
from acorn_gitops.model.resource import Address, Attributes, Desired
from acorn_gitops.model.selectors import Grouped, select
from acorn_gitops.model.window import instant, utc_text
from acorn_gitops.specs.configuration import Configuration, Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import PromoData, StoreData


_PLAIN: Final = frozenset({"audience", "code", "minimumQuantity"})
"""Said by a spec as a promotion has it."""


class Catalogue:
    """What every promotion chooses from, gathered once: SKUs by label, and where each is listed."""

    def __init__(self, configuration: Configuration) -> None:
        self.skus = Grouped((s.spec["sku"], s.labels) for s in configuration.skus)
        self.stores = {
            s.spec["sku"]: {entry["store"] for entry in s.spec.get("listings") or ()}
            for s in configuration.skus
        }


def _compile(configuration: Configuration, state: DesiredState) -> None:
    """A `promotion` in every selected storefront where a selected SKU is listed. Local times become each
    store's own instants."""
    if not configuration.promos:
        return
    catalogue = Catalogue(configuration)
    keys = {spec.name: spec.spec.get("key") or spec.name for spec in configuration.promos.values()}
    fronts = [(s.name, s.labels) for s in configuration.stores.values() if s.spec.get("storefront")]
    for spec in configuration.promos.values():
        listed: dict[str, list[str]] = {name: [] for name in select(spec.spec["stores"], fronts)}
        for sku in catalogue.skus.select(spec.spec["skus"]):
            for name in catalogue.stores[sku]:
                if name in listed:
                    listed[name].append(sku)
        for name, skus in listed.items():
            if skus:
                attributes = _attributes(spec.spec, configuration.stores[name], sorted(skus), keys=keys)
                desired = Desired(attributes, spec.origin, spec.lifecycle, moved_from=spec.moved_from)
                state.add(name, "promotion", spec.spec.get("key") or spec.name, desired)


def _attributes(
    body: PromoData, store: Spec[StoreData], skus: list[str], keys: Mapping[str, str]
) -> Attributes:
    """`keys`: what stores call the promotions, by their names in the specs."""
    front = store.spec["storefront"]
    out: Attributes = {"type": body["type"], "skus": skus}
    for edge in ("start", "end"):
        moment = body["window"][edge]
        tz = sale_zone(front) if moment["tz"] == "store" else moment["tz"]
        out[edge] = utc_text(instant(moment["local"], tz, moment.get("fold")))
    discount = without_none(body.get("discount"))
    for name in ("amount", "salePrice"):
        if name in discount:
            discount[name] = _money(discount[name][store.name])
    if "buyXGetY" in discount:
        discount["buyXGetY"] = without_none(discount["buyXGetY"])
    discount.pop("gift", None)  # what acorn may let through; the marketplace need not know
    if discount or "discount" in body:
        out["discount"] = discount or None
    if "minimumOrder" in body:
        minimum = (body.get("minimumOrder") or {}).get(store.name)
        out["minimumOrder"] = _money(minimum) if minimum is not None else None
    out |= {name: value for name, value in body.items() if name in _PLAIN}
    for name, said in (("stacking", body.get("stacking")), ("limits", body.get("limits"))):
        if name in body:
            out[name] = {
                k: sorted({keys.get(one, one) for one in v})
                if isinstance(v, list)
                else _money(v)
                if isinstance(v, dict)
                else v
                for k, v in without_none(said).items()
            } or None
    return out


def _money(money: Mapping[str, Any]) -> dict[str, str]:
    return {"currency": money["currency"], "value": canonical(money["value"], money["currency"])}


def _alone(store: str, key: str, attributes: Attributes) -> Document:
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


def _add(drafts: Drafts, address: Address, attributes: Attributes) -> None:
    drafts.others[address.store, "Promo", address.key] = _alone(address.store, address.key, attributes)


def _unsayable(attributes: Attributes) -> str:
    missing = [edge for edge in ("start", "end") if attributes.get(edge) is None]
    return f"it has no {' and no '.join(missing)}, and a Promo needs both" if missing else ""


TRANSLATION = Translation(compile=_compile, alone=_alone, add=_add, shared=False, unsayable=_unsayable)
