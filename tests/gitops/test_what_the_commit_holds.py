"""A pipeline applies what the commit holds, file for file; what was not brought does not look as if it had left the
specs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.borders.clone import cloned, git, published
from tests.repository import Repository, sku, storefront


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Specs in two folders, applied; the remote's default branch is known."""
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    made = Repository(tmp_path / "r", storefront(), sku())
    (made.path / "specs" / "eu").mkdir()
    made.write(sku("S-2", "5.00"), sku("S-3", "6.00"), file="eu/b.yaml")
    published(tmp_path, made)
    made.apply()
    return made


@pytest.mark.parametrize("verb", [("plan",), ("apply", "--auto-approve")])
def test_a_sparse_checkout_deletes_nothing(team: Repository, tmp_path: Path, verb: tuple[str, ...]) -> None:
    git(team.path, "sparse-checkout", "set", "--no-cone", "/*", "!/specs/eu/")
    assert not (team.path / "specs" / "eu").exists()
    done = team.run(*verb)
    said = " ".join((done.out + done.err).split())
    assert (done.code, "ACN-045" in said, "specs/eu/b.yaml" in said) == (4, True, True), done
    assert "amz-de/listing/S-2" in team.live()
    git(team.path, "sparse-checkout", "disable")
    assert team.run(*verb).code == 0


def test_a_submodule_that_was_not_brought_deletes_nothing(team: Repository, tmp_path: Path) -> None:
    eu = tmp_path / "eu"
    eu.mkdir()
    (eu / "b.yaml").write_bytes((team.path / "specs" / "eu" / "b.yaml").read_bytes())
    git(eu, "init", "-q", "-b", "main")
    git(eu, "add", "-A")
    git(eu, "commit", "-qm", "eu")
    git(team.path, "rm", "-rq", "specs/eu")
    git(team.path, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(eu), "specs/eu")
    git(team.path, "commit", "-qm", "a submodule")
    assert team.run("plan", "--detailed-exitcode").code == 0
    shutil.rmtree(team.path / "specs" / "eu")
    (team.path / "specs" / "eu").mkdir()  # as a clone makes it
    done = team.run("apply", "--auto-approve")
    assert (done.code, "ACN-045" in done.err) == (4, True), done
    assert "amz-de/listing/S-2" in team.live()


def test_a_file_that_somebody_took_out_is_no_file_that_was_not_brought(team: Repository) -> None:
    (team.path / "specs" / "eu" / "b.yaml").unlink()
    done = team.run("plan")
    assert "ACN-045" not in done.out
    assert "2 to delete" in done.out


@pytest.mark.parametrize("how", ["ignored", "excluded", "assumed", "sparse"])
def test_a_pipeline_applies_no_file_that_is_in_no_commit(team: Repository, tmp_path: Path, how: str) -> None:
    """`git status` is silent about each of these."""
    job = cloned(tmp_path / "team.git", tmp_path / "job")
    extra = job.path / "specs" / "extra.yaml"
    if how == "ignored":
        (job.path / ".gitignore").write_text(".acorn/\nextra.yaml\n")
        git(job.path, "commit", "-qam", "ignore it")
        git(job.path, "push", "-q", "origin", "main")
    if how == "excluded":
        (job.path / ".git" / "info" / "exclude").write_text("extra.yaml\n")
    if how in ("ignored", "excluded"):
        Repository.write(job, sku("S-9", "0.99"), file="extra.yaml")
        assert extra.exists()
    if how == "assumed":
        file = job.path / "specs" / "all.yaml"
        git(job.path, "update-index", "--assume-unchanged", "specs/all.yaml")
        file.write_text(file.read_text().replace("49.99", "4.99"))
    if how == "sparse":
        git(job.path, "sparse-checkout", "set", "--no-cone", "/*", "!/specs/eu/")
    assert git(job.path, "status", "--porcelain") == ""
    done = job.run("ci", "apply")
    said = " ".join(done.err.split())
    assert (done.code, "not what the commit holds, file for file" in said) == (4, True), done
