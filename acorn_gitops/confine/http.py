"""Talks to servers that may be hostile. Comes in: an address, a request. Goes out: an answer of bounded size,
time and ratio, in which the secrets that were sent are not repeated; or an error that says whether another
try makes sense. Callers: adapters.

Redirects are not followed: an answer from elsewhere was not asked for, and credentials are for one host.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import httpx2

from acorn_gitops.confine.text import Redacted

BODY: Final = 128 << 20
"""Bytes of an answer, unpacked."""
RATIO: Final = 200
"""How often larger than it travelled an answer may be, from a MiB on; JSON is packed thirty times at best."""
GRACE: Final = 10.0
"""Seconds after its first byte in which an answer may come at any pace."""
PACE: Final = 10_000
"""Bytes a second that it must have come at after that, on average."""
PIECE: Final = 16_384
"""Bytes that are sent at once: between two pieces the pace is looked at."""
ANSWER: Final = 120.0
"""Seconds that an answer may take from its first byte to its last."""


class Answer(NamedTuple):
    """An HTTP response; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """The request may or may not have arrived: timeout, reset, broken response."""


class NotSent(NoAnswer):
    """The server could not be connected to: nothing has arrived."""


class Hopeless(NoAnswer):
    """The same, and another try would not end better: the server does not keep within bounds."""


class _Crawl(Exception):
    """An answer that comes too slowly, or does not end."""


class _Metered:
    """A connection that is read within bounds of time; everything that is sent begins a new answer."""

    def __init__(self, stream: Any, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._first: float | None = None
        self._bytes = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As the stream's own; _Crawl when the answer takes too long."""
        if self._first is not None:
            spent = self._clock() - self._first
            if spent > ANSWER or (spent > GRACE and self._bytes < spent * PACE):
                raise _Crawl(f"{self._bytes:,} bytes in {spent:.0f} seconds")
        data: bytes = self._stream.read(max_bytes, timeout)
        if self._first is None:
            self._first = self._clock()
        self._bytes += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As the stream's own, piece by piece; _Crawl when they are taken too slowly."""
        self._first, self._bytes = None, 0
        began = self._clock()
        for start in range(0, len(buffer), PIECE):
            spent = self._clock() - began
            if spent > ANSWER or (spent > GRACE and start < spent * PACE):
                raise _Crawl(f"{start:,} bytes were taken in {spent:.0f} seconds")
            self._stream.write(buffer[start : start + PIECE], timeout)

    def start_tls(self, *arguments: object, **named: object) -> object:
        """As the stream's own; what follows is metered, too."""
        return _Metered(self._stream.start_tls(*arguments, **named), self._clock)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


class _Backend:
    """Opens metered connections."""

    def __init__(self, backend: Any, clock: Callable[[], float]) -> None:
        self._backend = backend
        self._clock = clock

    def connect_tcp(self, *arguments: object, **named: object) -> object:
        """As the backend's own."""
        return _Metered(self._backend.connect_tcp(*arguments, **named), self._clock)

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that certificates are checked against, read once: a set of them takes a megabyte."""
    return httpx2.create_ssl_context()


class Client:
    """A pooled client for one marketplace. Safe to use from several threads."""

    def __init__(
        self,
        headers: Mapping[str, str],
        secrets: Iterable[str],
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = httpx2.Client(
            headers=dict(headers), timeout=timeout, follow_redirects=False, verify=_trusted()
        )
        # No public option of the library reaches the connections of its pools, proxies of the environment
        # among them.
        for transport in (self._client._transport, *self._client._mounts.values()):
            if transport is not None:
                pool = transport._pool  # type: ignore[attr-defined]
                pool._network_backend = _Backend(pool._network_backend, clock)
        self._redacted = Redacted(secrets)

    def hide(self, secret: str) -> None:
        """A further secret that answers are not to repeat: a session that the server opened."""
        self._redacted = self._redacted.also(secret)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Send once. NoAnswer where there is none; Hopeless where trying again is in vain."""
        try:
            return self._once(method, url, headers, body)
        except _Crawl as error:
            raise Hopeless(f"the answer does not come to an end ({error})") from None
        except httpx2.HTTPError as error:
            # Only the kind: the words of some errors repeat the request's headers, and so the token.
            kind = NotSent if isinstance(error, httpx2.ConnectError) else NoAnswer
            raise kind(f"{type(error).__name__} from {_host(url)}") from None
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            raise Hopeless(f"{_host(url)} cannot be asked: {type(error).__name__}") from None

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        with self._client.stream(method, url, headers=dict(headers), content=body) as answer:
            whole = bytearray()
            if "," in answer.headers.get("content-encoding", ""):
                # Of blocks that hold nothing, packed four times over, a few thousand bytes are hours of work.
                raise _Crawl("it is packed more than once")
            for part in answer.iter_bytes():
                whole += part
                size = len(whole)
                travelled = answer.num_bytes_downloaded
                if size > BODY:
                    raise _Crawl(f"more than {BODY >> 20} MiB")
                if size > 1 << 20 and size > travelled * RATIO:
                    raise _Crawl(f"{size:,} bytes out of {travelled:,}")
            said = {k.lower(): self._redacted.text(v) for k, v in answer.headers.items()}
            return Answer(answer.status_code, said, self._redacted.content(bytes(whole)))

    def close(self) -> None:
        """Close the pool."""
        self._client.close()


def header(secret: str) -> bool:
    """Whether a secret can stand in a header at all."""
    return secret.isascii() and secret.isprintable()


def _host(url: str) -> str:
    try:
        return httpx2.URL(url).host or "the address"
    except httpx2.InvalidURL:
        return "the address"
