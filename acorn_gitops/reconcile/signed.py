"""Whether the commit that is applied is signed, where that is asked for. Comes in: a workspace, loaded
specs, the states of an environment. Goes out: findings. Callers: planning (told), preconditions (refused).

Whoever signs a commit vouches for all that it holds, as a merge does for what it merges: only the commit that
is checked out is looked at. What asks for it (`policies.signedCommits`) is asked of the last apply as well,
of the last one by every other ledger that knows the stores, and of the default branch: a commit which no
longer asks, or which names another environment or ledger, is still judged by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from acorn_gitops.model.finding import AcornError, Finding, Refused
from acorn_gitops.plan.verdict import LATER
from acorn_gitops.provenance.blame import Authors
from acorn_gitops.provenance.revision import Revision
from acorn_gitops.provenance.signature import VARIABLE, signature_of
from acorn_gitops.reconcile import attesting
from acorn_gitops.reconcile.merged_policies import merged_policies
from acorn_gitops.reconcile.siblings import guards_everywhere
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.rules import rehearsal
from acorn_gitops.specs.deciding import files_that_decide, place_of_facts, places_of_specs
from acorn_gitops.specs.load import Loaded

if TYPE_CHECKING:
    from acorn_gitops.reconcile.states import States

POLICY: Final = "signedCommits"
"""In `policies` of acorn.yaml."""


def told(workspace: Workspace, loaded: Loaded, state: States) -> list[Finding]:
    """For a plan: that apply would refuse. Nothing of a change request: its merge is another commit."""
    try:
        why = None if workspace.untrusted else _why_not(workspace, loaded, state)
    except AcornError as error:  # another ledger cannot be read: apply says so as well
        why = _unsigned(error.message, error.hint)
    return [why._replace(severity="warning", message=f"{LATER}{why.message}")] if why else []


def refuse_unsigned(workspace: Workspace, loaded: Loaded, state: States) -> None:
    """Refused where a signature is asked for, and none counts."""
    why = _why_not(workspace, loaded, state)
    if why:
        raise Refused("nobody vouches for this commit; nothing was written", findings=[why])


def _why_not(workspace: Workspace, loaded: Loaded, state: States) -> Finding | None:
    asked = loaded.configuration.policies.get(POLICY) == "required"
    if not asked and not any(one.get(POLICY) == "required" for one in _guards(workspace, state)):
        return None
    root = workspace.root
    commit, _ = Revision(root).get()
    if not commit:
        return _unsigned("what is applied is in no commit, and a signed one is asked for")
    settings = loaded.configuration.settings
    # What people attested, and a rehearsal, decide as well.
    places = [*places_of_specs(settings), place_of_facts(settings), rehearsal.FOLDER]
    rehearsed = rehearsal.record_file(loaded.project.environment)
    there = {*attesting.record_files(root), *([rehearsed] if (root / rehearsed).exists() else ())}
    if not Authors(root).are_committed(files_that_decide(loaded) | there, places):
        return _unsigned(
            f"what is checked out is not what commit {commit[:10]} holds, and a signed one is asked for"
        )
    try:
        signature = signature_of(root, commit, workspace.environ, workspace.now())
    except AcornError as error:
        return _unsigned(f"a signed commit is asked for, and {error}", error.hint)
    if signature.by:
        return None
    return _unsigned(f"commit {commit[:10]} {signature.why}")


def _guards(workspace: Workspace, state: States) -> Iterator[Mapping[str, object]]:
    yield from guards_everywhere(workspace, state)
    yield from merged_policies(workspace, state.loaded)


def _unsigned(words: str, hint: str | None = None) -> Finding:
    sign = f"sign it with a key of {VARIABLE}, or commit a signed one on top (`git commit --allow-empty -S`)"
    return Finding("ACN-052", "error", words, place=None, hint=hint or sign, firm=True)
