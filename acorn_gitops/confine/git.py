"""Asks git without obeying the repository. Comes in: a folder. Goes out: what git says of its files and
commits. Callers: `provenance`.

A repository can name programs for git to run: monitors, hooks, filters, helpers, transports. Here git never
reads its configuration. Each question is asked in a folder of our own that borrows the repository's objects
and index, and whose configuration is the few lines below. Where the repository lies is found by looking for a
real `.git` folder, so that a folder shaped like a bare repository, or a `.git` file that points elsewhere,
means nothing; `GIT_*` of the environment means nothing either.

Only what talks to a remote (`authentic`, for the ledger's branch) uses the real configuration, since that
holds addresses and credentials; monitors, hooks and the `ext` transport are off there, too.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.model.finding import AcornError

SECONDS: Final = 60.0
"""How long one question may take."""
WHOLE: Final = 180.0
"""How long all questions of one asker may be waited for."""
MEMORY: Final = 1 << 30
"""Bytes that git may take for one question, files that it maps aside."""
_OBJECT_ID: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_HARMLESS: Final = frozenset(
    {"filemode", "ignorecase", "autocrlf", "eol", "symlinks", "precomposeunicode", "sparsecheckout"}
)
"""Settings of `[core]` that say how files lie on this disk, and start nothing."""
_MOST: Final = 1 << 20
"""Bytes that are read of a reference, a list of them, or a configuration."""


class NoAnswer(Exception):
    """Git is not installed, or could not answer; the words are for people. `ended`: it was ended by a limit
    or a signal, so that nothing follows from it; `status`: with which exit status git ended by itself."""

    def __init__(self, words: str, *, ended: bool = False, status: int = 0) -> None:
        super().__init__(words)
        self.ended = ended
        self.status = status


class Person(NamedTuple):
    """Who made a commit; empty where it does not say."""

    name: str
    mail: str


class Repository(NamedTuple):
    """Where a repository lies: its working tree, its own folder, and the folder that worktrees share.
    `cloned`: a person or a job made it, and no file of another repository said where it comes from."""

    top: Path
    folder: Path
    common: Path
    cloned: bool = True


class NotUnderstood(AcornError):
    """There is a repository, and what it says cannot be read here. Taken for none, it would hide what was
    applied, who wrote what, and what its default branch forbids."""


_NAME_BACK: Final = "let that folder name this one: `git config core.worktree $PWD` at its top"


def find(root: Path) -> Repository | None:
    """The repository that a folder belongs to; None where it is in none. NotUnderstood where `.git` is not
    what git itself makes."""
    for top in (root, *root.parents):
        marker = top / ".git"
        if marker.is_dir() and not marker.is_symlink():
            if not os.path.lexists(marker / "HEAD"):
                continue  # as git does: it is no repository
            return Repository(top, marker, marker)
        if marker.is_symlink():
            raise NotUnderstood(
                f"{marker} is a link, and acorn follows none",
                hint=f"put a file in its place that says `gitdir: {os.path.realpath(marker)}`; then {_NAME_BACK}",
            )
        if os.path.lexists(marker):
            found = _pointed_to(top, marker)
            if found is None:
                raise NotUnderstood(
                    f"{marker} leads to a folder that does not name it back, and so to no known repository",
                    hint=f"where git's folder lies elsewhere on purpose, {_NAME_BACK}; else clone it anew",
                )
            return found
    return None


def _pointed_to(top: Path, marker: Path) -> Repository | None:
    """A worktree, a submodule or a clone whose folder of git lies elsewhere: its `.git` is a file that names
    a folder, and that folder must name this one back."""
    words = _read(marker).strip()
    if not words.startswith("gitdir: "):
        return None
    folder = Path(os.path.normpath(top / words.removeprefix("gitdir: ")))
    if folder.parent.name == "worktrees":
        back = _read(folder / "gitdir").strip()
        common = folder.parent.parent
        if back and Path(os.path.normpath(folder / back)) == marker and (common / "HEAD").is_file():
            return Repository(top, folder, common, cloned="modules" not in _git_parts(common))
    if not (folder / "HEAD").is_file():
        return None
    for above in top.parents:
        marker = above / ".git"
        if marker.is_symlink() or not marker.exists():
            continue
        outer = (
            marker if marker.is_dir() else (found.folder if (found := _pointed_to(above, marker)) else None)
        )
        if outer is not None and outer / "modules" in folder.parents:
            return Repository(top, folder, folder, cloned=False)
    if _worktree_of(folder) == top:
        return Repository(top, folder, folder)
    return None


def _worktree_of(folder: Path) -> Path | None:
    """Where a folder of git that lies elsewhere says that its files are (`core.worktree`)."""
    for section, name, value in _settings(folder):
        if (section, name) == ("core", "worktree"):
            return Path(os.path.normpath(folder / value.strip('"')))
    return None


def _settings(common: Path) -> Iterator[tuple[str, str, str]]:
    """Section, name and value of each plain line of a configuration."""
    section = ""
    for line in _read(common / "config").splitlines():
        head = re.match(r"\s*\[\s*([^\]\s]*)[^\]]*\]", line)
        if head:
            section = head[1].lower()
            continue
        name, _, value = line.partition("=")
        yield section, name.strip().lower(), value.strip()


def apart(repository: Repository, top: Path, commit: str) -> Repository:
    """A git folder of our own in another place, whose head is a commit: it borrows the objects, and has the
    references as they are now. It has no remotes, and nothing else of the configuration, which may lead to
    files that the commit brings. NoAnswer as `check_files`."""
    check_files(repository)
    folder = top / ".git"
    (folder / "objects" / "info").mkdir(parents=True)
    (folder / "HEAD").write_text(f"{commit}\n")
    (folder / "objects" / "info" / "alternates").write_text(f"{repository.common / 'objects'}\n")
    shutil.copytree(repository.common / "refs", folder / "refs", symlinks=True)
    for name in ("packed-refs", "shallow"):
        if (repository.common / name).is_file():
            shutil.copyfile(repository.common / name, folder / name)
    (folder / "config").write_text(_configuration(repository, wide=len(commit) == 64))
    return Repository(top, folder, folder, cloned=repository.cloned)


def check_files(repository: Repository) -> None:
    """NoAnswer where a pipe or a device lies among git's own files: git would wait for it without end."""
    for folder in {repository.folder, repository.common}:
        for base, folders, files in os.walk(folder):
            if Path(base) == folder:
                folders[:] = [name for name in folders if name in ("refs", "info")]
            for name in files:
                try:
                    mode = Path(base, name).stat().st_mode
                except OSError:
                    continue
                if not (stat.S_ISREG(mode) or stat.S_ISSOCK(mode)):
                    raise NoAnswer(f"{name} in git's own folder is not a regular file")


def _git_parts(folder: Path) -> tuple[str, ...]:
    """The parts of a path from the first `.git` on."""
    parts = folder.parts
    return parts[parts.index(".git") :] if ".git" in parts else ()


def _read(path: Path) -> str:
    """A small file of git's own; "" where it is missing, or no regular file: a pipe would never end."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return ""
        with path.open("rb") as file:
            return file.read(_MOST).decode("utf-8", "surrogateescape")  # names are bytes
    except OSError:
        return ""


def resolve(repository: Repository, name: str) -> str:
    """The commit that a reference names (`HEAD`, `refs/remotes/origin/main`); "" where there is none yet.
    NotUnderstood where one leads to what cannot be read. Files are read, and no program is asked."""
    asked = name
    for _ in range(5):
        words = _reference(repository, name)
        if not words.startswith("ref: "):
            if _OBJECT_ID.fullmatch(words):
                return words
            if words or (name == "HEAD" and asked == "HEAD"):
                break
            return ""
        name = words.removeprefix("ref: ").strip()
        if not _is_name(name):
            break
    led = "" if name == asked else f", which leads to {name}"
    raise NotUnderstood(
        f"the reference {asked}{led}, of the repository {repository.top} cannot be read",
        hint="where `git log` works, git keeps them in another form: `git refs migrate --ref-format=files`; else"
        " clone it anew",
    )


def has_remote(repository: Repository, name: str) -> bool:
    """Whether the repository has a remote of this name. It is not asked."""
    return f'[remote "{name}"]' in _read(repository.common / "config") or name in _remotes(repository)


def has_any_remote(repository: Repository) -> bool:
    """Whether the repository has a remote, whatever it is called."""
    return '[remote "' in _read(repository.common / "config") or bool(_remotes(repository))


def _remotes(repository: Repository) -> frozenset[str]:
    """Names of remotes, wherever they are said: in files that the configuration includes, or that of the
    whole machine. Git reads them, and runs nothing for it."""
    return _said_remotes(repository, _changed_at(repository.common / "config"))


@lru_cache(maxsize=16)
def _said_remotes(repository: Repository, _: int) -> frozenset[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        told = subprocess.run(
            ["git", "config", "--null", "--name-only", "--get-regexp", r"^remote\..*\.url$"],
            cwd=repository.top,
            env={**environ, **authentic(repository)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except OSError:
        return frozenset()  # without git nothing can be asked of a remote
    except subprocess.TimeoutExpired:
        raise NotUnderstood(
            f"git does not come to an end with the configuration of {repository.top}"
        ) from None
    names = told.stdout.decode("utf-8", "replace").split("\0")
    return frozenset(one.removeprefix("remote.").removesuffix(".url") for one in names if one)


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def symbolic(repository: Repository, name: str) -> str:
    """The reference that a symbolic one leads to, e.g. of `refs/remotes/origin/HEAD`; "" where it is none."""
    words = _reference(repository, name)
    return words.removeprefix("ref: ").strip() if words.startswith("ref: ") else ""


def local_tips(repository: Repository, remote_branches: Sequence[str]) -> list[str]:
    """The commits that are checked out here, that branches of this clone lead to, and those of these branches
    (`origin/main`) of remotes; each once."""
    wanted = {f"refs/remotes/{name}" for name in remote_branches}
    found = [resolve(repository, "HEAD")]
    found += [
        commit
        for commit, name in _packed(repository)
        if (name.startswith("refs/heads/") or name in wanted) and _OBJECT_ID.fullmatch(commit)
    ]
    loose = repository.common / "refs" / "heads"
    paths = [repository.common / name for name in sorted(wanted)]
    for at, folders, files in os.walk(loose):
        folders.sort()
        paths += [Path(at) / one for one in sorted(files)]
    found += [_read(path).strip() for path in paths]
    return [*dict.fromkeys(commit for commit in found if _OBJECT_ID.fullmatch(commit))]


def checked_out(repository: Repository) -> str:
    """The branch that is checked out; "" where it is a commit."""
    words = _reference(repository, "HEAD")
    return words.removeprefix("ref: refs/heads/").strip() if words.startswith("ref: refs/heads/") else ""


_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|[./]$")
"""What no name of a reference has (git-check-ref-format)."""


def _is_name(name: str) -> bool:
    return name == "HEAD" or (name.startswith("refs/") and len(name) < 4096 and not _FORBIDDEN.search(name))


def _reference(repository: Repository, name: str) -> str:
    if not _is_name(name):
        return ""
    for folder in (repository.folder, repository.common):
        path = folder / name
        if path.is_symlink():  # as older versions of git write a reference that leads to another
            led = os.fsdecode(path.readlink())
            return f"ref: {led}" if led.startswith("refs/") else ""
        words = _read(path).strip()
        if words:
            return words
    return next((commit for commit, packed in _packed(repository) if packed == name), "")


def _packed(repository: Repository) -> Iterator[tuple[str, str]]:
    """Commit and name of every reference that is packed; there may be very many."""
    path = repository.common / "packed-refs"
    try:
        if not stat.S_ISREG(path.lstat().st_mode):  # a pipe would never end
            return
        with path.open("rb") as file:
            for line in file:
                commit, _, name = line.decode("utf-8", "surrogateescape").strip().partition(" ")
                yield commit, name
    except OSError:
        return  # nothing is packed


_HUNK: Final = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_AUTHOR: Final = re.compile(rb"author ([^<\n]*)<([^>\n]*)>")


def _author(commit: bytes) -> Person:
    """Who made a commit, by its own words."""
    head = commit.partition(b"\n\n")[0]
    found = next(filter(None, map(_AUTHOR.match, head.split(b"\n"))), None)
    name, mail = found.groups() if found else (b"", b"")
    return Person(name.decode("utf-8", "replace").strip(), mail.decode("utf-8", "replace").strip())


class Questions:
    """Asks about one repository. Its folder is made with the first question and gone when this is."""

    def __init__(self, repository: Repository, environ: Mapping[str, str] | None = None) -> None:
        self.repository = repository
        self._environ = os.environ if environ is None else environ
        self._folder = ""
        self._left = WHOLE

    def ask(self, root: Path, *arguments: str, given: bytes = b"", fine: int = 0) -> bytes:
        """One answer. `given`: what git reads; `fine`: an exit status that is an answer, too. NoAnswer where
        git refuses, is not there, or does not come to an end."""
        return self.later(root, *arguments, given=given, fine=fine)()

    def people(self, root: Path, commits: Iterable[str]) -> dict[str, Person]:
        """Who made these commits, as they say it themselves: `git log` reads an author through a map of names
        and a code of letters, and whoever proposes a change writes both. NoAnswer where one is not here."""
        wanted = [*dict.fromkeys(commits)]
        found: dict[str, Person] = {}
        for first in range(0, len(wanted), AT_ONCE):
            found |= self._people(root, wanted[first : first + AT_ONCE])
        return found

    def _people(self, root: Path, commits: Sequence[str]) -> dict[str, Person]:
        told = self.ask(root, "cat-file", "--batch", given="".join(f"{one}\n" for one in commits).encode())
        found: dict[str, Person] = {}
        at = 0
        for commit in commits:
            end = told.find(b"\n", at)
            facts = told[at:end].split()
            if len(facts) != 3 or facts[1] != b"commit":
                raise NoAnswer(f"git does not know the commit {commit}")
            size = int(facts[2])
            found[commit] = _author(told[end + 1 : end + 1 + size])
            at = end + 1 + size + 1
        return found

    def is_cut_off(self, root: Path, *commits: str) -> bool:
        """Whether this clone has only the newest part of the history of any of these commits (without one:
        of what is checked out). That a branch of another
        history (the ledger's) was fetched with its newest commit only cuts nothing off."""
        if self.ask(root, "rev-parse", "--is-shallow-repository").strip() != b"true":
            return False
        cut = {*_read(self.repository.common / "shallow").split()}
        given = "".join(f"{one}\n" for one in commits or ("HEAD",)).encode()
        ends = self.ask(root, "rev-list", "--max-parents=0", "--stdin", given=given).decode().split()
        return not cut.isdisjoint(ends)

    def merged(self, one: bytes, base: bytes, other: bytes) -> bytes | None:
        """What a merge of two texts gives by itself, from what both come from; None where they are in
        conflict, so that somebody has decided."""
        with tempfile.TemporaryDirectory(prefix="acorn-git-") as folder:
            names = []
            for number, content in enumerate((one, base, other)):
                path = Path(folder) / str(number)
                path.write_bytes(content)
                names.append(str(path))
            try:
                return self.ask(Path(folder), "merge-file", "-p", *names)
            except NoAnswer:
                return None

    def kept_lines(self, old: bytes, new: bytes) -> dict[int, int]:
        """Of the lines of a text that were there in an older one, by number, which they were there. No
        attribute of the repository counts. NoAnswer as `ask`."""
        with tempfile.TemporaryDirectory(prefix="acorn-git-") as folder:
            for name, content in (("old", old), ("new", new)):
                Path(folder, name).write_bytes(content)
            asked = ("diff", "--no-index", "--no-ext-diff", "--no-textconv", "--text", "--unified=0")
            told = self.ask(Path(folder), *asked, "old", "new", fine=1)
        kept: dict[int, int] = {}
        was, now = 1, 1
        hunks = [tuple(int(n or 1) for n in found.groups(b"1")) for found in _HUNK.finditer(told)]
        for start, count, _, more in [*hunks, (len(old.splitlines()) + 1, 1, 0, 0)]:
            # Of a hunk that takes or gives nothing git names the line before it.
            while was < start + (not count):
                kept[now] = was
                was, now = was + 1, now + 1
            was, now = was + count, now + more
        return kept

    def later(self, root: Path, *arguments: str, given: bytes = b"", fine: int = 0) -> Callable[[], bytes]:
        """Begin to ask; what is returned waits for the answer. NoAnswer now where there is no git, and then
        as `ask`."""
        try:
            with _source(given) as source:
                process = subprocess.Popen(
                    ["git", *arguments],
                    cwd=root,
                    env=self._environment(),
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
        except OSError as error:
            raise NoAnswer(f"git cannot be started: {error.strerror}") from None
        _limit(process.pid)
        return partial(self._answer, process, arguments[0], fine)

    def _answer(self, process: subprocess.Popen[bytes], verb: str, fine: int) -> bytes:
        began = time.monotonic()
        seconds = max(0.0, min(SECONDS, self._left))
        try:
            answer = _read_all(process, began + seconds)
        except _TooMuch as error:
            _end(process)
            raise NoAnswer(f"git {verb} {error.words(seconds)}", ended=True) from None
        except BaseException:
            _end(process)
            raise
        finally:
            self._left -= time.monotonic() - began
        if process.returncode and process.returncode != fine:
            # Killed by a limit, or out of memory: 128 is what git says of everything else that it cannot do.
            ended = process.returncode < 0
            raise NoAnswer(
                f"git {verb} ended with {process.returncode}", ended=ended, status=process.returncode
            )
        return answer

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in self._environ.items() if not name.startswith("GIT_")}
        return own | {
            "GIT_DIR": self._own_folder(),
            "GIT_WORK_TREE": str(self.repository.top),
            "GIT_OBJECT_DIRECTORY": str(self.repository.common / "objects"),
            "GIT_INDEX_FILE": str(self.repository.folder / "index"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_PAGER": "cat",
            "LC_ALL": "C.UTF-8",
        }

    def _own_folder(self) -> str:
        if self._folder:
            return self._folder
        check_files(self.repository)
        self._folder = tempfile.mkdtemp(prefix="acorn-git-")
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        made = Path(self._folder)
        commit = resolve(self.repository, "HEAD")
        (made / "refs").mkdir()
        (made / "info").mkdir()
        (made / "HEAD").write_text(f"{commit or 'ref: refs/heads/none'}\n")
        (made / "config").write_text(_configuration(self.repository, wide=len(commit) == 64))
        for name in ("shallow", "info/exclude", "info/sparse-checkout"):
            content = _read(self.repository.common / name) or _read(self.repository.folder / name)
            if content:
                (made / name).write_bytes(content.encode("utf-8", "surrogateescape"))
        return self._folder


MOST: Final = 256 << 20
"""Bytes of one answer."""
AT_ONCE: Final = 20_000
"""Commits that are asked for at once."""


class _TooMuch(Exception):
    def __init__(self, *, late: bool) -> None:
        super().__init__()
        self.late = late

    def words(self, seconds: float) -> str:
        return f"took more than {seconds:.0f} seconds" if self.late else f"says more than {MOST >> 20} MiB"


@contextlib.contextmanager
def _source(given: bytes) -> Iterator[int]:
    """Where a process reads something: in a file, so that neither of the two waits for the other."""
    if not given:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(given)
        file.seek(0)
        yield file.fileno()


def _read_all(process: subprocess.Popen[bytes], until: float) -> bytes:
    """All that a process says, until it ends; _TooMuch beyond an instant (monotonic) or a size."""
    assert process.stdout is not None
    if os.name == "nt":  # a pipe cannot be waited for there
        try:
            return process.communicate(timeout=max(0.1, until - time.monotonic()))[0]
        except subprocess.TimeoutExpired:
            raise _TooMuch(late=True) from None
    parts: list[bytes] = []
    size = 0
    with process.stdout as stream, selectors.DefaultSelector() as ready:
        ready.register(stream, selectors.EVENT_READ)
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise _TooMuch(late=True)
            if not ready.select(left):
                continue
            part = os.read(stream.fileno(), 1 << 20)
            if not part:
                break
            parts.append(part)
            size += len(part)
            if size > MOST:
                raise _TooMuch(late=False)
    try:
        process.wait(max(0.1, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise _TooMuch(late=True) from None
    return b"".join(parts)


def heard(process: subprocess.Popen[bytes], seconds: float, memory: int) -> tuple[bytes, bytes]:
    """All that git says, and its words for people, once it has ended by itself. NoAnswer where it has not
    within so many seconds, or says more than a remote has to say: it is ended then. `memory`: bytes that it,
    and what it starts to talk to a remote, may take, each."""
    try:
        return _both(process, time.monotonic() + seconds, memory)
    except (_TooMuch, subprocess.TimeoutExpired) as error:
        _end(process)
        late = not isinstance(error, _TooMuch) or error.late
        words = f"no answer within {seconds:.0f} seconds" if late else f"it says more than {MOST >> 20} MiB"
        raise NoAnswer(words, ended=True) from None
    except BaseException:
        _end(process)
        raise


def _both(process: subprocess.Popen[bytes], until: float, memory: int) -> tuple[bytes, bytes]:
    """What a process says on both of its streams. _TooMuch as `_read_all`."""
    if os.name == "nt":  # a pipe cannot be waited for there
        return process.communicate(timeout=max(0.1, until - time.monotonic()))
    assert process.stdout is not None and process.stderr is not None
    said: dict[object, list[bytes]] = {process.stdout: [], process.stderr: []}
    size = 0
    with selectors.DefaultSelector() as ready:
        for stream in (process.stdout, process.stderr):
            ready.register(stream, selectors.EVENT_READ)
        while ready.get_map():
            for pid in (process.pid, *_children(process.pid)):
                _limit_memory(pid, memory)
            if time.monotonic() >= until:
                raise _TooMuch(late=True)
            for key, _ in ready.select(_LOOKS):
                part = os.read(key.fd, 1 << 20)
                if not part:
                    ready.unregister(key.fileobj)
                said[key.fileobj].append(part)
                size += len(part)
            if size > MOST:
                raise _TooMuch(late=False)
    process.wait(max(0.1, until - time.monotonic()))
    return b"".join(said[process.stdout]), b"".join(said[process.stderr])


_LOOKS: Final = 0.1
"""Seconds after which it is looked which processes there are."""


def _children(process: int) -> list[int]:
    """Processes that one has started, and those that they have."""
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and what it started to talk to a remote, or to check a signature: that one may hold on to a
    connection that says nothing."""
    for child in _children(process.pid):
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _limit(process: int) -> None:
    """So that a history that a stranger made ends git and not the machine, also when this process is ended
    first."""
    try:
        import resource
    except ImportError:
        return  # no limits on Windows: SECURITY.md says so
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(process, resource.RLIMIT_CPU, (int(SECONDS), int(SECONDS)))
    _limit_memory(process, MEMORY)


def _limit_memory(process: int, most: int) -> None:
    try:
        import resource
    except ImportError:
        return
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(process, resource.RLIMIT_DATA, (most, most))


def _configuration(repository: Repository, *, wide: bool) -> str:
    lines = ["[core]", "\tbare = false", f"\trepositoryformatversion = {int(wide)}"]
    for section, name, value in _settings(repository.common):
        known = section == "core" and name in _HARMLESS
        if known and re.fullmatch(r"[a-z]{1,8}", value):
            lines.append(f"\t{name} = {value}")
    # Blame shows what a commit says as it stands: it may name a code, in which its author is another one.
    lines += ["[i18n]", "\tlogOutputEncoding ="]
    if wide:
        lines += ["[extensions]", "\tobjectFormat = sha256"]
    return "\n".join(lines) + "\n"


AUTHENTIC: Final[Sequence[str]] = (
    "core.fsmonitor=false", f"core.hooksPath={os.devnull}", "protocol.ext.allow=never", "submodule.recurse=false",
    "fetch.recurseSubmodules=false", "push.recurseSubmodules=no", "protocol.git.allow=never", "core.askPass=",
    "core.alternateRefsCommand=true", "maintenance.auto=false", "gc.auto=0", "push.gpgSign=false",
)  # fmt: skip
"""Settings for a question that must use the repository's own configuration: addresses and credentials of
remotes."""


PROGRAMS: Final = r"^remote\..*\.(uploadpack|receivepack)$"
"""Settings that name a program for a remote, as a pattern of `git config --get-regexp`. Of several git takes
the first, so that no option overrules them."""


STRANGERS: Final = ("core.sshCommand=ssh", "credential.helper=")
"""More such settings, where a stranger's clone is looked at: what people choose for themselves is the usual
there."""


def authentic(repository: Repository) -> dict[str, str]:
    """Variables for such a question, so that nothing but the repository that was found can be meant."""
    return {
        "GIT_DIR": str(repository.folder),
        "GIT_COMMON_DIR": str(repository.common),
        "GIT_WORK_TREE": str(repository.top),
        "GIT_OBJECT_DIRECTORY": str(repository.common / "objects"),
        "GIT_INDEX_FILE": str(repository.folder / "index"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
        "GIT_NAMESPACE": "",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
