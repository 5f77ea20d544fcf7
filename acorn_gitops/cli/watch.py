"""`acorn watch`. Comes in: a clone of its own, and how often to look. Goes out: what a pipeline would do,
turn by turn, until it is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session, say_error, shared
from acorn_gitops.cli.stopping import Stop

if TYPE_CHECKING:
    from acorn_gitops.cli.watch_server import Board
    from acorn_gitops.reconcile.watching import Turn, Watcher


@click.command("watch")
@shared
@click.option("--apply", "applies", is_flag=True, help="Apply what was merged; otherwise it is planned only.")
@click.option(
    "--every",
    type=click.FloatRange(1, 86_400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks at the remote. After a failure it is twice as long, and so on, up to an hour.",
)
@click.option(
    "--drift-every",
    type=click.FloatRange(0, 604_800),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks for drift; 0 for none.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Serve /healthz, /readyz and /metrics there, and /hook where ACORN_WATCH_SECRET is set.",
)
@click.option("--once", is_flag=True, help="Take one turn, and end with its exit code.")
def command(
    environment: str | None,
    root: Path | None,
    no_color: bool,
    applies: bool,
    every: float,
    drift_every: float,
    listen: str | None,
    once: bool,
) -> int:
    """Do what a pipeline would, for teams without one: ask the remote for the newest commit of the default
    branch, check it out, plan it or apply it, and look for drift from time to time.

    It works in a clone of its own, with no branch checked out but the default one. Drift is told, as by
    `acorn drift --alert`, and never put back by itself. A webhook of the forge at /hook wakes it; its
    signature is verified with ACORN_WATCH_SECRET, and nothing else of it is believed. Ctrl-C and SIGTERM end
    it after the batch that is under way.
    """
    from acorn_gitops.reconcile.applying import Hooks
    from acorn_gitops.reconcile.watching import Watcher, WatchRequest

    stop = Stop("what is under way")
    hooks = Hooks(stopping=lambda: stop.asked)
    request = WatchRequest(every=every, drift_every=drift_every, applies=applies)
    session = Session(root, environment, no_color)
    watcher = Watcher(lambda: Session(root, environment, no_color), request, hooks)
    if once:
        return _once(session, watcher, stop)
    from acorn_gitops.cli.watch_server import Board, served

    board = Board(session.environment or "", wake=stop.news)
    with stop, served(listen, board, session.environ.get("ACORN_WATCH_SECRET", "")):
        session.say(f"watching, every {every:g} s" + (f"; {listen}" if listen else ""))
        _go_on(session, watcher, board, stop)
    return 0


def _once(session: Session, watcher: Watcher, stop: Stop) -> int:
    with stop:
        turn = watcher.turn()
    assert turn is not None  # the first turn is always due
    _tell(session, turn)
    if turn.error is not None:
        raise turn.error
    return turn.code


def _go_on(session: Session, watcher: Watcher, board: Board, stop: Stop) -> None:
    woken = False
    while not stop.asked:
        board.begin()
        turn = watcher.turn(woken=woken)
        board.end(turn, next_in=watcher.pause())
        if turn is not None:
            _tell(session, turn)
            if turn.error is not None:
                say_error(turn.error)
        woken = stop.news.wait(watcher.pause()) if not stop.asked else False
        stop.news.clear()


def _tell(session: Session, turn: Turn) -> None:
    """One turn: a line of what was done, and what the verb itself would have printed."""
    from acorn_gitops.cli.drift import tell_alerts
    from acorn_gitops.cli.plan import rendered
    from acorn_gitops.report.drift import drift_text
    from acorn_gitops.report.text import findings_text, report_text

    words = f"{turn.at:%Y-%m-%dT%H:%M:%SZ} {turn.cause}" + (f": {turn.commit[:10]}" if turn.commit else "")
    session.say(session.err(words, "bold"))
    if turn.drifted is not None and not turn.drifted.clean:
        click.echo(drift_text(turn.drifted, session.pen), nl=False)
        click.echo(findings_text(turn.drifted.findings, session.pen), nl=False)
    if turn.alerted is not None:
        tell_alerts(session, turn.alerted)
    if turn.planned is not None:
        click.echo(rendered(turn.planned, "text", session, verbose=False), nl=False)
    if turn.applied is not None:
        done = turn.applied
        if done.outcomes or done.unread:
            click.echo(
                report_text(done.outcomes, done.interrupted, session.pen, unread=done.unread), nl=False
            )
        else:
            click.echo("No changes.")
        if done.unsent is not None:
            say_error(done.unsent)
