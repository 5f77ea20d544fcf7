"""What goes first is tried there, whatever else a plan does and whoever could not follow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.model.resource import Address
from acorn_gitops.reconcile.applying import ApplyRequest
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.repository import sku, storefront
from tests.test_rollout import SOAKING, STORES, Team, everywhere

# -- a price of the canary is tried there, also where the stock of another store is divided anew in t


def kettle(price: str, **allocation: Any) -> dict[str, Any]:
    made = everywhere(price)
    made["spec"]["inventory"] = {"pool": "eu", "allocation": {"mode": "shared", **allocation}}
    return made


@pytest.mark.parametrize(
    "allocation",
    [{}, {"cap": {"amz-de": 5}}, {"min": {"amz-de": 1}}],
    ids=["price alone", "cap of another", "min of another"],
)
def test_a_price_is_tried_at_the_canary_whatever_else_is_divided(
    tmp_path: Path, allocation: dict[str, Any]
) -> None:
    team = Team(tmp_path)
    team.made.write(*map(storefront, STORES), kettle("49.99"))
    team.made.apply()
    team.phases(SOAKING)
    team.made.write(*map(storefront, STORES), kettle("47.50", **allocation))
    seen: list[set[str]] = []
    team.meanwhile = lambda: seen.append({s for s, price in team.prices().items() if price == "47.50"})
    plan = team.made.run("plan")
    if "ACN-049" in plan.out:
        return  # refused: nothing of it would be tried
    from acorn_gitops.reconcile.applying import ApplyRequest

    team.workspace(dict(os.environ)).apply(ApplyRequest(wait=0))
    assert sum(team.paused) >= 600, (plan.out, team.prices())
    assert seen[0] == {"amz-it"}


# -- what the canary was given has to stand its time before other stores are given it, also where the

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


# -- of a canary's changes so many may fail in all: what was not seen and what did not stay together

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
