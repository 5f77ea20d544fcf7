"""An approval of a promotion is for what is there, by who may give it, under what the role asked for when everything
was applied last (ROL-024; fourteenth attack)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.borders.clone import git
from tests.borders.test_own_rights import by
from tests.repository import Repository, sku, storefront

ASKS = "  approvals:\n    requiredFor: [promo.write]\n    approvers: [{user: grace@example.com}]\n"
ROLE = """apiVersion: acorn/v1
kind: RolePermission
metadata: {name: promoters}
spec:
  subjects: [{kind: user, id: mallory@example.com, mfa: true}]
  stores: {names: [amz-de]}
  rules:
    - resources: [promo]
      verbs: [write]
"""
PROMO = """apiVersion: acorn/v1
kind: Promo
metadata: {name: p1}
spec:
  type: percentOff
  stores:
    names: [amz-de]
  skus:
    names: [S-1]
  window:
    start: {local: "2026-12-01T00:00", tz: store}
    end: {local: "2026-12-08T00:00", tz: store}
  discount:
    percent: "10"
"""
GIVEN = '  approvals:\n    - {role: promoters, by: grace@example.com, at: "2026-11-20"}\n'
IN_LINES = '  approvals:\n    - by: grace@example.com\n      role: promoters\n      at: "2026-11-20"\n'


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Two SKUs and a role that asks for grace's approval, written by ada and applied by bob."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    found = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"), sku("S-2", "30.00"))
    (found.path / ".gitignore").write_text(".acorn/\n")
    git(found.path, "init", "-q", "-b", "main")
    put(found, "ada", ROLE + ASKS, "roles.yaml")
    found.apply()
    return found


def put(made: Repository, who: str, text: str, file: str = "p1.yaml") -> None:
    made.text(text, file)
    git(made.path, "add", "-A")
    by(made, who)


def refused(made: Repository) -> None:
    before = made.live().get("amz-de/promotion/p1")
    done = made.run("apply", "--auto-approve")
    assert (done.code, "ROL-024" in done.err) == (4, True), done
    assert made.live().get("amz-de/promotion/p1") == before


def approved(made: Repository, given: str = GIVEN) -> None:
    put(made, "mallory", PROMO)
    refused(made)
    put(made, "grace", PROMO + given)
    made.apply()


def test_a_role_that_asks_no_more_asked_when_everything_was_applied_last(made: Repository) -> None:
    put(made, "mallory", PROMO)
    put(made, "mallory", ROLE, "roles.yaml")
    refused(made)


def test_nor_does_leaving_the_role_beside_the_promotion_help(made: Repository) -> None:
    put(made, "mallory", PROMO)
    put(made, "mallory", (ROLE + ASKS).replace("mallory@", "zoe@"), "roles.yaml")
    refused(made)


def test_a_role_that_was_applied_without_asking_asks_nothing(made: Repository) -> None:
    put(made, "ada", ROLE, "roles.yaml")
    made.apply()
    put(made, "mallory", PROMO)
    made.apply()


def test_who_takes_a_line_out_has_written_it(made: Repository) -> None:
    without = PROMO.replace(
        "    names: [S-1]\n", "    names:\n      - S-1\n      - S-2\n    exclude:\n      - S-1\n"
    )
    put(made, "ada", without)
    made.apply()
    assert made.live()["amz-de/promotion/p1"]["skus"] == ["S-2"]
    put(made, "mallory", without.replace("    exclude:\n      - S-1\n", ""))
    refused(made)


@pytest.mark.parametrize("given", [GIVEN, IN_LINES])
def test_an_approval_ends_with_the_next_change_by_who_needs_it(made: Repository, given: str) -> None:
    approved(made, given)
    deeper = PROMO.replace('"10"', '"60"')
    put(made, "mallory", deeper + given)
    refused(made)
    put(made, "mallory", deeper + given.replace("2026-11-20", "2026-11-23"))
    refused(made)
    put(made, "grace", deeper + given.replace("2026-11-20", "2026-11-24"))
    made.apply()
    assert made.live()["amz-de/promotion/p1"]["discount"] == {"percent": "60"}
