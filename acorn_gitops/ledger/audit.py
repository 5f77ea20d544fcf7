"""A history that shows when it was changed. Comes in: events. Goes out: rows whose hashes chain. Callers:
`ledger`.

Each row's SHA-256 covers its content and the hash before it, so that a changed, removed or inserted row
breaks every later one. It proves tampering to whoever kept a later hash; it does not prevent it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

GENESIS = "0" * 64
SEALED = "ledger.sealed"
"""The event with which a ledger from before there were seals got them."""


WHOLE: Final = "2:"
"""What a seal begins with that is over all of a row which decides anything."""
FEW: Final = 4
"""Columns that older seals are over: type, key, digest, protected."""


def seal(rows: Iterable[Sequence[object]], *, like: str = WHOLE) -> str:
    """What vouches for the last-applied rows of a store: SHA-256 over all of them, in the order of their
    keys. It stands in the entry of the history that changed them last. `like`: a seal that it is to be
    compared with, which may be an older one."""
    whole = like.startswith(WHOLE)
    content = orjson.dumps([list(row) if whole else list(row)[:FEW] for row in rows])
    return (WHOLE if whole else "") + hashlib.sha256(content).hexdigest()


def seals_of(stored: bytes | str) -> dict[str, object]:
    """The seals that an entry holds, by store."""
    seals = body_of(stored).get("seals")
    return seals if isinstance(seals, dict) else {}


def _hash(previous: str, sequence: int, at: str, actor: str, event: str, body: bytes) -> str:
    content = [previous, sequence, at, actor, event, body.decode(errors="replace")]
    return hashlib.sha256(orjson.dumps(content)).hexdigest()


def body_of(stored: bytes | str) -> dict[str, Any]:
    """An event's content; of a row that was tampered with, what can still be read."""
    try:
        body = orjson.loads(stored)
    except orjson.JSONDecodeError:
        body = None
    return body if isinstance(body, dict) else {"unreadable": repr(stored)[:200]}


def append(db: sqlite3.Connection, at: str, actor: str, event: str, body: dict[str, Any]) -> str:
    """Add a row inside the caller's transaction; answers its hash."""
    last = db.execute("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
    sequence, previous = (last[0] + 1, last[1]) if last is not None else (1, GENESIS)
    content = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    own = _hash(previous, sequence, at, actor=actor, event=event, body=content)
    db.execute(
        "INSERT INTO audit (sequence, at, actor, event, body, previous, hash) VALUES (?,?,?,?,?,?,?)",
        (sequence, at, actor, event, content, previous, own),
    )
    return own


def first_broken(rows: Iterable[tuple[int, str, str, str, bytes, str, str]]) -> int | None:
    """The first row that does not follow from the one before it, or None."""
    previous, expected = GENESIS, 1
    for sequence, at, actor, event, body, before, own in rows:
        if (
            sequence != expected
            or before != previous
            or not isinstance(body, bytes)
            or own != _hash(previous, sequence, at, actor=actor, event=event, body=body)
        ):
            return sequence
        previous, expected = own, sequence + 1
    return None
