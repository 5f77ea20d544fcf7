"""The protocol over the retail network API. Comes in: settings and a transport. Goes out: snapshots and
outcomes. Caller: cli, conformance.

A read follows cursors of one snapshot to the end and counts: the number of resources must be the number that
the marketplace announced, each once, or the read is `Incomplete`. A write without an answer is looked up
under its idempotency key by sending it again, which the contract makes safe. Once a generation was begun,
every batch carries it and the version at which the store is known: a marketplace that has either otherwise
does nothing of the batch.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

import orjson

from acorn_gitops.confine.retry import Retry, Unanswered, asked_wait
from acorn_gitops.confine.text import one_line
from acorn_gitops.confine.weight import memory_of
from acorn_gitops.marketplaces.network.contract import SHAPED, misshapen
from acorn_gitops.marketplaces.network.transport import NoAnswer, Response, Transport
from acorn_gitops.marketplaces.protocol import (
    Generation,
    Management,
    Outcome,
    Scope,
    Settings,
    Snapshot,
    Status,
    Write,
)
from acorn_gitops.model.finding import Incomplete, MarketplaceError, Moved, Shut, Superseded, Unreachable
from acorn_gitops.model.resource import Live
from acorn_gitops.model.sound import unfit
from acorn_gitops.resources.registry import TYPES

PAGE: Final = 5000
BATCH: Final = 500
ATTEMPTS: Final = 5
MAX_PAUSE: Final = 60.0
MOST: Final = 5_000_000
"""Resources of one store."""
STORE_BYTES: Final = 768 << 20
"""Of all pages of one store, unpacked."""
SILENT: Final = 2
"""Requests without any answer, one after the other, after which a connection is tried only once; and twice as
many, after which it is left alone for a while."""
REST: Final = 60.0
"""For so many seconds."""
PATIENCE: Final = 300.0
"""Seconds that are waited between tries, all together, for one connection of one run."""
STORE_SECONDS: Final = 900.0
"""Reading one store takes no longer."""
GRACE: Final = 60.0
"""Seconds in which a store may come at any pace."""
ROWS_A_SECOND: Final = 100
"""What must have come after that, on average."""
FAIR: Final = 1000
"""Rows a second that nobody calls slow."""
LOST: Final = 100.0
"""Seconds that may be spent on stores of one connection that then could not be read; after that it is left
alone."""
FAIR_REQUEST: Final = 5.0
"""Seconds for a write or a generation that nobody calls slow."""
SLOW: Final = 900.0
"""Seconds that its stores may take, all together, beyond what they would at a fair pace."""
PAGE_MEMORY: Final = 512 << 20
"""Bytes that one page may take in memory."""
STORE_MEMORY: Final = 3 << 30
"""Of all pages of one store: a million listings."""
ROW: Final = 256 << 10
"""Bytes that a row of a page may have, on average."""
MOST_WORDS: Final = 1 << 20
"""Bytes of an answer that says what is wrong; in a longer one nobody looks for words."""
_JSON_TYPES: Final = ("application/json", "application/problem+json")
_FAULT: Final = "this is a fault of the marketplace"
_NO_AMOUNT: Final = (
    re.compile(rb'"value"\s*:\s*(?!"-?[0-9]{1,15}(?:\.[0-9]{1,6})?")'),
    re.compile(rb'"currency"\s*:\s*(?!"[A-Z]{3}")'),
)
_DEEP: Final = (b"}" * 12, b"]" * 12, b"[" * 12)
"""What may be no amount, or nested without end: such a page is looked at value by value."""


class _Request:
    """One request, and what is known of its tries so far."""

    def __init__(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        known: str,
        other: Sequence[int],
    ) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.known = known
        """The version that was named; empty for none."""
        self.other = other
        """Statuses beside 200 that mean something here."""
        self.trouble = ""
        self.maybe_done = False
        """Whether a try without an answer may have had its effect."""
        self.alive = False
        """Whether anything answered."""


class NetworkMarketplace:
    """One connection to a retail network API."""

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        pause: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._retry = Retry(budget=PATIENCE, pause=pause)
        self._silent = 0
        self._asked = 0.0
        self._lost = self._slow = 0.0
        self._fences: dict[str, tuple[str, int]] = {}
        """By store: who writes, and in which generation."""
        self._sent: dict[str, tuple[str, str]] = {}
        """By store: the version of the snapshot by which a batch was judged, and the version that the store
        has after it; empty where the marketplace did not say."""

    @property
    def name(self) -> str:
        """The connection's name."""
        return self._settings.name

    def capabilities(self) -> Mapping[str, Management]:
        """Every type can be managed."""
        return dict.fromkeys(TYPES, "managed")

    def stores(self) -> Sequence[str]:
        """Names of the stores, sorted."""
        page = _json(self._ask("GET", "/v1/stores"))
        try:
            names = [row["store"] for row in page["stores"]]
        except (KeyError, TypeError) as error:
            raise _nonsense("the list of stores", error) from None
        if not all(isinstance(name, str) and _is_name(name) for name in names):
            raise _nonsense("the list of stores", "a name that is none")
        return sorted(names)

    def read(self, scope: Scope) -> Snapshot:
        """All resources of a store, of one moment. Where the caller still has a former snapshot, only what
        has changed since travels, if the marketplace can tell."""
        if self._lost > LOST:
            raise Unreachable(
                f"{self.name}: {self._lost:.0f} seconds went into stores that it did not show; it is left alone",
                hint=_FAULT,
                alive=True,
            )
        if self._slow > SLOW:
            raise Unreachable(f"{self.name}: {self._too_slow()}", hint=_FAULT, alive=True)
        began = self._clock()
        try:
            snapshot = self._read(scope, began)
        except MarketplaceError:
            self._lost += self._clock() - began
            raise
        self._slow += max(0.0, self._clock() - began - len(snapshot.resources) / FAIR)
        return snapshot

    def _read(self, scope: Scope, began: float) -> Snapshot:
        reading = _Reading(scope)
        path = reading.first
        while path:
            spent = self._clock() - began
            crawls = reading.rows < spent * ROWS_A_SECOND or reading.will_take(spent) > STORE_SECONDS
            if spent > STORE_SECONDS or (spent > GRACE and crawls):
                raise Incomplete(
                    f"{scope.store}: {reading.rows:,} resources came in {spent:.0f} seconds, which is too slow",
                    hint=_FAULT,
                )
            answer = self._ask(
                "GET", path, missing_ok=True, known=scope.known if path == reading.first else ""
            )
            if answer.status == 404:
                return Snapshot(scope.store, False, {})
            if answer.status == 304:
                return Snapshot(scope.store, True, {}, version=scope.known, unchanged=True)
            path = reading.take(answer)
        return reading.snapshot()

    def validate(self, store: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Ask the marketplace what it would say."""
        return self._batches(store, writes, "?validate=true", "")

    def write(self, store: str, writes: Sequence[Write], at: str = "") -> Sequence[Outcome]:
        """Send in batches; a batch without an answer is sent again under the same keys."""
        return self._batches(store, writes, "", at)

    def _version_for(self, store: str, at: str) -> str:
        """The version that a batch presumes: that of the snapshot, or the one after what was sent since.
        Where the marketplace did not say that one, the snapshot's: it refuses the batch if what was sent has
        changed anything."""
        since, now = self._sent.get(store, ("", ""))
        return now if now and since == at else at

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def generation(self, store: str, owner: str) -> Generation | None:
        """What `owner` last applied there, as the marketplace remembers it; None where it remembers nothing
        of the kind."""
        answer = self._ask("GET", _generation_path(store, owner), missing_ok=True, other=(400, 405))
        if answer.status != 200:
            return None
        return _generation(_json(answer))

    def advance(self, store: str, owner: str, expected: Generation, head: str) -> Generation:
        """Begin the next generation, and stamp what is written from now on with it. Superseded when it is not
        `expected` any more."""
        following = Generation(expected.number + 1, head)
        body = orjson.dumps({"number": following.number, "head": head, "expected": expected.number})
        answer = self._ask("PUT", _generation_path(store, owner), body, other=(412,))
        # Without an answer the request was sent again: then it is ours that stands there.
        begun = _generation(_json(answer)) if answer.status == 200 else None
        if begun != following:
            now = self.generation(store, owner)
            if now == expected:
                raise MarketplaceError(
                    f"{store}: it answered {answer.status} and did not begin a generation", hint=_FAULT
                )
            if now != following:
                raise Superseded(f"{store}: somebody else began to apply meanwhile")
        self._fences[store] = (owner, following.number)
        return following

    def claim(
        self, store: str, keys: Sequence[tuple[str, str]], owner: str
    ) -> dict[tuple[str, str], str] | None:
        """Mark resources as an owner's that are nobody's so far; None where the marketplace has nothing of
        the kind."""
        found: dict[tuple[str, str], str] = {}
        path = f"/v1/stores/{quote(store, safe='')}/owners/{quote(owner, safe='')}"
        for start in range(0, len(keys), PAGE):
            part = keys[start : start + PAGE]
            body = orjson.dumps({"items": [{"type": type, "key": key} for type, key in part]})
            answer = self._ask("POST", path, body, missing_ok=True, other=(400, 405))
            if answer.status != 200:
                return None
            told = _json(answer)
            owners = told.get("owners") if isinstance(told, dict) else None
            if not isinstance(owners, list) or len(owners) != len(part):
                return None  # whoever answers so keeps none
            found |= {
                key: one
                for key, one in zip(part, owners, strict=True)
                if isinstance(one, str) and _is_name(one)
            }
        return found

    def _batches(self, store: str, writes: Sequence[Write], query: str, at: str) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for start in range(0, len(writes), BATCH):
            part = writes[start : start + BATCH]
            body: dict[str, object] = {"items": [_item(w) for w in part]}
            fence = self._fences.get(store) if not query else None
            if fence is not None:
                body |= {"owner": fence[0], "generation": fence[1]}
                if version := self._version_for(store, at):
                    body["ifVersion"] = version
            path = f"/v1/stores/{quote(store, safe='')}/batch{query}"
            try:
                answer = self._ask("POST", path, orjson.dumps(body), other=(412,) if fence else ())
            except Unreachable as error:
                self._sent[store] = (at, "")
                outcomes += [Outcome(w.address, "unknown", error.message) for w in part]
                outcomes += [
                    Outcome(w.address, "skipped", "the marketplace did not answer")
                    for w in writes[start + BATCH :]
                ]
                break
            except MarketplaceError as error:
                outcomes += [Outcome(w.address, "rejected", error.message) for w in part]
                continue
            page = _json(answer)
            if answer.status == 412:
                if start:
                    # What was sent before is done: only the rest is not.
                    rest = writes[start:]
                    outcomes += [
                        Outcome(w.address, "conflict", "the store was changed meanwhile") for w in rest
                    ]
                    break
                self._refused(store, page)
            if not query:
                told = page.get("version") if isinstance(page, dict) else None
                self._sent[store] = (at, told if isinstance(told, str) and _is_version(told) else "")
            outcomes += _outcomes(part, page)
        return outcomes

    def _refused(self, store: str, problem: object) -> None:
        """A whole batch of which nothing was done: the store, or the generation, is another by now."""
        kind = problem.get("type") if isinstance(problem, dict) else None
        if isinstance(kind, str) and kind.endswith("generation"):
            raise Superseded(f"{store}: somebody else began to apply meanwhile")
        raise Moved(f"{store} was changed by somebody else since it was read")

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        missing_ok: bool = False,
        known: str = "",
        other: Sequence[int] = (),
    ) -> Response:
        """Send until there is an answer that says something, and believe only what was asked for: 200 with
        JSON; 404 where that may be; 304 where a version was named; `other` statuses that mean something here.
        Every request may be repeated: reads by nature, batches by their idempotency keys, generations by
        their number."""
        if not _is_page(path) and self._slow > SLOW:
            raise MarketplaceError(f"{self.name}: {self._too_slow()}", hint=_FAULT)
        tries = self._tries()
        headers = {"content-type": "application/json", **({"if-none-match": f'"{known}"'} if known else {})}
        request = _Request(
            method, path, headers, body=body, known=known, other=(*other, *((404,) if missing_ok else ()))
        )
        try:
            return self._retry.until_answered(lambda: self._once(request), tries=tries, most=MAX_PAUSE)
        except Unanswered as error:
            self._silent += 1
            self._asked = self._clock()
            raise Unreachable(
                f"{self.name}: {error}, {tries} times",
                hint="run again when the marketplace answers",
                alive=request.alive,
            ) from None

    def _once(self, request: _Request) -> Response:
        """One try. Unanswered where another one may end better."""
        began = self._clock()
        try:
            answer = self._transport.request(request.method, request.path, request.headers, request.body)
        except NoAnswer as error:
            request.trouble, request.maybe_done = f"no answer ({error})", True
            if error.hopeless:
                raise Unreachable(f"{self.name}: {request.trouble}", hint=_FAULT) from None
            self._count(request.path, began)
            raise Unanswered(request.trouble) from None
        self._silent, request.alive = 0, True
        if answer.status == 304 and request.known:
            return answer
        self._count(request.path, began)
        if answer.status == 200 or answer.status in request.other:
            return self._believed(request, answer)
        raise self._meaning(request, answer)

    def _believed(self, request: _Request, answer: Response) -> Response:
        """An answer that says something. A proxy's own page is nobody's answer, and least of all that
        something is not there."""
        if not answer.headers.get("content-type", "").startswith(_JSON_TYPES):
            kind = one_line(answer.headers.get("content-type", "no type"), 100)
            request.trouble, request.maybe_done = f"answered {answer.status} with {kind}, not JSON", True
            raise Unanswered(request.trouble)
        if answer.status == 412 and request.maybe_done and request.method == "POST":
            # Refused by now; whether an earlier try was carried out is not known.
            raise Unreachable(f"{self.name}: {request.trouble}, then {_problem(answer)}")
        return answer

    def _meaning(self, request: _Request, answer: Response) -> Exception:
        """What an answer means that is none of those which were asked for."""
        status = answer.status
        if status in (408, 429) or status >= 500:
            request.trouble = _problem(answer)
            request.maybe_done = request.maybe_done or status != 429
            return Unanswered(request.trouble, asked_wait(answer.headers.get("retry-after")))
        if status < 400:
            # Nobody asked for it: a redirection, an answer out of a cache, a success without content.
            return Unreachable(f"{self.name}: answered {status}, which is no answer to this", hint=_FAULT)
        if request.maybe_done and request.method != "GET":
            # An earlier try may have had its effect: a refusal of the repetition does not undo it.
            return Unreachable(f"{self.name}: {request.trouble}, then {_problem(answer)}")
        if status in (403, 410):
            hint = "check what the connection's token may do"
            return Shut(f"{self.name}: {_problem(answer)}", hint=hint, gone=status == 410)
        hint = "check the connection's token" if status == 401 else ""
        return MarketplaceError(f"{self.name}: {_problem(answer)}", hint=hint)

    def _count(self, path: str, began: float) -> None:
        """What a request took beyond a fair time; pages of a store are counted together, by their rows."""
        if not _is_page(path):
            self._slow += max(0.0, self._clock() - began - FAIR_REQUEST)

    def _too_slow(self) -> str:
        return f"it took {self._slow:.0f} seconds more than a fair pace takes; it is left alone"

    def _tries(self) -> int:
        """How often to try: less where the last requests got no answer either, as every store of a dead
        server would wait its full time. Unreachable where nobody need be asked at all for a while."""
        if self._silent < SILENT:
            return ATTEMPTS
        if self._silent < 2 * SILENT or self._clock() - self._asked > REST:
            return 1
        raise Unreachable(
            f"{self.name}: no answer to the last {self._silent} requests",
            hint="run again when the marketplace answers",
        )


class _Reading:
    """The pages of one snapshot of one store, as they come in."""

    def __init__(self, scope: Scope) -> None:
        self._store = scope.store
        self._base = scope.base if scope.base is not None and scope.base.version else None
        query = f"limit={PAGE}"
        if self._base is not None:
            query += f"&since={quote(self._base.version, safe='')}"
        if scope.owner:
            query += f"&owner={quote(scope.owner, safe='')}"
        self.first = f"/v1/stores/{quote(scope.store, safe='')}/resources?{query}"
        self._resources: dict[tuple[str, str], Live] = {}
        self._gone: list[tuple[str, str]] = []
        self._seen = 0
        self._bytes = 0
        self._memory = 0
        self._total = -1
        self._all: int | None = None
        self._moment: str | None = None
        self._version = ""
        self._generation: Generation | None = None
        self._cursors: set[str] = set()

    def take(self, answer: Response) -> str:
        """The path of the page after this one; "" after the last. Incomplete when the pages cannot be those
        of one snapshot."""
        page = _json(answer)
        self._bytes += len(answer.body)
        self._memory += memory_of(answer.body)
        if self._bytes > STORE_BYTES:
            raise Incomplete(f"{self._store}: more than {STORE_BYTES >> 20} MiB came", hint=_FAULT)
        if self._memory > STORE_MEMORY:
            raise Incomplete(
                f"{self._store}: what came takes more than {STORE_MEMORY >> 20} MiB of memory", hint=_FAULT
            )
        try:
            items, total, following, moment = page["items"], page["total"], page["next"], page["snapshot"]
            if type(total) is not int or not (following is None or type(following) is str):
                raise _nonsense(f"{self._store}: a page", "total or next")
            if type(items) is not list or type(moment) is not str or not 0 <= total <= MOST:
                raise _nonsense(f"{self._store}: a page", "items, total or snapshot")
            if self._moment is None:
                self._begin(page, answer, total)
            elif (moment, total) != (self._moment, self._total):
                raise Incomplete(f"{self._store}: the snapshot changed while it was read", hint="run again")
            self._moment = moment
            if len(answer.body) > ROW * (len(items) + 4):
                raise _nonsense(f"{self._store}: a page", f"rows of more than {ROW >> 10} KiB")
            for item in items:
                self._row(item)
                if item["type"] in SHAPED and (why := misshapen(item["type"], item["attributes"])):
                    raise self._wrong(item, why)
        except (KeyError, TypeError, AttributeError) as error:
            raise _nonsense(f"{self._store}: a page", error) from None
        if _is_suspicious(answer.body):
            for item in items:
                self._check(item)
        self._seen += len(items)
        if self._seen > self._total:
            raise Incomplete(
                f"{self._store}: more resources came than the {self._total} that were announced", hint=_FAULT
            )
        if following is None:
            return ""
        if not items or following in self._cursors:
            raise Incomplete(f"{self._store}: the pages do not come to an end", hint=_FAULT)
        self._cursors.add(following)
        return f"{self.first}&cursor={quote(following, safe='')}"

    def _begin(self, page: dict[str, Any], answer: Response, total: int) -> None:
        self._total = total
        # A proxy that packs answers makes a version weak: it names the same state of the store.
        version = answer.headers.get("etag", "").removeprefix("W/").strip('"')
        self._version = version if _is_version(version) else ""
        self._generation = _generation(page.get("generation"))
        self._owners = page.get("owners") is True
        if self._base is None or page.get("since") != self._base.version:
            return  # everything comes, whatever was asked for
        self._all = page["all"]
        self._gone = [(row["type"], row["key"]) for row in page["gone"]]
        if type(self._all) is not int or not all(type(t) is type(k) is str for t, k in self._gone):
            raise _nonsense(f"{self._store}: a page", "all or gone")

    @property
    def rows(self) -> int:
        """How many resources came so far."""
        return self._seen

    def will_take(self, spent: float) -> float:
        """Seconds until all that was announced is here, at the pace so far."""
        return spent * self._total / self._seen if self._seen else spent

    def _row(self, item: Any) -> None:
        attributes, etag, id = item["attributes"], item["etag"], item.get("id", "")
        type_, key = item["type"], item["key"]
        if not (type(attributes) is dict and type(etag) is type(id) is type(type_) is type(key) is str):
            raise _nonsense(
                f"{self._store}: a row", one_line(key, 100) if isinstance(key, str) else "its key"
            )
        if not key.isprintable() or not 0 < len(key) <= 400 or not 0 < len(etag) <= 400 or len(id) > 400:
            raise _nonsense(f"{self._store}: a row", f"a key, id or etag that is none: {one_line(key, 60)}")
        owner = item.get("owner", "")
        if type(owner) is not str or (owner and not _is_name(owner)):
            raise _nonsense(f"{self._store}: a row", f"an owner that is none: {one_line(key, 60)}")
        self._resources[(type_, key)] = Live(attributes, etag, id, owner=owner)

    def _check(self, item: dict[str, Any]) -> None:
        why = unfit(item["attributes"])
        if why:
            raise self._wrong(item, why)

    def _wrong(self, item: dict[str, Any], why: str) -> Incomplete:
        return _nonsense(f"{self._store}: {one_line(item['type'], 40)} {one_line(item['key'], 60)}", why)

    def snapshot(self) -> Snapshot:
        """The whole store. Incomplete when what came is not what was announced."""
        came = len(self._resources)
        if self._seen != self._total or came != self._total:
            raise Incomplete(
                f"{self._store}: {came} of {self._total} resources were read",
                hint="run again; nothing was concluded from this",
            )
        if self._all is None or self._base is None:
            return self._whole(self._resources)
        whole = {**self._base.resources}
        for gone in self._gone:
            whole.pop(gone, None)
        whole.update(self._resources)
        if len(whole) != self._all:
            raise Incomplete(
                f"{self._store}: {len(whole)} resources after the changes, and {self._all} are there",
                hint="run again; nothing was concluded from this",
            )
        return self._whole(whole)

    def _whole(self, resources: Mapping[tuple[str, str], Live]) -> Snapshot:
        return Snapshot(
            self._store,
            bool(resources) or self._base is None,
            resources,
            version=self._version,
            generation=self._generation,
            owners=self._owners,
        )


def _is_page(path: str) -> bool:
    return "/resources?" in path


def _is_suspicious(body: bytes) -> bool:
    """Whether a page must be looked at value by value. Asked with patterns that begin with plain text, which
    are found fast."""
    return (
        b"\\u" in body
        or any(run in body for run in _DEEP)
        or any(pattern.search(body) for pattern in _NO_AMOUNT)
    )


def _generation(found: object) -> Generation | None:
    """None for what is no generation: whoever answers so keeps none."""
    number, head = (found.get("number"), found.get("head")) if isinstance(found, dict) else (None, None)
    if type(number) is not int or not 0 <= number < 1 << 53 or type(head) is not str or len(head) > 100:
        return None
    return Generation(number, head)


def _generation_path(store: str, owner: str) -> str:
    return f"/v1/stores/{quote(store, safe='')}/generations/{quote(owner, safe='')}"


def _is_version(text: str) -> bool:
    """Whether a version can be sent back in a header."""
    return text.isascii() and text.isprintable() and len(text) <= 200 and '"' not in text


def _is_name(text: str) -> bool:
    return text.isprintable() and 0 < len(text) <= 200


def _item(write: Write) -> dict[str, object]:
    item: dict[str, object] = {
        "op": write.operation,
        "type": write.address.type,
        "key": write.address.key,
        "idempotencyKey": write.key,
    }
    if write.operation != "delete":
        item["attributes"] = write.attributes
    if write.etag:
        item["ifMatch"] = write.etag
    if write.taken_from:
        item["takenFrom"] = write.taken_from
    return item


def _outcomes(part: Sequence[Write], page: object) -> list[Outcome]:
    items = page.get("items") if isinstance(page, dict) else None
    if not isinstance(items, list) or len(items) != len(part):
        return [Outcome(w.address, "unknown", "the marketplace did not answer for every row") for w in part]
    return [_outcome(write, item) for write, item in zip(part, items, strict=True)]


def _outcome(write: Write, item: Any) -> Outcome:
    status = item.get("status") if isinstance(item, dict) else None
    problem = item.get("problem") if isinstance(item, dict) else None
    if type(status) is not int or not (problem is None or isinstance(problem, dict)):
        return Outcome(write.address, "unknown", "the marketplace's answer for this row makes no sense")
    etag, id = item.get("etag"), item.get("id")
    return Outcome(
        write.address,
        _status(status),
        _words_of(problem),
        etag=etag if isinstance(etag, str) else "",
        remote_id=id if isinstance(id, str) else "",
    )


def _nonsense(what: str, detail: object) -> Incomplete:
    return Incomplete(
        f"{what} from the marketplace makes no sense ({one_line(str(detail), 200)})", hint=_FAULT
    )


def _status(code: int) -> Status:
    if code == 202:
        return "accepted"
    if 200 <= code < 300:
        return "observed"
    if code in (409, 412):
        return "conflict"
    return "rejected" if 400 <= code < 500 else "unknown"


def _json(answer: Response) -> Any:
    if memory_of(answer.body) > PAGE_MEMORY:
        raise Incomplete(
            f"the marketplace's answer takes more than {PAGE_MEMORY >> 20} MiB of memory", hint=_FAULT
        )
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise Incomplete(
            "the marketplace's answer is cut off or not JSON",
            hint="run again; nothing was concluded from this",
        ) from None


def _problem(answer: Response) -> str:
    problem: object = None
    if len(answer.body) <= MOST_WORDS:
        with suppress(orjson.JSONDecodeError):
            problem = orjson.loads(answer.body)
    return f"{answer.status} {_words_of(problem)}".strip()


def _words_of(problem: object) -> str:
    """What a problem says of itself: texts only, as anything else may be nested without end."""
    said = [problem.get(name) for name in ("title", "detail")] if isinstance(problem, dict) else []
    return ": ".join(one_line(text, 300) for text in said if isinstance(text, str) and text)
