"""`acorn price`. Comes in: a store, a SKU, an instant. Goes out: what a buyer pays then, and why."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError
from acorn_gitops.model.reference import sale_zone


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
    from acorn_gitops.engines.pricing.calendar import Calendar
    from acorn_gitops.engines.pricing.floors import floor_of, respected
    from acorn_gitops.engines.pricing.lowest import lowest_of_kinds
    from acorn_gitops.engines.pricing.margin import Margins
    from acorn_gitops.engines.pricing.offer import major, minor
    from acorn_gitops.engines.pricing.price import effective

    session = Session(root, environment, no_color)
    config = session.readable()
    if store not in config.stores or not config.stores[store].spec.get("storefront"):
        fronts = [s.name for s in config.stores.values() if s.spec.get("storefront")]
        raise AcornError(f"there is no storefront {store}", hint=_near(store, fronts))
    calendar = Calendar(config)
    found = [one for one in calendar.listings(store) if sku in (one.sku.spec["sku"], one.key)]
    if not found:
        known = [s.spec["sku"] for s in config.skus]
        if sku in known:
            raise AcornError(f"{sku} has no usable price in {store}", hint="list it there with a price")
        raise AcornError(f"there is no SKU {sku}", hint=_near(sku, known))
    if len(found) > 1 and sku not in [one.key for one in found]:
        keys = ", ".join(one.key for one in found)
        raise AcornError(f"{sku} is listed {len(found)} times in {store}", hint=f"ask for one of {keys}")
    listed = next((one for one in found if one.key == sku), found[0])
    zone = sale_zone(config.stores[store].spec["storefront"])
    at = _moment(moment, zone, session.now())
    here = calendar.active(listed, at, audience)
    price = effective(listed.price, [o for o in here if not o.condition or o.condition == f"for {audience}"])
    mine = [o._replace(audience="all") for o in here]
    sorts = lowest_of_kinds(mine, lambda state: respected(config.promos[o.name] for o in state))
    worst, floor = min(
        (
            (least.at(listed.price), floor_of(listed.sku, store, listed.currency, respect=respect))  # type: ignore[arg-type]
            for respect, least in sorts.items()
        ),
        key=lambda found: (found[1] is None or found[0].pays >= found[1][0], found[0].pays),
    )
    least = Margins(config, at.date().isoformat()).least(listed.sku, store, listed.currency)
    if least is not None:
        floor = max(floor or (0, ""), (minor(str(least.amount), listed.currency), "margin"))
    low = floor is not None and worst.pays < floor[0]

    def money(amount: int) -> str:
        return f"{major(amount, listed.currency)} {listed.currency}"

    if output == "json":
        import orjson

        document: dict[str, Any] = {
            "format_version": "1.0",
            "store": store,
            "sku": sku,
            "at": at.isoformat(),
            "audience": audience,
            "currency": listed.currency,
            "listed": major(price.listed, listed.currency),
            "base": major(price.base, listed.currency),
            "pays": major(price.pays, listed.currency),
            "lowest": major(worst.pays, listed.currency),
            "floor": major(floor[0], listed.currency) if floor else None,
            "below_floor": low,
            "steps": [
                {
                    "promo": s.offer.name,
                    "condition": s.offer.condition,
                    "off": major(s.taken, listed.currency),
                    "why": s.why,
                }
                for s in worst.steps
            ],
        }
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return 1 if low else 0
    pen = session.pen
    local = at.astimezone(_zone(zone))
    click.echo(pen(f"{sku} in {store}", "bold") + f" · {local:%Y-%m-%d %H:%M} {zone} · {audience}")
    click.echo(f"  listed    {money(price.listed):>16}")
    for step in worst.steps:
        what = f"{step.offer.name}" + (f" ({step.offer.condition})" if step.offer.condition else "")
        if step.taken:
            click.echo(f"            {'-' + money(step.taken):>16}  {what}")
        else:
            click.echo(pen(f"            {'':>16}  {what}: {step.why}", "dim"))
    for offer in here:
        if offer.name not in [step.offer.name for step in worst.steps]:
            what = f"{offer.name}" + (f" ({offer.condition})" if offer.condition else "")
            click.echo(pen(f"            {'':>16}  {what}: cheaper without it", "dim"))
    click.echo(f"  pays      {money(price.pays):>16}")
    if worst.pays != price.pays:
        click.echo(f"  at lowest {money(worst.pays):>16}  for whoever chooses best")
    if floor is not None:
        words = pen("below it", "red") if low else "kept"
        click.echo(f"  {floor[1]:<9} {money(floor[0]):>16}  {words}")
    return 1 if low else 0


def _zone(name: str) -> Any:
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
