"""`acorn attest`. Comes in: steps that people did by hand. Goes out: a record beside the specs, to be
committed; or a checklist of what is still to be done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session, output, shared

if TYPE_CHECKING:
    from acorn_gitops.plan.change import Change


@click.command("attest")
@click.argument("steps", nargs=-1)
@shared
@output("text", "json")
@click.option("--proof", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="A screenshot or an export that shows it; only its digest is kept.")  # fmt: skip
@click.option(
    "--until", metavar="DAY", help="The first day on which it no longer counts, 400 days ahead at most."
)
def command(
    steps: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    proof: Path | None,
    until: str | None,
) -> int:
    """Say that steps by hand are done, where a marketplace has no interface for them.

    STEPS are addresses or patterns as for --select. Without any, what is still to be done is listed. A step
    is there again when its spec changes, or its day has come.
    """
    import orjson

    from acorn_gitops.model.finding import Misused
    from acorn_gitops.reconcile.attesting import AttestRequest, attest, by_hand, record_file
    from acorn_gitops.reconcile.planning import PlanRequest

    session = Session(root, environment, no_color)
    if not steps:
        open_ = by_hand(session.plan(PlanRequest()))
        if output == "json":
            rows = [{"address": str(step.address), "wanted": step.after} for step in open_]
            click.echo(
                orjson.dumps({"format_version": "1.0", "steps": rows}, option=orjson.OPT_INDENT_2).decode()
            )
        else:
            for line in _shown(session, open_):
                click.echo(line)
        return 0
    if proof is None or until is None:
        raise Misused("say what shows it (--proof FILE) and until when that counts (--until DAY)")
    done = attest(session, AttestRequest(steps, proof, until))
    file = record_file(session.load().project.environment)
    if output == "json":
        said: dict[str, object] = {"format_version": "1.0", "attested": [*map(str, done)], "file": file}
        click.echo(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode())
    else:
        for address in done:
            click.echo(f"attested until {until}: {address}")
        click.echo(f"commit {file}")
    return 0


def _shown(session: Session, steps: list[Change]) -> list[str]:
    from acorn_gitops.report.text import content_lines

    if not steps:
        return ["Nothing is to be done by hand."]
    lines: list[str] = []
    for step in steps:
        lines.append(session.pen(f"[ ] {step.address}", "bold"))
        lines += content_lines(step.address.type, step.after or {}, session.pen)
    lines.append("")
    lines.append("When it is done: acorn attest ADDRESS --proof FILE --until DAY")
    return lines
