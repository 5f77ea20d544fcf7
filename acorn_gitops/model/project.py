"""`acorn.yaml`, the project file: where specs lie, which connections and environments there are, policies.
Callers: `specs.project`, schema writing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from acorn_gitops.model.fields import (
    Date,
    Decimal6,
    LabelText,
    Name,
    SecretRef,
    Strict,
    Text,
)


class Connection(Strict):
    """A way to a marketplace."""

    adapter: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
    """`network`, or the entry point of an installed adapter."""
    url: Text | None = None
    """Address of the marketplace; `sandbox:` is the embedded one, `sandbox:NAME` another of its kind."""
    token: SecretRef | None = None
    """Where the bearer token is kept."""
    options: dict[LabelText, Any] | None = None
    """Further settings of the adapter."""


class ConnectionPatch(Strict):
    """What an environment changes about a connection."""

    adapter: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")] | None = None
    url: Text | None = None
    token: SecretRef | None = None
    options: dict[LabelText, Any] | None = None


class Policies(Strict):
    """What a plan may do."""

    prune: (
        dict[
            Literal[
                "storefront",
                "location",
                "tax-class",
                "role",
                "tax-rule",
                "grant",
                "listing",
                "stock",
                "promotion",
            ],
            bool,
        ]
        | None
    ) = None
    """By resource type: delete what left the specs (true) or only forget it (false). Default: true for
    everything but storefront and location."""
    adopt: Literal["equal", "any", "never"] | None = None
    """Live resources that the specs declare but acorn did not create: take over when equal (default),
    any (plans the difference), or never."""


class Environment(Strict):
    """One target, e.g. sandbox or production."""

    overlays: list[Text] | None = None
    """Folders of overlays, merged in this order."""
    connections: dict[Name, ConnectionPatch] | None = None
    policies: Policies | None = None
    ledger: Text | None = None
    """Path of this environment's ledger; default `.acorn/ENV/ledger.db`."""


class ForeignExchange(Strict):
    """A dated rate: 1 unit of the source currency in target currency."""

    rate: Decimal6
    asOf: Date
    source: Text


class PriceRule(Strict):
    """Computes a price from the SKU's price in another store."""

    fromStore: Name
    """The store whose price is taken."""
    factor: Decimal6 | None = None
    """Multiplied, default 1."""
    fx: ForeignExchange | None = None
    """Needed when the currencies differ."""
    ending: Annotated[str, StringConstraints(pattern=r"^\.?[0-9]{1,4}$")] | None = None
    """The result ends like this, rounded to the nearest: ".95" or "0"."""


class ProjectMetadata(Strict):
    """Who this project is."""

    name: Name
    labels: dict[LabelText, LabelText] | None = None


class ProjectSpec(Strict):
    """Settings of the repository."""

    specs: list[Text] = Field(min_length=1)
    """Folders or files with specs."""
    connections: dict[Name, Connection]
    """By name. With one, every store is held by it; with more, stores name theirs."""
    environments: dict[Name, Environment]
    defaultEnvironment: Name
    """Used without --env. Choose one that harms nobody."""
    defaults: (
        dict[Literal["Store", "SkuMapping", "RolePermission", "TaxRule", "Promo"], dict[str, Any]] | None
    ) = None
    """Lowest layer of each kind's spec."""
    policies: Policies | None = None
    priceRules: dict[Name, PriceRule] | None = None
    productTypes: dict[Text, Text] | None = None
    """Product type to the JSON Schema file that checks `attributes.extra`."""


class ProjectDocument(Strict):
    """acorn.yaml."""

    apiVersion: Literal["acorn/v1"]
    kind: Literal["Project"]
    metadata: ProjectMetadata
    spec: ProjectSpec
