"""Everything, in formats that need no acorn. Comes in: a workspace and a folder. Goes out: files, and on
request the proof that they say what the stores hold. Callers: `Workspace.export`, cli `export`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from acorn_gitops.compile import decompile
from acorn_gitops.compile.configuration import compile_configuration
from acorn_gitops.confine.files import replace, writable
from acorn_gitops.confine.text import cell
from acorn_gitops.model.finding import AcornError, Misused
from acorn_gitops.model.resource import Address, Attributes, is_money, project
from acorn_gitops.reconcile.states import States, Wishes, gather, views
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.resources.buyers import BUSINESS_PRICE
from acorn_gitops.specs.edit import written
from acorn_gitops.specs.load import Loaded, load

_README = """# Export of {project}, environment {environment}

Made by acorn {version} on {at}. Nothing here needs acorn to be read.

| File | Holds | Format |
|---|---|---|
| `specs/*.yaml` | what the stores hold, as specs: planned against the same stores they change nothing. Rules may ask for records that no store holds (a verification, a cost): those are in `declared.jsonl` | YAML 1.2 |
| `live.jsonl` | every live resource | JSON lines: `address` (store/type/key), `attributes` |
| `desired.jsonl` | every resource as the specs want it | JSON lines: `address`, `attributes`, `origin` (file:line) |
| `declared.jsonl` | the specs themselves, resolved, with everything that is recorded and never sent | JSON lines: `kind`, `name`, `labels`, `lifecycle`, `spec` |
| `ledger.jsonl` | what was last applied | JSON lines: `address`, `attributes`, `adopted`, `plan`, `commit`, `applied_at` |
| `history.jsonl` | the audit trail | JSON lines: `sequence`, `at`, `actor`, `event`, `body`, `hash` |
| `listings.csv` | live listings, a row for each SKU and store; prices from a number of pieces on and texts in further languages are in `live.jsonl` | CSV, UTF-8, comma; headings are those of `table` specs |

Amounts are decimal text with their currency; instants are UTC. Credentials are never exported.
"""


RECORD: Final = "evidence/export-drill.json"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is to be written out, and where."""

    folder: str | Path
    """A folder that does not exist yet, or is empty."""
    select: Sequence[str] = ()
    """Only these stores and resources."""
    drill: bool = False
    """Read everything back, compare it with the stores, and write the record of it."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    live: int
    """Resources that stores hold."""
    desired: int
    """Resources that specs want."""
    unsaid: Sequence[tuple[Address, str]]
    """What no spec can say, and why: it is in live.jsonl alone."""
    drill: Sequence[str] | None = None
    """What a drill found wrong; None where none was asked for."""


def export(workspace: Workspace, request: ExportRequest) -> Exported:
    """Write everything out. AcornError where the folder holds something, or a store cannot be read: then
    nothing was written."""
    folder = Path(request.folder)
    if request.drill and request.select:
        raise Misused("a drill is of everything", hint="leave --select out")
    if folder.exists() and any(folder.iterdir()):
        raise AcornError(
            f"{folder} is not empty", hint="name a new folder: an export never mixes with another"
        )
    workspace.refuse_untrusted("export")
    with workspace.busy("export"):
        return _export(workspace, request)


def _export(workspace: Workspace, request: ExportRequest) -> Exported:
    folder = Path(request.folder)
    writable(folder / "README.md", workspace.root, anywhere=True)
    loaded, _ = workspace.checked()
    state = gather(workspace, loaded, Wishes(request.select))
    live, desired = _seen(state, Wishes(request.select))
    made = decompile.decompile(live)
    if len(loaded.configuration.connections) > 1:
        for document in made.stores:
            document["spec"]["connection"] = state.connections[document["metadata"]["name"]]
    for name, content in _files(workspace, state, live, desired=desired, made=made).items():
        if content or name.endswith(".jsonl"):
            replace(folder / name, content, root=workspace.root, anywhere=True)
    state.ledger.close()
    wrong = None
    if request.drill:
        unsaid = {address for address, _ in made.unsaid}
        wrong = _drill(workspace, loaded, folder, live=live, unsaid=unsaid)
    return Exported(len(live), len(desired), made.unsaid, drill=wrong)


def _seen(state: States, wishes: Wishes) -> tuple[dict[Address, Attributes], list[dict[str, object]]]:
    """What stores hold, and what specs want, as rows."""
    live: dict[Address, Attributes] = {}
    desired: list[dict[str, object]] = []
    for view in views(state, wishes):
        if view.error:
            raise AcornError(f"{view.store} could not be read: {view.error}; nothing was written")
        live.update({Address(view.store, *key): have.attributes for key, have in view.live.items()})
        desired += [
            {
                "address": str(Address(view.store, *key)),
                "attributes": want.attributes,
                "origin": str(want.origin),
            }
            for key, want in view.desired.items()
        ]
    return live, desired


def _files(
    workspace: Workspace,
    state: States,
    live: Mapping[Address, Attributes],
    desired: Sequence[dict[str, object]],
    made: decompile.Decompiled,
) -> dict[str, bytes]:
    """By name, the content of every file."""
    from acorn_gitops import __version__

    known = state.loaded.project
    files = {
        "README.md": _README.format(
            project=known.name, environment=known.environment, version=__version__, at=workspace.stamp()
        ).encode(),
        "live.jsonl": _lines({"address": str(a), "attributes": live[a]} for a in sorted(live)),
        "desired.jsonl": _lines(sorted(desired, key=lambda row: str(row["address"]))),
        "declared.jsonl": _lines(
            {
                "kind": spec.kind,
                "name": spec.name,
                "labels": dict(spec.labels),
                "lifecycle": spec.lifecycle,
                "spec": spec.spec,
            }
            for spec in sorted(state.loaded.configuration.specs(), key=lambda spec: (spec.kind, spec.name))
        ),
        "ledger.jsonl": _lines({"address": str(a), **row} for a, row in state.ledger.resources()),
        "history.jsonl": _lines(entry._asdict() for entry in state.ledger.history()),
        "listings.csv": _listings(live).encode(),
        "specs/stores.yaml": written(made.stores).encode(),
        "specs/others.yaml": written(made.others).encode(),
    }
    if made.skus:
        document = {
            "apiVersion": "acorn/v1",
            "kind": "SkuMapping",
            "metadata": {"name": "exported"},
            "spec": {"items": made.skus},
        }
        files["specs/skus.yaml"] = written([document]).encode()
    return files


def _lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    """JSON, a line for each row."""
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def _drill(
    workspace: Workspace,
    loaded: Loaded,
    folder: Path,
    live: dict[Address, Attributes],
    unsaid: set[Address],
) -> list[str]:
    """Read the export as somebody without acorn's ledger would, compare it with what the stores hold, and
    write the record. Answers what is wrong."""
    wrong: list[str] = []
    rows = (orjson.loads(line) for line in (folder / "live.jsonl").read_bytes().splitlines())
    back = {str(row["address"]): row["attributes"] for row in rows}
    if back != {str(a): orjson.loads(orjson.dumps(live[a])) for a in live}:
        wrong.append("live.jsonl does not hold what was read")
    with tempfile.TemporaryDirectory(prefix="acorn-drill-") as name:
        wrong += _said_otherwise(_staged(Path(name), loaded, folder), live, unsaid)
    record = {
        "format_version": "1.0",
        "environment": loaded.project.environment,
        "at": workspace.stamp(),
        "by": workspace.actor(),
        "result": "failed" if wrong else "passed",
        "resources": len(live),
        "only_in_live_jsonl": len(unsaid),
        "files": {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }
    content = orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n"
    replace(workspace.root / RECORD, content, root=workspace.root)
    return wrong


def _staged(stage: Path, loaded: Loaded, folder: Path) -> Loaded:
    """The exported specs, as a project of their own."""
    body = {
        "specs": ["exported"],
        "connections": {n: {"adapter": "network"} for n in loaded.configuration.connections},
        "environments": {"drill": {}},
        "defaultEnvironment": "drill",
    }
    (stage / "exported").mkdir()
    for path in (folder / "specs").glob("*.yaml"):
        (stage / "exported" / path.name).write_bytes(path.read_bytes())
    document = {"apiVersion": "acorn/v1", "kind": "Project", "metadata": {"name": "drill"}, "spec": body}
    (stage / "acorn.yaml").write_text(written([document]), encoding="utf-8")
    return load(stage, None, None)


def _said_otherwise(
    read: Loaded, live: Mapping[Address, Attributes], unsaid: Collection[Address]
) -> Iterator[str]:
    """Where the exported specs do not say what the stores hold."""
    errors = [f for f in read.findings if f.severity == "error"]
    if errors and not live:
        return  # there is nothing to say, and specs that say nothing cannot be read
    if errors:
        yield f"the exported specs cannot be read: {errors[0].message}"
        return
    said = {
        Address(store, *key): want.attributes
        for store, shard in compile_configuration(read.configuration).stores.items()
        for key, want in shard.items()
    }
    for address in sorted({*live} - {*unsaid} - {*said}):
        yield f"{address} is in no exported spec"
    for address, attributes in said.items():
        if project(live.get(address) or {}, attributes) != attributes:
            yield f"{address} differs from its exported spec"


def _listings(live: Mapping[Address, Attributes]) -> str:
    out = io.StringIO()
    columns = [
        "sku",
        "store",
        "sellerSku",
        "asin",
        "gtin",
        "brand",
        "title",
        "productType",
        "taxClass",
        "ptc",
        "condition",
        "fulfillment",
        "status",
        "price",
        "currency",
        "businessPrice",
        "min",
        "max",
        "map",
    ]
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for address in sorted(live):
        if address.type != "listing":
            continue
        attributes = live[address]
        row = {c: attributes.get(c) for c in columns if isinstance(attributes.get(c), str)}
        row |= {"sku": attributes.get("sku"), "store": address.store, "sellerSku": address.key}
        for column, name in (
            ("price", "price"),
            ("businessPrice", BUSINESS_PRICE),
            ("min", "minPrice"),
            ("max", "maxPrice"),
            ("map", "mapPrice"),
        ):
            money = attributes.get(name)
            if money is not None and is_money(money):
                row[column] = str(money["value"])
                row["currency"] = str(money["currency"])
        writer.writerow(
            {column: cell(value) if isinstance(value, str) else "" for column, value in row.items()}
        )
    return out.getvalue()
