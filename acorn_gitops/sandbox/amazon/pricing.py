"""Product Pricing 2022-05-01: what buyers pay for a product, by every seller of this world that offers it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from acorn_gitops.model.reference import amazon_marketplaces
from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation, invalid
from acorn_gitops.sandbox.amazon.promotions import status
from acorn_gitops.sandbox.amazon.world import Account, Listing

_BASE: Final = "/batches/products/pricing/2022-05-01"
_SUMMED: Final = 20
_EXPECTED: Final = 40
_DATA: Final = ("featuredBuyingOptions", "referencePrices", "lowestPricedOffers", "similarItems")


def summed_up(call: Call) -> Answer:
    """For each product what is shown of it: who is featured, and for how much."""
    asked = _asked(call, _SUMMED, "asin", "marketplaceId", "includedData")
    return Answer(200, {"responses": [_summary(call, one) for one in asked]})


def expected(call: Call) -> Answer:
    """For each SKU the price at which it may be featured: that of the cheapest offer."""
    asked = _asked(call, _EXPECTED, "sku", "marketplaceId")
    return Answer(200, {"responses": [_expected(call, one) for one in asked]})


def _asked(call: Call, most: int, *names: str) -> list[Json]:
    said = call.block("requests")["requests"]
    if not isinstance(said, list) or not 1 <= len(said) <= most:
        raise invalid(f"'requests' takes 1 to {most} values.")
    for one in said:
        missing = [name for name in names if not one.get(name)]
        if missing:
            raise invalid(f"Missing required field '{missing[0]}'.")
    return said


def _summary(call: Call, one: Json) -> Json:
    place, asin = str(one["marketplaceId"]), str(one["asin"])
    data = [str(name) for name in one["includedData"]]
    if place not in call.account.marketplaces or not {*data} <= {*_DATA}:
        error = {"code": "InvalidInput", "message": "The request is not for a marketplace of the account."}
        return _answered(400, {"asin": asin, "marketplaceId": place, "errors": [error]})
    offers = sorted(_offers(call, place, asin), key=lambda offer: offer["listingPrice"]["amount"])
    body: Json = {"asin": asin, "marketplaceId": place}
    if "featuredBuyingOptions" in data:
        segment = {"customerMembership": "DEFAULT", "segmentDetails": {}}
        featured = [{**offer, "featuredOfferSegments": [segment]} for offer in offers[:1]]
        body["featuredBuyingOptions"] = [
            {"buyingOptionType": "New", "segmentedFeaturedOffers": featured} for _ in featured
        ]
    if "lowestPricedOffers" in data:
        wanted = {"itemCondition": "New", "offerType": "Consumer"}
        body["lowestPricedOffers"] = (
            [{"lowestPricedOffersInput": wanted, "offers": offers[:20]}] if offers else []
        )
    for name in ("referencePrices", "similarItems"):
        if name in data:
            body[name] = []
    return _answered(200, body)


def _expected(call: Call, one: Json) -> Json:
    place, sku = str(one["marketplaceId"]), str(one["sku"])
    request = {"marketplaceId": place, "sku": sku}
    listing = call.account.listings.get((sku, place))
    if listing is None:
        error = {"code": "InvalidInput", "message": f"The SKU '{sku}' is not listed in {place}."}
        return {**_answered(400, {"errors": [error]}), "request": request, "headers": {}}
    offers = sorted(_offers(call, place, listing.asin), key=lambda offer: offer["listingPrice"]["amount"])
    result: Json = {"resultStatus": "VALID_FOEP" if offers else "NO_COMPETING_OFFERS"}
    if offers:
        result["featuredOfferExpectedPrice"] = {"listingPrice": offers[0]["listingPrice"]}
    identifier = {
        "marketplaceId": place,
        "sellerId": call.account.seller_id,
        "sku": sku,
        "asin": listing.asin,
    }
    body = {"offerIdentifier": identifier, "featuredOfferExpectedPriceResults": [result]}
    return {**_answered(200, body), "request": request, "headers": {}}


def _answered(code: int, body: Json) -> Json:
    reason = "Success" if code == 200 else "Bad Request"
    return {"status": {"statusCode": code, "reasonPhrase": reason}, "body": body}


def _offers(call: Call, place: str, asin: str) -> Iterator[Json]:
    """What everybody offers of a product at this moment, to everybody."""
    for account in call.world.accounts.values():
        for (sku, where), listing in account.listings.items():
            if where == place and listing.asin == asin:
                yield from _offer(call, account, sku, place=place, listing=listing)


def _offer(call: Call, account: Account, sku: str, *, place: str, listing: Listing) -> Iterator[Json]:
    for offer in listing.attributes.get("purchasable_offer", ()):
        if offer.get("audience") != "ALL" or not offer.get("our_price"):
            continue
        amount = Decimal(offer["our_price"][0]["schedule"][0]["value_with_tax"])
        sale = _on_sale(call, offer, place)
        channels = account.stock.get(sku, ())
        by_amazon = any(str(one["fulfillment_channel_code"]).startswith("AMAZON_") for one in channels)
        told: Json = {
            "sellerId": account.seller_id,
            "condition": "New",
            "fulfillmentType": "AFN" if by_amazon else "MFN",
            "listingPrice": _money(offer["currency"], sale if sale is not None else amount),
        }
        promotions = [
            *_promotions(
                call,
                account,
                sku,
                place=place,
                price=sale or amount,
                currency=offer["currency"],
                asin=listing.asin,
            )
        ]
        yield told | ({"promotions": promotions} if promotions else {})


def _on_sale(call: Call, offer: Json, place: str) -> Decimal | None:
    """The sale price of this day of the marketplace; None where there is none."""
    today = call.world.now().astimezone(ZoneInfo(amazon_marketplaces()[place].timezone)).date()
    for block in offer.get("discounted_price", ()):
        for one in block["schedule"]:
            first, last = (date.fromisoformat(str(one[name])[:10]) for name in ("start_at", "end_at"))
            if first <= today <= last:
                return Decimal(one["value_with_tax"])
    return None


def _promotions(
    call: Call, account: Account, sku: str, *, place: str, price: Decimal, currency: str, asin: str
) -> Iterator[Json]:
    """Coupons and deals that take something off this offer now."""
    for one in call.world.promotions.values():
        mine = one.seller == account.seller_id and one.marketplace == place
        if not mine or not (sku in one.skus or asin in one.asins) or status(one, call.world) != "RUNNING":
            continue
        if one.percent is not None and one.kind != "PRICE_DISCOUNT":
            off = (price * (100 - Decimal(one.percent)) / 100).quantize(Decimal("0.01"))
            savings = {
                "discount": {"type": "PERCENTAGE_OFF", "percentOff": one.percent},
                "discountedPrice": _money(currency, off),
            }
            yield {"promotionType": one.kind, "promotionSavings": savings}


def _money(currency: str, amount: Decimal) -> Json:
    return {"currencyCode": currency, "amount": amount}


OPERATIONS: Final = (
    Operation(
        "getCompetitiveSummary",
        "POST",
        f"{_BASE}/items/competitiveSummary",
        rate=0.033,
        burst=1,
        handle=summed_up,
    ),
    Operation(
        "getFeaturedOfferExpectedPriceBatch",
        "POST",
        f"{_BASE}/offer/featuredOfferExpectedPrice",
        rate=0.033,
        burst=1,
        handle=expected,
    ),
)
