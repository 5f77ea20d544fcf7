"""SARIF 2.1.0, as GitHub's code scanning takes it. Comes in: findings. Goes out: one document. Callers: cli
`ci`, `validate`.

Limits and required fields: `sarif-support-for-code-scanning.md` of github/docs: four numbers of a region,
columns from 1, the last one behind the last letter; 25,000 results, of which the first 5,000 are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from acorn_gitops.confine.text import cut, safe
from acorn_gitops.model.finding import Finding
from acorn_gitops.report.code_quality import PROJECT_FILE, fingerprint

MOST: Final = 5_000
_LEVEL: Final = {"error": "error", "warning": "warning", "info": "note"}
_ORDER: Final = ("error", "warning", "info")


def sarif(
    findings: Iterable[Finding], rules: Mapping[str, Mapping[str, str]], *, version: str, folder: str = ""
) -> dict[str, object]:
    """One run. `rules`: by id a `title`, `why` and `mend`, of those that have one; `folder`: where the
    project lies in its repository."""
    ordered = sorted(findings, key=lambda f: (_ORDER.index(f.severity), f.sort_key()))[:MOST]
    ids = sorted({finding.id for finding in ordered})
    number = {id: index for index, id in enumerate(ids)}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "acorn",
                        "semanticVersion": version,
                        "rules": [_rule(id, rules.get(id, {})) for id in ids],
                    }
                },
                "automationDetails": {"id": "acorn/validate/"},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, number[finding.id], folder) for finding in ordered],
            }
        ],
    }


def _rule(id: str, told: Mapping[str, str]) -> dict[str, object]:
    title = safe(cut(told.get("title") or id, 1_000))
    why, mend = safe(cut(told.get("why") or title, 1_000)), safe(told.get("mend") or "see the message")
    return {
        "id": id,
        "name": id.replace("-", ""),
        "shortDescription": {"text": title},
        "fullDescription": {"text": why},
        "help": {"text": f"{why} {mend}"},
        "properties": {"tags": ["marketplace", id[:3].lower()]},
    }


def _result(finding: Finding, rule: int, folder: str) -> dict[str, object]:
    place = finding.place
    path = place.file if place and place.file else PROJECT_FILE
    line, column = (max(place.line, 1), max(place.column, 1)) if place else (1, 1)
    end = max(len(finding.source) + 1, column + 1)
    hint = f" {finding.hint}" if finding.hint else ""
    return {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": _LEVEL[finding.severity],
        "message": {"text": safe(cut(f"{finding.message}.{hint}", 4_000))},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": _uri(f"{folder}/{path}" if folder else path),
                        "uriBaseId": "%SRCROOT%",
                    },
                    "region": {"startLine": line, "startColumn": column, "endLine": line, "endColumn": end},
                }
            }
        ],
        "partialFingerprints": {"primaryLocationLineHash": f"{fingerprint(finding)[:16]}:1"},
    }


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path)
