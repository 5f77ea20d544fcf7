"""Promotions 2025-12-01: coupons, deals and the like, read only, as the real one has no way to write them.
Somebody makes them by hand (`control`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from acorn_gitops.model.reference import amazon_marketplaces
from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation, Refused, invalid
from acorn_gitops.sandbox.amazon.world import Promotion, World

_BASE: Final = "/promotions/2025-12-01/promotions"
_ONE: Final = f"{_BASE}/{{promotionId}}"
TYPES: Final = ("BASKET_BUILDING", "DEAL", "PRICE_DISCOUNT", "COUPON")
STATUSES: Final = ("PROCESSING", "UPCOMING", "RUNNING", "EXPIRED", "FAILED", "CANCELLING", "CANCELLED")
_MOST: Final = 100
_CODE: Final = re.compile("[0-9A-Z]{6,12}")
_DATES: Final = ("start", "end")
_MORE: Final = ("amount", "price", "quantity", "basket", "free", "segment", "catalog")
_BY_ITEM: Final = frozenset({"DEAL", "PRICE_DISCOUNT"})
"""Types whose benefit is said item by item."""


def searched(call: Call) -> Answer:
    """Those of one marketplace that fit, page by page."""
    (place,) = call.marketplaces(most=1)
    kinds, states = (
        call.values("promotionTypes", among=TYPES),
        call.values("statuses", among=STATUSES),
    )
    asins, skus = call.values("asins", most=10), call.values("skus", most=10)
    limit = int(call.query.get("limit", "10"))
    if not 1 <= limit <= _MOST:
        raise invalid(f"Invalid 'limit' provided: {limit}")
    found = [
        one
        for one in _of(call)
        if one.marketplace == place
        and (not kinds or one.kind in kinds)
        and (not states or status(one, call.world) in states)
        and (not (asins or skus) or {*asins, *skus} & {*one.asins, *one.skus})
        and _in_time(call, one)
    ]
    start = int(call.query.get("paginationToken") or "0")
    page = found[start : start + limit]
    more = {"nextToken": str(start + limit)} if start + limit < len(found) else {}
    return Answer(
        200,
        {
            "totalResults": len(found),
            "pagination": more,
            "promotions": [_told(one, call.world) for one in page],
        },
    )


def shown(call: Call) -> Answer:
    """One of the seller's."""
    return Answer(200, _told(_one(call), call.world))


def selected(call: Call) -> Answer:
    """What a promotion is for."""
    if not call.query.get("revisionId"):
        raise invalid("Missing required parameter 'revisionId'.")
    one = _one(call)
    if call.path["selectionId"] != _selection(one)["selectionId"]:
        raise Refused(404, "NotFound", f"{call.path['selectionId']} is not found.")
    if one.catalog:
        raise invalid("Selections of type CATALOG have no items.")
    benefit = {"benefit": _of_item(one)} if one.kind in _BY_ITEM else {}
    items = [{"asin": asin, "sku": sku, **benefit} for asin, sku in zip(one.asins, one.skus, strict=False)]
    return Answer(200, {"selection": {**_selection(one), "selectionDetails": {"items": items}}})


def status(one: Promotion, world: World) -> str:
    """Where a promotion is at this instant."""
    now = world.now()
    if one.cancelled:
        return "CANCELLED"
    return "UPCOMING" if now < one.start else "RUNNING" if now < one.end else "EXPIRED"


def made(world: World, seller: str, said: Json) -> Promotion:
    """One that somebody made in Seller Central. ValueError or KeyError where it makes no sense."""
    if said["type"] not in TYPES:
        raise ValueError(f"type is one of {', '.join(TYPES)}")
    start, end = (datetime.fromisoformat(str(said[name])) for name in _DATES)
    if start.tzinfo is None or end.tzinfo is None or end <= start:
        raise ValueError("start and end are instants with a zone, one after the other")
    code = str(said.get("code", ""))
    if code and not _CODE.fullmatch(code):
        raise ValueError("a code has 6 to 12 signs, capitals and digits")
    return Promotion(
        world.id(),
        seller,
        said["marketplaceId"],
        kind=said["type"],
        title=str(said.get("title", "Promotion")),
        start=start,
        end=end,
        asins=_texts(said.get("asins")),
        skus=_texts(said.get("skus")),
        percent=said.get("percent"),
        **{name: said[name] for name in _MORE if name in said},
        code=code,
        created=world.now(),
    )


def _texts(said: object) -> Sequence[str]:
    return [str(one) for one in said] if isinstance(said, list) else []


def _in_time(call: Call, one: Promotion) -> bool:
    for name, moment in (("startDate", one.start), ("endDate", one.end), ("updateDate", one.created)):
        after, before = (call.query.get(f"{name}{side}") for side in ("After", "Before"))
        if (after and moment < _instant(after)) or (before and moment > _instant(before)):
            return False
    return True


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _of(call: Call) -> list[Promotion]:
    mine = [one for one in call.world.promotions.values() if one.seller == call.account.seller_id]
    return sorted(mine, key=lambda one: (one.start, one.id))


def _one(call: Call) -> Promotion:
    found = call.world.promotions.get(call.path["promotionId"])
    if found is None or found.seller != call.account.seller_id:
        raise Refused(404, "NotFound", f"{call.path['promotionId']} is not found.")
    return found


def _told(one: Promotion, world: World) -> Json:
    told: Json = {
        "promotionId": one.id,
        "promotionType": one.kind,
        "status": status(one, world),
        "marketplaceId": one.marketplace,
        "trackingId": f"T-{one.id[:8]}",
        "promotionTitle": one.title,
        "schedule": {"startDate": _text(one.start), "endDate": _text(one.end)},
        "selection": _selection(one),
        "createdDate": _text(one.created),
        "lastUpdatedDate": _text(one.created),
    }
    if one.kind == "COUPON":
        told["couponType"] = "STANDARD"
    if one.kind not in _BY_ITEM and (found := _discount(one)):
        free = {"benefitQuantity": one.free} if one.free else {}
        told["benefit"] = {"discount": found, **free}
    if one.segment:
        told["customerSegments"] = [{"segmentType": "PROGRAM", "segmentId": one.segment}]
    if one.code or one.quantity or one.basket is not None:
        claim = {"claimCode": {"type": "GROUP", "value": one.code}} if one.code else {}
        told["purchaseRequirements"] = {"selection": _selection(one), "condition": _condition(one), **claim}
    return told


def _condition(one: Promotion) -> Json:
    if one.quantity:
        return {"quantityThreshold": {"type": "AT_LEAST", "quantity": one.quantity}}
    if one.basket is not None:
        return {"amountThreshold": {"type": "AT_LEAST", "currency": _money(one, one.basket)}}
    return {}


def _discount(one: Promotion) -> Json:
    if one.free:
        return {"type": "FREE_ITEM"}
    if one.percent is not None:
        return {"type": "PERCENTAGE_OFF", "percentOff": one.percent}
    if one.amount is None:
        return {}
    money = _money(one, one.amount)
    return {"type": "AMOUNT_OFF", "amountOff": money["amount"], "currencyCode": money["currencyCode"]}


def _of_item(one: Promotion) -> Json:
    if one.price is not None:
        return {"type": "FIXED_PRICE", "price": _money(one, one.price)}
    return {"type": "DISCOUNTED_PRICE", "discount": _discount(one)}


def _money(one: Promotion, amount: Decimal) -> Json:
    return {"amount": amount, "currencyCode": amazon_marketplaces()[one.marketplace].currency}


def _selection(one: Promotion) -> Json:
    kind = "CATALOG" if one.catalog else "ITEMS"
    return {"selectionId": f"S-{one.id[:8]}", "revisionId": 1, "type": kind}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


OPERATIONS: Final = (
    Operation("searchPromotions", "GET", _BASE, rate=0.1, burst=4, handle=searched),
    Operation("getPromotion", "GET", _ONE, rate=0.1, burst=2, handle=shown),
    Operation(
        "getSelection", "GET", f"{_ONE}/selections/{{selectionId}}", rate=0.1, burst=2, handle=selected
    ),
)
