"""Two at once, and behind. The marketplace remembers how the last apply began; whoever has a ledger that does not know is behind
and writes nothing, whatever that ledger says. What is judged is judged on the store as it is at the write."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
from acorn_gitops.marketplaces.protocol import Generation, Scope, Settings, Write
from acorn_gitops.model.finding import Moved, Superseded
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests import faults
from tests.borders.clone import cloned, git, published
from tests.borders.market import Market, clone_of, copied, open_market, started
from tests.repository import Repository, document, sku, storefront


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with open_market(tmp_path) as opened:
        yield opened


def shelf(price: str, count: int = 12) -> list[dict[str, Any]]:
    """A store with so many SKUs at one price."""
    return [storefront(), *(sku(f"SKU-{n:02}", price) for n in range(count))]


def euros(amount: int) -> dict[str, str]:
    """An amount as marketplaces hold it."""
    return {"currency": "EUR", "value": f"{amount}.00"}


def sale(percent: str) -> dict[str, Any]:
    """A promotion that holds now."""
    spec = {
        "type": "percentOff",
        "stores": {"names": ["amz-de"]},
        "skus": {"names": ["S-1"]},
        "window": {"start": {"local": "2026-01-01T00:00", "tz": "store"}, "end": {"local": "2027-12-01T00:00", "tz": "store"}},
        "discount": {"percent": percent},
        "floors": {"respect": ["min"]},
    }  # fmt: skip
    return document("Promo", "now", spec)


def floored(price: str) -> dict[str, Any]:
    """A SKU with a floor of 15."""
    return sku("S-1", price, pricePolicy={"min": {"amz-de": "15.00"}})


# -- behind --------------------------------------------------------------------------------------------------


def test_a_stale_laptop_undoes_nothing(market: Market, tmp_path: Path) -> None:
    """An old checkout with its own, true ledger, after CI applied: exit 6, nothing written, and the plan said so before."""
    ci = clone_of(market, tmp_path / "ci", *shelf("20.00"))
    ci.apply()
    laptop = copied(ci, tmp_path / "laptop")
    ci.write(*shelf("45.00"))
    ci.apply()
    before = market.revision()
    told = laptop.run("plan")
    assert "ACN-035" in told.out
    assert "apply will refuse" in " ".join(told.out.split())
    result = laptop.run("apply", "--auto-approve")
    assert result.code == 6, result
    assert "somebody else has applied" in result.err
    assert market.revision() == before
    assert market.prices() == {"45.00"}


@pytest.mark.parametrize("ledger", ["none", "older", "foreign"])
def test_no_ledger_makes_up_for_what_was_applied(ledger: str, market: Market, tmp_path: Path) -> None:
    """No ledger at all, one from before, one of another repository under the same name."""
    ci = clone_of(market, tmp_path / "ci", *shelf("20.00"))
    ci.apply()
    kept = (ci.path / ".acorn" / "sandbox" / "ledger.db").read_bytes()
    ci.write(*shelf("21.00"))
    ci.apply()
    other = clone_of(market, tmp_path / "other", *shelf("22.00"))
    if ledger == "older":
        (other.path / ".acorn" / "sandbox").mkdir(parents=True)
        (other.path / ".acorn" / "sandbox" / "ledger.db").write_bytes(kept)
    elif ledger == "foreign":
        with open_market(tmp_path / "other") as elsewhere:
            away = clone_of(elsewhere, tmp_path / "away", *shelf("22.00"))
            away.apply()
            shutil.copytree(away.path / ".acorn", other.path / ".acorn")
    before = market.revision()
    result = other.run("apply", "--auto-approve", "--adopt")
    assert result.code == 6, result
    assert market.revision() == before


def test_a_rebuilt_ledger_may_apply(market: Market, tmp_path: Path) -> None:
    """The remedy of the refusal, followed, works: what is live becomes last applied, and the difference is an edit."""
    ci = clone_of(market, tmp_path / "ci", *shelf("20.00"))
    ci.apply()
    other = clone_of(market, tmp_path / "other", *shelf("22.00"))
    assert other.run("apply", "--auto-approve").code == 6
    assert other.run("state", "rebuild").code == 0
    assert {c["reason"] for c in other.plan()["changes"]} == {"edited"}
    other.apply()
    assert market.prices() == {"22.00"}
    assert ci.run("apply", "--auto-approve").code == 6, "now the other one is behind"


def test_other_projects_are_no_reason_to_refuse(market: Market, tmp_path: Path) -> None:
    """Generations are remembered by project and environment: two repositories over one store do not lock each other out."""
    one = clone_of(market, tmp_path / "one", *shelf("20.00", 2))
    one.apply()
    two = clone_of(market, tmp_path / "two", storefront(), sku("OTHER", "5.00"))
    project = two.path / "acorn.yaml"
    project.write_text(project.read_text().replace("name: test", "name: another"))
    two.apply()
    one.write(*shelf("21.00", 2))
    one.apply()
    two.write(storefront(), sku("OTHER", "6.00"))
    two.apply()
    assert market.prices() == {"21.00", "6.00"}


def test_mass_repairs_count_against_budgets(market: Market, tmp_path: Path) -> None:
    """A few prices that somebody changed are put back; most of a store that is `changed outside` is an old checkout, and over
    budget."""
    ci = clone_of(market, tmp_path / "ci", *shelf("20.00"), policies="access: open")
    ci.apply()
    addresses = [Address("amz-de", "listing", f"SKU-{n:02}") for n in range(12)]
    database = Database(market.path)
    for address in addresses[:3]:
        disturb.set_attribute(database, address, "price", euros(45))
    assert ci.run("apply", "--auto-approve").code == 0, "three of twelve"
    for address in addresses:
        disturb.set_attribute(database, address, "price", euros(45))
    database.close()
    result = ci.run("apply", "--auto-approve")
    assert result.code == 5, result
    assert "BUD-006" in result.err


# -- two at once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "projects", [("test", "test"), ("test", "another")], ids=["one project", "two projects"]
)
def test_two_appliers_together_sell_nothing_below_a_floor(
    projects: tuple[str, str], market: Market, tmp_path: Path
) -> None:
    """One begins a promotion while the other lowers the price, each allowed alone. Whoever comes second is refused, or judges again
    what the store holds by then."""
    one = clone_of(market, tmp_path / "one", storefront(), floored("20.00"))
    one.apply()
    two = copied(one, tmp_path / "two")
    for made, name in ((one, projects[0]), (two, projects[1])):
        project = made.path / "acorn.yaml"
        project.write_text(project.read_text().replace("name: test", f"name: {name}"))
    one.write(storefront(), floored("20.00"), sale("20"))  # pays 16.00
    two.write(storefront(), floored("15.50"))
    paused = faults.paused(one, "apply", "--auto-approve", "-o", "json")
    assert paused.stdout is not None and paused.stdin is not None
    assert paused.stdout.readline().strip() == "here"
    second = two.run("apply", "--auto-approve")
    paused.stdin.write("go\n")
    paused.stdin.flush()
    paused.communicate(timeout=60)
    live = market.live()
    price = float(live["amz-de/listing/S-1"]["price"]["value"])  # type: ignore[index]
    pays = price * (0.8 if "amz-de/promotion/now" in live else 1)
    assert pays >= 15, (second, paused.returncode, live)
    assert sorted((second.code, paused.returncode)) in ([0, 3], [0, 6]), (second, paused.returncode)


def test_a_holder_that_wakes_up_writes_nothing_more(market: Market, tmp_path: Path) -> None:
    """Stopped in the middle, its lock file deleted, another applies on the same ledger: the marketplace refuses the sleeper's next
    batch, and the sleeper says so."""
    made = clone_of(market, tmp_path / "one", *shelf("20.00"))
    made.apply()
    made.write(*shelf("21.00"))
    paused = faults.paused(made, "apply", "--auto-approve", "-o", "json")
    assert paused.stdout is not None and paused.stdin is not None
    assert paused.stdout.readline().strip() == "here"
    (made.path / ".acorn" / "sandbox" / "ledger.db.lock").unlink()
    made.write(*shelf("22.00"))
    second = made.run("apply", "--auto-approve")
    assert second.code == 0, second
    paused.stdin.write("go\n")
    paused.stdin.flush()
    _, said = paused.communicate(timeout=60)
    assert paused.returncode == 6, said
    assert "somebody else began to apply" in said or "was taken away while it was held" in said
    assert market.prices() == {"22.00"}


def test_one_of_many_writes(market: Market, tmp_path: Path) -> None:
    """Four clones at once, each with what it wants: one exits 0 and its prices are live, the others exit 6 and wrote nothing."""
    first = clone_of(market, tmp_path / "c0", *shelf("20.00"))
    first.apply()
    clones = [first, *(copied(first, tmp_path / f"c{n}") for n in range(1, 4))]
    for number, made in enumerate(clones):
        made.write(*shelf(f"{30 + number}.00"))
    before = market.revision()
    running = [started(made, "apply", "--auto-approve") for made in clones]
    for process in running:
        process.communicate(timeout=120)
    codes = [process.returncode for process in running]
    assert sorted(codes) == [0, 6, 6, 6]
    assert market.prices() == {f"{30 + codes.index(0)}.00"}
    assert market.revision() - before == 12


def test_what_somebody_changes_between_read_and_write_is_judged_again(market: Market, tmp_path: Path) -> None:
    """A hand in the console: other rows go on, the row that was touched is a conflict, a promotion that began is counted."""
    made = clone_of(
        market, tmp_path / "one", storefront(), floored("20.00"), sku("S-2", "9.00"), sku("S-3", "9.00")
    )
    made.apply()
    made.write(storefront(), floored("15.50"), sku("S-2", "8.00"), sku("S-3", "8.00"))
    paused = faults.paused(made, "apply", "--auto-approve", "-o", "json")
    assert paused.stdout is not None and paused.stdin is not None
    assert paused.stdout.readline().strip() == "here"
    database = Database(market.path)
    promotion = {
        "type": "percentOff", "skus": ["S-1"], "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z",
        "discount": {"percent": "20"},
    }  # fmt: skip
    disturb.seed(
        database, json.dumps({"address": "amz-de/promotion/theirs", "attributes": promotion}).encode()
    )
    disturb.set_attribute(database, Address("amz-de", "listing", "S-2"), "price", euros(7))
    database.close()
    paused.stdin.write("go\n")
    paused.stdin.flush()
    out, err = paused.communicate(timeout=60)
    assert paused.returncode == 3, err
    told = {row["address"]: row["status"] for row in json.loads(out)["outcomes"]}
    assert told == {
        "amz-de/listing/S-1": "rejected",
        "amz-de/listing/S-2": "conflict",
        "amz-de/listing/S-3": "observed",
    }


def test_what_is_sold_below_its_floor_now_is_told(market: Market, tmp_path: Path) -> None:
    """By plan and drift, also when nothing changes, and it is an alarm for the scheduled job."""
    made = clone_of(market, tmp_path / "one", storefront(), floored("16.00"))
    made.apply()
    assert "ACN-033" not in made.run("plan").out
    database = Database(market.path)
    promotion = {
        "type": "percentOff", "skus": ["S-1"], "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z",
        "discount": {"percent": "20"},
    }  # fmt: skip
    disturb.seed(
        database, json.dumps({"address": "amz-de/promotion/theirs", "attributes": promotion}).encode()
    )
    database.close()
    for arguments in (("plan",), ("plan", "--refresh"), ("drift",)):
        said = " ".join(made.run(*arguments).out.split())
        assert "ACN-033" in said, arguments
        assert "12.80 EUR with theirs, below its floor 15.00" in said
    assert made.run("drift", "--detailed-exitcode").code == 2
    assert made.plan()["changes"] == []


# -- the contract --------------------------------------------------------------------------------------------


def network(database: Database) -> NetworkMarketplace:
    from acorn_gitops.marketplaces.network.transport import InProcess
    from acorn_gitops.sandbox.app import Sandbox

    return NetworkMarketplace(Settings("m", "network", "", "", {}), InProcess(Sandbox(database)))


def opened() -> Database:
    """A sandbox with one store and nothing in it."""
    database = Database(None)
    front = {"platform": "network", "currency": "EUR", "timezone": "Europe/Berlin"}
    disturb.insert(database, Address("s", "storefront", "s"), front)
    return database


def tax_class(key: str) -> Write:
    """The creation of something small."""
    return Write("create", Address("s", "tax-class", key), {"name": key}, "", f"once-{key}")


def test_a_batch_is_for_one_generation_and_one_version() -> None:
    """Another generation, or another version of the store: nothing of the batch is done, and each is told apart."""
    database = opened()
    one, two = network(database), network(database)
    assert one.generation("s", "p/e") == Generation(0, "")
    first = one.advance("s", "p/e", Generation(0, ""), "aa")
    assert two.generation("s", "p/e") == first == Generation(1, "aa")
    assert two.generation("s", "other/e") == Generation(0, "")
    assert [o.status for o in one.write("s", [tax_class("a")])] == ["observed"]
    judged = one.read(Scope("s")).version
    two.write("s", [tax_class("b")])  # nobody's generation: a hand, or an older client
    with pytest.raises(Moved):
        one.write("s", [tax_class("c")], judged)
    seen = one.read(Scope("s")).version
    with pytest.raises(Moved):
        one.write("s", [tax_class("c")], judged)  # a look that nobody judged by opens nothing
    assert [o.status for o in one.write("s", [tax_class("c")], seen)] == ["observed"]
    assert [o.status for o in one.write("s", [tax_class("e")], seen)] == ["observed"], (
        "its own batch moved it"
    )
    two.advance("s", "p/e", first, "bb")
    with pytest.raises(Superseded):
        one.write("s", [tax_class("d")], seen)
    with pytest.raises(Superseded):
        one.advance("s", "p/e", first, "cc")
    assert {key for (_, key) in two.read(Scope("s")).resources} == {"s", "a", "b", "c", "e"}


def test_what_changed_since_is_the_whole() -> None:
    """Reading only what changed gives what reading everything gives: creations, updates, deletions, and a key that came back."""
    database = opened()
    market = network(database)
    for key in "abcdef":
        market.write("s", [tax_class(key)])
    base = market.read(Scope("s"))
    market.write("s", [Write("update", Address("s", "tax-class", "a"), {"name": "new"}, "", "u")])
    market.write("s", [Write("delete", Address("s", "tax-class", k), {}, "", f"d{k}") for k in "bc"])
    market.write(
        "s", [Write("create", Address("s", "tax-class", "c"), {"name": "again"}, "", "again"), tax_class("g")]
    )
    whole, delta = market.read(Scope("s")), market.read(Scope("s", base=base))
    assert delta.resources == whole.resources
    assert delta.version == whole.version
    assert {key for _, key in base.resources} == {"s", *"abcdef"}, "a snapshot is never changed"


# -- jobs that die -------------------------------------------------------------------------------------------


@pytest.fixture
def team(market: Market, tmp_path: Path) -> tuple[Repository, Path]:
    """A repository with a remote; what was applied is kept on a branch of it."""
    made = clone_of(market, tmp_path / "r", *shelf("20.00"))
    bare = published(tmp_path, made)
    return made, bare


def job(bare: Path, to: Path) -> Repository:
    """A machine that forgets: a fresh clone of depth 1."""
    return cloned(bare, to, "--depth=1")


@pytest.mark.parametrize(
    "where", ["before the write", "after the write, before the journal", "after the journal"]
)
def test_the_next_job_finds_what_the_last_was_about_to_do(
    where: str, team: tuple[Repository, Path], market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that dies between apply and push leaves its intents on the branch: the next one, on another machine, finishes, without
    `--adopt`, and everything is recorded once."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    made, bare = team
    first = job(bare, tmp_path / "job1")
    assert first.run("apply", "--auto-approve").code == 0
    made.write(*shelf("21.00"), sku("NEW", "5.00"))
    git(made.path, "commit", "-qam", "second")
    git(made.path, "push", "-q", "origin", "main")
    dying = job(bare, tmp_path / "job2")
    done = subprocess.run(
        faults._command(where, 0, ("apply", "--auto-approve")),
        cwd=dying.path,
        env=faults._environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    shutil.rmtree(dying.path)
    nextone = job(bare, tmp_path / "job3")
    refused = nextone.run("apply", "--auto-approve")
    assert (refused.code, "`acorn lock --break REASON`" in refused.err) == (6, True), refused
    assert nextone.run("lock", "--break", "its machine was taken away").code == 0
    result = nextone.run("apply", "--auto-approve")
    assert result.code == 0, result
    assert nextone.run("state", "pull").code == 0
    assert nextone.plan()["changes"] == []
    assert market.prices() == {"21.00", "5.00"}
    assert "NEW" in nextone.run("state", "list").out


def test_the_loser_of_a_race_writes_nothing(
    team: tuple[Repository, Path], market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two jobs at once with one ledger on a branch: the one that cannot put its intents there has written nothing."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    _, bare = team
    assert job(bare, tmp_path / "job0").run("apply", "--auto-approve").code == 0
    jobs = [job(bare, tmp_path / f"job{n}") for n in (1, 2)]
    for number, one in enumerate(jobs):
        one.write(*shelf(f"{30 + number}.00"))
    before = market.revision()
    running = [started(one, "apply", "--auto-approve") for one in jobs]
    said = [process.communicate(timeout=120) for process in running]
    codes = [process.returncode for process in running]
    assert sorted(codes) == [0, 6], said
    assert market.prices() == {f"{30 + codes.index(0)}.00"}
    assert market.revision() - before == 12
    history = job(bare, tmp_path / "job3")
    assert history.run("state", "pull").code == 0
    assert history.run("history").out.count("write.observed") == 13 + 12


def test_a_ledger_that_went_back_repeats_no_key(market: Market, tmp_path: Path) -> None:
    """The same plan over an older copy of its own ledger: refused; and after a rebuild the marketplace does not take the new write
    for the old one."""
    made = clone_of(market, tmp_path / "one", *shelf("20.00", 2))
    made.apply()
    kept = {p.name: p.read_bytes() for p in (made.path / ".acorn" / "sandbox").iterdir()}
    made.write(*shelf("20.00", 2), sku("NEW", "5.00"))
    assert made.run("plan", "--out", "p.acorn.json").code == 0
    assert made.run("apply", "p.acorn.json").code == 0
    for name, content in kept.items():
        (made.path / ".acorn" / "sandbox" / name).write_bytes(content)
    database = Database(market.path)
    disturb.delete(database, Address("amz-de", "listing", "NEW"))
    database.close()
    assert made.run("apply", "p.acorn.json").code == 6
    assert made.run("state", "rebuild").code == 0
    result = made.run("apply", "--auto-approve")
    assert result.code == 0, result
    assert "amz-de/listing/NEW" in market.live(), "done and seen means that it is there"


def test_idempotency_keys_of_two_runs_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even of the same plan with the same content."""
    keys: list[set[str]] = []
    original = NetworkMarketplace.write

    def spy(self: NetworkMarketplace, store: str, writes: Any, at: str = "") -> Any:
        keys[-1] |= {write.key for write in writes}
        return original(self, store, writes, at)

    monkeypatch.setattr(NetworkMarketplace, "write", spy)
    made = Repository(tmp_path / "r", storefront(), sku())
    for _ in range(2):
        shutil.rmtree(made.path / ".acorn", ignore_errors=True)
        keys.append(set())
        made.apply()
    assert keys[0] and not keys[0] & keys[1]


class Forgetful(NetworkMarketplace):
    """A marketplace that remembers no generation."""

    def generation(self, store: str, owner: str) -> Generation | None:
        return None


@pytest.mark.parametrize("state", ["newer there", "the same", "no branch", "cannot be asked"])
def test_where_no_generation_is_remembered_the_branch_is_asked(
    state: str, team: tuple[Repository, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is behind what the ledger's branch says is refused, with the command left as people type it."""
    monkeypatch.setattr("acorn_gitops.marketplaces.network.NetworkMarketplace", Forgetful)
    monkeypatch.setattr("acorn_gitops.reconcile.preconditions.Fences", type("Nothing", (), {}))
    made, bare = team
    made.apply()
    if state != "no branch":
        assert made.run("state", "push").code == 0
    laptop = copied(made, tmp_path / "laptop")
    if state == "newer there":
        made.write(*shelf("21.00"))
        made.apply()
        assert made.run("state", "push").code == 0
    if state == "cannot be asked":
        bare.rename(tmp_path / "away.git")
    laptop.write(*shelf("22.00"))
    result = laptop.run("apply", "--auto-approve")
    assert result.code == (6 if state in ("newer there", "cannot be asked") else 0), result
    if state == "cannot be asked":
        monkeypatch.setenv("ACORN_LEDGER_BRANCH", "none")
        laptop.apply()
