"""Keeps every file that a spec names inside the repository. Comes in: a root and a path as written. Goes
out: the real path, or why not. Callers: `load`, `tables`, `project`.

Absolute paths, `..`, home directories, links that lead out and anything that is no regular file (devices,
pipes) are refused: pull requests come from people who may not read the runner's disk.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple


class Escape(ValueError):
    """The path leaves the repository or is no regular file or folder."""


def inside(root: Path, written: str, *, beside: Path | None = None, folder: bool = False) -> Path:
    """The real path of `written`, relative to `beside` (a file's folder) or `root`.

    Escape when it leads outside or is the wrong kind of thing; FileNotFoundError when it is missing.
    """
    if not written or written.startswith(("/", "\\", "~")) or "\x00" in written or ":" in written[:3]:
        raise Escape(f"{written!r} is not a path inside the repository: write it relative, without ~ or /")
    if ".." in Path(written).parts:
        raise Escape(f"{written!r} climbs with ..: name it from inside the repository")
    real_root = root.resolve()
    path = (beside or real_root) / written
    try:
        real = path.resolve()
        mode = os.stat(real).st_mode  # noqa: PTH116 - one call; FileNotFoundError is the caller's
    except (RuntimeError, OSError) as error:  # RuntimeError until Python 3.12
        if isinstance(error, RuntimeError) or error.errno == errno.ELOOP:
            raise Escape(f"{written!r} is a loop of links") from None
        raise
    if real != real_root and real_root not in real.parents:
        raise Escape(f"{written!r} is a link that leads out of the repository")
    if folder and stat.S_ISDIR(mode):
        return real
    if not stat.S_ISREG(mode):
        raise Escape(f"{written!r} is not a regular file")
    return real


class Found(NamedTuple):
    """YAML files below a folder, and what stands there that may not be read: path and why."""

    files: list[Path]
    refused: list[tuple[Path, str]]


def spec_files(root: Path, folder: Path) -> Found:
    """YAML files below a folder, sorted; hidden ones are left out. Nothing else is passed over in silence:
    linked folders, links that lead out or nowhere, devices and pipes are refused by name."""
    found: list[Path] = []
    refused: list[tuple[Path, str]] = []
    real_root = root.resolve()
    unreadable: list[OSError] = []
    for base, folders, files in os.walk(folder, onerror=unreadable.append):
        kept = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in kept if not Path(base, name).is_symlink()]
        refused += [
            (Path(base, name), "is a link to a folder: name that folder in acorn.yaml instead")
            for name in kept
            if name not in folders
        ]
        for name in files:
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                path = Path(base, name)
                why = _refusal(path, real_root)
                if why:
                    refused.append((path, why))
                else:
                    found.append(path)
    refused += [(Path(error.filename), "cannot be read") for error in unreadable]
    return Found(sorted(found), sorted(refused))


def _refusal(path: Path, real_root: Path) -> str:
    try:
        mode = path.stat().st_mode
        if path.is_symlink() and real_root not in path.resolve().parents:
            return "is a link that leads out of the repository"
    except RuntimeError:
        return "is a loop of links"
    except OSError as error:
        return "is a loop of links" if error.errno == errno.ELOOP else "is a link that leads nowhere"
    return "" if stat.S_ISREG(mode) else "is not a regular file"
