"""Roles, grants and promotions that people make where a marketplace has no interface for them. Comes in:
what they are told to make. Goes out: changes for the rules, and what an apply accepts. Callers: `planning`,
`applying`.

acorn writes none of it, so that no write is judged: what people are told is judged in its place, attested
or not, until an apply has accepted it. From then on it is what is in force there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from acorn_gitops.model.finding import Finding
from acorn_gitops.model.resource import Attributes, digest
from acorn_gitops.plan.change import Change, StoreResult
from acorn_gitops.plan.document import Plan
from acorn_gitops.reconcile.states import States
from acorn_gitops.reconcile.workspace import Workspace

RIGHTS: Final = frozenset({"role", "grant"})
_JUDGED: Final = RIGHTS | {"promotion"}


def steps_that_are_judged(result: StoreResult) -> list[Change]:
    """What people make in a store and rules look at: before what is attested is taken out."""
    return [one for one in result.changes if one.action == "manual" and one.address.type in _JUDGED]


def as_judged(changes: Sequence[Change], state: States) -> list[Change]:
    """Changes as rules see them: what people are told, and no apply has accepted yet, is made or changed like
    anything else."""
    told = [one for steps in state.by_hand.values() for one in steps]
    others = [one for one in changes if one.action != "manual" or one.address.type not in _JUDGED]
    return [*others, *(new for one in told for new in _as_new(one, state))]


def accepted(
    workspace: Workspace, plan: Plan, state: States, *, gives: Collection[str]
) -> dict[str, list[object]]:
    """By store, what its people are told once this plan is applied (type, key, attributes), where that is
    otherwise than before. `gives`: in which stores whoever applies may give rights, or end them; elsewhere
    they stay as they were."""
    found: dict[str, list[object]] = {}
    for one in plan.stores:
        if one.error or one.store not in state.by_hand or not state.selection.whole_store(one.store):
            continue
        before = state.ledger.by_hand(one.store)
        now = {_key(step): _kept(step) for step in state.by_hand[one.store]}
        if _rights(now) != _rights(before) and one.store not in gives:
            workspace.warn([_not_accepted(workspace.actor(), one.store)])
            now = {**{key: said for key, said in now.items() if key[0] not in RIGHTS}, **_rights(before)}
        if now != before:
            found[one.store] = [[*key, said] for key, said in sorted(now.items())]
    return found


def _rights(said: Mapping[tuple[str, str], Attributes]) -> dict[tuple[str, str], Attributes]:
    return {key: one for key, one in said.items() if key[0] in RIGHTS}


def _not_accepted(who: str, store: str) -> Finding:
    return Finding(
        "ACN-024",
        "warning",
        f"{who} has no iam.apply in {store}, so that the roles that people make there by hand count for nobody yet",
        place=None,
        hint="let somebody apply it who may give rights there",
    )


def _as_new(step: Change, state: States) -> Iterator[Change]:
    before = state.ledger.by_hand(step.address.store).get(_key(step))
    if before == _kept(step):
        return
    if step.address.type == "promotion" or before is step.before is None:
        yield step._replace(action="create")
    else:
        yield step._replace(action="update", before=before or step.before)


def _key(step: Change) -> tuple[str, str]:
    return step.address.type, step.address.key


def _kept(step: Change) -> Attributes:
    """What the ledger keeps: a promotion may name every SKU, and nobody asks what it said."""
    after = step.after or {}
    return after if step.address.type in RIGHTS else {"digest": digest(after)}
