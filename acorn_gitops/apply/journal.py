"""What the ledger is told of a run: what is about to be sent, and what became of it. Comes in: parts of a
plan, batches with their answers. Goes out: intents, settled rows, closed intents; the writes of a part, each
under its idempotency key. Callers: `carry_out`, `run`.

Intents are on disk before anything is sent, so that whoever comes after a run that died knows what may still
come. A step that is sent again goes under the key that is written down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import orjson

from acorn_gitops.apply.edges import Edges
from acorn_gitops.apply.left_open import LeftOpen
from acorn_gitops.apply.parts import Part, Sent
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.ledger.records import Closed, Intent, Settled
from acorn_gitops.marketplaces.protocol import Outcome, Snapshot, Write
from acorn_gitops.model.resource import Address, Attributes, Desired, Live, attribute_of, protects
from acorn_gitops.plan.change import Applied, Change, Step
from acorn_gitops.plan.compare import same
from acorn_gitops.plan.diff import left_to_others, recordable
from acorn_gitops.plan.document import Plan
from acorn_gitops.plan.ownership import OWNER
from acorn_gitops.resources.registry import CLEARED


class Journal:
    """Of one run. `snapshots`: the stores as the plan was checked against them; `declared`: what the specs
    say of an address; `run`: a text that no other run has."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        edges: Edges,
        snapshots: Mapping[str, Snapshot],
        declared: Callable[[Address], Desired | None],
        *,
        run: str,
    ) -> None:
        self._plan, self._ledger, self._edges = plan, ledger, edges
        self._snapshots, self._declared, self._run = snapshots, declared, run
        self._unfinished = ledger.unfinished()
        self._applied: dict[str, Mapping[tuple[str, str], Applied]] = {}
        """By store, what was last applied before this run, where it was asked for."""
        self._intended: dict[Step, str] = {i.step: i.key for i in ledger.intents_of(plan.id)}
        """Steps with an open intent, and their idempotency keys: sent again, they are sent under the same."""
        self._own: set[Step] = set()
        """Those of them that this run wrote down itself."""
        self._before = ledger.last_intent()
        """The last intent of earlier runs."""

    # -- before it is sent -----------------------------------------------------------------------------------

    def writes(self, part: Part) -> Iterator[Write]:
        """What a part sends, step by step."""
        change = part.change
        resources = self._snapshots[change.address.store].resources
        have = resources.get((change.former.type, change.former.key))
        whose = next((str(field.before) for field in change.fields if field.path == OWNER), "")
        for step in part.steps:
            key = self._intended.get(step) or _key(self._run, step)
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
                yield Write("create", step.address, self._whole(change, step, have), etag="", key=key)

    def _whole(self, change: Change, step: Step, have: Live | None) -> Attributes:
        """What is created. What the specs do not speak of is carried over: replacing must not blank it."""
        kept = have.attributes if have is not None and change.action == "replace" else {}
        kept = kept or self._unfinished.get(step.address, {})
        return {k: v for k, v in {**kept, **(change.after or {})}.items() if v is not None}

    def intend(self, parts: Sequence[Part]) -> None:
        """Write down what is about to be sent, each sending by itself: what an earlier run of this plan has
        sent and does not know the end of is sent again under the same key, and may come a day after
        either."""
        at = self._edges.now()
        fresh = [
            self._intent(part.change, write, at)
            for part in parts
            for step, write in zip(part.steps, self.writes(part), strict=True)
            if step not in self._own
        ]
        self._ledger.intend(fresh)
        self._intended.update({intent.step: intent.key for intent in fresh})
        self._own |= {intent.step for intent in fresh}

    def _intent(self, change: Change, write: Write, at: str) -> Intent:
        deletes = write.operation == "delete"
        there = (write.address.type, write.former or write.address.key)
        have = self._snapshots[write.address.store].resources.get(there)
        return Intent(
            self._plan.id,
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

    # -- afterwards ------------------------------------------------------------------------------------------

    def settle(self, sent: Sequence[Sent]) -> dict[Address, Outcome]:
        """Write down what became of batches, and say it by change."""
        settled: list[Settled] = []
        closed: list[Closed] = []
        outcomes: dict[Address, Outcome] = {}
        for batch in sent:
            closed += [
                self._closed(Step(write.address, write.operation), answer.status, answer.message)
                for write, answer in zip(batch.writes, batch.answers, strict=True)
            ]
            following = iter(batch.answers)
            for part in batch.parts:
                results = [(step, next(following)) for step in part.steps]
                for step, _ in results:
                    self._intended.pop(step, None)
                settled += self._rows(part.change, results)
                outcomes[part.change.address] = _outcome(part.change, results)
        self._write(settled, closed)
        return outcomes

    def _rows(self, change: Change, results: Sequence[tuple[Step, Outcome]]) -> Iterator[Settled]:
        """What the ledger says of the steps of a part."""
        for step, answer in results:
            if step.operation != "delete" or change.action == "delete":
                yield self._settled(change, answer)
                if change.moved_from and change.action == "update" and answer.status == "observed":
                    yield self._no_more(change.former, "update", answer)
            elif len(results) == 1 or results[-1][1].status != "observed" or step.address != change.address:
                # Half of a replacement: the other half is another part, or failed.
                yield self._no_more(step.address, "replace", answer)

    def refused(self, part: Part, outcome: Outcome, *, withdrawn: bool) -> None:
        """Write down that a part is not sent. `withdrawn`: it was about to be."""
        closed = [
            self._closed(step, outcome.status)
            for step in (part.steps if withdrawn else ())
            if self._intended.pop(step, None) is not None and step in self._own
        ]
        self._write([self._settled(part.change, outcome)], closed)

    def close_unsent(self) -> None:
        """What was written down ahead and never sent is no open question."""
        # What an earlier run sent may still come.
        closed = [self._closed(step, "skipped") for step in self._intended if step in self._own]
        if closed:
            self._write([], closed)

    def recovered(self, found: LeftOpen) -> None:
        """Write down what earlier runs left open, and was seen."""
        self._write(found.settled, found.closed)
        self._unfinished = self._ledger.unfinished()
        for one in found.closed:
            if one.plan == self._plan.id:
                self._intended.pop(Step(one.address, one.operation), None)

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what is no longer ours from the ledger."""
        rows = [
            Settled(c.address, "forget", self._plan.id, outcome="observed", attributes=None) for c in changes
        ]
        self._record(rows, "forget")

    def adopt(
        self, addresses: Sequence[Address], whose: Mapping[Address, str | None], owner: str, *, found: bool
    ) -> None:
        """Take what is there as declared into the ledger. `whose`: the owner that the marketplace keeps of
        each, None where it keeps none; what is somebody else's is left out. `found`: what nobody owns was
        only found, and nobody has said that it is ours."""
        rows = [
            Settled(
                address,
                "adopt",
                self._plan.id,
                outcome="observed",
                attributes=recordable(want, self._last(address) if want.lifecycle else None),
                origin=str(want.origin),
                adopted=True,
                found=whose[address] is None and found,
                protected=protects(want.lifecycle),
            )
            for address in addresses
            if (want := self._declared(address)) is not None and whose[address] in (owner, None)
        ]
        self._record(rows, "adopt")

    def applied_to(self, address: Address) -> Write | None:
        """What an earlier run has applied there, as a write; None where nothing is recorded, or it is left to
        others, or its time is over."""
        want, last = self._declared(address), self._last(address)
        if want is None and last is None and self._was_deleted(address):
            return Write("delete", address, {}, etag="", key="")
        if want is None or last is None or self._is_over(want.attributes):
            return None
        left = left_to_others(want)
        said = {name: value for name, value in last.items() if value is not None and name not in left}
        return Write("update", address, said, etag="", key="")

    def _was_deleted(self, address: Address) -> bool:
        """Whether the last that an apply did there was to delete it; what was only forgotten is others'."""
        every = [said for _, _, said in self._ledger.states([address])]
        return bool(every) and every[-1] is None

    def _is_over(self, attributes: Attributes) -> bool:
        """Whether it has ended by itself: marketplaces drop such things when they like."""
        end = attributes.get("end")
        return isinstance(end, str) and datetime.fromisoformat(end) <= datetime.fromisoformat(
            self._edges.now()
        )

    def is_ours(self, address: Address) -> bool:
        """Whether a resource is declared, or was ever applied."""
        return self._declared(address) is not None or self._last(address) is not None

    # -- rows ------------------------------------------------------------------------------------------------

    def _write(self, settled: Sequence[Settled], closed: Sequence[Closed]) -> None:
        edges = self._edges
        self._ledger.settle(settled, closed, edges.now(), edges.actor, self._plan.revision)

    def _record(self, rows: Sequence[Settled], event: str) -> None:
        edges = self._edges
        self._ledger.record(rows, edges.now(), edges.actor, self._plan.revision, event)

    def _closed(self, step: Step, outcome: str, message: str = "") -> Closed:
        return Closed(
            self._plan.id, step.address, step.operation, outcome=outcome, message=message, after=self._before
        )

    def _settled(self, change: Change, answer: Outcome) -> Settled:
        return Settled(
            change.address,
            change.action,
            self._plan.id,
            outcome=answer.status,
            attributes=None if change.action == "delete" else self._recorded(change),
            origin=str(change.origin) if change.origin is not None else "",
            message=answer.message,
            remote_id=answer.remote_id,
            overwrote=_overwritten(change),
            protected=self._protected(change),
            former=change.moved_from or "",
        )

    def _no_more(self, address: Address, action: str, answer: Outcome) -> Settled:
        """That nothing is at an address any more."""
        return Settled(
            address,
            action,
            self._plan.id,
            outcome=answer.status,
            attributes=None,
            origin="",
            message=answer.message,
        )

    def _recorded(self, change: Change) -> Attributes:
        """What the ledger says of a resource once this change is seen."""
        want = self._declared(change.address)
        cleared = CLEARED.get(change.address.type, ())
        after = {k: v for k, v in (change.after or {}).items() if v is not None or k not in cleared}
        if want is not None and change.action == "update":
            after = self._without_others(change, want, after)
        if want is None or not want.lifecycle:
            return after
        return recordable(
            want._replace(attributes=after),
            self._last(change.address),
            {attribute_of(field.path) for field in change.fields},
            whole=change.action in ("create", "replace"),
        )

    def _last(self, address: Address) -> Attributes | None:
        """What was last applied to an address before this run."""
        if address.store not in self._applied:
            self._applied[address.store] = self._ledger.applied(address.store)
        found = self._applied[address.store].get((address.type, address.key))
        return orjson.loads(found.attributes) if found is not None else None

    def _without_others(self, change: Change, want: Desired, after: Attributes) -> Attributes:
        """What an update says of a resource, without what it leaves as somebody else has set it: of that the
        ledger says what it said before."""
        left = {
            name
            for name in after.keys() - change.touched
            if name in want.attributes and not same(after[name], want.attributes[name], name)
        }
        if not left:
            return after
        last = self._last(change.address) or {}
        return {n: last[n] if n in left else v for n, v in after.items() if n not in left or n in last}

    def _protected(self, change: Change) -> bool:
        want = self._declared(change.address)
        return want is not None and protects(want.lifecycle)


def _outcome(change: Change, results: Sequence[tuple[Step, Outcome]]) -> Outcome:
    """What became of a change, by its steps."""
    failed = next((answer for _, answer in results if answer.status != "observed"), None)
    last = failed or results[-1][1]
    step, answer = results[-1]
    half = failed is answer and step.operation == "create" and change.steps[0].operation == "delete"
    return last._replace(address=change.address, message=last.message + (HALF if half else ""))


HALF: Final = " (the old one is already deleted; run apply again)"


def _overwritten(change: Change) -> Attributes | None:
    """The price that somebody else had set, or the promotion as somebody else had made it, where a write ends
    it: for whoever asks what was paid."""
    if change.address.type == "promotion":
        by_hand = any(field.reason in ("drifted", "edited+drifted") for field in change.fields)
        return change.before if by_hand else None
    price = (change.before or {}).get("price") if change.address.type == "listing" else None
    drifted = any(
        attribute_of(field.path) == "price" and field.reason not in ("edited", "renamed")
        for field in change.fields
    )
    return {"price": price} if price is not None and (drifted or change.action == "delete") else None


def _key(run: str, step: Step) -> str:
    """The idempotency key of a step: never used by another run, whatever ledger it has."""
    text = f"{run}:{step.address}:{step.operation}"
    return f"acorn-{hashlib.sha256(text.encode()).hexdigest()[:48]}"
