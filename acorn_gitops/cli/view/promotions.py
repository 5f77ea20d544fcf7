"""Every promotion. Comes in: specs. Goes out: a table. Caller: `acorn view`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acorn_gitops.cli.view.panel import chosen_stores, open_specs, options, show
from acorn_gitops.model.reference import sale_zone

if TYPE_CHECKING:
    pass


@click.command("promotions")
@options
@click.option("--all", "past", is_flag=True, help="Past promotions too.")
def command(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    past: bool,
) -> int:
    """Every promotion in every store: when, in local time, on how many SKUs, how deep."""
    from acorn_gitops.engines.pricing.calendar import Calendar
    from acorn_gitops.engines.pricing.lowest import EXCLUSIVE
    from acorn_gitops.engines.pricing.price import effective
    from acorn_gitops.model.window import zone
    from acorn_gitops.report.table import Table
    from acorn_gitops.resources.buyers import EVERYBODY

    session, config = open_specs(root, environment, no_color)
    chosen = {s.name for s in chosen_stores(config, stores, fronts=True)}
    calendar, now = Calendar(config), session.now()
    listed = {(x.store, x.sku.spec["sku"]): x for x in calendar.listings()} if config.promos else {}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for (store, sku), dated in calendar.offers.items():
        for one in dated if store in chosen else ():
            if one.end <= now and not past:
                continue
            local = zone(sale_zone(config.stores[store].spec["storefront"]))
            row = found.setdefault(
                (one.promo.name, store),
                {
                    "promotion": one.promo.name,
                    "store": store,
                    "type": one.promo.spec["type"],
                    "start": f"{one.start.astimezone(local):%Y-%m-%d %H:%M}",
                    "end": f"{one.end.astimezone(local):%Y-%m-%d %H:%M}",
                    "zone": local.key,
                    "state": "holds"
                    if one.start <= now < one.end
                    else "ended"
                    if one.end <= now
                    else "planned",
                    "skus": 0,
                    "deepest_percent": Decimal(0),
                    "condition": one.offer.condition or None,
                },
            )
            row["skus"] += 1
            at = listed.get((store, sku))
            for asked in (at, *calendar.beside(at)) if at is not None else ():
                if asked.price and (asked.buyer == EVERYBODY or one.audience not in EXCLUSIVE - {"b2b"}):
                    off = Decimal(asked.price - effective(asked.price, [one.offer]).pays) * 100 / asked.price
                    row["deepest_percent"] = max(row["deepest_percent"], off)
    rows = [
        {**row, "deepest_percent": str(row["deepest_percent"].quantize(Decimal("0.1")))}
        for _, row in sorted(found.items())
    ]
    headings = [
        "promotion",
        "store",
        "type",
        "start",
        "end",
        "zone",
        "state",
        "skus",
        "deepest_percent",
        "condition",
    ]
    return show(
        Table("promotions", headings, rows, freshness={"specs": f"as they are on {session.stamp()}"}),
        output,
        session,
    )
