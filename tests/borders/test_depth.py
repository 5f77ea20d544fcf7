"""How deep promotions cut is measured at the prices that a store holds, and together with the prices that fall beside them."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acorn_gitops.engines.pricing.falls import Falls
from acorn_gitops.engines.pricing.lowest import lowest
from acorn_gitops.engines.pricing.offer import offer_of
from acorn_gitops.engines.pricing.standing import HeldPromotions
from tests.borders.test_left_to_others import BUDGET, listing
from tests.repository import Repository, document, promo, storefront
from tests.test_access import guarded as guarded
from tests.test_access import write_guarded


def amount_off(value: str) -> dict[str, Any]:
    """So much off a piece."""
    return promo(
        "off", type="amountOff", discount={"amount": {"amz-de": {"currency": "EUR", "value": value}}}
    )


def unpriced(code: str) -> dict[str, Any]:
    """A listing of whose price the specs say nothing."""
    return document(
        "SkuMapping",
        "k",
        {"sku": code, "listings": [{"store": "amz-de", "sellerSku": "K-1", "status": "active"}]},
    )


@pytest.fixture
def budgeted(tmp_path: Path) -> Repository:
    """A store that sells K-1 for 100.00, where prices may fall by 30 %."""
    made = Repository(tmp_path / "r", storefront(), listing("A-1", "100.00"))
    (made.path / "acorn.yaml").write_text(BUDGET)
    made.apply()
    return made


LEFT = {"ignoreFields": ["price"]}


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (
            listing("A-1", "1000.00", lifecycle=LEFT),
            "falls from 100.00 to 60.00 EUR with promotions, by 40.0 %",
        ),
        (unpriced("A-1"), "falls from 100.00 to 60.00 EUR with promotions, by 40.0 %"),
        (listing("A-1", "75.00"), "falls from 100.00 to 35.00 EUR with promotions, by 65.0 %"),
    ],
    ids=["a price left to others", "a price that nobody declares", "a price that falls beside it"],
)
def test_a_budget_sees_what_buyers_pay_now_and_then(
    declared: dict[str, Any], words: str, budgeted: Repository
) -> None:
    """40.00 off a piece is 4 % of the price in the spec and 40 % of the one in the store."""
    budgeted.write(storefront(), declared, amount_off("40.00"))
    result = budgeted.run("apply", "--auto-approve")
    assert (result.code, words in result.err) == (5, True), result.err
    assert "amz-de/promotion/off" not in budgeted.live()


def test_a_budget_sees_listings_that_were_not_selected(budgeted: Repository) -> None:
    """A promotion reaches them, whatever part of the store is planned."""
    budgeted.write(storefront(), listing("A-1", "100.00"), promo("half", "50"))
    result = budgeted.run("apply", "--auto-approve", "--select", "*/promotion/*")
    assert result.code == 5
    assert "falls from 100.00 to 50.00 EUR with promotions" in result.err


@pytest.mark.parametrize(("price", "code"), [("81.00", 5), ("82.00", 0)])
def test_a_price_that_falls_is_judged_with_the_promotions_that_stand(
    price: str, code: int, budgeted: Repository
) -> None:
    """40.00 off: from 60.00 to 41.00 is more than 30 %, though the list price falls by 19 %."""
    both = budgeted.path / "acorn.yaml"
    both.write_text(BUDGET.replace('"30"', '"40"'))
    budgeted.write(storefront(), listing("A-1", "100.00"), amount_off("40.00"))
    budgeted.apply()
    both.write_text(BUDGET)
    budgeted.write(storefront(), listing("A-1", price), amount_off("40.00"))
    assert budgeted.run("apply", "--auto-approve").code == code


def test_a_price_is_told_once(budgeted: Repository) -> None:
    """One waiver is for one price: it does not need two lines."""
    budgeted.write(storefront(), listing("A-1", "60.00"), promo("ten", "10"))
    result = budgeted.run("apply", "--auto-approve")
    assert result.code == 5
    assert result.err.count("BUD-002") == 1


LIMITED = {"budget": {"currency": "EUR", "value": "10.00"}}


def cheap(off: str) -> dict[str, Any]:
    """So much off KTL-17-BLK, with a budget."""
    one = amount_off(off)
    one["spec"] |= {"limits": LIMITED}
    return one


def test_a_limit_of_a_role_sees_the_price_of_the_store(
    guarded: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4.50 is a tenth of 49.99 and nearly half of what the store sells it for."""
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    write_guarded(guarded, lifecycled=True)
    guarded.apply()
    assert guarded.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=10.00").code == 0
    monkeypatch.setenv("ACORN_ACTOR", "eve@example.com")
    write_guarded(guarded, cheap("4.50"), lifecycled=True)
    result = guarded.run("apply", "--auto-approve")
    assert result.code == 4
    assert "off takes 45 % off, more than 10 %" in result.err


def test_a_limit_of_a_role_binds_the_stacked_price(
    guarded: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine percent beside somebody's forty are forty-nine: that is what buyers get."""
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    write_guarded(guarded, promo("forty", "40"))
    guarded.apply()
    monkeypatch.setenv("ACORN_ACTOR", "eve@example.com")
    write_guarded(guarded, promo("forty", "40"), promo("nine", "9", limits=LIMITED))
    result = guarded.run("apply", "--auto-approve")
    assert result.code == 4
    assert "nine takes 49 % off, more than 10 %" in result.err


# -- one agreed promotion hides no other ---------------------------------------------------------------------


def dated(name: str, percent: str, start: str, end: str, **more: Any) -> dict[str, Any]:
    """A promotion between two days."""
    one = promo(name, percent, **more)
    one["spec"]["window"] = {
        "start": {"local": f"{start}T00:00", "tz": "store"},
        "end": {"local": f"{end}T00:00", "tz": "store"},
    }
    return one


DAY = ("2027-01-10", "2027-01-11")
SHELF = (storefront(), listing("A-1", "100.00"))
GROUP = {"stacking": {"group": "one", "tier": 20, "mode": "bestOnly"}}
STAFF = {"audience": "segment", "code": "STAFF-77", "type": "promoCode", **GROUP}


@pytest.mark.parametrize(
    ("agreed", "then"),
    [
        (
            [dated("day", "40", *DAY)],
            [dated("day", "40", *DAY), dated("years", "45", "2028-01-01", "2099-01-01")],
        ),
        ([dated("day", "40", *DAY)], [dated("day", "40", DAY[0], "2099-01-01")]),
        (
            [dated("staff", "50", *DAY, audience="segment", **GROUP)],
            [dated("staff", "50", *DAY, audience="all", **GROUP)],
        ),
        (
            [dated("staff", "50", *DAY, **STAFF)],
            [dated("staff", "50", *DAY, **STAFF), dated("all", "50", *DAY, **GROUP)],
        ),
    ],
    ids=[
        "another for years",
        "the same for years",
        "a few become all",
        "one for all beside a code",
    ],
)
def test_what_was_agreed_for_some_is_no_leave_for_all(
    agreed: list[dict[str, Any]], then: list[dict[str, Any]], tmp_path: Path
) -> None:
    """A sale of one day says nothing of another time, and a code for a few nothing of everybody."""
    made = Repository(tmp_path / "r", *SHELF, *agreed)
    made.apply()
    (made.path / "acorn.yaml").write_text(BUDGET)
    made.write(*SHELF, *then)
    result = made.run("apply", "--auto-approve")
    assert (result.code, "BUD-002" in result.err) == (5, True), result


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ('{catalogue: {types: [listing], priceDrop: "30", deletes: {count: 3}}}', "BUD-002"),
        ('{all: {priceDrop: "60", priceSum: "10"}}', "BUD-003"),
        ("{all: {deletes: {count: 3}}}", "BUD-006"),
    ],
    ids=["a budget for listings", "a sum of prices", "a budget that says nothing of prices"],
)
def test_a_promotion_is_a_price_whatever_budgets_are_called(budget: str, words: str, tmp_path: Path) -> None:
    """What buyers pay is one thing; and where no budget speaks of it, the built-in one does."""
    prices = [listing(f"A-{n}", "100.00") for n in range(12)]
    for n, one in enumerate(prices):
        one["metadata"]["name"] = f"k-{n}"
        one["spec"]["listings"][0]["sellerSku"] = f"K-{n}"
    made = Repository(tmp_path / "r", storefront(), *prices)
    made.apply()
    text = BUDGET.replace('{budgets: {all: {priceDrop: "30"}}}', f"{{budgets: {budget}}}")
    (made.path / "acorn.yaml").write_text(text)
    made.write(storefront(), *prices, promo("half", "55"))
    result = made.run("apply", "--auto-approve")
    assert (result.code, words in result.err) == (5, True), result


def test_ending_a_promotion_hides_no_price(tmp_path: Path) -> None:
    """Buyers with the code pay a little less; everybody else pays a third."""
    prices = [listing(f"A-{n}", "100.00") for n in range(12)]
    for n, one in enumerate(prices):
        one["metadata"]["name"], one["spec"]["listings"][0]["sellerSku"] = f"k-{n}", f"K-{n}"
    made = Repository(tmp_path / "r", storefront(), *prices, promo("staff", "60", **STAFF))
    project = (made.path / "acorn.yaml").read_text()
    (made.path / "acorn.yaml").write_text(project + "  policies: {budgets: {}}\n")
    made.apply()
    (made.path / "acorn.yaml").write_text(project)
    for one in prices:
        one["spec"]["listings"][0]["price"]["value"] = "30.00"
    made.write(storefront(), *prices)
    result = made.run("apply", "--auto-approve")
    assert (result.code, "BUD-006" in result.err) == (5, True), result


def test_a_limit_of_a_role_counts_what_is_not_for_sale_yet(
    guarded: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ninety percent off a listing that sleeps are ninety percent when somebody else wakes it."""
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    write_guarded(guarded, lifecycled=True)
    guarded.apply()
    assert guarded.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.status=inactive").code == 0
    monkeypatch.setenv("ACORN_ACTOR", "eve@example.com")
    write_guarded(guarded, promo("ninety", "90", limits=LIMITED), lifecycled=True)
    result = guarded.run("apply", "--auto-approve", "--select", "*/promotion/*")
    assert (result.code, "ninety takes 90 % off" in result.err) == (4, True), result


@pytest.mark.parametrize(
    "asks",
    [
        {"minimumOrder": {"amz-de": {"currency": "EUR", "value": "0.01"}}},
        {"type": "promoCode", "code": "WELCOME"},
        {"type": "coupon"},
    ],
    ids=["a basket of a cent", "another code", "a coupon"],
)
def test_a_condition_that_others_meet_is_another_price(asks: dict[str, Any], tmp_path: Path) -> None:
    """A secret code of 50 % was agreed; 50 % for whoever meets another condition was not."""
    agreed = dated("staff", "50", *DAY, **STAFF)
    made = Repository(tmp_path / "r", *SHELF, agreed)
    made.apply()
    (made.path / "acorn.yaml").write_text(BUDGET)
    made.write(*SHELF, agreed, dated("new", "50", *DAY, **{**GROUP, **asks}))
    result = made.run("apply", "--auto-approve")
    assert (result.code, "BUD-002" in result.err) == (5, True), result


def test_a_small_cut_at_one_time_hides_no_fall_at_all_others(tmp_path: Path) -> None:
    """One day's sale becomes milder while list prices fall by 29 %: the sum tells what falls."""
    made = Repository(tmp_path / "r", *SHELF, dated("day", "40", *DAY))
    made.apply()
    (made.path / "acorn.yaml").write_text(
        BUDGET.replace('{all: {priceDrop: "30"}}', '{all: {priceSum: "10"}}')
    )
    made.write(storefront(), listing("A-1", "71.00"), dated("day", "16", *DAY))
    result = made.run("apply", "--auto-approve")
    assert (result.code, "-29.0 %" in result.err) == (5, True), result


def test_what_is_not_for_sale_is_judged_as_if_it_were(tmp_path: Path) -> None:
    """It is put back on sale later, and neither a price nor a promotion changes then."""
    made = Repository(tmp_path / "r", *SHELF)
    made.apply()
    (made.path / "acorn.yaml").write_text(BUDGET)
    made.write(storefront(), listing("A-1", "100.00", status="inactive"), promo("deep", "45"))
    result = made.run("apply", "--auto-approve")
    assert (result.code, "BUD-002" in result.err) == (5, True), result


# -- the search leaves nothing out ---------------------------------------------------------------------------


def content(percent: int, days: tuple[int, int], code: str, group: bool) -> dict[str, Any]:
    """A promotion on K as a marketplace holds it."""
    said: dict[str, Any] = {
        "type": "percentOff", "skus": ["K"], "discount": {"percent": str(percent)},
        "start": f"2027-01-{min(days):02}T00:00:00Z", "end": f"2027-01-{max(days) + 1:02}T00:00:00Z",
    }  # fmt: skip
    return {
        **said,
        **({"code": code, "type": "promoCode"} if code else {}),
        **({"stacking": {"group": "one", "tier": 20, "mode": "bestOnly"}} if group else {}),
    }


some = st.dictionaries(
    st.sampled_from("abcd"),
    st.builds(
        content,
        st.integers(1, 60),
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
        st.sampled_from(["", "", "X", "Y"]),
        st.booleans(),
    ),
    max_size=4,
)


@given(some, some, st.integers(1, 200), st.integers(1, 200))
@example({"a": content(58, (5, 6), "", False), "b": content(10, (1, 3), "", False)}, {}, 190, 173)
def test_the_deepest_fall_is_that_of_every_buyer_at_every_time(
    before: dict[str, Any], after: dict[str, Any], was: int, then: int
) -> None:
    """Tried day by day for who pays least, for everybody, and for the bearers of each code."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    worst = Fraction(0)
    for day in range(1, 8):
        sets = []
        for held in (before, after):
            days = (
                held[key]
                for key in sorted(held)
                if int(held[key]["start"][8:10]) <= day < int(held[key]["end"][8:10])
            )
            sets.append([offer_of(str(number), one, "EUR", "") for number, one in enumerate(days)])
        for keep in (("", "X", "Y"), ("",), ("", "X"), ("", "Y")):
            some_before, some_after = (
                [o for o in offers if o is not None and o.choice.removeprefix("code ").upper() in keep]
                for offers in sets
            )
            old = lowest(some_before).pays(was * 100)
            if sets[0] or sets[1]:
                worst = max(worst, Fraction(old - lowest(some_after).pays(then * 100), old or 1))
    falls = Falls(HeldPromotions(now, before.items()), HeldPromotions(now, after.items()))
    money = [{"currency": "EUR", "value": f"{value}.00"} for value in (was, then)]
    paid = falls.deepest("K", *money)
    assert max(Fraction(paid[0] - paid[1], paid[0] or 1), Fraction(0)) == worst


def test_pieces_that_are_given_are_a_share_without_any_price(
    guarded: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine of ten for nothing, on goods that get their price from somebody else later."""
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    write_guarded(guarded, unpriced("A-9"))
    guarded.apply()
    monkeypatch.setenv("ACORN_ACTOR", "eve@example.com")
    gift = promo(
        "nine",
        type="buyXGetY",
        skus={"names": ["A-9"]},
        discount={"buyXGetY": {"buy": 1, "get": 9}},
        limits=LIMITED,
    )
    write_guarded(guarded, unpriced("A-9"), gift)
    result = guarded.run("apply", "--auto-approve")
    assert (result.code, "nine takes 90 % off, more than 10 %" in result.err) == (4, True), result
