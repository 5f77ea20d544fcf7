"""What a fourth audit found: what an edit leaves behind, floors and margins that looked kept, limits that each store was
given whole, remedies that led nowhere."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.repository import Repository, document, promo, sku, storefront


def tax(**changes: Any) -> dict[str, Any]:
    """A German rule of 19 %."""
    spec: dict[str, Any] = {
        "validity": {"from": "2024-01-01"},
        "match": {"stores": {"names": ["amz-de"]}, "supply": {"shipTo": ["DE"]}},
        "result": {"liableParty": "seller", "treatment": "standard", "rate": {"percent": "19"}},
    }
    for path, value in changes.items():
        block = spec
        *above, name = path.split("__")
        for part in above:
            block = block.setdefault(part, {})
        block[name] = value
    return document("TaxRule", "de", spec)


def without(made: dict[str, Any], *path: str) -> dict[str, Any]:
    found = copy.deepcopy(made)
    block = found["spec"]
    for name in path[:-1]:
        block = block[name]
    del block[path[-1]]
    return found


VALUED = tax(match__value={"currency": "EUR", "above": "100"})
BUSINESS = tax(match__customer={"type": "b2b"})
ENDING = tax(validity__to="2027-12-01")
OFF = tax(enabled=False)
TAXES = without(tax(result__taxes=[{"name": "GST", "percent": "5"}]), "result", "rate")
EXEMPT = without(tax(result__treatment="exempt"), "result", "rate")
CODE = promo("deal", "10", type="promoCode", code="SUMMER")
TIER = promo("deal", "10", type="quantityTier", minimumQuantity=5)
PLAIN = promo("deal", "10")
FOR_BUSINESS = promo("deal", "10", audience="b2b")
FROM_500 = promo("deal", "10", minimumOrder={"amz-de": {"currency": "EUR", "value": "500.00"}})
LIMITED = promo("deal", "10", limits={"redemptions": 5}, stacking={"group": "g", "mode": "additive"})


@pytest.mark.parametrize(
    ("before", "after", "address", "gone"),
    [
        (tax(), EXEMPT, "tax-rule/de", "rate"),
        (tax(), TAXES, "tax-rule/de", "rate"),
        (VALUED, tax(), "tax-rule/de", "value"),
        (VALUED, tax(match__value=None), "tax-rule/de", "value"),
        (BUSINESS, tax(), "tax-rule/de", "customer"),
        (BUSINESS, tax(match__customer=None), "tax-rule/de", "customer"),
        (ENDING, tax(), "tax-rule/de", "validTo"),
        (OFF, tax(), "tax-rule/de", "enabled"),
        (CODE, PLAIN, "promotion/deal", "code"),
        (TIER, PLAIN, "promotion/deal", "minimumQuantity"),
        (FOR_BUSINESS, PLAIN, "promotion/deal", "audience"),
        (FROM_500, PLAIN, "promotion/deal", "minimumOrder"),
        (FROM_500, promo("deal", "10", minimumOrder=None), "promotion/deal", "minimumOrder"),
        (LIMITED, promo("deal", "10", limits=None, stacking=None), "promotion/deal", "limits"),
        (LIMITED, PLAIN, "promotion/deal", "stacking"),
    ],
)
def test_what_the_specs_no_longer_say_does_not_stay_in_the_store(
    tmp_path: Path, before: Any, after: Any, address: str, gone: str
) -> None:
    """A rule without an end, a promotion without a code: to say nothing has a meaning there."""
    team = Repository(tmp_path, storefront(), sku(), before)
    team.apply()
    assert gone in team.live()[f"amz-de/{address}"]
    team.write(storefront(), sku(), after)
    planned = team.plan()["changes"]
    assert gone in {one["path"].split(".")[0] for change in planned for one in change["fields"]}
    team.apply()
    assert gone not in team.live()[f"amz-de/{address}"]
    assert team.plan()["changes"] == []
    assert team.run("drift", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("percent", ["0", "0.01"])
@pytest.mark.parametrize(
    "cost", [None, {"currency": "EUR", "value": "80.00"}, {"currency": "USD", "value": "80.00"}]
)
def test_a_margin_of_nothing_is_asked_for_as_any_other(tmp_path: Path, percent: str, cost: Any) -> None:
    """Never below cost: where that cannot be computed, no price is let through."""
    more: dict[str, Any] = {"pricePolicy": {"minMarginPercent": percent}}
    if cost:
        more["attributes"] = {"cost": cost}
    done = Repository(tmp_path, storefront(), sku(**more)).run("validate")
    assert done.code == 4 and "PRO-034" in done.out + done.err


def parts(floor: str | None = None, cost: str | None = None, price: str = "50.00", **own: Any) -> list[Any]:
    """A set of A, whose floor is 40, and B."""
    more: dict[str, Any] = {}
    if floor:
        more["pricePolicy"] = {"min": {"amz-de": floor}}
    if cost:
        more["attributes"] = {"cost": {"currency": "EUR", "value": cost}}
    composed = {"type": "bundle", "components": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 2}]}
    return [
        storefront(),
        sku("A", "60.00", pricePolicy={"min": {"amz-de": "40.00"}}),
        document("SkuMapping", "b", {"sku": "B", "listings": [], **more}),
        sku("SET", price, composition=composed, **own),
    ]


REQUIRED = "  policies: {floors: required}\n"


@pytest.mark.parametrize(
    ("documents", "required", "ids"),
    [
        (parts(), False, {"SKU-029"}),
        (parts(), True, {"SKU-029", "PRO-034"}),
        (parts(cost="4.00"), False, {"SKU-029"}),
        (parts(cost="6.00"), False, {"SKU-029", "SKU-016"}),
        (parts(floor="5.00"), True, set()),
        (parts(floor="5.01"), True, {"SKU-016"}),
        (parts(pricePolicy={"min": {"amz-de": "45.00"}}), True, set()),
        ([*parts(), promo("p", "1", floors={"respect": ["min"]})], False, {"SKU-029", "PRO-034"}),
        ([*parts(floor="1.00"), promo("p", "1", floors={"respect": ["min"]})], False, set()),
    ],
)
def test_a_part_without_a_floor_is_no_gift(
    tmp_path: Path, documents: list[Any], required: bool, ids: set[str]
) -> None:
    team = Repository(tmp_path, *documents)
    if required:
        (team.path / "acorn.yaml").write_text((team.path / "acorn.yaml").read_text() + REQUIRED)
    done = team.run("validate", "-o", "json")
    found = {one["id"] for one in done.json["findings"]}
    assert found & {"SKU-016", "SKU-029", "PRO-034"} == ids
