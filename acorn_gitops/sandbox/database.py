"""Resources in SQLite, each version kept for a while. Comes in: addresses and attributes. Goes out: rows of
any recent revision. Callers: `app`, `disturb`.

Every write makes a new revision; a row holds from one revision until another. A reader that names a revision
sees the store as it was then, however much is written meanwhile: that is what makes pages add up.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import orjson
import xxhash

from acorn_gitops.confine.database import check_beside
from acorn_gitops.model.resource import Attributes

KEPT_REVISIONS = 10_000
FORMAT = 1

_SCHEMA = """
CREATE TABLE resource (
  store TEXT NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL,
  since INTEGER NOT NULL, until INTEGER, etag TEXT NOT NULL, id TEXT NOT NULL, document BLOB NOT NULL,
  PRIMARY KEY (store, type, key, since)
) WITHOUT ROWID;
CREATE INDEX ended ON resource (until) WHERE until IS NOT NULL;
CREATE TABLE answer (key TEXT PRIMARY KEY, request TEXT NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE fault (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, pattern TEXT NOT NULL, left INTEGER NOT NULL, detail BLOB NOT NULL);
CREATE TABLE delayed (id INTEGER PRIMARY KEY, reads INTEGER NOT NULL, store TEXT NOT NULL, item BLOB NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', 0), ('created', 0);
"""


_GENERATION = (
    "CREATE TABLE generation (store TEXT NOT NULL, owner TEXT NOT NULL, number INTEGER NOT NULL,"
    " head TEXT NOT NULL, PRIMARY KEY (store, owner)) WITHOUT ROWID"
)


def _parts(db: sqlite3.Connection) -> set[tuple[str, str]]:
    return {(str(name), str(sql)) for name, sql in db.execute("SELECT name, sql FROM sqlite_master")}


@cache
def _own_parts() -> frozenset[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(_SCHEMA + _GENERATION)
        return frozenset(_parts(fresh))


def _check_shape(db: sqlite3.Connection) -> None:
    """ValueError where the file holds what no sandbox does: a view or a computed column could take forever,
    or run anything."""
    foreign = sorted(_parts(db) - _own_parts())
    if foreign:
        raise ValueError(f"it holds what no sandbox has ({foreign[0][0][:40]}); run `acorn sandbox reset`")


class Row(NamedTuple):
    """A resource as it is now."""

    etag: str
    id: str
    attributes: dict[str, object]
    owner: str = ""


class Database:
    """One sandbox. Use as one connection of one thread."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open(path)
        except sqlite3.DatabaseError as error:
            # What only may not be written is whole: nobody should be told to delete it.
            shut = path is not None and not all(
                os.access(p, os.W_OK) for p in (path.parent, path) if p.exists()
            )
            remedy = f"{path.parent} must be writable" if path and shut else "run `acorn sandbox reset`"
            raise ValueError(f"{path} is no sandbox that could be used: {error}; {remedy}") from None

    def _open(self, path: Path | None) -> None:
        if path is not None:
            check_beside(path)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA busy_timeout=30000")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            born = int.from_bytes(os.urandom(6))
            self._db.executescript(
                f"BEGIN; {_SCHEMA} INSERT INTO meta VALUES ('birth', {born}); PRAGMA user_version={FORMAT}; COMMIT;"
            )
        elif version != FORMAT:
            raise ValueError(
                f"this sandbox was made by another version of acorn (format {version}); run `acorn sandbox reset`"
            )
        else:
            _check_shape(self._db)
        birth = self._db.execute("SELECT value FROM meta WHERE name='birth'").fetchone()
        if birth is None:
            raise ValueError("this sandbox is not complete; run `acorn sandbox reset`")
        self._birth = int(birth[0])
        # Made where it is missing: sandboxes from before it are as good without.
        self._db.execute(_GENERATION.replace("TABLE", "TABLE IF NOT EXISTS", 1))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def revision(self) -> int:
        """The newest revision."""
        return int(self._db.execute("SELECT value FROM meta WHERE name='revision'").fetchone()[0])

    def stores(self) -> list[tuple[str, int]]:
        """Stores that hold anything, with how much."""
        return [
            (s, n)
            for s, n in self._db.execute(
                "SELECT store, count(*) FROM resource WHERE until IS NULL GROUP BY store ORDER BY store"
            )
        ]

    def get(self, store: str, type: str, key: str) -> Row | None:
        """A resource as it is now."""
        row = self._db.execute(
            "SELECT etag, id, document FROM resource WHERE store=? AND type=? AND key=? AND until IS NULL",
            (store, type, key),
        ).fetchone()
        if row is None:
            return None
        document = orjson.loads(row[2])
        return Row(row[0], row[1], document["attributes"], owner=document.get("owner", ""))

    def document(self, store: str, type: str, key: str) -> bytes | None:
        """A resource as JSON text."""
        row = self._db.execute(
            "SELECT document FROM resource WHERE store=? AND type=? AND key=? AND until IS NULL",
            (store, type, key),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def count(self, store: str, type: str | None, at: int) -> int:
        """How many resources a store had at a revision."""
        return int(
            self._db.execute(
                "SELECT count(*) FROM resource WHERE store=? AND (? IS NULL OR type=?) AND since<=? AND (until IS NULL OR until>?)",
                (store, type, type, at, at),
            ).fetchone()[0]
        )

    def page(
        self, store: str, type: str | None, at: int, after: tuple[str, str], limit: int
    ) -> list[tuple[str, str, bytes]]:
        """(type, key, JSON text) of a store at a revision, by type and key, after a position."""
        return self._db.execute(
            "SELECT type, key, document FROM resource WHERE store=? AND (type, key) > (?, ?) AND (? IS NULL OR type=?)"
            " AND since<=? AND (until IS NULL OR until>?) ORDER BY type, key LIMIT ?",
            (store, *after, type, type, at, at, limit),
        ).fetchall()

    def since(self, version: str) -> int | None:
        """The revision that a store's version stands for; None where what happened since is no longer
        known."""
        birth, _, revision = version.partition("-")
        if birth != str(self._birth) or not revision.isdigit() or len(revision) > 18:
            return None
        return int(revision) if self.oldest() <= int(revision) <= self.revision() else None

    def changed(
        self, store: str, since: int, at: int, after: tuple[str, str], limit: int
    ) -> list[tuple[str, str, bytes]]:
        """As `page`, of what was written after a revision."""
        return self._db.execute(
            "SELECT type, key, document FROM resource WHERE store=? AND (type, key) > (?, ?) AND since>? AND since<=?"
            " AND (until IS NULL OR until>?) ORDER BY type, key LIMIT ?",
            (store, *after, since, at, at, limit),
        ).fetchall()

    def count_changed(self, store: str, since: int, at: int) -> int:
        """How much was written after a revision."""
        return int(
            self._db.execute(
                "SELECT count(*) FROM resource WHERE store=? AND since>? AND since<=? AND (until IS NULL OR until>?)",
                (store, since, at, at),
            ).fetchone()[0]
        )

    def gone(self, store: str, since: int, at: int) -> list[tuple[str, str]]:
        """(type, key) of what was there at a revision and is not at a later one."""
        return self._db.execute(
            "SELECT type, key FROM resource AS was WHERE store=? AND since<=? AND until>? AND until<=? AND NOT EXISTS"
            " (SELECT 1 FROM resource AS now WHERE now.store=was.store AND now.type=was.type AND now.key=was.key"
            " AND now.since<=? AND (now.until IS NULL OR now.until>?)) ORDER BY type, key",
            (store, since, since, at, at, at),
        ).fetchall()

    def generation(self, store: str, owner: str) -> tuple[int, str]:
        """(number, head) of what an owner last applied to a store; (0, "") before the first."""
        row = self._db.execute(
            "SELECT number, head FROM generation WHERE store=? AND owner=?", (store, owner)
        ).fetchone()
        return (0, "") if row is None else (int(row[0]), str(row[1]))

    def advance(self, db: sqlite3.Connection, store: str, owner: str, number: int, head: str) -> None:
        """Begin a generation."""
        db.execute("INSERT OR REPLACE INTO generation VALUES (?,?,?,?)", (store, owner, number, head))

    def each(
        self, store: str | None = None, type: str | None = None
    ) -> Iterator[tuple[str, str, str, Attributes]]:
        """(store, type, key, attributes) of everything there is now."""
        for s, t, k, document in self._db.execute(
            "SELECT store, type, key, document FROM resource WHERE until IS NULL AND (? IS NULL OR store=?)"
            " AND (? IS NULL OR type=?) ORDER BY store, type, key",
            (store, store, type, type),
        ).fetchall():
            yield s, t, k, orjson.loads(document)["attributes"]

    def oldest(self) -> int:
        """The oldest revision that can still be read."""
        return max(0, self.revision() - KEPT_REVISIONS)

    def version(self, store: str) -> str:
        """The version of a whole store: moves with every write to it, and never comes back."""
        row = self._db.execute("SELECT value FROM meta WHERE name=?", (f"store {store}",)).fetchone()
        return f"{self._birth}-{row[0]}" if row is not None else ""

    def next_revision(self, db: sqlite3.Connection, store: str) -> int:
        """Begin a revision of a store inside a transaction, and drop versions nobody can ask for."""
        db.execute("UPDATE meta SET value=value+1 WHERE name='revision'")
        revision = self.revision()
        db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value=excluded.value",
            (f"store {store}", revision),
        )
        if revision % 500 == 0:
            db.execute(
                "DELETE FROM resource WHERE until IS NOT NULL AND until<=?", (revision - KEPT_REVISIONS,)
            )
        return revision

    def put(
        self,
        db: sqlite3.Connection,
        revision: int,
        store: str,
        type: str,
        key: str,
        attributes: dict[str, object],
        id: str,
        owner: str = "",
        etag: str = "",
    ) -> str:
        """Write a version; answers its etag, which is a new one unless it is said. Without an owner it keeps
        the one it has."""
        body = {k: v for k, v in attributes.items() if v is not None}
        etag = etag or xxhash.xxh3_64_hexdigest(orjson.dumps([revision, store, type, key]))
        before = self.get(store, type, key) if not owner else None
        owner = owner or (before.owner if before is not None else "")
        whose = {"owner": owner} if owner else {}
        document = orjson.dumps(
            {"type": type, "key": key, "id": id, "etag": etag, "attributes": body, **whose}
        )
        self.end(db, revision, store, type, key)
        db.execute(
            "INSERT OR REPLACE INTO resource VALUES (?,?,?,?,NULL,?,?,?)",
            (store, type, key, revision, etag, id, document),
        )
        return etag

    def end(self, db: sqlite3.Connection, revision: int, store: str, type: str, key: str) -> None:
        """End the current version."""
        db.execute(
            "UPDATE resource SET until=? WHERE store=? AND type=? AND key=? AND until IS NULL",
            (revision, store, type, key),
        )

    def new_id(self, db: sqlite3.Connection) -> str:
        """A remote id, never used twice."""
        db.execute("UPDATE meta SET value=value+1 WHERE name='created'")
        return f"r{db.execute('SELECT value FROM meta WHERE name=?', ('created',)).fetchone()[0]:08d}"

    def answered(self, key: str) -> tuple[str, bytes] | None:
        """The request digest and answer stored under an idempotency key."""
        row = self._db.execute("SELECT request, answer FROM answer WHERE key=?", (key,)).fetchone()
        return None if row is None else (row[0], bytes(row[1]))

    def remember(self, db: sqlite3.Connection, key: str, request: str, answer: bytes) -> None:
        """Store an answer under an idempotency key."""
        db.execute("INSERT OR REPLACE INTO answer VALUES (?,?,?)", (key, request, answer))

    def add_fault(self, kind: str, pattern: str, times: int, detail: dict[str, object]) -> None:
        """Order a misbehaviour."""
        self._db.execute(
            "INSERT INTO fault (kind, pattern, left, detail) VALUES (?,?,?,?)",
            (kind, pattern, times, orjson.dumps(detail)),
        )

    def faults(self) -> list[tuple[int, str, str, int, dict[str, object]]]:
        """Ordered misbehaviour that is left."""
        return [
            (i, k, p, n, orjson.loads(d))
            for i, k, p, n, d in self._db.execute(
                "SELECT id, kind, pattern, left, detail FROM fault WHERE left > 0 ORDER BY id"
            )
        ]

    def use_fault(self, id: int) -> None:
        """Count one use."""
        self._db.execute("UPDATE fault SET left=left-1 WHERE id=?", (id,))

    def clear_faults(self) -> None:
        """Behave again."""
        self._db.execute("DELETE FROM fault")

    def delay(self, db: sqlite3.Connection, reads: int, store: str, item: dict[str, object]) -> None:
        """Take a write now and do it after so many reads (0: never)."""
        db.execute(
            "INSERT INTO delayed (reads, store, item) VALUES (?,?,?)",
            (reads or 1_000_000, store, orjson.dumps(item)),
        )

    def due(self) -> list[tuple[str, Attributes]]:
        """Delayed writes whose time has come, counting one read."""
        if self._db.execute("SELECT 1 FROM delayed LIMIT 1").fetchone() is None:
            return []
        with self.transaction() as db:
            db.execute("UPDATE delayed SET reads=reads-1")
            rows = db.execute("SELECT store, item FROM delayed WHERE reads<=0 ORDER BY id").fetchall()
            db.execute("DELETE FROM delayed WHERE reads<=0")
        return [(store, orjson.loads(item)) for store, item in rows]
