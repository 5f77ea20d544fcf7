"""Wall-clock times to instants. Comes in: local text, a zone, and a fold. Goes out: UTC, or why not. Callers:
compile, rules.

A time that the clocks skip does not exist (but midnight: a day without one begins with its first moment) and
a time that comes twice is ambiguous; both are errors, never a guess (PEP 495: the two offsets of fold 0 and 1
differ in either case).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
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


def begin_of(day: date, tz: str) -> datetime:
    """The first moment of a day: midnight, or when the clocks begin where they skip it."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone(tz)).astimezone(UTC)
    if midnight.astimezone(zone(tz)).time() == time():
        return midnight
    changes = clock_changes(tz, midnight - timedelta(hours=3), midnight + timedelta(hours=3))
    return changes[0][0] if changes else midnight


def instant(local: str, tz: str, fold: int | None = None) -> datetime:
    """The UTC instant of a local time. NoSuchTime in a gap; TwiceSuchTime in an overlap without `fold`.
    ValueError for a date that does not exist."""
    naive = datetime.fromisoformat(local)
    first = naive.replace(tzinfo=zone(tz), fold=0)
    second = naive.replace(tzinfo=zone(tz), fold=1)
    if first.utcoffset() != second.utcoffset():
        if first.astimezone(UTC).astimezone(zone(tz)).replace(tzinfo=None) != naive:
            if naive.time() == time():
                return begin_of(naive.date(), tz)
            raise NoSuchTime(f"{local} does not exist in {tz}: the clocks skip it")
        if fold is None:
            raise TwiceSuchTime(f"{local} comes twice in {tz}: the clocks go back")
        return (second if fold else first).astimezone(UTC)
    return first.astimezone(UTC)


def clock_changes(tz: str, start: datetime, end: datetime) -> list[tuple[datetime, timedelta]]:
    """When the clocks of a zone change within [start, end), and by how much: forward is more than nothing."""
    place = zone(tz)

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(place).utcoffset() or timedelta()

    found = []
    step = timedelta(days=1)  # no zone changes its clocks twice a day
    begin = start
    while begin < end:
        stop = min(begin + step, end)
        low, high = begin, stop
        if offset(low) != offset(high):
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            changed = high.replace(microsecond=0)
            found.append((changed.astimezone(UTC), offset(stop) - offset(begin)))
        begin = stop
    return found


def same_time(one: str, other: str, now: datetime) -> bool:
    """Whether two zones show the same time over the coming year, by its quarters. A zone that there is not is
    told elsewhere."""
    try:
        first, second = zone(one), zone(other)
    except NoSuchZone:
        return True
    moments = [now + timedelta(days=days) for days in (0, 91, 182, 273)]
    return all(m.astimezone(first).utcoffset() == m.astimezone(second).utcoffset() for m in moments)


def utc_text(moment: datetime) -> str:
    """The one spelling of an instant: 2026-11-26T23:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
