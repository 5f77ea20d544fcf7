"""Fixtures of the tests about Amazon."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from acorn_gitops.sandbox.amazon.app import Emulator, Response
from acorn_gitops.sandbox.amazon.clock import WallClock
from acorn_gitops.sandbox.amazon.serving import Switch
from tests.amazon import models
from tests.amazon.emulated import SECRETS, Emulated
from tests.amazon.test_flow import Seller


@pytest.fixture
def amazon(sp_api_server: tuple[str, Switch]) -> Emulated:
    """A fresh emulator with one European seller."""
    return Emulated(*sp_api_server)


@pytest.fixture
def by_the_wall_clock(sp_api_server: tuple[str, Switch], monkeypatch: pytest.MonkeyPatch) -> Emulated:
    """The same on the clock of the wall, in no haste, with its secrets in the environment."""
    monkeypatch.setenv("AMAZON_EU", json.dumps(SECRETS))
    found = Emulated(*sp_api_server, WallClock())
    found.world.habits.throttled = False
    return found


@pytest.fixture(autouse=True)
def _as_the_models_say(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever the emulator answers in a test is what Amazon's models say, where these are at hand."""
    if not models.are_there() or request.node.get_closest_marker("planted"):
        yield
        return
    honest = Emulator.handle
    found: dict[str, None] = {}

    def handle(
        self: Emulator, method: str, path: str, query: str, *, headers: Mapping[str, str], body: bytes
    ) -> tuple[Response, str]:
        answer = honest(self, method, path, query, headers=headers, body=body)
        status, said, content = answer[0]
        if said.get("content-type") == "application/json":
            found.update(dict.fromkeys(models.differences(method, path, status, said, content)))
        return answer

    monkeypatch.setattr(Emulator, "handle", handle)
    yield
    assert not found, "\n".join(found)


@pytest.fixture
def selling(tmp_path: Path, by_the_wall_clock: Emulated) -> Seller:
    """A storefront, a shop and two SKUs, in no haste."""
    return Seller(tmp_path / "r", by_the_wall_clock)
