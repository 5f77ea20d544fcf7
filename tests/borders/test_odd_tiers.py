"""Tiers without number or without sense cost no time and break nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.repository import Repository
from tests.test_business_prices import TIERS, kettle


def test_very_many_tiers_are_refused_with_how_many_may_be(tmp_path: Path) -> None:
    tiers = [{"minimumQuantity": n + 2, "price": f"{900_000 - n}.00"} for n in range(5_000)]
    made = Repository(tmp_path / "r", *kettle({"price": "980000.00", "tiers": tiers}, price="990000.00"))
    done = made.run("plan")
    assert (done.code, "tiers has 5,000 entries, and 20 entries are the most" in done.err) == (4, True), done


ODD = [
    ("businessTiers", [{"minimumQuantity": 10}]),
    ("businessTiers", [{"minimumQuantity": "x", "price": {"currency": "EUR", "value": "1.00"}}]),
    ("businessTiers", [{"minimumQuantity": 10, "price": "5"}]),
    ("businessTiers", "none"),
    ("businessTiers", [1, 2]),
    ("businessTiers", {"a": 1}),
    ("businessTiers", [{"minimumQuantity": 10, "price": {"currency": "USD", "value": "85.00"}}]),
    ("businessTiers", [{"minimumQuantity": 10, "price": {"currency": "EUR", "value": "1e400"}}]),
    ("businessTiers", [{"minimumQuantity": 10, "price": {"currency": "EUR", "value": "NaN"}}]),
    ("businessTiers", [{"minimumQuantity": 10, "price": {"currency": "EUR", "value": "90.00"}}] * 2),
    ("businessPrice", 5),
    ("businessPrice", "5"),
    ("businessPrice", {"currency": "USD", "value": "85.00"}),
    ("businessPrice", {"currency": "EUR", "value": "-1"}),
    ("businessPrice", {"currency": "EUR", "value": "Infinity"}),
    ("businessPrice", {"currency": "EUR"}),
    ("businessPrice", []),
]


@pytest.mark.parametrize(("name", "value"), ODD)
@pytest.mark.parametrize("business", [TIERS, None, {"price": "95.00"}])
def test_no_command_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, business: Any
) -> None:
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
    made = Repository(tmp_path / "r", *kettle(business))
    made.apply()
    database = Database(made.path / ".acorn" / "sandbox.db")
    disturb.set_attribute(database, Address("amz-de", "listing", "K"), name, value)
    database.close()
    made.write(*kettle(business, {"discount": {"percent": "5"}}))
    for command in (
        ["plan"],
        ["plan", "-o", "json"],
        ["drift"],
        ["import", "--drifted", "--dry-run"],
        ["import", "--drifted"],
        ["plan"],
        ["view", "prices"],
        ["apply", "--auto-approve"],
    ):
        found = made.run(*command)
        both = found.out + found.err
        assert "internal error" not in both and "Traceback" not in both, (command, both[-1500:])
        print(command, found.code, both[-300:])
