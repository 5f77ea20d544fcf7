"""An emulator behind HTTP, in a thread of this process. Comes in: a world, a clock. Goes out: its address.
Callers: tests, the pytest plugin.

A server begins once and can be given one emulator after the other: beginning takes longer than most tests.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from acorn_gitops.marketplaces.asgi import Receive, Scope, Send
from acorn_gitops.model.reference import amazon_marketplaces
from acorn_gitops.sandbox.amazon.app import Emulator
from acorn_gitops.sandbox.amazon.clock import Clock
from acorn_gitops.sandbox.amazon.login import PATH
from acorn_gitops.sandbox.amazon.world import World

CLIENT: Final = {"clientId": "amzn1.application-oa2-client.emulated", "clientSecret": "emulated-secret"}


class Switch:
    """An application in front of whichever emulator is the present one."""

    def __init__(self) -> None:
        self.emulator: Emulator | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.emulator is not None, "no emulator was given yet"
        await self.emulator(scope, receive, send)


@contextmanager
def served(switch: Switch) -> Iterator[str]:
    """The address at which an application is served until the end of the block."""
    import uvicorn

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


def seller(region: str = "eu") -> dict[str, object]:
    """An account that sells in every marketplace of a region, as `World.enroll` takes it."""
    known = amazon_marketplaces().values()
    return {
        "sellerId": f"A1EMULATED{region.upper()}",
        "region": region,
        "refreshToken": f"emulated-refresh-token-{region}",
        "storeName": "Emulated store",
        "marketplaces": [row.marketplace_id for row in known if row.region == region],
    }


def credentials(account: Mapping[str, object]) -> dict[str, str]:
    """What a connection's secret holds for an account."""
    return {**CLIENT, "refreshToken": str(account["refreshToken"])}


class Emulated:
    """One emulator behind an address, and its time."""

    def __init__(self, url: str, switch: Switch, clock: Clock) -> None:
        self.url = url
        self.login = f"{url}{PATH}"
        """Where tokens are given out."""
        self.clock = clock
        self.world = World(clock.now)
        self.emulator = switch.emulator = Emulator(self.world, clock.advance)

    def hand(self, **said: object) -> None:
        """Somebody does something in Seller Central: `sku`, `marketplaceId`, `set` or `delete`."""
        self.emulator.control.answer("hand", said)
