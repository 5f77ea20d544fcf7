"""Rows of the ledger that are forgotten on purpose: what they stand for stays as it is, and becomes
unmanaged. Comes in: a workspace, addresses, stores that are gone for good. Goes out: how many were forgotten.
Callers: `Workspace.forget`, cli `state rm`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from acorn_gitops.apply.generation import check_not_behind, generations
from acorn_gitops.ledger.lock import held
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.ledger.records import Settled
from acorn_gitops.marketplaces.protocol import Scope
from acorn_gitops.model.finding import AcornError, MarketplaceError, Shut, Unreachable
from acorn_gitops.model.resource import Address
from acorn_gitops.reconcile.authority import refuse_recording
from acorn_gitops.reconcile.moved_ledger import move
from acorn_gitops.reconcile.states import CLOSED, States, Wishes, gather, left_behind
from acorn_gitops.reconcile.workspace import Workspace


def forget(workspace: Workspace, addresses: Sequence[str], closed: Collection[str] = ()) -> int:
    """Forget rows by address, and all of the stores that are `closed`. Answers how many. AcornError where one
    is not known, where a closed store is declared or answers, or where the stores cannot be told (then
    nothing was forgotten)."""
    workspace.refuse_untrusted("state rm")
    with workspace.busy("state rm"):
        with workspace.ledger() as ledger:
            known = _known(ledger)
            path = Path(ledger.where)
        _refuse_unknown(known, addresses, closed)
        with held(path, {"who": workspace.actor(), "since": workspace.stamp(), "plan": "state rm"}, 0):
            state = gather(workspace, workspace.load(), Wishes(), write=True)
            _refuse_open(state, closed)
            going = {known[a] for a in addresses} | {a for a in known.values() if a.store in closed}
            _forget(workspace, state, going, closed=closed)
            return len(going)


def _known(ledger: Ledger) -> dict[str, Address]:
    """By its text, every address of which the ledger has a row, or that may still come."""
    known = {str(address): address for address, _ in ledger.resources()}
    return known | {str(intent.address): intent.address for intent in ledger.sendings()}


def _refuse_unknown(known: dict[str, Address], addresses: Iterable[str], closed: Iterable[str]) -> None:
    stores = {address.store for address in known.values()}
    missing = [a for a in addresses if a not in known] + [s for s in closed if s not in stores]
    if missing:
        raise AcornError(
            f"the ledger does not know {', '.join(missing)}", hint="`acorn state list` shows what it knows"
        )


def _forget(workspace: Workspace, state: States, going: set[Address], closed: Collection[str]) -> None:
    """Under the lock: ask whether it may be, let the stores know, and write it down."""
    ledger = state.ledger
    rows = [Settled(address, "forget", "", outcome="observed", attributes=None) for address in sorted(going)]
    refuse_recording(workspace, state, rows)
    stores = {a.store for a in going} - {*closed}
    # Whoever has an older copy must not delete what is given away here: the stores remember that something
    # changed.
    fenced, failed = generations(stores, state.marketplaces, state.connections_of(stores), owner=state.owner)
    failed |= {
        store: "it does not say what it remembered of the last apply"
        for store in stores - fenced.keys()
        if ledger.generation(store)
    }
    if failed:
        raise AcornError(
            f"{', '.join(sorted(failed))} cannot be told of it: {next(iter(failed.values()))}; nothing was forgotten",
            hint=f"run again when the marketplace answers; {CLOSED}",
        )
    check_not_behind(fenced, ledger)
    ledger.backup()
    move(
        workspace,
        state,
        fenced,
        looked_at=(),
        record=lambda said: ledger.record(rows, workspace.stamp(), workspace.actor(), "", "state.rm", said),
        forgetting=going,
    )


def _refuse_open(state: States, closed: Collection[str]) -> None:
    """AcornError where a store that is said to be closed is declared, or answers: then its resources can be
    deleted, or told."""

    for store in closed:
        if store in state.connections:
            raise AcornError(
                f"{store} is declared; nothing was forgotten", hint="take it out of the specs first"
            )
        connection = left_behind(store, state)
        if not connection:
            continue
        try:
            state.marketplaces[connection].read(Scope(store))
        except MarketplaceError as error:
            if isinstance(error, Unreachable) and not error.alive:
                continue
            if isinstance(error, Shut) and (error.gone or _shows_another(state, connection, store)):
                continue
            raise AcornError(
                f"{store} is not gone: {error.message}; nothing was forgotten",
                hint="mend the connection; `--closed` is for a store that nobody answers for any more, or that is refused (403, 410)"
                " where another one of the same connection is shown. A connection that is of no use any more is taken out of"
                " acorn.yaml first",
            ) from None
        raise AcornError(
            f"{store} answers at {connection}; nothing was forgotten",
            hint="`acorn apply` deletes what left the specs there; `acorn state rm ADDRESS` leaves it",
        )


def _shows_another(state: States, connection: str, store: str) -> bool:
    """Whether a connection still shows a store: then its token is not what is wrong with another one."""

    others = (name for name, where in state.connections.items() if where == connection and name != store)
    for other in others:
        try:
            return state.marketplaces[connection].read(Scope(other)).exists
        except MarketplaceError:
            continue
    return False
