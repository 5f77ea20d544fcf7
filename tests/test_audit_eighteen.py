"""What an audit with oracles of its own found: spellings, hours that are left out, what is told of what stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.engines.standstill import closed, next_opening
from tests.repository import Repository, document, shop, sku, storefront
from tests.test_access import permission


def parcels(most: str) -> dict[str, Any]:
    """A tax rule for goods of little value."""
    match = {
        "stores": {"names": ["amz-de"]},
        "supply": {"shipFrom": ["CN"], "shipTo": ["DE"]},
        "value": {"currency": "EUR", "max": most},
    }
    result = {"liableParty": "seller", "treatment": "standard", "rate": {"percent": "19"}}
    return document(
        "TaxRule", "parcels", {"validity": {"from": "2026-01-01"}, "match": match, "result": result}
    )


def held_back(percent: str) -> dict[str, Any]:
    """The kettle, with a part of its stock held back."""
    return sku(inventory={"pool": "main", "buffer": {"percent": percent}})


@pytest.mark.parametrize(
    ("before", "after", "other"),
    [
        (parcels("150"), parcels("150.00"), parcels("150.01")),
        (held_back("5"), held_back("5.0"), held_back("5.1")),
        (
            permission("sales", ["promo"], ["apply"], "Ada@example.com"),
            permission("sales", ["promo"], ["apply"], "ada@example.com"),
            permission("sales", ["promo"], ["apply"], "eve@example.com"),
        ),
    ],
    ids=["bound of a value", "percentage", "person"],
)
def test_another_spelling_is_no_change_for_anybody(
    before: dict[str, Any], after: dict[str, Any], other: dict[str, Any], tmp_path: Path
) -> None:
    """Neither for a plan nor for drift; another value is."""
    made = Repository(tmp_path, storefront(), before)
    made.apply()
    made.write(storefront(), after)
    assert made.run("plan", "--detailed-exitcode").code == 0
    assert "not applied yet" not in made.run("drift").out
    made.write(storefront(), other)
    assert made.run("plan", "--detailed-exitcode").code == 2
    assert "not applied yet" in made.run("drift").out


@given(
    st.integers(0, 47),
    st.integers(1, 40),
    st.datetimes(datetime(2027, 3, 25), datetime(2027, 4, 2)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Africa/Cairo", "UTC"]),
)
def test_a_window_opens_when_it_is_said_to_open_next(begin: int, length: int, now: datetime, tz: str) -> None:
    """Minute by minute: the first one in which it is open, also on days with hours that are left out or come twice."""
    end = (begin + length) % 48
    if begin == end:
        return
    window: Any = {
        "from": f"{begin // 2:02}:{begin % 2 * 30:02}",
        "until": f"{end // 2:02}:{end % 2 * 30:02}",
        "tz": tz,
    }
    at = now.replace(second=0, microsecond=0, tzinfo=UTC)

    def is_open(moment: datetime) -> bool:
        return not [*closed({"changeWindows": [window]}, ["e"], ["s"], moment)]

    found = next_opening(window, at)
    if is_open(at):
        return
    looked = (at + timedelta(minutes=n) for n in range(1, 3 * 24 * 60))
    assert found == next(moment for moment in looked if is_open(moment))
    assert found is not None and found.astimezone(ZoneInfo(tz)) == found


def test_what_stays_unmanaged_of_a_known_role_and_a_known_sku_is_told(tmp_path: Path) -> None:
    """With what to do about it."""
    clerks = permission("clerks", ["price"], ["write"], "ada@example.com")
    made = Repository(tmp_path, storefront(), shop(), sku(), clerks)
    made.apply()
    subject = {"kind": "user", "id": "eve@example.com"}
    rows = [
        {
            "address": "amz-de/grant/clerks:user:eve@example.com",
            "attributes": {"role": "clerks", "subject": subject},
        },
        {"address": "de-ber-mitte/stock/KTL-17-BLK", "attributes": {"pool": "main", "reserve": 1}},
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert made.run("sandbox", "seed", "rows.jsonl").code == 0
    told = " ".join(made.run("import").err.split())
    assert "where a spec says it, name the person there" in told
    assert "KTL-17-BLK is mapped already; name the place in its `inventory.sources`" in told
