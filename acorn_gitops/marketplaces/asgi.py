"""What servers and applications say to each other: the part of ASGI 3 (HTTP) that acorn's servers use.
Callers: the sandboxes, and the server of `acorn watch`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TypedDict


class Scope(TypedDict, total=False):
    """A request without its body. Names of headers are lower case; both are latin-1."""

    type: str
    asgi: dict[str, str]
    http_version: str
    scheme: str
    server: tuple[str, int]
    client: tuple[str, int]
    method: str
    path: str
    raw_path: bytes
    query_string: bytes
    headers: Iterable[tuple[bytes, bytes]]


class Message(TypedDict, total=False):
    """A part of a request's body, or of an answer."""

    type: str
    body: bytes
    more_body: bool
    status: int
    headers: Iterable[tuple[bytes, bytes]]


Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Coroutine[object, object, None]]
