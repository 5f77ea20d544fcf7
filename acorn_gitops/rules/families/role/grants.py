"""ROL rules: permissions. Caller: `registry`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from acorn_gitops.model.selectors import select
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.families.role.rights import access_of, amazon_stores
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach

_SHARED: Final = re.compile(
    r"(info|sales|support|admin|office|team|contact|hello|service|shop|store|orders?|marketing|accounts?|billing|finance|hr|it"
    r"|mail|noreply|no-reply|pricing|buchhaltung|vertrieb|einkauf|kundenservice|kontakt)([._-].*|\d*)"
)
"""Names of mailboxes that several people read."""
_WRITING = frozenset({"write", "delete", "apply", "grant", "approve", "*"})


@rule(
    "ROL-001",
    "error",
    "No wildcards, except in an emergency role",
    why="A wildcard covers what does not exist yet.",
    mend="Name the resources, verbs and stores; only a `breakGlass` role may have wildcards.",
    source="Kubernetes RBAC good practices",
)
def wildcards(context: Context) -> Iterator[Said]:
    """`*` in resources or verbs needs `breakGlass: true`; and such a role says why it is there and when it
    ends."""
    config = context.configuration
    for role in config.roles.values():
        if role.spec.get("breakGlass") is True:
            lacks = [
                words
                for words, there in (
                    ("a justification", role.spec.get("justification")),
                    ("an end (validity.until)", (role.spec.get("validity") or {}).get("until")),
                )
                if not there
            ]
            if lacks:
                yield breach(
                    role,
                    ("spec", "breakGlass"),
                    f"the emergency role {role.name} lacks {' and '.join(lacks)}",
                    mend="say what it is for, and when it is taken away again",
                )
            continue
        for index, entry in enumerate(role.spec["rules"]):
            for part in ("resources", "verbs"):
                if "*" in entry[part]:
                    yield breach(
                        role,
                        ("spec", "rules", index, part),
                        f"* in {part} grants everything",
                        mend="name them; or, in an emergency role, set breakGlass: true with a justification and an end (validity.until)",
                    )


@rule(
    "ROL-003",
    "error",
    "Grants end when they should",
    why="Old grants are how accounts are lost.",
    mend="Renew the grant with a review, or remove it; give external people an `until` within a year.",
    source="Amazon Data Protection Policy",
)
def expiry(context: Context) -> Iterator[Said]:
    """A grant that has ended and is still declared is told (a warning): acorn takes it away all the same. One
    that ends before it begins is an error; external people need an end within 365 days."""
    config = context.configuration
    today = context.now.date()
    for role in config.roles.values():
        validity = role.spec.get("validity") or {}
        until = validity.get("until")
        if until is not None and date.fromisoformat(until) <= today:
            yield breach(
                role,
                ("spec", "validity", "until"),
                f"this grant ended on {until}, and is taken away",
                mend="remove it, or renew it with a review",
                severity="warning",
            )
        if until is not None and validity.get("from") is not None and until <= validity["from"]:
            yield breach(
                role,
                ("spec", "validity", "until"),
                f"this grant ends on {until}, before it begins on {validity['from']}",
                mend="correct one of the two days",
            )
        for index, subject in enumerate(role.spec["subjects"]):
            if subject.get("employment") in ("contractor", "external") and (
                until is None or date.fromisoformat(until) > today + timedelta(days=365)
            ):
                yield breach(
                    role,
                    ("spec", "subjects", index),
                    f"{subject['id']} is {subject['employment']} and the grant has no end within a year",
                    mend=(
                        f"end it by {today + timedelta(days=365)}: "
                        + ("bring `validity.until` forward" if until else "add `validity.until`")
                    ),
                )


@rule(
    "ROL-009",
    "error",
    "Who can write signs in with a second factor, as a person",
    why="Shared logins cannot be told apart or taken away.",
    mend="Name a person, and have them switch on a second factor.",
    source="Amazon Data Protection Policy",
)
def second_factor(context: Context) -> Iterator[Said]:
    """A user with a writing verb has `mfa: true` (not said, in a store of Amazon: a warning), and is a
    person: no shared mailbox such as info@ or team@."""
    config, access, amazon = context.configuration, access_of(context), amazon_stores(context)
    unsaid: dict[str, list[str]] = {}
    for role in config.roles.values():
        if not any(_WRITING & set(entry["verbs"]) for entry in role.spec["rules"]):
            continue
        for index, subject in enumerate(role.spec["subjects"]):
            if subject["kind"] == "user" and subject.get("mfa") is False:
                yield breach(
                    role,
                    ("spec", "subjects", index),
                    f"{subject['id']} may write but has no second factor",
                    mend="enrol one, then set mfa: true",
                )
            elif subject["kind"] == "user" and subject.get("mfa") is None and access.stores_of(role) & amazon:
                unsaid.setdefault(role.name, []).append(subject["id"])
            if subject["kind"] == "user" and _SHARED.fullmatch(subject["id"].partition("@")[0].lower()):
                yield breach(
                    role,
                    ("spec", "subjects", index),
                    f"{subject['id']} is a mailbox of several people, and may write",
                    mend="name each person; what a program does belongs to kind: app",
                )
    for name, people in unsaid.items():
        more = f" and {len(people) - 3} more" if len(people) > 3 else ""
        yield breach(
            config.roles[name],
            ("spec", "subjects"),
            f"it is not said whether {', '.join(people[:3])}{more} may write with a second factor only",
            mend="write mfa: true where it is so",
            severity="warning",
        )


@rule(
    "ROL-011",
    "warning",
    "A grant reaches at least one store",
    why="It looks like a permission and is none.",
    mend="Correct the selector, or remove the role.",
    references=True,
)
def reaches_a_store(context: Context) -> Iterator[Said]:
    """The selector matches a declared store."""
    config = context.configuration
    candidates = [(s.name, s.labels) for s in config.stores.values()]
    for role in config.roles.values():
        if not select(role.spec["stores"], candidates):
            yield breach(
                role,
                ("spec", "stores"),
                "this selector matches no store",
                mend="to mean every store, write `all: true`",
            )
