"""`acorn state`. Comes in: the ledger. Goes out: its rows; on request, mended."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acorn_gitops.cli.session import Session, output, refuse_untrusted, shared
from acorn_gitops.ledger.ledger import Ledger, Settled, open_ledger
from acorn_gitops.model.finding import AcornError, Stale
from acorn_gitops.model.resource import Address

if TYPE_CHECKING:
    from acorn_gitops.reconcile.states import Situation

WRITERS = frozenset({"rm", "rebuild", "push"})


@click.group("state")
@click.pass_context
def command(context: click.Context) -> None:
    """Look at the ledger (what was last applied), and mend it. Nothing that stores hold is changed."""
    if context.invoked_subcommand in WRITERS:
        refuse_untrusted(f"state {context.invoked_subcommand}")


def _open(
    root: Path | None, environment: str | None, no_color: bool, *, write: bool = False
) -> tuple[Session, Ledger]:
    from acorn_gitops.confine.sealed import open_cache
    from acorn_gitops.specs.load import open_reader
    from acorn_gitops.specs.project import read_project

    session = Session(root, environment, no_color)
    project = read_project(open_reader(session.root, open_cache(session.environ)), environment)
    ledger = open_ledger(session.ledger_path(project), write=write)
    session.owner = f"{project.name}/{project.environment}"
    ledger.check_owner(session.owner)
    return session, ledger


@command.command("list")
@shared
@output("text", "json")
def list_(environment: str | None, root: Path | None, no_color: bool, output: str) -> int:
    """Addresses that the ledger knows."""
    _, ledger = _open(root, environment, no_color)
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

    _, ledger = _open(root, environment, no_color)
    for known, row in ledger.resources():
        if str(known) == address:
            click.echo(orjson.dumps({"address": address, **row}, option=orjson.OPT_INDENT_2).decode())
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

    A store whose marketplace is gone for good cannot be told that it was forgotten: should it ever come back, copies of the ledger
    from before still know what it held.
    """
    from acorn_gitops.apply.generation import check_not_behind, generations
    from acorn_gitops.ledger.lock import held
    from acorn_gitops.reconcile.authority import refuse_forgetting
    from acorn_gitops.reconcile.moved_ledger import move
    from acorn_gitops.reconcile.states import CLOSED, Wishes, situation

    if not addresses and not closed:
        raise click.UsageError("say which rows, or which store is --closed")
    session, ledger = _open(root, environment, no_color)
    known = {str(a): a for a, _ in ledger.resources()}
    known |= {str(i.address): i.address for i in ledger.sendings()}  # what may still come
    missing = [a for a in addresses if a not in known]
    missing += [store for store in closed if store not in {a.store for a in known.values()}]
    if missing:
        raise AcornError(
            f"the ledger does not know {', '.join(missing)}", hint="`acorn state list` shows what it knows"
        )
    with held(ledger.path, {"who": session.actor(), "since": session.stamp(), "plan": "state rm"}, 0):
        ledger.close()
        state = situation(session, session.load(), Wishes(), write=True)
        ledger = state.ledger
        _refuse_open(state, closed)
        going = {known[a] for a in addresses} | {a for a in known.values() if a.store in closed}
        refuse_forgetting(session, state, going)
        stores = {a.store for a in going} - {*closed}
        # Whoever has an older copy must not delete what is given away here: the stores remember that something changed.
        fenced, failed = generations(stores, state.marketplaces, state.connections_of(stores), state.owner)
        failed |= {
            store: "it does not say what it remembered of the last apply"
            for store in stores - fenced.keys()
            if ledger.generation(store)
        }
        if failed:
            raise AcornError(
                f"{', '.join(sorted(failed))} cannot be told of it: {next(iter(failed.values()))}; nothing was forgotten",
                hint=f"run again when the marketplace answers; {CLOSED}",
            )
        check_not_behind(fenced, ledger)
        ledger.backup()
        rows = [Settled(address, "forget", "", "observed", None) for address in sorted(going)]
        move(
            session,
            state,
            fenced,
            (),
            lambda said: ledger.record(rows, session.stamp(), session.actor(), "", "state.rm", said),
            going,
        )
    session.close()
    click.echo(f"{len(rows)} forgotten")
    return 0


def _refuse_open(state: Situation, closed: Collection[str]) -> None:
    """AcornError where a store that is said to be closed is declared, or answers: then its resources can be deleted, or told."""
    from acorn_gitops.marketplaces.protocol import Scope
    from acorn_gitops.model.finding import MarketplaceError, Shut, Unreachable
    from acorn_gitops.reconcile.states import left_behind

    for store in closed:
        if store in state.connections:
            raise AcornError(
                f"{store} is declared; nothing was forgotten", hint="take it out of the specs first"
            )
        connection = left_behind(store, state)
        if not connection:
            continue
        try:
            state.marketplaces[connection].read(Scope(store))
        except MarketplaceError as error:
            if isinstance(error, Unreachable) and not error.alive:
                continue
            if isinstance(error, Shut) and (error.gone or _shows_another(state, connection, store)):
                continue
            raise AcornError(
                f"{store} is not gone: {error.message}; nothing was forgotten",
                hint="mend the connection; `--closed` is for a store that nobody answers for any more, or that is refused (403, 410)"
                " where another one of the same connection is shown. A connection that is of no use any more is taken out of"
                " acorn.yaml first",
            ) from None
        raise AcornError(
            f"{store} answers at {connection}; nothing was forgotten",
            hint="`acorn apply` deletes what left the specs there; `acorn state rm ADDRESS` leaves it",
        )


def _shows_another(state: Situation, connection: str, store: str) -> bool:
    """Whether a connection still shows a store: then its token is not what is wrong with another one."""
    from acorn_gitops.marketplaces.protocol import Scope
    from acorn_gitops.model.finding import MarketplaceError

    others = (name for name, where in state.connections.items() if where == connection and name != store)
    for other in others:
        try:
            return state.marketplaces[connection].read(Scope(other)).exists
        except MarketplaceError:
            continue
    return False


@command.command("rebuild")
@shared
def rebuild(environment: str | None, root: Path | None, no_color: bool) -> int:
    """Make the ledger again from specs and live stores: what is declared and there becomes last applied, as it is
    live. What differs is drift or intent afterwards; what is not both is forgotten."""
    from acorn_gitops.ledger.lock import held
    from acorn_gitops.reconcile.moved_ledger import move
    from acorn_gitops.reconcile.states import CLOSED, Wishes, situation, views

    session = Session(root, environment, no_color)
    loaded, _ = session.checked()
    path = session.ledger_path(loaded.project)
    with held(path, {"who": session.actor(), "since": session.stamp(), "plan": "state rebuild"}, 0):
        state = situation(session, loaded, Wishes(), write=True)
        state.ledger.backup()
        rows: list[Settled] = []
        errors = []
        for view in views(state, Wishes(anew=True)):
            if view.error:
                errors.append(f"{view.store}: {view.error}")
                continue
            for key, want in view.desired.items():
                have = view.live.get(key)
                if have is not None and not (view.owners and have.owner not in ("", state.owner)):
                    attributes = {n: have.attributes[n] for n in want.attributes if n in have.attributes}
                    rows.append(
                        Settled(
                            Address(view.store, *key),
                            "adopt",
                            "",
                            "observed",
                            attributes,
                            str(want.origin),
                            "",
                            have.remote_id,
                            True,
                        )
                    )
        if errors:
            raise AcornError(
                "some stores could not be read; the ledger was left as it was: " + "; ".join(errors),
                hint=f"run again when they answer; {CLOSED}",
            )
        there = {row.address for row in rows}
        gone = [a for a, _ in state.ledger.resources() if a not in there]
        rows += [Settled(address, "forget", "", "observed", None) for address in gone]
        move(
            session,
            state,
            state.read_at,
            [*state.connections],
            lambda said: state.ledger.record(
                rows, session.stamp(), session.actor(), "", "state.rebuild", said, [*state.connections]
            ),
            anew=True,
        )
    session.close()
    click.echo(f"{len(there):,} resource{'s' if len(there) != 1 else ''} recorded")
    if gone:
        click.echo(f"{len(gone):,} forgotten: not declared, or not there")
    return 0


def _kept(function: Any) -> Any:
    for option in (
        click.option("--remote", default="origin", show_default=True, metavar="NAME", help="Git remote."),
        click.option(
            "--branch",
            envvar="ACORN_LEDGER_BRANCH",
            default="acorn-ledger",
            show_default=True,
            metavar="NAME",
            help="Branch that holds nothing but ledgers.",
        ),
    ):
        function = option(function)
    return function


@command.command("pull")
@shared
@_kept
def pull(environment: str | None, root: Path | None, no_color: bool, remote: str, branch: str) -> int:
    """Fetch this environment's ledger from a branch of the repository: for machines that forget, such as CI. A ledger
    here that knows more is never overwritten, and one whose history was changed is not taken over."""
    from acorn_gitops.ledger.lock import held
    from acorn_gitops.reconcile.ledger_branch import bring

    session, ledger = _open(root, environment, no_color)
    path, owner = ledger.path, session.owner
    ledger.close()
    with held(path, {"who": session.actor(), "since": session.stamp(), "plan": "state pull"}, 0):
        brought = bring(session, path, remote, branch, owner)
    if not brought.there:
        session.say(f"{branch} of {remote} holds no ledger of this environment yet")
        return 0
    if brought.order > 0:
        raise Stale(
            f"the ledger here knows more than that of {branch}; nothing was written",
            hint="`acorn state push` sends it",
        )
    click.echo(f"the ledger is at serial {brought.serial}, as on {branch} ({brought.commit[:10]})")
    return 0


@command.command("push")
@shared
@_kept
def push(environment: str | None, root: Path | None, no_color: bool, remote: str, branch: str) -> int:
    """Keep this environment's ledger on a branch of the repository. Refused when the branch holds a newer one."""
    from acorn_gitops.reconcile.ledger_branch import send

    session, ledger = _open(root, environment, no_color)
    commit = send(session, ledger, remote, branch)
    if commit:
        click.echo(f"serial {ledger.serial()} pushed to {branch} as {commit[:10]}")
    else:
        click.echo(f"{branch} holds serial {ledger.serial()} already")
    return 0
