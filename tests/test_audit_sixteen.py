"""What a fourth audit found: what an edit leaves behind, floors and margins that looked kept, limits that each store was
given whole, remedies that led nowhere."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import orjson
import pytest

from acorn_gitops.model.money import MoneyError, as_written
from tests.repository import Repository, document, promo, shop, sku, storefront


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


def said(team: Repository) -> dict[str, list[str]]:
    """Messages by rule id."""
    found: dict[str, list[str]] = {}
    for one in team.run("validate", "-o", "json").json["findings"]:
        found.setdefault(one["id"], []).append(one["message"])
    return found


STOCK = (
    "location,sku,onHand,reserved,unit,asOf\nde-ber-mitte,KTL-17-BLK,{there},0,each,2026-11-23T08:00:00Z\n"
)


@pytest.mark.parametrize(("there", "told"), [("200", False), ("199", True)])
def test_each_store_is_given_the_whole_limit_of_a_promotion(tmp_path: Path, there: str, told: bool) -> None:
    """A hundred pieces in two stores are two hundred."""
    listings = [
        {"store": s, "price": {"currency": "EUR", "value": "49.99"}, "status": "active"}
        for s in ("amz-de", "amz-fr")
    ]
    weights = {"mode": "weighted", "weights": {"amz-de": 50, "amz-fr": 50}}
    inventory = {
        "pool": "main",
        "sources": [{"location": "de-ber-mitte", "priority": 1}],
        "allocation": weights,
    }
    spec = {"sku": "KTL-17-BLK", "listings": listings, "inventory": inventory}
    deal = promo("deal", "10", limits={"quantity": 100})
    stores = [storefront(), storefront("amz-fr", zone="Europe/Paris"), shop()]
    team = Repository(tmp_path, *stores, document("SkuMapping", "k", spec), deal)
    (team.path / "facts").mkdir()
    (team.path / "facts" / "stock.csv").write_text(STOCK.format(there=there))
    assert ("PRO-050" in said(team)) is told, team.run("validate")


@pytest.mark.parametrize("currency", ["EUR", "JPY"])
def test_a_budget_in_one_currency_is_none_in_another(tmp_path: Path, currency: str) -> None:
    """The store would refuse it after the plan was green."""
    one = sku()
    one["spec"]["listings"].append(
        {
            "store": "amz-jp",
            "price": {"currency": currency, "value": "5000" if currency == "JPY" else "50.00"},
        }
    )
    deal = promo("deal", "10", limits={"budget": {"currency": "EUR", "value": "100.00"}})
    team = Repository(tmp_path, storefront(), storefront("amz-jp", currency, "Asia/Tokyo"), one, deal)
    assert ("PRO-003" in said(team)) is (currency == "JPY")


@pytest.mark.parametrize("part", ["amount", "salePrice"])
def test_amounts_for_no_store_are_told_and_never_a_crash(tmp_path: Path, part: str) -> None:
    kind = "amountOff" if part == "amount" else "salePrice"
    team = Repository(tmp_path, storefront(), sku(), promo("deal", type=kind, discount={part: {}}))
    assert said(team)["PRO-003"] == [f"there is no {part} for amz-de"]
    assert team.run("plan").code == 4


@pytest.mark.parametrize(
    ("treatment", "rate", "id"),
    [
        ("standard", {"class": "reduced"}, "TAX-003"),
        ("superReduced", {"class": "reduced"}, "TAX-003"),
        ("reduced", {"class": "reduced"}, None),
        ("superReduced", {"percent": "7"}, "TAX-040"),
        ("reduced", {"percent": "7"}, None),
        ("reduced", {"percent": "19"}, "TAX-040"),
    ],
)
def test_a_rate_is_one_of_its_treatment(tmp_path: Path, treatment: str, rate: Any, id: str | None) -> None:
    """Germany has no super-reduced rate."""
    team = Repository(tmp_path, storefront(), sku(), tax(result__treatment=treatment, result__rate=rate))
    assert {"TAX-003", "TAX-040"} & said(team).keys() == ({id} if id else set())


def test_amazon_sells_by_the_days_of_its_marketplace(tmp_path: Path) -> None:
    """A store that says another clock is told how to write midnight, and what was right stays right."""
    front = {
        "platform": "amazon", "marketplaceId": "ATVPDKIKX0DER", "region": "na", "sellerId": "A1EXAMPLE23456",
        "currency": "USD", "timezone": "America/New_York",
    }  # fmt: skip
    store = document("Store", "amz-us", {"type": "storefront", "storefront": front})
    team = Repository(tmp_path, store, sku(store="amz-us", currency="USD"))

    def window(tz: str) -> dict[str, list[str]]:
        edges = {"start": "2027-03-01T00:00", "end": "2027-03-05T00:00"}
        window = {edge: {"local": local, "tz": tz} for edge, local in edges.items()}
        team.write(store, sku(store="amz-us", currency="USD"), promo("deal", "10", window=window))
        return said(team)

    assert not {"PRO-010", "PRO-011"} & window("America/Los_Angeles").keys()
    assert {"PRO-010", "PRO-011"} <= window("store").keys()
    hints = {
        one["hint"] for one in team.run("validate", "-o", "json").json["findings"] if one["id"] == "PRO-010"
    }
    assert hints == {'write {local: "2027-03-01T00:00", tz: America/Los_Angeles}'}


def test_a_promotion_is_named_by_its_key_too(tmp_path: Path) -> None:
    """An export writes one spec for each store, under the same key."""
    other = promo("other-amz-de", "5", key="other")
    for names, allowed in ((["other"], True), (["other-amz-de"], True), (["another"], False)):
        deal = promo("deal", "10", stacking={"combinableWith": names})
        assert ("PRO-021" not in said(Repository(tmp_path, storefront(), sku(), deal, other))) is allowed


def test_a_typo_in_a_sku_says_nothing_about_taxes(tmp_path: Path) -> None:
    """Causes before consequences: what it sells as is not known until it is mended."""
    wrong = sku(colour="black")
    told = said(Repository(tmp_path, storefront(), wrong, tax(match__goods={"taxClass": ["standard"]})))
    assert [id for id in told if not id.startswith("GEN")] == []


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("minimumQuantity", 3, 2),
        ("minimumOrder", {"currency": "EUR", "value": "50.00"}, {"currency": "EUR", "value": "40.00"}),
    ],
)
def test_what_a_promotion_asks_is_taken_in(tmp_path: Path, field: str, before: Any, after: Any) -> None:
    given = {"amz-de": before} if field == "minimumOrder" else before
    deal = promo(
        "deal", "10", **({"type": "quantityTier"} if field == "minimumQuantity" else {}), **{field: given}
    )
    team = Repository(tmp_path, storefront(), sku(), deal)
    team.apply()
    hand = orjson.dumps(after).decode()
    assert team.run("sandbox", "disturb", f"amz-de/promotion/deal.{field}={hand}").code == 0
    done = team.run("import", "--drifted")
    assert "not said in one place" not in done.out + done.err, done
    assert team.plan()["changes"] == []


@pytest.mark.parametrize(
    ("value", "currency", "words"),
    [
        ("34.999", "EUR", "34999 or an amount with 2 decimals"),
        ("1.500", "EUR", "1500 or 1.5"),
        ("1.500", "JPY", "1500 or an amount without decimals"),
    ],
)
def test_a_remedy_never_names_what_is_wrong(value: str, currency: str, words: str) -> None:
    with pytest.raises(MoneyError, match=words):
        as_written(value, currency)


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        (CODE, PLAIN, "code"),
        (FOR_BUSINESS, PLAIN, "audience"),
        (LIMITED, PLAIN, "stacking"),
        (OFF, tax(), "enabled"),
    ],
)
def test_nor_does_it_when_the_spec_gets_another_name(
    tmp_path: Path, before: Any, after: Any, gone: str
) -> None:
    team = Repository(tmp_path, storefront(), sku(), before)
    team.apply()
    renamed = copy.deepcopy(after)
    renamed["metadata"] |= {"name": "renamed", "movedFrom": before["metadata"]["name"]}
    team.write(storefront(), sku(), renamed)
    team.apply()
    held = [found for address, found in team.live().items() if address.endswith("/renamed")]
    assert len(held) == 1 and gone not in held[0]
    assert team.plan()["changes"] == []


def test_sets_within_sets_are_looked_into_once(tmp_path: Path) -> None:
    """Three of three of three, twenty levels deep, are three thousand millions of paths."""
    rows = [document("SkuMapping", f"s{n}", {"sku": f"S{n}", "listings": []}) for n in range(3)]
    for level in range(1, 19):
        parts = [{"sku": f"S{3 * level - 3 + n}", "qty": 1} for n in range(3)]
        rows += [
            document("SkuMapping", f"s{3 * level + n}", {
                "sku": f"S{3 * level + n}", "composition": {"type": "bundle", "components": parts},
                "listings": [{"store": "amz-de", "price": {"currency": "EUR", "value": "9.00"}}],
            })
            for n in range(3)
        ]  # fmt: skip
    done = Repository(tmp_path, storefront(), *rows).run("validate")
    assert "internal" not in done.err
