"""What was sent and is not seen yet is built upon; what somebody else does meanwhile is never undone; a sale touches
the SKU that it names, and no other sale."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.marketplaces.amazon.adapter import AmazonAccount
from acorn_gitops.marketplaces.amazon.on_its_way import UNSEEN, OnItsWay
from acorn_gitops.marketplaces.protocol import Outcome, Write
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.sandbox.amazon.clock import WallClock
from acorn_gitops.sandbox.amazon.serving import Switch
from tests.amazon.emulated import DE, SECRETS, Emulated
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller

KEY = ("seller", "marketplace", "SKU")
BEFORE = {"currency": "EUR", "our_price": 10, "discounted_price": 8}
DEARER = {"currency": "EUR", "our_price": 12, "discounted_price": 8}
NO_SALE = {"currency": "EUR", "our_price": 12}
OTHER = {"currency": "EUR", "our_price": 20}
Tree = dict[str, Any]


@pytest.fixture
def way() -> OnItsWay:
    """A dearer offer was sent at 0."""
    made = OnItsWay()
    made.sent(KEY, BEFORE, DEARER, 0.0)
    return made


@pytest.mark.parametrize(
    ("found", "built_on"),
    [(BEFORE, DEARER), (DEARER, DEARER), ({**DEARER, "more": 1}, {**DEARER, "more": 1})],
    ids=["not seen yet", "seen", "seen with what Amazon adds"],
)
def test_a_change_is_built_on_what_was_sent(way: OnItsWay, found: Tree, built_on: Tree) -> None:
    assert way.offer(KEY, found, 1.0) == built_on


@pytest.mark.parametrize("found", [OTHER, {}, {**BEFORE, "our_price": 11}], ids=["changed", "ended", "other"])
def test_what_somebody_else_made_of_it_is_left_alone(way: OnItsWay, found: Tree) -> None:
    with pytest.raises(MarketplaceError, match="somebody else"):
        way.offer(KEY, found, 1.0)


def test_what_was_seen_once_and_is_back_is_somebody_elses(way: OnItsWay) -> None:
    way.notice(KEY, DEARER, 1.0)
    with pytest.raises(MarketplaceError, match="somebody else"):
        way.offer(KEY, BEFORE, 2.0)


def test_what_only_lost_a_part_is_seen_when_that_is_gone(way: OnItsWay) -> None:
    way.sent(KEY, BEFORE, NO_SALE, 1.0)
    for found in (BEFORE, DEARER, NO_SALE):
        assert way.offer(KEY, found, 2.0) == NO_SALE


def test_an_offer_that_was_taken_away_stays_away(way: OnItsWay) -> None:
    way.sent(KEY, BEFORE, {}, 1.0)
    assert way.offer(KEY, BEFORE, 2.0) == {}


def test_after_some_time_what_is_found_counts(way: OnItsWay) -> None:
    assert way.offer(KEY, OTHER, UNSEEN + 1) == OTHER
    way.sent(KEY, OTHER, NO_SALE, UNSEEN + 2)
    assert way.offer(KEY, OTHER, UNSEEN + 3) == NO_SALE


def test_what_is_not_seen_for_very_long_is_not_built_upon(way: OnItsWay) -> None:
    """Nor on what was before it: that would put the old price back."""
    with pytest.raises(MarketplaceError, match="not seen yet"):
        way.offer(KEY, BEFORE, UNSEEN + 1)
    assert way.offer(KEY, DEARER, UNSEEN + 2) == DEARER


def test_on_what_nobody_knows_nothing_is_built() -> None:
    way = OnItsWay()
    way.sent(KEY, BEFORE, DEARER, 0.0, certain=False)
    with pytest.raises(MarketplaceError, match="not known"):
        way.offer(KEY, BEFORE, 1.0)
    assert way.offer(KEY, DEARER, 2.0) == DEARER


def test_other_sellers_and_skus_know_nothing_of_it(way: OnItsWay) -> None:
    assert way.offer(("other", "marketplace", "SKU"), OTHER, 1.0) == OTHER


# -- whole flows -----------------------------------------------------------------------------------------------


@pytest.fixture
def shop(
    sp_api_server: tuple[str, Switch], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], Seller]:
    """Makes a seller with these specs, applied."""
    monkeypatch.setenv("AMAZON_EU", json.dumps(SECRETS))
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")

    def make(specs: str) -> Seller:
        amazon = Emulated(*sp_api_server, WallClock())
        amazon.world.habits.throttled = False
        seller = Seller(tmp_path / "r", amazon, specs)
        seller.apply()
        return seller

    return make


def offer(seller: Seller, sku: str) -> Tree:
    """The offer that Amazon holds; empty for none."""
    attributes = seller.amazon.account.listings[sku, DE].attributes
    blocks = attributes.get("purchasable_offer") or [{}]
    return dict(blocks[0])


def amount(offer: Tree, name: str) -> Decimal | None:
    blocks = offer.get(name)
    return Decimal(str(blocks[0]["schedule"][0]["value_with_tax"])) if blocks else None


TWO = (
    SKUS
    + """    - sku: KTL
      attributes: {title: Dear, taxClass: standard}
      pricePolicy: {min: {amz-de: "90.00"}}
      listings:
        - {store: amz-de, asin: B0EXAMPLE8, status: active, price: {currency: EUR, value: "100.00"}}
    - sku: "KTL#2"
      attributes: {title: Cheap, taxClass: standard}
      listings:
        - {store: amz-de, asin: B0EXAMPLE9, status: active, price: {currency: EUR, value: "10.00"}}
"""
)


def test_a_sale_lowers_the_price_of_the_sku_that_it_names(shop: Callable[[str], Seller]) -> None:
    """Whatever signs the name of a SKU holds."""
    seller = shop(STORES + TWO)
    seller.text(STORES + TWO + PROMO.replace("[MUG-RED]", '["KTL#2"]'))
    seller.apply()
    assert amount(offer(seller, "KTL#2"), "discounted_price") == Decimal("8")
    assert amount(offer(seller, "KTL"), "discounted_price") is None
    seller.text(STORES + TWO)
    seller.apply()
    assert amount(offer(seller, "KTL#2"), "discounted_price") is None


@pytest.mark.parametrize("specs", ["", PROMO.replace('"20"', '"10"')], ids=["deletion", "update"])
def test_a_sale_that_nobody_declares_is_not_taken_away_with_another(
    shop: Callable[[str], Seller], specs: str
) -> None:
    seller = shop(STORES + SKUS + PROMO)
    entries = offer(seller, "MUG-RED")["discounted_price"][0]["schedule"]
    entries.append({"value_with_tax": 11.0, "start_at": "2026-12-10", "end_at": "2026-12-20"})
    seller.text(STORES + SKUS + specs)
    shown = seller.run("plan")
    assert "promotion sale-2:MUG-RED" in shown.out
    done = seller.run("apply", "--auto-approve", "--wait", "1")
    assert done.code == 3
    assert "has 2 sale prices there" in done.out + done.err
    assert len(offer(seller, "MUG-RED")["discounted_price"][0]["schedule"]) == 2


DEAR = (STORES + SKUS).replace("12.90", "14.90") + PROMO.replace("percentOff", "salePrice").replace(
    'percent: "20"', 'salePrice: {amz-de: {currency: EUR, value: "12.00"}}'
)


@pytest.mark.parametrize("price", [20.0, 12.9, None], ids=["another price", "the price before", "ended"])
def test_what_somebody_did_by_hand_during_a_run_stays(
    shop: Callable[[str], Seller], monkeypatch: pytest.MonkeyPatch, price: float | None
) -> None:
    """After the run's own price was seen, and before it puts the sale beside it."""
    seller = shop(STORES + SKUS)
    write = AmazonAccount.write
    attributes = seller.amazon.account.listings["MUG-RED", DE].attributes

    def disturbed(
        self: AmazonAccount, store: str, writes: Sequence[Write], at: str = ""
    ) -> Sequence[Outcome]:
        if writes[0].address.type == "promotion" and price is None:
            attributes.pop("purchasable_offer")
        elif writes[0].address.type == "promotion":
            attributes["purchasable_offer"][0]["our_price"] = [{"schedule": [{"value_with_tax": price}]}]
        return write(self, store, writes, at)

    monkeypatch.setattr(AmazonAccount, "write", disturbed)
    seller.text(DEAR)
    done = seller.run("apply", "--auto-approve", "--wait", "1")
    assert done.code == 3
    assert "somebody else changed it meanwhile" in done.out + done.err
    left = offer(seller, "MUG-RED")
    assert amount(left, "our_price") == (None if price is None else Decimal(str(price)))
    assert amount(left, "discounted_price") is None


def test_while_amazon_is_late_a_sale_that_ended_does_not_come_back(shop: Callable[[str], Seller]) -> None:
    seller = shop(STORES + SKUS + PROMO)
    seller.amazon.world.habits.delay = 1
    seller.text((STORES + SKUS).replace("12.90", "11.50"))
    seller.run("apply", "--auto-approve", "--wait", "5")
    seller.apply()
    left = offer(seller, "MUG-RED")
    assert (amount(left, "our_price"), amount(left, "discounted_price")) == (Decimal("11.50"), None)
