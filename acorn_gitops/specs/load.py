"""A repository to a configuration. Comes in: a root, an environment, a cache. Goes out: `Loaded`: the
configuration of everything that could be read, and every finding of every file. Callers: cli.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from acorn_gitops import __version__
from acorn_gitops.confine.paths import Escape, inside, read_inside, spec_files
from acorn_gitops.confine.sealed import Cache
from acorn_gitops.model.finding import FieldPath, Finding, Place
from acorn_gitops.specs import gate
from acorn_gitops.specs.cache import ParseCache
from acorn_gitops.specs.configuration import Configuration, Spec
from acorn_gitops.specs.files import READABLE, Raw, Reader
from acorn_gitops.specs.floors import uncovered, unreached, with_bounds
from acorn_gitops.specs.leaks import masked
from acorn_gitops.specs.project import Project, read_project
from acorn_gitops.specs.resolve import Resolver

if TYPE_CHECKING:
    from acorn_gitops.model.typed import StoreData


class NamedPath(NamedTuple):
    """A file or folder as acorn.yaml names it, and where."""

    written: str
    at: FieldPath


def spec_places(project: Project) -> list[NamedPath]:
    """The files and folders of specs."""
    return [NamedPath(w, ("spec", "specs", i)) for i, w in enumerate(project.spec_paths)]


def overlay_places(project: Project) -> list[NamedPath]:
    """The files and folders of overlays, of every environment."""
    return [
        NamedPath(written, ("spec", "environments", name, "overlays", index))
        for name, environment in project.raw.data["spec"]["environments"].items()
        for index, written in enumerate((environment or {}).get("overlays") or ())
    ]


class Loaded(NamedTuple):
    """What could be loaded, and what is wrong."""

    project: Project
    configuration: Configuration
    findings: list[Finding]
    files: list[str]


def salt() -> bytes:
    """What decides a parse besides content: the tool's version and the schemas."""
    mapping = (gate.schema_folder() / "SkuMapping.json").read_bytes()
    return __version__.encode() + hashlib.sha256(mapping).digest()


def open_reader(root: Path, cache: Cache | None) -> Reader:
    """A reader of a repository, with a parse cache where there is one."""
    return Reader(root, ParseCache(cache.within("parsed"), salt()) if cache is not None else None)


def load(root: Path, environment: str | None, cache: Cache | None) -> Loaded:
    """Load everything. InvalidSpecs only when acorn.yaml itself cannot be used."""
    root = root.resolve()
    reader = open_reader(root, cache)
    project = read_project(reader, environment)
    findings: list[Finding] = []
    digest = hashlib.sha256(f"{project.environment}\0{project.digest}".encode())
    files: dict[str, None] = {}

    def read_all(places: list[NamedPath], apart: list[Path]) -> list[Raw]:
        documents: list[Raw] = []
        beside = {*apart}
        once = {place.written: place for place in reversed(places)}
        for written, at in (place for place in places if once[place.written] is place):
            for path in files_of(reader, project, written, path=at, findings=findings):
                shown = reader.relative(path)
                if shown == "acorn.yaml" or not beside.isdisjoint((path, *path.parents)) or shown in files:
                    continue
                read = reader.read(path)
                files[shown] = None
                digest.update(f"{shown}\0{read.digest}\0".encode())
                findings.extend(read.findings)
                documents.extend(read.documents)
        return documents

    documents = read_all(spec_places(project), _overlay_paths(reader.root, project))
    overlays = read_all([p for p in overlay_places(project) if p.at[2] == project.environment], [])
    if not documents and not findings:
        place = reader.place(project.raw, ("spec", "specs"))
        findings.append(
            Finding(
                "GEN-017",
                "error",
                "there is no spec in any of the folders",
                place=place,
                hint="an empty configuration is refused: it would mean deleting everything",
                source=reader.source(place),
            )
        )
    resolver = Resolver(reader, project.defaults)
    resolver.run(documents, overlays)
    # A scalar that two parsers read differently is told once, not again by the schema of what it might be.
    told = {f.place for f in findings if f.id in READABLE}
    findings += [f for f in resolver.findings if f.place not in told]
    product_types = _product_types(reader, project, findings, digest=digest)
    currencies = _currencies(resolver.specs["Store"])
    skus = [*resolver.specs["SkuMapping"].values()]
    configuration = Configuration(
        project=project.name,
        environment=project.environment,
        connections=project.connections,
        policies=project.policies,
        price_rules=project.price_rules,
        product_types=product_types,
        stores=resolver.specs["Store"],
        skus=with_bounds(skus, currencies),
        unreached=unreached(skus, currencies),
        uncovered=uncovered(skus, currencies),
        roles=resolver.specs["RolePermission"],
        taxes=resolver.specs["TaxRule"],
        promos=resolver.specs["Promo"],
        digest=digest.hexdigest(),
        layers=resolver.layers,
        raws=resolver.raws,
        reader=reader,
        documents=len(documents) + len(overlays),
        project_raw=project.raw,
    )
    if any(f.id == "STO-004" for f in findings):  # what is secret is not printed again by another finding
        findings = [
            f._replace(message=masked(f.message), hint=masked(f.hint), source=masked(f.source))
            for f in findings
        ]
    return Loaded(project, configuration, sorted(findings, key=Finding.sort_key), files=[*files])


def _currencies(stores: Mapping[str, Spec[StoreData]]) -> dict[str, str]:
    """By storefront, the currency that it sells in."""
    fronts = ((name, store.spec.get("storefront") or {}) for name, store in stores.items())
    return {name: front["currency"] for name, front in fronts if "currency" in front}


def files_of(
    reader: Reader, project: Project, written: str, path: FieldPath, findings: list[Finding]
) -> list[Path]:
    """The files that a path of acorn.yaml means; what may not be read becomes findings."""
    try:
        real = inside(reader.root, written, folder=True)
        if real.is_file():
            return [real]
        found = spec_files(real)
        for refused, why in found.refused:
            at = Place(reader.relative(refused))
            message = f"{at.file} {why}"
            findings.append(
                Finding("GEN-005", "error", message, place=at, hint="specs are files of this repository")
            )
        return found.files
    except Escape as error:
        message, hint = str(error), ""
    except OSError:
        message, hint = f"{written} does not exist", "create it, or correct acorn.yaml"
    place = reader.place(project.raw, path)
    findings.append(Finding("GEN-005", "error", message, place=place, hint=hint, source=reader.source(place)))
    return []


def _overlay_paths(root: Path, project: Project) -> list[Path]:
    found: list[Path] = []
    for written, _ in overlay_places(project):
        try:
            found.append(inside(root, written, folder=True))
        except (Escape, OSError):
            continue  # told where it is read
    return found


_LARGEST_SCHEMA: Final = 16 << 20
"""Bytes. The largest of Amazon's that was looked at (HOME) has 408,707."""


def _product_types(
    reader: Reader, project: Project, findings: list[Finding], digest: Any
) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for name, written in project.product_types.items():
        try:
            data = read_inside(reader.root, written, most=_LARGEST_SCHEMA)
            schema = orjson.loads(data)
        except (Escape, OSError, orjson.JSONDecodeError) as error:
            place = reader.place(project.raw, ("spec", "productTypes", name))
            findings.append(
                Finding(
                    "GEN-005",
                    "error",
                    f"the schema of product type {name} cannot be used: {error}",
                    place=place,
                    hint="it must be a JSON Schema file inside the repository",
                    source=reader.source(place),
                )
            )
            continue
        digest.update(hashlib.sha256(data).digest())
        found[name] = schema
    return found
