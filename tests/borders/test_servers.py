"""A server that lies is that store's error. Nothing is believed that was not asked for; what it sends has limits of size, ratio,
pages, depth and time; what it says cannot move a cursor, mention a person or repeat a secret; and the other stores go on."""

from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acorn_gitops.confine import http
from tests.borders.clone import connected
from tests.borders.server import STOREFRONT, Exchange, Server, listing, page
from tests.repository import Repository, Result, sku, storefront

TOKEN = "CANARY-token-7f3a"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ESCAPE = "\x1b[2J\x1b]0;pwned\x07\u202e"


@pytest.fixture
def made(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose one store lies with the server; its token is trusted."""
    monkeypatch.setenv("ACORN_TOKEN", TOKEN)
    repository = Repository(tmp_path / "r", storefront(), sku())
    (repository.path / "acorn.yaml").write_text(connected(server.url, "env:ACORN_TOKEN"))
    repository.trust()
    return repository


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without waiting: how long they wait is another test's business."""
    monkeypatch.setattr("acorn_gitops.marketplaces.network.adapter.MAX_PAUSE", 0.0)


def told(result: Result) -> str:
    """All that was said, harmless and without the token."""
    said = result.out + result.err
    assert "internal error" not in said
    assert "Traceback" not in said
    assert TOKEN not in said
    assert not CONTROL.search(said), said
    return said


def unread(made: Repository, behave: Callable[[Exchange], None], server: Server) -> str:
    """Every reader tells the store as unread, and exits with 1."""
    server.behave = behave
    for arguments in (
        ("plan",),
        ("drift", "--detailed-exitcode"),
        ("plan", "-o", "markdown"),
        ("apply", "--auto-approve"),
    ):
        result = made.run(*arguments)
        said = told(result)
        assert result.code == 1, (arguments, result)
    return said


def always(
    content: Any, status: int = 200, kind: str = "application/json", **headers: str
) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.answer(content, status, kind, **headers)


# -- what was not asked for ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [201, 202, 203, 204, 205, 206, 226, 301, 302, 303, 304, 307, 308])
def test_only_the_answer_that_was_asked_for_is_believed(
    status: int, made: Repository, server: Server
) -> None:
    """A page under any other status than 200 is no page: a cache's 304, a redirection with JSON, an empty success."""
    content = page(STOREFRONT, listing()) if status not in (204, 205, 304) else b""
    unread(made, always(content, status, Location="http://localhost:1/steal"), server)


def test_a_redirection_is_not_followed(made: Repository, server: Server) -> None:
    """The token goes to the one host that it is for."""
    with Server() as other:
        for status in (301, 302, 303, 307, 308):
            unread(made, always(b"", status, Location=f"{other.url}/steal"), server)
        assert other.asked == []


def test_a_304_that_nobody_asked_for_says_nothing(made: Repository, server: Server) -> None:
    """Neither `no drift`, nor an empty export, nor a recorded ledger, nor a deletion that was `seen`."""
    rows = page(STOREFRONT, listing())
    server.behave = always(rows)
    assert made.run("apply", "--auto-approve", "--adopt").code == 0
    server.behave = always(b"", 304)
    for arguments in (
        ("drift", "--detailed-exitcode"), ("plan", "--refresh"), ("apply", "--auto-approve"), ("import", "--dry-run"),
        ("export", "out"), ("state", "rebuild"),
    ):  # fmt: skip
        assert made.run(*arguments).code == 1, arguments
    made.write(storefront())
    asked = [0]

    def accepts(exchange: Exchange) -> None:
        asked[0] += 1
        if exchange.asked.method == "POST":
            exchange.answer({"items": [{"status": 202} for _ in json.loads(exchange.asked.body)["items"]]})
        elif asked[0] > 4:
            exchange.answer(b"", 304)
        else:
            exchange.answer(rows)

    server.behave = accepts
    result = made.run("apply", "--auto-approve", "--wait", "1")
    assert result.code == 3, result
    assert "accepted, not seen yet" in told(result)


def test_done_is_what_is_seen(made: Repository, server: Server) -> None:
    """A server that answers 201 to everything and does nothing: accepted, not seen; exit 3, and the ledger knows no success."""

    def liar(exchange: Exchange) -> None:
        if exchange.asked.method == "POST":
            count = len(json.loads(exchange.asked.body)["items"])
            exchange.answer({"items": [{"status": 201, "etag": "x", "id": "y"}] * count})
        else:
            exchange.answer(page(STOREFRONT))

    server.behave = liar
    result = made.run("apply", "--auto-approve", "--wait", "0")
    assert result.code == 3, result
    assert "does not show it" in told(result)
    assert "listing" not in made.run("state", "list").out


def test_a_write_answered_by_a_redirection_is_not_known(made: Repository, server: Server) -> None:
    """Rows that say 200 under a 302 are a page of somebody else's."""

    def behave(exchange: Exchange) -> None:
        if exchange.asked.method == "POST":
            exchange.answer({"items": [{"status": 200}]}, 302, Location="/login")
        else:
            exchange.answer(page(STOREFRONT))

    server.behave = behave
    result = made.run("apply", "--auto-approve", "--wait", "0")
    assert result.code == 3, result
    assert "no answer" in told(result)


# -- forms ---------------------------------------------------------------------------------------------------

NONSENSE: dict[str, Any] = {
    "nothing": None, "a list": [], "a text": "x", "a number": 5,
    "items are none": page() | {"items": None}, "items are a map": page() | {"items": {"a": 1}}, "items are text": page() | {"items": "ab"},
    "an item is none": page(None), "an item is text": page("x"),
    "total is a fraction": page() | {"total": 0.0}, "total is true": page(listing()) | {"total": True}, "total is below zero": page() | {"total": -1},
    "total is without end": b'{"items":[],"total":99999999999999999999999999,"snapshot":"1","next":null}',
    "total is a promise": page(listing()) | {"total": 10**9},
    "next is a number": page() | {"next": 5}, "next is empty": page() | {"next": ""}, "snapshot is a list": page() | {"snapshot": [1]},
    "twice the same": page(listing(), listing()), "type is a number": page(listing() | {"type": 5}),
    "a key of two lines": page(listing() | {"key": "A\n" + ESCAPE}), "no key": page(listing() | {"key": ""}), "a key without end": page(listing() | {"key": "k" * 10**6}),
    "attributes are a list": page(listing() | {"attributes": []}), "id is none": page(listing() | {"id": None}), "a version without end": page(listing() | {"etag": "e" * 10**6}),
    "half a character": b'{"items":[{"type":"listing","key":"\\ud800","id":"x","etag":"e","attributes":{}}],"total":1,"snapshot":"1","next":null}',
    "not UTF-8": b'{"items":[],"total":0,"snapshot":"\xe9","next":null}',
    "brackets without end": b'{"items":' + b"[" * 200_000 + b"]" * 200_000 + b',"total":0,"snapshot":"1","next":null}',
    "a deep attribute": b'{"items":[{"type":"listing","key":"A","id":"x","etag":"e","attributes":{"title":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b'}}],"total":1,"snapshot":"1","next":null}',
    "not a number": b'{"items":[{"type":"listing","key":"A","id":"x","etag":"e","attributes":{"price":NaN}}],"total":1,"snapshot":"1","next":null}',
    "cut off": b'{"items":[', "an error page": b"<html>", "nothing at all": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", NONSENSE)
def test_an_answer_without_sense_is_that_stores_error(name: str, made: Repository, server: Server) -> None:
    """Whatever its form: no internal error, nothing concluded, nothing written."""
    unread(made, always(NONSENSE[name]), server)
    assert not [one for one in server.asked if one.method == "POST"]


NO_AMOUNT: list[Any] = [
    "", " ", "NaN", "Infinity", "-Infinity", "sNaN", "1e999999", "1e-999999", "9e9999999999", "9" * 200_000, "1_0", "١٠", "１０.00", "0x10",
    "1,00", "+1", "1.", ".5", "1" + ESCAPE, 10.0, 10, None, True, [1], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("value", ["NAN", "INF", "ABC", ""])
def test_compact_answers_are_looked_at_as_well(value: str, made: Repository, server: Server) -> None:
    """Without a space between name and value, as most servers write."""
    rows = page(STOREFRONT, listing(price={"currency": "EUR", "value": value}))
    unread(made, always(json.dumps(rows, separators=(",", ":")).encode()), server)


@pytest.mark.parametrize("depth", [20, 300, 900])
def test_a_secret_is_taken_out_at_any_depth(depth: int, made: Repository, server: Server) -> None:
    """Also of an answer that is nested deeper than it could be spelt anew."""
    spelt = "".join(f"\\u{ord(c):04x}" for c in TOKEN)
    body = f'{{"title":"bad","detail":"got {spelt}","x":{"[" * depth}{"]" * depth}}}'.encode()
    unread(made, always(body, 400, "application/problem+json"), server)


@pytest.mark.parametrize("value", NO_AMOUNT, ids=lambda v: ascii(v)[:20])
@pytest.mark.parametrize("attribute", ["price", "minPrice"])
def test_a_price_that_is_none_never_reaches_arithmetic(
    attribute: str, value: Any, made: Repository, server: Server
) -> None:
    """It is named with its listing, and the store is unread."""
    said = unread(
        made, always(page(STOREFRONT, listing(**{attribute: {"currency": "EUR", "value": value}}))), server
    )
    assert "KTL-17-BLK" in said


@pytest.mark.parametrize(
    "currency", [5, None, "", "eur", "EURO", ESCAPE, ["EUR"]], ids=lambda v: ascii(v)[:20]
)
def test_a_currency_that_is_none_never_reaches_arithmetic(
    currency: Any, made: Repository, server: Server
) -> None:
    """As amounts."""
    unread(made, always(page(STOREFRONT, listing(price={"currency": currency, "value": "9.00"}))), server)


@pytest.mark.parametrize("value", ["10.00", 10, [1], None, True, {"a": {"b": [1]}}, 1e308], ids=str)
def test_an_odd_value_is_a_difference(value: Any, made: Repository, server: Server) -> None:
    """What can be shown and written over is no reason to stop."""
    server.behave = always(page(STOREFRONT, listing(title=value, price=value)))
    result = made.run("plan", "--adopt")
    assert result.code == 0, result
    told(result)


ROLE = {"type": "role", "key": "r", "id": "7", "etag": "e"}
MISSHAPEN: list[dict[str, Any]] = [
    *({**ROLE, "attributes": {"rules": rules}} for rules in ([1], 7, ["x"], "abc", {"a": 1}, [[]], [{"resources": "ab"}])),
    {**ROLE, "attributes": {"rules": [{"resources": [1], "verbs": ["read"]}]}},
    {**ROLE, "attributes": {"rules": [{"resources": ["price"], "verbs": ["read"], "constraints": [1]}]}},
    {**ROLE, "attributes": {"validUntil": 5}},
    {**ROLE, "type": "grant", "attributes": {"role": ["r"], "subject": {"kind": "user", "id": "a@b.c"}}},
    {**ROLE, "type": "grant", "attributes": {"role": "r", "subject": "me"}},
    {**ROLE, "type": "grant", "attributes": {"role": "r", "subject": {"kind": 1, "id": []}}},
    {**ROLE, "type": "promotion", "attributes": {"type": "percentOff", "skus": 5, "discount": {"percent": "5"}}},
    {**ROLE, "type": "promotion", "attributes": {"type": "percentOff", "skus": [{}], "start": 5, "end": None}},
    {**ROLE, "type": "promotion", "attributes": {"discount": "half", "limits": [], "minimumOrder": "5"}},
    {**ROLE, "type": "tax-rule", "attributes": {"goods": ["x"], "rate": 5, "taxes": {"a": 1}}},
]  # fmt: skip


@pytest.mark.parametrize("row", MISSHAPEN, ids=lambda row: json.dumps(row["attributes"])[:50])
def test_what_is_taken_apart_has_its_shape(row: dict[str, Any], made: Repository, server: Server) -> None:
    """Of rights, promotions and tax rules: where a list should be, there is one, or the store is unread."""
    unread(made, always(page(STOREFRONT, row)), server)


# -- limits --------------------------------------------------------------------------------------------------


def test_pages_come_to_an_end(made: Repository, server: Server) -> None:
    """Empty pages, full pages, cursors that go round, more rows than were announced: a few requests, and no more."""
    turn = [0]

    def endless(items: Callable[[int], list[Any]], total: int) -> Callable[[Exchange], None]:
        def behave(exchange: Exchange) -> None:
            turn[0] += 1
            content = items(turn[0])
            exchange.answer({"items": content, "total": total, "snapshot": "1", "next": f"c{turn[0]}"})

        return behave

    for behave in (
        endless(lambda n: [], 5),
        endless(lambda n: [listing(f"K{n}-{i}") for i in range(200)], 5),
        endless(lambda n: [listing(f"K{n}")], 10**9),
    ):
        server.asked.clear()
        unread(made, behave, server)
        assert len(server.asked) < 40


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_what_unpacks_without_end_is_not_unpacked(kind: str, made: Repository, server: Server) -> None:
    """A bomb of a gigabyte costs neither memory nor time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if kind == "gzip" else 15)
    block = b" " * (1 << 20)
    bomb = b"".join(packer.compress(block) for _ in range(1024)) + packer.flush()
    began = time.monotonic()
    assert "does not come to an end" in " ".join(
        unread(made, always(bomb, Content_Encoding=kind), server).split()
    )
    assert time.monotonic() - began < 20


def test_an_honest_packed_answer_is_read(made: Repository, server: Server) -> None:
    """Ratios that JSON really has are no bomb."""
    rows = [listing(f"SKU-{n}") for n in range(3000)]
    content = gzip.compress(json.dumps(page(STOREFRONT, *rows)).encode())
    server.behave = always(content, Content_Encoding="gzip")
    assert made.run("plan").code == 0


def test_an_answer_has_a_size(made: Repository, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told from the length on, whatever is promised."""
    monkeypatch.setattr(http, "BODY", 1 << 20)
    unread(made, always(b" " * (2 << 20)), server)


@pytest.mark.parametrize(
    "drip", [b" ", b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n"], ids=["a body", "early hints"]
)
def test_an_answer_has_an_end(
    drip: bytes, made: Repository, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, or hint for hint: cut off, and not asked for again."""
    monkeypatch.setattr(http, "GRACE", 0.3)

    def behave(exchange: Exchange) -> None:
        if drip == b" ":
            exchange.raw(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n"
            )
        for _ in range(200):
            exchange.raw(drip)
            time.sleep(0.05)

    server.behave = behave
    began = time.monotonic()
    result = made.run("plan")
    assert result.code == 1
    told(result)
    assert time.monotonic() - began < 8
    assert len(server.asked) == 1


def test_headers_have_a_size(made: Repository, server: Server) -> None:
    """Neither their number nor their length takes memory; a version that no header can carry is not sent back."""
    unread(made, always(page(), **{f"x{n}": "y" * 50 for n in range(5000)}), server)
    for version in ('"\xe9\xfc"', '"' + "x" * 50_000 + '"', '"a"b"'):
        server.behave = always(page(STOREFRONT, listing()), ETag=version)
        assert made.run("plan").code == 0
        assert made.run("plan").code == 0


@pytest.mark.parametrize("wait", ["-5", "nan", "inf", "1e400", "x", "99999999999999999999"])
def test_an_odd_wait_is_bounded(
    wait: str, made: Repository, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a server asks to be waited for is no number of its choosing."""
    waits: list[float] = []
    monkeypatch.setattr("acorn_gitops.marketplaces.network.adapter.MAX_PAUSE", 60.0)
    monkeypatch.setattr("acorn_gitops.reconcile.workspace.time", SimpleNamespace(sleep=waits.append))
    server.behave = always({"title": "slow"}, 429, "application/problem+json", Retry_After=wait)
    assert made.run("plan").code == 1
    assert waits
    assert all(0 <= seconds <= 60 for seconds in waits)


# -- words ---------------------------------------------------------------------------------------------------

ECHOES: dict[str, Callable[[str], Callable[[Exchange], None]]] = {
    "a refusal": lambda said: always({"title": "bad", "detail": said}, 400, "application/problem+json"),
    "a lock-out": lambda said: always({"title": "bad", "detail": said}, 401, "application/problem+json"),
    "a failure": lambda said: always({"title": said}, 500, "application/problem+json"),
    "a type": lambda said: always(
        b"x", 200, f"text/{said.encode('ascii', 'ignore').decode()}".replace("\x1b", "")
    ),
    "an attribute": lambda said: always(page(STOREFRONT, listing(title=said, **{said[:40]: said}))),
    "a key": lambda said: always(page(STOREFRONT, listing(said))),
    "a row": lambda said: (
        lambda exchange: exchange.answer(
            page(STOREFRONT)
            if exchange.asked.method == "GET"
            else {"items": [{"status": 422, "problem": {"title": "x", "detail": said}}] * 3}
        )
    ),
}
READING = (
    ("plan",), ("plan", "--verbose"), ("plan", "-o", "json"), ("plan", "-o", "markdown"), ("plan", "--out", "p.acorn.json"), ("drift",),
    ("drift", "-o", "json"), ("import", "--dry-run"), ("explain", "amz-de/listing/KTL-17-BLK"), ("doctor",), ("view", "stores"),
    ("apply", "--auto-approve", "--adopt", "--wait", "0"), ("apply", "--auto-approve", "--adopt", "--wait", "0", "-o", "json"),
    ("history",), ("history", "-o", "json"), ("state", "list"), ("export", "out"),
)  # fmt: skip


@pytest.mark.parametrize("spelt", ["plain", "escaped"])
@pytest.mark.parametrize("name", ECHOES)
def test_a_secret_that_is_sent_back_is_told_nowhere(
    name: str, spelt: str, made: Repository, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canary: in no output of any command, no plan, no ledger, no cache, no export, no traceback; however JSON spells it."""
    monkeypatch.setenv("ACORN_CACHE_DIR", str(tmp_path / "cache"))
    behave = ECHOES[name](f"got Bearer {TOKEN}")

    def echoing(exchange: Exchange) -> None:
        original = exchange.answer

        def answer(content: Any, *more: Any, **headers: str) -> None:
            text = json.dumps(content) if not isinstance(content, bytes) else content.decode()
            if spelt == "escaped":
                text = text.replace("CANARY", "".join(f"\\u{ord(c):04x}" for c in "CANARY"))
            original(text.encode(), *more, **headers)

        exchange.answer = answer  # type: ignore[method-assign]
        behave(exchange)

    server.behave = echoing
    said = ""
    for debug in ("", "1"):
        if debug:
            monkeypatch.setenv("ACORN_DEBUG", debug)
        for arguments in READING:
            result = made.run(*arguments)
            said += result.out + result.err
    files = [
        path for folder in (made.path, tmp_path / "cache") for path in folder.rglob("*") if path.is_file()
    ]
    assert "CANARY" not in said
    assert [path for path in files if b"CANARY" in path.read_bytes()] == []


@pytest.mark.parametrize("name", [n for n in ECHOES if n != "a type"])
def test_what_a_server_says_moves_no_cursor(name: str, made: Repository, server: Server) -> None:
    """Escapes, bidirectional overrides and line ends are shown, and have no effect, in every format."""
    server.behave = ECHOES[name](f"{ESCAPE}\n\n# pwn @everyone <img src=x> </details>\n```\n/close")
    for arguments in READING:
        result = made.run(*arguments)
        told(result)
        assert "\n# pwn" not in result.out + result.err
        assert "\n/close" not in result.out + result.err
        if "markdown" in arguments:
            assert "@everyone" not in result.out
            body = result.out.replace("<details><summary>Full plan</summary>", "").replace(
                "</details>\n\nPlan `", ""
            )
            assert "<img" not in re.sub(r"````*diff\n.*?\n````*\n", "", body, flags=re.DOTALL)


# -- one bad store among others ------------------------------------------------------------------------------


@pytest.fixture
def two(made: Repository, server: Server) -> Repository:
    """Two stores on one server, of which the French one goes bad."""
    made.write(storefront(), storefront("amz-fr"), sku(), sku("FR-1", store="amz-fr"))
    return made


def _split(bad: Callable[[Exchange], None], written: list[bytes]) -> Callable[[Exchange], None]:
    def behave(exchange: Exchange) -> None:
        if "/amz-fr/" in exchange.asked.path:
            bad(exchange)
        elif exchange.asked.method == "POST":
            written.append(exchange.asked.body)
            count = len(json.loads(exchange.asked.body)["items"])
            exchange.answer({"items": [{"status": 201, "etag": "x", "id": "y"}] * count})
        else:
            exchange.answer(page(STOREFRONT, *([listing()] if written else [])))

    return behave


BAD: dict[str, Callable[[Exchange], None]] = {
    "no price": always(
        page(STOREFRONT | {"key": "amz-fr"}, listing("FR-1", price={"currency": "EUR", "value": ""}))
    ),
    "nested": always(NONSENSE["a deep attribute"]),
    "unasked 304": always(b"", 304),
    "fails": always({"title": "x"}, 503, "application/problem+json"),
}


@pytest.mark.parametrize("name", BAD)
def test_the_other_stores_are_planned(name: str, two: Repository, server: Server) -> None:
    """One bad store of two: the other's changes are shown, the exit code is 1, and apply writes nothing anywhere."""
    written: list[bytes] = []
    server.behave = _split(BAD[name], written)
    result = two.run("plan")
    assert result.code == 1
    assert "+ listing KTL-17-BLK" in told(result)
    assert "amz-fr could not be read" in result.out
    assert two.run("apply", "--auto-approve").code == 1
    assert not written


@pytest.mark.parametrize("name", BAD)
def test_the_other_stores_are_applied_where_the_project_says_so(
    name: str, two: Repository, server: Server
) -> None:
    """`onUnreadable: skip`: written, told, and never exit 0."""
    project = two.path / "acorn.yaml"
    project.write_text(project.read_text() + "  policies: {onUnreadable: skip}\n")
    written: list[bytes] = []
    server.behave = _split(BAD[name], written)
    result = two.run("apply", "--auto-approve")
    assert result.code == 3, result
    assert "amz-fr was left out" in told(result)
    assert written
    again = two.run("apply", "--auto-approve")
    assert again.code == 3, "nothing to do elsewhere is not everything done"


def test_a_type_that_vanishes_at_once_is_not_believed(tmp_path: Path) -> None:
    """A lost permission hides all listings of a store: the totals agree, and nothing is concluded, unless somebody says so."""
    made = Repository(tmp_path / "r", storefront(), *(sku(f"SKU-{n:02}") for n in range(12)))
    made.apply()
    gone = [f"-amz-de/listing/SKU-{number:02}" for number in range(12)]
    assert made.run("sandbox", "disturb", "--", *gone).code == 0
    assert set(made.live()) == {"amz-de/storefront/amz-de"}
    result = made.run("plan")
    assert result.code == 1
    assert "none of the 12 listings" in " ".join(result.out.split())
    assert made.run("plan", "--allow-empty", "amz-de").code == 0


@pytest.mark.parametrize("percent", ["1e999990", "15%", "", "NaN"])
def test_a_percentage_that_is_none_never_reaches_arithmetic(
    percent: str, made: Repository, server: Server
) -> None:
    """It would compute for minutes, or say nothing."""
    promotion = {
        "type": "promotion", "key": "theirs", "id": "p", "etag": "e",
        "attributes": {
            "type": "percentOff", "skus": ["KTL-17-BLK"], "discount": {"percent": percent},
            "start": "2026-01-01T00:00:00Z", "end": "2099-01-01T00:00:00Z",
        },
    }  # fmt: skip
    server.behave = lambda x: x.answer(page(STOREFRONT, listing(), promotion))
    (made.path / "acorn.yaml").write_text(connected(server.url))
    result = made.run("plan")
    assert (result.code, "a percentage that is none" in result.out) == (1, True), result


REFUSALS: dict[str, Callable[[Exchange], bool]] = {
    "a generation that nobody knows": lambda x: _generation(x, "GET", 200, {"number": 7, "head": "f" * 64}),
    "a generation that it does not take": lambda x: _generation(x, "PUT", 500, {}),
    "a generation that it refuses": lambda x: _generation(x, "PUT", 412, {}),
    "a generation without sense": lambda x: _generation(x, "PUT", 200, []),
}


def _generation(exchange: Exchange, method: str, status: int, content: Any) -> bool:
    if exchange.asked.method != method or "/generation" not in exchange.asked.path:
        return False
    exchange.answer(content, status)
    return True


@pytest.mark.parametrize("name", REFUSALS)
def test_a_store_that_takes_no_generation_stops_no_other(name: str, two: Repository, server: Server) -> None:
    """Where the project leaves unreadable stores out, each store is for itself; never exit 0."""

    def bad(exchange: Exchange) -> None:
        if REFUSALS[name](exchange):
            return
        if "/generation" in exchange.asked.path:
            exchange.answer({"number": 0, "head": ""})
        else:
            exchange.answer(page(STOREFRONT | {"key": "amz-fr"}))

    project = two.path / "acorn.yaml"
    project.write_text(project.read_text() + "  policies: {onUnreadable: skip}\n")
    written: list[bytes] = []
    server.behave = _split(bad, written)
    result = two.run("apply", "--auto-approve")
    assert result.code == 3, result
    assert written


SHAPES: dict[str, Any] = {
    "no data": {"data": {}},
    "no channels": {"data": {"channels": None}},
    "a total that is a text": {"data": {"channels": {"totalItems": "x", "items": []}}},
    "no items": {"data": {"channels": {"totalItems": 0, "items": None}}},
    "items that are texts": {"data": {"channels": {"totalItems": 1, "items": ["x"]}}},
    "a channel without a code": {"data": {"channels": {"totalItems": 1, "items": [{"id": "1"}]}}},
    "an id that is a list": {
        "data": {"channels": {"totalItems": 1, "items": [{"id": [1], "code": "amz-fr", "token": "t"}]}}
    },
    "errors that are a number": {"errors": 5},
    "extensions that are a text": {"errors": [{"message": "m", "extensions": "text"}]},
    "a total without end": b'{"data": {"channels": {"totalItems": 1e400, "items": []}}}',
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_vendure_in_an_unknown_shape_is_that_stores_error(
    name: str, tmp_path: Path, server: Server
) -> None:
    """No command ends with an internal error, and the other connection's store is planned and applied."""
    server.behave = lambda x: x.answer(SHAPES[name])
    here, there = storefront("here"), storefront("amz-fr")
    here["spec"]["connection"], there["spec"]["connection"] = "main", "bad"
    there["spec"]["storefront"]["platform"] = "vendure"
    made = Repository(tmp_path / "r", here, there, sku("A-1", "10.00", store="here"))
    project = (made.path / "acorn.yaml").read_text()
    bad = f'connections: {{bad: {{adapter: vendure, url: "{server.url}"}}, '
    project = project.replace("connections: {", bad) + "  policies: {onUnreadable: skip}\n"
    (made.path / "acorn.yaml").write_text(project)
    assert made.run("apply", "--auto-approve").code == 3
    for verb in (("plan",), ("drift",), ("import", "--dry-run"), ("doctor",)):
        result = made.run(*verb)
        assert (result.code, "internal" in result.err) == (1, False), result
    assert "No changes" in made.run("plan", "--select", "here").out


def test_a_connection_that_is_silent_is_left_alone(tmp_path: Path, server: Server) -> None:
    """Twenty stores of a dead server do not each wait their full time."""

    def hangs_up(exchange: Exchange) -> None:
        exchange.handler.connection.close()
        raise ConnectionResetError

    server.behave = hangs_up
    made = Repository(tmp_path / "r", *(storefront(f"store-{n}") for n in range(20)))
    (made.path / "acorn.yaml").write_text(connected(server.url))
    assert made.run("plan").code == 1
    assert len(server.asked) < 20


def test_what_no_spec_may_say_is_left_out_of_an_import(made: Repository, server: Server) -> None:
    """Drift with an invisible character: told, the file stays valid, and the next command works."""
    titles = ["plain"]

    def behave(exchange: Exchange) -> None:
        if "/generation" in exchange.asked.path:
            exchange.answer({"title": "Not found"}, 404, "application/problem+json")
        else:
            exchange.answer(page(STOREFRONT, listing(title=titles[-1])))

    server.behave = behave
    made.write(storefront(), sku(attributes={"title": "plain"}))
    made.apply()
    for title in ("a\u200bb", "", "x" * 501):
        titles.append(title)
        result = made.run("import", "--drifted")
        assert "stays as it is" in told(result), result
        assert made.run("validate").code == 0


@pytest.mark.parametrize("type_", ["promotion", "tax-rule", "role", "grant", "stock", "listing", "location"])
@pytest.mark.parametrize(
    "content",
    [{}, {"skus": 5}, {"discount": 1.5, "rate": True, "rules": 7, "subject": [], "sku": {}, "address": "x"}],
)
def test_what_makes_no_sense_is_left_out_of_an_import(
    type_: str, content: dict[str, Any], made: Repository, server: Server
) -> None:
    """Import and export take the rest, and end without an internal error."""
    odd = {"type": type_, "key": "odd", "id": "o", "etag": "e", "attributes": content}
    server.behave = lambda x: x.answer(
        page(STOREFRONT, listing(), odd)
        if "/resources" in x.asked.path
        else {"stores": [{"store": "amz-de"}]}
    )
    made.write(storefront())
    for verb in (("import", "--dry-run"), ("export", "out")):
        result = made.run(*verb)
        assert "internal" not in result.err, result
