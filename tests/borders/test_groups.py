"""What a reviewer sees of many changes that are shown as one: every value that is the same for all, and what costs most of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.repository import Repository, document, sku, storefront

STORES = [storefront(f"amz-{n}") for n in range(6)]
LISTED = sku("S-1", "90.00", store="amz-0")


def offer(name: str, percent: str, *, end: str = "2027-12-01T00:00", **more: Any) -> dict[str, Any]:
    """A promotion of everything in every store."""
    window = {"start": {"local": "2027-01-01T00:00", "tz": "store"}, "end": {"local": end, "tz": "store"}}
    spec = {
        "type": "percentOff",
        "stores": {"all": True},
        "skus": {"all": True},
        "window": window,
        "stacking": {"group": "one", "tier": 20, "mode": "bestOnly"},
    }
    return document("Promo", name, {**spec, "discount": {"percent": percent}, **more})


def role(*rules: tuple[str, str]) -> dict[str, Any]:
    """A role of one person in every store."""
    subjects = [{"kind": "user", "id": "ada@example.com", "mfa": True}]
    given = [{"resources": [resource], "verbs": verbs.split()} for resource, verbs in rules]
    return document("RolePermission", "desk", {"subjects": subjects, "stores": {"all": True}, "rules": given})


def plan(made: Repository, *documents: dict[str, Any]) -> str:
    """What the text of a plan says, in one line."""
    made.write(*STORES, *documents)
    return " ".join(made.run("plan").out.split())


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    """Six stores with a promotion and a role in each."""
    found = Repository(
        tmp_path / "r", *STORES, LISTED, offer("sale", "5"), role(("ad", "read"), ("price", "read"))
    )
    found.apply()
    return found


def test_a_role_says_which_rights_come(made: Repository) -> None:
    """However many other fields change before them."""
    told = plan(
        made,
        LISTED,
        offer("sale", "5"),
        role(("ad", "read plan"), ("price", "read plan"), ("payout", "apply write")),
    )
    assert "payout.apply" in told
    assert "payout.write" in told


def test_a_promotion_says_how_deep_it_is(made: Repository) -> None:
    """Audience, end and depth change together."""
    changed = offer("sale", "95", end="2027-11-01T00:00", audience="prime")
    told = plan(made, LISTED, changed, role(("ad", "read"), ("price", "read")))
    assert "discount.percent 5 → 95" in told


def test_a_promotion_with_other_dates_is_told_by_itself(made: Repository) -> None:
    """Seven that say the same but for how long."""
    short = [offer(f"p{n}", "60", end="2027-01-02T00:00") for n in range(6)]
    told = plan(
        made,
        LISTED,
        offer("sale", "5"),
        role(("ad", "read"), ("price", "read")),
        *short,
        offer("long", "60", end="2027-12-15T00:00"),
    )
    assert "2027-12-14T23:00:00Z" in told
    assert "7 promotions" not in told


def test_new_listings_say_the_lowest_price(made: Repository) -> None:
    """One of seven costs a cent."""
    listed = [sku(f"N-{n}", "90.00", store="amz-1") for n in range(6)]
    told = plan(
        made,
        LISTED,
        offer("sale", "5"),
        role(("ad", "read"), ("price", "read")),
        *listed,
        sku("N-9", "0.01", store="amz-1"),
    )
    assert "amz-1/listing/N-9 0.01 EUR" in told
