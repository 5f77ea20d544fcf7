"""Files as they were in a commit. Comes in: a repository, a revision. Goes out: names and contents. Callers:
`reconcile.rolling_back`, `reconcile.comparing`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from acorn_gitops.confine.git import NoAnswer, Questions, find, resolve
from acorn_gitops.model.finding import AcornError, Misused

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@{}^~-]*")
"""Of a revision: nothing that git would take for an option."""
SPECS = (".yaml", ".yml", ".csv")
"""How the names of files end that specs are made of."""
MOST = 256 << 20
"""Bytes of the files of one commit that are read."""


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


def files_at(root: Path, commit: str, folders: Sequence[str]) -> dict[str, tuple[str, Callable[[], bytes]]]:
    """By path below the root, what git calls a file's content, and what reads it. Links and other
    repositories are left out. `folders`: only what is one of these, or in one; none is everything."""
    repository = find(root)
    if repository is None:
        return {}
    questions = Questions(repository)
    try:
        listed = questions.ask(root, "ls-tree", "-r", "-z", "-l", commit, "--", *(folders or ["."]))
    except NoAnswer as error:
        raise AcornError(f"the files of {commit[:10]} cannot be listed: {error}") from None
    found: dict[str, tuple[str, Callable[[], bytes]]] = {}
    size = 0
    for row in listed.split(b"\0"):
        facts, _, path = row.partition(b"\t")
        parts = facts.split()
        if len(parts) != 4 or parts[0] not in (b"100644", b"100755"):
            continue
        size += int(parts[3])
        if size > MOST:
            raise AcornError(f"the files of {commit[:10]} are too large ({MOST >> 20} MiB and more)")
        name = parts[2].decode()
        found[path.decode("utf-8", "surrogateescape")] = (name, partial(_read, questions, root, name))
    return found


def not_here(root: Path, folders: Sequence[str]) -> list[str]:
    """Files below these folders that hold specs, are in git's index and not on this disk, and of which git
    does not say that they are gone: a sparse checkout leaves them out, or they are in another repository that
    was not brought. Empty without git."""
    repository = find(root)
    if repository is None or not folders:
        return []
    try:
        listed = Questions(repository).ask(root, "ls-files", "-v", "-s", "-z", "--", *folders)
    except NoAnswer:
        return []
    found: list[str] = []
    for row in listed.split(b"\0"):
        facts, _, name = row.partition(b"\t")
        tag, _, mode = facts.partition(b" ")
        path = name.decode("utf-8", "surrogateescape")
        if mode.startswith(b"160000"):
            here = (root / path).is_dir() and any((root / path).iterdir())
        else:
            here = (tag.upper() != b"S" and not tag.islower()) or os.path.lexists(root / path)
            here = here or not path.lower().endswith(SPECS)
        if not here:
            found.append(path)
    return found


def _read(questions: Questions, root: Path, name: str) -> bytes:
    try:
        return questions.ask(root, "cat-file", "blob", name)
    except NoAnswer as error:
        raise AcornError(f"git cannot read what it calls {name[:10]}: {error}") from None
