"""The network adapter against the sandbox, in this process and over real HTTP: the same table for both ways."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from acorn_gitops.marketplaces.network import adapter as adapter_module
from acorn_gitops.marketplaces.network.adapter import ATTEMPTS, NetworkMarketplace
from acorn_gitops.marketplaces.network.http import HttpTransport
from acorn_gitops.marketplaces.network.transport import InProcess, NoAnswer, Response, Transport
from acorn_gitops.marketplaces.protocol import Outcome, Scope, Settings, Write
from acorn_gitops.model.finding import Incomplete, MarketplaceError, Unreachable
from acorn_gitops.model.resource import Address
from acorn_gitops.sandbox.app import Sandbox
from acorn_gitops.sandbox.database import Database
from tests.faults import ROOT, served, small
from tests.repository import PROJECT, changes

TOKEN = "t0ken-of-the-test"
STORE = "amz-de"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused connections are tried again at once."""
    monkeypatch.setattr("acorn_gitops.confine.retry.FIRST", 0.0)


@pytest.fixture
def database() -> Iterator[Database]:
    """An empty sandbox."""
    made = Database(None)
    yield made
    made.close()


@pytest.fixture(params=["in this process", "over HTTP"])
def transport(request: pytest.FixtureRequest, database: Database) -> Iterator[Transport]:
    """A way to that sandbox."""
    if request.param == "in this process":
        yield InProcess(Sandbox(database))
        return
    with served(database, TOKEN) as url:
        made = HttpTransport(url, TOKEN)
        yield made
        made.close()


class Waits(list[float]):
    """What would have been waited."""


@pytest.fixture
def waits() -> Waits:
    """Nobody waits."""
    return Waits()


@pytest.fixture
def market(transport: Transport, waits: Waits) -> NetworkMarketplace:
    """The adapter, with a storefront that holds 20 listings."""
    made = NetworkMarketplace(Settings("main", "network", "", TOKEN, {}), transport, waits.append)
    rows = [write("create", "storefront", STORE, platform="network", currency="EUR")]
    rows += [
        write("create", "listing", f"SKU-{n:02}", sku=f"SKU-{n:02}", price=euros("9.90")) for n in range(20)
    ]
    assert {o.status for o in made.write(STORE, rows)} == {"observed"}
    return made


def euros(value: str) -> dict[str, str]:
    """An amount."""
    return {"currency": "EUR", "value": value}


def write(operation: Any, type: str, key: str, etag: str = "", once: str = "", **attributes: Any) -> Write:
    """One write, under a key of its own unless one is given."""
    return Write(operation, Address(STORE, type, key), attributes, etag, once or f"{operation}-{type}-{key}")


def one(market: NetworkMarketplace, row: Write) -> Outcome:
    """Send one row."""
    (outcome,) = market.write(STORE, [row])
    return outcome


# -- reading and writing -----------------------------------------------------------------------------------


def test_what_was_written_is_read_with_version_and_id(market: NetworkMarketplace) -> None:
    """A snapshot holds every resource with its attributes, its version and the marketplace's id."""
    snapshot = market.read(Scope(STORE))
    assert snapshot.exists
    assert len(snapshot.resources) == 21
    assert all(live.etag and live.remote_id for live in snapshot.resources.values())
    assert snapshot.resources[("listing", "SKU-07")].attributes == {"sku": "SKU-07", "price": euros("9.90")}
    assert market.stores() == [STORE]


@pytest.mark.parametrize("key", ["a/b", "ü€永", "a b+c%20", "?x=1&y#z", "..", "x" * 400])
def test_any_key_travels_unharmed(key: str, market: NetworkMarketplace) -> None:
    """Slashes, blanks and other letters in a key arrive as they are."""
    assert one(market, write("create", "listing", key, sku="A", once="odd")).status == "observed"
    assert ("listing", key) in market.read(Scope(STORE)).resources


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_a_write_on_an_old_version_is_a_conflict(operation: str, market: NetworkMarketplace) -> None:
    """Somebody was faster: conflict, and what they wrote stays."""
    old = market.read(Scope(STORE)).resources[("listing", "SKU-03")].etag
    assert one(market, write("update", "listing", "SKU-03", old, status="inactive")).status == "observed"
    late = one(market, write(operation, "listing", "SKU-03", old, "late", status="active"))
    assert late.status == "conflict"
    assert late.message
    assert market.read(Scope(STORE)).resources[("listing", "SKU-03")].attributes["status"] == "inactive"


def test_one_key_has_one_effect(market: NetworkMarketplace, database: Database) -> None:
    """The same write under the same key is answered as before and done once; another write under it is a conflict and
    is not done."""
    first = one(market, write("create", "listing", "NEW", once="k", sku="NEW"))
    revision = database.revision()
    assert one(market, write("create", "listing", "NEW", once="k", sku="NEW")) == first
    assert one(market, write("create", "listing", "NEW", once="k", sku="OTHER")).status == "conflict"
    assert one(market, write("delete", "listing", "SKU-01", once="k")).status == "conflict"
    assert database.revision() == revision


def test_a_refused_write_may_be_sent_again_under_its_key(market: NetworkMarketplace) -> None:
    """A refusal is not remembered: when its cause is mended the same write is done."""
    row = write("create", "listing", "NEW", once="k", sku="NEW", taxClass="standard")
    assert one(market, row).status == "rejected"
    assert one(market, write("create", "tax-class", "standard", name="standard")).status == "observed"
    assert one(market, row).status == "observed"


def test_many_rows_are_sent_in_batches_and_answered_in_order(
    market: NetworkMarketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than a batch holds: an answer for each, in order, the bad one alone refused."""
    monkeypatch.setattr(adapter_module, "BATCH", 7)
    rows = [write("create", "listing", f"N-{n:02}", sku=f"N-{n:02}") for n in range(20)]
    rows[9] = write("update", "listing", "NOWHERE", status="active")
    outcomes = market.write(STORE, rows)
    assert [o.address for o in outcomes] == [r.address for r in rows]
    assert [o.status for o in outcomes] == ["rejected" if n == 9 else "observed" for n in range(20)]


def test_when_a_batch_is_not_answered_later_ones_are_not_sent(
    market: NetworkMarketplace, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first batch is done, the second not known, the third not tried; one outcome for each row."""
    monkeypatch.setattr(adapter_module, "BATCH", 2)
    rows = [write("create", "listing", f"N-{n}", sku=f"N-{n}") for n in range(6)]
    original = adapter_module._outcomes

    def then_storm(part: Any, page: Any) -> Any:
        database.add_fault("fail", "POST *", 100, {})
        return original(part, page)

    monkeypatch.setattr(adapter_module, "_outcomes", then_storm)
    found = [o.status for o in market.write(STORE, rows)]
    assert found == ["observed"] * 2 + ["unknown"] * 2 + ["skipped"] * 2


# -- pages, versions ---------------------------------------------------------------------------------------


class Busy:
    """A way to the marketplace on which somebody else writes before each further page."""

    def __init__(self, inner: Transport, act: Callable[[int], None]) -> None:
        self._inner, self._act = inner, act
        self.pages = 0

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Pass it on."""
        if method == "GET":
            if "cursor" in path:
                self._act(self.pages)
            self.pages += 1
        return self._inner.request(method, path, headers, body)

    def close(self) -> None:
        """Nothing is held."""


def test_pages_are_of_one_moment_however_much_is_written(
    market: NetworkMarketplace, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the pages are fetched others create, change and delete: the snapshot is the store as it was at the first
    page, whole; the next one shows what came after."""
    monkeypatch.setattr(adapter_module, "PAGE", 4)
    start = market.read(Scope(STORE))

    def meanwhile(page: int) -> None:
        rows = [
            write("create", "listing", f"AAA-{page}", sku="X", once=f"a{page}"),
            write("update", "listing", f"SKU-{page:02}", status="inactive", once=f"u{page}"),
            write("delete", "listing", f"SKU-{19 - page}", once=f"d{page}"),
        ]
        assert {o.status for o in market.write(STORE, rows)} == {"observed"}

    busy = Busy(transport, meanwhile)
    seen = NetworkMarketplace(Settings("main", "network", "", TOKEN, {}), busy).read(Scope(STORE))
    assert busy.pages == 6
    assert seen.resources == start.resources
    assert seen.version == start.version
    assert market.read(Scope(STORE)).resources != start.resources


@pytest.mark.parametrize("size", [1, 3, 20, 21, 22, 5000])
def test_every_page_size_gives_the_same(
    size: int, market: NetworkMarketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that just fit, just do not, or hold one row."""
    whole = market.read(Scope(STORE))
    monkeypatch.setattr(adapter_module, "PAGE", size)
    assert market.read(Scope(STORE)) == whole


def test_a_known_version_is_not_read_again(market: NetworkMarketplace, database: Database) -> None:
    """304: unchanged and empty; after any write it is read, with another version."""
    first = market.read(Scope(STORE))
    same = market.read(Scope(STORE, first.version))
    assert (same.exists, same.unchanged, same.version, dict(same.resources)) == (
        True,
        True,
        first.version,
        {},
    )
    assert one(market, write("update", "listing", "SKU-00", status="inactive")).status == "observed"
    other = market.read(Scope(STORE, first.version))
    assert not other.unchanged
    assert other.version != first.version
    assert len(other.resources) == 21


# -- wrong answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "times", "error"),
    [
        ("fail", ATTEMPTS - 1, None),
        ("throttle", ATTEMPTS - 1, None),
        ("html", ATTEMPTS - 1, None),
        ("lost", ATTEMPTS - 1, None),
        ("fail", ATTEMPTS, Unreachable),
        ("throttle", ATTEMPTS, Unreachable),
        ("html", ATTEMPTS, Unreachable),
        ("lost", ATTEMPTS, Unreachable),
        ("truncate", 1, Incomplete),
        ("skip", 1, Incomplete),
    ],
)
def test_a_read_is_whole_or_an_error(
    kind: str, times: int, error: type[Exception] | None, market: NetworkMarketplace, database: Database
) -> None:
    """A few bad answers are outlived; more of them, or a page that does not add up, is an error and never a part."""
    database.add_fault(kind, "GET *", times, {"seconds": 1})
    if error is None:
        assert len(market.read(Scope(STORE)).resources) == 21
    else:
        with pytest.raises(error):
            market.read(Scope(STORE))
    assert not database.faults()


@pytest.mark.parametrize("kind", ["fail", "throttle", "html", "lost"])
def test_a_write_is_repeated_under_its_key(
    kind: str, market: NetworkMarketplace, database: Database, waits: Waits
) -> None:
    """A bad answer to a batch: sent again, waited between as asked, done once."""
    database.add_fault(kind, "POST *", 2, {"seconds": 9})
    before = database.revision()
    assert one(market, write("create", "listing", "NEW", sku="NEW")).status == "observed"
    assert database.revision() == before + 1
    assert len(waits) == 2
    assert (waits == [9.0, 9.0]) == (kind == "throttle")


def test_a_lost_answer_is_no_answer(database: Database, transport: Transport) -> None:
    """The sandbox was told to lose its answer: the connection ends without one, on either way."""
    database.add_fault("lost", "GET *", 1, {})
    with pytest.raises(NoAnswer):
        transport.request("GET", "/v1/stores", {})


class Says:
    """A marketplace that answers what it is told to."""

    def __init__(self, *answers: Any, status: int = 200, **headers: str) -> None:
        self.answers = [a if isinstance(a, bytes) else orjson.dumps(a) for a in answers]
        self.status = status
        self.headers = {
            "content-type": "application/json",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """The next answer; the last one for ever."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Response(self.status, self.headers, answer)

    def close(self) -> None:
        """Nothing is held."""


def _page(**more: Any) -> dict[str, Any]:
    item = {"type": "listing", "key": "A", "etag": "1", "attributes": {"sku": "A"}}
    return {"items": [item], "total": 1, "snapshot": "s", "next": None, **more}


def _asked(says: Says) -> NetworkMarketplace:
    return NetworkMarketplace(Settings("main", "network", "", TOKEN, {}), says, lambda _: None)


TWICE = _page()["items"] * 2

NONSENSE: dict[str, tuple[Any, ...]] = {
    "nothing": (b"",),
    "null": (None,),
    "a list": ([],),
    "a text": ("hello",),
    "no items": ({"total": 0, "next": None, "snapshot": "s"},),
    "items that are none": (_page(items=None),),
    "items of text": (_page(items=["x"]),),
    "an item without a version": (_page(items=[{"type": "listing", "key": "A", "attributes": {}}]),),
    "attributes that are none": (
        _page(items=[{"type": "listing", "key": "A", "etag": "1", "attributes": None}]),
    ),
    "a key that is a list": (_page(items=[{"type": "listing", "key": [1], "etag": "1", "attributes": {}}]),),
    "fewer than announced": (_page(total=2),),
    "more than announced": (_page(total=0),),
    "a total of text": (_page(total="1"),),
    "one resource twice": (_page(items=TWICE, total=2),),
    "one resource twice, announced once": (_page(items=TWICE, total=1),),
    "a cursor that is a number": (_page(next=5),),
    "a page for ever": (_page(next="x", total=9),),
    "another moment": (_page(next="x", total=2), _page(snapshot="t", total=2)),
    "another total": (_page(next="x", total=2), _page(total=1)),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_an_error_of_the_marketplace(what: str) -> None:
    """Whatever a marketplace answers, reading raises a MarketplaceError or returns a whole store; nothing else."""
    with pytest.raises(MarketplaceError):
        _asked(Says(*NONSENSE[what])).read(Scope(STORE))


@pytest.mark.parametrize("answer", [b"", None, [], {}, {"stores": None}, {"stores": [{}]}, {"stores": ["x"]}])
def test_nonsense_for_a_list_of_stores_is_an_error_of_the_marketplace(answer: Any) -> None:
    """The same for the list of stores."""
    with pytest.raises(MarketplaceError):
        _asked(Says(answer)).stores()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        None,
        [],
        {},
        {"items": []},
        {"items": [{}, {}]},
        {"items": [None]},
        {"items": ["x"]},
        {"items": [{}]},
        {"items": [{"status": None}]},
        {"items": [{"status": "done"}]},
        {"items": [{"status": 700}]},
        {"items": [{"status": 422, "problem": "no"}]},
    ],
    ids=repr,
)
def test_nonsense_for_a_write_is_not_known(answer: Any) -> None:
    """Whatever is answered to a write: an outcome for each row that is not success, or a MarketplaceError."""
    try:
        outcomes = _asked(Says(answer)).write(STORE, [write("create", "listing", "A", sku="A")])
    except MarketplaceError:
        return
    assert [o.status in ("unknown", "rejected") for o in outcomes] == [True]


@pytest.mark.parametrize(
    ("value", "waited"),
    [("3", 3.0), ("0", 0.0), ("99999", 60.0), ("-5", 0.0), ("soon", 0.25), ("nan", 0.25), ("1e400", 60.0)],
)
def test_retry_after_is_followed_within_reason(
    value: str, waited: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it says, never longer than a minute; what is no number is left out."""
    monkeypatch.setattr("acorn_gitops.confine.retry.FIRST", 0.25)
    monkeypatch.setattr("acorn_gitops.confine.retry.JITTER", 0.0)
    said: list[float] = []
    market = NetworkMarketplace(
        Settings("main", "network", "", "", {}), Says({}, status=429, retry_after=value), said.append
    )
    with pytest.raises(Unreachable):
        market.read(Scope(STORE))
    assert said[0] == waited


def test_a_type_of_tomorrow_does_not_spoil_a_plan(tmp_path: Path) -> None:
    """A marketplace that holds resources of a type that we do not know: shown as not ours; a saved plan is applied."""
    made = small(tmp_path / "r")
    (made.path / "acorn.yaml").write_text(PROJECT)
    with_more = Database(made.path / ".acorn" / "sandbox.db")
    with with_more.transaction() as db:
        revision = with_more.next_revision(db, STORE)
        with_more.put(db, revision, STORE, "warranty", "two-years", {"years": 2}, "w1")
    with_more.close()
    specs = made.path / "specs" / "all.yaml"
    specs.write_text(specs.read_text().replace("15.90", "14.90"))
    assert made.run("plan", "--out", "p.json").code == 0
    result = made.run("apply", "p.json")
    assert result.code == 0, result.err
    assert changes(made.plan()) == []
    result = made.run("export", "out")
    assert result.code == 0 and "knows no such type" in result.err
    assert made.run("import", "--dry-run").code == 0


# -- tokens, connections, a server that dies ---------------------------------------------------------------


@pytest.mark.parametrize("token", ["wrong-s3cret", ""])
def test_a_wrong_token_is_said_without_the_token(token: str, database: Database) -> None:
    """401: which connection, and where to look; never the token, its own or the right one."""
    with served(database, TOKEN) as url:
        transport = HttpTransport(url, token)
        market = NetworkMarketplace(Settings("main", "network", url, token, {}), transport)
        with pytest.raises(MarketplaceError) as caught:
            market.read(Scope(STORE))
        outcomes = market.write(STORE, [write("create", "storefront", STORE, platform="x", currency="EUR")])
        transport.close()
    said = f"{caught.value.message} {caught.value.hint} {outcomes}"
    assert "main: 401" in said
    assert "token" in caught.value.hint
    assert TOKEN not in said
    assert not token or token not in said
    assert outcomes[0].status == "rejected"
    assert database.stores() == []


@pytest.mark.parametrize(
    "token", ["t0ken-canary\n", "t0ken-canary\r\nX-More: 1", "t0ken-canary-ü", "t0ken canary"]
)
def test_a_token_that_cannot_be_sent_is_an_error_without_the_token(token: str, database: Database) -> None:
    """A line end or a letter that no header can carry: an error of its own kind, and the token is not in it."""
    with served(database, TOKEN) as url, pytest.raises(Exception) as caught:
        market = NetworkMarketplace(Settings("main", "network", url, token, {}), HttpTransport(url, token))
        market.read(Scope(STORE))
    assert "canary" not in str(caught.value)
    assert isinstance(caught.value, MarketplaceError)


def test_a_refused_connection_is_unreachable() -> None:
    """Nobody listens: Unreachable for a read, not known for a write; bounded, and no other exception."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        transport = HttpTransport(f"http://127.0.0.1:{taken.getsockname()[1]}", TOKEN)
        market = NetworkMarketplace(Settings("main", "network", "", TOKEN, {}), transport)
        with pytest.raises(Unreachable) as caught:
            market.read(Scope(STORE))
        assert TOKEN not in caught.value.message
        assert one(market, write("create", "listing", "A", sku="A")).status == "unknown"
        transport.close()


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process that the test may kill, with its url."""
    script = (
        "import sys, uvicorn\n"
        "from acorn_gitops.sandbox.app import Sandbox\n"
        "from acorn_gitops.sandbox.database import Database\n"
        "from pathlib import Path\n"
        "class Server(uvicorn.Server):\n"
        "    async def startup(self, sockets=None):\n"
        "        await super().startup(sockets)\n"
        "        print(self.servers[0].sockets[0].getsockname()[1], flush=True)\n"
        f"Server(uvicorn.Config(Sandbox(Database(Path(sys.argv[1])), {TOKEN!r}), port=0, log_level='critical')).run()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "doomed.db")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def test_a_server_that_is_killed_in_the_middle_leaves_no_guess(
    doomed: tuple[subprocess.Popen[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two batches: the first is done, the second not known, later ones not tried; killed between two
    pages: an error and no part."""
    process, url = doomed
    transport = HttpTransport(url, TOKEN)
    market = NetworkMarketplace(Settings("main", "network", url, TOKEN, {}), transport)
    front = write("create", "storefront", STORE, platform="network", currency="EUR")
    assert one(market, front).status == "observed"
    monkeypatch.setattr(adapter_module, "BATCH", 2)
    original = adapter_module._outcomes

    def then_killed(part: Any, page: Any) -> Any:
        process.kill()
        process.wait(10)
        return original(part, page)

    monkeypatch.setattr(adapter_module, "_outcomes", then_killed)
    rows = [write("create", "listing", f"N-{n}", sku=f"N-{n}") for n in range(6)]
    assert [o.status for o in market.write(STORE, rows)] == ["observed"] * 2 + ["unknown"] * 2 + [
        "skipped"
    ] * 2
    with pytest.raises(Unreachable):
        market.read(Scope(STORE))
    transport.close()


def test_a_server_that_is_killed_between_two_pages_is_an_error(
    doomed: tuple[subprocess.Popen[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first page came, the second never: Unreachable, and nothing is returned."""
    process, url = doomed
    transport = HttpTransport(url, TOKEN)
    market = NetworkMarketplace(Settings("main", "network", url, TOKEN, {}), transport)
    rows = [write("create", "storefront", STORE, platform="network", currency="EUR")]
    rows += [write("create", "listing", f"N-{n}", sku=f"N-{n}") for n in range(6)]
    market.write(STORE, rows)
    monkeypatch.setattr(adapter_module, "PAGE", 3)

    def killed(page: int) -> None:
        process.kill()  # nothing happens when it is dead already
        process.wait(10)

    busy = Busy(transport, killed)
    with pytest.raises(Unreachable):
        NetworkMarketplace(Settings("main", "network", url, TOKEN, {}), busy).read(Scope(STORE))
    transport.close()
