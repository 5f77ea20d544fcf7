"""`acorn access`. Comes in: who, what, where. Goes out: whether they may, through which roles, and why
not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError

if TYPE_CHECKING:
    from acorn_gitops.engines.access import Access, Right, Source, Subject


@click.command("access")
@click.option("--who", metavar="SUBJECT", help="An e-mail address, or group:NAME, app:NAME.")
@click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="A group that they are in. Repeatable."
)
@click.option("--what", metavar="RIGHT", help="resource.verb, e.g. price.write.")
@click.option("--store", metavar="STORE", help="Only there; by default every store.")
@click.option("--on", "day", metavar="DATE", help="On that day. Default: today.")
@shared
@output("text", "json")
def command(
    who: str | None,
    groups: tuple[str, ...],
    what: str | None,
    store: str | None,
    day: str | None,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
) -> int:
    """Ask who may do what, where.

    With --who and --what: whether they may, in each store; exit 1 where they may not. With --who alone: all
    that they may. With --what alone: who may.
    """
    from datetime import date

    from acorn_gitops.engines.access import RESOURCES, VERBS, Access, Right, subject

    session = Session(root, environment, no_color)
    config = session.readable()
    if who is None and what is None:
        raise click.UsageError("say --who, --what, or both")
    if store is not None and store not in config.stores:
        raise AcornError(f"there is no store {store}", hint=f"known: {', '.join(sorted(config.stores)[:12])}")
    try:
        today = date.fromisoformat(day).isoformat() if day else session.now().date().isoformat()
    except ValueError:
        raise click.UsageError(f"--on {day} is no date like 2026-11-27") from None
    right = None
    if what is not None:
        resource, _, verb = what.rpartition(".")
        if resource not in RESOURCES or verb not in VERBS:
            raise click.UsageError(
                f"--what {what} is no right like price.write; resources: {', '.join(RESOURCES)}; verbs: {', '.join(VERBS)}"
            )
        right = Right(resource, verb)
    access = Access(config, today)
    subjects: list[Subject] = []
    if who is not None:
        kind, colon, id = who.partition(":")
        known = colon and kind in ("user", "group", "app")
        subjects = [subject(kind, id) if known else subject("user", who)]
        subjects += [subject("group", group) for group in groups]
    stores = [store] if store is not None else sorted(config.stores)
    rows, denied = _rows(access, subjects, right, stores=stores)
    if output == "json":
        import orjson

        document = {"format_version": "1.0", "on": today, "rows": rows}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        _print(session, rows)
    return 1 if denied else 0


def _rows(
    access: Access, who: list[Subject], right: Right | None, stores: list[str]
) -> tuple[list[dict[str, object]], bool]:
    rows: list[dict[str, object]] = []
    denied = False
    for store in stores:
        if who and right is not None:
            decision = access.decide(who, store, right)
            denied = denied or not decision.allowed
            rows.append(
                {
                    "store": store,
                    "who": str(who[0]),
                    "what": str(right),
                    "allowed": decision.allowed,
                    "through": _sources(decision.sources),
                    "not_through": [{"role": role, "why": why} for role, why in decision.lost],
                }
            )
        elif who:
            rights = access.rights(who, store)
            if rights:
                held = {str(r): _sources(sources) for r, sources in sorted(rights.items())}
                rows.append({"store": store, "who": str(who[0]), "rights": held})
        elif right is not None:
            holders = [str(s) for s in access.holders(store, right)]
            rows.append({"store": store, "what": str(right), "holders": holders})
    return rows, denied


def _sources(found: Iterable[Source]) -> list[dict[str, object]]:
    """Each once: two rules of a role may give the same right alike."""
    rows: list[dict[str, object]] = []
    for one in map(_source, found):
        if one not in rows:
            rows.append(one)
    return rows


def _source(source: Source) -> dict[str, object]:
    until = (source.role.spec.get("validity") or {}).get("until")
    return {
        "role": source.role.name,
        "granted_to": str(source.subject),
        "limits": dict(source.constraints) or None,
        "until": until,
        "origin": str(source.role.origin),
    }


def _print(session: Session, rows: list[dict[str, Any]]) -> None:
    pen = session.pen
    if not rows:
        click.echo("No rights anywhere.")
    for row in rows:
        if "allowed" in row:
            verdict = pen("may", "green") if row["allowed"] else pen("may not", "red")
            click.echo(f"{row['who']} {verdict} {row['what']} in {pen(row['store'], 'bold')}")
            for source in row["through"]:
                limits = "".join(f", {k} {_short(v)}" for k, v in (source["limits"] or {}).items())
                until = f", until {source['until']}" if source["until"] else ""
                click.echo(
                    f"  through {source['role']} ({source['granted_to']}{limits}{until})  {source['origin']}"
                )
            for lost in row["not_through"]:
                click.echo(pen(f"  · {lost['role']} {lost['why']}", "dim"))
        elif "rights" in row:
            click.echo(pen(row["store"], "bold"))
            by_resource: dict[str, list[str]] = {}
            for right in row["rights"]:
                resource, _, verb = right.rpartition(".")
                by_resource.setdefault(resource, []).append(verb)
            for resource, verbs in by_resource.items():
                roles = {s["role"] for verb in verbs for s in row["rights"][f"{resource}.{verb}"]}
                through = pen(f"  through {', '.join(sorted(roles))}", "dim")
                click.echo(f"  {resource:<15} {', '.join(verbs)}{through}")
        else:
            people = ", ".join(row["holders"]) or pen("nobody", "yellow")
            click.echo(f"{pen(row['store'], 'bold')}  {people}")


def _short(value: object) -> str:
    return f"{value['value']} {value['currency']}" if isinstance(value, dict) else str(value)
