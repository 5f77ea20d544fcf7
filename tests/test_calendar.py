"""`acorn calendar`: from boundary to boundary what holds, what lies between, where clocks change, and whether it is a reduction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.model.window import clock_changes
from tests.repository import Repository, document, sku, storefront

SAID = {"stacking": {"mode": "additive"}}


def promo(name: str, off: str, start: str, end: str, **more: Any) -> dict[str, Any]:
    """So many percent off the kettle, by the store's clock."""
    window = {k: {"local": v if "T" in v else f"{v}T00:00", "tz": "store"} for k, v in (("start", start), ("end", end))}  # fmt: skip
    return document("Promo", name, {"type": "percentOff", "stores": {"all": True}, "skus": {"all": True}, "window": window, "discount": {"percent": off}, **more})  # fmt: skip


def abroad() -> dict[str, Any]:
    """A store in the United States."""
    return storefront(currency="USD", zone="America/Los_Angeles", country="US")


def shown(made: Repository) -> list[str]:
    """What it prints."""
    return made.run("calendar").out.splitlines()


def test_it_tells_what_holds_when(tmp_path: Path) -> None:
    """In the store's own time, where promotions meet, and what lies between them."""
    made = Repository(
        tmp_path / "r",
        abroad(),
        sku(currency="USD", price="100.00"),
        promo("black-friday", "15", "2026-11-27", "2026-12-01", **SAID),
        promo("monday", "10", "2026-11-30", "2026-12-02", **SAID),
        promo("new-year", "20", "2027-01-01", "2027-01-03"),
    )
    assert shown(made) == [
        "amz-de  America/Los_Angeles",
        "  2026-11-27 00:00 to 2026-11-30 00:00  black-friday",
        "    1 SKU, deepest -15.0 % (KTL-17-BLK at 85.00 USD)",
        "  2026-11-30 00:00 to 2026-12-01 00:00  black-friday + monday",
        "    1 SKU, deepest -25.0 % (KTL-17-BLK at 75.00 USD), 1 with more than one",
        "  2026-12-01 00:00 to 2026-12-02 00:00  monday",
        "    1 SKU, deepest -10.0 % (KTL-17-BLK at 90.00 USD)",
        "  nothing for 30 days",
        "  2027-01-01 00:00 to 2027-01-03 00:00  new-year",
        "    1 SKU, deepest -20.0 % (KTL-17-BLK at 80.00 USD)",
    ]
    spans = made.run("calendar", "-o", "json").json["spans"]
    assert [s["hours_without_before"] for s in spans] == [None, None, None, "720"]
    assert [s["deepest"]["pays"] for s in spans] == ["85.00", "75.00", "90.00", "80.00"]
    assert [s["prior_price"] for s in spans] == [None] * 4


def test_it_names_what_lies_furthest_below_its_floor(tmp_path: Path) -> None:
    """Of several, by the share of the floor that is missing; exit 1."""
    made = Repository(
        tmp_path / "r",
        abroad(),
        sku("A-1", "100.00", currency="USD", pricePolicy={"min": {"amz-de": "85.00"}}),
        sku("B-1", "20.00", currency="USD", pricePolicy={"min": {"amz-de": "19.00"}}),
        sku("C-1", "50.00", currency="USD", pricePolicy={"min": {"amz-de": "40.00"}}),
        promo("p", "20", "2026-12-01", "2026-12-02"),
    )
    result = made.run("calendar")
    assert result.code == 1
    assert "    2 below their floor, worst B-1 at 16.00 USD, floor 19.00" in result.out
    span = made.run("calendar", "-o", "json").json["spans"][0]
    assert (span["below_floor"], span["worst"]) == (
        2,
        {"sku": "B-1", "pays": "16.00", "floor": "19.00", "currency": "USD"},
    )


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2027-03-27", "2027-03-29", "the clocks go forward on 2027-03-28: an hour shorter than its days"),
        ("2027-10-30", "2027-11-01", "the clocks go back on 2027-10-31: an hour longer than its days"),
        ("2027-03-20", "2027-03-28", ""),
        ("2027-03-28T03:00", "2027-03-29", ""),
    ],
)
def test_it_tells_where_clocks_change(start: str, end: str, words: str, tmp_path: Path) -> None:
    """A promotion over that night is not as long as its days."""
    made = Repository(
        tmp_path / "r",
        storefront(),
        sku(),
        promo("spring", "20", start, end, type="lightningDeal"),
    )
    lines = [line.strip() for line in shown(made) if "clocks" in line]
    assert lines == ([words] if words else [])


def test_it_tells_whether_it_is_a_reduction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the lowest price of the ledger's thirty days: fine, none, or not known; nothing where the directive does not
    reach; exit 1 where it is none."""
    monkeypatch.setenv("ACORN_NOW", "2026-09-01T09:00:00Z")
    made = Repository(tmp_path / "r", storefront(country="DE"), sku())
    made.apply()
    sale = promo("sale", "20", "2026-11-27", "2026-12-01")
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    made.write(storefront(country="DE"), sku(), sale)
    fine = made.run("calendar")
    assert fine.code == 0
    assert "    lowest price of 30 days before: 1 fine" in fine.out
    made.write(storefront(country="DE"), sku(price="69.99"), sale)
    none = made.run("calendar")
    assert none.code == 1
    assert (
        "    lowest price of 30 days before: 1 no reduction, first KTL-17-BLK at 55.99 EUR, was 49.99"
        in none.out
    )
    assert made.run("calendar", "-o", "json").json["spans"][0]["prior_price"] == {
        "reductions": 1,
        "none": 1,
        "unknown": 0,
    }
    fresh = Repository(tmp_path / "fresh", storefront(country="DE"), sku(), sale)
    assert "    lowest price of 30 days before: 1 not known" in fresh.run("calendar").out
    us = Repository(tmp_path / "us", abroad(), sku(currency="USD"), sale)
    assert "lowest price" not in us.run("calendar").out


def test_a_window_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """It cannot be drawn, and is not left out in silence."""
    made = Repository(
        tmp_path / "r",
        storefront(),
        sku(),
        promo("night", "20", "2027-03-28T02:30", "2027-03-29", type="lightningDeal"),
    )
    result = made.run("calendar")
    assert "PRO-012" in result.err
    assert result.out == "No promotion holds or is planned from now on.\n"


@given(
    st.sampled_from(["Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Tokyo", "UTC", "Africa/Cairo"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),
    st.integers(0, 24 * 250),
)  # fmt: skip
def test_clock_changes_are_those_that_a_walk_finds(name: str, begin: datetime, hours: int) -> None:
    """By quarters of an hour: the same moments, and together the whole shift."""
    start = begin.replace(minute=begin.minute // 15 * 15, second=0, microsecond=0, tzinfo=UTC)
    end = start + timedelta(hours=hours)
    place = ZoneInfo(name)
    walked = []
    moment = start
    while moment < end:
        after = moment + timedelta(minutes=15)
        shift = after.astimezone(place).utcoffset() - moment.astimezone(place).utcoffset()  # type: ignore[operator]
        if shift:
            walked.append((after, shift))
        moment = after
    assert clock_changes(name, start, end) == walked
