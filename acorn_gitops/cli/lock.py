"""`acorn lock`. Comes in: an environment. Goes out: who applies; on request, the end of their lease."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.confine.text import safe

if TYPE_CHECKING:
    from acorn_gitops.reconcile.lease import Lease


@click.command("lock")
@shared
@output("text", "json")
@click.option(
    "--break",
    "reason",
    metavar="REASON",
    help="End the lease of a run that died; the ledger keeps who did it, and why.",
)
def command(
    environment: str | None, root: Path | None, no_color: bool, output: str, reason: str | None
) -> int:
    """Say who applies: on this machine, and, where the ledger lives on a branch, anywhere.

    A lease that nobody renews ends by itself after ten minutes. A run whose lease is broken while it goes on
    stops when it looks next, and sends nothing after that.
    """
    from acorn_gitops.reconcile.locking import GRACE, break_lock, who_applies

    session = Session(root, environment, no_color)
    if reason is not None:

        def ended(lease: Lease) -> None:
            click.echo(safe(f"the lease of {lease.told()} is ended; plan again before you apply"))
            session.say(f"a run that still goes on is given {GRACE:.0f} seconds to see that")

        break_lock(session, reason, ended)
        return 0
    found = who_applies(session)
    if output == "json":
        import orjson

        lease = {name: value for name, value in found.lease._asdict().items() if name != "where"}
        document = {
            "format_version": "1.0",
            "here": found.here,
            "branch": found.branch,
            "lease": lease if found.counts else None,
        }
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return 0
    if found.here:
        click.echo(f"{safe(found.here)} (on this machine)")
    if found.counts:
        click.echo(safe(f"{found.lease.told()} applies; renewed at {found.lease.renewed}"))
    if not found.here and not found.counts:
        where = f" (as {found.branch} says)" if found.branch else ""
        click.echo(f"nobody applies{where}")
    return 0
