"""A ledger comes into being whole, or not at all; a script has no clock of its own where something real is written; answers that
would take hours are given up."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from acorn_gitops import AcornError, ApplyRequest, Workspace
from acorn_gitops.confine import http
from acorn_gitops.ledger import opening
from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.client import STORE_SECONDS
from acorn_gitops.model.finding import Incomplete
from tests.amazon.test_client import OK, client
from tests.borders.server import Server
from tests.repository import PROJECT, Repository, sku, storefront


def test_who_dies_while_a_ledger_is_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one makes it."""
    whole = opening._migrate

    def half(path: Path, *, had_content: bool) -> None:
        path.write_bytes(b"SQLite format 3\0 and a part of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(opening, "_migrate", half)
    with pytest.raises(KeyboardInterrupt):
        open_ledger(tmp_path / "ledger.db", write=True)
    made = tmp_path / "ledger.db"
    assert not made.exists() or not made.stat().st_size
    monkeypatch.setattr(opening, "_migrate", whole)
    open_ledger(tmp_path / "ledger.db", write=True).close()
    assert not (tmp_path / "ledger.db.new").exists()


@pytest.mark.parametrize("after", [0.0, 0.01, 0.02, 0.04])
def test_a_first_apply_that_is_killed_is_followed_by_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: float
) -> None:
    """Whatever of the ledger was there."""
    made = Repository(tmp_path / "r", storefront(), sku())
    ledger = made.path / ".acorn" / "sandbox" / "ledger.db"
    words = [sys.executable, "-P", "-m", "acorn_gitops", "apply", "--auto-approve"]
    root = str(Path(__file__).parents[2])
    running = subprocess.Popen(
        words, cwd=made.path, env={**os.environ, "PYTHONPATH": root}, stdout=-3, stderr=-3
    )
    while running.poll() is None and not [*ledger.parent.glob("ledger.db*")]:
        pass
    time.sleep(after)
    running.send_signal(signal.SIGKILL)
    running.wait()
    made.apply()


def test_a_full_disk_under_a_new_ledger_is_told(tmp_path: Path) -> None:
    """In words, as everywhere, and nothing is left in the way."""
    made = Repository(tmp_path / "r", storefront(), sku())
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from acorn_gitops.cli import run; sys.exit(run(['apply', '--auto-approve']))"
    )
    root = str(Path(__file__).parents[2])
    full = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=made.path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert full.returncode == 1 and "internal error" not in full.stderr, full
    assert "disk is full" in full.stderr
    made.apply()


@pytest.mark.parametrize("ahead", [timedelta(days=100), timedelta(days=-100)])
def test_a_script_goes_by_the_real_clock_too(tmp_path: Path, ahead: timedelta) -> None:
    """A freeze would be over, a role not yet."""
    made = Repository(tmp_path / "r", storefront(), sku())
    (made.path / "acorn.yaml").write_text(PROJECT.replace("sandbox:", "https://shop.example", 1))
    lying = Workspace(made.path, environ=dict(os.environ), clock=lambda: datetime.now(UTC) + ahead)
    with pytest.raises(AcornError, match="clock"):
        lying.apply(ApplyRequest())
    lying.close()


def packed(times: int) -> bytes:
    """Nothing, in many blocks, packed so many times."""
    made = zlib.compressobj(wbits=31)
    body = b"".join(made.flush(zlib.Z_FULL_FLUSH) for _ in range(1000)) + made.flush()
    for _ in range(times - 1):
        body = gzip.compress(body)
    return body


@pytest.mark.parametrize(("times", "ends"), [(1, True), (2, False), (4, False)])
def test_what_is_packed_more_than_once_is_not_unpacked(times: int, ends: bool) -> None:
    """A few thousand bytes could be hours of work."""
    body, how = packed(times), ", ".join(["gzip"] * times)
    with Server(
        lambda exchange: exchange.answer(body, kind="text/plain", **{"content-encoding": how})
    ) as there:
        client_of = http.Client({}, [], 10)
        if ends:
            client_of.request("GET", there.url, {})
            return
        with pytest.raises(http.Hopeless, match="packed more than once"):
            client_of.request("GET", there.url, {})


def test_a_store_of_amazon_is_read_in_an_hour_or_not() -> None:
    """However slowly each of its pages comes; what is written has its own bounds."""
    account = client(OK, OK, OK)
    account.begin()
    account._clock = lambda: STORE_SECONDS + 1
    with pytest.raises(Incomplete, match="too long"):
        account.call(op.PARTICIPATIONS)
    account.call(op.PATCH_LISTING, {"sellerId": "A", "sku": "S"}, {}, {"patches": []})


def test_a_store_of_amazon_whose_answers_crawl_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page in eight seconds, without end; the next store of the account is not waited for."""
    now = [0.0]
    account = client(*[OK] * 100)
    account._clock = lambda: now[0]

    def slow(*_: object) -> http.Answer:
        now[0] += 8
        return OK

    account._login.token()
    monkeypatch.setattr(account._sends, "request", slow)
    account.begin()
    with pytest.raises(Incomplete, match="too long"):
        for _ in range(100):
            account.call(op.PARTICIPATIONS)
    assert 120 <= now[0] <= 160
    account.begin()
    with pytest.raises(Incomplete, match="too long"):
        account.call(op.PARTICIPATIONS)
