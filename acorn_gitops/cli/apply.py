"""`acorn apply`. Comes in: a saved plan, or specs to plan from. Goes out: changed stores, a ledger that
knows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from acorn_gitops.cli import plan_place
from acorn_gitops.cli.plan_place import Place, place_of
from acorn_gitops.cli.session import Session, output, select, shared
from acorn_gitops.cli.stopping import Stop
from acorn_gitops.confine.text import OWN
from acorn_gitops.marketplaces.protocol import Outcome
from acorn_gitops.model.finding import AcornError
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.document import Plan


class _Seconds(click.FloatRange):
    """A time to wait: a number of seconds, nothing below zero and no end that never comes."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if seconds != seconds:  # a range lets "nan" through
            self.fail(f"{value} is no number of seconds", param, ctx)
        return seconds


SECONDS = _Seconds(min=0, max=86_400)


@click.command("apply")
@click.argument("plan_file", required=False, callback=place_of)
@shared
@select
@output("text", "json")
@click.option("--auto-approve", is_flag=True, help="Do not ask. Implied by a saved plan, which was reviewed.")
@click.option(
    "--adopt",
    is_flag=True,
    help="Take over live resources that differ from their specs and were not made by acorn.",
)
@click.option(
    "--allow-empty", multiple=True, metavar="STORE", help="Believe that this store is empty now. Repeatable."
)
@click.option(
    "--lock-timeout",
    type=SECONDS,
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long for another apply.",
)
@click.option(
    "--wait",
    type=SECONDS,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long to see accepted writes.",
)
@click.option(
    "--older",
    is_flag=True,
    help="Apply a commit that is older than the one applied last: go back on purpose.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every change, also where many are alike.")
def command(
    plan_file: Place | None,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    output: str,
    auto_approve: bool,
    adopt: bool,
    allow_empty: tuple[str, ...],
    lock_timeout: float,
    wait: float,
    older: bool,
    verbose: bool,
    *,
    committed: bool = False,
) -> int:
    """Make every store match the specs: a saved plan exactly as reviewed, or plan now and ask."""
    from acorn_gitops.cli.plan import rendered
    from acorn_gitops.reconcile.applying import ApplyRequest, Hooks, apply

    if plan_file is not None and (selected or adopt):
        raise click.UsageError(
            "a saved plan is applied as it is: --select and --adopt belong to `acorn plan`"
        )
    session = Session(root, environment, no_color)

    def show(plan: Plan) -> None:
        if output == "text":
            click.echo(rendered(plan, "text", session, verbose=verbose), nl=False)

    def agree(plan: Plan) -> None:
        if not auto_approve:
            _ask(session)

    saved = plan_place.load(plan_file) if plan_file is not None else None
    stop = Stop("the batch that is under way")
    request = ApplyRequest(
        plan=saved,
        select=selected,
        adopt=adopt,
        allow_empty=allow_empty,
        committed=committed,
        older=older,
        lock_timeout=lock_timeout,
        wait=wait,
    )
    hooks = Hooks(
        planned=show, approve=agree, progress=_Progress(session), stopping=lambda: stop.asked, writing=stop
    )
    done = apply(session, request, hooks)
    if done.ended:
        session.say(
            f"an earlier run was still writing to {', '.join(done.ended)}: what it sends now is refused"
        )
    if output == "json":
        click.echo(_json(done.plan, done.outcomes, done.interrupted))
    elif done.outcomes or done.unread:
        from acorn_gitops.report.text import report_text

        click.echo(report_text(done.outcomes, done.interrupted, session.pen, unread=done.unread), nl=False)
    if done.unsent is not None:
        raise done.unsent
    if done.interrupted:
        return 130
    return 0 if done.complete else 3


class _Progress:
    """How far it is: one line that moves on a terminal, a line for each tenth in a log."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.tenth = 0
        self.moving = sys.stderr.isatty()

    def __call__(self, done: int, total: int, where: str) -> None:
        text = f"{done:,} of {total:,} changes sent; {where}"
        if self.moving:
            width = self.session.err.width
            shown = self.session.err(text[: width - 1].ljust(width - 1), "dim")
            click.echo(f"{OWN}1G{shown}", err=True, nl=done == total)
        elif done * 10 // total > self.tenth:
            self.tenth = done * 10 // total
            self.session.say(self.session.err(text, "dim"))


def _ask(session: Session) -> None:
    if not sys.stdin.isatty() or session.environ.get("CI") == "true":
        raise AcornError(
            "nobody is there to ask, and --auto-approve was not given; nothing was written",
            hint="save a plan with `acorn plan --out FILE`, have it reviewed, then `acorn apply FILE`",
        )
    answer = click.prompt(
        f"Apply these changes to {session.pen('the stores above', 'bold')}? Only 'yes' is yes",
        default="no",
        err=True,
    )
    if answer != "yes":
        raise click.Abort


def _json(plan: Plan, outcomes: Sequence[tuple[Change, Outcome]], interrupted: bool) -> str:
    import orjson

    rows = [
        {"address": str(c.address), "action": c.action, "status": o.status, "message": o.message}
        for c, o in outcomes
    ]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    return orjson.dumps(
        {
            "format_version": "1.0",
            "plan": plan.id,
            "interrupted": interrupted,
            "counts": counts,
            "outcomes": rows,
        },
        option=orjson.OPT_INDENT_2,
    ).decode()
