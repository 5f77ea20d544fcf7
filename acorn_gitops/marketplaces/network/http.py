"""Requests over HTTP. Comes in: a base url and a token. Goes out: a `Transport`. Caller: `open_marketplace`.

Only what never arrived is sent again here (a refused connection); everything else is the adapter's to judge,
who knows which requests may be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
import stamina

from acorn_gitops.marketplaces.network.transport import NoAnswer, Response
from acorn_gitops.model.finding import MarketplaceError

# Each retry would be a line of log among the plan's; what comes of them is told once, at the end.
stamina.instrumentation.set_on_retry_hooks([])


class HttpTransport:
    """A pooled HTTP client for one marketplace."""

    def __init__(self, url: str, token: str, timeout: float = 30.0) -> None:
        headers = {"user-agent": "acorn-gitops"}
        if token and not (token.isascii() and token.isprintable()):
            raise MarketplaceError(
                "the token holds characters that no HTTP header can carry",
                hint="printable ASCII only; look for a line end or a letter from another alphabet",
            )
        if token:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx2.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Send once; a refused connection up to three times. NoAnswer otherwise."""
        try:
            for attempt in stamina.retry_context(
                on=httpx2.ConnectError, attempts=3, wait_initial=0.2, wait_max=2.0
            ):
                with attempt:
                    answer = self._client.request(method, path, headers=dict(headers), content=body)
                    return Response(
                        answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content
                    )
        except httpx2.HTTPError as error:
            # Only the kind: the words of some errors repeat the request's headers, and so the token.
            raise NoAnswer(f"{type(error).__name__} from {self._client.base_url.host}") from None
        raise NoAnswer("no attempt was made")

    def close(self) -> None:
        """Close the pool."""
        self._client.close()
