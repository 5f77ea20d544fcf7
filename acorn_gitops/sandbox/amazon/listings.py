"""Listings Items 2021-08-01: a seller's SKUs, item by item. What is accepted is seen later; what is wrong is
answered with 200 and `INVALID`."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, Final, NamedTuple

from acorn_gitops.model.reference import amazon_marketplaces, minor_units
from acorn_gitops.sandbox.amazon import selectors
from acorn_gitops.sandbox.amazon.call import Answer, Call, Json, Operation, Refused, invalid
from acorn_gitops.sandbox.amazon.world import Account, Listing, World

_ALL: Final = "/listings/2021-08-01/items/{sellerId}"
_ONE: Final = f"{_ALL}/{{sku}}"
SEARCHED: Final = 1000
"""A search shows no more, however many there are."""
_SEARCHES: Final = 50
"""That are kept at a time."""
DATA: Final = (
    "summaries",
    "attributes",
    "issues",
    "offers",
    "fulfillmentAvailability",
    "procurement",
    "relationships",
    "productTypes",
)
REQUIREMENTS: Final = ("LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY")
OPERATORS: Final = ("add", "replace", "merge", "delete")
_PRICES: Final = (
    "our_price",
    "discounted_price",
    "minimum_seller_allowed_price",
    "maximum_seller_allowed_price",
    "map_price",
)
_STOCK: Final = "fulfillment_availability"
_NAME: Final = re.compile(r"[a-z0-9_]+(#[0-9]+)?(\.[a-z0-9_#]+)*")


class Submission(NamedTuple):
    """What is to become of a SKU in one marketplace."""

    sku: str
    marketplace: str
    operation: str
    """UPDATE (all attributes anew), PATCH or DELETE."""
    product_type: str = ""
    attributes: Mapping[str, Any] = {}
    patches: Sequence[Mapping[str, Any]] = ()


def shown(call: Call) -> Answer:
    """One SKU, as it is in the marketplaces that are asked about."""
    account = _seller(call)
    places, data = call.marketplaces(), call.values("includedData", among=DATA) or ["summaries"]
    sku = call.path["sku"]
    held = {m: account.listings[sku, m] for m in places if (sku, m) in account.listings}
    if not held:
        raise Refused(404, "NOT_FOUND", f"SKU '{sku}' not found in marketplace {places[0]}")
    return Answer(200, _item(account, sku, held, data=data, now=call.world.now()))


def found(call: Call) -> Answer:
    """Those that fit, twenty at most on a page, and a thousand in all."""
    account = _seller(call)
    places, data = call.marketplaces(), call.values("includedData", among=DATA) or ["summaries"]
    wanted = {*call.values("identifiers", most=20)}
    if wanted and not call.query.get("identifiersType"):
        raise invalid("Missing required parameter 'identifiersType'.")
    keys = _ordered(call, places, wanted)
    size = int(call.query.get("pageSize", "10"))
    if not 1 <= size <= 20:
        raise invalid(f"Invalid 'pageSize' provided: {size}")
    start = _start(call.query.get("pageToken", ""))
    page = keys[start : min(start + size, SEARCHED)]
    pagination = {}
    if start + size < min(len(keys), SEARCHED):
        pagination["nextToken"] = _token(start + size)
    if start:
        pagination["previousToken"] = _token(max(0, start - size))
    items = []
    for sku in page:
        held = {m: account.listings[sku, m] for m in places if (sku, m) in account.listings}
        items.append(_item(account, sku, held, data=data, now=call.world.now()))
    return Answer(200, {"numberOfResults": len(keys), "pagination": pagination, "items": items})


def _ordered(call: Call, places: Sequence[str], wanted: set[str]) -> list[str]:
    """The SKUs that a search is about, in its order. Found once for all of its pages, while nothing moves."""
    account = call.account
    asked = sorted(
        (k, v) for k, v in call.query.items() if k not in ("pageToken", "pageSize", "includedData")
    )
    query = (account.revision, len(account.listings), *asked)
    if query in account.searched:
        return account.searched[query]
    by_sku: dict[str, dict[str, Listing]] = {}
    by_name = call.query.get("identifiersType") == "SKU" and bool(wanted)
    candidates = [(sku, place) for sku in wanted for place in places] if by_name else account.listings
    for sku, place in candidates:
        listing = account.listings.get((sku, place))
        if listing is not None and place in places and _fits(call, sku, listing, wanted=wanted):
            by_sku.setdefault(sku, {})[place] = listing
    order = call.query.get("sortBy", "lastUpdatedDate")
    keys = sorted(by_sku, key=lambda sku: (_sort_key(order, by_sku[sku]), sku))
    if call.query.get("sortOrder", "DESC") == "DESC":
        keys.reverse()
    if any(one[0] != account.revision for one in account.searched) or len(account.searched) > _SEARCHES:
        account.searched.clear()
    account.searched[query] = keys
    return keys


def put(call: Call) -> Answer:
    """A whole listing in one marketplace: what is not said is gone."""
    body = call.block("productType", "attributes")
    if body.get("requirements", "LISTING") not in REQUIREMENTS:
        raise invalid(f"Invalid 'requirements' provided: {body['requirements']}")
    (place,) = call.marketplaces(most=1)
    wish = Submission(
        call.path["sku"],
        place,
        "UPDATE",
        product_type=str(body["productType"]),
        attributes=body["attributes"],
    )
    return _submitted(call, [wish])


def patch(call: Call) -> Answer:
    """Some attributes of a listing, by their selectors."""
    body = call.block("productType", "patches")
    if not isinstance(body["patches"], list) or not body["patches"]:
        raise invalid("'patches' must hold at least one operation.")
    for one in body["patches"]:
        if not isinstance(one, dict) or one.get("op") not in OPERATORS:
            raise invalid("Invalid operation provided in patch.")
        path = str(one.get("path", ""))
        if not path.startswith("/attributes/") or path.count("/") != 2:
            raise invalid(f"Invalid path provided in patch: {path}")
    wishes = [
        Submission(
            call.path["sku"],
            place,
            "PATCH",
            product_type=str(body["productType"]),
            patches=body["patches"],
        )
        for place in call.marketplaces()
    ]
    return _submitted(call, wishes)


def delete(call: Call) -> Answer:
    """A SKU in one marketplace."""
    (place,) = call.marketplaces(most=1)
    return _submitted(call, [Submission(call.path["sku"], place, "DELETE")])


def _submitted(call: Call, wishes: Sequence[Submission]) -> Answer:
    account = _seller(call)
    preview = call.query.get("mode") == "VALIDATION_PREVIEW"
    issues = [issue for wish in wishes for issue in [*trouble(account, wish), *ordered(call.world, wish)]]
    bad = any(issue["severity"] == "ERROR" for issue in issues)
    if not bad and not preview:
        for wish in wishes:
            submit(call.world, account, wish)
    sku = wishes[0].sku
    body: Json = {
        "sku": sku,
        "status": "INVALID" if bad else "VALID" if preview else "ACCEPTED",
        "submissionId": call.world.id().replace("-", ""),
        "issues": issues,
    }
    if "identifiers" in call.values("includedData", among=("identifiers", "issues")):
        held = [(w.marketplace, account.listings.get((sku, w.marketplace))) for w in wishes]
        body["identifiers"] = [{"marketplaceId": m, "asin": one.asin} for m, one in held if one is not None]
    return Answer(200, body)


def submit(world: World, account: Account, wish: Submission) -> None:
    """It is accepted; it is so when its time has come."""
    if world.habits.deaf:
        return
    due = world.now() + timedelta(seconds=world.habits.delay)
    world.later(due, lambda: _take_effect(world, account, wish, due))
    world.settle()


def _take_effect(world: World, account: Account, wish: Submission, at: datetime) -> None:
    key = (wish.sku, wish.marketplace)
    account.revision += 1
    have = account.listings.get(key)
    if wish.operation == "DELETE":
        account.listings.pop(key, None)
        if not any(sku == wish.sku for sku, _ in account.listings):
            account.stock.pop(wish.sku, None)
        return
    if have is None:
        if wish.operation == "PATCH":
            return
        have = account.listings[key] = Listing(
            wish.product_type, {}, created=at, updated=at, asin=_new_asin(world)
        )
    have.updated = at
    if wish.operation == "UPDATE":
        have.product_type = wish.product_type
        have.attributes = {}
    asin = have.asin
    for name, op, value in _steps(wish):
        stored = account.stock.get(wish.sku, []) if name == _STOCK else have.attributes.get(name, [])
        after = getattr(selectors, _ACTS[op])(name, stored, value)
        if name == "purchasable_offer" and world.habits.sticky_sale:
            after = _with_old_sales(stored, after)
        if name == _STOCK:
            account.stock[wish.sku] = after
        elif after:
            have.attributes[name] = after
        else:
            have.attributes.pop(name, None)
    for one in have.attributes.get("merchant_suggested_asin", ()):
        asin = str(one.get("value"))
    have.asin = asin


_ACTS: Final = {"add": "replaced", "replace": "replaced", "merge": "merged", "delete": "deleted"}


def _steps(wish: Submission) -> list[tuple[str, str, list[Json]]]:
    if wish.operation == "UPDATE":
        said = [(name, "replace", value) for name, value in wish.attributes.items()]
    else:
        said = [(p["path"].rpartition("/")[2], p["op"], p.get("value") or []) for p in wish.patches]
    return [(n, op, selectors.completed(n, value, wish.marketplace)) for n, op, value in said]


def _with_old_sales(before: Sequence[Mapping[str, object]], after: Sequence[Json]) -> list[Any]:
    made = []
    for one in after:
        old = next((o for o in before if selectors.same("purchasable_offer", o, one)), {})
        keep = "discounted_price" in old and "discounted_price" not in one
        made.append({**one, "discounted_price": old["discounted_price"]} if keep else one)
    return made


def trouble(account: Account, wish: Submission) -> list[Json]:
    """What is wrong with a submission, as issues."""
    if wish.operation == "DELETE":
        return []
    if wish.operation == "PATCH" and (wish.sku, wish.marketplace) not in account.listings:
        words = f"The SKU '{wish.sku}' does not exist in marketplace {wish.marketplace}."
        return [_issue("13013", words, [], ["INVALID_ATTRIBUTE"])]
    issues = []
    for name, op, value in _steps_said(wish):
        issues += _wrong(name, op, value, marketplace=wish.marketplace)
    if wish.operation == "UPDATE" and wish.product_type == "":
        issues.append(_issue("90220", "'product_type' is required but missing.", ["product_type"], _MISSING))
    return issues


def ordered(world: World, wish: Submission) -> list[Json]:
    """What somebody ordered to be wrong with a SKU."""
    code, words = world.verdicts.get(wish.sku, ("", ""))
    return [_issue(code, words, [], _BAD)] if words else []


def _steps_said(wish: Submission) -> list[tuple[str, str, object]]:
    if wish.operation == "UPDATE":
        return [(name, "replace", value) for name, value in wish.attributes.items()]
    return [(p["path"].rpartition("/")[2], p["op"], p.get("value")) for p in wish.patches]


_MISSING: Final = ("MISSING_ATTRIBUTE",)
_BAD: Final = ("INVALID_ATTRIBUTE",)


def _wrong(name: str, op: str, value: object, *, marketplace: str) -> list[Json]:
    if not _NAME.fullmatch(name):
        return [_issue("90000900", f"The attribute '{name}' is not known.", [name], _BAD)]
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        return [_issue("99022", f"'{name}' needs at least one value.", [name], _BAD)]
    if op == "delete":
        return []
    if name == _STOCK:
        return [
            _issue("90220", "'fulfillment_channel_code' is required but missing.", [name], _MISSING)
            for one in value
            if not one.get("fulfillment_channel_code")
        ]
    if name == "purchasable_offer":
        return [issue for one in value for issue in _offer(one, marketplace)]
    return []


def _offer(offer: Mapping[str, object], marketplace: str) -> list[Json]:
    name = "purchasable_offer"
    currency = offer.get("currency")
    if not currency:
        return [_issue("90220", "'currency' is required but missing.", [name], _MISSING)]
    own = amazon_marketplaces()[marketplace].currency
    if currency != own:
        return [_issue("90000900", f"'{currency}' is not the marketplace's currency.", [name], _BAD)]
    issues = []
    for price in _PRICES:
        if price in offer:
            words = _price(offer[price], minor_units()[own], dated=price == "discounted_price")
            if words:
                code = "99022" if words == _TOO_FEW else "4000000"
                issues.append(_issue(code, f"'{price}': {words}", [name], ["INVALID_PRICE"]))
    if words := _plan(offer):
        issues.append(_issue("90000900", f"'quantity_discount_plan': {words}", [name], _BAD))
    return issues


def _plan(offer: Mapping[str, object]) -> str:
    """What is wrong with the tiers of an offer; empty for nothing. As the definitions of product types have
    it."""
    blocks = offer.get("quantity_discount_plan")
    if blocks is None:
        return ""
    if offer.get("audience") != "B2B" or "our_price" not in offer:
        return "only an offer to businesses with a price has one"
    if not isinstance(blocks, list) or not blocks:
        return _TOO_FEW
    every: list[list[Json]] = [block.get("schedule") or [{}] for block in blocks]
    for schedule in chain.from_iterable(every):
        levels = schedule.get("levels") or ()
        if schedule.get("discount_type") not in ("fixed", "percent") or not 1 <= len(levels) <= 5:
            return "a schedule has a discount_type, and one to five levels"
        for level in levels:
            bound, value = level.get("lower_bound"), level.get("value")
            if type(bound) is not int or not isinstance(value, int | Decimal) or value < 0:
                return "a level has a lower_bound and a value"
    return ""


_TOO_FEW: Final = "too few values"


def _price(value: object, decimals: int, *, dated: bool) -> str:
    """What is wrong with a price; empty for nothing."""
    if not isinstance(value, list) or not value or value == [{}]:
        return _TOO_FEW
    for block in value:
        schedule = block.get("schedule") if isinstance(block, dict) else None
        if not isinstance(schedule, list) or not schedule:
            return _TOO_FEW
        for one in schedule:
            amount = one.get("value_with_tax") if isinstance(one, dict) else None
            if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
                return "an internal error occurred"
            if amount <= 0 or -int(Decimal(amount).normalize().as_tuple().exponent) > decimals:
                return "an internal error occurred"
            allowed = {"value_with_tax", "start_at", "end_at"} if dated else {"value_with_tax"}
            if not set(one) <= allowed or (dated and not {"start_at", "end_at"} <= set(one)):
                return "an internal error occurred"
    return ""


def _issue(code: str, message: str, names: Sequence[str], categories: Sequence[str]) -> Json:
    return {
        "code": code,
        "message": message,
        "severity": "ERROR",
        "attributeNames": list(names),
        "categories": list(categories),
    }


def _seller(call: Call) -> Account:
    if call.path["sellerId"] != call.account.seller_id:
        raise Refused(403, "Unauthorized", "Access to requested resource is denied.")
    return call.account


def _fits(call: Call, sku: str, listing: Listing, *, wanted: set[str]) -> bool:
    if wanted:
        kind = call.query["identifiersType"]
        mine = {sku} if kind == "SKU" else {listing.asin} if kind == "ASIN" else _codes(listing)
        if not mine & wanted:
            return False
    created, updated = listing.created, listing.updated
    return (
        _after(created, call.query.get("createdAfter"))
        and _before(created, call.query.get("createdBefore"))
        and _after(updated, call.query.get("lastUpdatedAfter"))
        and _before(updated, call.query.get("lastUpdatedBefore"))
    )


def _codes(listing: Listing) -> set[str]:
    return {
        str(one.get("value")) for one in listing.attributes.get("externally_assigned_product_identifier", ())
    }


def _after(moment: datetime, bound: str | None) -> bool:
    return bound is None or moment >= _instant(bound)


def _before(moment: datetime, bound: str | None) -> bool:
    return bound is None or moment <= _instant(bound)


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"Invalid date provided: {text}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _sort_key(order: str, held: Mapping[str, Listing]) -> str:
    if order == "sku":
        return ""
    if order not in ("createdDate", "lastUpdatedDate"):
        raise invalid(f"Invalid 'sortBy' provided: {order}")
    return max(_text(one.created if order == "createdDate" else one.updated) for one in held.values())


def _item(
    account: Account, sku: str, held: Mapping[str, Listing], *, data: Sequence[str], now: datetime
) -> Json:
    item: Json = {"sku": sku}
    stock = account.stock.get(sku, [])
    if "summaries" in data:
        item["summaries"] = [_summary(place, one, stock, now) for place, one in held.items()]
    if "attributes" in data:
        attributes: dict[str, list[object]] = {}
        for place, one in held.items():
            for name, values in one.attributes.items():
                attributes.setdefault(name, []).extend(values)
            if stock:
                attributes[_STOCK] = [{**row, "marketplace_id": place} for row in stock]
        item["attributes"] = attributes
    if "issues" in data:
        item["issues"] = [{**issue, "marketplaceIds": [p]} for p, one in held.items() for issue in one.issues]
    if "offers" in data:
        item["offers"] = [offer for place, one in held.items() for offer in _offers(place, one)]
    if "fulfillmentAvailability" in data:
        item["fulfillmentAvailability"] = [
            {
                "fulfillmentChannelCode": row["fulfillment_channel_code"],
                **({"quantity": row["quantity"]} if "quantity" in row else {}),
            }
            for row in stock
        ]
    if "productTypes" in data:
        item["productTypes"] = [
            {"marketplaceId": place, "productType": one.product_type} for place, one in held.items()
        ]
    return item


def _is_on(offer: Mapping[str, Any], now: datetime) -> bool:
    """Whether an offer has begun, and has not ended."""
    begins, ends = ((offer.get(name) or {}).get("value") for name in ("start_at", "end_at"))
    return (not begins or datetime.fromisoformat(begins) <= now) and (
        not ends or now < datetime.fromisoformat(ends)
    )


def _summary(place: str, listing: Listing, stock: Sequence[Mapping[str, object]], now: datetime) -> Json:
    sold = any(row.get("quantity") or row["fulfillment_channel_code"] != "DEFAULT" for row in stock)
    offers = listing.attributes.get("purchasable_offer", ())
    buyable = sold and any("our_price" in one and _is_on(one, now) for one in offers)
    made: Json = {
        "marketplaceId": place,
        "asin": listing.asin,
        "productType": listing.product_type,
        "status": ["BUYABLE", "DISCOVERABLE"] if buyable else ["DISCOVERABLE"],
        "createdDate": _text(listing.created),
        "lastUpdatedDate": _text(listing.updated),
    }
    for one in listing.attributes.get("condition_type", ()):
        made["conditionType"] = one.get("value")
    for one in listing.attributes.get("item_name", ()):
        made["itemName"] = one.get("value")
    return made


def _offers(place: str, listing: Listing) -> list[Json]:
    made = []
    for offer in listing.attributes.get("purchasable_offer", ()):
        for block in offer.get("our_price", ()):
            decimals = minor_units()[offer["currency"]]
            amount = Decimal(block["schedule"][0]["value_with_tax"]).quantize(Decimal(1).scaleb(-decimals))
            business = offer["audience"] == "B2B"
            made.append(
                {
                    "marketplaceId": place,
                    "offerType": "B2B" if business else "B2C",
                    "price": {"currencyCode": offer["currency"], "amount": format(amount, "f")},
                    "audience": {"value": offer["audience"]},
                }
            )
    return made


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _new_asin(world: World) -> str:
    letters = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    return "B0" + "".join(world.chance.choice(letters) for _ in range(8))


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"from:{start}".encode()).decode()


def _start(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("from:"))
    except ValueError:
        raise invalid("Invalid 'pageToken' provided.") from None


OPERATIONS: Final = (
    Operation("getListingsItem", "GET", _ONE, rate=5, burst=10, handle=shown),
    Operation("putListingsItem", "PUT", _ONE, rate=5, burst=10, handle=put),
    Operation("patchListingsItem", "PATCH", _ONE, rate=5, burst=5, handle=patch),
    Operation("deleteListingsItem", "DELETE", _ONE, rate=5, burst=5, handle=delete),
    Operation("searchListingsItems", "GET", _ALL, rate=5, burst=5, handle=found),
)
