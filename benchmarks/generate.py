"""A repository of a given number of listings. Comes in: a folder, a number. Goes out: acorn.yaml, stores and SKU
lists in at least 20 files, and, on request, the same catalogue for octoDNS and Terraform. Callers: `run`, tests.

Each SKU is listed in four storefronts; prices, GTINs and ASINs differ. The same seed makes the same bytes.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

STORES = {
    "amz-de": ("A1PA6795UKMFR9", "EUR", "eu", "Europe/Berlin", "de_DE"),
    "amz-fr": ("A13V1IB3VIYZZH", "EUR", "eu", "Europe/Paris", "fr_FR"),
    "amz-uk": ("A1F83G8C2ARO7P", "GBP", "eu", "Europe/London", "en_GB"),
    "amz-us": ("ATVPDKIKX0DER", "USD", "na", "America/Los_Angeles", "en_US"),
}
FILES = 24
HEAD = "apiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {{name: catalogue-{number:02d}, labels: {{line: line-{number:02d}}}}}\nspec:\n"
DEFAULTS = "  defaults:\n    attributes: {brand: Acme, taxClass: standard, ptc: A_GEN_STANDARD}\n    listing: {condition: new_new, fulfillment: mfn, status: active}\n  items:\n"


def gtin13(number: int) -> str:
    """A valid GTIN-13 for a number below 10^9."""
    digits = f"400{number:09d}"
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits))
    return digits + str((10 - total % 10) % 10)


def price(chance: random.Random, currency: str) -> str:
    """A price between 5.00 and 400.00; all benchmark currencies have two decimals."""
    del currency
    return f"{chance.randrange(500, 40_000) / 100:.2f}"


RICH_PROJECT = """  entities:
    acme-gmbh: {name: Acme GmbH, establishedIn: DE, registrations: [{country: DE, number: "DE136695976", status: valid, checkedAt: "2026-11-01"}]}
  exchangeRates:
    GBP/EUR: {rate: "1.15", asOf: "2026-11-20", source: ECB}
    USD/EUR: {rate: "0.92", asOf: "2026-11-20", source: ECB}
"""
RICH_SPECS = """apiVersion: acorn/v1
kind: Store
metadata: {name: wh-berlin}
spec: {type: physical, legalEntity: acme-gmbh, physical: {code: WH-1, sharedBy: [A1EXAMPLE2345EU, A1EXAMPLE2345NA], address: {countryCode: DE, lines: [Hafen 1], locality: Berlin, postalCode: "10117"}}}
---
apiVersion: acorn/v1
kind: TaxRule
metadata: {name: uk-parcels}
spec:
  validity: {from: "2024-01-01"}
  match:
    stores: {names: [amz-uk]}
    supply: {shipFrom: [DE], shipTo: [GB]}
    customer: {type: b2c}
    value: {max: "135.00", currency: GBP}
    goods: {taxClass: [standard]}
  result: {liableParty: marketplace, treatment: outOfScope, scheme: mpf}
---
apiVersion: acorn/v1
kind: TaxRule
metadata: {name: all}
spec:
  validity: {from: "2024-01-01"}
  match: {goods: {taxClass: [standard]}}
  result: {liableParty: seller, treatment: standard, rate: {percent: "19"}, scheme: local}
---
apiVersion: acorn/v1
kind: RolePermission
metadata: {name: pricing}
spec: {subjects: [{kind: group, id: pricing}], stores: {all: true}, rules: [{resources: [price], verbs: [read, write]}]}
"""
RICH_PROMO = """---
apiVersion: acorn/v1
kind: Promo
metadata: {{name: sale-{number:02d}}}
spec:
  type: percentOff
  stores: {{names: [{store}]}}
  skus: {{labels: {{line: line-{number:02d}}}}}
  window: {{start: {{local: "2026-12-0{day}T00:00", tz: store}}, end: {{local: "2026-12-2{day}T00:00", tz: store}}}}
  discount: {{percent: "10"}}
"""
"""What gives every rule something to look at."""


def repository(folder: Path, listings: int, seed: int = 1, *, changed: int = 0, rich: bool = False) -> None:
    """Write a repository. `changed` alters so many listings' prices against the same seed with 0. `rich`: floors, margins,
    spreads, costs, stock, taxes, roles and a promotion for each file that begins within thirty days, so that the rules have work to do."""
    chance = random.Random(seed)
    (folder / "specs").mkdir(parents=True, exist_ok=True)
    (folder / "acorn.yaml").write_text(
        "apiVersion: acorn/v1\nkind: Project\nmetadata: {name: bench}\nspec:\n  specs: [specs]\n"
        '  connections: {main: {adapter: network, url: "sandbox:"}}\n  environments: {sandbox: {}}\n  defaultEnvironment: sandbox\n'
        + (RICH_PROJECT if rich else "")
    )
    if rich:
        promos = [
            RICH_PROMO.format(number=n, day=1 + n % 9, store=list(STORES)[n % len(STORES)])
            for n in range(FILES)
        ]
        (folder / "specs" / "others.yaml").write_text(RICH_SPECS + "".join(promos))
        (folder / "facts").mkdir(exist_ok=True)

    stores = []
    for name, (marketplace, currency, region, zone, language) in STORES.items():
        stores.append(
            f"apiVersion: acorn/v1\nkind: Store\nmetadata: {{name: {name}, labels: {{region: {region}}}}}\nspec:\n  type: storefront\n  storefront:\n"
            f"    platform: amazon\n    sellerId: A1EXAMPLE2345{region.upper()}\n    marketplaceId: {marketplace}\n    region: {region}\n"
            f"    currency: {currency}\n    timezone: {zone}\n    languages: [{language}]\n"
        )
    (folder / "specs" / "stores.yaml").write_text("---\n".join(stores))
    skus = listings // len(STORES)
    number = 0
    for file in range(min(FILES, skus)):
        lines = [HEAD.format(number=file), DEFAULTS]
        for _ in range(skus * (file + 1) // min(FILES, skus) - number):
            if rich:
                lines.append(
                    f'    - sku: SKU-{number:07d}\n      gtin: "{gtin13(number)}"\n      attributes: {{title: "Kettle number {number}", productType: KETTLE, cost: {{currency: EUR, value: "1.00"}}}}\n'
                    '      pricePolicy: {min: {amz-de: "3.00", amz-fr: "3.00", amz-uk: "3.00", amz-us: "3.00"}, minMarginPercent: "10"}\n'
                    "      inventory: {pool: eu, sources: [{location: wh-berlin, priority: 1}], buffer: {units: 2}, allocation: {mode: weighted, weights: {amz-de: 40, amz-fr: 30, amz-uk: 20, amz-us: 10}}}\n"
                    "      listings:\n"
                )
            else:
                lines.append(
                    f'    - sku: SKU-{number:07d}\n      gtin: "{gtin13(number)}"\n      attributes: {{title: "Kettle number {number}", productType: KETTLE}}\n'
                    "      listings:\n"
                )
            for store, (_, currency, *_rest) in STORES.items():
                amount = price(chance, currency)
                if changed and number < changed and store == "amz-de":
                    amount = f"{float(amount) * 0.9:.2f}"
                lines.append(
                    f'        - {{store: {store}, asin: B0{number:08d}, price: {{currency: {currency}, value: "{amount}"}}}}\n'
                )
            number += 1
        (folder / "specs" / f"catalogue-{file:02d}.yaml").write_text("".join(lines))


def fields(number: int, chance: random.Random) -> dict[str, str]:
    """What one listing says, for peers: the same twelve fields that acorn's listings have after their defaults."""
    return {
        "sku": f"SKU-{number:07d}",
        "gtin": gtin13(number),
        "title": f"Kettle number {number}",
        "brand": "Acme",
        "productType": "KETTLE",
        "taxClass": "standard",
        "ptc": "A_GEN_STANDARD",
        "asin": f"B0{number:08d}",
        "condition": "new_new",
        "fulfillment": "mfn",
        "status": "active",
        "price": f"{price(chance, 'EUR')} EUR",
    }


def octodns(folder: Path, records: int, seed: int = 1) -> None:
    """octoDNS, YAML to YAML: a source with `records` TXT records in 24 zones, an empty target."""
    chance = random.Random(seed)
    (folder / "source").mkdir(parents=True, exist_ok=True)
    (folder / "target").mkdir(exist_ok=True)
    zones = [f"zone{n:02d}.example." for n in range(FILES)]
    config = [
        "providers:",
        "  source:",
        "    class: octodns.provider.yaml.YamlProvider",
        f"    directory: {folder / 'source'}",
        "    enforce_order: false",
        "  target:",
        "    class: octodns.provider.yaml.YamlProvider",
        f"    directory: {folder / 'target'}",
        "    enforce_order: false",
        "zones:",
    ]
    for zone in zones:
        config += [f"  {zone}:", "    sources: [source]", "    targets: [target]"]
    (folder / "config.yaml").write_text("\n".join(config) + "\n")
    per_zone = -(-records // len(zones))
    number = 0
    for zone in zones:
        lines = ["---"]
        for _ in range(min(per_zone, records - number)):
            lines += [f"r{number:07d}:", "  type: TXT", "  ttl: 300", "  values:"]
            lines += [f"    - {name} {value}" for name, value in fields(number, chance).items()]
            number += 1
        (folder / "source" / f"{zone}yaml").write_text("\n".join(lines) + "\n")
        (folder / "target" / f"{zone}yaml").write_text("---\n{}\n")


def terraform(folder: Path, resources: int, seed: int = 1) -> None:
    """Terraform: so many `terraform_data` and a state that holds all of them, in 24 files."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[list[str]] = [[] for _ in range(FILES)]
    state = []
    for number in range(resources):
        value = fields(number, chance)
        body = ", ".join(f'{k} = "{v}"' for k, v in value.items())
        files[number % FILES].append(
            f'resource "terraform_data" "r{number:07d}" {{\n  input = {{ {body} }}\n}}\n'
        )
        kinds = {"type": ["object", dict.fromkeys(value, "string")], "value": value}
        state.append(
            {
                "mode": "managed",
                "type": "terraform_data",
                "name": f"r{number:07d}",
                "provider": 'provider["terraform.io/builtin/terraform"]',
                "instances": [
                    {
                        "schema_version": 0,
                        "attributes": {
                            "id": f"id-{number}",
                            "input": kinds,
                            "output": kinds,
                            "triggers_replace": None,
                        },
                        "sensitive_attributes": [],
                    }
                ],
            }
        )
    for index, lines in enumerate(files):
        (folder / f"main{index:02d}.tf").write_text("\n".join(lines))
    (folder / "terraform.tfstate").write_text(
        json.dumps(
            {
                "version": 4,
                "terraform_version": "1.5.7",
                "serial": 1,
                "lineage": "bench",
                "outputs": {},
                "resources": state,
            }
        )
    )
