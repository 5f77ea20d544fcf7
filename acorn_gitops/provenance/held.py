"""Links that lie in a repository. Comes in: a path as written. Goes out: the first part of it that is such a link. Caller: cli
`session`.

A person's own link to a folder is theirs; one that lies in a checkout may have been chosen by whoever proposes a change. Whether git
tracks it says nothing: jobs unpack artifacts and caches over a checkout, too.
"""

from __future__ import annotations

import os
from pathlib import Path


def held_link(path: Path) -> Path | None:
    """The first part of an absolute path that is a link and lies in a git repository. None where no part does."""
    current = Path(path.anchor)
    for part in path.relative_to(current).parts:
        current = current.resolve().parent if part == ".." else current / part
        if current.is_symlink() and _in_repository(current.parent.resolve()):
            return current
    return None


def _in_repository(folder: Path) -> bool:
    """Whatever `.git` is: what git would not take for one may be a trap."""
    return any(os.path.lexists(above / ".git") for above in (folder, *folder.parents))
