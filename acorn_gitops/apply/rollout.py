"""Whether the next stores may follow. Comes in: the parts of a plan, its phases, what became of the ones
before. Goes out: parts by phase, or why it ends here. Caller: `carry_out`.

Two kinds of change are not divided. Grants that end are taken away everywhere at once, first: somebody has
left. What divides stock among stores changes in the last phase, together: half of a new division and half of
the old one would promise pieces twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from acorn_gitops.marketplaces.protocol import Outcome, Snapshot, Write
from acorn_gitops.model.resource import Address, attribute_of
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.compare import holds
from acorn_gitops.plan.rollout import Phase

if TYPE_CHECKING:
    from acorn_gitops.apply.carry_out import Part

DIVIDES: Final = "allocation"
"""The attribute of a listing that says how many pieces a store is given."""


def by_phase(
    parts: Iterable[Part], phases: Sequence[Phase], last: Callable[[Part], bool]
) -> list[list[Part]]:
    """The parts of each phase, in their order, and of the rest. `last`: whether one waits for all others."""
    where = {store: number for number, phase in enumerate(phases) for store in phase.stores}
    found: list[list[Part]] = [[] for _ in range(len(phases) + 1)]
    for part in parts:
        change = part.change
        if change.action == "delete" and change.address.type == "grant":
            number = 0
        elif _divides(change) or last(part):
            number = len(phases)
        else:
            number = where.get(change.address.store, len(phases))
        found[number].append(part)
    return found


def _divides(change: Change) -> bool:
    if change.address.type == "stock":
        return True
    return change.action == "update" and any(attribute_of(field.path) == DIVIDES for field in change.fields)


def why_it_ends(phase: Phase, parts: Sequence[Part], outcomes: Mapping[Address, Outcome]) -> str:
    """Why the next phase must not follow, by what was seen of this one; empty where it may."""
    addresses = {part.change.address for part in parts}
    failed = [a for a in sorted(addresses) if a not in outcomes or outcomes[a].status != "observed"]
    if not phase.stops_at(len(failed), len(addresses)):
        return ""
    of = f"{len(failed)} of {len(addresses)} change{'s' * (len(addresses) != 1)}"
    return f"the rollout ended after {phase.name}: {of} not seen ({failed[0]})"


def why_not_still(phase: Phase, writes: Iterable[Write], latest: Mapping[str, Snapshot]) -> str:
    """Why the next phase must not follow although everything was seen: it is not there any more."""
    sent = [*writes]
    gone = [write.address for write in sent if not _is_there(write, latest[write.address.store])]
    if not phase.stops_at(len(gone), len(sent)):
        return ""
    return f"the rollout ended after {phase.name}: {gone[0]} was there, and after {phase.soak} s it is not"


def _is_there(write: Write, snapshot: Snapshot) -> bool:
    live = snapshot.resources.get((write.address.type, write.address.key))
    return live is None if write.operation == "delete" else holds(write.attributes, live)
