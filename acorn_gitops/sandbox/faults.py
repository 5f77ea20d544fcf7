"""Misbehaviour to order. Comes in: what was ordered. Goes out: what happens to a request or row. Caller:
`app`.

Real marketplaces throttle, fall over, answer with a web page, lose the answer after doing the work, accept
and then do nothing. Each is here under a name, for so many times, for requests or rows that match.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from acorn_gitops.sandbox.database import Database

KINDS: Final[dict[str, str]] = {
    "fail": "answer 503 without doing anything",
    "throttle": "answer 429 with Retry-After",
    "lost": "do the work, then close the connection without an answer",
    "html": "answer 200 with a web page",
    "truncate": "cut the answer in half",
    "skip": "leave one row out of a page",
    "slow": "wait before answering (served over HTTP only)",
    "reject": "refuse matching rows of a batch with 422",
    "accept": "accept matching rows, and do them only after some reads, or never",
}
ROW_KINDS: Final = frozenset({"reject", "accept"})


class Fault(NamedTuple):
    """One ordered fault."""

    id: int
    kind: str
    pattern: str
    detail: dict[str, Any]


def for_request(database: Database, method: str, path: str) -> Fault | None:
    """The fault that meets this request, if any; it is used up by one."""
    for id, kind, pattern, _, detail in database.faults():
        if kind not in ROW_KINDS and (fnmatchcase(f"{method} {path}", pattern) or fnmatchcase(path, pattern)):
            database.use_fault(id)
            return Fault(id, kind, pattern, detail=detail)
    return None


def for_rows(database: Database) -> list[Fault]:
    """Faults that meet rows of batches."""
    return [
        Fault(id, kind, pattern, detail=detail)
        for id, kind, pattern, _, detail in database.faults()
        if kind in ROW_KINDS
    ]
