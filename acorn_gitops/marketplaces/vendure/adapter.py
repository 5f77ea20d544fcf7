"""The protocol over one Vendure server. Comes in: a client. Goes out: snapshots and outcomes. Callers: cli,
conformance.

A store's name is a channel's code or a stock location's name, in plain letters. A read follows every list to
its end and counts; a write goes to the module that knows the type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from acorn_gitops.marketplaces.by_looking import Journal, Kind, RemoteStore, carry_out, of_one_type
from acorn_gitops.marketplaces.protocol import Fitted, Management, Outcome, Scope, Shards, Snapshot, Write
from acorn_gitops.marketplaces.vendure import fit
from acorn_gitops.marketplaces.vendure.access import Grants, Roles
from acorn_gitops.marketplaces.vendure.amounts import Amounts
from acorn_gitops.marketplaces.vendure.catalogue import Listings, Stock
from acorn_gitops.marketplaces.vendure.channels import (
    DEFAULT,
    Locations,
    Places,
    Storefronts,
    channels,
    slug,
)
from acorn_gitops.marketplaces.vendure.client import Client, in_shape
from acorn_gitops.marketplaces.vendure.promotions import Promotions
from acorn_gitops.marketplaces.vendure.tax import Categories, Rates
from acorn_gitops.model.finding import MarketplaceError, Unreachable
from acorn_gitops.model.resource import Live

_FRONT: Final = ("storefront", "tax-class", "role", "tax-rule", "grant", "listing", "promotion")
_PLACE: Final = ("location", "stock")


class VendureMarketplace:
    """One connection to a Vendure server."""

    def __init__(self, name: str, client: Client) -> None:
        self._name = name
        self._client = client
        self._journal = Journal()
        self._channels: dict[str, RemoteStore] = {}
        """As they were read last."""
        amounts, places, locations = Amounts(client), Places(client), Locations(client)
        categories, roles = Categories(client), Roles(client)
        kinds: list[Kind] = [
            Storefronts(client, places),
            locations,
            categories,
            Rates(client, places, categories),
            roles,
            Grants(client, roles),
            Listings(client, amounts, categories),
            Stock(client, locations),
            Promotions(client, amounts),
        ]
        self._kinds = {kind.type: kind for kind in kinds}

    @property
    def name(self) -> str:
        """The connection's name."""
        return self._name

    def capabilities(self) -> Mapping[str, Management]:
        """Every type can be managed."""
        return dict.fromkeys(self._kinds, "managed")

    def keeps(self) -> frozenset[str]:
        """Types of which Vendure deletes nothing."""
        return frozenset({"stock"})

    def fit(self, desired: Shards, today: str) -> Fitted:
        """What of the specs Vendure can hold."""
        return fit.fitted(desired, today)

    def renames(self) -> frozenset[str]:
        """A variant can be given another SKU, and keeps its product, its texts and its pictures."""
        return frozenset({"listing"})

    def central(self) -> str:
        """The default channel."""
        return slug(DEFAULT)

    def stores(self) -> Sequence[str]:
        """Channels and stock locations."""
        with in_shape(self._name):
            return sorted({*channels(self._client), *Locations(self._client).all()})

    def read(self, scope: Scope) -> Snapshot:
        """A whole store, list by list. Lists are not of one moment: Vendure has no snapshots, so that what a
        write presumes is looked at again before it is sent."""
        with in_shape(self._name), self._client.reading():
            return self._read(scope)

    def _read(self, scope: Scope) -> Snapshot:
        self._channels = channels(self._client)
        channel = self._channels.get(scope.store)
        asked = scope.types if scope.base is not None else frozenset()
        resources: dict[tuple[str, str], Live] = {}
        ambiguous: dict[tuple[str, str], str] = {}
        if asked and scope.base is not None:
            resources = {key: have for key, have in scope.base.resources.items() if key[0] not in asked}
            ambiguous = {key: why for key, why in scope.base.ambiguous.items() if key[0] not in asked}
        place = RemoteStore(scope.store, "", "", raw={})
        for type_, where in (*((t, channel) for t in _FRONT), *((t, place) for t in _PLACE)):
            if where is not None and (not asked or type_ in asked):
                rows = self._kinds[type_].rows(where, None)
                resources.update({(type_, key): row.live for key, row in rows.items()})
                ambiguous.update({(type_, key): why for key, why in rows.twins.items()})
        return Snapshot(scope.store, bool(resources or ambiguous), resources, ambiguous=ambiguous)

    def validate(self, store: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """What can be known without writing: whether each thing is there, has moved, and is in the store's
        currency."""
        with in_shape(self._name):
            return self._validate(store, writes)

    def _validate(self, store: str, writes: Sequence[Write]) -> list[Outcome]:
        channel = self._channel(store)
        outcomes: list[Outcome] = []
        for write in writes:
            kind = self._kinds[write.address.type]
            row = kind.rows(channel, [write.address.key]).get(write.address.key)
            trouble = _wrong_currency(write, channel)
            if trouble:
                outcomes.append(Outcome(write.address, "rejected", trouble))
            elif write.operation == "create" and row is not None and not kind.shared:
                outcomes.append(Outcome(write.address, "conflict", "it exists already"))
            elif write.operation != "create" and row is None:
                outcomes.append(Outcome(write.address, "rejected", "it is not there"))
            elif write.etag and row is not None and row.live.etag != write.etag:
                outcomes.append(Outcome(write.address, "conflict", "it was changed since it was read"))
            else:
                outcomes.append(Outcome(write.address, "observed"))
        return outcomes

    def write(self, store: str, writes: Sequence[Write], at: str = "") -> Sequence[Outcome]:
        """Runs of one type together, in order. A channel has no version: each row is looked at before it is
        written."""
        return [outcome for run in of_one_type(writes) for outcome in self._run(store, run)]

    def _run(self, store: str, writes: Sequence[Write]) -> list[Outcome]:
        kind = self._kinds[writes[0].address.type]
        if kind.type == "storefront":
            self._channels = {}  # they are others afterwards
        try:
            with in_shape(self._name, sent=True):
                return self._carry_out(kind, store, writes)
        except Unreachable as error:
            return [Outcome(w.address, "unknown", error.message) for w in writes]
        except MarketplaceError as error:
            return [Outcome(w.address, "rejected", error.message) for w in writes]

    def _carry_out(self, kind: Kind, store: str, writes: Sequence[Write]) -> list[Outcome]:
        channel = self._channel(store)
        wrong = {n: trouble for n, w in enumerate(writes) if (trouble := _wrong_currency(w, channel))}
        good = [w for n, w in enumerate(writes) if n not in wrong]
        done = iter(carry_out(kind, channel, good, journal=self._journal) if good else [])
        return [
            Outcome(w.address, "rejected", wrong[n]) if n in wrong else next(done)
            for n, w in enumerate(writes)
        ]

    def _channel(self, store: str) -> RemoteStore:
        if store not in self._channels:
            self._channels = channels(self._client)
        return self._channels.get(store) or RemoteStore(store, "", "", raw={})

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


def _wrong_currency(write: Write, channel: RemoteStore) -> str:
    """A price in another currency than the channel's would be a price in a list that nobody reads."""
    price = write.attributes.get("price") if write.address.type == "listing" else None
    currency = channel.raw.get("defaultCurrencyCode")
    if price and currency and price["currency"] != currency:
        return f"the price is in {price['currency']}, the channel sells in {currency}"
    return ""
