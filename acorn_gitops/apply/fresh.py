"""Whether a plan still fits what is there. Comes in: a plan, its ledger status, live snapshots. Goes out:
nothing, or `Stale` naming the rows. Caller: `carry_out`.

Everything is checked before the first write: a plan fits whole or is not applied.
"""

from __future__ import annotations

from collections.abc import Mapping

from acorn_gitops import __version__
from acorn_gitops.marketplaces.protocol import Snapshot
from acorn_gitops.model.finding import Stale
from acorn_gitops.model.resource import Address, digest, project
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.document import Plan

SHOWN = 20


def check_applicable(plan: Plan, status: str | None) -> None:
    """The plan itself: complete, of this version, not yet applied."""
    if plan.errored:
        broken = ", ".join(s.store for s in plan.stores if s.error)
        raise Stale(f"this plan is incomplete: {broken} could not be read", hint="plan again")
    if plan.tool.split(".")[:2] != __version__.split(".")[:2]:
        raise Stale(
            f"this plan was made by acorn {plan.tool}, this is {__version__}",
            hint="plan again with this version",
        )
    if status == "complete":
        raise Stale(f"plan {plan.id[:12]} was already applied", hint="a plan is applied once; plan again")


def check_live(changes: list[Change], snapshots: Mapping[str, Snapshot], done: frozenset[Address]) -> None:
    """Every resource that the plan touches is as it was when the plan was made. Stale with the rows that moved."""
    moved = [
        str(change.address) + why
        for change in changes
        if change.address not in done and (why := _moved(change, snapshots))
    ]
    if moved:
        rows = "\n  ".join(moved[:SHOWN]) + (
            f"\n  … and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
        )
        raise Stale(
            f"{len(moved)} resources have moved since this plan was made:\n  {rows}",
            hint="plan again and review what is different",
        )


def _moved(change: Change, snapshots: Mapping[str, Snapshot]) -> str:
    """Why a change no longer fits; empty when it does."""
    if not change.writes:
        return ""
    live = snapshots[change.address.store].resources
    key = (change.address.type, change.moved_from or change.address.key)
    have = live.get(key)
    if change.action == "create":
        return "  exists by now" if (change.address.type, change.address.key) in live else ""
    if have is None:
        return "  is gone"
    if change.action == "delete":
        now = digest({k: v for k, v in have.attributes.items() if v is not None})
    else:
        now = digest(project(have.attributes, change.after or {}))
        if change.action == "replace" and change.before is not None:
            now = digest(project(have.attributes, change.before))
    return "" if now == change.fingerprint else "  was changed"
