"""`acorn drift`. Comes in: live stores and the ledger. Goes out: what was changed outside; nothing is
written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from acorn_gitops.cli.session import Session, language, output, select, shared

if TYPE_CHECKING:
    from acorn_gitops.plan.drift import DriftReport
    from acorn_gitops.reconcile.alerting import Alerted


@click.command("drift")
@shared
@select
@output("text", "json", "markdown", "junit", "html")
@language
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit 2 when there is drift, or a monitor tells something."
)
@click.option(
    "--allow-empty", multiple=True, metavar="STORE", help="Believe that this store is empty now. Repeatable."
)
@click.option(
    "--alert",
    is_flag=True,
    help="Send what monitors see to the routes that they name; once, and when it grows.",
)
def command(
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    output: str,
    language: str,
    detailed_exitcode: bool,
    allow_empty: tuple[str, ...],
    alert: bool,
) -> int:
    """Show what was changed outside since the last apply, and what the monitors see in recorded facts. Edited
    specs are not drift, and are only counted; nor is what a waiver of MON-007 acknowledges. Exit 1 where it
    cannot be known: a store cannot be read, or there is no ledger."""
    from acorn_gitops.reconcile.drifting import DriftRequest, drift
    from acorn_gitops.report.drift import drift_json, drift_junit, drift_markdown, drift_text
    from acorn_gitops.report.text import findings_text

    session = Session(root, environment, no_color)
    found = drift(session, DriftRequest(selected, allow_empty))
    if output == "json":
        import orjson

        click.echo(orjson.dumps(drift_json(found), option=orjson.OPT_INDENT_2).decode())
    elif output == "html":
        from acorn_gitops import __version__
        from acorn_gitops.report.html import drift_html

        chosen: Literal["en", "zh"] = "zh" if language == "zh" else "en"
        click.echo(drift_html(found, version=__version__, made_at=session.stamp(), language=chosen), nl=False)
    elif output in ("markdown", "junit"):
        click.echo(drift_markdown(found) if output == "markdown" else drift_junit(found), nl=False)
    else:
        click.echo(drift_text(found, session.pen), nl=False)
        if found.findings:
            click.echo("\n" + findings_text(found.findings, session.pen), nl=False)
    told = not alert or send_alerts(session, found)
    if not alert and output == "text" and (waiting := unsent(session, found)):
        session.say(f"not sent: {waiting} (`--alert` sends it, and so does `acorn ci drift`)")
    if found.errors or found.unknown or not told:
        return 1
    return 2 if detailed_exitcode and not found.clean else 0


def send_alerts(session: Session, found: DriftReport, link: str = "") -> bool:
    """Send what is new; what was not taken is a warning. Answers whether all of it was taken."""
    from acorn_gitops.reconcile.alerting import alert

    done = alert(session, session.load(), found, link=link)
    tell_alerts(session, done)
    return not done.failed


def tell_alerts(session: Session, done: Alerted) -> None:
    """What was sent, and what was not taken."""
    from acorn_gitops.reconcile.alerting import MEMORY

    for words in done.sent:
        session.say(f"sent to {words}")
    for route, why in done.failed.items():
        words = why if route == MEMORY else f"{route} was not told: {why}"
        session.say(session.err(f"warning: {words}", "yellow"))


def unsent(session: Session, found: DriftReport) -> str:
    """Alerts for which somebody is named, in words; empty where there are none."""
    if not found.findings:
        return ""
    from acorn_gitops.reconcile.alerting import alerts_of

    alerts = alerts_of(session.load().configuration, found)
    routes = sorted({one.route for one in alerts})
    return f"{len(alerts)} alert{'s' if len(alerts) != 1 else ''} for {', '.join(routes)}" if alerts else ""
