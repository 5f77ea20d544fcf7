"""Where the ledger lives on a branch, one applies at a time, on whatever machine: others are told who, and whoever lost the
lease stops. A lease that nobody renews ends by itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
from acorn_gitops.model.finding import AcornError, Locked, Stale
from acorn_gitops.provenance.branch import push
from acorn_gitops.reconcile import locking
from acorn_gitops.reconcile.applying import ApplyRequest, Hooks, apply
from acorn_gitops.reconcile.lease import EVERY, LASTS, LOOKS, NOBODY_KNOWS, Claim, Lease, Renewal, lease_of
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.sandbox.database import Database
from tests import faults
from tests.borders.clone import cloned, git, published
from tests.borders.market import Market, clone_of, open_market, started
from tests.repository import Repository, sku, storefront

GRACE = locking.GRACE
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
JOB = "https://forge.example/acorn/actions/runs/7"


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with open_market(tmp_path) as found:
        yield found


@pytest.fixture
def team(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Repository]:
    """Clones of a repository with a remote, whose ledger is on a branch; applied once."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    made = clone_of(market, tmp_path / "r", storefront(), *shelf("20.00"))
    bare = published(tmp_path, made)

    def job(name: str) -> Repository:
        return cloned(bare, tmp_path / name, "--depth=1")

    job("first").apply()
    return job


def shelf(price: str) -> list[dict[str, object]]:
    return [sku(f"S-{number}", price) for number in range(4)]


def lease(made: Repository) -> dict[str, object] | None:
    found = made.run("lock", "-o", "json")
    assert found.code == 0, found
    lease: dict[str, object] | None = found.json["lease"]
    return lease


def slow(made: Repository, market: Market, price: str, wait: str = "20") -> subprocess.Popen[str]:
    """A job whose marketplace accepts its first price and does nothing; it waits for it, holding the lease."""
    database = Database(market.path)
    database.add_fault("accept", "*/listing/S-0", 9, {})
    database.close()
    made.write(storefront(), *shelf(price))
    running = started(made, "apply", "--auto-approve", "--wait", wait)
    return running


def until(what: Callable[[], object]) -> None:
    ends = time.monotonic() + 30
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.1)


def stop(running: subprocess.Popen[str]) -> None:
    running.kill()
    running.communicate(timeout=60)


def test_while_one_applies_others_are_told_who_and_write_nothing(
    team: Callable[[str], Repository], market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://forge.example",
        "GITHUB_REPOSITORY": "acorn",
        "GITHUB_RUN_ID": "7",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACORN_ACTOR", "ada")
    other = team("other")
    running = slow(team("slow"), market, "21.00")
    try:
        until(lambda: lease(other))
        before = market.revision()
        shown = other.run("lock")
        assert ("ada since 20" in shown.out, JOB in shown.out) == (True, True), shown
        other.write(storefront(), *shelf("22.00"))
        for words in (
            ("apply", "--auto-approve"),
            ("state", "rm", "amz-de/listing/S-1"),
            ("state", "rebuild"),
        ):
            refused = other.run(*words)
            assert (refused.code, "ada since 20" in refused.err) == (6, True), (words, refused)
        assert other.run("plan").code in (0, 2), "looking is open to everybody"
        assert market.revision() == before
    finally:
        stop(running)


def test_whoever_ends_in_order_leaves_no_lease(team: Callable[[str], Repository], market: Market) -> None:
    """Done, nothing to do, refused by the marketplace, or ended by a person."""
    made = team("made")
    assert lease(made) is None
    made.write(storefront(), *shelf("23.00"))
    made.apply()
    assert lease(made) is None
    made.apply()
    assert lease(made) is None
    watcher = team("watcher")
    running = slow(made, market, "24.00", "4")
    until(lambda: lease(watcher))
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert lease(made) is None
    numbers = git(made.path, "log", "--format=%s", "refs/acorn/acorn-ledger")
    assert ".lease" not in numbers, "it travels with the ledger"


@pytest.mark.parametrize("again", ["elsewhere", "here", "later"])
def test_a_job_that_dies_holds_others_up_for_a_while(
    team: Callable[[str], Repository], market: Market, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """On the machine where it died its lock is free, and nobody has to be asked."""
    dying, watcher = team("dying"), team("watcher")
    running = slow(dying, market, "25.00")
    until(lambda: lease(watcher))
    stop(running)
    without_faults(market)
    if again == "elsewhere":
        shutil.rmtree(dying.path)
        other = team("other")
        other.write(storefront(), *shelf("25.00"))
        assert other.run("apply", "--auto-approve").code == 6
        broken = other.run("lock", "--break", "the machine is gone")
        assert (broken.code, "is ended" in broken.out) == (0, True), broken
        other.apply()
        entries = other.run("history", "-o", "json").json
        (entry,) = [e for e in entries["entries"] if e["event"] == "lock.broken"]
        assert "the machine is gone" in str(entry), entry
    elif again == "here":
        dying.apply()
    else:
        later = (datetime.now(UTC) + LASTS + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
        monkeypatch.setenv("ACORN_NOW", later)
        other = team("other")
        other.write(storefront(), *shelf("25.00"))
        other.apply()
    assert market.prices() == {"25.00"}


def without_faults(market: Market) -> None:
    database = Database(market.path)
    database.clear_faults()
    database.close()


def test_a_run_whose_lease_was_broken_records_nothing(
    team: Callable[[str], Repository], market: Market
) -> None:
    slow_one, other = team("slow"), team("other")
    running = slow(slow_one, market, "26.00", "6")
    try:
        until(lambda: lease(other))
        assert other.run("lock", "--break", "it hangs").code == 0
        _, said = running.communicate(timeout=60)
        assert running.returncode != 0
        assert "somebody broke the lease of this run" in said, said
    finally:
        running.kill()
    log = team("log")
    assert log.run("state", "pull").code == 0
    assert "apply.end" not in log.run("log").out.split("lock.broken")[1]


def test_a_lease_is_waited_for(team: Callable[[str], Repository], market: Market) -> None:
    other = team("other")
    other.write(storefront(), *shelf("28.00"))
    running = slow(team("slow"), market, "27.00", "4")
    try:
        until(lambda: lease(other))
        waiting = started(other, "apply", "--auto-approve", "--lock-timeout", "60")
        running.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=90)
        assert waiting.returncode in (0, 3), (out, err)
    finally:
        stop(running)


def test_a_run_that_ends_before_its_plan_is_made_leaves_no_lease(
    team: Callable[[str], Repository], market: Market
) -> None:
    """It found what a dead run had left, wrote that down for all, and ended at a pattern that means nothing."""
    dying, other = team("dying"), team("other")
    dying.write(storefront(), *shelf("33.00"))
    died = faults.died(dying, "after the write, before the journal", 0, "apply", "--auto-approve")
    assert died.returncode == -signal.SIGKILL
    assert other.run("lock", "--break", "it died").code == 0
    assert other.run("apply", "--auto-approve", "--select", "amz-de/listing/NOPE").code == 64
    assert lease(team("third")) is None


def taken_over(other: Repository) -> None:
    """Somebody ends the lease of a run that goes on."""
    assert other.run("lock", "--break", "it hangs").code == 0


def test_a_run_that_lost_its_lease_sends_no_further_batch(
    team: Callable[[str], Repository], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it wait for what it has sent."""
    monkeypatch.setattr("acorn_gitops.reconcile.lease.LOOKS", 0.0)
    monkeypatch.setattr("acorn_gitops.apply.run.BATCH", 1)
    made, other, told = team("made"), team("other"), list[str]()
    made.write(storefront(), *shelf("34.00"))

    def progress(done: int, total: int, where: str) -> None:
        if not told:
            taken_over(other)
        told.append(where)

    workspace = Workspace(made.path, environ=dict(os.environ))
    applied = apply(workspace, ApplyRequest(), Hooks(progress=progress, approve=lambda plan: None))
    assert (applied.interrupted, len(told)) == (True, 1)
    assert sum(outcome.status == "observed" for _, outcome in applied.outcomes) == 1
    assert applied.unsent is not None and "broke the lease" in applied.unsent.message


def test_a_run_that_lost_its_lease_waits_for_nothing(
    team: Callable[[str], Repository], market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acorn_gitops.reconcile.lease.LOOKS", 0.0)
    database = Database(market.path)
    database.add_fault("accept", "*/listing/S-0", 9, {})
    database.close()
    made, other, slept, reads = team("made"), team("other"), list[float](), list[int]()
    made.write(storefront(), *shelf("35.00"))
    honest = NetworkMarketplace.read
    monkeypatch.setattr(
        NetworkMarketplace, "read", lambda self, scope: reads.append(len(slept)) or honest(self, scope)
    )

    def pause(seconds: float) -> None:
        if not slept:
            taken_over(other)
        slept.append(seconds)

    workspace = Workspace(made.path, environ=dict(os.environ), pause=pause)
    applied = apply(workspace, ApplyRequest(wait=3600.0), Hooks(approve=lambda plan: None))
    assert (len(slept), applied.unsent is not None) == (1, True), slept
    assert sum(reads) <= 2, "nor does it look again and again"


def test_nothing_is_broken_without_a_reason_or_a_lease(team: Callable[[str], Repository]) -> None:
    made = team("made")
    assert made.run("lock", "--break", " ").code == 64
    none = made.run("lock", "--break", "why not")
    assert (none.code, "nobody holds a lease" in none.err) == (64, True), none


# -- the lease by itself -------------------------------------------------------------------------------------


def claim(tmp_path: Path, name: str, *, takes: bool = True) -> Claim:
    environ = {"ACORN_ACTOR": name}
    (tmp_path / "acorn.yaml").touch()
    workspace = Workspace(tmp_path, environ=environ, clock=lambda: NOW)
    return Claim(workspace, tmp_path / name / "prod.db", takes=takes)


def test_a_number_is_given_once_and_lost_once(tmp_path: Path) -> None:
    ada, bob = claim(tmp_path, "ada"), claim(tmp_path, "bob")
    first = ada.next(Lease(3))
    assert (first.number, first.holder) == (4, "ada")
    ada.pushed(first)
    with pytest.raises(Locked):
        bob.next(first)
    assert ada.next(first).number == 4
    with pytest.raises(Stale):
        ada.next(first._replace(number=5, holder="bob"))
    with pytest.raises(Stale):
        ada.next(Lease(4))
    ada.frees()
    assert ada.next(first) == Lease(4)
    assert bob.next(Lease(4)).number == 5


@pytest.mark.parametrize(("age", "counts"), [(0, True), (599, True), (600, False), (-3600, True)])
def test_a_lease_counts_while_it_is_renewed(age: int, counts: bool) -> None:
    renewed = (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert Lease(1, "ada", renewed=renewed).counts(NOW) is counts
    assert not Lease(1, "", renewed=renewed).counts(NOW)
    assert Lease(1, "ada", renewed="yesterday").counts(NOW), "what cannot be read keeps others out"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b"[" * 100_000, b'{"format_version":"2.0"}',
        *(Lease(1)._replace(**wrong).encoded() for wrong in ({"number": -1}, {"number": (1 << 64) - 1}, {"job": 7}, {"job": "x" * 2000})),
    ],
)  # fmt: skip
def test_what_is_no_lease_stops_everybody(content: bytes) -> None:
    """Until somebody breaks it."""
    assert lease_of(content) == NOBODY_KNOWS
    assert NOBODY_KNOWS.counts(NOW)


def test_an_unreadable_lease_is_broken_like_any_other(team: Callable[[str], Repository]) -> None:
    made = team("made")
    git(made.path, "fetch", "-q", "origin", "acorn-ledger")
    name = "sandbox/ledger.db.lease"
    tip = git(made.path, "rev-parse", "FETCH_HEAD").strip()
    push(made.path, "origin", "acorn-ledger", {name: b"rubbish"}, "m", onto=tip)
    made.write(storefront(), *shelf("31.00"))
    refused = made.run("apply", "--auto-approve")
    assert (refused.code, "cannot be read" in refused.err) == (6, True), refused
    assert made.run("lock", "--break", "somebody wrote into it").code == 0
    made.apply()


def test_whoever_breaks_a_lock_waits_until_the_other_has_seen_it(
    team: Callable[[str], Repository], market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, slept = team("watcher"), list[float]()
    running = slow(team("slow"), market, "32.00")
    try:
        until(lambda: lease(watcher))
        monkeypatch.setattr(locking, "GRACE", GRACE)
        monkeypatch.setattr(time, "sleep", slept.append)
        assert watcher.run("lock", "--break", "it hangs").code == 0
        assert slept[-1] == GRACE > LOOKS
    finally:
        monkeypatch.undo()
        stop(running)


def test_a_lease_comes_back_as_it_was() -> None:
    one = Lease(7, "ada", JOB, "0123", since="2026-11-27T09:00:00Z", renewed="2026-11-27T09:02:00Z")
    assert lease_of(one.encoded()) == one
    assert orjson.loads(one.encoded())["format_version"] == "1.0"
    assert lease_of(None) == Lease()


def test_a_run_goes_on_while_the_branch_is_away_and_no_longer_than_its_lease() -> None:
    now, answers = [0.0], [AcornError("no network")]

    def renew() -> None:
        if answers[0]:
            raise answers[0]

    renewal = Renewal(renew, lambda: now[0])
    for now[0] in (1.0, EVERY, EVERY + LOOKS, LASTS.total_seconds() - EVERY - LOOKS):
        assert renewal.holds()
    now[0] = LASTS.total_seconds() - EVERY
    assert not renewal.holds()
    answers[0] = None  # type: ignore[call-overload]
    assert not renewal.holds(), "what was lost stays lost"


def test_a_run_that_lost_its_lease_stops_at_once() -> None:
    now = [0.0]

    def renew() -> None:
        raise Stale("bob took over")

    renewal = Renewal(renew, lambda: now[0])
    assert renewal.holds()
    now[0] = EVERY
    assert not renewal.holds()


def test_a_branch_that_moved_is_looked_at_before_it_is_time_to_renew() -> None:
    now, renewed, pushed = [0.0], list[float](), [False]
    renewal = Renewal(lambda: renewed.append(now[0]), lambda: now[0], lambda: pushed[0])
    for now[0] in (LOOKS - 1, LOOKS, 3 * LOOKS):
        assert renewal.holds()
    assert renewed == []
    pushed[0] = True
    for now[0] in (3 * LOOKS + 1, 4 * LOOKS):
        assert renewal.holds()
    assert renewed == [4 * LOOKS]
