"""What stores turned over. Comes in: a configuration with recorded facts (`finance`). Goes out: one statement
for each store, period and currency; sums; where the marketplace's figures and ours part. Callers: rule
TAX-030, cli `view finance`.

The newest report of a period counts. Currencies are never mixed: a sum over several is in a currency that
somebody names, by the dated rates of acorn.yaml, and is not known where a rate is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from acorn_gitops.specs.configuration import Configuration
from acorn_gitops.specs.facts import Row, at

TOLERANCE: Final = "0.5"
"""Percent by which two books of a period may differ when acorn.yaml does not say."""
AMOUNTS: Final = ("sales", "refunds", "fees", "adSpend")
"""The amounts of a statement."""


class Statement(NamedTuple):
    """A period of a store, as one side reports it. What was not reported is None, never nothing."""

    store: str
    start: str
    """First day, ISO text."""
    end: str
    """Last day, ISO text."""
    currency: str
    amounts: dict[str, Decimal | None]
    units: int | None
    returned: int | None
    row: Row

    @property
    def return_rate(self) -> Decimal | None:
        """Returned of sold pieces, in percent with one decimal."""
        if self.units is None or self.returned is None or not self.units:
            return None
        return (Decimal(self.returned) * 100 / self.units).quantize(Decimal("0.1"), ROUND_HALF_UP)


class Difference(NamedTuple):
    """A period of which both sides reported."""

    theirs: Statement
    ours: Statement
    percent: Decimal
    """Of their sales, how far ours are from them; two decimals."""


def statements(config: Configuration, reporter: str, month: str = "") -> list[Statement]:
    """What a side (`marketplace` or `own`) reported, the newest report of each period. `month`: only periods
    that begin in it, e.g. 2026-10."""
    newest: dict[tuple[str, str, str, str], Row] = {}
    for row in config.facts.rows("finance"):
        if row["reporter"] != reporter or not row["from"].startswith(month):
            continue
        key = (row["store"], row["from"], row["to"], row["currency"])
        if key not in newest or at(newest[key]["asOf"]) < at(row["asOf"]):
            newest[key] = row
    return [
        Statement(
            *key,
            {n: Decimal(row.cells[n]) if n in row.cells else None for n in AMOUNTS},
            int(row.cells["units"]) if "units" in row.cells else None,
            int(row.cells["returned"]) if "returned" in row.cells else None,
            row,
        )
        for key, row in sorted(newest.items())
    ]


def overlapping(found: Iterable[Statement]) -> Iterator[tuple[Statement, Statement]]:
    """Periods of one store and currency of which one begins before the other has ended: their sum counts days
    twice."""
    last: dict[tuple[str, str], Statement] = {}
    for one in sorted(found, key=lambda s: (s.store, s.currency, s.start, s.end)):
        before = last.get((one.store, one.currency))
        if before is not None and one.start <= before.end:
            yield before, one
        if before is None or one.end > before.end:
            last[one.store, one.currency] = one


def differences(config: Configuration, month: str = "") -> list[Difference]:
    """Every period that both sides reported, and how far they part."""
    ours = {(s.store, s.start, s.end, s.currency): s for s in statements(config, "own", month)}
    found = []
    for theirs in statements(config, "marketplace", month):
        mine = ours.get((theirs.store, theirs.start, theirs.end, theirs.currency))
        if mine is not None:
            a, b = theirs.amounts["sales"], mine.amounts["sales"]
            assert a is not None
            assert b is not None
            percent = abs(a - b) * 100 / a if a else Decimal(0 if not b else 100)
            found.append(Difference(theirs, mine, percent.quantize(Decimal("0.01"), ROUND_HALF_UP)))
    return found
