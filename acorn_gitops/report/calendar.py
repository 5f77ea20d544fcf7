"""A promotion calendar as people and programs read it. Comes in: times of one store, reductions. Goes out:
lines, rows. Caller: cli `calendar`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from acorn_gitops.engines.pricing.calendar import Span
from acorn_gitops.engines.pricing.offer import major
from acorn_gitops.engines.pricing.prior_price import DAYS
from acorn_gitops.engines.pricing.reductions import Reduction
from acorn_gitops.model.window import utc_text
from acorn_gitops.report.text import Pen


class Law(NamedTuple):
    """Reductions of a promotion in a store: how many, how many are none, how many cannot be judged, and the
    first that is none."""

    every: int
    none: int
    unknown: int
    first: Reduction | None


def laws_of(found: Iterable[Reduction]) -> dict[tuple[str, str, datetime], Law]:
    """By store, promotion and its beginning there."""
    sums: dict[tuple[str, str, datetime], Law] = {}
    for one in found:
        key = (one.store, one.dated.promo.name, one.dated.start)
        law = Law(1, not one.is_one, one.is_one and not one.complete, first=None if one.is_one else one)
        sums[key] = together([sums[key], law]) or law if key in sums else law
    return sums


def together(laws: Sequence[Law]) -> Law | None:
    """Several as one; None of none."""
    if not laws:
        return None
    first = next((law.first for law in laws if law.first is not None), None)
    return Law(
        sum(w.every for w in laws), sum(w.none for w in laws), sum(w.unknown for w in laws), first=first
    )


def row(
    store: str,
    span: Span,
    law: Law | None,
    changes: Sequence[tuple[datetime, timedelta]],
    gap: timedelta | None,
) -> dict[str, object]:
    """As JSON; `gap` is the time without promotions before."""
    worst, most = span.worst, span.most
    return {
        "store": store,
        "start": span.start.isoformat(),
        "end": span.end.isoformat(),
        "hours_without_before": None if gap is None else _hours(gap),
        "promos": list(span.promos),
        "skus": span.skus,
        "stacked": span.stacked,
        "deepest_percent": str(-span.deepest),
        "deepest": {"sku": most.sku, "pays": major(most.pays, most.currency), "currency": most.currency},
        "below_floor": span.below,
        "worst": None
        if worst is None
        else {
            "sku": worst.sku,
            "pays": major(worst.pays, worst.currency),
            "floor": major(worst.floor or 0, worst.currency),
            "currency": worst.currency,
        },
        "clock_changes": [{"at": utc_text(at), "hours": _hours(by)} for at, by in changes],
        "prior_price": None
        if law is None
        else {"reductions": law.every, "none": law.none, "unknown": law.unknown},
    }


def _hours(length: timedelta) -> str:
    return f"{Decimal(int(length.total_seconds())) / 3600:.2f}".rstrip("0").rstrip(".")


def lines(
    span: Span,
    law: Law | None,
    changes: Sequence[tuple[datetime, timedelta]],
    gap: timedelta | None,
    local: ZoneInfo,
    pen: Pen,
) -> Iterator[str]:
    """As text."""
    if gap is not None:
        yield pen(f"  nothing for {_length(gap)}", "dim")
    begin, end = (f"{t.astimezone(local):%Y-%m-%d %H:%M}" for t in (span.start, span.end))
    yield f"  {begin} to {end}  {' + '.join(span.promos)}"
    facts = [
        f"{span.skus:,} SKU{'s' if span.skus != 1 else ''}",
        f"deepest -{span.deepest} % ({span.most.sku} at {major(span.most.pays, span.most.currency)} {span.most.currency})",
    ]
    if span.stacked:
        facts.append(f"{span.stacked:,} with more than one")
    yield pen("    " + ", ".join(facts), "dim")
    if span.worst is not None:
        low = span.worst
        yield pen(
            f"    {span.below:,} below their floor, worst {low.sku} at {major(low.pays, low.currency)} {low.currency},"
            f" floor {major(low.floor or 0, low.currency)}",
            "red",
        )
    for at, by in changes:
        way, less = ("forward", "shorter") if by > timedelta() else ("back", "longer")
        yield pen(
            f"    the clocks go {way} on {at.astimezone(local):%Y-%m-%d}: {_length(abs(by))} {less} than its days",
            "yellow",
        )
    if law is not None:
        yield _law_line(law, pen)


def _law_line(law: Law, pen: Pen) -> str:
    """What is to be said of prior prices."""
    words = []
    if law.first is not None and law.first.before is not None:
        one = law.first
        words.append(
            f"{law.none:,} no reduction, first {one.sku} at {major(one.pays, one.currency)} {one.currency},"
            f" was {major(one.before or 0, one.currency)}"
        )
    if law.unknown:
        words.append(f"{law.unknown:,} not known")
    fine = law.every - law.none - law.unknown
    if fine or not words:
        words.insert(0, f"{fine:,} fine")
    line = f"    lowest price of {DAYS} days before: {'; '.join(words)}"
    return pen(line, "red" if law.none else "yellow" if law.unknown else "dim")


def _length(length: timedelta) -> str:
    days, rest = length.days, length - timedelta(days=length.days)
    if days >= 2 or (days == 1 and not rest):
        return f"{days} day{'s' if days != 1 else ''}" + (f" and {_hours(rest)} hours" if rest else "")
    hours = _hours(length)
    return "an hour" if hours == "1" else f"{hours} hours"
