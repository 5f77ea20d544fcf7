"""A price of the canary is tried there, also where the stock of another store is divided anew in the same plan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.repository import storefront
from tests.test_rollout import SOAKING, STORES, Team, everywhere


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
