"""What a rule says of a place, without repeating what its decorator says already. Comes in: a spec, a path,
words. Goes out: `Breach`. Callers: every rule; `registry` makes findings of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from acorn_gitops.model.finding import FieldPath, Finding, Severity
from acorn_gitops.specs.configuration import Configuration, Spec


class Breach(NamedTuple):
    """Something wrong at a field of a spec. Its id, and how bad it is unless it says so itself, are the
    rule's."""

    spec: Spec
    path: FieldPath
    words: str
    mend: str = ""
    severity: Severity | None = None
    firm: bool = False
    """Neither a waiver nor a severity of the project changes it: others rest on it."""

    def finding(self, configuration: Configuration, *, id: str, severity: Severity) -> Finding:
        """As a finding of a rule."""
        found = configuration.finding(
            id, self.severity or severity, self.spec, path=self.path, message=self.words, hint=self.mend
        )
        return found._replace(firm=self.firm)


Said = Finding | Breach
"""What a rule may yield."""


def breach(
    spec: Spec,
    path: Iterable[str | int],
    words: str,
    *,
    mend: str = "",
    severity: Severity | None = None,
    firm: bool = False,
) -> Breach:
    """At a field of a spec: what is wrong, and what to do. `severity`: where it is not the rule's own;
    `firm`: no waiver opens it."""
    return Breach(spec, tuple(path), words, mend=mend, severity=severity, firm=firm)
