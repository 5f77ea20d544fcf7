"""`acorn price`. Comes in: a store, a SKU, an instant. Goes out: what a buyer pays then, and why."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError
from acorn_gitops.model.reference import sale_zone

if TYPE_CHECKING:
    from acorn_gitops.engines.pricing.asked import Asked
    from acorn_gitops.engines.pricing.price import Offer


@click.command("price")
@click.option("--store", required=True, metavar="STORE", help="The storefront.")
@click.option("--sku", required=True, metavar="SKU", help="The SKU, as in its mapping.")
@click.option(
    "--at",
    "moment",
    metavar="TIME",
    help="When: 2026-11-27T12:00 is the store's own time; with Z or an offset an instant. Default: now.",
)
@click.option(
    "--audience",
    type=click.Choice(["all", "prime", "b2b", "segment"]),
    default="all",
    show_default=True,
    help="Who buys.",
)
@shared
@output("text", "json")
def command(
    store: str,
    sku: str,
    moment: str | None,
    audience: str,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
) -> int:
    """Show what a SKU costs in a store at a moment, and what every promotion does to it. Exit 1 when that is
    below a floor."""
    from acorn_gitops.engines.pricing.asked import asked
    from acorn_gitops.engines.pricing.calendar import Calendar

    session = Session(root, environment, no_color)
    config = session.readable()
    if store not in config.stores or not config.stores[store].spec.get("storefront"):
        fronts = [s.name for s in config.stores.values() if s.spec.get("storefront")]
        raise AcornError(f"there is no storefront {store}", hint=_near(store, fronts))
    calendar = Calendar(config)
    # A name that is a SKU means all of its listings, one of which may be called like it.
    found = [one for one in calendar.listings(store) if one.sku.spec["sku"] == sku]
    found = found or [one for one in calendar.listings(store) if one.key == sku]
    if not found:
        known = [s.spec["sku"] for s in config.skus]
        if sku in known:
            raise AcornError(f"{sku} has no usable price in {store}", hint="list it there with a price")
        raise AcornError(f"there is no SKU {sku}", hint=_near(sku, known))
    zone = sale_zone(config.stores[store].spec["storefront"])
    at = _moment(moment, zone, session.now())
    answers = [asked(calendar, listed, at, audience) for listed in found]
    if output == "json":
        import orjson

        first, *others = (_document(one, at, audience) for one in answers)
        document = {**first, "sku": sku, **({"others": others} if others else {})}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        local = f"{at.astimezone(_zone(zone)):%Y-%m-%d %H:%M} {zone}"
        for one in answers:
            name = sku if len(answers) == 1 or one.listed.key == sku else f"{sku} ({one.listed.key})"
            _print(session, one, f"{name} in {store}", f" · {local} · {audience}")
    return 1 if any(one.is_low for one in answers) else 0


def _document(one: Asked, at: datetime, audience: str) -> dict[str, object]:
    from acorn_gitops.engines.pricing.offer import major

    currency = one.listed.currency
    return {
        "format_version": "1.0",
        "store": one.listed.store,
        "sku": one.listed.key,
        "at": at.isoformat(),
        "audience": audience,
        "currency": currency,
        "listed": major(one.price.listed, currency),
        "base": major(one.price.base, currency),
        "pays": major(one.price.pays, currency),
        "lowest": major(one.worst.pays, currency),
        "floor": major(one.floor[0], currency) if one.floor else None,
        "below_floor": one.is_low,
        "steps": [
            {
                "promo": s.offer.name,
                "condition": s.offer.condition,
                "off": major(s.taken, currency),
                "why": s.why,
            }
            for s in one.worst.steps
        ],
    }


def _print(session: Session, one: Asked, name: str, when: str) -> None:
    from acorn_gitops.engines.pricing.offer import major

    pen = session.pen

    def money(amount: int) -> str:
        return f"{major(amount, one.listed.currency)} {one.listed.currency}"

    def named(offer: Offer) -> str:
        return offer.name + (f" ({offer.condition})" if offer.condition else "")

    click.echo(pen(name, "bold") + when)
    click.echo(f"  listed    {money(one.price.listed):>16}")
    if one.worst.listed != one.price.listed:
        click.echo(f"            {money(one.worst.listed):>16}  {one.for_pieces or 'ceded down to this'}")
    for step in one.worst.steps:
        if step.taken:
            click.echo(f"            {'-' + money(step.taken):>16}  {named(step.offer)}")
        else:
            click.echo(pen(f"            {'':>16}  {named(step.offer)}: {step.why}", "dim"))
    shown = {step.offer.name for step in one.worst.steps}
    for offer in one.offers:
        if offer.name not in shown:
            click.echo(pen(f"            {'':>16}  {named(offer)}: cheaper without it", "dim"))
    click.echo(f"  pays      {money(one.price.pays):>16}")
    if one.worst.pays != one.price.pays:
        click.echo(f"  at lowest {money(one.worst.pays):>16}  for whoever chooses best")
    if one.floor is not None:
        words = pen("below it", "red") if one.is_low else "kept"
        click.echo(f"  {one.floor[1]:<9} {money(one.floor[0]):>16}  {words}")


def _zone(name: str) -> ZoneInfo:
    from acorn_gitops.model.window import zone

    return zone(name)


def _moment(text: str | None, zone: str, now: datetime) -> datetime:
    from acorn_gitops.model.window import instant

    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is not None else instant(text, zone)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"--at {text}: {error}; write a time like 2026-11-27T12:00") from None


def _near(word: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known)[:8])}"
