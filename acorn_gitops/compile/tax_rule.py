"""`TaxRule` to a tax rule in each matched storefront, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.compile.translation import Document, Drafts, Translation
from acorn_gitops.engines.tax import matched_stores
from acorn_gitops.model.resource import Address, Attributes, Desired
from acorn_gitops.specs.configuration import Configuration

if TYPE_CHECKING:
    from acorn_gitops.model.typed import TaxRuleData


def _compile(configuration: Configuration, state: DesiredState) -> None:
    for spec in configuration.taxes.values():
        desired = Desired(_attributes(spec.spec), spec.origin, spec.lifecycle, moved_from=spec.moved_from)
        for store in matched_stores(spec, configuration):
            state.add(store, "tax-rule", spec.spec.get("key") or spec.name, desired)


def _attributes(body: TaxRuleData) -> Attributes:
    match, result = body["match"], body["result"]
    attributes: Attributes = {
        "validFrom": body["validity"]["from"],
        "liableParty": result["liableParty"],
        "treatment": result["treatment"],
    }
    if "to" in body["validity"]:
        attributes["validTo"] = body["validity"]["to"]
    blocks: Mapping[str, Any] = match
    for name in ("supply", "customer", "seller", "goods", "value"):
        if name in blocks:
            block = without_none(blocks[name])
            attributes[name] = {k: sorted(v) if isinstance(v, list) else v for k, v in block.items()} or None
    for name, said in (("rate", result.get("rate")), ("invoice", result.get("invoice"))):
        if name in result:
            attributes[name] = without_none(said) or None
    if "taxes" in result:
        attributes["taxes"] = [without_none(one) for one in result.get("taxes") or ()] or None
    if "scheme" in result:
        attributes["scheme"] = result["scheme"]
    return attributes | {name: body[name] for name in ("enabled", "priority") if name in body}


def _alone(store: str, key: str, attributes: Attributes) -> Document:
    match: dict[str, object] = {"stores": {"names": [store]}}
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


def _add(drafts: Drafts, address: Address, attributes: Attributes) -> None:
    drafts.others[address.store, "TaxRule", address.key] = _alone(address.store, address.key, attributes)
    for name in (attributes.get("goods") or {}).get("taxClass") or ():
        drafts.named.add((address.store, "tax-class", str(name)))


def _unsayable(attributes: Attributes) -> str:
    rate = attributes.get("rate")
    if isinstance(rate, dict) and "percents" in rate:
        return "its countries have different rates; a rule with a class of rate says that"
    return ""


TRANSLATION = Translation(compile=_compile, alone=_alone, add=_add, unsayable=_unsayable)
