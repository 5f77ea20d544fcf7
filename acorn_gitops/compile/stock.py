"""`SkuMapping` to a stock policy at each location that feeds the SKU's pool, and back."""

from __future__ import annotations

from acorn_gitops.compile.desired_state import DesiredState
from acorn_gitops.compile.sku_list import sku_list
from acorn_gitops.compile.translation import Document, Drafts, Translation
from acorn_gitops.model.resource import Address, Attributes, Desired, Origin
from acorn_gitops.specs.configuration import Configuration


def _compile(configuration: Configuration, state: DesiredState) -> None:
    for sku in configuration.skus:
        inventory = sku.spec.get("inventory")
        if not inventory:
            continue
        origin = Origin(sku.file, sku.line, "SkuMapping", name=sku.name)
        for source in inventory.get("sources") or ():
            stock = {"pool": inventory["pool"]} | {
                k: source[k] for k in ("priority", "reserve") if k in source
            }
            state.add(source["location"], "stock", sku.spec["sku"], Desired(stock, origin, sku.lifecycle))


def _alone(store: str, key: str, attributes: Attributes) -> Document:
    return {"kind": "SkuMapping", "spec": {"items": sku_list([], [(store, key, attributes)])}}


def _add(drafts: Drafts, address: Address, attributes: Attributes) -> None:
    drafts.skus.setdefault("stock", []).append((address.store, address.key, attributes))


TRANSLATION = Translation(compile=_compile, alone=_alone, add=_add)
