"""Drift as a proposal: the live values as specs, on a branch of their own. Comes in: a workspace in a clone
that nobody works in. Goes out: a branch at the remote, which nobody has merged. Callers: cli `ci drift --fix
adopt`.

The working tree is left as it was found; the default branch is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acorn_gitops.model.finding import AcornError
from acorn_gitops.provenance.blame import Authors
from acorn_gitops.provenance.branch import newest, propose
from acorn_gitops.provenance.revision import head_of
from acorn_gitops.reconcile.importing import ImportRequest, drifted_specs
from acorn_gitops.reconcile.ledger_branch import REMOTE
from acorn_gitops.reconcile.workspace import Workspace

PREFIX = "acorn/drift/"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was proposed."""

    branch: str
    commit: str
    """"" where no value could be written, or where the branch says the same already."""
    files: Sequence[str]
    notes: Sequence[str]
    """What stays as it is, and why."""


def propose_drift(workspace: Workspace) -> Proposal:
    """Write what drifted into the specs, and put that on the branch `acorn/drift/ENVIRONMENT` of the remote,
    on top of what is checked out. AcornError where files are not committed, or the remote does not take
    it."""
    workspace.refuse_untrusted("ci drift --fix")
    commit = head_of(workspace.root)
    default = workspace.trust.default_branch
    if default and commit != newest(workspace.root, REMOTE, default):
        # On top of anything else the proposal would carry what nobody has merged.
        raise AcornError(
            f"what is checked out is not the newest {default}; nothing was proposed", hint="run it there"
        )
    environment, files, notes = drifted_specs(workspace, ImportRequest(drifted=True))
    branch = f"{PREFIX}{environment}"
    if not files:
        return Proposal(branch, "", files=(), notes=notes)
    if not commit or not Authors(workspace.root).are_committed(files.keys()):
        raise AcornError(
            "what is checked out is not what a commit says; nothing was proposed",
            hint="run it in a clean clone, as CI makes it",
        )
    message = f"Take drift of {environment} into the specs\n\nAs the stores were at {workspace.stamp()}."
    contents = {path: text.encode() for path, text in files.items()}
    made = propose(workspace.root, REMOTE, branch, contents, message, onto=commit)
    return Proposal(branch, made, files=sorted(files), notes=notes)
