"""The SQLite ledger is a ledger: it passes the suite that every backend must pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acorn_gitops.ledger.conformance import LedgerConformance, Opened
from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.ledger.protocol import Ledger


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
