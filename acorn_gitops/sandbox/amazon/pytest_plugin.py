"""The emulator as a fixture, for whoever tests a program that talks to Amazon: `def test_it(sp_api): …`.

    def test_a_price_arrives(sp_api):
        sp_api.world.enroll(seller("eu"))            # acorn_gitops.sandbox.amazon.serving
        my_program(endpoint=sp_api.url, token_url=sp_api.login)
        assert …

Each test has an emulator of its own, with a clock that moves only when somebody waits (`sp_api.clock.wait`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from acorn_gitops.sandbox.amazon.serving import Emulated, Switch


@pytest.fixture(scope="session")
def sp_api_server() -> Iterator[tuple[str, Switch]]:
    """A server for all tests of this process: its address, and where emulators are put."""
    from acorn_gitops.sandbox.amazon.serving import Switch, served

    switch = Switch()
    with served(switch) as url:
        yield url, switch


@pytest.fixture
def sp_api(sp_api_server: tuple[str, Switch]) -> Emulated:
    """A fresh emulator of Amazon's Selling Partner API, without accounts."""
    from acorn_gitops.sandbox.amazon.clock import VirtualClock
    from acorn_gitops.sandbox.amazon.serving import Emulated

    return Emulated(*sp_api_server, VirtualClock(datetime(2026, 1, 1, tzinfo=UTC)))
