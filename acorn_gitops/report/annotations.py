"""What a forge shows beside a job. Comes in: findings, a plan's counts. Goes out: GitHub's workflow commands,
and GitLab's counts and links. Caller: cli `ci`.

GitHub shows ten annotations of a level a step, so that errors come first and what is left out is told in one
more (`actions/toolkit/docs/problem-matchers.md`). GitLab's widget takes three numbers up to 999,999, and says
"failed" where one is missing (`lib/gitlab/ci/parsers/terraform/tfplan.rb`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from acorn_gitops.confine.text import cut, safe
from acorn_gitops.model.finding import Finding
from acorn_gitops.plan.document import Plan
from acorn_gitops.report.code_quality import PROJECT_FILE

SHOWN: Final = 10
_WORDS: Final = {"error": "error", "warning": "warning", "info": "notice"}


def workflow_commands(findings: Iterable[Finding], folder: str = "") -> list[str]:
    """Lines for standard output of a GitHub job."""
    by_level: dict[str, list[Finding]] = {"error": [], "warning": [], "info": []}
    for finding in findings:
        by_level[finding.severity].append(finding)
    lines: list[str] = []
    left = 0
    for level, found in by_level.items():
        room = SHOWN - (level == "info")
        left += max(len(found) - room, 0)
        for finding in found[:room]:
            place = finding.place
            path = place.file if place and place.file else PROJECT_FILE
            fields = {"file": f"{folder}/{path}" if folder else path, "title": finding.id}
            if place and place.line:
                fields |= {"line": str(place.line), "col": str(max(place.column, 1))}
            said = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
            hint = f" = {finding.hint}" if finding.hint else ""
            lines.append(f"::{_WORDS[level]} {said}::{_message(f'{finding.message}{hint}')}")
    if left:
        lines.append(
            f"::notice title=acorn::{left:,} more findings; the job's log and its reports have them all"
        )
    return lines


def _message(text: str) -> str:
    return safe(cut(text, 1_000)).replace("%", "%25")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def terraform_counts(plan: Plan | None) -> dict[str, int]:
    """For GitLab's `reports:terraform`: a replacement is made and deleted; what is only recorded is not
    counted."""
    counts = (
        plan.counts()
        if plan is not None
        else dict.fromkeys(("create", "replace", "update", "adopt", "delete"), 0)
    )
    return {
        "create": min(counts["create"] + counts["replace"], 999_999),
        "update": min(counts["update"] + counts["adopt"], 999_999),
        "delete": min(counts["delete"] + counts["replace"], 999_999),
    }


def links(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """For GitLab's `reports:annotations`: (label, address), shown on the job's page."""
    entries = [{"external_link": {"label": safe(cut(label, 200)), "url": url}} for label, url in pairs if url]
    return {"acorn": entries}
