"""`SkuMapping`: one document, a list with shared defaults, or a table. Callers: `kinds`, schema writing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from acorn_gitops.model.fields import (
    Amount,
    Asin,
    Currency,
    Date,
    Gtin,
    LabelText,
    Money,
    Name,
    Percent,
    SellerSku,
    Sha256,
    Strict,
    Text,
)

Condition = Literal[
    "new_new",
    "new_open_box",
    "new_oem",
    "refurbished_refurbished",
    "used_like_new",
    "used_very_good",
    "used_good",
    "used_acceptable",
    "collectible_like_new",
    "collectible_very_good",
    "collectible_good",
    "collectible_acceptable",
    "club_club",
]


class Attributes(Strict):
    """Facts about the product."""

    brand: Text | None = None
    title: Text | None = None
    productType: Text | None = None
    """Amazon product type, or a name from `productTypes` in acorn.yaml whose schema checks `extra`."""
    taxClass: Name | None = None
    """Which tax rules apply: the class that TaxRule goods name."""
    ptc: Annotated[str, StringConstraints(pattern=r"^A_[A-Z0-9_]+$")] | None = None
    """Amazon product tax code, e.g. A_GEN_STANDARD."""
    hs6: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] | None = None
    """Six-digit customs code, quoted."""
    cost: Money | None = None
    """Landed cost of a unit, for margins. Never sent to a marketplace."""
    extra: dict[LabelText, Any] | None = None
    """Attributes of the product type, checked against its schema."""


class Component(Strict):
    """So many of a SKU."""

    sku: SellerSku
    qty: int = Field(ge=1, le=10_000)


class Composition(Strict):
    """What one sold unit contains."""

    type: Literal["single", "multipack", "bundle"]
    of: SellerSku | None = None
    """multipack: the SKU inside."""
    qty: int | None = Field(default=None, ge=2, le=10_000)
    """multipack: how many."""
    components: list[Component] | None = None
    """bundle: the SKUs inside."""


class Price(Strict):
    """A price, or the rule that computes it. Exactly one of `value` and `rule`."""

    currency: Currency | None = None
    """The store's currency."""
    value: Amount | None = None
    rule: Name | None = None
    """A price rule of acorn.yaml."""


class BusinessTier(Strict):
    """Less for more."""

    minimumQuantity: int = Field(ge=2, le=1_000_000)
    """From so many pieces on."""
    price: Amount
    """What one piece costs then."""


class Business(Strict):
    """What registered businesses are asked, in the currency of the listing's price."""

    price: Amount | None = None
    """For one piece."""
    tiers: list[BusinessTier] | None = Field(default=None, max_length=20)


class Listing(Strict):
    """The SKU in one store."""

    store: Name
    sellerSku: SellerSku | None = None
    """The seller's SKU in that store; by default the SKU itself. Immutable there."""
    movedFrom: SellerSku | None = None
    """The former sellerSku: plans one replacement instead of a delete and a create."""
    asin: Asin | None = None
    condition: Condition | None = None
    fulfillment: Literal["mfn", "afn"] | None = None
    """mfn: we ship. afn: the marketplace ships, and owns the stock figure."""
    price: Price | None = None
    business: Business | None = None
    """A price of its own for businesses, and less for more pieces. Where it is absent they are asked what
    everybody is; null: there shall be none."""
    status: Literal["active", "inactive"] | None = None


class ListingDefaults(Strict):
    """Fields that every listing of the list has unless it says otherwise."""

    condition: Condition | None = None
    fulfillment: Literal["mfn", "afn"] | None = None
    status: Literal["active", "inactive"] | None = None


class DefaultBounds(Strict):
    """Bounds for every store that sells in their currency and is not named."""

    min: Money | None = None
    max: Money | None = None
    map: Money | None = None


class PricePolicy(Strict):
    """What a price may be, by store."""

    default: DefaultBounds | None = None
    """For stores that `min`, `max` and `map` do not name."""
    min: dict[Name, Amount] | None = None
    """Floor: no price below it is ever sent."""
    max: dict[Name, Amount] | None = None
    """Ceiling."""
    map: dict[Name, Amount] | None = None
    """Minimum advertised price."""
    minMarginPercent: Percent | None = None
    spreadMaxPercent: Percent | None = None
    """The most that net prices of one SKU may differ between stores."""


class StockSource(Strict):
    """A place whose stock feeds the pool."""

    location: Name
    """A physical store."""
    priority: int | None = Field(default=None, ge=1, le=1000)
    reserve: int | None = Field(default=None, ge=0, le=1_000_000)
    """Units kept back for walk-in customers."""


class Buffer(Strict):
    """Held back from the pool: the larger of both."""

    units: int | None = Field(default=None, ge=0, le=1_000_000)
    percent: Percent | None = None


class Allocation(Strict):
    """How the pool is divided among listings."""

    mode: Literal["weighted", "priority", "shared"]
    weights: dict[Name, int] | None = None
    min: dict[Name, int] | None = None
    cap: dict[Name, int] | None = None


class Inventory(Strict):
    """From where the SKU is sold."""

    pool: Name
    unit: Literal["each", "case"] | None = None
    """In what stock is counted. Default: each."""
    sources: list[StockSource] | None = None
    buffer: Buffer | None = None
    allocation: Allocation | None = None


class Approval(Strict):
    """A recorded category approval."""

    store: Name
    category: Text
    status: Literal["requested", "approved", "rejected"]
    ref: Text | None = None
    at: Date | None = None
    evidence: Sha256 | None = None
    expires: Date | None = None


class _Item(Strict):
    gtin: Gtin | None = None
    attributes: Attributes | None = None
    composition: Composition | None = None
    listings: list[Listing] | None = None
    pricePolicy: PricePolicy | None = None
    inventory: Inventory | None = None
    approvals: list[Approval] | None = None


class SkuMappingSpec(_Item):
    """One SKU."""

    sku: SellerSku
    """The internal SKU: unique in the whole configuration."""
    inherits: list[Name] | None = None
    """Templates applied left to right; own fields win. One that is reached twice counts where it is named
    last; where others only inherit it, before the first of them."""


class SkuMappingItem(_Item):
    """One SKU of a list."""

    sku: SellerSku
    name: Name | None = None
    """Defaults to the SKU in lower case."""
    labels: dict[LabelText, LabelText] | None = None
    """Added to the document's labels."""


class SkuMappingDefaults(_Item):
    """Fields that every SKU of the list or table has unless it says otherwise (maps merge deeply)."""

    listing: ListingDefaults | None = None


class SkuMappingListSpec(Strict):
    """Many SKUs with shared defaults."""

    items: list[SkuMappingItem] = Field(min_length=1)
    defaults: SkuMappingDefaults | None = None


class Table(Strict):
    """A CSV file beside the spec: a row for each SKU and store."""

    file: Text
    """Path relative to this document; must lie inside the repository."""
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    """Default: comma."""
    encoding: (
        Literal[
            "utf-8",
            "utf-16",
            "cp1250",
            "cp1251",
            "cp1252",
            "cp1254",
            "cp932",
            "shift_jis",
            "gb18030",
            "big5",
            "cp949",
        ]
        | None
    ) = None
    """What the file says by a byte order mark needs no name; without one the default is UTF-8. Spreadsheets
    write cp1250 in Poland, Czechia and Hungary, cp1252 in Western Europe, cp932 in Japan, gb18030 in
    China."""
    columns: dict[Text, Text] | None = None
    """Headings of the file to fields, where they differ: {"Artikel-Nr": sku}."""
    decimalComma: bool | None = None
    """Amounts are written 49,99."""


class SkuMappingTableSpec(Strict):
    """Many SKUs kept in a table."""

    table: Table
    defaults: SkuMappingDefaults | None = None
