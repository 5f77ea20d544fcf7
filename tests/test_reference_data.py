"""The tables that ship agree with independent packages and with the published schemas."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from acorn_gitops.model.reference import amazon_marketplaces, minor_units, rate_periods, rates_on
from acorn_gitops.model.window import zone
from acorn_gitops.plan.document import FORMAT, make_plan, to_json
from acorn_gitops.resources.registry import TYPES

EU = [
    "AT",
    "BE",
    "BG",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GR",
    "HR",
    "HU",
    "IE",
    "IT",
    "LT",
    "LU",
    "LV",
    "MT",
    "NL",
    "PL",
    "PT",
    "RO",
    "SE",
    "SI",
    "SK",
]

ROOT = Path(__file__).parents[1]


def test_there_are_23_amazon_marketplaces_and_python_amazon_sp_api_knows_the_same() -> None:
    """Ids and regions of every marketplace."""
    from sp_api.base import Marketplaces

    theirs = {m.marketplace_id: m.endpoint.split("-")[1].split(".")[0] for m in Marketplaces}
    ours = {m.marketplace_id: m.region for m in amazon_marketplaces().values()}
    assert len(ours) == 23
    assert ours == theirs


@pytest.mark.parametrize("marketplace", list(amazon_marketplaces().values()), ids=lambda m: m.country)
def test_a_marketplace_has_a_real_zone_and_currency(marketplace: object) -> None:
    """Zones are IANA zones, currencies ISO 4217."""
    assert zone(marketplace.timezone)  # type: ignore[attr-defined]
    assert marketplace.currency in minor_units()  # type: ignore[attr-defined]


@pytest.mark.parametrize("country", [*EU, "GB"])
def test_standard_vat_rates_agree_with_eu_vat_rates_data(country: str) -> None:
    """Today's standard rate, in every member state and the United Kingdom."""
    from decimal import Decimal

    import eu_vat_rates_data

    theirs = eu_vat_rates_data.get_standard_rate("GR" if country == "GR" else country)
    ours = rates_on(country, "standard", "2026-11-23")
    assert [Decimal(r) for r in ours] == [Decimal(str(theirs))]


@pytest.mark.parametrize(
    ("country", "before", "after", "change"),
    [
        ("SK", "20", "23", "2025-01-01"),
        ("EE", "22", "24", "2025-07-01"),
        ("RO", "19", "21", "2025-08-01"),
        ("FI", "24", "25.5", "2024-09-01"),
    ],
)
def test_rates_are_dated(country: str, before: str, after: str, change: str) -> None:
    """A rate holds from its first day, and the old one until the day before."""
    from datetime import date, timedelta

    eve = (date.fromisoformat(change) - timedelta(days=1)).isoformat()
    assert rates_on(country, "standard", eve) == [before]
    assert rates_on(country, "standard", change) == [after]


def test_no_two_standard_rates_overlap() -> None:
    """Periods of one country and class standard are disjoint."""
    for country in {p.country for p in rate_periods()}:
        periods = sorted(
            (p.from_date or "", p.to_date or "9999")
            for p in rate_periods()
            if p.country == country and p.rate_class == "standard"
        )
        assert all(a[1] <= b[0] for a, b in pairwise(periods))


def test_minor_units_agree_with_iso4217() -> None:
    """Decimals of every currency."""
    from iso4217 import Currency

    theirs = {c.code: c.exponent for c in Currency if c.code in minor_units()}
    assert {code: minor_units()[code] for code in theirs} == {code: e or 0 for code, e in theirs.items()}
    assert (minor_units()["EUR"], minor_units()["JPY"], minor_units()["KWD"]) == (2, 0, 3)


def test_gtins_agree_with_python_stdnum() -> None:
    """Check digits, over right and wrong ones."""
    from stdnum import ean

    from acorn_gitops.rules.families.sku.code import gtin_is_valid

    for number in range(4006381333900, 4006381334000):
        assert gtin_is_valid(str(number)) == ean.is_valid(str(number))
    for text in ("96385074", "036000291452", "00012345600012", "96385075"):
        assert gtin_is_valid(text) == ean.is_valid(text)


def test_schema_files_are_what_the_models_say(root: Path) -> None:
    """`schemas/` is what `acorn schema` writes, and is valid JSON Schema."""
    import orjson
    from jsonschema import Draft202012Validator

    from acorn_gitops.marketplaces.network.contract import openapi
    from acorn_gitops.model.schema import all_schemas

    for name, content in {**all_schemas([*TYPES]), "retail-network.openapi.json": openapi()}.items():
        assert orjson.loads((root / "schemas" / name).read_bytes()) == orjson.loads(orjson.dumps(content)), (
            f"run `make schemas` ({name})"
        )
        if not name.startswith("retail"):
            Draft202012Validator.check_schema(content)


def test_every_field_of_a_kind_is_described(root: Path) -> None:
    """Hover in an editor says something for every block, and enums complete."""
    from acorn_gitops.model.schema import all_schemas

    for name in ("Store", "SkuMapping", "RolePermission", "TaxRule", "Promo"):
        schema = all_schemas([*TYPES])[f"{name}.json"]
        for block in schema["$defs"].values():
            assert block.get("description"), block


def test_the_rooms_of_the_page_are_those_of_the_contract() -> None:
    """In one order: what may import what is written down once, and shown once."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    layers = [name for layer in reversed(contract["layers"]) for name in layer.split(" | ")]
    rows = re.findall(
        r"^\| (`[a-z]+/`(?:, `[a-z]+/`)*) \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE
    )
    rooms = [room for row in rows for room in re.findall(r"`([a-z]+)/`", row)]
    assert sorted(rooms) == sorted(name.removeprefix("acorn_gitops.") for name in layers)
    assert rooms.index("reconcile") == len(rooms) - 2
    assert rooms[-1] == "cli"


def test_the_page_about_plans_says_which_format_they_have() -> None:
    """And names every field of the document."""
    page = (ROOT / "docs/plan-format.md").read_text()
    assert f"| `format_version` | `{FORMAT}` |" in page
    plan = make_plan(
        [],
        project="p",
        environment="e",
        config_digest="",
        ledger_serial=0,
        commit="",
        dirty=False,
        created_at="",
        findings=[],
    )
    fields = to_json(plan).keys() - {"acorn_version", "created_at"}
    assert not {name for name in fields if f"`{name}`" not in page and f"`{name}[]`" not in page}
