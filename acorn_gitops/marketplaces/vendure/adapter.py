"""The protocol over one Vendure server. Comes in: a client. Goes out: snapshots and outcomes. Callers: cli,
conformance.

A store's name is a channel's code or a stock location's name, in plain letters. A read follows every list to
its end and counts; a write goes to the module that knows the type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

from acorn_gitops.marketplaces.by_looking import (
    Journal,
    Kind,
    RemoteStore,
    carry_out_run,
    check_rows,
    checked,
    in_shape,
    of_one_type,
)
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
from acorn_gitops.marketplaces.vendure.client import Client
from acorn_gitops.marketplaces.vendure.promotions import Promotions
from acorn_gitops.marketplaces.vendure.tax import Categories, Rates
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
        """A variant can be given another SKU, and keeps its product, its texts and its pictures; a promotion
        another name, and keeps its uses."""
        return frozenset({"listing", "promotion"})

    def central(self) -> str:
        """The default channel."""
        return slug(DEFAULT)

    def stores(self) -> Sequence[str]:
        """Channels and stock locations."""
        with self._in_shape():
            return sorted({*channels(self._client), *Locations(self._client).all()})

    def read(self, scope: Scope) -> Snapshot:
        """A whole store, list by list. Lists are not of one moment: Vendure has no snapshots, so that what a
        write presumes is looked at again before it is sent."""
        with self._in_shape(), self._client.reading():
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
        check_rows(scope.store, resources)
        return Snapshot(scope.store, bool(resources or ambiguous), resources, ambiguous=ambiguous)

    def validate(self, store: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        """What can be known without writing: whether each thing is there, has moved, and is in the store's
        currency."""
        with self._in_shape():
            return checked(self._kinds, self._channel(store), writes, _wrong_currency)

    def write(self, store: str, writes: Sequence[Write], at: str = "") -> Sequence[Outcome]:
        """Runs of one type together, in order. A channel has no version: each row is looked at before it is
        written."""
        return [outcome for run in of_one_type(writes) for outcome in self._run(store, run)]

    def _run(self, store: str, writes: Sequence[Write]) -> list[Outcome]:
        kind = self._kinds[writes[0].address.type]
        if kind.type == "storefront":
            self._channels = {}  # they are others afterwards
        return carry_out_run(
            kind,
            lambda: self._channel(store),
            writes,
            self._journal,
            amiss=_wrong_currency,
            shape=self._in_shape(sent=True),
        )

    def _in_shape(self, *, sent: bool = False) -> AbstractContextManager[None]:
        hint = "check the connection's url; a version that acorn does not know may answer otherwise"
        return in_shape(self._name, "Vendure", hint=hint, sent=sent)

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
