"""Every rule has a failing and a passing case, and the small repository of the pages is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from acorn_gitops.rules.cases import Case, all_cases, base
from acorn_gitops.rules.not_built import NOT_BUILT
from acorn_gitops.rules.registry import all_rules
from tests.rule_cases import lay_out, run

IDS = [rule.id for rule in all_rules()]


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: f"{c.rule}-{'fails' if c.fails else 'passes'}")
def test_a_case_goes_as_it_says(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding is there, or is not."""
    result = run(case, tmp_path / "r", monkeypatch)
    told = case.rule in result.out + result.err
    assert told is case.fails, result.out + result.err
    assert "internal error" not in result.err
    assert "the rule itself failed" not in result.out + result.err


@pytest.mark.parametrize("id", IDS)
def test_every_rule_has_both_cases(id: str) -> None:
    """A rule that cannot fail is a defect."""
    kinds = {case.fails for case in all_cases() if case.rule == id}
    assert kinds == {True, False}, id


def test_no_case_is_of_a_rule_that_there_is_not() -> None:
    """Neither of one that is not built."""
    assert {case.rule for case in all_cases()} == set(IDS)


def test_the_small_repository_is_right(tmp_path: Path) -> None:
    """No finding at all: what a failing case tells is its own."""
    made = lay_out(tmp_path / "r", {})
    result = made.run("validate", "--strict", "-o", "json")
    assert result.json["findings"] == []
    assert result.code == 0
    assert base()["SkuMapping/kettle"]["sku"] == "KTL-17-BLK"


@pytest.mark.parametrize("id", IDS)
def test_every_rule_says_why_and_how_to_mend(id: str) -> None:
    """In sentences."""
    rule = next(r for r in all_rules() if r.id == id)
    for text in (rule.title, rule.why):
        assert len(text) > 10, id
    assert rule.why.endswith("."), id
    if rule.check is not None:
        assert rule.mend.endswith("."), id
        assert rule.source, id
        assert len(" ".join((rule.check.__doc__ or "").split())) > 15, id


DOMAIN = {
    "STO": [1, 2, 3, 4, *range(10, 26), 30, 31],
    "SKU": [*range(1, 7), *range(10, 17), *range(20, 28), 30, 31, 40, 41],
    "ROL": [*range(1, 15), 20],
    "TAX": [*range(1, 7), *range(10, 19), 20, 21, 30, 40, 41, 42],
    "PRO": [1, 2, 3, 4, *range(10, 15), 20, 21, 22, *range(30, 34), 40, 41, 50, 51, 52, 60, 70],
    "ONB": [*range(1, 12), 20, *range(30, 34)],
    "INT": [*range(1, 7), 10],
    "MON": [*range(1, 12)],
}
"""Every id of the domain's tables."""


def test_every_rule_of_the_domain_is_built_or_says_why_not() -> None:
    """Nothing is left out in silence."""
    wanted = {f"{family}-{number:03}" for family, numbers in DOMAIN.items() for number in numbers}
    assert wanted - set(IDS) == wanted & set(NOT_BUILT), sorted(
        (wanted - set(IDS)) ^ (wanted & set(NOT_BUILT))
    )
    assert not set(IDS) & set(NOT_BUILT)
    assert all(len(reason) > 20 for reason in NOT_BUILT.values())
