"""`TaxRule` to tax classes and tax rules in each store, and back. Callers: `configuration`, import, export."""

from __future__ import annotations

from typing import Any

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.engines.tax import matched_stores
from acorn_gitops.model.resource import Attributes, Desired
from acorn_gitops.specs.configuration import Configuration, Spec


def compile_tax_classes(configuration: Configuration, state: DesiredState) -> None:
    """The tax classes that rules and listings of a store name: they must exist before either."""
    for spec in configuration.taxes.values():
        classes = (spec.spec["match"].get("goods") or {}).get("taxClass") or ()
        for store in matched_stores(spec, configuration) if classes else ():
            for name in classes:
                state.stores[store].setdefault(("tax-class", name), Desired({"name": name}, spec.origin))
    for sku in configuration.skus:
        name = (sku.spec.get("attributes") or {}).get("taxClass")
        if name is not None:
            key = ("tax-class", name)
            for listing in sku.spec.get("listings") or ():
                shard = state.stores[listing["store"]]
                if key not in shard:
                    shard[key] = Desired({"name": name}, sku.origin)


def compile_tax_rule(spec: Spec, configuration: Configuration, state: DesiredState) -> None:
    """A `tax-rule` in every matched storefront."""
    body = spec.spec
    match = body["match"]
    attributes: Attributes = {
        "validFrom": body["validity"]["from"],
        "liableParty": body["result"]["liableParty"],
        "treatment": body["result"]["treatment"],
    }
    if "to" in body["validity"]:
        attributes["validTo"] = body["validity"]["to"]
    for name in ("supply", "customer", "seller", "goods", "value"):
        block = without_none(match.get(name))
        if block:
            attributes[name] = {k: sorted(v) if isinstance(v, list) else v for k, v in block.items()}
    for name in ("rate", "invoice"):
        block = without_none(body["result"].get(name))
        if block:
            attributes[name] = block
    if body["result"].get("taxes"):
        attributes["taxes"] = [without_none(one) for one in body["result"]["taxes"]]
    if "scheme" in body["result"]:
        attributes["scheme"] = body["result"]["scheme"]
    for name in ("enabled", "priority"):
        if name in body:
            attributes[name] = body[name]
    desired = Desired(attributes, spec.origin, spec.lifecycle, spec.moved_from)
    for store in matched_stores(spec, configuration):
        state.add(store, "tax-rule", body.get("key") or spec.name, desired)


def decompile_tax_rule(store: str, key: str, attributes: Attributes) -> dict[str, Any]:
    """The document that would compile to this rule in one store."""
    match: dict[str, Any] = {"stores": {"names": [store]}}
    for name in ("supply", "customer", "seller", "goods", "value"):
        if attributes.get(name):
            match[name] = attributes[name]
    result = {"liableParty": attributes["liableParty"], "treatment": attributes["treatment"]}
    for name in ("rate", "taxes", "scheme", "invoice"):
        if attributes.get(name) is not None:
            result[name] = attributes[name]
    spec: dict[str, Any] = {"validity": {"from": attributes["validFrom"]}, "match": match, "result": result}
    if attributes.get("validTo") is not None:
        spec["validity"]["to"] = attributes["validTo"]
    for name in ("enabled", "priority"):
        if attributes.get(name) is not None:
            spec[name] = attributes[name]
    return {"apiVersion": "acorn/v1", "kind": "TaxRule", "metadata": {"name": key}, "spec": spec}
