"""Counts of a run for Prometheus' text file collector. Comes in: a plan, drift, an exit code. Goes out: one
file's text. Caller: cli `ci`.

Only counts by environment, store and action: names of resources are no labels. Units are base units, and only
what grows is called `_total` (`exposition_formats.md` of prometheus/docs).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from acorn_gitops.plan.document import Plan
from acorn_gitops.plan.drift import DriftReport


class Sample(NamedTuple):
    """One number under a name."""

    name: str
    labels: Mapping[str, str]
    value: float


_HELP = {
    "acorn_plan_changes": "Changes of the plan, by action.",
    "acorn_plan_findings": "Findings of the plan, by severity.",
    "acorn_drift_resources": "Resources that were changed outside, by store.",
    "acorn_drift_acknowledged": "Resources whose change from outside is acknowledged, by store.",
    "acorn_stores_unread": "Stores that could not be read.",
    "acorn_last_run_exit_code": "How the last run of a command ended.",
    "acorn_last_run_timestamp_seconds": "When it ended.",
}


def of_plan(plan: Plan) -> list[Sample]:
    """What a plan would do."""
    environment = {"environment": plan.environment}
    counts = plan.counts()
    found = [
        Sample("acorn_plan_changes", {**environment, "action": action}, counts[action]) for action in counts
    ]
    for severity in ("error", "warning"):
        number = sum(finding.severity == severity for finding in plan.findings)
        found.append(Sample("acorn_plan_findings", {**environment, "severity": severity}, number))
    return [*found, Sample("acorn_stores_unread", environment, sum(bool(s.error) for s in plan.stores))]


def of_drift(report: DriftReport) -> list[Sample]:
    """What was changed outside; nothing where it cannot be known."""
    environment = {"environment": report.environment}
    found: list[Sample] = []
    for store in () if report.unknown else report.stores:
        labels = {**environment, "store": store.store}
        found.append(Sample("acorn_drift_resources", labels, len(store.drifted)))
        found.append(Sample("acorn_drift_acknowledged", labels, len(store.left)))
    return [*found, Sample("acorn_stores_unread", environment, len(report.errors))]


def of_run(command: str, environment: str, *, code: int, ended: float) -> list[Sample]:
    """How a run ended, and when (seconds since 1970)."""
    labels = {"environment": environment, "command": command}
    return [
        Sample("acorn_last_run_exit_code", labels, code),
        Sample("acorn_last_run_timestamp_seconds", labels, ended),
    ]


def text(samples: Iterable[Sample]) -> str:
    """The file: samples of one name stand together, below what they are."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    lines: list[str] = []
    for name, some in by_name.items():
        lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge"]
        for sample in some:
            labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels.items())
            value = int(sample.value) if float(sample.value).is_integer() else sample.value
            lines.append(f"{name}{{{labels}}} {value}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
