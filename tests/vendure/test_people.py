"""A Vendure that people use beside acorn: what they did is seen for what it is, what a shop holds is taken in as far as a spec can say
it, and nothing that another store declares is taken away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.marketplaces.vendure.client import Client, Refusal
from tests.vendure.server import Server
from tests.vendure.test_flow import PROMO, SHOP, Shop, variant
from tests.vendure.test_flow import _password as _password
from tests.vendure.test_flow import server as server
from tests.vendure.test_flow import shop as shop

pytestmark = pytest.mark.xdist_group("vendure-people")

DEFAULT = """apiVersion: acorn/v1
kind: Store
metadata: {name: default-channel}
spec:
  type: storefront
  storefront: {platform: vendure, currency: USD, languages: [en_US], timezone: Europe/Berlin}
---
"""
BOTH = DEFAULT + SHOP.replace(
    '        - {store: shop-de, status: active, price: {currency: EUR, value: "49.99"}}\n',
    '        - {store: shop-de, status: active, price: {currency: EUR, value: "49.99"}}\n'
    '        - {store: default-channel, status: active, price: {currency: USD, value: "59.00"}}\n',
)


@pytest.fixture
def both(tmp_path: Path, server: Server) -> Shop:
    """Applied: the kettle is sold in a channel and in the default channel."""
    made = Shop(tmp_path / "both", server, BOTH)
    made.apply()
    return made


CREATE_PRODUCT = "mutation($i: CreateProductInput!) { createProduct(input: $i) { id } }"
CREATE_VARIANTS = "mutation($i: [CreateProductVariantInput!]!) { createProductVariants(input: $i) { id } }"
CREATE_PROMOTION = "mutation($i: CreatePromotionInput!) { createPromotion(input: $i) { __typename ... on Promotion { id } } }"
CREATE_RATE = "mutation($i: CreateTaxRateInput!) { createTaxRate(input: $i) { id } }"


def by_hand(server: Server, sku: str, price: int = 1000) -> str:
    """A product with one variant, as somebody makes it in the dashboard; the product's id."""
    names = {
        "languageCode": "en",
        "name": f"Made by hand {sku}"[:60],
        "slug": f"hand-{abs(hash(sku))}",
        "description": "",
    }
    product = server.ask(CREATE_PRODUCT, i={"enabled": True, "translations": [names]})["createProduct"]["id"]
    category = server.ask("{ taxCategories { items { id } } }")["taxCategories"]["items"][0]["id"]
    row = {"productId": product, "sku": sku, "price": price, "taxCategoryId": category,
           "translations": [{"languageCode": "en", "name": names["name"]}]}  # fmt: skip
    server.ask(CREATE_VARIANTS, i=[row])
    return str(product)


def promote(server: Server, name: str, variants: list[str], channel: str = "", **more: Any) -> None:
    """A promotion as acorn writes them."""
    ids = json.dumps(variants)
    server.ask(
        CREATE_PROMOTION,
        channel,
        i={
            "enabled": True,
            "conditions": [
                {"code": "contains_products", "arguments": [{"name": "minimum", "value": "1"}, {"name": "productVariantIds", "value": ids}]}
            ],
            "actions": [
                {"code": "products_percentage_discount", "arguments": [{"name": "discount", "value": "5"}, {"name": "productVariantIds", "value": ids}]}
            ],
            "translations": [{"languageCode": "en", "name": name, "description": ""}],
            **more,
        },
    )  # fmt: skip


# -- the default channel -------------------------------------------------------------------------------------


def test_a_line_of_the_default_channel_takes_nothing_from_others(both: Shop) -> None:
    """Out of the default channel is out of the server: refused while another store declares it, done when none does."""
    both.text(DEFAULT + SHOP)
    plan = both.run("plan")
    assert "ACN-038" in plan.out
    assert "what shop-de declares" in " ".join(plan.out.split())
    assert both.run("apply", "--auto-approve").code == 4
    assert variant(both.server, "KTL-17-BLK")["prices"][0]["price"] == 4999
    mug_only = (
        SHOP.partition("    - sku: KTL-17-BLK")[0]
        + "    - sku: MUG-RED"
        + SHOP.partition("    - sku: MUG-RED")[2]
    )
    both.text(DEFAULT + mug_only)
    both.apply()
    found = both.server.ask(
        '{ productVariants(options: {filter: {sku: {eq: "KTL-17-BLK"}}}) { totalItems } }'
    )
    assert found["productVariants"]["totalItems"] == 0
    assert both.changes() == {}


def test_a_store_that_nobody_declares_keeps_its_products(both: Shop) -> None:
    """Another channel, which is not in the specs, sells it too: Vendure is not asked to delete it."""
    ask = both.server.ask
    zone = ask("{ zones { items { id } } }")["zones"]["items"][0]["id"]
    made = ask(
        "mutation($i: CreateChannelInput!) { createChannel(input: $i) { ... on Channel { id } } }",
        i={"code": "theirs", "token": "theirs", "defaultLanguageCode": "en", "pricesIncludeTax": False,
           "defaultCurrencyCode": "USD", "defaultTaxZoneId": zone, "defaultShippingZoneId": zone},
    )["createChannel"]["id"]  # fmt: skip
    kettle = variant(both.server, "KTL-17-BLK")["id"]
    ask(
        "mutation($i: AssignProductVariantsToChannelInput!) { assignProductVariantsToChannel(input: $i) { id } }",
        i={"productVariantIds": [kettle], "channelId": made},
    )
    mug_only = (
        SHOP.partition("    - sku: KTL-17-BLK")[0]
        + "    - sku: MUG-RED"
        + SHOP.partition("    - sku: MUG-RED")[2]
    )
    both.text(DEFAULT + mug_only)
    result = both.run("apply", "--auto-approve")
    assert (result.code, "theirs sells it too" in result.out) == (3, True), result
    assert variant(both.server, "KTL-17-BLK", "theirs")["id"] == kettle


def test_a_promotion_of_a_channel_is_taken_in_once(tmp_path: Path, server: Server) -> None:
    """Vendure shows it in the default channel, too: that is no second one."""
    first = Shop(tmp_path / "first", server)
    first.apply()
    second = Shop(tmp_path / "second", server, "")
    imported = second.run("import")
    assert imported.code == 0, imported
    promos = (second.path / "specs" / "imported" / "promos.yaml").read_text()
    assert promos.count("kind: Promo") == 1
    assert "default-channel/promotion/black-friday is shop-de's" in imported.err
    assert second.changes() == {}
    (second.path / "specs" / "imported" / "promos.yaml").write_text(
        promos.replace('percent: "20"', 'percent: "8"')
    )
    second.apply()
    assert second.changes() == {}
    (second.path / "specs" / "imported" / "promos.yaml").unlink()
    second.apply()
    assert second.changes() == {}
    assert server.ask("{ promotions { totalItems } }")["promotions"]["totalItems"] == 0


def test_one_promotion_cannot_be_two(both: Shop) -> None:
    """Declared otherwise for the default channel: each apply would undo the other. Declared alike, it is one."""
    wide = PROMO.replace("MUG-RED", "KTL-17-BLK").replace("[shop-de]", "[shop-de, default-channel]")
    both.text(BOTH + wide)
    both.apply()
    assert both.changes() == {}
    both.text(BOTH + wide.replace("[shop-de, default-channel]", "[shop-de]"))
    plan = both.run("plan")
    assert "No changes" in plan.out, "it is there because it is in shop-de"
    other = (
        PROMO.replace("MUG-RED", "KTL-17-BLK")
        .replace("[shop-de]", "[default-channel]")
        .replace("black-friday}", "bf-us}")
    )
    other = other.replace('percent: "20"', 'percent: "5"').replace(
        "type: percentOff", "key: black-friday\n  type: percentOff"
    )
    both.text(BOTH + PROMO.replace("MUG-RED", "KTL-17-BLK") + other)
    plan = both.run("plan")
    assert "ACN-031" in plan.out
    assert "shop-de says it otherwise" in " ".join(plan.out.split())


# -- import --------------------------------------------------------------------------------------------------


def test_import_takes_what_it_can_and_tells_the_rest(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a dashboard lets people make: one thing that no spec can say keeps nothing else out."""
    monkeypatch.setenv("ACORN_NOW", "2027-01-15T09:00:00Z")  # the server's rates began when it was filled
    for sku, price in {
        "": 500,
        "L" * 120: 500,
        "TRAIL ": 500,
        "Case-1": 500,
        "CASE-1": 500,
        "FREE-1": 0,
        "lower_1": 500,
    }.items():
        by_hand(server, sku, price)
    some = [
        v["id"]
        for v in server.ask("{ productVariants(options: {take: 2}) { items { id } } }")["productVariants"][
            "items"
        ]
    ]
    promote(server, "no start", some, endsAt="2028-01-01T00:00:00Z")
    promote(server, "no end", some, startsAt="2026-01-01T00:00:00Z")
    promote(server, "fine", some, startsAt="2026-01-01T00:00:00Z", endsAt="2028-01-01T00:00:00Z")
    zones = server.ask("{ zones { items { id } } }")["zones"]["items"]
    category = server.ask("{ taxCategories { items { id } } }")["taxCategories"]["items"][1]["id"]
    for zone in zones[:2]:
        server.ask(
            CREATE_RATE,
            i={
                "name": "in two zones",
                "enabled": True,
                "value": 7,
                "categoryId": category,
                "zoneId": zone["id"],
            },
        )
    made = Shop(tmp_path / "made", server, "")
    result = made.run("import")
    assert result.code == 0, result
    for words in ("no start, and a Promo needs both", "no end, and a Promo needs both", "2 tax rates named in two zones",
                  "'Case-1' stays unmanaged", "the price in default-channel is 0.00", "lower_1"):  # fmt: skip
        assert words in result.err or words in (made.path / "specs/imported/skus.yaml").read_text(), words
    assert "name: fine" in (made.path / "specs/imported/promos.yaml").read_text()
    assert made.run("plan", "--detailed-exitcode").code == 0
    by_hand(server, "SECOND-1")
    again = made.run("import")
    assert (again.code, "1 resource recorded as managed" in again.out) == (0, True), again
    assert made.changes() == {}


# -- what people do ------------------------------------------------------------------------------------------


def test_a_product_that_was_switched_off_is_switched_on_again(shop: Shop) -> None:
    """Vendure has two switches: the variant's is on, and nobody can buy it."""
    ids = shop.server.ask(
        '{ products(options: {filter: {name: {contains: "Tasse"}}}) { items { id } } }', "shop-de"
    )
    product = ids["products"]["items"][0]["id"]
    shop.server.ask(
        "mutation($i: ID!) { updateProduct(input: {id: $i, enabled: false}) { id } }", "shop-de", i=product
    )
    assert shop.changes() == {"shop-de/listing/MUG-RED": "update"}
    shop.apply()
    assert shop.changes() == {}
    second = {"productId": product, "sku": "MUG-BLUE", "price": 900, "enabled": True,
              "translations": [{"languageCode": "de", "name": "Tasse blau"}]}  # fmt: skip
    group = shop.server.ask(
        'mutation { createProductOptionGroup(input: {code: "c", options: [], translations: [{languageCode: en, name: "c"}]}) { id } }'
    )["createProductOptionGroup"]["id"]
    option = {}
    for name in ("red", "blue"):
        option[name] = shop.server.ask(
            "mutation($i: CreateProductOptionInput!) { createProductOption(input: $i) { id } }",
            i={
                "productOptionGroupId": group,
                "code": name,
                "translations": [{"languageCode": "en", "name": name}],
            },
        )["createProductOption"]["id"]
    shop.server.ask(
        "mutation($p: ID!, $g: ID!) { addOptionGroupToProduct(productId: $p, optionGroupId: $g) { id } }",
        p=product,
        g=group,
    )
    mug = variant(shop.server, "MUG-RED")["id"]
    shop.server.ask(
        "mutation($i: [UpdateProductVariantInput!]!) { updateProductVariants(input: $i) { id } }",
        i=[{"id": mug, "optionIds": [option["red"]]}],
    )
    shop.server.ask(CREATE_VARIANTS, "shop-de", i=[{**second, "optionIds": [option["blue"]]}])
    shop.server.ask(
        "mutation($i: ID!) { updateProduct(input: {id: $i, enabled: false}) { id } }", "shop-de", i=product
    )
    result = shop.run("apply", "--auto-approve")
    assert (result.code, "1 more variants would go on sale with it" in result.out) == (3, True), result


OFF = "mutation($i: ID!) { updateProduct(input: {id: $i, enabled: false}) { id } }"


@pytest.mark.parametrize("refused", [False, True], ids=["taken", "refused"])
def test_a_product_is_switched_on_once_its_price_is_right(
    refused: bool, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At no moment is it sold for what it cost while it was off; where the price is refused, it stays off."""
    mug = variant(shop.server, "MUG-RED")["id"]
    asked = "query($i: ID!) { productVariant(id: $i) { product { id enabled } prices { price } } }"
    product = shop.server.ask(asked, "shop-de", i=mug)["productVariant"]["product"]["id"]
    shop.server.ask(OFF, "shop-de", i=product)
    inner, seen = Client.write, []

    def write(self: Client, operation: str, *given: Any, **more: Any) -> Any:
        if refused and "updateProductVariants" in operation:
            raise Refusal("no", "ILLEGAL_OPERATION")
        done = inner(self, operation, *given, **more)
        now = shop.server.ask(asked, "shop-de", i=mug)["productVariant"]
        seen.append((now["product"]["enabled"], now["prices"][0]["price"]))
        return done

    monkeypatch.setattr(Client, "write", write)
    shop.text((SHOP + PROMO).replace('value: "12.90"', 'value: "12.50"'))
    done = shop.run("apply", "--auto-approve")
    assert done.code == (3 if refused else 0), done
    assert (True, 1290) not in seen
    assert (True, 1250) in seen or refused


def test_a_sku_without_a_price_to_start_from_is_assigned_to_no_channel(shop: Shop) -> None:
    """Vendure would sell it for nothing until the next request."""
    by_hand(shop.server, "FREE-1", price=0)
    shop.text(
        SHOP
        + """---
apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: free}
spec:
  sku: FREE-1
  attributes: {title: Free}
  listings:
    - {store: shop-de, status: active, price: {currency: EUR, value: "9.00"}}
"""
    )
    done = shop.run("apply", "--auto-approve")
    assert (done.code, "it has no price in the default channel" in done.out) == (3, True), done
    found = shop.server.ask(
        '{ productVariants(options: {filter: {sku: {eq: "FREE-1"}}}) { totalItems } }', "shop-de"
    )
    assert found["productVariants"]["totalItems"] == 0


def test_a_renamed_sku_keeps_its_product(shop: Shop) -> None:
    """Changed in place: the same variant of the same product, with all that people wrote there."""
    before = variant(shop.server, "MUG-RED")["id"]
    text = (SHOP + PROMO).replace("MUG-RED", "MUG-CRIMSON").replace(
        "- {store: shop-de, status: active, price: {currency: EUR, value: \"12.90\"}}",
        "- {store: shop-de, status: active, price: {currency: EUR, value: \"12.50\"}, movedFrom: MUG-RED}",
    )  # fmt: skip
    shop.text(text)
    changes = shop.changes()
    assert changes["shop-de/listing/MUG-CRIMSON"] == "update"
    shop.apply()
    after = variant(shop.server, "MUG-CRIMSON")
    assert (after["id"], after["prices"][0]["price"]) == (before, 1250)
    assert shop.changes() == {}
    assert "MUG-RED" not in shop.run("state", "list").out


def test_a_sku_that_a_hand_renamed_is_recognised(shop: Shop) -> None:
    """No second product is made: the same variant gets its SKU back."""
    mug = variant(shop.server, "MUG-RED")["id"]
    shop.server.ask(
        "mutation($i: [UpdateProductVariantInput!]!) { updateProductVariants(input: $i) { id } }",
        "shop-de",
        i=[{"id": mug, "sku": "TASSE"}],
    )
    assert shop.changes()["shop-de/listing/MUG-RED"] == "update"
    assert "TASSE → MUG-RED" in shop.run("plan").out
    shop.apply()
    assert variant(shop.server, "MUG-RED")["id"] == mug
    assert shop.changes() == {}


def test_a_currency_that_a_hand_changed_is_not_called_an_edit(shop: Shop) -> None:
    """Nobody edited the specs: the advice is about the channel."""
    ask = shop.server.ask
    channel = next(
        c for c in ask("{ channels { items { id code } } }")["channels"]["items"] if c["code"] == "shop-de"
    )
    ask(
        "mutation($i: UpdateChannelInput!) { updateChannel(input: $i) { __typename } }",
        i={"id": channel["id"], "availableCurrencyCodes": ["EUR", "USD"], "defaultCurrencyCode": "USD"},
    )
    told = " ".join(shop.run("plan").out.split())
    assert "changed outside: set it there again: currency EUR (it is USD)" in told
    assert "undo the edit" not in told


def test_a_right_that_a_hand_gave_is_told_first(shop: Shop) -> None:
    """Of ninety things that nobody manages, who may do everything stands first."""
    roles = shop.server.ask("{ roles { items { id code } } }")["roles"]["items"]
    power = next(r["id"] for r in roles if r["code"] == "__super_admin_role__")
    shop.server.ask(
        "mutation($i: CreateAdministratorInput!) { createAdministrator(input: $i) { id } }",
        i={
            "firstName": "Eve",
            "lastName": "E",
            "emailAddress": "eve@example.com",
            "password": "secret-1234",
            "roleIds": [power],
        },
    )
    made = Shop(shop.path.parent / "default", shop.server, DEFAULT.removesuffix("---\n"))
    told = " ".join(made.run("plan").out.split())
    left = told.partition("not managed and left alone: ")[2]
    assert left.startswith("grant "), told[-800:]
    assert "eve@example.com" in left[:200]


def test_the_first_declared_language_is_the_default(tmp_path: Path, server: Server) -> None:
    """Whatever sorts first; and another first one is a change."""

    def default() -> str:
        channels = server.ask("{ channels { items { code defaultLanguageCode } } }")["channels"]["items"]
        return str(next(c["defaultLanguageCode"] for c in channels if c["code"] == "shop-de"))

    made = Shop(tmp_path / "made", server, SHOP.replace("[de_DE]", "[fr_FR, de_DE]"))
    made.apply()
    assert default() == "fr"
    assert made.changes() == {}
    made.text(SHOP.replace("[de_DE]", "[de_DE, fr_FR]"))
    assert made.changes() == {"shop-de/storefront/shop-de": "update"}
    made.apply()
    assert default() == "de"
    assert made.changes() == {}


def test_stock_of_what_nobody_lists_is_told(tmp_path: Path, server: Server) -> None:
    """Vendure has rows of variants only; and a tax category that is there already is taken over without a word."""
    unlisted = SHOP.replace(
        "    - sku: MUG-RED\n",
        "    - sku: MUG-RED\n      inventory: {pool: p, sources: [{location: wh-leipzig}]}\n",
    )
    unlisted = unlisted.replace(
        '      listings:\n        - {store: shop-de, status: active, price: {currency: EUR, value: "12.90"}}\n',
        "      listings: []\n",
    )
    server.ask('mutation { createTaxCategory(input: {name: "standard"}) { id } }')
    made = Shop(tmp_path / "made", server, unlisted)
    plan = made.run("plan", "--verbose")
    assert "stock" in plan.out
    assert "of what no store lists" in " ".join(plan.out.split())
    made.apply()
    assert made.changes() == {}


def test_a_rename_in_place_keeps_the_floor_beside_a_promotion_of_the_dashboard(shop: Shop) -> None:
    """Promotions name variants by id there, and follow: refused like the same price without a rename."""
    actions = [{"code": "products_percentage_discount", "arguments": [
        {"name": "discount", "value": "40"},
        {"name": "productVariantIds", "value": json.dumps([variant(shop.server, "MUG-RED")["id"]])},
    ]}]  # fmt: skip
    always = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}
    mug = [variant(shop.server, "MUG-RED")["id"]]
    promote(shop.server, "theirs", mug, "shop-de", actions=actions, **always)
    floored = (SHOP + PROMO).replace(
        "    - sku: MUG-RED\n", '    - sku: MUG-RED\n      pricePolicy: {min: {shop-de: "7.00"}}\n'
    )
    cheaper = floored.replace('"12.90"', '"11.00"').replace("MUG-RED", "MUG-CRIMSON")
    shop.text(cheaper.replace('value: "11.00"}}', 'value: "11.00"}, movedFrom: MUG-RED}'))
    result = shop.run("apply", "--auto-approve")
    assert (result.code, "ACN-025" in result.err, "with theirs" in result.err) == (4, True, True), result
    assert variant(shop.server, "MUG-RED")["prices"][0]["price"] == 1290


def test_a_price_in_a_further_currency_is_seen(shop: Shop) -> None:
    """Buyers choose the currency: plan and drift say what they can pay, also where nothing changes."""
    channel = next(
        one
        for one in shop.server.ask("{ channels { items { id code } } }")["channels"]["items"]
        if one["code"] == "shop-de"
    )
    update = (
        "mutation($i: UpdateChannelInput!) { updateChannel(input: $i) { __typename ... on Channel { id } } }"
    )
    shop.server.ask(update, i={"id": channel["id"], "availableCurrencyCodes": ["EUR", "USD"]})
    priced = "mutation($i: [UpdateProductVariantInput!]!) { updateProductVariants(input: $i) { id } }"
    one = {"id": variant(shop.server, "MUG-RED")["id"], "prices": [{"currencyCode": "USD", "price": 300}]}
    shop.server.ask(priced, "shop-de", i=[one])
    for verb in ("plan", "drift"):
        told = " ".join(shop.run(verb).out.split())
        assert "shop-de/listing/MUG-RED: buyers can also pay 3.00 USD" in told, (verb, told)
    shop.server.ask(update, i={"id": channel["id"], "availableCurrencyCodes": ["EUR"]})
    assert "ACN-039" not in shop.run("plan", "--verbose").out
