"""A seller of two continents on an emulator behind HTTP, with a clock that moves only when somebody waits.
Callers: the tests of this folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn

from acorn_gitops.marketplaces.amazon import open_marketplace
from acorn_gitops.marketplaces.amazon.adapter import AmazonAccount
from acorn_gitops.marketplaces.protocol import Settings
from acorn_gitops.sandbox.amazon.app import Emulator
from acorn_gitops.sandbox.amazon.world import World

SELLER = "A1EXAMPLE23456"
DE, FR, UK, US, JP = (
    "A1PA6795UKMFR9",
    "A13V1IB3VIYZZH",
    "A1F83G8C2ARO7P",
    "ATVPDKIKX0DER",
    "A1VC38T7YXB528",
)
SECRETS = {"clientId": "client", "clientSecret": "secret-of-client", "refreshToken": "refresh-of-europe"}
BEGIN = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Clock:
    """Instants and seconds that move only when somebody waits."""

    def __init__(self) -> None:
        self.spent = 0.0

    def now(self) -> datetime:
        """The present instant."""
        return BEGIN + timedelta(seconds=self.spent)

    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self.spent

    def wait(self, seconds: float) -> None:
        """They pass."""
        self.spent += seconds


class RealClock(Clock):
    """Instants and seconds as they are, for whoever waits by himself."""

    def now(self) -> datetime:
        """The present instant."""
        return datetime.now(UTC)


class Emulated:
    """An emulator with one European seller, and the way to it."""

    def __init__(self, url: str, emulator: Emulator, clock: Clock) -> None:
        self.url, self.emulator, self.clock = url, emulator, clock
        self.world = emulator.world
        self.account = emulator.world.accounts[SELLER]

    def adapter(self, stores: Mapping[str, Mapping[str, Any]] | None = None) -> AmazonAccount:
        """An adapter that waits on the emulator's clock."""
        options = {"login": f"{self.url}/auth/o2/token", "sellerId": SELLER}
        settings = Settings("amazon-eu", "amazon", self.url, json.dumps(SECRETS), options)
        adapter = open_marketplace(settings, pause=self.clock.wait, clock=self.clock.seconds)
        adapter.know(stores or {})
        return adapter


class Switch:
    """An application in front of whichever emulator is the present one: a server begins once for many
    tests."""

    def __init__(self) -> None:
        self.emulator: Emulator | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.emulator is not None
        await self.emulator(scope, receive, send)


def fresh(url: str, switch: Switch, clock: Clock | None = None) -> Emulated:
    """A new emulator behind an address, with one European seller."""
    clock = clock or Clock()
    world = World(clock.now)
    world.enroll(
        {
            "sellerId": SELLER,
            "region": "eu",
            "refreshToken": SECRETS["refreshToken"],
            "marketplaces": [DE, FR, UK],
        }
    )
    switch.emulator = Emulator(world, clock.wait)
    return Emulated(url, switch.emulator, clock)


@contextmanager
def served(switch: Switch) -> Iterator[str]:
    """The address at which an application is served until the end of the block."""
    config = uvicorn.Config(switch, port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
