"""Of a canary's changes so many may fail in all: what was not seen and what did not stay together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from acorn_gitops.model.resource import Address
from acorn_gitops.reconcile.applying import ApplyRequest
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.repository import sku, storefront
from tests.test_rollout import STORES, Team

HALF = '{name: canary, stores: {names: [amz-it]}, soakSeconds: 600, mayFailPercent: "50"}'


def four(price: str) -> list[dict[str, Any]]:
    made = []
    for n in range(4):
        one = sku(f"S-{n}")
        one["spec"]["listings"] = [
            {"store": s, "price": {"currency": "EUR", "value": price}, "status": "active"} for s in STORES
        ]
        made.append(one)
    return made


def test_what_fails_at_first_and_what_fails_later_are_counted_together(tmp_path: Path) -> None:
    team = Team(tmp_path)
    team.made.write(*map(storefront, STORES), *four("49.99"))
    team.made.apply()
    team.phases(HALF)
    team.made.write(*map(storefront, STORES), *four("47.50"))
    team.fault("reject", "amz-it/listing/S-[01]")

    def back() -> None:
        database = Database(team.made.path / ".acorn" / "sandbox.db")
        disturb.set_attribute(
            database, Address("amz-it", "listing", "S-2"), "price", {"currency": "EUR", "value": "49.99"}
        )
        database.close()
        team.meanwhile = lambda: None

    team.meanwhile = back
    done = team.workspace(dict(os.environ)).apply(ApplyRequest(wait=0))
    live = team.made.live()
    # Three of four of the canary's changes are not there.
    assert [live[f"amz-it/listing/S-{n}"]["price"]["value"] for n in range(4)].count("47.50") == 1
    assert {live[f"amz-de/listing/S-{n}"]["price"]["value"] for n in range(4)} == {"49.99"}, done.outcomes
