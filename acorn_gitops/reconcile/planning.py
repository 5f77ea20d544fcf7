"""From checked specs to a plan: the order of events of `plan` and `apply`. Comes in: a workspace, loaded
specs, wishes. Goes out: the plan with every finding about it. Callers: verbs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from acorn_gitops.apply.generation import BEHIND, CATCH_UP, begin, generations, is_behind, stale_ledger
from acorn_gitops.apply.staleness import check_not_empty
from acorn_gitops.compile.desired_state import Key
from acorn_gitops.confine.text import one_line
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.marketplaces.protocol import Fits, Owns, Scope, Snapshot, is_begun
from acorn_gitops.model.finding import AcornError, Finding, MarketplaceError, Misused
from acorn_gitops.model.resource import Address, Attributes, Live, is_money
from acorn_gitops.plan.acknowledged import Left
from acorn_gitops.plan.budgets import GUARDS
from acorn_gitops.plan.central import spare_neighbours
from acorn_gitops.plan.change import Action, Change, StoreResult
from acorn_gitops.plan.diff import diff_store
from acorn_gitops.plan.document import Plan, make_plan
from acorn_gitops.plan.risk import risks_of
from acorn_gitops.plan.rollout import phases_of
from acorn_gitops.plan.select import EXACT
from acorn_gitops.plan.verdict import LATER
from acorn_gitops.provenance.blame import WHOLE_HISTORY, Authors
from acorn_gitops.provenance.branch import MAIL
from acorn_gitops.provenance.changed import Reader
from acorn_gitops.provenance.revision import Revision
from acorn_gitops.reconcile import guards, signed
from acorn_gitops.reconcile.attesting import (
    all_records,
    no_longer_declared,
    of_environment,
    on_record,
    settle,
    standing,
)
from acorn_gitops.reconcile.by_hand import as_judged, steps_that_are_judged
from acorn_gitops.reconcile.clean_stores import CleanStores, Keys
from acorn_gitops.reconcile.connections import address_of
from acorn_gitops.reconcile.foreseen import durations
from acorn_gitops.reconcile.loosened import APPROVALS, OWN_RIGHTS, asking, hardened, last_guards, loosened
from acorn_gitops.reconcile.price_history import PriceHistory
from acorn_gitops.reconcile.promoted import Promoted
from acorn_gitops.reconcile.remote_check import remarks
from acorn_gitops.reconcile.siblings import guards_everywhere, recorded_elsewhere
from acorn_gitops.reconcile.standing_still import told
from acorn_gitops.reconcile.states import (
    States,
    StoreView,
    Wishes,
    about,
    check_place,
    declared,
    gather,
    is_as_made,
    is_central,
    neighbours_of,
    policy_of,
    refuse_idle,
    views,
    with_steps_by_hand,
)
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.rules.context import ANYBODY, Known
from acorn_gitops.rules.registry import check
from acorn_gitops.rules.waivers import as_they_count, softens
from acorn_gitops.specs.identities import Identity, identities, may_hold
from acorn_gitops.specs.load import Loaded

if TYPE_CHECKING:
    from acorn_gitops.model.typed import RolePermissionData


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is to be planned."""

    select: Sequence[str] = ()
    """Only these stores and resources."""
    adopt: bool = False
    """Plan to take over what differs, or belongs to others."""
    allow_empty: Sequence[str] = ()
    """Stores that are empty now, and rightly so."""
    refresh: bool = False
    """Read every store, also those that say they have not changed."""
    since: str = ""
    """Only what the specs want otherwise than in this revision, in place of `select`."""
    validate: bool = False
    """Ask the marketplaces, too, whether they would take it."""
    ref: str = ""
    """Another commit than the one that is checked out: its specs, with this clone's ledger."""


def plan(workspace: Workspace, request: PlanRequest | None = None) -> Plan:
    """What an apply would change, with every finding about it. Reads every store, writes nothing.
    InvalidSpecs where the specs are wrong, Misused where a pattern means nothing."""
    asked = request or PlanRequest()
    if asked.ref:
        from acorn_gitops.reconcile.at_revision import at_revision

        with at_revision(workspace, asked.ref) as there:
            try:
                return plan(there, replace(asked, ref=""))
            except AcornError as error:
                error.message = f"{one_line(asked.ref, 60)}: {error.message}"
                raise
    if asked.since and asked.select:
        raise Misused("since and select are two ways to say what is planned")
    if asked.validate:
        workspace.refuse_untrusted("plan --validate-remote")
    revision = Revision(workspace.root)
    loaded, findings = workspace.checked()
    select = _touched(workspace, loaded, asked)
    wishes = Wishes(select, asked.adopt, asked.allow_empty, fresh=asked.refresh, lenient=bool(asked.since))
    with workspace.busy("plan"):
        found, state = compute(
            workspace, loaded, findings, wishes=wishes, revision=revision, validate=asked.validate
        )
        state.ledger.close()
    return found


def _touched(workspace: Workspace, loaded: Loaded, asked: PlanRequest) -> Sequence[str]:
    """What is to be planned: what was selected, or what a change touches. Where that is more than can be
    named it is everything, and where it is nothing a pattern that no resource has."""
    if not asked.since:
        return asked.select
    from acorn_gitops.reconcile.comparing import touched_since

    found = touched_since(workspace, asked.since, loaded)
    return () if found is None else sorted(f"{EXACT}{one}" for one in found) or (NOTHING,)


NOTHING: Final = "-/listing/-"
"""The address of nothing."""


def compute(
    workspace: Workspace,
    loaded: Loaded,
    findings: Iterable[Finding],
    wishes: Wishes,
    revision: Revision,
    *,
    write: bool = False,
    takes_over: bool = False,
    validate: bool = False,
    publish: Callable[[Ledger], None] | None = None,
) -> tuple[Plan, States]:
    """The plan. A store that cannot be read is an error in it; the others are planned all the same.
    `takes_over`: the ledger begins with what is there, so that it cannot be behind. `validate`: marketplaces
    are asked whether they would take it. `publish`: puts the
    ledger where others find it, before any store remembers it."""
    state = gather(workspace, loaded, wishes, write=write)
    if state.ledger.open_intents():
        believe(state, asking=True)
    if write or not wishes.anew:
        state.made = _left_by_us(workspace, state)
    if write:
        _recover(workspace, state, wishes.allow_empty, publish=publish)
    results: list[StoreResult] = []
    blocking: list[Finding] = []
    budgeted: list[Finding] = []
    least, margins = least_price(loaded, workspace.now()), has_margins(loaded)
    softened = softens(loaded.configuration, JUDGE_PROMOTIONS)
    memory = CleanStores(
        None if wishes.fresh else workspace.cache, workspace.home, loaded.project.environment
    )
    serial = state.ledger.serial()
    clean: dict[str, StoreResult] = {}
    records, faults = all_records(workspace.root, loaded.project.environment)
    blocking += faults
    attested = of_environment(records, loaded.project.environment)
    state.standing = standing(records, state, workspace.now().date())
    state.attested = on_record(records, loaded.project.environment)
    taken: dict[Address, str] = {}
    behind: list[str] = []

    def keys(store: str, connection: str) -> Keys:
        shard = lambda: state.desired.stores.get(store, {})  # noqa: E731 - compiled only when it is asked for
        settings = state.loaded.configuration.connections.get(connection, {})
        return Keys(
            loaded.configuration.digest,
            serial,
            policy_of(state, connection, wishes.adopt),
            connection=connection,
            marketplace=settings,
            shard=shard,
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
        if view.behind and write and loaded.configuration.policies.get("onUnreadable") == "skip":
            results.append(StoreResult(view.store, view.connection, error=f"{BEHIND}; {CATCH_UP}"))
            continue
        if view.behind:
            behind.append(view.store)
        if view.unchanged:
            state.by_hand[view.store] = steps_that_are_judged(clean[view.store])
            results.append(clean[view.store])
            memory.put(keys(view.store, view.connection), view.version, clean[view.store])
            continue
        state.foreign[view.store] = view.rights
        for role, who in holders_in(view.live):
            state.held.setdefault((view.store, role), set()).add(who)
        judged: list[Finding] = []
        below: list[Finding] = []
        over: list[Finding] = []
        try:
            result = diff_store(
                view.store,
                view.connection,
                view.desired,
                live=view.live,
                applied=view.applied,
                policy=with_steps_by_hand(
                    policy_of(state, view.connection, wishes.adopt, owners=view.owners), state, view.store
                ),
                ids=partial(state.ledger.remote_ids, view.store),
            )
            state.by_hand[view.store] = steps_that_are_judged(result)
            state.promotions[view.store] = _of_others(view, result)
            settle(result, attested, workspace.now().date(), where=state.marketplace_of(view.store))
            result.notes[:0] = [stays(one) for one in view.left]
            others, central = neighbours_of(state, view.store), is_central(state, view.store)
            judged += spare_neighbours(result, others, central=central)
            judged += guards.crossed(view, result, state.ledger)
            judged += guards.onto_taken(view, result)
            judged += guards.irreplaceable(view, result, state)
            judged += guards.blocked(view, result)
            judged += guards.roles_of_grants(view, result)
            judged += guards.mass_deletion(view, result)
            judged += guards.ambiguous(view, state)
            judged += guards.in_other_currencies(view)
            judged += guards.not_sent(result, view, least)
            promoted = Promoted(view, result, workspace.now())
            judged += guards.sold_below(view, result, promoted, least, every=softened)
            judged += guards.beside_what_nobody_knows(view, result, promoted, least)
            judged += guards.while_gone(view, result, promoted, least)
            below += guards.below_floor(view, workspace.now(), least, margins=margins)
            over += guards.budgeted(view, result, state, promoted)
            taken |= dict(promoted.taken())
            if write:
                state.depths |= {change.address: depth for change, depth in promoted.depths()}
        except NONSENSE as error:
            # What one store holds must not end the plan of all; nothing is concluded from it.
            results.append(StoreResult(view.store, view.connection, error=nonsense(error)))
            continue
        blocking += [*judged, *below]
        budgeted += over
        results.append(result)
        by_hand = view.store in state.standing or any(one.store == view.store for one in attested)
        if state.selection.whole_store(view.store) and not (below or view.behind or view.left or by_hand):
            memory.put(keys(view.store, view.connection), view.version, result)
        del view
    believe(state, asking=False)
    if behind and write and not takes_over:
        raise stale_ledger(behind)
    if attested:
        read = {result.store for result in results if not result.error}
        blocking += no_longer_declared(attested, state.desired.stores, read)
    blocking += guards.not_brought(loaded.project)
    blocking += guards.behind(behind)
    blocking += guards.unheard(state)
    if not write:
        blocking += guards.older(workspace.root, state.ledger)
        blocking += signed.told(workspace, loaded, state)
        changes = [change for result in results for change in result.changes]
        equal = [address for result in results for address in result.to_record]
        blocking += told(workspace, state, written_to(changes, equal, state))
    blocking += as_they_count(loaded.configuration, budgeted, workspace.now().date(), known=GUARDS)
    if any(isinstance(marketplace, Fits) for marketplace in state.marketplaces.values()):
        blocking += state.fitted[1]
    if not state.ledger.exists and (found := sum(map(guards.already_there, results))):
        blocking.append(guards.no_ledger(workspace.ledger_path(loaded.project), found))
    blocking += durations(state, results, workspace.now())
    if validate:
        blocking += remarks(state, results)
    rollout = phases_of(
        loaded.configuration.policies.get("rollout") or (),
        ((name, spec.labels) for name, spec in loaded.configuration.stores.items()),
    )
    blocking += guards.not_rolled_out(results, rollout)
    blocking += guards.still_to_stand(results, rollout, state.ledger.unsoaked())
    blocking += guards.renamed_stores(state)
    # A ledger that never guarded anything may have been chosen so that nothing is told.
    last = last_guards(state.ledger) or guards_everywhere(workspace, state)
    blocking += loosened(loaded.configuration, last, state.attested)
    if not wishes.lenient and not any(result.error for result in results):
        refuse_idle(state)
    changes = [change for result in results for change in result.changes]
    recorded = list(as_recorded(state, results))
    blocking += plan_findings(workspace, loaded, state, changes=changes, recorded=recorded)
    for result in results:
        settings = loaded.configuration.connections.get(result.connection)
        if settings is not None:
            result.marketplace = one_line(f"{settings['adapter']} {address_of(settings)}", 200)
            result.binding = _binding(settings)
    commit, dirty = revision.get()
    made = make_plan(
        results,
        project=loaded.project.name,
        environment=loaded.project.environment,
        config_digest=loaded.configuration.digest,
        ledger_serial=state.ledger.serial(),
        commit=commit,
        dirty=dirty,
        created_at=workspace.stamp(),
        findings=[*(f for f in findings if f.severity == "warning"), *blocking],
        selected=state.selection.patterns,
        rollout=rollout,
        risks=risks_of(loaded.configuration, changes, state.today),
        taken=taken,
        adopt=wishes.adopt,
    )
    return made, state


def stays(left: Left) -> str:
    """What is left as somebody else changed it, and by whose word."""
    what = "its deletion" if left.deleted else ", ".join(left.names)
    words = left.words
    return (
        f"{left.address}: {what} stays as it was changed outside, acknowledged by {words['owner']} until"
        f" {words['until']}: {words['reason']}"
    )


def believe(state: States, *, asking: bool) -> None:
    """Let nothing count of which no store has heard, where stores remember (`Ledger.believe`). `asking`:
    before any store was read; otherwise only those are asked that were not, and only where it makes a
    difference."""
    heads = {now.head for _, now in state.read_at.values() if now.number}
    if not asking and not state.ledger.believe(heads):
        return
    where = state.connections_of({*state.connections, *state.ledger.stores()})
    others = where.keys() - state.read_at.keys()
    fenced, _ = generations(others, state.marketplaces, where, owner=state.owner)
    state.ledger.believe(heads | {now.head for _, now in fenced.values() if now.number})


def has_margins(loaded: Loaded) -> bool:
    """Whether any SKU has a margin that its prices must leave."""
    policies = (spec.spec.get("pricePolicy") for spec in loaded.configuration.skus)
    return any(policy and policy.get("minMarginPercent") is not None for policy in policies)


JUDGE_PROMOTIONS: Final = ("PRO-030", "PRO-031", "PRO-032")
"""Rules that judge what promotions of the specs leave of prices."""


NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What arithmetic and comparisons make of values that are none."""


def nonsense(error: Exception) -> str:
    """That what a store holds cannot be compared with anything, in words."""
    return f"what it holds makes no sense: {one_line(f'{type(error).__name__}: {error}', 200)}"


def _binding(settings: Mapping[str, object]) -> str:
    """Which marketplace a connection leads to, as a digest: secrets may change their place, addresses may
    not. An embedded one is a file of this repository."""
    url = str(settings.get("url") or "sandbox:")
    where = [settings["adapter"], url, settings.get("options") or {}]
    return hashlib.sha256(orjson.dumps(where, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _of_others(view: StoreView, result: StoreResult) -> dict[str, Attributes]:
    """Promotions of a store that nobody applied as they are: not managed, or changed by a hand."""
    keys = {one.key for one in result.unmanaged if one.type == "promotion"}
    keys |= {
        change.former.key
        for change in result.changes
        if change.address.type == "promotion" and any(f.reason not in _OURS for f in change.fields)
    }
    return {key: view.promotions[key] for key in keys if key in view.promotions}


_OURS: Final = frozenset({"declared", "edited", "renamed", "undeclared"})
"""Reasons of a change that no hand from outside has given."""


def least_price(loaded: Loaded, now: datetime) -> Callable[[Address], dict[str, str] | None]:
    """For the guards of prices: the lowest price that leaves the margin of a listing's policy."""
    from acorn_gitops.engines.pricing.margin import least_prices

    ask = least_prices(loaded.configuration, now.date().isoformat())

    def least(address: Address) -> dict[str, str] | None:
        net = ask(address.store, address.key)
        return None if net is None else {"currency": net.currency, "value": str(net.amount)}

    return least


def plan_findings(
    workspace: Workspace,
    loaded: Loaded,
    state: States,
    changes: Sequence[Change],
    recorded: Sequence[Change] = (),
) -> list[Finding]:
    """Rules of phase plan: with the changes, what is only recorded, the history of prices, who acts and who
    wrote what."""
    authors = Authors(workspace.root, Reader(identities, may_hold))
    actor, today = workspace.actor(), workspace.now().date().isoformat()

    def author(file: str, line: int) -> tuple[str, str] | None:
        wrote = authors.of(file, line)
        if wrote is not None and wrote[0] == MAIL:
            return ANYBODY, wrote[1]  # acorn took over what somebody did in a console
        return (actor, today) if wrote == ("", "") else wrote

    last = state.ledger.last_whole()
    raw = loaded.configuration.project_raw

    @cache
    def asked(wanted: frozenset[Identity], files: frozenset[str], begin: str) -> frozenset[str]:
        found = authors.editors(wanted, files, begin)
        return frozenset(ANYBODY if wrote == MAIL else wrote or actor for wrote in found)

    def editors(wanted: Collection[Identity], files: Collection[str], since: str) -> frozenset[str]:
        begin = since or last
        if raw is not None and {*files} == {raw.file}:
            if _counts_the_same(raw.data, authors.earlier(raw.file, begin)):
                return frozenset()
            wanted = {("Project", raw.data["metadata"]["name"])}
        return asked(frozenset(wanted), frozenset(files), begin)  # a role is in many stores

    seen = {
        (c.address.store, c.address.key): c.before["price"]
        for c in changes
        if c.address.type == "listing"
        and c.before
        and is_money(c.before.get("price"))
        and "price" in c.touched
        if any(f.reason != "edited" for f in c.fields if f.path.startswith("price"))
    }
    history = PriceHistory(
        loaded.configuration, state.ledger, workspace.now(), seen=seen, standing=state.promotions
    )

    def applied(store: str, type: str, key: str) -> Attributes | None:
        found = state.ledger.applied(store).get((type, key))
        told = state.ledger.by_hand(store).get((type, key))
        return orjson.loads(found.attributes) if found is not None else told

    taxed = {c.address.store for c in changes if c.address.type == "tax-rule"}
    untaxed = frozenset(s for s in taxed if not any(t == "tax-rule" for t, _ in state.ledger.applied(s)))
    known = Known(
        as_judged(changes, state),
        history.prices,
        actor,
        author=author,
        begins=history.begins,
        applied=applied,
        untaxed=untaxed,
        follows=authors.follows,
        editors=editors,
        commit=authors.commit,
        recorded=recorded,
        roles_before=lambda: roles_asking(workspace, state, authors),
        holders=lambda store, role: holders_of(state, store, role),
        ever=lambda store, type: bool(state.ledger.ever(store, type)),
        gave=state.ledger.ever_gave,
        written_with=lambda address: state.ledger.written_with(
            Address(address.store, address.type, address.key)
        ),
    )
    known = known._replace(announces=_announced(changes))
    found = check(loaded.configuration, workspace.now(), phase="plan", known=known)
    # What apply will ask is told early; there it is an error.
    later = [f for f in check(loaded.configuration, workspace.now(), phase="apply") if f.severity == "error"]
    return [
        *_hardened(workspace, state, found),
        *(f._replace(severity="warning", message=f"{LATER}{f.message}") for f in later),
    ]


def _hardened(workspace: Workspace, state: States, found: Sequence[Finding]) -> list[Finding]:
    """What softens rules about one's own rights is looked for only where such a rule has found something."""
    if not any(one.id in OWN_RIGHTS and one.severity != "error" for one in found):
        return [*found]
    return hardened(found, state.loaded.configuration, guards_everywhere(workspace, state))


def roles_asking(
    workspace: Workspace, state: States, authors: Authors
) -> list[tuple[str, RolePermissionData]]:
    """Roles that asked for approvals (name, what their spec said of that) when everything was applied last,
    in the last run, or in one of which no store has heard: by the ledger, and by every other one that knows
    the stores. Where ours is of an earlier acorn and says nothing of them, by that commit. AcornError where
    its specs cannot be read as a whole, or it has to be fetched."""
    from acorn_gitops.reconcile.comparing import configuration_at

    found = [one for said in guards_everywhere(workspace, state) for one in _roles_in(said.get(APPROVALS))]
    ledger = state.ledger
    if all(APPROVALS in one for one in last_guards(ledger)):
        return found
    commit = ledger.last_whole()
    if not commit or not any(ledger.ever(store, "grant") for store in ledger.stores()):
        return found
    if not authors.has(commit):
        if not authors.is_cut_off:
            return found  # rewritten: nobody has it any more
        raise AcornError(
            f"what roles asked for when everything was applied last cannot be told: {commit[:10]} is not here",
            hint=WHOLE_HISTORY,
        )
    return [*found, *_roles_in(asking(configuration_at(workspace, commit)))]


def _roles_in(said: object) -> Iterator[tuple[str, RolePermissionData]]:
    for name, one in said.items() if isinstance(said, Mapping) else ():
        if isinstance(one, Mapping) and isinstance(one.get("approvals"), Mapping):
            yield str(name), cast("RolePermissionData", one)


def holders_in(live: Mapping[Key, Live]) -> Iterator[tuple[str, str]]:
    """(role, id of a subject) of every grant that a store holds, whoever manages it."""
    for (type, _), one in live.items():
        subject = one.attributes.get("subject") if type == "grant" else None
        if isinstance(subject, Mapping) and isinstance(subject.get("id"), str):
            yield str(one.attributes.get("role")), subject["id"]


def holders_of(state: States, store: str, role: str) -> set[str]:
    """Who has a role in a store: by what is live, and by what was last applied there or told to people."""
    applied = [
        orjson.loads(known.attributes)
        for (type, _), known in state.ledger.applied(store).items()
        if type == "grant"
    ]
    applied += [one for (type, _), one in state.ledger.by_hand(store).items() if type == "grant"]
    ours = {str(one["subject"].get("id")) for one in applied if one.get("role") == role}
    return ours | state.held.get((store, role), set())


def _announced(changes: Sequence[Change]) -> Callable[[str, str, str], bool]:
    """(store, promotion, SKU): whether these changes make or change the promotion, or the price that it is
    taken off."""
    # By the spec that says it: marketplaces may hold one promotion as several.
    made = {
        (c.address.store, c.origin.name if c.origin is not None else c.address.key)
        for c in changes
        if c.address.type == "promotion" and c.writes
    }
    priced = {
        (c.address.store, str((c.after or {}).get("sku") or c.address.key))
        for c in changes
        if c.address.type == "listing" and c.writes
        if c.action != "update" or any(f.path == "price" and f.reason != "drifted" for f in c.fields)
    }
    return lambda store, promo, sku: (store, promo) in made or (store, sku) in priced


_DECIDES: Final = ("specs", "environments", "defaultEnvironment", "defaults")
"""What of acorn.yaml says which files count, and what they inherit."""


def _counts_the_same(now: Mapping[str, Any], text: bytes | None) -> bool:
    """Whether an earlier acorn.yaml took in the same files."""
    from acorn_gitops.specs.strict import compose

    if text is None:
        return False
    documents = compose(text.decode("utf-8", "replace"), "acorn.yaml").documents
    earlier = documents[0].data if documents else None
    before = earlier.get("spec") if isinstance(earlier, Mapping) else None
    if not isinstance(before, Mapping):
        return False
    return all(before.get(name) == now["spec"].get(name) for name in _DECIDES)


def _recover(
    workspace: Workspace,
    state: States,
    allow_empty: Sequence[str],
    publish: Callable[[Ledger], None] | None,
) -> None:
    """Before anything is planned for writing: close what an interrupted run left open, by looking. A store
    that cannot be read, or shows nothing where there was something, is left for the plan to tell of."""
    from acorn_gitops.apply.guard import is_over
    from acorn_gitops.apply.left_open import expired, found_done
    from acorn_gitops.reconcile.moved_ledger import forget_the_rest

    forget_the_rest(workspace, state)
    snapshots: dict[str, Snapshot] = {}
    intents = state.ledger.open_intents()
    # A store that left the specs is asked where it is: what was begun there has to come to its end, too.
    where = state.connections_of({intent.address.store for intent in intents})
    for store in sorted(where):
        if where[store]:
            try:
                snapshot = state.marketplaces[where[store]].read(Scope(store, owner=state.owner))
                if snapshot.generation is None or not snapshot.generation.number:
                    check_place(store, state)
                check_not_empty(snapshot, state.ledger.applied(store), allow_empty)
            except MarketplaceError:
                continue
            snapshots[store] = snapshot
    found = found_done(
        intents,
        snapshots,
        workspace.stamp(),
        recorded=state.ledger.recorded,
        owner=state.owner,
        begun=lambda address, sent, live: is_begun(
            state.marketplaces.get(where[address.store]), address, sent, live
        ),
    )
    theirs = {
        row.address
        for row in found.settled
        if row.attributes is not None
        and (row.address.type, row.address.key) not in state.desired.stores.get(row.address.store, {})
        and (row.address.type, row.address.key) not in state.ledger.applied(row.address.store)
        and not is_as_made(state, row.address, snapshots[row.address.store])
    }
    found = found.without(theirs)
    unseen = {i.address for i in intents if not where[i.address.store]}
    late = [i for i in intents if i.address in theirs | unseen and is_over(i, workspace.stamp())]
    over = [*(one for one in found.closed if one.outcome == "expired"), *map(expired, late)]
    if over:
        state.ledger.settle([], over, workspace.stamp(), workspace.actor(), "")
    if not found.settled:
        return
    fenced, failed = generations(found.stores, state.marketplaces, where, owner=state.owner)
    behind = {store for store, (_, now) in fenced.items() if is_behind(state.ledger, store, now)}
    mine = {store: one for store, one in fenced.items() if store not in behind}
    left = behind | failed.keys()
    if mine:
        # The stores know of it before the ledger moves: whoever dies in between is not taken for somebody
        # else.
        said = {**about(state, mine), "publishes": publish is not None}
        head = state.ledger.open_up("apply.recovering", workspace.stamp(), workspace.actor(), said)
        if publish is not None:
            publish(state.ledger)
        left |= begin(mine, state.owner, head, alone=True)[1].keys()
    found = found.of(found.stores - left)
    state.ledger.settle(found.settled, found.closed, workspace.stamp(), workspace.actor(), "")
    state.ledger.note_seals()


def _left_by_us(workspace: Workspace, state: States) -> dict[Address, Attributes]:
    """What interrupted runs were about to make, that neither specs nor ledgers know, and as what: it is ours
    where a store shows just that, and nobody has looked since. Whoever looked found nothing, and what is
    there by now may be somebody else's."""
    made = {
        one.address: one.attributes or {}
        for one in state.ledger.undisturbed()
        if one.operation == "create"
        and (one.address.type, one.address.key) not in state.desired.stores.get(one.address.store, {})
    }
    applied = {store: state.ledger.applied(store) for store in {address.store for address in made}}
    left = {
        address: sent
        for address, sent in made.items()
        if (address.type, address.key) not in applied[address.store]
    }
    try:
        known = recorded_elsewhere(workspace, state, left) if left else frozenset()
    except AcornError:
        return {}  # another ledger cannot be read: it may be in that one
    return {address: sent for address, sent in left.items() if address not in known}


def as_recorded(state: States, results: Iterable[StoreResult]) -> Iterator[Change]:
    """Roles, grants and promotions that are as declared and will be recorded, as the changes that they are to
    what was applied last."""
    for result in results:
        for address in result.to_record:
            want = declared(state, address) if address.type in ("role", "grant", "promotion") else None
            if want is None:
                continue
            known = state.ledger.applied(address.store).get((address.type, address.key))
            before = orjson.loads(known.attributes) if known is not None else None
            # What a role may do is new as a whole where it was never applied.
            action: Action = "create" if before is None and address.type == "grant" else "update"
            yield Change(
                action,
                address,
                "declared",
                before=before,
                after=want.attributes,
                fields=(),
                origin=want.origin,
                fingerprint="",
            )


def written_to(changes: Iterable[Change], recorded: Iterable[Address], state: States) -> set[str]:
    """The stores to which changes write; and those where what is there as the specs say it is recorded, and
    marked as ours, as the marketplace keeps owners."""
    keeps = {
        store for store, name in state.connections.items() if isinstance(state.marketplaces.get(name), Owns)
    }
    marked = {address.store for address in recorded} & keeps
    return marked | {change.address.store for change in changes if change.writes}


def to_record(plan: Plan) -> set[Address]:
    """Resources that are in sync and not recorded."""
    return {address for store in plan.stores for address in store.to_record}
