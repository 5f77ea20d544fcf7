"""Going back, as a change like any other. Comes in: a workspace in a clean clone, a revision. Goes out: a
branch that is checked out, whose specs are those of that revision, with a hold on what is left. Callers: cli
`rollback`.

Only what specs are made of goes back: the files that are loaded now and were there then, tables and overlays
among them. acorn.yaml stays as it is, but for the hold: connections, policies and roles of the forge are not
rolled back by the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from acorn_gitops.model.finding import AcornError, Misused
from acorn_gitops.provenance.branch import begin_branch
from acorn_gitops.provenance.earlier import SPECS, contents, files_at, revision_of
from acorn_gitops.provenance.revision import Revision
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.edit import with_setting
from acorn_gitops.specs.project import FILE


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """What to go back to, and who answers for it."""

    to: str
    """A revision: a commit, a tag, a branch."""
    reason: str
    owner: str


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The branch that is checked out now."""

    branch: str
    commit: str
    bad: str
    """The commit that was left, which is held."""
    changed: Sequence[str]
    """Files that are as they were then."""
    removed: Sequence[str]
    """Files that were not there then."""


def roll_back(workspace: Workspace, request: RollbackRequest) -> RolledBack:
    """Make the branch, and check it out. AcornError where files are not committed, where the revision is not
    known, or where nothing is another."""
    workspace.refuse_untrusted("rollback")
    bad, dirty = Revision(workspace.root).get()
    if not bad or dirty:
        raise AcornError(
            "what is checked out is not what a commit says; nothing was rolled back",
            hint="commit or put away what differs (`git status`)",
        )
    target = revision_of(workspace.root, request.to)
    if not target:
        raise Misused(f"git knows no revision {request.to!r}", hint="in a shallow clone, fetch it first")
    loaded = workspace.load()
    folders = _folders(loaded.configuration.settings)
    then, now = (
        {path: file for path, file in files_at(workspace.root, commit, folders).items() if _is_spec(path)}
        for commit in (target, bad)
    )
    other = {path: stored for path, stored in then.items() if now.get(path) != stored}
    changes: dict[str, bytes | None] = dict(contents(workspace.root, other))
    changes |= dict.fromkeys(now.keys() - then.keys())
    if not changes:
        raise AcornError(f"the specs are as they were in {target[:10]}; nothing was rolled back")
    hold = {"commit": bad, "reason": request.reason, "owner": request.owner}
    holds = [*(loaded.configuration.settings.get("holds") or ()), hold]
    text = (workspace.root / FILE).read_text(encoding="utf-8")
    held = with_setting(text, "holds", holds, new=hold)
    files = {**changes, FILE: held.encode()}
    branch = f"acorn/rollback/{target[:10]}"
    message = (
        f"Roll back to {target[:10]}\n\n{request.reason}\n\nHolds {bad}, until {request.owner} lifts it."
    )
    commit = begin_branch(workspace.root, branch, files, message, onto=bad)
    changed = sorted(path for path, content in changes.items() if content is not None)
    return RolledBack(branch, commit, bad, changed=changed, removed=sorted(now.keys() - then.keys()))


def _is_spec(path: str) -> bool:
    """Whether a file is one of those that specs are made of: a pipeline of the forge, or a script that lies
    among them, does not go back by the way."""
    parts = PurePosixPath(path).parts
    hidden = any(part.startswith(".") for part in parts)
    return path != FILE and not hidden and path.lower().endswith(SPECS)


def _folders(settings: Mapping[str, object]) -> list[str]:
    """Where specs come from: folders of specs and overlays, own rules, facts excepted."""
    found: list[str] = []
    for name in ("specs", "customRules"):
        said = settings.get(name)
        found += [str(one) for one in said] if isinstance(said, list) else []
    environments = settings.get("environments")
    for environment in environments.values() if isinstance(environments, Mapping) else ():
        if isinstance(environment, Mapping):
            found += [str(one) for one in environment.get("overlays") or ()]
    return sorted({one.strip("/") for one in found})
