"""Times the sweep of a promotion calendar: 100,000 SKUs, 200 promotions. Comes in: nothing. Goes out: seconds. Caller:
`run`, and by hand: `python -m benchmarks.sweep`.

Each promotion takes two to twenty days somewhere in 300, and a twentieth of the catalogue; each SKU meets about ten. Conditional
means that a quarter of the promotions ask for a code of their own, a quarter for members, and that all stand in one of three groups:
then the lowest price is the least over all buyers, not over all moments only.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from acorn_gitops.engines.pricing.calendar import Calendar
from acorn_gitops.specs.configuration import Configuration, Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import PriceData, PromoData, SkuMappingData, StoreData, StorefrontData


TIERS: Final[tuple[Literal[10, 20, 30], ...]] = (10, 20, 30)


def calendar(skus: int, promotions: int, *, conditional: bool = False, seed: int = 1) -> Configuration:
    """A configuration of one store with so many SKUs and promotions."""
    chance = random.Random(seed)
    front: StorefrontData = {"platform": "network", "currency": "EUR", "timezone": "Europe/Berlin"}
    shop: StoreData = {"type": "storefront", "storefront": front}
    store = Spec("Store", "shop", {}, shop, "stores.yaml", 1)
    listed: list[Spec[SkuMappingData]] = []
    for number in range(skus):
        price: PriceData = {"currency": "EUR", "value": f"{chance.randrange(500, 40_000) / 100:.2f}"}
        body: SkuMappingData = {"sku": f"SKU-{number}", "listings": [{"store": "shop", "price": price}]}
        listed.append(Spec("SkuMapping", f"sku-{number}", {"line": f"l{number % 200}"}, body, "skus.yaml", 1))
    promos: dict[str, Spec[PromoData]] = {}
    for number in range(promotions):
        begin = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=chance.randrange(300))
        end = begin + timedelta(days=chance.randrange(2, 20))
        offered: PromoData = {
            "type": "percentOff",
            "stores": {"all": True},
            "skus": {"labels": {"line": [f"l{chance.randrange(200)}" for _ in range(10)]}},
            "window": {
                "start": {"local": f"{begin:%Y-%m-%dT%H:%M}", "tz": "store"},
                "end": {"local": f"{end:%Y-%m-%dT%H:%M}", "tz": "store"},
            },
            "discount": {"percent": str(chance.randrange(5, 30))},
        }
        if conditional:
            offered["stacking"] = {"group": f"g{number % 3}", "tier": TIERS[number % 3], "mode": "bestOnly"}
            if number % 4 == 0:
                offered["code"] = f"SAVE{number}"
            if number % 4 == 1:
                offered["audience"] = "prime"
        promos[f"p{number}"] = Spec("Promo", f"p{number}", {}, offered, "promos.yaml", 1)
    return Configuration("bench", "sandbox", {}, {}, {}, {}, {"shop": store}, listed, {}, {}, promos, "")


def seconds(skus: int = 100_000, promotions: int = 200, *, conditional: bool = False) -> float:
    """How long finding the lowest price of every listing takes."""
    configuration = calendar(skus, promotions, conditional=conditional)
    begin = time.perf_counter()
    found = sum(1 for _ in Calendar(configuration).lows())
    assert found == skus
    return time.perf_counter() - begin


if __name__ == "__main__":
    for conditional in (False, True):
        print(
            f"{'conditional' if conditional else 'plain'}: {seconds(conditional=conditional):.2f} s",
            flush=True,
        )
