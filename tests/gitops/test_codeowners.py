"""Who is asked when a file changes, from the label `owner` of the specs in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.report.codeowners import BEGIN, END
from acorn_gitops.specs.edit import written
from tests.borders.clone import git
from tests.repository import Repository, sku, storefront


def owned(document: dict[str, Any], owner: str) -> dict[str, Any]:
    """A document of somebody."""
    document["metadata"]["labels"] = {"owner": owner}
    return document


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    """A file of one team, one of two, one of nobody, one whose name a pattern would misread."""
    made = Repository(tmp_path / "r", owned(storefront(), "acme/stores"))
    for file, documents in {
        "both.yaml": [owned(sku("A-1", "1.00"), "acme/pricing"), owned(sku("B-1", "1.00"), "ada")],
        "nobodys.yaml": [sku("C-1", "1.00")],
        "a [b].yaml": [owned(sku("D-1", "1.00"), "acme/pricing")],
    }.items():
        (made.path / "specs" / file).write_text(written(documents))
    git(made.path, "init", "-q", "-b", "main")
    return made


LINES = [
    BEGIN,
    "/specs/a\\ \\[b\\].yaml @acme/pricing",
    "/specs/all.yaml @acme/stores",
    "/specs/both.yaml @acme/pricing @ada",
    END,
]


def test_owners_come_from_labels(made: Repository) -> None:
    """Printed, and written to a file between what others wrote."""
    assert made.run("codeowners").out.splitlines() == LINES
    file = made.path / "CODEOWNERS"
    file.write_text("* @everybody\n")
    assert made.run("codeowners", "CODEOWNERS", "--check").code == 1
    assert file.read_text() == "* @everybody\n"
    assert made.run("codeowners", "CODEOWNERS").code == 0
    assert file.read_text().splitlines() == ["* @everybody", "", *LINES]
    file.write_text(file.read_text() + "/docs/ @writers\n")
    (made.path / "specs" / "both.yaml").unlink()
    assert made.run("codeowners", "CODEOWNERS").code == 0
    lines = [line for line in LINES if "both" not in line]
    assert file.read_text().splitlines() == ["* @everybody", "", *lines, "/docs/ @writers"]
    assert made.run("codeowners", "CODEOWNERS", "--check").code == 0


def test_paths_are_from_the_top_of_the_repository(tmp_path: Path) -> None:
    """Also where the project is a folder of it."""
    made = Repository(tmp_path / "top" / "shop", owned(storefront(), "acme/stores"))
    git(tmp_path / "top", "init", "-q", "-b", "main")
    assert "/shop/specs/all.yaml @acme/stores" in made.run("codeowners").out


@pytest.mark.parametrize("outside", ["../CODEOWNERS", "link"])
def test_it_is_written_inside_the_repository_only(made: Repository, outside: str) -> None:
    """Through no link either."""
    (made.path / "link").symlink_to("../elsewhere")
    assert made.run("codeowners", outside).code == 4
    assert not (made.path.parent / "CODEOWNERS").exists() and not (made.path.parent / "elsewhere").exists()


def test_what_is_no_text_stays_as_it_is(made: Repository) -> None:
    """What others wrote there would be lost."""
    file = made.path / "CODEOWNERS"
    file.write_bytes(b"* @everybody \xff")
    for words in ((), ("--check",)):
        refused = made.run("codeowners", "CODEOWNERS", *words)
        assert refused.code == 1 and "is no UTF-8 text" in refused.err, refused
    assert file.read_bytes() == b"* @everybody \xff"


def test_nobody_named_is_told(tmp_path: Path) -> None:
    """The section is empty, and says why on the other channel."""
    made = Repository(tmp_path / "r", storefront())
    told = made.run("codeowners")
    assert told.out.splitlines() == [BEGIN, END] and "no spec has the label `owner`" in told.err
