"""What earlier runs left open. Comes in: a ledger with open intents, the stores as they are. Goes out: which of the
writes happened. Callers: `carry_out`, cli `planning`.

A run that died wrote down what it was about to send. Whether that came is seen in the store, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from acorn_gitops.apply.observe import gone
from acorn_gitops.ledger.ledger import Closed, Ledger, Settled
from acorn_gitops.marketplaces.protocol import Snapshot
from acorn_gitops.model.resource import Address
from acorn_gitops.plan.compare import holds


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


def found_done(ledger: Ledger, snapshots: Mapping[str, Snapshot]) -> LeftOpen:
    """Look for what earlier runs left open: a write that is visible happened. Nothing is written down."""
    settled: list[Settled] = []
    closed: list[Closed] = []
    intents = ledger.open_intents()
    created = {(i.plan, i.address) for i in intents if i.operation == "create"}
    for intent in intents:
        snapshot = snapshots.get(intent.address.store)
        if snapshot is None:
            continue
        have = snapshot.resources.get((intent.address.type, intent.address.key))
        if intent.operation == "delete":
            replaced = (intent.plan, intent.address) in created
            happened = have is None or (replaced and gone(have, intent.remote_id))
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
    return LeftOpen(settled, closed)
