"""What a shop owner does in the dashboard is seen for what it is: by what it makes buyers pay, and by whose it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.vendure.server import Server
from tests.vendure.test_flow import PROMO, SHOP, Shop, _password, server, shop, variant  # noqa: F401

pytestmark = pytest.mark.xdist_group("vendure-dashboard")

US = """---
apiVersion: acorn/v1
kind: Store
metadata: {name: shop-us}
spec:
  type: storefront
  storefront: {platform: vendure, currency: USD, country: DE, languages: [de_DE], timezone: Europe/Berlin, pricesIncludeTax: true, sellerId: Nordhaven}
"""


def promotions(at: Server, channel: str = "shop-de") -> list[dict[str, Any]]:
    """All of a channel, with their conditions by code."""
    found = at.ask(
        "{ promotions { items { id name enabled conditions { code args { name value } } } } }", channel
    )["promotions"]["items"]
    return [
        {
            **one,
            "conditions": {c["code"]: {a["name"]: a["value"] for a in c["args"]} for c in one["conditions"]},
        }
        for one in found
    ]


def by_hand(at: Server, **fields: Any) -> None:
    """The one promotion of the shop is edited."""
    (one,) = promotions(at)
    at.ask("mutation($i: UpdatePromotionInput!) { updatePromotion(input: $i) { __typename } }", "shop-de", i={"id": one["id"], **fields})  # fmt: skip


def promo(spec: str) -> str:
    """The promotion in another shape."""
    return PROMO.replace("  type: percentOff\n", "").replace('  discount: {percent: "20"}\n', spec)


def applied(shop: Shop, text: str) -> None:  # noqa: F811
    """And a further plan is empty."""
    shop.text(text)
    result = shop.run("apply", "--auto-approve")
    assert result.code == 0, result
    assert shop.changes() == {}


def test_what_is_got_counts_among_what_is_bought(shop: Shop) -> None:  # noqa: F811
    """Of the same goods Vendure gives the third for nothing where three must be in the basket; one for one that must be
    taken is the whole price, and no spec says that."""
    applied(shop, SHOP + promo("  type: buyXGetY\n  discount: {buyXGetY: {buy: 2, get: 1}}\n"))
    (one,) = promotions(shop.server)
    said = one["conditions"]["buy_x_get_y_free"]
    assert (said["amountX"], said["amountY"]) == ("3", "1")
    said["amountX"] = "1"
    arguments = [{"name": name, "value": value} for name, value in said.items()]
    by_hand(shop.server, conditions=[{"code": "buy_x_get_y_free", "arguments": arguments}])
    assert "foreign" in shop.drifted()["shop-de/promotion/black-friday"]


def test_pieces_that_are_asked_for_are_asked_for_there(shop: Shop) -> None:  # noqa: F811
    """20 % from three pieces on is not 20 % for everybody."""
    applied(shop, SHOP + promo('  type: percentOff\n  minimumQuantity: 3\n  discount: {percent: "20"}\n'))
    (one,) = promotions(shop.server)
    assert one["conditions"]["contains_products"]["minimum"] == "3"


def test_an_amount_off_an_order_is_refused_where_it_is_taken_off_other_goods(shop: Shop) -> None:  # noqa: F811
    """It names the mug, and would be taken off the kettle."""
    money = '{shop-de: {currency: EUR, value: "%s"}}'
    spec = f"  type: amountOff\n  discount: {{amount: {money % '3.00'}}}\n  minimumOrder: {money % '40.00'}\n"
    shop.text(SHOP + promo(spec))
    found = shop.run("plan")
    assert "ACN-031" in found.out and "KTL-17-BLK" in found.out
    shop.text(SHOP + promo(spec).replace("names: [MUG-RED]", "all: true"))
    assert "ACN-031" not in shop.run("plan").out


def test_a_smallest_basket_that_is_counted_otherwise_is_drift(shop: Shop) -> None:  # noqa: F811
    """With tax or without: it is seen, and put back."""
    basket = '  minimumOrder: {shop-de: {currency: EUR, value: "20.00"}}\n  type: freeShipping\n'
    applied(shop, SHOP + promo(basket))
    (one,) = promotions(shop.server)
    one["conditions"]["minimum_order_amount"]["taxInclusive"] = "false"
    conditions = [
        {"code": code, "arguments": [{"name": n, "value": v} for n, v in said.items()]}
        for code, said in one["conditions"].items()
    ]
    by_hand(shop.server, conditions=conditions)
    assert "shop-de/promotion/black-friday" in shop.drifted()
    applied(shop, SHOP + promo(basket))
    (one,) = promotions(shop.server)
    assert one["conditions"]["minimum_order_amount"]["taxInclusive"] == "true"


def test_a_promotion_that_was_renamed_is_the_same_one(shop: Shop) -> None:  # noqa: F811
    """It gets its name back, and is not made twice."""
    (before,) = promotions(shop.server)
    by_hand(shop.server, translations=[{"languageCode": "de", "name": "Sommer!", "description": ""}])
    assert shop.changes() == {"shop-de/promotion/black-friday": "update"}
    applied(shop, SHOP + PROMO)
    (after,) = promotions(shop.server)
    assert (after["id"], after["name"]) == (before["id"], "black-friday")


def test_a_rate_of_one_country_that_is_switched_off_is_that(shop: Shop) -> None:  # noqa: F811
    """The rule is on, Austria is not in it, and the next apply switches on Austria and nothing off."""

    def rates() -> dict[str, bool]:
        found = shop.server.ask("{ taxRates(options: {take: 100}) { items { id name enabled } } }")
        return {
            one["name"].split("/")[1]: one["enabled"]
            for one in found["taxRates"]["items"]
            if one["name"].startswith("eu-consumers/")
        }

    found = shop.server.ask("{ taxRates(options: {take: 100}) { items { id name } } }")["taxRates"]["items"]
    id = next(one["id"] for one in found if one["name"] == "eu-consumers/AT/standard")
    shop.server.ask("mutation($i: ID!) { updateTaxRate(input: {id: $i, enabled: false}) { id } }", i=id)
    paths = shop.drifted()["shop-de/tax-rule/eu-consumers"]
    assert any(path.startswith("supply.shipTo") for path in paths) and "enabled" not in paths
    applied(shop, SHOP + PROMO)
    assert rates() == {"AT": True, "DE": True, "FR": True}


def test_stock_that_is_not_counted_any_more_is_drift(shop: Shop) -> None:  # noqa: F811
    """Whatever is kept back, everything can be bought then."""
    id = variant(shop.server, "KTL-17-BLK")["id"]
    shop.server.ask(
        "mutation($i: [UpdateProductVariantInput!]!) { updateProductVariants(input: $i) { id } }",
        "shop-de",
        i=[{"id": id, "trackInventory": "FALSE"}],
    )
    assert "shop-de/listing/KTL-17-BLK" in shop.drifted()
    applied(shop, SHOP + PROMO)


def test_a_promotion_of_two_channels_is_not_changed_for_both(shop: Shop) -> None:  # noqa: F811
    """Somebody put it into another channel, too: neither changed nor deleted from here."""
    applied(shop, SHOP + US + PROMO)
    (one,) = promotions(shop.server)
    channels = shop.server.ask("{ channels { items { id code } } }")["channels"]["items"]
    other = next(channel["id"] for channel in channels if channel["code"] == "shop-us")
    shop.server.ask(
        "mutation($i: [ID!]!, $c: ID!) { assignPromotionsToChannel(input: {promotionIds: $i, channelId: $c}) { id } }",
        i=[one["id"]],
        c=other,
    )
    for text in (SHOP + US + PROMO.replace('"20"', '"10"'), SHOP + US):
        shop.text(text)
        done = shop.run("apply", "--auto-approve")
        assert done.code == 3 and "shop-us has this promotion, too" in " ".join(done.out.split()), done
        assert [found["id"] for found in promotions(shop.server, "shop-us")] == [one["id"]]


def test_what_is_switched_off_lowers_no_price(shop: Shop, tmp_path: Path) -> None:  # noqa: F811
    """A floor is judged without it; it is told as switched off all the same."""

    ids = json.dumps([variant(shop.server, "KTL-17-BLK")["id"]])
    named = {"name": "productVariantIds", "value": ids}
    made = {
        "enabled": False,
        "translations": [{"languageCode": "de", "name": "by hand", "description": ""}],
        "conditions": [
            {"code": "contains_products", "arguments": [{"name": "minimum", "value": "1"}, named]}
        ],
        "actions": [
            {
                "code": "products_percentage_discount",
                "arguments": [{"name": "discount", "value": "60"}, named],
            }
        ],
    }
    shop.server.ask("mutation($i: CreatePromotionInput!) { createPromotion(input: $i) { __typename } }", "shop-de", i=made)  # fmt: skip
    assert "ACN-033" not in shop.run("plan").out
    applied(shop, (SHOP + PROMO).replace('value: "49.99"', 'value: "48.99"'))


def test_what_two_stores_share_is_changed_in_one_run(shop: Shop) -> None:  # noqa: F811
    """A title is the whole server's, a price each channel's: who writes the second is not stopped by his own hand, and a
    hand in between stops both."""

    def text(title: str, dollars: str) -> str:
        listed = '        - {store: shop-de, status: active, price: {currency: EUR, value: "12.90"}}\n'
        assert listed in SHOP
        more = f'        - {{store: shop-us, status: active, price: {{currency: USD, value: "{dollars}"}}}}\n'
        return SHOP.replace(listed, listed + more).replace("Tasse rot", title) + US

    applied(shop, text("Tasse rot", "14.00"))
    applied(shop, text("Becher rot", "15.00"))
    found = variant(shop.server, "MUG-RED", "shop-us")
    assert (found["name"], found["prices"][0]["price"]) == ("Becher rot", 1500)
    shop.text(text("Pott rot", "16.00"))
    plan = shop.run("plan", "--out", "plan.json")
    assert plan.code == 0, plan
    shop.server.ask(
        "mutation($i: [UpdateProductVariantInput!]!) { updateProductVariants(input: $i) { id } }",
        "shop-us",
        i=[{"id": found["id"], "prices": [{"currencyCode": "USD", "price": 9900}]}],
    )
    done = shop.run("apply", "plan.json", "--auto-approve")
    assert done.code in (3, 6), done
    assert variant(shop.server, "MUG-RED", "shop-us")["prices"][0]["price"] == 9900


def test_a_variant_that_is_made_anew_is_sold_where_it_is_said_to_be(shop: Shop) -> None:  # noqa: F811
    """Its product was left in both channels; made anew for one it is in no other, at no price that nobody said."""
    listed = '        - {store: shop-de, status: active, price: {currency: EUR, value: "12.90"}}\n'
    more = '        - {store: shop-us, status: active, price: {currency: USD, value: "500.00"}}\n'
    applied(shop, SHOP.replace(listed, listed + more) + US)
    shop.server.ask(
        "mutation($i: [ID!]!) { deleteProductVariants(ids: $i) { result } }",
        i=[variant(shop.server, "MUG-RED")["id"]],
    )
    shop.text(SHOP + US)
    shop.run("apply", "--auto-approve", "--select", "shop-de/*")
    found = shop.server.ask("{ productVariants { items { sku } } }", "shop-us")["productVariants"]["items"]
    assert found == []
    assert variant(shop.server, "MUG-RED")["prices"] == [{"currencyCode": "EUR", "price": 1290}]
