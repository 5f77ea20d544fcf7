"""Moves a ledger without any write to a store. Comes in: an open situation, what to record. Goes out: a ledger, and stores that know
of it. Callers: `state rm`, `state rebuild`, `import`.

Whoever has an older copy must not act on it: so the stores remember that something changed, before it changes. Whoever dies in
between is recognised by the entry with which it began.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from acorn_gitops.apply.generation import Fenced, begin, finish
from acorn_gitops.cli.session import Session
from acorn_gitops.cli.situation import Situation, about
from acorn_gitops.model.finding import AcornError


def move(
    session: Session,
    state: Situation,
    fenced: Fenced,
    looked_at: Collection[str],
    record: Callable[[Mapping[str, Any]], str],
) -> None:
    """Begin a generation in these stores, record, and let the stores remember the end. `record` is given what entries say of the
    ledger (`Ledger.record`, `about`) and answers the hash of its entry. Superseded where somebody applied since `fenced` was asked;
    then nothing is recorded."""
    said = about(state, fenced, looked_at)
    begun: Fenced = {}
    if fenced:
        head = state.ledger.open_up("state.begin", session.stamp(), session.actor(), said)
        _publish(session, state)
        begun, _ = begin(fenced, state.owner, head)
    end = record(said)
    try:
        _publish(session, state)
    except AcornError as error:
        raise AcornError(
            f"it is recorded here and nowhere else yet: {error.message}",
            hint="`acorn state push` sends it, before anybody applies",
        ) from None
    finish(begun, state.owner, end)


def _publish(session: Session, state: Situation) -> None:
    """Where ledgers are kept on a branch, this one goes there before any store remembers it."""
    from acorn_gitops.cli.ledger_branch import NONE, REMOTE, send

    branch = session.environ.get("ACORN_LEDGER_BRANCH", "")
    if branch and branch != NONE:
        send(session, state.ledger, REMOTE, branch)
