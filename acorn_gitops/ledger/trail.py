"""What the history of a ledger says. Comes in: its chain of entries. Goes out: who applied what when, what
was in force, which entries count. Callers: `intents`, and through the ledger everybody.

The history is all that vouches for a ledger: rows beside it are believed as far as it does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from acorn_gitops.confine.database import Bounded
from acorn_gitops.confine.text import one_line
from acorn_gitops.ledger import audit
from acorn_gitops.ledger.records import Entry
from acorn_gitops.ledger.rows import MOST_ID, Rows
from acorn_gitops.ledger.shape import SUBJECT
from acorn_gitops.model.finding import Stale
from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.resources.registry import parse_address

BEGINNINGS: Final = (
    "'apply.begin', 'apply.end', 'apply.recovering', 'state.begin', 'import', 'state.rebuild', 'state.rm'"
)
"""Events that a marketplace can remember as the head of a generation, as a list in SQL."""
OPENINGS: Final = frozenset({"apply.begin", "apply.recovering", "state.begin"})
"""Events after which a ledger moves on before its stores remember the end of it."""
BEGUN_BY_HAND: Final = (
    # As text: a SQLite may be built so that LIKE finds nothing in what is kept as bytes.
    f"SELECT sequence, at, body FROM audit WHERE event IN ({BEGINNINGS})"
    " AND CAST(body AS TEXT) LIKE '%\"by_hand\"%' ORDER BY sequence"
)
ANY_SEALS: Final = 'SELECT 1 FROM audit WHERE event=? OR instr(CAST(body AS TEXT), \'"seals":{"\') LIMIT 1'


class Trail(Rows):
    """Entries from the first to the last; those that no store has heard of can be made to count for nothing
    (`believe`)."""

    def __init__(self, path: Path, db: Bounded | None, *, writes: bool = False) -> None:
        super().__init__(path, db, writes=writes)
        self._said: dict[str, dict[str, object]] = {}
        self._told: list[_Told] | None = None
        self._sealed: dict[str, int] = {}
        self._until: int | None = None
        """The last entry that counts (`believe`); None: all of them."""

    def _read_anew(self) -> None:
        """What was read of the history is read again: something is added to it."""
        self._said.clear()
        self._told = None

    def history(self) -> list[Entry]:
        """The audit trail from the beginning."""
        return [
            Entry(n, at, actor, event=event, body=audit.body_of(body), hash=h)
            for n, at, actor, event, body, h in self._rows(
                "SELECT sequence, at, actor, event, body, hash FROM audit ORDER BY sequence"
            )
        ]

    def verify(self) -> int | None:
        """The sequence number of the first line of history that was changed or removed; None when all is
        well."""
        return audit.first_broken(
            self._rows("SELECT sequence, at, actor, event, body, previous, hash FROM audit ORDER BY sequence")
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

    def trail(self) -> list[str]:
        """The hashes of the audit trail: one ledger continues another when it holds the other's last."""
        return [row[0] for row in self._rows("SELECT hash FROM audit ORDER BY sequence")]

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
        self._said.pop("by_hand", None)
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

    @cached_property
    def _has_seals(self) -> bool:
        return bool(self._rows("SELECT 1 FROM sqlite_master WHERE type='table' AND name='seal'"))

    @cached_property
    def _was_sealed(self) -> bool:
        """Whether any entry vouches for rows: a ledger from before there were seals has none."""
        return bool(self._rows(ANY_SEALS, (audit.SEALED,)))

    def note_seals(self) -> None:
        """Remember how the stores are vouched for now: what this process adds is its own."""
        rows = self._rows("SELECT store, sequence FROM seal") if self._has_seals else []
        self._sealed = {store: sequence for store, sequence in rows if isinstance(sequence, int)}

    def vouches(self, head: str, opening: str) -> bool:
        """Whether an entry that a store remembers follows from an opening, or is it: what was added later no
        store has heard of."""
        found = dict(self._rows("SELECT hash, sequence FROM audit WHERE hash IN (?, ?)", (head, opening)))
        return opening in found and head in found and found[opening] <= found[head]

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
                gone = {found for row in endings_of(body) if (found := _address(row[0]))}
                opened = {one: left for one, names in opened.items() if (left := names - gone)}
        return opened

    def generation(self, store: str) -> int:
        """The last generation of a store that this ledger knows; 0 where it knows none."""
        number = self._said_of("generations", store)
        return number if isinstance(number, int) else 0

    def binding(self, store: str) -> str:
        """Which marketplace a store was on when something was last recorded of it (`marketplace_of`); empty
        where that is not known."""
        said = self._said_of("bindings", store)
        return said if isinstance(said, str) else ""

    def bindings(self, store: str) -> frozenset[str]:
        """Every marketplace that it was ever said to be on, also by entries that count for nothing: for
        whoever asks what may bind."""
        found = {self.binding(store)}
        for (raw,) in self._each(f"SELECT body FROM audit WHERE event IN ({BEGINNINGS})"):
            said = audit.body_of(raw).get("bindings")
            found.add(str(said.get(store) or "") if isinstance(said, dict) else "")
        return frozenset(found - {""})

    def _said_of(self, what: str, store: str) -> object:
        """What the last entry that speaks of it says of a store."""
        if what not in self._said:
            found: dict[str, object] = {}
            for sequence, raw in self._rows(
                f"SELECT sequence, body FROM audit WHERE event IN ({BEGINNINGS}) ORDER BY sequence"
            ):
                said = audit.body_of(raw).get(what)
                counts = what != "by_hand" or self._counts(sequence)
                found |= said if counts and isinstance(said, dict) else {}
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

    def _counting(self, where: str, values: Sequence[object] = ()) -> Iterator[Any]:
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

    def unsoaked(self) -> dict[str, list[Address]]:
        """By phase of a rollout, what had not stood its time when the last run ended, or died. Entries that
        count for nothing are a reason to wait, and never one to wait less: what they say is added to what the
        last one says that counts. Stale where one cannot be read."""
        found: dict[str, set[Address]] = {}
        for sequence, raw in self._each(
            "SELECT sequence, body FROM audit WHERE event IN ('apply.begin', 'apply.end')"
            " AND instr(CAST(body AS TEXT), '\"unsoaked\":') ORDER BY sequence DESC"
        ):
            body = audit.body_of(raw)
            if "unsoaked" not in body:
                continue
            for phase, addresses in self._waiting(sequence, body["unsoaked"]):
                found.setdefault(phase, set()).update(addresses)
            if self._counts(sequence):
                break
        return {phase: sorted(addresses) for phase, addresses in found.items()}

    def _waiting(self, sequence: int, said: object) -> Iterator[tuple[str, list[Address]]]:
        phases = said.items() if isinstance(said, dict) else (("", None),)
        for phase, texts in phases:
            addresses = [_address(text) for text in texts] if isinstance(texts, list) else [None]
            if None in addresses:
                raise Stale(
                    f"{self.path}: entry {sequence} says nothing that can be read of a rollout",
                    hint="put an older ledger back, or move this one away and run `acorn state rebuild`",
                )
            yield str(phase), [one for one in addresses if one is not None]

    def last_guards(self) -> dict[str, object]:
        """The settings that guarded the last run of which they are known."""
        for raw in self._counting("event='apply.begin'"):
            guards = audit.body_of(raw).get("guards")
            if isinstance(guards, dict) and guards:
                return guards
        return {}

    def whole_guards(self) -> dict[str, object]:
        """The same of the last run that came to its end and left nothing out."""
        for raw in self._counting("event='apply.end'"):
            body = audit.body_of(raw)
            guards = body.get("guards")
            if body.get("status") == "complete" and not body.get("selected"):
                return guards if isinstance(guards, dict) else {}
        return {}

    def unheard(self) -> list[Mapping[str, object]]:
        """What entries say with which runs began that count for nothing, after the last one that counts, the
        newest first. A rebuild that counts is such an end, too."""
        found: list[Mapping[str, object]] = []
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
            f"SELECT sequence, at FROM audit WHERE event='write.observed' AND ({SUBJECT} GLOB ? OR {SUBJECT} GLOB ?)"
            " UNION ALL SELECT 0, applied_at FROM resource WHERE store=? AND type IN ('role', 'grant')"
        )
        rows = self._each(said, (*subjects, store))
        every = [at for sequence, at in rows if not sequence or self._counts(sequence)]
        rights: dict[tuple[str, str], Attributes] = {}
        for one in self._ever_told():
            if one.store == store and self._counts(one.sequence):
                now = {name: said for name, said in one.told.items() if name[0] in ("role", "grant")}
                # That something else is to be done there says nothing.
                every += [one.at] if now != rights else []
                rights = now
        return max((at for at in every if isinstance(at, str)), default="")

    def owner(self) -> str:
        """Whose ledger this is (project/environment); "" where nothing says so."""
        return str(self._whose().get("owner") or "")

    def _whose(self) -> Mapping[str, object]:
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

    def states(self, addresses: Collection[Address]) -> Iterator[tuple[str, Address, Attributes | None]]:
        """What was in force from when on, of these resources: (instant, address, attributes; None when it was
        gone). Made from the audit trail; of promotions in its order, of prices in any. What was only recorded
        is known from the row, or from the entry that replaced it; what somebody else had set, from the write
        that ended it, a second before it."""
        wanted = {str(address): address for address in addresses}
        seen: set[str] = set()
        recorded = (
            "SELECT sequence, body FROM audit"
            " WHERE event IN ('import', 'adopt', 'forget', 'state.rebuild', 'state.rm')"
        )
        for sequence, raw in self._each(recorded):
            if not self._counts(sequence):
                continue
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

    def renames(self, store: str, type: str) -> list[tuple[str, str, str]]:
        """Resources of a type that were given another key, in their order: (instant, key, former key)."""
        under = f"{store}/{type}/"
        rows = self._each(
            "SELECT sequence, at, body FROM audit WHERE event='write.observed' AND"
            f' {SUBJECT} >= ? AND {SUBJECT} < ? AND instr(CAST(body AS TEXT), \'"former":"\') ORDER BY sequence',
            (under, under[:-1] + chr(ord("/") + 1)),
        )
        found = []
        for sequence, at, raw in rows:
            body = audit.body_of(raw)
            if isinstance(body.get("former"), str) and self._counts(sequence):
                found.append((at, parse_address(body["address"]).key, body["former"]))
        return found

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
        return as_told(said) if isinstance(said, list) else {}

    def ever_by_hand(self) -> dict[str, dict[tuple[str, str], Attributes]]:
        """The same of every store, as it was when it was not empty."""
        return {one.store: one.told for one in self._ever_told() if one.told and self._counts(one.sequence)}

    def _ever_told(self) -> list[_Told]:
        """What people were told in a store, entry by entry."""
        if self._told is None:
            found = [(*row, audit.body_of(raw).get("by_hand")) for *row, raw in self._each(BEGUN_BY_HAND)]
            self._told = [
                _Told(sequence, at, store=store, told=as_told(told))
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


class _Told(NamedTuple):
    """What an entry says that people were told to make in a store; nothing where they are told no more."""

    sequence: int
    at: str
    store: str
    told: dict[tuple[str, str], Attributes]


def as_told(told: Iterable[Any]) -> dict[tuple[str, str], Attributes]:
    return {(str(type), str(key)): dict(attributes) for type, key, attributes in told}


def _address(name: object) -> Address | None:
    """An address that an entry names; None where it is none, which nothing can be done to."""
    try:
        return parse_address(str(name))
    except ValueError:
        return None


def endings_of(body: Mapping[str, object]) -> list[list[object]]:
    """What an entry says of endings, each a row that begins with an address; anything else ends nothing."""
    rows = body.get("ended")
    return [row for row in rows if isinstance(row, list) and row] if isinstance(rows, list) else []


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
