"""`acorn thaw`. Comes in: acorn.yaml. Goes out: acorn.yaml with a freeze less, to be committed."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, shared
from acorn_gitops.model.finding import AcornError


@click.command("thaw")
@click.argument("name")
@shared
def command(name: str, environment: str | None, root: Path | None, no_color: bool) -> int:
    """Take the freeze NAME out of acorn.yaml: lifted from its merge on."""
    from acorn_gitops.specs.edit import drop_setting

    session = Session(root, environment, no_color)
    said = session.load().configuration.settings.get("freezes") or []
    at = next((number for number, one in enumerate(said) if one["name"] == name), None)
    if at is None:
        known = ", ".join(one["name"] for one in said) or "none"
        raise AcornError(f"there is no freeze {name}", hint=f"known: {known}")
    path = ("spec", "freezes") if len(said) == 1 else ("spec", "freezes", at)
    drop_setting(session.root, path)
    click.echo("wrote acorn.yaml; it is lifted once this is on the default branch")
    return 0
