"""Prices that a marketplace's own rename carries are budgeted (Vendure renames in place)."""

from __future__ import annotations

import orjson

from acorn_gitops.compile.desired_state import Key
from acorn_gitops.model.resource import Desired, Live, Origin, digest
from acorn_gitops.plan.budgets import over_budget
from acorn_gitops.plan.change import Applied
from acorn_gitops.plan.diff import Policy, diff_store
from tests.test_price_guard import euros


def test_a_price_that_the_specs_lower_while_somebody_renamed_it_is_no_repair() -> None:
    """Renamed in the dashboard to X; the specs say OLD at a tenth of the price that was applied and is there."""
    key: Key = ("listing", "OLD")
    was = {"sku": "OLD", "price": euros("50.00"), "status": "active"}
    want = Desired({**was, "price": euros("5.00")}, Origin("a.yaml", 1, "SkuMapping", "a"), None)
    there = {("listing", "X"): Live({**was, "sku": "X"}, "", "id-1")}
    applied = {key: Applied(digest(was), orjson.dumps(was))}
    policy = Policy(renames=frozenset({"listing"}))
    found = diff_store("web", "main", {key: want}, there, applied, policy, ids=lambda: {key: "id-1"})
    (change,) = found.changes
    budgets = {"b": {"priceDrop": "30"}}
    told = [one.id for one in over_budget("web", found.changes, {"listing": 10}, budgets)]  # type: ignore[arg-type]
    assert told == ["BUD-002"], change.fields
