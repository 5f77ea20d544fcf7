"""SKU mappings in CSV tables: they mean what the same list in YAML means, and their faults have rows and cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acorn_gitops import cli
from acorn_gitops.compile.configuration import compile_configuration
from acorn_gitops.confine.text import cell
from acorn_gitops.model.finding import AcornError, Finding
from acorn_gitops.specs import tables
from acorn_gitops.specs.load import Loaded, load
from acorn_gitops.specs.scalars import quoted

PROJECT = """\
apiVersion: acorn/v1
kind: Project
metadata: {name: shop}
spec:
  specs: [specs]
  connections:
    main: {adapter: network, url: "sandbox:"}
  environments:
    sandbox: {}
  defaultEnvironment: sandbox
  priceRules:
    uk: {fromStore: amz-de, factor: "0.9", fx: {rate: "0.85", asOf: 2026-01-01, source: ECB}}
"""
STORES = "---\n".join(
    f"""\
apiVersion: acorn/v1
kind: Store
metadata: {{name: {name}}}
spec:
  type: storefront
  storefront: {{platform: amazon, marketplaceId: {marketplace}, currency: {currency}, timezone: UTC}}
"""
    for name, marketplace, currency in (
        ("amz-de", "A1PA6795UKMFR9", "EUR"),
        ("amz-fr", "A13V1IB3VIYZZH", "EUR"),
        ("amz-uk", "A1F83G8C2ARO7P", "GBP"),
    )
)
HEAD = "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: catalogue, labels: {brand: acme}}\nspec:\n"
DEFAULTS = "  defaults: {attributes: {brand: Acme}, listing: {condition: new_new, fulfillment: mfn, status: active}}\n"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Makes a repository of three stores and one table (bytes or text)."""
    monkeypatch.setenv("ACORN_CACHE_DIR", "")
    monkeypatch.setenv("ACORN_NOW", "2026-01-01T00:00:00Z")

    def write(table: str | bytes, options: str = "", defaults: str = "", file: str = "skus.csv") -> Path:
        root = tmp_path / "table"
        (root / "specs").mkdir(parents=True, exist_ok=True)
        (root / "acorn.yaml").write_text(PROJECT)
        (root / "specs" / "stores.yaml").write_text(STORES)
        (root / "specs" / file).write_bytes(table if isinstance(table, bytes) else table.encode())
        (root / "specs" / "skus.yaml").write_text(
            f"{HEAD}  table: {{file: {file}{options}}}\n{defaults}", "utf-8"
        )
        return root

    return write


def in_yaml(folder: Path, items: str, defaults: str = "") -> Path:
    """The same repository with a YAML list."""
    root = folder / "list"
    (root / "specs").mkdir(parents=True, exist_ok=True)
    (root / "acorn.yaml").write_text(PROJECT)
    (root / "specs" / "stores.yaml").write_text(STORES)
    (root / "specs" / "skus.yaml").write_text(f"{HEAD}{defaults}  items:\n{items}", "utf-8")
    return root


def state_of(root: Path) -> dict[str, Any]:
    """Compiled resources by store and address; the repository must have no finding."""
    loaded: Loaded = load(root, None, None)
    assert loaded.findings == []
    state = compile_configuration(loaded.configuration)
    return {store: {key: d.attributes for key, d in shard.items()} for store, shard in state.stores.items()}


def findings_of(root: Path) -> list[Finding]:
    """Every finding of loading."""
    try:
        return load(root, None, None).findings
    except AcornError as error:
        return error.as_findings()


PLAIN = """\
sku,gtin,title,taxClass,hs6,store,sellerSku,asin,price,currency,min,max,map,status
A-1,4006381333931,"Kettle, red",standard,851610,amz-de,A-1-DE,B0EXAMPLE1,49.99,EUR,39.99,59.99,45.00,
A-2,,Pot,,,amz-de,,,9.90,EUR,,,,inactive
A-1,,,,,amz-fr,,,54.99,EUR,44.99,,,active
00123,,NO,,,amz-uk,,,19.90,GBP,,,,
"""
LIST = """\
    - sku: A-1
      gtin: "4006381333931"
      attributes: {title: "Kettle, red", taxClass: standard, hs6: "851610"}
      listings:
        - {store: amz-de, sellerSku: A-1-DE, asin: B0EXAMPLE1, price: {value: "49.99", currency: EUR}}
        - {store: amz-fr, price: {value: "54.99", currency: EUR}, status: active}
      pricePolicy:
        min: {amz-de: "39.99", amz-fr: "44.99"}
        max: {amz-de: "59.99"}
        map: {amz-de: "45.00"}
    - sku: A-2
      attributes: {title: Pot}
      listings:
        - {store: amz-de, price: {value: "9.90", currency: EUR}, status: inactive}
    - sku: "00123"
      attributes: {title: "NO"}
      listings:
        - {store: amz-uk, price: {value: "19.90", currency: GBP}}
"""
RENAMED = (
    PLAIN.replace("sku,", "Artikel-Nr,", 1)
    .replace(",store,", ",Markt,", 1)
    .replace("title", "Bezeichnung (kurz)", 1)
)
COLUMNS = ', columns: {Artikel-Nr: sku, Markt: store, "Bezeichnung (kurz)": title}'


def rewritten(delimiter: str, text: str = PLAIN, end: str = "\n", quoting: Any = csv.QUOTE_MINIMAL) -> str:
    """The table with another delimiter, line end or quoting."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(
        csv.reader(io.StringIO(text))
    )
    return out.getvalue()


COMMA = rewritten(";", PLAIN.replace("49.99", '"49,99"').replace("9.90", '"9,90"').replace("1\"9,90\"", '"19,90"').replace("39.99", '"39,99"')
                  .replace("59.99", '"59,99"').replace("45.00", '"45,00"').replace("54.99", '"54,99"').replace("44.99", '"44,99"'))  # fmt: skip
SAME = {
    "plain": (PLAIN, ""),
    "renamed columns": (RENAMED, COLUMNS),
    "semicolons": (rewritten(";"), ', delimiter: ";"'),
    "tabs": (rewritten("\t"), ', delimiter: "\\t"'),
    "bars": (rewritten("|"), ', delimiter: "|"'),
    "everything quoted": (rewritten(",", quoting=csv.QUOTE_ALL), ""),
    "CRLF": (rewritten(",", end="\r\n"), ""),
    "byte order mark": ("\ufeff" + PLAIN, ""),
    "byte order mark and UTF-8 named": ("\ufeff" + PLAIN, ", encoding: utf-8"),
    "byte order mark and quoted heading": ("\ufeff" + rewritten(",", quoting=csv.QUOTE_ALL), ""),
    "decimal comma": (COMMA, ', delimiter: ";", decimalComma: true'),
    "blank rows": (PLAIN.replace("\nA-2", "\n\n,,,,,,,,,,,,,\nA-2"), ""),
    "spaces around cells": (PLAIN.replace("A-2,,Pot", " A-2 ,, Pot "), ""),
    "spaces around headings": (PLAIN.replace("gtin,title", " gtin , title "), ""),
    "no newline at the end": (PLAIN.rstrip("\n"), ""),
    "nulls for options": (PLAIN, ", delimiter: null, encoding: null, columns: null, decimalComma: null"),
}  # fmt: skip


@pytest.mark.parametrize("defaults", ["", DEFAULTS], ids=["bare", "with defaults"])
@pytest.mark.parametrize(("table", "options"), SAME.values(), ids=SAME.keys())
def test_a_table_means_what_the_list_means(
    write: Write, tmp_path: Path, table: str, options: str, defaults: str
) -> None:
    """A table compiles to exactly the resources of the same list in YAML."""
    assert state_of(write(table, options, defaults)) == state_of(in_yaml(tmp_path, LIST, defaults))


ENCODINGS = {
    "cp1252": ("cp1252", "Käßekörbchen – 5 €", "cp1252"),
    "gb18030": ("gb18030", "红色水壶", "gb18030"),
    "shift_jis": ("shift_jis", "電気ケトル", "shift_jis"),
    "cp932": ("cp932", "①電気ケトル", "cp932"),
    "cp1250": ("cp1250", "Młynek żółty", "cp1250"),
    "UTF-16 by its mark": ("utf-16", "Kávovar 電", "utf-8"),
    "UTF-8": ("utf-8", "Käse 红色 🏷", "utf-8"),
    "UTF-8 with a mark": ("utf-8-sig", "Käse 红色", "utf-8"),
}


@pytest.mark.parametrize(("codec", "title", "named"), ENCODINGS.values(), ids=ENCODINGS.keys())
def test_encodings_are_read(write: Write, tmp_path: Path, codec: str, title: str, named: str) -> None:
    """A table in any of the named encodings has the text that was meant."""
    table = f"sku,title,store\nA-1,{title},amz-de\n".encode(codec)
    items = f"    - {{sku: A-1, attributes: {{title: {quoted(title)}}}, listings: [{{store: amz-de}}]}}\n"
    assert state_of(write(table, f", encoding: {named}")) == state_of(in_yaml(tmp_path, items))


def test_a_table_refers_to_price_rules(write: Write, tmp_path: Path) -> None:
    """A price may be a rule of acorn.yaml instead of an amount."""
    table = "sku,store,price,currency,priceRule\nA-1,amz-de,49.99,EUR,\nA-1,amz-uk,,GBP,uk\n"
    items = '    - {sku: A-1, listings: [{store: amz-de, price: {value: "49.99", currency: EUR}}, {store: amz-uk, price: {currency: GBP, rule: uk}}]}\n'
    assert state_of(write(table)) == state_of(in_yaml(tmp_path, items))


@pytest.mark.parametrize("written", ["1.234,50", "1234,50", "1234,5"])
def test_decimal_commas_and_thousands_are_understood(write: Write, tmp_path: Path, written: str) -> None:
    """With `decimalComma` an amount may have dots between thousands."""
    items = '    - {sku: A-1, listings: [{store: amz-de, price: {value: "1234.50", currency: EUR}}]}\n'
    table = f"sku;store;price;currency\nA-1;amz-de;{written};EUR\n"
    assert state_of(write(table, ', delimiter: ";", decimalComma: true')) == state_of(
        in_yaml(tmp_path, items)
    )


@pytest.mark.parametrize("written", ["49.99", "1.23", "1234.5", "1.2345,00", "1,234.50"])
def test_a_decimal_point_is_not_taken_for_thousands(write: Write, written: str) -> None:
    """With `decimalComma` an amount whose dots cannot stand between thousands is refused, not multiplied by a hundred."""
    table = f"sku;store;price;currency\nA-1;amz-de;{written};EUR\n"
    assert findings_of(write(table, ', delimiter: ";", decimalComma: true'))


@pytest.mark.parametrize("written", ["49,99", "1.234,50", "EUR 5", "-1", "1e2x", "５", "٤"])
def test_an_odd_amount_is_refused_at_its_row(write: Write, written: str) -> None:
    """An amount that is none is refused at its row."""
    found = findings_of(
        write(f"sku;store;price;currency\nA-0;amz-de;1;EUR\nA-1;amz-de;{written};EUR\n", ', delimiter: ";"')
    )
    assert [(f.id, f.place.file, f.place.line) for f in found if f.place] == [
        ("GEN-007", "specs/skus.csv", 3)
    ]


# --- faults, each with its row and cell --------------------------------------------------------------------------
# (table, options, id, row, cell (0: any), words of the message or hint)

FAULTS: dict[str, tuple[str | bytes, str, str, int, int, str]] = {
    "scientific number": ("sku,gtin,store\nA-1,,amz-de\nA-2,1.23E+12,amz-de\n", "", "GEN-001", 3, 2, "spreadsheet"),
    "scientific number with a comma": ('sku,gtin,store\nA-1,"1,23E+12",amz-de\n', "", "GEN-001", 2, 2, "spreadsheet"),
    "scientific number with many digits": ("sku,gtin,store\nA-1,4.00638E+12,amz-de\n", "", "GEN-001", 2, 2, "spreadsheet"),
    "scientific number of two digits": ("sku,gtin,store\nA-1,12.5E+11,amz-de\n", "", "GEN-001", 2, 2, "spreadsheet"),
    "small scientific number": ("sku,title,store\nA-1,1.5E-05,amz-de\n", "", "GEN-001", 2, 2, "spreadsheet"),
    "scientific SKU": ("sku,store\n1.0E+05,amz-de\n", "", "GEN-001", 2, 1, "spreadsheet"),
    "reference error": ("sku,title,store\nA-1,#REF!,amz-de\n", "", "GEN-001", 2, 2, "spreadsheet"),
    "not available": ("sku,title,store\nA-1,#N/A,amz-de\n", "", "GEN-001", 2, 2, "spreadsheet"),
    "division": ("sku,title,store\nA-1,#DIV/0!,amz-de\n", "", "GEN-001", 2, 2, "spreadsheet"),
    "number error": ("sku,title,store\nA-1,#NUM!,amz-de\n", "", "GEN-001", 2, 2, "spreadsheet"),
    "null error": ("sku,title,store\nA-1,#NULL!,amz-de\n", "", "GEN-001", 2, 2, "spreadsheet"),
    "hashes of a narrow column": ("sku,title,store\nA-1,########,amz-de\n", "", "GEN-001", 2, 2, "spreadsheet"),
    "error in an earlier row of the SKU": ("sku,gtin,store\nA-1,1.2E+12,amz-de\nA-1,,amz-fr\n", "", "GEN-001", 2, 2, "spreadsheet"),
    "too many cells": ("sku,store\nA-1,amz-de\nA-2,amz-de,x\n", "", "GEN-015", 3, 0, "3 cells"),
    "an unquoted comma": ("sku,title,store\nA-1,Kettle, red,amz-de\n", "", "GEN-015", 2, 0, "quote cells"),
    "unclosed quote": ('sku,store\nA-1,amz-de\n"A-2,amz-de\n', "", "GEN-015", 3, 0, "CSV"),
    "text after a quote": ('sku,store\nA-1,amz-de\n"A"x,amz-de\n', "", "GEN-015", 3, 0, "CSV"),
    "empty": ("", "", "GEN-015", 0, 0, "empty"),
    "only a heading": ("sku,store\n", "", "", 0, 0, ""),
    "empty first row": ("\nsku,store\nA-1,amz-de\n", "", "GEN-015", 0, 0, ""),
    "no SKU column": ("gtin,store\n,amz-de\n", "", "GEN-008", 1, 0, "sku"),
    "no store column": ("sku,title\nA-1,x\n", "", "GEN-008", 1, 0, "store"),
    "no SKU in a row": ("sku,title,store\nA-1,x,amz-de\n,y,amz-de\n", "", "GEN-008", 3, 0, "sku"),
    "no store in a row": ("sku,title,store\nA-1,x,amz-de\nA-2,y,\n", "", "GEN-008", 3, 0, "store"),
    "unknown column": ("sku,store,titel\nA-1,amz-de,x\n", "", "GEN-006", 1, 3, "did you mean title?"),
    "unknown column renamed": ("sku,store,Titel\nA-1,amz-de,x\n", ", columns: {Titel: titel}", "GEN-006", 1, 3, "did you mean title?"),
    "empty heading": ("sku,store,\nA-1,amz-de,\n", "", "GEN-006", 1, 3, ""),
    "the wrong delimiter": ("sku;store\nA-1;amz-de\n", "", "GEN-015", 1, 1, 'delimiter: ";"'),
    "column twice": ("sku,store,title,title\nA-1,amz-de,x,x\n", "", "GEN-003", 1, 4, "title"),
    "column twice by renaming": ("sku,store,title,Name\nA-1,amz-de,x,y\n", ", columns: {Name: title}", "GEN-003", 1, 4, "title"),
    "renamed heading that is missing": ("sku,store\nA-1,amz-de\n", ", columns: {Artikel: title}", "GEN-006", 0, 0, "Artikel"),
    "conflicting titles": ("sku,title,store\nA-1,x,amz-de\nA-2,z,amz-de\nA-1,y,amz-fr\n", "", "GEN-010", 4, 0, "x and y"),
    "the same listing twice": ("sku,store,price,currency\nA-1,amz-de,1,EUR\nA-1,amz-de,2,EUR\n", "", "", 3, 0, ""),
    "bad store in the second row of a SKU": ("sku,store\nA-1,amz-de\nA-2,amz-de\nA-1,AMZ FR\n", "", "GEN-007", 4, 0, "store"),
    "bad price in the second row of a SKU": ("sku,store,price,currency\nA-1,amz-de,1,EUR\nA-2,amz-de,1,EUR\nA-1,amz-fr,x,EUR\n", "", "GEN-007", 4, 0, "49.99"),
    "bad floor in the second row of a SKU": ("sku,store,min\nA-1,amz-de,1\nA-2,amz-de,1\nA-1,amz-fr,x\n", "", "GEN-007", 4, 0, ""),
    "bad GTIN told in a later row": ("sku,gtin,store\nA-1,,amz-de\nA-2,,amz-de\nA-1,12,amz-fr\n", "", "GEN-007", 4, 0, ""),
    "bad GTIN after a cell of three lines": ('sku,title,gtin,store\nA-1,"a\nb\nc",,amz-de\nA-2,x,12,amz-de\n', "", "GEN-007", 5, 0, ""),
    "no SKU in a row of three lines": ('sku,title,store\nA-1,x,amz-de\n,"a\nb\nc",amz-de\n', "", "GEN-008", 3, 0, "sku"),
    "not UTF-8": ("sku,title,store\nA-1,x,amz-de\nA-2,Käse,amz-de\n".encode("cp1252"), "", "GEN-009", 3, 0, ""),
    "not cp1252": (b"sku,title,store\nA-1,\x81,amz-de\n", ", encoding: cp1252", "GEN-009", 2, 0, "cp1252"),
    "UTF-8, read as something else": ("sku,title,store\nA-1,Käse,amz-de\n", ", encoding: cp1252", "GEN-009", 1, 0, "is UTF-8, and not cp1252"),
    "not gb18030": (b"sku,title,store\nA-1,\xff\xff,amz-de\n", ", encoding: gb18030", "GEN-009", 2, 0, "gb18030"),
    "half a character of UTF-16": ("sku,store\nA-1,amz-de\n".encode("utf-16") + b"x", "", "GEN-009", 0, 0, "utf-16"),
    "a code that became a day, in German": ("sku,store\n01. Mrz,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a code that became a day, in English": ("sku,store\n1-Mar,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a code that became a day of ISO": ("sku,store\n2026-03-01,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a code that became a day with slashes": ("sku,store\n3/1/2026,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a month before a day": ("sku,store\nMar-12,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a month before a day, in German": ("sku,store\nMrz 12,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a code that became a day, year first": ("sku,store\n2026/03/12,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a code that became a day with a time": ("sku,store\n2026-03-12 00:00:00,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a code that became a time": ("sku,store\n12:30:00,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a code behind an equals sign": ('sku,store\n"=""00123""",amz-de\n', "", "GEN-001", 2, 1, "spoilt"),
    "a code behind an apostrophe": ("sku,store\n'00124,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a number with an exponent": ("sku,store\n1.00E+12,amz-de\n", "", "GEN-001", 2, 1, "spoilt"),
    "a comma that may be either": ('sku,store,price,currency\nA-1,amz-de,"5,933",EUR\n', "", "GEN-007", 2, 3, "may be 5933 or 5.933"),
    "a comma between thousands": ('sku,store,price,currency\nA-1,amz-de,"1,299.00",EUR\n', "", "GEN-007", 2, 3, "write 1299.00"),
    "a point that may be either": ('sku,store,price,currency\nA-1,amz-de,99.036,EUR\n', ", decimalComma: true", "GEN-007", 2, 3, "may be 99036 or 99,036"),
    "zero byte": ("sku,title,store\nA-1,a\0b,amz-de\n", "", "GEN-009", 2, 0, ""),
    "zero width space in a SKU": ("sku,store\nA\u200b-1,amz-de\n", "", "GEN-009", 2, 0, ""),
    "lone carriage returns": ("sku,store\rA-1,amz-de\r", "", "GEN-009", 1, 0, ""),
    "a huge cell": ("sku,title,store\nA-1," + "x" * 40_000 + ",amz-de\n", "", "GEN-001", 2, 2, ""),
    "a cell above the limit of csv": ("sku,title,store\nA-1," + "x" * 140_000 + ",amz-de\n", "", "GEN-015", 2, 0, ""),
    "a title that is too long": ("sku,title,store\nA-1," + "x" * 600 + ",amz-de\n", "", "GEN-007", 2, 0, "title"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "options", "id", "row", "cell", "words"), FAULTS.values(), ids=FAULTS.keys()
)
def test_a_fault_of_a_table_is_told_at_its_row(
    write: Write,
    table: str | bytes,
    options: str,
    id: str,
    row: int,
    cell: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A damaged table is refused at the line of its row, the number of its cell where one is meant, with a remedy."""
    root = write(table, options)
    found = findings_of(root)
    if not id:  # a rule's business: validate tells it
        assert cli.run(["validate", "-C", str(root), "--no-color"]) == 4
        assert not row or f"skus.csv:{row}" in capsys.readouterr().out
        return
    assert found
    finding = found[0]
    assert finding.id == id
    assert finding.place is not None
    if "columns" not in options or row:
        assert finding.place.file == "specs/skus.csv"
    assert not row or finding.place.line == row
    if cell:
        assert isinstance(table, str)
        before = next(csv.reader([table.split("\n")[row - 1]]))[: cell - 1]
        assert finding.place.column == len(",".join((*before, ""))) + 1
    assert words in finding.message + finding.hint


@pytest.mark.parametrize("name", FAULTS)
def test_the_command_line_survives_any_table(
    write: Write, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`acorn validate` ends a damaged table with exit 4, not with an internal error."""
    table, options, *_ = FAULTS[name]
    assert cli.run(["validate", "-C", str(write(table, options)), "--no-color"]) == 4
    assert "internal error" not in "".join(capsys.readouterr())


def test_the_caret_of_a_table_stands_under_its_cell(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """The caret below a shown row stands under the first character of the cell that is meant."""
    root = write("sku,title,gtin,store\nA-1,Kettle,1.23E+12,amz-de\n")
    assert cli.run(["validate", "-C", str(root), "--no-color"]) == 4
    lines = capsys.readouterr().out.split("\n")
    shown = next(i for i, line in enumerate(lines) if "A-1,Kettle" in line)
    assert lines[shown + 1].index("^") == lines[shown].index("1.23E+12")


def test_every_fault_of_a_table_is_told_at_once(write: Write) -> None:
    """One run tells every damaged cell of a table."""
    rows = "".join(f"A-{i},1.2E+12,amz-de\n" for i in range(50))
    assert [f.place.line for f in findings_of(write("sku,gtin,store\n" + rows)) if f.place] == list(
        range(2, 52)
    )


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ('"say ""hi"""', 'say "hi"'),
        ('"a\nb"', "a\nb"),
        ('"a\r\nb"', "a\nb"),
        ('"a,b"', "a,b"),
        ("NO", "NO"),
        ("00123", "00123"),
        ("true", "true"),
        ("=1+1", "=1+1"),
        ("12:30", "12:30"),
        ("1e3x", "1e3x"),
        ("C# für Anfänger", "C# für Anfänger"),
        ("Size 5E", "Size 5E"),
    ],
    ids=repr,
)
def test_cells_are_text_and_never_retyped(write: Write, cell: str, meant: str) -> None:
    """Quotes, delimiters and line breaks inside quoted cells are kept, and no text becomes a number."""
    loaded = load(write(f"sku,title,store\nA-1,{cell},amz-de\n".encode()), None, None)
    assert loaded.findings == []
    assert loaded.configuration.skus[0].spec["attributes"]["title"] == meant


def test_a_table_that_changes_changes_the_digest(write: Write) -> None:
    """The configuration's digest covers the content of its tables."""
    first = load(write("sku,store\nA-1,amz-de\n"), None, None).configuration.digest
    assert load(write("sku,store\nA-2,amz-de\n"), None, None).configuration.digest != first


def test_where_a_listed_sku_comes_from_is_its_row(write: Write) -> None:
    """A SKU of a table names its first row as its origin."""
    skus = load(write(PLAIN), None, None).configuration.skus
    assert {s.spec["sku"]: (s.file, s.line) for s in skus} == {
        "A-1": ("specs/skus.csv", 2), "A-2": ("specs/skus.csv", 3), "00123": ("specs/skus.csv", 5),
    }  # fmt: skip


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "sku": st.sampled_from(["A-1", "A-2", "00123", "NO", "x y"]),
            "store": st.sampled_from(["amz-de", "amz-fr", "amz-uk"]),
            "price": st.sampled_from(["", "1", "19.90", "0.5"]),
            "sellerSku": st.sampled_from(["", "S-1", "1e", "true"]),
            "status": st.sampled_from(["", "active", "inactive"]),
            "min": st.sampled_from(["", "0.10"]),
        }
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda r: (r["sku"], r["store"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    ROWS,
    st.permutations(["sku", "store", "price", "sellerSku", "status", "min"]),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_and_columns_changes_nothing(
    rows: list[dict[str, str]], columns: list[str], chance: Any
) -> None:
    """Rows and columns in any order make the same items."""

    def items(order: list[dict[str, str]], heads: list[str]) -> dict[str, Any]:
        out = io.StringIO()
        writer = csv.DictWriter(out, heads, lineterminator="\n")
        writer.writeheader()
        writer.writerows(order)
        read, lines, findings = tables.read(out.getvalue(), "t.csv", {"file": "t.csv"})
        assert findings == []
        assert len(read) == len(lines)
        for item in read:
            item["listings"].sort(key=lambda listing: listing["store"])
        return {item["sku"]: item for item in read}

    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert items(rows, ["sku", "store", "price", "sellerSku", "status", "min"]) == items(shuffled, columns)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(st.sampled_from("sku,store\n\"A1;'#E+.\t é"), max_size=40), st.sampled_from([",", ";", "\t", "|"])
)
def test_no_table_is_too_odd(text: str, delimiter: str) -> None:
    """Any text is read to items or findings, never to an exception."""
    items, lines, findings = tables.read(
        "sku,store\n" + text, "t.csv", {"file": "t.csv", "delimiter": delimiter}
    )
    assert len(items) == len(lines)
    assert all(f.place is not None and f.hint for f in findings)


@pytest.mark.parametrize(
    "code", ["100E10", "5E3", "MAR-1", "1-2-3", "2026-03", "A'B", "12.3", "DEC-10", "=1+1"]
)
def test_a_code_is_taken_as_somebody_typed_it(write: Write, tmp_path: Path, code: str) -> None:
    """No spreadsheet writes these of itself; what it would run stands behind an apostrophe in an export."""
    table = f"sku,title,store\n{cell(code)},{code.lower()},amz-de\n"
    items = f"    - {{sku: {quoted(code)}, attributes: {{title: {quoted(code.lower())}}}, listings: [{{store: amz-de}}]}}\n"
    assert state_of(write(table)) == state_of(in_yaml(tmp_path, items))
