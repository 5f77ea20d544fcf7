"""`acorn import`. Comes in: live stores. Goes out: YAML for what is not in the specs, or drifted values
written into the specs that say otherwise; both are then in the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session, select, shared

if TYPE_CHECKING:
    from acorn_gitops.reconcile.importing import Taken


@click.command("import")
@shared
@select
@click.option(
    "--drifted",
    is_flag=True,
    help="Take values that were changed outside into the specs, instead of new resources.",
)
@click.option(
    "--store",
    "stores",
    multiple=True,
    metavar="NAME",
    help="Also look at this live store, which no spec declares. Repeatable.",
)
@click.option(
    "--to",
    default="",
    metavar="FOLDER",
    help="Folder for new files; by default `imported` in the first specs folder.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
def command(
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    drifted: bool,
    stores: tuple[str, ...],
    to: str,
    dry_run: bool,
) -> int:
    """Take live resources into the specs: what nobody declares becomes YAML, and is acorn's from then on.

    With --drifted, values that were changed outside are written into the specs that declare them; comments
    and layout stay. Marketplaces are only read.
    """
    from acorn_gitops.reconcile.importing import ImportRequest, take_in

    session = Session(root, environment, no_color)

    def show(taken: Taken) -> None:
        for note in taken.notes:
            session.say(session.err(f"· {note}", "yellow"))
        for path in taken.files:
            click.echo(f"{'would write' if dry_run else 'wrote'} {path}")

    request = ImportRequest(select=selected, drifted=drifted, stores=stores, folder=to, dry_run=dry_run)
    taken = take_in(session, request, show)
    if not taken.files:
        click.echo("nothing to take in")
    elif taken.shared:
        session.say("the ledger is kept on a branch: the apply that follows the merge records this")
    elif not dry_run:
        click.echo(f"{taken.recorded:,} resource{'s' if taken.recorded != 1 else ''} recorded as managed")
        for sentence in taken.left:
            click.echo(sentence)
    return 0
