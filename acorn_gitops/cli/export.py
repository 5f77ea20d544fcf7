"""`acorn export`. Comes in: specs, live stores, the ledger. Goes out: everything, in formats that need no acorn."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import click

from acorn_gitops.cli.session import Session, select, shared
from acorn_gitops.model.finding import AcornError
from acorn_gitops.model.resource import Address, Attributes

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
def command(
    folder: Path, environment: str | None, root: Path | None, no_color: bool, selected: tuple[str, ...]
) -> int:
    """Write everything out to FOLDER in documented formats, so that leaving is possible. FOLDER must not exist yet,
    or be empty."""
    import orjson

    from acorn_gitops import __version__
    from acorn_gitops.cli.planning import Wishes, situation, views
    from acorn_gitops.compile.decompile import decompile
    from acorn_gitops.specs.edit import written

    if folder.exists() and any(folder.iterdir()):
        raise AcornError(
            f"{folder} is not empty", hint="name a new folder: an export never mixes with another"
        )
    session = Session(root, environment, no_color)
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
    if len(state.marketplaces) > 1:
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
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for address, why in made.unsaid:
        session.say(session.err(f"· {address} is in live.jsonl only: {why}", "yellow"))
    session.close()
    click.echo(
        f"{len(live):,} live resources, {len(desired):,} desired ones and the history written to {folder}"
    )
    return 0


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
            if money:
                row[column] = money["value"]
                row["currency"] = money["currency"]
        writer.writerow(row)
    return out.getvalue()
