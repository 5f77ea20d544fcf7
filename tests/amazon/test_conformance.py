"""The Amazon adapter passes the conformance suite, for listings and for places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from acorn_gitops.marketplaces.conformance import AdapterConformance
from acorn_gitops.marketplaces.protocol import Marketplace
from acorn_gitops.model.resource import Attributes
from tests.amazon.emulated import DE, SELLER, Emulated


class TestListings(AdapterConformance):
    """A storefront in Germany."""

    resources: ClassVar[Sequence[tuple[str, str, Attributes]]] = (
        (
            "listing",
            "SKU-1",
            {
                "sku": "SKU-1",
                "asin": "B0EXAMPLE1",
                "condition": "new_new",
                "fulfillment": "mfn",
                "price": {"currency": "EUR", "value": "49.90"},
                "minPrice": {"currency": "EUR", "value": "40.00"},
                "status": "active",
                "title": "Kettle 1.7 l",
                "ptc": "A_GEN_STANDARD",
            },
        ),
        (
            "listing",
            "SKU 2/+,ü",
            {
                "sku": "SKU 2/+,ü",
                "asin": "B0EXAMPLE2",
                "price": {"currency": "EUR", "value": "5.00"},
                "status": "active",
            },
        ),
    )

    @pytest.fixture
    def marketplace(self, amazon: Emulated) -> Iterator[Marketplace]:
        """An account of which nothing is listed."""
        adapter = amazon.adapter({"conformance": {"marketplaceId": DE, "sellerId": SELLER}})
        yield adapter
        adapter.close()
