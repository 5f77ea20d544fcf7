"""Every live value leads back to a line, a commit, its author, the merge request and the write: and nobody is
named who did not write it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from acorn_gitops.provenance.merges import Merges
from tests.borders.clone import cloned, git, published
from tests.repository import Repository, sku, storefront

ADDRESS = "amz-de/listing/MUG-RED"
KETTLE = "amz-de/listing/KTL-17-BLK"


def by(name: str, folder: Path, *arguments: str) -> None:
    """Git as this person."""
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in
           (("NAME", name), ("EMAIL", f"{name.lower()}@example.com"))}  # fmt: skip
    subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **who}, check=True, capture_output=True
    )


@pytest.fixture
def team(tmp_path: Path) -> Repository:
    """Two SKUs in one file, written by Ada; Mia lowers a price on a branch, Otto edits the other SKU, and Zoe
    merges Mia's request."""
    made = Repository(tmp_path / "r", storefront(), sku(), sku("MUG-RED", "12.90"))
    published(tmp_path, made)
    made.apply()
    file = made.path / "specs" / "all.yaml"
    git(made.path, "checkout", "-qb", "cheaper")
    file.write_text(file.read_text().replace("12.90", "11.90"))
    by("Mia", made.path, "commit", "-qam", "Cheaper mugs")
    git(made.path, "checkout", "-q", "main")
    file.write_text(file.read_text().replace("49.99", "48.99"))
    by("Otto", made.path, "commit", "-qam", "Cheaper kettles")
    message = "Merge branch 'cheaper' into 'main'\n\nCheaper mugs\n\nApproved-by: Ida <ida@example.com>\nSee merge request team/shop!12"
    by("Zoe", made.path, "merge", "-q", "--no-ff", "-m", message, "cheaper")
    git(made.path, "push", "-q", "origin", "main")
    made.apply()
    return made


def test_history_tells_before_and_after_who_wrote_it_and_how_it_came_in(team: Repository) -> None:
    entry = team.run("history", ADDRESS, "-o", "json").json["entries"][-1]
    assert entry["fields"] == [
        {"path": "price", "before": {"currency": "EUR", "value": "12.90"}, "after": {"currency": "EUR", "value": "11.90"}}
    ]  # fmt: skip
    assert [one["author"] for one in entry["authors"]] == ["Mia"]
    merge = entry["merge"]
    said = team.run("history", ADDRESS).out
    assert "price  12.90 EUR → 11.90 EUR  -7.8 %" in said
    assert "by Mia <mia@example.com>" in said
    assert "Zoe" not in str(entry["authors"])
    assert (merge["request"], merge["approvers"]) == ("!12", ["Ida <ida@example.com>"])


def test_an_edit_of_another_sku_in_the_same_file_names_nobody_else(team: Repository) -> None:
    entry = team.run("history", KETTLE, "-o", "json").json["entries"][-1]
    assert [one["author"] for one in entry["authors"]] == ["Otto"]


def test_blame_tells_each_field_its_line_commit_author_request_and_write(team: Repository) -> None:
    found = team.run("blame", ADDRESS, "-o", "json").json
    fields = {one["field"]: one for one in found["fields"]}
    price = fields["price"]
    assert (price["wrote"]["author"], price["merge"]["request"], price["merge"]["by"]) == (
        "Mia",
        "!12",
        "Zoe",
    )
    assert fields["sku"]["wrote"]["author"] == "Ada"
    assert price["place"].startswith("specs/all.yaml:")
    assert price["since"] and found["write"]["event"] == "write.observed"
    assert found["remote_id"]
    assert "by Mia <mia@example.com>" in team.run("blame", ADDRESS).out


def test_in_a_shallow_clone_an_author_is_unknown_and_never_the_merger(
    team: Repository, tmp_path: Path
) -> None:
    ledger = (team.path / ".acorn" / "sandbox" / "ledger.db").read_bytes()
    shallow = cloned(tmp_path / "team.git", tmp_path / "ci", "--depth=1")
    (shallow.path / ".acorn" / "sandbox").mkdir(parents=True)
    (shallow.path / ".acorn" / "sandbox" / "ledger.db").write_bytes(ledger)
    found = shallow.run("blame", ADDRESS, "-o", "json", "--offline").json
    assert all(one["wrote"] is None for one in found["fields"] if one["place"])
    said = (
        shallow.run("blame", ADDRESS, "--offline").out
        + shallow.run("explain", ADDRESS, "price", "--offline").out
    )
    assert "unknown: the history of this clone is cut off there" in said
    assert "by Zoe" not in said
    entry = shallow.run("history", ADDRESS, "-o", "json").json["entries"][-1]
    assert entry["authors"] is None


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ("Merge branch 'a' into 'main'\n\nSee merge request team/shop!7", "!7"),
        ("Merge pull request #8 from team/a\n\nCheaper", "#8"),
        ("Cheaper mugs (#9)", "#9"),
        ("Merged in a (pull request #10)", "#10"),
        ("Cheaper mugs, see 11", ""),
    ],
)
def test_a_request_is_known_by_the_message_that_each_forge_writes(
    tmp_path: Path, message: str, request_: str
) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a").write_text("a")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", message)
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    found = Merges(tmp_path).of(commit)
    assert found is not None
    assert (found.request, found.by) == (request_, "")


def test_a_commit_that_is_no_part_of_this_history_has_no_request(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")
    git(tmp_path, "checkout", "-q", "--orphan", "other")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "other (#1)")
    other = git(tmp_path, "rev-parse", "HEAD").strip()
    git(tmp_path, "checkout", "-q", "main")
    merges = Merges(tmp_path)
    assert merges.of(other) is None
    assert merges.of("-x") is None
    assert merges.of("0" * 40) is None


def test_log_verifies_the_chain(team: Repository) -> None:
    import sqlite3

    sound = team.run("log")
    assert sound.code == 0
    assert "each follows from the one before it" in sound.out
    with sqlite3.connect(team.path / ".acorn" / "sandbox" / "ledger.db") as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE audit SET actor='somebody' WHERE sequence=2")
    db.close()
    broken = team.run("log", "-o", "json")
    assert (broken.code, broken.json["broken_at"], broken.json["sound"]) == (1, 2, False)


def test_what_was_taken_in_without_a_write_is_told_with_before_and_after(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront(), sku())
    made.apply()
    address = "amz-de/listing/KTL-17-BLK"
    assert made.run("sandbox", "disturb", f"{address}.price=44.90").code == 0
    assert made.run("import", "--drifted").code == 0
    said = made.run("history", address).out
    assert "price  49.99 EUR → 44.90 EUR" in said, said
    assert "price  44.90 EUR" not in said
