"""What an earlier run sent and nobody has seen may still come, and brings back the whole offer with which it was sent: what
it would undo waits for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from acorn_gitops.marketplaces.amazon import feeds
from acorn_gitops.marketplaces.amazon.adapter import DAY
from acorn_gitops.marketplaces.amazon.on_its_way import UNSEEN
from acorn_gitops.sandbox.amazon.world import Fault
from tests.amazon.emulated import DE, Emulated
from tests.amazon.test_durations import shelf
from tests.amazon.test_emulator import Caller
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller
from tests.amazon.test_killed import listed

DEARER = SKUS.replace('"12.90"', '"15.00"')


def price(selling: Seller) -> Any:
    """What buyers pay for the mug, and its sale."""
    offer = selling.amazon.account.listings["MUG-RED", DE].attributes["purchasable_offer"][0]
    return offer["our_price"][0]["schedule"][0]["value_with_tax"], "discounted_price" in offer


@pytest.fixture
def by_feeds(selling: Seller, monkeypatch: pytest.MonkeyPatch) -> Seller:
    """A seller whose changes go by a feed that takes a while, and is not waited for."""
    file = selling.path / "acorn.yaml"
    file.write_text(file.read_text().replace("options: {", "options: {feedsFrom: 1, "))
    assert selling.run("trust", "main").code == 0
    monkeypatch.setattr("acorn_gitops.marketplaces.amazon.adapter.AT_ONCE", 0)
    monkeypatch.setattr(feeds, "PATIENCE", 0.2)
    monkeypatch.setattr(feeds, "FIRST_LOOK", 0.1)
    selling.text(STORES + SKUS)
    selling.amazon.world.habits.feed_seconds = 0.05
    selling.apply()
    return selling


def test_a_price_waits_for_a_sale_that_is_under_way(by_feeds: Seller) -> None:
    """The feed with the sale holds the old price, too."""
    amazon = by_feeds.amazon
    amazon.world.habits.feed_seconds = 3600
    by_feeds.text(STORES + SKUS + PROMO)
    assert by_feeds.run("apply", "--auto-approve", "--wait", "0").code == 3
    by_feeds.text(STORES + DEARER)
    done = by_feeds.run("apply", "--auto-approve", "--wait", "0")
    assert done.code == 3, done
    assert "amz-de/promotion/sale:MUG-RED was sent at" in " ".join(done.out.split())
    assert price(by_feeds) == (Decimal("12.90"), False)
    for one in amazon.world.feeds.of(amazon.account.seller_id):
        one.ends = one.starts
        one.starts = one.created
        one.ends = one.created
    amazon.world.settle()
    assert price(by_feeds) == (Decimal("12.90"), True)
    # Nobody declares that sale any more; it is told, and holds nothing up.
    amazon.world.habits.feed_seconds = 0.05
    done = by_feeds.run("apply", "--auto-approve", "--wait", "5")
    assert (done.code, price(by_feeds)) == (0, (Decimal("15.00"), True)), done


def test_a_deletion_waits_for_a_sale_that_is_under_way(by_feeds: Seller) -> None:
    """And is told, as everything that is held back."""
    by_feeds.amazon.world.habits.feed_seconds = 3600
    by_feeds.text(STORES + SKUS + PROMO)
    assert by_feeds.run("apply", "--auto-approve", "--wait", "0").code == 3
    by_feeds.text(STORES + SKUS.partition("    - sku: MUG-RED")[0])
    done = by_feeds.run("apply", "--auto-approve", "--wait", "0")
    assert (done.code, "internal error" in done.err) == (3, False), done
    assert "amz-de/listing/MUG-RED: rejected: not sent: amz-de/promotion/sale:MUG-RED was sent" in " ".join(
        done.out.split()
    )
    assert ("MUG-RED", DE) in by_feeds.amazon.account.listings


def test_whether_somebody_said_stop_is_asked_right_before_a_feed(
    selling: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be recalled. That a minute has not gone by since the last question is no reason not to ask."""
    file = selling.path / "acorn.yaml"
    file.write_text(file.read_text().replace("options: {", "options: {feedsFrom: 101, "))
    assert selling.run("trust", "main").code == 0
    listed(selling.amazon.account, 101)
    selling.text(STORES + shelf(101, "12.90"))
    assert selling.run("apply", "--auto-approve", "--adopt").code == 0
    selling.text(STORES + shelf(101, "11.90"))
    monkeypatch.setattr(
        "acorn_gitops.reconcile.applying.stopped", lambda _, __, stores: dict.fromkeys(stores, "peak week")
    )
    done = selling.run("apply", "--auto-approve")
    assert (done.code, "peak week" in done.out) == (3, True), done
    assert "createFeed" not in selling.amazon.world.requests


def test_what_is_seen_holds_nothing_up(by_feeds: Seller) -> None:
    by_feeds.text(STORES + SKUS + PROMO)
    by_feeds.apply()
    by_feeds.text(STORES + SKUS.replace('"12.90"', '"12.50"') + PROMO)
    by_feeds.apply()
    assert price(by_feeds) == (Decimal("12.50"), True)


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("under_way", [True, False])
@pytest.mark.parametrize(
    ("type", "operation", "fed"),
    [("promotion", "create", True), ("listing", "update", True), ("listing", "create", False)],
)
def test_a_feed_comes_within_hours_and_an_item_within_minutes(
    amazon: Emulated, type: str, operation: str, fed: bool, under_way: bool, answered: bool
) -> None:
    """As long as any feed of the account is under way, whatever may be in it; what nobody lived to hear of was an item,
    or came at once."""
    if under_way:
        ask = Caller(amazon)
        document = ask("POST", "/feeds/2021-06-30/documents", {"contentType": "application/json"}).json()
        wish = {
            "feedType": "JSON_LISTINGS_FEED",
            "marketplaceIds": [DE],
            "inputFeedDocumentId": document["feedDocumentId"],
        }
        ask("POST", "/feeds/2021-06-30/feeds", wish)
    expected = DAY if fed and under_way else UNSEEN if answered else 0.0
    assert amazon.adapter().comes_late(type, operation, answered=answered) == expected


def test_where_amazon_does_not_say_a_feed_may_be_under_way(amazon: Emulated) -> None:
    amazon.world.faults += [Fault("html", "getFeeds", 50)]
    assert amazon.adapter().comes_late("promotion", "create", answered=True) == DAY


@pytest.mark.parametrize(
    ("type", "key", "thing"),
    [
        ("listing", "A:B", "A:B"),
        ("promotion", "sale:A:B", "A:B"),
        ("promotion", "sale-2:A", "A"),
        ("location", "x", ""),
    ],
)
def test_a_sale_is_a_part_of_the_offer_of_its_sku(amazon: Emulated, type: str, key: str, thing: str) -> None:
    assert amazon.adapter().entangled(type, key) == thing


def lands(selling: Seller) -> None:
    """Amazon comes to every feed."""
    for one in selling.amazon.world.feeds.of(selling.amazon.account.seller_id):
        one.starts = one.ends = one.created
    selling.amazon.world.settle()


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour goes by."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T10:00:00Z")


def feeds_from(selling: Seller, old: int, new: int) -> None:
    file = selling.path / "acorn.yaml"
    file.write_text(file.read_text().replace(f"feedsFrom: {old}", f"feedsFrom: {new}"))
    assert selling.run("trust", "main").code == 0


def test_who_turns_feeds_off_still_waits_for_the_one_under_way(
    by_feeds: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_feeds.amazon.world.habits.feed_seconds = 7200
    by_feeds.text(STORES + SKUS + PROMO)
    assert by_feeds.run("apply", "--auto-approve", "--wait", "0").code == 3
    later(monkeypatch)
    feeds_from(by_feeds, 1, 0)
    by_feeds.text(STORES + DEARER)
    done = by_feeds.run("apply", "--auto-approve", "--wait", "0")
    lands(by_feeds)
    assert (done.code, price(by_feeds)) == (3, (Decimal("12.90"), True)), done


def test_a_feed_of_which_most_has_come_is_still_a_feed(
    by_feeds: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sales in one feed; one of them is seen already (Amazon works off messages one after the other)."""
    feeds_from(by_feeds, 1, 2)
    by_feeds.amazon.world.habits.feed_seconds = 7200
    both = PROMO.replace("names: [MUG-RED]", "names: [MUG-RED, KTL-17-BLK]")
    by_feeds.text(STORES + SKUS + both)
    done = by_feeds.run("apply", "--auto-approve", "--wait", "0")
    assert done.code == 3, done
    every = by_feeds.amazon.world.feeds.of(by_feeds.amazon.account.seller_id)
    assert sum(one.ends > by_feeds.amazon.world.now() for one in every) == 1
    # The kettle's message is worked off.
    offer = {
        "currency": "EUR",
        "our_price": [{"schedule": [{"value_with_tax": 49.99}]}],
        "minimum_seller_allowed_price": [{"schedule": [{"value_with_tax": 34.99}]}],
        "discounted_price": [
            {"schedule": [{"value_with_tax": 39.99, "start_at": "2026-11-27", "end_at": "2026-11-30"}]}
        ],
    }
    said = {"sku": "KTL-17-BLK", "marketplaceId": DE, "set": {"purchasable_offer": [offer]}}
    by_feeds.amazon.emulator.control.answer("hand", said)
    later(monkeypatch)
    monkeypatch.setattr("acorn_gitops.marketplaces.amazon.adapter.AT_ONCE", 20)
    # Somebody changes the kettle's title meanwhile.
    by_feeds.text(STORES + SKUS.replace("Wasserkocher schwarz", "Wasserkocher") + both)
    done = by_feeds.run("apply", "--auto-approve", "--select", "amz-de/listing/KTL-*")
    assert done.code == 0, done
    by_feeds.text(STORES + DEARER.replace("Wasserkocher schwarz", "Wasserkocher"))
    done = by_feeds.run("apply", "--auto-approve", "--wait", "0")
    lands(by_feeds)
    assert (done.code, price(by_feeds)) == (3, (Decimal("12.90"), True)), done


def test_a_price_waits_for_a_price_that_is_under_way(
    by_feeds: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_feeds.amazon.world.habits.feed_seconds = 7200
    by_feeds.text(STORES + SKUS.replace('"12.90"', '"11.00"'))
    assert by_feeds.run("apply", "--auto-approve", "--wait", "0").code == 3
    feeds_from(by_feeds, 1, 1500)
    by_feeds.text(STORES + DEARER)
    monkeypatch.setattr("acorn_gitops.marketplaces.amazon.adapter.AT_ONCE", 20)
    done = by_feeds.run("apply", "--auto-approve", "--wait", "5")
    seen = price(by_feeds)
    lands(by_feeds)
    assert (done.code, price(by_feeds)) != (0, (Decimal("11.00"), False)), (done, seen)
