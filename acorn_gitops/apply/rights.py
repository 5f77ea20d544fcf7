"""The order of rights: what a change of rights waits for. Comes in: the changes of a plan, what became of
them so far. Goes out: why a change is not sent. Caller: `run`.

A grant gives whatever its role is at the marketplace at that moment, and a role gives to whoever holds it
then. So people are taken out first, then roles change, then people are let in; and where one of these did not
happen, what stands on it does not happen either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from acorn_gitops.marketplaces.protocol import Outcome
from acorn_gitops.model.resource import Address
from acorn_gitops.plan.change import Change


class RightsOrder:
    """Of one run."""

    def __init__(self, changes: Iterable[Change], outcomes: Mapping[Address, Outcome]) -> None:
        self._outcomes = outcomes
        self._roles: dict[tuple[str, str], Change] = {}
        self._leaving: dict[tuple[str, str], list[Change]] = {}
        for change in changes:
            store = change.address.store
            if change.address.type == "role":
                self._roles[store, change.address.key] = change
            elif change.address.type == "grant" and change.action == "delete":
                role = str((change.before or {}).get("role"))
                self._leaving.setdefault((store, role), []).append(change)

    def why_not(self, change: Change) -> str:
        """Why a change is not sent; empty where it may be."""
        store = change.address.store
        if change.address.type == "grant" and change.action != "delete":
            role = self._roles.get((store, str((change.after or {}).get("role"))))
            if role is not None and not self._is_done(role):
                return f"the role {role.address.key} is not there as these specs say it"
        if change.address.type == "role" and change.action != "delete":
            names = (change.address.key, change.former.key)
            left = [one for name in names for one in self._leaving.get((store, name), ())]
            for one in left:
                if not self._is_done(one):
                    return f"{one.address.key} still has it: the grant could not be taken away"
        return ""

    def _is_done(self, change: Change) -> bool:
        outcome = self._outcomes.get(change.address)
        return outcome is not None and outcome.status == "observed"
