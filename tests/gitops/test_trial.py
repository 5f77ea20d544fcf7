"""What a new user ran into, once each: and what they would rather have met."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.borders.clone import cloned, git, published
from tests.repository import PROJECT, Repository, sku, storefront


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A clone of a remote, with a ledger on a branch."""
    start = Repository(tmp_path / "start", storefront(), sku())
    bare = published(tmp_path, start)
    for number in range(3):
        git(start.path, "commit", "-q", "--allow-empty", "-m", f"{number}")
    git(start.path, "push", "-q", "origin", "main")
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    return cloned(bare, tmp_path / "team")


def price(team: Repository, old: str, new: str) -> None:
    file = team.path / "specs" / "all.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    git(team.path, "commit", "-qam", new)
    git(team.path, "push", "-q", "origin", "main")


def test_applying_never_cuts_off_the_history_of_a_clone(team: Repository) -> None:
    count = lambda: int(git(team.path, "rev-list", "--count", "HEAD"))  # noqa: E731
    before = count()
    team.apply()
    price(team, "49.99", "48.99")
    team.apply()
    assert team.run("state", "pull").code == 0
    price(team, "48.99", "47.99")
    assert team.run("ci", "apply").code == 0
    assert count() == before + 2
    assert "unknown" not in team.run("blame", "amz-de/listing/KTL-17-BLK", "--offline").out


@pytest.mark.parametrize(
    "name", ["main", "v1", "origin/main", "refs/heads/main", "main~1", "v1^", "HEAD~1", "note"]
)
def test_a_revision_is_known_by_every_name_that_git_knows(team: Repository, name: str) -> None:
    git(team.path, "tag", "v1")
    git(team.path, "tag", "-a", "note", "-m", "annotated")
    git(team.path, "pack-refs", "--all")
    done = team.run("diff", name)
    assert done.code == 0, done


def test_two_revisions_in_one_word_are_told_apart(team: Repository) -> None:
    done = team.run("diff", "HEAD~1..HEAD")
    assert (done.code, "ONE OTHER" in done.err) == (64, True)


def test_outside_of_git_that_is_what_is_said(tmp_path: Path) -> None:
    done = Repository(tmp_path / "r", storefront()).run("diff", "HEAD")
    assert (done.code, "in no git repository" in done.err) == (1, True)


def test_a_zone_that_there_is_not_is_an_error_and_stops_nothing_else(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront(), sku())
    (made.path / "acorn.yaml").write_text(
        PROJECT + '  changeWindows: [{from: "09:00", until: "12:00", tz: Mars/X}]\n'
    )
    for verb in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        done = made.run(*verb)
        assert (done.code, "there is no time zone Mars/X" in done.out + done.err) == (4, True), done


def test_a_value_that_stands_in_the_defaults_is_shown_there(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront())
    made.text(
        """apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: kitchen}
spec:
  defaults:
    listing: {condition: new_new, status: active}
  items:
    - sku: MUG
      listings:
        - {store: amz-de, price: {currency: EUR, value: "12.90"}}
""",
        "skus.yaml",
    )
    made.write(storefront())
    fields = {
        one["field"]: one["place"]
        for one in made.run("explain", "amz-de/listing/MUG", "--offline", "-o", "json").json["fields"]
    }
    assert fields["condition"].startswith("specs/skus.yaml:6:")
    assert fields["status"].startswith("specs/skus.yaml:6:")
    assert fields["price"].startswith("specs/skus.yaml:10:")


def test_a_ledger_is_never_kept_beside_the_specs(team: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git(team.path, "ls-remote", "origin", "refs/heads/main")
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "main")
    done = team.run("apply", "--auto-approve")
    assert (done.code, "is the branch of the specs" in done.err) == (64, True), done
    assert git(team.path, "ls-remote", "origin", "refs/heads/main") == head


@pytest.mark.parametrize(
    "words",
    [
        ("--until", "2025-12-01T00:00:00Z"),
        ("--until", "2026-12-01T00:00:00Z", "--from", "2026-12-05T00:00:00Z"),
        ("--until", "2026-12-01T00:00:00Z", "--stores", "ebay-*"),
    ],
)
def test_a_freeze_that_could_never_hold_is_not_written(team: Repository, words: tuple[str, ...]) -> None:
    before = (team.path / "acorn.yaml").read_text()
    done = team.run("freeze", "peak", "--reason", "r", "--owner", "o", *words)
    assert (done.code, "nothing was written" in done.err) == (1, True), done
    assert (team.path / "acorn.yaml").read_text() == before


def test_a_commit_that_is_ahead_is_told_to_be_merged(team: Repository) -> None:
    team.apply()
    file = team.path / "specs" / "all.yaml"
    file.write_text(file.read_text().replace("49.99", "48.99"))
    git(team.path, "commit", "-qam", "ahead")
    done = team.run("ci", "apply")
    assert (done.code, "is not on main yet" in done.err) == (6, True), done


def test_a_repair_in_the_history_says_what_it_is(team: Repository) -> None:
    team.apply()
    assert team.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=38.00").code == 0
    team.apply()
    assert "put back what was changed outside" in team.run("history", "amz-de/listing/KTL-17-BLK").out


def test_a_plan_since_nothing_is_a_plan_in_every_format(team: Repository) -> None:
    team.apply()
    assert team.run("plan", "--since", "HEAD", "-o", "json", "--out", "p.acorn.json").json["changes"] == []
    assert (team.path / "p.acorn.json").exists()


def test_a_warning_is_no_failed_test(team: Repository, tmp_path: Path) -> None:
    team.apply()
    waiver = '  waivers: [{rule: MON-007, scope: amz-de, reason: sale, owner: ada, until: "2026-11-26"}]\n'
    (team.path / "acorn.yaml").write_text((team.path / "acorn.yaml").read_text() + waiver)
    git(team.path, "commit", "-qam", "w")
    assert team.run("ci", "plan", "--reports", str(tmp_path / "out")).code == 0
    text = (tmp_path / "out" / "acorn.xml").read_text()
    assert 'failures="0"' in text and "GEN-021" in text
