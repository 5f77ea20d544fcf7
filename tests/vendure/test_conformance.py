"""The Vendure adapter keeps every promise of an adapter, on a real server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from acorn_gitops.marketplaces.conformance import STORE, AdapterConformance
from acorn_gitops.marketplaces.protocol import Marketplace, Settings
from acorn_gitops.marketplaces.registry import open_marketplace
from acorn_gitops.model.resource import Attributes
from tests.vendure.server import PASSWORD, Server, running

pytestmark = pytest.mark.xdist_group("vendure")


def connect(server: Server) -> Marketplace:
    """An adapter of its own."""
    settings = Settings("shop", "vendure", server.url, PASSWORD, {"user": "superadmin"})
    return open_marketplace(settings, pause=lambda _: None)


class TestVendure(AdapterConformance):
    """With resources in the form in which Vendure holds them."""

    resources: ClassVar[Sequence[tuple[str, str, Attributes]]] = (
        (
            "storefront",
            STORE,
            {
                "platform": "vendure",
                "currency": "EUR",
                "languages": ["de_DE"],
                "country": "DE",
                "pricesIncludeTax": True,
            },
        ),
        ("tax-class", "standard", {"name": "standard"}),
        ("role", "pricing", {"rules": [{"resources": ["promo"], "verbs": ["read", "write"]}]}),
        (
            "tax-rule",
            "domestic",
            {
                "supply": {"shipTo": ["DE", "FR"]},
                "goods": {"taxClass": ["standard"]},
                "rate": {"percents": {"DE/standard": "19", "FR/standard": "20"}},
                "enabled": True,
            },
        ),
        (
            "grant",
            "pricing:user:ada@example.com",
            {"role": "pricing", "subject": {"id": "ada@example.com", "kind": "user"}},
        ),
        (
            "listing",
            "SKU-1",
            {
                "sku": "SKU-1",
                "title": "Kettle",
                "taxClass": "standard",
                "price": {"currency": "EUR", "value": "49.90"},
                "status": "active",
            },
        ),
        (
            "listing",
            "SKU-2",
            {"sku": "SKU-2", "price": {"currency": "EUR", "value": "5.00"}, "status": "active"},
        ),
        (
            "promotion",
            "sale",
            {
                "type": "percentOff",
                "skus": ["SKU-1", "SKU-2"],
                "start": "2026-11-26T23:00:00Z",
                "end": "2026-11-30T23:00:00Z",
                "discount": {"percent": "20"},
            },
        ),
    )

    @pytest.fixture
    def marketplace(self, tmp_path: Path) -> Iterator[Marketplace]:
        """An empty server, only ours."""
        with running(tmp_path, sample=False) as server:
            adapter = connect(server)
            yield adapter
            adapter.close()
