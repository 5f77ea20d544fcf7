"""A plan that changes nothing is applied all the same. Comes in: a plan without changes, marketplaces, a ledger. Goes out: a ledger
that knows which commit the stores match, and stores in which nothing comes any more of a run that is under way. Caller: cli
`apply`.

Whoever applies an older commit afterwards undoes it, although no write says so; and a slow run that has begun before may
still have a batch to send to a store that matches by now.
"""

from __future__ import annotations

from collections.abc import Mapping

from acorn_gitops.apply.carry_out import Edges
from acorn_gitops.apply.generation import begin, finish, unanswered
from acorn_gitops.ledger.ledger import Ledger
from acorn_gitops.marketplaces.protocol import Marketplace
from acorn_gitops.plan.document import Plan


def is_news(plan: Plan, ledger: Ledger) -> bool:
    """Whether that the stores match this commit is to be remembered: it is another one than the last, and all of it was looked
    at; or something of an earlier run may still come."""
    other = bool(plan.commit) and not plan.selected and ledger.last_commit()[0] != plan.revision
    return other or bool(ledger.open_intents())


def apply_nothing(
    plan: Plan, marketplaces: Mapping[str, Marketplace], ledger: Ledger, edges: Edges
) -> list[str]:
    """Write down that the commit was applied, and begin a generation in every store in which something is open; answers these
    stores. The ledger is where others find it before a store remembers it."""
    owner = f"{plan.project}/{plan.environment}"
    connections = {s.store: s.connection for s in plan.stores}
    waiting = unanswered(ledger, marketplaces, connections, owner)
    said = {
        "plan": plan.id,
        "environment": plan.environment,
        "owner": owner,
        "publishes": edges.publish is not None,
        "generations": {store: now.number for store, (_, now) in waiting.items()},
    }
    if not plan.selected:
        said |= {"commit": plan.revision, "committed": edges.committed, "guards": {**edges.guards}}
    head = ledger.open_up("apply.begin", edges.now(), edges.actor, said)
    if edges.publish is not None:
        edges.publish()
    begun, _ = begin(waiting, owner, head, alone=True)
    numbers = {store: now.number for store, (_, now) in begun.items()}
    ended = {**said, "status": "complete", "counts": {}, "generations": numbers}
    end = ledger.open_up("apply.end", edges.now(), edges.actor, ended)
    if edges.publish is not None:
        edges.publish()
    finish(begun, owner, end)
    return sorted(begun)
