"""Rights by what was last applied, for one who acts. Comes in: a workspace, the states of an environment. Goes
out: whether a right is in force in a store, and within which limits. Caller: `authority`.

What stores hold, what ledgers say that was applied, and what people were told to make where a marketplace has
no interface for roles. Of several ledgers that know one store of a marketplace (`siblings`), the one counts
that spoke last of rights there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson

from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.reconcile.loosened import is_enforced
from acorn_gitops.reconcile.siblings import Siblings
from acorn_gitops.reconcile.workspace import Workspace

if TYPE_CHECKING:
    from acorn_gitops.engines.access import Right, Subject
    from acorn_gitops.model.resource import Attributes
    from acorn_gitops.reconcile.states import States

    _Rights = Mapping[Right, list[Mapping[str, Any]]]
    _Row = tuple[str, str, Attributes]

RIGHTS: Final = frozenset({"role", "grant"})


@contextmanager
def asking(workspace: Workspace, state: States) -> Iterator[InForce | None]:
    """The rights of whoever acts; None where access is enforced nowhere, and nobody has to ask."""
    from acorn_gitops.engines.access import acting

    who, today = acting(workspace.actor()), workspace.now().date().isoformat()
    with Siblings(workspace, state) as siblings:
        everywhere = is_enforced(state.loaded.configuration, [state.ledger])
        held = InForce(state, who, today, siblings=siblings, everywhere=everywhere)
        yield held if everywhere or held.enforcers else None


class InForce:
    """The rights of one who acts (`who`), on a day (ISO text). `everywhere`: the specs or the own ledger say
    that access is enforced; else it is in the stores of which another ledger says so."""

    def __init__(
        self, state: States, who: Subject, today: str, *, siblings: Siblings, everywhere: bool
    ) -> None:
        self.who, self.today, self.everywhere = who, today, everywhere
        self._state, self._siblings = state, siblings
        self._stores: dict[str, _Rights | None] = {}
        self.enforcers = [one for one in siblings.every if is_enforced(None, [one.ledger])]
        """Other ledgers that say that access is enforced."""

    def asks(self, store: str) -> bool:
        """Whether rights are asked for in a store."""
        return self.everywhere or any(store in one.names for one in self.enforcers)

    def has(self, store: str, right: Right) -> bool:
        """Whether it holds. In a store without any grants yet it must hold somewhere; where there are none at
        all, the first apply makes them."""
        here = self._of(store)
        if here is not None:
            return right in here
        others = self._elsewhere()
        if not others and not self._ever_gave():
            return True
        return any(right in found for found in others)

    def limits(self, store: str, right: Right) -> list[Mapping[str, Any]]:
        """Those that bind a right in a store: where no grant was applied yet, those of all other stores."""
        here = self._of(store)
        if here is not None:
            return here.get(right, [])
        return [one for found in self._elsewhere() for one in found.get(right, ())]

    def stores(self) -> list[str]:
        """Every store that the specs or the ledger know, and in which rights are asked for."""
        known = {*self._state.loaded.configuration.stores, *self._state.ledger.stores()}
        return sorted(filter(self.asks, known))

    def _of(self, store: str) -> _Rights | None:
        """In a store; None where no grant was applied yet."""
        if store not in self._stores:
            found = [self._in_force(self._with_theirs(store, rows)) for rows in self._last_said(store)]
            self._stores[store] = _common(found)
        return self._stores[store]

    def _with_theirs(self, store: str, rows: Iterable[_Row]) -> Iterable[_Row]:
        """What others manage there binds as well: it is what holds."""
        every = {row[:2]: row for row in (*self._state.foreign.get(store, []), *rows)}
        return every.values()

    def _last_said(self, store: str) -> list[list[_Row]]:
        """What the ledger says that spoke last of rights in a store; of several that spoke at one time, what
        each of them says."""
        own = self._state.ledger
        said = [(own.last_word(store), [*self._told(store), *_applied(own, store)])]
        for one in self._siblings.every:
            name = one.names.get(store)
            if name is not None and (at := one.ledger.last_word(name)):
                said.append((at, [*_rows(one.ledger.by_hand(name)), *_applied(one.ledger, name)]))
        last = max(at for at, _ in said)
        return [rows for at, rows in said if at == last]

    def _told(self, store: str) -> Iterable[_Row]:
        """What people make there by hand. Where the marketplace manages roles nobody is told, whatever a
        ledger says; of a store that has left only what stores have heard of counts."""
        connection = self._state.connections.get(store, "")
        marketplace = self._state.marketplaces.get(connection)
        if marketplace is None:
            return _rows(self._state.ledger.ever_by_hand().get(store, {}))
        if marketplace.capabilities().get("role") == "managed":
            return []
        return _rows(self._state.ledger.by_hand(store))

    def _ever_gave(self) -> bool:
        return any(one.ever_gave() for one in (self._state.ledger, *self._siblings.ledgers))

    def _elsewhere(self) -> list[_Rights]:
        self._state.read_rights()
        ever = self._state.ledger.ever_by_hand()
        stores = {*self._state.ledger.stores(), *self._state.foreign, *self._state.connections}
        here = [found for name in sorted(stores) if (found := self._of(name)) is not None]
        # Where the last store with rights is gone, those who had them are the ones who may give new ones.
        gone = (self._in_force(_rows(told)) for told in ever.values())
        return here or [found for found in gone if found is not None]

    def _in_force(self, rows: Iterable[_Row]) -> _Rights | None:
        from acorn_gitops.engines.access import in_force

        return in_force([*rows], [self.who], self.today)


def _common(found: Sequence[_Rights | None]) -> _Rights | None:
    """The rights that all of them give, with the limits of the first; None where none gives any."""
    known = [one for one in found if one is not None]
    if len(known) < 2:
        return known[0] if known else None
    shared = set(known[0]).intersection(*known[1:])
    return {right: known[0][right] for right in shared}


def _applied(ledger: Ledger, store: str) -> Iterator[_Row]:
    for (type, key), one in ledger.applied(store).items():
        if type in RIGHTS:
            yield type, key, orjson.loads(one.attributes)


def _rows(told: Mapping[tuple[str, str], Attributes]) -> list[_Row]:
    return [(*name, said) for name, said in told.items() if name[0] in RIGHTS]
