"""A ledger that is of no use any more, taken off the branch: of an environment that is gone, or of a project
that was renamed. Comes in: a workspace, a name on the branch. Goes out: that name, gone. Caller: cli `state
retire`.

What it says of rights would bind for ever otherwise (`siblings`). It is judged by itself: whoever takes it
away may give rights where it says who may. Older versions of the branch still hold it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from acorn_gitops.confine.paths import Escape, read_inside
from acorn_gitops.ledger.opening import unpacked
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.model.finding import Finding, Misused, Refused
from acorn_gitops.provenance import branch as kept_branch
from acorn_gitops.reconcile.authority import refuse_another_time
from acorn_gitops.reconcile.lease import lease_beside, lease_of
from acorn_gitops.reconcile.ledger_branch import REMOTE, name_on_branch
from acorn_gitops.reconcile.loosened import enforces, last_guards
from acorn_gitops.reconcile.siblings import projects_of, said_of
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.project import FILE, ledger_of, settings_of

_MOST: Final = 4 << 20
"""Bytes of a project file that are read."""


def retire(workspace: Workspace, name: str, *, branch: str) -> None:
    """Take a ledger and its lease off the branch. Refused where it enforces access, and whoever acts may not
    give rights by what it says; Misused where there is none of this name, or acorn.yaml has its
    environment."""
    workspace.refuse_untrusted("state retire")
    refuse_another_time(workspace)
    with workspace.busy("state retire"):
        _refuse_in_use(workspace, name)
        kept = kept_branch.fetch(workspace.root, REMOTE, branch, name, beside=lease_beside(name))
        if kept.content is None:
            raise Misused(f"{branch} holds no {name}")
        if (lease := lease_of(kept.beside)).counts(workspace.now()):
            raise Misused(f"somebody applies with {name}: {lease.told()}")
        with tempfile.TemporaryDirectory() as folder:
            going = unpacked(kept.content, Path(folder) / "ledger.db")
            lacking = [*_lacking(workspace, going)]
            going.close()
        if lacking:
            words = f"{workspace.actor()} has no iam.apply in {', '.join(lacking)} by what {name} says"
            hint = "let somebody retire it who may give rights there"
            findings = [Finding("ACN-024", "error", words, place=None, hint=hint)]
            raise Refused("whoever acts may not; nothing was taken away", findings=findings)
        files: dict[str, bytes | None] = {name: None}
        if kept.beside is not None:
            files[lease_beside(name)] = None
        message = f"{name}: retired, {workspace.stamp()}, {workspace.actor()}"
        kept_branch.push(workspace.root, REMOTE, branch, files, message, onto=kept.commit)


def _refuse_in_use(workspace: Workspace, name: str) -> None:
    for folder in dict.fromkeys([workspace.root, *projects_of(workspace.root)]):
        try:
            settings = settings_of(read_inside(folder, FILE, most=_MOST).decode("utf-8", "replace"))
        except (Escape, OSError):
            continue
        for environment in settings.get("environments") or ():
            if name == name_on_branch(workspace, folder / ledger_of(settings, environment)):
                where = "" if folder == workspace.root else f" of the project in {folder.name}"
                raise Misused(
                    f"{name} is the ledger of {environment}{where}",
                    hint="take that environment out of acorn.yaml first",
                )


def _lacking(workspace: Workspace, going: Ledger) -> Iterator[str]:
    """The stores with grants in which whoever acts may give none, where the ledger enforces access."""
    from acorn_gitops.engines.access import Right, acting, in_force

    who, today = acting(workspace.actor()), workspace.now().date().isoformat()
    for store in going.stores() if enforces(last_guards(going)) else ():
        rights = in_force([*said_of(going, store).rows], [who], today)
        if rights is not None and Right("iam", "apply") not in rights:
            yield store
