"""Whose resources are, where the marketplace keeps that. Comes in: addresses, marketplaces. Goes out: owners,
once ours are marked. Caller: `carry_out`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from acorn_gitops.marketplaces.protocol import Marketplace, Owns
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import Address


def owners_of(
    addresses: Sequence[Address],
    marketplaces: Mapping[str, Marketplace],
    connections: Mapping[str, str],
    *,
    owner: str,
) -> dict[Address, str | None]:
    """Whose each resource is, once ours are marked with `owner`; None where nobody keeps that."""
    found: dict[Address, str | None] = dict.fromkeys(addresses)
    for store, some in groupby(sorted(addresses), key=lambda address: address.store):
        marketplace = marketplaces.get(connections[store])
        if not isinstance(marketplace, Owns):
            continue
        keys = [(address.type, address.key) for address in some]
        try:
            owners = marketplace.claim(store, keys, owner)
        except MarketplaceError:
            owners = {}  # nothing is recorded of what nobody knows whose it is: the next apply asks again
        if owners is not None:
            found |= {Address(store, *key): owners.get(key, "") for key in keys}
    return found
