"""A plan in the pieces in which it is sent. Comes in: changes, and which of their steps are done. Goes out:
parts, the waves to which they belong, batches. Callers: `carry_out`, `run`, `journal`, `rollout`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.marketplaces.protocol import Outcome, Write
from acorn_gitops.model.resource import Address
from acorn_gitops.plan.change import Change, Step
from acorn_gitops.plan.document import Plan
from acorn_gitops.resources.registry import TYPES


class Part(NamedTuple):
    """The steps of one change that are sent together. A rename has two parts: its former is deleted at the
    end. So has a promotion that is made anew: its former is seen to be gone first, as two of them would take
    the discount off twice."""

    change: Change
    steps: tuple[Step, ...]


@dataclass(slots=True)
class Sent:
    """One batch on its way: what was sent for which changes, and what was answered."""

    parts: list[Part]
    writes: list[Write]
    answers: list[Outcome]


def done_steps(plan: Plan, ledger: Ledger) -> frozenset[Step]:
    """Steps of a plan that an earlier run of it has done."""
    return frozenset(step for step, outcome in ledger.plan_outcomes(plan.id).items() if outcome == "observed")


def parts_of(change: Change, left: tuple[Step, ...]) -> list[Part]:
    if change.moved_from is None and change.address.type != "promotion":
        return [Part(change, left)]
    return [Part(change, (step,)) for step in left]


def is_made_anew(change: Change) -> bool:
    """Whether a promotion takes the place of another one, or of itself with other fixed attributes."""
    return change.action == "replace" and change.address.type == "promotion"


def in_turn(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Parts of one store and one wave in rounds, each of which is seen before the next is sent: of a change
    in two parts the second one waits. In a round what ends a promotion goes first."""
    rounds: list[list[Part]] = []
    met: Counter[Address] = Counter()
    for part in sorted(parts, key=lambda p: (not _ends_promotion(p), p.change.address)):
        number = met[part.change.address]
        met[part.change.address] += 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(part)
    yield from rounds


def _ends_promotion(part: Part) -> bool:
    return part.change.address.type == "promotion" and part.steps[-1].operation == "delete"


def wave_of(part: Part) -> tuple[int, int]:
    change = part.change
    if (
        change.moved_from is not None
        and change.address.type != "promotion"
        and part.steps[-1].operation == "delete"
    ):
        return 1, -TYPES[change.address.type].wave
    return change.stage


def batches(parts: Sequence[Part], most: int) -> Iterator[list[Part]]:
    """Parts that are sent together: of at most so many writes, so that a marketplace takes or refuses them as
    one."""
    batch: list[Part] = []
    count = 0
    for part in parts:
        if count + len(part.steps) > most:
            yield batch
            batch, count = [], 0
        batch.append(part)
        count += len(part.steps)
    if batch:
        yield batch
