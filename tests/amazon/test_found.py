"""A row of the ledger that was changed is refused, whatever of it was changed: what was only found is not made ours by hand."""

from __future__ import annotations

import sqlite3

import pytest

from tests.amazon.test_durations import shelf
from tests.amazon.test_flow import STORES, Seller
from tests.amazon.test_killed import listed


@pytest.mark.parametrize("change", ["", "UPDATE resource SET adopted=0", "UPDATE resource SET adopted=1"])
def test_what_was_only_found_is_not_deleted(selling: Seller, change: str) -> None:
    listed(selling.amazon.account, 3)
    selling.text(STORES + shelf(3, "12.90"))
    assert selling.run("apply", "--auto-approve").code == 0
    if change:
        (path,) = (selling.path / ".acorn").rglob("ledger.db")
        with sqlite3.connect(path) as db:
            db.execute(change)
        db.close()
    selling.text(STORES + shelf(1, "12.90"))
    done = selling.run("apply", "--auto-approve")
    assert {f"S-{n}" for n in range(3)} <= {sku for sku, _ in selling.amazon.account.listings}, done
