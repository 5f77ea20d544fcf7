"""How long a plan will take where a marketplace lets in only so much. Comes in: results, marketplaces, the
time. Goes out: findings. Caller: `planning`.

An account's limits are shared by all of its stores, so that it is asked once for all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from acorn_gitops.marketplaces.protocol import Fences, Foreseen, Foresees, Wave
from acorn_gitops.model.finding import Finding
from acorn_gitops.plan.change import Change, StoreResult
from acorn_gitops.reconcile.states import States
from acorn_gitops.resources.registry import PRICED

WORTH_TELLING: Final = 60.0
"""Seconds."""
SHOWN: Final = 3
READINGS: Final = 2
"""How often an apply reads what it writes to before it begins: to plan under the lock, and to see that
nothing moved."""


def durations(state: States, results: Sequence[StoreResult], now: datetime) -> Iterator[Finding]:
    """Which connections will take longer than a minute, and what begins before they are done: a warning, as
    it would begin late."""
    for name, marketplace in state.marketplaces.items():
        if not isinstance(marketplace, Foresees):
            continue
        changes = [c for r in results if r.connection == name for c in r.changes if c.writes]
        if not changes:
            continue
        foreseen = marketplace.foresees(_waves(changes, fenced=isinstance(marketplace, Fences)))
        if foreseen.seconds < WORTH_TELLING:
            continue
        done = now + timedelta(seconds=foreseen.seconds)
        late = sorted(_beginnings(changes, now, done))
        words = f"{name} takes about {_told(foreseen.seconds)} for this plan: {_requests(foreseen)}"
        hint = "apply it earlier than it must hold, or in parts that matter first (`--select`)"
        if late:
            shown = "; ".join(f"{what} begins {_moment(at)}" for at, what in late[:SHOWN])
            more = f" and {len(late) - SHOWN:,} more" if len(late) > SHOWN else ""
            words += f", until about {_moment(done)}; {shown}{more}: late"
        yield Finding("ACN-047", "warning" if late else "info", words, hint=hint if late else "")


def _waves(changes: Sequence[Change], *, fenced: bool) -> list[Wave]:
    """What each store is given in each wave, and how often it is read for that: where no version fences it,
    prices are judged on a reading of their own in each wave."""
    found: dict[tuple[str, tuple[int, int]], Counter[tuple[str, str]]] = {}
    for change in changes:
        mine = found.setdefault((change.address.store, change.stage), Counter())
        mine.update((change.address.type, step) for step in _operations(change))
    waves = [
        Wave(store, writes, readings=not fenced and any(type in PRICED for type, _ in writes))
        for (store, _), writes in found.items()
    ]
    return [*waves, *(Wave(store, {}, READINGS) for store in dict.fromkeys(one.store for one in waves))]


def _requests(foreseen: Foreseen) -> str:
    words = f"{foreseen.requests:,} requests under its limits"
    if not foreseen.feeds:
        return words
    feeds = "a feed" if foreseen.feeds == 1 else f"{foreseen.feeds:,} feeds"
    return f"{words}, with {feeds}, which it works off when it comes to them"


def _operations(change: Change) -> tuple[str, ...]:
    return ("delete", "create") if change.action == "replace" else (change.action,)


def _beginnings(changes: Sequence[Change], now: datetime, done: datetime) -> Iterator[tuple[datetime, str]]:
    """What begins while the plan is still carried out."""
    for change in changes:
        start = (change.after or {}).get("start") if change.address.type == "promotion" else None
        if isinstance(start, str) and now < (at := datetime.fromisoformat(start)) < done:
            yield at, change.address.key


def _told(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%H:%MZ")
