"""Where contents of feeds and reports are put and fetched: addresses that are good for five minutes,
without a token. Callers: `app`, `feeds`, `reports`."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from acorn_gitops.sandbox.amazon.world import World

ROOT: Final = "/_documents/"
LIFE: Final = timedelta(minutes=5)
EXPIRED: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message>'
    "<X-Amz-Expires>300</X-Amz-Expires></Error>"
)


class Document(NamedTuple):
    """Some bytes, and how they are told of."""

    content: bytes
    kind: str
    """Its media type."""
    packed: bool = False


class Documents:
    """All documents of a world, and the addresses that were given out for them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: dict[str, Document] = {}
        self._open: dict[str, tuple[str, datetime, bool]] = {}
        """By the last part of an address: the document, until when, and whether it may be written."""

    def new(self, kind: str, content: bytes = b"", *, packed: bool = False) -> str:
        """A document; answers its id."""
        id = f"amzn1.spdoc.1.4.{self._world.id()}"
        self._held[id] = Document(gzip.compress(content, mtime=0) if packed else content, kind, packed)
        return id

    def get(self, id: str) -> Document | None:
        """One document; None where there is none."""
        return self._held.get(id)

    def address(self, id: str, *, writable: bool = False) -> str:
        """A new address for it, from the root of the server."""
        name = self._world.id()
        self._open[name] = (id, self._world.now() + LIFE, writable)
        return f"{ROOT}{name}"

    def answer(self, method: str, name: str, kind: str, body: bytes) -> tuple[int, str, bytes]:
        """Status, media type and content for a request to such an address."""
        id, until, writable = self._open.get(name, ("", self._world.now(), False))
        if not id or until <= self._world.now():
            return 403, "application/xml", EXPIRED.encode()
        held = self._held[id]
        if method == "GET":
            return 200, held.kind, held.content
        if method != "PUT" or not writable:
            return 405, "application/xml", b""
        if kind.replace(" ", "").lower() != held.kind.replace(" ", "").lower():
            # What was announced is signed: with another type the signature does not fit.
            return (
                403,
                "application/xml",
                EXPIRED.replace("Request has expired", "SignatureDoesNotMatch").encode(),
            )
        self._held[id] = held._replace(content=body)
        return 200, "application/xml", b""
