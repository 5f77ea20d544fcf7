"""Clients that nobody here wrote carry a whole flow on the emulator: the official one, and two of the community.
Three that agree say more about it than any test of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from tests.amazon.emulated import DE, SECRETS, SELLER, Emulated

ADDRESS = {"name": "Shop", "addressLine1": "1 Street", "stateOrRegion": "BE", "countryCode": "DE"}
SOURCE = {"supplySourceCode": "SHOP-1", "alias": "Shop", "address": ADDRESS}
OFFER = {"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": 49.9}]}]}
PUT = {
    "productType": "PRODUCT",
    "requirements": "LISTING_OFFER_ONLY",
    "attributes": {"merchant_suggested_asin": [{"value": "B0EXAMPLE1"}], "purchasable_offer": [OFFER]},
}
PATCH = {
    "productType": "PRODUCT",
    "patches": [{"op": "replace", "path": "/attributes/condition_type", "value": [{"value": "new_new"}]}],
}
SKU = "A B/1+ü"


class Driver:
    """One client, behind the operations of the flow: each answers what the client made of the answer."""

    participations: Callable[[], int]
    create: Callable[[], str]
    update: Callable[[str, Mapping[str, Any]], Any]
    switch: Callable[[str, str], Any]
    status: Callable[[str], str]
    archive: Callable[[str], Any]
    put: Callable[[], str]
    patch: Callable[[], str]
    price: Callable[[], str]
    count: Callable[[], int]
    delete: Callable[[], str]
    missing: Callable[[], int]
    """The status of the error for a SKU that is not there."""


def _official(amazon: Emulated) -> Driver:
    """`amzn-sp-api`."""
    from spapi import SPAPIClient, SPAPIConfig
    from spapi.api.listings_items_v2021_08_01.listings_api import ListingsApi
    from spapi.api.sellers_v1.sellers_api import SellersApi
    from spapi.api.supply_sources_v2020_07_01.supply_sources_api import SupplySourcesApi
    from spapi.rest import ApiException

    config = SPAPIConfig(
        client_id=SECRETS["clientId"],
        client_secret=SECRETS["clientSecret"],
        refresh_token=SECRETS["refreshToken"],
        region="EU",
    )
    opened = SPAPIClient(config, oauth_endpoint=amazon.login, endpoint=amazon.url).api_client
    sources, items, sellers = SupplySourcesApi(opened), ListingsApi(opened), SellersApi(opened)
    found = Driver()
    found.participations = lambda: len(sellers.get_marketplace_participations().payload)
    found.create = lambda: sources.create_supply_source(SOURCE).supply_source_id
    found.update = lambda id, body: sources.update_supply_source(id, payload=body)
    found.switch = lambda id, to: sources.update_supply_source_status(id, payload={"status": to})
    found.status = lambda id: sources.get_supply_source(id).status
    found.archive = sources.archive_supply_source
    found.put = lambda: items.put_listings_item(SELLER, SKU, [DE], PUT).status
    found.patch = lambda: items.patch_listings_item(SELLER, SKU, [DE], PATCH).status
    found.price = lambda: items.get_listings_item(SELLER, SKU, [DE], included_data=["offers"]).offers[0].price.amount  # fmt: skip
    found.count = lambda: items.search_listings_items(SELLER, [DE]).number_of_results
    found.delete = lambda: items.delete_listings_item(SELLER, SKU, [DE]).status

    def missing() -> int:
        with pytest.raises(ApiException) as caught:
            items.get_listings_item(SELLER, "nowhere", [DE])
        return int(caught.value.status)

    found.missing = missing
    return found


def _of_the_community(amazon: Emulated) -> Driver:
    """`python-amazon-sp-api`."""
    from sp_api.api import ListingsItems, Sellers, SupplySources
    from sp_api.auth import AccessTokenClient, access_token_client
    from sp_api.base import SellingApiException

    class Auth(AccessTokenClient):
        scheme = "http://"
        host = amazon.url.removeprefix("http://")

    access_token_client.cache.clear()  # it keeps tokens of all servers under the refresh token
    options = {
        "marketplace": SimpleNamespace(endpoint=amazon.url, marketplace_id=DE, region="eu-west-1"),
        "credentials": {
            "refresh_token": SECRETS["refreshToken"],
            "lwa_app_id": SECRETS["clientId"],
            "lwa_client_secret": SECRETS["clientSecret"],
        },
        "auth_token_client_class": Auth,
    }
    sources, items, sellers = SupplySources(**options), ListingsItems(**options), Sellers(**options)
    places = {"marketplaceIds": [DE]}
    found = Driver()
    found.participations = lambda: len(sellers.get_marketplace_participation().payload)
    found.create = lambda: sources.create_supply_source(**SOURCE).payload["supplySourceId"]
    found.update = lambda id, body: sources.update_supply_source(id, **body)
    found.switch = lambda id, to: sources.update_supply_source_status(id, status=to)
    found.status = lambda id: sources.get_supply_source(id).payload["status"]
    found.archive = sources.archive_supply_source
    found.put = lambda: items.put_listings_item(SELLER, SKU, **places, body=PUT).payload["status"]
    found.patch = lambda: items.patch_listings_item(SELLER, SKU, **places, body=PATCH).payload["status"]
    found.price = lambda: items.get_listings_item(SELLER, SKU, **places, includedData=["offers"]).payload["offers"][0]["price"]["amount"]  # fmt: skip
    found.count = lambda: items.search_listings_items(SELLER, **places).payload["numberOfResults"]
    found.delete = lambda: items.delete_listings_item(SELLER, SKU, **places).payload["status"]

    def missing() -> int:
        with pytest.raises(SellingApiException) as caught:
            items.get_listings_item(SELLER, "nowhere", **places)
        return int(caught.value.code)

    found.missing = missing
    return found


def _typed(amazon: Emulated) -> Driver:
    """`amzn-selling-partner`, which refuses what is not as the models say."""
    from amzn_selling_partner import NotFoundError
    from amzn_selling_partner.plugins._amazon.auth import LWAAuth, LWACredentials
    from amzn_selling_partner.sdk.client import Client

    credentials = LWACredentials(
        client_id=SECRETS["clientId"],
        client_secret=SECRETS["clientSecret"],
        refresh_token=SECRETS["refreshToken"],
    )
    auth = LWAAuth(credentials, token_url=amazon.login, base_url=amazon.url)
    client = Client(base_url=amazon.url, auth=auth, max_retries=0)
    sources, items = client.supply_sources_v2020_07_01, client.listings_items_v2021_08_01
    data = ["summaries", "attributes", "issues", "offers", "fulfillmentAvailability", "productTypes"]
    found = Driver()
    found.participations = lambda: len(client.sellers_v1.list_marketplace_participations().payload)
    found.create = lambda: sources.create_supply_source(SOURCE).supply_source_id
    found.update = sources.update_supply_source
    found.switch = lambda id, to: sources.update_supply_source_status(id, {"status": to})
    found.status = lambda id: str(sources.get_supply_source(id).status.value)
    found.archive = sources.delete_supply_source
    found.put = lambda: items.put_listings_item(SELLER, SKU, PUT, [DE]).status.value
    found.patch = lambda: items.patch_listings_item(SELLER, SKU, PATCH, [DE]).status.value
    found.price = lambda: items.get_listings_item(SELLER, SKU, [DE], included_data=data).offers[0].price.amount  # fmt: skip
    found.count = lambda: items.search_listings_items(SELLER, [DE]).number_of_results
    found.delete = lambda: items.delete_item(SELLER, SKU, [DE]).status.value

    def missing() -> int:
        with pytest.raises(NotFoundError) as caught:
            items.get_listings_item(SELLER, "nowhere", [DE])
        return int(caught.value.status_code)

    found.missing = missing
    return found


CLIENTS = {"official": _official, "community": _of_the_community, "typed": _typed}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, amazon: Emulated) -> Driver:
    """Each of them."""
    return CLIENTS[request.param](amazon)


def test_a_place_from_its_creation_to_its_end(client: Driver, amazon: Emulated) -> None:
    """Made, configured, switched on, archived."""
    id = client.create()
    assert client.status(id) == "Inactive"
    client.update(id, {"alias": "Shop – Berlin", "configuration": {"timezone": "Europe/Berlin"}})
    client.switch(id, "Active")
    assert client.status(id) == "Active"
    assert amazon.account.supply_sources[id]["configuration"] == {"timezone": "Europe/Berlin"}
    client.archive(id)
    assert client.status(id) == "Archived"


def test_a_listing_from_its_creation_to_its_end(client: Driver, amazon: Emulated) -> None:
    """Put, read, patched, found, deleted; its code holds what a path may not."""
    assert client.participations() == 3
    assert client.put() == "ACCEPTED"
    assert client.price() == "49.90"
    assert client.patch() == "ACCEPTED"
    held = amazon.account.listings[SKU, DE].attributes
    assert held["condition_type"][0]["value"] == "new_new"
    assert client.count() == 1
    assert client.delete() == "ACCEPTED"
    assert client.count() == 0


def test_what_is_not_there_is_an_error_of_theirs(client: Driver) -> None:
    """With its status."""
    assert client.missing() == 404
