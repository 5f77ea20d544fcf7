"""The emulator does what the models, the documentation and recorded answers say that Amazon does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx2
import pytest

from tests.amazon.emulated import DE, FR, SECRETS, SELLER, UK, US, Emulated
from tests.amazon.web import WEB

ITEMS = f"/listings/2021-08-01/items/{SELLER}"
SOURCES = "/supplySources/2020-07-01/supplySources"
OFFER: dict[str, Any] = {"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": 400}]}]}


class Caller:
    """Asks the emulator as a client would, with a token of its own."""

    def __init__(self, amazon: Emulated) -> None:
        self.amazon = amazon
        self.renew()

    def renew(self) -> None:
        """Another token: one is good for an hour."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": SECRETS["refreshToken"],
            "client_id": "client",
            "client_secret": "secret",
        }
        answer = WEB.post(f"{self.amazon.url}/auth/o2/token", data=form)
        self.headers = {"x-amz-access-token": answer.json()["access_token"]}

    def __call__(self, method: str, path: str, body: Any = None, **query: str) -> httpx2.Response:
        """One request."""
        return WEB.request(
            method, self.amazon.url + path, params=query, json=body, headers=self.headers, timeout=10
        )

    def put(self, sku: str, place: str = DE, **attributes: Any) -> Any:
        """A listing, as it is answered."""
        body = {
            "productType": "PRODUCT",
            "requirements": "LISTING_OFFER_ONLY",
            "attributes": attributes or {"purchasable_offer": [OFFER]},
        }
        return self("PUT", f"{ITEMS}/{sku}", body, marketplaceIds=place).json()

    def patch(self, sku: str, op: str, name: str, *value: Any, place: str = DE) -> Any:
        """A patch of one attribute, as it is answered."""
        patches = [{"op": op, "path": f"/attributes/{name}", "value": list(value)}]
        body = {"productType": "PRODUCT", "patches": patches}
        return self("PATCH", f"{ITEMS}/{sku}", body, marketplaceIds=place).json()

    def attributes(self, sku: str, place: str = DE) -> Any:
        """What a listing has."""
        answer = self("GET", f"{ITEMS}/{sku}", marketplaceIds=place, includedData="attributes")
        return answer.json()["attributes"]


@pytest.fixture
def ask(amazon: Emulated) -> Caller:
    """Somebody who may ask."""
    return Caller(amazon)


class TestLogin:
    """Login with Amazon."""

    @pytest.mark.parametrize(
        ("form", "status", "error"),
        [
            ({"grant_type": "refresh_token", "refresh_token": "another"}, 400, "invalid_grant"),
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
            ({"grant_type": "client_credentials"}, 400, "invalid_scope"),
            (
                {
                    "grant_type": "refresh_token",
                    "refresh_token": SECRETS["refreshToken"],
                    "client_secret": "old",
                },
                401,
                "invalid_client",
            ),
        ],
    )
    def test_refuses_in_the_words_of_the_real_one(
        self, amazon: Emulated, form: dict[str, str], status: int, error: str
    ) -> None:
        """An error has its name, a sentence, an index and the id of the request."""
        amazon.world.clients = {"client": "secret"}
        sent = {"client_id": "client", "client_secret": "secret", **form}
        answer = WEB.post(f"{amazon.url}/auth/o2/token", data=sent)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert {*answer.json()} == {"error", "error_description", "error_index", "request_id"}

    def test_a_token_is_good_for_an_hour(self, amazon: Emulated, ask: Caller) -> None:
        """After that it is answered as nobody's."""
        assert ask("GET", "/sellers/v1/account").status_code == 200
        amazon.wait(3600)
        answer = ask("GET", "/sellers/v1/account")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "Unauthorized")

    def test_nobody_is_let_in_without_a_token(self, amazon: Emulated) -> None:
        """Without one everything is refused."""
        assert WEB.get(amazon.url + "/sellers/v1/account").status_code == 403


class TestHaste:
    """Limits for each account and operation."""

    def test_a_burst_is_let_in_and_then_the_rate(self, amazon: Emulated, ask: Caller) -> None:
        """Five searches at once, then five a second."""
        search = [ask("GET", ITEMS, marketplaceIds=DE).status_code for _ in range(6)]
        assert search == [200] * 5 + [429]
        amazon.wait(0.2)
        assert ask("GET", ITEMS, marketplaceIds=DE).status_code == 200

    def test_a_success_names_the_rate_and_a_refusal_does_not(self, ask: Caller) -> None:
        """As it was recorded: a refusal has neither the rate nor when to come back."""
        answers = [ask("GET", ITEMS, marketplaceIds=DE) for _ in range(6)]
        assert answers[0].headers["x-amzn-ratelimit-limit"] == "5"
        refused = answers[5].headers
        assert "x-amzn-ratelimit-limit" not in refused and "retry-after" not in refused
        assert refused["x-amzn-errortype"] == "TooManyRequestsException"
        assert answers[5].json()["errors"][0]["code"] == "QuotaExceeded"

    def test_operations_have_limits_of_their_own(self, ask: Caller) -> None:
        """Searches in haste do not stop the reading of items."""
        for _ in range(6):
            ask("GET", ITEMS, marketplaceIds=DE)
        assert ask("GET", f"{ITEMS}/A", marketplaceIds=DE).status_code == 404


class TestListings:
    """Listings Items."""

    def test_what_is_read_back_has_what_amazon_adds(self, ask: Caller) -> None:
        """The recorded PUT and the GET after it: `audience: ALL`, `marketplace_id`, 400 as 400.0."""
        assert ask.put("SKU123")["status"] == "ACCEPTED"
        answer = ask("GET", f"{ITEMS}/SKU123", marketplaceIds=DE, includedData="attributes")
        assert '"value_with_tax":400.0' in answer.text
        assert answer.json()["attributes"]["purchasable_offer"] == [
            {
                "currency": "EUR",
                "audience": "ALL",
                "our_price": [{"schedule": [{"value_with_tax": 400.0}]}],
                "marketplace_id": DE,
            }
        ]

    @pytest.mark.parametrize("sku", ["A B/1", "a+b", "x%2Fy", "ü,1"])
    def test_skus_may_hold_whatever_a_path_may_not(self, ask: Caller, sku: str) -> None:
        """Percent-encoded they arrive as they are."""
        from urllib.parse import quote

        assert ask.put(quote(sku, safe=""))["sku"] == sku

    def test_a_write_takes_effect_when_its_time_has_come(self, amazon: Emulated, ask: Caller) -> None:
        """Accepted is not applied."""
        amazon.world.habits.delay = 60
        assert ask.put("LATE")["status"] == "ACCEPTED"
        assert ask("GET", f"{ITEMS}/LATE", marketplaceIds=DE).status_code == 404
        amazon.wait(60)
        assert ask("GET", f"{ITEMS}/LATE", marketplaceIds=DE).status_code == 200

    def test_replace_drops_what_it_does_not_say_and_leaves_other_instances(self, ask: Caller) -> None:
        """models#4406 and models#2061."""
        ask.put(
            "S",
            fulfillment_availability=[
                {"fulfillment_channel_code": "DEFAULT", "quantity": 1, "lead_time_to_ship_max_days": 3},
                {"fulfillment_channel_code": "SHOP-1", "quantity": 2},
            ],
        )
        ask.patch(
            "S",
            "replace",
            "fulfillment_availability",
            {"fulfillment_channel_code": "DEFAULT", "quantity": 9},
        )
        rows = {
            row["fulfillment_channel_code"]: row for row in ask.attributes("S")["fulfillment_availability"]
        }
        assert rows["DEFAULT"] == {"fulfillment_channel_code": "DEFAULT", "quantity": 9, "marketplace_id": DE}
        assert rows["SHOP-1"]["quantity"] == 2

    def test_merge_changes_a_part_of_an_instance(self, ask: Caller) -> None:
        """And keeps the lead time."""
        channel = {"fulfillment_channel_code": "DEFAULT", "quantity": 1, "lead_time_to_ship_max_days": 3}
        ask.put("S", fulfillment_availability=[channel])
        ask.patch(
            "S", "merge", "fulfillment_availability", {"fulfillment_channel_code": "DEFAULT", "quantity": 5}
        )
        (row,) = ask.attributes("S")["fulfillment_availability"]
        assert (row["quantity"], row["lead_time_to_ship_max_days"]) == (5, 3)

    def test_delete_needs_the_selectors(self, ask: Caller) -> None:
        """An offer in another currency stays."""
        ask.put("S")
        ask.patch("S", "delete", "purchasable_offer", {"currency": "USD", "marketplace_id": DE})
        assert ask.attributes("S")["purchasable_offer"]
        ask.patch("S", "delete", "purchasable_offer", {"currency": "EUR", "marketplace_id": DE})
        assert "purchasable_offer" not in ask.attributes("S")

    def test_stock_is_one_for_all_marketplaces_of_a_region(self, ask: Caller) -> None:
        """models#2601: a quantity that is sent to one is everywhere."""
        ask.put("S", DE)
        ask.put("S", FR)
        ask.patch(
            "S", "replace", "fulfillment_availability", {"fulfillment_channel_code": "DEFAULT", "quantity": 7}
        )
        assert ask.attributes("S", FR)["fulfillment_availability"][0]["quantity"] == 7

    def test_an_offer_of_one_marketplace_is_not_another_ones(self, ask: Caller) -> None:
        """Prices are each marketplace's own."""
        ask.put("S", DE)
        ask.put("S", FR)
        other = {"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": 1}]}]}
        ask.patch("S", "replace", "purchasable_offer", other, place=FR)
        assert ask.attributes("S")["purchasable_offer"][0]["our_price"][0]["schedule"][0][
            "value_with_tax"
        ] == (400)

    @pytest.mark.parametrize(
        ("name", "value", "code"),
        [
            ("fulfillmentAvailability", {"quantity": 1}, "90000900"),
            ("fulfillment_availability", {"quantity": 1}, "90220"),
            (
                "purchasable_offer",
                {"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": "4.00"}]}]},
                "4000000",
            ),
            (
                "purchasable_offer",
                {"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": 4.001}]}]},
                "4000000",
            ),
            (
                "purchasable_offer",
                {
                    "currency": "EUR",
                    "discounted_price": [
                        {
                            "schedule": [
                                {"value_with_tax": 4, "start_date": "2026-11-27", "end_date": "2026-11-30"}
                            ]
                        }
                    ],
                },
                "4000000",
            ),
            ("purchasable_offer", {"currency": "EUR", "discounted_price": [{}]}, "99022"),
            ("purchasable_offer", {"our_price": [{"schedule": [{"value_with_tax": 4}]}]}, "90220"),
        ],
    )
    def test_what_is_wrong_is_answered_with_200_and_invalid(
        self, ask: Caller, name: str, value: Any, code: str
    ) -> None:
        """And nothing happens."""
        ask.put("S")
        answer = ask.patch("S", "replace", name, value)
        assert (answer["status"], answer["issues"][0]["code"]) == ("INVALID", code)
        assert ask.attributes("S")["purchasable_offer"][0]["our_price"]

    def test_a_patch_of_what_is_not_there_is_invalid(self, ask: Caller) -> None:
        """There is no 404 for writes."""
        assert ask.patch("NONE", "replace", "purchasable_offer", OFFER)["status"] == "INVALID"

    @pytest.mark.parametrize("path", ["/attributes/a/0", "/productType", "attributes"])
    def test_a_nested_path_is_refused(self, ask: Caller, path: str) -> None:
        """`Invalid path provided in patch`."""
        patches = [{"op": "replace", "path": path, "value": [{}]}]
        body = {"productType": "P", "patches": patches}
        answer = ask("PATCH", f"{ITEMS}/S", body, marketplaceIds=DE)
        assert answer.status_code == 400

    def test_a_preview_says_valid_and_does_nothing(self, ask: Caller) -> None:
        """VALIDATION_PREVIEW."""
        body = {
            "productType": "PRODUCT",
            "requirements": "LISTING_OFFER_ONLY",
            "attributes": {"purchasable_offer": [OFFER]},
        }
        answer = ask("PUT", f"{ITEMS}/S", body, marketplaceIds=DE, mode="VALIDATION_PREVIEW").json()
        assert answer["status"] == "VALID"
        assert ask("GET", f"{ITEMS}/S", marketplaceIds=DE).status_code == 404

    def test_a_sale_may_stick(self, amazon: Emulated, ask: Caller) -> None:
        """models#4134: replaced without its sale price, an offer keeps it, where the emulator is told so."""
        sale = {"value_with_tax": 300, "start_at": "2026-11-27", "end_at": "2026-11-30"}
        ask.put("S", purchasable_offer=[{**OFFER, "discounted_price": [{"schedule": [sale]}]}])
        amazon.world.habits.sticky_sale = True
        ask.patch("S", "replace", "purchasable_offer", OFFER)
        assert "discounted_price" in ask.attributes("S")["purchasable_offer"][0]
        amazon.world.habits.sticky_sale = False
        ask.patch("S", "replace", "purchasable_offer", OFFER)
        assert "discounted_price" not in ask.attributes("S")["purchasable_offer"][0]

    def test_a_search_shows_a_thousand_and_counts_all(self, amazon: Emulated, ask: Caller) -> None:
        """Pages of twenty, and none after the fiftieth."""
        _many(amazon, 1003)
        amazon.world.habits.throttled = False
        token, count = "", 0
        while True:
            query = {"pageToken": token} if token else {}
            page = ask(
                "GET", ITEMS, marketplaceIds=DE, sortBy="sku", sortOrder="ASC", pageSize="20", **query
            ).json()
            count += len(page["items"])
            token = page["pagination"].get("nextToken", "")
            if not token:
                break
        assert (count, page["numberOfResults"]) == (1000, 1003)

    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"marketplaceIds": US},
            {"marketplaceIds": DE, "pageSize": "21"},
            {"marketplaceIds": DE, "includedData": "everything"},
            {"marketplaceIds": DE, "identifiers": "A"},
        ],
    )
    def test_a_search_that_makes_no_sense_is_refused(self, ask: Caller, query: dict[str, str]) -> None:
        """400, with a code and a sentence."""
        answer = ask("GET", ITEMS, **query)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "InvalidInput")

    def test_another_sellers_listings_are_denied(self, ask: Caller) -> None:
        """403."""
        assert ask("GET", "/listings/2021-08-01/items/A2OTHER", marketplaceIds=DE).status_code == 403


class TestPlaces:
    """Supply sources."""

    BODY: ClassVar[dict[str, Any]] = {
        "supplySourceCode": "SHOP-1",
        "alias": "Shop One",
        "address": {"name": "Shop", "addressLine1": "1 Street", "stateOrRegion": "BE", "countryCode": "DE"},
    }

    def test_a_new_one_is_inactive_and_listed_in_short(self, ask: Caller) -> None:
        """200, not 201; no status in the list."""
        made = ask("POST", SOURCES, self.BODY)
        assert made.status_code == 200
        id = made.json()["supplySourceId"]
        (row,) = ask("GET", SOURCES).json()["supplySources"]
        assert {*row} == {"alias", "supplySourceId", "supplySourceCode", "address"}
        assert ask("GET", f"{SOURCES}/{id}").json()["status"] == "Inactive"

    def test_a_code_is_taken_for_ever(self, ask: Caller) -> None:
        """Also after it was archived."""
        id = ask("POST", SOURCES, self.BODY).json()["supplySourceId"]
        assert ask("DELETE", f"{SOURCES}/{id}").status_code == 204
        answer = ask("POST", SOURCES, self.BODY)
        assert (answer.status_code, answer.json()["errors"][0]["details"]) == (400, "1004")

    def test_an_archived_one_is_never_changed(self, ask: Caller) -> None:
        """Nor archived again."""
        id = ask("POST", SOURCES, self.BODY).json()["supplySourceId"]
        ask("DELETE", f"{SOURCES}/{id}")
        for method, path, body in (
            ("PUT", "", {"alias": "x"}),
            ("PUT", "/status", {"status": "Active"}),
            ("DELETE", "", None),
        ):
            answer = ask(method, f"{SOURCES}/{id}{path}", body)
            assert (answer.status_code, answer.json()["errors"][0]["details"]) == (400, "1005")

    def test_the_address_is_no_part_of_an_update(self, ask: Caller) -> None:
        """What is said of it is not heard."""
        id = ask("POST", SOURCES, self.BODY).json()["supplySourceId"]
        answer = ask("PUT", f"{SOURCES}/{id}", {"alias": "New", "address": {"city": "Elsewhere"}})
        assert answer.status_code == 204
        row = ask("GET", f"{SOURCES}/{id}").json()
        assert (row["alias"], row["address"]) == ("New", self.BODY["address"])


class TestHands:
    """The way for people and tests, below `/_emulator/`."""

    def test_a_hand_changes_a_listing_at_once(self, amazon: Emulated, ask: Caller) -> None:
        """Also where writes take time."""
        ask.put("S")
        amazon.world.habits.delay = 3600
        said = {"sku": "S", "marketplaceId": DE, "set": {"condition_type": [{"value": "used_good"}]}}
        assert WEB.post(amazon.url + "/_emulator/hand", json=said).status_code == 200
        assert ask.attributes("S")["condition_type"][0]["value"] == "used_good"
        assert amazon.world.habits.delay == 3600

    def test_the_clock_is_moved_over_http(self, amazon: Emulated) -> None:
        """And tells its time."""
        answer = WEB.post(amazon.url + "/_emulator/clock", json={"advance": 90})
        assert answer.json()["now"] == datetime(2026, 11, 23, 9, 1, 30, tzinfo=UTC).isoformat()

    def test_what_is_unknown_is_answered_with_what_there_is(self, amazon: Emulated) -> None:
        """A list of what can be done."""
        answer = WEB.post(amazon.url + "/_emulator/nothing", json={})
        assert "clock" in answer.json()["errors"][0]["message"]

    @pytest.mark.parametrize("body", [{"kind": "flood"}, {}, {"kind": "fail", "times": "many"}])
    def test_nonsense_is_refused(self, amazon: Emulated, body: dict[str, Any]) -> None:
        """400, nothing done."""
        assert WEB.post(amazon.url + "/_emulator/fault", json=body).status_code == 400
        assert amazon.world.faults == []

    def test_an_account_is_enrolled_in_its_own_region_only(self, amazon: Emulated) -> None:
        """A marketplace of another region is refused."""
        said = {"sellerId": "A2", "region": "na", "refreshToken": "r", "marketplaces": [UK]}
        assert WEB.post(amazon.url + "/_emulator/account", json=said).status_code == 400
        said["marketplaces"] = [US]
        assert WEB.post(amazon.url + "/_emulator/account", json=said).status_code == 200


def _many(amazon: Emulated, count: int) -> None:
    """So many listings, all put there at once."""
    from acorn_gitops.sandbox.amazon.world import Listing

    now = amazon.clock.now()
    for number in range(count):
        amazon.account.listings[f"S{number:06d}", DE] = Listing("PRODUCT", {}, now, now)


def test_bodies_that_are_no_json_are_refused(amazon: Emulated) -> None:
    """400, as every nonsense."""
    ask = Caller(amazon)
    answer = WEB.post(amazon.url + SOURCES, content=b"{", headers=ask.headers)
    assert answer.status_code == 400
    assert json.loads(answer.text)["errors"][0]["code"] == "InvalidInput"
