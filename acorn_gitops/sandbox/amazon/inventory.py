"""FBA Inventory v1: how many pieces lie at Amazon, by the stock that listings tell of. Read only: what lies
there came by truck."""

from __future__ import annotations

from typing import Final

from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation, invalid

_PAGE: Final = 50


def summaries(call: Call) -> Answer:
    """SKUs of one marketplace that Amazon ships."""
    missing = [name for name in ("granularityType", "granularityId") if not call.query.get(name)]
    if missing:
        raise invalid(f"Missing required parameter '{missing[0]}'.")
    (place,) = call.marketplaces(most=1)
    wanted = {*call.values("sellerSkus", most=50)}
    rows = [
        row
        for (sku, where) in sorted(call.account.listings)
        if where == place and (not wanted or sku in wanted) and (row := _row(call, sku, place)) is not None
    ]
    start = int(call.query.get("nextToken") or "0")
    body: Json = {
        "payload": {
            "granularity": {"granularityType": "Marketplace", "granularityId": place},
            "inventorySummaries": rows[start : start + _PAGE],
        }
    }
    if start + _PAGE < len(rows):
        body["pagination"] = {"nextToken": str(start + _PAGE)}
    return Answer(200, body)


def _row(call: Call, sku: str, place: str) -> Json | None:
    for one in call.account.stock.get(sku, ()):
        if str(one["fulfillment_channel_code"]).startswith("AMAZON_"):
            count = int(one.get("quantity") or 0)
            row: Json = {
                "asin": call.account.listings[sku, place].asin,
                "sellerSku": sku,
                "condition": "NewItem",
                "totalQuantity": count,
            }
            detailed = call.query.get("details", "").lower() == "true"
            return row | ({"inventoryDetails": {"fulfillableQuantity": count}} if detailed else {})
    return None


OPERATIONS: Final = (
    Operation(
        "getInventorySummaries", "GET", "/fba/inventory/v1/summaries", rate=2, burst=2, handle=summaries
    ),
)
