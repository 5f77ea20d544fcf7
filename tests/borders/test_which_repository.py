"""Which repository this is, which commit is checked out and what its remote is called: what acorn cannot read is told, and never taken
for nothing. What the default branch asks for counts, whatever is checked out and whether or not there is a ledger."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.confine.text import Redacted
from tests.borders.clone import cloned, git, published
from tests.borders.market import open_market
from tests.gitops.test_signed import commit, policy
from tests.repository import Repository, sku, storefront

FREEZE = "  freezes: [{name: xmas, reason: quiet, owner: ann, until: '2099-12-31T00:00:00Z'}]\n"
OLD, NEW = (storefront(), sku(price="49.99")), (storefront(), sku(price="44.99"))


@pytest.fixture
def team(tmp_path: Path) -> Repository:
    """A price, and a newer one, on the default branch of a remote."""
    made = Repository(tmp_path / "r", *OLD)
    published(tmp_path, made)
    made.write(*NEW)
    git(made.path, "commit", "-qam", "second")
    git(made.path, "push", "-q", "origin", "main")
    return made


def on_a_branch(name: str) -> Callable[[Path, Path], None]:
    """A clone in which a branch of this name is checked out."""

    def make(bare: Path, to: Path) -> None:
        git(bare.parent, "clone", "-q", str(bare), str(to))
        git(to, "checkout", "-q", "-b", name)

    return make


def of_many_branches(bare: Path, to: Path) -> None:
    """Their list is larger than a MiB."""
    git(bare.parent, "clone", "-q", str(bare), str(to))
    head = git(to, "rev-parse", "HEAD").strip()
    names = "".join(f"create refs/heads/bot/{'a' * 28}{number} {head}\n" for number in range(14_000))
    subprocess.run(["git", "update-ref", "--stdin"], cwd=to, input=names.encode(), check=True)
    git(to, "pack-refs", "--all")


def with_a_linked_head(bare: Path, to: Path) -> None:
    """As git made it long ago, and can be told to."""
    git(bare.parent, "clone", "-q", str(bare), str(to))
    (to / ".git/HEAD").unlink()
    (to / ".git/HEAD").symlink_to("refs/heads/main")


def as_worktree(bare: Path, to: Path) -> None:
    git(bare.parent, "clone", "-q", str(bare), str(bare.parent / "whole"))
    git(bare.parent / "whole", "worktree", "add", "-q", "-b", "w", str(to), "main")


def as_submodule_of_a_worktree(bare: Path, to: Path) -> None:
    outer, tree = bare.parent / "outer", to.parent
    git(bare.parent, "init", "-q", "-b", "main", str(outer))
    git(outer, "submodule", "add", "-q", str(bare), to.name)
    git(outer, "commit", "-qm", "outer")
    git(outer, "worktree", "add", "-q", "-b", "w", str(tree), "main")
    git(tree, "submodule", "update", "-q", "--init")


def elsewhere_and_named_back(bare: Path, to: Path) -> None:
    git(bare.parent, "clone", "-q", f"--separate-git-dir={bare.parent / 'g'}", str(bare), str(to))
    git(to, "config", "core.worktree", str(to))


KNOWN = {
    "a branch in other letters": on_a_branch("价格"),
    "a branch with an umlaut": on_a_branch("großes"),
    "a branch with a comma": on_a_branch("fix,prices"),
    "a branch in no code at all": on_a_branch("gro\udcdfes"),
    "many branches": of_many_branches,
    "HEAD as a link": with_a_linked_head,
    "a worktree": as_worktree,
    "a submodule of a worktree": as_submodule_of_a_worktree,
    "git's folder elsewhere, which names it back": elsewhere_and_named_back,
}


@pytest.mark.parametrize("form", KNOWN)
def test_an_older_commit_is_one_however_git_keeps_it(form: str, team: Repository, tmp_path: Path) -> None:
    """Applied after a newer one it would undo it."""
    made = Repository.__new__(Repository)
    made.path = tmp_path / "tree" / "c"
    made.path.parent.mkdir()
    if form == "a submodule of a worktree":
        made.path.parent.rmdir()
    KNOWN[form](tmp_path / "team.git", made.path)
    newest = git(made.path, "rev-parse", "HEAD").strip()
    made.apply()
    assert newest[:10] in made.run("history").out
    git(made.path, "checkout", "-q", "HEAD~1")
    done = made.run("apply", "--auto-approve")
    assert (done.code, "this checkout is older than commit" in done.err) == (6, True), done


def in_a_reftable(bare: Path, to: Path) -> None:
    """As newer versions of git can keep them: this is what such a folder looks like."""
    git(bare.parent, "clone", "-q", str(bare), str(to))
    (to / ".git/HEAD").write_text("ref: refs/heads/.invalid\n")


def elsewhere(bare: Path, to: Path) -> None:
    git(bare.parent, "clone", "-q", f"--separate-git-dir={bare.parent / 'g'}", str(bare), str(to))


def linked(bare: Path, to: Path) -> None:
    elsewhere(bare, to)
    (to / ".git").unlink()
    (to / ".git").symlink_to(bare.parent / "g")


def without_a_head(bare: Path, to: Path) -> None:
    git(bare.parent, "clone", "-q", str(bare), str(to))
    (to / ".git/HEAD").write_text("garbage\n")


@pytest.mark.parametrize(
    "make", [in_a_reftable, elsewhere, linked, without_a_head], ids=lambda make: make.__name__
)
def test_what_cannot_be_read_is_told(
    make: Callable[[Path, Path], None], team: Repository, tmp_path: Path
) -> None:
    """Neither a plan nor a write, and what to do."""
    made = Repository.__new__(Repository)
    made.path = tmp_path / "c"
    make(tmp_path / "team.git", made.path)
    for verb in (("plan",), ("apply", "--auto-approve")):
        done = made.run(*verb)
        assert (done.code, "= " in done.err, "internal error" in done.err) == (1, True, False), done
        words = ("cannot be read", "does not name it back", "is a link, and acorn follows none")
        assert any(one in done.err for one in words), done
    if make is linked:  # the remedy works
        said = re.search(r"`(gitdir: .*?)`", made.run("plan").err)
        assert said is not None
        (made.path / ".git").unlink()
        (made.path / ".git").write_text(f"{said[1]}\n")
    if make in (elsewhere, linked):
        git(made.path, "config", "core.worktree", str(made.path))
        made.apply()


INCLUDED = "[include]\n\tpath = extra\n"
SPELT = {
    "plainly": '[remote "origin"]',
    "with two blanks": '[remote  "origin"]',
    "with a capital": '[Remote "origin"]',
    "in another file": INCLUDED,
}


@pytest.mark.parametrize("way", SPELT)
def test_a_remote_is_one_however_it_is_said(
    way: str, team: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A freeze that was merged since this clone looked is heard."""
    made = cloned(tmp_path / "team.git", tmp_path / "c")
    config = made.path / ".git/config"
    head, section, rest = config.read_text().partition('[remote "origin"]')
    body, _, tail = rest.partition("[branch")
    if way == "in another file":
        (made.path / ".git/extra").write_text(f"{section}{body}")
        config.write_text(f"{head}{INCLUDED}[branch{tail}")
    else:
        config.write_text(f"{head}{SPELT[way]}{rest}")
    assert git(made.path, "remote").split() == ["origin"]
    project = team.path / "acorn.yaml"
    project.write_text(project.read_text() + FREEZE)
    git(team.path, "commit", "-qam", "freeze")
    git(team.path, "push", "-q", "origin", "main")
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "none")
    done = made.run("apply", "--auto-approve")
    assert (done.code, "xmas freezes them" in done.err) == (4, True), done


@pytest.mark.parametrize("branch", ["main", "主干"])
def test_a_freeze_that_this_clone_has_seen_is_heard_without_the_remote(branch: str, tmp_path: Path) -> None:
    """Whatever the default branch is called."""
    team = Repository(tmp_path / "r", *OLD)
    published(tmp_path, team)
    project = team.path / "acorn.yaml"
    project.write_text(project.read_text() + FREEZE)
    git(team.path, "commit", "-qam", "freeze")
    git(team.path, "push", "-q", "origin", f"main:{branch}")
    bare = tmp_path / "team.git"
    git(bare, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    made = cloned(bare, tmp_path / "c")
    git(made.path, "checkout", "-q", "-b", "work", "HEAD~1")
    bare.rename(tmp_path / "away")
    done = made.run("apply", "--auto-approve")
    assert (done.code, "xmas freezes them" in done.err) == (4, True), done


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Repository, Path]:
    """The default branch asks for signed commits."""
    key = tmp_path / "ada"
    asked = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", str(key)]
    subprocess.run(asked, check=True)
    signers = tmp_path / "signers"
    signers.mkdir()
    (signers / "team").write_text(f"ada@example.com {key.with_suffix('.pub').read_text()}")
    monkeypatch.setenv("ACORN_SIGNERS", str(signers))
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    policy(made, "required")
    published(tmp_path, made)
    commit(made, key)
    git(made.path, "push", "-q", "-f", "origin", "HEAD:main")
    git(made.path, "fetch", "-q", "origin")
    git(made.path, "remote", "set-head", "origin", "main")
    return made, key


@pytest.mark.parametrize("before", ["nothing was applied", "the ledger is gone"])
def test_a_commit_that_nobody_merged_takes_no_policy_out(
    before: str, signed: tuple[Repository, Path]
) -> None:
    """Also where no ledger says what the last apply was asked."""
    made, _ = signed
    if before == "the ledger is gone":
        made.apply()
        (made.path / ".acorn/sandbox/ledger.db").unlink()
        assert made.run("state", "rebuild").code == 0
    policy(made, None)
    made.write(storefront(), sku("S-1", "1.00"))
    commit(made, None)
    assert "ACN-052" in made.run("plan").out
    done = made.run("apply", "--auto-approve")
    assert (done.code, "ACN-052" in done.err) == (4, True), done
    assert "1.00" not in str(made.live().get("amz-de/listing/S-1"))


@pytest.mark.parametrize("policy", ["signedCommits: required", "access: enforced"])
def test_what_production_asks_binds_no_other_account(
    policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two environments at one address, with a token each: the other one is as the default branch says it."""
    monkeypatch.setenv("PROD", "token-of-production")
    monkeypatch.setenv("STAGING", "token-of-staging")
    with open_market(tmp_path) as market:
        made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
        at = f'{{adapter: network, url: "{market.url}", token: "env:%s"}}'
        (made.path / "acorn.yaml").write_text(
            "apiVersion: acorn/v1\nkind: Project\nmetadata: {name: test}\nspec:\n  specs: [specs]\n"
            f"  connections: {{main: {at % 'PROD'}}}\n  defaultEnvironment: staging\n"
            f"  environments: {{prod: {{policies: {{{policy}}}}}, staging: {{connections: {{main: {at % 'STAGING'}}}}}}}\n"
        )
        published(tmp_path, made)
        git(made.path, "fetch", "-q", "origin")
        git(made.path, "remote", "set-head", "origin", "main")
        assert made.run("apply", "--auto-approve").code == 0
        # One that is as production is by another name is production.
        project = made.path / "acorn.yaml"
        project.write_text(project.read_text().replace("env:STAGING", "env:PROD"))
        git(made.path, "commit", "-qam", "the same account")
        made.write(storefront(), sku("S-1", "21.00"))
        done = made.run("apply", "--auto-approve")
        assert (done.code, "ACN-052" in done.err or "ACN-024" in done.err) == (4, True), done


@given(st.text(st.sampled_from('\\\\/u0041bx"\n'), max_size=12))
def test_an_answer_means_what_it_meant(said: str) -> None:
    """Looking for a secret in it changes nothing else, however JSON spells it."""
    kept = Redacted(["a-secret-of-the-shop"])
    for spelt in (orjson.dumps(said), orjson.dumps(said).replace(b"/", b"\\/")):
        assert orjson.loads(kept.content(spelt)) == orjson.loads(spelt) == said


def test_a_secret_that_is_spelt_with_escapes_is_found() -> None:
    """Behind a backslash that is meant, too."""
    kept = Redacted(["token/with-A"])
    for spelt in (rb"token\/with-A", rb"token/with-\u0041", rb"\u0074oken\/with-\u0041"):
        assert kept.content(b'{"v":"\\\\' + spelt + b'"}') == b'{"v":"\\\\(secret)"}'
