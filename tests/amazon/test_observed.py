"""What can only be looked at on Amazon: coupons and deals, what buyers pay, what may not be offered, where messages go.
Asked by the official client, whose classes refuse what is not as its models say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.amazon.emulated import BEGIN, DE, FR, SECRETS, SELLER, US, Emulated
from tests.amazon.test_emulator import Caller
from tests.amazon.web import WEB

PRICING = "/batches/products/pricing/2022-05-01"
QUEUE = "arn:aws:sqs:eu-west-1:1:changes"


@pytest.fixture
def official(amazon: Emulated) -> Any:
    """The client of `amzn-sp-api`, opened on the emulator."""
    from spapi import SPAPIClient, SPAPIConfig

    config = SPAPIConfig(
        client_id=SECRETS["clientId"],
        client_secret=SECRETS["clientSecret"],
        refresh_token=SECRETS["refreshToken"],
        region="EU",
    )
    return SPAPIClient(config, oauth_endpoint=amazon.login, endpoint=amazon.url).api_client


@pytest.fixture
def ask(amazon: Emulated) -> Caller:
    """Somebody who may ask."""
    return Caller(amazon)


def coupon(amazon: Emulated, **more: Any) -> str:
    """A coupon of a fifth off for a SKU, for a week from now on."""
    said = {
        "type": "COUPON",
        "title": "A fifth off",
        "marketplaceId": DE,
        "skus": ["A"],
        "asins": ["B0EXAMPLE1"],
        "percent": 20,
        "start": BEGIN.isoformat(),
        "end": (BEGIN + timedelta(days=7)).isoformat(),
        **more,
    }
    answer = amazon.emulator.control.answer("promotion", said)
    assert isinstance(answer, dict)
    return str(answer["promotionId"])


def test_a_coupon_that_somebody_made_is_found(amazon: Emulated, official: Any) -> None:
    """By marketplace, SKU, type and status; its dates, its benefit and its code."""
    from spapi.api.promotions_v2025_12_01.promotions_api import PromotionsApi

    api = PromotionsApi(official)
    id = coupon(amazon, code="FALL2026")
    found = api.search_promotions([DE], skus=["A"], promotion_types=["COUPON"], statuses=["RUNNING"])
    (one,) = found.promotions
    assert (found.total_results, one.promotion_id, one.status) == (1, id, "RUNNING")
    assert one.benefit.discount.percent_off == 20
    assert one.purchase_requirements.claim_code.value == "FALL2026"
    # A text, or an instant where its client finds a library for dates.
    begins, ends = (
        datetime.fromisoformat(str(at)) for at in (one.schedule.start_date, one.schedule.end_date)
    )
    assert (begins, ends) == (datetime(2026, 11, 23, 9, tzinfo=UTC), datetime(2026, 11, 30, 9, tzinfo=UTC))
    assert api.get_promotion(id).promotion_title == "A fifth off"
    selection = api.get_selection(id, one.selection.selection_id, one.selection.revision_id).selection
    assert [(item.asin, item.sku) for item in selection.selection_details.items] == [("B0EXAMPLE1", "A")]


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 3),
        ({"statuses": ["UPCOMING"]}, 1),
        ({"statuses": ["CANCELLED"]}, 1),
        ({"promotion_types": ["DEAL"]}, 1),
        ({"skus": ["B"]}, 1),
        ({"asins": ["B0EXAMPLE1"]}, 2),
        ({"skus": ["C"]}, 0),
        ({"start_date_after": BEGIN + timedelta(days=1)}, 1),
        ({"end_date_before": BEGIN}, 0),
    ],
)
def test_a_search_finds_what_fits(amazon: Emulated, official: Any, asked: dict[str, Any], count: int) -> None:
    from spapi.api.promotions_v2025_12_01.promotions_api import PromotionsApi

    coupon(amazon)
    later = {"start": (BEGIN + timedelta(days=2)).isoformat(), "end": (BEGIN + timedelta(days=3)).isoformat()}
    coupon(amazon, type="DEAL", skus=["B"], asins=["B0EXAMPLE2"], **later)
    amazon.emulator.control.answer("promotion", {"cancel": coupon(amazon, title="Mistaken")})
    coupon(amazon, marketplaceId=FR)
    amazon.world.habits.throttled = False
    assert PromotionsApi(official).search_promotions([DE], **asked).total_results == count


def test_promotions_come_page_by_page_and_end_by_themselves(amazon: Emulated, ask: Caller) -> None:
    amazon.world.habits.throttled = False
    ids = {coupon(amazon, title=str(n)) for n in range(5)}
    seen, token = set(), ""
    while True:
        more = {"paginationToken": token} if token else {}
        page = ask("GET", "/promotions/2025-12-01/promotions", marketplaceIds=DE, limit="2", **more).json()
        seen |= {one["promotionId"] for one in page["promotions"]}
        token = page["pagination"].get("nextToken", "")
        if not token:
            break
    assert seen == ids
    amazon.wait(8 * 86_400)
    ask.renew()
    page = ask("GET", "/promotions/2025-12-01/promotions", marketplaceIds=DE).json()
    assert {one["status"] for one in page["promotions"]} == {"EXPIRED"}


def test_nobody_makes_a_promotion_by_the_interface(ask: Caller) -> None:
    """The real one cannot be written to."""
    assert ask("POST", "/promotions/2025-12-01/promotions", {}).status_code == 405


@pytest.mark.parametrize(
    "said",
    [
        {"type": "GIFT"},
        {"marketplaceId": US},
        {"start": "2026-11-23"},
        {"end": "2020-01-01T00:00:00Z"},
        {"code": "FALL"},
    ],
)
def test_a_promotion_that_makes_no_sense_is_refused(amazon: Emulated, said: dict[str, Any]) -> None:
    from acorn_gitops.sandbox.amazon.call import Refused

    with pytest.raises(Refused):
        coupon(amazon, **said)


def summed(ask: Caller, *asins: str) -> list[Any]:
    """What buyers see of products in Germany."""
    request = {
        "marketplaceId": DE,
        "includedData": ["featuredBuyingOptions", "lowestPricedOffers"],
        "uri": "/products/pricing/2022-05-01/items/competitiveSummary",
        "method": "GET",
    }
    body = {"requests": [{**request, "asin": asin} for asin in asins]}
    answer = ask("POST", f"{PRICING}/items/competitiveSummary", body)
    assert answer.status_code == 200, answer.text
    return [one["body"] for one in answer.json()["responses"]]


def priced(ask: Caller, amazon: Emulated, offer: dict[str, Any]) -> str:
    """A product on sale at 400, with more in its offer; its ASIN."""
    base = {"currency": "EUR", "audience": "ALL", "our_price": [{"schedule": [{"value_with_tax": 400}]}]}
    ask.put("A", purchasable_offer=[{**base, **offer}])
    return amazon.account.listings["A", DE].asin


def test_what_buyers_pay_is_the_price_or_the_sale_of_today(amazon: Emulated, ask: Caller) -> None:
    """By whole days of the marketplace, the last one included."""
    amazon.world.habits.throttled = False
    sale = {"value_with_tax": 300, "start_at": "2026-11-24", "end_at": "2026-11-25"}
    asin = priced(ask, amazon, {"discounted_price": [{"schedule": [sale]}]})
    seen = []
    for _ in range(5):
        (body,) = summed(ask, asin)
        (option,) = body["featuredBuyingOptions"]
        seen.append(option["segmentedFeaturedOffers"][0]["listingPrice"]["amount"])
        amazon.wait(86_400 - 12 * 3600)
        amazon.wait(12 * 3600)
        ask.renew()
    assert seen == [400.0, 300.0, 300.0, 400.0, 400.0]


def test_a_coupon_shows_in_what_buyers_pay(amazon: Emulated, ask: Caller) -> None:
    """Beside the price, as the real one has it: what is off, and what is left."""
    asin = priced(ask, amazon, {})
    coupon(amazon)
    (body,) = summed(ask, asin)
    offer = body["featuredBuyingOptions"][0]["segmentedFeaturedOffers"][0]
    assert offer["listingPrice"]["amount"] == 400.0
    (promotion,) = offer["promotions"]
    assert promotion["promotionType"] == "COUPON"
    assert promotion["promotionSavings"]["discountedPrice"]["amount"] == 320.0


def test_the_cheapest_of_all_sellers_is_featured(amazon: Emulated, ask: Caller) -> None:
    asin = priced(ask, amazon, {})
    other = amazon.world.enroll(
        {"sellerId": "A2", "region": "eu", "refreshToken": "r2", "marketplaces": [DE]}
    )
    other.listings["Z", DE] = amazon.account.listings["A", DE].__class__(
        "PRODUCT",
        {"purchasable_offer": [{"currency": "EUR", "audience": "ALL", "our_price": [{"schedule": [{"value_with_tax": 390}]}]}]},
        BEGIN,
        BEGIN,
        asin=asin,
    )  # fmt: skip
    (body,) = summed(ask, asin)
    assert [one["sellerId"] for one in body["lowestPricedOffers"][0]["offers"]] == ["A2", SELLER]
    assert body["featuredBuyingOptions"][0]["segmentedFeaturedOffers"][0]["sellerId"] == "A2"


def test_a_product_that_nobody_offers_has_no_price(ask: Caller) -> None:
    (body,) = summed(ask, "B0NOBODY00")
    assert (body["featuredBuyingOptions"], body["lowestPricedOffers"]) == ([], [])


def test_an_expected_price_is_that_of_the_cheapest(amazon: Emulated, ask: Caller) -> None:
    priced(ask, amazon, {})
    request = {"marketplaceId": DE, "method": "GET", "uri": "/products/pricing/2022-05-01/offer/featuredOfferExpectedPrice"}  # fmt: skip
    answer = ask("POST", f"{PRICING}/offer/featuredOfferExpectedPrice", {"requests": [{**request, "sku": "A"}, {**request, "sku": "none"}]})  # fmt: skip
    first, second = answer.json()["responses"]
    (result,) = first["body"]["featuredOfferExpectedPriceResults"]
    assert result["featuredOfferExpectedPrice"]["listingPrice"]["amount"] == 400.0
    assert second["status"]["statusCode"] == 400


def test_what_may_not_be_offered_is_told_with_its_reason(amazon: Emulated, official: Any) -> None:
    from spapi.api.listings_restrictions_v2021_08_01.listings_restrictions_api import ListingsRestrictionsApi

    api = ListingsRestrictionsApi(official)
    assert api.get_listings_restrictions("B0EXAMPLE1", SELLER, [DE]).restrictions == []
    said = {"asin": "B0EXAMPLE1", "marketplaceId": DE, "message": "You need approval"}
    amazon.emulator.control.answer("restriction", said)
    (one,) = api.get_listings_restrictions(
        "B0EXAMPLE1", SELLER, [DE, FR], condition_type="new_new"
    ).restrictions
    assert (one.marketplace_id, one.reasons[0].reason_code) == (DE, "APPROVAL_REQUIRED")
    amazon.emulator.control.answer("restriction", {"asin": "B0EXAMPLE1", "marketplaceId": DE})
    assert api.get_listings_restrictions("B0EXAMPLE1", SELLER, [DE]).restrictions == []


class Application:
    """An application that asks for itself, not for a seller."""

    def __init__(self, amazon: Emulated) -> None:
        self.url = amazon.url
        form = {"grant_type": "client_credentials", "scope": "sellingpartnerapi::notifications"}
        form |= {"client_id": SECRETS["clientId"], "client_secret": SECRETS["clientSecret"]}
        token = WEB.post(amazon.login, data=form).json()["access_token"]
        self.headers = {"x-amz-access-token": token}

    def __call__(self, method: str, path: str, body: object = None) -> httpx2.Response:
        return WEB.request(method, f"{self.url}/notifications/v1{path}", headers=self.headers, json=body)


def test_messages_are_wanted_and_are_not_any_more(amazon: Emulated, ask: Caller) -> None:
    """A destination of the application, a subscription of the seller; nothing twice, and no destination is forgotten while
    somebody wants messages there."""
    application = Application(amazon)
    wish = {"name": "changes", "resourceSpecification": {"sqs": {"arn": QUEUE}}}
    id = application("POST", "/destinations", wish).json()["payload"]["destinationId"]
    assert application("POST", "/destinations", wish).status_code == 409
    kind = "/subscriptions/LISTINGS_ITEM_STATUS_CHANGE"
    wanted = {"payloadVersion": "1.0", "destinationId": id}
    made = ask("POST", f"/notifications/v1{kind}", wanted).json()["payload"]
    assert ask("POST", f"/notifications/v1{kind}", wanted).status_code == 409
    assert ask("GET", f"/notifications/v1{kind}").json()["payload"] == made
    assert application("GET", f"{kind}/{made['subscriptionId']}").json()["payload"] == made
    assert application("DELETE", f"/destinations/{id}").status_code == 409
    assert application("DELETE", f"{kind}/{made['subscriptionId']}").status_code == 200
    missing = ask("GET", f"/notifications/v1{kind}")
    assert (
        missing.status_code == 404 and "Subscription doesn't exist" in missing.json()["errors"][0]["details"]
    )
    assert application("DELETE", f"/destinations/{id}").status_code == 200
    assert application("GET", "/destinations").json()["payload"] == []


def test_a_seller_is_no_application_and_an_application_no_seller(amazon: Emulated, ask: Caller) -> None:
    assert ask("GET", "/notifications/v1/destinations").status_code == 403
    assert Application(amazon)("GET", "/subscriptions").status_code == 403


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"name": "x", "resourceSpecification": {}},
        {"name": "x", "resourceSpecification": {"sqs": {"arn": "queue"}}},
        {"name": "x", "resourceSpecification": {"sqs": {"arn": QUEUE}, "eventBridge": {"accountId": "1", "region": "r"}}},
    ],
)  # fmt: skip
def test_a_destination_that_is_none_is_refused(amazon: Emulated, wish: object) -> None:
    assert Application(amazon)("POST", "/destinations", wish).status_code == 400


SCHEDULES = "/reports/2021-06-30/schedules"


def test_a_schedule_takes_the_place_of_another_of_its_type(amazon: Emulated, ask: Caller) -> None:
    amazon.world.habits.throttled = False
    wish = {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": [DE], "period": "P1D"}
    first = ask("POST", SCHEDULES, wish).json()["reportScheduleId"]
    second = ask("POST", SCHEDULES, {**wish, "period": "PT8H"}).json()["reportScheduleId"]
    other = ask("POST", SCHEDULES, {**wish, "marketplaceIds": [FR]}).json()["reportScheduleId"]
    found = ask("GET", SCHEDULES, reportTypes=wish["reportType"]).json()["reportSchedules"]
    assert {one["reportScheduleId"]: one["period"] for one in found} == {second: "PT8H", other: "P1D"}
    assert ask("GET", f"{SCHEDULES}/{first}").status_code == 404
    assert ask("GET", f"{SCHEDULES}/{second}").json()["nextReportCreationTime"] == "2026-11-23T17:00:00+00:00"
    assert ask("DELETE", f"{SCHEDULES}/{second}").status_code == 200
    assert ask("GET", f"{SCHEDULES}/{second}").status_code == 404
    assert ask("POST", SCHEDULES, {**wish, "period": "PT7M"}).status_code == 400


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("GET_FLAT_FILE_OPEN_LISTINGS_DATA", b"sku\tasin\tprice\tquantity\r\nA\t"),
        ("GET_V2_SELLER_PERFORMANCE_REPORT", b'{"accountStatuses":[{"marketplaceId":"A1PA6795UKMFR9","status":"NORMAL"}]'),
    ],
)  # fmt: skip
def test_other_reports_are_made_too(amazon: Emulated, ask: Caller, kind: str, begins: bytes) -> None:
    import gzip

    ask.put("A")
    id = ask("POST", "/reports/2021-06-30/reports", {"reportType": kind, "marketplaceIds": [DE]}).json()["reportId"]  # fmt: skip
    amazon.wait(10)
    document = ask("GET", f"/reports/2021-06-30/reports/{id}").json()["reportDocumentId"]
    url = ask("GET", f"/reports/2021-06-30/documents/{document}").json()["url"]
    assert gzip.decompress(WEB.get(url).content).startswith(begins)


def test_what_lies_at_amazon_is_told(amazon: Emulated, ask: Caller) -> None:
    """By SKU; what the seller ships is not there."""
    for sku, stock in (
        ("A", {"fulfillment_channel_code": "AMAZON_EU", "quantity": 7}),
        ("B", {"fulfillment_channel_code": "DEFAULT", "quantity": 9}),
    ):
        ask.put(sku, fulfillment_availability=[stock])
    asked = {"granularityType": "Marketplace", "granularityId": DE, "marketplaceIds": DE, "details": "true"}
    found = ask("GET", "/fba/inventory/v1/summaries", **asked).json()["payload"]["inventorySummaries"]
    assert [(one["sellerSku"], one["totalQuantity"], one["inventoryDetails"]) for one in found] == [
        ("A", 7, {"fulfillableQuantity": 7})
    ]
    assert ask("GET", "/fba/inventory/v1/summaries", marketplaceIds=DE).status_code == 400


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_the_login_reads_forms_and_json(
    amazon: Emulated, form: dict[str, str], error: str, as_json: bool
) -> None:
    said = {"client_id": "c", "client_secret": "s", **form}
    answer = WEB.post(amazon.login, json=said) if as_json else WEB.post(amazon.login, data=said)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"a": 1}', b"[]", b"{" * 100_000])
def test_a_login_that_is_none_is_refused(amazon: Emulated, body: bytes) -> None:
    assert WEB.post(amazon.login, content=body).status_code == 400
