"""How deep promotions cut is measured at the prices that a store holds, and together with the prices that fall beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.borders.test_left_to_others import BUDGET, listing
from tests.repository import Repository, document, storefront
from tests.test_access import guarded as guarded
from tests.test_access import write_guarded


def promo(name: str, percent: str = "", **more: Any) -> dict[str, Any]:
    """A promotion for everybody on everything, in 2026 and 2027."""
    window = {
        edge: {"local": f"{year}-01-01T00:00", "tz": "store"}
        for edge, year in (("start", 2026), ("end", 2028))
    }
    body: dict[str, Any] = {
        "type": "percentOff",
        "stores": {"all": True},
        "skus": {"all": True},
        "window": window,
    }
    if percent:
        body["discount"] = {"percent": percent}
    return document("Promo", name, {**body, **more})


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
