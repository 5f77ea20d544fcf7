"""`acorn sku`. Comes in: specs. Goes out: which SKUs are not in normal form, and what they would be. Nothing
is written: no marketplace renames a SKU, so a rename is a new listing and the end of an old one."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.view.panel import open_specs, options, show


@click.group("sku")
def command() -> None:
    """Look after SKU codes. Nothing is written."""


@command.command("normalize")
@options
def normalize(
    stores: tuple[str, ...], environment: str | None, root: Path | None, no_color: bool, output: str
) -> int:
    """A table of renames: every SKU that is not in normal form, what it would be, and what stands in the
    way."""
    from acorn_gitops.cli.view.panel import chosen_stores
    from acorn_gitops.engines.sku_code import collision_key, normal_form
    from acorn_gitops.report.table import Table

    session, config = open_specs(root, environment, no_color)
    chosen = {s.name for s in chosen_stores(config, stores)}
    taken: dict[str, list[str]] = {}
    for spec in config.skus:
        taken.setdefault(collision_key(spec.spec["sku"]), []).append(spec.spec["sku"])
    proposals: dict[str, list[str]] = {}
    for spec in config.skus:
        proposals.setdefault(collision_key(normal_form(spec.spec["sku"])), []).append(spec.spec["sku"])
    rows = []
    for spec in config.skus:
        sku = spec.spec["sku"]
        listed = sorted({x["store"] for x in spec.spec.get("listings") or ()} & chosen)
        proposed = normal_form(sku)
        others = sorted({*taken[collision_key(sku)], *proposals[collision_key(proposed)]} - {sku})
        if (proposed == sku and not others) or (stores and not listed):
            continue
        rows.append(
            {
                "sku": sku,
                "normal_form": proposed or None,
                "collides_with": others or None,
                "listed_in": listed or None,
                "written": str(spec.origin),
            }
        )
    notes = (
        ["a rename is a new listing and the end of the old one: no marketplace renames a SKU"] if rows else []
    )
    fresh = {"specs": f"as they are on {session.stamp()}"}
    headings = ["sku", "normal_form", "collides_with", "listed_in", "written"]
    return show(Table("sku-normalize", headings, rows, freshness=fresh, notes=notes), output, session)
