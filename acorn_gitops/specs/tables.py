"""SKU mappings kept as a table. Comes in: the text of a CSV file. Goes out: items as the YAML list form has
them, with the row of each, or findings. Caller: `files`.

A row is one SKU in one store; rows of the same SKU make one item, wherever they stand. Cells are text, so
nothing is retyped; numbers that a spreadsheet has already spoilt (1.23457E+12) are refused by name.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any, Final

from acorn_gitops.model.finding import Finding, Place

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
    "status": ("listing", ("status",)),
    "min": ("policy", ("min",)),
    "max": ("policy", ("max",)),
    "map": ("policy", ("map",)),
}
_MONEY: Final = frozenset({"price", "min", "max", "map"})
_SPOILT: Final = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+\Z|#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!)")
MAX_CELL: Final = 32_768


def read(
    text: str, file: str, table: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[int], list[Finding]]:
    """Items, the first row of each, and findings (`file:row:column of the cell`)."""
    findings: list[Finding] = []
    rows = csv.reader(io.StringIO(text), delimiter=table.get("delimiter") or ",", strict=True)
    items: dict[str, dict[str, Any]] = {}
    lines: dict[str, int] = {}
    try:
        header = next(rows, None)
        if not header:
            return (
                [],
                [],
                [Finding("GEN-015", "error", "the table is empty", Place(file), "add a heading row")],
            )
        fields = _headings(header, table.get("columns") or {}, file, findings)
        comma = table.get("decimalComma") is True
        for row in rows:
            number = rows.line_num
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(header):
                findings.append(
                    Finding(
                        "GEN-015",
                        "error",
                        f"this row has {len(row)} cells, the heading {len(header)}",
                        Place(file, number, 1),
                        "quote cells that contain the delimiter",
                    )
                )
                continue
            _row(row, fields, Place(file, number), comma, items, lines, findings)
    except csv.Error as error:
        findings.append(
            Finding(
                "GEN-015",
                "error",
                f"this is not CSV: {error}",
                Place(file, rows.line_num, 1),
                "check quotes and the delimiter",
            )
        )
    return list(items.values()), list(lines.values()), findings


def _headings(header: list[str], renamed: dict[str, str], file: str, findings: list[Finding]) -> list[str]:
    fields: list[str] = []
    for column, heading in enumerate(header, 1):
        field = renamed.get(heading, heading).strip()
        if field not in FIELDS:
            import difflib

            close = difflib.get_close_matches(field, FIELDS, n=1)
            hint = (
                f"did you mean {close[0]}?"
                if close
                else f"known: {', '.join(FIELDS)}; map others by `columns`"
            )
            findings.append(
                Finding(
                    "GEN-006",
                    "error",
                    f"unknown column {heading}",
                    Place(file, 1, column),
                    hint,
                    ",".join(header),
                )
            )
        elif field in fields:
            findings.append(
                Finding(
                    "GEN-003",
                    "error",
                    f"the column {field} stands here twice",
                    Place(file, 1, column),
                    "remove one of them",
                    ",".join(header),
                )
            )
        fields.append(field)
    for needed in ("sku", "store"):
        if needed not in fields:
            findings.append(
                Finding(
                    "GEN-008",
                    "error",
                    f"the column {needed} is missing",
                    Place(file, 1, 1),
                    f"add it, or map a heading to {needed} by `columns`",
                    ",".join(header),
                )
            )
    return fields


def _row(
    row: list[str],
    fields: list[str],
    place: Place,
    comma: bool,
    items: dict[str, dict[str, Any]],
    lines: dict[str, int],
    findings: list[Finding],
) -> None:
    cells: dict[str, str] = {}
    for column, (field, raw) in enumerate(zip(fields, row, strict=False), 1):
        cell = raw.strip()
        if not cell or field not in FIELDS:
            continue
        if _SPOILT.match(cell) or len(cell) > MAX_CELL:
            findings.append(
                Finding(
                    "GEN-001",
                    "error",
                    f"{field} {cell[:40]} was spoilt by a spreadsheet",
                    Place(place.file, place.line, column),
                    "format the column as text and export again",
                    ",".join(row),
                )
            )
            continue
        cells[field] = cell.replace(".", "").replace(",", ".") if comma and field in _MONEY else cell
    sku, store = cells.get("sku"), cells.get("store")
    if sku is None or store is None:
        missing = "sku" if sku is None else "store"
        findings.append(
            Finding(
                "GEN-008",
                "error",
                f"this row has no {missing}",
                Place(place.file, place.line, 1),
                "every row is one SKU in one store",
                ",".join(row),
            )
        )
        return
    item = items.get(sku)
    if item is None:
        item = items[sku] = {"sku": sku, "listings": []}
        lines[sku] = place.line
    listing: dict[str, Any] = {}
    for field, cell in cells.items():
        target, path = FIELDS[field]
        if target == "policy":
            item.setdefault("pricePolicy", {}).setdefault(path[0], {})[store] = cell
            continue
        owner = item if target == "item" else listing
        for part in path[:-1]:
            owner = owner.setdefault(part, {})
        if owner.setdefault(path[-1], cell) != cell:
            findings.append(
                Finding(
                    "GEN-010",
                    "error",
                    f"{sku} has two values for {field}: {owner[path[-1]]} and {cell}",
                    Place(place.file, place.line, 1),
                    "facts about a SKU must agree in all of its rows",
                    ",".join(row),
                )
            )
    item["listings"].append(listing)
