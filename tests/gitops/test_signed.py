"""Where a project asks for signed commits, a commit is applied only when a key that is named outside the repository
has signed it; real git, ssh-keygen and gpg."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.borders.clone import WHO, git, published
from tests.borders.market import open_market
from tests.repository import PROJECT, Repository, promo, sku, storefront

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def policy(made: Repository, said: str | None) -> None:
    """Ask for signed commits in acorn.yaml, or no longer."""
    yaml, file = YAML(), made.path / "acorn.yaml"
    project = yaml.load(file.read_text())
    project["spec"]["policies"] = {**(project["spec"].get("policies") or {}), "signedCommits": said}
    if said is None:
        del project["spec"]["policies"]["signedCommits"]
    with file.open("w") as opened:
        yaml.dump(project, opened)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside the repository with Ada's key for signing, named by ACORN_SIGNERS; Eve has one of her
    own."""
    private = tmp_path / "private"
    private.mkdir()
    for who in ("ada", "eve"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", who, "-f", private / who], check=True
        )
    signers = tmp_path / "signers"
    signers.mkdir()
    (signers / "team").write_text(f"ada@example.com {(private / 'ada.pub').read_text()}")
    monkeypatch.setenv("ACORN_SIGNERS", str(signers))
    return private


@pytest.fixture
def team(tmp_path: Path) -> Repository:
    """A repository that asks for signed commits; nothing was applied yet."""
    made = Repository(tmp_path / "r", storefront(), sku())
    policy(made, "required")
    published(tmp_path, made)
    return made


def commit(made: Repository, key: Path | None) -> None:
    """Commit all that there is, signed with a key or not at all."""
    signed = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={key}") if key else ()
    git(made.path, "add", "-A")
    git(made.path, *signed, "commit", "-q", "--allow-empty", "-m", "change", *(("-S",) if key else ()))


def refused(made: Repository, words: str) -> None:
    """Plan foretells it, with the code of apply; apply refuses it, and writes nothing."""
    planned = made.run("plan")
    assert (planned.code, "ACN-052" in planned.out) == (4, True), planned
    done = made.run("apply", "--auto-approve")
    said = " ".join(done.err.split())
    assert (done.code, "ACN-052" in said, words in said) == (4, True, True), done
    assert made.live() == {} or "amz-de/listing/S-1" not in made.live()


def test_a_signed_commit_is_applied(team: Repository, keys: Path) -> None:
    commit(team, keys / "ada")
    assert team.run("plan", "--detailed-exitcode").code == 2
    assert team.run("apply", "--auto-approve").code == 0


def test_a_commit_that_nobody_signed_is_not(team: Repository, keys: Path) -> None:
    refused(team, "is not signed")


def test_nor_one_that_a_stranger_signed(team: Repository, keys: Path) -> None:
    commit(team, keys / "eve")
    refused(team, "is signed with a key that ACORN_SIGNERS does not hold")


def test_a_commit_does_not_bring_its_own_keys(
    team: Repository, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = team.path / "signers"
    brought.write_text(f"eve@example.com {(keys / 'eve.pub').read_text()}")
    commit(team, keys / "eve")
    git(team.path, "config", "gpg.ssh.allowedSignersFile", str(brought))
    refused(team, "is signed with a key that ACORN_SIGNERS does not hold")
    monkeypatch.setenv("ACORN_SIGNERS", str(brought))
    refused(team, "keys of signers cannot lie in the repository")


def test_a_signature_is_of_one_commit(team: Repository, keys: Path) -> None:
    commit(team, keys / "ada")
    body = subprocess.run(
        ["git", "cat-file", "commit", "HEAD"], cwd=team.path, capture_output=True, check=True
    )
    forged = body.stdout.replace(b"\n\nchange", b"\n\nanother change")
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=team.path,
        input=forged,
        capture_output=True,
        check=True,
    )
    git(team.path, "reset", "-q", "--hard", made.stdout.decode().strip())
    refused(team, "has a signature that is not of this commit")


def test_what_is_not_committed_is_signed_by_nobody(team: Repository, keys: Path) -> None:
    commit(team, keys / "ada")
    team.write(storefront(), sku(price="7.00"))
    refused(team, "is not what commit")


@pytest.mark.parametrize("file", ["attested-sandbox.json", "rehearsal-sandbox.json"])
def test_records_that_decide_are_what_the_commit_holds(team: Repository, keys: Path, file: str) -> None:
    """What people attested, and a rehearsal."""
    commit(team, keys / "ada")
    (team.path / "evidence").mkdir()
    record = team.path / "evidence" / file
    record.write_text('{"format_version": "1.0", "environment": "sandbox", "attested": []}')
    refused(team, "is not what commit")
    commit(team, keys / "ada")
    assert team.run("plan", "--detailed-exitcode").code == 2
    record.unlink()
    refused(team, "is not what commit")


def test_without_keys_nobody_counts(
    team: Repository, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(team, keys / "ada")
    monkeypatch.delenv("ACORN_SIGNERS")
    refused(team, "ACORN_SIGNERS names no keys")
    monkeypatch.setenv("ACORN_SIGNERS", str(tmp_path / "nowhere"))
    refused(team, "ACORN_SIGNERS cannot be read")


def test_a_key_that_was_valid_until_then_counts_no_longer(
    team: Repository, keys: Path, tmp_path: Path
) -> None:
    (tmp_path / "signers" / "team").write_text(
        f'ada@example.com valid-before="20200101" {(keys / "ada.pub").read_text()}'
    )
    commit(team, keys / "ada")
    refused(team, "ACORN_SIGNERS does not hold")


def test_the_commit_that_no_longer_asks_is_judged_by_the_last_apply(team: Repository, keys: Path) -> None:
    commit(team, keys / "ada")
    assert team.run("apply", "--auto-approve").code == 0
    policy(team, None)
    commit(team, None)
    done = team.run("apply", "--auto-approve")
    assert (done.code, "is not signed" in done.err) == (4, True), done
    commit(team, keys / "ada")
    assert team.run("apply", "--auto-approve").code == 0
    commit(team, None)
    done = team.run("apply", "--auto-approve")
    assert (done.code, "is not signed" in done.err) == (4, True), done  # the default branch asks still
    git(team.path, "push", "-q", "-f", "origin", "HEAD:main")
    team.write(storefront(), sku("S-1", "20.50"))
    commit(team, None)
    assert team.run("apply", "--auto-approve").code == 0


def test_a_change_request_is_not_asked(team: Repository, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_UNTRUSTED", "1")
    done = team.run("plan")
    assert "ACN-052" not in done.out + done.err, done


def test_whoever_signs_does_not_choose_the_day(
    team: Repository, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git judges a key by the day that the commit names: a key that has ended could sign for the past."""
    with (tmp_path / "signers" / "team").open("a") as file:
        file.write(f'eve@example.com valid-before="20250101" {(keys / "eve.pub").read_text()}')
    monkeypatch.setitem(WHO, "GIT_COMMITTER_DATE", "2024-06-01T00:00:00Z")
    commit(team, keys / "eve")
    refused(team, "ACORN_SIGNERS does not hold")


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ('valid-before="20270101"', True),
        ('VALID-AFTER="20250101",valid-before="202701010000Z"', True),
        ('valid-before="20261123085959Z"', False),
        ('valid-after="20261124"', False),
        ('valid-before="20261323"', False),
        ('valid-before="tomorrow"', False),
        ('valid-before="2027"', False),
    ],
)
def test_a_key_holds_at_the_time_at_which_it_is_asked(
    team: Repository, keys: Path, tmp_path: Path, said: str, holds: bool
) -> None:
    """It is 2026-11-23 09:00 UTC; a time that nobody can read holds nothing."""
    (tmp_path / "signers" / "team").write_text(f"ada@example.com {said} {(keys / 'ada.pub').read_text()}")
    commit(team, keys / "ada")
    assert team.run("apply", "--auto-approve").code == (0 if holds else 4)


def test_keys_in_the_repository_above_the_project_are_nobodys(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project is a folder of a larger repository, which a commit can change as a whole."""
    above = tmp_path / "above"
    team = Repository(above / "stores", storefront(), sku())
    policy(team, "required")
    (above / "signers").write_text(f"eve@example.com {(keys / 'eve.pub').read_text()}")
    monkeypatch.setenv("ACORN_SIGNERS", str(above / "signers"))
    (above / ".gitignore").write_text(".acorn/\n")
    git(above, "init", "-q", "-b", "main")
    commit(team, keys / "eve")
    refused(team, "keys of signers cannot lie in the repository")


def test_certificates_are_not_asked(
    team: Repository, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What checks them asks addresses that stand in them."""
    programs, asked = tmp_path / "programs", tmp_path / "asked"
    programs.mkdir()
    (programs / "gpgsm").write_text(f"#!/bin/sh\necho asked > {asked}\n")
    (programs / "gpgsm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    commit(team, None)
    head, _, rest = git(team.path, "cat-file", "commit", "HEAD").partition("\n\n")
    signature = "-----BEGIN SIGNED MESSAGE-----\n MIIB\n -----END SIGNED MESSAGE-----"
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=team.path, input=f"{head}\ngpgsig {signature}\n\n{rest}".encode(), capture_output=True, check=True,
    )  # fmt: skip
    git(team.path, "reset", "-q", "--hard", made.stdout.decode().strip())
    refused(team, "sign it with a key of ACORN_SIGNERS")
    assert not asked.exists()


REQUIRED = "  policies: {signedCommits: required}\n"


@pytest.mark.parametrize(
    ("elsewhere", "project"),
    [
        ("other: {}", ""),
        ("other: {policies: {signedCommits: optional}}", REQUIRED),
        ("other: {ledger: .acorn/next.db}", ""),
    ],
)
def test_another_environment_of_the_same_stores_is_no_way_around(
    tmp_path: Path, keys: Path, elsewhere: str, project: str
) -> None:
    """Nor is another ledger: what the last apply asked for is asked by whoever knows the stores."""
    with open_market(tmp_path) as market:
        made = Repository(tmp_path / "r", storefront(), sku())
        base = PROJECT.replace('url: "sandbox:"', f'url: "{market.url}"')
        (made.path / "acorn.yaml").write_text(base + REQUIRED)
        published(tmp_path, made)
        commit(made, keys / "ada")
        assert made.run("apply", "--auto-approve").code == 0
        told = base.replace("{sandbox: {}}", f"{{sandbox: {{}}, {elsewhere}}}")
        (made.path / "acorn.yaml").write_text(
            told.replace("Environment: sandbox", "Environment: other") + project
        )
        made.write(storefront(), sku(), promo("deep", "90"))
        commit(made, None)
        made.run("state", "rebuild", "--auto-approve")
        planned, done = made.run("plan"), made.run("apply", "--auto-approve")
        assert "ACN-052" in planned.out, planned
        assert (done.code, "ACN-052" in done.err) == (4, True), done
        assert not [address for address in market.live() if "/promotion/" in address]


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
def test_openpgp_keys_count_as_well(
    team: Repository, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path("/tmp") / f"acorn-gpg-{tmp_path.parent.name}-{tmp_path.name}"[:60]  # a socket's path is short
    home.mkdir(mode=0o700)
    try:
        monkeypatch.setenv("GNUPGHOME", str(home))
        made = [
            "gpg",
            "--batch",
            "-q",
            "--passphrase",
            "",
            "--quick-gen-key",
            "Bo <bo@example.com>",
            "ed25519",
            "sign",
        ]
        subprocess.run(made, check=True, capture_output=True)
        key = subprocess.run(["gpg", "--armor", "--export"], check=True, capture_output=True).stdout
        git(team.path, "commit", "-q", "--allow-empty", "-m", "signed", "-Sbo@example.com")
        refused(team, "ACORN_SIGNERS does not hold")
        (tmp_path / "signers" / "bo.asc").write_bytes(key)
        assert team.run("apply", "--auto-approve").code == 0
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)
