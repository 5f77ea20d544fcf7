"""`Store`: a storefront on a marketplace or a physical shop. Callers: `kinds`, schema writing.

Fields follow the Selling Partner API's Supply Sources and Sellers models, so that a location can be
registered there from its spec.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from acorn_gitops.model.fields import (
    Clock,
    Country,
    Currency,
    Date,
    Decimal6,
    Language,
    Name,
    Phone,
    SecretRef,
    Sha256,
    Strict,
    Text,
    Timezone,
)
from acorn_gitops.model.operations import Exit, Integration, Monitor, Onboarding


class Entitlements(Strict):
    """Programmes of the marketplace that the account was admitted to. Facts, not wishes."""

    mli: Literal["none", "requested", "granted"] | None = None
    """Multi-Location Inventory."""
    bopis: Literal["none", "requested", "granted"] | None = None
    """Buy online, pick up in store."""
    vcs: Literal["none", "requested", "granted"] | None = None
    """VAT Calculation Service."""


class Storefront(Strict):
    """A seller account's shop on one marketplace."""

    platform: Literal["amazon", "vendure", "network", "shopify", "other"]
    """Whose marketplace it is."""
    currency: Currency
    """The currency in which listings are priced."""
    sellerId: Text | None = None
    """The seller account at the platform."""
    marketplaceId: Text | None = None
    """The platform's id of the marketplace, e.g. A1PA6795UKMFR9 for amazon.de."""
    country: Country | None = None
    """Country of the marketplace; taken from the marketplace id where that is known."""
    region: Literal["na", "eu", "fe"] | None = None
    """Amazon's region: which host and which authorisation."""
    environment: Literal["sandbox", "production"] | None = None
    """Which side of the platform this store is on."""
    credentialsRef: SecretRef | None = None
    """Where the credentials are kept. Never sent, never shown."""
    credentialsRotated: Date | None = None
    """When the client secret was last changed."""
    authorizedAt: Date | None = None
    """When the account last authorised our application."""
    languages: list[Language] | None = None
    """Languages of the listings."""
    timezone: Timezone | None = None
    """Zone of the sale day: `tz: store` in promotions means this zone. Default: that of the Amazon
    marketplace; UTC where its id is not known, or elsewhere."""
    pricesIncludeTax: bool | None = None
    """Whether listed prices contain the tax."""
    entitlements: Entitlements | None = None
    lifecycle: (
        Literal[
            "eligibility",
            "contacted",
            "documents",
            "assessment",
            "agreement",
            "integration",
            "live",
            "exiting",
            "closed",
        ]
        | None
    ) = None
    """Stage of onboarding."""


class Verification(Strict):
    """Proof that the marketplace has verified the address."""

    status: Literal["unverified", "pending", "verified", "rejected"]
    method: Text | None = None
    """How it was verified, e.g. seller-central."""
    at: Date | None = None
    ref: Text | None = None
    """Case or document reference."""
    addressHash: Sha256 | None = None
    """Hash of the address that was verified: an edited address is unverified again."""


class Address(Strict):
    """A postal address in the parts of Google's address data."""

    countryCode: Country
    lines: list[Text] = Field(min_length=1, max_length=4)
    """Street lines."""
    locality: Text | None = None
    """City. Japan has none of its own: it belongs in the lines there."""
    administrativeArea: Text | None = None
    """State, province or prefecture."""
    postalCode: Text | None = None
    """Quoted: many begin with 0."""
    phone: Phone | None = None
    verification: Verification | None = None


class Geo(Strict):
    """Position in degrees, WGS 84."""

    lat: Decimal6
    lon: Decimal6


class Duration(Strict):
    """A length of time."""

    value: int = Field(ge=0, le=10_000)
    unit: Literal["minutes", "hours", "days"]


class ShipFromStore(Strict):
    """Parcels leave from this shop."""

    enabled: bool
    handlingTime: Duration | None = None
    cutoff: Clock | None = None
    """Orders after this go out the next day."""
    carriers: list[Text] | None = None


class Bopis(Strict):
    """Customers pick up here."""

    enabled: bool
    inventoryHold: Duration | None = None
    """How long a picked order waits for its customer."""
    curbside: bool | None = None


class Returns(Strict):
    """Returns are taken here."""

    enabled: bool
    location: Name | Literal["self"] | None = None


class Capabilities(Strict):
    """What this shop can do for online orders."""

    shipFromStore: ShipFromStore | None = None
    bopis: Bopis | None = None
    returns: Returns | None = None


class Hours(Strict):
    """Opening hours by weekday; each entry is [from, to]. `[]` is closed all day."""

    mon: list[list[Clock]] | None = None
    tue: list[list[Clock]] | None = None
    wed: list[list[Clock]] | None = None
    thu: list[list[Clock]] | None = None
    fri: list[list[Clock]] | None = None
    sat: list[list[Clock]] | None = None
    sun: list[list[Clock]] | None = None


class HoursException(Strict):
    """Other hours on one date."""

    date: Date
    hours: list[list[Clock]]


class Throughput(Strict):
    """The most this shop can handle."""

    orders: int = Field(ge=0, le=1_000_000)
    per: Literal["hour", "day"]


class SafetyStock(Strict):
    """Units never offered online; a source that says `reserve` keeps that many in its place."""

    default: int = Field(ge=0, le=1_000_000)


class Physical(Strict):
    """A shop or warehouse with an address."""

    code: Text
    """The location's code at the marketplace (supplySourceCode); unique for a seller, immutable."""
    address: Address
    alias: Text | None = None
    """Shown name, by convention "Store Name – City Name"."""
    geo: Geo | None = None
    timezone: Timezone | None = None
    hours: Hours | None = None
    exceptions: list[HoursException] | None = None
    capabilities: Capabilities | None = None
    throughput: Throughput | None = None
    safetyStock: SafetyStock | None = None
    shippingTemplate: Text | None = None
    """The marketplace's shipping template (Shipping Settings Automation) that holds this location. Recorded,
    never sent."""
    sharedBy: list[Text] | None = None
    """Seller accounts that sell this stock, where there is more than one: each must know of the other.
    Recorded, never sent."""
    supplySourceId: Text | None = None
    """Given by the marketplace: state, not spec. Accepted for records, never sent."""


class StoreSpec(Strict):
    """One of two: a storefront or a physical store. The other's block is forbidden."""

    type: Literal["storefront", "physical"]
    inherits: list[Name] | None = None
    """Templates applied left to right; own fields win. One that is reached twice counts where it is named
    last; where others only inherit it, before the first of them."""
    connection: Name | None = None
    """Which connection of acorn.yaml holds this store."""
    legalEntity: Name | None = None
    """The company that sells here: one of `entities` in acorn.yaml, where those are kept."""
    onboarding: Onboarding | None = None
    integration: Integration | None = None
    monitors: list[Monitor] | None = None
    exit: Exit | None = None
    storefront: Storefront | None = None
    physical: Physical | None = None
