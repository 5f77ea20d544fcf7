"""ROL rules about approvals that roles ask for. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from acorn_gitops.engines.access import acting, one_spelling, subjects_of
from acorn_gitops.model.finding import FieldPath
from acorn_gitops.rules.context import ANYBODY, Context
from acorn_gitops.rules.families.role.rights import access_of
from acorn_gitops.rules.lines import leaves
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import PromoData, RoleApprovalsData, RolePermissionData

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
    promo.apply has as many of them (`approvals.min`) by its approvers, who did not write it; nor did anybody
    of the role write any line of them in an approver's name, or change the promotion since. What the role
    asked for, and of whom, when everything was applied last counts as well, and whoever took a line out of
    the promotion has written it, too. Who is in a group, or wrote a line, and is not known counts as one of
    the role's people. Of other rights acorn has no place for an approval, which is told as a warning."""
    assert context.known is not None
    config, known, access = context.configuration, context.known, access_of(context)
    changed = [
        (change, promo)
        for change in (*known.changes, *known.recorded)
        if change.address.type == "promotion" and change.action in ("create", "update", "replace")
        if change.origin is not None and (promo := config.promos.get(change.origin.name)) is not None
    ]
    asking = list(_asking(context)) if changed else []
    told: set[tuple[str, str]] = set()
    for change, promo in changed if asking else ():
        written, edited = _authors(context, promo)
        for one in asking:
            wrote = written | (edited - _may_sign(promo, one))
            stores = access.stores_of(one.role) if one.role is not None else None
            if (stores is not None and change.address.store not in stores) or (promo.name, one.name) in told:
                continue
            if not one.concerns(wrote, acting(known.actor).id):
                continue
            asked = one.asked
            themselves = asked.get("selfApproval") is True
            given = {
                one_spelling(said["by"])
                for index, said in enumerate(promo.spec.get("approvals") or ())
                if may_approve(asked, said["by"])
                and (themselves or one_spelling(said["by"]) not in wrote)
                and (themselves or not _by_themselves(context, promo, one, index=index, wrote=wrote))
                and not _changed_since(context, promo, one, index=index)
            }
            least = asked.get("min") or 1
            if len(given) < least:
                told.add((promo.name, one.name))
                yield breach(
                    promo,
                    ("spec", "approvals"),
                    f"{promo.name} needs {least} approval{'s' * (least > 1)} ({one.name} asks for them), and has {len(given)}"
                    f"{'' if one.role_asks else ': what was applied last asks, and no longer what is written now'}",
                    mend=f"let {_names(asked)} write, after the last change: approvals: [{{role: {one.name}, by: THEM, at: {context.today}}}]",
                )
    for role in config.roles.values():
        elsewhere = sorted(_asks(role.spec) - ASKED)
        if elsewhere:
            yield breach(
                role,
                ("spec", "approvals", "requiredFor"),
                f"{role.name} asks for approvals of {', '.join(elsewhere)}, and acorn has no place where they are written",
                mend="protect the branch, or the files, at the forge; acorn asks for promo.write, promo.apply and iam.grant",
                severity="warning",
            )


def may_approve(asked: RoleApprovalsData, who: str) -> bool:
    """Whether somebody is among the approvers of a role. Who is in a group is not known here: anybody may
    be."""
    names = {one_spelling(one.get("user") or "") for one in asked.get("approvers") or ()}
    return one_spelling(who) in names or any(one.get("group") for one in asked.get("approvers") or ())


def _asks(spec: Mapping[str, object]) -> set[str]:
    """The rights of which a role asks approvals."""
    approvals = spec.get("approvals")
    asked = approvals.get("requiredFor") if isinstance(approvals, Mapping) else None
    return {right for right in asked or () if isinstance(right, str)}


class _Asking(NamedTuple):
    """A role that asks for approvals of promotions: as it is written now, or as it was when everything was
    applied last."""

    name: str
    asked: RoleApprovalsData
    """Its `approvals`."""
    people: frozenset[str]
    """Who is in it."""
    groups: bool
    """A group is in it, and nobody knows here who is in that."""
    role: Spec[RolePermissionData] | None
    """As it is now; None where it is gone."""
    role_asks: bool
    """It asks now, and not only did before."""

    def concerns(self, wrote: Collection[str], actor: str) -> bool:
        """Whether somebody of the role wrote it, or applies it."""
        return "" in wrote or ANYBODY in wrote or self.groups or bool(self.people & {*wrote, actor})


def _asking(context: Context) -> Iterator[_Asking]:
    """Every role that asks, and every one that did when everything was applied last."""
    roles = context.configuration.roles
    for role in roles.values():
        if OF_PROMOTIONS & _asks(role.spec):
            people = subjects_of(role)
            groups = any(one.kind == "group" for one in people)
            ids = frozenset(one.id for one in people)
            yield _Asking(role.name, role.spec["approvals"], ids, groups=groups, role=role, role_asks=True)
    assert context.known is not None
    for name, spec in context.known.roles_before():
        now = roles.get(name)
        if not OF_PROMOTIONS & _asks(spec) or (now is not None and now.spec.get("approvals") == spec["approvals"]
            and _ids(now.spec) >= _ids(spec)):  # fmt: skip
            continue
        subjects = [one for one in spec.get("subjects") or () if isinstance(one, Mapping)]
        groups = any(one.get("kind") == "group" for one in subjects)
        yield _Asking(name, spec["approvals"], _ids(spec), groups=groups, role=now, role_asks=False)


def _ids(spec: RolePermissionData) -> frozenset[str]:
    subjects = (one for one in spec.get("subjects") or () if isinstance(one, Mapping))
    return frozenset(one_spelling(str(one.get("id"))) for one in subjects)


def _may_sign(promo: Spec[PromoData], one: _Asking) -> set[str]:
    """Who is named among a promotion's approvals, may approve and needs no approval: that they edited it says
    only that they wrote so."""
    names = {one_spelling(said["by"]) for said in promo.spec.get("approvals") or ()}
    return {who for who in names if may_approve(one.asked, who)} - one.people


def _authors(context: Context, promo: Spec[PromoData]) -> tuple[set[str], set[str]]:
    """Who wrote any line of a promotion but its approvals ("" where that is not known), and who edited it,
    also by taking a line out, since everything was applied last."""
    assert context.known is not None
    content = {name: said for name, said in promo.spec.items() if name != "approvals"}
    wrote = _who_wrote(context, promo, [*leaves(content, ("spec",))])
    return wrote, _editors(context, promo, since="")


def _who_wrote(context: Context, spec: Spec, paths: Iterable[FieldPath]) -> set[str]:
    assert context.known is not None
    places = (context.configuration.place(spec, path) for path in paths)
    lines = {(place.file, place.line) for place in places if place.line}
    return {one_spelling((context.known.author(*line) or ("", ""))[0]) for line in lines}


def _editors(context: Context, promo: Spec[PromoData], since: str) -> set[str]:
    """Who changed a promotion, or what it inherits, after a commit ("": when everything was applied last)."""
    assert context.known is not None
    layers = [layer.raw for layer in context.configuration.layers_of(promo) if layer.raw.kind != "Project"]
    names = {(raw.kind, str((raw.data.get("metadata") or {}).get("name"))) for raw in layers}
    files = {promo.file, *(raw.file for raw in layers)}
    return {
        one_spelling(who) for who in context.known.editors(names | {(promo.kind, promo.name)}, files, since)
    }


def _changed_since(context: Context, promo: Spec[PromoData], one: _Asking, *, index: int) -> bool:
    """Whether somebody who needs an approval changed the promotion after it was written."""
    known = context.known
    assert known is not None
    said = promo.spec["approvals"][index]
    paths = [("spec", "approvals", index), *leaves(said, ("spec", "approvals", index))]
    places = (context.configuration.place(promo, path) for path in paths)
    newest: tuple[str, int] | None = None
    for line in sorted({(place.file, place.line) for place in places if place.line}):
        if newest is None or known.follows(line, newest):
            newest = line
    since = known.commit(*newest) if newest is not None else ""
    if not since or one.asked.get("selfApproval") is True:
        return False
    later = _editors(context, promo, since=since) - _may_sign(promo, one)
    return bool(later if one.groups else later & {*one.people, ANYBODY, ""})


def _by_themselves(
    context: Context, promo: Spec[PromoData], one: _Asking, *, index: int, wrote: set[str]
) -> bool:
    """Whether any line of an approval was written in somebody else's name by one of those who need it: who
    has the role or, where a group has it, wrote the promotion."""
    said = promo.spec["approvals"][index]
    by = one_spelling(said["by"])
    paths = [("spec", "approvals", index), *leaves(said, ("spec", "approvals", index))]
    authors = _who_wrote(context, promo, paths) - {"", by}  # without git nobody can tell who wrote what
    return bool(authors & (one.people | (wrote if one.groups else set())))


def _names(asked: RoleApprovalsData) -> str:
    return " or ".join(str(one.get("user") or f"the group {one.get('group')}") for one in asked["approvers"])
