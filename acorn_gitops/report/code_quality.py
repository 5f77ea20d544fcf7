"""GitLab's Code Quality report. Comes in: findings. Goes out: the JSON of `reports:codequality`. Caller: cli
`ci`.

GitLab's reader stops at the first entry that it cannot take, and takes two of one fingerprint for one
(`lib/gitlab/ci/parsers/codequality/code_climate.rb`); so every entry has a path and a line, and a fingerprint
that does not move with the line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from acorn_gitops.confine.text import cut, safe
from acorn_gitops.model.finding import Finding

PROJECT_FILE: Final = "acorn.yaml"
"""Where what stands in no file is shown."""
_SEVERITY: Final = {"error": "critical", "warning": "minor", "info": "info"}


def fingerprint(finding: Finding) -> str:
    """What stays the same while lines move: rule, file, subject, field, and the words."""
    place = finding.place.file if finding.place else ""
    said = "\0".join((finding.id, place, finding.subject, finding.field, finding.message))
    return hashlib.sha256(said.encode()).hexdigest()


def code_quality(findings: Iterable[Finding], folder: str = "") -> list[dict[str, object]]:
    """The entries; `folder` is where the project lies in its repository."""
    found: dict[str, dict[str, object]] = {}
    for finding in findings:
        place = finding.place
        path = place.file if place and place.file else PROJECT_FILE
        hint = f" ({finding.hint})" if finding.hint else ""
        found.setdefault(
            mark := fingerprint(finding),
            {
                "description": safe(cut(f"{finding.id}: {finding.message}{hint}", 1_000)),
                "check_name": finding.id,
                "fingerprint": mark,
                "severity": _SEVERITY[finding.severity],
                "location": {
                    "path": f"{folder}/{path}" if folder else path,
                    "lines": {"begin": max(place.line if place else 1, 1)},
                },
            },
        )
    return list(found.values())
