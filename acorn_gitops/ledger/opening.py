"""A ledger's file is opened, made, brought to the current shape, or unpacked. Comes in: a path, or packed
bytes. Goes out: a ledger that may be asked. Callers: reconcile, cli.

What comes with a repository or a branch is looked at before it is used: foreign parts, broken pages, a size
that unpacks without end. Alembic is imported only when the file's shape is not the current one."""

from __future__ import annotations

import os
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Final

from acorn_gitops.confine.bounded import interrupted
from acorn_gitops.confine.database import Bounded, check_beside
from acorn_gitops.ledger import audit
from acorn_gitops.ledger.rows import SPOILT, drop_log, unusable
from acorn_gitops.ledger.shape import PARTS, is_own
from acorn_gitops.ledger.sqlite import SqliteLedger
from acorn_gitops.ledger.trail import ANY_SEALS
from acorn_gitops.model.finding import AcornError, Stale

SCHEMA: Final = 1
NAME: Final = "ledger.db"
"""What the file of a ledger is called where nobody says otherwise."""
RATIO: Final = 100
"""How often larger than it travelled a ledger may be; real ones are ten to twenty times."""
LEAST_ROOM: Final = 64 << 20
MOST_ROOM: Final = 2 << 30


def open_ledger(path: Path, *, write: bool = False) -> SqliteLedger:
    """Open a ledger. For writing it is created and brought to the current shape (a backup is kept); for
    reading nothing is created. Stale when it was written by a newer acorn, or is no ledger."""
    try:
        if not write and (not path.exists() or path.stat().st_size == 0):
            return SqliteLedger(path, None)
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
        db = _connect(path, write=write)
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
    except SPOILT as error:
        raise unusable(path, error) from None
    except OSError as error:
        raise AcornError(
            f"the ledger {path} cannot be opened: {error.strerror}", hint="see `ledger` in acorn.yaml"
        ) from None
    if version > SCHEMA:
        db.close()
        raise Stale(
            f"{path} was written by a newer acorn (format {version}, this one knows {SCHEMA})",
            hint="use that version or a newer one",
        )
    broken = _broken(db, whole=write) if version else ""
    if broken:
        db.close()
        raise unusable(path, broken)
    if version < SCHEMA:
        strange = not version and path.stat().st_size > 0
        db.close()
        if strange:
            raise unusable(path, "it holds no ledger")
        if not write:
            raise Stale(
                f"{path} has an older format",
                hint="any `acorn apply` or `acorn state rebuild` brings it up to date",
            )
        if version:
            _migrate(path, had_content=True)
        else:
            _make(path)
        db = _connect(path, write=True)
    if write:
        # A ledger is small and precious: every commit reaches the disk.
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(PARTS["seal"].replace("TABLE", "TABLE IF NOT EXISTS", 1))
        # No change of shape: ledgers without them are read as well, and slower.
        for index in ("audit_event", "audit_subject"):
            db.execute(PARTS[index].replace("INDEX", "INDEX IF NOT EXISTS", 1))
    if not write:
        db.execute("PRAGMA query_only=ON")
    ledger = SqliteLedger(path, db, writes=write)
    if write:
        _seal_old(ledger, db)
    ledger.note_seals()
    return ledger


def may_be_ledger(path: Path) -> bool:
    """Whether a file begins as a database, or is named like a ledger and holds anything; no database looks at
    it for that."""
    try:
        with path.open("rb") as file:
            begins = file.read(16)
    except OSError:
        return path.name == NAME
    return begins == b"SQLite format 3\0" or (path.name == NAME and bool(begins))


def is_ledger(path: Path) -> bool:
    """Whether a file at which a database may be opened (`confine.database`) has the trail of a ledger,
    whatever its name is. One that cannot be looked into counts as one where it is named like a ledger, or
    computes without end."""
    try:
        with closing(_connect(path, write=False)) as db:
            return bool(db.execute("SELECT 1 FROM sqlite_master WHERE name='audit'").fetchall())
    except (OSError, *SPOILT) as error:
        if interrupted():
            raise KeyboardInterrupt from None
        return path.name == NAME or str(error) == "interrupted"


def unpacked(packed: bytes, path: Path) -> SqliteLedger:
    """A ledger from `packed` bytes, written to a new file, with a sound history. AcornError when it is none,
    made by a newer acorn, or far larger than it travelled."""
    most = min(max(LEAST_ROOM, len(packed) * RATIO), MOST_ROOM)
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        with path.open("wb") as file:
            size, left = 0, packed
            while not unpacking.eof:
                part = unpacking.decompress(left, 1 << 20)
                left, size = unpacking.unconsumed_tail, size + len(part)
                if size > most or not part:
                    what = f"it unpacks to more than {most >> 20} MiB" if size > most else "it is cut off"
                    raise AcornError(f"it is not a usable ledger: {what}")
                file.write(part)
    except (OSError, EOFError, zlib.error) as error:
        raise AcornError(f"it is not a usable ledger: {error}") from None
    ledger = open_ledger(path)
    ledger.check_sound()
    return ledger


def _broken(db: sqlite3.Connection, *, whole: bool) -> str:
    """Why a file cannot be used; empty where it can. `whole`: every page is looked at, after the parts: what
    is foreign would compute while it is looked at."""
    foreign = _foreign_parts(db)
    if foreign:
        return f"it holds what no ledger has: {', '.join(foreign[:3])}"
    if not whole:
        return ""
    try:
        found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except SPOILT as error:
        return str(error)
    return "" if found == "ok" else found


def _foreign_parts(db: sqlite3.Connection) -> list[str]:
    """Whatever acorn does not make, or makes otherwise: views, triggers, computed columns, each could run or
    feign something whenever the file is used."""
    try:
        parts = db.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    except SPOILT:
        return ["a list of parts that cannot be read"]
    return [f"the {kind} {str(name)[:40]}" for kind, name, sql in parts if not is_own(name, sql)]


def _seal_old(ledger: SqliteLedger, db: sqlite3.Connection) -> None:
    """A ledger from before there were seals is sealed as it stands, once."""
    if db.execute("SELECT 1 FROM seal LIMIT 1").fetchone() is not None or not ledger.stores():
        return
    if db.execute(ANY_SEALS, (audit.SEALED,)).fetchone() is not None:
        return  # it had seals: their lack is told by whoever asks for the rows
    ledger.seal_as_it_stands()


def _connect(path: Path, *, write: bool) -> Bounded:
    """For reading, a place where nothing may be written is good enough: without write access SQLite could not
    make the files that it shares with writers, so there the file is read as it stands."""
    check_beside(path)
    still = (
        not write
        and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        and not path.with_name(f"{path.name}-wal").exists()
    )
    if still:
        db = Bounded(f"{path.absolute().as_uri()}?immutable=1", place=path)
    else:
        db = Bounded(path)
    db.execute("PRAGMA busy_timeout=30000")
    # Text that is none is read all the same: seals and hashes tell of it, in words.
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return db


def _make(path: Path) -> None:
    """A new ledger, whole or not at all: whoever dies meanwhile leaves no part of one under its name."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    _migrate(new, had_content=False)
    drop_log(path)
    new.replace(path)


def _migrate(path: Path, *, had_content: bool) -> None:
    import shutil

    from alembic import command
    from alembic.config import Config
    from sqlalchemy.exc import DBAPIError

    if had_content:
        kept = path.with_name(f"{path.name}.before-migration")
        kept.unlink(missing_ok=True)  # it may be a link that git has brought
        shutil.copy2(path, kept)
    config = Config()
    # A percent sign would begin the name of another option.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["path"] = path
    try:
        command.upgrade(config, "head")
    except DBAPIError as error:
        raise unusable(path, error.orig) from None
