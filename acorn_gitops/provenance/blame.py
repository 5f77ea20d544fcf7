"""Who wrote a line. Comes in: a repository, a file, a line. Goes out: commit, author, date. Callers:
`explain`, planning."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.confine.git import NoAnswer, Questions, find, resolve
from acorn_gitops.confine.paths import Escape, read_inside
from acorn_gitops.confine.text import cut
from acorn_gitops.model.finding import AcornError
from acorn_gitops.provenance.changed import Changed, Identity, Reader
from acorn_gitops.rules.context import ANYBODY, EVER

SUFFIXES: Final = (".yaml", ".yml")
MOST_HERE: Final = 256 << 20
"""Bytes of a file that is read."""
MOST: Final = 500
"""Characters of a name or a subject that are kept."""


class Authorship(NamedTuple):
    """The commit that last changed a line."""

    commit: str
    """Its whole id; "" when the line is not committed yet: then nothing else is known."""
    author: str
    at: str
    summary: str
    mail: str = ""
    boundary: bool = False
    """The history that git has begins with this commit."""


WHOLE_HISTORY: Final = (
    "fetch the whole history (`git fetch --unshallow`; in CI `fetch-depth: 0`, `GIT_DEPTH: 0`)"
)


class _WorkingTree(NamedTuple):
    """What is checked out, beside what the commit holds."""

    tracked: frozenset[str]
    """The files of the commit."""
    differing: list[tuple[str, bytes, bytes | None]]
    """Those that are other ones here: path, what it holds there, and here (None: gone)."""
    others: frozenset[str]
    """Where other repositories lie inside this one."""


class _Held(NamedTuple):
    """What a file holds."""

    there: bytes
    """In the commit."""
    here: bytes


_NOBODY: Final = Authorship("", "", "", summary="")
"""Of a line that is not committed."""


class Authors:
    """Who wrote the lines of a repository, asked once for each file."""

    def __init__(self, root: Path, reader: Reader | None = None) -> None:
        """`reader`: what files hold, for `editors`."""
        self._root = root
        self._reader = reader or Reader(lambda _: None, lambda *_: True)
        repository = find(root)
        self._questions = Questions(repository) if repository is not None else None
        self._files: dict[str, dict[int, Authorship]] = {}
        self._before: dict[tuple[str, str], bool] = {}
        """By pair of commits, whether the first is an ancestor of the second."""
        self._changed: dict[str, Changed] = {}
        self._begins: dict[str, str] = {}

    def line(self, file: str, line: int, *, alone: bool = False) -> Authorship | None:
        """Of a line as it stands in the working tree. None where git does not know the file, or there is no
        git. `alone`: no other line of the file will be asked for."""
        if alone:
            return self._ask(file, f"-L{line},{line}").get(line)
        if file not in self._files:
            self._files[file] = self._ask(file)
        return self._files[file].get(line)

    def of(self, file: str, line: int) -> tuple[str, str] | None:
        """(e-mail address, day as ISO text) of a line; ("", "") when it is not committed; None where git does
        not know."""
        wrote = self.line(file, line)
        if wrote is not None and wrote.boundary and self.is_cut_off:
            raise AcornError(
                f"who wrote {file}:{line} cannot be told: the history of this clone is cut off there",
                hint=WHOLE_HISTORY,
            )
        return (wrote.mail, wrote.at) if wrote is not None else None

    def is_cut_off_at(self, wrote: Authorship) -> bool:
        """Whether a line only seems to come from a commit, since this clone has nothing older."""
        return wrote.boundary and self.is_cut_off

    def commit(self, file: str, line: int) -> str:
        """The commit that wrote a line last; "" where it is not committed, or git does not know."""
        wrote = self.line(file, line)
        return wrote.commit if wrote is not None else ""

    def follows(self, one: tuple[str, int], other: tuple[str, int]) -> bool:
        """Whether a line (file, line) was written with another one in sight: in the same commit or a later
        one. What is not committed is the latest of all; where git does not know, it was not."""
        first, second = self.line(*one), self.line(*other)
        if first is None or second is None or self._questions is None:
            return False
        if first.commit == second.commit or not first.commit or not second.commit:
            return not first.commit or first.commit == second.commit
        pair = (second.commit, first.commit)
        if pair not in self._before:  # lines are many, commits are few
            try:
                self._questions.ask(self._root, "merge-base", "--is-ancestor", *pair)
                self._before[pair] = True
            except NoAnswer:
                self._before[pair] = False
        return self._before[pair]

    def editors(self, wanted: Collection[Identity], files: Collection[str], since: str) -> frozenset[str]:
        """E-mail addresses of those who changed one of these documents after a commit, also by taking it out,
        or by a merge that dropped what others had written (`changed`). `files`: where the documents are now;
        "" stands for whoever changed one of them and has not committed it. Without a commit everybody who
        ever did; where the history does not reach back to it, since both went apart. AcornError where git
        cannot tell."""
        if self._questions is None:
            return frozenset({""})
        try:
            open_ = {""} if self._in_work(wanted, files) else set()
            if any(file.startswith(f"{other}/") for file in files for other in self._working_tree.others):
                return frozenset(
                    {"", ANYBODY}
                )  # another repository inside this one: its history is not asked
            begin = self._begin(since)
            if begin == EVER and self.is_cut_off:
                raise NoAnswer("the history of this clone is cut off")
            if begin not in self._changed:
                self._changed[begin] = Changed(self._questions, self._root, begin, reader=self._reader)
            return self._changed[begin].by(wanted) | open_
        except NoAnswer as error:
            raise AcornError(
                f"who changed {' and '.join(sorted(name for _, name in wanted if name))} cannot be told: {error}",
                hint=WHOLE_HISTORY,
            ) from None

    def _in_work(self, wanted: Collection[Identity], files: Collection[str]) -> bool:
        """Whether one of the documents is another in the working tree than in the commit."""
        tree = self._working_tree
        for _, there, here in tree.differing:
            was, now = (self._reader.held(one, wanted) if one is not None else {} for one in (there, here))
            if was is None or now is None or was != now:
                return True
        return any(
            self._reader.held(self._here(file) or b"", wanted) != {} for file in {*files} - tree.tracked
        )

    @cached_property
    def _working_tree(self) -> _WorkingTree:
        """Read once."""
        assert self._questions is not None
        listed = self._questions.ask(self._root, "ls-tree", "-r", "-z", "HEAD", "--", ".")
        tracked, differing, others = set(), [], set()
        for row in listed.split(b"\0"):
            facts, _, path = row.partition(b"\t")
            mode, kind, name = facts.split() if facts else (b"", b"", b"")
            file = path.decode("utf-8", "surrogateescape")
            if kind == b"commit":
                others.add(file)
            if kind != b"blob":
                continue
            if mode == b"120000" and _name_of(self._led(file), len(name)) == name:
                continue  # a link that leads where the commit says: nothing is read through it
            tracked.add(file)
            here = self._here(file)
            if here is None or _name_of(here, len(name)) != name:
                there = self._questions.ask(self._root, "cat-file", "blob", name.decode())
                differing.append((file, there, here))
        return _WorkingTree(frozenset(tracked), differing, frozenset(others))

    def are_committed(self, files: Collection[str], places: Collection[str] = ()) -> bool:
        """Whether these files are in the commit as they are here, but for how git was told to end lines, and
        none of the commit's files that may hold documents, or that lie in these folders, is gone or another
        one here. True without git: there is no commit to compare with."""
        if self._questions is None:
            return True
        try:
            tree = self._working_tree
        except NoAnswer:
            return False
        other = (
            path for path, there, here in tree.differing if here is None or _lines(there) != _lines(here)
        )
        folders = tuple(f"{place}/" for place in places)
        return {*files} <= tree.tracked and not any(
            path in files or path.lower().endswith(SUFFIXES) or path in places or path.startswith(folders)
            for path in other
        )

    def _led(self, file: str) -> bytes:
        """Where a link of the working tree leads; nothing where it is none."""
        try:
            return os.fsencode((self._root / file).readlink())
        except OSError:
            return b""

    def _here(self, file: str) -> bytes | None:
        """What a file of the working tree holds; None where it is none, or leads out of it."""
        try:
            return read_inside(self._root, file, most=MOST_HERE)
        except (Escape, OSError, ValueError):
            return None

    @cached_property
    def is_cut_off(self) -> bool:
        """Whether this clone has only the newest part of the history."""
        if self._questions is None:
            return False
        try:
            return self._questions.is_cut_off(self._root)
        except NoAnswer:
            return False

    def _begin(self, since: str) -> str:
        """The newest commit of the history that is checked out in which nothing was changed since another
        one: itself, or where both went apart; EVER where they have nothing in common, or there is none."""
        assert self._questions is not None
        if since in ("", EVER):
            return EVER
        if since not in self._begins:
            try:
                bases = self._questions.ask(self._root, "merge-base", "--all", since, "HEAD").split()
            except NoAnswer:
                bases = []
            self._begins[since] = bases[0].decode() if len(bases) == 1 else EVER
        return self._begins[since]

    def _blob(self, file: str, commit: str) -> bytes | None:
        assert self._questions is not None
        words = self._content(commit, file).split()
        return (
            self._questions.ask(self._root, "cat-file", "blob", words[2].decode())
            if len(words) == 3
            else None
        )

    def earlier(self, file: str, commit: str) -> bytes | None:
        """A file as it was in a commit; None where git does not know it."""
        if self._questions is None or not commit:
            return None
        try:
            return self._blob(file, commit)
        except NoAnswer:
            return None

    def has(self, commit: str) -> bool:
        """Whether this clone has a commit."""
        if self._questions is None:
            return False
        try:
            self._questions.ask(self._root, "cat-file", "-e", f"{commit}^{{commit}}")
        except NoAnswer:
            return False
        return True

    def _content(self, commit: str, file: str) -> bytes:
        """What git calls the content of a file in a commit; empty where it is not there."""
        assert self._questions is not None
        listed = self._questions.ask(self._root, "ls-tree", "-z", commit, "--", f":(literal){file}")
        return listed.split(b"\t")[0]

    def _ask(self, file: str, *lines: str) -> dict[int, Authorship]:
        if self._questions is None:
            return {}
        # The commit is asked, and not the working tree: that is seen through attributes, which can make every
        # line look as if nobody had written it yet.
        held = self._held(file)
        if held is not None and _lines(held.here) != _lines(held.there):
            return self._edited(file, held)
        revision = ["HEAD"] if held is not None else []
        return self._blamed(file, *lines, *revision)

    def _edited(self, file: str, held: _Held) -> dict[int, Authorship]:
        """Of a file that is another one here: what was in the commit is by whoever wrote it, and the rest is
        not committed."""
        assert self._questions is not None
        here = _lines(held.here)
        try:
            kept = self._questions.kept_lines(_lines(held.there), here)
        except NoAnswer as error:
            raise _untold(file, error) from None
        wrote = self._blamed(file, "HEAD")
        return {
            number: wrote.get(kept.get(number, 0), _NOBODY)
            for number in range(1, here.count(b"\n") + (not here.endswith(b"\n")) + 1)
        }

    def _blamed(self, file: str, *asked: str) -> dict[int, Authorship]:
        assert self._questions is not None
        try:
            answer = self._questions.ask(
                self._root, "blame", "--porcelain", "--no-textconv", *asked, "--", file
            )
        except NoAnswer as error:
            if error.ended or "HEAD" in asked:  # the commit holds it, and git cannot say who wrote it
                raise _untold(file, error) from None
            return {}
        told = answer.decode("utf-8", "replace")
        found: dict[int, Authorship] = {}
        number, commit = 0, ""
        of_commit: dict[str, dict[str, str]] = {}
        facts: dict[str, str] = {}
        for row in told.split("\n"):
            parts = row.split(" ", 3)
            if row.startswith("\t"):
                day = _day(facts.get("committer-time", "0"))
                mail = facts.get("author-mail", "").strip("<>")
                known = Authorship(
                    commit=commit,
                    author=facts.get("author", ""),
                    at=day,
                    summary=facts.get("summary", ""),
                    mail=mail,
                    boundary="boundary" in facts,
                )
                found[number] = known if commit.strip("0") else _NOBODY
            elif len(parts[0]) in (40, 64) and len(parts) >= 3 and parts[2].isdigit():
                commit, number = parts[0], int(parts[2])
                facts = of_commit.setdefault(commit, {})
            else:
                name, _, value = row.partition(" ")
                facts[name] = cut(value, MOST)
        return self._as_written(found)

    def _held(self, file: str) -> _Held | None:
        """A file as the commit holds it, and as it is here; None where the commit does not hold it.
        AcornError where git cannot say."""
        assert self._questions is not None
        try:
            words = self._content("HEAD", file).split()
            here = (self._root / file).read_bytes()
            if len(words) != 3 or words[1] != b"blob":
                return None
            if _name_of(here, len(words[2])) == words[2]:
                return _Held(here, here)
            return _Held(self._questions.ask(self._root, "cat-file", "blob", words[2].decode()), here)
        except OSError:
            return None
        except NoAnswer as error:
            if not resolve(self._questions.repository, "HEAD"):
                return None  # nothing is committed yet
            raise _untold(file, error) from None

    def _as_written(self, found: dict[int, Authorship]) -> dict[int, Authorship]:
        """Blame shows people as `.mailmap` of the working tree renames them, which whoever proposes a change
        writes: asked again for what the commits say."""
        assert self._questions is not None
        commits = sorted({wrote.commit for wrote in found.values()} - {""})
        if not commits or not os.path.lexists(self._questions.repository.top / ".mailmap"):
            return found
        try:
            people = self._questions.people(self._root, commits)
        except NoAnswer as error:
            raise _untold(" and ".join(commits[:3]), error) from None
        return {
            line: wrote._replace(
                author=cut(people[wrote.commit].name, MOST), mail=cut(people[wrote.commit].mail, MOST)
            )
            if wrote.commit
            else wrote
            for line, wrote in found.items()
        }


def _untold(what: str, error: NoAnswer) -> AcornError:
    return AcornError(
        f"who wrote {what} cannot be told: {error}; nothing is planned on it",
        hint="look at the history there with git: it says what is wrong, or a line or a message is huge",
    )


def _name_of(content: bytes, length: int) -> bytes:
    """What git calls a content, in so many characters: it has two ways to."""
    kind = hashlib.sha256 if length == 64 else hashlib.sha1
    return kind(b"blob %d\0" % len(content) + content).hexdigest().encode()


def _lines(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")


def _day(seconds: str) -> str:
    """ "" for a number that no calendar has: git keeps any."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return ""


def initialise(root: Path) -> None:
    """Make a folder a git repository, when it is in none."""
    from git import InvalidGitRepositoryError, Repo

    try:
        Repo(root, search_parent_directories=True)
    except InvalidGitRepositoryError:
        Repo.init(root, initial_branch="main")
