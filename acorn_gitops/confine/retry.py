"""How often a request is tried, and how long is waited in between: one policy for every adapter. Comes in:
what to try. Goes out: its answer, or the last failure. Callers: adapters.

Waiting grows from a quarter of a second, with jitter so that many who were turned away do not come back at
once; a server that says how long it wants is waited for exactly that long, within bounds. All waiting of one
connection comes out of one budget.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from math import isnan
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")
FIRST: Final = 0.25
"""Seconds before the second try; twice as many before each further one."""
JITTER: Final = 0.2
"""Up to so much more, as a part of the wait."""


class Unanswered(Exception):
    """One try came to nothing, and may be repeated. `wait`: seconds that the server asks for; None where it
    says nothing."""

    def __init__(self, words: str, wait: float | None = None) -> None:
        super().__init__(words)
        self.wait = wait


def asked_wait(said: str | None) -> float | None:
    """Seconds of a `Retry-After` header; None where it says none. A day of the calendar is not read: servers
    of this trade send seconds."""
    try:
        seconds = float(said) if said is not None else None
    except ValueError:
        return None
    return None if seconds is None or isnan(seconds) else max(seconds, 0.0)


class Retry:
    """For one connection of one run. `budget`: seconds of waiting, all together; `pause`: waits (None: nobody
    does); `chance`: a number from 0 to 1."""

    def __init__(
        self,
        *,
        budget: float,
        pause: Callable[[float], None] | None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._left = budget
        self._pause = pause or (lambda _: None)
        self._chance = chance

    def until_answered(self, once: Callable[[], T], *, tries: int, most: float) -> T:
        """What `once` answers. `most`: seconds that one wait takes at most. The last Unanswered where no try
        came to anything; whatever else `once` raises ends it at once."""
        try:
            return once()
        except Unanswered as error:
            if tries <= 1:
                raise
            # Here: most requests are answered at once, and need no library to repeat them.
            return self._again(once, error, tries=tries - 1, most=most)

    def _again(self, once: Callable[[], T], first: Unanswered, *, tries: int, most: float) -> T:
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

        def wait(state: RetryCallState) -> float:
            failed = state.outcome.exception() if state.outcome is not None else None
            return self._wait(failed, state.attempt_number, most)

        self._pause(self._wait(first, 0, most))
        repeated = Retrying(
            retry=retry_if_exception_type(Unanswered),
            stop=stop_after_attempt(tries),
            wait=wait,
            sleep=self._pause,
            reraise=True,
        )
        return repeated(once)

    def _wait(self, failed: BaseException | None, number: int, most: float) -> float:
        """Seconds after a failed try (counted from 0), taken out of the budget."""
        asked = failed.wait if isinstance(failed, Unanswered) else None
        own = FIRST * 2**number * (1 + JITTER * self._chance())
        seconds = min(own if asked is None else asked, most, self._left)
        self._left -= seconds
        return seconds
