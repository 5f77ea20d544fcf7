"""Applies a plan. Comes in: a plan, marketplaces by connection, a ledger, a clock. Goes out: a `Report`.
Caller: cli `apply`.

The order of events, and nothing else: check that the plan fits; then, wave by wave and store by store, write
down what is intended, send it, write down what became of it. A process that dies between any two of these
leaves intents that the next run closes by looking. A store whose own creation failed, or that stops answering,
is left; the others go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from acorn_gitops.apply.fresh import check_applicable, check_live, check_not_empty
from acorn_gitops.apply.price_guard import Offered, bounds_of, paid_refusal, promotion_refusal, refusal
from acorn_gitops.engines.held import HeldPromotions
from acorn_gitops.ledger.ledger import Closed, Intent, Ledger, PlanStatus, Settled
from acorn_gitops.marketplaces.protocol import Marketplace, Outcome, Scope, Snapshot, Write
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import TYPES, Address, Desired, Live, protects
from acorn_gitops.plan.change import Change, Step
from acorn_gitops.plan.compare import holds
from acorn_gitops.plan.document import Plan

BATCH = 500


@dataclass(slots=True)
class Edges:
    """The world outside, given in: who acts, what time it is, how to say what happens, whether to stop."""

    actor: str
    now: Callable[[], str]
    pause: Callable[[float], None]
    progress: Callable[[int, int, str], None]
    """How many changes of how many are sent, and where."""
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


class Part(NamedTuple):
    """The steps of one change that are sent together. A rename has two parts: its former is deleted at the end."""

    change: Change
    steps: tuple[Step, ...]


def apply_plan(
    plan: Plan,
    marketplaces: Mapping[str, Marketplace],
    ledger: Ledger,
    edges: Edges,
    declared: Callable[[Address], Desired | None],
    least: Callable[[Address], Mapping[str, str] | None],
    recording: Collection[Address] = (),
    allow_empty: Collection[str] = (),
) -> Report:
    """Carry out a plan whose ledger is locked by the caller. Stale before any write when it does not fit.

    `declared` knows what the specs say of an address; `least` the lowest price of a listing that leaves the margin of its
    policy, for the last price guard; `recording` are resources that are in sync and not recorded yet.
    """
    check_applicable(plan, ledger.plan_status(plan.id))
    snapshots = _read(plan, marketplaces)
    for store, snapshot in snapshots.items():
        check_not_empty(snapshot, len(ledger.applied(store)), allow_empty)
    recover(ledger, snapshots, edges)
    done = done_steps(plan, ledger)
    check_live(plan.changes, snapshots, done)
    ledger.begin_plan(plan.id, edges.now(), edges.actor, plan.revision, plan.environment)
    work = _Work(plan, marketplaces, ledger, edges, snapshots, declared, least)
    parts: dict[tuple[int, int], list[Part]] = {}
    work.forget([c for c in plan.changes if c.action == "forget"])
    work.manual([c for c in plan.changes if c.action in ("adopt", "manual")])
    for change in plan.changes:
        if not change.writes:
            continue
        if not (left := tuple(step for step in change.steps if step not in done)):
            work.outcomes[change.address] = Outcome(change.address, "observed", "done by an earlier run")
        else:
            for part in _parts(change, left):
                parts.setdefault(_wave(part), []).append(part)
    ahead = sorted(wave for wave in parts if wave[0] == 0)
    for wave in ahead:
        work.wave(parts[wave])
    work.again(ahead)
    for wave in sorted(parts.keys() - set(ahead)):
        work.wave(parts[wave])
    work.record([address for s in plan.stores for address in s.to_record if address in recording])
    report = Report(plan.id, [(c, work.outcomes[c.address]) for c in plan.changes], work.interrupted)
    status: PlanStatus = "complete" if report.complete else "partial"
    ledger.end_plan(plan.id, status, edges.now(), edges.actor, report.counts())
    return report


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
        return 1, -TYPES[change.address.type]
    return change.stage


def _read(plan: Plan, marketplaces: Mapping[str, Marketplace]) -> dict[str, Snapshot]:
    touched = {c.address.store for c in plan.changes if c.writes}
    connections = {s.store: s.connection for s in plan.stores}
    return {store: marketplaces[connections[store]].read(Scope(store)) for store in sorted(touched)}


def recover(ledger: Ledger, snapshots: Mapping[str, Snapshot], edges: Edges) -> int:
    """Close intents that an earlier run left open, by looking at what is there: a write that is visible
    happened. Returns how many were closed."""
    settled: list[Settled] = []
    closed: list[Closed] = []
    for intent in ledger.open_intents():
        snapshot = snapshots.get(intent.address.store)
        if snapshot is None:
            continue
        have = snapshot.resources.get((intent.address.type, intent.address.key))
        if intent.operation == "delete":
            happened = _gone(have, intent.remote_id)
        else:
            happened = holds(intent.attributes or {}, have)
        if not happened and not intent.open:
            continue  # already known not to be known
        outcome = "observed" if happened else "unknown"
        closed.append(Closed(intent.plan, intent.address, intent.operation, outcome))
        settled.append(
            Settled(
                intent.address,
                intent.action,
                intent.plan,
                outcome,
                intent.declared,
                intent.origin,
                "found after an interrupted run",
                have.remote_id if have is not None else "",
                protected=intent.protected,
                commit=intent.commit,
            )
        )
    if settled:
        ledger.settle(settled, closed, edges.now(), edges.actor, "")
    return len(settled)


def _gone(have: Live | None, remote_id: str) -> bool:
    """Whether a resource was deleted. One with another id under the same key is its successor."""
    return have is None or bool(remote_id and have.remote_id and have.remote_id != remote_id)


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
    ) -> None:
        self.plan = plan
        self.marketplaces = marketplaces
        self.ledger = ledger
        self.edges = edges
        self.snapshots = snapshots
        self.declared = declared
        self.least = least
        self._listings: dict[str, dict[str, str]] = {}
        self._promotions: dict[str, HeldPromotions] = {}
        self._held: list[tuple[tuple[int, int], Part, str]] = []
        """What the price guard holds back: when it was to be, and why it was not."""
        self.outcomes: dict[Address, Outcome] = {}
        """By the change's address; of a rename that of its last part."""
        self.interrupted = False
        self.connections = {s.store: s.connection for s in plan.stores}
        self.broken: dict[str, str] = {}
        self.unfinished = ledger.unfinished()
        self.done = 0
        self.total = sum(c.writes for c in plan.changes)

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what is no longer ours from the ledger; nothing is sent."""
        rows = [Settled(c.address, "forget", self.plan.id, "observed", None) for c in changes]
        self.ledger.record(rows, self.edges.now(), self.edges.actor, self.plan.revision, "forget")
        for change in changes:
            self.outcomes[change.address] = Outcome(change.address, "observed")

    def manual(self, changes: Sequence[Change]) -> None:
        """What only a person can do, or must first agree to."""
        for change in changes:
            why = (
                "it exists already and differs; take it over with `--adopt`, or `acorn import` it"
                if change.action == "adopt"
                else "this marketplace has no API for it: do it by hand, then run `acorn drift`"
            )
            self.outcomes[change.address] = Outcome(change.address, "skipped", why)

    def record(self, addresses: Sequence[Address]) -> None:
        """Take what is there as declared into the ledger."""
        rows = [
            Settled(
                address,
                "adopt",
                self.plan.id,
                "observed",
                want.attributes,
                str(want.origin),
                adopted=True,
                protected=protects(want.lifecycle),
            )
            for address in addresses
            if (want := self.declared(address)) is not None
        ]
        self.ledger.record(rows, self.edges.now(), self.edges.actor, self.plan.revision, "adopt")

    def wave(self, parts: Iterable[Part]) -> None:
        """All that can be done at once, store by store."""
        ordered = sorted(parts, key=lambda p: p.change.address)
        for store, group in groupby(ordered, lambda p: p.change.address.store):
            of_store = list(group)
            for start in range(0, len(of_store), BATCH):
                self.batch(store, of_store[start : start + BATCH])

    def again(self, waves: Sequence[tuple[int, int]]) -> None:
        """What the price guard held back may go once something else is done: a price once a promotion has ended, a promotion once
        another has. As long as that moves anything; the rest is written down as refused."""
        while self._held:
            held, self._held = self._held, []
            for wave in waves:
                self.wave(part for when, part, _ in held if when == wave)
            if len(self._held) == len(held):
                break
        for _, part, why in self._held:
            outcome = Outcome(part.change.address, "rejected", f"not sent: {why}")
            self.outcomes[part.change.address] = outcome
            row = self._settled(part.change, outcome)
            self.ledger.settle([row], [], self.edges.now(), self.edges.actor, self.plan.revision)
        self._held = []

    def batch(self, store: str, parts: Sequence[Part]) -> None:
        """Intend, send, observe, settle: one batch of one store."""
        # The second part of a rename is for nothing when the first one failed.
        parts = [p for p in parts if self.outcomes.get(p.change.address, _DONE).status == "observed"]
        if not parts:
            return
        if self.edges.stopping():
            self.interrupted = True
        why = "interrupted" if self.interrupted else self.broken.get(store, "")
        if why:
            for part in parts:
                self.outcomes[part.change.address] = Outcome(part.change.address, "skipped", why)
            return
        parts = [part for part in parts if not self._guarded(part)]
        if not parts:
            return
        writes = [write for part in parts for write in self._writes(part)]
        owners = [part.change for part in parts for _ in part.steps]
        at = self.edges.now()
        self.ledger.intend(
            self._intent(change, write, at) for change, write in zip(owners, writes, strict=True)
        )
        marketplace = self.marketplaces[self.connections[store]]
        try:
            answers = list(marketplace.write(store, writes))
        except MarketplaceError as error:
            answers = [Outcome(w.address, "unknown", error.message) for w in writes]
        answers = self._observe(marketplace, store, writes, answers)
        self._settle(parts, writes, answers)
        self._know(store, writes, answers)
        self._judge(store, parts)
        self.done += len(parts)
        kind = parts[0].change.address.type
        self.edges.progress(min(self.done, self.total), self.total, f"{store} {kind}")

    def _guarded(self, part: Part) -> bool:
        """Whether the price guard stops this change for now; nothing of it is sent."""
        writes = list(self._writes(part))
        for write in writes:
            if write.operation == "delete" and len(writes) == 2:
                continue  # what follows takes its place
            former = part.change.former.key if len(writes) == 2 else write.address.key
            why = self._refused(write, former)
            if why:
                self._held.append((_wave(part), part, why))
                return True
        return False

    def _refused(self, write: Write, former: str) -> str:
        address = write.address
        if address.type == "listing" and write.operation != "delete":
            live = self._bounded(address, live=write.operation == "update")
            least = self.least(address)
            sku = str({**live, **write.attributes}.get("sku") or address.key)
            return refusal("listing", write.attributes, live, least) or paid_refusal(
                sku, write.attributes, live, least, self._promotions_of(address.store)
            )
        if address.type == "promotion":
            held = self._promotions_of(address.store)
            before = held.content(former) or {}
            after = None
            if write.operation != "delete":
                after = {**(before if write.operation == "update" else {}), **write.attributes}
            keys = self._by_sku(address.store)
            skus = {*(before.get("skus") or ()), *((after or {}).get("skus") or ())}
            listings = {sku: Address(address.store, "listing", keys.get(sku, sku)) for sku in sorted(skus)}
            return promotion_refusal(
                held.proposed(address.key, after, instead_of=former),
                {sku: Offered(self._as_it_is(at), self.least(at)) for sku, at in listings.items()},
            )
        return ""

    def _promotions_of(self, store: str) -> HeldPromotions:
        """What the store holds of promotions at this moment of the run."""
        if store not in self._promotions:
            now = datetime.fromisoformat(self.edges.now()).astimezone(UTC)
            self._promotions[store] = HeldPromotions(
                now,
                (
                    (key, live.attributes)
                    for (type, key), live in self.snapshots[store].resources.items()
                    if type == "promotion"
                ),
            )
        return self._promotions[store]

    def _know(self, store: str, writes: Sequence[Write], answers: Sequence[Outcome]) -> None:
        """What became of promotions. One that was accepted and not seen counts as both: as it was, and as it will be."""
        for write, answer in zip(writes, answers, strict=True):
            if write.address.type != "promotion" or answer.status not in ("observed", "accepted"):
                continue
            held, key = self._promotions_of(store), write.address.key
            before = held.content(key)
            after = None
            if write.operation != "delete":
                after = {**((before or {}) if write.operation == "update" else {}), **write.attributes}
            if answer.status == "accepted" and after is not None and before is not None:
                held.put(f"{key} (accepted, not seen)", after)
            elif answer.status == "observed" or after is not None:
                held.put(key, after)

    def _bounded(self, address: Address, *, live: bool) -> dict[str, Any]:
        """What is there, and the bounds of the spec: a marketplace that cannot hold a floor does not know it."""
        have = self.snapshots[address.store].resources.get((address.type, address.key)) if live else None
        return {**(have.attributes if have is not None else {}), **bounds_of(self.declared(address))}

    def _as_it_is(self, address: Address) -> dict[str, Any]:
        """A listing at this moment of the run: what was there, and what this run has sent and seen."""
        outcome, want = self.outcomes.get(address), self.declared(address)
        sent = (
            want.attributes
            if want is not None and outcome is not None and outcome.status == "observed"
            else {}
        )
        return {**self._bounded(address, live=True), **{k: v for k, v in sent.items() if v is not None}}

    def _by_sku(self, store: str) -> dict[str, str]:
        """Keys of listings whose key is not their SKU."""
        if store not in self._listings:
            found = {
                live.attributes["sku"]: key
                for (type, key), live in self.snapshots[store].resources.items()
                if type == "listing" and live.attributes.get("sku")
            }
            for change in self.plan.changes:
                if (
                    change.address.store == store
                    and change.address.type == "listing"
                    and (change.after or {}).get("sku")
                ):
                    found[(change.after or {})["sku"]] = change.address.key
            self._listings[store] = found
        return self._listings[store]

    def _intent(self, change: Change, write: Write, at: str) -> Intent:
        deletes = write.operation == "delete"
        have = self.snapshots[write.address.store].resources.get((write.address.type, write.address.key))
        return Intent(
            self.plan.id,
            write.address,
            change.action,
            write.operation,
            write.key,
            None if deletes else write.attributes,
            None if deletes else change.after,
            str(change.origin) if change.origin is not None else "",
            have.remote_id if have is not None else "",
            not deletes and self._protected(change),
            at,
        )

    def _protected(self, change: Change) -> bool:
        want = self.declared(change.address)
        return want is not None and protects(want.lifecycle)

    def _settle(self, parts: Sequence[Part], writes: Sequence[Write], answers: Sequence[Outcome]) -> None:
        settled: list[Settled] = []
        closed = [
            Closed(self.plan.id, w.address, w.operation, a.status, a.message)
            for w, a in zip(writes, answers, strict=True)
        ]
        following = iter(answers)
        for part in parts:
            change = part.change
            results = [(step, next(following)) for step in part.steps]
            for step, answer in results:
                if step.operation != "delete" or change.action == "delete":
                    settled.append(self._settled(change, answer))
                elif (
                    len(results) == 1 or results[-1][1].status != "observed" or step.address != change.address
                ):
                    # Half of a replacement: the other half is another part, or failed.
                    settled.append(
                        Settled(
                            step.address, "replace", self.plan.id, answer.status, None, "", answer.message
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
        self.ledger.settle(settled, closed, self.edges.now(), self.edges.actor, self.plan.revision)

    def _settled(self, change: Change, answer: Outcome) -> Settled:
        return Settled(
            change.address,
            change.action,
            self.plan.id,
            answer.status,
            None if change.action == "delete" else dict(change.after or {}),
            str(change.origin) if change.origin is not None else "",
            answer.message,
            answer.remote_id,
            protected=self._protected(change),
        )

    def _judge(self, store: str, parts: Sequence[Part]) -> None:
        """Whether the rest of this store can be tried at all."""
        for part in parts:
            address = part.change.address
            outcome = self.outcomes[address]
            if outcome.status == "unknown":
                self.broken[store] = f"{store} does not answer"
            elif outcome.status != "observed" and address.type in ("storefront", "location"):
                self.broken[store] = f"{address} could not be created"

    def _writes(self, part: Part) -> Iterator[Write]:
        change = part.change
        resources = self.snapshots[change.address.store].resources
        have = resources.get((change.former.type, change.former.key))
        for step in part.steps:
            key = _key(self.plan.id, step)
            if step.operation == "delete":
                yield Write("delete", step.address, {}, have.etag if have else "", key)
            elif step.operation == "update":
                wanted = change.after or {}
                touched = change.touched
                patch = {k: v for k, v in wanted.items() if k in touched}
                yield Write("update", step.address, patch, have.etag if have else "", key)
            else:
                # What the specs do not speak of is carried over: replacing must not blank it.
                kept = have.attributes if have is not None and change.action == "replace" else {}
                kept = kept or self.unfinished.get(step.address, {})
                merged = {k: v for k, v in {**kept, **(change.after or {})}.items() if v is not None}
                yield Write("create", step.address, merged, "", key)

    def _observe(
        self, marketplace: Marketplace, store: str, writes: Sequence[Write], answers: list[Outcome]
    ) -> list[Outcome]:
        """Look again for what was only accepted, or not answered: a write is done when it is seen."""
        waited, step = 0.0, 0.5
        before = self.snapshots[store].resources
        while any(a.status in ("accepted", "unknown") for a in answers):
            try:
                live = marketplace.read(Scope(store)).resources
            except MarketplaceError:
                return answers
            answers = [
                _seen(w, a, live, before) if a.status in ("accepted", "unknown") else a
                for w, a in zip(writes, answers, strict=True)
            ]
            if waited >= self.edges.wait_seconds or not any(a.status == "accepted" for a in answers):
                break
            self.edges.pause(step)
            waited += step
            step = min(step * 2, 5.0)
        return answers


_DONE = Outcome(Address("", "listing", ""), "observed")


def _key(plan: str, step: Step) -> str:
    """The idempotency key of a step of a plan: the same whenever it is sent again."""
    text = f"{plan}:{step.address}:{step.operation}"
    return f"acorn-{hashlib.sha256(text.encode()).hexdigest()[:48]}"


def _seen(
    write: Write,
    answer: Outcome,
    live: Mapping[tuple[str, str], Live],
    before: Mapping[tuple[str, str], Live],
) -> Outcome:
    key = (write.address.type, write.address.key)
    have = live.get(key)
    if write.operation == "delete":
        old = before.get(key)
        if _gone(have, old.remote_id if old is not None else ""):
            return Outcome(write.address, "observed")
        return answer
    if have is not None and holds(write.attributes, have):
        return Outcome(write.address, "observed", "", have.etag, have.remote_id)
    return answer
