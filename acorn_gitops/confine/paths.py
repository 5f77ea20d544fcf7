"""Keeps every file that a repository names inside it. Comes in: a root and a path as written. Goes out: the
path, or why not. Callers: whoever reads specs, tables, schemas, facts, records; `files` for what is written.

Absolute paths, `..`, home directories, git's own folder, links of any kind and what is no regular file
(devices, pipes) are refused by name: a pull request comes from people who may not read or write the disk of
the machine that plans it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.confine.text import unseen

GIT: Final = ".git"


class Escape(ValueError):
    """The path leaves the repository, passes a link, or is no regular file or folder."""


def inside(root: Path, written: str, *, beside: Path | None = None, folder: bool = False) -> Path:
    """The path of `written`, relative to `beside` (a file's folder) or `root`, absolute and free of links.

    Escape when it leads outside, passes a link or is the wrong kind of thing; FileNotFoundError when it is
    missing.
    """
    if not written or written.startswith(("/", "\\", "~")) or "\x00" in written or ":" in written[:3]:
        raise Escape(f"{written!r} is not a path inside the repository: write it relative, without ~ or /")
    parts = Path(written).parts
    if unseen(written):
        raise Escape(f"{written!r} holds a character that nobody sees: give the file another name")
    if ".." in parts:
        raise Escape(f"{written!r} climbs with ..: name it from inside the repository")
    if GIT in (part.lower() for part in parts):
        raise Escape(f"{written!r} is git's own: name a file of the repository")
    real_root = root.resolve()
    start = beside.resolve() if beside is not None else real_root
    if start != real_root and real_root not in start.parents:
        raise Escape(f"{written!r} is named by a file outside the repository")
    path = start / written
    link = first_link(path, real_root)
    if link is not None:
        raise Escape(f"{written!r} is a link, or leads through one ({link.name}): name what it leads to")
    mode = os.stat(path, follow_symlinks=False).st_mode  # noqa: PTH116 - FileNotFoundError is the caller's
    if folder and stat.S_ISDIR(mode):
        return path
    if not stat.S_ISREG(mode):
        raise Escape(f"{written!r} is not a regular file")
    return path


def read_inside(root: Path, written: str, *, most: int, beside: Path | None = None) -> bytes:
    """The bytes of a file of the repository. As `inside`; and Escape when there are more than `most`."""
    with inside(root, written, beside=beside).open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Escape(f"{written!r} is larger than {most >> 20} MiB")
    return data


def first_link(path: Path, root: Path) -> Path | None:
    """The first part of an absolute path below `root` that is a link; None where there is none, or nothing is
    there."""
    current = root
    for part in path.relative_to(root).parts:
        current = current / part
        if current.is_symlink():
            return current
    return None


_UNSEEN: Final = "has a name with a character that nobody sees: give it another one"


def carried_link(path: Path) -> Path | None:
    """The first part of an absolute path that is a link and lies in a repository; None where no part does. A
    person's own link is theirs; one in a checkout may have been chosen by whoever proposes a change, whether
    git tracks it or not: jobs unpack artifacts over a checkout, too."""
    current = Path(path.anchor)
    for part in path.relative_to(current).parts:
        current = current.resolve().parent if part == ".." else current / part
        if current.is_symlink() and _in_repository(current.parent.resolve()):
            return current
    return None


def _in_repository(folder: Path) -> bool:
    """Whatever `.git` is: what git would not take for one may be a trap."""
    return any(os.path.lexists(above / GIT) for above in (folder, *folder.parents))


DEEPEST: Final = 40
"""Folders below a folder of specs that are looked into."""


class Found(NamedTuple):
    """YAML files below a folder, and what stands there that may not be read: path and why."""

    files: list[Path]
    refused: list[tuple[Path, str]]


def spec_files(folder: Path) -> Found:
    """YAML files below a folder that `inside` gave, sorted; hidden ones are left out. Nothing else is passed
    over in silence: links, devices and pipes are refused by name."""
    found: list[Path] = []
    refused: list[tuple[Path, str]] = []
    unreadable: list[OSError] = []
    for base, folders, files in os.walk(folder, onerror=unreadable.append):
        shown = sorted(name for name in folders if not name.startswith("."))
        if shown and len(Path(base).relative_to(folder).parts) >= DEEPEST:
            refused.append((Path(base), f"holds folders that are nested more than {DEEPEST} deep"))
            shown = []
        kept = [name for name in shown if not unseen(name)]
        refused += [(Path(base, name), _UNSEEN) for name in shown if name not in kept]
        folders[:] = [name for name in kept if not Path(base, name).is_symlink()]
        refused += [
            (Path(base, name), "is a link to a folder: name that folder in acorn.yaml instead")
            for name in kept
            if name not in folders
        ]
        for name in files:
            if name.lower().endswith((".yaml", ".yml")) and not name.startswith("."):
                path = Path(base, name)
                why = _refusal(path)
                if why:
                    refused.append((path, why))
                else:
                    found.append(path)
    refused += [(Path(error.filename), "cannot be read") for error in unreadable]
    return Found(sorted(found), sorted(refused))


def _refusal(path: Path) -> str:
    if unseen(path.name):
        return _UNSEEN
    try:
        mode = path.lstat().st_mode
    except OSError:
        return "cannot be read"
    if stat.S_ISLNK(mode):
        return "is a link: put the file itself there"
    return "" if stat.S_ISREG(mode) else "is not a regular file"
