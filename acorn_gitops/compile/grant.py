"""`RolePermission` to a grant for each of its subjects in each store, and back."""

from __future__ import annotations

from acorn_gitops.compile.desired_state import DesiredState
from acorn_gitops.compile.translation import Drafts, Translation
from acorn_gitops.model.resource import Address, Attributes, Desired
from acorn_gitops.model.selectors import select
from acorn_gitops.specs.configuration import Configuration


def _compile(configuration: Configuration, state: DesiredState) -> None:
    candidates = [(s.name, s.labels) for s in configuration.stores.values()]
    for spec in configuration.roles.values():
        role = spec.spec.get("key") or spec.name
        grants: list[tuple[str, Desired]] = []
        for subject in spec.spec["subjects"]:
            # One person is one subject, however somebody wrote their address.
            who = subject["id"].lower() if subject["kind"] == "user" else subject["id"]
            grant: Attributes = {"role": role, "subject": {"id": who, "kind": subject["kind"]}}
            grant |= {name: subject[name] for name in ("employment", "mfa") if name in subject}
            grants.append((f"{role}:{subject['kind']}:{who}", Desired(grant, spec.origin, spec.lifecycle)))
        for store in select(spec.spec["stores"], candidates):
            for key, desired in grants:
                state.add(store, "grant", key, desired)


def _fits(store: str, key: str, attributes: Attributes) -> None:
    subject = attributes["subject"]
    if not all(isinstance(subject[name], str) for name in ("kind", "id")):
        raise ValueError("its subject is none")


def _add(drafts: Drafts, address: Address, attributes: Attributes) -> None:
    """A subject of its role's document."""
    role = drafts.others.get((address.store, "RolePermission", str(attributes.get("role"))))
    if role is None:
        drafts.unsaid.append(
            (address, "its role is not taken in here: where a spec says it, name the person there")
        )
        return
    subject = {
        "kind": attributes["subject"]["kind"],
        "id": attributes["subject"]["id"],
        **{name: attributes[name] for name in ("employment", "mfa") if attributes.get(name) is not None},
    }
    subjects = role["spec"]["subjects"]
    subjects.append(subject)
    subjects.sort(key=lambda one: (str(one["id"]), str(one["kind"])))


TRANSLATION = Translation(compile=_compile, alone=_fits, add=_add)
