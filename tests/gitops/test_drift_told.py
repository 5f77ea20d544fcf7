"""What was changed outside is told as what it is: unknown without a ledger, acknowledged where somebody answers
for it, adopted where the specs say it by now."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests import faults
from tests.borders.clone import git
from tests.borders.test_own_rights import ROLES
from tests.repository import PROJECT, Repository, promo, sku, storefront

ADDRESS = "amz-de/listing/KTL-17-BLK"
WAIVER = """  waivers:
    - {{rule: MON-007, scope: {scope}, reason: weekend match, owner: m@example.com, until: "{until}"}}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "r", storefront(), sku(), promo("spring", "10"))
    made.apply()
    return made


def disturb(repository: Repository, what: str) -> None:
    result = repository.run("sandbox", "disturb", what)
    assert result.code == 0, result


def acknowledge(repository: Repository, scope: str = ADDRESS, until: str = "2026-12-05") -> None:
    text = PROJECT + WAIVER.format(scope=scope, until=until)
    (repository.path / "acorn.yaml").write_text(text)


def test_without_a_ledger_drift_is_not_known_and_not_0(tmp_path: Path) -> None:
    fresh = Repository(tmp_path / "r", storefront(), sku())
    said = fresh.run("drift")
    assert said.code == 1
    assert "Drift is not known" in said.out
    assert "acorn state pull" in said.out
    told = fresh.run("drift", "-o", "json")
    assert told.code == 1
    assert told.json["known"] is False


@pytest.mark.parametrize("scope", [ADDRESS, "amz-de/listing/*", "amz-de", "Store/amz-de"])
def test_drift_is_0_for_what_somebody_acknowledges_and_apply_leaves_it(
    repository: Repository, scope: str
) -> None:
    disturb(repository, f"{ADDRESS}.price=44.90")
    assert repository.run("drift", "--detailed-exitcode").code == 2
    acknowledge(repository, scope)
    said = repository.run("drift", "--detailed-exitcode")
    assert said.code == 0, said
    assert "1 acknowledged" in said.out
    assert "GEN-021" not in said.out
    plan = repository.run("plan")
    assert "acknowledged by m@example.com until 2026-12-05: weekend match" in " ".join(plan.out.split())
    repository.apply()
    assert repository.live()[ADDRESS]["price"]["value"] == "44.90"


def test_a_field_that_was_edited_is_applied_beside_one_that_stays(repository: Repository) -> None:
    disturb(repository, f"{ADDRESS}.price=44.90")
    acknowledge(repository)
    repository.write(storefront(), sku(attributes={"brand": "Acme"}), promo("spring", "10"))
    repository.apply()
    live = repository.live()[ADDRESS]
    assert (live["price"]["value"], live["brand"]) == ("44.90", "Acme")
    (repository.path / "acorn.yaml").write_text(PROJECT)
    repository.apply()
    assert repository.live()[ADDRESS]["price"]["value"] == "49.99"


def test_a_spec_that_is_edited_counts_more_than_what_was_acknowledged(repository: Repository) -> None:
    disturb(repository, f"{ADDRESS}.price=44.90")
    acknowledge(repository)
    repository.write(storefront(), sku(price="47.50"), promo("spring", "10"))
    repository.apply()
    assert repository.live()[ADDRESS]["price"]["value"] == "47.50"


def test_what_was_deleted_outside_stays_away_until_the_day(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.delete(repository, "amz-de/promotion/spring")
    acknowledge(repository, "amz-de/promotion/spring")
    assert repository.run("drift", "--detailed-exitcode").code == 0
    repository.apply()
    assert "amz-de/promotion/spring" not in repository.live()
    # On the day the waiver is an error until somebody ends it, and without it the promotion comes back.
    monkeypatch.setenv("ACORN_NOW", "2026-12-05T09:00:00Z")
    assert repository.run("plan").code == 4
    (repository.path / "acorn.yaml").write_text(PROJECT)
    repository.apply()
    assert "amz-de/promotion/spring" in repository.live()


def test_a_store_that_did_not_change_since_is_looked_at_when_the_waiver_is_gone(
    repository: Repository,
) -> None:
    disturb(repository, f"{ADDRESS}.price=44.90")
    acknowledge(repository)
    assert repository.plan()["changes"] == []
    (repository.path / "acorn.yaml").write_text(PROJECT)
    assert [c["address"] for c in repository.plan()["changes"]] == [ADDRESS]


def test_rights_that_were_given_outside_are_never_left(tmp_path: Path) -> None:
    made = Repository(tmp_path / "r", storefront(), storefront("amz-fr"), sku())
    made.text(ROLES, "roles.yaml")
    made.apply()
    grant = next(a for a in made.live() if "/grant/" in a)
    faults.delete(made, grant)
    acknowledge(made, "amz-*/grant/*")
    assert made.run("drift", "--detailed-exitcode").code == 2
    made.apply()
    assert grant in made.live()


def test_what_the_specs_say_by_now_is_waiting_and_no_drift(repository: Repository) -> None:
    disturb(repository, f"{ADDRESS}.price=44.90")
    repository.write(storefront(), sku(price="44.90"), promo("spring", "10"))
    said = repository.run("drift", "-o", "json", "--detailed-exitcode")
    assert said.code == 0, said
    assert (said.json["drifted"], said.json["unapplied"]) == (0, 1)


def test_drift_for_forges_is_markdown_and_junit(repository: Repository) -> None:
    disturb(repository, f"{ADDRESS}.price=44.90")
    told = repository.run("drift", "-o", "markdown").out
    assert "**1 listing changed outside**" in told or "1 resource changed outside" in told
    assert "49.99 EUR | 44.90 EUR" in told
    suite = ElementTree.fromstring(repository.run("drift", "-o", "junit").out)
    assert suite.get("failures") == "1"  # the resource; MON-007 is a warning, and none
    texts = [one.text for one in suite.iter("failure")]
    assert "price: 49.99 EUR → 44.90 EUR" in texts


def test_adopting_drift_where_a_team_keeps_its_ledger_leaves_every_clone_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
    ours = Repository(tmp_path / "ci", storefront(), sku())
    git(ours.path, "init", "-q", "-b", "main")
    (ours.path / ".gitignore").write_text(".acorn/\n")
    git(ours.path, "remote", "add", "origin", str(origin))
    git(ours.path, "add", "-A")
    git(ours.path, "commit", "-qm", "first")
    git(ours.path, "push", "-q", "origin", "main")
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    ours.apply()
    monkeypatch.delenv("ACORN_LEDGER_BRANCH")
    disturb(ours, f"{ADDRESS}.price=44.90")
    for pulls in (True, False):
        # One has pulled the ledger before, one is a fresh clone that never did.
        clone = tmp_path / f"mia-{pulls}"
        git(tmp_path, "clone", "-q", str(origin), str(clone))
        (clone / ".acorn").mkdir()
        for file in (ours.path / ".acorn").glob("sandbox.db*"):
            (clone / ".acorn" / file.name).write_bytes(file.read_bytes())
        mia = Repository(clone)
        if pulls:
            assert mia.run("state", "pull").code == 0
            taken = mia.run("import", "--drifted")
            assert taken.code == 0, taken
            assert "the apply that follows the merge records this" in taken.err
            (ours.path / "specs" / "all.yaml").write_bytes((clone / "specs" / "all.yaml").read_bytes())
        assert mia.run("state", "pull").code == 0
    git(ours.path, "commit", "-qam", "adopt")
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    ours.apply()
    monkeypatch.delenv("ACORN_LEDGER_BRANCH")
    after = Repository(tmp_path / "mia-True").run("state", "pull")
    assert after.code == 0, after
