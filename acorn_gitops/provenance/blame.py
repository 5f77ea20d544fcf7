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
    mail: str = ""


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
        self._files: dict[str, dict[int, Authorship]] = {}

    def line(self, file: str, line: int) -> Authorship | None:
        """As `line_author`, for many lines."""
        if file not in self._files:
            self._files[file] = self._ask(file)
        return self._files[file].get(line)

    def of(self, file: str, line: int) -> tuple[str, str] | None:
        """(e-mail address, day as ISO text) of a line; ("", "") when it is not committed; None where git does not know."""
        wrote = self.line(file, line)
        return (wrote.mail, wrote.at) if wrote is not None else None

    def _ask(self, file: str) -> dict[int, Authorship]:
        from git import Repo
        from git.exc import GitError

        try:
            repo = Repo(self._root, search_parent_directories=True)
            told = str(repo.git.blame("--line-porcelain", "--", str((self._root / file).resolve())))
        except (GitError, ValueError, OSError):
            return {}
        found: dict[int, Authorship] = {}
        number, commit = 0, ""
        facts: dict[str, str] = {}
        for row in told.splitlines():
            parts = row.split(" ", 3)
            if row.startswith("\t"):
                day = datetime.fromtimestamp(int(facts.get("committer-time", "0")), UTC).strftime("%Y-%m-%d")
                mail = facts.get("author-mail", "").strip("<>")
                known = Authorship(commit[:12], facts.get("author", ""), day, facts.get("summary", ""), mail)
                found[number] = known if commit.strip("0") else Authorship("", "", "", "")
            elif len(parts[0]) == 40 and len(parts) >= 3 and parts[2].isdigit():
                commit, number, facts = parts[0], int(parts[2]), {}
            else:
                name, _, value = row.partition(" ")
                facts[name] = value
        return found


def initialise(root: Path) -> None:
    """Make a folder a git repository, when it is in none."""
    from git import InvalidGitRepositoryError, Repo

    try:
        Repo(root, search_parent_directories=True)
    except InvalidGitRepositoryError:
        Repo.init(root, initial_branch="main")
