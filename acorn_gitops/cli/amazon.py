"""`acorn amazon`. Comes in: product types. Goes out: their schemas in the repository, templates."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, shared
from acorn_gitops.confine.text import safe


@click.group("amazon")
def command() -> None:
    """What only Amazon has: schemas of product types."""


@command.command("schema")
@click.argument("product_type")
@click.option("--store", required=True, metavar="STORE", help="For the marketplace of this store.")
@shared
def schema(product_type: str, store: str, environment: str | None, root: Path | None, no_color: bool) -> int:
    """Fetch the schema of PRODUCT_TYPE into product-types/, to be committed: `attributes.extra` of SKUs is
    validated by it, offline."""
    from acorn_gitops.reconcile.product_types import bring_schema

    session = Session(root, environment, no_color)
    brought = bring_schema(session, product_type, store=store)
    click.echo(brought.file)
    if not brought.said:
        session.say(f"write into acorn.yaml: productTypes: {{{product_type}: {brought.file}}}")
    return 0


@command.command("template")
@click.argument("file")
@shared
def template(file: str, environment: str | None, root: Path | None, no_color: bool) -> int:
    """Print what the schema in FILE requires of a new product, as YAML for `attributes.extra`."""
    from acorn_gitops.reconcile.product_types import template as made

    for line in made(Session(root, environment, no_color).root, file):
        click.echo(safe(line))
    return 0
