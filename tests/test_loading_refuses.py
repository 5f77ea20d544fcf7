"""Whole repositories with something wrong: every fault is a finding with its place, line and remedy, never a crash."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops import cli
from acorn_gitops.compile.configuration import compile_configuration
from acorn_gitops.confine.sealed import Cache
from acorn_gitops.model.finding import AcornError, Finding
from acorn_gitops.specs import load as loading
from acorn_gitops.specs import text as text_module
from acorn_gitops.specs.load import Loaded

PROJECT = """\
apiVersion: acorn/v1
kind: Project
metadata:
  name: shop
spec:
  specs: [specs]
  connections:
    main: {adapter: network, url: "sandbox:"}
  environments:
    sandbox: {}
    prod: {overlays: [overlays/prod]}
  defaultEnvironment: sandbox
"""
STORE = """\
apiVersion: acorn/v1
kind: Store
metadata: {name: amz-de}
spec:
  type: storefront
  storefront:
    platform: amazon
    marketplaceId: A1PA6795UKMFR9
    country: DE
    currency: EUR
    timezone: Europe/Berlin
"""
SHOP = """\
apiVersion: acorn/v1
kind: Store
metadata: {name: berlin}
spec:
  type: physical
  physical:
    code: BER1
    address: {countryCode: DE, lines: [Weg 1], locality: Berlin, postalCode: "10115"}
    capabilities:
      shipFromStore: {enabled: false, cutoff: "14:00"}
"""
SKU = """\
apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: ktl}
spec:
  sku: KTL-17-BLK
  attributes:
    title: Kettle
    hs6: "851610"
  listings:
    - store: amz-de
      price: {currency: EUR, value: "49.99"}
"""
SKUS = """\
apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: catalogue}
spec:
  items:
    - {sku: A-1, listings: [{store: amz-de, price: {currency: EUR, value: "9.99"}}]}
    - {sku: A-2, listings: [{store: amz-de, price: {currency: EUR, value: "9.98"}}]}
"""
PROMO = """\
apiVersion: acorn/v1
kind: Promo
metadata: {name: black}
spec:
  type: percentOff
  stores: {names: [amz-de]}
  skus: {all: true}
  window:
    start: {local: 2026-11-27T00:00, tz: store}
    end: {local: 2026-11-30T00:00, tz: store}
  discount: {percent: "15"}
"""
TEMPLATE = """\
apiVersion: acorn/v1
kind: Store
metadata: {name: %s, abstract: true}
spec: {inherits: [%s]}
"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Makes a repository: files by path (bytes or text), with a project and a store unless given."""
    monkeypatch.setenv("ACORN_CACHE_DIR", "")
    monkeypatch.setenv("ACORN_NOW", "2026-01-01T00:00:00Z")
    root = tmp_path / "repository"

    def write(files: dict[str, str | bytes], *, store: bool = True) -> Path:
        for name, content in {
            "acorn.yaml": PROJECT,
            **({"specs/store.yaml": STORE} if store else {}),
            **files,
        }.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return write


def load(root: Path, environment: str | None = None) -> Loaded:
    """Load without a cache."""
    return loading.load(root, environment, None)


def findings_of(root: Path, environment: str | None = None) -> list[Finding]:
    """Every finding, also those that stop acorn.yaml itself."""
    try:
        return load(root, environment).findings
    except AcornError as error:
        return error.as_findings()


def only(root: Path, environment: str | None = None) -> Finding:
    """The one finding there is."""
    found = findings_of(root, environment)
    assert len(found) == 1, found
    return found[0]


def at(root: Path, finding: Finding, expected: str) -> None:
    """The finding's place is where `expected` stands in its file, and its source is that line."""
    assert finding.place is not None
    lines = (root / finding.place.file).read_text("utf-8-sig").splitlines()
    assert finding.place.line, finding
    line = lines[finding.place.line - 1]
    assert finding.source == line
    assert line[finding.place.column - 1 :].startswith(expected), (finding, line)


def validate(root: Path, *more: str) -> int:
    """Exit code of `acorn validate`."""
    return cli.run(["validate", "-C", str(root), "--no-color", *more])


def state_of(loaded: Loaded) -> dict[str, Any]:
    """Compiled resources by store and address, as plain data without origins."""
    state = compile_configuration(loaded.configuration)
    return {store: {key: d.attributes for key, d in shard.items()} for store, shard in state.stores.items()}


def test_the_plain_repository_is_clean(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """The repository that all these tests damage has no finding of its own."""
    root = write(
        {"specs/shop.yaml": SHOP, "specs/sku.yaml": SKU, "specs/skus.yaml": SKUS, "specs/promo.yaml": PROMO}
    )
    assert findings_of(root) == []
    assert validate(root) == 0, capsys.readouterr()


# --- scalars that YAML readers type differently -----------------------------------------------------------------

AMBIGUOUS = {
    "Norway": (STORE, "country: DE", "country: NO", "NO"),
    "Ontario": (SHOP, "locality: Berlin", "locality: ON", "ON"),
    "postcode": (SHOP, '"10115"', "01011", "01011"),
    "postcode with an 8": (SHOP, '"10115"', "08540", "08540"),
    "numeric SKU": (SKU, "KTL-17-BLK", "00123", "00123"),
    "numeric SKU in a list": (SKUS, "A-2", "00123", "00123"),
    "underscored SKU": (SKUS, "A-2", "12_34", "12_34"),
    "hexadecimal SKU": (SKUS, "A-2", "0x1F", "0x1F"),
    "octal SKU": (SKUS, "A-2", "0o17", "0o17"),
    "exponent SKU": (SKUS, "A-2", "1e3", "1e3"),
    "price": (SKU, '"49.99"', "19.90", "19.90"),
    "price in a list": (SKUS, '"9.98"', "19.90", "19.90"),
    "time of day": (SHOP, '"14:00"', "12:30", "12:30"),
    "phone": (SHOP, 'postalCode: "10115"', "phone: +4930123456", "+4930123456"),
    "yes": (STORE, "country: DE", "country: yes", "yes"),
    "y": (SKU, "title: Kettle", "title: y", "y"),
    "infinity": (SKU, "title: Kettle", "title: .inf", ".inf"),
    "twenty digits": (SKU, "title: Kettle", "title: 12345678901234567890", "12345678901234567890"),
}
WRONG_TYPES = {
    "integer for a price": (SKU, '"49.99"', "20", "20", '"20"'),
    "integer for a price in a list": (SKUS, '"9.98"', "20", "20", '"20"'),
    "integer for a postcode": (SHOP, '"10115"', "10115", "10115", '"10115"'),
    "integer for a SKU": (SKUS, "A-2", "123", "123", '"123"'),
    "integer for a customs code": (SKU, '"851610"', "851610", "851610", '"851610"'),
    "integer for a percentage": (PROMO, '"15"', "15", "15", '"15"'),
    "true for a title": (SKU, "title: Kettle", "title: true", "true", '"true"'),
    "True for a title": (SKU, "title: Kettle", "title: True", "True", '"True"'),
    "integer for a name": (SKU, "{name: ktl}", "{name: 5}", "5", '"5"'),
    "integer for a label": (STORE, "{name: amz-de}", "{name: amz-de, labels: {a: 5}}", "5", '"5"'),
}


@pytest.mark.parametrize(("spec", "old", "new", "shown"), AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_an_ambiguous_scalar_is_refused_with_its_quoted_form(
    write: Write, spec: str, old: str, new: str, shown: str
) -> None:
    """Text that some YAML readers type differently is refused where it stands, and the hint shows it quoted."""
    assert old in spec
    root = write({("specs/store.yaml" if spec is STORE else "specs/x.yaml"): spec.replace(old, new)})
    finding = only(root)
    assert finding.id == "GEN-001"
    assert f'"{shown}"' in finding.hint
    at(root, finding, shown)


@pytest.mark.parametrize(
    ("spec", "old", "new", "shown", "hint"), WRONG_TYPES.values(), ids=WRONG_TYPES.keys()
)
def test_a_number_or_boolean_is_no_text(
    write: Write, spec: str, old: str, new: str, shown: str, hint: str
) -> None:
    """A number or boolean where text belongs is refused where it stands, and the hint shows what was written, quoted."""
    assert old in spec
    root = write({("specs/store.yaml" if spec is STORE else "specs/x.yaml"): spec.replace(old, new)})
    finding = only(root)
    assert finding.id == "GEN-001"
    assert hint in finding.hint
    at(root, finding, shown)


# --- syntax and characters --------------------------------------------------------------------------------------

NESTED = "x: " + "[" * 3000 + "]" * 3000 + "\n"
BLOCKS = "".join(" " * i + "k:\n" for i in range(3000))
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]\n" for i in range(1, 9)
)
SYNTAX = {
    "duplicate key": (SKU.replace("    title: Kettle\n", "    title: Kettle\n    title: Pot\n"), "GEN-003", "title: Pot"),
    "duplicate key in a flow map": (SKUS.replace("{sku: A-2", "{sku: A-2, sku: A-3"), "GEN-003", "sku: A-3"),
    "duplicate key in other quotes": (SKU.replace("    title: Kettle\n", "    title: Kettle\n    'title': Pot\n"), "GEN-003", "'title': Pot"),
    "tab as indentation": (SKU.replace("  sku:", "\tsku:"), "GEN-002", "\tsku"),
    "merge key": (SKU.replace("spec:\n", "x: &x {a: b}\nspec:\n  <<: *x\n"), "GEN-014", "<<: *x"),
    "local tag": (SKU.replace("title: Kettle", "title: !secret Kettle"), "GEN-014", "!secret"),
    "python tag": (SKU.replace("title: Kettle", "title: !!python/object/apply:os.system [id]"), "GEN-014", "!!python"),
    "include tag": (SKU.replace("title: Kettle", "title: !include /etc/passwd"), "GEN-014", "!include"),
    "binary tag": (SKU.replace("title: Kettle", "title: !!binary aGk="), "GEN-014", "!!binary"),
    "unknown alias": (SKU.replace("title: Kettle", "title: *nobody"), "GEN-002", "*nobody"),
    "alias of itself": (SKU.replace("  attributes:", "  attributes: &me\n    extra: {a: *me}"), "GEN-002", "*me"),
    "alias bomb": (LAUGHS, "GEN-004", "*a"),
    "3,000 flow levels": (NESTED, "GEN-004", "["),
    "3,000 block levels": (BLOCKS, "GEN-004", "k:"),
    "unclosed bracket": (SKU.replace("listings:", "listings: ["), "GEN-002", ""),
    "unclosed double quote": (SKU.replace("title: Kettle", 'title: "Kettle'), "GEN-002", ""),
    "unclosed single quote at the end": (SKU.rstrip("\n").replace('"49.99"}', "'49.99}"), "GEN-002", ""),
    "two colons": (SKU.replace("title: Kettle", "title: Kettle: big"), "GEN-002", ": big"),
    "wrong dedent": (SKU.replace("    hs6:", "   hs6:"), "GEN-002", "hs6"),
    "a key that is a number": (SKU.replace("title: Kettle", "12: Kettle"), "GEN-001", "12:"),
    "a key that is a boolean": (SKU.replace("title: Kettle", "NO: Kettle"), "GEN-001", "NO:"),
    "a key that is a list": (SKU.replace("title: Kettle", "[a, b]: Kettle"), "GEN-001", "[a"),
    "quoted merge key": (SKU.replace("title: Kettle", '"<<": {title: Kettle}'), "", '"<<"'),
    "reserved indicator": (SKU.replace("title: Kettle", "title: @Kettle"), "GEN-002", "@Kettle"),
    "a list": ("- a\n- b\n", "GEN-007", "- a"),
    "a scalar": ("hello\n", "GEN-007", "hello"),
    "lone carriage return": (SKU.replace("title: Kettle\n", "title: Kettle\r"), "GEN-009", ""),
    "zero byte": (SKU.replace("Kettle", "Ket\0tle"), "GEN-009", ""),
    "escape character": (SKU.replace("Kettle", "Ket\x1b[2Jtle"), "GEN-009", ""),
    "bidi override": (SKU.replace("Kettle", "Ket\u202etle"), "GEN-009", ""),
    "bidi isolate": (SKU.replace("Kettle", "Ket\u2066tle"), "GEN-009", ""),
    "zero width space": (SKU.replace("Kettle", "Ket\u200btle"), "GEN-009", ""),
    "word joiner": (SKU.replace("Kettle", "Ket\u2060tle"), "GEN-009", ""),
    "byte order mark inside": (SKU.replace("Kettle", "Ket\ufefftle"), "GEN-009", ""),
    "line separator": (SKU.replace("Kettle", "Ket\u2028tle"), "GEN-009", ""),
    "next line character": (SKU.replace("Kettle", "Ket\x85tle"), "GEN-009", ""),
    "invisible tag character": (SKU.replace("Kettle", "Ket\U000e0041tle"), "GEN-009", ""),
    "Mongolian vowel separator": (SKU.replace("Kettle", "Ket\u180etle"), "GEN-009", ""),
    "NFD text": (SKU.replace("Kettle", "Cafe\u0301"), "GEN-013", "e\u0301"),
    "invalid UTF-8": (SKU.encode().replace(b"Kettle", b"Caf\xe9"), "GEN-009", ""),
    "UTF-16": (SKU.encode("utf-16"), "GEN-009", ""),
    "an invisible character by an escape": (SKU.replace("title: Kettle", 'title: "a\\u202eb"'), "GEN-009", ""),
    "half of a letter by an escape": (SKU.replace("title: Kettle", 'title: "jose\\u0301"'), "GEN-013", ""),
    "half a character by an escape": (SKU.replace("title: Kettle", 'title: "\\ud800"'), "", ""),
}  # fmt: skip
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


@pytest.mark.parametrize(("content", "id", "expected"), SYNTAX.values(), ids=SYNTAX.keys())
def test_hostile_text_is_refused_in_its_place(
    write: Write, content: str | bytes, id: str, expected: str
) -> None:
    """Text that breaks or fools a reader is refused with an id, line, column, the line itself and a hint."""
    root = write({"specs/x.yaml": content})
    found = findings_of(root)
    assert found
    finding = next((f for f in found if f.id == id), found[0])
    assert finding.place is not None
    assert finding.place.file == "specs/x.yaml"
    assert finding.place.line >= 1
    assert finding.place.column >= 1
    assert finding.hint
    assert not id or finding.id == id
    if expected:
        at(root, finding, expected)
    elif isinstance(content, str):
        assert finding.source
        hit = INVISIBLE.search(content)
        if hit:
            before = content[: hit.start()]
            assert (finding.place.line, finding.place.column) == (
                before.count("\n") + 1,
                len(before) - before.rfind("\n"),
            )


@pytest.mark.parametrize("content", [c for c, *_ in SYNTAX.values()], ids=SYNTAX.keys())
@pytest.mark.parametrize("name", ["specs/x.yaml", "acorn.yaml"])
def test_the_command_line_shows_no_traceback(
    write: Write, content: str | bytes, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`acorn validate` ends hostile text with exit 4 and clean output, wherever it stands."""
    root = write({name: content})
    assert validate(root) == 4
    shown = "".join(capsys.readouterr())
    assert "internal error" not in shown
    assert "Traceback" not in shown
    assert not INVISIBLE.search(shown)


def test_a_plan_of_half_a_character_is_no_internal_error(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """`acorn plan` does not stumble over a lone surrogate that an escape wrote."""
    assert (
        cli.run(["plan", "-C", str(write({"specs/x.yaml": SYNTAX["half a character by an escape"][0]}))]) == 4
    )
    assert "internal error" not in "".join(capsys.readouterr())


ACCEPTED = {
    "byte order mark": "\ufeff" + SKU,
    "CRLF": SKU.replace("\n", "\r\n"),
    "byte order mark and CRLF": "\ufeff" + SKU.replace("\n", "\r\n"),
    "no newline at the end": SKU.rstrip("\n"),
    "document markers": "---\n" + SKU + "...\n",
    "block scalars": SKU.replace("title: Kettle", "title: >-\n      Kettle"),
    "anchors": SKU.replace("title: Kettle", "title: &t Kettle").replace("spec:\n", "spec:\n", 1),
    "escapes": SKU.replace("title: Kettle", 'title: "K\\u0065ttle"'),
}


@pytest.mark.parametrize("content", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_harmless_variants_mean_the_same(write: Write, content: str) -> None:
    """Byte order mark, CRLF and other ways to write it change nothing about the configuration."""
    plain = state_of(load(write({"specs/x.yaml": SKU})))
    root = write({"specs/x.yaml": content})
    assert findings_of(root) == []
    assert state_of(load(root)) == plain


def test_a_file_above_the_limit_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is larger than the limit is refused with the advice to split it."""
    root = write({"specs/x.yaml": SKU + "# " + "x" * 5000})
    monkeypatch.setattr(text_module, "MAX_BYTES", 4096)
    finding = only(root)
    assert finding.id == "GEN-004"
    assert finding.place is not None
    assert finding.place.file == "specs/x.yaml"
    assert finding.hint


def test_a_file_above_the_limit_is_not_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a file is looked at before its bytes are taken into memory."""
    root = write({"specs/x.yaml": ""})
    os.truncate(root / "specs" / "x.yaml", text_module.MAX_BYTES + 1)
    real = Path.read_bytes
    taken: list[str] = []

    def read_bytes(path: Path) -> bytes:
        taken.append(path.name)
        return b"" if path.name == "x.yaml" else real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert [f.id for f in findings_of(root)] == ["GEN-004"]
    assert "x.yaml" not in taken


def test_fmt_mends_text_that_is_not_nfc(write: Write) -> None:
    """`acorn fmt`, which the finding recommends, brings text into NFC."""
    root = write({"specs/x.yaml": SKU.replace("Kettle", "Cafe\u0301"), "overlays/prod/x.yaml": ""})
    assert cli.run(["fmt", "-C", str(root)]) == 0
    assert findings_of(root) == []


@pytest.mark.parametrize("written", ["nowhere", "../outside", "/etc"])
def test_fmt_refuses_a_path_as_validate_does(
    write: Write, written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`acorn fmt` reports a folder that is missing or outside, without an internal error."""
    root = write(
        {"acorn.yaml": PROJECT.replace("[specs]", f"[specs, {written}]"), "overlays/prod/x.yaml": ""}
    )
    assert cli.run(["fmt", "-C", str(root)]) == 4
    assert "internal error" not in "".join(capsys.readouterr())


# --- shape ------------------------------------------------------------------------------------------------------

SHAPE = {
    "unknown field": (SKU.replace("title: Kettle", "titel: Kettle"), "GEN-006", "titel", "did you mean title?"),
    "unknown field in an item": (SKUS.replace("{sku: A-2, listings", "{sku: A-2, listing"), "GEN-006", "listing:", "did you mean listings?"),
    "unknown field at the top": (SKU + "metdata: {}\n", "GEN-006", "metdata", "did you mean metadata?"),
    "unknown field with a stray case": (STORE.replace("marketplaceId", "marketplaceID"), "GEN-006", "marketplaceID", "did you mean marketplaceId?"),
    "unknown kind": (SKU.replace("SkuMapping", "SkuMaping"), "GEN-011", "SkuMaping", "did you mean SkuMapping?"),
    "another unknown kind": (SKU.replace("SkuMapping", "Deployment"), "GEN-011", "Deployment", "Store"),
    "kind is a number": (SKU.replace("kind: SkuMapping", "kind: 5"), "GEN-011", "5", "SkuMapping"),
    "kind is missing": (SKU.replace("kind: SkuMapping\n", ""), "GEN-008", "apiVersion", "Store"),
    "kind is null": (SKU.replace("kind: SkuMapping", "kind:"), "GEN-011", "", "SkuMapping"),
    "another version": (SKU.replace("acorn/v1", "acorn/v2"), "GEN-011", "acorn/v2", "acorn/v1"),
    "no version": (SKU.replace("apiVersion: acorn/v1\n", ""), "GEN-011", "kind", "acorn/v1"),
    "no metadata": (SKU.replace("metadata: {name: ktl}\n", ""), "GEN-008", "apiVersion", "metadata"),
    "no name": (SKU.replace("{name: ktl}", "{}"), "GEN-008", "{}", "name"),
    "no spec": (SKU[: SKU.index("spec:")], "GEN-008", "apiVersion", "spec"),
    "no SKU": (SKU.replace("  sku: KTL-17-BLK\n", ""), "GEN-008", "attributes", "sku"),
    "no store in a listing": (SKUS.replace('[{store: amz-de, price: {currency: EUR, value: "9.98"}}]', "[{status: active}]"), "GEN-008", "{status", "store"),
    "metadata is text": (SKU.replace("{name: ktl}", "ktl"), "GEN-007", "ktl", ""),
    "metadata is a list": (SKU.replace("{name: ktl}", "[ktl]"), "GEN-007", "[ktl]", ""),
    "metadata is a number": (SKU.replace("{name: ktl}", "5"), "GEN-007", "5", ""),
    "spec is a list": (SKU[: SKU.index("spec:")] + "spec: [a]\n", "GEN-007", "[a]", ""),
    "spec is text": (SKU[: SKU.index("spec:")] + "spec: a\n", "GEN-007", "a", ""),
    "spec is empty": (SKU[: SKU.index("spec:")] + "spec:\n", "GEN-007", "", ""),
    "items is a map": (SKUS[: SKUS.index("  items:")] + "  items: {a: b}\n", "GEN-007", "{a", ""),
    "items is empty": (SKUS[: SKUS.index("  items:")] + "  items: []\n", "GEN-007", "[]", ""),
    "items is null": (SKUS[: SKUS.index("  items:")] + "  items:\n", "GEN-007", "", ""),
    "an item is text": (SKUS.replace("    - {sku: A-2", "    - A-3\n    - {sku: A-2"), "GEN-007", "A-3", ""),
    "an item is null": (SKUS.replace("    - {sku: A-2", "    - ~\n    - {sku: A-2"), "GEN-007", "~", ""),
    "lower-case currency": (SKU.replace("EUR", "eur"), "GEN-007", "eur", "EUR"),
    "amount with a comma": (SKU.replace("49.99", "49,99"), "GEN-007", '"49,99"', "49.99"),
    "capital name": (SKU.replace("name: ktl", "name: KTL"), "GEN-007", "KTL", "lower-case"),
    "unknown choice": (STORE.replace("type: storefront", "type: storfront"), "GEN-007", "storfront", "storefront"),
    "a date that is none": (PROMO + '  approvals: [{role: r, by: b, at: "2026-02-30"}]\n', "GEN-007", '"2026-02-30"', ""),
    "the year nought": (PROMO + '  approvals: [{role: r, by: b, at: "0000-01-01"}]\n', "GEN-007", '"0000-01-01"', ""),
    "true for a fold": (PROMO.replace("tz: store}\n    end", "tz: store, fold: true}\n    end"), "GEN-007", "true", ""),
    "a store name that is none": (SKU + "  pricePolicy: {min: {AMZ DE: x}}\n", "GEN-007", "", ""),
    "an amount that is none by store": (PROMO.replace('{percent: "15"}', "{amount: {AMZ: nothing}}"), "GEN-007", "", ""),
    "inherits is text": (STORE.replace("  type:", "  inherits: base\n  type:"), "GEN-007", "base", ""),
    "inherits a number": (STORE.replace("  type:", "  inherits: [5]\n  type:"), "", "5", ""),
    "inherits a list": (STORE.replace("  type:", "  inherits: [[a]]\n  type:"), "", "[a]", ""),
    "template with a list for a spec": (STORE.replace("  type:", "  inherits: [t]\n  type:") + "---\napiVersion: acorn/v1\nkind: Store\nmetadata: {name: t, abstract: true}\nspec: [x]\n", "GEN-007", "[x]", ""),
    "template with a text for a spec": (STORE.replace("  type:", "  inherits: [t]\n  type:") + "---\napiVersion: acorn/v1\nkind: Store\nmetadata: {name: t, abstract: true}\nspec: x\n", "GEN-007", "x", ""),
    "template that inherits a number": (STORE.replace("  type:", "  inherits: [t]\n  type:") + "---\napiVersion: acorn/v1\nkind: Store\nmetadata: {name: t, abstract: true}\nspec: {inherits: 5}\n", "GEN-007", "5", ""),
    "template with odd labels": (STORE.replace("  type:", "  inherits: [t]\n  type:") + "---\napiVersion: acorn/v1\nkind: Store\nmetadata: {name: t, abstract: true, labels: 5}\nspec: {type: storefront}\n", "GEN-007", "5", ""),
}  # fmt: skip


@pytest.mark.parametrize(("content", "id", "expected", "hint"), SHAPE.values(), ids=SHAPE.keys())
def test_a_wrong_shape_is_refused_in_its_place(
    write: Write, content: str, id: str, expected: str, hint: str
) -> None:
    """A document of the wrong shape has a finding at the key or value that is wrong, with a remedy in words."""
    root = write({"specs/x.yaml": content}, store="kind: Store\nmetadata: {name: amz-de}" not in content)
    found = findings_of(root)
    assert found
    finding = found[0]
    assert not id or finding.id == id
    if expected:
        at(root, finding, expected)
    assert hint in finding.hint
    assert finding.message


@pytest.mark.parametrize("content", [c for c, *_ in SHAPE.values()], ids=SHAPE.keys())
def test_the_command_line_survives_any_shape(
    write: Write, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`acorn validate` ends a document of the wrong shape with exit 4, not with an internal error."""
    root = write({"specs/x.yaml": content}, store="kind: Store\nmetadata: {name: amz-de}" not in content)
    code = validate(root)
    assert "internal error" not in "".join(capsys.readouterr())
    assert code == 4


PROJECTS = {
    "unknown field": ("  defaultEnvironment: sandbox", "  defaultEnviroment: sandbox", "defaultEnviroment"),
    "unknown environment": ("  defaultEnvironment: sandbox", "  defaultEnvironment: nowhere", "nowhere"),
    "no folders": ("[specs]", "[]", "[]"),
    "folders as text": ("[specs]", "specs", "specs"),
    "a folder that is a number": ("[specs]", "[5]", "5"),
    "connections as a list": ('    main: {adapter: network, url: "sandbox:"}', "    - main", "- main"),
    "another kind": ("kind: Project", "kind: Store", "Store"),
    "metadata as text": ("metadata:\n  name: shop", "metadata: shop", "shop"),
    "unknown field in defaults": ("  specs:", "  defaults: {Stores: {}}\n  specs:", "Stores"),
    "an environment that is null": ("sandbox: {}", "sandbox:", ""),
}


@pytest.mark.parametrize(("old", "new", "expected"), PROJECTS.values(), ids=PROJECTS.keys())
def test_a_wrong_project_file_is_refused_in_its_place(
    write: Write, old: str, new: str, expected: str
) -> None:
    """A fault of acorn.yaml is a finding at its place in acorn.yaml."""
    assert old in PROJECT
    root = write({"acorn.yaml": PROJECT.replace(old, new)})
    found = findings_of(root)
    assert found
    assert {f.place.file for f in found if f.place} == {"acorn.yaml"}
    assert all(f.source for f in found)
    if expected:  # a misspelt field is also a missing one, told before it
        at(root, max(found, key=lambda f: f.id == "GEN-006"), expected)


DEFAULTS = {
    "unknown field for items": "SkuMapping: {colour: red}",
    "listing as a number": "SkuMapping: {listing: 5}",
    "attributes as text": "SkuMapping: {attributes: x}",
    "price as a number": "SkuMapping: {pricePolicy: {minMarginPercent: 5}}",
    "unknown listing field": "SkuMapping: {listing: {colour: red}}",
    "unknown field of a store": "Store: {colour: red}",
}


@pytest.mark.parametrize("defaults", DEFAULTS.values(), ids=DEFAULTS.keys())
def test_wrong_defaults_are_refused(write: Write, defaults: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`defaults` of acorn.yaml that do not fit their kind are a finding, for documents and for lists."""
    root = write(
        {
            "acorn.yaml": PROJECT.replace("  specs:", f"  defaults: {{{defaults}}}\n  specs:"),
            "specs/skus.yaml": SKUS,
        }
    )
    assert findings_of(root)
    assert validate(root) == 4
    assert "internal error" not in "".join(capsys.readouterr())


# --- paths ------------------------------------------------------------------------------------------------------

TABLE = "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: t}\nspec:\n  table: {file: %s}\n"
PATHS = {
    "absolute": '"/etc/passwd"',
    "climbing": '"../outside.csv"',
    "climbing inside": '"x/../../../outside.csv"',
    "home": '"~/outside.csv"',
    "backslash": "'\\\\server\\x.csv'",
    "drive": '"C:/x.csv"',
    "link out": "out.csv",
    "device": "device.csv",
    "pipe": "pipe.csv",
    "through a linked folder": ".linked/outside.csv",
    "missing": "nothing.csv",
    "a folder": "folder",
    "a loop of links": "loop.csv",
    "a null byte": '"a\\0b.csv"',
    "a very long name": "x" * 400,
}


@pytest.fixture
def traps(write: Write) -> Path:
    """A repository whose specs folder is full of traps, beside a file outside."""
    root = write({})
    secret = root.parent / "outside.csv"
    secret.write_text("sku,store\nSECRET,amz-de\n")
    for folder in (root, root / "specs"):
        (folder / "out.csv").symlink_to(secret)
        (folder / "device.csv").symlink_to("/dev/zero")
        (folder / ".linked").symlink_to(root.parent)
        (folder / "loop.csv").symlink_to("loop.csv")
        (folder / "folder").mkdir()
        os.mkfifo(folder / "pipe.csv")
    return root


@pytest.mark.parametrize("written", PATHS.values(), ids=PATHS.keys())
def test_a_table_stays_inside_the_repository(traps: Path, written: str) -> None:
    """A table outside the repository, or that is no regular file, is refused where its path is written."""
    (traps / "specs" / "t.yaml").write_text(TABLE % written)
    finding = only(traps)
    assert finding.id in ("GEN-005", "GEN-009")
    at(traps, finding, written)
    assert "SECRET" not in repr(finding)


@pytest.mark.parametrize("written", PATHS.values(), ids=PATHS.keys())
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[specs]", "[specs, %s]"),
        ("sandbox: {}", "sandbox: {overlays: [%s]}"),
        ("  specs:", "  productTypes: {K: %s}\n  specs:"),
    ],
    ids=["specs", "overlays", "productTypes"],
)
def test_paths_of_the_project_stay_inside_the_repository(
    traps: Path, old: str, new: str, written: str
) -> None:
    """Folders, overlays and schemas outside the repository are refused where acorn.yaml writes them."""
    (traps / "acorn.yaml").write_text(PROJECT.replace(old, new % written))
    if written == "folder" and "productTypes" not in new:
        assert findings_of(traps) == [], "a folder of the repository may be named here"
        return
    finding = only(traps)
    assert finding.id in ("GEN-005", "GEN-009")
    at(traps, finding, written)
    assert "SECRET" not in repr(finding)


LINKS = {
    "link out": ("x.yaml", "../../outside.yaml"),
    "device": ("x.yaml", "/dev/zero"),
    "dangling link": ("x.yaml", "nowhere.yaml"),
    "loop of links": ("x.yaml", "x.yaml"),
    "folder linked from outside": ("more", "../../outside"),
    "folder linked from inside": ("more", "../elsewhere"),
}


@pytest.mark.parametrize(("name", "target"), LINKS.values(), ids=LINKS.keys())
def test_links_among_the_specs_are_refused_or_read_never_ignored(
    write: Write, name: str, target: str
) -> None:
    """A link among the specs is followed inside the repository or refused; its specs never vanish silently."""
    root = write({"elsewhere/x.yaml": SKU})
    (root.parent / "outside").mkdir()
    (root.parent / "outside" / "x.yaml").write_text(SKU)
    (root.parent / "outside.yaml").write_text(SKU)
    (root / "specs" / name).symlink_to(target)
    loaded = load(root)
    if target == "../elsewhere":
        assert loaded.findings or len(loaded.configuration.skus) == 1
    else:
        assert loaded.findings
        assert name in loaded.findings[0].message
        assert not loaded.configuration.skus


def test_a_pipe_among_the_specs_is_refused(write: Write) -> None:
    """A named pipe among the specs is refused without waiting for it."""
    root = write({})
    os.mkfifo(root / "specs" / "x.yaml")
    assert [f.id for f in findings_of(root)] == ["GEN-005"]


def test_the_project_file_stays_inside_the_repository(write: Write) -> None:
    """An acorn.yaml that is a link out of the repository is refused, and nothing of its target is shown."""
    root = write({})
    (root.parent / "secret.txt").write_text("password: NO\n")
    (root / "acorn.yaml").unlink()
    (root / "acorn.yaml").symlink_to("../secret.txt")
    found = findings_of(root)
    assert found
    assert "password" not in repr(found)


def test_an_error_in_one_path_does_not_hide_the_others(write: Write) -> None:
    """A refused link among the specs leaves the findings of the files beside it."""
    root = write({"specs/bad.yaml": SKU.replace("title", "titel")})
    (root / "specs" / "x.yaml").symlink_to("/dev/zero")
    assert {f.id for f in findings_of(root)} == {"GEN-005", "GEN-006"}


# --- documents among each other ---------------------------------------------------------------------------------


def test_an_overlay_of_a_missing_spec_is_refused(write: Write) -> None:
    """An overlay whose spec does not exist is refused at its name, with the closest name."""
    root = write({"overlays/prod/x.yaml": STORE.replace("amz-de", "amz-dee")})
    finding = only(root, "prod")
    assert finding.id == "GEN-016"
    at(root, finding, "amz-dee")
    assert "did you mean amz-de?" in finding.hint


OVERLAY = "apiVersion: acorn/v1\nkind: Store\nmetadata: {name: amz-de}\nspec: {legalEntity: acme}\n"


@pytest.mark.parametrize(
    "written",
    ["overlays/prod", "overlays/prod/", "./overlays/prod", "overlays//prod", "overlays/prod/x.yaml"],
)
@pytest.mark.parametrize("environment", ["sandbox", "prod"])
def test_overlays_among_the_specs_are_no_specs(write: Write, written: str, environment: str) -> None:
    """Overlays that lie below a specs folder are only overlays, however acorn.yaml spells their path."""
    project = PROJECT.replace("[specs]", '["."]').replace("[overlays/prod]", f"[{written}]")
    root = write({"acorn.yaml": project, "overlays/prod/x.yaml": OVERLAY})
    loaded = load(root, environment)
    assert loaded.findings == []
    assert loaded.configuration.stores["amz-de"].spec.get("legalEntity") == (
        "acme" if environment == "prod" else None
    )


def test_an_error_of_an_overlay_stands_in_the_overlay(write: Write) -> None:
    """What an overlay breaks is reported in the overlay."""
    root = write({"overlays/prod/x.yaml": OVERLAY.replace("legalEntity: acme", "storefront: {curency: USD}")})
    finding = only(root, "prod")
    assert finding.id == "GEN-006"
    at(root, finding, "curency")


def test_templates_that_inherit_each_other_are_refused(write: Write) -> None:
    """A circle of templates is refused with the circle in words."""
    root = write(
        {
            "specs/store.yaml": STORE.replace("  type:", "  inherits: [a]\n  type:"),
            "specs/t.yaml": TEMPLATE % ("a", "b") + "---\n" + TEMPLATE % ("b", "a"),
        }
    )
    found = findings_of(root)
    assert {f.id for f in found} == {"STO-003"}
    assert any("a → b → a" in f.message for f in found)
    at(root, found[0], "a]")


def test_a_circle_of_unused_templates_is_refused(write: Write) -> None:
    """A circle of templates is refused although nothing inherits them yet."""
    root = write({"specs/t.yaml": TEMPLATE % ("a", "b") + "---\n" + TEMPLATE % ("b", "a")})
    assert {f.id for f in findings_of(root)} == {"STO-003"}


@pytest.mark.parametrize(("levels", "ok"), [(4, True), (5, False), (50, False)])
def test_templates_are_nested_four_deep_at_most(write: Write, levels: int, ok: bool) -> None:
    """Four levels of templates are read; a fifth is refused at its name."""
    chain = [TEMPLATE % (f"t{i}", f"t{i + 1}" if i < levels else "") for i in range(1, levels + 1)]
    root = write(
        {
            "specs/store.yaml": STORE.replace("  type:", "  inherits: [t1]\n  type:"),
            "specs/t.yaml": "---\n".join(chain),
        }
    )
    assert [f.id for f in findings_of(root)] == ([] if ok else ["STO-003"])


def test_a_missing_template_is_refused(write: Write) -> None:
    """A template that does not exist is refused at its name, with those that do."""
    root = write({"specs/store.yaml": STORE.replace("  type:", "  inherits: [nobody]\n  type:")})
    finding = only(root)
    assert finding.id == "STO-003"
    at(root, finding, "nobody")


DUPLICATES = {
    "two documents": (SKU, SKU.replace("KTL-17-BLK", "OTHER")),
    "two list entries": (SKUS, SKUS.replace("catalogue", "second").replace("A-2", "B-2")),
    "a document after a list": (SKUS, SKU.replace("name: ktl", "name: a-1")),
    "a list after a document": (SKU.replace("name: ktl", "name: a-1"), SKUS),
    "two templates": (TEMPLATE % ("t", ""), TEMPLATE % ("t", "")),
    "a template and a document": (TEMPLATE % ("berlin", ""), SHOP),
    "two stores": (SHOP, SHOP.replace("BER1", "BER2")),
}


@pytest.mark.parametrize(("first", "second"), DUPLICATES.values(), ids=DUPLICATES.keys())
def test_a_name_is_declared_once(write: Write, first: str, second: str) -> None:
    """Two specs of one kind and name are refused, whichever is read first and however they are written."""
    root = write({"specs/a.yaml": first, "specs/b.yaml": second})
    finding = only(root)
    assert finding.id == "GEN-010"
    assert "specs/" in finding.message


@pytest.mark.parametrize(
    "content", [None, "", "# nothing\n", "---\n---\n"], ids=["no file", "empty", "comment", "markers"]
)
def test_an_empty_repository_is_refused(write: Write, content: str | None) -> None:
    """No spec at all is refused, because it would mean deleting everything."""
    root = write({} if content is None else {"specs/x.yaml": content}, store=False)
    (root / "specs").mkdir(exist_ok=True)
    finding = only(root)
    assert finding.id == "GEN-017"
    at(root, finding, "[specs]")


def test_a_missing_folder_is_refused(write: Write) -> None:
    """A specs folder that does not exist is refused where acorn.yaml names it."""
    root = write({}, store=False)
    finding = only(root)
    assert finding.id == "GEN-005"
    at(root, finding, "specs]")


def test_items_may_stand_in_a_flow_list(write: Write) -> None:
    """A list document may write its entries as a flow list, which means the same."""
    plain = state_of(load(write({"specs/x.yaml": SKUS})))
    items = ", ".join(line.strip()[2:] for line in SKUS.splitlines()[5:])
    root = write({"specs/x.yaml": SKUS[: SKUS.index("  items:")] + f"  items: [{items}]\n"})
    loaded = load(root)
    assert loaded.findings == []
    assert state_of(loaded) == plain
    assert {s.line for s in loaded.configuration.skus} == {5}


# --- all at once ------------------------------------------------------------------------------------------------

MANY = {
    "specs/a.yaml": (SKU.replace("title", "titel"), ["GEN-006"]),
    "specs/b.yaml": (SKU.replace("name: ktl", "name: b").replace('"49.99"', "19.90"), ["GEN-001"]),
    "specs/c.yaml": (SKU.replace("name: ktl", "name: c").replace("Kettle", "Ket\u200btle"), ["GEN-009"]),
    "specs/d.yaml": (SHOP.replace('"10115"', "01011").replace('"14:00"', "12:30"), ["GEN-001", "GEN-001"]),
    "specs/e.yaml": (
        PROMO.replace("PercentOff", "x").replace("{all: true}", "{al: true}").replace('"15"', "15"),
        ["GEN-006", "GEN-001"],
    ),
    "specs/f.yaml": (SKU.replace("name: ktl", "name: f").replace("title: Kettle", "title: ["), ["GEN-002"]),
    "specs/g.yaml": ("kind: Nothing\n---\nkind: Nobody\n", ["GEN-011", "GEN-011"]),
    "specs/h.yaml": ("- a\n---\n- b\n", ["GEN-007", "GEN-007"]),
    "specs/i.yaml": (
        SKUS.replace("catalogue", "i").replace("A-1", "I-1, gtin: x").replace("A-2", "I-2, gtin: z"),
        ["GEN-007", "GEN-007"],
    ),
    "specs/j.yaml": (
        SKU.replace("name: ktl", "name: j").replace('"49.99"', "19.90").replace("title", "titel"),
        ["GEN-001", "GEN-006"],
    ),
}


@pytest.mark.parametrize("name", MANY)
def test_every_error_of_a_file_is_told_at_once(write: Write, name: str) -> None:
    """One run tells every error of a file: of its text, its documents and its fields."""
    root = write({name: MANY[name][0]})
    assert sorted(f.id for f in findings_of(root)) == sorted(MANY[name][1])


def test_every_file_is_told_at_once(write: Write) -> None:
    """One run tells the errors of every file that has one."""
    root = write({name: content for name, (content, _) in MANY.items()})
    found = findings_of(root)
    assert {f.place.file for f in found if f.place} == set(MANY)
    assert found == sorted(found, key=Finding.sort_key)


@pytest.mark.parametrize(
    ("store", "other", "environment"),
    [
        (
            TEMPLATE % ("base", "") + "x: 19.90\n",
            STORE.replace("  type:", "  inherits: [base]\n  type:"),
            None,
        ),
        (STORE.replace("country: DE", "country: NO"), None, "prod"),
    ],
    ids=["template", "overlay"],
)
def test_an_unreadable_file_causes_no_false_findings_elsewhere(
    write: Write, store: str, other: str | None, environment: str | None
) -> None:
    """What an unreadable file declares is not called missing in other files."""
    files = {"specs/x.yaml": store, "overlays/prod/x.yaml": OVERLAY}
    root = write({**files, **({"specs/store.yaml": other} if other else {})}, store=other is not None)
    assert {f.place.file for f in findings_of(root, environment) if f.place} == {"specs/x.yaml"}


# --- order changes nothing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_files_and_documents_changes_nothing(write: Write, seed: int) -> None:
    """Documents in any file and order make the same configuration."""
    base = TEMPLATE % ("base", "deep") + "---\n" + TEMPLATE % ("deep", "")
    documents = [
        *base.split("---\n"),
        STORE.replace("  type:", "  inherits: [base]\n  type:"),
        SHOP,
        SKU,
        SKUS,
        PROMO,
    ]
    plain = state_of(load(write({"specs/store.yaml": "---\n".join(documents)})))
    chance = random.Random(seed)
    chance.shuffle(documents)
    files: dict[str, list[str]] = {}
    for document in documents:
        files.setdefault(f"specs/{chance.choice('abc')}/{chance.choice('xy')}.yaml", []).append(document)
    root = write({name: "---\n".join(parts) for name, parts in files.items()})
    (root / "specs" / "store.yaml").unlink()
    loaded = load(root)
    assert loaded.findings == []
    assert state_of(loaded) == plain


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_documents_changes_no_finding(write: Write, seed: int) -> None:
    """The findings of documents are the same in any order, apart from their lines."""
    documents = [SKU.replace("title", "titel"), SHOP.replace('"10115"', "10115"), PROMO.replace("percentOff", "percentOf"),
                 STORE.replace("name: amz-de", "name: amz-fr").replace("  type:", "  inherits: [nobody]\n  type:"), "kind: Nothing\n"]  # fmt: skip
    chance = random.Random(seed)

    def told() -> list[tuple[str, str, str, str]]:
        root = write({"specs/x.yaml": "---\n".join(documents)})
        return sorted((f.id, f.message, f.hint, f.source) for f in findings_of(root))

    before = told()
    chance.shuffle(documents)
    assert told() == before
    assert len(before) == len(documents)


# --- long lists -------------------------------------------------------------------------------------------------

FORMS = {
    "flow": "    - {{sku: S-{n}, gtin: {gtin}, listings: [{{store: amz-de}}]}}\n",
    "block": "    - sku: S-{n}\n      # why\n      gtin: {gtin}\n      listings:\n        - store: amz-de\n",
    "block at the key": "  - sku: S-{n}\n    gtin: {gtin}\n",
    "dash alone": "    -\n      sku: S-{n}\n      gtin: {gtin}\n",
    "flow over two lines": "    - {{sku: S-{n},\n       gtin: {gtin}}}\n",
    "block with an anchor": "    - &a{n}\n      sku: S-{n}\n      gtin: {gtin}\n",
    "block with a folded title": "    - sku: S-{n}\n      attributes:\n        title: >-\n          a\n          b\n      gtin: {gtin}\n",
}
WRONG = {"wrong": '"12345"', "ambiguous": "00123", "number": "12345678"}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize(("size", "bad"), [(30, 17), (30, 29), (5, 4)], ids=["inside", "last", "short"])
def test_an_error_in_a_list_stands_at_its_entry(
    write: Write, form: str, wrong: str, size: int, bad: int
) -> None:
    """A wrong value of one entry among many is told at that value, however entries are written."""
    head = SKUS[: SKUS.index("    - ")]
    entries = [form.format(n=i, gtin=wrong if i == bad else '"4006381333931"') for i in range(size)]
    root = write({"specs/x.yaml": head + "".join(entries)})
    finding = only(root)
    at(root, finding, wrong)


@pytest.mark.parametrize("form", [FORMS["flow"], FORMS["block"]], ids=["flow", "block"])
def test_an_error_in_entry_4000_stands_at_its_line(write: Write, form: str) -> None:
    """A wrong value in entry 4,000 of 5,000 is told at its line and column."""
    head = SKUS[: SKUS.index("    - ")]
    entries = [form.format(n=i, gtin="12345678" if i == 4000 else '"4006381333931"') for i in range(5000)]
    root = write({"specs/x.yaml": head + "".join(entries)})
    at(root, only(root), "12345678")


def test_a_flow_list_of_items_tells_the_entry(write: Write) -> None:
    """A wrong value in a flow list of entries over several lines is told at that value."""
    head = SKUS[: SKUS.index("  items:")]
    root = write(
        {
            "specs/x.yaml": head
            + "  items: [\n    {sku: A-1},\n    {sku: A-2, gtin: 12345678},\n    {sku: A-3}\n  ]\n"
        }
    )
    at(root, only(root), "12345678")


@pytest.mark.parametrize("content", [SKUS, SKUS.replace("A-2", "A-3")], ids=["first", "second"])
def test_a_remembered_parse_means_the_same(write: Write, tmp_path: Path, content: str) -> None:
    """A file read from the cache loads and fails as one that is parsed."""
    padded = (
        content.replace("metadata:", "# " + "x" * 40_000 + "\nmetadata:") + '    - {sku: B-1, gtin: "1"}\n'
    )
    root = write({"specs/x.yaml": padded})
    cold = loading.load(root, None, Cache(tmp_path / "cache", b"k" * 32))
    warm = loading.load(root, None, Cache(tmp_path / "cache", b"k" * 32))
    assert cold.findings == warm.findings == load(root).findings
    assert cold.findings


@pytest.mark.parametrize("stored", [b"", b"[[", b"\xff", b"null", b"{}"], ids=repr)
def test_a_spoilt_cache_costs_time_only(write: Write, tmp_path: Path, stored: bytes) -> None:
    """An entry of the cache that is not what was stored is parsed anew."""
    root = write({"specs/x.yaml": SKUS.replace("metadata:", "# " + "x" * 40_000 + "\nmetadata:")})
    plain = state_of(loading.load(root, None, Cache(tmp_path / "cache", b"k" * 32)))
    for path in (tmp_path / "cache").rglob("*"):
        if path.is_file():
            path.write_bytes(stored)
    assert state_of(loading.load(root, None, Cache(tmp_path / "cache", b"k" * 32))) == plain
