"""Recorded facts: what somebody measured, exported or was told, as CSV files beside the specs. Comes in: a
folder. Goes out: rows by table, and what is wrong. Callers: `configuration`, rules, engines, cli.

Facts are not wishes: nothing of them is sent anywhere. A table that is not there says nothing, and no rule
concludes anything from that; a row that cannot be read is an error, because the rest would be a half-truth.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, NamedTuple

from acorn_gitops.confine.paths import Escape, inside, read_inside
from acorn_gitops.model.finding import Finding, InvalidSpecs, Place
from acorn_gitops.specs.text import MAX_BYTES

FOLDER: Final = "facts"
"""Where they are kept when acorn.yaml does not say."""


class Column(NamedTuple):
    """A heading: what its cells must look like, and whether they may be empty."""

    form: str
    required: bool = True


class Table(NamedTuple):
    """One file: what a row is, and its columns."""

    words: str
    columns: Mapping[str, Column]


_TEXT, _NUMBER, _AMOUNT, _DATE, _TIME, _YES = "text", "number", "amount", "date", "time", "yes or no"
TABLES: Final[dict[str, Table]] = {
    "stock": Table(
        "What lies at a location, as its system counted it",
        {
            "location": Column(_TEXT),
            "sku": Column(_TEXT),
            "onHand": Column(_NUMBER),
            "reserved": Column(_NUMBER, False),
            "unit": Column("each or case", False),
            "asOf": Column(_TIME),
        },
    ),
    "published": Table(
        "What a store offers, as it was read there",
        {
            "store": Column(_TEXT),
            "sku": Column(_TEXT),
            "quantity": Column(_NUMBER),
            "channel": Column(_TEXT, False),
            "asOf": Column(_TIME),
        },
    ),
    "prices": Table(
        "A price that was in force from a moment on, before acorn or beside it",
        {
            "store": Column(_TEXT),
            "sku": Column(_TEXT),
            "currency": Column(_TEXT),
            "price": Column(_AMOUNT),
            "from": Column(_TIME),
        },
    ),
    "offers": Table(
        "Somebody else's offer of our product",
        {
            "store": Column(_TEXT),
            "sku": Column(_TEXT),
            "seller": Column(_TEXT),
            "currency": Column(_TEXT),
            "price": Column(_AMOUNT),
            "asOf": Column(_TIME),
        },
    ),
    "orders": Table(
        "An order, as a channel delivered it. No buyer's data",
        {
            "store": Column(_TEXT),
            "order": Column(_TEXT),
            "channel": Column("primary or backup"),
            "seenAt": Column(_TIME),
        },
    ),
    "activity": Table(
        "When somebody last used a right",
        {"subject": Column(_TEXT), "store": Column(_TEXT), "right": Column(_TEXT), "lastUsed": Column(_DATE)},
    ),
    "restrictions": Table(
        "What a store says of listing a SKU",
        {
            "store": Column(_TEXT),
            "sku": Column(_TEXT),
            "reason": Column("APPROVAL_REQUIRED, NOT_ELIGIBLE or ASIN_NOT_FOUND"),
            "asOf": Column(_DATE),
        },
    ),
    "participations": Table(
        "What the marketplace says of our account",
        {
            "store": Column(_TEXT),
            "country": Column(_TEXT),
            "currency": Column(_TEXT),
            "language": Column(_TEXT, False),
            "participating": Column(_YES),
            "suspended": Column(_YES, False),
            "asOf": Column(_TIME),
        },
    ),
    "forecast": Table(
        "How many orders a location expects",
        {"location": Column(_TEXT), "date": Column(_DATE), "orders": Column(_NUMBER)},
    ),
    "channels": Table(
        "The state of a data channel",
        {
            "store": Column(_TEXT),
            "channel": Column(_TEXT),
            "state": Column("up, down or failover"),
            "since": Column(_TIME),
        },
    ),
    "performance": Table(
        "How the marketplace rates our service, in percent of orders",
        {
            "store": Column(_TEXT),
            "orderDefects": Column(_AMOUNT, False),
            "cancellations": Column(_AMOUNT, False),
            "lateShipments": Column(_AMOUNT, False),
            "validTracking": Column(_AMOUNT, False),
            "asOf": Column(_TIME),
        },
    ),
    "finance": Table(
        "What a store turned over in a period, `to` being its last day: by the marketplace's settlement"
        " (`reporter` is marketplace), or by our own books (own)",
        {
            "store": Column(_TEXT),
            "from": Column(_DATE),
            "to": Column(_DATE),
            "currency": Column(_TEXT),
            "reporter": Column("marketplace or own"),
            "units": Column(_NUMBER, False),
            "returned": Column(_NUMBER, False),
            "sales": Column(_AMOUNT),
            "refunds": Column(_AMOUNT, False),
            "fees": Column(_AMOUNT, False),
            "adSpend": Column(_AMOUNT, False),
            "asOf": Column(_TIME),
        },
    ),
    "fees": Table(
        "What a marketplace keeps of each piece that is sold: of one SKU, of a product type, or of all. `percent` is of what the buyer"
        " pays, at least `minimum`; `amount` comes on top; `to` is the first day on which it no longer holds",
        {
            "store": Column(_TEXT),
            "kind": Column("referral, fulfilment, closing or other"),
            "sku": Column(_TEXT, False),
            "productType": Column(_TEXT, False),
            "currency": Column(_TEXT),
            "percent": Column(_AMOUNT, False),
            "minimum": Column(_AMOUNT, False),
            "amount": Column(_AMOUNT, False),
            "from": Column(_DATE),
            "to": Column(_DATE, False),
            "source": Column(_TEXT),
        },
    ),
    "processing": Table(
        "How a feed or report went",
        {
            "store": Column(_TEXT),
            "messages": Column(_NUMBER),
            "failed": Column(_NUMBER),
            "asOf": Column(_TIME),
        },
    ),
}
"""Every table that acorn understands."""


KEYS: Final[dict[str, tuple[str, ...]]] = {
    "stock": ("location", "sku"),
    "published": ("store", "sku", "channel"),
    "prices": ("store", "sku", "currency"),
    "offers": ("store", "sku", "seller", "currency"),
    "participations": ("store", "country"),
    "channels": ("store", "channel"),
    "performance": ("store",),
}
"""What a row is about, where the newest row about it counts: two that are of one moment must say the same."""


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text))


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


_FORMS: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    _TEXT: (lambda t: bool(t), "some text"),
    _NUMBER: (lambda t: bool(re.fullmatch(r"[0-9]{1,9}", t)), "a whole number like 12"),
    _AMOUNT: (lambda t: bool(re.fullmatch(r"(0|[1-9][0-9]{0,12})(\.[0-9]{1,4})?", t)), "an amount like 49.99"),
    _DATE: (_is_date, "a date like 2026-11-23"),
    _TIME: (_is_time, "an instant with its zone like 2026-11-23T09:00:00Z"),
    _YES: (lambda t: t in ("yes", "no"), "yes or no"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One fact: its cells by heading (empty ones are left out), and where it stands."""

    cells: Mapping[str, str]
    place: Place

    def __getitem__(self, name: str) -> str:
        return self.cells[name]


def at(text: str) -> datetime:
    """The instant of a cell of form `time`."""
    return datetime.fromisoformat(text)


@dataclass(slots=True)
class Facts:
    """All tables of a folder."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    whole: bool = False
    """Whether a table of which a row cannot be read is refused: what is added up of the rest would be a
    half-truth. Rules read on, and the row is told beside them."""

    def has(self, name: str) -> bool:
        """Whether anybody recorded this at all."""
        return name in self.tables

    def rows(self, name: str) -> Iterator[Row]:
        """The rows of a table; none when it is not there. InvalidSpecs where it must be `whole` and is
        not."""
        wrong = (
            [f for f in self.findings if f.place and Path(f.place.file).stem == name] if self.whole else []
        )
        if wrong:
            raise InvalidSpecs(
                f"{name} cannot be read whole; nothing was computed from the rest", findings=wrong
            )
        yield from self.tables.get(name, ())


def read_facts(root: Path, written: str | None) -> Facts:
    """Every table of the folder that acorn.yaml names, or of `facts` where there is one."""
    facts = Facts()
    try:
        folder = inside(root, written or FOLDER, folder=True)
    except FileNotFoundError:
        if written is not None:
            facts.findings.append(
                Finding("GEN-005", "error", f"there is no folder {written} for facts", place=Place("acorn.yaml"), hint="create it, or correct `facts`")
            )  # fmt: skip
        return facts
    except (Escape, OSError) as error:
        facts.findings.append(
            Finding(
                "GEN-005",
                "error",
                str(error),
                place=Place("acorn.yaml"),
                hint="facts are files of this repository",
            )
        )
        return facts
    for path in sorted(folder.glob("*.csv")) if folder.is_dir() else ():
        shown = f"{written or FOLDER}/{path.name}"
        table = TABLES.get(path.stem)
        if table is None:
            known = ", ".join(sorted(TABLES))
            facts.findings.append(
                Finding(
                    "GEN-015",
                    "error",
                    f"{path.stem} is no table of facts",
                    place=Place(shown),
                    hint=f"known: {known}",
                )
            )
            continue
        try:
            text = read_inside(root, str(path.relative_to(root.resolve())), most=MAX_BYTES).decode(
                "utf-8-sig"
            )
        except (Escape, OSError, UnicodeDecodeError) as error:
            facts.findings.append(
                Finding(
                    "GEN-005",
                    "error",
                    f"{shown} cannot be read: {error}",
                    place=Place(shown),
                    hint="a CSV file in UTF-8",
                )
            )
            continue
        rows = list(_rows(text, shown, table, findings=facts.findings))
        facts.findings += _ties(rows, KEYS.get(path.stem, ()))
        facts.tables[path.stem] = rows
    return facts


def _ties(rows: Iterable[Row], key: Sequence[str]) -> Iterator[Finding]:
    """Rows of one moment about one thing that say different things: the order of lines must not decide."""
    seen: dict[tuple[str | None, ...], Row] = {}
    for row in rows if key else ():
        time = next(name for name in ("asOf", "from", "since") if name in row.cells)
        moment = at(row[time]).astimezone(UTC).isoformat()
        about = (*(row.cells.get(name) for name in key), moment)
        other = seen.setdefault(about, row)
        said, told = ({n: v for n, v in one.cells.items() if n != time} for one in (row, other))
        if said != told:
            words = "/".join(row.cells[name] for name in key if name in row.cells)
            yield Finding(
                "GEN-015",
                "error",
                f"of {words} two rows of one moment say different things: {other.place} and this one",
                place=row.place,
                hint="keep the one that is right, or give the later one its own moment",
            )


def _rows(text: str, file: str, table: Table, findings: list[Finding]) -> Iterator[Row]:
    def fail(line: int, message: str, hint: str) -> None:
        findings.append(Finding("GEN-015", "error", message, place=Place(file, line), hint=hint))

    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [n for n, c in table.columns.items() if c.required and n not in header]
        unknown = [n for n in header if n not in table.columns]
        if missing or unknown or len(set(header)) != len(header):
            what = (
                f"lacks {', '.join(missing)}" if missing else f"has {', '.join(unknown) or 'a heading twice'}"
            )
            return fail(1, f"the heading {what}", f"write {','.join(table.columns)}")
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                fail(
                    line,
                    f"{len(cells)} cells, and the heading has {len(header)}",
                    "give every row as many cells",
                )
                continue
            row = {n: c.strip() for n, c in zip(header, cells, strict=True) if c.strip()}
            wrong = [
                n
                for n, c in table.columns.items()
                if (c.required or n in row) and not _fits(c, row.get(n, ""))
            ]
            for name in wrong:
                fail(line, f"{name} cannot be {row.get(name, '')!r}", f"write {_words(table.columns[name])}")
            if not wrong:
                yield Row(row, Place(file, line))
    except csv.Error as error:
        fail(reader.line_num, f"this is not CSV: {error}", "quote cells that hold commas or line breaks")


def _fits(column: Column, text: str) -> bool:
    form = _FORMS.get(column.form)
    return form[0](text) if form is not None else text in re.split(r", | or ", column.form)


def _words(column: Column) -> str:
    form = _FORMS.get(column.form)
    return form[1] if form is not None else f"one of {column.form}"
