"""`acorn rehearse`. Comes in: the specs of an environment. Goes out: a record of a full run on the embedded
marketplace, faults included. The real marketplaces are not touched, nor is their ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session, output, shared

if TYPE_CHECKING:
    from acorn_gitops.reconcile.rehearsing import Step


@click.command("rehearse")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the record is written. Default: evidence, at the root.",
)
@shared
@output("text", "json")
def command(
    folder: Path | None, environment: str | None, root: Path | None, no_color: bool, output: str
) -> int:
    """Go through everything once, on an embedded marketplace: apply with a lost answer, plan again, drift,
    repair, leave. Writes a record that proves these specs. Exit 1 when a scenario fails."""
    from acorn_gitops.reconcile.rehearsing import rehearse

    session = Session(root, environment, no_color)

    def show(step: Step) -> None:
        if output == "text":
            mark = session.pen("✓", "green") if step.passed else session.pen("failed", "red")
            click.echo(f"{mark} {step.name}" + (f": {step.words}" if step.words else ""))

    done = rehearse(session, folder, show)
    if output == "json":
        import orjson

        click.echo(orjson.dumps(done.record, option=orjson.OPT_INDENT_2).decode())
    else:
        verdict = session.pen("Passed", "green") if done.passed else session.pen("Failed", "red")
        where = _shown(done.file, session.root)
        click.echo(f"{verdict}: {len(done.steps)} scenarios; the record is {where}. Commit it.")
    return 0 if done.passed else 1


def _shown(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root).as_posix()
    except ValueError:
        return str(path)
