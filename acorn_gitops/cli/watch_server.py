"""What a watcher says of itself over HTTP, and how it is woken. Comes in: requests, a board that the watcher
writes on. Goes out: answers. Caller: cli `watch`.

- `/healthz`: 200 while the watcher goes on, 503 where it is overdue. For whoever starts it anew.
- `/readyz`: 200 where the last turn ended well, 503 otherwise. For whoever is to be told.
- `/metrics`: the same in numbers, for Prometheus.
- `POST /hook`: a forge says that something was pushed. Only its signature is looked at.

Signatures: GitHub's `X-Hub-Signature-256`, Gitea's and Forgejo's `X-Gitea-Signature` (HMAC-SHA256 of the
body, in hex), and GitLab's `X-Gitlab-Token`, which is the secret itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import orjson

from acorn_gitops.marketplaces.asgi import Receive, Scope, Send
from acorn_gitops.model.finding import AcornError, Misused
from acorn_gitops.report import metrics

if TYPE_CHECKING:
    from uvicorn import Server

    from acorn_gitops.reconcile.watching import Turn

MOST: Final = 25 << 20
"""Bytes of a hook; GitHub sends no more. None of them is kept."""
MOST_AT_ONCE: Final = 64
"""Connections: each takes a file descriptor, and the watcher works with the same. For one more the oldest is
closed, so that whoever asks for its health is heard."""
HOOK: Final = 10.0
"""Seconds that a hook may take to arrive."""
LIVES: Final = 15.0
"""Seconds that a connection is open, whatever is said on it: every answer is short, and takes none."""
GRACE: Final = 60.0
"""Seconds after which a look that was due counts as overdue."""
STARTS: Final = 10.0
"""Seconds in which a server is up, or never."""


class Board:
    """What is known of a watcher; written by it, read by the server's thread. `wake` is set by a hook."""

    def __init__(
        self, environment: str, *, wake: threading.Event, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self.wake = wake
        self._environment = environment
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._busy = True
        self._due = 0.0
        self._last: Turn | None = None
        self._turns = 0

    def begin(self) -> None:
        """A look begins."""
        with self._lock:
            self._busy = True

    def end(self, turn: Turn | None, *, next_in: float) -> None:
        """A look ended, with a turn or with nothing to do; the next one is due in so many seconds."""
        with self._lock:
            self._busy = False
            self._due = self._elapsed() + next_in
            if turn is not None:
                self._last = turn
                self._turns += 1

    def live(self) -> bool:
        """Whether the watcher goes on."""
        with self._lock:
            return self._busy or self._elapsed() < self._due + GRACE

    def ready(self) -> bool:
        """Whether a turn was taken, and the last one ended well; drift is no failure of the watcher's."""
        with self._lock:
            return self._last is not None and self._last.code in (0, 2)

    def words(self) -> dict[str, object]:
        """The state as JSON; no value of a store or a spec is in it."""
        with self._lock:
            last = self._last
            told: dict[str, object] = {"busy": self._busy, "turns": self._turns}
            if last is not None:
                told |= {
                    "at": f"{last.at:%Y-%m-%dT%H:%M:%SZ}",
                    "cause": last.cause,
                    "commit": last.commit,
                    "exit_code": last.code,
                }
            return told

    def samples(self) -> list[metrics.Sample]:
        """The state as numbers."""
        with self._lock:
            last = self._last
        if last is None:
            return []
        plan = last.planned or (last.applied.plan if last.applied is not None else None)
        environment = plan.environment if plan is not None else self._environment
        found = metrics.of_run("watch", environment, code=last.code, ended=round(last.at.timestamp()))
        if plan is not None:
            found += metrics.of_plan(plan)
        if last.drifted is not None:
            found += [one for one in metrics.of_drift(last.drifted) if one.name != "acorn_stores_unread"]
        return found


def is_signed(headers: Mapping[str, str], expected: str, secret: str) -> bool:
    """Whether a forge that knows the secret sent a body whose HMAC is `expected` (hex)."""
    given = (
        (headers.get("x-hub-signature-256", "").removeprefix("sha256="), expected),
        (headers.get("x-gitea-signature", ""), expected),
        (headers.get("x-gitlab-token", ""), secret),
    )
    return any(
        hmac.compare_digest(one.encode("latin-1", "replace"), other.encode()) for one, other in given if one
    )


class Answers:
    """The four addresses, as an ASGI application. Without a secret there is no hook."""

    def __init__(self, board: Board, secret: str) -> None:
        self._board, self._secret = board, secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        status, kind, body = await self._answer(scope, receive)
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str, bytes]:
        path, method = scope["path"], scope["method"]
        if path == "/hook" and self._secret:
            return await self._hook(scope, receive)
        if method not in ("GET", "HEAD"):
            return 405, "text/plain", b"read only\n"
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4", metrics.text(self._board.samples()).encode()
        fine = {"/healthz": self._board.live, "/readyz": self._board.ready}.get(path)
        if fine is None:
            return 404, "text/plain", b"/healthz, /readyz, /metrics\n"
        good = fine()
        told = {"ok": good, **self._board.words()}
        return 200 if good else 503, "application/json", orjson.dumps(told) + b"\n"

    async def _hook(self, scope: Scope, receive: Receive) -> tuple[int, str, bytes]:
        if scope["method"] != "POST":
            return 405, "text/plain", b"POST\n"
        seen, length = hmac.new(self._secret.encode(), digestmod=hashlib.sha256), 0
        try:
            async with asyncio.timeout(HOOK):
                while True:
                    part = await receive()
                    if part["type"] != "http.request":
                        return 400, "text/plain", b"gone\n"
                    seen.update(part.get("body", b""))
                    length += len(part.get("body", b""))
                    if length > MOST:
                        return 413, "text/plain", b"too much\n"
                    if not part.get("more_body"):
                        break
        except TimeoutError:
            return 408, "text/plain", b"too slow\n"
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        if not is_signed(headers, seen.hexdigest(), self._secret):
            return 401, "text/plain", b"not signed with ACORN_WATCH_SECRET\n"
        self._board.wake.set()
        return 202, "text/plain", b"woken\n"


@contextlib.contextmanager
def served(listen: str | None, board: Board, secret: str) -> Iterator[None]:
    """The server, in a thread of its own, while something else goes on; nothing where nobody listens.
    AcornError where it cannot listen."""
    if listen is None:
        yield
        return
    host, port = _place(listen)
    try:
        import uvicorn
    except ImportError:
        raise AcornError("the server is not installed", hint="pip install 'acorn-gitops[serve]'") from None
    config = uvicorn.Config(
        Answers(board, secret),
        host=host,
        port=port,
        log_level="critical",
        lifespan="off",
        http=_short_lived(),
        ws="none",
        backlog=MOST_AT_ONCE,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=_run, args=(server,), name="acorn watch server", daemon=True)
    thread.start()
    until = time.monotonic() + STARTS
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
    if not server.started:
        raise AcornError(f"nothing can listen on {listen}", hint="choose another --listen HOST:PORT")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(STARTS)


def _short_lived() -> type[asyncio.Protocol]:
    """HTTP on connections of which there are not many, and none for long: whoever can reach the port may open
    as many as they like, and say nothing."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    opened: dict[asyncio.Transport, None] = {}

    class ShortLived(H11Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            super().connection_made(transport)
            opened[transport] = None
            self.loop.call_later(LIVES, transport.abort)
            if len(opened) > MOST_AT_ONCE:
                oldest = next(iter(opened))
                del opened[oldest]
                oldest.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            opened.pop(self.transport, None)
            super().connection_lost(exc)

    return ShortLived


def _run(server: Server) -> None:
    # It ends its thread where it cannot listen; `started` says so.
    with contextlib.suppress(SystemExit):
        server.run()


def _place(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) < 65536:
        raise Misused(f"--listen {listen} is no HOST:PORT", hint="127.0.0.1:8790, say")
    return host.strip("[]") or "127.0.0.1", int(port)
