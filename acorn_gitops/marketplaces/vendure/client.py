"""GraphQL over HTTP to one Vendure server. Comes in: an operation, variables, a channel. Goes out: its data,
or an error that says whether anything may have happened. Callers: the modules of this adapter.

Signs in with a user and password (the token that comes back is renewed when the server forgets it, once for
each request) or with an API key. Reads are sent again when there is no answer; writes never are: whoever sent
one looks first. A write is refused (`Refusal`) only where Vendure says so in words that mean it; any other
error, and no answer, leave it unknown (`Doubtful`, `Unreachable`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import orjson

from acorn_gitops.confine import http
from acorn_gitops.confine.retry import Retry, Unanswered, asked_wait
from acorn_gitops.confine.text import one_line
from acorn_gitops.confine.weight import memory_of
from acorn_gitops.marketplaces.by_looking import Doubtful, Raw
from acorn_gitops.marketplaces.vendure import operations
from acorn_gitops.model.finding import Incomplete, MarketplaceError, Unreachable

TAKE: Final = 1000
"""Vendure refuses more in one page (USER_INPUT_ERROR)."""
PARALLEL: Final = 4
MOST: Final = 2_000_000
"""Items of one list."""
TRIES: Final = 4
MOST_PAUSE: Final = 60.0
PATIENCE: Final = 300.0
"""Seconds that are waited between tries, all together, for one connection of one run."""
SILENT: Final = 100.0
"""Seconds without an answer after which this connection is asked nothing more in this run."""
SIGNED_OUT: Final = frozenset({"FORBIDDEN", "UNAUTHORIZED"})
CERTAIN: Final = SIGNED_OUT | {
    "USER_INPUT_ERROR", "ENTITY_NOT_FOUND", "ILLEGAL_OPERATION", "CHANNEL_NOT_FOUND",
    "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT", "BAD_REQUEST",
    "OPERATION_RESOLUTION_FAILURE",
}  # fmt: skip
"""Codes with which Vendure, and the server of GraphQL below it, say that a mutation was not carried out
(`@vendure/core`, common/error/errors; Apollo Server, built-in error codes). INTERNAL_SERVER_ERROR says
nothing of that, nor does a code of somebody's plugin."""


class Refusal(MarketplaceError):
    """The server answered, and said no. `code` is Vendure's."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


STORE_BYTES: Final = 768 << 20
STORE_MEMORY: Final = 3 << 30
"""Bytes that the answers for one store may take in memory."""
ANSWER_MEMORY: Final = 512 << 20
"""That one answer may."""
STORE_SECONDS: Final = 900.0
"""For reading one store."""
NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What an answer in a shape that Vendure never gives leads to."""


class Client:
    """One connection; safe to use from several threads once it is signed in."""

    def __init__(
        self,
        name: str,
        url: str,
        secret: str,
        *,
        user: str = "",
        key_header: str = "vendure-api-key",
        pause: Callable[[float], None] | None = None,
        timeout: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        why_not: Callable[[], str] = str,
    ) -> None:
        self.name = name
        self._why_not = why_not
        self._user = user
        self._secret = secret
        self._retry = Retry(budget=PATIENCE, pause=pause or time.sleep)
        if secret and not http.header(secret):
            raise MarketplaceError(
                f"{name}: the secret holds characters that no HTTP header can carry",
                hint="printable ASCII only; look for a line end or a letter from another alphabet",
            )
        headers = {"user-agent": "acorn-gitops", "content-type": "application/json"}
        if secret and not user:
            headers[key_header] = secret
        self._http = http.Client(headers, [secret] if secret else [], timeout)
        self._url = url if url.rstrip("/").endswith("-api") else url.rstrip("/") + "/admin-api"
        self._token = ""
        self.user_id = ""
        """What the server calls the user who is signed in; empty before, and with an API key."""
        self._clock = clock
        self._silent = ""
        """Why no request is sent any more: to the last ones nobody answered, however often they were sent."""
        self._lists: dict[tuple[str, bytes, str], list[Raw]] | None = None
        """While a store is read: what was asked for already."""
        self.begin()

    def begin(self) -> None:
        """A store is read: what it may send and how long it may take is counted from now on."""
        self._bytes, self._memory, self._until = 0, 0, self._clock() + STORE_SECONDS

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While one store is read, no list is asked for twice."""
        self.begin()
        self._lists = {}
        try:
            yield
        finally:
            self._lists = None

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def read(self, operation: str, variables: Mapping[str, object] | None = None, channel: str = "") -> Any:
        """The data of a query."""
        return self._ask(operation, variables, channel, repeatable=True)

    def write(self, operation: str, variables: Mapping[str, object], channel: str = "") -> Any:
        """The data of a mutation. Refusal when it was refused, also by a result type; Unreachable when nobody
        knows."""
        data = self._ask(operation, variables, channel, repeatable=False)
        for result in data.values():
            for one in result if isinstance(result, list) else [result]:
                _check_result(one)
        return data

    def every(
        self, operation: str, field: str, variables: Mapping[str, object] | None = None, channel: str = ""
    ) -> list[Raw]:
        """All items of a paginated list, each once. Incomplete when they do not add up."""
        if self._lists is None:
            return self._every(operation, field, variables, channel)
        memo = (operation, orjson.dumps(variables or {}), channel)
        if memo not in self._lists:
            self._lists[memo] = self._every(operation, field, variables, channel)
        return self._lists[memo]

    def _every(
        self, operation: str, field: str, variables: Mapping[str, Any] | None, channel: str
    ) -> list[dict[str, object]]:
        def page(skip: int) -> tuple[list[dict[str, object]], int]:
            given = dict(variables or {})
            options = {**given.pop("options", {}), "take": TAKE, "skip": skip, "sort": {"id": "ASC"}}
            found = self.read(operation, {**given, "options": options}, channel)[field]
            if self._bytes > STORE_BYTES or self._clock() > self._until:
                raise Incomplete(
                    f"{self.name}: a store sends more than {STORE_BYTES >> 20} MiB, or for more than {STORE_SECONDS:.0f} seconds",
                    hint="this is a fault of the server",
                )
            if not 0 <= int(found["totalItems"]) <= MOST or len(found["items"]) > TAKE:
                raise Incomplete(
                    f"{self.name}: the list of {field} makes no sense", hint="this is a fault of the server"
                )
            return list(found["items"]), int(found["totalItems"])

        items, total = page(0)
        starts = range(TAKE, total, TAKE)
        if starts:
            with ThreadPoolExecutor(PARALLEL) as pool:
                for more, count in pool.map(page, starts):
                    if count != total:
                        raise Incomplete(
                            f"{self.name}: the list of {field} moved while it was read", hint="run again"
                        )
                    items += more
        if len(items) != total or len({item["id"] for item in items}) != total:
            raise Incomplete(
                f"{self.name}: {len(items)} of {total} {field} were read",
                hint="run again; nothing was concluded from this",
            )
        return items

    # -- one request -----------------------------------------------------------------------------------------

    def _ask(
        self, operation: str, variables: Mapping[str, object] | None, channel: str, *, repeatable: bool
    ) -> Any:
        if self._user and not self._token:
            self._sign_in()
        body = orjson.dumps({"query": operation, "variables": variables or {}})
        try:
            return self._answered(body, channel, repeatable=repeatable)
        except Refusal as refusal:
            if refusal.code not in SIGNED_OUT or not self._user:
                raise
        # Refused for want of a session: nothing was done, so that even a mutation may be sent again.
        self._sign_in()
        return self._answered(body, channel, repeatable=repeatable)

    def _answered(self, body: bytes, channel: str, *, repeatable: bool) -> Any:
        answer = self._bounded(self._send(body, channel, repeatable=repeatable), reads=repeatable)
        try:
            return self._data(answer)
        except Refusal as error:
            if repeatable or (error.code in CERTAIN and answer.status < 500 and not _holds_data(answer.body)):
                raise
            raise Doubtful(
                f"{error.message}; nobody knows whether it was done", late=answer.status >= 500
            ) from None

    def _bounded(self, answer: http.Answer, *, reads: bool) -> http.Answer:
        """An answer that can be parsed: Incomplete where it would take too much memory, with all others for
        its store; Unreachable for a write, as nobody knows what it has done."""
        memory = memory_of(answer.body)
        self._memory += memory
        if memory <= ANSWER_MEMORY and (self._memory <= STORE_MEMORY or not reads):
            return answer
        kind = Incomplete if reads else Unreachable
        raise kind(
            f"{self.name}: an answer takes {memory >> 20} MiB of memory, those for one store {self._memory >> 20} MiB",
            hint="this is a fault of the server",
        )

    def _sign_in(self) -> None:
        self._token = ""
        body = orjson.dumps(
            {"query": operations.LOGIN, "variables": {"username": self._user, "password": self._secret}}
        )
        answer = self._bounded(self._send(body, "", repeatable=True), reads=True)
        result = self._data(answer)["login"]
        if result["__typename"] != "CurrentUser":
            why = one_line(str(result.get("message", "refused")), 300)
            raise MarketplaceError(
                f"{self.name}: {self._user} cannot sign in: {why}",
                hint="check `options.user` and the secret that `token` names",
            )
        self._token = answer.headers.get("vendure-auth-token", "")
        self.user_id = str(result.get("id") or "")
        self._http.hide(self._token)
        if not self._token:
            raise MarketplaceError(
                f"{self.name}: the server gives no bearer token",
                hint="its authOptions.tokenMethod must have `bearer`; or use an API key",
            )

    def _send(self, body: bytes, channel: str, *, repeatable: bool) -> http.Answer:
        if self._silent and repeatable:
            raise Unreachable(f"{self.name}: {self._silent}", hint="run again when the server answers")
        began = self._clock()
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        if channel:
            headers["vendure-token"] = channel
        try:
            return self._retry.until_answered(
                lambda: self._once(body, headers, repeatable=repeatable), tries=TRIES, most=MOST_PAUSE
            )
        except (Unanswered, http.NoAnswer) as error:
            if repeatable and self._clock() - began > SILENT:
                self._silent = f"no answer for {self._clock() - began:.0f} seconds; it is left alone"
            raise Unreachable(
                f"{self.name}: no usable answer ({error})", hint="run again when the server answers"
            ) from None

    def _once(self, body: bytes, headers: Mapping[str, str], *, repeatable: bool) -> http.Answer:
        """One try. Unanswered where another one may end better, and does no harm."""
        if not repeatable and (why := self._why_not()):
            raise MarketplaceError(why)
        try:
            answer = self._http.request("POST", self._url, headers, body)
        except http.NotSent as error:
            raise Unanswered(str(error)) from None  # any request may be sent again
        except http.NoAnswer as error:
            if not repeatable or isinstance(error, http.Hopeless):
                raise
            raise Unanswered(str(error)) from None
        self._bytes += len(answer.body)
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        if answer.status != 429 and (answer.status < 500 or is_json):
            return answer
        if answer.status != 429 and not repeatable:
            raise http.NoAnswer(f"status {answer.status}")
        raise Unanswered(f"status {answer.status}", asked_wait(answer.headers.get("retry-after")))

    def _data(self, answer: http.Answer) -> Any:
        try:
            document = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            raise Unreachable(
                f"{self.name}: answered {answer.status} with something that is not JSON",
                hint="check the connection's url: it is the address of Vendure's admin API",
            ) from None
        if not isinstance(document, dict):
            raise Unreachable(f"{self.name}: the answer is no GraphQL answer")
        errors = document.get("errors")
        if errors:
            first = errors[0] if isinstance(errors, list) and isinstance(errors[0], dict) else {}
            extensions = first.get("extensions") or {}
            code = str(extensions.get("code") or "")
            told = f"{self.name}: {one_line(str(first.get('message', 'refused')), 500)}"
            if code in SIGNED_OUT and not self._user:
                told += (
                    " (an API key holds only in the channel in which it was made, and in the default channel)"
                )
            raise Refusal(told, code)
        data = document.get("data")
        if not isinstance(data, dict):
            raise Unreachable(f"{self.name}: the answer holds no data")
        return data


def _holds_data(body: bytes) -> bool:
    """Whether an answer with errors says of a mutation what came of it."""
    data = orjson.loads(body).get("data")
    return isinstance(data, dict) and any(one is not None for one in data.values())


def _check_result(result: object) -> None:
    """Errors come as types of results too, with status 200."""
    if not isinstance(result, dict):
        return
    if result.get("errorCode"):
        raise Refusal(
            one_line(str(result.get("message") or result["errorCode"]), 500), str(result["errorCode"])
        )
    if result.get("result") == "NOT_DELETED":
        raise Refusal(one_line(str(result.get("message") or "not deleted"), 500), "NOT_DELETED")
