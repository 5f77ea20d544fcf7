"""`acorn export`. Comes in: specs, live stores, the ledger. Goes out: everything, in formats that need no
acorn."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, select, shared


@click.command("export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@shared
@select
@click.option(
    "--drill",
    is_flag=True,
    help="Prove it: read everything back, compare it with the stores, and record the result in evidence/.",
)
def command(
    folder: Path,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    drill: bool,
) -> int:
    """Write everything out to FOLDER in documented formats, so that leaving is possible. FOLDER must not
    exist yet, or be empty. With --drill exit 1 when what was written does not say what the stores hold."""
    from acorn_gitops.reconcile.exporting import RECORD, ExportRequest, export

    session = Session(root, environment, no_color)
    done = export(session, ExportRequest(folder, selected, drill))
    for address, why in done.unsaid:
        session.say(session.err(f"· {address} is in live.jsonl only: {why}", "yellow"))
    click.echo(
        f"{done.live:,} live resources, {done.desired:,} desired ones and the history written to {folder}"
    )
    if done.drill is None:
        return 0
    for words in done.drill[:10]:
        session.say(session.err(f"! {words}", "red"))
    verdict = session.pen("Failed", "red") if done.drill else session.pen("Passed", "green")
    click.echo(f"{verdict}: the export was read back and compared; the record is {RECORD}. Commit it.")
    return 1 if done.drill else 0
