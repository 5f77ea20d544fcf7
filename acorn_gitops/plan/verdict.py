"""What an apply would say of a plan. Comes in: a plan. Goes out: the exit code with which it would be
refused, and why in words. Callers: cli `plan`, report.

A merge request must not be green where apply will refuse: whatever can be known when a plan is made is in its
last line and in its exit code, and the code is the one that apply would have.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from acorn_gitops.plan.document import Plan

LATER: Final = "apply will refuse: "
"""Begins what is asked again at apply, and may be otherwise by then: a proof that is missing, a commit that
is old."""
STOPPED: Final = frozenset({"ACN-042", "ACN-043", "ACN-044"})
"""Findings by which a freeze, a change window or a hold stands in the way for now."""
STALE: Final = frozenset({"ACN-035", "ACN-040"})
"""Findings after which apply ends with exit code 6."""


class Verdict(NamedTuple):
    """`code` 0: apply may go on, as far as anybody knows now."""

    code: int
    words: str


def verdict_on(plan: Plan) -> Verdict:
    """In the order in which apply asks."""
    told = [f for f in plan.findings if f.severity != "info"]
    stale = sorted({f.id for f in told if f.id in STALE})
    if stale:
        return Verdict(6, f"this checkout or its ledger is behind ({', '.join(stale)})")
    if plan.errored:
        unread = [store.store for store in plan.stores if store.error]
        more = f" and {len(unread) - 3} more" if len(unread) > 3 else ""
        return Verdict(1, f"{', '.join(unread[:3])}{more} could not be read")
    stopped = {f.id for f in told if f.id in STOPPED}
    for code, words, found in (
        (5, "over budget", {f.id for f in told if f.id.startswith("BUD-")}),
        (4, "it holds what must not be", {f.id for f in told if f.severity == "error"}),
        (4, "nothing may be changed now", stopped),
        (4, "what must be proved first is not", {f.id for f in told if f.message.startswith(LATER)}),
    ):
        if found:
            return Verdict(code, f"{words} ({', '.join(sorted(found))})")
    return Verdict(0, "")
