"""A run under way: parts of a plan are sent, looked at, and followed by others. Comes in: parts,
marketplaces, what guards a write. Goes out: what became of each change. Caller: `carry_out`.

Phase by phase, wave by wave and store by store: what is intended is written down, sent, seen, and written
down again (`journal`). A store whose own creation failed, or that stops answering, is left; the others go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, Literal

from acorn_gitops.apply.edges import Edges
from acorn_gitops.apply.guard import Guard, seconds_between
from acorn_gitops.apply.journal import HALF, Journal
from acorn_gitops.apply.observe import observe
from acorn_gitops.apply.parts import Part, Sent, batches, in_turn, is_made_anew, wave_of
from acorn_gitops.apply.rights import RightsOrder
from acorn_gitops.apply.rollout import by_phase, why_it_ends, why_not_still, why_unread
from acorn_gitops.apply.staleness import check_not_empty
from acorn_gitops.ledger.records import Intent
from acorn_gitops.marketplaces.protocol import (
    Batches,
    Central,
    Entangles,
    Marketplace,
    Outcome,
    Scope,
    Snapshot,
    Write,
)
from acorn_gitops.model.finding import MarketplaceError, Moved, Superseded
from acorn_gitops.model.resource import Address, Desired, Live
from acorn_gitops.plan.change import Change, Step
from acorn_gitops.plan.compare import holds
from acorn_gitops.plan.document import Plan
from acorn_gitops.plan.ownership import belongs_to
from acorn_gitops.plan.rollout import Phase, in_their_phases
from acorn_gitops.resources.registry import PRICED, STORES

BATCH: Final = 500
TRIES: Final = 3
"""How often a batch is sent to a store that somebody else changes at the same time."""
SOAKS: Final = 10.0
"""Seconds after which a run that waits looks whether it is to stop."""
FEW: Final = 100
"""Where a marketplace chooses how much it is given at once, more takes long and cannot be ended half-way:
whether somebody said stop is asked right before."""
ASKS: Final = 60.0
"""Seconds after which a run asks again whether somebody said stop; the next phase always does."""
Wave = tuple[int, int]


class Run:
    """`snapshots`: the stores as the plan was checked against them; `beside`: stores that the plan does not
    speak of, with their connections; `alone`: each store is for itself, and what stops one does not stop the
    others."""

    def __init__(
        self,
        plan: Plan,
        marketplaces: Mapping[str, Marketplace],
        journal: Journal,
        edges: Edges,
        snapshots: Mapping[str, Snapshot],
        declared: Callable[[Address], Desired | None],
        least: Callable[[Address], Mapping[str, str] | None],
        beside: Mapping[str, str],
        *,
        alone: bool,
    ) -> None:
        self.plan, self.marketplaces, self.journal, self.edges = plan, marketplaces, journal, edges
        self.alone, self.snapshots = alone, snapshots
        """What is written presumes these versions."""
        self.latest = dict(snapshots)
        """The stores as they were last read."""
        self.outcomes: dict[Address, Outcome] = {}
        """By the change's address; of a rename that of its last part."""
        self.guard = Guard(
            plan.changes,
            snapshots,
            self.outcomes,
            declared=declared,
            least=least,
            now=edges.now,
            standing=edges.standing,
        )
        self.rights = RightsOrder(plan.changes, self.outcomes)
        self.unread: dict[str, str] = {}
        """Stores that are left out, and why."""
        self.earlier: list[Part] = []
        """What an earlier run of this plan has done."""
        self.waiting: list[tuple[Wave, Part, str]] = []
        """What the price guard holds back: when it was to be, and why not."""
        self.unsoaked: dict[str, list[Address]] = {}
        """By phase, what has not stood its time yet: of this run, and of earlier ones that ended before."""
        self.interrupted, self.superseded = False, ""
        """Who else writes by now; then nothing more is sent."""
        self.connections = {s.store: s.connection for s in plan.stores}
        self.reach, self.broken = {**beside, **self.connections}, dict[str, str]()
        """Stores in which nothing more is tried, and why."""
        self.fenced: set[str] = set()
        """Stores whose batches are refused when the store is another than the one that was judged."""
        self.late: dict[tuple[str, str], list[Intent]] = {}
        """By store and thing (`Entangles`), what earlier runs sent and nobody has seen."""
        self._stopped: Mapping[str, str] = {}
        self._asked = edges.clock()
        """When it was last asked whether somebody said stop."""
        self.done, self.total = 0, sum(c.writes for c in plan.changes)

    def expect(self, intents: Sequence[Intent]) -> None:
        """What earlier runs sent and nobody has seen may still come."""
        now = self.edges.now()
        self.guard.expect(intents, now)
        for one in intents:
            store, type, key = one.address
            marketplace = self.marketplaces.get(self.connections.get(store, ""))
            if not isinstance(marketplace, Entangles) or not (thing := marketplace.entangled(type, key)):
                continue
            if self._has_come(one):
                continue
            most = marketplace.comes_late(type, one.operation, answered=one.accepted)
            if seconds_between(one.at, now) < most:
                self.late.setdefault((store, thing), []).append(one)

    def _has_come(self, intent: Intent) -> bool:
        """Whether a store shows what was sent, whoever it is from."""
        snapshot = self.snapshots.get(intent.address.store)
        if snapshot is None:
            return False
        have = snapshot.resources.get((intent.address.type, intent.address.key))
        return have is None if intent.operation == "delete" else holds(intent.attributes or {}, have)

    # -- what is not sent ------------------------------------------------------------------------------------

    def skip(self, unread: Mapping[str, str]) -> None:
        """Leave out whatever is in stores that could not be read."""
        self.unread |= unread
        for change in self.plan.changes:
            why = unread.get(change.address.store)
            if why is not None and (change.writes or change.action == "forget"):
                self._skipped(change, f"the store could not be read: {why}")

    def was_done(self, change: Change, parts: Iterable[Part]) -> None:
        """An earlier run of this plan has done it."""
        self.outcomes[change.address] = Outcome(change.address, "observed", "done by an earlier run")
        self.earlier += parts

    def forget(self, changes: Sequence[Change]) -> None:
        """What is no longer ours leaves the ledger; nothing is sent."""
        self.journal.forget(changes)
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
            self._skipped(change, why)

    def _skipped(self, change: Change, why: str) -> None:
        self.outcomes[change.address] = Outcome(change.address, "skipped", why)

    def _fine_so_far(self, parts: Iterable[Part]) -> list[Part]:
        """Without those whose change has failed or was skipped: the second part of a rename is for nothing
        when the first one failed."""
        return [part for part in parts if self._status(part) == "observed"]

    def _status(self, part: Part) -> str:
        outcome = self.outcomes.get(part.change.address)
        return outcome.status if outcome is not None else "observed"

    # -- the order in which it is sent -----------------------------------------------------------------------

    def roll_out(self, parts: Sequence[Part]) -> None:
        """Phase by phase; where one does not show what was sent, the next is not begun."""
        phases = self.plan.rollout
        rights, groups = by_phase(parts, phases, self._is_last)
        earlier = by_phase(self.earlier, phases, self._is_last).phases
        self._carry(rights)
        why = ""
        for number, mine in enumerate(groups):
            if why:
                for part in mine:
                    self._skipped(part.change, why)
                continue
            self._carry(mine)
            if self.interrupted or self.superseded or not any(groups[number + 1 :]):
                continue
            why = why_unread(phases[number], self.unread)
            # What an earlier run did here was not waited for, or did not stay.
            gated, waits = [*mine, *earlier[number]], self.unsoaked.get(phases[number].name, ())
            if not why and (gated or waits):
                why = why_it_ends(phases[number], gated, self.outcomes)
                why = why or self._soaked(phases[number], gated, waits)
            if not why:
                self.unsoaked.pop(phases[number].name, None)
            self._asked = -math.inf

    def gate(self, parts: Sequence[Part], before: Mapping[str, Sequence[Address]]) -> None:
        """Note what has to stand its time in each phase that others follow: in this plan, or in a later one,
        as stores may be out of reach today, or wait for somebody's word. A whole plan that comes to its end
        lets go of it (`stands`). `before`: what had not when an earlier run ended, and has to until it was
        waited for."""
        phases = self.plan.rollout
        groups = by_phase(parts, phases, self._is_last).phases
        moved = in_their_phases(phases, before)
        for number, phase in enumerate(phases):
            mine = {part.change.address for part in groups[number]}
            left = mine.union(before.get(phase.name, ()), moved.get(phase.name, ()))
            if left:
                self.unsoaked[phase.name] = sorted(left)

    def stands(self) -> None:
        """A whole plan was carried out to its end: nothing follows what it has written. What it left as an
        earlier run had written it still has to stand its time."""
        written = {change.address for change in self.plan.changes if change.writes}
        for phase, found in [*self.unsoaked.items()]:
            self.unsoaked[phase] = [one for one in found if one not in written]
            if not self.unsoaked[phase]:
                del self.unsoaked[phase]

    def _soaked(self, phase: Phase, parts: Sequence[Part], waits: Iterable[Address]) -> str:
        """Wait, and look once more: why what was seen is not there any more. `waits`: what an earlier run has
        written, and did not wait for."""
        if not phase.soak:
            return ""
        left = float(phase.soak)
        waits_for = f"{phase.name} has to stand {phase.soak} s"
        self.edges.progress(min(self.done, self.total), self.total, waits_for)
        while left > 0 and not self.edges.stopping():
            self.edges.pause(min(left, SOAKS))
            left -= SOAKS
        if left > 0:
            self.interrupted = True
            return "interrupted"
        theirs = {one for one in waits if one.store in self.reach} - {part.change.address for part in parts}
        for store in sorted({one.store for one in (*(part.change.address for part in parts), *theirs)}):
            self._refresh(store)
            if store in self.broken:
                return f"the rollout ended after {phase.name}: {store} cannot be read: {self.broken[store]}"
        seen = self._fine_so_far(parts)
        sent = [write for part in seen for write in self.journal.writes(part)]
        sent += [write for one in sorted(theirs) if (write := self.journal.applied_to(one)) is not None]
        return why_not_still(phase, sent, self.latest, failed=len(parts) - len(seen))

    def _carry(self, parts: Iterable[Part]) -> None:
        """Wave by wave; what takes things away comes after all that the price guard held back was tried
        again."""
        waves: dict[Wave, list[Part]] = {}
        for part in parts:
            waves.setdefault(wave_of(part), []).append(part)
        ahead = sorted(wave for wave in waves if wave[0] == 0)
        for wave in ahead:
            self._wave(waves[wave])
        self._again(ahead)
        behind = sorted(waves.keys() - {*ahead})
        for wave in behind:
            self._wave(waves[wave])
        self._again(behind)

    def _again(self, waves: Sequence[Wave]) -> None:
        """What the price guard held back may go once something else is done: a price once a promotion has
        ended, a promotion once another has. As long as that moves anything; the rest is written down as
        refused."""
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            for wave in waves:
                self._wave(part for when, part, _ in waiting if when == wave)
            if len(self.waiting) == len(waiting):
                break
        promotions = [part for _, part, _ in self.waiting if part.change.address.type == "promotion"]
        for _, part, why in self.waiting:
            if self._status(part) != "observed":
                continue  # its first part is refused, and says why
            many = part in promotions and len({p.change.address for p in promotions}) > 1
            way_out = "; where they wait for each other, end one, apply, and make it anew" if many else ""
            self._refused(part, "rejected", f"not sent: {why}{way_out}")
        self.waiting = []

    def _wave(self, parts: Iterable[Part]) -> None:
        """All that can be done at once, store by store: sent batch by batch, then looked at once, then
        written down."""
        ordered = sorted(parts, key=lambda p: (self._is_last(p), p.change.address.store))
        for store, group in groupby(ordered, lambda p: p.change.address.store):
            for of_store in in_turn(group):
                self._at_once(store, of_store)

    def _at_once(self, store: str, parts: Sequence[Part]) -> None:
        """Parts of one store, none of which waits for another: sent batch by batch, then looked at once."""
        self._read_prices(store, parts[0].change.address.type)
        sent: list[Sent] = []
        for some in self._batches(store, parts):
            batch = self._send(store, some)
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

    def _batches(self, store: str, parts: Sequence[Part]) -> Iterator[list[Part]]:
        """Parts that are sent together, as many as its marketplace is best given at once."""
        marketplace = self.marketplaces[self.connections[store]]
        if not isinstance(marketplace, Batches):
            yield from batches(parts, BATCH)
            return
        sorts: dict[tuple[str, str], list[Part]] = {}
        for part in parts:
            sorts.setdefault((part.change.address.type, part.steps[-1].operation), []).append(part)
        for (type, operation), mine in sorts.items():
            yield from batches(mine, marketplace.batch(type, operation, len(mine)))

    # -- one batch -------------------------------------------------------------------------------------------

    def _send(self, store: str, parts: Sequence[Part]) -> Sent | None:
        """Intend and send one batch of one store. None when nothing of it was sent."""
        parts = self._fine_so_far(parts)
        for part in parts:
            if why := self.rights.why_not(part.change):
                self._skipped(part.change, why)
        parts = self._fine_so_far(parts)
        if not parts:
            return None
        if self.edges.stopping():
            self.interrupted = True
        if len(parts) > FEW and isinstance(self.marketplaces[self.connections[store]], Batches):
            self._asked = -math.inf
            kind = parts[0].change.address.type
            self.edges.progress(self.done, self.total, f"{store} {kind}: {len(parts):,} at once")
        why = self.superseded or ("interrupted" if self.interrupted else self.broken.get(store, ""))
        why = why or self.why_stopped(store)
        if why:
            for part in parts:
                self._skipped(part.change, why)
            return None
        self.guard.stays(store)
        left = [part for part in parts if not self._held_back(part)]
        self.journal.intend(left)
        for _ in range(TRIES):
            if not left:
                return None
            try:
                return self._sent(store, left)
            except Moved as moved:
                left = self._unmoved(store, left, moved.message)
            except Superseded as other:
                self._end(store, other.message)
                for part in left:
                    self._skipped(part.change, other.message)
                return None
        for part in left:
            self._refused(part, "conflict", f"{store} is changed by somebody else all the time")
        return None

    def why_stopped(self, store: str) -> str:
        """Why nothing more may be written to a store, as somebody said since this run began."""
        if self.edges.clock() - self._asked >= ASKS:
            marked = {one.store for one in self.plan.stores if one.to_record}
            written = {c.address.store for c in self.plan.changes if c.writes}
            self._stopped = self.edges.stopped(sorted(marked | written))
            self._asked = self.edges.clock()
        why = self._stopped.get(store, "")
        return f"nothing more may be written there: {why}" if why else ""

    def _sent(self, store: str, parts: list[Part]) -> Sent:
        """A batch, and what was answered. Moved or Superseded where nothing of it was carried out."""
        writes = [write for part in parts for write in self.journal.writes(part)]
        judged_at = self.latest[store].version
        kind = parts[0].change.address.type
        try:
            with self.edges.spans("write", {"store": store, "type": kind, "changes": len(parts)}):
                answers = list(self.marketplaces[self.connections[store]].write(store, writes, judged_at))
        except Moved:
            raise
        except MarketplaceError as error:
            answers = [Outcome(w.address, "unknown", error.message) for w in writes]
        self.guard.sent(store, writes, answers)
        self.done += len(parts)
        self.edges.progress(min(self.done, self.total), self.total, f"{store} {kind}")
        return Sent(parts, writes, answers)

    def _end(self, store: str, why: str) -> None:
        """Somebody else writes to a store by now."""
        if self.alone:
            self.broken[store] = why
        else:
            self.superseded = why

    def _unmoved(self, store: str, parts: Sequence[Part], why: str) -> list[Part]:
        """The store is another than the one that was read: read it again, and keep of a batch that was not
        carried out what nobody else has touched and the guard still lets pass."""
        self._refresh(store)
        if self.broken.get(store):
            for part in parts:
                self._skipped(part.change, self.broken[store])
            return []
        self.guard.stays(store)
        before, latest = self.snapshots[store].resources, self.latest[store]
        kept = []
        for part in parts:
            former = (part.change.former.type, part.change.former.key)
            keys = {(step.address.type, step.address.key) for step in part.steps} | {former}
            if self._follows(part):
                keys.discard(former)  # this run has ended it
            if any(_etag(before.get(key)) != _etag(latest.resources.get(key)) for key in keys):
                self._refused(part, "conflict", f"it was changed by somebody else meanwhile ({why})")
            elif not self._held_back(part):
                kept.append(part)
        return kept

    def _held_back(self, part: Part) -> bool:
        """Whether this change is stopped for now; nothing of it is sent."""
        writes = list(self.journal.writes(part))
        why = self._undone_by(writes) or self._waits_for_former(part) or self._why_not(part, writes)
        if why:
            self.waiting.append((wave_of(part), part, why))
            return True
        self.guard.goes(writes, follows=self._anew(part))
        return False

    def _anew(self, part: Part) -> Write | None:
        """Of the end of a promotion that is made anew: what is to come in its place."""
        if not is_made_anew(part.change) or part.steps[-1].operation != "delete":
            return None
        (write,) = self.journal.writes(Part(part.change, (Step(part.change.address, "create"),)))
        return write

    def _why_not(self, part: Part, writes: Sequence[Write]) -> str:
        """Why the price guard does not let a part pass; empty where it does. A promotion that is made anew
        is judged in the place of its former, before that is ended and after."""
        anew = self._anew(part)
        if anew is not None:
            return self.guard.refusal_of_end(writes[0], anew)
        if is_made_anew(part.change):
            return self.guard.refusal_anew(writes[0], part.change.former)
        for write in writes:
            if write.operation == "delete" and len(writes) == 2:
                continue  # what follows takes its place
            if why := self.guard.refusal(write, write.former or write.address.key):
                return why
        return ""

    def _waits_for_former(self, part: Part) -> str:
        """Of a promotion that is made anew: why its former is not ended, as the key is taken, or the new one
        not sent, as the former is still there."""
        if not is_made_anew(part.change):
            return ""
        address, former = part.change.address, part.change.former
        there = self.latest[address.store].resources
        if part.steps[-1].operation == "delete":
            taken = address != former and (address.type, address.key) in there
            return f"{address} is there already" if taken else ""
        return f"{former} is still there" if (former.type, former.key) in there else ""

    def _follows(self, part: Part) -> bool:
        """Whether a promotion that is made anew is to be sent, and its former was ended by this run."""
        outcome = self.outcomes.get(part.change.address)
        return is_made_anew(part.change) and outcome is not None and outcome.status == "observed"

    def _undone_by(self, writes: Sequence[Write]) -> str:
        """Which earlier write would undo these when it comes, in words; empty for none."""
        for write in writes:
            store, type, key = write.address
            marketplace = self.marketplaces.get(self.connections.get(store, ""))
            if not isinstance(marketplace, Entangles):
                continue
            for one in self.late.get((store, marketplace.entangled(type, key)), ()):
                again = one.operation == write.operation and one.attributes == write.attributes
                other = one.address != write.address
                if other or (not again and marketplace.is_overtaken(type, one.operation)):
                    return (
                        f"{one.address} was sent at {one.at} and is not seen yet; when it comes, it brings"
                        " back what it was sent with: run again when it is seen, or a day later"
                    )
        return ""

    def _refused(self, part: Part, status: Literal["conflict", "rejected"], why: str) -> None:
        if self._follows(part):
            why += HALF
        outcome = Outcome(part.change.address, status, why)
        self.outcomes[part.change.address] = outcome
        self.journal.refused(part, outcome, withdrawn=status == "conflict")

    # -- looking ---------------------------------------------------------------------------------------------

    def _read_prices(self, store: str, type: str) -> None:
        """Where no version fences a batch, prices are judged on a reading of this moment. A listing that is
        written is looked at by its adapter; what else decides its price are promotions."""
        fenced = store in self.fenced and self.latest[store].version
        if type in ("listing", "promotion") and not fenced:
            self._refresh(store, PRICED - {"listing"} if type == "listing" else PRICED)

    def _refresh(self, store: str, types: frozenset[str] = frozenset()) -> None:
        """Read a store again for the guard, or these types of it; one that cannot be read is left."""
        base = self.latest.get(store)
        scope = Scope(store, base=base, types=types)
        try:
            latest = self.marketplaces[self.reach[store]].read(scope)
            check_not_empty(latest, base.resources.keys() if base is not None else (), ())
        except MarketplaceError as error:
            self.broken[store] = error.message
            return
        self.latest[store] = latest
        self.guard.read(latest)

    def _look(self, store: str, sent: Sequence[Sent]) -> None:
        """Read the store once for all batches of a wave, and write down what became of them."""
        writes = [write for batch in sent for write in batch.writes]
        answers = [answer for batch in sent for answer in batch.answers]
        with self.edges.spans("look", {"store": store, "changes": len(writes)}):
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
        for batch in sent:
            batch.answers = [next(following) for _ in batch.writes]
        self.outcomes |= self.journal.settle(sent)
        for batch in sent:
            self._judge(store, batch.parts)

    def _judge(self, store: str, parts: Sequence[Part]) -> None:
        """Whether the rest of this store can be tried at all."""
        for part in parts:
            address = part.change.address
            outcome = self.outcomes[address]
            if outcome.status == "unknown":
                self.broken[store] = f"{store} does not answer"
            elif outcome.status != "observed" and address.type in STORES:
                self.broken[store] = f"{address} could not be created"


def _etag(have: Live | None) -> str | None:
    return have.etag if have is not None else None
