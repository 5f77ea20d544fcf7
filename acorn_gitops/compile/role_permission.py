"""`RolePermission` to a role and its grants in each store, and back. Callers: `configuration`, import, export."""

from __future__ import annotations

from typing import Any

from acorn_gitops.compile.desired_state import DesiredState, without_none
from acorn_gitops.model.resource import Attributes, Desired
from acorn_gitops.model.selectors import select
from acorn_gitops.specs.configuration import Configuration, Spec


def compile_role(spec: Spec, configuration: Configuration, state: DesiredState) -> None:
    """A `role` and a `grant` per subject in every selected store. Allow-only: order of rules means nothing."""
    body = spec.spec
    key = body.get("key") or spec.name
    role: Attributes = {"rules": sorted((_rule(r) for r in body["rules"]), key=repr)}
    validity = body.get("validity")
    if validity is not None:
        role["validFrom"] = validity.get("from")
        role["validUntil"] = validity.get("until")
        role = {k: v for k, v in role.items() if v is not None}
    if "breakGlass" in body:
        role["breakGlass"] = body["breakGlass"]
    candidates = [(s.name, s.labels) for s in configuration.stores.values()]
    for store in select(body["stores"], candidates):
        state.add(store, "role", key, Desired(role, spec.origin, spec.lifecycle, spec.moved_from))
        for subject in body["subjects"]:
            # One person is one subject, however somebody wrote their address.
            who = subject["id"].lower() if subject["kind"] == "user" else subject["id"]
            grant: Attributes = {"role": key, "subject": {"id": who, "kind": subject["kind"]}}
            for name in ("employment", "mfa"):
                if name in subject:
                    grant[name] = subject[name]
            state.add(
                store,
                "grant",
                f"{key}:{subject['kind']}:{who}",
                Desired(grant, spec.origin, spec.lifecycle),
            )


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"resources": sorted(set(rule["resources"])), "verbs": sorted(set(rule["verbs"]))}
    constraints = without_none(rule.get("constraints"))
    if constraints:
        out["constraints"] = constraints
    return out


def decompile_role(store: str, key: str, role: Attributes, grants: list[Attributes]) -> dict[str, Any]:
    """The document that would compile to this role and its grants in one store."""
    spec: dict[str, Any] = {
        "subjects": [
            {
                "kind": g["subject"]["kind"],
                "id": g["subject"]["id"],
                **{k: g[k] for k in ("employment", "mfa") if g.get(k) is not None},
            }
            for g in sorted(grants, key=lambda g: str(g["subject"]))
        ],
        "stores": {"names": [store]},
        "rules": role["rules"],
    }
    validity = {
        k: role[n] for k, n in (("from", "validFrom"), ("until", "validUntil")) if role.get(n) is not None
    }
    if validity:
        spec["validity"] = validity
    if role.get("breakGlass") is not None:
        spec["breakGlass"] = role["breakGlass"]
    return {"apiVersion": "acorn/v1", "kind": "RolePermission", "metadata": {"name": key}, "spec": spec}
