"""That a plan may be carried out. Comes in: a plan, a held lock. Goes out: `Permit`, without which nothing is
written. Made by `reconcile.preconditions` when everything was asked; asked for by `carry_out` and `nothing`.

Whoever writes needs one, so that no caller can leave a question out: it is for one plan, and ends with the
lock.
"""

from __future__ import annotations

from typing import Final, Protocol

from acorn_gitops.model.finding import Refused
from acorn_gitops.plan.document import Plan

_MADE_HERE: Final = object()


class Lock(Protocol):
    """A lock on a ledger."""

    @property
    def lost(self) -> str:
        """Why nothing may be written any more; empty where it may."""

    @property
    def keeps_ledger(self) -> bool:
        """Whether the ledger is still the file that was seen."""

    @property
    def remedy(self) -> str:
        """What helps where it is lost."""


class Permit:
    """For one plan, while a lock is held. `actor`: who acts, as it is written down."""

    __slots__ = ("_lock", "_plan", "actor")

    def __init__(self, plan: Plan, lock: Lock, actor: str, *, made: object = None) -> None:
        if made is not _MADE_HERE:
            raise Refused(
                "a permit is made by asking what must be asked before a write",
                hint="call `Workspace.apply`; it asks, and writes",
            )
        self._plan, self._lock, self.actor = plan.id, lock, actor

    def check(self, plan: Plan) -> None:
        """Refused where it is for another plan, or where others may write by now."""
        if plan.id != self._plan:
            raise Refused("this permit is for another plan; nothing was written", hint="ask for that plan")
        if self._lock.lost:
            raise Refused(f"{self._lock.lost}; nothing was written", hint=self._lock.remedy)


def grant(plan: Plan, lock: Lock, actor: str) -> Permit:
    """To be called when everything was asked, and from nowhere else."""
    return Permit(plan, lock, actor, made=_MADE_HERE)
