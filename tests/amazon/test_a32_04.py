"""A feed that is under way brings back whole offers: what it would undo waits, however the next run sends, and whatever is left
of it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.amazon.emulated import DE
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller
from tests.amazon.test_late import DEARER, by_feeds, price  # noqa: F401


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
    (feed,) = [
        one
        for one in by_feeds.amazon.world.feeds.of(by_feeds.amazon.account.seller_id)
        if one.ends > by_feeds.amazon.world.now()
    ]
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
