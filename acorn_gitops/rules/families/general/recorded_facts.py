"""GEN rules about recorded facts: that they speak of what is there, and of days that have come. Caller:
`registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from acorn_gitops.engines.access import RESOURCES, VERBS
from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.families.general.reference import nearest
from acorn_gitops.rules.registry import rule
from acorn_gitops.specs.facts import TABLES, Row, at

SHOWN: Final = 3
"""Of one table, so many rows of a kind are told."""
AHEAD: Final = timedelta(hours=1)
"""So far a clock may be ahead of ours."""
PAST: Final = frozenset({"asOf", "seenAt", "since", "lastUsed"})
"""Columns that say when something was seen."""


@rule(
    "GEN-022",
    "warning",
    "Recorded facts speak of what is there",
    why="A misspelt location has no stock, and a reading from tomorrow stays the newest one for ever.",
    mend="Correct the job that writes the table.",
)
def facts_of_something(context: Context) -> Iterator[Finding]:
    """Stores, SKUs, locations and rights of every table are those of the specs (participations apart:
    STO-023), and nothing was seen at a time to come. A few rows of each kind are told for a table."""
    config = context.configuration
    known = {
        "store": frozenset(config.stores),
        "location": frozenset(n for n, s in config.stores.items() if s.spec.get("physical")),
        "sku": frozenset(s.spec["sku"] for s in config.skus),
        "right": frozenset(f"{resource}.{verb}" for resource in RESOURCES for verb in VERBS),
    }
    latest = context.now + AHEAD
    for name, table in TABLES.items():
        columns = [c for c in known if c in table.columns and not (name == "participations" and c == "store")]
        times = [c for c in PAST if c in table.columns]
        counted: dict[str, int] = {}
        for row in config.facts.rows(name):
            for column in columns:
                if column in row.cells and row[column] not in known[column]:
                    counted[column] = counted.get(column, 0) + 1
                    if counted[column] <= SHOWN:
                        words = f"{name}.csv speaks of the {column} {row[column]}, which there is not"
                        yield _finding(row, words, nearest(row[column], known[column]))
            for column in times:
                text = row.cells.get(column)
                if text is None or not _to_come(text, context, latest.isoformat()):
                    continue
                counted["time"] = counted.get("time", 0) + 1
                if counted["time"] <= SHOWN:
                    words = f"{name}.csv has seen something on {text}, a time to come"
                    yield _finding(row, words, "correct the clock or the zone of the job")
        for column, count in counted.items():
            if count > SHOWN:
                words = f"{name}.csv: {count - SHOWN:,} more rows like this ({column})"
                yield Finding(
                    "GEN-022",
                    "warning",
                    words,
                    place=None,
                    hint="correct the job that writes it",
                    source="",
                    subject="Facts",
                )


def _to_come(text: str, context: Context, latest: str) -> bool:
    if len(text) == 10:
        return text > context.today
    # Instants of one form compare as text; only those near the present are read.
    return text[:10] > latest[:10] or (text[:10] == latest[:10] and at(text) > context.now + AHEAD)


def _finding(row: Row, message: str, hint: str) -> Finding:
    return Finding("GEN-022", "warning", message, place=row.place, hint=hint, source="", subject="Facts")
