"""What a ledger is told, and what it tells: values. Comes in: nothing. Goes out: records. Callers: apply,
reconcile, every backend."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.plan.change import Step

PlanStatus = Literal["running", "partial", "complete"]
INTENDED: Final = "apply.intend"
"""The event that vouches for intents, by the span of their ids."""
BROKEN: Final = "lock.broken"
"""The event that says that somebody broke the lock of a run, and why."""
ENDED: Final = "apply.ended"
"""The event that says which intents of a plan have ended, by address and operation."""


class Intent(NamedTuple):
    """A write that is about to be sent, or whose end is not recorded. It holds all that its ledger row needs,
    so that whoever finds the write done can record it as the interrupted run would have."""

    plan: str
    address: Address
    action: str
    operation: str
    key: str
    attributes: Attributes | None
    """As sent: for an update the changed ones only. None for a deletion."""
    declared: Attributes | None
    """What then holds, as declared; None when the resource is gone."""
    origin: str
    remote_id: str
    """Of what was there before: a resource with another id is another resource."""
    protected: bool
    at: str
    commit: str = ""
    open: bool = True
    """False: the run ended knowing that it does not know."""
    id: int = 0
    """Its number in the ledger; 0 before it is written down."""
    accepted: bool = False
    """The marketplace said that it took it."""

    @property
    def step(self) -> Step:
        """The step of its plan that it is for."""
        return Step(self.address, self.operation)


class Closed(NamedTuple):
    """What became of one intended write."""

    plan: str
    address: Address
    operation: str
    outcome: str
    message: str = ""
    after: int = 0
    """Only of intents written down after this one (`Ledger.last_intent`): what was sent before may still
    come."""
    last: int = 0
    """Only of intents up to this one; 0: all."""


class Entry(NamedTuple):
    """One line of history."""

    sequence: int
    at: str
    actor: str
    event: str
    body: dict[str, Any]
    hash: str


class Settled(NamedTuple):
    """What became of one change. `attributes`: the declared ones that now hold; None: it is gone."""

    address: Address
    action: str
    plan: str
    outcome: str
    attributes: Attributes | None
    origin: str = ""
    message: str = ""
    remote_id: str = ""
    adopted: bool = False
    """It was there before."""
    found: bool = False
    """Of what was there before: nobody said that it is taken over."""
    overwrote: Attributes | None = None
    """What buyers saw until this write where nobody had applied it: a price that somebody else had set."""
    protected: bool = False
    commit: str = ""
    """Where it is not the present one: of the run that an interruption ended."""
    former: str = ""
    """The key that it had until now, where it was renamed."""
