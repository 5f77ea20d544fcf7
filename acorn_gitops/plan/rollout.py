"""Store by store instead of all at once. Comes in: the policy `rollout`, the stores with their labels. Goes
out: the phases of a plan. Callers: planning, apply, reports.

The stores of each phase are resolved when a plan is made, and stand in it: what was reviewed is what is
rolled out. Stores that no phase selects are the last phase.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from acorn_gitops.model.resource import Address
from acorn_gitops.model.selectors import select

if TYPE_CHECKING:
    from acorn_gitops.model.typed import RolloutPhaseData


class Phase(NamedTuple):
    """Stores that go together, and what must be seen of them before the next may follow."""

    name: str
    stores: tuple[str, ...]
    may_fail: str
    """Of its changes, how many in percent may end otherwise than seen."""
    soak: int
    """Seconds to wait once everything was seen; then it must still be there."""

    def to_json(self) -> dict[str, object]:
        """As a plan's file holds it."""
        return {"name": self.name, "stores": [*self.stores], "may_fail": self.may_fail, "soak": self.soak}

    def stops_at(self, failed: int, changes: int) -> bool:
        """Whether so many of its changes that were not seen are too many."""
        return Decimal(failed) * 100 > Decimal(self.may_fail) * changes


def phases_of(
    said: Sequence[RolloutPhaseData], stores: Iterable[tuple[str, Mapping[str, str]]]
) -> list[Phase]:
    """The phases that a policy says, in their order; a store belongs to the first that selects it."""
    left = dict(stores)
    phases = []
    for one in said:
        chosen = select(one["stores"], left.items())
        for name in chosen:
            del left[name]
        phases.append(
            Phase(
                one["name"],
                tuple(chosen),
                may_fail=one.get("mayFailPercent") or "0",
                soak=one.get("soakSeconds") or 0,
            )
        )
    return phases


def in_their_phases(
    phases: Sequence[Phase], before: Mapping[str, Sequence[Address]]
) -> Mapping[str, Sequence[Address]]:
    """What waited in phases that have other names by now, by the phase that has its store, or else by the one
    that stands longest."""
    found: dict[str, list[Address]] = {}
    named = {one.name for one in phases}
    for address in (one for name, those in before.items() if name not in named for one in those):
        longest = max(phases, key=lambda one: one.soak, default=None)
        mine = next((one for one in phases if address.store in one.stores and one.soak), longest)
        if mine is not None:
            found.setdefault(mine.name, []).append(address)
    return found


def phase_from(document: Mapping[str, object]) -> Phase:
    """As `Phase.to_json` wrote it; TypeError where it is none."""
    match document:
        case {"name": str(name), "stores": [*stores], "may_fail": str(may_fail), "soak": int(soak)}:
            return Phase(name, tuple(map(str, stores)), may_fail=may_fail, soak=soak)
    raise TypeError("this is no phase of a rollout")


def rollout_words(phases: Sequence[Phase], stores: Iterable[str]) -> str:
    """Which of the stores that a plan touches are written first: `canary (amz-at), then 11 stores`. Empty
    where it makes no difference."""
    left = {*stores}
    found = []
    for phase in phases:
        if mine := sorted(left & {*phase.stores}):
            soak = f", {phase.soak} s" if phase.soak else ""
            found.append(f"{phase.name} ({', '.join(mine[:5])}{', …' * (len(mine) > 5)}{soak})")
            left -= {*mine}
    if not found or (len(found) == 1 and not left):
        return ""
    return ", then ".join([*found, f"{len(left):,} store{'s' * (len(left) != 1)}"] if left else found)
