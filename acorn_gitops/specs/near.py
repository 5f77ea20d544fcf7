"""What may be meant by an unknown name. Comes in: a word, the names that there are. Goes out: the nearest, or
nothing. Callers: whoever tells of names that refer to nothing.

A suggestion must not cost more than it is worth: of many names those are looked at that begin or end alike.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

BESIDE: Final = 40
"""Of many names, so many on either side of a word in the order of the alphabet are looked at: by beginnings
and by ends."""
LONGEST: Final = 200


class Names:
    """Names that words are compared with, put in order once."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        self._known = set(self.names)
        self._back: list[str] | None = None

    def near(self, word: str, cutoff: float = 0.6) -> str:
        """The nearest name; "" where none is near."""
        close = get_close_matches(word[:LONGEST], self._beside(word), n=1, cutoff=cutoff)
        return close[0] if close else ""

    def _beside(self, word: str) -> list[str]:
        if len(self.names) <= 4 * BESIDE:
            return [name for name in self.names if len(name) <= LONGEST]
        if self._back is None:
            self._back = sorted(name[::-1] for name in self.names)
        at, behind = bisect_left(self.names, word), bisect_left(self._back, word[::-1])
        begins = {word[:length] for length in range(max(len(word) - 3, 1), len(word))} & self._known
        ends = (name[::-1] for name in self._back[max(behind - BESIDE, 0) : behind + BESIDE])
        found = {*self.names[max(at - BESIDE, 0) : at + BESIDE], *ends, *begins}
        return sorted(name for name in found if len(name) <= LONGEST)
