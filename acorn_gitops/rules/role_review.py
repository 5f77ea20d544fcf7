"""ROL rules about use and misuse: dormant rights, escalation, partners, applications. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from acorn_gitops.engines.access import Right, rights_of, subjects_of
from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.role_access import _access

DORMANT: Final = 90
"""Days without use (the look-back of AWS Security Hub's unused-access findings)."""
GRANTING: Final = Right("iam", "grant")
_CHANGING = frozenset({"write", "apply", "delete", "approve", "grant"})
ROLES_OF: Final[dict[str, frozenset[str]]] = {
    "product": frozenset({"product-listing"}),
    "inventory": frozenset({"inventory-and-order-tracking", "amazon-fulfillment", "product-listing", "selling-partner-insights"}),
    "order": frozenset({"inventory-and-order-tracking"}),
    "price": frozenset({"pricing", "product-listing"}),
    "finance": frozenset({"finance-and-accounting"}),
}  # fmt: skip
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
    """By recorded activity (facts: activity): every person of a role did anything within ninety days."""
    if not context.configuration.facts.has("activity"):
        return
    today = context.now.date()
    for role in context.configuration.roles.values():
        if role.spec.get("breakGlass") is True:
            continue
        since = (role.spec.get("validity") or {}).get("from")
        if since is not None and (today - date.fromisoformat(since)).days <= DORMANT:
            continue
        for index, subject in enumerate(role.spec["subjects"]):
            if subject["kind"] == "group" or subject.get("employment") == "left":
                continue
            last = max(_used(context).get(subject["id"].lower(), {}).values(), default=None)
            if last is None or (today - last).days > DORMANT:
                words = "was never seen" if last is None else f"was last seen {(today - last).days} days ago"
                yield context.configuration.finding(
                    "ROL-005",
                    "warning",
                    role,
                    ("spec", "subjects", index),
                    f"{subject['id']} {words} and stands in this role",
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
    today = context.now.date()
    for role in context.configuration.roles.values():
        people = [s for s in subjects_of(role) if s.kind != "group"]
        if role.spec.get("breakGlass") is True or len(people) != len(subjects_of(role)):
            continue  # who is in a group, and so what is used, is not known here
        recent = {
            right
            for person in people
            for (_, right), last in _used(context).get(person.id.lower(), {}).items()
            if (today - last).days <= DORMANT
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
    """A role with iam.grant either asks somebody else (`approvals.requiredFor` has iam.grant, selfApproval is not on), or all
    rights of the roles in its stores are its holders' own."""
    config, access = context.configuration, _access(context)
    for role in config.roles.values():
        gives = {right for right, _ in rights_of(role)}
        asked = role.spec.get("approvals") or {}
        guarded = "iam.grant" in (asked.get("requiredFor") or ()) and asked.get("selfApproval") is not True
        if GRANTING not in gives or role.spec.get("breakGlass") is True or guarded:
            continue
        stores = access.stores_of(role)
        for other in sorted(config.roles.values(), key=lambda r: r.name):
            shared = sorted(stores & access.stores_of(other))
            if other is role or not shared or other.spec.get("breakGlass") is True:
                continue
            wanted = {right for right, _ in rights_of(other)}
            lacking = [s for s in subjects_of(role) if wanted - set(access.rights([s], shared[0]))]
            if lacking:
                more = sorted(wanted - set(access.rights([lacking[0]], shared[0])))
                yield config.finding(
                    "ROL-010",
                    "error",
                    role,
                    ("spec", "rules"),
                    f"{lacking[0]} may give away {other.name} in {shared[0]}, with {more[0]}, which they do not have",
                    "ask for a second person: approvals: {requiredFor: [iam.grant], approvers: [...], min: 1}",
                )
                break


@rule(
    "ROL-012",
    "error",
    "Nobody gives rights to themselves",
    "One person writes the grant, merges it and uses it, and nobody else has seen it.",
    mend="Let somebody else apply it, or have a second person named in the role's `approvals`.",
    phase="plan",
)
def self_benefit(context: Context) -> Iterator[Finding]:
    """No grant that a plan creates is for whoever applies it or for whoever wrote the line, unless the role asks a second
    person (`approvals` with approvers, selfApproval not on)."""
    assert context.known is not None
    config, told = context.configuration, set()
    for change in context.known.changes:
        if change.address.type != "grant" or change.action != "create" or change.after is None:
            continue
        who = str((change.after.get("subject") or {}).get("id"))
        role = next(
            (r for r in config.roles.values() if (r.spec.get("key") or r.name) == change.after["role"]), None
        )
        if role is None or (role.name, who) in told:
            continue
        asked = role.spec.get("approvals") or {}
        if asked.get("approvers") and asked.get("selfApproval") is not True:
            continue
        index = next((i for i, s in enumerate(role.spec["subjects"]) if s["id"] == who), 0)
        place = config.place(role, ("spec", "subjects", index))
        wrote = context.known.author(place.file, place.line)
        if who.lower() not in (_bare(context.known.actor), (wrote or ("", ""))[0].lower()):
            continue
        told.add((role.name, who))
        yield config.finding(
            "ROL-012",
            "error",
            role,
            ("spec", "subjects", index),
            f"{who} would be given {role.name} by themselves",
            "let somebody else write and apply it",
        )


def _bare(actor: str) -> str:
    return actor.removeprefix("user:").removeprefix("app:").lower()


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
    config, access = context.configuration, _access(context)
    amazon = {
        s.name for s in config.stores.values() if (s.spec.get("storefront") or {}).get("platform") == "amazon"
    }
    for role in config.roles.values() if amazon else ():
        if not access.stores_of(role) & amazon:
            continue
        for index, subject in enumerate(role.spec["subjects"]):
            if (
                subject["kind"] == "user"
                and subject.get("employment") == "external"
                and subject.get("account") != "partner"
            ):
                yield config.finding(
                    "ROL-013",
                    "warning",
                    role,
                    ("spec", "subjects", index),
                    f"{subject['id']} is of another company and {subject.get('account') or 'not known'} as account at Amazon",
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
    config, access = context.configuration, _access(context)
    for role in config.roles.values():
        for index, subject in enumerate(role.spec["subjects"]):
            mine = set(subject.get("apiRoles") or ())
            if subject["kind"] != "app" or not mine:
                continue
            at = ("spec", "subjects", index, "apiRoles")
            for name in sorted(mine & RESTRICTED):
                if not role.spec.get("justification"):
                    yield config.finding("ROL-014", "warning", role, at, f"{subject['id']} has the restricted role {name}, and nobody says why", "write `justification`, or give the role back")  # fmt: skip
            flows = [
                f
                for name in access.stores_of(role)
                for f in (config.stores[name].spec.get("integration") or {}).get("flows") or ()
            ]
            needed: set[Any] = set().union(*(ROLES_OF[f["entity"]] for f in flows))
            for name in sorted(mine - RESTRICTED - needed) if flows else ():
                yield config.finding("ROL-014", "warning", role, at, f"{subject['id']} has the role {name}, which no flow of its stores needs", "give it back")  # fmt: skip
