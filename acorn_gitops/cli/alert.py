"""`acorn alert`. Comes in: a route of acorn.yaml. Goes out: a message there that says it is a test."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, shared
from acorn_gitops.model.finding import AcornError


@click.group("alert")
def command() -> None:
    """Where alerts go: `routes` of acorn.yaml. `acorn drift --alert` and `acorn ci drift` send them."""


@command.command("test")
@click.argument("route")
@shared
def test_command(route: str, environment: str | None, root: Path | None, no_color: bool) -> int:
    """Send ROUTE a message that says it is a test. Exit 1 where it was not taken."""
    from acorn_gitops.reconcile.alerting import test_route

    session = Session(root, environment, no_color)
    why = test_route(session, route)
    if why:
        raise AcornError(f"{route} did not take it: {why}")
    click.echo(f"{route} has taken a test message")
    return 0
