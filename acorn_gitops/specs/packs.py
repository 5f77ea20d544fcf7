"""Packs of tax rules to rules. Comes in: a TaxRule's spec that names a pack. Goes out: the specs that it
stands for. Caller: `resolve`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from acorn_gitops.model.reference import TaxPack, tax_packs
from acorn_gitops.model.resource import Document
from acorn_gitops.model.territory import EU, NORTHERN_IRELAND, covers


class PackProblem(NamedTuple):
    """What is wrong with an inclusion, at which field."""

    field: str
    message: str
    hint: str


def problems(spec: Document) -> list[PackProblem]:
    """Why a pack cannot be included; the first is told."""
    packs = tax_packs()
    name, version = spec["pack"], spec["version"]
    if (name, version) not in packs:
        versions = sorted(v for n, v in packs if n == name)
        if versions:
            return [
                PackProblem(
                    "version", f"the pack {name} has no version {version}", f"there is {', '.join(versions)}"
                )
            ]
        import difflib

        names = sorted({n for n, _ in packs})
        near = difflib.get_close_matches(name, names, n=1)
        return [
            PackProblem(
                "pack",
                f"there is no pack {name}",
                f"did you mean {near[0]}?" if near else f"one of {', '.join(names)}",
            )
        ]
    pack = packs[name, version]
    found = []
    for field in ("countries", "shipFrom", "taxClass"):
        if spec.get(field) and field not in pack.takes:
            found.append(
                PackProblem(field, f"the pack {name} takes no {field}", f"it takes {', '.join(pack.takes)}")
            )
    if "shipFrom" in pack.takes and not spec.get("shipFrom"):
        found.append(PackProblem("pack", f"the pack {name} asks where goods come from", "add shipFrom: [CN]"))
    if (
        "countries" in pack.takes
        and not spec.get("countries")
        and pack.countries is None
        and not pack.everywhere
    ):
        found.append(PackProblem("pack", f"the pack {name} asks for which countries", "add countries: [DE]"))
    if "taxClass" in pack.asks and not spec.get("taxClass"):
        found.append(
            PackProblem("pack", f"the pack {name} asks for which goods", "add taxClass: [electronics]")
        )
    rules = {rule.removesuffix(FROM_BRITAIN) for rule, _ in _rules(pack, spec)}
    for rule in spec.get("only") or ():
        if rule not in rules:
            found.append(
                PackProblem(
                    "only", f"the pack {name} has no rule {rule}", f"it has {', '.join(sorted(rules))}"
                )
            )
    return found


def expanded(spec: Document) -> Iterator[tuple[str, dict[str, object]]]:
    """(name, spec) of every rule that the inclusion stands for."""
    pack = tax_packs()[spec["pack"], spec["version"]]
    only = spec.get("only")
    for name, rule in _rules(pack, spec):
        if only and name.removesuffix(FROM_BRITAIN) not in only:
            continue
        match: Document = {"stores": spec["stores"], **rule["match"]}
        if (match.get("supply") or {}).get("shipTo") == []:
            match["supply"] = {k: v for k, v in match["supply"].items() if k != "shipTo"}
        if spec.get("taxClass"):
            match["goods"] = {"taxClass": spec["taxClass"]}
        body: dict[str, object] = {
            "validity": rule["validity"],
            "match": match,
            "result": rule["result"],
            "evidence": spec.get("evidence") or {"source": rule["source"], "asOf": pack.as_of},
        }
        if spec.get("priority") is not None:
            body["priority"] = spec["priority"]
        yield name, body


FROM_BRITAIN: Final = "-from-britain"
"""After the name of a rule that stands beside another one for what comes from Great Britain."""


def _rules(pack: TaxPack, spec: Document) -> Iterator[tuple[str, Document]]:
    countries = list(spec.get("countries") or pack.countries or ())
    sources = list(spec.get("shipFrom") or ())
    members = [*sorted(EU), NORTHERN_IRELAND]
    words: dict[str, object] = {"@countries": countries, "@shipFrom": sources, "@members": members}
    british = [source for source in sources if covers("GB", source)]
    apart = not spec.get("countries") and NORTHERN_IRELAND in countries and british
    for rule in pack.rules:
        if not apart or not _says(rule, "@shipFrom"):
            yield from _rule(rule, words)
            continue
        # What comes from Great Britain to Northern Ireland is no import, and the pack is one of the EU.
        others = [source for source in sources if source not in british]
        without = {
            **words,
            "@countries": [c for c in countries if c != NORTHERN_IRELAND],
            "@shipFrom": british,
        }
        if others:
            yield from _rule(rule, {**words, "@shipFrom": others})
        for name, body in _rule(rule, without):
            yield f"{name}{FROM_BRITAIN}" if others else name, body


def _rule(rule: Document, words: Document) -> Iterator[tuple[str, dict[str, object]]]:
    if rule["name"] != "@country":
        yield rule["name"], _filled(rule, words)
        return
    for country in words["@countries"]:
        yield country.lower(), _filled(rule, {**words, "@country": country})


def _says(value: object, word: str) -> bool:
    """Whether a rule of a pack leaves something to be filled in."""
    if isinstance(value, list | dict):
        return any(_says(one, word) for one in (value.values() if isinstance(value, dict) else value))
    return bool(value == word)


def _filled(value: object, words: dict[str, object]) -> Any:
    if isinstance(value, str):
        return words.get(value, value)
    if isinstance(value, list):
        return [_filled(entry, words) for entry in value]
    if isinstance(value, dict):
        return {k: _filled(v, words) for k, v in value.items()}
    return value
