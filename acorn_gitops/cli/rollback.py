"""`acorn rollback`. Comes in: a clean clone, a revision. Goes out: a branch with the specs of then, its plan,
and a hold on the commit that is left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from acorn_gitops.cli.session import Session, shared


@click.command("rollback")
@shared
@click.option("--to", "revision", required=True, metavar="REV", help="The revision to go back to.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; the hold and the commit say it.")
@click.option("--owner", required=True, metavar="WHO", help="Who answers for it, and lifts the hold.")
def command(
    environment: str | None, root: Path | None, no_color: bool, revision: str, reason: str, owner: str
) -> int:
    """Go back to REV as a change like any other: a new branch, checked out, with the specs as they were, and
    a hold that keeps the commit you leave from being applied again. Then its plan. Nothing is applied;
    acorn.yaml stays as it is, but for the hold."""
    from acorn_gitops.cli.plan import exit_code, rendered
    from acorn_gitops.reconcile.planning import PlanRequest, plan
    from acorn_gitops.reconcile.rolling_back import RollbackRequest, roll_back

    session = Session(root, environment, no_color)
    done = roll_back(session, RollbackRequest(revision, reason, owner))
    click.echo(
        f"on {done.branch}: {_files(done.changed)} as before, {_files(done.removed)} gone; {done.bad[:10]} is held"
    )
    planned = plan(session, PlanRequest())
    click.echo(rendered(planned, "text", session, verbose=True), nl=False)
    session.say(f"push it and have it merged: git push -u origin {done.branch}")
    return exit_code(planned, detailed=False)


def _files(names: Sequence[str]) -> str:
    return f"{len(names):,} file{'s' if len(names) != 1 else ''}"
