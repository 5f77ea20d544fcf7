"""`acorn validate`. Comes in: a repository. Goes out: every finding; exit 4 when there is an error."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import Finding
from acorn_gitops.report.text import findings_text


@click.command("validate")
@shared
@output("text", "json")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
def command(environment: str | None, root: Path | None, no_color: bool, output: str, strict: bool) -> int:
    """Check every spec offline: syntax, schema, rules. All errors of all files at once."""
    from acorn_gitops.rules.registry import check

    session = Session(root, environment, no_color)
    loaded = session.load()
    findings = sorted(
        {*loaded.findings, *check(loaded.configuration, session.now(), after_errors=bool(loaded.findings))},
        key=Finding.sort_key,
    )
    errors = sum(f.severity == "error" for f in findings)
    warnings = sum(f.severity == "warning" for f in findings)
    config = loaded.configuration
    if output == "json":
        document = {
            "format_version": "1.0",
            "valid": not errors,
            "errors": errors,
            "warnings": warnings,
            "files": len(loaded.files),
            "findings": [f.to_json() for f in findings],
        }
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(findings_text(findings, session.pen), nl=False)
        counted = (
            ", ".join(
                f"{count:,} {what}{'s' if count != 1 else ''}"
                for count, what in (
                    (len(config.stores), "store"),
                    (len(config.skus), "SKU"),
                    (len(config.roles), "role"),
                    (len(config.taxes), "tax rule"),
                    (len(config.promos), "promotion"),
                )
            )
            + f" in {len(loaded.files):,} file{'s' if len(loaded.files) != 1 else ''}"
        )
        verdict = session.pen("Valid", "green") if not errors else session.pen("Invalid", "red")
        more = ", ".join(
            f"{n} {w}{'s' if n != 1 else ''}" for n, w in ((errors, "error"), (warnings, "warning")) if n
        )
        click.echo(f"{verdict}{f' ({more})' if more else ''}: {config.environment}, {counted}.")
    return 4 if errors or (strict and warnings) else 0
