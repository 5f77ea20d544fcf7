"""Whose time it is in the emulator. Comes in: nothing. Goes out: instants and seconds. Callers: whoever
serves or tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Instants, and seconds that only grow."""

    def now(self) -> datetime:
        """The present instant."""

    def seconds(self) -> float:
        """Seconds since some beginning."""

    @property
    def advance(self) -> Callable[[float], None] | None:
        """Lets so many seconds pass; None where nobody can."""


class VirtualClock:
    """Moves only when somebody waits: hours of Amazon's pass in no time, and alike each time."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin
        self._spent = 0.0

    def now(self) -> datetime:
        """The present instant."""
        return self._begin + timedelta(seconds=self._spent)

    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self._spent

    def wait(self, seconds: float) -> None:
        """They pass."""
        self._spent += max(0.0, seconds)

    @property
    def advance(self) -> Callable[[float], None]:
        """They pass."""
        return self.wait


class WallClock:
    """The time as it is."""

    advance = None

    def now(self) -> datetime:
        """The present instant."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Seconds since the machine began."""
        return time.monotonic()
