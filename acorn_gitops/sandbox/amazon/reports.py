"""Reports 2021-06-30: all listings of marketplaces as a table. It has no sale price, no tax code and no
stock by place, as the real one has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Final

from acorn_gitops.sandbox.amazon.asked import Sort
from acorn_gitops.sandbox.amazon.call import Answer, Call, Operation, written
from acorn_gitops.sandbox.amazon.world import Listing

_DOCUMENTS: Final = "/reports/2021-06-30/documents"
_REPORTS: Final = "/reports/2021-06-30/reports"
REPORTS: Final = Sort("report", "reportDocumentId", lambda call: call.world.reports)
LISTINGS: Final = "GET_MERCHANT_LISTINGS_ALL_DATA"
OPEN: Final = "GET_FLAT_FILE_OPEN_LISTINGS_DATA"
HEALTH: Final = "GET_V2_SELLER_PERFORMANCE_REPORT"
SHORT: Final = ("sku", "asin", "price", "quantity")
"""The columns of OPEN."""
COLUMNS: Final = (
    "item-name",
    "item-description",
    "listing-id",
    "seller-sku",
    "price",
    "quantity",
    "open-date",
    "image-url",
    "item-is-marketplace",
    "product-id-type",
    "item-note",
    "item-condition",
    "asin1",
    "product-id",
    "pending-quantity",
    "fulfillment-channel",
    "merchant-shipping-group",
    "status",
)


def created(call: Call) -> Answer:
    """It waits in the queue."""
    said = call.block("reportType", "marketplaceIds")
    places = REPORTS.places(call, said["marketplaceIds"])
    id, kind = call.world.id(), str(said["reportType"])
    call.world.reports.put(
        call.account.seller_id,
        kind,
        places,
        now=call.world.now(),
        seconds=call.world.habits.report_seconds,
        id=id,
        work=lambda: _worked(call, kind, places),
    )
    return Answer(202, {"reportId": id})


def _worked(call: Call, kind: str, places: Sequence[str]) -> str:
    if kind == HEALTH:
        return call.world.documents.new("application/json; charset=UTF-8", _health(places), packed=True)
    columns = {LISTINGS: COLUMNS, OPEN: SHORT}.get(kind)
    if columns is None:
        return ""
    rows = ["\t".join(columns)]
    for (sku, place), listing in sorted(call.account.listings.items()):
        if place in places:
            cells = _cells(call, sku, listing)
            rows.append("\t".join(" ".join(cells.get(name, "").split()) for name in columns))
    content = ("\r\n".join(rows) + "\r\n").encode("cp1252", "replace")
    return call.world.documents.new("text/plain; charset=Cp1252", content, packed=True)


def _health(places: Sequence[str]) -> bytes:
    """How the account stands: well."""
    metrics = [{"marketplaceId": one, "orderDefectRate": {"status": "GOOD"}} for one in places]
    states = [{"marketplaceId": one, "status": "NORMAL"} for one in places]
    return written({"accountStatuses": states, "performanceMetrics": metrics})


def _cells(call: Call, sku: str, listing: Listing) -> Mapping[str, str]:
    stock = call.account.stock.get(sku, [])
    channel = stock[0]["fulfillment_channel_code"] if stock else "DEFAULT"
    price = ""
    for offer in listing.attributes.get("purchasable_offer", ()):
        if offer.get("audience") == "ALL" and offer.get("our_price"):
            price = str(offer["our_price"][0]["schedule"][0]["value_with_tax"])
    return {
        "sku": sku,
        "asin": listing.asin,
        "item-name": _value(listing, "item_name"),
        "seller-sku": sku,
        "price": price,
        "quantity": str(stock[0].get("quantity", "")) if stock and channel == "DEFAULT" else "",
        "open-date": listing.created.astimezone(UTC).strftime("%d/%m/%Y %H:%M:%S UTC"),
        "item-is-marketplace": "y",
        "product-id-type": "1",
        "item-condition": "11",
        "asin1": listing.asin,
        "product-id": listing.asin,
        "pending-quantity": "0",
        "fulfillment-channel": channel,
        "merchant-shipping-group": _value(listing, "merchant_shipping_group"),
        "status": "Active" if price else "Inactive",
    }


def _value(listing: Listing, name: str) -> str:
    for one in listing.attributes.get(name, ()):
        return str(one.get("value", ""))
    return ""


OPERATIONS: Final = (
    Operation("createReport", "POST", _REPORTS, rate=0.0167, burst=15, handle=created),
    Operation("getReport", "GET", f"{_REPORTS}/{{reportId}}", rate=2, burst=15, handle=REPORTS.shown),
    Operation("getReports", "GET", _REPORTS, rate=0.0222, burst=10, handle=REPORTS.listed),
    Operation(
        "cancelReport", "DELETE", f"{_REPORTS}/{{reportId}}", rate=0.0222, burst=10, handle=REPORTS.cancelled
    ),
    Operation(
        "getReportDocument",
        "GET",
        f"{_DOCUMENTS}/{{reportDocumentId}}",
        rate=0.0167,
        burst=15,
        handle=REPORTS.fetched,
    ),
)
