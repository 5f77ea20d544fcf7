"""A resource that gets another key in place: what followed its former name follows it still, and it takes along what was its own."""

from __future__ import annotations

from typing import Any

import pytest

from acorn_gitops.apply.left_open import found_done
from acorn_gitops.apply.price_guard import paid_refusal
from acorn_gitops.compile.desired_state import Key
from acorn_gitops.engines.pricing.falls import Falls
from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.ledger.records import Intent
from acorn_gitops.marketplaces.protocol import Snapshot
from acorn_gitops.model.resource import Address, Desired, Live, Origin, digest
from acorn_gitops.plan.central import spare_neighbours
from acorn_gitops.plan.change import Applied, Change
from acorn_gitops.plan.diff import Policy, diff_store
from tests.test_price_guard import NOW, euros, running

LIVE = {"sku": "OLD", "price": euros("20.00"), "minPrice": euros("11.00"), "status": "active"}


@pytest.mark.parametrize(
    ("named", "price", "refused"),
    [
        ("OLD", "17.00", True),
        ("OLD", "19.00", False),
        ("NEW", "17.00", True),
        ("OTHER", "17.00", False),
    ],
    ids=["it follows", "it follows and leaves the floor", "it waits under the new name", "it is for another"],
)
def test_a_renamed_listing_is_judged_under_both_names(named: str, price: str, refused: bool) -> None:
    """Promotions that name variants by id go on; those that name the new SKU begin."""
    held = HeldPromotions(NOW, {"theirs": running({"percent": "40"}, skus=[named])}.items())
    floor = "11.00" if price != "19.00" else "11.40"
    sent = {"sku": "NEW", "price": euros(price)}
    why = paid_refusal("NEW", sent, {**LIVE, "minPrice": euros(floor)}, None, held, former="OLD")
    assert bool(why) == refused


@pytest.mark.parametrize(("named", "paid"), [("OLD", (1200, 1020)), ("NEW", (2000, 1020))])
def test_how_far_a_price_falls_in_a_renaming(named: str, paid: tuple[int, int]) -> None:
    """What buyers pay now is under the former name, what they will pay under both."""
    held = HeldPromotions(NOW, {"theirs": running({"percent": "40"}, skus=[named])}.items())
    falls = Falls(held, held)
    assert falls.deepest("NEW", euros("20.00"), euros("17.00"), former="OLD") == paid


KEY: Key = ("listing", "NEW")
IN_PLACE = Policy(renames=frozenset({"listing"}))


def renamed(lifecycle: dict[str, Any] | None, policy: Policy, price: str = "35.00") -> Change:
    """OLD becomes NEW while the store has another price than the specs."""
    attributes = {
        "sku": "NEW",
        "price": euros("20.00"),
        "minPrice": euros("10.00"),
        "maxPrice": euros("50.00"),
    }
    want = Desired(attributes, Origin("a.yaml", 1, "SkuMapping", "a"), lifecycle, moved_from="OLD")
    have = Live({**attributes, "sku": "OLD", "price": euros(price)})
    before = {**attributes, "sku": "OLD"}
    applied = {("listing", "OLD"): Applied(digest(before), b"{}")}
    (change,) = diff_store("web", "main", {KEY: want}, {("listing", "OLD"): have}, applied, policy).changes
    return change


@pytest.mark.parametrize(
    ("lifecycle", "policy", "price", "sent"),
    [
        (None, IN_PLACE, "35.00", True),
        ({"ignoreFields": ["price"]}, IN_PLACE, "35.00", False),
        ({"ceded": {"price": {"min": "1.00", "max": "99.00"}}}, IN_PLACE, "35.00", False),
        ({"ceded": {"price": {"min": "1.00", "max": "99.00"}}}, IN_PLACE, "60.00", True),
        ({"ignoreFields": ["price"]}, Policy(), "35.00", False),
        ({"ceded": {"price": {"min": "1.00", "max": "99.00"}}}, Policy(), "60.00", True),
    ],
    ids=[
        "declared",
        "ignored",
        "ceded",
        "ceded and out of its band",
        "made anew",
        "made anew, out of its band",
    ],
)
def test_a_rename_in_place_leaves_to_others_what_is_theirs(
    lifecycle: dict[str, Any] | None, policy: Policy, price: str, sent: bool
) -> None:
    """Also where it is made anew."""
    change = renamed(lifecycle, policy, price)
    assert ("price" in change.touched) is sent
    assert change.moved_from == "OLD"


def test_what_others_declare_under_the_former_name_is_not_renamed() -> None:
    """One thing in all stores of a marketplace has one name."""
    want = Desired({"sku": "NEW"}, Origin("a.yaml", 1, "SkuMapping", "a"), moved_from="OLD")
    live = {("listing", "OLD"): Live({"sku": "OLD"})}
    applied = {("listing", "OLD"): Applied(digest({"sku": "OLD"}), b'{"sku":"OLD"}')}
    result = diff_store("web", "main", {KEY: want}, live, applied, IN_PLACE)
    still = {"other": {("listing", "OLD"): want}}
    along = {"other": {KEY: want}}
    (told,) = spare_neighbours(result, still, central=False)
    assert (told.id, "would be renamed, and with it what other declares" in told.message) == ("ACN-038", True)
    assert [*spare_neighbours(result, along, central=False)] == []


@pytest.mark.parametrize(("deletes", "former"), [(["OLD"], "OLD"), ([], ""), (["OLD", "OTHER"], "")])
def test_a_rename_that_an_interruption_ended_is_known_by_both_of_its_halves(
    deletes: list[str], former: str
) -> None:
    """Where a ledger that others see says ahead what is deleted elsewhere; not where that may be another one."""

    def intent(operation: str, key: str, number: int) -> Intent:
        attributes = {"sku": key} if operation == "create" else None
        return Intent(
            "p", Address("web", "listing", key), "replace", operation=operation, key=str(number),
            attributes=attributes, declared=attributes, origin="a.yaml:1", remote_id="", protected=False, at="2026-11-23T09:00:00Z", id=number,
        )  # fmt: skip

    intents = [intent("create", "NEW", 1), *(intent("delete", key, n) for n, key in enumerate(deletes, 2))]
    there = {("listing", key): Live({"sku": key}) for key in ("NEW", *deletes)}
    found = found_done(
        intents,
        {"web": Snapshot("web", exists=True, resources=there)},
        "2026-11-23T09:01:00Z",
        recorded=lambda _: ("", ""),
        owner="",
        begun=lambda *_: False,
    )
    (made,) = [row for row in found.settled if row.outcome == "observed"]
    assert (made.address.key, made.former) == ("NEW", former)
