"""The whole way on the emulator: declare stores, shops, SKUs, a promotion and a role; plan, apply, disturb by
hand, find it, repair it, take in what is there. What Amazon has no interface for is a step for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.amazon.emulated import DE, SELLER, Emulated
from tests.repository import Repository

PROJECT = """apiVersion: acorn/v1
kind: Project
metadata: {{name: test}}
spec:
  specs: [specs]
  connections:
    main: {{adapter: amazon, url: "{url}", token: "env:AMAZON_EU", options: {{login: "{url}/auth/o2/token"}}}}
  environments: {{sandbox: {{}}}}
  defaultEnvironment: sandbox
"""
STORES = f"""apiVersion: acorn/v1
kind: Store
metadata: {{name: amz-de}}
spec:
  type: storefront
  storefront:
    platform: amazon
    currency: EUR
    country: DE
    marketplaceId: {DE}
    region: eu
    sellerId: {SELLER}
    languages: [de_DE]
    timezone: Europe/Berlin
    pricesIncludeTax: true
---
apiVersion: acorn/v1
kind: Store
metadata: {{name: de-ber-mitte}}
spec:
  type: physical
  physical:
    code: DE-BER-MITTE
    alias: Nordhaven – Berlin Mitte
    timezone: Europe/Berlin
    address: {{countryCode: DE, lines: [Friedrichstraße 43], locality: Berlin, postalCode: "10117"}}
    hours: {{mon: [["10:00", "24:00"]], sun: []}}
    throughput: {{orders: 40, per: day}}
"""
SKUS = """---
apiVersion: acorn/v1
kind: SkuMapping
metadata: {name: kettles}
spec:
  items:
    - sku: KTL-17-BLK
      gtin: "4006381333931"
      attributes: {title: Wasserkocher schwarz, taxClass: standard, ptc: A_GEN_STANDARD}
      pricePolicy: {min: {amz-de: "34.99"}}
      listings:
        - {store: amz-de, asin: B0EXAMPLE1, status: active, condition: new_new, fulfillment: mfn, price: {currency: EUR, value: "49.99"}}
    - sku: MUG-RED
      attributes: {title: Tasse rot, taxClass: standard}
      listings:
        - {store: amz-de, asin: B0EXAMPLE2, status: active, price: {currency: EUR, value: "12.90"}}
"""
PROMO = """---
apiVersion: acorn/v1
kind: Promo
metadata: {name: black-friday}
spec:
  type: percentOff
  stores: {names: [amz-de]}
  skus: {names: [MUG-RED]}
  window: {start: {local: "2026-11-27T00:00:00", tz: store}, end: {local: "2026-12-01T00:00:00", tz: store}}
  discount: {percent: "20"}
"""


class Seller(Repository):
    """A repository whose only connection is the emulator."""

    def __init__(self, path: Path, amazon: Emulated, text: str = STORES + SKUS) -> None:
        super().__init__(path)
        self.amazon = amazon
        (path / "acorn.yaml").write_text(PROJECT.format(url=amazon.url))
        self.text(text)
        self.trust()


@pytest.fixture
def amazon(by_the_wall_clock: Emulated) -> Emulated:
    """As commands meet it."""
    return by_the_wall_clock


@pytest.fixture
def seller(tmp_path: Path, amazon: Emulated) -> Seller:
    """Specs of a storefront, a shop and two SKUs."""
    return Seller(tmp_path, amazon)


def price(amazon: Emulated, sku: str) -> str:
    """What is asked for a SKU in Germany."""
    (offer,) = amazon.account.listings[sku, DE].attributes["purchasable_offer"]
    return format(offer["our_price"][0]["schedule"][0]["value_with_tax"], ".2f")


def by_hand(amazon: Emulated, sku: str, amount: float) -> None:
    """Somebody changes a price in Seller Central."""
    offer = {"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": amount}]}]}
    said = {"sku": sku, "marketplaceId": DE, "set": {"purchasable_offer": [offer]}}
    amazon.emulator.control.answer("hand", said)


def test_what_is_declared_is_so_after_one_apply(seller: Seller, amazon: Emulated) -> None:
    """And a second plan is empty."""
    assert seller.run("plan", "--detailed-exitcode").code == 2
    seller.apply()
    assert price(amazon, "KTL-17-BLK") == "49.99"
    (row,) = amazon.account.supply_sources.values()
    assert (row["status"], row["address"]["stateOrRegion"]) == ("Active", "Berlin")
    again = seller.run("plan", "--detailed-exitcode")
    assert again.code == 0, again.out


def test_a_hand_in_seller_central_is_drift_and_is_put_back(seller: Seller, amazon: Emulated) -> None:
    """Found, told with both values, repaired."""
    seller.apply()
    by_hand(amazon, "MUG-RED", 9)
    found = seller.run("drift", "--detailed-exitcode")
    assert found.code == 2 and "12.90 EUR → 9.00 EUR" in found.out
    seller.apply()
    assert price(amazon, "MUG-RED") == "12.90"


def test_what_was_accepted_and_is_not_seen_is_no_success(seller: Seller, amazon: Emulated) -> None:
    """Exit 3; once it is so, a plan has nothing to do."""
    seller.apply()
    by_hand(amazon, "MUG-RED", 9)
    amazon.world.habits.deaf = True
    result = seller.run("apply", "--auto-approve")
    assert result.code == 3 and "accepted, not seen yet" in result.out
    by_hand(amazon, "MUG-RED", 12.90)
    assert seller.run("plan", "--detailed-exitcode").code == 0


def test_what_amazon_has_no_interface_for_is_a_step_for_people(tmp_path: Path, amazon: Emulated) -> None:
    """It is in the plan with a word about it, and nothing is sent."""
    coupon = PROMO.replace("type: percentOff", "type: promoCode") + "  code: KETTLE20\n"
    seller = Seller(tmp_path, amazon, STORES + SKUS + coupon)
    result = seller.run("plan")
    assert "? promotion black-friday" in result.out
    assert "1 by hand" in result.out


def test_a_live_account_becomes_specs(tmp_path: Path, seller: Seller, amazon: Emulated) -> None:
    """A new team begins with what is there: its marketplaces, places and listings."""
    seller.apply()
    fresh_start = Seller(tmp_path / "new", amazon, "")
    (fresh_start.path / "specs" / "all.yaml").unlink()
    acorn = fresh_start.path / "acorn.yaml"
    acorn.write_text(acorn.read_text().replace("options: {", f"options: {{sellerId: {SELLER}, "))
    fresh_start.trust()
    result = fresh_start.run("import")
    assert result.code == 0, result
    made = "\n".join(p.read_text() for p in sorted((fresh_start.path / "specs").rglob("*.yaml")))
    assert "amazon-de" in made and "KTL-17-BLK" in made and "B0EXAMPLE1" in made
    assert "DE-BER-MITTE" in made and '"49.99"' in made


def test_a_connection_to_the_sandbox_sells_nothing_for_production(tmp_path: Path, amazon: Emulated) -> None:
    """A store that says that it is the other side is left alone."""
    text = (STORES + SKUS).replace("region: eu", "region: eu\n    environment: sandbox")
    seller = Seller(tmp_path, amazon, text)
    result = seller.run("plan")
    assert result.code == 4
    assert "its environment is sandbox, and this connection leads to production" in " ".join(
        result.out.split()
    )
