"""A server that calls acorn as a library is asked what the command is asked: nobody writes without lock, budgets, findings, authority,
staleness and single use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

import acorn_gitops
from acorn_gitops import (
    AcornError,
    Applied,
    ApplyRequest,
    ExportRequest,
    Hooks,
    ImportRequest,
    Plan,
    PlanRequest,
    Workspace,
)
from acorn_gitops.apply.carry_out import apply_plan
from acorn_gitops.apply.nothing import apply_nothing
from acorn_gitops.apply.permit import Permit, grant
from acorn_gitops.ledger.lock import held
from acorn_gitops.model.finding import Locked, Misused, OverBudget, Refused, Stale
from acorn_gitops.reconcile.workspace import present
from tests.borders.test_left_to_others import BUDGET
from tests.repository import Repository, promo, sku, storefront
from tests.test_access import guarded as guarded
from tests.test_access import write_guarded

ROOT = Path(__file__).parents[1]


def opened(made: Repository, at: datetime | None = None, **variables: str) -> Workspace:
    """A workspace as a server has it: with these variables and no others; `at`: its clock stands still there."""
    environ = {"ACORN_CACHE_DIR": "", "HOME": os.environ["HOME"], **variables}
    return Workspace(made.path, environ=environ, clock=(lambda: at) if at else present)


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    """One listing at 50.00, applied."""
    found = Repository(tmp_path / "r", storefront(), sku("A-1", "50.00"))
    found.apply()
    return found


def price(made: Repository) -> str:
    return str(made.live()["amz-de/listing/A-1"]["price"]["value"])


def test_the_library_does_what_the_command_does(made: Repository) -> None:
    """Plan, then apply that plan: seen at the marketplace, and then there is nothing to do."""
    made.write(storefront(), sku("A-1", "49.00"))
    shop = opened(made)
    plan = shop.plan(PlanRequest(select=["amz-de"]))
    assert [str(c.address) for c in plan.changes] == ["amz-de/listing/A-1"]
    done = shop.apply(ApplyRequest(plan=plan))
    assert (done.complete, [o.status for _, o in done.outcomes], price(made)) == (True, ["observed"], "49.00")
    again = opened(made, at=present())
    assert again.apply() == Applied(again.plan())


# -- nothing is left out -------------------------------------------------------------------------------------


def over_budget(made: Repository) -> None:
    (made.path / "acorn.yaml").write_text(BUDGET)
    made.write(storefront(), sku("A-1", "5.00"))


def below_floor(made: Repository) -> None:
    made.write(
        storefront(), sku("A-1", "50.00", pricePolicy={"min": {"amz-de": "40.00"}}), promo("half", "50")
    )


def protected(made: Repository) -> None:
    made.write(storefront(), {**sku("A-1", "50.00"), "lifecycle": {"preventDestroy": True}})
    made.apply()
    made.write(storefront(), sku("B-1", "50.00"))


REFUSALS: dict[str, tuple[Callable[[Repository], None], type[AcornError]]] = {
    "a budget": (over_budget, OverBudget),
    "a rule": (below_floor, AcornError),
    "a finding of the plan": (protected, Refused),
}


@pytest.mark.parametrize(("spoil", "error"), REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize("reviewed", [False, True])
def test_what_the_command_refuses_the_library_refuses(
    spoil: Callable[[Repository], None], error: type[AcornError], reviewed: bool, made: Repository
) -> None:
    """With the same exit code, and nothing is written: neither with a plan made now nor with one that was handed in."""
    spoil(made)
    command = made.run("apply", "--auto-approve")
    before = made.live()
    with pytest.raises(error) as raised:
        shop = opened(made)
        shop.apply(ApplyRequest(plan=shop.plan() if reviewed else None))
    assert (raised.value.exit_code, made.live()) == (command.code, before)


def test_the_lock_is_asked(made: Repository) -> None:
    """Somebody else is applying."""
    made.write(storefront(), sku("A-1", "49.00"))
    with (
        held(made.path / ".acorn/sandbox/ledger.db", {"who": "ci", "since": "now", "plan": "x"}, 0),
        pytest.raises(Locked),
    ):
        opened(made).apply()
    assert price(made) == "50.00"


def test_a_plan_is_applied_once_and_not_when_it_is_old(made: Repository) -> None:
    """Nor when the specs moved on."""
    made.write(storefront(), sku("A-1", "49.00"))
    shop = opened(made)
    plan = shop.plan()
    made.write(storefront(), sku("A-1", "48.00"))
    with pytest.raises(Stale):
        shop.apply(ApplyRequest(plan=plan))
    made.write(storefront(), sku("A-1", "49.00"))
    assert shop.apply(ApplyRequest(plan=plan)).complete
    with pytest.raises(Stale, match="already applied"):
        shop.apply(ApplyRequest(plan=plan))


def test_authority_is_asked(guarded: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever the caller says is acting needs the right."""
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    write_guarded(guarded)
    guarded.apply()
    write_guarded(guarded, promo("nine", "9"))
    before = guarded.live()
    with pytest.raises(AcornError) as raised:
        opened(guarded, ACORN_ACTOR="nobody@example.com").apply()
    assert (raised.value.exit_code, guarded.live()) == (4, before)


def test_whoever_decides_may_say_no(made: Repository) -> None:
    """A hook that raises ends the run before the first write, and the lock is free again."""
    made.write(storefront(), sku("A-1", "49.00"))

    def no(plan: object) -> None:
        raise AcornError("not today")

    shop = opened(made)
    with pytest.raises(AcornError, match="not today"):
        shop.apply(hooks=Hooks(approve=no))
    assert price(made) == "50.00"
    assert shop.apply().complete


def test_a_pattern_that_means_nothing_is_told(made: Repository) -> None:
    """As an error, with the exit code of a wrong use."""
    with pytest.raises(Misused) as raised:
        opened(made).plan(PlanRequest(select=["amz-dd"]))
    assert raised.value.exit_code == 64
    with pytest.raises(Misused, match="takes a list"):
        opened(made).plan(PlanRequest(select="amz-de"))
    with pytest.raises(Misused, match="takes a list"):
        opened(made).take_in(ImportRequest(stores="amz-de"))
    with pytest.raises(Misused, match="no plan"):
        opened(made).apply(ApplyRequest(plan={"changes": []}))  # type: ignore[arg-type]


# -- and there is no way around ------------------------------------------------------------------------------


def _cheaper(plan: Plan) -> None:
    change = plan.changes[0]
    after = {**(change.after or {}), "price": {"currency": "EUR", "value": "5.00"}}
    plan.changes[0] = change._replace(after=after)


def _cheaper_in_place(plan: Plan) -> None:
    after = plan.changes[0].after
    assert after is not None
    after["price"]["value"] = "5.00"


def _one_more(plan: Plan) -> None:
    plan.changes.append(plan.changes[0]._replace(action="delete", after=None))


@pytest.mark.parametrize("edit", [_cheaper, _cheaper_in_place, _one_more])
@pytest.mark.parametrize("hook", ["planned", "approve"])
def test_a_hook_cannot_change_what_was_asked(
    hook: str, edit: Callable[[Plan], None], made: Repository
) -> None:
    """Whoever is shown the plan has plain data in hand; what was judged is what is written, or nothing is."""
    made.write(storefront(), sku("A-1", "49.00"))
    shop = opened(made)
    with pytest.raises(Stale, match="changed after it was made"):
        shop.apply(hooks=Hooks(**{hook: edit}))
    assert price(made) == "50.00"
    assert shop.apply().complete


@pytest.mark.parametrize("edit", [_cheaper, _cheaper_in_place, _one_more])
def test_what_is_changed_while_it_is_written_is_not_what_is_written(
    edit: Callable[[Plan], None], made: Repository
) -> None:
    """Neither of a reviewed plan, which its owner keeps, nor of one that a hook was shown."""
    made.write(storefront(), sku("A-1", "49.00"))
    shop = opened(made)
    reviewed = shop.plan()
    assert shop.apply(ApplyRequest(plan=reviewed), Hooks(writing=_Entered(lambda: edit(reviewed)))).complete
    assert price(made) == "49.00"
    made.write(storefront(), sku("A-1", "48.00"))
    shown: list[Plan] = []
    hooks = Hooks(planned=shown.append, writing=_Entered(lambda: edit(shown[0])))
    assert shop.apply(hooks=hooks).complete
    assert price(made) == "48.00"


class _Entered:
    """Does something when writing begins."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def __enter__(self) -> None:
        self._act()

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("edit", [_cheaper, _cheaper_in_place, _one_more, lambda plan: plan.changes.clear()])
def test_a_reviewed_plan_is_what_its_id_names(edit: Callable[[Plan], None], made: Repository) -> None:
    """One that was changed since is refused, also where a change was only left out."""
    made.write(storefront(), sku("A-1", "49.00"))
    shop = opened(made)
    plan = shop.plan()
    edit(plan)
    with pytest.raises(Stale, match="changed after it was made"):
        shop.apply(ApplyRequest(plan=plan))
    assert price(made) == "50.00"


def test_a_workspace_hands_out_nothing_that_writes(made: Repository) -> None:
    """Of what anybody can ask it for, nothing has a method by which a marketplace is written to."""
    shop = opened(made)
    shop.plan()
    names = [name for name in dir(shop) if not name.startswith("_")]
    assert not [name for name in names if "market" in name or "connection" in name]
    assert not [name for name in names if hasattr(getattr(shop, name), "write")]


def test_nothing_is_written_without_a_permit(made: Repository, tmp_path: Path) -> None:
    """A permit is not made by hand, is for one plan, and ends with the lock."""
    made.write(storefront(), sku("A-1", "49.00"))
    shop = opened(made)
    plan = shop.plan()
    made.write(storefront(), sku("A-1", "48.00"))
    other = shop.plan()
    with held(tmp_path / "ledger.db", {}, 0) as lock:
        with pytest.raises(Refused, match="asking what must be asked"):
            Permit(plan, lock, "me")
        permit = grant(plan, lock, "me")
        permit.check(plan)
        for write in (apply_plan, apply_nothing):
            with pytest.raises(Refused, match="another plan"):
                write(other, permit, *[None] * (6 if write is apply_plan else 4))  # type: ignore[operator]
    with pytest.raises(Refused, match="not held"):
        permit.check(plan)
    assert price(made) == "50.00"


def test_only_the_checks_make_permits() -> None:
    """Who else imports what makes one."""
    users = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "acorn_gitops").rglob("*.py")
        if re.search(r"permit import .*\bgrant\b", path.read_text())
    ]
    assert users == ["acorn_gitops/reconcile/preconditions.py"]


# -- the other verbs -----------------------------------------------------------------------------------------


def test_what_was_changed_outside_is_found_and_taken_in(made: Repository) -> None:
    """Drift is a report; taken in it is a spec, and then nothing drifts."""
    assert made.run("sandbox", "disturb", "amz-de/listing/A-1.price=45.00").code == 0
    shop = opened(made)
    report = shop.drift()
    assert [str(row.address) for store in report.stores for row in store.drifted] == ["amz-de/listing/A-1"]
    assert not report.clean
    before = {path: path.read_bytes() for path in made.path.rglob("*.yaml")}
    looked = shop.take_in(ImportRequest(drifted=True, dry_run=True))
    assert looked.recorded == 0 and {path: path.read_bytes() for path in before} == before
    taken = shop.take_in(ImportRequest(drifted=True))
    assert (taken.files, taken.recorded) == (looked.files, 1)
    assert shop.drift().clean
    assert shop.plan().changes == []


def test_a_rehearsal_leaves_the_marketplace_and_the_ledger_alone(made: Repository) -> None:
    """It runs in this process, on a copy."""
    ledger = next(path for path in (made.path / ".acorn").rglob("*.db") if "sandbox" not in path.name)
    before = (ledger.read_bytes(), made.live())
    done = opened(made, ACORN_LEDGER_BRANCH="acorn-ledger").rehearse()
    assert (done.passed, done.record["by"]) == (True, opened(made).actor())
    assert (ledger.read_bytes(), made.live()) == before


def test_an_export_is_asked_for_an_empty_folder(made: Repository, tmp_path: Path) -> None:
    """And a drill is of everything."""
    shop = opened(made)
    assert shop.export(ExportRequest(str(tmp_path / "out"), drill=True)).drill == []
    with pytest.raises(AcornError, match="is not empty"):
        shop.export(ExportRequest(tmp_path / "out"))
    with pytest.raises(Misused):
        shop.export(ExportRequest(tmp_path / "other", select=["amz-de"], drill=True))


# -- the page ------------------------------------------------------------------------------------------------


def test_the_snippets_of_the_page_run(tmp_path: Path) -> None:
    """In order, in one process, on a shop with two stores."""
    shop = Repository(tmp_path / "shop", storefront("web-de"), sku("A-1", "50.00", "web-de"))
    code = "\n".join(
        re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/python.md").read_text(), re.DOTALL | re.MULTILINE)
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "create web-de/listing/A-1" in done.stdout
    assert (
        "True [('web-de/storefront/web-de', 'observed'), ('web-de/listing/A-1', 'observed')]" in done.stdout
    )
    assert "True {} []" in done.stdout  # nothing drifted
    assert "2 []" in done.stdout  # the export reads back
    assert "True ['The specs are valid'" in done.stdout  # the rehearsal passed
    assert "No changes" in shop.run("plan").out


@pytest.mark.parametrize("name", acorn_gitops.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    """And importing the package loads none of them."""
    assert (getattr(acorn_gitops, name).__doc__ or "").strip()


def test_importing_the_package_loads_nothing() -> None:
    """The command starts without the library."""
    code = "import sys, acorn_gitops; print([m for m in sys.modules if m.startswith('acorn_gitops.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError):
        acorn_gitops.nothing_of_the_kind  # noqa: B018
