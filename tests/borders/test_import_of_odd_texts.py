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


def test_a_long_name_is_cut_and_two_of_one_beginning_differ(team: Repository) -> None:
    """A promotion is called in a store what people read; a spec's name has 63 letters."""
    off = {"type": "percentOff", "enabled": True, "skus": ["B-1"], "discount": {"percent": "10"}}
    off |= {"audience": "all", "stackable": False}
    off |= {"start": "2027-11-20T00:00:00Z", "end": "2027-11-30T00:00:00Z"}
    called = [f"{'Summer sale of everything ' * 4}{end}" for end in ("in red", "in blue")]
    called.append(f"{'s' * 57} sale")  # a hyphen stands where a name with its store ends
    called.append(called[-1].replace(" ", "_"))
    with sandbox(team) as database:
        for name in called:
            insert(database, Address("amz-de", "promotion", name), off)
    done = team.run("import")
    assert (done.code, "stays unmanaged" in done.out + done.err) == (0, False), done
    assert team.run("validate").code == 0
    assert "No changes. 6 resources in sync" in team.run("plan").out
