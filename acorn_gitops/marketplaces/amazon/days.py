"""Amazon's sales run by whole days of a marketplace. Comes in: instants. Goes out: its days, and back.
Callers: `fit`, `sales`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from acorn_gitops.model.window import begin_of, utc_text, zone


class Days(NamedTuple):
    """From a day to another, both included."""

    first: date
    last: date


def whole_days(start: str, end: str, tz: str) -> Days | None:
    """The days that lie wholly between two instants: never one in which the sale would begin too early or end
    too late. None where there is none."""
    first, last = _day(start, tz), _day(end, tz)
    if begin_of(first, tz) < datetime.fromisoformat(start):
        first += timedelta(days=1)
    last -= timedelta(days=1)
    return Days(first, last) if first <= last else None


def instants(days: Days, tz: str) -> tuple[str, str]:
    """When days begin, and when they are over."""
    return utc_text(begin_of(days.first, tz)), utc_text(begin_of(days.last + timedelta(days=1), tz))


def begins(said: str, tz: str) -> str:
    """The instant at which a sale begins: a day, or an instant that somebody else wrote. ValueError where it
    is neither."""
    return utc_text(begin_of(date.fromisoformat(said), tz)) if _is_day(said) else _instant(said)


def is_over(said: str, tz: str) -> str:
    """The instant from which a sale no longer holds: after its last day, or an instant."""
    if _is_day(said):
        return utc_text(begin_of(date.fromisoformat(said) + timedelta(days=1), tz))
    return _instant(said)


def _is_day(said: str) -> bool:
    return len(said) == 10


def _instant(said: str) -> str:
    moment = datetime.fromisoformat(said)
    return utc_text(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def _day(moment: str, tz: str) -> date:
    return datetime.fromisoformat(moment).astimezone(zone(tz)).date()
