"""ROL rules about effective rights: what meets in one person, who has left, who could do it if somebody fell ill.
Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from acorn_gitops.engines.access import Access, Right, toxic
from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule

CRITICAL = (Right("iam", "grant"), Right("store", "write"))
"""Rights without which nobody can help: giving rights, and changing a store."""


def _access(context: Context) -> Access:
    access: Access | None = context.shared.get("access")
    if access is None:
        access = context.shared["access"] = Access(context.configuration, context.now.date().isoformat())
    return access


@rule(
    "ROL-002",
    "error",
    "Nobody has two rights that must be apart",
    "Who can do both can do wrong and hide it; nobody else would have to look.",
    mend="Give one of the two rights to somebody else.",
    source="separation of duties",
)
def apart(context: Context) -> Iterator[Finding]:
    """For each subject and store, after the union of all their roles: no pair of the table of toxic pairs."""
    config, access = context.configuration, _access(context)
    told: set[tuple[str, Right, Right]] = set()
    for subject in access.subjects():
        for store in config.stores.values():
            # An emergency role has everything on purpose; its use is reported instead.
            held = access.rights([subject], store.name)
            usual = {
                r: [s for s in sources if s.role.spec.get("breakGlass") is not True]
                for r, sources in held.items()
            }
            rights = {right: sources for right, sources in usual.items() if sources}
            for pair, one, other in toxic(rights, store.spec["type"]):
                key = (str(subject), pair.one, pair.other)
                if key in told:
                    continue
                told.add(key)
                roles = sorted({s.role.name for right in (one, other) for s in rights[right]})
                role = config.roles[roles[-1]]
                yield config.finding(
                    "ROL-002",
                    "error" if pair.severity == "error" else "info",
                    role,
                    ("spec", "rules"),
                    f"{subject} has {one} and {other} in {store.name} (through {', '.join(roles)}): {pair.why}",
                    "give one of them to somebody else",
                )


@rule(
    "ROL-004",
    "info",
    "A grant that ends soon is told",
    "On that morning somebody cannot work.",
    mend="Renew it with a review, or let it end.",
)
def ending(context: Context) -> Iterator[Finding]:
    """Within fourteen days."""
    today = context.now.date()
    for role in context.configuration.roles.values():
        until = (role.spec.get("validity") or {}).get("until")
        if until is not None and today < date.fromisoformat(until) <= today + timedelta(days=14):
            yield context.configuration.finding(
                "ROL-004",
                "info",
                role,
                ("spec", "validity", "until"),
                f"this grant ends on {until}",
                "renew it with a review, or let it end",
            )


@rule(
    "ROL-007",
    "warning",
    "Grants are reviewed in time",
    "A list that nobody reads grows.",
    mend="Look at who is in it, and write down when.",
    source="Amazon Data Protection Policy: at least quarterly",
)
def reviewed(context: Context) -> Iterator[Finding]:
    """`review.lastReviewed` is not longer ago than `everyDays` (90 by default)."""
    today = context.now.date()
    for role in context.configuration.roles.values():
        review = role.spec.get("review")
        if not review:
            continue
        days = (today - date.fromisoformat(review["lastReviewed"])).days
        if days > (review.get("everyDays") or 90):
            yield context.configuration.finding(
                "ROL-007",
                "warning",
                role,
                ("spec", "review", "lastReviewed"),
                f"this grant was last reviewed {days} days ago",
                "look at it, and write down when",
            )


@rule(
    "ROL-008",
    "error",
    "Who has left has no grant",
    "Amazon's data protection policy gives 24 hours; a former colleague's account is the easiest way in.",
    mend="Remove them; the next apply takes the grant away everywhere.",
    source="Amazon Data Protection Policy: within 24 hours",
)
def left(context: Context) -> Iterator[Finding]:
    """No subject with `employment: left`."""
    for role in context.configuration.roles.values():
        for index, subject in enumerate(role.spec["subjects"]):
            if subject.get("employment") == "left":
                yield context.configuration.finding(
                    "ROL-008",
                    "error",
                    role,
                    ("spec", "subjects", index),
                    f"{subject['id']} has left and still stands in this role",
                    "remove them; the next apply takes the grant away everywhere",
                )


@rule(
    "ROL-020",
    "warning",
    "Somebody can give rights and change the store, and not one person alone",
    "An illness must not lock a company out of its shops.",
    mend="Grant it to a group, or to a second person.",
)
def covered(context: Context) -> Iterator[Finding]:
    """Where anybody may give rights at all: in every store that a role reaches, iam.grant and store.write are held by a
    group, or by two persons."""
    config, access = context.configuration, _access(context)
    if not any(access.holders(store, CRITICAL[0]) for store in config.stores):
        return  # rights are not managed from here
    for store in config.stores.values():
        for right in CRITICAL:
            holders = access.holders(store.name, right)
            if any(h.kind == "group" for h in holders) or len(holders) > 1:
                continue
            who = f"only {holders[0]} has" if holders else "nobody has"
            yield config.finding(
                "ROL-020",
                "warning",
                store,
                (),
                f"{who} {right} in {store.name}",
                "grant it to a group, or to a second person",
            )
