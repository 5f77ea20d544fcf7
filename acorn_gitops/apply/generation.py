"""Who applied last, where all can see it. Comes in: the stores of a plan, a ledger. Goes out: fenced stores,
or `Stale`. Caller: `carry_out`, before the first write.

A ledger is a copy that a clone carries; the marketplace is the one place that everybody writes to. Where it
can, it remembers for each store and owner a number and the audit entry with which the last apply began. A
ledger that does not hold that entry is behind: whoever has it knows less than what was applied, and writes
nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.marketplaces.protocol import Fences, Generation, Marketplace
from acorn_gitops.model.finding import AcornError, MarketplaceError, Stale, Superseded

Fenced = Mapping[str, tuple[Fences, Generation]]
"""By store: who keeps its generation, and what it is now."""


def is_behind(ledger: Ledger, store: str, now: Generation) -> bool:
    """Whether this ledger does not know what the store remembers of the last apply, knows of a later
    generation (then the store was restored, or is another), or says more of the store than anybody told
    it."""
    if now.number < ledger.generation(store):
        return True
    return bool(now.number) and (not ledger.knows(now.head) or ledger.moved_since(store, now.head))


def generations(
    stores: Iterable[str], marketplaces: Mapping[str, Marketplace], connections: Mapping[str, str], owner: str
) -> tuple[dict[str, tuple[Fences, Generation]], dict[str, str]]:
    """The present generation of every store that keeps one, and why that of others cannot be asked for."""
    found: dict[str, tuple[Fences, Generation]] = {}
    failed: dict[str, str] = {}
    for store in sorted(stores):
        marketplace = marketplaces.get(connections.get(store, ""))
        if not isinstance(marketplace, Fences):
            continue
        try:
            now = marketplace.generation(store, owner)
        except MarketplaceError as error:
            failed[store] = error.message
            continue
        if now is not None:
            found[store] = (marketplace, now)
    return found, failed


def unanswered(
    ledger: Ledger, marketplaces: Mapping[str, Marketplace], connections: Mapping[str, str], owner: str
) -> dict[str, tuple[Fences, Generation]]:
    """The generations of stores in which an earlier run has left something open: what it sends may still
    come. Where a store cannot be asked, or where this ledger is behind, nothing can be done about that."""
    stores = {intent.address.store for intent in ledger.open_intents()} & connections.keys()
    found, _ = generations(stores, marketplaces, connections, owner=owner)
    return {store: one for store, one in found.items() if not is_behind(ledger, store, one[1])}


def check_not_behind(fenced: Fenced, ledger: Ledger, emptied: Collection[str] = ()) -> None:
    """Stale where this ledger does not know how the last apply began. `emptied`: stores of which a person
    says that they began anew."""
    behind = [
        store
        for store, (_, now) in fenced.items()
        if is_behind(ledger, store, now) and (now.number or store not in emptied)
    ]
    if behind:
        raise stale_ledger(behind)


def stale_ledger(stores: Sequence[str]) -> Stale:
    """The refusal of whoever knows less than what was applied to these stores."""
    names = ", ".join(stores[:10]) + (f" and {len(stores) - 10} more" if len(stores) > 10 else "")
    return Stale(f"{BEHIND}: {names}; nothing was written", hint=CATCH_UP)


BEHIND: Final = "somebody else has applied since this ledger was written"
CATCH_UP: Final = (
    "`acorn state pull` brings the newest ledger (where it does not, whoever applied has not sent theirs:"
    " `acorn state push` there); bring the specs up to date, too, and plan again. If the ledger that knows is lost,"
    " `acorn state rebuild` makes one from what is there"
)


def begin(
    fenced: Fenced, owner: str, head: str, *, alone: bool = False
) -> tuple[dict[str, tuple[Fences, Generation]], dict[str, str]]:
    """Begin the next generation in every store; answers them, and why others could not begin. Superseded
    where somebody else began meanwhile, MarketplaceError where a store does not take it; with `alone` neither
    ends the others."""
    found: dict[str, tuple[Fences, Generation]] = {}
    refused: dict[str, str] = {}
    for store, (marketplace, now) in fenced.items():
        try:
            found[store] = (marketplace, marketplace.advance(store, owner, now, head))
        except (MarketplaceError, Superseded) as error:
            if not alone:
                raise
            refused[store] = error.message
    return found, refused


def finish(fenced: Fenced, owner: str, head: str) -> None:
    """Let every store remember how the run ended, once the ledger that says so is where others find it. Where
    that cannot be done, the store still remembers how it began."""
    for store, (marketplace, now) in fenced.items():
        with suppress(AcornError):
            marketplace.advance(store, owner, now, head)
