"""What was said of a storefront or a place of Amazon's holds for it under another account option, and another name: both
are the specs' own, and a checkout can choose them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.amazon.emulated import DE, EUROPE, SECRETS, SELLER
from tests.amazon.test_flow import SKUS, STORES, Seller
from tests.borders.clone import WHO, cloned, git, published
from tests.repository import Repository
from tests.test_access import EVERYTHING, permission

FREEZE = "  freezes: [{name: peak, reason: x, owner: ada, until: '2026-12-30T00:00:00Z'%s}]\n"
WINDOW = '  changeWindows: [{stores: ["amz-*"], days: [sun], from: "03:00", until: "04:00", tz: UTC}]\n'
ENFORCED = "  policies: {access: enforced}\n"


def owners(who: str) -> str:
    """Somebody may do everything everywhere; who gives rights needs another's word."""
    approvals = {"requiredFor": ["iam.grant"], "approvers": [{"user": "heidi@example.com"}], "min": 1}
    verbs = ["read", "apply", "write", "delete"]
    every = {"all": True}
    made = permission("owners", EVERYTHING, verbs, f"{who}@example.com", stores=every, approvals=approvals)
    return f"---\n{json.dumps(made)}\n"


@pytest.fixture
def shared(selling: Seller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seller:
    """A seller's repository whose main branch is pushed, and applied."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    selling.text(STORES + SKUS)
    published(tmp_path, selling)
    selling.apply()
    return selling


def stops(shared: Seller, said: str) -> None:
    """The default branch says stop."""
    file = shared.path / "acorn.yaml"
    file.write_text(file.read_text() + said)
    git(shared.path, "commit", "-qam", "stop")
    git(shared.path, "push", "-q", "origin", "main")


def price(shared: Seller) -> str:
    """What buyers pay for the kettle."""
    offer = shared.amazon.account.listings["KTL-17-BLK", DE].attributes["purchasable_offer"][0]
    return str(offer["our_price"][0]["schedule"][0]["value_with_tax"])


def calls_an_environment(made: Repository, options: str) -> None:
    """A checkout has one of its own."""
    file = made.path / "acorn.yaml"
    mine = f"{{sandbox: {{}}, mine: {{connections: {{main: {{options: {options}}}}}}}}}"
    file.write_text(file.read_text().replace("{sandbox: {}}", mine))


@pytest.mark.parametrize("seller", [SELLER, "whatever"])
def test_an_account_option_is_no_way_around_a_freeze(shared: Seller, seller: str) -> None:
    stops(shared, FREEZE % ", environments: [sandbox]")
    calls_an_environment(shared, f"{{sellerId: {seller}}}")
    shared.text((STORES + SKUS).replace('"49.99"', '"39.99"'))
    assert shared.run("trust", "main", "--env", "mine").code == 0
    done = shared.run("apply", "--env", "mine", "--auto-approve", "--adopt")
    assert (done.code, "ACN-042" in done.err, price(shared)) == (4, True, "49.99"), done


@pytest.mark.parametrize("said", [FREEZE % ', stores: ["amz-*"]', WINDOW], ids=["freeze", "window"])
@pytest.mark.parametrize("environment", ["mine", "sandbox"])
def test_another_name_of_a_store_is_no_way_around_a_stop(
    shared: Seller, tmp_path: Path, said: str, environment: str
) -> None:
    """A fresh clone without a ledger, of specs from before the stop."""
    stops(shared, said)
    stale = cloned(tmp_path / "team.git", tmp_path / "stale")
    file = stale.path / "acorn.yaml"
    file.write_text(file.read_text().replace(said, "").replace("{sandbox: {}}", "{sandbox: {}, mine: {}}"))
    for path in (stale.path / "specs").glob("*.yaml"):
        path.write_text(path.read_text().replace('"49.99"', '"39.99"').replace("amz-de", "shop-de"))
    done = stale.run("apply", "--env", environment, "--auto-approve", "--adopt")
    assert (done.code, price(shared)) == (4, "49.99"), done
    assert "shop-de: " in done.err


OTHER = "A2OTHER98765"


@pytest.mark.parametrize("said", [FREEZE % ", stores: [amz-de]", WINDOW], ids=["freeze", "window"])
def test_the_name_of_another_accounts_store_is_no_way_around_a_stop(
    selling: Seller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """Two accounts sell in Germany; a checkout lets the other one's name lead to the account that is stopped."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    selling.amazon.world.enroll({**EUROPE, "sellerId": OTHER, "refreshToken": "refresh-of-b"})
    monkeypatch.setenv("AMAZON_B", json.dumps({**SECRETS, "refreshToken": "refresh-of-b"}))
    project = selling.path / "acorn.yaml"
    both = project.read_text().replace("  environments:", "    other: OTHER\n  environments:")
    (line,) = [one for one in both.splitlines() if one.strip().startswith("main: ")]
    project.write_text(both.replace("OTHER", line.partition("main: ")[2].replace("AMAZON_EU", "AMAZON_B")))
    front = STORES.partition("---")[0].replace("  type: storefront", "  type: storefront\n  connection: main")
    second = (
        front.replace("amz-de", "two-de")
        .replace("connection: main", "connection: other")
        .replace(SELLER, OTHER)
    )
    kettle = SKUS.partition("    - sku: MUG-RED")[0]
    theirs = (
        kettle.replace("KTL-17-BLK", "KTL-2")
        .replace("name: kettles", "name: theirs")
        .replace("amz-de", "two-de")
    )
    theirs = theirs.replace('      gtin: "4006381333931"\n', "")
    selling.text(f"{front}---\n{second}{kettle}{theirs}")
    published(tmp_path, selling)
    selling.apply()
    stops(selling, said)
    selling.text(f"{front}---\n{second}{kettle}{theirs.replace('49.99', '45.99')}")
    git(selling.path, "commit", "-qam", "the other account goes on")
    assert selling.run("apply", "--auto-approve").code == 0
    stale = cloned(tmp_path / "team.git", tmp_path / "stale")
    file = stale.path / "acorn.yaml"
    file.write_text(file.read_text().replace(said, ""))
    swapped = second.replace("connection: other", "connection: main").replace(OTHER, SELLER)
    specs = f"{swapped}{kettle.replace('amz-de', 'two-de')}".replace('"49.99"', '"39.99"')
    (stale.path / "specs" / "all.yaml").write_text(specs)
    done = stale.run("apply", "--auto-approve", "--adopt")
    assert (done.code, price(selling)) == (4, "49.99"), done


def test_a_stop_of_another_store_is_none_of_this_one(shared: Seller, tmp_path: Path) -> None:
    """What is new here, and what is called as there, go on."""
    stops(shared, FREEZE % ', stores: ["de-ber-*"]')
    edited = (STORES + SKUS).replace('"49.99"', '"39.99"')
    shared.text(edited)
    git(shared.path, "commit", "-qam", "a price")
    done = shared.run("apply", "--auto-approve", "--select", "amz-de")
    assert (done.code, price(shared)) == (0, "39.99"), done


def test_specs_of_the_default_branch_that_cannot_be_read_are_a_stop(shared: Seller, tmp_path: Path) -> None:
    """Nobody knows which storefront is meant."""
    stops(shared, FREEZE % ', stores: ["de-ber-*"]')
    whole = (shared.path / "specs" / "all.yaml").read_text()
    (shared.path / "specs" / "all.yaml").write_text(whole + "---\nkind: [\n")
    git(shared.path, "commit", "-qam", "broken")
    git(shared.path, "push", "-q", "origin", "main")
    (shared.path / "specs" / "all.yaml").write_text(whole.replace('"49.99"', '"39.99"'))
    git(shared.path, "commit", "-qam", "mended")
    done = shared.run("apply", "--auto-approve")
    assert (done.code, "or the specs there" in done.err, price(shared)) == (4, True, "49.99"), done


@pytest.mark.parametrize("options", ["{}", f"{{sellerId: {SELLER}}}"])
def test_rights_in_a_place_are_asked_for_whatever_account_is_named(
    selling: Seller, tmp_path: Path, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another environment, that gives somebody rights there, is bound by what the first one says of the place."""
    for name, value in WHO.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", "main")
    file = selling.path / "acorn.yaml"
    file.write_text(file.read_text() + ENFORCED)
    selling.text(STORES + SKUS + owners("ada"))
    published(tmp_path, selling)
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    selling.run("apply", "--auto-approve")
    (row,) = selling.amazon.account.supply_sources.values()
    assert row["alias"] == "Nordhaven – Berlin Mitte"
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    calls_an_environment(selling, options)
    place = STORES[STORES.index("---\n") + 4 :]
    selling.text(place.replace("Nordhaven – Berlin Mitte", "Mallory") + owners("mallory"))
    git(selling.path, "commit", "-qam", "mallory")
    selling.run("trust", "main", "--env", "mine")
    chosen = ("--adopt", "--select", "de-ber-mitte/location/*")
    done = selling.run("apply", "--env", "mine", "--auto-approve", *chosen)
    assert (done.code, "ACN-024" in done.err, row["alias"]) == (4, True, "Nordhaven – Berlin Mitte"), done


@pytest.mark.parametrize("said", [FREEZE % ', stores: ["amz-*"]', WINDOW], ids=["freeze", "window"])
def test_what_left_the_specs_under_another_name_is_still_stopped(
    shared: Seller, tmp_path: Path, said: str
) -> None:
    stale = cloned(tmp_path / "team.git", tmp_path / "stale")
    calls_an_environment(stale, f"{{sellerId: {SELLER}}}")
    for path in (stale.path / "specs").glob("*.yaml"):
        path.write_text(path.read_text().replace("amz-de", "shop-de"))
    # Before anybody said stop, an environment of somebody's own took it over under a name of its own.
    assert stale.run("trust", "main", "--env", "mine").code == 0
    done = stale.run("apply", "--env", "mine", "--auto-approve", "--adopt")
    assert done.code == 0, done
    stops(shared, said)
    there = {*shared.amazon.account.listings}
    # Edited it is refused ...
    before = {path: path.read_text() for path in (stale.path / "specs").glob("*.yaml")}
    for path, text in before.items():
        path.write_text(text.replace('"49.99"', '"39.99"'))
    assert stale.run("apply", "--env", "mine", "--auto-approve").code == 4
    # ... and taken out of the specs it must be, too.
    place = STORES[STORES.index("---\n") + 4 :]
    (stale.path / "specs" / "all.yaml").write_text(place)
    done = stale.run("apply", "--env", "mine", "--auto-approve")
    assert (done.code, {*shared.amazon.account.listings}) == (4, there), done
