"""Nobody gives rights to themselves, whatever way they take: by another line, another store, another key, an old approval, a blank.
And what a change loosens is told together with what it lets through."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.provenance.changed import Reader
from acorn_gitops.specs.identities import identities, may_hold
from tests.borders.clone import git
from tests.repository import Repository, sku, storefront

ROLES = """apiVersion: acorn/v1
kind: RolePermission
metadata: {name: owners}
spec:
  subjects: [{kind: user, id: ada@example.com, mfa: true}, {kind: user, id: grace@example.com, mfa: true}]
  stores: {all: true}
  rules: [{resources: [listing, price, promo, tax, store, iam], verbs: [read, apply, write]}]
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: editors}
spec:
  subjects:
    - {kind: user, id: mallory@example.com, mfa: true}
  stores: {names: [amz-de]}
  rules:
    - resources: [listing]
      verbs:
        - read
    - resources: [content]
      verbs:
        - read
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: pickers}
spec:
  subjects:
    - {kind: user, id: pat@example.com, mfa: true}
  stores: {names: [amz-de]}
  rules: [{resources: [order], verbs: [read]}]
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: temps}
spec:
  subjects: [{kind: user, id: mallory@example.com, mfa: true}]
  stores: {names: [amz-de]}
  validity:
    from: "2026-01-01"
    until: "2098-12-31"
  rules: [{resources: [price], verbs: [apply]}]
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: promoters}
spec:
  subjects: [{kind: user, id: mallory@example.com, mfa: true}]
  stores:
    names: [amz-de, amz-fr]
    exclude: [amz-fr]
  rules:
    - resources: [promo]
      verbs: [apply]
      constraints:
        maxDiscountPercent: "10"
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: pricers}
spec:
  subjects:
    - {kind: user, id: pat@example.com, mfa: true}
  stores: {names: [amz-de]}
  rules: [{resources: [price], verbs: [apply, read]}]
  approvals:
    requiredFor: [iam.grant]
    approvers: [{user: grace@example.com}]
    given:
      - {by: grace@example.com, at: "2026-01-10"}
"""
HELPERS = """---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: zz-helpers}
spec:
  key: pickers
  subjects:
    - {kind: user, id: mallory@example.com, mfa: true}
  stores: {names: [amz-fr]}
  rules: [{resources: [price, promo], verbs: [apply]}]
"""
NEW_STORE = """---
apiVersion: acorn/v1
kind: Store
metadata: {name: amz-it}
spec: {type: storefront, storefront: {platform: network, currency: EUR, timezone: Europe/Rome}}
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: zz-it}
spec:
  subjects: [{kind: user, id: mallory@example.com, mfa: true}]
  stores: {names: [amz-it]}
  rules: [{resources: [price, promo], verbs: [apply, write]}]
"""


def by(made: Repository, who: str) -> None:
    """A commit of somebody."""
    person = {"NAME": who, "EMAIL": f"{who}@example.com"}
    environ = {
        f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in person.items()
    }
    subprocess.run(["git", "commit", "-qam", who], cwd=made.path, check=True, env={**os.environ, **environ})


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Two stores and these roles, written by ada and applied by bob."""
    found = Repository(tmp_path / "r", storefront(), storefront("amz-fr"), sku("S-1", "20.00"))
    (found.path / "specs" / "roles.yaml").write_text(ROLES)
    (found.path / ".gitignore").write_text(".acorn/\n")
    git(found.path, "init", "-q", "-b", "main")
    git(found.path, "add", "-A")
    by(found, "ada")
    monkeypatch.setenv("ACORN_ACTOR", "bob@example.com")
    found.apply()
    return found


def edited(made: Repository, old: str, new: str) -> None:
    """A change of the roles."""
    path = made.path / "specs" / "roles.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


WAYS = {
    "a line below the first rule": (
        "    - resources: [content]\n      verbs:\n        - read\n",
        "    - resources: [content, price, payout]\n      verbs:\n        - read\n        - write\n",
    ),
    "a later end": ('until: "2098-12-31"', 'until: "2099-12-31"'),
    "no end any more": ('  validity:\n    from: "2026-01-01"\n    until: "2098-12-31"\n', ""),
    "a further store": (
        "true}\n  stores: {names: [amz-de]}\n  rules:\n",
        "true}\n  stores: {names: [amz-de, amz-fr]}\n  rules:\n",
    ),
    "another name": (
        """metadata: {name: editors}
spec:
  subjects:
    - {kind: user, id: mallory@example.com, mfa: true}
  stores: {names: [amz-de]}
  rules:
    - resources: [listing]
""",
        """metadata: {name: helpers}
spec:
  subjects:
    - {kind: user, id: mallory@example.com, mfa: true}
  stores: {names: [amz-de]}
  rules:
    - resources: [listing, payout]
""",
    ),
    "a wider limit": ('maxDiscountPercent: "10"', 'maxDiscountPercent: "99"'),
    "no limit any more": ('      constraints:\n        maxDiscountPercent: "10"\n', ""),
    "no exclusion any more": ("    exclude: [amz-fr]\n", ""),
    "the key of another role": (ROLES, ROLES + HELPERS),
    "a role of a new store": (ROLES, ROLES + NEW_STORE),
    "an approval of somebody else for another": (
        "metadata: {name: pricers}\nspec:\n  subjects:\n",
        "metadata: {name: pricers}\nspec:\n  subjects:\n    - {kind: user, id: mallory@example.com, mfa: true}\n",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_rights_of_ones_own_passes(way: str, made: Repository) -> None:
    """Mallory writes it and somebody else applies: an error, and the plan shows what would be given."""
    edited(made, *WAYS[way])
    by(made, "mallory")
    told = made.run("plan", "-v").out
    assert "ROL-012 mallory@example.com would be given" in " ".join(told.split()), told
    assert made.run("apply", "--auto-approve").code == 4


@pytest.mark.parametrize(
    "way", ["a line below the first rule", "a later end", "another name", "a wider limit"]
)
def test_a_later_commit_of_somebody_else_hides_nothing(way: str, made: Repository) -> None:
    """The lines are Mallory's, whoever changed the file last."""
    edited(made, *WAYS[way])
    by(made, "mallory")
    edited(made, "metadata: {name: owners}", "metadata: {name: owners} # the founders")
    by(made, "grace")
    assert "ROL-012 mallory@example.com would be given" in " ".join(made.run("plan", "-v").out.split())


@pytest.mark.parametrize("way", WAYS)
def test_the_same_by_somebody_else_passes(way: str, made: Repository) -> None:
    """Whoever has nothing of it may write it."""
    edited(made, *WAYS[way])
    by(made, "ada")
    assert "ROL-012" not in made.run("plan", "-v").out


def test_less_may_be_written_by_anybody(made: Repository) -> None:
    """A narrower limit gives nobody anything."""
    edited(made, 'maxDiscountPercent: "10"', 'maxDiscountPercent: "5"')
    by(made, "mallory")
    assert "ROL-012" not in made.run("plan", "-v").out


def test_an_approval_counts_for_what_stood_there(made: Repository) -> None:
    """Grace agreed to Pat; to Mallory she agrees by a line of her own, written afterwards."""
    edited(made, *WAYS["an approval of somebody else for another"])
    by(made, "mallory")
    assert "ROL-012" in made.run("plan").out
    edited(made, 'at: "2026-01-10"', 'at: "2026-01-11"')
    by(made, "grace")
    assert "ROL-012" not in made.run("plan").out


def test_an_end_that_is_taken_out_is_taken_out_of_the_store(made: Repository) -> None:
    """A role holds as specs and store say, and both say the same."""
    edited(made, *WAYS["no end any more"])
    by(made, "ada")
    fields = {f["path"]: f["after"] for c in made.plan()["changes"] for f in c["fields"]}
    assert fields == {"validFrom": None, "validUntil": None}
    made.apply()
    assert made.live()["amz-de/role/temps"].get("validUntil") is None
    assert made.plan()["changes"] == []


@pytest.mark.parametrize(
    "name", ["mallory@example.com ", " mallory@example.com", "mⵏⵏory", "ɑdmins", "аdmin"]
)
def test_a_name_that_is_not_what_it_looks_like_is_refused(name: str, made: Repository) -> None:
    """Blanks at its ends, letters of another script, letters of phonetic writing."""
    edited(made, "id: pat@example.com, mfa: true}\n  stores: {names: [amz-de]}\n  rules: [{resources: [order]", f'id: "{name}"}}\n  stores: {{names: [amz-de]}}\n  rules: [{{resources: [order]')  # fmt: skip
    assert "ROL-022" in made.run("validate").out


def test_scripts_that_people_write_side_by_side_are_names(made: Repository) -> None:
    """A group of a team in Tokyo, in Tel Aviv, in Bangkok."""
    for name in ("価格team", "צוות-EU", "ทีม EU", "Einkauf Süd", "कीमत EU"):
        edited(made, "id: pat@example.com, mfa: true}\n  stores: {names: [amz-de]}\n  rules: [{resources: [order]", f'id: "{name}"}}\n  stores: {{names: [amz-de]}}\n  rules: [{{resources: [order]')  # fmt: skip
        assert "ROL-022" not in made.run("validate").out, name
        git(made.path, "checkout", "-q", "specs")


def test_every_right_of_a_role_is_told(made: Repository) -> None:
    """In text and in Markdown, whatever else comes with it, and nothing of it is cut off."""
    role = ROLES + HELPERS.replace("[price, promo], verbs: [apply]", "[ad, listing, payout, price, promo, store], verbs: [apply, read, write]")  # fmt: skip
    (made.path / "specs" / "roles.yaml").write_text(role)
    for form in (["plan"], ["plan", "-v"], ["plan", "-o", "markdown"]):
        told = " ".join(made.run(*form).out.split())
        for right in ("payout.write", "store.apply", "price.apply"):
            assert right in told, (form, right)


def test_one_of_many_promotions_is_not_covered_by_the_others(made: Repository) -> None:
    """Six that take five percent off, and one that takes ninety."""
    promos = "".join(
        "---\napiVersion: acorn/v1\nkind: Promo\n"
        f"metadata: {{name: p{number}}}\nspec:\n  type: percentOff\n  stores: {{names: [amz-de]}}\n  skus: {{names: [S-1]}}\n"
        f'  window: {{start: {{local: "2098-{number + 1:02}-01T00:00", tz: store}}, end: {{local: "2098-{number + 1:02}-03T00:00", tz: store}}}}\n'
        f'  discount: {{percent: "{percent}"}}\n'
        for number, percent in enumerate([5] * 6 + [90])
    )
    (made.path / "specs" / "promos.yaml").write_text(promos)
    for form in (["plan"], ["plan", "-o", "markdown"]):
        told = " ".join(made.run(*form).out.split())
        assert "percentOff percent 90 on S-1" in told, told


# -- what guards, and is loosened ----------------------------------------------------------------------------


def policies(made: Repository, said: str) -> None:
    """Set the project's policies."""
    path = made.path / "acorn.yaml"
    text = path.read_text().split("  policies:")[0]
    path.write_text(f"{text}  policies: {said}\n")


def test_what_no_longer_guards_is_told(made: Repository) -> None:
    """A change that takes a budget and a waiver's end with it shows both; the next plan says nothing more of it."""
    policies(made, '{budgets: {all: {priceDrop: "10"}}, access: open}')
    by(made, "ada")
    made.apply()
    policies(made, '{budgets: {all: {priceDrop: "90"}}}')
    told = " ".join(made.run("plan").out.split())
    assert "ACN-036" in told
    assert "access open → (none); budgets.all.priceDrop 10 → 90" in told
    by(made, "ada")
    made.apply()
    assert "ACN-036" not in made.run("plan").out


def test_access_is_enforced_against_the_commit_that_ends_it(
    made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has no right may not take the rule out that asks for it, and use that in one commit."""
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    policies(made, "{access: enforced, severities: {ROL-010: warning}}")
    by(made, "grace")
    made.apply()
    made.write(storefront(), storefront("amz-fr"), sku("S-1", "20.00"), sku("S-9", "2.00"))
    policies(made, "{severities: {ROL-010: warning}}")
    by(made, "mallory")
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    result = made.run("apply", "--auto-approve")
    assert (result.code, "ACN-024" in result.err + result.out) == (4, True), result
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    made.apply()


@pytest.mark.parametrize(
    "left",
    [{"ignoreFields": ["price"]}, {"ceded": {"price": {"by": "repricer", "min": "1.00", "max": "99.00"}}}],
)
def test_an_edit_is_no_repair(left: dict[str, Any], tmp_path: Path) -> None:
    """A price is left to others and edited in one change, and taken back in the next: what was never sent was never applied, and
    the budget sees it."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"), sku("S-2", "20.00"))
    policies(made, '{budgets: {all: {priceDrop: "10"}}}')
    made.apply()
    cheap = sku("S-1", "2.00")
    made.write(storefront(), {**cheap, "lifecycle": left}, sku("S-2", "20.00"))
    made.apply()
    made.write(storefront(), cheap, sku("S-2", "20.00"))
    assert {c["reason"] for c in made.plan()["changes"]} == {"edited"}
    assert "BUD-002" in made.run("plan").out
    assert made.run("apply", "--auto-approve").code == 5


# -- ways that no line of the role shows ---------------------------------------------------------------------


def person(who: str) -> dict[str, str]:
    """The environment of somebody's commits."""
    said = {"NAME": who, "EMAIL": f"{who}@example.com"}
    return {**os.environ, **{f"GIT_{r}_{n}": v for r in ("AUTHOR", "COMMITTER") for n, v in said.items()}}


def refused(made: Repository, who: str = "mallory") -> None:
    """Somebody else applies, and is told who would gain by themselves."""
    result = made.run("apply", "--auto-approve")
    assert (result.code, f"{who}@example.com would be given" in result.err) == (4, True), result


def test_a_merge_that_brings_back_what_others_took_away(made: Repository) -> None:
    """Every line is ada's, and so is the last change of the file that history shows: the merge is mallory's."""
    roles = made.path / "specs" / "roles.yaml"
    text = roles.read_text()
    pat = "    - {kind: user, id: pat@example.com, mfa: true}\n  stores: {names: [amz-de]}\n  rules: [{resources: [order]"
    with_mallory = text.replace(pat, "    - {kind: user, id: mallory@example.com, mfa: true}\n" + pat)
    roles.write_text(with_mallory)
    by(made, "ada")
    old = git(made.path, "rev-parse", "HEAD").strip()
    roles.write_text(text)
    by(made, "grace")
    made.apply()
    git(made.path, "checkout", "-qb", "evil", old)
    merge = ["git", "merge", "-q", "-s", "ours", "-m", "Merge main", "main"]
    subprocess.run(merge, cwd=made.path, check=True, env=person("mallory"))
    git(made.path, "checkout", "-q", "main")
    git(made.path, "merge", "-q", "--ff-only", "evil")
    refused(made)


def test_an_honest_merge_is_nobodys_gift(made: Repository) -> None:
    """Ada gives pat a role on a branch while grace changes the file elsewhere; mallory merges both as they are."""
    roles = made.path / "specs" / "roles.yaml"
    git(made.path, "checkout", "-qb", "side")
    roles.write_text(roles.read_text() + HELPERS.replace("mallory", "pat"))
    by(made, "ada")
    git(made.path, "checkout", "-q", "main")
    roles.write_text(
        roles.read_text().replace(
            "verbs: [read]}]\n---\napiVersion: acorn/v1\nkind: RolePermission\nmetadata: {name: temps}",
            "verbs: [read, export]}]\n---\napiVersion: acorn/v1\nkind: RolePermission\nmetadata: {name: temps}",
        )
    )
    by(made, "grace")
    subprocess.run(
        ["git", "merge", "-q", "-m", "Merge side", "side"], cwd=made.path, check=True, env=person("mallory")
    )
    made.apply()


def test_an_edit_of_somebody_else_covers_nothing(made: Repository) -> None:
    """Mallory takes a limit out; ada changes another line of the file afterwards."""
    roles = made.path / "specs" / "roles.yaml"
    roles.write_text(roles.read_text().replace('      constraints:\n        maxDiscountPercent: "10"\n', ""))
    by(made, "mallory")
    roles.write_text(roles.read_text().replace("resources: [order]", "resources: [order, report.sales]"))
    by(made, "ada")
    refused(made)


def test_a_file_whose_name_is_a_pattern_is_that_file(made: Repository) -> None:
    """`r*.yaml` is asked for by its name, and not for its neighbours, which ada changed later."""
    specs = made.path / "specs"
    text = (specs / "roles.yaml").read_text()
    (specs / "roles.yaml").unlink()
    (specs / "r*.yaml").write_text(text)
    git(made.path, "add", "-A")
    by(made, "ada")
    made.apply()
    (specs / "r*.yaml").write_text(text.replace('      constraints:\n        maxDiscountPercent: "10"\n', ""))
    by(made, "mallory")
    (specs / "regional.yaml").write_text(NEW_STORE.split("---")[1])
    git(made.path, "add", "-A")
    by(made, "ada")
    refused(made)


def test_what_acorn_yaml_takes_in_is_somebodys_doing(made: Repository) -> None:
    """Ada wrote a role for trials in a folder of its own; mallory lets it count."""
    (made.path / "trial").mkdir()
    (made.path / "trial" / "helpers.yaml").write_text(HELPERS.removeprefix("---\n"))
    git(made.path, "add", "-A")
    by(made, "ada")
    made.apply()
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text().replace("specs: [specs]", "specs: [specs, trial]"))
    by(made, "mallory")
    refused(made)


def test_a_template_that_brings_a_label_is_somebodys_doing(made: Repository) -> None:
    """The label is ada's, the role is ada's; that the store inherits it is mallory's."""
    specs = made.path / "specs"
    (specs / "template.yaml").write_text(
        "apiVersion: acorn/v1\nkind: Store\nmetadata: {name: south, abstract: true, labels: {region: south}}\n"
    )
    (specs / "fr.yaml").write_text(
        "apiVersion: acorn/v1\nkind: Store\nmetadata: {name: amz-es}\n"
        "spec: {type: storefront, storefront: {platform: network, currency: EUR, timezone: Europe/Madrid}}\n"
    )
    by_label = HELPERS.replace("names: [amz-fr]", "labels: {region: south}").removeprefix("---\n")
    (specs / "south.yaml").write_text(by_label)
    git(made.path, "add", "-A")
    by(made, "ada")
    made.apply()
    text = (specs / "fr.yaml").read_text()
    (specs / "fr.yaml").write_text(text.replace("spec: {type", "spec: {inherits: [south], type"))
    by(made, "mallory")
    refused(made)


LIMIT = '      constraints:\n        maxDiscountPercent: "10"\n'


def test_a_merge_commit_with_an_edit_of_its_own(made: Repository) -> None:
    """Neither side touched the role; the merge takes its limit out."""
    git(made.path, "checkout", "-qb", "prices")
    listing = made.path / "specs" / "all.yaml"
    listing.write_text(listing.read_text().replace("20.00", "20.50"))
    by(made, "ada")
    git(made.path, "checkout", "-q", "main")
    merge = ["git", "merge", "-q", "--no-ff", "--no-commit", "prices"]
    subprocess.run(merge, cwd=made.path, check=True, env=person("mallory"))
    roles = made.path / "specs" / "roles.yaml"
    roles.write_text(roles.read_text().replace(LIMIT, ""))
    subprocess.run(
        ["git", "commit", "-qam", "Merge prices"], cwd=made.path, check=True, env=person("mallory")
    )
    refused(made)


def test_a_file_that_was_taken_away_said_something(made: Repository) -> None:
    """The limit stands in a file of its own, which mallory deletes; what is left is ada's."""
    roles = made.path / "specs" / "roles.yaml"
    roles.write_text(roles.read_text().replace(LIMIT, ""))
    overlay = made.path / "overlays" / "sandbox"
    overlay.mkdir(parents=True)
    head = "apiVersion: acorn/v1\nkind: RolePermission\nmetadata: {name: promoters}\nspec:\n  rules:\n"
    rule = "    - resources: [promo]\n      verbs: [apply]\n" + LIMIT
    (overlay / "limits.yaml").write_text(head + rule)
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text().replace("sandbox: {}", "sandbox: {overlays: [overlays/sandbox]}"))
    git(made.path, "add", "-A")
    by(made, "ada")
    made.apply()
    (overlay / "limits.yaml").unlink()
    (overlay / "other.yaml").write_text(
        "apiVersion: acorn/v1\nkind: Store\nmetadata: {name: amz-fr, labels: {a: b}}\n"
    )
    git(made.path, "add", "-A")
    by(made, "mallory")
    refused(made)


def test_a_part_that_was_applied_is_not_the_whole(made: Repository) -> None:
    """Refused as a whole, applied in part; the next whole apply asks again."""
    roles = made.path / "specs" / "roles.yaml"
    roles.write_text(roles.read_text().replace(LIMIT, ""))
    listing = made.path / "specs" / "all.yaml"
    listing.write_text(listing.read_text().replace("20.00", "20.50"))
    by(made, "mallory")
    refused(made)
    assert made.run("apply", "--auto-approve", "--select", "*/listing/*").code == 0
    refused(made)


def test_a_comment_in_acorn_yaml_is_nobodys_gift(made: Repository) -> None:
    """Mallory edits what guards nothing and takes nothing in; ada gives mallory a role, and bob applies it."""
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text() + "# as agreed\n")
    by(made, "mallory")
    (made.path / "specs" / "more.yaml").write_text(HELPERS.removeprefix("---\n"))
    git(made.path, "add", "-A")
    by(made, "ada")
    made.apply()


def test_a_merge_that_keeps_a_side_which_others_had_changed(made: Repository) -> None:
    """Grace takes mallory out of a role on main, ada adds a comment to the file on a branch, mallory merges main into it as it was."""
    roles = made.path / "specs" / "roles.yaml"
    git(made.path, "checkout", "-qb", "side")
    roles.write_text(roles.read_text() + "# reviewed\n")
    by(made, "ada")
    git(made.path, "checkout", "-q", "main")
    head, _, tail = roles.read_text().partition("metadata: {name: temps}")
    roles.write_text(head + "metadata: {name: temps}" + tail.replace("mallory", "pat", 1))
    by(made, "grace")
    made.apply()
    git(made.path, "checkout", "-q", "side")
    merge = ["git", "merge", "-q", "-s", "ours", "-m", "Merge main", "main"]
    subprocess.run(merge, cwd=made.path, check=True, env=person("mallory"))
    git(made.path, "checkout", "-q", "main")
    git(made.path, "merge", "-q", "--ff-only", "side")
    refused(made)


# -- what no line says any more ------------------------------------------------------------------------------

OVERLAY = Path("overlays/sandbox/limits.yaml")
LIMITED = (
    "apiVersion: acorn/v1\nkind: RolePermission\nmetadata: {name: promoters}\nspec:\n  rules:\n"
    "    - resources: [promo]\n      verbs: [apply]\n" + LIMIT
)
BESIDE = "apiVersion: acorn/v1\nkind: Store\nmetadata: {name: amz-fr, labels: {a: b}}\n"


@pytest.fixture
def overlaid(made: Repository) -> Repository:
    """The limit stands in an overlay, beside a document about something else."""
    roles = made.path / "specs" / "roles.yaml"
    roles.write_text(roles.read_text().replace(LIMIT, ""))
    (made.path / OVERLAY).parent.mkdir(parents=True)
    (made.path / OVERLAY).write_text(f"{LIMITED}---\n{BESIDE}")
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text().replace("sandbox: {}", "sandbox: {overlays: [overlays/sandbox]}"))
    git(made.path, "add", "-A")
    by(made, "ada")
    made.apply()
    return made


def test_a_document_that_was_taken_out_of_a_file_said_something(overlaid: Repository) -> None:
    """The file stays, and is no layer of the role any more."""
    (overlaid.path / OVERLAY).write_text(BESIDE)
    by(overlaid, "mallory")
    refused(overlaid)


def test_a_document_that_is_taken_out_and_not_committed(
    overlaid: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever applies is who did it."""
    (overlaid.path / OVERLAY).write_text(BESIDE)
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    assert "ROL-012" in overlaid.run("plan").out


def test_a_name_that_is_spelt_otherwise_is_that_name(overlaid: Repository) -> None:
    """An escape changes no plan; then the file is deleted."""
    text = (overlaid.path / OVERLAY).read_text()
    (overlaid.path / OVERLAY).write_text(text.replace("name: promoters", 'name: "prom\\u006fters"'))
    by(overlaid, "mallory")
    overlaid.apply()
    (overlaid.path / OVERLAY).write_text(BESIDE)
    by(overlaid, "mallory")
    refused(overlaid)


def test_what_came_and_went_since_the_last_whole_apply(overlaid: Repository) -> None:
    """A limit that came later, was applied with --select, and was taken away."""
    (overlaid.path / OVERLAY).write_text(BESIDE)
    by(overlaid, "ada")
    overlaid.apply()
    later = overlaid.path / OVERLAY.with_name("later.yaml")
    later.write_text(LIMITED)
    git(overlaid.path, "add", "-A")
    by(overlaid, "ada")
    assert overlaid.run("apply", "--auto-approve", "--select", "amz-de").code == 0
    later.unlink()
    by(overlaid, "mallory")
    refused(overlaid)


def test_moving_a_file_hides_nobody(made: Repository) -> None:
    """Mallory takes a limit out, and ada moves the file."""
    roles = made.path / "specs" / "roles.yaml"
    roles.write_text(roles.read_text().replace(LIMIT, ""))
    by(made, "mallory")
    (made.path / "specs" / "access").mkdir()
    git(made.path, "mv", "specs/roles.yaml", "specs/access/roles.yaml")
    by(made, "ada")
    refused(made)


def test_a_merge_of_something_that_has_nothing_in_common_hides_nobody(made: Repository) -> None:
    """Without a base git has no answer to what both sides come from."""
    roles = made.path / "specs" / "roles.yaml"
    roles.write_text(roles.read_text().replace(LIMIT, ""))
    by(made, "mallory")
    git(made.path, "checkout", "-q", "--orphan", "notes")
    git(made.path, "rm", "-rqf", ".")
    (made.path / "NOTES.md").write_text("notes\n")
    git(made.path, "add", "NOTES.md")
    by(made, "mallory")
    git(made.path, "checkout", "-q", "main")
    merge = ["git", "merge", "-q", "--no-ff", "--allow-unrelated-histories", "-m", "Notes", "notes"]
    subprocess.run(merge, cwd=made.path, check=True, env=person("ada"))
    refused(made)


def test_history_that_git_would_simplify_away_counts(made: Repository) -> None:
    """Ada brought the limit, mallory took it out and merged that into a branch from before: all sides are equal."""
    roles = made.path / "specs" / "roles.yaml"
    limited = roles.read_text()
    roles.write_text(limited.replace(LIMIT, ""))
    by(made, "ada")
    before = git(made.path, "rev-parse", "HEAD").strip()
    roles.write_text(limited)
    by(made, "ada")
    made.apply()
    roles.write_text(limited.replace(LIMIT, ""))
    by(made, "mallory")
    git(made.path, "checkout", "-qb", "side", before)
    (made.path / "NOTES.md").write_text("notes\n")
    git(made.path, "add", "NOTES.md")
    by(made, "mallory")
    merge = ["git", "merge", "-q", "--no-ff", "-m", "Merge main", "main"]
    subprocess.run(merge, cwd=made.path, check=True, env=person("ada"))
    git(made.path, "checkout", "-q", "main")
    git(made.path, "merge", "-q", "--ff-only", "side")
    refused(made)


def test_another_document_of_the_same_file_is_another_thing(made: Repository) -> None:
    """Mallory edits the pickers; ada takes the limit of mallory's role out."""
    roles = made.path / "specs" / "roles.yaml"
    roles.write_text(roles.read_text().replace("resources: [order]", "resources: [order, report.sales]"))
    by(made, "mallory")
    roles.write_text(roles.read_text().replace(LIMIT, ""))
    by(made, "ada")
    made.apply()


@pytest.mark.parametrize(
    ("content", "known"),
    [
        (b"kind: RolePermission\nmetadata: {name: promoters}\nspec: {}\n", True),
        (b'kind: "Role\\u0050ermission"\nmetadata: {name: "prom\\x6fters"}\nspec: {}\n', True),
        (b"kind: RolePermission\nmetadata: {name: other}\nspec: {key: promoters}\n", True),
        (b"kind: Promo\nmetadata: {name: promoters}\n# RolePermission\n", False),
        (b"\xff\xfe promoters RolePermission", False),
        (b"kind: RolePermission\nmetadata: {name: promoters", None),
        (b"# RolePermission promoters\n" + b"#" * (3 << 20), None),
        (b"\x00\x01\\x41" * (1 << 20) + b"\xff", False),
    ],
    ids=["plain", "escaped", "by its key", "another kind", "no UTF-8", "cut off", "too long", "no text"],
)
def test_what_a_text_holds_of_a_document(content: bytes, known: bool | None) -> None:
    """None: nobody can tell, so that whoever changed it counts."""
    wanted = {("RolePermission", "promoters"), ("key of RolePermission", "promoters")}
    reader = Reader(identities, may_hold)
    found = reader.held(content, wanted)
    assert (None if found is None else bool(found)) is known
