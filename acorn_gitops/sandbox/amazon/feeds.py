"""Feeds 2021-06-30: many listings at once, by a document. What is wrong with a message is in the result;
what is wrong with the feed makes it FATAL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from acorn_gitops.sandbox.amazon.asked import Sort
from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation, invalid, written
from acorn_gitops.sandbox.amazon.listings import OPERATORS, Submission, ordered, submit, trouble

_DOCUMENTS: Final = "/feeds/2021-06-30/documents"
_FEEDS: Final = "/feeds/2021-06-30/feeds"
FEEDS: Final = Sort("feed", "resultFeedDocumentId", lambda call: call.world.feeds)
LISTINGS: Final = "JSON_LISTINGS_FEED"
MESSAGES: Final = 25_000
"""That one feed may hold."""
_OPERATIONS: Final[Mapping[str, str]] = {
    "UPDATE": "UPDATE",
    "PARTIAL_UPDATE": "PATCH",
    "PATCH": "PATCH",
    "DELETE": "DELETE",
}


def document(call: Call) -> Answer:
    """Where the content is to be put."""
    kind = str(call.block("contentType")["contentType"])
    id = call.world.documents.new(kind)
    url = call.base + call.world.documents.address(id, writable=True)
    return Answer(201, {"feedDocumentId": id, "url": url})


def created(call: Call) -> Answer:
    """It waits in the queue."""
    said = call.block("feedType", "marketplaceIds", "inputFeedDocumentId")
    places = FEEDS.places(call, said["marketplaceIds"])
    held = call.world.documents.get(str(said["inputFeedDocumentId"]))
    if held is None:
        raise invalid("Invalid 'inputFeedDocumentId' provided.")
    id, kind = call.world.id(), str(said["feedType"])
    call.world.feeds.put(
        call.account.seller_id,
        kind,
        places,
        now=call.world.now(),
        seconds=call.world.habits.feed_seconds,
        id=id,
        work=lambda: _ended(call, id, kind, places=places),
    )
    return Answer(202, {"feedId": id})


def _ended(call: Call, id: str, kind: str, *, places: list[str]) -> str:
    """Work on it, unless somebody ordered otherwise: the id of its report, "" for FATAL."""
    if call.fault == "fatal":
        return ""
    content = _content(call, str(call.body["inputFeedDocumentId"]))
    report = _worked(call, id, kind, content=content, places=places)
    return "" if call.fault == "aborted" else report


def _content(call: Call, id: str) -> bytes:
    """The content as it is when the feed is worked on."""
    held = call.world.documents.get(id)
    return held.content if held is not None else b""


def _worked(call: Call, id: str, kind: str, *, content: bytes, places: list[str]) -> str:
    """Carry it out; the id of its report, or "" where nothing of it could be."""
    try:
        said = json.loads(content, parse_float=Decimal)
        messages, header = said["messages"], said["header"]
        sound = header["sellerId"] == call.account.seller_id and header["version"] == "2.0"
        numbers = [message["messageId"] for message in messages]
        sound = sound and 0 < len(numbers) <= MESSAGES and len({*numbers}) == len(numbers)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    if kind != LISTINGS or not sound:
        return ""
    issues: list[Json] = []
    accepted = 0
    for message in messages:
        wrong = [one for place in places for one in _message(call, message, place)]
        accepted += not wrong
        for one in wrong:
            issues.append({"messageId": message["messageId"], "sku": str(message.get("sku", "")), **one})
    summary = {
        "errors": len(issues),
        "warnings": 0,
        "messagesProcessed": len(messages),
        "messagesAccepted": accepted,
        "messagesInvalid": len(messages) - accepted,
    }
    report = {
        "header": {"sellerId": call.account.seller_id, "version": "2.0", "feedId": id},
        "issues": issues,
        "summary": summary,
    }
    return call.world.documents.new("application/json; charset=UTF-8", written(report), packed=True)


def _message(call: Call, message: Json, place: str) -> list[Json]:
    """Carry one message out; what is wrong with it."""
    operation = _OPERATIONS.get(str(message.get("operationType")))
    sku = message.get("sku")
    if operation is None or not isinstance(sku, str) or not sku:
        return [_short({"code": "4000001", "message": "The message is not as its schema says."})]
    patches = message.get("patches") or []
    if message["operationType"] == "PARTIAL_UPDATE":
        patches = [
            {"op": "replace", "path": f"/attributes/{name}", "value": value}
            for name, value in (message.get("attributes") or {}).items()
        ]
    if any(p.get("op") not in OPERATORS or str(p.get("path", "")).count("/") != 2 for p in patches):
        return [_short({"code": "4000001", "message": "Invalid path provided in patch."})]
    wish = Submission(
        sku,
        place,
        operation,
        product_type=str(message.get("productType") or ""),
        attributes=message.get("attributes") or {},
        patches=patches,
    )
    wrong = [_short(issue) for issue in [*trouble(call.account, wish), *ordered(call.world, wish)]]
    if not wrong:
        submit(call.world, call.account, wish)
    return wrong


def _short(issue: Json) -> Json:
    made = {"code": issue["code"], "severity": "ERROR", "message": issue["message"]}
    names = issue.get("attributeNames") or ()
    return made | ({"attributeName": names[0]} if names else {})


OPERATIONS: Final = (
    Operation("createFeedDocument", "POST", _DOCUMENTS, rate=0.5, burst=15, handle=document),
    Operation("createFeed", "POST", _FEEDS, rate=0.0083, burst=15, handle=created),
    Operation("getFeed", "GET", f"{_FEEDS}/{{feedId}}", rate=2, burst=15, handle=FEEDS.shown),
    Operation("getFeeds", "GET", _FEEDS, rate=0.0222, burst=10, handle=FEEDS.listed),
    Operation("cancelFeed", "DELETE", f"{_FEEDS}/{{feedId}}", rate=2, burst=15, handle=FEEDS.cancelled),
    Operation(
        "getFeedDocument",
        "GET",
        f"{_DOCUMENTS}/{{feedDocumentId}}",
        rate=0.0222,
        burst=10,
        handle=FEEDS.fetched,
    ),
)
