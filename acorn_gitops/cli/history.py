"""`acorn history`. Comes in: the ledger, git. Goes out: what was applied, when, by whom, and from where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.confine.text import safe
from acorn_gitops.model.finding import AcornError, Stale

if TYPE_CHECKING:
    from acorn_gitops.reconcile.history import Row

FIELDS: Final = 8
"""Of one write so many fields are shown; JSON has all of them."""


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
    """Show what was applied, of one ADDRESS or of everything: each value before and after, who wrote it in
    which commit, by which merge request it came, and who applied it. Exit 1 when the chain is broken."""
    from acorn_gitops.reconcile.history import QUIET, history

    session = Session(root, environment, no_color)
    with session.ledger() as ledger:
        entries = ledger.history()
        if output != "json":
            entries = [e for e in entries if e.event not in QUIET]
        rows = history(entries, session.root, address=address, limit=limit)
        broken = ledger.verify()
        if address is not None and not rows:
            raise AcornError(
                f"nothing is recorded of {address}",
                hint="an address is like amz-de/listing/KTL-17-BLK; `acorn state list` shows those that are known, and"
                " `acorn state pull` brings a team's ledger",
            )
        if output == "json":
            import orjson

            document = {
                "format_version": "1.1",
                "broken_at": broken,
                "entries": [_json(row) for row in rows],
            }
            click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        else:
            for row in rows:
                _show(row, session)
            if not rows:
                click.echo(
                    "Nothing is recorded here: nothing was applied from here yet, or the ledger is kept on a branch"
                    " (`acorn state pull`)."
                )
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


def _json(row: Row) -> dict[str, object]:
    e = row.entry
    return {
        "sequence": e.sequence,
        "at": e.at,
        "actor": e.actor,
        "event": e.event,
        "body": e.body,
        "hash": e.hash,
        "fields": [{"path": path, "before": before, "after": after} for path, before, after in row.fields],
        "authors": None if row.authors is None else [one._asdict() for one in row.authors.commits],
        "merge": None if row.merge is None else row.merge._asdict(),
    }


def _show(row: Row, session: Session) -> None:
    from acorn_gitops.provenance.merges import UNKNOWN
    from acorn_gitops.report.drift import percent
    from acorn_gitops.report.words import plural, value

    e, pen = row.entry, session.pen
    what = e.body.get("address") or (
        plural("resource", int(e.body["count"]))
        if "count" in e.body
        else f"plan {str(e.body.get('plan', ''))[:12]}"
    )
    commit, _, dirty = str(e.body.get("commit") or "").partition("-")
    commit = commit[:10] + (" + uncommitted edits" if dirty else "")
    click.echo(safe(f"{e.at}  {e.event:<15} {what}  {e.actor}" + (f"  {commit}" if commit else "")))
    for path, before, after in row.fields[:FIELDS]:
        click.echo(safe(f"    {path}  {value(before)} → {value(after)}{percent(before, after)}"))
    if len(row.fields) > FIELDS:
        click.echo(f"    … and {len(row.fields) - FIELDS} more (-o json)")
    if not row.fields and e.event == "write.observed":
        click.echo(pen("    as it was applied before: put back what was changed outside", "dim"))
    if not row.fields:
        return
    if row.authors is None and e.event.startswith("write."):
        click.echo(pen(f"    by {UNKNOWN}" if commit else "    from no commit", "dim"))
    elif row.authors is not None:
        since = "elsewhere in the specs, by" if row.authors.elsewhere else "by"
        for one in row.authors.commits[:3]:
            click.echo(pen(safe(f"    {since} {one}"), "dim"))
    if row.merge is not None and (row.merge.request or row.merge.by or row.merge.approvers):
        by = f" merged by {row.merge.by}" if row.merge.by else ""
        approved = f", approved by {', '.join(row.merge.approvers)}" if row.merge.approvers else ""
        click.echo(pen(safe(f"    {row.merge.request or 'a merge'}{by}{approved}"), "dim"))
