"""Many changes of listings at once, by a feed (`JSON_LISTINGS_FEED`). Comes in: submissions of one store.
Goes out: what is wrong with each. Caller: `submissions`.

A feed is a document that Amazon works off when it comes to it: in minutes mostly, in hours at times. It is
waited for; one that takes longer goes on without us, and what it holds counts as taken and not seen. What it
did is believed where it is seen, as everywhere.

Facts: Feeds 2021-06-30 and `listings-feed-schema-v2` of the official models; five feeds in five minutes and
25,000 messages in each, docs changelog of 2025-05-06.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from acorn_gitops.confine.text import one_line
from acorn_gitops.confine.weight import memory_of
from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.client import Client, Refusal, written
from acorn_gitops.marketplaces.by_looking import Raw, RemoteStore, Taken, Trouble
from acorn_gitops.model.finding import MarketplaceError

Tree = Raw
LISTINGS: Final = "JSON_LISTINGS_FEED"
MEDIA: Final = "application/json; charset=UTF-8"
PATIENCE: Final = 1800.0
"""Seconds that one feed is waited for."""
FIRST_LOOK: Final = 5.0
"""Seconds until it is looked at for the first time; each next time comes later."""
LAST_LOOK: Final = 60.0
SLOWER: Final = 1.5
LOOKS: Final = 1.0
"""Seconds after which is looked whether the run is to end."""
UNTOLD: Final = 3
"""Questions, each with its tries, that are not answered one after the other."""
RESULT: Final = 64 << 20
"""Bytes of a feed's result, unpacked, and of memory that it takes."""
TOLD: Final = 5
"""Words of Amazon's about one change."""
WORKS: Final = ("IN_QUEUE", "IN_PROGRESS")


class Submission(NamedTuple):
    """What is to become of one item."""

    operation: op.Operation
    raw: Tree
    """What Amazon said of it; at least its `sku`."""
    body: Tree | None = None
    """What is sent; None for a deletion."""

    @property
    def sku(self) -> str:
        """Its own name."""
        return str(self.raw["sku"])


class Feeds:
    """The feeds of one account. `more_than`: what comes in one batch and is more goes by a feed; `least`: so
    many changes of one store are worth one; 0 for none ever."""

    def __init__(self, client: Client, *, least: int, more_than: int) -> None:
        self._client, self._least, self._more_than = client, least, more_than
        self._under_way: dict[str, frozenset[tuple[str, str]]] = {}
        """By id, the sellers and SKUs in feeds that were not waited for to their end."""
        self._any: bool | None = None
        self.seconds = 0.0
        """How long the last feed of this run needed; 0 where there was none."""

    def pays(self, count: int) -> bool:
        """Whether so many changes of one store are worth a feed."""
        return 0 < self._least <= count

    def takes(self, count: int) -> bool:
        """Whether a batch of so many goes by a feed. Which ones are large is decided once, when batches are
        cut: item by item, what was looked at would be minutes old."""
        return self._least > 0 and count > self._more_than

    def why_not(self, store: RemoteStore, sku: str) -> str:
        """Why a SKU must wait; empty where it need not. In which order Amazon carries out a feed and what
        comes after it, nobody knows."""
        mine = (str(store.raw["sellerId"]), sku)
        for id, those in self._under_way.items():
            if mine in those:
                return f"feed {id} with a change of it is under way: run again when it is done"
        return ""

    def are_under_way(self) -> bool:
        """Whether any feed of the account is not worked off yet, whoever sent it; also where Amazon does not
        say. Asked once."""
        if self._any is None:
            query = {"feedTypes": LISTINGS, "processingStatuses": ",".join(WORKS), "pageSize": "1"}
            try:
                told: Tree = self._client.call(op.GET_FEEDS, query=query)
                self._any = bool(told["feeds"])
            except (MarketplaceError, LookupError, TypeError):
                self._any = True
        return self._any

    def send(self, store: RemoteStore, wishes: Sequence[Submission]) -> list[Trouble]:
        """One feed. Refusal where Amazon could not work on it at all, Unreachable where nobody knows whether
        it has it."""
        document: Tree = self._client.call(op.CREATE_FEED_DOCUMENT, body={"contentType": MEDIA})
        self._client.store(str(document["url"]), _content(store, wishes), MEDIA)
        made: Tree = self._client.call(
            op.CREATE_FEED,
            body={
                "feedType": LISTINGS,
                "marketplaceIds": [store.id],
                "inputFeedDocumentId": document["feedDocumentId"],
            },
        )
        id = one_line(str(made["feedId"]), 60)
        told = self._worked_off(id)
        if told is None:
            seller = str(store.raw["sellerId"])
            self._under_way[id] = frozenset((seller, one.sku) for one in wishes)
            return [Taken(f"it is in feed {id}, which Amazon has not worked off yet")] * len(wishes)
        return self._judged(id, told, wishes)

    def _worked_off(self, id: str) -> Tree | None:
        """A feed that came to its end; None for one that takes longer than is waited, is not answered for, or
        is left to itself as the run is to end: it is worked off whether we are told or not."""
        began, step, untold = self._client.now(), FIRST_LOOK, 0
        while self._client.now() < began + PATIENCE and untold < UNTOLD:
            waited = 0.0
            while waited < step and not self._client.ending():
                self._client.pause(min(LOOKS, step - waited))
                waited += LOOKS
            if self._client.ending():
                break
            step = min(step * SLOWER, LAST_LOOK)
            try:
                told: Tree = self._client.call(op.GET_FEED, {"feedId": id})
            except MarketplaceError:
                untold += 1
                continue
            untold = 0
            if told["processingStatus"] not in WORKS:
                self.seconds = self._client.now() - began
                return told
        return None

    def _judged(self, id: str, told: Tree, wishes: Sequence[Submission]) -> list[Trouble]:
        """What became of each message, in order."""
        count = len(wishes)
        status = one_line(str(told["processingStatus"]), 20)
        if status == "CANCELLED":
            raise Refusal(f"somebody cancelled feed {id} before Amazon came to it")
        if status != "DONE":
            # "Some, none, or all of the operations" were carried out, the model says.
            return [Taken(f"Amazon ended feed {id} as {status}, and what it did of it is not seen")] * count
        try:
            report = self._report(str(told["resultFeedDocumentId"]))
            issues = [*_errors(report, id, wishes)]
        except (MarketplaceError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
            # It was worked off: what it did is seen by looking.
            return [Taken(f"feed {id} was worked off, and its result cannot be read")] * count
        said: dict[int, list[str]] = {}
        for number, words in issues:
            mine = said.setdefault(number, [])
            if len(mine) < TOLD:
                mine.append(words)
        return [
            f"Amazon answers INVALID: {'; '.join(said[number])}" if number in said else None
            for number in range(count)
        ]

    def _report(self, document: str) -> Tree:
        said: Tree = self._client.call(op.GET_FEED_DOCUMENT, {"feedDocumentId": document})
        content = self._client.fetch(str(said["url"]))
        if said.get("compressionAlgorithm") == "GZIP":
            content = _unpacked(content)
        if memory_of(content) > RESULT:
            raise ValueError("a result without measure")
        found = json.loads(content)
        if not isinstance(found, dict):
            raise TypeError("a result is an object")
        return found


def messages_in(wishes: Sequence[Submission]) -> Iterator[Tree]:
    """The messages of a feed, numbered from 1."""
    for number, wish in enumerate(wishes, start=1):
        message: Tree = {"messageId": number, "sku": wish.sku}
        if wish.body is None:
            yield {**message, "operationType": "DELETE"}
        else:
            yield {**message, "operationType": "PATCH", **wish.body}


def _content(store: RemoteStore, wishes: Sequence[Submission]) -> bytes:
    header = {"sellerId": store.raw["sellerId"], "version": "2.0", "issueLocale": "en_US"}
    return written({"header": header, "messages": [*messages_in(wishes)]})


def _errors(report: Tree, id: str, wishes: Sequence[Submission]) -> Iterator[tuple[int, str]]:
    """By position, what is wrong. ValueError where it is about another feed than was sent."""
    if report["header"]["feedId"] != id:
        raise ValueError("a result of another feed")
    for issue in report["issues"]:
        if issue.get("severity") != "ERROR":
            continue
        number = issue.get("messageId")
        if type(number) is not int or not 1 <= number <= len(wishes):
            raise ValueError("an issue of no message")
        if issue.get("sku") != wishes[number - 1].sku:
            raise ValueError("an issue of another SKU")
        yield number - 1, one_line(f"{issue.get('code')} {issue.get('message')}", 300)


def _unpacked(content: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = unpacking.decompress(content, RESULT)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not unpacking.eof:
        raise ValueError("a result that is cut off, or without measure")
    return found
