"""Whole catalogues: read to the end or not at all, and never more often asked than is allowed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from acorn_gitops.marketplaces.protocol import Scope
from acorn_gitops.model.finding import Incomplete, MarketplaceError
from acorn_gitops.sandbox.amazon.world import Listing
from tests.amazon.emulated import DE, FR, SELLER, US, Emulated

KNOWN = {"amz-de": {"marketplaceId": DE, "sellerId": SELLER}}


def fill(amazon: Emulated, count: int, *, apart: float = 1.0) -> None:
    """So many listings, each created so many seconds after the one before."""
    for number in range(count):
        moment = amazon.clock.now() - timedelta(days=300) + timedelta(seconds=number * apart)
        amazon.account.listings[f"S{number:06d}", DE] = Listing("PRODUCT", {}, moment, moment)


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 999, 1000, 1001, 3_333])
def test_every_listing_is_read_however_many_there_are(amazon: Emulated, count: int) -> None:
    """A search shows a thousand: more are read in windows of time."""
    fill(amazon, count)
    snapshot = amazon.adapter(KNOWN).read(Scope("amz-de"))
    assert sum(type == "listing" for type, _ in snapshot.resources) == count
    assert amazon.world.throttled == {}


def test_a_catalogue_takes_hardly_more_requests_than_it_has_pages(amazon: Emulated) -> None:
    """3,333 listings are 167 pages; looking for windows costs some on top."""
    fill(amazon, 3_333)
    adapter = amazon.adapter(KNOWN)
    adapter.read(Scope("amz-de"))
    assert adapter.client.calls["searchListingsItems"] <= 167 * 1.15


def test_what_was_created_in_one_moment_cannot_be_read_by_searching(amazon: Emulated) -> None:
    """It is said, and nothing is concluded."""
    fill(amazon, 1_500, apart=0)
    with pytest.raises(Incomplete, match="in one moment"):
        amazon.adapter(KNOWN).read(Scope("amz-de"))


def test_a_marketplace_in_which_the_account_does_not_sell_is_not_there(amazon: Emulated) -> None:
    """And is no error."""
    known = {"amz-us": {"marketplaceId": US, "sellerId": SELLER}}
    assert not amazon.adapter(known).read(Scope("amz-us")).exists


def test_listings_of_one_marketplace_are_not_anothers(amazon: Emulated) -> None:
    """Germany and France, one account."""
    fill(amazon, 5)
    known = {**KNOWN, "amz-fr": {"marketplaceId": FR, "sellerId": SELLER}}
    adapter = amazon.adapter(known)
    assert len(adapter.read(Scope("amz-de")).resources) == 6
    assert {*adapter.read(Scope("amz-fr")).resources} == {("storefront", "amz-fr")}


def test_participations_are_asked_for_once(amazon: Emulated) -> None:
    """One a minute is all that Amazon allows."""
    adapter = amazon.adapter(KNOWN)
    for _ in range(20):
        adapter.read(Scope("amz-de"))
        adapter.stores()
    assert adapter.client.calls["getMarketplaceParticipations"] == 1


@pytest.mark.parametrize("amount", ['"12.90"', "true", "-1", "1e30", "0.00001", "null", "[]"])
def test_a_price_that_is_none_is_no_price(amazon: Emulated, amount: str) -> None:
    """It never reaches arithmetic."""
    offer = {
        "marketplace_id": DE,
        "currency": "EUR",
        "audience": "ALL",
        "our_price": [{"schedule": [{"value_with_tax": json.loads(amount)}]}],
    }
    now = amazon.clock.now()
    amazon.account.listings["S", DE] = Listing("PRODUCT", {"purchasable_offer": [offer]}, now, now)
    with pytest.raises(MarketplaceError):
        amazon.adapter(KNOWN).read(Scope("amz-de"))


def test_a_store_without_a_seller_is_told_what_it_lacks(amazon: Emulated) -> None:
    """Amazon does not say who an account is."""
    from acorn_gitops.marketplaces.amazon.adapter import AmazonAccount

    adapter = AmazonAccount("amazon-eu", amazon.adapter().client)
    adapter.know({"amz-de": {"marketplaceId": DE}})
    with pytest.raises(MarketplaceError, match="sellerId"):
        adapter.read(Scope("amz-de"))
