"""A reduction is judged from when it was one, for those who are shown it; and what one store has odd is its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.repository import Repository, sku, storefront
from tests.test_prior_price import sale, told

KETTLE = "KTL-17-BLK"


def off(percent: str, name: str = "bf", **more: Any) -> dict[str, Any]:
    return sale(percent, "2026-09-01", "2027-06-01", name=name, skus={"names": [KETTLE]}, **more)


EARLIER = {
    "deeper": off("1"),
    "named after one that stays": off("1", name="evergreen"),
    "for holders of a code before": off("25", type="promoCode", code="SPRING"),
    "for businesses before": off("25", audience="b2b"),
}


@pytest.mark.parametrize("how", ["new", *EARLIER])
def test_a_reduction_is_judged_by_the_days_before_it_was_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """99.99 in summer, 49.99 in autumn; then 59.99 with "25 %" off it: in truth that is 10 %."""
    front = storefront(country="DE")
    earlier = [EARLIER[how]] if how in EARLIER else []
    monkeypatch.setenv("ACORN_NOW", "2026-07-01T09:00:00Z")
    shop_ = Repository(tmp_path / "r")
    shop_.write(front, sku(price="99.99"))
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-09-02T09:00:00Z")
    shop_.write(front, sku(price="99.99"), *earlier)
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-10-05T09:00:00Z")
    shop_.write(front, sku(price="49.99"), *earlier)
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-28T09:00:00Z")
    now = {
        "named after one that stays": [*earlier, off("25")],
    }.get(how, [off("25")])
    if how == "named after one that stays":
        now[1]["metadata"]["movedFrom"] = "evergreen"
    shop_.write(front, sku(price="59.99"), *now)
    found = shop_.run("plan")
    print(found.out, found.err)
    assert "PRO-040" in told(shop_)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", "garbage"),
        ("start", None),
        ("start", "2026-11-20T00:00:00"),
        ("start", 7),
        ("end", "garbage"),
        ("end", "9999-99-99T00:00:00Z"),
        ("skus", 5),
        ("skus", [["KTL-17-BLK"]]),
        ("skus", [{"a": 1}]),
        ("discount", "half"),
        ("discount", {"percent": {"a": 1}}),
        ("discount", {"percent": "NaN"}),
        ("discount", {"amount": "5"}),
        ("discount", {"salePrice": {"currency": "XXX", "value": "1"}}),
        ("type", 5),
        ("audience", ["b2b"]),
    ],
)
def test_later_plans_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    monkeypatch.setenv("ACORN_NOW", "2026-10-30T09:00:00Z")
    front, mine = storefront(country="DE"), sale("2", "2026-11-01", "2026-12-25", name="mine")
    made = Repository(tmp_path / "r", front, sku(), mine)
    made.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    database = Database(made.path / ".acorn" / "sandbox.db")
    disturb.set_attribute(database, Address("amz-de", "promotion", "mine"), name, value=value)
    database.close()
    outs = []
    for command in (["plan"], ["apply", "--auto-approve"], ["apply", "--auto-approve"]):
        found = made.run(*command)
        outs.append((command, found.code, (found.out + found.err)[-600:]))
    later = sale("3", "2026-12-27", "2026-12-30", name="later")
    monkeypatch.setenv("ACORN_NOW", "2026-11-20T09:00:00Z")
    made.write(front, sku(), mine, later)
    for command in (["plan"], ["validate"], ["apply", "--auto-approve"], ["calendar"]):
        found = made.run(*command)
        outs.append((command, found.code, (found.out + found.err)[-600:]))
    words = ("internal error", "Traceback", "the rule itself failed")
    bad = [one for one in outs if any(word in one[2] for word in words)]
    assert not bad, bad


def two_stores(price: str) -> list[dict[str, Any]]:
    """A store with a sale, and another one; `price` in the other one."""
    other = sku("OTHER-1", price, store="amz-at")
    mine = sale("2", "2026-11-01", "2026-12-25", name="mine", stores={"names": ["amz-de"]})
    return [storefront(country="DE"), storefront("amz-at", country="AT"), sku(), other, mine]


def test_other_stores_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one store once showed keeps nobody from a price in another one, nor that store for ever."""
    monkeypatch.setenv("ACORN_NOW", "2026-10-30T09:00:00Z")
    made = Repository(tmp_path / "r", *two_stores("20.00"))
    made.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    database = Database(made.path / ".acorn" / "sandbox.db")
    disturb.set_attribute(database, Address("amz-de", "promotion", "mine"), "start", value="garbage")
    database.close()
    made.apply()  # put right
    monkeypatch.setenv("ACORN_NOW", "2026-11-20T09:00:00Z")
    made.write(*two_stores("21.00"))
    found = made.run("apply", "--auto-approve")
    assert found.code == 0, found
    assert made.live()["amz-at/listing/OTHER-1"]["price"]["value"] == "21.00"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("discount", {"amount": "5"}),
        ("discount", {"percent": "NaN"}),
        ("discount", {"percent": {"a": 1}}),
        ("start", "2026-11-05T00:00:00"),
        ("start", "0001-01-01T00:00:00+14:00"),
        ("end", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_an_odd_promotion_that_nobody_declares_stops_no_other_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    monkeypatch.setenv("ACORN_NOW", "2026-10-30T09:00:00Z")
    made = Repository(tmp_path / "r", *two_stores("20.00"))
    made.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    database = Database(made.path / ".acorn" / "sandbox.db")
    there = {
        "type": "percentOff",
        "skus": ["KTL-17-BLK"],
        "start": "2026-11-05T00:00:00Z",
        "end": "2026-11-25T00:00:00Z",
        "discount": {"percent": "18"},
    }
    disturb.insert(database, Address("amz-de", "promotion", "hand"), {**there, name: value})
    database.close()
    made.write(*two_stores("21.00"))
    for command in ("plan", "calendar", "drift"):
        found = made.run(command)
        assert "internal error" not in found.out + found.err, found
        assert "the rule itself failed" not in found.out + found.err, found
    found = made.run("apply", "--auto-approve")
    assert made.live()["amz-at/listing/OTHER-1"]["price"]["value"] == "21.00", found
