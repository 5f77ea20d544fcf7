"""Nobody gets stuck: whatever a server answers, whichever request is lost and wherever a run dies, the next run goes on or says what
helps; and what was given away stays given away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acorn_gitops.marketplaces.network import adapter
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests import faults
from tests.borders.clone import WHO, cloned, git, published
from tests.borders.market import Market, clone_of, copied, open_market
from tests.borders.server import Answered, Exchange, Server, between
from tests.repository import Repository, document, promo, sku, storefront


class Way:
    """What stands between acorn and the market: rows are answered so, and generations are taken or not."""

    def __init__(self) -> None:
        self.rows: Callable[[str], int] | None = None
        self.takes = True
        self.answers = True
        self.at_generation: Callable[[], None] | None = None

    def __call__(self, exchange: Exchange) -> Answered | None:
        kind = {"content-type": "application/json"}
        if not self.answers:
            return Answered(503, {"content-type": "application/problem+json"}, b'{"title": "down"}')
        if exchange.asked.method == "PUT" and not self.takes:
            return Answered(503, {"content-type": "application/problem+json"}, b'{"title": "busy"}')
        if exchange.asked.method == "PUT" and self.at_generation is not None:
            act, self.at_generation = self.at_generation, None
            act()
        if exchange.asked.method == "POST" and self.rows is not None:
            items = [{"status": self.rows(item["op"])} for item in json.loads(exchange.asked.body)["items"]]
            return Answered(200, kind, json.dumps({"items": items}).encode())
        return None


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Way:
    monkeypatch.setattr(adapter, "MAX_PAUSE", 0.0)
    return Way()


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with open_market(tmp_path) as running:
        yield running


@pytest.fixture
def front(market: Market, way: Way) -> Iterator[Any]:
    """The market's address, behind what stands between."""
    with Server(between(market.url, way)) as server:
        yield SimpleNamespace(url=server.url)


def hand(market: Market, act: Callable[[Database], object]) -> None:
    """Do something at the marketplace."""
    database = Database(market.path)
    act(database)
    database.close()


def priced(key: str, value: str) -> tuple[Address, str, dict[str, str]]:
    """What sets a price by hand."""
    return Address("amz-de", "listing", key), "price", {"currency": "EUR", "value": value}


def replaced(code: str) -> list[dict[str, Any]]:
    """A listing whose SKU cannot be changed in place."""
    found = faults.mapped(code, "20.00", sellerSku="FIXED")
    found["spec"]["attributes"].pop("taxClass", None)
    return [storefront(), found]


@pytest.mark.parametrize("creation", [201, 202, 409, 422, 500])
@pytest.mark.parametrize("deletion", [200, 202, 409, 500])
def test_a_replacement_may_be_answered_in_any_way(
    deletion: int, creation: int, way: Way, front: Any, tmp_path: Path
) -> None:
    """The ledger stays usable, and the next run ends what was begun."""
    made = clone_of(front, tmp_path / "made", *replaced("SKU-19"))
    made.apply()
    made.write(*replaced("SKU-20"))
    way.rows = lambda operation: deletion if operation == "delete" else creation
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None
    assert made.run("plan").code == 0
    made.apply()
    assert "No changes" in made.run("plan").out


def test_a_refusal_of_the_guard_ends_no_earlier_write(
    way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """A price was taken and is not seen; what would come after it is refused. The ledger stays usable."""
    floor = {"pricePolicy": {"min": {"amz-de": "15.00"}}}
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00", **floor))
    made.apply()
    way.rows = lambda _: 202
    made.write(storefront(), sku("S-1", "21.00", **floor))
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None
    made.write(storefront(), sku("S-1", "22.00", **floor))
    made.apply()
    assert market.prices() == {"22.00"}


@pytest.mark.parametrize("how", ["state rm", "state rebuild"])
def test_what_was_given_away_stays_given_away(
    how: str, way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """Also where an update of it was taken before and comes later."""
    attributes = {"sku": "X", "price": priced("X", "20.00")[2], "status": "active"}
    front_there = {"platform": "network", "currency": "EUR", "timezone": "Europe/Berlin"}
    hand(market, lambda db: disturb.insert(db, Address("amz-de", "storefront", "amz-de"), front_there))
    hand(market, lambda db: disturb.insert(db, Address("amz-de", "listing", "X"), attributes))
    made = clone_of(front, tmp_path / "made", storefront(), sku("X", "20.00"), sku("Y", "9.00"))
    made.apply()
    made.write(storefront(), sku("X", "21.00"), sku("Y", "9.00"))
    way.rows = lambda _: 202
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None
    if how == "state rm":
        assert made.run("state", "rm", "amz-de/listing/X").code == 0
    made.write(storefront(), sku("Y", "9.00"))
    if how == "state rebuild":
        assert made.run("state", "rebuild").code == 0
    hand(market, lambda db: disturb.set_attribute(db, *priced("X", "21.00")))
    made.apply()
    assert "amz-de/listing/X" in market.live()


def test_a_lost_generation_of_a_recovery_locks_nobody_out(
    way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """A write is found done; the store does not take the generation then, and takes it later."""
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00"))
    made.apply()
    made.write(storefront(), sku("S-1", "21.00"))
    way.rows = lambda _: 202
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None
    hand(market, lambda db: disturb.set_attribute(db, *priced("S-1", "21.00")))
    way.takes = False
    made.run("apply", "--auto-approve")
    way.takes = True
    made.apply()
    assert "No changes" in made.run("plan").out


DIES = """
import os, sys
import acorn_gitops.{module} as module
def dies(*given, **named):
    os.kill(os.getpid(), 9)
*way, last = "{name}".split(".")
for part in way:
    module = getattr(module, part)
setattr(module, last, dies)
from acorn_gitops.cli import run
sys.exit(run(sys.argv[1:]))
"""
POINTS = {
    "before the stores know that it ended": ("reconcile.applying", "finish"),
    "before the stores know that it begins": ("apply.carry_out", "begin"),
    "before a ledger that moved is known": ("reconcile.moved_ledger", "finish"),
    "before it moves": ("reconcile.moved_ledger", "begin"),
    "before it is recorded": ("ledger.sqlite", "SqliteLedger.record"),
}


def dies_at(made: Repository, module: str, name: str, *verb: str) -> None:
    """Run a command that is killed when it calls a function."""
    code = DIES.format(module=module, name=name)
    run = subprocess.run([sys.executable, "-c", code, *verb], cwd=made.path, capture_output=True, check=False)
    assert b"Traceback" not in run.stderr, run.stderr  # a point that is none kills nobody


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    "verb", [("apply", "--auto-approve"), ("state", "rm", "amz-de/listing/S-2"), ("state", "rebuild")]
)
def test_whoever_dies_is_not_taken_for_somebody_else(
    verb: tuple[str, ...], point: str, market: Market, tmp_path: Path
) -> None:
    """Killed at any of these points, the next run of the same clone goes on."""
    made = clone_of(market, tmp_path / "made", storefront(), sku("S-1", "20.00"), sku("S-2", "20.00"))
    made.apply()
    made.write(storefront(), sku("S-1", "21.00"), sku("S-2", "20.00"))
    dies_at(made, *POINTS[point], *verb)
    if verb[1] == "rm" and point == "before it moves":
        # No store has heard of it, and a row that anybody could have written is not believed: it is said again.
        refused = made.run("apply", "--auto-approve")
        assert (refused.code, "`acorn state rm` again" in refused.err) == (6, True), refused
        assert "ACN-035" in made.run("plan").out
        assert made.run(*verb).code == 0
    made.apply()
    assert "No changes" in made.run("plan").out


def test_what_somebody_died_forgetting_waits_for_a_silent_store(way: Way, front: Any, tmp_path: Path) -> None:
    """The next run meets a store that does not answer; the one after it is not taken for somebody else."""
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00"), sku("S-2", "20.00"))
    made.apply()
    dies_at(made, *POINTS["before it is recorded"], "state", "rm", "amz-de/listing/S-2")
    made.write(storefront(), sku("S-1", "21.00"))
    way.answers = False
    assert made.run("apply", "--auto-approve").code != 0
    way.answers = True
    made.apply()
    assert "S-2" not in made.run("state", "list").out
    made.apply()


@pytest.mark.parametrize("point", ["before it moves", "before it is recorded"])
def test_a_rebuild_ends_what_somebody_died_forgetting(point: str, market: Market, tmp_path: Path) -> None:
    """It says anew what is ours; what leaves the specs afterwards is deleted."""
    made = clone_of(market, tmp_path / "made", storefront(), sku("S-1", "20.00"), sku("S-2", "20.00"))
    made.apply()
    dies_at(made, *POINTS[point], "state", "rm", "amz-de/listing/S-2")
    assert made.run("state", "rebuild").code == 0
    made.write(storefront(), sku("S-1", "20.00"))
    made.apply()
    assert "amz-de/listing/S-2" not in market.live()


def test_a_row_given_away_in_one_store_locks_out_no_other(market: Market, tmp_path: Path) -> None:
    """Its ledger moved in one store only."""
    shops = [storefront("s-one"), storefront("s-two")]
    made = clone_of(
        market, tmp_path / "made", *shops, sku("A-1", "5.00", "s-one"), sku("A-2", "5.00", "s-one"), sku("B-1", "5.00", "s-two")
    )  # fmt: skip
    dies_at(made, "reconcile.applying", "finish", "apply", "--auto-approve")
    assert made.run("state", "rm", "s-one/listing/A-2").code == 0
    made.write(*shops, sku("A-1", "5.00", "s-one"), sku("B-1", "6.00", "s-two"))
    made.apply()
    assert "s-one/listing/A-2" in market.live()


def test_a_row_is_given_away_when_the_store_knows(way: Way, front: Any, tmp_path: Path) -> None:
    """Refused while it does not answer, and done when it does; nothing in between."""
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00"), sku("S-2", "20.00"))
    made.apply()
    way.takes = False
    assert made.run("state", "rm", "amz-de/listing/S-2").code != 0
    assert "S-2" in made.run("state", "list").out
    way.takes = True
    assert made.run("state", "rm", "amz-de/listing/S-2").code == 0
    made.write(storefront(), sku("S-1", "21.00"))
    made.apply()


def test_an_import_of_one_store_takes_over_no_other(market: Market, tmp_path: Path) -> None:
    """A clone without a ledger knows nothing of the stores that it did not read."""
    shops = [storefront("s-one"), storefront("s-two")]
    ci = clone_of(market, tmp_path / "ci", *shops, sku("A-1", "5.00", "s-one"), sku("B-1", "45.00", "s-two"))
    ci.apply()
    laptop = clone_of(
        market, tmp_path / "laptop", *shops, sku("A-1", "5.00", "s-one"), sku("B-1", "20.00", "s-two")
    )
    attributes = {"sku": "N-1", "price": {"currency": "EUR", "value": "5.00"}, "status": "active"}
    hand(market, lambda db: disturb.insert(db, Address("s-one", "listing", "N-1"), attributes))
    assert laptop.run("import", "--select", "s-one").code == 0
    assert laptop.run("apply", "--auto-approve", "--adopt").code == 6
    assert market.live()["s-two/listing/B-1"]["price"]["value"] == "45.00"  # type: ignore[index]


def _with_a_row_of_others(front: Any, market: Market, tmp_path: Path) -> Repository:
    """S-1 was applied, stores are skipped that cannot be read, and somebody else has made S-2."""
    made = clone_of(
        front,
        tmp_path / "made",
        storefront(),
        sku("S-1", "20.00"),
        policies="budgets: {}, onUnreadable: skip",
    )
    made.apply()
    attributes = {"sku": "S-2", "price": priced("S-2", "20.00")[2], "status": "active"}
    hand(market, lambda db: disturb.insert(db, Address("amz-de", "listing", "S-2"), attributes))
    return made


def test_a_store_that_refused_the_generation_is_not_recorded_in(
    way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """`onUnreadable: skip`: the run leaves it out wholly, and the next one goes on."""
    made = _with_a_row_of_others(front, market, tmp_path)
    made.write(storefront(), sku("S-1", "21.00"), sku("S-2", "20.00"))
    way.takes = False
    assert made.run("apply", "--auto-approve").code == 3
    way.takes = True
    made.apply()
    assert "No changes" in made.run("plan").out


def test_a_moved_address_is_good_at_every_reading(market: Market, tmp_path: Path) -> None:
    """Also when the store has not changed since it was read there."""
    made = clone_of(market, tmp_path / "made", storefront(), sku("S-1", "20.00"))
    made.apply()
    project = (made.path / "acorn.yaml").read_text().replace("127.0.0.1", "localhost")
    (made.path / "acorn.yaml").write_text(project)
    for _ in range(3):
        assert made.run("plan").code == 0


def test_an_old_pipeline_in_a_shallow_clone_undoes_nothing(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit that was applied last is not there: the times of both say which is older."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    team = clone_of(market, tmp_path / "team", storefront(), sku("S-1", "20.00"))
    bare = published(tmp_path, team)
    old = cloned(bare, tmp_path / "old", "--depth=1")
    team.write(storefront(), sku("S-1", "45.00"))
    later = {**os.environ, **WHO, "GIT_COMMITTER_DATE": "2099-01-01T00:00:00Z"}
    subprocess.run(["git", "commit", "-qam", "dearer"], cwd=team.path, check=True, env=later)
    git(team.path, "push", "-q", "origin", "main")
    team.apply()
    result = old.run("apply", "--auto-approve")
    assert (result.code, "older than commit" in result.err) == (6, True), result
    assert market.prices() == {"45.00"}


def test_two_clones_that_go_on_from_one_ledger_do_not_both_write(market: Market, tmp_path: Path) -> None:
    """Whoever comes second is behind, whatever the first one died of."""
    first = clone_of(market, tmp_path / "first", storefront(), sku("S-1", "20.00"))
    first.apply()
    second = copied(first, tmp_path / "second")
    first.write(storefront(), sku("S-1", "21.00"))
    dies_at(first, "reconcile.applying", "finish", "apply", "--auto-approve")
    second.write(storefront(), sku("S-1", "22.00"))
    assert second.run("apply", "--auto-approve").code == 6
    assert market.prices() == {"21.00"}


def test_an_old_pipeline_undoes_nothing_of_a_run_that_died(market: Market, tmp_path: Path) -> None:
    """The newer commit was sent, and nobody has written down how it ended."""
    team = clone_of(market, tmp_path / "team", storefront(), sku("S-1", "10.00"))
    published(tmp_path, team)
    team.apply()
    old = git(team.path, "rev-parse", "HEAD").strip()
    team.write(storefront(), sku("S-1", "12.00"))
    git(team.path, "commit", "-qam", "dearer")
    dies_at(team, "apply.run", "observe", "apply", "--auto-approve")
    git(team.path, "checkout", "-q", old)
    assert team.run("apply", "--auto-approve").code == 6
    assert market.prices() == {"12.00"}


def test_what_somebody_else_makes_later_is_theirs(
    way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """A creation that never arrived, and left the specs; then another project creates the same."""
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "10.00"))
    made.apply()
    way.rows = lambda _: 500
    made.write(storefront(), sku("S-1", "10.00"), sku("Z", "10.00"))
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None
    made.write(storefront(), sku("S-1", "10.00"))
    made.apply()
    attributes = {"sku": "Z", "price": priced("Z", "10.00")[2], "status": "active"}
    hand(market, lambda db: disturb.insert(db, Address("amz-de", "listing", "Z"), attributes))
    made.apply()
    assert "amz-de/listing/Z" in market.live()


def floored(price: str, status: str = "active") -> dict[str, Any]:
    """A SKU with a floor of 15."""
    found = sku("S-1", price, pricePolicy={"min": {"amz-de": "15.00"}})
    found["spec"]["listings"][0]["status"] = status
    return found


def cut(percent: str) -> dict[str, Any]:
    """A promotion that holds now."""
    moments = {
        edge: {"local": f"{year}-01-01T00:00", "tz": "store"}
        for edge, year in (("start", 2026), ("end", 2099))
    }
    spec = {
        "type": "percentOff", "stores": {"names": ["amz-de"]}, "skus": {"names": ["S-1"]},
        "window": moments, "discount": {"percent": percent},
    }  # fmt: skip
    return document("Promo", "cut", spec)


def test_a_promotion_that_never_came_can_be_given_up(
    way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """It holds prices back while it may come, for a day; `state rm` says that it will not, and `state rebuild` says nothing of it."""
    made = clone_of(front, tmp_path / "made", storefront(), floored("45.00"))
    made.apply()
    way.rows = lambda _: 500
    made.write(storefront(), floored("45.00"), cut("60"))
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None
    made.write(storefront(), floored("30.00"))
    assert made.run("apply", "--auto-approve").code == 3
    assert made.run("state", "rebuild").code == 0
    assert made.run("apply", "--auto-approve").code == 3
    assert made.run("state", "rm", "amz-de/promotion/cut").code == 0
    made.apply()
    assert market.prices() == {"30.00"}


def test_what_was_taken_is_not_forgotten_by_a_second_run(way: Way, front: Any, tmp_path: Path) -> None:
    """A saved plan's promotion was taken; the plan is run again, and the store does not take the generation. The promotion may still
    come: a price that it would take below the floor is held back."""
    made = clone_of(front, tmp_path / "made", storefront(), floored("45.00"))
    made.apply()
    made.write(storefront(), floored("45.00"), cut("50"))
    assert made.run("plan", "--out", "p.acorn.json").code == 0
    way.rows = lambda _: 202
    assert made.run("apply", "p.acorn.json", "--wait", "0").code == 3
    way.rows, way.takes = None, False
    assert made.run("apply", "p.acorn.json").code != 0
    way.takes = True
    made.write(storefront(), floored("20.00"))
    result = made.run("apply", "--auto-approve")
    assert (result.code, "would cost 10.00" in result.out) == (3, True), result


def test_a_listing_that_may_go_on_sale_counts_as_on_sale(way: Way, front: Any, tmp_path: Path) -> None:
    """Its activation was taken and is not seen; the specs take it back, and a promotion comes."""
    made = clone_of(front, tmp_path / "made", storefront(), floored("20.00", "inactive"))
    made.apply()
    way.rows = lambda _: 202
    made.write(storefront(), floored("20.00"))
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None
    made.write(storefront(), floored("20.00", "inactive"), cut("50"))
    result = made.run("apply", "--auto-approve")
    assert (result.code, "would cost 10.00" in result.out) == (3, True), result


def test_a_store_that_was_left_out_is_told_also_where_nothing_was_to_be_written(
    way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """Something was only to be recorded, and the store does not take the generation."""
    made = _with_a_row_of_others(front, market, tmp_path)
    made.write(storefront(), sku("S-1", "20.00"), sku("S-2", "20.00"))
    way.takes = False
    assert made.run("apply", "--auto-approve").code == 3
    way.takes = True
    assert made.run("apply", "--auto-approve").code == 0


OTHERS = [storefront("s-two"), sku("B-1", "5.00", "s-two")]


@pytest.mark.parametrize(
    ("newer", "begun"),
    [
        ([sku("S-1", "20.00"), sku("S-2", "9.00"), *OTHERS], "nothing to write"),
        ([sku("S-1", "20.00"), sku("S-2", "9.50"), *OTHERS], "another price of that store to write"),
        (
            [sku("S-1", "20.00"), sku("S-2", "9.00"), OTHERS[0], sku("B-1", "6.00", "s-two")],
            "another store to write",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_lands_between_a_look_and_the_generation_is_seen(
    newer: list[dict[str, Any]], begun: str, way: Way, front: Any, market: Market, tmp_path: Path
) -> None:
    """A newer run has read the store when the last batch of an older one comes: it does not say that all is well."""
    shelf = [storefront(), sku("S-2", "9.00"), *OTHERS]
    made = clone_of(front, tmp_path / "made", *shelf, sku("S-1", "20.00"))
    made.apply()
    made.write(*shelf, sku("S-1", "2.00"))
    way.rows = lambda _: 202
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None
    made.write(storefront(), *newer)
    way.at_generation = lambda: hand(market, lambda db: disturb.set_attribute(db, *priced("S-1", "2.00")))
    result = made.run("apply", "--auto-approve")
    assert (result.code, "an earlier run wrote amz-de/listing/S-1" in result.err) == (6, True), (
        begun,
        result,
    )
    made.apply()
    assert market.live()["amz-de/listing/S-1"]["price"]["value"] == "20.00"  # type: ignore[index]


def test_a_store_that_cannot_be_fenced_is_told(way: Way, front: Any, tmp_path: Path) -> None:
    """Nothing is to be written, but the earlier run could not be ended: that is no success."""
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00"))
    made.apply()
    made.write(storefront(), sku("S-1", "21.00"))
    way.rows = lambda _: 202
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    made.write(storefront(), sku("S-1", "20.00"))
    way.takes = False
    result = made.run("apply", "--auto-approve")
    assert (result.code, "an earlier run may still write to amz-de" in result.err) == (1, True), result
    way.takes = True
    made.apply()


CHEAPER = promo("half", "40")


def test_what_was_sent_is_waited_for_a_day(
    way: Way, front: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promotion must not meet a price that may still come; one that never came blocks it no longer than that."""
    floor = {"pricePolicy": {"min": {"amz-de": "11.00"}}}
    made = clone_of(front, tmp_path / "made", storefront(), sku("S-1", "20.00", **floor))
    monkeypatch.setenv("ACORN_NOW", "2026-11-20T09:00:00Z")
    made.apply()
    made.write(storefront(), sku("S-1", "12.00", **floor))
    way.rows = lambda _: 202
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    way.rows = None
    made.write(storefront(), sku("S-1", "20.00", **floor), CHEAPER)
    monkeypatch.setenv("ACORN_NOW", "2026-11-21T08:00:00Z")
    result = made.run("apply", "--auto-approve")
    assert result.code == 3, result
    assert "12.00 EUR was sent for amz-de/listing/S-1 and may still come" in result.out
    monkeypatch.setenv("ACORN_NOW", "2026-11-21T09:30:00Z")
    made.apply()
    assert "amz-de/promotion/half" in made.run("state", "list").out


@pytest.mark.parametrize("prune", [False, True])
def test_whoever_dies_in_a_store_that_leaves_can_go_on(prune: bool, market: Market, tmp_path: Path) -> None:
    """Its listing is deleted, and nobody has written that down; the store is in no spec any more."""
    shops = [storefront("s-one"), sku("A-1", "5.00", "s-one")]
    made = clone_of(market, tmp_path / "made", *shops, storefront("s-two"), sku("B-1", "5.00", "s-two"))
    if prune:
        project = made.path / "acorn.yaml"
        project.write_text(
            project.read_text().replace("policies: {", "policies: {prune: {storefront: true}, ")
        )
    made.apply()
    made.write(*shops)
    dies_at(made, "ledger.sqlite", "SqliteLedger.settle", "apply", "--auto-approve")
    assert "s-two/listing/B-1" not in market.live()
    made.apply()
    assert "No changes" in made.run("plan").out
    assert "s-two/listing/B-1" not in made.run("state", "list").out
