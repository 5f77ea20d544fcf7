"""What a pull request asks of businesses, and what it takes out that guards, is told wherever a plan is read: on a
terminal, in a comment, on a page; and what loses most comes first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from acorn_gitops.rules.registry import all_rules
from tests.repository import Repository, document, sku, storefront
from tests.test_access import permission
from tests.test_business_prices import kettle, money

FORMS = [("plan",), ("plan", "--verbose"), ("plan", "-o", "markdown"), ("plan", "-o", "html")]


def listing(code: str, asked: str, **business: Any) -> dict[str, Any]:
    one: dict[str, Any] = {
        "store": "amz-de",
        "status": "active",
        "price": {"currency": "EUR", "value": asked},
    }
    if business:
        one["business"] = business
    return document("SkuMapping", code.lower(), {"sku": code, "listings": [one]})


def tier(pieces: int, price: str) -> dict[str, Any]:
    return {"minimumQuantity": pieces, "price": price}


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_what_a_new_listing_asks_of_businesses_is_told(tmp_path: Path, form: tuple[str, ...]) -> None:
    new = listing("K-1", "100.00", price="1.11", tiers=[tier(2, "0.99"), tier(5, "0.07")])
    made = Repository(tmp_path / "r", storefront(), new)
    said = made.run(*form).out
    assert all(amount in said for amount in ("100.00", "1.11", "0.99", "0.07")), said


CODES = [f"KTL-{number:03}" for number in range(30)]
WORST = CODES[17]


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
@pytest.mark.parametrize("kind", ["a tier falls", "a price comes", "a listing comes"])
def test_the_cheapest_for_businesses_is_among_those_that_are_shown(
    tmp_path: Path, form: tuple[str, ...], kind: str
) -> None:
    made = Repository(tmp_path / "r", storefront())
    if kind == "a tier falls":
        made.write(
            storefront(), *(listing(c, "100.00", price="90.00", tiers=[tier(10, "80.00")]) for c in CODES)
        )
        made.apply()
        less = {code: "0.77" if code == WORST else "78.40" for code in CODES}
        new = [listing(c, "100.00", price="90.00", tiers=[tier(10, less[c])]) for c in CODES]
    else:
        if kind == "a price comes":
            made.write(storefront(), *(listing(c, "100.00") for c in CODES))
            made.apply()
        new = [listing(c, "100.00", price="0.77" if c == WORST else "95.00") for c in CODES]
    made.write(storefront(), *new)
    assert "0.77" in made.run(*form).out


def test_prices_of_businesses_count_among_those_that_move(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront(), listing("K-1", "100.00", price="90.00"))
    made.apply()
    made.write(storefront(), listing("K-1", "100.00", price="9.00"))
    assert "Prices: 1 down, 0 up, -90.0 %" in made.run("plan").out
    assert "1 price moves: 1 down, 0 up." in made.run("plan", "-o", "markdown").out


def test_a_tier_is_told_by_its_pieces_with_its_amount_as_a_whole(tmp_path: Path) -> None:
    """A third tier leaves the other two out of the plan, in whatever order they are written."""
    made = Repository(
        tmp_path / "r", *kettle({"price": "95.00", "tiers": [tier(2, "90.00"), tier(5, "85.00")]})
    )
    made.apply()
    made.write(*kettle({"price": "95.00", "tiers": [tier(2, "90.00"), tier(5, "85.00"), tier(10, "80.00")]}))
    fields = made.run("plan", "-o", "json").json["changes"][0]["fields"]
    assert [(one["path"], one["before"], one["after"]) for one in fields] == [
        ("businessTiers[10].price", None, money(8000))
    ]
    made.apply()
    made.write(*kettle({"price": "95.00", "tiers": [tier(2, "90.00"), tier(5, "84.00"), tier(10, "80.00")]}))
    assert "businessTiers[5].price  85.00 → 84.00 EUR  -1.2 %" in made.run("plan").out


def test_an_amount_inside_a_block_is_told_as_a_whole(tmp_path: Path) -> None:
    def off(value: str) -> list[dict[str, Any]]:
        return kettle(
            promo={
                "type": "amountOff",
                "discount": {"amount": {"amz-de": {"currency": "EUR", "value": value}}},
            }
        )

    made = Repository(tmp_path / "r", *off("5.00"))
    made.apply()
    made.write(*off("7.00"))
    assert "discount.amount  5.00 → 7.00 EUR  +40.0 %" in made.run("plan").out


def settings(made: Repository, **policies: Any) -> None:
    yaml, file = YAML(), made.path / "acorn.yaml"
    project = yaml.load(file.read_text())
    project["spec"]["policies"] = policies
    with file.open("w") as opened:
        yaml.dump(project, opened)


STRICTER = [
    rule.id
    for rule in all_rules()
    if rule.id[:3] in ("PRO", "ROL", "INT", "MON") and rule.severity != "error"
]
"""Rules of which none has anything to say here."""


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_what_guards_and_is_taken_out_is_not_hidden_among_what_is_made_stricter(
    tmp_path: Path, form: tuple[str, ...]
) -> None:
    floored = kettle()
    made = Repository(tmp_path / "r")
    settings(
        made,
        floors="required",
        adopt="never",
        onUnreadable="stop",
        rollout=[{"name": "canary", "stores": {"names": ["amz-de"]}}],
    )
    made.write(*floored)
    made.apply()
    harmless = dict.fromkeys(STRICTER, "error")
    assert len(harmless) > 20
    settings(made, adopt="any", onUnreadable="skip", severities={**harmless, "SKU-033": "info"})
    said = " ".join(made.run(*form).out.split())
    for name in ("rollout", "floors", "adopt", "onUnreadable", "SKU-033"):
        assert name in said, (name, said[-2000:])


def test_a_budget_that_is_waived_is_on_the_page(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", *kettle(price="100.00"))
    yaml, file = YAML(), made.path / "acorn.yaml"
    project = yaml.load(file.read_text())
    project["spec"]["policies"] = {"budgets": {"all": {"types": ["listing"], "priceDrop": "10"}}}
    with file.open("w") as opened:
        yaml.dump(project, opened)
    made.apply()
    project["spec"]["waivers"] = [
        {
            "rule": "BUD-002",
            "scope": "amz-de",
            "reason": "spring",
            "owner": "eve@example.com",
            "until": "2027-01-05",
        }
    ]
    with file.open("w") as opened:
        yaml.dump(project, opened)
    made.write(*kettle(price="75.00"))
    assert "BUD-002" in made.run("plan", "-o", "html").out


@pytest.mark.parametrize("form", [*FORMS, ("plan", "-o", "json")], ids=" ".join)
def test_harmless_waivers_hide_none_of_what_opens_more(tmp_path: Path, form: tuple[str, ...]) -> None:
    """A role that may do everything, waived among waivers without any effect, beside softened rules."""
    made = Repository(tmp_path / "r", storefront())
    made.apply()
    boss = permission(
        "boss", ["iam", "payout"], ["grant", "write"], "mallory@example.com", stores={"all": True}
    )
    made.write(storefront(), boss)
    harmless = [("MON-003", f"Store/amz-{number:03}") for number in range(50)]
    waived = [*harmless, ("ROL-002", "RolePermission/boss"), ("ROL-010", "RolePermission/boss")]
    rows = "".join(
        f'    - {{rule: {id}, scope: {scope}, reason: agreed, owner: eve, until: "2027-01-01"}}\n'
        for id, scope in waived
    )
    with (made.path / "acorn.yaml").open("a") as file:
        file.write(f"  policies: {{severities: {{PRO-030: info, SKU-016: info}}}}\n  waivers:\n{rows}")
    said = made.run(*form)
    assert said.code == 0, said
    assert all(id in said.out for id in ("ROL-002", "ROL-010", "PRO-030", "SKU-016"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (None, "attested.amz-de/promotion/hand"),
        ({"end": "2026-11-01T00:00:00Z"}, "attested.amz-de/promotion/hand.end 2028-01-01T00:00:00Z →"),
        ({"skus": ["Z"]}, "attested.amz-de/promotion/hand.skus (none) → Z"),
        ({"discount": {"percent": "5"}}, "attested.amz-de/promotion/hand.discount.percent 50 → 5"),
    ],
)
def test_a_record_that_says_otherwise_is_told(
    tmp_path: Path, change: dict[str, object] | None, told: str
) -> None:
    """Prices are judged by what people made by hand: whoever takes it out of the record opens them."""
    made = Repository(tmp_path / "r", storefront(), sku("S-0", "20.00"))
    made.apply()
    (made.path / "evidence").mkdir()
    content = {
        "type": "percentOff", "skus": ["S-0"], "start": "2026-01-01T00:00:00Z", "end": "2028-01-01T00:00:00Z",
        "discount": {"percent": "50"},
    }  # fmt: skip
    row = {"address": "amz-de/promotion/hand", "digest": "x", "where": "w", "proof": "sha256:1", "by": "ada"}
    row |= {"at": "2026-11-01", "until": "2027-03-01"}

    def record(*rows: dict[str, object]) -> None:
        said = {"format_version": "1.0", "environment": "sandbox", "attested": rows}
        (made.path / "evidence" / "attested-sandbox.json").write_text(json.dumps(said))

    record({**row, "content": content})
    made.apply()
    assert "ACN-036" not in made.run("plan").out
    record(*([] if change is None else [{**row, "content": {**content, **change}}]))
    said = " ".join(made.run("plan").out.split())
    assert "ACN-036" in said
    assert told in said


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_a_right_that_comes_is_told_by_its_name(tmp_path: Path, form: tuple[str, ...]) -> None:
    """It is the third verb of the tenth rule, which nobody can read."""
    resources = [
        "listing",
        "inventory",
        "price",
        "ad",
        "content",
        "promo",
        "order",
        "shipping",
        "store",
        "refund",
    ]

    def helpers(*more: str) -> dict[str, Any]:
        made = permission("helpers", ["order"], ["read"], "mallory@example.com", stores={"all": True})
        made["spec"]["rules"] = [
            {"resources": [one], "verbs": ["read", "plan", *(more if one == "refund" else ())]}
            for one in resources
        ]
        return made

    made = Repository(tmp_path / "r", storefront(), helpers())
    made.apply()
    made.write(storefront(), helpers("write"))
    said = made.run(*form).out
    assert "+refund.write" in said
