"""What marketplaces themselves say of a plan, before anything is sent. Comes in: results of comparing,
marketplaces. Goes out: findings at the spec's line. Caller: `planning`, where somebody asks for it.

Amazon answers with the issues of its own validation; the others with what they would refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.protocol import Write
from acorn_gitops.model.finding import Finding, MarketplaceError, Place
from acorn_gitops.plan.change import Change, StoreResult
from acorn_gitops.reconcile.states import States

AT_ONCE = 20
"""Writes that are asked about together."""


def remarks(state: States, results: Sequence[StoreResult]) -> Iterator[Finding]:
    """An error for every change that a marketplace would refuse, and a warning for a store that cannot say.
    Deletions are not asked about, nor is what is in a store that this plan makes."""
    for result in results:
        marketplace = state.marketplaces.get(result.connection)
        asked = [(c, w) for c in result.changes if (w := _as_write(c)) is not None]
        if marketplace is None or result.error or not result.live:
            continue
        for begin in range(0, len(asked), AT_ONCE):
            batch = asked[begin : begin + AT_ONCE]
            try:
                outcomes = marketplace.validate(result.store, [write for _, write in batch])
            except MarketplaceError as error:
                words = f"{result.store} could not be asked whether it would take this plan: {error.message}"
                yield Finding("ACN-048", "warning", words, hint=error.hint)
                break
            for (change, _), outcome in zip(batch, outcomes, strict=True):
                if outcome.status != "observed":
                    yield _finding(change, result.marketplace or result.connection, outcome.message)


def _as_write(change: Change) -> Write | None:
    """What would be sent; None where that is nothing, or a deletion."""
    wanted = {name: value for name, value in (change.after or {}).items() if value is not None}
    if change.action == "create":
        return Write("create", change.address, wanted, etag="", key=str(change.address))
    if change.action != "update":
        return None
    patch = {name: value for name, value in (change.after or {}).items() if name in change.touched}
    return Write("update", change.address, patch, etag="", key=str(change.address))


def _finding(change: Change, by: str, why: str) -> Finding:
    place = Place(change.origin.file, change.origin.line) if change.origin is not None else None
    return Finding(
        "ACN-048",
        "error",
        f"{change.address} would be refused by {by}: {one_line(why, 500)}",
        place=place,
        hint="mend the spec; the words are the marketplace's own",
        source="",
        subject=str(change.address),
    )
