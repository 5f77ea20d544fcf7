"""`acorn amazon`. Comes in: product types. Goes out: their schemas in the repository, templates."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from acorn_gitops.cli.session import Session, shared
from acorn_gitops.confine.text import safe


@click.group("amazon")
def command() -> None:
    """What only Amazon has: schemas of product types, what buyers are shown."""


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


_SIGNS: Final = {None: ("?", "dim"), True: ("✓", "green"), False: ("!", "yellow")}
"""By whether what is shown is what was meant; None where nothing is shown."""


@command.command("prices")
@click.argument("store")
@click.option("--sku", "skus", multiple=True, metavar="SKU", help="Only this one. Repeatable.")
@shared
def prices(
    store: str, skus: tuple[str, ...], environment: str | None, root: Path | None, no_color: bool
) -> int:
    """Show what Amazon shows buyers in STORE beside what was meant: of everything that is on sale now, or of
    each --sku. Twenty products are asked for in half a minute. Exit 1 where something else is shown."""
    from acorn_gitops.reconcile.shown_prices import shown_prices

    session = Session(root, environment, no_color)
    found = shown_prices(session, store, skus)
    for one in found:
        meant = f"{one.meant['value']} {one.meant['currency']}"
        through = f" ({one.through})" if one.through else ""
        if one.shown is None:
            words = "nothing is shown"
        elif one.is_as_meant:
            words = "is shown"
        else:
            words = f"{one.shown['value']} {one.shown['currency']} is shown"
        sign, colour = _SIGNS[None if one.shown is None else one.is_as_meant]
        click.echo(f"{session.pen(sign, colour)} {safe(f'{one.key}  {meant}{through}: {words}')}")
    if not found:
        click.echo("nothing is on sale now")
    return 0 if all(one.is_as_meant for one in found) else 1


@command.command("template")
@click.argument("file")
@shared
def template(file: str, environment: str | None, root: Path | None, no_color: bool) -> int:
    """Print what the schema in FILE requires of a new product, as YAML for `attributes.extra`."""
    from acorn_gitops.reconcile.product_types import template as made

    for line in made(Session(root, environment, no_color).root, file):
        click.echo(safe(line))
    return 0
