"""Whether whoever applies may. Comes in: a plan, or rows for the ledger, who acts, the specs and what was
last applied. Goes out: who acts, in the words of the ledger, or a refusal. Callers: `preconditions`, and
whoever records or forgets without a write (`state rm`, `state rebuild`, `import`).

A right holds when the specs give it and what was last applied gave it already: what somebody writes into
their own role becomes a right by somebody else's apply, and what the specs take away is gone at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson

from acorn_gitops.ledger.records import Settled
from acorn_gitops.marketplaces.protocol import Owns
from acorn_gitops.model.finding import Finding, Misused, Refused
from acorn_gitops.model.resource import Address, Desired
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.document import Plan
from acorn_gitops.reconcile.by_hand import RIGHTS, as_judged
from acorn_gitops.reconcile.in_force import InForce, asking
from acorn_gitops.reconcile.planning import as_recorded
from acorn_gitops.reconcile.states import Depth, declared
from acorn_gitops.reconcile.workspace import Workspace, present
from acorn_gitops.specs.load import Loaded, open_reader
from acorn_gitops.specs.project import read_project

if TYPE_CHECKING:
    from acorn_gitops.engines.access import Access, Right, Subject
    from acorn_gitops.model.typed import ConstraintsData

    _Rights = Mapping[Right, list[Mapping[str, object]]]
    from acorn_gitops.reconcile.states import States


RETIRE: Final = (
    "`acorn state retire NAME` on the ledger's branch; a file is moved out of the repository's folder"
)


def enforced_elsewhere(workspace: Workspace, loaded: Loaded, state: States) -> list[Finding]:
    """For whoever ends enforcement: where it stays, as another ledger says so."""
    if loaded.configuration.policies.get("access") == "enforced":
        return []
    held = asking(workspace, state)
    where = ", ".join(one.where for one in held.enforcers) if held is not None else ""
    words = f"access stays enforced in stores of which another ledger says so: {where}"
    hint = f"end it there, too; a ledger that is of no use any more is taken away ({RETIRE})"
    return [Finding("ACN-024", "warning", words, place=None, hint=hint)] if where else []


SKEW: Final = timedelta(minutes=5)
"""So far the clock of a workspace may be from this machine's."""


def refuse_another_time(workspace: Workspace) -> None:
    """ACORN_NOW is for looking ahead, and so is another clock of a workspace. Where something real is
    written, waivers, roles, freezes and the history go by the real clock, and what has to stand its time
    stands it: what a caller gave instead of them is not asked any more."""
    said = "ACORN_NOW is set" if workspace.environ.get("ACORN_NOW") else ""
    if not said and abs(workspace.now() - present()) > SKEW:
        said = "the clock of this workspace is not this machine's"
    connections = read_project(open_reader(workspace.root, None), workspace.environment).connections
    real = sorted(name for name, c in connections.items() if not _is_trial(str(c.get("url") or "sandbox:")))
    if real and not said:
        workspace.go_by_own_time()
    elif real:
        raise Misused(
            f"{said}, and {real[0]} is no sandbox on this machine: what is applied there goes by the real clock"
        )


def _is_trial(url: str) -> bool:
    """The embedded sandbox, or a server on this machine."""
    from urllib.parse import urlsplit

    return url.startswith("sandbox:") or urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def authorise(workspace: Workspace, loaded: Loaded, plan: Plan, state: States) -> str:
    """Who acts, with the emergency role that they use, if any. Where access is enforced, Refused when they
    lack a right."""
    held, actor = asking(workspace, state), workspace.actor()
    emergency = _emergencies(loaded, plan, state, held) if held is not None else set()
    if held is None or not emergency:
        return actor
    names = ", ".join(sorted(emergency))
    words = f"{held.who} uses the emergency role {names}; the history says so"
    hint = "review what was done, and end the role"
    workspace.warn([Finding("ACN-026", "warning", words, place=None, hint=hint)])
    return f"{actor} (emergency role {names})"


def _emergencies(loaded: Loaded, plan: Plan, state: States, held: InForce) -> set[str]:
    """The emergency roles that a plan takes. Refused where a right is missing."""
    from acorn_gitops.engines.access import Access

    who, config = held.who, loaded.configuration
    access = Access(config, held.today)
    missing: dict[tuple[str, Right, str], int] = {}
    emergency: set[str] = set()
    # What people make by hand is nobody's write, and a promotion of theirs is limited like any other.
    by_hand = [one for one in as_judged([], state) if one.address.type == "promotion"]
    changes = [one for one in plan.changes if one.writes or _forgets(one)] + by_hand
    changes += _recorded(plan, state)
    for change in changes:
        store = change.address.store
        if not held.asks(store):
            continue
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
    findings += _no_longer_enforced(loaded, held)
    findings += _beyond_limits(
        changes, who, access, held=held, depths=state.depths, stores=partial(_stores_of, state)
    )
    if findings:
        raise Refused("whoever applies may not do this; nothing was written", findings=findings)
    return emergency


def may_give(workspace: Workspace, loaded: Loaded, state: States, stores: Iterable[str]) -> set[str]:
    """In which of these stores whoever applies may give rights: in all where access is not enforced."""
    from acorn_gitops.engines.access import Access, Right

    right, declared = Right("iam", "apply"), loaded.configuration.stores
    held = asking(workspace, state)
    if held is None:
        return {*stores}
    access = Access(loaded.configuration, held.today)
    said = (s for s in stores if s not in declared or right in access.rights([held.who], s))
    return {store for store in said if not held.asks(store) or held.has(store, right)}


def _no_longer_enforced(loaded: Loaded, held: InForce) -> Iterator[Finding]:
    """Who ends that rights are asked for has the right to give them, in every store, declared or not: from
    then on anybody may do anything."""
    from acorn_gitops.engines.access import Right

    if loaded.configuration.policies.get("access") == "enforced":
        return
    right = Right("iam", "apply")
    others = ", ".join(one.where for one in held.enforcers)
    words = (
        "these specs no longer enforce access"
        if held.everywhere
        else f"{others} says that access is enforced there"
    )
    hint = (
        "put `access: enforced` back, or let somebody apply it who may give rights"
        if held.everywhere
        else "let somebody apply it who may give rights there, or end it there, too; a ledger that is of no use any more is"
        f" taken away ({RETIRE})"
    )
    for store in held.stores():
        if not held.has(store, right):
            message = f"{held.who} has no {right} in {store}, and {words}"
            yield Finding("ACN-024", "error", message, place=None, hint=hint)


def _forgets(change: Change) -> bool:
    """Whether a change has the ledger forget what is still there: a right binds nobody any more then, and a
    price is watched by nobody."""
    return change.action == "forget" and change.reason != "gone"


def _recorded(plan: Plan, state: States) -> list[Change]:
    """What a store holds as declared, and this plan would write down. Rights that are not as last applied:
    recorded, they count. And where owners are kept, whatever was never applied: recorded, it bears our mark,
    and is deleted when it leaves the specs. Somebody made it there by hand, or an apply that died did."""
    found = [
        one
        for one in as_recorded(state, plan.stores)
        if one.before != one.after and one.address.type in RIGHTS
    ]
    known = {one.address for one in found}
    for store in plan.stores:
        if not store.to_record or not isinstance(state.marketplaces.get(store.connection), Owns):
            continue
        applied = state.ledger.applied(store.store)
        for address in store.to_record:
            want = declared(state, address)
            if want is not None and (address.type, address.key) not in applied and address not in known:
                found.append(_made(address, want))
    return found


def _made(address: Address, want: Desired) -> Change:
    """What is there already, as if this plan made it: taking it over is no less."""
    after = want.attributes
    return Change(
        "create", address, "exists", before=None, after=after, fields=(), origin=want.origin, fingerprint=""
    )


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


def _stores_of(state: States, change: Change) -> int:
    """In how many stores the specs want what a change writes."""
    key = (change.address.type, change.address.key)
    return max(sum(key in shard for shard in state.desired.stores.values()), 1)


def _beyond_limits(
    changes: Iterable[Change],
    who: Subject,
    access: Access,
    held: InForce,
    depths: Mapping[Address, Depth],
    *,
    stores: Callable[[Change], int],
) -> list[Finding]:
    """Promotions beyond what the right to apply them is limited to (`constraints`). `stores`: in how many
    stores the specs want a promotion; each of them may spend its whole budget."""
    from acorn_gitops.engines.access import Right

    right, found = Right("promo", "apply"), []
    for change in changes:
        if change.address.type != "promotion" or not change.writes:
            continue
        store = change.address.store
        by_specs = [source.constraints for source in access.rights([who], store).get(right, [])]
        for limits in (by_specs, *held.limits(store, right)):
            if not limits or any(not _exceeds(change, depths, one, stores(change)) for one in limits):
                continue
            why = _exceeds(change, depths, limits[0], stores(change))
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


def _exceeds(change: Change, depths: Mapping[Address, Depth], limits: ConstraintsData, stores: int) -> str:
    """How a promotion exceeds a role's limits; empty where it does not. The end of one may, too: what others
    take off in its place."""
    after = {**(change.before or {}), **(change.after or {})}
    most, budget = limits.get("maxDiscountPercent"), limits.get("maxBudget")
    if most is not None:
        cut, gone = depths.get(change.address, Depth(None))
        if cut is None or cut > Decimal(most):
            words = "an amount that cannot be computed" if cut is None else f"{cut} %"
            what = "ends, and what then holds takes" if change.action == "delete" else "takes"
            if gone:
                what = f"is made anew, and while {change.former.key} is gone what then holds takes"
            return f"{what} {words} off, more than {most} %"
    if change.action == "delete":
        return ""
    if budget is not None:
        said = (after.get("limits") or {}).get("budget")
        if said is None:
            return f"has no budget, and {budget['value']} {budget['currency']} are allowed"
        if said["currency"] != budget["currency"] or Decimal(said["value"]) * stores > Decimal(
            budget["value"]
        ):
            each = f" in each of {stores} stores" if stores > 1 else ""
            return (
                f"has a budget of {said['value']} {said['currency']}{each}, more than {budget['value']}"
                f" {budget['currency']}"
            )
    return ""


def refuse_recording(workspace: Workspace, state: States, rows: Iterable[Settled]) -> None:
    """Refused where access is enforced, and whoever acts lacks the right to apply what these rows take into
    the ledger or out of it. Rights that are recorded count, and those that are forgotten bind nobody any
    more. What else is recorded is only as it was found."""
    from acorn_gitops.engines.access import needed

    refuse_another_time(workspace)
    held = asking(workspace, state)
    if held is None:
        return
    missing: Counter[tuple[str, Right]] = Counter()
    for row in rows:
        address, forgotten = row.address, row.attributes is None
        if not held.asks(address.store) or (
            not forgotten and (address.type not in RIGHTS or _is_as_applied(row, state))
        ):
            continue
        lacking = (
            right for right in needed(address.type, "forget", ()) if not held.has(address.store, right)
        )
        missing.update((address.store, right) for right in lacking)
    what = "what is recorded or forgotten here"
    findings = [
        _finding(held.who, *key, "has no", count, what=what) for key, count in sorted(missing.items())
    ]
    if findings:
        raise Refused("whoever acts may not; nothing was recorded or forgotten", findings=findings)


def _is_as_applied(row: Settled, state: States) -> bool:
    known = state.ledger.applied(row.address.store).get((row.address.type, row.address.key))
    return known is not None and orjson.loads(known.attributes) == row.attributes
