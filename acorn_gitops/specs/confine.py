"""Keeps every file that a spec names inside the repository. Comes in: a root and a path as written. Goes
out: the real path, or why not. Callers: `load`, `tables`, `project`.

Absolute paths, `..`, home directories, links that lead out and anything that is no regular file (devices,
pipes) are refused: pull requests come from people who may not read the runner's disk.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


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
    real = path.resolve()
    if real != real_root and real_root not in real.parents:
        raise Escape(f"{written!r} is a link that leads out of the repository")
    mode = os.stat(real).st_mode  # noqa: PTH116 - one call; FileNotFoundError is the caller's
    if folder and stat.S_ISDIR(mode):
        return real
    if not stat.S_ISREG(mode):
        raise Escape(f"{written!r} is not a regular file")
    return real


def spec_files(root: Path, folder: Path) -> list[Path]:
    """YAML files below a folder, sorted; hidden folders and links out of the repository are left out."""
    found: list[Path] = []
    real_root = root.resolve()
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                path = Path(base, name)
                real = path.resolve() if path.is_symlink() else path
                if path.is_symlink() and real_root not in real.parents:
                    raise Escape(f"{path.relative_to(root)} is a link that leads out of the repository")
                if not stat.S_ISREG(path.stat().st_mode):
                    raise Escape(f"{path.relative_to(root)} is not a regular file")
                found.append(path)
    return sorted(found)
