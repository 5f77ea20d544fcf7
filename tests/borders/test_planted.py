"""What a pull request can carry besides specs: journals, databases, submodules, links to the root itself, git's own files. None of
it deletes, starts, sends or reads anything, and none ends in a fault of acorn's own."""

from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests import faults
from tests.borders.clone import WHO, cloned, connected, git, published
from tests.borders.server import Server
from tests.repository import Repository, promo, sku, storefront

# -- journals ------------------------------------------------------------------------------------------------

MAGIC = bytes.fromhex("d9d505f920a163d7")


def _plant_journal(database: Path, victim: Path) -> None:
    """A rollback journal that SQLite takes for one of a transaction over several files, `victim` among them."""
    if not database.exists():
        database.parent.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(database) as made:
            made.execute("CREATE TABLE x (a)")
        made.close()
    pages = database.stat().st_size // 4096
    head = (MAGIC + struct.pack(">IIIII", 0, 12345, pages, 512, 4096)).ljust(512, b"\0")
    name = os.fsencode(victim)
    lock = 0x40000000 // 4096 + 1
    tail = struct.pack(">I", lock) + name + struct.pack(">II", len(name), sum(name) & 0xFFFFFFFF) + MAGIC
    database.with_name(f"{database.name}-journal").write_bytes(head + tail)


def test_the_planted_journal_is_a_real_one(tmp_path: Path) -> None:
    """SQLite itself deletes what it names: the tests below could fail."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    _plant_journal(tmp_path / "x.db", victim)
    db = sqlite3.connect(tmp_path / "x.db")
    db.execute("SELECT * FROM x").fetchall()
    db.close()
    assert not victim.exists()


@pytest.mark.parametrize(
    "name", ["sandbox.db", "sandbox/ledger.db", "sandbox/ledger.db.backup", "sandbox/.ledger.db.arriving"]
)
def test_a_journal_deletes_nothing(name: str, made: Repository, tmp_path: Path) -> None:
    """Of the marketplace, the ledger, its backup, a ledger that arrives. The remedy is one that works."""
    made.run("apply", "--auto-approve")
    bare = published(tmp_path, made)
    made.run("state", "push")
    assert bare.is_dir()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    database = made.path / ".acorn" / name
    _plant_journal(database, victim)
    for arguments in (
        ("plan",), ("drift",), ("apply", "--auto-approve"), ("history",), ("doctor",), ("state", "pull"), ("state", "rebuild"),
        ("sandbox", "reset"),
    ):  # fmt: skip
        made.run(*arguments)
        assert victim.exists(), arguments
    if name in ("sandbox.db", "sandbox/ledger.db"):
        refused = made.run("plan")
        assert refused.code == 4
        assert f"remove {database.name}-journal" in refused.err
        database.with_name(f"{database.name}-journal").unlink()
        assert "-journal" not in made.run("plan").err


# -- databases -----------------------------------------------------------------------------------------------

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"


def _changed(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def _as_view(path: Path, table: str) -> None:
    """The table replaced by a view of the same columns that never ends."""
    db = sqlite3.connect(path)
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    db.execute(f"ALTER TABLE {table} RENAME TO hidden")
    named = ", ".join(f"({ENDLESS}) AS {column}" for column in columns)
    db.execute(f"CREATE VIEW {table} AS SELECT {named} FROM hidden")
    db.commit()
    db.close()


def _with_computed_column(path: Path, table: str) -> None:
    """The table made anew, with a further column that is computed whenever a row is read or written."""
    db = sqlite3.connect(path)
    sql = db.execute("SELECT sql FROM sqlite_master WHERE name=?", (table,)).fetchone()[0]
    db.execute(f"DROP TABLE {table}")
    db.execute(sql.replace("(", "(more TEXT AS (hex(zeroblob(300000000))) VIRTUAL, ", 1))
    db.commit()
    db.close()


@pytest.mark.parametrize("spoil", [_as_view, _with_computed_column], ids=lambda f: f.__name__[1:])
@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("sandbox.db", "resource"), ("sandbox.db", "meta"), ("sandbox.db", "generation"), ("sandbox/ledger.db", "resource"),
        ("sandbox/ledger.db", "audit"), ("sandbox/ledger.db", "plan"), ("sandbox/ledger.db", "seal"),
    ],
)  # fmt: skip
def test_a_database_of_another_shape_is_not_used(
    name: str, table: str, spoil: object, made: Repository
) -> None:
    """Views, computed columns: whatever they compute is not computed."""
    made.run("apply", "--auto-approve")
    spoil(made.path / ".acorn" / name, table)  # type: ignore[operator]
    for arguments in (("plan",), ("drift",), ("doctor",), ("import", "--dry-run")):
        if name == "sandbox.db" or arguments[0] in ("plan", "drift"):
            done = made.run(*arguments)
            assert done.code not in (0, 2), (arguments, done.out)
            assert "internal error" not in done.err


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("sandbox/ledger.db", "UPDATE seal SET sequence='x'"),
        ("sandbox/ledger.db", "UPDATE resource SET store=x'fffe' WHERE type='listing'"),
        ("sandbox/ledger.db", "UPDATE meta SET value=x'393939393939393939393939393939393939393939393939'"),
        ("sandbox/ledger.db", "UPDATE resource SET digest=x'00'"),
        ("sandbox/ledger.db", "UPDATE resource SET protected='x'"),
        ("sandbox/ledger.db", "UPDATE plan SET status=5"),
        ("sandbox/ledger.db", "UPDATE intent SET attributes=5"),
        ("sandbox.db", "UPDATE resource SET document=5"),
        ("sandbox.db", "UPDATE resource SET since='x'"),
        ("sandbox.db", "UPDATE generation SET number='x'"),
        ("sandbox.db", "UPDATE resource SET store=x'fffe'"),
        ("sandbox.db", "UPDATE meta SET value='x'"),
        ("sandbox.db", "INSERT INTO delayed VALUES (1, 'x', x'00', 5)"),
        ("sandbox.db", "INSERT INTO fault VALUES (1, 'x', 'x', 9, 5)"),
    ],
)
def test_values_of_another_type_are_told(name: str, statement: str, made: Repository) -> None:
    """Whoever asks gets an answer in words, never a fault of acorn's own."""
    made.run("apply", "--auto-approve")
    _changed(made.path / ".acorn" / name, statement)
    for arguments in (
        ("plan",), ("drift",), ("doctor",), ("history",), ("state", "list"), ("import", "--dry-run"), ("apply", "--auto-approve"),
    ):  # fmt: skip
        done = made.run(*arguments)
        assert done.code != 70, (arguments, done.err)
        assert "internal error" not in done.err, (arguments, done.err)


# -- submodules ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["", "main"], ids=["of its own", "named by the job"])
def test_a_submodule_does_not_bring_its_own_trust(
    named: str, made: Repository, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repository around it says where it comes from, and that is what a pull request changes."""
    monkeypatch.setenv("ACORN_TOKEN", "the-right-secret")
    monkeypatch.setenv("ACORN_DEFAULT_BRANCH", named)
    (made.path / "acorn.yaml").write_text(connected(server.url, "env:ACORN_TOKEN"))
    bare = published(tmp_path, made)
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "submodule", "--quiet", "add", str(bare), "shops")
    inner = Repository.__new__(Repository)
    inner.path = outer / "shops"
    tree = Repository.__new__(Repository)
    tree.path = tmp_path / "tree"
    git(inner.path, "worktree", "add", "-q", str(tree.path), "-b", "other")
    for here in (inner, tree):
        refused = here.run("plan")
        assert server.asked == []
        assert "submodule" in refused.out + refused.err
    monkeypatch.setenv("ACORN_TRUST_FILE", str(tmp_path / "mine" / "trusted.json"))
    assert inner.run("trust", "main").code == 0
    inner.run("plan")
    assert [one.authorization for one in server.asked] == ["Bearer the-right-secret"]


# -- programs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stranger", [False, True], ids=["ours", "a stranger's"])
@pytest.mark.parametrize(
    "name", ["uploadpack", "receivepack", "uploadpack of another", "ssh", "credentials", "git proxy"]
)
def test_asking_a_remote_starts_no_program_of_the_clone(
    name: str, stranger: bool, made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`state pull`, `state push`, and what `apply` asks. What people choose for themselves (ssh, credentials) is theirs, but where a
    stranger's clone is looked at."""
    made.run("apply", "--auto-approve")
    published(tmp_path, made)
    mark = tmp_path / "ran"
    program = f"touch {mark}; false"
    for key, value in {
        "uploadpack": [("remote.origin.uploadpack", program)],
        "receivepack": [("remote.origin.receivepack", program)],
        "uploadpack of another": [("remote.x.y.url", str(tmp_path / "team.git")), ("remote.x.y.uploadpack", program)],
        "ssh": [("remote.origin.url", "ssh://127.0.0.1:1/x"), ("core.sshCommand", program)],
        "credentials": [("remote.origin.url", "http://127.0.0.1:1/x"), ("credential.helper", f"!{program}")],
        "git proxy": [("remote.origin.url", "git://127.0.0.1:1/x"), ("core.gitProxy", f"/bin/touch {mark}")],
    }[name]:  # fmt: skip
        git(made.path, "config", key, value)
    if stranger:
        monkeypatch.setenv("ACORN_UNTRUSTED", "1")
    remote = ("--remote", "x.y") if name.endswith("another") else ()
    made.run("state", "pull", *remote)
    made.run("state", "push", *remote)
    theirs = name == "ssh" and not stranger
    assert mark.exists() == theirs


# -- the root ------------------------------------------------------------------------------------------------


def test_a_link_in_a_repository_is_no_root(made: Repository, tmp_path: Path) -> None:
    """-C, ACORN_ROOT and the shell's folder; also where the link is a folder on the way. A person's own link is theirs."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    (other / "team").symlink_to(made.path)
    (other / "up").symlink_to(tmp_path)
    git(other, "add", "-A")
    git(other, "commit", "-qm", "x")
    (other / "untracked").symlink_to(made.path)
    mine = tmp_path / "mine"
    mine.symlink_to(made.path)
    outside = Repository.__new__(Repository)
    outside.path = other
    for root in ("team", "up/r", "./team", "untracked", "../other/team", str(other / "team")):
        refused = outside.run("plan", "-C", root)
        assert (refused.code, "KTL-17-BLK" in refused.out) == (4, False), root
        assert "is a link in a repository" in refused.err
    plain = {**os.environ, "PWD": str(other / "team")}
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "acorn_gitops", "plan"],
        cwd=other / "team", env=plain, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "KTL" in done.stdout) == (4, False)
    assert outside.run("plan", "-C", "../mine").code == 0
    assert outside.run("plan", "-C", str(made.path)).code == 0


# -- files of git --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["config", "index", "shallow", "HEAD", "packed-refs", "refs/remotes/origin/HEAD", "info/exclude"]
)
def test_a_pipe_among_the_files_of_git_is_not_waited_for(name: str, made: Repository, server: Server) -> None:
    """An unpacked archive can hold pipes; reading one would never end."""
    (made.path / "acorn.yaml").write_text(connected(server.url, "env:X"))
    git(made.path, "init", "-q")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "x")
    pipe = made.path / ".git" / name
    pipe.parent.mkdir(parents=True, exist_ok=True)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    for arguments in (("plan",), ("explain", "amz-de/listing/KTL-17-BLK", "status"), ("state", "pull")):
        assert "internal error" not in made.run(*arguments).err, arguments


def test_a_date_that_no_calendar_has_is_no_fault(made: Repository) -> None:
    """Git keeps any number as a commit's time."""
    git(made.path, "init", "-q", "-b", "main")
    git(made.path, "add", "-A")
    tree = git(made.path, "write-tree").strip()
    far = "99999999999999 +0000"
    words = f"tree {tree}\nauthor a <a@a> {far}\ncommitter a <a@a> {far}\n\nx\n"
    commit = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=made.path, input=words, capture_output=True, text=True, check=True, env={**os.environ, **WHO},
    ).stdout.strip()  # fmt: skip
    git(made.path, "update-ref", "refs/heads/main", commit)
    told = made.run("explain", "amz-de/listing/KTL-17-BLK", "status")
    assert told.code == 0, told.err
    assert made.run("plan").code == 0


@pytest.mark.parametrize("name", [b"\xff\xfe", "a\u202eb".encode(), b"a\x1b[31m"])
def test_a_folder_whose_name_nobody_sees_is_refused(name: bytes, made: Repository) -> None:
    """By name, as a file of such a name is."""
    folder = made.path / "specs" / os.fsdecode(name)
    folder.mkdir()
    (folder / "x.yaml").write_text("a: 1\n")
    for arguments in (("validate",), ("plan",), ("fmt", "--check"), ("validate", "-o", "json")):
        done = made.run(*arguments)
        assert done.code not in (0, 2), (arguments, done.err)
        assert "character that nobody sees" in done.out + done.err
        assert "internal error" not in done.err


def test_a_clone_of_the_default_branch_is_still_trusted(
    made: Repository, server: Server, tmp_path: Path
) -> None:
    """What is closed above stays open where it should."""
    (made.path / "acorn.yaml").write_text(connected(server.url))
    clone = cloned(published(tmp_path, made), tmp_path / "clone")
    clone.run("plan")
    assert server.asked


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE intent SET at='2020-01-01T00:00:00Z'",
        "UPDATE intent SET at='garbage'",
        "UPDATE intent SET outcome='rejected' WHERE outcome='accepted'",
        "UPDATE intent SET outcome='observed' WHERE outcome='accepted'",
        "DELETE FROM intent WHERE outcome='accepted'",
    ],
    ids=["long ago", "no time", "refused", "seen", "gone"],
)
def test_what_may_still_come_cannot_be_taken_out_of_a_ledger(statement: str, tmp_path: Path) -> None:
    """12.00 was taken and not seen; whoever makes the ledger forget it would have 50 % off that."""
    floor = {"pricePolicy": {"min": {"amz-de": "11.00"}}}
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "30.00", **floor))
    made.apply()
    faults.order(made, "accept", "*/listing/*", reads=0)
    made.write(storefront(), sku("S-1", "12.00", **floor))
    assert made.run("apply", "--auto-approve", "--wait", "0").code == 3
    with closing(sqlite3.connect(made.path / ".acorn" / "sandbox" / "ledger.db")) as db, db:
        assert db.execute(statement).rowcount
    made.write(storefront(), sku("S-1", "30.00", **floor), promo("half", "50"))
    result = made.run("apply", "--auto-approve", "--wait", "0")
    assert (result.code, "history" in result.err) == (6, True), result
