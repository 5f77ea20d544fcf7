"""One environment's ledger in SQLite. Comes in: outcomes of writes. Goes out: last-applied resources, open
intents, plans, history. Callers: apply, reconcile, cli; it is opened by `opening`.

Reading needs no write access and creates nothing: a missing file is an empty ledger.
"""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson

from acorn_gitops.confine.database import check_beside
from acorn_gitops.ledger import audit
from acorn_gitops.ledger.intents import ANY, Intents, intents_seal
from acorn_gitops.ledger.records import BROKEN, ENDED, INTENDED, Closed, Intent, PlanStatus, Settled
from acorn_gitops.ledger.rows import MOST_ID, SPOILT, shown_text, unusable
from acorn_gitops.ledger.shape import TYPED
from acorn_gitops.ledger.trail import OPENINGS
from acorn_gitops.model.finding import AcornError
from acorn_gitops.model.resource import Address, digest
from acorn_gitops.plan.change import Applied, Step

SMALL: Final = 2 << 20
"""Bytes up to which a whole ledger is looked through for every plan."""
_TOLD: Final = 100
"""Resources that were recorded without a write, of which the audit trail says what they were; of more it
would grow by a catalogue."""
_OF_STORE: Final = "SELECT type, key, digest, protected, adopted, applied_at, remote_id FROM resource WHERE store=? ORDER BY type, key"
"""All of a row that decides anything: what was sealed is that."""
_WHOLE_STORE: Final = _OF_STORE.replace(" FROM", ", attributes FROM")


class SqliteLedger(Intents):
    """Opened by `open_ledger`; one thread, one process at a time for writing."""

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
        rows = self._rows(_OF_STORE, (store,))
        if not self._vouched(store, rows):
            raise self._unsound(f"what was last applied to {store} is not what its history says")
        return {
            (type, key): Applied(
                dig,
                partial(self._content, store, type, key, dig),
                protected=bool(protected),
                found=adopted == 2,
            )
            for type, key, dig, protected, adopted, _, _ in rows
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
            if value != audit.seal(rows, like=value):
                return False
        except (TypeError, ValueError):  # a value of a type that no seal was ever made of
            return False
        entries = self._rows("SELECT body FROM audit WHERE sequence=?", (sequence,))
        return bool(entries) and audit.seals_of(entries[0][0]).get(store) == value

    def check_sound(self) -> None:
        """Stale where the history was changed or cut, or where what was last applied is not what it says:
        before anything is written, and where a ledger comes from elsewhere."""
        with self._of_one_moment():
            self._check_sound()

    def _check_sound(self) -> None:
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
            if not self._vouched(store, [row[:-1] for row in rows]):
                raise self._unsound(f"what was last applied to {store} is not what its history says")
            for type, key, dig, *_, content in rows:
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
                raise unusable(self.path, broken)
            self.check_sound()

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
        return {(type, key): shown_text(id) for type, key, id in rows}

    def holds(self, store: str) -> bool:
        """Whether anything is recorded of a store."""
        return bool(self._rows("SELECT 1 FROM resource WHERE store=? LIMIT 1", (store,)))

    def stores(self) -> list[str]:
        """Stores that the ledger knows."""
        return [
            shown_text(row[0]) for row in self._rows("SELECT DISTINCT store FROM resource ORDER BY store")
        ]

    def resources(self) -> list[tuple[Address, dict[str, object]]]:
        """Every row, for `state list`, `state show` and export."""
        return [
            (
                Address(s, t, k),
                {
                    "attributes": audit.body_of(a),
                    "adopted": bool(ad),
                    "remote_id": shown_text(r),
                    "plan": shown_text(p),
                    "commit": shown_text(c),
                    "applied_at": shown_text(at),
                    "origin": shown_text(o),
                },
            )
            for s, t, k, a, ad, r, p, c, at, o in self._rows(
                "SELECT store, type, key, attributes, adopted, remote_id, plan, commit_id, applied_at, origin FROM resource"
                " ORDER BY store, type, key"
            )
        ]

    def recorded(self, address: Address) -> tuple[str, str]:
        """By which plan a resource was last recorded, and when; empty where it never was."""
        rows = self._rows(
            "SELECT plan, applied_at FROM resource WHERE store=? AND type=? AND key=?", tuple(address)
        )
        return (shown_text(rows[0][0]), shown_text(rows[0][1])) if rows else ("", "")

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

    def open_up(self, event: str, at: str, actor: str, about: Mapping[str, object]) -> str:
        """Record that something is about to move this ledger (one of `OPENINGS`); answers the hash of the
        entry, for the stores to remember first: whoever dies in between is not taken for somebody else."""
        self._read_anew()
        with self._transaction() as db:
            head = audit.append(db, at, actor, event, {**about, **self._follows()})
        self.__dict__.pop("_heads", None)
        return head

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
        about: Mapping[str, object] | None = None,
    ) -> str:
        """Record that a plan is being applied; answers the hash of the entry. `run` keeps it apart from every
        other; `publishes`: it writes nothing before this entry is where others see it; `about`: owner,
        generations and bindings, as `record` takes them."""
        self._read_anew()
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
        about: Mapping[str, object] | None = None,
    ) -> str:
        """Record how it ended, and in which generations of the stores it was; answers the hash of the entry.
        `about`: owner, commit and when that was committed."""
        with self._transaction(regardless=True) as db:
            db.execute("UPDATE plan SET status=? WHERE id=?", (status, plan))
            body = {
                "plan": plan,
                "status": status,
                "counts": counts,
                "generations": {**(generations or {})},
                **(about or {}),
            }
            return audit.append(db, at, actor, "apply.end", body)

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
                "seal": intents_seal(db, first, last),
                "dated": intents_seal(db, first, last, dated=True),
            }
            audit.append(db, given[0].at, "", INTENDED, body)

    def settle(
        self, settled: Iterable[Settled], closed: Iterable[Closed], at: str, actor: str, commit: str
    ) -> None:
        """Record what became of writes: last applied, intents closed, history."""
        with self._transaction(regardless=True) as db:
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
            before: dict[Address, dict[str, object]] = {}
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
                    **({"former": row.former} if row.former else {}),
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
        about: Mapping[str, object] | None = None,
        anew: Collection[str] = (),
    ) -> str:
        """Take resources into the ledger (or, without attributes, out of it) without any write; answers the
        hash of the entry, "" where there is nothing to record. `about`: whose ledger this is (`owner`), the
        generations of the stores before (`generations`), which marketplaces they are on (`bindings`). `anew`:
        stores in which nothing is waited for any more."""
        if not rows and not about:
            return ""
        self._read_anew()
        with self._transaction() as db:
            before: dict[Address, dict[str, object]] = {}
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
        only = {event for event, _ in rows} <= OPENINGS | {INTENDED, ENDED, BROKEN, "apply.end", "state.end"}
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
            raise unusable(self.path, error) from None
        content[18:20] = b"\x01\x01"  # a file of its own, not one with a journal beside it
        return gzip.compress(content, 6, mtime=0)


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


def _priced_before(db: sqlite3.Connection, row: Settled) -> dict[Address, dict[str, object]]:
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


def _last_intent(db: sqlite3.Connection, one: Closed) -> int:
    """The id of the intent that has ended: what was begun after it is another write."""
    found = db.execute(
        "SELECT max(id) FROM intent WHERE plan=? AND operation=? AND store=? AND type=? AND key=?",
        (one.plan, one.operation, *one.address),
    ).fetchone()[0]
    return int(found) if found is not None else MOST_ID


def _honest(content: object, expected: str) -> bool:
    """Whether the content of a row is what its digest says."""
    try:
        return isinstance(content, bytes) and digest(orjson.loads(content)) == expected
    except (orjson.JSONDecodeError, TypeError, AttributeError):
        return False
