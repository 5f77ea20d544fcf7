"""The items of a seller in one marketplace, as Amazon shows them. Comes in: a store, SKUs. Goes out: items as
they came. Caller: `listings`.

Read whole by searching, in windows of time where there are more than a search shows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.client import Client, Missing
from acorn_gitops.marketplaces.by_looking import Raw, RemoteStore
from acorn_gitops.model.finding import Incomplete

Tree = Raw
PAGE: Final = 20
ASKED: Final = 20
"""SKUs that one search may name."""
MOST: Final = 5_000_000
"""Listings of one marketplace."""
SEARCHED: Final = 1000
"""What a search shows at most."""
DATA: Final = "summaries,attributes,fulfillmentAvailability"
NARROWEST: Final = timedelta(milliseconds=1)


class Catalogue:
    """What can be read of an account's items."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._searches = 0

    def items(self, store: RemoteStore, keys: Collection[str] | None) -> list[Tree]:
        """All of a marketplace, or those of these SKUs. Incomplete where they do not add up."""
        return self._every(store) if keys is None else self._these(store, sorted(keys))

    def one(self, store: RemoteStore, sku: str) -> Tree | None:
        """One, asked for by itself: that knows of it before a search does. None where there is none."""
        query = {"marketplaceIds": store.id, "includedData": DATA}
        try:
            raw: Tree = self._client.call(op.GET_LISTING, path_of(store, sku), query)
        except Missing:
            return None
        if raw.get("sku") != sku:
            raise Incomplete(f"{store.store}: another SKU was answered than {one_line(sku, 60)}")
        return raw

    def _every(self, store: RemoteStore) -> list[Tree]:
        self._searches = 1
        first = self._page(store, {})
        if not 0 <= first["numberOfResults"] <= MOST:
            raise Incomplete(f"{store.store}: {first['numberOfResults']} listings make no sense")
        # What is left of the searches that it may take: looking for windows costs some on top of the pages.
        self._searches = 200 + 3 * (first["numberOfResults"] // PAGE)
        if first["numberOfResults"] <= SEARCHED:
            return list(self._pages(store, {}, first).values())
        start, end = self._edge(store, "ASC"), self._edge(store, "DESC")
        found = self._window(store, start, end)
        if len(found) < first["numberOfResults"]:
            raise Incomplete(
                f"{store.store}: {len(found)} of {first['numberOfResults']} listings were read",
                hint="run again; nothing was concluded from this",
            )
        return list(found.values())

    def _edge(self, store: RemoteStore, order: str) -> datetime:
        """When the oldest (ASC) or the newest (DESC) listing was created."""
        page = self._page(store, {"sortBy": "createdDate", "sortOrder": order})
        return _instant(summary_of(store, page["items"][0])["createdDate"])

    def _window(self, store: RemoteStore, start: datetime, end: datetime) -> dict[str, Tree]:
        """What was created in a span of time, by SKU; halved until a search shows all of it."""
        query = {"createdAfter": _stamp(start), "createdBefore": _stamp(end)}
        first = self._page(store, query)
        if first["numberOfResults"] > SEARCHED:
            if end - start <= NARROWEST:
                raise Incomplete(
                    f"{store.store}: more than {SEARCHED} listings were created in one moment,"
                    " and a search shows no more"
                )
            middle = start + (end - start) / 2
            return {**self._window(store, start, middle), **self._window(store, middle, end)}
        return self._pages(store, query, first)

    def _these(self, store: RemoteStore, skus: Sequence[str]) -> list[Tree]:
        found: list[Tree] = []
        self._searches = 200 + 3 * len(skus)
        # Names in a list are separated by commas, so that one with a comma is asked for by itself.
        plain = [sku for sku in skus if "," not in sku]
        for start in range(0, len(plain), ASKED):
            query = {"identifiers": ",".join(plain[start : start + ASKED]), "identifiersType": "SKU"}
            found += self._pages(store, query, self._page(store, query)).values()
        for sku in skus:
            if "," in sku and (raw := self.one(store, sku)) is not None:
                found.append(raw)
        wanted = set(skus)
        return [raw for raw in found if raw["sku"] in wanted]

    def _pages(self, store: RemoteStore, query: Mapping[str, str], page: Tree) -> dict[str, Tree]:
        """The rest of a search after its first page. Incomplete where it does not add up."""
        total, found, seen = page["numberOfResults"], dict[str, Tree](), set[str]()
        count = 0
        while True:
            for raw in page["items"]:
                found[str(raw["sku"])] = raw
                count += 1
            token = str((page.get("pagination") or {}).get("nextToken") or "")
            if not token:
                break
            if token in seen or count > SEARCHED or not page["items"]:
                raise Incomplete(f"{store.store}: the pages of listings do not come to an end")
            seen.add(token)
            page = self._page(store, {**query, "pageToken": token})
        if len(found) != total or count != total:
            raise Incomplete(
                f"{store.store}: {len(found)} of {total} listings were read",
                hint="run again; nothing was concluded from this",
            )
        return found

    def _page(self, store: RemoteStore, query: Mapping[str, str]) -> Tree:
        self._searches -= 1
        if self._searches < 0:
            raise Incomplete(f"{store.store}: reading its listings does not come to an end")
        fixed = {"marketplaceIds": store.id, "includedData": DATA, "pageSize": str(PAGE)}
        ordered = {"sortBy": "sku", "sortOrder": "ASC"}
        page: Tree = self._client.call(
            op.SEARCH_LISTINGS, {"sellerId": store.raw["sellerId"]}, {**fixed, **ordered, **query}
        )
        if type(page["numberOfResults"]) is not int or len(page["items"]) > PAGE:
            raise Incomplete(f"{store.store}: a page of listings makes no sense")
        return page


def path_of(store: RemoteStore, sku: str) -> dict[str, str]:
    return {"sellerId": store.raw["sellerId"], "sku": sku}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _instant(text: str) -> datetime:
    """ValueError where it has no zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return found


def summary_of(store: RemoteStore, raw: Tree) -> Tree:
    """What Amazon says of a SKU in short; empty where it says nothing."""
    for one in raw.get("summaries") or ():
        if one.get("marketplaceId") == store.id:
            return dict(one)
    return {}
