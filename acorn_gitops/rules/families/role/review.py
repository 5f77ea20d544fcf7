"""ROL rules about use and misuse: dormant rights, escalation, partners, applications. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Final

from acorn_gitops.engines.access import (
    RESOURCES,
    Access,
    Right,
    Subject,
    rights_of,
    subjects_of,
)
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.families.role.rights import access_of
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Configuration, Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import RolePermissionData

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
    why="An account that nobody uses is missed by nobody when it is stolen.",
    mend="Remove the subject, or ask why they need it.",
    source="AWS Security Hub: unused access, 90 days",
)
def dormant(context: Context) -> Iterator[Said]:
    """By recorded activity (facts: activity): every person of a role did anything that it allows, in one of
    its stores, within ninety days."""
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
                yield breach(
                    role,
                    ("spec", "subjects", index),
                    f"{person['id']} {words} and stands in this role",
                    mend="take them out; adding them again is one line",
                )


@rule(
    "ROL-006",
    "info",
    "A role gives what is used",
    why="The rights that nobody uses are those that an attacker does.",
    mend="Take the unused verbs out of the rule.",
)
def unused(context: Context) -> Iterator[Said]:
    """By recorded activity (facts: activity): of a role somebody uses, each right that changes something was
    used by one of its people within ninety days."""
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
            yield breach(
                role,
                ("spec", "rules"),
                f"nobody in {role.name} used {', '.join(idle[:4])}{more} within {DORMANT} days",
                mend="take them out of the rules",
            )


@rule(
    "ROL-010",
    "error",
    "Nobody gives more than they have, alone",
    why="Who may give rights has, in effect, every right that there is.",
    mend="Add `approvals: {requiredFor: [iam.grant], approvers: [...], min: 1}` to the role, without selfApproval.",
    source="Kubernetes RBAC: escalate; Vendure: grant only what you hold",
)
def escalation(context: Context) -> Iterator[Said]:
    """A role with iam.grant (or iam.apply, where access is enforced) asks somebody else:
    `approvals.requiredFor` has iam.grant, selfApproval is not on, and an approver is a group or a person who
    does not hold the role. Or its holders have, in each of its stores, every right that any role gives there
    and may be written into one."""
    config, access = context.configuration, access_of(context)
    giving = {GRANTING, *([APPLYING] if config.policies.get("access") == "enforced" else [])}
    for role in config.roles.values():
        gives = {right for right, _ in rights_of(role)}
        if not giving & gives or role.spec.get("breakGlass") is True or _asks_somebody(role):
            continue
        found = next(_beyond(config, access, role), None)
        if found is not None:
            who, store, right, through = found
            yield breach(
                role,
                ("spec", "rules"),
                f"{who} may give {right} in {store}{through}, which they do not have{_still_missing(role)}",
                mend=(
                    "name a group, or a person who does not hold the role, among approvals.approvers"
                    if _still_missing(role)
                    else "ask for a second person: approvals: {requiredFor: [iam.grant], approvers: [...], min: 1}"
                ),
            )


def _beyond(
    config: Configuration, access: Access, role: Spec[RolePermissionData]
) -> Iterator[tuple[Subject, str, Right, str]]:
    """What holders of a role may give and do not have: in which store, of which role; without another role,
    of none."""
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


def _still_missing(role: Spec[RolePermissionData]) -> str:
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


def _asks_somebody(role: Spec[RolePermissionData]) -> bool:
    asked = role.spec.get("approvals") or {}
    if "iam.grant" not in (asked.get("requiredFor") or ()) or asked.get("selfApproval") is True:
        return False
    holders = {one.id for one in subjects_of(role) if one.kind == "user"}
    return any(
        a.get("group") or (a.get("user") or "").lower() not in {"", *holders} for a in asked["approvers"]
    )


@rule(
    "ROL-013",
    "warning",
    "Another company is a partner, not a user",
    why="A secondary user of another company acts in our name, and leaves with their job there.",
    mend="Invite the company as authorized partner, and record `account: partner`.",
    source="Seller Central: authorized partners",
)
def partners(context: Context) -> Iterator[Said]:
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
                yield breach(
                    role,
                    ("spec", "subjects", index),
                    f"{person['id']} is of another company and {person.get('account') or 'not known'} as account at Amazon",
                    mend="make them an authorized partner, and write account: partner",
                )


@rule(
    "ROL-014",
    "warning",
    "An application has the roles that its flows need",
    why="A role too many is data too many; a restricted one opens buyers' addresses.",
    mend="Give back the role at the marketplace, or declare the flow; justify restricted ones.",
    source="Selling Partner API: role mappings",
)
def applications(context: Context) -> Iterator[Said]:
    """Where flows are declared: each of an application's `apiRoles` serves one of them; a restricted one
    needs the role's `justification`."""
    config, access = context.configuration, access_of(context)
    for role in config.roles.values():
        for index, person in enumerate(role.spec["subjects"]):
            mine = set(person.get("apiRoles") or ())
            if person["kind"] != "app" or not mine:
                continue
            at = ("spec", "subjects", index, "apiRoles")
            for name in sorted(mine & RESTRICTED):
                if not role.spec.get("justification"):
                    yield breach(
                        role,
                        at,
                        f"{person['id']} has the restricted role {name}, and nobody says why",
                        mend="write `justification`, or give the role back",
                    )
            flows = [
                f
                for name in access.stores_of(role)
                for f in (config.stores[name].spec.get("integration") or {}).get("flows") or ()
            ]
            needed: set[object] = set().union(*(ROLES_OF[f["entity"]] for f in flows))
            for name in sorted(mine - RESTRICTED - needed) if flows else ():
                yield breach(
                    role,
                    at,
                    f"{person['id']} has the role {name}, which no flow of its stores needs",
                    mend="give it back",
                )
