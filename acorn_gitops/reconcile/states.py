"""Everything that is known before comparing: desired, live and last-applied state, store by store. Comes in:
a workspace, loaded specs, a selection. Goes out: a `States` and its views. Callers: `planning`, `guards`,
verbs that compare nothing.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from acorn_gitops.apply.generation import Fenced, generations, is_behind
from acorn_gitops.apply.staleness import check_not_empty
from acorn_gitops.compile.configuration import compile_configuration, connections_of
from acorn_gitops.compile.desired_state import DesiredState, Key
from acorn_gitops.confine.text import one_line
from acorn_gitops.engines.pricing.attested import beside
from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.marketplaces.protocol import (
    Central,
    Fences,
    Fits,
    Generation,
    Knows,
    Marketplace,
    Renames,
    Scope,
    Snapshot,
    is_begun,
)
from acorn_gitops.model.finding import Finding, InvalidSpecs, MarketplaceError, Misused
from acorn_gitops.model.resource import Address, Attributes, Desired, Live, platform_of
from acorn_gitops.model.spans import Spans, untold
from acorn_gitops.plan.acknowledged import Acknowledges, Left, set_aside
from acorn_gitops.plan.change import Applied, Change
from acorn_gitops.plan.compare import is_just, may_be_from
from acorn_gitops.plan.diff import Policy, with_intents
from acorn_gitops.plan.select import Selection
from acorn_gitops.reconcile.addresses import by_either_scheme, one_spelling
from acorn_gitops.reconcile.connections import Untrusted, marketplaces
from acorn_gitops.reconcile.spelling import folded, moved, respelt, spellings
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.rules.waivers import acknowledges
from acorn_gitops.specs.load import Loaded

if TYPE_CHECKING:
    from acorn_gitops.reconcile.siblings import Sibling


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
    promotions: Mapping[str, Attributes] = field(default_factory=dict)
    """Every promotion that the store holds, also where only a part of it is planned."""
    listings: Mapping[str, Attributes] = field(default_factory=dict)
    """Every listing that the store holds, likewise."""
    behind: bool = False
    """Somebody else has applied there since this ledger was written."""
    ambiguous: Mapping[Key, str] = field(default_factory=dict)
    """What the marketplace holds several times under one key, and why that says nothing."""
    owners: bool = False
    """The marketplace keeps who manages a resource."""
    left: list[Left] = field(default_factory=list)
    """What was changed outside and stays so, because somebody acknowledged it (`plan.acknowledged`)."""
    over: int = 0
    """How many declared promotions have ended and are gone: nothing is to be done about them."""
    roles: Mapping[str, Attributes] = field(default_factory=dict)
    """Every role that the store holds, also where only a part of it is planned."""
    wanted_roles: Mapping[str, Attributes] = field(default_factory=dict)
    """Every role as the specs say it there, likewise."""
    rights: list[tuple[str, str, Attributes]] = field(default_factory=list)
    """Roles and grants (type, key, attributes) that others manage there, likewise."""

    @property
    def platform(self) -> str:
        """What the store is on, as the marketplace or else the specs say."""
        return platform_of(self.store, self.live) or platform_of(self.store, self.desired)


CLOSED: Final = "a store that is gone for good is forgotten by `acorn state rm --closed STORE`, once it has left the specs"


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
    anew: bool = False
    """The ledger is made from what is there: what it says so far is not compared with."""


class Depth(NamedTuple):
    """What buyers get off at most where a promotion changes that, in percent; None where it cannot be
    computed. `gone`: while it is ended to be made anew."""

    percent: Decimal | None
    gone: bool = False


@dataclass
class States:
    """What is known of an environment before anything is compared: its specs, its ledger, its marketplaces,
    and what was read of them so far. `views` goes through it store by store."""

    loaded: Loaded
    connections: dict[str, str]
    ledger: Ledger
    marketplaces: dict[str, Marketplace]
    selection: Selection

    today: str = ""
    now: datetime | None = None
    spans: Spans = untold
    read_at: dict[str, tuple[Fences, Generation]] = field(default_factory=dict)
    """The generation of each store as it was read."""
    unfenced: set[str] = field(default_factory=set)
    """Stores that were read and remember no generation."""
    foreign: dict[str, list[tuple[str, str, Attributes]]] = field(default_factory=dict)
    """By store, roles and grants (type, key, attributes) that are in force there and belong to others."""
    held: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """By store and key of a role, who has it there by what is live (ids as the store spells them)."""
    siblings: list[Sibling] | None = None
    """What other ledgers say of these stores, once somebody has looked."""
    promotions: dict[str, Mapping[str, Attributes]] = field(default_factory=dict)
    """By store that was read, the promotions that nobody applied as they are, by key."""
    by_hand: dict[str, list[Change]] = field(default_factory=dict)
    """By store, the roles, grants and promotions that people make there, done or not."""
    made: Mapping[Address, Attributes] = field(default_factory=dict)
    """What interrupted runs were about to make and no spec declares any more, and as what: it is ours where a
    store shows just that."""
    standing: dict[str, dict[str, Attributes]] = field(default_factory=dict)
    """By store, promotions that people have made there by hand and no reading shows, by a key of their
    own."""
    attested: dict[str, object] = field(default_factory=dict)
    """What the record says of promotions that were made by hand (`attesting.on_record`)."""
    depths: dict[Address, Depth] = field(default_factory=dict)
    """Percent that each promotion of the plan takes off prices at most (`promoted`); None where nobody can
    tell. Empty where no role has a limit."""

    def read_rights(self) -> None:
        """Read of every store that was not looked at which rights are in force there and belong to others: a
        limit binds wherever it was given. MarketplaceError where one cannot be read."""
        for store, connection in sorted(self.connections.items()):
            if store in self.foreign or connection not in self.marketplaces:
                continue
            snapshot = self.marketplaces[connection].read(Scope(store, "", self.owner))
            self.foreign[store] = rights_of_others(snapshot.resources, self.owner)

    def marketplace_of(self, store: str) -> str:
        """Which marketplace a store is on, as a digest of what leads there: secrets and options may change,
        addresses may not."""
        return self.marketplace_behind(self.connections.get(store, ""), self._meant(store))

    def is_elsewhere(self, store: str) -> bool:
        """Whether a store is on another marketplace than the one on which it was applied."""
        last = self.ledger.binding(store)
        return bool(last) and last != self.marketplace_of(store)

    def is_embedded(self, store: str) -> bool:
        """Whether a store is on a marketplace that is a file of this folder."""
        settings = self.loaded.configuration.connections.get(self.connection_of(store)) or {}
        return str(settings.get("url") or "sandbox:").startswith("sandbox:")

    def has_identity(self, store: str) -> bool:
        """Whether the marketplace knows a store by an id of its own: then no other store is the same. Of one
        that left the specs: whether it knows stores so at all."""
        has_left = store not in self.connections and store in self.ledger.stores()
        marketplace = self.marketplaces.get(self.connection_of(store))
        return isinstance(marketplace, Knows) and (has_left or bool(marketplace.identity(store)))

    def _meant(self, store: str) -> str:
        marketplace = self.marketplaces.get(self.connection_of(store))
        return marketplace.identity(store) if isinstance(marketplace, Knows) else ""

    def marketplace_behind(self, connection: str, meant: str = "") -> str:
        """Which marketplace a connection leads to, as a digest; empty where there is no such connection.
        `meant`: what a store's name means there, where the marketplace has ids of its own."""
        return next(self._digests(connection, meant), "")

    def marketplaces_like(self, store: str) -> frozenset[str]:
        """The marketplace of a store, and what it may be by another scheme, as digests: for what other
        ledgers say of it. Of one that left the specs, what the ledger says as well."""
        found = frozenset(self._digests(self.connection_of(store), self._meant(store)))
        if store in self.connections:
            return found
        return found | {where for where in [self.ledger.binding(store)] if where}

    def connection_of(self, store: str) -> str:
        """The connection of a store, also of one that left the specs; "" where there is none any more."""
        return self.connections.get(store) or left_behind(store, self)

    def _digests(self, connection: str, meant: str) -> Iterator[str]:
        settings = self.loaded.configuration.connections.get(connection)
        if settings is None:
            return
        adapter = settings["adapter"]
        for url in by_either_scheme(one_spelling(adapter, settings.get("url") or "sandbox:")):
            led = f"{adapter} {url}" + (f" {meant}" if meant else "")
            yield hashlib.sha256(led.encode()).hexdigest()[:32]

    @cached_property
    def holders(self) -> dict[str, list[str]]:
        """By store, the connections that say they hold it."""
        found: dict[str, list[str]] = {}
        for name, marketplace in self.marketplaces.items():
            with suppress(MarketplaceError):
                for store in marketplace.stores():
                    found.setdefault(store, []).append(name)
        return found

    def connections_of(self, stores: Iterable[str]) -> dict[str, str]:
        """The connections of stores, also of those that left the specs; "" where there is none any more."""
        return {store: self.connection_of(store) for store in stores}

    @property
    def owner(self) -> str:
        """Who applies, as marketplaces remember it."""
        return f"{self.loaded.project.name}/{self.loaded.project.environment}"

    @property
    def desired(self) -> DesiredState:
        """The specs, compiled when the first store needs them: of stores that have not changed none does."""
        return self.fitted[0]

    @cached_property
    def fitted(self) -> tuple[DesiredState, list[Finding], frozenset[Address], frozenset[Address]]:
        """What the marketplaces can hold of the specs, what was left out, what must be left alone, and what
        people do there."""
        try:
            state = compile_configuration(self.loaded.configuration)
        except ValueError as error:
            # Rules say so first; a severity or a waiver made that a warning.
            raise InvalidSpecs(
                f"the specs cannot be made into resources: {one_line(str(error), 300)}; nothing was read or written",
                hint="mend them: no severity and no waiver opens this",
            ) from None
        for store, shard in state.stores.items():
            state.stores[store] = dict(_without_ended_roles(shard, self.today))
        findings: list[Finding] = []
        withheld: set[Address] = set()
        by_hand: set[Address] = set()
        for name, marketplace in self.marketplaces.items():
            if isinstance(marketplace, Fits):
                shards = {s: shard for s, shard in state.stores.items() if self.connections.get(s) == name}
                made = marketplace.fit(shards, self.today)
                for store, fitted in made.shards.items():
                    state.stores[store] = dict(fitted)
                findings += made.findings
                withheld |= made.withheld
                by_hand |= made.by_hand
        return state, findings, frozenset(withheld), frozenset(by_hand)


def rights_of_others(live: Mapping[Key, Live], owner: str) -> list[tuple[str, str, Attributes]]:
    """Roles and grants (type, key, attributes) of a store that belong to somebody else."""
    return [
        (type, key, one.attributes)
        for (type, key), one in live.items()
        if type in ("role", "grant") and one.owner and one.owner != owner
    ]


def _without_ended_roles(shard: Mapping[Key, Desired], today: str) -> Mapping[Key, Desired]:
    """A role whose last day has passed, and its grants, are no longer wanted anywhere."""
    ended = {
        key
        for (type_, key), want in shard.items()
        if type_ == "role" and (until := want.attributes.get("validUntil")) is not None and until <= today
    }
    if not ended:
        return shard
    return {
        key: want
        for key, want in shard.items()
        if not (key[0] == "role" and key[1] in ended)
        and not (key[0] == "grant" and want.attributes["role"] in ended)
    }


def gather(workspace: Workspace, loaded: Loaded, wishes: Wishes, *, write: bool = False) -> States:
    """Open the ledger and the connections. Misused where a pattern means nothing, Stale where the ledger is
    another's or not sound."""
    config = loaded.configuration
    ledger = open_ledger(workspace.ledger_path(loaded.project), write=write)
    if write:
        ledger.check_sound()
    else:
        ledger.check_small()
    labels = {s.name: s.labels for s in config.stores.values()}
    connections = connections_of(config)
    try:
        selection = Selection(wishes.selected, labels)
    except ValueError as error:
        raise Misused(f"--select {error}") from None
    today = workspace.now().date().isoformat()
    used = {*connections.values()}
    # A connection that no store uses is not opened; whoever looks for a store that left the specs asks all of
    # them.
    left = not connections or bool({*ledger.stores()} - connections.keys())
    settings = {name: one for name, one in config.connections.items() if left or name in used}
    state = States(
        loaded,
        connections,
        ledger,
        marketplaces=marketplaces(workspace, settings),
        selection=selection,
        today=today,
        now=workspace.now(),
        spans=workspace.spans,
    )
    _tell(state)
    ledger.check_owner(state.owner)
    if not wishes.lenient:
        refuse_unknown(state)
    return state


def _begun(state: States, view: StoreView) -> Callable[[Key, Attributes, Live], bool]:
    """Whether what a store shows is the part of a creation that did not come to its end."""
    there = state.marketplaces.get(view.connection)
    return lambda key, sent, live: is_begun(there, Address(view.store, *key), sent, live)


def _tell(state: States) -> None:
    """Marketplaces that have ids of their own for stores hear which the specs mean."""
    for name, marketplace in state.marketplaces.items():
        if isinstance(marketplace, Knows):
            mine = (
                s for s in state.loaded.configuration.stores.values() if state.connections[s.name] == name
            )
            blocks = {s.name: s.spec.get("storefront") or s.spec.get("physical") or {} for s in mine}
            marketplace.know(blocks)


def refuse_unknown(state: States) -> None:
    """Misused when a pattern means no store: a slip of the pen is never an empty plan."""
    stores = {*state.connections, *state.ledger.stores()}
    unknown = state.selection.unknown_store(stores) if stores else ""
    if unknown:
        near = difflib.get_close_matches(unknown, stores, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(stores)[:8])}"
        raise Misused(f"--select {unknown!r}: there is no such store; {hint}")


def refuse_idle(state: States) -> None:
    """Misused when a pattern has met no resource. To be asked when all stores were read."""
    idle = state.selection.idle({*state.connections, *state.ledger.stores()})
    if idle:
        raise Misused(f"--select {idle[0]!r}: there is no such resource, declared, live or recorded")


def views(
    state: States, wishes: Wishes, known: Callable[[str, str], str] | None = None
) -> Iterator[StoreView]:
    """The three states, store by store: only one store's live state is in memory at a time. `known` tells of
    a store (and its connection) the version that is still remembered."""
    acknowledges = None if wishes.anew or state.now is None else acknowledged(state)
    given_away = set().union(*(() if wishes.anew else heard_of(state)[0].values()))
    intents: dict[str, list[tuple[Key, Attributes, Attributes, bool]]] = {}
    for intent in () if wishes.anew else state.ledger.open_intents():
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
            connection = left_behind(store, state)
        view = StoreView(store, connection, {}, live={}, applied={})
        try:
            if not connection:
                raise MarketplaceError(
                    "it left the specs, and no connection holds it any more; where its marketplace is gone for good,"
                    f" `acorn state rm --closed {store}` forgets it"
                )
            version = known(store, connection) if known is not None else ""
            with state.spans("read", {"store": store, "connection": connection}):
                snapshot = state.marketplaces[connection].read(Scope(store, version, state.owner))
            view.version, view.unchanged = snapshot.version, snapshot.unchanged
            last = snapshot.generation
            view.behind = last is not None and is_behind(state.ledger, store, last)
            if last is None and not snapshot.unchanged:
                state.unfenced.add(store)
            marketplace = state.marketplaces[connection]
            if last is not None and isinstance(marketplace, Fences):
                state.read_at[store] = (marketplace, last)
            if last is None and not snapshot.unchanged and isinstance(marketplace, Fences):
                # It remembered one: whatever takes that away must not take the fence away.
                view.behind = (
                    state.ledger.generation(store) > 0
                    and not wishes.anew
                    and store not in wishes.allow_empty
                    and state.ledger.holds(store)
                )
            if last is not None and not last.number and store in wishes.allow_empty:
                view.behind = False  # a person says that it began anew
            proved = snapshot.unchanged or (last is not None and last.number)
            if not wishes.anew and not proved and (not view.behind or state.is_elsewhere(store)):
                check_place(store, state)
            if not snapshot.unchanged:
                view.desired = state.desired.stores.get(store, {})
                view.applied = state.ledger.applied(store)
                if given_away:
                    view.applied = {
                        k: v for k, v in view.applied.items() if Address(store, *k) not in given_away
                    }
                if not (wishes.anew and state.is_elsewhere(store)):
                    check_not_empty(snapshot, view.applied, wishes.allow_empty)
                view.live, view.ambiguous = snapshot.resources, snapshot.ambiguous
                view.owners = snapshot.owners
                known_people = spellings(view.live, view.applied)
                view.desired = respelt(view.desired, known_people)
                view.applied = moved(view.applied, spellings(view.live))
                _leave_what_is_over(view, state)
                if acknowledges is not None:
                    view.desired, view.applied, view.left = set_aside(
                        store, view.desired, view.live, applied=view.applied, acknowledges=acknowledges
                    )
                shown = {key: one.attributes for (type, key), one in view.live.items() if type == "promotion"}
                listings = (one.attributes for (type, _), one in view.live.items() if type == "listing")
                view.promotions = beside(shown, state.standing.get(store, {}), listings)
                view.roles = {
                    key: live.attributes for (type, key), live in view.live.items() if type == "role"
                }
                view.wanted_roles = {
                    key: want.attributes for (type, key), want in view.desired.items() if type == "role"
                }
                view.rights = rights_of_others(view.live, state.owner)
                view.listings = {
                    key: live.attributes for (type, key), live in view.live.items() if type == "listing"
                }
            del snapshot
            _leave_alone(view, state)
            if store in intents and not view.unchanged:
                ours = [
                    one
                    for one in intents[store]
                    if one[0] in view.applied
                    or (one[0] in view.desired and _may_be_ours(state, view, key=one[0], sent=one[1]))
                    or is_as_made(state, Address(store, *one[0]), view)
                ]
                view.applied = with_intents(view.applied, ours, view.live, begun=_begun(state, view))
        except MarketplaceError as error:
            view.error = error.message
        if not state.selection.whole_store(store):
            _narrow(view, state.selection)
        yield view
        del view


def _may_be_ours(state: States, view: StoreView, key: Key, sent: Attributes) -> bool:
    """Whether what is there may be what an interrupted run was about to make."""
    have, owner = view.live.get(key), state.owner if view.owners else None
    return have is None or may_be_from(key[0], sent, have, owner=owner)


def is_as_made(state: States, address: Address, shown: StoreView | Snapshot) -> bool:
    """Whether a store shows just what an interrupted run was about to make (`States.made`), and not somebody
    else's."""
    live = shown.live if isinstance(shown, StoreView) else shown.resources
    have, sent = live.get((address.type, address.key)), state.made.get(address)
    if have is None or sent is None or not is_just(sent, have):
        return False
    return have.owner == state.owner if shown.owners else not have.owner


def acknowledged(state: States) -> Acknowledges | None:
    """Who acknowledges which changes from outside today; None where nobody does."""
    assert state.now is not None
    return acknowledges(state.loaded.configuration, state.now.date())


def heard_of(state: States) -> tuple[dict[str, set[Address]], dict[str, set[Address]]]:
    """What somebody began to forget and did not come to record, by opening entry: that of which a store has
    heard, and that which only this ledger says. Where no store keeps generations, the ledger is all there
    is."""
    heard: dict[str, set[Address]] = {}
    unheard: dict[str, set[Address]] = {}
    for opening, addresses in state.ledger.begun_to_forget().items():
        stores = {address.store for address in addresses}
        where = state.connections_of(stores)
        fenced, silent = generations(stores, state.marketplaces, where, owner=state.owner)
        known = any(state.ledger.vouches(now.head, opening) for _, now in fenced.values())
        (heard if known or not (fenced or silent) else unheard)[opening] = addresses
    return heard, unheard


def _leave_what_is_over(view: StoreView, state: States) -> None:
    """A promotion that has ended and is gone is as it should be: no marketplace takes one in the past, and
    none has to be made."""
    over = {
        key
        for key, want in view.desired.items()
        if key[0] == "promotion" and key not in view.live and _ended(want.attributes.get("end"), state.now)
    }
    if over:
        view.over = len(over)
        view.desired = {k: v for k, v in view.desired.items() if k not in over}
        view.applied = {k: v for k, v in view.applied.items() if k not in over}


def _ended(end: object, now: datetime | None) -> bool:
    return isinstance(end, str) and now is not None and datetime.fromisoformat(end) <= now


def check_place(store: str, state: States) -> None:
    """MarketplaceError where what the ledger knows of a store was applied to another marketplace: it says
    nothing of this one. One that remembers an apply of this ledger is the same at another address."""
    was, now = state.ledger.binding(store), state.marketplace_of(store)
    if was and now and was != now and state.ledger.holds(store):
        raise MarketplaceError(
            "what was applied to it is on another marketplace than its connection leads to now; go back to that address, or make the"
            " ledger anew from what is here: `acorn state rebuild`"
        )


def left_behind(store: str, state: States) -> str:
    """The connection of a store that left the specs: one to the marketplace that it was on when something was
    last recorded of it. Another one that says it holds such a store is not believed. Empty where there is
    none."""
    holders = state.holders.get(store, [])
    was = state.ledger.binding(store)
    if was:
        known = _remembered(store, was, state)
        if known:
            return known
        there = [name for name in state.marketplaces if state.marketplace_behind(name) == was]
        return next((name for name in there if name in holders), there[0] if there else "")
    if holders:
        return holders[0] if len(holders) == 1 else ""
    return next(iter(state.marketplaces)) if len(state.marketplaces) == 1 else ""


def _remembered(store: str, was: str, state: States) -> str:
    """The connection on which a name meant what it meant when something was last recorded of it, where
    marketplaces have ids of their own; the marketplace is told. Empty where there is none."""
    for name, marketplace in state.marketplaces.items():
        if not isinstance(marketplace, Knows):
            continue
        with suppress(MarketplaceError):
            for meant, block in marketplace.candidates().items():
                if state.marketplace_behind(name, meant) == was:
                    marketplace.remember(store, block)
                    return name
    return ""


def _leave_alone(view: StoreView, state: States) -> None:
    """What a marketplace cannot hold as it is meant, and what it holds several times, is told, and neither
    compared nor deleted."""
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
    view.left = [one for one in view.left if chosen((one.address.type, one.address.key))]


def about(state: States, fenced: Fenced, looked_at: Iterable[str] = ()) -> dict[str, object]:
    """What a ledger keeps of whose it is and where its stores are: see `Ledger.record`. `looked_at`: stores
    of which it is known that they are the ones meant."""
    stores = [store for store in looked_at if store in state.connections]
    # What another marketplace counted says nothing of one in which the store is not there yet.
    anew = {store: 0 for store in stores if store not in fenced and state.is_elsewhere(store)}
    return {
        "owner": state.owner,
        "generations": anew | {store: now.number for store, (_, now) in fenced.items()},
        "bindings": {store: state.marketplace_of(store) for store in stores},
    }


def policy_of(state: States, connection: str, adopt: bool, *, owners: bool = False) -> Policy:
    """What the project and the marketplace allow. `owners`: the marketplace keeps who manages a resource."""
    policies = state.loaded.configuration.policies
    marketplace = state.marketplaces.get(connection)
    managed = None
    if marketplace is not None:
        managed = frozenset(t for t, how in marketplace.capabilities().items() if how == "managed")
    prune = dict(policies.get("prune") or {})
    if isinstance(marketplace, Fits):
        prune |= dict.fromkeys(marketplace.keeps(), False)
    renames: frozenset[str] = marketplace.renames() if isinstance(marketplace, Renames) else frozenset()
    return Policy(
        prune,
        "any" if adopt else policies.get("adopt") or "equal",
        managed,
        renames=renames,
        owner=state.owner if owners else "",
        takes_over=adopt,
    )


def with_steps_by_hand(policy: Policy, state: States, store: str) -> Policy:
    """The same, for one store, with what people do there. Asked once the specs are compiled."""
    keys = {(one.type, one.key) for one in state.fitted[3] if one.store == store}
    return policy._replace(by_hand=frozenset(keys)) if keys else policy


def neighbours_of(state: States, store: str) -> Mapping[str, Mapping[Key, Desired]]:
    """Where a marketplace has one thing in all of its stores: what the others declare, by store; nothing for
    any other."""
    connection = state.connections.get(store, "")
    if not isinstance(state.marketplaces.get(connection), Central):
        return {}
    others = (name for name, where in state.connections.items() if where == connection and name != store)
    return {name: state.desired.stores.get(name, {}) for name in others}


def marketplace_of_declared(state: States, store: str) -> Marketplace:
    """The marketplace of a store of the specs. Misused where they have no such store, MarketplaceError where
    it may not be asked."""
    marketplace = state.marketplaces.get(state.connections.get(store, ""))
    if marketplace is None:
        raise Misused(f"there is no store {store}", hint=f"known: {', '.join(sorted(state.connections))}")
    if isinstance(marketplace, Untrusted):
        raise MarketplaceError(marketplace.why)
    return marketplace


def is_central(state: States, store: str) -> bool:
    """Whether a store is the one in which all others of its marketplace are."""
    marketplace = state.marketplaces.get(state.connections.get(store, ""))
    return isinstance(marketplace, Central) and marketplace.central() == store


def declared(state: States, address: Address) -> Desired | None:
    """What the specs say of an address, in the spelling of that address."""
    shard, key = state.desired.stores.get(address.store, {}), (address.type, address.key)
    if key in shard or address.type != "grant" or folded(key) not in shard:
        return shard.get(key)
    return respelt({folded(key): shard[folded(key)]}, {folded(key): key})[key]
