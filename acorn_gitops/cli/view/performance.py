"""Every store's ratings against the marketplace's bounds. Comes in: recorded ratings. Goes out: a table.
Caller: `acorn view`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

import click

from acorn_gitops.cli.view.panel import age, chosen_stores, open_specs, options, show, state_of

FRESH: Final = timedelta(days=3)
"""A rating is a day's report; an older one than this says little."""


@click.command("performance")
@options
def command(
    stores: tuple[str, ...], environment: str | None, root: Path | None, no_color: bool, output: str
) -> int:
    """How the marketplaces rate our service, in percent of orders, and what is beyond their bounds."""
    from acorn_gitops.engines.signals import RATINGS, out_of_bounds
    from acorn_gitops.report.table import Table
    from acorn_gitops.specs.facts import at

    session, config = open_specs(root, environment, no_color)
    rows = []
    for store in chosen_stores(config, stores, fronts=True):
        recorded = [r for r in config.facts.rows("performance") if r["store"] == store.name]
        last = max(recorded, key=lambda r: at(r["asOf"]), default=None)
        bad = out_of_bounds(last) if last is not None else []
        as_of = last["asOf"] if last is not None else None
        rows.append(
            {
                "store": store.name,
                **{name: last.cells.get(name) if last is not None else None for name in RATINGS},
                "as_of": as_of,
                "state": "out of bounds" if bad else state_of(session.now(), as_of, FRESH),
                "why": bad or None,
            }
        )
    fresh = {
        "performance": age(session.now(), (r["asOf"] for r in config.facts.rows("performance")), newest=True)
    }
    return show(
        Table("performance", ["store", *RATINGS, "as_of", "state", "why"], rows, freshness=fresh),
        output,
        session,
    )
