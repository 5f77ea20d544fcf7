"""Exceptions, and how bad a breach is here. Comes in: findings, the project's waivers and severities. Goes out: findings
as they count in this environment. Callers: `registry` for specs, cli for budgets.

A waiver turns findings of one rule in one scope into notes, until its day. Then the finding is back, and the waiver
itself is an error: an exception that nobody ends is a rule that nobody has. What is wrong while loading cannot be
waived, nor can the last price guard, which stands next to the write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final

from acorn_gitops.model.finding import Finding
from acorn_gitops.specs.configuration import Configuration

SOON: Final = timedelta(days=14)
"""So long before its end a waiver is told."""


def as_they_count(
    configuration: Configuration,
    found: Sequence[Finding],
    today: date,
    *,
    known: Iterable[str],
    every: Iterable[str] | None = None,
) -> list[Finding]:
    """Findings of the rules `known`, with severities and waivers applied, and what is to be said of their waivers. `every`:
    all ids that there are; a waiver of another one is told."""
    severities: Mapping[str, str] = configuration.policies.get("severities") or {}
    waivers = _waivers(configuration)
    rules = set(known)
    all_ids = None if every is None else set(every)
    out: list[Finding] = []
    met: set[int] = set()
    for finding in found:
        if finding.id in severities and not finding.id.startswith("GEN-"):
            finding = finding._replace(severity=severities[finding.id])  # type: ignore[arg-type]
        for number, waiver in waivers:
            if waiver["rule"] == finding.id and _covers(waiver["scope"], finding):
                met.add(number)
                if date.fromisoformat(waiver["until"]) > today:
                    words = f"{finding.message} (waived until {waiver['until']} by {waiver['owner']}: {waiver['reason']})"
                    finding = finding._replace(severity="info", message=words)
                    break
        out.append(finding)
    for number, waiver in waivers:
        if all_ids is not None and waiver["rule"] not in all_ids and waiver["rule"][:4] != "BUD-":
            words = f"a waiver names the rule {waiver['rule']}, which there is not"
            out.append(_finding(configuration, number, "GEN-020", "error", words, "`acorn rules` lists them"))
        elif waiver["rule"] in rules:
            out += _about(configuration, number, waiver, today, idle=number not in met)
    return out


def _waivers(configuration: Configuration) -> list[tuple[int, Mapping[str, Any]]]:
    raw = configuration.project_raw
    said = (raw.data["spec"].get("waivers") or []) if raw is not None else []
    return [
        (number, waiver)
        for number, waiver in enumerate(said)
        if waiver.get("environments") is None or configuration.environment in waiver["environments"]
    ]


def _covers(scope: str, finding: Finding) -> bool:
    """By what the finding is about: a spec, an address (and its store), or a budget."""
    names = [finding.subject]
    if finding.subject.count("/") >= 2:
        names.append(finding.subject.partition("/")[0])
    return any(name and fnmatchcase(name.lower(), scope.lower()) for name in names)


def _about(
    configuration: Configuration, number: int, waiver: Mapping[str, Any], today: date, *, idle: bool
) -> Iterable[Finding]:
    end = date.fromisoformat(waiver["until"])
    words = f"the waiver of {waiver['rule']} for {waiver['scope']} ({waiver['owner']})"
    if waiver["rule"].startswith("GEN-"):
        yield _finding(
            configuration,
            number,
            "GEN-020",
            "error",
            f"{words}: what is wrong while loading cannot be waived",
            "mend it",
        )
    elif end <= today:
        yield _finding(
            configuration, number, "GEN-020", "error", f"{words} has ended on {waiver['until']}",
            "mend what it was for and remove it, or agree on a new day",
        )  # fmt: skip
    elif idle:
        yield _finding(
            configuration,
            number,
            "GEN-021",
            "warning",
            f"{words} waives nothing",
            "remove it, or correct its scope",
        )
    elif end - today <= SOON:
        left = (end - today).days
        days = f"{left} day{'s' if left != 1 else ''}"
        yield _finding(
            configuration, number, "GEN-021", "warning", f"{words} ends in {days}", "mend what it is for"
        )


def _finding(
    configuration: Configuration, number: int, id: str, severity: Any, message: str, hint: str
) -> Finding:
    assert configuration.reader is not None
    assert configuration.project_raw is not None
    place = configuration.reader.place(configuration.project_raw, ("spec", "waivers", number))
    return Finding(id, severity, message, place, hint, configuration.reader.source(place), "Project")
