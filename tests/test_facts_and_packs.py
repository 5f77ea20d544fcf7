"""Recorded facts are read strictly; packs of tax rules are included by name and version."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.engines.tax import Supply, decide
from acorn_gitops.model.reference import tax_packs
from acorn_gitops.specs.configuration import Configuration, Spec
from acorn_gitops.specs.facts import TABLES
from acorn_gitops.specs.load import load
from acorn_gitops.specs.packs import expanded, problems
from tests.repository import Repository, document, sku, storefront


def recorded(path: Path, name: str, text: str | bytes) -> Repository:
    """A repository with one table."""
    made = Repository(path, storefront(), sku())
    (path / "facts").mkdir()
    (path / "facts" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return made


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("stock.csv", "location,sku\n", "the heading lacks onHand, asOf"),
        ("stock.csv", "location,sku,onHand,asOf,colour\n", "the heading has colour"),
        ("stock.csv", "location,sku,onHand,asOf\nx,A,ten,2026-11-23T08:00:00Z\n", "onHand cannot be 'ten'"),
        ("stock.csv", "location,sku,onHand,asOf\nx,A,-1,2026-11-23T08:00:00Z\n", "onHand cannot be '-1'"),
        ("stock.csv", "location,sku,onHand,asOf\nx,A,1,2026-11-23\n", "an instant with its zone"),
        ("stock.csv", "location,sku,onHand,asOf\nx,A,1\n", "3 cells, and the heading has 4"),
        (
            "prices.csv",
            "store,sku,currency,price,from\na,A,EUR,4.99e2,2026-11-23T08:00:00Z\n",
            "price cannot be",
        ),
        ("activity.csv", "subject,store,right,lastUsed\na,b,c,23.11.2026\n", "a date like"),
        ("restrictions.csv", "store,sku,reason,asOf\na,A,MAYBE,2026-11-23\n", "one of APPROVAL_REQUIRED"),
        ("wishes.csv", "a,b\n", "wishes is no table of facts"),
        ("stock.csv", b"location,sku,onHand,asOf\n\xff\xfe", "cannot be read"),
        ("stock.csv", 'location,sku,onHand,asOf\n"x,A\n', "this is not CSV"),
        ("stock.csv", "", "the heading lacks"),
    ],
)
def test_a_wrong_fact_is_an_error_with_its_line(name: str, text: Any, words: str, tmp_path: Path) -> None:
    """The rest would be a half-truth."""
    result = recorded(tmp_path / "r", name, text).run("validate")
    assert result.code == 4
    assert words in result.out
    assert f"facts/{name}" in result.out


def test_every_table_can_be_read(tmp_path: Path) -> None:
    """An empty one, with its headings."""
    made = Repository(tmp_path / "r", storefront(), sku())
    (made.path / "facts").mkdir()
    for name, table in TABLES.items():
        (made.path / "facts" / f"{name}.csv").write_text(",".join(table.columns) + "\n")
    facts = load(made.path, None, None).configuration.facts
    assert facts.findings == []
    assert set(facts.tables) == set(TABLES)


def test_another_folder_and_one_that_is_missing(tmp_path: Path) -> None:
    """acorn.yaml names it; facts outside the repository are not read."""
    made = Repository(tmp_path / "r", storefront(), sku())
    path = made.path / "acorn.yaml"
    text = path.read_text()
    for folder, words in (("nowhere", "there is no folder nowhere"), ("../elsewhere", "climbs")):
        path.write_text(text + f"  facts: {folder}\n")
        result = made.run("validate")
        assert result.code == 4
        assert words in result.out


# Packs


def included(path: Path, spec: dict[str, Any], *more: dict[str, Any]) -> Repository:
    """A repository that includes a pack, and says of every other sale that it is out of scope."""
    rest = {
        "validity": {"from": "2000-01-01"},
        "match": {"stores": {"names": ["amz-de"]}},
        "result": {"liableParty": "none", "treatment": "outOfScope"},
    }
    return Repository(
        path,
        storefront(country="DE"),
        sku(attributes={"taxClass": "standard"}),
        document("TaxRule", "eu", spec),
        document("TaxRule", "rest", rest),
        *more,
    )


@pytest.mark.parametrize("key", sorted(tax_packs()), ids=lambda k: k[0])
def test_every_pack_compiles_and_is_applied(key: tuple[str, str], tmp_path: Path) -> None:
    """With what it asks for; each of its rules is one of the store, and planning again finds nothing."""
    pack = tax_packs()[key]
    spec: dict[str, Any] = {"pack": pack.name, "version": pack.version, "stores": {"names": ["amz-de"]}}
    if "countries" in pack.takes:
        spec["countries"] = {"one-rate": ["SG"], "eu-export": ["CH"]}.get(pack.name, ["FR"])
    if "taxClass" in pack.asks:
        spec["taxClass"] = ["special"]
    if "shipFrom" in pack.takes:
        spec["shipFrom"] = ["CN"]
    made = included(tmp_path / "r", spec)
    result = made.run("validate", "-o", "json")
    assert {f["id"] for f in result.json["findings"] if f["severity"] == "error"} == set()
    made.apply()
    rules = {a for a in made.live() if "/tax-rule/" in a}
    assert rules == {f"amz-de/tax-rule/eu-{name}" for name, _ in expanded(spec)} | {"amz-de/tax-rule/rest"}
    assert made.plan()["changes"] == []
    for name, rule in expanded(spec):
        assert rule["evidence"]["source"], name
        assert "@" not in str(rule), name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pack": "eu-union-os"}, "did you mean eu-union-oss?"),
        ({"version": "2025.01"}, "there is 2026.11"),
        ({"version": None}, "version is missing"),
        ({"shipFrom": ["CN"]}, "takes no shipFrom"),
        ({"only": ["consumer"]}, "has no rule consumer"),
        ({"pack": "eu-deemed-supplier"}, "asks where goods come from"),
        ({"pack": "eu-domestic", "countries": None}, "asks for which countries"),
        ({"result": {}}, "unknown field result"),
        ({"pack": "jp-reduced", "countries": None}, "asks for which goods"),
    ],
)
def test_a_wrong_inclusion_is_told(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    """With its place, and what would be right."""
    spec = {
        "pack": "eu-union-oss",
        "version": "2026.11",
        "stores": {"names": ["amz-de"]},
        "countries": ["FR"],
        **change,
    }
    result = included(tmp_path / "r", {k: v for k, v in spec.items() if v is not None}).run("validate")
    assert result.code == 4
    assert words in " ".join(result.out.split())


INSIDE, OUTSIDE = {"establishedIn": "DE"}, {"establishedIn": "CN"}
VALID = {"customer": "b2b", "vat_id": "valid"}
WORTH = {"150": (Decimal(150), "EUR"), "151": (Decimal(151), "EUR"), "6000": (Decimal(6000), "EUR")}


@pytest.mark.parametrize(
    ("packs", "entity", "supply", "words"),
    [
        # A seller in the EU: domestic, distance, to companies, out of the EU.
        ("eu-union-oss", INSIDE, {"ship_from": "DE", "ship_to": "FR"}, "seller: standard 20 %"),
        ("eu-union-oss", INSIDE, {"ship_from": "DE", "ship_to": "DE"}, "no rule"),
        ("eu-union-oss eu-domestic", INSIDE, {"ship_from": "DE", "ship_to": "DE"}, "seller: standard 19 %"),
        ("eu-intra-community", INSIDE, {"ship_from": "DE", "ship_to": "FR", **VALID}, "customer: intraCommunity"),
        ("eu-intra-community", INSIDE, {"ship_from": "FR", "ship_to": "FR", **VALID}, "no rule"),
        ("eu-union-oss", INSIDE, {"ship_from": "DE", "ship_to": "FR", "customer": "b2b"}, "seller: standard 19 %"),
        ("eu-export", INSIDE, {"ship_from": "DE", "ship_to": "CH"}, "seller: export"),
        # A seller in China: parcels, goods that lie in the EU, and what is neither.
        ("eu-deemed-supplier", OUTSIDE, {"ship_from": "CN", "ship_to": "FR", "value": WORTH["150"]}, "marketplace: outOfScope"),
        ("eu-deemed-supplier", OUTSIDE, {"ship_from": "CN", "ship_to": "FR", "value": WORTH["151"]}, "no rule"),
        ("eu-deemed-supplier", OUTSIDE, {"ship_from": "DE", "ship_to": "FR", "value": WORTH["6000"]}, "marketplace: outOfScope"),
        ("eu-deemed-supplier", INSIDE, {"ship_from": "CN", "ship_to": "FR", "value": WORTH["150"]}, "marketplace: outOfScope"),
        ("eu-deemed-supplier", INSIDE, {"ship_from": "DE", "ship_to": "FR"}, "no rule"),
        ("uk-online-marketplace", OUTSIDE, {"ship_from": "GB", "ship_to": "GB"}, "marketplace: outOfScope"),
        ("uk-online-marketplace", {"establishedIn": "GB"}, {"ship_from": "GB", "ship_to": "GB"}, "no rule"),
        # Phones to companies: the customer above the bound, the seller up to it.
        *(
            ("eu-domestic eu-domestic-reverse-charge-goods", INSIDE,
             {"ship_from": "DE", "ship_to": "DE", "tax_class": "special", **VALID, "value": (Decimal(value), "EUR")}, words)
            for value, words in (("5000", "seller: standard 19 %"), ("5000.01", "customer: reverseCharge"))
        ),
        # Canada: who is registered owes it, by province.
        ("ca-platform ca-registered", OUTSIDE, {"ship_from": "CA-QC", "ship_to": "CA-ON"}, "marketplace: outOfScope"),
        *(
            ("ca-platform ca-registered", {"establishedIn": "CA", "registrations": [{"country": "CA"}]}, {"ship_to": place}, words)
            for place, words in (("CA-ON", "seller: standard 13 %"), ("CA-NS", "seller: standard 14 %"), ("CA-AB", "seller: standard 5 %"))
        ),
        ("jp-consumption", INSIDE, {"ship_to": "JP"}, "seller: standard 10 %"),
        ("jp-consumption jp-reduced", INSIDE, {"ship_to": "JP", "tax_class": "special"}, "seller: reduced 8 %"),
    ],
    ids=str,
)  # fmt: skip
def test_packs_decide_as_the_law_does(
    packs: str, entity: dict[str, Any], supply: dict[str, Any], words: str
) -> None:
    """For the seller that acorn.yaml knows."""
    rules = []
    for name in packs.split():
        spec: dict[str, Any] = {"pack": name, "version": "2026.11", "stores": {}}
        pack = tax_packs()[name, "2026.11"]
        if "countries" in pack.takes and pack.countries is None:
            spec["countries"] = ["CH", "DE", "FR"]
        if "shipFrom" in pack.takes:
            spec["shipFrom"] = ["CN"]
        if "taxClass" in pack.asks:
            spec["taxClass"] = ["special"]
        assert problems(spec) == []
        rules += [Spec("TaxRule", f"{name}-{n}", {}, body, "t.yaml", 1) for n, body in expanded(spec)]
    front = {"platform": "network", "currency": "EUR", "country": "DE"}
    body = {"type": "storefront", "storefront": front, "legalEntity": "us"}
    store = Spec("Store", "shop", {}, body, "s.yaml", 1)
    config = Configuration(
        "t", "sandbox", {}, {}, {}, {}, {"shop": store}, [], {}, {r.name: r for r in rules}, {}, ""
    )
    config.settings = {"entities": {"us": entity}}  # type: ignore[misc]
    asked = Supply(**{"store": "shop", "ship_from": "US", "date": "2026-11-26", **supply})
    assert decide(config, asked).words == words


def test_part_of_a_pack_its_priority_and_its_evidence(tmp_path: Path) -> None:
    """`only` takes some of its rules; who looked at it is the spec's own."""
    evidence = {"source": "our adviser", "asOf": "2026-11-01"}
    spec = {"pack": "eu-union-oss", "version": "2026.11", "stores": {"names": ["amz-de"]}, "countries": ["FR"],
            "only": ["consumers"], "priority": 5, "evidence": evidence}  # fmt: skip
    config = load(included(tmp_path / "r", spec).path, None, None).configuration
    assert sorted(config.taxes) == ["eu-consumers", "rest"]
    assert config.taxes["eu-consumers"].spec["priority"] == 5
    assert config.taxes["eu-consumers"].spec["evidence"] == evidence


def test_explain_tells_what_the_pack_says_and_what_the_spec(tmp_path: Path) -> None:
    """Every value of a rule that a pack has made, with the place where it was said."""
    spec = {
        "pack": "eu-union-oss",
        "version": "2026.11",
        "stores": {"names": ["amz-de"]},
        "countries": ["FR"],
    }
    made = included(tmp_path / "r", spec)
    rows = {r["field"]: r for r in made.run("explain", "TaxRule/eu-no-id", "-o", "json").json["fields"]}
    assert {
        f: r["value"]
        for f, r in rows.items()
        if not f.startswith(("evidence", "match.supply.territoryExclude"))
    } == {
        "match.customer.type": "b2b",
        "match.customer.vatId": "absent",
        "match.stores.names": ["amz-de"],
        "match.supply.shipFrom": ["EU"],
        "match.supply.shipTo": ["FR"],
        "result.invoice.category": "S",
        "result.liableParty": "seller",
        "result.rate.class": "standard",
        "result.rate.of": "shipFrom",
        "result.scheme": "local",
        "result.treatment": "standard",
        "validity.from": "2021-07-01",
    }
    assert rows["match.supply.shipTo"]["layer"] == "spec"
    assert rows["result.treatment"]["layer"] == "pack eu-union-oss 2026.11, included at"
    assert all(r["place"].startswith("specs/") for r in rows.values())


def test_two_inclusions_that_make_one_rule_are_told(tmp_path: Path) -> None:
    """Names must not meet."""
    spec = {"pack": "uk-domestic", "version": "2026.11", "stores": {"names": ["amz-de"]}}
    other = document(
        "TaxRule",
        "eu-all",
        {
            "validity": {"from": "2024-01-01"},
            "match": {},
            "result": {"liableParty": "none", "treatment": "outOfScope"},
        },
    )
    result = included(tmp_path / "r", spec, other).run("validate")
    assert "GEN-010" in result.out


def test_the_sellers_facts_decide(tmp_path: Path) -> None:
    """Where acorn.yaml keeps the company, a rule for another seller does not match; elsewhere it is taken as written."""
    rule = {"validity": {"from": "2024-01-01"}, "match": {"seller": {"establishedIn": ["EU"], "registeredIn": ["FR"]}},
            "result": {"liableParty": "seller", "treatment": "standard", "rate": {"percent": "19"}}}  # fmt: skip
    front = storefront(country="DE")
    front["spec"]["legalEntity"] = "acme"
    made = Repository(tmp_path / "r", front, sku(), document("TaxRule", "t", rule))
    ask = ("tax", "explain", "--store", "amz-de", "--to", "DE")
    assert made.run(*ask).code == 0
    path = made.path / "acorn.yaml"
    text = path.read_text()
    path.write_text(text + "  entities: {acme: {name: Acme, establishedIn: CN}}\n")
    assert "the seller is established in CN, the rule is for EU" in made.run(*ask).out
    path.write_text(text + "  entities: {acme: {name: Acme, establishedIn: DE}}\n")
    assert "the seller is not registered in FR" in made.run(*ask).out
    path.write_text(
        text
        + '  entities: {acme: {name: Acme, establishedIn: DE, registrations: [{country: FR, number: "FR40303265045"}]}}\n'
    )
    assert made.run(*ask).code == 0
