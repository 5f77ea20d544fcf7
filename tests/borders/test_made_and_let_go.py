"""What a run made and died before it wrote that down is ours: where no spec asks for it any more, it goes; what is somebody else's by
now stays."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox.disturb import insert
from tests.faults import sandbox
from tests.repository import PROJECT, Repository, promo, sku, storefront

DIES = """
import os, sys
from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
inner = NetworkMarketplace.write
def dies(self, store, writes, at=""):
    sent = list(writes)
    made = any(one.operation == "create" for one in sent)
    if made and WHEN == "before":
        os.kill(os.getpid(), 9)
    found = inner(self, store, sent, at)
    if made:
        os.kill(os.getpid(), 9)
    return found
NetworkMarketplace.write = dies
from acorn_gitops.cli import run
sys.exit(run(sys.argv[1:]))
"""
"""acorn, killed before a creation is sent, or before that is written down."""
APPLY = ("apply", "--auto-approve")
SALE: dict[str, Any] = {
    "skus": {"names": ["S-1"]},
    "window": {
        "start": {"local": "2026-01-01T00:00", "tz": "store"},
        "end": {"local": "2028-01-01T00:00", "tz": "store"},
    },
}
BEFORE = [storefront(), sku("S-1", "20.00"), promo("p", "10", **SALE)]
RENAMED = promo("q", "15", **SALE)
RENAMED["metadata"]["movedFrom"] = "p"
MADE: dict[str, tuple[Sequence[dict[str, Any]], str]] = {
    "a promotion": ([*BEFORE, promo("q", "5", **SALE)], "amz-de/promotion/q"),
    "a promotion by another name": ([*BEFORE[:2], RENAMED], "amz-de/promotion/q"),
    "a listing": ([*BEFORE, sku("S-2", "20.00")], "amz-de/listing/S-2"),
}


def dies(team: Repository, when: str = "after") -> None:
    """Apply, and die before or after something is made."""
    code = f"WHEN = {when!r}\n{DIES}"
    run = subprocess.run(
        [sys.executable, "-c", code, *APPLY], cwd=team.path, capture_output=True, check=False
    )
    assert run.returncode == -signal.SIGKILL, run.stderr


AFTER = {"as before": BEFORE, "neither": BEFORE[:2]}


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("made", MADE)
def test_what_nobody_asks_for_any_more_goes(made: str, after: str, tmp_path: Path) -> None:
    """The plan shows it, apply ends it, and nothing is left to do."""
    wanted, address = MADE[made]
    team = Repository(tmp_path / "r", *BEFORE)
    team.apply()
    team.write(*wanted)
    dies(team)
    assert address in team.live()

    team.write(*AFTER[after])
    _, kind, key = address.split("/")
    assert f"  - {kind} {key} " in team.run("plan").out
    team.apply()
    assert address not in team.live()
    assert ("amz-de/promotion/p" in team.live()) == (after == "as before")
    assert "No changes" in team.run("plan").out


def test_what_another_ledger_recorded_since_stays(tmp_path: Path) -> None:
    """An environment of the same repository took it over meanwhile."""
    team = Repository(tmp_path / "r", *BEFORE)
    project = PROJECT.replace("{sandbox: {}}", "{sandbox: {}, other: {}}")
    (team.path / "acorn.yaml").write_text(project)
    team.apply()
    wanted, address = MADE["a promotion"]
    team.write(*wanted)
    dies(team)
    other = team.run(*APPLY, "--env", "other", "--adopt")
    assert other.code == 0, other

    team.write(*BEFORE)
    done = team.run(*APPLY)
    assert address in team.live(), done


def test_what_may_still_come_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows whether it was sent: what would be too cheap beside it is told when to come again."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-26T09:00:00Z")
    floored = sku("S-1", "20.00", pricePolicy={"min": {"amz-de": "17.00"}})
    before = [storefront(), floored, promo("p", "10", **SALE)]
    team = Repository(tmp_path / "r", *before)
    team.apply()
    team.write(*before[:2], RENAMED)
    dies(team, "before")
    team.write(*before)
    done = team.run(*APPLY)
    words = "below its floor 17.00; run again when it is there, or a day after it was sent"
    assert (done.code, words in " ".join(done.out.split())) == (3, True), done
    monkeypatch.setenv("ACORN_NOW", "2026-11-27T10:00:00Z")
    team.apply()
    assert "amz-de/promotion/p" in team.live()


THEIRS = {
    "type": "percentOff", "skus": ["S-1"], "discount": {"percent": "5"},
    "start": "2025-12-31T23:00:00Z", "end": "2027-12-31T23:00:00Z",
}  # fmt: skip
"""As acorn would have made it."""


def by_hand(team: Repository, **more: Any) -> None:
    """A colleague makes it in the console."""
    with sandbox(team) as database:
        insert(database, Address("amz-de", "promotion", "q"), {**THEIRS, **more})


@pytest.mark.parametrize(
    "then", ["before another apply", "after another apply", "once it was ours and ended"]
)
def test_what_somebody_makes_by_hand_stays(then: str, tmp_path: Path) -> None:
    """Whoever looked since found nothing of it; what says more than what was sent is another one."""
    wanted, address = MADE["a promotion"]
    team = Repository(tmp_path / "r", *BEFORE)
    team.apply()
    team.write(*wanted)
    dies(team, "before")
    if then == "once it was ours and ended":
        team.apply()
    if then != "before another apply":
        team.write(*BEFORE)
        team.apply()
        assert address not in team.live()
    by_hand(team, **({"code": "X"} if then == "before another apply" else {}))
    team.write(*BEFORE)
    assert "not managed and left alone: promotion q" in " ".join(team.run("plan").out.split())
    team.apply()
    assert address in team.live()


@pytest.mark.parametrize("what", ["a store that left the specs too", "its store"])
def test_a_plan_says_what_apply_will_do(what: str, tmp_path: Path) -> None:
    """Also in a store that is declared no more."""
    there = [storefront(), storefront("amz-fr"), sku("S-1", "20.00")]
    team = Repository(tmp_path / "r", *there)
    team.apply()
    team.write(*there, sku("F-1", "20.00", store="amz-fr"))
    dies(team)
    team.write(*([there[0], there[2]] if what == "a store that left the specs too" else there))
    assert "- listing F-1" in team.run("plan").out
    team.apply()
    assert "amz-fr/listing/F-1" not in team.live()


CHANGED = [*BEFORE, promo("q", "7", **SALE)]


@pytest.mark.parametrize("killed", [False, True], ids=["nobody died", "killed before it was sent"])
@pytest.mark.parametrize("more", [{}, {"code": "X"}], ids=["the very same", "for a code"])
def test_what_somebody_made_by_hand_is_taken_over_by_a_word(
    more: dict[str, Any], killed: bool, tmp_path: Path
) -> None:
    """A run was about to make a promotion of that name: what a colleague made meanwhile bears no mark of ours."""
    team = Repository(tmp_path / "r", *BEFORE)
    team.apply()
    if killed:
        team.write(*MADE["a promotion"][0])
        dies(team, "before")
    by_hand(team, **more)
    team.write(*CHANGED)
    done = team.run(*APPLY)
    assert (done.code, "take it over with `--adopt`" in done.out) == (3, True), done
    assert team.live()["amz-de/promotion/q"]["discount"] == {"percent": "5"}
    assert team.run(*APPLY, "--adopt").code == 0
    assert team.live()["amz-de/promotion/q"]["discount"] == {"percent": "7"}


def test_the_very_same_made_by_hand_stays_where_marketplaces_mark_owners(tmp_path: Path) -> None:
    """It was never sent; the specs drop it, as somebody has done it by hand."""
    team = Repository(tmp_path / "r", *BEFORE)
    team.apply()
    team.write(*MADE["a promotion"][0])
    dies(team, "before")
    by_hand(team)
    team.write(*BEFORE)
    assert "not managed and left alone: promotion q" in " ".join(team.run("plan").out.split())
    team.apply()
    assert "amz-de/promotion/q" in team.live()
