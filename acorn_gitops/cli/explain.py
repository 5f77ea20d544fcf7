"""`acorn explain`. Comes in: an address, or a kind and name. Goes out: where every value comes from, what was
last applied, what is live, and who wrote the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError
from acorn_gitops.model.resource import Address
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
        rows, title = _resource(session, loaded, Address(*parts), field=field, offline=offline)
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
                f"there is no {what}", hint=_near(what, [f"{s.kind}/{s.name}" for s in config.specs()])
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


def _spec(config: Configuration, spec: Spec, field: str | None) -> list[dict[str, Any]]:
    """Every leaf with the layer and place that it came from."""
    layers = config.layers_of(spec)
    included = (layers[-1].raw.data.get("spec") or {}) if layers and spec.kind == "TaxRule" else {}
    if "pack" in included:
        return _of_pack(config, spec, layers[-1], included=included, field=field)
    trees: list[tuple[str, Any]] = []
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
        current: Any = {"spec": spec.spec}
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
    config: Configuration, spec: Spec, layer: Layer, included: dict[str, Any], field: str | None
) -> list[dict[str, Any]]:
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


def layer_only(path: tuple[Any, ...]) -> bool:
    """`defaults.listing` of a list says something about its listings, and nothing about the SKU."""
    return path[:2] == ("spec", "listing")


def _resource(
    session: Session, loaded: Any, address: Address, field: str | None, offline: bool
) -> tuple[list[dict[str, Any]], str]:
    import orjson

    from acorn_gitops.reconcile.states import Wishes, gather, views
    from acorn_gitops.resources.registry import spec_paths

    config: Configuration = loaded.configuration
    state = gather(session, loaded, Wishes())
    want = state.desired.stores.get(address.store, {}).get((address.type, address.key))
    applied = state.ledger.applied(address.store).get((address.type, address.key))
    last = orjson.loads(applied.attributes) if applied is not None else None
    live = None
    if not offline:
        for view in views(
            gather(session, loaded, Wishes([address.store])),
            Wishes([address.store], allow_empty=[address.store]),
        ):
            have = view.live.get((address.type, address.key))
            live = have.attributes if have is not None else None
            if view.error:
                session.say(session.err(f"live value unknown: {view.error}", "yellow"))
    if want is None and last is None and live is None:
        known = [str(Address(address.store, *key)) for key in state.desired.stores.get(address.store, {})]
        raise AcornError(f"nobody knows {address}", hint=_near(str(address), known))
    spec = next(
        (
            s
            for s in config.specs()
            if want is not None and (s.kind, s.name) == (want.origin.kind, want.origin.name)
        ),
        None,
    )
    names = list(want.attributes) if want is not None else sorted({*(last or {}), *(live or {})})
    rows = []
    for name in names:
        if field is not None and name != field:
            continue
        wanted = want.attributes.get(name) if want is not None else None
        row: dict[str, Any] = {"field": name, "value": wanted}
        if spec is not None:
            places = spec_paths(address, name, wanted, spec=spec.spec)
            how, place = config.located(spec, places[0].path if places else ())
            if not places:
                how = _computed(config, address, name, spec=spec)
            elif places[0].path[1:2] == ("listings",) and place == config.place(spec):
                # Said for all listings at once: by a list's `defaults.listing`, or by acorn.yaml.
                how, place = config.located(spec, ("spec", "listing", *places[0].path[3:]))
            row |= {"layer": how, "place": str(place)}
            if field is not None and place.line:
                from acorn_gitops.provenance.blame import line_author

                author = line_author(session.root, place.file, place.line)
                if author is not None:
                    row["author"] = (
                        f"{author.author} in {author.commit} on {author.at}: {author.summary}"
                        if author.commit
                        else "an edit that is not committed yet"
                    )
        if last is not None:
            row["applied"] = last.get(name)
        if live is not None:
            row["live"] = live.get(name)
        rows.append(row)
    origin = f"  {want.origin}" if want is not None else "  (in no spec)"
    return rows, f"{address}{origin}"


def _computed(config: Configuration, address: Address, name: str, spec: Spec) -> str:
    """In words, where a value comes from that nobody wrote as it is."""
    if (address.type, name) == ("listing", "price"):
        for listing in spec.spec.get("listings") or ():
            rule = (listing.get("price") or {}).get("rule")
            if listing["store"] == address.store and rule and rule in config.price_rules:
                source = config.price_rules[rule]["fromStore"]
                return f"price rule {rule} of acorn.yaml, from the price in {source},"
    return "nowhere in these words: computed from"


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


def _near(word: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, known, n=1)
    return (
        f"did you mean {close[0]}?"
        if close
        else "`acorn plan --verbose` and `acorn state list` show what there is"
    )
