"""How requests travel. Comes in: a request. Goes out: a response, or `NoAnswer`. Callers: the adapter.

Two equals behind one method: HTTP (`http`) and an ASGI application in this process. The second drives the
application's coroutine by hand: the sandbox never waits for anything, so no event loop is needed, and
start-up stays fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from acorn_gitops.marketplaces.asgi import Application, Message, Scope


class Response(NamedTuple):
    """An HTTP response; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """The request may or may not have arrived: timeout, reset, broken response. `hopeless`: another try is in
    vain."""

    def __init__(self, message: str, *, hopeless: bool = False) -> None:
        super().__init__(message)
        self.hopeless = hopeless


class Transport(Protocol):
    """Carries one request."""

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Send and wait. NoAnswer when it cannot be known whether the request had its effect."""

    def close(self) -> None:
        """Let go of connections."""


FAILED: Final = "the sandbox cannot be used (`acorn sandbox reset` begins anew)"


class InProcess:
    """An ASGI application, called without a network."""

    def __init__(self, app: Application, closing: Callable[[], None] | None = None) -> None:
        self._app = app
        self._closing = closing

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Run the application to its end."""
        path, _, query = path.partition("?")
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "server": ("sandbox", 80),
            "client": ("127.0.0.1", 0),
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        running = self._app(scope, receive, send)
        try:
            running.send(None)
        except StopIteration:
            pass
        except ConnectionResetError as error:
            raise NoAnswer(str(error)) from None
        except Exception as error:  # noqa: BLE001 - as a server would: whatever happens in it, it only gives no answer
            raise NoAnswer(f"{FAILED}: {' '.join(str(error).split())[:200]}", hopeless=True) from None
        else:
            running.close()
            raise NoAnswer("the application waits for something that cannot happen in this process")
        if not sent or sent[0]["type"] != "http.response.start":
            raise NoAnswer("the application closed the connection without an answer")
        answer = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
        chunks = [message.get("body", b"") for message in sent[1:]]
        return Response(sent[0]["status"], answer, chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def close(self) -> None:
        """Close the application's store."""
        if self._closing is not None:
            self._closing()
