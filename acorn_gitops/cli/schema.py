"""`acorn schema`. Comes in: the models. Goes out: JSON Schema and OpenAPI files."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.confine.files import around, replace


@click.command("schema")
@click.argument("folder", default="schemas", type=click.Path(path_type=Path, file_okay=False))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file differs.")
def command(folder: Path, check: bool) -> int:
    """Write the JSON Schemas of the five kinds, of acorn.yaml and of overlays, and the network API, to
    FOLDER."""
    files = schema_files()
    root = around(folder)
    different = []
    for name, text in files.items():
        path = folder / name
        if path.is_file() and path.read_bytes() == text:
            continue
        different.append(name)
        if not check:
            replace(path, text, root=root, anywhere=True)
    if check:
        for name in different:
            click.echo(
                f"{folder / name} is not what this version writes; run `acorn schema {folder}`", err=True
            )
        return 1 if different else 0
    click.echo(f"{len(different)} of {len(files)} files written to {folder}", err=True)
    return 0


def schema_files() -> dict[str, bytes]:
    """Every schema file by name, as it is written."""
    import orjson

    from acorn_gitops.marketplaces.network.contract import openapi
    from acorn_gitops.model.schema import all_schemas
    from acorn_gitops.resources.registry import TYPES

    files = {**all_schemas([*TYPES]), "retail-network.openapi.json": openapi()}
    return {name: orjson.dumps(c, option=orjson.OPT_INDENT_2) + b"\n" for name, c in files.items()}
