"""ROL rules about approvals that roles ask for. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from acorn_gitops.engines.access import acting, one_spelling, subjects_of
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.families.role.rights import access_of
from acorn_gitops.rules.lines import leaves
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

OF_PROMOTIONS: Final = frozenset({"promo.write", "promo.apply"})
ASKED: Final = OF_PROMOTIONS | {"iam.grant"}
"""For these acorn has a place where approvals are written: a promotion, a role."""


@rule(
    "ROL-024",
    "error",
    "What a role needs approved is approved",
    why="A second pair of eyes that nobody asks for is none.",
    mend="Have as many of the approvers as the role says write `approvals: [{role: ROLE, by: THEM, at: DAY}]` into the promotion.",
    phase="plan",
)
def required(context: Context) -> Iterator[Said]:
    """A promotion that is made or changed by somebody whose role asks for approvals of promo.write or
    promo.apply has as many of them (`approvals.min`) by its approvers, who did not write it; nor did
    anybody of the role write them down in an approver's name. Who is in a
    group, or wrote a line, and is not known counts as one of the role's people. Of other rights acorn has no
    place for an approval, which is told as a warning."""
    assert context.known is not None
    config, known, access = context.configuration, context.known, access_of(context)
    roles = [role for role in config.roles.values() if OF_PROMOTIONS & _asks(role)]
    told: set[tuple[str, str]] = set()
    promos = {promo.spec.get("key") or promo.name: promo for promo in config.promos.values()}
    for change in known.changes if roles else ():
        promo = promos.get(change.address.key) if change.address.type == "promotion" else None
        if promo is None or change.action not in ("create", "update", "replace"):
            continue
        wrote = _authors(context, promo)
        for role in roles:
            if change.address.store not in access.stores_of(role) or (promo.name, role.name) in told:
                continue
            if not _concerned(role, wrote, acting(known.actor).id):
                continue
            asked = role.spec["approvals"]
            themselves = asked.get("selfApproval") is True
            given = {
                one_spelling(one["by"])
                for index, one in enumerate(promo.spec.get("approvals") or ())
                if may_approve(asked, one["by"])
                and (themselves or one_spelling(one["by"]) not in wrote)
                and (themselves or not _by_themselves(context, promo, role, index=index, wrote=wrote))
            }
            least = asked.get("min") or 1
            if len(given) < least:
                told.add((promo.name, role.name))
                yield breach(
                    promo,
                    ("spec", "approvals"),
                    f"{promo.name} needs {least} approval{'s' * (least > 1)} ({role.name} asks for them), and has {len(given)}",
                    mend=f"let {_names(asked)} write: approvals: [{{role: {role.name}, by: THEM, at: {context.today}}}]",
                )
    for role in config.roles.values():
        elsewhere = sorted(_asks(role) - ASKED)
        if elsewhere:
            yield breach(
                role,
                ("spec", "approvals", "requiredFor"),
                f"{role.name} asks for approvals of {', '.join(elsewhere)}, and acorn has no place where they are written",
                mend="protect the branch, or the files, at the forge; acorn asks for promo.write, promo.apply and iam.grant",
                severity="warning",
            )


def may_approve(asked: Mapping[str, Any], who: str) -> bool:
    """Whether somebody is among the approvers of a role. Who is in a group is not known here: anybody may
    be."""
    names = {one_spelling(one.get("user") or "") for one in asked.get("approvers") or ()}
    return one_spelling(who) in names or any(one.get("group") for one in asked.get("approvers") or ())


def _asks(role: Spec) -> set[str]:
    return {*((role.spec.get("approvals") or {}).get("requiredFor") or ())}


def _authors(context: Context, promo: Spec) -> set[str]:
    """Who wrote any line of a promotion but its approvals; "" where that is not known."""
    assert context.known is not None
    content = {name: said for name, said in promo.spec.items() if name != "approvals"}
    places = (context.configuration.place(promo, path) for path in leaves(content, ("spec",)))
    lines = {(place.file, place.line) for place in places if place.line}
    return {one_spelling((context.known.author(*line) or ("", ""))[0]) for line in lines}


def _by_themselves(context: Context, promo: Spec, role: Spec, *, index: int, wrote: set[str]) -> bool:
    """Whether an approval was written down in somebody else's name by one of those who need it: who has the
    role or, where a group has it, wrote the promotion."""
    assert context.known is not None
    place = context.configuration.place(promo, ("spec", "approvals", index))
    found = context.known.author(place.file, place.line) if place.line else None
    if found is None:
        return False  # without git nobody can tell who wrote what
    author, by = one_spelling(found[0]), one_spelling(promo.spec["approvals"][index]["by"])
    people = subjects_of(role)
    needing = {one.id for one in people} | (wrote if any(one.kind == "group" for one in people) else set())
    return author != by and author in needing


def _concerned(role: Spec, wrote: set[str], actor: str) -> bool:
    people = subjects_of(role)
    return "" in wrote or any(one.kind == "group" or one.id in wrote or one.id == actor for one in people)


def _names(asked: Mapping[str, Any]) -> str:
    return " or ".join(str(one.get("user") or f"the group {one.get('group')}") for one in asked["approvers"])
