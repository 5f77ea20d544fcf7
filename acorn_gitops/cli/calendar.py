"""`acorn calendar`. Comes in: promotions. Goes out: what holds when, in each store's own time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from acorn_gitops.cli.session import Session, language, output, shared
from acorn_gitops.model.finding import AcornError
from acorn_gitops.model.reference import sale_zone

if TYPE_CHECKING:
    from datetime import datetime

NEAR: Final = timedelta(days=730)
"""So far from now changes of the clocks are told: those of a promotion without end have none either."""


@click.command("calendar")
@click.option("--store", "stores", multiple=True, metavar="STORE", help="Only this storefront. Repeatable.")
@click.option("--all", "past", is_flag=True, help="Past promotions too.")
@shared
@output("text", "json", "html")
@language
def command(
    stores: tuple[str, ...],
    past: bool,
    environment: str | None,
    root: Path | None,
    no_color: bool,
    output: str,
    language: str,
) -> int:
    """Show the promotions of every store from boundary to boundary: which hold, on how many SKUs, where they
    meet, how deep they cut, what lies between them, where clocks change, and, in the EU, whether they are
    reductions against the lowest price of thirty days. Exit 1 when a price falls below its floor, or a
    reduction is none."""
    from acorn_gitops.engines.pricing.calendar import calendar_of
    from acorn_gitops.engines.pricing.reductions import reductions
    from acorn_gitops.ledger.opening import open_ledger
    from acorn_gitops.model.window import clock_changes, zone
    from acorn_gitops.reconcile.price_history import PriceHistory
    from acorn_gitops.report.calendar import laws_of, lines, row, together
    from acorn_gitops.rules.registry import check

    session = Session(root, environment, no_color)
    loaded = session.load()
    config = loaded.configuration
    # What is wrong may not be drawn at all: a promotion at an hour that does not exist, a price in another
    # currency.
    found = [*loaded.findings, *check(config, session.now(), after_errors=bool(loaded.findings))]
    session.warn(f for f in found if f.severity == "error")
    fronts = {s.name: s for s in config.stores.values() if s.spec.get("storefront")}
    unknown = [name for name in stores if name not in fronts]
    if unknown:
        raise AcornError(
            f"there is no storefront {unknown[0]}", hint=f"known: {', '.join(sorted(fronts)[:12])}"
        )
    ledger = open_ledger(session.ledger_path(loaded.project))
    history = PriceHistory(config, ledger, session.now())
    sums = laws_of(reductions(config, session.now(), history.prices, begins=history.begins, certain=True))
    ledger.close()
    calendar, now, pen = calendar_of(config), session.now(), session.pen
    rows: list[dict[str, object]] = []
    wrong = False
    for name in sorted(stores or fronts):
        local = zone(sale_zone(fronts[name].spec["storefront"]))
        spans = [s for s in calendar.timeline(name) if past or s.end > now]
        if spans and output == "text":
            click.echo(pen(name, "bold") + pen(f"  {local.key}", "dim"))
        before: datetime | None = None
        for span in spans:
            law = together(
                [sums[name, promo, span.start] for promo in span.promos if (name, promo, span.start) in sums]
            )
            begin = max(span.start, now - NEAR)
            changes = clock_changes(local.key, begin, min(span.end, max(span.start, now) + NEAR))
            gap = span.start - before if before is not None and before < span.start else None
            before = span.end
            wrong = wrong or bool(span.below) or bool(law and law.none)
            rows.append(row(name, span, law, changes=changes, gap=gap))
            if output == "text":
                for line in lines(span, law, changes, gap=gap, local=local, pen=pen):
                    click.echo(line)
    if output == "json":
        import orjson

        document = {"format_version": "1.0", "spans": rows}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    elif output == "html":
        from acorn_gitops import __version__
        from acorn_gitops.report.html import calendar_html

        page = calendar_html(
            rows,
            environment=loaded.project.environment,
            version=__version__,
            made_at=session.stamp(),
            language="zh" if language == "zh" else "en",
        )
        click.echo(page, nl=False)
    elif not rows:
        click.echo("No promotion is planned." if past else "No promotion holds or is planned from now on.")
    return 1 if wrong else 0
