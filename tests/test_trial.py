"""What new users broke in their first hour, each held by a test: nothing outside is touched, nothing is mistaken for
nothing, and every failure is told in words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from acorn_gitops.specs.amounts import advice
from tests.repository import Repository, document, shop, sku, storefront


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Two storefronts, a shop and two SKUs, applied."""
    made = Repository(
        tmp_path / "r", storefront(), storefront("amz-fr"), shop(), sku(), sku("MUG-RED", "12.90")
    )
    made.apply()
    return made


def command(repository: Repository, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """A process of its own, for what streams and rights do."""
    return subprocess.run(
        [sys.executable, "-m", "acorn_gitops", *arguments],
        cwd=repository.path,
        env={**os.environ, **environ},
        capture_output=True,
        check=False,
    )


# Nothing outside


def test_fmt_leaves_alone_what_is_not_ours(repository: Repository, tmp_path: Path) -> None:
    """A file outside, a file that is no YAML, and YAML that is somebody else's: named, and byte for byte as before."""
    outside = tmp_path / "outside.yaml"
    text = repository.path / "notes.txt"
    theirs = repository.path / "compose.yaml"
    for path in (outside, text, theirs):
        path.write_text("services:   {a:   1}\n")
        result = repository.run("fmt", str(path))
        assert result.code == 4, result
        assert path.name in result.err
        assert path.read_text() == "services:   {a:   1}\n"
    result = repository.run("fmt", ".")
    assert result.code == 0
    assert "passed over compose.yaml" in result.err


@pytest.mark.parametrize("name", ["specs/all.yaml", "plan.yml", "rows.csv", "notes.txt", "other.json"])
def test_a_plan_never_replaces_anything_but_a_plan(name: str, repository: Repository) -> None:
    """`--out` onto a spec, a table or any file that is no plan is refused before a store is read."""
    path = repository.path / name
    before = path.read_bytes() if path.exists() else b'{"mine": 1}'
    path.write_bytes(before)
    result = repository.run("plan", "--out", name)
    assert result.code == 1, result
    assert path.read_bytes() == before
    assert repository.run("plan", "--out", "p.json").code == 0
    assert repository.run("plan", "--out", "p.json").code == 0, "a plan may be replaced by a newer one"


def test_init_inside_a_repository_of_acorn_is_refused(repository: Repository) -> None:
    """Its files would be read as the outer one's specs."""
    result = repository.run("init", "specs/inner")
    assert result.code == 1
    assert "is a repository of acorn already" in result.err
    assert not (repository.path / "specs" / "inner").exists()


@pytest.mark.parametrize("name", ["", "Größe", "a b", "../x", "-a", "A"])
def test_init_refuses_a_name_that_could_not_be_loaded(name: str, tmp_path: Path) -> None:
    """Before anything is written."""
    made = Repository.__new__(Repository)
    made.path = tmp_path
    assert made.run("init", "new", "--name", name).code == 64
    assert not (tmp_path / "new").exists()


def test_schemas_are_in_order_right_after_init(tmp_path: Path) -> None:
    """What init writes is what `schema --check` wants."""
    made = Repository.__new__(Repository)
    made.path = tmp_path
    assert made.run("init", "new").code == 0
    made.path = tmp_path / "new"
    for arguments in (["schema", "schemas", "--check"], ["fmt", "--check"], ["validate", "--strict"]):
        result = made.run(*arguments)
        assert result.code == 0, (arguments, result)


# Nothing mistaken for nothing


@pytest.mark.parametrize("verb", ["plan", "apply", "drift"])
@pytest.mark.parametrize(
    "pattern", ["", ",", "amz-dee", "amz-de/listing/NOPE", "region=mars", "nope/listing/*", "amz-de,amz-xx"]
)
def test_a_selection_of_nothing_is_a_slip_of_the_pen(verb: str, pattern: str, repository: Repository) -> None:
    """It ends with usage, never with "no changes"."""
    result = repository.run(verb, "--select", pattern)
    assert result.code == 64, result
    assert "--select" in result.err


def test_the_selection_of_a_saved_plan_may_be_done_by_now(repository: Repository) -> None:
    """Applying twice a plan that deleted what it selected says that it was applied, not that the pattern is wrong."""
    repository.write(storefront(), storefront("amz-fr"), shop(), sku())
    assert repository.run("plan", "--select", "*/listing/MUG-RED", "--out", "p.json").code == 0
    assert repository.run("apply", "p.json").code == 0
    result = repository.run("apply", "p.json")
    assert result.code == 6
    assert "applied" in result.err


def test_an_emptied_file_is_told_loudly(repository: Repository) -> None:
    """From five on, and a quarter of a store, deletions are a warning of their own."""
    stores = [storefront(), storefront("amz-fr"), shop()]
    repository.write(*stores, *(sku(f"S-{n}") for n in range(8)))
    repository.apply()
    repository.write(*stores, sku("S-0"))
    result = repository.run("plan")
    assert "ACN-023" in result.out
    assert "7 of 9 managed resources of amz-de would be deleted" in result.out.replace("\n  ", " ")
    repository.write(*stores, *(sku(f"S-{n}") for n in range(6)))
    assert "ACN-023" not in repository.run("plan").out


def test_a_rename_from_nothing_is_told(repository: Repository) -> None:
    """movedFrom that names nothing does nothing, and says so."""
    listing = {"store": "amz-de", "sellerSku": "NEW", "movedFrom": "NOPE", "status": "active"}
    extra = document("SkuMapping", "new", {"sku": "NEW", "listings": [listing]})
    repository.write(extra, file="new.yaml")
    assert "movedFrom names NOPE, which is not there; nothing is renamed" in repository.run(
        "plan"
    ).out.replace("\n  ", " ")


def test_a_missing_ledger_is_told_when_there_is_something_to_miss(repository: Repository) -> None:
    """On a machine that forgot; not the first time, and not when it is there."""
    assert "ACN-022" not in repository.run("plan").out
    for file in (repository.path / ".acorn" / "sandbox").iterdir():
        file.unlink()
    result = repository.run("plan")
    assert "ACN-022" in result.out
    assert "acorn state rebuild" in repository.run("plan", "-o", "json").out


@pytest.mark.parametrize(
    ("price", "id"), [("0", "SKU-018"), ("0.00", "SKU-018"), ("0.01", None)], ids=["0", "0.00", "0.01"]
)
def test_a_price_of_nothing_is_an_error(price: str, id: str | None, repository: Repository) -> None:
    """A zero is what an emptied cell becomes."""
    repository.write(storefront(), storefront("amz-fr"), shop(), sku(price=price))
    result = repository.run("validate")
    assert (result.code, "SKU-018" in result.err + result.out) == ((4, True) if id else (0, False))


def test_a_row_without_price_among_rows_with_one_is_told(repository: Repository) -> None:
    """An empty cell is a warning; a row that is cut off is an error."""
    table = document("SkuMapping", "rows", {"table": {"file": "rows.csv"}})
    repository.write(table, file="rows.yaml")
    rows = repository.path / "specs" / "rows.csv"
    rows.write_text("sku,store,price,currency\nA,amz-fr,9.90,EUR\nB,amz-fr,,\n")
    result = repository.run("validate")
    assert result.code == 0
    assert "rows.csv:3" in result.out + result.err
    assert "SKU-019" in result.out + result.err
    rows.write_text("sku,store,price,currency\nA,amz-fr,9.90,EUR\nB,amz-fr\n")
    result = repository.run("validate")
    assert result.code == 4
    assert "this row has 2 cells, the heading 4" in result.out + result.err


def test_what_is_required_may_stand_in_the_defaults(repository: Repository) -> None:
    """An entry is judged with the defaults of its list below it."""
    repository.text(
        "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: l}\nspec:\n  defaults:\n    inventory: {pool: p}\n"
        "  items:\n    - {sku: A, inventory: {sources: [{location: de-ber-mitte}]}, listings: [{store: amz-de, status: active}]}\n",
        file="list.yaml",
    )
    result = repository.run("plan", "-o", "json")
    assert result.code == 0, result
    assert "de-ber-mitte/stock/A" in {c["address"] for c in result.json["changes"]}
    repository.text(
        "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: l}\nspec:\n  defaults:\n    inventory: {buffer: {units: 1}}\n"
        "  items:\n    - {sku: A, inventory: {sources: [{location: de-ber-mitte}]}}\n",
        file="list.yaml",
    )
    result = repository.run("validate")
    assert result.code == 4
    assert "GEN-008" in result.out + result.err


# Taking in what others did


def test_drift_of_one_store_does_not_become_the_wish_for_all(repository: Repository) -> None:
    """A shared fact (a title) that was changed in one store is left to a person; one that was changed in all of them,
    and one that is the store's own (a price), are written."""
    both = sku(attributes={"title": "Kettle"})
    both["spec"]["listings"].append({"store": "amz-fr", "status": "active"})
    repository.write(storefront(), storefront("amz-fr"), shop(), both)
    repository.apply()
    spec = repository.path / "specs" / "all.yaml"
    before = spec.read_text()
    repository.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.title=Teapot")
    result = repository.run("import", "--drifted")
    assert result.code == 0
    assert "title is said once for amz-fr/listing/KTL-17-BLK too" in result.err
    assert spec.read_text() == before
    repository.run("sandbox", "disturb", "amz-fr/listing/KTL-17-BLK.title=Teapot")
    repository.run("sandbox", "disturb", "amz-de/listing/KTL-17-BLK.price=39.00")
    assert repository.run("import", "--drifted").code == 0
    assert "title: Teapot" in spec.read_text()
    assert '"39.00"' in spec.read_text()
    assert repository.run("plan", "--detailed-exitcode").code == 0


def test_a_listing_that_never_said_its_sku_is_updated_not_replaced(repository: Repository) -> None:
    """Import of a listing without `sku`, then a lost ledger: what was never said can be said once."""
    (repository.path / "more.jsonl").write_text(
        '{"address": "amz-de/listing/ODD", "attributes": {"status": "active"}}\n'
    )
    repository.run("sandbox", "seed", "more.jsonl")
    assert repository.run("import").code == 0
    plan = repository.run("plan", "-o", "json").json
    assert [c["action"] for c in plan["changes"]] in (["adopt"], ["update"])
    assert repository.run("apply", "--auto-approve", "--adopt").code == 0
    assert repository.run("plan", "--detailed-exitcode").code == 0


def test_uncommitted_edits_have_no_author(repository: Repository) -> None:
    """A line that is not committed is nobody's, and what was applied from it is marked."""
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(repository.path)]
    for arguments in (["init", "-q"], ["add", "specs", "acorn.yaml"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True)
    field = ("explain", "amz-de/listing/KTL-17-BLK", "price", "--offline")
    assert "by Ada in " in repository.run(*field).out
    spec = repository.path / "specs" / "all.yaml"
    spec.write_text("# a line above\n\n" + spec.read_text().replace("49.99", "44.99"))
    assert "by an edit that is not committed yet" in repository.run(*field).out
    assert "by Ada in " in repository.run("explain", "amz-de/listing/MUG-RED", "price", "--offline").out
    repository.apply()
    assert "+ uncommitted edits" in repository.run("history").out


# Failures in words


def test_output_that_cannot_be_written_is_an_error(repository: Repository) -> None:
    """A full disk behind standard output is told, and exits 1."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "acorn_gitops", "plan"],
            cwd=repository.path,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"internal error" not in done.stderr


def test_a_terminal_without_arrows_still_gets_its_plan(repository: Repository) -> None:
    """Characters that the encoding lacks are written as escapes."""
    repository.run("sandbox", "disturb", "amz-de/listing/MUG-RED.price=1.00")
    done = command(repository, "plan", PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done
    assert b"1.00 \\u2192 12.90 EUR" in done.stdout
    assert b"internal error" not in done.stderr


@pytest.mark.parametrize("content", [b"garbage" * 500, b"SQLite format 3\0" + b"\xff" * 4000, b""])
def test_a_ruined_sandbox_is_told(content: bytes, repository: Repository) -> None:
    """No internal error; the way out is named."""
    for file in (repository.path / ".acorn").glob("sandbox.db*"):
        file.unlink()
    (repository.path / ".acorn" / "sandbox.db").write_bytes(content)
    for arguments in (["plan"], ["drift"], ["sandbox", "dump"], ["apply", "--auto-approve"]):
        result = repository.run(*arguments)
        assert "internal error" not in result.err, arguments
        if content:
            assert result.code == 1
            assert "acorn sandbox reset" in result.err
    assert repository.run("sandbox", "reset").code == 0


@pytest.mark.parametrize("content", [b"garbage" * 500, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_ruined_ledger_is_told(content: bytes, repository: Repository) -> None:
    """Only what exists is recommended."""
    ledger = repository.path / ".acorn" / "sandbox" / "ledger.db"
    for file in ledger.parent.glob("ledger.db*"):
        file.unlink()
    ledger.write_bytes(content)
    for arguments in (["plan"], ["state", "list"], ["history"], ["apply", "--auto-approve"]):
        result = repository.run(*arguments)
        assert result.code == 6, (arguments, result)
        assert "acorn state rebuild" in result.err
        assert ".backup" not in result.err
    ledger.with_name("ledger.db.backup").write_bytes(b"")
    assert "ledger.db.backup" in repository.run("plan").err


def test_an_empty_ledger_file_is_an_empty_ledger(repository: Repository) -> None:
    """What an interrupted first run leaves behind is no reason to stop; where others have applied, it knows less than they."""
    ledger = repository.path / ".acorn" / "sandbox" / "ledger.db"
    for file in ledger.parent.glob("ledger.db*"):
        file.unlink()
    ledger.write_bytes(b"")
    assert repository.run("plan").code == 6
    assert repository.run("apply", "--auto-approve").code == 6
    assert repository.run("state", "rebuild").code == 0
    repository.apply()


def test_reading_needs_no_right_to_write(repository: Repository) -> None:
    """`state list`, `history` and `explain` work where nothing may be written."""
    program = (
        "import os, sys, urllib.parse\nfrom acorn_gitops.ledger.opening import open_ledger\nfrom pathlib import Path\n"
        "if os.geteuid() == 0: os.setegid(65534); os.setuid(65534)\n"
        "print(len(open_ledger(Path(sys.argv[1])).resources()))\n"
    )
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        shutil.copy(repository.path / ".acorn" / "sandbox" / "ledger.db", folder)
        (folder / "ledger.db").chmod(0o444)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", program, str(folder / "ledger.db")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) == len(repository.run("state", "list").out.splitlines())
        assert [file.name for file in folder.iterdir()] == ["ledger.db"]
        folder.chmod(0o755)


def test_history_of_what_is_not_known_is_an_error(repository: Repository) -> None:
    """Not an empty list."""
    result = repository.run("history", "foo")
    assert result.code == 1
    assert "nothing is recorded of foo" in result.err


def test_a_zone_that_does_not_exist_is_told_at_its_place(repository: Repository) -> None:
    """In a promotion's window as in a store."""
    promo = document(
        "Promo",
        "spring",
        {
            "type": "percentOff",
            "stores": {"names": ["amz-de"]},
            "skus": {"names": ["KTL-17-BLK"]},
            "window": {
                "start": {"local": "2027-03-01T00:00:00", "tz": "Europe/Berln"},
                "end": {"local": "2027-03-02T00:00:00", "tz": "store"},
            },
            "discount": {"percent": "10"},
        },
    )
    repository.write(promo, file="promo.yaml")
    result = repository.run("validate")
    assert result.code == 4
    said = result.out + result.err
    assert "STO-025" in said
    assert "there is no time zone Europe/Berln" in said
    assert said.count("error ") == 1, said


def test_a_promotion_that_lost_its_skus_is_not_told_to_take_all(repository: Repository) -> None:
    """Widening a narrow selector is never the remedy."""
    promo = document(
        "Promo",
        "spring",
        {
            "type": "percentOff",
            "stores": {"names": ["amz-de"]},
            "skus": {"labels": {"line": "gone"}},
            "window": {
                "start": {"local": "2027-03-01T00:00:00", "tz": "store"},
                "end": {"local": "2027-03-02T00:00:00", "tz": "store"},
            },
            "discount": {"percent": "10"},
        },
    )
    repository.write(promo, file="promo.yaml")
    said = repository.run("validate").out
    assert "no SKU has these names or labels any more" in said
    assert "all: true" not in said


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("49,99", 'write "49.99"'),
        ("-5.00", "never negative"),
        ("−5.00", "never negative"),
        ("１９.90", 'write "19.90"'),
        ("“49.99”", 'write "49.99"'),
        ("1,234.50", 'write "1234.50"'),
        ("1.234,50", 'write "1234.50"'),
        ("49.99 EUR", 'write "49.99"'),
        ("€ 49", 'write "49"'),
        ("1,234", 'write "1234" or "1.234"'),
        ("23. Nov", "quoted decimal"),
        ("1e3", "quoted decimal"),
        ("", "quoted decimal"),
    ],
)
def test_a_wrong_amount_is_answered_with_the_right_one(written: str, hint: str) -> None:
    """As spreadsheets, input methods and other countries write it; where it can be read both ways, both are shown."""
    assert hint in advice(written)


@pytest.mark.parametrize(
    ("old", "new", "mark"),
    [("sku: ", "sku：", "："), (", price", "， price", "，")],
)
def test_a_full_width_mark_is_named(old: str, new: str, mark: str, repository: Repository) -> None:
    """Chinese and Japanese input methods write them in place of YAML's own."""
    text = (
        "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: a}\nspec:\n  sku: A\n  listings:\n"
        '    - {store: amz-de, price: {currency: EUR, value: "1.00"}}\n'
    )
    repository.text(text.replace(old, new), file="wide.yaml")
    result = repository.run("validate")
    assert result.code == 4
    assert f"full-width character {mark}" in result.out + result.err


# A ledger on machines that forget


@pytest.fixture
def remote(repository: Repository, tmp_path: Path) -> Path:
    """A bare repository, and the applied one as its clone."""
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(repository.path)]
    (repository.path / ".gitignore").write_text(".acorn/\n")
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        ["commit", "-qm", "first"],
        ["remote", "add", "origin", str(bare)],
        ["push", "-q", "origin", "main"],
    ):
        subprocess.run([*git, *arguments], check=True)
    return bare


def clone(remote: Path, to: Path, like: Repository) -> Repository:
    """A fresh machine: the same commit, the same marketplace, no ledger."""
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{remote}", str(to)], check=True)
    made = Repository.__new__(Repository)
    made.path = to
    (to / ".acorn").mkdir()
    (to / ".acorn" / "sandbox.db").write_bytes((like.path / ".acorn" / "sandbox.db").read_bytes())
    return made


def test_a_fresh_machine_knows_what_was_applied(repository: Repository, remote: Path, tmp_path: Path) -> None:
    """push here, pull there: the same rows, the same history, and a price edit is an update, not an adoption."""
    assert repository.run("state", "pull").code == 0, "nothing is there yet, which is no error"
    assert repository.run("state", "push").code == 0
    assert "already" in repository.run("state", "push").out
    there = clone(remote, tmp_path / "ci", repository)
    assert "ACN-022" in there.run("plan").out
    assert there.run("state", "pull").code == 0
    assert there.run("state", "list").out == repository.run("state", "list").out
    assert there.run("history", "-o", "json").out == repository.run("history", "-o", "json").out
    assert "ACN-022" not in there.run("plan").out
    spec = there.path / "specs" / "all.yaml"
    spec.write_text(spec.read_text().replace("49.99", "44.99"))
    assert [c["action"] for c in there.run("plan", "-o", "json").json["changes"]] == ["update"]
    there.apply()
    assert there.run("state", "push").code == 0
    assert repository.run("state", "push").code == 6, "an older ledger never replaces a newer one"
    assert repository.run("state", "pull").code == 0
    assert repository.run("state", "list").out == there.run("state", "list").out
    status = subprocess.run(
        ["git", "-C", str(repository.path), "status", "--porcelain"], capture_output=True, check=True
    )
    assert status.stdout == b"", "the working tree and the index are never touched"


def test_two_histories_are_never_joined(repository: Repository, remote: Path, tmp_path: Path) -> None:
    """When each ledger knows of writes that the other does not, both directions are refused."""
    assert repository.run("state", "push").code == 0
    there = clone(remote, tmp_path / "ci", repository)
    assert there.run("state", "pull").code == 0
    for made, price in ((repository, "41.00"), (there, "42.00")):
        spec = made.path / "specs" / "all.yaml"
        spec.write_text(spec.read_text().replace("49.99", price))
        made.apply()
    assert there.run("state", "push").code == 0
    for verb in ("push", "pull"):
        result = repository.run("state", verb)
        assert result.code == 6, (verb, result)
        assert "gone apart" in result.err


def test_a_ledger_branch_that_holds_rubbish_is_told(repository: Repository, remote: Path) -> None:
    """Neither an internal error nor a lost ledger."""
    from acorn_gitops.provenance.branch import push

    push(repository.path, "origin", "acorn-ledger", {"sandbox/ledger.db.gz": b"rubbish"}, "m", onto="")
    before = repository.run("state", "list").out
    for verb in ("push", "pull"):
        result = repository.run("state", verb)
        assert result.code in (1, 6)
        assert "internal error" not in result.err
    assert repository.run("state", "list").out == before
    assert repository.run("state", "pull", "--remote", "nowhere").code == 1


def test_a_retry_is_not_a_line_of_log(tmp_path: Path) -> None:
    """A marketplace that cannot be reached is told once, in the plan."""
    made = Repository(tmp_path / "r", storefront())
    (made.path / "acorn.yaml").write_text(
        (made.path / "acorn.yaml").read_text().replace('"sandbox:"', '"http://127.0.0.1:9"')
    )
    done = command(made, "plan")
    assert done.returncode == 1
    assert b"tenacity" not in done.stderr
    assert done.stderr == b"", done.stderr


def test_an_incomplete_plan_is_not_offered_for_apply(repository: Repository) -> None:
    """The line below it says so."""
    repository.run("sandbox", "fault", "fail", "GET */stores/amz-fr*", "--times", "50")
    result = repository.run("plan", "--out", "p.json")
    assert result.code == 1
    assert "it will not be applied: amz-fr could not be read" in result.err
    assert orjson.loads((repository.path / "p.json").read_bytes())["errored"] is True


def test_a_reader_that_goes_away_is_no_failure(repository: Repository) -> None:
    """`acorn history | head -n 1`: what was wanted was read."""
    producer = subprocess.Popen(
        [sys.executable, "-m", "acorn_gitops", "plan", "-o", "json", "--refresh"],
        cwd=repository.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert producer.stdout is not None
    producer.stdout.close()
    assert producer.stderr is not None
    said = producer.stderr.read()
    producer.stderr.close()
    assert producer.wait(60) == 0, said
    assert said == b""


def teas(store: str, title: str, tax: str, floor: str, **more: Any) -> list[dict[str, Any]]:
    """A SKU that another store has as well, with facts of its own."""
    price = {"currency": "EUR", "value": "10.00"}
    bound = {"currency": "EUR", "value": floor}
    there = {
        "sku": "TEA-1",
        "title": title,
        "taxClass": tax,
        "status": "active",
        "price": price,
        "minPrice": bound,
    }
    front = {"platform": "network", "currency": "EUR", "timezone": "Europe/Berlin"}
    return [
        {"address": f"{store}/storefront/{store}", "attributes": front},
        {"address": f"{store}/tax-class/{tax}", "attributes": {"name": tax}},
        {"address": f"{store}/listing/TEA-1", "attributes": {**there, **more}},
    ]


def seeded(made: Repository, rows: list[dict[str, Any]]) -> None:
    (made.path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert made.run("sandbox", "seed", "rows.jsonl").code == 0


def test_a_fact_that_differs_among_listings_is_told_and_not_declared(tmp_path: Path) -> None:
    """A spec says it once for a SKU; and a plan of what was taken in is empty."""
    made = Repository(tmp_path / "r")
    seeded(made, teas("web-de", "Tee", "food", "8.00") + teas("web-fr", "Thé", "standard", "8.00"))
    found = made.run("import")
    assert found.code == 0, found
    words = " ".join(found.err.split())
    assert "taxClass of TEA-1 is not declared: it differs among listings" in words
    assert (
        "title of TEA-1 is not declared" in words and "minPrice" not in words and "pricePolicy" not in words
    )
    assert made.run("plan", "--detailed-exitcode").code == 0


def test_a_listing_that_would_get_anothers_facts_is_left_alone_and_told(tmp_path: Path) -> None:
    """The specs say Tee for the SKU; the store that is looked at later calls it Thé."""
    made = Repository(tmp_path / "r")
    seeded(made, teas("web-de", "Tee", "food", "8.00"))
    assert made.run("import").code == 0
    seeded(made, teas("web-fr", "Thé", "food", "8.00") + teas("web-it", "Tee", "food", "8.00"))
    found = made.run("import", "--store", "web-fr", "--store", "web-it")
    assert found.code == 0, found
    assert "web-fr/listing/TEA-1 stays unmanaged: its title is not what" in " ".join(found.err.split())
    plan = made.run("plan", "--detailed-exitcode", "--adopt")
    assert plan.code == 0 and "not managed and left alone: listing TEA-1" in plan.out, plan.out
    assert "web-it" in "".join(path.read_text() for path in (made.path / "specs").rglob("skus*.yaml"))


@pytest.mark.parametrize(
    ("allocation", "words"),
    [
        ({"buffer": {"units": 0}}, "units: 0"),
        ({"cap": 5}, "cap: {amz-de: 5}"),
        ({"pool": "other"}, "pool: other"),
        ({"min": None}, "edit"),
    ],
)
def test_each_part_of_a_division_is_taken_in_or_told(
    allocation: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """Never "wrote" for a file that is as it was."""
    inventory = {
        "pool": "main",
        "buffer": {"units": 3},
        "allocation": {"mode": "weighted", "weights": {"amz-de": 1}, "min": {"amz-de": 2}},
    }
    made = Repository(tmp_path / "r", storefront(), sku(inventory=inventory))
    made.apply()
    there = {"pool": "main", "mode": "weighted", "weight": 1, "min": 2, "buffer": {"units": 3}}
    hand = {name: value for name, value in {**there, **allocation}.items() if value is not None}
    assert (
        made.run("sandbox", "disturb", f"amz-de/listing/KTL-17-BLK.allocation={json.dumps(hand)}").code == 0
    )
    before = (made.path / "specs" / "all.yaml").read_text()
    found = made.run("import", "--drifted")
    after = (made.path / "specs" / "all.yaml").read_text()
    assert found.code == 0, found
    if words == "edit":
        assert before == after and "wrote" not in found.out and "by hand" in found.err
    else:
        assert words in after
        assert made.run("plan", "--detailed-exitcode").code == 0
