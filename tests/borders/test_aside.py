"""What an apply does beside its writes: a commit that changes nothing is remembered, a run that is still under way is refused in
stores that this one leaves alone, what somebody began to forget is forgotten, and nobody passes for somebody else's store."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.apply.observe import observe
from acorn_gitops.marketplaces.network import adapter
from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
from acorn_gitops.marketplaces.network.transport import NoAnswer, Response
from acorn_gitops.marketplaces.protocol import Generation, Outcome, Scope, Settings, Write
from acorn_gitops.model.finding import Incomplete, MarketplaceError, Unreachable
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.borders.clone import cloned, git, published
from tests.borders.market import Market, clone_of, open_market
from tests.borders.server import Answered, Exchange, Server, between, upstream
from tests.repository import Repository, document, sku, storefront


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with open_market(tmp_path) as running:
        yield running


def committed(made: Repository, *documents: dict[str, Any]) -> str:
    """A commit with these specs; answers its id."""
    made.write(*documents)
    git(made.path, "commit", "-qam", "next")
    return git(made.path, "rev-parse", "HEAD").strip()


# -- a commit that changes nothing ---------------------------------------------------------------------------


def test_a_commit_that_changes_nothing_is_the_newest_all_the_same(market: Market, tmp_path: Path) -> None:
    """A slip is merged and reverted before anybody applied it; then the pipeline of the slip runs: exit 6."""
    team = clone_of(market, tmp_path / "team", storefront(), sku("S-1", "20.00"))
    published(tmp_path, team)
    team.apply()
    slip = committed(team, storefront(), sku("S-1", "2.00"))
    committed(team, storefront(), sku("S-1", "20.00"))
    assert "No changes" in team.run("apply", "--auto-approve").out
    git(team.path, "checkout", "-q", slip)
    result = team.run("apply", "--auto-approve")
    assert (result.code, "older than commit" in result.err) == (6, True), result
    assert market.prices() == {"20.00"}
    assert team.run("apply", "--auto-approve", "--older").code == 0, "on purpose it can be done"


def test_a_commit_that_changes_nothing_is_known_to_the_stores(market: Market, tmp_path: Path) -> None:
    """A slip is merged and reverted before anybody applied it. A machine with a ledger from before knows of neither; the store
    does."""
    team = clone_of(market, tmp_path / "team", storefront(), sku("S-1", "20.00"))
    published(tmp_path, team)
    team.apply()
    laptop = tmp_path / "laptop"
    shutil.copytree(team.path, laptop)
    slip = committed(team, storefront(), sku("S-1", "2.00"))
    committed(team, storefront(), sku("S-1", "20.00"))
    team.apply()
    git(laptop, "pull", "-q", str(team.path), slip)
    old = Repository.__new__(Repository)
    old.path = laptop
    result = old.run("apply", "--auto-approve")
    assert (result.code, "somebody else has applied" in result.err) == (6, True), result
    assert market.prices() == {"20.00"}


def test_a_second_apply_of_the_same_commit_says_nothing_new(market: Market, tmp_path: Path) -> None:
    """A nightly apply that finds nothing to do makes no history and no pushes."""
    team = clone_of(market, tmp_path / "team", storefront(), sku("S-1", "20.00"))
    published(tmp_path, team)
    team.apply()
    before = len(team.run("history", "-o", "json").json["entries"])
    for _ in range(3):
        team.apply()
    assert len(team.run("history", "-o", "json").json["entries"]) == before


def test_what_was_given_away_is_not_taken_back_by_an_old_pipeline(market: Market, tmp_path: Path) -> None:
    """`state rm`, the spec goes, an apply that has nothing to do; the old pipeline must not take it over for the next one to
    delete."""
    team = clone_of(market, tmp_path / "team", storefront(), sku("S-1", "20.00"), sku("X-1", "5.00"))
    published(tmp_path, team)
    team.apply()
    old = git(team.path, "rev-parse", "HEAD").strip()
    assert team.run("state", "rm", "amz-de/listing/X-1").code == 0
    committed(team, storefront(), sku("S-1", "20.00"))
    team.apply()
    git(team.path, "checkout", "-q", old)
    assert team.run("apply", "--auto-approve").code == 6
    git(team.path, "checkout", "-q", "main")
    team.apply()
    assert "amz-de/listing/X-1" in market.live()


def test_a_clone_that_was_cut_is_judged_by_the_times(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a shallow fetch brought the newer commit and not the way to it, git's "no" is no answer."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    monkeypatch.setattr("tests.borders.clone.WHO", {**_WHO, "GIT_COMMITTER_DATE": "2026-01-01T10:00:00Z"})
    team = clone_of(market, tmp_path / "team", storefront(), sku("S-1", "20.00"))
    bare = published(tmp_path, team)
    old = cloned(bare, tmp_path / "old")
    monkeypatch.setattr("tests.borders.clone.WHO", {**_WHO, "GIT_COMMITTER_DATE": "2026-02-01T10:00:00Z"})
    committed(team, storefront(), sku("S-1", "45.00"))
    git(team.path, "push", "-q", "origin", "main")
    team.apply()
    git(old.path, "fetch", "-q", "--depth=1", "origin", "+main:refs/remotes/origin/main")
    assert old.run("apply", "--auto-approve").code == 6
    assert market.prices() == {"45.00"}


_WHO = {
    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
}  # fmt: skip


# -- a run that is still under way ---------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["20.00", "21.00"])
def test_a_slow_run_writes_nothing_to_a_store_that_a_newer_one_left_alone(
    other: str, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits in the first store while a newer commit is applied, which says nothing new of the second: its batch there is
    refused."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    shops = [storefront("a-shop"), storefront("z-shop")]

    def shelves(a: str, z: str) -> list[dict[str, Any]]:
        listings = (
            document("SkuMapping", name.lower(), {"sku": name, "listings": [{"store": store, "price": {"currency": "EUR", "value": price}}]})
            for name, store, price in (("A-1", "a-shop", a), ("Z-1", "z-shop", z))
        )  # fmt: skip
        return [*shops, *listings]

    slow = clone_of(market, tmp_path / "slow", *shelves("20.00", "20.00"))
    bare = published(tmp_path, slow)
    slow.apply()
    newer = cloned(bare, tmp_path / "newer")
    committed(slow, *shelves("19.00", "2.00"))
    git(slow.path, "push", "-q", "origin", "main")
    git(newer.path, "pull", "-q")
    committed(newer, *shelves(other, "20.00"))
    database = Database(market.path)
    database.add_fault("accept", "a-shop/listing/*", 1, {})
    database.close()
    command = [sys.executable, "-m", "acorn_gitops", "apply", "--auto-approve", "--wait", "8"]
    running = subprocess.Popen(
        command, cwd=slow.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for _ in range(100):
            if git(tmp_path, "--git-dir", str(bare), "branch", "--list", "acorn-ledger") and _asked(market):
                break
            time.sleep(0.1)
        assert newer.run("lock", "--break", "it hangs").code == 0  # says somebody who is wrong
        newer.run("apply", "--auto-approve")
        running.communicate(timeout=60)
    finally:
        running.kill()
    assert market.live()["z-shop/listing/Z-1"]["price"]["value"] == "20.00"  # type: ignore[index]
    assert running.returncode != 0


def _asked(market: Market) -> bool:
    """Whether the slow run has sent its first batch: the fault is used up."""
    database = Database(market.path)
    try:
        return not database.faults()
    finally:
        database.close()


# -- what somebody began to forget ---------------------------------------------------------------------------


def test_what_was_given_away_on_one_machine_is_deleted_on_no_other(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second push of `state rm` fails: the opening entry, which is on the branch, names what is forgotten."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    team = clone_of(market, tmp_path / "team", storefront(), sku("S-1", "20.00"), sku("X-1", "5.00"))
    bare = published(tmp_path, team)
    team.apply()
    ci = cloned(bare, tmp_path / "ci")
    _only_pushes(bare, 1)
    assert team.run("state", "rm", "amz-de/listing/X-1").code == 1
    _only_pushes(bare, 1000)
    committed(ci, storefront(), sku("S-1", "20.00"))
    ci.run("state", "pull")
    assert all(c["action"] != "delete" for c in ci.plan()["changes"])
    ci.apply()
    assert "amz-de/listing/X-1" in market.live()
    assert "amz-de/listing/X-1" not in ci.run("state", "list").out
    ci.apply()


def test_a_refusal_of_the_first_push_forgets_nothing(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here or elsewhere; and the ledger of the branch can be pulled afterwards."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    team = clone_of(market, tmp_path / "team", storefront(), sku("S-1", "20.00"), sku("X-1", "5.00"))
    bare = published(tmp_path, team)
    team.apply()
    _only_pushes(bare, 0)
    assert team.run("state", "rm", "amz-de/listing/X-1").code == 1
    _only_pushes(bare, 1000)
    assert "amz-de/listing/X-1" in team.run("state", "list").out
    team.apply()
    assert "amz-de/listing/X-1" in team.run("state", "list").out


def _only_pushes(bare: Path, count: int) -> None:
    """From now on the remote takes so many pushes."""
    (bare / "left").write_text(str(count))
    hook = bare / "hooks" / "pre-receive"
    hook.write_text(
        f'#!/bin/sh\nn=$(cat "{bare}/left"); [ "$n" -gt 0 ] || exit 1; echo $((n - 1)) > "{bare}/left"\n'
    )
    hook.chmod(0o755)


def test_environments_on_one_branch_do_not_stop_each_other(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch moves by another environment's file between fetch and push: it is sent again."""
    from acorn_gitops.reconcile import ledger_branch

    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    team = clone_of(market, tmp_path / "team", storefront(), sku("S-1", "20.00"))
    bare = published(tmp_path, team)
    team.apply()
    fetched, times = ledger_branch._fetch, [0]

    def moves(*given: Any, **named: Any) -> Any:
        found = fetched(*given, **named)
        times[0] += 1
        if times[0] % 2:
            ours = git(bare, "rev-parse", "acorn-ledger").strip()
            tree = git(bare, "rev-parse", "acorn-ledger^{tree}").strip()
            other = git(bare, "commit-tree", tree, "-p", ours, "-m", "another environment").strip()
            git(bare, "update-ref", "refs/heads/acorn-ledger", other)
        return found

    monkeypatch.setattr(ledger_branch, "_fetch", moves)
    committed(team, storefront(), sku("S-1", "21.00"))
    team.apply()
    assert market.prices() == {"21.00"}


# -- one SKU listed twice ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dear", ["S-1-FBM", "S-1-AAA"])
def test_a_promotion_is_judged_for_every_listing_of_a_sku(dear: str, market: Market, tmp_path: Path) -> None:
    """One is priced by a repricer at 13.00, the other costs 50.00: half off is below the floor of the first, whichever name comes
    last."""
    price = {"currency": "EUR", "value": "50.00"}
    spec = {
        "sku": "S-1",
        "pricePolicy": {"min": {"amz-de": "12.00"}},
        "listings": [
            {"store": "amz-de", "sellerSku": "S-1-FBA", "status": "active", "price": price},
            {"store": "amz-de", "sellerSku": dear, "status": "active", "price": price},
        ],
    }
    ceded = document("SkuMapping", "s", spec)
    ceded["lifecycle"] = {"ignoreFields": ["price"]}
    made = clone_of(market, tmp_path / "made", storefront(), ceded)
    made.apply()
    database = Database(market.path)
    from acorn_gitops.model.resource import Address

    disturb.set_attribute(
        database, Address("amz-de", "listing", "S-1-FBA"), "price", {"currency": "EUR", "value": "13.00"}
    )
    database.close()
    promo = document(
        "Promo", "now",
        {"type": "percentOff", "stores": {"names": ["amz-de"]}, "skus": {"names": ["S-1"]},
         "window": {"start": {"local": "2026-01-01T00:00", "tz": "store"}, "end": {"local": "2099-01-01T00:00", "tz": "store"}},
         "discount": {"percent": "50"}},
    )  # fmt: skip
    made.write(storefront(), ceded, promo)
    result = made.run("apply", "--auto-approve")
    assert (result.code, "amz-de/promotion/now" in market.live()) == (4, False), result


# -- stores of others ----------------------------------------------------------------------------------------


def test_nobody_passes_for_the_marketplace_of_a_store_that_left_the_specs(
    market: Market, tmp_path: Path
) -> None:
    """Another marketplace says that it holds the store, and shows it empty: the one that it was on is asked."""

    def thief(exchange: Exchange) -> Answered | None:
        if exchange.asked.path.startswith("/v1/stores/x-shop"):
            body = {
                "items": [],
                "total": 0,
                "next": None,
                "snapshot": "1",
                "generation": {"number": 1, "head": "x"},
            }
            return Answered(
                200, {"content-type": "application/json", "etag": '"1"'}, json.dumps(body).encode()
            )
        if exchange.asked.path == "/v1/stores":
            return Answered(
                200,
                {"content-type": "application/json"},
                b'{"stores": [{"store": "e-shop"}, {"store": "x-shop"}]}',
            )
        return None

    with open_market(tmp_path / "evil") as evil, Server(between(evil.url, thief)) as server:
        made = clone_of(market, tmp_path / "made")
        project = (made.path / "acorn.yaml").read_text()
        project = project.replace(
            "connections: {main:", f'connections: {{zz: {{adapter: network, url: "{server.url}"}}, main:'
        )
        (made.path / "acorn.yaml").write_text(project)
        good, bad = storefront("x-shop"), storefront("e-shop")
        good["spec"]["connection"], bad["spec"]["connection"] = "main", "zz"
        listing = document("SkuMapping", "x", {"sku": "X-1", "listings": [{"store": "x-shop", "price": {"currency": "EUR", "value": "5.00"}}]})  # fmt: skip
        made.write(good, bad, listing)
        made.apply()
        made.write(bad)
        changes = {c["address"]: c["action"] for c in made.plan()["changes"]}
        assert changes["x-shop/listing/X-1"] == "delete", "it is seen where it is"
        made.run("apply", "--auto-approve")
        assert "x-shop/listing/X-1" not in market.live()


def test_a_price_without_an_amount_ends_no_import(market: Market, tmp_path: Path) -> None:
    """One row of one store makes no sense: it is told, and the rest goes on."""

    def odd(exchange: Exchange) -> Answered | None:
        if exchange.asked.method == "GET" and "/resources" in exchange.asked.path:
            answered = upstream(market.url, exchange)
            return answered._replace(body=answered.body.replace(b',"value":"20.00"', b""))
        return None

    made = clone_of(market, tmp_path / "made", storefront(), sku("S-1", "20.00"))
    made.apply()
    with Server(between(market.url, odd)) as server:
        project = (made.path / "acorn.yaml").read_text().replace(market.url, server.url)
        (made.path / "acorn.yaml").write_text(project)
        result = made.run("import", "--drifted", "--dry-run")
    assert "internal error" not in result.err
    assert result.code in (0, 1)


# -- servers that cost ---------------------------------------------------------------------------------------


class Answers:
    """A transport that answers in turn, and a clock that moves by so many seconds with each answer."""

    def __init__(self, seconds: float, *bodies: bytes, dead: bool = False) -> None:
        self.now = 0.0
        self._seconds, self._bodies, self._dead = seconds, bodies, dead
        self.asked = 0

    def clock(self) -> float:
        return self.now

    def request(self, method: str, path: str, headers: Any, body: bytes = b"") -> Response:
        self.asked += 1
        self.now += self._seconds
        if self._dead:
            raise NoAnswer("it does not end", hopeless=True)
        return Response(
            200, {"content-type": "application/json"}, self._bodies[(self.asked - 1) % len(self._bodies)]
        )

    def close(self) -> None:
        """Nothing is open."""


def connection(answers: Answers) -> NetworkMarketplace:
    """One to such a server."""
    return NetworkMarketplace(
        Settings("slow", "network", "http://slow", "", {}), answers, lambda _: None, answers.clock
    )


def test_a_server_that_costs_is_left_alone() -> None:
    """After a hundred seconds for nothing no other store of it is asked for, in this run."""
    answers = Answers(60, dead=True)
    slow = connection(answers)
    for store in ("a", "b", "c", "d"):
        with pytest.raises(MarketplaceError):
            slow.read(Scope(store))
    assert answers.asked == 2
    with pytest.raises(Unreachable, match="left alone"):
        slow.read(Scope("e"))


def test_a_store_that_comes_row_by_row_is_too_slow() -> None:
    """A hundred rows a second are asked for, after a minute."""
    row = {"type": "tax-class", "key": "{}", "attributes": {"name": "x"}, "etag": "1", "id": "1"}
    pages = [
        json.dumps(
            {"items": [{**row, "key": f"k{n}"}], "total": 1000, "next": f"c{n}", "snapshot": "s"}
        ).encode()
        for n in range(100)
    ]
    answers = Answers(29, *pages)
    with pytest.raises(Incomplete, match="too slow"):
        connection(answers).read(Scope("a"))
    assert answers.asked < 5


def test_a_page_of_nothing_but_marks_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value costs memory, however short it is written."""
    monkeypatch.setattr(adapter, "PAGE_MEMORY", 1 << 20)
    page = {"items": [], "total": 0, "next": None, "snapshot": "s", "junk": [[] for _ in range(20_000)]}
    with pytest.raises(Incomplete, match="more than 1 MiB of memory"):
        connection(Answers(0, json.dumps(page).encode())).read(Scope("a"))


def pages(rows: int, each: int, **attributes: Any) -> list[bytes]:
    """A store of so many tax classes, so many on each page."""
    row = {"type": "tax-class", "attributes": {"name": "x", **attributes}, "etag": "1", "id": "1"}
    return [
        json.dumps(
            {
                "items": [{**row, "key": f"k{n}"} for n in range(at, at + each)],
                "total": rows,
                "next": f"c{at}" if at + each < rows else None,
                "snapshot": "s",
            }
        ).encode()
        for at in range(0, rows, each)
    ]


def test_what_a_store_takes_in_memory_is_counted_over_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of it on each page is too much in the eleventh."""
    some = pages(200, 10, tags=[{"a": {"b": {"c": 1}}}] * 20)
    monkeypatch.setattr(adapter, "STORE_MEMORY", 2 << 20)
    with pytest.raises(Incomplete, match="more than 2 MiB of memory"):
        connection(Answers(0, *some)).read(Scope("a"))


def test_rows_have_a_size() -> None:
    """One name of many megabytes is no name."""
    with pytest.raises(Incomplete, match="rows of more than 256 KiB"):
        connection(Answers(0, *pages(1, 1, description="x" * (8 << 20)))).read(Scope("a"))


def test_a_store_that_will_take_too_long_is_left_at_once() -> None:
    """Fast enough for each second, and half an hour to go: what was announced is reckoned with."""
    answers = Answers(31, *pages(500_000, 5_000))
    with pytest.raises(Incomplete, match="too slow"):
        connection(answers).read(Scope("a"))
    assert answers.asked < 5


def test_a_slow_connection_has_a_budget_for_all_its_stores() -> None:
    """Each store is within its time; a hundred of them would take a day."""
    answers = Answers(300, *pages(50_000, 50_000))
    slow = connection(answers)
    read = 0
    with pytest.raises(Unreachable, match="left alone"):
        for store in range(100):
            slow.read(Scope(f"s{store}"))
            read += 1
    assert read == 4


def test_waiting_for_a_write_counts_the_time_of_looking() -> None:
    """`--wait 10` at a store of which each reading takes a minute is one more reading, not nine."""
    answers = Answers(60, *pages(1, 1))
    slow = connection(answers)
    write = Write("update", Address("a", "tax-class", "k0"), {"name": "y"}, "1", "key")
    before = slow.read(Scope("a"))
    looked = answers.asked
    seen = observe(
        slow,
        [write],
        [Outcome(write.address, "accepted")],
        before,
        pause=lambda _: None,
        clock=answers.clock,
        wait_seconds=10,
    )
    assert seen.outcomes[0].status == "accepted"
    assert answers.asked - looked == 1


def test_a_row_without_a_version_is_none() -> None:
    """What nobody could tell from what somebody else made of it is not written over."""
    row = {"type": "tax-class", "key": "k", "attributes": {"name": "x"}, "etag": "", "id": "1"}
    page = {"items": [row], "total": 1, "next": None, "snapshot": "s"}
    with pytest.raises(Incomplete, match="etag"):
        connection(Answers(0, json.dumps(page).encode())).read(Scope("a"))


def test_a_generation_that_was_answered_and_not_begun_is_told() -> None:
    """Otherwise every later run would be taken for somebody else's."""
    old = json.dumps({"number": 3, "head": "old"}).encode()
    with pytest.raises(MarketplaceError, match="did not begin a generation"):
        connection(Answers(0, old)).advance("a", "us/prod", Generation(3, "old"), "new")
