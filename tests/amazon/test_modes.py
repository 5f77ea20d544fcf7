"""The emulator answers as Amazon's static sandbox does, case by case of the official models, and with any answer that
somebody orders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner

from acorn_gitops.cli import sp_api
from acorn_gitops.sandbox.amazon import serving
from acorn_gitops.sandbox.amazon.app import Emulator
from acorn_gitops.sandbox.amazon.clock import WallClock
from acorn_gitops.sandbox.amazon.modelled import Case, Modelled, Models
from tests.amazon import models
from tests.amazon.emulated import EUROPE, SECRETS
from tests.amazon.web import WEB

SMALL: dict[str, Any] = {
    "paths": {
        "/a/{id}": {
            "get": {
                "operationId": "getA",
                "responses": {
                    "200": {
                        "schema": {"$ref": "#/definitions/A"},
                        "x-amzn-api-sandbox": {
                            "static": [
                                {"request": {"parameters": {}}, "response": {"name": "any"}},
                                {"request": {"parameters": {"id": {"value": "7"}, "tags": {"value": ["x", "y"]}}}, "response": {"name": "seven"}},
                            ]
                        },
                    },
                    "404": {"schema": {"$ref": "#/definitions/E"}},
                },
            },
            "delete": {"operationId": "dropA", "responses": {"204": {"description": "gone"}}},
            "post": {
                "operationId": "makeA",
                "responses": {
                    "201": {
                        "schema": {"$ref": "#/definitions/A"},
                        "x-amzn-api-sandbox": {"static": [{"request": {"parameters": {"body": {"value": {"kind": "k"}}}}, "response": {"nome": 5}}]},
                    }
                },
            },
        }
    },
    "definitions": {
        "A": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}, "additionalProperties": False},
        "E": {"type": "object", "required": ["errors"], "properties": {"errors": {"type": "array", "items": {"$ref": "#/definitions/F"}}}},
        "F": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string", "enum": ["NO"]}, "at": {"type": "string", "format": "date-time"}}},
    },
}  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> Models:
    """A model of three operations."""
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    return Models(tmp_path)


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/a/1", {}, "any"),
        ("/a/7", {}, "any"),
        ("/a/7", {"tags": "y,x"}, "seven"),
        ("/a/7", {"tags": "x"}, "any"),
        ("/a/8", {"tags": "x,y"}, "any"),
    ],
)
def test_the_case_that_asks_for_most_is_meant(small: Models, path: str, query: Any, name: str) -> None:
    assert small.static("GET", path, query, None) == (200, {"name": name})


@pytest.mark.parametrize("body", [None, {}, {"kind": "other"}, [], {"kind": ["k"]}])
def test_what_fits_no_case_is_refused(small: Models, body: object) -> None:
    from acorn_gitops.sandbox.amazon.call import Refused

    with pytest.raises(Refused, match="Could not match"):
        small.static("POST", "/a/1", {}, body)


def test_of_a_body_only_what_is_asked_for_counts(small: Models) -> None:
    assert small.static("POST", "/a/1", {}, {"kind": "k", "more": 1}) == (201, {"nome": 5})


def test_a_case_that_contradicts_its_model_is_told(small: Models) -> None:
    (said,) = small.contradictions()
    assert said.startswith("small.json makeA 201: ")


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        (("getA", 200), {"name": "any"}),
        (("getA", 404), {"errors": [{"code": "NO", "at": "2026-01-01T00:00:00Z"}]}),
        (("dropA", 204), None),
    ],
)
def test_an_answer_is_made_as_the_model_allows(small: Models, order: tuple[str, int], answer: object) -> None:
    assert small.ordered(*order) == (order[1], answer)


class Served:
    """An emulator with models, and somebody who asks it."""

    def __init__(self, url: str, switch: serving.Switch, folder: Path, *, static: bool) -> None:
        clock = WallClock()
        self.emulated = serving.Emulated(url, switch, clock)
        self.emulated.world.enroll(EUROPE)
        switch.emulator = Emulator(self.emulated.world, models=Models(folder), ordered=not static)
        self.url = url
        form = {"grant_type": "refresh_token", "refresh_token": SECRETS["refreshToken"]}
        form |= {"client_id": "c", "client_secret": "s"}
        token = WEB.post(f"{url}/auth/o2/token", data=form).json()["access_token"]
        self.headers = {"x-amz-access-token": token}

    def ask(self, method: str, path: str, body: object = None, **query: str) -> httpx2.Response:
        """One request."""
        return WEB.request(method, self.url + path, headers=self.headers, params=query, json=body)


def test_an_order_holds_until_the_next(
    sp_api_server: tuple[str, serving.Switch], small: Models, tmp_path: Path
) -> None:
    """For whatever is asked, by whomever."""
    served = Served(*sp_api_server, tmp_path, static=False)
    assert served.ask("POST", "/response/some-getA/code/404").status_code == 204
    assert [served.ask("GET", f"/b/{n}").status_code for n in (1, 2)] == [404, 404]
    form = {"grant_type": "refresh_token", "refresh_token": "anything"}
    assert WEB.post(f"{served.url}/auth/o2/token", data=form).status_code == 200
    assert served.ask("POST", "/response/dropA/code/204").status_code == 204
    assert served.ask("GET", "/b/1").status_code == 204
    assert served.ask("POST", "/response/some-getA/code/503").status_code == 204
    assert served.ask("GET", "/b/1").status_code == 404


def test_before_the_first_order_it_says_what_to_do(
    sp_api_server: tuple[str, serving.Switch], small: Models, tmp_path: Path
) -> None:
    served = Served(*sp_api_server, tmp_path, static=False)
    answer = served.ask("GET", "/sellers/v1/marketplaceParticipations")
    assert answer.status_code == 400 and "POST /response/" in answer.text


def test_the_static_sandbox_wants_a_token(
    sp_api_server: tuple[str, serving.Switch], small: Models, tmp_path: Path
) -> None:
    served = Served(*sp_api_server, tmp_path, static=True)
    assert served.ask("GET", "/a/1").json() == {"name": "any"}
    served.headers = {}
    assert served.ask("GET", "/a/1").status_code == 403


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"paths": {"/a": {"get": {}}}}', '{"paths": {"/a": []}}']
)
def test_a_folder_without_models_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    found = CliRunner().invoke(sp_api.command, ["--static", str(tmp_path), "--port", "0"])
    assert found.exception is not None and "these are no models" in str(
        getattr(found.exception, "message", "")
    )


def test_one_way_to_answer_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    found = CliRunner().invoke(sp_api.command, ["--static", str(tmp_path), "--ordered", str(tmp_path)])
    assert found.exit_code == 64 and "choose one" in found.output


official = pytest.mark.skipif(
    not models.are_there(), reason="the official models are not here; ACORN_SP_API_MODELS names their folder"
)


def _cases() -> list[tuple[Modelled, Case]]:
    if not models.are_there():
        return []
    return [(one, case) for one in Models(models.FOLDER).operations for case in one.cases]


@official
@pytest.mark.planted
def test_every_case_of_the_official_models_is_answered_as_it_says(
    sp_api_server: tuple[str, serving.Switch],
) -> None:
    """Over HTTP, with the parameters of the case; what asks for nothing is asked with nothing."""
    served = Served(*sp_api_server, models.FOLDER, static=True)
    cases = _cases()
    assert len(cases) > 100
    twins = []
    for operation, case in cases:
        if any(one.asks == case.asks for one in operation.cases[: operation.cases.index(case)]):
            twins.append(f"{operation.name} {case.status}")
            continue
        path = operation.path
        for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
            path = path.replace(f"{{{name}}}", str(case.asks.get(name, "something")))
        query = {
            name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in case.asks.items()
            if name != "body" and f"{{{name}}}" not in operation.path
        }
        answer = served.ask(operation.method, path, case.asks.get("body"), **query)
        where = f"{operation.model} {operation.name} {case.status} {case.asks}"
        assert answer.status_code == case.status, where
        if case.body is not None:
            assert answer.json() == json.loads(json.dumps(case.body)), where
    # Asked for by the same request as another: nobody can get this one.
    assert twins == ["getAccount 400"]


@official
def test_what_official_cases_contradict_is_known() -> None:
    """They are answered all the same by the static sandbox, as Amazon's own answers so."""
    assert [said.partition(": ")[0] for said in Models(models.FOLDER).contradictions()] == [
        "sellers.json getAccount 200",
        "supplySources_2020-07-01.json getSupplySources 200",
        "supplySources_2020-07-01.json getSupplySource 200",
    ]


@official
def test_any_status_of_any_operation_can_be_ordered() -> None:
    """And is what the model says: where a case contradicts it, another answer is made."""
    from jsonschema import Draft4Validator

    found = Models(models.FOLDER)
    wrong = []
    for operation in found.operations:
        for status, said in operation.answers.items():
            answered, body = found.ordered(operation.name, status)
            assert answered == status
            if "schema" in said and status != 204:
                schema = {**said["schema"], "definitions": found._definitions[operation.model]}
                wrong += [operation.name for _ in [*Draft4Validator(schema).iter_errors(body)][:1]]
    assert wrong == []
