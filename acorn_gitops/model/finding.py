"""What is wrong, where, and how to mend it. Comes in: nothing. Goes out: `Place`, `Finding`, `AcornError`.

Loading, rules, planning, guards and the conformance suite all speak in findings; renderers print them.
The error tree is split by what the caller should do next, and each branch knows its exit code:

    AcornError (1)           report and stop
    ├── InvalidSpecs (4)     mend the specs
    ├── Refused (4)          a rule or policy forbids it
    ├── PassesLink (4)       remove the link, or name another path
    ├── OverBudget (5)       smaller steps, or a waiver
    ├── Stale (6)            plan again
    │   └── Superseded       somebody else applies: wait, and catch up first
    ├── Locked (6)           wait for the holder
    └── MarketplaceError (1) the live side failed; nothing is known beyond what is said
        ├── Unreachable      no answer: we do not know whether a write landed
        ├── Incomplete       a read that cannot prove it saw everything
        └── Moved            nothing was done: read, judge and send again
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

Severity = Literal["error", "warning", "info"]
FieldPath: TypeAlias = tuple[str | int, ...]
"""Where in a document a field stands: names of fields, and positions in lists."""


class Place(NamedTuple):
    """A position in a file: 1-based line and column; 0 where unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


class Finding(NamedTuple):
    """One thing that a person should know. `source` is the offending line of text, for the caret."""

    id: str
    severity: Severity
    message: str
    place: Place | None = None
    hint: str = ""
    source: str = ""
    subject: str = ""
    firm: bool = False
    """Nothing waives or softens it: a rule could not be judged."""
    field: str = ""
    """Which field of a spec it is about (`spec.attributes`), numbers of entries left out: what is alike can
    be told once."""

    def to_json(self) -> dict[str, object]:
        """The one shape of a finding in every JSON output. `place` is `file:line:column`, which its parts
        repeat."""
        place = self.place
        return {
            "id": self.id,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
            "subject": self.subject,
            "place": str(place) if place else None,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
        }

    def sort_key(self) -> tuple[str, int, int, str, str]:
        """By place, then id: order of discovery never shows."""
        place = self.place or Place("")
        return (place.file, place.line, place.column, self.id, self.message)


class AcornError(Exception):
    """A failure with findings. `exit_code` is the process's."""

    exit_code = 1
    id = "ACN-001"

    def __init__(self, message: str, *, hint: str = "", findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.findings = list(findings)

    def as_findings(self) -> list[Finding]:
        """The findings it carries, or itself as one."""
        return self.findings or [Finding(self.id, "error", self.message, place=None, hint=self.hint)]


class Misused(AcornError):
    """What was asked for cannot be meant: a store or an address that is not there, a time that is none."""

    exit_code = 64
    id = "ACN-014"


class InvalidSpecs(AcornError):
    """The specs are wrong; nothing was read or written."""

    exit_code = 4
    id = "GEN-000"


class Refused(AcornError):
    """A rule or policy forbids it; nothing was written."""

    exit_code = 4
    id = "ACN-004"


class OverBudget(AcornError):
    """The plan does more than a budget allows; nothing was written."""

    exit_code = 5
    id = "ACN-005"


class Stale(AcornError):
    """The plan no longer fits; nothing was written."""

    exit_code = 6
    id = "ACN-006"


class Superseded(Stale):
    """Somebody else has begun to apply since; nothing more is sent."""


class PassesLink(AcornError):
    """A link, or another thing that the repository holds, leads elsewhere; nothing was read or written
    there."""

    exit_code = 4
    id = "ACN-034"


class Locked(AcornError):
    """Somebody else is applying; nothing was written."""

    exit_code = 6
    id = "ACN-007"


class MarketplaceError(AcornError):
    """The marketplace refused or failed, and said so. Of its words the first `MOST` letters are kept."""

    id = "ACN-010"
    MOST = 4_000

    def __init__(self, message: str, *, hint: str = "", findings: Sequence[Finding] = ()) -> None:
        said = message if len(message) <= self.MOST else f"{message[: self.MOST]}…"
        super().__init__(said, hint=hint, findings=findings)


class Shut(MarketplaceError):
    """The marketplace refuses one store (403), or says that it is gone for good (410): a closed account, or a
    token that may not see it. `gone`: it says so itself."""

    def __init__(self, message: str, *, hint: str = "", gone: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.gone = gone


class Unreachable(MarketplaceError):
    """No usable answer: for a write, neither success nor failure is known. `alive`: somebody did answer, only
    nothing useful."""

    id = "ACN-011"

    def __init__(self, message: str, *, hint: str = "", alive: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.alive = alive


class Incomplete(MarketplaceError):
    """A read without proof of completeness; nothing may be concluded from it."""

    id = "ACN-012"


class Moved(MarketplaceError):
    """The store was changed since it was read; nothing of the batch was done."""

    id = "ACN-013"
