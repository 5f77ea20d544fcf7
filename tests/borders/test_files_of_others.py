"""A saved plan travels as a build artifact, a ledger on a branch or in a cache: both come from somewhere else, and neither gets
anything done that was not planned here and now."""

from __future__ import annotations

import gzip
import random
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from acorn_gitops.ledger import audit
from acorn_gitops.model.finding import AcornError
from acorn_gitops.plan.document import plan_id
from acorn_gitops.plan.document import read as read_plan
from acorn_gitops.report.markdown import plan_markdown
from acorn_gitops.report.text import Pen, plan_text
from acorn_gitops.sandbox.database import Database
from tests.borders.clone import cloned, git, published
from tests.repository import PROJECT, Repository, sku, storefront

TWO = PROJECT.replace(
    '{main: {adapter: network, url: "sandbox:"}}',
    '{prod: {adapter: network, url: "sandbox:prod"}, test: {adapter: network, url: "sandbox:test"}}',
)
LEDGER = ".acorn/sandbox/ledger.db"


# -- plans ---------------------------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    """Two connections, and a plan for the store on one of them."""
    repository = Repository(tmp_path / "r", storefront() | {}, sku("A-1", "10.00"), sku("A-2", "10.00"))
    (repository.path / "acorn.yaml").write_text(TWO)
    _held_by(repository, "test")
    assert repository.run("plan", "--out", "p.acorn.json").code == 0
    return repository


def _held_by(made: Repository, connection: str) -> None:
    front = storefront()
    front["spec"]["connection"] = connection
    made.write(front, sku("A-1", "10.00"), sku("A-2", "10.00"))


def _is_empty(made: Repository, name: str) -> bool:
    path = made.path / ".acorn" / f"sandbox-{name}.db"
    if not path.exists():
        return True
    database = Database(path)
    try:
        return not list(database.each())
    finally:
        database.close()


def _plan(made: Repository) -> Any:
    return orjson.loads((made.path / "p.acorn.json").read_bytes())


def _save(made: Repository, document: Any) -> None:
    document["id"] = plan_id(document)
    (made.path / "q.acorn.json").write_bytes(orjson.dumps(document))


def test_a_plan_is_for_the_connection_it_was_made_for(made: Repository) -> None:
    """The specs move the store to another connection after the plan was saved: refused, and neither marketplace is touched."""
    _held_by(made, "prod")
    result = made.run("apply", "p.acorn.json")
    assert result.code == 6, result
    assert "made for test" in result.err
    assert _is_empty(made, "prod") and _is_empty(made, "test")


@pytest.mark.parametrize("change", ['"sandbox:other"', '"sandbox:test", options: {a: 1}'])
def test_a_plan_is_for_the_address_it_was_made_for(change: str, made: Repository) -> None:
    """The same connection by name, and another marketplace behind it."""
    project = made.path / "acorn.yaml"
    project.write_text(project.read_text().replace('"sandbox:test"', change))
    result = made.run("apply", "p.acorn.json")
    assert result.code == 6, result
    assert _is_empty(made, "prod") and _is_empty(made, "test") and _is_empty(made, "other")


FORGED: dict[str, Callable[[Any], Any]] = {
    "another connection": lambda d: d["stores"][0].update(connection="prod"),
    "no such connection": lambda d: d["stores"][0].update(connection="nowhere"),
    "another binding": lambda d: d["stores"][0].update(binding="0" * 32),
    "no binding": lambda d: d["stores"][0].pop("binding"),
    "another price": lambda d: d["changes"][-1]["after"]["price"].update(value="0.01"),
    "a change more": lambda d: d["changes"].append({**d["changes"][-1], "address": "amz-de/listing/EVIL"}),
    "a change twice": lambda d: d["changes"].append(dict(d["changes"][-1])),
    "a creation made a deletion": lambda d: d["changes"][-1].update(
        action="delete", reason="undeclared", after=None
    ),
    "a deletion": lambda d: d["changes"].append(
        {**d["changes"][-1], "address": "amz-de/listing/FOREIGN", "action": "delete", "reason": "undeclared"}
    ),
    "another store": lambda d: d["changes"][-1].update(address="amz-fr/listing/A-2"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_plan_gets_nowhere(name: str, made: Repository) -> None:
    """Edited, with its id made anew: refused with exit code 6, and nothing is written anywhere."""
    document = _plan(made)
    FORGED[name](document)
    _save(made, document)
    result = made.run("apply", "q.acorn.json")
    assert result.code == 6, result
    assert _is_empty(made, "prod") and _is_empty(made, "test")


def test_a_forged_plan_adds_nothing_to_the_ledger(made: Repository) -> None:
    """Neither a commit that nobody made, nor a resource that nobody declared."""
    document = _plan(made)
    document |= {"commit": "f" * 40, "dirty": False, "findings": []}
    document["stores"][0]["to_record"] = ["amz-de/listing/FOREIGN"]
    _save(made, document)
    assert made.run("apply", "q.acorn.json").code == 0
    assert "FOREIGN" not in made.run("state", "list").out
    assert "ffffffffff" not in made.run("history").out


def test_no_form_of_a_plan_is_an_internal_error(made: Repository, tmp_path: Path) -> None:
    """Thousands of plans with something else in one place: refused, or shown harmlessly."""
    original = _plan(made)
    chance = random.Random(21)
    odd = [
        None,
        True,
        -1,
        1.5,
        "",
        "x" * 3000,
        "\x1b[2J",
        "a\nb",
        "../x",
        [],
        {},
        [1],
        {"a": 1},
        "NaN",
        10**12,
    ]

    def changed(value: Any, depth: int = 0) -> Any:
        if isinstance(value, dict) and value and chance.random() < 0.9:
            key = chance.choice(list(value))
            copy = dict(value)
            if chance.random() < 0.15:
                del copy[key]
            else:
                copy[key] = changed(copy[key], depth + 1)
            return copy
        if isinstance(value, list) and value and chance.random() < 0.9:
            index = chance.randrange(len(value))
            return [*value[:index], changed(value[index], depth + 1), *value[index + 1 :]]
        return chance.choice(odd)

    path = tmp_path / "fuzz.json"
    shown = 0
    for _ in range(4000):
        document = changed(original)
        if isinstance(document, dict):
            document["id"] = plan_id(document)
        path.write_bytes(orjson.dumps(document))
        try:
            plan = read_plan(path)
        except AcornError:
            continue
        shown += 1
        text = plan_text(plan, Pen(False, 100)) + plan_markdown(plan)
        assert "\x1b" not in text
        assert not any(line.startswith("/") for line in text.split("\n"))
    assert shown > 20, "some are harmless, or nothing was tried"


# -- ledgers -------------------------------------------------------------------------------------------------


@pytest.fixture
def applied(tmp_path: Path) -> Repository:
    """A repository that has applied, and a foreign listing beside its own."""
    repository = Repository(tmp_path / "r", storefront(), sku("A-1", "10.00"), sku("A-2", "10.00"))
    repository.apply()
    return repository


def _sql(made: Repository, *statements: str) -> None:
    with sqlite3.connect(made.path / LEDGER) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)
    db.close()


def _rehashed(made: Repository) -> None:
    """The whole trail written anew by somebody who knows how, with another actor."""
    with sqlite3.connect(made.path / LEDGER) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        rows = db.execute("SELECT sequence, at, event, body FROM audit ORDER BY sequence").fetchall()
        db.execute("DELETE FROM audit")
        previous = audit.GENESIS
        for sequence, at, event, body in rows:
            own = audit._hash(previous, sequence, at, "somebody else", event, body)
            values = (sequence, at, "somebody else", event, body, previous, own)
            db.execute("INSERT INTO audit VALUES (?,?,?,?,?,?,?)", values)
            previous = own
    db.close()


PLANTED = (
    "INSERT INTO resource SELECT store, type, 'FOREIGN', digest, attributes, adopted, remote_id, plan, commit_id, applied_at, origin,"
    " protected FROM resource WHERE key='A-1'"
)
TAMPERED: dict[str, tuple[str, ...]] = {
    "an entry altered": ("UPDATE audit SET actor='nobody' WHERE sequence=2",),
    "an entry removed": ("DELETE FROM audit WHERE sequence=3",),
    "the end cut off": ("DELETE FROM audit WHERE sequence>2",),
    "the whole trail removed": ("DELETE FROM audit",),
    "a row altered": ("UPDATE resource SET attributes=replace(attributes,'10.00','99.00') WHERE key='A-1'",),
    "a digest altered": ("UPDATE resource SET digest='x' WHERE key='A-1'",),
    "protection removed": ("UPDATE resource SET protected=1-protected WHERE key='A-1'",),
    "a row removed": ("DELETE FROM resource WHERE key='A-1'",),
    "a row planted": (PLANTED,),
    "a row planted, seals removed": (PLANTED, "DELETE FROM seal"),
    "a row planted, no seals ever": (PLANTED, "DROP TABLE seal"),
    "attributes that are none": ("UPDATE resource SET attributes=x'ff00'",),
    "a type that is none": ("UPDATE resource SET type='evil' WHERE key='A-1'",),
    "a store that is none": ("UPDATE resource SET store='a/b' WHERE key='A-1'",),
    "a serial that is none": ("UPDATE meta SET value='abc' WHERE name='serial'",),
    "a view": ("ALTER TABLE resource RENAME TO other", "CREATE VIEW resource AS SELECT * FROM other"),
    "a trigger": ("CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM audit WHERE sequence=new.sequence; END",),
    "a trigger in acorn's words": (
        "CREATE TRIGGER audit_no_update BEFORE INSERT ON audit WHEN new.event='x' BEGIN SELECT 1;"
        " /* SELECT RAISE(ABORT, 'history is append-only') */ END",
    ),
    "an index of other rows": ("DROP INDEX audit_subject", "CREATE INDEX audit_subject ON audit (at) WHERE event='x'"),
    "an intent planted": (
        "INSERT INTO intent (plan,store,type,key,action,operation,idempotency_key,attributes,declared,origin,remote_id,protected,at)"
        " VALUES ('p','amz-de','listing','FOREIGN','create','create','k','{}','{}','','',0,'')",
    ),
    "an intent that is none": (
        "INSERT INTO intent (plan,store,type,key,action,operation,idempotency_key,attributes,declared,origin,remote_id,protected,at)"
        " VALUES ('p','amz-de','listing','A-1','update','update','k','nope','[]','','',0,'')",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_a_ledger_that_was_tampered_with_is_never_planned_on(name: str, applied: Repository) -> None:
    """Told by plan, drift and apply, with exit code 6; what is live is as it was."""
    applied.run("sandbox", "disturb", "amz-de/listing/A-2.status=inactive")
    before = applied.live()
    _sql(applied, *TAMPERED[name])
    for arguments in (("plan",), ("apply", "--auto-approve"), ("drift",)):
        result = applied.run(*arguments)
        assert result.code == 6 or (arguments == ("drift",) and "serial" in name), (arguments, result)
        assert "internal error" not in result.err
    for arguments in (("state", "list"), ("history",), ("state", "list", "-o", "json")):
        assert "internal error" not in applied.run(*arguments).err
    assert applied.live() == before


def test_a_trail_that_was_written_anew_is_refused_by_the_marketplace(applied: Repository) -> None:
    """Nothing in the file tells; the marketplace remembers how the last apply began."""
    _rehashed(applied)
    applied.write(storefront(), sku("A-1", "11.00"), sku("A-2", "10.00"))
    result = applied.run("apply", "--auto-approve")
    assert result.code == 6, result
    assert applied.live()["amz-de/listing/A-1"]["price"]["value"] == "10.00"


def test_the_remedy_of_a_spoilt_ledger_works(applied: Repository) -> None:
    """Moved away and rebuilt, it applies again."""
    _sql(applied, PLANTED)
    told = applied.run("plan")
    assert "move it away and run `acorn state rebuild`" in told.err
    for path in (applied.path / ".acorn" / "sandbox").iterdir():
        path.unlink()
    assert applied.run("state", "rebuild").code == 0
    applied.write(storefront(), sku("A-1", "11.00"), sku("A-2", "10.00"))
    applied.apply()


def test_a_ledger_from_before_seals_is_sealed_once(applied: Repository) -> None:
    """Read as it is, sealed by the next apply; and one that had seals is not taken for one from before."""
    with sqlite3.connect(applied.path / LEDGER) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        rows = db.execute("SELECT sequence, at, actor, event, body FROM audit ORDER BY sequence").fetchall()
        db.execute("DELETE FROM audit")
        db.execute("DROP TABLE seal")
        previous = audit.GENESIS
        for sequence, at, actor, event, body in rows:
            plain = orjson.loads(body)
            plain.pop("seals", None)
            for later in ("run", "owner", "generations", "bindings"):
                plain.pop(later, None)
            content = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
            own = audit._hash(previous, sequence, at, actor, event, content)
            db.execute(
                "INSERT INTO audit VALUES (?,?,?,?,?,?,?)",
                (sequence, at, actor, event, content, previous, own),
            )
            previous = own
    db.close()
    sandbox = sqlite3.connect(applied.path / ".acorn" / "sandbox.db")
    sandbox.execute("DELETE FROM generation")
    sandbox.commit()
    sandbox.close()
    assert applied.run("plan").code == 0
    applied.write(storefront(), sku("A-1", "11.00"), sku("A-2", "10.00"))
    applied.apply()
    assert "ledger.sealed" in applied.run("history").out
    _sql(applied, PLANTED, "DROP TABLE seal")
    assert applied.run("apply", "--auto-approve").code == 6


def test_sixty_ledgers_with_other_bytes(applied: Repository) -> None:
    """Whatever bytes are other: an answer in words, never an internal error, and never another plan than the honest one."""
    path = applied.path / LEDGER
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    honest, content = applied.plan()["changes"], path.read_bytes()
    chance = random.Random(3)

    for number in range(60):
        spoilt = bytearray(content)
        for _ in range(chance.choice([1, 4, 50])):
            spoilt[chance.randrange(100, len(spoilt))] = chance.randrange(256)
        path.write_bytes(spoilt[: chance.randrange(len(spoilt))] if number % 10 == 0 else spoilt)
        result = applied.run("plan", "-o", "json")
        assert "internal error" not in result.err, result.err
        assert result.code in (0, 6), result
        if result.code == 0:
            assert result.json["changes"] == honest


# -- the ledger's branch -------------------------------------------------------------------------------------


def _on_branch(bare: Path, tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / f"evil-{random.random()}"
    git(tmp_path, "clone", "-q", "-b", "acorn-ledger", str(bare), str(folder))
    (folder / "sandbox" / "ledger.db.gz").write_bytes(content)
    git(folder, "commit", "-qam", "evil")
    git(folder, "push", "-q", "origin", "acorn-ledger")


def _packed(path: Path) -> bytes:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    return gzip.compress(path.read_bytes())


@pytest.mark.parametrize(
    "what", ["a bomb", "a broken chain", "a planted row", "a view", "rubbish", "cut off"]
)
def test_a_hostile_ledger_is_not_pulled(what: str, applied: Repository, tmp_path: Path) -> None:
    """From the branch: verified before it is believed; the one here stays, and so does the price list."""
    bare = published(tmp_path, applied)
    assert applied.run("state", "push").code == 0
    there = cloned(bare, tmp_path / "there")
    assert there.run("state", "pull").code == 0
    if what == "a bomb":
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        content = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(200)) + packer.flush()
    elif what in ("rubbish", "cut off"):
        content = b"rubbish" if what == "rubbish" else _packed(there.path / LEDGER)[:-100]
    else:
        statement = {
            "a broken chain": (
                "UPDATE audit SET actor='innocent' WHERE sequence=3",
                "UPDATE meta SET value=99",
            ),
            "a planted row": (PLANTED, "UPDATE meta SET value=99"),
            "a view": ("CREATE VIEW v AS SELECT 1",),
        }[what]
        _sql(there, *statement)
        content = _packed(there.path / LEDGER)
    _on_branch(bare, tmp_path, content)
    kept = (applied.path / LEDGER).read_bytes()
    for arguments in (("state", "pull"), ("state", "push")):
        result = applied.run(*arguments)
        assert result.code in (1, 6), (arguments, result)
        assert "internal error" not in result.err
    fresh = cloned(bare, tmp_path / "fresh")
    assert fresh.run("state", "pull").code in (1, 6)
    assert not (fresh.path / LEDGER).exists()
    assert (applied.path / LEDGER).read_bytes() == kept
