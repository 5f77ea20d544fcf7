"""`acorn onboard`. Comes in: stores. Goes out: how far each has come, what is missing, and what a quote needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError

DUTIES = frozenset(
    [
        "ONB-002",
        "ONB-010",
        "ONB-011",
        "ONB-020",
        "ONB-030",
        "ONB-031",
        "ONB-032",
        "INT-001",
        "INT-002",
        "MON-020",
    ]
)
"""What a store that is live is held to, beside what led it there."""


@click.command("onboard")
@click.argument("stores", nargs=-1)
@click.option(
    "--brief", is_flag=True, help="What whoever quotes the integration asks for, and what drives its cost."
)
@shared
@output("text", "json")
def command(
    stores: tuple[str, ...],
    brief: bool,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
) -> int:
    """Show how far every store has come: each stage with what it still lacks, and what a live store is held to. Exit 1 when a stage
    before the store's own is not done, or a live store breaks a duty."""
    import orjson

    from acorn_gitops.engines.onboarding import STAGES, blocking, missing, stage_of
    from acorn_gitops.rules.registry import check

    session = Session(root, environment, no_color)
    config = session.readable()
    fronts = {s.name: s for s in config.stores.values() if s.spec.get("storefront")}
    unknown = [name for name in stores if name not in fronts]
    if unknown:
        raise AcornError(
            f"there is no storefront {unknown[0]}", hint=f"known: {', '.join(sorted(fronts)[:12])}"
        )
    if brief:
        facts = _brief(config)
        click.echo(
            orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode() if output == "json" else _words(facts)
        )
        return 0
    today, pen, blocked = session.now().date(), session.pen, 0
    found = [*check(config, session.now()), *check(config, session.now(), phase="apply")]
    told = [f for f in found if f.id in DUTIES and f.severity != "info"]
    told = [
        f if f.subject else f._replace(subject=f"Store/{n}")
        for f in told
        for n in (fronts if not f.subject else [""])
    ]
    rows: list[dict[str, Any]] = []
    for name in sorted(stores or fronts):
        store = fronts[name]
        own = stage_of(store)
        first, _ = blocking(store, today)
        blocked += bool(first)
        stages: list[dict[str, Any]] = [
            {
                "stage": stage,
                "missing": [{"rule": m.rule, "what": m.words} for m in missing(store, stage, today)],
            }
            for stage in STAGES[:-1]
        ]
        duties = [f for f in told if f.subject == f"Store/{name}"] if own == "live" else []
        blocked += not first and any(f.severity == "error" for f in duties)
        live = [{"rule": f.id, "what": f.message} for f in duties]
        rows.append(
            {
                "store": name,
                "stage": own,
                "blocked_at": first or None,
                "stages": [*stages, {"stage": "live", "missing": live}],
            }
        )
        if output == "json":
            continue
        click.echo(pen(name, "bold") + f"  {own}" + (pen(f"  blocked at {first}", "red") if first else ""))
        reached = STAGES.index(own) if own in STAGES else len(STAGES)
        for index, entry in enumerate(stages):
            lacks: list[dict[str, str]] = entry["missing"]
            mark = pen("✓", "green") if not lacks else pen("!", "red") if index < reached else pen("·", "dim")
            click.echo(f"  {mark} {entry['stage']}")
            for one in lacks if index <= reached else ():
                for line in pen.wrapped(f"      {one['rule']} {one['what']}", "dim"):
                    click.echo(line)
        if own == "live":
            click.echo(f"  {pen('!', 'red') if live else pen('✓', 'green')} live")
            for one in live:
                for line in pen.wrapped(f"      {one['rule']} {one['what']}", "dim"):
                    click.echo(line)
    if output == "json":
        click.echo(
            orjson.dumps({"format_version": "1.0", "stores": rows}, option=orjson.OPT_INDENT_2).decode()
        )
    return 1 if blocked else 0


def _brief(config: Any) -> dict[str, Any]:
    """What a quote needs, gathered from the specs. No price is invented."""
    fronts = [s for s in config.stores.values() if s.spec.get("storefront")]
    shops = [s for s in config.stores.values() if s.spec.get("physical")]
    turnover: dict[tuple[str, str], str] = {}
    systems: dict[str, dict[str, Any]] = {}
    channels: list[int] = []
    write_back = False
    for store in config.stores.values():
        for row in ((store.spec.get("onboarding") or {}).get("eligibility") or {}).get("gmv12m") or ():
            turnover[row["marketplace"], row["currency"]] = row["amount"]
        block = store.spec.get("integration") or {}
        systems |= block.get("systems") or {}
        for flow in block.get("flows") or ():
            write_back = write_back or flow["direction"] in ("out", "both")
            channels += [c["everySeconds"] for c in flow["channels"] if c.get("everySeconds")]
    kinds = [s["kind"] for s in systems.values()]
    return {
        "format_version": "1.0",
        "turnover_12_months": [
            {"country": c, "currency": cur, "amount": a} for (c, cur), a in sorted(turnover.items())
        ],
        "storefronts": len(fronts),
        "marketplaces": sorted(
            {
                str(
                    s.spec["storefront"].get("marketplaceId") or s.spec["storefront"].get("country") or s.name
                )
                for s in fronts
            }
        ),
        "shops": [
            {"name": s.name, "place": f"{a.get('locality') or a['lines'][0]}, {a['countryCode']}"}
            for s in sorted(shops, key=lambda s: s.name)
            if (a := s.spec["physical"]["address"])
        ],
        "systems": {
            n: {k: s.get(k) for k in ("kind", "version", "owner", "contact", "hours")}
            for n, s in sorted(systems.items())
        },
        "write_back": write_back,
        "cost_drivers": {
            "marketplaces": len(fronts),
            "shops": len(shops),
            "skus": len(config.skus),
            "systems": len(systems),
            "tills": kinds.count("pos"),
            "middleware": kinds.count("middleware"),
            "fastest_sync_seconds": min(channels, default=None),
        },
        "missing": [
            words
            for words, there in (
                ("turnover of the last twelve months (onboarding.eligibility.gmv12m)", turnover),
                ("systems with version and contact (integration.systems)", systems),
                ("data flows (integration.flows)", channels),
            )
            if not there
        ],
    }


def _words(facts: dict[str, Any]) -> str:
    lines = ["For a quote"]
    for row in facts["turnover_12_months"]:
        lines.append(f"  turnover in {row['country']}, twelve months: {row['amount']} {row['currency']}")
    lines.append(f"  storefronts: {facts['storefronts']}")
    places = "; ".join(s["place"] for s in facts["shops"][:6]) + (" …" if len(facts["shops"]) > 6 else "")
    lines.append(f"  shops: {len(facts['shops'])}" + (f" ({places})" if places else ""))
    for name, system in facts["systems"].items():
        lines.append(
            f"  {system['kind']} {name}: "
            + ", ".join(f"{k} {v}" for k, v in system.items() if v and k != "kind")
        )
    lines.append(f"  data is {'read and written back' if facts['write_back'] else 'read only'}")
    lines.append("What drives the cost")
    for name, number in facts["cost_drivers"].items():
        lines.append(f"  {name.replace('_', ' ')}: {'not known' if number is None else f'{number:,}'}")
    if facts["missing"]:
        lines.append("Still missing")
        lines += [f"  {words}" for words in facts["missing"]]
    return "\n".join(lines)
