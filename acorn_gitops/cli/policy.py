"""`acorn policy`. Comes in: rules of the repository's own. Goes out: whether their tests pass."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import InvalidSpecs


@click.group("policy")
def command() -> None:
    """Rules of your own, in CEL: files below `policies/`."""


@command.command("test")
@shared
@output("text", "json")
def test(environment: str | None, root: Path | None, no_color: bool, output: str) -> int:
    """Run the tests of every rule. Exit 1 when one fails, or a rule has no case that passes or none that does
    not."""
    import orjson

    from acorn_gitops.rules.context import Context
    from acorn_gitops.rules.custom import run_tests

    session = Session(root, environment, no_color)
    config = session.load().configuration
    own = config.own_rules
    if own.findings:
        raise InvalidSpecs("the rules are wrong", findings=own.findings)
    cases = run_tests(Context(config, session.now(), {}))
    bad = [case for case in cases if not case.ok]
    if output == "json":
        rows = [case._asdict() for case in cases]
        click.echo(
            orjson.dumps(
                {"format_version": "1.0", "failed": len(bad), "cases": rows}, option=orjson.OPT_INDENT_2
            ).decode()
        )
        return 1 if bad else 0
    for case in cases:
        mark = session.pen("ok", "green") if case.ok else session.pen("failed", "red")
        click.echo(f"{mark:<6} {case.rule} {case.name}" + (f": {case.words}" if case.words else ""))
    if not own.rules:
        click.echo("there are no rules of your own; docs/policies.md shows how to write one")
    else:
        click.echo(
            f"{len(own.rules)} rule{'s' * (len(own.rules) != 1)}, {len(cases)} cases, {len(bad)} failed"
        )
    return 1 if bad else 0
