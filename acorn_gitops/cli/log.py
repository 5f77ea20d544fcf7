"""`acorn log`. Comes in: the ledger. Goes out: its chain, entry by entry, and whether it holds."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.confine.text import safe
from acorn_gitops.model.finding import Stale


@click.command("log")
@shared
@output("text", "json")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=50,
    show_default=True,
    help="Show so many, newest last; all of them are verified.",
)
def command(environment: str | None, root: Path | None, no_color: bool, output: str, limit: int) -> int:
    """Verify the ledger's chain, and show its newest entries. Each entry's hash covers the entry before it:
    exit 1 names the first one that was changed, cut or put in."""
    session = Session(root, environment, no_color)
    with session.ledger() as ledger:
        entries = ledger.history()
        broken = ledger.verify()
        unsound = ""
        try:
            ledger.check_sound()
        except Stale as error:
            unsound = error.message
    if output == "json":
        import orjson

        rows = [
            {"sequence": e.sequence, "at": e.at, "actor": e.actor, "event": e.event, "hash": e.hash}
            for e in entries[-limit:]
        ]
        document = {
            "format_version": "1.0",
            "entries": len(entries),
            "broken_at": broken,
            "sound": broken is None and not unsound,
            "newest": rows,
        }
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        for e in entries[-limit:]:
            click.echo(safe(f"{e.sequence:>6}  {e.hash[:12]}  {e.at}  {e.event:<16} {e.actor}"))
    if broken is not None:
        session.say(session.err(f"broken: entry {broken} does not follow from the one before it", "red"))
        return 1
    if unsound:
        session.say(session.err(f"not sound: {unsound}", "red"))
        return 1
    if output != "json":
        newest = f"; the newest is {entries[-1].hash}" if entries else ""
        click.echo(f"{len(entries):,} entries, each follows from the one before it{newest}")
    return 0
