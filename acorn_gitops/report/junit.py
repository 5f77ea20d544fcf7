"""JUnit test reports, as GitHub's and GitLab's readers take them. Comes in: cases. Goes out: one XML
document. Callers: `ci`, `drift`, cli.

GitLab shows the text of a failure's element and not its `message`, and of two cases of one name only the
first (`lib/gitlab/ci/parsers/test/junit.rb`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple
from xml.etree import ElementTree

from acorn_gitops.confine.text import cut, safe
from acorn_gitops.model.finding import Finding

MOST: Final = 20_000
"""Cases of one document; what comes after them is counted in one more."""
_LONGEST: Final = 4_000


class Case(NamedTuple):
    """One line of a test report."""

    suite: str
    """What it belongs to, as `acorn.validate`: shown as the suite."""
    name: str
    file: str = ""
    failure: str = ""
    """What is wrong; empty where nothing is."""
    kind: Literal["failure", "error", "remark"] = "failure"
    """error: it could not be looked at; remark: it passes, and something is said of it."""


def junit(name: str, cases: Iterable[Case]) -> str:
    """The document. Cases of one name are told apart by a number."""
    suite = ElementTree.Element("testsuite", name=name)
    counts = {"failure": 0, "error": 0}
    seen: dict[tuple[str, str], int] = {}
    dropped = 0
    for case in cases:
        if len(suite) >= MOST:
            dropped += 1
            continue
        number = seen[case.suite, case.name] = seen.get((case.suite, case.name), 0) + 1
        shown = case.name if number == 1 else f"{case.name} ({number})"
        element = ElementTree.SubElement(suite, "testcase", classname=safe(case.suite), name=safe(shown))
        if case.file:
            element.set("file", safe(case.file))
        if case.failure and case.kind == "remark":
            ElementTree.SubElement(element, "system-out").text = safe(cut(case.failure, _LONGEST))
        elif case.failure:
            counts[case.kind] += 1
            told = ElementTree.SubElement(element, case.kind, message=safe(cut(case.failure, 200)))
            told.text = safe(cut(case.failure, _LONGEST))
    if dropped:
        counts["error"] += 1
        element = ElementTree.SubElement(suite, "testcase", classname=name, name="more")
        ElementTree.SubElement(element, "error").text = f"{dropped:,} more cases do not fit into this report"
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def of_findings(suite: str, findings: Sequence[Finding]) -> list[Case]:
    """A case for each finding that is more than a remark: errors fail, warnings pass with their words beside
    them."""
    cases = [
        Case(
            suite,
            f"{finding.id} {finding.place or finding.subject or suite}",
            finding.place.file if finding.place else "",
            failure=f"{finding.message}\n{finding.hint}".strip(),
            kind="failure" if finding.severity == "error" else "remark",
        )
        for finding in findings
        if finding.severity != "info"
    ]
    return cases or [Case(suite, "findings")]
