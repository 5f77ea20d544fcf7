"""A stop that a clone has heard once is not forgotten, words of a hold cannot be copied, and going back brings back
everything that decides, or nothing (the eighteenth attack)."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.borders.clone import WHO, cloned, git, published
from tests.repository import Repository, Result, sku, storefront, written
from tests.test_own_rules import GOOD, policy

FREEZE = "  freezes: [{name: peak, reason: x, owner: ada, until: '2026-12-30T00:00:00Z'}]\n"


@pytest.fixture(autouse=True)
def _main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody knows the default branch, and who they are."""
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def team(tmp_path: Path) -> Repository:
    """Two stores, applied, with a remote."""
    made = Repository(
        tmp_path / "r", storefront(), storefront("amz-fr"), sku(), sku("MUG-RED", "12.90", "amz-fr")
    )
    published(tmp_path, made)
    made.apply()
    return made


def job(team: Repository, to: Path, *options: str) -> Repository:
    """A clone that has the ledger."""
    made = cloned(team.path.parent / "team.git", to, *options)
    shutil.copytree(team.path / ".acorn", made.path / ".acorn", dirs_exist_ok=True)
    return made


def commit(made: Repository, message: str = "a change") -> str:
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", message)
    return git(made.path, "rev-parse", "HEAD").strip()


def edit(made: Repository, old: str, new: str, file: str = "specs/all.yaml") -> str:
    path = made.path / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return commit(made)


def say(made: Repository, words: str) -> None:
    """Something more in acorn.yaml, committed and pushed to main."""
    file = made.path / "acorn.yaml"
    file.write_text(file.read_text() + words)
    commit(made)
    git(made.path, "push", "-q", "origin", "HEAD:main")


def refused(done: Result, id: str) -> None:
    assert (done.code, id in done.err) == (4, True), done


def price(made: Repository, address: str = "amz-de/listing/KTL-17-BLK") -> str:
    found: str = made.live()[address]["price"]["value"]
    return found


# -- stops -----------------------------------------------------------------------------------------------------------


def test_what_was_heard_once_counts_while_the_remote_is_away(team: Repository, tmp_path: Path) -> None:
    """Also in a clone that has no branch of the remote's default one."""
    git(team.path, "push", "-q", "origin", "main:feature")
    old = job(team, tmp_path / "old", "--single-branch", "-b", "feature")
    say(team, FREEZE)
    edit(old, "49.99", "47.50")
    refused(old.run("apply", "--auto-approve"), "ACN-042")
    (tmp_path / "team.git").rename(tmp_path / "away.git")
    refused(old.run("apply", "--auto-approve"), "ACN-042")
    assert old.run("plan").code == 4
    assert price(old) == "49.99"


@pytest.mark.parametrize("how", ["moved", "gone"])
def test_a_cut_off_clone_cannot_tell_that_there_was_no_project(
    team: Repository, tmp_path: Path, how: str
) -> None:
    """main moves acorn.yaml, with a freeze in it, or takes it out."""
    old = job(team, tmp_path / "job", "--depth=1")
    if how == "moved":
        (team.path / "shop").mkdir()
        (team.path / "shop" / "acorn.yaml").write_text((team.path / "acorn.yaml").read_text() + FREEZE)
    git(team.path, "rm", "-q", "acorn.yaml")
    commit(team)
    git(team.path, "push", "-q", "origin", "main")
    edit(old, "49.99", "47.50")
    refused(old.run("apply", "--auto-approve"), "ACN-042")
    assert price(old) == "49.99"


def test_a_project_that_is_about_to_be_merged_first_is_planned_in_a_cut_off_clone(tmp_path: Path) -> None:
    """The first merge request of a team: main has no acorn.yaml yet, and nobody has said stop."""
    made = Repository(tmp_path / "r", storefront(), sku())
    (made.path / "acorn.yaml").rename(tmp_path / "acorn.yaml")
    published(tmp_path, made)
    (tmp_path / "acorn.yaml").rename(made.path / "acorn.yaml")
    git(made.path, "checkout", "-qb", "first")
    commit(made)
    git(made.path, "push", "-q", "origin", "first")
    clone = cloned(tmp_path / "team.git", tmp_path / "job", "--depth=1", "-b", "first")
    git(clone.path, "fetch", "-q", "--depth=1", "origin", "+main:refs/remotes/origin/main")
    assert clone.run("plan").code == 0


def test_a_project_that_a_branch_moved_hears_what_main_says(team: Repository, tmp_path: Path) -> None:
    """The freeze of main stands in acorn.yaml at the top, where the branch has none any more."""
    other = cloned(tmp_path / "team.git", tmp_path / "other")
    (team.path / "shop").mkdir()
    git(team.path, "checkout", "-qb", "feature")
    git(team.path, "mv", "acorn.yaml", "specs", "shop/")
    shutil.move(team.path / ".acorn", team.path / "shop" / ".acorn")
    commit(team)
    say(other, FREEZE)
    shop = Repository.__new__(Repository)
    shop.path = team.path / "shop"
    edit(shop, "49.99", "47.50")
    refused(shop.run("apply", "--auto-approve"), "ACN-042")


def test_a_freeze_of_the_checkout_counts_beside_one_of_the_same_name(team: Repository) -> None:
    """main still says last year's."""
    say(team, FREEZE.replace("2026-12-30", "2025-12-30"))
    git(team.path, "fetch", "-q")
    edit(team, "2025-12-30", "2026-12-30", "acorn.yaml")
    edit(team, "49.99", "47.50")
    refused(team.run("apply", "--auto-approve"), "ACN-042")


def held(team: Repository) -> tuple[str, str]:
    """A bad commit that was rolled back, merged and applied: its id, and the commit that holds it."""
    good = git(team.path, "rev-parse", "HEAD").strip()
    bad = edit(team, "49.99", "4.99")
    git(team.path, "push", "-q", "origin", "main")
    done = team.run("rollback", "--to", good, "--reason", "mistake", "--owner", "mia")
    assert done.code == 0, done
    git(team.path, "push", "-q", "origin", "HEAD:main")
    team.apply()
    return bad, git(team.path, "rev-parse", "HEAD").strip()


def test_a_hold_that_was_lifted_in_between_is_a_new_one(team: Repository) -> None:
    """Who follows from the first time that it was said has not overcome the second."""
    _, first = held(team)
    words = (team.path / "acorn.yaml").read_text()
    git(team.path, "checkout", "-qB", "main")
    for taken_back in (first, "HEAD"):
        git(team.path, "revert", "--no-edit", taken_back)
        if taken_back == first:
            git(team.path, "branch", "feature")
    git(team.path, "push", "-q", "origin", "main")
    git(team.path, "checkout", "-q", "feature")
    (team.path / "acorn.yaml").write_text(words)
    commit(team)
    refused(team.run("apply", "--auto-approve", "--older"), "ACN-044")
    assert price(team) == "49.99"


def test_a_commit_that_is_mentioned_elsewhere_is_not_held_there(team: Repository) -> None:
    """The reason of a freeze names it, long before the mend holds it."""
    bad = edit(team, "49.99", "4.99")
    plain = (team.path / "acorn.yaml").read_text()
    say(team, FREEZE.replace("reason: x", f"reason: prices of {bad} are wrong"))
    git(team.path, "branch", "feature")
    hold = plain + f"  holds: [{{commit: {bad}, reason: wrong, owner: mia}}]\n"
    (team.path / "acorn.yaml").write_text(hold)
    edit(team, "4.99", "49.99")
    git(team.path, "push", "-q", "origin", "main")
    git(team.path, "checkout", "-q", "feature")
    (team.path / "acorn.yaml").write_text(hold)
    commit(team)
    refused(team.run("apply", "--auto-approve", "--older"), "ACN-044")
    assert price(team) == "49.99"


def test_a_forge_that_takes_the_connection_and_says_nothing_stops_no_correction(
    team: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was last seen counts, and it is told."""
    import socket

    from acorn_gitops.provenance import branch

    monkeypatch.setitem(branch.SECONDS, "ls_remote", 1)  # type: ignore[arg-type]
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(20)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/team.git"
        git(team.path, "remote", "set-url", "origin", url)
        edit(team, "49.99", "47.50")
        done = team.run("apply", "--auto-approve")
    assert done.code == 0 and "no answer within 1 seconds" in done.err
    assert price(team) == "47.50"


def test_a_forge_that_never_ends_its_list_takes_no_memory(
    team: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of branches, told without end. Git keeps them all before it says the first."""
    import http.server
    import threading

    from acorn_gitops.provenance import branch

    class Endless(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/plain")
            self.end_headers()
            with contextlib.suppress(OSError):
                for number in range(1, 1 << 30, 20_000):
                    self.wfile.write(
                        b"".join(
                            b"%040x\trefs/x%d/refs/heads/main\n" % (number + i, number + i)
                            for i in range(20_000)
                        )
                    )

    monkeypatch.setitem(branch.MEMORY, "ls_remote", 64 << 20)  # type: ignore[arg-type]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        git(team.path, "remote", "set-url", "origin", f"http://127.0.0.1:{server.server_port}/team.git")
        edit(team, "49.99", "47.50")
        done = team.run("apply", "--auto-approve")
    finally:
        server.shutdown()
        server.server_close()
    assert done.code == 0 and "emory" in done.err, done
    assert price(team) == "47.50"


# -- going back ------------------------------------------------------------------------------------------------------


def rolled_back(made: Repository, good: str) -> Result:
    return made.run("rollback", "--to", good, "--reason", "wrong prices", "--owner", "mia")


def merged(made: Repository) -> None:
    """Whoever looks at the branch agrees."""
    git(made.path, "push", "-q", "origin", "HEAD:main")
    made.apply()


TABLE = "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: lids}\nspec:\n  table: {file: FILE}\n"


@pytest.mark.parametrize("name", ["t.csv", "prices.tsv"])
@pytest.mark.parametrize("specs", ["[specs]", "[specs/all.yaml, specs/t.yaml]"])
def test_a_table_goes_back_wherever_it_lies_and_whatever_it_is_called(
    tmp_path: Path, name: str, specs: str
) -> None:
    made = Repository(tmp_path / "r", storefront())
    file = made.path / "acorn.yaml"
    file.write_text(file.read_text().replace("specs: [specs]", f"specs: {specs}"))
    (made.path / "specs" / name).write_text("sku,store,price,currency\nLID-17,amz-de,9.99,EUR\n")
    (made.path / "specs" / "t.yaml").write_text(TABLE.replace("FILE", name))
    published(tmp_path, made)
    made.apply()
    good = git(made.path, "rev-parse", "HEAD").strip()
    made.write(storefront(), sku("B-17", "5.00"))
    edit(made, "9.99", "0.99", f"specs/{name}")
    git(made.path, "push", "-q", "origin", "main")
    made.apply()
    assert rolled_back(made, good).code == 0
    merged(made)
    assert price(made, "amz-de/listing/LID-17") == "9.99"


def test_folders_with_a_dot_and_rules_go_back_too(tmp_path: Path) -> None:
    """Whatever is loaded: a folder of specs may begin with a dot, `policies` is looked into without being
    named."""
    made = Repository(tmp_path / "r", storefront(), sku("A-17", "9.99"))
    (made.path / ".shop").mkdir()
    (made.path / ".shop" / "b.yaml").write_text(written([sku("B-17", "5.99")]))
    (made.path / "policies").mkdir()
    (made.path / "policies" / "h.yaml").write_text(policy(GOOD))
    file = made.path / "acorn.yaml"
    file.write_text(file.read_text().replace("[specs]", "[specs, .shop]"))
    published(tmp_path, made)
    made.apply()
    good = git(made.path, "rev-parse", "HEAD").strip()
    (made.path / "policies" / "h.yaml").write_text("# none any more\n")
    edit(made, "5.99", "0.09", ".shop/b.yaml")
    git(made.path, "push", "-q", "origin", "main")
    made.apply()
    assert rolled_back(made, good).code == 0
    merged(made)
    assert price(made, "amz-de/listing/B-17") == "5.99"
    assert (made.path / "policies" / "h.yaml").read_text() == policy(GOOD)


def _submodule(made: Repository, tmp_path: Path) -> str:
    inner = tmp_path / "eu"
    inner.mkdir()
    (inner / "b.yaml").write_text(written([sku("S-2", "5.00")]))
    git(inner, "init", "-q", "-b", "main")
    git(inner, "add", "-A")
    git(inner, "commit", "-qm", "eu")
    git(made.path, "submodule", "add", "-q", str(inner), "specs/eu")
    good = commit(made)
    (inner / "b.yaml").write_text(written([sku("S-2", "0.05")]))
    git(inner, "commit", "-qam", "bad")
    git(made.path / "specs" / "eu", "pull", "-q", "origin", "main")
    return good


def _other_places(made: Repository, _: Path) -> str:
    good = git(made.path, "rev-parse", "HEAD").strip()
    git(made.path, "mv", "specs", "catalog")
    edit(made, "[specs]", "[catalog]", "acorn.yaml")
    return good


def _hidden_from_git(made: Repository, _: Path) -> str:
    good = git(made.path, "rev-parse", "HEAD").strip()
    edit(made, "49.99", "4.99")
    git(made.path, "update-index", "--assume-unchanged", "specs/all.yaml")
    file = made.path / "specs" / "all.yaml"
    file.write_text(file.read_text() + "# my work\n")
    return good


def _in_the_way(made: Repository, _: Path) -> str:
    notes = made.path / "specs" / "more.yaml"
    notes.write_text("# then\n")
    good = commit(made)
    notes.unlink()
    (made.path / ".git" / "info" / "exclude").write_text("local.yaml\n")
    edit(made, "49.99", "4.99")
    notes.mkdir()
    (notes / "local.yaml").write_text("# mine\n")
    return good


def _like_a_pattern(made: Repository, _: Path) -> str:
    notes = made.path / "specs" / "[ab].yaml"
    notes.write_text("# then\n")
    good = commit(made)
    notes.unlink()
    (made.path / "specs" / "a.yaml").write_text("# a\n")
    (made.path / ".git" / "info" / "exclude").write_text("specs/[[]ab[]].yaml\n")
    edit(made, "49.99", "4.99")
    notes.write_text("# my own notes\n")
    return good


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (_submodule, "specs/eu is another repository"),
        (_other_places, "named other places of specs"),
        (_hidden_from_git, "not here as the commit holds it"),
        (_in_the_way, "is in the way"),
        (_like_a_pattern, "is in the way"),
    ],
)
def test_what_cannot_go_back_as_a_whole_does_not_go_back(
    team: Repository, tmp_path: Path, prepare: Callable[[Repository, Path], str], words: str
) -> None:
    """It is refused by name, and nothing is another afterwards."""
    good = prepare(team, tmp_path)
    if git(team.path, "status", "--porcelain"):
        commit(team)
    before = {p: p.read_bytes() for p in team.path.rglob("*") if p.is_file() and ".git" not in p.parts}
    done = rolled_back(team, good)
    assert done.code == 1 and words in done.err, done
    after = {p: p.read_bytes() for p in team.path.rglob("*") if p.is_file() and ".git" not in p.parts}
    assert after == before
    assert "rollback" not in git(team.path, "branch", "-a")
