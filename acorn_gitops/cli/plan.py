"""`acorn plan`. Comes in: specs, live stores, the ledger. Goes out: what apply would do; nothing is
written."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli import plan_place
from acorn_gitops.cli.plan_place import Place, place_of
from acorn_gitops.cli.session import Session, language, output, select, shared
from acorn_gitops.plan.document import Plan


@click.command("plan")
@shared
@select
@output("text", "json", "markdown", "html")
@language
@click.option(
    "--out",
    callback=place_of,
    metavar="FILE",
    help="Save the plan, for `acorn apply FILE`. Also s3://BUCKET/KEY.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@click.option(
    "--adopt",
    is_flag=True,
    help="Take over live resources that differ from their specs and were not made by acorn.",
)
@click.option(
    "--allow-empty", multiple=True, metavar="STORE", help="Believe that this store is empty now. Repeatable."
)
@click.option(
    "--refresh",
    is_flag=True,
    help="Read every store, also those that say they have not changed since they were last in sync.",
)
@click.option(
    "--since",
    metavar="REV",
    help="Only what the specs want otherwise than in this revision: reads only the stores that are touched.",
)
@click.option(
    "--ref",
    metavar="REV",
    help="Plan this commit, in place of what is checked out; with the ledger of this clone.",
)
@click.option(
    "--validate-remote",
    "validate",
    is_flag=True,
    help="Ask the marketplaces, too, whether they would take it; on Amazon a request a second.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every change, also where many are alike.")
def command(
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    output: str,
    language: str,
    out: Place | None,
    detailed_exitcode: bool,
    adopt: bool,
    allow_empty: tuple[str, ...],
    refresh: bool,
    since: str | None,
    ref: str | None,
    validate: bool,
    verbose: bool,
) -> int:
    """Show what apply would change, and why. Reads every store; writes nothing."""
    from acorn_gitops.reconcile.planning import PlanRequest
    from acorn_gitops.reconcile.planning import plan as planned

    session = Session(root, environment, no_color)
    if out is not None:
        plan_place.check(out, session.root)
    if since is not None and selected:
        raise click.UsageError("--since and --select are two ways to say the same")
    request = PlanRequest(
        selected, adopt, allow_empty, refresh=refresh, since=since or "", validate=validate, ref=ref or ""
    )
    plan = planned(session, request)
    if out is not None:
        plan_place.save(plan, out, session.root)
    click.echo(rendered(plan, output, session, verbose=verbose, language=language), nl=False)
    if out is not None and output == "text":
        first = f"check {ref} out, and " if ref else ""
        session.say(f"saved: {out} ({plan.id[:12]}); {first}{_next(plan, out)}")
    return exit_code(plan, detailed_exitcode)


def _next(plan: Plan, out: Place) -> str:
    from acorn_gitops.plan.verdict import verdict_on

    if words := verdict_on(plan).words:
        return f"it will not be applied: {words}"
    return f"apply it with `acorn apply {out}`" if plan.changes else "there is nothing to apply"


def rendered(
    plan: Plan, output: str, session: Session, *, verbose: bool, language: str = "en", between: str = ""
) -> str:
    """The plan in a format. `between`: as for `plan_text`."""
    if output == "json":
        import orjson

        from acorn_gitops.plan.document import to_json

        return orjson.dumps(to_json(plan), option=orjson.OPT_INDENT_2).decode() + "\n"
    if output == "markdown":
        from acorn_gitops.report.markdown import plan_markdown

        return plan_markdown(plan, verbose=verbose, between=between)
    if output == "html":
        return page(plan, language)
    from acorn_gitops.report.text import plan_text

    return plan_text(plan, session.pen, verbose=verbose, between=between)


def page(plan: Plan, language: str) -> str:
    """The plan as a page for a browser."""
    from acorn_gitops import __version__
    from acorn_gitops.report.html import plan_html

    return plan_html(plan, version=__version__, language="zh" if language == "zh" else "en")


def exit_code(plan: Plan, detailed: bool) -> int:
    """What apply would end with where it would refuse; otherwise 2 for changes when asked."""
    from acorn_gitops.plan.verdict import verdict_on

    return verdict_on(plan).code or (2 if detailed and plan.changes else 0)
