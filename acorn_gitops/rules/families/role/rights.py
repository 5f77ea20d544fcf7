"""ROL rules about effective rights: what meets in one person, who has left, who could do it if somebody fell
ill. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from acorn_gitops.engines.access import Access, Right, acting, rights_of, rules_of, toxic
from acorn_gitops.rules.context import Context, Known, Planned
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach

CRITICAL = (Right("iam", "grant"), Right("store", "write"))
"""Rights without which nobody can help: giving rights, and changing a store."""


def access_of(context: Context) -> Access:
    access: Access | None = context.shared.get("access")
    if access is None:
        access = context.shared["access"] = Access(context.configuration, context.now.date().isoformat())
    return access


@rule(
    "ROL-002",
    "error",
    "Nobody has two rights that must be apart",
    why="Who can do both can do wrong and hide it; nobody else would have to look.",
    mend="Give one of the two rights to somebody else.",
    source="separation of duties",
)
def apart(context: Context) -> Iterator[Said]:
    """For each subject and store, after the union of all their roles, today and on every day on which a role
    begins: none of these pairs. `price.write` with `price.approve`, `promo.write` with `promo.approve`,
    `tax.write` with `tax.approve`, `payout.write` with `refund.write` or `iam.grant`, `iam.grant` with
    `apply` on anything, `app.write` with `export` of anything; in a shop `inventory.write` with `order.write`
    is told as a note. What somebody has through a group is not known: the group itself is judged."""
    told: set[tuple[str, Right, Right]] = set()
    days = {
        begins
        for role in context.configuration.roles.values()
        if (begins := (role.spec.get("validity") or {}).get("from")) is not None and begins > context.today
    }
    for day in (context.today, *sorted(days)):
        access = access_of(context) if day == context.today else Access(context.configuration, day)
        yield from _apart(context, access, "" if day == context.today else f" from {day}", told=told)


def _apart(
    context: Context, access: Access, since: str, told: set[tuple[str, Right, Right]]
) -> Iterator[Said]:
    config = context.configuration
    for subject in access.subjects():
        seen: set[tuple[tuple[str, ...], str]] = set()
        for store in config.stores.values():
            alike = (
                tuple(role.name for role, _ in access.grants([subject], store.name)),
                store.spec["type"],
            )
            if alike in seen:
                continue  # told of another store already
            seen.add(alike)
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
                yield breach(
                    role,
                    ("spec", "rules"),
                    f"{subject} has {one} and {other} in {store.name}{since} (through {', '.join(roles)}): {pair.why}",
                    mend="give one of them to somebody else",
                    severity="error" if pair.severity == "error" else "info",
                )


@rule(
    "ROL-004",
    "info",
    "A grant that ends soon is told",
    why="On that morning somebody cannot work.",
    mend="Renew it with a review, or let it end.",
)
def ending(context: Context) -> Iterator[Said]:
    """Within fourteen days."""
    today = context.now.date()
    for role in context.configuration.roles.values():
        until = (role.spec.get("validity") or {}).get("until")
        if until is not None and today < date.fromisoformat(until) <= today + timedelta(days=14):
            yield breach(
                role,
                ("spec", "validity", "until"),
                f"this grant ends on {until}",
                mend="renew it with a review, or let it end",
            )


@rule(
    "ROL-007",
    "warning",
    "Grants are reviewed in time",
    why="A list that nobody reads grows.",
    mend="Look at who is in it, and write down when.",
    source="Amazon Data Protection Policy: at least quarterly",
)
def reviewed(context: Context) -> Iterator[Said]:
    """`review.lastReviewed` is not longer ago than `everyDays` (90 by default), nor a day to come; roles of
    Amazon's stores that were never reviewed are told as a note."""
    today, unread = context.now.date(), []
    access, amazon = access_of(context), amazon_stores(context)
    for role in context.configuration.roles.values():
        review = role.spec.get("review")
        if not review:
            if access.stores_of(role) & amazon:
                unread.append(role)
            continue
        days = (today - date.fromisoformat(review["lastReviewed"])).days
        if days < 0:
            yield breach(
                role,
                ("spec", "review", "lastReviewed"),
                f"{review['lastReviewed']} is still to come",
                mend="write the day on which it was looked at",
            )
        elif days > (review.get("everyDays") or 90):
            yield breach(
                role,
                ("spec", "review", "lastReviewed"),
                f"this grant was last reviewed {days} days ago",
                mend="look at it, and write down when",
            )
    if unread:
        names = ", ".join(r.name for r in unread[:3]) + (f" and {len(unread) - 3} more" if unread[3:] else "")
        yield breach(
            unread[0],
            (),
            f"nobody has written down that {names} {'was' if len(unread) == 1 else 'were'} reviewed",
            mend="look at who is in them, and add review: {lastReviewed: DATE, by: NAME}",
            severity="info",
        )


def amazon_stores(context: Context) -> frozenset[str]:
    """Storefronts for which Amazon's data protection policy holds."""
    stores = context.configuration.stores.values()
    return frozenset(s.name for s in stores if (s.spec.get("storefront") or {}).get("platform") == "amazon")


@rule(
    "ROL-008",
    "error",
    "Who has left has no grant",
    why="Amazon's data protection policy gives 24 hours; a former colleague's account is the easiest way in.",
    mend="Remove them; the next apply takes the grant away everywhere.",
    source="Amazon Data Protection Policy: within 24 hours",
)
def left(context: Context) -> Iterator[Said]:
    """No subject with `employment: left`."""
    for role in context.configuration.roles.values():
        for index, subject in enumerate(role.spec["subjects"]):
            if subject.get("employment") == "left":
                yield breach(
                    role,
                    ("spec", "subjects", index),
                    f"{subject['id']} has left and still stands in this role",
                    mend="remove them; the next apply takes the grant away everywhere",
                )


MOST: Final = 5
"""So many persons, besides groups, may give rights in a store before that is told."""


@rule(
    "ROL-020",
    "warning",
    "Somebody can give rights and change the store, and not one person alone",
    why="An illness must not lock a company out of its shops, and rights that everybody may give belong to everybody.",
    mend="Grant it to a group, or to a second person; take it from those who do not need it.",
)
def covered(context: Context) -> Iterator[Said]:
    """Where rights are managed at all (some role has anything of iam, or access is enforced): in every store
    that a role reaches, iam.grant and store.write (and iam.apply, where access is enforced) are held by a
    group, or by two persons; and iam.grant by at most five."""
    config, access = context.configuration, access_of(context)
    enforced = config.policies.get("access") == "enforced"
    usual = [role for role in config.roles.values() if role.spec.get("breakGlass") is not True]
    managed = any(r.resource == "iam" and r.verb != "read" for role in usual for r, _ in rights_of(role))
    if not managed and not enforced:
        return  # rights are not managed from here
    reached = {store for role in config.roles.values() for store in access.stores_of(role)}
    for store in config.stores.values():
        if store.name not in reached:
            continue
        for right in (*CRITICAL, *([Right("iam", "apply")] if enforced else [])):
            holders = access.holders(store.name, right)
            persons = [h for h in holders if h.kind != "group"]
            if right == CRITICAL[0] and len(persons) > MOST:
                words, mend = f"{len(persons)} persons have", "leave it to a few, or to a group"
            elif len(persons) < len(holders) or len(holders) > 1:
                continue
            else:
                words = f"only {holders[0]} has" if holders else "nobody has"
                mend = "grant it to a group, or to a second person"
            yield breach(store, (), f"{words} {right} in {store.name}", mend=mend)


@rule(
    "ROL-021",
    "error",
    "Nobody locks everybody out",
    why="When the last one who may give rights is gone, only the marketplace's support can help, and it takes weeks.",
    mend="Give the right to somebody else first; then take it away.",
    phase="plan",
)
def locked_out(context: Context) -> Iterator[Said]:
    """A plan takes away grants or parts of roles that give iam.grant or iam.apply only where somebody still
    has that right afterwards; and whoever applies does not take their own away."""
    assert context.known is not None
    config, access = context.configuration, access_of(context)
    lost: dict[tuple[str, Right], set[str]] = {}
    for change in context.known.changes:
        for right in (Right("iam", "grant"), Right("iam", "apply")):
            if right in _taken(change, context.known):
                who = str(
                    ((change.before or {}).get("subject") or {}).get("id") or change.address.key
                ).lower()
                lost.setdefault((change.address.store, right), set()).add(who)
    actor = acting(context.known.actor)
    for (store, right), losers in sorted(lost.items()):
        if store not in config.stores:
            continue
        if not access.holders(store, right):
            yield breach(
                config.stores[store],
                (),
                f"after this plan nobody has {right} in {store}",
                mend="give it to somebody else first",
            )
        elif actor.id in losers and right not in access.rights([actor], store):
            yield breach(
                config.stores[store],
                (),
                f"{actor.id} would take {right} in {store} away from themselves",
                mend="let somebody else apply it, so that nobody is left without",
                severity="warning",
            )


def _taken(change: Planned, known: Known) -> set[Right]:
    """Rights that a change takes from somebody."""
    before, after = change.before or {}, change.after or {}
    if change.address.type == "grant" and change.action in ("delete", "replace"):
        role = known.applied(change.address.store, "role", str(before.get("role"))) or {}
        return set(rules_of(role.get("rules") or ()))
    if change.address.type == "role" and change.action in ("delete", "update"):
        kept = (
            set()
            if change.action == "delete"
            else set(rules_of(after.get("rules") or before.get("rules") or ()))
        )
        return set(rules_of(before.get("rules") or ())) - kept
    return set()
