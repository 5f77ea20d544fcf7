"""Which addresses may be asked, and given secrets. Comes in: a repository, a connection as the specs say it.
Goes out: nothing where it is trusted, else why not. Callers: cli `session`, `trust`.

A pull request can change every file that it touches, and with them where a secret would be sent. So a
connection counts as a whole: adapter, address, reference of its secret and options must stand so in
acorn.yaml of the default branch, as the remote last had it, or in a file of the user's own that lies outside
the repository. What cannot be known is not trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from acorn_gitops.confine.files import replace
from acorn_gitops.confine.git import NoAnswer, Questions, find, has_any_remote, has_remote, resolve, symbolic
from acorn_gitops.model.finding import AcornError
from acorn_gitops.specs.project import FILE, Targets, settings_of, spelled, spelled_route, targets_of

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ProjectData, RouteData

REMOTE: Final = "origin"
_PREFIX: Final = f"refs/remotes/{REMOTE}/"
_MOST: Final = 4 << 20
"""Bytes of acorn.yaml that are looked at."""


class Trust:
    """Of one repository. Git and the user's file are asked once, when the first connection is."""

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._root = root
        self._environ = environ

    def refusal(self, settings: Mapping[str, object]) -> str:
        """Why a connection is not trusted; empty where it is."""
        wanted = spelled(settings)
        if wanted in self._own or wanted in self._merged[0].connections:
            return ""
        if self._merged[1]:
            return f"{self._merged[1]}, and {self._own_name()} does not name it"
        return f"the default branch ({self._branch}) does not name it so, and neither does {self._own_name()}"

    def trusts_ledger(self, environment: str, path: str) -> bool:
        """Whether the default branch keeps an environment's ledger at this path."""
        return self._merged[0].ledgers.get(environment) == path

    def keeps_ledger(self, path: str) -> bool:
        """Whether the default branch keeps the ledger of any environment at this path."""
        return path in self._merged[0].ledgers.values()

    def route_refusal(self, name: str, route: RouteData, *, named: bool) -> str:
        """Why alerts are not sent by a route: its address stands in acorn.yaml, or is `named` there
        (`env:NAME`: there are variables whose words a stranger chooses), and the default branch does not
        say it so. Empty where it does; and for a named one where there is no remote, and so no stranger."""
        targets, unknown = self._merged
        if targets.routes.get(name) == spelled_route(route):
            return ""
        repository = find(self._root)
        if named and (repository is None or not has_any_remote(repository)):
            return ""
        return unknown or f"the default branch ({self._branch}) does not name this route so: merge it first"

    def remember(self, settings: Mapping[str, object]) -> Path:
        """Trust a connection on this machine from now on. AcornError where the user's file cannot be written,
        or would lie in the repository."""
        file = self.own_file()
        entries = sorted({*self._own, spelled(settings)})
        content = {"format_version": "1.0", "connections": [orjson.loads(entry) for entry in entries]}
        try:
            replace(file, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n", root=file.parent)
        except OSError as error:
            raise AcornError(f"{file} cannot be written: {error.strerror}") from None
        self.__dict__.pop("_own", None)
        return file

    def own_file(self) -> Path:
        """ACORN_TRUST_FILE, or `acorn/trusted.json` in the user's folder for settings. AcornError where it
        lies in the repository, in which a pull request could write it."""
        chosen = self._environ.get("ACORN_TRUST_FILE")
        base = self._environ.get("XDG_CONFIG_HOME") or self._environ.get("APPDATA")
        home = self._environ.get("HOME")
        if not chosen and not base and not home:
            raise AcornError("there is no home folder for what is trusted", hint="set ACORN_TRUST_FILE")
        file = (
            Path(chosen)
            if chosen
            else (Path(base) if base else Path(home or "", ".config")) / "acorn" / "trusted.json"
        )
        file = Path.cwd() / file
        real = file.resolve()
        if self._root in real.parents:
            raise AcornError(
                f"what is trusted cannot be kept in the repository ({file})",
                hint="let ACORN_TRUST_FILE name a file outside it",
            )
        return file

    def _own_name(self) -> str:
        try:
            return str(self.own_file())
        except AcornError:
            return "a file of yours"

    @cached_property
    def _own(self) -> frozenset[bytes]:
        try:
            document = orjson.loads(self.own_file().read_bytes())
            return frozenset(spelled(entry) for entry in document["connections"])
        except (AcornError, OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return frozenset()

    @property
    def default_branch(self) -> str:
        """The name of the default branch; "" where nobody says which that is."""
        return self._default_branch.removeprefix(_PREFIX)

    @property
    def _branch(self) -> str:
        return self._default_branch.removeprefix("refs/remotes/")

    @cached_property
    def _default_branch(self) -> str:
        """The reference of the default branch, as the remote last had it; "" where nobody says which that
        is."""
        name = self._environ.get("ACORN_DEFAULT_BRANCH") or self._environ.get("CI_DEFAULT_BRANCH")
        name = name or _of_event(self._environ.get("GITHUB_EVENT_PATH"))
        if name:
            return _PREFIX + name
        repository = find(self._root)
        found = symbolic(repository, f"{_PREFIX}HEAD") if repository is not None else ""
        return found if found.startswith(_PREFIX) else ""

    @cached_property
    def _merged(self) -> tuple[Targets, str]:
        """What the default branch names, or why it cannot be known."""
        nothing = Targets(frozenset(), {}, {})
        repository = find(self._root)
        if repository is None:
            return nothing, "this is no clone of a repository, so that no default branch says what is trusted"
        if not self._default_branch and not has_remote(repository, REMOTE):
            return (
                nothing,
                f"this repository has no remote {REMOTE}, so that no default branch says what is trusted",
            )
        if not self._default_branch:
            return nothing, (
                f"nobody says which branch of {REMOTE} is the default one (`git remote set-head {REMOTE} --auto` asks it;"
                " in CI set ACORN_DEFAULT_BRANCH)"
            )
        commit = resolve(repository, self._default_branch)
        short = self._default_branch.removeprefix(_PREFIX)
        missing = (
            f"the default branch is not here (`git fetch {REMOTE} +{short}:{self._default_branch}` brings it)"
        )
        if not commit:
            return nothing, missing
        if not repository.cloned:
            return nothing, (
                "this is a submodule, so that the repository around it, which anybody may propose to change, says where it comes from"
            )
        text, why = self._file_of(commit)
        if text is None:
            return nothing, why or f"the default branch holds no {FILE}, or {missing}"
        found = targets_of(text)
        return (found, "") if found is not None else (nothing, f"{FILE} of the default branch cannot be read")

    @property
    def default_commit(self) -> str:
        """The commit at which this clone last saw the default branch; "" where it has not."""
        repository = find(self._root)
        if repository is None or not self._default_branch:
            return ""
        return resolve(repository, self._default_branch)

    def settings(self, commit: str = "") -> ProjectData | None:
        """`spec` of acorn.yaml as the default branch has it: in a commit of it, or as this clone last saw
        it. Empty where this clone has seen no default branch, or that one never had an acorn.yaml here;
        None where it is there and cannot be read, is not there any more, or where nobody can tell."""
        repository = find(self._root)
        if repository is None:
            return {}
        commit = commit or self.default_commit
        text = self._file_of(commit)[0] if commit else None
        if text is None:
            gone = commit and (self._has_file(commit) or self._had_file(commit) is not False)
            return None if gone else {}
        return settings_of(text) or None

    def _has_file(self, commit: str) -> bool:
        """Whether a commit holds acorn.yaml, whatever it is; so it counts where git cannot tell."""
        repository = find(self._root)
        assert repository is not None
        path = (self._root.relative_to(repository.top) / FILE).as_posix()
        try:
            questions = Questions(repository, self._environ)
            return bool(
                questions.ask(self._root, "ls-tree", "--full-tree", commit, "--", f":(literal){path}")
            )
        except NoAnswer:
            return True

    def may_be_new(self, commit: str) -> bool:
        """Whether a commit holds no acorn.yaml here, and this clone lacks the history that could tell whether
        there ever was one: a project that is about to be merged for the first time looks so."""
        return bool(commit) and not self._has_file(commit) and self._had_file(commit) is None

    def _had_file(self, commit: str) -> bool | None:
        """Whether acorn.yaml was there, or elsewhere, where what is checked out left a branch: it was
        moved, or taken out, since, here or there. None where nobody can tell."""
        repository = find(self._root)
        assert repository is not None
        questions = Questions(repository, self._environ)
        try:
            base = questions.ask(self._root, "merge-base", "HEAD", commit).decode().strip()
            return self._has_file(base) or self._was_moved(questions, commit)
        except NoAnswer as error:
            return None if error.status != 1 or self._is_cut_off(questions) else False

    def _was_moved(self, questions: Questions, commit: str) -> bool:
        """Whether a project file of a branch is gone in what is checked out."""
        asked = ("diff", "--no-renames", "--diff-filter=D", "--name-only", "-z", commit, "HEAD")
        return bool(questions.ask(self._root, *asked, "--", f":(top,glob)**/{FILE}"))

    def _is_cut_off(self, questions: Questions) -> bool:
        try:
            return questions.is_cut_off(self._root)
        except NoAnswer:
            return True

    def _file_of(self, commit: str) -> tuple[str | None, str]:
        """The text of acorn.yaml in a commit; None, with a reason where one is known."""
        repository = find(self._root)
        assert repository is not None
        path = (self._root.relative_to(repository.top) / FILE).as_posix()
        questions = Questions(repository, self._environ)
        try:
            size = int(questions.ask(self._root, "cat-file", "-s", f"{commit}:{path}"))
            if size > _MOST:
                return None, f"{FILE} of the default branch is too large"
            return questions.ask(self._root, "cat-file", "blob", f"{commit}:{path}").decode(), ""
        except (NoAnswer, ValueError):
            return None, ""


def _of_event(file: str | None) -> str:
    """GitHub tells a job's default branch in the event that began it, a file that the runner writes."""
    if not file:
        return ""
    try:
        with Path(file).open("rb") as event:
            found = orjson.loads(event.read(_MOST))["repository"]["default_branch"]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) else ""


def secrets_folder(environ: Mapping[str, str], root: Path) -> Path:
    """The folder that `file:` secrets come from: ACORN_SECRETS_DIR, outside the repository. AcornError where
    there is none."""
    chosen = environ.get("ACORN_SECRETS_DIR")
    if not chosen:
        raise AcornError(
            "no folder for secrets is named",
            hint="set ACORN_SECRETS_DIR to a folder outside the repository; file:NAME is a file in it",
        )
    folder = Path(chosen).resolve()
    if folder == root or root in folder.parents:
        raise AcornError(
            f"secrets cannot lie in the repository ({chosen})",
            hint="let ACORN_SECRETS_DIR name a folder outside it",
        )
    return folder


def is_loopback(host: str) -> bool:
    """Whether a host name can only mean this machine."""
    import ipaddress

    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
