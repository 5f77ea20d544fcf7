"""`acorn blame`. Comes in: an address. Goes out: who made each of its values what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.confine.text import safe

if TYPE_CHECKING:
    from acorn_gitops.reconcile.blaming import BlamedField


@click.command("blame")
@click.argument("address")
@shared
@output("text", "json")
@click.option("--offline", is_flag=True, help="Do not ask the marketplace.")
def command(
    address: str, environment: str | None, root: Path | None, no_color: bool, output: str, offline: bool
) -> int:
    """Show, field by field, who made a resource what it is: place in the specs, commit, author, merge request
    and who approved it, and the write that brought it to the marketplace."""
    from acorn_gitops.reconcile.blaming import blame

    session = Session(root, environment, no_color)
    found = blame(session, address, offline=offline)
    if output == "json":
        import orjson

        document: dict[str, object] = {
            "format_version": "1.0",
            "address": address,
            "origin": found.origin,
            "remote_id": found.remote_id,
            "write": None if found.write is None else found.write._asdict(),
            "fields": [
                {
                    "field": one.name,
                    "value": one.value,
                    "live": one.live,
                    "place": one.place,
                    "wrote": one.wrote,
                    "merge": None if one.merge is None else one.merge._asdict(),
                    "since": one.since,
                }
                for one in found.fields
            ],
        }
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return 0
    click.echo(session.pen(f"{safe(address)}  {safe(found.origin)}", "bold"))
    for one in found.fields:
        _show(one, session)
    if found.write is not None:
        body = found.write.body
        receipt = f", at the marketplace {found.remote_id}" if found.remote_id else ""
        plan, commit = str(body.get("plan"))[:12], str(body.get("commit"))[:10]
        words = f"last written {found.write.at} by {found.write.actor}, plan {plan}, commit {commit}{receipt}"
        click.echo(session.pen(safe(words), "dim"))
    else:
        click.echo(session.pen("no write of it is recorded here", "dim"))
    return 0


def _show(one: BlamedField, session: Session) -> None:
    from acorn_gitops.provenance.merges import UNKNOWN
    from acorn_gitops.report.words import value

    pen = session.pen
    click.echo(f"  {one.name}: {value(one.value)}")
    if one.live != one.value:
        click.echo(pen(f"      live: {value(one.live)}", "yellow"))
    if one.wrote is None:
        who = f"by {UNKNOWN}"
    elif one.wrote.get("commit"):
        said = one.wrote
        who = f"by {said['author']} <{said['mail']}> in {said['commit'][:10]} on {said['at']}: {said['summary']}"
    else:
        who = "in no commit"
    since = f", written since {one.since}" if one.since else ""
    click.echo(pen(safe(f"      {one.place or 'computed'}  {who}{since}"), "dim"))
    if one.merge is not None and (one.merge.request or one.merge.by):
        by = f" merged by {one.merge.by}" if one.merge.by else ""
        approved = f", approved by {', '.join(one.merge.approvers)}" if one.merge.approvers else ""
        click.echo(pen(safe(f"      {one.merge.request or 'a merge'}{by}{approved}"), "dim"))
