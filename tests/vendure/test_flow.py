"""The whole way on a real Vendure: take in what is there, declare all five kinds, apply, read it back through Vendure's
own API, disturb it there, find it, repair it, and take it away again. And what goes wrong on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.repository import Repository, Result
from tests.vendure.server import PASSWORD, Server, running

pytestmark = pytest.mark.xdist_group("vendure-flow")

PROJECT = """apiVersion: acorn/v1
kind: Project
metadata: {{name: test}}
spec:
  specs: [specs]
  connections: {{main: {{adapter: vendure, url: "{url}", token: "env:VENDURE_PASSWORD", options: {{user: superadmin}}}}}}
  environments: {{sandbox: {{policies: {{severities: {{TAX-001: warning, TAX-015: warning}}}}}}}}
  defaultEnvironment: sandbox
"""
SHOP = """apiVersion: acorn/v1
kind: Store
metadata: {name: shop-de}
spec:
  type: storefront
  storefront: {platform: vendure, currency: EUR, country: DE, languages: [de_DE], timezone: Europe/Berlin, pricesIncludeTax: true, sellerId: Nordhaven}
---
apiVersion: acorn/v1
kind: Store
metadata: {name: wh-leipzig}
spec:
  type: physical
  physical:
    code: WH-LEJ
    alias: Lager Leipzig
    timezone: Europe/Berlin
    address: {countryCode: DE, lines: [Torgauer Straße 231], locality: Leipzig, postalCode: "04347"}
---
apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: kettles}
spec:
  items:
    - sku: KTL-17-BLK
      gtin: "4006381333931"
      attributes: {title: Wasserkocher schwarz, taxClass: standard}
      pricePolicy: {min: {shop-de: "34.99"}}
      inventory: {pool: p, sources: [{location: wh-leipzig, reserve: 2}], buffer: {units: 3}}
      listings:
        - {store: shop-de, status: active, price: {currency: EUR, value: "49.99"}}
    - sku: MUG-RED
      attributes: {title: Tasse rot, taxClass: standard}
      listings:
        - {store: shop-de, status: active, price: {currency: EUR, value: "12.90"}}
---
apiVersion: acorn/v1
kind: TaxRule
metadata: {name: eu-consumers}
spec:
  validity: {from: "2021-07-01"}
  match:
    stores: {names: [shop-de]}
    supply: {shipFrom: [DE], shipTo: [DE, FR, AT]}
    customer: {type: b2c}
    goods: {taxClass: [standard]}
  result: {liableParty: seller, treatment: standard, rate: {class: standard}, scheme: union-oss}
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: promo-editors}
spec:
  subjects: [{kind: user, id: ada@nordhaven.example}]
  stores: {names: [shop-de]}
  rules: [{resources: [promo], verbs: [read, write]}]
"""
PROMO = """---
apiVersion: acorn/v1
kind: Promo
metadata: {name: black-friday}
spec:
  type: percentOff
  stores: {names: [shop-de]}
  skus: {names: [MUG-RED]}
  window: {start: {local: "2026-11-27T00:00:00", tz: store}, end: {local: "2026-12-01T00:00:00", tz: store}}
  discount: {percent: "20"}
"""


class Shop(Repository):
    """A repository whose only connection is a Vendure server."""

    def __init__(self, path: Path, server: Server, text: str = SHOP + PROMO) -> None:
        super().__init__(path)
        self.server = server
        self.connect(server.url)
        if text:
            self.text(text)

    def connect(self, url: str) -> None:
        """Point the connection somewhere."""
        (self.path / "acorn.yaml").write_text(PROJECT.format(url=url))
        self.trust()

    def changes(self, *arguments: str) -> dict[str, str]:
        """What a plan would do, by address."""
        result = self.run("plan", "-o", "json", *arguments)
        assert result.code in (0, 2), result
        return {c["address"]: c["action"] for c in result.json["changes"]}

    def drifted(self) -> dict[str, list[str]]:
        """What drift tells: paths by address."""
        result = self.run("drift", "-o", "json")
        assert result.code == 0, result
        return {
            d["address"]: ["(deleted)"] if d["deleted"] else [f["path"] for f in d["fields"]]
            for store in result.json["stores"]
            for d in store["drifted"]
        }


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDURE_PASSWORD", PASSWORD)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with the sample catalogue."""
    with running(tmp_path, sample=True) as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path, server: Server) -> Shop:
    """Applied."""
    made = Shop(tmp_path / "shop", server)
    result = made.run("apply", "--auto-approve")
    assert result.code == 0, result
    return made


def variant(server: Server, sku: str, channel: str = "shop-de") -> dict[str, Any]:
    """A variant as Vendure tells of it."""
    data = server.ask(
        "query($s: String!) { productVariants(options: {filter: {sku: {eq: $s}}}) { items { id sku name enabled"
        " prices { currencyCode price } taxCategory { name } outOfStockThreshold stockLevels { stockOnHand } } } }",
        channel,
        s=sku,
    )
    items = data["productVariants"]["items"]
    assert len(items) == 1, items
    found: dict[str, Any] = items[0]
    return found


def set_price(server: Server, sku: str, minor: int) -> None:
    """As a hand in the dashboard does."""
    server.ask(
        "mutation($i: [UpdateProductVariantInput!]!) { updateProductVariants(input: $i) { id } }",
        "shop-de",
        i=[{"id": variant(server, sku)["id"], "prices": [{"currencyCode": "EUR", "price": minor}]}],
    )


def test_the_sample_catalogue_is_taken_in_and_plans_empty(tmp_path: Path, server: Server) -> None:
    """Import, plan: nothing to do. The sample has three variants of one SKU: told, and never guessed."""
    made = Shop(tmp_path / "shop", server, "")
    result = made.run("import")
    assert result.code == 0, result
    assert "3 product variants named 404.038.96" in result.err
    assert "100 resources recorded" in result.out or "resources recorded" in result.out
    plan = made.run("plan", "--detailed-exitcode")
    assert plan.code == 0, plan
    assert "ACN-032" in plan.out
    specs = made.path / "specs" / "imported" / "skus.yaml"
    assert specs.read_text().count("- sku:") == 85
    specs.write_text(specs.read_text().replace('value: "70.00"', 'value: "75.00"', 1))
    assert made.changes() == {"default-channel/listing/003.600.02": "update"}
    made.apply()
    assert variant(server, "003.600.02", "")["prices"] == [{"currencyCode": "USD", "price": 7500}]
    assert made.run("drift", "--detailed-exitcode").code == 0


def test_all_five_kinds_are_there_in_vendures_own_words(shop: Shop) -> None:
    """Applied, and read back through Vendure's API; then the plan is empty."""
    ask = shop.server.ask
    channel = next(c for c in ask("{ channels { items { code defaultCurrencyCode pricesIncludeTax seller { name }"
                                  " defaultTaxZone { name } availableLanguageCodes } } }")["channels"]["items"]
                   if c["code"] == "shop-de")  # fmt: skip
    assert channel == {
        "code": "shop-de",
        "defaultCurrencyCode": "EUR",
        "pricesIncludeTax": True,
        "seller": {"name": "Nordhaven"},
        "defaultTaxZone": {"name": "DE"},
        "availableLanguageCodes": ["de"],
    }
    kettle = variant(shop.server, "KTL-17-BLK")
    assert kettle["prices"] == [{"currencyCode": "EUR", "price": 4999}]
    assert (kettle["name"], kettle["enabled"], kettle["outOfStockThreshold"]) == (
        "Wasserkocher schwarz",
        True,
        3,
    )
    assert kettle["taxCategory"]["name"] == "standard"
    locations = ask("{ stockLocations { items { name description } } }")["stockLocations"]["items"]
    assert {"name": "wh-leipzig", "description": "Lager Leipzig"} in locations
    rates = ask("{ taxRates(options: {take: 100}) { items { name value zone { name } } } }")["taxRates"][
        "items"
    ]
    ours = {r["zone"]["name"]: r["value"] for r in rates if r["name"].startswith("eu-consumers/")}
    assert ours == {"DE": 19, "FR": 20, "AT": 20}
    roles = ask("{ roles { items { code permissions channels { code } } } }")["roles"]["items"]
    role = next(r for r in roles if r["code"] == "promo-editors@shop-de")
    assert set(role["permissions"]) == {
        "Authenticated",
        "ReadPromotion",
        "CreatePromotion",
        "UpdatePromotion",
    }
    assert [c["code"] for c in role["channels"]] == ["shop-de"]
    people = ask("{ administrators { items { emailAddress user { roles { code } } } } }")["administrators"][
        "items"
    ]
    ada = next(p for p in people if p["emailAddress"] == "ada@nordhaven.example")
    assert [r["code"] for r in ada["user"]["roles"]] == ["promo-editors@shop-de"]
    sale = ask(
        "{ promotions { items { name startsAt endsAt actions { code args { name value } } } } }", "shop-de"
    )
    [black_friday] = sale["promotions"]["items"]
    assert black_friday["startsAt"] == "2026-11-26T23:00:00.000Z"
    assert black_friday["actions"][0]["code"] == "products_percentage_discount"
    assert black_friday["actions"][0]["args"][0] == {"name": "discount", "value": "20"}
    assert shop.run("plan", "--detailed-exitcode").code == 0
    assert shop.run("drift", "--detailed-exitcode").code == 0


def test_what_the_server_adds_by_itself_is_never_drift(shop: Shop) -> None:
    """`Authenticated` in a role; rows of stock; promotions in the default channel."""
    assert shop.changes() == {}
    shop.server.stop()
    shop.server.start()
    assert shop.changes() == {}
    assert shop.drifted() == {}


def test_a_hand_in_the_dashboard_is_found_and_repaired(shop: Shop) -> None:
    """A price, a state, a permission too many, a rate, a date, a name, a deletion: each is named, and put back."""
    ask = shop.server.ask
    set_price(shop.server, "KTL-17-BLK", 999)
    mug = variant(shop.server, "MUG-RED")["id"]
    ask(
        "mutation($i: ID!) { updateProductVariants(input: [{id: $i, enabled: false}]) { id } }",
        "shop-de",
        i=mug,
    )
    role = next(r for r in ask("{ roles { items { id code } } }")["roles"]["items"] if "promo" in r["code"])
    ask(
        "mutation($i: ID!) { updateRole(input: {id: $i, permissions: [ReadPromotion, CreatePromotion, UpdatePromotion,"
        " DeleteCustomer]}) { id } }",
        i=role["id"],
    )
    rates = ask("{ taxRates(options: {take: 100}) { items { id name } } }")["taxRates"]["items"]
    rate = next(r for r in rates if r["name"] == "eu-consumers/DE/standard")
    ask("mutation($i: ID!) { updateTaxRate(input: {id: $i, value: 7}) { id } }", i=rate["id"])
    [sale] = ask("{ promotions { items { id } } }", "shop-de")["promotions"]["items"]
    ask(
        'mutation($i: ID!) { updatePromotion(input: {id: $i, endsAt: "2027-01-31T00:00:00Z"}) { __typename } }',
        "shop-de",
        i=sale["id"],
    )
    place = next(
        p
        for p in ask("{ stockLocations { items { id name } } }")["stockLocations"]["items"]
        if p["name"] == "wh-leipzig"
    )
    ask('mutation($i: ID!) { updateStockLocation(input: {id: $i, description: "x"}) { id } }', i=place["id"])
    channel = next(
        c for c in ask("{ channels { items { id code } } }")["channels"]["items"] if c["code"] == "shop-de"
    )
    ask(
        "mutation($i: ID!) { updateChannel(input: {id: $i, pricesIncludeTax: false}) { __typename } }",
        i=channel["id"],
    )
    person = next(
        a
        for a in ask("{ administrators { items { id emailAddress } } }")["administrators"]["items"]
        if a["emailAddress"] == "ada@nordhaven.example"
    )
    ask("mutation($i: ID!) { updateAdministrator(input: {id: $i, roleIds: []}) { id } }", i=person["id"])
    assert shop.drifted() == {
        "shop-de/grant/promo-editors:user:ada@nordhaven.example": ["(deleted)"],
        "shop-de/listing/KTL-17-BLK": ["price"],
        "shop-de/listing/MUG-RED": ["status"],
        "shop-de/promotion/black-friday": ["end"],
        "shop-de/role/promo-editors": ["foreign"],
        "shop-de/storefront/shop-de": ["pricesIncludeTax"],
        "shop-de/tax-rule/eu-consumers": ["rate.percents.DE/standard"],
        "wh-leipzig/location/wh-leipzig": ["alias"],
    }
    result = shop.run("apply", "--auto-approve")
    assert result.code == 0, result
    assert shop.drifted() == {}
    assert shop.changes() == {}
    assert variant(shop.server, "KTL-17-BLK")["prices"] == [{"currencyCode": "EUR", "price": 4999}]


def test_what_leaves_the_specs_is_taken_away_and_nothing_else(shop: Shop) -> None:
    """Listing, promotion, role, grant and tax rule go; the sample catalogue, its rates and the stock rows stay."""
    before = shop.server.ask("{ productVariants { totalItems } taxRates { totalItems } }")
    head, _, _ = SHOP.partition("    - sku: MUG-RED")
    shop.text(head)
    changes = shop.changes()
    assert changes == {
        "shop-de/listing/MUG-RED": "delete",
        "shop-de/promotion/black-friday": "delete",
        "shop-de/role/promo-editors": "delete",
        "shop-de/grant/promo-editors:user:ada@nordhaven.example": "delete",
        "shop-de/tax-rule/eu-consumers": "delete",
    }
    result = shop.run("apply", "--auto-approve")
    assert result.code == 0, result
    after = shop.server.ask("{ productVariants { totalItems } taxRates { totalItems } }")
    assert after["taxRates"]["totalItems"] == before["taxRates"]["totalItems"] - 3
    assert after["productVariants"] == before["productVariants"], "what leaves a channel stays on the server"
    assert (
        shop.server.ask("{ productVariants { totalItems } }", "shop-de")["productVariants"]["totalItems"] == 1
    )
    assert shop.changes() == {}


def test_one_sku_in_two_channels_is_one_variant_with_two_prices(shop: Shop) -> None:
    """The second channel is assigned the variant; its price is its own, in its own currency."""
    second = (
        SHOP.partition("---")[0]
        .replace("shop-de", "shop-us")
        .replace("EUR", "USD")
        .replace("country: DE", "country: US")
    )
    text = SHOP.replace(
        '        - {store: shop-de, status: active, price: {currency: EUR, value: "49.99"}}\n',
        '        - {store: shop-de, status: active, price: {currency: EUR, value: "49.99"}}\n'
        '        - {store: shop-us, status: active, price: {currency: USD, value: "59.00"}}\n',
    )
    shop.text(second + "---\n" + text + PROMO)
    result = shop.run("apply", "--auto-approve")
    assert result.code == 0, result
    here, there = variant(shop.server, "KTL-17-BLK"), variant(shop.server, "KTL-17-BLK", "shop-us")
    assert here["id"] == there["id"]
    assert here["prices"] == [{"currencyCode": "EUR", "price": 4999}]
    assert there["prices"] == [{"currencyCode": "USD", "price": 5900}]
    assert shop.changes() == {}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("type: b2c", "type: b2b, vatId: valid", "it is for companies, and Vendure would charge everybody so"),
        ("shipTo: [DE, FR, AT]", "shipTo: [EU]", "write them in place of EU"),
        ("liableParty: seller", "liableParty: marketplace", "Vendure only knows rates that the seller owes"),
        ("resources: [promo]", "resources: [price]", "cannot be granted alone: ReadProduct also opens"),
        ("resources: [promo]", "resources: [ad]", "Vendure has no permission for ad.read"),
        ("kind: user, id: ada@nordhaven.example", "kind: group, id: editors", "Vendure has no groups"),
        ("  discount: {percent", "  audience: b2b\n  discount: {percent", "it is for b2b, and Vendure would give it to everybody"),
        ("  discount: {percent", "  limits: {budget: {currency: EUR, value: \"100.00\"}}\n  discount: {percent", "when a budget is spent"),
        ("platform: vendure", "platform: network", "this connection is a Vendure server"),
    ],
)  # fmt: skip
def test_what_would_mean_something_else_is_refused_at_plan_time(
    old: str, new: str, words: str, shop: Shop
) -> None:
    """With the resource named; nothing is written, and what is live there is not taken away."""
    assert old in SHOP + PROMO
    shop.text((SHOP + PROMO).replace(old, new))
    result = shop.run("plan")
    assert result.code == 4, result
    told = " ".join(result.out.split())
    assert words in told
    assert "ACN-031" in told
    if (
        "kind: group" not in new
    ):  # that one has replaced a person by something else: the person's grant has left
        assert "to delete" not in told or " 0 to delete" in told
    result = shop.run("apply", "--auto-approve")
    assert result.code == 4
    assert "nothing was written" in result.err


def test_what_cannot_be_held_is_told_and_never_compared(shop: Shop) -> None:
    """Once for each attribute, as a warning."""
    told = shop.run("plan", "-o", "json").json["findings"]
    words = " ".join(f["message"] for f in told if f["id"] == "ACN-030")
    for name in (
        "allocation.pool, gtin of 1 listing",
        "address of 1 location",
        "pool, reserve of 1 stock row",
    ):
        assert name in words, words
    assert "supply.shipFrom" in words
    assert "status" not in words


def test_a_floor_that_vendure_does_not_know_is_held_all_the_same(shop: Shop) -> None:
    """The last guard looks at the spec's floor; a plan that was saved with a good price is stopped when the floor has
    risen since."""
    text = (shop.path / "specs" / "all.yaml").read_text()
    shop.text(text.replace('value: "49.99"', 'value: "33.00"'))
    result = shop.run("plan")
    assert result.code == 4
    assert "SKU-016" in result.err


# Faults, on the real server


def test_a_change_in_between_fails_that_row_only(shop: Shop) -> None:
    """Between plan and apply a hand changes one of two: that plan is refused, with the row."""
    text = (shop.path / "specs" / "all.yaml").read_text()
    shop.text(text.replace("49.99", "44.99").replace("12.90", "11.90"))
    assert shop.run("plan", "--out", "p.json").code == 0
    set_price(shop.server, "MUG-RED", 500)
    result = shop.run("apply", "p.json")
    assert result.code == 6
    assert "MUG-RED" in result.err
    assert variant(shop.server, "KTL-17-BLK")["prices"][0]["price"] == 4999


def test_a_rejected_field_fails_its_row_and_the_rest_is_done(shop: Shop) -> None:
    """A promotion on a SKU that was taken out of the channel meanwhile; the price beside it is written."""
    from acorn_gitops.marketplaces.protocol import Scope, Write
    from acorn_gitops.model.resource import Address
    from tests.vendure.test_conformance import connect

    adapter = connect(shop.server)
    live = adapter.read(Scope("shop-de")).resources
    writes = [
        Write(
            "update",
            Address("shop-de", "listing", "MUG-RED"),
            {"taxClass": "nowhere"},
            live[("listing", "MUG-RED")].etag,
            "k1",
        ),
        Write(
            "update",
            Address("shop-de", "listing", "KTL-17-BLK"),
            {"price": {"currency": "EUR", "value": "45.00"}},
            live[("listing", "KTL-17-BLK")].etag,
            "k2",
        ),
        Write("update", Address("shop-de", "listing", "GONE"), {"status": "active"}, "", "k3"),
    ]
    outcomes = adapter.write("shop-de", writes)
    adapter.close()
    assert [o.status for o in outcomes] == ["rejected", "observed", "rejected"], outcomes
    assert "no tax class nowhere" in outcomes[0].message
    assert variant(shop.server, "KTL-17-BLK")["prices"][0]["price"] == 4500


def catalogue(count: int) -> str:
    """A list of listings."""
    head = SHOP.partition("---")[0]
    rows = "".join(
        f'    - sku: BULK-{n:04}\n      listings: [{{store: shop-de, status: active, price: {{currency: EUR, value: "{n + 1}.00"}}}}]\n'
        for n in range(count)
    )
    return (
        head + "---\napiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: bulk}\nspec:\n  items:\n" + rows
    )


def start_apply(shop: Shop) -> subprocess.Popen[bytes]:
    """`acorn apply` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "acorn_gitops", "apply", "--auto-approve"],
        cwd=shop.path,
        env={**os.environ, "VENDURE_PASSWORD": PASSWORD},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def skus(server: Server) -> list[str]:
    """All of ours on the server, twins included."""
    found: list[str] = []
    while True:
        data = server.ask(
            'query($n: Int!) { productVariants(options: {take: 1000, skip: $n, filter: {sku: {contains: "BULK-"}}}) {'
            " totalItems items { sku } } }",
            n=len(found),
        )["productVariants"]
        found += [item["sku"] for item in data["items"]]
        if len(found) >= data["totalItems"]:
            return found


@pytest.mark.parametrize("victim", ["server", "acorn"])
def test_killed_in_the_middle_it_is_finished_by_running_again(
    victim: str, tmp_path: Path, server: Server
) -> None:
    """Whichever dies: after a restart the same command ends where it would have, without twins, and no listing was ever
    on sale for nothing."""
    shop = Shop(tmp_path / "shop", server, catalogue(400))
    running_apply = start_apply(shop)
    until = time.monotonic() + 60
    while time.monotonic() < until and not 50 < len(skus(server)) < 390:
        time.sleep(0.02)
    if victim == "server":
        server.stop(signal.SIGKILL)
    else:
        running_apply.kill()
    out, err = running_apply.communicate(timeout=120)
    if victim == "server":
        assert running_apply.returncode in (1, 3), (out, err)
        assert b"Traceback" not in err
        server.start()
    free = server.ask(
        'query { productVariants(options: {take: 1000, filter: {sku: {contains: "BULK-"}}}) { items { sku enabled'
        " prices { price } } } }",
        "shop-de",
    )["productVariants"]["items"]
    assert not [v for v in free if v["enabled"] and any(p["price"] == 0 for p in v["prices"])]
    result: Result | None = None
    for _ in range(3):
        result = shop.run("apply", "--auto-approve")
        if result.code == 0:
            break
    assert result is not None
    assert result.code == 0, result
    found = skus(server)
    assert sorted(found) == [f"BULK-{n:04}" for n in range(400)], "each once"
    assert shop.changes() == {}


def test_a_session_that_ends_in_the_middle_is_renewed(tmp_path: Path) -> None:
    """With logins that hold for one second an apply that takes longer ends well."""
    with running(tmp_path, sample=True, session="1s") as short:
        shop = Shop(tmp_path / "shop", short, catalogue(250))
        begun = time.monotonic()
        result = shop.run("apply", "--auto-approve")
        assert result.code == 0, result
        assert time.monotonic() - begun > 1
        assert shop.changes() == {}


def test_a_wrong_password_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, without the password."""
    monkeypatch.setenv("VENDURE_PASSWORD", "wrong-secret")
    result = shop.run("plan")
    assert result.code == 1
    assert "cannot sign in" in result.out + result.err
    assert "wrong-secret" not in result.out + result.err


def test_an_api_key_does_as_well(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `options.user` the secret is an API key; it holds in the channel in which it was made (and the default)."""
    roles = shop.server.ask("{ roles { items { id code } } }")["roles"]["items"]
    role = next(r["id"] for r in roles if r["code"] == "__super_admin_role__")
    made = shop.server.ask(
        'mutation($r: [ID!]!) { createApiKey(input: {roleIds: $r, translations: [{languageCode: en, name: "acorn"}]})'
        " { apiKey } }",
        "shop-de",
        r=[role],
    )
    monkeypatch.setenv("VENDURE_PASSWORD", made["createApiKey"]["apiKey"])
    project = shop.path / "acorn.yaml"
    project.write_text(project.read_text().replace(", options: {user: superadmin}", ""))
    shop.trust()
    result = shop.run("plan", "--detailed-exitcode")
    assert result.code == 0, result.out


def test_two_applies_at_once_make_no_twins(tmp_path: Path, server: Server) -> None:
    """From two machines, each with a ledger of its own: whatever each says, every SKU is there once."""
    shops = [Shop(tmp_path / name, server, catalogue(120)) for name in ("one", "two")]
    first = Shop(tmp_path / "zero", server, SHOP.partition("---")[0])
    assert first.run("apply", "--auto-approve").code == 0
    processes = [start_apply(s) for s in shops]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode in (0, 1, 3, 6), err
        assert b"Traceback" not in err
    found = skus(server)
    doubled = sorted({s for s in found if found.count(s) > 1})
    if doubled:
        told = shops[0].run("plan").out
        assert all(s in told for s in doubled[:1]), "twins are told"
    else:
        assert sorted(found) == [f"BULK-{n:04}" for n in range(120)]


def test_two_applies_of_one_repository_at_once(shop: Shop) -> None:
    """One writes, the other exits without writing."""
    shop.text(SHOP + PROMO.replace('"20"', '"25"') + "---\n" + catalogue(150).partition("---\n")[2])
    processes = [start_apply(shop), start_apply(shop)]
    codes = sorted(p.wait(120) for p in processes)
    for process in processes:
        assert process.stderr is not None
        assert process.stdout is not None
        process.stderr.close()
        process.stdout.close()
    assert codes == [0, 6], codes
    assert shop.changes() == {}


def test_a_lost_answer_makes_no_twin(tmp_path: Path, server: Server) -> None:
    """A proxy cuts the connection after the server has done what it was asked: the adapter looks, and finds it."""
    proxy = LosingProxy(server.port)
    try:
        shop = Shop(tmp_path / "shop", server, catalogue(30))
        shop.connect(proxy.url)
        proxy.lose = "createProductVariants"
        result = shop.run("apply", "--auto-approve")
        assert result.code in (0, 3), result
        proxy.lose = ""
        for _ in range(2):
            result = shop.run("apply", "--auto-approve")
        assert result.code == 0, result
        assert sorted(skus(server)) == [f"BULK-{n:04}" for n in range(30)]
        assert shop.changes() == {}
    finally:
        proxy.close()


class LosingProxy:
    """Forwards requests, and drops the answers to those that hold a word, once."""

    def __init__(self, port: int) -> None:
        import http.client
        import http.server

        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                onward = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                headers = {
                    k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding")
                }
                onward.request("POST", self.path, body, headers)
                answer = onward.getresponse()
                content = answer.read()
                if proxy.lose and proxy.lose.encode() in body:
                    proxy.lose = ""
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        self.lose = ""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/admin-api"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


TWINS = {
    "stock locations named wh-leipzig": 'mutation { createStockLocation(input: {name: "wh-leipzig"}) { id } }',
    "tax categories named standard": 'mutation { createTaxCategory(input: {name: "standard"}) { id } }',
    "roles named promo-editors": (
        'mutation { createRole(input: {code: "promo-editors@shop-de", description: "x", permissions: [],'
        ' channelIds: ["CHANNEL"]}) { id } }'
    ),
    "tax rates named eu-consumers": (
        'mutation { createTaxRate(input: {name: "eu-consumers/DE/standard", enabled: true, value: 3, categoryId:'
        ' "CATEGORY", zoneId: "ZONE"}) { id } }'
    ),
    "promotions named black-friday": (
        'mutation { createPromotion(input: {enabled: true, couponCode: "X1", conditions: [], actions: [{code:'
        ' "free_shipping", arguments: []}], translations: [{languageCode: de, name: "black-friday"}]}) { __typename } }'
    ),
}


@pytest.mark.parametrize("what", TWINS)
def test_twins_of_what_is_declared_stop_the_plan(what: str, shop: Shop) -> None:
    """Nearly nothing is unique in Vendure: two of one name are told with their ids, and nothing is written."""
    ids = shop.server.ask(
        "{ channels { items { id code } } zones { items { id name } } taxCategories { items { id name } } }"
    )
    channel = next(c["id"] for c in ids["channels"]["items"] if c["code"] == "shop-de")
    zone = next(z["id"] for z in ids["zones"]["items"] if z["name"] == "DE")
    category = next(c["id"] for c in ids["taxCategories"]["items"] if c["name"] == "standard")
    query = TWINS[what].replace("CHANNEL", channel).replace("ZONE", zone).replace("CATEGORY", category)
    shop.server.ask(query, "shop-de")
    result = shop.run("plan")
    assert result.code == 4, result
    assert f"there are 2 {what}" in " ".join(result.out.split())
    assert "to delete" not in result.out or " 0 to delete" in result.out
    result = shop.run("apply", "--auto-approve")
    assert result.code == 4
    assert json.dumps(shop.run("plan", "-o", "json").json).count("ACN-032") >= 1


def test_twin_zones_are_not_guessed_between(tmp_path: Path, server: Server) -> None:
    """A second zone DE: the storefront that needs one is refused, and told why; with one of them gone it is made."""
    made = [
        server.ask('mutation { createZone(input: {name: "DE"}) { id } }')["createZone"]["id"] for _ in "ab"
    ]
    shop = Shop(tmp_path / "shop", server)
    result = shop.run("apply", "--auto-approve")
    assert result.code == 3
    assert "there are 2 zones named DE" in result.out
    for zone in made:
        server.ask("mutation($i: ID!) { deleteZone(id: $i) { result } }", i=zone)
    assert shop.run("apply", "--auto-approve").code == 0
    assert shop.changes() == {}


@pytest.mark.parametrize(
    "lost",
    ["createChannel", "createZone", "createTaxCategory", "createTaxRate", "createRole", "createAdministrator",
     "createProduct", "createProductVariants", "createStockLocation", "createPromotion"],
)  # fmt: skip
def test_a_create_whose_answer_was_lost_never_makes_a_twin(lost: str, tmp_path: Path, server: Server) -> None:
    """The server did it, and nobody heard: applying again finds it."""
    proxy = LosingProxy(server.port)
    try:
        shop = Shop(tmp_path / "shop", server)
        shop.connect(proxy.url)
        proxy.lose = f"{lost}("
        first = shop.run("apply", "--auto-approve")
        assert proxy.lose == "", f"{lost} was never sent"
        assert first.code in (0, 3), first
        for _ in range(3):
            result = shop.run("apply", "--auto-approve")
        assert result.code == 0, result
        assert shop.changes() == {}
        data = server.ask(
            "{ channels { items { code } } zones { items { name } } taxCategories { items { name } } taxRates(options:"
            " {take: 100}) { items { name } } roles { items { code } } administrators { items { emailAddress } }"
            " products(options: {take: 100}) { items { slug name } } stockLocations { items { name } }"
            " promotions { items { name } } }"
        )
        for kind, found in data.items():
            names = [str(item.get("name") or next(iter(item.values()))) for item in found["items"]]
            assert len(names) == len(set(names)), f"twins among {kind}: {sorted(names)}"
    finally:
        proxy.close()


@pytest.mark.parametrize(
    ("spec", "action", "conditions"),
    [
        (
            '  type: percentOff\n  discount: {percent: "12.5"}\n',
            "products_percentage_discount",
            ["contains_products"],
        ),
        (
            '  type: amountOff\n  discount: {amount: {shop-de: {currency: EUR, value: "3.00"}}}\n',
            "order_fixed_discount",
            ["contains_products"],
        ),
        (
            '  type: promoCode\n  code: TEA-2026\n  discount: {percent: "10"}\n  limits: {redemptions: 500, perCustomer: 1}\n',
            "products_percentage_discount",
            ["contains_products"],
        ),
        (
            '  type: freeShipping\n  minimumOrder: {shop-de: {currency: EUR, value: "20.00"}}\n',
            "free_shipping",
            ["contains_products", "minimum_order_amount"],
        ),
        (
            "  type: buyXGetY\n  discount: {buyXGetY: {buy: 2, get: 1}}\n",
            "buy_x_get_y_free",
            ["buy_x_get_y_free"],
        ),
    ],
)
def test_every_shape_of_promotion_goes_there_and_back(
    spec: str, action: str, conditions: list[str], shop: Shop
) -> None:
    """Planned, applied, seen in Vendure's words, plan empty; then imported into an empty repository as the same."""
    promo = PROMO.replace("  type: percentOff\n", "").replace('  discount: {percent: "20"}\n', spec)
    shop.text(SHOP + promo)
    assert shop.changes() == {"shop-de/promotion/black-friday": "update"}
    result = shop.run("apply", "--auto-approve")
    assert result.code == 0, result
    assert shop.changes() == {}
    [found] = shop.server.ask("{ promotions { items { conditions { code } actions { code } couponCode usageLimit"
                              " perCustomerUsageLimit } } }", "shop-de")["promotions"]["items"]  # fmt: skip
    assert [a["code"] for a in found["actions"]] == [action]
    assert sorted(c["code"] for c in found["conditions"]) == conditions
    if "code:" in spec:
        assert (found["couponCode"], found["usageLimit"], found["perCustomerUsageLimit"]) == (
            "TEA-2026",
            500,
            1,
        )
    other = Shop(shop.path.parent / "other", shop.server, "")
    assert other.run("import").code == 0
    plan = other.run("plan", "-o", "json").json
    assert plan["changes"] == []
    assert (other.path / "specs" / "imported" / "promos.yaml").exists()


def test_roles_and_people_made_in_the_dashboard_are_taken_in(shop: Shop) -> None:
    """A role of one channel with rights that a rule can say, and who has it."""
    ids = shop.server.ask("{ channels { items { id code } } }")["channels"]["items"]
    channel = next(c["id"] for c in ids if c["code"] == "shop-de")
    role = shop.server.ask(
        'mutation($c: [ID!]!) { createRole(input: {code: "orders", description: "by hand", permissions: [ReadOrder,'
        " CreateOrder, UpdateOrder], channelIds: $c}) { id } }",
        c=[channel],
    )["createRole"]["id"]
    shop.server.ask(
        'mutation($r: [ID!]!) { createAdministrator(input: {firstName: "Bo", lastName: "Li", emailAddress:'
        ' "bo@example.com", password: "some-long-password", roleIds: $r}) { id } }',
        r=[role],
    )
    assert shop.run("import", "--select", "shop-de/role/orders,shop-de/grant/orders*").code == 0
    text = (shop.path / "specs" / "imported" / "roles.yaml").read_text()
    assert "bo@example.com" in text
    assert "order" in text
    assert shop.changes() == {}
    shop.server.ask(
        "mutation($r: ID!) { updateRole(input: {id: $r, permissions: [ReadOrder]}) { id } }", r=role
    )
    assert list(shop.drifted()) == ["shop-de/role/orders"]
    assert shop.run("apply", "--auto-approve").code == 0
    assert shop.drifted() == {}


def test_a_stale_row_fails_alone(shop: Shop) -> None:
    """In one batch, of two rows that were read together, one is changed by a hand before it is sent: that one is a
    conflict and stays as the hand left it, the other is written."""
    from acorn_gitops.marketplaces.protocol import Scope, Write
    from acorn_gitops.model.resource import Address
    from tests.vendure.test_conformance import connect

    adapter = connect(shop.server)
    live = adapter.read(Scope("shop-de")).resources
    set_price(shop.server, "MUG-RED", 777)
    outcomes = adapter.write(
        "shop-de",
        [
            Write(
                "update",
                Address("shop-de", "listing", sku),
                {"price": {"currency": "EUR", "value": "40.00"}},
                live[("listing", sku)].etag,
                sku,
            )
            for sku in ("MUG-RED", "KTL-17-BLK")
        ],
    )
    adapter.close()
    assert [o.status for o in outcomes] == ["conflict", "observed"], outcomes
    assert variant(shop.server, "MUG-RED")["prices"][0]["price"] == 777
    assert variant(shop.server, "KTL-17-BLK")["prices"][0]["price"] == 4000
