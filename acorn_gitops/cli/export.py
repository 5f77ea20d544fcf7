"""`acorn export`. Comes in: specs, live stores, the ledger. Goes out: everything, in formats that need no acorn."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import click

from acorn_gitops.cli.session import Session, select, shared
from acorn_gitops.confine.files import replace, writable
from acorn_gitops.confine.text import cell
from acorn_gitops.model.finding import AcornError
from acorn_gitops.model.resource import Address, Attributes, is_money
from acorn_gitops.specs.load import Loaded

_README = """# Export of {project}, environment {environment}

Made by acorn {version} on {at}. Nothing here needs acorn to be read.

| File | Holds | Format |
|---|---|---|
| `specs/*.yaml` | what the stores hold, as specs: planning these against the same stores finds nothing to do | YAML 1.2 |
| `live.jsonl` | every live resource | JSON lines: `address` (store/type/key), `attributes` |
| `desired.jsonl` | every resource as the specs want it | JSON lines: `address`, `attributes`, `origin` (file:line) |
| `ledger.jsonl` | what was last applied | JSON lines: `address`, `attributes`, `adopted`, `plan`, `commit`, `applied_at` |
| `history.jsonl` | the audit trail | JSON lines: `sequence`, `at`, `actor`, `event`, `body`, `hash` |
| `listings.csv` | live listings, a row for each SKU and store | CSV, UTF-8, comma; headings are those of `table` specs |

Amounts are decimal text with their currency; instants are UTC. Credentials are never exported.
"""


@click.command("export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@shared
@select
@click.option(
    "--drill",
    is_flag=True,
    help="Prove it: read everything back, compare it with the stores, and record the result in evidence/.",
)
def command(
    folder: Path,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    drill: bool,
) -> int:
    """Write everything out to FOLDER in documented formats, so that leaving is possible. FOLDER must not exist yet,
    or be empty. With --drill exit 1 when what was written does not say what the stores hold."""
    import orjson

    from acorn_gitops import __version__
    from acorn_gitops.compile.decompile import decompile
    from acorn_gitops.reconcile.states import Wishes, situation, views
    from acorn_gitops.specs.edit import written

    if folder.exists() and any(folder.iterdir()):
        raise AcornError(
            f"{folder} is not empty", hint="name a new folder: an export never mixes with another"
        )
    session = Session(root, environment, no_color)
    writable(folder / "README.md", session.root, anywhere=True)
    loaded, _ = session.checked()
    state = situation(session, loaded, Wishes(selected))
    live: dict[Address, Attributes] = {}
    desired: list[dict[str, Any]] = []
    for view in views(state, Wishes(selected)):
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
    made = decompile(live)
    if len(state.loaded.configuration.connections) > 1:
        for document in made.stores:
            document["spec"]["connection"] = state.connections[document["metadata"]["name"]]
    lines = orjson.OPT_APPEND_NEWLINE
    files: dict[str, bytes] = {
        "README.md": _README.format(
            project=loaded.project.name,
            environment=loaded.project.environment,
            version=__version__,
            at=session.stamp(),
        ).encode(),
        "live.jsonl": b"".join(
            orjson.dumps({"address": str(a), "attributes": live[a]}, option=lines) for a in sorted(live)
        ),
        "desired.jsonl": b"".join(
            orjson.dumps(row, option=lines) for row in sorted(desired, key=lambda r: str(r["address"]))
        ),
        "ledger.jsonl": b"".join(
            orjson.dumps({"address": str(a), **row}, option=lines) for a, row in state.ledger.resources()
        ),
        "history.jsonl": b"".join(orjson.dumps(e._asdict(), option=lines) for e in state.ledger.history()),
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
    for name, content in files.items():
        if content:
            replace(folder / name, content, root=session.root, anywhere=True)
    for address, why in made.unsaid:
        session.say(session.err(f"· {address} is in live.jsonl only: {why}", "yellow"))
    session.close()
    click.echo(
        f"{len(live):,} live resources, {len(desired):,} desired ones and the history written to {folder}"
    )
    if not drill:
        return 0
    if selected:
        raise click.UsageError("a drill is of everything: leave --select out")
    return _drill(session, loaded, folder, live, {address for address, _ in made.unsaid})


def _drill(
    session: Session, loaded: Loaded, folder: Path, live: dict[Address, Attributes], unsaid: set[Address]
) -> int:
    """Read the export as somebody without acorn's ledger would, and compare it with what the stores hold."""
    import hashlib
    import tempfile

    import orjson

    from acorn_gitops.compile.configuration import compile_configuration
    from acorn_gitops.model.resource import project
    from acorn_gitops.specs.edit import written
    from acorn_gitops.specs.load import load

    wrong: list[str] = []
    rows = (orjson.loads(line) for line in (folder / "live.jsonl").read_bytes().splitlines())
    back = {str(row["address"]): row["attributes"] for row in rows}
    if back != {str(a): orjson.loads(orjson.dumps(live[a])) for a in live}:
        wrong.append("live.jsonl does not hold what was read")
    with tempfile.TemporaryDirectory(prefix="acorn-drill-") as name:
        stage = Path(name)
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
        read = load(stage, None, None)
        errors = [f for f in read.findings if f.severity == "error"]
        if errors:
            wrong.append(f"the exported specs cannot be read: {errors[0].message}")
        else:
            state = compile_configuration(read.configuration)
            said = {
                Address(store, *key): want.attributes
                for store, shard in state.stores.items()
                for key, want in shard.items()
            }
            for address in sorted(set(live) - unsaid - set(said)):
                wrong.append(f"{address} is in no exported spec")
            for address, attributes in said.items():
                if project(live.get(address) or {}, attributes) != attributes:
                    wrong.append(f"{address} differs from its exported spec")
    record = {
        "format_version": "1.0",
        "environment": loaded.project.environment,
        "at": session.stamp(),
        "by": session.actor(),
        "result": "failed" if wrong else "passed",
        "resources": len(live),
        "only_in_live_jsonl": len(unsaid),
        "files": {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }
    target = session.root / "evidence" / "export-drill.json"
    replace(target, orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n", root=session.root)
    for words in wrong[:10]:
        session.say(session.err(f"! {words}", "red"))
    verdict = session.pen("Failed", "red") if wrong else session.pen("Passed", "green")
    click.echo(
        f"{verdict}: the export was read back and compared; the record is evidence/export-drill.json. Commit it."
    )
    return 1 if wrong else 0


def _listings(live: dict[Address, Attributes]) -> str:
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
