"""Rules of your own: they judge specs and plans, fail closed, and are tested themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.specs.edit import written
from tests.repository import Repository, sku, storefront

GOOD: dict[str, Any] = {
    "id": "OUR-001",
    "severity": "error",
    "title": "No price ends in a zero",
    "why": "Our brand prices end in nine.",
    "mend": "Write a price that ends in 9.",
    "target": "SkuMapping",
    "when": "has(spec.listings)",
    "check": "spec.listings.all(l, !has(l.price) || minor(l.price) % 10 == 9)",
    "message": "name + ' costs ' + spec.listings[0].price.value",
    "tests": [
        {
            "name": "nine",
            "given": {"spec": {"listings": [{"price": {"currency": "EUR", "value": "9.99"}}]}},
            "passes": True,
        },
        {
            "name": "zero",
            "given": {"spec": {"listings": [{"price": {"currency": "EUR", "value": "9.90"}}]}},
            "passes": False,
        },
    ],
}


def policy(*rules: dict[str, Any]) -> str:
    """A file of rules."""
    return written(
        [
            {
                "apiVersion": "acorn/v1",
                "kind": "Policy",
                "metadata": {"name": "house"},
                "spec": {"rules": list(rules)},
            }
        ]
    )


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    """A store with one good and one bad price."""
    repository = Repository(tmp_path / "r", storefront(), sku("A", "9.99"), sku("B", "9.90"))
    (repository.path / "policies").mkdir()
    return repository


def rules(made: Repository, *entries: dict[str, Any]) -> None:
    """Put rules there."""
    (made.path / "policies" / "house.yaml").write_text(policy(*entries))


def test_a_rule_judges_every_spec_of_its_kind(made: Repository) -> None:
    """With its own message, its place and how to mend it; apply refuses."""
    rules(made, GOOD)
    result = made.run("validate")
    assert result.code == 4
    assert "OUR-001: b costs 9.90 [SkuMapping/b]" in result.out
    assert "Write a price that ends in 9." in result.out
    assert result.out.count("OUR-001") == 1
    assert made.run("apply", "--auto-approve").code == 4


@pytest.mark.parametrize(
    "check",
    [
        "spec.sku != 'B'",
        "spec . sku != 'B'",
        "spec['sku'] != 'B'",
        "!('sku' in spec) || spec.sku != 'B'",
        "spec == spec && size(spec) > 1 && spec.sku != 'B'",
        "[spec].all(s, s.sku != 'B')",
        "has(spec.listings) && !has(spec.inventory) && spec.sku != 'B'",
        "name != 'b' && size('spec') == 4",
    ],
)
def test_however_a_rule_asks_for_the_spec(check: str, made: Repository) -> None:
    """It sees the whole of it, although only the fields that it names are handed over."""
    rules(made, {**GOOD, "when": None, "check": check, "message": "'refused: ' + name"})
    result = made.run("validate")
    assert result.code == 4
    assert [line for line in result.out.splitlines() if "OUR-001" in line and "refused: b" in line]
    assert "refused: a" not in result.out
    assert "cannot be judged" not in result.out


def test_severities_and_waivers_hold_for_them_too(made: Repository) -> None:
    """As for any rule."""
    rules(made, GOOD)
    path = made.path / "acorn.yaml"
    text = path.read_text()
    path.write_text(text + "  policies: {severities: {OUR-001: warning}}\n")
    assert made.run("validate").code == 0
    path.write_text(
        text
        + '  waivers: [{rule: OUR-001, scope: SkuMapping/b, reason: old, owner: ada, until: "2026-12-31"}]\n'
    )
    assert "waived until 2026-12-31 by ada: old" in " ".join(made.run("validate").out.split())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"check": "spec.listings.all("}, "the rule itself is wrong"),
        ({"check": "spec.nothing.here == 1"}, "cannot be judged"),
        ({"check": "1 + 1"}, "neither true nor false"),
        ({"check": "minor('9.999', 'EUR') == 1"}, "cannot be judged"),
        ({"id": "SKU-900"}, "is in a family of acorn's own"),
    ],
)
def test_a_wrong_rule_fails_closed(change: dict[str, Any], words: str, made: Repository) -> None:
    """It blocks, and says why; it is never passed over."""
    rules(made, {**GOOD, "when": None, **change})
    result = made.run("validate")
    assert result.code == 4
    assert words in " ".join(result.out.split())
    assert "internal error" not in result.err


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("apiVersion: acorn/v1\nkind: Policy\nmetadata: {name: x}\nspec: {rules: []}\n", "GEN-007"),
        ("apiVersion: acorn/v1\nkind: Store\nmetadata: {name: x}\nspec: {}\n", "GEN-011"),
        (
            "apiVersion: acorn/v1\nkind: Policy\nmetadata: {name: x}\nspec:\n  rules: [{id: OUR-001}]\n",
            "GEN-008",
        ),
        ("rules: [\n", "GEN-002"),
        (policy(GOOD, GOOD), "GEN-010"),
        (policy({**GOOD, "colour": "red"}), "GEN-006"),
    ],
)
def test_a_file_that_is_no_rule_is_told(text: str, id: str, made: Repository) -> None:
    """Like any spec, with its place."""
    (made.path / "policies" / "house.yaml").write_text(text)
    result = made.run("validate")
    assert result.code == 4
    assert "policies/house.yaml" in result.out
    assert id in result.out


def test_a_rule_over_changes_and_one_over_the_plan(made: Repository) -> None:
    """Judged when a plan is made; an error stops apply."""
    on_change = {
        **GOOD, "id": "OUR-002", "target": "change", "when": "change.type == 'listing' && change.action == 'create'",
        "check": "minor(change.after.price) >= minor('9.95', 'EUR')", "message": "change.key + ' is too cheap'",
    }  # fmt: skip
    on_plan = {
        **GOOD, "id": "OUR-003", "severity": "warning", "target": "plan", "when": None,
        "check": "plan.changes.filter(c, c.type == 'listing').size() < 2", "message": "plan.actor + ' does too much'",
    }  # fmt: skip
    rules(made, on_change, on_plan)
    assert made.run("validate").code == 0
    found = {f["id"]: f for f in made.run("plan", "-o", "json").json["findings"]}
    assert found["OUR-002"]["message"] == "B is too cheap"
    assert found["OUR-003"]["message"] == "tester does too much"
    assert made.run("apply", "--auto-approve").code == 4
    assert made.live() == {}


def test_their_own_tests(made: Repository) -> None:
    """A rule that cannot fail, or whose test does not hold, is told."""
    rules(made, GOOD)
    result = made.run("policy", "test")
    assert result.code == 0
    assert "1 rule, 2 cases, 0 failed" in result.out
    rules(made, {**GOOD, "tests": GOOD["tests"][:1]})
    result = made.run("policy", "test")
    assert result.code == 1
    assert "it has no test with a case that does not pass" in result.out
    wrong = {**GOOD["tests"][1], "passes": True}
    rules(made, {**GOOD, "tests": [*GOOD["tests"], wrong]})
    result = made.run("policy", "test", "-o", "json")
    assert result.code == 1
    assert result.json["failed"] == 1
    rules(made, {**GOOD, "check": "("})
    assert made.run("policy", "test").code == 1


def test_they_are_listed_and_taught(made: Repository) -> None:
    """`acorn rules` and `acorn explain rule` know them."""
    rules(made, GOOD)
    assert "OUR-001  error" in made.run("rules").out
    assert "Our brand prices end in nine." in made.run("explain", "rule", "OUR-001").out


def test_a_folder_elsewhere_and_one_that_is_missing(made: Repository) -> None:
    """acorn.yaml names it; a name that leads nowhere is told."""
    path = made.path / "acorn.yaml"
    path.write_text(path.read_text() + "  customRules: [ours/rules.yaml]\n")
    assert "GEN-005" in made.run("validate").out
    (made.path / "ours").mkdir()
    (made.path / "ours" / "rules.yaml").write_text(policy(GOOD))
    assert "OUR-001" in made.run("validate").out


def test_a_rule_cannot_take_for_ever_or_look_around(made: Repository) -> None:
    """CEL has no loop, no file, no network; what it does not know is an error."""
    rules(made, {**GOOD, "when": None, "check": "open('/etc/passwd') == ''"})
    result = made.run("validate")
    assert result.code == 4
    assert "root:" not in result.out


def test_a_rule_that_is_taken_out_is_told(tmp_path: Path) -> None:
    """In the plan, beside what it would have stopped."""
    made = Repository(tmp_path / "r", storefront(), sku("A", "9.99"))
    (made.path / "policies").mkdir()
    rules(made, GOOD)
    made.apply()
    (made.path / "policies" / "house.yaml").unlink()
    made.write(storefront(), sku("A", "9.90"))
    said = " ".join(made.run("plan").out.split())
    assert "ACN-036" in said and "rules.OUR-001" in said, said
    made.apply()
    assert "ACN-036" not in made.run("plan").out
