"""Whether a plan still fits what is there. Comes in: a plan, its ledger status, live snapshots. Goes out:
nothing, or `Stale` naming the rows. Caller: `carry_out`.

Everything is checked before the first write: a plan fits whole or is not applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

import orjson

from acorn_gitops import __version__
from acorn_gitops.marketplaces.protocol import Snapshot
from acorn_gitops.model.finding import MarketplaceError, Stale
from acorn_gitops.model.resource import Address, Attributes, digest, project
from acorn_gitops.plan.change import Change, Step
from acorn_gitops.plan.compare import holds
from acorn_gitops.plan.document import Plan
from acorn_gitops.report.words import plural

SHOWN = 20


def check_applicable(plan: Plan, status: str | None, *, skip_unreadable: bool = False) -> None:
    """The plan itself: complete, of this version, not yet applied."""
    if plan.errored and not skip_unreadable:
        broken = ", ".join(s.store for s in plan.stores if s.error)
        raise Stale(f"this plan is incomplete: {broken} could not be read", hint="plan again")
    if plan.tool.split(".")[:2] != __version__.split(".")[:2]:
        raise Stale(
            f"this plan was made by acorn {plan.tool}, this is {__version__}",
            hint="plan again with this version",
        )
    if status == "complete":
        raise Stale(f"plan {plan.id[:12]} was already applied", hint="a plan is applied once; plan again")


VANISHED: Final = 10
"""From so many resources of a type on, that all of them are gone at once is not believed."""


def check_not_empty(
    snapshot: Snapshot, applied: Collection[tuple[str, str]], allowed: Collection[str]
) -> None:
    """A store that had resources and shows none, or none of a type, is more likely a lost permission than a
    wish. `applied`: type and key of what was applied there."""
    if snapshot.store in allowed or not applied:
        return
    believe = f"if that is true, say --allow-empty {snapshot.store}"
    if not snapshot.resources and not snapshot.ambiguous:
        raise MarketplaceError(f"it shows no resources, but {len(applied)} were applied there; {believe}")
    there = {type for type, _ in (*snapshot.resources, *snapshot.ambiguous)}
    for type, count in sorted(Counter(type for type, _ in applied if type not in there).items()):
        if count >= VANISHED:
            raise MarketplaceError(
                f"it shows none of the {plural(type, count)} that were applied there; {believe}"
            )


def check_bound(reviewed: Plan, now: Plan) -> None:
    """A saved plan is for the marketplaces that it was made for. Stale when a store is held by another
    connection now, or when that connection leads to another address."""
    here = {s.store: s for s in now.stores}
    wrong = []
    for store in reviewed.stores:
        to = here.get(store.store)
        if to is not None and (store.connection, store.binding) != (to.connection, to.binding):
            was = f"{store.connection} ({store.marketplace})" if store.marketplace else store.connection
            wrong.append(f"{store.store}: made for {was}, and now it is {to.connection} ({to.marketplace})")
    if wrong:
        raise Stale(
            f"this plan was made for another marketplace; nothing was written:{_rows(wrong)}",
            hint="plan again and have it reviewed",
        )


def check_rollout(reviewed: Plan, now: Plan) -> None:
    """Stale where a saved plan would be rolled out otherwise than the policies say now."""
    if reviewed.rollout != now.rollout:
        raise Stale(
            "the stores that go first, or what is asked of them, have changed since this plan was made",
            hint="plan again and have it reviewed",
        )


def check_intent(reviewed: Plan, now: Plan, done: Collection[Step], known: Callable[[Address], bool]) -> None:
    """A saved plan still says what would be planned now, but for what it has done itself. Stale with the rows
    that do not: the specs, the ledger or the stores moved. Edited comments move nothing, and neither do rows
    that the plan does not touch, unless the specs themselves changed. `known`: whether the ledger still has
    an address."""
    planned = {step: change for change in now.changes for step in change.steps}
    moved: set[Address] = set()
    for change in reviewed.changes:
        for step in change.steps:
            if step in done or (step.operation == "forget" and not known(step.address)):
                planned.pop(step, None)
            elif step not in planned or not _same(change, planned[step], step, done=done):
                moved.add(change.address)
                planned.pop(step, None)
            else:
                del planned[step]
    edited = reviewed.config_digest != now.config_digest
    if edited:
        moved |= {step.address for step in planned}
    if moved:
        names = [str(address) for address in sorted(moved)]
        what = "the specs have changed" if edited else "the stores or the ledger have moved"
        raise Stale(
            f"{what} since this plan was made; {plural('row', len(names))} differ{'s' * (len(names) == 1)}:{_rows(names)}",
            hint="plan again and have it reviewed",
        )


def _same(reviewed: Change, now: Change, step: Step, done: Collection[Step]) -> bool:
    """Whether what was reviewed is what would be planned: what is written, and what was shown of it. Of a
    replacement whose old row is gone already only what is written is left."""
    if not any(other in done for other in reviewed.steps) and reviewed.action != now.action:
        return False  # half of a replacement is not a deletion
    if step.operation == "delete":
        return True
    if any(other in done for other in reviewed.steps):
        return reviewed.after == now.after
    shown = {(field.path, _text(field.before), _text(field.after)) for field in reviewed.fields}
    return reviewed.after == now.after and shown == {
        (f.path, _text(f.before), _text(f.after)) for f in now.fields
    }


def _text(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def check_live(changes: list[Change], snapshots: Mapping[str, Snapshot], done: Collection[Step]) -> None:
    """Every resource that the plan touches is as it was when the plan was made. Stale with the rows that
    moved."""
    moved = [
        str(change.address) + why
        for change in changes
        if change.writes and (why := _moved(change, snapshots, done))
    ]
    if moved:
        have = "has" if len(moved) == 1 else "have"
        raise Stale(
            f"{plural('resource', len(moved))} {have} moved since this plan was made:{_rows(moved)}",
            hint="plan again and review what is different",
        )


def check_still_done(
    changes: Iterable[Change], snapshots: Mapping[str, Snapshot], done: Collection[Step]
) -> None:
    """What an earlier run of this plan did is still there. Stale with the rows that are not: "done" is what
    the store shows, not what a ledger remembers."""
    undone = []
    for change in changes if done else ():
        for step in change.steps:
            snapshot = snapshots.get(step.address.store)
            if step not in done or snapshot is None:
                continue
            have = snapshot.resources.get((step.address.type, step.address.key))
            if step.operation == "delete":
                made = any(s.operation == "create" and s.address == step.address for s in change.steps)
                kept = have is None or made
            else:
                kept = holds(_sent(change), have)
            if not kept:
                undone.append(str(change.address))
    if undone:
        raise Stale(
            f"what an earlier run of this plan did is not there any more:{_rows(undone)}",
            hint="plan again and review what is different",
        )


def _sent(change: Change) -> Attributes:
    """What a change writes: of an update only what differs, as the rest is left to others or was so."""
    after, touched = change.after or {}, change.touched
    return after if change.action != "update" else {k: v for k, v in after.items() if k in touched}


def _rows(names: Sequence[str]) -> str:
    """One line each, SHOWN at most."""
    more = [f"… and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return "".join(f"\n  {name}" for name in (*names[:SHOWN], *more))


def _moved(change: Change, snapshots: Mapping[str, Snapshot], done: Collection[Step]) -> str:
    """Why a change no longer fits; empty when it does."""
    live = snapshots[change.address.store].resources
    left = [step for step in change.steps if step not in done]
    creates = any(step.operation == "create" for step in left)
    if (
        (creates or change.action == "update")
        and change.former != change.address
        and (change.address.type, change.address.key) in live
    ):
        return "  exists by now"
    have = live.get((change.former.type, change.former.key))
    if change.action == "create" or (
        [step.operation for step in left] == ["create"] and not change.moved_from
    ):
        return "  exists by now" if creates and have is not None else ""
    if not left:
        return ""
    if have is None:
        return "  is gone"
    if change.action == "delete":
        now = digest({k: v for k, v in have.attributes.items() if v is not None})
    elif change.action == "replace":
        now = digest(project(have.attributes, change.before or {}))
    else:
        now = digest(project(have.attributes, change.after or {}))
    return "" if now == change.fingerprint else "  was changed"
