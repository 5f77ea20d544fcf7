"""Many listings at once. Comes in: messages of a feed. Goes out: what is wrong with each, once Amazon has worked on
them. Caller: `listings`.

A feed takes minutes to hours and holds 25,000 messages; item calls make five a second. What was sent in a feed is not
sent again while nobody knows how it ended: a document is put to an address that Amazon gives, which must be its own or
encrypted, and its result is fetched in the same way.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.client import Client, written
from acorn_gitops.model.finding import MarketplaceError, Unreachable

Tree = dict[str, Any]
MESSAGES: Final = 25_000
"""That one feed may hold."""
KIND: Final = "JSON_LISTINGS_FEED"
_TYPE: Final = "application/json; charset=UTF-8"
_WAIT: Final = (2.0, 60.0)
"""Seconds between two looks: the first, and the longest."""
PATIENCE: Final = 3600.0
"""Seconds until nobody waits any more: what becomes of it a later run sees."""
_MOST: Final = 256 << 20
"""Bytes of a result, unpacked."""


class Feeds:
    """Those of one account."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, seller: str, marketplace: str, messages: Sequence[Tree]) -> dict[int, str]:
        """By number of a message, what is wrong with it. MarketplaceError where Amazon refused a feed as a whole
        before it worked on any message; Unreachable where nobody knows how it ended."""
        wrong: dict[int, str] = {}
        for start in range(0, len(messages), MESSAGES):
            wrong |= self._one(seller, marketplace, messages[start : start + MESSAGES])
        return wrong

    def _one(self, seller: str, marketplace: str, messages: Sequence[Tree]) -> dict[int, str]:
        document = self._client.call(op.CREATE_FEED_DOCUMENT, body={"contentType": _TYPE})
        content = written({"header": {"sellerId": seller, "version": "2.0"}, "messages": messages})
        self._client.put_document(str(document["url"]), _TYPE, content)
        wish = {
            "feedType": KIND,
            "marketplaceIds": [marketplace],
            "inputFeedDocumentId": document["feedDocumentId"],
        }
        id = str(self._client.call(op.CREATE_FEED, body=wish)["feedId"])
        told = self._ended(id)
        if told["processingStatus"] != "DONE":
            raise MarketplaceError(
                f"feed {one_line(id, 60)} ended {one_line(str(told['processingStatus']), 20)}: nothing of it was done"
            )
        return self._result(str(told["resultFeedDocumentId"]))

    def _ended(self, id: str) -> Tree:
        wait, longest = _WAIT
        until = self._client.now() + PATIENCE
        while True:
            told: Tree = self._client.call(op.GET_FEED, {"feedId": id})
            if told["processingStatus"] not in ("IN_QUEUE", "IN_PROGRESS"):
                return told
            if self._client.now() > until:
                raise Unreachable(
                    f"feed {one_line(id, 60)} is still worked on; a later run sees what became of it"
                )
            self._client.wait(wait)
            wait = min(longest, wait * 1.5)

    def _result(self, id: str) -> dict[int, str]:
        told = self._client.call(op.GET_FEED_DOCUMENT, {"feedDocumentId": id})
        content = self._client.get_document(str(told["url"]))
        if told.get("compressionAlgorithm") == "GZIP":
            content = unpacked(content)
        said = json.loads(content, parse_float=Decimal)
        found: dict[int, str] = {}
        for issue in said.get("issues") or ():
            if issue.get("severity") == "ERROR" and "messageId" in issue:
                found.setdefault(int(issue["messageId"]), _words(issue))
        invalid = int(said["summary"]["messagesInvalid"])
        if invalid > len(found):
            raise Unreachable(
                f"{invalid} messages of a feed were invalid, and of {len(found)} it is said which"
            )
        return found


def unpacked(content: bytes) -> bytes:
    """What was packed with gzip. MarketplaceError where it is none, or larger than a result can be."""
    try:
        packer = zlib.decompressobj(wbits=31)
        found = packer.decompress(content, _MOST)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise MarketplaceError(f"the document cannot be unpacked: {error}") from None
    if packer.unconsumed_tail or not packer.eof:
        raise MarketplaceError("the document is cut off, or larger than any that Amazon makes")
    return found


def _words(issue: Mapping[str, Any]) -> str:
    return one_line(f"{issue.get('code')} {issue.get('message')}", 300)
