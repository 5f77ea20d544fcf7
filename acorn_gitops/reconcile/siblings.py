"""Other ledgers of one project that know the same marketplaces: of another environment, or of this one before it
kept its ledger elsewhere. Comes in: a workspace, the states of an environment. Goes out: those ledgers, to be
read. Caller: `authority`.

A commit chooses the environment and the file of its ledger. A ledger that begins anew knows of no right, and
would let the first apply be anybody's; what another one knows of these marketplaces binds until then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final

from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.ledger.sqlite import open_ledger, unpacked
from acorn_gitops.model.finding import AcornError
from acorn_gitops.provenance import branch as kept_branch
from acorn_gitops.reconcile.ledger_branch import NONE, REMOTE, name_on_branch
from acorn_gitops.reconcile.states import States
from acorn_gitops.reconcile.workspace import Workspace

_MOST: Final = 50
"""So many files are looked at."""


class Siblings:
    """The other ledgers, open while this is entered. None where the own one says what guarded its last
    run."""

    def __init__(self, workspace: Workspace, state: States) -> None:
        self._workspace, self._state = workspace, state
        self._open = ExitStack()
        self.ledgers: list[Ledger] = []

    def __enter__(self) -> Siblings:
        if not self._state.ledger.last_guards() and not self._state.ledger.unheard():
            here = {one for store in self._state.connections if (one := self._state.marketplace_of(store))}
            for ledger in (*self._of_this_machine(), *self._of_the_branch()):
                self._open.callback(ledger.close)
                if self._is_of_this_project(ledger) and here & {*map(ledger.binding, ledger.stores())}:
                    self.ledgers.append(ledger)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def names_of(self, ledger: Ledger, store: str) -> list[str]:
        """What a store of ours is called in another ledger."""
        where = self._state.marketplace_of(store)
        same = [name for name in ledger.stores() if where and ledger.binding(name) == where]
        # Where a marketplace goes by our names, all of its stores are on one.
        return [store] if store in same else [] if len(same) > 1 else same

    def _of_this_machine(self) -> Iterator[Ledger]:
        own = Path(self._state.ledger.where).resolve()
        folder = self._workspace.root / ".acorn"
        for path in islice(sorted(folder.rglob("*.db")), _MOST):
            if path.resolve() != own and not path.is_symlink() and not path.name.startswith("sandbox"):
                with suppress(AcornError):
                    yield open_ledger(path)

    def _of_the_branch(self) -> Iterator[Ledger]:
        """AcornError where the branch cannot be asked."""
        workspace = self._workspace
        branch = workspace.environ.get("ACORN_LEDGER_BRANCH", "")
        if branch in ("", NONE):
            return
        own = name_on_branch(workspace, Path(self._state.ledger.where))
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        names = [one for one in kept_branch.names(workspace.root, REMOTE, branch) if one.endswith(".gz")]
        for number, name in enumerate(islice((one for one in names if one != own), _MOST)):
            kept = kept_branch.fetch(workspace.root, REMOTE, branch, name)
            with suppress(AcornError):
                if kept.content is not None:
                    yield unpacked(kept.content, folder / f"{number}.db")

    def _is_of_this_project(self, ledger: Ledger) -> bool:
        return ledger.owner().partition("/")[0] == self._state.owner.partition("/")[0]
