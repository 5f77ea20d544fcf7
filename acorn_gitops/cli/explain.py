"""`acorn explain`. Comes in: an address, or a kind and name. Goes out: where every value comes from, what was
last applied, what is live, and who wrote the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError, FieldPath
from acorn_gitops.model.resource import Address
from acorn_gitops.reconcile.explaining import fields_of, near
from acorn_gitops.report.text import Pen
from acorn_gitops.report.words import value as shown
from acorn_gitops.resources.registry import TYPES
from acorn_gitops.specs.configuration import Configuration, Layer, Spec
from acorn_gitops.specs.merge import origins


@click.command("explain")
@click.argument("what")
@click.argument("field", required=False)
@shared
@output("text", "json")
@click.option("--offline", is_flag=True, help="Do not ask the marketplace.")
def command(
    what: str,
    field: str | None,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    offline: bool,
) -> int:
    """Show where values come from.

    WHAT is a resource (amz-de/listing/KTL-17-BLK) or a spec (Store/amz-de); FIELD narrows it (price).
    `explain rule PRO-030` teaches a rule.
    """
    if what == "rule":
        from acorn_gitops.cli.rules import teach

        return teach(field or "", output, root, environment=environment)
    session = Session(root, environment, no_color)
    loaded, _ = session.checked()
    config = loaded.configuration
    parts = what.split("/", 2)
    if len(parts) >= 3 and parts[1] in TYPES:
        rows, title = fields_of(
            session, loaded, Address(*parts), field=field, offline=offline, wrote=field is not None
        )
    elif len(parts) == 2:
        spec = next(
            (s for s in config.specs() if (s.kind.lower(), s.name) == (parts[0].lower(), parts[1])), None
        )
        if spec is None and (members := _of_list(config, *parts)):
            shown = ", ".join(f"SkuMapping/{name}" for name in members[:5])
            raise AcornError(
                f"{what} is a list of {len(members)} SKUs; explain one of them",
                hint=shown + (" …" if len(members) > 5 else ""),
            )
        if spec is None:
            raise AcornError(
                f"there is no {what}", hint=near(what, [f"{s.kind}/{s.name}" for s in config.specs()])
            )
        rows, title = _spec(config, spec, field), f"{spec.kind}/{spec.name}  {spec.origin}"
    else:
        raise click.UsageError(f"{what!r} is neither like amz-de/listing/KTL-17-BLK nor like Store/amz-de")
    if field is not None and not rows:
        raise AcornError(f"{what} says nothing about {field}")
    if output == "json":
        import orjson

        click.echo(orjson.dumps({"what": what, "fields": rows}, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(session.pen(title, "bold"))
        for row in rows:
            click.echo(_line(row, session.pen))
    session.close()
    return 0


def _line(row: dict[str, Any], pen: Pen) -> str:
    text = f"  {row['field']}: {shown(row['value'])}"
    if row.get("place"):
        layer = "overlay" if row["layer"].startswith("overlay ") else row["layer"]  # the place names the file
        text += pen(f"\n      from {layer} {row['place']}", "dim")
    if row.get("author"):
        text += pen(f"\n      by {row['author']}", "dim")
    for name, words in (("applied", "last applied"), ("live", "live")):
        if name in row:
            same = row[name] == row["value"]
            text += pen(f"\n      {words}: {shown(row[name])}", "dim" if same else "yellow")
    return text


def _spec(config: Configuration, spec: Spec, field: str | None) -> list[dict[str, object]]:
    """Every leaf with the layer and place that it came from."""
    layers = config.layers_of(spec)
    included = (layers[-1].raw.data.get("spec") or {}) if layers and spec.kind == "TaxRule" else {}
    if "pack" in included:
        return _of_pack(config, spec, layers[-1], included=included, field=field)
    trees: list[tuple[str, object]] = []
    for index, layer in enumerate(layers):
        data: Any = layer.raw.data
        for part in layer.path:
            data = data[part]
        trees.append((str(index), {"spec": data if layer.path else data.get("spec") or {}}))
    found = origins(trees)
    rows = []
    for path, number in sorted(found.items(), key=lambda f: str(f[0])):
        name = ".".join(str(p) for p in path[1:])
        if layer_only(path) or path[1:2] == ("inherits",):
            continue
        if field is not None and name != field and not name.startswith(field + "."):
            continue
        layer = layers[int(number)]
        assert config.reader is not None
        full = (*layer.path, *(path[1:] if layer.path[:1] == ("spec",) else path))
        current: object = {"spec": spec.spec}
        for part in path:
            current = current.get(part) if isinstance(current, dict) else None
        rows.append(
            {
                "field": name,
                "value": current,
                "layer": layer.what,
                "place": str(config.reader.place(layer.raw, full)),
            }
        )
    return rows


_TAKEN: Final = {
    ("match", "stores"): "stores",
    ("match", "supply", "shipTo"): "countries",
    ("match", "supply", "shipFrom"): "shipFrom",
    ("match", "goods"): "taxClass",
    ("priority",): "priority",
    ("evidence",): "evidence",
}
"""Parts of a pack's rule that whoever includes it says."""


def _of_pack(
    config: Configuration, spec: Spec, layer: Layer, included: dict[str, object], field: str | None
) -> list[dict[str, object]]:
    """Every leaf of a rule that a pack has made: said by the pack, or by the spec that includes it."""
    assert config.reader is not None
    rows = []
    for path in sorted(origins([("pack", spec.spec)]), key=str):
        name = ".".join(str(part) for part in path)
        if field is not None and name != field and not name.startswith(field + "."):
            continue
        value: Any = spec.spec
        for part in path:
            value = value[part]
        said = next(
            (own for start, own in _TAKEN.items() if path[: len(start)] == start and own in included), None
        )
        rows.append(
            {
                "field": name,
                "value": value,
                "layer": layer.what
                if said
                else f"pack {included['pack']} {included['version']}, included at",
                "place": str(config.reader.place(layer.raw, ("spec", said or "pack"))),
            }
        )
    return rows


def layer_only(path: FieldPath) -> bool:
    """`defaults.listing` of a list says something about its listings, and nothing about the SKU."""
    return path[:2] == ("spec", "listing")


def _of_list(config: Configuration, kind: str, name: str) -> list[str]:
    """The SKUs of a list document of this name."""
    if kind.lower() != "skumapping":
        return []
    lines = {
        (raw.item_file, line)
        for raw in config.raws.values()
        if (raw.data.get("metadata") or {}).get("name") == name
        for line in raw.item_lines
    }
    return [s.name for s in config.skus if (s.file, s.line) in lines]
