"""The last guard: no price beyond its bounds is ever sent, whatever came before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.apply.price_guard import Offered, promotion_refusal, refusal
from acorn_gitops.rules import registry
from tests.repository import Repository, document, storefront
from tests.rule_cases import lay_out


def euros(value: str) -> dict[str, str]:
    """An amount."""
    return {"currency": "EUR", "value": value}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "at the floor": ({"price": euros("10.00"), "minPrice": euros("10.00")}, {}, ""),
    "below the floor": ({"price": euros("9.99"), "minPrice": euros("10.00")}, {}, "below its floor 10.00"),
    "above the ceiling": (
        {"price": euros("10.01"), "maxPrice": euros("10.00")},
        {},
        "above its ceiling 10.00",
    ),
    "below the advertised minimum": (
        {"price": euros("9.00"), "mapPrice": euros("10.00")},
        {},
        "below its minimum advertised price",
    ),
    "a patch against the floor that is there": (
        {"price": euros("9.00")},
        {"price": euros("20.00"), "minPrice": euros("10.00")},
        "below its floor",
    ),
    "a floor raised above the price that is there": (
        {"minPrice": euros("30.00")},
        {"price": euros("20.00")},
        "below its floor 30.00",
    ),
    "neither price nor bound is touched": (
        {"status": "active"},
        {"price": euros("9.00"), "minPrice": euros("10.00")},
        "",
    ),
    "another currency": (
        {"price": euros("9.00"), "minPrice": {"currency": "USD", "value": "1.00"}},
        {},
        "currency",
    ),
    "no amount": ({"price": {"currency": "EUR", "value": "x"}, "minPrice": euros("1.00")}, {}, "no decimal"),
    "a number": ({"price": 9.99}, {}, "no amount"),
    "without bounds": ({"price": euros("0.01")}, {}, ""),
    "a bound that is cleared": (
        {"price": euros("9.00"), "minPrice": None},
        {"minPrice": euros("10.00")},
        "",
    ),
}


@pytest.mark.parametrize(("sent", "live", "words"), CASES.values(), ids=CASES.keys())
def test_a_price_is_sent_only_within_its_bounds(
    sent: dict[str, Any], live: dict[str, Any], words: str
) -> None:
    """What is sent is laid over what is there, and judged."""
    found = refusal("listing", sent, live)
    assert bool(found) == bool(words)
    assert words in found


@given(st.decimals("0.01", "999", places=2), st.decimals("0.01", "999", places=2))
def test_the_guard_is_exact_to_the_cent(price: Any, floor: Any) -> None:
    """Refused exactly when the price is below the floor."""
    sent = {"price": euros(str(price)), "minPrice": euros(str(floor))}
    assert bool(refusal("listing", sent, {})) == (price < floor)


@pytest.mark.parametrize(
    ("price", "words"),
    [
        ("52.10", ""),
        ("52.09", "leaves less than the margin of its policy, for which it takes 52.10"),
        ("x", "no decimal"),
    ],
)
def test_the_margin_is_kept_at_the_last_write(price: str, words: str) -> None:
    """The least price that leaves the margin is a floor like any other; where none is known, none is kept."""
    least = {"currency": "EUR", "value": "52.10"}
    found = refusal("listing", {"price": euros(price)}, {}, least)
    assert bool(found) == bool(words)
    assert words in found
    assert refusal("listing", {"price": euros("0.01")}, {}) == ""
    assert "not in the currency" in refusal(
        "listing", {"price": {"currency": "USD", "value": "99.00"}}, {}, least
    )
    assert refusal("listing", {"status": "active"}, {"price": euros("1.00")}, least) == ""


PROMOTIONS: dict[str, tuple[dict[str, Any], dict[str, Any], str | None, str]] = {
    "a percentage down to the floor": ({"percent": "20"}, {"price": euros("50.00"), "minPrice": euros("40.00")}, None, ""),
    "a percentage below it": ({"percent": "20.1"}, {"price": euros("50.00"), "minPrice": euros("40.00")}, None, "would cost 39.95 EUR, below its floor 40.00"),
    "an amount": ({"amount": euros("10.01")}, {"price": euros("50.00"), "minPrice": euros("40.00")}, None, "would cost 39.99"),
    "a sale price": ({"salePrice": euros("39.99")}, {"price": euros("50.00"), "minPrice": euros("40.00")}, None, "would cost 39.99"),
    "below the margin": ({"percent": "10"}, {"price": euros("50.00")}, "45.01", "leaves less than the margin"),
    "at the margin": ({"percent": "10"}, {"price": euros("50.00")}, "45.00", ""),
    "another currency": ({"amount": {"currency": "USD", "value": "1.00"}}, {"price": euros("50.00"), "minPrice": euros("1.00")}, None, "cannot be computed"),
    "free shipping": ({}, {"price": euros("50.00"), "minPrice": euros("50.00")}, None, ""),
    "no price": ({"percent": "99"}, {"minPrice": euros("50.00")}, None, ""),
    "no bounds": ({"percent": "99"}, {"price": euros("50.00")}, None, ""),
    "below the advertised minimum only": ({"percent": "20"}, {"price": euros("50.00"), "mapPrice": euros("45.00")}, None, ""),
}  # fmt: skip


@pytest.mark.parametrize(
    ("discount", "listing", "least", "words"), PROMOTIONS.values(), ids=PROMOTIONS.keys()
)
def test_a_promotion_is_sent_only_when_it_keeps_floors_and_margins(
    discount: dict[str, Any], listing: dict[str, Any], least: str | None, words: str
) -> None:
    """Judged alone, on every listing that it is about."""
    money = euros(least) if least is not None else None
    found = promotion_refusal({"discount": discount, "skus": ["K"]}, {"K": Offered(listing, money)})
    assert bool(found) == bool(words)
    assert words in found


def test_neither_a_price_nor_a_promotion_gets_around_the_margin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every rule about prices broken, a list price and a promotion below the margin are still not sent; the promotion
    is judged by the price that this very run has written."""
    made = lay_out(
        tmp_path / "r",
        {
            "SkuMapping/kettle": {"pricePolicy": {"min": None, "minMarginPercent": "30"}},
            "Promo/spring": None,
        },
    )
    made.apply()
    for id in ("PRO-030", "PRO-032", "SKU-016"):
        monkeypatch.setitem(registry.RULES, id, registry.RULES[id]._replace(check=lambda _: iter(())))
    # 20.00 of cost, 19 % VAT, 30 % margin: 34.00 is the least price.
    listing = {"store": "amz-de", "price": euros("33.99")}
    lay_out(
        tmp_path / "r",
        {"SkuMapping/kettle": {"pricePolicy": {"min": None, "minMarginPercent": "30"}, "listings": [listing]}, "Promo/spring": None},
    )  # fmt: skip
    result = made.run("apply", "--auto-approve", "-o", "json")
    assert result.code == 3
    told = {row["address"]: row["message"] for row in result.json["outcomes"]}
    assert "33.99 EUR leaves less than the margin of its policy, for which it takes 34.00" in told["amz-de/listing/KTL-17-BLK"]  # fmt: skip
    listing["price"] = euros("37.77")
    lay_out(
        tmp_path / "r",
        {
            "SkuMapping/kettle": {
                "pricePolicy": {"min": None, "minMarginPercent": "30"},
                "listings": [listing],
            },
            "Promo/spring": {"discount": {"percent": "10"}},  # 33.99
        },
    )
    result = made.run("apply", "--auto-approve", "-o", "json")
    assert result.code == 3
    told = {row["address"]: (row["status"], row["message"]) for row in result.json["outcomes"]}
    assert told["amz-de/listing/KTL-17-BLK"][0] == "observed"
    assert told["amz-de/promotion/spring"][0] == "rejected"
    assert "KTL-17-BLK: 33.99 EUR leaves less" in told["amz-de/promotion/spring"][1]
    assert "amz-de/promotion/spring" not in made.live()


def test_a_broken_rule_cannot_let_a_price_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when the rule that checks prices says nothing, the write is not sent: exit 3, the rest is done, and the
    history says why."""

    def mapped(price: str) -> dict[str, Any]:
        listing = {"store": "amz-de", "price": euros(price)}
        policy = {"min": {"amz-de": "40.00"}}
        return document("SkuMapping", "ktl", {"sku": "KTL", "pricePolicy": policy, "listings": [listing]})

    made = Repository(tmp_path / "r", storefront(), mapped("49.90"))
    made.apply()
    monkeypatch.setitem(
        registry.RULES, "SKU-016", registry.RULES["SKU-016"]._replace(check=lambda _: iter(()))
    )
    other = document(
        "SkuMapping", "pot", {"sku": "POT", "listings": [{"store": "amz-de", "price": euros("1.00")}]}
    )
    made.write(storefront(), mapped("4.99"), other)
    result = made.run("apply", "--auto-approve", "-o", "json")
    assert result.code == 3
    told = {row["address"]: (row["status"], row["message"]) for row in result.json["outcomes"]}
    assert told["amz-de/listing/KTL"] == ("rejected", "not sent: 4.99 EUR is below its floor 40.00")
    assert told["amz-de/listing/POT"][0] == "observed"
    assert made.live()["amz-de/listing/KTL"]["price"] == euros("49.90")
    assert "below its floor" in made.run("history", "-o", "json").out
