"""Every pool. Comes in: specs, recorded stock. Goes out: a table. Caller: `acorn view`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acorn_gitops.cli.view.panel import age, chosen_stores, flow_limit, open_specs, options, show, state_of

if TYPE_CHECKING:
    from acorn_gitops.specs.configuration import Configuration


@click.command("inventory")
@options
@click.option(
    "--sku", "skus", multiple=True, metavar="SKU", help="Only this SKU; * and ? are allowed. Repeatable."
)
def command(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    skus: tuple[str, ...],
) -> int:
    """What lies where, what is kept back, what may be promised, and how it is divided among the stores."""
    from acorn_gitops.engines.inventory import Inventory
    from acorn_gitops.report.table import Table

    session, config = open_specs(root, environment, no_color)
    chosen = {s.name for s in chosen_stores(config, stores)}
    rows = list(
        _inventory(config, Inventory(config), chosen, skus=skus, now=session.now(), everywhere=not stores)
    )
    fresh = {
        name: age(session.now(), (r["asOf"] for r in config.facts.rows(name)))
        for name in ("stock", "published")
    }
    notes = []
    counted = {row["sku"] for row in config.facts.rows("stock")}
    pooled = [s.spec["sku"] for s in config.skus if s.spec.get("inventory")]
    missing = [sku for sku in pooled if sku not in counted and sku not in {row["sku"] for row in rows}]
    if missing and not skus and not stores:
        more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        notes.append(f"no recorded stock of {', '.join(missing[:3])}{more}, which have a pool")
    headings = [
        "sku",
        "pool",
        "on_hand",
        "reserved",
        "kept",
        "buffer",
        "atp",
        "bundled",
        "store",
        "allotted",
        "published",
        "lag_minutes",
        "left",
        "state",
    ]
    return show(Table("inventory", headings, rows, freshness=fresh, notes=notes), output, session)


def _unsold(allotment: Any) -> dict[str, object]:
    """Stock that no store sells by itself: parts of sets, what is listed nowhere."""
    return {
        "sku": allotment.sku,
        "pool": allotment.pool or None,
        "on_hand": allotment.on_hand,
        "reserved": allotment.reserved,
        "kept": sum(c.kept for c in allotment.counted),
        "buffer": allotment.buffer,
        "atp": allotment.atp,
        "bundled": allotment.bundled,
        "store": None,
        "allotted": None,
        "published": None,
        "lag_minutes": None,
        "left": allotment.left,
        "state": "unsold",
    }


def _inventory(
    config: Configuration,
    engine: Any,
    chosen: set[str],
    skus: tuple[str, ...],
    now: datetime,
    *,
    everywhere: bool,
) -> Iterator[dict[str, object]]:
    from fnmatch import fnmatchcase

    from acorn_gitops.engines.inventory import published

    offered = published(config)
    for allotment in engine.allotments():
        if skus and not any(fnmatchcase(allotment.sku, p) for p in skus):
            continue
        for store, number in sorted(allotment.stores.items()):
            if store not in chosen:
                continue
            there = offered.get((store, allotment.sku))
            yield {
                "sku": allotment.sku,
                "pool": allotment.pool or None,
                "on_hand": allotment.on_hand if allotment.counted else None,
                "reserved": allotment.reserved if allotment.counted else None,
                "kept": sum(c.kept for c in allotment.counted) if allotment.counted else None,
                "buffer": allotment.buffer,
                "atp": allotment.atp,
                "bundled": allotment.bundled,
                "store": store,
                "allotted": number,
                "published": there.quantity if there is not None else None,
                "lag_minutes": int((now - there.since).total_seconds() // 60) if there is not None else None,
                "left": allotment.left,
                "state": state_of(
                    now,
                    allotment.as_of.isoformat() if allotment.as_of is not None else None,
                    flow_limit(config.stores[store], "inventory"),
                ),
            }
        if not allotment.stores and everywhere:
            yield _unsold(allotment)
