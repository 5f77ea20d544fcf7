"""What every store turned over, and all of them together. Comes in: recorded statements, dated exchange
rates. Goes out: a table with sums. Caller: `acorn view`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from acorn_gitops.cli.view.panel import age, chosen_stores, flow_limit, open_specs, options, show, state_of

if TYPE_CHECKING:
    from acorn_gitops.engines.pricing.margin import Margins
    from acorn_gitops.engines.statements import Difference, Statement

_COLUMNS: Final = {"sales": "sales", "refunds": "refunds", "fees": "fees", "adSpend": "ad_spend"}
_MONTH: Final = timedelta(days=45)
"""A settlement is a month's; a feed that was silent for longer is stale, unless its flow says a time of its
own."""


@click.command("finance")
@options
@click.option(
    "--currency",
    metavar="CUR",
    help="The currency of the sums, by the dated rates of acorn.yaml. Default: baseCurrency.",
)
@click.option("--month", metavar="YYYY-MM", help="Only periods that begin in this month.")
def command(
    stores: tuple[str, ...],
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    currency: str | None,
    month: str | None,
) -> int:
    """Sales, refunds, returns, fees and advertising by store and period, with sums in one currency. What was
    not reported is missing, never nothing; currencies are never mixed."""
    import re

    from acorn_gitops.engines.pricing.margin import Margins
    from acorn_gitops.engines.statements import differences, overlapping, statements
    from acorn_gitops.model.money import quantum
    from acorn_gitops.report.table import Table
    from acorn_gitops.specs.facts import at

    if month is not None and not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", month):
        raise click.UsageError(f"--month {month} is no month like 2026-10")
    if currency is not None and not re.fullmatch(r"[A-Z]{3}", currency):
        raise click.UsageError(f"--currency {currency} is no currency like EUR")
    session, config = open_specs(root, environment, no_color)
    base = currency or config.settings.get("baseCurrency") or "EUR"
    margins = Margins(config, session.now().date().isoformat())
    found = statements(config, "marketplace", month or "")
    apart = {(d.theirs.store, d.theirs.start, d.theirs.end): d for d in differences(config, month or "")}
    rows: list[dict[str, Any]] = []
    shown: list[Statement] = []
    for store in chosen_stores(config, stores, fronts=True):
        mine = [s for s in found if s.store == store.name]
        shown += mine
        limit = flow_limit(store, "finance") or _MONTH
        newest = max((s.row["asOf"] for s in mine), key=at, default=None)
        state = "missing" if newest is None else state_of(session.now(), newest, limit)
        if not mine:
            rows.append({"store": store.name, "state": state})
        rows += [
            _row(
                one,
                apart.get((one.store, one.start, one.end)),
                margins,
                base=base,
                state=state,
                unit=quantum(base),
            )
            for one in mine
        ]
    sales = f"sales_{base}"
    headings = [
        "store", "from", "to", "currency", *_COLUMNS.values(), "return_percent", sales, "our_books", "as_of", "state",
    ]  # fmt: skip
    rates = config.settings.get("exchangeRates") or {}
    used = {s.currency for s in shown} - {base}
    notes = [
        f"the periods from {a.start} and from {b.start} of {a.store} overlap: days are counted twice in the sums"
        for a, b in overlapping(shown)
    ]
    notes += [f"no rate between {c} and {base} in acorn.yaml" for c in sorted(used) if margins.exchange(Decimal(1), c, base) is None]  # fmt: skip
    missing = [row["store"] for row in rows if row["state"] == "missing"]
    if missing:
        notes.append(f"not in the sums, because nothing was reported: {', '.join(missing)}")
    fresh = {
        "finance": age(session.now(), (s.row["asOf"] for s in shown), newest=True),
        "exchange rates": ", ".join(
            f"{k} {v['rate']} of {v['asOf']}" for k, v in sorted(rates.items()) if {*k.split("/")} & used
        )
        or "none needed",
    }
    totals = _totals(shown, rows, sales, margins=margins, base=base)
    return show(
        Table("finance", headings, rows, freshness=fresh, notes=notes, totals=totals), output, session
    )


def _row(
    one: Statement, apart: Difference | None, margins: Margins, base: str, state: str, unit: Decimal
) -> dict[str, object]:
    in_base = margins.exchange(one.amounts["sales"] or Decimal(0), one.currency, base)
    return {
        "store": one.store,
        "from": one.start,
        "to": one.end,
        "currency": one.currency,
        **{
            shown: str(one.amounts[name]) if one.amounts[name] is not None else None
            for name, shown in _COLUMNS.items()
        },
        "return_percent": str(one.return_rate) if one.return_rate is not None else None,
        f"sales_{base}": str(in_base.quantize(unit)) if in_base is not None else None,
        "our_books": None
        if apart is None
        else "the same"
        if not apart.percent
        else f"{apart.percent} % apart",
        "as_of": one.row["asOf"],
        "state": state,
    }


def _totals(
    found: Sequence[Statement], rows: Sequence[dict[str, Any]], sales: str, margins: Margins, base: str
) -> list[dict[str, object]]:
    """A sum for each currency, and one over all in the base currency: of the rows as they are shown, so that
    they agree. A sum of which a part was not reported, or cannot be exchanged, is not known."""
    totals = []
    for currency in sorted({s.currency for s in found}):
        mine = [s for s in found if s.currency == currency]
        sums: dict[str, object] = {"store": "TOTAL", "currency": currency}
        for name, shown in _COLUMNS.items():
            sums[shown] = _together([s.amounts[name] for s in mine])
        totals.append(sums)
    if found:
        every: dict[str, object] = {"store": "TOTAL", "currency": f"all in {base}"}
        for name, shown in _COLUMNS.items():
            every[shown] = _together([_exchanged(s, name, margins, base=base) for s in found])
        in_base = [row.get(sales) for row in rows if row.get("from")]
        every[sales] = _together([None if text is None else Decimal(text) for text in in_base])
        totals.append(every)
    return totals


def _exchanged(one: Statement, name: str, margins: Margins, base: str) -> Decimal | None:
    from acorn_gitops.model.money import round_half_up

    amount = one.amounts[name]
    here = margins.exchange(amount, one.currency, base) if amount is not None else None
    return round_half_up(here, base) if here is not None else None


def _together(amounts: Sequence[Decimal | None]) -> str | None:
    """A sum; None where a part is not known."""
    known = [amount for amount in amounts if amount is not None]
    return str(sum(known, Decimal(0))) if len(known) == len(amounts) else None
