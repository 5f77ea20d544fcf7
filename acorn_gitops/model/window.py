"""Wall-clock times to instants. Comes in: local text, a zone, and a fold. Goes out: UTC, or why not.
Callers: compile, rules.

A time that the clocks skip does not exist and a time that comes twice is ambiguous; both are errors, never
a guess (PEP 495: the two offsets of fold 0 and 1 differ in either case).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class NoSuchTime(ValueError):
    """The clocks skip this time (start of daylight saving)."""


class TwiceSuchTime(ValueError):
    """The clocks show this time twice (end of daylight saving)."""


class NoSuchZone(ValueError):
    """The tz database does not have it."""


@cache
def zone(name: str) -> ZoneInfo:
    """The IANA zone. NoSuchZone when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NoSuchZone(f"there is no time zone {name}") from None


def instant(local: str, tz: str, fold: int | None = None) -> datetime:
    """The UTC instant of a local time. NoSuchTime in a gap; TwiceSuchTime in an overlap without `fold`.
    ValueError for a date that does not exist."""
    naive = datetime.fromisoformat(local)
    first = naive.replace(tzinfo=zone(tz), fold=0)
    second = naive.replace(tzinfo=zone(tz), fold=1)
    if first.utcoffset() != second.utcoffset():
        if first.astimezone(UTC).astimezone(zone(tz)).replace(tzinfo=None) != naive:
            raise NoSuchTime(f"{local} does not exist in {tz}: the clocks skip it")
        if fold is None:
            raise TwiceSuchTime(f"{local} comes twice in {tz}: the clocks go back")
        return (second if fold else first).astimezone(UTC)
    return first.astimezone(UTC)


def utc_text(moment: datetime) -> str:
    """The one spelling of an instant: 2026-11-26T23:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
