"""A branch whose name only ends like another's is another branch; and nobody gains by a name that is written where it
means something else (fifteenth attack)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.borders.clone import cloned, git, published
from tests.borders.test_approvals import ASKS, GIVEN, PROMO, ROLE, put
from tests.borders.test_approvals import made as made
from tests.borders.test_approvals import refused as refused_by_approvals
from tests.borders.test_own_rights import ROLES, by
from tests.borders.test_whose_words import founded, replaced
from tests.repository import Repository, sku, storefront


def test_a_branch_that_ends_like_the_default_one_is_not_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    team = Repository(tmp_path / "r", storefront(), sku())
    published(tmp_path, team)
    team.write(storefront(), sku(price="19.00"))
    git(team.path, "commit", "-qam", "mine")
    assert team.run("ci", "apply").code == 6
    git(team.path, "push", "-q", "origin", "HEAD:refs/heads/a/refs/heads/main")
    assert team.run("ci", "apply").code == 6
    git(team.path, "checkout", "-q", "HEAD^")
    assert team.run("ci", "apply").code == 0


def test_a_branch_that_ends_like_the_ledgers_is_not_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Repository(tmp_path / "r", storefront(), sku())
    bare = published(tmp_path, team)
    team.apply()
    assert team.run("state", "push").code == 0
    other = cloned(bare, tmp_path / "other")
    Repository.write(other, storefront(), sku(price="10.00"))
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "none")
    other.apply()
    monkeypatch.delenv("ACORN_LEDGER_BRANCH")
    assert other.run("state", "push", "--branch", "a/refs/heads/acorn-ledger").code == 0
    fresh = cloned(bare, tmp_path / "fresh")
    assert fresh.run("state", "pull").code == 0
    held = fresh.run("state", "list", "-o", "json").json
    assert "10.00" not in str(held)


@pytest.fixture
def roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    found = founded(tmp_path / "roles", ROLES)
    found.apply()
    return found


EVE = "    - {kind: user, id: eve@example.com, mfa: true}\n"
PICKERS = "name: pickers}\nspec:\n  subjects:\n"


def enter(made: Repository) -> str:
    replaced(made.path / "specs" / "roles.yaml", PICKERS, PICKERS + EVE)
    by(made, "ada")
    return "amz-de/grant/pickers:user:eve@example.com"


def widen_outside(made: Repository) -> None:
    from tests import faults

    with faults.sandbox(made) as database, database.transaction() as db:
        body = {"rules": [{"resources": ["price", "promo"], "verbs": ["apply", "write"]}]}
        row = database.get("amz-de", "role", "pickers")
        assert row is not None
        database.put(
            db,
            database.next_revision(db, "amz-de"),
            "amz-de",
            "role",
            "pickers",
            body,
            row.id,
            "test/sandbox",
        )


@pytest.mark.parametrize(("ignored", "written"), [(False, False), (True, False), (True, True)])
def test_a_grant_alone_is_not_given_while_its_role_is_another(
    roles: Repository, ignored: bool, written: bool
) -> None:
    """Neither by selecting it alone, nor where the role's rules are left to others, whatever else of the role
    is written."""
    widen_outside(roles)
    grant = enter(roles)
    if ignored:
        replaced(roles.path / "specs" / "roles.yaml", "metadata: {name: pickers}\n", "metadata: {name: pickers}\nlifecycle: {ignoreFields: [rules]}\n")  # fmt: skip
        by(roles, "ada")
    if written:
        validity = "spec:\n  validity: {from: '2026-01-01', until: '2027-06-30'}\n"
        replaced(roles.path / "specs" / "roles.yaml", "[rules]}\nspec:\n", f"[rules]}}\n{validity}")
        by(roles, "ada")
    select = () if ignored else ("--select", "amz-de/grant/*")
    done = roles.run("apply", "--auto-approve", *select)
    assert (done.code, "ACN-041" in done.err) == (4, True), done
    assert grant not in roles.live()


def test_a_grant_goes_together_with_its_role(roles: Repository) -> None:
    widen_outside(roles)
    grant = enter(roles)
    roles.apply()
    live = roles.live()
    assert grant in live
    assert live["amz-de/role/pickers"]["rules"] == [{"resources": ["order"], "verbs": ["read"]}]


def test_who_signs_herself_has_edited_it_all_the_same(made: Repository) -> None:
    without = PROMO.replace(
        "    names: [S-1]\n", "    names:\n      - S-1\n      - S-2\n    exclude:\n      - S-1\n"
    )
    put(made, "ada", without)
    made.apply()
    shorter = without.replace("    exclude:\n      - S-1\n", "")
    put(made, "mallory", shorter + GIVEN.replace("grace@", "mallory@"))
    refused_by_approvals(made)


@pytest.mark.parametrize("where", ["template", "overlay"])
def test_what_a_template_or_an_overlay_asked_for_at_the_last_apply_counts(
    made: Repository, where: str
) -> None:
    if where == "template":
        base = "apiVersion: acorn/v1\nkind: RolePermission\nmetadata: {name: base, abstract: true}\nspec:\n"
        put(
            made,
            "ada",
            ROLE.replace("spec:\n", "spec:\n  inherits: [base]\n", 1) + "---\n" + base + ASKS,
            "roles.yaml",
        )
        asked, silent = made.path / "specs" / "roles.yaml", ASKS
    else:
        (made.path / "overlays").mkdir()
        project = made.path / "acorn.yaml"
        project.write_text(project.read_text().replace("sandbox: {}", "sandbox: {overlays: [overlays]}"))
        overlay = "apiVersion: acorn/v1\nkind: RolePermission\nmetadata: {name: promoters}\nspec:\n" + ASKS
        (made.path / "overlays" / "r.yaml").write_text(overlay)
        put(made, "ada", ROLE, "roles.yaml")
        asked, silent = made.path / "overlays" / "r.yaml", ASKS
    made.apply()
    put(made, "mallory", PROMO)
    refused_by_approvals(made)
    replaced(asked, silent, "  description: nothing is asked\n" if where == "overlay" else "  rules: []\n")
    git(made.path, "add", "-A")
    by(made, "mallory")
    done = made.run("apply", "--auto-approve")
    assert done.code == 4, done
    assert "amz-de/promotion/p1" not in made.live()


def test_a_promotion_that_was_set_in_a_console_and_then_declared_is_asked_about(made: Repository) -> None:
    put(made, "mallory", PROMO)
    put(made, "grace", PROMO + GIVEN)
    made.apply()
    assert made.run("sandbox", "disturb", 'amz-de/promotion/p1.discount={"percent":"60"}').code == 0
    put(made, "mallory", PROMO.replace('"10"', '"60"') + GIVEN)
    done = made.run("apply", "--auto-approve")
    assert (done.code, "ROL-024" in done.err) == (4, True), done
