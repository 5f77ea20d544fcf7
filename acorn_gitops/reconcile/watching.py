"""A pipeline for teams that have none: look at the default branch, and do what a job would. Comes in: a way
to open the workspace of a clone, and a request. Goes out: `Turn`s, one at a time. Caller: cli `watch`.

The remote is asked which commit is the newest before anything is fetched. What was merged is checked out, and
planned or applied as `ci plan` and `ci apply` would; from time to time it is looked for drift. Drift is told
and never put back by itself: whether it is reverted or taken over is for people to say.

Nothing of this is kept: a watcher that is started anew plans the newest commit once more, and finds it done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from acorn_gitops.model.finding import AcornError, Refused
from acorn_gitops.plan.document import Plan
from acorn_gitops.plan.drift import DriftReport
from acorn_gitops.plan.verdict import verdict_on
from acorn_gitops.provenance.branch import advance, newest
from acorn_gitops.provenance.revision import Revision
from acorn_gitops.reconcile.alerting import Alerted, alert
from acorn_gitops.reconcile.applying import Applied, ApplyRequest, Hooks, apply
from acorn_gitops.reconcile.drifting import drift
from acorn_gitops.reconcile.ledger_branch import REMOTE, bring_kept
from acorn_gitops.reconcile.planning import plan
from acorn_gitops.reconcile.upstream import refuse_unmerged
from acorn_gitops.reconcile.workspace import Workspace

LONGEST: Final = 3600.0
"""Seconds after which a commit that could not be applied is tried again, at the latest: a freeze ends, a
window opens, a store comes back."""

Cause = Literal["started", "merged", "tried again", "woken", "drift"]
"""Why a turn was taken; `drift` where that alone was due."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """How often to look, and what may be done. Times are seconds."""

    every: float = 60.0
    """Between two looks at the remote."""
    drift_every: float = 3600.0
    """Between two looks for drift; 0 looks never."""
    applies: bool = False
    """Apply what was merged; otherwise it is planned only."""
    lock_timeout: float = 300.0
    """To wait for another apply."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What was done at one time, and how it ended."""

    at: datetime
    cause: Cause
    commit: str
    """What is checked out now; empty where that is not known."""
    planned: Plan | None = None
    applied: Applied | None = None
    drifted: DriftReport | None = None
    alerted: Alerted | None = None
    error: AcornError | None = None
    """What ended the turn; nothing after it was done."""

    @property
    def code(self) -> int:
        """As the exit code of the verb that would have done it: 0 where nothing is left to do for anybody."""
        if self.error is not None:
            return self.error.exit_code
        if self.applied is not None and not self.applied.complete:
            return 130 if self.applied.interrupted else 3
        if self.applied is not None and self.applied.unsent is not None:
            return self.applied.unsent.exit_code
        if self.planned is not None and (code := verdict_on(self.planned).code):
            return code
        if self.drifted is not None and (self.drifted.errors or self.drifted.unknown):
            return 1
        if self.alerted is not None and self.alerted.failed:
            return 1
        return 2 if self.drifted is not None and not self.drifted.clean else 0


class Watcher:
    """Takes turns. `open`: the workspace of the clone as it is now, anew for each turn, as what is trusted
    follows the default branch; `elapsed`: a clock in seconds that never goes back."""

    def __init__(
        self,
        open: Callable[[], Workspace],
        request: WatchRequest,
        hooks: Hooks | None = None,
        *,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open, self._request, self._hooks = open, request, hooks
        self._first = open()
        """As it was at the start: it asks the remote, also where what is checked out is no project now."""
        self._elapsed = elapsed
        self._done = ""
        """The commit with which nothing is left to do."""
        self._tried = ""
        self._failures = 0
        self._looked_for_drift: float | None = None

    def turn(self, *, woken: bool = False) -> Turn | None:
        """Do what is due; None where nothing is. `woken`: somebody says that there is news, so that what
        failed is tried at once. An AcornError is part of the turn, and so is what this machine cannot do;
        anything else is a fault, and is raised."""
        workspace = self._first
        at = workspace.now()
        cause: Cause = "started"
        try:
            head = self._newest(workspace)
            due = self._cause(head, woken=woken)
            if due is None:
                self._failures = 0
                return None
            cause = due
            turn = self._taken(at, cause, head)
        except AcornError as error:
            turn = Turn(at, cause, Revision(workspace.root).get()[0], error=error)
        except OSError as error:
            # A disk that is full, or no file descriptor that is free: that passes.
            told = AcornError(f"this machine cannot do it now: {error.strerror or error}")
            turn = Turn(at, cause, "", error=told)
        # Drift, and a plan that apply would refuse, are for people: to look again sooner would not help.
        failed = turn.error is not None or (turn.applied is not None and turn.code != 0)
        self._failures = self._failures + 1 if failed else 0
        return turn

    def pause(self) -> float:
        """Seconds until the next turn may be due: longer after each failure, as what failed was not one
        look at the remote but work at every store."""
        grown: float = self._request.every * 2.0 ** min(self._failures, 30)
        return min(grown, max(LONGEST, self._request.every))

    def _newest(self, workspace: Workspace) -> str:
        workspace.refuse_untrusted("watch")
        branch = _branch(workspace)
        head = newest(workspace.root, REMOTE, branch)
        if not head:
            raise Refused(
                f"{REMOTE} has no branch {branch}; nothing was done",
                hint="ACORN_DEFAULT_BRANCH names another one",
            )
        return head

    def _cause(self, head: str, *, woken: bool) -> Cause | None:
        if not self._tried:
            return "started"
        if head != self._tried:
            return "merged"
        if head != self._done:
            return "woken" if woken else "tried again"
        return "drift" if self._drift_is_due() else None

    def _drift_is_due(self) -> bool:
        often, last = self._request.drift_every, self._looked_for_drift
        return bool(often) and (last is None or self._elapsed() - last >= often)

    def _taken(self, at: datetime, cause: Cause, head: str) -> Turn:
        commit = head if cause == "drift" else self._check_out()
        self._tried = commit
        workspace = self._same_project()
        bring_kept(workspace)
        refuse_unmerged(workspace)
        found, alerted = self._drift(workspace)
        if cause != "drift" and self._request.applies and found is not None and found.unknown:
            found = None  # nothing was ever applied from here: that is what is done now
        planned, applied = None, None
        if cause != "drift" and self._request.applies:
            asked = ApplyRequest(committed=True, lock_timeout=self._request.lock_timeout)
            applied = apply(workspace, asked, self._hooks)
        elif cause != "drift":
            planned = plan(workspace)
        turn = Turn(at, cause, commit, planned=planned, applied=applied, drifted=found, alerted=alerted)
        if applied is None or (applied.complete and applied.unsent is None):
            self._done = commit
        return turn

    def _same_project(self) -> Workspace:
        """The project as it is checked out now. Refused where it is gone from where it was: above it another
        one may lie."""
        workspace = self._open()
        if workspace.root != self._first.root:
            raise Refused(
                f"the project of {self._first.root.name} is not there any more; nothing was done",
                hint="a merge took acorn.yaml away, or moved it; start the watcher where it is now",
            )
        return workspace

    def _drift(self, workspace: Workspace) -> tuple[DriftReport | None, Alerted | None]:
        """What was changed outside, told to those who want to know, before an apply puts it back. Where there
        is no ledger yet nobody can know."""
        if not self._drift_is_due():
            return None, None
        found = drift(workspace)
        alerted = alert(workspace, workspace.load(), found) if not found.unknown else None
        self._looked_for_drift = self._elapsed()
        return found, alerted

    def _check_out(self) -> str:
        workspace = self._first
        _, dirty = Revision(workspace.root).get()
        if dirty:
            raise Refused(
                "files here are in no commit; nothing was checked out",
                hint="`git status` shows them; a watcher has a clone of its own: `git clone`, and `acorn watch` there",
            )
        return advance(workspace.root, REMOTE, _branch(workspace))


def _branch(workspace: Workspace) -> str:
    branch = workspace.trust.default_branch
    if not branch:
        raise Refused(
            "nobody says which branch is the default one; nothing was done",
            hint="set ACORN_DEFAULT_BRANCH, or `git remote set-head origin --auto`",
        )
    return branch
