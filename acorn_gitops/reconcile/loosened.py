"""The settings that guard what is applied, and how they differ from those of the last apply. Comes in: a
configuration, a ledger. Goes out: the settings, findings. Callers: planning, `apply`.

A change that a budget or a right would stop can take the budget or the right out in the same commit. Nothing
forbids that: it is a change of a file like any other. It must be seen, though, next to what it lets through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from acorn_gitops.confine.text import one_line
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.model.finding import Finding
from acorn_gitops.specs.configuration import Configuration

GUARDS: Final = (
    "access", "budgets", "severities", "floors", "adopt", "prune", "onUnreadable", "rehearsal", "rollout",
    "signedCommits", "onboarding", "financeTolerance",
)  # fmt: skip
"""Policies that decide what may be applied."""
MOST: Final = 20_000
"""Characters of one such setting that are kept, and of what is told in all."""
SHOWN: Final = 20
"""Of what lets less through, and of waivers of one rule, so many are told and the rest counted."""
RULES: Final = "rules"
"""Among what guards: the rules of one's own."""
APPROVALS: Final = "approvals"
"""Among what guards: what roles ask to be approved."""
RECORD: Final = "attested"
"""Among what guards: promotions that people say they made by hand, by which prices are judged."""


def guards_of(configuration: Configuration, attested: Mapping[str, object]) -> dict[str, object]:
    """Every setting that guards, also those that are not there; waivers by rule and scope. `attested`:
    promotions on record by address (`attesting.on_record`)."""
    policies = configuration.policies
    found = {name: policies.get(name) for name in GUARDS}
    found["waivers"] = sorted(
        f"{one['rule']} {one['scope']} until {one['until']}" + _where(one.get("environments"))
        for one in configuration.settings.get("waivers") or ()
    )
    for name in ("freezes", "changeWindows", "holds"):
        if configuration.settings.get(name):
            found[name] = configuration.settings[name]
    found[RULES] = {
        one.id: f"{one.severity}, {one.target}: {f'{one.when} implies ' if one.when else ''}{one.check}"
        for one in configuration.own_rules.rules
    }
    found[APPROVALS] = asking(configuration)
    own = {id: sorted(said) for id in OWN_RIGHTS if (said := _softening(found, id))}
    return {
        name: said if name == APPROVALS or len(orjson.dumps(said)) <= MOST else {"digest": hash_of(said)}
        for name, said in {**found, RECORD: attested, OWN: own}.items()
    }


def asking(configuration: Configuration) -> dict[str, dict[str, object]]:
    """By role that asks for approvals, what it asks (`approvals`) and who is in it (`subjects`): whole, since
    the next apply is judged by it."""
    return {
        role.name: {
            "approvals": role.spec["approvals"],
            "subjects": [
                {"kind": one.get("kind"), "id": one.get("id")} for one in role.spec.get("subjects") or ()
            ],
        }
        for role in configuration.roles.values()
        if role.spec.get("approvals")
    }


def _where(environments: list[str] | None) -> str:
    return f" in {', '.join(sorted(environments))}" if environments is not None else ""


def hash_of(said: object) -> str:
    """A digest of a setting that is too large to be kept."""
    import hashlib

    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def loosened(
    configuration: Configuration,
    last: Sequence[Mapping[str, object]],
    attested: Mapping[str, object],
) -> Iterator[Finding]:
    """What is said otherwise than in the last apply, setting by setting. `last`: what guarded the last runs
    (`last_guards`). `attested`: as in `guards_of`."""
    now = guards_of(configuration, attested)
    found: list[_Difference] = []
    for before in last:
        every = (one for name in now if name in before for one in _differences(name, before[name], now[name]))
        found += [one for one in every if one not in found]
    if found:
        yield Finding(
            "ACN-036",
            "warning",
            f"what guards applies is another than in the last one: {_told(found)}",
            place=None,
            hint="look at these settings of acorn.yaml, at your own rules, and at the record in evidence/,"
            " together with what this plan does",
        )


_Difference = tuple[str, object, object]
"""A setting, and what it said before and says now."""


def _told(found: Iterable[_Difference]) -> str:
    """What lets more through is read first, and all of it: harmless lines must not hide it. Waivers are told
    rule by rule."""
    groups: dict[tuple[bool, int, int, str], list[_Difference]] = {}
    for one in found:
        path, old, new = one
        rule = str(new or old).partition(" ")[0] if path == "waivers" else ""
        stops = -_strictness(rule, None) if rule else 0
        # An own place for each setting, but for waivers of one rule and for what lets less through.
        name = rule or path
        groups.setdefault((_tightens(*one), _rank(path), stops, name), []).append(one)
    told: list[str] = []
    for (tightens, *_, name), alike in sorted(groups.items()):
        words = [f"{path} {_words(old)} → {_words(new)}" for path, old, new in alike]
        few = tightens or alike[0][0] == "waivers"
        told += words[:SHOWN] if few else words
        if few and len(words) > SHOWN:
            told.append(f"{len(words) - SHOWN} more of {name}")
    kept = [*_within(told, MOST)]
    return "; ".join(kept) + (f" and {len(told) - len(kept)} more" if len(told) > len(kept) else "")


def _within(words: Iterable[str], most: int) -> Iterator[str]:
    for one in words:
        most -= len(one)
        if most < 0:
            return
        yield one


def hardened(
    findings: Iterable[Finding], configuration: Configuration, last: Sequence[Mapping[str, object]]
) -> list[Finding]:
    """Findings, those about whoever gives rights to themselves as bad as they are without what these specs
    are about to say of them: where access is enforced, a severity or a waiver of such a rule counts from the
    next apply on. `last`: what guarded the last runs of every ledger that knows the stores."""
    if not last or not (configuration.policies.get("access") == "enforced" or enforces(last)):
        return [*findings]
    now = guards_of(configuration, {})
    new = {id for id in OWN_RIGHTS if any(_softening(now, id) - _softening(before, id) for before in last)}
    return [
        one._replace(
            severity="error", message=f"{one.message}; what softens this counts from the next apply on"
        )
        if one.id in new and one.severity != "error"
        else one
        for one in findings
    ]


OWN: Final = "ownRights"
"""Of the settings that guard, what softens the rules about one's own rights: kept apart, as a long list of
waivers is only kept as a digest."""
OWN_RIGHTS: Final = ("ROL-012", "ROL-021", "ROL-024")
"""Rules about somebody who would be given rights by their own word."""


def _softening(guards: Mapping[str, Any], id: str) -> set[str]:
    if isinstance(guards.get(OWN), Mapping):
        return {*guards[OWN].get(id, ())}
    severities, waivers = guards.get("severities"), guards.get("waivers")
    said = {f"severity {severities[id]}"} if isinstance(severities, Mapping) and id in severities else set()
    return said | {one for one in waivers or () if isinstance(one, str) and one.startswith(f"{id} ")}


def is_enforced(configuration: Configuration, ledger: Ledger) -> bool:
    """Whether access is enforced, by the specs or in the last apply: the commit that no longer asks for it is
    still judged by it."""
    return configuration.policies.get("access") == "enforced" or enforces(last_guards(ledger))


def enforces(guards: Iterable[Mapping[str, object]]) -> bool:
    """Whether one of these settings says that access is enforced."""
    return any(one.get("access") == "enforced" for one in guards)


def opens(configuration: Configuration, ledger: Ledger) -> bool:
    """Whether these specs no longer enforce access, and the last apply did."""
    return configuration.policies.get("access") != "enforced" and enforces(last_guards(ledger))


def last_guards(ledger: Ledger) -> list[Mapping[str, object]]:
    """The settings that guarded the last run, and the last one that was whole: a part, or a run that left a
    store out, takes nothing back for the rest. First those of runs of which no store has heard."""
    unheard = (one.get("guards") for one in ledger.unheard())
    found = [
        one
        for one in (*unheard, ledger.last_guards(), ledger.whole_guards())
        if isinstance(one, Mapping) and one
    ]
    return [one for number, one in enumerate(found) if one not in found[:number]]


def _differences(path: str, old: object, new: object) -> Iterator[tuple[str, object, object]]:
    if old == new:
        return
    if path == "severities":  # each rule is told by itself
        old, new = old or {}, new or {}
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from _differences(f"{path}.{name}", old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list):
        for gone in sorted(str(one) for one in old if one not in new):
            yield path, gone, None
        for come in sorted(str(one) for one in new if one not in old):
            yield path, None, come
    else:
        yield path, old, new


_MANY: Final = ("severities", RULES, "budgets", RECORD, "freezes", "holds", "changeWindows", "waivers", OWN)
"""Settings of which there may be many: what there is once is read before them."""


def _rank(path: str) -> int:
    name = path.partition(".")[0]
    return _MANY.index(name) + 1 if name in _MANY else 0


def _strictness(id: str, said: object) -> int:
    """How much a rule stops as bad as somebody says it is: the rule's own severity where nothing is said."""
    from acorn_gitops.rules.registry import all_rules

    if not isinstance(said, str):
        said = next((rule.severity for rule in all_rules() if rule.id == id), "warning")
    return ("info", "warning", "error").index(said) if said in ("info", "warning", "error") else 0


def _tightens(path: str, old: object, new: object) -> bool:
    """Whether a difference surely lets less through than before."""
    if path == "waivers":
        return new is None
    if path in ("freezes", "holds") or path.startswith((f"{RECORD}.", f"{RULES}.")):
        return old is None
    if path.startswith("severities."):
        id = path.partition(".")[2]
        return _strictness(id, new) > _strictness(id, old)
    if not path.startswith("budgets"):
        return False
    try:
        return old is None or (new is not None and Decimal(str(new)) < Decimal(str(old)))
    except InvalidOperation:
        return False


def _words(said: object) -> str:
    return (
        "(none)"
        if said is None
        else one_line(said if isinstance(said, str) else orjson.dumps(said).decode(), 80)
    )
