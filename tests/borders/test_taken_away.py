"""A ledger is the file that was checked, whatever its path is called; and one that is taken away while it is written to, or whose
lock is, ends the run."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
from acorn_gitops.model.finding import Refused
from acorn_gitops.plan.document import Plan
from acorn_gitops.reconcile.applying import Hooks
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.sandbox.amazon.clock import WallClock
from acorn_gitops.sandbox.amazon.serving import Switch
from tests.amazon.emulated import SECRETS, Emulated
from tests.amazon.test_flow import SKUS, STORES, Seller, price
from tests.borders.clone import git
from tests.faults import ROOT
from tests.repository import PROJECT, Repository, sku, storefront

# -- which file it is --------------------------------------------------------------------------------------

ELSEWHERE = {
    "percent signs": "%2e%2e%2foutside%2fvictim.db",
    "percent signs and a question": "%2e%2e%2foutside%2fvictim.db?x",
    "a link behind a question": "led?x",
}


def tables(path: Path) -> list[str]:
    """What a database holds."""
    with closing(sqlite3.connect(path)) as db:
        return [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]


@pytest.mark.parametrize("way", ELSEWHERE)
@pytest.mark.parametrize(
    "verb", [("import",), ("apply", "--auto-approve"), ("state", "rebuild")], ids=lambda verb: verb[0]
)
def test_a_ledger_lies_where_its_path_says(verb: tuple[str, ...], way: str, tmp_path: Path) -> None:
    """A path is no address: nothing in it is decoded, or left out, on the way to the file."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with closing(sqlite3.connect(outside / "victim.db")) as db:
        db.execute("CREATE TABLE cookies (a)")
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    git(made.path, "init", "-q")
    (made.path / "led").symlink_to(outside / "victim.db")
    named = json.dumps(ELSEWHERE[way])
    (made.path / "acorn.yaml").write_text(
        PROJECT.replace("{sandbox: {}}", f"{{sandbox: {{ledger: {named}}}}}")
    )
    done = made.run(*verb)
    assert "internal error" not in done.err
    assert tables(outside / "victim.db") == ["cookies"]
    assert [one.name for one in outside.iterdir()] == ["victim.db"]


@pytest.mark.parametrize("name", ["what?", "a%20b", "100%", "a#b", "x?uri=true", "a?timeout=abc", "a b", "ü"])
def test_a_folder_may_be_called_as_it_likes(name: str, tmp_path: Path) -> None:
    made = Repository(tmp_path / name, storefront(), sku("S-1", "20.00"))
    made.apply()
    assert "listing S-1" in made.run("history").out or "amz-de/listing/S-1" in made.run("history").out
    assert "No changes" in made.run("plan").out


def test_acorn_may_be_installed_below_a_percent_sign(tmp_path: Path) -> None:
    """As a job server names the folders of branches."""
    there = tmp_path / "feature%2Fq"
    shutil.copytree(
        ROOT / "acorn_gitops", there / "acorn_gitops", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(ROOT / "schemas", there / "schemas")
    made = Repository(tmp_path / "r", storefront())
    done = subprocess.run(
        [sys.executable, "-c", START, str(there), "apply", "--auto-approve"],
        cwd=made.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done


START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from acorn_gitops.cli import run; sys.exit(run(sys.argv[1:]))"


# -- taken away --------------------------------------------------------------------------------------------


@pytest.fixture
def seller(tmp_path: Path, sp_api_server: tuple[str, Switch], monkeypatch: pytest.MonkeyPatch) -> Seller:
    """A store at Amazon, which remembers no generation of whoever applies."""
    monkeypatch.setenv("AMAZON_EU", json.dumps(SECRETS))
    amazon = Emulated(*sp_api_server, WallClock())
    amazon.world.habits.throttled = False
    made = Seller(tmp_path / "r", amazon, STORES + SKUS)
    made.apply()
    return made


def at_the_first_write(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something while Amazon is asked for the first change."""
    inner, waiting = Switch.__call__, [act]

    async def call(self: Switch, scope: Any, receive: Any, send: Any) -> None:
        if waiting and scope["type"] == "http" and scope["method"] == "PATCH":
            await asyncio.to_thread(waiting.pop())
        await inner(self, scope, receive, send)

    monkeypatch.setattr(Switch, "__call__", call)


NEW = (STORES + SKUS).replace("49.99", "47.50").replace("12.90", "12.50")


def test_nothing_more_is_written_without_the_lock(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file is removed, and somebody else applies meanwhile: what they wrote stays."""

    def other() -> None:
        (seller.path / ".acorn/sandbox/ledger.db.lock").unlink()
        seller.text((STORES + SKUS).replace("12.90", "11.00"))
        command = [sys.executable, "-m", "acorn_gitops", "apply", "--auto-approve"]
        done = subprocess.run(command, cwd=seller.path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done

    at_the_first_write(monkeypatch, other)
    seller.text(NEW)
    done = seller.run("apply", "--auto-approve", "--wait", "1")
    assert (done.code, "was taken away while it was held" in done.err) == (6, True), done
    assert "state rebuild" not in done.err  # the ledger is whole
    assert price(seller.amazon, "MUG-RED") == "11.00"


@pytest.mark.parametrize("what", [".acorn", ".acorn/sandbox/ledger.db"])
def test_a_ledger_that_is_gone_is_never_all_done(
    what: str, seller: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent is told, and that nothing holds it."""

    def gone() -> None:
        path = seller.path / what
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    at_the_first_write(monkeypatch, gone)
    seller.text(NEW)
    done = seller.run("apply", "--auto-approve", "--wait", "1")
    assert (done.code, "may be written down nowhere" in done.err) == (6, True), done
    assert "acorn state rebuild" in done.err


@pytest.mark.parametrize("way", ["removed", "another file"])
def test_a_ledger_is_the_one_that_was_planned_with(way: str, tmp_path: Path) -> None:
    """While somebody is asked whether to go on, it is taken away, or replaced: nothing is written."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    made.apply()
    made.write(storefront(), sku("S-1", "21.00"))
    path = made.path / ".acorn/sandbox/ledger.db"

    def away(_: Plan) -> None:
        whole = path.read_bytes()
        path.unlink()
        if way == "another file":
            path.write_bytes(whole)

    with pytest.raises(Refused, match=r"was taken away while it was used; nothing was written") as raised:
        Workspace(made.path, environ=dict(os.environ)).apply(hooks=Hooks(approve=away))
    assert "`acorn state rebuild`" in raised.value.hint
    # The remedy works.
    assert made.run("state", "rebuild").code == 0
    made.apply()
    made.write(storefront(), sku("S-1", "20.00"))
    made.apply()
    assert made.live()["amz-de/listing/S-1"]["price"]["value"] == "20.00"


def while_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once a store was read, for the first time."""
    inner, waiting = NetworkMarketplace.read, [act]

    def read(self: NetworkMarketplace, *asked: Any, **more: Any) -> Any:
        found = inner(self, *asked, **more)
        if waiting:
            waiting.pop()()
        return found

    monkeypatch.setattr(NetworkMarketplace, "read", read)


@pytest.mark.parametrize("way", ["removed", "moved", "an older copy"])
@pytest.mark.parametrize("verb", [("apply", "--auto-approve"), ("state", "rebuild")], ids=lambda v: v[0])
def test_a_ledger_that_is_taken_away_while_stores_are_read_is_not_written_to(
    verb: tuple[str, ...], way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the file that was opened, and not what lies there when the first price is to be sent."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    made.apply()
    path = made.path / ".acorn/sandbox/ledger.db"
    old = path.with_name("old.db")
    shutil.copy(path, old)
    made.write(storefront(), sku("S-1", "21.00"))
    made.apply()
    made.write(storefront(), sku("S-1", "22.00"))

    def away() -> None:
        if way == "an older copy":
            old.replace(path)
        else:
            path.replace(path.with_name("moved.db")) if way == "moved" else path.unlink()

    while_read(monkeypatch, away)
    done = made.run(*verb)
    assert (done.code in (4, 6), "was taken away while it was used; nothing was written" in done.err) == (
        True,
        True,
    ), done
    assert made.live()["amz-de/listing/S-1"]["price"]["value"] == "21.00"
    # The remedy works.
    assert made.run("state", "rebuild").code == 0
    made.apply()
    assert made.live()["amz-de/listing/S-1"]["price"]["value"] == "22.00"
    assert "No changes" in made.run("plan").out


def test_a_ledger_that_was_removed_is_made_again_without_what_lay_beside_it(
    seller: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's log of the one that is gone is no part of another."""
    path = seller.path / ".acorn/sandbox/ledger.db"
    at_the_first_write(monkeypatch, path.unlink)
    seller.text(NEW)
    assert seller.run("apply", "--auto-approve", "--wait", "1").code == 6
    assert not [one.name for one in path.parent.iterdir() if one.name.endswith(("-wal", "-shm"))]
    assert seller.run("state", "rebuild").code == 0
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    seller.apply()
    assert "No changes" in seller.run("plan").out
