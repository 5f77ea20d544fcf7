"""Sends spans to a collector that may be hostile. Goes out: a session that reads of an answer what it is, and
not what it says. Caller: cli `spans`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


def deaf_session() -> requests.Session:
    """For the exporter of OpenTelemetry, which would read and unpack all that is answered, without end.
    ImportError where its packages are not installed."""
    import requests

    class Deaf(requests.Session):
        def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
            answer = super().send(request, **{**how, "stream": True, "allow_redirects": False})
            answer._content, answer._content_consumed = b"", True
            answer.close()
            return answer

    return Deaf()
