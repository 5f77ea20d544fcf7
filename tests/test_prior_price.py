"""The lowest price of thirty days: the domain's vectors, an oracle, and the ledger as history."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.engines.pricing.prior_price import prior_price, spans_of, thirty_days_before
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.repository import Repository, document, sku, storefront


def day(text: str) -> datetime:
    """Midnight in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


HISTORY = spans_of(
    [
        (day("2026-09-01"), 4999),
        (day("2026-10-20"), 3999),
        (day("2026-10-25"), 4999),
        (day("2026-11-10"), 5999),
    ]
)


@pytest.mark.parametrize(
    ("start", "lowest"), [("2026-11-23", 3999), ("2026-11-24", 4999), ("2026-12-11", 5999)]
)
def test_vectors_of_the_domain(start: str, lowest: int) -> None:
    """39.99 was in force until 10-25: thirty days before 11-24 it is out."""
    found = prior_price(HISTORY, day(start), "UTC")
    assert found is not None
    assert (found.amount, found.complete) == (lowest, True)


@pytest.mark.parametrize(
    ("points", "start", "found"),
    [
        ([], "2026-11-23", None),
        ([("2026-11-10", 5999)], "2026-11-23", (5999, False)),
        ([("2026-10-24", 5999)], "2026-11-23", (5999, True)),
        ([("2026-09-01", 4999), ("2026-11-01", None), ("2026-11-05", 5999)], "2026-11-23", (4999, False)),
        (
            [("2026-09-01", 4999), ("2026-11-23", 1999)],
            "2026-11-23",
            (4999, True),
        ),  # what begins then is not before
        (
            [("2026-09-01", 1999), ("2026-10-24", 4999)],
            "2026-11-23",
            (4999, True),
        ),  # half-open: it ended at the bound
        ([("2026-09-01", 1999), ("2026-10-25", 4999)], "2026-11-23", (1999, True)),
    ],
)
def test_what_is_not_known_is_said(points: list[Any], start: str, found: Any) -> None:
    """A gap is no price, and an incomplete history says so."""
    prior = prior_price(spans_of([(day(d), amount) for d, amount in points]), day(start), "UTC")
    assert (None if prior is None else tuple(prior)) == found


@given(
    st.lists(st.tuples(st.integers(0, 90), st.one_of(st.none(), st.integers(1, 9))), max_size=8),
    st.integers(0, 25),
)
def test_agrees_with_looking_at_every_hour(points: list[tuple[int, int | None]], start: int) -> None:
    """Of any history, hour by hour."""
    begin = day("2026-01-01")
    spans = spans_of([(begin + timedelta(hours=6 * d), amount) for d, amount in points])
    moment = begin + timedelta(days=start)
    seen = []
    gaps = False
    for hour in range(24 * 30):
        at = moment - timedelta(hours=hour + 1)
        here = [s.amount for s in spans if s.start <= at and (s.end is None or at < s.end)]
        gaps = gaps or not here
        seen += here
    prior = prior_price(spans, moment, "UTC")
    assert (prior.amount if prior else None) == min(seen, default=None)
    assert (prior.complete if prior else False) is (not gaps)


BEGINNINGS = {
    # (zone, when a reduction begins, the first moment that counts): one of the days before has 23 or 25 hours, or no midnight
    "spring in Berlin": ("Europe/Berlin", "2027-04-19T22:00:00Z", "2027-03-20T23:00:00Z"),
    "autumn in Berlin": ("Europe/Berlin", "2027-11-09T23:00:00Z", "2027-10-10T22:00:00Z"),
    "in the morning": ("Europe/Berlin", "2027-04-20T07:00:00Z", "2027-03-20T23:00:00Z"),
    "a day without midnight in Cairo": ("Africa/Cairo", "2027-05-29T21:00:00Z", "2027-04-29T22:00:00Z"),
    "Tokyo": ("Asia/Tokyo", "2027-04-19T15:00:00Z", "2027-03-20T15:00:00Z"),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_the_law_counts_days_of_the_place(name: str) -> None:
    """Not 720 hours."""
    place, start, begin = BEGINNINGS[name]
    found = thirty_days_before(datetime.fromisoformat(start), place)
    assert found == datetime.fromisoformat(begin)


def sale(percent: str, start: str = "2026-11-27", end: str = "2026-12-01", **more: Any) -> dict[str, Any]:
    """A promotion of the kettle."""
    window = {k: {"local": f"{v}T00:00", "tz": "store"} for k, v in (("start", start), ("end", end))}
    return document(
        "Promo",
        more.pop("name", "sale"),
        {"type": "percentOff", "stores": {"all": True}, "skus": {"all": True}, "window": window, "discount": {"percent": percent}} | more,
    )  # fmt: skip


@pytest.fixture
def shop_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A store in Germany whose kettle costs 49.99 since September, by the ledger."""
    monkeypatch.setenv("ACORN_NOW", "2026-09-01T09:00:00Z")
    made = Repository(tmp_path / "r", storefront(country="DE"), sku())
    made.apply()
    return made


def told(made: Repository) -> set[str]:
    """Ids of what the plan says of prior prices."""
    return {f["id"] for f in made.run("plan", "-o", "json").json["findings"]} & {"PRO-040", "PRO-041"}


def test_the_ledger_is_the_history(shop_: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """49.99 for months, and twenty percent off: honest. Raised to 59.99 two weeks before: not any more, and apply refuses."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(), sale("20"))
    assert told(shop_) == set()
    shop_.write(storefront(country="DE"), sku(price="59.99"))
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(price="59.99"), sale("20"))
    assert told(shop_) == {"PRO-040"}
    refused = shop_.run("apply", "--auto-approve")
    assert refused.code == 4
    assert "49.99" in refused.err
    assert "-4.0 %" in refused.err
    assert "at most 39.99 EUR would be honest" in refused.err
    # A sale that announces no percentage is honest a cent below the lowest price.
    money = {"amz-de": {"currency": "EUR", "value": "49.99"}}
    plain = {
        **(s := sale("20")),
        "spec": {**s["spec"], "type": "salePrice", "discount": {"salePrice": money}},
    }
    shop_.write(storefront(country="DE"), sku(price="59.99"), plain)
    assert "at most 49.98 EUR would be honest" in shop_.run("apply", "--auto-approve").err
    money["amz-de"]["value"] = "49.98"
    shop_.write(storefront(country="DE"), sku(price="59.99"), plain)
    assert told(shop_) == set()


def test_a_promotion_that_held_was_a_price(shop_: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty percent off until last week: twenty percent off now is no reduction; a month later it is one."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-01T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(), sale("30", "2026-11-05", "2026-11-12"))
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(), sale("20", name="next"))
    assert told(shop_) == {"PRO-040"}
    shop_.write(storefront(country="DE"), sku(), sale("20", "2026-12-20", "2026-12-24", name="next"))
    assert told(shop_) == set()


def test_a_planned_promotion_is_the_next_ones_past(
    shop_: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Months ahead: the deeper sale in March makes the one two weeks later dishonest."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    first, second = (
        sale("30", "2027-03-01", "2027-03-08", name="first"),
        sale("20", "2027-03-15", "2027-03-20", name="second"),
    )
    shop_.write(storefront(country="DE"), sku(), first, second)
    assert [
        f["message"].split()[0]
        for f in shop_.run("plan", "-o", "json").json["findings"]
        if f["id"] == "PRO-040"
    ] == ["KTL-17-BLK"]
    shop_.write(storefront(country="DE"), sku(), first, sale("20", "2027-05-15", "2027-05-20", name="second"))
    assert told(shop_) == set()


def test_a_code_and_another_country_are_no_announcement(
    shop_: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What not everybody is shown, and what the directive does not reach."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(price="79.99"))
    shop_.apply()
    shop_.write(storefront(country="DE"), sku(price="79.99"), sale("20", type="promoCode", code="HELLO"))
    assert told(shop_) == set()
    shop_.write(storefront(country="US"), sku(price="79.99"), sale("20"))
    assert told(shop_) == set()


def test_recorded_prices_count_too(shop_: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was in force beside acorn."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    (shop_.path / "facts").mkdir()
    (shop_.path / "facts" / "prices.csv").write_text(
        "store,sku,currency,price,from\namz-de,KTL-17-BLK,EUR,29.99,2026-11-02T00:00:00Z\namz-de,KTL-17-BLK,EUR,49.99,2026-11-03T00:00:00Z\n"
    )
    shop_.write(storefront(country="DE"), sku(), sale("20"))
    assert told(shop_) == {"PRO-040"}


def test_what_runs_until_then_is_a_past_too(shop_: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty percent off since last week and for two months to come: twenty percent off the day after is no reduction, although
    all of its thirty days are still to come."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-01T09:00:00Z")
    running = sale("30", "2026-11-05", "2027-01-20", name="running")
    shop_.write(storefront(country="DE"), sku(), running)
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(), running, sale("20", "2027-01-20", "2027-01-25", name="next"))
    assert "PRO-040" in told(shop_)


def test_a_planned_code_is_no_price(shop_: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half off with a code in March is shown to nobody else: the sale two weeks later is honest."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    code = sale("50", "2027-03-01", "2027-03-08", name="letter", type="promoCode", code="HELLO")
    shop_.write(storefront(country="DE"), sku(), code, sale("20", "2027-03-15", "2027-03-20", name="next"))
    assert told(shop_) == set()


def test_a_ledger_without_its_index_says_the_same(shop_: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older acorn's ledger is read as well, and the next write gives it the index."""
    ledger = shop_.path / ".acorn" / "sandbox" / "ledger.db"

    def indexes() -> set[str]:
        with closing(sqlite3.connect(ledger)) as db:
            return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='index'")}

    assert "audit_subject" in indexes()
    with closing(sqlite3.connect(ledger)) as db:
        db.execute("DROP INDEX audit_subject")
        db.commit()
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(price="59.99"), sale("20"))
    plain = shop_.run("plan", "-o", "json").json["findings"]
    assert "PRO-040" in {f["id"] for f in plain}
    shop_.write(storefront(country="DE"), sku(price="51.99"))
    shop_.apply()
    assert "audit_subject" in indexes()
    shop_.write(storefront(country="DE"), sku(price="59.99"), sale("20"))
    assert [f for f in shop_.run("plan", "-o", "json").json["findings"] if f["id"] == "PRO-040"] == [
        f for f in plain if f["id"] == "PRO-040"
    ]


def test_the_price_of_this_change_counts_from_now(shop_: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lowered to 39.99 in the same change: a sale at 39.99 ten days later is none, and nobody has to apply first to hear it."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    at = {"discount": {"salePrice": {"amz-de": {"currency": "EUR", "value": "39.99"}}}, "type": "salePrice"}
    later = sale("0", "2026-12-03", "2026-12-06", **at)
    shop_.write(storefront(country="DE"), sku(), later)
    assert told(shop_) == set()
    shop_.write(storefront(country="DE"), sku(price="39.99"), later)
    result = shop_.run("plan")
    assert result.code == 4
    assert "PRO-002: a sale price of 39.99 EUR is no reduction" in result.err


# -- prices that others set ----------------------------------------------------------------------------------


def by_hand(made: Repository, price: str) -> None:
    """Somebody sets a price in a console."""
    assert made.run("sandbox", "disturb", f"amz-de/listing/KTL-17-BLK.price={price}").code == 0


LEFT: dict[str, dict[str, Any]] = {
    "": {},
    "ceded": {"lifecycle": {"ceded": {"price": {"by": "rep", "min": "20.00", "max": "120.00"}}}},
    "ignored": {"lifecycle": {"ignoreFields": ["price"]}},
}


def meets_it_now(made: Repository, at: pytest.MonkeyPatch) -> None:
    """It is still there."""
    at.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    by_hand(made, "30.00")


def puts_it_right(made: Repository, at: pytest.MonkeyPatch) -> None:
    """An apply ends it."""
    meets_it_now(made, at)
    at.setenv("ACORN_NOW", "2026-11-15T09:00:00Z")
    made.apply()


def takes_it_in(made: Repository, at: pytest.MonkeyPatch) -> None:
    """The specs say it for a week, and no apply writes it."""
    meets_it_now(made, at)
    at.setenv("ACORN_NOW", "2026-11-12T09:00:00Z")
    assert made.run("import", "--drifted").code == 0
    at.setenv("ACORN_NOW", "2026-11-19T09:00:00Z")
    made.write(storefront(country="DE"), sku())
    made.apply()


def takes_it_in_twice(made: Repository, at: pytest.MonkeyPatch) -> None:
    """Two prices by hand are taken in before any is written."""
    meets_it_now(made, at)
    at.setenv("ACORN_NOW", "2026-11-12T09:00:00Z")
    assert made.run("import", "--drifted").code == 0
    by_hand(made, "45.00")
    at.setenv("ACORN_NOW", "2026-11-13T09:00:00Z")
    assert made.run("import", "--drifted").code == 0
    at.setenv("ACORN_NOW", "2026-11-19T09:00:00Z")
    made.write(storefront(country="DE"), sku())
    made.apply()


def goes_by_unseen(made: Repository, at: pytest.MonkeyPatch) -> None:
    """A repricer lowers it and raises it again."""
    meets_it_now(made, at)
    made.apply()
    by_hand(made, "49.99")


def sleeps(made: Repository, at: pytest.MonkeyPatch) -> None:
    """Half the price, and nobody can buy."""
    at.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    made.write(storefront(country="DE"), sku(price="25.00"))
    made.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.status=inactive")
    asleep = sku(price="25.00")
    asleep["spec"]["listings"][0]["status"] = "inactive"
    made.write(storefront(country="DE"), asleep)
    made.apply()
    at.setenv("ACORN_NOW", "2026-11-12T09:00:00Z")
    made.write(storefront(country="DE"), sku())
    made.apply()


@pytest.mark.parametrize(
    ("story", "left", "ids"),
    [
        (meets_it_now, "", {"PRO-040"}),
        (puts_it_right, "", {"PRO-040"}),
        (takes_it_in, "", {"PRO-040"}),
        (takes_it_in_twice, "", {"PRO-040"}),
        (goes_by_unseen, "ceded", {"PRO-041"}),
        (goes_by_unseen, "ignored", {"PRO-041"}),
        (sleeps, "", {"PRO-041"}),
    ],
)
def test_a_price_that_somebody_else_set_was_in_force(
    story: Callable[[Repository, pytest.MonkeyPatch], None],
    left: str,
    ids: set[str],
    shop_: Repository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What acorn met counts, and what it cannot know it does not claim; at what a sleeping listing is listed nobody paid."""
    shop_.write(storefront(country="DE"), {**sku(), **LEFT[left]})
    shop_.apply()
    story(shop_, monkeypatch)
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    shop_.write(storefront(country="DE"), {**sku(), **LEFT[left]}, sale("20"))
    assert told(shop_) == ids


def test_a_slip_of_a_hand_can_be_put_right_beside_a_promotion(
    shop_: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The promotion was applied and is as it was: refusing to put the price back would leave both. It is told all the same."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-20T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(), sale("20"))
    shop_.apply()
    by_hand(shop_, "5.00")
    assert told(shop_) == {"PRO-040"}
    shop_.apply()
    assert shop_.live()["amz-de/listing/KTL-17-BLK"]["price"]["value"] == "49.99"
    assert told(shop_) == {"PRO-040"}
    for worse in ((sku(), sale("25")), (sku(price="59.99"), sale("20"))):
        shop_.write(storefront(country="DE"), *worse)
        assert shop_.run("apply", "--auto-approve").code == 4


def test_a_coupon_that_everybody_may_clip_is_a_price(
    shop_: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty percent off for whoever clipped it until last week: ten percent off now is no reduction."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-01T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(), sale("30", "2026-11-05", "2026-11-20", type="coupon"))
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(), sale("10", name="next", type="coupon"))
    assert told(shop_) == {"PRO-040"}


@pytest.mark.parametrize("former", [{"movedFrom": "KTL-17-BLK"}, {}])
def test_a_buyer_sees_no_seller_sku(
    shop_: Repository, monkeypatch: pytest.MonkeyPatch, former: dict[str, str]
) -> None:
    """The price was lower three weeks ago, under another seller SKU; a gap between the two is none."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    shop_.write(storefront(country="DE"), sku(price="59.99"))
    shop_.apply()
    renamed = sku(price="59.99")
    renamed["spec"]["listings"][0] |= {"sellerSku": "KTL-NEW", **former}
    for day_, documents in (
        ("2026-11-23", [renamed, sale("20")]),  # in one step
        ("2026-11-24", [renamed]),
        ("2026-11-25", [renamed, sale("20")]),  # and once it is renamed
    ):
        monkeypatch.setenv("ACORN_NOW", f"{day_}T09:00:00Z")
        shop_.write(storefront(country="DE"), *documents)
        if len(documents) == 1:
            shop_.apply()
        else:
            assert told(shop_) == {"PRO-040"}, day_


@pytest.mark.parametrize("left", [True, False], ids=["movedFrom stays", "movedFrom was taken out"])
def test_a_new_code_is_no_new_article(shop_: Repository, monkeypatch: pytest.MonkeyPatch, left: bool) -> None:
    """Directive 98/6/EC asks for the price of the goods: another SKU by `movedFrom` keeps the price that they had."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")

    def renamed(price: str, *, moved: bool = True) -> dict[str, Any]:
        made = sku("KTL-18-BLK", price)
        made["spec"]["listings"][0] |= {"movedFrom": "KTL-17-BLK"} if moved else {}
        return made

    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    shop_.write(storefront(country="DE"), renamed("69.99"), sale("20"))
    assert told(shop_) == {"PRO-040"}, "in one step"
    shop_.write(storefront(country="DE"), renamed("69.99"))
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-24T09:00:00Z")
    shop_.write(storefront(country="DE"), renamed("69.99", moved=left), sale("20"))
    refused = shop_.run("apply", "--auto-approve")
    assert refused.code == 4 and "the 30 days before is 49.99" in " ".join(refused.err.split()), refused
    shown = shop_.run("history", "amz-de/listing/KTL-18-BLK").out
    assert "price  (none) → 49.99 EUR" in shown and "price  49.99 EUR → 69.99 EUR  +40.0 %" in shown


def test_codes_that_come_back_keep_the_price_of_the_goods(
    shop_: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A, B, A, and B once more with a raised price and a sale in one step."""

    def called(code: str, price: str, former: str) -> dict[str, Any]:
        made = sku(code, price)
        made["spec"]["listings"][0]["movedFrom"] = former
        return made

    old, new = "KTL-17-BLK", "KTL-18-BLK"
    for day_, wished in (
        ("2026-09-10", called(new, "49.99", old)),
        ("2026-09-20", called(old, "49.99", new)),
        ("2026-10-01", called(old, "39.99", new)),
    ):
        monkeypatch.setenv("ACORN_NOW", f"{day_}T09:00:00Z")
        shop_.write(storefront(country="DE"), wished)
        shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")
    shop_.write(storefront(country="DE"), called(new, "69.99", old), sale("20"))
    assert told(shop_) == {"PRO-040"}


@pytest.mark.parametrize(
    "how", ["from now on", "backdated", "for a further SKU", "prolonged after its end", "goes on"]
)
def test_a_reduction_begins_when_it_is_applied(
    shop_: Repository, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Dearer for two weeks, and then 10 % off: whatever the window says, the thirty days before hold the lower price. What
    was applied in October, and goes on, is judged by the days before October."""
    front, other = storefront(country="DE"), sku("OTHER-1")
    kettle = "KTL-17-BLK"

    def off(skus: str, start: str, end: str = "2027-01-10") -> dict[str, Any]:
        return sale("10", start, end, skus={"names": skus.split()})

    earlier = {
        "for a further SKU": off("OTHER-1", "2026-10-15"),
        "prolonged after its end": off(kettle, "2026-10-15", "2026-10-25"),
        "goes on": off(kettle, "2026-10-15"),
    }.get(how)
    monkeypatch.setenv("ACORN_NOW", "2026-10-14T09:00:00Z")
    shop_.write(front, sku(), other, *([earlier] if earlier else []))
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-14T09:00:00Z")
    shop_.write(front, sku(price="59.99"), other, *([earlier] if earlier else []))
    if how == "goes on":  # a dearer price under a reduction that runs
        assert told(shop_) == {"PRO-040"}
        shop_.write(front, sku(), other, earlier)
    else:
        shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-28T09:00:00Z")
    now = {
        "from now on": off(kettle, "2026-11-28"),
        "for a further SKU": off(f"OTHER-1 {kettle}", "2026-10-15"),
        "goes on": off(kettle, "2026-10-15", "2027-01-20"),
    }.get(how, off(kettle, "2026-10-15"))
    shop_.write(front, sku(price="49.99" if how == "goes on" else "59.99"), other, now)
    assert told(shop_) == (set() if how == "goes on" else {"PRO-040"})


@pytest.mark.parametrize("who", ["made by hand", "changed by hand", "changed by hand, and seen just now"])
def test_a_promotion_of_somebody_elses_was_a_price(
    shop_: Repository, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """18 % off for everybody in November, which nobody declared; 44.00 in December is no reduction."""
    front = storefront(country="DE")
    mine = sale("2", "2026-11-01", "2026-11-25", name="mine")
    monkeypatch.setenv("ACORN_NOW", "2026-10-30T09:00:00Z")
    shop_.write(front, sku(), *([] if who == "made by hand" else [mine]))
    shop_.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-10T09:00:00Z")
    database = Database(shop_.path / ".acorn" / "sandbox.db")
    at = Address("amz-de", "promotion", "hand" if who == "made by hand" else "mine")
    if who == "made by hand":
        window = {"start": "2026-11-05T00:00:00Z", "end": "2026-11-25T00:00:00Z"}
        there = {"type": "percentOff", "skus": ["KTL-17-BLK"], **window, "discount": {"percent": "18"}}
        disturb.insert(database, at, there)
    else:
        disturb.set_attribute(database, at, "discount", value={"percent": "18"})
    database.close()
    if who == "changed by hand":
        shop_.apply()
        monkeypatch.setenv("ACORN_NOW", "2026-11-20T09:00:00Z")
    money = {"amz-de": {"currency": "EUR", "value": "44.00"}}
    later = sale(
        "1", "2026-12-01", "2026-12-20", type="salePrice", discount={"salePrice": money}, name="later"
    )
    shop_.write(front, sku(), *([] if who == "made by hand" else [mine]), later)
    assert told(shop_) == {"PRO-040"}
    money["amz-de"]["value"] = "40.98"  # 49.99 less 18 % is 40.99
    shop_.write(front, sku(), *([] if who == "made by hand" else [mine]), later)
    assert told(shop_) == set()
