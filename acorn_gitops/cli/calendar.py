"""`acorn calendar`. Comes in: promotions. Goes out: what holds when, in each store's own time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError


@click.command("calendar")
@click.option("--store", "stores", multiple=True, metavar="STORE", help="Only this storefront. Repeatable.")
@click.option("--all", "past", is_flag=True, help="Past promotions too.")
@shared
@output("text", "json")
def command(
    stores: tuple[str, ...],
    past: bool,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
) -> int:
    """Show the promotions of every store from boundary to boundary: which hold, on how many SKUs, where they meet, how
    deep they cut. Exit 1 when a price falls below its floor."""
    from acorn_gitops.engines.calendar import Calendar
    from acorn_gitops.model.window import zone

    session = Session(root, environment, no_color)
    loaded = session.load()
    if any(f.severity == "error" for f in loaded.findings):
        session.warn(loaded.findings)
    config = loaded.configuration
    fronts = {s.name: s for s in config.stores.values() if s.spec.get("storefront")}
    unknown = [name for name in stores if name not in fronts]
    if unknown:
        raise AcornError(
            f"there is no storefront {unknown[0]}", hint=f"known: {', '.join(sorted(fronts)[:12])}"
        )
    calendar = Calendar(config)
    now, pen = session.now(), session.pen
    rows: list[dict[str, Any]] = []
    low = 0
    for name in sorted(stores or fronts):
        local = zone(fronts[name].spec["storefront"].get("timezone") or "UTC")
        spans = [s for s in calendar.timeline(name) if past or s.end > now]
        if spans and output == "text":
            click.echo(pen(name, "bold") + pen(f"  {local.key}", "dim"))
        for span in spans:
            low += span.below
            begin, end = (f"{t.astimezone(local):%Y-%m-%d %H:%M}" for t in (span.start, span.end))
            rows.append(
                {
                    "store": name,
                    "start": span.start.isoformat(),
                    "end": span.end.isoformat(),
                    "promos": list(span.promos),
                    "skus": span.skus,
                    "stacked": span.stacked,
                    "deepest_percent": str(-span.deepest),
                    "below_floor": span.below,
                }
            )
            if output == "text":
                click.echo(f"  {begin} to {end}  {' + '.join(span.promos)}")
                facts = [f"{span.skus:,} SKU{'s' if span.skus != 1 else ''}", f"deepest -{span.deepest} %"]
                if span.stacked:
                    facts.append(f"{span.stacked:,} with more than one")
                line = pen("    " + ", ".join(facts), "dim")
                click.echo(line + (pen(f", {span.below:,} below their floor", "red") if span.below else ""))
    if output == "json":
        import orjson

        document = {"format_version": "1.0", "spans": rows}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    elif not rows:
        click.echo("No promotion is planned." if past else "No promotion holds or is planned from now on.")
    return 1 if low else 0
