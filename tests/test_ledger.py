"""The SQLite ledger is a ledger: it passes the suite that every backend must pass."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from acorn_gitops.confine import database
from acorn_gitops.ledger.conformance import LedgerConformance, Opened
from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.ledger.protocol import Ledger
from acorn_gitops.ledger.records import Settled
from acorn_gitops.model.resource import Address


class TestSqlite(LedgerConformance):
    """One file, opened as often as asked."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Opened]:
        """For writing, at one place."""
        made: list[Ledger] = []

        def again() -> Ledger:
            made.append(open_ledger(tmp_path / "ledger.db", write=True))
            return made[-1]

        yield again
        for ledger in made:
            ledger.close()


def test_reading_creates_nothing(tmp_path: Path) -> None:
    """A file that is not there is an empty ledger."""
    ledger = open_ledger(tmp_path / "ledger.db")
    assert (ledger.exists, ledger.stores(), ledger.serial()) == (False, [], 0)
    assert not list(tmp_path.iterdir())


def test_a_ledger_that_was_open_for_long_takes_many_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of hours writes down what it sent: a statement has its time from when it begins."""
    monkeypatch.setattr(database, "STEPS", 1000)
    monkeypatch.setattr(database, "SECONDS", 0.5)
    ledger = open_ledger(tmp_path / "ledger.db", write=True)
    rows = [
        Settled(Address("amz-de", "listing", f"K-{number}"), "adopt", "", outcome="observed", attributes={})
        for number in range(300)
    ]
    time.sleep(0.6)
    assert ledger.record(rows, "2026-11-26T09:00:00Z", "me", "c", "import")
    assert len(ledger.applied("amz-de")) == 300
    ledger.close()


@pytest.mark.parametrize("asked", ["one statement", "row by row"])
def test_a_statement_without_end_is_ended(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is asked."""
    monkeypatch.setattr(database, "STEPS", 1000)
    monkeypatch.setattr(database, "SECONDS", 0.1)
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n WHERE i < 0"
    with closing(database.Bounded(":memory:")) as db, pytest.raises(sqlite3.OperationalError, match="interr"):
        if asked == "one statement":
            db.execute(counting)
        else:
            db.execute("CREATE TABLE t (i INTEGER)")
            db.executemany(f"INSERT INTO t SELECT ? FROM ({counting})", [(1,)])
