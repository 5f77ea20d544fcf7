"""Where a database may be opened. Comes in: its path, the repository's root. Goes out: the path, or why not.
Callers: whoever opens a ledger or a sandbox.

A database acts on what lies beside it: SQLite rolls a journal back into the file, and takes a write-ahead log
for its newest pages. So whatever git carries into a checkout under one of these names is input of a stranger,
and nothing is opened.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from acorn_gitops.confine import bounded
from acorn_gitops.confine.files import writable
from acorn_gitops.confine.git import NoAnswer, Questions, find
from acorn_gitops.model.finding import PassesLink

if TYPE_CHECKING:
    from sqlite3 import _Parameters

_BESIDE: Final = (
    "",
    "-wal",
    "-shm",
    "-journal",
    ".lock",
    ".holder",
    ".backup",
    ".before-migration",
    ".new",
    ".new-journal",
)
"""What SQLite and acorn keep beside a database."""
_MAGIC: Final = b"SQLite format 3\x00"
"""How every database begins (SQLite's file format, "The Database Header")."""
_NAMES_ANOTHER: Final = bytes.fromhex("d9d505f920a163d7")
"""What SQLite writes last into a rollback journal that names a further file (its file format, "The Rollback
Journal")."""
SECONDS: Final = 120.0
"""How long one statement may compute."""
STEPS: Final = 1_000_000
"""Steps of SQLite's machine after which it is looked again; some hundredths of a second."""


def database(path: Path, root: Path) -> Path:
    """A path at which a database may be opened: neither it nor what is kept beside it is or passes a link, or
    is carried by git. Whoever opens it asks `check_beside`."""
    beside = [path.with_name(path.name + suffix) for suffix in _BESIDE]
    for one in beside:
        writable(one, root)
        if one.exists() and not one.is_file():
            raise PassesLink(f"{one} is no file; nothing was opened", hint="take it away")
    _refuse_carried([one for one in beside if os.path.lexists(one)], root)
    return writable(path, root)


def _refuse_carried(there: list[Path], root: Path) -> None:
    """PassesLink where git tracks one of these files: whoever proposes a change could choose what it says;
    also where they lie in a repository inside this one, which a change can name as well."""
    repository = find(root) if there else None
    if repository is None:
        return
    inner = next((one for path in there for one in path.parents if _is_inner(one, repository.top)), None)
    if inner is not None:
        raise PassesLink(
            f"{inner.relative_to(repository.top).as_posix()} is another repository, so that whoever names it here chose what"
            " lies in it; nothing was opened",
            hint="take it away; then `acorn state pull`, or `acorn state rebuild`",
        )
    names = [f":(icase,literal,top){one.relative_to(repository.top).as_posix()}" for one in there]
    try:
        found = Questions(repository).ask(repository.top, "ls-files", "-z", "--", *names)
    except NoAnswer as error:
        if not error.ended and not error.status:
            return  # nothing that git carried is here without git
        raise PassesLink(
            f"git cannot tell whether it tracks {there[0].name}; nothing was opened",
            hint=f"`git ls-files` says why: {error}",
        ) from None
    carried = [name.decode("utf-8", "replace") for name in found.split(b"\0") if name]
    if carried:
        raise PassesLink(
            f"{carried[0]} is tracked by git, so that whoever proposes a change could choose what it says; nothing was opened",
            hint=f"`git rm {carried[0]}`, and keep .acorn/ in .gitignore; then `acorn state pull`, or `acorn state rebuild`",
        )


def _is_inner(folder: Path, top: Path) -> bool:
    return top in folder.parents and os.path.lexists(folder / ".git")


def check_beside(path: Path) -> None:
    """PassesLink where the rollback journal beside a database names a further file (SQLite would delete that
    one, wherever it is), is no file, or lies beside what is no database (SQLite would write it there)."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(_MAGIC))
    except FileNotFoundError:
        begins = b""
    journal = path.with_name(f"{path.name}-journal")
    try:
        about = journal.lstat()
        last = b""
        if stat.S_ISREG(about.st_mode):
            with journal.open("rb") as file:
                file.seek(max(about.st_size - len(_NAMES_ANOTHER), 0))
                last = file.read(len(_NAMES_ANOTHER))
    except FileNotFoundError:
        return
    orphaned = bool(about.st_size) and begins != _MAGIC
    if not stat.S_ISREG(about.st_mode) or last == _NAMES_ANOTHER or orphaned:
        raise PassesLink(
            f"{journal.name} beside the database is none that acorn writes; nothing was opened",
            hint=f"remove {journal.name} (git may have carried it here)",
        )


def file_at(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Bounded(sqlite3.Connection):
    """A database in which no statement computes without end, and Ctrl-C is heard while one does: pages of a
    planted file may lead to each other for ever. Each statement has `SECONDS` of its own, however long the
    database is open. `place`: where it lies, where `path` is an address."""

    def __init__(self, path: str | Path, *, place: Path | None = None) -> None:
        super().__init__(path, isolation_level=None, uri=place is not None)
        self.file = file_at(place if place is not None else Path(path))
        """The file that was opened, whatever lies at its path by now."""
        self.begin()
        self.set_progress_handler(self._look, STEPS)

    def begin(self) -> None:
        """A statement begins, or goes on after whoever reads its rows did something else."""
        self._began = time.monotonic()

    def execute(self, sql: str, parameters: _Parameters = (), /) -> sqlite3.Cursor:
        """As of any connection."""
        self.begin()
        return super().execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[_Parameters], /) -> sqlite3.Cursor:
        """As of any connection; the time counts from the row that came last."""
        return super().executemany(sql, map(self._next, rows))

    def _next(self, row: _Parameters) -> _Parameters:
        self.begin()
        return row

    def _look(self) -> bool:
        return bounded.interrupted() or time.monotonic() - self._began > SECONDS
