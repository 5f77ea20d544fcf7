"""Who wrote a line. Comes in: a repository, a file, a line. Goes out: commit, author, date. Callers: `explain`, planning."""

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


class Authors:
    """Who wrote the lines of a repository, asked once for each file."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, dict[int, tuple[str, str]]] = {}

    def of(self, file: str, line: int) -> tuple[str, str] | None:
        """(e-mail address, day as ISO text) of a line; ("", "") when it is not committed; None where git does not know."""
        if file not in self._files:
            self._files[file] = self._ask(file)
        return self._files[file].get(line)

    def _ask(self, file: str) -> dict[int, tuple[str, str]]:
        from git import Repo
        from git.exc import GitError

        try:
            repo = Repo(self._root, search_parent_directories=True)
            told = str(repo.git.blame("--line-porcelain", "--", str((self._root / file).resolve())))
        except (GitError, ValueError, OSError):
            return {}
        found: dict[int, tuple[str, str]] = {}
        number, known, mail, day = 0, True, "", ""
        for row in told.splitlines():
            if row.startswith("\t"):
                found[number] = (mail, day) if known else ("", "")
            elif row.startswith("author-mail "):
                mail = row.removeprefix("author-mail ").strip("<>")
            elif row.startswith("committer-time "):
                day = datetime.fromtimestamp(int(row.split()[1]), UTC).strftime("%Y-%m-%d")
            elif (parts := row.split()) and len(parts[0]) == 40 and len(parts) >= 3 and parts[2].isdigit():
                number, known = int(parts[2]), bool(parts[0].strip("0"))
        return found


def initialise(root: Path) -> None:
    """Make a folder a git repository, when it is in none."""
    from git import InvalidGitRepositoryError, Repo

    try:
        Repo(root, search_parent_directories=True)
    except InvalidGitRepositoryError:
        Repo.init(root, initial_branch="main")
