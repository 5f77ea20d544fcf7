"""Who changed a document since a commit. Comes in: a repository, a commit, documents by kind and name. Goes
out: e-mail addresses. Caller: `blame`.

Lines say who wrote what is there. They do not say who took something out, took a document or a file away,
moved it, brought it in and took it out again, or made a merge that keeps less than git alone would have kept.
So every commit since then is gone through, whole, and of every file that it touches the documents before and
after are compared.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.confine.git import NoAnswer, Questions
from acorn_gitops.confine.text import cut
from acorn_gitops.rules.context import EVER

Identity = tuple[str, str]
"""Kind and name of a document."""
Found = Mapping[Identity, tuple[str, ...]] | None
"""A digest of each document of a file; None where nobody can tell."""


class Reader:
    """What files hold, each content read once, within a budget of time for all of them."""

    def __init__(
        self,
        read: Callable[[bytes], Found],
        may_hold: Callable[[bytes, Collection[Identity]], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._may_hold, self._clock = read, may_hold, clock
        self._known: dict[bytes, Found] = {}
        self._left = SECONDS

    def held(self, content: bytes, wanted: Collection[Identity]) -> Found:
        """The wanted documents of a content."""
        if not self._may_hold(content, wanted):
            return {}
        name = hashlib.sha256(content).digest()
        if name not in self._known:
            began = self._clock()
            self._known[name] = self._read(content) if self._left > 0 else None
            self._left -= self._clock() - began
        found = self._known[name]
        return None if found is None else {one: found[one] for one in wanted if one in found}


SECONDS: Final = 20.0
"""For reading all of them; what comes after that nobody can tell, so that whoever changed it counts."""
MOST_BLOBS: Final = 5_000
"""Contents that are looked into."""
MOST_BYTES: Final = 256 << 20
"""Of all of them."""
MOST_MERGES: Final = 1_000
_SUBMODULE: Final = b"160000"
NAME: Final = 500
"""Characters of an address that are kept."""


class _Touch(NamedTuple):
    """One file in one commit: what git calls its content before and after; empty where it was not there."""

    path: str
    before: str
    after: str


class _Merge(NamedTuple):
    mail: str
    commit: str
    parents: Sequence[str]


class Changed:
    """The commits after one that is an ancestor of what is checked out. Raises NoAnswer where git cannot
    tell."""

    def __init__(self, questions: Questions, root: Path, since: str, reader: Reader) -> None:
        self._questions, self._root, self._reader = questions, root, reader
        self._range = "HEAD" if since == EVER else f"{since}..HEAD"
        self._commits = self._log()
        self._merges: list[tuple[_Merge, list[tuple[str, list[str], str]]]] | None = None
        self._contents: dict[str, bytes | None] = {}
        self._bytes = 0
        self._unread: frozenset[str] = frozenset()

    def by(self, wanted: Collection[Identity]) -> frozenset[str]:
        """E-mail addresses of those who changed one of these documents."""
        found = {
            mail
            for mail, touches in self._commits
            if any(self._differs(one.before, one.after, wanted) for one in touches)
        }
        for merge, files in self._merged():
            if any(self._unclean(merge, *file, wanted) for file in files):
                found.add(merge.mail)
        return frozenset(found) | self._unread

    def _log(self) -> list[tuple[str, list[_Touch]]]:
        """Each commit that is no merge: who made it, and what files it touched. Nothing is simplified
        away."""
        said = self._ask(
            "log", "--no-merges", "--full-history", "--no-mailmap", "--raw", "-z", "--no-renames", "--no-abbrev",
            "--relative", "--format=%H", self._range,
        )  # fmt: skip
        found: list[tuple[str, list[_Touch]]] = []
        words = iter(said.split(b"\0"))
        word = next(words, b"")
        while word.strip():
            commit = word.strip().decode()
            touches = []
            word = next(words, b"")
            while (entry := word.lstrip(b"\n")).startswith(b":"):
                touches.append(_touch(entry, next(words, b"")))
                word = next(words, b"")
            found.append((commit, touches))
        mails = self._mails(commit for commit, _ in found)
        return [(mails[commit], touches) for commit, touches in found]

    def _mails(self, commits: Iterable[str]) -> dict[str, str]:
        people = self._questions.people(self._root, commits)
        return {commit: cut(one.mail, NAME) for commit, one in people.items()}

    def _merged(self) -> list[tuple[_Merge, list[tuple[str, list[str], str]]]]:
        """Each merge, and of each file in which it differs from a side: path, the sides' contents, its
        own."""
        if self._merges is None:
            said = self._ask("rev-list", "--merges", "--parents", self._range).decode()
            rows = [row.split() for row in said.splitlines()]
            mails = self._mails(row[0] for row in rows)
            merges = [_Merge(mails[commit], commit, parents) for commit, *parents in rows]
            self._merges = [(merge, [*self._sides(merge)]) for merge in merges[:MOST_MERGES]]
            # Of the oldest of very many nobody asks what is in them: whoever made one counts.
            self._unread = frozenset(merge.mail for merge in merges[MOST_MERGES:])
        return self._merges

    def _sides(self, merge: _Merge) -> Iterator[tuple[str, list[str], str]]:
        differs: list[dict[str, _Touch]] = []
        for parent in merge.parents:
            said = self._ask(
                "diff-tree",
                "-r",
                "--raw",
                "-z",
                "--no-renames",
                "--no-abbrev",
                "--relative",
                parent,
                merge.commit,
            )
            words = iter(said.split(b"\0"))
            touches = [_touch(entry, next(words, b"")) for entry in words if entry.startswith(b":")]
            differs.append({one.path: one for one in touches})
        for path in sorted({path for side in differs for path in side}):
            here = next(side[path].after for side in differs if path in side)
            yield path, [side[path].before if path in side else here for side in differs], here

    def _unclean(
        self, merge: _Merge, path: str, sides: Sequence[str], here: str, wanted: Collection[Identity]
    ) -> bool:
        """Whether a merge has a document as git alone would not have merged it."""
        if not any(self._differs(side, here, wanted) for side in sides):
            return False
        if len(sides) != 2:
            return True
        bases = self._bases(merge.parents)
        if len(bases) > 1:
            return True  # of these git makes up one of its own, and which it took nobody has written down
        before = self._name(bases[0], path) if bases else ""
        if before in sides:
            return here != sides[1 - sides.index(before)]
        texts = [self._content(name) or b"" for name in (sides[0], before, sides[1])]
        return self._questions.merged(texts[0], texts[1], texts[2]) != self._content(here)

    def _bases(self, parents: Sequence[str]) -> list[str]:
        """What both sides come from: nothing where they have nothing in common, several where they were
        merged crosswise."""
        try:
            return self._ask("merge-base", "--all", *parents).decode().split()
        except NoAnswer as error:
            if error.ended:
                raise
            return []

    def _name(self, commit: str, path: str) -> str:
        words = self._ask("ls-tree", "-z", commit, "--", f":(literal){path}").split(b"\t")[0].split()
        return words[2].decode() if len(words) == 3 else ""

    def _differs(self, before: str, after: str, wanted: Collection[Identity]) -> bool:
        if before == after:
            return False
        had, has = self._held(before, wanted), self._held(after, wanted)
        return had is None or has is None or had != has

    def _held(self, name: str, wanted: Collection[Identity]) -> Mapping[Identity, tuple[str, ...]] | None:
        if not name:
            return {}
        content = self._content(name)
        return None if content is None else self._reader.held(content, wanted)

    def _content(self, name: str) -> bytes | None:
        """A content by what git calls it; None where it is too much to be looked into."""
        if not name:
            return b""
        if name not in self._contents:
            full = len(self._contents) >= MOST_BLOBS or self._bytes >= MOST_BYTES
            self._contents[name] = None if full else self._ask("cat-file", "blob", name)
            self._bytes += len(self._contents[name] or b"")
        return self._contents[name]

    def _ask(self, *arguments: str) -> bytes:
        return self._questions.ask(self._root, *arguments)


def _touch(entry: bytes, path: bytes) -> _Touch:
    """A line of `git diff --raw`. Another repository inside this one holds no documents of this one."""
    was, now, before, after, _ = entry[1:].split()
    before, after = (b"0" if mode == _SUBMODULE else name for mode, name in ((was, before), (now, after)))
    return _Touch(path.decode("utf-8", "surrogateescape"), _there(before), _there(after))


def _there(name: bytes) -> str:
    return name.decode() if name.strip(b"0") else ""
