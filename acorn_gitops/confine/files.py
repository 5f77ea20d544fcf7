"""The one way in which acorn writes a file. Comes in: a path, the repository's root, content. Goes out: a
file that is whole, or the old one as it was. Callers: whoever saves plans, specs, schemas, records, exports.

What git carries into a checkout can be a link. Inside the repository no write passes one, neither as a folder
on the way nor as the file itself nor as the file beside it that is renamed.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from acorn_gitops.confine.paths import GIT, first_link
from acorn_gitops.model.finding import AcornError, PassesLink


def writable(path: Path, root: Path, *, anywhere: bool = False) -> Path:
    """`path` as an absolute one that no link of the repository bends. PassesLink where a link stands in the
    way, or where the path leaves the repository and is not allowed `anywhere` (a person named it on the
    command line)."""
    absolute = Path(os.path.normpath(Path.cwd() / path))
    if root not in absolute.parents:
        parent = absolute.parent.resolve()
        absolute = parent / absolute.name
        if root not in absolute.parents:
            if not anywhere:
                raise PassesLink(
                    f"{path} leaves the repository; nothing was written there",
                    hint="name a path inside the repository, without ..",
                )
            return absolute
    if GIT in (part.lower() for part in absolute.relative_to(root).parts):
        raise PassesLink(f"{path} is git's own; nothing was written there", hint="choose another path")
    link = first_link(absolute, root)
    if link is not None:
        raise PassesLink(
            f"{link.relative_to(root)} is a link; nothing was written through it",
            hint="remove the link (git may have carried it here), or choose another path",
        )
    return absolute


def around(folder: Path) -> Path:
    """For a command that needs no project file: the folder whose links are not followed. The repository that
    `folder` lies in, or where the command runs."""
    here = Path.cwd().resolve()
    absolute = Path(os.path.normpath(here / folder))
    for above in (here, *here.parents):
        if (above / "acorn.yaml").is_file() or (above / ".git").exists():
            return above
    return here if here in absolute.parents else absolute.parent.resolve()


def replace(
    path: Path,
    content: bytes,
    *,
    root: Path,
    anywhere: bool = False,
    folders: bool = True,
    lasting: bool = True,
) -> None:
    """Write whole or not at all. `folders`: those on the way are made; `lasting`: it must survive a power
    cut.

    PassesLink as `writable`; OSError when the disk refuses, and then the old file is as it was.
    """
    target = writable(path, root, anywhere=anywhere)
    if folders:
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        mode = stat.S_IMODE(target.lstat().st_mode)
    except FileNotFoundError:
        mode = 0o666 & ~_umask()
    temporary = target.with_name(f".acorn-{os.urandom(8).hex()}")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def cache(path: Path, content: bytes) -> None:
    """Keep what can be computed again, in a folder of the user's own. What the disk refuses is not kept: it
    costs time only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, content, root=path.parent, lasting=False)
    except (OSError, AcornError):
        pass


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current
