"""What is to be said of a plan beside its changes: what must not be, what is too much, what is odd. Comes in:
a store's three states and what comparing them gave. Goes out: findings. Caller: `planning`.

Errors stop apply, warnings are read; budgets are warnings that stop apply, too, with an exit code of their
own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from acorn_gitops.apply.generation import BEHIND, CATCH_UP
from acorn_gitops.apply.parts import is_made_anew
from acorn_gitops.apply.price_guard import Offered, bounds_of, promotion_refusal, refusal, sold_below_now
from acorn_gitops.apply.price_guard import sold_below as sold_at
from acorn_gitops.apply.rollout import mixed
from acorn_gitops.compile.desired_state import Key
from acorn_gitops.confine.text import one_line
from acorn_gitops.engines.pricing.forms import ATTESTED
from acorn_gitops.engines.pricing.offer import NotComputable
from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.marketplaces.protocol import Irreplaceable
from acorn_gitops.model.finding import Finding, Place
from acorn_gitops.model.resource import Address, Desired, attribute_of, is_money, protects
from acorn_gitops.plan.budgets import built_in, over_budget
from acorn_gitops.plan.change import Change, FieldChange, StoreResult
from acorn_gitops.plan.compare import same
from acorn_gitops.plan.diff import left_to_others
from acorn_gitops.plan.rollout import Phase, in_their_phases
from acorn_gitops.provenance.earlier import not_here
from acorn_gitops.provenance.revision import is_before
from acorn_gitops.reconcile.moved_ledger import UNHEARD, unheard_words
from acorn_gitops.reconcile.promoted import Promoted
from acorn_gitops.reconcile.states import States, StoreView, heard_of
from acorn_gitops.resources.buyers import ASKED, asks_no_less
from acorn_gitops.resources.registry import FIXED, STORES
from acorn_gitops.specs.configuration import Spec
from acorn_gitops.specs.deciding import place_of_facts, places_of_specs
from acorn_gitops.specs.project import Project

MANY: Final = 5
"""From so many on, and a quarter of a store, deletions are told loudly."""


def ambiguous(view: StoreView, state: States) -> Iterator[Finding]:
    """What a marketplace holds several times under one key: an error where the specs speak of it."""
    for key, why in sorted(view.ambiguous.items()):
        want = state.desired.stores.get(view.store, {}).get(key)
        place = Place(want.origin.file, want.origin.line) if want is not None else None
        yield Finding(
            "ACN-032",
            "warning" if want is None else "error",
            f"{view.store}: {why}",
            place=place,
            hint="rename or delete all but one of them there",
        )


def in_other_currencies(view: StoreView) -> Iterator[Finding]:
    """Prices that buyers can choose instead of the one that the specs say."""
    for key in sorted(view.desired.keys() & view.live.keys()):
        if others := view.live[key].also_for:
            want = view.desired[key]
            yield Finding(
                "ACN-039",
                "warning",
                f"{Address(view.store, *key)}: buyers can also pay {' or '.join(others)}, and no spec says so",
                place=Place(want.origin.file, want.origin.line),
                hint="delete these prices there, or take their currencies out of what the store sells in: floors and promotions are judged in the"
                " store's own currency only",
                source="",
                subject=str(Address(view.store, *key)),
            )


def blocked(view: StoreView, result: StoreResult) -> Iterator[Finding]:
    """Changes that must not be, or can only fail."""
    for change in result.changes:
        if change.action not in ("replace", "delete"):
            continue
        want = view.desired.get((change.address.type, change.address.key))
        last = view.applied.get((change.former.type, change.former.key))
        what = "replaced" if change.action == "replace" else "deleted"
        if want is not None and protects(want.lifecycle):
            yield _finding(
                "ACN-020",
                change,
                f"{change.address} would be {what}, and its spec says preventDestroy",
                hint="undo the edit of its fixed attributes, or remove preventDestroy",
            )
        elif last is not None and last.protected:
            yield _finding(
                "ACN-020",
                change,
                f"{change.address} would be {what}, and its spec said preventDestroy when it was last applied",
                hint="put it back; or first apply it without preventDestroy, and then remove it",
            )
        elif change.action == "replace" and change.address.type in STORES and len(view.live) > 1:
            yield _finding(
                "ACN-021",
                change,
                f"{change.address} would be replaced while it holds {len(view.live) - 1} other resources, which no"
                " marketplace allows",
                hint=_put_back(change),
            )


def _put_back(change: Change) -> str:
    """What to do about a fixed field of a store that differs: whose hand it was decides."""
    fields = [
        f for f in change.fields if attribute_of(f.path) in FIXED.get(change.address.type, ())
    ] or change.fields
    if all(field.reason == "drifted" for field in fields):
        moved = ", ".join(
            f"{f.path} {one_line(str(f.after), 60)} (it is {one_line(str(f.before), 60)})" for f in fields
        )
        return f"it was changed outside: set it there again: {moved}; nobody else can"
    names = ", ".join(sorted({field.path for field in fields}))
    return f"undo the edit of {names}, or declare a new store beside it and move what it holds"


def renamed_stores(state: States) -> Iterator[Finding]:
    """A store whose name changes: no marketplace renames one, and what it holds must not be deleted for a
    word. And one that means on the marketplace what another one means in the ledger: what was applied, given
    and frozen there would count for nothing under this name."""
    declared = state.loaded.configuration.stores
    for spec in declared.values():
        former = spec.moved_from
        if former and former not in declared and state.ledger.holds(former):
            yield _renamed(
                spec,
                f"was {former}: no marketplace renames a store, and what {former} holds would be deleted and made anew",
                f"keep the name {former} (an alias or a label may say the other); or, where {spec.name} is a new store,"
                " take movedFrom out",
            )
    yield from renamed_in_all_but_name(state)


def renamed_in_all_but_name(state: States) -> Iterator[Finding]:
    """The second of these: asked also where the ledger is made anew."""
    known = {where: name for name in state.ledger.stores() if (where := state.ledger.binding(name))}
    for spec in state.loaded.configuration.stores.values():
        here = state.marketplaces_like(spec.name) if state.has_identity(spec.name) else frozenset()
        former = next((known[where] for where in here if where in known), None)
        if former not in (None, spec.name) and state.ledger.binding(spec.name) not in here:
            yield _renamed(
                spec,
                f"is on the marketplace what {former} is: what was applied, given and frozen there counts for {former} only",
                f"keep the name {former} (an alias or a label may say the other); or have the ledger forget what it knows"
                f" of {former} first (`acorn state rm`)",
            )


def _renamed(spec: Spec, words: str, hint: str) -> Finding:
    place, subject = Place(spec.file, spec.line), f"Store/{spec.name}"
    message = f"{spec.name} {words}"
    return Finding("ACN-037", "error", message=message, place=place, hint=hint, subject=subject)


def mass_deletion(view: StoreView, result: StoreResult) -> Iterator[Finding]:
    """An emptied file must not look like a day's work."""
    going = sum(change.action == "delete" for change in result.changes)
    if going >= MANY and going * 4 >= len(view.applied):
        yield Finding(
            "ACN-023",
            "warning",
            f"{going:,} of {len(view.applied):,} managed resources of {view.store} would be deleted, because they left"
            " the specs",
            place=None,
            hint="if that is not meant, look for an emptied or moved file",
        )


def budgeted(view: StoreView, result: StoreResult, state: States, promoted: Promoted) -> Iterator[Finding]:
    """What is over a budget of the project."""
    budgets = state.loaded.configuration.policies.get("budgets")
    managed = Counter(type_ for type_, _ in view.applied)
    cuts = [*promoted.cuts()] if budgets or budgets is None else []
    if budgets:
        yield from over_budget(view.store, result.changes, managed, budgets=budgets, cuts=cuts)
    elif budgets is None:
        yield from built_in(view.store, result.changes, managed, cuts=cuts)


def not_sent(
    result: StoreResult, view: StoreView, least: Callable[[Address], Mapping[str, str] | None]
) -> Iterator[Finding]:
    """Prices that the last guard before the write will refuse: better told now, and nothing written, than
    applied in part. Rules say so first; this is for what was waived or softened, and for bounds that only the
    store knows."""
    for change in result.changes:
        if change.address.type != "listing" or change.action not in ("create", "update", "replace"):
            continue
        have = view.live.get((change.former.type, change.former.key)) if change.action == "update" else None
        want = view.desired.get((change.address.type, change.address.key))
        touched = change.touched
        sent = {k: v for k, v in (change.after or {}).items() if change.action != "update" or k in touched}
        held = have.attributes if have is not None else {}
        live = {**held, **bounds_of(want, held)}
        why = refusal("listing", sent, live, least=least(change.address))
        if why:
            yield _finding(
                "ACN-025",
                change,
                f"{change.address} would not be sent: {why}",
                hint="no waiver opens this: change price or bound",
            )


def sold_below(
    view: StoreView,
    result: StoreResult,
    promoted: Promoted,
    least: Callable[[Address], Mapping[str, str] | None],
    *,
    every: bool,
) -> Iterator[Finding]:
    """What would be sold below its floor with promotions that the store holds and this plan leaves as they
    are: unmanaged ones, forgotten ones, those that were not selected. What the specs say of their own
    promotions the rules have judged, but at the price that the specs say: where that is left to others, and
    where the rules were softened (`every`), it is judged here as well."""
    changed = {c.address.key: c for c in result.changes if c.address.type == "promotion" and c.writes}
    former = {c.former.key for c in changed.values()}
    foreign = {key: body for key, body in view.promotions.items() if key not in changed and key not in former}
    foreign = {key: body for key, body in foreign.items() if ("promotion", key) not in view.desired}
    touched = {c.address.key: c for c in result.changes if c.address.type == "listing" and c.writes}
    if not (touched or changed):
        return
    anew = {sku for c in changed.values() if c.action != "delete" for sku in _skus_of(c.after or {})}
    # Where one ends, others may take its place and leave less.
    ended = {sku for key in former for sku in _skus_of(view.promotions.get(key) or {})}
    listings = {key: live.attributes for (type, key), live in view.live.items() if type == "listing"}
    away = {c.former.key for c in touched.values()} - touched.keys()
    for key in sorted({*listings, *touched} - away):
        moved = touched.get(key)
        if moved is not None and moved.action == "delete":
            continue
        in_place = moved is not None and moved.action == "update"
        live = listings.get(moved.former.key if moved is not None and in_place else key, {})
        address = Address(view.store, "listing", key)
        want = view.desired.get(("listing", key))
        after = (moved.after or {}) if moved is not None else {}
        listing = {**live, **after}
        listing |= bounds_of(want, {**listing, **_left_as_they_are(want, live)})
        sku = str(listing.get("sku") or key)
        was = str(live.get("sku") or (moved.former.key if moved is not None and in_place else sku))
        named = sku.casefold() in anew
        ends = sku.casefold() in ended
        if moved is None and not named and not ends:
            continue
        own = named and (every or want is None or moved is None or _is_priced_by_others(want, live))
        own = own or (ends and every)
        theirs = sorted(promoted.before.on(sku, was) & foreign.keys())
        if not own and not theirs:
            continue
        why = sold_at(sku, listing, live, least=least(address), falls=promoted.falls, former=was)
        if why:
            beside = f"; {', '.join(theirs)} is there, and this plan leaves it as it is" if theirs else ""
            yield Finding(
                "ACN-025",
                "error",
                f"{address} {why}{beside}",
                place=None
                if moved is None or moved.origin is None
                else Place(moved.origin.file, moved.origin.line),
                hint=_way_out(theirs),
                source="",
                subject=str(address),
            )


def _way_out(theirs: Sequence[str]) -> str:
    if any(key.startswith(ATTESTED) for key in theirs):
        return (
            "end it there by hand and take its entry out of the record in evidence/, or change it there and attest that"
            " (`acorn attest`)"
        )
    if theirs:
        return "select it too, end it at the marketplace, or declare it (`acorn import`)"
    return "no waiver opens this: change the promotion, the price or the bound"


def _skus_of(promotion: Mapping[str, object]) -> set[str]:
    """What a promotion names, in lower case: stores take a SKU in any."""
    skus = promotion.get("skus")
    return {sku.casefold() for sku in skus if isinstance(sku, str)} if isinstance(skus, list) else set()


def while_gone(
    view: StoreView,
    result: StoreResult,
    promoted: Promoted,
    least: Callable[[Address], Mapping[str, str] | None],
) -> Iterator[Finding]:
    """Promotions that would be made anew, and that the last guard would not end, by what the store holds now:
    somebody would pay less than a floor while they are gone."""
    anew = [change for change in result.changes if is_made_anew(change)]
    if not anew:
        return
    on_sale: dict[str, list[tuple[str, Offered]]] = {}
    for (type, key), live in view.live.items():
        if type == "listing":
            bounds = bounds_of(view.desired.get((type, key)), live.attributes)
            offered = Offered({**live.attributes, **bounds}, least(Address(view.store, type, key)))
            sku = str(live.attributes.get("sku") or key)
            on_sale.setdefault(sku.casefold(), []).append((sku, offered))
    for change in anew:
        was = promoted.before.content(change.former.key) or {}
        skus = sorted(_skus_of({**was}))
        ended = promoted.before.proposed(change.former.key, None)
        why = promotion_refusal(ended, (one for sku in skus for one in on_sale.get(sku, ())))
        if why:
            yield _finding(
                "ACN-025",
                change,
                f"{change.address} is made anew, and would be held back: while {change.former.key} is gone,"
                f" {why}",
                hint="leave it as it was, or make the new one beside it first and end it then",
            )._replace(severity="warning")


def beside_what_nobody_knows(
    view: StoreView,
    result: StoreResult,
    promoted: Promoted,
    least: Callable[[Address], Mapping[str, str] | None],
) -> Iterator[Finding]:
    """Prices with a floor that the last guard before the write will refuse, since the store holds a promotion
    on them of which nobody knows what it takes off, and which this plan leaves as it is."""
    written = {c.former.key for c in result.changes if c.address.type == "promotion" and c.writes}
    kept = {key for key in view.promotions if key not in written and ("promotion", key) not in view.desired}
    refused: dict[str, list[Change]] = {}
    for change in result.changes:
        price = (change.after or {}).get("price")
        if change.address.type != "listing" or not is_money(price) or price is None or not _asks(change):
            continue
        have = view.live.get((change.former.type, change.former.key))
        want = view.desired.get((change.address.type, change.address.key))
        live = have.attributes if have is not None else {}
        in_place = change.action == "update" and change.moved_from is None
        if in_place and asks_no_less({**live, **(change.after or {})}, live):
            continue
        floor = {**live, **(change.after or {}), **bounds_of(want, live)}.get("minPrice")
        if floor is None and least(change.address) is None:
            continue
        sku = str((change.after or {}).get("sku") or change.address.key)
        for key in promoted.before.on(sku) & kept:
            try:
                promoted.before.check(key, price["currency"])
            except NotComputable as error:
                refused.setdefault(str(error), []).append(change)
    for why, changes in sorted(refused.items()):
        count = f" and {len(changes) - 1:,} more" if len(changes) > 1 else ""
        yield _finding(
            "ACN-025",
            changes[0],
            f"{changes[0].address}{count} would not be sent: {why}, so that nobody knows what buyers would pay",
            hint="end that promotion at the marketplace, or mend it there",
        )


def _asks(change: Change) -> bool:
    """Whether a change asks another price, or puts something on sale, or moves a floor."""
    if change.action not in ("create", "update", "replace"):
        return False
    return change.action != "update" or not change.touched.isdisjoint((*ASKED, "status", "minPrice"))


def _left_as_they_are(want: Desired | None, live: Mapping[str, object]) -> dict[str, object]:
    """What a listing leaves to others, as the store shows it: no plan changes that."""
    left = left_to_others(want) if want is not None else frozenset()
    return {name: live[name] for name in left & live.keys()}


def _is_priced_by_others(want: Desired, live: Mapping[str, object]) -> bool:
    """Whether what buyers pay of a listing is not what the specs say of it."""
    unsaid = {"price", *(name for name in ASKED if live.get(name) is not None)} - want.attributes.keys()
    return bool(unsaid) or not left_to_others(want).isdisjoint((*ASKED, "status"))


def below_floor(
    view: StoreView, now: datetime, least: Callable[[Address], Mapping[str, str] | None], *, margins: bool
) -> Iterator[Finding]:
    """What is sold below its floor or margin at this moment, whoever made it so, and whether or not this plan
    changes anything. `margins`: whether any listing has a margin to keep."""
    standing = HeldPromotions(now, view.promotions.items(), view.platform)
    for identity, live in view.live.items():
        if identity[0] != "listing":
            continue
        want = view.desired.get(identity)
        listing = live.attributes
        if want is not None and (want.whole or want.lifecycle):
            listing = {**listing, **bounds_of(want, listing)}
        if not margins and "minPrice" not in listing:
            continue
        key = identity[1]
        address = Address(view.store, "listing", key)
        floor = least(address)
        if floor is None and listing.get("minPrice") is None:
            continue
        why = sold_below_now(str(listing.get("sku") or key), listing, floor, standing=standing, now=now)
        if why:
            yield Finding(
                "ACN-033",
                "warning",
                f"{address} {why}: it is sold so now",
                place=None if want is None else Place(want.origin.file, want.origin.line),
                hint="end the promotion or raise the price; a floor that is too high is lowered in `pricePolicy`",
                source="",
                subject=str(address),
            )


def behind(stores: Sequence[str]) -> Iterator[Finding]:
    """That apply would be refused, since this ledger knows less than what was applied."""
    if stores:
        names = ", ".join(stores[:10]) + (f" and {len(stores) - 10} more" if len(stores) > 10 else "")
        yield Finding(
            "ACN-035", "warning", f"{BEHIND}: {names}; apply will refuse", place=None, hint=CATCH_UP
        )


def unheard(state: States) -> Iterator[Finding]:
    """That apply would be refused, since the ledger says something of which no store has heard."""
    found = heard_of(state)[1]
    if found:
        yield Finding(
            "ACN-035", "warning", f"{unheard_words(found)}; apply will refuse", place=None, hint=UNHEARD
        )


def not_brought(project: Project) -> Iterator[Finding]:
    """Files of the commit that decide and are not here, though nobody took them out: what specs declare would
    look as if it had left, and what rules and facts forbid would be allowed."""
    settings = project.raw.data["spec"]
    missing = not_here(project.root, [*places_of_specs(settings), place_of_facts(settings)])
    if missing:
        names = ", ".join(missing[:5]) + (f" and {len(missing) - 5:,} more" if len(missing) > 5 else "")
        yield Finding(
            "ACN-045",
            "error",
            f"git was told not to bring {names}: what is declared there would be deleted, and what it forbids allowed",
            place=None,
            hint="`git sparse-checkout disable`, `git submodule update --init --recursive`; without them nobody knows what the specs say",
        )


def not_rolled_out(results: Iterable[StoreResult], phases: Sequence[Phase]) -> Iterator[Finding]:
    """Changes that no phase would try although its stores go first."""
    found = mixed((change for result in results for change in result.changes), phases)
    if found:
        more = f" and {len(found) - 3:,} more" if len(found) > 3 else ""
        yield Finding(
            "ACN-049",
            "error",
            f"{', '.join(map(str, found[:3]))}{more}: how stock is divided changes in all stores at once, so"
            " that what else changes here could not be tried in some stores first",
            place=None,
            hint="merge the division of stock by itself, then the rest",
        )


def still_to_stand(
    results: Iterable[StoreResult], phases: Sequence[Phase], unsoaked: Mapping[str, Sequence[Address]]
) -> Iterator[Finding]:
    """What an earlier run has written in stores that go first, and for which an apply waits before it writes
    to others."""
    touched = {result.store for result in results if any(change.writes for change in result.changes)}
    moved = in_their_phases(phases, unsoaked)
    for number, phase in enumerate(phases):
        waits = [*unsoaked.get(phase.name, ()), *moved.get(phase.name, ())]
        follow = touched.difference(*(one.stores for one in phases[: number + 1]))
        if phase.soak and waits and follow:
            more = f" and {len(waits) - 3:,} more" if len(waits) > 3 else ""
            yield Finding(
                "ACN-051",
                "info",
                f"{', '.join(map(str, waits[:3]))}{more}: an earlier run wrote this in {phase.name}, and it"
                f" has not stood {phase.soak} s yet: an apply waits for that, and looks, before it goes on",
                place=None,
            )


def crossed(view: StoreView, result: StoreResult, ledger: Ledger) -> Iterator[Finding]:
    """Listings that take over a key from which another is only about to leave. What nobody declares (texts,
    reviews, the product that it is) stays with the key: prices alone would change places. A rename that the
    ledger knows is done, whatever `movedFrom` still says, unless other goods lie there."""
    done: set[tuple[str, str]] | None = None
    renamed = [(key, want) for key, want in view.desired.items() if want.moved_from and key[0] == "listing"]
    if not renamed:
        return
    circles = _circles(view, [key for key, _ in renamed])
    moving = {(c.address.type, c.address.key) for c in result.changes if c.action in ("update", "replace")}
    for key, want in renamed:
        former = _former(view, key)
        if former is None or not _crosses(view, key, former, moves=key in moving, back=key in circles):
            continue
        if done is None:
            done = {(new, old) for _, new, old in ledger.renames(view.store, "listing")}
        if key in view.live and (key[1], former[1]) in done and _same_goods(view, key):
            continue
        subject = f"{view.store}/listing/{key[1]}"
        words, mend = _how_they_cross(view, key, former, back=key in circles)
        yield Finding(
            "ACN-050",
            "error",
            f"{subject} is to be what {former[1]} is, and {words}",
            place=Place(want.origin.file, want.origin.line),
            hint=f"{mend}; where that was done long ago, take `movedFrom` out",
            subject=subject,
        )


def onto_taken(view: StoreView, result: StoreResult) -> Iterator[Finding]:
    """What would end for a name that somebody else's has: nothing would come in its place."""
    ends = {(c.address.type, c.address.key) for c in result.changes if c.action == "delete"}
    for change in result.changes:
        former = _former(view, (change.address.type, change.address.key))
        if change.action != "adopt" or former is None or former not in ends:
            continue
        yield _finding(
            "ACN-050",
            change,
            f"{change.address} is to be what {former[1]} is, and it is there already and not ours:"
            f" {former[1]} would end, and nothing come in its place",
            hint="give it a name that nobody has; or take over what is there (`--adopt`)",
        )


def _same_goods(view: StoreView, key: Key) -> bool:
    return view.live[key].attributes.get("sku") == view.desired[key].attributes.get("sku")


def _how_they_cross(view: StoreView, key: Key, former: Key, *, back: bool) -> tuple[str, str]:
    """What is wrong, and what to do. `back`: they go round in a circle."""
    third = _former(view, former)
    if former not in view.desired:
        mend = f"take {key[1]} out of the specs and apply that; then rename {former[1]}"
        return "another listing has that code", mend
    if third is not None and not back:
        first = f"{former[1]} to {key[1]} first; once that is applied, {third[1]} to {former[1]}"
        mend = f"make two changes of it: {first}"
        return f"{former[1]} what {third[1]} is", mend
    return f"{former[1]} what {key[1]} is", (
        "no two of them can change places at once: give one a key that nobody has, apply that, and go on from"
        " there"
    )


def _crosses(view: StoreView, key: Key, former: Key, *, moves: bool, back: bool) -> bool:
    """Whether a listing cannot take over its former one's place. `moves`: it is to be another one than it
    is; where it is not, `movedFrom` is only old. `back`: renames go round in a circle."""
    is_there = key in view.live and key in view.applied
    if former not in view.desired:
        return is_there and moves
    if _former(view, former) is not None:
        return key not in view.live or moves or back
    goods = view.desired[key].attributes.get("sku")
    return (
        is_there
        and view.live[key].attributes.get("sku") != goods
        and view.live[former].attributes.get("sku") == goods
    )


def _former(view: StoreView, key: Key) -> Key | None:
    """What a resource was called before, where that is there and ours."""
    want = view.desired.get(key)
    if want is None or not want.moved_from:
        return None
    former = (key[0], want.moved_from)
    return former if former in view.live and former in view.applied and former != key else None


def _circles(view: StoreView, renamed: Iterable[Key]) -> set[Key]:
    """Those whose renames go round in a circle. Each is walked over once."""
    found: set[Key] = set()
    seen: set[Key] = set()
    for key in renamed:
        way: dict[Key, None] = {}
        at: Key | None = key
        while at is not None and at not in seen:
            seen.add(at)
            way[at] = None
            at = _former(view, at)
        if at in way:
            every = [*way]
            found.update(every[every.index(at) :])
    return found


def irreplaceable(view: StoreView, result: StoreResult, state: States) -> Iterator[Finding]:
    """What would be given up and made anew where the marketplace cannot: nothing is done. Where the specs
    ask for it, that is refused; where somebody else changed it, it is told."""
    marketplace = state.marketplaces.get(view.connection)
    kinds: Mapping[str, str] = {}
    if isinstance(marketplace, Irreplaceable):
        kinds = marketplace.irreplaceable()
    yield from _unchangeable(result, kinds)
    for change in [c for c in result.changes if c.action == "replace" and c.address.type in kinds]:
        result.changes.remove(change)
        asked = any(
            field.reason != "drifted" for field in change.fields if not field.path.startswith("status")
        )
        names = ", ".join(sorted({attribute_of(field.path) for field in change.fields}))
        yield _finding(
            "ACN-031",
            change,
            f"{change.address} would have to be made anew ({names}), and cannot be",
            hint=kinds[change.address.type],
        )._replace(severity="error" if asked else "warning")


def _unchangeable(result: StoreResult, kinds: Mapping[str, str]) -> Iterator[Finding]:
    """Attributes that can never be changed: refused where the specs ask for it; what somebody else changed is
    told, and left. What else differs is planned without them."""
    if not any("." in name for name in kinds):
        return
    kept: list[Change] = []
    for change in result.changes:
        stuck = [field for field in change.fields if _is_stuck(change, field, kinds)]
        for field in stuck:
            finding = _finding(
                "ACN-031",
                change,
                f"{change.address} cannot have another {field.path}: it is {one_line(str(field.before), 60)}",
                hint=kinds[f"{change.address.type}.{attribute_of(field.path)}"],
            )
            yield finding._replace(severity="warning" if field.reason == "drifted" else "error")
        left = tuple(field for field in change.fields if field not in stuck)
        if not stuck or any(field.reason != "drifted" for field in stuck):
            kept.append(change)  # where it is refused it is shown as it was asked for
        elif left:
            before = {name: (change.before or {}).get(name) for name in (attribute_of(f.path) for f in stuck)}
            kept.append(change._replace(fields=left, after={**(change.after or {}), **before}))
    result.changes[:] = kept


def _is_stuck(change: Change, field: FieldChange, kinds: Mapping[str, str]) -> bool:
    named = f"{change.address.type}.{attribute_of(field.path)}" in kinds
    return named and field.before is not None and change.action == "update"


def older(root: Path, ledger: Ledger) -> Iterator[Finding]:
    """That apply would be refused, since what is checked out is an ancestor of what was applied last."""
    last = older_than(root, ledger)
    if last:
        yield Finding(
            "ACN-040",
            "warning",
            f"this checkout is older than commit {last[:10]}, which was applied last; apply will refuse",
            place=None,
            hint=OLDER,
        )


def older_than(root: Path, ledger: Ledger) -> str:
    """The commit that was applied last, where what is checked out is an ancestor of it: an old pipeline that
    is run again would put old prices back. One of which no store has heard counts as well. Where the history
    is not there (a shallow clone), the times of the two commits decide."""
    unheard = ((one.get("commit"), one.get("committed")) for one in ledger.unheard())
    for last, committed in (ledger.last_commit(), *unheard):
        at = committed if isinstance(committed, int) else 0
        if isinstance(last, str) and last and is_before(root, last.removesuffix("-dirty"), at):
            return last
    return ""


OLDER: Final = "check out the newest commit; to go back on purpose revert it, or say `--older`"


def already_there(result: StoreResult) -> int:
    """How many declared resources a store holds of which the ledger knows nothing."""
    return len(result.to_record) + sum(change.action == "adopt" for change in result.changes)


def roles_of_grants(view: StoreView, result: StoreResult) -> Iterator[Finding]:
    """Grants that would give what these specs do not say: the role is not there, or another than they say,
    and this plan does not make it so. Whose it is, what is selected and which fields are left to others
    changes nothing of what the grant would give."""
    written = {c.address.key: c.after or {} for c in result.changes if c.address.type == "role" and c.writes}
    for change in result.changes:
        if change.address.type != "grant" or not change.writes or change.action == "delete":
            continue
        role = str((change.after or {}).get("role"))
        live, want = written.get(role, view.roles.get(role)), view.wanted_roles.get(role)
        if live is not None and want is not None and _is_as_said(live, want):
            continue
        says = "is not there" if live is None else "says something else there than these specs say"
        yield _finding(
            "ACN-041",
            change,
            f"{change.address} would be given while the role {role} {says}, and this plan does not change that",
            hint="plan the role with it; where it is somebody else's, take it over (`--adopt`) or give yours another `key`",
        )


def _is_as_said(live: Mapping[str, object], want: Mapping[str, object]) -> bool:
    names = {*want, "rules", "validFrom", "validUntil"}
    return all(same(want.get(name), live.get(name), name) for name in names)


def no_ledger(path: Path, found: int) -> Finding:
    """Told where there is something to miss."""
    return Finding(
        "ACN-022",
        "warning",
        f"there is no ledger here ({path.name}), and the stores hold {found:,} of the declared resources already: what"
        " was applied before, and by whom, is not known",
        place=None,
        hint="on a machine that forgets, `acorn state pull` brings it; if it is lost, `acorn state rebuild` makes it again;"
        " the first time, this is as it should be",
    )


def _finding(id: str, change: Change, message: str, hint: str) -> Finding:
    place = Place(change.origin.file, change.origin.line) if change.origin is not None else None
    return Finding(id, "error", message, place=place, hint=hint, source="", subject=str(change.address))
