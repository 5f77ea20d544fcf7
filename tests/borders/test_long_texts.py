"""Texts that take time with the square of their length take none: each of these would run for minutes or for hours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.confine.text import normal, piled_up
from acorn_gitops.specs.amounts import advice
from acorn_gitops.specs.comments import lost_comment
from tests.repository import Repository, document, sku, storefront

MANY = 300_000


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r", storefront(), sku())


def edited(made: Repository, old: str, new: str) -> None:
    file = made.path / "specs" / "all.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("verb", ["validate", "plan"])
def test_an_amount_with_blanks_in_it(made: Repository, verb: str) -> None:
    edited(made, "49.99", "4" + " " * MANY + "9")
    done = made.run(verb)
    assert (done.code, 'write the amount as a quoted decimal, e.g. "49.99"' in done.out + done.err) == (
        4,
        True,
    )


@pytest.mark.parametrize("verb", [("validate",), ("plan",), ("fmt",), ("fmt", "--check")], ids=" ".join)
def test_marks_on_one_letter(made: Repository, verb: tuple[str, ...]) -> None:
    """Out of order, so that they would have to be sorted."""
    edited(made, "apiVersion", "# e" + "\u0301" * MANY + "\u0316" * MANY + "\napiVersion")
    done = made.run(*verb)
    said = done.out + done.err
    assert (done.code != 0, "more than 30 combining marks stand after one letter" in said) == (True, True), (
        said[:500]
    )


def test_marks_in_an_escaped_value(made: Repository) -> None:
    edited(made, "49.99", "e" + "\\u0301" * 40 + "\\u0316")
    assert made.run("validate").code == 4


@pytest.mark.parametrize(
    ("text", "at"),
    [("e\u0301" * 100, -1), ("e" + "\u0301" * 30, -1), ("ae" + "\u0301" * 31, 2), ("永谷園", -1)],
)
def test_marks_are_piled_up_from_thirty_one_on(text: str, at: int) -> None:
    assert piled_up(text) == at
    assert normal("NFC", text) == text or at < 0


@pytest.mark.parametrize(
    "line",
    ["#" + " " * MANY + "x", "# " * MANY, "#" * MANY + "x", "x: '" + " " * MANY + "'  # end"],
    ids=["blanks", "marks and blanks", "marks", "a value"],
)
def test_fmt_of_a_long_line(made: Repository, line: str) -> None:
    edited(made, "apiVersion", f"{line}\napiVersion" if line[0] == "#" else f"# {line}\napiVersion")
    assert made.run("fmt").code == 0
    assert made.run("fmt", "--check").code == 0


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ("a: 1  # why\n", "a: 1\n", ("# why", 1)),
        ("a: b#c\n", "a: b#c\n", None),
        ("#\n# \n##\na: 1\n", "a: 1\n", None),
        ("x: 1\n\t# tab\n", "x: 1\n", ("# tab", 2)),
        ("# one\n# one\n", "# one\n", ("# one", 1)),
    ],
)
def test_a_comment_that_is_lost_is_found(before: str, after: str, lost: tuple[str, int] | None) -> None:
    assert lost_comment(before, after) == lost


def test_advice_about_what_is_too_long_says_the_form() -> None:
    assert advice("9" * 61) == advice("x" * 1_000_000) == 'write the amount as a quoted decimal, e.g. "49.99"'
    assert advice("49,99 EUR") == 'write "49.99": digits and a point, no currency, no thousands separators'


@pytest.mark.parametrize("output", ["text", "html", "json"])
def test_a_calendar_of_a_thousand_years_in_sixty_stores(tmp_path: Path, output: str) -> None:
    window = {e: {"local": f"{y}-06-01T00:00", "tz": "store"} for e, y in (("start", 1950), ("end", 2999))}
    stores = [document("Store", f"s-{n}", shop()) for n in range(60)]
    listings = [
        {"store": f"s-{n}", "status": "active", "price": {"currency": "EUR", "value": "9.00"}}
        for n in range(60)
    ]
    promo = {
        "type": "percentOff",
        "stores": {"all": True},
        "skus": {"all": True},
        "window": window,
        "discount": {"percent": "5"},
    }
    made = Repository(
        tmp_path / "r",
        *stores,
        document("SkuMapping", "k", {"sku": "K-1", "listings": listings}),
        document("Promo", "always", promo),
    )
    done = made.run("calendar", "-o", output)
    assert (done.code, "always" in done.out) == (0, True), done


def shop() -> dict[str, Any]:
    front = {"platform": "network", "currency": "EUR", "timezone": "Europe/Berlin", "country": "DE"}
    return {"type": "storefront", "storefront": front}


def test_a_file_of_owners_that_only_begins(made: Repository) -> None:
    from acorn_gitops.report.codeowners import BEGIN

    (made.path / "CODEOWNERS").write_text(f"{BEGIN}\n" * 20_000)
    assert made.run("codeowners", "CODEOWNERS", "--check").code == 1
    assert made.run("codeowners", "CODEOWNERS").code == 0
    assert made.run("codeowners", "CODEOWNERS", "--check").code == 0
