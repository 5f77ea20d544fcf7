"""Who wrote a line. Comes in: a repository, a file, a line. Goes out: commit, author, date. Caller: `explain`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple


class Authorship(NamedTuple):
    """The commit that last changed a line."""

    commit: str
    """"" when the line is not committed yet; then nothing else is known."""
    author: str
    at: str
    summary: str


def line_author(root: Path, file: str, line: int) -> Authorship | None:
    """Of the line as it stands in the working tree. None where git does not know the file, or there is no git."""
    from git import Repo
    from git.exc import GitError

    try:
        repo = Repo(root, search_parent_directories=True)
        told = str(repo.git.blame("--porcelain", f"-L{line},{line}", "--", str((root / file).resolve())))
    except (GitError, ValueError, OSError):
        return None
    commit = told.split(" ", 1)[0]
    if not commit.strip("0"):
        return Authorship("", "", "", "")
    facts = dict(row.partition(" ")[::2] for row in told.splitlines()[1:] if not row.startswith("\t"))
    when = datetime.fromtimestamp(int(facts.get("committer-time", "0")), UTC).strftime("%Y-%m-%d")
    return Authorship(commit[:12], facts.get("author", ""), when, facts.get("summary", ""))


def initialise(root: Path) -> None:
    """Make a folder a git repository, when it is in none."""
    from git import InvalidGitRepositoryError, Repo

    try:
        Repo(root, search_parent_directories=True)
    except InvalidGitRepositoryError:
        Repo.init(root, initial_branch="main")
