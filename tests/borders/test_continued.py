"""Entries that somebody added to a ledger, and of which no store has heard, count for nothing: not then, and not when
an honest run has come after them (fourteenth attack)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.ledger.records import Intent
from acorn_gitops.ledger.sqlite import SqliteLedger
from acorn_gitops.model.resource import Address
from tests.borders.clone import git
from tests.borders.test_own_rights import LIMIT, ROLES, by
from tests.borders.test_whose_words import founded, refused, replaced
from tests.repository import Repository, sku

LATER = "2026-11-23T10:00:00Z"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Applied as a whole by bob."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    found = founded(tmp_path / "r", ROLES)
    found.apply()
    return found


def continued(made: Repository, do: Callable[[SqliteLedger], Any]) -> None:
    """Somebody adds to the ledger with acorn's own means, so that the chain holds."""
    ledger = open_ledger(made.path / ".acorn" / "sandbox" / "ledger.db", write=True)
    do(ledger)
    ledger.close()


def whole_apply(commit: str, **guards: Any) -> Callable[[SqliteLedger], Any]:
    def do(ledger: SqliteLedger) -> None:
        about = {"owner": "test/sandbox", "committed": 0, "guards": guards}
        ledger.begin_plan("f" * 64, LATER, "bob", commit, "sandbox", "x", about=about)
        ledger.end_plan("f" * 64, "complete", LATER, "bob", {}, {}, {"owner": "test/sandbox", "commit": commit, "exact": True})  # fmt: skip

    return do


def head(made: Repository) -> str:
    return git(made.path, "rev-parse", "HEAD").strip()


def test_a_forged_whole_apply_forgives_nobody_their_edit(made: Repository) -> None:
    replaced(made.path / "specs" / "roles.yaml", LIMIT, "")
    by(made, "mallory")
    continued(made, whole_apply(head(made)))
    refused(made)


def test_nor_does_it_once_an_honest_run_has_come_after_it(made: Repository) -> None:
    replaced(made.path / "specs" / "roles.yaml", LIMIT, "")
    by(made, "mallory")
    continued(made, whole_apply(head(made)))
    made.write(*_stores_and(sku("S-1", "21.00")))
    by(made, "ada")
    done = made.run("apply", "--auto-approve", "--select", "amz-de/listing/*")
    assert done.code == 0, done
    refused(made)


def _stores_and(*documents: dict[str, Any]) -> list[dict[str, Any]]:
    from tests.repository import storefront

    return [storefront(), storefront("amz-fr"), *documents]


def test_forged_guards_open_nothing(made: Repository) -> None:
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text() + "  policies: {access: enforced}\n")
    by(made, "ada")
    enforced = made.run("apply", "--auto-approve")
    assert enforced.code in (0, 4), enforced
    project.write_text(project.read_text().replace("enforced", "open"))
    by(made, "mallory")
    plain = made.run("plan")
    continued(made, whole_apply(head(made), access="open"))
    assert ("ACN-036" in made.run("plan").out) == ("ACN-036" in plain.out)


def test_a_forged_commit_lets_no_old_one_pass(made: Repository) -> None:
    old = head(made)
    made.write(*_stores_and(sku("S-1", "29.00")))
    by(made, "ada")
    made.apply()
    git(made.path, "checkout", "-q", old)
    assert made.run("apply", "--auto-approve").code == 6
    continued(made, whole_apply(old))
    late = made.run("apply", "--auto-approve")
    assert late.code == 6, late
    assert made.live()["amz-de/listing/S-1"]["price"]["value"] == "29.00"


def test_a_forged_intent_makes_nothing_ours(made: Repository) -> None:
    address = Address("amz-de", "listing", "S-9")
    from tests import faults

    with faults.sandbox(made) as database, database.transaction() as db:
        body = {"sku": "S-9", "status": "active", "price": {"currency": "EUR", "value": "35.00"}}
        database.put(
            db,
            database.next_revision(db, "amz-de"),
            "amz-de",
            "listing",
            "S-9",
            body,
            database.new_id(db),
            "",
        )

    def plant(ledger: SqliteLedger) -> None:
        ledger.begin_plan("f" * 64, LATER, "bob", head(made), "sandbox", "x", about={"owner": "test/sandbox"})
        intent = Intent("f" * 64, address, "create", operation="create", key="k", attributes={}, declared={"sku": "S-9"},
                        origin="", remote_id="", protected=False, at=LATER)  # fmt: skip
        ledger.intend([intent])

    continued(made, plant)
    made.write(*_stores_and(sku("S-1", "20.00"), sku("S-9", "20.00")))
    by(made, "ada")
    done = made.run("apply", "--auto-approve")
    assert done.code == 3, done
    assert made.live()[str(address)]["price"]["value"] == "35.00"


def test_a_run_that_died_before_any_store_heard_of_it_stops_nobody(made: Repository) -> None:
    """Its beginning counts for nothing, and the next run says so and goes on."""
    about = {"owner": "test/sandbox", "guards": {}}
    continued(
        made,
        lambda ledger: ledger.begin_plan("e" * 64, LATER, "bob", head(made), "sandbox", "y", about=about),
    )
    made.write(*_stores_and(sku("S-1", "21.00")))
    by(made, "ada")
    made.apply()
    assert made.live()["amz-de/listing/S-1"]["price"]["value"] == "21.00"
    assert made.run("log").code == 0


def test_what_is_opened_for_reading_is_never_written(made: Repository) -> None:
    from acorn_gitops import Workspace
    from acorn_gitops.model.finding import AcornError

    workspace = Workspace(made.path, environ={"ACORN_ACTOR": "x"})
    with workspace.ledger() as ledger:
        with pytest.raises(AcornError, match="reading only"):
            ledger.begin_plan("f" * 64, LATER, "x", "", "sandbox")
        with pytest.raises(Exception, match="readonly"):
            ledger._db.execute("UPDATE meta SET value=9 WHERE name='serial'")  # type: ignore[attr-defined]
