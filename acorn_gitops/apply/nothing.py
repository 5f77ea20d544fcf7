"""A plan that changes nothing is applied all the same. Comes in: a plan without changes, marketplaces, a
ledger. Goes out: a ledger that knows which commit the stores match, and stores in which nothing comes any
more of a run that is under way. Caller: cli `apply`.

Whoever applies an older commit afterwards undoes it, although no write says so; and a slow run that has begun
before may still have a batch to send to a store that matches by now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import orjson

from acorn_gitops.apply.carry_out import AGAIN
from acorn_gitops.apply.edges import Edges
from acorn_gitops.apply.generation import begin, finish, generations, is_behind
from acorn_gitops.apply.left_open import landed
from acorn_gitops.apply.permit import Permit
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.ledger.records import Intent
from acorn_gitops.marketplaces.protocol import Marketplace, Scope, is_begun
from acorn_gitops.model.finding import MarketplaceError, Stale
from acorn_gitops.model.resource import Address, Desired
from acorn_gitops.plan.document import Plan


class Quiet(NamedTuple):
    """An apply without writes: stores in which an earlier run was ended, and those in which it could not be,
    with the reason."""

    ended: list[str]
    untold: Mapping[str, str]


def is_news(plan: Plan, ledger: Ledger, *, guards: Mapping[str, object], part: bool) -> bool:
    """Whether that the stores match this commit is to be remembered: it is another one than the last, or
    other settings guard it, and all of it was looked at (not a `part`); or something of an earlier run may
    still come."""
    other = bool(plan.commit) and ledger.last_commit()[0] != plan.revision
    last = ledger.last_guards()
    guarded = bool(last) and last != orjson.loads(orjson.dumps(guards))
    return (not part and (other or guarded)) or bool(ledger.open_intents())


def apply_nothing(
    plan: Plan,
    permit: Permit,
    marketplaces: Mapping[str, Marketplace],
    ledger: Ledger,
    edges: Edges,
    declared: Callable[[Address], Desired | None],
) -> Quiet:
    """Write down that the commit was applied, and begin a generation in every store of the plan; where only a
    part was planned, in those in which something is open. The ledger is where others find it before a store
    remembers it. Stale where an earlier run has written since the plan was made."""
    permit.check(plan)
    owner = f"{plan.project}/{plan.environment}"
    connections = {s.store: s.connection for s in plan.stores if not s.error}
    intents = ledger.open_intents()
    waiting = {intent.address.store for intent in intents}
    stores = waiting & connections.keys() if edges.part else connections.keys()
    asked, silent = generations(stores, marketplaces, connections, owner=owner)
    fenced = {store: one for store, one in asked.items() if not is_behind(ledger, store, one[1])}
    said = {
        "plan": plan.id,
        "environment": plan.environment,
        "owner": owner,
        "publishes": edges.publish is not None,
        "generations": {store: now.number for store, (_, now) in fenced.items()},
    }
    if edges.by_hand:
        said["by_hand"] = {**edges.by_hand}
    if not edges.part:
        said |= {
            "commit": plan.revision,
            "committed": edges.committed,
            "exact": edges.exact,
            "guards": {**edges.guards},
        }
    head = ledger.open_up("apply.begin", edges.now(), edges.actor, said)
    if edges.publish is not None:
        edges.publish()
    begun, refused = begin(fenced, owner, head, alone=True)
    late = [
        why
        for store in sorted(waiting & begun.keys())
        if (
            why := _late(
                store,
                intents,
                marketplaces[connections[store]],
                ledger=ledger,
                declared=declared,
                owner=owner,
                now=edges.now(),
            )
        )
    ]
    numbers = {store: now.number for store, (_, now) in begun.items()}
    ended = {**said, "status": "partial" if late else "complete", "counts": {}, "generations": numbers}
    end = ledger.open_up("apply.end", edges.now(), edges.actor, ended)
    if edges.publish is not None:
        edges.publish()
    finish(begun, owner, end)
    if late:
        raise Stale(f"{'; '.join(late)}; nothing was written", hint=AGAIN)
    untold = {store: why for store, why in {**silent, **refused}.items() if store in waiting}
    return Quiet(sorted(waiting & begun.keys()), untold)


def _late(
    store: str,
    intents: Sequence[Intent],
    marketplace: Marketplace,
    ledger: Ledger,
    declared: Callable[[Address], Desired | None],
    owner: str,
    now: str,
) -> str:
    def ours(address: Address) -> bool:
        return declared(address) is not None or (address.type, address.key) in ledger.applied(address.store)

    try:
        return landed(
            intents,
            marketplace.read(Scope(store, owner=owner)),
            now,
            recorded=ledger.recorded,
            known=(),
            ours=ours,
            owner=owner,
            begun=partial(is_begun, marketplace),
        )
    except MarketplaceError as error:
        return f"{store} could not be looked at again: {error.message}"
