"""From checked specs to a plan: the order of events that `plan`, `apply`, `drift` and `import` share. Comes in: a
session, loaded specs, a selection. Goes out: desired, live and last-applied state, compared. Callers: verbs.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import click

from acorn_gitops.apply.fresh import check_not_empty
from acorn_gitops.cli import guards
from acorn_gitops.cli.price_history import PriceHistory
from acorn_gitops.cli.remembered import Keys, Remembered
from acorn_gitops.cli.session import Session
from acorn_gitops.compile.configuration import compile_configuration, connections_of
from acorn_gitops.compile.desired_state import DesiredState, Key
from acorn_gitops.ledger.ledger import Ledger, open_ledger
from acorn_gitops.marketplaces.protocol import Fits, Marketplace, Scope, Snapshot
from acorn_gitops.model.finding import Finding, MarketplaceError
from acorn_gitops.model.resource import Address, Attributes, Desired, Live
from acorn_gitops.plan.budgets import GUARDS
from acorn_gitops.plan.change import Applied, Change, StoreResult
from acorn_gitops.plan.diff import Policy, diff_store, with_intents
from acorn_gitops.plan.document import Plan, make_plan
from acorn_gitops.plan.risk import risks_of
from acorn_gitops.plan.select import Selection
from acorn_gitops.provenance.blame import Authors
from acorn_gitops.provenance.revision import Revision
from acorn_gitops.rules.registry import Known, check
from acorn_gitops.rules.waivers import as_they_count
from acorn_gitops.specs.load import Loaded


@dataclass(slots=True)
class StoreView:
    """The three states of one store."""

    store: str
    connection: str
    desired: Mapping[Key, Desired]
    live: Mapping[Key, Live]
    applied: Mapping[Key, Applied]
    error: str = ""
    version: str = ""
    unchanged: bool = False
    """The store is at the version that the caller remembers, and was not read."""
    ambiguous: Mapping[Key, str] = field(default_factory=dict)
    """What the marketplace holds several times under one key, and why that says nothing."""


@dataclass(slots=True)
class Wishes:
    """Options that decide what is planned."""

    selected: Sequence[str] = ()
    adopt: bool = False
    allow_empty: Sequence[str] = ()
    fresh: bool = False
    """Read every store, also where it is known to be unchanged."""
    lenient: bool = False
    """A pattern may mean nothing: that of a saved plan, whose work may be done."""


@dataclass
class Situation:
    """Everything known before comparing."""

    loaded: Loaded
    connections: dict[str, str]
    ledger: Ledger
    marketplaces: dict[str, Marketplace]
    selection: Selection

    today: str = ""

    @property
    def desired(self) -> DesiredState:
        """The specs, compiled when the first store needs them: of stores that have not changed none does."""
        return self.fitted[0]

    @cached_property
    def fitted(self) -> tuple[DesiredState, list[Finding], frozenset[Address]]:
        """What the marketplaces can hold of the specs, what was left out, and what must be left alone."""
        state = compile_configuration(self.loaded.configuration)
        findings: list[Finding] = []
        withheld: set[Address] = set()
        for name, marketplace in self.marketplaces.items():
            if isinstance(marketplace, Fits):
                shards = {s: shard for s, shard in state.stores.items() if self.connections.get(s) == name}
                made = marketplace.fit(shards, self.today)
                for store, shard in made.shards.items():
                    state.stores[store] = dict(shard)
                findings += made.findings
                withheld |= made.withheld
        return state, findings, frozenset(withheld)


def situation(session: Session, loaded: Loaded, wishes: Wishes, *, write: bool = False) -> Situation:
    """Open the ledger and the connections."""
    config = loaded.configuration
    ledger = open_ledger(session.ledger_path(loaded.project), write=write)
    labels = {s.name: s.labels for s in config.stores.values()}
    connections = connections_of(config)
    try:
        selection = Selection(wishes.selected, labels)
    except ValueError as error:
        raise click.UsageError(f"--select {error}") from None
    today = session.now().date().isoformat()
    state = Situation(loaded, connections, ledger, session.marketplaces(config.connections), selection, today)
    if not wishes.lenient:
        refuse_unknown(state)
    return state


def refuse_unknown(state: Situation) -> None:
    """UsageError when a pattern means no store: a slip of the pen is never an empty plan."""
    stores = {*state.connections, *state.ledger.stores()}
    unknown = state.selection.unknown_store(stores) if stores else ""
    if unknown:
        near = difflib.get_close_matches(unknown, stores, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(stores)[:8])}"
        raise click.UsageError(f"--select {unknown!r}: there is no such store; {hint}")


def refuse_idle(state: Situation) -> None:
    """UsageError when a pattern has met no resource. To be asked when all stores were read."""
    idle = state.selection.idle({*state.connections, *state.ledger.stores()})
    if idle:
        raise click.UsageError(f"--select {idle[0]!r}: there is no such resource, declared, live or recorded")


def views(
    state: Situation, wishes: Wishes, known: Callable[[str, str], str] | None = None
) -> Iterator[StoreView]:
    """The three states, store by store: only one store's live state is in memory at a time. `known` tells of a
    store (and its connection) the version that is still remembered."""
    held: dict[str, str] | None = None
    intents: dict[str, list[tuple[Key, Attributes, Attributes, bool]]] = {}
    for intent in state.ledger.open_intents():
        if intent.attributes is not None and intent.declared is not None:
            key = (intent.address.type, intent.address.key)
            intents.setdefault(intent.address.store, []).append(
                (key, intent.attributes, intent.declared, intent.protected)
            )
    for store in sorted({*state.connections, *state.ledger.stores()}):
        if not state.selection.store(store):
            continue
        connection = state.connections.get(store, "")
        if not connection:
            held = _holders(state) if held is None else held
            connection = held.get(store, "") or (
                next(iter(state.marketplaces)) if len(state.marketplaces) == 1 else ""
            )
        view = StoreView(store, connection, {}, {}, {})
        try:
            if not connection:
                raise MarketplaceError("it left the specs, and no connection holds it any more")
            version = known(store, connection) if known is not None else ""
            snapshot = state.marketplaces[connection].read(Scope(store, version))
            view.version, view.unchanged = snapshot.version, snapshot.unchanged
            if not snapshot.unchanged:
                view.desired = state.desired.stores.get(store, {})
                view.applied = state.ledger.applied(store)
                check_not_empty(snapshot, len(view.applied), wishes.allow_empty)
                view.live, view.ambiguous = snapshot.resources, snapshot.ambiguous
            del snapshot
            _leave_alone(view, state)
            if store in intents and not view.unchanged:
                view.applied = with_intents(view.applied, intents[store], view.live)
        except MarketplaceError as error:
            view.error = error.message
        if not state.selection.whole_store(store):
            _narrow(view, state.selection)
        yield view
        del view


def _holders(state: Situation) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, marketplace in state.marketplaces.items():
        try:
            found.update(dict.fromkeys(marketplace.stores(), name))
        except MarketplaceError:
            continue
    return found


def _leave_alone(view: StoreView, state: Situation) -> None:
    """What a marketplace cannot hold as it is meant, and what it holds several times, is told, and neither compared nor
    deleted."""
    keys = set(view.ambiguous)
    if not view.unchanged and isinstance(state.marketplaces[view.connection], Fits):
        keys |= {(a.type, a.key) for a in state.fitted[2] if a.store == view.store}
    if keys:
        view.desired = {k: v for k, v in view.desired.items() if k not in keys}
        view.live = {k: v for k, v in view.live.items() if k not in keys}
        view.applied = {k: v for k, v in view.applied.items() if k not in keys}


def _narrow(view: StoreView, selection: Selection) -> None:
    def chosen(key: Key) -> bool:
        return selection.resource(view.store, *key)

    view.desired = {k: v for k, v in view.desired.items() if chosen(k)}
    view.live = {k: v for k, v in view.live.items() if chosen(k)}
    view.applied = {k: v for k, v in view.applied.items() if chosen(k)}


def policy_of(state: Situation, connection: str, adopt: bool) -> Policy:
    """What the project and the marketplace allow."""
    policies: Mapping[str, Any] = state.loaded.configuration.policies
    marketplace = state.marketplaces.get(connection)
    managed = None
    if marketplace is not None:
        managed = frozenset(t for t, how in marketplace.capabilities().items() if how == "managed")
    prune = dict(policies.get("prune") or {})
    if isinstance(marketplace, Fits):
        prune |= dict.fromkeys(marketplace.keeps(), False)
    return Policy(prune, "any" if adopt else policies.get("adopt") or "equal", managed)


def compute(
    session: Session,
    loaded: Loaded,
    findings: Iterable[Finding],
    wishes: Wishes,
    revision: Revision,
    *,
    write: bool = False,
) -> tuple[Plan, Situation]:
    """The plan. A store that cannot be read is an error in it; the others are planned all the same."""
    state = situation(session, loaded, wishes, write=write)
    if write:
        _recover(session, state, wishes.allow_empty)
    results: list[StoreResult] = []
    blocking: list[Finding] = []
    budgeted: list[Finding] = []
    memory = Remembered(
        None if wishes.fresh else session.cache_folder, session.root, loaded.project.environment
    )
    serial = state.ledger.serial()
    clean: dict[str, StoreResult] = {}

    def keys(store: str, connection: str) -> Keys:
        shard = lambda: state.desired.stores.get(store, {})  # noqa: E731 - compiled only when it is asked for
        settings = state.loaded.configuration.connections.get(connection, {})
        return Keys(
            loaded.configuration.digest,
            serial,
            policy_of(state, connection, wishes.adopt),
            connection,
            settings,
            shard,
        )

    def known(store: str, connection: str) -> str:
        found = memory.get(store, keys(store, connection)) if state.selection.whole_store(store) else None
        if found is None:
            return ""
        clean[store] = found[1]
        return found[0]

    for view in views(state, wishes, known):
        if view.error:
            results.append(StoreResult(view.store, view.connection, error=view.error))
            continue
        if view.unchanged:
            results.append(clean[view.store])
            memory.put(keys(view.store, view.connection), view.version, clean[view.store])
            continue
        result = diff_store(
            view.store,
            view.connection,
            view.desired,
            view.live,
            view.applied,
            policy_of(state, view.connection, wishes.adopt),
        )
        blocking += guards.blocked(view, result)
        blocking += guards.mass_deletion(view, result)
        blocking += guards.ambiguous(view, state)
        budgeted += guards.budgeted(view, result, state)
        results.append(result)
        if state.selection.whole_store(view.store):
            memory.put(keys(view.store, view.connection), view.version, result)
        del view
    blocking += as_they_count(loaded.configuration, budgeted, session.now().date(), known=GUARDS)
    if any(isinstance(marketplace, Fits) for marketplace in state.marketplaces.values()):
        blocking += state.fitted[1]
    if not state.ledger.exists and (found := sum(map(guards.already_there, results))):
        blocking.append(guards.no_ledger(session.ledger_path(loaded.project), found))
    if not wishes.lenient and not any(result.error for result in results):
        refuse_idle(state)
    changes = [change for result in results for change in result.changes]
    blocking += plan_findings(session, loaded, state, changes)
    commit, dirty = revision.get()
    plan = make_plan(
        results,
        project=loaded.project.name,
        environment=loaded.project.environment,
        config_digest=loaded.configuration.digest,
        ledger_serial=state.ledger.serial(),
        commit=commit,
        dirty=dirty,
        created_at=session.stamp(),
        findings=[*(f for f in findings if f.severity == "warning"), *blocking],
        selected=state.selection.patterns,
        risks=risks_of(loaded.configuration, changes, state.today),
    )
    return plan, state


def plan_findings(
    session: Session, loaded: Loaded, state: Situation, changes: Sequence[Change]
) -> list[Finding]:
    """Rules of phase plan: with the changes, the history of prices, who acts and who wrote what."""
    authors = Authors(session.root)
    actor, today = session.actor(), session.now().date().isoformat()

    def author(file: str, line: int) -> tuple[str, str] | None:
        wrote = authors.of(file, line)
        return (actor, today) if wrote == ("", "") else wrote

    history = PriceHistory(loaded.configuration, state.ledger, session.now())
    known = Known(changes, history.prices, actor, author)
    found = check(loaded.configuration, session.now(), phase="plan", known=known)
    # What apply will ask is told early; there it is an error.
    later = [f for f in check(loaded.configuration, session.now(), phase="apply") if f.severity == "error"]
    return [
        *found,
        *(f._replace(severity="warning", message=f"apply will refuse: {f.message}") for f in later),
    ]


def _recover(session: Session, state: Situation, allow_empty: Sequence[str]) -> None:
    """Before anything is planned for writing: close what an interrupted run left open, by looking. A store that cannot
    be read, or shows nothing where there was something, is left for the plan to tell of."""
    from acorn_gitops.apply.carry_out import Edges, recover

    snapshots: dict[str, Snapshot] = {}
    for store in sorted({intent.address.store for intent in state.ledger.open_intents()}):
        if store in state.connections:
            try:
                snapshot = state.marketplaces[state.connections[store]].read(Scope(store))
                check_not_empty(snapshot, len(state.ledger.applied(store)), allow_empty)
            except MarketplaceError:
                continue
            snapshots[store] = snapshot
    if snapshots:
        edges = Edges(session.actor(), session.stamp, lambda _: None, lambda *_: None, lambda: False)
        recover(state.ledger, snapshots, edges)


def declared(state: Situation, address: Address) -> Desired | None:
    """What the specs say of an address."""
    return state.desired.stores.get(address.store, {}).get((address.type, address.key))


def to_record(plan: Plan) -> set[Address]:
    """Resources that are in sync and not recorded."""
    return {address for store in plan.stores for address in store.to_record}
