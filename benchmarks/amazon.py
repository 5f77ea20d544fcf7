"""How long a change of very many prices takes on Amazon, against what its plan says and against the least that is
possible. Comes in: how many SKUs. Goes out: virtual minutes, requests, ratios. Caller: a person
(`python -m benchmarks.amazon 4000`, which is 40,000 prices).

The emulator's clock moves only when somebody waits for Amazon's limits or for a feed, so that the minutes are those
that the real one would take at the documented rates; feeds are given the time that a plan takes them to need.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from acorn_gitops import ApplyRequest, PlanRequest, Workspace
from acorn_gitops.marketplaces import amazon
from acorn_gitops.marketplaces.amazon.adapter import BY_FEED, FEED_SECONDS
from acorn_gitops.model.reference import amazon_marketplaces
from acorn_gitops.sandbox.amazon.clock import VirtualClock
from acorn_gitops.sandbox.amazon.serving import Emulated, Switch, credentials, seller, served
from acorn_gitops.sandbox.amazon.world import Listing
from acorn_gitops.specs.load import open_reader
from acorn_gitops.specs.project import read_project

BEGIN: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)
STORES: Final = 10
PAGE: Final = 20


def fronts() -> dict[str, tuple[str, str]]:
    """Ten storefronts of the EU region in euros: marketplace and country by name."""
    rows = [one for one in amazon_marketplaces().values() if one.region == "eu" and one.currency == "EUR"]
    others = [one for one in amazon_marketplaces().values() if one.region == "eu" and one.currency != "EUR"]
    chosen = [*rows, *others][:STORES]
    return {f"amz-{one.country.lower()}": (one.marketplace_id, one.country) for one in chosen}


def specs(count: int, price: Mapping[str, str]) -> str:
    """The storefronts, and so many SKUs in each, at a price by currency."""
    known = amazon_marketplaces()
    text = ""
    for name, (id, country) in fronts().items():
        row = known[id]
        text += f"""---
apiVersion: acorn/v1
kind: Store
metadata: {{name: {name}}}
spec:
  type: storefront
  storefront: {{platform: amazon, currency: {row.currency}, country: {country}, marketplaceId: {id}, region: eu, languages: [{row.languages[0]}], timezone: {row.timezone}, pricesIncludeTax: true}}
"""
    text += "---\napiVersion: acorn/v1\nkind: SkuMapping\nmetadata: {name: bulk}\nspec:\n  items:\n"
    for number in range(count):
        text += f"    - sku: S{number:05d}\n      listings:\n"
        for name, (id, _) in fronts().items():
            currency = known[id].currency
            text += f'        - {{store: {name}, status: active, price: {{currency: {currency}, value: "{price[currency]}"}}}}\n'
    return text


def stocked(emulated: Emulated, count: int) -> None:
    """Everything is on sale at 10."""
    account = next(iter(emulated.world.accounts.values()))
    for id, _ in fronts().values():
        currency = amazon_marketplaces()[id].currency
        for number in range(count):
            offer = {
                "currency": currency,
                "our_price": [{"schedule": [{"value_with_tax": 10}]}],
                "marketplace_id": id,
                "audience": "ALL",
            }
            made = BEGIN - timedelta(days=300, minutes=number)
            account.listings[f"S{number:05d}", id] = Listing(
                "PRODUCT", {"purchasable_offer": [offer]}, made, made
            )


class Told(NamedTuple):
    """A run, and what its plan said of it."""

    words: str
    minutes: float
    requests: dict[str, int]
    refused: int
    complete: bool
    seconds: float
    """Of this machine."""


def project(url: str, seller_id: object, feeds_from: int) -> str:
    """One connection."""
    options = {"login": f"{url}/auth/o2/token", "sellerId": seller_id, "feedsFrom": feeds_from}
    connection = {"adapter": "amazon", "url": url, "token": "env:AMAZON_EU", "options": options}
    return json.dumps(
        {
            "apiVersion": "acorn/v1",
            "kind": "Project",
            "metadata": {"name": "bench"},
            "spec": {
                "specs": ["specs"],
                "connections": {"eu": connection},
                "environments": {"sandbox": {}},
                "defaultEnvironment": "sandbox",
            },
        }
    )


def ran(folder: Path, count: int, *, feeds_from: int = BY_FEED) -> Told:
    """Take over what is there, change every price, and tell how that went."""
    clock, switch = VirtualClock(BEGIN), Switch()
    honest = amazon.open_marketplace
    with served(switch) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            amazon,
            "open_marketplace",
            lambda settings, **parts: honest(settings, **parts, clock=clock.seconds, present=clock.now),
        )
        emulated = Emulated(url, switch, clock)
        emulated.world.habits.feed_seconds = FEED_SECONDS
        told = seller("eu")
        emulated.world.enroll(told)
        stocked(emulated, count)
        root = folder / "repository"
        (root / "specs").mkdir(parents=True)
        (root / "acorn.yaml").write_text(project(url, told["sellerId"], feeds_from))
        environ = {"AMAZON_EU": json.dumps(credentials(told)), "ACORN_ACTOR": "bench"}
        environ |= {"HOME": str(folder / "home"), "PATH": os.environ["PATH"]}
        shop = Workspace(root, environ=environ, clock=clock.now, pause=clock.wait)
        shop.trust.remember(read_project(open_reader(root, None), None).connections["eu"])
        prices = {row.currency for row in amazon_marketplaces().values()}
        spec = root / "specs" / "all.yaml"
        spec.write_text(specs(count, dict.fromkeys(prices, "10.00")))
        assert shop.apply(ApplyRequest(adopt=True)).complete
        spec.write_text(specs(count, dict.fromkeys(prices, "12.00")))
        plan = shop.plan(PlanRequest())
        (said,) = [one for one in plan.findings if one.id == "ACN-047"]
        before, at, began = dict(emulated.world.requests), clock.seconds(), time.perf_counter()
        done = shop.apply(ApplyRequest(plan=plan, wait=60))
        after = emulated.world.requests
        return Told(
            said.message,
            (clock.seconds() - at) / 60,
            {name: n - before.get(name, 0) for name, n in sorted(after.items()) if n > before.get(name, 0)},
            sum(emulated.world.throttled.values()),
            done.complete,
            time.perf_counter() - began,
        )


def main(count: int) -> None:
    """Run it, and print."""
    with tempfile.TemporaryDirectory() as folder:
        told = ran(Path(folder), count)
    print(told.words)
    print(f"took {told.minutes:.1f} virtual minutes, {told.seconds:.0f} s of this machine")
    print(f"{sum(told.requests.values()):,} requests, {told.refused} refused; complete: {told.complete}")
    print(told.requests)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
