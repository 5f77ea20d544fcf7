"""Whom a role is given to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acorn_gitops.resources.resource_type import Held, ResourceType, Show
from acorn_gitops.resources.wire import BOOL, block, one_of, text


def _words(held: Held, show: Show) -> Sequence[str]:
    return [f"{show(held.get('role'), 0)} for {_who(held.get('subject'), show)}"]


def _who(subject: object, show: Show) -> str:
    if not isinstance(subject, Mapping):
        return "nobody"
    return show(f"{subject.get('kind')} {subject.get('id')}", 0)


TYPE = ResourceType(
    name="grant",
    kind="RolePermission",
    wave=2,
    needs="iam",
    told_apart=True,
    reading_rank=0,
    fixed=frozenset({"role", "subject"}),
    refers={"role": "role"},
    properties={
        "role": text(200),
        "subject": block({"kind": one_of("user", "group", "app"), "id": text(300)}, "kind", "id"),
        "employment": text(20),
        "mfa": BOOL,
    },
    required=("role", "subject"),
    words=_words,
)
