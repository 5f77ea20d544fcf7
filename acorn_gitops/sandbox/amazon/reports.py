"""Reports 2021-06-30: all listings of marketplaces as a table. It has no sale price, no tax code and no
stock by place, as the real one has none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any, Final

from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation, Refused, invalid
from acorn_gitops.sandbox.amazon.world import Listing

_DOCUMENTS: Final = "/reports/2021-06-30/documents"
_REPORTS: Final = "/reports/2021-06-30/reports"
LISTINGS: Final = "GET_MERCHANT_LISTINGS_ALL_DATA"
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
    places = said["marketplaceIds"]
    if not isinstance(places, list) or not 1 <= len(places) <= 25:
        raise invalid("'marketplaceIds' takes 1 to 25 values.")
    unknown = [one for one in places if one not in call.account.marketplaces]
    if unknown:
        raise invalid(f"Invalid 'marketplaceIds' provided: {unknown[0]}")
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


def shown(call: Call) -> Answer:
    """One report."""
    found = call.world.reports.get(call.path["reportId"], call.account.seller_id)
    return Answer(200, _told(call, found.told))


def listed(call: Call) -> Answer:
    """The seller's reports."""
    kinds, states = {*call.values("reportTypes")}, {*call.values("processingStatuses")}
    if not kinds and not call.query.get("nextToken"):
        raise invalid("Missing required parameter 'reportTypes'.")
    rows = [
        _told(call, one.told) for one in call.world.reports.of(call.account.seller_id) if one.type in kinds
    ]
    rows = [row for row in rows if not states or row["processingStatus"] in states]
    return Answer(200, {"reports": rows[: int(call.query.get("pageSize", "10"))]})


def cancelled(call: Call) -> Answer:
    """Only while it waits."""
    call.world.reports.get(call.path["reportId"], call.account.seller_id).cancel(call.world.now())
    return Answer(200, {})


def fetched(call: Call) -> Answer:
    """Where a document can be fetched."""
    id = call.path["reportDocumentId"]
    held = call.world.documents.get(id)
    if held is None:
        raise Refused(404, "NotFound", f"{id} is not found.")
    body: Json = {"reportDocumentId": id, "url": call.base + call.world.documents.address(id)}
    if held.packed:
        body["compressionAlgorithm"] = "GZIP"
    return Answer(200, body)


def _told(call: Call, told: Any) -> Json:
    made: Json = told(call.world.now(), id="reportId", type="reportType", document="reportDocumentId")
    return made


def _worked(call: Call, kind: str, places: Sequence[str]) -> str:
    if kind != LISTINGS:
        return ""
    rows = ["\t".join(COLUMNS)]
    for (sku, place), listing in sorted(call.account.listings.items()):
        if place in places:
            rows.append("\t".join(_cells(call, sku, listing)))
    content = ("\r\n".join(rows) + "\r\n").encode("cp1252", "replace")
    return call.world.documents.new("text/plain; charset=Cp1252", content, packed=True)


def _cells(call: Call, sku: str, listing: Listing) -> Iterator[str]:
    stock = call.account.stock.get(sku, [])
    channel = stock[0]["fulfillment_channel_code"] if stock else "DEFAULT"
    price = ""
    for offer in listing.attributes.get("purchasable_offer", ()):
        if offer.get("audience") == "ALL" and offer.get("our_price"):
            price = str(offer["our_price"][0]["schedule"][0]["value_with_tax"])
    values = {
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
    for name in COLUMNS:
        yield " ".join(values.get(name, "").split())


def _value(listing: Listing, name: str) -> str:
    for one in listing.attributes.get(name, ()):
        return str(one.get("value", ""))
    return ""


OPERATIONS: Final = (
    Operation("createReport", "POST", _REPORTS, rate=0.0167, burst=15, handle=created),
    Operation("getReport", "GET", f"{_REPORTS}/{{reportId}}", rate=2, burst=15, handle=shown),
    Operation("getReports", "GET", _REPORTS, rate=0.0222, burst=10, handle=listed),
    Operation("cancelReport", "DELETE", f"{_REPORTS}/{{reportId}}", rate=0.0222, burst=10, handle=cancelled),
    Operation(
        "getReportDocument",
        "GET",
        f"{_DOCUMENTS}/{{reportDocumentId}}",
        rate=0.0167,
        burst=15,
        handle=fetched,
    ),
)
