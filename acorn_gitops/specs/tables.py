"""SKU mappings kept as a table. Comes in: the text of a CSV file. Goes out: items as the YAML list form has
them, with the row of each, or findings. Caller: `files`.

A row is one SKU in one store; rows of the same SKU make one item, wherever they stand. Cells are text, so
nothing is retyped; numbers that a spreadsheet has already spoilt (1.23457E+12) are refused by name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from acorn_gitops.confine import text as texts
from acorn_gitops.model.finding import FieldPath, Finding, Place
from acorn_gitops.model.resource import Document
from acorn_gitops.specs.near import Names

# Column heading to where its value goes: ("item", path) or ("listing", path) or ("policy", name).
FIELDS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "sku": ("item", ("sku",)),
    "name": ("item", ("name",)),
    "gtin": ("item", ("gtin",)),
    "brand": ("item", ("attributes", "brand")),
    "title": ("item", ("attributes", "title")),
    "productType": ("item", ("attributes", "productType")),
    "taxClass": ("item", ("attributes", "taxClass")),
    "ptc": ("item", ("attributes", "ptc")),
    "hs6": ("item", ("attributes", "hs6")),
    "pool": ("item", ("inventory", "pool")),
    "store": ("listing", ("store",)),
    "sellerSku": ("listing", ("sellerSku",)),
    "asin": ("listing", ("asin",)),
    "condition": ("listing", ("condition",)),
    "fulfillment": ("listing", ("fulfillment",)),
    "price": ("listing", ("price", "value")),
    "currency": ("listing", ("price", "currency")),
    "priceRule": ("listing", ("price", "rule")),
    "businessPrice": ("listing", ("business", "price")),
    "status": ("listing", ("status",)),
    "min": ("policy", ("min",)),
    "max": ("policy", ("max",)),
    "map": ("policy", ("map",)),
}
_MONEY: Final = frozenset({"price", "businessPrice", "min", "max", "map"})
# Numbers in scientific notation; error values in any language (#REF!, #WERT!, #NV); a column too narrow to
# show.
_SPOILT: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-][0-9]+\Z|#\S{1,16}[!?]\Z|#N/?[ADV]\Z|#{3,}\Z")
"""A spreadsheet writes the sign of an exponent: 100E10 is a code as somebody typed it."""
_CODES: Final = frozenset({"sku", "sellerSku", "asin", "gtin", "store"})
_MONTHS: Final = (
    "jan|ene|gen|led|sty|feb|fev|fév|úno|lut|mar|mär|mrz|maa|mrt|bře|apr|avr|abr|kwi|dub|may|mai|maj|mag|mei|kvě|jun|jui|giu|čvn|cze"
    "|jul|lug|lip|čvc|aug|aoû|aou|ago|sie|srp|sep|set|wrz|zář|oct|okt|ott|out|paź|říj|nov|lis|dec|dez|déc|dic|gru|pro"
)
_SPOILT_CODE: Final = re.compile(
    r"=|'"  # kept as text by a trick of the spreadsheet's, which the file repeats
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}\Z|[0-9]{1,2}([./])[0-9]{1,2}\1([0-9]{4}|[0-9]{2})\Z"
    r"|[0-9]{4}([./-])[0-9]{1,2}\3[0-9]{1,2}(?:[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)?\Z|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\Z"
    rf"|[0-9]{{1,2}}[.\-/ ]{{1,2}}(?:{_MONTHS})[a-zéû]*\.?(?:[.\-/ ]{{1,2}}[0-9]{{2,4}})?\Z"
    # Only as spreadsheets write it: SET-10, LED-12 and MAR-12 are codes.
    r"|(?-i:Jan|Feb|Mar|Mrz|Mär|Apr|May|Mai|Jun|Jul|Aug|Sep|Oct|Okt|Nov|Dec|Dez)[\- ][0-9]{2}(?:[0-9]{2})?\Z",
    re.IGNORECASE,
)
"""What a spreadsheet makes of a code that looks like a day or a number: a seller's SKU is fixed once it is
created."""
_ODD_CODE: Final = re.compile(rf"(?:{_MONTHS})[a-zéûä]*\.?[\- ][0-9]{{2}}(?:[0-9]{{2}})?\Z")


def looks_like_a_month(code: str) -> bool:
    """Whether a code is what spreadsheets of many languages make of one like ABR95: small letters, hyphen,
    year. A code can be so, too."""
    return _ODD_CODE.match(code) is not None


_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_DECIMAL_COMMA: Final = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]+)?\Z")
MAX_CELL: Final = 32_768

Cells = dict[tuple[str, FieldPath], Place]
"""Where the value at a path of a SKU's item stands."""


SHOWN: Final = 20
"""Unknown headings of one table that are told."""
MOST: Final = 200
"""Faults of one table that are told one by one."""


class Read(NamedTuple):
    """Items as in the YAML list form, the line of each one's first row, and what is wrong."""

    items: list[dict[str, object]]
    lines: list[int]
    findings: list[Finding]


def read(text: str, file: str, table: dict[str, object], cells: Cells | None = None) -> Read:
    """Read a table; where `cells` is given, record the place of every cell in it."""
    return _Table(text, file, table, cells=cells).read()


class Put(NamedTuple):
    """A value of a SKU's item, by its path there."""

    sku: str
    path: FieldPath
    value: str


def put(text: str, file: str, *, table: Document, edits: Sequence[Put]) -> str | None:
    """The text with cells changed: those that the paths of SKUs' items came from. Every other letter stays.
    None where no cell says one of them, or where the table would mean something else as well (a title that
    three rows of the SKU repeat)."""
    cells: Cells = {}
    wanted = {item["sku"]: item for item in read(text, file, table, cells=cells).items}
    delimiter = table.get("delimiter") or ","
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    changes: dict[int, tuple[int, str]] = {}
    for sku, path, value in edits:
        place = cells.get((sku, path))
        if place is None:
            return None
        begin = starts[place.line - 1] + place.column - 1
        amount = path[0] == "pricePolicy" or path[-2:] in (("price", "value"), ("business", "price"))
        shown = value.replace(".", ",") if amount and table.get("decimalComma") is True else texts.cell(value)
        if any(letter in shown for letter in (delimiter, '"', "\n", "\r")):
            shown = '"' + shown.replace('"', '""') + '"'
        changes[begin] = (_end(text, begin, delimiter), shown)
        owner: Any = wanted[sku]
        for part in path[:-1]:
            owner = owner[part]
        owner[path[-1]] = value
    parts, at = [], 0
    for begin, (end, shown) in sorted(changes.items()):
        parts += [text[at:begin], shown]
        at = end
    edited = "".join([*parts, text[at:]])
    after = read(edited, file, table)
    return edited if not after.findings and after.items == [*wanted.values()] else None


def _end(text: str, begin: int, delimiter: str) -> int:
    """Where the cell ends that begins at a position."""
    quoted = False
    for position in range(begin, len(text)):
        letter = text[position]
        if letter == '"':
            quoted = not quoted
        elif not quoted and (letter == delimiter or letter in "\r\n"):
            return position
    return len(text)


class _Table:
    def __init__(self, text: str, file: str, table: Document, cells: Cells | None) -> None:
        self.text = text
        self.file = file
        self.delimiter: str = table.get("delimiter") or ","
        self.renamed: dict[str, str] = table.get("columns") or {}
        self.comma = table.get("decimalComma") is True
        self.cells = cells
        self.findings: list[Finding] = []
        self.items: dict[str, Document] = {}
        self.lines: dict[str, int] = {}
        self.fields: list[str] = []
        self._source: list[str] | None = None
        self._comma_told = False
        self.faults = 0
        """How many were found; MOST of them are told."""

    def fail(self, id: str, line: int, cell: int, message: str, hint: str) -> None:
        """A finding at a cell (counted from 1; 0 is the row) of the row that begins in a line. After MOST of
        them only their number is told."""
        self.faults += 1
        if self.faults > MOST:
            return
        place = self.place(line, cell)
        lines = self.source()
        shown = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
        self.findings.append(Finding(id, "error", message, place=place, hint=hint, source=shown[:500]))

    def source(self) -> list[str]:
        """The text in lines."""
        if self._source is None:
            self._source = self.text.split("\n")
        return self._source

    def place(self, line: int, cell: int) -> Place:
        """Line and column of the first character of a cell. A quoted cell may hold line breaks."""
        lines = self.source()
        number, column, left, quoted = line, 0, cell - 1, False
        while left > 0 and number <= len(lines):
            row = lines[number - 1]
            while left > 0 and column < len(row):
                if row[column] == '"':
                    quoted = not quoted
                elif row[column] == self.delimiter and not quoted:
                    left -= 1
                column += 1
            if left > 0:
                if not quoted:
                    break
                number, column = number + 1, 0
        return Place(self.file, number, column + 1)

    def read(self) -> Read:
        rows = csv.reader(io.StringIO(self.text), delimiter=self.delimiter, strict=True)
        begins = 1
        try:
            header = next(rows, None)
            if not header:
                finding = Finding(
                    "GEN-015", "error", "the table is empty", place=Place(self.file), hint="add a heading row"
                )
                return Read([], [], [finding])
            other = next((c for c in ",;\t|" if len(header) == 1 and c in header[0]), "")
            if other:
                shown = '"\\t"' if other == "\t" else f'"{other}"'
                self.fail(
                    "GEN-015",
                    1,
                    1,
                    "the heading is one single cell: the delimiter is another one",
                    f"write `delimiter: {shown}` below `table:`",
                )
                return Read([], [], self.findings)
            self.headings(header)
            begins = rows.line_num + 1
            for row in rows:
                self.row(row, begins)
                begins = rows.line_num + 1
        except csv.Error as error:
            self.fail("GEN-015", begins, 0, f"this is not CSV: {error}", "check quotes and the delimiter")
        if self.faults > MOST:
            more = f"and {self.faults - MOST:,} more faults in this table"
            hint = "mend those above first: many have one cause"
            self.findings.append(Finding("GEN-015", "error", more, place=Place(self.file), hint=hint))
        return Read(list(self.items.values()), list(self.lines.values()), self.findings)

    def headings(self, header: list[str]) -> None:
        import difflib

        unknown, seen = 0, set[str]()
        for column, heading in enumerate(header, 1):
            field = self.renamed.get(heading, self.renamed.get(heading.strip(), heading)).strip()
            if field not in FIELDS and unknown >= SHOWN:
                unknown += 1
            elif field not in FIELDS:
                unknown += 1
                close = difflib.get_close_matches(field, FIELDS, n=1)
                hint = (
                    f"did you mean {close[0]}?"
                    if close
                    else f"known: {', '.join(FIELDS)}; map others by `columns`"
                )
                self.fail("GEN-006", 1, column, f"unknown column {heading}", hint)
            elif field in seen:
                self.fail("GEN-003", 1, column, f"the column {field} stands here twice", "remove one of them")
            seen.add(field)
            self.fields.append(field)
        if unknown > SHOWN:
            self.fail(
                "GEN-006", 1, 0, f"and {unknown - SHOWN:,} more unknown columns", "map them by `columns`"
            )
        present = {heading.strip() for heading in header}
        near, missing = Names(present), 0
        for heading, field in self.renamed.items():
            missing += heading.strip() not in present
            if heading.strip() not in present and missing <= SHOWN:
                likely = near.near(heading)
                self.fail(
                    "GEN-006",
                    1,
                    0,
                    f"`columns` maps the heading {heading} to {field}, but the table has no such heading",
                    f"did you mean {likely}?" if likely else "correct `columns`",
                )
        for needed in ("sku", "store"):
            if needed not in self.fields:
                hint = f"add it, or map a heading to {needed} by `columns`"
                self.fail("GEN-008", 1, 0, f"the column {needed} is missing", hint)

    def row(self, row: list[str], line: int) -> None:
        if not any(cell.strip() for cell in row):
            return
        if len(row) > len(self.fields):
            message = f"this row has {len(row)} cells, the heading {len(self.fields)}"
            self.fail("GEN-015", line, 0, message, "quote cells that contain the delimiter")
            return
        if len(row) < len(self.fields):
            message = f"this row has {len(row)} cells, the heading {len(self.fields)}"
            self.fail(
                "GEN-015", line, 0, message, "the file may be cut off; an empty cell needs its delimiter too"
            )
            return
        values: dict[str, tuple[str, int]] = {}
        for column, (field, raw) in enumerate(zip(self.fields, row, strict=False), 1):
            cell = raw.strip()
            if not cell or field not in FIELDS:
                continue
            ours = texts.uncell(cell) != cell  # an apostrophe that `cell` put there
            damaged = _SPOILT.match(cell) or (field in _CODES and not ours and _SPOILT_CODE.match(cell))
            if damaged or len(cell) > MAX_CELL:
                message = f"{field} {cell[:40]} was spoilt by a spreadsheet"
                self.fail("GEN-001", line, column, message, "format the column as text and export again")
                continue
            if not ours and texts.is_nothing(cell):
                message = f"{field} {cell} is what programs write for nothing"
                hint = "leave the cell empty; where it is the text itself, write an apostrophe before it"
                self.fail("GEN-001", line, column, message, hint)
                continue
            if field in _MONEY and (asked := self.ambiguous(cell)):
                self.fail("GEN-007", line, column, f"{field} {cell[:40]} {asked[0]}", asked[1])
                continue
            if not self.comma and field in _MONEY and "," in cell and _DECIMAL_COMMA.match(cell):
                if not self._comma_told:
                    message = f"{field} {cell[:40]} has a decimal comma"
                    self.fail("GEN-007", line, column, message, "write `decimalComma: true` below `table:`")
                self._comma_told = True
                continue
            if self.comma and field in _MONEY:
                if not _DECIMAL_COMMA.match(cell):
                    message = f"{field} {cell[:40]} is no amount with a decimal comma"
                    self.fail(
                        "GEN-007",
                        line,
                        column,
                        message,
                        "write 1.234,50 or 1234,50, or remove `decimalComma`",
                    )
                    continue
                cell = cell.replace(".", "").replace(",", ".")
            values[field] = (texts.uncell(cell), column)
        if "sku" not in values or "store" not in values:
            spoilt = self.findings and self.findings[-1].place and self.findings[-1].place.line == line
            missing = "sku" if "sku" not in values else "store"
            if not spoilt:
                self.fail(
                    "GEN-008", line, 0, f"this row has no {missing}", "every row is one SKU in one store"
                )
            return
        self.item(values, line)

    def ambiguous(self, cell: str) -> tuple[str, str] | None:
        """Why an amount may mean two things, and what to write; None where it means one."""
        thousands = "." if self.comma else ","
        point = "," if self.comma else "."
        whole, _, rest = cell.partition(point)
        if thousands not in whole or not _THOUSANDS.fullmatch(whole.replace(thousands, ",")):
            return None
        plain = whole.replace(thousands, "")
        if rest:
            mixed = rest.isdigit() and not self.comma
            return (f"has a {thousands} between thousands", f"write {plain}.{rest}") if mixed else None
        other = whole.replace(thousands, point)
        remedy = f"write {plain}, without a sign between thousands"
        if whole.count(thousands) > 1:
            return f"has a {thousands} between thousands", remedy
        return f"may be {plain} or {other}", f"{remedy}; or {other}, if that is meant"

    def item(self, values: dict[str, tuple[str, int]], line: int) -> None:
        sku, store = values["sku"][0], values["store"][0]
        item = self.items.get(sku)
        if item is None:
            item = self.items[sku] = {"sku": sku, "listings": []}
            self.lines[sku] = line
        listing: dict[str, object] = {}
        number = len(item["listings"])
        for field, (cell, column) in values.items():
            target, path = FIELDS[field]
            if self.cells is not None:
                where: FieldPath = (
                    (*("pricePolicy", path[0]), store)
                    if target == "policy"
                    else path
                    if target == "item"
                    else ("listings", number, *path)
                )
                self.cells.setdefault((sku, where), self.place(line, column))
            if target == "policy":
                owner, name = item.setdefault("pricePolicy", {}).setdefault(path[0], {}), store
            else:
                owner, name = (item if target == "item" else listing), path[-1]
                for part in path[:-1]:
                    owner = owner.setdefault(part, {})
            if owner.setdefault(name, cell) != cell:
                message = f"{sku} has two values for {field}: {owner[name]} and {cell}"
                self.fail("GEN-010", line, column, message, "facts about a SKU must agree in all of its rows")
        if self.cells is not None:
            self.cells[(sku, ("listings", number))] = self.place(line, 0)
        item["listings"].append(listing)
