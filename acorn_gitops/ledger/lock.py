"""One applier at a time. Comes in: a ledger's path. Goes out: a held lock, or `Locked` with who holds it.
Caller: apply.

The operating system holds it, so that a killed process leaves nothing to unlock by hand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from acorn_gitops.model.finding import AcornError, Locked

if TYPE_CHECKING:
    from filelock import BaseFileLock


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
        yield HeldLock(lock, ledger)
    finally:
        note.unlink(missing_ok=True)
        lock.release()


class HeldLock:
    """A lock that is held, until it is let go of. Somebody can take its file away, or the ledger: then it
    keeps nobody out any more, or nothing is written down."""

    def __init__(self, lock: BaseFileLock, ledger: Path) -> None:
        self._lock, self._ledger, self._own = lock, ledger, _file(Path(lock.lock_file))
        self._seen: tuple[int, int] | None = None

    @property
    def lost(self) -> str:
        """Why nothing may be written any more; empty where it may. A ledger counts once it was seen."""
        if not self._lock.is_locked:
            return "the lock of the ledger is not held any more"
        if _file(Path(self._lock.lock_file)) != self._own:
            return f"{self._lock.lock_file} was taken away while it was held, and others may apply"
        there = _file(self._ledger)
        if self._seen is None:
            self._seen = there
        if there != self._seen:
            return f"the ledger {self._ledger} was taken away while it was used"
        return ""

    @property
    def keeps_ledger(self) -> bool:
        """Whether the ledger is still the file that was seen."""
        return _file(self._ledger) == self._seen

    @property
    def remedy(self) -> str:
        """What helps where it is lost."""
        return "plan again" if self.keeps_ledger else _MAKE_AGAIN


_MAKE_AGAIN: Final = "bring the ledger back (a copy, `acorn state pull`), or make it again: `acorn state rebuild`; then plan again"


def _file(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _holder(note: Path) -> str:
    try:
        held_by = orjson.loads(note.read_bytes())
        plan = str(held_by["plan"])
        doing = f"plan {plan[:12]}" if len(plan) == 64 else plan
        return f"{held_by['who']} since {held_by['since']} (process {held_by['pid']}, {doing})"
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return "holder unknown"
