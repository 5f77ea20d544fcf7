"""What all views share: options, specs, the stores that are asked for, the way a table is shown. Callers: the
views."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError

if TYPE_CHECKING:
    from acorn_gitops.model.typed import StoreData
    from acorn_gitops.report.table import Table
    from acorn_gitops.specs.configuration import Configuration, Spec


def options(function: Callable[..., int]) -> Callable[..., int]:
    """--store, and what every command has."""
    chosen = click.option(
        "--store",
        "stores",
        multiple=True,
        metavar="STORE",
        help="Only this store; * and ? are allowed. Repeatable.",
    )
    return chosen(shared(output("text", "json", "csv")(function)))


def open_specs(root: Path | None, environment: str | None, no_color: bool) -> tuple[Session, Configuration]:
    """The session and what could be read; what could not be is told, and left out. A table of facts that
    cannot be read is refused by whoever asks for it."""
    session = Session(root, environment, no_color)
    loaded = session.load()
    if any(f.severity == "error" for f in loaded.findings):
        session.warn(loaded.findings)
    loaded.configuration.facts.whole = True
    return session, loaded.configuration


def chosen_stores(
    config: Configuration, stores: tuple[str, ...], *, fronts: bool = False
) -> list[Spec[StoreData]]:
    """Stores by the patterns of --store, by name. `fronts`: storefronts only."""
    from fnmatch import fnmatchcase

    found = [
        s
        for s in sorted(config.stores.values(), key=lambda s: s.name)
        if (not stores or any(fnmatchcase(s.name, p) for p in stores))
        and (not fronts or s.spec.get("storefront"))
    ]
    if stores and not found:
        raise AcornError(
            f"there is no store {stores[0]}", hint=f"known: {', '.join(sorted(config.stores)[:12])}"
        )
    return found


def show(table: Table, output: str, session: Session) -> int:
    """Print it, and be done."""
    from acorn_gitops.report.table import as_csv, as_json, as_text

    if output == "json":
        click.echo(as_json(table))
    else:
        click.echo(as_csv(table) if output == "csv" else as_text(table, session.pen), nl=False)
    session.close()
    return 0


def age(now: datetime, stamps: Iterable[str], *, newest: bool = False) -> str:
    """As of when a source is: its oldest reading, or its newest where readings pile up."""
    from acorn_gitops.specs.facts import at

    known = sorted(stamps, key=at, reverse=newest)
    if not known:
        return "nothing recorded"
    hours = int((now - at(known[0])).total_seconds() // 3600)
    return f"{known[0]} ({hours} h old)" if hours else f"{known[0]} (fresh)"


LATE = {"order": timedelta(hours=24), "inventory": timedelta(hours=24), "finance": timedelta(days=45)}
"""From when on a feed is stale where its flow does not say (`sloMinutes`)."""


def flow_limit(store: Spec[StoreData], entity: str) -> timedelta | None:
    """So late data of an entity may be, by the store's own flow (`sloMinutes`)."""
    for flow in (store.spec.get("integration") or {}).get("flows") or ():
        if flow["entity"] == entity and flow.get("sloMinutes"):
            return timedelta(minutes=flow["sloMinutes"])
    return LATE.get(entity)


def state_of(now: datetime, stamp: str | None, limit: timedelta | None) -> str:
    """missing, stale or good: of the newest reading of a store."""
    from acorn_gitops.specs.facts import at

    if stamp is None:
        return "missing"
    return "stale" if limit is not None and now - at(stamp) > limit else "good"
