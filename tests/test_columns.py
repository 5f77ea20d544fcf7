"""Columns stand below each other whatever the letters: a terminal gives 永 two cells, and an accent of its own none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from acorn_gitops.report.table import Table, as_text
from acorn_gitops.report.text import Pen
from acorn_gitops.report.words import cells, cut, padded, wrapped

WIDE = "永谷園 お茶づけ海苔"
LETTERS = st.text("abc äé永谷園→…✓e\u0301한글😀", max_size=60)


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("äé", 2), ("永谷園", 6), ("e\u0301", 1), ("→ … ✓ ≈ ·", 9), ("한글", 4), ("", 0)],
)
def test_a_text_takes_the_cells_that_a_terminal_gives_it(text: str, width: int) -> None:
    """Signs of our own are narrow, and ask no table."""
    assert cells(text) == width == wcswidth(text)


@given(LETTERS, st.integers(5, 40))
def test_what_is_cut_fits(text: str, width: int) -> None:
    """Never wider than asked for; what fits is left as it is; and padded it is exactly as wide."""
    short = cut(text, width)
    assert wcswidth(short) <= width
    assert short == text or wcswidth(text) > width
    assert wcswidth(padded(short, width)) == width == wcswidth(padded(short, width, right=True))


@given(LETTERS, st.integers(12, 40))
def test_no_line_of_a_paragraph_is_too_wide(text: str, width: int) -> None:
    """And no letter is lost."""
    lines = wrapped(text, width, then="  ")
    assert all(wcswidth(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_the_columns_of_a_table_stand_below_each_other() -> None:
    """With titles in two scripts."""
    rows = [{"title": WIDE, "price": 1200}, {"title": "Kettle", "price": 5}]
    lines = as_text(Table("t", ["title", "price"], rows, {}, []), Pen(False, 80)).splitlines()[:3]
    assert len({wcswidth(line) for line in lines}) == 1, lines
    assert wcswidth(Pen(False, 60).columns(WIDE, "new in the specs")) == 60
