"""The HTTP face of the sandbox. Comes in: ASGI requests. Goes out: answers as the contract says. Callers:
`InProcess` transports, uvicorn (`acorn sandbox serve`).

Plain ASGI: eight routes do not need a framework whose import would cost more than a whole plan.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import sqlite3
from collections.abc import Callable, Coroutine
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote

import orjson

from acorn_gitops.marketplaces.asgi import Receive, Scope, Send
from acorn_gitops.marketplaces.network.contract import openapi
from acorn_gitops.model.resource import Attributes
from acorn_gitops.resources.registry import TYPES
from acorn_gitops.sandbox.database import Database
from acorn_gitops.sandbox.faults import Fault, for_request, for_rows
from acorn_gitops.sandbox.rules import Problem, Rules

MAX_BATCH: Final = 500
MAX_CLAIM: Final = 5000
MAX_BODY: Final = 32 * 1024 * 1024
MAX_NESTING = 64
_TITLES: Final = {
    400: "Bad request",
    401: "Unauthorized",
    404: "Not found",
    405: "Method not allowed",
    410: "Gone",
    412: "Precondition failed",
    413: "Too large",
    429: "Too many requests",
    503: "Unavailable",
}

Answer = tuple[int, dict[str, str], bytes]


class Refusal(Exception):
    """A request that is answered with a problem document."""

    def __init__(self, status: int, detail: str, title: str = "", kind: str = "") -> None:
        super().__init__(detail)
        self.answer = _problem(Problem(status, title or _TITLES.get(status, "Error"), detail), kind)


def _problem(problem: Problem, kind: str = "", **headers: str) -> Answer:
    body = orjson.dumps(
        {
            "type": f"urn:acorn:{kind}" if kind else "about:blank",
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
        }
    )
    return problem.status, {"content-type": "application/problem+json", **headers}, body


def _json(status: int, body: bytes, **headers: str) -> Answer:
    return status, {"content-type": "application/json", **headers}, body


class Sandbox:
    """An ASGI application over one database. `wait` is how `slow` waits, given by the server that can."""

    def __init__(
        self,
        database: Database,
        token: str = "",
        wait: Callable[[float], Coroutine[object, object, None]] | None = None,
    ) -> None:
        self.database = database
        self._token = token
        self._wait = wait

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body") or len(body) > MAX_BODY:
                break
        raw_path = scope.get("raw_path") or scope["path"].encode()
        path = raw_path.decode("latin-1").partition("?")[0]
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        fault = for_request(self.database, scope["method"], unquote(path))
        if fault is not None and fault.kind == "slow" and self._wait is not None:
            await self._wait(float(fault.detail.get("seconds", 1)))
        answer = self._meddled(fault)
        if answer is None:
            answer = self.handle(
                scope["method"], path, scope.get("query_string", b"").decode("latin-1"), headers, body
            )
            if fault is not None and fault.kind == "lost":
                # The answer begins and never ends: over HTTP too the client cannot know what happened.
                length = [(b"content-length", b"1000000")]
                await send({"type": "http.response.start", "status": 200, "headers": length})
                raise ConnectionResetError("the sandbox was told to lose this answer")
            answer = self._spoilt(answer, fault)
        status, answer_headers, content = answer
        answer_headers["content-length"] = str(len(content))
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(k.encode(), v.encode("latin-1", "replace")) for k, v in answer_headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": content if scope["method"] != "HEAD" else b""})

    @staticmethod
    def _meddled(fault: Fault | None) -> Answer | None:
        if fault is None:
            return None
        if fault.kind == "fail":
            return _problem(
                Problem(int(fault.detail.get("status", 503)), "Unavailable", "the sandbox was told to fail")
            )
        if fault.kind == "throttle":
            return _problem(
                Problem(429, "Too many requests", "the sandbox was told to throttle"),
                **{"retry-after": str(fault.detail.get("seconds", 1))},
            )
        if fault.kind == "html":
            return 200, {"content-type": "text/html"}, b"<html><body>Please sign in</body></html>"
        return None

    @staticmethod
    def _spoilt(answer: Answer, fault: Fault | None) -> Answer:
        if fault is None or answer[0] != 200:
            return answer
        if fault.kind == "truncate":
            return answer[0], answer[1], answer[2][: len(answer[2]) // 2]
        if fault.kind == "skip":
            page = orjson.loads(answer[2])
            if page.get("items"):
                page["items"].pop(len(page["items"]) // 2)
            return answer[0], answer[1], orjson.dumps(page)
        return answer

    def handle(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer one request."""
        try:
            if len(body) > MAX_BODY:
                raise Refusal(413, f"at most {MAX_BODY} bytes")
            if path == "/openapi.json" and method == "GET":
                return _json(200, orjson.dumps(openapi()))
            if self._token and not hmac.compare_digest(
                headers.get("authorization", "").encode(), f"Bearer {self._token}".encode()
            ):
                raise Refusal(401, "a valid bearer token is needed")
            return self._route(method, path, parse_qs(query, keep_blank_values=True), headers, body)
        except Refusal as refusal:
            return refusal.answer

    def _route(
        self, method: str, path: str, query: dict[str, list[str]], headers: dict[str, str], body: bytes
    ) -> Answer:
        parts = path.strip("/").split("/")
        if parts[:2] != ["v1", "stores"]:
            raise Refusal(404, f"there is no {path}")
        match parts[2:]:
            case []:
                self._only(method, "GET")
                stores = [{"store": s, "resources": n} for s, n in self.database.stores()]
                return _json(200, orjson.dumps({"stores": stores}))
            case [store, "resources"]:
                self._only(method, "GET")
                return self._page(_text(store), query, headers.get("if-none-match", ""))
            case [store, "resources", type, key] if type in TYPES:
                return self._resource(method, _text(store), type, _text(key), headers, body)
            case [store, "generations", owner]:
                return self._generation(method, _text(store), _text(owner), body)
            case [store, "owners", owner]:
                self._only(method, "POST")
                return self._claim(_text(store), _text(owner), body)
            case [store, "batch"]:
                self._only(method, "POST")
                return self._batch(_text(store), query.get("validate", [""])[0] == "true", body)
        raise Refusal(404, f"there is no {path}")

    @staticmethod
    def _only(method: str, *allowed: str) -> None:
        if method not in allowed:
            refusal = Refusal(405, f"use {' or '.join(allowed)}")
            refusal.answer[1]["allow"] = ", ".join(allowed)
            raise refusal

    def _page(self, store: str, query: dict[str, list[str]], known: str) -> Answer:
        for due_store, item in self.database.due():
            with self.database.transaction() as db:
                self._write(db, due_store, item, Rules(self.database, due_store), item.get("owner", ""))
        try:
            limit = int(query.get("limit", ["1000"])[0])
        except ValueError:
            raise Refusal(400, "limit must be a number") from None
        if not 1 <= limit <= 5000:
            raise Refusal(400, "limit must lie between 1 and 5000")
        type = query.get("type", [None])[0]
        if type is not None and type not in TYPES:
            raise Refusal(400, f"unknown type {type}")
        version = self.database.version(store)
        since = self.database.since(query["since"][0]) if "since" in query and type is None else None
        if "cursor" in query:
            at, total, after = _read_cursor(query["cursor"][0])
            if at < self.database.oldest() or at > self.database.revision():
                raise Refusal(410, "this snapshot is no longer kept")
        else:
            if known and known.strip('"') == version:
                return 304, {"etag": known}, b""
            at, after = self.database.revision(), ("", "")
            total = (
                self.database.count(store, type, at)
                if since is None
                else self.database.count_changed(store, since, at)
            )
        everything = total if type is None and since is None else self.database.count(store, None, at)
        if not everything:
            raise Refusal(404, f"there is no store {store}")
        if since is None:
            rows = self.database.page(store, type, at, after, limit + 1)
        else:
            rows = self.database.changed(store, since, at, after, limit + 1)
        following = orjson.dumps(_cursor(at, total, rows[limit - 1][:2])) if len(rows) > limit else b"null"
        items = b",".join([row[2] for row in rows[:limit]])
        body = b'{"items":[%b],"total":%d,"snapshot":"%d","next":%b' % (items, total, at, following)
        if since is not None:
            gone = [{"type": t, "key": k} for t, k in self.database.gone(store, since, at)]
            body += b',"since":%b,"all":%d,"gone":%b' % (
                orjson.dumps(query["since"][0]),
                everything,
                orjson.dumps(gone),
            )
        if "owner" in query and "cursor" not in query:
            number, head = self.database.generation(store, query["owner"][0])
            body += b',"owners":true,"generation":' + orjson.dumps({"number": number, "head": head})
        body += b"}"
        return _json(200, body, etag=f'"{version}"')

    def _resource(
        self, method: str, store: str, type: str, key: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        self._only(method, "GET", "PUT", "PATCH", "DELETE")
        if method == "GET":
            row = self.database.get(store, type, key)
            document = self.database.document(store, type, key)
            if row is None or document is None:
                raise Refusal(404, f"there is no {type} {key} in {store}")
            return _json(200, document, etag=f'"{row.etag}"')
        operation = {"PUT": "create", "PATCH": "update", "DELETE": "delete"}[method]
        item: Attributes = {
            "op": operation,
            "type": type,
            "key": key,
            "ifMatch": headers.get("if-match", "").strip('"'),
        }
        if operation != "delete":
            attributes = _body(body)
            if not isinstance(attributes, dict):
                raise Refusal(400, "the body must be an object of attributes")
            item["attributes"] = attributes
        if len(headers.get("idempotency-key", "")) > 100 or len(item["ifMatch"]) > 100:
            raise Refusal(400, "Idempotency-Key and If-Match have at most 100 characters")
        if "idempotency-key" in headers:
            item["idempotencyKey"] = headers["idempotency-key"]
        with self.database.transaction() as db:
            result = self._once(db, store, item, Rules(self.database, store))
        if "problem" in result:
            problem = result["problem"]
            return _problem(Problem(problem["status"], problem["title"], problem["detail"]))
        if operation == "delete":
            return 204, {}, b""
        document = self.database.document(store, type, key)
        if document is None:
            raise Refusal(409, f"this key made {type} {key}, which was deleted since")
        return _json(result["status"], document, etag=f'"{result.get("etag", "")}"')

    def _batch(self, store: str, validate: bool, body: bytes) -> Answer:
        request = _body(body)
        items = request.get("items") if isinstance(request, dict) else None
        if not isinstance(items, list) or not 1 <= len(items) <= MAX_BATCH or set(request) - _BATCH_FIELDS:
            raise Refusal(400, f"the body must be {{items: […]}} with 1 to {MAX_BATCH} rows")
        fence = _fence(request)
        for index, item in enumerate(items):
            _check_item(item, index)
        rules = Rules(self.database, store)
        results: list[dict[str, object]] = []
        faults = [] if validate else for_rows(self.database)
        try:
            with self.database.transaction() as db:
                moved = self._hold(store, fence, items)
                for item in items:
                    if moved and self.database.answered(item["idempotencyKey"]) is None:
                        results.append(
                            _failure(Problem(412, "Moved", "the store was changed since it was read"))
                        )
                        continue
                    results.append(
                        self._meddled_row(db, store, {**item, "owner": fence.owner}, faults)
                        or self._once(db, store, item, rules, fence.owner)
                    )
                if validate:
                    raise _Undo
        except _Undo:
            pass
        return _json(200, orjson.dumps({"items": results, "version": self.database.version(store)}))

    def _hold(self, store: str, fence: _Fence, items: list[Attributes]) -> bool:
        """Refusal of a batch that was made for another generation, or for the store as it was. Of a batch
        that is repeated, what was carried out already is answered again (the store may have moved by this
        very batch), and True says that no other row of it may be."""
        if fence.owner and self.database.generation(store, fence.owner)[0] != fence.number:
            raise Refusal(
                412, f"{fence.owner} is at another generation by now", "Another generation", kind="generation"
            )
        moved = bool(fence.version) and self.database.version(store) != fence.version
        if moved and all(self.database.answered(item["idempotencyKey"]) is None for item in items):
            raise Refusal(412, "the store was changed since it was read", "Moved", kind="version")
        return moved

    def _generation(self, method: str, store: str, owner: str, body: bytes) -> Answer:
        self._only(method, "GET", "PUT")
        if method == "PUT":
            given = _body(body)
            if not isinstance(given, dict) or set(given) != {"number", "head", "expected"}:
                raise Refusal(400, "the body must be {number, head, expected}")
            number, head, expected = given["number"], given["head"], given["expected"]
            if type(number) is not int or type(expected) is not int or not 0 <= expected < number < 1 << 53:
                raise Refusal(400, "number must be greater than expected, and both whole numbers")
            if not isinstance(head, str) or not 1 <= len(head) <= 100 or not head.isprintable():
                raise Refusal(400, "head must be text of at most 100 characters")
            with self.database.transaction() as db:
                if self.database.generation(store, owner)[0] != expected:
                    raise Refusal(
                        412,
                        f"{owner} is at another generation by now",
                        "Another generation",
                        kind="generation",
                    )
                self.database.advance(db, store, owner, number, head)
        number, head = self.database.generation(store, owner)
        return _json(200, orjson.dumps({"number": number, "head": head}))

    def _meddled_row(
        self, db: sqlite3.Connection, store: str, item: Attributes, faults: list[Fault]
    ) -> dict[str, object] | None:
        for fault in faults:
            if fnmatchcase(f"{store}/{item['type']}/{item['key']}", fault.pattern):
                if not any(f[0] == fault.id for f in self.database.faults()):
                    continue
                self.database.use_fault(fault.id)
                if fault.kind == "reject":
                    return _failure(
                        Problem(
                            422,
                            "Refused",
                            str(fault.detail.get("why", "the sandbox was told to refuse this")),
                        )
                    )
                self.database.delay(db, int(fault.detail.get("reads", 0)), store, item)
                return {"status": 202}
        return None

    def _once(
        self, db: sqlite3.Connection, store: str, item: Attributes, rules: Rules, owner: str = ""
    ) -> Attributes:
        """A write under its idempotency key: the same request again gets the same answer and no effect."""
        key = item.get("idempotencyKey")
        if not key:
            return self._write(db, store, item, rules, owner)
        request = hashlib.sha256(orjson.dumps([store, item], option=orjson.OPT_SORT_KEYS)).hexdigest()
        known = self.database.answered(key)
        if known is not None:
            if known[0] != request:
                return _failure(Problem(409, "Key used", "this idempotency key was used for another request"))
            stored: dict[str, object] = orjson.loads(known[1])
            return stored
        result = self._write(db, store, item, rules, owner)
        if "problem" not in result:
            self.database.remember(db, key, request, orjson.dumps(result))
        return result

    def _claim(self, store: str, owner: str, body: bytes) -> Answer:
        request = _body(body)
        items = request.get("items") if isinstance(request, dict) else None
        if not isinstance(items, list) or not 1 <= len(items) <= MAX_CLAIM or set(request) != {"items"}:
            raise Refusal(400, f"the body must be {{items: […]}} with 1 to {MAX_CLAIM} rows")
        if not owner or len(owner) > 200 or not owner.isprintable():
            raise Refusal(400, "an owner must be text of at most 200 characters")
        for index, item in enumerate(items):
            _check_claimed(item, index)
        owners: list[str | None] = []
        with self.database.transaction() as db:
            revision = 0
            for item in items:
                type, key = item["type"], item["key"]
                row = self.database.get(store, type, key)
                if row is not None and not row.owner:
                    revision = revision or self.database.next_revision(db, store)
                    self.database.put(
                        db, revision, store, type, key, row.attributes, row.id, owner=owner, etag=row.etag
                    )
                owners.append((row.owner or owner) if row is not None else None)
        return _json(200, orjson.dumps({"owners": owners}))

    def _write(
        self, db: sqlite3.Connection, store: str, item: Attributes, rules: Rules, owner: str = ""
    ) -> dict[str, object]:
        operation, type, key = item["op"], item["type"], item["key"]
        current = self.database.get(store, type, key)
        if operation == "create" and current is not None:
            return _failure(Problem(409, "Exists", f"{type} {key} exists already in {store}"))
        if operation != "create" and current is None:
            return _failure(Problem(404, "Not found", f"there is no {type} {key} in {store}"))
        expected = item.get("ifMatch")
        if expected and current is not None and expected != current.etag:
            return _failure(Problem(412, "Moved", f"{type} {key} was changed since it was read"))
        whose = current.owner if current is not None else ""
        if owner and whose and whose not in (owner, item.get("takenFrom")):
            return _failure(Problem(409, "Owned", f"{type} {key} belongs to {whose}"))
        problem = rules.refuses(operation, type, key, item.get("attributes"), current)
        if problem is not None:
            return _failure(problem)
        revision = self.database.next_revision(db, store)
        if operation == "delete":
            self.database.end(db, revision, store, type, key)
            rules.wrote(operation, type, key)
            return {"status": 204}
        id = current.id if current is not None else self.database.new_id(db)
        attributes = {**(current.attributes if current is not None else {}), **item["attributes"]}
        etag = self.database.put(db, revision, store, type, key, attributes, id, owner=owner)
        rules.wrote(operation, type, key)
        return {"status": 201 if operation == "create" else 200, "etag": etag, "id": id}


class _Undo(Exception):
    pass


class _Fence(NamedTuple):
    """For which generation of whom, and for which version of the store, a batch was made; empty where it does
    not say."""

    owner: str
    number: int
    version: str


_BATCH_FIELDS: Final = frozenset({"items", "owner", "generation", "ifVersion"})


def _fence(request: Attributes) -> _Fence:
    owner, number, version = request.get("owner"), request.get("generation"), request.get("ifVersion")
    if (owner is None) != (number is None):
        raise Refusal(400, "owner and generation belong together")
    if owner is not None and (not isinstance(owner, str) or not owner or type(number) is not int):
        raise Refusal(400, "owner must be text, and generation a whole number")
    if version is not None and not isinstance(version, str):
        raise Refusal(400, "ifVersion must be text")
    return _Fence(owner or "", number or 0, version or "")


def _failure(problem: Problem) -> dict[str, object]:
    return {
        "status": problem.status,
        "problem": {"title": problem.title, "status": problem.status, "detail": problem.detail},
    }


def _text(part: str) -> str:
    try:
        text = unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise Refusal(400, "the path is not UTF-8") from None
    if not text or len(text) > 400 or any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise Refusal(404, "no such name")
    return text


def _body(body: bytes) -> Any:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    if _too_deep(content):
        raise Refusal(400, f"the body is nested more than {MAX_NESTING} deep")
    return content


def _too_deep(content: object) -> bool:
    level = [content]
    for _ in range(MAX_NESTING):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _check_item(item: object, index: int) -> None:
    if (
        not isinstance(item, dict)
        or item.get("op") not in ("create", "update", "delete")
        or not isinstance(item.get("type"), str)
        or item["type"] not in TYPES
    ):
        raise Refusal(400, f"items[{index}] needs op and type")
    if set(item) - {"op", "type", "key", "attributes", "ifMatch", "idempotencyKey", "takenFrom"}:
        raise Refusal(400, f"items[{index}] has unknown fields")
    for name, needed, most in (
        ("key", True, 400),
        ("idempotencyKey", True, 100),
        ("ifMatch", False, 100),
        ("takenFrom", False, 200),
    ):
        value = item.get(name)
        if (value is None and needed) or (
            value is not None and (not isinstance(value, str) or not 1 <= len(value) <= most)
        ):
            raise Refusal(400, f"items[{index}].{name} must be text of at most {most} characters")
    if any(ord(c) < 32 or ord(c) == 127 for c in item["key"]):
        raise Refusal(400, f"items[{index}].key holds a control character")
    if not isinstance(item.get("attributes", {}), dict):
        raise Refusal(400, f"items[{index}].attributes must be an object")


def _check_claimed(item: object, index: int) -> None:
    if not isinstance(item, dict) or set(item) != {"type", "key"} or item["type"] not in [*TYPES]:
        raise Refusal(400, f"items[{index}] must be {{type, key}}")
    if not isinstance(item["key"], str) or not 1 <= len(item["key"]) <= 400:
        raise Refusal(400, f"items[{index}].key must be text of at most 400 characters")


def _cursor(at: int, total: int, position: tuple[str, ...]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([at, total, *position])).decode()


def _read_cursor(text: str) -> tuple[int, int, tuple[str, str]]:
    try:
        at, total, type, key = orjson.loads(base64.urlsafe_b64decode(text.encode()))
        if type.__class__ is str and key.__class__ is str and at.__class__ is int and total.__class__ is int:
            return at, total, (type, key)
    except (ValueError, TypeError):
        pass
    raise Refusal(400, "this cursor is not one of ours")
