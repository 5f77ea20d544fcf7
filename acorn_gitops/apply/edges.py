"""The world outside a run, and what it leaves behind. Callers: whatever applies, whoever is told of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from acorn_gitops.apply.generation import Fenced
from acorn_gitops.marketplaces.protocol import Outcome
from acorn_gitops.model.resource import Attributes
from acorn_gitops.model.spans import Spans, untold
from acorn_gitops.plan.change import Change


@dataclass(slots=True)
class Edges:
    """The world outside, given in: who acts, what time it is, how to say what happens, whether to stop."""

    actor: str
    now: Callable[[], str]
    pause: Callable[[float], None]
    clock: Callable[[], float]
    """Seconds that go by, from anywhere."""
    progress: Callable[[int, int, str], None]
    """How many changes of how many are sent, and where."""
    stopping: Callable[[], bool]
    """Whether the whole run is to end."""
    stopped: Callable[[Collection[str]], Mapping[str, str]]
    """Of these stores, those to which nothing may be written any more, and why: somebody said so since it
    began. Whoever asks asks a remote."""
    nonce: Callable[[], str]
    """Text that was never used before: it keeps idempotency keys of two runs apart."""
    spans: Spans = untold
    """Is told which part of the run begins and ends."""
    wait_seconds: float = 10.0
    """How long an accepted write may take to be seen."""
    publish: Callable[[], None] | None = None
    """Puts the ledger where the next run finds it, before the first write; None where it is there already."""
    guards: Mapping[str, object] = field(default_factory=dict)
    """The settings of the project that guarded this run, for whoever compares the next with it."""
    by_hand: Mapping[str, Sequence[object]] = field(default_factory=dict)
    """By store, what people are to do there (type, key, attributes), where it is otherwise than before."""
    standing: Mapping[str, Mapping[str, Attributes]] = field(default_factory=dict)
    """By store, promotions that people have made there by hand and no reading shows."""
    committed: int = 0
    """When the commit was made that is applied, in seconds since 1970; 0: not known."""
    part: bool = False
    """Only a part of everything is carried out that would be planned now."""
    exact: bool = True
    """What is applied is what that commit says, to the byte."""


@dataclass(slots=True)
class Report:
    """What became of every change."""

    plan: str
    outcomes: list[tuple[Change, Outcome]] = field(default_factory=list)
    interrupted: bool = False
    unread: Mapping[str, str] = field(default_factory=dict)
    """Stores that were left out, and why they could not be read."""
    fenced: Fenced = field(default_factory=dict)
    """The generations in which it was, for `finish`."""
    end: str = ""
    """The hash of the entry with which it ended."""

    def counts(self) -> dict[str, int]:
        """How many of each status."""
        counts: dict[str, int] = {}
        for _, outcome in self.outcomes:
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        return counts

    @property
    def complete(self) -> bool:
        """Whether every change is done and seen."""
        seen = all(outcome.status == "observed" for _, outcome in self.outcomes)
        return seen and not self.interrupted and not self.unread
