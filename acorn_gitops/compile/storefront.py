"""`Store` to a storefront, and back."""

from __future__ import annotations

from typing import Final

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.compile.translation import Document, Drafts, Translation
from acorn_gitops.model.language import canonical_tag
from acorn_gitops.model.resource import Address, Attributes, Desired
from acorn_gitops.specs.configuration import Configuration

_FIELDS: Final = (
    "platform",
    "currency",
    "sellerId",
    "marketplaceId",
    "country",
    "region",
    "environment",
    "timezone",
    "pricesIncludeTax",
    "lifecycle",
)


def _compile(configuration: Configuration, state: DesiredState) -> None:
    """One resource, named as the store. Credentials and ids given by the marketplace stay here: they are no
    wish."""
    for spec in configuration.stores.values():
        if spec.spec["type"] != "storefront":
            continue
        block = spec.spec["storefront"]
        attributes: Attributes = {name: block[name] for name in _FIELDS if name in block}
        if "languages" in block:
            attributes["languages"] = _languages(block["languages"])
        if "entitlements" in block:
            attributes["entitlements"] = without_none(block["entitlements"]) or None
        desired = Desired(attributes, spec.origin, spec.lifecycle, moved_from=spec.moved_from)
        state.add(spec.name, "storefront", spec.name, desired)


def _languages(said: list[str] | None) -> list[str] | None:
    """In one spelling, each once: the first declared is the default and stays first; the order of the others
    means nothing."""
    if not said:
        return said
    first, *others = map(canonical_tag, said)
    return [first, *sorted({*others} - {first})]


def _alone(store: str, key: str, attributes: Attributes) -> Document:
    known = {k: v for k, v in attributes.items() if v is not None}
    default = known.get("defaultLanguage")
    if default in known.get("languages", ()):
        known["languages"] = [default, *(tag for tag in known["languages"] if tag != default)]
    allowed = {*_FIELDS, "languages", "entitlements"}
    spec = {"type": "storefront", "storefront": {k: v for k, v in known.items() if k in allowed}}
    return {"apiVersion": "acorn/v1", "kind": "Store", "metadata": {"name": store}, "spec": spec}


def _add(drafts: Drafts, address: Address, attributes: Attributes) -> None:
    drafts.stores.append(_alone(address.store, address.key, attributes))


TRANSLATION = Translation(compile=_compile, alone=_alone, add=_add)
