"""Places in entries of long lists are those that the parser gives, wherever they are given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.specs import quick
from acorn_gitops.specs.strict import Node, compose

ROOT = Path(__file__).resolve().parent.parent


def paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path of a value."""
    yield path
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield from paths(value, (*path, key))


def agrees(lines: list[str], first: int) -> bool:
    """Whether it was understood; then every place is the parser's."""
    spot = quick.entry(lines, first)
    composed = compose("\n".join(lines), "f", first).documents
    if spot is None or not composed:
        return False
    node: Node = composed[0]
    for path in paths(node.data[0]):
        assert quick.at(spot, path, key=False) == node.at((0, *path)), (path, lines)
        if path and isinstance(path[-1], str):
            assert quick.at(spot, path, key=True) == node.key_at((0, *path)), (path, lines)
    return True


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("**/specs/**/*.yaml"), key=str), ids=lambda p: str(p.relative_to(ROOT))
)
def test_entries_of_the_examples_are_placed_as_the_parser_places_them(file: Path) -> None:
    """Every entry of every list of SKUs that ships."""
    text = file.read_text()
    lines = text.split("\n")
    for node in compose(text, "f").documents:
        spec = node.children.get("spec")
        items = spec.children.get("items") if spec is not None else None
        if items is None:
            continue
        begins = [items.children[n].line for n in range(len(items.children))]
        for begin, end in zip(begins, [*begins[1:], begins[-1] + 1], strict=True):
            agrees(list(lines[begin - 1 : end - 1] or lines[begin - 1 : begin]), begin)


scalars = st.sampled_from(
    ["a", "KTL-17", '"12.90"', "'it''s'", "EUR", "12", "-3.5", "true", '"x, y: z"', "Red mug", "null"]
)
keys = st.sampled_from(["sku", "price", "value", "listings", "amz-de", "a.b", "X_1"])
flows = st.recursive(
    scalars,
    lambda inner: (
        st.dictionaries(keys, inner, max_size=3).map(
            lambda d: "{" + ", ".join(f"{k}: {v}" for k, v in d.items()) + "}"
        )
        | st.lists(inner, max_size=3).map(lambda some: "[" + ", ".join(some) + "]")
    ),
    max_leaves=8,
)


@st.composite
def blocks(draw: Any, indent: int = 6, depth: int = 0) -> list[str]:
    """Lines of a block map."""
    lines: list[str] = []
    for key in draw(st.lists(keys, min_size=1, max_size=3, unique=True)):
        sort = draw(st.sampled_from(["flow", "block", "list"] if depth < 2 else ["flow"]))
        if sort == "flow":
            lines.append(" " * indent + f"{key}: {draw(flows)}")
        elif sort == "block":
            lines += [" " * indent + f"{key}:", *draw(blocks(indent + 2, depth + 1))]
        else:
            lines.append(" " * indent + f"{key}:")
            lines += [
                " " * (indent + draw(st.just(2))) + f"- {one}"
                for one in draw(st.lists(flows, min_size=1, max_size=2))
            ]
    return lines


@given(blocks(), st.integers(1, 900))
def test_blocks_and_braces_are_placed_as_the_parser_places_them(lines: list[str], first: int) -> None:
    """Any nesting of the usual forms."""
    entry = [f"    - {lines[0].lstrip()}", *lines[1:]]
    agrees(entry, first)


@given(flows, st.integers(1, 900))
def test_entries_in_braces_are_placed_as_the_parser_places_them(flow: str, first: int) -> None:
    """On one line."""
    agrees([f"  - {flow}"], first)


@pytest.mark.parametrize(
    "lines",
    [
        ["- &a {sku: A}"], ["- {sku: *a}"], ["- {sku: !!str A}"], ["- sku: |", "    text"], ["- sku: A # comment"],
        ["- {sku: A,", "   price: 1}"], ['- {"sku": A}'], ["- ? sku", "  : A"], ["- {sku: A, sku: B}"], ["- sku: A", "  sku: B"],
        ["-   sku: A", "    price: 1", " odd: 2"], ["- sku: 'a", "    b'"], ["- {sku: a#b}"], ["- {sku: 2026-01-01T00:00}"],
    ],
)  # fmt: skip
def test_what_is_unusual_is_left_to_the_parser_or_placed_alike(lines: list[str]) -> None:
    """Never another place."""
    agrees(lines, 1)


def test_the_usual_forms_are_understood() -> None:
    """Otherwise it would be fast at nothing."""
    assert agrees(
        [
            '- {sku: A-1, attributes: {title: "Mug, red"}, listings: [{store: amz-de, price: {currency: EUR, value: "1.00"}}]}'
        ],
        7,
    )
    assert agrees(["    - sku: KTL-17", "      attributes: {title: Kettle}", "      listings:", "        - {store: amz-de}", "        - store: amz-fr", "          price: {value: '1'}"], 7)  # fmt: skip
