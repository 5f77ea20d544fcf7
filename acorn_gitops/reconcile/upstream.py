"""Whether what is checked out is what was merged. Comes in: a workspace in a clone. Goes out: nothing, or a
refusal. Caller: cli `ci apply`.

Where pipelines apply, they apply the newest commit of the default branch and nothing else: a retried pipeline
is an old commit, a branch is a proposal, and a file that is in no commit was reviewed by nobody.
"""

from __future__ import annotations

from acorn_gitops.model.finding import Refused, Stale
from acorn_gitops.provenance.branch import newest
from acorn_gitops.provenance.revision import Revision, follows
from acorn_gitops.reconcile.ledger_branch import REMOTE
from acorn_gitops.reconcile.workspace import Workspace


def refuse_unmerged(workspace: Workspace) -> None:
    """Refused where a change request, another branch, or files that are not committed would be applied; Stale
    where the default branch has moved on."""
    workspace.refuse_untrusted("ci apply")
    branch = workspace.trust.default_branch
    if not branch:
        raise Refused(
            "nobody says which branch is the default one; nothing was applied",
            hint="set ACORN_DEFAULT_BRANCH, or `git remote set-head origin --auto`",
        )
    commit, dirty = Revision(workspace.root).get()
    if not commit or dirty:
        raise Refused(
            "what is checked out is not what a commit says; nothing was applied",
            hint="`git status` shows what differs; a job writes its files elsewhere, or ignores them",
        )
    there = newest(workspace.root, REMOTE, branch)
    if there != commit and there and follows(workspace.root, commit, there):
        raise Stale(
            f"this is commit {commit[:10]}, which is not on {branch} yet; nothing was applied",
            hint=f"merge it: what is applied is the newest commit of {branch}",
        )
    if there != commit:
        raise Stale(
            f"this is commit {commit[:10]}, and {branch} is at {there[:10] or 'no commit'} by now; nothing was applied",
            hint="the pipeline of the newest commit applies it; to go back, `acorn rollback`",
        )
