"""The plan: changes in the order in which they will be made, with what was read and checked. Comes in: store
results. Goes out: `Plan`, its file and its id. Callers: cli, apply, report.

The id is the SHA-256 of everything that decides what will happen; a plan that was edited no longer has its
id. `format_version` follows Terraform's rule: readers ignore unknown fields of a newer minor, and refuse a
newer major.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import orjson

from acorn_gitops import __version__
from acorn_gitops.confine.files import replace, writable
from acorn_gitops.model.finding import AcornError, Finding, Place, Stale
from acorn_gitops.model.money import percent_change
from acorn_gitops.model.resource import Address, Document, Origin, attribute_of, digest, is_money
from acorn_gitops.plan.change import Action, Change, FieldChange, StoreResult
from acorn_gitops.plan.form import misformed
from acorn_gitops.plan.rollout import Phase, phase_from
from acorn_gitops.resources.buyers import ASKED, BUSINESS_PRICE, BUSINESS_TIERS, asked
from acorn_gitops.resources.registry import TYPES, parse_address

FORMAT: Final = "1.4"
ACTIONS: Final[tuple[Action, ...]] = ("create", "update", "replace", "delete", "adopt", "forget", "manual")


class Risk(NamedTuple):
    """What a price change means: margin after it in percent, pieces that may be sold there, and those times
    the difference. None is not known."""

    margin: str | None
    stock: int | None
    effect: str | None


@dataclass(slots=True)
class Plan:
    """What apply will do, and nothing else."""

    project: str
    environment: str
    config_digest: str
    ledger_serial: int
    commit: str
    dirty: bool
    created_at: str
    changes: list[Change]
    stores: list[StoreResult]
    findings: list[Finding] = field(default_factory=list)
    selected: list[str] = field(default_factory=list)
    rollout: list[Phase] = field(default_factory=list)
    """Stores that go before the others, in their order; empty where all go at once."""
    tool: str = __version__
    id: str = ""
    risks: dict[Address, Risk] = field(default_factory=dict)
    taken: dict[Address, str] = field(default_factory=dict)
    """What each promotion that comes or changes takes off a listing at most, by itself, in percent; absent
    where the prices are not known."""
    adopt: bool = False
    """It was made with `--adopt`: what differs, was only found, or belongs to others is taken over."""

    content: str = field(default="", compare=False, repr=False)
    """Digest of all that it says, taken when it was made or read: whether somebody changed it since."""

    @property
    def errored(self) -> bool:
        """Whether a store could not be read. Such a plan can be looked at, never applied."""
        return any(store.error for store in self.stores)

    @property
    def revision(self) -> str:
        """Where it was made from, as the ledger writes it down: the commit, with git's own `-dirty` when
        files were edited since; "" without git."""
        return f"{self.commit}-dirty" if self.commit and self.dirty else self.commit

    @property
    def writes(self) -> bool:
        """Whether anything would change, here or there."""
        return bool(self.changes)

    def counts(self) -> dict[str, int]:
        """How many changes of each action."""
        counts: dict[str, int] = dict.fromkeys(ACTIONS, 0)
        for change in self.changes:
            counts[change.action] += 1
        return counts


def make_plan(
    results: Iterable[StoreResult],
    *,
    project: str,
    environment: str,
    config_digest: str,
    ledger_serial: int,
    commit: str,
    dirty: bool,
    created_at: str,
    findings: Iterable[Finding],
    selected: Iterable[str] = (),
    rollout: Iterable[Phase] = (),
    risks: Mapping[Address, Risk] | None = None,
    taken: Mapping[Address, str] | None = None,
    adopt: bool = False,
) -> Plan:
    """Order all changes and give the plan its id."""
    stores = sorted(results, key=lambda r: r.store)
    changes = in_order(change for store in stores for change in store.changes)
    plan = Plan(
        project,
        environment,
        config_digest,
        ledger_serial=ledger_serial,
        commit=commit,
        dirty=dirty,
        created_at=created_at,
        changes=changes,
        stores=stores,
        findings=sorted(findings, key=Finding.sort_key),
        selected=sorted(selected),
        rollout=[*rollout],
        risks=dict(risks or {}),
        taken=dict(taken or {}),
        adopt=adopt,
    )
    plan.id = plan.content = plan_id(to_json(plan))
    return plan


def in_order(changes: Iterable[Change]) -> list[Change]:
    """Creations and updates by wave (store before tax class before listing before promotion before prices
    that fall), then deletions in the opposite order; by address within."""
    return sorted(changes, key=lambda change: (change.stage, change.address))


def price_move(change: Change) -> tuple[str, str, str, str] | None:
    """(currency, old, new, percent) when a price changes, else None. Percent is text with its sign."""
    for item in change.fields:
        if item.path == "price" and is_money(item.before) and is_money(item.after):
            if item.before["currency"] != item.after["currency"]:
                return None
            percent = percent_change(item.before["value"], item.after["value"])
            shown = "" if percent is None else f"{percent:+}"
            return item.after["currency"], item.before["value"], item.after["value"], shown
    return None


def deepest_move(change: Change) -> Decimal | None:
    """By how much the price of a listing moves, in percent, for the buyer for whom it falls most, or rises
    most where it falls for nobody; None where it moves for nobody."""
    if change.address.type != "listing" or not any(attribute_of(f.path) in ASKED for f in change.fields):
        return None
    before = change.before or {}
    if _ASKS_BUSINESSES.isdisjoint(before) and _ASKS_BUSINESSES.isdisjoint(change.after or ()):
        move = price_move(change)
        return Decimal(move[3]) if move is not None and move[3] else None
    after = {**before, **{k: v for k, v in (change.after or {}).items() if k in change.touched}}
    moves = [
        percent_change(was["value"], then["value"])
        for was, then in asked(before, after)
        if was is not None and then is not None and was["currency"] == then["currency"]
        if was["value"] != then["value"]
    ]
    found = [move for move in moves if move is not None]
    return min(found) if any(move.is_signed() for move in found) else max(found, default=None)


_ASKS_BUSINESSES: Final = frozenset({BUSINESS_PRICE, BUSINESS_TIERS})


def to_json(plan: Plan) -> dict[str, object]:
    """The plan as its documented JSON object."""
    return {
        "format_version": FORMAT,
        "acorn_version": plan.tool,
        "id": plan.id,
        "project": plan.project,
        "environment": plan.environment,
        "commit": plan.commit,
        "dirty": plan.dirty,
        "created_at": plan.created_at,
        "config_digest": plan.config_digest,
        "ledger_serial": plan.ledger_serial,
        "errored": plan.errored,
        "selected": plan.selected,
        "adopt": plan.adopt,
        **({"rollout": [phase.to_json() for phase in plan.rollout]} if plan.rollout else {}),
        "summary": plan.counts(),
        "stores": [
            {
                "store": s.store,
                "connection": s.connection,
                "marketplace": s.marketplace,
                "binding": s.binding,
                "live": s.live,
                "in_sync": s.in_sync,
                "ceded": s.ceded,
                "changes": len(s.changes),
                "unmanaged": [str(a) for a in s.unmanaged[:1000]],
                "unmanaged_count": len(s.unmanaged),
                "notes": s.notes,
                "error": s.error,
                "to_record": [str(a) for a in s.to_record],
            }
            for s in plan.stores
        ],
        "changes": [
            _change_json(c, plan.risks.get(c.address), plan.taken.get(c.address)) for c in plan.changes
        ],
        "findings": [f.to_json() for f in plan.findings],
    }


def _change_json(change: Change, risk: Risk | None, taken: str | None) -> dict[str, object]:
    out: Document = {
        "address": str(change.address),
        "action": change.action,
        "reason": change.reason,
        "before": change.before,
        "after": change.after,
        "fields": [
            {"path": f.path, "before": f.before, "after": f.after, "reason": f.reason} for f in change.fields
        ],
        "origin": None if change.origin is None else dict(change.origin._asdict()),
        "fingerprint": change.fingerprint,
    }
    if change.moved_from is not None:
        out["moved_from"] = change.moved_from
    move = price_move(change)
    if move is not None:
        out["money"] = {"currency": move[0], "old": move[1], "new": move[2], "percent": move[3]}
        if risk is not None:
            out["money"] |= {"margin_percent": risk.margin, "stock": risk.stock, "effect": risk.effect}
    if taken is not None:
        out["takes_percent"] = taken
    return out


def plan_id(document: Mapping[str, object]) -> str:
    """The content address of a plan: SHA-256 over all but the id itself and the time it was made."""
    content = {k: v for k, v in document.items() if k not in ("id", "created_at")}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def to_bytes(plan: Plan) -> bytes:
    """A plan as it is saved."""
    return orjson.dumps(to_json(plan), option=orjson.OPT_INDENT_2) + b"\n"


def write(plan: Plan, path: Path, root: Path) -> None:
    """Save a plan, whole or not at all. `root`: of the repository, none of whose links is followed."""
    try:
        replace(path, to_bytes(plan), root=root, anywhere=True, folders=False)
    except OSError as error:
        raise AcornError(
            f"the plan cannot be saved as {path}: {error.strerror}", hint="choose a folder that exists"
        ) from None


def check_replaceable(path: Path, root: Path) -> None:
    """AcornError when a plan must not be saved here: something else than a plan would be lost, the file would
    be taken for a spec, or a link of the repository would be followed."""
    writable(path, root, anywhere=True)
    if path.suffix.lower() in (".yaml", ".yml", ".csv"):
        raise AcornError(
            f"a plan is not saved as {path}: it would be taken for a spec",
            hint="name it like plan.acorn.json",
        )
    if not path.exists():
        return
    try:
        there = path.read_bytes() if path.is_file() else b""
    except OSError:
        there = b""
    check_replaces_plan(there, str(path))


def check_replaces_plan(there: bytes, name: str) -> None:
    """AcornError when what is there is not a plan, and would be lost."""
    try:
        document = orjson.loads(there)
    except orjson.JSONDecodeError:
        document = None
    if not (isinstance(document, dict) and {"format_version", "acorn_version", "changes"} <= document.keys()):
        raise AcornError(
            f"{name} exists and is not a plan; it was left as it is", hint="choose a name that is free"
        )


MAKE_ONE: Final = "make one with `acorn plan --out FILE`"


def read(path: Path) -> Plan:
    """Load a saved plan. Stale when it was edited, truncated, or made by another format."""
    try:
        content = _content(path)
    except OSError as error:
        raise Stale(f"cannot read the plan {path}: {error.strerror}", hint=MAKE_ONE) from None
    return from_bytes(content, str(path))


def from_bytes(content: bytes, name: str) -> Plan:
    """A plan from what was saved. Stale when it was edited, truncated, or made by another format; `name`: of
    the place, for people."""
    try:
        document = orjson.loads(content)
        version = str(document["format_version"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise Stale(f"{name} is not a plan", hint=MAKE_ONE) from None
    if version.split(".")[0] != FORMAT.split(".")[0]:
        raise Stale(
            f"{name} has plan format {version}; this acorn reads {FORMAT}",
            hint="plan again with this version",
        )
    if plan_id(document) != document.get("id"):
        raise Stale(
            f"{name} was changed after it was made",
            hint="plan again; a plan is applied as reviewed or not at all",
        )
    wrong = misformed(document)
    if wrong:
        raise Stale(f"{name} is not a usable plan: {wrong}", hint="plan again")
    try:
        return _from_json(document)
    except (KeyError, TypeError, ValueError) as error:
        raise Stale(f"{name} is not a usable plan: {error}", hint="plan again") from None


def change_digests(plan: Plan) -> dict[Address, tuple[str, str]]:
    """Of each change a digest of its address, and one of what it does: values before and after, and nothing
    of when it was planned, or upon which ledger."""
    found: dict[Address, tuple[str, str]] = {}
    for change in plan.changes:
        fields = [(f.path, f.before, f.after) for f in change.fields]
        does = [change.action, change.moved_from, fields, change.after if not fields else None]
        content = orjson.dumps(does, option=orjson.OPT_SORT_KEYS, default=str)
        name = hashlib.sha256(str(change.address).encode()).hexdigest()
        found[change.address] = (name, hashlib.sha256(content).hexdigest())
    return found


def changes_digest(plan: Plan) -> str:
    """What a plan does, and to which marketplaces, as one digest (64 hexadecimal digits): another plan of the
    same changes has the same."""
    rows = sorted((str(address), content) for address, (_, content) in change_digests(plan).items())
    touched = {change.address.store for change in plan.changes}
    where = sorted((one.store, one.binding) for one in plan.stores if one.store in touched)
    return hashlib.sha256(orjson.dumps([plan.project, plan.environment, where, rows])).hexdigest()


def apart(plan: Plan, content: str) -> Plan:
    """A plan that shares nothing with what others may have in hand. Stale where it says something else than
    when its content was `content`: a plan is plain data, and whoever was shown it can have changed it."""
    document = orjson.loads(orjson.dumps(to_json(plan)))
    if plan_id(document) != content:
        raise Stale(
            "this plan was changed after it was made",
            hint="plan again; a plan is applied as reviewed or not at all",
        )
    return _from_json(document)


MOST: Final = 256 << 20
"""Bytes of a saved plan: some hundred thousand changes take a tenth of it."""


def _content(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise Stale(f"{path} is no file", hint=MAKE_ONE)
    with path.open("rb") as file:
        content = file.read(MOST + 1)
    if len(content) > MOST:
        raise Stale(f"{path} is larger than any plan", hint=MAKE_ONE)
    return content


def _from_json(document: Document) -> Plan:
    stores = [
        StoreResult(
            _plain(s["store"]),
            _plain(s["connection"]),
            s["in_sync"],
            ceded=s["ceded"],
            live=s["live"],
            changes=[],
            unmanaged=[Address(*a.split("/", 2)) for a in s["unmanaged"]],
            notes=list(s["notes"]),
            to_record=[parse_address(a) for a in s["to_record"]],
            error=s["error"],
            marketplace=_plain(s.get("marketplace", "")),
            binding=_plain(s.get("binding", "")),
        )
        for s in document["stores"]
    ]
    changes = [_change_of(c) for c in document["changes"]]
    by_store = {s.store: s for s in stores}
    for change in changes:
        by_store[change.address.store].changes.append(change)
    plan = Plan(
        _plain(document["project"]),
        _plain(document["environment"]),
        _plain(document["config_digest"]),
        ledger_serial=document["ledger_serial"],
        commit=_plain(document["commit"]),
        dirty=document["dirty"] is True,
        created_at=_plain(document["created_at"]),
        changes=changes,
        stores=stores,
        findings=[_finding_of(f) for f in document["findings"]],
        selected=list(document["selected"]),
        rollout=[phase_from(one) for one in document.get("rollout") or ()],
        tool=document["acorn_version"],
        id=document["id"],
        risks={
            parse_address(c["address"]): Risk(m.get("margin_percent"), m.get("stock"), m.get("effect"))
            for c in document["changes"]
            if "stock" in (m := c.get("money") or {})
        },
        taken={
            parse_address(c["address"]): c["takes_percent"]
            for c in document["changes"]
            if "takes_percent" in c
        },
        adopt=document.get("adopt") is True,
    )
    plan.content = plan_id(to_json(plan))  # a field of tomorrow is in its id, and not in it
    return plan


def _plain(text: object) -> str:
    """A name of a plan's file; ValueError where it is no text in one line, which nobody but a forger
    writes."""
    if not isinstance(text, str) or not text.isprintable():
        raise ValueError(f"{str(text)[:40]!r} is no name")
    return text


def _change_of(row: Document) -> Change:
    if row["action"] not in ACTIONS:
        raise ValueError(f"unknown action {row['action']}")
    return Change(
        row["action"],
        parse_address(row["address"]),
        row["reason"],
        before=row["before"],
        after=row["after"],
        fields=tuple(
            FieldChange(f["path"], f["before"], f["after"], reason=f["reason"]) for f in row["fields"]
        ),
        origin=None if row["origin"] is None else Origin(**row["origin"]),
        fingerprint=row["fingerprint"],
        moved_from=row.get("moved_from"),
    )


def _finding_of(row: Document) -> Finding:
    place = None
    if row["place"]:
        file, _, rest = str(row["place"]).partition(":")
        numbers = [int(n) for n in rest.split(":") if n.isdigit()]
        place = Place(file, *numbers[:2])
    return Finding(
        row["id"],
        row["severity"],
        row["message"],
        place=place,
        hint=row["hint"],
        subject=row.get("subject", ""),
    )


def alike(change: Change) -> dict[str, object]:
    """What of a resource that comes or goes is the same for all that are shown as one: the hours of a day
    begin at another instant in each store."""
    content = change.after or change.before or {}
    return {name: said for name, said in content.items() if name not in ("start", "end")}


def groups(changes: Iterable[Change]) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Changes that have action, type and what happens in common, in order of first appearance. Of updates of
    listings and stock that is which fields change, and their prices by as much; of all other updates it is
    the same values: what differs is not shown as one. Nor are rights, promotions and tax rules that come or
    go with other content."""
    found: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        key = (change.action, change.address.type, _told(change, _whole(change)), _values(change))
        found.setdefault(key, []).append(change)
    yield from found.items()


def _values(change: Change) -> str:
    if TYPES[change.address.type].told_apart and not change.fields:
        own = change.address.key if change.address.type == "promotion" else ""  # others have other dates
        return digest({"content": alike(change), "key": own})
    if TYPES[change.address.type].told_by_field or not change.fields:
        return ""
    return digest({"values": [[f.path, f.before, f.after] for f in change.fields]})


def signature(members: Sequence[Change]) -> str:
    """What happens to all of a group, in words: `price -10.0 % (edited)`, `status (drifted)`."""
    percents = [Decimal(move[3]) for m in members if (move := price_move(m)) is not None and move[3]]
    spread = ""
    if percents:
        low, high = min(percents), max(percents)
        spread = f"{low:+} %" if low == high else f"{low:+} % to {high:+} %"
    return _told(members[0], spread, _spreads(members))


def _spreads(members: Sequence[Change]) -> dict[str, str]:
    """Of each amount but the price, how far it moves in the whole group: `+1.0 %`, `-99.9 % to +1.0 %`."""
    moves: dict[str, list[Decimal]] = {}
    for change in members:
        for one in change.fields:
            before, after = one.before, one.after
            if one.path != "price" and is_money(before) and is_money(after):
                moved = percent_change(before["value"], after["value"])
                moves.setdefault(one.path, []).append(Decimal("Infinity") if moved is None else moved)
    return {
        path: f"{min(some):+} %" if min(some) == max(some) else f"{min(some):+} % to {max(some):+} %"
        for path, some in moves.items()
    }


def _whole(change: Change) -> str:
    """How far a price moves, to whole percent: rounding to cents must not tear apart what was one
    decision."""
    move = price_move(change)
    if move is None or not move[3]:
        return ""
    return f"{Decimal(move[3]).quantize(Decimal(1), rounding=ROUND_HALF_UP):+} %"


def _told(change: Change, percent: str, spreads: Mapping[str, str] = MappingProxyType({})) -> str:
    parts = {
        f"price {percent}"
        if f.path == "price" and percent
        else f"{f.path} {spreads[f.path]}"
        if f.path in spreads
        else f.path
        for f in change.fields
    }
    shown = ", ".join(sorted(parts))
    return f"{shown} ({change.reason})" if shown else change.reason
