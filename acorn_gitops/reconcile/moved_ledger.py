"""Moves a ledger without any write to a store. Comes in: the states of an environment, what to record. Goes
out: a ledger, and stores that know of it. Callers: `state rm`, `state rebuild`, `import`.

Whoever has an older copy must not act on it: so the stores remember that something changed, before it
changes. Whoever dies in between is recognised by the entry with which it began. That entry names what will be
forgotten: whoever reads it forgets the same, so that nobody deletes what was given away while the end of it
is on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Final

from acorn_gitops.apply.generation import Fenced, begin, finish, generations, is_behind
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.ledger.records import Settled
from acorn_gitops.model.finding import AcornError, Stale
from acorn_gitops.model.resource import Address
from acorn_gitops.reconcile.states import States, about, heard_of
from acorn_gitops.reconcile.workspace import Workspace


def move(
    workspace: Workspace,
    state: States,
    fenced: Fenced,
    looked_at: Collection[str],
    record: Callable[[Mapping[str, object]], str],
    forgetting: Collection[Address] = (),
    *,
    anew: bool = False,
) -> None:
    """Begin a generation in these stores, record, and let the stores remember the end. `record` is given what
    entries say of the ledger (`Ledger.record`, `about`) and answers the hash of its entry; `forgetting` is
    what it takes out of the ledger, `anew` that it says everything again. Superseded where somebody applied
    since `fenced` was asked; then nothing is recorded."""
    _end_unheard(workspace, state, forgetting, anew=anew)
    said = about(state, fenced, looked_at)
    opening = {**said, "publishes": publishes(workspace), "forgetting": [str(one) for one in forgetting]}
    head = state.ledger.open_up("state.begin", workspace.stamp(), workspace.actor(), opening)
    try:
        publish(workspace, state.ledger)
        begun, _ = begin(fenced, state.owner, head)
    except AcornError:
        # Nothing is forgotten, here or elsewhere.
        ended = {"opening": head, "publishes": publishes(workspace)}
        state.ledger.open_up("state.end", workspace.stamp(), workspace.actor(), ended)
        with suppress(AcornError):
            publish(workspace, state.ledger)
        raise
    end = record({**said, "opening": head})
    try:
        publish(workspace, state.ledger)
    except AcornError as error:
        raise AcornError(
            f"it is recorded here and nowhere else yet: {error.message}",
            hint="`acorn state push` sends it, before anybody applies",
        ) from None
    finish(begun, state.owner, end)


def _end_unheard(workspace: Workspace, state: States, forgetting: Collection[Address], *, anew: bool) -> None:
    """End what was begun and no store has heard of, so that no later generation vouches for it. Stale where
    this is not about it: a person must say first what it was."""
    unheard = heard_of(state)[1]
    others = {one: found for one, found in unheard.items() if not found <= {*forgetting}}
    if others and not anew:
        raise Stale(f"{unheard_words(others)}; nothing was recorded", hint=UNHEARD)
    for opening in unheard:
        state.ledger.open_up("state.end", workspace.stamp(), workspace.actor(), {"opening": opening})


def forget_the_rest(workspace: Workspace, state: States) -> None:
    """Take out of the ledger what somebody began to forget elsewhere and did not come to record. Stale where
    no store has heard of that: whoever began it died before, or somebody wrote it into the ledger by hand; a
    person says which."""
    heard, unheard = heard_of(state)
    if unheard:
        raise Stale(f"{unheard_words(unheard)}; nothing was written", hint=UNHEARD)
    for opening, addresses in heard.items():
        stores = {address.store for address in addresses}
        where = state.connections_of(stores)
        fenced, silent = generations(stores, state.marketplaces, where, owner=state.owner)
        if silent:
            continue  # a store that cannot be told now is told by the next run
        mine = {store: one for store, one in fenced.items() if not is_behind(state.ledger, store, one[1])}
        begun, _ = begin(mine, state.owner, opening, alone=True)
        if fenced.keys() - begun.keys():
            continue  # somebody who knows more has it in hand
        rows = [
            Settled(address, "forget", "", outcome="observed", attributes=None)
            for address in sorted(addresses)
        ]
        said = {"owner": state.owner, "opening": opening}
        state.ledger.record(rows, workspace.stamp(), workspace.actor(), "", "state.rm", said)


UNHEARD: Final = "run that `acorn state rm` again; or, where nobody began it, `acorn state rebuild`"


def unheard_words(unheard: Mapping[str, Collection[Address]]) -> str:
    """What was begun to be forgotten, of which no store has heard."""
    names = sorted(str(one) for addresses in unheard.values() for one in addresses)
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return (
        f"somebody began to take {', '.join(names[:3])}{more} out of the ledger, and no store has heard of it"
    )


def publishes(workspace: Workspace) -> bool:
    """Whether ledgers are kept on a branch, so that this one is there before any store remembers it."""
    return _branch(workspace) != ""


def publish(workspace: Workspace, ledger: Ledger) -> None:
    """Where ledgers are kept on a branch, this one goes there."""
    from acorn_gitops.reconcile.ledger_branch import REMOTE, send

    if branch := _branch(workspace):
        send(workspace, ledger, REMOTE, branch=branch)


def _branch(workspace: Workspace) -> str:
    from acorn_gitops.reconcile.ledger_branch import NONE

    branch = workspace.environ.get("ACORN_LEDGER_BRANCH", "")
    return "" if branch == NONE else branch
