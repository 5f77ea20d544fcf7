"""Stock is divided at once, by SKU; and a store that is given none is off sale."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.reconcile.applying import ApplyRequest
from tests.repository import Repository, document, storefront
from tests.test_rollout import SOAKING, STORES, Team

REST = [one for one in STORES if one != "amz-it"]


def kettle(
    stores: list[str], least: dict[str, int], codes: bool, asleep: str = "", **more: Any
) -> dict[str, Any]:
    """A kettle of which so many pieces are promised to stores at least."""
    listings: list[dict[str, Any]] = [
        {
            "store": s,
            "price": {"currency": "EUR", "value": "49.99"},
            "status": "inactive" if s == asleep else "active",
            **({"sellerSku": f"KTL-{s.upper()}"} if codes else {}),
            **more.get(s.replace("-", "_"), {}),
        }
        for s in stores
    ]
    spec = {
        "sku": "KTL-17-BLK",
        "listings": listings,
        "inventory": {
            "pool": "eu",
            "allocation": {"mode": "weighted", "weights": dict.fromkeys(stores, 1), "min": least},
        },
    }
    return document("SkuMapping", "ktl", spec)


@pytest.mark.parametrize("how", ["one code", "a code for each store", "put on sale", "renamed"])
def test_a_new_share_waits_for_the_new_division(tmp_path: Path, how: str) -> None:
    """Ten pieces of amz-de become ten of the canary: no moment promises twenty."""
    team = Team(tmp_path)
    codes = how in ("a code for each store", "renamed")
    asleep = how in ("put on sale", "renamed")
    old = {"amz-de": 10, **({"amz-it": 10} if how == "put on sale" else {})}
    there = list(STORES) if asleep else REST
    team.made.write(
        *map(storefront, STORES), kettle(there, old, codes, "amz-it" if how == "put on sale" else "")
    )
    team.made.apply()
    team.phases(SOAKING)
    new = {"amz-it": 10}
    more = {"amz_it": {"sellerSku": "NEW", "movedFrom": "KTL-AMZ-IT"}} if how == "renamed" else {}
    team.made.write(*map(storefront, STORES), kettle(list(STORES), new, codes, **more))
    seen: list[dict[str, int]] = []

    def promised() -> dict[str, int]:
        return {
            a.split("/")[0]: v["allocation"].get("min") or 0
            for a, v in team.made.live().items()
            if "/listing/" in a and v.get("status") != "inactive"
        }

    team.meanwhile = lambda: seen.append(promised())
    plan = team.made.run("plan")
    if "ACN-049" in plan.out:
        return  # refused: nothing of it would be tried
    done = team.workspace(dict(os.environ)).apply(ApplyRequest(wait=0))
    print(plan.out, seen, done.complete)
    assert all(sum(one.values()) <= 10 for one in seen), seen[:1]


def kettles(allocation: dict[str, Any]) -> list[dict[str, Any]]:
    made = []
    for n in range(6):
        listings = [
            {"store": "amz-de", "price": {"currency": "EUR", "value": "49.99"}, "status": "active"},
            {"store": "amz-fr", "price": {"currency": "EUR", "value": "49.99"}, "status": "active"},
        ]
        body = {
            "sku": f"KTL-{n}",
            "listings": listings,
            "inventory": {"pool": "eu", "allocation": allocation},
        }
        made.append(document("SkuMapping", f"ktl-{n}", body))
    return made


def test_without_weights_all_weigh_the_same(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront(), storefront("amz-fr"), *kettles({"mode": "shared"}))
    made.apply()
    made.write(storefront(), storefront("amz-fr"), *kettles({"mode": "weighted"}))
    found = made.run("plan")
    print(found.out)
    assert "off sale" not in " ".join(found.out.split())


def test_a_store_that_weighs_nothing_any_more_is_off_sale(tmp_path: Path) -> None:
    """All weigh the same; then only amz-fr is named: amz-de is given nothing any more."""
    made = Repository(tmp_path / "r", storefront(), storefront("amz-fr"), *kettles({"mode": "weighted"}))
    made.apply()
    settings = made.path / "acorn.yaml"
    settings.write_text(settings.read_text() + "  policies: {budgets: {sale: {offSale: {count: 0}}}}\n")
    made.write(storefront(), storefront("amz-fr"), *kettles({"mode": "weighted", "weights": {"amz-fr": 1}}))
    found = made.run("apply", "--auto-approve")
    print(found.out, found.err)
    assert found.code == 5
    assert "off sale" in " ".join((found.out + found.err).split())
