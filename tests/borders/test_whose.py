"""Whose a ledger is, where its stores are, and how the last run ended: what a ledger says is believed only together with what the
stores remember of it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from acorn_gitops.confine import database as opened
from acorn_gitops.ledger.opening import open_ledger
from acorn_gitops.ledger.records import Settled
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox import disturb
from acorn_gitops.sandbox.database import Database
from tests.borders.clone import cloned, connected, git, published
from tests.borders.market import Market, clone_of, copied, open_market
from tests.borders.test_ends import POINTS, dies_at
from tests.repository import Repository, sku, storefront

LEDGER = Path(".acorn/sandbox/ledger.db")
GIVEN = "amz-de/listing/GIVEN"


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with open_market(tmp_path) as running:
        yield running


@pytest.fixture
def made(market: Market, tmp_path: Path) -> Repository:
    """A clone that has applied two listings."""
    found = clone_of(market, tmp_path / "made", storefront(), sku("A-1", "10.00"), sku("GIVEN", "10.00"))
    found.apply()
    return found


def hand(market: Market, act: Callable[[Database], object]) -> None:
    """Do something at the marketplace."""
    database = Database(market.path)
    act(database)
    database.close()


def foreign(market: Market, key: str = "THEIRS") -> str:
    """A listing that somebody else made; its address."""
    attributes = {"sku": key, "price": {"currency": "EUR", "value": "99.00"}, "status": "active"}
    hand(market, lambda db: disturb.insert(db, Address("amz-de", "listing", key), attributes))
    return f"amz-de/listing/{key}"


def claimed(path: Path, key: str = "THEIRS", event: str = "import") -> None:
    """Add to a true ledger, by its own means, that a listing is ours."""
    ledger = open_ledger(path, write=True)
    row = Settled(
        Address("amz-de", "listing", key), "adopt", "", "observed", {"sku": key, "status": "active"}
    )
    ledger.record([row], "2026-11-26T00:00:00Z", "nobody", "", event)
    ledger.close()


# -- whose, and where ----------------------------------------------------------------------------------------


def test_projects_of_one_repository_keep_their_ledgers_apart(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folders with an environment of one name: on the branch each has its own, and neither deletes what the other made."""
    top = tmp_path / "mono"
    first = Repository(top / "a", storefront(), sku("A-1", "10.00"), sku("A-2", "10.00"))
    second = Repository(top / "b", storefront(), sku("B-1", "5.00"))
    for one, name in ((first, "a"), (second, "b")):
        project = connected(market.url).replace("name: test", f"name: team-{name}")
        (one.path / "acorn.yaml").write_text(project)
    published(tmp_path, _at(top))
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    first.apply()
    assert second.run("apply", "--auto-approve").code in (0, 3)
    assert {"amz-de/listing/A-1", "amz-de/listing/A-2", "amz-de/listing/B-1"} <= market.live().keys()


def _at(path: Path) -> Repository:
    found = Repository.__new__(Repository)
    found.path = path
    return found


@pytest.mark.parametrize("what", ["environment", "project"])
def test_a_ledger_of_somebody_else_is_refused(what: str, made: Repository, market: Market) -> None:
    """Copied from another environment, or another project's: nothing is planned on it."""
    theirs = foreign(market)
    claimed(made.path / LEDGER)
    project = (made.path / "acorn.yaml").read_text()
    if what == "environment":
        project = project.replace("environments: {sandbox: {}}", "environments: {sandbox: {}, prod: {}}")
        (made.path / "acorn.yaml").write_text(project)
        shutil.copytree(made.path / ".acorn/sandbox", made.path / ".acorn/prod")
        run = ("--env", "prod")
    else:
        (made.path / "acorn.yaml").write_text(project.replace("name: test", "name: other"))
        run = ()
    for verb in (("plan",), ("apply", "--auto-approve"), ("drift",), ("state", "list")):
        result = made.run(*verb, *run)
        assert (result.code, "is the ledger of" in result.err) == (6, True), result
    assert theirs in market.live()


def test_what_was_applied_elsewhere_says_nothing_of_another_marketplace(
    made: Repository, tmp_path: Path
) -> None:
    """A new address with a store of the same name: neither are its listings taken for ours, nor is anything deleted there. The
    remedy that is told works."""
    (tmp_path / "second").mkdir()
    with open_market(tmp_path / "second") as second:
        other = clone_of(
            second, tmp_path / "theirs", storefront(), sku("A-1", "77.00"), sku("GIVEN", "77.00")
        )
        (other.path / "acorn.yaml").write_text(
            (other.path / "acorn.yaml").read_text().replace("name: test", "name: theirs")
        )
        other.apply()
        before = second.revision()
        (made.path / "acorn.yaml").write_text(connected(second.url) + "  policies: {budgets: {}}\n")
        made.write(storefront(), sku("A-1", "10.00"))
        result = made.run("apply", "--auto-approve")
        assert result.code in (1, 6), result
        assert second.revision() == before
        assert made.run("state", "rebuild").code == 0
        made.run("apply", "--auto-approve")
        assert second.live()[GIVEN]["price"] == {"currency": "EUR", "value": "77.00"}


def test_a_marketplace_that_moved_is_the_same_where_it_remembers_us(made: Repository, market: Market) -> None:
    """Another spelling of its address: it knows how the last apply ended."""
    project = (made.path / "acorn.yaml").read_text().replace("127.0.0.1", "localhost")
    (made.path / "acorn.yaml").write_text(project)
    assert made.run("plan").code == 0
    made.write(storefront(), sku("A-1", "11.00"), sku("GIVEN", "10.00"))
    made.apply()


# -- how the last run ended ----------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["import", "write.observed", "adopt", "state.rebuild"])
def test_a_true_ledger_that_was_continued_is_refused(event: str, made: Repository, market: Market) -> None:
    """Seals and chain are those of acorn itself; what was added the store knows nothing of."""
    theirs = foreign(market)
    claimed(made.path / LEDGER, event=event)
    result = made.run("apply", "--auto-approve")
    assert result.code == 6, result
    assert theirs in market.live()


def test_a_history_that_names_the_stores_memory_is_not_believed(made: Repository, market: Market) -> None:
    """A new ledger with one entry that only says that it took over the last apply."""
    theirs = foreign(market)
    with sqlite3.connect(made.path / LEDGER) as db:
        head = db.execute("SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()[0]
    db.close()
    for part in (made.path / LEDGER.parent).iterdir():
        part.unlink()
    ledger = open_ledger(made.path / LEDGER, write=True)
    row = Settled(Address.parse(theirs), "adopt", "", "observed", {"sku": "THEIRS", "status": "active"})
    ledger.record([row], "2026-11-26T00:00:00Z", "nobody", "", "state.rebuild", {"heads": [head]})
    ledger.close()
    assert made.run("apply", "--auto-approve").code == 6
    assert theirs in market.live()


MOVES = {
    "state rm": lambda one: one.run("state", "rm", GIVEN),
    "an apply that only forgets": lambda one: _forgets(one),
    "a new ledger": lambda one: one.run("state", "rebuild"),
}


def _forgets(one: Repository) -> object:
    project = (one.path / "acorn.yaml").read_text()
    (one.path / "acorn.yaml").write_text(
        project.replace("budgets: {}", "budgets: {}, prune: {listing: false}")
    )
    one.write(storefront(), sku("A-1", "10.00"))
    return one.run("apply", "--auto-approve")


@pytest.mark.parametrize("how", MOVES)
def test_whoever_does_not_know_what_was_given_away_is_behind(
    how: str, made: Repository, market: Market, tmp_path: Path
) -> None:
    """No write of the store, and still another clone's ledger is from before it."""
    late = copied(made, tmp_path / "late")
    MOVES[how](made)
    late.write(storefront(), sku("A-1", "10.00"))
    result = late.run("apply", "--auto-approve")
    assert result.code == 6, result
    assert GIVEN in market.live()


def test_a_ledger_made_anew_forgets_what_is_not_declared(
    made: Repository, market: Market, tmp_path: Path
) -> None:
    """The remedy of whoever is behind takes nothing back that was given away."""
    late = copied(made, tmp_path / "late")
    made.run("state", "rm", GIVEN)
    for one in (made, late):
        one.write(storefront(), sku("A-1", "11.00"))
    made.apply()
    assert late.run("apply", "--auto-approve").code == 6
    rebuilt = late.run("state", "rebuild")
    assert (rebuilt.code, "1 forgotten" in rebuilt.out) == (0, True), rebuilt
    assert late.run("apply", "--auto-approve").code == 0
    assert GIVEN in market.live()


def test_a_store_that_was_put_back_is_not_written_to(made: Repository, market: Market) -> None:
    """Its memory is older than the ledger's: a restored marketplace, or another one. Whoever says that it began anew is believed."""
    hand(market, lambda db: db._db.execute("DELETE FROM generation"))
    made.write(storefront(), sku("A-1", "12.00"), sku("GIVEN", "10.00"))
    assert made.run("apply", "--auto-approve").code == 6
    assert made.run("state", "rebuild").code == 0
    assert made.run("apply", "--auto-approve").code == 0
    assert market.live()["amz-de/listing/A-1"]["price"]["value"] == "12.00"  # type: ignore[index]


def test_an_old_pipeline_that_is_run_again_undoes_nothing(market: Market, tmp_path: Path) -> None:
    """The newest ledger and an older commit: refused, unless somebody goes back on purpose."""
    team = clone_of(market, tmp_path / "team", storefront(), sku("A-1", "10.00"))
    published(tmp_path, team)
    old = git(team.path, "rev-parse", "HEAD").strip()
    team.write(storefront(), sku("A-1", "12.00"))
    git(team.path, "commit", "-qam", "dearer")
    team.apply()
    git(team.path, "checkout", "-q", old)
    result = team.run("apply", "--auto-approve")
    assert (result.code, "older than commit" in result.err) == (6, True), result
    assert market.prices() == {"12.00"}
    assert team.run("apply", "--auto-approve", "--older").code == 0
    assert market.prices() == {"10.00"}


# -- what an earlier run did ---------------------------------------------------------------------------------


def test_a_step_that_was_done_counts_while_the_store_shows_it(made: Repository, market: Market) -> None:
    """A saved plan is applied in part, its done part is changed by hand, and the plan is applied again."""
    made.write(storefront(), sku("A-1", "12.00"), sku("GIVEN", "12.00"))
    assert made.run("plan", "--out", "p.acorn.json").code == 0
    hand(market, lambda db: db.add_fault("reject", GIVEN, 1, {}))
    assert made.run("apply", "p.acorn.json").code == 3
    low = {"currency": "EUR", "value": "1.00"}
    hand(market, lambda db: disturb.set_attribute(db, Address("amz-de", "listing", "A-1"), "price", low))
    result = made.run("apply", "p.acorn.json")
    assert (result.code, "not there any more" in result.err) == (6, True), result


def test_planted_steps_of_a_plan_are_not_done(made: Repository, market: Market) -> None:
    """A row that says that a step of this plan was observed."""
    made.write(storefront(), sku("A-1", "12.00"), sku("GIVEN", "10.00"))
    assert made.run("plan", "--out", "p.acorn.json").code == 0
    plan = orjson.loads((made.path / "p.acorn.json").read_bytes())["id"]
    _intent(made, plan, "A-1", "update", "update", "observed", None)
    assert made.run("apply", "p.acorn.json").code == 6
    assert market.prices() == {"10.00"}


def test_an_intent_that_the_history_closed_stays_closed(made: Repository, market: Market) -> None:
    """One cell is changed: a listing that was given away must not become ours by it."""
    made.run("state", "rm", GIVEN)
    made.write(storefront(), sku("A-1", "10.00"))
    made.apply()
    with sqlite3.connect(made.path / LEDGER) as db:
        assert db.execute("UPDATE intent SET outcome=NULL WHERE key='GIVEN'").rowcount
    db.close()
    assert made.run("apply", "--auto-approve").code == 6
    assert GIVEN in market.live()


def test_planted_replacements_add_nothing_to_what_is_sent(made: Repository, market: Market) -> None:
    """A deletion that was done and a creation that was not, in rows that no history knows."""
    attributes = orjson.dumps({"title": "PLANTED", "fulfillment": "afn"})
    for operation, outcome, content in (("delete", "observed", None), ("create", "rejected", attributes)):
        _intent(made, "p", "NEW", "replace", operation, outcome, content)
    made.write(storefront(), sku("A-1", "10.00"), sku("GIVEN", "10.00"), sku("NEW", "20.00"))
    assert made.run("apply", "--auto-approve").code == 6
    assert "amz-de/listing/NEW" not in market.live()


def _intent(
    made: Repository,
    plan: str,
    key: str,
    action: str,
    operation: str,
    outcome: str | None,
    content: bytes | None,
) -> None:
    with sqlite3.connect(made.path / LEDGER) as db:
        db.execute(
            "INSERT INTO intent (plan, store, type, key, action, operation, idempotency_key, attributes, declared, origin,"
            " remote_id, protected, at, outcome) VALUES (?,'amz-de','listing',?,?,?,'k',?,?,'','',0,'2026-01-01T00:00:00Z',?)",
            (plan, key, action, operation, content, content, outcome),
        )
    db.close()


# -- what git carries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".backup"])
@pytest.mark.parametrize("database", ["sandbox/ledger.db", "sandbox.db"])
def test_a_database_that_git_carries_is_not_opened(database: str, suffix: str, tmp_path: Path) -> None:
    """Neither the file nor what SQLite acts on beside it; and not a byte of what was there before is changed."""
    team = Repository(tmp_path / "team", storefront(), sku())
    bare = published(tmp_path, team)
    victim = cloned(bare, tmp_path / "victim")
    victim.apply()
    planted = team.path / ".acorn" / f"{database}{suffix}"
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_bytes((victim.path / ".acorn" / database).read_bytes() if not suffix else b"\x01" * 1000)
    git(team.path, "add", "-f", str(planted))
    git(team.path, "commit", "-qm", "hello")
    git(team.path, "push", "-q", "origin", "main")
    git(victim.path, "fetch", "-q")
    git(victim.path, "reset", "-q", "--hard", "origin/main")
    before = {path: path.read_bytes() for path in (victim.path / ".acorn").rglob("*") if path.is_file()}
    for verb in ("plan", "drift"):
        result = victim.run(verb)
        assert (result.code, "is tracked by git" in result.err) == (4, True), result
    assert {path: path.read_bytes() for path in before} == before


def test_a_journal_beside_what_is_no_database_is_not_rolled_back(tmp_path: Path) -> None:
    """`ledger:` names somebody's own file, and beside it lies a journal: SQLite would write it over the file."""
    made = Repository(tmp_path / "r", storefront(), sku())
    tool = made.path / "tool"
    tool.write_text("#!/bin/sh\necho mine\n")
    (made.path / "tool-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + b"\x00" * 1000)
    project = (made.path / "acorn.yaml").read_text()
    (made.path / "acorn.yaml").write_text(project.replace("spec:\n", "spec:\n  ledger: tool\n", 1))
    assert made.run("plan").code == 4
    assert tool.read_text() == "#!/bin/sh\necho mine\n"


def test_a_statement_that_computes_without_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of a file may lead to each other for ever: there is a time for one statement."""
    monkeypatch.setattr(opened, "SECONDS", 0.2)
    made = Repository(tmp_path / "r", storefront(), sku())
    made.apply()
    ledger = open_ledger(made.path / LEDGER)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(Exception, match="without end"):
        ledger._rows(endless)


def test_a_file_shows_no_more_rows_than_it_can_hold(tmp_path: Path) -> None:
    """As many as its bytes allow; more are made up by pages that are read again and again."""
    made = Repository(tmp_path / "r", storefront(), sku())
    made.apply()
    ledger = open_ledger(made.path / LEDGER)
    with pytest.raises(Exception, match="more rows"):
        ledger._rows(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 9999999) SELECT x FROM n"
        )


# -- what only the ledger says -------------------------------------------------------------------------------


def forged(made: Repository, address: str = GIVEN) -> None:
    """Somebody continues a finished ledger by hand."""
    ledger = open_ledger(made.path / LEDGER, write=True)
    ledger.open_up("state.begin", "2026-11-27T00:00:00Z", "x@example.com", {"forgetting": [address]})
    ledger.close()


def test_what_no_store_has_heard_of_is_not_believed(made: Repository, market: Market) -> None:
    """An entry says that a listing is being given away: nobody gives it away, and nobody passes over it."""
    forged(made)
    made.write(storefront(), sku("A-1", "10.00"))
    for _ in range(2):
        refused = made.run("apply", "--auto-approve")
        assert (refused.code, "no store has heard of it" in refused.err) == (6, True), refused
    plan = made.run("plan")
    assert "ACN-035" in plan.out
    assert "- listing GIVEN" in plan.out
    refused = made.run("state", "rm", "amz-de/listing/A-1")
    assert (refused.code, "no store has heard of it" in refused.err) == (6, True), refused
    made.write(storefront(), sku("A-1", "10.00"), sku("GIVEN", "10.00"))
    assert made.run("state", "rebuild").code == 0
    made.write(storefront(), sku("A-1", "10.00"))
    made.apply()
    assert GIVEN not in market.live()


def test_what_was_not_believed_is_not_vouched_for_later(made: Repository, market: Market) -> None:
    """A rebuild ends it before the stores hear of the rebuild, so that one that dies there leaves nothing to be believed."""
    forged(made)
    dies_at(made, *POINTS["before it is recorded"], "state", "rebuild")
    made.write(storefront(), sku("A-1", "10.00"))
    made.apply()
    assert GIVEN not in market.live()


def test_a_person_can_say_it_again(made: Repository, market: Market) -> None:
    """Where it was an `acorn state rm` that died."""
    forged(made)
    assert made.run("state", "rm", GIVEN).code == 0
    made.write(storefront(), sku("A-1", "10.00"))
    made.apply()
    assert GIVEN in market.live()


def test_a_marketplace_that_is_gone_for_good_can_be_left(
    made: Repository, market: Market, tmp_path: Path
) -> None:
    """Its store leaves the specs, and nothing waits for it any more: apply, rebuild and drift go on."""
    with open_market(tmp_path / "old") as old:
        project = (made.path / "acorn.yaml").read_text()
        both = project.replace(
            "connections: {", f'connections: {{old: {{adapter: network, url: "{old.url}"}}, '
        )
        (made.path / "acorn.yaml").write_text(both)
        front = storefront("amz-old")
        front["spec"]["connection"] = "old"
        main = storefront()
        main["spec"]["connection"] = "main"
        specs = (main, sku("A-1", "10.00"), sku("GIVEN", "10.00"))
        made.write(*specs, front, sku("O-1", "5.00", store="amz-old"))
        made.apply()
        declared = made.run("state", "rm", "--closed", "amz-old")
        assert (declared.code, "is declared" in declared.err) == (1, True), declared
        made.write(*specs)
        answers = made.run("state", "rm", "--closed", "amz-old")
        assert (answers.code, "answers at old" in answers.err) == (1, True), answers
    refused = made.run("apply", "--auto-approve")
    assert (refused.code, "amz-old" in refused.err) == (1, True), refused
    assert made.run("state", "rebuild").code == 1
    assert made.run("state", "rm", "--closed", "amz-old").code == 0
    made.apply()
    (made.path / "acorn.yaml").write_text(project)
    made.apply()
    assert made.run("state", "rebuild").code == 0
    assert "amz-old" not in made.run("state", "list").out
