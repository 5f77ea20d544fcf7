"""`acorn doctor`. Comes in: a repository. Goes out: what is wrong, in the order in which it blocks, and whom
to ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError, Finding
from acorn_gitops.specs.configuration import Configuration


class Part(NamedTuple):
    """One step of the diagnosis."""

    name: str
    state: str
    """good, attention, blocked or unknown."""
    words: list[str]
    ask: str


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Do not ask the marketplaces.")
@shared
@output("text", "json")
def command(offline: bool, environment: str | None, root: Path | None, no_color: bool, output: str) -> int:
    """Find the first cause: eligibility, integration, access, master data, connection, rehearsal, then what
    the monitors see. Exit 1 when something blocks."""
    import orjson

    session = Session(root, environment, no_color)
    parts = list(_parts(session, offline))
    first = next((p for p in parts if p.state == "blocked"), None)
    if output == "json":
        document = {
            "format_version": "1.0",
            "first_cause": first.name if first else None,
            "parts": [p._asdict() for p in parts],
        }
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        colour = {"good": "green", "attention": "yellow", "blocked": "red", "unknown": "dim"}
        for number, part in enumerate(parts, 1):
            click.echo(f"{number}. {part.name}: " + session.pen(part.state, colour[part.state]))
            for words in part.words[:5]:
                for line in session.pen.wrapped(f"   {words}", "dim"):
                    click.echo(line)
            if len(part.words) > 5:
                click.echo(session.pen(f"   and {len(part.words) - 5} more", "dim"))
        click.echo("")
        if first is None:
            click.echo(session.pen("Nothing blocks.", "green"))
        else:
            click.echo(session.pen("First cause: ", "bold") + f"{first.name}. {first.ask}")
    session.close()
    return 1 if first else 0


_ORDER = (
    (
        "Eligibility and admission",
        ("ONB",),
        "Ask the account manager, or open a case; nothing technical helps before.",
    ),
    ("Integration", ("INT",), "Ask whoever runs the systems: flows, fields, second channels."),
    ("Permissions", ("ROL",), "Ask whoever gives rights; `acorn access` says who has what."),
    ("Master data", ("GEN", "STO", "SKU", "TAX", "PRO"), "Mend the specs; each finding names its line."),
)


def _parts(session: Session, offline: bool) -> Iterator[Part]:
    from acorn_gitops.rules.context import Known
    from acorn_gitops.rules.registry import check

    loaded = session.load()
    config = loaded.configuration
    found = [*loaded.findings, *check(config, session.now(), after_errors=bool(loaded.findings))]
    unread = [f for f in loaded.findings if f.severity == "error"]
    for name, families, ask in _ORDER:
        if unread and "GEN" not in families:
            words = [f"{len(unread)} of the specs' errors must be mended first: part of them cannot be read"]
            yield Part(name, "unknown", words, ask=ask)
            continue
        mine = [f for f in found if f.id[:3] in families]
        part = _judged(name, mine, ask)
        if "ONB" in families:
            part = _with_stages(part, config, session)
        unrecorded = [f.message for f in mine if f.id == "ONB-001" and f.severity == "info"]
        yield (
            part._replace(state="unknown", words=unrecorded) if unrecorded and part.state == "good" else part
        )
    own = [f for f in found if f.id[:3] not in {p for _, fs, _ in _ORDER for p in fs} | {"MON"}]
    if own or config.own_rules.rules:
        yield _judged("Your own rules", own, "See policies/.")
    yield _connection(session, config, offline)
    yield _rehearsed(session, config)
    known = Known((), lambda *_: [], session.actor(), author=lambda *_: None)
    alerts = [f for f in found if f.id.startswith("MON-")] + check(
        config, session.now(), phase="drift", known=known
    )
    part = _judged("Operation", alerts, "The runbook of the monitor says what to do.")
    silent = [] if any(config.facts.has(t) for t in ("published", "orders", "channels", "participations")) else [
        "nothing is recorded of stock, orders, channels or the account (facts/): silence is not health"
    ]  # fmt: skip
    yield part._replace(
        words=[*part.words, *silent], state="unknown" if silent and part.state == "good" else part.state
    )


def _judged(name: str, findings: Iterable[Finding], ask: str) -> Part:
    told = [f for f in findings if f.severity != "info"]
    state = "blocked" if any(f.severity == "error" for f in told) else "attention" if told else "good"
    told.sort(key=lambda f: f.severity != "error")
    return Part(
        name, state, [f"{f.id} {f.message}" + (f" ({f.place})" if f.place else "") for f in told], ask=ask
    )


def _with_stages(part: Part, config: Configuration, session: Session) -> Part:
    """With what `acorn onboard` says of stores that have not come as far as they say."""
    from acorn_gitops.engines.onboarding import blocking

    words: list[str] = []
    for store in config.stores.values():
        first, lacks = blocking(store, session.now().date()) if store.spec.get("storefront") else ("", [])
        told = [one.words for one in lacks if not any(one.words in known for known in part.words)]
        if first and told:
            words.append(f"{store.name} is blocked at {first}: {'; '.join(told)} (`acorn onboard`)")
    return part._replace(state="blocked", words=[*part.words, *words]) if words else part


def _connection(session: Session, config: Configuration, offline: bool) -> Part:
    if offline:
        return Part("Connection", "unknown", ["not asked (--offline)"], ask="")
    from acorn_gitops.reconcile.connections import marketplaces

    words, state = [], "good"
    ask = "Technical: look at the address, the token and the marketplace's status page; its log has our request ids."
    for name, settings in sorted(config.connections.items()):
        try:
            stores = list(marketplaces(session, {name: settings})[name].stores())
            words.append(f"{name}: answers, and holds {len(stores)} store{'s' * (len(stores) != 1)}")
        except AcornError as error:
            state = "blocked"
            words.insert(0, f"{name}: {error.message}")
            if any(code in error.message for code in ("401", "403")):
                ask = "Permission: the account or token may not; ask the account manager or whoever administers it."
    return Part("Connection", state, words, ask=ask)


def _rehearsed(session: Session, config: Configuration) -> Part:
    from acorn_gitops.rules.rehearsal import asked, verdict

    proof = verdict(config, session.now())
    state = "good" if proof.passed else "blocked" if asked(config) else "attention"
    return Part(
        "Rehearsal",
        state,
        [proof.words],
        ask=f"Run `acorn rehearse --env {config.environment}`, and commit {proof.file}.",
    )
