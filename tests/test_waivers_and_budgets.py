"""Exceptions have an owner and an end; a plan that does too much is shown, and not applied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acorn_gitops.model.resource import Address
from acorn_gitops.plan.budgets import over_budget
from acorn_gitops.plan.change import Change, FieldChange
from tests.repository import Repository, document, sku, storefront


class Project(Repository):
    """A repository whose acorn.yaml has policies and waivers."""

    def settings(self, text: str) -> None:
        """Lines below `spec:`."""
        path = self.path / "acorn.yaml"
        head = path.read_text().partition("  # settings\n")[0]
        path.write_text(head + "  # settings\n" + text)


def waiver(rule: str, scope: str, until: str = "2026-12-31", **more: str) -> str:
    """One waiver."""
    rest = "".join(f", {k}: {v}" for k, v in more.items())
    return f'    - {{rule: {rule}, scope: "{scope}", reason: agreed, owner: ada, until: "{until}"{rest}}}\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A storefront with ten listings, applied."""
    made = Project(tmp_path / "r", storefront(), *(sku(f"S-{n}", "50.00") for n in range(10)))
    made.apply()
    return made


def said(project: Project) -> str:
    """What validate prints."""
    result = project.run("validate")
    return " ".join((result.out + result.err).split())


# Waivers


@pytest.mark.parametrize("scope", ["SkuMapping/below", "skumapping/BELOW", "SkuMapping/*", "*"])
def test_a_waiver_turns_a_finding_into_a_note(scope: str, project: Project) -> None:
    """For its scope, with reason, owner and end in the message."""
    low = sku("BELOW", "10.00", pricePolicy={"min": {"amz-de": "20.00"}})
    project.write(low, file="low.yaml")
    assert project.run("validate").code == 4
    project.settings("  waivers:\n" + waiver("SKU-016", scope))
    assert project.run("validate").code == 0
    assert "waived until 2026-12-31 by ada: agreed" in said(project)


def test_a_waiver_of_another_scope_or_rule_changes_nothing(project: Project) -> None:
    """And is told to be idle."""
    project.write(sku("BELOW", "10.00", pricePolicy={"min": {"amz-de": "20.00"}}), file="low.yaml")
    project.settings("  waivers:\n" + waiver("SKU-016", "SkuMapping/other") + waiver("SKU-018", "*"))
    assert project.run("validate").code == 4
    assert said(project).count("GEN-021") == 2


def test_a_waiver_expires_loudly(project: Project) -> None:
    """On its day the finding is back, and the waiver is an error of its own; two weeks before it is told."""
    project.write(sku("BELOW", "10.00", pricePolicy={"min": {"amz-de": "20.00"}}), file="low.yaml")
    project.settings("  waivers:\n" + waiver("SKU-016", "*", "2026-11-23"))
    text = said(project)
    assert project.run("validate").code == 4
    assert "SKU-016" in text
    assert "GEN-020" in text
    assert "has ended on 2026-11-23" in text
    project.settings("  waivers:\n" + waiver("SKU-016", "*", "2026-11-24"))
    assert project.run("validate").code == 0
    assert "ends in 1 day" in said(project)
    project.settings("  waivers:\n" + waiver("SKU-016", "*", "2026-12-08"))
    assert "ends in" not in said(project)


def test_an_ended_waiver_is_an_error_also_when_nothing_is_wrong(project: Project) -> None:
    """Else it would wait for the next breach."""
    project.settings("  waivers:\n" + waiver("SKU-016", "*", "2026-01-01"))
    assert project.run("validate").code == 4


def test_loading_cannot_be_waived_and_unknown_rules_are_told(project: Project) -> None:
    """What a file says must be known before anything can be waived."""
    project.settings("  waivers:\n" + waiver("GEN-001", "*") + waiver("ABC-999", "*"))
    text = said(project)
    assert "what is wrong while loading cannot be waived" in text
    assert "names the rule ABC-999, which there is not" in text


def test_slips_in_waivers_are_told(project: Project) -> None:
    """A budget that there is not, an environment that there is not, an exception for ever, and what nothing can waive."""
    for text, words in (
        (waiver("BUD-099", "*"), "names the rule BUD-099, which there is not"),
        (waiver("ACN-025", "*"), "ACN-025 cannot be waived"),
        (
            waiver("SKU-016", "*", environments="[prodaction]"),
            "the environment prodaction, which there is not",
        ),
        (waiver("SKU-016", "*", until="2099-01-01"), "more than a year"),
    ):
        project.settings("  waivers:\n" + text)
        assert words in said(project)


def test_a_rule_that_cannot_be_judged_blocks_whatever_is_configured(project: Project) -> None:
    """Neither a severity nor a waiver softens it: an expression that is wrong, one that stumbles, one that would never end."""
    (project.path / "policies").mkdir()
    loops = "[1].all(a, [1].all(b, [1].all(c, true)))"
    for check, words in (
        ("spec.((", "the rule itself is wrong"),
        ("spec.nope == 1", "cannot be judged"),
        (loops, "loops inside one another"),
    ):
        text = (
            "apiVersion: acorn/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  rules:\n"
            f"    - {{id: OUR-003, severity: error, title: T, why: W, mend: M, target: SkuMapping, check: '{check}'}}\n"
        )
        (project.path / "policies" / "p.yaml").write_text(text)
        for settings in (
            "  policies: {severities: {OUR-003: info}}\n",
            "  waivers:\n" + waiver("OUR-003", "*"),
        ):
            project.settings(settings)
            result = project.run("validate")
            assert result.code == 4, check
            assert words in said(project)


def test_budgets_that_can_be_waived_are_those_that_there_are() -> None:
    """The rules' room knows them by id only."""
    from acorn_gitops.plan.budgets import GUARDS
    from acorn_gitops.rules.waivers import BUDGETS

    assert set(GUARDS) == BUDGETS


def test_a_waiver_may_be_for_one_environment(project: Project) -> None:
    """Elsewhere it is as if it were not there."""
    project.write(sku("BELOW", "10.00", pricePolicy={"min": {"amz-de": "20.00"}}), file="low.yaml")
    path = project.path / "acorn.yaml"
    path.write_text(path.read_text().replace("{sandbox: {}}", "{sandbox: {}, production: {}}"))
    project.settings("  waivers:\n" + waiver("SKU-016", "*", environments="[production]"))
    assert project.run("validate").code == 4
    assert "GEN-021" not in said(project)
    assert project.run("validate", "--env", "production").code == 0


def test_severities_can_be_set_and_loading_keeps_its_own(project: Project) -> None:
    """A warning made an error blocks; an error made a warning does not. What loading and budgets say stays, and slips are told."""
    project.write(sku("odd/SKU", "50.00"), file="odd.yaml")
    assert project.run("validate").code == 0
    project.settings("  policies: {severities: {SKU-001: error}}\n")
    assert project.run("validate").code == 4
    assert project.run("plan").code == 4
    project.settings("  policies: {severities: {SKU-001: info}}\n")
    assert project.run("validate", "--strict").code == 0
    for id, words in (
        ("GEN-006", "cannot be changed"),
        ("BUD-002", "cannot be changed"),
        ("ABC-999", "which there is not"),
    ):
        project.settings(f"  policies: {{severities: {{{id}: info}}}}\n")
        assert project.run("validate").code == 4
        assert f"{id}" in said(project)
        assert words in said(project)
    project.settings("")
    project.text("apiVersion: acorn/v1\nkind: Store\nmetadata: {name: x}\nspec: {typo: 1}\n", "x.yaml")
    assert project.run("validate").code == 4


def test_the_last_price_guard_knows_no_waiver(project: Project) -> None:
    """A waived floor is still a floor: the plan says so, and nothing is applied, not even the rest."""
    project.write(sku("BELOW", "10.00", pricePolicy={"min": {"amz-de": "20.00"}}), file="low.yaml")
    project.settings("  waivers:\n" + waiver("SKU-016", "*"))
    result = project.run("apply", "--auto-approve")
    assert result.code == 4
    assert "ACN-025" in result.err
    assert "10.00 EUR is below its floor 20.00" in " ".join(result.err.split())
    assert "amz-de/listing/BELOW" not in project.live()


# Budgets


def budget(text: str) -> str:
    """One budget."""
    return "  policies:\n    budgets:\n      daily: {" + text + "}\n"


def shrink(project: Project, left: int, price: str = "50.00") -> None:
    """Fewer listings, at a price."""
    project.write(storefront(), *(sku(f"S-{n}", price) for n in range(left)))


@pytest.mark.parametrize(
    ("text", "over"),
    [
        ("deletes: {count: 2}", True),
        ("deletes: {count: 3}", False),
        ('deletes: {percent: "29"}, types: [listing]', True),
        ('deletes: {percent: "30"}, types: [listing]', False),
        ('deletes: {count: 99, percent: "10"}', True),
        ("changes: {count: 2}", True),
        ("updates: {count: 0}", False),
        ('stores: ["amz-*"], deletes: {count: 1}', True),
        ("stores: [amz-fr], deletes: {count: 1}", False),
        ("types: [promotion], deletes: {count: 0}", False),
    ],
)
def test_deletions_over_budget_are_shown_and_not_applied(text: str, over: bool, project: Project) -> None:
    """Three of ten leave: the plan renders, apply exits 5 without writing, a saved plan too."""
    project.write(storefront("amz-fr", zone="Europe/Paris", marketplaceId="A13V1IB3VIYZZH"), file="fr.yaml")
    project.apply()
    project.settings(budget(text))
    shrink(project, 7)
    plan = project.run("plan", "--out", "p.json", "--detailed-exitcode")
    assert plan.code == (5 if over else 2)
    assert "3 to delete" in plan.out
    assert ("BUD-001" in plan.out) is over
    for arguments in (["apply", "p.json"], ["apply", "--auto-approve"]):
        result = project.run(*arguments)
        if over:
            assert result.code == 5, result
            assert "nothing was written" in result.err
        else:
            assert result.code in (0, 6)
    assert bool(project.run("plan", "--detailed-exitcode").code) is over


@pytest.mark.parametrize(
    ("price", "text", "over"),
    [
        ("45.00", 'priceDrop: "10"', False),
        ("44.99", 'priceDrop: "10"', True),
        ("5.00", 'priceDrop: "50"', True),
        ("55.00", 'priceRise: "10"', False),
        ("55.01", 'priceRise: "10"', True),
        ("500.00", 'priceRise: "300"', True),
        ("45.00", 'priceRise: "1"', False),
    ],
)
def test_a_price_that_moves_too_far_stops_the_plan(
    price: str, text: str, over: bool, project: Project
) -> None:
    """Compared exactly, not as the rounded percentage that is shown."""
    project.settings(budget(text))
    shrink(project, 10, price)
    result = project.run("apply", "--auto-approve")
    assert result.code == (5 if over else 0), result
    if over:
        assert "BUD-002" in result.err


@pytest.mark.parametrize("scope", ["amz-de", "amz-de/budget/daily", "*/budget/*"])
def test_the_way_past_a_budget_is_a_waiver(scope: str, project: Project) -> None:
    """For each guard by itself: a waiver of the count does not waive the price."""
    project.settings(
        budget('deletes: {count: 0}, priceDrop: "5"') + "  waivers:\n" + waiver("BUD-001", scope)
    )
    shrink(project, 8)
    plan = project.run("plan")
    assert "waived until 2026-12-31 by ada" in " ".join(plan.out.split())
    assert project.run("apply", "--auto-approve").code == 0
    shrink(project, 7, "40.00")
    assert project.run("apply", "--auto-approve").code == 5


def test_an_ended_waiver_of_a_budget_blocks(project: Project) -> None:
    """Loudly, also when the plan would be within budget."""
    project.settings(budget("deletes: {count: 0}") + "  waivers:\n" + waiver("BUD-001", "*", "2026-01-01"))
    shrink(project, 8)
    result = project.run("apply", "--auto-approve")
    assert result.code == 4
    assert "GEN-020" in project.run("validate").out


@pytest.mark.parametrize(("most", "over"), [("count: 2", True), ("count: 3", False), ('percent: "20"', True)])
def test_taking_off_sale_counts_like_deleting(most: str, over: bool, project: Project) -> None:
    """Three of ten are made inactive: a shop can be emptied without a single deletion."""
    project.settings(budget(f"deletes: {{count: 0}}, offSale: {{{most}}}"))
    rest = [sku(f"S-{n}", "50.00") for n in range(10)]
    for one in rest[:3]:
        one["spec"]["listings"][0]["status"] = "inactive"
    project.write(storefront(), *rest)
    result = project.run("apply", "--auto-approve")
    assert result.code == (5 if over else 0)
    assert ("BUD-005" in result.err) is over


def test_a_price_moves_also_under_another_key(project: Project) -> None:
    """The same SKU leaves and comes back under another seller SKU, a tenth as dear: that is a price that falls."""
    project.settings(budget('priceDrop: "30"'))
    rest = [sku(f"S-{n}", "50.00") for n in range(10)]
    rest[0]["spec"]["listings"][0] |= {"sellerSku": "S-0-NEW", "price": {"currency": "EUR", "value": "5.00"}}
    project.write(storefront(), *rest)
    result = project.run("apply", "--auto-approve")
    assert result.code == 5
    assert "falls from 50.00 to 5.00" in result.err


def test_what_was_reviewed_may_always_be_put_back(project: Project) -> None:
    """Somebody sells at a tenth of the price: restoring it is no rise that a budget stops."""
    project.settings(budget('priceDrop: "10", priceRise: "10", priceSum: "1"'))
    assert (
        project.run("sandbox", "disturb", 'amz-de/listing/S-3.price={"currency":"EUR","value":"5.00"}').code
        == 0
    )
    assert project.run("apply", "--auto-approve").code == 0
    assert project.live()["amz-de/listing/S-3"]["price"]["value"] == "50.00"


def test_where_no_budget_is_written_one_is_built_in(project: Project) -> None:
    """Ten prices that fall to a hundredth at once, or a shop that goes off sale, stop with exit code 5; single ones do not.
    `budgets: {}` says that none is wanted."""
    shrink(project, 10, "0.50")
    plan = project.run("plan")
    assert (plan.code, "Apply will refuse (exit code 5): over budget (BUD-006)." in plan.out) == (5, True)
    assert project.run("apply", "--auto-approve").code == 5
    few = [sku(f"S-{n}", "0.50" if n < 4 else "50.00") for n in range(10)]
    project.write(storefront(), *few)
    assert project.run("apply", "--auto-approve").code == 0
    for one in few:
        one["spec"]["listings"][0]["status"] = "inactive"
    project.write(storefront(), *few)
    assert project.run("apply", "--auto-approve").code == 5
    project.settings("  waivers:\n" + waiver("BUD-006", "amz-de/budget/built-in"))
    assert project.run("apply", "--auto-approve").code == 0
    project.settings("  policies: {budgets: {}}\n")
    shrink(project, 10, "9.00")
    assert project.run("apply", "--auto-approve").code == 0


def test_an_environment_changes_one_budget(project: Project) -> None:
    """Budgets are merged by name."""
    path = project.path / "acorn.yaml"
    path.write_text(
        path.read_text().replace(
            "environments: {sandbox: {}}",
            "environments: {sandbox: {policies: {budgets: {daily: {deletes: {count: 5}}}}}}",
        )
    )
    project.settings(budget("deletes: {count: 0}, creates: {count: 0}"))
    shrink(project, 7)
    assert project.run("apply", "--auto-approve").code == 0
    shrink(project, 8)
    assert project.run("apply", "--auto-approve").code == 5


@given(
    st.lists(
        st.sampled_from(["create", "update", "replace", "delete", "forget", "manual", "adopt"]), max_size=30
    ),
    st.integers(0, 30),
    st.integers(0, 60),
)
def test_counts_agree_with_counting(actions: list[str], most: int, have: int) -> None:
    """What is over budget is what a person would count; what writes nothing costs nothing."""
    changes = [
        Change(action, Address("s", "listing", str(n)), "edited", None, None, (), None, "")  # type: ignore[arg-type]
        for n, action in enumerate(actions)
    ]
    budgets: dict[str, Any] = {"b": {"deletes": {"count": most}, "changes": {"percent": "50"}}}
    told = {
        f.message.split(" ")[2].rstrip(",") for f in over_budget("s", changes, {"listing": have}, budgets)
    }
    deletes = sum(a in ("delete", "replace") for a in actions)
    writes = sum(a in ("create", "update", "replace", "delete") for a in actions)
    assert ("deletes" in told) is (deletes > most)
    assert ("changes" in told) is (writes * 2 > have if have % 2 == 0 else writes > have // 2)


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.integers(0, 100))
def test_price_moves_are_compared_exactly(before: int, after: int, percent: int) -> None:
    """In cents, against whole numbers: no rounding decides."""
    money = [{"currency": "EUR", "value": f"{cents // 100}.{cents % 100:02}"} for cents in (before, after)]
    field = FieldChange("price", money[0], money[1], "edited")
    prices = ({"price": money[0]}, {"price": money[1]})
    change = Change("update", Address("s", "listing", "k"), "edited", *prices, (field,), None, "")
    found = list(
        over_budget("s", [change], {}, {"b": {"priceDrop": str(percent), "priceRise": str(percent)}})
    )
    assert bool(found) is (abs(after - before) * 100 > before * percent)


PROMO = {
    "type": "percentOff",
    "stores": {"names": ["amz-de"]},
    "skus": {"all": True},
    "window": {"start": {"local": "2026-01-01T00:00", "tz": "store"}, "end": {"local": "2099-01-01T00:00", "tz": "store"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("percent", "policies", "code", "id"),
    [
        ("90", "", 5, "BUD-006"),
        ("49", "", 0, ""),
        ("30", "budgets: {prices: {priceDrop: '25'}}", 5, "BUD-002"),
        ("25", "budgets: {prices: {priceDrop: '25'}}", 0, ""),
        ("90", "budgets: {}", 0, ""),
    ],
)
def test_depth_of_promotions_has_the_budget_of_prices(
    percent: str, policies: str, code: int, id: str, tmp_path: Path
) -> None:
    """The same cut by a promotion is judged as if the list prices fell."""
    shelf = [storefront(), *(sku(f"K-{n:02}", "100.00") for n in range(12))]
    made = Repository(tmp_path / "r", *shelf)
    made.apply()
    if policies:
        (made.path / "acorn.yaml").write_text(
            (made.path / "acorn.yaml").read_text() + f"  policies: {{{policies}}}\n"
        )
    made.write(*shelf, document("Promo", "deep", {**PROMO, "discount": {"percent": percent}}))
    result = made.run("apply", "--auto-approve")
    assert (result.code, id in result.err) == (code, True), result
