"""`acorn freeze`. Comes in: acorn.yaml. Goes out: acorn.yaml with a freeze more, to be
committed."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session, shared
from acorn_gitops.model.finding import AcornError

if TYPE_CHECKING:
    from acorn_gitops.model.typed import FreezeData


def _instant(text: str) -> str:
    """An instant in UTC as acorn.yaml says it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is no instant like 2026-12-01T00:00:00+01:00") from None
    if moment.tzinfo is None:
        raise click.UsageError(f"{text!r} has no zone: write 2026-12-01T00:00:00+01:00, or end it with Z")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check(session: Session, entry: FreezeData) -> None:
    """AcornError where the freeze could never hold."""
    stores = session.load().configuration.stores
    for pattern in entry.get("stores") or ():
        if not any(fnmatchcase(store, pattern) for store in stores):
            known = ", ".join(sorted(stores)[:8])
            raise AcornError(f"no store is called {pattern}; nothing was written", hint=f"known: {known}")
    end = datetime.fromisoformat(entry["until"])
    begin = datetime.fromisoformat(entry["from"]) if entry.get("from") else session.now()
    if end <= begin or end <= session.now():
        raise AcornError(
            f"the freeze would be over at {entry['until']}; nothing was written", hint="end it later"
        )


@click.command("freeze")
@click.argument("name")
@shared
@click.option(
    "--stores", multiple=True, metavar="PATTERN", help="Only these stores. Repeatable. Default: all."
)
@click.option("--reason", required=True, metavar="TEXT", help="Why; every refusal shows it.")
@click.option("--owner", required=True, metavar="WHO", help="Who answers for it, and may lift it.")
@click.option("--until", required=True, metavar="INSTANT", help="When it ends by itself.")
@click.option("--from", "begin", metavar="INSTANT", help="When it begins. Default: at once.")
def command(
    name: str,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    stores: tuple[str, ...],
    reason: str,
    owner: str,
    until: str,
    begin: str | None,
) -> int:
    """Write the freeze NAME into acorn.yaml: from its merge on nothing is applied to these stores until it
    ends. Checkouts from before the merge know of it, too."""
    from acorn_gitops.specs.edit import put_setting

    session = Session(root, environment, no_color)
    said = session.load().configuration.settings.get("freezes") or []
    if any(one["name"] == name for one in said):
        raise AcornError(f"there is a freeze {name} already", hint=f"`acorn thaw {name}` takes it out")
    entry: FreezeData = {"name": name}
    if stores:
        entry["stores"] = list(stores)
    entry |= {"reason": reason, "owner": owner}
    if begin:
        entry["from"] = _instant(begin)
    entry["until"] = _instant(until)
    if environment:
        entry["environments"] = [environment]
    _check(session, entry)
    path, value = (("spec", "freezes", len(said)), entry) if said else (("spec", "freezes"), [entry])
    put_setting(session.root, path, value)
    click.echo(f"wrote acorn.yaml; it holds once this is on the default branch, until {entry['until']}")
    return 0
