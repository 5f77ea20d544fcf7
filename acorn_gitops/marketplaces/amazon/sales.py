"""Promotions as sale prices. Comes in: jobs. Goes out: rows. Caller: adapter.

A sale price is a part of a listing's offer (`discounted_price`): one amount, from one day to another. Each
SKU that has one is a promotion by itself, `sale:SKU`, whoever set it, so that what buyers pay is judged
with it. Taking one away is known not to work at times: what stays is told, and not tried without end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from acorn_gitops.marketplaces.amazon.days import begins, is_over, whole_days
from acorn_gitops.marketplaces.amazon.feeds import Submission
from acorn_gitops.marketplaces.amazon.listings import Listings
from acorn_gitops.marketplaces.amazon.offers import BUSINESS, OFFER, SALE, amount_of, money_of, offer_of
from acorn_gitops.marketplaces.amazon.submissions import Submissions, patch
from acorn_gitops.marketplaces.by_looking import Job, Raw, RemoteStore, Row, Rows, Trouble, live
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import Attributes

Tree = Raw
PREFIX: Final = "sale:"
FOR_BUSINESSES: Final = "business-sale"
"""What the key of a sale price in an offer to businesses begins with."""
ALWAYS: Final = ("2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z")
"""When a sale holds of which nobody says when."""


def key_of(sku: str) -> str:
    """The key of a SKU's sale."""
    return PREFIX + sku


class Sales:
    """`promotion`: the sale price of one SKU in one marketplace."""

    type = "promotion"
    shared = False

    def __init__(self, listings: Listings, submissions: Submissions) -> None:
        self._listings, self._submissions = listings, submissions

    def rows(self, store: RemoteStore, keys: Collection[str] | None) -> Rows:
        """Those of a marketplace, or of these keys."""
        skus = None if keys is None else {sku_of(key) for key in keys}
        return self.rows_of(store, self._listings.items(store, skus))

    def rows_of(self, store: RemoteStore, items: Iterable[Tree]) -> Rows:
        """Those of items that were read already."""
        return Rows("sale prices", ((key, row) for raw in items for key, row in _sales(store, raw)))

    def create(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Put a sale price into the offer that is there."""
        return self._each(store, jobs)

    def update(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """The same."""
        return self._each(store, jobs)

    def delete(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """The offer without it."""
        return self._submissions.every(store, jobs, lambda job: self._put(store, job, self._raw(job), None))

    def _each(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        bare = {sku_of(job.key) for job in jobs if job.row is None}
        items = {str(one["sku"]): one for one in self._listings.items(store, bare)} if bare else {}

        def put(job: Job) -> Submission | None:
            raw = self._raw(job) or items.get(sku_of(job.key))
            if not raw:
                raise MarketplaceError(
                    f"{sku_of(job.key)} is not listed there, so that it has no offer to put on sale"
                )
            return self._put(store, job, raw, _schedule(store, job.merged))

        return self._submissions.every(store, jobs, put)

    def _raw(self, job: Job) -> Tree:
        """The item of a sale that is there; empty where none is."""
        return dict(job.row.raw) if job.row is not None else {}

    def _put(self, store: RemoteStore, job: Job, raw: Tree, entry: Tree | None) -> Submission | None:
        if job.key.startswith(FOR_BUSINESSES):
            raise MarketplaceError(
                f"{sku_of(job.key)} has a sale price for businesses there, which acorn sees and does not write: end it there"
            )
        offer = self._submissions.offer(store, raw)
        if entry is None and not offer:
            return None  # its offer is on its way out, and the sale with it
        several = sum(1 for _ in _entries(offer))
        if several > 1:
            raise MarketplaceError(
                f"{sku_of(job.key)} has {several} sale prices there, and Amazon takes all of them at once: end those there"
                " that nobody declares"
            )
        if amount_of(offer, "our_price") is None:
            raise MarketplaceError(f"{sku_of(job.key)} has no price there that a sale could lower")
        offer.pop(SALE, None)
        if entry is not None:
            offer[SALE] = [{"schedule": [entry]}]
        return self._submissions.changed(store, raw, [patch("replace", OFFER, offer)])


def sku_of(key: str) -> str:
    """The SKU of a sale. A further sale of a SKU has its number before the colon: SKUs may hold any sign that
    one can think of."""
    return key.partition(":")[2]


def _schedule(store: RemoteStore, wish: Attributes) -> Tree:
    days = whole_days(wish["start"], wish["end"], store.raw["timezone"])
    if days is None:
        raise MarketplaceError("it holds for no whole day of the marketplace")
    amount = Decimal(wish["discount"]["salePrice"]["value"])
    return {
        "value_with_tax": amount,
        "start_at": days.first.isoformat(),
        "end_at": days.last.isoformat(),
    }


def _sales(store: RemoteStore, raw: Tree) -> Iterator[tuple[str, Row]]:
    """Every sale price of an item; more than one, and one for businesses, can only be somebody else's."""
    attributes = raw.get("attributes") or {}
    yield from _sales_of(store, raw, offer_of(store, attributes), "sale")
    yield from _sales_of(store, raw, offer_of(store, attributes, BUSINESS), FOR_BUSINESSES)


def _sales_of(store: RemoteStore, raw: Tree, offer: Tree, prefix: str) -> Iterator[tuple[str, Row]]:
    for number, (entry, amount) in enumerate(_entries(offer), start=1):
        start, end = _held(entry, store.raw["timezone"])
        attributes: Attributes = {
            "type": "salePrice",
            "skus": [raw["sku"]],
            "start": start,
            "end": end,
            "discount": {"salePrice": money_of(amount, str(offer["currency"]))},
        }
        if prefix == FOR_BUSINESSES:
            attributes["audience"] = "b2b"
        key = f"{prefix}:{raw['sku']}" if number == 1 else f"{prefix}-{number}:{raw['sku']}"
        yield key, Row(live(attributes, {}, key), raw)


def _entries(offer: Tree) -> Iterator[tuple[Tree, Decimal]]:
    """The sale prices of an offer, each with its amount."""
    for block in offer.get(SALE) or ():
        for entry in block.get("schedule") or ():
            amount = amount_of({SALE: [{"schedule": [entry]}]}, SALE)
            if amount is not None:
                yield entry, amount


def _held(entry: Tree, tz: str) -> tuple[str, str]:
    try:
        start = begins(str(entry["start_at"]), tz) if entry.get("start_at") else ALWAYS[0]
        end = is_over(str(entry["end_at"]), tz) if entry.get("end_at") else ALWAYS[1]
    except (ValueError, OverflowError):
        return ALWAYS
    return start, end
