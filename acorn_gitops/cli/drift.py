"""`acorn drift`. Comes in: live stores and the ledger. Goes out: what was changed outside; nothing is written."""

from __future__ import annotations

from pathlib import Path

import click

from acorn_gitops.cli.session import Session, output, select, shared


@click.command("drift")
@shared
@select
@output("text", "json")
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit 2 when there is drift, or a monitor tells something."
)
@click.option(
    "--allow-empty", multiple=True, metavar="STORE", help="Believe that this store is empty now. Repeatable."
)
def command(
    environment: str | None,
    root: Path | None,
    no_color: bool,
    selected: tuple[str, ...],
    output: str,
    detailed_exitcode: bool,
    allow_empty: tuple[str, ...],
) -> int:
    """Show what was changed outside since the last apply, and what the monitors see in recorded facts. Edited specs are not
    drift, and are only counted."""
    from acorn_gitops.model.finding import Finding
    from acorn_gitops.plan.drift import store_drift
    from acorn_gitops.reconcile import guards
    from acorn_gitops.reconcile.planning import has_margins, least_price, nonsense
    from acorn_gitops.reconcile.states import Wishes, refuse_idle, situation, views
    from acorn_gitops.report.text import drift_text, findings_text
    from acorn_gitops.rules.context import Known
    from acorn_gitops.rules.registry import check

    session = Session(root, environment, no_color)
    loaded, _ = session.checked()
    wishes = Wishes(selected, False, allow_empty)
    state = situation(session, loaded, wishes)
    found, errors = [], {}
    below: list[Finding] = []
    least = least_price(loaded, session.now())
    for view in views(state, wishes):
        if view.error:
            errors[view.store] = view.error
            continue
        try:
            drift = store_drift(view.store, view.desired, view.live, view.applied)
            below += guards.in_other_currencies(view)
            below += guards.below_floor(view, session.now(), least, margins=has_margins(loaded))
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            errors[view.store] = nonsense(error)
            continue
        found.append(drift)
    if not errors:
        refuse_idle(state)
    session.close()
    changed = [(d.address, path.split(".")[0]) for s in found for d in s.drifted for path, _, _ in d.fields]
    known = Known((), lambda *_: [], session.actor(), lambda *_: None, drifted=changed)
    seen = [*below, *check(loaded.configuration, session.now(), phase="drift", known=known)]
    drifted = sum(len(s.drifted) for s in found)
    if output == "json":
        import orjson

        document = {
            "format_version": "1.0",
            "environment": loaded.project.environment,
            "drifted": drifted,
            "errors": errors,
            "unapplied": sum(s.unapplied for s in found),
            "watched": sum(s.watched for s in found),
            "findings": [
                {
                    "id": f.id,
                    "severity": f.severity,
                    "message": f.message,
                    "hint": f.hint,
                    "subject": f.subject,
                }
                for f in seen
            ],
            "stores": [
                {
                    "store": s.store,
                    "watched": s.watched,
                    "unapplied": s.unapplied,
                    "unmanaged": [str(a) for a in s.unmanaged],
                    "drifted": [
                        {
                            "address": str(d.address),
                            "deleted": d.deleted,
                            "fields": [{"path": p, "applied": a, "live": b} for p, a, b in d.fields],
                        }
                        for d in s.drifted
                    ],
                }
                for s in found
            ],
        }
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(drift_text(found, errors, session.pen), nl=False)
        if seen:
            click.echo("\n" + findings_text(seen, session.pen), nl=False)
    if errors:
        return 1
    told = any(f.severity != "info" for f in seen)
    return 2 if detailed_exitcode and (drifted or told) else 0
