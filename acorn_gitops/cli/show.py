"""`acorn show`. Comes in: a saved plan. Goes out: what it would do, in any format."""

from __future__ import annotations

import click

from acorn_gitops.cli import plan_place
from acorn_gitops.cli.plan_place import Place, place_of
from acorn_gitops.cli.session import language, output


@click.command("show")
@click.argument("plan_file", callback=place_of)
@output("text", "json", "markdown", "html")
@language
@click.option("--no-color", is_flag=True, envvar="ACORN_NO_COLOR", help="No colours, whatever the terminal.")
@click.option("-v", "--verbose", is_flag=True, help="Show every change, also where many are alike.")
def command(plan_file: Place, output: str, language: str, no_color: bool, verbose: bool) -> int:
    """Show a saved plan. Needs neither specs nor connections; refuses one that was edited."""
    import sys

    from acorn_gitops.cli import session as sessions
    from acorn_gitops.plan.document import to_json
    from acorn_gitops.report.markdown import plan_markdown
    from acorn_gitops.report.text import Pen, plan_text

    plan = plan_place.load(plan_file)
    if output == "json":
        import orjson

        click.echo(orjson.dumps(to_json(plan), option=orjson.OPT_INDENT_2).decode())
    elif output == "markdown":
        click.echo(plan_markdown(plan, verbose=verbose), nl=False)
    elif output == "html":
        from acorn_gitops.cli.plan import page

        click.echo(page(plan, language), nl=False)
    else:
        pen = sessions.error_pen(no_color)
        click.echo(
            plan_text(
                plan, Pen(sys.stdout.isatty() and not no_color and pen.colour, pen.width), verbose=verbose
            ),
            nl=False,
        )
    return 0
