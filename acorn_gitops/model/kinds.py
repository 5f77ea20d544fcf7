"""The envelope of a spec and the registry of the five kinds. Comes in: nothing. Goes out: `DOCUMENTS`,
the pydantic model of each kind's document. Callers: schema writing, and validation once a gate has failed.
"""

from __future__ import annotations

from typing import Final, Literal

from acorn_gitops.model.fields import Amount, LabelText, LongText, Name, Strict
from acorn_gitops.model.promo import PromoSpec
from acorn_gitops.model.role_permission import RolePermissionSpec
from acorn_gitops.model.sku_mapping import SkuMappingListSpec, SkuMappingSpec, SkuMappingTableSpec
from acorn_gitops.model.store import StoreSpec
from acorn_gitops.model.tax_rule import TaxPackSpec, TaxRuleSpec

API_VERSION: Final = "acorn/v1"


class Metadata(Strict):
    """Who this spec is."""

    name: Name
    """Unique within its kind. It is the identity: changing it means another object."""
    labels: dict[LabelText, LabelText] | None = None
    """For selectors and grouping."""
    annotations: dict[LabelText, LongText] | None = None
    """Free notes; never sent to a marketplace."""
    movedFrom: Name | None = None
    """The former name, so that a rename is not a delete and a create."""
    abstract: bool | None = None
    """A template for `inherits`: never sent to a marketplace itself."""


class Band(Strict):
    """The range within which a ceded value is somebody else's business."""

    by: Name
    """Who owns the value, e.g. the repricer."""
    min: Amount
    """Below this it is drift."""
    max: Amount
    """Above this it is drift."""


class Lifecycle(Strict):
    """How changes to this resource are treated."""

    preventDestroy: bool | None = None
    """Refuse every plan that would delete or replace it."""
    ignoreFields: list[LabelText] | None = None
    """Fields that are sent on creation and then left alone."""
    ceded: dict[LabelText, Band] | None = None
    """Fields owned by somebody else inside a band (`by`, `min`, `max`), e.g. price by a repricer. A price is
    ceded between its floor and its ceiling only, whatever the band says."""


class _Document(Strict):
    """One spec."""

    apiVersion: Literal["acorn/v1"]
    """The format's version."""
    metadata: Metadata
    lifecycle: Lifecycle | None = None


class StoreDocument(_Document):
    """A storefront on a marketplace, or a physical shop."""

    kind: Literal["Store"]
    spec: StoreSpec


class SkuMappingDocument(_Document):
    """What a SKU is, where it is listed, at what price, and from which stock."""

    kind: Literal["SkuMapping"]
    spec: SkuMappingSpec | SkuMappingListSpec | SkuMappingTableSpec


class RolePermissionDocument(_Document):
    """Who may do what in which stores."""

    kind: Literal["RolePermission"]
    spec: RolePermissionSpec


class TaxRuleDocument(_Document):
    """Who owes which tax, on which supply."""

    kind: Literal["TaxRule"]
    spec: TaxRuleSpec | TaxPackSpec


class PromoDocument(_Document):
    """A price reduction in a window of time."""

    kind: Literal["Promo"]
    spec: PromoSpec


DOCUMENTS: Final[dict[str, type[_Document]]] = {
    "Store": StoreDocument,
    "SkuMapping": SkuMappingDocument,
    "RolePermission": RolePermissionDocument,
    "TaxRule": TaxRuleDocument,
    "Promo": PromoDocument,
}
