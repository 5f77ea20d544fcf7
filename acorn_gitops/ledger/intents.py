"""What was about to be sent, written down before it was. Comes in: rows, and the history that vouches
for them. Goes out: intents, open and ended. Caller: `sqlite`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import orjson

from acorn_gitops.ledger import audit
from acorn_gitops.ledger.records import ENDED, INTENDED, Intent
from acorn_gitops.ledger.rows import MOST_ID, shown_text
from acorn_gitops.ledger.trail import Trail, endings_of
from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.model.sound import unfit
from acorn_gitops.resources.registry import TYPES

LATELY: Final = timedelta(days=3)
"""So far back from the last entry writes are looked at that are said to have ended: longer than any of them
may still come."""
ANY: Final = "*"
"""Every operation."""

_LATER: Final = (
    "'apply.begin', 'apply.recovering', 'state.begin', 'import', 'state.rebuild', 'state.rm', 'forget'"
)
"""Events that begin, or change what is known, as a list in SQL."""


class Intents(Trail):
    """Writes by what is known of them. None is believed that the history does not know."""

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

    def intents_of(self, plan: str) -> list[Intent]:
        """Writes of a plan that are still open."""
        return self._intents(
            "intent.plan=? AND (outcome IS NULL OR outcome IN ('unknown', 'accepted'))", (plan,)
        )

    def undisturbed(self) -> list[Intent]:
        """Open intents since which no run has begun, and nothing was taken in or forgotten: nobody has looked
        for what came of them."""
        found = self.open_intents()
        if not found:
            return []
        last = self._rows(f"SELECT coalesce(max(sequence), 0) FROM audit WHERE event IN ({_LATER})")[0][0]
        spans = [one for one in self._spans() if one.sequence > last]
        return [i for i in found if any(one.first <= i.id <= one.last for one in spans)]

    def last_intent(self) -> int:
        """The id of the intent that was written down last; 0 where there is none."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM intent")[0][0]) if self.exists else 0

    def _intents(self, where: str, values: Sequence[object] = ()) -> list[Intent]:
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

    def _read_intents(self, where: str, values: Sequence[object]) -> list[Intent]:
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
                accepted=o == "accepted",
            )
            for id, p, s, t, k, action, op, key, a, d, origin, remote, protected, at, o, commit in self._rows(
                "SELECT intent.id, intent.plan, intent.store, intent.type, intent.key, action, operation, idempotency_key, attributes, declared, origin,"
                " remote_id, protected, intent.at, outcome, commit_id FROM intent LEFT JOIN plan ON plan.id=intent.plan"
                f" WHERE {where} ORDER BY intent.id",
                values,
            )
        ]

    def _vouch_intents(self, where: str, values: Sequence[object]) -> None:
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
            since = (datetime.fromisoformat(shown_text(last[0][0])) - LATELY).isoformat()
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
            for row in endings_of(body):
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
        if intents_seal(db, self.first, self.last) != self.seal:
            return False
        return self.dated is None or intents_seal(db, self.first, self.last, dated=True) == self.dated


def intents_seal(db: sqlite3.Connection, first: int, last: int, *, dated: bool = False) -> str:
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
