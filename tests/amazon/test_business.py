"""What businesses are asked on Amazon: an offer of its own beside that to everybody, with a quantity discount plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.marketplaces.protocol import Scope, Write
from acorn_gitops.model.resource import Address
from tests.amazon.emulated import DE, SELLER, Emulated
from tests.amazon.test_durations import priced
from tests.amazon.test_flow import PROMO, SKUS, STORES, Seller

BUSINESS = 'business: {price: "11.90", tiers: [{minimumQuantity: 10, price: "11.00"}, {minimumQuantity: 50, price: "10.50"}]}'
MUG = 'price: {currency: EUR, value: "12.90"}'


def with_business(said: str) -> str:
    """The specs, with what businesses are asked for the mug."""
    return STORES + SKUS.replace(MUG, f"{MUG}, {said}" if said else MUG)


@pytest.fixture
def amazon(by_the_wall_clock: Emulated) -> Emulated:
    """As commands meet it."""
    return by_the_wall_clock


def offers(amazon: Emulated, sku: str = "MUG-RED") -> dict[str, Any]:
    """By audience, an offer in Germany: the price, and what a piece costs from so many on."""
    found = {}
    for one in amazon.account.listings[sku, DE].attributes.get("purchasable_offer", ()):
        price = one["our_price"][0]["schedule"][0]["value_with_tax"]
        plan = one.get("quantity_discount_plan")
        levels = plan[0]["schedule"][0]["levels"] if plan else []
        found[one["audience"]] = (
            format(price, ".2f"),
            {level["lower_bound"]: format(level["value"], ".2f") for level in levels},
        )
    return found


def to_businesses(amazon: Emulated, sku: str = "MUG-RED", **more: Any) -> None:
    """Somebody makes an offer to businesses in Seller Central, beside the one to everybody."""
    kept = [
        one
        for one in amazon.account.listings[sku, DE].attributes["purchasable_offer"]
        if one["audience"] == "ALL"
    ]
    offer = {
        "currency": "EUR",
        "audience": "B2B",
        "marketplace_id": DE,
        "our_price": [{"schedule": [{"value_with_tax": 11.5}]}],
        **more,
    }
    amazon.hand(sku=sku, marketplaceId=DE, set={"purchasable_offer": [*kept, offer]})


def in_sync(seller: Seller) -> None:
    """A further plan is empty."""
    again = seller.run("plan", "--detailed-exitcode")
    assert again.code == 0, again.out


def test_a_new_listing_has_both_offers(tmp_path: Path, amazon: Emulated) -> None:
    """By one request, and a second plan is empty."""
    seller = Seller(tmp_path, amazon, with_business(BUSINESS))
    seller.apply()
    assert offers(amazon) == {"ALL": ("12.90", {}), "B2B": ("11.90", {10: "11.00", 50: "10.50"})}
    in_sync(seller)


@pytest.mark.parametrize(
    ("before", "after", "there"),
    [
        ("", BUSINESS, ("11.90", {10: "11.00", 50: "10.50"})),
        (BUSINESS, 'business: {price: "11.50"}', ("11.50", {10: "11.00", 50: "10.50"})),
        (BUSINESS, 'business: {price: "11.50", tiers: null}', ("11.50", {})),
        (BUSINESS, "business: null", None),
        (BUSINESS, "", ("11.90", {10: "11.00", 50: "10.50"})),
    ],
    ids=["comes", "moves", "without tiers", "none", "no longer said"],
)
def test_an_offer_to_businesses_changes_by_itself(
    before: str, after: str, there: Any, tmp_path: Path, amazon: Emulated
) -> None:
    """What everybody is asked stays as it is; what is no longer said stays, too."""
    seller = Seller(tmp_path, amazon, with_business(before))
    seller.apply()
    seller.text(with_business(after))
    seller.apply()
    assert offers(amazon) == {"ALL": ("12.90", {}), **({"B2B": there} if there else {})}
    in_sync(seller)


def test_both_prices_and_a_sale_change_in_one_run(tmp_path: Path, amazon: Emulated) -> None:
    """None undoes another, although Amazon shows all of them a while later."""
    seller = Seller(tmp_path, amazon, with_business(BUSINESS) + PROMO)
    seller.apply()
    text = with_business(BUSINESS.replace("11.90", "11.40")).replace("12.90", "12.40")
    seller.text(text + PROMO.replace('percent: "20"', 'percent: "10"'))
    seller.apply()
    assert offers(amazon) == {"ALL": ("12.40", {}), "B2B": ("11.40", {10: "11.00", 50: "10.50"})}
    in_sync(seller)


def test_what_is_no_longer_sold_is_sold_to_nobody_and_comes_back_as_it_was(
    tmp_path: Path, amazon: Emulated
) -> None:
    """Both offers go, and both come back."""
    seller = Seller(tmp_path, amazon, with_business(BUSINESS))
    seller.apply()
    active = "asin: B0EXAMPLE2, status: active"
    seller.text(with_business(BUSINESS).replace(active, active.replace("active", "inactive")))
    seller.apply()
    assert offers(amazon) == {}
    in_sync(seller)
    seller.text(with_business(BUSINESS))
    seller.apply()
    assert offers(amazon) == {"ALL": ("12.90", {}), "B2B": ("11.90", {10: "11.00", 50: "10.50"})}
    in_sync(seller)


def test_an_offer_to_businesses_that_nobody_declares_stays(tmp_path: Path, amazon: Emulated) -> None:
    """A new price for everybody leaves it alone."""
    seller = Seller(tmp_path, amazon)
    seller.apply()
    to_businesses(amazon)
    seller.text((STORES + SKUS).replace("12.90", "12.50"))
    seller.apply()
    assert offers(amazon) == {"ALL": ("12.50", {}), "B2B": ("11.50", {})}


def test_a_share_off_is_read_as_the_price_that_it_makes(tmp_path: Path, amazon: Emulated) -> None:
    """5 % off 11.50 is 10.93: whoever declares that is in sync, and a hand that makes it 10 % is drift."""
    seller = Seller(tmp_path, amazon)
    seller.apply()

    def plan(percent: int) -> list[Any]:
        levels = [{"lower_bound": 10, "value": percent}]
        return [{"schedule": [{"discount_type": "percent", "levels": levels}]}]

    to_businesses(amazon, quantity_discount_plan=plan(5))
    seller.text(with_business('business: {price: "11.50", tiers: [{minimumQuantity: 10, price: "10.93"}]}'))
    in_sync(seller)
    seller.apply()
    to_businesses(amazon, quantity_discount_plan=plan(10))
    drift = seller.run("drift", "--detailed-exitcode")
    assert drift.code == 2 and "10.35" in drift.out


def test_a_sale_price_for_businesses_is_seen_and_judged(tmp_path: Path, amazon: Emulated) -> None:
    """Nobody here can declare it; a floor is asked with it all the same."""
    seller = Seller(tmp_path, amazon)
    seller.apply()
    entry = {"value_with_tax": 5.0, "start_at": "2026-01-01", "end_at": "2099-01-01"}
    to_businesses(amazon, discounted_price=[{"schedule": [entry]}])
    floor = SKUS.replace(
        "taxClass: standard}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2",
        'taxClass: standard}\n      pricePolicy: {min: {amz-de: "9.00"}}\n      listings:\n        - {store: amz-de, asin: B0EXAMPLE2',
    )
    assert floor != SKUS
    seller.text(STORES + floor)
    found = seller.run("plan")
    assert "5.00 EUR" in " ".join(found.out.split()) and "below its floor 9.00" in " ".join(found.out.split())


def test_tiers_without_a_price_for_one_piece_are_refused_before_anything_is_sent(
    tmp_path: Path, amazon: Emulated
) -> None:
    """Amazon knows a plan only beside a business price, and five levels of it."""
    seller = Seller(
        tmp_path, amazon, with_business('business: {tiers: [{minimumQuantity: 10, price: "11.00"}]}')
    )
    found = seller.run("plan")
    assert "only beside a business price" in " ".join((found.out + found.err).split())
    many = ", ".join(f'{{minimumQuantity: {n}, price: "{12 - n / 10:.2f}"}}' for n in range(2, 8))
    seller.text(with_business(f'business: {{price: "11.90", tiers: [{many}]}}'))
    found = seller.run("plan")
    assert "more than 5 tiers" in " ".join((found.out + found.err).split())


def test_a_business_price_and_a_sale_change_in_one_run(tmp_path: Path, amazon: Emulated) -> None:
    """The sale is made of the offer to everybody, whatever was sent for businesses before it."""
    seller = Seller(tmp_path, amazon, with_business(BUSINESS))
    seller.apply()
    seller.text(with_business(BUSINESS.replace("11.90", "12.00")) + PROMO)
    seller.apply()
    held = amazon.account.listings["MUG-RED", DE].attributes["purchasable_offer"]
    assert {one["audience"]: "discounted_price" in one for one in held} == {"ALL": True, "B2B": False}
    assert offers(amazon)["B2B"] == ("12.00", {10: "11.00", 50: "10.50"})
    in_sync(seller)


def test_a_hand_on_the_offer_to_businesses_is_never_overwritten_unseen(
    tmp_path: Path, amazon: Emulated
) -> None:
    """A plan that was made before is not applied to it."""
    seller = Seller(tmp_path, amazon, with_business(BUSINESS))
    seller.apply()
    seller.text(with_business(BUSINESS.replace("11.90", "11.80")))
    assert seller.run("plan", "--out", "plan.json").code == 0
    to_businesses(amazon)
    found = seller.run("apply", "plan.json", "--auto-approve")
    assert found.code in (3, 6), found
    assert offers(amazon)["B2B"][0] == "11.50"


def test_a_write_names_the_offer_to_businesses_that_it_was_made_of(amazon: Emulated) -> None:
    """Somebody changed it since it was read: a conflict, and his stays."""
    priced(amazon, 1)
    (sku,) = {sku for sku, place in amazon.account.listings if place == DE}
    adapter = amazon.adapter({"amz-de": {"marketplaceId": DE, "sellerId": SELLER}})
    at = Address("amz-de", "listing", sku)
    old = adapter.read(Scope("amz-de")).resources["listing", sku]
    to_businesses(amazon, sku)
    wish = {"businessPrice": {"currency": "EUR", "value": "8.00"}}
    (outcome,) = adapter.write("amz-de", [Write("update", at, wish, old.etag, "k")])
    assert (outcome.status, offers(amazon, sku)["B2B"][0]) == ("conflict", "11.50")
