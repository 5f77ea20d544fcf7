"""What can be computed again, kept so that nobody else can put anything there. Comes in: a folder, a key of
this machine. Goes out: what was kept, or nothing. Callers: the parse cache, the memory of stores that were in
sync.

A cache may be shared: CI hands one job's folder to the next, and one of them ran a stranger's pull request.
Each entry carries a code over its name and content that only the key can make, and the key never lies in the
cache. What has another code is not there. Losing key or cache costs time only.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.confine.files import cache

_SIZE: Final = 32


class Cache(NamedTuple):
    """A folder and the key to it."""

    folder: Path
    key: bytes

    def within(self, name: str) -> Cache:
        """A part of it."""
        return Cache(self.folder / name, self.key)

    def get(self, name: str) -> bytes | None:
        """What was kept under a name; None where nothing was, or not by us."""
        try:
            content = (self.folder / name).read_bytes()
        except OSError:
            return None
        code, rest = content[:_SIZE], content[_SIZE:]
        return rest if hmac.compare_digest(code, self._code(name, rest)) else None

    def put(self, name: str, content: bytes) -> None:
        """Keep something. What the disk refuses is not kept."""
        cache(self.folder / name, self._code(name, content) + content)

    def _code(self, name: str, content: bytes) -> bytes:
        code = hashlib.blake2b(key=self.key, digest_size=_SIZE)
        code.update(f"{self.folder.name}/{name}\0".encode())
        code.update(content)
        return code.digest()


def open_cache(environ: Mapping[str, str]) -> Cache | None:
    """The cache: ACORN_CACHE_DIR, or `acorn` below the user's cache folder (XDG; %LOCALAPPDATA% on Windows).
    None when ACORN_CACHE_DIR is empty (off), or where there is no home, or no place for a key."""
    chosen = environ.get("ACORN_CACHE_DIR")
    if chosen is not None and not chosen:
        return None
    home = environ.get("HOME") or environ.get("USERPROFILE")
    base = (
        environ.get("XDG_CACHE_HOME") or environ.get("LOCALAPPDATA") or (home and str(Path(home, ".cache")))
    )
    folder = Path(chosen) if chosen else Path(base, "acorn") if base else None
    state = (
        environ.get("XDG_STATE_HOME")
        or environ.get("LOCALAPPDATA")
        or (home and str(Path(home, ".local", "state")))
    )
    if folder is None or not state:
        return None
    key = _key(Path(state, "acorn", "cache-key"))
    return Cache(folder, key) if key is not None else None


def _key(path: Path) -> bytes | None:
    """The machine's key, made when it is first wanted."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = os.urandom(_SIZE)
        cache(path, key)
    except OSError:
        return None
    return key if len(key) == _SIZE else None
