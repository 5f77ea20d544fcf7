"""Every sale that the tax rules speak of. Comes in: specs. Goes out: a table. Caller: `acorn view`."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.view.panel import chosen_stores, open_specs, options, show


@click.command("tax")
@options
@click.option("--date", "day", metavar="DATE", help="The tax point. Default: today.")
def command(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    day: str | None,
) -> int:
    """Every sale that the specs speak of: who owes the tax, how it is treated, at which rate, by which
    rule."""
    from acorn_gitops.cli.tax import _date
    from acorn_gitops.engines.sales import matrix
    from acorn_gitops.model.reference import as_of
    from acorn_gitops.report.table import Table

    session, config = open_specs(root, environment, no_color)
    dates, rows = set[str](), []
    for store in chosen_stores(config, stores, fronts=True):
        date = _date(session, day, store)
        dates.add(date)
        for cell in matrix(config, date, store.name):
            winner = cell.decision.winner
            good = winner is not None and not cell.decision.problem
            result = winner.spec["result"] if winner is not None and good else {}
            rows.append(
                {
                    "store": store.name,
                    "class": cell.supply.tax_class or None,
                    "from": cell.supply.ship_from,
                    "to": cell.supply.ship_to,
                    "customer": cell.supply.customer
                    + (f" ({cell.supply.vat_id} id)" if cell.supply.customer == "b2b" else ""),
                    "value": cell.supply.worth or None,
                    "liable": result.get("liableParty"),
                    "treatment": result.get("treatment"),
                    "percent": cell.decision.percent if good else None,
                    "rule": winner.name if winner is not None and good else None,
                    "problem": cell.decision.problem or None,
                }
            )
    headings = [
        "store",
        "class",
        "from",
        "to",
        "customer",
        "value",
        "liable",
        "treatment",
        "percent",
        "rule",
        "problem",
    ]
    fresh = {
        "specs": f"for {', '.join(sorted(dates) or [_date(session, day)])}",
        "table of rates": as_of("vat_rates"),
    }
    return show(Table("tax", headings, rows, freshness=fresh), output, session)
