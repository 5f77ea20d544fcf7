"""Other ledgers that know the same marketplaces: of another environment, of another project or folder of the
repository, or of this environment before it kept its ledger elsewhere. Comes in: a workspace, the states of
an environment. Goes out: what those ledgers say of rights. Callers: `in_force`, `planning`.

A commit chooses the environment, the project's name, and the file of its ledger. What another ledger knows of
the same marketplaces binds all the same: that access is enforced there, and who may do what, where it was the
last to say so. What git carries is believed by nobody, and a ledger that cannot be read stops everybody.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from acorn_gitops.confine.database import database
from acorn_gitops.confine.files import writable
from acorn_gitops.confine.git import NoAnswer, Questions, find
from acorn_gitops.ledger.opening import is_ledger, may_be_ledger, open_ledger, unpacked
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.marketplaces.protocol import Fences
from acorn_gitops.model.finding import AcornError, MarketplaceError, PassesLink, Refused
from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.provenance import branch as kept_branch
from acorn_gitops.provenance.revision import once_named
from acorn_gitops.reconcile.by_hand import RIGHTS
from acorn_gitops.reconcile.ledger_branch import BRANCH, NONE, REMOTE, is_shared, name_on_branch
from acorn_gitops.reconcile.loosened import last_guards
from acorn_gitops.reconcile.states import States
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.project import FILE, LONGEST, is_quickly_read, ledgers_named, ledgers_plainly

_MOST: Final = 50
"""So many ledgers of the same stores are asked."""
_MOST_NAMED: Final = 5000
"""So many versions of acorn.yaml are looked at."""
_MOST_ODD: Final = 4 << 20
"""So many bytes of them may be written so that they take long to read, and cannot be looked through."""
_MOST_IN_ALL: Final = 1000
"""So many ledgers are opened."""
_PAGE: Final = 512
"""The size of every SQLite file is a multiple of it."""
_MOVE: Final = "where it is of no use any more, move it out of the repository's folder"


Row = tuple[str, str, Attributes]
"""A role or grant: type, key, attributes."""


class Said(NamedTuple):
    """What a ledger says of rights in a store."""

    at: str
    """When it spoke of them last; "" where it never did."""
    rows: Sequence[Row]
    heard: bool = True
    """Whether the store has heard of who says it, where it remembers that. What it has not heard of forbids,
    and permits nothing: anybody who may push could have written it."""


class Sibling(NamedTuple):
    """What another ledger says."""

    where: str
    guards: Sequence[Mapping[str, object]]
    """What guarded its last run (`loosened.last_guards`)."""
    gave: bool
    """Whether it ever knew of a right."""
    said: Mapping[str, Said]
    """By the name that a store has here, in the specs or, where it left them, in the ledger."""


def siblings_of(workspace: Workspace, state: States) -> Sequence[Sibling]:
    """Every other ledger that knows one of the stores, looked at once in a run. Refused where one cannot be
    read."""
    if state.siblings is None:
        with ExitStack() as opened:
            state.siblings = [*_Search(workspace, state, opened).run()]
    return state.siblings


def guards_everywhere(workspace: Workspace, state: States) -> list[Mapping[str, object]]:
    """What guarded the last run, by the own ledger and by every other one that knows a store: whoever names
    another ledger, or another environment of the same stores, leaves none of it behind."""
    theirs = (guards for one in siblings_of(workspace, state) for guards in one.guards)
    return [*last_guards(state.ledger), *theirs]


def recorded_elsewhere(
    workspace: Workspace, state: States, addresses: Iterable[Address]
) -> frozenset[Address]:
    """Those of our resources that another ledger has ever recorded."""
    wanted: dict[str, list[Address]] = {}
    for address in addresses:
        wanted.setdefault(address.store, []).append(address)
    with ExitStack() as opened:
        return frozenset(
            address
            for ledger, _, names in _Search(workspace, state, opened).knowing()
            for store, name in names
            for address in wanted.get(store, ())
            if ledger.recorded(address._replace(store=name))[0]
        )


def rows_of(told: Mapping[tuple[str, str], Attributes]) -> list[Row]:
    """The roles and grants among what people were told to make."""
    return [(*name, said) for name, said in told.items() if name[0] in RIGHTS]


def applied_in(ledger: Ledger, store: str) -> Iterator[Row]:
    """The roles and grants that were applied in a store."""
    for (type, key), one in ledger.applied(store).items():
        if type in RIGHTS:
            yield type, key, orjson.loads(one.attributes)


class _Search:
    """`opened` closes what was opened."""

    def __init__(self, workspace: Workspace, state: States, opened: ExitStack) -> None:
        self._workspace, self._state, self._open = workspace, state, opened

    def run(self) -> Iterator[Sibling]:
        """What each of them says."""
        for ledger, where, names in self.knowing():
            # Of several names that one of our stores may have there, each says something.
            while names:
                first = dict(reversed(names))
                names = [one for one in names if first[one[0]] != one[1]]
                said = {store: self._said(ledger, store, name) for store, name in first.items()}
                yield Sibling(where, guards=last_guards(ledger), gave=ledger.ever_gave(), said=said)

    def knowing(self) -> Iterator[tuple[Ledger, str, list[tuple[str, str]]]]:
        """Ledgers that know one of our stores, where they are, and our stores with their names there. Refused
        where there are too many."""
        found = 0
        for count, (ledger, where, near) in enumerate(self._found()):
            self._open.callback(ledger.close)
            names = [] if self._is_ours(ledger) else self._names(ledger, near=near)
            found += bool(names)
            if found > _MOST or count >= _MOST_IN_ALL:
                words = (
                    f"more than {_MOST} ledgers know the same stores"
                    if found > _MOST
                    else "there are too many ledgers"
                )
                raise Refused(f"{words}; nothing was written", hint=_MOVE)
            if names:
                yield ledger, where, names

    def _said(self, ledger: Ledger, store: str, name: str) -> Said:
        """What a ledger says of rights in one of our stores, which it calls `name`."""
        marketplace = self._state.marketplaces.get(self._state.connection_of(store))
        managed = marketplace is not None and marketplace.capabilities().get("role") == "managed"
        said = said_of(ledger, name, managed=managed)
        if not said.at or not isinstance(marketplace, Fences):
            return said
        try:
            if marketplace.generation(store, self._state.owner) is None:
                return said  # it remembers nobody
            found = marketplace.generation(store, ledger.owner())
        except MarketplaceError:
            return said._replace(heard=False)
        head = found.head if found is not None else ""
        if not head or not ledger.knows(head) or ledger.moved_since(name, head):
            return said._replace(heard=False)
        ledger.believe([head])
        return said_of(ledger, name, managed=managed)

    def _is_ours(self, ledger: Ledger) -> bool:
        """Whether our own ledger goes on where this one ends, as after a backup: it knows all that it
        says."""
        theirs = ledger.trail()
        return bool(theirs) and self._state.ledger.trail()[: len(theirs)] == theirs

    def _names(self, ledger: Ledger, *, near: bool) -> list[tuple[str, str]]:
        """Our stores that it knows, each with a name that it has, or once had, there. `near`: it lies in the
        folder of this project, whose embedded marketplaces are files there."""
        state, found = self._state, list[tuple[str, str]]()
        theirs = {name: where for name in ledger.stores() if (where := ledger.bindings(name))}
        # What left the specs is about to be deleted: it is asked for as well.
        for store in dict.fromkeys((*state.connections, *state.ledger.stores())):
            here = state.marketplaces_like(store)
            if not here or (not near and state.is_embedded(store)):
                continue
            if state.has_identity(store):
                found += [(store, name) for name, where in theirs.items() if where & here]
            elif theirs.get(store, frozenset()) & here:
                found.append((store, store))
        return found

    def _found(self) -> Iterator[tuple[Ledger, str, bool]]:
        seen = {Path(self._state.ledger.where).resolve()}
        for path, near in (*self._beside(), *self._named()):
            real = path.resolve()
            if real in seen or not path.is_file() or not may_be_ledger(path):
                continue
            seen.add(real)
            try:
                if not is_ledger(database(path, self._top if self._top in path.parents else path.parent)):
                    continue
                ledger = open_ledger(path)
                ledger.check_sound()
            except AcornError as error:
                # Also where git carries it, or what lies beside it: whoever proposed that chose what it says,
                # or wants it to be passed over.
                raise Refused(
                    f"another ledger, {path.name}, cannot be read: {error.message}; nothing was written",
                    hint=error.hint if isinstance(error, PassesLink) else _MOVE,
                ) from None
            yield ledger, self._short(path), near
        yield from self._of_the_branch()

    def _beside(self) -> Iterator[tuple[Path, bool]]:
        """Files where ledgers lie: below every `.acorn` of the repository, whether a project still lies
        beside it or not. No link is followed, and no repository inside this one is entered: what lies there
        was carried."""
        for folder in [self._workspace.home, *self._places()]:
            if not self._is_inside(folder / ".acorn"):
                continue
            for at, folders, names in os.walk(folder / ".acorn"):
                folders.sort()
                yield from (
                    (Path(at) / n, folder == self._workspace.home)
                    for n in sorted(names)
                    if self._is_inside(Path(at) / n)
                )

    def _places(self) -> Iterator[Path]:
        """Folders of the repository with an `.acorn` in them."""
        for at, folders, _ in os.walk(self._top):
            here = Path(at)
            if ".acorn" in folders and here != self._workspace.home:
                yield here
            folders[:] = sorted(
                one for one in folders if one not in (".git", ".acorn") and not (here / one / ".git").exists()
            )

    def _named(self) -> Iterator[tuple[Path, bool]]:
        """Files that an acorn.yaml names, or has ever named; outside of the repository those that the default
        branch keeps there, as for our own."""
        root, trust = self._workspace.home, self._workspace.trust
        branches = [f"{REMOTE}/{trust.default_branch}"] if trust.default_branch else []
        try:
            found, is_whole = once_named(
                root, FILE, most=_MOST_NAMED, longest=LONGEST, remote_branches=branches
            )
        except NoAnswer as error:
            raise Refused(
                f"git cannot tell which ledgers {FILE} has named ({error}); nothing was written",
                hint=f"`git log --raw --full-history -- {FILE}` shows what was asked",
            ) from None
        if not is_whole:
            # What older versions have named is not known; a ledger that lies here is found all the same.
            yield from self._lying()
        said: dict[bytes, list[str]] = {}
        odd = 0
        for folder, content in dict.fromkeys(found):
            if b"ledger" not in content and b"\\" not in content:
                continue  # the places that go without saying are below `.acorn`
            if content not in said:
                text = content.decode("utf-8", "replace")
                plainly = ledgers_plainly(text)
                odd += 0 if plainly is not None or is_quickly_read(text) else len(content)
                if odd > _MOST_ODD:
                    raise Refused(
                        f"versions of {FILE} take too long to read, up to {self._short(folder / FILE)};"
                        " nothing was written",
                        hint="it looks like no project file: take it out of the repository and its history",
                    )
                said[content] = plainly if plainly is not None else ledgers_named(text)
            for name in said[content]:
                if self._is_inside(folder / name) or (folder == root and trust.keeps_ledger(name)):
                    yield folder / name, folder == root

    def _lying(self) -> Iterator[tuple[Path, bool]]:
        """Every database in the folders of the repository, wherever it is and whatever it is called."""
        for at, folders, names in os.walk(self._top):
            here = Path(at)
            folders[:] = sorted(
                one for one in folders if one not in (".git", ".acorn") and not (here / one / ".git").exists()
            )
            for name in sorted(names):
                path = here / name
                with suppress(OSError):
                    size = path.lstat().st_size
                    if size and size % _PAGE == 0 and self._is_inside(path):
                        yield path, here.is_relative_to(self._workspace.home)

    def _is_inside(self, path: Path) -> bool:
        """Whether a path lies in the repository, and passes no link."""
        try:
            writable(path, self._top)
        except PassesLink:
            return False
        return True

    @cached_property
    def _top(self) -> Path:
        repository = find(self._workspace.home)
        return repository.top if repository is not None else self._workspace.home

    def _of_the_branch(self) -> Iterator[tuple[Ledger, str, bool]]:
        """AcornError where the branch cannot be asked that was chosen. Where none was, what cannot be asked
        is left aside: nobody is kept from applying by a remote that is away."""
        workspace = self._workspace
        chosen = workspace.environ.get("ACORN_LEDGER_BRANCH", "")
        branch = chosen or (BRANCH if is_shared(workspace) else "")
        if branch in ("", NONE):
            return
        own = name_on_branch(workspace, Path(self._state.ledger.where))
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        try:
            every = kept_branch.every(
                workspace.home, REMOTE, branch, ending=".gz", strangers=workspace.untrusted
            )
        except Refused:
            raise  # it is there, and too large to be looked into
        except AcornError:
            if chosen:
                raise
            return
        for number, (name, content) in enumerate(every):
            if name == own and chosen:
                continue  # it was brought here, and is what this run goes by
            try:
                ledger = unpacked(content, folder / f"{number}.db")
            except AcornError as error:
                raise Refused(
                    f"another ledger of {branch}, {name}, cannot be read: {error.message}; nothing was written",
                    hint=f"put an older commit of {branch} back, or take that file out of it",
                ) from None
            yield ledger, f"{name} on {branch}", False

    def _short(self, path: Path) -> str:
        root = self._workspace.home
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def projects_of(root: Path) -> Iterator[Path]:
    """The folders of all projects of the repository that git knows."""
    repository = find(root)
    if repository is None:
        return
    try:
        asked = Questions(repository).ask(repository.top, "ls-files", "-z", "--", f":(top,glob)**/{FILE}")
    except NoAnswer:
        return
    for name in asked.split(b"\0"):
        if name:
            yield (repository.top / name.decode("utf-8", "replace")).parent


def said_of(ledger: Ledger, store: str, *, managed: bool = False) -> Said:
    """What a ledger says of rights in one of its stores. `managed`: the marketplace has roles of its own, so
    that nobody is told to make them by hand, whatever the ledger says."""
    told = [] if managed else rows_of(ledger.by_hand(store))
    return Said(ledger.last_word(store), [*told, *applied_in(ledger, store)])
