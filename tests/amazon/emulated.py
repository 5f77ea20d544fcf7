"""A European seller on the emulator, and the adapter to it. Callers: the tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from acorn_gitops.marketplaces.amazon import open_marketplace
from acorn_gitops.marketplaces.amazon.adapter import AmazonAccount
from acorn_gitops.marketplaces.protocol import Settings
from acorn_gitops.sandbox.amazon import serving
from acorn_gitops.sandbox.amazon.clock import VirtualClock, WallClock

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
EUROPE = {
    "sellerId": SELLER,
    "region": "eu",
    "refreshToken": SECRETS["refreshToken"],
    "marketplaces": [DE, FR, UK],
}


class Emulated(serving.Emulated):
    """An emulator with one European seller."""

    def __init__(
        self, url: str, switch: serving.Switch, clock: VirtualClock | WallClock | None = None
    ) -> None:
        self.time = clock or VirtualClock(BEGIN)
        super().__init__(url, switch, self.time)
        self.account = self.world.enroll(EUROPE)

    def wait(self, seconds: float) -> None:
        """They pass, on a clock that moves only so."""
        assert isinstance(self.time, VirtualClock)
        self.time.wait(seconds)

    @property
    def spent(self) -> float:
        """Seconds that somebody has waited."""
        return self.time.seconds()

    def adapter(
        self,
        stores: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        hurry: bool = False,
        **more: object,
    ) -> AmazonAccount:
        """An adapter that waits on the emulator's clock, or (`hurry`) not at all. `more`: options of the
        connection."""
        options = {"login": self.login, "sellerId": SELLER, **more}
        settings = Settings("amazon-eu", "amazon", self.url, json.dumps(SECRETS), options)
        adapter = open_marketplace(
            settings, pause=(lambda _: None) if hurry else self.wait, clock=self.time.seconds
        )
        adapter.know(stores or {})
        return adapter
