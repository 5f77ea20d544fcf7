"""`acorn onboard`. Comes in: stores. Goes out: how far each has come, what is missing, and what a quote
needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acorn_gitops.cli.session import Session, output, shared

if TYPE_CHECKING:
    from acorn_gitops.reconcile.onboarding import Progress
    from acorn_gitops.report.text import Pen


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
    """Show how far every store has come: each stage with what it still lacks, and what a live store is held
    to. Exit 1 when a stage before the store's own is not done, or a live store breaks a duty."""
    from acorn_gitops.reconcile.onboarding import brief as quoted
    from acorn_gitops.reconcile.onboarding import progress

    session = Session(root, environment, no_color)
    if brief:
        facts = quoted(session)
        click.echo(_json(facts) if output == "json" else _words(facts))
        return 0
    rows = progress(session, stores)
    if output == "json":
        click.echo(_json({"format_version": "1.0", "stores": [_row(row) for row in rows]}))
    else:
        for row in rows:
            for line in _shown(row, session.pen):
                click.echo(line)
    return 1 if any(row.blocked for row in rows) else 0


def _json(document: dict[str, object]) -> str:
    import orjson

    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _row(row: Progress) -> dict[str, object]:
    return {
        "store": row.store,
        "stage": row.stage,
        "blocked_at": row.blocked_at or None,
        "stages": [
            {"stage": stage, "missing": [{"rule": lack.rule, "what": lack.words} for lack in lacks]}
            for stage, lacks in row.stages.items()
        ],
    }


def _shown(row: Progress, pen: Pen) -> Iterator[str]:
    """What a store still lacks, up to the stage that it is in."""
    blocked = pen(f"  blocked at {row.blocked_at}", "red") if row.blocked_at else ""
    yield pen(row.store, "bold") + f"  {row.stage}" + blocked
    for index, (stage, lacks) in enumerate(row.stages.items()):
        live = stage == "live"
        if live and row.stage != "live":
            continue
        due = live or index < row.reached
        mark = pen("✓", "green") if not lacks else pen("!", "red") if due else pen("·", "dim")
        yield f"  {mark} {stage}"
        for lack in lacks if live or index <= row.reached else ():
            yield from pen.wrapped(f"      {lack.rule} {lack.words}", "dim")


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
