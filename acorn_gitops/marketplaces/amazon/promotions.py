"""Coupons, deals and the like, as people made them in Seller Central. Comes in: a store, its items. Goes out:
rows. Caller: adapter.

Amazon lets nobody write them, and shows them since its Promotions API of 2025-12-01. They are promotions of
the store that nobody manages: they are told, they lower what buyers pay, and guards reckon with them. What
of one cannot be understood is taken as what lowers a price most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.catalogue import summary_of
from acorn_gitops.marketplaces.amazon.client import Client
from acorn_gitops.marketplaces.amazon.offers import as_amount, money_of
from acorn_gitops.marketplaces.amazon.sales import ALWAYS
from acorn_gitops.marketplaces.by_looking import Raw, RemoteStore, Row, Rows, live
from acorn_gitops.model.finding import Incomplete
from acorn_gitops.model.resource import Attributes
from acorn_gitops.resources.promotion import EVERYTHING, JOINS

Tree = Raw
SEEN: Final = "seen"
"""What the key of a promotion begins with that somebody made there."""
WHY: Final = "somebody made it in Seller Central, and Amazon has no interface to change it"
STATUSES: Final = "PROCESSING,UPCOMING,RUNNING,CANCELLING"
"""Those that hold, or may come to hold."""
PAGE: Final = 100
MOST_PAGES: Final = 50
"""Of promotions, and of the items of one: whoever has more is told that they cannot be read."""
KEPT: Final = 600.0
"""Seconds in which what was read is not asked for again: Amazon answers six times a minute."""
_TYPES: Final = {"COUPON": "coupon", "DEAL": "bestDeal", "PRICE_DISCOUNT": "percentOff"}


class _Offered(NamedTuple):
    """What a promotion gives, and on which SKUs."""

    discount: Tree
    skus: Sequence[str]
    joins: Sequence[str] = ()
    """ASINs that it is for, whatever SKU offers them, or everything."""
    pieces: int = 0
    """From so many on."""
    basket: Tree | None = None
    """From a basket of this amount on."""


class Promotions:
    """Those of one account."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._read: dict[str, tuple[float, list[tuple[Tree, list[Tree]]]]] = {}
        self._selections: dict[tuple[str, str, str], list[Tree]] = {}

    def rows(self, store: RemoteStore, items: Sequence[Tree]) -> Rows:
        """Those of a marketplace that hold or will. Incomplete where they do not add up."""
        skus = [str(one["sku"]) for one in items]
        by_asin: dict[str, list[str]] = {}
        for one in items:
            if asin := summary_of(store, one).get("asin"):
                by_asin.setdefault(str(asin), []).append(str(one["sku"]))
        found: list[tuple[str, Row]] = []
        for raw, chosen in self._every(store):
            named = _named(chosen, skus, by_asin)
            every = [one for one in _offers(store, raw, named) if one.skus or one.joins]
            for number, offered in enumerate(every, start=1):
                id = one_line(str(raw["promotionId"]), 60)
                key = f"{SEEN}:{id}" if number == 1 else f"{SEEN}-{number}:{id}"
                found.append((key, Row(live(_attributes(raw, offered), {}, key), raw)))
        return Rows("promotions", found)

    def _every(self, store: RemoteStore) -> list[tuple[Tree, list[Tree]]]:
        """Each promotion with the items that it is for (`{}`: all of them)."""
        now = self._client.now()
        kept = self._read.get(store.id)
        if kept is None or now > kept[0] + KEPT:
            found = [(raw, self._items(raw)) for raw in self._searched(store)]
            kept = self._read[store.id] = (now, found)
        return kept[1]

    def _searched(self, store: RemoteStore) -> list[Tree]:
        query = {"marketplaceIds": store.id, "statuses": STATUSES, "limit": str(PAGE)}
        found: dict[str, Tree] = {}
        token = ""
        for _ in range(MOST_PAGES):
            more = {"paginationToken": token} if token else {}
            page: Tree = self._client.call(op.SEARCH_PROMOTIONS, query={**query, **more})
            found.update((str(one["promotionId"]), one) for one in page["promotions"])
            token = str((page.get("pagination") or {}).get("nextToken") or "")
            if not token:
                return [*found.values()]
        raise Incomplete(f"{store.store}: the pages of promotions do not come to an end")

    def _items(self, raw: Tree) -> list[Tree]:
        """What a promotion is for: an entry of nothing is everything, as excluded goods count, too."""
        chosen = raw["selection"]
        if chosen.get("type") != "ITEMS" or not chosen.get("selectionId"):
            return [{}]
        path = {"promotionId": str(raw["promotionId"]), "selectionId": str(chosen["selectionId"])}
        revision = str(chosen.get("revisionId") or 1)
        known = (path["promotionId"], path["selectionId"], revision)
        if known not in self._selections:
            self._selections[known] = [*self._selected(path, revision)]
        return self._selections[known]

    def _selected(self, path: Mapping[str, str], revision: str) -> Iterator[Tree]:
        query, token = {"revisionId": revision, "limit": str(PAGE)}, ""
        for _ in range(MOST_PAGES):
            more = {"paginationToken": token} if token else {}
            said: Tree = self._client.call(op.GET_SELECTION, path, {**query, **more})
            details = said["selection"].get("selectionDetails") or {}
            yield from details.get("items") or ()
            token = str((details.get("pagination") or {}).get("nextToken") or "")
            if not token:
                return
        raise Incomplete(f"the items of promotion {one_line(path['promotionId'], 60)} do not come to an end")


class _Item(NamedTuple):
    """An entry of a selection: the SKUs of the seller that it is now, and what else it will be."""

    said: Tree
    skus: Sequence[str]
    joins: str


def _named(chosen: Sequence[Tree], skus: Sequence[str], by_asin: Mapping[str, Sequence[str]]) -> list[_Item]:
    """Each item of a promotion, with the SKUs of the seller that it is."""
    known = {*skus}
    found: list[_Item] = []
    for item in chosen:
        asin = str(item.get("asin") or "")
        if not item:
            found.append(_Item(item, skus, EVERYTHING))
        elif item.get("sku") in known:
            found.append(_Item(item, [str(item["sku"])], ""))
        else:
            found.append(_Item(item, by_asin.get(asin, ()), asin))
    return found


def _offers(store: RemoteStore, raw: Tree, items: Sequence[_Item]) -> Iterator[_Offered]:
    """What a promotion gives: once for all of its items, tier by tier, or item by item."""
    every = sorted({sku for item in items for sku in item.skus})
    joins = sorted({item.joins for item in items} - {""})
    benefit, required = raw.get("benefit") or {}, raw.get("purchaseRequirements") or {}
    if benefit.get("discount"):
        free = int(benefit.get("benefitQuantity") or 1)
        given = [_given(store, benefit["discount"], required.get("condition") or {}, every, free)]
        for tier in benefit.get("additionalTiers") or ():
            given.append(_given(store, tier["discount"], tier.get("purchaseCondition") or {}, every, free))
        yield from (one._replace(joins=joins) for one in given)
        return
    by_item: dict[str, tuple[Tree, list[_Item]]] = {}
    for item in items:
        said = _of_item(store, item.said.get("benefit") or {})
        by_item.setdefault(str(said), (said, []))[1].append(item)
    for said, those in by_item.values():
        named = sorted({sku for item in those for sku in item.skus})
        yield _Offered(said, named, sorted({item.joins for item in those} - {""}))


def _of_item(store: RemoteStore, benefit: Tree) -> Tree:
    """A discount as acorn says it; where Amazon says none, everything."""
    if benefit.get("price"):
        return {"salePrice": _money(store, benefit["price"].get("amount"))}
    return _discount(store, benefit.get("discount") or {})


def _given(store: RemoteStore, discount: Tree, condition: Tree, skus: Sequence[str], free: int) -> _Offered:
    pieces = int((condition.get("quantityThreshold") or {}).get("quantity") or 0)
    amount = ((condition.get("amountThreshold") or {}).get("currency") or {}).get("amount")
    basket = _money(store, amount) if amount is not None else None
    if discount.get("type") == "FREE_ITEM":
        given = {"buy": max(pieces, 1), "get": max(free, 1)}
        return _Offered({"buyXGetY": given}, skus, basket=basket)
    return _Offered(_discount(store, discount), skus, pieces=pieces, basket=basket)


def _discount(store: RemoteStore, said: Tree) -> Tree:
    if said.get("percentOff") is not None:
        share = min(as_amount(said["percentOff"]), Decimal(100))
        return {"percent": format(share.normalize(), "f")}
    if said.get("amountOff") is not None:
        return {"amount": _money(store, said["amountOff"])}
    return {"percent": "100"}


def _money(store: RemoteStore, amount: object) -> dict[str, str]:
    return money_of(as_amount(amount), str(store.raw["currency"]))


def _attributes(raw: Tree, one: _Offered) -> Attributes:
    kind = str(raw.get("promotionType"))
    schedule = raw.get("schedule") or {}
    code = ((raw.get("purchaseRequirements") or {}).get("claimCode") or {}).get("value")
    made: Attributes = {
        "type": "buyXGetY"
        if "buyXGetY" in one.discount
        else _TYPES.get(kind, "promoCode" if code else "percentOff"),
        "skus": [*one.skus],
        "start": str(schedule.get("startDate") or ALWAYS[0]),
        "end": str(schedule.get("endDate") or ALWAYS[1]),
        "discount": one.discount,
        "foreign": WHY,
    }
    if one.joins:
        made[JOINS] = [*one.joins]
    if segments := raw.get("customerSegments"):
        prime = all("PRIME" in str(segment.get("segmentId")) for segment in segments)
        made["audience"] = "prime" if prime else "segment"
    if code:
        made["code"] = one_line(str(code), 50)
    if one.pieces > 1:
        made["minimumQuantity"] = one.pieces
    if one.basket is not None:
        made["minimumOrder"] = one.basket
    return made
