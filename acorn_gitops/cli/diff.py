"""`acorn diff`. Comes in: two revisions. Goes out: what the second wants otherwise than the first;
offline."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, output, shared


@click.command("diff")
@click.argument("one")
@click.argument("other", default="")
@shared
@output("text", "json", "markdown")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when they differ.")
@click.option("-v", "--verbose", is_flag=True, help="Show every change, also where many are alike.")
def command(
    one: str,
    other: str,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    detailed_exitcode: bool,
    verbose: bool,
) -> int:
    """Show what revision OTHER (default: what is checked out) wants otherwise than ONE: resources, not lines
    of files. Offline; no store is asked."""
    from acorn_gitops.cli.plan import rendered
    from acorn_gitops.reconcile.comparing import compare

    session = Session(root, environment, no_color)
    plan = compare(session, one, other)
    between = f"{one} → {other or 'what is checked out'}"
    click.echo(rendered(plan, output, session, verbose=verbose, between=between), nl=False)
    return 2 if detailed_exitcode and plan.changes else 0
