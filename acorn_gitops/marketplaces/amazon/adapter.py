"""The protocol over one Amazon account in one region. Comes in: a client. Goes out: snapshots and outcomes.
Callers: cli, conformance.

A storefront is the account's part in one marketplace, a shop is one supply source. Which is meant by a name
say the specs (`know`: marketplaceId, or the location's code); what they do not name is called after its
country (`amazon-de`) or its code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.amazon import fit
from acorn_gitops.marketplaces.amazon.client import Client
from acorn_gitops.marketplaces.amazon.feeds import Feeds
from acorn_gitops.marketplaces.amazon.listings import Listings
from acorn_gitops.marketplaces.amazon.offers import PRICES
from acorn_gitops.marketplaces.amazon.on_its_way import UNSEEN
from acorn_gitops.marketplaces.amazon.operations import CREATE_FEED, FED, SEARCH_LISTINGS, requests_for
from acorn_gitops.marketplaces.amazon.participations import Participations
from acorn_gitops.marketplaces.amazon.product_types import schema_of
from acorn_gitops.marketplaces.amazon.promotions import Promotions
from acorn_gitops.marketplaces.amazon.sales import Sales, sku_of
from acorn_gitops.marketplaces.amazon.shown import shown
from acorn_gitops.marketplaces.amazon.submissions import Submissions
from acorn_gitops.marketplaces.amazon.supply_sources import SupplySources, address_sent
from acorn_gitops.marketplaces.by_looking import (
    Job,
    Journal,
    Kind,
    RemoteStore,
    Rows,
    carry_out_run,
    check_rows,
    checked,
    in_shape,
    of_one_type,
)
from acorn_gitops.marketplaces.protocol import (
    Fitted,
    Foreseen,
    Management,
    Outcome,
    Scope,
    Shards,
    Snapshot,
    Wave,
    Write,
)
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.reference import AmazonMarketplace, amazon_marketplaces
from acorn_gitops.model.resource import Attributes, Live
from acorn_gitops.resources.buyers import BUSINESS_PRICE, BUSINESS_TIERS

_CAPABILITIES: Final[Mapping[str, Management]] = {
    "storefront": "observed",
    "location": "managed",
    "listing": "managed",
    "promotion": "managed",
    "tax-rule": "attested",
    "role": "attested",
    "grant": "attested",
}
AT_ONCE: Final = 20
"""Writes of one batch: at five a second what was looked at before is four seconds old at most."""
BY_FEED: Final = 1500
"""From so many changes of one store at once they go by a feed: five minutes of requests."""
FEED: Final = 5_000
"""Changes in one feed; Amazon takes 25,000. What was looked at before is not a minute old then."""
DAY: Final = 86_400.0
FEED_SECONDS: Final = 300.0
"""That a feed is taken to need until one was seen."""


class AmazonAccount:
    """One connection: an account in a region."""

    def __init__(
        self,
        name: str,
        client: Client,
        *,
        seller: str = "",
        by_feed: int = BY_FEED,
        promotions: bool = False,
    ) -> None:
        """`promotions`: what people made in Seller Central is read, too."""
        self._name = name
        self._client = client
        self._seller = seller
        self._journal = Journal()
        self._declared: dict[str, Mapping[str, object]] = {}
        self._participations = Participations(client)
        self._sources = SupplySources(client)
        self._by_feed = by_feed
        self._pages: dict[str, int] = {}
        """How many searches the last reading of a store took."""
        self._feeds = Feeds(client, least=by_feed, more_than=AT_ONCE)
        submissions = Submissions(client, self._feeds)
        self._listings = Listings(client, submissions)
        self._sales = Sales(self._listings, submissions)
        self._promotions, self._reads_promotions = Promotions(client), promotions
        kinds: list[Kind] = [self._sources, self._listings, self._sales]
        self._kinds = {kind.type: kind for kind in kinds}

    @property
    def name(self) -> str:
        """The connection's name."""
        return self._name

    @property
    def client(self) -> Client:
        """The way there, with its count of calls."""
        return self._client

    def capabilities(self) -> Mapping[str, Management]:
        """Listings and places are managed, storefronts observed; the rest people do in Seller Central."""
        return _CAPABILITIES

    def know(self, stores: Mapping[str, Mapping[str, object]]) -> None:
        """What the specs say of the stores of this connection."""
        self._declared = dict(stores)

    def identity(self, store: str) -> str:
        """The seller and the marketplace, or the place's code."""
        return self._meaning(self._declared.get(store) or {})

    def candidates(self) -> Mapping[str, Mapping[str, object]]:
        """Every marketplace in which the account sells, for each seller that is named, and every code."""
        sellers = {self._seller, *(str(one.get("sellerId") or "") for one in self._declared.values())}
        with self._in_shape():
            fronts, codes = self._participations.all(), self._sources.codes()
        blocks: list[Mapping[str, object]] = [{"code": code} for code in codes]
        blocks += [{"marketplaceId": id, "sellerId": one} for id in fronts for one in sellers if one]
        return {self._meaning(block): block for block in blocks}

    def remember(self, store: str, block: Mapping[str, object]) -> None:
        """What a name meant that no spec says any more."""
        self._declared[store] = block

    def _meaning(self, block: Mapping[str, object]) -> str:
        if block.get("code"):
            # By its code alone: whose account it is says the token, and an option can say anything.
            return f"place {block['code']}"
        if block.get("marketplaceId"):
            return f"{block.get('sellerId') or self._seller} front {block['marketplaceId']}"
        return ""

    def shown(self, store: str, skus: Collection[str]) -> Mapping[str, Mapping[str, str]]:
        """By the summary of each product."""
        with self._in_shape():
            self._client.begin()
            there = self._there(store)
            if "sellerId" not in there.raw:
                raise MarketplaceError(f"{store} is a place, and sells nothing by itself")
            return shown(self._client, there, self._listings.items(there, skus))

    def describe(self, store: str, product_type: str) -> bytes:
        """As the store's marketplace has it, in its first language."""
        with self._in_shape():
            there = self._there(store)
            if "sellerId" not in there.raw:
                raise MarketplaceError(f"{store} is a place, and sells nothing by itself")
            raw = there.raw
            return schema_of(
                self._client, product_type, there.id, seller=raw["sellerId"], language=raw["language"]
            )

    def foresees(self, waves: Sequence[Wave]) -> Foreseen:
        """By the slowest operation: the buckets of the others fill meanwhile; and by what feeds need."""
        requests = requests_for(waves, self._pages, least=self._by_feed, most=FEED)
        slowest = max((self._client.limits.seconds_for(one, n) for one, n in requests.items()), default=0.0)
        feeds = requests[CREATE_FEED]
        taken = self._feeds.seconds or FEED_SECONDS
        return Foreseen(sum(requests.values()), slowest + feeds * taken, feeds)

    def batch(self, type: str, operation: str, waiting: int) -> int:
        """As many as one search shows: they are looked at right before they are written. Very many go by a
        feed."""
        if (type, operation) in FED and self._feeds.pays(waiting):
            return -(-waiting // -(-waiting // FEED))
        return AT_ONCE

    def entangled(self, type: str, key: str) -> str:
        """A sale price is a part of the offer of its SKU, which is sent whole."""
        return sku_of(key) if type == "promotion" else key if type == "listing" else ""

    def comes_late(self, type: str, operation: str, *, answered: bool) -> float:
        """What a feed may hold comes within hours, as long as one is under way; another change of an item
        within minutes. How it was sent nobody asks: that may have been set otherwise, and most of a feed may
        have come."""
        if self.is_overtaken(type, operation):
            return DAY
        return UNSEEN if answered else 0.0

    def is_overtaken(self, type: str, operation: str) -> bool:
        """In which order Amazon carries out a feed and what comes after it, nobody knows."""
        return (type, operation) in FED and self._feeds.are_under_way()

    def irreplaceable(self) -> Mapping[str, str]:
        """An archived place keeps its code for ever, and a SKU its product."""
        return {
            "listing.asin": "Amazon does not let a SKU move to another ASIN: put it back, or offer that"
            " product under another sellerSku, and take this one out",
            "location": "Amazon never changes a place's address, and never gives its code to another: put the address"
            " back, or declare a new store with a code of its own and take this one out",
        }

    def is_begun(self, type: str, wanted: Attributes, live: Live) -> bool:
        """A place is made by three requests, and is off until the last; it has nothing but what it shall."""
        if type != "location" or live.attributes.get("status") != "inactive":
            return False
        return all(wanted.get(name) == value for name, value in live.attributes.items() if name != "status")

    def fit(self, desired: Shards, today: str) -> Fitted:
        """What of the specs Amazon can hold."""
        return fit.fitted(desired, today, sandbox=self._client.sandbox)

    def keeps(self) -> frozenset[str]:
        """Of no type is everything kept."""
        return frozenset()

    def stores(self) -> Sequence[str]:
        """Storefronts and places, by the names that the specs give them, or by names of their own."""
        with self._in_shape():
            fronts, codes = self._participations.all(), self._sources.codes()
        named = {self._id_of(store): store for store in self._declared}
        found = {named.get(id) or _front_name(id) for id in fronts}
        return sorted(found | {named.get(code) or _slug(code) for code in codes})

    def read(self, scope: Scope) -> Snapshot:
        """A whole store. Amazon has no snapshots: what a write presumes is looked at again before it is
        sent."""
        with self._in_shape():
            self._client.begin()
            store = self._store(scope.store)
            resources: dict[tuple[str, str], Live] = {}
            ambiguous: dict[tuple[str, str], str] = {}
            if store is None:
                return Snapshot(scope.store, False, {})
            found: list[tuple[str, Rows]] = []
            if "sellerId" in store.raw:
                front = {**self._participations.all()[store.id]}
                resources["storefront", scope.store] = Live(front, "", store.id)
                before = self._client.calls.get(SEARCH_LISTINGS.name, 0)
                items = self._listings.items(store, None)
                self._pages[scope.store] = self._client.calls[SEARCH_LISTINGS.name] - before
                found.append(("listing", self._listings.rows_of(store, items)))
                found.append(("promotion", self._sales.rows_of(store, items)))
                if self._reads_promotions:
                    found.append(("promotion", self._promotions.rows(store, items)))
            else:
                found.append(("location", self._sources.rows(store, None)))
            for kind, rows in found:
                resources.update({(kind, key): row.live for key, row in rows.items()})
                ambiguous.update({(kind, key): why for key, why in rows.twins.items()})
            check_rows(scope.store, resources)
            return Snapshot(scope.store, bool(resources or ambiguous), resources, ambiguous=ambiguous)

    def validate(self, store: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """What can be known without writing: whether each thing is there, has moved, and is in the
        marketplace's currency; of listings Amazon's own verdict."""
        with self._in_shape():
            self._client.begin()
            there = self._there(store)
            found = checked(self._kinds, there, writes, _wrong_currency)
            asked = [
                n for n, one in enumerate(found) if one.status == "observed" and _is_previewed(writes[n])
            ]
            rows = self._listings.rows(there, {writes[n].address.key for n in asked}) if asked else Rows()
            for n in asked:
                job = Job(writes[n].address.key, rows.get(writes[n].address.key), writes[n].attributes)
                if trouble := self._listings.preview(there, job):
                    found[n] = Outcome(writes[n].address, "rejected", trouble)
            return found

    def write(self, store: str, writes: Sequence[Write], at: str = "") -> Sequence[Outcome]:
        """Runs of one type together, in order. A store has no version: each row is looked at before it is
        written."""
        self._client.begin()
        return [outcome for run in of_one_type(writes) for outcome in self._run(store, run)]

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    # -- parts -----------------------------------------------------------------------------------------------

    def _run(self, store: str, writes: Sequence[Write]) -> list[Outcome]:
        kind = self._kinds.get(writes[0].address.type)
        if kind is None:
            return [Outcome(w.address, "rejected", "Amazon has no interface for it") for w in writes]
        return carry_out_run(
            kind,
            lambda: self._there(store),
            writes,
            self._journal,
            amiss=_wrong_currency,
            shape=self._in_shape(sent=True),
        )

    def _there(self, store: str) -> RemoteStore:
        found = self._store(store)
        if found is not None:
            return found
        block = self._declared.get(store) or {}
        if block.get("code"):
            return _place(store, block)
        raise MarketplaceError(f"{store}: the account does not sell there, and has no such place")

    def _store(self, store: str) -> RemoteStore | None:
        """Which marketplace or place a name means; None where the account has none of that name."""
        block = self._declared.get(store)
        if block is None:
            return self._undeclared(store)
        if "code" in block:
            known = str(block["code"]) in self._sources.codes()
            return _place(store, block) if known else None
        id = str(block.get("marketplaceId") or "")
        if id not in self._participations.all():
            return None
        return self._front(store, id, block)

    def _undeclared(self, store: str) -> RemoteStore | None:
        for id in self._participations.all():
            if _front_name(id) == store:
                return self._front(store, id, {})
        for code in self._sources.codes():
            if _slug(code) == store:
                return RemoteStore(store, code, "", raw={})
        return None

    def _front(self, store: str, id: str, block: Mapping[str, Any]) -> RemoteStore:
        row = _marketplace(id)
        seller = str(block.get("sellerId") or self._seller)
        if not seller:
            raise MarketplaceError(
                f"{store}: Amazon does not tell who an account is, and the store has no sellerId",
                hint="write storefront.sellerId, or options.sellerId of the connection",
            )
        spoken = block.get("languages") or row.languages
        raw = {
            "sellerId": seller,
            "currency": self._participations.all()[id]["currency"],
            "region": row.region,
            "language": spoken[0],
            "timezone": row.timezone,
        }
        return RemoteStore(store, id, "", raw=raw)

    def _id_of(self, store: str) -> str:
        block = self._declared[store]
        return str(block.get("code") or block.get("marketplaceId") or "")

    def _in_shape(self, *, sent: bool = False) -> AbstractContextManager[None]:
        return in_shape(self._name, "Amazon", hint="check the connection's url", sent=sent)


def _is_previewed(write: Write) -> bool:
    return write.address.type == "listing" and write.operation != "delete"


def _place(store: str, block: Mapping[str, Any]) -> RemoteStore:
    address = block.get("address")
    return RemoteStore(
        store, str(block["code"]), "", raw={"address": address_sent(address)} if address else {}
    )


def _marketplace(id: str) -> AmazonMarketplace:
    row = amazon_marketplaces().get(id)
    if row is None:
        raise MarketplaceError(
            f"{one_line(id, 40)} is a marketplace that acorn does not know",
            hint="docs/reference-data.md has those that it knows",
        )
    return row


def _front_name(id: str) -> str:
    row = amazon_marketplaces().get(id)
    return f"amazon-{row.country.lower()}" if row is not None else f"amazon-{_slug(id)}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63] or "unnamed"


def _wrong_currency(write: Write, store: RemoteStore) -> str:
    """A price in another currency than the marketplace's would be refused, or worse."""
    own = store.raw.get("currency")
    sale = (write.attributes.get("discount") or {}).get("salePrice")
    if sale and own and sale["currency"] != own:
        return f"the sale price is in {sale['currency']}, the marketplace sells in {own}"
    if write.address.type != "listing":
        return ""
    asked = [write.attributes.get(name) for name in (*PRICES, BUSINESS_PRICE)]
    asked += [tier["price"] for tier in write.attributes.get(BUSINESS_TIERS) or ()]
    for said in asked:
        if said and own and said["currency"] != own:
            return f"the price is in {said['currency']}, the marketplace sells in {own}"
    return ""
