"""Every store with its health. Comes in: specs, the ledger, live stores, facts. Goes out: a table. Caller:
`acorn view`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session
from acorn_gitops.cli.view.panel import chosen_stores, options, show

if TYPE_CHECKING:
    pass


@click.command("stores")
@options
@click.option("--offline", is_flag=True, help="Do not ask the marketplaces: no drift, no live state.")
@click.option("--label", "label", metavar="KEY", help="Group by this label.")
def command(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    offline: bool,
    label: str | None,
) -> int:
    """Every store: what it is, its stage, when it was last applied, what differs, how it is."""
    from acorn_gitops.engines.onboarding import stage_of
    from acorn_gitops.engines.signals import readings
    from acorn_gitops.plan.drift import store_drift
    from acorn_gitops.reconcile.states import Wishes, gather, views
    from acorn_gitops.report.table import Table

    session = Session(root, environment, no_color)
    loaded, findings = session.checked()
    config = loaded.configuration
    chosen = chosen_stores(config, stores)
    names = {s.name for s in chosen}
    state = gather(session, loaded, Wishes(sorted(names), lenient=True))
    last: dict[str, str] = {}
    for address, row in state.ledger.resources():
        last[address.store] = max(last.get(address.store, ""), row["applied_at"])
    live: dict[str, tuple[int, int, int] | str] = {}
    if not offline:
        for view in views(state, Wishes(sorted(names), lenient=True)):
            if view.error:
                live[view.store] = view.error
            else:
                found = store_drift(view.store, view.desired, view.live, applied=view.applied)
                live[view.store] = (
                    len(view.live),
                    len(found.drifted),
                    found.unapplied + len(view.desired.keys() - view.applied.keys()),
                )
    signals: dict[str, list[str]] = {}
    for reading in readings(config, session.now()):
        if reading.level != "ok":
            signals.setdefault(reading.store, []).append(reading.signal)
    warned: dict[str, int] = {}
    for finding in findings:
        if finding.subject.startswith("Store/") and finding.severity != "info":
            warned[finding.subject[6:]] = warned.get(finding.subject[6:], 0) + 1
    rows = []
    for store in sorted(chosen, key=lambda s: (s.labels.get(label or "") or "", s.name)):
        seen = live.get(store.name)
        drifted = seen[1] if isinstance(seen, tuple) else None
        told = signals.get(store.name, [])
        health = (
            "unreadable" if isinstance(seen, str)
            else "drifted" if drifted
            else "alert" if told
            else "attention" if warned.get(store.name)
            else "not applied" if store.name not in last
            else "good"
        )  # fmt: skip
        front = store.spec.get("storefront") or {}
        rows.append(
            {
                **({label: store.labels.get(label)} if label else {}),
                "store": store.name,
                "type": store.spec["type"],
                "platform": front.get("platform"),
                "stage": stage_of(store) if front else None,
                "resources": seen[0] if isinstance(seen, tuple) else None,
                "drifted": drifted,
                "waiting": seen[2] if isinstance(seen, tuple) else None,
                "last_applied": last.get(store.name),
                "health": health,
                "alerts": told or None,
            }
        )
    headings = [
        *([label] if label else []),
        "store",
        "type",
        "platform",
        "stage",
        "resources",
        "drifted",
        "waiting",
        "last_applied",
        "health",
        "alerts",
    ]
    fresh = {"live state": "not asked (--offline)" if offline else f"{session.stamp()} (read now)"}
    return show(Table("stores", headings, rows, freshness=fresh), output, session)
