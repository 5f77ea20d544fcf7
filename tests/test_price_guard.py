"""The last guard: no price beyond its bounds is ever sent, whatever came before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.apply.price_guard import refusal
from acorn_gitops.rules import registry
from tests.repository import Repository, document, storefront


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
