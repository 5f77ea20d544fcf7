"""Whether the next stores may follow. Comes in: the parts of a plan, its phases, what became of the ones
before. Goes out: parts by phase, or why it ends here. Caller: `run`.

Two kinds of change are not divided. Rights change everywhere at once, first: somebody has left, and whoever
takes their place must be there. What divides stock among stores changes in the last phase, together: half of
a new division and half of the old one would promise pieces twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from acorn_gitops.marketplaces.protocol import Outcome, Snapshot, Write
from acorn_gitops.model.resource import Address
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.compare import holds
from acorn_gitops.plan.rollout import Phase
from acorn_gitops.resources.registry import STORES

if TYPE_CHECKING:
    from acorn_gitops.apply.parts import Part

DIVIDES: Final = "allocation"
"""The attribute of a listing that says how many pieces a store is given."""
RIGHTS: Final = frozenset({"role", "grant"})


class Groups(NamedTuple):
    """The parts of a plan in the order of a rollout."""

    rights: list[Part]
    """Everywhere, before the first phase."""
    phases: list[list[Part]]
    """By phase, in their order; what goes last is the last of them."""


def by_phase(parts: Iterable[Part], phases: Sequence[Phase], last: Callable[[Part], bool]) -> Groups:
    """The parts of each phase, and of the rest. `last`: whether one waits for all others. Without phases all
    of them are one group."""
    every = [*parts]
    if not phases:
        return Groups([], [every])
    where = {store: number for number, phase in enumerate(phases) for store in phase.stores}
    divided = _divided(part.change for part in every)
    # Rights in a store that this plan makes wait for it.
    new = {
        p.change.address.store
        for p in every
        if p.change.address.type in STORES and p.change.action == "create"
    }
    found = Groups([], [[] for _ in range(len(phases) + 1)])
    for part in every:
        change = part.change
        if change.address.type in RIGHTS and change.address.store not in new:
            found.rights.append(part)
            continue
        goes_last = last(part) or _joins(change, divided)
        found.phases[len(phases) if goes_last else where.get(change.address.store, len(phases))].append(part)
    return found


def _divided(changes: Iterable[Change]) -> set[str]:
    """SKUs whose stock is divided anew."""
    return {_sku(change) for change in changes if _divides(change)}


def _sku(change: Change) -> str:
    """What a division is about: a SKU may have another key in each store."""
    said = change.after or change.before or {}
    return str(said.get("sku") or change.address.key)


def _joins(change: Change, divided: Collection[str]) -> bool:
    """Whether a change divides stock, or gives a share of what others are about to divide anew. One that
    leaves its share as it is gives none."""
    begins = (change.before or {}).get("status") == "inactive" != (change.after or {}).get("status")
    gives = (change.action != "update" or begins) and DIVIDES in (change.after or {})
    return _divides(change) or (gives and _sku(change) in divided)


def _divides(change: Change) -> bool:
    if change.address.type == "stock":
        return True
    return change.action == "update" and DIVIDES in change.touched


def mixed(changes: Iterable[Change], phases: Sequence[Phase]) -> list[Address]:
    """Listings of a phase whose division of stock changes with something else, or that are made there and
    elsewhere while it is divided anew: they would go last, and nothing would be tried in their phase."""
    early = {store for phase in phases for store in phase.stores}
    everything = [*changes]
    divided = _divided(everything)
    every = [change for change in everything if change.address.type == "listing"]
    late = {_sku(c) for c in every if c.address.store not in early and _does_more(c)}
    return [
        change.address
        for change in every
        if change.address.store in early
        and _joins(change, divided)
        and _does_more(change)
        and (change.action == "update" or _sku(change) in late)
    ]


def _does_more(change: Change) -> bool:
    """Whether it does something else than dividing stock."""
    return change.action != "update" or bool(change.touched - {DIVIDES})


def why_it_ends(phase: Phase, parts: Sequence[Part], outcomes: Mapping[Address, Outcome]) -> str:
    """Why the next phase must not follow, by what was seen of this one; empty where it may."""
    addresses = {part.change.address for part in parts}
    failed = [a for a in sorted(addresses) if a not in outcomes or outcomes[a].status != "observed"]
    if not phase.stops_at(len(failed), len(addresses)):
        return ""
    of = f"{len(failed)} of {len(addresses)} change{'s' * (len(addresses) != 1)}"
    return f"the rollout ended after {phase.name}: {of} not seen ({failed[0]})"


def why_unread(phase: Phase, unread: Mapping[str, str]) -> str:
    """Why the next phase must not follow: a store of this one was left out, and nothing was tried there."""
    left_out = [store for store in phase.stores if store in unread]
    return (
        f"the rollout ended after {phase.name}: {left_out[0]} was left out: {unread[left_out[0]]}"
        if left_out
        else ""
    )


def why_not_still(
    phase: Phase, writes: Iterable[Write], latest: Mapping[str, Snapshot], failed: int = 0
) -> str:
    """Why the next phase must not follow although enough was seen: it is not there any more. `failed`: how
    many others were not seen; they count with it."""
    sent = [*writes]
    # Half of a replacement: what was deleted is there again, as it was made.
    made = {write.address for write in sent if write.operation != "delete"}
    sent = [write for write in sent if write.operation != "delete" or write.address not in made]
    gone = [write.address for write in sent if not _is_there(write, latest[write.address.store])]
    if not gone or not phase.stops_at(len(gone) + failed, len(sent) + failed):
        return ""
    return f"the rollout ended after {phase.name}: {gone[0]} was there, and after {phase.soak} s it is not"


def _is_there(write: Write, snapshot: Snapshot) -> bool:
    live = snapshot.resources.get((write.address.type, write.address.key))
    return live is None if write.operation == "delete" else holds(write.attributes, live)
