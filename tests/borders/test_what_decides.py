"""Everything that decides is the commit's, and is here: specs, tables, rules, schemas, facts and proofs (the
eighteenth attack)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.borders.clone import cloned, git, published
from tests.repository import Repository, sku, storefront, written
from tests.test_margin_and_risk import FEES, costed, vat
from tests.test_own_rules import GOOD, policy


@pytest.fixture(autouse=True)
def _main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody knows the default branch."""
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")


def setting(made: Repository, words: str) -> None:
    file = made.path / "acorn.yaml"
    file.write_text(file.read_text() + words)


def job(made: Repository, to: Path, *options: str) -> Repository:
    clone = cloned(made.path.parent / "team.git", to, *options)
    shutil.copytree(made.path / ".acorn", clone.path / ".acorn", dirs_exist_ok=True)
    return clone


def edit(made: Repository, old: str, new: str) -> None:
    file = made.path / "specs" / "all.yaml"
    file.write_text(file.read_text().replace(old, new))
    git(made.path, "commit", "-qam", "edit")
    git(made.path, "push", "-q", "origin", "main")


def _schema(path: Path) -> tuple[Repository, str, str]:
    made = Repository(path, storefront(), sku("B", "9.99"))
    setting(made, "  productTypes: {KETTLE: kettle.schema.json}\n")
    (made.path / "kettle.schema.json").write_text('{"required": ["litres"]}')
    return made, "kettle.schema.json", "{}"


def _rules(path: Path) -> tuple[Repository, str, str]:
    made = Repository(path, storefront(), sku("B", "9.99"))
    setting(made, "  customRules: [house.rules]\n")
    (made.path / "house.rules").write_text(policy(GOOD))
    return made, "house.rules", policy({**GOOD, "severity": "warning"})


def _facts(path: Path) -> tuple[Repository, str, str]:
    floor = {"minMarginPercent": "20"}
    made = Repository(path, storefront(country="DE"), vat(), costed("5.00", pricePolicy=floor))
    (made.path / "facts").mkdir()
    row = "amz-de,referral,,,EUR,15,0.00,0.00,2026-01-01,,S\n"
    (made.path / "facts" / "fees.csv").write_text(FEES + row)
    return made, "facts/fees.csv", FEES


@pytest.mark.parametrize("what", [_schema, _rules, _facts])
def test_a_pipeline_applies_nothing_by_files_that_are_not_the_commits(
    tmp_path: Path, what: Callable[[Path], tuple[Repository, str, str]]
) -> None:
    """Git was told not to look: `git status` is empty, and what was read was reviewed by nobody."""
    made, file, other = what(tmp_path / "r")
    published(tmp_path, made)
    made.apply()
    before = made.live()
    price = "49.99" if "49.99" in (made.path / "specs" / "all.yaml").read_text() else "9.99"
    edit(made, price, "8.98")
    clone = job(made, tmp_path / "job")
    git(clone.path, "update-index", "--assume-unchanged", file)
    (clone.path / file).write_text(other)
    assert git(clone.path, "status", "--porcelain") == ""
    done = clone.run("ci", "apply")
    assert (done.code, "ACN-004" in done.err) == (4, True), done
    assert clone.live() == before


def test_facts_that_jobs_write_beside_the_commit_are_no_fault(tmp_path: Path) -> None:
    """Only those that the commit holds were reviewed."""
    made, file, other = _facts(tmp_path / "r")
    (made.path / file).unlink()
    published(tmp_path, made)
    made.apply()
    clone = job(made, tmp_path / "job")
    (clone.path / "facts").mkdir()
    (clone.path / ".git" / "info" / "exclude").write_text("facts/\n")
    (clone.path / file).write_text(other)
    assert clone.run("ci", "apply").code == 0


def test_a_proof_that_no_commit_holds_proves_nothing_in_a_pipeline(tmp_path: Path) -> None:
    """Where a rehearsal is required, its record was reviewed with the specs."""
    made = Repository(tmp_path / "r", storefront(), sku("A-17", "9.99"))
    setting(made, "  policies: {rehearsal: required}\n")
    published(tmp_path, made)
    copy, clone = (cloned(tmp_path / "team.git", tmp_path / name) for name in ("copy", "job"))
    assert copy.run("rehearse").code == 0
    shutil.copytree(copy.path / "evidence", clone.path / "evidence")
    (clone.path / ".git" / "info" / "exclude").write_text("evidence/\n.acorn/\n")
    record = json.loads(next((clone.path / "evidence").glob("*.json")).read_text())
    assert record["result"] == "passed"
    done = clone.run("ci", "apply")
    assert (done.code, "ACN-004" in done.err) == (4, True), done


@pytest.mark.parametrize("named", [True, False])
def test_rules_that_git_was_told_not_to_bring_are_missed(tmp_path: Path, named: bool) -> None:
    """What they forbid would be allowed."""
    made = Repository(tmp_path / "r", storefront(), sku("A", "9.99"))
    (made.path / "policies").mkdir()
    (made.path / "policies" / "house.yaml").write_text(policy(GOOD))
    if named:
        setting(made, "  customRules: [policies]\n")
    published(tmp_path, made)
    made.apply()
    git(made.path, "sparse-checkout", "set", "--no-cone", "/*", "!/policies/house.yaml")
    (made.path / "policies").mkdir(exist_ok=True)
    edit(made, "9.99", "1.90")
    done = made.run("apply", "--auto-approve")
    assert (done.code, "ACN-045" in done.err) == (4, True), done


def test_facts_that_git_was_told_not_to_bring_are_missed(tmp_path: Path) -> None:
    """The fees, without which every margin looks better."""
    made, file, _ = _facts(tmp_path / "r")
    published(tmp_path, made)
    made.apply()
    git(made.path, "sparse-checkout", "set", "--no-cone", "/*", f"!/{file}")
    edit(made, "49.99", "8.50")
    done = made.run("apply", "--auto-approve")
    assert (done.code, "ACN-045" in done.err) == (4, True), done


@pytest.mark.parametrize("how", ["nested", "sparse"])
def test_what_was_not_brought_inside_a_submodule_is_missed(tmp_path: Path, how: str) -> None:
    """A repository within it, or a part of it that a sparse checkout leaves out."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "4.00"))
    inner = tmp_path / "catalog"
    shutil.move(made.path / "specs", inner)
    (inner / "eu").mkdir()
    (inner / "eu" / "b.yaml").write_text(written([sku("S-2", "5.00")]))
    git(inner, "init", "-q", "-b", "main")
    if how == "nested":
        deep = tmp_path / "eu"
        shutil.move(inner / "eu", deep)
        git(deep, "init", "-q", "-b", "main")
        git(deep, "add", "-A")
        git(deep, "commit", "-qm", "eu")
        git(inner, "submodule", "add", "-q", str(deep), "eu")
    git(inner, "add", "-A")
    git(inner, "commit", "-qm", "catalog")
    git(made.path, "init", "-q", "-b", "main")
    git(made.path, "submodule", "add", "-q", str(inner), "specs")
    published(tmp_path, made)
    git(made.path, "submodule", "update", "--init", "--recursive", "-q")
    made.apply()
    clone = job(made, tmp_path / "job")
    git(clone.path, "submodule", "update", "--init", "-q")
    if how == "sparse":
        git(clone.path / "specs", "sparse-checkout", "set", "--no-cone", "/*", "!/eu/")
    done = clone.run("apply", "--auto-approve")
    assert (done.code, "ACN-045" in done.err) == (4, True), done
    assert "amz-de/listing/S-2" in clone.live()


def test_a_ledger_in_a_repository_that_a_change_names_is_not_opened(tmp_path: Path) -> None:
    """A submodule at .acorn holds what its author chose."""
    made = Repository(tmp_path / "r", storefront(), sku())
    made.apply()
    planted = tmp_path / "planted"
    shutil.move(made.path / ".acorn", planted)
    git(planted, "init", "-q", "-b", "main")
    git(planted, "add", "-A")
    git(planted, "commit", "-qm", "planted")
    git(made.path, "init", "-q", "-b", "main")
    git(made.path, "submodule", "add", "-q", "-f", str(planted), ".acorn")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "first")
    for verb in (["plan"], ["drift"], ["state", "list"]):
        done = made.run(*verb)
        assert (done.code, "ACN-034" in done.out + done.err) == (4, True), done
