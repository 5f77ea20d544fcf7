"""A store on a marketplace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acorn_gitops.model.resource import Address
from acorn_gitops.resources.resource_type import ResourceType, SpecPath
from acorn_gitops.resources.wire import BOOL, FREE, TEXTS, text


def _spec_paths(
    address: Address, attribute: str, value: object, spec: Mapping[str, object]
) -> Sequence[SpecPath]:
    return [SpecPath(("spec", "storefront", attribute), value)]


TYPE = ResourceType(
    name="storefront",
    kind="Store",
    wave=0,
    needs="store",
    is_store=True,
    priced=True,
    fixed=frozenset({"platform", "marketplaceId", "currency"}),
    sets=frozenset({"languages"}),
    properties={
        "platform": text(40),
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "sellerId": text(100),
        "marketplaceId": text(100),
        "country": text(2),
        "region": text(10),
        "environment": text(20),
        "timezone": text(60),
        "languages": TEXTS,
        "pricesIncludeTax": BOOL,
        "lifecycle": text(20),
        "entitlements": FREE,
    },
    required=("platform", "currency"),
    spec_paths=_spec_paths,
)
