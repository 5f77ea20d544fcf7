"""The revision that specs were read from. Comes in: a folder. Goes out: commit id and whether files were
edited since. Caller: cli.

Git is asked while the specs are being parsed, so that it costs a plan nothing; no git, no commit, is no
error: a plan then says so.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.confine.git import NoAnswer, Questions, find, local_tips, resolve
from acorn_gitops.confine.paths import Escape, read_inside


class Revision:
    """Started early, read late."""

    def __init__(self, root: Path) -> None:
        self._status: Callable[[], bytes] | None = None
        repository = find(root)
        self._commit = resolve(repository, "HEAD") if repository is not None else ""
        if repository is None or not self._commit:
            return
        self._questions = Questions(repository)
        asked = ("status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=all", "--", ".")
        try:
            self._status = self._questions.later(root, *asked)
        except NoAnswer:
            return

    def get(self) -> tuple[str, bool]:
        """(commit id or "", whether anything below the root is not committed). Where git cannot tell, it may
        be."""
        if self._status is None:
            return self._commit, bool(self._commit)
        try:
            return self._commit, bool(self._status().strip())
        except NoAnswer:
            return self._commit, True


def is_before(root: Path, commit: str, committed: int) -> bool:
    """Whether what is checked out is an ancestor of a commit, which was made at `committed` (seconds since
    1970; 0: not known). In a shallow clone that commit may not be there, or not the way to it: then whether
    what is checked out was made before."""
    repository = find(root)
    head = resolve(repository, "HEAD") if repository is not None else ""
    if repository is None or not head or head == commit or not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        return False
    questions = Questions(repository)
    try:
        questions.ask(root, "cat-file", "-e", f"{commit}^{{commit}}")
        if _leads_to(questions, root, head, commit):
            return True
        if not questions.is_cut_off(root, commit) or _leads_to(questions, root, commit, head):
            return False
    except NoAnswer:
        pass
    # Where the commit, or what lies between the two, is not here, or git cannot tell.
    return 0 < committed_at(root) < committed


def _leads_to(questions: Questions, root: Path, one: str, other: str) -> bool:
    """Whether a commit is another one or an ancestor of it; NoAnswer where git cannot tell, which is not a
    no."""
    try:
        questions.ask(root, "merge-base", "--is-ancestor", one, other)
    except NoAnswer as error:
        if error.status != 1:
            raise
        return False
    return True


def follows(root: Path, commit: str, other: str) -> bool | None:
    """Whether a commit is another one, or follows from it. None where nobody can tell: without a repository,
    or where this clone lacks the history between the two."""
    repository = find(root)
    if repository is None or not re.fullmatch(r"[0-9a-f]{7,64}", other) or not commit:
        return None
    questions = Questions(repository)
    try:
        named = questions.ask(root, "rev-parse", f"--disambiguate={other}").decode().split()
        commits = [one for one in named if questions.ask(root, "cat-file", "-t", one).strip() == b"commit"]
        if any(_leads_to(questions, root, one, commit) for one in commits):
            return True
        return None if questions.is_cut_off(root, commit) else False
    except NoAnswer:
        return None


def came_in(root: Path, head: str, name: str, says: Callable[[bytes], bool]) -> list[str] | None:
    """Since when a file (below the root) says something without a gap, on the way to `head`: the first commit
    of it, along first parents, and whatever was merged with that and says it, too. Empty where the file does
    not say it now, None where nobody can tell. `says`: looks at what the file holds."""
    repository = find(root)
    if repository is None or not head:
        return None
    path = (root.relative_to(repository.top) / name).as_posix()
    questions = Questions(repository)
    asked = ("log", "--no-mailmap", "--first-parent", "--format=%H")
    try:
        touched = questions.ask(root, *asked, head, "--", f":(top,literal){path}").decode().split()
        since = ""
        for commit in touched:
            if not says(_held(questions, root, commit, path)):
                break
            since = commit
        if not since or (since == touched[-1] and questions.is_cut_off(root, head)):
            return None if touched and questions.is_cut_off(root, head) else []
        parents = questions.ask(root, "rev-list", "--parents", "-n", "1", since).decode().split()[1:]
        return [since, *(one for one in parents[1:] if says(_held(questions, root, one, path)))]
    except NoAnswer:
        return None


def _held(questions: Questions, root: Path, commit: str, path: str) -> bytes:
    """What a file holds in a commit; nothing where it is not there."""
    try:
        return questions.ask(root, "cat-file", "blob", f"{commit}:{path}")
    except NoAnswer as error:
        if error.ended:
            raise
        return b""


class Versions(NamedTuple):
    """What files of a name have held."""

    found: list[tuple[Path, bytes]]
    """The folder that it lay in, and what it held; each content once for a folder."""
    is_whole: bool
    """Whether all of the history was there to be looked at: a shallow clone has the newest part alone."""


def once_named(
    root: Path, name: str, *, most: int, longest: int, remote_branches: Sequence[str] = ()
) -> Versions:
    """What every file of a name (`acorn.yaml`), wherever it lies in the repository, holds now and has ever
    held: in the history of what is checked out, of all branches here, and of these of remotes; merges and
    branches without a common beginning included. What is longer than `longest` bytes, and what a link leads
    to that leaves the repository, is left out: nobody could ever use it. NoAnswer where git cannot tell, or
    where there are more than `most`."""
    repository = find(root)
    if repository is None:
        return Versions([*_on_disk(root, [root / name], longest)], is_whole=True)
    top = repository.top
    questions = Questions(repository)
    listed = questions.ask(top, "ls-files", "-z", "--", f":(top,glob)**/{name}")
    here = {root / name, *(top / one.decode("utf-8", "replace") for one in listed.split(b"\0") if one)}
    found = [*_on_disk(top, sorted(here), longest)]
    tips = local_tips(repository, remote_branches)
    if not tips:
        return Versions(found, is_whole=True)
    # No text is looked for: what git takes for text, and how YAML spells a word, is for the commit to say.
    asked = (
        "log", "--no-mailmap", "-m", "--root", "--full-history", "--raw", "--no-abbrev", "--no-renames",
        "--format=", "-z", "--ignore-missing", "--stdin", "--", f":(top,glob)**/{name}",
    )  # fmt: skip
    versions = _versions(questions.ask(top, *asked, given="".join(f"{tip}\n" for tip in tips).encode()))
    blobs = [*dict.fromkeys(blob for _, blob in versions)]
    if len(blobs) > most:
        raise NoAnswer(f"{name} has had more than {most:,} versions", ended=True)
    contents = _contents(questions, top, blobs, longest)
    found += [((top / path).parent, contents[blob]) for path, blob in versions if blob in contents]
    return Versions(found, is_whole=not questions.is_cut_off(top, *tips))


def _on_disk(top: Path, paths: Iterable[Path], longest: int) -> Iterator[tuple[Path, bytes]]:
    for path in paths:
        if not path.is_file():
            continue
        with contextlib.suppress(Escape, OSError):
            yield path.parent, read_inside(top, path.relative_to(top).as_posix(), most=longest)


_RAW: Final = re.compile(rb":[0-7]{6} [0-7]{6} ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [A-Z]")
"""One line of `git log --raw`."""


def _versions(told: bytes) -> list[tuple[str, str]]:
    """(path, blob) of every version that `git log --raw -z` tells of, each once."""
    found: dict[tuple[str, str], None] = {}
    for about, path in pairwise(told.split(b"\0")):
        if match := _RAW.search(about):
            for blob in match.groups():
                found[path.decode("utf-8", "replace"), blob.decode()] = None
    return [one for one in found if one[1].strip("0")]


def _contents(questions: Questions, top: Path, blobs: Sequence[str], longest: int) -> dict[str, bytes]:
    """What blobs hold, but for those of more than `longest` bytes. NoAnswer where one is not here (a partial
    clone)."""
    asked = "".join(f"{one}\n" for one in blobs).encode()
    sizes = questions.ask(top, "cat-file", "--batch-check", given=asked).splitlines() if blobs else []
    if any(row.split()[1:2] != [b"blob"] for row in sizes):
        raise NoAnswer(
            "this clone lacks older versions; `git fetch --refetch --no-filter` brings them", ended=True
        )
    wanted = [blob for blob, row in zip(blobs, sizes, strict=True) if int(row.split()[2]) <= longest]
    asked = "".join(f"{one}\n" for one in wanted).encode()
    told = questions.ask(top, "cat-file", "--batch", given=asked) if wanted else b""
    found: dict[str, bytes] = {}
    at = 0
    for blob in wanted:
        end = told.index(b"\n", at)
        size = int(told[at:end].split()[2])
        found[blob] = told[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def head_of(root: Path) -> str:
    """The commit that is checked out at this moment; "" where there is none."""
    repository = find(root)
    return resolve(repository, "HEAD") if repository is not None else ""


def committed_at(root: Path) -> int:
    """When the commit was made that is checked out, in seconds since 1970; 0 where git cannot tell."""
    repository = find(root)
    if repository is None or not resolve(repository, "HEAD"):
        return 0
    try:
        said = Questions(repository).ask(root, "log", "-1", "--no-mailmap", "--format=%ct").strip()
    except NoAnswer:
        return 0
    return int(said) if said.isdigit() and len(said) < 12 else 0
