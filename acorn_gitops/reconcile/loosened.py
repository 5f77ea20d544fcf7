"""The settings that guard what is applied, and how they differ from those of the last apply. Comes in: a
configuration, a ledger. Goes out: the settings, findings. Callers: planning, `apply`.

A change that a budget or a right would stop can take the budget or the right out in the same commit. Nothing
forbids that: it is a change of a file like any other. It must be seen, though, next to what it lets through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson

from acorn_gitops.confine.text import one_line
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.model.finding import Finding
from acorn_gitops.specs.configuration import Configuration

GUARDS: Final = ("access", "budgets", "severities", "floors", "adopt", "prune", "onUnreadable", "rehearsal")
"""Policies that decide what may be applied."""
MOST: Final = 20_000
"""Characters of one such setting that are kept."""
SHOWN: Final = 20


def guards_of(configuration: Configuration) -> dict[str, Any]:
    """Every setting that guards, also those that are not there; waivers by rule and scope."""
    policies = configuration.policies
    found = {name: policies.get(name) for name in GUARDS}
    found["waivers"] = sorted(
        f"{one['rule']} {one['scope']} until {one['until']}" + _where(one.get("environments"))
        for one in configuration.settings.get("waivers") or ()
    )
    for name in ("freezes", "changeWindows", "holds"):
        if configuration.settings.get(name):
            found[name] = configuration.settings[name]
    return {
        name: said if len(orjson.dumps(said)) <= MOST else {"digest": hash_of(said)}
        for name, said in found.items()
    }


def _where(environments: list[str] | None) -> str:
    return f" in {', '.join(sorted(environments))}" if environments is not None else ""


def hash_of(said: Any) -> str:
    """A digest of a setting that is too large to be kept."""
    import hashlib

    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def loosened(configuration: Configuration, ledger: Ledger) -> Iterator[Finding]:
    """What is said otherwise than in the last apply, setting by setting."""
    before, now = ledger.last_guards(), guards_of(configuration)
    found = [one for name in now if name in before for one in _differences(name, before[name], now[name])]
    # What lets more through is read first: ten harmless lines must not hide it.
    told = [
        f"{path} {_words(old)} → {_words(new)}"
        for path, old, new in sorted(found, key=lambda one: _tightens(*one))
    ]
    if told:
        more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        yield Finding(
            "ACN-036",
            "warning",
            f"what guards applies is another than in the last one: {'; '.join(told[:SHOWN])}{more}",
            place=None,
            hint="look at these settings of acorn.yaml together with what this plan does",
        )


def is_enforced(configuration: Configuration, ledger: Ledger) -> bool:
    """Whether access is enforced, by the specs or in the last apply: the commit that no longer asks for it is
    still judged by it."""
    return "enforced" in (configuration.policies.get("access"), ledger.last_guards().get("access"))


def _differences(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if old == new:
        return
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


def _tightens(path: str, old: Any, new: Any) -> bool:
    """Whether a difference surely lets less through than before."""
    if path == "waivers":
        return new is None
    if not path.startswith("budgets"):
        return False
    try:
        return old is None or (new is not None and Decimal(str(new)) < Decimal(str(old)))
    except InvalidOperation:
        return False


def _words(said: Any) -> str:
    return (
        "(none)"
        if said is None
        else one_line(said if isinstance(said, str) else orjson.dumps(said).decode(), 80)
    )
