"""The protocol over the retail network API. Comes in: settings and a transport. Goes out: snapshots and
outcomes. Caller: cli, conformance.

A read follows cursors of one snapshot to the end and counts: the number of resources must be the number that
the marketplace announced, each once, or the read is `Incomplete`. A write without an answer is looked up
under its idempotency key by sending it again, which the contract makes safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any, Final
from urllib.parse import quote

import orjson

from acorn_gitops.marketplaces.network.transport import NoAnswer, Response, Transport
from acorn_gitops.marketplaces.protocol import Management, Outcome, Scope, Settings, Snapshot, Status, Write
from acorn_gitops.model.finding import Incomplete, MarketplaceError, Unreachable
from acorn_gitops.model.resource import TYPES, Live

PAGE: Final = 5000
BATCH: Final = 500
ATTEMPTS: Final = 5
MAX_PAUSE: Final = 60.0


class NetworkMarketplace:
    """One connection to a retail network API."""

    def __init__(
        self, settings: Settings, transport: Transport, pause: Callable[[float], None] | None = None
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._pause = pause

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
        if not all(isinstance(name, str) for name in names):
            raise _nonsense("the list of stores", "a name that is no text")
        return sorted(names)

    def read(self, scope: Scope) -> Snapshot:
        """All resources of a store, of one moment."""
        resources: dict[tuple[str, str], Live] = {}
        base = f"/v1/stores/{quote(scope.store, safe='')}/resources?limit={PAGE}"
        path, moment, seen, cursors, version = base, "", 0, set[str](), ""
        while True:
            answer = self._ask("GET", path, missing_ok=True, known=scope.known if path == base else "")
            if answer.status == 404:
                return Snapshot(scope.store, False, {})
            if answer.status == 304:
                return Snapshot(scope.store, True, {}, scope.known, True)
            if path == base:
                version = answer.headers.get("etag", "").strip('"')
            page = _json(answer)
            try:
                items, total, following = page["items"], page["total"], page["next"]
                if moment and page["snapshot"] != moment:
                    raise Incomplete(
                        f"{scope.store}: the snapshot changed while it was read", hint="run again"
                    )
                moment = page["snapshot"]
                for item in items:
                    attributes, etag, id = item["attributes"], item["etag"], item.get("id", "")
                    type_, key = item["type"], item["key"]
                    if not (
                        type(attributes) is dict and type(etag) is type(id) is type(type_) is type(key) is str
                    ):
                        raise _nonsense(f"{scope.store}: a row", key)
                    resources[(type_, key)] = Live(attributes, etag, id)
            except (KeyError, TypeError, AttributeError) as error:
                raise _nonsense(f"{scope.store}: a page", error) from None
            if type(total) is not int or not (following is None or type(following) is str):
                raise _nonsense(f"{scope.store}: a page", "total or next")
            seen += len(items)
            if following is None:
                break
            if following in cursors:
                raise Incomplete(
                    f"{scope.store}: the marketplace repeats a page",
                    hint="this is a fault of the marketplace",
                )
            cursors.add(following)
            path = f"{base}&cursor={quote(following, safe='')}"
        if seen != total or len(resources) != total:
            raise Incomplete(
                f"{scope.store}: {len(resources)} of {total} resources were read",
                hint="run again; nothing was concluded from this",
            )
        return Snapshot(scope.store, True, resources, version)

    def validate(self, store: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Ask the marketplace what it would say."""
        return self._batches(store, writes, "?validate=true")

    def write(self, store: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Send in batches; a batch without an answer is sent again under the same keys."""
        return self._batches(store, writes, "")

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def _batches(self, store: str, writes: Sequence[Write], query: str) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for start in range(0, len(writes), BATCH):
            part = writes[start : start + BATCH]
            body = orjson.dumps({"items": [_item(w) for w in part]})
            path = f"/v1/stores/{quote(store, safe='')}/batch{query}"
            try:
                answer = self._ask("POST", path, body)
            except Unreachable as error:
                outcomes += [Outcome(w.address, "unknown", error.message) for w in part]
                outcomes += [
                    Outcome(w.address, "skipped", "the marketplace did not answer")
                    for w in writes[start + BATCH :]
                ]
                break
            except MarketplaceError as error:
                outcomes += [Outcome(w.address, "rejected", error.message) for w in part]
                continue
            outcomes += _outcomes(part, _json(answer))
        return outcomes

    def _ask(
        self, method: str, path: str, body: bytes = b"", *, missing_ok: bool = False, known: str = ""
    ) -> Response:
        """Send until there is an answer that says something. Every request here may be repeated: reads by
        nature, batches by their idempotency keys."""
        trouble = ""
        maybe_done = False
        headers = {"content-type": "application/json", **({"if-none-match": f'"{known}"'} if known else {})}
        for attempt in range(ATTEMPTS):
            wait = min(0.25 * 2**attempt, MAX_PAUSE)
            try:
                answer = self._transport.request(method, path, headers, body)
            except NoAnswer as error:
                trouble = f"no answer ({error})"
                maybe_done = True
            else:
                if answer.status == 304 and known:
                    return answer
                if answer.status < 400 or (answer.status == 404 and missing_ok):
                    if answer.headers.get("content-type", "").startswith(
                        ("application/json", "application/problem+json")
                    ):
                        return answer
                    trouble = f"answered {answer.status} with {answer.headers.get('content-type', 'no type')}, not JSON"
                    maybe_done = True
                elif answer.status == 429 or answer.status >= 500:
                    trouble = _problem(answer)
                    wait = _retry_after(answer, wait)
                    maybe_done = maybe_done or answer.status >= 500
                elif maybe_done and method != "GET":
                    # An earlier try may have had its effect: a refusal of the repetition does not undo it.
                    raise Unreachable(f"{self.name}: {trouble}, then {_problem(answer)}")
                elif answer.status in (401, 403):
                    raise MarketplaceError(
                        f"{self.name}: {_problem(answer)}", hint="check the connection's token"
                    )
                else:
                    raise MarketplaceError(f"{self.name}: {_problem(answer)}")
            if attempt + 1 < ATTEMPTS and self._pause is not None:
                self._pause(wait)
        raise Unreachable(
            f"{self.name}: {trouble}, {ATTEMPTS} times", hint="run again when the marketplace answers"
        )


def _item(write: Write) -> dict[str, Any]:
    item: dict[str, Any] = {
        "op": write.operation,
        "type": write.address.type,
        "key": write.address.key,
        "idempotencyKey": write.key,
    }
    if write.operation != "delete":
        item["attributes"] = write.attributes
    if write.etag:
        item["ifMatch"] = write.etag
    return item


def _outcomes(part: Sequence[Write], page: Any) -> list[Outcome]:
    items = page.get("items") if isinstance(page, dict) else None
    if not isinstance(items, list) or len(items) != len(part):
        return [Outcome(w.address, "unknown", "the marketplace did not answer for every row") for w in part]
    return [_outcome(write, item) for write, item in zip(part, items, strict=True)]


def _outcome(write: Write, item: Any) -> Outcome:
    status = item.get("status") if isinstance(item, dict) else None
    problem = item.get("problem") if isinstance(item, dict) else None
    if type(status) is not int or not (problem is None or isinstance(problem, dict)):
        return Outcome(write.address, "unknown", "the marketplace's answer for this row makes no sense")
    words = [str(problem[k]) for k in ("title", "detail") if problem.get(k)] if problem else []
    etag, id = item.get("etag"), item.get("id")
    return Outcome(
        write.address,
        _status(status),
        ": ".join(words),
        etag if isinstance(etag, str) else "",
        id if isinstance(id, str) else "",
    )


def _nonsense(what: str, detail: object) -> Incomplete:
    return Incomplete(
        f"{what} from the marketplace makes no sense ({detail})", hint="this is a fault of the marketplace"
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
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise Incomplete(
            "the marketplace's answer is cut off or not JSON",
            hint="run again; nothing was concluded from this",
        ) from None


def _retry_after(answer: Response, default: float) -> float:
    try:
        seconds = float(answer.headers["retry-after"])
    except (KeyError, ValueError):
        return default
    return min(max(seconds, 0.0), MAX_PAUSE) if not isnan(seconds) else default


def _problem(answer: Response) -> str:
    try:
        problem = orjson.loads(answer.body)
        words = ": ".join(str(problem[k]) for k in ("title", "detail") if problem.get(k))
    except (orjson.JSONDecodeError, TypeError, AttributeError):
        words = ""
    return f"{answer.status} {words}".strip()
