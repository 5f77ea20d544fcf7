"""A failing and a passing case of every rule. Comes in: YAML beside this file. Goes out: cases, as patches of
one small repository that is right. Callers: tests run them, docs and `acorn explain rule` show them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from acorn_gitops.specs.merge import merge

FOLDER: Final = Path(__file__).parent / "case_files"


class Case(NamedTuple):
    """One case. `patch` is by Kind/name, `Project`, or facts/TABLE.csv (text); None removes."""

    rule: str
    fails: bool
    patch: Mapping[str, object]
    now: str
    shown: str
    phase: str
    """Which command shows it: validate, plan, apply, drift or fmt."""
    more: Mapping[str, object]
    """before (a patch that is applied first), actor, disturb (what somebody changes outside), rehearse."""


@cache
def _yaml(name: str) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load((FOLDER / name).read_text(encoding="utf-8"))


def base() -> dict[str, object]:
    """The small repository that is right: documents by Kind/name, acorn.yaml's spec as `Project`."""
    found: dict[str, object] = _yaml("base.yaml")
    return found


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case of every family."""
    return tuple(case for path in sorted(FOLDER.glob("[A-Z]*.yaml")) for case in _family(path.name))


def _family(name: str) -> Iterator[Case]:
    for rule, cases in _yaml(name).items():
        for entry in cases:
            kind = "fails" if "fails" in entry else "passes"
            patch = entry[kind] or {}
            more = {k: v for k, v in entry.items() if k in ("before", "actor", "disturb", "rehearse")}
            yield Case(
                rule,
                kind == "fails",
                patch,
                now=entry.get("now", "2026-11-23T09:00:00Z"),
                shown=_shown(patch),
                phase=entry.get("phase", "validate"),
                more=more,
            )


def _shown(patch: Mapping[str, object]) -> str:
    """As YAML, for people."""
    import io

    from ruamel.yaml import YAML

    if not patch:
        return "(the small repository of these pages, as it is)"
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 100
    out = io.StringIO()
    yaml.dump(dict(patch), out)
    return out.getvalue().rstrip()


def cases_of(rule: str) -> list[Case]:
    """The cases of one rule."""
    return [case for case in all_cases() if case.rule == rule]


def patched(patch: Mapping[str, object]) -> dict[str, object]:
    """The small repository with a patch: maps merge, lists replace, None removes."""
    out: dict[str, object] = dict(base())
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = _strip(merge(out[key], value))
        else:
            out[key] = value
    return out


def _strip(value: object) -> object:
    if isinstance(value, dict):
        return {k: _strip(v) for k, v in value.items() if v is not None}
    return value
