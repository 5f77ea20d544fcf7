"""The HTTP face of the emulator. Comes in: ASGI requests. Goes out: answers as the models have them. Callers:
`InProcess` transports, uvicorn.

Before an operation come, in this order: who asks (403), how often (429), what shall go wrong. Plain ASGI, as
the embedded marketplace beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final
from urllib.parse import parse_qsl, unquote

from acorn_gitops.marketplaces.asgi import Message, Receive, Scope, Send
from acorn_gitops.sandbox.amazon import (
    definitions,
    documents,
    feeds,
    inventory,
    listings,
    login,
    notifications,
    pricing,
    promotions,
    reports,
    restrictions,
    schedules,
    sellers,
    supply_sources,
)
from acorn_gitops.sandbox.amazon.call import Call, Operation, Refused, written
from acorn_gitops.sandbox.amazon.control import ROOT, Control
from acorn_gitops.sandbox.amazon.modelled import Models
from acorn_gitops.sandbox.amazon.throttle import Throttle
from acorn_gitops.sandbox.amazon.world import Account, World

OPERATIONS: Final = (
    *sellers.OPERATIONS,
    *supply_sources.OPERATIONS,
    *listings.OPERATIONS,
    *definitions.OPERATIONS,
    *feeds.OPERATIONS,
    *reports.OPERATIONS,
    *schedules.OPERATIONS,
    *restrictions.OPERATIONS,
    *inventory.OPERATIONS,
    *pricing.OPERATIONS,
    *promotions.OPERATIONS,
    *notifications.OPERATIONS,
)
MOST_BODY: Final = 64 << 20

Response = tuple[int, dict[str, str], bytes]


class Emulator:
    """An ASGI application over one world. `models`: official models from which it answers instead of from the
    world: as the static sandbox does, or (`ordered`) as it is told by `POST /response/API-OPERATION/code/N`,
    and then to whomever."""

    def __init__(
        self,
        world: World,
        advance: Callable[[float], None] | None = None,
        *,
        models: Models | None = None,
        ordered: bool = False,
    ) -> None:
        self.world = world
        self._models, self._ordered = models, ordered
        self._order: tuple[str, int] | None = None
        """The operation and the status with which every request is answered, once somebody said so."""
        self.tokens = login.Tokens(world, anybody=ordered)
        self.control = Control(world, advance)
        self._throttle = Throttle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more and len(body) <= MOST_BODY:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        answer, fault = self.handle(scope["method"], path, query, headers=headers, body=body)
        status, said, content = answer
        if fault in ("lost", "truncate"):
            # The length is promised and does not come: whoever waits knows that there was an answer, or none.
            await send(_start(200, {"content-length": "1000000"} if fault == "lost" else said, len(content)))
            if fault == "truncate":
                half = content[: len(content) // 2]
                await send({"type": "http.response.body", "body": half, "more_body": True})
            raise ConnectionResetError("the emulator was told to lose this answer")
        await send(_start(status, said, len(content)))
        await send({"type": "http.response.body", "body": content})

    def handle(
        self, method: str, path: str, query: str, *, headers: Mapping[str, str], body: bytes
    ) -> tuple[Response, str]:
        """One request: the answer, and what shall become of it on its way (`lost`, `truncate`, or
        nothing)."""
        self.world.settle()
        if path == login.PATH and method == "POST":
            status, said = self.tokens.answer(_form(body))
            return self._json(status, said), ""
        if path.startswith(documents.ROOT):
            kind = headers.get("content-type", "")
            status, type, content = self.world.documents.answer(
                method, path.removeprefix(documents.ROOT), kind, body
            )
            return (status, {"content-type": type}, content), ""
        try:
            if path.startswith(ROOT):
                return self._json(200, self.control.answer(path.removeprefix(ROOT), _body(body))), ""
            if self._models is not None:
                made = self._from_models(self._models, method, path, query, headers=headers, body=body)
                return made, ""
            return self._operation(method, path, query, headers=headers, body=body)
        except Refused as error:
            return self._refused(error), ""

    def _from_models(
        self, models: Models, method: str, path: str, query: str, *, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """An answer as the models have it."""
        if not self._ordered:
            self._account(headers)
            return self._json(*models.static(method, path, _query(query), _body(body)))
        order = _ORDERED.fullmatch(path)
        if order is not None and method == "POST":
            self._order = order["operation"], int(order["status"])
            return self._json(204, None)
        if self._order is None:
            raise Refused(
                400, "InvalidInput", "Say first what to answer: POST /response/API-OPERATION/code/N"
            )
        return self._json(*models.ordered(*self._order))

    def _account(self, headers: Mapping[str, str], *, grantless: bool = False) -> Account:
        token = headers.get("x-amz-access-token", "")
        if grantless and self.tokens.is_an_applications(token):
            return Account("", "", "")
        account = self.tokens.account(token) if not grantless else None
        if account is None:
            raise Refused(403, "Unauthorized", "Access to requested resource is denied.", details=_EXPIRED)
        return account

    def _operation(
        self, method: str, path: str, query: str, *, headers: Mapping[str, str], body: bytes
    ) -> tuple[Response, str]:
        operation, parameters = _routed(method, path)
        account = self._account(headers, grantless=operation.grantless)
        world = self.world
        world.requests[operation.name] = world.requests.get(operation.name, 0) + 1
        habits, fault = world.habits, world.fault(operation.name)
        hasty = habits.throttled and not self._throttle.admits(
            account.seller_id, operation, world.now(), habits.scale
        )
        if hasty or fault == "throttle":
            world.throttled[operation.name] = world.throttled.get(operation.name, 0) + 1
            return self._hasty(), ""
        if fault == "fail":
            raise Refused(500, "InternalFailure", "We encountered an internal error. Please try again.")
        if fault == "html":
            return (503, {"content-type": "text/html"}, b"<html><body>Service Unavailable</body></html>"), ""
        base = f"http://{headers.get('host', 'localhost')}"
        call = Call(world, account, parameters, query=_query(query), base=base, body=_body(body), fault=fault)
        try:
            answer = operation.handle(call)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            # Of another shape than the model says: the real one would answer so, too.
            raise Refused(
                400, "InvalidInput", f"The request is not as the model says ({type(error).__name__})."
            ) from None
        response = self._json(answer.status, answer.body, rate=operation.rate)
        return response, fault

    def _json(self, status: int, body: object, rate: float | None = None) -> Response:
        said = {"content-type": "application/json", "x-amzn-requestid": self.world.id()}
        if rate is not None:
            said["x-amzn-ratelimit-limit"] = format(Decimal(str(rate)).normalize(), "f")
        return status, said, b"" if body is None else written(body)

    def _refused(self, error: Refused) -> Response:
        body = {"code": error.code, "message": error.message, "details": error.details}
        return self._json(error.status, {"errors": [body]})

    def _hasty(self) -> Response:
        words = "You exceeded your quota for the requested resource."
        body = {"errors": [{"code": "QuotaExceeded", "message": words, "details": ""}]}
        status, said, content = self._json(429, body)
        return status, {**said, "x-amzn-errortype": "TooManyRequestsException"}, content


_EXPIRED: Final = "The access token you provided has expired."


def _start(status: int, headers: Mapping[str, str], length: int) -> Message:
    said = {"content-length": str(length), **headers}
    if status == 204:
        said.pop("content-length")
    pairs = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in said.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


_ORDERED: Final = re.compile(r"/response/(?:[^/]*-)?(?P<operation>[^/-]+)/code/(?P<status>[1-5][0-9]{2})")


def _form(body: bytes) -> dict[str, str]:
    """What is asked of the login: as a form, or as JSON, which the real one takes as well."""
    if body.lstrip()[:1] == b"{":
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return {}
        return {name: value for name, value in said.items() if isinstance(value, str)}
    return dict(parse_qsl(body.decode("latin-1")))


def _query(text: str) -> dict[str, str]:
    """By name; of what is given twice, the values joined with commas."""
    given: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        given[name] = f"{given[name]},{value}" if name in given else value
    return given


def _body(content: bytes) -> object:
    if not content.strip():
        return None
    try:
        found = json.loads(content, parse_float=_amount, parse_int=_amount_or_int)
        written(found)  # what cannot be told again is not kept
        return found
    except (ValueError, RecursionError, TypeError):
        raise Refused(400, "InvalidInput", "The request body is not valid JSON.") from None


def _amount(text: str) -> Decimal:
    """A number that somebody can mean; ValueError for any other."""
    found = Decimal(text)
    if not found.is_finite() or abs(found.adjusted()) > 30 or len(text) > 60:
        raise ValueError("a number without measure")
    return found


def _amount_or_int(text: str) -> int | Decimal:
    found = int(_amount(text))
    return found if -(1 << 63) <= found < 1 << 63 else Decimal(found)


def _routed(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The operation of a path and its parameters, each decoded by itself: a SKU may hold a slash."""
    parts = path.strip("/").split("/")
    there = False
    for operation in OPERATIONS:
        pattern = operation.path.strip("/").split("/")
        if len(pattern) != len(parts):
            continue
        pairs = list(zip(pattern, parts, strict=True))
        if all(p == part for p, part in pairs if not p.startswith("{")):
            there = True
            if operation.method == method:
                return operation, {p[1:-1]: unquote(part) for p, part in pairs if p.startswith("{")}
    if there:
        raise Refused(405, "MethodNotAllowed", f"{method} is not allowed here.")
    raise Refused(404, "NotFound", "The resource does not exist.")
