"""Fixtures of the tests about Amazon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.amazon.emulated import Emulated, Switch, fresh, served


@pytest.fixture(scope="session")
def front() -> Iterator[tuple[str, Switch]]:
    """A server for all tests of this process."""
    switch = Switch()
    with served(switch) as url:
        yield url, switch


@pytest.fixture
def amazon(front: tuple[str, Switch]) -> Emulated:
    """A fresh emulator with one European seller."""
    return fresh(*front)
