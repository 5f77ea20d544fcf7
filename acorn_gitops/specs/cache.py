"""Parsed files by content. Comes in: bytes. Goes out: what they parsed to last time. Caller: `files`.

Kept in the user's cache folder, never in the repository, where a pull request could plant a wrong parse, and
sealed (`confine.sealed`); stored as JSON, so that reading it can run nothing. The name is of content, parser
and schema: a stale entry cannot be found. Losing the cache costs time only.
"""

from __future__ import annotations

import hashlib

import orjson

from acorn_gitops.confine.sealed import Cache

MINIMUM = 32 * 1024
"""Smaller files parse faster than they are looked up."""


class ParseCache:
    """Parsed documents by SHA-256 of content and of whatever else decides the parse."""

    def __init__(self, cache: Cache, salt: bytes) -> None:
        self.cache = cache
        self.salt = salt

    def name(self, data: bytes) -> str:
        """Under which name the parse of these bytes is kept."""
        name = hashlib.sha256(self.salt + data).hexdigest()
        return f"{name[:2]}/{name}"

    def get(self, name: str) -> object | None:
        """The stored parse, or None."""
        content = self.cache.get(name)
        try:
            return None if content is None else orjson.loads(content)
        except orjson.JSONDecodeError:
            return None

    def put(self, name: str, value: object) -> None:
        """Store a parse. A full disk or a read-only home is no error: it is only a cache."""
        self.cache.put(name, orjson.dumps(value))
