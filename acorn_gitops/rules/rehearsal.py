"""Records of rehearsals and export drills: what they prove of these specs. Comes in: a configuration. Goes
out: a verdict. Callers: rules `onboarding`, cli `rehearse`, `apply`, `export`, `doctor`.

A record lies beside the specs (`evidence/`), so that it is reviewed with them and found by every machine. It
names two digests: of the specs as they are, and of their form, in which everyday values are left out.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

from acorn_gitops.confine.paths import Escape, read_inside
from acorn_gitops.specs.configuration import Configuration

FOLDER: Final = "evidence"
MOST: Final = 1 << 20
"""Bytes of a record that is read."""
VALID: Final = timedelta(days=90)
"""So long a rehearsal proves anything."""
EVERYDAY: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "Store": (
        ("onboarding",),
        ("monitors",),
        ("exit",),
        ("physical", "exceptions"),
        ("physical", "safetyStock"),
    ),
    "SkuMapping": (
        ("listings", "*", "price", "value"),
        ("listings", "*", "status"),
        ("attributes", "title"),
        ("attributes", "cost"),
        ("inventory", "buffer"),
        ("inventory", "allocation", "weights"),
        ("approvals",),
    ),
    "RolePermission": (("review",), ("justification",)),
    "TaxRule": (("evidence",),),
    "Promo": (("window",), ("approvals",), ("limits",)),
}
"""Fields that change every day and leave the form of the specs as it is, by kind. `*` is every entry."""


class Verdict(NamedTuple):
    """Whether a rehearsal proves these specs, in words."""

    passed: bool
    words: str
    file: str


def asked(configuration: Configuration) -> bool:
    """Whether apply needs a rehearsal: the policy says so, or says nothing and a storefront sells in
    production."""
    said = configuration.policies.get("rehearsal")
    if said is not None:
        return bool(said == "required")
    return any(
        (store.spec.get("storefront") or {}).get("environment") == "production"
        for store in configuration.stores.values()
    )


_SETTINGS: Final = ("priceRules", "entities", "productTypes", "exchangeRates", "waivers")
"""What decides, besides specs and policies, whether something is right."""


def _decides(configuration: Configuration) -> bytes:
    """Connections, policies and settings, and the repository's own rules."""
    settings = {name: configuration.settings.get(name) for name in _SETTINGS}
    own = sorted((r.id, r.severity, r.target, r.when, r.check) for r in configuration.own_rules.rules)
    return orjson.dumps(
        [configuration.connections, configuration.policies, settings, own], option=orjson.OPT_SORT_KEYS
    )


def record_file(environment: str) -> str:
    """Where an environment's rehearsal is recorded, from the root."""
    return f"{FOLDER}/rehearsal-{environment}.json"


def form_digest(configuration: Configuration) -> str:
    """SHA-256 of all resolved specs without their everyday values; equal for equal content in any order."""
    rows = sorted(
        orjson.dumps(
            [s.kind, s.name, s.labels, _without(s.spec, EVERYDAY[s.kind])], option=orjson.OPT_SORT_KEYS
        )
        for s in configuration.specs()
    )
    rows.append(_decides(configuration))
    return hashlib.sha256(b"\n".join(rows)).hexdigest()


def content_digest(configuration: Configuration) -> str:
    """SHA-256 of all resolved specs and the settings that decide what they mean."""
    rows = sorted(
        orjson.dumps([s.kind, s.name, s.labels, s.spec, s.lifecycle], option=orjson.OPT_SORT_KEYS)
        for s in configuration.specs()
    )
    rows.append(_decides(configuration))
    return hashlib.sha256(b"\n".join(rows)).hexdigest()


def _without(value: object, paths: tuple[tuple[str, ...], ...]) -> object:
    for path in paths:
        value = _drop(value, path)
    return value


def _drop(value: object, path: tuple[str, ...]) -> object:
    first, rest = path[0], path[1:]
    if first == "*" and isinstance(value, list):
        return [_drop(entry, rest) for entry in value]
    if not isinstance(value, dict) or first not in value:
        return value
    if not rest:
        return {k: v for k, v in value.items() if k != first}
    return {**value, first: _drop(value[first], rest)}


def verdict(configuration: Configuration, now: datetime) -> Verdict:
    """What the environment's record proves of these specs today."""
    file = record_file(configuration.environment)
    record = _record(configuration, file)
    if record is None:
        return Verdict(False, f"nobody has rehearsed {configuration.environment} ({file} is not there)", file)
    try:
        when = _instant(record["at"])
        result, digest, form = record["result"], record["digest"], record["form"]
    except (KeyError, TypeError, ValueError):
        return Verdict(False, f"{file} is no record of a rehearsal", file)
    if result != "passed":
        return Verdict(False, f"the rehearsal of {record['at']} failed", file)
    if when > now:
        return Verdict(False, f"the rehearsal of {record['at']} is still to come", file)
    if now - when > VALID:
        return Verdict(
            False, f"the last rehearsal is {(now - when).days} days ago; it proves {VALID.days}", file
        )
    if digest == content_digest(configuration):
        return Verdict(True, f"rehearsed on {record['at']}, with exactly these specs", file)
    if form == form_digest(configuration):
        return Verdict(True, f"rehearsed on {record['at']}; since then everyday values only", file)
    return Verdict(False, f"the rehearsal of {record['at']} was of other specs", file)


def last_drill(configuration: Configuration) -> datetime | None:
    """When an export was last proved to hold everything."""
    record = _record(configuration, f"{FOLDER}/export-drill.json")
    try:
        return _instant(record["at"]) if record and record["result"] == "passed" else None
    except (KeyError, TypeError, ValueError):
        return None


def _instant(text: str) -> datetime:
    """ValueError for what is no instant: without its zone it could be any of a day's."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return moment


def _record(configuration: Configuration, file: str) -> dict[str, Any] | None:
    if configuration.reader is None:
        return None
    try:
        record = orjson.loads(read_inside(configuration.reader.root, file, most=MOST))
    except (Escape, OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
