"""A ledger that is of no use any more, taken off the branch: of an environment that is gone, or of a project that
was renamed. Comes in: a workspace, a name on the branch. Goes out: that name, gone. Caller: cli `state retire`.

What it says of rights would bind for ever otherwise (`siblings`). Older versions of the branch still hold it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from acorn_gitops.ledger.sqlite import unpacked
from acorn_gitops.model.finding import Finding, Misused, Refused
from acorn_gitops.provenance import branch as kept_branch
from acorn_gitops.reconcile.in_force import asking
from acorn_gitops.reconcile.lease import lease_beside, lease_of
from acorn_gitops.reconcile.ledger_branch import REMOTE, name_on_branch
from acorn_gitops.reconcile.states import Wishes, gather
from acorn_gitops.reconcile.workspace import Workspace


def retire(workspace: Workspace, name: str, *, branch: str) -> None:
    """Take a ledger and its lease off the branch. Refused where whoever acts may not give rights in a store of
    ours that it speaks of; Misused where there is none of this name, or it is the one of this environment."""
    from acorn_gitops.engines.access import Right

    workspace.refuse_untrusted("state retire")
    with workspace.busy("state retire"):
        loaded, _ = workspace.checked()
        if name == name_on_branch(workspace, workspace.ledger_path(loaded.project)):
            raise Misused(f"{name} is the ledger of this environment")
        kept = kept_branch.fetch(workspace.root, REMOTE, branch, name, beside=lease_beside(name))
        if kept.content is None:
            raise Misused(f"{branch} holds no {name}")
        if lease_of(kept.beside).counts(workspace.now()):
            raise Misused(f"somebody applies with {name}: {lease_of(kept.beside).told()}")
        state = gather(workspace, loaded, Wishes())
        with tempfile.TemporaryDirectory() as folder, asking(workspace, state) as held:
            going = unpacked(kept.content, Path(folder) / "ledger.db")
            stores = {*going.stores()} & {*state.connections}
            going.close()
            right = Right("iam", "apply")
            lacking = [
                s for s in sorted(stores) if held is not None and held.asks(s) and not held.has(s, right)
            ]
            who = held.who if held is not None else None
        state.ledger.close()
        if lacking:
            words = f"{who} has no iam.apply in {', '.join(lacking)}, of which {name} says who may do what"
            hint = "let somebody retire it who may give rights there"
            raise Refused(
                "whoever acts may not; nothing was taken away",
                findings=[Finding("ACN-024", "error", words, place=None, hint=hint)],
            )
        files: dict[str, bytes | None] = {name: None}
        if kept.beside is not None:
            files[lease_beside(name)] = None
        message = f"{name}: retired, {workspace.stamp()}, {workspace.actor()}"
        kept_branch.push(workspace.root, REMOTE, branch, files, message, onto=kept.commit)
