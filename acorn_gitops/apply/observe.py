"""Looks whether what was sent is there. Comes in: writes, what was answered, a marketplace. Goes out: the
same answers, believed only where the store shows it. Caller: `run`, after every wave of a store.

"Done" is what a marketplace says; it may be an old answer, repeated by whoever stands in between. "Seen" is
what a later reading shows. A write that is taken and not there yet is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from acorn_gitops.apply.staleness import check_not_empty
from acorn_gitops.marketplaces.protocol import Marketplace, Outcome, Scope, Snapshot, Write
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import Address, Live
from acorn_gitops.plan.compare import holds

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 5.0
Resources = Mapping[tuple[str, str], Live]


class Seen(NamedTuple):
    """What became of writes, and the store as it was last read; None where it could not be read."""

    outcomes: list[Outcome]
    snapshot: Snapshot | None


def observe(
    marketplace: Marketplace,
    writes: Sequence[Write],
    answers: Sequence[Outcome],
    before: Snapshot,
    *,
    pause: Callable[[float], None],
    clock: Callable[[], float],
    wait_seconds: float,
) -> Seen:
    """Read until everything that was taken is there, for `wait_seconds` at most: of `clock`, which counts
    seconds, so that slow readings count as well as pauses. `before`: the store as it was read last, before
    these writes."""
    outcomes = list(answers)
    latest: Snapshot | None = None
    waited, step, began = 0.0, FIRST_PAUSE, clock()
    deleted = {(w.address.type, w.address.key) for w in writes if w.operation == "delete"}
    while any(map(_unproven, outcomes)):
        try:
            latest = marketplace.read(Scope(before.store, base=latest or before))
            check_not_empty(latest, before.resources.keys() - deleted, ())
        except MarketplaceError as error:
            return Seen([_not_looked(outcome, error) for outcome in outcomes], None)
        made = {
            write.address
            for write in writes
            if write.operation == "create"
            and (have := latest.resources.get((write.address.type, write.address.key))) is not None
            and holds(write.attributes, have)
        }
        outcomes = [
            _judged(write, outcome, latest.resources, before=before.resources, made=made)
            if _unproven(outcome)
            else outcome
            for write, outcome in zip(writes, outcomes, strict=True)
        ]
        waited = max(waited, clock() - began)
        if waited >= wait_seconds or not any(o.status == "accepted" for o in outcomes):
            break
        pause(step)
        waited += step
        step = min(step * 2, LONGEST_PAUSE)
    return Seen(outcomes, latest)


def _unproven(outcome: Outcome) -> bool:
    """Whether a look decides."""
    return outcome.status in ("accepted", "unknown") or (
        outcome.status == "observed" and not outcome.read_back
    )


def _not_looked(outcome: Outcome, error: MarketplaceError) -> Outcome:
    if outcome.status != "observed" or outcome.read_back:
        return outcome
    return outcome._replace(status="accepted", message=f"it could not be read back: {error.message}")


def _judged(
    write: Write, answer: Outcome, live: Resources, before: Resources, made: Collection[Address]
) -> Outcome:
    key = (write.address.type, write.address.key)
    have = live.get(key)
    if write.operation == "delete":
        old = before.get(key)
        former = old.remote_id if old is not None else ""
        # Where nothing has an id, what was made in its place under the same key proves that it went.
        nameless = not former or have is None or not have.remote_id
        # After no answer, another id alone proves nothing: some servers give a new one at every reading.
        another = gone(have, former) and (answer.status != "unknown" or write.address in made)
        if have is None or another or (nameless and write.address in made):
            return Outcome(write.address, "observed", read_back=True)
    elif have is not None and holds(write.attributes, have):
        return Outcome(
            write.address, "observed", "", etag=have.etag, remote_id=have.remote_id, read_back=True
        )
    if answer.status == "observed":
        return answer._replace(
            status="accepted", message="the marketplace says it is done, and does not show it"
        )
    return answer


def gone(have: Live | None, remote_id: str) -> bool:
    """Whether a resource was deleted. One with another id under the same key is its successor."""
    return have is None or bool(remote_id and have.remote_id and have.remote_id != remote_id)
