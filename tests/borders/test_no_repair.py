"""Prices that fall and shops that empty are counted as what they are, and a protection does not end with what it protects."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.compile.desired_state import Key
from acorn_gitops.model.resource import Address, Desired, Live, Origin, digest
from acorn_gitops.plan.budgets import over_budget
from acorn_gitops.plan.change import Applied
from acorn_gitops.plan.diff import Policy, diff_store
from acorn_gitops.reconcile import guards
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.repository import PROJECT, Repository, sku, storefront
from tests.test_price_guard import euros

# -- a price that was left to others, and is taken back, moves: it is no repair of what was changed o

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


# -- a shop is emptied without a deletion, and without anything that says `inactive`: by a buffer of

BUFFER = {"pool": "eu", "buffer": {"units": 1_000_000}}
WEIGHT = {"pool": "eu", "allocation": {"mode": "weighted", "weights": {"amz-fr": 1}}}
CAP = {"pool": "eu", "allocation": {"mode": "shared", "cap": {"amz-de": 0}}}


def emptied(inventory: dict[str, Any]) -> list[dict[str, Any]]:
    made = []
    for n in range(10):
        one = sku(f"S-{n}", "50.00", inventory=inventory)
        one["spec"]["listings"].append({**one["spec"]["listings"][0], "store": "amz-fr"})
        made.append(one)
    return [storefront(), storefront("amz-fr"), *made]


@pytest.mark.parametrize(
    "budgets", ["", "  policies: {budgets: {few: {offSale: {count: 2}}}}\n"], ids=["built-in", "own"]
)
@pytest.mark.parametrize("inventory", [CAP, BUFFER, WEIGHT], ids=["cap", "buffer", "weight"])
def test_a_shop_that_is_emptied_by_its_stock_is_off_sale(
    tmp_path: Path, inventory: dict[str, Any], budgets: str
) -> None:
    made = Repository(tmp_path, *emptied({"pool": "eu"}))
    (tmp_path / "acorn.yaml").write_text(PROJECT + budgets)
    made.apply()
    made.write(*emptied(inventory))
    done = made.run("apply", "--auto-approve")
    assert done.code == 5, done


# -- prices that a marketplace's own rename carries are budgeted (vendure renames in place)


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


# -- what was protected when it was last applied is not deleted by being renamed, or made anew, in th


def kettle(protected: bool, code: str = "KTL-17", **listing: Any) -> dict[str, Any]:
    made = sku(code, "49.99")
    made["spec"]["listings"][0] |= {"sellerSku": "K-1", **listing}
    if protected:
        made["lifecycle"] = {"preventDestroy": True}
    return made


@pytest.mark.parametrize("how", ["deleted", "renamed", "made anew"])
def test_what_was_protected_is_not_deleted_with_its_protection(tmp_path: Path, how: str) -> None:
    made = Repository(
        tmp_path, storefront(), kettle(True, condition="new_new", asin="B0EXAMPLE1"), sku("S-2")
    )
    done = made.run("apply", "--auto-approve")
    assert done.code == 0, done
    now = {
        "deleted": [],
        "renamed": [kettle(False, condition="new_new", asin="B0EXAMPLE1", sellerSku="K-2", movedFrom="K-1")],
        "made anew": [kettle(False, "KTL-18", condition="new_new", asin="B0EXAMPLE1")],
    }[how]
    made.write(storefront(), *now, sku("S-2"))
    plan = made.run("plan")
    done = made.run("apply", "--auto-approve")
    print(plan.out)
    assert (done.code, "ACN-020" in done.err) == (4, True), (plan.out, done)


@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.sampled_from("ABCDEFGH")))
def test_renames_that_go_round_in_a_circle_are_those_that_lead_back(former: dict[str, str]) -> None:
    """Walked over one by one; and of nine thousand each is walked over once."""
    everything: Any = {("listing", key): Live({}) for key in "ABCDEFGH"}
    desired = {
        ("listing", k): Desired({}, Origin("a", 1, "SkuMapping", "k"), None, moved_from=f)
        for k, f in former.items()
    }
    view: Any = SimpleNamespace(desired=desired, live=everything, applied=everything)
    found = {key for _, key in guards._circles(view, [*desired])}
    steps = {key: at for key, at in former.items() if key != at}
    assert found == {key for key in steps if key in _way(steps, key)}


def _way(steps: dict[str, str], key: str) -> set[str]:
    seen: set[str] = set()
    at = steps.get(key)
    while at is not None and at not in seen:
        seen.add(at)
        at = steps.get(at)
    return seen


@pytest.mark.parametrize(
    ("floor", "edit", "code"), [("40.00", "49.00", 4), ("", "49.00", 0), ("40.00", "", 0)]
)
def test_what_stands_beside_a_promotion_that_nobody_understands_is_refused_in_the_plan(
    tmp_path: Path, floor: str, edit: str, code: int
) -> None:
    """By the code with which apply would end, and before anything is written; without a floor, or without a price that
    moves, there is nothing to judge."""
    policy = {"pricePolicy": {"min": {"amz-de": floor}}} if floor else {}
    made = Repository(tmp_path, storefront(), sku("S-1", "50.00", **policy))
    made.apply()
    database = Database(tmp_path / ".acorn" / "sandbox.db")
    odd = {"type": "percentOff", "skus": ["S-1"], "discount": {"percent": "90"}}
    disturb.insert(database, Address("amz-de", "promotion", "hand"), odd)
    database.close()
    made.write(storefront(), sku("S-1", edit or "50.00", **policy))
    found = made.run("plan")
    assert found.code == code, found.out
    assert ("hand has no window" in " ".join(found.out.split())) is (code == 4)
    assert made.run("apply", "--auto-approve").code == code
