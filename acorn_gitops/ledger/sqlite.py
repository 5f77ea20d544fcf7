"""One environment's ledger in SQLite. Comes in: outcomes of writes. Goes out: last-applied resources, open
intents, plans, history. Callers: apply, cli.

Reading needs no write access and creates nothing: a missing file is an empty ledger. Alembic is imported only
when the file's shape is not the current one.
"""

from __future__ import annotations

import gzip
import os
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from acorn_gitops.confine.bounded import interrupted
from acorn_gitops.confine.database import Patience, check_beside
from acorn_gitops.confine.text import one_line
from acorn_gitops.ledger import audit
from acorn_gitops.ledger.records import ENDED, INTENDED, Closed, Entry, Intent, PlanStatus, Settled
from acorn_gitops.ledger.shape import PARTS, SUBJECT, TYPED, is_own
from acorn_gitops.model.finding import AcornError, Locked, Stale
from acorn_gitops.model.resource import Address, Attributes, digest
from acorn_gitops.model.sound import unfit
from acorn_gitops.plan.change import Applied, Step
from acorn_gitops.resources.registry import TYPES, parse_address

SCHEMA: Final = 1
SMALL: Final = 2 << 20
"""Bytes up to which a whole ledger is looked through for every plan."""
LEAST_ROW: Final = 8
"""Bytes that a row takes in a file at least."""
RATIO: Final = 100
"""How often larger than it travelled a ledger may be; real ones are ten to twenty times."""
LEAST_ROOM: Final = 64 << 20
MOST_ROOM: Final = 2 << 30
SPOILT: Final = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a file that is no database makes the library raise; the second, when its words hold bytes of the
file."""
_ANY_SEALS: Final = 'SELECT 1 FROM audit WHERE event=? OR instr(CAST(body AS TEXT), \'"seals":{"\') LIMIT 1'
_TOLD: Final = 100
"""Resources that were recorded without a write, of which the audit trail says what they were; of more it
would grow by a catalogue."""
_OF_STORE: Final = "SELECT type, key, digest, protected FROM resource WHERE store=? ORDER BY type, key"
_APPLIED: Final = _OF_STORE.replace(" FROM", ", adopted FROM")
_WHOLE_STORE: Final = _OF_STORE.replace(" FROM", ", attributes FROM")


def _address(name: object) -> Address | None:
    """An address that an entry names; None where it is none, which nothing can be done to."""
    try:
        return parse_address(str(name))
    except ValueError:
        return None


def _endings(body: Mapping[str, Any]) -> list[list[Any]]:
    """What an entry says of endings, each a row that begins with an address; anything else ends nothing."""
    rows = body.get("ended")
    return [row for row in rows if isinstance(row, list) and row] if isinstance(rows, list) else []


class SqliteLedger:
    """Opened by `open_ledger`; one thread, one process at a time for writing."""

    def __init__(self, path: Path, db: sqlite3.Connection | None, *, writes: bool = False) -> None:
        self.path = path
        self._writes = writes
        """Opened for reading, nothing writes to it: neither this class, nor whoever reaches its database."""
        self._db = db
        self._said: dict[str, dict[str, object]] = {}
        self._told: list[_Told] | None = None
        self._sealed: dict[str, int] = {}
        self._until: int | None = None
        """The last entry that counts (`believe`); None: all of them."""
        self._patience = Patience(db) if db is not None else None
        self._most = _size(path) // LEAST_ROW + 1000
        """Rows that there can be in the file at most."""

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()

    @property
    def where(self) -> str:
        """Its file."""
        return str(self.path)

    @property
    def exists(self) -> bool:
        """Whether anything was ever applied from here."""
        return self._db is not None

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        if self._db is None or self._patience is None:
            return []
        self._patience.begin()
        try:
            rows = self._db.execute(sql, values).fetchmany(self._most)
        except SPOILT as error:
            raise _unusable(self.path, error) from None
        if len(rows) == self._most and _size(self.path) // LEAST_ROW < self._most:
            raise self._unsound("it shows more rows than a file of its size can hold")
        if len(rows) == self._most:
            self._most = _size(self.path) // LEAST_ROW + 1000
            return self._rows(sql, values)
        return rows

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._db is None or not self._writes:
            raise AcornError("the ledger was opened for reading only")
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except SPOILT as error:
            raise _unusable(self.path, error) from None
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def serial(self) -> int:
        """Grows with every recorded change; a plan presumes one."""
        rows = self._rows("SELECT value FROM meta WHERE name='serial'")
        serial = rows[0][0] if rows else 0
        if not isinstance(serial, int):
            raise self._unsound("its serial is no number")
        return serial

    def applied(self, store: str) -> dict[tuple[str, str], Applied]:
        """Last-applied resources of a store; their content is read when it is asked for. Stale where they are
        not those that the trail vouches for."""
        rows = self._rows(_APPLIED, (store,))
        if not self._vouched(store, [row[:4] for row in rows]):
            raise self._unsound(f"what was last applied to {store} is not what its history says")
        return {
            (type, key): Applied(
                dig,
                partial(self._content, store, type, key, dig),
                protected=bool(protected),
                found=adopted == 2,
            )
            for type, key, dig, protected, adopted in rows
        }

    def _content(self, store: str, type: str, key: str, expected: str) -> bytes:
        sql = "SELECT attributes FROM resource WHERE store=? AND type=? AND key=?"
        found = self._rows(sql, (store, type, key))
        content = found[0][0] if found and isinstance(found[0][0], bytes) else b""
        if not _honest(content, expected):
            raise self._unsound(f"{store}/{type}/{key} was changed in the file itself")
        return content

    def _vouched(self, store: str, rows: Sequence[Any]) -> bool:
        """Whether a store's rows are those that the last entry about them sealed."""
        if not self._has_seals:
            return not self._was_sealed
        found = self._rows("SELECT value, sequence FROM seal WHERE store=?", (store,))
        if not found:
            return not rows
        value, sequence = found[0]
        try:
            if value != audit.seal(rows):
                return False
        except (TypeError, ValueError):  # a value of a type that no seal was ever made of
            return False
        entries = self._rows("SELECT body FROM audit WHERE sequence=?", (sequence,))
        return bool(entries) and audit.seals_of(entries[0][0]).get(store) == value

    @cached_property
    def _was_sealed(self) -> bool:
        """Whether any entry vouches for rows: a ledger from before there were seals has none."""
        return bool(self._rows(_ANY_SEALS, (audit.SEALED,)))

    @cached_property
    def _has_seals(self) -> bool:
        return bool(self._rows("SELECT 1 FROM sqlite_master WHERE type='table' AND name='seal'"))

    def check_sound(self) -> None:
        """Stale where the history was changed or cut, or where what was last applied is not what it says:
        before anything is written, and where a ledger comes from elsewhere."""
        broken = self.verify()
        if broken is not None:
            raise self._unsound(
                f"its history was changed: entry {broken} does not follow from the one before it"
            )
        for table, tests in TYPED.items():
            if self._has_seals or table != "seal":
                odd = self._rows(f"SELECT 1 FROM {table} WHERE {tests} LIMIT 1")
                if odd:
                    raise self._unsound(f"its table {table} holds a value of another type")
        stores = {*self.stores()}
        if self._has_seals:
            stores |= {row[0] for row in self._rows("SELECT store FROM seal")}
            counted, last = self._rows("SELECT count(*), max(sequence) FROM audit")[0]
            known = self._rows("SELECT max(sequence) FROM seal")[0][0]
            if (known or 0) > (last or 0) or counted != (last or 0):
                raise self._unsound("the end of its history was cut off")
        for store in sorted(stores):
            rows = self._rows(_WHOLE_STORE, (store,))
            if not self._vouched(store, [row[:4] for row in rows]):
                raise self._unsound(f"what was last applied to {store} is not what its history says")
            for type, key, dig, _, content in rows:
                if not _honest(content, dig):
                    raise self._unsound(f"{store}/{type}/{key} was changed in the file itself")
        self._check_intents()

    def check_small(self) -> None:
        """`check_sound` where it costs nothing: for plans, on ledgers of a few megabytes."""
        try:
            small = self._db is not None and self.path.stat().st_size < SMALL
        except OSError:
            small = False
        if small and self._db is not None:
            broken = self._rows("PRAGMA quick_check(1)")[0][0]
            if broken != "ok":
                raise _unusable(self.path, broken)
            self.check_sound()

    def _unsound(self, why: str) -> AcornError:
        return _unusable(self.path, why)

    def _seal(self, db: sqlite3.Connection, stores: Iterable[str]) -> dict[str, str]:
        """The seals of these stores as they are now; to be written into the next entry."""
        return {
            store: audit.seal(db.execute(_OF_STORE, (store,)).fetchall()) for store in sorted(set(stores))
        }

    @staticmethod
    def _keep_seals(db: sqlite3.Connection, seals: Mapping[str, str]) -> None:
        """After the entry that holds them was appended."""
        sequence = db.execute("SELECT max(sequence) FROM audit").fetchone()[0]
        db.executemany(
            "INSERT OR REPLACE INTO seal (store, value, sequence) VALUES (?,?,?)",
            [(store, value, sequence) for store, value in seals.items()],
        )

    def remote_ids(self, store: str) -> dict[tuple[str, str], str]:
        """What the marketplace calls the resources that were last applied to a store, where it said."""
        rows = self._rows(
            "SELECT type, key, remote_id FROM resource WHERE store=? AND remote_id<>''", (store,)
        )
        return {(type, key): _text(id) for type, key, id in rows}

    def holds(self, store: str) -> bool:
        """Whether anything is recorded of a store."""
        return bool(self._rows("SELECT 1 FROM resource WHERE store=? LIMIT 1", (store,)))

    def stores(self) -> list[str]:
        """Stores that the ledger knows."""
        return [_text(row[0]) for row in self._rows("SELECT DISTINCT store FROM resource ORDER BY store")]

    def resources(self) -> list[tuple[Address, dict[str, Any]]]:
        """Every row, for `state list`, `state show` and export."""
        return [
            (
                Address(s, t, k),
                {
                    "attributes": audit.body_of(a),
                    "adopted": bool(ad),
                    "remote_id": _text(r),
                    "plan": _text(p),
                    "commit": _text(c),
                    "applied_at": _text(at),
                    "origin": _text(o),
                },
            )
            for s, t, k, a, ad, r, p, c, at, o in self._rows(
                "SELECT store, type, key, attributes, adopted, remote_id, plan, commit_id, applied_at, origin FROM resource"
                " ORDER BY store, type, key"
            )
        ]

    def open_intents(self) -> list[Intent]:
        """Writes of which it is not known whether they happened: the process died, or no answer came."""
        return self._intents("(outcome IS NULL OR outcome IN ('unknown', 'accepted'))")

    def sendings(self, since: str = "") -> list[Intent]:
        """All that was sent and is not known to have come or to have been refused, whoever the resource
        belongs to by now: for whoever reckons with what may still come. `since`: a day (ISO text) before
        which nothing counts any more."""
        return self._intents(
            "intent.at >= ? AND (outcome IS NULL OR outcome IN ('unknown', 'accepted', 'superseded'))",
            (since,),
        )

    def recorded(self, address: Address) -> tuple[str, str]:
        """By which plan a resource was last recorded, and when; empty where it never was."""
        rows = self._rows(
            "SELECT plan, applied_at FROM resource WHERE store=? AND type=? AND key=?", tuple(address)
        )
        return (_text(rows[0][0]), _text(rows[0][1])) if rows else ("", "")

    def unfinished(self) -> dict[Address, Attributes]:
        """What replacements would have created whose deletion is done and whose creation is not. It holds
        what nobody declared and was there before, so that whoever finishes the work can carry it over."""
        found = self._intents(
            "operation='create' AND action='replace' AND outcome IS NOT 'observed'"
            " AND EXISTS (SELECT 1 FROM intent AS gone WHERE gone.plan=intent.plan AND gone.operation='delete'"
            " AND gone.store=intent.store AND gone.type=intent.type AND gone.key=intent.key"
            " AND gone.outcome='observed')"
            " AND NOT EXISTS (SELECT 1 FROM intent AS later WHERE later.id>intent.id AND later.operation='create'"
            " AND later.store=intent.store AND later.type=intent.type AND later.key=intent.key"
            " AND later.outcome='observed')"
        )
        deleted = self._deletions() if found else {}
        """A deletion that the history does not know is none."""
        return {i.address: i.attributes or {} for i in found if deleted.get(str(i.address)) is True}

    def _intents(self, where: str, values: Sequence[Any] = ()) -> list[Intent]:
        self._vouch_intents(where, values)
        try:
            found = [intent for intent in self._read_intents(where, values) if _is_intent(intent)]
            unheard = self._unheard_spans() if found else []
            return [one for one in found if not any(first <= one.id <= last for first, last in unheard)]
        except (orjson.JSONDecodeError, TypeError, ValueError):
            raise self._unsound("an open intent cannot be read") from None

    def _unheard_spans(self) -> list[tuple[int, int]]:
        """Ids (first, last) of intents that were written down by entries which do not count."""
        if self._until is None and not self._void:
            return []
        return [(span.first, span.last) for span in self._spans() if not self._counts(span.sequence)]

    def _read_intents(self, where: str, values: Sequence[Any]) -> list[Intent]:
        return [
            Intent(
                p,
                Address(s, t, k),
                action,
                operation=op,
                key=key,
                attributes=orjson.loads(a) if a is not None else None,
                declared=orjson.loads(d) if d is not None else None,
                origin=origin,
                remote_id=remote,
                protected=bool(protected),
                at=at,
                commit=commit or "",
                open=o is None,
                id=id,
            )
            for id, p, s, t, k, action, op, key, a, d, origin, remote, protected, at, o, commit in self._rows(
                "SELECT intent.id, intent.plan, intent.store, intent.type, intent.key, action, operation, idempotency_key, attributes, declared, origin,"
                " remote_id, protected, intent.at, outcome, commit_id FROM intent LEFT JOIN plan ON plan.id=intent.plan"
                f" WHERE {where} ORDER BY intent.id",
                values,
            )
        ]

    def plan_status(self, plan: str) -> PlanStatus | None:
        """What became of a plan; None when it was never begun."""
        rows = self._rows("SELECT status FROM plan WHERE id=?", (plan,))
        return rows[0][0] if rows else None

    def plan_outcomes(self, plan: str) -> dict[Step, str]:
        """Recorded outcomes of a plan's steps."""
        return {
            Step(Address(s, t, k), op): o
            for s, t, k, op, o in self._rows(
                "SELECT store, type, key, operation, outcome FROM intent WHERE plan=? AND outcome IS NOT NULL ORDER BY id",
                (plan,),
            )
        }

    def history(self) -> list[Entry]:
        """The audit trail from the beginning."""
        return [
            Entry(n, at, actor, event=event, body=audit.body_of(body), hash=h)
            for n, at, actor, event, body, h in self._rows(
                "SELECT sequence, at, actor, event, body, hash FROM audit ORDER BY sequence"
            )
        ]

    def states(self, addresses: Collection[Address]) -> Iterator[tuple[str, Address, Attributes | None]]:
        """What was in force from when on, of these resources: (instant, address, attributes; None when it was
        gone). Made from the audit trail; of promotions in its order, of prices in any. What was only recorded
        is known from the row, or from the entry that replaced it; what somebody else had set, from the write
        that ended it, a second before it."""
        wanted = {str(address): address for address in addresses}
        seen: set[str] = set()
        recorded = (
            "SELECT body FROM audit WHERE event IN ('import', 'adopt', 'forget', 'state.rebuild', 'state.rm')"
        )
        for (raw,) in self._each(recorded):
            before = audit.body_of(raw).get("before")
            for name, was in before.items() if isinstance(before, dict) else ():
                if name in wanted and (one := _earlier(was)) is not None:
                    yield one[0], wanted[name], one[1]
        sql = (
            f"SELECT sequence, at, body FROM audit WHERE event='write.observed' AND {SUBJECT} IN (SELECT value FROM json_each(?))"
            " ORDER BY sequence"
        )
        for sequence, at, raw in self._each(sql, (orjson.dumps(list(wanted)).decode(),)):
            if not self._counts(sequence):
                continue
            body = audit.body_of(raw)
            seen.add(body["address"])
            if (one := _earlier(body.get("before"))) is not None:
                yield one[0], wanted[body["address"]], one[1]
            if isinstance(body.get("overwrote"), dict):
                yield _moment_before(at), wanted[body["address"]], body["overwrote"]
            yield at, wanted[body["address"]], body.get("attributes")
        present = "SELECT attributes, applied_at FROM resource WHERE store=? AND type=? AND key=?"
        for name, address in wanted.items():
            if name not in seen:
                for raw, at in self._each(present, tuple(address)):
                    yield at, address, orjson.loads(raw)

    def ever(self, store: str, type: str) -> set[Address]:
        """Every resource of a type that a store has, or once had."""
        under = f"{store}/{type}/"
        rows = self._each(
            f"SELECT DISTINCT {SUBJECT} FROM audit WHERE event='write.observed' AND {SUBJECT} >= ? AND {SUBJECT} < ?",
            (under, under[:-1] + chr(ord("/") + 1)),
        )
        known = self._each("SELECT key FROM resource WHERE store=? AND type=?", (store, type))
        return {parse_address(name) for (name,) in rows} | {Address(store, type, key) for (key,) in known}

    def by_hand(self, store: str) -> dict[tuple[str, str], Attributes]:
        """What people are to do in a store, by type and key, as the last apply that might say so left it."""
        said = self._said_of("by_hand", store)
        return _rows(said) if isinstance(said, list) else {}

    def ever_by_hand(self) -> dict[str, dict[tuple[str, str], Attributes]]:
        """The same of every store, as it was when it was not empty."""
        return {one.store: one.told for one in self._ever_told() if one.told and self._counts(one.sequence)}

    def _ever_told(self) -> list[_Told]:
        """What people were told in a store, entry by entry."""
        if self._told is None:
            found = [(*row, audit.body_of(raw).get("by_hand")) for *row, raw in self._each(BEGUN_BY_HAND)]
            self._told = [
                _Told(sequence, at, store=store, told=_rows(told))
                for sequence, at, said in found
                for store, told in (said or {}).items()
            ]
        return self._told

    def ever_gave(self) -> bool:
        """Whether any role or grant was ever applied, or people were told to make one."""
        if any(type in ("role", "grant") for one in self._ever_told() for type, _ in one.told):
            return True
        there = "SELECT 1 FROM resource WHERE type IN ('role', 'grant') LIMIT 1"
        once = f"SELECT 1 FROM audit WHERE event='write.observed' AND ({SUBJECT} GLOB '*/role/*' OR {SUBJECT} GLOB '*/grant/*') LIMIT 1"
        return any(True for sql in (there, once) for _ in self._each(sql))

    def _each(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        try:
            rows = iter(() if self._db is None else self._db.execute(sql, values))
            # By hand: `yield from` would close the cursor of a database that may be closed by then.
            while (row := next(rows, None)) is not None:
                yield row
        except SPOILT as error:
            raise _unusable(self.path, error) from None

    def verify(self) -> int | None:
        """The sequence number of the first line of history that was changed or removed; None when all is
        well."""
        return audit.first_broken(
            self._rows("SELECT sequence, at, actor, event, body, previous, hash FROM audit ORDER BY sequence")
        )

    def intents_of(self, plan: str) -> list[Intent]:
        """Writes of a plan that are still open."""
        return self._intents(
            "intent.plan=? AND (outcome IS NULL OR outcome IN ('unknown', 'accepted'))", (plan,)
        )

    def knows(self, head: str) -> bool:
        """Whether this trail holds the entry with which an apply began, or with which the ledger was made
        again."""
        return head in self._heads

    @cached_property
    def _heads(self) -> frozenset[str]:
        return frozenset(
            row[0] for row in self._rows(f"SELECT hash FROM audit WHERE event IN ({BEGINNINGS})")
        )

    def moved_since(self, store: str, head: str) -> bool:
        """Whether what was last applied to a store was changed after the entry that the store remembers: then
        somebody added to this ledger what the store knows nothing of. What a run that did not come to its end
        has written is its own."""
        rows = self._rows(
            f"SELECT sequence, event FROM audit WHERE event IN ({BEGINNINGS}) AND hash=?", (head,)
        )
        if not rows:
            return True
        since, event = rows[0]
        if event not in OPENINGS:
            return self._sealed.get(store, 0) > int(since)
        allowed = ("import", "state.rebuild", "state.rm") if event == "state.begin" else ()
        later = self._rows(
            "SELECT event, body FROM audit WHERE sequence>? AND event IN ('import', 'state.rebuild', 'state.rm')",
            (since,),
        )
        return any(kind not in allowed and store in audit.seals_of(raw) for kind, raw in later)

    def believe(self, heads: Collection[str]) -> bool:
        """Let nothing count that follows the newest entry which a store remembers (`heads`): nobody but this
        file says that it was applied. Of a run that the stores know to have begun all counts. Answers whether
        anything is left out."""
        self._until = None
        self.__dict__.pop("_void", None)
        rows = self._rows(
            "SELECT sequence, event FROM audit WHERE hash IN (SELECT value FROM json_each(?))"
            " ORDER BY sequence DESC LIMIT 1",
            (orjson.dumps([*heads]).decode(),),
        )
        if not rows:
            return False
        newest, event = rows[0]
        later = self._rows(
            f"SELECT min(sequence) FROM audit WHERE sequence>? AND event IN ({BEGINNINGS})", (newest,)
        )
        first = later[0][0] if later else None
        if event in OPENINGS and event != "state.begin":
            # What a run wrote before it died, and its end: to the beginning of another.
            later = self._rows(
                "SELECT min(sequence) FROM audit WHERE sequence>? AND event IN (SELECT value FROM json_each(?))",
                (newest, orjson.dumps(sorted(OPENINGS)).decode()),
            )
            first = later[0][0] if later else None
            self._until = None if first is None else first - 1
        elif first is not None or self._last() > newest:
            self._until = newest if event not in OPENINGS else None
        return self._until is not None

    def _last(self) -> int:
        rows = self._rows("SELECT max(sequence) FROM audit")
        return rows[0][0] if rows and isinstance(rows[0][0], int) else 0

    @cached_property
    def _void(self) -> list[tuple[int, int]]:
        """Entries (after, before) that count for nothing: whoever began a run found them to be unheard of."""
        found: list[tuple[int, int]] = []
        bound = self._until if self._until is not None else MOST_ID
        rows = self._rows(
            f"SELECT sequence, body FROM audit WHERE event IN ({BEGINNINGS})"
            " AND instr(CAST(body AS TEXT), '\"follows\":') ORDER BY sequence DESC"
        )
        for sequence, raw in rows:
            follows = audit.body_of(raw).get("follows")
            if sequence <= bound and isinstance(follows, int) and follows < sequence:
                found.append((follows, sequence))
                bound = follows
        return found

    def _counts(self, sequence: int) -> bool:
        """Whether an entry counts (`believe`)."""
        if self._until is not None and sequence > self._until:
            return False
        return not any(after < sequence < before for after, before in self._void)

    def _follows(self) -> dict[str, int]:
        """What a beginning says of the entries before it: after which one nothing counts."""
        until, self._until = self._until, None
        self.__dict__.pop("_void", None)
        return {} if until is None else {"follows": until}

    def note_seals(self) -> None:
        """Remember how the stores are vouched for now: what this process adds is its own."""
        rows = self._rows("SELECT store, sequence FROM seal") if self._has_seals else []
        self._sealed = {store: sequence for store, sequence in rows if isinstance(sequence, int)}

    def open_up(self, event: str, at: str, actor: str, about: Mapping[str, Any]) -> str:
        """Record that something is about to move this ledger (one of `OPENINGS`); answers the hash of the
        entry, for the stores to remember first: whoever dies in between is not taken for somebody else."""
        self._said.clear()
        self._told = None
        with self._transaction() as db:
            head = audit.append(db, at, actor, event, {**about, **self._follows()})
        self.__dict__.pop("_heads", None)
        return head

    def begun_to_forget(self) -> dict[str, set[Address]]:
        """What somebody began to forget (`state rm`) and did not come to record, by the hash of the entry
        with which that began: it is given away, whatever the rows still say."""
        opened: dict[str, set[Address]] = {}
        for hash_, event, raw in self._rows(
            "SELECT hash, event, body FROM audit WHERE event IN ('state.begin', 'state.end', 'state.rm', 'state.rebuild', 'import')"
            " ORDER BY sequence"
        ):
            body = audit.body_of(raw)
            if event == "state.begin" and isinstance(body.get("forgetting"), list) and body["forgetting"]:
                opened[hash_] = {
                    found for name in body["forgetting"] if (found := _address(name)) is not None
                }
            elif event == "state.rebuild":
                opened.clear()  # what is ours was said anew, from what the stores hold
            elif isinstance(body.get("opening"), str):
                opened.pop(body["opening"], None)
                gone = {found for row in _endings(body) if (found := _address(row[0]))}
                opened = {one: left for one, names in opened.items() if (left := names - gone)}
        return opened

    def vouches(self, head: str, opening: str) -> bool:
        """Whether an entry that a store remembers follows from an opening, or is it: what was added later no
        store has heard of."""
        found = dict(self._rows("SELECT hash, sequence FROM audit WHERE hash IN (?, ?)", (head, opening)))
        return opening in found and head in found and found[opening] <= found[head]

    def generation(self, store: str) -> int:
        """The last generation of a store that this ledger knows; 0 where it knows none."""
        number = self._said_of("generations", store)
        return number if isinstance(number, int) else 0

    def binding(self, store: str) -> str:
        """Which marketplace a store was on when something was last recorded of it (`marketplace_of`); empty
        where that is not known."""
        said = self._said_of("bindings", store)
        return said if isinstance(said, str) else ""

    def _said_of(self, what: str, store: str) -> object:
        """What the last entry that speaks of it says of a store."""
        if what not in self._said:
            found: dict[str, object] = {}
            for (raw,) in self._rows(
                f"SELECT body FROM audit WHERE event IN ({BEGINNINGS}) ORDER BY sequence"
            ):
                said = audit.body_of(raw).get(what)
                found |= said if isinstance(said, dict) else {}
            self._said[what] = found
        return self._said[what].get(store)

    def last_commit(self) -> tuple[str, int]:
        """The commit of the last run that began, and when it was committed (seconds since 1970; 0: not
        known); "" where none is known. What a run that died or was not answered has sent may come."""
        for raw in self._counting("event='apply.begin'"):
            body = audit.body_of(raw)
            commit, at = body.get("commit"), body.get("committed")
            if isinstance(commit, str) and commit:
                return commit, at if isinstance(at, int) else 0
        return "", 0

    def last_whole(self) -> str:
        """The commit of the last run that came to its end and left nothing out; "" where none is known."""
        for raw in self._counting("event='apply.end'"):
            body = audit.body_of(raw)
            commit = body.get("commit")
            if (
                body.get("status") == "complete"
                and not body.get("selected")
                and isinstance(commit, str)
                and commit
                # What was applied was not what the commit says.
                and not commit.endswith("-dirty")
                and body.get("exact") is not False
            ):
                return commit
        return ""

    def _counting(self, where: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Bodies of entries that count, the newest first."""
        for sequence, raw in self._each(
            f"SELECT sequence, body FROM audit WHERE {where} ORDER BY sequence DESC", values
        ):
            if self._counts(sequence):
                yield raw

    def written_with(self, address: Address) -> str:
        """The commit with which a resource was written last, not counting its end; "" where it never was, or
        without git."""
        for raw in self._counting(f"event='write.observed' AND {SUBJECT}=?", (str(address),)):
            body = audit.body_of(raw)
            if body.get("attributes") is not None and isinstance(body.get("commit"), str):
                return str(body["commit"]).removesuffix("-dirty")
        return ""

    def last_guards(self) -> dict[str, Any]:
        """The settings that guarded the last run of which they are known."""
        for raw in self._counting("event='apply.begin'"):
            guards = audit.body_of(raw).get("guards")
            if isinstance(guards, dict) and guards:
                return guards
        return {}

    def unheard(self) -> list[Mapping[str, Any]]:
        """What entries say with which runs began that count for nothing, after the last one that counts, the
        newest first. A rebuild that counts is such an end, too."""
        found: list[Mapping[str, Any]] = []
        for sequence, event, raw in self._each(
            "SELECT sequence, event, body FROM audit WHERE event IN ('apply.begin', 'state.rebuild')"
            " ORDER BY sequence DESC"
        ):
            if self._counts(sequence):
                break
            if event == "apply.begin":
                found.append(audit.body_of(raw))
        return found

    def last_word(self, store: str) -> str:
        """When roles or grants of a store were last written or recorded, or its people last told of them (an
        instant); "" where they never were."""
        subjects = [f"{store}/{type}/*" for type in ("role", "grant")]
        said = (
            f"SELECT at FROM audit WHERE event='write.observed' AND ({SUBJECT} GLOB ? OR {SUBJECT} GLOB ?)"
            " UNION ALL SELECT applied_at FROM resource WHERE store=? AND type IN ('role', 'grant')"
        )
        every = [at for (at,) in self._each(said, (*subjects, store))]
        every += [one.at for one in self._ever_told() if one.store == store]
        return max((at for at in every if isinstance(at, str)), default="")

    def owner(self) -> str:
        """Whose ledger this is (project/environment); "" where nothing says so."""
        return str(self._whose().get("owner") or "")

    def _whose(self) -> Mapping[str, Any]:
        entries = self._each(f"SELECT body FROM audit WHERE event IN ({BEGINNINGS}) ORDER BY sequence DESC")
        bodies = (audit.body_of(raw) for (raw,) in entries)
        return next((body for body in bodies if body.get("owner") or body.get("environment")), {})

    def check_owner(self, owner: str) -> None:
        """Stale where this is the ledger of another project or environment (`owner`: project/environment)."""
        said = self._whose()
        theirs, environment = said.get("owner"), said.get("environment")
        if (theirs or owner) != owner or (environment or owner.partition("/")[2]) != owner.partition("/")[2]:
            raise Stale(
                f"{self.path} is the ledger of {one_line(str(theirs or environment), 100)}, not of {owner}",
                hint="name another file by `ledger` in acorn.yaml; where the project was renamed, move the file away and run"
                " `acorn state rebuild`",
            )

    def begin_plan(
        self,
        plan: str,
        at: str,
        actor: str,
        commit: str,
        environment: str,
        run: str = "",
        *,
        publishes: bool = False,
        about: Mapping[str, Any] | None = None,
    ) -> str:
        """Record that a plan is being applied; answers the hash of the entry. `run` keeps it apart from every
        other; `publishes`: it writes nothing before this entry is where others see it; `about`: owner,
        generations and bindings, as `record` takes them."""
        self._said.clear()
        self._told = None
        with self._transaction() as db:
            db.execute(
                "INSERT INTO plan (id, status, at, actor, commit_id) VALUES (?, 'running', ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET status='running'",
                (plan, at, actor, commit),
            )
            return audit.append(
                db,
                at,
                actor,
                "apply.begin",
                {
                    "plan": plan,
                    "commit": commit,
                    "environment": environment,
                    "run": run,
                    "publishes": publishes,
                    **(about or {}),
                    **self._follows(),
                },
            )

    def end_plan(
        self,
        plan: str,
        status: PlanStatus,
        at: str,
        actor: str,
        counts: dict[str, int],
        generations: Mapping[str, int] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> str:
        """Record how it ended, and in which generations of the stores it was; answers the hash of the entry.
        `about`: owner, commit and when that was committed."""
        with self._transaction() as db:
            db.execute("UPDATE plan SET status=? WHERE id=?", (status, plan))
            body = {
                "plan": plan,
                "status": status,
                "counts": counts,
                "generations": {**(generations or {})},
                **(about or {}),
            }
            return audit.append(db, at, actor, "apply.end", body)

    def last_intent(self) -> int:
        """The id of the intent that was written down last; 0 where there is none."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM intent")[0][0]) if self.exists else 0

    def intend(self, intents: Iterable[Intent]) -> None:
        """Write ahead: what is about to be sent. The history vouches for it, so that nothing planted is taken
        for ours."""
        given = list(intents)
        if not given:
            return
        with self._transaction() as db:
            first = db.execute("SELECT coalesce(max(id), 0) + 1 FROM intent").fetchone()[0]
            db.executemany(
                "INSERT INTO intent (plan, store, type, key, action, operation, idempotency_key, attributes, declared,"
                " origin, remote_id, protected, at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                [
                    (
                        i.plan,
                        *i.address,
                        i.action,
                        i.operation,
                        i.key,
                        orjson.dumps(i.attributes) if i.attributes is not None else None,
                        orjson.dumps(i.declared) if i.declared is not None else None,
                        i.origin,
                        i.remote_id,
                        i.protected,
                        i.at,
                    )
                    for i in given
                ],
            )
            last = first + len(given) - 1
            body = {
                "plan": given[0].plan,
                "first": first,
                "last": last,
                "seal": _intents_seal(db, first, last),
                "dated": _intents_seal(db, first, last, dated=True),
            }
            audit.append(db, given[0].at, "", INTENDED, body)

    def _vouch_intents(self, where: str, values: Sequence[Any]) -> None:
        """Stale where one of these intents is not one that the history knows, or is open though the history
        says how it ended. A ledger from before it knew any is taken as it is."""
        waiting = self._rows(
            "SELECT intent.id, intent.plan, store, type, key, operation, outcome FROM intent LEFT JOIN plan ON plan.id=intent.plan"
            f" WHERE {where}",
            values,
        )
        if not waiting:
            return
        known = self._spans()
        if not known and not self._was_sealed:
            return
        sound: set[tuple[int, int]] = set()
        begun: dict[int, int] = {}
        for id, *_ in waiting:
            span = next((one for one in known if one.first <= id <= one.last), None)
            if span is not None and span[1:3] not in sound and self._db is not None:
                sound |= {span[1:3]} if span.is_honest(self._db) else set()
            if span is None or span[1:3] not in sound:
                raise self._unsound("it holds an intent that its history does not know")
            begun[id] = span.sequence
        ended = self._ended(min(begun.values()))
        for id, plan, store, type_, key, operation, outcome in waiting:
            if outcome is not None and outcome not in ("unknown", "accepted"):
                continue
            for one in ended.get(str(Address(store, type_, key)), ()):
                if one.sequence > begun[id] and one.ends(id, plan, operation):
                    raise self._unsound("it holds an open intent that its history says has ended")

    def _spans(self, since: str = "") -> list[_Span]:
        """What the history says was written down before it was sent, the latest first; `since`: an instant
        (ISO text)."""
        rows = self._rows(
            "SELECT sequence, body FROM audit WHERE event=? AND at>=? ORDER BY sequence DESC",
            (INTENDED, since),
        )
        bodies = [(sequence, audit.body_of(raw)) for sequence, raw in rows]
        return [
            _Span(sequence, body["first"], body["last"], seal=body.get("seal"), dated=body.get("dated"))
            for sequence, body in bodies
            if type(body.get("first")) is type(body.get("last")) is int
        ]

    def _check_intents(self) -> None:
        """Stale where something that was written down lately is not there any more, or has another time, or
        is said to have ended and the history does not say so: it may still come."""
        last = self._rows("SELECT at FROM audit ORDER BY sequence DESC LIMIT 1")
        if not last or self._db is None:
            return
        try:
            since = (datetime.fromisoformat(_text(last[0][0])) - LATELY).isoformat()
        except (ValueError, OverflowError):
            since = ""
        spans = self._spans(since)
        ended = self._ended(min((one.sequence for one in spans), default=0)) if spans else {}
        for span in spans:
            if not span.is_honest(self._db):
                raise self._unsound("what was about to be sent is not what its history says")
            for id, plan, store, type_, key, operation in self._rows(
                "SELECT id, plan, store, type, key, operation FROM intent WHERE id BETWEEN ? AND ? AND outcome IS NOT NULL"
                " AND outcome NOT IN ('unknown', 'accepted')",
                (span.first, span.last),
            ):
                endings = ended.get(str(Address(store, type_, key)), ())
                if not any(one.sequence > span.sequence and one.ends(id, plan, operation) for one in endings):
                    raise self._unsound(
                        f"it says that a write of {store}/{type_}/{key} has ended, and its history does not"
                    )

    def _ended(self, since: int) -> dict[str, list[_Ending]]:
        """By address, the entries after `since` that ended intents."""
        found: dict[str, list[_Ending]] = {}
        for sequence, raw in self._rows(
            f"SELECT sequence, body FROM audit WHERE sequence>? AND event IN ('{ENDED}', 'state.rm', 'state.rebuild', 'forget')"
            " ORDER BY sequence",
            (since,),
        ):
            body = audit.body_of(raw)
            for row in _endings(body):
                if 2 <= len(row) <= 4:
                    ids = [id for id in row[2:] if isinstance(id, int)]
                    one = _Ending(
                        sequence=sequence,
                        plan=str(body.get("plan")),
                        operation=str(row[1]),
                        last=ids[0] if ids else MOST_ID,
                        after=ids[1] if len(ids) > 1 else 0,
                        own=body.get("own") is True,
                    )
                    found.setdefault(str(row[0]), []).append(one)
        return found

    def _deletions(self) -> dict[str, bool]:
        """By address, whether the last entry about a write there says that it is gone."""
        return {
            str(body.get("address")): body.get("attributes") is None
            for (raw,) in self._rows("SELECT body FROM audit WHERE event LIKE 'write.%' ORDER BY sequence")
            if (body := audit.body_of(raw))
        }

    def settle(
        self, settled: Iterable[Settled], closed: Iterable[Closed], at: str, actor: str, commit: str
    ) -> None:
        """Record what became of writes: last applied, intents closed, history."""
        with self._transaction() as db:
            endings, rows = list(closed), list(settled)
            plans = sorted({one.plan for one in endings})
            for plan in plans:
                done = [
                    [str(one.address), one.operation, one.last or _last_intent(db, one), one.after]
                    for one in endings
                    if one.plan == plan and one.outcome not in ("unknown", "accepted")
                ]
                if done:
                    audit.append(db, at, actor, ENDED, {"plan": plan, "ended": done, "own": True})
            for one in endings:
                # Of its own plan only: what another run has sent to the same place may still come, however
                # this one ends.
                db.execute(
                    "UPDATE intent SET outcome=?, message=? WHERE plan=? AND operation=? AND store=? AND type=? AND key=?"
                    " AND id>? AND id<=? AND (outcome IS NULL OR outcome IN ('unknown', 'accepted'))",
                    (
                        one.outcome,
                        one.message,
                        one.plan,
                        one.operation,
                        *one.address,
                        one.after,
                        one.last or MOST_ID,
                    ),
                )
            before: dict[Address, dict[str, Any]] = {}
            for row in rows:
                if row.outcome == "observed":
                    before |= _priced_before(db, row)
                    if row.attributes is None:
                        db.execute("DELETE FROM resource WHERE store=? AND type=? AND key=?", row.address)
                    else:
                        _put(db, row, at, commit=row.commit or commit)
            seals = self._seal(db, (row.address.store for row in rows if row.outcome == "observed"))
            for number, row in enumerate(rows, 1):
                body = {
                    "address": str(row.address),
                    "action": row.action,
                    "plan": row.plan,
                    "commit": row.commit or commit,
                    "origin": row.origin,
                    "attributes": row.attributes,
                    "message": row.message,
                    **({"before": before[row.address]} if row.address in before else {}),
                    **({"overwrote": row.overwrote} if row.overwrote else {}),
                }
                # The last entry vouches for the stores as they are after all of them.
                audit.append(
                    db,
                    at,
                    actor,
                    f"write.{row.outcome}",
                    {**body, "seals": seals} if seals and number == len(rows) else body,
                )
            self._keep_seals(db, seals)
            db.execute("UPDATE meta SET value=value+1 WHERE name='serial'")

    def record(
        self,
        rows: Sequence[Settled],
        at: str,
        actor: str,
        commit: str,
        event: str,
        about: Mapping[str, Any] | None = None,
        anew: Collection[str] = (),
    ) -> str:
        """Take resources into the ledger (or, without attributes, out of it) without any write; answers the
        hash of the entry, "" where there is nothing to record. `about`: whose ledger this is (`owner`), the
        generations of the stores before (`generations`), which marketplaces they are on (`bindings`). `anew`:
        stores in which nothing is waited for any more."""
        if not rows and not about:
            return ""
        self._said.clear()
        self._told = None
        with self._transaction() as db:
            before: dict[Address, dict[str, Any]] = {}
            for row in rows:
                before |= _priced_before(db, row)
                if row.attributes is None:
                    db.execute("DELETE FROM resource WHERE store=? AND type=? AND key=?", row.address)
                    # What was under way there is not ours any more, however it ends.
                    db.execute(
                        "UPDATE intent SET outcome=? WHERE store=? AND type=? AND key=? AND (outcome IS NULL OR outcome"
                        " IN ('unknown', 'accepted', 'superseded'))",
                        # A person gave it up by name; whoever only forgets it still reckons with what was
                        # sent (`sendings`).
                        ("given up" if event == "state.rm" else "superseded", *row.address),
                    )
                else:
                    _put(db, row, at, commit=commit)
            seals = self._seal(db, (row.address.store for row in rows))
            gone = [[str(row.address), ANY] for row in rows if row.attributes is None]
            for store in anew:
                open_ = "store=? AND (outcome IS NULL OR outcome IN ('unknown', 'accepted'))"
                waiting = db.execute(f"SELECT DISTINCT store, type, key FROM intent WHERE {open_}", (store,))
                gone += [[str(Address(*found)), ANY] for found in waiting.fetchall()]
                db.execute(f"UPDATE intent SET outcome='superseded' WHERE {open_}", (store,))
            taken = {str(row.address): row.attributes for row in rows if row.attributes is not None}
            head = audit.append(
                db,
                at,
                actor,
                event,
                {
                    "count": len(rows),
                    "addresses": [str(r.address) for r in rows[:1000]],
                    "commit": commit,
                    "seals": seals,
                    **({"taken": taken} if 0 < len(taken) <= _TOLD else {}),
                    **({"ended": gone} if gone else {}),
                    **({"before": {str(one): was for one, was in before.items()}} if before else {}),
                    **(about or {}),
                },
            )
            self._keep_seals(db, seals)
            db.execute("UPDATE meta SET value=value+1 WHERE name='serial'")
        self.__dict__.pop("_heads", None)
        return head

    def seal_as_it_stands(self) -> None:
        """Vouch for every store as it is now."""
        with self._transaction() as db:
            seals = self._seal(db, self.stores())
            last = db.execute("SELECT max(at) FROM audit").fetchone()[0] or ""
            audit.append(db, last, "acorn", audit.SEALED, {"seals": seals})
            self._keep_seals(db, seals)

    def only_intended_since(self, others: Sequence[str]) -> bool:
        """Whether all that this trail knows beyond another is what was about to be done, and nothing of it
        was published: then nothing was sent."""
        ours = self.trail()
        common = next(
            (n for n, (a, b) in enumerate(zip(ours, others, strict=False)) if a != b),
            min(len(ours), len(others)),
        )
        rows = self._rows("SELECT event, body FROM audit WHERE sequence>?", (common,))
        begun = [audit.body_of(body) for event, body in rows if event in OPENINGS]
        only = {event for event, _ in rows} <= OPENINGS | {INTENDED, ENDED, "apply.end", "state.end"}
        return only and all(body.get("publishes") is True for body in begun)

    def backup(self) -> Path | None:
        """A copy beside the file, made before anything drastic."""
        if self._db is None:
            return None
        copy = self.path.with_name(f"{self.path.name}.backup")
        check_beside(copy)
        target = sqlite3.connect(copy)
        try:
            self._db.backup(target)
        finally:
            target.close()
        return copy

    def packed(self) -> bytes:
        """The whole ledger, whatever is still in its journal, as compressed bytes for `unpacked`."""
        if self._db is None:
            raise AcornError("there is no ledger here yet", hint="`acorn apply` makes it")
        try:
            content = bytearray(self._db.serialize())
        except SPOILT as error:
            raise _unusable(self.path, error) from None
        content[18:20] = b"\x01\x01"  # a file of its own, not one with a journal beside it
        return gzip.compress(content, 6, mtime=0)

    def trail(self) -> list[str]:
        """The hashes of the audit trail: one ledger continues another when it holds the other's last."""
        return [row[0] for row in self._rows("SELECT hash FROM audit ORDER BY sequence")]


def is_ledger(path: Path) -> bool:
    """Whether a file is a database with the trail of a ledger, whatever its name is. One that is named like a
    ledger and cannot be looked into counts as one."""
    named = path.name == "ledger.db"
    try:
        with path.open("rb") as file:
            begins = file.read(16)
        if begins != b"SQLite format 3\0":
            return named and bool(begins)
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            return bool(db.execute("SELECT 1 FROM sqlite_master WHERE name='audit'").fetchall())
    except (OSError, sqlite3.Error):
        return named


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


def _put(db: sqlite3.Connection, row: Settled, at: str, commit: str) -> None:
    assert row.attributes is not None
    db.execute(
        "INSERT INTO resource (store, type, key, digest, attributes, adopted, remote_id, plan, commit_id, applied_at, origin, protected)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (store, type, key) DO UPDATE SET digest=excluded.digest,"
        " attributes=excluded.attributes, remote_id=CASE excluded.remote_id WHEN '' THEN remote_id ELSE excluded.remote_id END,"
        " plan=excluded.plan, commit_id=excluded.commit_id, applied_at=excluded.applied_at, origin=excluded.origin,"
        " protected=excluded.protected, adopted=CASE WHEN excluded.adopted=1 AND adopted=2 THEN 1 ELSE adopted END",
        (
            *row.address,
            digest(row.attributes),
            orjson.dumps(row.attributes),
            row.adopted + (row.adopted and row.found),
            row.remote_id,
            row.plan,
            commit,
            at,
            row.origin,
            row.protected,
        ),
    )


def _priced_before(db: sqlite3.Connection, row: Settled) -> dict[Address, dict[str, Any]]:
    """Of a listing whose price changes: what the row said of it, and since when."""
    if row.address.type != "listing":
        return {}
    found = db.execute(
        "SELECT attributes, applied_at FROM resource WHERE store=? AND type=? AND key=?", row.address
    ).fetchone()
    was = orjson.loads(found[0]) if found is not None else {}
    if was.get("price") is None or was.get("price") == (row.attributes or {}).get("price"):
        return {}
    said = {name: was[name] for name in ("price", "status") if name in was}
    return {row.address: {"at": found[1], "attributes": said}}


def _earlier(said: object) -> tuple[str, Attributes] | None:
    """Since when something was in force, as an entry says it."""
    if not isinstance(said, dict):
        return None
    at, attributes = said.get("at"), said.get("attributes")
    return (at, attributes) if isinstance(at, str) and at and isinstance(attributes, dict) else None


def _moment_before(at: str) -> str:
    try:
        return (datetime.fromisoformat(at) - timedelta(seconds=1)).isoformat()
    except (ValueError, OverflowError):
        return at


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
        raise _unusable(path, error) from None
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
        raise _unusable(path, broken)
    if version < SCHEMA:
        strange = not version and path.stat().st_size > 0
        db.close()
        if strange:
            raise _unusable(path, "it holds no ledger")
        if not write:
            raise Stale(
                f"{path} has an older format",
                hint="any `acorn apply` or `acorn state rebuild` brings it up to date",
            )
        _migrate(path, had_content=version > 0)
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
    if db.execute(_ANY_SEALS, (audit.SEALED,)).fetchone() is not None:
        return  # it had seals: their lack is told by whoever asks for the rows
    ledger.seal_as_it_stands()


def _text(value: object) -> str:
    """A column of text; of a file that was tampered with, what can be shown of it."""
    return value if isinstance(value, str) else repr(value)[:200]


BEGINNINGS: Final = (
    "'apply.begin', 'apply.end', 'apply.recovering', 'state.begin', 'import', 'state.rebuild', 'state.rm'"
)
"""Events that a marketplace can remember as the head of a generation, as a list in SQL."""
LATELY: Final = timedelta(days=3)
"""So far back from the last entry writes are looked at that are said to have ended: longer than any of them
may still come."""
ANY: Final = "*"
"""Every operation."""
MOST_ID: Final = (1 << 63) - 1
"""Above every id of an intent."""
BEGUN_BY_HAND: Final = (
    # As text: a SQLite may be built so that LIKE finds nothing in what is kept as bytes.
    f"SELECT sequence, at, body FROM audit WHERE event IN ({BEGINNINGS})"
    " AND CAST(body AS TEXT) LIKE '%\"by_hand\"%' ORDER BY sequence"
)
OPENINGS: Final = frozenset({"apply.begin", "apply.recovering", "state.begin"})
"""Events after which a ledger moves on before its stores remember the end of it."""


def _rows(told: Iterable[Any]) -> dict[tuple[str, str], Attributes]:
    return {(str(type), str(key)): dict(attributes) for type, key, attributes in told}


class _Told(NamedTuple):
    """What an entry says that people were told to make in a store; nothing where they are told no more."""

    sequence: int
    at: str
    store: str
    told: dict[tuple[str, str], Attributes]


class _Ending(NamedTuple):
    """That intents at one address ended: those of one plan and operation, with ids above `after` up to
    `last`. Entries from before there was `own` ended those of all other plans there, too."""

    sequence: int
    plan: str
    operation: str
    last: int
    after: int
    own: bool

    def ends(self, id: int, plan: str, operation: str) -> bool:
        """Whether an intent is among them."""
        if not self.after < id <= self.last:
            return False
        mine = self.plan == plan and self.operation in (operation, ANY)
        return mine or (not self.own and self.plan != plan)


def _last_intent(db: sqlite3.Connection, one: Closed) -> int:
    """The id of the intent that has ended: what was begun after it is another write."""
    found = db.execute(
        "SELECT max(id) FROM intent WHERE plan=? AND operation=? AND store=? AND type=? AND key=?",
        (one.plan, one.operation, *one.address),
    ).fetchone()[0]
    return int(found) if found is not None else MOST_ID


class _Span(NamedTuple):
    """Intents that were written down together, and what vouches for them. Entries from before times were
    vouched for have no `dated`."""

    sequence: int
    first: int
    last: int
    seal: object
    dated: object

    def is_honest(self, db: sqlite3.Connection) -> bool:
        """Whether the rows are those that were written down."""
        if _intents_seal(db, self.first, self.last) != self.seal:
            return False
        return self.dated is None or _intents_seal(db, self.first, self.last, dated=True) == self.dated


def _intents_seal(db: sqlite3.Connection, first: int, last: int, *, dated: bool = False) -> str:
    rows = db.execute(
        "SELECT id, plan, store, type, key, action, operation, idempotency_key, CAST(attributes AS TEXT), CAST(declared AS TEXT),"
        f" origin, remote_id, protected{', at' if dated else ''} FROM intent WHERE id BETWEEN ? AND ? ORDER BY id",
        (first, last),
    )
    return audit.seal(rows)


def _is_intent(intent: Intent) -> bool:
    """Whether a row can be one: ValueError where it is not."""
    if intent.address.type not in TYPES or not intent.address.store or not intent.address.key:
        raise ValueError("no address")
    for part in (intent.attributes, intent.declared):
        if part is not None and (not isinstance(part, dict) or unfit(part)):
            raise ValueError("no attributes")
    texts = (
        intent.plan,
        *intent.address,
        intent.action,
        intent.operation,
        intent.key,
        intent.origin,
        intent.remote_id,
    )
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("no text")
    return True


def _connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """For reading, a place where nothing may be written is good enough: without write access SQLite could not
    make the files that it shares with writers, so there the file is read as it stands."""
    check_beside(path)
    still = (
        not write
        and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        and not path.with_name(f"{path.name}-wal").exists()
    )
    if still:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", isolation_level=None, uri=True)
    else:
        db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA busy_timeout=30000")
    # Text that is none is read all the same: seals and hashes tell of it, in words.
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return db


def _honest(content: object, expected: str) -> bool:
    """Whether the content of a row is what its digest says."""
    try:
        return isinstance(content, bytes) and digest(orjson.loads(content)) == expected
    except (orjson.JSONDecodeError, TypeError, AttributeError):
        return False


def _size(path: Path) -> int:
    """Bytes of a database and of its write-ahead log."""
    return sum(part.stat().st_size for part in (path, path.with_name(f"{path.name}-wal")) if part.exists())


def _unusable(path: Path, error: object) -> AcornError:
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


def _migrate(path: Path, *, had_content: bool) -> None:
    import shutil

    from alembic import command
    from alembic.config import Config

    if had_content:
        shutil.copy2(path, path.with_name(f"{path.name}.before-migration"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["path"] = path
    command.upgrade(config, "head")
