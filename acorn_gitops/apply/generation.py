"""Who applied last, where all can see it. Comes in: the stores of a plan, a ledger. Goes out: fenced stores, or `Stale`. Caller:
`carry_out`, before the first write.

A ledger is a copy that a clone carries; the marketplace is the one place that everybody writes to. Where it can, it remembers for
each store and owner a number and the audit entry with which the last apply began. A ledger that does not hold that entry is
behind: whoever has it knows less than what was applied, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from acorn_gitops.ledger.ledger import Ledger
from acorn_gitops.marketplaces.protocol import Fences, Generation, Marketplace, Snapshot
from acorn_gitops.model.finding import Stale

Fenced = Mapping[str, tuple[Fences, Generation]]
"""By store: who keeps its generation, and what it is now."""


def check_not_behind(
    stores: Iterable[Snapshot],
    marketplaces: Mapping[str, Marketplace],
    connections: Mapping[str, str],
    ledger: Ledger,
    owner: str,
) -> dict[str, tuple[Fences, Generation]]:
    """The generation of every store that keeps one, by the reading on which the plan is checked. Stale where this ledger does not know
    how the last apply began."""
    found: dict[str, tuple[Fences, Generation]] = {}
    behind: list[str] = []
    for snapshot in sorted(stores, key=lambda s: s.store):
        store = snapshot.store
        marketplace = marketplaces[connections[store]]
        if not isinstance(marketplace, Fences):
            continue
        now = snapshot.generation or marketplace.generation(store, owner)
        if now is None:
            continue
        if now.number and not ledger.knows(now.head):
            behind.append(store)
        found[store] = (marketplace, now)
    if behind:
        raise stale_ledger(behind)
    return found


def stale_ledger(stores: Sequence[str]) -> Stale:
    """The refusal of whoever knows less than what was applied to these stores."""
    names = ", ".join(stores[:10]) + (f" and {len(stores) - 10} more" if len(stores) > 10 else "")
    return Stale(f"{BEHIND}: {names}; nothing was written", hint=CATCH_UP)


BEHIND: Final = "somebody else has applied since this ledger was written"
CATCH_UP: Final = (
    "`acorn state pull` brings the newest ledger; bring the specs up to date, too, and plan again. If the ledger that knows is lost,"
    " `acorn state rebuild` makes one from what is there"
)


def begin(fenced: Fenced, owner: str, head: str) -> None:
    """Begin the next generation in every store. Superseded where somebody else began meanwhile."""
    for store, (marketplace, now) in fenced.items():
        marketplace.advance(store, owner, now, head)
