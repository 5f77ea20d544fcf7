"""What businesses are asked: a price of its own and less for more pieces. Every floor, budget and limit holds for
every buyer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn_gitops.apply.price_guard import Offered, promotion_refusal, refusal
from acorn_gitops.engines.pricing.calendar import Calendar
from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.model.resource import Address
from acorn_gitops.plan.change import FALLING, Change
from acorn_gitops.resources.buyers import Buyer, as_seen, buyers_of
from acorn_gitops.specs.load import load
from tests.repository import Repository, document, storefront
from tests.test_lowest_prices import buyers, promotion
from tests.test_margin_and_risk import vat
from tests.test_price_guard import euros, running
from tests.test_prices import oracle

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
CENTS = st.integers(1, 99_999)


def money(cents: int) -> dict[str, str]:
    """Cents in euros."""
    return {"currency": "EUR", "value": f"{cents // 100}.{cents % 100:02}"}


@given(
    CENTS,
    st.none() | CENTS,
    st.dictionaries(st.integers(2, 60), CENTS, max_size=4),
    st.integers(1, 80),
)
def test_a_business_pays_the_least_that_it_may_choose(
    price: int, business: int | None, tiers: dict[int, int], pieces: int
) -> None:
    """Of the price for everybody, that for businesses, and the tiers that so many pieces reach; and no number of
    pieces between two buyers is asked anything else."""
    listing: dict[str, Any] = {"price": money(price)}
    if business is not None:
        listing["businessPrice"] = money(business)
    if tiers:
        listing["businessTiers"] = [{"minimumQuantity": n, "price": money(c)} for n, c in tiers.items()]
    least = min([price, *([business] if business else []), *(c for n, c in tiers.items() if n <= pieces)])
    assert as_seen(listing, Buyer("b2b", pieces))["price"] == money(least)
    among = [as_seen(listing, buyer)["price"] for buyer in buyers_of(listing)]
    assert money(least) in among
    assert as_seen(listing, buyers_of(listing)[0]) == listing


LISTING = {
    "sku": "K",
    "price": euros("100.00"),
    "minPrice": euros("70.00"),
    "businessPrice": euros("95.00"),
    "businessTiers": [{"minimumQuantity": 10, "price": euros("90.00")}],
}


@pytest.mark.parametrize(
    ("sent", "least", "words"),
    [
        ({"businessPrice": euros("69.99")}, None, "69.99 EUR is below its floor 70.00 (for businesses)"),
        ({"businessPrice": euros("70.00")}, None, ""),
        (
            {"businessTiers": [{"minimumQuantity": 5, "price": euros("69.00")}]},
            None,
            "69.00 EUR is below its floor 70.00 (for businesses from 5 pieces)",
        ),
        ({"businessTiers": [{"minimumQuantity": 5, "price": euros("80.00")}]}, euros("85.00"), "leaves less"),
        ({"minPrice": euros("92.00")}, None, "90.00 EUR is below its floor 92.00 (for businesses from 10"),
        ({"businessPrice": euros("0.00")}, None, "is no price"),
        ({"businessPrice": {"currency": "USD", "value": "95.00"}}, None, "is not in the currency"),
        ({"businessTiers": [{"minimumQuantity": 5}]}, None, "is no amount"),
        ({"businessTiers": "none"}, None, "is no amount"),
        ({"businessPrice": None, "businessTiers": None}, None, ""),
        ({"title": "Kettle"}, euros("99.00"), ""),
    ],
)
def test_a_write_is_judged_for_every_buyer(sent: dict[str, Any], least: Any, words: str) -> None:
    """Next to the write, by what the store holds."""
    found = refusal("listing", sent, LISTING, least=least)
    assert bool(found) == bool(words)
    assert words in found


@pytest.mark.parametrize(
    ("discount", "audience", "words"),
    [
        ("20", "all", ""),
        ("23", "all", "would cost 69.30 EUR"),
        ("23", "b2b", "for businesses from 10 pieces"),
        ("23", "prime", ""),
        ("23", "segment", "for businesses from 10 pieces"),
    ],
)
def test_a_promotion_is_judged_at_what_those_are_asked_who_can_have_it(
    discount: str, audience: str, words: str
) -> None:
    """23 % off 100.00 keeps a floor of 70.00, and off the 90.00 that businesses pay for ten it does not: nobody is
    prime and a business."""
    held = HeldPromotions(NOW)
    proposed = held.proposed("bf", running({"percent": discount}, audience=audience))
    found = promotion_refusal(proposed, [("K", Offered(LISTING, None))])
    assert bool(found) == bool(words)
    assert words in found


def kettle(
    business: Any = None, promo: dict[str, Any] | None = None, price: str = "100.00"
) -> list[dict[str, Any]]:
    """One SKU with a floor of 70.00, what businesses are asked for it, and a promotion."""
    listing: dict[str, Any] = {"store": "amz-de", "price": euros(price)}
    if business is not None:
        listing["business"] = business
    policy = {"min": {"amz-de": "70.00"}}
    made = [
        storefront(),
        document("SkuMapping", "k", {"sku": "K", "pricePolicy": policy, "listings": [listing]}),
    ]
    if promo is not None:
        window = {
            edge: {"local": f"{day}T00:00", "tz": "UTC"}
            for edge, day in (("start", "2026-11-20"), ("end", "2027-12-20"))
        }
        where = {"stores": {"names": ["amz-de"]}, "skus": {"names": ["K"]}}
        made.append(document("Promo", "bf", {"type": "percentOff", **where, "window": window, **promo}))
    return made


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_calendar_finds_what_any_business_may_pay(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Tried one by one: every audience, every number of pieces, every set of codes, at what that buyer is asked."""
    prices = sorted(data.draw(st.lists(st.integers(1000, 10_000), min_size=2, max_size=4, unique=True)))
    price, *less = reversed(prices)
    tiers = [
        {"minimumQuantity": 5 * n + 5, "price": money(cents)["value"]} for n, cents in enumerate(less[1:])
    ]
    business = {"price": money(less[0])["value"], "tiers": tiers}
    contents = data.draw(st.lists(promotion("EUR"), max_size=3))
    made = Repository(
        tmp_path_factory.mktemp("calendar") / "r",
        *kettle(business, price=money(price)["value"]),
        *(_promo(f"p{n}", body) for n, body in enumerate(contents)),
    )
    calendar = Calendar(load(made.path, None, None).configuration)
    offers = [d.offer for dated in calendar.offers.values() for d in dated]
    asked = {1: less[0], **{tier["minimumQuantity"]: c for tier, c in zip(tiers, less[1:], strict=True)}}
    least = [oracle(price, some) for some in buyers(offers)]
    # Whoever is asked what businesses are is one: what is for businesses is for him, whether he likes it or not, and
    # nobody is both that and prime.
    theirs = [offer._replace(audience="all") if offer.audience == "b2b" else offer for offer in offers]
    for some in buyers([offer for offer in theirs if offer.audience != "prime"]):
        least += [oracle(cents, some) for cents in asked.values()]
    found = [low.pays for low in calendar.lows()]
    assert min([*found, *asked.values()]) == min([*least, *asked.values()])


def _promo(name: str, body: dict[str, Any]) -> dict[str, Any]:
    """A promotion of one store as a spec says it."""
    spec = {k: v for k, v in body.items() if k not in ("discount", "minimumOrder")}
    discount = dict(body["discount"])
    for part in ("amount", "salePrice"):
        if part in discount:
            discount[part] = {"amz-de": discount[part]}
    if "minimumOrder" in body:
        spec["minimumOrder"] = {"amz-de": body["minimumOrder"]}
    window = {
        "start": {"local": "2026-11-20T00:00", "tz": "UTC"},
        "end": {"local": "2026-12-20T00:00", "tz": "UTC"},
    }
    where = {"stores": {"names": ["amz-de"]}, "skus": {"names": ["K"]}}
    return document("Promo", name, {**spec, **where, "discount": discount, "window": window})


TIERS = {"price": "95.00", "tiers": [{"minimumQuantity": 10, "price": "90.00"}]}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Repository]:
    """A repository with a kettle."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
    return lambda *args, **more: Repository(tmp_path / "r", *kettle(*args, **more))


def test_what_businesses_are_asked_goes_the_whole_way(shop: Callable[..., Repository]) -> None:
    """Declared, applied, in sync; changed, applied; said to be none, and gone. What is not said stays."""
    made = shop(TIERS)
    made.apply()
    live = made.live()["amz-de/listing/K"]
    assert live["businessPrice"] == euros("95.00")
    assert live["businessTiers"] == [{"minimumQuantity": 10, "price": euros("90.00")}]
    assert made.run("plan", "--detailed-exitcode").code == 0
    made.write(*kettle({"price": "94.00"}))
    made.apply()
    live = made.live()["amz-de/listing/K"]
    assert (live["businessPrice"], len(live["businessTiers"])) == (euros("94.00"), 1)
    made.write(*kettle({"price": "94.00", "tiers": None}))
    made.apply()
    assert made.live()["amz-de/listing/K"].get("businessTiers") is None
    assert made.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("promo", "id"),
    [
        ({"discount": {"percent": "22"}}, ""),
        ({"discount": {"percent": "23"}}, "PRO-030"),
        ({"discount": {"percent": "23"}, "audience": "b2b"}, "PRO-030"),
        ({"discount": {"percent": "25"}, "audience": "prime", "type": "primeExclusive"}, ""),
    ],
)
def test_a_promotion_keeps_the_floor_for_businesses_too(
    promo: dict[str, Any], id: str, shop: Callable[..., Repository]
) -> None:
    """The calendar is asked for what businesses pay, at every tier."""
    found = shop(TIERS, promo).run("validate")
    assert (found.code == 0) is (not id), found.out
    assert id in found.out
    if id:
        assert "90.00 for businesses from 10 pieces" in " ".join(found.out.split())


@pytest.mark.parametrize(
    ("business", "code"),
    [
        ({"price": "91.00"}, 0),
        ({"price": "89.00"}, 5),
        ({"price": "95.00", "tiers": [{"minimumQuantity": 10, "price": "85.00"}]}, 5),
        ({"price": "95.00", "tiers": [{"minimumQuantity": 2, "price": "90.00"}]}, 0),
    ],
)
def test_a_price_for_businesses_has_the_budget_of_prices(
    business: Any, code: int, shop: Callable[..., Repository]
) -> None:
    """The first one falls from what everybody is asked; a budget allows 10 %."""
    made = shop()
    settings = made.path / "acorn.yaml"
    settings.write_text(settings.read_text() + "  policies: {budgets: {prices: {priceDrop: '10'}}}\n")
    made.apply()
    made.write(*kettle(business))
    found = made.run("apply", "--auto-approve")
    assert found.code == code, found.out
    if code:
        assert "BUD-002" in found.err and "for businesses" in found.err
        assert "businessPrice" not in made.live()["amz-de/listing/K"]


def test_without_a_price_for_everybody_there_is_none_for_businesses(shop: Callable[..., Repository]) -> None:
    """A budget could not tell how far it falls: no severity and no waiver opens it."""
    made = shop(TIERS)
    text = (made.path / "acorn.yaml").read_text()
    (made.path / "acorn.yaml").write_text(text + "  policies: {severities: {SKU-032: info}}\n")
    made.write(*[{**one, "spec": _bare(one["spec"])} for one in kettle(TIERS)])
    found = made.run("validate")
    assert found.code == 4 and "error SKU-032" in found.out


def _bare(spec: dict[str, Any]) -> dict[str, Any]:
    listings = [{k: v for k, v in one.items() if k != "price"} for one in spec.get("listings") or ()]
    return {**spec, "listings": listings} if listings else spec


def test_what_is_imported_says_what_businesses_are_asked(
    tmp_path: Path, shop: Callable[..., Repository]
) -> None:
    """And a plan of it is empty."""
    made = shop(TIERS)
    made.apply()
    assert made.run("state", "rm", "amz-de/listing/K").code == 0
    made.write(storefront())
    found = made.run("import")
    assert found.code == 0, found.out
    text = "".join(path.read_text() for path in (made.path / "specs").rglob("*.yaml"))
    assert "minimumQuantity: 10" in text
    assert made.run("plan", "--detailed-exitcode").code == 0, text


@pytest.mark.parametrize(
    ("audience", "pays", "lowest"),
    [("all", "80.00", "80.00"), ("b2b", "76.00", "72.00"), ("prime", "80.00", "80.00")],
)
def test_price_shows_what_each_audience_is_asked(
    audience: str, pays: str, lowest: str, shop: Callable[..., Repository]
) -> None:
    """For a business: for one piece, and at lowest for as many as it takes."""
    made = shop(TIERS, {"discount": {"percent": "20"}})
    found = made.run("price", "--store", "amz-de", "--sku", "K", "--audience", audience, "-o", "json").json
    assert (found["pays"], found["lowest"]) == (pays, lowest)


def test_a_hand_on_a_business_price_is_drift_and_is_taken_back(shop: Callable[..., Repository]) -> None:
    """As a hand on any price is."""
    made = shop(TIERS)
    made.apply()
    hand = 'amz-de/listing/K.businessPrice={"currency": "EUR", "value": "80.00"}'
    assert made.run("sandbox", "disturb", hand).code == 0
    found = made.run("drift", "--detailed-exitcode")
    assert found.code == 2 and "95.00 EUR → 80.00 EUR" in found.out, found.out
    made.apply()
    assert made.live()["amz-de/listing/K"]["businessPrice"] == euros("95.00")


def test_a_promotion_has_the_budget_at_what_businesses_are_asked(shop: Callable[..., Repository]) -> None:
    """95.00 to 91.00 and 6 % off it is 10 % for a business, and 6 % for everybody: a budget allows 8 %."""
    made = shop({"price": "95.00"})
    settings = made.path / "acorn.yaml"
    settings.write_text(settings.read_text() + "  policies: {budgets: {prices: {priceDrop: '8'}}}\n")
    made.apply()
    made.write(*kettle({"price": "91.00"}, {"discount": {"percent": "6"}}))
    found = made.run("plan")
    assert found.code == 5 and "falls from 95.00 to 85.54 EUR with promotions" in " ".join(found.out.split())
    made.write(*kettle({"price": "95.00"}, {"discount": {"percent": "6"}}))
    assert made.run("plan").code == 0


@pytest.mark.parametrize(
    ("before", "after", "falls"),
    [
        ({}, {"businessPrice": euros("95.00")}, True),
        ({"businessPrice": euros("95.00")}, {"businessPrice": euros("96.00")}, False),
        ({"businessPrice": euros("95.00")}, {"businessPrice": None}, False),
        ({}, {"businessTiers": [{"minimumQuantity": 9, "price": euros("99.00")}]}, True),
        (
            {"businessPrice": euros("95.00")},
            {"businessPrice": euros("94.00"), "price": euros("110.00")},
            True,
        ),
    ],
)
def test_what_falls_for_businesses_goes_after_the_promotions(
    before: dict[str, Any], after: dict[str, Any], falls: bool
) -> None:
    """As every price that falls does."""
    old, new = {"price": euros("100.00"), **before}, {"price": euros("100.00"), **after}
    change = Change("update", Address("s", "listing", "K"), "edited", old, new, (), None, "")
    assert (change.stage[1] == FALLING) is falls


@pytest.mark.parametrize(("tier", "enough"), [("60.00", True), ("58.00", False)])
def test_a_margin_is_kept_for_businesses_too(tier: str, enough: bool, tmp_path: Path) -> None:
    """39.50 cost, 19 % tax, 20 % to be left: 58.76 is the least."""
    listing = {
        "store": "amz-de",
        "price": euros("100.00"),
        "business": {"price": "90.00", "tiers": [{"minimumQuantity": 5, "price": tier}]},
    }
    facts = {"cost": {"currency": "EUR", "value": "39.50"}}
    policy = {"pricePolicy": {"minMarginPercent": "20"}}
    spec = {"sku": "KTL-17", "attributes": facts, "listings": [listing], **policy}
    made = Repository(tmp_path / "r", storefront(country="DE"), vat(), document("SkuMapping", "k", spec))
    found = made.run("validate")
    assert ("PRO-032" not in found.out) is enough, found.out
    assert enough or "at 58.00 EUR for businesses from 5 pieces" in " ".join(found.out.split())


def test_a_promotion_is_judged_at_a_price_for_businesses_that_nobody_declares(
    shop: Callable[..., Repository],
) -> None:
    """20 % off 100.00 keeps the floor of 70.00, and off the 80.00 that somebody asks businesses it does not."""
    made = shop()
    made.apply()
    made.write(*kettle(promo={"discount": {"percent": "20"}}))
    assert made.run("plan").code == 0
    hand = 'amz-de/listing/K.businessPrice={"currency": "EUR", "value": "80.00"}'
    assert made.run("sandbox", "disturb", hand).code == 0
    found = made.run("plan")
    assert found.code == 4 and "ACN-025" in found.out and "(for businesses)" in " ".join(found.out.split())


def test_a_table_has_a_column_for_what_businesses_are_asked(tmp_path: Path) -> None:
    """An empty cell says nothing; a hand on one is taken into its cell, and an export holds it."""
    table = {"table": {"file": "skus.csv", "decimalComma": True, "delimiter": ";"}}
    made = Repository(tmp_path / "r", storefront(), document("SkuMapping", "all", table))
    rows = "sku;store;price;currency;businessPrice\nKTL-1;amz-de;100,00;EUR;95,00\nMUG-1;amz-de;10,00;EUR;\n"
    (made.path / "specs" / "skus.csv").write_text(rows)
    made.apply()
    live = made.live()
    assert live["amz-de/listing/KTL-1"]["businessPrice"] == euros("95.00")
    assert "businessPrice" not in live["amz-de/listing/MUG-1"]
    hand = 'amz-de/listing/KTL-1.businessPrice={"currency": "EUR", "value": "91.00"}'
    assert made.run("sandbox", "disturb", hand).code == 0
    assert made.run("import", "--drifted").code == 0
    assert (made.path / "specs" / "skus.csv").read_text() == rows.replace("95,00", "91,00")
    assert made.run("plan", "--detailed-exitcode").code == 0
