"""What a marketplace holds and no spec may say is left as it is there: specs that were taken in are valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox.disturb import insert
from tests.faults import sandbox
from tests.repository import Repository, storefront

ODD = {
    "an invisible letter": "x\u200b",
    "text that runs backwards": "x\u202ey",
    "half of a letter": "cafe\u0301",
    "an escape": "x\x1b[2Jy",
}


def listing(code: str, title: str) -> dict[str, Any]:
    """As a store shows it."""
    price = {"currency": "EUR", "value": "5.00"}
    return {"sku": code, "status": "active", "title": title, "price": price}


@pytest.fixture
def team(tmp_path: Path) -> Repository:
    """A store in which B-1 is, and nobody declares it."""
    made = Repository(tmp_path / "r", storefront())
    made.apply()
    with sandbox(made) as database:
        insert(database, Address("amz-de", "listing", "B-1"), listing("B-1", "fine"))
    return made


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_title_stays_where_it_is(odd: str, team: Repository) -> None:
    """The rest is taken in, and what was left is told."""
    with sandbox(team) as database:
        insert(database, Address("amz-de", "listing", "A-1"), listing("A-1", ODD[odd]))
    done = team.run("import")
    assert (done.code, "A-1 is left as it is in part: its title holds" in done.out + done.err) == (0, True), (
        done
    )
    assert team.run("validate").code == 0
    assert "No changes. 3 resources" in team.run("plan").out
    assert team.live()["amz-de/listing/A-1"]["title"] == ODD[odd]


def test_an_odd_name_stays_unmanaged(team: Repository) -> None:
    """Whatever else it says."""
    with sandbox(team) as database:
        insert(database, Address("amz-de", "listing", "CAFE\u0301"), listing("CAFE\u0301", "fine"))
    done = team.run("import")
    assert (done.code, "stays unmanaged: its sku holds" in done.out + done.err) == (0, True), done
    assert team.run("validate").code == 0
