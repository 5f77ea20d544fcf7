"""Who wrote a line. Comes in: a repository, a file, a line. Goes out: commit, author, date. Caller: `explain`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from git import Commit


class Authorship(NamedTuple):
    """The commit that last changed a line."""

    commit: str
    author: str
    at: str
    summary: str


def line_author(root: Path, file: str, line: int) -> Authorship | None:
    """None where git does not know the line: no repository, or not committed yet."""
    from git import Repo
    from git.exc import GitError

    try:
        repo = Repo(root, search_parent_directories=True)
        for entry in repo.blame("HEAD", str(root / file), L=f"{line},{line}") or ():
            commit = cast("Commit", entry[0])
            when = datetime.fromtimestamp(commit.committed_date, UTC).strftime("%Y-%m-%d")
            return Authorship(commit.hexsha[:12], str(commit.author.name), when, str(commit.summary))
    except (GitError, ValueError):
        return None
    return None


def initialise(root: Path) -> None:
    """Make a folder a git repository, when it is in none."""
    from git import InvalidGitRepositoryError, Repo

    try:
        Repo(root, search_parent_directories=True)
    except InvalidGitRepositoryError:
        Repo.init(root, initial_branch="main")
