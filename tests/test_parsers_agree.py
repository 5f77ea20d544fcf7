"""The bulk parser against the strict one: what `fast` accepts, `strict` reads the same, without a finding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from acorn_gitops.specs import fast
from acorn_gitops.specs.files import _item_lines
from acorn_gitops.specs.strict import compose
from acorn_gitops.specs.text import decode

SUITE: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "yaml-test-suite" / "cases.json").read_text("utf-8")
)
RELAXED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def exact(value: Any) -> Any:
    """A value in which True is not 1 and the order of keys counts."""
    if isinstance(value, dict):
        return "map", [(key, exact(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return "list", [exact(inner) for inner in value]
    return type(value).__name__, value


def by_fast(text: str) -> list[Any] | None:
    """What the bulk parser reads: data, line and item lines of each document; None when it declines."""
    try:
        parsed = fast.parse(text)
    except fast.NotSimple:
        return None
    return [(exact(p.data), p.line, p.item_lines) for p in parsed]


def by_strict(text: str) -> list[Any]:
    """What the strict parser reads, which must not have a finding."""
    composed = compose(text, "x.yaml")
    assert composed.findings == []
    return [(exact(n.data), n.line, _item_lines(n)) for n in composed.documents]


def forget() -> None:
    """Empty every memory of the bulk parser."""
    fast._shapes.clear()
    fast._plain_values.clear()
    fast._good_keys.clear()


def agree(text: str) -> bool:
    """Check one text; whether the bulk parser accepted it."""
    text, findings = decode(text.encode("utf-8", "surrogatepass"), "x.yaml")
    if findings:
        return False
    cold = by_fast(text)
    if cold is None:
        return False
    assert cold == by_strict(text)
    return True


# --- the public suite ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", SUITE)
def test_the_public_yaml_suite_is_read_alike(case: str) -> None:
    """Each text of the YAML test suite that the bulk parser accepts is read the same by the strict one."""
    forget()
    agree(SUITE[case]["yaml"])


@pytest.mark.parametrize("case", [c for c in SUITE if SUITE[c]["error"]])
def test_the_bulk_parser_accepts_no_invalid_yaml(case: str) -> None:
    """No text that the YAML test suite calls invalid is accepted by the bulk parser."""
    text, findings = decode(SUITE[case]["yaml"].encode(), "x.yaml")
    assert findings or by_fast(text) is None


@pytest.mark.parametrize("case", SUITE)
def test_the_strict_parser_never_raises(case: str) -> None:
    """The strict parser answers every text of the suite with documents or placed findings."""
    text, findings = decode(SUITE[case]["yaml"].encode(), "x.yaml")
    if not findings:
        composed = compose(text, "x.yaml")
        assert all(f.place is not None and f.place.line and f.place.column for f in composed.findings)


# --- texts that look harmless -------------------------------------------------------------------------------

DEEP = "".join("  " * i + f"k{i}:\n" for i in range(38))
TRICKY = {
    "empty": "",
    "comment only": "# nothing\n",
    "next line character in a plain value": "a: foo\x85 bar\n",
    "next line character between keys": "a: foo\x85b: bar\n",
    "next line character in quotes": 'a: "foo\x85 bar"\n',
    "next line character in a flow map": 'a: {b: "x\x85 y"}\n',
    "next line character in a comment": "a: 1 # x\x85b: 2\n",
    "no-break space": "a: foo\xa0bar\nb: [x\xa0y]\n",
    "ideographic space": "a: 红\u3000色\nb: {c: 红\u3000色}\n",
    "quoted merge key": '"<<": {b: c}\nd: e\n',
    "quoted merge key in a flow map": 'a: {"<<": {b: c}}\n',
    "key of more than 1,024 characters": "k" * 1100 + ": v\n",
    "flow key of more than 1,024 characters": "a: {" + "k" * 1100 + ": v}\n",
    "quoted key of more than 1,024 characters": 'a: {"' + "k" * 1100 + '": v}\n',
    "line of more than 1,024 characters": "a:\n  - {b: " + "v" * 1100 + ", c: d}\n",
    "flow below deep blocks": DEEP + "  " * 38 + "x: " + "[" * 20 + "a" + "]" * 20 + "\n",
    "flow list below deep blocks": DEEP + "  " * 38 + "x:\n" + "  " * 39 + "- {a: {b: [c]}}\n",
    "map items below deep blocks": DEEP
    + "  " * 38
    + "x:\n"
    + "  " * 39
    + "- a: b\n"
    + "  " * 39
    + "  c: d\n",
    "forty levels of flow": "a: " + "[" * 39 + "x" + "]" * 39 + "\n",
    "forty-one levels of flow": "a: " + "[" * 40 + "x" + "]" * 40 + "\n",
    "items as a flow list": "kind: X\nspec:\n  items: [{a: 1}, {a: 2}]\n",
    "items as a flow list in a flow map": "kind: X\nspec: {items: [{a: 1}, {a: 2}]}\n",
    "items empty": "kind: X\nspec: {items: []}\n",
    "items of scalars": "kind: X\nspec:\n  items:\n    - a\n    - b\n",
    "items at the key's column": "spec:\n  items:\n  - a: 1\n\n  # c\n  - a: 2\nz: 1\n",
    "items in the second document": "a: 1\n---\n# c\nspec:\n  items:\n    - {a: 1}\n    - b: 1\n      c: 2\n",
    "a comment after a bracket": "a: [b]#c\n",
    "a hash inside": "a: b#c\nd: 'x' # y\ne: x#\n",
    "colons inside": "a: b:c\nb: ::c\nc: http://x/y:1\nd: {e: http://x/y}\n",
    "a dash first": "a: -b\nc: [-d, --e]\n",
    "a question mark first": "a: ?b\n",
    "a colon first": "a: :b\nc: [:d]\n",
    "a colon before a flow key": "a: {:b: c}\n",
    "a colon before a quote in a flow map": "a: {:': 1}\n",
    "two colons in a flow map": "a: {:: b}\n",
    "a dash as a flow key": "a: {-:{}}\n",
    "three dashes as a value": "a: ---\nb: [---]\n",
    "dashes indented": "a:\n  ---\n",
    "quotes inside": "a: it's\nb: x\"y\nc: [it's, x\"y]\nd: 'it''s'\n",
    "single quotes before a comma": "a: ['it''s', '', \"\"]\n",
    "brackets in a plain block value": "a: b{c}\nd: e, f\ng: h]\n",
    "the same key deeper": "a:\n  a:\n    a: 1\n",
    "null keys": "null: 1\n",
    "bool keys": "a: {true: 1}\n",
    "integer keys": "a: {1: 2}\n",
    "trailing comma": "a: [b, ]\nc: {d: e,}\n",
    "two documents": "---\na: 1\n---\nb: True\n",
    "empty documents between": "---\n---\na: 1\n---\n---\n",
    "document end marker": "a: 1\n...\n",
    "directive after a document": "a: 1\n%YAML 1.2\n---\nb: 1\n",
    "continuation line": "a: b\n  c\n",
    "continuation of a list item": "a:\n  - b\n    c\n",
    "a value on the next line": "a:\n  b\n",
    "quoted value on the next line": 'a:\n  "b"\n',
    "spaces at the ends": "a: b   \nc:   \nd: 'x'   \n- e\n",
    "only spaces between": "a: 1\n      \nb: 2\n",
    "an item without a value": "a:\n  -\n  - b\n",
    "an item with spaces only": "a:\n  -   \n  - b\n",
    "a list in a list": "a:\n  - - b\n",
    "a list of flow lists": "a:\n  - [b, c]\n  -  [d]\n",
    "wide dashes": "a:\n  -   b: 1\n      c: 2\n",
    "dedent to nowhere": "a:\n    b: 1\n  c: 2\n",
    "list then key deeper": "a:\n- b: 1\n  c:\n  - d\n  e: 1\n",
    "key at a list's column": "a:\n- b\nc: 1\n",
    "colon without space": "a:b\n",
    "flow colon without space": 'a: {b:c, "d":e}\n',
    "flow colon with space before": 'a: {b : c, "d" : e}\n',
    "flow pair in a list": "a: [b: c]\n",
    "flow key without value": "a: {b, c: }\n",
    "plain with spaces in flow": "a: [b c, d  e]\nf: {g h: i}\n",
    "emoji and Chinese": "a: 🏷️ 促销\nb: {c: 红色, d: '🏷️'}\n",
    "zero width non-joiner free text": "a: naïve café\n",
    "minus zero": "a: -0\n",
    "large integers": "a: 999999999999999999\nb: -999999999999999999\n",
    "null words": "a: ~\nb: Null\nc: [~, null]\n",
    "bool words": "a: TRUE\nb: [False, true]\n",
}


@pytest.mark.parametrize("text", TRICKY.values(), ids=TRICKY.keys())
def test_awkward_texts_are_read_alike(text: str) -> None:
    """An awkward text is declined by the bulk parser, or read as the strict parser reads it."""
    forget()
    agree(text)
    agree(text)  # and once more with everything remembered


# --- generated documents ------------------------------------------------------------------------------------

KEYS = st.sampled_from(
    [
        "sku",
        "store",
        "price",
        "value",
        "currency",
        "name",
        "labels",
        "items",
        "spec",
        "min",
        "amz-de",
        "a.b",
        "k_1",
        "$x",
    ]
)
WORDS = st.sampled_from(
    ["KTL-17-BLK", "amz-de", "EUR", "B0EXAMPLE1", "Kettle 1.7 l", "x:y", "a#b", "it's", "true", "False", "null", "~", "0",
     "17", "-3", "Wasserkocher, rot", "schwarz", "红色 水壶", "2026-11-27", "http://a.example/x?y=1", "v1.2.3", "<b>"]
)  # fmt: skip
FLOW_WORDS = st.sampled_from(
    [
        "KTL-17-BLK",
        "amz-de",
        "EUR",
        "two words",
        "x:y",
        "a#b",
        "true",
        "null",
        "0",
        "17",
        "-3",
        "红色",
        "2026-11-27",
        "v1.2.3",
        "it's",
    ]
)
QUOTED = st.sampled_from(
    [
        '"49.99"',
        '"NO"',
        '"00123"',
        '"12:30"',
        '""',
        "''",
        "'it''s'",
        '"a: b # c"',
        "'{x}'",
        '"[1, 2]"',
        '"- a"',
        '"红"',
        "'\"'",
        '"\'"',
    ]
)
GAP = st.sampled_from([" ", " ", " ", "  "])
COMMENT = st.sampled_from(["", "", "", " # why", "  #x", "   "])


@st.composite
def flow(draw: st.DrawFn, depth: int = 0) -> str:
    """A one-line flow collection, or a scalar in one."""
    kind = draw(
        st.sampled_from(["word", "quoted"] if depth > 2 else ["word", "quoted", "map", "list", "map"])
    )
    if kind == "word":
        return draw(FLOW_WORDS)
    if kind == "quoted":
        return draw(QUOTED)
    pad = draw(st.sampled_from(["", " "]))
    comma = draw(st.sampled_from([", ", ",  ", " , "]))
    if kind == "list":
        inner = comma.join(draw(st.lists(flow(depth + 1), max_size=3)))
        return f"[{pad}{inner}{pad}]"
    keys = draw(st.lists(KEYS, max_size=4, unique=True))
    colon = draw(st.sampled_from([": ", ":  ", " : "]))
    quote = draw(st.sampled_from(["", "", '"']))
    inner = comma.join(f"{quote}{k}{quote}{colon}{draw(flow(depth + 1))}" for k in keys)
    return "{" + pad + inner + pad + "}"


@st.composite
def noise(draw: st.DrawFn) -> list[str]:
    """Blank and comment lines between others."""
    return draw(
        st.sampled_from([[], [], [], [], [""], ["   "], ["# a: comment"], ["        # - {x"], ["", "#"]])
    )


@st.composite
def block_map(draw: st.DrawFn, indent: int, depth: int = 0) -> list[str]:
    """Lines of a block map whose keys stand at `indent`."""
    lines: list[str] = []
    for key in draw(st.lists(KEYS, min_size=1, max_size=4, unique=True)):
        lines += draw(noise())
        quote = draw(st.sampled_from(["", "", "", '"', "'"]))
        head = f"{' ' * indent}{quote}{key}{quote}:"
        kind = draw(st.sampled_from(["plain", "quoted", "flow", "empty", "map", "list", "list"]))
        if depth > 2 and kind in ("map", "list"):
            kind = "plain"
        if kind == "plain":
            lines.append(head + draw(GAP) + draw(WORDS) + draw(COMMENT))
        elif kind == "quoted":
            lines.append(head + draw(GAP) + draw(QUOTED) + draw(COMMENT))
        elif kind == "flow":
            value = draw(flow().filter(lambda f: f[0] in "[{"))
            lines.append(head + draw(GAP) + value + draw(COMMENT))
        elif kind == "empty":
            lines.append(head + draw(COMMENT))
        elif kind == "map":
            lines.append(head + draw(COMMENT))
            lines += draw(block_map(indent + draw(st.sampled_from([2, 2, 4, 1])), depth + 1))
        else:
            lines.append(head + draw(COMMENT))
            lines += draw(block_list(indent + draw(st.sampled_from([2, 2, 0, 4])), depth + 1))
    return lines


@st.composite
def block_list(draw: st.DrawFn, indent: int, depth: int) -> list[str]:
    """Lines of a block list whose dashes stand at `indent`."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        lines += draw(noise())
        kind = draw(st.sampled_from(["map", "flow", "flow", "plain", "quoted"]))
        dash = " " * indent + "-" + draw(GAP)
        if kind == "map":
            inner = draw(
                block_map(len(dash), depth + 1).filter(lambda ls: ls[0].strip()[:1] not in ("", "#"))
            )
            lines.append(dash + inner[0].lstrip(" "))
            lines += inner[1:]
        elif kind == "flow":
            lines.append(dash + draw(flow().filter(lambda f: f[0] in "[{")) + draw(COMMENT))
        elif kind == "plain":
            lines.append(dash + draw(WORDS) + draw(COMMENT))
        else:
            lines.append(dash + draw(QUOTED) + draw(COMMENT))
    return lines


@st.composite
def texts(draw: st.DrawFn) -> str:
    """One to three documents in the style of a catalogue."""
    documents = draw(st.lists(block_map(0), min_size=1, max_size=3))
    first = draw(st.sampled_from(["", "---\n", "# head\n---\n"]))
    return first + "---\n".join("\n".join(lines) + "\n" for lines in documents)


@settings(max_examples=200, deadline=None, suppress_health_check=RELAXED)
@given(texts())
def test_generated_documents_are_read_alike(text: str) -> None:
    """A document in the style of a catalogue means the same to both parsers."""
    event("accepted" if agree(text) else "declined")


def test_the_bulk_parser_accepts_what_catalogues_look_like() -> None:
    """Nearly every document in the style of a catalogue is taken by the bulk parser, which is its purpose."""
    taken: list[bool] = []

    @settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=RELAXED)
    @given(texts())
    def count(text: str) -> None:
        taken.append(by_fast(text) is not None)

    count()
    assert sum(taken) > 0.9 * len(taken)


PUNCTUATION = ":-{}[],#\"'&*!|>%@`? \t\n=~<.0\\\x85\xa0"
PIECES = [
    *PUNCTUATION,
    ": ",
    " #",
    "- ",
    "---\n",
    "...",
    "<<",
    '"<<": ',
    "NO",
    "00123",
    "12:30",
    "? ",
    "\n  ",
    "\n- ",
    "{}",
    "[]",
    "''",
    '""',
    "&a ",
    "*a",
    "!!str ",
    "| ",
    "a: ",
    "%YAML 1.2\n",
]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A document with a few characters inserted, deleted or exchanged."""
    text = draw(texts())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        how = draw(st.sampled_from(["insert", "insert", "delete", "replace", "swap", "repeat"]))
        if how == "insert":
            text = text[:at] + draw(st.sampled_from(PIECES)) + text[at:]
        elif how == "delete":
            text = text[:at] + text[at + draw(st.integers(1, 3)) :]
        elif how == "replace":
            text = text[:at] + draw(st.sampled_from(PIECES)) + text[at + 1 :]
        elif how == "swap":
            text = text[:at] + text[at : at + 2][::-1] + text[at + 2 :]
        else:
            lines = text.split("\n")
            line = draw(st.integers(0, len(lines) - 1))
            text = "\n".join([*lines[: line + 1], *lines[line:]])
    return text


@settings(max_examples=200, deadline=None, suppress_health_check=RELAXED)
@given(damaged())
def test_damaged_documents_are_never_misread(text: str) -> None:
    """Whatever the bulk parser accepts of a damaged document, the strict one reads the same."""
    event("accepted" if agree(text) else "declined")


@settings(max_examples=120, deadline=None, suppress_health_check=RELAXED)
@given(st.lists(st.sampled_from([*PIECES, "a", "b", "key", " ", "  ", "\n"]), max_size=14).map("".join))
def test_punctuation_soup_is_never_misread(text: str) -> None:
    """Short strings of punctuation are declined or read alike."""
    event("accepted" if agree(text) else "declined")


@settings(max_examples=120, deadline=None, suppress_health_check=RELAXED)
@given(
    st.lists(
        st.sampled_from(
            [*"{}[],: \"'ab#-?:\x85", ": ", ", ", "{a: ", "[b, ", "]", "}", "'c'", '"d"', "NO", "1"]
        ),
        max_size=14,
    ).map("".join)
)
def test_flow_soup_is_never_misread(text: str) -> None:
    """Flow punctuation on one line, as a value or as an entry, is declined or read alike."""
    agree(f"x: [{text}]\n")
    agree(f"x: {{{text}}}\n")
    agree(f"x:\n  - {{{text}}}\n  - {text}\n")


# --- what was read before changes nothing -------------------------------------------------------------------

FAMILY = [
    "{{sku: {}, store: amz-de, price: {{currency: EUR, value: {}}}}}",
    '{{"sku": {}, "store": amz-de, "price": {{"currency": EUR, "value": {}}}}}',
    "{{sku: {}, x: {{}}, price: {{value: {}}}}}",
    "{{sku: {}, sku: {}}}",
    "{{store: {}, sku: {}}}",
    "[{}, {}]",
    "{{sku: {}, tags: [{}]}}",
    "{{a: {{b: {{c: {}}}, d: 1}}, e: {}}}",
]
FILLINGS = ["A-1", '"A-1"', "NO", "00123", "12:30", "true", "1", "null", "~", "19.90", "1e3", "''", "a b", "a:b", '"a: b"', '"x, y: z"',
            "-", "*a", "&a b", "'q'", '""', "_x", "0x1F", "A,", "{}", "x}", '"\\u0041"', "x #c", "0", "-0", "on", "<<"]  # fmt: skip


@st.composite
def catalogue_lines(draw: st.DrawFn) -> str:
    """A list whose lines look alike but for their values, some of them hostile."""
    family = draw(st.sampled_from(FAMILY))
    fills = st.sampled_from(FILLINGS)
    rows = [family.format(draw(fills), draw(fills)) for _ in range(draw(st.integers(1, 5)))]
    tail = draw(st.sampled_from(["", "", " ", " # c", "#c", " x"]))
    return "spec:\n  items:\n" + "".join(f"    - {row}{tail}\n" for row in rows)


@settings(max_examples=120, deadline=None, suppress_health_check=RELAXED)
@given(catalogue_lines(), catalogue_lines())
def test_what_was_read_before_changes_nothing(before: str, text: str) -> None:
    """A file is read the same alone as after any other file, though line shapes and values are remembered."""
    forget()
    alone = by_fast(text)
    forget()
    by_fast(before)
    after = by_fast(text)
    assert (after is None) == (alone is None)
    if alone is not None:
        assert after == alone == by_strict(text)


@settings(max_examples=100, deadline=None, suppress_health_check=RELAXED)
@given(damaged(), texts())
def test_a_damaged_file_does_not_spoil_the_next(before: str, text: str) -> None:
    """A declined or odd file leaves nothing behind that changes the next."""
    forget()
    alone = by_fast(text)
    forget()
    by_fast(before)
    assert by_fast(text) == alone


SHAPED = "items:\n  - {sku: A-1, n: b, p: x}\n"
LOOKALIKES = {
    "country": "items:\n  - {sku: NO, n: b, p: x}\n",
    "leading zero": "items:\n  - {sku: 00123, n: b, p: x}\n",
    "decimal": "items:\n  - {sku: A-1, n: b, p: 19.90}\n",
    "sexagesimal with the same colons": "items:\n  - {sku: 12:30, n: b}\n",
    "a duplicate key": "items:\n  - {sku: A-1, sku: b, p: x}\n",
    "other keys": "items:\n  - {ski: A-1, n: b, p: x}\n",
    "a tag": "items:\n  - {sku: !x, n: b, p: x}\n",
    "an alias": "items:\n  - {sku: *a, n: b, p: x}\n",
    "an unclosed map": "items:\n  - {sku: A-1, n: b, p: x\n",
    "text after the map": "items:\n  - {sku: A-1, n: b, p: x} y\n",
    "a comment inside": "items:\n  - {sku: A-1, n: b #, p: x}\n  }\n",
    "hexadecimal": "items:\n  - {sku: 0x1F, n: b, p: x}\n",
    "underscores": "items:\n  - {sku: 1_000, n: b, p: x}\n",
}  # fmt: skip


@pytest.mark.parametrize("hostile", LOOKALIKES.values(), ids=LOOKALIKES.keys())
def test_a_remembered_shape_does_not_wave_a_hostile_line_through(hostile: str) -> None:
    """A hostile line is refused or read alike, also right after a harmless line of its shape."""
    forget()
    agree(SHAPED)
    agree(SHAPED)
    warm = by_fast(hostile)
    forget()
    assert warm == by_fast(hostile)
    assert warm is None or warm == by_strict(hostile)


def test_empty_maps_keep_their_place_among_the_keys() -> None:
    """The order of keys is the written one, whether or not the shape of the line is remembered."""
    forget()
    lines = [f"a: {{x: {{}}, b: {n}, c: {{d: 2}}}}\n" for n in (1, 2)]
    read = [fast.parse(line)[0].data for line in lines]
    assert [list(r["a"]) for r in read] == [["x", "b", "c"]] * 2
