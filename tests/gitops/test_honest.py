"""Whoever means well is not kept out: backups, retired environments, renamed projects, stores that move; and every remedy that is
printed works."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.borders.clone import cloned, git, published
from tests.borders.market import Market, clone_of, open_market
from tests.borders.test_rights_elsewhere import ENFORCED, Team, _other_environment, helpers, owners
from tests.borders.test_rights_elsewhere import team as _team
from tests.repository import PROJECT, Repository, sku, storefront
from tests.test_access import EVERYTHING

team = _team


def test_a_backup_of_the_ledger_is_no_other_ledger(team: Team) -> None:
    """An owner ends enforcement after a rebuild: from then on it is open on this machine, too."""
    body = [storefront(), owners()]
    assert team("ada", PROJECT + ENFORCED, *body, sku("S-1", "20.00")).code == 0
    assert team.run("ada", "state", "rebuild").code == 0
    assert [*(team.made.path / ".acorn").rglob("*.backup")]
    assert team("ada", PROJECT, *body, sku("S-1", "19.00")).code == 0
    assert team("zed", PROJECT, *body, sku("S-1", "18.00")).code == 0


def test_a_store_that_no_other_ledger_knows_is_nobody_elses(team: Team) -> None:
    """Another environment is enforced; this one is not, and has a store of its own."""
    assert team("ada", PROJECT + ENFORCED, storefront(), owners(), sku("S-1", "20.00")).code == 0
    mine = [
        storefront("amz-it", zone="Europe/Rome"),
        helpers("amz-it", EVERYTHING),
        sku("I-1", "5.00", "amz-it"),
    ]
    assert team("mallory", _other_environment(PROJECT), *mine).code == 0


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with open_market(tmp_path) as found:
        yield found


@pytest.fixture
def shared(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Repository, Path]:
    """A repository with a remote, whose ledger is on a branch; access is enforced; ada owns."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    made = clone_of(
        market, tmp_path / "r", storefront(), owners(), sku("S-1", "20.00"), policies="access: enforced"
    )
    bare = published(tmp_path, made)
    made.apply()
    return made, bare


def pushed(made: Repository, old: str, new: str) -> None:
    config = made.path / "acorn.yaml"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))
    git(made.path, "commit", "-qam", "a change")
    git(made.path, "push", "-q", "origin", "main")


def test_a_ledger_that_nobody_uses_any_more_is_retired(
    shared: tuple[Repository, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps its stores enforced until then: the owner who ends that is told, and so is whoever is refused."""
    made, bare = shared
    pushed(made, "environments: {sandbox: {}}", "environments: {sandbox: {ledger: .acorn/next.db}}")
    assert made.run("state", "rebuild").code == 0
    made.apply()
    pushed(made, "access: enforced", "budgets: {}")
    ended = made.run("apply", "--auto-approve")
    assert (ended.code, "access stays enforced" in ended.err) == (0, True), ended
    monkeypatch.setenv("ACORN_ACTOR", "zed@example.com")
    other = cloned(bare, tmp_path / "other")
    other.write(storefront(), owners(), sku("S-1", "19.00"))
    refused = other.run("apply", "--auto-approve")
    assert (refused.code, "sandbox/ledger.db.gz on acorn-ledger says" in refused.err) == (4, True), refused
    assert "`acorn state retire NAME`" in refused.err
    assert other.run("state", "retire", "sandbox/ledger.db.gz").code == 4, "zed may give no rights"
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    assert made.run("state", "retire", "sandbox/ledger.db.gz").code == 0
    assert made.run("state", "retire", "sandbox/ledger.db.gz").code == 64, "it is gone"
    own = made.run("state", "retire", "next.db.gz")
    assert (own.code, "is the ledger of sandbox" in own.err) == (64, True), own
    monkeypatch.setenv("ACORN_ACTOR", "zed@example.com")
    other.apply()


def test_nobody_retires_what_they_may_give_no_rights_in(
    shared: tuple[Repository, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even from a project that has none of its stores: the ledger says who may."""
    _, bare = shared
    monkeypatch.setenv("ACORN_ACTOR", "zed@example.com")
    other = cloned(bare, tmp_path / "other")
    in_use = other.run("state", "retire", "sandbox/ledger.db.gz")
    assert (in_use.code, "take that environment out of acorn.yaml" in in_use.err) == (64, True), in_use
    config = other.path / "acorn.yaml"
    left = (
        config.read_text().replace("{sandbox: {}}", "{mine: {}}").replace("access: enforced", "budgets: {}")
    )
    config.write_text(left.replace("Environment: sandbox", "Environment: mine"))
    other.write(storefront("amz-it", zone="Europe/Rome"))
    refused = other.run("state", "retire", "sandbox/ledger.db.gz")
    assert (refused.code, "no iam.apply in amz-de by what sandbox/ledger.db.gz says" in refused.err) == (
        4,
        True,
    ), refused


def test_a_project_that_was_renamed_is_told_what_to_do(shared: tuple[Repository, Path]) -> None:
    made, _ = shared
    pushed(made, "name: test", "name: shop")
    (made.path / ".acorn" / "sandbox" / "ledger.db").unlink()
    refused = made.run("apply", "--auto-approve")
    assert (
        refused.code,
        "sandbox/ledger.db.gz on acorn-ledger is the ledger of test/sandbox" in refused.err,
    ) == (6, True), refused
    pushed(made, "environments: {sandbox: {}}", "environments: {sandbox: {ledger: .acorn/shop.db}}")
    done = made.run("apply", "--auto-approve", "--adopt")
    assert done.code == 0, done


def test_a_store_moves_to_another_marketplace_by_a_rebuild(tmp_path: Path) -> None:
    """An empty one: what was applied elsewhere says nothing of it."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    made.apply()
    config = made.path / "acorn.yaml"
    config.write_text(config.read_text().replace('"sandbox:"', '"sandbox:two"'))
    refused = made.run("apply", "--auto-approve")
    assert (refused.code, "state rebuild" in refused.err) == (1, True), refused
    assert made.run("state", "rebuild").code == 0
    made.apply()


def test_who_applies_where_ledgers_are_shared_and_keeps_theirs_is_told(
    shared: tuple[Repository, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = shared
    monkeypatch.delenv("ACORN_LEDGER_BRANCH")
    made.write(storefront(), owners(), sku("S-1", "19.00"))
    done = made.run("apply", "--auto-approve")
    assert (done.code, "`acorn state push` afterwards" in done.err) == (0, True), done
    assert made.run("state", "push").code == 0


def test_the_lease_of_a_run_that_died_here_keeps_nobody_out(
    shared: tuple[Repository, Path],
) -> None:
    made, _ = shared
    import orjson

    from acorn_gitops.provenance.branch import fetch, push
    from acorn_gitops.reconcile.lease import _where
    from acorn_gitops.reconcile.workspace import Workspace

    workspace = Workspace(made.path, environ=dict(os.environ))
    where = _where(workspace, made.path / ".acorn" / "sandbox" / "ledger.db")
    workspace.close()
    kept = fetch(made.path, "origin", "acorn-ledger", "sandbox/ledger.db.lease")
    assert kept.content is not None
    said = {
        **orjson.loads(kept.content),
        "holder": "ada",
        "where": where,
        "renewed": "2026-11-23T09:00:00Z",
        "number": 9,
    }
    push(
        made.path,
        "origin",
        "acorn-ledger",
        {"sandbox/ledger.db.lease": orjson.dumps(said)},
        "m",
        onto=kept.commit,
    )
    assert made.run("lock").out.startswith("nobody applies")
    made.write(storefront(), owners(), sku("S-1", "18.00"))
    made.apply()
