"""Requests to one account in one region. Comes in: an operation and its parameters. Goes out: plain values,
amounts as Decimal; or an error that says whether anything may have happened. Callers: the modules of this
adapter.

A thin transport of our own: the clients that exist retry nothing, drop fields that they do not know, or keep
tokens of several accounts under one key (docs/decisions/0043-amazon.md). Liberal on what comes: leading
newlines, unknown fields, pages of HTML or XML in place of JSON. Strict on what goes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import inf
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from acorn_gitops.confine import http
from acorn_gitops.confine.retry import Retry, Unanswered, asked_wait
from acorn_gitops.confine.text import one_line
from acorn_gitops.confine.weight import memory_of
from acorn_gitops.marketplaces.amazon.limits import Limits, TooSlow
from acorn_gitops.marketplaces.amazon.login import Credentials, Login, Sends
from acorn_gitops.marketplaces.amazon.operations import Operation
from acorn_gitops.model.finding import Incomplete, MarketplaceError, Unreachable

TRIES: Final = 6
MOST_PAUSE: Final = 120.0
STORE_SECONDS: Final = 3600.0
"""How long one store may take to be read: a catalogue of a million listings at the rate that Amazon
allows."""
GRACE: Final = 120.0
CRAWL: Final = 5.0
"""Once answers to one store were waited for so many seconds, each may have taken so many on an average."""
PATIENCE: Final = 900.0
"""Seconds that are waited between tries, all together, for one connection of one run."""
ANSWER_MEMORY: Final = 64 << 20
"""Bytes that one answer may take in memory: a page of twenty listings with all attributes takes one or
two."""
STORE_MEMORY: Final = 3 << 30
"""That all answers for one store may."""
MOST_WORDS: Final = 1 << 20
"""Bytes of an answer that says what is wrong; in a longer one nobody looks for words."""
ROLE: Final = "check the application's roles (Product Listing; Selling Partner Insights) and the account's authorisation"
_FAULT: Final = "this is a fault of the server"
_DOCUMENTS: Final = (".amazonaws.com", ".amazon.com")
"""Where Amazon keeps documents."""


class Missing(MarketplaceError):
    """What was asked for is not there."""


class Refusal(MarketplaceError):
    """Amazon answered, and said no. `code` and `details` are those of the first error."""

    def __init__(self, message: str, *, code: str = "", details: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code, self.details = code, details


class _Said(NamedTuple):
    """What an answer says of its refusal."""

    words: str
    code: str
    details: str


class Client:
    """One connection."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        credentials: Credentials,
        login: str,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        sends: Sends | None = None,
        timeout: float = 60.0,
        why_not: Callable[[], str] = str,
        present: Callable[[], datetime] = lambda: datetime.now(UTC),
        ending: Callable[[], bool] = bool,
    ) -> None:
        self.name = name
        self.ending = ending
        """Whether nothing is waited for any more that goes on by itself."""
        self.present = present
        """What time it is."""
        self._why_not = why_not
        self._url = url.rstrip("/")
        self._pause, self._clock = pause, clock
        secrets = [credentials.client_secret, credentials.refresh_token]
        self._sends = sends or http.Client({"user-agent": "acorn-gitops"}, secrets, timeout)
        self._login = Login(name, login, credentials, sends=self._sends, clock=clock)
        self._retry = Retry(budget=PATIENCE, pause=pause)
        self.limits = Limits(clock)
        self._memory, self._until = 0, inf
        self._waited, self._asked = 0.0, 0
        """Seconds for which answers were waited since a store began to be read, and how many there were."""
        self._slow = False
        """Whether a store took too long: the others of this connection are not waited for."""
        self.calls: dict[str, int] = {}
        """How often each operation was sent."""

    def begin(self) -> None:
        """A store is read, or a batch is written: what it may send, and how long its reading may take, is
        counted from now on."""
        self._memory, self._until = 0, self._clock() + STORE_SECONDS
        self._waited, self._asked = 0.0, 0

    def now(self) -> float:
        """Seconds since some beginning."""
        return self._clock()

    @property
    def sandbox(self) -> bool:
        """Whether the address is Amazon's static sandbox."""
        return "://sandbox." in self._url

    def call(
        self,
        operation: Operation,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Any:
        """What the answer holds; None where it holds nothing. Missing for 404, Refusal for another no,
        Unreachable where nobody knows what became of it."""
        parts = path or {}
        if any(part in ("", ".", "..") for part in parts.values()):
            raise MarketplaceError(
                f"{self.name}: {operation.name}: no address can be made of {sorted(parts.values())}"
            )
        url = self._url + operation.path.format(**{k: quote(v, safe="") for k, v in parts.items()})
        if query:
            url += "?" + urlencode({k: v for k, v in query.items() if v}, quote_via=quote)
        content = b"" if body is None else written(body)
        tries = 0

        def once() -> object:
            nonlocal tries
            tries += 1
            return self._once(operation, url, content)

        try:
            return self._retry.until_answered(once, tries=TRIES, most=MOST_PAUSE)
        except (Missing, Refusal) as error:
            if tries == 1 or operation.method == "GET":
                raise
            # An earlier try may have had its effect: a refusal of the repetition does not undo it.
            raise Unreachable(
                f"{error.message}; whether an earlier try was carried out is not known"
            ) from None
        except Unanswered as error:
            raise Unreachable(
                f"{self.name}: {operation.name}: {error}", hint="run again when Amazon answers"
            ) from None

    def pause(self, seconds: float) -> None:
        """Wait."""
        self._pause(seconds)

    def fetch(self, url: str) -> bytes:
        """A document behind an address that an answer gave, without any token. MarketplaceError where that
        leads elsewhere than to Amazon, or to this connection's own server."""
        return self._document("GET", url)

    def store(self, url: str, content: bytes, kind: str) -> None:
        """Put a document of a media type behind such an address. Nothing comes of it until it is named."""
        self._document("PUT", url, content, kind)

    def _document(self, method: str, url: str, content: bytes = b"", kind: str = "") -> bytes:
        there, own = urlsplit(url), urlsplit(self._url)
        at_home = (there.scheme, there.netloc) == (own.scheme, own.netloc)
        host = there.hostname or ""
        if not at_home and not (there.scheme == "https" and host.endswith(_DOCUMENTS)):
            raise MarketplaceError(
                f"{self.name}: a document would be at {one_line(host, 100)}, which is none of Amazon's"
            )

        def once() -> bytes:
            try:
                answer = self._sends.request(method, url, {"content-type": kind} if kind else {}, content)
            except http.Hopeless as error:
                raise Unreachable(f"{self.name}: a document: {error}", hint=_FAULT) from None
            except (http.NotSent, http.NoAnswer) as error:
                raise Unanswered(str(error)) from None
            if answer.status >= 500:
                raise Unanswered(f"answered {answer.status}")
            if answer.status != 200:
                raise MarketplaceError(f"{self.name}: a document: answered {answer.status}")
            return answer.body

        try:
            return self._retry.until_answered(once, tries=TRIES, most=MOST_PAUSE)
        except Unanswered as error:
            raise Unreachable(f"{self.name}: a document: {error}") from None

    def close(self) -> None:
        """Let go of connections."""
        self._sends.close()

    def _once(self, operation: Operation, url: str, content: bytes) -> object:
        answer = self._sent(operation, url, content, self._login.token())
        if answer.status in (401, 403) and _said(answer).code in ("Unauthorized", "InvalidToken", ""):
            # The token may have ended before its hour; another one says whether it is more than that.
            answer = self._sent(operation, url, content, self._login.token(self._token))
        if 200 <= answer.status < 300:
            self.limits.succeeded(operation, answer.headers)
            return self._read(operation, answer)
        raise self._meaning(operation, answer)

    def _sent(self, operation: Operation, url: str, content: bytes, token: str) -> http.Answer:
        self._token = token
        try:
            wait = self.limits.wait(operation)
        except TooSlow as error:
            raise Unreachable(
                f"{self.name}: {operation.name}: far slower than documented, and {error}",
                hint="run again later: other programs of the account may use up what it may ask",
            ) from None
        if wait > 0:
            self._pause(wait)
        if operation.method == "GET":
            self._refuse_slow()
        if operation.method != "GET" and (why := self._why_not()):
            raise MarketplaceError(why)
        headers = {"x-amz-access-token": token, "accept": "application/json"}
        if content:
            headers["content-type"] = "application/json"
        self.calls[operation.name] = self.calls.get(operation.name, 0) + 1
        begun = self._clock()
        try:
            return self._sends.request(operation.method, url, headers, content)
        except http.Hopeless as error:
            raise Unreachable(f"{self.name}: {operation.name}: {error}", hint=_FAULT) from None
        except http.NotSent as error:
            raise Unanswered(str(error)) from None
        except http.NoAnswer as error:
            raise self._lost(operation, f"no answer ({error})") from None
        finally:
            self._waited, self._asked = self._waited + self._clock() - begun, self._asked + 1

    def _refuse_slow(self) -> None:
        """Incomplete where a store takes too long to be read: all in all, or since its answers crawl. What is
        waited for by Amazon's own limits does not count as crawling."""
        crawls = self._waited > GRACE and self._waited > CRAWL * self._asked
        self._slow = self._slow or crawls or self._clock() > self._until
        if self._slow:
            raise Incomplete(f"{self.name}: a store takes too long to be read", hint=_FAULT)

    def _read(self, operation: Operation, answer: http.Answer) -> object:
        if answer.status == 204 or not answer.body.strip():
            return None
        taken = memory_of(answer.body, decimals=True)
        self._memory += taken
        for size, most, what in (
            (taken, ANSWER_MEMORY, "the answer"),
            (self._memory, STORE_MEMORY, "what came"),
        ):
            if size > most:
                raise Incomplete(
                    f"{self.name}: {operation.name}: {what} takes more than {most >> 20} MiB of memory",
                    hint=_FAULT,
                )
        try:
            return json.loads(answer.body, parse_float=_decimal, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise self._lost(operation, "the answer is cut off or not JSON") from None

    def _lost(self, operation: Operation, words: str) -> Exception:
        """It may have had its effect: whoever may be repeated is, of others nobody knows."""
        if operation.repeatable:
            return Unanswered(words)
        return Unreachable(f"{self.name}: {operation.name}: {words}")

    def _meaning(self, operation: Operation, answer: http.Answer) -> Exception:
        said, status = _said(answer), answer.status
        words = f"{self.name}: {operation.name}: {said.words}"
        if status == 429:
            wait = self.limits.refused(operation)
            asked = asked_wait(answer.headers.get("retry-after"))
            return Unanswered(said.words, wait if asked is None else max(asked, wait))
        if status == 408 or status >= 500:
            return self._lost(operation, said.words)
        if status == 404:
            return Missing(words)
        if status < 400:
            return Unreachable(
                f"{self.name}: {operation.name}: answered {status}, which is no answer", hint=_FAULT
            )
        hint = ROLE if status in (401, 403) else ""
        return Refusal(words, code=said.code, details=said.details, hint=hint)


def written(value: object) -> bytes:
    """JSON in which a Decimal is a number with all of its digits."""
    import orjson

    return orjson.dumps(value, default=_number)


def _number(value: object) -> object:
    import orjson

    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is no JSON")
    return orjson.Fragment(format(value, "f"))


LARGEST: Final = 100
"""Digits of a number that somebody writes, before and after its point."""


def _decimal(text: str) -> Decimal:
    """A number with all of its digits. ValueError for one that only names how many it has: written out it
    takes memory without bound."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{one_line(text, 40)} is no number") from None
    if len(text) > 2 * LARGEST or abs(int(found.as_tuple().exponent)) > LARGEST:
        raise ValueError(f"{one_line(text, 40)} has too many digits")
    return found


def _no_number(text: str) -> object:
    raise ValueError(text)


def _said(answer: http.Answer) -> _Said:
    """The words of an error, whatever it came in: the models' error list, or somebody's page."""
    request = one_line(answer.headers.get("x-amzn-requestid", ""), 60)
    tail = f" (request {request})" if request else ""
    said: object = None
    if len(answer.body) <= MOST_WORDS:
        try:
            said = json.loads(answer.body)
        except (ValueError, RecursionError):
            said = None
    errors = said.get("errors") if isinstance(said, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code, message, details = (one_line(str(first.get(n) or ""), 300) for n in ("code", "message", "details"))
    if not code:
        kind = one_line(answer.headers.get("content-type", "no type"), 60)
        return _Said(f"answered {answer.status} with {kind}{tail}", "", "")
    return _Said(f"answered {answer.status} {code}: {message}{tail}", code, details)
