"""Writing to a marketplace that takes no expected version and no idempotency key (Vendure, Amazon). Comes in:
a kind's own ways of finding, creating, changing and deleting. Goes out: an outcome for every write. Callers:
adapters; their kinds implement `Kind`.

An adapter asks `in_shape` around everything that reads answers, `carry_out_run` for a run of writes of one
type, and `checked` for what can be known without writing.

Every batch looks first: what has moved since it was read is a conflict, what exists already is never created
again, and what a lost answer left behind is found instead of doubled. Afterwards it looks again: a write is
done when it is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import groupby
from typing import Any, Final, NamedTuple, Protocol

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.protocol import Outcome, Status, Write
from acorn_gitops.model.finding import Incomplete, MarketplaceError, Unreachable
from acorn_gitops.model.resource import Attributes, Live, digest
from acorn_gitops.model.sound import unfit
from acorn_gitops.plan.compare import holds

Raw = dict[str, Any]
"""What a marketplace said of a thing, as it came."""


class RemoteStore(NamedTuple):
    """A store as the marketplace knows it. `token` chooses it in a request, where it needs one; `raw` is what
    the marketplace said of it."""

    store: str
    id: str
    token: str
    raw: Raw


class Row(NamedTuple):
    """A resource, and what the marketplace said of it."""

    live: Live
    raw: Any


class Rows(dict[str, Row]):
    """Rows by key. `twins`: keys under which several things were found, each with a sentence about it; which
    of them is meant nobody may guess, so that none is a row."""

    def __init__(self, what: str = "", found: Iterable[tuple[str, Row]] = ()) -> None:
        super().__init__()
        self.twins: dict[str, str] = {}
        ids: dict[str, list[str]] = {}
        for key, row in found:
            ids.setdefault(key, []).append(row.live.remote_id)
            self[key] = row
        for key, several in ids.items():
            if len(several) > 1:
                del self[key]
                shown = ", ".join(several[:5])
                self.twins[key] = (
                    f"there are {len(several)} {what} named {key} (ids {shown}), and which one is meant cannot be known"
                )

    def only(self, keys: Collection[str] | None) -> Rows:
        """Those of these keys."""
        if keys is None:
            return self
        chosen = Rows()
        chosen.update({k: v for k, v in self.items() if k in keys})
        chosen.twins = {k: v for k, v in self.twins.items() if k in keys}
        return chosen


class Job(NamedTuple):
    """One thing to do: what is there (None when nothing is), and the attributes that shall hold."""

    key: str
    row: Row | None
    attributes: Attributes
    """As sent: all of a creation, the changed ones of an update; None clears."""

    @property
    def merged(self) -> Attributes:
        """All attributes that will hold."""
        before = self.row.live.attributes if self.row is not None else {}
        return {k: v for k, v in {**before, **self.attributes}.items() if v is not None}


class Taken(str):
    """Of a job that was taken and is still under way: a sentence about that."""


class Unsure(str):
    """Of a job to which an error came back, and of which nobody knows whether it was done: what was said."""


class Doubtful(Unreachable):
    """An error came back to a write, and it may have been done all the same. `late`: it may still be."""

    def __init__(self, message: str, *, late: bool, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.late = late


Trouble = str | None
"""Why a job failed; None when it was done, or taken (`Taken` where there is something to say of it)."""


class Kind(Protocol):
    """One resource type."""

    type: str
    shared: bool
    """Whether all stores of the server share it: a second creation of the same is then no twin."""

    def rows(self, channel: RemoteStore, keys: Collection[str] | None) -> Rows:
        """What a store holds, or those of these keys."""

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Create, and answer for each."""

    def update(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Change, and answer for each."""

    def delete(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Delete, and answer for each."""


def live(attributes: Attributes, raw: Mapping[str, object], id: str, told: Attributes | None = None) -> Live:
    """A live resource. Its version is what the marketplace says of its age (`updatedAt`), with the fields: a
    change that the age does not show is seen too. `told`: fields that it keeps in other words than
    acorn's."""
    kept = {k: v for k, v in attributes.items() if v is not None}
    version = digest({"at": str(raw.get("updatedAt") or ""), "fields": {**kept, **(told or {})}})
    return Live(kept, version, id)


def one_by_one(jobs: Sequence[Job], do: Callable[[Job], None]) -> list[Trouble]:
    """Each job by itself; a refusal stays with its row, and so does doubt. Unreachable passes: nothing more
    is known then."""
    troubles: list[Trouble] = []
    for job in jobs:
        try:
            do(job)
            troubles.append(None)
        except Doubtful as error:
            troubles.append(Unsure(error.message))
        except Unreachable:
            raise
        except MarketplaceError as error:
            troubles.append(error.message)
    return troubles


class Journal:
    """Which writes were sent in this run, and how they ended: the same write sent again has one effect."""

    def __init__(self) -> None:
        self.done: dict[str, Outcome] = {}
        self.sent: set[str] = set()
        self._moved: dict[str, _Moved] = {}
        """By the marketplace's own name, what this run has changed of a thing that several stores share."""

    def note(self, store: str, before: Row, after: Row) -> None:
        """This run has changed a thing in a store. Of interest is what several stores share, which has an age
        (`updatedAt`) and a name of its own on the whole server."""
        if not before.raw.get("updatedAt"):
            return
        old, new = before.live.attributes, after.live.attributes
        changed = {n for n in old.keys() | new.keys() if old.get(n) != new.get(n)}
        first = self._moved.get(before.live.remote_id)
        at = first.at if first is not None else str(before.raw.get("updatedAt") or "")
        was = {**{n: old.get(n) for n in changed}, **(first.was if first is not None else {})}
        now = {**(first.now if first is not None else {}), **{n: new.get(n) for n in changed}}
        stores = {store} | (first.stores if first is not None else frozenset())
        self._moved[before.live.remote_id] = _Moved(at, was, now, stores=frozenset(stores))

    def is_own(self, store: str, row: Row, etag: str) -> bool:
        """Whether a thing is as it was read in a store, but for what this run has changed of it in others
        that have it, too."""
        moved = self._moved.get(row.live.remote_id)
        if moved is None or store in moved.stores:
            return False
        held = dict(row.live.attributes)
        held.update((n, moved.was[n]) for n, value in moved.now.items() if held.get(n) == value)
        return live(held, {"updatedAt": moved.at}, row.live.remote_id).etag == etag


class _Moved(NamedTuple):
    """What was changed of a thing: how old it was, and fields before and now."""

    at: str
    was: Attributes
    now: Attributes
    stores: frozenset[str]


def carry_out(kind: Kind, channel: RemoteStore, writes: Sequence[Write], journal: Journal) -> list[Outcome]:
    """A batch of writes of one kind in one store."""
    outcomes: dict[int, Outcome] = {}
    waiting: dict[str, list[tuple[int, Write]]] = {"create": [], "update": [], "delete": []}
    keys = {key for write in writes for key in (write.address.key, write.former) if key}
    before = kind.rows(channel, keys)
    for number, write in enumerate(writes):
        known = journal.done.get(write.key)
        if known is not None and known.status == "observed":
            outcomes[number] = known
            continue
        twins = before.twins.get(write.former or write.address.key)
        verdict = (
            Outcome(write.address, "conflict", twins)
            if twins
            else Outcome(write.address, "conflict", "another has this key already")
            if write.former in before and write.address.key in before and write.former
            else _judge(kind, write, _row(write, before), journal=journal)
        )
        if verdict is not None:
            outcomes[number] = verdict
        else:
            waiting[write.operation].append((number, write))
    troubles: dict[int, Trouble] = {}
    for operation, carry in (("delete", kind.delete), ("create", kind.create), ("update", kind.update)):
        todo = waiting[operation]
        if not todo:
            continue
        journal.sent.update(write.key for _, write in todo)
        jobs = [Job(w.address.key, _row(w, before), w.attributes) for _, w in todo]
        for (number, _), trouble in zip(todo, carry(channel, jobs), strict=True):
            troubles[number] = trouble
    try:
        after = kind.rows(channel, keys) if troubles else before
    except MarketplaceError as error:
        # Done or not, it was not seen: nobody knows until somebody looks.
        for number in troubles:
            outcomes[number] = Outcome(writes[number].address, "unknown", error.message)
        return [outcomes[number] for number in range(len(writes))]
    for number, trouble in troubles.items():
        write = writes[number]
        twins = after.twins.get(write.address.key)
        seen, was = after.get(write.address.key), _row(write, before)
        outcomes[number] = _seen(write, seen, trouble or twins)
        if trouble is None and was is not None and seen is not None:
            journal.note(channel.store, was, seen)
        journal.done[write.key] = outcomes[number]
    return [outcomes[number] for number in range(len(writes))]


@contextmanager
def in_shape(name: str, maker: str, *, hint: str, sent: bool = False) -> Iterator[None]:
    """What a marketplace never answers is the server's fault: MarketplaceError, or with `sent` Unreachable,
    as nobody knows what a write has done. `name` of the connection, `maker` of the marketplace."""
    try:
        yield
    except NONSENSE as error:
        kind = Unreachable if sent else MarketplaceError
        what = one_line(f"{type(error).__name__}: {error}", 200)
        raise kind(f"{name}: the answer is none that {maker} gives ({what})", hint=hint) from None


_NO_KEY: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line ends and halves of letters. What is odd and legal (a no-break space, an emoji of
tomorrow) is a name that somebody gave."""
LONGEST: Final = 400
"""Letters of a key."""


def check_rows(store: str, resources: Mapping[tuple[str, str], Live]) -> None:
    """Incomplete where what a store shows cannot be reckoned with: a key that is none, an amount that is
    none, what is nested without end."""
    for (type_, key), live in resources.items():
        # An empty one is odd and real: Vendure keeps variants without a SKU, and import tells of them.
        if type(key) is not str or len(key) > LONGEST or _NO_KEY.search(key):
            why = "a key that is none"
        elif not (why := unfit(dict(live.attributes))):
            continue
        raise Incomplete(
            f"{store}: {type_} {one_line(str(key), 60)}: {why}", hint="this is a fault of the server"
        )


NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What an answer of another shape leads to."""


def carry_out_run(
    kind: Kind,
    there: Callable[[], RemoteStore],
    writes: Sequence[Write],
    journal: Journal,
    *,
    amiss: Callable[[Write, RemoteStore], str],
    shape: AbstractContextManager[None],
) -> list[Outcome]:
    """A run of writes of one type, under `shape` (`in_shape` with `sent`). `amiss` says why a write must not
    be sent, empty where it may be. A server that gives no answer leaves all of them unknown."""
    try:
        with shape:
            store = there()
            wrong = {n: why for n, write in enumerate(writes) if (why := amiss(write, store))}
            good = [write for n, write in enumerate(writes) if n not in wrong]
            done = iter(carry_out(kind, store, good, journal=journal) if good else [])
            return [
                Outcome(write.address, "rejected", wrong[n]) if n in wrong else next(done)
                for n, write in enumerate(writes)
            ]
    except Unreachable as error:
        return [Outcome(write.address, "unknown", error.message) for write in writes]
    except MarketplaceError as error:
        return [Outcome(write.address, "rejected", error.message) for write in writes]


def checked(
    kinds: Mapping[str, Kind],
    store: RemoteStore,
    writes: Sequence[Write],
    amiss: Callable[[Write, RemoteStore], str],
) -> list[Outcome]:
    """What can be known without writing: whether each thing is there, has moved, and may be sent."""
    outcomes: list[Outcome] = []
    for write in writes:
        kind = kinds[write.address.type]
        row = kind.rows(store, [write.address.key]).get(write.address.key)
        if trouble := amiss(write, store):
            outcomes.append(Outcome(write.address, "rejected", trouble))
        elif write.operation == "create" and row is not None and not kind.shared:
            outcomes.append(Outcome(write.address, "conflict", "it exists already"))
        elif write.operation != "create" and row is None:
            outcomes.append(Outcome(write.address, "rejected", "it is not there"))
        elif write.etag and row is not None and row.live.etag != write.etag:
            outcomes.append(Outcome(write.address, "conflict", "it was changed since it was read"))
        else:
            outcomes.append(Outcome(write.address, "observed"))
    return outcomes


def of_one_type(writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
    """Runs of writes of one type, in order."""
    for _, run in groupby(writes, key=lambda write: write.address.type):
        yield [*run]


def _row(write: Write, before: Rows) -> Row | None:
    """What a write is about: under its former key, or under its own where it was renamed already."""
    return before.get(write.former or write.address.key) or before.get(write.address.key)


def _judge(kind: Kind, write: Write, row: Row | None, journal: Journal) -> Outcome | None:
    """The outcome of a write that need not or must not be sent; None when it shall be."""
    again = write.key in journal.sent
    if write.operation == "create":
        if row is None:
            return None
        if (again or kind.shared) and holds(write.attributes, row.live):
            return _done(write, row)
        return Outcome(write.address, "conflict", "it exists already")
    if row is None:
        if write.operation == "delete":
            return Outcome(write.address, "observed", read_back=True)
        return Outcome(write.address, "rejected", "it is not there")
    if write.etag and write.etag != row.live.etag:
        if again and write.operation == "update" and holds(write.attributes, row.live):
            return _done(write, row)
        if not journal.is_own(write.address.store, row, write.etag):
            return Outcome(write.address, "conflict", "it was changed since it was read")
    return None


def _done(write: Write, row: Row) -> Outcome:
    etag, id = row.live.etag, row.live.remote_id
    return Outcome(write.address, "observed", etag=etag, remote_id=id, read_back=True)


def _seen(write: Write, row: Row | None, trouble: Trouble) -> Outcome:
    taken = trouble if isinstance(trouble, Taken) else ""
    if isinstance(trouble, Unsure):
        is_done = (
            row is None
            if write.operation == "delete"
            else row is not None and holds(write.attributes, row.live)
        )
        if not is_done:
            return Outcome(write.address, "unknown", trouble)
        trouble = None
    if trouble is not None and not taken:
        return Outcome(write.address, "rejected", trouble)
    if write.operation == "delete":
        status: Status = "observed" if row is None else "accepted"
        return Outcome(write.address, status, taken if row is not None else "", read_back=True)
    if row is None:
        return Outcome(write.address, "accepted", taken or "it was taken, and cannot be seen")
    status = "observed" if holds(write.attributes, row.live) else "accepted"
    why = "" if status == "observed" else taken or "it was taken, and reads differently"
    return Outcome(
        write.address, status, why, etag=row.live.etag, remote_id=row.live.remote_id, read_back=True
    )
