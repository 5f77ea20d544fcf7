"""Two repositories over one store: each resource has one owner, whom all can see. Taking over is explicit, and nobody deletes or
changes what another repository manages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acorn_gitops.compile.desired_state import Key
from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
from acorn_gitops.marketplaces.network.transport import InProcess
from acorn_gitops.marketplaces.protocol import Generation, Scope, Settings, Write
from acorn_gitops.model.resource import Address, Desired, Live, Origin, digest
from acorn_gitops.plan.change import Applied
from acorn_gitops.plan.diff import Policy, diff_store
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.app import Sandbox
from acorn_gitops.sandbox.database import Database
from tests.borders.market import Market, clone_of, open_market
from tests.repository import Repository, sku, storefront

A_2 = "amz-de/listing/A-2"
BOTH = (storefront(), sku("A-1", "34.90"), sku("A-2", "34.90"))


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with open_market(tmp_path) as running:
        yield running


@pytest.fixture
def first(market: Market, tmp_path: Path) -> Repository:
    """The team that made everything."""
    made = clone_of(market, tmp_path / "first", *BOTH)
    made.apply()
    return made


@pytest.fixture
def second(market: Market, tmp_path: Path, first: Repository) -> Repository:
    """Another team's project, which declares the same."""
    made = clone_of(market, tmp_path / "second", *BOTH)
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text().replace("name: test", "name: other"))
    return made


def test_what_others_manage_is_told_and_left(second: Repository, market: Market) -> None:
    """It is as declared: nothing has to be done, and nothing is recorded as ours."""
    told = second.run("plan")
    assert (told.code, "left to test/sandbox" in told.out) == (0, True), told
    second.apply()
    second.write(storefront(), sku("A-1", "34.90"))
    second.apply()
    assert A_2 in market.live()


def test_what_differs_from_what_others_manage_is_not_written(second: Repository, market: Market) -> None:
    """One of the two must give way, and a person says which."""
    second.write(storefront(), sku("A-1", "34.90"), sku("A-2", "29.90"))
    result = second.run("apply", "--auto-approve")
    assert (result.code, "it belongs to test/sandbox" in result.out + result.err) == (3, True), result
    assert market.prices() == {"34.90"}


def test_taking_over_is_explicit_and_the_former_owner_lets_go(
    first: Repository, second: Repository, market: Market
) -> None:
    """After `--adopt` the one manages it and the other neither changes nor deletes it."""
    second.write(storefront(), sku("A-1", "34.90"), sku("A-2", "29.90"))
    result = second.run("apply", "--auto-approve", "--adopt")
    assert result.code == 0, result
    assert market.prices() == {"34.90", "29.90"}
    refused = first.run("apply", "--auto-approve")
    assert (refused.code, "it belongs to other/sandbox" in refused.out + refused.err) == (3, True), refused
    first.write(storefront(), sku("A-1", "34.90"))
    left = first.run("apply", "--auto-approve")
    assert (left.code, "stays: it belongs to other/sandbox" in " ".join(left.out.split())) == (0, True), left
    assert A_2 in market.live()


def test_a_saved_plan_takes_over_as_it_was_reviewed(second: Repository, market: Market) -> None:
    """That of `--adopt` is applied without saying it again."""
    assert second.run("plan", "--adopt", "--out", "p.json").code == 0
    assert second.run("apply", "p.json").code == 0
    second.write(storefront(), sku("A-1", "34.90"))
    second.apply()
    assert A_2 not in market.live()


@pytest.fixture
def found(market: Market, tmp_path: Path) -> Repository:
    """A team that declares what somebody made by hand."""
    database = Database(market.path)
    front = {"platform": "network", "currency": "EUR", "timezone": "Europe/Berlin"}
    disturb.insert(database, Address("amz-de", "storefront", "amz-de"), front)
    offer = {"sku": "A-2", "price": {"currency": "EUR", "value": "34.90"}, "status": "active"}
    disturb.insert(database, Address("amz-de", "listing", "A-2"), offer)
    database.close()
    return clone_of(market, tmp_path / "found", *BOTH)


def test_what_was_nobodys_is_ours_once_it_is_declared(found: Repository, market: Market) -> None:
    """Made by hand, found equal, marked, and later deleted with its line."""
    found.apply()
    database = Database(market.path)
    assert database.get("amz-de", "listing", "A-2").owner == "test/sandbox"  # type: ignore[union-attr]
    database.close()
    made = found
    made.write(storefront(), sku("A-1", "34.90"))
    made.apply()
    assert A_2 not in market.live()


def test_a_rebuilt_ledger_takes_nothing_from_others(second: Repository, market: Market) -> None:
    """Nor does an import: what others manage stays theirs."""
    assert second.run("state", "rebuild").code == 0
    second.write(storefront(), sku("A-1", "34.90"))
    second.apply()
    assert A_2 in market.live()


def test_import_says_what_stays_with_its_owner(first: Repository, market: Market, tmp_path: Path) -> None:
    """The specs are written, and nothing is recorded as managed."""
    made = clone_of(market, tmp_path / "third")
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text().replace("name: test", "name: third"))
    result = made.run("import", "--store", "amz-de")
    assert (result.code, "left to test/sandbox" in result.out) == (0, True), result
    assert made.run("state", "list").out.strip() == ""


# -- the marketplace holds it --------------------------------------------------------------------------------


@pytest.fixture
def adapter() -> Iterator[NetworkMarketplace]:
    database = Database(None)
    settings = Settings("main", "network", "sandbox:", "", {})
    made = NetworkMarketplace(settings, InProcess(Sandbox(database)))
    made.advance("web", "a/live", Generation(0, ""), "one")
    front = {"platform": "network", "currency": "EUR"}
    (outcome,) = made.write("web", [Write("create", Address("web", "storefront", "web"), front, "", "k1")])
    assert outcome.status == "observed", outcome
    made.advance("web", "b/live", Generation(0, ""), "two")
    yield made
    database.close()


FRONT = Address("web", "storefront", "web")


@pytest.mark.parametrize("operation", ["update", "delete"])
@pytest.mark.parametrize(
    ("taken_from", "status"), [("", "conflict"), ("c/live", "conflict"), ("a/live", "observed")]
)
def test_a_write_to_what_belongs_to_another_names_him(
    operation: str, taken_from: str, status: str, adapter: NetworkMarketplace
) -> None:
    """Whoever planned before it changed hands is refused by the marketplace itself."""
    change = {"languages": ["fr_FR"]} if operation == "update" else {}
    write = Write(operation, FRONT, change, "", "k2", taken_from=taken_from)  # type: ignore[arg-type]
    assert adapter.write("web", [write])[0].status == status


def test_a_claim_takes_what_is_nobodys_alone(adapter: NetworkMarketplace) -> None:
    """What another one manages stays his, and what is not there has no owner."""
    nothing = ("listing", "NONE")
    owners = adapter.claim("web", [("storefront", "web"), nothing], "b/live")
    assert owners == {("storefront", "web"): "a/live"}
    assert adapter.read(Scope("web", owner="b/live")).resources[("storefront", "web")].owner == "a/live"


# -- where no marketplace keeps owners -----------------------------------------------------------------------

KEY: Key = ("listing", "A-2")
CONTENT = {"sku": "A-2", "status": "active"}


def compared(*, wanted: bool, found: bool, policy: Policy, owner: str = "") -> list[tuple[str, str]]:
    """What happens to one listing that is live and in the ledger."""
    desired = {KEY: Desired(CONTENT, Origin("a.yaml", 1, "SkuMapping", "a"))} if wanted else {}
    applied = {KEY: Applied(digest(CONTENT), b'{"sku":"A-2","status":"active"}', found=found)}
    result = diff_store("web", "main", desired, {KEY: Live(CONTENT, owner=owner)}, applied, policy)
    return [(change.action, change.reason) for change in result.changes]


@pytest.mark.parametrize(
    ("found", "policy", "outcome"),
    [
        (True, Policy(), ("forget", "undeclared")),
        (True, Policy(takes_over=True), ("delete", "first")),
        (False, Policy(), ("delete", "undeclared")),
        (True, Policy(owner="a/live"), ("delete", "undeclared")),
    ],
    ids=["found", "found and taken over", "made", "found, and the marketplace says that nobody has it"],
)
def test_what_was_only_found_is_not_deleted_where_nobody_knows_whose_it_is(
    found: bool, policy: Policy, outcome: tuple[str, str]
) -> None:
    """The ledger deletes what it made, or took over by a word."""
    assert compared(wanted=False, found=found, policy=policy) == [outcome]


class Keeps(NetworkMarketplace):
    """A marketplace that keeps no owners."""

    def claim(self, store: str, keys: object, owner: str) -> None:
        """Nothing of the kind."""

    def read(self, scope: Scope):  # type: ignore[no-untyped-def]
        """As ever, without owners."""
        snapshot = super().read(scope)
        bare = {key: live._replace(owner="") for key, live in snapshot.resources.items()}
        return snapshot._replace(resources=bare, owners=False)


def test_on_such_a_marketplace_the_word_is_adopt(
    found: Repository, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found equal and dropped: it stays, and the plan says how to have it deleted; following that works."""
    monkeypatch.setattr("acorn_gitops.marketplaces.network.NetworkMarketplace", Keeps)
    found.apply()
    found.write(storefront(), sku("A-1", "34.90"))
    told = " ".join(found.run("plan").out.split())
    assert "A-2 stays: it was there already" in told
    assert found.run("apply", "--auto-approve", "--adopt").code == 0
    assert A_2 not in market.live()


@pytest.mark.parametrize("word", ["movedFrom", "sku"])
def test_what_was_only_found_is_not_made_anew_either(
    word: str, found: Repository, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename and another SKU would delete it as well: `--adopt` says that it is ours."""
    monkeypatch.setattr("acorn_gitops.marketplaces.network.NetworkMarketplace", Keeps)
    found.apply()
    renamed = sku("A-2" if word == "movedFrom" else "A-3", "34.90")
    renamed["spec"]["listings"][0] |= (
        {"sellerSku": "A-2-NEW", "movedFrom": "A-2"} if word == "movedFrom" else {"sellerSku": "A-2"}
    )
    found.write(storefront(), sku("A-1", "34.90"), renamed)
    found.run("apply", "--auto-approve")
    assert market.live()[A_2]["sku"] == "A-2"
    assert found.run("apply", "--auto-approve", "--adopt").code == 0
    assert market.live().get(A_2, {}).get("sku") != "A-2"


def test_a_saved_plan_takes_over_only_where_somebody_said_so(
    found: Repository, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`adopt: any` writes what differs; it is no word about what is found."""
    monkeypatch.setattr("acorn_gitops.marketplaces.network.NetworkMarketplace", Keeps)
    project = found.path / "acorn.yaml"
    project.write_text(project.read_text().replace("budgets: {}", "adopt: any, budgets: {}"))
    database = Database(market.path)
    offer = {"sku": "A-1", "price": {"currency": "EUR", "value": "30.00"}, "status": "active"}
    disturb.insert(database, Address("amz-de", "listing", "A-1"), offer)
    database.close()
    assert found.run("plan", "--out", "p.json").code == 0
    assert found.run("apply", "p.json").code == 0
    found.write(storefront(), sku("A-1", "34.90"))
    found.apply()
    assert A_2 in market.live()


def test_adopting_what_differs_in_what_is_fixed_takes_it_over(second: Repository, market: Market) -> None:
    """It is made anew in the new owner's name, and the plan says whose it was."""
    other = sku("A-3", "34.90")
    other["spec"]["listings"][0]["sellerSku"] = "A-2"
    second.write(storefront(), sku("A-1", "34.90"), other)
    told = second.run("plan", "--adopt").out
    assert "test/sandbox → other/sandbox" in told
    assert second.run("apply", "--auto-approve", "--adopt").code == 0
    assert market.live()[A_2]["sku"] == "A-3"


def test_a_price_that_is_taken_over_falls(first: Repository, second: Repository, market: Market) -> None:
    """Another team's price was reviewed by another team: ours is no repair of it, and its budget is asked."""
    second.write(storefront(), sku("A-1", "34.90"), sku("A-2", "10.00"))
    assert second.run("apply", "--auto-approve", "--adopt").code == 0
    second.write(storefront(), sku("A-1", "34.90"), sku("A-2", "60.00"))
    second.apply()
    project = first.path / "acorn.yaml"
    project.write_text(project.read_text().replace("budgets: {}", 'budgets: {all: {priceDrop: "10"}}'))
    result = first.run("apply", "--auto-approve", "--adopt")
    assert (result.code, "falls from 60.00 to 34.90" in result.err) == (5, True), result
