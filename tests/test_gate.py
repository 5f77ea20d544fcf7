"""The published schemas against the models: both accept the same documents of every kind."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from acorn_gitops.model.kinds import DOCUMENTS
from acorn_gitops.model.project import ProjectDocument
from acorn_gitops.resources.registry import TYPES
from acorn_gitops.specs import gate

MODELS = {**DOCUMENTS, "Project": ProjectDocument}
RELAXED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def by_model(kind: str, document: Any) -> bool:
    """Whether the pydantic model takes the document."""
    try:
        MODELS[kind].model_validate(document, strict=True, context={"types": [*TYPES]})
    except ValidationError:
        return False
    return True


def check(kind: str, document: dict[str, Any]) -> None:
    """Gate, model and explanation agree about a document."""
    accepted = gate.accepts(kind, document)
    assert accepted == by_model(kind, document), f"schema: {accepted}"
    if document.get("kind") == kind:
        assert accepted == (not gate.problems(kind, document))


# --- full documents: every field of every kind is set -----------------------------------------------------------

MONEY = {"currency": "EUR", "value": "49.99"}
LABELS = {"region": "eu", "tier": "a/b.c-d_e"}
METADATA = {
    "name": "amz-de",
    "labels": LABELS,
    "annotations": {"note": "für später"},
    "movedFrom": "old",
    "abstract": False,
}
LIFECYCLE = {
    "preventDestroy": True,
    "ignoreFields": ["title"],
    "ceded": {"price": {"by": "repricer", "min": "1", "max": "2.50"}},
}
SELECTOR = {
    "names": ["amz-de"],
    "labels": {"region": "eu", "tier": ["a", "b"]},
    "exclude": ["amz-fr"],
    "all": False,
}
ITEM = {
    "gtin": "4006381333931",
    "attributes": {"brand": "Acme", "title": "Kettle", "productType": "KETTLE", "taxClass": "standard", "ptc": "A_GEN_STANDARD",
                   "hs6": "851610", "cost": MONEY, "extra": {"colour": "red", "n": 3, "deep": {"x": [True, None]}}},
    "composition": {"type": "bundle", "of": "A-1", "qty": 2, "components": [{"sku": "B-1", "qty": 1}]},
    "listings": [{"store": "amz-de", "sellerSku": "KTL", "movedFrom": "KTL-0", "asin": "B0EXAMPLE1", "condition": "new_new",
                  "fulfillment": "afn", "price": {"currency": "EUR", "value": "49.99", "rule": "r"}, "status": "active"}],
    "pricePolicy": {"min": {"amz-de": "1"}, "max": {"amz-de": "9"}, "map": {"amz-de": "5.5"}, "minMarginPercent": "5", "spreadMaxPercent": "100"},
    "inventory": {"pool": "main", "sources": [{"location": "berlin", "priority": 1, "reserve": 0}],
                  "buffer": {"units": 0, "percent": "5"},
                  "allocation": {"mode": "weighted", "weights": {"amz-de": 1}, "min": {"amz-de": 0}, "cap": {"amz-de": 9}}},
    "approvals": [{"store": "amz-de", "category": "Toys", "status": "approved", "ref": "x", "at": "2026-01-31",
                   "evidence": "sha256:9f86d081", "expires": "2027-01-31"}],
}  # fmt: skip
MOMENT = {"local": "2026-11-27T00:00", "tz": "store", "fold": 0}
ENABLED = {"enabled": True}
SPECS: dict[str, list[dict[str, Any]]] = {
    "Store": [
        {"type": "storefront", "inherits": ["base"], "connection": "main", "legalEntity": "acme-gmbh",
         "storefront": {"platform": "amazon", "currency": "EUR", "sellerId": "A1", "marketplaceId": "A1PA6795UKMFR9", "country": "DE",
                        "region": "eu", "environment": "sandbox", "credentialsRef": "env:ACME", "languages": ["de_DE"],
                        "timezone": "Europe/Berlin", "pricesIncludeTax": True,
                        "entitlements": {"mli": "none", "bopis": "granted", "vcs": "requested"}, "lifecycle": "live"}},
        {"type": "physical",
         "physical": {"code": "BER1", "alias": "Acme – Berlin",
                      "address": {"countryCode": "DE", "lines": ["Weg 1"], "locality": "Berlin", "administrativeArea": "BE",
                                  "postalCode": "01011", "phone": "+493012345678",
                                  "verification": {"status": "verified", "method": "m", "at": "2026-01-01", "ref": "r",
                                                   "addressHash": "sha256:9f86d081"}},
                      "geo": {"lat": "52.5", "lon": "-13.4"}, "timezone": "UTC",
                      "hours": {"mon": [["09:00", "12:30"], ["14:00", "24:00"]], "tue": [], "sun": None},
                      "exceptions": [{"date": "2026-12-24", "hours": [["09:00", "14:00"]]}],
                      "capabilities": {"shipFromStore": {**ENABLED, "handlingTime": {"value": 2, "unit": "hours"}, "cutoff": "14:00", "carriers": ["DHL"]},
                                       "bopis": {**ENABLED, "inventoryHold": {"value": 2, "unit": "days"}, "curbside": False},
                                       "returns": {**ENABLED, "location": "self"}},
                      "throughput": {"orders": 10, "per": "hour"}, "safetyStock": {"default": 2}, "supplySourceId": "s"}},
    ],
    "SkuMapping": [
        {"sku": "KTL-17-BLK", "inherits": ["base"], **ITEM},
        {"items": [{"sku": "KTL 17", "name": "k", "labels": LABELS, **ITEM}, {"sku": "B"}],
         "defaults": {**ITEM, "listing": {"condition": "used_good", "fulfillment": "mfn", "status": "inactive"}}},
        {"table": {"file": "skus.csv", "delimiter": "\t", "encoding": "gb18030", "columns": {"Artikel-Nr": "sku"}, "decimalComma": True},
         "defaults": {"attributes": {"brand": "Acme"}}},
    ],
    "RolePermission": [
        {"subjects": [{"kind": "user", "id": "a@b.example", "employment": "employee", "mfa": True}], "stores": SELECTOR,
         "rules": [{"resources": ["listing", "*"], "verbs": ["read", "*"], "constraints": {"maxDiscountPercent": "20", "maxBudget": MONEY}}],
         "validity": {"from": "2026-01-01", "until": "2026-12-31"},
         "approvals": {"requiredFor": ["promo.write"], "approvers": [{"group": "g"}, {"user": "u"}], "min": 1, "selfApproval": False},
         "justification": "because", "review": {"lastReviewed": "2026-01-01", "by": "me", "everyDays": 90}, "breakGlass": False,
         "key": "k", "inherits": ["base"]},
    ],
    "TaxRule": [
        {"validity": {"from": "2026-01-01", "to": None},
         "match": {"stores": {"names": ["amz-de"], "labels": {"a": ["b"]}, "marketplaces": ["DE"]},
                   "supply": {"shipFrom": ["DE", "DE-BUSINGEN"], "shipTo": ["EU", "US-CA"], "territoryExclude": ["EEA"]},
                   "customer": {"type": "b2c", "vatId": "absent"}, "seller": {"establishedIn": ["CN"], "registeredIn": ["DE"]},
                   "goods": {"taxClass": ["standard"], "ptc": ["A_GEN_STANDARD"], "skus": ["A 1"]},
                   "value": {"currency": "EUR", "max": "150", "basis": "consignment"}},
         "result": {"liableParty": "seller", "treatment": "standard", "rate": {"class": "standard", "percent": "19"},
                    "scheme": "union-oss", "invoice": {"mention": "m", "category": "S"}},
         "enabled": True, "priority": -5, "evidence": {"source": "s", "asOf": "2026-01-01", "reviewedBy": "r", "nextReview": "2027-01-01"},
         "retroactive": False, "key": "k", "inherits": ["base"]},
    ],
    "Promo": [
        {"type": "percentOff", "stores": SELECTOR,
         "skus": {"names": ["A 1"], "labels": {"a": "b"}, "exclude": ["B"], "all": True},
         "window": {"start": MOMENT, "end": {"local": "2026-11-30T24:00"[:-5] + "23:59:59", "tz": "Europe/Berlin"}},
         "discount": {"percent": "15", "amount": {"amz-de": MONEY}, "salePrice": {"amz-de": MONEY},
                      "buyXGetY": {"buy": 2, "get": 1, "discountPercent": "100"}},
         "audience": "all", "code": "BLACK-26", "minimumOrder": {"amz-de": MONEY},
         "stacking": {"group": "g", "tier": 30, "mode": "additive", "priority": 1, "combinableWith": ["x"]},
         "limits": {"budget": MONEY, "redemptions": 1, "perCustomer": 1, "quantity": 1}, "floors": {"respect": ["min", "map", "margin"]},
         "approvals": [{"role": "r", "by": "b", "at": "2026-01-01"}], "maxTotalPercent": "50", "key": "k", "inherits": ["b"]},
    ],
    "Project": [
        {"specs": ["specs"], "connections": {"main": {"adapter": "network", "url": "sandbox:", "token": "env:T", "options": {"a": [1, {"b": None}]}}},
         "environments": {"sandbox": {"overlays": ["o"], "connections": {"main": {"adapter": "network", "url": "u", "token": "file:t", "options": {}}},
                                      "policies": {"prune": {"listing": False}, "adopt": "equal"}, "ledger": "l.db"}},
         "defaultEnvironment": "sandbox", "defaults": {"Store": {"legalEntity": "x"}, "SkuMapping": {}},
         "policies": {"prune": {"tax-class": True}, "adopt": "never"},
         "priceRules": {"uk": {"fromStore": "amz-de", "factor": "1.1", "fx": {"rate": "0.85", "asOf": "2026-01-01", "source": "ECB"}, "ending": ".95"}},
         "productTypes": {"KETTLE": "kettle.json"}},
    ],
}  # fmt: skip


def _full(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    document = {
        "apiVersion": "acorn/v1",
        "kind": kind,
        "metadata": METADATA,
        "lifecycle": LIFECYCLE,
        "spec": spec,
    }
    if kind == "Project":
        document["metadata"] = {"name": "shop", "labels": LABELS}
        del document["lifecycle"]
    return copy.deepcopy(document)


FULL = {f"{kind}-{i}": _full(kind, spec) for kind, specs in SPECS.items() for i, spec in enumerate(specs)}


@pytest.mark.parametrize("document", FULL.values(), ids=FULL.keys())
def test_a_document_with_every_field_is_accepted_by_both(document: dict[str, Any]) -> None:
    """A document that sets every field of its kind is accepted by schema and model, without a problem."""
    assert by_model(document["kind"], document)
    assert gate.accepts(document["kind"], document)
    assert gate.problems(document["kind"], document) == []


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a tree."""
    found = [path]
    for key, value in (
        node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    ):
        found += places(value, (*path, key))
    return found


def put(document: dict[str, Any], path: tuple[Any, ...], how: str, value: Any) -> dict[str, Any]:
    """A copy with one place changed: `set`, `drop`, or `add` of a key or entry."""
    out = copy.deepcopy(document)
    if not path:
        if how == "add":
            out[str(value)] = value
        return out
    owner = out
    for step in path[:-1]:
        owner = owner[step]
    here = owner[path[-1]]
    if how == "drop":
        del owner[path[-1]]
    elif how == "add" and isinstance(here, dict):
        here[value if isinstance(value, str) else "bogus"] = copy.deepcopy(next(iter(here.values()), 1))
    elif how == "add" and isinstance(here, list):
        here.append(value)
    elif how == "rename" and isinstance(owner, dict) and isinstance(value, str):
        owner[value] = owner.pop(path[-1])
    else:
        owner[path[-1]] = value
    return out


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 10, 20, 1001, 10**9, 10**17, "", " ", "x", "X", "DE", "de", "EU", "DEU", "EUR", "eur", "NO", "a-b", "-a", "a-", "A_b", "a" * 63,
    "a" * 64, "x" * 500, "x" * 501, "é" * 500, "é" * 501, "\N{GRINNING FACE}" * 500, "x" * 4000, "x" * 4001, "x\n", "DE\n", "\nDE", "a\nb", "49.99", "49,99", "049", "1.", ".5",
    "1.12345", "-1", "100", "100.5", "101", "+4930", "+493012345678", "env:X", "env:", "file:a b", "file:a\u00a0b", "file:a\ufeffb", "file:a\x85b", "file:a\u3000b", "keyring:x", "12:30", "24:00", "24:01", "25:00", "9:00",
    "٤٩", "１２", "２０２６-01-01", "2026-01-01", "2026-02-29", "2024-02-29", "2026-13-01", "0000-01-01", "0001-01-01", "9999-12-31", "2026-1-1", "2026-01-01\n", "20260101",
    "2026-01-01T00:00", "2026-02-31T00:00", "2026-11-27T00:00:60", "2026-11-27T24:00", "UTC", "utc", "Europe/Berlin", "Europe", "A/b/c/d",
    "4006381333931", "12345", "0123456789", "012345678X", "B0EXAMPLE1", "B0example1", "sha256:abcdef", "sha256:ABCDEF", "self", "Self", "*", "A_GEN", "A_", "sku", "store", "ｄｅ", "K", "ß", "İ",
    [], [[]], [None], [""], ["x"], ["a", "b"], [["09:00", "12:00"]], [[1]], {}, {"a": "b"}, {"": "b"}, {"a": None}, {"a": 1}, {"A b": "x"}, {"a\n": "b"}, MONEY, {**MONEY, "x": 1}, {"currency": "EUR"},
]  # fmt: skip


def single_changes(document: dict[str, Any], values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Change one place after the other, in place, and put it back: yields where and the value (or `dropped`)."""
    for path in places(document)[1:]:
        owner = document
        for step in path[:-1]:
            owner = owner[step]
        old, shown = owner[path[-1]], ".".join(map(str, path))
        for value in values:
            owner[path[-1]] = value
            yield shown, value
        owner[path[-1]] = old
        if isinstance(owner, dict):
            before = dict(owner)
            del owner[path[-1]]
            yield shown, "dropped"
            owner.clear()
            owner.update(before)


@pytest.mark.parametrize("document", FULL.values(), ids=FULL.keys())
def test_schema_and_model_agree_about_every_single_change(document: dict[str, Any]) -> None:
    """Each field of each kind, removed, nulled, or given each of many odd values, is judged alike."""
    kind = document["kind"]
    document = copy.deepcopy(document)
    differ = [
        (where, value, "schema accepts" if gate.accepts(kind, document) else "model accepts")
        for where, value in single_changes(document, VALUES)
        if gate.accepts(kind, document) != by_model(kind, document)
    ]
    assert differ == []


@pytest.mark.parametrize("document", FULL.values(), ids=FULL.keys())
def test_a_refusal_is_always_explained(document: dict[str, Any]) -> None:
    """Whatever the schema refuses of a single change has a problem in words, and nothing else has one."""
    kind = document["kind"]
    document = copy.deepcopy(document)
    wrong = []
    for where, value in single_changes(document, [None, True, "?", {"?": "?"}]):
        if document.get("kind") == kind:
            found = gate.problems(kind, document)
            if gate.accepts(kind, document) == bool(found) or not all(p.message for p in found):
                wrong.append((where, value, found))
    assert wrong == []


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A full document of some kind with one to four changes."""
    document = draw(st.sampled_from(list(FULL.values())))
    kind = document["kind"]
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(places(document)))
        how = draw(st.sampled_from(["set", "drop", "add", "rename", "graft"]))
        value = draw(
            st.one_of(
                st.sampled_from(VALUES),
                st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
                st.integers(-(10**18) + 1, 10**18 - 1),
                st.dates().map(datetime.date.isoformat),
                st.from_regex(r"\A[A-Z]{2}(-[A-Z0-9-]{1,3})?\Z"),
            )
        )
        if how == "graft":  # a piece of another document
            other = draw(st.sampled_from(list(FULL.values())))
            value = other
            for step in draw(st.sampled_from(places(other))):
                value = value[step]
            how = "set"
        document = put(document, path, how, value)
    return kind, document


@settings(max_examples=500, deadline=None, suppress_health_check=RELAXED)
@given(documents())
def test_schema_model_and_explanation_agree(case: tuple[str, dict[str, Any]]) -> None:
    """Schema and model accept the same documents, and there is a problem exactly when they refuse."""
    check(*case)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": None},
        {"spec": None},
        {"spec": []},
        {"spec": "x"},
        {"metadata": None},
        {"metadata": "x"},
        {"metadata": []},
        {"lifecycle": "x"},
        {"spec": {}, "metadata": {}},
    ],
    ids=str,
)
def test_shapeless_documents_are_refused_and_explained(kind: str, document: dict[str, Any]) -> None:
    """A document whose parts are missing or of the wrong shape is refused with an explanation, never a crash."""
    document = {"apiVersion": "acorn/v1", "kind": kind, **document}
    document["kind"] = kind
    assert not gate.accepts(kind, document)
    assert gate.problems(kind, document)


@pytest.mark.parametrize("text", ["\ud800", "a\udfff"], ids=ascii)
def test_half_a_character_is_judged_not_crashed_on(text: str) -> None:
    """A lone surrogate, which an escape in double quotes can write, is refused or accepted without a crash."""
    document = copy.deepcopy(FULL["SkuMapping-0"])
    document["spec"]["attributes"]["title"] = text
    assert gate.accepts("SkuMapping", document) in (True, False)
