"""Who applies, and how somebody else ends that. Comes in: a workspace, a reason. Goes out: who holds the lock
of an environment's ledger, on this machine or on the ledger's branch. Caller: cli `lock`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.ledger.lock import held
from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.ledger.records import BROKEN
from acorn_gitops.model.finding import Locked, Misused
from acorn_gitops.reconcile.lease import Claim, Lease
from acorn_gitops.reconcile.ledger_branch import BRANCH, NONE, REMOTE, bring, is_shared, lease_on, send
from acorn_gitops.reconcile.workspace import LOOKS, Workspace

GRACE: Final = LOOKS + 5.0
"""Seconds that a run has to see that its lease is broken."""


class Holding(NamedTuple):
    """Who applies."""

    here: str
    """In words, on this machine; empty where nobody does."""
    branch: str
    """Where the ledger lives; empty where nobody else can see it."""
    lease: Lease
    counts: bool
    """Whether the lease on the branch keeps others out."""


def who_applies(workspace: Workspace) -> Holding:
    """Who holds the lock of this environment's ledger. AcornError where the branch cannot be asked."""
    path = workspace.ledger_path(workspace.load().project)
    branch = _branch(workspace)
    lease = lease_on(workspace, path, REMOTE, branch=branch) if branch else Lease()
    here = _here(workspace, path)
    # That of a run from here which is over keeps nobody out.
    over = not here and Claim(workspace, path).is_from_here(lease)
    return Holding(here, branch, lease, counts=not over and lease.counts(workspace.now()))


def break_lock(workspace: Workspace, reason: str, ended: Callable[[Lease], None]) -> None:
    """End the lease of a run that is over, or is to be over; the ledger says who did it, and why. `ended` is
    told whose it was; then a run that still goes on has `GRACE` seconds to see it, and sends nothing after
    that. Misused where nobody holds one."""
    workspace.refuse_untrusted("lock --break")
    if not reason.strip():
        raise Misused("say why: `acorn lock --break REASON`")
    branch = _branch(workspace)
    if not branch:
        raise Misused(
            "this ledger lies on this machine only, where a lock ends with the process that holds it",
            hint="end that process, if there is one; where ledgers live on a branch, ACORN_LEDGER_BRANCH says which",
        )
    with workspace.busy("lock"):
        project = workspace.load().project
        path, owner = workspace.ledger_path(project), f"{project.name}/{project.environment}"
        holder = {"who": workspace.actor(), "since": workspace.stamp(), "plan": "lock --break"}
        with held(path, holder, 0):
            found = bring(workspace, path, REMOTE, branch=branch, owner=owner).lease
            if not found.holder:
                raise Misused("nobody holds a lease: there is nothing to break")
            ledger: Ledger = open_ledger(path, write=True)
            said = {"holder": found.holder, "job": found.job, "since": found.since, "reason": reason}
            ledger.open_up(BROKEN, workspace.stamp(), workspace.actor(), said)
            send(workspace, ledger, REMOTE, branch, claim=Claim.breaking(workspace, path, found))
            ledger.close()
        ended(found)
        # Whoever still goes on looks in the meantime: nobody begins before.
        workspace.pause(GRACE)


def _branch(workspace: Workspace) -> str:
    chosen = workspace.environ.get("ACORN_LEDGER_BRANCH", "")
    if chosen:
        return "" if chosen == NONE else chosen
    return BRANCH if is_shared(workspace) else ""


def _here(workspace: Workspace, path: Path) -> str:
    try:
        with held(path, {"who": workspace.actor(), "since": workspace.stamp(), "plan": "lock"}, 0):
            return ""
    except Locked as error:
        return error.message
