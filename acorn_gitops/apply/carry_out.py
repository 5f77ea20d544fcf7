"""Applies a plan. Comes in: a plan, marketplaces by connection, a ledger, a clock. Goes out: a `Report`.
Caller: reconcile `applying`.

The order of events, and nothing else: read the stores and check that the plan still fits them; write down
that a run begins, and end what is left of earlier ones; carry out the changes (`run`); write down how it
ended. A process that dies between any two of these leaves intents that the next run closes by looking.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from acorn_gitops.apply.edges import Edges, Report
from acorn_gitops.apply.generation import (
    Fenced,
    begin,
    check_not_behind,
    generations,
    is_behind,
    unanswered,
)
from acorn_gitops.apply.guard import since
from acorn_gitops.apply.journal import Journal
from acorn_gitops.apply.left_open import LeftOpen, found_done, landed
from acorn_gitops.apply.owners import owners_of
from acorn_gitops.apply.parts import Part, done_steps, parts_of, wave_of
from acorn_gitops.apply.permit import Permit
from acorn_gitops.apply.run import Run
from acorn_gitops.apply.staleness import check_applicable, check_live, check_not_empty, check_still_done
from acorn_gitops.confine.text import one_line
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.ledger.records import Intent, PlanStatus
from acorn_gitops.marketplaces.protocol import (
    Fences,
    Generation,
    Marketplace,
    Scope,
    Snapshot,
    is_begun,
)
from acorn_gitops.model.finding import AcornError, MarketplaceError, Stale, Superseded
from acorn_gitops.model.resource import Address, Attributes, Desired, Live
from acorn_gitops.model.sound import unfit
from acorn_gitops.plan.change import Step
from acorn_gitops.plan.document import Plan

AGAIN: Final = "run the same command again: nothing more comes of that run"


@dataclass(frozen=True, slots=True)
class Terms:
    """What whoever applies has said of this run."""

    recording: Collection[Address] = ()
    """Resources that are in sync and not recorded yet."""
    allow_empty: Collection[str] = ()
    """Stores that may be empty, although the ledger knows of something there."""
    skip_unreadable: bool = False
    """A store that cannot be read is left out and told; otherwise it ends everything before the first
    write."""
    places: Mapping[str, str] = field(default_factory=dict)
    """By store, which marketplace it is on, for the ledger."""
    takes_over: bool = False
    """What is recorded is ours, somebody said."""
    witnesses: Mapping[str, str] = field(default_factory=dict)
    """All stores with their connections: told of this run where it writes to none that would remember it, and
    looked at where an earlier run has left something unwatched."""


def apply_plan(
    plan: Plan,
    permit: Permit,
    marketplaces: Mapping[str, Marketplace],
    ledger: Ledger,
    edges: Edges,
    declared: Callable[[Address], Desired | None],
    least: Callable[[Address], Mapping[str, str] | None],
    terms: Terms,
) -> Report:
    """Carry out a plan that may be carried out (`permit`). Stale before any write when it does not fit, or
    when somebody else has applied since this ledger was written.

    `declared` knows what the specs say of an address; `least` the lowest price of a listing that leaves the
    margin of its policy, for the last price guard.
    """
    permit.check(plan)
    check_applicable(plan, ledger.plan_status(plan.id), skip_unreadable=terms.skip_unreadable)
    stores = _Stores(plan, marketplaces, ledger=ledger, terms=terms)
    stores.read()
    stores.ask_generations()
    others = stores.others()
    open_before = ledger.open_intents()
    found = found_done(
        open_before,
        stores.snapshots,
        edges.now(),
        recorded=ledger.recorded,
        owner=stores.owner,
        begun=stores.is_begun,
    )
    done = done_steps(plan, ledger) | {
        Step(one.address, one.operation)
        for one in found.closed
        if one.plan == plan.id and one.outcome == "observed"
    }
    check_still_done(plan.changes, stores.snapshots, done)
    check_live([c for c in plan.changes if c.address.store not in stores.unread], stores.snapshots, done)
    nonce = edges.nonce()
    journal = Journal(plan, ledger, edges=edges, snapshots=stores.snapshots, declared=declared, run=nonce)
    run = Run(
        plan,
        marketplaces,
        journal=journal,
        edges=edges,
        snapshots=stores.snapshots,
        declared=declared,
        least=least,
        beside=terms.witnesses,
        alone=terms.skip_unreadable,
    )
    run.skip(stores.unread)
    run.expect(ledger.sendings(since(edges.now())))
    parts = _parts(run, done, stores.unread)
    run.gate(parts, ledger.unsoaked())
    head = _begun(run, stores, others, nonce=nonce)
    if edges.publish is not None:
        # Whoever comes after a run that died finds in the published ledger what it was about to do.
        journal.intend(parts)
    try:
        if edges.publish is not None:
            edges.publish()
        _end_earlier(run, stores, others, head=head, left_open=open_before, found=found)
    except AcornError:
        journal.close_unsent()
        ledger.end_plan(plan.id, "partial", edges.now(), edges.actor, {})
        raise
    out = {*stores.unread, *run.broken}
    run.forget([c for c in plan.changes if c.action == "forget" and c.address.store not in out])
    run.manual([c for c in plan.changes if c.action in ("adopt", "manual")])
    run.roll_out(parts)
    journal.close_unsent()
    if not run.superseded:
        _record(stores, run, out)
    report = _ended(run, stores)
    if run.superseded:
        raise Superseded(
            f"{run.superseded}; {run.done:,} of {run.total:,} changes were sent before, nothing after",
            hint="wait for it, bring ledger and specs up to date (`acorn state pull`), and plan again",
        )
    return report


@dataclass(slots=True)
class _Others:
    """Stores that this run does not write to, and that it tells of itself."""

    aside: Fenced
    """An earlier run is still under way there: the next batch of that one is refused as well."""
    hears: Fenced
    """They remember this run where it writes to none that would."""

    def numbers(self) -> dict[str, int]:
        """The generation of each."""
        return {store: now.number for store, (_, now) in {**self.aside, **self.hears}.items()}


@dataclass(slots=True)
class _Stores:
    """The stores of a plan, as they are before the first write."""

    plan: Plan
    marketplaces: Mapping[str, Marketplace]
    ledger: Ledger
    terms: Terms
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    """Those that are left out, and why."""
    fenced: dict[str, tuple[Fences, Generation]] = field(default_factory=dict)
    """The generations in which they are: whoever writes later begins a new one."""

    @property
    def owner(self) -> str:
        """What marketplaces keep as the owner of what is ours."""
        return f"{self.plan.project}/{self.plan.environment}"

    @property
    def connections(self) -> dict[str, str]:
        """By store."""
        return {s.store: s.connection for s in self.plan.stores}

    @property
    def touched(self) -> set[str]:
        """Stores that are written to."""
        return {c.address.store for c in self.plan.changes if c.writes}

    @property
    def moved(self) -> set[str]:
        """Stores of which something changes in the ledger alone."""
        forgotten = {c.address.store for c in self.plan.changes if c.action == "forget"}
        return forgotten | {address.store for address in self.terms.recording}

    def is_begun(self, address: Address, wanted: Attributes, live: Live) -> bool:
        """Whether what is there is the part of a creation that did not come to its end."""
        connection = self.connections.get(address.store, "")
        return is_begun(self.marketplaces.get(connection), address, wanted, live)

    def leave(self, store: str, why: str) -> None:
        """Nothing is done in a store."""
        self.unread[store] = why
        self.snapshots.pop(store, None)
        self.fenced.pop(store, None)

    def read(self) -> None:
        """MarketplaceError where one that is touched cannot be read, or makes no sense."""
        self.unread |= {s.store: s.error for s in self.plan.stores if s.error}
        for store in sorted(self.touched):
            try:
                marketplace = self.marketplaces[self.connections[store]]
                snapshot = marketplace.read(Scope(store, owner=self.owner))
                check_not_empty(snapshot, self.ledger.applied(store), self.terms.allow_empty)
                _check_sound(self.plan, snapshot)
                self.snapshots[store] = snapshot
            except MarketplaceError as error:
                if not self.terms.skip_unreadable:
                    raise
                self.leave(store, error.message)

    def ask_generations(self) -> None:
        """Stale where somebody else has written to a store since this ledger was."""
        self.fenced, unasked = _fenced(
            self.snapshots,
            self.moved - self.touched,
            self.marketplaces,
            connections=self.connections,
            owner=self.owner,
        )
        if not self.terms.skip_unreadable:
            if unasked:
                raise MarketplaceError("; ".join(f"{store}: {why}" for store, why in sorted(unasked.items())))
            check_not_behind(self.fenced, self.ledger, self.terms.allow_empty)
            return
        for store, why in unasked.items():
            self.leave(store, why)
        for store in [*self.fenced]:
            # Each store for itself: one that somebody else writes to must not end the others.
            try:
                check_not_behind({store: self.fenced[store]}, self.ledger, self.terms.allow_empty)
            except Stale as error:
                self.leave(store, error.message)

    def others(self) -> _Others:
        """Stores beside those that are written to."""
        under_way = unanswered(self.ledger, self.marketplaces, self.connections, owner=self.owner)
        aside = {
            store: one
            for store, one in under_way.items()
            if store not in self.fenced and store not in self.unread
        }
        if self.fenced:
            return _Others(aside, {})
        told = self.terms.witnesses.keys() - aside.keys() - self.snapshots.keys()
        asked, _ = generations(told, self.marketplaces, self.terms.witnesses, owner=self.owner)
        hears = {store: one for store, one in asked.items() if not is_behind(self.ledger, store, one[1])}
        return _Others(aside, hears)


def _begun(run: Run, stores: _Stores, others: _Others, *, nonce: str) -> str:
    """Write down that a run begins; the hash of that entry."""
    plan, places, edges = stores.plan, stores.terms.places, run.edges
    numbers = {store: now.number for store, (_, now) in stores.fenced.items()}
    return stores.ledger.begin_plan(
        plan.id,
        edges.now(),
        edges.actor,
        plan.revision,
        plan.environment,
        nonce,
        publishes=edges.publish is not None,
        about={
            "owner": stores.owner,
            "committed": edges.committed,
            "guards": {**edges.guards},
            **({"by_hand": {**edges.by_hand}} if edges.by_hand else {}),
            "generations": numbers | others.numbers(),
            "bindings": {
                store: places[store] for store in (*stores.snapshots, *stores.moved) if places.get(store)
            },
            **_unsoaked(run),
        },
    )


def _parts(run: Run, done: Collection[Step], unread: Collection[str]) -> list[Part]:
    """What is to be sent, in the order of its waves; what an earlier run has done is told."""
    parts: list[Part] = []
    for change in run.plan.changes:
        if not change.writes or change.address.store in unread:
            continue
        if left := tuple(step for step in change.steps if step not in done):
            parts += parts_of(change, left)
        else:
            run.was_done(change, parts_of(change, change.steps))
    return sorted(parts, key=wave_of)


def _end_earlier(
    run: Run,
    stores: _Stores,
    others: _Others,
    *,
    head: str,
    left_open: Sequence[Intent],
    found: LeftOpen,
) -> None:
    """Begin a generation in every store, so that nothing more comes of earlier runs, and write down what came
    of them (`left_open`, of which `found` was there before). Stale where one of them wrote meanwhile."""
    alone = stores.terms.skip_unreadable
    stores.fenced, refused = begin(stores.fenced, stores.owner, head, alone=alone)
    put_aside, unended = begin(others.aside, stores.owner, head, alone=True)
    stores.fenced |= put_aside | begin(others.hears, stores.owner, head, alone=True)[0]
    not_ended = {
        store: f"what an earlier run still sends there could not be ended: {why}"
        for store, why in unended.items()
    }
    run.skip(not_ended)
    stores.unread |= not_ended
    run.fenced = {*stores.fenced}
    late = _late(run, stores, left_open, found)
    if late and not alone:
        raise Stale(f"{'; '.join(late.values())}; nothing was written", hint=AGAIN)
    refused |= late
    run.broken |= refused
    run.skip(refused)
    stores.unread |= refused
    seen = found.of({*stores.snapshots} - refused.keys())
    if seen.closed:
        run.journal.recovered(seen)


def _late(run: Run, stores: _Stores, intents: Sequence[Intent], found: LeftOpen) -> dict[str, str]:
    """By store, what of earlier runs has come between the reading on which the plan stands and the generation
    that ends them."""
    known = {Step(one.address, one.operation) for one in found.closed if one.outcome == "observed"}
    late = {}
    for store in sorted({intent.address.store for intent in intents} & stores.fenced.keys()):
        try:
            snapshot = stores.marketplaces[stores.connections[store]].read(Scope(store, owner=stores.owner))
            why = landed(
                intents,
                snapshot,
                run.edges.now(),
                recorded=stores.ledger.recorded,
                known=known,
                ours=run.journal.is_ours,
                owner=stores.owner,
                begun=stores.is_begun,
            )
        except MarketplaceError as error:
            why = error.message
        if why:
            late[store] = why
    return late


def _record(stores: _Stores, run: Run, out: Collection[str]) -> None:
    """What is in sync and not recorded yet is ours from now on, also where the marketplace keeps owners."""
    addresses = [
        address
        for s in stores.plan.stores
        for address in s.to_record
        if address in stores.terms.recording and address.store not in out and not run.why_stopped(s.store)
    ]
    whose = owners_of(addresses, stores.marketplaces, stores.connections, owner=stores.owner)
    run.journal.adopt(addresses, whose, stores.owner, found=not stores.terms.takes_over)


def _ended(run: Run, stores: _Stores) -> Report:
    """Write down how it ended."""
    plan, edges = stores.plan, run.edges
    outcomes = [(change, run.outcomes[change.address]) for change in plan.changes]
    report = Report(plan.id, outcomes, run.interrupted, unread=stores.unread, fenced=stores.fenced)
    status: PlanStatus = "complete" if report.complete else "partial"
    if report.complete and not edges.part:
        run.stands()
    report.end = stores.ledger.end_plan(
        plan.id,
        status,
        edges.now(),
        edges.actor,
        report.counts(),
        {store: now.number for store, (_, now) in stores.fenced.items()},
        {
            "owner": stores.owner,
            "commit": plan.revision,
            "committed": edges.committed,
            "exact": edges.exact,
            **({"selected": True} if edges.part else {"guards": {**edges.guards}}),
            **_unsoaked(run),
        },
    )
    return report


def _unsoaked(run: Run) -> dict[str, object]:
    """What the next run has to wait for, where there are phases: also that there is nothing."""
    if not run.plan.rollout:
        return {}
    return {"unsoaked": {phase: [*map(str, found)] for phase, found in run.unsoaked.items()}}


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
