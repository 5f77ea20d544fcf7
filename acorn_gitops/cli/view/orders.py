"""Every store's orders: what should have come, and what has. Comes in: recorded orders. Goes out: a table.
Caller: `acorn view`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from acorn_gitops.cli.view.panel import age, chosen_stores, flow_limit, open_specs, options, show, state_of


@click.command("orders")
@options
@click.option(
    "--hours",
    type=click.IntRange(1, 8784),
    default=24,
    show_default=True,
    help="How far back the window goes.",
)
def command(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    hours: int,
) -> int:
    """Orders by store in a window: expected over all channels, received by the first one, missed, and on
    their way."""
    from acorn_gitops.engines.signals import GRACE
    from acorn_gitops.report.table import Table
    from acorn_gitops.specs.facts import at

    session, config = open_specs(root, environment, no_color)
    now = session.now()
    rows = []
    for store in chosen_stores(config, stores, fronts=True):
        recorded = [r for r in config.facts.rows("orders") if r["store"] == store.name]
        seen = [r for r in recorded if now - timedelta(hours=hours) <= at(r["seenAt"]) <= now]
        primary = {r["order"] for r in recorded if r["channel"] == "primary"}
        alone = [r for r in seen if r["channel"] == "backup" and r["order"] not in primary]
        late = {r["order"] for r in alone if now - at(r["seenAt"]) > GRACE}
        newest = max((r["seenAt"] for r in recorded), key=at, default=None)
        expected = {r["order"] for r in seen}
        rows.append(
            {
                "store": store.name,
                "expected": len(expected) if recorded else None,
                "received": len(expected & primary) if recorded else None,
                "missed": len(late) if recorded else None,
                "on_the_way": len({r["order"] for r in alone} - late) if recorded else None,
                "last_order": newest,
                "state": "missed" if late else state_of(now, newest, flow_limit(store, "order")),
            }
        )
    headings = ["store", "expected", "received", "missed", "on_the_way", "last_order", "state"]
    fresh = {
        "orders": age(now, (r["seenAt"] for r in config.facts.rows("orders")), newest=True),
        "window": f"{hours} hours before {session.stamp()}",
    }
    return show(Table("orders", headings, rows, freshness=fresh), output, session)
