"""Feeds and reports: they wait, are worked on, and are done; what is wrong is told message by message."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.amazon.emulated import DE, FR, SELLER, Emulated
from tests.amazon.test_emulator import OFFER, Caller
from tests.amazon.web import WEB

FEEDS = "/feeds/2021-06-30"
REPORTS = "/reports/2021-06-30"
JSON = "application/json; charset=UTF-8"


@pytest.fixture
def ask(amazon: Emulated) -> Caller:
    """Somebody who may ask."""
    return Caller(amazon)


def message(number: int, sku: str, **more: Any) -> dict[str, Any]:
    """A message of a feed that makes an offer."""
    return {
        "messageId": number,
        "sku": sku,
        "operationType": "UPDATE",
        "productType": "PRODUCT",
        "requirements": "LISTING_OFFER_ONLY",
        "attributes": {"purchasable_offer": [OFFER]},
        **more,
    }


def fed(ask: Caller, *messages: Any, kind: str = "JSON_LISTINGS_FEED", **header: Any) -> str:
    """A feed of these messages; its id."""
    document = ask("POST", f"{FEEDS}/documents", {"contentType": JSON}).json()
    head = {"sellerId": SELLER, "version": "2.0", **header}
    body = json.dumps({"header": head, "messages": list(messages)})
    put = WEB.put(document["url"], content=body, headers={"content-type": JSON})
    assert put.status_code == 200
    wish = {"feedType": kind, "marketplaceIds": [DE], "inputFeedDocumentId": document["feedDocumentId"]}
    made = ask("POST", f"{FEEDS}/feeds", wish)
    assert made.status_code == 202
    return str(made.json()["feedId"])


def status(ask: Caller, id: str) -> Any:
    """A feed as it is told."""
    return ask("GET", f"{FEEDS}/feeds/{id}").json()


def result(ask: Caller, id: str) -> Any:
    """The report of a feed that is done."""
    told = ask("GET", f"{FEEDS}/documents/{status(ask, id)['resultFeedDocumentId']}").json()
    assert told["compressionAlgorithm"] == "GZIP"
    return json.loads(gzip.decompress(WEB.get(told["url"]).content))


def test_a_feed_waits_and_is_worked_on_and_is_done(amazon: Emulated, ask: Caller) -> None:
    """By the clock; its listings are there afterwards, and not before."""
    id = fed(ask, message(1, "A"), message(2, "B"))
    assert status(ask, id)["processingStatus"] == "IN_QUEUE"
    amazon.wait(5)
    assert status(ask, id)["processingStatus"] == "IN_PROGRESS"
    assert amazon.account.listings == {}
    amazon.wait(5)
    assert status(ask, id)["processingStatus"] == "DONE"
    assert {sku for sku, _ in amazon.account.listings} == {"A", "B"}
    assert result(ask, id)["summary"] == {
        "errors": 0,
        "warnings": 0,
        "messagesProcessed": 2,
        "messagesAccepted": 2,
        "messagesInvalid": 0,
    }


def test_one_message_that_is_wrong_spoils_no_other(amazon: Emulated, ask: Caller) -> None:
    """DONE, with what is wrong."""
    bad = message(2, "B", attributes={"purchasable_offer": [{"our_price": []}]})
    patch = {"messageId": 3, "sku": "NONE", "operationType": "PATCH", "productType": "P", "patches": []}
    id = fed(ask, message(1, "A"), bad, patch, {"messageId": 4, "sku": "D", "operationType": "EXPLODE"})
    amazon.wait(10)
    told = result(ask, id)
    assert [(one["messageId"], one["code"]) for one in told["issues"]] == [
        (2, "90220"),
        (3, "13013"),
        (4, "4000001"),
    ]
    assert (told["summary"]["messagesAccepted"], told["summary"]["messagesInvalid"]) == (1, 3)


@pytest.mark.parametrize(
    ("kind", "header", "messages"),
    [
        ("POST_FLAT_FILE_LISTINGS_DATA", {}, [message(1, "A")]),
        ("JSON_LISTINGS_FEED", {"sellerId": "A2"}, [message(1, "A")]),
        ("JSON_LISTINGS_FEED", {"version": "1.0"}, [message(1, "A")]),
        ("JSON_LISTINGS_FEED", {}, [message(1, "A"), message(1, "B")]),
        ("JSON_LISTINGS_FEED", {}, []),
    ],
)
def test_a_feed_that_is_wrong_as_a_whole_is_fatal(
    amazon: Emulated, ask: Caller, kind: str, header: dict[str, Any], messages: list[Any]
) -> None:
    """Nothing of it happens."""
    id = fed(ask, *messages, kind=kind, **header)
    amazon.wait(10)
    told = status(ask, id)
    assert told["processingStatus"] == "FATAL" and "resultFeedDocumentId" not in told
    assert amazon.account.listings == {}


def test_only_what_waits_can_be_cancelled(amazon: Emulated, ask: Caller) -> None:
    """And nothing comes of it."""
    first, second = fed(ask, message(1, "A")), fed(ask, message(1, "B"))
    assert ask("DELETE", f"{FEEDS}/feeds/{first}").status_code == 200
    amazon.wait(5)
    assert ask("DELETE", f"{FEEDS}/feeds/{second}").status_code == 400
    amazon.wait(10)
    assert status(ask, first)["processingStatus"] == "CANCELLED"
    assert {sku for sku, _ in amazon.account.listings} == {"B"}


def test_an_address_of_a_document_is_good_for_five_minutes(amazon: Emulated, ask: Caller) -> None:
    """After that it answers 403 with XML, as it was recorded; and another type of content does not fit."""
    document = ask("POST", f"{FEEDS}/documents", {"contentType": JSON}).json()
    other = WEB.put(document["url"], content=b"{}", headers={"content-type": "text/xml"})
    assert other.status_code == 403
    amazon.wait(300)
    late = WEB.put(document["url"], content=b"{}", headers={"content-type": JSON})
    assert late.status_code == 403 and b"Request has expired" in late.content


def test_another_sellers_feed_is_not_found(amazon: Emulated, ask: Caller) -> None:
    """404."""
    id = fed(ask, message(1, "A"))
    amazon.world.feeds.get(id, SELLER).seller = "A2"
    assert ask("GET", f"{FEEDS}/feeds/{id}").status_code == 404


def test_a_report_is_a_table_of_what_is_listed(amazon: Emulated, ask: Caller) -> None:
    """Of the marketplaces that were named; without what the real one lacks."""
    ask.put("A-1")
    ask.put("B-2", FR)
    wish = {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": [DE]}
    made = ask("POST", f"{REPORTS}/reports", wish)
    assert made.status_code == 202
    id = made.json()["reportId"]
    assert ask("GET", f"{REPORTS}/reports/{id}").json()["processingStatus"] == "IN_QUEUE"
    amazon.wait(10)
    told = ask("GET", f"{REPORTS}/reports/{id}").json()
    document = ask("GET", f"{REPORTS}/documents/{told['reportDocumentId']}").json()
    answer = WEB.get(document["url"])
    assert answer.headers["content-type"] == "text/plain; charset=Cp1252"
    heading, *rows = gzip.decompress(answer.content).decode("cp1252").split("\r\n")[:-1]
    (row,) = (dict(zip(heading.split("\t"), one.split("\t"), strict=True)) for one in rows)
    assert (row["seller-sku"], row["price"], row["status"]) == ("A-1", "400", "Active")


def test_a_type_of_report_that_is_none_is_fatal(amazon: Emulated, ask: Caller) -> None:
    """As the real one ends those it does not make."""
    id = ask("POST", f"{REPORTS}/reports", {"reportType": "X", "marketplaceIds": [DE]}).json()["reportId"]
    amazon.wait(10)
    assert ask("GET", f"{REPORTS}/reports/{id}").json()["processingStatus"] == "FATAL"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": [], "inputFeedDocumentId": "x"},
        {"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": ["ATVPDKIKX0DER"], "inputFeedDocumentId": "x"},
        {"feedType": "JSON_LISTINGS_FEED", "marketplaceIds": [DE], "inputFeedDocumentId": "x"},
    ],
)
def test_a_feed_that_makes_no_sense_is_refused(ask: Caller, body: Any) -> None:
    """400."""
    assert ask("POST", f"{FEEDS}/feeds", body).status_code == 400
