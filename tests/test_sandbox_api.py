"""The sandbox keeps its own contract, and refuses what a marketplace would."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from acorn_gitops.marketplaces.network.contract import openapi
from acorn_gitops.marketplaces.network.transport import InProcess, Response
from acorn_gitops.resources.registry import TYPES
from acorn_gitops.sandbox.app import MAX_BATCH, MAX_BODY, Sandbox
from acorn_gitops.sandbox.database import Database

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

EUR = {"currency": "EUR", "value": "10.00"}
FRONT: dict[str, Any] = {"platform": "network", "currency": "EUR"}
SHOP: dict[str, Any] = {
    "code": "BER",
    "address": {"countryCode": "DE", "lines": ["Friedrichstraße 43"], "locality": "Berlin"},
}
LISTING: dict[str, Any] = {"sku": "A", "price": EUR, "taxClass": "standard"}
PROMOTION: dict[str, Any] = {
    "type": "percentOff",
    "skus": ["A"],
    "start": "2026-11-27T00:00:00Z",
    "end": "2026-12-01T00:00:00Z",
}
ROLE: dict[str, Any] = {"rules": [{"resources": ["price"], "verbs": ["read"]}]}
GRANT: dict[str, Any] = {"role": "pricing", "subject": {"kind": "group", "id": "eu"}}
TAX: dict[str, Any] = {"validFrom": "2025-01-01", "liableParty": "seller", "treatment": "standard"}

FILLED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("amz-de", "storefront", "amz-de", FRONT),
    ("amz-de", "tax-class", "standard", {"name": "standard"}),
    ("amz-de", "role", "pricing", ROLE),
    ("amz-de", "grant", "pricing:group:eu", GRANT),
    ("amz-de", "tax-rule", "domestic", TAX),
    ("amz-de", "listing", "A", LISTING),
    ("amz-de", "promotion", "sale", PROMOTION),
    ("amz-jp", "storefront", "amz-jp", {"platform": "network", "currency": "JPY"}),
    ("ber", "location", "ber", SHOP),
    ("ber", "stock", "A", {"pool": "main"}),
]
"""Two storefronts and a shop, in an order in which they can be made."""


class Api:
    """A filled sandbox, spoken to by requests."""

    def __init__(self) -> None:
        self.database = Database(None)
        self.app = Sandbox(self.database)
        self._transport = InProcess(self.app, self.database.close)
        self.fill()

    def fill(self) -> None:
        """Make what is not there."""
        for store, type, key, attributes in FILLED:
            answer = self.ask("PUT", f"/v1/stores/{store}/resources/{type}/{quote(key, safe='')}", attributes)
            assert answer.status in (201, 409), (type, answer.body)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """One request; the body as JSON."""
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        return self._transport.request(method, path, sent, content)

    def batch(self, *items: dict[str, Any], store: str = "amz-de", query: str = "") -> list[dict[str, Any]]:
        """Write a batch and return what each row was answered."""
        rows = [
            {"idempotencyKey": f"{self.database.revision()}-{n}-{i.get('key')}", **i}
            for n, i in enumerate(items)
        ]
        answer = self.ask("POST", f"/v1/stores/{store}/batch{query}", {"items": rows})
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = orjson.loads(answer.body)["items"]
        return found

    def close(self) -> None:
        """Let go."""
        self._transport.close()


@pytest.fixture
def api() -> Iterator[Api]:
    """A fresh, filled sandbox."""
    made = Api()
    yield made
    made.close()


# -- the contract, by generated requests -------------------------------------------------------------------

_generated = Api()
schema = schemathesis.openapi.from_asgi("/openapi.json", _generated.app)


@schema.parametrize()
@settings(max_examples=30, derandomize=True)
def test_generated_requests_are_answered_as_the_contract_says(case: schemathesis.Case) -> None:
    """No request that can be generated gets a server error, or an answer that the contract does not describe."""
    case.call_and_validate(checks=CHECKS)


@pytest.mark.parametrize("known", FILLED, ids=lambda r: r[1])
@schema.include(path_regex="/resources/").parametrize()
@settings(max_examples=6, derandomize=True)
def test_requests_about_what_is_there_are_answered_as_the_contract_says(
    case: schemathesis.Case, known: tuple[str, str, str, Any]
) -> None:
    """The same, aimed at a resource of each type that exists, so that more than 404 is seen."""
    _generated.fill()
    case.path_parameters = {"store": known[0], "type": known[1], "key": known[2]}
    case.call_and_validate(checks=CHECKS)


def _documented(method: str, path: str, status: int) -> bool:
    return str(status) in openapi()["paths"][path][method.lower()]["responses"]


RESOURCE = "/v1/stores/{store}/resources/{type}/{key}"
PAGES = "/v1/stores/{store}/resources"
BATCH = "/v1/stores/{store}/batch"


@pytest.mark.parametrize(
    ("method", "template", "status"),
    [
        ("GET", PAGES, 503),
        ("POST", BATCH, 503),
        ("POST", BATCH, 413),
        ("PUT", RESOURCE, 413),
        ("GET", PAGES, 429),
        ("POST", BATCH, 401),
        ("GET", PAGES, 410),
        ("GET", PAGES, 304),
    ],
)
def test_every_status_that_it_answers_is_documented(
    method: str, template: str, status: int, api: Api
) -> None:
    """What the sandbox can answer, the contract names: clients are written from the contract."""
    path = template.format(store="amz-de", type="listing", key="A")
    body: Any = {"items": [{"op": "delete", "type": "stock", "key": "x", "idempotencyKey": "k"}]}
    headers: dict[str, str] = {}
    match status:
        case 503:
            api.database.add_fault("fail", "*", 1, {})
        case 429:
            api.database.add_fault("throttle", "*", 1, {})
        case 413:
            body = b" " * (MAX_BODY + 1)
        case 410:
            cursor = base64.urlsafe_b64encode(orjson.dumps([10**6, 5, "listing", "A"])).decode()
            path += f"?cursor={quote(cursor)}"
        case 304:
            headers["if_none_match"] = api.ask("GET", path).headers["etag"]
        case 401:
            api.app._token = "secret"
    answer = api.ask(method, path, body if method != "GET" else None, **headers)
    assert answer.status == status
    assert _documented(method, template, status)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/stores", "GET"),
        ("POST", "/v1/stores/amz-de/resources", "GET"),
        ("POST", "/v1/stores/amz-de/resources/listing/A", "GET, PUT, PATCH, DELETE"),
        ("GET", "/v1/stores/amz-de/batch", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allowed: str, api: Api) -> None:
    """405 with Allow."""
    answer = api.ask(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert orjson.loads(answer.body)["status"] == 405


# -- requests that are wrong in themselves -----------------------------------------------------------------


def _deep(depth: int) -> bytes:
    return b'{"sku":"A","extra":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/stores/amz-de/resources?limit=0", None, 400),
        ("GET", "/v1/stores/amz-de/resources?limit=5001", None, 400),
        ("GET", "/v1/stores/amz-de/resources?limit=many", None, 400),
        ("GET", "/v1/stores/amz-de/resources?type=nonsense", None, 400),
        ("GET", "/v1/stores/amz-de/resources?cursor=nonsense", None, 400),
        ("GET", f"/v1/stores/amz-de/resources?cursor={quote(base64.b64encode(b'[1,2]'))}", None, 400),
        ("GET", "/v1/stores/nowhere/resources", None, 404),
        ("GET", "/v1/stores/amz-de/resources/nonsense/A", None, 404),
        ("GET", "/v1/stores/amz-de/resources/listing/B", None, 404),
        ("GET", "/v1/stores/amz-de/resources/listing/%FF", None, 400),
        ("GET", "/v1/stores/amz-de/resources/listing/%00", None, 404),
        ("GET", "/v2/stores", None, 404),
        ("PUT", "/v1/stores/amz-de/resources/listing/B", b"{", 400),
        ("PUT", "/v1/stores/amz-de/resources/listing/B", b"[]", 400),
        ("PUT", "/v1/stores/amz-de/resources/listing/B", b"\xff", 400),
        ("PUT", "/v1/stores/amz-de/resources/listing/B", b'{"sku":"A","a":1,"a":NaN}', 400),
        ("PATCH", "/v1/stores/amz-de/resources/listing/B", b"{}", 404),
        ("DELETE", "/v1/stores/amz-de/resources/listing/B", None, 404),
        ("POST", "/v1/stores/amz-de/batch", b"{}", 400),
        ("POST", "/v1/stores/amz-de/batch", {"items": []}, 400),
        ("POST", "/v1/stores/amz-de/batch", {"items": [1]}, 400),
        (
            "POST",
            "/v1/stores/amz-de/batch",
            {"items": [{"op": "create", "type": "listing", "key": "B"}]},
            400,
        ),
        (
            "POST",
            "/v1/stores/amz-de/batch",
            {"items": [{"op": "update", "type": "listing", "key": "A", "idempotencyKey": "k", "x": 1}]},
            400,
        ),
        (
            "POST",
            "/v1/stores/amz-de/batch",
            {
                "items": [{"op": "delete", "type": "listing", "key": "A", "idempotencyKey": "k"}]
                * (MAX_BATCH + 1)
            },
            400,
        ),
    ],
)
def test_a_request_that_is_wrong_is_refused_and_changes_nothing(
    method: str, path: str, body: Any, status: int, api: Api
) -> None:
    """Each mistake has its status and a problem document; nothing is written."""
    revision = api.database.revision()
    answer = api.ask(method, path, body)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert orjson.loads(answer.body)["status"] == status
    assert api.database.revision() == revision


@pytest.mark.parametrize("depth", [10, 100, 300, 900, 5000])
def test_deeply_nested_attributes_are_taken_or_refused(depth: int, api: Api) -> None:
    """Depth is no reason to fall over: taken, or refused with a 4xx."""
    answer = api.ask("PUT", "/v1/stores/amz-de/resources/listing/B", _deep(depth))
    assert answer.status in (201, 400, 422)
    body = b'{"items":[{"op":"create","type":"listing","key":"C","idempotencyKey":"k","attributes":%b}]}'
    assert api.ask("POST", "/v1/stores/amz-de/batch", body % _deep(depth)).status in (200, 400, 422)


@pytest.mark.parametrize("key", ["a\nb", "\x7f", "a/b", "ü", "a b", "%2F", "?", "#"])
def test_what_a_batch_can_make_the_path_can_name(key: str, api: Api) -> None:
    """A key that one way of writing takes, the other can read; or both refuse it."""
    row = {"op": "create", "type": "listing", "key": key, "idempotencyKey": "k", "attributes": {"sku": "A"}}
    answer = api.ask("POST", "/v1/stores/amz-de/batch", {"items": [row]})
    made = answer.status == 200 and orjson.loads(answer.body)["items"][0]["status"] == 201
    found = api.ask("GET", f"/v1/stores/amz-de/resources/listing/{quote(key, safe='')}")
    assert (found.status == 200) == made
    if made:
        assert orjson.loads(found.body)["key"] == key


@pytest.mark.parametrize("type", TYPES)
def test_a_type_that_a_store_holds_none_of_is_an_empty_page(type: str, api: Api) -> None:
    """A store that is there answers 200 for every type; 404 is for stores that are not."""
    answer = api.ask("GET", f"/v1/stores/amz-de/resources?type={type}")
    assert answer.status == 200
    page = orjson.loads(answer.body)
    assert page["total"] == len(page["items"])
    assert {i["type"] for i in page["items"]} <= {type}


# -- the rules of a marketplace -----------------------------------------------------------------------------


def _with(attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**attributes, **more}


RULES: dict[str, tuple[str, str, str, str, dict[str, Any] | None, int]] = {
    # unique keys
    "the same listing again": ("create", "amz-de", "listing", "A", LISTING, 409),
    "the same storefront again": ("create", "amz-de", "storefront", "amz-de", FRONT, 409),
    "an update of what is not there": ("update", "amz-de", "listing", "B", {"status": "active"}, 404),
    "a deletion of what is not there": ("delete", "amz-de", "listing", "B", None, 404),
    # references
    "a store that is not there": ("create", "nowhere", "listing", "A", {"sku": "A"}, 422),
    "a storefront under another name": ("create", "amz-fr", "storefront", "amz-it", FRONT, 422),
    "an unknown tax class": ("create", "amz-de", "listing", "B", _with(LISTING, taxClass="none"), 422),
    "an update to an unknown tax class": ("update", "amz-de", "listing", "A", {"taxClass": "none"}, 422),
    "an unknown role": ("create", "amz-de", "grant", "x", _with(GRANT, role="none"), 422),
    "an unknown SKU": ("create", "amz-de", "promotion", "p", _with(PROMOTION, skus=["A", "B"]), 422),
    "an update to an unknown SKU": ("update", "amz-de", "promotion", "sale", {"skus": ["B"]}, 422),
    "a listing in a shop": ("create", "ber", "listing", "A", {"sku": "A"}, 422),
    "stock in a storefront": ("create", "amz-de", "stock", "A", {"pool": "main"}, 422),
    "a role in a shop": ("create", "ber", "role", "r", ROLE, 201),
    # money
    "another currency": (
        "create",
        "amz-de",
        "listing",
        "B",
        _with(LISTING, price={"currency": "USD", "value": "1.00"}),
        422,
    ),
    "a floor in another currency": (
        "update",
        "amz-de",
        "listing",
        "A",
        {"minPrice": {"currency": "USD", "value": "1.00"}},
        422,
    ),
    "decimals that yen do not have": (
        "create",
        "amz-jp",
        "listing",
        "B",
        {"sku": "B", "price": {"currency": "JPY", "value": "100.50"}},
        422,
    ),
    "whole yen": (
        "create",
        "amz-jp",
        "listing",
        "B",
        {"sku": "B", "price": {"currency": "JPY", "value": "100"}},
        201,
    ),
    "three decimals of a euro": (
        "update",
        "amz-de",
        "listing",
        "A",
        {"price": {"currency": "EUR", "value": "9.999"}},
        422,
    ),
    "a number as an amount": (
        "update",
        "amz-de",
        "listing",
        "A",
        {"price": {"currency": "EUR", "value": 9.99}},
        422,
    ),
    "a negative amount": (
        "update",
        "amz-de",
        "listing",
        "A",
        {"price": {"currency": "EUR", "value": "-1.00"}},
        422,
    ),
    "an amount with a line end": (
        "update",
        "amz-de",
        "listing",
        "A",
        {"price": {"currency": "EUR", "value": "9.99\n"}},
        422,
    ),
    "an amount inside a discount": (
        "create",
        "amz-de",
        "promotion",
        "p",
        _with(PROMOTION, discount={"amount": {"currency": "USD", "value": "1.00"}}),
        422,
    ),
    # attributes
    "an unknown attribute": ("update", "amz-de", "listing", "A", {"colour": "red"}, 422),
    "a missing attribute": ("create", "amz-de", "listing", "B", {"status": "active"}, 422),
    "a required attribute cleared": ("update", "amz-de", "tax-rule", "domestic", {"validFrom": None}, 422),
    "an attribute cleared": ("update", "amz-de", "listing", "A", {"taxClass": None}, 200),
    "a date that is none": ("create", "amz-de", "tax-rule", "t", _with(TAX, validFrom="2025-02-30"), 422),
    "an unknown status": ("update", "amz-de", "listing", "A", {"status": "sleeping"}, 422),
    "a window that is empty": ("update", "amz-de", "promotion", "sale", {"end": PROMOTION["start"]}, 422),
    "a window turned round": (
        "update",
        "amz-de",
        "promotion",
        "sale",
        {"start": "2027-01-01T00:00:00Z"},
        422,
    ),
    # fixed at creation
    "a listing's SKU": ("update", "amz-de", "listing", "A", {"sku": "B"}, 422),
    "a listing's SKU as it is": ("update", "amz-de", "listing", "A", {"sku": "A"}, 200),
    "a store's currency": ("update", "amz-de", "storefront", "amz-de", {"currency": "USD"}, 422),
    "a shop's address": (
        "update",
        "ber",
        "location",
        "ber",
        {"address": {"countryCode": "DE", "lines": ["Elsewhere 1"]}},
        422,
    ),
    "a grant's subject": (
        "update",
        "amz-de",
        "grant",
        "pricing:group:eu",
        {"subject": {"kind": "group", "id": "us"}},
        422,
    ),
    # still in use
    "a tax class in use": ("delete", "amz-de", "tax-class", "standard", None, 409),
    "a role in use": ("delete", "amz-de", "role", "pricing", None, 409),
    "a storefront in use": ("delete", "amz-de", "storefront", "amz-de", None, 409),
    "a shop in use": ("delete", "ber", "location", "ber", None, 409),
    "an empty storefront": ("delete", "amz-jp", "storefront", "amz-jp", None, 204),
    "a grant": ("delete", "amz-de", "grant", "pricing:group:eu", None, 204),
}
"""What is tried: operation, store, type, key, attributes; and the status."""


@pytest.mark.parametrize("way", ["by itself", "in a batch", "validated"])
@pytest.mark.parametrize("rule", RULES)
def test_the_rules_of_a_marketplace(rule: str, way: str, api: Api) -> None:
    """What a marketplace refuses the sandbox refuses, by itself and in batches alike; a refusal changes nothing, and
    validating changes nothing at all."""
    operation, store, type, key, attributes, status = RULES[rule]
    revision = api.database.revision()
    if way == "by itself":
        method = {"create": "PUT", "update": "PATCH", "delete": "DELETE"}[operation]
        path = f"/v1/stores/{store}/resources/{type}/{quote(key, safe='')}"
        found = api.ask(method, path, attributes).status
    else:
        item = {"op": operation, "type": type, "key": key}
        item |= {"attributes": attributes} if attributes is not None else {}
        query = "?validate=true" if way == "validated" else ""
        found = api.batch(item, store=store, query=query)[0]["status"]
    assert found == status
    written = status < 300 and way != "validated"
    assert (api.database.revision() != revision) == written


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_old_version_is_refused(method: str, api: Api) -> None:
    """If-Match with a version that has moved on is 412; with the current one it is done."""
    path = "/v1/stores/amz-de/resources/promotion/sale"
    old = api.ask("GET", path).headers["etag"]
    new = api.ask("PATCH", path, {"audience": "all"}, if_match=old).headers["etag"]
    assert new != old
    assert api.ask(method, path, {"audience": "b2b"}, if_match=old).status == 412
    assert api.ask(method, path, {"audience": "b2b"}, if_match=new).status in (200, 204)


def test_a_resource_that_came_back_has_another_version_and_another_id(api: Api) -> None:
    """Deleted and made again is another resource: nobody's old version fits it."""
    path = "/v1/stores/amz-de/resources/promotion/sale"
    first = api.ask("GET", path)
    assert api.ask("DELETE", path).status == 204
    assert api.ask("PUT", path, PROMOTION).status == 201
    second = api.ask("GET", path)
    assert first.headers["etag"] != second.headers["etag"]
    assert orjson.loads(first.body)["id"] != orjson.loads(second.body)["id"]


def test_rows_of_a_batch_see_the_rows_before_them(api: Api) -> None:
    """A batch is carried out in order: a class made in it can be used, and then no longer deleted."""
    rows = [
        {"op": "create", "type": "tax-class", "key": "reduced", "attributes": {"name": "reduced"}},
        {"op": "update", "type": "listing", "key": "A", "attributes": {"taxClass": "reduced"}},
        {"op": "delete", "type": "tax-class", "key": "reduced"},
        {"op": "delete", "type": "tax-class", "key": "standard"},
        {"op": "create", "type": "listing", "key": "B", "attributes": {"sku": "B"}},
        {"op": "update", "type": "promotion", "key": "sale", "attributes": {"skus": ["A", "B"]}},
    ]
    assert [r["status"] for r in api.batch(*rows)] == [201, 200, 409, 204, 201, 200]


def test_a_repeated_creation_is_answered_as_the_contract_says(api: Api) -> None:
    """The same PUT under the same key, after somebody deleted the resource: still the resource as it was made, or a
    problem; never an empty object."""
    path = "/v1/stores/amz-de/resources/promotion/other"
    first = api.ask("PUT", path, PROMOTION, idempotency_key="k1")
    assert api.ask("DELETE", path).status == 204
    again = api.ask("PUT", path, PROMOTION, idempotency_key="k1")
    assert again.status >= 400 or orjson.loads(again.body).keys() == orjson.loads(first.body).keys()


def test_the_contract_lists_what_is_fixed_and_required() -> None:
    """The document that clients are written from names every type, with its attributes."""
    document = openapi()
    assert document["openapi"].startswith("3.1")
    names = {"".join(p.capitalize() for p in t.split("-")) for t in TYPES}
    assert {f"{n}Attributes" for n in names} | {f"{n}Patch" for n in names} <= document["components"][
        "schemas"
    ].keys()
    assert set(document["x-immutable-attributes"]) <= set(TYPES)


KINDS = {
    "Store": ("storefront", "location"),
    "SkuMapping": ("listing", "stock"),
    "RolePermission": ("role", "grant"),
    "TaxRule": ("tax-rule", "tax-class"),
    "Promo": ("promotion",),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_type_comes_from_one_kind_of_spec(kind: str) -> None:
    """So that it is known of whom `ignoreFields` and `ceded` speak."""
    assert {type_.name for type_ in TYPES.values() if type_.kind == kind} == {*KINDS[kind]}
