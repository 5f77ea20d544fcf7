"""What earlier runs left open. Comes in: open intents, the stores as they are. Goes out: which of the writes
happened. Callers: `carry_out`, reconcile `planning`.

A run that died wrote down what it was about to send. Whether that came is seen in the store, and nowhere
else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from acorn_gitops.apply.guard import is_over
from acorn_gitops.apply.observe import gone
from acorn_gitops.ledger.records import Closed, Intent, Settled
from acorn_gitops.marketplaces.protocol import Snapshot
from acorn_gitops.model.resource import Address, Attributes, Live
from acorn_gitops.plan.change import Step
from acorn_gitops.plan.compare import holds, may_be_from
from acorn_gitops.plan.diff import part_of

Begun = Callable[[Address, Attributes, Live], bool]
"""Whether what is there is the part of a creation that did not come to its end (`protocol.is_begun`)."""


class LeftOpen(NamedTuple):
    """What a look at the stores says of writes that earlier runs left open."""

    settled: list[Settled]
    closed: list[Closed]

    def of(self, stores: Collection[str]) -> LeftOpen:
        """What of it concerns these stores, or changes nothing that a ledger vouches for."""
        return LeftOpen(
            [row for row in self.settled if row.outcome != "observed" or row.address.store in stores],
            [one for one in self.closed if one.outcome != "observed" or one.address.store in stores],
        )

    def without(self, addresses: Collection[Address]) -> LeftOpen:
        """The same without these: what is not declared any more and never was ours may be somebody else's by
        now."""
        return LeftOpen(
            [row for row in self.settled if row.address not in addresses],
            [one for one in self.closed if one.address not in addresses],
        )

    @property
    def stores(self) -> set[str]:
        """Stores of which rows change."""
        return {row.address.store for row in self.settled if row.outcome == "observed"}


def landed(
    intents: Sequence[Intent],
    snapshot: Snapshot,
    now: str,
    recorded: Callable[[Address], tuple[str, str]],
    *,
    known: Collection[Step],
    ours: Callable[[Address], bool],
    owner: str,
    begun: Begun,
) -> str:
    """Which writes of earlier runs have come that were not there when the plan was made (`known`: those that
    were), in words; empty where none has. `snapshot`: a store, read after a generation began in it, so that
    nothing of those runs comes any more; `ours`: whether anything there is declared or was ever applied."""
    came = {
        str(row.address)
        for row in found_done(
            intents, {snapshot.store: snapshot}, now, recorded=recorded, owner=owner, begun=begun
        ).settled
        if row.outcome == "observed" and ours(row.address)
    }
    new = sorted(came - {str(step.address) for step in known})
    more = f" and {len(new) - 3:,} more" if len(new) > 3 else ""
    return f"an earlier run wrote {', '.join(new[:3])}{more} while this one was looking" if new else ""


def _by_another(intent: Intent, last: tuple[str, str]) -> bool:
    plan, at = last
    return bool(plan) and plan != intent.plan and at > intent.at


def expired(intent: Intent) -> Closed:
    """That one sending does not come any more; a later one of the same write may."""
    return Closed(
        intent.plan, intent.address, intent.operation, outcome="expired", after=intent.id - 1, last=intent.id
    )


def found_done(
    intents: Sequence[Intent],
    snapshots: Mapping[str, Snapshot],
    now: str,
    recorded: Callable[[Address], tuple[str, str]],
    *,
    owner: str,
    begun: Begun,
) -> LeftOpen:
    """Look for what earlier runs left open (`Ledger.open_intents`): a write that is visible happened, unless
    a later plan made it so (`recorded`: by which plan a resource was recorded last, and when), or what is
    there is not ours (`owner`, `may_be_from`): then this one may still come. Of a creation that did not come
    to its end (`begun`) what is there is ours, and the rest is planned. One that is not there a day after it
    was sent does not come any more. Nothing is written down."""
    settled: list[Settled] = []
    closed: list[Closed] = []
    told: set[tuple[str, Step]] = set()
    created = {(i.plan, i.address) for i in intents if i.operation == "create"}
    formers = _formers(intents, created)
    for intent in intents:
        snapshot = snapshots.get(intent.address.store)
        if snapshot is None:
            continue
        have = snapshot.resources.get((intent.address.type, intent.address.key))
        declared = intent.declared
        if intent.operation == "delete":
            replaced = (intent.plan, intent.address) in created
            happened = have is None or (replaced and gone(have, intent.remote_id))
        else:
            happened = holds(intent.attributes or {}, have)
            if not happened and have is not None and intent.operation == "create":
                happened = begun(intent.address, intent.attributes or {}, have)
                declared = part_of(intent.declared or {}, have) if happened else declared
        if happened and _by_another(intent, recorded(intent.address)):
            happened = False
        if happened and have is not None and intent.operation == "create":
            mark = owner if snapshot.owners else None
            sent = intent.attributes or {}
            happened = bool(recorded(intent.address)[0]) or may_be_from(
                intent.address.type, sent, have, owner=mark
            )
        if not happened and is_over(intent, now):
            closed.append(expired(intent))
            continue
        if (intent.plan, intent.step) in told or (not happened and not intent.open):
            continue  # told already, or already known not to be known
        told.add((intent.plan, intent.step))
        outcome = "observed" if happened else "unknown"
        closed.append(Closed(intent.plan, intent.address, intent.operation, outcome=outcome))
        settled.append(
            Settled(
                intent.address,
                intent.action,
                intent.plan,
                outcome=outcome,
                attributes=declared,
                origin=intent.origin,
                message="found after an interrupted run",
                remote_id=have.remote_id if have is not None else "",
                protected=intent.protected,
                commit=intent.commit,
                former=formers.get((intent.plan, intent.address), "") if outcome == "observed" else "",
            )
        )
    return LeftOpen(settled, closed)


def _formers(
    intents: Sequence[Intent], created: Collection[tuple[str, Address]]
) -> dict[tuple[str, Address], str]:
    """By plan and address, the key that something made anew had before: what the same line of a spec deletes
    elsewhere. Nothing where that is not the only one."""
    gone: dict[tuple[str, str, str, str], set[str]] = {}
    made: dict[tuple[str, str, str, str], set[Address]] = {}
    for intent in intents:
        place = (intent.plan, intent.origin, intent.address.store, intent.address.type)
        if intent.action != "replace" or not intent.origin:
            continue
        if intent.operation == "create":
            made.setdefault(place, set()).add(intent.address)
        elif intent.operation == "delete" and (intent.plan, intent.address) not in created:
            gone.setdefault(place, set()).add(intent.address.key)
    return {
        (place[0], one): key
        for place, keys in gone.items()
        if len(keys) == len(made.get(place, ())) == 1
        for key in keys
        for one in made[place]
    }
