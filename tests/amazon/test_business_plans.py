"""Of an offer to businesses nothing comes back, and nothing moves, that nobody has judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.amazon.emulated import DE, Emulated
from tests.amazon.test_business import amazon, offers, to_businesses  # noqa: F401
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller

MUG = 'price: {currency: EUR, value: "12.90"}'


def specs(business: str) -> str:
    text = SKUS.replace(
        "taxClass: standard}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2",
        'taxClass: standard}\n      pricePolicy: {min: {amz-de: "9.00"}}\n'
        "      listings:\n        - {store: amz-de, asin: B0EXAMPLE2",
    )
    assert text != SKUS
    text = text.replace(
        "metadata: {name: kettles}\n",
        "metadata: {name: kettles}\nlifecycle: {ignoreFields: [businessPrice]}\n",
    )
    return STORES + text.replace(MUG, f"{MUG}, {business}" if business else MUG)


@pytest.mark.parametrize(
    "when",
    [{"end_at": {"value": "2020-01-01T00:00:00Z"}}, {"start_at": {"value": "2098-01-01T00:00:00Z"}}],
    ids=["ended", "not begun"],
)
def test_what_has_ended_is_not_sold_again(when: dict[str, Any], tmp_path: Path, amazon: Emulated) -> None:  # noqa: F811
    seller = Seller(tmp_path, amazon, specs('business: {price: "12.00"}'))
    seller.apply()
    # somebody's own tool keeps the business price; that offer is over (or to come), at 5.00
    to_businesses(amazon, our_price=[{"schedule": [{"value_with_tax": 5.0}]}], **when)
    seller.text(specs('business: {price: "12.00", tiers: [{minimumQuantity: 10, price: "11.00"}]}'))
    found = seller.run("apply", "--auto-approve")
    b2b = next(
        o
        for o in amazon.account.listings["MUG-RED", DE].attributes["purchasable_offer"]
        if o["audience"] == "B2B"
    )
    print(b2b)
    holds = not {"end_at", "start_at"} & b2b.keys()
    assert not (holds and float(b2b["our_price"][0]["schedule"][0]["value_with_tax"]) < 9), (found.code, b2b)


@pytest.mark.parametrize(
    "when",
    [{"end_at": {"value": "2020-01-01T00:00:00Z"}}, {"start_at": {"value": "2098-01-01T00:00:00Z"}}],
    ids=["ended", "not begun"],
)
@pytest.mark.parametrize("first", [False, True], ids=["edited", "put back"])
def test_tiers_of_an_offer_that_has_ended_are_not_asked_again(
    first: bool,
    when: dict[str, Any],
    tmp_path: Path,
    amazon: Emulated,  # noqa: F811
) -> None:
    """Nobody leaves anything to others: the spec says a business price, and tiers are not said."""
    floor = SKUS.replace(
        "taxClass: standard}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2",
        'taxClass: standard}\n      pricePolicy: {min: {amz-de: "9.00"}}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2',
    )
    after = STORES + floor.replace(MUG, f'{MUG}, business: {{price: "12.00"}}')
    seller = Seller(tmp_path, amazon, after if first else STORES + floor)
    seller.apply()
    plan = [{"schedule": [{"discount_type": "fixed", "levels": [{"lower_bound": 2, "value": 1.0}]}]}]
    to_businesses(amazon, quantity_discount_plan=plan, **when)
    seller.text(after)
    found = seller.run("apply", "--auto-approve")
    held = offers(amazon)["B2B"]
    b2b = next(
        o
        for o in amazon.account.listings["MUG-RED", DE].attributes["purchasable_offer"]
        if o["audience"] == "B2B"
    )
    ended = {"end_at", "start_at"} & b2b.keys()
    assert ended or all(float(price) >= 9 for price in held[1].values()), (found.code, held)


def with_floor(business: str, floor: str = "9.00") -> str:
    text = SKUS.replace(
        "taxClass: standard}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2",
        f'taxClass: standard}}\n      pricePolicy: {{min: {{amz-de: "{floor}"}}}}\n      listings:\n        - {{store: amz-de, asin: B0EXAMPLE2',
    )
    assert text != SKUS
    return STORES + text.replace(MUG, f"{MUG}, {business}")


@pytest.mark.parametrize(
    ("percent", "tiers", "new"),
    [
        (20, "", "10.00"),  # nobody declares the tiers: 12.00 - 20 % = 9.60; then 10.00 - 20 % = 8.00
        (20, ', tiers: [{minimumQuantity: 10, price: "9.60"}]', "11.00"),  # declared, in sync: 8.80
    ],
    ids=["tiers of others", "tiers declared"],
)
def test_a_business_price_takes_no_tier_below_the_floor(
    percent: int,
    tiers: str,
    new: str,
    tmp_path: Path,
    amazon: Emulated,  # noqa: F811
) -> None:
    seller = Seller(tmp_path, amazon, with_floor('business: {price: "12.00"}'))
    seller.apply()
    plan = [{"schedule": [{"discount_type": "percent", "levels": [{"lower_bound": 10, "value": percent}]}]}]
    price = [{"schedule": [{"value_with_tax": 12.0}]}]
    to_businesses(amazon, our_price=price, quantity_discount_plan=plan)
    seller.text(with_floor(f'business: {{price: "12.00"{tiers}}}'))
    seller.apply()
    seller.text(with_floor(f'business: {{price: "{new}"{tiers}}}'))
    found = seller.run("apply", "--auto-approve")
    b2b = next(
        o
        for o in amazon.account.listings["MUG-RED", DE].attributes["purchasable_offer"]
        if o["audience"] == "B2B"
    )
    asked = float(b2b["our_price"][0]["schedule"][0]["value_with_tax"])
    for schedule in b2b["quantity_discount_plan"][0]["schedule"]:
        for level in schedule["levels"]:
            share = schedule["discount_type"] == "percent"
            pays = asked * (100 - float(level["value"])) / 100 if share else float(level["value"])
            assert pays >= 9, (found.code, pays, b2b)


def test_very_many_levels_let_no_promotion_pass(tmp_path: Path, amazon: Emulated) -> None:  # noqa: F811
    """Five thousand of them, 150 KB, where twenty can be."""
    floor = SKUS.replace(
        "taxClass: standard}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2",
        'taxClass: standard}\n      pricePolicy: {min: {amz-de: "1.00"}}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2',
    )
    seller = Seller(tmp_path, amazon, STORES + floor)
    seller.apply()
    plan = [
        {
            "schedule": [
                {
                    "discount_type": "fixed",
                    "levels": [{"lower_bound": n + 2, "value": 9} for n in range(5_000)],
                }
            ]
        }
    ]
    to_businesses(amazon, quantity_discount_plan=plan)
    seller.text(STORES + floor + PROMO)
    found = seller.run("plan")
    assert (found.code, "more than 20 tiers" in found.out) == (1, True), found
