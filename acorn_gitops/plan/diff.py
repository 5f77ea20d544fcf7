"""One store, compared three ways. Comes in: desired, live and last-applied resources of a store. Goes out: a
`StoreResult`. Caller: `document` (through cli), drift, tests.

Only declared attributes are compared. Last applied tells who moved: a value that still is as we left it and
differs from the spec was edited; one that is not as we left it has drifted. Without a record nothing is said
about who, and nothing is ever deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import orjson

from acorn_gitops.compile.desired_state import Key
from acorn_gitops.model.resource import (
    Address,
    Attributes,
    Desired,
    Live,
    digest,
    project,
    protects,
)
from acorn_gitops.plan.change import Action, Applied, Change, FieldChange, Reason, StoreResult
from acorn_gitops.plan.compare import field_differences, holds, inside_band, same
from acorn_gitops.plan.ownership import change_of_owner, is_foreign, is_unmarked, left_to_owners, why_kept
from acorn_gitops.resources.buyers import ASKED
from acorn_gitops.resources.registry import CLEARED, FIXED, REFERENCES, STORES


class Policy(NamedTuple):
    """How one environment treats what is not ours, or no longer."""

    prune: Mapping[str, bool] = {}
    adopt: str = "equal"
    managed: frozenset[str] | None = None
    """Types that the marketplace lets us write; None is every type. Others become manual steps."""
    by_hand: frozenset[Key] = frozenset()
    """Of these types, what it does not let us write all the same."""
    renames: frozenset[str] = frozenset()
    """Types of which a resource can be given another key, and stays the same."""
    owner: str = ""
    """Who plans (project/environment), where the marketplace keeps with each resource who manages it."""
    takes_over: bool = False
    """What belongs to others, or was only found, is taken over: somebody said so (`--adopt`)."""

    def manages(self, key: Key) -> bool:
        """Whether a resource can be written from here."""
        return (self.managed is None or key[0] in self.managed) and key not in self.by_hand

    def prunes(self, type: str) -> bool:
        """Whether a resource of this type that left the specs is deleted."""
        return self.prune.get(type, type not in STORES)


def with_intents(
    applied: Mapping[Key, Applied],
    intents: Iterable[tuple[Key, Attributes, Attributes, bool]],
    live: Mapping[Key, Live],
    begun: Callable[[Key, Attributes, Live], bool],
) -> Mapping[Key, Applied]:
    """What was last applied, counting writes whose end nobody recorded but whose effect is visible: a
    resource that an interrupted run created is ours, and is never mistaken for somebody else's; also where
    it was created in part (`begun`). An intent: key, what was sent, what was declared, whether it is
    protected."""
    out: dict[Key, Applied] | None = None
    for key, sent, declared, protected in intents:
        if holds(sent, live.get(key)):
            out = dict(applied) if out is None else out
            out[key] = Applied(digest(declared), orjson.dumps(declared), protected=protected)
        elif key not in applied and (have := live.get(key)) is not None and begun(key, sent, have):
            out = dict(applied) if out is None else out
            part = part_of(declared, have)
            out[key] = Applied(digest(part), orjson.dumps(part), protected=protected)
    return applied if out is None else out


def part_of(declared: Attributes, live: Live) -> Attributes:
    """What of a declaration is there, as it is there."""
    return {name: live.attributes[name] for name in declared if name in live.attributes}


def recordable(
    want: Desired, last: Attributes | None, sent: Collection[str] = frozenset(), *, whole: bool = False
) -> Attributes:
    """What a ledger may say was last applied: of fields that are left to others (`ignoreFields`, `ceded`) not
    what the specs say now, as that was never sent, but what it said before. `sent`: fields that were, after
    all; `whole`: everything was. What a listing asks is not said at all while others set it: whoever takes it
    back changes it, and repairs nothing."""
    every = left_to_others(want)
    if not every:
        return want.attributes
    before = want.attributes if whole else {**(last or {}), **project(want.attributes, every & {*sent})}
    return {
        name: before[name] if name in every else value
        for name, value in want.attributes.items()
        if name not in every or (name in before and name not in ASKED)
    }


def left_to_others(want: Desired) -> frozenset[str]:
    """Declared fields that a resource leaves to others: no update sends them (a ceded one only where it left
    its band)."""
    lifecycle = want.lifecycle or {}
    names = {*(lifecycle.get("ignoreFields") or ()), *(lifecycle.get("ceded") or {})}
    return frozenset(names & want.attributes.keys())


def _with_cleared(key: Key, want: Desired, known: Applied | None) -> Desired:
    """A resource whose specs no longer say something that must not stay behind."""
    if key[0] not in CLEARED or known is None:
        return want
    last = orjson.loads(known.attributes)
    gone = [name for name in CLEARED[key[0]] if last.get(name) is not None and name not in want.attributes]
    return want._replace(attributes={**want.attributes, **dict.fromkeys(gone)}) if gone else want


def diff_store(
    store: str,
    connection: str,
    desired: Mapping[Key, Desired],
    live: Mapping[Key, Live],
    applied: Mapping[Key, Applied],
    policy: Policy,
    ids: Callable[[], Mapping[Key, str]] = dict,
) -> StoreResult:
    """Compare one store. Order of the mappings changes nothing. `ids`: what the marketplace calls the
    resources that were last applied; asked where one is missing that may only have another key now."""
    result = StoreResult(store, connection, live=len(live))
    moved = _Moved(desired, live, applied, policy=policy, ids=ids)
    renamed: set[Key] = set()
    for key, want in desired.items():
        have = live.get(key)
        if key[0] in CLEARED:
            former = (key[0], want.moved_from) if want.moved_from else key
            want = _with_cleared(key, want, applied.get(key) or applied.get(former))
        if have is not None:
            if want.moved_from:
                _note_not_renamed(result, key, want, desired=desired, live=live, applied=applied)
            attributes = have.attributes
            for name, value in want.attributes.items():
                if attributes.get(name) != value:
                    _differs(result, key, want, have=have, known=applied.get(key), policy=policy)
                    break
            else:
                _in_sync(result, key, want, have=have, known=applied.get(key), policy=policy)
            continue
        if (now := moved.key_of(key)) is not None:
            renamed.add(now)
            left = _left_alone(want, live[now])
            known = applied.get(key)
            last = orjson.loads(known.attributes) if known is not None else {}
            result.changes.append(
                _renamed(
                    result.store, key, now, want=want, old=live[now], reason="drifted", left=left, last=last
                )
            )
            continue
        _missing(
            result, key, want, desired=desired, live=live, applied=applied, policy=policy, renamed=renamed
        )
    for key in applied.keys() - desired.keys() - renamed:
        _undeclared(result, key, live.get(key), known=applied[key], policy=policy)
    _keep_what_is_used(result, live)
    result.notes += left_to_owners(result.theirs)
    for key in live.keys() - desired.keys() - applied.keys() - renamed:
        result.unmanaged.append(Address(store, *key))
    result.unmanaged.sort()
    result.changes.sort(key=lambda c: c.address)
    return result


def _note_not_renamed(
    result: StoreResult,
    key: Key,
    want: Desired,
    desired: Mapping[Key, Desired],
    live: Mapping[Key, Live],
    applied: Mapping[Key, Applied],
) -> None:
    former = (key[0], want.moved_from or "")
    if former in live and former in applied and former not in desired:
        result.notes.append(
            f"{Address(result.store, *key)}: movedFrom names {former[1]}, and both are there; nothing is"
            " renamed"
        )


def _in_sync(
    result: StoreResult, key: Key, want: Desired, have: Live, known: Applied | None, policy: Policy
) -> None:
    if is_foreign(have, policy):
        if policy.takes_over:
            _foreign(result, key, want, have=have, fields=[], policy=policy)
        else:
            result.theirs.setdefault(have.owner, []).append(Address(result.store, *key))
        return
    if known is None and policy.adopt == "never":
        address = Address(result.store, *key)
        result.notes.append(
            f"{address} exists and equals the spec, but policy `adopt: never` leaves it unmanaged"
        )
        return
    result.in_sync += 1
    if known is None:
        result.to_record.append(Address(result.store, *key))
        return
    as_said = known.digest == digest(want.attributes)
    if not as_said and want.lifecycle:
        as_said = known.digest == digest(recordable(want, orjson.loads(known.attributes)))
    if not as_said or known.protected != protects(want.lifecycle):
        result.to_record.append(Address(result.store, *key))
        _note_released(result, key, want, known=known)
    elif is_unmarked(have, policy) or (known.found and policy.takes_over):
        result.to_record.append(Address(result.store, *key))


def _foreign(
    result: StoreResult,
    key: Key,
    want: Desired,
    have: Live,
    fields: list[FieldChange],
    policy: Policy,
) -> None:
    """A declared resource that somebody else manages: told, and taken over only where somebody says so."""
    before = project(have.attributes, want.attributes)
    result.changes.append(
        Change(
            action="update" if policy.takes_over else "adopt",
            address=Address(result.store, *key),
            reason="first" if policy.takes_over else "exists",
            before=before,
            after=_afterwards(want, have),
            fields=(change_of_owner(have, policy, "first"), *fields),
            origin=want.origin,
            fingerprint=digest(before),
        )
    )


def _note_released(result: StoreResult, key: Key, want: Desired, known: Applied) -> None:
    # What the marketplace cannot hold is still declared.
    said = {*want.attributes, *(want.whole or {})}
    released = sorted(name for name in orjson.loads(known.attributes) if name not in said)
    if released:
        address = Address(result.store, *key)
        result.notes.append(
            f"{address}: {', '.join(released)} is no longer declared; its value stays and is no longer managed"
        )


def _differs(
    result: StoreResult, key: Key, want: Desired, have: Live, known: Applied | None, policy: Policy
) -> None:
    lifecycle = want.lifecycle or {}
    ignored = frozenset(lifecycle.get("ignoreFields") or ())
    bands = lifecycle.get("ceded") or {}
    last: Attributes | None = orjson.loads(known.attributes) if known is not None else None
    fields: list[FieldChange] = []
    changed: list[str] = []
    ceded = False
    for name, value in want.attributes.items():
        current = have.attributes.get(name)
        if name in ignored or same(value, current, name):
            continue
        if name in bands and inside_band(name, current, bands[name], whole=want.whole or want.attributes):
            ceded = True
            continue
        if current is not None or name not in FIXED.get(key[0], ()):
            changed.append(name)  # what was never said can be said once; only then is it fixed
        # What was cleared leaves no trace in a ledger; whatever else it does not speak of was never ours.
        never = last is not None and name not in last and name not in CLEARED.get(key[0], ())
        why: Reason = "edited" if never else _reason(name, value, current, last=last)
        if never and name in bands:
            # Whoever moves it has left the band, or the band was edited: no ledger says which.
            why = "edited+drifted"
        fields += [
            FieldChange(path, b, a, reason=why) for path, b, a in field_differences(name, current, value)
        ]
    if not fields:
        result.ceded += ceded
        _in_sync(result, key, want, have=have, known=known, policy=policy)
        return
    if last is not None:
        _note_released(result, key, want, known=known) if known is not None else None
    address = Address(result.store, *key)
    before = project(have.attributes, want.attributes)
    fingerprint = digest(before)
    fixed = FIXED.get(key[0], frozenset()).intersection(changed)
    foreign = is_foreign(have, policy)
    if foreign and not (policy.takes_over and fixed):
        _foreign(result, key, want, have=have, fields=fields, policy=policy)
        return
    if fixed and known is not None and why_kept(address, have, known, policy=policy):
        # It would be deleted and made anew, and may be somebody else's.
        result.changes.append(
            Change(
                "adopt",
                address,
                "exists",
                before=before,
                after=want.attributes,
                fields=tuple(fields),
                origin=want.origin,
                fingerprint=fingerprint,
            )
        )
        return
    if foreign:
        fields.insert(0, change_of_owner(have, policy, "first"))
    reasons = {f.reason for f in fields}
    reason: Reason = next(iter(reasons)) if len(reasons) == 1 else "edited+drifted"
    if known is None and policy.adopt != "any":
        change = Change(
            "adopt",
            address,
            "exists",
            before=before,
            after=want.attributes,
            fields=tuple(fields),
            origin=want.origin,
            fingerprint=fingerprint,
        )
        result.changes.append(change)
        return
    action: Action = "manual"
    if policy.manages(key):
        action = "replace" if fixed else "update"
    # Where it is made anew, what is left to others is sent as well, as it is there.
    result.changes.append(
        Change(
            action,
            address,
            reason,
            before=before,
            after=_with(want, have, _carried(want, have)) if action == "replace" else _afterwards(want, have),
            fields=tuple(fields),
            origin=want.origin,
            fingerprint=fingerprint,
        )
    )


def _reason(name: str, want: object, current: object, last: Attributes | None) -> Reason:
    if last is None:
        return "first"
    before = last.get(name)
    if same(before, current, name):
        return "edited"
    return "drifted" if same(before, want, name) else "edited+drifted"


class _Moved:
    """Resources that somebody gave another key at the marketplace: the same thing by what the marketplace
    calls it."""

    def __init__(
        self,
        desired: Mapping[Key, Desired],
        live: Mapping[Key, Live],
        applied: Mapping[Key, Applied],
        policy: Policy,
        ids: Callable[[], Mapping[Key, str]],
    ) -> None:
        self._desired, self._live, self._applied, self._policy, self._ids = (
            desired,
            live,
            applied,
            policy,
            ids,
        )
        self._known: Mapping[Key, str] | None = None
        self._now: dict[tuple[str, str], Key] = {}

    def key_of(self, key: Key) -> Key | None:
        """The key under which something is now that was last applied under this one; None where it is
        nowhere, or somebody declares what is there."""
        if key[0] not in self._policy.renames or key not in self._applied:
            return None
        if self._known is None:
            self._known = self._ids()
            free = self._live.keys() - self._desired.keys() - self._applied.keys()
            self._now = {(one[0], id): one for one in sorted(free) if (id := self._live[one].remote_id)}
        return self._now.get((key[0], self._known.get(key, "")))


def _left_alone(want: Desired, have: Live) -> frozenset[str]:
    """Fields that an update does not send: those that are ignored, and ceded ones within their band."""
    lifecycle = want.lifecycle or {}
    bands = lifecycle.get("ceded") or {}
    ceded = {
        name
        for name, band in bands.items()
        if inside_band(name, have.attributes.get(name), band, whole=want.whole or want.attributes)
    }
    return frozenset({*(lifecycle.get("ignoreFields") or ()), *ceded})


def _afterwards(want: Desired, have: Live) -> Attributes:
    """What the declared fields of a resource are once an update was sent: what is left to others stays as it
    is there. Whoever judges a change (guards, budgets, rights) must judge this, not what the specs say."""
    return _with(want, have, _left_alone(want, have))


def _carried(want: Desired, have: Live) -> frozenset[str]:
    """What is left to others, of a resource that is made anew: what they have set comes along. Where they
    have set nothing, it begins with what the specs say."""
    return frozenset(name for name in _left_alone(want, have) if have.attributes.get(name) is not None)


def _with(want: Desired, have: Live, left: frozenset[str]) -> Attributes:
    theirs = left & want.attributes.keys()
    return {**want.attributes, **project(have.attributes, theirs)} if theirs else want.attributes


def _renamed(
    store: str,
    key: Key,
    former: Key,
    want: Desired,
    old: Live,
    *,
    reason: Reason,
    left: frozenset[str],
    last: Attributes | None = None,
) -> Change:
    """The same resource under another key, with whatever else differs; `left`: fields that are left to
    others; `last`: what was last applied, where somebody else has renamed it."""
    before = project(old.attributes, want.attributes)
    fields = [FieldChange("key", former[1], key[1], reason=reason)]
    for name, value in want.attributes.items():
        if name not in left and not same(value, old.attributes.get(name), name):
            why: Reason = "edited" if last is None else _reason(name, value, old.attributes.get(name), last)
            fields += [
                FieldChange(p, b, a, reason=why)
                for p, b, a in field_differences(name, old.attributes.get(name), value)
            ]
    return Change(
        action="update",
        address=Address(store, *key),
        reason=reason,
        before=before,
        after={**want.attributes, **project(old.attributes, left & want.attributes.keys())},
        fields=tuple(fields),
        origin=want.origin,
        fingerprint=digest(before),
        moved_from=former[1],
    )


def _missing(
    result: StoreResult,
    key: Key,
    want: Desired,
    desired: Mapping[Key, Desired],
    live: Mapping[Key, Live],
    applied: Mapping[Key, Applied],
    policy: Policy,
    renamed: set[Key],
) -> None:
    address = Address(result.store, *key)
    after = want.attributes
    managed = policy.manages(key)
    former = (key[0], want.moved_from) if want.moved_from else None
    if former is not None and (former in desired or former in renamed):
        # A rename takes nothing from others.
        why = "stays" if former in desired else "has another name already"
        result.notes.append(f"{address}: movedFrom names {former[1]}, which {why}; nothing is renamed")
        former = None
    there = former is not None and former in live and former in applied
    kept = ""
    if former is not None and there:
        kept = why_kept(Address(result.store, *former), live[former], applied[former], policy=policy)
    if former is not None and kept and not is_foreign(live[former], policy):
        # It would be deleted and made anew, and may be somebody else's: somebody has to say that it is not.
        renamed.add(former)
        change = _renamed(
            result.store, key, former, want=want, old=live[former], reason="exists", left=frozenset()
        )
        result.changes.append(change._replace(action="adopt", address=address))
        return
    if former is not None and there and not kept and managed:
        renamed.add(former)
        in_place = key[0] in policy.renames
        left = _left_alone(want, live[former]) if in_place else _carried(want, live[former])
        change = _renamed(result.store, key, former, want=want, old=live[former], reason="renamed", left=left)
        if not in_place:
            change = change._replace(action="replace")
            if key[0] == "listing":
                result.notes.append(
                    f"{address} is made anew under its new key: what the marketplace keeps with {former[1]} and no spec says"
                    " (reviews, texts, pictures, a web address) does not come with it"
                )
        result.changes.append(change)
        return
    if former is not None and former not in applied and key[0] not in STORES:  # of stores a guard tells
        why = "is not managed from here" if former in live else "is not there"
        result.notes.append(f"{address}: movedFrom names {former[1]}, which {why}; nothing is renamed")
    if former is not None and former in applied and former not in live:
        renamed.add(former)
        result.changes.append(
            Change(
                "forget",
                Address(result.store, *former),
                "gone",
                before=None,
                after=None,
                fields=(),
                origin=want.origin,
                fingerprint="",
            )
        )
    reason: Reason = "missing" if key in applied else "declared"
    result.changes.append(
        Change(
            "create" if managed else "manual",
            address,
            reason,
            before=None,
            after=after,
            fields=(),
            origin=want.origin,
            fingerprint="",
        )
    )


def _keep_what_is_used(result: StoreResult, live: Mapping[Key, Live]) -> None:
    """A deletion that the marketplace would refuse, because something that stays refers to the resource, is
    only forgotten: an undeclared field keeps its value, and what is not ours is never touched."""
    going = {(c.address.type, c.address.key) for c in result.changes if c.action == "delete"}
    for type, referring, attribute in REFERENCES:
        names = {key for t, key in going if t == type}
        if not names:
            continue
        staying = {
            (c.address.type, c.address.key): c.after
            for c in result.changes
            if c.action in ("update", "replace")
        }
        users: dict[str, str] = {}
        for key, have in live.items():
            if key[0] == referring and key not in going:
                after = staying.get(key) or {}
                used = after.get(attribute, have.attributes.get(attribute))
                if used in names:
                    users.setdefault(str(used), key[1])
        for index, change in enumerate(result.changes):
            if change.action == "delete" and change.address.type == type and change.address.key in users:
                result.changes[index] = change._replace(action="forget", fingerprint="")
                user = users[change.address.key]
                result.notes.append(f"{change.address} stays: {referring} {user} still refers to it")


def _undeclared(result: StoreResult, key: Key, have: Live | None, known: Applied, policy: Policy) -> None:
    address = Address(result.store, *key)
    if have is None:
        result.changes.append(
            Change("forget", address, "gone", before=None, after=None, fields=(), origin=None, fingerprint="")
        )
        return
    before = {k: v for k, v in have.attributes.items() if v is not None}
    kept = why_kept(address, have, known, policy=policy) if policy.prunes(key[0]) else ""
    if kept:
        result.notes.append(kept)
    if kept or not policy.prunes(key[0]):
        result.changes.append(
            Change(
                "forget",
                address,
                "undeclared",
                before=before,
                after=None,
                fields=(),
                origin=None,
                fingerprint="",
            )
        )
        return
    reason: Reason = "first" if known.found and policy.takes_over else "undeclared"
    action: Action = "delete" if policy.manages(key) else "manual"
    result.changes.append(
        Change(
            action,
            address,
            reason,
            before=before,
            after=None,
            fields=(),
            origin=None,
            fingerprint=digest(before),
        )
    )
