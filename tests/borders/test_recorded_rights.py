"""A right counts once somebody has applied it who may give it: not because it was found in a store as the specs say it, and
taken into the ledger by the way. And what is forgotten takes the right to apply it."""

from __future__ import annotations

from pathlib import Path

import pytest

from acorn_gitops.sandbox.database import Database
from tests.borders.clone import git
from tests.borders.test_own_rights import by
from tests.borders.test_whose_words import founded, replaced
from tests.repository import Repository, storefront

GRANT = "amz-de/grant/pricers:user:mallory@example.com"
ROLES = """apiVersion: acorn/v1
kind: RolePermission
metadata: {name: owners}
spec:
  subjects: [{kind: user, id: ada@example.com, mfa: true}, {kind: user, id: grace@example.com, mfa: true}]
  stores: {all: true}
  rules: [{resources: [iam, store, listing, price, promo, content, inventory, tax], verbs: [read, apply, delete]}]
  approvals: {requiredFor: [iam.grant], approvers: [{group: owners}], min: 1}
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: pricers}
spec:
  subjects:
    - {kind: user, id: pat@example.com, mfa: true}
  stores: {names: [amz-de]}
  rules: [{resources: [price], verbs: [apply, read]}]
"""
PAT = "    - {kind: user, id: pat@example.com, mfa: true}\n"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Ada owns; pat is a pricer; access is enforced, and all of it applied."""
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    found = founded(tmp_path / "r", ROLES)
    project = found.path / "acorn.yaml"
    project.write_text(project.read_text() + "  policies: {access: enforced}\n")
    git(found.path, "add", "-A")
    by(found, "ada")
    found.apply()
    return found


def given_by_hand(made: Repository, role: str = "pricers") -> None:
    """Somebody gives mallory in the console what pricers may do: their role, or another one that says the same."""
    live = made.live()
    given = live["amz-de/grant/pricers:user:pat@example.com"]
    body = {**given, "role": role, "subject": {**given["subject"], "id": "mallory@example.com"}}
    database = Database(made.path / ".acorn" / "sandbox.db")
    with database.transaction() as db:
        for kind, key, one in (
            ("role", role, live["amz-de/role/pricers"]),
            ("grant", f"{role}:user:mallory@example.com", body),
        ):
            if f"amz-de/{kind}/{key}" not in live:
                revision = database.next_revision(db, "amz-de")
                database.put(db, revision, "amz-de", kind, key, one, database.new_id(db), "")
    database.close()


@pytest.mark.parametrize("verb", [("apply", "--auto-approve"), ("state", "rebuild")])
def test_a_right_that_was_found_counts_by_whoever_may_give_it(
    made: Repository, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    """The specs say so as well: whoever applies writes nothing."""
    given_by_hand(made)
    replaced(made.path / "specs" / "roles.yaml", PAT, PAT + PAT.replace("pat@", "mallory@"))
    by(made, "ada")
    monkeypatch.setenv("ACORN_ACTOR", "zoe@example.com")
    refused = made.run(*verb)
    assert (refused.code, "zoe@example.com has no iam.apply in amz-de" in refused.err) == (4, True), refused
    assert GRANT not in made.run("state", "list").out
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    assert made.run(*verb).code == 0
    assert GRANT in made.run("state", "list").out


def test_what_is_as_it_was_is_rebuilt_by_anybody(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_ACTOR", "zoe@example.com")
    before = made.run("state", "list").out
    assert made.run("state", "rebuild").code == 0
    assert made.run("state", "list").out.replace("  (adopted)", "") == before.replace("  (adopted)", "")


def test_a_lost_ledger_is_rebuilt_by_anybody(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing by which anybody could be asked."""
    monkeypatch.setenv("ACORN_ACTOR", "zoe@example.com")
    for file in (made.path / ".acorn").glob("*.ledger*"):
        file.unlink()
    assert made.run("state", "rebuild").code == 0


def test_a_right_is_imported_by_whoever_may_give_it(
    made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its spec is written, to be reviewed; recorded it is not."""
    given_by_hand(made, "helpers")
    monkeypatch.setenv("ACORN_ACTOR", "zoe@example.com")
    refused = made.run("import")
    assert (refused.code, "has no iam.apply in amz-de" in refused.err) == (4, True), refused
    assert "helpers" not in made.run("state", "list").out


@pytest.mark.parametrize("address", ["amz-de/listing/S-1", "amz-de/storefront/amz-de"])
def test_forgetting_takes_the_right_to_apply(
    made: Repository, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("ACORN_ACTOR", "zoe@example.com")
    refused = made.run("state", "rm", address)
    assert (refused.code, "nothing was recorded or forgotten" in refused.err) == (4, True), refused
    assert address in made.run("state", "list").out
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    assert made.run("state", "rm", address).code == 0


def test_a_listing_that_only_leaves_the_specs_takes_the_right_to_apply_it(
    made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With pruning off it stays, and nobody watches it any more."""
    replaced(made.path / "acorn.yaml", "access: enforced", "access: enforced, prune: {listing: false}")
    made.write(storefront(), storefront("amz-fr"))
    git(made.path, "add", "-A")
    by(made, "ada")
    monkeypatch.setenv("ACORN_ACTOR", "zoe@example.com")
    refused = made.run("apply", "--auto-approve")
    assert (refused.code, "has no listing.apply in amz-de" in refused.err) == (4, True), refused
    assert "amz-de/listing/S-1" in made.run("state", "list").out
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    made.apply()
    assert "amz-de/listing/S-1" not in made.run("state", "list").out
