"""An error that comes back to a mutation says that nothing was done only where its words mean that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from acorn_gitops.marketplaces.by_looking import (
    Doubtful,
    Job,
    Journal,
    RemoteStore,
    Row,
    Rows,
    carry_out,
    live,
    one_by_one,
)
from acorn_gitops.marketplaces.protocol import Write
from acorn_gitops.marketplaces.vendure.client import Client, Refusal
from acorn_gitops.model.resource import Address
from tests.borders.server import Exchange, Server

MUTATION = "mutation M { make { id } }"


def answered(content: object, status: int = 200) -> BaseException | None:
    """What a client makes of an answer to a mutation."""
    with Server(lambda exchange: exchange.answer(content, status)) as server:
        client = Client("shop", server.url, "long-secret-token", pause=lambda _: None)
        try:
            client.write(MUTATION, {})
        except (Refusal, Doubtful) as error:
            return error
        finally:
            client.close()
    return None


def said(code: str, data: object = None) -> dict[str, Any]:
    """An answer of GraphQL with an error."""
    return {"errors": [{"message": "no", "extensions": {"code": code}}], "data": data}


@pytest.mark.parametrize(
    "code",
    [
        "USER_INPUT_ERROR",
        "ENTITY_NOT_FOUND",
        "ILLEGAL_OPERATION",
        "CHANNEL_NOT_FOUND",
        "GRAPHQL_VALIDATION_FAILED",
    ],
)
def test_what_vendure_refuses_is_refused(code: str) -> None:
    assert type(answered(said(code))) is Refusal


@pytest.mark.parametrize(
    ("content", "status", "late"),
    [
        pytest.param(said("INTERNAL_SERVER_ERROR"), 200, False, id="an inner error"),
        pytest.param(said("MY_PLUGIN"), 200, False, id="a code of somebody's own"),
        pytest.param(said(""), 200, False, id="no code"),
        pytest.param({"errors": ["odd"]}, 200, False, id="an error in another shape"),
        pytest.param(said("FORBIDDEN", {"make": {"id": "1"}}), 200, False, id="beside what was made"),
        pytest.param(said("USER_INPUT_ERROR"), 504, True, id="a gateway that waited no longer"),
        pytest.param(said("INTERNAL_SERVER_ERROR"), 500, True, id="500"),
    ],
)
def test_any_other_error_leaves_it_open(content: object, status: int, late: bool) -> None:
    """It may have been done; behind a gateway it may still be."""
    found = answered(content, status)
    assert isinstance(found, Doubtful)
    assert found.late is late


class _Shelf:
    """A kind that carries out what it answers with an error, or does not."""

    type, shared = "listing", False

    def __init__(self, *, does: bool) -> None:
        self.does, self.there = does, dict[str, dict[str, Any]]()

    def rows(self, channel: RemoteStore, keys: object) -> Rows:
        found = Rows()
        found.update({key: Row(live(said, {}, key), {}) for key, said in self.there.items()})
        return found

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[str | None]:
        def do(job: Job) -> None:
            if self.does or job.key == "B":
                self.there[job.key] = dict(job.attributes)
            if job.key != "B":
                raise Doubtful("timeout of a plugin", late=False)

        return one_by_one(jobs, do)

    update = delete = create


@pytest.mark.parametrize("does", [True, False], ids=["done", "not done"])
def test_whoever_looks_knows_what_was_done(does: bool) -> None:
    """What is there is done, what is not there nobody knows, and the rest goes on."""
    shelf, store = _Shelf(does=does), RemoteStore("shop", "1", "", {})
    writes = [Write("create", Address("shop", "listing", key), {"sku": key}, "", key) for key in "AB"]
    first, second = carry_out(shelf, store, writes, Journal())
    assert (first.status, first.message) == (("observed", "") if does else ("unknown", "timeout of a plugin"))
    assert second.status == "observed"


def test_too_many_requests_are_sent_again() -> None:
    """429 says that nothing was done, whatever its body is."""
    asked: list[int] = []

    def behave(exchange: Exchange) -> None:
        asked.append(1)
        content, status = (
            (said("THROTTLED"), 429) if len(asked) == 1 else ({"data": {"make": {"id": "1"}}}, 200)
        )
        exchange.answer(content, status)

    with Server(behave) as server:
        client = Client("shop", server.url, "long-secret-token", pause=lambda _: None)
        assert client.write(MUTATION, {}) == {"make": {"id": "1"}}
        client.close()
    assert len(asked) == 2
