"""The ledger made again from specs and live stores. Comes in: a workspace. Goes out: how much was recorded.
Callers: `Workspace.rebuild`, cli `state rebuild`.
"""

from __future__ import annotations

from typing import NamedTuple

from acorn_gitops.ledger.lock import held
from acorn_gitops.ledger.records import Settled
from acorn_gitops.model.finding import AcornError, Refused
from acorn_gitops.model.resource import Address
from acorn_gitops.reconcile.authority import refuse_recording
from acorn_gitops.reconcile.guards import renamed_in_all_but_name
from acorn_gitops.reconcile.moved_ledger import move
from acorn_gitops.reconcile.states import CLOSED, States, StoreView, Wishes, gather, views
from acorn_gitops.reconcile.workspace import Workspace


class Rebuilt(NamedTuple):
    """How many resources the ledger knows now, and how many it knew and no longer does."""

    recorded: int
    forgotten: int


def rebuild(workspace: Workspace) -> Rebuilt:
    """Make what is declared and there last applied, as it is live; what is not both is forgotten. AcornError
    where a store cannot be read, Refused where whoever acts may not have the rights recorded that are found:
    then the ledger is left as it was."""
    workspace.refuse_untrusted("state rebuild")
    with workspace.busy("state rebuild"):
        loaded, _ = workspace.checked()
        path = workspace.ledger_path(loaded.project)
        holder = {"who": workspace.actor(), "since": workspace.stamp(), "plan": "state rebuild"}
        with held(path, holder, 0):
            return _rebuild(workspace, gather(workspace, loaded, Wishes(), write=True))


def _rebuild(workspace: Workspace, state: States) -> Rebuilt:
    if renamed := [*renamed_in_all_but_name(state)]:
        raise Refused("a store has another name than the one under which it was applied", findings=renamed)
    rows: list[Settled] = []
    errors: list[str] = []
    for view in views(state, Wishes(anew=True)):
        if view.error:
            errors.append(f"{view.store}: {view.error}")
        else:
            rows += _rows(view, state.owner)
    if errors:
        raise AcornError(
            "some stores could not be read; the ledger was left as it was: " + "; ".join(errors),
            hint=f"run again when they answer; {CLOSED}",
        )
    there = {row.address for row in rows}
    gone = [a for a, _ in state.ledger.resources() if a not in there]
    rows += [Settled(address, "forget", "", outcome="observed", attributes=None) for address in gone]
    refuse_recording(workspace, state, rows)
    state.ledger.backup()
    move(
        workspace,
        state,
        state.read_at,
        looked_at=[*state.connections],
        record=lambda said: state.ledger.record(
            rows, workspace.stamp(), workspace.actor(), "", "state.rebuild", said, [*state.connections]
        ),
        anew=True,
    )
    return Rebuilt(len(there), len(gone))


def _rows(view: StoreView, owner: str) -> list[Settled]:
    """What a store holds of what is declared there, and does not belong to others."""
    rows: list[Settled] = []
    for key, want in view.desired.items():
        have = view.live.get(key)
        if have is None or (view.owners and have.owner not in ("", owner)):
            continue
        rows.append(
            Settled(
                Address(view.store, *key),
                "adopt",
                "",
                outcome="observed",
                attributes={
                    name: have.attributes[name] for name in want.attributes if name in have.attributes
                },
                origin=str(want.origin),
                message="",
                remote_id=have.remote_id,
                adopted=True,
            )
        )
    return rows
