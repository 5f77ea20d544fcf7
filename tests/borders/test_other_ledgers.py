"""Other ledgers are looked for inside the repository, through no link, within bounds; what git carries is believed by nobody.
A marketplace is the same one however its address is written (twenty-third attack)."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.confine import database as confined
from acorn_gitops.ledger.opening import is_ledger, open_ledger, unpacked
from acorn_gitops.ledger.records import BROKEN, Settled
from acorn_gitops.ledger.sqlite import SqliteLedger
from acorn_gitops.model.finding import AcornError, Locked, Refused, Stale
from acorn_gitops.model.resource import Address
from acorn_gitops.provenance import branch
from acorn_gitops.provenance.branch import every, push
from acorn_gitops.reconcile import siblings
from acorn_gitops.reconcile.addresses import by_either_scheme, one_spelling
from acorn_gitops.reconcile.lease import Claim, Lease
from acorn_gitops.reconcile.states import Wishes, gather
from acorn_gitops.reconcile.workspace import Workspace
from tests.borders.clone import cloned, git, published
from tests.borders.market import Market, clone_of, open_market
from tests.borders.test_own_rights import by
from tests.borders.test_rights_elsewhere import helpers, owners
from tests.repository import PROJECT, Repository, sku, storefront


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with open_market(tmp_path) as found:
        yield found


def in_wal_mode(folder: Path) -> Path:
    """A database beside which SQLite puts files as soon as it is opened for reading."""
    folder.mkdir(parents=True)
    path = folder / "secret.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=wal")
        db.execute("CREATE TABLE t (x)")
    return path


def without_end(path: Path) -> None:
    """A database whose list of tables leads from page to page, four hundred ways at every step."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA page_size=4096")
        db.execute("CREATE TABLE t (x UNIQUE)")
    whole, size = bytearray(path.read_bytes()), 4096
    head = whole[:size]
    starts = struct.unpack(">2H", head[108:112])
    table, index = (bytes(head[at : at + 2 + head[at]]) for at in starts)

    def leaf(cells: list[bytes]) -> bytearray:
        page, end, pointers = bytearray(size), size, []
        for cell in cells:
            end -= len(cell)
            page[end : end + len(cell)] = cell
            pointers.append(end)
        page[:8] = struct.pack(">BHHHB", 13, 0, len(cells), end, 0)
        page[8 : 8 + 2 * len(pointers)] = struct.pack(f">{len(pointers)}H", *pointers)
        return page

    def branching(children: list[int], begins: int = 0) -> bytearray:
        page, end, pointers = bytearray(size), size, []
        for child in children[:-1]:
            end -= 5
            page[end : end + 5] = struct.pack(">I", child) + b"\1"
            pointers.append(end)
        page[begins : begins + 12] = struct.pack(">BHHHBI", 5, 0, len(pointers), end, 0, children[-1])
        at = begins + 12
        page[at : at + 2 * len(pointers)] = struct.pack(f">{len(pointers)}H", *pointers)
        return page

    pages = [whole[size : 2 * size], whole[2 * size : 3 * size], leaf([table]), leaf([index] * 50)]
    pages += [branching([7 + depth if depth < 11 else 5] * 400) for depth in range(12)]
    first = branching([4] + [6] * 400, begins=100)
    first[:100] = head[:100]
    first[28:32] = struct.pack(">I", 1 + len(pages))
    first[24:28] = first[92:96] = b"\0\0\0\7"
    path.write_bytes(bytes(first) + b"".join(map(bytes, pages)))


def proposed(made: Repository, project: str) -> None:
    """A pull request that gives its author a role and asks other ledgers."""
    role = helpers("amz-de", ["price"])
    (made.path / "acorn.yaml").write_text(project + "  policies: {severities: {ROL-012: warning}}\n")
    made.write(storefront(), owners(), sku("S-1", "20.00"), {**role, "metadata": {"name": "mine"}})
    git(made.path, "add", "-A")
    if (made.path / "sub").exists():
        git(made.path, "add", "-Af", "sub")
    by(made, "mallory")


class _Watch:
    """What this process opens or lists below a folder, while it is watched: no hook of Python's can be taken out again."""

    def __init__(self) -> None:
        self.below = ""
        self.touched: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, about: tuple[Any, ...]) -> None:
        if self.below and event in ("open", "sqlite3.connect", "os.listdir", "os.scandir"):
            name = str(about[0]).removeprefix("file://")
            if os.path.realpath(name).startswith(self.below):
                self.touched.append(f"{event} {name}")


@pytest.fixture(scope="module")
def watch() -> _Watch:
    """One for all tests here."""
    return _Watch()


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with owners, applied by Ada; from then on a stranger's change is looked at."""
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    made = Repository(tmp_path / "r", storefront(), owners(), sku("S-1", "20.00"))
    (made.path / ".gitignore").write_text(".acorn/\n")
    git(made.path, "init", "-q", "-b", "main")
    git(made.path, "add", "-A")
    by(made, "ada")
    made.apply()
    monkeypatch.setenv("ACORN_UNTRUSTED", "1")
    return made


@pytest.mark.parametrize(
    "how", ["an absolute path", "a path that climbs", "a link as .acorn", "a link below"]
)
def test_nothing_outside_is_opened(made: Repository, tmp_path: Path, how: str, watch: _Watch) -> None:
    """Neither where acorn.yaml names it, nor where a link leads to it; it is not even listed."""
    outside = in_wal_mode(tmp_path / "outside")
    named = {"an absolute path": str(outside), "a path that climbs": "../outside/secret.db"}.get(how)
    project = PROJECT
    if named is not None:
        project = PROJECT.replace("{sandbox: {}}", f'{{sandbox: {{}}, x: {{ledger: "{named}"}}}}')
    else:
        sub = made.path / "sub"
        sub.mkdir()
        (sub / "acorn.yaml").write_text(PROJECT)
        link = sub / ".acorn" if how == "a link as .acorn" else sub / ".acorn" / "there"
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(outside.parent)
    proposed(made, project)
    watch.below, watch.touched = str(outside.parent), []
    planned = made.run("plan")
    watch.below = ""
    assert planned.code == 0 and "ROL-012" in planned.out, planned
    assert not watch.touched


def test_a_file_that_computes_without_end_is_not_opened_where_git_carries_it(made: Repository) -> None:
    """Nobody waits for it; it is named."""
    without_end(made.path / "logo.db")
    proposed(made, PROJECT.replace("{sandbox: {}}", "{sandbox: {}, x: {ledger: logo.db}}"))
    done = made.run("plan")
    assert done.code == 4 and "logo.db is tracked by git" in done.err and "git rm" in done.err


def test_one_that_git_does_not_carry_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as a ledger, so that whoever wants to write is told of it by name."""
    monkeypatch.setattr(confined, "SECONDS", 0.2)
    path = tmp_path / "logo.db"
    without_end(path)
    assert is_ledger(path)
    with pytest.raises(AcornError, match="not a usable ledger"):
        open_ledger(path).check_sound()


def applied_by_ada(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bare repository whose ledger is on a branch; from then on Mallory acts."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    first = (storefront(), owners(), sku("S-1", "20.00"))
    made = clone_of(market, tmp_path / "r", *first, policies="access: enforced")
    bare = published(tmp_path, made)
    made.apply()
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    return bare


@pytest.mark.parametrize("how", ["tracked", "through a link"])
def test_a_ledger_that_a_commit_brings_is_believed_by_nobody(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """It would say last who may give rights."""
    bare = applied_by_ada(market, tmp_path, monkeypatch)
    theirs = cloned(bare, tmp_path / "m")
    folder = theirs.path / ("docs" if how == "through a link" else "sub/.acorn")
    forge(theirs, folder)
    (theirs.path / "sub").mkdir(exist_ok=True)
    (theirs.path / "sub" / "acorn.yaml").write_text((theirs.path / "acorn.yaml").read_text())
    if how == "through a link":
        (theirs.path / "sub" / ".acorn").symlink_to("../docs")
    project = theirs.path / "acorn.yaml"
    project.write_text(project.read_text().replace("access: enforced", "budgets: {}"))
    git(theirs.path, "add", "-Af", ".")
    git(theirs.path, "commit", "-qm", "x")
    git(theirs.path, "push", "-q", "origin", "HEAD:main")
    refused = cloned(bare, tmp_path / "ci").run("apply", "--auto-approve")
    why = "sub/.acorn/logo.db is tracked by git" if how == "tracked" else "no iam.apply in amz-de"
    assert refused.code == 4 and why in refused.err, refused


def test_a_project_that_moved_leaves_its_ledger_in_its_old_place(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit chooses where acorn.yaml lies; what was applied from there before is asked all the same."""
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    first = (storefront(), owners(), sku("S-1", "20.00"))
    made = clone_of(market, tmp_path / "r", *first, policies="access: enforced")
    (made.path / ".gitignore").write_text(".acorn/\n")
    git(made.path, "init", "-q", "-b", "main")
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "first")
    made.apply()
    monkeypatch.setenv("ACORN_ACTOR", "mallory@example.com")
    (made.path / "shop").mkdir()
    git(made.path, "mv", "acorn.yaml", "specs", "shop/")
    made.path = made.path / "shop"
    project = (made.path / "acorn.yaml").read_text().replace("access: enforced", "budgets: {}")
    project = project.replace("{sandbox: {}}", "{other: {}}").replace(
        "Environment: sandbox", "Environment: other"
    )
    (made.path / "acorn.yaml").write_text(project)
    made.write(storefront(), sku("S-1", "1.00"))
    git(made.path, "add", "-A")
    git(made.path, "commit", "-qm", "moved")
    refused = made.run("apply", "--auto-approve", "--adopt")
    assert refused.code == 4 and "no listing.apply in amz-de" in refused.err, refused
    assert market.live()["amz-de/listing/S-1"]["price"]["value"] == "20.00"


@pytest.mark.parametrize(
    "other",
    [
        "localhost", "[::1]", "[0:0:0:0:0:0:0:1]", "[0::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]",
        "127.1", "0x7f000001", "api.localhost", "LOCALHOST.",
    ],
)  # fmt: skip
def test_this_machine_has_one_name(other: str) -> None:
    here = one_spelling("network", "http://127.0.0.1:81/x")
    assert one_spelling("network", f"http://{other}:81/x") == here


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("https://[2001:db8:0:0:0:0:0:1]", "https://[2001:DB8::1]:443/", True),
        ("https://[2001:db8::1]", "https://[2001:db8::2]", False),
        ("https://straße.example", "https://xn--strae-oqa.example", True),
        ("https://straße.example", "https://strasse.example", False),
        ("https://MÄRKTE.example", "https://märkte.example.", True),
        ("https://a_b.example", "https://A_B.example", True),
    ],
)
def test_a_host_is_spelled_as_it_is_asked_for(one: str, other: str, alike: bool) -> None:
    """As the HTTP client does it: IDNA 2008 keeps ß."""
    assert (one_spelling("network", one) == one_spelling("network", other)) is alike


def forge(made: Repository, folder: Path) -> None:
    """A ledger that says that Mallory may give rights, and said so last."""
    workspace = Workspace(made.path, environ=dict(os.environ))
    state = gather(workspace, workspace.load(), Wishes())
    here = state.marketplace_of("amz-de")
    state.ledger.close()
    workspace.close()
    folder.mkdir(parents=True)
    ledger = open_ledger(folder / "logo.db", write=True)
    role = {"rules": [{"resources": ["iam", "price"], "verbs": ["apply", "write", "read"]}]}
    grant = {"role": "x", "subject": {"kind": "user", "id": "mallory@example.com"}, "mfa": True}
    rows = [
        Settled(Address("amz-de", type, key), "import", "", outcome="observed", attributes=attributes)
        for type, key, attributes in (("role", "x", role), ("grant", "x:user:mallory@example.com", grant))
    ]
    about = {"owner": "test/zz", "bindings": {"amz-de": here}}
    ledger.record(rows, "2098-01-01T00:00:00Z", "ada", "", "import", about)
    ledger.close()
    for beside in folder.glob("logo.db-*"):
        beside.unlink()


@pytest.mark.parametrize("chosen", [True, False])
def test_the_ledger_of_the_environment_binds_also_who_did_not_bring_it(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: bool
) -> None:
    """A fresh clone, in which nobody chose the branch, knows of no role: the branch does."""
    bare = applied_by_ada(market, tmp_path, monkeypatch)
    if not chosen:
        monkeypatch.delenv("ACORN_LEDGER_BRANCH")
    theirs = cloned(bare, tmp_path / "m")
    project = theirs.path / "acorn.yaml"
    project.write_text(project.read_text().replace("access: enforced", "budgets: {}"))
    theirs.write(storefront(), sku("S-1", "2.00"))
    theirs.run("state", "rebuild")
    refused = theirs.run("apply", "--auto-approve")
    assert refused.code == 4 and ("iam.apply" in refused.err), refused
    assert market.prices() == {"20.00"}


def test_names_on_the_branch_may_be_in_any_alphabet(tmp_path: Path) -> None:
    """Git would write them as escapes between quotes."""
    bare, folder = tmp_path / "bare.git", tmp_path / "r"
    git(tmp_path, "init", "-q", "--bare", str(bare))
    git(tmp_path, "init", "-q", str(folder))
    git(folder, "remote", "add", "origin", str(bare))
    push(folder, "origin", "kept", {"märkte/永谷園/ledger.db.gz": b"x", "a.lease": b"y"}, "m", onto="")
    assert every(folder, "origin", "kept", ending=".gz") == [("märkte/永谷園/ledger.db.gz", b"x")]


def test_what_is_far_too_large_on_the_branch_is_not_taken_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes on the way: git packs zeros well."""
    bare, folder = tmp_path / "bare.git", tmp_path / "r"
    git(tmp_path, "init", "-q", "--bare", str(bare))
    git(tmp_path, "init", "-q", str(folder))
    git(folder, "remote", "add", "origin", str(bare))
    push(folder, "origin", "kept", {"a.db.gz": b"x", "b.db.gz": bytes(3 << 20)}, "m", onto="")
    monkeypatch.setattr(branch, "LONGEST_IN_ALL", 2 << 20)
    with pytest.raises(Refused, match="what lies on kept has 3 MiB, and 2 are read at most"):
        every(folder, "origin", "kept", ending=".gz")
    monkeypatch.setattr(branch, "LONGEST", 2 << 20)
    with pytest.raises(Refused, match=r"b\.db\.gz on kept has 3 MiB"):
        branch.fetch(folder, "origin", "kept", "b.db.gz")
    assert branch.fetch(folder, "origin", "kept", "a.db.gz").content == b"x"


def test_ledgers_of_other_stores_are_no_trouble(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are."""
    made = clone_of(
        market, tmp_path / "r", storefront(), owners(), sku("S-1", "20.00"), policies="access: enforced"
    )
    for number in range(siblings._MOST + 5):
        open_ledger(made.path / ".acorn" / f"e{number}" / "ledger.db", write=True).close()
    monkeypatch.setenv("ACORN_ACTOR", "ada@example.com")
    made.apply()


SAME = {
    "its usual port": ("https://shop.example:443/x", "https://shop.example/x"),
    "a dot at the end": ("https://shop.example./x", "https://shop.example/x"),
    "letters of another alphabet": ("https://bücher.example", "https://xn--bcher-kva.example"),
    "this machine": ("http://localhost:3000", "http://127.0.0.1:3000"),
    "this machine in short": ("http://127.1:3000", "http://127.0.0.1:3000"),
    "this machine as a number": ("http://0x7f000001:3000", "http://localhost:3000"),
    "an address in octal": ("http://010.0.0.1", "http://8.0.0.1"),
    "a way back": ("https://shop.example/a/../x/", "https://shop.example/x"),
    "who asks": ("https://me@shop.example/x", "https://shop.example/x"),
}


@pytest.mark.parametrize("name", SAME)
def test_an_address_has_one_spelling(name: str) -> None:
    """However a commit writes it."""
    one, other = SAME[name]
    assert one_spelling("network", one) == one_spelling("network", other)


@pytest.mark.parametrize(
    ("adapter", "one", "other"),
    [
        ("network", "https://shop.example", "https://shop.example.org"),
        ("network", "https://shop.example", "https://shop.example/admin-api"),
        ("network", "https://shop.example:8443", "https://shop.example"),
        ("network", "http://10.0.0.1", "http://10.0.1"),
    ],
)
def test_what_differs_stays_apart(adapter: str, one: str, other: str) -> None:
    """Another host, port or path is another marketplace; 10.0.1 is 10.0.0.1."""
    same = one_spelling(adapter, one) == one_spelling(adapter, other)
    assert same == (other == "http://10.0.1")


def test_vendure_is_where_its_client_looks_for_it() -> None:
    """With the path that it adds, or without; and another scheme may lead to the same server."""
    spelled = {one_spelling("vendure", url) for url in ("https://s.example", "https://S.example/admin-api/")}
    assert spelled == {"https://s.example/admin-api"}
    assert by_either_scheme("http://s.example/x") == ("http://s.example/x", "https://s.example/x")
    assert by_either_scheme("sandbox:") == ("sandbox:",)


@pytest.mark.parametrize("url", ["https://shop.example/x?shop=2", "https://shop.example/x#eu"])
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_an_address_has_no_further_parts(tmp_path: Path, url: str, command: str) -> None:
    """Clients append to it, and one server would have names without number. It is told where it stands."""
    made = Repository(tmp_path / "r", storefront(), sku("S-1", "20.00"))
    (made.path / "acorn.yaml").write_text(PROJECT.replace("sandbox:", url, 1))
    told = made.run(command)
    assert told.code == 4 and "without ? and #" in told.out + told.err, told
    assert "acorn.yaml:6:" in told.out + told.err


def test_a_copy_of_a_clone_is_another_one(market: Market, tmp_path: Path) -> None:
    """Whoever holds the lock of the copy knows nothing of the run that holds the lock of the original."""
    made = clone_of(market, tmp_path / "r", storefront(), sku("S-1", "20.00"))
    made.apply()
    claims: list[Claim] = []
    for folder in (made.path, made.path, tmp_path / "copy"):
        if folder != made.path:
            shutil.copytree(made.path, folder)
        workspace = Workspace(folder, environ=dict(os.environ))
        claims.append(Claim(workspace, folder / ".acorn/sandbox/ledger.db", takes=True))
        workspace.close()
    first, again, copied = claims
    lease = first.next(Lease())
    again.refuse(lease)
    with pytest.raises(Locked):
        copied.refuse(lease)


def test_a_lock_that_was_broken_too_late_is_no_trouble(tmp_path: Path) -> None:
    """The run had just ended: what this ledger says more than the branch is that alone, and may go."""
    ledger = open_ledger(tmp_path / "ledger.db", write=True)
    ledger.open_up("state.begin", "2026-11-27T09:00:00Z", "ada", {"owner": "test/sandbox"})
    before = ledger.trail()
    kept = unpacked(ledger.packed(), tmp_path / "other.db").trail()
    ledger.open_up(BROKEN, "2026-11-27T09:01:00Z", "ada", {"reason": "it hangs"})
    assert kept == before and ledger.only_intended_since(kept)
    ledger.close()


def test_a_run_that_waits_looks_whether_it_still_may(tmp_path: Path) -> None:
    """In steps, and no further once it may not; without a run nobody looks."""
    made = Repository(tmp_path / "r", storefront())
    waited: list[float] = []
    workspace = Workspace(made.path, environ=dict(os.environ), pause=waited.append)
    workspace.wait(35)
    assert waited == [35]
    answers: Callable[[], str] = iter(["", "", "lost", "lost"]).__next__
    waited.clear()
    workspace.refusing = answers
    workspace.wait(60)
    assert waited == [10, 10]
    workspace.close()


def test_vendure_is_asked_for_nothing_more_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mutations are held back, its questions are not."""
    from acorn_gitops.confine import http
    from acorn_gitops.marketplaces.vendure.client import Client
    from acorn_gitops.model.finding import MarketplaceError

    shop, sent = (
        Client("shop", "https://s.example", "long-secret-token", why_not=lambda: "lost"),
        list[bytes](),
    )

    def request(method: str, url: str, headers: object, body: bytes) -> http.Answer:
        sent.append(body)
        return http.Answer(200, {"content-type": "application/json"}, b'{"data": {"a": 1}}')

    monkeypatch.setattr(shop._http, "request", request)
    with pytest.raises(MarketplaceError, match="lost"):
        shop._ask("mutation { a }", None, "", repeatable=False)
    assert not sent
    assert shop._ask("query { a }", None, "", repeatable=True) == {"a": 1} and len(sent) == 1
    shop.close()


def test_a_lease_is_no_other_that_has_its_number(market: Market, tmp_path: Path) -> None:
    """The branch was put back, and somebody of the same name took the next number again."""
    made = clone_of(market, tmp_path / "r", storefront(), sku("S-1", "20.00"))
    made.apply()
    workspace = Workspace(made.path, environ=dict(os.environ))
    claim = Claim(workspace, made.path / ".acorn/sandbox/ledger.db", takes=True)
    workspace.close()
    mine = claim.next(Lease())
    claim.pushed(mine)
    assert claim.next(mine).number == mine.number
    for other in ({"since": "2026-11-01T00:00:00Z"}, {"where": "f" * 32}):
        with pytest.raises(Stale, match="took over"):
            claim.next(mine._replace(**other))


def test_a_ledger_is_checked_as_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes when its rows were read, and what vouches for them was not yet."""
    writer = open_ledger(tmp_path / "ledger.db", write=True)
    row = Settled(Address("s", "listing", "A"), "import", "", outcome="observed", attributes={"sku": "A"})
    writer.record([row], "2026-11-27T09:00:00Z", "ada", "", "import", {"owner": "test/sandbox"})
    reader = open_ledger(tmp_path / "ledger.db")
    honest = SqliteLedger._vouched

    def vouched(self: SqliteLedger, store: str, rows: Sequence[Any]) -> bool:
        other = row._replace(address=Address("s", "listing", "B"), attributes={"sku": "B"})
        writer.record([other], "2026-11-27T09:01:00Z", "ada", "", "import", {"owner": "test/sandbox"})
        return honest(self, store, rows)

    monkeypatch.setattr(SqliteLedger, "_vouched", vouched)
    reader.check_sound()
    reader.close()
    writer.close()


def test_the_ledger_of_another_project_is_in_use(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may push to the branch does not take it from them."""
    monkeypatch.setenv("ACORN_LEDGER_BRANCH", "acorn-ledger")
    made = clone_of(market, tmp_path / "r", storefront(), sku("S-1", "20.00"))
    (made.path / "shop").mkdir()
    (made.path / "shop" / "acorn.yaml").write_text(PROJECT)
    published(tmp_path, made)
    made.apply()
    refused = made.run("state", "retire", "shop/sandbox/ledger.db.gz")
    assert refused.code == 64 and "is the ledger of sandbox of the project in shop" in refused.err, refused
