"""What waits in a queue, is worked on, and is done: feeds and reports alike. Comes in: instants. Goes out: a
status. Callers: `feeds`, `reports`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from acorn_gitops.sandbox.amazon.call import Json, Refused, invalid

IN_QUEUE, IN_PROGRESS, DONE, FATAL, CANCELLED = "IN_QUEUE", "IN_PROGRESS", "DONE", "FATAL", "CANCELLED"


@dataclass
class Queued:
    """One of them."""

    id: str
    seller: str
    type: str
    marketplaces: Sequence[str]
    created: datetime
    starts: datetime
    ends: datetime
    work: Callable[[], str]
    """Does it, and answers the id of the document that came of it; "" where it failed as a whole (FATAL)."""
    result: str | None = None
    cancelled: bool = False
    working: bool = False

    def status(self, now: datetime) -> str:
        """Where it is; the work is done when somebody looks after its time."""
        if self.cancelled:
            return CANCELLED
        if now < self.starts:
            return IN_QUEUE
        if now < self.ends:
            return IN_PROGRESS
        if self.working:
            return IN_PROGRESS
        if self.result is None:
            self.working = True
            self.result = self.work()
            self.working = False
        return DONE if self.result else FATAL

    def told(self, now: datetime, *, id: str, type: str, document: str) -> Json:
        """As the models have it; `id`, `type` and `document` are the names of these three there."""
        status = self.status(now)
        made: Json = {
            id: self.id,
            type: self.type,
            "marketplaceIds": [*self.marketplaces],
            "createdTime": text_of(self.created),
            "processingStatus": status,
        }
        if status not in (IN_QUEUE, CANCELLED):
            made["processingStartTime"] = text_of(self.starts)
        if status in (DONE, FATAL):
            made["processingEndTime"] = text_of(self.ends)
        if status == DONE and self.result:
            made[document] = self.result
        return made

    def cancel(self, now: datetime) -> None:
        """Refused where it is worked on already."""
        if self.status(now) != IN_QUEUE:
            raise invalid(f"{self.id} cannot be cancelled: it is {self.status(now)}.")
        self.cancelled = True


class Queue:
    """All of one sort."""

    def __init__(self) -> None:
        self._held: dict[str, Queued] = {}

    def put(
        self, seller: str, type: str, marketplaces: Sequence[str], *, now: datetime, seconds: float, id: str,
        work: Callable[[], str],
    ) -> None:  # fmt: skip
        """One more: a quarter of its time it waits, the rest it is worked on."""
        starts, ends = (now + timedelta(seconds=seconds * part) for part in (0.25, 1.0))
        self._held[id] = Queued(id, seller, type, marketplaces=marketplaces, created=now, starts=starts, ends=ends, work=work)  # fmt: skip

    def get(self, id: str, seller: str) -> Queued:
        """One of a seller's own. Refused where it has none of this id."""
        found = self._held.get(id)
        if found is None or found.seller != seller:
            raise Refused(404, "NotFound", f"{id} is not found.")
        return found

    def of(self, seller: str) -> list[Queued]:
        """A seller's, newest first."""
        return sorted((one for one in self._held.values() if one.seller == seller), key=lambda one: one.created, reverse=True)  # fmt: skip

    def settle(self, now: datetime) -> None:
        """Work whose time has come is done, whoever looks."""
        for one in sorted(self._held.values(), key=lambda one: one.ends):
            one.status(now)


def text_of(moment: datetime) -> str:
    """An instant, as these APIs write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
