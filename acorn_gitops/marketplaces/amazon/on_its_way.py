"""Offers that were sent and may not be seen yet. Comes in: what was sent, what is found. Goes out: the
offer on which the next change is built. Callers: `listings`, and by it `sales`.

Amazon shows for a while what was before, and a change that is made of that would undo the one under way.
What is found must be one of the offers that this run knows, and none from before one that was seen already:
anything else is somebody's work, and is never overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from acorn_gitops.model.finding import MarketplaceError

Tree = dict[str, object]
Key = tuple[str, str, str]
"""Seller, marketplace, SKU."""
UNSEEN: Final = 900.0
"""Seconds in which what was sent may not be seen yet."""
_DAYS: Final = frozenset({"start_at", "end_at"})


class _Way:
    """The offers of one SKU in the order of time: as it was found, then each as it was sent."""

    def __init__(self, found: Tree) -> None:
        self.offers = [found]
        self.seen = 0
        self.certain = True
        self.until = 0.0

    def position(self, found: Tree) -> int | None:
        """The last of the offers that reads like this; None where none does."""
        return next((n for n in reversed(range(len(self.offers))) if self._reads_as(n, found)), None)

    def _reads_as(self, number: int, found: Tree) -> bool:
        if number == 0:
            return found == self.offers[0]
        sent = self.offers[number]
        gone = {name for earlier in self.offers[:number] for name in earlier} - sent.keys()
        return is_in(sent, found) and not gone & found.keys()


class OnItsWay:
    """What one run has sent. Moments are seconds since some beginning."""

    def __init__(self) -> None:
        self._ways: dict[Key, _Way] = {}

    def sent(self, key: Key, found: Tree, offer: Tree, now: float, *, certain: bool = True) -> None:
        """An offer was sent that was made of what was found. `certain`: it was taken; otherwise nobody
        knows."""
        way = self._ways.get(key)
        if way is None or now > way.until:
            way = self._ways[key] = _Way(found)
        way.offers.append(offer)
        way.certain = certain
        way.until = now + UNSEEN

    def notice(self, key: Key, found: Tree, now: float) -> None:
        """It was looked at."""
        way = self._ways.get(key)
        if way is None:
            return
        at = way.position(found)
        if now > way.until and at in (None, len(way.offers) - 1):
            del self._ways[key]
            return
        way.seen = max(way.seen, at or 0)

    def offer(self, key: Key, found: Tree, now: float) -> Tree:
        """The offer as it is, or will be once what was sent is seen. MarketplaceError where somebody else
        changed it meanwhile, or nobody knows what became of what was sent."""
        self.notice(key, found, now)
        way = self._ways.get(key)
        if way is None:
            return dict(found)
        at = way.position(found)
        if at is None or at < way.seen:
            raise MarketplaceError(
                "its offer is neither as it was nor as this run made it: somebody else changed it meanwhile"
            )
        last = len(way.offers) - 1
        if at == last:
            return dict(found)
        if now > way.until:
            raise MarketplaceError(
                "the change of its offer that was sent before is not seen yet: run again later"
            )
        if not way.certain:
            raise MarketplaceError(
                "whether the change of its offer that was sent before this one arrived is not known: run again"
            )
        return dict(way.offers[last])


def is_in(sent: object, seen: object) -> bool:
    """Whether everything that was sent is seen; Amazon adds to it, and may write a day with its hour."""
    if isinstance(sent, dict):
        return isinstance(seen, dict) and all(_part(name, sent, seen) for name in sent)
    if isinstance(sent, list):
        return (
            isinstance(seen, list)
            and len(sent) == len(seen)
            and all(is_in(one, other) for one, other in zip(sent, seen, strict=True))
        )
    return bool(sent == seen)


def _part(name: str, sent: Mapping[str, object], seen: Mapping[str, object]) -> bool:
    one, other = sent[name], seen.get(name)
    if name in _DAYS and isinstance(one, str) and isinstance(other, str):
        return one[:10] == other[:10]
    return is_in(one, other)
