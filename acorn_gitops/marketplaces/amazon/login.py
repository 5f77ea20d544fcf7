"""Login with Amazon: one refresh token becomes an access token for an hour. Comes in: credentials. Goes
out: a token. Caller: `client`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlencode

from acorn_gitops.confine import http
from acorn_gitops.confine.text import one_line
from acorn_gitops.model.finding import MarketplaceError, Unreachable

LOGIN: Final = "https://api.amazon.com/auth/o2/token"
EARLY: Final = 60.0
"""Seconds before its end at which a token is renewed."""
_HINTS: Final[Mapping[str, str]] = {
    "invalid_grant": "the refresh token is not valid (any more): authorise the application again in Seller Central, and renew the secret",
    "invalid_client": "clientId or clientSecret is wrong, or the client secret was rotated: renew the secret",
    "unauthorized_client": "this application may not use this refresh token: it is another application's",
}


class Sends(Protocol):
    """Carries requests: `confine.http.Client`, or a double in tests."""

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> http.Answer:
        """Send once."""

    def hide(self, secret: str) -> None:
        """A further secret that answers are not to repeat."""

    def close(self) -> None:
        """Let go of connections."""


class Credentials(NamedTuple):
    """What a connection's secret holds."""

    client_id: str
    client_secret: str
    refresh_token: str

    @staticmethod
    def parsed(connection: str, secret: str) -> Credentials:
        """From the secret's text, a JSON object. MarketplaceError where it is none; it is never repeated."""
        try:
            said: Any = json.loads(secret)
            parts = [said[name] for name in ("clientId", "clientSecret", "refreshToken")]
        except (ValueError, KeyError, TypeError):
            parts = []
        if len(parts) != 3 or not all(isinstance(one, str) and http.header(one) and one for one in parts):
            raise MarketplaceError(
                f"{connection}: its secret is not what Amazon needs",
                hint='one line of JSON: {"clientId": "...", "clientSecret": "...", "refreshToken": "..."}',
            )
        return Credentials(*parts)


class Login:
    """The access token of one account, renewed when its time is over. Safe from several threads."""

    def __init__(
        self,
        connection: str,
        url: str,
        credentials: Credentials,
        *,
        sends: Sends,
        clock: Callable[[], float],
    ) -> None:
        self._connection, self._url, self._credentials = connection, url, credentials
        self._sends, self._clock = sends, clock
        self._token, self._until = "", 0.0
        self._lock = Lock()

    def token(self, refused: str = "") -> str:
        """A token that is good for a while; a new one where `refused` is the one that is kept.
        MarketplaceError where Amazon says no, Unreachable where it does not answer."""
        with self._lock:
            if not self._token or self._token == refused or self._clock() >= self._until:
                self._renew()
            return self._token

    def _renew(self) -> None:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._credentials.refresh_token,
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        headers = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
        try:
            answer = self._sends.request("POST", self._url, headers, urlencode(form).encode())
        except http.NoAnswer as error:
            raise Unreachable(f"{self._connection}: Login with Amazon does not answer ({error})") from None
        said = _object(answer.body)
        if answer.status != 200:
            name = one_line(str(said.get("error") or ""), 60)
            words = one_line(str(said.get("error_description") or ""), 200)
            kind = Unreachable if answer.status >= 500 or answer.status == 429 else MarketplaceError
            raise kind(
                f"{self._connection}: Login with Amazon answered {answer.status} {name} {words}".rstrip(),
                hint=_HINTS.get(name, ""),
            )
        token, seconds = said.get("access_token"), said.get("expires_in")
        if not isinstance(token, str) or not token or not http.header(token):
            raise MarketplaceError(f"{self._connection}: Login with Amazon gave no token")
        life = float(seconds) if isinstance(seconds, int) and 0 < seconds <= 86_400 else 3600.0
        self._sends.hide(token)
        self._token, self._until = token, self._clock() + max(life - EARLY, life / 2)


def _object(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body[: 1 << 16])
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
