"""A shop is emptied without a deletion, and without anything that says `inactive`: by a buffer of more pieces than anybody has,
or by weights that leave the store out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.repository import PROJECT, Repository, sku, storefront

BUFFER = {"pool": "eu", "buffer": {"units": 1_000_000}}
WEIGHT = {"pool": "eu", "allocation": {"mode": "weighted", "weights": {"amz-fr": 1}}}
CAP = {"pool": "eu", "allocation": {"mode": "shared", "cap": {"amz-de": 0}}}


def shop(inventory: dict[str, Any]) -> list[dict[str, Any]]:
    made = []
    for n in range(10):
        one = sku(f"S-{n}", "50.00", inventory=inventory)
        one["spec"]["listings"].append({**one["spec"]["listings"][0], "store": "amz-fr"})
        made.append(one)
    return [storefront(), storefront("amz-fr"), *made]


@pytest.mark.parametrize(
    "said", ["", "  policies: {budgets: {few: {offSale: {count: 2}}}}\n"], ids=["built-in", "own"]
)
@pytest.mark.parametrize("inventory", [CAP, BUFFER, WEIGHT], ids=["cap", "buffer", "weight"])
def test_a_shop_that_is_emptied_by_its_stock_is_off_sale(
    tmp_path: Path, inventory: dict[str, Any], said: str
) -> None:
    made = Repository(tmp_path, *shop({"pool": "eu"}))
    (tmp_path / "acorn.yaml").write_text(PROJECT + said)
    made.apply()
    made.write(*shop(inventory))
    done = made.run("apply", "--auto-approve")
    assert done.code == 5, done
