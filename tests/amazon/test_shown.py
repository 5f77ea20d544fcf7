"""What buyers are shown is looked at by itself: a sale that was accepted and does nothing is seen there, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acorn_gitops.marketplaces.protocol import Shows
from acorn_gitops.model.finding import MarketplaceError
from tests.amazon.emulated import DE, SELLER, Emulated
from tests.amazon.test_durations import priced
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller
from tests.amazon.test_hostile import bent
from tests.amazon.test_promotions import KNOWN


def on_now(promo: str = PROMO) -> str:
    """The promotion, from yesterday on, for a week."""
    today = datetime.now(UTC).date()
    begin, end = today - timedelta(days=1), today + timedelta(days=6)
    return promo.replace("2026-11-27", begin.isoformat()).replace("2026-12-01", end.isoformat())


@pytest.fixture
def sold(selling: Seller, monkeypatch: pytest.MonkeyPatch) -> Seller:
    """A sale of the mug that holds: 10.32 in place of 12.90."""
    monkeypatch.delenv("ACORN_NOW", raising=False)
    selling.text(STORES + SKUS + on_now())
    selling.apply()
    return selling


def test_a_sale_that_is_shown_is_told_as_that(sold: Seller) -> None:
    """By the promotion that makes the price; what is not on sale is looked at where it is named."""
    found = sold.run("amazon", "prices", "amz-de")
    assert (found.code, found.out) == (0, "✓ MUG-RED  10.32 EUR (sale:MUG-RED): is shown\n")
    found = sold.run("amazon", "prices", "amz-de", "--sku", "KTL-17-BLK")
    assert (found.code, found.out) == (0, "✓ KTL-17-BLK  49.99 EUR: is shown\n")


def test_a_sale_that_does_nothing_is_told(sold: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Amazon has it, and buyers are asked the old price."""
    from acorn_gitops.sandbox.amazon import pricing

    monkeypatch.setattr(pricing, "_on_sale", lambda *_: None)
    assert sold.run("plan", "--detailed-exitcode").code == 0
    found = sold.run("amazon", "prices", "amz-de")
    assert (found.code, found.out) == (1, "! MUG-RED  10.32 EUR (sale:MUG-RED): 12.90 EUR is shown\n")


@pytest.mark.planted
def test_where_nothing_is_shown_nothing_is_said(sold: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another seller's offer is none of ours."""

    def others(call: Any) -> Any:
        asked = call.block("requests")["requests"]
        offer = {"sellerId": "A9", "listingPrice": {"amount": 5, "currencyCode": "EUR"}}
        shown = [{"buyingOptionType": "New", "segmentedFeaturedOffers": [offer]}]
        return {
            "responses": [
                {"status": {}, "body": {"asin": one["asin"], "featuredBuyingOptions": shown}} for one in asked
            ]
        }

    bent(sold.amazon, monkeypatch, "getCompetitiveSummary", others)
    found = sold.run("amazon", "prices", "amz-de")
    assert (found.code, found.out) == (0, "? MUG-RED  10.32 EUR (sale:MUG-RED): nothing is shown\n")


@pytest.mark.parametrize(
    ("store", "code", "told"),
    [("nowhere", 64, "there is no store nowhere"), ("de-ber-mitte", 0, "nothing is on sale now")],
)
def test_a_store_that_sells_nothing_shows_nothing(store: str, code: int, told: str, sold: Seller) -> None:
    """A physical shop has no buyers at Amazon; a slip of the pen is told as that."""
    found = sold.run("amazon", "prices", store, "--sku", "MUG-RED")
    assert (found.code, told in found.out + found.err) == (code, True), found


@pytest.mark.parametrize("words", [("prices", "amz-de"), ("schema", "HOME", "--store", "amz-de")])
def test_an_address_that_nobody_trusts_is_told_as_that(words: tuple[str, ...], sold: Seller) -> None:
    """And not as a marketplace that does not tell."""
    project = (sold.path / "acorn.yaml").read_text()
    (sold.path / "acorn.yaml").write_text(project.replace("127.0.0.1", "localhost"))
    found = sold.run("amazon", *words)
    assert (found.code, "is not trusted" in found.err) == (1, True), found
    assert "acorn trust main" in found.err


def test_twenty_products_are_asked_for_at_once(amazon: Emulated) -> None:
    priced(amazon, 45)
    for number, one in enumerate(amazon.account.listings.values()):
        one.asin = f"B0{number:08}"
    adapter = amazon.adapter({"amz-de": {"marketplaceId": DE, "sellerId": SELLER}})
    skus = sorted(sku for sku, place in amazon.account.listings if place == DE)
    found = adapter.shown("amz-de", skus)
    assert isinstance(adapter, Shows)
    assert ({*found}, {one["value"] for one in found.values()}) == ({*skus}, {"10.00"})
    asked, refused = (
        each.get("getCompetitiveSummary", 0) for each in (amazon.world.requests, amazon.world.throttled)
    )
    assert asked - refused == 3 and refused <= 1


@pytest.mark.planted
@pytest.mark.parametrize("answer", [[], {}, {"responses": None}, {"responses": [{"body": 5}]}])
def test_an_answer_that_is_none_is_an_error_of_the_store(
    answer: Any, sold: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    bent(sold.amazon, monkeypatch, "getCompetitiveSummary", lambda _: answer)
    with pytest.raises(MarketplaceError):
        sold.amazon.adapter(KNOWN, hurry=True).shown("amz-de", ["MUG-RED"])
