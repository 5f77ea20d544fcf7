"""acorn.yaml: found, read and reduced to one environment. Comes in: a folder. Goes out: `Project`.
Callers: `load`, cli."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from acorn_gitops.confine.paths import Escape, inside
from acorn_gitops.model.finding import Finding, InvalidSpecs, Place
from acorn_gitops.specs import fast, gate
from acorn_gitops.specs.files import READABLE, Raw, Reader
from acorn_gitops.specs.merge import merge
from acorn_gitops.specs.strict import compose

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ConnectionData, PoliciesData, PriceRuleData, ProjectData, RouteData

FILE = "acorn.yaml"
LONGEST: Final = 1 << 20
"""Bytes of a project file. Specs may be long; this one is read in every version that it ever had."""


class Project(NamedTuple):
    """The project file, reduced to one environment."""

    root: Path
    name: str
    environment: str
    environments: list[str]
    spec_paths: list[str]
    overlays: list[str]
    connections: Mapping[str, ConnectionData]
    policies: PoliciesData
    defaults: Mapping[str, dict[str, object]]
    price_rules: Mapping[str, PriceRuleData]
    product_types: Mapping[str, str]
    ledger: str
    digest: str
    raw: Raw


class Targets(NamedTuple):
    """Where a project file reaches, over all its environments: connections in one spelling, ledgers by
    environment, routes of alerts by name."""

    connections: frozenset[bytes]
    ledgers: Mapping[str, str]
    routes: Mapping[str, bytes]


def ledger_of(settings: ProjectData, environment: str) -> str:
    """Where an environment of a project keeps its ledger, from the root."""
    said = (settings["environments"].get(environment) or {}).get("ledger")
    return said or f".acorn/{environment}/ledger.db"


def is_quickly_read(text: str) -> bool:
    """Whether a project file is written as most are; what is not takes a hundred times as long to read."""
    try:
        fast.parse(text)
    except fast.NotSimple:
        return False
    return True


_NAME: Final = r"""ledger: +(?P<quote>["']?)(?P<name>[A-Za-z0-9._/-]{1,200})(?P=quote) *"""
_ALONE: Final = re.compile(rf"[ -]*{_NAME}(?: #.*)?")
"""A line of its own."""
_IN_BRACES: Final = re.compile(
    rf"[\w .:,{{}}\[\]/-]*{{ *(?:[\w.-]+: *[\w./-]+ *, *)*{_NAME}[,}}][\w .:,{{}}\[\]/-]*"
)
"""In a map of one line."""
_LONG: Final = 1000
"""Letters of a line that is looked at closely."""
_WORD: Final = re.compile(r"(?<![\w-])ledger(?![\w-])")
_KEY: Final = re.compile(r"""ledger["']?[ \t]*:""")
_MARKS: Final = re.compile(r"""[?&!*{}\[\]"'|>]""")
"""Signs with which a word may be more than a word of a text."""
_ASIDE: Final = re.compile(r"\\|\r(?!\n)|[\x85\u2028\u2029\t]|^[ -]*[?:](?:\s|$)", re.MULTILINE)
"""Escapes, other ends of lines, and keys and values that are marked as such: they may stand anywhere."""
_FOLLOWS: Final = re.compile(
    r"""[ ]*(?:#.*|-|-[ ].*|---.*|\.\.\.|[}\],]+.*|(?:-[ ]+)*[\w."'/-]+[ ]*:(?:[ ].*)?)?"""
)
"""What stands below a value that is complete."""


def ledgers_plainly(text: str) -> list[str] | None:
    """What ledgers a project file names, where each stands as it is in one line, without reading it as YAML;
    None where one may be written otherwise. Only what can mean nothing else is plain."""
    if _ASIDE.search(text):
        return None
    found: list[str] = []
    below = ""
    for line in reversed(text.replace("\r\n", "\n").split("\n")):
        following, below = below, line if line.strip() else below
        if "ledger" not in line or not _WORD.search(line) or line.lstrip().startswith("#"):
            continue
        keys = len(_KEY.findall(line.partition(" #")[0]))
        if not keys and not _MARKS.search(line):
            continue  # a word of some text
        if keys > 1 or len(line) > _LONG or _indent(following) > _indent(line):
            return None
        match = _ALONE.fullmatch(line) or _IN_BRACES.fullmatch(line)
        if match is None or not _FOLLOWS.fullmatch(following):
            return None
        found.append(match["name"])
    return found[::-1]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else 0


def ledgers_named(text: str) -> list[str]:
    """Where the environments of a project file keep their ledgers."""
    settings = settings_of(text)
    return [ledger_of(settings, one) for one in settings.get("environments") or ()]


def settings_of(text: str) -> ProjectData:
    """`spec` of a project file, given as text; empty where it is none. Only its form is looked at, no file is
    read."""
    try:
        documents = fast.parse(text)
        data = documents[0].data if len(documents) == 1 else None
    except fast.NotSimple:
        composed = compose(text, FILE)
        readable = READABLE - {"GEN-003"}  # of two keys of one name nobody knows which is meant
        usable = len(composed.documents) == 1 and all(f.id in readable for f in composed.findings)
        data = composed.documents[0].data if usable else None
    if not isinstance(data, dict) or not gate.accepts("Project", data):
        return {}
    found: ProjectData = data["spec"]
    return found


def targets_of(text: str) -> Targets | None:
    """What a project file names, given as text; None where it is none."""
    spec = settings_of(text)
    if not spec:
        return None
    connections = {spelled(settings) for settings in spec["connections"].values()}
    ledgers: dict[str, str] = {}
    for name, chosen in spec["environments"].items():
        changed = (chosen or {}).get("connections") or {}
        connections |= {spelled(settings) for settings in merge(spec["connections"], changed).values()}
        if (chosen or {}).get("ledger"):
            ledgers[name] = chosen["ledger"]
    routes = {name: spelled_route(route) for name, route in (spec.get("routes") or {}).items()}
    return Targets(frozenset(connections), ledgers, routes)


def spelled_route(route: RouteData) -> bytes:
    """A route in one spelling: all that decides what is sent where."""
    said = {name: route.get(name) for name in ("kind", "target", "format", "secret") if route.get(name)}
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def spelled(settings: Mapping[str, object]) -> bytes:
    """A connection in one spelling: all that decides what is sent where."""
    said = {name: settings.get(name) for name in ("adapter", "url", "token", "options") if settings.get(name)}
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def find_root(start: Path) -> Path:
    """The nearest folder upwards that holds acorn.yaml. InvalidSpecs when there is none."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise InvalidSpecs(f"there is no {FILE} here or above", hint="run `acorn init` to begin a repository")


def read_project(reader: Reader, environment: str | None) -> Project:
    """The project for an environment (default: the one that acorn.yaml names). InvalidSpecs with places."""
    try:
        inside(reader.root, FILE)
    except Escape as error:
        finding = Finding(
            "GEN-005", "error", str(error), place=Place(FILE), hint="keep the file itself in the repository"
        )
        raise InvalidSpecs(f"{FILE} is wrong", findings=[finding]) from None
    except OSError:
        raise InvalidSpecs(f"there is no {FILE} in {reader.root}", hint="run `acorn init`") from None
    if (reader.root / FILE).stat().st_size > LONGEST:
        finding = Finding(
            "GEN-004",
            "error",
            f"{FILE} is larger than {LONGEST >> 20} MiB",
            place=Place(FILE),
            hint="keep specs in the folders that it names, and take out waivers and freezes that have ended",
        )
        raise InvalidSpecs(f"{FILE} is wrong", findings=[finding])
    read = reader.read(reader.root / FILE)
    if read.findings:
        raise InvalidSpecs(f"{FILE} is wrong", findings=read.findings)
    if len(read.documents) != 1:
        raise InvalidSpecs(
            f"{FILE} must hold exactly one document",
            findings=[
                Finding(
                    "GEN-007",
                    "error",
                    f"{FILE} must hold exactly one document, not {len(read.documents)}",
                    place=Place(FILE, 1, 1),
                    hint="one Project; specs go into the folders that it names",
                    source=reader.source(Place(FILE, 1, 1)),
                )
            ],
        )
    raw = read.documents[0]
    data = raw.data
    if data.get("kind") != "Project" or not gate.accepts("Project", data):
        findings = []
        if data.get("kind") != "Project":
            place = reader.place(raw, ("kind",))
            message = f"{FILE} must be of kind Project"
            findings.append(
                Finding(
                    "GEN-011",
                    "error",
                    message,
                    place=place,
                    hint="write `kind: Project`",
                    source=reader.source(place),
                )
            )
        for problem in gate.problems("Project", data):
            place = reader.place(raw, problem.path, key=problem.key)
            findings.append(
                Finding(
                    problem.id,
                    "error",
                    problem.message,
                    place=place,
                    hint=problem.hint,
                    source=reader.source(place),
                )
            )
        raise InvalidSpecs(f"{FILE} is wrong", findings=findings)
    spec = data["spec"]
    findings = [
        finding for kind in spec.get("defaults") or {} for finding in _wrong_defaults(reader, raw, kind)
    ]
    if findings:
        raise InvalidSpecs(f"{FILE} is wrong", findings=findings)
    name = environment or spec["defaultEnvironment"]
    environments = spec["environments"]
    if name not in environments:
        place = reader.place(
            raw, ("spec", "defaultEnvironment") if environment is None else ("spec", "environments")
        )
        raise InvalidSpecs(
            "unknown environment",
            findings=[
                Finding(
                    "GEN-012",
                    "error",
                    f"there is no environment {name}",
                    place=place,
                    hint=f"known: {', '.join(sorted(environments))}",
                    source=reader.source(place),
                )
            ],
        )
    chosen = environments[name] or {}
    connections = merge(spec["connections"], chosen.get("connections") or {})
    policies = merge(spec.get("policies") or {}, chosen.get("policies") or {})
    return Project(
        reader.root,
        data["metadata"]["name"],
        name,
        environments=sorted(environments),
        spec_paths=list(spec["specs"]),
        overlays=list(chosen.get("overlays") or []),
        connections=connections,
        policies=policies,
        defaults=spec.get("defaults") or {},
        price_rules=spec.get("priceRules") or {},
        product_types=spec.get("productTypes") or {},
        ledger=ledger_of(spec, name),
        digest=read.digest,
        raw=raw,
    )


def _wrong_defaults(reader: Reader, raw: Raw, kind: str) -> list[Finding]:
    """What is wrong with the lowest layer of a kind. A part of a spec: nothing is required of it."""
    default = raw.data["spec"]["defaults"][kind]
    # Defaults of SKU mappings have the form of a list's defaults: `listing` is for every listing.
    wrapped = kind == "SkuMapping"
    spec = {"items": [{"sku": "x"}], "defaults": default} if wrapped else default
    document = {"apiVersion": "acorn/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    findings = []
    for problem in gate.problems(kind, document, partial=True):
        path = ("spec", "defaults", kind, *problem.path[2 if wrapped else 1 :])
        place = reader.place(raw, path, key=problem.key)
        findings.append(
            Finding(
                problem.id,
                "error",
                problem.message,
                place=place,
                hint=problem.hint,
                source=reader.source(place),
            )
        )
    return findings
