"""Parsed files by content. Comes in: bytes. Goes out: what they parsed to last time. Caller: `files`.

Kept in the user's cache folder, never in the repository, where a pull request could plant a wrong parse;
stored as JSON, so that reading it can run nothing. The key names content, parser and schema: a stale entry
cannot be found. Losing the cache costs time only.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson

from acorn_gitops.confine.files import cache

MINIMUM = 32 * 1024
"""Smaller files parse faster than they are looked up."""


class ParseCache:
    """Parsed documents by SHA-256 of content and of whatever else decides the parse."""

    def __init__(self, folder: Path, salt: bytes) -> None:
        self.folder = folder
        self.salt = salt

    def path(self, data: bytes) -> Path:
        """Where the parse of these bytes is kept."""
        name = hashlib.sha256(self.salt + data).hexdigest()
        return self.folder / name[:2] / name

    def get(self, path: Path) -> Any | None:
        """The stored parse, or None."""
        try:
            return orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None

    def put(self, path: Path, value: Any) -> None:
        """Store a parse. A full disk or a read-only home is no error: it is only a cache."""
        cache(path, orjson.dumps(value))


def default_folder(environ: dict[str, str]) -> Path | None:
    """The cache folder: ACORN_CACHE_DIR, or `acorn` below the user's cache folder (XDG; %LOCALAPPDATA% on
    Windows); None when ACORN_CACHE_DIR is empty (off), or there is no home."""
    chosen = environ.get("ACORN_CACHE_DIR")
    if chosen is not None:
        return Path(chosen) if chosen else None
    base = environ.get("XDG_CACHE_HOME") or environ.get("LOCALAPPDATA")
    if not base and not environ.get("HOME"):
        return None
    return (Path(base) if base else Path(environ["HOME"], ".cache")) / "acorn"
