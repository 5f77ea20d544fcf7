"""What stands beside a change request. Comes in: a plan, the comment before, who approved. Goes out: one
comment that a forge takes. Caller: cli `ci`.

Approvals are for changes: the digest of the changes alone (`plan.document.changes_digest`) stays the same
when the same is planned again, so that whoever comes back sees whether anything is new.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from acorn_gitops.confine.text import cut
from acorn_gitops.model.finding import Finding
from acorn_gitops.model.resource import Address
from acorn_gitops.plan.document import Plan, change_digests, changes_digest
from acorn_gitops.plan.verdict import verdict_on
from acorn_gitops.report.markdown import LIMIT, escape, headline, plan_markdown, word
from acorn_gitops.report.words import plural

MOST: Final = 200
"""Of so many changes the comment remembers each; of more only all of them together."""
NAMED: Final = 5
NAME: Final = 16
DOES: Final = 32
"""Hexadecimal digits of a change's address and of what it does that are remembered."""
_REMEMBERED: Final = re.compile(r"<!-- acorn:changes digest=([0-9a-f]{64}) ([0-9a-f,]*) -->")


def marker_of(environment: str) -> str:
    """How the comment about an environment is found again."""
    return f"<!-- acorn:plan environment={word(environment)} "


def comment(
    plan: Plan, *, before: str = "", approvals: Sequence[tuple[str, str]] = (), link: str = ""
) -> str:
    """The comment. `before`: what it said until now; `approvals`: who approved, and in words for what other
    commit than this one; `link`: the job's page."""
    lines = [*_since(plan, before), *_required(plan), *_approved(approvals)]
    if link:
        lines.append(f"[The job]({link}) has the whole plan and its log.")
    foot = ["", *lines, _memory(plan)]
    body = plan_markdown(plan, most=LIMIT - sum(len(line) + 1 for line in foot))
    mark = marker_of(plan.environment)
    head, _, tail = body.rpartition(mark)
    return "\n".join([head.rstrip("\n"), *foot, f"{mark}{tail}"])


def failed(
    environment: str, *, words: str, findings: Sequence[Finding], before: str = "", link: str = ""
) -> str:
    """In place of a plan that could not be made. What the comment remembers of the plan before stays."""
    errors = [f for f in findings if f.severity == "error"]
    lines = [f"### ❌ acorn plan · `{word(environment)}` — **failed**", "", escape(cut(words, 500)), ""]
    for finding in errors[:30]:
        place = f"`{re.sub('[^A-Za-z0-9._/:-]', '?', str(finding.place))}` " if finding.place else ""
        lines.append(f"- {place}**{finding.id}** {escape(cut(finding.message, 400))}")
    if len(errors) > 30:
        lines.append(f"- and {len(errors) - 30:,} more")
    if link:
        lines += ["", f"[The job]({link}) has the log."]
    remembered = _REMEMBERED.search(before)
    kept = [remembered[0]] if remembered is not None else []
    return "\n".join([*lines, "", *kept, f"{marker_of(environment)}v=1 -->"]) + "\n"


def _memory(plan: Plan) -> str:
    digests = _short(plan)
    each = [f"{name}{content}" for name, content in sorted(digests.values())] if len(digests) <= MOST else []
    return f"<!-- acorn:changes digest={changes_digest(plan)} {','.join(each)} -->"


def _short(plan: Plan) -> dict[Address, tuple[str, str]]:
    """Of each change what is remembered: who writes both versions of one must not find two that look
    alike."""
    return {address: (name[:NAME], does[:DOES]) for address, (name, does) in change_digests(plan).items()}


def _since(plan: Plan, before: str) -> list[str]:
    """What is new since the comment before."""
    found = _REMEMBERED.search(before)
    if found is None:
        return []
    if found[1] == changes_digest(plan):
        return [
            "These are **the same changes** as in the plan before: what was approved there is what is here.",
            "",
        ]
    then = {row[:NAME]: row[NAME:] for row in found[2].split(",") if len(row) == NAME + DOES}
    now = _short(plan)
    if not then or len(now) > MOST:
        return ["**Other changes** than in the plan before.", ""]
    new = [address for address, (name, _) in now.items() if name not in then]
    other = [address for address, (name, content) in now.items() if then.get(name, content) != content]
    gone = len(then.keys() - {name for name, _ in now.values()})
    parts = [
        f"{words}: {_named(which)}" for words, which in (("new", new), ("other than before", other)) if which
    ]
    if gone:
        parts.append(f"{gone:,} gone")
    if not parts:
        return ["**Other changes** than in the plan before.", ""]
    return [f"**Changed since the plan before**: {'; '.join(parts)}.", ""]


def _named(addresses: Sequence[object]) -> str:
    more = f" and {len(addresses) - NAMED:,} more" if len(addresses) > NAMED else ""
    return ", ".join(escape(cut(str(one), 120)) for one in addresses[:NAMED]) + more


def _required(plan: Plan) -> list[str]:
    """What is still needed before apply, and from whom, as the findings say it."""
    verdict = verdict_on(plan)
    if not verdict.code:
        return []
    hints = dict.fromkeys(f"{f.id}: {f.hint}" for f in plan.findings if f.severity == "error" and f.hint)
    told = [f"- [ ] {escape(cut(hint, 300))}" for hint in list(hints)[:10]]
    return [f"**Still required** (apply ends with exit code {verdict.code}):", *told, ""] if told else []


def _approved(approvals: Sequence[tuple[str, str]]) -> list[str]:
    if not approvals:
        return []
    told = [f"{escape(who)}{f' ({when})' if when else ''}" for who, when in approvals]
    return [f"Approved by {', '.join(told)}.", ""]


def summary(plan: Plan) -> str:
    """In a few words, for a status beside a commit."""
    verdict = verdict_on(plan)
    if verdict.code:
        return f"apply will refuse: {verdict.words}"
    where = "" if plan.changes else f" in {plural('store', len(plan.stores))}"
    return headline(plan, ", ") + where
