"""What apply survives: lost answers, kills at every point, two at once, stale plans, storms, lies. The oracle is the
marketplace's own account of writes, which acorn does not keep."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from acorn_gitops.ledger.sqlite import SqliteLedger
from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from tests.faults import (
    KILLED,
    MOMENTS,
    ROW,
    after,
    before,
    copy,
    created,
    died,
    ledger,
    mapped,
    order,
    paused,
    remembered,
    role,
    sandbox,
    served,
    small,
    writes,
)
from tests.repository import PROJECT, Repository, Result, changes, shop, storefront

APPLY = ("apply", "--auto-approve")


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; what would have been waited is written down."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def edited(path: Path) -> Repository:
    """The small network with every kind of change waiting to be applied."""
    return small(path, *after())


def repriced(*codes: str, price: str = "5.55") -> list[dict[str, Any]]:
    """`before` with other prices for some SKUs."""
    out = before()
    for spec in out:
        if spec["spec"].get("sku") in codes:
            spec["spec"]["listings"][0]["price"]["value"] = price
    return out


def touch(repository: Repository, address: str, name: str, value: Any) -> None:
    """Change an attribute behind acorn's back."""
    with sandbox(repository) as database:
        disturb.set_attribute(database, Address.parse(address), name, value)


def remove(repository: Repository, address: str) -> None:
    """Delete a resource behind acorn's back."""
    with sandbox(repository) as database:
        disturb.delete(database, Address.parse(address))


def put(repository: Repository, address: str, **attributes: Any) -> None:
    """Put somebody else's resource there."""
    with sandbox(repository) as database:
        disturb.insert(database, Address.parse(address), attributes)


def euros(value: str) -> dict[str, str]:
    """An amount."""
    return {"currency": "EUR", "value": value}


def statuses(result: Result) -> dict[str, str]:
    """Status by address of an apply that was asked for JSON."""
    return {row["address"]: row["status"] for row in result.json["outcomes"]}


def finished(repository: Repository) -> None:
    """Everything matches, in fact and in the ledger."""
    plan = repository.plan()
    assert changes(plan) == []
    assert not any(s["to_record"] or s["unmanaged"] for s in plan["stores"]), plan["stores"]


# -- F1: the answer is lost --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lost", "fail", "throttle", "html", "truncate"])
@pytest.mark.parametrize("number", range(4))
def test_one_bad_answer_to_a_write_changes_nothing(kind: str, number: int, tmp_path: Path) -> None:
    """An answer that is lost or spoilt once, at any batch, still ends in exit 0, with no duplicate and nothing left to do."""
    straight, shaken = edited(tmp_path / "a"), edited(tmp_path / "b")
    assert straight.run(*APPLY).code == 0
    calls = 0
    original = NetworkMarketplace.write

    def meddling(self: NetworkMarketplace, store: str, batch: Any, at: str = "") -> Any:
        nonlocal calls
        if calls == number:
            order(shaken, kind, "POST *")
        calls += 1
        return original(self, store, batch, at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NetworkMarketplace, "write", meddling)
        result = shaken.run(*APPLY, "-o", "json")
    assert calls > number
    assert set(statuses(result).values()) == {"observed"}, result.json["outcomes"]
    assert result.code == 0
    assert shaken.live() == straight.live()
    assert created(shaken) == created(straight)
    assert remembered(shaken) == remembered(straight)
    finished(shaken)


def test_a_write_whose_answer_was_lost_is_not_called_refused(tmp_path: Path) -> None:
    """The answer is lost and the repetition is refused (a token expired): not known is not refused, and what was
    created stays ours."""
    made = small(tmp_path / "r", *before(), mapped("NEW", "10.00"))
    order(made, "lost", "POST *")
    order(made, "fail", "POST *", status=401)
    result = made.run(*APPLY, "-o", "json")
    assert "amz-de/listing/NEW" in made.live()
    assert statuses(result)["amz-de/listing/NEW"] in ("observed", "unknown")
    made.write(*before(), mapped("NEW", "11.00"))
    assert changes(made.plan()) == [("update", "amz-de/listing/NEW", "edited")]


# -- F2: killed at every point -----------------------------------------------------------------------------


def _from_nothing(path: Path) -> Repository:
    made = Repository(path, storefront())
    made.apply()
    made.write(*before())
    return made


def _edited(path: Path) -> Repository:
    return edited(path)


@pytest.mark.parametrize("moment", [*MOMENTS, ROW])
@pytest.mark.parametrize("start", [_from_nothing, _edited], ids=["from nothing", "edited"])
def test_killed_at_every_point_and_run_again_ends_the_same(
    start: Callable[[Path], Repository], moment: str, tmp_path: Path
) -> None:
    """After kill -9 at any point, plan and apply end in the state, and the ledger, of an apply that was not killed;
    nothing of ours is mistaken for somebody else's, and nothing is created twice."""
    base = start(tmp_path / "base")
    straight = copy(base, tmp_path / "straight")
    assert straight.run(*APPLY).code == 0
    kills = 0
    while True:
        broken = copy(base, tmp_path / str(kills))
        code = died(broken, moment, kills, *APPLY).returncode
        if code != KILLED:
            assert code == 0
            break
        plan = broken.plan()
        assert not [c for c in changes(plan) if c[0] == "adopt"], kills
        assert not [a for s in plan["stores"] for a in s["unmanaged"]], kills
        result = broken.run(*APPLY)
        assert result.code == 0, (kills, result)
        assert broken.live() == straight.live(), kills
        assert remembered(broken) == remembered(straight), kills
        assert created(broken) == created(straight), kills
        finished(broken)
        kills += 1
    assert kills >= 6


@pytest.mark.parametrize("moment", [*MOMENTS, ROW])
def test_a_saved_plan_that_was_killed_at_every_point_is_finished_by_the_same_plan(
    moment: str, tmp_path: Path
) -> None:
    """A reviewed plan that died is applied again as it is; the ledger then holds what the uninterrupted run records."""
    base = edited(tmp_path / "base")
    assert base.run("plan", "--out", "p.json").code == 0
    straight = copy(base, tmp_path / "straight")
    assert straight.run("apply", "p.json").code == 0
    wrong = {}
    for number in range(40):
        broken = copy(base, tmp_path / str(number))
        code = died(broken, moment, number, "apply", "p.json").returncode
        if code != KILLED:
            assert code == 0
            break
        again = broken.run("apply", "p.json")
        assert broken.live() == straight.live(), (number, again)
        assert created(broken) == created(straight), number
        assert again.code == 0, (number, again)
        assert broken.run("apply", "p.json").code == 6, "a plan is applied once"
        expected, found = remembered(straight), remembered(broken)
        wrong |= {
            f"{number}: {a}": (expected.get(a), found.get(a))
            for a in expected.keys() | found
            if expected.get(a) != found.get(a)
        }
    assert number >= 6
    assert not wrong


def test_what_a_killed_run_wrote_is_attributed_like_everything_else(tmp_path: Path) -> None:
    """Rows that the next run finds done have their spec, commit, plan and remote id, as if the first had lived."""
    import subprocess

    made = edited(tmp_path / "r")
    git = ["git", "-c", "user.name=Li Wei", "-c", "user.email=li@example.com"]
    for command in (["init", "-q"], ["add", "specs", "acorn.yaml"], ["commit", "-qm", "Our stores"]):
        subprocess.run([*git, *command], cwd=made.path, check=True)
    straight = copy(made, tmp_path / "straight")
    assert straight.run(*APPLY).code == 0
    assert died(made, MOMENTS[1], 1, *APPLY).returncode == KILLED
    assert made.run(*APPLY).code == 0
    expected, found = ledger(straight), ledger(made)
    for row in (*expected.values(), *found.values()):
        for name in ("plan", "applied_at", "attributes"):
            row.pop(name)
    assert found == expected


def test_after_a_kill_drift_is_still_told_from_intent(tmp_path: Path) -> None:
    """A price was written and not recorded; what somebody then changes beside it is drift, in `drift` and in `plan`."""
    made = small(tmp_path / "r", *repriced("SKU-05"))
    assert died(made, MOMENTS[1], 0, *APPLY).returncode == KILLED
    touch(made, "amz-de/listing/SKU-05", "status", "inactive")
    found = made.run("drift", "-o", "json").json
    assert [d["address"] for s in found["stores"] for d in s["drifted"]] == ["amz-de/listing/SKU-05"]
    assert changes(made.plan()) == [("update", "amz-de/listing/SKU-05", "drifted")]


# -- F3: two at once ---------------------------------------------------------------------------------------


def test_of_two_appliers_one_writes_and_the_other_leaves(tmp_path: Path) -> None:
    """While one apply is under way another exits 6, says who holds the lock, and writes nothing; then the first ends well."""
    made = edited(tmp_path / "r")
    first = paused(made, *APPLY)
    try:
        assert first.stdout is not None
        while first.stdout.readline().strip() != "here":
            assert first.poll() is None
        before_second = writes(made)
        second = made.run(*APPLY)
        assert second.code == 6
        assert str(first.pid) in second.err
        assert "Traceback" not in second.err
        assert writes(made) == before_second
        assert made.run("plan").code == 0, "reading needs no lock"
        assert made.run("state", "rm", "amz-de/listing/SKU-05").code == 6
        _, err = first.communicate("\n", timeout=30)
        assert first.returncode == 0, err
    finally:
        if first.poll() is None:
            first.kill()
            first.wait(10)
    finished(made)


def test_a_killed_applier_leaves_no_lock(tmp_path: Path) -> None:
    """The operating system holds the lock: after kill -9 the next apply needs no unlocking."""
    made = edited(tmp_path / "r")
    assert died(made, MOMENTS[0], 2, *APPLY).returncode == KILLED
    assert made.run(*APPLY).code == 0


# -- F4: stale plans ---------------------------------------------------------------------------------------


def _planned(path: Path) -> Repository:
    made = edited(path)
    assert made.run("plan", "--out", "p.json").code == 0
    return made


LIVE_MOVES: dict[str, tuple[Callable[[Repository], None], str]] = {
    "updated": (
        lambda r: touch(r, "amz-de/listing/SKU-00", "price", euros("1.00")),
        "amz-de/listing/SKU-00",
    ),
    "gone": (lambda r: remove(r, "amz-de/listing/SKU-00"), "amz-de/listing/SKU-00"),
    "to be deleted, changed": (
        lambda r: touch(r, "amz-de/listing/SKU-02", "title", "mine"),
        "amz-de/listing/SKU-02",
    ),
    "to be deleted, gone": (lambda r: remove(r, "amz-de/listing/SKU-02"), "amz-de/listing/SKU-02"),
    "to be renamed, changed": (
        lambda r: touch(r, "amz-de/listing/SKU-01", "status", "inactive"),
        "amz-de/listing/SKU-01-NEW",
    ),
    "to be replaced, gone": (lambda r: remove(r, "amz-de/listing/FIXED"), "amz-de/listing/FIXED"),
    "to be created, there": (lambda r: put(r, "amz-de/listing/SKU-21", sku="X"), "amz-de/listing/SKU-21"),
}


@pytest.mark.parametrize("move", LIVE_MOVES)
def test_a_plan_whose_live_rows_moved_is_refused_by_name(move: str, tmp_path: Path) -> None:
    """What the plan touches is no longer as it was: exit 6, the rows named, not one write."""
    made = _planned(tmp_path / "r")
    act, address = LIVE_MOVES[move]
    act(made)
    count = writes(made)
    result = made.run("apply", "p.json")
    assert result.code == 6, result
    assert address in result.err
    assert writes(made) == count


def test_rows_that_the_plan_does_not_touch_may_move(tmp_path: Path) -> None:
    """Drift elsewhere is no reason to refuse a reviewed plan, and the plan leaves it alone."""
    made = _planned(tmp_path / "r")
    touch(made, "amz-de/listing/SKU-09", "status", "inactive")
    assert made.run("apply", "p.json").code == 0
    assert made.live()["amz-de/listing/SKU-09"]["status"] == "inactive"
    assert changes(made.plan()) == [("update", "amz-de/listing/SKU-09", "drifted")]


@pytest.mark.parametrize(
    "specs",
    [
        [*after()[:-4], mapped("SKU-21", "32.90"), *after()[-3:]],
        [*after(), mapped("SKU-22", "32.90")],
        [s for s in after() if s["metadata"]["name"] != "sku-21"],
    ],
    ids=["edited", "one more", "one less"],
)
def test_a_plan_whose_specs_changed_is_refused_by_name(specs: list[Any], tmp_path: Path) -> None:
    """The specs no longer mean what was reviewed: exit 6, the rows named, not one write."""
    made = _planned(tmp_path / "r")
    made.write(*specs)
    count = writes(made)
    result = made.run("apply", "p.json")
    assert result.code == 6, result
    assert "amz-de/listing/SKU-2" in result.err
    assert writes(made) == count


def test_a_comment_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """Only a comment changed in the specs: the plan still applies."""
    made = _planned(tmp_path / "r")
    file = made.path / "specs" / "all.yaml"
    file.write_text("# reviewed by Li Wei\n" + file.read_text())
    assert made.run("apply", "p.json").code == 0
    finished(made)


def test_a_row_that_was_forgotten_after_planning_is_not_deleted(tmp_path: Path) -> None:
    """`state rm` between plan and apply makes a resource somebody else's: the plan that would delete it is stale."""
    made = small(tmp_path / "r", *[s for s in before() if s["metadata"]["name"] != "sku-05"])
    assert made.run("plan", "--out", "p.json").code == 0
    assert made.run("state", "rm", "amz-de/listing/SKU-05").code == 0
    result = made.run("apply", "p.json")
    assert "amz-de/listing/SKU-05" in made.live()
    assert result.code == 6
    assert "amz-de/listing/SKU-05" in result.err


def test_only_what_still_is_in_sync_is_recorded(tmp_path: Path) -> None:
    """A live resource equalled its spec when planned and not when applied: it is not recorded as ours unseen."""
    made = small(tmp_path / "r", *before(), mapped("THEIRS", "10.00"), mapped("NEW", "11.00"))
    theirs = {"sku": "THEIRS", "taxClass": "standard", "title": "No. THEIRS", "status": "active"}
    put(made, "amz-de/listing/THEIRS", **theirs, price=euros("10.00"))
    assert made.run("plan", "--out", "p.json").code == 0
    touch(made, "amz-de/listing/THEIRS", "price", euros("99.00"))
    made.run("apply", "p.json")
    made.run(*APPLY)
    assert made.live()["amz-de/listing/THEIRS"]["price"] == euros("99.00"), (
        "differs, and --adopt was not given"
    )


def test_a_plan_is_applied_once(tmp_path: Path) -> None:
    """The same plan again is exit 6, without a write."""
    made = _planned(tmp_path / "r")
    assert made.run("apply", "p.json").code == 0
    count = writes(made)
    result = made.run("apply", "p.json")
    assert result.code == 6
    assert writes(made) == count


def _document(text: bytes) -> Any:
    return orjson.loads(text)


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "a price edited": lambda t: t.replace(b'"9.99"', b'"8.99"'),
    "a row removed": lambda t: orjson.dumps({**_document(t), "changes": _document(t)["changes"][1:]}),
    "an unknown field slipped in": lambda t: orjson.dumps({**_document(t), "hello": 1}),
    "truncated": lambda t: t[: len(t) // 2],
    "empty": lambda t: b"",
    "not a plan": lambda t: b'{"hello": 1}',
    "a list": lambda t: b"[]",
    "not text": lambda t: b"\xff\xfe\x00",
    "a newer major format": lambda t: orjson.dumps({**_document(t), "format_version": "2.0"}),
    "another tool": lambda t: orjson.dumps({**_document(t), "acorn_version": "9.9.0"}),
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("verb", ["apply", "show"])
def test_a_plan_file_that_is_not_as_it_was_made_is_refused(verb: str, how: str, tmp_path: Path) -> None:
    """Edited, cut off, or no plan at all: exit 6 and a reason, not one write."""
    made = _planned(tmp_path / "r")
    file = made.path / "p.json"
    file.write_bytes(SPOILT[how](file.read_bytes()))
    count = writes(made)
    result = made.run(verb, "p.json")
    assert result.code == 6, result
    assert "internal error" not in result.err
    assert "p.json" in result.err
    assert writes(made) == count


def test_a_newer_minor_format_is_read(tmp_path: Path) -> None:
    """Fields that a newer minor format adds are ignored."""
    from acorn_gitops.plan.document import plan_id

    made = _planned(tmp_path / "r")
    file = made.path / "p.json"
    newer = {**orjson.loads(file.read_bytes()), "format_version": "1.9", "weather": "fine"}
    newer["id"] = plan_id(newer)
    file.write_bytes(orjson.dumps(newer))
    assert made.run("apply", "p.json").code == 0


def test_a_plan_of_another_environment_is_refused(tmp_path: Path) -> None:
    """A plan for sandbox is not applied to production."""
    made = _planned(tmp_path / "r")
    project = made.path / "acorn.yaml"
    project.write_text(PROJECT.replace("{sandbox: {}}", "{sandbox: {}, production: {}}"))
    count = writes(made)
    result = made.run("apply", "p.json", "--env", "production")
    assert result.code == 6
    assert writes(made) == count


def test_an_incomplete_plan_is_not_applied(tmp_path: Path) -> None:
    """A plan of which one store could not be read is shown with exit 1, and never applied."""
    made = edited(tmp_path / "r")
    order(made, "fail", "*/de-ber-mitte/*", 100)
    planned = made.run("plan", "--out", "p.json", "--detailed-exitcode")
    assert planned.code == 1
    with sandbox(made) as database:
        database.clear_faults()
    count = writes(made)
    refused = made.run("apply", "p.json")
    assert refused.code == 1
    assert "de-ber-mitte" in refused.err
    assert writes(made) == count


# -- F5: a change between read and write -------------------------------------------------------------------


@pytest.mark.parametrize("saved", [False, True], ids=["now", "saved"])
def test_a_row_that_moves_between_read_and_write_fails_alone(saved: bool, tmp_path: Path) -> None:
    """Somebody changes one row while apply is under way: that row is a conflict (exit 3), the others are done, and the
    next run is complete."""
    made = small(tmp_path / "r", *repriced("SKU-04", "SKU-05", "SKU-06"))
    arguments: tuple[str, ...] = APPLY
    if saved:
        assert made.run("plan", "--out", "p.json").code == 0
        arguments = ("apply", "p.json")
    original = SqliteLedger.intend

    def late(self: SqliteLedger, intents: Any) -> None:
        original(self, intents)
        touch(made, "amz-de/listing/SKU-05", "title", "mine")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteLedger, "intend", late)
        result = made.run(*arguments, "-o", "json")
    assert result.code == 3
    assert statuses(result) == {
        "amz-de/listing/SKU-04": "observed",
        "amz-de/listing/SKU-05": "conflict",
        "amz-de/listing/SKU-06": "observed",
    }
    live = made.live()
    assert live["amz-de/listing/SKU-05"]["title"] == "mine"
    assert live["amz-de/listing/SKU-05"]["price"] == euros("15.90")
    assert made.run(*APPLY).code == 0
    finished(made)


# -- F6, F7: throttled, in a storm -------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["GET *", "POST *"])
def test_throttling_is_waited_out_as_asked(pattern: str, tmp_path: Path, sleeps: list[float]) -> None:
    """429 with Retry-After is waited for exactly so long, and then everything is done."""
    made = edited(tmp_path / "r")
    order(made, "throttle", pattern, 3, seconds=7)
    assert made.run(*APPLY).code == 0
    assert sleeps.count(7.0) == 3
    finished(made)


@pytest.mark.parametrize("kind", ["fail", "html", "throttle", "truncate"])
@pytest.mark.parametrize("verb", [("plan",), ("drift",), APPLY], ids=lambda v: v[0])
def test_a_storm_while_reading_ends_with_exit_1(kind: str, verb: tuple[str, ...], tmp_path: Path) -> None:
    """Reads that never get a usable answer end after a bounded number of tries: exit 1, the store named, no write."""
    made = edited(tmp_path / "r")
    order(made, kind, "GET */amz-de/*", 1000)
    count = writes(made)
    result = made.run(*verb)
    assert result.code == 1
    assert "amz-de" in result.out + result.err
    assert "internal error" not in result.err
    assert writes(made) == count
    with sandbox(made) as database:
        assert database.faults()[0][3] >= 980, "too many tries"


@pytest.mark.parametrize("kind", ["fail", "html", "throttle"])
def test_a_storm_while_writing_ends_with_exit_3_and_is_resumed(kind: str, tmp_path: Path) -> None:
    """A store that stops answering is left, the other is finished; the outcome is not known, never success; the next
    run finishes."""
    made = edited(tmp_path / "r")
    order(made, kind, "POST */amz-de/*", 1000)
    result = made.run(*APPLY, "-o", "json")
    assert result.code == 3
    told = statuses(result)
    assert told.pop("de-ber-mitte/stock/SKU-02") == "observed"
    assert set(told.values()) == {"unknown", "skipped"}
    with sandbox(made) as database:
        assert database.faults()[0][3] >= 980, "too many tries"
        database.clear_faults()
    assert made.run(*APPLY).code == 0
    finished(made)


def test_a_storm_that_did_the_work_is_looked_up(tmp_path: Path) -> None:
    """Every answer to a write is lost, though the work is done: acorn looks, and everything is done."""
    made = edited(tmp_path / "r")
    order(made, "lost", "POST *", 1000)
    result = made.run(*APPLY, "-o", "json")
    assert set(statuses(result).values()) == {"observed"}, result.json["outcomes"]
    assert result.code == 0
    finished(made)


@pytest.mark.parametrize("status", [401, 403, 400, 404, 413])
def test_a_refused_batch_is_not_success(status: int, tmp_path: Path) -> None:
    """A marketplace that refuses the request itself: exit 3, nothing recorded as done, and the next run finishes."""
    made = small(tmp_path / "r", *repriced("SKU-05"))
    known = remembered(made)
    order(made, "fail", "POST *", status=status)
    result = made.run(*APPLY, "-o", "json")
    assert (result.code, statuses(result)) == (3, {"amz-de/listing/SKU-05": "rejected"})
    assert remembered(made) == known
    assert made.run(*APPLY).code == 0
    finished(made)


def test_a_store_that_could_not_be_created_is_left_alone(tmp_path: Path) -> None:
    """When the storefront is refused its listings are skipped; the shop is done; the next run finishes."""
    made = Repository(tmp_path / "r", *before())
    order(made, "reject", "amz-de/storefront/*", why="no such seller")
    result = made.run(*APPLY, "-o", "json")
    told = statuses(result)
    assert result.code == 3
    assert told.pop("amz-de/storefront/amz-de") == "rejected"
    assert {s for a, s in told.items() if a.startswith("amz-de/")} == {"skipped"}
    assert {s for a, s in told.items() if a.startswith("de-ber-mitte/")} == {"observed"}
    assert made.run(*APPLY).code == 0
    finished(made)


# -- F8: accepted, and then ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "amz-de/listing/SKU-00",
        "amz-de/listing/SKU-21",
        "amz-de/listing/SKU-02",
        "amz-de/listing/SKU-01*",
        "amz-de/listing/FIXED",
    ],
    ids=["update", "create", "delete", "rename", "replace"],
)
def test_accepted_and_done_later_is_done(address: str, tmp_path: Path) -> None:
    """202, and visible after some reads: acorn looks until it sees it."""
    made = edited(tmp_path / "r")
    order(made, "accept", address, 2, reads=3)
    result = made.run(*APPLY, "-o", "json")
    assert set(statuses(result).values()) == {"observed"}, result.json["outcomes"]
    assert result.code == 0
    finished(made)


def test_accepted_and_never_done_is_not_success(tmp_path: Path, sleeps: list[float]) -> None:
    """202 and then nothing: exit 3 after the wait that was asked for; the next run writes it once."""
    made = edited(tmp_path / "r")
    order(made, "accept", "amz-de/listing/SKU-21", 1, reads=0)
    result = made.run(*APPLY, "--wait", "4", "-o", "json")
    assert result.code == 3
    assert statuses(result)["amz-de/listing/SKU-21"] == "accepted"
    assert 4 <= sum(sleeps) < 20
    assert "amz-de/listing/SKU-21" not in remembered(made)
    assert changes(made.plan()) == [("create", "amz-de/listing/SKU-21", "declared")]
    assert made.run(*APPLY).code == 0
    finished(made)


def test_late_success_is_found_and_not_written_twice(tmp_path: Path) -> None:
    """202, given up on, and then it happens after all: it is ours, and is not created again."""
    made = edited(tmp_path / "r")
    order(made, "accept", "amz-de/listing/SKU-21", 1, reads=8)
    assert made.run(*APPLY, "--wait", "0").code == 3
    for _ in range(10):
        made.run("plan")
    assert "amz-de/listing/SKU-21" in made.live()
    count = created(made)
    assert changes(made.plan()) == []
    assert made.run(*APPLY).code == 0
    assert created(made) == count
    assert not ledger(made)["amz-de/listing/SKU-21"]["adopted"]
    finished(made)


# -- F10, F11: partial and empty reads ---------------------------------------------------------------------


@pytest.mark.parametrize("verb", [("plan",), ("drift",), ("state", "rebuild"), APPLY], ids=lambda v: v[0])
def test_a_page_that_leaves_a_row_out_is_refused(verb: tuple[str, ...], tmp_path: Path) -> None:
    """A read that does not add up concludes nothing: exit 1, no write, and the ledger as it was."""
    made = small(tmp_path / "r")
    known, count = remembered(made), writes(made)
    order(made, "skip", "GET */amz-de/*", 100)
    result = made.run(*verb)
    assert result.code == 1
    assert "29 of 30" in result.out + result.err or "of 2" in result.out + result.err
    assert writes(made) == count
    assert remembered(made) == known


def test_an_empty_store_is_not_believed(tmp_path: Path) -> None:
    """The sandbox was reset and the ledger remembers: exit 1 and how to say that it is true; then all is made again."""
    made = small(tmp_path / "r")
    assert made.run("sandbox", "reset").code == 0
    for verb in (("plan",), APPLY, ("drift",)):
        result = made.run(*verb)
        assert result.code == 1, verb
        assert "--allow-empty amz-de" in result.out + result.err
    assert made.live() == {}
    assert len(remembered(made)) == 30
    believed = ("--allow-empty", "amz-de", "--allow-empty", "de-ber-mitte")
    assert len(changes(made.plan(*believed))) == 30
    assert made.run(*APPLY, *believed).code == 0
    finished(made)


def test_an_empty_read_after_a_kill_concludes_nothing(tmp_path: Path) -> None:
    """A deletion was about to be sent when acorn was killed, and then the store shows nothing: the deletion did not
    happen, and what should be deleted stays ours."""
    made = small(tmp_path / "r", *[s for s in before() if s["metadata"]["name"] != "sku-05"])
    assert died(made, MOMENTS[0], 0, *APPLY).returncode == KILLED
    database = made.path / ".acorn" / "sandbox.db"
    with sandbox(made) as open_database:
        open_database._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.rename(made.path / "kept.db")
    assert made.run(*APPLY).code == 1
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    (made.path / "kept.db").rename(database)
    assert changes(made.plan()) == [("delete", "amz-de/listing/SKU-05", "undeclared")]


def test_no_specs_at_all_are_refused(tmp_path: Path) -> None:
    """An empty configuration would mean deleting everything: exit 4, not one write."""
    made = small(tmp_path / "r")
    count = writes(made)
    made.text("# nothing\n")
    for verb in (("plan",), APPLY):
        assert made.run(*verb).code == 4
    assert writes(made) == count


def test_stores_without_specs_are_forgotten_not_destroyed(tmp_path: Path) -> None:
    """Stores that left the specs are only forgotten, whatever becomes of what they hold."""
    made = small(tmp_path / "r", storefront("amz-fr"))
    assert made.run(*APPLY).code == 5, "a whole store goes off sale: BUD-006"
    with (made.path / "acorn.yaml").open("a") as file:
        file.write("  policies: {budgets: {}}\n")
    gone = {"amz-de/storefront/amz-de", "de-ber-mitte/location/de-ber-mitte"}
    assert {c[1] for c in changes(made.plan()) if c[0] == "forget"} == gone
    assert made.run(*APPLY).code == 0
    assert gone <= set(made.live())
    assert not gone & set(remembered(made))


# -- F12: the ledger ----------------------------------------------------------------------------------------


def _file(made: Repository) -> Path:
    return made.path / ".acorn" / "sandbox" / "ledger.db"


def _flushed(made: Repository) -> Path:
    with contextlib.closing(sqlite3.connect(_file(made))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm"):
        _file(made).with_name(f"ledger.db{suffix}").unlink(missing_ok=True)
    return _file(made)


def _garbage(file: Path) -> None:
    file.write_bytes(b"not a ledger" * 1000)


def _torn(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


def _halved(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 8192 * 4096])


def _newer(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version=2")


@pytest.mark.parametrize("how", [_garbage, _torn, _halved, _newer], ids=lambda f: f.__name__[1:])
@pytest.mark.parametrize("verb", [("plan",), APPLY, ("drift",), ("state", "list")], ids=lambda v: v[0])
def test_a_ledger_that_cannot_be_used_stops_everything(
    how: Callable[[Path], None], verb: tuple[str, ...], tmp_path: Path
) -> None:
    """Corrupt, torn or newer: no write, no traceback, and a message that names the file and what to do."""
    made = edited(tmp_path / "r")
    file = _flushed(made)
    how(file)
    content, count = file.read_bytes(), writes(made)
    result = made.run(*verb)
    assert result.code == 6, result
    assert "ledger.db" in result.err
    assert "internal error" not in result.err
    assert writes(made) == count
    assert file.read_bytes() == content


def test_a_lost_ledger_is_rebuilt(tmp_path: Path) -> None:
    """Without a ledger nothing is deleted; `state rebuild` makes it again, and nothing is planned."""
    made = small(tmp_path / "r")
    known = remembered(made)
    shutil.rmtree(_file(made).parent)
    assert changes(made.plan()) == []
    assert made.run("state", "rebuild").code == 0
    assert remembered(made) == known
    finished(made)


def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    """Where the ledger or a plan should go there is no room for it: an error that names the place, not a fault of acorn."""
    made = small(tmp_path / "r")
    result = made.run("plan", "--out", "nowhere/p.json")
    assert result.code != 0
    assert "nowhere" in result.err
    assert "internal error" not in result.err
    fresh = Repository(tmp_path / "f", *before())
    (fresh.path / ".acorn").mkdir()
    (fresh.path / ".acorn" / "sandbox").write_text("a file")
    result = fresh.run(*APPLY)
    assert result.code != 0
    assert "internal error" not in result.err
    assert writes(fresh) == 0


# -- F14, F19: secrets --------------------------------------------------------------------------------------

CANARY = "canary-8f3a91c07d"


@pytest.mark.parametrize(
    "token",
    [CANARY, f"{CANARY}\n", f"wrong-{CANARY}", f"{CANARY}-ü"],
    ids=["right", "with a line end", "wrong", "not ASCII"],
)
def test_a_token_is_in_no_output_and_no_file(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is said or saved, right or wrong, the token is not in it; and a bad token is no internal error."""
    from acorn_gitops.sandbox.database import Database

    monkeypatch.setenv("MARKET_TOKEN", token)
    made = Repository(tmp_path / "r", *before())
    monkeypatch.setattr("acorn_gitops.marketplaces.network.adapter.MAX_PAUSE", 0.0)
    said = ""
    with served(Database(tmp_path / "served.db"), CANARY) as url:
        project = PROJECT.replace('url: "sandbox:"', f'url: "{url}", token: "env:MARKET_TOKEN"')
        (made.path / "acorn.yaml").write_text(project)
        made.trust()
        for arguments in (
            ("validate",),
            ("plan", "--out", "p.json", "--verbose"),
            ("plan", "-o", "json"),
            (*APPLY, "-o", "json"),
            ("drift", "-o", "json"),
            ("history", "-o", "json"),
            ("state", "list", "-o", "json"),
            ("explain", "amz-de/listing/SKU-05"),
            ("export", "out"),
        ):
            result = made.run(*arguments)
            said += result.out + result.err
            assert "internal error" not in result.err, (arguments, result.err)
    assert CANARY not in said
    saved = [file for file in made.path.rglob("*") if file.is_file()]
    assert saved
    assert not [file for file in saved if CANARY.encode() in file.read_bytes()]


# -- F20: interrupted --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_an_interrupt_finishes_the_batch_under_way(batch: int, number: int, tmp_path: Path) -> None:
    """One Ctrl-C: the batch in flight is written down, the rest is not sent, exit 130; run again, and all is done."""
    straight, made = edited(tmp_path / "a"), edited(tmp_path / "b")
    assert straight.run(*APPLY).code == 0
    calls = 0
    original = NetworkMarketplace.write

    def interrupted(self: NetworkMarketplace, store: str, rows: Any, at: str = "") -> Any:
        nonlocal calls
        if calls == batch:
            os.kill(os.getpid(), number)
        calls += 1
        return original(self, store, rows, at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NetworkMarketplace, "write", interrupted)
        result = made.run(*APPLY, "-o", "json")
    assert result.code == 130
    assert result.json["interrupted"] is True
    assert calls == batch + 1, "nothing was sent after the batch under way"
    done = {a for a, s in statuses(result).items() if s == "observed"}
    assert done
    assert set(statuses(result).values()) == {"observed", "skipped"}
    with contextlib.closing(sqlite3.connect(_file(made))) as db:
        assert db.execute("SELECT count(*) FROM intent WHERE outcome IS NULL").fetchone() == (0,)
    assert made.run(*APPLY).code == 0
    assert made.live() == straight.live()
    assert remembered(made) == remembered(straight)


def test_a_second_interrupt_ends_at_once_and_is_resumed(tmp_path: Path) -> None:
    """Ctrl-C twice: exit 130 without a traceback; the next run finds what was done and finishes."""
    made = edited(tmp_path / "r")
    original = NetworkMarketplace.write

    def twice(self: NetworkMarketplace, store: str, rows: Any, at: str = "") -> Any:
        answers = original(self, store, rows, at)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return answers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NetworkMarketplace, "write", twice)
        result = made.run(*APPLY)
    assert result.code == 130
    assert "Traceback" not in result.err
    assert made.run(*APPLY).code == 0
    finished(made)


def test_an_interrupted_plan_file_is_finished_by_itself(tmp_path: Path) -> None:
    """The same saved plan again does what is left, once."""
    made = _planned(tmp_path / "r")
    original = SqliteLedger.settle

    def stopping(self: SqliteLedger, *given: Any) -> None:
        original(self, *given)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteLedger, "settle", stopping)
        assert made.run("apply", "p.json").code == 130
    assert made.run("apply", "p.json").code == 0
    assert made.run("apply", "p.json").code == 6
    finished(made)


# -- F21: order, renames, replacements ---------------------------------------------------------------------


def test_two_skus_swap_their_prices(tmp_path: Path) -> None:
    """Values that change places are two updates, in one run."""
    specs = before()
    for spec, price in ((specs[5], "14.90"), (specs[6], "13.90")):
        spec["spec"]["listings"][0]["price"]["value"] = price
    made = small(tmp_path / "r", *specs)
    assert [c[0] for c in changes(made.plan())] == ["update", "update"]
    assert made.run(*APPLY).code == 0
    finished(made)


def test_two_skus_swap_their_keys(tmp_path: Path) -> None:
    """SKUs that take over each other's seller SKU are two replacements, in one run."""
    specs = before()
    specs[5]["spec"]["listings"][0]["sellerSku"] = "SKU-04"
    specs[6]["spec"]["listings"][0]["sellerSku"] = "SKU-03"
    made = small(tmp_path / "r", *specs)
    assert [c[0] for c in changes(made.plan())] == ["replace", "replace"]
    assert made.run(*APPLY).code == 0
    live = made.live()
    assert (live["amz-de/listing/SKU-03"]["sku"], live["amz-de/listing/SKU-04"]["sku"]) == (
        "SKU-04",
        "SKU-03",
    )
    finished(made)


def test_a_rename_is_one_replacement(tmp_path: Path) -> None:
    """movedFrom: one row in the plan; what nobody declared goes along."""
    specs = before()
    specs[6]["spec"]["listings"][0] |= {"sellerSku": "SKU-04-B", "movedFrom": "SKU-04"}
    made = small(tmp_path / "r", *specs)
    touch(made, "amz-de/listing/SKU-04", "brand", "Acme")
    assert changes(made.plan()) == [("replace", "amz-de/listing/SKU-04-B", "renamed")]
    assert made.run(*APPLY).code == 0
    assert made.live()["amz-de/listing/SKU-04-B"]["brand"] == "Acme"
    assert "amz-de/listing/SKU-04" not in made.live()
    finished(made)


def test_a_role_with_grants_is_renamed_in_one_run(tmp_path: Path) -> None:
    """A renamed role takes its grants along: one apply, complete."""
    renamed = [
        role("eu", name="prices", movedFrom="pricing") if s["kind"] == "RolePermission" else s
        for s in before()
    ]
    made = small(tmp_path / "r", *renamed)
    result = made.run(*APPLY, "-o", "json")
    assert set(statuses(result).values()) == {"observed"}, result.json["outcomes"]
    assert result.code == 0
    finished(made)


def test_a_rename_never_deletes_what_is_declared(tmp_path: Path) -> None:
    """A movedFrom that was left behind names a key that is declared again: that listing stays."""
    listing = mapped("SKU-05", "15.90")
    listing["spec"]["listings"].append(
        {
            "store": "amz-de",
            "price": euros("15.90"),
            "status": "active",
            "sellerSku": "SKU-05-B",
            "movedFrom": "SKU-05",
        }
    )
    made = small(tmp_path / "r", *[listing if s["metadata"]["name"] == "sku-05" else s for s in before()])
    result = made.run("plan", "-o", "json")
    if result.code == 4:
        return  # said to be a mistake in the specs: as good
    made.run(*APPLY)
    assert {"amz-de/listing/SKU-05", "amz-de/listing/SKU-05-B"} <= set(made.live())
    assert [c[0] for c in changes(result.json)] == ["create"]


def test_a_shop_that_holds_stock_is_replaced_or_refused_as_a_whole(tmp_path: Path) -> None:
    """A shop's fixed attribute is edited while stock is kept there: either everything is done, or the plan says that it
    cannot be; never a plan that can only fail."""
    moved = shop()
    moved["spec"]["physical"]["address"]["postalCode"] = "10119"
    made = small(tmp_path / "r", *[moved if s["metadata"]["name"] == "de-ber-mitte" else s for s in before()])
    planned = made.run("plan", "-o", "json")
    if planned.code == 4:
        return
    assert made.run(*APPLY).code == 0
    finished(made)


# -- who changed what, and what is whose -------------------------------------------------------------------


def test_drift_and_unapplied_edits_are_never_mixed(tmp_path: Path) -> None:
    """`drift` speaks of what others changed, `plan` says of each row whether it was edited, drifted, or both."""
    made = small(tmp_path / "r", *repriced("SKU-04", "SKU-06"))
    touch(made, "amz-de/listing/SKU-05", "price", euros("1.00"))
    touch(made, "amz-de/listing/SKU-06", "price", euros("2.00"))
    remove(made, "amz-de/listing/SKU-07")
    found = made.run("drift", "-o", "json").json
    assert [d["address"] for s in found["stores"] for d in s["drifted"]] == [
        f"amz-de/listing/SKU-{n}" for n in ("05", "06", "07")
    ]
    assert found["unapplied"] == 2
    # A price that falls goes last.
    assert changes(made.plan()) == [
        ("update", "amz-de/listing/SKU-05", "drifted"),
        ("update", "amz-de/listing/SKU-06", "edited+drifted"),
        ("create", "amz-de/listing/SKU-07", "missing"),
        ("update", "amz-de/listing/SKU-04", "edited"),
    ]


def test_a_released_field_is_noted_and_keeps_its_value(tmp_path: Path) -> None:
    """A field that is no longer declared is released, not reset; the plan says so once."""
    specs = before()
    del specs[5]["spec"]["attributes"]["title"]
    made = small(tmp_path / "r", *specs)
    plan = made.plan()
    assert changes(plan) == []
    assert any("SKU-03" in n and "title" in n for s in plan["stores"] for n in s["notes"])
    assert made.run(*APPLY).code == 0
    assert made.live()["amz-de/listing/SKU-03"]["title"] == "No. SKU-03"
    assert "title" not in remembered(made)["amz-de/listing/SKU-03"]
    touch(made, "amz-de/listing/SKU-03", "title", "theirs now")
    finished(made)
    assert not any(s["notes"] for s in made.plan()["stores"])


def test_null_clears_a_field(tmp_path: Path) -> None:
    """null is a wish: the field is cleared, and then nothing is planned."""
    specs = before()
    specs[5]["spec"]["attributes"]["title"] = None
    made = small(tmp_path / "r", *specs)
    assert made.run(*APPLY).code == 0
    assert "title" not in made.live()["amz-de/listing/SKU-03"]
    finished(made)


@pytest.mark.parametrize(
    ("policy", "action"), [("", "delete"), ("  policies: {prune: {listing: false}}\n", "forget")]
)
def test_what_left_the_specs_is_deleted_unless_pruning_is_off(
    policy: str, action: str, tmp_path: Path
) -> None:
    """A listing without its spec is deleted; with prune off it is forgotten, stays, and is then not ours."""
    made = small(tmp_path / "r", *[s for s in before() if s["metadata"]["name"] != "sku-05"])
    (made.path / "acorn.yaml").write_text(PROJECT + policy)
    assert changes(made.plan()) == [(action, "amz-de/listing/SKU-05", "undeclared")]
    assert made.run(*APPLY).code == 0
    assert ("amz-de/listing/SKU-05" in made.live()) == (action == "forget")
    assert "amz-de/listing/SKU-05" not in remembered(made)
    assert changes(made.plan()) == []


def test_what_is_not_ours_is_shown_and_never_touched(tmp_path: Path) -> None:
    """A stranger's resource survives an apply that creates, updates and deletes; the plan shows it."""
    made = edited(tmp_path / "r")
    put(made, "amz-de/listing/STRANGER", sku="STRANGER", status="active")
    put(made, "amz-de/role/theirs", rules=[{"resources": ["price"], "verbs": ["read"]}])
    live = made.live()
    assert [a for s in made.plan()["stores"] for a in s["unmanaged"]] == [
        "amz-de/listing/STRANGER",
        "amz-de/role/theirs",
    ]
    assert made.run(*APPLY).code == 0
    for address in ("amz-de/listing/STRANGER", "amz-de/role/theirs"):
        assert made.live()[address] == live[address]


def test_what_exists_and_equals_its_spec_is_recorded(tmp_path: Path) -> None:
    """Taken over without a change: it is only marked as ours."""
    made = small(tmp_path / "r", *before(), mapped("THEIRS", "10.00"))
    put(
        made,
        "amz-de/listing/THEIRS",
        sku="THEIRS",
        taxClass="standard",
        title="No. THEIRS",
        status="active",
        price=euros("10.00"),
    )
    count = writes(made)
    assert made.run(*APPLY).code == 0
    assert writes(made) == count + 1
    assert ledger(made)["amz-de/listing/THEIRS"]["adopted"]
    finished(made)


def test_what_exists_and_differs_is_taken_over_only_when_asked(tmp_path: Path) -> None:
    """Without --adopt it is named, not touched, and the run is not complete; with --adopt it is made to match."""
    made = small(tmp_path / "r", *before(), mapped("THEIRS", "10.00"))
    put(made, "amz-de/listing/THEIRS", sku="THEIRS", price=euros("99.00"), brand="Acme")
    assert changes(made.plan()) == [("adopt", "amz-de/listing/THEIRS", "exists")]
    result = made.run(*APPLY)
    assert result.code == 3
    assert "--adopt" in result.out + result.err
    assert made.live()["amz-de/listing/THEIRS"]["price"] == euros("99.00")
    assert "amz-de/listing/THEIRS" not in remembered(made)
    assert made.run("plan", "--adopt", "--out", "p.json").code == 0
    assert made.run("apply", "p.json").code == 0
    assert made.live()["amz-de/listing/THEIRS"]["price"] == euros("10.00")
    assert made.live()["amz-de/listing/THEIRS"]["brand"] == "Acme"
    finished(made)


def _protected() -> list[dict[str, Any]]:
    specs = before()
    specs[5]["lifecycle"] = {"preventDestroy": True}
    specs[5]["spec"]["listings"].append({"store": "amz-fr", "price": euros("13.90"), "status": "active"})
    return [storefront("amz-fr"), *specs]


def _edit(specs: list[dict[str, Any]], how: str) -> list[dict[str, Any]]:
    spec = next(s for s in specs if s["metadata"]["name"] == "sku-03")
    match how:
        case "replaced":
            spec["spec"]["listings"][0] |= {"sellerSku": "SKU-03-B", "movedFrom": "SKU-03"}
        case "one listing removed":
            spec["spec"]["listings"].pop()
        case "moved to another key":
            spec["spec"]["listings"][0]["sellerSku"] = "SKU-03-B"
        case "the spec removed":
            specs = [s for s in specs if s is not spec]
    return specs


@pytest.mark.parametrize(
    "how", ["replaced", "one listing removed", "moved to another key", "the spec removed"]
)
def test_what_is_protected_is_not_destroyed(how: str, tmp_path: Path) -> None:
    """preventDestroy refuses every plan that would delete or replace the resource: exit 4, and not one write."""
    made = small(tmp_path / "r", *_protected())
    assert made.run(*APPLY).code == 0
    made.write(*_edit(_protected(), how))
    count = writes(made)
    assert made.run("plan").code == 4
    assert made.run(*APPLY).code == 4
    assert writes(made) == count


def test_another_marketplace_of_the_same_version_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store is remembered as clean for one marketplace; a copy of it elsewhere, at the same version and changed, is
    read all the same."""
    monkeypatch.setenv("ACORN_CACHE_DIR", str(tmp_path / "cache"))
    made = small(tmp_path / "r")
    folder = made.path / ".acorn"
    with sandbox(made) as database:
        database._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(folder / "sandbox.db", folder / "sandbox-two.db")
    touch(made, "amz-de/listing/SKU-05", "brand", "undeclared here")
    with sandbox(made, "sandbox-two.db") as two:
        disturb.set_attribute(two, Address.parse("amz-de/listing/SKU-05"), "price", euros("1.00"))
    assert changes(made.plan()) == []
    (made.path / "acorn.yaml").write_text(PROJECT.replace('"sandbox:"', '"sandbox:two"'))
    assert changes(made.plan()) == [("update", "amz-de/listing/SKU-05", "drifted")]


# -- codes, streams, history -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("apply",), 1),
        (("apply", "--auto-approve"), 0),
        (("apply", "p.json"), 0),
        (("apply", "p.json", "--select", "amz-de"), 64),
        (("apply", "p.json", "--adopt"), 64),
        (("apply", "--lock-timeout", "soon"), 64),
        (("apply", "--nonsense"), 64),
        (("apply", "-o", "xml"), 64),
        (("apply", "specs"), 64),
        (("plan", "extra"), 64),
        (("plan", "--detailed-exitcode"), 2),
        (("plan", "--env", "nowhere"), 4),
        (("drift", "--detailed-exitcode"), 0),
        (("history", "--limit", "x"), 64),
        (("state", "nonsense"), 64),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else str(v),
)
def test_every_ending_has_its_code(arguments: tuple[str, ...], code: int, tmp_path: Path) -> None:
    """Exit codes are an interface; usage is 64, and shows no traceback."""
    made = _planned(tmp_path / "r")
    result = made.run(*arguments)
    assert result.code == code, result
    assert "internal error" not in result.err


@pytest.mark.parametrize(
    "trouble",
    [None, ("fail", "POST */amz-de/*", 1000), ("reject", "amz-de/listing/*", 1), ("throttle", "*", 2)],
    ids=["none", "storm", "refused", "throttled"],
)
def test_json_is_all_there_is_on_standard_output(
    trouble: tuple[str, str, int] | None, tmp_path: Path
) -> None:
    """`-o json`: standard output is one JSON document, however the run goes."""
    made = edited(tmp_path / "r")
    if trouble is not None:
        order(made, *trouble)
    for arguments in (("plan", "-o", "json"), (*APPLY, "-o", "json"), ("drift", "-o", "json")):
        assert orjson.loads(made.run(*arguments).out), arguments


EDITS = {
    "a body": "UPDATE audit SET body=CAST(replace(CAST(body AS TEXT), 'SKU-05', 'SKU-06') AS BLOB) WHERE sequence>1",
    "a body, as text": "UPDATE audit SET body=replace(CAST(body AS TEXT), 'tester', 'nobody') WHERE sequence=3",
    "a body, spoilt": "UPDATE audit SET body=x'00' WHERE sequence=3",
    "an actor": "UPDATE audit SET actor='nobody' WHERE sequence=3",
    "a time": "UPDATE audit SET at='2020-01-01T00:00:00Z' WHERE sequence=3",
    "a row gone": "DELETE FROM audit WHERE sequence=3",
    "the first row gone": "DELETE FROM audit WHERE sequence=1",
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_changed_history_is_noticed(edit: str, tmp_path: Path) -> None:
    """The history cannot be edited by accident, and `acorn history` notices when it was on purpose: exit 1."""
    made = small(tmp_path / "r")
    assert made.run("history").code == 0
    with contextlib.closing(sqlite3.connect(_file(made), isolation_level=None)) as db:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(EDITS[edit])
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("DROP TRIGGER audit_no_delete")
        db.execute(EDITS[edit])
    result = made.run("history", "-o", "json")
    assert result.code == 1
    assert result.json["broken_at"] is not None
    assert "changed" in result.err


def test_every_write_is_in_the_history_with_its_plan(tmp_path: Path) -> None:
    """One apply: one beginning, one end, one entry for each change, all of one plan."""
    made = edited(tmp_path / "r")
    start = len(made.run("history", "--limit", "1000", "-o", "json").json["entries"])
    planned = {c[1] for c in changes(made.plan())}
    result = made.run(*APPLY, "-o", "json")
    entries = made.run("history", "--limit", "1000", "-o", "json").json["entries"][start:]
    assert {e["body"]["plan"] for e in entries} == {result.json["plan"]}
    assert (entries[0]["event"], entries[-1]["event"]) == ("apply.begin", "apply.end")
    assert planned <= {e["body"].get("address") for e in entries}
