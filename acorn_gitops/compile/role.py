"""`RolePermission` to a role in each store, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.compile.translation import Document, Drafts, Translation
from acorn_gitops.model.resource import Address, Attributes, Desired
from acorn_gitops.model.selectors import select
from acorn_gitops.specs.configuration import Configuration

if TYPE_CHECKING:
    from acorn_gitops.model.typed import RolePermissionData, RuleData


def _compile(configuration: Configuration, state: DesiredState) -> None:
    """A `role` in every selected store. Allow-only: order of rules means nothing."""
    candidates = [(s.name, s.labels) for s in configuration.stores.values()]
    for spec in configuration.roles.values():
        attributes = _attributes(spec.spec)
        desired = Desired(attributes, spec.origin, spec.lifecycle, moved_from=spec.moved_from)
        for store in select(spec.spec["stores"], candidates):
            state.add(store, "role", spec.spec.get("key") or spec.name, desired)


def _attributes(body: RolePermissionData) -> Attributes:
    role: Attributes = {"rules": sorted((_rule(r) for r in body["rules"]), key=repr)}
    validity = body.get("validity")
    if validity is not None:
        role["validFrom"] = validity.get("from")
        role["validUntil"] = validity.get("until")
        role = {k: v for k, v in role.items() if v is not None}
    if "breakGlass" in body:
        role["breakGlass"] = body["breakGlass"]
    return role


def _rule(rule: RuleData) -> dict[str, object]:
    out: dict[str, object] = {
        "resources": sorted(set(rule["resources"])),
        "verbs": sorted(set(rule["verbs"])),
    }
    constraints = without_none(rule.get("constraints"))
    if constraints:
        out["constraints"] = constraints
    return out


def _alone(store: str, key: str, attributes: Attributes) -> Document:
    """Without subjects: each grant adds one."""
    spec: dict[str, object] = {"subjects": [], "stores": {"names": [store]}, "rules": attributes["rules"]}
    validity = {
        part: attributes[name]
        for part, name in (("from", "validFrom"), ("until", "validUntil"))
        if attributes.get(name) is not None
    }
    if validity:
        spec["validity"] = validity
    if attributes.get("breakGlass") is not None:
        spec["breakGlass"] = attributes["breakGlass"]
    return {"apiVersion": "acorn/v1", "kind": "RolePermission", "metadata": {"name": key}, "spec": spec}


def _fits(store: str, key: str, attributes: Attributes) -> None:
    _alone(store, key, attributes)  # a document of its own would need subjects


def _add(drafts: Drafts, address: Address, attributes: Attributes) -> None:
    document = _alone(address.store, address.key, attributes)
    drafts.others[address.store, "RolePermission", address.key] = document


TRANSLATION = Translation(compile=_compile, alone=_fits, add=_add)
