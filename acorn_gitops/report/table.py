"""Tables: one set of rows as text, JSON or CSV, so that they cannot disagree. Comes in: headings and rows.
Goes out: text. Callers: cli `view`, `onboard`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from acorn_gitops.confine.text import cell, safe
from acorn_gitops.report.text import Pen
from acorn_gitops.report.words import cells, cut, padded


@dataclass(slots=True)
class Table:
    """Rows by heading. A value is text, a number, a list or None (not known, never nothing)."""

    name: str
    headings: Sequence[str]
    rows: Sequence[Mapping[str, object]]
    freshness: Mapping[str, str]
    """By source: as of when, or that nothing was recorded."""
    notes: Sequence[str] = ()
    totals: Sequence[Mapping[str, object]] = ()
    """Sums of rows. Not in CSV, where they would be summed again."""


def as_json(table: Table) -> str:
    """Everything, with the freshness of each source."""
    document = {
        "format_version": "1.0",
        "view": table.name,
        "freshness": dict(table.freshness),
        "rows": [{h: row.get(h) for h in table.headings} for row in table.rows],
        **(
            {"totals": [{h: row[h] for h in table.headings if h in row} for row in table.totals]}
            if table.totals
            else {}
        ),
        "notes": list(table.notes),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def as_csv(table: Table) -> str:
    """The rows alone; what is not known is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.headings)
    for row in table.rows:
        writer.writerow([cell(_cell(row.get(h), "")) for h in table.headings])
    return out.getvalue()


def as_text(table: Table, pen: Pen) -> str:
    """Columns of equal width; what is not known is a dash; the longest columns give way on
    narrow terminals, and none below 18 characters: half a date says nothing."""
    rows = [[safe(_cell(row.get(h), "-")) for h in table.headings] for row in table.rows]
    # A heading that no sum has is empty below it; a sum that is not known is a dash.
    rows += [[safe(_cell(row[h], "-")) if h in row else "" for h in table.headings] for row in table.totals]
    widths = [max([cells(h), *(cells(row[i]) for row in rows)]) for i, h in enumerate(table.headings)]
    over = sum(widths) + 2 * (len(widths) - 1) - pen.width
    while over > 0 and max(widths) > 18:
        widest = widths.index(max(widths))
        widths[widest] -= 1
        over -= 1
    right = [
        all(isinstance(row.get(h), int) or row.get(h) is None for row in table.rows) for h in table.headings
    ]

    def line(values: Sequence[str]) -> str:
        parts = [padded(cut(v, w), w, right=r) for v, w, r in zip(values, widths, right, strict=True)]
        return "  ".join(parts).rstrip()

    lines = [pen(line(table.headings), "bold"), *map(line, rows)] if table.rows else ["nothing to show"]
    lines += ["", *(pen(f"{source}: {when}", "dim") for source, when in table.freshness.items())]
    for note in table.notes:
        lines += pen.wrapped(f"· {safe(note)}", "dim")
    return "\n".join(lines).rstrip() + "\n"


def _cell(value: object, unknown: str) -> str:
    if value is None:
        return unknown
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
