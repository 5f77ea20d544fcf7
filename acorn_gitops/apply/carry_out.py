"""Applies a plan. Comes in: a plan, marketplaces by connection, a ledger, a clock. Goes out: a `Report`.
Caller: cli `apply`.

The order of events, and nothing else: check that the plan fits; then, wave by wave and store by store, write
down what is intended, send it, write down what became of it. A process that dies between any two of these
leaves intents that the next run closes by looking. A store whose own creation failed, or that stops answering,
is left; the others go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from acorn_gitops.apply.fresh import check_applicable, check_live
from acorn_gitops.ledger.ledger import Intent, Ledger, PlanStatus, Settled
from acorn_gitops.marketplaces.protocol import Marketplace, Outcome, Scope, Snapshot, Write
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import TYPES, Address, Attributes, Live
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.compare import holds
from acorn_gitops.plan.document import Plan

BATCH = 500


@dataclass(slots=True)
class Edges:
    """The world outside, given in: who acts, what time it is, how to say what happens, whether to stop."""

    actor: str
    now: Callable[[], str]
    pause: Callable[[float], None]
    progress: Callable[[str], None]
    stopping: Callable[[], bool]
    wait_seconds: float = 10.0
    """How long an accepted write may take to be seen."""


@dataclass(slots=True)
class Report:
    """What became of every change."""

    plan: str
    outcomes: list[tuple[Change, Outcome]] = field(default_factory=list)
    interrupted: bool = False

    def counts(self) -> dict[str, int]:
        """How many of each status."""
        counts: dict[str, int] = {}
        for _, outcome in self.outcomes:
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        return counts

    @property
    def complete(self) -> bool:
        """Whether every change is done and seen."""
        return not self.interrupted and all(o.status == "observed" for _, o in self.outcomes)


def apply_plan(
    plan: Plan,
    marketplaces: Mapping[str, Marketplace],
    ledger: Ledger,
    edges: Edges,
    desired: Mapping[Address, Attributes] | None = None,
) -> Report:
    """Carry out a plan whose ledger is locked by the caller. Stale before any write when it does not fit.

    `desired` gives the declared attributes of resources that are in sync but not recorded yet.
    """
    check_applicable(plan, ledger.plan_status(plan.id))
    snapshots = _read(plan, marketplaces)
    recover(ledger, snapshots, edges, plan.commit)
    done = frozenset(a for a, o in ledger.plan_outcomes(plan.id).items() if o == "observed")
    check_live(plan.changes, snapshots, done)
    ledger.begin_plan(plan.id, edges.now(), edges.actor, plan.commit, plan.environment)
    report = Report(plan.id)
    work = _Work(plan, marketplaces, ledger, edges, snapshots, report)
    for change in plan.changes:
        if change.address in done:
            report.outcomes.append((change, Outcome(change.address, "observed", "done by an earlier run")))
    todo = [c for c in plan.changes if c.address not in done]
    work.forget([c for c in todo if c.action == "forget"])
    for (_, _), wave in groupby([c for c in todo if c.writes], key=_wave):
        by_store: dict[str, list[Change]] = {}
        for change in wave:
            by_store.setdefault(change.address.store, []).append(change)
        for store, changes in by_store.items():
            for start in range(0, len(changes), BATCH):
                work.batch(store, changes[start : start + BATCH])
    work.manual([c for c in todo if c.action in ("adopt", "manual")])
    _record_in_sync(plan, ledger, edges, desired or {})
    status: PlanStatus = "complete" if report.complete else "partial"
    ledger.end_plan(plan.id, status, edges.now(), edges.actor, report.counts())
    return report


def _wave(change: Change) -> tuple[int, int]:
    wave = TYPES[change.address.type]
    return (1, -wave) if change.action == "delete" else (0, wave)


def _read(plan: Plan, marketplaces: Mapping[str, Marketplace]) -> dict[str, Snapshot]:
    touched = {c.address.store for c in plan.changes if c.writes}
    connections = {s.store: s.connection for s in plan.stores}
    return {store: marketplaces[connections[store]].read(Scope(store)) for store in sorted(touched)}


def recover(ledger: Ledger, snapshots: Mapping[str, Snapshot], edges: Edges, commit: str) -> int:
    """Close intents that an earlier run left open, by looking at what is there: a write that is visible
    happened. Returns how many were closed."""
    settled: list[Settled] = []
    for intent in ledger.open_intents():
        snapshot = snapshots.get(intent.address.store)
        if snapshot is None:
            continue
        have = snapshot.resources.get((intent.address.type, intent.address.key))
        happened = have is None if intent.operation == "delete" else holds(intent.attributes or {}, have)
        if not happened and not intent.open:
            continue  # already known not to be known
        settled.append(
            Settled(
                intent.address,
                intent.operation,
                intent.plan,
                "observed" if happened else "unknown",
                None if intent.operation == "delete" else intent.attributes,
                "",
                "found after an interrupted run",
            )
        )
    if settled:
        ledger.settle(settled, edges.now(), edges.actor, commit)
    return len(settled)


def _record_in_sync(plan: Plan, ledger: Ledger, edges: Edges, desired: Mapping[Address, Attributes]) -> None:
    rows = [
        Settled(address, "adopt", plan.id, "observed", desired[address], adopted=True)
        for store in plan.stores
        for address in store.to_record
        if address in desired
    ]
    ledger.record(rows, edges.now(), edges.actor, plan.commit, "adopt")


class _Work:
    """One run's shared parts."""

    def __init__(
        self,
        plan: Plan,
        marketplaces: Mapping[str, Marketplace],
        ledger: Ledger,
        edges: Edges,
        snapshots: Mapping[str, Snapshot],
        report: Report,
    ) -> None:
        self.plan = plan
        self.marketplaces = marketplaces
        self.ledger = ledger
        self.edges = edges
        self.snapshots = snapshots
        self.report = report
        self.connections = {s.store: s.connection for s in plan.stores}
        self.broken: dict[str, str] = {}
        self.done = 0
        self.total = sum(c.writes for c in plan.changes)

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what is no longer ours from the ledger; nothing is sent."""
        rows = [Settled(c.address, "forget", self.plan.id, "observed", None) for c in changes]
        self.ledger.record(rows, self.edges.now(), self.edges.actor, self.plan.commit, "forget")
        self.report.outcomes += [(c, Outcome(c.address, "observed")) for c in changes]

    def manual(self, changes: Sequence[Change]) -> None:
        """What only a person can do, or must first agree to."""
        for change in changes:
            why = (
                "it exists already and differs; take it over with `--adopt`, or `acorn import` it"
                if change.action == "adopt"
                else "this marketplace has no API for it: do it by hand, then run `acorn drift`"
            )
            self.report.outcomes.append((change, Outcome(change.address, "skipped", why)))

    def batch(self, store: str, changes: Sequence[Change]) -> None:
        """Intend, send, observe, settle: one batch of one store."""
        if self.edges.stopping():
            self.report.interrupted = True
        why = "interrupted" if self.report.interrupted else self.broken.get(store, "")
        if why:
            self.report.outcomes += [(c, Outcome(c.address, "skipped", why)) for c in changes]
            return
        writes = [write for change in changes for write in self._writes(change)]
        at = self.edges.now()
        self.ledger.intend(
            [
                Intent(
                    self.plan.id,
                    w.address,
                    w.operation,
                    w.key,
                    None if w.operation == "delete" else w.attributes,
                    at,
                )
                for w in writes
            ]
        )
        marketplace = self.marketplaces[self.connections[store]]
        try:
            answers = list(marketplace.write(store, writes))
        except MarketplaceError as error:
            answers = [Outcome(w.address, "unknown", error.message) for w in writes]
        answers = self._observe(marketplace, store, writes, answers)
        by_address: dict[Address, list[Outcome]] = {}
        for answer in answers:
            by_address.setdefault(answer.address, []).append(answer)
        settled = []
        for change in changes:
            outcome = _joined(change, by_address)
            self.report.outcomes.append((change, outcome))
            settled.append(self._settled(change, outcome))
            if change.moved_from and outcome.status == "observed":
                former = change.address._replace(key=change.moved_from)
                settled.append(Settled(former, "replace", self.plan.id, "observed", None))
        self.ledger.settle(settled, self.edges.now(), self.edges.actor, self.plan.commit)
        self._judge(store, changes)
        self.done += len(changes)
        self.edges.progress(f"{self.done} of {self.total} changes sent; {store} {changes[0].address.type}")

    def _judge(self, store: str, changes: Sequence[Change]) -> None:
        """Whether the rest of this store can be tried at all."""
        last = {change.address: outcome for change, outcome in self.report.outcomes[-len(changes) :]}
        for change in changes:
            outcome = last[change.address]
            if outcome.status == "unknown":
                self.broken[store] = f"{store} does not answer"
            elif outcome.status != "observed" and change.address.type in ("storefront", "location"):
                self.broken[store] = f"{change.address} could not be created"

    def _writes(self, change: Change) -> Iterator[Write]:
        live = self.snapshots[change.address.store].resources
        key = f"{self.plan.id[:32]}:{change.address.store}:{change.address.type}:{change.address.key}"
        if change.action == "create":
            created = {k: v for k, v in (change.after or {}).items() if v is not None}
            yield Write("create", change.address, created, "", _short(key, "c"))
            return
        old = change.address._replace(key=change.moved_from or change.address.key)
        have = live[(old.type, old.key)]
        if change.action == "update":
            wanted = change.after or {}
            changed = {f.path.split(".")[0].split("[")[0] for f in change.fields}
            yield Write(
                "update",
                change.address,
                {k: v for k, v in wanted.items() if k in changed},
                have.etag,
                _short(key, "u"),
            )
            return
        yield Write("delete", old, {}, have.etag, _short(key, "d"))
        if change.action == "replace":
            # What the specs do not speak of is carried over: replacing must not blank it.
            kept = {k: v for k, v in have.attributes.items() if v is not None}
            merged = {k: v for k, v in {**kept, **(change.after or {})}.items() if v is not None}
            yield Write("create", change.address, merged, "", _short(key, "c"))

    def _observe(
        self, marketplace: Marketplace, store: str, writes: Sequence[Write], answers: list[Outcome]
    ) -> list[Outcome]:
        """Look again for what was only accepted, or not answered: a write is done when it is seen."""
        waited, step = 0.0, 0.5
        while any(a.status in ("accepted", "unknown") for a in answers):
            try:
                live = marketplace.read(Scope(store)).resources
            except MarketplaceError:
                return answers
            answers = [
                _seen(w, a, live) if a.status in ("accepted", "unknown") else a
                for w, a in zip(writes, answers, strict=True)
            ]
            if waited >= self.edges.wait_seconds or not any(a.status == "accepted" for a in answers):
                break
            self.edges.pause(step)
            waited += step
            step = min(step * 2, 5.0)
        return answers

    def _settled(self, change: Change, outcome: Outcome) -> Settled:
        attributes: Attributes | None = None
        if change.action != "delete":
            attributes = dict(change.after or {})
        return Settled(
            change.address,
            change.action,
            self.plan.id,
            outcome.status,
            attributes,
            str(change.origin) if change.origin is not None else "",
            outcome.message,
            outcome.remote_id,
        )


def _short(key: str, operation: str) -> str:
    return f"acorn-{hashlib.sha256(key.encode()).hexdigest()[:40]}-{operation}"


def _seen(write: Write, answer: Outcome, live: Mapping[tuple[str, str], Live]) -> Outcome:
    have = live.get((write.address.type, write.address.key))
    happened = have is None if write.operation == "delete" else holds(write.attributes, have)
    if happened:
        return Outcome(
            write.address, "observed", "", have.etag if have else "", have.remote_id if have else ""
        )
    return answer


def _joined(change: Change, answers: Mapping[Address, list[Outcome]]) -> Outcome:
    """One outcome for a change: a replacement is done when both of its halves are."""
    former = change.address._replace(key=change.moved_from) if change.moved_from else change.address
    found: list[Any] = list(answers.get(change.address, ()))
    if former != change.address:
        found = [*answers.get(former, ()), *found]
    for outcome in found:
        if outcome.status != "observed":
            half = (
                ""
                if len(found) == 1 or outcome is found[0]
                else " (the old one is already deleted; run apply again)"
            )
            return Outcome(
                change.address, outcome.status, outcome.message + half, outcome.etag, outcome.remote_id
            )
    last = found[-1]
    return Outcome(change.address, "observed", last.message, last.etag, last.remote_id)
