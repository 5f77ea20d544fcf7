"""ROL-012: nobody gives rights to themselves. Caller: `registry`.

A change gives something to a subject; some lines say so, and whoever wrote one of them, took one out or
applies the plan must be somebody else, or somebody else agrees.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from acorn_gitops.engines.access import Right, acting, one_spelling, rules_of, subject
from acorn_gitops.model.finding import FieldPath
from acorn_gitops.resources.registry import STORES
from acorn_gitops.rules.context import ANYBODY, EVER, Context, Planned
from acorn_gitops.rules.families.role.required import may_approve
from acorn_gitops.rules.families.role.rights import access_of
from acorn_gitops.rules.lines import leaves
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import RolePermissionData, RuleData

Line = tuple[str, int]
"""File and number of a line."""
Identity = tuple[str, str]
"""Kind and name of a document."""
Made = Mapping[tuple[str, str], Collection[str]]
"""By type and key of what a plan creates: in which stores."""


@rule(
    "ROL-012",
    "error",
    "Nobody gives rights to themselves",
    why="One person writes the grant, merges it and uses it, and nobody else has seen it.",
    mend="Let somebody else apply it; or have somebody else write down that they agree: `approvals.given`.",
    phase="plan",
)
def self_benefit(context: Context) -> Iterator[Said]:
    """No plan gives a right to whoever applies it, to whoever wrote a line of what gives it, or to whoever
    changed the role, what it inherits, the labels that it selects by, or acorn.yaml since the last whole
    apply: lines can be taken out, and files brought in. Rights are given by a grant, in a further store, by a
    role that gives more or holds longer, and by what is found at the marketplace as it is declared. An
    approval in the role (`approvals.given`) by somebody else counts, where they saw these lines and whoever
    gains has changed nothing since. A store that is new and falls under a role that is applied elsewhere and
    not edited gives nobody anything that they do not have there; and where nothing was ever applied, somebody
    has to be the first."""
    assert context.known is not None
    config, known, told = context.configuration, context.known, set[tuple[str, str]]()
    # What is found as it is declared is in force from now on, too: whoever made it so beforehand gains by
    # that.
    all_ = [*known.changes, *known.recorded]
    given = [(change, role) for change in all_ if (role := _role_of(context, change)) is not None]
    if not given:
        return
    new = {store for store in config.stores if not any(known.ever(store, type) for type in STORES)}
    # What the marketplace holds already was given by somebody, whichever ledger knows of it.
    found = any(change.before for change in known.changes if change.address.type in ("role", "grant"))
    if new >= set(config.stores) and not known.gave() and not found:
        return
    made = _made(all_)
    roles = {role.name: role for _, role in given}
    numbers = {name: _numbers(role) for name, role in roles.items()}
    for change, role in given:
        if not _gives(context, change):
            continue
        if (
            change.address.store in new
            and not change.before
            and _spreads(context, change, role, new=new, all_=all_)
        ):
            continue
        grant = change.address.type == "grant"
        everybody = set() if grant else _lines_of_role(context, change, role)
        # Of a grant: it was in force and came to an end, or never was; what changed since then nobody has
        # judged.
        begins = ["", known.written_with(change.address) or EVER] if grant else [""]
        edited_by = {mail for since in begins for mail in _editors(context, change, role, since=since)}
        for who, index in _concerned(context, change, role, numbers=numbers[role.name]):
            if (role.name, who) in told:
                continue
            lines = (
                everybody if index is None else _lines_of_grant(context, change, role, index=index, made=made)
            )
            wrote = {_author(context, line) for line in lines} | edited_by | {acting(known.actor).id}
            if not wrote & {who, ANYBODY} or _agreed(context, change, role, who=who, lines=lines):
                continue
            told.add((role.name, who))
            yield breach(
                role,
                ("spec", "subjects", index) if index is not None else ("spec", "rules"),
                f"{who} would be given {role.name if grant else f'more by {role.name}'} by themselves",
                mend=(
                    # Whoever applies is the cause only where nobody else wrote it.
                    (
                        "let somebody else apply it, or "
                        if _only_applies(edited_by, context, lines, who)
                        else ""
                    )
                    + "have somebody else write `approvals: {requiredFor: [iam.grant], approvers: [{user: THEM}],"
                    " given: [{by: THEM, at: DAY}]}` into the role"
                ),
            )


def _only_applies(edited_by: Collection[str], context: Context, lines: Iterable[Line], who: str) -> bool:
    """Whether somebody is asked only because they apply: then another one may."""
    authors = {_author(context, line) for line in lines} | {*edited_by}
    return not authors & {who, ANYBODY}


def _author(context: Context, line: Line) -> str:
    """Who wrote a line; "" where that is not known."""
    assert context.known is not None
    return one_spelling((context.known.author(*line) or ("", ""))[0])


def _editors(context: Context, change: Planned, role: Spec[RolePermissionData], since: str) -> set[str]:
    """Who changed a document that says something of a role, its templates and overlays included, one with its
    key, or acorn.yaml, which says what files count; of a grant, what gives its store the labels that the role
    selects by. Somebody gains also by what was taken out or brought in, and no line of the role says that."""
    own = _editors_of_role(context, role, since)
    return (
        own | _editors_of_labels(context, role, change.address.store, since=since)
        if change.address.type == "grant"
        else own
    )


def _editors_of_role(context: Context, role: Spec[RolePermissionData], since: str) -> set[str]:
    key = str(role.spec.get("key") or role.name)
    beside = {(role.kind, role.name), (role.kind, key), (f"key of {role.kind}", key)}
    if role.moved_from:
        beside.add((role.kind, role.moved_from))
    raw = context.configuration.project_raw if since != EVER else None
    return _changed(context, role, beside, since=since) | (
        _changed_by(context, {("Project", "")}, {raw.file}, since=since) if raw is not None else set()
    )


def _editors_of_labels(context: Context, role: Spec[RolePermissionData], store: str, since: str) -> set[str]:
    """Who changed the files that give a store its labels, where a role selects by them."""
    declared = context.configuration.stores.get(store)
    if declared is None or not role.spec["stores"].get("labels"):
        return set()
    # Before the last apply labels gave what they give: that was judged then.
    return _changed(context, declared, {(declared.kind, declared.name)}, since="" if since == EVER else since)


def _changed(context: Context, spec: Spec, beside: Collection[Identity], since: str) -> set[str]:
    """Who changed a spec, one of its layers, or other documents."""
    layers = [layer.raw for layer in context.configuration.layers_of(spec) if layer.raw.kind != "Project"]
    names = {(raw.kind, str((raw.data.get("metadata") or {}).get("name"))) for raw in layers}
    return _changed_by(context, names | {*beside}, {spec.file, *(raw.file for raw in layers)}, since=since)


def _changed_by(
    context: Context, documents: Collection[Identity], files: Collection[str], since: str
) -> set[str]:
    assert context.known is not None
    return {one_spelling(mail) for mail in context.known.editors(documents, files, since)}


def _made(changes: Iterable[Planned]) -> Made:
    made: dict[tuple[str, str], set[str]] = {}
    for change in changes:
        if change.action == "create":
            made.setdefault((change.address.type, change.address.key), set()).add(change.address.store)
    return made


def _numbers(role: Spec[RolePermissionData]) -> dict[str, list[int]]:
    """By id, the numbers of a role's subjects."""
    numbers: dict[str, list[int]] = {}
    for index, one in enumerate(role.spec["subjects"]):
        numbers.setdefault(one_spelling(one["id"]), []).append(index)
    return numbers


def _concerned(
    context: Context, change: Planned, role: Spec[RolePermissionData], *, numbers: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, int | None]]:
    """Whom a change is about: of a grant the subjects that it names, with their numbers in the role; of a
    role everybody in it, and everybody who has it at the marketplace, who may have left the specs for a
    moment."""
    subjects = role.spec["subjects"]
    if change.address.type == "grant":
        named = str(((change.after or {}).get("subject") or {}).get("id") or "")
        for index in numbers.get(one_spelling(named), ()):
            yield subject(subjects[index]["kind"], subjects[index]["id"]).id, index
        return
    assert context.known is not None
    keys = {change.address.key, role.moved_from or change.address.key}
    held = {one_spelling(who) for key in keys for who in context.known.holders(change.address.store, key)}
    for who in sorted(held | {subject(one["kind"], one["id"]).id for one in subjects}):
        yield who, None


def _role_of(context: Context, change: Planned) -> Spec[RolePermissionData] | None:
    """The role that a change of a role or grant is about: several roles can have one key, each in stores of
    its own."""
    if change.address.type not in ("role", "grant") or change.action not in ("create", "update", "replace"):
        return None
    key = change.address.key if change.address.type == "role" else (change.after or {}).get("role")
    access = access_of(context)
    return next(
        (
            role
            for role in context.configuration.roles.values()
            if (role.spec.get("key") or role.name) == key and change.address.store in access.stores_of(role)
        ),
        None,
    )


def _spreads(
    context: Context,
    change: Planned,
    role: Spec[RolePermissionData],
    *,
    new: Collection[str],
    all_: Iterable[Planned],
) -> bool:
    """Whether a new store only gets what is in force in all others of the role: the same rights, for somebody
    who has them there."""
    known = context.known
    assert known is not None
    key, store = role.spec.get("key") or role.name, change.address.store
    others = [
        name
        for name in access_of(context).stores_of(role) - {*new}
        if known.applied(name, "role", key) is not None
    ]
    made = (c.after for c in all_ if (c.address.store, c.address.type, c.address.key) == (store, "role", key))
    here = next(made, None) or known.applied(store, "role", key)
    if not others or any(known.applied(name, "role", key) != here for name in others):
        return False
    return change.address.type == "role" or all(
        known.applied(name, "grant", change.address.key) is not None for name in others
    )


def _gives(context: Context, change: Planned) -> bool:
    """Whether a change gives a subject of its role something. A role that is new gives by its grants, where
    nobody has it already."""
    if change.address.type == "grant":
        return change.action != "update"
    assert context.known is not None
    if change.action == "create" and not context.known.holders(change.address.store, change.address.key):
        return False
    return bool(_more(change) or _earlier(change) or _later(change))


def _more(change: Planned) -> set[Right]:
    """Rights that a role gives after a change and did not give before, or gave within narrower limits."""
    before: dict[Right, list[Mapping[str, object]]] = {}
    for entry in (change.before or {}).get("rules") or ():
        for right in rules_of([entry]):
            before.setdefault(right, []).append(_limits(entry))
    return {
        right
        for entry in (change.after or {}).get("rules") or ()
        for right in rules_of([entry])
        if not any(_within(_limits(entry), limits) for limits in before.get(right, ()))
    }


def _limits(entry: RuleData) -> Mapping[str, object]:
    return {name: value for name, value in (entry.get("constraints") or {}).items() if value is not None}


def _within(limits: Mapping[str, object], others: Mapping[str, object]) -> bool:
    """Whether whatever some limits allow is allowed by others as well."""
    return all(name in limits and _narrower(limits[name], other) for name, other in others.items())


def _narrower(value: object, other: object) -> bool:
    if value == other:
        return True
    try:
        return Decimal(str(value)) <= Decimal(str(other))
    except InvalidOperation:
        return False


def _earlier(change: Planned) -> bool:
    before, after = change.before or {}, change.after or {}
    return (after.get("validFrom") or "") < (before.get("validFrom") or "")


def _later(change: Planned) -> bool:
    until = (change.before or {}).get("validUntil")
    return until is not None and ((change.after or {}).get("validUntil") or "9999") > until


def _lines_of_grant(
    context: Context, change: Planned, role: Spec[RolePermissionData], *, index: int, made: Made
) -> set[Line]:
    """The lines by which a grant is given to the subject of this number: those of the subject; where they
    have it elsewhere, the selector of the stores; where the role is new as well, what it gives."""
    config, spec, store = context.configuration, role.spec, change.address.store
    paths = [*leaves(spec["subjects"][index], ("spec", "subjects", index))]
    if store in made.get(("role", spec.get("key") or role.name), ()):
        paths += leaves(spec["rules"], ("spec", "rules"))
    if access_of(context).stores_of(role) - {*made.get(("grant", change.address.key), ())}:
        paths += leaves(spec["stores"], ("spec", "stores"))
    places = [config.place(role, path) for path in paths]
    if store in config.stores and spec["stores"].get("labels"):
        declared = config.stores[store]
        places += [config.place(declared, ("metadata", "labels", name)) for name in declared.labels]
    return {(place.file, place.line) for place in places if place.line}


def _lines_of_role(context: Context, change: Planned, role: Spec[RolePermissionData]) -> set[Line]:
    """The lines by which a role gives more to all of its subjects: the rules with rights that are new, and
    the dates."""
    more, paths = _more(change), list[FieldPath]()
    for number, entry in enumerate(role.spec["rules"]):
        if more & set(rules_of([entry])):
            paths += leaves(entry, ("spec", "rules", number))
    if _earlier(change) or _later(change):
        paths += leaves(role.spec.get("validity") or {}, ("spec", "validity"))
    places = [context.configuration.place(role, path) for path in paths or [("spec",)]]
    return {(place.file, place.line) for place in places if place.line}


def _agreed(
    context: Context, change: Planned, role: Spec[RolePermissionData], who: str, lines: Collection[Line]
) -> bool:
    """Whether as many others as the role asks for (`min`) agreed to what gives somebody something: each by a
    line in the role that they have written themselves, with these lines in sight, and since when whoever
    gains has changed nothing."""
    known = context.known
    assert known is not None
    asked = role.spec.get("approvals") or {}
    agreed: set[str] = set()
    for index, one in enumerate(asked.get("given") or ()):
        place = context.configuration.place(role, ("spec", "approvals", "given", index))
        here = (place.file, place.line)
        wrote = _author(context, here)
        if one_spelling(one["by"]) in ("", who) or not may_approve(asked, one["by"]):
            continue
        if wrote != one_spelling(one["by"]):
            continue  # somebody else has written that they agreed
        since = known.commit(*here)
        later = _editors(context, change, role, since=since) if since else set()
        if not later & {who, ANYBODY} and all(known.follows(here, line) for line in lines):
            agreed.add(one_spelling(one["by"]))
    return len(agreed) >= (asked.get("min") or 1)
