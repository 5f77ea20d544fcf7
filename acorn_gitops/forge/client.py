"""JSON over HTTP with a forge. Comes in: an address, a token. Goes out: parsed answers. Callers: `github`,
`gitlab`.

Our own hundred lines in place of PyGithub or python-gitlab: a dozen calls, under the limits, redaction and
retry policy that every other server gets (decision 37).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import orjson

from acorn_gitops.confine import http
from acorn_gitops.confine.retry import Retry, Unanswered, asked_wait
from acorn_gitops.confine.text import one_line
from acorn_gitops.confine.weight import TooHeavy, memory_of, parsed
from acorn_gitops.model.finding import AcornError

PAGES: Final = 50
"""Pages of a list that are read: five thousand comments."""
_AGAIN: Final = (429, 500, 502, 503, 504)
_TIMEOUT: Final = 20.0
MOST: Final = 64 << 20
"""Bytes that one answer may take in memory; a hundred comments of the longest kind take a third."""
MOST_IN_ALL: Final = 512 << 20
"""That all answers of a job may."""
SECONDS: Final = 120.0
"""That all pages of a list may take."""


class NotThere(AcornError):
    """What was asked for is gone, or nobody may see it."""

    id = "ACN-001"


class Client:
    """Asks one forge."""

    def __init__(
        self,
        base: str,
        headers: Mapping[str, str],
        token: str,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        if not http.header(token):
            raise AcornError("the forge's token holds characters that no HTTP header can carry")
        self._base = base
        self._weight = 0
        self._client = http.Client({"user-agent": "acorn-gitops", **headers}, [token], _TIMEOUT)
        self._retry = Retry(budget=60.0, pause=pause)

    def ask(self, method: str, path: str, content: Mapping[str, object] | None = None) -> object:
        """One request; None for an empty answer. NotThere for 404, AcornError for every other refusal. What
        may have arrived is sent again only where it does no harm twice."""
        answer = self._send(method, path, content)
        if not answer.body.strip():
            return None
        self._weight += memory_of(answer.body)
        try:
            if self._weight > MOST_IN_ALL:
                raise TooHeavy("all answers together take too much memory")
            return parsed(answer.body, MOST)
        except TooHeavy as error:
            raise AcornError(f"the forge's answer to {method} {_shown(path)}: {error}") from None
        except orjson.JSONDecodeError:
            raise AcornError(f"the forge's answer to {method} {_shown(path)} is no JSON") from None

    def pages(self, path: str) -> Iterator[Mapping[str, object]]:
        """Every entry of a list, page by page."""
        sign = "&" if "?" in path else "?"
        began = self._clock()
        for page in range(1, PAGES + 1):
            if self._clock() - began > SECONDS:
                raise AcornError(f"the forge takes more than {SECONDS:.0f} seconds for GET {_shown(path)}")
            rows = self.ask("GET", f"{path}{sign}per_page=100&page={page}")
            if not isinstance(rows, list):
                raise AcornError(f"the forge's answer to GET {_shown(path)} is no list")
            yield from (row for row in rows if isinstance(row, Mapping))
            if len(rows) < 100:
                return

    def close(self) -> None:
        """Close the pool."""
        self._client.close()

    def _send(self, method: str, path: str, content: Mapping[str, object] | None) -> http.Answer:
        body = orjson.dumps(content) if content is not None else b""
        headers = {"content-type": "application/json"} if content is not None else {}

        def once() -> http.Answer:
            try:
                answer = self._client.request(method, self._base + path, headers, body)
            except http.NotSent as error:
                raise Unanswered(str(error)) from None
            except http.NoAnswer as error:
                if method != "POST" and not isinstance(error, http.Hopeless):
                    raise Unanswered(str(error)) from None
                raise AcornError(f"the forge does not answer: {error}") from None
            if answer.status in _AGAIN and (method != "POST" or answer.status in (429, 503)):
                raise Unanswered(f"HTTP {answer.status}", asked_wait(answer.headers.get("retry-after")))
            return answer

        try:
            answer = self._retry.until_answered(once, tries=4, most=20.0)
        except Unanswered as error:
            raise AcornError(f"the forge does not answer: {error}") from None
        if answer.status == 404:
            raise NotThere(f"the forge knows no {_shown(path)}, or the token may not see it")
        if answer.status >= 300:
            raise AcornError(
                f"the forge refuses {method} {_shown(path)}: HTTP {answer.status} {_why(answer.body)}"
            )
        return answer


def number(thing: object) -> str:
    """The number by which a forge knows something. AcornError for anything else: it is a part of
    addresses."""
    if (
        isinstance(thing, bool)
        or not isinstance(thing, int | str)
        or not re.fullmatch(r"[0-9]{1,20}", str(thing))
    ):
        raise AcornError("the forge's answer lacks the number of what it shows")
    return str(thing)


def address(thing: object) -> str:
    """Where something is to be seen, as the forge says it: one line, whatever it holds."""
    return one_line(str(thing or ""), 500)


def _shown(path: str) -> str:
    return one_line(path.partition("?")[0], 120)


def _why(body: bytes) -> str:
    """What the forge says is wrong."""
    try:
        said = parsed(body, MOST)
    except ValueError:
        return ""
    message = said.get("message") or said.get("error") if isinstance(said, dict) else ""
    return one_line(str(message or ""), 200)
