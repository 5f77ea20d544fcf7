"""Requests over HTTP. Comes in: a base url and a token. Goes out: a `Transport`. Caller: `open_marketplace`.

Only what never arrived is sent again here (a refused connection); everything else is the adapter's to judge,
who knows which requests may be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping

from acorn_gitops.confine import http
from acorn_gitops.marketplaces.network.transport import NoAnswer, Response
from acorn_gitops.model.finding import MarketplaceError


class HttpTransport:
    """A pooled HTTP client for one marketplace."""

    def __init__(self, url: str, token: str, timeout: float = 30.0) -> None:
        headers = {"user-agent": "acorn-gitops"}
        if token and not http.header(token):
            raise MarketplaceError(
                "the token holds characters that no HTTP header can carry",
                hint="printable ASCII only; look for a line end or a letter from another alphabet",
            )
        if token:
            headers["authorization"] = f"Bearer {token}"
        self._base = url.rstrip("/")
        self._client = http.Client(headers, [token] if token else [], timeout)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Send once; a refused connection up to three times. NoAnswer otherwise."""
        try:
            answer = self._client.request(method, self._base + path, headers, body)
        except http.NoAnswer as error:
            raise NoAnswer(str(error), hopeless=isinstance(error, http.Hopeless)) from None
        return Response(answer.status, answer.headers, answer.body)

    def close(self) -> None:
        """Close the pool."""
        self._client.close()
