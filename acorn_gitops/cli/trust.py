"""`acorn trust`. Comes in: connections of acorn.yaml. Goes out: a file of the user's own that says they may
be asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from acorn_gitops.cli.session import Session, shared
from acorn_gitops.model.finding import AcornError
from acorn_gitops.reconcile.connections import shown_address


@click.command("trust")
@click.argument("connections", nargs=-1)
@shared
def command(connections: tuple[str, ...], environment: str | None, root: Path | None, no_color: bool) -> int:
    """Trust CONNECTIONS of acorn.yaml on this machine: their addresses may be asked, and given their secrets.

    Without CONNECTIONS it says which are trusted. What the default branch names needs no word; look at the
    address and the secret before you trust anything else. What is trusted is kept outside the repository
    (ACORN_TRUST_FILE), and holds only for exactly these settings: whoever changes address, secret or options
    must be trusted again.
    """
    from acorn_gitops.specs.load import open_reader
    from acorn_gitops.specs.project import read_project

    session = Session(root, environment, no_color)
    project = read_project(open_reader(session.root, None), environment)
    unknown = [name for name in connections if name not in project.connections]
    if unknown:
        known = ", ".join(sorted(project.connections))
        raise AcornError(f"there is no connection {unknown[0]} in acorn.yaml", hint=f"there is {known}")
    if not connections:
        for name, settings in sorted(project.connections.items()):
            click.echo(f"{name}  {shown_address(settings)}  {_state(session, settings)}")
        return 0
    for name in connections:
        settings = project.connections[name]
        file = session.trust.remember(settings)
        click.echo(f"{name}: {shown_address(settings)} is trusted from now on ({file})")
    return 0


def _state(session: Session, settings: Mapping[str, object]) -> str:
    if str(settings.get("url") or "sandbox:").startswith("sandbox:") and settings["adapter"] == "network":
        return "embedded, on this machine"
    why = session.trust.refusal(settings)
    return f"not trusted: {why}" if why else "trusted"
