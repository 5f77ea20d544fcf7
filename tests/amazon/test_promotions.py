"""Coupons and deals of Seller Central are seen where a project asks for that: told, never written, and reckoned with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from acorn_gitops.marketplaces.protocol import Scope
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.sandbox.amazon.world import Fault
from tests.amazon.emulated import DE, SELLER, Emulated
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller
from tests.amazon.test_hostile import bent

KNOWN = {"amz-de": {"marketplaceId": DE, "sellerId": SELLER}}
ASIN = "B0EXAMPLE2"


@pytest.fixture
def reading(selling: Seller) -> Seller:
    """A seller whose connection reads promotions, with two SKUs that are sold."""
    file = selling.path / "acorn.yaml"
    file.write_text(file.read_text().replace("options: {", "options: {promotions: read, "))
    assert selling.run("trust", "main").code == 0
    selling.apply()
    return selling


def made(amazon: Emulated, **more: Any) -> str:
    """Somebody makes one in Seller Central: a fifth off the mug, from an hour ago, for a week."""
    begin = datetime.now(UTC) - timedelta(hours=1)
    said = {
        "type": "COUPON",
        "marketplaceId": DE,
        "skus": ["MUG-RED"],
        "asins": [ASIN],
        "start": begin.isoformat(),
        "end": (begin + timedelta(days=7)).isoformat(),
        **({} if {"amount", "price", "free"} & more.keys() else {"percent": 20}),
        **more,
    }
    answer = amazon.emulator.control.answer("promotion", said)
    assert isinstance(answer, dict), answer
    return str(answer["promotionId"])


EUR = {"currency": "EUR"}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, {"type": "coupon", "discount": {"percent": "20"}}),
        ({"percent": Decimal("12.5")}, {"type": "coupon", "discount": {"percent": "12.5"}}),
        ({"amount": Decimal(3)}, {"type": "coupon", "discount": {"amount": {**EUR, "value": "3.00"}}}),
        ({"type": "DEAL"}, {"type": "bestDeal", "discount": {"percent": "20"}}),
        (
            {"type": "DEAL", "price": Decimal("9.99")},
            {"type": "bestDeal", "discount": {"salePrice": {**EUR, "value": "9.99"}}},
        ),
        (
            {"type": "PRICE_DISCOUNT", "segment": "PRIME_EXCLUSIVE"},
            {"type": "percentOff", "discount": {"percent": "20"}, "audience": "prime"},
        ),
        ({"segment": "STUDENT"}, {"type": "coupon", "discount": {"percent": "20"}, "audience": "segment"}),
        (
            {"type": "BASKET_BUILDING", "code": "FALL2026", "quantity": 3},
            {"type": "promoCode", "discount": {"percent": "20"}, "code": "FALL2026", "minimumQuantity": 3},
        ),
        (
            {"type": "BASKET_BUILDING", "basket": Decimal(50)},
            {"type": "percentOff", "discount": {"percent": "20"}, "minimumOrder": {**EUR, "value": "50.00"}},
        ),
        (
            {"type": "BASKET_BUILDING", "free": 1, "quantity": 2},
            {"type": "buyXGetY", "discount": {"buyXGetY": {"buy": 2, "get": 1}}},
        ),
        (
            {"skus": ["", ""], "asins": ["B0NOBODYS1", ASIN]},
            {"type": "coupon", "discount": {"percent": "20"}, "joins": [ASIN, "B0NOBODYS1"]},
        ),
        (
            {"catalog": True},
            {
                "type": "coupon",
                "discount": {"percent": "20"},
                "skus": ["KTL-17-BLK", "MUG-RED"],
                "joins": ["*"],
            },
        ),
    ],
)
def test_what_somebody_made_is_a_promotion_of_the_store(
    said: dict[str, Any], found: dict[str, Any], reading: Seller
) -> None:
    """With what it takes off, for whom, of how many, and on which SKUs."""
    id = made(reading.amazon, **said)
    held = reading.amazon.adapter(KNOWN, hurry=True, promotions="read").read(Scope("amz-de")).resources
    there = held["promotion", f"seen:{id}"].attributes
    expected = {"skus": ["MUG-RED"], **found}
    assert {name: there[name] for name in expected} == expected
    assert there.keys() - expected.keys() == {"start", "end", "foreign"}


def test_it_is_told_and_nothing_is_done_to_it(reading: Seller) -> None:
    """Neither by an apply nor by an import; and what is over is not seen any more."""
    id = made(reading.amazon)
    reading.text((STORES + SKUS).replace("12.90", "12.50"))
    done = reading.apply()
    assert f"promotion seen:{id}" in " ".join(reading.run("plan").out.split()), done
    taken = reading.run("import")
    assert f"seen:{id} stays unmanaged: somebody made it in Seller Central" in " ".join(taken.err.split())
    assert reading.amazon.world.promotions[id].cancelled is False
    reading.amazon.emulator.control.answer("promotion", {"cancel": id})
    assert f"seen:{id}" not in reading.run("plan").out


def test_a_price_is_judged_with_the_coupon_of_somebody_else(reading: Seller) -> None:
    """12.90 less 20 % is 10.32: a floor of 10.00 is kept, and with a sale on top it is not."""
    floor = 'taxClass: standard}\n      pricePolicy: {min: {amz-de: "10.00"}}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2'
    text = STORES + SKUS.replace(
        "taxClass: standard}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2", floor
    )
    reading.text(text)
    reading.apply()
    made(reading.amazon)
    reading.text(text.replace("12.90", "12.60"))
    reading.apply()
    reading.text(text.replace("12.90", "12.40"))
    found = reading.run("plan")
    assert found.code == 4 and "would cost 9.92 EUR with seen:" in " ".join(found.out.split())
    assert reading.run("apply", "--auto-approve").code == 4
    reading.text(text.replace("12.90", "12.60") + PROMO)
    assert "ACN-025" in reading.run("plan").out


POT = """    - sku: POT-1
      attributes: {title: Topf, taxClass: standard}
      pricePolicy: {min: {amz-de: "95.00"}}
      listings:
        - {store: amz-de, asin: B0EXAMPLE7, status: active, price: {currency: EUR, value: "100.00"}}
"""


@pytest.mark.parametrize(
    "reaches", [{"catalog": True}, {"asins": ["B0EXAMPLE7"], "skus": [""]}], ids=["everything", "its product"]
)
def test_a_listing_that_comes_is_judged_with_what_will_hold_for_it(
    reading: Seller, reaches: dict[str, Any]
) -> None:
    """A coupon on the whole catalogue, or on the product, holds for a SKU from its first moment."""
    made(reading.amazon, **reaches)
    reading.text(STORES + SKUS + POT)
    found = reading.run("plan")
    assert (found.code, "would cost 80.00 EUR with seen:" in " ".join(found.out.split())) == (4, True), found
    assert reading.run("apply", "--auto-approve").code == 4
    assert ("POT-1", DE) not in reading.amazon.account.listings


def test_the_last_look_judges_a_listing_that_comes_by_it_as_well(
    reading: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing of it was known when it was planned."""
    from acorn_gitops.apply.run import Run

    honest = Run._held_back

    def meanwhile(run: Run, part: Any) -> bool:
        if not reading.amazon.world.promotions:
            made(reading.amazon, catalog=True)
            for name in run.marketplaces:
                run.marketplaces[name]._promotions._read.clear()  # type: ignore[attr-defined]
            run._refresh(part.change.address.store)
        return honest(run, part)

    monkeypatch.setattr(Run, "_held_back", meanwhile)
    reading.text(STORES + SKUS + POT)
    done = reading.run("apply", "--auto-approve")
    assert (done.code, "would cost 80.00 EUR" in " ".join(done.out.split())) == (3, True), done
    assert ("POT-1", DE) not in reading.amazon.account.listings


def test_without_the_option_nobody_asks(selling: Seller) -> None:
    """And with another word in it nothing is read at all."""
    made(selling.amazon)
    selling.apply()
    assert "searchPromotions" not in selling.amazon.world.requests
    with pytest.raises(MarketplaceError, match="neither read nor ignored"):
        selling.amazon.adapter(KNOWN, promotions=True)


def test_what_was_read_is_not_asked_for_again_for_ten_minutes(reading: Seller) -> None:
    """Amazon answers six times a minute."""
    for n in range(3):
        made(reading.amazon, title=str(n))
    adapter = reading.amazon.adapter(KNOWN, hurry=True, promotions="read")
    before = dict(reading.amazon.world.requests)
    for _ in range(3):
        held = adapter.read(Scope("amz-de")).resources
        assert sum(key.startswith("seen") for type, key in held if type == "promotion") == 3
    asked = {name: count - before.get(name, 0) for name, count in reading.amazon.world.requests.items()}
    assert (asked["searchPromotions"], asked["getSelection"]) == (1, 3)


ENDLESS = {"totalResults": 9, "promotions": [], "pagination": {"nextToken": "more"}}
ODD: dict[str, Any] = {
    "no list": {"promotions": None},
    "no end of pages": ENDLESS,
    "no selection": {"promotions": [{"promotionId": "P"}]},
    "a list": [],
    "odd amounts": {
        "promotions": [
            {
                "promotionId": "P",
                "selection": {"type": "CATALOG"},
                "benefit": {"discount": {"amountOff": "1e400"}},
            }
        ]
    },
}


@pytest.mark.planted
@pytest.mark.parametrize("answer", [None, *ODD.values()], ids=["cut off", *ODD])
def test_a_store_whose_promotions_cannot_be_read_is_not_read(
    answer: Any, reading: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may lower a price is not guessed."""
    amazon = reading.amazon
    made(amazon)
    if answer is None:
        amazon.world.faults += [Fault("truncate", "getSelection", 50)]
    else:
        bent(amazon, monkeypatch, "searchPromotions", lambda _: answer)
    adapter = amazon.adapter(KNOWN, hurry=True, promotions="read")
    with pytest.raises(MarketplaceError):
        adapter.read(Scope("amz-de"))


def test_what_is_not_said_of_a_discount_is_everything(
    reading: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever does not know what a promotion takes off does not take it for nothing."""
    odd = {"promotionId": "P", "selection": {"type": "CATALOG"}, "schedule": {}}
    bent(reading.amazon, monkeypatch, "searchPromotions", lambda _: {"promotions": [odd]})
    held = reading.amazon.adapter(KNOWN, hurry=True, promotions="read").read(Scope("amz-de")).resources
    there = held["promotion", "seen:P"].attributes
    assert (there["discount"], len(there["skus"])) == ({"percent": "100"}, 2)
