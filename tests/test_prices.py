"""What a buyer pays: the vectors of the price engine, its laws, and the rules that judge promotions by it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn_gitops.engines.pricing.calendar import Calendar
from acorn_gitops.engines.pricing.offer import major, minor, offer_of
from acorn_gitops.engines.pricing.price import WHOLE, Offer, effective, part_of, pays_under
from acorn_gitops.rules.families.sku.price import _below
from acorn_gitops.specs.load import load
from tests.repository import Repository, document, storefront


def percent(name: str, value: str, mode: str = "additive", **more: Any) -> Offer:
    """So many percent off."""
    return Offer(name, "percent", int(Decimal(value) * WHOLE / 100), mode=mode, **more)  # type: ignore[arg-type]


def amount(name: str, value: int, **more: Any) -> Offer:
    """So many minor units off."""
    return Offer(name, "amount", value, **more)


def sale(name: str, value: int, **more: Any) -> Offer:
    """At this price."""
    return Offer(name, "sale", value, tier=10, **more)


# (list price, offers, what is paid): the vectors of the domain notes, in minor units
VECTORS: dict[str, tuple[int, list[Offer], int]] = {
    "V1 a sale, then 10 %": (10000, [sale("s", 9000), percent("p", "10")], 8100),
    "V2 20 % and 5 %, additive": (10000, [percent("a", "20"), percent("b", "5")], 7500),
    "V3 20 % and 5 %, multiplicative": (
        10000,
        [percent("a", "20", "multiplicative"), percent("b", "5", "multiplicative")],
        7600,
    ),
    "V4 20 % and 5 %, best only": (10000, [percent("a", "20", "bestOnly"), percent("b", "5", "bestOnly")], 8000),
    "V5 15 % of 4,999 yen": (4999, [percent("a", "15")], 4249),
    "V6 15 % and 2.00 of 19.99": (1999, [percent("a", "15"), amount("b", 200)], 1499),
    "V7 a sale above the list price": (4999, [sale("s", 5499)], 4999),
    "V8 60 % and 50 %": (3000, [percent("a", "60"), percent("b", "50")], 0),
    "nothing": (4999, [], 4999),
    "a coupon better than the sale of its group": (4999, [sale("s", 4500, group="bf"), percent("c", "20", group="bf")], 3999),
    "a sale better than the coupon of its group": (4999, [sale("s", 3500, group="bf"), percent("c", "20", group="bf")], 3500),
    "a group with a sale beside another sale": (
        10000, [sale("s", 9000), sale("t", 8500, group="g"), percent("c", "10", group="g")], 8100,
    ),
    "the better of a group": (10000, [percent("a", "20", group="g"), amount("b", 2500, group="g")], 7500),
    "a group beside another offer": (
        10000,
        [percent("a", "20", group="g"), percent("b", "10", group="g"), percent("c", "5")],
        7500,
    ),
    "alone is worse than together": (
        10000,
        [percent("a", "20", "bestOnly"), percent("b", "15"), percent("c", "10")],
        7500,
    ),
    "the lower of two sales": (10000, [sale("a", 9000), sale("b", 8500)], 8500),
    "half a cent rounds up": (5, [percent("a", "10")], 4),
    "more off than it costs": (500, [amount("a", 900)], 0),
}  # fmt: skip


@pytest.mark.parametrize(("listed", "offers", "pays"), VECTORS.values(), ids=VECTORS.keys())
def test_vectors(listed: int, offers: list[Offer], pays: int) -> None:
    """The price that the domain notes compute by hand."""
    assert effective(listed, offers).pays == pays
    assert effective(listed, reversed(offers)).pays == pays, "the order of offers decides nothing"


def test_a_dropped_offer_says_why() -> None:
    """Each offer stands in the trace, with what it took or the reason why it did not hold."""
    price = effective(
        10000,
        [
            sale("high", 11000),
            percent("a", "20", group="g"),
            percent("b", "10", group="g"),
            percent("c", "5"),
        ],
    )
    assert {s.offer.name: (s.taken, s.why) for s in price.steps} == {
        "high": (0, "not below the list price"),
        "a": (2000, ""),
        "b": (0, "a is better in group g"),
        "c": (500, ""),
    }


OFFERS = st.lists(
    st.builds(
        lambda number, kind, value, tier, priority, group, mode: Offer(
            f"p{number}", kind, value * 100 if kind == "percent" else value, tier, priority, group, mode
        ),
        st.integers(0, 99),
        st.sampled_from(["percent", "amount", "sale"]),
        st.integers(1, 10_000),
        st.sampled_from([20, 30, 40]),
        st.integers(-1, 1),
        st.sampled_from(["", "", "g", "h"]),
        st.sampled_from(["additive", "multiplicative", "bestOnly"]),
    ),
    max_size=5,
    unique_by=lambda o: o.name,
)
PRICES = st.integers(0, 20_000)


def oracle(listed: int, offers: Sequence[Offer]) -> Decimal:
    """The same rules, written again from the text, in Decimal."""

    def off(offer: Offer, of: Decimal) -> Decimal:
        if offer.kind == "amount":
            return min(of, Decimal(offer.value))
        share = of * offer.value / WHOLE
        return min(of, share.quantize(Decimal(1), rounding=ROUND_HALF_UP))

    free = Decimal(min([listed, *(o.value for o in offers if o.kind == "sale" and not o.group)]))
    for group in {o.group for o in offers if o.kind == "sale" and o.group}:
        rivals = [o for o in offers if o.group == group]
        alone_at = {
            o: min(free, Decimal(o.value)) if o.kind == "sale" else free - off(o, free) for o in rivals
        }
        winner = min(rivals, key=lambda o: (alone_at[o], -o.priority, o.name))
        offers = [o for o in offers if o.group != group or o is winner]
    base = Decimal(min([listed, *(o.value for o in offers if o.kind == "sale")]))
    others = [o for o in offers if o.kind != "sale"]
    for group in {o.group for o in others if o.group}:
        rivals = [o for o in others if o.group == group]
        winner = min(rivals, key=lambda o: (-off(o, base), -o.priority, o.name))
        others = [o for o in others if o.group != group or o is winner]
    price = base
    for offer in others:
        if offer.mode == "additive":
            price -= off(offer, base)
    price = max(price, Decimal(0))
    for offer in sorted(others, key=lambda o: (o.tier, -o.priority, o.name)):
        if offer.mode == "multiplicative":
            price -= off(offer, price)
    alone = [base - off(o, base) for o in others if o.mode == "bestOnly"]
    return min([price, *alone])


@settings(max_examples=600, deadline=None)
@given(PRICES, OFFERS)
def test_the_engine_agrees_with_an_independent_oracle(listed: int, offers: list[Offer]) -> None:
    """Any list price and any offers: the price is the oracle's, never negative, never above the list price."""
    price = effective(listed, offers)
    assert price.pays == oracle(listed, offers)
    assert 0 <= price.pays <= listed


@settings(max_examples=400, deadline=None)
@given(PRICES, OFFERS)
def test_the_trace_adds_up(listed: int, offers: list[Offer]) -> None:
    """What the steps take is the difference between list price and price; equal sale prices count once."""
    price = effective(listed, offers)
    taken = sum(s.taken for s in price.steps if s.offer.kind != "sale")
    assert price.base - taken == price.pays
    assert len(price.steps) == len(offers)


@settings(max_examples=600, deadline=None)
@given(PRICES, OFFERS)
def test_the_sweep_pays_what_the_trace_pays(listed: int, offers: list[Offer]) -> None:
    """The fast way without a trace gives the same price."""
    assert pays_under(offers)(listed) == effective(listed, offers).pays


@given(st.integers(0, 10**9), st.integers(0, WHOLE))
def test_percentages_round_half_up(of: int, billionths: int) -> None:
    """As Decimal's ROUND_HALF_UP."""
    exact = (Decimal(of) * billionths / WHOLE).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    assert part_of(of, billionths) == exact


@pytest.mark.parametrize(
    ("value", "currency", "units"), [("19.99", "EUR", 1999), ("4999", "JPY", 4999), ("1.234", "KWD", 1234)]
)
def test_minor_units_are_the_currencys(value: str, currency: str, units: int) -> None:
    """Two decimals, none, three; there and back."""
    assert minor(value, currency) == units
    assert major(units, currency) == value


# -- over a repository -------------------------------------------------------------------------------------


def mapped(price: str = "100.00", floor: str = "70.00", **policy: Any) -> dict[str, Any]:
    """One SKU in one store."""
    return document(
        "SkuMapping",
        "a",
        {
            "sku": "KTL",
            "pricePolicy": {"min": {"amz-de": floor}, **policy},
            "listings": [{"store": "amz-de", "price": {"currency": "EUR", "value": price}}],
        },
    )


def _asleep(mapping: dict[str, Any]) -> dict[str, Any]:
    """The same, not for sale."""
    mapping["spec"]["listings"][0]["status"] = "inactive"
    return mapping


def promo(name: str, off: str, start: str = "2026-11-27T00:00", end: str = "2026-12-01T00:00", **more: Any) -> dict[str, Any]:  # fmt: skip
    """So many percent off the one SKU."""
    return document(
        "Promo",
        name,
        {
            "type": "percentOff",
            "stores": {"names": ["amz-de"]},
            "skus": {"names": ["KTL"]},
            "window": {"start": {"local": start, "tz": "store"}, "end": {"local": end, "tz": "store"}},
            "discount": {"percent": off},
            **more,
        },
    )


ALONE = {"stacking": {"group": "g"}}
SAID = {"stacking": {"mode": "additive"}}
# (documents, the rule that must speak; empty: none)
CASES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "above the floor": ([mapped(), promo("p", "30")], ""),
    "below the floor": ([mapped(), promo("p", "31")], "PRO-030"),
    "two that stack below the floor": ([mapped(), promo("p", "20", **SAID), promo("q", "15", **SAID)], "PRO-030"),
    "two of one group": ([mapped(), promo("p", "20", **ALONE), promo("q", "15", **ALONE)], ""),
    "two after each other": ([mapped(), promo("p", "20", end="2026-11-28T00:00"), promo("q", "20", start="2026-11-28T00:00")], ""),
    "a code that stacks": ([mapped(), promo("p", "20", **SAID), {**(c := promo("c", "15")), "spec": {**c["spec"], "type": "promoCode", "code": "TEN"}}], "PRO-030"),
    "below the advertised minimum": ([mapped(map={"amz-de": "95.00"}), promo("p", "10")], "PRO-030"),
    "an advertised minimum that need not hold": ([mapped(map={"amz-de": "95.00"}), promo("p", "10", floors={"respect": ["min"]})], ""),
    "free by two": ([mapped(floor="0.00"), promo("p", "60", **SAID), promo("q", "50", **SAID)], "PRO-031"),
    "free on purpose": ([mapped(floor="0.00"), promo("p", "100", discount={"percent": "100", "gift": True})], ""),
    "free without a word": ([mapped(floor="0.00"), promo("p", "100")], "PRO-031"),
    "over": ([mapped(), promo("p", "90", start="2026-01-01T00:00", end="2026-02-01T00:00")], "PRO-001"),
    "not for sale": ([_asleep(mapped()), promo("p", "90")], ""),
    "a code without which it is cheaper": ([mapped(floor="35.00"), promo("sale", "0", type="salePrice", discount={"salePrice": {"amz-de": {"currency": "EUR", "value": "80.00"}}}, stacking={"group": "h"}), promo("half", "60", type="lightningDeal", stacking={"mode": "bestOnly"}), promo("code", "21", type="promoCode", code="SAVE21", stacking={"group": "h", "mode": "additive"})], "PRO-030"),
    "off a basket": ([mapped(floor="80.00"), promo("p", "0", type="amountOff", discount={"amount": {"amz-de": {"currency": "EUR", "value": "10.00"}}}, minimumOrder={"amz-de": {"currency": "EUR", "value": "50.00"}})], ""),
    "off a basket, too much": ([mapped(floor="80.01"), promo("p", "0", type="amountOff", discount={"amount": {"amz-de": {"currency": "EUR", "value": "10.00"}}}, minimumOrder={"amz-de": {"currency": "EUR", "value": "50.00"}})], "PRO-030"),
    "more than was agreed": ([mapped(floor="1.00"), promo("p", "20", maxTotalPercent="25", **SAID), promo("q", "10", **SAID)], "PRO-022"),
    "as much as was agreed": ([mapped(floor="1.00"), promo("p", "15", maxTotalPercent="25", **SAID), promo("q", "10", **SAID)], ""),
    "an overlap that nobody planned": ([mapped(floor="1.00"), promo("p", "20"), promo("q", "10")], "PRO-020"),
    "an overlap of two tiers": ([mapped(floor="1.00"), promo("p", "20"), promo("q", "10", stacking={"tier": 30})], ""),
    "buy three, get one": ([mapped(floor="76.00"), {**(b := promo("b", "1")), "spec": {**b["spec"], "type": "buyXGetY", "discount": {"buyXGetY": {"buy": 3, "get": 1}}}}], "PRO-030"),
}  # fmt: skip


@pytest.mark.parametrize(("documents", "rule"), CASES.values(), ids=CASES.keys())
def test_promotions_are_judged_by_what_they_do(
    documents: list[dict[str, Any]], rule: str, tmp_path: Path
) -> None:
    """A breach is told at its promotion, and nothing is said where there is none."""
    made = Repository(tmp_path / "r", storefront(), *documents)
    found = made.run("validate", "-o", "json").json["findings"]
    assert {f["id"] for f in found} == ({rule} if rule else set())
    assert all(f["hint"] for f in found)


def test_a_breach_stops_the_plan_and_names_everything(tmp_path: Path) -> None:
    """SKU, store, price, floor, promotion, instant, place: what a merchandiser needs to act."""
    made = Repository(tmp_path / "r", storefront(), mapped(), promo("black-friday", "40"))
    result = made.run("plan")
    assert result.code == 4
    for words in (
        "KTL in amz-de falls to 60.00 EUR",
        "its floor 70.00",
        "black-friday",
        "2026-11-26T23:00:00Z",
    ):
        assert words in " ".join(result.err.split()), words


def test_a_promotion_below_its_floor_in_one_of_many_stores_is_told(tmp_path: Path) -> None:
    """Every listing counts, not only the first."""
    wide = mapped()
    wide["spec"]["listings"].append({"store": "amz-fr", "price": {"currency": "EUR", "value": "80.00"}})
    wide["spec"]["pricePolicy"]["min"]["amz-fr"] = "75.00"
    sold = promo("p", "20")
    sold["spec"]["stores"]["names"].append("amz-fr")
    made = Repository(tmp_path / "r", storefront(), storefront("amz-fr"), wide, sold)
    found = made.run("validate", "-o", "json").json["findings"]
    assert [f["id"] for f in found] == ["PRO-030"]
    assert "amz-fr" in found[0]["message"]


WINDOWS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 20), st.integers(1, 60)), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None)
@given(WINDOWS)
def test_the_sweep_misses_no_moment(tmp_path_factory: pytest.TempPathFactory, windows: list[Any]) -> None:
    """The lowest price over the calendar is the lowest of all hours, sampled one by one."""
    begin = datetime(2026, 11, 1, tzinfo=UTC)

    def text(hours: int) -> str:
        return (begin + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")

    promos = [
        promo(f"p{i}", str(off), text(start), text(start + length), **SAID)
        for i, (start, length, off) in enumerate(windows)
    ]
    for one in promos:
        for edge in ("start", "end"):
            one["spec"]["window"][edge]["tz"] = "UTC"
    made = Repository(tmp_path_factory.mktemp("sweep") / "r", storefront(), mapped(floor="0.01"), *promos)
    calendar = Calendar(load(made.path, None, None).configuration)
    (low,) = calendar.lows()
    (listed,) = calendar.listings()
    sampled = min(
        effective(listed.price, calendar.active(listed, begin + timedelta(hours=hour))).pays
        for hour in range(-1, 62)
    )
    assert min(low.pays, listed.price) == sampled


def test_price_tells_what_is_paid_and_why(tmp_path: Path) -> None:
    """List price, each promotion, what everybody pays, what codes make of it, the floor; exit 1 below it."""
    coded = promo("newsletter", "10")
    coded["spec"] |= {"type": "promoCode", "code": "HYGGE10"}
    made = Repository(
        tmp_path / "r", storefront(), mapped(floor="70.00"), promo("black-friday", "15", **SAID), coded
    )
    result = made.run("price", "--store", "amz-de", "--sku", "KTL", "--at", "2026-11-28T12:00")
    assert result.code == 0
    assert result.out.splitlines() == [
        "KTL in amz-de · 2026-11-28 12:00 Europe/Berlin · all",
        "  listed          100.00 EUR",
        "                  -15.00 EUR  black-friday",
        "                  -10.00 EUR  newsletter (with code HYGGE10)",
        "  pays             85.00 EUR",
        "  at lowest        75.00 EUR  for whoever chooses best",
        "  floor            70.00 EUR  kept",
    ]
    before = made.run("price", "--store", "amz-de", "--sku", "KTL", "--at", "2026-11-26T23:59", "-o", "json")
    assert (before.code, before.json["pays"]) == (0, "100.00")
    at_once = made.run(
        "price", "--store", "amz-de", "--sku", "KTL", "--at", "2026-11-26T23:00:00Z", "-o", "json"
    )
    assert at_once.json["pays"] == "85.00", "midnight in Berlin"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--store", "amz-dee", "--sku", "KTL"), 1, "did you mean amz-de?"),
        (("--store", "amz-de", "--sku", "B"), 1, "there is no SKU B"),
        (("--store", "amz-de", "--sku", "KTL", "--at", "soon"), 64, "--at soon"),
        (("--store", "amz-de", "--sku", "KTL", "--at", "2026-03-29T02:30"), 64, "does not exist"),
        (("--store", "amz-de"), 64, "--sku"),
    ],
)
def test_price_says_what_it_cannot_do(
    arguments: tuple[str, ...], code: int, words: str, tmp_path: Path
) -> None:
    """Unknown names get the nearest one; impossible times are refused."""
    made = Repository(tmp_path / "r", storefront(), mapped())
    result = made.run("price", *arguments)
    assert result.code == code
    assert words in result.err


def test_an_empty_calendar_says_so(tmp_path: Path) -> None:
    """No promotion is no error."""
    result = Repository(tmp_path / "r", storefront(), mapped()).run("calendar")
    assert (result.code, result.out) == (0, "No promotion holds or is planned from now on.\n")


_AMOUNTS = st.builds(
    lambda whole, decimals: f"{whole}.{decimals}" if decimals else str(whole),
    st.integers(0, 99_999),
    st.text("0123456789", max_size=4),
)


@given(_AMOUNTS, _AMOUNTS)
def test_comparing_amounts_as_text_is_comparing_numbers(one: str, other: str) -> None:
    """Of amounts as the schema lets them through, whatever their decimals."""
    assert _below(one, other) is (Decimal(one) < Decimal(other))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20_000_000))
def test_a_set_for_fewer_costs_a_piece_its_part(buy: int, get: int, base: int) -> None:
    """One of six for nothing: a sixth off each, halves rounded up."""
    discount = {"buyXGetY": {"buy": buy, "get": get}}
    found = offer_of("b", {"type": "buyXGetY", "discount": discount}, "JPY")
    assert found is not None
    off = (Decimal(base * get) / (buy + get)).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    assert effective(base, [found]).pays == base - off
