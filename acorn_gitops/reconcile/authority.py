"""Whether whoever applies may. Comes in: a plan, or rows for the ledger, who acts, the specs and what was last
applied. Goes out: who acts, in the words of the ledger, or a refusal. Callers: `preconditions`, and whoever
records or forgets without a write (`state rm`, `state rebuild`, `import`).

A right holds when the specs give it and what was last applied gave it already: what somebody writes into
their own role becomes a right by somebody else's apply, and what the specs take away is gone at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import orjson

from acorn_gitops.ledger.records import Settled
from acorn_gitops.model.finding import Finding, Misused, Refused
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.document import Plan
from acorn_gitops.reconcile.by_hand import as_judged
from acorn_gitops.reconcile.loosened import is_enforced
from acorn_gitops.reconcile.planning import as_recorded
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.specs.load import Loaded

if TYPE_CHECKING:
    from acorn_gitops.engines.access import Access, Right, Subject
    from acorn_gitops.model.resource import Address

    _Rights = Mapping[Right, list[Mapping[str, Any]]]
    from acorn_gitops.reconcile.states import States

_RIGHTS: Final = frozenset({"role", "grant"})


def refuse_another_time(workspace: Workspace) -> None:
    """ACORN_NOW is for looking ahead. Where something real is written, waivers, roles and the history go by
    the real clock."""
    if not workspace.environ.get("ACORN_NOW"):
        return
    connections = workspace.load().configuration.connections
    real = sorted(name for name, c in connections.items() if not _is_trial(str(c.get("url") or "sandbox:")))
    if real:
        raise Misused(
            f"ACORN_NOW is set, and {real[0]} is no sandbox on this machine: what is applied there goes by the real clock"
        )


def _is_trial(url: str) -> bool:
    """The embedded sandbox, or a server on this machine."""
    from urllib.parse import urlsplit

    return url.startswith("sandbox:") or urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def authorise(workspace: Workspace, loaded: Loaded, plan: Plan, state: States) -> str:
    """Who acts, with the emergency role that they use, if any. Where access is enforced, Refused when they
    lack a right."""
    from acorn_gitops.engines.access import Access, acting

    config, actor = loaded.configuration, workspace.actor()
    if not is_enforced(config, state.ledger):
        return actor
    today = workspace.now().date().isoformat()
    who, access = acting(actor), Access(config, today)
    held = _InForce(state, who, today)
    missing: dict[tuple[str, Right, str], int] = {}
    emergency: set[str] = set()
    # What people make by hand is nobody's write, and a promotion of theirs is limited like any other.
    by_hand = [one for one in as_judged([], state) if one.address.type == "promotion"]
    changes = [one for one in plan.changes if one.writes or _forgets(one)] + by_hand
    changes += _rights_recorded(plan, state)
    for change in changes:
        store = change.address.store
        rights = access.rights([who], store)
        # What a store that has left allows no spec can say any more: there counts what is in force.
        declared = store in config.stores
        for right in _needed(change):
            sources = rights.get(right, [])
            why = (
                "has no"
                if not sources and declared
                else ""
                if held.has(store, right)
                else "is only about to be given"
                if sources
                else "has no"
            )
            if why:
                missing[store, right, why] = missing.get((store, right, why), 0) + 1
            elif all(source.role.spec.get("breakGlass") is True for source in sources):
                emergency |= {source.role.name for source in sources}
    findings = [_finding(who, *key, count) for key, count in sorted(missing.items(), key=lambda m: m[0])]
    findings += _no_longer_enforced(loaded, state, who, held=held)
    findings += _beyond_limits(changes, who, access, held=held, depths=state.depths)
    if findings:
        raise Refused("whoever applies may not do this; nothing was written", findings=findings)
    if emergency:
        names = ", ".join(sorted(emergency))
        workspace.warn(
            [
                Finding(
                    "ACN-026",
                    "warning",
                    f"{who} uses the emergency role {names}; the history says so",
                    place=None,
                    hint="review what was done, and end the role",
                )
            ]
        )
        return f"{actor} (emergency role {names})"
    return actor


class _InForce:
    """Rights by what was last applied."""

    def __init__(self, state: States, who: Subject, today: str) -> None:
        self._state, self._who, self._today = state, who, today
        self._stores: dict[str, _Rights | None] = {}

    def of(self, store: str) -> _Rights | None:
        """In a store; None where no grant was applied yet."""
        from acorn_gitops.engines.access import in_force

        if store not in self._stores:
            rows = (
                (type, key, orjson.loads(applied.attributes))
                for (type, key), applied in self._state.ledger.applied(store).items()
                if type in ("role", "grant")
            )
            told = self._state.ledger.by_hand(store)
            by_hand = [(*name, said) for name, said in told.items() if name[0] != "promotion"]
            # What others manage there binds as well: it is what holds.
            theirs = self._state.foreign.get(store, [])
            mine = {row[:2]: row for row in (*by_hand, *rows)}
            every = [*mine.values(), *(row for row in theirs if row[:2] not in mine)]
            self._stores[store] = in_force(every, [self._who], self._today)
        return self._stores[store]

    def has(self, store: str, right: Right) -> bool:
        """Whether it holds. In a store without any grants yet it must hold somewhere; where there are none at
        all, the first apply makes them."""
        here = self.of(store)
        if here is not None:
            return right in here
        others = self._elsewhere()
        if not others and not self._state.ledger.ever_gave():
            return True
        return any(right in found for found in others)

    def limits(self, store: str, right: Right) -> list[Mapping[str, Any]]:
        """Those that bind a right in a store: where no grant was applied yet, those of all other stores."""
        here = self.of(store)
        if here is not None:
            return here.get(right, [])
        return [one for found in self._elsewhere() for one in found.get(right, ())]

    def _elsewhere(self) -> list[_Rights]:
        self._state.read_rights()
        ever = self._state.ledger.ever_by_hand()
        stores = {*self._state.ledger.stores(), *self._state.foreign, *self._state.connections, *ever}
        here = [found for name in sorted(stores) if (found := self.of(name)) is not None]
        # Where the last store with rights is gone, those who had them are the ones who may give new ones.
        return here or [found for told in ever.values() if (found := self._given(told)) is not None]

    def _given(self, told: Mapping[tuple[str, str], Mapping[str, Any]]) -> _Rights | None:
        from acorn_gitops.engines.access import in_force

        rows = [(*name, said) for name, said in told.items() if name[0] != "promotion"]
        return in_force(rows, [self._who], self._today)


def may_give(workspace: Workspace, loaded: Loaded, state: States) -> Callable[[str], bool]:
    """In which stores (by name) whoever applies may give rights: in all where access is not enforced."""
    from acorn_gitops.engines.access import Access, Right, acting

    if not is_enforced(loaded.configuration, state.ledger):
        return lambda _: True
    who, right, today = acting(workspace.actor()), Right("iam", "apply"), workspace.now().date().isoformat()
    access, held = Access(loaded.configuration, today), _InForce(state, who, today)
    stores = loaded.configuration.stores

    def may(store: str) -> bool:
        declared = store not in stores or right in access.rights([who], store)
        return declared and held.has(store, right)

    return may


def _no_longer_enforced(loaded: Loaded, state: States, who: Subject, *, held: _InForce) -> Iterator[Finding]:
    """Who ends that rights are asked for has the right to give them, in every store: from then on anybody may
    do anything."""
    from acorn_gitops.engines.access import Right

    if loaded.configuration.policies.get("access") == "enforced":
        return
    right = Right("iam", "apply")
    for store in sorted(loaded.configuration.stores):
        if not held.has(store, right):
            yield Finding(
                "ACN-024",
                "error",
                f"{who} has no {right} in {store}, and these specs no longer enforce access",
                place=None,
                hint="put `access: enforced` back, or let somebody apply it who may give rights",
            )


def _forgets(change: Change) -> bool:
    """Whether a change has the ledger forget what is still there: a right binds nobody any more then, and a
    price is watched by nobody."""
    return change.action == "forget" and change.reason != "gone"


def _rights_recorded(plan: Plan, state: States) -> list[Change]:
    """Rights that are in a store as declared and not as last applied: recorded, they count. Somebody made
    them there by hand, or an apply that died did."""
    rights = (one for one in as_recorded(state, plan.stores) if one.address.type in _RIGHTS)
    return [one for one in rights if one.before != one.after]


def _needed(change: Change) -> set[Right]:
    from acorn_gitops.engines.access import needed

    fields: Iterable[str] = (f.path for f in change.fields)
    if change.action in ("create", "replace"):
        fields = (change.after or {}).keys()
    return needed(change.address.type, change.action, fields)


def _finding(who: Subject, store: str, right: Right, why: str, count: int, *, what: str = "") -> Finding:
    """`what`: what needs it, in place of changes of a plan."""
    changes = f"{count:,} change{'s' * (count != 1)} of this plan need{'s' * (count == 1)}"
    changes = f"{what} needs" if what else changes
    words = (
        f"{who} has no {right} in {store}, which {changes}"
        if why == "has no"
        else f"{right} in {store}, which {changes}, is only about to be given to {who}: these specs give it, and nobody has"
        " applied that yet"
    )
    hint = (
        f"`acorn access --who {who} --what {right} --store {store}` says why; a RolePermission gives it"
        if why == "has no"
        else "let somebody who may give rights apply the role first"
    )
    return Finding("ACN-024", "error", words, place=None, hint=hint)


def _beyond_limits(
    changes: Iterable[Change],
    who: Subject,
    access: Access,
    held: _InForce,
    depths: Mapping[Address, Decimal | None],
) -> list[Finding]:
    """Promotions beyond what the right to apply them is limited to (`constraints`)."""
    from acorn_gitops.engines.access import Right

    right, found = Right("promo", "apply"), []
    for change in changes:
        if change.address.type != "promotion" or not change.writes or change.action == "delete":
            continue
        store = change.address.store
        by_specs = [dict(source.constraints) for source in access.rights([who], store).get(right, [])]
        for limits in (by_specs, [dict(one) for one in held.limits(store, right)]):
            if not limits or any(not _exceeds(change, depths, one) for one in limits):
                continue
            why = _exceeds(change, depths, limits[0])
            found.append(
                Finding(
                    "ACN-024",
                    "error",
                    f"{who} may apply promotions in {store} within limits only: {change.address.key} {why}",
                    place=None,
                    hint="let somebody with wider limits apply it, or make it smaller",
                )
            )
            break
    return found


def _exceeds(change: Change, depths: Mapping[Address, Decimal | None], limits: Mapping[str, Any]) -> str:
    """How a promotion exceeds a role's limits; empty where it does not."""
    after = {**(change.before or {}), **(change.after or {})}
    most, budget = limits.get("maxDiscountPercent"), limits.get("maxBudget")
    if most is not None:
        cut = depths.get(change.address)
        if cut is None or cut > Decimal(most):
            words = "an amount that cannot be computed" if cut is None else f"{cut} %"
            return f"takes {words} off, more than {most} %"
    if budget is not None:
        said = (after.get("limits") or {}).get("budget")
        if said is None:
            return f"has no budget, and {budget['value']} {budget['currency']} are allowed"
        if said["currency"] != budget["currency"] or Decimal(said["value"]) > Decimal(budget["value"]):
            return f"has a budget of {said['value']} {said['currency']}, more than {budget['value']} {budget['currency']}"
    return ""


def refuse_recording(workspace: Workspace, state: States, rows: Iterable[Settled]) -> None:
    """Refused where access is enforced, and whoever acts lacks the right to apply what these rows take into the
    ledger or out of it. Rights that are recorded count, and those that are forgotten bind nobody any more.
    What else is recorded is only as it was found."""
    from acorn_gitops.engines.access import acting, needed

    if not is_enforced(state.loaded.configuration, state.ledger):
        return
    who = acting(workspace.actor())
    held = _InForce(state, who, workspace.now().date().isoformat())
    missing: Counter[tuple[str, Right]] = Counter()
    for row in rows:
        address, forgotten = row.address, row.attributes is None
        if not forgotten and (address.type not in _RIGHTS or _is_as_applied(row, state)):
            continue
        for right in needed(address.type, "forget", ()):
            if not held.has(address.store, right):
                missing[address.store, right] += 1
    findings = [
        _finding(who, *key, why="has no", count=count, what="what is recorded or forgotten here")
        for key, count in sorted(missing.items())
    ]
    if findings:
        raise Refused("whoever acts may not; nothing was recorded or forgotten", findings=findings)


def _is_as_applied(row: Settled, state: States) -> bool:
    known = state.ledger.applied(row.address.store).get((row.address.type, row.address.key))
    return known is not None and orjson.loads(known.attributes) == row.attributes
