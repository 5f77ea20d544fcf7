"""A name that tax rules and listings share: what is taxed alike."""

from __future__ import annotations

from acorn_gitops.resources.resource_type import ResourceType
from acorn_gitops.resources.wire import text

TYPE = ResourceType(
    name="tax-class",
    kind="TaxRule",
    wave=1,
    needs="tax",
    home="storefront",
    singular="tax class",
    plural="tax classes",
    properties={"name": text(63)},
    required=("name",),
)
