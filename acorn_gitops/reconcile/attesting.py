"""What people did by hand where a marketplace has no interface for it, and how that is known. Comes in: a
workspace, a request; plans. Goes out: a record beside the specs; plans without the steps that it covers.
Callers: cli `attest`, `planning`.

A record names the resource, the digest of what the specs said of it, the digest of a proof (a screenshot,
an export), who says so, and until when that counts. It is reviewed with the specs. When the spec moves on,
or the day has come, the step is there again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from acorn_gitops.confine.files import replace
from acorn_gitops.confine.paths import Escape, inside, read_inside
from acorn_gitops.engines.pricing.forms import ATTESTED
from acorn_gitops.model.finding import AcornError, Finding, Misused, Place
from acorn_gitops.model.resource import Address, Attributes, Desired, digest
from acorn_gitops.plan.change import Change, StoreResult
from acorn_gitops.plan.document import Plan
from acorn_gitops.provenance.revision import Revision
from acorn_gitops.reconcile.states import States, Wishes, declared
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.resources.promotion import EVERYTHING, JOINS

_FOLDER: Final = "evidence"
_RECORD: Final = "attested-"
_IS_RECORD: Final = re.compile(r"attested-[^/]+\.json").fullmatch
LONGEST: Final = timedelta(days=400)
"""So long an attestation counts at most: everything by hand is looked at once a year."""
_MOST: Final = 16 << 20
MOST_RECORDS: Final = 100
MOST_SKUS: Final = 2_000
"""SKUs that a record names."""
UNKNOWN: Final[Attributes] = {"start": "1970-01-01T00:00:00Z", "end": "9999-12-31T00:00:00Z"}
"""A promotion of which nobody knows what it takes off what."""


class Attestation(NamedTuple):
    """What somebody says that they did."""

    digest: str
    """Of the attributes that the specs wanted."""
    where: str
    """The marketplace and what the store's name means there, as a digest (`States.marketplace_of`): under
    another name, or elsewhere, nothing was done."""
    proof: str
    """`sha256:…` of a file that is kept elsewhere."""
    by: str
    at: str
    """An ISO day, as `until`: the first on which it no longer counts."""
    until: str
    content: Attributes | None = None
    """Of a promotion, what it takes off which goods: it stands until somebody says otherwise, whatever the
    specs say by then. None: of anything else, and of records of earlier versions."""


Records = Mapping[tuple[str, Address], Attestation]
"""What is recorded, by environment and address."""


@dataclass(frozen=True, slots=True)
class AttestRequest:
    """Which steps were done, and what shows it."""

    select: Sequence[str]
    proof: Path
    until: str
    """An ISO day."""


def record_file(environment: str) -> str:
    """Where an environment's attestations are kept, from the root."""
    return f"{_FOLDER}/{_RECORD}{environment}.json"


def attest(workspace: Workspace, request: AttestRequest) -> Sequence[Address]:
    """Record that steps by hand are done: those of a plan that these patterns mean. Answers which. Misused
    where there is none, AcornError where the proof cannot be read."""
    from acorn_gitops.reconcile.planning import compute

    workspace.refuse_untrusted("attest")
    if not request.select:
        raise Misused("say which steps were done: an address, or a pattern like amz-de/role/*")
    today = workspace.now().date()
    until = _until(request.until, today)
    try:
        proof = f"sha256:{hashlib.sha256(request.proof.read_bytes()).hexdigest()}"
    except OSError as error:
        raise AcornError(f"{request.proof} cannot be read: {error.strerror}", hint="name the proof") from None
    revision = Revision(workspace.root)
    loaded, findings = workspace.checked()
    with workspace.busy("attest"):
        plan, state = compute(
            workspace, loaded, findings, wishes=Wishes(request.select, fresh=True), revision=revision
        )
        where = {store: state.marketplace_of(store) for store in state.connections}
        state.ledger.close()
    steps = by_hand(plan)
    if not steps:
        raise Misused("none of these is a step by hand that is still to be done")
    file = record_file(plan.environment)
    kept, faults = attestations(workspace.root, plan.environment)
    if faults:
        raise AcornError(faults[0].message, hint=faults[0].hint)
    for step in steps:
        kept[step.address] = Attestation(
            digest(step.after or {}),
            where[step.address.store],
            proof,
            by=workspace.actor(),
            at=today.isoformat(),
            until=until.isoformat(),
            content=_content_of(step, state),
        )
    rows = [
        {"address": str(address), **{name: said for name, said in one._asdict().items() if said is not None}}
        for address, one in sorted(kept.items())
    ]
    document = {"format_version": "1.0", "environment": plan.environment, "attested": rows}
    content = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    replace(workspace.root / file, content + b"\n", root=workspace.root)
    return [step.address for step in steps]


def _content_of(step: Change, state: States) -> Attributes | None:
    """What a promotion says, for the record, with the products of its SKUs: another SKU of one of them may be
    sold by it, too. Of very many SKUs: that it is for everything."""
    if step.address.type != "promotion":
        return None
    said = {name: value for name, value in (step.after or {}).items() if value is not None}
    skus = {*(said.get("skus") or ())}
    if len(skus) > MOST_SKUS:
        return {**said, "skus": [], JOINS: [EVERYTHING]}
    listings = (
        (str(want.attributes.get("sku") or key), want.attributes.get("asin"))
        for (type, key), want in state.desired.stores.get(step.address.store, {}).items()
        if type == "listing"
    )
    products = sorted({str(product) for sku, product in listings if product and sku in skus})
    return {**said, JOINS: products} if products else said


def standing(known: Records, state: States, today: date) -> dict[str, dict[str, Attributes]]:
    """By store, the promotions that people say they made there by hand, in whichever environment that leads
    to the store, and by whatever name: buyers may pay by them, until their own end or until somebody says
    that they are gone (the record no longer holds them). What the specs say of them by now changes nothing of
    that, nor that nobody has looked for a year. One of which the record does not say what it is, is for
    anything."""
    stores = _by_marketplace(state) if known else {}
    found: dict[str, dict[str, Attributes]] = {}
    for (environment, address), one in known.items():
        named = [
            store
            for store in stores.get(one.where, ())
            if store == address.store or state.has_identity(store)
        ]
        content = _stands(one, declared(state, address), today) if address.type == "promotion" else None
        if content is None:
            continue
        for store in named:
            there = found.setdefault(store, {})
            key = f"{ATTESTED}{address.key}"
            alike = [one for name, one in there.items() if name == key or name.startswith(f"{key} (")]
            if content not in alike:
                there[f"{key} ({environment})" if alike else key] = content
    return found


def _by_marketplace(state: States) -> dict[str, list[str]]:
    """The stores of the specs by the digests of the marketplace that they are in."""
    found: dict[str, list[str]] = {}
    for store in state.connections:
        for where in state.marketplaces_like(store):
            found.setdefault(where, []).append(store)
    return found


def _stands(one: Attestation, want: Desired | None, today: date) -> Attributes | None:
    """What stands of a promotion on record; None where nothing does."""
    if one.content is not None:
        return one.content
    if want is not None and digest(want.attributes) == one.digest:
        return want.attributes
    return UNKNOWN if today.isoformat() < one.until else None


def on_record(known: Records, environment: str) -> dict[str, object]:
    """Promotions on record, by address (of another environment: with its name), with all by which prices are
    judged: for the ledger, so that a change of the record is told."""
    return {
        str(address) if where == environment else f"{where}: {address}": {
            "where": one.where,
            "until": one.until,
            **(one.content or {}),
        }
        for (where, address), one in sorted(known.items())
        if address.type == "promotion"
    }


def all_records(root: Path, environment: str) -> tuple[Records, list[Finding]]:
    """What is recorded in every environment, and what is wrong with that: others may lead to the same stores
    as this one."""
    found: dict[tuple[str, Address], Attestation] = {}
    faults: list[Finding] = []
    for name in sorted({environment, *_recorded(root)}):
        rows, wrong = attestations(root, name)
        faults += wrong
        found |= {(name, address): one for address, one in rows.items()}
    return found, faults


def record_files(root: Path) -> list[str]:
    """The records of all environments that there are, from the root."""
    return [record_file(environment) for environment in _recorded(root)]


def of_environment(known: Records, environment: str) -> dict[Address, Attestation]:
    """What is recorded in one environment."""
    return {address: one for (where, address), one in known.items() if where == environment}


def _recorded(root: Path) -> list[str]:
    """The environments that have a record; none where their folder cannot be read, or lies elsewhere: whoever
    reads a record there is told. AcornError where there are too many."""
    try:
        names = [one.name for one in inside(root, _FOLDER, folder=True).iterdir()]
    except (Escape, OSError):
        return []
    found = sorted(one.removeprefix(_RECORD).removesuffix(".json") for one in names if _IS_RECORD(one))
    if len(found) > MOST_RECORDS:
        raise AcornError(
            f"{_FOLDER}/ holds {len(found):,} records of attestations, more than {MOST_RECORDS}",
            hint="remove those of environments that are no more",
        )
    return found


def by_hand(plan: Plan) -> list[Change]:
    """The steps of a plan that people have to do."""
    return [change for change in plan.changes if change.action == "manual"]


def attestations(root: Path, environment: str) -> tuple[dict[Address, Attestation], list[Finding]]:
    """What is recorded, and what is wrong with the record: then nothing of it counts."""
    file = record_file(environment)
    try:
        document = orjson.loads(read_inside(root, file, most=_MOST))
        if document["format_version"] != "1.0":
            raise ValueError("its format_version is another one")
        if document["environment"] != environment:
            raise ValueError("it is the record of another environment")
        rows = {Address.parse(row["address"]): _read(row) for row in document["attested"]}
        if len(rows) < len(document["attested"]):
            raise ValueError("it has several entries for one resource")
        return rows, []
    except FileNotFoundError:
        return {}, []
    except (Escape, OSError, AttributeError, ValueError, KeyError, TypeError) as error:
        words = f"{file} is no record of attestations ({type(error).__name__}), and counts for nothing"
        hint = "take it from git's history, or remove it and attest again"
        return {}, [Finding("ACN-046", "error", words, place=Place(file), hint=hint)]


def settle(result: StoreResult, known: Mapping[Address, Attestation], today: date, *, where: str) -> None:
    """Take out of a store's result the steps that somebody has done; tell why others are there again.
    `where`: the digest of the marketplace in which it is."""
    open_: list[Change] = []
    for change in result.changes:
        one = known.get(change.address) if change.action == "manual" else None
        if one is None:
            open_.append(change)
        elif one.digest != digest(change.after or {}):
            result.notes.append(
                f"{change.address}: attested by {one.by} on {one.at}, and the specs moved on since"
            )
            open_.append(change)
        elif one.where != where:
            result.notes.append(f"{change.address}: attested by {one.by} on {one.at}, in another marketplace")
            open_.append(change)
        elif not one.at <= today.isoformat() < one.until:
            result.notes.append(
                f"{change.address}: what {one.by} attested on {one.at} counted until {one.until}"
            )
            open_.append(change)
        else:
            result.in_sync += 1
    result.changes[:] = open_


def no_longer_declared(
    known: Mapping[Address, Attestation],
    desired: Mapping[str, Mapping[tuple[str, str], Desired]],
    stores: Collection[str],
) -> Iterator[Finding]:
    """What was done by hand once, and no spec asks for any more: a person has to undo it."""
    gone = [a for a in sorted(known) if a.store in stores and (a.type, a.key) not in desired.get(a.store, {})]
    if gone:
        yield Finding(
            "ACN-046",
            "warning",
            f"{_listed(gone)} attested, and no spec declares {'it' if len(gone) == 1 else 'them'} any more",
            place=None,
            hint="undo it there by hand, then take its entry out of the record in evidence/",
        )


def _listed(addresses: Sequence[Address]) -> str:
    shown = ", ".join(map(str, addresses[:3])) + (f" and {len(addresses) - 3} more" if addresses[3:] else "")
    return f"{shown} {'was' if len(addresses) == 1 else 'were'}"


def _read(row: Mapping[str, Any]) -> Attestation:
    parts = [row[name] for name in Attestation._fields[:-1]]
    content = row.get("content")
    if content is not None and not isinstance(content, dict):
        raise ValueError("what was attested is no map")
    if not all(isinstance(one, str) and 0 < len(one) <= 300 for one in parts):
        raise ValueError("a part that is no text")
    at, until = (date.fromisoformat(row[name]) for name in ("at", "until"))
    if (at.isoformat(), until.isoformat()) != (row["at"], row["until"]) or until - at > LONGEST:
        raise ValueError("a day that is written otherwise, or later than anything may count")
    return Attestation(*parts)._replace(content=content)


def _until(said: str, today: date) -> date:
    try:
        found = date.fromisoformat(said)
    except ValueError:
        raise Misused(f"{said!r} is no day like 2027-06-30") from None
    if not today < found <= today + LONGEST:
        raise Misused(f"until {said}: a day after today, and within {LONGEST.days} days")
    return found
