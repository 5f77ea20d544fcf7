"""A real HTTP server that answers as a test says, and remembers who asked."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple

STOREFRONT = {
    "type": "storefront", "key": "amz-de", "id": "r1", "etag": "e1",
    "attributes": {"platform": "network", "currency": "EUR", "timezone": "Europe/Berlin"},
}  # fmt: skip


def listing(key: str = "KTL-17-BLK", **attributes: Any) -> dict[str, Any]:
    """A listing as the retail network API shows it."""
    price = {"currency": "EUR", "value": "49.99"}
    return {
        "type": "listing", "key": key, "id": "r3", "etag": "e3",
        "attributes": {"sku": key, "price": price, "status": "active", **attributes},
    }  # fmt: skip


def page(*items: Any, **more: Any) -> dict[str, Any]:
    """The only page of a store."""
    return {"items": list(items), "total": len(items), "snapshot": "1", "next": None, **more}


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    authorization: str
    body: bytes


class Exchange:
    """What a behaviour may do with one request."""

    def __init__(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        self.handler = handler
        self.asked = asked

    def answer(self, content: Any, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        """Send an answer: bytes as they are, all else as JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.handler.send_response(status)
        self.handler.send_header("content-type", kind)
        self.handler.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def raw(self, content: bytes) -> None:
        """Write bytes to the connection."""
        self.handler.wfile.write(content)
        self.handler.wfile.flush()


Behaviour = Callable[[Exchange], None]


def empty(exchange: Exchange) -> None:
    """A store that is not there."""
    exchange.answer({"title": "Not found"}, 404, "application/problem+json")


class Server:
    """Listens while the `with` block runs."""

    def __init__(self, behave: Behaviour = empty) -> None:
        self.behave = behave
        self.asked: list[Asked] = []

    def __enter__(self) -> Server:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                asked = Asked(self.command, self.path, self.headers.get("authorization") or "", body)
                outer.asked.append(asked)
                try:
                    outer.behave(Exchange(self, asked))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_POST = do_PUT = do_PATCH = do_GET

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # the client hung up, which is what it should do

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class Answered(NamedTuple):
    """What an upstream server answered."""

    status: int
    headers: dict[str, str]
    body: bytes


def upstream(url: str, exchange: Exchange) -> Answered:
    """Ask the real server the same."""
    names = ("content-type", "if-none-match", "authorization")
    headers = {name: value for name in names if (value := exchange.handler.headers.get(name))}
    asked = exchange.asked
    request = urllib.request.Request(url + asked.path, asked.body or None, headers, method=asked.method)
    try:
        with urllib.request.urlopen(request) as answer:
            return Answered(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    except urllib.error.HTTPError as error:
        return Answered(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def between(
    url: str,
    meddle: Callable[[Exchange], Answered | None],
    spoil: Callable[[Answered], Answered] | None = None,
) -> Behaviour:
    """A proxy before a real marketplace. `meddle` may answer in its place; `spoil` may change what it answered."""

    def behave(exchange: Exchange) -> None:
        answer = meddle(exchange)
        if answer is None:
            answer = upstream(url, exchange)
            answer = spoil(answer) if spoil is not None else answer
        etag = {"ETag": answer.headers["etag"]} if "etag" in answer.headers else {}
        exchange.answer(answer.body, answer.status, answer.headers.get("content-type", "text/html"), **etag)

    return behave
