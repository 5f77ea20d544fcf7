"""A price that was left to others, and is taken back, moves: it is no repair of what was changed outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.repository import PROJECT, Repository, sku, storefront

BUDGET = '  policies: {budgets: {few: {priceDrop: "30"}}}\n'
LEFT = {
    "ignored": {"ignoreFields": ["price"]},
    "ceded": {"ceded": {"price": {"by": "repricer", "min": "5.00", "max": "500.00"}}},
}


def listed(price: str, lifecycle: dict[str, Any] | None) -> dict[str, Any]:
    made = sku("S-1", price)
    return {**made, "lifecycle": lifecycle} if lifecycle else made


@pytest.mark.parametrize("how", LEFT)
def test_who_takes_a_price_back_from_others_is_held_by_the_budget(tmp_path: Path, how: str) -> None:
    made = Repository(tmp_path, storefront(), listed("10.00", LEFT[how]))
    (tmp_path / "acorn.yaml").write_text(PROJECT + BUDGET)
    made.apply()
    database = Database(tmp_path / ".acorn" / "sandbox.db")
    disturb.set_attribute(
        database, Address("amz-de", "listing", "S-1"), "price", {"currency": "EUR", "value": "100.00"}
    )
    database.close()
    made.apply()  # the repricer's price stays
    assert made.live()["amz-de/listing/S-1"]["price"]["value"] == "100.00"
    made.write(storefront(), listed("10.00", None))
    plan = made.run("plan").out
    done = made.run("apply", "--auto-approve")
    assert done.code == 5, (plan, done)
