"""`acorn tax`. Comes in: the facts of a sale. Goes out: who owes what, by which rule, and why not by the
others."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acorn_gitops.cli.session import Session, output, shared
from acorn_gitops.model.finding import AcornError

_ID_WORDS = {"valid": "with", "present": "with an unchecked", "absent": "without"}

if TYPE_CHECKING:
    from acorn_gitops.engines.sales import Cell
    from acorn_gitops.engines.tax import Decision, Supply
    from acorn_gitops.model.typed import AttributesData, StoreData
    from acorn_gitops.specs.configuration import Configuration, Spec


class _Asked(click.Group):
    """A question without a name is `explain`."""

    asks = "explain"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("--") and args[0] != "--help":
            args = [self.asks, *args]
        return super().parse_args(ctx, args)


@click.group("tax", cls=_Asked)
def command() -> None:
    """Ask the tax rules: what holds for one sale (`acorn tax --store amz-de --to FR` is short for `acorn tax
    explain …`), or for all that the specs speak of. Not tax advice."""


def _loaded(root: Path | None, environment: str | None, no_color: bool) -> tuple[Session, Configuration]:
    session = Session(root, environment, no_color)
    loaded = session.load()
    if any(f.severity == "error" for f in loaded.findings):
        session.warn(loaded.findings)
    return session, loaded.configuration


def _storefront(config: Configuration, name: str) -> Spec[StoreData]:
    front = config.stores.get(name)
    if front is None or not front.spec.get("storefront"):
        known = sorted(s.name for s in config.stores.values() if s.spec.get("storefront"))
        raise AcornError(f"there is no storefront {name}", hint=f"known: {', '.join(known[:12])}")
    return front


def _date(session: Session, text: str | None, front: Spec[StoreData] | None = None) -> str:
    """The tax point: today by the storefront's own clock, or in UTC where it is of none."""
    from datetime import date

    from acorn_gitops.model.reference import sale_zone
    from acorn_gitops.model.window import NoSuchZone, zone

    if text is None:
        now = session.now()
        try:
            here = sale_zone(front.spec["storefront"]) if front is not None else "UTC"
            return now.astimezone(zone(here)).date().isoformat()
        except NoSuchZone:
            return now.date().isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise click.UsageError(f"--date {text} is no date like 2026-11-27") from None


def _place(option: str, text: str) -> str:
    """A place by its code, or by a country and a postcode (`DE 78266`)."""
    from acorn_gitops.model.territory import by_postcode, canonical, is_postcode, nearest

    country, _, postcode = text.partition(" ")
    if canonical(country) is None:
        raise click.UsageError(f"{option} {text} is no territory like FR, US-NY or ES-CN: {nearest(country)}")
    if not is_postcode(country, postcode):
        raise click.UsageError(f"{option} {text}: {postcode} is no postcode of {country}")
    return by_postcode(country, postcode) or country


@command.command("explain")
@click.option("--store", required=True, metavar="STORE", help="The storefront that sells.")
@click.option(
    "--to",
    "ship_to",
    required=True,
    metavar="TERRITORY",
    help="Where it goes: FR, US-NY, ES-CN; or a country and a postcode ('DE 78266').",
)
@click.option(
    "--from",
    "ship_from",
    metavar="TERRITORY",
    help="Where it leaves. Default: where the SKU's first source is, else the store's country.",
)
@click.option("--sku", metavar="SKU", help="What is sold, as in its mapping.")
@click.option(
    "--customer", type=click.Choice(["b2c", "b2b"]), default="b2c", show_default=True, help="Who buys."
)
@click.option(
    "--vat-id",
    type=click.Choice(["valid", "present", "absent"]),
    default="absent",
    show_default=True,
    help="The buyer's VAT id: verified, only told, or none.",
)
@click.option("--date", "day", metavar="DATE", help="The tax point. Default: today.")
@click.option("--value", metavar="AMOUNT", help='Value of the consignment, e.g. "120.00 EUR".')
@shared
@output("text", "json")
def explain(
    store: str,
    ship_to: str,
    ship_from: str | None,
    sku: str | None,
    customer: str,
    vat_id: str,
    day: str | None,
    value: str | None,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
) -> int:
    """Decide one sale: the winning rule, and why every other one lost. Exit 1 for a hole or a tie."""
    from acorn_gitops.engines.tax import Supply, country_of, decide
    from acorn_gitops.model.territory import of_address

    session, config = _loaded(root, environment, no_color)
    front = _storefront(config, store)
    item = next((s for s in config.skus if s.spec["sku"] == sku), None)
    if sku is not None and item is None:
        raise AcornError(f"there is no SKU {sku}", hint="write it as in its mapping")
    facts: AttributesData = (item.spec.get("attributes") or {}) if item is not None else {}
    if ship_from is None:
        sources = (item.spec.get("inventory") or {}).get("sources") or () if item is not None else ()
        first = min(sources, key=lambda s: s.get("priority") or 0, default=None)
        location = config.stores.get(first["location"]) if first is not None else None
        if location is not None and location.spec.get("physical"):
            ship_from = of_address(location.spec["physical"]["address"])
    supply = Supply(
        store,
        _place("--from", ship_from or country_of(front.spec["storefront"]) or ship_to),
        _place("--to", ship_to),
        customer=customer,
        vat_id=vat_id if customer == "b2b" else "absent",
        date=_date(session, day, front),
        sku=sku or "",
        tax_class=facts.get("taxClass") or "",
        ptc=facts.get("ptc") or "",
        value=_amount(value),
    )
    decision = decide(config, supply)
    if output == "json":
        import orjson

        click.echo(orjson.dumps(_json(supply, decision), option=orjson.OPT_INDENT_2).decode())
    else:
        _print(session, supply, decision)
    return 1 if decision.problem else 0


def _amount(text: str | None) -> tuple[Decimal, str] | None:
    from acorn_gitops.model.reference import minor_units

    if text is None:
        return None
    number, _, currency = text.partition(" ")
    try:
        amount = Decimal(number)
    except InvalidOperation:
        amount = Decimal("NaN")
    currency = currency.strip().upper()
    if not amount.is_finite() or amount < 0 or currency not in minor_units():
        raise click.UsageError(f'--value {text} is no amount with its currency like "120.00 EUR"')
    return amount, currency


def _json(supply: Supply, decision: Decision) -> dict[str, object]:
    result = decision.winner.spec["result"] if decision.winner is not None else {}
    return {
        "format_version": "1.0",
        "supply": {k: v for k, v in {**supply._asdict(), "value": supply.worth}.items() if v},
        "problem": decision.problem or None,
        "rule": decision.winner.name if decision.winner is not None else None,
        "liable_party": result.get("liableParty"),
        "treatment": result.get("treatment"),
        "percent": decision.percent,
        "taxes": [
            {"name": one.name, "percent": one.percent, "liable_party": one.liable} for one in decision.taxes
        ],
        "scheme": result.get("scheme"),
        "invoice": result.get("invoice"),
        "candidates": [{"rule": c.rule.name, "lost": c.lost or None} for c in decision.candidates],
    }


def _print(session: Session, supply: Supply, decision: Decision) -> None:
    pen = session.pen
    who = supply.customer + (f", VAT id {supply.vat_id}" if supply.customer == "b2b" else "")
    what = f"{supply.sku or 'goods'}" + (f" ({supply.tax_class})" if supply.tax_class else "")
    click.echo(
        pen(f"{what} from {supply.ship_from} to {supply.ship_to}", "bold")
        + f" · {supply.store} · {who} · {supply.date}"
        + (f" · {supply.worth}" if supply.worth else "")
    )
    if decision.winner is not None:
        result = decision.winner.spec["result"]
        lines: list[tuple[str, str]] = [("liable", result["liableParty"]), ("treatment", result["treatment"])]
        if decision.percent is not None:
            lines.append(("rate", f"{decision.percent} %"))
        lines += [(one.name, f"{one.percent} %, owed by the {one.liable}") for one in decision.taxes]
        if result.get("scheme"):
            lines.append(("scheme", result["scheme"]))
        invoice = result.get("invoice") or {}
        shown = (("category", invoice.get("category")), ("mention", invoice.get("mention")))
        lines += [(name, text) for name, text in shown if text]
        lines.append(("rule", f"{decision.winner.name}  {decision.winner.origin}"))
        source = (decision.winner.spec.get("evidence") or {}).get("source")
        if source:
            lines.append(("because", source))
        for name, text in lines:
            click.echo(f"  {name:<10} {text}")
    if decision.problem:
        click.echo(pen(f"  ! {decision.problem}: nothing may be invoiced like this", "red"))
    for candidate in decision.candidates:
        if candidate.lost:
            click.echo(pen(f"  · {candidate.rule.name}: {candidate.lost}", "dim"))


@command.command("matrix")
@click.option("--store", metavar="STORE", help="Only this storefront.")
@click.option("--date", "day", metavar="DATE", help="The tax point. Default: today.")
@shared
@output("text", "json")
def matrix(
    store: str | None,
    day: str | None,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
) -> int:
    """Every sale that the specs speak of: stores, ship-from, ship-to, consumers and businesses. Exit 1 when a
    cell is a hole or a tie; places beside the countries that rules name (the Canary Islands beside Spain) are
    shown, and count only when a rule names them."""
    from acorn_gitops.engines.sales import matrix as cells_of

    session, config = _loaded(root, environment, no_color)
    front = _storefront(config, store) if store is not None else None
    cells = cells_of(config, _date(session, day, front), store)
    bad = sum(bool(cell.decision.problem) and not cell.beside for cell in cells)
    beside = sum(cell.beside for cell in cells)
    if output == "json":
        import orjson

        rows = [{k: v for k, v in _json(c.supply, c.decision).items() if k != "candidates"} for c in cells]
        document = {"format_version": "1.0", "problems": bad, "beside": beside, "cells": rows}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return 1 if bad else 0
    pen = session.pen
    rows_of: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in cells:
        s = cell.supply
        rows_of.setdefault((s.store, s.tax_class, s.ship_from, s.ship_to), []).append(cell)
    last = None
    for (name, tax_class, ship_from, ship_to), row in rows_of.items():
        if (name, tax_class) != last:
            click.echo(pen(name, "bold") + (f"  {tax_class}" if tax_class else ""))
            last = (name, tax_class)
        shown: dict[str, list[str]] = {}
        for cell in row:
            s = cell.supply
            who = "consumers" if s.customer == "b2c" else f"businesses {_ID_WORDS[s.vat_id]} id"
            who += f" at {s.worth}" if s.worth else ""
            shown.setdefault(cell.decision.words, []).append(who)
        for words, whom in shown.items():
            everybody = "everybody" if len(whom) == len(row) else ", ".join(whom)
            hole = any(c.decision.problem and c.decision.words == words for c in row)
            text = f"  {ship_from:>5} to {ship_to:<6} {words}"
            click.echo((pen(text, "red") if hole else text) + pen(f"  ({everybody})", "dim"))
    click.echo(
        f"{len(cells):,} cells"
        + (
            pen(f", {bad:,} without an answer", "red")
            if bad
            else pen(", each with one answer", "green")
            if cells
            else ": no tax rule speaks of a storefront"
        )
        + (pen(f" ({beside:,} beside the countries that rules name have none)", "yellow") if beside else "")
        + "."
    )
    return 1 if bad else 0
