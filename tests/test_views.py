"""Views: one panel over all stores. Rows are the same as text, JSON and CSV; what is not known is missing, never nothing."""

from __future__ import annotations

import csv
import io
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.repository import Repository, shop, sku, storefront
from tests.rule_cases import lay_out


@pytest.fixture
def live(tmp_path: Path) -> Repository:
    """The small repository of the pages about rules: a store that is live, with all its records."""
    return lay_out(tmp_path / "r", {})


def patched(live: Repository, patch: dict[str, Any]) -> Repository:
    """The same, changed."""
    return lay_out(live.path, patch)


VIEWS = (
    "stores", "prices", "promotions", "permissions", "tax", "inventory", "orders", "performance", "finance", "evidence",
)  # fmt: skip
FACTS = {
    "facts/stock.csv": "location,sku,onHand,reserved,unit,asOf\nshop-berlin,KTL-17-BLK,15,2,each,2026-11-23T08:00:00Z\n",
    "facts/published.csv": "store,sku,quantity,asOf\namz-de,KTL-17-BLK,11,2026-11-23T08:55:00Z\n",
    "facts/orders.csv": "store,order,channel,seenAt\namz-de,A-1,primary,2026-11-23T08:10:00Z\namz-de,A-1,backup,2026-11-23T08:11:00Z\n",
    "facts/performance.csv": "store,orderDefects,cancellations,lateShipments,validTracking,asOf\namz-de,0.4,2.4,1.1,97,2026-11-23T06:00:00Z\n",
    "facts/finance.csv": "store,from,to,currency,reporter,units,returned,sales,refunds,fees,adSpend,asOf\namz-de,2026-10-01,2026-10-31,EUR,marketplace,200,13,9900.00,640.10,1500.00,310.00,2026-11-02T00:00:00Z\n",
    "facts/activity.csv": "subject,store,right,lastUsed\nada@example.com,amz-de,price.write,2026-11-20\nbo@example.com,amz-de,store.write,2026-11-01\n",
}


@pytest.mark.parametrize("name", VIEWS)
def test_table_json_and_csv_agree(name: str, live: Repository) -> None:
    """One set of rows, three forms; every source says how old it is."""
    patched(live, FACTS)
    live.apply()
    page = live.run("view", name, "-o", "json").json
    rows = list(csv.DictReader(io.StringIO(live.run("view", name, "-o", "csv").out)))
    assert page["rows"]
    assert page["freshness"]
    assert len(rows) == len(page["rows"])

    def text(value: Any) -> str:
        if value is None:
            return ""
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    assert [[text(v) for v in row.values()] for row in page["rows"]] == [list(row.values()) for row in rows]
    shown = live.run("view", name).out
    assert shown.splitlines()[0].split() == list(rows[0])
    for row in rows:
        assert next(iter(row.values())) in shown


def test_every_store_with_its_health(live: Repository) -> None:
    """Good after apply; drifted when somebody changed it; alert when a monitor says so; not applied before."""

    def health() -> dict[str, str]:
        return {r["store"]: r["health"] for r in live.run("view", "stores", "-o", "json").json["rows"]}

    assert health() == {"amz-de": "not applied", "shop-berlin": "not applied"}
    live.apply()
    assert health() == {"amz-de": "good", "shop-berlin": "good"}
    live.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=39.99")
    assert health()["amz-de"] == "drifted"
    row = next(r for r in live.run("view", "stores", "-o", "json").json["rows"] if r["store"] == "amz-de")
    assert (row["drifted"], row["last_applied"]) == (1, "2026-11-23T09:00:00Z")
    live.apply()
    (live.path / "facts").mkdir()
    (live.path / "facts" / "orders.csv").write_text(
        "store,order,channel,seenAt\namz-de,A-2,backup,2026-11-23T08:30:00Z\n"
    )
    assert health()["amz-de"] == "alert"
    assert live.run("view", "stores", "--offline", "-o", "json").json["rows"][0]["drifted"] is None


def test_prices_of_a_moment_and_in_one_currency(live: Repository) -> None:
    """During the sale a tenth less; without tax, in pounds."""
    row = live.run("view", "prices", "--at", "2027-03-02T12:00:00Z", "--currency", "GBP", "-o", "json").json[
        "rows"
    ][0]
    assert (row["listed"], row["pays"], row["lowest"], row["floor"]) == ("49.99", "44.99", "44.99", "34.99")
    assert row["net_GBP"] == "32.88"  # 44.99 / 1.19 / 1.15
    assert row["margin_percent"] == "47.1"
    assert live.run("view", "prices", "--at", "tomorrow").code == 64


def test_stock_is_shown_as_it_is_divided(live: Repository) -> None:
    """15 there, 2 reserved, 2 kept: 11; what is offered beside what was allotted, and how old that is."""
    patched(live, FACTS)
    row = live.run("view", "inventory", "-o", "json").json["rows"][0]
    shown = {
        k: row[k] for k in ("on_hand", "reserved", "kept", "atp", "allotted", "published", "lag_minutes")
    }
    assert shown == {
        "on_hand": 15,
        "reserved": 2,
        "kept": 2,
        "atp": 11,
        "allotted": 11,
        "published": 11,
        "lag_minutes": 5,
    }


def test_unknown_is_a_dash_and_never_nothing(tmp_path: Path) -> None:
    """No stock, no cost, no country."""
    made = Repository(
        tmp_path / "r",
        storefront(),
        shop(),
        sku(inventory={"pool": "p", "sources": [{"location": "de-ber-mitte"}]}),
    )
    assert made.run("view", "prices", "-o", "json").json["rows"][0]["margin_percent"] is None
    text = made.run("view", "inventory").out
    assert "nothing to show" in text
    assert "no recorded stock of KTL-17-BLK" in text
    assert "stock: nothing recorded" in text


def test_permissions_of_one_person(live: Repository) -> None:
    """What they may, through which role, when they last did."""
    patched(live, FACTS)
    rows = live.run("view", "permissions", "--who", "ada@example.com", "-o", "json").json["rows"]
    assert rows == [
        {
            "store": "amz-de", "subject": "user:ada@example.com", "rights": "price: read, write; store: read, write",
            "roles": ["pricing"], "last_used": "2026-11-20", "reviewed": "2026-10-01",
        }
    ]  # fmt: skip


def test_tax_shows_its_holes(live: Repository) -> None:
    """A sale without a rule has a problem, and no rate."""
    patched(live, {"TaxRule/de": None})
    rows = live.run("view", "tax", "-o", "json").json["rows"]
    holes = [r for r in rows if r["problem"]]
    assert holes
    assert all(r["percent"] is None and r["rule"] is None for r in holes)


def test_groups_and_globs(live: Repository) -> None:
    """By a label, and by a pattern."""
    rows = live.run("view", "stores", "--offline", "--label", "region", "-o", "json").json["rows"]
    assert [(r["region"], r["store"]) for r in rows] == [(None, "shop-berlin"), ("eu", "amz-de")]
    assert [
        r["store"]
        for r in live.run("view", "stores", "--offline", "--store", "amz-*", "-o", "json").json["rows"]
    ] == ["amz-de"]


# Orders, performance, finance, evidence, SKU codes

UK = {
    "Store/amz-uk": {"type": "storefront", "storefront": {"platform": "amazon", "sellerId": "A1EXAMPLE23456", "marketplaceId": "A1F83G8C2ARO7P", "currency": "GBP"}}
}  # fmt: skip
HEAD = "store,from,to,currency,reporter,units,returned,sales,refunds,fees,adSpend,asOf\n"
OCTOBER = (
    "amz-de,2026-10-01,2026-10-31,EUR,marketplace,200,13,9900.00,640.10,1500.00,310.00,2026-11-02T00:00:00Z\n"
    "amz-uk,2026-10-01,2026-10-31,GBP,marketplace,100,2,4000.00,80.00,600.00,,2026-11-02T00:00:00Z\n"
)


def finance(live: Repository, *options: str, facts: str = OCTOBER, **patch: Any) -> dict[str, Any]:
    """The view as JSON."""
    made = patched(live, {**UK, "facts/finance.csv": HEAD + facts, **patch})
    page: dict[str, Any] = made.run("view", "finance", *options, "-o", "json").json
    return page


def test_sums_are_the_sums_of_their_rows(live: Repository) -> None:
    """By currency, and over all in one: 9900.00 + 4000.00 × 1.15; what a store did not report is in no sum."""
    page = finance(live)
    rows = {r["store"]: r for r in page["rows"]}
    assert (rows["amz-de"]["return_percent"], rows["amz-uk"]["sales_EUR"]) == ("6.5", "4600.00")
    assert page["totals"] == [
        {"store": "TOTAL", "currency": "EUR", "sales": "9900.00", "refunds": "640.10", "fees": "1500.00", "ad_spend": "310.00"},
        {"store": "TOTAL", "currency": "GBP", "sales": "4000.00", "refunds": "80.00", "fees": "600.00", "ad_spend": None},
        {"store": "TOTAL", "currency": "all in EUR", "sales": "14500.00", "refunds": "732.10", "fees": "2190.00", "ad_spend": None, "sales_EUR": "14500.00"},
    ]  # fmt: skip
    assert page["freshness"]["exchange rates"] == "GBP/EUR 1.15 of 2026-11-20"
    assert finance(live, "--currency", "GBP")["totals"][-1]["sales_GBP"] == "12608.70"  # 9900 / 1.15 + 4000
    text = live.run("view", "finance").out
    assert text.count("TOTAL") == 3
    assert "TOTAL" not in live.run("view", "finance", "-o", "csv").out


def test_a_silent_feed_is_missing_and_never_nothing(live: Repository) -> None:
    """A store without a statement has no numbers, is not in the sums, and that is said."""
    page = finance(live, facts=OCTOBER.splitlines(keepends=True)[0])
    row = next(r for r in page["rows"] if r["store"] == "amz-uk")
    assert (row["state"], row["sales"]) == ("missing", None)
    assert page["notes"] == ["not in the sums, because nothing was reported: amz-uk"]
    assert page["totals"][-1]["sales_EUR"] == "9900.00"


def test_a_sum_without_a_rate_is_not_known(live: Repository) -> None:
    """Rather no sum than a wrong one."""
    page = finance(live, "--currency", "JPY")
    assert page["totals"][-1]["sales_JPY"] is None
    assert page["notes"] == [
        "no rate between EUR and JPY in acorn.yaml",
        "no rate between GBP and JPY in acorn.yaml",
    ]


def test_the_newest_report_of_a_period_counts_and_overlaps_are_told(live: Repository) -> None:
    """A correction replaces; a week inside a month is counted twice, and that is said."""
    again = "amz-de,2026-10-01,2026-10-31,EUR,marketplace,200,13,9950.00,640.10,1500.00,310.00,2026-11-09T00:00:00Z\n"
    page = finance(live, facts=OCTOBER + again)
    assert page["totals"][0]["sales"] == "9950.00"
    week = (
        "amz-de,2026-10-05,2026-10-11,EUR,marketplace,20,1,990.00,64.10,150.00,31.00,2026-11-02T00:00:00Z\n"
    )
    page = finance(live, facts=OCTOBER + week)
    assert "overlap: days are counted twice" in page["notes"][0]
    assert [len(finance(live, "--month", m).get("totals", ())) for m in ("2026-10", "2026-09")] == [3, 0]


def test_our_books_stand_beside_the_marketplaces(live: Repository) -> None:
    """How far they part, period by period."""
    own = "amz-de,2026-10-01,2026-10-31,EUR,own,,,9801.00,,,,2026-11-03T00:00:00Z\namz-uk,2026-10-01,2026-10-31,GBP,own,,,4000.00,,,,2026-11-03T00:00:00Z\n"
    rows = {r["store"]: r["our_books"] for r in finance(live, facts=OCTOBER + own)["rows"]}
    assert rows == {"amz-de": "1.00 % apart", "amz-uk": "the same"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--month", "2026-13"], "no month"), (["--month", "October"], "no month"), (["--currency", "euro"], "no currency")],
)  # fmt: skip
def test_wrong_questions_about_money(arguments: list[str], words: str, live: Repository) -> None:
    """Exit 64, with the right form."""
    result = live.run("view", "finance", *arguments)
    assert result.code == 64
    assert words in result.err


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 30), st.integers(0, 12)),
        max_size=8,
        unique=True,
    )
)
def test_overlaps_are_found_as_by_comparing_all_pairs(periods: list[tuple[str, int, int]]) -> None:
    """A period is told to overlap an earlier one exactly when, day by day, it does."""
    from datetime import date, timedelta

    from acorn_gitops.engines.statements import Statement, overlapping

    first = date(2026, 1, 1)
    made = [
        Statement(
            store,
            (first + timedelta(start)).isoformat(),
            (first + timedelta(start + length)).isoformat(),
            "EUR",
            {"sales": Decimal(1)},
            None,
            None,
            None,  # type: ignore[arg-type]  # where it was written does not matter here
        )
        for store, start, length in periods
    ]
    ordered = sorted(made, key=lambda s: (s.store, s.start, s.end))

    def days(one: Statement) -> set[date]:
        start, end = date.fromisoformat(one.start), date.fromisoformat(one.end)
        return {start + timedelta(n) for n in range((end - start).days + 1)}

    told = [later for _, later in overlapping(made)]
    wanted = [
        later
        for n, later in enumerate(ordered)
        if any(earlier.store == later.store and days(earlier) & days(later) for earlier in ordered[:n])
    ]
    assert sorted(told) == sorted(wanted)


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ("", {"expected": None, "received": None, "missed": None, "state": "missing"}),
        ("amz-de,A-1,primary,2026-11-23T08:10:00Z\namz-de,A-1,backup,2026-11-23T08:11:00Z\n", {"expected": 1, "received": 1, "missed": 0, "on_the_way": 0, "state": "good"}),
        ("amz-de,A-2,backup,2026-11-23T08:30:00Z\n", {"expected": 1, "received": 0, "missed": 1, "on_the_way": 0, "state": "missed"}),
        ("amz-de,A-3,backup,2026-11-23T08:55:00Z\n", {"expected": 1, "received": 0, "missed": 0, "on_the_way": 1}),
        ("amz-de,A-4,primary,2026-11-21T08:00:00Z\n", {"expected": 0, "received": 0, "missed": 0, "last_order": "2026-11-21T08:00:00Z"}),
    ],
)  # fmt: skip
def test_orders_expected_received_and_missed(rows: str, wanted: dict[str, Any], live: Repository) -> None:
    """Silence is missing; an order of the backup alone is on its way for ten minutes, and then missed."""
    patched(live, {"facts/orders.csv": "store,order,channel,seenAt\n" + rows})
    row = live.run("view", "orders", "-o", "json").json["rows"][0]
    assert {k: row[k] for k in wanted} == wanted


def test_ratings_beyond_the_bounds_are_named(live: Repository) -> None:
    """And an old rating is stale."""
    rating = "store,orderDefects,cancellations,lateShipments,validTracking,asOf\n"
    patched(live, {"facts/performance.csv": rating + "amz-de,1,2.4,1.1,97,2026-11-23T06:00:00Z\n"})
    row = live.run("view", "performance", "-o", "json").json["rows"][0]
    assert (row["state"], row["why"]) == ("out of bounds", ["order defects 1 % (below 1 %)"])
    patched(live, {"facts/performance.csv": rating + "amz-de,0.2,2.4,1.1,97,2026-11-19T06:00:00Z\n"})
    assert live.run("view", "performance", "-o", "json").json["rows"][0]["state"] == "stale"


def test_evidence_of_any_day(live: Repository) -> None:
    """Which rule was in force, on what it rests, who looked at it, and which commit wrote it."""
    approval = {"store": "amz-de", "category": "Kitchen", "status": "approved", "ref": "case-9", "at": "2026-03-01", "evidence": "sha256:aa11bb", "expires": "2027-03-01"}  # fmt: skip
    evidence = {"source": "§ 12 UStG", "asOf": "2026-01-05", "reviewedBy": "kim@example.com"}
    patched(
        live, {"SkuMapping/kettle": {"approvals": [approval]}, "TaxRule/de": {"evidence": evidence, "validity": {"to": "2026-12-01"}}}
    )  # fmt: skip
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    for arguments in (["init", "-q"], ["add", "specs"], [*who, "commit", "-q", "-m", "Rules"]):
        subprocess.run(["git", *arguments], cwd=live.path, check=True)

    def seen(day: str) -> dict[str, dict[str, Any]]:
        return {r["name"]: r for r in live.run("view", "evidence", "--date", day, "-o", "json").json["rows"]}

    now = seen("2026-11-23")
    assert (now["de"]["says"], now["de"]["source"], now["de"]["reviewed_by"]) == (
        "seller standard standard", "§ 12 UStG", "kim@example.com",
    )  # fmt: skip
    assert now["de"]["by"] == "Ada"
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=live.path, check=True, capture_output=True, text=True
    ).stdout
    assert head.startswith(now["de"]["commit"])
    assert (now["KTL-17-BLK"]["says"], now["KTL-17-BLK"]["evidence"]) == (
        "Kitchen: approved",
        "sha256:aa11bb",
    )
    assert "KTL-17-BLK" not in seen("2026-02-28")
    assert "de" not in seen("2026-12-01")
    with (live.path / "specs" / "edit.yaml").open("w") as out:
        out.write(
            "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: new}\nspec: {sku: NEW-1, listings: [], approvals: [{store: amz-de, category: Toys, status: approved, at: 2026-11-01}]}\n"
        )
    assert seen("2026-11-23")["NEW-1"]["by"] is None


def test_skus_that_want_another_name(tmp_path: Path) -> None:
    """What is not in normal form, what it would be, and which others people would take for it. Nothing is written."""
    made = Repository(
        tmp_path / "r",
        storefront(),
        sku("one", sku="AB-01"),
        sku("two", sku="ab_01 ".strip()),
        sku("three", sku="mug blue/large"),
        sku("four", sku="FINE-1"),
    )
    rows = {r["sku"]: r for r in made.run("sku", "normalize", "-o", "json").json["rows"]}
    assert set(rows) == {"AB-01", "ab_01", "mug blue/large"}
    assert rows["ab_01"]["normal_form"] == "AB_01"
    assert rows["ab_01"]["collides_with"] == ["AB-01"]
    assert rows["mug blue/large"]["normal_form"] == "MUG-BLUE-LARGE"
    assert made.run("sku", "normalize", "--store", "nowhere").code == 1


@given(st.text(min_size=1, max_size=60), st.text("aB1 /_.-", min_size=1, max_size=40))
def test_the_normal_form_is_one(text: str, code: str) -> None:
    """Normalising twice changes nothing, the result is tidy, and a code stays what people take it for."""
    import re

    from acorn_gitops.engines.sku_code import collision_key, normal_form

    form = normal_form(text)
    assert normal_form(form) == form
    assert re.fullmatch(r"([A-Z0-9]([A-Z0-9._-]{0,38}[A-Z0-9])?)?", form)
    assert collision_key(normal_form(code)) == collision_key(code)
