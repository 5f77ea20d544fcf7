"""`acorn drift`. Comes in: live stores and the ledger. Goes out: what was changed outside; nothing is
written."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, output, select, shared


@click.command("drift")
@shared
@select
@output("text", "json")
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit 2 when there is drift, or a monitor tells something."
)
@click.option(
    "--allow-empty", multiple=True, metavar="STORE", help="Believe that this store is empty now. Repeatable."
)
def command(
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    output: str,
    detailed_exitcode: bool,
    allow_empty: tuple[str, ...],
) -> int:
    """Show what was changed outside since the last apply, and what the monitors see in recorded facts. Edited
    specs are not drift, and are only counted."""
    from acorn_gitops.reconcile.drifting import DriftRequest, drift
    from acorn_gitops.report.drift import drift_json
    from acorn_gitops.report.text import drift_text, findings_text

    session = Session(root, environment, no_color)
    found = drift(session, DriftRequest(selected, allow_empty))
    if output == "json":
        import orjson

        document = drift_json(
            found.environment, stores=found.stores, errors=found.errors, findings=found.findings
        )
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(drift_text(found.stores, found.errors, session.pen), nl=False)
        if found.findings:
            click.echo("\n" + findings_text(found.findings, session.pen), nl=False)
    if found.errors:
        return 1
    return 2 if detailed_exitcode and not found.clean else 0
