"""Bounds that follow from others: sets from their parts, stores from a default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.specs.load import load
from tests.repository import Repository, document, sku, storefront


def policy_of(tmp_path: Path, *documents: dict[str, Any], of: str) -> dict[str, Any]:
    """The price policy of a SKU after loading, and its cost."""
    Repository(tmp_path / "r", storefront(), storefront("amz-uk", "GBP", "Europe/London"), *documents)
    loaded = load(tmp_path / "r", None, None)
    assert not [f for f in loaded.findings if f.severity == "error"], loaded.findings
    (found,) = [s for s in loaded.configuration.skus if s.spec["sku"] == of]
    return {**(found.spec.get("pricePolicy") or {}), "cost": (found.spec.get("attributes") or {}).get("cost")}


def made_of(code: str, composition: dict[str, Any], price: str = "500.00", **more: Any) -> dict[str, Any]:
    """A set."""
    return sku(code, price, composition=composition, **more)


FLOOR = {
    "pricePolicy": {"min": {"amz-de": "80.00"}},
    "attributes": {"cost": {"currency": "EUR", "value": "30.00"}},
}
PAIR = {"type": "multipack", "of": "A-1", "qty": 2}
BOTH = {"type": "bundle", "components": [{"sku": "A-1", "qty": 1}, {"sku": "B-1", "qty": 3}]}
EUROS = {"currency": "EUR", "value": "60.00"}


def test_a_multipack_has_the_floor_and_the_cost_of_its_pieces(tmp_path: Path) -> None:
    """Twice those of the one."""
    found = policy_of(tmp_path, sku("A-1", "100.00", **FLOOR), made_of("PACK", PAIR), of="PACK")
    assert found == {"min": {"amz-de": "160.00"}, "cost": EUROS}


def test_a_bundle_of_multipacks_too(tmp_path: Path) -> None:
    """Set by set; of a part without a floor nothing is added."""
    big = {"type": "bundle", "components": [{"sku": "PACK", "qty": 2}, {"sku": "B-1", "qty": 3}]}
    found = policy_of(
        tmp_path,
        sku("A-1", "100.00", **FLOOR),
        sku("B-1", "5.00"),
        made_of("PACK", PAIR),
        made_of("BIG", big),
        of="BIG",
    )
    assert found == {"min": {"amz-de": "320.00"}, "cost": None}


def test_what_a_set_says_itself_holds(tmp_path: Path) -> None:
    """Somebody decided it."""
    own = {"pricePolicy": {"min": {"amz-de": "150.00"}}}
    found = policy_of(tmp_path, sku("A-1", "100.00", **FLOOR), made_of("PACK", PAIR, **own), of="PACK")
    assert found["min"] == {"amz-de": "150.00"}


@pytest.mark.parametrize(
    ("store", "currency", "floor"), [("amz-de", "EUR", {"amz-de": "9.00"}), ("amz-uk", "GBP", {})]
)
def test_a_default_is_for_stores_of_its_currency(
    tmp_path: Path, store: str, currency: str, floor: dict[str, str]
) -> None:
    """Which no bound of its own names."""
    default = {"default": {"min": {"currency": "EUR", "value": "9.00"}}}
    found = policy_of(tmp_path, sku("A-1", "10.00", store, currency, pricePolicy=default), of="A-1")
    assert found["min"] == floor


def test_a_set_below_the_floors_of_its_parts_is_told(tmp_path: Path) -> None:
    """Before anything is sent."""
    made = Repository(
        tmp_path / "r", storefront(), sku("A-1", "100.00", **FLOOR), made_of("PACK", PAIR, "20.00")
    )
    result = made.run("apply", "--auto-approve")
    assert (result.code, "20.00 is below the floor 160.00" in result.err) == (4, True), result


def test_a_promotion_on_a_set_keeps_the_floors_of_its_parts(tmp_path: Path) -> None:
    """The lowest price over the calendar is judged by them."""
    promo = {
        "type": "percentOff", "stores": {"names": ["amz-de"]}, "skus": {"names": ["PACK"]}, "discount": {"percent": "30"},
        "window": {"start": {"local": "2027-03-01T00:00", "tz": "store"}, "end": {"local": "2027-03-09T00:00", "tz": "store"}},
    }  # fmt: skip
    made = Repository(
        tmp_path / "r",
        storefront(),
        sku("A-1", "100.00", **FLOOR),
        made_of("PACK", PAIR, "200.00"),
        document("Promo", "p", promo),
    )
    assert "falls to 140.00 EUR, below its floor 160.00" in made.run("validate").out


def test_a_default_of_a_part_holds_where_only_the_set_is_sold(tmp_path: Path) -> None:
    """The part is listed nowhere, or in another store: the default is for every store of its currency."""
    default = {"pricePolicy": {"default": {"min": {"currency": "EUR", "value": "80.00"}}}}
    nowhere = document("SkuMapping", "a-1", {"sku": "A-1", **default})
    elsewhere = sku("A-1", "100.00", "amz-uk", "GBP", **default)
    for number, part in enumerate((nowhere, elsewhere)):
        found = policy_of(tmp_path / str(number), part, made_of("PACK", PAIR), of="PACK")
        assert found["min"] == {"amz-de": "160.00"}


def asked(percent: str | None, cost: str = "30.00") -> dict[str, Any]:
    """What a part must leave, and what it costs."""
    policy = {"pricePolicy": {"minMarginPercent": percent}} if percent is not None else {}
    return {**policy, "attributes": {"cost": {"currency": "EUR", "value": cost}}}


@pytest.mark.parametrize(
    ("first", "second", "margin"),
    [("20", "30", "20"), ("20", None, "20"), (None, None, None)],
    ids=["the least of both", "one says nothing", "nobody says anything"],
)
def test_a_set_must_leave_what_one_of_its_parts_must(
    first: str | None, second: str | None, margin: str | None, tmp_path: Path
) -> None:
    """The least that is asked of any."""
    parts = [sku("A-1", "100.00", **asked(first)), sku("B-1", "100.00", **asked(second))]
    found = policy_of(tmp_path, *parts, made_of("BOTH", BOTH), of="BOTH")
    assert found.get("minMarginPercent") == margin
    own = made_of("BOTH", BOTH, pricePolicy={"minMarginPercent": "5"})
    assert policy_of(tmp_path, *parts, own, of="BOTH")["minMarginPercent"] == "5"


def test_a_set_whose_cost_nobody_knows_is_asked_for_no_margin(tmp_path: Path) -> None:
    """It could not be computed, and PRO-034 says so of the part."""
    one = sku("A-1", "100.00", pricePolicy={"minMarginPercent": "20"}, attributes={"cost": None})
    del one["spec"]["attributes"]
    Repository(tmp_path / "r", storefront(), one, made_of("PACK", PAIR))
    (pack,) = [s for s in load(tmp_path / "r", None, None).configuration.skus if s.spec["sku"] == "PACK"]
    assert "minMarginPercent" not in (pack.spec.get("pricePolicy") or {})


ADVERTISED = {"pricePolicy": {"map": {"amz-de": "50.00"}}}


@pytest.mark.parametrize(
    ("one", "other", "bounds"),
    [
        (FLOOR, ADVERTISED, {"min": {"amz-de": "80.00"}, "map": {"amz-de": "230.00"}}),
        (ADVERTISED, ADVERTISED, {"map": {"amz-de": "200.00"}}),
        (FLOOR, {}, {"min": {"amz-de": "80.00"}}),
        (
            {"pricePolicy": {"min": {"amz-de": "80.00"}, "map": {"amz-de": "90.00"}}},
            {"pricePolicy": {"min": {"amz-de": "60.00"}, "map": {"amz-de": "55.00"}}},
            {"min": {"amz-de": "260.00"}, "map": {"amz-de": "270.00"}},
        ),
    ],
    ids=["a floor and an advertised price", "advertised prices", "a floor", "both of both"],
)
def test_a_set_is_no_cheaper_than_its_parts_alone(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], bounds: dict[str, Any]
) -> None:
    """Each part adds the higher of its bounds; where a promotion may go below advertised prices the floors are left."""
    parts = (sku("A-1", "100.00", **one), sku("B-1", "60.00", **other))
    found = policy_of(tmp_path, *parts, made_of("SET", BOTH), of="SET")
    del found["cost"]
    assert found == bounds
