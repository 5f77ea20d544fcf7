"""`acorn view`. Comes in: specs, facts, the ledger, live stores. Goes out: one table over all stores, as text, JSON or CSV, with
the age of every source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError

if TYPE_CHECKING:
    from acorn_gitops.report.table import Table
    from acorn_gitops.specs.configuration import Configuration, Spec


@click.group("view")
def command() -> None:
    """One panel over all stores: stores, prices, promotions, permissions, tax, inventory. Nothing is written."""


def _options(function: Callable[..., int]) -> Callable[..., int]:
    chosen = click.option(
        "--store",
        "stores",
        multiple=True,
        metavar="STORE",
        help="Only this store; * and ? are allowed. Repeatable.",
    )
    return chosen(shared(output("text", "json", "csv")(function)))


def _open(root: Path | None, environment: str | None, no_color: bool) -> tuple[Session, Configuration]:
    session = Session(root, environment, no_color)
    loaded = session.load()
    if any(f.severity == "error" for f in loaded.findings):
        session.warn(loaded.findings)
    return session, loaded.configuration


def _chosen(config: Configuration, stores: tuple[str, ...], *, fronts: bool = False) -> list[Spec]:
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


def _show(table: Table, output: str, session: Session) -> int:
    from acorn_gitops.report.table import as_csv, as_json, as_text

    if output == "json":
        click.echo(as_json(table))
    else:
        click.echo(as_csv(table) if output == "csv" else as_text(table, session.pen), nl=False)
    session.close()
    return 0


def _age(now: datetime, stamps: Iterable[str]) -> str:
    from acorn_gitops.specs.facts import at

    known = sorted(stamps, key=at)
    if not known:
        return "nothing recorded"
    hours = int((now - at(known[0])).total_seconds() // 3600)
    return f"{known[0]} ({hours} h old)" if hours else f"{known[0]} (fresh)"


@command.command("stores")
@_options
@click.option("--offline", is_flag=True, help="Do not ask the marketplaces: no drift, no live state.")
@click.option("--label", "label", metavar="KEY", help="Group by this label.")
def stores_(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    offline: bool,
    label: str | None,
) -> int:
    """Every store: what it is, its stage, when it was last applied, what differs, how it is."""
    from acorn_gitops.cli.planning import Wishes, situation, views
    from acorn_gitops.engines.onboarding import stage_of
    from acorn_gitops.engines.signals import readings
    from acorn_gitops.plan.drift import store_drift
    from acorn_gitops.report.table import Table

    session = Session(root, environment, no_color)
    loaded, findings = session.checked()
    config = loaded.configuration
    chosen = _chosen(config, stores)
    names = {s.name for s in chosen}
    state = situation(session, loaded, Wishes(sorted(names), lenient=True))
    last: dict[str, str] = {}
    for address, row in state.ledger.resources():
        last[address.store] = max(last.get(address.store, ""), row["applied_at"])
    live: dict[str, tuple[int, int, int] | str] = {}
    if not offline:
        for view in views(state, Wishes(sorted(names), lenient=True)):
            if view.error:
                live[view.store] = view.error
            else:
                found = store_drift(view.store, view.desired, view.live, view.applied)
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
    return _show(Table("stores", headings, rows, fresh), output, session)


@command.command("prices")
@_options
@click.option(
    "--sku", "skus", multiple=True, metavar="SKU", help="Only this SKU; * and ? are allowed. Repeatable."
)
@click.option(
    "--at", "moment", metavar="TIME", help="When, as an instant: 2026-11-27T12:00:00Z. Default: now."
)
@click.option(
    "--currency", metavar="CUR", help="Also without tax in this currency, by the dated rates of acorn.yaml."
)
def prices(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    skus: tuple[str, ...],
    moment: str | None,
    currency: str | None,
) -> int:
    """Every price in every store: listed, what is paid now, the lowest over the calendar, floor and margin."""
    from fnmatch import fnmatchcase

    from acorn_gitops.engines.calendar import Calendar, major
    from acorn_gitops.engines.margin import Margins
    from acorn_gitops.engines.price import effective
    from acorn_gitops.model.money import quantum
    from acorn_gitops.report.table import Table
    from acorn_gitops.rules.promo_price import floor_of

    session, config = _open(root, environment, no_color)
    chosen = {s.name for s in _chosen(config, stores, fronts=True)}
    when = _instant(moment, session.now())
    calendar, margins = Calendar(config), Margins(config, when.date().isoformat())
    lows = {(low.listed.store, low.listed.key): low.pays for low in calendar.lows()}
    rows = []
    for spec in config.skus:
        if skus and not any(fnmatchcase(spec.spec["sku"], p) for p in skus):
            continue
        for listed in calendar.listings_of(spec):
            if listed.store not in chosen:
                continue
            offers = [o for o in calendar.active(listed, when) if not o.condition]
            pays = effective(listed.price, offers).pays
            floor = floor_of(spec, listed.store, listed.currency, frozenset({"min", "map"}))
            unit = quantum(listed.currency)
            margin = margins.percent(spec, listed.store, Decimal(pays) * unit, listed.currency)
            row = {
                "sku": spec.spec["sku"],
                "store": listed.store,
                "currency": listed.currency,
                "listed": major(listed.price, listed.currency),
                "pays": major(pays, listed.currency),
                "lowest": major(lows.get((listed.store, listed.key), listed.price), listed.currency),
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
    return _show(Table("prices", headings, rows, fresh), output, session)


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


@command.command("promotions")
@_options
@click.option("--all", "past", is_flag=True, help="Past promotions too.")
def promotions(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    past: bool,
) -> int:
    """Every promotion in every store: when, in local time, on how many SKUs, how deep."""
    from acorn_gitops.engines.calendar import Calendar
    from acorn_gitops.engines.price import effective
    from acorn_gitops.model.window import zone
    from acorn_gitops.report.table import Table

    session, config = _open(root, environment, no_color)
    chosen = {s.name for s in _chosen(config, stores, fronts=True)}
    calendar, now = Calendar(config), session.now()
    listed = {(x.store, x.sku.spec["sku"]): x for x in calendar.listings()} if config.promos else {}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for (store, sku), dated in calendar.offers.items():
        for one in dated if store in chosen else ():
            if one.end <= now and not past:
                continue
            local = zone(config.stores[store].spec["storefront"].get("timezone") or "UTC")
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
            if at is not None and at.price:
                off = Decimal(at.price - effective(at.price, [one.offer]).pays) * 100 / at.price
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
    return _show(
        Table("promotions", headings, rows, {"specs": f"as they are on {session.stamp()}"}), output, session
    )


@command.command("permissions")
@_options
@click.option("--who", metavar="ID", help="Only this person, group or application.")
def permissions(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    who: str | None,
) -> int:
    """Who may do what in every store, and when that was last used and reviewed."""
    from acorn_gitops.engines.access import Access
    from acorn_gitops.report.table import Table

    session, config = _open(root, environment, no_color)
    access = Access(config, session.now().date().isoformat())
    used: dict[tuple[str, str], str] = {}
    for fact in config.facts.rows("activity"):
        key = (fact["subject"].removeprefix("user:").removeprefix("app:").lower(), fact["store"])
        used[key] = max(used.get(key, ""), fact["lastUsed"])
    rows = []
    for store in _chosen(config, stores):
        for subject in access.subjects():
            if who is not None and who.lower() not in (subject.id.lower(), str(subject).lower()):
                continue
            rights = access.rights([subject], store.name)
            if not rights:
                continue
            by_resource: dict[str, list[str]] = {}
            roles = sorted({source.role.name for sources in rights.values() for source in sources})
            for right in sorted(rights):
                by_resource.setdefault(right.resource, []).append(right.verb)
            reviews = [
                r
                for name in roles
                if (r := (config.roles[name].spec.get("review") or {}).get("lastReviewed"))
            ]
            rows.append(
                {
                    "store": store.name,
                    "subject": str(subject),
                    "rights": "; ".join(
                        f"{resource}: {', '.join(verbs)}" for resource, verbs in by_resource.items()
                    ),
                    "roles": roles,
                    "last_used": used.get((subject.id.lower(), store.name)),
                    "reviewed": min(reviews, default=None),
                }
            )
    fresh = {
        "specs": f"as they are on {session.stamp()}",
        "activity": "recorded" if config.facts.has("activity") else "nothing recorded",
    }
    return _show(
        Table("permissions", ["store", "subject", "rights", "roles", "last_used", "reviewed"], rows, fresh),
        output,
        session,
    )


@command.command("tax")
@_options
@click.option("--date", "day", metavar="DATE", help="The tax point. Default: today.")
def tax(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    day: str | None,
) -> int:
    """Every sale that the specs speak of: who owes the tax, how it is treated, at which rate, by which rule."""
    from acorn_gitops.cli.tax import _date
    from acorn_gitops.engines.tax import matrix
    from acorn_gitops.model.reference import as_of
    from acorn_gitops.report.table import Table

    session, config = _open(root, environment, no_color)
    date, rows = _date(session, day), []
    for store in _chosen(config, stores, fronts=True):
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
        "liable",
        "treatment",
        "percent",
        "rule",
        "problem",
    ]
    fresh = {"specs": f"for {date}", "table of rates": as_of("vat_rates")}
    return _show(Table("tax", headings, rows, fresh), output, session)


@command.command("inventory")
@_options
@click.option(
    "--sku", "skus", multiple=True, metavar="SKU", help="Only this SKU; * and ? are allowed. Repeatable."
)
def inventory(
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

    session, config = _open(root, environment, no_color)
    chosen = {s.name for s in _chosen(config, stores)}
    rows = list(_inventory(config, Inventory(config), chosen, skus, session.now()))
    fresh = {
        name: _age(session.now(), (r["asOf"] for r in config.facts.rows(name)))
        for name in ("stock", "published")
    }
    notes = []
    blind = [s.spec["sku"] for s in config.skus if s.spec.get("inventory")]
    known = {row["sku"] for row in rows}
    missing = [sku for sku in blind if sku not in known]
    if missing and not skus and not stores:
        notes.append(f"{len(missing):,} SKUs have a pool and no recorded stock: {', '.join(missing[:3])} …")
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
    ]
    return _show(Table("inventory", headings, rows, fresh, notes), output, session)


def _inventory(
    config: Configuration, engine: Any, chosen: set[str], skus: tuple[str, ...], now: datetime
) -> Iterator[dict[str, Any]]:
    from fnmatch import fnmatchcase

    from acorn_gitops.specs.facts import at

    published = {(r["store"], r["sku"]): r for r in config.facts.rows("published")}
    for allotment in engine.allotments():
        if skus and not any(fnmatchcase(allotment.sku, p) for p in skus):
            continue
        for store, number in sorted(allotment.stores.items()):
            if store not in chosen:
                continue
            there = published.get((store, allotment.sku))
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
                "published": int(there["quantity"]) if there is not None else None,
                "lag_minutes": int((now - at(there["asOf"])).total_seconds() // 60)
                if there is not None
                else None,
                "left": allotment.left,
            }
