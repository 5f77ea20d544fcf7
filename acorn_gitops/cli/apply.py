"""`acorn apply`. Comes in: a saved plan, or specs to plan from. Goes out: changed stores, a ledger that knows."""

from __future__ import annotations

import secrets
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from acorn_gitops.cli.session import Session, output, select, shared
from acorn_gitops.confine.text import OWN
from acorn_gitops.marketplaces.protocol import Fences, Outcome
from acorn_gitops.model.finding import AcornError, Finding, OverBudget, Refused, Stale
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.document import Plan
from acorn_gitops.specs.load import Loaded

if TYPE_CHECKING:
    from acorn_gitops.ledger.ledger import Ledger


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
@click.argument("plan_file", required=False, type=click.Path(path_type=Path, dir_okay=False))
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
    plan_file: Path | None,
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
) -> int:
    """Make every store match the specs: a saved plan exactly as reviewed, or plan now and ask."""
    from acorn_gitops.apply.carry_out import Edges, apply_plan, done_steps
    from acorn_gitops.apply.fresh import check_applicable, check_bound, check_intent
    from acorn_gitops.apply.generation import finish
    from acorn_gitops.apply.nothing import apply_nothing, is_news
    from acorn_gitops.cli.plan import rendered
    from acorn_gitops.ledger.lock import held
    from acorn_gitops.plan.document import read
    from acorn_gitops.provenance.revision import Revision, committed_at
    from acorn_gitops.reconcile.authority import permitted, refuse_another_time
    from acorn_gitops.reconcile.ledger_branch import NONE, REMOTE, bring, refuse_behind, send
    from acorn_gitops.reconcile.loosened import guards_of
    from acorn_gitops.reconcile.planning import compute, least_price, to_record
    from acorn_gitops.reconcile.states import Wishes, declared

    if plan_file is not None and (selected or adopt):
        raise click.UsageError(
            "a saved plan is applied as it is: --select and --adopt belong to `acorn plan`"
        )
    session = Session(root, environment, no_color)
    refuse_another_time(session)
    saved = read(plan_file) if plan_file is not None else None
    if saved is not None and session.environment is None:
        session.environment = saved.environment
    revision = Revision(session.root)
    loaded, findings = session.checked()
    if saved is not None and (saved.project, saved.environment) != (
        loaded.project.name,
        loaded.project.environment,
    ):
        raise Stale(
            f"this plan is for {saved.project} · {saved.environment}, not {loaded.project.name} · {loaded.project.environment}"
        )
    wishes = Wishes(
        saved.selected if saved is not None else selected,
        adopt or _adopts(saved),
        allow_empty,
        fresh=True,
        lenient=saved is not None,
    )
    stop = _Stop()
    holder = {
        "who": session.actor(),
        "since": session.stamp(),
        "plan": saved.id if saved is not None else "planning",
    }
    path = session.ledger_path(loaded.project)
    chosen = session.environ.get("ACORN_LEDGER_BRANCH", "")
    branch = "" if chosen == NONE else chosen
    unsent: AcornError | None = None
    with held(path, holder, lock_timeout):
        if branch:
            bring(session, path, REMOTE, branch, f"{loaded.project.name}/{loaded.project.environment}")
        plan, state = compute(
            session,
            loaded,
            findings,
            wishes,
            revision,
            write=True,
            publish=(lambda ledger: _publish(session, ledger, branch)) if branch else None,
        )
        recording = to_record(plan)
        skip = loaded.configuration.policies.get("onUnreadable") == "skip"
        if saved is not None:
            _refuse_unread(plan)
            _refuse_blocked(saved)
            check_applicable(saved, state.ledger.plan_status(saved.id))
            check_bound(saved, plan)
            check_intent(
                saved,
                plan,
                done_steps(saved, state.ledger),
                lambda a: (a.type, a.key) in state.ledger.applied(a.store),
            )
            _refuse_blocked(plan)
            # What is recorded is the revision that these specs were read from, not what a file says of itself.
            plan = replace(saved, commit=plan.commit, dirty=plan.dirty)
        _refuse_blocked(plan, skip_unreadable=skip and saved is None)
        if not older:
            _refuse_older(session, state.ledger)
        actor = permitted(session, loaded, plan, state)
        _refuse_unproven(session, loaded)
        unfenced = state.unfenced | {
            s.store for s in plan.stores if not isinstance(state.marketplaces.get(s.connection), Fences)
        }
        if not chosen and any(c.writes and c.address.store in unfenced for c in plan.changes):
            refuse_behind(session, state.ledger)
        if output == "text" and saved is None:
            click.echo(rendered(plan, "text", session, verbose), nl=False)
        nothing = not plan.changes and not recording and not plan.errored
        if plan.changes and not auto_approve and saved is None:
            _ask(session)
        edges = Edges(
            actor=actor,
            now=session.stamp,
            pause=time.sleep,
            clock=time.monotonic,
            progress=_Progress(session),
            stopping=lambda: stop.asked,
            nonce=lambda: secrets.token_hex(16),
            publish=(lambda: _publish(session, state.ledger, branch)) if branch else None,
            committed=committed_at(session.root),
            guards=guards_of(loaded.configuration),
            wait_seconds=wait,
        )
        if nothing:
            if is_news(plan, state.ledger):
                quiet = apply_nothing(
                    plan, state.marketplaces, state.ledger, edges, lambda address: declared(state, address)
                )
                if quiet.ended:
                    session.say(
                        f"an earlier run was still writing to {', '.join(quiet.ended)}: what it sends now is refused"
                    )
                if quiet.untold:
                    why = "; ".join(f"{store}: {why}" for store, why in quiet.untold.items())
                    raise AcornError(
                        f"nothing had to be changed, but an earlier run may still write to {why}",
                        hint="run again when it answers",
                    )
            elif branch and state.ledger.exists:
                send(session, state.ledger, REMOTE, branch)  # what was found of it is known to all
            if output == "json":
                click.echo(_json(plan, [], False))
            return 0
        try:
            with stop:
                report = apply_plan(
                    plan,
                    state.marketplaces,
                    state.ledger,
                    edges,
                    lambda address: declared(state, address),
                    least_price(loaded, session.now()),
                    recording,
                    allow_empty,
                    skip,
                    {s.store: state.marketplace_of(s.store) for s in plan.stores},
                    takes_over=wishes.adopt,
                )
            if branch:
                try:
                    send(session, state.ledger, REMOTE, branch)
                except AcornError as error:
                    unsent = error  # what was done is told first
            if unsent is None:
                finish(report.fenced, state.owner, report.end)
        finally:
            state.ledger.close()
            session.close()
    if output == "json":
        click.echo(_json(plan, report.outcomes, report.interrupted))
    elif report.outcomes or report.unread:
        from acorn_gitops.report.text import report_text

        click.echo(report_text(report.outcomes, report.interrupted, session.pen, report.unread), nl=False)
    if unsent is not None:
        raise AcornError(
            f"what was done is not on {branch} yet: {unsent.message}",
            hint="`acorn state push` sends it; what was about to be done is there, so that the next run looks for it",
        )
    if report.interrupted:
        return 130
    return 0 if report.complete else 3


def _refuse_older(session: Session, ledger: Ledger) -> None:
    """Stale where what is checked out is an ancestor of what was applied last: an old pipeline that is run again would put old prices
    back. Where the history is not there (a shallow clone), the times of the two commits decide."""
    from acorn_gitops.provenance.revision import is_before

    last, committed = ledger.last_commit()
    if last and is_before(session.root, last.removesuffix("-dirty"), committed):
        raise Stale(
            f"this checkout is older than commit {last[:10]}, which was applied last; nothing was written",
            hint="check out the newest commit; to go back on purpose revert it, or say `--older`",
        )


def _publish(session: Session, ledger: Ledger, branch: str) -> None:
    from acorn_gitops.reconcile.ledger_branch import REMOTE, send

    send(session, ledger, REMOTE, branch)


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


class _Stop:
    """Ctrl-C and SIGTERM: the batch that is under way is finished and written down; a second one ends at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: list[tuple[int, object]] = []

    def __enter__(self) -> _Stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before.append((number, signal.signal(number, self._handle)))
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        click.echo("stopping after the batch that is under way; once more stops at once", err=True)


def _adopts(saved: Plan | None) -> bool:
    """Whether a saved plan was made with --adopt: it then updates what was never applied from here."""
    return saved is not None and any(
        (c.action in ("update", "replace", "delete") and c.reason == "first") for c in saved.changes
    )


def _refuse_unread(now: Plan) -> None:
    """A saved plan is compared with what would be planned now: that takes every store."""
    if now.errored:
        broken = "; ".join(f"{s.store}: {s.error}" for s in now.stores if s.error)
        raise AcornError(f"some stores cannot be read: {broken}", hint="run again when they answer")


def _refuse_blocked(plan: Plan, *, skip_unreadable: bool = False) -> None:
    from acorn_gitops.reconcile.states import CLOSED

    if plan.errored and not skip_unreadable:
        broken = [
            Finding(
                "ACN-010",
                "error",
                f"{s.store} could not be read: {s.error}",
                hint=f"run the same command again when it can be read; {CLOSED}",
            )
            for s in plan.stores
            if s.error
        ]
        error = AcornError("the plan is incomplete; nothing was written", findings=broken)
        raise error
    over = [f for f in plan.findings if f.id.startswith("BUD-") and f.severity != "info"]
    if over:
        raise OverBudget("the plan is over budget; nothing was written", findings=over)
    errors = [f for f in plan.findings if f.severity == "error"]
    if errors:
        raise Refused("the plan holds what must not be; nothing was written", findings=errors)


def _refuse_unproven(session: Session, loaded: Loaded) -> None:
    """Rules of phase apply: what must be proved before anything is written."""
    from acorn_gitops.rules.registry import check

    found = [f for f in check(loaded.configuration, session.now(), phase="apply") if f.severity == "error"]
    if found:
        raise Refused("what must be proved first is not; nothing was written", findings=found)


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
