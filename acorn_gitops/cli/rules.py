"""`acorn rules`. Comes in: nothing, or an id. Goes out: the rules, or one taught: what, why, how to mend,
source, cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from acorn_gitops.cli.session import Session, output
from acorn_gitops.model.finding import AcornError


@click.command("rules")
@click.argument("rule_id", required=False)
@click.option(
    "-C", "--root", envvar="ACORN_ROOT", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Repository whose own rules are listed, too.",
)  # fmt: skip
@click.option(
    "--phase", type=click.Choice(["validate", "plan", "apply", "drift"]), help="Only rules of this phase."
)
@output("text", "markdown", "json")
def command(rule_id: str | None, root: Path | None, phase: str | None, output: str) -> int:
    """List the rules that specs, plans and stores are checked against, or explain one."""
    if rule_id is not None:
        return teach(rule_id, output, root, environment=None)
    import orjson

    from acorn_gitops.rules.registry import all_rules

    rows = [
        {
            "id": r.id,
            "severity": r.severity,
            "phase": r.phase,
            "title": r.title,
            "why": r.why,
            "mend": r.mend,
            "source": r.source,
        }
        for r in all_rules()
    ]
    rows += [
        {"id": r.id, "severity": r.severity, "phase": "validate" if r.target not in ("change", "plan") else "plan",
         "title": r.title, "why": r.why, "mend": r.mend, "source": str(r.places[""])}
        for r in _own(root)
    ]  # fmt: skip
    rows = [r for r in rows if phase in (None, r["phase"])]
    if output == "json":
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    elif output == "markdown":
        click.echo("| Rule | Severity | Phase | What | Why |\n|---|---|---|---|---|")
        for row in rows:
            click.echo(
                f"| {row['id']} | {row['severity']} | {row['phase']} | {row['title']} | {row['why']} |"
            )
    else:
        for row in rows:
            click.echo(f"{row['id']}  {row['severity']:<8} {row['phase']:<9} {row['title']}")
    return 0


def _own(root: Path | None) -> list[Any]:
    """Rules of the repository, where there is one."""
    try:
        return Session(root, None).load().configuration.own_rules.rules
    except AcornError:
        return []


def teach(rule_id: str, output: str, root: Path | None, environment: str | None) -> int:
    """One rule with all that is known of it; a rule that is not built, with the reason."""
    import orjson

    from acorn_gitops.plan.budgets import GUARDS
    from acorn_gitops.plan.refusals import refusals
    from acorn_gitops.rules.cases import cases_of
    from acorn_gitops.rules.not_built import NOT_BUILT
    from acorn_gitops.rules.registry import all_rules

    id = rule_id.upper()
    known = {r.id: r for r in all_rules()}
    if id in NOT_BUILT:
        click.echo(orjson.dumps({"id": id, "built": False, "reason": NOT_BUILT[id]}, option=orjson.OPT_INDENT_2).decode() if output == "json" else f"{id} is not built: {NOT_BUILT[id]}")  # fmt: skip
        return 0
    refused = refusals()
    if id in refused and id not in known:
        code, words = refused[id]
        mend = "\nMend: smaller steps, or a waiver in acorn.yaml" if id in GUARDS else ""
        click.echo(
            orjson.dumps({"id": id, "built": True, "exit_code": code, "what": words}, option=orjson.OPT_INDENT_2).decode()
            if output == "json"
            else f"{id}, exit code {code}: {words}{mend}"
        )  # fmt: skip
        return 0
    own = next((r for r in _own(root) if r.id == id), None)
    if own is not None:
        click.echo(
            f"{id} ({own.severity}): {own.title}\n\nWhy: {own.why}\nWhere: {own.places['']}\nCheck: {own.check}\nMend: {own.mend}"
        )
        return 0
    if id not in known:
        import difflib

        near = difflib.get_close_matches(id, [*known, *NOT_BUILT, *refused], n=1)
        raise click.UsageError(
            f"there is no rule {rule_id}"
            + (f"; did you mean {near[0]}?" if near else "; `acorn rules` lists them")
        )
    rule = known[id]
    detail = (
        " ".join((rule.check.__doc__ or "").split())
        if rule.check is not None
        else "Decided while files are read."
    )
    shown = cases_of(id)
    if output == "json":
        document = {
            "id": id, "built": True, "severity": rule.severity, "phase": rule.phase, "title": rule.title, "why": rule.why,
            "checks": detail, "mend": rule.mend, "source": rule.source,
            "cases": [{"fails": case.fails, "patch": case.shown} for case in shown],
        }  # fmt: skip
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return 0
    click.echo(f"{id} ({rule.severity}, {rule.phase}): {rule.title}\n\nWhy:    {rule.why}\nChecks: {detail}")
    if rule.mend:
        click.echo(f"Mend:   {rule.mend}\nSource: {rule.source}")
    for fails, words in ((True, "Fails"), (False, "Passes")):
        case = next((c for c in shown if c.fails is fails), None)
        if case is not None:
            click.echo(f"\n{words}:\n" + "\n".join(f"  {line}" for line in case.shown.splitlines()))
    return 0
