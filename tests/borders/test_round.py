"""Ways around what is asked, found by attack: a saved plan's own words, rights that are forgotten, parts of a plan, another environment,
files that are put back while somebody is asked, approvals by another pen."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from acorn_gitops import AcornError, ApplyRequest, ExportRequest, Hooks, ImportRequest, Workspace
from acorn_gitops.model.finding import Misused, Refused
from acorn_gitops.plan.document import plan_id
from tests.borders.clone import git
from tests.borders.test_own_rights import LIMIT, ROLES, by
from tests.borders.test_whose_words import founded, refused, replaced
from tests.repository import Repository, document, promo, sku, storefront

OWNERS = document(
    "RolePermission",
    "owners",
    {
        "subjects": [
            {"kind": "user", "id": who, "mfa": True} for who in ("ada@example.com", "grace@example.com")
        ],
        "stores": {"all": True},
        "rules": [
            {
                "resources": ["listing", "price", "promo", "tax", "store", "iam", "content", "inventory"],
                "verbs": ["read", "apply", "write", "delete"],
            }
        ],
        "approvals": {"requiredFor": ["iam.grant"], "approvers": [{"user": "bob@example.com"}]},
    },
)


def promoters(**limits: Any) -> dict[str, Any]:
    """Mallory may apply promotions, within limits."""
    rule = {"resources": ["promo", "listing"], "verbs": ["apply"], "constraints": limits}
    return document(
        "RolePermission",
        "promoters",
        {
            "subjects": [{"kind": "user", "id": "mallory@example.com", "mfa": True}],
            "stores": {"names": ["amz-de"]},
            "rules": [rule],
        },
    )


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Access is enforced; mallory may promote within 10 % and 100 EUR."""
    found = Repository(
        tmp_path / "r",
        storefront(),
        storefront("amz-fr"),
        sku("S-1", "20.00"),
        sku("F-1", "20.00", "amz-fr"),
        OWNERS,
        promoters(maxDiscountPercent="10", maxBudget={"currency": "EUR", "value": "100.00"}),
    )
    project(found, "environments: {sandbox: {}}", "environments: {sandbox: {}, second: {}}")
    replaced(found.path / "acorn.yaml", "spec:\n", "spec:\n  policies: {access: enforced, budgets: {}}\n")
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    found.apply()
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    return found


def project(made: Repository, old: str, new: str) -> None:
    """A change of acorn.yaml, where it says the first."""
    path = made.path / "acorn.yaml"
    if old in path.read_text():
        replaced(path, old, new)


def add(made: Repository, one: dict[str, Any]) -> None:
    """One more spec in a file of its own."""
    made.write(one, file="more.yaml")


def test_what_a_saved_plan_says_of_itself_is_not_believed(made: Repository) -> None:
    """A `before` that holds a budget lends none to a promotion without one."""
    add(made, promo("p1", "5", stores={"names": ["amz-de"]}))
    assert made.run("plan", "--out", "p.json").code == 0
    assert made.run("apply", "p.json").code == 4
    plan = orjson.loads((made.path / "p.json").read_bytes())
    for change in plan["changes"]:
        change["before"] = {"limits": {"budget": {"currency": "EUR", "value": "1.00"}}}
        change["origin"] = {"file": "../../etc/passwd", "line": 1, "kind": "Promo", "name": "p1"}
    plan["id"] = plan_id(plan)
    (made.path / "forged.json").write_bytes(orjson.dumps(plan))
    assert made.run("apply", "forged.json").code in (4, 6)
    assert "amz-de/promotion/p1" not in made.live()


def test_a_plan_that_leaves_a_change_out_is_not_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be applied; the history does not call it exact."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    made = founded(tmp_path / "r", ROLES)
    made.apply()
    made.write(storefront(), storefront("amz-fr"), sku("S-1", "19.00"), sku("S-2", "5.00"))
    git(made.path, "add", "-A")
    by(made, "ada")
    made.run("plan", "--out", "p.json")
    plan = orjson.loads((made.path / "p.json").read_bytes())
    assert len(plan["changes"]) == 2
    del plan["changes"][1]
    plan["id"] = plan_id(plan)
    (made.path / "p.json").write_bytes(orjson.dumps(plan))
    assert made.run("apply", "p.json").code == 0
    last = orjson.loads(made.run("history", "-o", "json").out)
    ends = [
        entry
        for entry in (last if isinstance(last, list) else last["entries"])
        if entry["event"] == "apply.end"
    ]
    assert any(entry["body"].get("exact") is False for entry in ends), ends


def test_forgetting_rights_takes_the_right_to_give_them(made: Repository) -> None:
    """Also by a plan: the policy that forgets is anybody's to write, and what is forgotten binds nobody."""
    replaced(made.path / "acorn.yaml", "budgets: {}", "budgets: {}, prune: {role: false, grant: false}")
    path = made.path / "specs" / "all.yaml"
    path.write_text(
        path.read_text().replace("name: promoters", "name: others").replace("name: owners", "name: heads")
    )
    done = made.run(
        "apply", "--auto-approve", "--select", "*/role/promoters", "--select", "*/grant/promoters*",
        "--select", "*/role/owners", "--select", "*/grant/owners*",
    )  # fmt: skip
    assert done.code == 4 and "iam.apply" in done.err, done
    add(made, promo("p1", "90", stores={"names": ["amz-de"]}))
    assert made.run("apply", "--auto-approve", "--select", "*/promotion/p1").code == 4


def test_limits_of_stores_that_were_not_selected_bind(made: Repository) -> None:
    """In another environment over the same stores, with a part of them."""
    add(made, promo("p1", "90", stores={"names": ["amz-fr"]}))
    done = made.run("apply", "--auto-approve", "--env", "second", "--select", "amz-fr/promotion/p1")
    assert done.code == 4, done
    assert "amz-fr/promotion/p1" not in made.live()


def test_a_new_store_hides_no_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Selecting the new store alone leaves out where the role was edited, and not that it was."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    everywhere = "  stores:\n    names: [amz-de, amz-fr]\n    exclude: [amz-fr]\n"
    made = founded(tmp_path / "r", ROLES.replace(everywhere, "  stores: {all: true}\n"))
    made.apply()
    made.write(storefront(), storefront("amz-fr"), storefront("amz-new"), sku("S-1", "20.00"))
    replaced(made.path / "specs" / "roles.yaml", LIMIT, "")
    git(made.path, "add", "-A")
    by(made, "mallory")
    done = made.run("apply", "--auto-approve", "--select", "amz-new")
    assert done.code == 4 and "ROL-012" in done.err, done
    assert not [name for name in made.live() if name.startswith("amz-new/role/promoters")]


def test_another_environment_is_no_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the marketplace holds was given by somebody, whichever ledger knows of it."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    made = founded(tmp_path / "r", ROLES)
    made.apply()
    replaced(made.path / "specs" / "roles.yaml", LIMIT, "")
    replaced(made.path / "acorn.yaml", "sandbox: {}", "sandbox: {}\n    second: {}") if "sandbox: {}\n" in (
        made.path / "acorn.yaml"
    ).read_text() else replaced(made.path / "acorn.yaml", "sandbox: {}", "sandbox: {}, second: {}")
    by(made, "mallory")
    before = made.live()["amz-de/role/promoters"]
    done = made.run("apply", "--auto-approve", "--env", "second", "--adopt")
    assert done.code == 4 and "ROL-012" in done.err, done
    assert made.live()["amz-de/role/promoters"] == before


def test_files_that_are_put_back_while_somebody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was applied is what was loaded: it is compared with the commit when it is loaded, too."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    made = founded(tmp_path / "r", ROLES)
    made.apply()
    roles = made.path / "specs" / "roles.yaml"
    old = roles.read_text()
    replaced(roles, LIMIT, "")
    by(made, "mallory")
    new = roles.read_text()
    git(made.path, "update-index", "--assume-unchanged", "specs/roles.yaml")
    roles.write_text(old)
    made.write(storefront(), storefront("amz-fr"), sku("S-1", "19.00"))
    shop = Workspace(made.path, environ={**os.environ, "ACORN_ACTOR": "mallory@example.com"})
    shop.apply(hooks=Hooks(approve=lambda _: roles.write_text(new) and None))
    git(made.path, "update-index", "--no-assume-unchanged", "specs/roles.yaml")
    git(made.path, "checkout", "-q", "--", ".")
    refused(made)


APPROVERS = document(
    "RolePermission",
    "sellers",
    {
        "subjects": [{"kind": "user", "id": "mallory@example.com", "mfa": True}],
        "stores": {"all": True},
        "rules": [{"resources": ["promo"], "verbs": ["write", "apply"]}],
        "approvals": {
            "requiredFor": ["promo.apply"],
            "approvers": [{"user": "grace@example.com"}, {"user": "ada@example.com"}],
            "min": 2,
        },
    },
)


@pytest.mark.parametrize("pen", ["mallory", "themselves"])
def test_an_approval_of_a_promotion_is_not_its_authors(
    pen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two approvers by name, written by whoever wrote the promotion, are none (ROL-024)."""
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"), APPROVERS)
    (made.path / ".gitignore").write_text(".acorn/\n")
    git(made.path, "init", "-q", "-b", "main")
    git(made.path, "add", "-A")
    by(made, "ada")
    path = made.path / "specs" / "promo.yaml"
    made.write(promo("p1", "50"), file="promo.yaml")
    git(made.path, "add", "-A")
    by(made, "mallory")
    text = path.read_text().rstrip("\n") + "\n  approvals:\n"
    for who in ("grace", "ada"):
        text += f'    - {{role: sellers, by: {who}@example.com, at: "2026-11-26"}}\n'
        path.write_text(text)
        by(made, who if pen == "themselves" else "mallory")
    told = "ROL-024" in made.run("plan").out
    assert told == (pen == "mallory"), made.run("plan").out


def test_an_approval_of_rights_is_written_by_whoever_approves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pat, who may approve nothing, writes that grace agreed."""
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    made = founded(tmp_path / "r", ROLES)
    made.apply()
    roles = made.path / "specs" / "roles.yaml"
    who = "metadata: {name: pricers}\nspec:\n  subjects:\n"
    replaced(roles, who, who + "    - {kind: user, id: mallory@example.com, mfa: true}\n")
    by(made, "mallory")
    replaced(roles, 'at: "2026-01-10"', 'at: "2026-01-11"')
    by(made, "pat")
    assert "ROL-012" in made.run("plan").out
    replaced(roles, 'at: "2026-01-11"', 'at: "2026-01-12"')
    by(made, "grace")
    assert "ROL-012" not in made.run("plan").out


# -- budgets -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("types", ["[promotion]", "[listing]", "[promotion, listing]"])
@pytest.mark.parametrize("budget", ['priceDrop: "20"', 'priceSum: "20"'])
def test_a_budget_for_what_buyers_pay_binds_list_prices(types: str, budget: str, tmp_path: Path) -> None:
    """Whatever type it names (decision 30)."""
    codes = [f"S-{number}" for number in range(6)]
    made = Repository(tmp_path / "r", storefront(), *(sku(code, "20.00") for code in codes))
    replaced(
        made.path / "acorn.yaml",
        "spec:\n",
        f"spec:\n  policies: {{budgets: {{b: {{types: {types}, {budget}}}}}}}\n",
    )
    made.apply()
    made.write(storefront(), *(sku(code, "2.00") for code in codes))
    assert made.run("apply", "--auto-approve").code == 5


def test_a_budget_for_promotions_counts_what_goes_off_sale(tmp_path: Path) -> None:
    """What can be bought is one thing, too."""
    codes = [f"S-{number}" for number in range(6)]
    made = Repository(tmp_path / "r", storefront(), *(sku(code, "20.00") for code in codes))
    replaced(
        made.path / "acorn.yaml",
        "spec:\n",
        "spec:\n  policies: {budgets: {b: {types: [promotion], offSale: {count: 1}}}}\n",
    )
    made.apply()
    made.write(storefront(), sku(codes[0], "20.00"))
    assert made.run("apply", "--auto-approve").code == 5


# -- rehearsals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folders", ["[specs/stores, specs]", "[specs]", '["."]'])
def test_a_rehearsal_is_of_everything_that_was_loaded(folders: str, tmp_path: Path) -> None:
    """Folders in folders, and folders that are called like a package's."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    (made.path / "specs" / "stores").mkdir()
    (made.path / "specs" / "node_modules").mkdir()
    made.write(storefront("amz-fr"), file="stores/fr.yaml")
    made.write(sku("S-2", "5.00"), file="node_modules/more.yaml")
    project(made, "specs: [specs]", f"specs: {folders}")
    if folders == '["."]':
        for path in (made.path / "specs").rglob("*.yaml"):
            assert path.exists()
    done = Workspace(made.path, environ={"HOME": os.environ["HOME"]}).rehearse()
    assert done.passed, done.steps
    assert len(done.steps) == 7


# -- the library ---------------------------------------------------------------------------------------------


def test_a_stranger_s_pull_request_is_only_read_by_the_library_too(tmp_path: Path) -> None:
    """ACORN_UNTRUSTED turns off all that a reader does not need, whoever calls."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    shop = Workspace(made.path, environ={"HOME": os.environ["HOME"], "ACORN_UNTRUSTED": "1"})
    assert shop.plan().changes
    for write in (
        shop.apply,
        shop.rehearse,
        shop.take_in,
        lambda: shop.take_in(ImportRequest(drifted=True)),
        lambda: shop.export(ExportRequest(tmp_path / "out")),
    ):
        with pytest.raises(Refused, match="ACORN_UNTRUSTED"):
            write()
    assert not (tmp_path / "out").exists() and not made.live()


@pytest.mark.parametrize("hook", ["planned", "approve", "progress"])
@pytest.mark.parametrize("verb", ["plan", "drift", "apply"])
def test_a_workspace_does_one_thing_at_a_time(verb: str, hook: str, tmp_path: Path) -> None:
    """A hook that asks it for more is told so, and the run ends as it would have; another thread is told as well."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    shop = Workspace(made.path, environ={"HOME": os.environ["HOME"]})
    told: list[AcornError] = []

    def more(*_: object) -> None:
        try:
            getattr(shop, verb)()
        except AcornError as error:
            told.append(error)

    assert shop.apply(hooks=Hooks(**{hook: more})).complete
    assert told and all(isinstance(error, Misused) for error in told)
    other = threading.Thread(target=lambda: shop.apply(ApplyRequest()))
    other.start()
    other.join()


def test_a_hook_that_swallows_an_end_is_told(tmp_path: Path) -> None:
    """As an AcornError, and the next run finishes."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    shop = Workspace(made.path, environ={"HOME": os.environ["HOME"]})

    class Swallows:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> bool:
            return True

    def ends(*_: object) -> None:
        raise RuntimeError("no")

    with pytest.raises(AcornError, match="swallowed"):
        shop.apply(hooks=Hooks(writing=Swallows(), progress=ends))
    assert shop.apply().complete
    assert made.plan()["changes"] == []
