"""The adapter for Vendure, an open-source commerce server: its admin API over GraphQL. Comes in: settings.
Goes out: a `Marketplace`. Found by the entry point `vendure`; what it holds and what it cannot is in
docs/vendure.md.

`client` talks, `operations` holds every GraphQL document, `fit` says what of the specs Vendure can hold, the
modules `channels`, `tax`, `access`, `catalogue` and `promotions` know one kind of thing each, `adapter` joins
them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from acorn_gitops.marketplaces.protocol import Settings

if TYPE_CHECKING:
    from acorn_gitops.marketplaces.vendure.adapter import VendureMarketplace


def open_marketplace(
    settings: Settings,
    pause: Callable[[float], None] | None = None,
    why_not: Callable[[], str] = str,
) -> VendureMarketplace:
    """Open a connection; nothing is sent yet. `pause` waits for so many seconds, `why_not` tells why nothing
    may be written any more (empty where it may)."""
    from acorn_gitops.marketplaces.vendure.adapter import VendureMarketplace
    from acorn_gitops.marketplaces.vendure.client import Client

    options = settings.options
    client = Client(
        settings.name,
        settings.url,
        settings.token,
        user=str(options.get("user") or ""),
        key_header=str(options.get("apiKeyHeader") or "vendure-api-key"),
        pause=pause,
        why_not=why_not,
    )
    return VendureMarketplace(settings.name, client)
