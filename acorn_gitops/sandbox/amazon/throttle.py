"""Who may ask how often. Comes in: an operation of an account, an instant. Goes out: let in or not. Caller:
`app`.

A token bucket for each account and operation, as Amazon documents it: `burst` tokens, refilled at `rate` a
second. Success names the rate; a refusal names nothing, as the real one's does not.
"""

from __future__ import annotations

from datetime import datetime

from acorn_gitops.sandbox.amazon.call import Operation


class Throttle:
    """All buckets."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], tuple[float, datetime]] = {}

    def admits(self, account: str, operation: Operation, now: datetime, scale: float = 1.0) -> bool:
        """Whether a request may go on; then it costs a token."""
        burst, rate = operation.burst * max(1.0, scale), operation.rate * scale
        left, since = self._left.get((account, operation.name), (float(burst), now))
        left = min(float(burst), left + (now - since).total_seconds() * rate)
        admitted = left >= 1.0
        self._left[account, operation.name] = (left - admitted, now)
        return admitted
