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


def table(made: Repository, *documents: dict[str, Any]) -> str:
    """What a comment under a merge request says before the folded plan."""
    made.write(*STORES, *documents)
    return made.run("plan", "--output", "markdown").out.split("<details>")[0]


def taxed(rate: str, party: str = "seller") -> dict[str, Any]:
    """A tax rule of every store."""
    spec = {
        "match": {"stores": {"names": [f"amz-{n}" for n in range(6)]}, "supply": {"shipTo": ["DE"]}},
        "validity": {"from": "2026-01-01"},
        "result": {"liableParty": party, "treatment": "standard", "rate": {"percent": rate}},
    }
    return document("TaxRule", "vat", spec)


def test_a_comment_tells_tax_rules_whole(made: Repository) -> None:
    """New ones with who owes and for which sales, changed ones with their values."""
    told = table(made, taxed("19"))
    assert "liableParty seller" in told
    assert "shipTo" in told
    made.write(*STORES, LISTED, offer("sale", "5"), role(("ad", "read"), ("price", "read")), taxed("19"))
    made.apply()
    told = table(made, taxed("0", party="marketplace"))
    assert "liableParty seller → **marketplace**" in told
    assert "19 → **0**" in told


def test_a_comment_tells_the_prices_of_new_listings(made: Repository) -> None:
    """The cheapest of a hundred by name, one alone with its price."""
    prices = [sku(f"N-{n}", f"{40 + n}.00", store=f"amz-{n % 6}") for n in range(12)]
    told = table(made, LISTED, *prices, sku("N-99", "0.09", store="amz-3"))
    assert "amz-3/listing/N-99: 0.09 EUR" in told
    assert "N-1: 41.00 EUR" in told
    assert "0.09 EUR" in table(made, LISTED, sku("N-99", "0.09", store="amz-3"))


@pytest.mark.parametrize(
    "deep",
    [
        {"type": "amountOff", "discount": {"amount": {"amz-0": {"currency": "EUR", "value": "89.00"}}}},
        {"type": "salePrice", "discount": {"salePrice": {"amz-0": {"currency": "EUR", "value": "1.00"}}}},
        {"type": "buyXGetY", "discount": {"buyXGetY": {"buy": 1, "get": 9}}},
    ],
    ids=["an amount", "a price", "nine for one"],
)
def test_deep_promotions_stand_before_shallow_ones(deep: dict[str, Any], made: Repository) -> None:
    """A table ends after fifty rows: what takes most off stands above."""
    spec = {**offer("x", "5")["spec"], "stores": {"names": ["amz-0"]}}
    shallow = [document("Promo", f"a-{n:02}", {**spec, "discount": {"percent": "6"}}) for n in range(60)]
    told = table(made, LISTED, *shallow, document("Promo", "z-deep", {**spec, **deep}))
    rows = [line for line in told.splitlines() if line.startswith("| ➕") and "promotion" in line]
    assert "z-deep" in rows[0]


def test_a_comment_tells_what_was_let_through(made: Repository) -> None:
    """Three hundred sale prices of one percent, one promotion of 95 %, and the waiver that lets it pass: the box at the top has it."""
    spec = {**offer("x", "5")["spec"], "stores": {"names": ["amz-0"]}}
    sale = {"type": "salePrice", "discount": {"salePrice": {"amz-0": {"currency": "EUR", "value": "89.00"}}}}
    harmless = [document("Promo", f"a-{n:03}", {**spec, **sale, "stacking": None}) for n in range(300)]
    project = (made.path / "acorn.yaml").read_text()
    (made.path / "acorn.yaml").write_text(project + '  policies: {budgets: {all: {priceDrop: "10"}}}\n')
    made.apply()
    waiver = '  waivers: [{rule: BUD-002, scope: "*", reason: agreed, owner: eve, until: "2027-06-01"}]\n'
    with (made.path / "acorn.yaml").open("a") as file:
        file.write(waiver)
    made.write(*STORES, LISTED, *harmless, document("Promo", "zz", {**spec, "discount": {"percent": "95"}}))
    told = made.run("plan", "--output", "markdown").out
    box = "\n".join(line for line in told.splitlines() if line.startswith(">"))
    assert "ACN-036" in box
    assert "let through: BUD-002" in box
    assert "amz-0/promotion/zz takes up to **95 %** off" in box
    assert "amz-0/promotion/zz" in next(line for line in told.splitlines() if line.startswith("| ➕"))
