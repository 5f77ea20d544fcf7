"""The requests that are sent to Amazon, with what the official models say of each. Comes in: nothing. Goes
out: a table. Callers: the modules of this adapter.

Rates are those of the models (listings, sellers) and of the official SDK's table (supply sources).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from acorn_gitops.marketplaces.protocol import Wave


class Operation(NamedTuple):
    """One request."""

    name: str
    """Its `operationId`."""
    method: str
    path: str
    rate: float
    """Requests a second that an account may go on sending."""
    burst: int
    """Requests that may come at once."""
    repeatable: bool = True
    """Sent twice it does what it does once."""


_SOURCES: Final = "/supplySources/2020-07-01/supplySources"
_SOURCE: Final = f"{_SOURCES}/{{supplySourceId}}"
_ITEMS: Final = "/listings/2021-08-01/items/{sellerId}"
_ITEM: Final = f"{_ITEMS}/{{sku}}"

PARTICIPATIONS: Final = Operation(
    "getMarketplaceParticipations", "GET", "/sellers/v1/marketplaceParticipations", rate=0.016, burst=15
)
LIST_SOURCES: Final = Operation("getSupplySources", "GET", _SOURCES, rate=10, burst=10)
CREATE_SOURCE: Final = Operation("createSupplySource", "POST", _SOURCES, rate=2, burst=2, repeatable=False)
GET_SOURCE: Final = Operation("getSupplySource", "GET", _SOURCE, rate=40, burst=40)
UPDATE_SOURCE: Final = Operation("updateSupplySource", "PUT", _SOURCE, rate=1, burst=1)
SWITCH_SOURCE: Final = Operation("updateSupplySourceStatus", "PUT", f"{_SOURCE}/status", rate=20, burst=20)
ARCHIVE_SOURCE: Final = Operation("archiveSupplySource", "DELETE", _SOURCE, rate=20, burst=20)
SEARCH_LISTINGS: Final = Operation("searchListingsItems", "GET", _ITEMS, rate=5, burst=5)
GET_LISTING: Final = Operation("getListingsItem", "GET", _ITEM, rate=5, burst=10)
PUT_LISTING: Final = Operation("putListingsItem", "PUT", _ITEM, rate=5, burst=10)
PATCH_LISTING: Final = Operation("patchListingsItem", "PATCH", _ITEM, rate=5, burst=5)
DELETE_LISTING: Final = Operation("deleteListingsItem", "DELETE", _ITEM, rate=5, burst=5)
GET_PRODUCT_TYPE: Final = Operation(
    "getDefinitionsProductType", "GET", "/definitions/2020-09-01/productTypes/{productType}", rate=5, burst=10
)
CREATE_FEED_DOCUMENT: Final = Operation(
    "createFeedDocument", "POST", "/feeds/2021-06-30/documents", rate=0.5, burst=15
)
CREATE_FEED: Final = Operation(
    "createFeed", "POST", "/feeds/2021-06-30/feeds", rate=0.0083, burst=15, repeatable=False
)
GET_FEED: Final = Operation("getFeed", "GET", "/feeds/2021-06-30/feeds/{feedId}", rate=2, burst=15)
GET_FEEDS: Final = Operation("getFeeds", "GET", "/feeds/2021-06-30/feeds", rate=0.0222, burst=10)
GET_FEED_DOCUMENT: Final = Operation(
    "getFeedDocument", "GET", "/feeds/2021-06-30/documents/{feedDocumentId}", rate=0.0222, burst=10
)
COMPETITIVE_SUMMARY: Final = Operation(
    "getCompetitiveSummary",
    "POST",
    "/batches/products/pricing/2022-05-01/items/competitiveSummary",
    rate=0.033,
    burst=1,
)
_PROMOTIONS: Final = "/promotions/2025-12-01/promotions"
SEARCH_PROMOTIONS: Final = Operation("searchPromotions", "GET", _PROMOTIONS, rate=0.1, burst=4)
GET_SELECTION: Final = Operation(
    "getSelection", "GET", f"{_PROMOTIONS}/{{promotionId}}/selections/{{selectionId}}", rate=0.1, burst=2
)
# Asked for a verdict only (`mode=VALIDATION_PREVIEW`): sellers report one a second for an account.
PREVIEW_PUT: Final = PUT_LISTING._replace(name="putListingsItem, as a preview", rate=1, burst=1)
PREVIEW_PATCH: Final = PATCH_LISTING._replace(name="patchListingsItem, as a preview", rate=1, burst=1)
LOOKED_AT: Final = 20
"""Listings that one search shows."""
_TAKES: Final[Mapping[tuple[str, str], tuple[Operation, ...]]] = {
    # What is to be made is asked for by itself first: a search may not show it yet.
    ("listing", "create"): (GET_LISTING, PUT_LISTING),
    ("listing", "update"): (PATCH_LISTING,),
    ("listing", "delete"): (DELETE_LISTING,),
    ("promotion", "create"): (PATCH_LISTING,),
    ("promotion", "update"): (PATCH_LISTING,),
    ("promotion", "delete"): (PATCH_LISTING,),
    ("location", "create"): (CREATE_SOURCE, UPDATE_SOURCE, SWITCH_SOURCE),
    ("location", "update"): (UPDATE_SOURCE,),
    ("location", "delete"): (ARCHIVE_SOURCE,),
}


FED: Final = frozenset(
    {
        ("listing", "update"),
        ("listing", "delete"),
        ("promotion", "create"),
        ("promotion", "update"),
        ("promotion", "delete"),
    }
)
"""What can go by a feed. A new listing cannot: each is asked for by itself first, and that takes the time."""
LOOKS: Final = 10
"""How often a feed is looked at until it is done, about."""


def requests_for(
    waves: Iterable[Wave], pages: Mapping[str, int] = MappingProxyType({}), *, least: int, most: int
) -> Counter[Operation]:
    """What waves ask of Amazon: each write by itself, or `least` and more of a sort by feeds of `most`, with
    a look before and one after every batch. `pages`: how many searches a reading of a store takes."""
    found: Counter[Operation] = Counter()
    for wave in waves:
        found[SEARCH_LISTINGS] += wave.readings * pages.get(wave.store, 0)
        for kind, count in wave.writes.items():
            if kind in FED and 0 < least <= count:
                feeds = -(-count // most)
                found.update({CREATE_FEED_DOCUMENT: feeds, CREATE_FEED: feeds, GET_FEED_DOCUMENT: feeds})
                found[GET_FEED] += LOOKS * feeds
            else:
                found.update(dict.fromkeys(_TAKES.get(kind, ()), count))
            if kind[0] in ("listing", "promotion"):
                found[SEARCH_LISTINGS] += 2 * -(-count // LOOKED_AT)
            if kind[0] == "location":
                found[GET_SOURCE] += 2 * count
    return found
