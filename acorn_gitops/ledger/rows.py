"""A ledger's file, asked within bounds. Comes in: a path, a connection. Goes out: rows; in words, why a file
cannot be used. Callers: `trail`, `intents`, `sqlite`, `opening`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from acorn_gitops.confine.bounded import interrupted
from acorn_gitops.confine.database import Bounded, file_at
from acorn_gitops.model.finding import AcornError, Locked, Stale

LEAST_ROW: Final = 8
"""Bytes that a row takes in a file at least."""
SPOILT: Final = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a file that is no database makes the library raise; the second, when its words hold bytes of the
file."""
MAKE_AGAIN: Final = "bring the ledger back (a copy, `acorn state pull`), or make it again: `acorn state rebuild`; then plan again"
"""What helps where a ledger was lost."""
MOST_ID: Final = (1 << 63) - 1
"""Above every id of an intent."""


class Rows:
    """A file of SQLite that somebody else may have made: what it answers is bounded in number and time."""

    def __init__(self, path: Path, db: Bounded | None, *, writes: bool = False) -> None:
        self.path = path
        self._writes = writes
        """Opened for reading, nothing writes to it: neither this class, nor whoever reaches its database."""
        self._db = db
        self._most = size_of(path) // LEAST_ROW + 1000
        """Rows that there can be in the file at most."""

    def close(self) -> None:
        """Close the file."""
        if self._db is None:
            return
        self._db.close()
        if self._writes and not self.path.exists():
            # SQLite would take them for the newest pages of whatever is brought back to this place.
            drop_log(self.path)

    @property
    def where(self) -> str:
        """Its file."""
        return str(self.path)

    @property
    def lost(self) -> str:
        """As `Ledger.lost`."""
        if self._db is None or file_at(self.path) == self._db.file:
            return ""
        return f"the ledger {self.path} was taken away while it was used"

    @property
    def exists(self) -> bool:
        """Whether anything was ever applied from here."""
        return self._db is not None

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        if self._db is None:
            return []
        try:
            rows = self._db.execute(sql, values).fetchmany(self._most)
        except SPOILT as error:
            raise unusable(self.path, error) from None
        if len(rows) == self._most and size_of(self.path) // LEAST_ROW < self._most:
            raise self._unsound("it shows more rows than a file of its size can hold")
        if len(rows) == self._most:
            self._most = size_of(self.path) // LEAST_ROW + 1000
            return self._rows(sql, values)
        return rows

    def _each(self, sql: str, values: Sequence[object] = ()) -> Iterator[Any]:
        try:
            rows = iter(() if self._db is None else self._db.execute(sql, values))
            count = 0
            # By hand: `yield from` would close the cursor of a database that may be closed by then.
            while (row := next(rows, None)) is not None:
                count += 1
                if count > self._most and count > size_of(self.path) // LEAST_ROW + 1000:
                    raise self._unsound("it shows more rows than a file of its size can hold")
                yield row
                if self._db is not None:
                    self._db.begin()
        except SPOILT as error:
            raise unusable(self.path, error) from None

    @contextmanager
    def _transaction(self, *, regardless: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing. Stale where the file is not at its path any more, so that nobody would find what is
        written; `regardless`: of that, as what was sent can be told at least."""
        if self._db is None or not self._writes:
            raise AcornError("the ledger was opened for reading only")
        if not regardless:
            self._refuse_lost()
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except SPOILT as error:
            raise unusable(self.path, error) from None
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:  # some errors end it by themselves
                self._db.execute("ROLLBACK")
            if isinstance(error, SPOILT):
                raise unusable(self.path, error) from None
            raise
        if not regardless:
            self._refuse_lost()

    def _refuse_lost(self) -> None:
        if self.lost:
            raise Stale(f"{self.lost}; nothing was written down", hint=MAKE_AGAIN)

    @contextmanager
    def _of_one_moment(self) -> Iterator[None]:
        """What is asked inside is answered from one moment, whoever writes meanwhile."""
        if self._db is None or self._db.in_transaction:
            yield
            return
        try:
            self._db.execute("BEGIN")
        except SPOILT as error:
            raise unusable(self.path, error) from None
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self._db.execute("COMMIT")

    def _unsound(self, why: str) -> AcornError:
        return unusable(self.path, why)


def shown_text(value: object) -> str:
    """A column of text; of a file that was tampered with, what can be shown of it."""
    return value if isinstance(value, str) else repr(value)[:200]


def drop_log(path: Path) -> None:
    """Remove what SQLite left beside a database that is not there any more."""
    for suffix in ("-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """Bytes of a database and of its write-ahead log."""
    return sum(part.stat().st_size for part in (path, path.with_name(f"{path.name}-wal")) if part.exists())


def unusable(path: Path, error: object) -> AcornError:
    words = str(error)
    if interrupted():
        raise KeyboardInterrupt
    if words == "interrupted":
        words = error = "it makes SQLite compute without end"
    if "is full" in words or "disk I/O" in words:
        return AcornError(
            f"the disk is full, or does not take what the ledger writes ({path.name}: {words})",
            hint="make room and run the same command again: the ledger is whole, and what was sent is looked for",
        )
    if "is locked" in words:
        return Locked(
            f"another program holds {path.name}: {words}", hint="close it, or wait; the ledger is whole"
        )
    if "readonly" in str(error):
        return Stale(
            f"{path} cannot be written: it is read-only", hint="give acorn write access to its folder"
        )
    copy = path.with_name(f"{path.name}.backup")
    hint = f"restore {copy.name}, or move it away" if copy.exists() else "move it away"
    return Stale(f"{path} is not a usable ledger: {error}", hint=f"{hint} and run `acorn state rebuild`")
