"""ROL rules about use and misuse: dormant rights, escalation, partners, applications. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from acorn_gitops.engines.access import (
    RESOURCES,
    Access,
    Right,
    Subject,
    acting,
    rights_of,
    rules_of,
    subject,
    subjects_of,
)
from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context, Planned
from acorn_gitops.rules.families.role.required import may_approve
from acorn_gitops.rules.families.role.rights import access_of
from acorn_gitops.rules.lines import leaves
from acorn_gitops.rules.registry import rule
from acorn_gitops.specs.configuration import Configuration, Spec

DORMANT: Final = 90
"""Days without use (the look-back of AWS Security Hub's unused-access findings)."""
GRANTING: Final = Right("iam", "grant")
APPLYING: Final = Right("iam", "apply")
_CHANGING = frozenset({"write", "apply", "delete", "approve", "grant"})
ROLES_OF: Final[dict[str, frozenset[str]]] = {
    "product": frozenset({"product-listing"}),
    "inventory": frozenset(
        {"inventory-and-order-tracking", "amazon-fulfillment", "product-listing", "selling-partner-insights"}
    ),
    "order": frozenset({"inventory-and-order-tracking"}),
    "price": frozenset({"pricing", "product-listing"}),
    "finance": frozenset({"finance-and-accounting"}),
}
"""Which of the Selling Partner API's roles serve a flow of an entity."""
RESTRICTED: Final = frozenset({"direct-to-consumer-shipping", "tax-invoicing", "tax-remittance"})
"""Roles that open buyers' data."""


def _used(context: Context) -> dict[str, dict[tuple[str, str], date]]:
    """By subject: when each right was last used in each store."""
    found: dict[str, dict[tuple[str, str], date]] | None = context.shared.get("used")
    if found is None:
        found = context.shared["used"] = {}
        for row in context.configuration.facts.rows("activity"):
            mine = found.setdefault(row["subject"].removeprefix("user:").removeprefix("app:").lower(), {})
            key = (row["store"], row["right"])
            mine[key] = max(mine.get(key, date.min), date.fromisoformat(row["lastUsed"]))
    return found


@rule(
    "ROL-005",
    "warning",
    "A grant is used",
    "An account that nobody uses is missed by nobody when it is stolen.",
    mend="Remove the subject, or ask why they need it.",
    source="AWS Security Hub: unused access, 90 days",
)
def dormant(context: Context) -> Iterator[Finding]:
    """By recorded activity (facts: activity): every person of a role did anything that it allows, in one of its stores, within
    ninety days."""
    if not context.configuration.facts.has("activity"):
        return
    today, access = context.now.date(), access_of(context)
    for role in context.configuration.roles.values():
        if role.spec.get("breakGlass") is True:
            continue
        stores, given = access.stores_of(role), {str(right) for right, _ in rights_of(role)}
        since = (role.spec.get("validity") or {}).get("from")
        if since is not None and (today - date.fromisoformat(since)).days <= DORMANT:
            continue
        for index, person in enumerate(role.spec["subjects"]):
            if person["kind"] == "group" or person.get("employment") == "left":
                continue
            mine = _used(context).get(person["id"].lower(), {})
            last = max(
                (d for (store, right), d in mine.items() if store in stores and right in given), default=None
            )
            if last is None or (today - last).days > DORMANT:
                words = "was never seen" if last is None else f"was last seen {(today - last).days} days ago"
                yield context.configuration.finding(
                    "ROL-005",
                    "warning",
                    role,
                    ("spec", "subjects", index),
                    f"{person['id']} {words} and stands in this role",
                    "take them out; adding them again is one line",
                )


@rule(
    "ROL-006",
    "info",
    "A role gives what is used",
    "The rights that nobody uses are those that an attacker does.",
    mend="Take the unused verbs out of the rule.",
)
def unused(context: Context) -> Iterator[Finding]:
    """By recorded activity (facts: activity): of a role somebody uses, each right that changes something was used by one of its
    people within ninety days."""
    if not context.configuration.facts.has("activity"):
        return
    today, access = context.now.date(), access_of(context)
    for role in context.configuration.roles.values():
        stores = access.stores_of(role)
        people = [s for s in subjects_of(role) if s.kind != "group"]
        if role.spec.get("breakGlass") is True or len(people) != len(subjects_of(role)):
            continue  # who is in a group, and so what is used, is not known here
        recent = {
            right
            for person in people
            for (store, right), last in _used(context).get(person.id, {}).items()
            if store in stores and (today - last).days <= DORMANT
        }
        given = {str(right) for right, _ in rights_of(role) if right.verb in _CHANGING}
        idle = sorted(given - recent)
        if recent & given and idle:
            more = f" and {len(idle) - 4} more" if len(idle) > 4 else ""
            yield context.configuration.finding(
                "ROL-006",
                "info",
                role,
                ("spec", "rules"),
                f"nobody in {role.name} used {', '.join(idle[:4])}{more} within {DORMANT} days",
                "take them out of the rules",
            )


@rule(
    "ROL-010",
    "error",
    "Nobody gives more than they have, alone",
    "Who may give rights has, in effect, every right that there is.",
    mend="Add `approvals: {requiredFor: [iam.grant], approvers: [...], min: 1}` to the role, without selfApproval.",
    source="Kubernetes RBAC: escalate; Vendure: grant only what you hold",
)
def escalation(context: Context) -> Iterator[Finding]:
    """A role with iam.grant (or iam.apply, where access is enforced) asks somebody else: `approvals.requiredFor` has iam.grant,
    selfApproval is not on, and an approver is a group or a person who does not hold the role. Or its holders have, in each of
    its stores, every right that any role gives there and may be written into one."""
    config, access = context.configuration, access_of(context)
    giving = {GRANTING, *([APPLYING] if config.policies.get("access") == "enforced" else [])}
    for role in config.roles.values():
        gives = {right for right, _ in rights_of(role)}
        if not giving & gives or role.spec.get("breakGlass") is True or _asks_somebody(role):
            continue
        found = next(_beyond(config, access, role), None)
        if found is not None:
            who, store, right, through = found
            yield config.finding(
                "ROL-010",
                "error",
                role,
                ("spec", "rules"),
                f"{who} may give {right} in {store}{through}, which they do not have{_still_missing(role)}",
                "name a group, or a person who does not hold the role, among approvals.approvers"
                if _still_missing(role)
                else "ask for a second person: approvals: {requiredFor: [iam.grant], approvers: [...], min: 1}",
            )


def _beyond(config: Configuration, access: Access, role: Spec) -> Iterator[tuple[Subject, str, Right, str]]:
    """What holders of a role may give and do not have: in which store, of which role; without another role, of none."""
    given = {other.name: frozenset(right for right, _ in rights_of(other)) for other in config.roles.values()}
    asked: set[tuple[frozenset[Right], tuple[str, ...]]] = set()
    for store in sorted(access.stores_of(role)):
        others = tuple(
            name
            for name in sorted(given)
            if name != role.name and store in access.stores_of(config.roles[name])
        )
        every = frozenset().union(*(given[name] for name in others))
        for who in subjects_of(role):
            have = access.held(who, store)
            if (have, others) in asked:
                continue  # the same in another store
            asked.add((have, others))
            for name in others if every - have else ():
                lacking = sorted(given[name] - have)
                if lacking:
                    yield who, store, lacking[0], f" ({name})"
            free = sorted(FREE - have)
            if free:
                yield who, store, free[0], " by writing a role"


def _still_missing(role: Spec) -> str:
    """What a role lacks that asks for approvals already; empty where it asks for none."""
    asked = role.spec.get("approvals") or {}
    if "iam.grant" not in (asked.get("requiredFor") or ()):
        return ""
    if asked.get("selfApproval") is True:
        return "; approvals are asked for, and selfApproval lets them approve it themselves"
    people = ", ".join(sorted(a["user"] for a in asked["approvers"] if a.get("user")))
    return f"; approvals are asked for, and those who may approve ({people}) hold the role themselves"


FREE: Final = frozenset(Right(resource, verb) for resource in RESOURCES for verb in ("write", "apply"))
"""What whoever may give rights can write into a role."""


def _asks_somebody(role: Spec) -> bool:
    asked = role.spec.get("approvals") or {}
    if "iam.grant" not in (asked.get("requiredFor") or ()) or asked.get("selfApproval") is True:
        return False
    holders = {one.id for one in subjects_of(role) if one.kind == "user"}
    return any(
        a.get("group") or (a.get("user") or "").lower() not in {"", *holders} for a in asked["approvers"]
    )


@rule(
    "ROL-012",
    "error",
    "Nobody gives rights to themselves",
    "One person writes the grant, merges it and uses it, and nobody else has seen it.",
    mend="Let somebody else apply it; or have somebody else write down that they agree: `approvals.given`.",
    phase="plan",
)
def self_benefit(context: Context) -> Iterator[Finding]:
    """No plan gives a right to whoever applies it, or to whoever wrote a line of what gives it or, as lines can be taken
    out, last changed a file of the role: by a grant, in a further store, by a
    role that gives more, or by one that holds longer. Unless somebody else, who saw these lines, has written an approval into the
    role (`approvals.given`). A store that is new and falls under a role that is applied elsewhere and not edited gives nobody
    anything that they do not have there; and where every store is new, somebody has to be the first."""
    assert context.known is not None
    config, known, told = context.configuration, context.known, set[tuple[str, str]]()
    new = {
        c.address.store
        for c in known.changes
        if c.address.type in ("storefront", "location") and c.action == "create"
    }
    if new >= set(config.stores):
        return
    given = [(change, role) for change in known.changes if (role := _role_of(context, change)) is not None]
    # A role that changes in a store that was there before is edited; one that was applied to none of them is new.
    edited = {role.name for change, role in given if change.address.store not in new}
    made = _made(known.changes)
    numbers = {role.name: _numbers(role) for _, role in given}
    for change, role in given:
        if change.address.store in new and role.name not in edited and _is_applied(context, role, new):
            continue
        for index in _concerned(change, numbers[role.name]):
            one = role.spec["subjects"][index]
            who = subject(one["kind"], one["id"]).id
            if (role.name, who) in told or not _gains(change, one):
                continue
            lines = _lines(context, change, role, index, made=made)
            wrote = {(known.author(*line) or ("", ""))[0].strip().lower() for line in lines}
            if change.address.type == "grant" or _without_end(change) or _looser(change):
                # Somebody gains also by what was taken out, and no line says that.
                wrote |= {(known.edited(file) or "").strip().lower() for file in _files(config, role)}
            if not {acting(known.actor).id, *wrote} & {who} or _agreed(context, role, who, lines):
                continue
            told.add((role.name, who))
            grant = change.address.type == "grant"
            yield config.finding(
                "ROL-012",
                "error",
                role,
                ("spec", "subjects", index) if grant else ("spec", "rules"),
                f"{who} would be given {role.name if grant else f'more by {role.name}'} by themselves",
                "let somebody else apply it, or have them write `approvals: {given: [{by: THEM, at: DAY}]}`",
            )


def _files(config: Configuration, role: Spec) -> set[str]:
    """The files that say something of a role: its own, its templates', its overlays'."""
    return {role.file, *(layer.raw.file for layer in config.layers_of(role))}


def _made(changes: Iterable[Planned]) -> dict[tuple[str, str], set[str]]:
    """By type and key of what is created: in which stores."""
    made: dict[tuple[str, str], set[str]] = {}
    for change in changes:
        if change.action == "create":
            made.setdefault((change.address.type, change.address.key), set()).add(change.address.store)
    return made


def _numbers(role: Spec) -> dict[str, list[int]]:
    """By id, the numbers of a role's subjects."""
    numbers: dict[str, list[int]] = {}
    for index, one in enumerate(role.spec["subjects"]):
        numbers.setdefault(one["id"].strip().lower(), []).append(index)
    return numbers


def _concerned(change: Planned, numbers: Mapping[str, Sequence[int]]) -> Iterable[int]:
    """Which subjects a change is about: of a grant the one it names, of a role all."""
    if change.address.type == "grant":
        named = str(((change.after or {}).get("subject") or {}).get("id") or "")
        return numbers.get(named.strip().lower(), ())
    return [index for found in numbers.values() for index in found]


def _role_of(context: Context, change: Planned) -> Spec | None:
    """The role that a change of a role or grant is about: several roles can have one key, each in stores of its own."""
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


def _is_applied(context: Context, role: Spec, new: Collection[str]) -> bool:
    """Whether a role was applied to a store that is not new."""
    assert context.known is not None
    key = role.spec.get("key") or role.name
    stores = access_of(context).stores_of(role) - {*new}
    return any(context.known.roles(store, key) is not None for store in stores)


def _gains(change: Planned, person: Mapping[str, Any]) -> bool:
    """Whether a change gives a subject of its role something."""
    if change.address.type == "grant":
        given = (change.after or {}).get("subject") or {}
        return change.action != "update" and str(given.get("id")).lower() == person["id"].lower()
    if change.action == "create":
        return False  # the grants say to whom
    return bool(_more(change) or _earlier(change) or _later(change))


def _more(change: Planned) -> set[Right]:
    """Rights that a role gives after a change and did not give before, or gave within narrower limits."""
    before: dict[Right, list[Mapping[str, Any]]] = {}
    for entry in (change.before or {}).get("rules") or ():
        for right in rules_of([entry]):
            before.setdefault(right, []).append(_limits(entry))
    return {
        right
        for entry in (change.after or {}).get("rules") or ()
        for right in rules_of([entry])
        if not any(_within(_limits(entry), limits) for limits in before.get(right, ()))
    }


def _limits(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in (entry.get("constraints") or {}).items() if value is not None}


def _within(limits: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether whatever some limits allow is allowed by others as well."""
    return all(name in limits and _narrower(limits[name], other) for name, other in others.items())


def _narrower(value: Any, other: Any) -> bool:
    if value == other:
        return True
    try:
        return Decimal(str(value)) <= Decimal(str(other))
    except InvalidOperation:
        return False


def _looser(change: Planned) -> bool:
    """Whether a right that was there before lost a limit, or has a wider one: where the limit was taken out no line says so."""
    had = set(rules_of((change.before or {}).get("rules") or ()))
    return bool(_more(change) & had)


def _earlier(change: Planned) -> bool:
    before, after = change.before or {}, change.after or {}
    return (after.get("validFrom") or "") < (before.get("validFrom") or "")


def _later(change: Planned) -> bool:
    until = (change.before or {}).get("validUntil")
    return until is not None and ((change.after or {}).get("validUntil") or "9999") > until


def _without_end(change: Planned) -> bool:
    """Whether a beginning or an end was taken out: no line says so any more."""
    after = change.after or {}
    gone = (_later(change) and not after.get("validUntil")) or (
        _earlier(change) and not after.get("validFrom")
    )
    return bool(gone)


def _lines(
    context: Context,
    change: Planned,
    role: Spec,
    index: int,
    *,
    made: Mapping[tuple[str, str], Collection[str]],
) -> set[tuple[str, int]]:
    """The lines (file, line) of a role by which a change gives something to its subject of this number. `made`: what the plan creates,
    and in which stores."""
    assert context.known is not None
    spec, paths = role.spec, list[tuple[Any, ...]]()
    if change.address.type == "grant":
        one = spec["subjects"][index]
        paths += leaves(one, ("spec", "subjects", index))
        already = access_of(context).stores_of(role) - {*made.get(("grant", change.address.key), ())}
        if change.address.store in made.get(("role", role.spec.get("key") or role.name), ()):
            paths += leaves(
                spec["rules"], ("spec", "rules")
            )  # a role that comes with its grants gives what its rules say
            paths.append(("spec", "key") if spec.get("key") else ("metadata", "name"))
        if already:  # they have it elsewhere: what gives it here is the selector
            paths += leaves(spec["stores"], ("spec", "stores"))
    else:
        more = _more(change)
        for number, entry in enumerate(spec["rules"]):
            if more & set(rules_of([entry])):
                paths += leaves(entry, ("spec", "rules", number))
        if _earlier(change) or _later(change):
            paths += leaves(spec.get("validity") or {}, ("spec", "validity"))
    config = context.configuration
    places = [config.place(role, path) for path in paths or [("spec",)]]
    store = config.stores.get(change.address.store)
    if store is not None and change.address.type == "grant" and spec["stores"].get("labels"):
        places += [config.place(store, ("metadata", "labels", name)) for name in store.labels]
    return {(place.file, place.line) for place in places if place.line}


def _agreed(context: Context, role: Spec, who: str, lines: Collection[tuple[str, int]]) -> bool:
    """Whether as many others as the role asks for (`min`) agreed to these lines: each by a line in the role, which whoever gains has not
    written, and which was written with these in sight."""
    known = context.known
    assert known is not None
    asked = role.spec.get("approvals") or {}
    agreed: set[str] = set()
    for index, one in enumerate(asked.get("given") or ()):
        place = context.configuration.place(role, ("spec", "approvals", "given", index))
        here = (place.file, place.line)
        wrote = (known.author(*here) or ("", ""))[0].strip().lower()
        if one["by"].strip().lower() == who or wrote in ("", who):
            continue
        if may_approve(asked, one["by"]) and all(known.follows(here, line) for line in lines):
            agreed.add(one["by"].strip().lower())
    return len(agreed) >= (asked.get("min") or 1)


@rule(
    "ROL-013",
    "warning",
    "Another company is a partner, not a user",
    "A secondary user of another company acts in our name, and leaves with their job there.",
    mend="Invite the company as authorized partner, and record `account: partner`.",
    source="Seller Central: authorized partners",
)
def partners(context: Context) -> Iterator[Finding]:
    """A subject with `employment: external` in an Amazon store has `account: partner`."""
    config, access = context.configuration, access_of(context)
    amazon = {
        s.name for s in config.stores.values() if (s.spec.get("storefront") or {}).get("platform") == "amazon"
    }
    for role in config.roles.values() if amazon else ():
        if not access.stores_of(role) & amazon:
            continue
        for index, person in enumerate(role.spec["subjects"]):
            if (
                person["kind"] == "user"
                and person.get("employment") == "external"
                and person.get("account") != "partner"
            ):
                yield config.finding(
                    "ROL-013",
                    "warning",
                    role,
                    ("spec", "subjects", index),
                    f"{person['id']} is of another company and {person.get('account') or 'not known'} as account at Amazon",
                    "make them an authorized partner, and write account: partner",
                )


@rule(
    "ROL-014",
    "warning",
    "An application has the roles that its flows need",
    "A role too many is data too many; a restricted one opens buyers' addresses.",
    mend="Give back the role at the marketplace, or declare the flow; justify restricted ones.",
    source="Selling Partner API: role mappings",
)
def applications(context: Context) -> Iterator[Finding]:
    """Where flows are declared: each of an application's `apiRoles` serves one of them; a restricted one needs the role's
    `justification`."""
    config, access = context.configuration, access_of(context)
    for role in config.roles.values():
        for index, person in enumerate(role.spec["subjects"]):
            mine = set(person.get("apiRoles") or ())
            if person["kind"] != "app" or not mine:
                continue
            at = ("spec", "subjects", index, "apiRoles")
            for name in sorted(mine & RESTRICTED):
                if not role.spec.get("justification"):
                    yield config.finding(
                        "ROL-014",
                        "warning",
                        role,
                        at,
                        f"{person['id']} has the restricted role {name}, and nobody says why",
                        "write `justification`, or give the role back",
                    )
            flows = [
                f
                for name in access.stores_of(role)
                for f in (config.stores[name].spec.get("integration") or {}).get("flows") or ()
            ]
            needed: set[Any] = set().union(*(ROLES_OF[f["entity"]] for f in flows))
            for name in sorted(mine - RESTRICTED - needed) if flows else ():
                yield config.finding(
                    "ROL-014",
                    "warning",
                    role,
                    at,
                    f"{person['id']} has the role {name}, which no flow of its stores needs",
                    "give it back",
                )
