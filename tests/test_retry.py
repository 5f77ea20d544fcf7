"""One retry policy for all adapters: bounded tries, waits that grow with jitter or are what the server asks for, one budget."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.confine.retry import FIRST, JITTER, Retry, Unanswered, asked_wait


def failing(times: int, wait: float | None = None) -> Callable[[], int]:
    """Answers after so many failures with the number of its tries."""
    tries = 0

    def once() -> int:
        nonlocal tries
        tries += 1
        if tries <= times:
            raise Unanswered(f"try {tries}", wait)
        return tries

    return once


@pytest.mark.parametrize("failures", range(5))
def test_it_is_tried_until_there_is_an_answer(failures: int) -> None:
    """At most as often as allowed, and waited between tries only."""
    waits: list[float] = []
    retry = Retry(budget=100, pause=waits.append, chance=lambda: 0.5)
    if failures < 4:
        assert retry.until_answered(failing(failures), tries=4, most=60) == failures + 1
    else:
        with pytest.raises(Unanswered, match="try 4"):
            retry.until_answered(failing(failures), tries=4, most=60)
    assert waits == [FIRST * 2**number * (1 + JITTER / 2) for number in range(min(failures, 3))]


def test_what_ends_it_is_not_repeated() -> None:
    """Only what says that it may be repeated is."""
    tries = []

    def once() -> None:
        tries.append(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Retry(budget=9, pause=None).until_answered(once, tries=5, most=1)
    assert len(tries) == 1


@given(
    st.lists(st.tuples(st.integers(0, 6), st.none() | st.floats(0, 1e6)), max_size=12),
    st.floats(0, 50),
    st.floats(0, 20),
    st.floats(0, 1),
)
def test_all_waiting_comes_out_of_one_budget(
    calls: list[tuple[int, float | None]], budget: float, most: float, chance: float
) -> None:
    """Whatever servers ask for: no wait is longer than allowed, and together they are within the budget."""
    waits: list[float] = []
    retry = Retry(budget=budget, pause=waits.append, chance=lambda: chance)
    for failures, wait in calls:
        try:
            retry.until_answered(failing(failures, wait), tries=4, most=most)
        except Unanswered:
            assert failures >= 4
    assert all(0 <= wait <= most for wait in waits)
    assert sum(waits) <= budget * (1 + 1e-9)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None), ("", None), ("x", None), ("nan", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("3", 3.0), ("0.5", 0.5), ("-5", 0.0), ("inf", float("inf")),
    ],
)  # fmt: skip
def test_what_a_server_asks_to_be_waited_for(said: str | None, seconds: float | None) -> None:
    """Seconds, or nothing that is understood; the policy bounds them."""
    assert asked_wait(said) == seconds
