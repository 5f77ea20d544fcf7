"""`acorn rules`. Comes in: nothing, or an id. Goes out: the rules, or one explained."""

from __future__ import annotations

import click

from acorn_gitops.cli.session import output


@click.command("rules")
@click.argument("rule_id", required=False)
@output("text", "markdown", "json")
def command(rule_id: str | None, output: str) -> int:
    """List the rules that specs are checked against, or explain one."""
    from acorn_gitops.rules.registry import all_rules

    rules = [r for r in all_rules() if rule_id is None or r.id == rule_id.upper()]
    if not rules:
        raise click.UsageError(f"there is no rule {rule_id}; `acorn rules` lists them")
    if output == "json":
        import orjson

        click.echo(
            orjson.dumps(
                [{"id": r.id, "severity": r.severity, "title": r.title, "why": r.why} for r in rules],
                option=orjson.OPT_INDENT_2,
            ).decode()
        )
    elif output == "markdown":
        click.echo("| Rule | Severity | What | Why |\n|---|---|---|---|")
        for rule in rules:
            click.echo(f"| {rule.id} | {rule.severity} | {rule.title} | {rule.why} |")
    elif rule_id is not None:
        rule = rules[0]
        detail = (
            (rule.check.__doc__ or "").strip() if rule.check is not None else "Decided while files are read."
        )
        click.echo(f"{rule.id} ({rule.severity}): {rule.title}\n\nWhy: {rule.why}\nHow: {detail}")
    else:
        for rule in rules:
            click.echo(f"{rule.id}  {rule.severity:<8} {rule.title}")
    return 0
