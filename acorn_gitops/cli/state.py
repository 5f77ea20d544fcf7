"""`acorn state`. Comes in: the ledger. Goes out: its rows; on request, mended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import F, Session, output, shared
from acorn_gitops.model.finding import AcornError

if TYPE_CHECKING:
    pass

WRITERS = frozenset({"rm", "rebuild", "push", "retire"})


@click.group("state")
@click.pass_context
def command(context: click.Context) -> None:
    """Look at the ledger (what was last applied), and mend it. Nothing that stores hold is changed."""
    if context.invoked_subcommand in WRITERS:
        from acorn_gitops.reconcile.workspace import refuse_untrusted

        refuse_untrusted(os.environ, f"state {context.invoked_subcommand}")


@command.command("list")
@shared
@output("text", "json")
def list_(environment: str | None, root: Path | None, no_color: bool, output: str) -> int:
    """Addresses that the ledger knows."""
    with Session(root, environment, no_color).ledger() as ledger:
        rows = ledger.resources()
    if output == "json":
        import orjson

        click.echo(
            orjson.dumps([{"address": str(a), **r} for a, r in rows], option=orjson.OPT_INDENT_2).decode()
        )
    else:
        for address, row in rows:
            click.echo(f"{address}" + ("  (adopted)" if row["adopted"] else ""))
    return 0


@command.command("show")
@click.argument("address")
@shared
def show(address: str, environment: str | None, root: Path | None, no_color: bool) -> int:
    """One row as JSON."""
    import orjson

    with Session(root, environment, no_color).ledger() as ledger:
        found = [row for known, row in ledger.resources() if str(known) == address]
    if found:
        click.echo(orjson.dumps({"address": address, **found[0]}, option=orjson.OPT_INDENT_2).decode())
        return 0
    raise AcornError(f"the ledger does not know {address}", hint="`acorn state list` shows what it knows")


@command.command("rm")
@click.argument("addresses", nargs=-1)
@click.option(
    "--closed",
    multiple=True,
    metavar="STORE",
    help="Forget all of a store whose marketplace is gone for good. Repeatable.",
)
@shared
def remove(
    addresses: tuple[str, ...],
    closed: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
) -> int:
    """Forget rows: the resources stay as they are and become unmanaged.

    A store whose marketplace is gone for good cannot be told that it was forgotten: should it ever come back,
    copies of the ledger from before still know what it held.
    """
    from acorn_gitops.reconcile.forgetting import forget

    if not addresses and not closed:
        raise click.UsageError("say which rows, or which store is --closed")
    count = forget(Session(root, environment, no_color), addresses, closed)
    click.echo(f"{count} forgotten")
    return 0


@command.command("rebuild")
@shared
def rebuild(environment: str | None, root: Path | None, no_color: bool) -> int:
    """Make the ledger again from specs and live stores: what is declared and there becomes last applied, as
    it is live. What differs is drift or intent afterwards; what is not both is forgotten."""
    from acorn_gitops.reconcile.rebuilding import rebuild as rebuilt

    done = rebuilt(Session(root, environment, no_color))
    click.echo(f"{done.recorded:,} resource{'s' if done.recorded != 1 else ''} recorded")
    if done.forgotten:
        click.echo(f"{done.forgotten:,} forgotten: not declared, or not there")
    return 0


_on_branch = click.option(
    "--branch",
    envvar="ACORN_LEDGER_BRANCH",
    default="acorn-ledger",
    show_default=True,
    metavar="NAME",
    help="Branch that holds nothing but ledgers.",
)


def _kept(function: F) -> F:
    remote = click.option("--remote", default="origin", show_default=True, metavar="NAME", help="Git remote.")
    return _on_branch(remote(function))


@command.command("pull")
@shared
@_kept
def pull(environment: str | None, root: Path | None, no_color: bool, remote: str, branch: str) -> int:
    """Fetch this environment's ledger from a branch of the repository: for machines that forget, such as CI.
    A ledger here that knows more is never overwritten, and one whose history was changed is not taken
    over."""
    from acorn_gitops.reconcile.ledger_branch import pull as pulled

    session = Session(root, environment, no_color)
    brought = pulled(session, remote, branch)
    if not brought.there:
        session.say(f"{branch} of {remote} holds no ledger of this environment yet")
        return 0
    click.echo(f"the ledger is at serial {brought.serial}, as on {branch} ({brought.commit[:10]})")
    return 0


@command.command("push")
@shared
@_kept
def push(environment: str | None, root: Path | None, no_color: bool, remote: str, branch: str) -> int:
    """Keep this environment's ledger on a branch of the repository. Refused when the branch holds a newer
    one."""
    from acorn_gitops.reconcile.ledger_branch import send

    session = Session(root, environment, no_color)
    with session.ledger() as ledger:
        commit = send(session, ledger, remote, branch=branch)
        serial = ledger.serial()
    if commit:
        click.echo(f"serial {serial} pushed to {branch} as {commit[:10]}")
    else:
        click.echo(f"{branch} holds serial {serial} already")
    return 0


@command.command("retire")
@click.argument("name")
@shared
@_on_branch
def retire(name: str, environment: str | None, root: Path | None, no_color: bool, branch: str) -> int:
    """Take the ledger NAME (like old/ledger.db.gz) off the branch: of an environment that is gone, or of a
    project that was renamed. What it says of rights binds no longer. That takes the right to give them."""
    from acorn_gitops.reconcile.retiring import retire as retired

    retired(Session(root, environment, no_color), name, branch=branch)
    click.echo(f"{name} is taken off {branch}")
    return 0
