"""Files as they were in a commit. Comes in: a repository, a revision. Goes out: names and contents. Callers:
`reconcile.rolling_back`, `reconcile.comparing`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.confine.git import NoAnswer, Questions, find, resolve
from acorn_gitops.model.finding import AcornError, Misused

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@{}^~-]*")
"""Of a revision: nothing that git would take for an option."""
SPECS = (".yaml", ".yml", ".csv")
"""How the names of files end that specs are made of."""
MOST = 256 << 20
"""Bytes of the files of one commit that are read."""
FILES: Final = 100_000
"""Files of one commit: a tree that names itself many times would make more than there is room for."""
_AT_ONCE: Final = 8 << 20
"""Bytes that are asked for at once; one file may be more."""


def revision_of(root: Path, name: str) -> str:
    """The commit that a revision names: a commit, a branch, a tag, one of the remote's branches, with `~1` or
    `^` behind it. "" where git knows none. AcornError where there is no repository."""
    repository = find(root)
    if repository is None:
        raise AcornError(f"{root} is in no git repository", hint="`git init` makes one")
    if ".." in name:
        raise Misused(f"{name!r} names two revisions", hint="write them apart: ONE OTHER")
    if not _NAME.fullmatch(name):
        return ""
    base = re.split(r"[~^]", name, maxsplit=1)[0]
    # Names are read from git's files: questions are asked in a folder of our own, which has none.
    places = ("", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/", "refs/remotes/origin/")
    known = (
        resolve(repository, f"{place}{base}")
        for place in places
        if place or base.startswith(("HEAD", "refs/"))
    )
    commit = next((one for one in known if one), base)
    try:
        asked = f"{commit}{name.removeprefix(base)}^{{commit}}"
        return Questions(repository).ask(root, "rev-parse", "--verify", "--quiet", asked).decode().strip()
    except NoAnswer:
        return ""


def _literally(folders: Sequence[str]) -> list[str]:
    """Pathspecs of folders; all where none is named."""
    return [one if one == "." else f":(literal){one}" for one in folders] or ["."]


class Stored(NamedTuple):
    """The content of a file, as git keeps it."""

    name: str
    """What git calls it: the same content has the same name."""
    size: int
    """Bytes."""


def files_at(root: Path, commit: str, folders: Sequence[str]) -> dict[str, Stored]:
    """By path below the root, the files of a commit. Links and other repositories are left out. `folders`:
    only what is one of these, or in one; none is everything."""
    repository = find(root)
    if repository is None:
        return {}
    questions = Questions(repository)
    try:
        listed = questions.ask(root, "ls-tree", "-r", "-z", "-l", commit, "--", *_literally(folders))
    except NoAnswer as error:
        raise AcornError(f"the files of {commit[:10]} cannot be listed: {error}") from None
    found: dict[str, Stored] = {}
    size = 0
    for row in listed.split(b"\0"):
        facts, _, path = row.partition(b"\t")
        parts = facts.split()
        if len(parts) != 4 or parts[0] not in (b"100644", b"100755"):
            continue
        if not parts[3].isdigit():
            raise AcornError(
                f"this clone lacks what {commit[:10]} holds",
                hint="`git fetch --refetch --no-filter` brings it",
            )
        if b".git" in path.lower().split(b"/"):
            raise AcornError(f"the commit {commit[:10]} holds files of git's own; nothing was laid out")
        size += int(parts[3])
        if size > MOST or len(found) >= FILES:
            words = f"more than {FILES:,} files, or than {MOST >> 20} MiB"
            raise AcornError(f"the commit {commit[:10]} holds too much to be laid out: {words}")
        found[path.decode("utf-8", "surrogateescape")] = Stored(parts[2].decode(), int(parts[3]))
    return found


def links_at(root: Path, commit: str, places: Sequence[str]) -> dict[str, str]:
    """By path below the root, the commits of other repositories that a commit names below these folders."""
    repository = find(root)
    if repository is None:
        return {}
    try:
        named = [one for one in places if one != "."] if "." not in places else []
        listed = Questions(repository).ask(root, "ls-tree", "-r", "-z", commit, "--", *_literally(named))
    except NoAnswer as error:
        raise AcornError(f"the files of {commit[:10]} cannot be listed: {error}") from None
    rows = (row.partition(b"\t") for row in listed.split(b"\0"))
    return {
        path.decode("utf-8", "surrogateescape"): facts.split()[2].decode()
        for facts, _, path in rows
        if facts.startswith(b"160000 ")
    }


def contents(root: Path, stored: Mapping[str, Stored]) -> Iterator[tuple[str, bytes]]:
    """What the files hold, path by path. Git is started once for many of them, not once for each."""
    repository = find(root)
    if repository is None:
        return
    questions = Questions(repository)
    paths = [*stored]
    while paths:
        size = count = 0
        while count < len(paths) and (not count or size + stored[paths[count]].size <= _AT_ONCE):
            size += stored[paths[count]].size
            count += 1
        batch, paths = paths[:count], paths[count:]
        names = "".join(f"{stored[path].name}\n" for path in batch)
        try:
            answer = questions.ask(root, "cat-file", "--batch", given=names.encode())
        except NoAnswer as error:
            raise AcornError(f"git cannot read {batch[0]}: {error}") from None
        at = 0
        for path in batch:
            head = answer[at : answer.find(b"\n", at)]
            name, length = stored[path]
            if head != f"{name} blob {length}".encode():
                raise AcornError(f"git cannot read {path}, which it calls {name[:10]}")
            at += len(head) + 1
            yield path, answer[at : at + length]
            at += length + 1


def not_here(root: Path, places: Sequence[str]) -> list[str]:
    """Files below these folders, or these files, that decide, are in git's index and not on this disk, and of
    which git does not say that they are gone: a sparse checkout leaves them out, or they are in another
    repository that was not brought. What git cannot list is not here, either. Empty without git."""
    repository = find(root)
    if repository is None or not places:
        return []
    return _not_here(root, places, inner=0)


def _not_here(root: Path, places: Sequence[str], *, inner: int) -> list[str]:
    repository = find(root)
    if repository is None or inner > _NESTED:
        return ["."]
    try:
        asked = ("ls-files", "-v", "-s", "-z", "--", *(f":(literal){place}" for place in places))
        listed = Questions(repository).ask(root, *asked)
    except NoAnswer as error:
        return ["."] if inner or error.ended or error.status else []
    found: list[str] = []
    for row in listed.split(b"\0"):
        facts, _, name = row.partition(b"\t")
        tag, _, mode = facts.partition(b" ")
        path = name.decode("utf-8", "surrogateescape")
        if mode.startswith(b"160000"):
            if not ((root / path).is_dir() and any((root / path).iterdir())):
                found.append(path)
            else:
                within = _not_here(root / path, ["."], inner=inner + 1)
                found += [path if one == "." else f"{path}/{one}" for one in within]
            continue
        here = (tag.upper() != b"S" and not tag.islower()) or os.path.lexists(root / path)
        if not here and (path in places or path.lower().endswith(SPECS)):
            found.append(path)
    return found


_NESTED: Final = 10
"""Repositories inside repositories that are looked into."""
