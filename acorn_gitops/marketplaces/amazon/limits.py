"""How often Amazon may be asked. Comes in: an operation, what was answered. Goes out: seconds to wait.
Caller: `client`.

One bucket an operation, for all stores of an account: what is documented counts first, then what a success
says of it (`x-amzn-RateLimit-Limit`). A refusal says nothing, so that the pace is halved then, and grows
back with every success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from acorn_gitops.marketplaces.amazon.operations import Operation

SLOWEST: Final = 1 / 32
"""The part of the rate that refusals leave at least."""
RECOVERY: Final = 1.1
"""By so much the pace grows with a success."""
MOST: Final = 1000.0
"""Requests a second: no header is believed beyond."""
LEAST: Final = 1 / 8
"""The part of the documented rate: no header is believed below, as whoever waits for it waits without end."""
LOST: Final = 1800.0
"""Seconds that one operation may cost a run beyond what the documented rate asks for, before anybody
wonders."""
FACTOR: Final = 8.0
"""So many times the documented time may be lost: more than by the lowest rate that is believed. An account
with a lower rate is slow, and not held up."""
RATE_HEADER: Final = "x-amzn-ratelimit-limit"


class TooSlow(Exception):
    """Amazon lets so little in that a run would not come to its end. `wait`: seconds until the next
    request."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"the next request would be let in after {wait:,.0f} seconds")
        self.wait = wait


class _Bucket:
    def __init__(self, operation: Operation, now: float) -> None:
        self.rate, self.burst = operation.rate, float(operation.burst)
        self.left, self.at = self.burst, now
        self.pace = 1.0
        """The part of the rate that is used: 1 until something was refused."""
        self.documented = operation.rate
        self.due = self.lost = 0.0
        """Seconds that were waited: as the documentation has it, and beyond that."""


class Limits:
    """The buckets of one account in one region. `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, operation: Operation) -> float:
        """Seconds after which a request may be sent. It counts as sent then. TooSlow where waiting makes no
        sense any more."""
        bucket, now = self._bucket(operation), self._clock()
        rate = bucket.rate * bucket.pace
        bucket.left = min(bucket.burst, bucket.left + max(0.0, now - bucket.at) * rate)
        bucket.at = now
        bucket.left -= 1.0
        if bucket.left >= 0.0:
            return 0.0
        wait = -bucket.left / rate
        due = min(wait, -bucket.left / bucket.documented)
        bucket.due += due
        bucket.lost += wait - due
        if bucket.lost > LOST and bucket.lost > FACTOR * bucket.due:
            raise TooSlow(wait)
        return wait

    def succeeded(self, operation: Operation, headers: Mapping[str, str]) -> None:
        """It was let in: what it says of the rate is so from now on."""
        bucket = self._bucket(operation)
        bucket.pace = min(1.0, bucket.pace * RECOVERY)
        with suppress(ValueError):
            said = float(headers.get(RATE_HEADER, ""))
            if operation.rate * LEAST <= said <= MOST:
                bucket.rate = said

    def refused(self, operation: Operation) -> float:
        """It was not (429): half as fast from now on, beginning without a token. Seconds until the next."""
        bucket = self._bucket(operation)
        bucket.pace = max(SLOWEST, bucket.pace / 2)
        bucket.left, bucket.at = min(bucket.left, 0.0), self._clock()
        return 1.0 / (bucket.rate * bucket.pace)

    def seconds_for(self, operation: Operation, requests: int) -> float:
        """How long so many requests will take from now on, at the pace of now."""
        bucket = self._bucket(operation)
        return max(0.0, requests - max(0.0, bucket.left)) / (bucket.rate * bucket.pace)

    def _bucket(self, operation: Operation) -> _Bucket:
        if operation.name not in self._buckets:
            self._buckets[operation.name] = _Bucket(operation, self._clock())
        return self._buckets[operation.name]
