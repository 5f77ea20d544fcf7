"""What the canary was given has to stand its time before other stores are given it, also where these could not be written in the
first run: a store that was away, a listing that had to be adopted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acorn_gitops.model.resource import Address
from acorn_gitops.reconcile.applying import ApplyRequest
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.repository import storefront
from tests.test_rollout import SOAKING, STORES, Team, everywhere

REST = [one for one in STORES if one != "amz-it"]


def test_stores_that_were_away_wait_for_the_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team(tmp_path, SOAKING)
    file = tmp_path / "acorn.yaml"
    file.write_text(file.read_text() + "    onUnreadable: skip\n")
    from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
    from acorn_gitops.model.finding import MarketplaceError

    honest = NetworkMarketplace.read
    away = [*REST]

    def read(self, scope):  # type: ignore[no-untyped-def]
        if scope.store in away:
            raise MarketplaceError(f"{scope.store} is away")
        return honest(self, scope)

    monkeypatch.setattr(NetworkMarketplace, "read", read)
    first = team.workspace(dict(os.environ)).apply(ApplyRequest(wait=0))
    assert not first.complete
    assert team.prices() == {**dict.fromkeys(REST, "49.99"), "amz-it": "47.50"}
    away.clear()
    seen: list[dict[str, str]] = []
    team.meanwhile = lambda: seen.append(team.prices())
    second = team.workspace(dict(os.environ)).apply(ApplyRequest(wait=0))
    assert second.complete
    assert sum(team.paused) >= 600, team.prices()


def test_listings_that_had_to_be_adopted_wait_for_the_canary(tmp_path: Path) -> None:
    """Somebody else has made them in all stores but the canary."""
    team = Team(tmp_path, SOAKING)
    more = {**everywhere("30.00"), "metadata": {"name": "more"}}
    more["spec"] = {**more["spec"], "sku": "NEW-1"}
    database = Database(tmp_path / ".acorn" / "sandbox.db")
    for store in REST:
        there = {"sku": "NEW-1", "status": "active", "price": {"currency": "EUR", "value": "99.00"}}
        disturb.insert(database, Address(store, "listing", "NEW-1"), there)
    database.close()
    team.made.write(*map(storefront, STORES), everywhere("49.99"), more)
    first = team.workspace(dict(os.environ)).apply(ApplyRequest(wait=0))
    assert not first.complete
    second = team.workspace(dict(os.environ)).apply(ApplyRequest(wait=0, adopt=True))
    assert second.complete
    live = team.made.live()
    assert {live[f"{store}/listing/NEW-1"]["price"]["value"] for store in STORES} == {"30.00"}
    assert sum(team.paused) >= 600
