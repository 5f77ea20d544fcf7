"""By which merge request a commit came in, and whose commits changed a file. Comes in: a repository, commits.
Goes out: authors and merges as git tells them. Callers: `reconcile.history`, `reconcile.blaming`.

What is said here comes from commits and their messages; whoever merges is never taken for whoever wrote. A
clone whose history is cut off cannot know, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.confine.git import NoAnswer, Person, Questions, find, resolve
from acorn_gitops.confine.text import cut

_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
_FORMAT: Final = "--format=%H%n%s"
_REQUESTS: Final = (
    re.compile(r"^See merge request \S*(![0-9]+)\s*$", re.MULTILINE),
    re.compile(r"^Merge pull request (#[0-9]+) from ", re.MULTILINE),
    re.compile(r"\(pull request (#[0-9]+)\)"),
    re.compile(r"\(([#!][0-9]+)\)"),
)
"""How GitLab, GitHub and Bitbucket name a request in the message of a merge, or of a squashed commit."""
_APPROVED: Final = re.compile(r"^(?:Approved-by|Reviewed-by|Acked-by): *(.+)$", re.MULTILINE | re.IGNORECASE)
_MOST: Final = 500
_YAML: Final = (".yaml", ".yml")
MOST_ELSEWHERE: Final = 5
UNKNOWN: Final = "unknown: the history of this clone is cut off there"


class Wrote(NamedTuple):
    """One commit, as whoever wrote it says it."""

    commit: str
    author: str
    mail: str
    summary: str

    def __str__(self) -> str:
        return f"{self.author} <{self.mail}> in {self.commit[:10]}: {self.summary}"


class Changed(NamedTuple):
    """Commits that changed what is said at a place, or `elsewhere` in the specs: in what it inherits."""

    commits: list[Wrote]
    elsewhere: bool


class Merge(NamedTuple):
    """How a commit came to the branch that is checked out."""

    commit: str
    """The merge; the commit itself where it was squashed, or pushed."""
    request: str
    """`!12` or `#12`; empty where no message names one."""
    by: str
    """Who merged; empty where nothing was merged."""
    approvers: tuple[str, ...]
    """Who approved, by the message's trailers."""


class Merges:
    """Of one repository. Git is asked once for each question."""

    def __init__(self, root: Path) -> None:
        self._root = root
        repository = find(root)
        self._questions = Questions(repository) if repository is not None else None
        self._head = resolve(repository, "HEAD") if repository is not None else ""
        self._lines: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self.of = cache(self._of)

    def _of(self, commit: str) -> Merge | None:
        """How a commit came in; None where git does not know it, or it is no part of what is checked out."""
        if self._questions is None or not _COMMIT.fullmatch(commit):
            return None
        try:
            line = self._ask("rev-list", "--first-parent", self._head).split()
            whole = self._ask("rev-parse", "--verify", f"{commit}^{{commit}}").strip()
            if whole in line:
                chosen, merged = whole, False
            else:
                path = {*self._ask("rev-list", "--ancestry-path", f"{whole}..{self._head}").split()}
                chosen, merged = next((one for one in reversed(line) if one in path), ""), True
            if not chosen:
                return None
            message = self._ask("log", "-1", "--no-mailmap", "--format=%B", chosen, "--")
            name = self._people([chosen])[chosen].name
        except (NoAnswer, ValueError):
            return None
        message = message[: 64 << 10]
        found = (pattern.search(message) for pattern in _REQUESTS)
        request = next((one.group(1) for one in found if one), "")
        approvers = tuple(dict.fromkeys(cut(one.strip(), 200) for one in _APPROVED.findall(message)))
        return Merge(chosen, request, by=cut(name, _MOST) if merged else "", approvers=approvers[:20])

    def wrote(self, file: str, line: int, *, since: str, until: str) -> Changed | None:
        """The commits, merges left out, that changed what is said at a place of a commit `until`, after the
        commit `since` ("": ever), newest first. None where that cannot be known."""
        if (
            self._questions is None
            or not _COMMIT.fullmatch(until)
            or (since and not _COMMIT.fullmatch(since))
        ):
            return None
        span = f"{since}..{until}" if since else until
        try:
            if self._is_cut_off() and not self._holds(since or "-"):
                return None
            new = {row.commit: row for row in self._log(span)}
            order = [*new]
            here = [new[commit] for commit in self._block(file, line, until) if commit in new]
            if here or not since:
                return Changed(sorted(here, key=lambda one: order.index(one.commit)), elsewhere=False)
            return Changed(list(new.values())[:MOST_ELSEWHERE], elsewhere=True)
        except NoAnswer:
            return None

    def _log(self, span: str) -> list[Wrote]:
        rows = self._ask("log", "-n1000", "--no-merges", "--no-mailmap", _FORMAT, span, "--", ".").split("\n")
        pairs = [*zip(*(iter(rows),) * 2, strict=False)]
        people = self._people(commit for commit, _ in pairs)
        return [
            Wrote(
                commit,
                cut(people[commit].name, _MOST),
                mail=cut(people[commit].mail, _MOST),
                summary=cut(said, _MOST),
            )
            for commit, said in pairs
        ]

    def _people(self, commits: Iterable[str]) -> dict[str, Person]:
        assert self._questions is not None
        return self._questions.people(self._root, commits)

    def _block(self, file: str, line: int, commit: str) -> list[str]:
        """The commits that wrote the lines of what begins at a line: to the next line that is not further
        in."""
        key = file, commit
        if key not in self._lines:
            told = self._ask("blame", "--porcelain", "--no-textconv", commit, "--", file)
            self._lines[key] = _blamed(told)
        lines = self._lines[key][line - 1 :]
        found: list[str] = []
        depth = None
        for number, (wrote, text) in enumerate(lines):
            inside = len(text) - len(text.lstrip())
            blank = not text.strip() or text.lstrip().startswith("#")
            if depth is None:
                depth = inside
            elif not blank and (
                text.startswith("---") or (inside <= depth and (depth or not file.endswith(_YAML)))
            ):
                break
            if number and not file.endswith(_YAML):
                break  # of a table one line
            if not blank or not number:
                found.append(wrote)
        return list(dict.fromkeys(found))

    def _is_cut_off(self) -> bool:
        assert self._questions is not None
        return self._questions.is_cut_off(self._root)

    def _holds(self, commit: str) -> bool:
        try:
            self._ask("cat-file", "-e", f"{commit}^{{commit}}")
        except NoAnswer:
            return False
        return True

    def _ask(self, *words: str) -> str:
        assert self._questions is not None
        return self._questions.ask(self._root, *words).decode("utf-8", "replace")


def _blamed(porcelain: str) -> list[tuple[str, str]]:
    """(commit, text) of each line."""
    found: list[tuple[str, str]] = []
    commit = ""
    for row in porcelain.split("\n"):
        if row.startswith("\t"):
            found.append((commit, row[1:]))
            commit = ""
        elif not commit:
            commit = row.partition(" ")[0]
    return found
