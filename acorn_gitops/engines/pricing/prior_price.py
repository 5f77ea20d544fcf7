"""The price before a reduction. Comes in: prices that were in force, an instant. Goes out: the lowest of the
thirty days before. Callers: rules, cli.

Directive 98/6/EC Art. 6a: an announced reduction shows the lowest price of at least the thirty days before
it, and (CJEU C-330/23, Aldi Süd) a percentage is computed from that price. Member states may differ for
perishable goods, for goods on sale for less than thirty days and for reductions that grow step by step; that
is not modelled here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from acorn_gitops.model.window import begin_of, zone

DAYS: Final = 30


class Span(NamedTuple):
    """A price in minor units that was in force from `start` until before `end` (None: still is)."""

    start: datetime
    end: datetime | None
    amount: int


class Prior(NamedTuple):
    """The lowest price, and whether all thirty days are known."""

    amount: int
    complete: bool


def thirty_days_before(start: datetime, tz: str) -> datetime:
    """The first moment of the thirtieth day before the day on which a reduction begins, by the clocks of its
    place: the law counts days, not hours, and one of them may have 23 or 25."""
    day = start.astimezone(zone(tz)).date() - timedelta(days=DAYS)
    return begin_of(day, tz)


def prior_price(spans: Iterable[Span], start: datetime, tz: str) -> Prior | None:
    """The lowest price from the beginning of the thirtieth day before until `start`. None where nothing is
    known of that time."""
    begin = thirty_days_before(start, tz)
    seen = [s for s in spans if s.start < start and (s.end is None or s.end > begin)]
    if not seen:
        return None
    covered = begin
    for span in sorted(seen):
        if span.start > covered:
            break
        covered = max(covered, start if span.end is None else span.end)
    return Prior(min(s.amount for s in seen), covered >= start)


def spans_of(points: Sequence[tuple[datetime, int | None]]) -> list[Span]:
    """Prices from the instants at which they began; None ends one without another."""
    ordered = sorted(points, key=lambda p: p[0])
    found = []
    for index, (since, amount) in enumerate(ordered):
        end = ordered[index + 1][0] if index + 1 < len(ordered) else None
        if amount is not None and (end is None or end > since):
            found.append(Span(since, end, amount))
    return found


def within(spans: Iterable[Span], start: datetime, end: datetime) -> list[Span]:
    """The parts of spans that lie between two instants."""
    out = []
    for span in spans:
        begin, stop = max(span.start, start), end if span.end is None else min(span.end, end)
        if begin < stop:
            out.append(Span(begin, stop, span.amount))
    return out
