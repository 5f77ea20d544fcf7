"""What was sent and nobody has seen may still come, each sending by itself; what is written presumes the reading by which it was judged;
and an answer is no look."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.apply.guard import Guard
from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.marketplaces.network import adapter
from acorn_gitops.marketplaces.protocol import Outcome, Snapshot, Write
from acorn_gitops.model.resource import Address, Live
from acorn_gitops.sandbox import disturb
from tests.borders.market import Market, clone_of, open_market
from tests.borders.server import Answered, Exchange, Server, between, upstream
from tests.borders.test_ends import CHEAPER, Way, hand, priced
from tests.borders.test_ends import front as front
from tests.borders.test_ends import market as market
from tests.borders.test_ends import way as way
from tests.repository import Repository, sku, storefront

FLOOR = {"pricePolicy": {"min": {"amz-de": "11.00"}}}
THEIRS = {
    "type": "percentOff", "skus": ["S-1"], "discount": {"percent": "40"},
    "start": "2026-01-01T00:00:00Z", "end": "2099-01-01T00:00:00Z",
}  # fmt: skip


def promoted(market: Market) -> None:
    """Somebody makes a promotion in the console."""
    hand(market, lambda db: disturb.insert(db, Address("amz-de", "promotion", "theirs"), THEIRS))


def paid(market: Market) -> float:
    """What buyers pay for S-1 with every percentage that is there."""
    live: Any = market.live()
    price = float(live["amz-de/listing/S-1"]["price"]["value"])
    shares = [float(body["discount"]["percent"]) for key, body in live.items() if "/promotion/" in key]
    return price * (100 - sum(shares)) / 100


# -- what is written presumes what was judged ----------------------------------------------------------------


def test_a_look_that_nobody_judged_by_opens_nothing(
    way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """An earlier run left something open, so that the store is looked at again after the generation has begun: a promotion that
    was made in between is in that look, and in no judgement."""
    shelf = [storefront(), sku("S-2", "5.00")]
    made = clone_of(front, tmp_path / "made", *shelf, sku("S-1", "20.00", **FLOOR))
    made.apply()
    made.write(storefront(), sku("S-2", "6.00"), sku("S-1", "20.00", **FLOOR))
    way.rows = lambda _: 202
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None
    made.write(*shelf, sku("S-1", "17.00", **FLOOR))
    way.at_generation = lambda: promoted(market)
    result = made.run("apply", "--auto-approve")
    assert (result.code, paid(market) >= 11) == (3, True), result


def test_a_look_that_failed_half_way_opens_nothing(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look after a batch shows a promotion, the second fails: the next wave is not sent at the version of the first."""
    monkeypatch.setattr(adapter, "MAX_PAUSE", 0.0)
    state = {"armed": False, "looks": 0, "posted": False}

    def proxy(exchange: Exchange) -> Answered | None:
        if not state["armed"]:
            return None
        if exchange.asked.method == "POST" and not state["posted"]:
            state["posted"] = True
            promoted(market)
            items = json.loads(exchange.asked.body)["items"]
            return Answered(
                200,
                {"content-type": "application/json"},
                json.dumps({"items": [{"status": 202} for _ in items]}).encode(),
            )
        if exchange.asked.method == "GET" and "/resources" in exchange.asked.path and state["posted"]:
            state["looks"] += 1
            if 1 < state["looks"] < 8:
                return Answered(503, {"content-type": "application/problem+json"}, b"{}")
        return None

    with Server(between(market.url, proxy)) as server:
        shelf = [storefront(), sku("A-0", "5.00")]
        made = clone_of(server, tmp_path / "made", *shelf, sku("S-1", "20.00", **FLOOR))
        made.apply()
        state["armed"] = True
        made.write(storefront(), sku("A-0", "6.00"), sku("S-1", "17.00", **FLOOR))
        made.run("apply", "--auto-approve", "--wait", "2")
    assert paid(market) >= 11


def test_an_answer_without_a_version_is_followed_by_a_reading(market: Market, tmp_path: Path) -> None:
    """A marketplace need not say which version it has after a batch: then nothing is sent by an older one."""
    state: dict[str, Any] = {"first": False}

    def proxy(exchange: Exchange) -> Answered | None:
        if exchange.asked.method != "POST" or not state["first"]:
            return None
        state["first"] = False
        promoted(market)
        items = json.loads(exchange.asked.body)["items"]
        refused = {"status": 422, "problem": {"title": "not now"}}
        return Answered(
            200,
            {"content-type": "application/json"},
            json.dumps({"items": [refused for _ in items]}).encode(),
        )

    with Server(between(market.url, proxy)) as server:
        made = clone_of(
            server, tmp_path / "made", storefront(), sku("A-0", "5.00"), sku("S-1", "20.00", **FLOOR)
        )
        made.apply()
        state["first"] = True
        made.write(storefront(), sku("A-0", "6.00"), sku("S-1", "17.00", **FLOOR))
        assert made.run("apply", "--auto-approve").code == 3
    assert paid(market) >= 11


# -- what was sent may still come ----------------------------------------------------------------------------


def waits(way: Way, made: Repository, *documents: dict[str, Any], answer: int = 202) -> None:
    """These specs are applied, and every row is answered so."""
    made.write(*documents)
    way.rows = lambda _: answer
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None


@pytest.mark.parametrize("later", [422, 409, 202, 500])
def test_a_later_write_ends_no_earlier_one(
    later: int, way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """12.00 was taken and is not there; 15.00 is answered in any way; a promotion is judged at 12.00 all the same."""
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00", **FLOOR))
    made.apply()
    waits(way, made, storefront(), sku("S-1", "12.00", **FLOOR))
    waits(way, made, storefront(), sku("S-1", "15.00", **FLOOR), answer=later)
    made.write(storefront(), sku("S-1", "20.00", **FLOOR), CHEAPER)
    result = made.run("apply", "--auto-approve")
    assert (result.code, "12.00 EUR was sent for amz-de/listing/S-1" in result.out) == (3, True), result
    assert "amz-de/promotion/half" not in market.live()


def test_what_was_never_sent_ends_nothing(way: Way, front: Any, market: Market, tmp_path: Path) -> None:
    """The store does not take the generation: nothing of that run was sent, and what an earlier one sent may still come."""
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00", **FLOOR))
    made.apply()
    waits(way, made, storefront(), sku("S-1", "12.00", **FLOOR))
    made.write(storefront(), sku("S-1", "15.00", **FLOOR))
    way.takes = False
    assert made.run("apply", "--auto-approve").code != 0
    way.takes = True
    made.write(storefront(), sku("S-1", "20.00", **FLOOR), CHEAPER)
    assert made.run("apply", "--auto-approve").code == 3
    assert "amz-de/promotion/half" not in market.live()


def test_a_listing_that_may_still_come_is_judged(
    way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """It was created under another key, and taken back in the specs before it was seen."""
    second = sku("S-1", "20.00", **FLOOR)
    second["spec"]["listings"].append(
        {
            "store": "amz-de",
            "sellerSku": "S-1-B",
            "status": "active",
            "price": {"currency": "EUR", "value": "12.00"},
        }
    )
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00", **FLOOR))
    made.apply()
    waits(way, made, storefront(), second)
    made.write(storefront(), sku("S-1", "20.00", **FLOOR), CHEAPER)
    assert made.run("apply", "--auto-approve").code == 3
    assert "amz-de/promotion/half" not in market.live()


def test_a_day_begins_with_each_sending(
    way: Way, front: Any, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A saved plan is applied again after twenty-five hours: what it sends then may come a day after that."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-20T09:00:00Z")
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00", **FLOOR))
    made.apply()
    made.write(storefront(), sku("S-1", "12.00", **FLOOR))
    assert made.run("plan", "--out", "p.json").code == 0
    way.rows = lambda _: 202
    assert made.run("apply", "p.json", "--wait", "0").code == 3
    monkeypatch.setenv("ACORN_NOW", "2026-11-21T08:30:00Z")
    assert made.run("apply", "p.json", "--wait", "0").code == 3
    way.rows = None
    made.write(storefront(), sku("S-1", "20.00", **FLOOR), CHEAPER)
    monkeypatch.setenv("ACORN_NOW", "2026-11-21T10:00:00Z")
    assert made.run("apply", "--auto-approve").code == 3
    monkeypatch.setenv("ACORN_NOW", "2026-11-22T09:00:00Z")
    made.apply()
    ledger = open_ledger(made.path / ".acorn" / "sandbox" / "ledger.db")
    assert ledger.open_intents() == [], "what does not come any more is closed"
    ledger.close()


def test_a_promotion_that_is_said_to_be_changed_counts_as_both_until_somebody_looks() -> None:
    """Answered with 200 and not carried out: the next batch of the same wave is judged by the old form, too."""
    start, end = THEIRS["start"], THEIRS["end"]
    deep = {"type": "percentOff", "skus": ["K"], "start": start, "end": end, "discount": {"percent": "50"}}
    price, floor = {"currency": "EUR", "value": "100.00"}, {"currency": "EUR", "value": "45.00"}
    listing = {"sku": "K", "price": price, "minPrice": floor, "status": "active"}
    resources = {("listing", "K"): Live(listing, "1"), ("promotion", "b"): Live(deep, "1")}
    store = Snapshot("s", True, resources, "1")  # type: ignore[arg-type]
    guard = Guard(
        [],
        {"s": store},
        {},
        declared=lambda _: None,
        least=lambda _: None,
        now=lambda: "2026-06-01T00:00:00Z",
    )
    milder = Write("update", Address("s", "promotion", "b"), {"discount": {"percent": "10"}}, "1", "k1")
    other = Write("create", Address("s", "promotion", "c"), {**deep, "discount": {"percent": "40"}}, "", "k2")
    assert guard.refusal(milder, "b") == ""
    for status in ("observed", "accepted"):
        guard.sent("s", [milder], [Outcome(milder.address, status)])  # type: ignore[arg-type]
        assert "below its floor" in guard.refusal(other, "c"), status
    gone = Write("delete", Address("s", "promotion", "b"), {}, "1", "k3")
    guard.sent("s", [gone], [Outcome(gone.address, "observed")])
    assert "below its floor" in guard.refusal(other, "c"), "it counts until it is seen to be gone"


# -- servers that say what is wrong --------------------------------------------------------------------------


NEST = b"[" * 900 + b"]" * 900


@pytest.mark.parametrize(
    "spoil",
    [
        lambda e: Answered(400, {"content-type": "application/problem+json"}, b'{"title": ' + NEST + b"}"),
        lambda e: Answered(
            422, {"content-type": "application/problem+json"}, b'{"title": "' + b"x" * (4 << 20) + b'"}'
        ),
    ],
    ids=["a title without end", "four megabytes of words"],
)
def test_words_of_a_server_end_nothing_but_itself(
    spoil: Callable[[Exchange], Answered], market: Market, tmp_path: Path
) -> None:
    """What it says is wrong is no text: that is its store's error, and no fault of acorn's."""
    with Server(between(market.url, lambda e: spoil(e) if "/resources" in e.asked.path else None)) as server:
        made = clone_of(server, tmp_path / "made", storefront(), sku("S-1", "20.00"))
        result = made.run("plan")
    assert result.code == 1
    assert "internal error" not in result.err + result.out
    assert len(result.err + result.out) < 5_000


def test_a_request_that_took_too_long_may_have_been_carried_out(market: Market, tmp_path: Path) -> None:
    """408 to a write: nobody knows; it is sent again under the same key, and seen."""
    state = {"late": 1}

    def proxy(exchange: Exchange) -> Answered | None:
        if exchange.asked.method == "POST" and state["late"]:
            state["late"] = 0
            upstream(market.url, exchange)
            return Answered(408, {"content-type": "application/problem+json"}, b'{"title": "late"}')
        return None

    with Server(between(market.url, proxy)) as server:
        made = clone_of(server, tmp_path / "made", storefront(), sku("S-1", "20.00"))
        made.apply()
        assert made.plan()["changes"] == []


@pytest.mark.parametrize(("status", "code"), [(401, 1), (503, 1), (403, 0), (410, 0)])
def test_a_store_that_is_refused_beside_another_is_gone(status: int, code: int, tmp_path: Path) -> None:
    """An account that was closed while the server of all answers: the way out is named by whoever meets it, and works."""
    answer = {"on": True}

    def proxy(exchange: Exchange) -> Answered | None:
        if answer["on"] or "/stores/amz-fr" not in exchange.asked.path:
            return None
        return Answered(status, {"content-type": "application/problem+json"}, b'{"title": "no"}')

    with open_market(tmp_path) as market, Server(between(market.url, proxy)) as server:
        made = clone_of(server, tmp_path / "made", storefront(), sku("S-1", "20.00"), storefront("amz-fr"))
        made.apply()
        made.write(storefront(), sku("S-1", "20.00"))
        answer["on"] = False
        stuck = made.run("apply", "--auto-approve")
        assert (stuck.code, "state rm --closed" in stuck.err) == (1, True), stuck
        assert made.run("state", "rm", "--closed", "amz-fr").code == code
        assert made.run("apply", "--auto-approve").code == code


def test_a_token_that_sees_nothing_closes_nothing(tmp_path: Path) -> None:
    """Every store is refused: that is a lost token, and the remedy says what to do where it is not."""
    answer = {"on": True}

    def proxy(exchange: Exchange) -> Answered | None:
        return None if answer["on"] else Answered(403, {"content-type": "application/problem+json"}, b"{}")

    with open_market(tmp_path) as market, Server(between(market.url, proxy)) as server:
        made = clone_of(server, tmp_path / "made", storefront(), sku("S-1", "20.00"), storefront("amz-fr"))
        made.apply()
        made.write(storefront(), sku("S-1", "20.00"))
        answer["on"] = False
        result = made.run("state", "rm", "--closed", "amz-fr")
    assert (result.code, "taken out of acorn.yaml first" in " ".join(result.err.split())) == (1, True), result


@pytest.mark.parametrize("status", [401, 503])
def test_a_marketplace_that_answers_is_not_gone(status: int, tmp_path: Path) -> None:
    """A token that has expired, a server that is down for an hour: `--closed` is for neither."""
    answer = {"on": True}

    def proxy(exchange: Exchange) -> Answered | None:
        if answer["on"]:
            return None
        return Answered(status, {"content-type": "application/problem+json"}, b'{"title": "no"}')

    with open_market(tmp_path) as market, Server(between(market.url, proxy)) as server:
        made = clone_of(server, tmp_path / "made", storefront(), sku("S-1", "20.00"), storefront("amz-fr"))
        made.apply()
        made.write(storefront(), sku("S-1", "20.00"))
        answer["on"] = False
        result = made.run("state", "rm", "--closed", "amz-fr")
    assert (result.code, "is not gone" in result.err) == (1, True), result


def test_what_left_the_specs_is_asked_where_it_is(market: Market, tmp_path: Path) -> None:
    """Its store answers, and remembers how the last run ended: a forged opening is not believed, and a row can be given away."""
    fr = [storefront("amz-fr"), sku("F-1", "5.00", "amz-fr")]
    made = clone_of(market, tmp_path / "made", storefront(), sku("S-1", "20.00"), *fr)
    made.apply()
    made.write(storefront(), sku("S-1", "20.00"))
    file = made.path / ".acorn" / "sandbox" / "ledger.db"
    kept = file.read_bytes()
    ledger = open_ledger(file, write=True)
    ledger.open_up("state.begin", "2026-11-27T00:00:00Z", "x", {"forgetting": ["amz-fr/listing/F-1"]})
    ledger.close()
    refused = made.run("apply", "--auto-approve")
    assert (refused.code, "no store has heard of it" in refused.err) == (6, True), refused
    for beside in file.parent.glob("ledger.db-*"):
        beside.unlink()
    file.write_bytes(kept)
    assert made.run("state", "rm", "amz-fr/listing/F-1").code == 0
    made.apply()
    assert "amz-fr/listing/F-1" in market.live()


def test_prices_by_hand_are_seen(market: Market, tmp_path: Path) -> None:
    """The helper does what these tests believe of it."""
    made = clone_of(market, tmp_path / "made", storefront(), sku("S-1", "20.00"))
    made.apply()
    hand(market, lambda db: disturb.set_attribute(db, *priced("S-1", "3.00")))
    assert paid(market) == 3


def slow_feed(way: Way, made: Repository, market: Market, *between_: tuple[str, ...]) -> None:
    """12.00 is taken and not shown; then 20.00 and a promotion that 20.00 bears and 12.00 does not."""
    for verb in between_:
        assert made.run(*verb).code == 0
    made.write(storefront(), sku("S-1", "20.00", **FLOOR), CHEAPER)
    result = made.run("apply", "--auto-approve")
    assert (result.code, "amz-de/promotion/half" in market.live()) == (3, False), result


def test_a_refusal_of_the_second_sending_ends_not_the_first(
    way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """One saved plan, applied twice: taken, then refused."""
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00", **FLOOR))
    made.apply()
    made.write(storefront(), sku("S-1", "12.00", **FLOOR))
    assert made.run("plan", "--out", "p.json").code == 0
    for answer in (202, 422):
        way.rows = lambda _, answer=answer: answer
        assert made.run("apply", "p.json", "--wait", "0").code == 3
    way.rows = None
    slow_feed(way, made, market)


def test_a_rebuild_says_nothing_of_what_may_still_come(
    way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """It says anew what is ours; what was sent is another question."""
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00", **FLOOR))
    made.apply()
    waits(way, made, storefront(), sku("S-1", "12.00", **FLOOR))
    slow_feed(way, made, market, ("state", "rebuild"))


def test_a_value_that_a_later_run_wrote_is_not_the_earlier_one(
    way: Way, front: Any, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs send 12.00; the second is seen, and the first may still come."""
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00", **FLOOR))
    monkeypatch.setenv("ACORN_NOW", "2026-11-20T09:00:00Z")
    made.apply()
    waits(way, made, storefront(), sku("S-1", "12.00", **FLOOR))
    monkeypatch.setenv("ACORN_NOW", "2026-11-20T10:00:00Z")
    made.apply()
    assert market.prices() == {"12.00"}
    monkeypatch.setenv("ACORN_NOW", "2026-11-20T11:00:00Z")
    made.write(storefront(), sku("S-1", "20.00", **FLOOR))
    made.apply()
    monkeypatch.setenv("ACORN_NOW", "2026-11-20T12:00:00Z")
    slow_feed(way, made, market)


def test_versions_without_generations_fence_nothing(market: Market, tmp_path: Path) -> None:
    """A server that knows versions and no generations takes any batch: the store is read again before prices are sent."""
    state = {"armed": False}

    def proxy(exchange: Exchange) -> Answered | None:
        if "/generations/" in exchange.asked.path:
            return Answered(404, {"content-type": "application/problem+json"}, b"{}")
        if "/resources" not in exchange.asked.path and exchange.asked.method == "GET":
            return None
        answered = upstream(market.url, exchange)
        if exchange.asked.method == "POST" and state["armed"]:
            state["armed"] = False
            promoted(market)
        if exchange.asked.method == "GET":
            page = json.loads(answered.body)
            page.pop("generation", None)
            answered = answered._replace(body=json.dumps(page).encode())
        return answered

    with Server(between(market.url, proxy)) as server:
        first = [storefront("a-shop"), sku("A-1", "5.00", "a-shop")]
        made = clone_of(server, tmp_path / "made", *first, storefront(), sku("S-1", "20.00", **FLOOR))
        made.apply()
        state["armed"] = True
        made.write(first[0], sku("A-1", "6.00", "a-shop"), storefront(), sku("S-1", "17.00", **FLOOR))
        result = made.run("apply", "--auto-approve")
    assert (result.code, paid(market) >= 11) == (3, True), result


def test_a_row_that_is_refused_stops_no_other(market: Market, tmp_path: Path) -> None:
    """A server that says no version: the promotion is refused each time, the price is sent all the same."""

    def proxy(exchange: Exchange) -> Answered | None:
        if exchange.asked.method != "POST":
            return None
        items = json.loads(exchange.asked.body)["items"]
        if items[0]["type"] == "promotion":
            refused = {"status": 422, "problem": {"title": "no"}}
            return Answered(
                200,
                {"content-type": "application/json"},
                json.dumps({"items": [refused for _ in items]}).encode(),
            )
        answered = upstream(market.url, exchange)
        page = json.loads(answered.body)
        page.pop("version", None)
        return answered._replace(body=json.dumps(page).encode())

    with Server(between(market.url, proxy)) as server:
        made = clone_of(server, tmp_path / "made", storefront(), sku("S-1", "20.00"), sku("S-2", "9.00"))
        made.apply()
        mild = json.loads(json.dumps(CHEAPER))
        mild["spec"] |= {"discount": {"percent": "1"}, "skus": {"names": ["S-1"]}}
        made.write(storefront(), sku("S-1", "20.00"), sku("S-2", "8.00"), mild)
        assert made.run("apply", "--auto-approve").code == 3
    assert market.prices() == {"20.00", "8.00"}


def test_a_pending_change_may_come_without_the_one_before() -> None:
    """Of two that were sent the first may be lost: each combination is one that may be there."""
    deep = {
        "type": "percentOff",
        "skus": ["Z"],
        "start": THEIRS["start"],
        "end": THEIRS["end"],
        "discount": {"percent": "50"},
    }
    price, floor = {"currency": "EUR", "value": "100.00"}, {"currency": "EUR", "value": "40.00"}
    listing = {"sku": "A", "price": price, "minPrice": floor, "status": "active"}
    resources = {("listing", "A"): Live(listing, "1"), ("promotion", "p"): Live(deep, "1")}
    store = Snapshot("s", True, resources, "1")  # type: ignore[arg-type]
    guard = Guard(
        [],
        {"s": store},
        {},
        declared=lambda _: None,
        least=lambda _: None,
        now=lambda: "2026-06-01T00:00:00Z",
    )
    at = Address("s", "promotion", "p")
    first = Write("update", at, {"discount": {"percent": "5"}}, "1", "k1")
    second = Write("update", at, {"skus": ["A", "Z"]}, "1", "k2")
    for write in (first, second):
        guard.sent("s", [write], [Outcome(at, "accepted")])
    cheaper = Write(
        "update", Address("s", "listing", "A"), {"price": {"currency": "EUR", "value": "60.00"}}, "1", "k3"
    )
    assert "below its floor" in guard.refusal(cheaper, "A")
