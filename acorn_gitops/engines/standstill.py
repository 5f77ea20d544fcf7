"""When nothing may be changed: freezes, change windows, holds. Comes in: settings of acorn.yaml, stores, an
instant, commits. Goes out: what stands in the way, until when. Callers: `reconcile.standing_still`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from acorn_gitops.model.window import NoSuchZone, zone

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ChangeWindowData, FreezeData, ProjectData

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Stop(NamedTuple):
    """One reason to write nothing."""

    id: str
    """ACN-042 a freeze, ACN-043 outside of change windows, ACN-044 a hold."""
    stores: tuple[str, ...]
    """The stores of a plan for which it holds; none for a hold, which is for all."""
    words: str
    until: datetime | None
    """When it ends by itself; None where somebody ends it."""


def frozen(
    settings: ProjectData, environments: Collection[str], stores: Sequence[str], now: datetime
) -> Iterator[Stop]:
    """The freezes that hold now for any of these stores. `environments`: those that lead to the marketplaces
    that are written to."""
    for freeze in settings.get("freezes") or ():
        if not _is_for(freeze, environments):
            continue
        begin, end = instant(freeze.get("from")), instant(freeze["until"])
        if (begin is not None and now < begin) or is_past(freeze, now):
            continue
        hit = tuple(store for store in stores if _covers(freeze, store))
        if hit:
            words = f"{freeze['name']} freezes them: {freeze['reason']} ({freeze['owner']})"
            yield Stop("ACN-042", hit, words, until=end)


def is_past(freeze: FreezeData, now: datetime) -> bool:
    """Whether a freeze is over."""
    end = instant(freeze["until"])
    return end is not None and now >= end


def closed(
    settings: ProjectData, environments: Collection[str], stores: Sequence[str], now: datetime
) -> Iterator[Stop]:
    """Stores that have change windows, none of which is open now. `environments` as for `frozen`."""
    windows = [one for one in settings.get("changeWindows") or () if _is_for(one, environments)]
    shut: dict[datetime | None, list[str]] = {}
    for store in stores:
        mine = [window for window in windows if _covers(window, store)]
        if mine and not any(_is_open(window, now) for window in mine):
            opens = [when for window in mine if (when := next_opening(window, now)) is not None]
            shut.setdefault(min(opens, default=None), []).append(store)
    for opening, names in shut.items():
        yield Stop("ACN-043", tuple(names), "it is outside of their change windows", until=opening)


def held(
    settings: ProjectData,
    own: ProjectData,
    commit: str,
    contains: Callable[[str], bool | None],
    overcame: Callable[[str], bool | None],
) -> Iterator[Stop]:
    """Holds on a commit that would be applied. `settings`: of the default branch; `own`: of what is checked
    out, which has overcome the holds that it says itself (see `overcame`); `contains`: whether what is
    checked out follows from a commit, None where nobody can tell: that counts as if it did; `overcame`:
    whether it follows from the commit that brought a hold to the default branch, as words in a file can be
    copied."""
    known = {one["commit"] for one in own.get("holds") or ()}
    said = {str(one["commit"]): one for one in (*(own.get("holds") or ()), *(settings.get("holds") or ()))}
    there = {one["commit"] for one in settings.get("holds") or ()}
    for bad, hold in said.items():
        is_it = bool(commit) and commit.startswith(bad)
        mended = not is_it and bad in known and (bad not in there or overcame(bad) is True)
        has = True if is_it else (not mended and contains(bad))
        if has is not False:
            words = f"commit {bad[:10]} is held: {hold['reason']} ({hold['owner']})"
            if has is None:
                words += "; this clone lacks the history that could tell (`git fetch --unshallow` brings it)"
            yield Stop("ACN-044", (), words, until=None)


def next_opening(window: ChangeWindowData, now: datetime) -> datetime | None:
    """When a change window opens next; None where it never does."""
    here = _there(window, now)
    for ahead in range(9) if here is not None else ():
        assert here is not None
        day = here + timedelta(days=ahead)
        if not _on(window, day):
            continue
        hour, minute = (int(part) for part in window["from"].split(":"))
        opens = day.replace(hour=hour % 24, minute=minute, second=0, microsecond=0).astimezone(UTC)
        if opens <= here or not _is_open(window, opens):
            continue  # it is over, or that hour is left out when clocks go forward
        # Where only its beginning is left out, it opens with what comes after.
        while opens - _MINUTE > here and _is_open(window, opens - _MINUTE):
            opens -= _MINUTE
        return opens.astimezone(now.tzinfo)
    return None


_MINUTE: Final = timedelta(minutes=1)


def _is_open(window: ChangeWindowData, now: datetime) -> bool:
    here = _there(window, now)
    if here is None:
        return False
    at, begin, end = here.strftime("%H:%M"), window["from"], window["until"]
    if begin < end:
        return _on(window, here) and begin <= at < end
    # Over midnight: what began yesterday is open in the morning.
    return (_on(window, here) and at >= begin) or (_on(window, here - timedelta(days=1)) and at < end)


def _there(window: ChangeWindowData, now: datetime) -> datetime | None:
    """The instant by a window's own clock; None where there is no such clock: then it never opens."""
    try:
        return now.astimezone(zone(window["tz"]))
    except NoSuchZone:
        return None


def _on(window: ChangeWindowData, day: datetime) -> bool:
    return DAYS[day.weekday()] in (window.get("days") or DAYS)


def _covers(said: FreezeData | ChangeWindowData, store: str) -> bool:
    patterns = said.get("stores") or ("*",)
    names, pattern = _meant(tuple(patterns))
    return store in names or pattern.fullmatch(store) is not None


@lru_cache(1024)
def _meant(patterns: tuple[str, ...]) -> tuple[frozenset[str], re.Pattern[str]]:
    """Names, and one pattern for all that have signs in them: thousands of them are looked at once."""
    signs = [one for one in patterns if any(sign in one for sign in "*?[")]
    whole = "|".join(map(translate, signs)) or r"(?!)"
    return frozenset(patterns).difference(signs), re.compile(whole)


def _is_for(said: FreezeData | ChangeWindowData, environments: Collection[str]) -> bool:
    return said.get("environments") is None or any(one in environments for one in said["environments"])


def instant(text: str | None) -> datetime | None:
    """The instant that a text says; None where there is no such one: what begins then begins at once, what
    ends then does not end."""
    try:
        return datetime.fromisoformat(text) if text is not None else None
    except ValueError:
        return None
