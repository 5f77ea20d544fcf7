"""A file kept on a branch of its own. Comes in: a repository, a remote, a branch, bytes. Goes out: the file
as the remote holds it, or a new commit there. Caller: cli `state pull` and `state push`.

CI machines forget; the repository that holds the specs does not. The branch has no history in common with the
specs, every version is a commit, and a push that would lose somebody else's version is refused by git itself.
The working tree and its index are never touched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from acorn_gitops.confine.files import replace, writable
from acorn_gitops.confine.git import (
    AUTHENTIC,
    PROGRAMS,
    STRANGERS,
    NoAnswer,
    Questions,
    authentic,
    check_files,
    checked_out,
    find,
    has_any_remote,
    has_remote,
    heard,
    resolve,
)
from acorn_gitops.model.finding import AcornError, Refused, Stale

if TYPE_CHECKING:
    from git import Git

MAIL = "acorn@localhost"
"""The author of commits that acorn makes by itself. Nobody is known to have written what is in them."""
_NAMED: Final = "refs/acorn-default/named"
_HEAD: Final = "refs/acorn-default/head"
"""Where this clone keeps the newest commits of what it, and of what the remote, takes for the default
branch."""
_WHO = {
    "GIT_AUTHOR_NAME": "acorn",
    "GIT_AUTHOR_EMAIL": MAIL,
    "GIT_COMMITTER_NAME": "acorn",
    "GIT_COMMITTER_EMAIL": MAIL,
}


class Kept(NamedTuple):
    """A file as a remote branch holds it; commit "" and content None when it is not there yet."""

    commit: str
    content: bytes | None
    beside: bytes | None = None
    """Another file of the same commit, where one was asked for."""


def fetch(
    root: Path, remote: str, branch: str, name: str, *, beside: str = "", strangers: bool = False
) -> Kept:
    """The newest version, with that of a file `beside` it; without a name only its commit. `strangers`: no
    program that the clone's configuration names is started, not even an ssh of its own. AcornError when the
    remote cannot be asked."""
    git = _git(root, strangers=strangers)
    options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1")
    for _ in range(_FETCHES):
        commit = _tip(git, remote, branch)
        if not commit:
            return Kept("", None)
        _run(git, "fetch", *options, remote, f"+refs/heads/{branch}:{_local(branch)}")
        if _run(git, "rev_parse", _local(branch)) == commit:
            break
    else:
        raise Stale(f"{branch} moved while it was fetched", hint="run the same command again")
    return Kept(
        commit,
        _content(git, commit, name, branch) if name else None,
        beside=_content(git, commit, beside, branch) if beside else None,
    )


_FETCHES: Final = 5
"""How often a branch is fetched that moves at the same time."""


LONGEST: Final = 256 << 20
"""Bytes of a file on a branch of ours."""
LONGEST_IN_ALL: Final = 512 << 20


def _content(git: Git, commit: str, name: str, branch: str) -> bytes | None:
    listed = _listed(git, commit, name)
    if not listed:
        return None
    _refuse_long(sum(listed.values()), LONGEST, f"{name} on {branch}")
    try:
        content = git.cat_file(
            "blob", f"{commit}:{name}", stdout_as_string=False, strip_newline_in_stdout=False
        )
    except _error() as error:
        raise AcornError(f"{name} on {branch} is no file: {_said(error)}") from None
    return bytes(content)


def every(
    root: Path, remote: str, branch: str, *, ending: str, strangers: bool = False
) -> list[tuple[str, bytes]]:
    """Names and contents of the files of the newest version whose names end so; all of one commit.
    `strangers`: as for `fetch`."""
    git = _git(root, strangers=strangers)
    commit = fetch(root, remote, branch, "", strangers=strangers).commit
    listed = {name: size for name, size in _listed(git, commit).items() if name.endswith(ending)}
    _refuse_long(sum(listed.values()), LONGEST_IN_ALL, f"what lies on {branch}")
    found = ((name, _content(git, commit, name, branch)) for name in listed)
    return [(name, content) for name, content in found if content is not None]


def _listed(git: Git, commit: str, *names: str) -> dict[str, int]:
    """The files of a commit, or these of them, with how many bytes each has."""
    if not commit:
        return {}
    # Without -z git writes names beyond ASCII as escapes between quotes.
    told = _run(git, "ls_tree", "-r", "-l", "-z", "--full-tree", commit, "--", *names)
    found = {}
    for row in told.split("\0"):
        about, tab, name = row.partition("\t")
        if tab:
            size = about.split()[3]
            found[name] = int(size) if size.isdecimal() else 0
    return found


def _refuse_long(size: int, most: int, what: str) -> None:
    if size > most:
        raise Refused(
            f"{what} has {size >> 20:,} MiB, and {most >> 20} are read at most",
            hint="put an older commit of that branch back, or take what is no ledger out of it",
        )


def newest(root: Path, remote: str, branch: str) -> str:
    """The newest commit of a branch, as the remote says now; "" where it has no such branch."""
    return _tip(_git(root, strangers=False), remote, branch)


def _tip(git: Git, remote: str, branch: str) -> str:
    """The newest commit of a branch at the remote; "" where there is none. Git answers with every reference
    that ends like the one that is asked for: only this one is meant."""
    reference = f"refs/heads/{branch}"
    for row in _run(git, "ls_remote", remote, reference).splitlines():
        commit, _, name = row.partition("\t")
        if name == reference:
            return commit
    return ""


def advance(root: Path, remote: str, branch: str) -> str:
    """Check out the newest commit of a branch of the remote, detached; answers it. AcornError, and nothing
    moves, where another branch or a commit that the remote never had is checked out, which would be lost from
    sight, and where what git ignores here would be overwritten: the ledger, secrets."""
    git = _git(root, strangers=False)
    repository = find(root)
    assert repository is not None
    here = f"refs/remotes/{remote}/{branch}"
    had = resolve(repository, here)
    depth = ["--depth=1"] if _is_cut_off(root) else []
    options = ("--quiet", "--no-tags", "--no-filter", "--no-write-fetch-head", *depth)
    _run(git, "fetch", *options, remote, f"+refs/heads/{branch}:{here}")
    commit = resolve(repository, here)
    on, head = checked_out(repository), resolve(repository, "HEAD")
    if on and on != branch:
        raise AcornError(
            f"the branch {on} is checked out here; nothing was moved",
            hint=f"work in a clone of its own, or `git checkout {branch}`",
        )
    known = [f"^{one}" for one in {commit, had} if one]
    if head != commit and _run(git, "rev_list", "--max-count=1", head, *known):
        raise AcornError(
            f"there is a commit here ({head[:10]}) that {remote} lacks; nothing was moved",
            hint=f"push it as a branch of its own, then `git checkout --detach {remote}/{branch}`",
        )
    listed = _run(git, "ls_tree", "-r", "-z", "--name-only", "--full-tree", commit).split("\0")
    if ours := next((one for one in listed if ".acorn" in one.lower().split("/")), ""):
        raise AcornError(
            f"the newest commit of {branch} holds {ours}, where acorn keeps ledgers; nothing was moved",
            hint=f"`git rm {ours}`, and keep .acorn/ in .gitignore",
        )
    _run(git, "checkout", "--quiet", "--no-overwrite-ignore", "--detach", commit)
    return commit


def is_elsewhere(root: Path, remote: str) -> bool:
    """Whether this clone has remotes, and none of this name."""
    repository = find(root)
    return repository is not None and has_any_remote(repository) and not has_remote(repository, remote)


def bring_default(root: Path, remote: str, branch: str) -> list[str]:
    """Bring the newest commits of a branch (where one is named) and of what the remote takes for its default
    one, without touching any branch of this clone; answers them, once where they are one. Empty where there
    is no such remote, or it has neither. AcornError when it cannot be asked."""
    repository = find(root)
    if repository is None or not has_remote(repository, remote):
        return []
    git = _git(root, strangers=False)
    named = [f"refs/heads/{branch}"] if branch else []
    there: dict[str, str] = {}
    for row in _run(git, "ls_remote", remote, "HEAD", *named).splitlines():
        commit, _, name = row.partition("\t")
        there[name] = commit
    # Only a clone that is cut off anyway is given a commit without those before it: what it is cut off from
    # would not be known afterwards.
    depth = ["--depth=1"] if _is_cut_off(root) else []
    # A partial clone would bring the commit without what is in it.
    options = ("--quiet", "--no-tags", "--no-filter", "--no-write-fetch-head", *depth)
    brought: dict[str, None] = {}
    for name, ours in [*((name, _NAMED) for name in named), ("HEAD", _HEAD)]:
        if name not in there or there[name] in brought:
            continue
        if (
            resolve(repository, ours) != there[name]
        ):  # else it is here already, e.g. before somebody was asked
            _run(git, "fetch", *options, remote, f"+{name}:{ours}")
        brought[resolve(repository, ours)] = None
    return [*brought]


def brought_before(root: Path, remote: str) -> list[str]:
    """The commits that `bring_default` brought last, in this clone or long ago."""
    repository = find(root)
    if repository is None or not has_remote(repository, remote):
        return []
    return [commit for name in (_NAMED, _HEAD) if (commit := resolve(repository, name))]


def _is_cut_off(root: Path) -> bool:
    """Whether this clone lacks history of its own; that the ledger's branch was fetched with its newest
    commit only is no reason."""
    repository = find(root)
    try:
        return repository is not None and Questions(repository).is_cut_off(root)
    except NoAnswer:
        return True


def is_known(root: Path, remote: str, branch: str) -> bool:
    """Whether this clone has seen the branch before."""
    repository = find(root)
    names = (_local(branch), f"refs/remotes/{remote}/{branch}")
    return repository is not None and any(resolve(repository, name) for name in names)


def is_there(root: Path, remote: str, branch: str, *, strangers: bool = False) -> bool:
    """Whether the remote has the branch. AcornError when it cannot be asked."""
    return bool(_tip(_git(root, strangers=strangers), remote, branch))


def propose(
    root: Path, remote: str, branch: str, files: Mapping[str, bytes | None], message: str, *, onto: str
) -> str:
    """Put a commit with other contents of some files (paths below `root`; None: gone) on top of a commit, as
    a branch of the remote: made anew where it is there. Answers the commit, "" where the branch holds the
    same already."""
    import tempfile

    git = _git(root, strangers=False)
    repository = find(root)
    assert repository is not None
    there = _tip(git, remote, branch)
    with (
        tempfile.TemporaryDirectory() as folder,
        git.custom_environment(GIT_INDEX_FILE=str(Path(folder) / "index"), **_WHO),
    ):
        tree = _tree_with(git, root, repository.top, files=files, onto=onto, folder=Path(folder))
        if there and _tree_of(git, remote, branch, there) == (tree, onto):
            return ""
        commit = _run(git, "commit_tree", tree, "-p", onto, "-m", message)
    try:
        _ask_remote(
            git,
            "push",
            "--quiet",
            f"--force-with-lease=refs/heads/{branch}:{there}",
            remote,
            f"{commit}:refs/heads/{branch}",
        )
    except _error() as error:
        raise AcornError(f"the branch {branch} cannot be pushed: {_said(error)}", hint=_PUSH) from None
    return commit


def begin_branch(
    root: Path, branch: str, files: Mapping[str, bytes | None], message: str, *, onto: str
) -> str:
    """A new branch with one commit on top of another, checked out: these files have other contents, or are
    gone (None). Whoever works here is its author. AcornError where the branch is there already, or git knows
    nobody to be its author."""
    import tempfile

    git = _git(root, strangers=False)
    repository = find(root)
    assert repository is not None
    if _run(git, "for_each_ref", f"refs/heads/{branch}"):
        raise AcornError(
            f"there is a branch {branch} already", hint=f"`git branch -D {branch}` if it is of no use"
        )
    try:
        _run(git, "var", "GIT_COMMITTER_IDENT")
    except AcornError:
        raise AcornError(
            "git does not know who you are, and a branch has an author; nothing was done",
            hint="`git config user.name NAME` and `git config user.email ADDRESS`",
        ) from None
    _refuse_in_the_way(git, root, files)
    with tempfile.TemporaryDirectory() as folder:
        with git.custom_environment(GIT_INDEX_FILE=str(Path(folder) / "index")):
            tree = _tree_with(git, root, repository.top, files=files, onto=onto, folder=Path(folder))
        commit = _run(git, "commit_tree", tree, "-p", onto, "-m", message)
    _run(git, "update_ref", f"refs/heads/{branch}", commit)
    for path in (path for path, content in files.items() if content is None):
        gone = writable(root / path, root)
        gone.unlink(missing_ok=True)
        _drop_empty(gone.parent, root)
    for path, content in files.items():
        if content is not None:
            replace(root / path, content, root=root)
    _run(git, "symbolic_ref", "HEAD", f"refs/heads/{branch}")
    with tempfile.TemporaryDirectory() as folder:
        # Of the index only these files: what is staged elsewhere in the repository stays so.
        _into_index(git, root, repository.top, files=files, folder=Path(folder))
    return commit


def _refuse_in_the_way(git: Git, root: Path, files: Mapping[str, bytes | None]) -> None:
    """AcornError where one of these files would be written over what git does not keep, or cannot be
    written."""
    going = {path for path, content in files.items() if content is None}
    for path, content in files.items():
        if content is None:
            continue
        writable(root / path, root)
        above = [part for part in PurePosixPath(path).parents if part != PurePosixPath(".")]
        for part in (PurePosixPath(path), *above):
            name = str(part)
            is_there = (root / part).is_file() and name not in going
            if is_there and not _run(git, "ls_files", "--", f":(literal,top){_from_top(git, root / part)}"):
                raise _in_the_way(name)
        if (root / path).is_dir():
            for inner in (root / path).rglob("*"):
                name = inner.relative_to(root).as_posix()
                if not inner.is_dir() and name not in going:
                    raise _in_the_way(name)


def _from_top(git: Git, path: Path) -> str:
    return path.relative_to(Path(str(git.working_dir))).as_posix()


def _in_the_way(name: str) -> AcornError:
    return AcornError(
        f"{name} is in the way, and git does not keep it; nothing was done",
        hint="move it elsewhere, or take it out",
    )


def _drop_empty(folder: Path, root: Path) -> None:
    """Take folders away that hold nothing any more, as git does."""
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _tree_with(
    git: Git, root: Path, top: Path, *, files: Mapping[str, bytes | None], onto: str, folder: Path
) -> str:
    """The tree of a commit with other contents of some files; the index is one of our own."""
    _run(git, "read_tree", onto)
    _into_index(git, root, top, files=files, folder=folder)
    return _run(git, "write_tree")


def _into_index(git: Git, root: Path, top: Path, *, files: Mapping[str, bytes | None], folder: Path) -> None:
    """Put other contents of some files into the index."""
    # What goes goes first: its name may be that of a folder now.
    order = sorted(files.items(), key=lambda item: (item[1] is not None, item[0]))
    for number, (path, content) in enumerate(order):
        name = (root / path).relative_to(top).as_posix()
        if content is None:
            _run(git, "update_index", "--force-remove", "--", name)
            continue
        held = folder / str(number)
        held.write_bytes(content)
        blob = _run(git, "hash_object", "-w", "--no-filters", str(held))
        _run(git, "update_index", "--add", "--cacheinfo", f"100644,{blob},{name}")


def _tree_of(git: Git, remote: str, branch: str, commit: str) -> tuple[str, str]:
    """(tree, parent) of the newest commit of a branch at the remote; without a parent, "" for that."""
    _run(git, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote, f"+refs/heads/{branch}:{_local(branch)}")  # fmt: skip
    shown = _run(git, "show", "--no-patch", "--format=%T %P", commit).split()
    return shown[0], shown[1] if len(shown) > 1 else ""


def push(
    root: Path, remote: str, branch: str, files: Mapping[str, bytes | None], message: str, *, onto: str
) -> str:
    """Put other versions of files on top of `onto` ("" begins the branch), None for none; answers the commit.
    Stale when the branch has moved."""
    git = _git(root, strangers=False)
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        blobs: dict[str, str] = {}
        for number, (name, content) in enumerate(files.items()):
            if content is None:
                continue
            path = Path(folder) / str(number)
            path.write_bytes(content)
            blobs[name] = _run(git, "hash_object", "-w", "--no-filters", str(path))
        # An index of its own: other environments' files on the branch stay, the user's staged work is not
        # seen.
        with git.custom_environment(GIT_INDEX_FILE=str(Path(folder) / "index"), **_WHO):
            if onto:
                _run(git, "read_tree", onto)
            for name in files.keys() - blobs.keys():
                _run(git, "update_index", "--force-remove", "--", name)
            for name, blob in blobs.items():
                _run(git, "update_index", "--add", "--cacheinfo", f"100644,{blob},{name}")
            tree = _run(git, "write_tree")
            parents = ["-p", onto] if onto else []
            commit = _run(git, "commit_tree", tree, *parents, "-m", message)
    try:
        expected = f"--force-with-lease=refs/heads/{branch}:{onto}"
        _ask_remote(git, "push", "--quiet", expected, remote, f"{commit}:refs/heads/{branch}")
    except _error() as error:
        said = _said(error)
        if any(words in said for words in _MOVED):
            raise Stale(
                f"the branch {branch} was moved by somebody else meanwhile",
                hint="somebody else applied: run `acorn state pull`, plan again, and apply again",
            ) from None
        raise AcornError(f"the branch {branch} cannot be pushed: {said}", hint=_PUSH) from None
    return commit


_PUSH = (
    "the job needs the right to push to this one branch: on GitHub `permissions: contents: write`, on GitLab"
    " Settings > CI/CD > Job token permissions > Allow Git push requests"
)


SECONDS: Final = {"ls_remote": 60, "fetch": 300, "push": 300}
MEMORY: Final = {"ls_remote": 512 << 20, "fetch": 4 << 30, "push": 4 << 30}
"""Bytes that git, and what it starts to talk to a remote, may take, each."""
"""By git's verb, how long a remote may take."""
_REACH = "`git remote -v` shows what was asked; whoever runs this needs the right to read it"
_MOVED = (
    "stale info",
    "non-fast-forward",
    "fetch first",
    "cannot lock ref",
    "failed to update ref",
    "already exists",
)
"""What git says where a branch is not, or is no longer, what the push was made for; the last three where both
arrive at once."""


def _local(branch: str) -> str:
    return f"refs/acorn/{branch}"


def _git(root: Path, *, strangers: bool) -> Git:
    """Git with the repository's own remotes and credentials, and nothing else of it that could start a
    program."""
    from git import Git

    repository = find(root)
    if repository is None:
        raise AcornError(f"{root} is in no git repository", hint="`git init` makes one")
    try:
        check_files(repository)
    except NoAnswer as error:
        raise AcornError(f"{error}; no remote was asked", hint="clone the repository anew") from None
    git = Git(str(repository.top))
    git.update_environment(**authentic(repository))
    git.set_persistent_git_options(c=[*AUTHENTIC, *(STRANGERS if strangers else ())])
    try:
        named = str(git.config("--name-only", "--get-regexp", PROGRAMS)).splitlines()
    except _error():
        named = []  # git's way of saying that there are none
    if named:
        raise AcornError(
            f"git's configuration names a program for a remote ({named[0]}); no remote was asked",
            hint=f"`git config --unset-all {named[0]}` if it is not yours",
        )
    return git


def _error() -> type[Exception]:
    from git.exc import GitCommandError

    return GitCommandError


def _run(git: Git, command: str, *arguments: str) -> str:
    try:
        if command in SECONDS:
            return _ask_remote(git, command, *arguments)
        return str(getattr(git, command)(*arguments))
    except _error() as error:
        hint = _REACH if command in SECONDS else ""
        raise AcornError(f"git {command.replace('_', '-')}: {_said(error)}", hint=hint) from None


def _ask_remote(git: Git, command: str, *arguments: str) -> str:
    """What git answers that talks to a remote, which may take the connection and say nothing. GitCommandError
    as ever, also where it took too long."""
    running = getattr(git, command)(*arguments, as_process=True)
    try:
        said, trouble = heard(running.proc, SECONDS[command], MEMORY[command])
    except NoAnswer as error:
        raise _error()(["git", command], 124, str(error).encode()) from None
    if running.proc.returncode:
        raise _error()(["git", command], running.proc.returncode, trouble)
    return said.decode("utf-8", "replace").strip()


def _said(error: Exception) -> str:
    """What git said, in one line, without the credentials that a remote's address may hold."""
    text = str(getattr(error, "stderr", "") or error).strip().removeprefix("stderr:").strip(" '\n")
    text = re.sub(r"://[^/@\s]*@", "://", text)
    return " ".join(text.split())[:400]
