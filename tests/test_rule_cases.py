"""A failing and a passing case of single rules, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.repository import Repository, document, shop, sku, storefront


def listed(code: str, asin: str, gtin: str | None, store: str = "amz-de") -> dict[str, Any]:
    """A SKU with an ASIN and a GTIN."""
    made = sku(code, store=store)
    made["spec"]["listings"][0]["asin"] = asin
    if gtin:
        made["spec"]["gtin"] = gtin
    return made


def american(**attributes: Any) -> list[dict[str, Any]]:
    """amazon.com with one listing."""
    front = {
        "platform": "amazon",
        "marketplaceId": "ATVPDKIKX0DER",
        "region": "na",
        "sellerId": "A1EXAMPLE23456",
        "currency": "USD",
        "timezone": "America/Los_Angeles",
    }
    store = document("Store", "amz-us", {"type": "storefront", "storefront": front})
    more = {"attributes": attributes} if attributes else {}
    return [store, sku("K", store="amz-us", currency="USD", **more)]


def taxed(
    rate: dict[str, str], treatment: str = "standard", to: str = "DE", **validity: str
) -> list[dict[str, Any]]:
    """A storefront with one tax rule."""
    body = {
        "validity": {"from": "2025-01-01", **validity},
        "match": {"supply": {"shipTo": [to]}},
        "result": {"liableParty": "seller", "treatment": treatment, "rate": rate},
    }
    return [storefront(country="DE"), sku(), document("TaxRule", "t", body)]


def stocked(*locations: str) -> list[dict[str, Any]]:
    """A SKU with these sources."""
    return [
        storefront(),
        shop(),
        sku(inventory={"pool": "p", "sources": [{"location": name} for name in locations]}),
    ]


A, B = "4006381333931", "9520980000216"
CASES: list[tuple[str, bool, list[dict[str, Any]]]] = [
    ("SKU-012", True, [storefront(), listed("K", "B0EXAMPLE1", A), listed("L", "B0EXAMPLE1", B)]),
    ("SKU-012", True, [storefront(), listed("K", "B0EXAMPLE1", A), listed("L", "B0EXAMPLE2", A)]),
    ("SKU-012", False, [storefront(), listed("K", "B0EXAMPLE1", A), listed("L", "B0EXAMPLE2", B)]),
    ("SKU-012", False, [storefront(), listed("K", "B0EXAMPLE1", A), listed("L", "B0EXAMPLE3", None)]),
    (
        "SKU-012",
        False,
        [storefront(), storefront("amz-fr"), listed("K", "B0EXAMPLE1", A), listed("L", "B0EXAMPLE1", B, "amz-fr")],
    ),
    ("SKU-022", True, stocked("de-ber-mitte", "de-ber-mitte")),
    ("SKU-022", False, stocked("de-ber-mitte")),
    ("TAX-020", True, american()),
    ("TAX-020", False, american(ptc="A_GEN_TAX")),
    ("TAX-020", False, [storefront(), sku()]),
    ("TAX-040", True, taxed({"percent": "16"})),
    ("TAX-040", False, taxed({"percent": "19.0"})),
    ("TAX-040", False, taxed({"percent": "7"}, "reduced")),
    ("TAX-040", False, taxed({"percent": "16"}, "standard", "IT-LIVIGNO")),
    ("TAX-040", False, taxed({"class": "standard"})),
]  # fmt: skip


@pytest.mark.parametrize(
    ("id", "told", "documents"), CASES, ids=lambda v: str(v) if isinstance(v, str | bool) else ""
)
def test_a_rule_tells_what_it_should(
    id: str, told: bool, documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    """And nothing else."""
    made = Repository(tmp_path / "r", *documents)
    result = made.run("validate")
    assert (f" {id}:" in result.out) is told, result.out


@pytest.mark.parametrize(
    ("now", "told"), [("2026-11-23", False), ("2027-03-26", False), ("2027-03-27", True)]
)
def test_an_old_table_is_told(now: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 120 days, where a rule relies on it."""
    monkeypatch.setenv("ACORN_NOW", f"{now}T12:00:00Z")
    made = Repository(tmp_path / "r", *taxed({"class": "standard"}))
    assert ("TAX-041" in made.run("validate").out) is told
    made = Repository(tmp_path / "s", *taxed({"percent": "19"}))
    assert "TAX-041" not in made.run("validate").out
