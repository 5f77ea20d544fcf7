"""Applies a plan. Comes in: a plan, marketplaces by connection, a ledger, a clock. Goes out: a `Report`.
Caller: cli `apply`.

The order of events, and nothing else: check that the plan fits; then, wave by wave and store by store, write
down what is intended, send it, write down what became of it. A process that dies between any two of these
leaves intents that the next run closes by looking. A store whose own creation failed, or that stops
answering, is left; the others go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import Final, NamedTuple

import orjson

from acorn_gitops.apply.generation import Fenced, begin, check_not_behind, generations, is_behind, unanswered
from acorn_gitops.apply.guard import Guard, since
from acorn_gitops.apply.left_open import LeftOpen, found_done, landed
from acorn_gitops.apply.observe import observe
from acorn_gitops.apply.permit import Permit
from acorn_gitops.apply.rights import RightsOrder
from acorn_gitops.apply.rollout import by_phase, why_it_ends, why_not_still, why_unread
from acorn_gitops.apply.staleness import check_applicable, check_live, check_not_empty, check_still_done
from acorn_gitops.confine.text import one_line
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.ledger.records import Closed, Intent, PlanStatus, Settled
from acorn_gitops.marketplaces.protocol import (
    Batches,
    Central,
    Fences,
    Generation,
    Marketplace,
    Outcome,
    Owns,
    Scope,
    Snapshot,
    Write,
)
from acorn_gitops.model.finding import AcornError, MarketplaceError, Moved, Stale, Superseded
from acorn_gitops.model.resource import Address, Attributes, Desired, Live, attribute_of, protects
from acorn_gitops.model.sound import unfit
from acorn_gitops.plan.change import Applied, Change, Step
from acorn_gitops.plan.diff import recordable
from acorn_gitops.plan.document import Plan
from acorn_gitops.plan.ownership import OWNER, belongs_to
from acorn_gitops.plan.rollout import Phase
from acorn_gitops.resources.registry import CLEARED, PRICED, STORES, TYPES

BATCH: Final = 500
TRIES: Final = 3
"""How often a batch is sent to a store that somebody else changes at the same time."""


@dataclass(slots=True)
class Edges:
    """The world outside, given in: who acts, what time it is, how to say what happens, whether to stop."""

    actor: str
    now: Callable[[], str]
    pause: Callable[[float], None]
    clock: Callable[[], float]
    """Seconds that go by, from anywhere."""
    progress: Callable[[int, int, str], None]
    """How many changes of how many are sent, and where."""
    stopping: Callable[[], bool]
    nonce: Callable[[], str]
    """Text that was never used before: it keeps idempotency keys of two runs apart."""
    wait_seconds: float = 10.0
    """How long an accepted write may take to be seen."""
    publish: Callable[[], None] | None = None
    """Puts the ledger where the next run finds it, before the first write; None where it is there already."""
    guards: Mapping[str, object] = field(default_factory=dict)
    """The settings of the project that guarded this run, for whoever compares the next with it."""
    by_hand: Mapping[str, Sequence[object]] = field(default_factory=dict)
    """By store, what people are to do there (type, key, attributes), where it is otherwise than before."""
    committed: int = 0
    """When the commit was made that is applied, in seconds since 1970; 0: not known."""
    exact: bool = True
    """What is applied is what that commit says, to the byte."""


@dataclass(slots=True)
class Report:
    """What became of every change."""

    plan: str
    outcomes: list[tuple[Change, Outcome]] = field(default_factory=list)
    interrupted: bool = False
    unread: Mapping[str, str] = field(default_factory=dict)
    """Stores that were left out, and why they could not be read."""
    fenced: Fenced = field(default_factory=dict)
    """The generations in which it was, for `finish`."""
    end: str = ""
    """The hash of the entry with which it ended."""

    def counts(self) -> dict[str, int]:
        """How many of each status."""
        counts: dict[str, int] = {}
        for _, outcome in self.outcomes:
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        return counts

    @property
    def complete(self) -> bool:
        """Whether every change is done and seen."""
        seen = all(outcome.status == "observed" for _, outcome in self.outcomes)
        return seen and not self.interrupted and not self.unread


SOAKS: Final = 10.0
"""Seconds after which a run that waits looks whether it is to stop."""


class Part(NamedTuple):
    """The steps of one change that are sent together. A rename has two parts: its former is deleted at the
    end."""

    change: Change
    steps: tuple[Step, ...]


def apply_plan(
    plan: Plan,
    permit: Permit,
    marketplaces: Mapping[str, Marketplace],
    ledger: Ledger,
    edges: Edges,
    declared: Callable[[Address], Desired | None],
    least: Callable[[Address], Mapping[str, str] | None],
    recording: Collection[Address] = (),
    allow_empty: Collection[str] = (),
    skip_unreadable: bool = False,
    places: Mapping[str, str] = MappingProxyType({}),
    takes_over: bool = False,
    witnesses: Mapping[str, str] = MappingProxyType({}),
) -> Report:
    """Carry out a plan that may be carried out (`permit`). Stale before any write when it does not fit, or
    when somebody else has applied since this ledger was written.

    `declared` knows what the specs say of an address; `least` the lowest price of a listing that leaves the
    margin of its policy, for the last price guard; `recording` are resources that are in sync and not
    recorded yet. `skip_unreadable`: a store that cannot be read is left out and told; otherwise it ends
    everything before the first write. `places`: by store, which marketplace it is on, for the ledger.
    `takes_over`: somebody said that what is recorded is ours. `witnesses`: stores with their connections that
    are told of this run where it writes to none that would remember it.
    """
    permit.check(plan)
    check_applicable(plan, ledger.plan_status(plan.id), skip_unreadable=skip_unreadable)
    owner = f"{plan.project}/{plan.environment}"
    touched = {c.address.store for c in plan.changes if c.writes}
    moved = {c.address.store for c in plan.changes if c.action == "forget"} | {a.store for a in recording}
    connections = {s.store: s.connection for s in plan.stores}
    snapshots: dict[str, Snapshot] = {}
    unread = {s.store: s.error for s in plan.stores if s.error}
    for store in sorted(touched):
        try:
            snapshot = marketplaces[connections[store]].read(Scope(store, owner=owner))
            check_not_empty(snapshot, ledger.applied(store), allow_empty)
            _check_sound(plan, snapshot)
            snapshots[store] = snapshot
        except MarketplaceError as error:
            if not skip_unreadable:
                raise
            unread[store] = error.message
    fenced, unasked = _fenced(snapshots, moved - touched, marketplaces, connections=connections, owner=owner)
    if unasked and not skip_unreadable:
        raise MarketplaceError("; ".join(f"{store}: {why}" for store, why in sorted(unasked.items())))
    for store, why in unasked.items():
        unread[store] = why
        snapshots.pop(store, None)
    if not skip_unreadable:
        check_not_behind(fenced, ledger, allow_empty)
    for store in [*fenced] if skip_unreadable else ():
        # Each store for itself: one that somebody else writes to must not end the others.
        try:
            check_not_behind({store: fenced[store]}, ledger, allow_empty)
        except Stale as error:
            unread[store] = error.message
            fenced.pop(store)
            snapshots.pop(store, None)
    # Where this run writes nothing, the next batch of one that is still under way is refused as well.
    aside = {
        store: one
        for store, one in unanswered(ledger, marketplaces, connections, owner=owner).items()
        if store not in fenced and store not in unread
    }
    hears: dict[str, tuple[Fences, Generation]] = {}
    if not fenced:
        others = witnesses.keys() - aside.keys() - snapshots.keys()
        asked, _ = generations(others, marketplaces, witnesses, owner=owner)
        hears = {store: one for store, one in asked.items() if not is_behind(ledger, store, one[1])}
    open_before = ledger.open_intents()
    found = found_done(open_before, snapshots, edges.now(), recorded=ledger.recorded)
    done = done_steps(plan, ledger) | {
        Step(one.address, one.operation)
        for one in found.closed
        if one.plan == plan.id and one.outcome == "observed"
    }
    check_still_done(plan.changes, snapshots, done)
    check_live([c for c in plan.changes if c.address.store not in unread], snapshots, done)
    run = edges.nonce()
    head = ledger.begin_plan(
        plan.id,
        edges.now(),
        edges.actor,
        plan.revision,
        plan.environment,
        run,
        publishes=edges.publish is not None,
        about={
            "owner": owner,
            "committed": edges.committed,
            "guards": {**edges.guards},
            **({"by_hand": {**edges.by_hand}} if edges.by_hand else {}),
            "generations": {store: now.number for store, (_, now) in {**fenced, **aside, **hears}.items()},
            "bindings": {store: places[store] for store in (*snapshots, *moved) if places.get(store)},
        },
    )
    work = _Work(
        plan,
        marketplaces,
        ledger,
        edges=edges,
        snapshots=snapshots,
        declared=declared,
        least=least,
        run=run,
        alone=skip_unreadable,
    )
    work.skip(unread)
    work.guard.expect(ledger.sendings(since(edges.now())), edges.now())
    parts: list[Part] = []
    for change in plan.changes:
        if not change.writes or change.address.store in unread:
            continue
        if not (left := tuple(step for step in change.steps if step not in done)):
            work.outcomes[change.address] = Outcome(change.address, "observed", "done by an earlier run")
            work.earlier += _parts(change, change.steps)
        else:
            parts += _parts(change, left)
    parts.sort(key=_wave)
    if edges.publish is not None:
        # Whoever comes after a run that died finds in the published ledger what it was about to do.
        work.intend(parts)
    try:
        if edges.publish is not None:
            edges.publish()
        fenced, refused = begin(fenced, owner, head, alone=skip_unreadable)
        put_aside, unfenced = begin(aside, owner, head, alone=True)
        fenced |= put_aside | begin(hears, owner, head, alone=True)[0]
        unread |= _not_ended(work, unfenced)
        work.fenced = {*fenced}
        late = _landed(work, open_before, {*fenced}, found=found)
        if late and not skip_unreadable:
            raise Stale(f"{'; '.join(late.values())}; nothing was written", hint=AGAIN)
        refused |= late
        work.broken |= refused
        work.skip(refused)
        unread |= refused
        found = found.of({*snapshots} - refused.keys())
        if found.closed:
            ledger.settle(found.settled, found.closed, edges.now(), edges.actor, plan.revision)
            work.recovered(found)
    except AcornError:
        work.close_unsent()
        ledger.end_plan(plan.id, "partial", edges.now(), edges.actor, {})
        raise
    out = {*unread, *work.broken}
    work.forget([c for c in plan.changes if c.action == "forget" and c.address.store not in out])
    work.manual([c for c in plan.changes if c.action in ("adopt", "manual")])
    work.roll_out(parts)
    work.close_unsent()
    if not work.superseded:
        work.record(
            [
                address
                for s in plan.stores
                for address in s.to_record
                if address in recording and address.store not in out
            ],
            owner,
            takes_over=takes_over,
        )
    report = Report(
        plan.id, [(c, work.outcomes[c.address]) for c in plan.changes], work.interrupted, unread=unread
    )
    status: PlanStatus = "complete" if report.complete else "partial"
    numbers = {store: now.number for store, (_, now) in fenced.items()}
    report.end = ledger.end_plan(
        plan.id,
        status,
        edges.now(),
        edges.actor,
        report.counts(),
        numbers,
        {
            "owner": owner,
            "commit": plan.revision,
            "committed": edges.committed,
            "exact": edges.exact,
            **({"selected": True} if plan.selected else {}),
        },
    )
    report.fenced = fenced
    if work.superseded:
        raise Superseded(
            f"{work.superseded}; {work.done:,} of {work.total:,} changes were sent before, nothing after",
            hint="wait for it, bring ledger and specs up to date (`acorn state pull`), and plan again",
        )
    return report


def _not_ended(work: _Work, unfenced: Mapping[str, str]) -> dict[str, str]:
    """Stores in which an earlier run could not be ended: they are left out, and told."""
    told = {
        store: f"what an earlier run still sends there could not be ended: {why}"
        for store, why in unfenced.items()
    }
    work.skip(told)
    return told


AGAIN: Final = "run the same command again: nothing more comes of that run"


def _landed(
    work: _Work, intents: Sequence[Intent], stores: Collection[str], found: LeftOpen
) -> dict[str, str]:
    """By store, what of earlier runs has come between the reading on which the plan stands and the generation
    that ends them."""
    known = {Step(one.address, one.operation) for one in found.closed if one.outcome == "observed"}
    late = {}
    for store in sorted({intent.address.store for intent in intents} & {*stores}):
        try:
            snapshot = work.marketplaces[work.connections[store]].read(Scope(store))
            why = landed(
                intents,
                snapshot,
                work.edges.now(),
                recorded=work.ledger.recorded,
                known=known,
                ours=work.is_ours,
            )
        except MarketplaceError as error:
            why = error.message
        if why:
            late[store] = why
    return late


def _fenced(
    snapshots: Mapping[str, Snapshot],
    moved: Iterable[str],
    marketplaces: Mapping[str, Marketplace],
    connections: Mapping[str, str],
    owner: str,
) -> tuple[dict[str, tuple[Fences, Generation]], dict[str, str]]:
    """The generations of stores by the reading on which the plan is checked, and of those that only the
    ledger moves; and why others cannot be asked for theirs."""
    found, failed = generations(
        [*moved, *(store for store, snapshot in snapshots.items() if snapshot.generation is None)],
        marketplaces,
        connections,
        owner=owner,
    )
    for store, snapshot in snapshots.items():
        marketplace = marketplaces[connections[store]]
        if snapshot.generation is not None and isinstance(marketplace, Fences):
            found[store] = (marketplace, snapshot.generation)
    return found, failed


def _check_sound(plan: Plan, snapshot: Snapshot) -> None:
    """MarketplaceError where what the plan touches, or what prices depend on, cannot be reckoned with."""
    touched = {(c.former.type, c.former.key) for c in plan.changes if c.address.store == snapshot.store}
    for key, live in snapshot.resources.items():
        if (key in touched or key[0] == "promotion") and (why := unfit(live.attributes)):
            raise MarketplaceError(
                f"{snapshot.store}: {key[0]} {one_line(key[1], 60)} makes no sense ({one_line(why, 200)})"
            )


def done_steps(plan: Plan, ledger: Ledger) -> frozenset[Step]:
    """Steps of a plan that an earlier run of it has done."""
    return frozenset(step for step, outcome in ledger.plan_outcomes(plan.id).items() if outcome == "observed")


def _parts(change: Change, left: tuple[Step, ...]) -> list[Part]:
    if change.moved_from is None or change.address.type == "promotion":
        return [Part(change, left)]
    return [Part(change, (step,)) for step in left]


def _wave(part: Part) -> tuple[int, int]:
    change = part.change
    if (
        change.moved_from is not None
        and change.address.type != "promotion"
        and part.steps[-1].operation == "delete"
    ):
        return 1, -TYPES[change.address.type].wave
    return change.stage


@dataclass(slots=True)
class _Sent:
    """One batch on its way: what was sent for which changes, and what was answered."""

    parts: list[Part]
    writes: list[Write]
    answers: list[Outcome]


class _Work:
    """One run's shared parts."""

    def __init__(
        self,
        plan: Plan,
        marketplaces: Mapping[str, Marketplace],
        ledger: Ledger,
        edges: Edges,
        snapshots: Mapping[str, Snapshot],
        declared: Callable[[Address], Desired | None],
        least: Callable[[Address], Mapping[str, str] | None],
        run: str,
        *,
        alone: bool,
    ) -> None:
        self.plan = plan
        self.marketplaces = marketplaces
        self.ledger = ledger
        self.edges = edges
        self.snapshots = snapshots
        """The stores as the plan was checked against them: what is written presumes these versions."""
        self.latest = dict(snapshots)
        """The stores as they were last read."""
        self.declared = declared
        self.run = run
        self.outcomes: dict[Address, Outcome] = {}
        """By the change's address; of a rename that of its last part."""
        self.guard = Guard(
            plan.changes, snapshots, self.outcomes, declared=declared, least=least, now=edges.now
        )
        self.rights = RightsOrder(plan.changes, self.outcomes)
        self.unread: dict[str, str] = {}
        """Stores that are left out, and why."""
        self.earlier: list[Part] = []
        """What an earlier run of this plan has done."""
        self.waiting: list[tuple[tuple[int, int], Part, str]] = []
        """What the price guard holds back: when it was to be, and why it was not."""
        self.interrupted = False
        self.alone = alone
        """Whether each store is for itself: what stops one does not stop the others."""
        self.superseded = ""
        """Who else writes by now; then nothing more is sent."""
        self.connections = {s.store: s.connection for s in plan.stores}
        self.broken: dict[str, str] = {}
        self.unfinished = ledger.unfinished()
        self._applied: dict[str, Mapping[tuple[str, str], Applied]] = {}
        """By store, what was last applied before this run, where it was asked for."""
        self.intended: dict[Step, str] = {i.step: i.key for i in ledger.intents_of(plan.id)}
        """Steps with an open intent, and their idempotency keys: sent again, they are sent under the same."""
        self.own: set[Step] = set()
        """Those of them that this run wrote down itself."""
        self.fenced: set[str] = set()
        """Stores whose batches are refused when the store is another than the one that was judged."""
        self.before = ledger.last_intent()
        """The last intent of earlier runs."""
        self.done = 0
        self.total = sum(c.writes for c in plan.changes)

    def skip(self, unread: Mapping[str, str]) -> None:
        """Leave out whatever is in stores that could not be read."""
        self.unread |= unread
        for change in self.plan.changes:
            why = unread.get(change.address.store)
            if why is not None and (change.writes or change.action == "forget"):
                self.outcomes[change.address] = Outcome(
                    change.address, "skipped", f"the store could not be read: {why}"
                )

    def recovered(self, found: LeftOpen) -> None:
        """What earlier runs left open is written down by now."""
        self.unfinished = self.ledger.unfinished()
        for one in found.closed:
            if one.plan == self.plan.id:
                self.intended.pop(Step(one.address, one.operation), None)

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what is no longer ours from the ledger; nothing is sent."""
        rows = [
            Settled(c.address, "forget", self.plan.id, outcome="observed", attributes=None) for c in changes
        ]
        self.ledger.record(rows, self.edges.now(), self.edges.actor, self.plan.revision, "forget")
        for change in changes:
            self.outcomes[change.address] = Outcome(change.address, "observed")

    def manual(self, changes: Sequence[Change]) -> None:
        """What only a person can do, or must first agree to."""
        for change in changes:
            why = (
                f"{belongs_to(change)}; take it over with `--adopt`, or take it out of these specs"
                if belongs_to(change)
                else "it exists already and differs; take it over with `--adopt`, or `acorn import` it"
                if change.action == "adopt"
                else "this marketplace has no API for it: do it by hand, then `acorn attest` it"
            )
            self.outcomes[change.address] = Outcome(change.address, "skipped", why)

    def record(self, addresses: Sequence[Address], owner: str, *, takes_over: bool) -> None:
        """Take what is there as declared into the ledger, and mark it as ours where the marketplace keeps
        owners."""
        whose = self._claimed(addresses, owner)
        rows = [
            Settled(
                address,
                "adopt",
                self.plan.id,
                outcome="observed",
                attributes=recordable(want, self._last(address) if want.lifecycle else None),
                origin=str(want.origin),
                adopted=True,
                found=whose[address] is None and not takes_over,
                protected=protects(want.lifecycle),
            )
            for address in addresses
            if (want := self.declared(address)) is not None and whose[address] in (owner, None)
        ]
        self.ledger.record(rows, self.edges.now(), self.edges.actor, self.plan.revision, "adopt")

    def _claimed(self, addresses: Sequence[Address], owner: str) -> dict[Address, str | None]:
        """Whose each resource is, once ours are marked; None where the marketplace keeps no owners."""
        found: dict[Address, str | None] = dict.fromkeys(addresses)
        connections = {store.store: store.connection for store in self.plan.stores}
        for store, some in groupby(sorted(addresses), key=lambda address: address.store):
            marketplace = self.marketplaces.get(connections[store])
            if not isinstance(marketplace, Owns):
                continue
            keys = [(address.type, address.key) for address in some]
            try:
                owners = marketplace.claim(store, keys, owner)
            except MarketplaceError:
                owners = {}  # nothing is recorded of what nobody knows whose it is: the next apply asks again
            if owners is not None:
                found |= {Address(store, *key): owners.get(key, "") for key in keys}
        return found

    def intend(self, parts: Sequence[Part]) -> None:
        """Write down what is about to be sent, each sending by itself: what an earlier run of this plan has
        sent and does not know the end of is sent again under the same key, and may come a day after
        either."""
        at = self.edges.now()
        fresh = [
            self._intent(part.change, write, at)
            for part in parts
            for step, write in zip(part.steps, self._writes(part), strict=True)
            if step not in self.own
        ]
        self.ledger.intend(fresh)
        self.intended.update({intent.step: intent.key for intent in fresh})
        self.own |= {intent.step for intent in fresh}

    def close_unsent(self) -> None:
        """What was written down ahead and never sent is no open question."""
        closed = [
            Closed(self.plan.id, step.address, step.operation, outcome="skipped", after=self.before)
            for step in self.intended
            if step in self.own  # what an earlier run sent may still come
        ]
        if closed:
            self.ledger.settle([], closed, self.edges.now(), self.edges.actor, self.plan.revision)

    def roll_out(self, parts: Sequence[Part]) -> None:
        """Phase by phase; where one does not show what was sent, the next is not begun."""
        phases = self.plan.rollout
        rights, groups = by_phase(parts, phases, self._is_last)
        earlier = by_phase(self.earlier, phases, self._is_last).phases
        self.carry(rights)
        why = ""
        for number, mine in enumerate(groups):
            if why:
                for part in mine:
                    self.outcomes[part.change.address] = Outcome(part.change.address, "skipped", why)
                continue
            self.carry(mine)
            if self.interrupted or self.superseded or not any(groups[number + 1 :]):
                continue
            why = why_unread(phases[number], self.unread)
            # What an earlier run of this plan did here was not waited for, or did not stay.
            if not why and (gated := [*mine, *earlier[number]]):
                why = why_it_ends(phases[number], gated, self.outcomes)
                why = why or self._soaked(phases[number], gated)

    def _soaked(self, phase: Phase, parts: Sequence[Part]) -> str:
        """Wait, and look once more: why what was seen is not there any more."""
        if not phase.soak:
            return ""
        left = float(phase.soak)
        while left > 0 and not self.edges.stopping():
            self.edges.pause(min(left, SOAKS))
            left -= SOAKS
        for store in sorted({part.change.address.store for part in parts}):
            self._refresh(store)
            if store in self.broken:
                return f"the rollout ended after {phase.name}: {store} cannot be read: {self.broken[store]}"
        seen = [p for p in parts if self.outcomes.get(p.change.address, _DONE).status == "observed"]
        return why_not_still(phase, (write for part in seen for write in self._writes(part)), self.latest)

    def carry(self, parts: Iterable[Part]) -> None:
        """Wave by wave; what takes things away comes after all that the price guard held back was tried
        again."""
        waves: dict[tuple[int, int], list[Part]] = {}
        for part in parts:
            waves.setdefault(_wave(part), []).append(part)
        ahead = sorted(wave for wave in waves if wave[0] == 0)
        for wave in ahead:
            self.wave(waves[wave])
        self.again(ahead)
        for wave in sorted(waves.keys() - {*ahead}):
            self.wave(waves[wave])

    def wave(self, parts: Iterable[Part]) -> None:
        """All that can be done at once, store by store: sent batch by batch, then looked at once, then
        written down."""
        ordered = sorted(parts, key=lambda p: (self._is_last(p), p.change.address))
        for store, group in groupby(ordered, lambda p: p.change.address.store):
            of_store = list(group)
            fenced = store in self.fenced and self.latest[store].version
            if of_store[0].change.address.type in ("listing", "promotion") and not fenced:
                # No version fences the batch: prices are judged on a reading of this moment. A listing that
                # is written is looked at by its adapter; what else decides its price are promotions.
                kind = of_store[0].change.address.type
                self._refresh(store, PRICED - {"listing"} if kind == "listing" else PRICED)
            sent: list[_Sent] = []
            for some in _batches(of_store, self._batch_of(store)):
                batch = self.send(store, some)
                sent += [batch] if batch is not None else []
                if batch is not None and any(answer.status == "unknown" for answer in batch.answers):
                    # Whether more can be sent is known when somebody has looked.
                    self._look(store, sent)
                    sent = []
            if sent:
                self._look(store, sent)

    def _is_last(self, part: Part) -> bool:
        """Whether a part waits for all other stores: a deletion where it would delete there, too."""
        marketplace = self.marketplaces.get(self.connections.get(part.change.address.store, ""))
        deletes = part.steps[-1].operation == "delete"
        return (
            deletes
            and isinstance(marketplace, Central)
            and marketplace.central() == part.change.address.store
        )

    def again(self, waves: Sequence[tuple[int, int]]) -> None:
        """What the price guard held back may go once something else is done: a price once a promotion has
        ended, a promotion once another has. As long as that moves anything; the rest is written down as
        refused."""
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            for wave in waves:
                self.wave(part for when, part, _ in waiting if when == wave)
            if len(self.waiting) == len(waiting):
                break
        for _, part, why in self.waiting:
            outcome = Outcome(part.change.address, "rejected", f"not sent: {why}")
            self.outcomes[part.change.address] = outcome
            row = self._settled(part.change, outcome)
            self.ledger.settle([row], [], self.edges.now(), self.edges.actor, self.plan.revision)
        self.waiting = []

    def _batch_of(self, store: str) -> int:
        """How many writes a store is given at once."""
        marketplace = self.marketplaces[self.connections[store]]
        return marketplace.batch() if isinstance(marketplace, Batches) else BATCH

    def send(self, store: str, parts: Sequence[Part]) -> _Sent | None:
        """Intend and send one batch of one store. None when nothing of it was sent."""
        # The second part of a rename is for nothing when the first one failed.
        parts = [p for p in parts if self.outcomes.get(p.change.address, _DONE).status == "observed"]
        for part in parts:
            if why := self.rights.why_not(part.change):
                self.outcomes[part.change.address] = Outcome(part.change.address, "skipped", why)
        parts = [p for p in parts if self.outcomes.get(p.change.address, _DONE).status == "observed"]
        if not parts:
            return None
        if self.edges.stopping():
            self.interrupted = True
        why = self.superseded or ("interrupted" if self.interrupted else self.broken.get(store, ""))
        if why:
            for part in parts:
                self.outcomes[part.change.address] = Outcome(part.change.address, "skipped", why)
            return None
        left = [part for part in parts if not self._guarded(part)]
        self.intend(left)
        for _ in range(TRIES):
            if not left:
                return None
            writes = [write for part in left for write in self._writes(part)]
            try:
                judged_at = self.latest[store].version
                answers = list(self.marketplaces[self.connections[store]].write(store, writes, judged_at))
            except Moved as moved:
                left = self._unmoved(store, left, moved.message)
                continue
            except Superseded as other:
                if self.alone:
                    self.broken[store] = other.message
                else:
                    self.superseded = other.message
                for part in left:
                    self.outcomes[part.change.address] = Outcome(
                        part.change.address, "skipped", other.message
                    )
                return None
            except MarketplaceError as error:
                answers = [Outcome(w.address, "unknown", error.message) for w in writes]
            self.guard.sent(store, writes, answers)
            self.done += len(left)
            kind = left[0].change.address.type
            self.edges.progress(min(self.done, self.total), self.total, f"{store} {kind}")
            return _Sent(left, writes, answers)
        for part in left:
            self._conflict(part, f"{store} is changed by somebody else all the time")
        return None

    def _unmoved(self, store: str, parts: Sequence[Part], why: str) -> list[Part]:
        """The store is another than the one that was read: read it again, and keep of a batch that was not
        carried out what nobody else has touched and the guard still lets pass."""
        self._refresh(store)
        if self.broken.get(store):
            for part in parts:
                self.outcomes[part.change.address] = Outcome(
                    part.change.address, "skipped", self.broken[store]
                )
            return []
        before, latest = self.snapshots[store].resources, self.latest[store]
        kept = []
        for part in parts:
            keys = {(step.address.type, step.address.key) for step in part.steps}
            keys.add((part.change.former.type, part.change.former.key))
            if any(_etag(before.get(key)) != _etag(latest.resources.get(key)) for key in keys):
                self._conflict(part, f"it was changed by somebody else meanwhile ({why})")
            elif not self._guarded(part):
                kept.append(part)
        return kept

    def _refresh(self, store: str, types: frozenset[str] = frozenset()) -> None:
        """Read a store again for the guard, or these types of it; one that cannot be read is left."""
        scope = Scope(store, base=self.latest[store], types=types)
        try:
            latest = self.marketplaces[self.connections[store]].read(scope)
            check_not_empty(latest, self.latest[store].resources.keys(), ())
        except MarketplaceError as error:
            self.broken[store] = error.message
            return
        self.latest[store] = latest
        self.guard.read(latest)

    def _conflict(self, part: Part, why: str) -> None:
        outcome = Outcome(part.change.address, "conflict", why)
        self.outcomes[part.change.address] = outcome
        row = self._settled(part.change, outcome)
        closed = [
            Closed(self.plan.id, step.address, step.operation, outcome="conflict", after=self.before)
            for step in part.steps
            if self.intended.pop(step, None) is not None and step in self.own
        ]
        self.ledger.settle([row], closed, self.edges.now(), self.edges.actor, self.plan.revision)

    def _guarded(self, part: Part) -> bool:
        """Whether the price guard stops this change for now; nothing of it is sent."""
        writes = list(self._writes(part))
        for write in writes:
            if write.operation == "delete" and len(writes) == 2:
                continue  # what follows takes its place
            former = part.change.former.key if len(writes) == 2 else write.address.key
            why = self.guard.refusal(write, write.former or former)
            if why:
                self.waiting.append((_wave(part), part, why))
                return True
        return False

    def _look(self, store: str, sent: Sequence[_Sent]) -> None:
        """Read the store once for all batches of a wave, and write down what became of them."""
        writes = [write for batch in sent for write in batch.writes]
        answers = [answer for batch in sent for answer in batch.answers]
        seen = observe(
            self.marketplaces[self.connections[store]],
            writes,
            answers,
            before=self.latest[store],
            pause=self.edges.pause,
            clock=self.edges.clock,
            wait_seconds=self.edges.wait_seconds,
        )
        if seen.snapshot is not None:
            self.latest[store] = seen.snapshot
        self.guard.seen(seen.snapshot, writes, seen.outcomes)
        following = iter(seen.outcomes)
        settled: list[Settled] = []
        closed: list[Closed] = []
        for batch in sent:
            batch.answers = [next(following) for _ in batch.writes]
            self._settle(batch, settled, closed)
        self.ledger.settle(settled, closed, self.edges.now(), self.edges.actor, self.plan.revision)
        for batch in sent:
            self._judge(store, batch.parts)

    def _intent(self, change: Change, write: Write, at: str) -> Intent:
        deletes = write.operation == "delete"
        there = (write.address.type, write.former or write.address.key)
        have = self.snapshots[write.address.store].resources.get(there)
        return Intent(
            self.plan.id,
            write.address,
            change.action,
            operation=write.operation,
            key=write.key,
            attributes=None if deletes else write.attributes,
            declared=None if deletes else self._recorded(change),
            origin=str(change.origin) if change.origin is not None else "",
            remote_id=have.remote_id if have is not None else "",
            protected=not deletes and self._protected(change),
            at=at,
        )

    def _recorded(self, change: Change) -> Attributes:
        """What the ledger says of a resource once this change is seen."""
        want = self.declared(change.address)
        cleared = CLEARED.get(change.address.type, ())
        after = {k: v for k, v in (change.after or {}).items() if v is not None or k not in cleared}
        if want is None or not want.lifecycle:
            return after
        return recordable(
            want._replace(attributes=after),
            self._last(change.address),
            {attribute_of(field.path) for field in change.fields},
            whole=change.action in ("create", "replace"),
        )

    def is_ours(self, address: Address) -> bool:
        """Whether a resource is declared, or was ever applied."""
        return self.declared(address) is not None or self._last(address) is not None

    def _last(self, address: Address) -> Attributes | None:
        """What was last applied to an address before this run."""
        if address.store not in self._applied:
            self._applied[address.store] = self.ledger.applied(address.store)
        found = self._applied[address.store].get((address.type, address.key))
        return orjson.loads(found.attributes) if found is not None else None

    def _protected(self, change: Change) -> bool:
        want = self.declared(change.address)
        return want is not None and protects(want.lifecycle)

    def _settle(self, batch: _Sent, settled: list[Settled], closed: list[Closed]) -> None:
        """Add what became of a batch."""
        closed += [
            Closed(
                self.plan.id, w.address, w.operation, outcome=a.status, message=a.message, after=self.before
            )
            for w, a in zip(batch.writes, batch.answers, strict=True)
        ]
        following = iter(batch.answers)
        for part in batch.parts:
            change = part.change
            results = [(step, next(following)) for step in part.steps]
            for step, answer in results:
                self.intended.pop(step, None)
                if step.operation != "delete" or change.action == "delete":
                    settled.append(self._settled(change, answer))
                    if change.moved_from and change.action == "update" and answer.status == "observed":
                        gone = Settled(
                            change.former,
                            "update",
                            self.plan.id,
                            outcome=answer.status,
                            attributes=None,
                            origin="",
                            message=answer.message,
                        )
                        settled.append(gone)
                elif (
                    len(results) == 1 or results[-1][1].status != "observed" or step.address != change.address
                ):
                    # Half of a replacement: the other half is another part, or failed.
                    settled.append(
                        Settled(
                            step.address,
                            "replace",
                            self.plan.id,
                            outcome=answer.status,
                            attributes=None,
                            origin="",
                            message=answer.message,
                        )
                    )
            failed = next((a for _, a in results if a.status != "observed"), None)
            last = failed or results[-1][1]
            half = (
                " (the old one is already deleted; run apply again)"
                if failed is not None and len(results) == 2 and failed is results[1][1]
                else ""
            )
            self.outcomes[change.address] = last._replace(address=change.address, message=last.message + half)

    def _settled(self, change: Change, answer: Outcome) -> Settled:
        return Settled(
            change.address,
            change.action,
            self.plan.id,
            outcome=answer.status,
            attributes=None if change.action == "delete" else self._recorded(change),
            origin=str(change.origin) if change.origin is not None else "",
            message=answer.message,
            remote_id=answer.remote_id,
            overwrote=_overwritten(change),
            protected=self._protected(change),
        )

    def _judge(self, store: str, parts: Sequence[Part]) -> None:
        """Whether the rest of this store can be tried at all."""
        for part in parts:
            address = part.change.address
            outcome = self.outcomes[address]
            if outcome.status == "unknown":
                self.broken[store] = f"{store} does not answer"
            elif outcome.status != "observed" and address.type in STORES:
                self.broken[store] = f"{address} could not be created"

    def _writes(self, part: Part) -> Iterator[Write]:
        change = part.change
        resources = self.snapshots[change.address.store].resources
        have = resources.get((change.former.type, change.former.key))
        whose = next((str(field.before) for field in change.fields if field.path == OWNER), "")
        for step in part.steps:
            key = self.intended.get(step) or _key(self.run, step)
            if step.operation == "delete":
                yield Write(
                    "delete", step.address, {}, etag=have.etag if have else "", key=key, taken_from=whose
                )
            elif step.operation == "update":
                wanted = change.after or {}
                touched = change.touched
                patch = {k: v for k, v in wanted.items() if k in touched}
                yield Write(
                    "update",
                    step.address,
                    patch,
                    etag=have.etag if have else "",
                    key=key,
                    former=change.moved_from or "",
                    taken_from=whose,
                )
            else:
                # What the specs do not speak of is carried over: replacing must not blank it.
                kept = have.attributes if have is not None and change.action == "replace" else {}
                kept = kept or self.unfinished.get(step.address, {})
                merged = {k: v for k, v in {**kept, **(change.after or {})}.items() if v is not None}
                yield Write("create", step.address, merged, etag="", key=key)


def _overwritten(change: Change) -> Attributes | None:
    """The price that somebody else had set, where a write ends it."""
    price = (change.before or {}).get("price") if change.address.type == "listing" else None
    drifted = any(
        attribute_of(field.path) == "price" and field.reason not in ("edited", "renamed")
        for field in change.fields
    )
    return {"price": price} if price is not None and (drifted or change.action == "delete") else None


def _batches(parts: Sequence[Part], most: int) -> Iterator[list[Part]]:
    """Parts that are sent together: of at most so many writes, so that a marketplace takes or refuses them as
    one."""
    batch: list[Part] = []
    count = 0
    for part in parts:
        if count + len(part.steps) > most:
            yield batch
            batch, count = [], 0
        batch.append(part)
        count += len(part.steps)
    if batch:
        yield batch


_DONE = Outcome(Address("", "listing", ""), "observed")


def _etag(have: Live | None) -> str | None:
    return have.etag if have is not None else None


def _key(run: str, step: Step) -> str:
    """The idempotency key of a step: never used by another run, whatever ledger it has."""
    text = f"{run}:{step.address}:{step.operation}"
    return f"acorn-{hashlib.sha256(text.encode()).hexdigest()[:48]}"
