"""Roles that people make by hand bind like any other: nobody gives them to themselves, and what was attested elsewhere
was not done here."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.sandbox.amazon.clock import WallClock
from acorn_gitops.sandbox.amazon.serving import Switch
from tests.amazon.emulated import DE, FR, SECRETS, Emulated
from tests.amazon.test_by_hand import CODE, RECORD, ROLE
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller, price

OWNERS = """---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: owners}
spec:
  subjects: [{kind: user, id: ada@example.com, mfa: true}, {kind: user, id: grace@example.com, mfa: true}]
  stores: {all: true}
  rules: [{resources: [listing, price, promo, tax, store, content, iam], verbs: [read, apply, write]}]
  approvals: {requiredFor: [iam.grant], approvers: [{user: heidi@example.com}], min: 1}
"""
EDITORS = """---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: editors}
spec:
  subjects: [{kind: user, id: mallory@example.com, mfa: true}]
  stores: {all: true}
  rules:
    - {resources: [promo], verbs: [read, apply, write], constraints: {maxDiscountPercent: "10"}}
"""
ASKING = EDITORS.replace('constraints: {maxDiscountPercent: "10"}', "").replace(", }", "}") + (
    "  approvals: {requiredFor: [promo.write, promo.apply], approvers: [{user: grace@example.com}]}\n"
)
MALLORY = "{kind: user, id: mallory@example.com, mfa: true}, "


class Team:
    """People who commit to one repository and apply it."""

    def __init__(self, seller: Seller, proof: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seller, self._proof, self._monkeypatch = seller, proof, monkeypatch
        config = seller.path / "acorn.yaml"
        config.write_text(config.read_text() + "  policies: {access: enforced}\n")
        (seller.path / ".gitignore").write_text(".acorn/\n")
        subprocess.run(["git", "init", "-q", "-b", "main"], cwd=seller.path, check=True)
        seller.trust()
        proof.write_bytes(b"as it is there")

    def __call__(self, who: str, specs: str | None = None) -> Any:
        """Somebody commits specs, attests what is to be done by hand, commits that, and applies."""
        self._monkeypatch.setenv("ACORN_ACTOR", f"{who}@example.com")
        if specs is not None:
            self.seller.text(specs)
        self._commit(who)
        self.seller.run("attest", "*", "--proof", str(self._proof), "--until", "2027-06-30")
        self._commit(who)
        return self.seller.run("apply", "--auto-approve", "--wait", "1")

    def _commit(self, who: str) -> None:
        names = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", who), ("EMAIL", f"{who}@example.com"))
        }
        subprocess.run(["git", "add", "-A"], cwd=self.seller.path, check=True)
        commit = ["git", "commit", "-q", "--allow-empty", "-m", who]
        subprocess.run(commit, cwd=self.seller.path, check=True, env={**os.environ, **names})


@pytest.fixture
def make(
    sp_api_server: tuple[str, Switch], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], Seller]:
    """Makes a seller with these specs; nothing is applied."""
    monkeypatch.setenv("AMAZON_EU", json.dumps(SECRETS))
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")

    def seller(specs: str) -> Seller:
        amazon = Emulated(*sp_api_server, WallClock())
        amazon.world.habits.throttled = False
        return Seller(tmp_path / "r", amazon, specs)

    return seller


@pytest.fixture
def team(
    make: Callable[[str], Seller], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str], Team]:
    """Makes a team whose owners applied these specs."""

    def one(specs: str) -> Team:
        made = Team(make(specs), tmp_path / "proof.png", monkeypatch)
        assert made("ada").code == 0
        assert made("grace").code == 0
        return made

    return one


CHEAPER = (STORES + SKUS).replace("12.90", "12.00")


def test_nobody_makes_themselves_an_owner(team: Callable[[str], Team]) -> None:
    """Neither by a role that people make, nor by saying that it was made."""
    people = team(STORES + SKUS + OWNERS)
    assert "has no price.apply" in people("mallory", CHEAPER + OWNERS).err
    mine = CHEAPER + OWNERS.replace("subjects: [", "subjects: [" + MALLORY)
    refused = people("mallory", mine)
    assert refused.code == 4 and "ROL-012" in refused.err
    assert "would be given owners by themselves" in refused.err
    again = people("ada")
    assert again.code == 4 and "ROL-012" in again.err  # Mallory wrote it, whoever applies
    assert people("ada", CHEAPER + OWNERS).code == 0


def test_what_somebody_else_wrote_and_applied_is_a_right(team: Callable[[str], Team]) -> None:
    people = team(STORES + SKUS + OWNERS)
    assert people("ada", STORES + SKUS + OWNERS.replace("subjects: [", "subjects: [" + MALLORY)).code == 0
    done = people("mallory", CHEAPER + OWNERS.replace("subjects: [", "subjects: [" + MALLORY))
    assert done.code == 0, done


def test_a_limit_binds_until_somebody_else_widens_it(team: Callable[[str], Team]) -> None:
    people = team(STORES + SKUS + OWNERS + EDITORS)
    wider = EDITORS.replace('"10"', '"90"')
    refused = people("mallory", STORES + SKUS + OWNERS + wider + PROMO)
    assert refused.code == 4 and "ROL-012" in refused.err
    refused = people("mallory", STORES + SKUS + OWNERS + EDITORS + PROMO)
    assert refused.code == 4 and "more than 10 %" in refused.err


def test_a_code_is_limited_like_a_sale(team: Callable[[str], Team]) -> None:
    """Nobody knows what it takes off until it is there, so that whoever has a limit does not apply one."""
    people = team(STORES + SKUS + OWNERS + EDITORS)
    refused = people("mallory", STORES + SKUS + OWNERS + EDITORS + CODE)
    assert refused.code == 4 and "within limits only" in refused.err
    refused = people("mallory", STORES + SKUS + OWNERS + CODE)
    assert refused.code == 4 and "has no promo.apply" in refused.err
    assert people("ada", STORES + SKUS + OWNERS + CODE).code == 0


def test_who_has_no_rights_does_not_end_that_they_are_asked_for(team: Callable[[str], Team]) -> None:
    """By a change of settings alone, after which the next change would be anybody's."""
    people = team(STORES + SKUS + OWNERS)
    config = people.seller.path / "acorn.yaml"
    config.write_text(config.read_text().replace("  policies: {access: enforced}\n", ""))
    for specs in (STORES + SKUS + OWNERS, CHEAPER + OWNERS):
        refused = people("mallory", specs)
        assert refused.code == 4 and "no longer enforce access" in refused.err
    assert people("ada", STORES + SKUS + OWNERS).code == 0
    assert people("mallory", CHEAPER + OWNERS).code == 0


OTHER_NAME = (STORES + SKUS).replace("amz-de", "amz-d1")


def test_rights_outlive_the_store_in_which_they_were_given(team: Callable[[str], Team]) -> None:
    """Whoever takes a store away that is theirs by no right takes nobody's rights away."""
    people = team(STORES + SKUS + OWNERS)
    config = people.seller.path / "acorn.yaml"
    kept = "enforced, prune: {listing: false, location: false, storefront: false}}"
    config.write_text(config.read_text().replace("enforced}", kept))
    people("mallory", OTHER_NAME.replace("12.90", "11.90"))
    mine = OWNERS.replace("ada@", "mallory@").replace("grace@", "trent@")
    refused = people("mallory", OTHER_NAME.replace("12.90", "11.90") + mine)
    assert refused.code == 4 and ("ROL-012" in refused.err or "ACN-024" in refused.err)
    assert amount_of(people.seller) == "12.90"
    assert people("ada", STORES + SKUS + OWNERS).code == 0


TWO = (
    STORES
    + """---
apiVersion: acorn/v1
kind: Store
metadata: {name: amz-fr}
spec:
  type: storefront
  storefront:
    platform: amazon
    currency: EUR
    country: FR
    marketplaceId: A13V1IB3VIYZZH
    region: eu
    sellerId: A1EXAMPLE23456
    languages: [fr_FR]
    timezone: Europe/Paris
    pricesIncludeTax: true
"""
)
FRENCH = OWNERS.replace("name: owners", "name: french").replace("{all: true}", "{names: [amz-fr]}")
FRENCH = FRENCH.replace("ada@", "mallory@").replace("grace@", "trent@")


def test_a_store_that_comes_back_brings_no_rights_that_were_taken_away(team: Callable[[str], Team]) -> None:
    people = team(TWO + SKUS + OWNERS + FRENCH)
    gone = people("ada", STORES + SKUS + OWNERS)
    assert gone.code == 0 and "count for nobody" not in gone.err
    refused = people("mallory", TWO + SKUS + OWNERS + FRENCH)
    assert refused.code == 4 and "ROL-012" in refused.err


def test_where_the_last_store_with_rights_is_gone_its_owners_go_on(team: Callable[[str], Team]) -> None:
    """With the agreement of somebody else, as everywhere."""
    german = OWNERS.replace("{all: true}", "{names: [amz-de, de-ber-mitte]}")
    people = team(STORES + german)
    french = TWO[TWO.index("---\napiVersion: acorn/v1\nkind: Store\nmetadata: {name: amz-fr}") :]
    assert people("ada", french.removeprefix("---\n")).code == 0
    agreed = "approvers: [{user: heidi@example.com}], given: [{by: heidi@example.com, at: 2026-11-23}]"
    there = OWNERS.replace("approvers: [{user: heidi@example.com}]", agreed)
    people("ada", french + OWNERS)
    people("heidi", french + there)
    done = people("ada")
    assert (done.code, "count for nobody" in done.err) == (0, False), done


def test_a_code_needs_the_approvals_that_a_sale_needs(team: Callable[[str], Team]) -> None:
    """Also when its author says that it is made."""
    people = team(STORES + SKUS + OWNERS + ASKING)
    refused = people("mallory", STORES + SKUS + OWNERS + ASKING + CODE)
    assert refused.code == 4 and "ROL-024" in refused.err


def test_who_may_not_give_rights_is_told_that_theirs_do_not_count(
    make: Callable[[str], Seller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    seller = make(STORES + SKUS + OWNERS.replace(", iam]", "]"))
    config = seller.path / "acorn.yaml"
    config.write_text(config.read_text() + "  policies: {access: enforced}\n")
    assert "count for nobody yet" in seller.run("apply", "--auto-approve").err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"environment": "sandbox"', '"environment": "staging"'),
        ("2027-06-30", "2028-06-30"),
        ("2027-06-30", "20270630"),
    ],
    ids=["another environment", "longer than anything counts", "a day in another spelling"],
)
def test_a_record_that_somebody_bent_counts_for_nothing(
    make: Callable[[str], Seller], old: str, new: str
) -> None:
    seller, record = _attested(make)
    assert old in record.read_text()
    record.write_text(record.read_text().replace(old, new))
    result = seller.run("plan")
    assert "ACN-046" in result.out and "3 by hand" in result.out


def test_a_record_that_says_two_things_of_one_resource_counts_for_nothing(
    make: Callable[[str], Seller],
) -> None:
    seller, record = _attested(make)
    document = json.loads(record.read_text())
    document["attested"].append(document["attested"][0])
    record.write_text(json.dumps(document))
    assert "ACN-046" in seller.run("plan").out


def test_what_was_done_in_one_marketplace_was_not_done_in_another(make: Callable[[str], Seller]) -> None:
    """Whatever the store is called."""
    seller, _ = _attested(make)
    french = (STORES + SKUS + ROLE + CODE).replace(DE, FR).replace("country: DE", "country: FR")
    seller.text(
        french.replace("[de_DE]", "[fr_FR]").replace(
            "Europe/Berlin\n    pricesI", "Europe/Paris\n    pricesI"
        )
    )
    assert seller.run("state", "rebuild").code == 0
    result = seller.run("plan")
    assert "in another marketplace" in " ".join(result.out.split())
    assert "3 by hand" in result.out


def amount_of(seller: Seller) -> str:
    """What the mug costs there."""
    return price(seller.amazon, "MUG-RED")


def _attested(make: Callable[[str], Seller]) -> tuple[Seller, Path]:
    """A seller whose steps are done, and the record of that."""
    seller = make(STORES + SKUS + ROLE + CODE)
    seller.run("apply", "--auto-approve")
    proof = seller.path.parent / "proof.png"
    proof.write_bytes(b"as it is there")
    assert seller.run("attest", "*", "--proof", str(proof), "--until", "2027-06-30").code == 0
    assert "by hand" not in seller.run("plan").out
    return seller, seller.path / RECORD


OWN_SHOP = """---
apiVersion: acorn/v1
kind: Store
metadata: {name: own-shop}
spec: {type: storefront, connection: shop, storefront: {platform: network, currency: EUR, timezone: Europe/Berlin}}
"""
MIXED = STORES.replace("  type: storefront\n", "  type: storefront\n  connection: main\n").replace(
    "  type: physical\n", "  type: physical\n  connection: main\n"
)


def test_what_was_applied_at_amazon_alone_counts_beside_a_store_that_remembers(
    make: Callable[[str], Seller], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Amazon remembers no apply, the shop beside it does: it is told of those that write nothing there."""
    seller = make(MIXED + OWN_SHOP + SKUS)
    config = seller.path / "acorn.yaml"
    shop = '    shop: {adapter: network, url: "sandbox:"}\n  environments:'
    config.write_text(config.read_text().replace("  environments:", shop))
    people = Team(seller, tmp_path / "proof.png", monkeypatch)
    enforced = config.read_text()
    everything = MIXED + OWN_SHOP + SKUS + OWNERS
    config.write_text(enforced.replace("{access: enforced}", "{budgets: {}}"))
    assert people("ada", everything).code == 0
    assert people("ada").code == 0
    config.write_text(enforced.replace("{access: enforced}", "{budgets: {}, access: enforced}"))
    assert people("ada", everything.replace("12.90", "12.80")).code == 0
    config.write_text(enforced.replace("{access: enforced}", "{budgets: {}}"))
    refused = people("mallory", everything.replace("12.90", "0.90"))
    assert refused.code == 4 and "no longer enforce access" in refused.err
    assert price(seller.amazon, "MUG-RED") == "12.80"
    assert people("ada", everything.replace("12.90", "12.70")).code == 0
    assert people("mallory", everything.replace("12.90", "12.60")).code == 0, (
        "its owner has opened it, at Amazon alone"
    )


@pytest.mark.parametrize(
    "words", [("--select", "amz-d1/listing/*"), ("--adopt", "--select", "amz-d1/listing/*"), ()]
)
def test_a_marketplace_is_what_it_was_under_another_name(
    team: Callable[[str], Team], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """What was applied, given and frozen under its name would count for nothing under the new one."""
    people = team(STORES + SKUS + OWNERS)
    config = people.seller.path / "acorn.yaml"
    config.write_text(config.read_text().replace("127.0.0.1", "localhost"))
    people.seller.text(OTHER_NAME.replace("12.90", "0.90") + OWNERS)
    people.seller.trust()
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    refused = people.seller.run("apply", "--auto-approve", *words)
    assert (refused.code, "amz-d1 is on the marketplace what amz-de is" in refused.err) == (4, True), refused
    assert price(people.seller.amazon, "MUG-RED") == "12.90"


SPELLINGS = ["{0}/", "{0}/x/..", "{0}/./", "{0}/%2e/"]


@pytest.mark.parametrize("spelling", [*SPELLINGS, "http://me@{1}"])
def test_an_address_is_one_in_any_spelling(team: Callable[[str], Team], spelling: str) -> None:
    """What was applied at it counts there, too."""
    people = team(STORES + SKUS + OWNERS)
    config = people.seller.path / "acorn.yaml"
    url = people.seller.amazon.url
    config.write_text(config.read_text().replace(f'url: "{url}"', f'url: "{spelling.format(url, url[7:])}"'))
    people.seller.text(OTHER_NAME.replace("12.90", "0.90") + OWNERS)
    people.seller.trust()
    refused = people.seller.run("plan")
    assert "amz-d1 is on the marketplace what amz-de is" in " ".join(refused.out.split()), refused


def test_a_right_that_was_taken_away_holds_in_no_environment(team: Callable[[str], Team]) -> None:
    """Also where nobody has applied since; and a name that comes to mean another marketplace brings no rights along."""
    people = team(STORES + SKUS + OWNERS)
    config = people.seller.path / "acorn.yaml"
    both = config.read_text().replace("environments: {sandbox: {}}", "environments: {sandbox: {}, old: {}}")
    config.write_text(both)
    with_mallory = STORES + SKUS + OWNERS.replace("subjects: [", "subjects: [" + MALLORY)
    assert people("ada", with_mallory).code == 0
    config.write_text(both.replace("defaultEnvironment: sandbox", "defaultEnvironment: old"))
    assert people("ada").code == 0
    config.write_text(both)
    assert people("ada", STORES + SKUS + OWNERS).code == 0
    config.write_text(both.replace("defaultEnvironment: sandbox", "defaultEnvironment: old"))
    refused = people("mallory", with_mallory.replace("12.90", "0.50"))
    assert refused.code == 4, refused
    assert price(people.seller.amazon, "MUG-RED") == "12.90"
