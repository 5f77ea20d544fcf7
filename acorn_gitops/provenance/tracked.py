"""Links that a repository holds. Comes in: a path as written. Goes out: the first part of it that is such a link. Caller: cli
`session`.

A person's own link to a folder is theirs; one that git carried here was chosen by whoever could change the repository.
"""

from __future__ import annotations

from pathlib import Path

from acorn_gitops.confine.git import NoAnswer, Questions, find


def held_link(path: Path) -> Path | None:
    """The first part of an absolute path that is a link, and one that git tracks. None where no part is."""
    current = Path(path.anchor)
    for part in path.relative_to(current).parts:
        current = current.resolve().parent if part == ".." else current / part
        if current.is_symlink() and _is_tracked(current):
            return current
    return None


def _is_tracked(link: Path) -> bool:
    """Where git cannot say, it counts as tracked."""
    real = link.parent.resolve() / link.name
    repository = find(real.parent)
    if repository is None:
        return False
    try:
        answer = Questions(repository).ask(
            repository.top,
            "--literal-pathspecs",
            "ls-files",
            "-z",
            "--",
            str(real.relative_to(repository.top)),
        )
    except NoAnswer:
        return True
    return bool(answer)
