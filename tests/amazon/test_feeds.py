"""Many changes go by a feed: what it did is seen, what it refused is told SKU by SKU, and what it has not done yet is
neither called done nor sent twice."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.adapter import BY_FEED, FEED, AmazonAccount
from acorn_gitops.marketplaces.amazon.feeds import Submission, messages_in
from acorn_gitops.marketplaces.protocol import Scope, Settings, Write
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox.amazon.call import Call
from tests.amazon import models
from tests.amazon.emulated import DE, SECRETS, SELLER, Emulated
from tests.amazon.test_durations import priced
from tests.amazon.test_hostile import bent

KNOWN = {"amz-de": {"marketplaceId": DE, "sellerId": SELLER}}
COUNT = 45
"""Listings of these tests, with feeds from 40 on."""


@pytest.fixture
def account(amazon: Emulated) -> AmazonAccount:
    """An account with 45 listings at 10.00, whose changes go by a feed from 40 on."""
    priced(amazon, COUNT)
    return opened(amazon)


def opened(amazon: Emulated) -> AmazonAccount:
    """Another process that works on the same account."""
    return amazon.adapter(KNOWN, feedsFrom=40)


def wishes(adapter: AmazonAccount, price: str = "12.00", mark: str = "") -> list[Write]:
    """A new price for every listing, as it reads now."""
    money = {"currency": "EUR", "value": price}
    return [
        Write("update", Address("amz-de", *key), {"price": money}, live.etag, f"{mark}{key}")
        for key, live in adapter.read(Scope("amz-de")).resources.items()
        if key[0] == "listing"
    ]


def prices(amazon: Emulated) -> set[int]:
    """What Amazon has."""
    return {
        int(one.attributes["purchasable_offer"][0]["our_price"][0]["schedule"][0]["value_with_tax"])
        for (_, place), one in amazon.account.listings.items()
        if place == DE
    }


def statuses(outcomes: Any) -> set[str]:
    """Of all."""
    return {one.status for one in outcomes}


def test_many_changes_are_one_feed(amazon: Emulated, account: AmazonAccount) -> None:
    """Sent once, waited for, seen; no item is patched by itself."""
    assert statuses(account.write("amz-de", wishes(account))) == {"observed"}
    assert prices(amazon) == {12}
    asked = amazon.world.requests
    assert (asked["createFeed"], asked["createFeedDocument"], asked["getFeedDocument"]) == (1, 1, 1)
    assert "patchListingsItem" not in asked
    assert amazon.world.throttled == {}


def test_a_few_changes_go_item_by_item(amazon: Emulated, account: AmazonAccount) -> None:
    """A feed takes minutes."""
    assert statuses(account.write("amz-de", wishes(account)[:20])) == {"observed"}
    assert "createFeed" not in amazon.world.requests
    assert (account.batch("listing", "update", 39), account.batch("listing", "update", 40)) == (20, 40)


def test_what_was_cut_for_a_feed_goes_by_a_feed(amazon: Emulated, account: AmazonAccount) -> None:
    """Although one change drops out, so that there are fewer than are worth one: item by item, what was looked at would
    be minutes old."""
    writes = wishes(account)[:40]
    amazon.hand(sku="S00000", marketplaceId=DE, set={"condition_type": [{"value": "used_good"}]})
    outcomes = account.write("amz-de", writes)
    assert [one.status for one in outcomes] == ["conflict", *["observed"] * 39]
    assert "patchListingsItem" not in amazon.world.requests


def test_what_one_feed_refuses_is_told_and_spoils_no_other(amazon: Emulated, account: AmazonAccount) -> None:
    """DONE, and some of it not."""
    amazon.world.verdicts["S00003"] = ("99010", "the image is missing")
    outcomes = account.write("amz-de", wishes(account))
    bad = [one for one in outcomes if one.status != "observed"]
    assert [(one.address.key, one.status, one.message) for one in bad] == [
        ("S00003", "rejected", "Amazon answers INVALID: 99010 the image is missing")
    ]
    assert prices(amazon) == {12, 10}


@pytest.mark.parametrize(
    ("kind", "status", "price"), [("fatal", "accepted", 10), ("aborted", "observed", 12)]
)
def test_what_a_fatal_feed_did_is_seen_by_looking(
    amazon: Emulated, account: AmazonAccount, kind: str, status: str, price: int
) -> None:
    """Some of it, nothing, or all: the status does not say."""
    amazon.world.faults.append(fault(kind, "createFeed"))
    outcomes = account.write("amz-de", wishes(account))
    assert (statuses(outcomes), prices(amazon)) == ({status}, {price})
    assert ("FATAL" in outcomes[0].message) == (status == "accepted")


def test_a_feed_that_somebody_cancelled_has_done_nothing(
    amazon: Emulated, account: AmazonAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it waited."""
    monkeypatch.setattr(account.client, "_pause", lambda seconds: cancelled())

    def cancelled() -> None:
        for one in amazon.world.feeds.of(SELLER):
            one.cancelled = True

    outcomes = account.write("amz-de", wishes(account))
    assert (statuses(outcomes), prices(amazon)) == ({"rejected"}, {10})


def fault(kind: str, operation: str) -> Any:
    """What shall go wrong once."""
    from acorn_gitops.sandbox.amazon.world import Fault

    return Fault(kind, operation, 1)


def test_a_feed_that_takes_hours_is_taken_and_not_done(amazon: Emulated, account: AmazonAccount) -> None:
    """It is waited for for half an hour; meanwhile its SKUs are left alone, as nobody knows what comes first; who comes
    later finds it done, and sends nothing."""
    amazon.world.habits.feed_seconds = 3 * 3600
    before = amazon.spent
    outcomes = account.write("amz-de", wishes(account))
    assert statuses(outcomes) == {"accepted"}
    assert "in feed" in outcomes[0].message and "not worked off yet" in outcomes[0].message
    assert 1800 <= amazon.spent - before < 2000
    more = account.write("amz-de", wishes(account, "13.00", mark="again"))
    assert statuses(more) == {"rejected"} and "under way" in more[0].message
    (one,) = account.write("amz-de", wishes(account, "13.00", mark="one")[:1])
    assert one.status == "rejected" and "under way" in one.message
    amazon.wait(3 * 3600)
    late = opened(amazon)
    assert {live.attributes["price"]["value"] for key, live in late.read(Scope("amz-de")).resources.items() if key[0] == "listing"} == {
        "12.00"
    }  # fmt: skip
    assert amazon.world.requests["createFeed"] == 1


def test_a_feed_whose_answer_is_lost_is_unknown_and_not_sent_again(
    amazon: Emulated, account: AmazonAccount
) -> None:
    """Whether Amazon has it, nobody can say; what it did is found by looking."""
    amazon.world.faults.append(fault("lost", "createFeed"))
    outcomes = account.write("amz-de", wishes(account))
    assert statuses(outcomes) == {"unknown"}
    assert amazon.world.requests["createFeed"] == 1
    amazon.wait(60)
    amazon.world.settle()
    assert prices(amazon) == {12}


def test_a_feed_that_nobody_tells_of_is_looked_for_all_the_same(
    amazon: Emulated, account: AmazonAccount
) -> None:
    """`getFeed` fails all the time: the listings say what was done."""
    amazon.world.faults += [fault("html", "getFeed") for _ in range(500)]
    assert statuses(account.write("amz-de", wishes(account))) == {"observed"}


def test_a_server_that_answers_no_more_is_not_waited_for_half_an_hour(
    amazon: Emulated, account: AmazonAccount
) -> None:
    amazon.world.habits.feed_seconds = 3 * 3600
    amazon.world.faults += [fault("html", "getFeed") for _ in range(500)]
    before = amazon.spent
    assert statuses(account.write("amz-de", wishes(account))) == {"accepted"}
    assert amazon.spent - before < 900


@pytest.mark.planted
@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"no JSON",
        b"[]",
        b'{"issues": null}',
        b'{"issues": [{"severity": "ERROR", "messageId": 46, "code": "1", "message": "x"}]}',
        b'{"issues": [{"severity": "ERROR", "code": "1", "message": "x"}]}',
        b'{"header": {"feedId": "other"}, "issues": [{"severity": "ERROR", "messageId": 1, "sku": "S00000", "code": "1", "message": "x"}]}',
        b"[" * 100_000,
    ],
)
def test_a_result_that_is_none_says_nothing(
    amazon: Emulated, account: AmazonAccount, monkeypatch: pytest.MonkeyPatch, report: bytes
) -> None:
    """What was done is seen; nothing is called refused for it."""
    bent_document(amazon, monkeypatch, report)
    assert statuses(account.write("amz-de", wishes(account))) == {"observed"}


def bent_document(amazon: Emulated, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Every result of a feed is this."""

    def told(call: Call) -> Any:
        id = call.world.documents.new("application/json", content)
        url = call.base + call.world.documents.address(id)
        return {"feedDocumentId": id, "url": url}

    bent(amazon, monkeypatch, "getFeedDocument", told)


@pytest.mark.planted
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "https://example.com/x", "file:///etc/passwd", ""])
def test_a_document_is_put_nowhere_but_at_amazons(
    amazon: Emulated, account: AmazonAccount, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """The address comes from an answer: prices are not sent wherever a server says."""
    bent(amazon, monkeypatch, "createFeedDocument", lambda _: {"feedDocumentId": "x", "url": url})
    outcomes = account.write("amz-de", wishes(account))
    assert statuses(outcomes) == {"rejected"}
    assert "none of Amazon's" in outcomes[0].message
    assert prices(amazon) == {10}


@pytest.mark.planted
def test_of_many_issues_of_one_change_some_are_told(
    amazon: Emulated, account: AmazonAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty thousand would make a message of megabytes."""

    def told(call: Call) -> Any:
        issue = {"messageId": 1, "sku": "S00000", "severity": "ERROR", "code": "1", "message": "x" * 300}
        (feed,) = call.world.feeds.of(SELLER)
        report = {"header": {"feedId": feed.id}, "issues": [issue] * 30_000}
        id = call.world.documents.new("application/json", json.dumps(report).encode())
        return {"feedDocumentId": id, "url": call.base + call.world.documents.address(id)}

    bent(amazon, monkeypatch, "getFeedDocument", told)
    (first, *_) = account.write("amz-de", wishes(account))
    assert first.status == "rejected" and len(first.message) < 2000


def test_sale_prices_go_by_a_feed_with_what_others_set(amazon: Emulated, account: AmazonAccount) -> None:
    """The whole offer is sent back: a repricer's rule stays."""
    for listing in amazon.account.listings.values():
        listing.attributes["purchasable_offer"][0]["automated_pricing_merchandising_rule_plan"] = [
            {"merchandising_rule": [{"rule_id": "r"}]}
        ]
    amazon.account.revision += 1
    sale = {
        "type": "salePrice",
        "start": "2026-11-26T23:00:00Z",
        "end": "2026-11-30T23:00:00Z",
        "discount": {"salePrice": {"currency": "EUR", "value": "8.00"}},
    }
    writes = [
        Write("create", Address("amz-de", "promotion", f"sale:{key}"), {**sale, "skus": [key]}, "", key)
        for (type, key) in account.read(Scope("amz-de")).resources
        if type == "listing"
    ]
    assert statuses(account.write("amz-de", writes)) == {"observed"}
    offers = [
        one.attributes["purchasable_offer"][0]
        for (_, place), one in amazon.account.listings.items()
        if place == DE
    ]
    assert all("automated_pricing_merchandising_rule_plan" in one for one in offers)
    assert {one["discounted_price"][0]["schedule"][0]["value_with_tax"] for one in offers} == {Decimal(8)}
    assert amazon.world.requests["createFeed"] == 1


def test_deletions_go_by_a_feed(amazon: Emulated, account: AmazonAccount) -> None:
    """From this marketplace alone."""
    writes = [
        Write("delete", Address("amz-de", *key), {}, live.etag, str(key))
        for key, live in account.read(Scope("amz-de")).resources.items()
        if key[0] == "listing"
    ]
    assert statuses(account.write("amz-de", writes)) == {"observed"}
    assert {place for _, place in amazon.account.listings} == {
        "A13V1IB3VIYZZH",
        "A1F83G8C2ARO7P",
    }


def test_who_must_stop_does_not_wait_for_a_feed(amazon: Emulated, account: AmazonAccount) -> None:
    """Ctrl-C, or somebody else has the lease by now: what was sent is left to Amazon."""
    amazon.world.habits.feed_seconds = 3600
    writes = wishes(account)
    account.client.ending = lambda: bool(amazon.world.requests.get("createFeed"))
    before = amazon.spent
    assert statuses(account.write("amz-de", writes)) == {"accepted"}
    assert amazon.spent - before < 60


def test_new_listings_go_item_by_item(account: AmazonAccount) -> None:
    """Each is asked for by itself first."""
    assert account.batch("listing", "create", 100_000) == 20


@pytest.mark.parametrize(
    ("waiting", "batch"),
    [(1499, 20), (1500, 1500), (5_000, 5_000), (5_001, 2501), (100_000, 5_000), (12_000, 4_000)],
)
def test_a_feed_holds_five_thousand_changes_at_most_evenly(
    amazon: Emulated, waiting: int, batch: int
) -> None:
    assert amazon.adapter(KNOWN).batch("listing", "update", waiting) == batch
    assert (BY_FEED, FEED) == (1500, 5_000)


@pytest.mark.parametrize("said", [True, "1500", -1, 1.5, None])
def test_a_number_of_changes_that_is_none_is_refused(said: object) -> None:
    from acorn_gitops.marketplaces.amazon import open_marketplace

    settings = Settings("amazon-eu", "amazon", "http://127.0.0.1:1", json.dumps(SECRETS), {"feedsFrom": said})
    with pytest.raises(MarketplaceError, match="feedsFrom"):
        open_marketplace(settings)


def test_no_feed_is_sent_where_somebody_says_so(amazon: Emulated) -> None:
    """`feedsFrom: 0`."""
    assert amazon.adapter(KNOWN, feedsFrom=0).batch("listing", "update", 100_000) == 20


@pytest.mark.skipif(
    not models.are_there(), reason="the official schema of feeds is not beside the repository"
)
def test_a_feed_is_as_the_official_schema_says() -> None:
    """A change, a deletion, a SKU with signs."""
    from jsonschema import Draft201909Validator

    schema = json.loads((models.FOLDER / "schemas/feeds/listings-feed-schema-v2.json").read_bytes())
    offer = {"marketplace_id": DE, "currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": 12}]}]}
    body = {
        "productType": "PRODUCT",
        "patches": [{"op": "replace", "path": "/attributes/purchasable_offer", "value": [offer]}],
    }
    sent = [
        Submission(op.PATCH_LISTING, {"sku": "A B/1,2"}, body),
        Submission(op.DELETE_LISTING, {"sku": "B"}),
    ]
    header = {"sellerId": SELLER, "version": "2.0", "issueLocale": "en_US"}
    document = {"header": header, "messages": [*messages_in(sent)]}
    assert [*Draft201909Validator(schema).iter_errors(document)] == []
    assert [*Draft201909Validator(schema).iter_errors({**document, "messages": [{"sku": "A"}]})]
