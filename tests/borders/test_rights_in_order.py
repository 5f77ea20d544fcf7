"""Whoever has a role at the marketplace counts as one of its people; people leave before a role changes and come after
it; and a grant never gives what somebody else's role says (fourteenth attack)."""

from __future__ import annotations

from pathlib import Path

import pytest

from acorn_gitops.sandbox.database import Database
from tests import faults
from tests.borders.clone import git
from tests.borders.test_own_rights import LIMIT, ROLES, by
from tests.borders.test_whose_words import founded, replaced
from tests.repository import Repository, storefront

MALLORY = "    - {kind: user, id: mallory@example.com, mfa: true}\n"
BOTH = "    - {kind: user, id: pat@example.com, mfa: true}\n" + MALLORY
GRANT = "amz-de/grant/promoters:user:mallory@example.com"
ROLE = "amz-de/role/promoters"
SHARED = ROLES.replace(
    "name: promoters}\nspec:\n  subjects: [{kind: user, id: mallory@example.com, mfa: true}]\n",
    "name: promoters}\nspec:\n  subjects:\n    - {kind: user, id: pat@example.com, mfa: true}\n" + MALLORY,
)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Mallory and pat share a role with a limit, applied by bob."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    found = founded(tmp_path / "r", SHARED)
    found.apply()
    return found


def change(made: Repository, who: str, *pairs: tuple[str, str]) -> None:
    for old, new in pairs:
        replaced(made.path / "specs" / "roles.yaml", old, new)
    git(made.path, "add", "-A")
    by(made, who)


def test_who_left_a_role_in_the_specs_and_has_it_still_does_not_widen_it(
    made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    before = made.live()[ROLE]
    change(made, "mallory", (BOTH, BOTH.replace(MALLORY, "")), (LIMIT, ""))
    alone = made.run("apply", "--auto-approve", "--select", ROLE)
    assert (alone.code, "ROL-012" in alone.err) == (4, True), alone
    whole = made.run("apply", "--auto-approve")
    assert (whole.code, "ROL-012" in whole.err) == (4, True), whole
    assert made.live()[ROLE] == before
    assert GRANT in made.live()


def test_who_leaves_and_widens_nothing_asks_nobody(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    change(made, "mallory", (BOTH, BOTH.replace(MALLORY, "")))
    made.apply()
    assert GRANT not in made.live()


def test_a_role_does_not_widen_while_somebody_who_leaves_it_still_has_it(made: Repository) -> None:
    before = made.live()[ROLE]
    change(
        made, "ada", (BOTH, BOTH.replace("mallory", "zoe")), ("resources: [promo]", "resources: [promo, price]"), (LIMIT, "")
    )  # fmt: skip
    faults.order(made, "reject", GRANT, times=9)
    done = made.run("apply", "--auto-approve", "--wait", "0.2")
    live = made.live()
    assert done.code == 3, done
    assert live[ROLE] == before
    assert GRANT in live and GRANT.replace("mallory", "zoe") not in live
    assert "still has it" in done.out
    with faults.sandbox(made) as database:
        database.clear_faults()
    made.apply()
    live = made.live()
    assert GRANT not in live and GRANT.replace("mallory", "zoe") in live
    assert live[ROLE] != before


@pytest.mark.parametrize("fault", ["reject", "accept"])
def test_nobody_enters_a_role_that_is_not_there_as_the_specs_say(made: Repository, fault: str) -> None:
    zoe = "amz-de/grant/pricers:user:zoe@example.com"
    pat = "    - {kind: user, id: pat@example.com, mfa: true}\n  stores: {names: [amz-de]}\n  rules: [{resources: [price], verbs: [apply, read]}]"
    change(
        made,
        "ada",
        (pat, pat.replace("pat@", "zoe@").replace("[apply, read]", "[read]")),
    )
    faults.order(made, fault, "*/role/pricers", times=9)
    done = made.run("apply", "--auto-approve", "--wait", "0.2")
    assert done.code == 3, done
    assert zoe not in made.live()
    assert "the role pricers is not there as these specs say it" in " ".join(done.out.split())


@pytest.mark.parametrize("owner", ["other/prod", ""])
def test_a_grant_never_gives_what_a_role_of_somebody_else_says(made: Repository, owner: str) -> None:
    """A new store of the specs is there already, with a wider role under the key of ours."""
    change(made, "ada", ("    names: [amz-de, amz-fr]\n    exclude: [amz-fr]\n", "    all: true\n"))
    made.apply()
    front = made.live()["amz-de/storefront/amz-de"]
    wide = {"rules": [{"resources": ["promo", "price"], "verbs": ["apply", "write"]}]}
    database = Database(made.path / ".acorn" / "sandbox.db")
    with database.transaction() as db:
        revision = database.next_revision(db, "amz-it")
        for kind, key, body in (("storefront", "amz-it", front), ("role", "promoters", wide)):
            database.put(db, revision, "amz-it", kind, key, body, database.new_id(db), owner)
    database.close()
    made.write(storefront("amz-it", zone=front["timezone"]), file="it.yaml")
    git(made.path, "add", "-A")
    by(made, "mallory")
    plan = made.run("plan")
    assert (plan.code, "ACN-041" in plan.out) == (4, True), plan
    done = made.run("apply", "--auto-approve")
    assert done.code == 4, done
    assert not [name for name in made.live() if name.startswith("amz-it/grant/promoters")]
