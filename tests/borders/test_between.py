"""What stands between acorn and an honest marketplace: proxies that lose, repeat, pack and answer in its place, while somebody else
writes at the worst moment. Found by a second attack; whatever happens, nothing is sold below its floor, nothing is recorded that
was not, and nothing ends without a way on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.borders.market import Market, clone_of, open_market
from tests.borders.server import Answered, Exchange, Server, between
from tests.repository import Repository, document, sku, storefront

PROXYS_OWN = Answered(404, {"content-type": "text/html"}, b"<html>default backend - 404")
FAILED = Answered(503, {"content-type": "text/html"}, b"<html>no upstream")
SALE = {
    "type": "percentOff",
    "skus": ["A-1"],
    "start": "2026-01-01T00:00:00Z",
    "end": "2027-12-01T00:00:00Z",
    "discount": {"percent": "15"},
}
OTHERS = [sku(f"S-{n}", "20.00") for n in range(3)]


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with open_market(tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acorn_gitops.marketplaces.network.adapter.MAX_PAUSE", 0.0)


def kettle(price: str) -> dict[str, Any]:
    """A SKU that must not be sold below 80."""
    return sku("A-1", price, pricePolicy={"min": {"amz-de": "80.00"}})


def winter() -> dict[str, Any]:
    """A promotion of 15 % that holds now."""
    window = {
        "start": {"local": "2026-01-01T00:00", "tz": "store"},
        "end": {"local": "2027-12-01T00:00", "tz": "store"},
    }
    spec = {
        "type": "percentOff",
        "stores": {"names": ["amz-de"]},
        "skus": {"names": ["A-1"]},
        "window": window,
        "discount": {"percent": "15"},
    }
    return document("Promo", "winter", spec)


def by_hand(market: Market, act: Callable[[Database], None]) -> None:
    """Somebody else writes at the marketplace."""
    database = Database(market.path)
    act(database)
    database.close()


def theirs(database: Database) -> None:
    disturb.insert(database, Address("amz-de", "promotion", "theirs"), dict(SALE))


def paid(market: Market) -> float:
    """What a buyer pays for the kettle now."""
    live = market.live()
    price = float(live["amz-de/listing/A-1"]["price"]["value"])  # type: ignore[index]
    for name, attributes in live.items():
        if "/promotion/" in name and "A-1" in attributes["skus"]:  # type: ignore[operator]
            price *= 0.85
    return price


def behind(market: Market, made: Repository, server: Server, **parts: Any) -> None:
    """Put a proxy between a clone and the market."""
    server.behave = between(market.url, parts.pop("meddle", lambda exchange: None), **parts)
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text().replace(market.url, server.url))


def test_a_proxys_own_404_is_no_empty_store(market: Market, server: Server, tmp_path: Path) -> None:
    """While a deletion is read back: it is not believed, and the price that waits for it is held."""
    made = clone_of(market, tmp_path / "r", storefront(), *OTHERS, kettle("100.00"), winter())
    made.apply()
    made.write(storefront(), *OTHERS, kettle("82.00"))
    state = {"failed": 0, "missed": 0}

    def meddle(exchange: Exchange) -> Answered | None:
        body = exchange.asked.body
        if (
            exchange.asked.method == "POST"
            and b'"delete"' in body
            and b"promotion" in body
            and state["failed"] < 5
        ):
            state["failed"] += 1
            return FAILED
        if (
            state["failed"] >= 5
            and exchange.asked.method == "GET"
            and "/resources" in exchange.asked.path
            and state["missed"] < 1
        ):
            state["missed"] += 1
            return PROXYS_OWN
        return None

    behind(market, made, server, meddle=meddle)
    result = made.run("apply", "--auto-approve")
    assert result.code == 3, result
    assert paid(market) >= 80
    assert "promotion/winter" in made.run("state", "list").out


@pytest.mark.parametrize("way", ["weak versions", "no generation", "no version"])
def test_what_a_proxy_takes_away_takes_no_fence(
    way: str, market: Market, server: Server, tmp_path: Path
) -> None:
    """A promotion of somebody else's begins between the reading and the write: judged again, whatever of the fence came through."""
    made = clone_of(market, tmp_path / "r", storefront(), *OTHERS, kettle("100.00"))
    made.apply()
    made.write(storefront(), *OTHERS, kettle("85.00"))
    began = [False]

    def meddle(exchange: Exchange) -> Answered | None:
        if (
            way == "no generation"
            and exchange.asked.method == "GET"
            and "/generations/" in exchange.asked.path
        ):
            return PROXYS_OWN
        if exchange.asked.method == "PUT" and not began[0]:
            began[0] = True
            by_hand(market, theirs)
        return None

    def spoil(answer: Answered) -> Answered:
        etag = answer.headers.get("etag")
        if etag is None:
            return answer
        if way == "no version":
            return answer._replace(headers={k: v for k, v in answer.headers.items() if k != "etag"})
        return answer._replace(
            headers={**answer.headers, "etag": f"W/{etag}" if way == "weak versions" else etag}
        )

    behind(market, made, server, meddle=meddle, spoil=spoil)
    result = made.run("apply", "--auto-approve")
    assert began[0]
    assert result.code != 0, result
    assert paid(market) >= 80


def test_a_repeated_batch_is_judged_by_the_store_as_it_was(
    market: Market, server: Server, tmp_path: Path
) -> None:
    """One row is done, the other was refused for a moment, the answer is lost, a promotion begins: the repetition answers the first
    row again and does nothing else."""
    made = clone_of(market, tmp_path / "r", storefront(), sku("B-1", "10.00"), kettle("100.00"))
    made.apply()
    made.write(storefront(), sku("B-1", "9.00"), kettle("85.00"))
    by_hand(market, lambda database: database.add_fault("reject", "amz-de/listing/A-1", 1, {}))
    lost = [False]

    def spoil(answer: Answered) -> Answered:
        if b'"items":[{"status"' in answer.body and not lost[0]:
            lost[0] = True
            by_hand(market, theirs)
            return FAILED
        return answer

    behind(market, made, server, spoil=spoil)
    result = made.run("apply", "--auto-approve")
    assert lost[0]
    assert result.code == 3, result
    assert paid(market) >= 80


@pytest.mark.parametrize("late", ["price", "promotion"])
def test_what_was_accepted_may_still_come(late: str, market: Market, tmp_path: Path) -> None:
    """A price or a promotion that was taken in an earlier run and carried out after a later one: counted by the later one's guard."""
    made = clone_of(market, tmp_path / "r", storefront(), *OTHERS, kettle("100.00"))
    made.apply()
    pattern = "amz-de/listing/A-1" if late == "price" else "amz-de/promotion/*"
    by_hand(market, lambda database: database.add_fault("accept", pattern, 1, {"reads": 4}))
    first, second = (
        ([kettle("85.00")], [kettle("100.00"), winter()])
        if late == "price"
        else ([kettle("100.00"), winter()], [kettle("85.00")])
    )
    made.write(storefront(), *OTHERS, *first)
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    made.write(storefront(), *OTHERS, *second)
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    for _ in range(6):
        made.run("plan", "--refresh")
    assert paid(market) >= 80


def test_a_replacement_that_never_arrived_is_no_deletion(
    market: Market, server: Server, tmp_path: Path
) -> None:
    """Every write is lost before the server: nothing is recorded, the old one stays ours, and the next run does it."""
    made = clone_of(
        market,
        tmp_path / "r",
        storefront(),
        sku(
            "A",
            "10.00",
            listings=[
                {
                    "store": "amz-de",
                    "sellerSku": "K",
                    "price": {"currency": "EUR", "value": "10.00"},
                    "status": "active",
                }
            ],
        ),
    )
    made.apply()
    made.write(
        storefront(),
        sku(
            "B",
            "10.00",
            listings=[
                {
                    "store": "amz-de",
                    "sellerSku": "K",
                    "price": {"currency": "EUR", "value": "10.00"},
                    "status": "active",
                }
            ],
        ),
    )
    away = [True]

    def meddle(exchange: Exchange) -> Answered | None:
        return FAILED if away[0] and exchange.asked.method == "POST" else None

    behind(market, made, server, meddle=meddle)
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    assert "amz-de/listing/K" in made.run("state", "list").out
    away[0] = False
    made.apply()
    assert market.live()["amz-de/listing/K"]["sku"] == "B"


def test_a_lost_answer_before_somebody_elses_generation_is_not_known(
    market: Market, server: Server, tmp_path: Path
) -> None:
    """The write was carried out; its repetition is refused, as another has begun meanwhile: looked for, and recorded as done."""
    made = clone_of(market, tmp_path / "r", storefront(), sku("S-1", "10.00"))
    made.apply()
    made.write(storefront(), sku("S-1", "9.00"))
    lost = [False]

    def spoil(answer: Answered) -> Answered:
        if b'"items":[{"status"' in answer.body and not lost[0]:
            lost[0] = True

            def advance(database: Database) -> None:
                with database.transaction() as db:
                    database.advance(db, "amz-de", "test/sandbox", 99, "another")

            by_hand(market, advance)
            return FAILED
        return answer

    behind(market, made, server, spoil=spoil)
    made.run("apply", "--auto-approve", "--wait", "0")
    assert lost[0]
    rows = [e for e in made.run("history", "-o", "json").json["entries"] if e["event"] == "write.observed"]
    assert json.dumps(rows[-1]["body"]).count("9.00") == 1


LIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "gone is none": lambda p: p | {"gone": None},
    "gone holds lists": lambda p: p | {"gone": [{"type": ["listing"], "key": "x"}]},
    "gone holds maps": lambda p: p | {"gone": [{"type": "listing", "key": {"a": 1}}]},
    "all is none": lambda p: p | {"all": None},
    "all is a fraction": lambda p: p | {"all": 4.0},
    "all is more": lambda p: p | {"all": 10**6},
    "everything is gone": lambda p: (
        p
        | {
            "items": [],
            "total": 0,
            "all": 0,
            "gone": [{"type": "listing", "key": f"S-{n}"} for n in range(3)],
        }
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_lies_about_what_changed_are_not_believed(
    name: str, market: Market, server: Server, tmp_path: Path
) -> None:
    """In the reading back after a write: taken, not seen; no internal error, and the honest next run finds it done."""
    made = clone_of(market, tmp_path / "r", storefront(), *OTHERS)
    made.apply()
    made.write(storefront(), *[sku(f"S-{n}", "21.00") for n in range(3)])
    lies = [True]

    def spoil(answer: Answered) -> Answered:
        if lies[0] and b'"since"' in answer.body:
            return answer._replace(body=json.dumps(LIES[name](json.loads(answer.body))).encode())
        return answer

    behind(market, made, server, spoil=spoil)
    result = made.run("apply", "--auto-approve", "--wait", "0")
    assert result.code == 3, result
    assert "internal error" not in result.err
    lies[0] = False
    made.apply()
    assert made.plan()["changes"] == []
