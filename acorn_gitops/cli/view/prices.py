"""Every price. Comes in: specs. Goes out: a table. Caller: `acorn view`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session
from acorn_gitops.cli.view.panel import chosen_stores, options, show

if TYPE_CHECKING:
    pass


@click.command("prices")
@options
@click.option(
    "--sku", "skus", multiple=True, metavar="SKU", help="Only this SKU; * and ? are allowed. Repeatable."
)
@click.option(
    "--at", "moment", metavar="TIME", help="When, as an instant: 2026-11-27T12:00:00Z. Default: now."
)
@click.option(
    "--currency", metavar="CUR", help="Also without tax in this currency, by the dated rates of acorn.yaml."
)
def command(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    skus: tuple[str, ...],
    moment: str | None,
    currency: str | None,
) -> int:
    """Every price in every store: listed, what is paid now, the lowest over the calendar, floor and
    margin."""
    from fnmatch import fnmatchcase

    from acorn_gitops.engines.pricing.calendar import Calendar
    from acorn_gitops.engines.pricing.floors import floor_of
    from acorn_gitops.engines.pricing.margin import Margins
    from acorn_gitops.engines.pricing.offer import major
    from acorn_gitops.engines.pricing.price import effective
    from acorn_gitops.model.money import quantum
    from acorn_gitops.report.table import Table

    # Without a promotion that cannot be read a price would be a wrong one.
    session = Session(root, environment, no_color)
    config = session.readable()
    chosen = {s.name for s in chosen_stores(config, stores, fronts=True)}
    when = _instant(moment, session.now())
    calendar, margins = Calendar(config), Margins(config, when.date().isoformat())
    lows: dict[tuple[str, str], int] = {}
    for low in calendar.lows(since=when):
        at = (low.listed.store, low.listed.key)
        lows[at] = min(low.pays, lows.get(at, low.pays))
    rows = []
    for spec in config.skus:
        if skus and not any(fnmatchcase(spec.spec["sku"], p) for p in skus):
            continue
        for listed in calendar.listings_of(spec):
            if listed.store not in chosen:
                continue
            offers = [o for o in calendar.active(listed, when) if not o.condition]
            pays = effective(listed.price, offers).pays
            floor = floor_of(spec, listed.store, listed.currency, respect=frozenset({"min", "map"}))
            unit = quantum(listed.currency)
            asked = min((listed.price, *(one.price for one in calendar.beside(listed))))
            margin = margins.percent(spec, listed.store, Decimal(pays) * unit, listed.currency)
            row = {
                "sku": spec.spec["sku"],
                "store": listed.store,
                "currency": listed.currency,
                "listed": major(listed.price, listed.currency),
                "pays": major(pays, listed.currency),
                "lowest": major(lows.get((listed.store, listed.key), asked), listed.currency),
                "floor": major(floor[0], listed.currency) if floor else None,
                "margin_percent": str(margin) if margin is not None else None,
            }
            if currency:
                net = margins.net(spec, listed.store, Decimal(pays) * unit, listed.currency)
                amount = margins.exchange(net.amount, net.currency, currency) if net is not None else None
                row[f"net_{currency}"] = (
                    str(amount.quantize(quantum(currency))) if amount is not None else None
                )
            rows.append(row)
    headings = [
        "sku",
        "store",
        "currency",
        "listed",
        "pays",
        "lowest",
        "floor",
        "margin_percent",
        *([f"net_{currency}"] if currency else []),
    ]
    fresh = {"specs": f"as they are, for {when:%Y-%m-%dT%H:%M:%SZ}"}
    if currency:
        rates = config.settings.get("exchangeRates") or {}
        fresh["exchange rates"] = (
            ", ".join(f"{k} {v['rate']} of {v['asOf']}" for k, v in sorted(rates.items()))
            or "none in acorn.yaml"
        )
    return show(Table("prices", headings, rows, freshness=fresh), output, session)


def _instant(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.UsageError(f"--at {text} is no instant like 2026-11-27T12:00:00Z")
    return moment
