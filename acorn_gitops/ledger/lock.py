"""One applier at a time. Comes in: a ledger's path. Goes out: a held lock, or `Locked` with who holds it.
Caller: apply.

The operating system holds it, so that a killed process leaves nothing to unlock by hand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from acorn_gitops.confine.database import file_at
from acorn_gitops.ledger.rows import MAKE_AGAIN
from acorn_gitops.model.finding import AcornError, Locked

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from acorn_gitops.ledger.protocol import Ledger


@contextmanager
def held(ledger: Path, holder: dict[str, str], timeout: float) -> Iterator[HeldLock]:
    """Hold the lock of a ledger while applying; wait up to `timeout` seconds for it."""
    from filelock import FileLock, Timeout

    path = ledger.with_name(f"{ledger.name}.lock")
    note = ledger.with_name(f"{ledger.name}.holder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AcornError(
            f"the folder of the ledger, {path.parent}, cannot be made: {error.strerror}",
            hint="see `ledger` in acorn.yaml",
        ) from None
    lock = FileLock(path)
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        raise Locked(
            f"somebody else is applying: {_holder(note)}", hint="wait for it, or use --lock-timeout"
        ) from None
    try:
        note.write_bytes(orjson.dumps({**holder, "pid": str(os.getpid())}))
        yield HeldLock(lock)
    finally:
        note.unlink(missing_ok=True)
        lock.release()


class HeldLock:
    """A lock that is held, until it is let go of. Somebody can take its file away, or the ledger: then it
    keeps nobody out any more, or nothing is written down."""

    def __init__(self, lock: BaseFileLock) -> None:
        self._lock, self._own = lock, file_at(Path(lock.lock_file))
        self.ledger: Ledger | None = None
        """What it is the lock of, once that is open."""

    @property
    def lost(self) -> str:
        """Why nothing may be written any more; empty where it may."""
        if not self._lock.is_locked:
            return "the lock of the ledger is not held any more"
        if file_at(Path(self._lock.lock_file)) != self._own:
            return f"{self._lock.lock_file} was taken away while it was held, and others may apply"
        return "" if self.ledger is None else self.ledger.lost

    @property
    def keeps_ledger(self) -> bool:
        """Whether the ledger is still where it was opened."""
        return self.ledger is None or not self.ledger.lost

    @property
    def remedy(self) -> str:
        """What helps where it is lost."""
        return "plan again" if self.keeps_ledger else MAKE_AGAIN


def _holder(note: Path) -> str:
    try:
        held_by = orjson.loads(note.read_bytes())
        plan = str(held_by["plan"])
        doing = f"plan {plan[:12]}" if len(plan) == 64 else plan
        return f"{held_by['who']} since {held_by['since']} (process {held_by['pid']}, {doing})"
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return "holder unknown"
