"""A commit is planned as if it were checked out, and nothing is checked out for it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.borders.clone import WHO, cloned, git, published
from tests.repository import Repository, promo, sku, storefront
from tests.test_access import EVERYTHING, permission


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """One listing, applied from main; a branch `lower` with another price, a promotion and a link."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    made = Repository(tmp_path / "r", storefront(), sku())
    published(tmp_path, made)
    made.apply()
    git(made.path, "checkout", "-q", "-b", "lower")
    made.write(storefront(), sku(price="47.50"), promo("deal", "10"))
    (made.path / "notes.md").symlink_to("README.md")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "lower")
    git(made.path, "checkout", "-q", "main")
    return made


def planned(made: Repository, *words: str) -> dict[str, Any]:
    """A plan, without what names it."""
    found: dict[str, Any] = made.run("plan", "-o", "json", *words).json
    return {name: value for name, value in found.items() if name not in ("id", "created_at")}


def state_of(made: Repository) -> list[str]:
    asked = (("status", "--porcelain"), ("worktree", "list"), ("for-each-ref",), ("rev-parse", "HEAD"))
    return [git(made.path, *one) for one in asked]


@pytest.mark.parametrize("name", ["lower", "origin/main", "HEAD", "main~0"])
def test_it_is_the_plan_of_whoever_checks_it_out(team: Repository, name: str) -> None:
    before = state_of(team)
    found = planned(team, "--ref", name)
    assert state_of(team) == before
    git(team.path, "checkout", "-q", "--detach", name)
    assert found == planned(team)
    assert not found["dirty"] and found["commit"] == git(team.path, "rev-parse", "HEAD").strip()


def test_what_is_edited_here_says_nothing_of_it(team: Repository) -> None:
    clean = planned(team, "--ref", "lower")
    team.write(storefront(), sku(price="1.00"))
    (team.path / "specs" / "more.yaml").write_text("nonsense: [")
    assert planned(team, "--ref", "lower") == clean
    assert planned(team, "--ref", "lower", "--since", "main")["changes"] == clean["changes"]


def test_its_authors_are_those_of_its_own_lines(team: Repository) -> None:
    """Who gives rights to themselves in a branch is told by a plan of the branch."""
    git(team.path, "checkout", "-q", "-b", "mine")
    team.write(
        storefront(), sku(), permission("owners", EVERYTHING, ["read", "apply"], "mallory@example.com")
    )
    git(team.path, "commit", "-qam", "me", "--author", "Mallory <mallory@example.com>")
    git(team.path, "checkout", "-q", "main")
    assert {"ROL-012"} <= {one["id"] for one in planned(team, "--ref", "mine")["findings"]}


def test_a_project_below_the_top_is_found_there(team: Repository) -> None:
    (team.path / "moved").mkdir()
    git(team.path, "mv", "acorn.yaml", "specs", "moved")
    git(team.path, "commit", "-qm", "below")
    below = Repository.__new__(Repository)
    below.path = team.path / "moved"
    assert planned(below, "--ref", "HEAD") == planned(below)
    refused = below.run("plan", "--ref", "lower")
    assert refused.code == 64 and "lower holds no acorn.yaml here" in refused.err


@pytest.mark.parametrize("name", ["nothing", "--help", "main..lower", "0" * 40])
def test_a_revision_that_is_none_is_a_mistake(team: Repository, name: str) -> None:
    refused = team.run("plan", f"--ref={name}")
    assert refused.code == 64, refused
    assert "internal error" not in refused.err


def test_a_clone_that_lacks_its_files_says_how_they_come(team: Repository, tmp_path: Path) -> None:
    git(team.path, "push", "-q", "origin", "lower")
    git(tmp_path / "team.git", "config", "uploadpack.allowFilter", "true")
    partial = cloned(tmp_path / "team.git", tmp_path / "partial", "--filter=blob:none")
    refused = partial.run("plan", "--ref", "origin/lower")
    assert refused.code == 1 and "`git fetch --refetch --no-filter` brings it" in refused.err, refused


def test_nothing_of_it_is_left(team: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "temporary"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    assert team.run("plan", "--ref", "lower").code == 0
    assert [*own.iterdir()] == []


def test_a_commit_with_files_of_gits_own_is_not_laid_out(team: Repository) -> None:
    """Git makes none, and takes one that somebody else has made."""
    blob = git(team.path, "rev-parse", "HEAD:acorn.yaml").strip()
    inner = _tree(team, f"100644 blob {blob}\tconfig\n")
    rows = git(team.path, "ls-tree", "HEAD")
    tree = _tree(team, f"{rows}040000 tree {inner}\t.git\n")
    commit = git(team.path, "commit-tree", tree, "-m", "odd").strip()
    refused = team.run("plan", "--ref", commit)
    assert refused.code == 1 and "holds files of git's own; nothing was laid out" in refused.err


def _tree(team: Repository, rows: str) -> str:
    """A tree as it is kept, unlooked at: `mktree` would refuse some names."""
    import subprocess

    entries = []
    for row in rows.splitlines():
        about, name = row.split("\t")
        mode, kind, object_ = about.split()
        entries.append((name + "/" * (kind == "tree"), mode.lstrip("0"), name, object_))
    body = b"".join(
        f"{mode} {name}".encode() + b"\0" + bytes.fromhex(object_)
        for _, mode, name, object_ in sorted(entries)
    )
    command = ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
    return (
        subprocess.run(command, cwd=team.path, input=body, capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )


@pytest.mark.parametrize("branch", ["", "acorn-ledger"])
def test_a_file_that_the_commit_brings_configures_nothing(
    team: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, branch: str
) -> None:
    """A clone that includes a file of the working tree in its configuration (`include.path ../.gitconfig`), and a stranger
    whose commit says in it what git is to run; the specs make acorn ask the remote."""
    if branch:
        monkeypatch.setenv("ACORN_LEDGER_BRANCH", branch)
    mark = tmp_path / "was-run"
    (team.path / ".gitconfig").write_text("[alias]\n\tst = status\n")
    git(team.path, "add", ".gitconfig")
    git(team.path, "commit", "-qm", "our settings")
    git(team.path, "push", "-q", "origin", "main")
    git(team.path, "config", "--local", "include.path", "../.gitconfig")
    git(team.path, "checkout", "-q", "-b", "stranger")
    (team.path / ".gitconfig").write_text(
        f'[core]\n\tsshCommand = "touch {mark}; false"\n[url "ssh://git@127.0.0.1:1/"]\n\tinsteadOf = {tmp_path}/\n'
    )
    _gives_rights(team)
    git(team.path, "checkout", "-q", "main")
    team.run("plan", "--ref", "stranger")
    assert not mark.exists()


def test_a_commit_is_looked_at_with_the_ledger_of_the_branch(
    team: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is where it is checked out."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    git(team.path, "checkout", "-q", "-b", "rights")
    _gives_rights(team)
    there = team.run("plan")
    git(team.path, "checkout", "-q", "main")
    done = team.run("plan", "--ref", "rights")
    assert (there.code, done.code) == (0, 0), done


def _gives_rights(team: Repository) -> None:
    file = team.path / "acorn.yaml"
    file.write_text(file.read_text() + "  policies: {severities: {ROL-012: warning}}\n")
    team.write(storefront(), sku(), permission("owners", EVERYTHING, ["read", "apply"], "ada@example.com"))
    git(team.path, "add", "-A")
    git(team.path, "commit", "-qm", "rights", "--author", "Ada <ada@example.com>")


def test_what_is_wrong_with_a_commit_is_said_of_the_commit(team: Repository) -> None:
    """Its files are not those that lie here."""
    git(team.path, "checkout", "-q", "-b", "slip")
    team.write(storefront(), sku(price="-1"))
    git(team.path, "commit", "-qam", "a slip")
    git(team.path, "checkout", "-q", "main")
    done = team.run("plan", "--ref", "slip")
    assert (done.code, "1 error: slip: the specs are invalid" in done.err) == (4, True), done
