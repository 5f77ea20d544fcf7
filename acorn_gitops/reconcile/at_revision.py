"""Another commit than the one that is checked out, as if it were. Comes in: a workspace, a revision. Goes
out: a workspace. Caller: `planning`, for `plan --ref`.

Nothing here is checked out: the files of the commit are laid out in a folder that is gone afterwards, with a
git folder of its own that borrows the objects. What git does not keep (ledgers, embedded marketplaces) is
that of the clone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acorn_gitops.confine import files
from acorn_gitops.confine.git import NoAnswer, Questions, apart, find
from acorn_gitops.model.finding import AcornError, Misused
from acorn_gitops.provenance.earlier import contents, files_at, revision_of
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.project import FILE


@contextmanager
def at_revision(
    workspace: Workspace, revision: str, *, endings: tuple[str, ...] = ("",)
) -> Iterator[Workspace]:
    """The workspace with a revision checked out, or with its files of these endings. Misused where git knows
    no such revision, or where it holds no project here."""
    commit = revision_of(workspace.root, revision)
    repository = find(workspace.root)
    if not commit or repository is None:
        raise Misused(f"git knows no revision {revision!r}", hint="in a shallow clone, fetch it first")
    stored = files_at(workspace.root, commit, ())
    if FILE not in stored:
        raise Misused(f"{revision} holds no {FILE} here", hint="`git show --stat` says what it holds")
    with tempfile.TemporaryDirectory(prefix="acorn-ref-") as name:
        top = Path(name).resolve()
        root = top / workspace.root.relative_to(repository.top)
        wanted = {path: one for path, one in stored.items() if path.lower().endswith(endings)}
        for path, content in contents(workspace.root, wanted):
            files.replace(root / path, content, root=top, lasting=False)
        try:
            _indexed(Questions(apart(repository, top, commit)), top, commit)
        except NoAnswer as error:
            raise AcornError(f"{revision} cannot be laid out: {error}") from None
        there = Workspace(
            root,
            workspace.environment,
            environ=workspace.environ,
            clock=workspace.clock,
            pause=workspace.pause,
        )
        there.home, there.trust = workspace.home, workspace.trust
        yield there


def _indexed(questions: Questions, top: Path, commit: str) -> None:
    """Let git know what lies there. Links are not laid out, and not missing."""
    questions.ask(top, "read-tree", commit)
    rows = questions.ask(top, "ls-tree", "-r", "-z", commit).split(b"\0")
    left = [row.partition(b"\t")[2] for row in rows if row.startswith(b"120000 ")]
    if left:
        questions.ask(top, "update-index", "--skip-worktree", "-z", "--stdin", given=b"\0".join(left))
