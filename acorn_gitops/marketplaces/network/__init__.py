"""The `network` adapter: any system that speaks the retail network API
(`schemas/retail-network.openapi.json`).

`adapter` maps the protocol to HTTP, `transport` carries requests (over HTTP, or in-process to the embedded
sandbox), `contract` is the OpenAPI document, generated from one place.
"""

from __future__ import annotations

from collections.abc import Callable

from acorn_gitops.marketplaces.network.adapter import NetworkMarketplace
from acorn_gitops.marketplaces.network.transport import Transport
from acorn_gitops.marketplaces.protocol import Settings


def open_marketplace(
    settings: Settings, *, transport: Transport | None = None, pause: Callable[[float], None] | None = None
) -> NetworkMarketplace:
    """An adapter over `transport`, or over HTTP to the connection's url."""
    if transport is None:
        from acorn_gitops.marketplaces.network.http import HttpTransport

        transport = HttpTransport(settings.url, settings.token)
    return NetworkMarketplace(settings, transport, pause)
