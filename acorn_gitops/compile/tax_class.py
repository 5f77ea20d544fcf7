"""The tax classes that rules and listings of a store name: they must exist before either. Back: a class is
said by whatever names it."""

from __future__ import annotations

from acorn_gitops.compile.desired_state import DesiredState
from acorn_gitops.compile.translation import Drafts, Translation
from acorn_gitops.engines.tax import matched_stores
from acorn_gitops.model.resource import Address, Attributes, Desired
from acorn_gitops.specs.configuration import Configuration


def _compile(configuration: Configuration, state: DesiredState) -> None:
    for spec in configuration.taxes.values():
        classes = (spec.spec["match"].get("goods") or {}).get("taxClass") or ()
        for store in matched_stores(spec, configuration) if classes else ():
            for name in classes:
                state.stores[store].setdefault(("tax-class", name), Desired({"name": name}, spec.origin))
    for sku in configuration.skus:
        own = (sku.spec.get("attributes") or {}).get("taxClass")
        if own is not None:
            key = ("tax-class", own)
            for listing in sku.spec.get("listings") or ():
                shard = state.stores[listing["store"]]
                if key not in shard:
                    shard[key] = Desired({"name": own}, sku.origin)


def _no_document(store: str, key: str, attributes: Attributes) -> None:
    """It is a word in others' documents."""


def _add(drafts: Drafts, address: Address, attributes: Attributes) -> None:
    drafts.words.append((address, "no listing or tax rule names this class"))


TRANSLATION = Translation(compile=_compile, alone=_no_document, add=_add)
