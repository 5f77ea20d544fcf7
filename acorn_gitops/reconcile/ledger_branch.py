"""A ledger that lives on a branch of the repository, for machines that forget. Comes in: a workspace, a
ledger's file, remote and branch. Goes out: the newer of the two, here or there; Stale where neither continues
the other. Callers: `state pull`, `state push`, `apply`.

Whatever comes from the branch is verified before it is believed. Git's lease refuses a push onto a branch
that has moved: of two that apply at once one is refused before its first write. Who applies lies beside the
ledger (`lease`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.apply.generation import stale_ledger
from acorn_gitops.confine.database import database
from acorn_gitops.confine.git import find, has_remote
from acorn_gitops.ledger.lock import held
from acorn_gitops.ledger.opening import open_ledger, unpacked
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.model.finding import AcornError, Misused, Stale
from acorn_gitops.provenance import branch as kept_branch
from acorn_gitops.reconcile.lease import Claim, Lease, lease_beside, lease_of
from acorn_gitops.reconcile.workspace import Workspace

REMOTE: Final = "origin"
BRANCH: Final = "acorn-ledger"
NONE: Final = "none"
"""In place of a branch's name: ledgers are kept nowhere else."""


class Brought(NamedTuple):
    """What the branch holds: its commit ("" for no branch), whether there is a ledger of this environment,
    its serial, and how it stands to the one here: -1 it was newer and is here now, 0 the same, 1 the one here
    is newer; and who applies."""

    commit: str
    there: bool
    serial: int
    order: int
    lease: Lease


def pull(workspace: Workspace, remote: str, branch: str) -> Brought:
    """Fetch this environment's ledger under the lock, and say how the two stand to each other (`bring`).
    Stale where the one here knows more."""
    with workspace.ledger() as ledger:
        path, owner = Path(ledger.where), workspace.owner
    with held(path, {"who": workspace.actor(), "since": workspace.stamp(), "plan": "state pull"}, 0):
        brought = bring(workspace, path, remote, branch=branch, owner=owner)
    if brought.there and brought.order > 0:
        raise Stale(
            f"the ledger here knows more than that of {branch}; nothing was written",
            hint="`acorn state push` sends it",
        )
    return brought


def bring_kept(workspace: Workspace) -> tuple[str, Brought] | None:
    """Where ACORN_LEDGER_BRANCH says that ledgers are kept on a branch, the newest one is here afterwards:
    the branch's name, and what it holds. Errors as for `pull`."""
    branch = workspace.environ.get("ACORN_LEDGER_BRANCH", "")
    if not branch or branch == NONE:
        return None
    return branch, pull(workspace, REMOTE, branch)


def bring(workspace: Workspace, path: Path, remote: str, branch: str, owner: str) -> Brought:
    """Take over the branch's ledger where it is newer; the caller holds the lock. Stale where the two have
    gone apart, or where the arriving one is not sound, or of another `owner` (project/environment)."""
    refuse_own_branch(workspace, branch)
    ledger = open_ledger(path)
    ledger.check_owner(owner)
    kept = _fetch(workspace, path, remote, branch=branch)
    lease = lease_of(kept.beside)
    if kept.content is None:
        alone = Brought(kept.commit, False, ledger.serial(), order=int(ledger.exists), lease=lease)
        ledger.close()
        return alone
    arriving = path.with_name(f".{path.name}.arriving")
    database(arriving, workspace.home)
    try:
        there = _arrived(kept.content, arriving, branch)
        if there.owner() not in ("", owner):
            name = name_on_branch(workspace, path)
            raise Stale(
                f"{name} on {branch} is the ledger of {there.owner()}, not of {owner}",
                hint="name another file by `ledger` in acorn.yaml, then `acorn apply --adopt` takes over what is there; or, where"
                f" the project was renamed and nobody uses the old name, `acorn state retire {name}`",
            )
        there.check_owner(owner)
        serial = there.serial()
        try:
            order = order_of(ledger, there, branch)
        except Stale:
            if not ledger.only_intended_since(there.trail()):
                raise
            # Nothing was sent of what only this one knows: it was refused, or died, before its first write.
            order = -1
        there.close()
        ledger.close()
        if order < 0:
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            arriving.replace(path)
    finally:
        arriving.unlink(missing_ok=True)
    return Brought(kept.commit, True, serial, order=order, lease=lease)


def lease_on(workspace: Workspace, path: Path, remote: str, branch: str) -> Lease:
    """Who applies, as the branch says."""
    return lease_of(_fetch(workspace, path, remote, branch=branch).beside)


def refuse_own_branch(workspace: Workspace, branch: str) -> None:
    """Misused where a ledger would be kept on the branch that holds the specs."""
    if branch == (workspace.trust.default_branch or "main"):
        raise Misused(
            f"ACORN_LEDGER_BRANCH={branch} is the branch of the specs", hint=f"a branch of its own: {BRANCH}"
        )


def send(
    workspace: Workspace, ledger: Ledger, remote: str, branch: str, *, claim: Claim | None = None
) -> str:
    """Put this ledger on the branch, and what `claim` makes of the lease; answers the commit, "" where both
    are there already. Stale where the branch holds a newer one, or moves at the same time; Locked where
    somebody else applies."""
    refuse_own_branch(workspace, branch)
    ledger.check_sound()
    path = Path(ledger.where)
    name, packed, serial = name_on_branch(workspace, path), ledger.packed(), ledger.serial()
    message = f"{name}: serial {serial}, {workspace.stamp()}, {workspace.actor()}"

    def files(kept: kept_branch.Kept) -> dict[str, bytes]:
        order = 1 if kept.content is None else _order(ledger, kept.content, branch)
        if order < 0:
            raise Stale(
                f"{branch} of {remote} holds a newer ledger; nothing was sent",
                hint="somebody else applied: `acorn state pull`, then plan again",
            )
        return {name: packed} if order else {}

    return _push(workspace, path, remote, branch, message, claim=claim or Claim(workspace, path), files=files)


def send_lease(workspace: Workspace, path: Path, remote: str, branch: str, *, claim: Claim) -> str:
    """Put on the branch what `claim` makes of the lease, and leave the ledger there as it is."""
    message = f"{lease_beside(name_on_branch(workspace, path))}: {workspace.stamp()}, {workspace.actor()}"
    return _push(workspace, path, remote, branch, message, claim=claim, files=lambda _: {})


def _push(
    workspace: Workspace,
    path: Path,
    remote: str,
    branch: str,
    message: str,
    *,
    claim: Claim,
    files: Callable[[kept_branch.Kept], dict[str, bytes]],
) -> str:
    for left in reversed(range(TRIES)):
        kept = _fetch(workspace, path, remote, branch=branch)
        there = lease_of(kept.beside)
        lease, changed = claim.next(there), files(kept)
        if lease != there:
            changed[lease_beside(name_on_branch(workspace, path))] = lease.encoded()
        try:
            commit = changed and kept_branch.push(
                workspace.home, remote, branch, changed, message, onto=kept.commit
            )
        except Stale:
            # Other environments keep their ledgers on the same branch: whether it is ours that moved is
            # looked at again.
            if not left:
                raise
            continue
        claim.pushed(lease)
        return commit or ""
    raise AssertionError("unreachable")


TRIES: Final = 5
"""How often a ledger is sent to a branch that moves at the same time."""


def is_shared(workspace: Workspace) -> bool:
    """Whether this project's ledgers are kept on a branch, here or at the remote: then what is recorded only
    in this clone would be known to nobody else. A remote that cannot be asked is taken for one that has
    them."""
    chosen = workspace.environ.get("ACORN_LEDGER_BRANCH", "")
    if chosen:
        return chosen != NONE
    repository = find(workspace.home)
    if repository is None or not has_remote(repository, REMOTE):
        return False
    if kept_branch.is_known(workspace.home, REMOTE, BRANCH):
        return True
    try:
        return kept_branch.is_there(workspace.home, REMOTE, BRANCH, strangers=workspace.untrusted)
    except AcornError:
        return True


def _fetch(workspace: Workspace, path: Path, remote: str, branch: str) -> kept_branch.Kept:
    name = name_on_branch(workspace, path)
    return kept_branch.fetch(
        workspace.home, remote, branch, name, beside=lease_beside(name), strangers=workspace.untrusted
    )


def _arrived(packed: bytes, path: Path, branch: str) -> Ledger:
    try:
        return unpacked(packed, path)
    except AcornError as error:
        raise type(error)(
            f"the ledger on {branch} cannot be used: {error.message}; the one here is as it was",
            hint=f"put an older commit of {branch} back, or push the ledger of a machine that has a sound one",
        ) from None


def refuse_behind(workspace: Workspace, ledger: Ledger) -> None:
    """For marketplaces that remember no generation: Stale where the branch of the repository's remote holds a
    newer ledger, or where the remote cannot be asked."""
    repository = find(workspace.home)
    if repository is None or not has_remote(repository, REMOTE):
        return  # nobody else can see what is applied from here, and nothing is there to compare with
    try:
        kept = _fetch(workspace, Path(ledger.where), REMOTE, branch=BRANCH)
        if kept.content is None:
            return
        order = _order(ledger, kept.content, BRANCH)
    except Stale:
        raise
    except AcornError as error:
        raise Stale(
            f"{REMOTE} cannot be asked whether somebody else has applied: {error.message}; nothing was written",
            hint=f"let it be reached; ACORN_LEDGER_BRANCH={NONE} says that ledgers are kept nowhere else",
        ) from None
    if order < 0:
        raise stale_ledger([f"what {BRANCH} of {REMOTE} says"])


def _order(here: Ledger, packed: bytes, branch: str) -> int:
    """`order_of` a ledger as it travelled."""
    with tempfile.TemporaryDirectory() as folder:
        there = unpacked(packed, Path(folder) / "ledger.db")
        try:
            return order_of(here, there, branch)
        finally:
            there.close()


def order_of(here: Ledger, there: Ledger, branch: str) -> int:
    """1: here continues there; -1: there continues here; 0: they are the same. Stale when neither does: each
    knows of writes that the other does not."""
    ours, theirs = here.trail(), there.trail()
    if ours == theirs:
        return 0 if here.serial() == there.serial() else 1 if here.serial() > there.serial() else -1
    if ours[: len(theirs)] == theirs:
        return 1
    if theirs[: len(ours)] == ours:
        return -1
    raise Stale(
        f"the ledger here ({here.where}) and that of {branch} have gone apart: each knows of writes that the other does not",
        hint="where somebody else applied at this moment, run the same command again; else move the one here away and pull; then `acorn plan` shows what is different, and `acorn state rebuild`"
        " records what is there",
    )


def name_on_branch(workspace: Workspace, path: Path) -> str:
    """Under which name an environment's ledger lies on the branch: by where it lies in the repository, which
    may hold several projects."""
    repository = find(workspace.home)
    top = (repository.top if repository is not None else workspace.home).resolve()
    try:
        parts = path.resolve().relative_to(top).parts
    except ValueError:
        raise AcornError(
            f"{path} lies outside the repository, so that nobody could tell whose it is on a branch",
            hint="keep the ledger in the repository's folder (`ledger` in acorn.yaml), untracked",
        ) from None
    return f"{'/'.join(part for part in parts if part != '.acorn')}.gz"
