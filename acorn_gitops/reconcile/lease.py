"""Who applies, where a ledger lives on a branch: one at a time, on whatever machine. Comes in: what lies on
the branch beside the ledger. Goes out: what lies there next; Locked where somebody else applies, Stale where
somebody took over. Callers: `ledger_branch`, `applying`, cli `lock`.

The lease is claimed with the push that goes before the first write, renewed while the run goes on, and freed
with its last push: git's own lease makes each of them one step. Its number grows with every holder. Whoever
finds another number than their own stops, and records nothing. A run that dies leaves its lease; it counts
for `LASTS` since it was renewed. What such a run may still send, intents and generations keep in order.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from acorn_gitops.confine.database import database
from acorn_gitops.confine.files import replace
from acorn_gitops.confine.text import one_line
from acorn_gitops.model.finding import AcornError, Locked, Stale
from acorn_gitops.reconcile.workspace import LOOKS, Workspace

LASTS: Final = timedelta(minutes=10)
"""So long a lease counts that nobody renews."""
EVERY: Final = 120.0
"""Seconds after which a run renews its own."""
BREAK: Final = "`acorn lock` shows who; where nobody applies any more, `acorn lock --break REASON`"
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


class Lease(NamedTuple):
    """What the branch says of who applies."""

    number: int = 0
    """One more for each holder; 0 before the first one."""
    holder: str = ""
    """Who acts; empty where nobody does."""
    job: str = ""
    """The page of the job, where a forge runs it."""
    where: str = ""
    """A random name of the ledger's file on a machine: the lock of that file is known there."""
    since: str = ""
    renewed: str = ""
    """Instants in UTC."""

    def counts(self, now: datetime) -> bool:
        """Whether somebody is taken to apply. An instant that cannot be read counts as now."""
        if not self.holder:
            return False
        try:
            renewed = datetime.strptime(self.renewed, _FORM).replace(tzinfo=UTC)
            return now < renewed + LASTS
        except (ValueError, OverflowError):
            return True

    def encoded(self) -> bytes:
        """As it lies on the branch."""
        document = {"format_version": "1.0", **self._asdict()}
        return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"

    def told(self) -> str:
        """Who, since when, from which job."""
        job = f" ({one_line(self.job, 200)})" if self.job else ""
        return f"{one_line(self.holder, 200)} since {one_line(self.since, 40)}{job}"


def lease_of(content: bytes | None) -> Lease:
    """What a file says. Where it is none nobody knows who applies, and it keeps everybody out until somebody
    breaks it."""
    if content is None:
        return Lease()
    try:
        document = orjson.loads(content)
        if document["format_version"] != "1.0":
            raise ValueError("another format")
        found = Lease(*(document[name] for name in Lease._fields))
        texts = (found.holder, found.job, found.where, found.since, found.renewed)
        known = type(found.number) is int and 0 <= found.number < _MOST
        return found if known and all(isinstance(t, str) and len(t) < 1000 for t in texts) else NOBODY_KNOWS
    except (ValueError, KeyError, TypeError, RecursionError):
        return NOBODY_KNOWS


_MOST: Final = 1 << 52  # a greater one could not grow, and be read again
NOBODY_KNOWS: Final = Lease(
    0, "somebody (the lease beside the ledger cannot be read)", since="nobody knows when"
)


def lease_beside(name: str) -> str:
    """Where the lease of a ledger lies, by the ledger's name on the branch."""
    return f"{name.removesuffix('.gz')}.lease"


class Claim:
    """How one caller stands to the lease of a ledger (`path`). What only records takes no lease, and is
    refused while somebody else applies."""

    def __init__(self, workspace: Workspace, path: Path, *, takes: bool = False) -> None:
        self._workspace, self._takes = workspace, takes
        self._where = _where(workspace, path)
        self._mine: Lease | None = None

    @classmethod
    def breaking(cls, workspace: Workspace, path: Path, there: Lease) -> Claim:
        """That of somebody who ends the lease of somebody else."""
        claim = cls(workspace, path)
        claim._mine = there
        return claim

    @property
    def is_mine(self) -> bool:
        """Whether the lease was claimed and not freed yet."""
        return self._mine is not None

    def is_from_here(self, there: Lease) -> bool:
        """Whether a run from this file on this machine took it."""
        return there.where == self._where

    def refuse(self, there: Lease) -> None:
        """Locked where somebody else applies."""
        if not self.is_from_here(there) and there.counts(self._workspace.now()):
            raise Locked(f"somebody else is applying: {there.told()}; nothing was written", hint=BREAK)

    def next(self, there: Lease) -> Lease:
        """What the branch says after the next push. Stale where somebody took over."""
        if self._mine is None:
            self.refuse(there)
            return self._new(there.number + 1) if self._takes else there
        if _identity(there) != _identity(self._mine):
            raise Stale(f"{_taken(there)}; nothing more is written or recorded from here", hint=TAKEN)
        if not self._takes:
            return Lease(there.number)
        return self._mine._replace(renewed=self._workspace.stamp())

    def pushed(self, lease: Lease) -> None:
        """The branch says so now."""
        self._mine = lease if self._takes and lease.holder else None

    def frees(self) -> None:
        """With the next push nobody applies any more."""
        self._takes = False

    def _new(self, number: int) -> Lease:
        now = self._workspace.stamp()
        who, job = self._workspace.actor(), self._workspace.job_link()
        return Lease(number, who, job, where=self._where, since=now, renewed=now)


def _where(workspace: Workspace, path: Path) -> str:
    """A name for this file on this machine since it was started, which no other file has, a copy of it
    neither. Whoever holds the lock of the file knows that an earlier run with this name is over."""
    file = path.with_name(f"{path.name}.where")
    database(file, workspace.root)
    try:
        known = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        known = ""
    if len(known) != 32:
        known = secrets.token_hex(16)
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, known.encode(), root=workspace.root, anywhere=True)
    about = file.stat()
    return hashlib.sha256(
        f"{known} {about.st_dev} {about.st_ino} {workspace.machine()}".encode()
    ).hexdigest()[:32]


def _identity(lease: Lease) -> tuple[object, ...]:
    """What tells one lease from every other: its number can come again once the branch was put back."""
    return lease.number, lease.holder, lease.where, lease.since


TAKEN: Final = "what was sent is found by the next run; plan again"


def _taken(there: Lease) -> str:
    if there.holder:
        return f"{there.told()} took over"
    return "somebody broke the lease of this run"


class Renewal:
    """Renews a lease while a run goes on. `moved` says whether somebody else has pushed to the branch."""

    def __init__(
        self,
        renew: Callable[[], object],
        clock: Callable[[], float],
        moved: Callable[[], bool] = lambda: False,
    ) -> None:
        self._renew, self._clock, self._moved = renew, clock, moved
        self._last = self._looked = clock()
        self._looking = threading.Lock()
        self.lost: AcornError | None = None
        """Why nothing may be written any more."""

    def holds(self) -> bool:
        """Renew where it is time; whether writing may go on. A branch that cannot be reached is no reason to
        stop until the lease no longer counts."""
        now = self._clock()
        # Requests may wait side by side: one of them looks.
        if self.lost is None and now - self._looked >= LOOKS and self._looking.acquire(blocking=False):
            try:
                self._look(now)
            finally:
                self._looking.release()
        return self.lost is None

    def refusal(self) -> str:
        """Why nothing may be sent any more; empty where it may."""
        return "" if self.holds() else f"not sent: {self.lost}"

    def _look(self, now: float) -> None:
        self._looked = now
        try:
            if now - self._last >= EVERY or self._moved():
                self._renew()
                self._last = now
        except (Stale, Locked) as error:
            self.lost = error
        except AcornError as error:
            self.lost = error if now - self._last >= LASTS.total_seconds() - EVERY else None
