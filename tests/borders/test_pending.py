"""What was sent and may still come is judged together with what is sent next at the same place, in either
order; and what is open at one marketplace is not closed by a look at another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.apply.guard import MOST, Guard
from acorn_gitops.marketplaces.protocol import Outcome, Snapshot, Write
from acorn_gitops.model.resource import Address, Live
from tests.borders.market import clone_of, open_market
from tests.borders.server import Answered, Exchange, Server, between
from tests.repository import promo, sku, storefront

NOW = "2026-06-01T00:00:00Z"


def euros(value: str) -> dict[str, str]:
    """An amount as marketplaces hold it."""
    return {"currency": "EUR", "value": value}


def promotion(percent: str, *skus: str) -> dict[str, Any]:
    """One that always holds."""
    return {
        "type": "percentOff", "skus": [*skus], "discount": {"percent": percent},
        "start": "2026-01-01T00:00:00Z", "end": "2099-01-01T00:00:00Z",
    }  # fmt: skip


def listing(sku: str, price: str, floor: str, status: str = "active") -> dict[str, Any]:
    """One with a floor."""
    return {"sku": sku, "price": euros(price), "minPrice": euros(floor), "status": status}


def guarding(**resources: dict[str, Any]) -> Guard:
    """A store that holds these: promotions have a discount, listings a price."""
    held = {
        ("promotion" if "discount" in body else "listing", key): Live(body, "1")
        for key, body in resources.items()
    }
    return Guard(
        [],
        {"s": Snapshot("s", True, held, "1")},
        {},
        declared=lambda _: None,
        least=lambda _: None,
        now=lambda: NOW,
    )


P, A = Address("s", "promotion", "p"), Address("s", "listing", "A")


def accepted(guard: Guard, *writes: Write) -> None:
    """Taken, and not seen."""
    for write in writes:
        guard.sent("s", [write], [Outcome(write.address, "accepted")])


def test_a_deeper_cut_that_may_come_meets_a_wider_range() -> None:
    """50 % on A was sent; B is added to the same promotion, and either may be carried out last."""
    guard = guarding(
        A=listing("A", "100.00", "40.00"), B=listing("B", "100.00", "80.00"), p=promotion("10", "A")
    )
    wider = Write("update", P, {"skus": ["A", "B"]}, "1", "k2")
    assert guard.refusal(wider, "p") == ""
    accepted(guard, Write("update", P, {"discount": {"percent": "50"}}, "1", "k1"))
    assert "B would cost 50.00 EUR" in guard.refusal(wider, "p")
    instead = Write("update", P, {"skus": ["A", "B"], "discount": {"percent": "10"}}, "1", "k3")
    assert "B would cost 50.00 EUR" in guard.refusal(instead, "p"), (
        "what was sent earlier may be carried out later"
    )


def test_a_price_that_may_come_is_the_one_that_is_put_on_sale() -> None:
    """12.00 was sent, 50 % off was made while it slept; on sale it would cost 6.00."""
    guard = guarding(A=listing("A", "20.00", "9.00", "inactive"), p=promotion("50", "A"))
    begins = Write("update", A, {"status": "active"}, "1", "k2")
    assert guard.refusal(begins, "A") == ""
    accepted(guard, Write("update", A, {"price": euros("12.00")}, "1", "k1"))
    why = guard.refusal(begins, "A")
    assert "would cost 6.00 EUR" in why
    assert "12.00 EUR was sent for s/listing/A and may still come" in why


BUSINESS = (
    {"businessPrice": euros("50.00")},
    {"businessTiers": [{"minimumQuantity": 10, "price": euros("50.00")}]},
)


@pytest.mark.parametrize("sent", BUSINESS, ids=["price", "tier"])
def test_a_price_for_businesses_that_may_come_meets_a_promotion(sent: dict[str, Any]) -> None:
    """100.00 less 20 % keeps the floor of 45.00, and the 50.00 that was sent for businesses does not."""
    guard = guarding(A=listing("A", "100.00", "45.00"))
    made = Write("create", P, promotion("20", "A"), "", "k2")
    assert guard.refusal(made, "p") == ""
    accepted(guard, Write("update", A, sent, "1", "k1"))
    why = guard.refusal(made, "p")
    assert "A would cost 40.00 EUR" in why and "for businesses" in why
    assert "50.00 EUR was sent for s/listing/A and may still come" in why
    assert guard.refusal(Write("create", P, promotion("10", "A"), "", "k3"), "p") == ""


@pytest.mark.parametrize("sent", BUSINESS, ids=["price", "tier"])
def test_a_price_for_businesses_that_may_come_is_put_on_sale(sent: dict[str, Any]) -> None:
    """50.00 was sent while it slept, and 20 % are off; on sale businesses would pay 40.00."""
    guard = guarding(A=listing("A", "100.00", "45.00", "inactive"), p=promotion("20", "A"))
    begins = Write("update", A, {"status": "active"}, "1", "k2")
    assert guard.refusal(begins, "A") == ""
    accepted(guard, Write("update", A, sent, "1", "k1"))
    assert "would cost 40.00 EUR" in guard.refusal(begins, "A")


@pytest.mark.parametrize(("price", "refused"), [("75.00", True), ("95.00", False)])
def test_a_price_of_what_may_be_put_on_sale_is_judged(price: str, refused: bool) -> None:
    """It sleeps by the last reading; that it is put on sale was sent, and nobody has seen it."""
    guard = guarding(A=listing("A", "100.00", "70.00", "inactive"), p=promotion("20", "A"))
    assert guard.refusal(Write("update", A, {"price": euros("75.00")}, "1", "k0"), "A") == ""
    accepted(guard, Write("update", A, {"status": "active"}, "1", "k1"))
    why = guard.refusal(Write("update", A, {"price": euros(price)}, "1", "k2"), "A")
    assert ("would cost 60.00" in why and "a day after it was sent" in why) == refused, why


def tiers(*prices: int, more: int = 0) -> list[dict[str, Any]]:
    """Prices for businesses from 2, 3, … pieces on; `more`: so many pieces later."""
    return [{"minimumQuantity": n + more, "price": euros(f"{price}.00")} for n, price in enumerate(prices, 2)]


@pytest.mark.parametrize(
    ("sent", "least", "most"),
    [
        ({"businessPrice": euros("95.00")}, "30", "40"),
        ({"businessTiers": tiers(*range(89, 69, -1))}, "30", "40"),
        ({"businessTiers": tiers(*range(50, 30, -1), more=20)}, "", "1"),
    ],
    ids=["price", "other tiers", "more tiers than can be judged"],
)
def test_prices_that_may_come_beside_twenty_tiers(sent: dict[str, Any], least: str, most: str) -> None:
    """Twenty is as many as there may be. What comes beside them is judged, or nothing is sent: businesses pay
    71.00 for many pieces, or 70.00, which 30 % off takes to 49.70 or 49.00, and 40 % below the floor."""
    held = listing("A", "100.00", "46.00") | {"businessTiers": tiers(*range(90, 70, -1))}
    guard = guarding(A=held)
    accepted(guard, Write("update", A, sent, "1", "k1"))
    if least:
        assert guard.refusal(Write("create", P, promotion(least, "A"), "", "k2"), "p") == ""
    why = guard.refusal(Write("create", P, promotion(most, "A"), "", "k3"), "p")
    assert ("A would cost" if least else "what A costs cannot be told") in why, why


@pytest.mark.parametrize("count", [MOST, MOST + 1])
def test_more_than_can_be_combined_is_not_judged(count: int) -> None:
    """Nothing of that store is sent that a promotion could reach, and when it may be is said."""
    guard = guarding(A=listing("A", "100.00", "1.00"), p=promotion("10", "A"))
    some = [Write("update", P, {"discount": {"percent": str(n + 1)}}, "1", f"k{n}") for n in range(count)]
    accepted(guard, *some, some[-1])  # the same again is no other
    why = guard.refusal(Write("update", A, {"price": euros("99.00")}, "1", "k"), "A")
    assert ("were sent and may still come" in why) is (count > MOST)


def test_a_look_at_another_marketplace_closes_nothing(tmp_path: Path) -> None:
    """12.00 is open at one; the address is changed for one run to another that holds 12.00 already."""
    floor = {"pricePolicy": {"min": {"amz-de": "11.00"}}}
    accepting = {"on": False}

    def accepts(exchange: Exchange) -> Answered | None:
        if not accepting["on"] or exchange.asked.method != "POST":
            return None
        rows = [{"status": 202}] * len(json.loads(exchange.asked.body)["items"])
        return Answered(200, {"content-type": "application/json"}, json.dumps({"items": rows}).encode())

    def no_generations(exchange: Exchange) -> Answered | None:
        if "/generations/" not in exchange.asked.path:
            return None
        return Answered(404, {"content-type": "application/problem+json"}, b"{}")

    def untold(answer: Answered) -> Answered:
        body = json.loads(answer.body)
        body.pop("generation", None)
        return answer._replace(body=json.dumps(body).encode())

    (tmp_path / "p").mkdir()
    (tmp_path / "q").mkdir()
    with (
        open_market(tmp_path / "p") as here, open_market(tmp_path / "q") as there,
        Server(between(here.url, accepts)) as p, Server(between(there.url, no_generations, untold)) as q,
    ):  # fmt: skip
        clone_of(q, tmp_path / "other", storefront(), sku("S-1", "12.00", **floor)).apply()
        made = clone_of(p, tmp_path / "made", storefront(), sku("S-1", "30.00", **floor))
        made.apply()
        accepting["on"] = True
        made.write(storefront(), sku("S-1", "12.00", **floor))
        assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
        accepting["on"] = False
        made.write(storefront(), sku("S-1", "30.00", **floor), promo("half", "50"))
        project = (made.path / "acorn.yaml").read_text()
        (made.path / "acorn.yaml").write_text(project.replace(p.url, q.url))
        elsewhere = made.run("apply", "--auto-approve", "--wait", "0")
        assert (elsewhere.code, "on another marketplace" in elsewhere.err) == (1, True), elsewhere
        (made.path / "acorn.yaml").write_text(project)
        result = made.run("apply", "--auto-approve", "--wait", "0")
    assert (result.code, "12.00 EUR was sent" in result.out) == (3, True), result
