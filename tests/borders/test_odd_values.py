"""Values that JSON can hold and no shop has: a Vendure server, a forge, a plan's file that hold them are bounded and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.confine.weight import TooHeavy, parsed
from acorn_gitops.forge.client import Client as Forge
from acorn_gitops.forge.client import address
from acorn_gitops.marketplaces.by_looking import check_rows
from acorn_gitops.marketplaces.vendure.amounts import Amounts
from acorn_gitops.marketplaces.vendure.client import SILENT, Client
from acorn_gitops.marketplaces.vendure.promotions import _percent
from acorn_gitops.marketplaces.vendure.tax import percent
from acorn_gitops.model.finding import AcornError, Incomplete, Unreachable
from acorn_gitops.model.resource import Live
from acorn_gitops.report.facts import phrases
from tests.borders.server import Server
from tests.repository import Repository, document, storefront


class Cents(Amounts):
    def __init__(self) -> None:
        self._precision = 2


@pytest.mark.parametrize("minor", ["NaN", "Infinity", "1e5", 1e300, 10**30, -(10**30), True, None, 49.5, [1]])
def test_what_is_no_amount_of_vendures_is_refused(minor: Any) -> None:
    with pytest.raises(ValueError, match="an amount that is none"):
        Cents().money(minor, "EUR")


@pytest.mark.parametrize(
    ("minor", "value"), [(4999, "49.99"), (0, "0.00"), (-5, "-0.05"), (10**15, "10000000000000.00")]
)
def test_what_is_one_is_exact(minor: int, value: str) -> None:
    assert Cents().money(minor, "EUR") == {"currency": "EUR", "value": value}


@pytest.mark.parametrize(
    "value", ["1e999990", "25.5", 1e300, -1e7, float("inf"), float("nan"), True, None, []]
)
def test_what_is_no_percentage_never_becomes_text(value: Any) -> None:
    """`1e999990` is eight bytes on the way, and a million digits afterwards."""
    with pytest.raises(ValueError, match="a percentage that is none"):
        percent(value)


@pytest.mark.parametrize("text", ["1e999990", "1e5", "NaN", "Infinity", "", "9" * 20, "１０"])
def test_nor_does_that_of_a_promotion(text: str) -> None:
    with pytest.raises(ValueError, match="a percentage that is none"):
        _percent(text)


def test_percentages_stay_what_they_are() -> None:
    assert [percent(one) for one in (25.5, 20, 20.0, 0, 5.5)] == ["25.5", "20", "20", "0", "5.5"]
    assert [_percent(one) for one in ("10", "10.50", "0")] == ["10", "10.5", "0"]


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("key", "attributes"),
    [
        (None, {}),
        (True, {}),
        (7, {}),
        ("a\nb", {}),
        ("a\u2028b", {}),
        ("a\ud800b", {}),
        ("x" * 401, {}),
        ("K", {"price": {"currency": "EUR", "value": "NaN"}}),
        ("K", {"price": {"currency": "EUR", "value": "1e5"}}),
        ("K", {"discount": {"percent": "1e999990"}}),
        ("K", {"discount": deep(40)}),
    ],
)
def test_a_row_that_cannot_be_reckoned_with_is_that_stores_error(key: Any, attributes: Any) -> None:
    with pytest.raises(Incomplete):
        check_rows("shop", {("listing", key): Live(attributes, "", "")})


def test_every_other_row_is_let_through() -> None:
    rows = {
        ("listing", "K 1/ü+"): Live({"price": {"currency": "EUR", "value": "49.99"}, "title": "x"}, "", "")
    }
    check_rows("shop", rows)
    # Names that somebody gave: one of them must not make a whole store unreadable.
    for odd in ("", "a\u00a0b", "a\u00adb", "👨\u200d👩", "a\u202eb", "\u3000", "\U0001fae9"):
        check_rows("shop", {("promotion", odd): Live({}, "", "")})


def test_a_server_that_never_answers_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each store of it would wait four times a minute."""
    now = [0.0]
    asked: list[float] = []

    def silent(*_: object) -> Any:
        from acorn_gitops.confine import http

        asked.append(now[0])
        now[0] += 60
        raise http.NoAnswer("timed out")

    client = Client("shop", "http://127.0.0.1:9/admin-api", "", clock=lambda: now[0], pause=lambda _: None)
    monkeypatch.setattr(client._http, "request", silent)
    for _ in range(10):
        with pytest.raises(Unreachable), client.reading():
            client.read("query")
    assert len(asked) == 4 and now[0] < SILENT * 3
    with pytest.raises(Unreachable):
        client.write("mutation", {})
    assert len(asked) == 5, "a write is not kept from being tried: what became of it is looked for"


def test_a_forge_that_sends_more_than_fits_is_an_error_in_words() -> None:
    """Six megabytes on the wire are 270 in memory."""
    with Server(lambda x: x.answer(b"[" + b"[]," * 2_000_000 + b"[]]")) as server:
        client = Forge(server.url, {}, "t0ken-abcdef", pause=lambda _: None)
        with pytest.raises(AcornError, match="MiB of memory"):
            client.ask("GET", "/x")
        client.close()


def test_many_answers_of_a_forge_are_weighed_together() -> None:
    with Server(lambda x: x.answer(b"[" + b"[]," * 400_000 + b"[]]")) as server:
        client = Forge(server.url, {}, "t0ken-abcdef", pause=lambda _: None)
        with pytest.raises(AcornError, match="all answers together"):
            for _ in range(12):
                client.ask("GET", "/x")
        client.close()


def test_a_text_is_weighed_before_it_is_parsed() -> None:
    assert parsed(b'{"a": [1, 2]}', 10_000) == {"a": [1, 2]}
    with pytest.raises(TooHeavy):
        parsed(b"[" + b"[]," * 1000 + b"[]]", 50_000)
    with pytest.raises(json.JSONDecodeError):
        parsed(b"{", 10_000)


@pytest.mark.parametrize("link", ["https://x/1\n::error::y", "https://x/\x1b[31m", None, 7])
def test_a_link_of_a_forge_is_one_line(link: object) -> None:
    assert address(link).isprintable()


@pytest.mark.parametrize(
    ("type_", "attributes"),
    [
        ("promotion", {"type": "percentOff", "skus": 7}),
        ("promotion", {"type": "percentOff", "skus": [1], "discount": 5, "start": []}),
        ("role", {"rules": 5}),
        ("grant", {"role": 1, "subject": "x"}),
        ("tax-rule", {"validFrom": 3, "rate": []}),
    ],
)
def test_a_page_shows_whatever_a_plans_file_holds(type_: str, attributes: Any) -> None:
    """It may have been edited by hand: it is shown, and refused by whoever applies."""
    assert all(isinstance(one, str) for one in phrases(type_, attributes))


def test_thousands_of_wrong_documents_are_told_in_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What explains one is made once, and not for each."""
    import pydantic

    made: list[object] = []
    real = pydantic.TypeAdapter.__init__

    def count(self: Any, *given: Any, **more: Any) -> None:
        made.append(given)
        real(self, *given, **more)

    monkeypatch.setattr(pydantic.TypeAdapter, "__init__", count)
    wrong = [document("SkuMapping", f"k{n}", {"sku": f"K-{n}", "zz": 1}) for n in range(300)]
    done = Repository(tmp_path, storefront(), *wrong).run("validate")
    assert done.code == 4 and "GEN-006" in done.out + done.err
    assert len(made) < 20
