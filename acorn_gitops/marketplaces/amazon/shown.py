"""What Amazon shows buyers of a product. Comes in: a store, its items. Goes out: by SKU, the price. Caller:
adapter.

An independent look: it comes from the page of the product, not from what was sent. Amazon answers for twenty
products at once, twice a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.catalogue import summary_of
from acorn_gitops.marketplaces.amazon.client import Client
from acorn_gitops.marketplaces.amazon.offers import as_amount, money_of
from acorn_gitops.marketplaces.by_looking import Raw, RemoteStore

Tree = Raw
ASKED: Final = 20
_PATH: Final = "/products/pricing/2022-05-01/items/competitiveSummary"
_DATA: Final = ("featuredBuyingOptions", "lowestPricedOffers")


def shown(client: Client, store: RemoteStore, items: Sequence[Tree]) -> dict[str, dict[str, str]]:
    """By SKU, what everybody is shown that it costs at the seller, where its product has one SKU there and
    Amazon shows an offer of it."""
    skus: dict[str, list[str]] = {}
    for one in items:
        if asin := summary_of(store, one).get("asin"):
            skus.setdefault(str(asin), []).append(str(one["sku"]))
    alone = {asin: those[0] for asin, those in skus.items() if len(those) == 1}
    found: dict[str, dict[str, str]] = {}
    asins = sorted(alone)
    for start in range(0, len(asins), ASKED):
        requests = [
            {"asin": asin, "marketplaceId": store.id, "includedData": _DATA, "uri": _PATH, "method": "GET"}
            for asin in asins[start : start + ASKED]
        ]
        answer: Tree = client.call(op.COMPETITIVE_SUMMARY, body={"requests": requests})
        for one in answer["responses"]:
            body = one.get("body") or {}
            sku = alone.get(str(body.get("asin")))
            prices = [*_own(store, body)]
            if sku is not None and prices:
                found[sku] = prices[0]
    return found


def _own(store: RemoteStore, body: Tree) -> Iterator[dict[str, str]]:
    """The prices of the seller's own offers, the featured one first."""
    offers = [
        offer
        for option in body.get("featuredBuyingOptions") or ()
        for offer in option.get("segmentedFeaturedOffers") or ()
    ]
    offers += [offer for those in body.get("lowestPricedOffers") or () for offer in those.get("offers") or ()]
    for offer in offers:
        price = offer.get("listingPrice") or {}
        if (
            offer.get("sellerId") == store.raw["sellerId"]
            and price.get("currencyCode") == store.raw["currency"]
        ):
            yield money_of(as_amount(price.get("amount")), str(store.raw["currency"]))
