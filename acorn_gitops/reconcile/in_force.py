"""Rights by what was last applied, for one who acts. Comes in: a workspace, the states of an environment.
Goes out: whether a right is in force in a store, and within which limits. Caller: `authority`.

What stores hold, what ledgers say that was applied, and what people were told to make where a marketplace has
no interface for roles. Of several ledgers that know one store of a marketplace (`siblings`), the one counts
that spoke last of rights there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from acorn_gitops.reconcile.loosened import enforces, is_enforced
from acorn_gitops.reconcile.merged_policies import merged_policies
from acorn_gitops.reconcile.siblings import Said, Sibling, applied_in, rows_of, siblings_of
from acorn_gitops.reconcile.workspace import Workspace

if TYPE_CHECKING:
    from acorn_gitops.engines.access import Right, Subject
    from acorn_gitops.model.typed import ConstraintsData
    from acorn_gitops.reconcile.siblings import Row
    from acorn_gitops.reconcile.states import States

    _Rights = Mapping[Right, list[ConstraintsData]]


def asking(workspace: Workspace, state: States) -> InForce | None:
    """The rights of whoever acts; None where access is enforced nowhere, and nobody has to ask."""
    from acorn_gitops.engines.access import acting

    who, today = acting(workspace.actor()), workspace.now().date().isoformat()
    everywhere = is_enforced(state.loaded.configuration, state.ledger)
    everywhere = everywhere or enforces(merged_policies(workspace, state.loaded))
    held = InForce(
        state,
        who,
        today,
        siblings=siblings_of(workspace, state),
        everywhere=everywhere,
        now=workspace.stamp(),
    )
    return held if everywhere or held.enforcers else None


class InForce:
    """The rights of one who acts (`who`), on a day and at an instant (ISO texts). `everywhere`: the specs,
    the own ledger or the default branch say that access is enforced; else it is in the stores of which
    another ledger says so."""

    def __init__(
        self,
        state: States,
        who: Subject,
        today: str,
        *,
        siblings: Sequence[Sibling],
        everywhere: bool,
        now: str,
    ) -> None:
        self.who, self.today, self.everywhere = who, today, everywhere
        self._now = now
        self._state, self._siblings = state, siblings
        self._stores: dict[str, tuple[_Rights | None, list[_Rights]]] = {}
        """By store, what is in force, and what it must be in besides."""
        self._each: dict[str, list[_Rights]] = {}
        """By store, what each of those says that spoke last."""
        self.enforcers = [one for one in siblings if enforces(one.guards)]
        """Other ledgers that say that access is enforced."""

    def asks(self, store: str) -> bool:
        """Whether rights are asked for in a store."""
        return self.everywhere or any(store in one.said for one in self.enforcers)

    def has(self, store: str, right: Right) -> bool:
        """Whether it holds. In a store without any grants yet it must hold somewhere; where there are none at
        all, the first apply makes them."""
        here, besides = self._said_in(store)
        if any(right not in found for found in besides):
            return False
        if here is not None:
            return right in here
        others = self._elsewhere()
        if not others and not self._ever_gave():
            return True
        return any(right in found for found in others)

    def limits(self, store: str, right: Right) -> list[Sequence[ConstraintsData]]:
        """Those that bind a right in a store, each of which has to leave room: of what one of them says, any
        does. Where no grant was applied yet, those of all other stores."""
        here, besides = self._said_in(store)
        if here is None:
            return [[one for found in self._elsewhere() for one in found.get(right, ())]]
        return [found.get(right, []) for found in (*self._each[store], *besides)]

    def stores(self) -> list[str]:
        """Every store that the specs or the ledger know, and in which rights are asked for."""
        known = {*self._state.loaded.configuration.stores, *self._state.ledger.stores()}
        return sorted(filter(self.asks, known))

    def _of(self, store: str) -> _Rights | None:
        """In a store; None where no grant was applied yet."""
        return self._said_in(store)[0]

    def _said_in(self, store: str) -> tuple[_Rights | None, list[_Rights]]:
        """In a store; None where no grant was applied yet. And what forbids all that it does not hold."""
        if store not in self._stores:
            last, besides = self._last_said(store)
            found = [self._in_force(self._with_theirs(store, rows)) for rows in last]
            more = [self._in_force(self._with_theirs(store, rows)) for rows in besides]
            self._each[store] = [one for one in found if one is not None]
            self._stores[store] = _common(found), [one for one in more if one is not None]
        return self._stores[store]

    def _with_theirs(self, store: str, rows: Iterable[Row]) -> Iterable[Row]:
        """What others manage there binds as well: it is what holds."""
        every = {row[:2]: row for row in (*self._state.foreign.get(store, []), *rows)}
        return every.values()

    def _last_said(self, store: str) -> tuple[list[Sequence[Row]], list[Sequence[Row]]]:
        """What the ledger says that spoke last of rights in a store; of several that spoke at one time, what
        each of them says. And what forbids besides: of ledgers whose clock is ahead, so that nobody knows
        whether they spoke later, and of those of which the store has not heard."""
        own = self._state.ledger
        mine = Said(own.last_word(store), [*self._told(store), *applied_in(own, store)])
        every = [mine, *(said for one in self._siblings if (said := one.said.get(store)) is not None)]
        heard = [one for one in every if one.at and one.heard]
        past = [one for one in heard if one.at <= self._now]
        last = max((one.at for one in past), default="")
        chosen = [one for one in past if one.at == last] or heard or [mine]
        besides = [one for one in every if one.at > last and not any(one is other for other in chosen)]
        return [one.rows for one in chosen], [one.rows for one in besides]

    def _told(self, store: str) -> Iterable[Row]:
        """What people make there by hand. Where the marketplace manages roles nobody is told, whatever a
        ledger says; of a store that has left only what stores have heard of counts."""
        connection = self._state.connections.get(store, "")
        marketplace = self._state.marketplaces.get(connection)
        if marketplace is None:
            return rows_of(self._state.ledger.ever_by_hand().get(store, {}))
        if marketplace.capabilities().get("role") == "managed":
            return []
        return rows_of(self._state.ledger.by_hand(store))

    def _ever_gave(self) -> bool:
        return self._state.ledger.ever_gave() or any(one.gave for one in self._siblings)

    def _elsewhere(self) -> list[_Rights]:
        self._state.read_rights()
        ever = self._state.ledger.ever_by_hand()
        stores = {*self._state.ledger.stores(), *self._state.foreign, *self._state.connections}
        here = [found for name in sorted(stores) if (found := self._of(name)) is not None]
        # Where the last store with rights is gone, those who had them are the ones who may give new ones.
        gone = (self._in_force(rows_of(told)) for told in ever.values())
        return here or [found for found in gone if found is not None]

    def _in_force(self, rows: Iterable[Row]) -> _Rights | None:
        from acorn_gitops.engines.access import in_force

        return in_force([*rows], [self.who], self.today)


def _common(found: Sequence[_Rights | None]) -> _Rights | None:
    """The rights that all of them give; None where none gives any. Whoever asks for limits asks each."""
    known = [one for one in found if one is not None]
    if len(known) < 2:
        return known[0] if known else None
    shared = set(known[0]).intersection(*known[1:])
    return {right: known[0][right] for right in shared}
