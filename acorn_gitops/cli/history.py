"""`acorn history`. Comes in: the ledger. Goes out: what was applied, when, by whom."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.confine.text import safe
from acorn_gitops.ledger.records import ENDED, INTENDED
from acorn_gitops.model.finding import AcornError, Stale
from acorn_gitops.report.words import plural


@click.command("history")
@click.argument("address", required=False)
@shared
@output("text", "json")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=30,
    show_default=True,
    help="Show so many, newest last.",
)
def command(
    address: str | None, environment: str | None, root: Path | None, no_color: bool, output: str, limit: int
) -> int:
    """Show what was applied, when, by whom; of one ADDRESS, or of everything. Exit 1 when the chain is
    broken."""
    from acorn_gitops.confine.sealed import open_cache
    from acorn_gitops.ledger.sqlite import open_ledger
    from acorn_gitops.specs.load import open_reader
    from acorn_gitops.specs.project import read_project

    session = Session(root, environment, no_color)
    project = read_project(open_reader(session.root, open_cache(session.environ)), environment)
    ledger = open_ledger(session.ledger_path(project))
    entries = ledger.history()
    if address is not None:
        entries = [
            e for e in entries if e.body.get("address") == address or address in e.body.get("addresses", ())
        ]
        if not entries:
            raise AcornError(
                f"nothing is recorded of {address}",
                hint="an address is like amz-de/listing/KTL-17-BLK; `acorn state list` shows those that are known",
            )
    if output != "json":
        # What was about to be done, and what of it has ended, is told by what became of each.
        entries = [e for e in entries if e.event not in (INTENDED, ENDED, "state.begin", "apply.recovering")]
    entries = entries[-limit:]
    broken = ledger.verify()
    if output == "json":
        import orjson

        rows = [
            {
                "sequence": e.sequence,
                "at": e.at,
                "actor": e.actor,
                "event": e.event,
                "body": e.body,
                "hash": e.hash,
            }
            for e in entries
        ]
        click.echo(
            orjson.dumps(
                {"format_version": "1.0", "broken_at": broken, "entries": rows}, option=orjson.OPT_INDENT_2
            ).decode()
        )
    else:
        for e in entries:
            what = e.body.get("address") or (
                plural("resource", int(e.body["count"]))
                if "count" in e.body
                else f"plan {str(e.body.get('plan', ''))[:12]}"
            )
            commit, _, dirty = str(e.body.get("commit") or "").partition("-")
            commit = commit[:10] + (" + uncommitted edits" if dirty else "")
            click.echo(safe(f"{e.at}  {e.event:<15} {what}  {e.actor}" + (f"  {commit}" if commit else "")))
        if not entries:
            click.echo("Nothing was applied from here yet.")
    if broken is not None:
        session.say(
            session.err(
                f"the history was changed: entry {broken} does not follow from the one before it", "red"
            )
        )
        return 1
    try:
        ledger.check_sound()
    except Stale as error:
        session.say(session.err(error.message, "red"))
        return 1
    return 0
