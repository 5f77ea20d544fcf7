"""What an audit of 28 November found: every listing and every price of a band are shown, remedies are for the platform, figures
come of whole tables, days are those of the store."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.model.territory import by_postcode
from tests.repository import Repository, document, promo, sku, storefront


def shop(tmp_path: Path, *documents: dict[str, Any], platform: str = "network") -> Repository:
    """A storefront of a platform with these."""
    front = storefront()
    front["spec"]["storefront"] |= {"platform": platform}
    if platform == "amazon":
        front["spec"]["storefront"] |= {"marketplaceId": "A1PA6795UKMFR9", "sellerId": "A1EXAMPLE23456"}
    return Repository(tmp_path / "r", front, *documents)


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T12:00:00Z")


FLOOR = {"pricePolicy": {"min": {"amz-de": "35.00"}}}


def test_every_listing_of_a_sku_is_priced(tmp_path: Path) -> None:
    """Also where one of them is called like the SKU; below a floor is exit 1 whichever it is."""
    mug = sku("A-1", "100.00", **FLOOR)
    used = {"store": "amz-de", "sellerSku": "A-1-USED", "price": {"currency": "EUR", "value": "40.00"}}
    mug["spec"]["listings"].append(used)
    made = shop(tmp_path, mug, promo("p", "20"))
    shown = made.run("price", "--store", "amz-de", "--sku", "A-1")
    assert shown.code == 1 and "A-1 (A-1-USED) in amz-de" in shown.out and "below it" in shown.out, shown
    told = made.run("price", "--store", "amz-de", "--sku", "A-1", "-o", "json").json
    assert (told["sku"], told["pays"], [one["sku"] for one in told["others"]]) == (
        "A-1",
        "80.00",
        ["A-1-USED"],
    )
    alone = made.run("price", "--store", "amz-de", "--sku", "A-1-USED", "-o", "json")
    assert (alone.code, alone.json["lowest"], "others" in alone.json) == (1, "32.00", False)


def test_a_ceded_price_is_shown_at_the_least_of_its_band(tmp_path: Path) -> None:
    """As PRO-030 refuses it: whoever is sent there sees why."""
    mug = sku("A-1", "100.00", pricePolicy={"min": {"amz-de": "60.00"}})
    mug["lifecycle"] = {"ceded": {"price": {"by": "repricer", "min": "70.00", "max": "110.00"}}}
    made = shop(tmp_path, mug, promo("p", "20"))
    shown = made.run("price", "--store", "amz-de", "--sku", "A-1")
    assert shown.code == 1, shown
    assert "70.00 EUR  ceded down to this" in shown.out and "56.00 EUR  for whoever chooses best" in shown.out
    assert "falls to 56.00 EUR" in made.run("validate").out


@pytest.mark.parametrize(("platform", "group"), [("network", True), ("amazon", False), ("vendure", False)])
def test_a_group_is_a_remedy_where_the_platform_keeps_groups(
    tmp_path: Path, platform: str, group: bool
) -> None:
    """Elsewhere it would change nothing (PRO-020, PRO-021, PRO-022)."""
    made = shop(
        tmp_path,
        sku("A-1", "100.00"),
        promo("p", "10", maxTotalPercent="12", stacking={"combinableWith": []}),
        promo("q", "5"),
        platform=platform,
    )
    told = [
        f
        for f in made.run("validate", "-o", "json").json["findings"]
        if f["id"] in ("PRO-020", "PRO-021", "PRO-022")
    ]
    assert len(told) == 3, told
    assert {"one stacking.group" in f["hint"] for f in told} == {group}


@pytest.mark.parametrize(
    ("table", "rows", "view"),
    [
        ("stock", "location,sku,onHand,asOf\nwh,A-1,10,2026-11-23T00:00:00Z\nwh,B-1,1.000,2026-11-23T00:00:00Z\n", "inventory"),
        ("finance", 'store,from,to,currency,reporter,sales,refunds,asOf\namz-de,2026-09-01,2026-09-30,EUR,marketplace,1000.00,10.00,2026-11-20T00:00:00Z\namz-de,2026-10-01,2026-10-31,EUR,marketplace,"2.000,00",20.00,2026-11-20T00:00:00Z\n', "finance"),
    ],
)  # fmt: skip
def test_nothing_is_added_up_of_a_table_that_cannot_be_read(
    tmp_path: Path, table: str, rows: str, view: str
) -> None:
    """The rest would be a half-truth."""
    place = {
        "type": "physical",
        "physical": {
            "code": "WH",
            "address": {
                "countryCode": "DE",
                "lines": ["Hafen 1"],
                "locality": "Berlin",
                "postalCode": "10115",
            },
        },
    }
    priced = sku(
        "A-1",
        "10.00",
        pricePolicy={"minMarginPercent": "1"},
        attributes={"cost": {"currency": "EUR", "value": "1.00"}},
    )
    priced["spec"]["inventory"] = {"pool": "main", "sources": [{"location": "wh"}]}
    made = shop(tmp_path, document("Store", "wh", place), priced)
    (made.path / "facts").mkdir()
    (made.path / "facts" / f"{table}.csv").write_text(rows)
    refused = made.run("view", view)
    assert refused.code == 4 and not refused.out and f"facts/{table}.csv:3" in refused.err, refused


def test_today_is_the_day_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half past midnight in Tokyo is the day before in UTC."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T15:30:00Z")
    front = storefront("jp", "JPY", "Asia/Tokyo")
    front["spec"]["storefront"]["country"] = "JP"
    rules = [
        document(
            "TaxRule",
            name,
            {
                "validity": {"from": begin, **({"to": end} if end else {})},
                "match": {"supply": {"shipTo": ["JP"]}},
                "result": {"liableParty": "seller", "treatment": "standard", "rate": {"percent": percent}},
                "evidence": {"source": "law", "asOf": "2026-01-01", "reviewedBy": "ada"},
            },
        )
        for name, begin, end, percent in (
            ("old", "2020-01-01", "2026-11-27", "10"),
            ("new", "2026-11-27", "", "12"),
        )
    ]
    made = Repository(tmp_path / "r", front, *rules)
    asked = ("tax", "explain", "--store", "jp", "--to", "JP")
    assert "12 %" in made.run(*asked).out
    assert "10 %" in made.run(*asked, "--date", "2026-11-26").out
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T14:30:00Z")
    assert "10 %" in made.run(*asked).out


@pytest.mark.parametrize(
    ("country", "postcode", "place"),
    [
        ("DE", "87491", "AT-JUNGHOLZ"),
        ("DE", "87568", "AT-MITTELBERG"),
        ("DE", "87566", None),
        ("AT", "6691", "AT-JUNGHOLZ"),
        ("IT", "47890", "SM"),
        ("IT", "47900", None),
        ("IT", "00120", "VA"),
    ],
)
def test_a_postcode_may_lead_over_a_border(country: str, postcode: str, place: str | None) -> None:
    """Places that are served by the post of another country."""
    assert by_postcode(country, postcode) == place


def test_import_leaves_out_what_is_refused_and_nothing_else(tmp_path: Path) -> None:
    """A shop whose address nobody verified is refused: what others have as well is taken in for them."""
    address = {"countryCode": "DE", "lines": ["Hafen 1"], "locality": "Berlin", "postalCode": "10115"}
    verified = {
        "status": "verified",
        "method": "seller-central",
        "at": "2026-11-01",
        "ref": "r-1",
        "addressHash": "sha256:bec0307a372695d0d385d8f675e2b31fa5701b40c94e612b4cd61fe7fd866346",
    }
    place = {
        "code": "WH",
        "timezone": "Europe/Berlin",
        "address": {**address, "verification": verified},
        "hours": {"mon": [["09:00", "18:00"]]},
        "capabilities": {"shipFromStore": {"enabled": True, "cutoff": "12:00"}},
    }
    rules = [{"resources": ["order"], "verbs": ["read"]}]
    role = document("RolePermission", "desk", {"subjects": [], "stores": {"all": True}, "rules": rules})
    documents = (document("Store", "wh", {"type": "physical", "physical": place}), role, sku("A-1", "10.00"))
    first = shop(tmp_path, *documents, platform="amazon")
    first.apply()
    made = Repository(tmp_path / "new", *())
    for old in (made.path / "specs").iterdir():
        old.unlink()
    (made.path / ".acorn").mkdir(exist_ok=True)
    (made.path / ".acorn" / "sandbox.db").write_bytes(copied(first.path / ".acorn" / "sandbox.db"))
    told = made.run("import")
    assert "Store/wh stays unmanaged" in told.err and told.err.count("stays unmanaged") == 1, told
    assert "1 store, 1 SKU, 1 role" in made.run("validate").out


def copied(database: Path) -> bytes:
    """A database with what is in its journal."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        return db.serialize()


def test_a_margin_is_shown_as_what_is_less_than_asked(tmp_path: Path) -> None:
    """A cent below: as many decimals as it takes."""
    rule = document(
        "TaxRule",
        "de",
        {
            "validity": {"from": "2020-01-01"},
            "match": {"supply": {"shipTo": ["DE"]}},
            "result": {"liableParty": "seller", "treatment": "standard", "rate": {"percent": "19"}},
            "evidence": {"source": "law", "asOf": "2026-01-01", "reviewedBy": "ada"},
        },
    )
    cost = {"currency": "EUR", "value": "67.50"}
    front = storefront(country="DE")
    priced = sku("A-1", "107.09", pricePolicy={"minMarginPercent": "25"}, attributes={"cost": cost})
    made = Repository(tmp_path / "r", front, rule, priced)
    assert "leaves 24.99 % at 107.09 EUR; its policy is 25 %" in made.run("validate").out


def test_two_rules_that_give_one_right_are_one_source(tmp_path: Path) -> None:
    """Alike but for what else they give."""
    rules = [
        {"resources": ["price"], "verbs": ["read", "write"]},
        {"resources": ["price", "promo"], "verbs": ["read"]},
    ]
    people = [{"kind": "user", "id": "ada@example.com", "mfa": True}]
    role = document("RolePermission", "desk", {"subjects": people, "stores": {"all": True}, "rules": rules})
    made = Repository(tmp_path / "r", storefront(), role)
    asked = made.run("access", "--who", "ada@example.com", "--what", "price.read", "-o", "json").json
    assert [one["role"] for one in asked["rows"][0]["through"]] == ["desk"]
