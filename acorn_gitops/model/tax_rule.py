"""`TaxRule`: who owes which tax on which supply. Resolved as liable party, then treatment, then rate.
Treatments follow EN 16931's categories. Callers: `kinds`, schema writing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from acorn_gitops.model.fields import (
    Amount,
    Country,
    Currency,
    Date,
    LabelText,
    LongText,
    Name,
    Percent,
    SellerSku,
    Strict,
    Territory,
    Text,
)


class Validity(Strict):
    """Half-open dates in the jurisdiction's civil time."""

    from_: Date = Field(alias="from")
    """First day."""
    to: Date | None = None
    """First day on which it no longer holds; null is open."""


class StoreMatch(Strict):
    """Which storefronts. Nothing given: every storefront."""

    names: list[Name] | None = None
    labels: dict[LabelText, LabelText | list[LabelText]] | None = None
    marketplaces: list[Country] | None = None
    """Countries of marketplaces."""


class Supply(Strict):
    """Where goods start and end."""

    shipFrom: list[Territory] | None = None
    shipTo: list[Territory] | None = None
    territoryExclude: list[Territory] | None = None


class Customer(Strict):
    """Who buys."""

    type: Literal["b2c", "b2b", "any"] | None = None
    vatId: Literal["any", "present", "valid", "absent"] | None = None


class Seller(Strict):
    """Who sells."""

    establishedIn: list[Territory] | None = None
    establishedOutside: list[Territory] | None = None
    """None of these is where the company is established, as for deemed suppliers."""
    registeredIn: list[Territory] | None = None
    """The company is registered in all of these: countries, or provinces with a tax of their own (CA-QC)."""
    notRegisteredIn: list[Territory] | None = None
    """And in none of these, as for sellers whose tax a platform owes."""
    underThreshold: bool | None = None
    """The company's sales to consumers in other member states stayed at 10,000 euros or below, this year and
    the last (Directive 2006/112/EC Art. 59c), by what `entities` records as `distanceSales`."""


class Goods(Strict):
    """What is sold."""

    taxClass: list[Name] | None = None
    ptc: list[Annotated[str, StringConstraints(pattern=r"^A_[A-Z0-9_]+$")]] | None = None
    skus: list[SellerSku] | None = None


class ValueBound(Strict):
    """Only for goods of this value. At least one of `above` and `max`."""

    currency: Currency
    above: Amount | None = None
    """Only above this value (exclusive), as for domestic reverse charge."""
    max: Amount | None = None
    """Only up to this value (inclusive), as for small parcels."""
    basis: Literal["item", "consignment"] | None = None


class Match(Strict):
    """All given dimensions must match; one left out matches everything."""

    stores: StoreMatch | None = None
    supply: Supply | None = None
    customer: Customer | None = None
    seller: Seller | None = None
    goods: Goods | None = None
    value: ValueBound | None = None


class Rate(Strict):
    """A class of the country's dated rates, or a percentage. Exactly one."""

    class_: Literal["standard", "reduced", "superReduced", "zero", "parking"] | None = Field(
        default=None, alias="class"
    )
    """Resolved from the dated table of rates."""
    of: Literal["shipTo", "shipFrom"] | None = None
    """Whose rate it is: of the country where goods arrive (the default), or of the one that they leave, as
    for companies that show no valid VAT id."""
    percent: Percent | None = None


class Tax(Strict):
    """One of several taxes on one sale, each of the price without tax."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9 .-]{0,29}$")]
    """As the invoice calls it: GST, PST."""
    percent: Percent
    liableParty: Literal["seller", "marketplace", "customer"] | None = None
    """Who owes this one. Default: the rule's `liableParty`."""


class Invoice(Strict):
    """What the invoice must say."""

    mention: LongText | None = None
    category: Literal["S", "Z", "E", "AE", "K", "G", "O"] | None = None
    """EN 16931 category code."""


class Result(Strict):
    """What holds when the rule wins."""

    liableParty: Literal["seller", "marketplace", "customer", "none"]
    treatment: Literal[
        "standard",
        "reduced",
        "superReduced",
        "zero",
        "exempt",
        "reverseCharge",
        "intraCommunity",
        "export",
        "outOfScope",
    ]
    rate: Rate | None = None
    taxes: list[Tax] | None = Field(default=None, min_length=1, max_length=5)
    """Several taxes on one sale, in place of `rate`: in British Columbia GST of 5 and PST of 7 percent."""
    scheme: Literal["local", "union-oss", "non-union-oss", "ioss", "mpf", "none"] | None = None
    invoice: Invoice | None = None


class Evidence(Strict):
    """Why we believe it."""

    source: Text
    asOf: Date
    reviewedBy: Text | None = None
    nextReview: Date | None = None


class TaxPackSpec(Strict):
    """Rules that ship with acorn, as dated data: included by name and version."""

    pack: Name
    """Which pack: docs/reference-data.md lists them."""
    version: Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}\.[0-9]{2}$")]
    """Its version. A newer one is another text: it is never taken by itself."""
    stores: StoreMatch
    """For which storefronts."""
    countries: list[Territory] | None = None
    """Where goods go, or the countries it is for, where the pack asks."""
    shipFrom: list[Territory] | None = None
    """Where goods come from, where the pack asks."""
    taxClass: list[Name] | None = None
    """For which classes of goods. Default: all."""
    only: list[Name] | None = None
    """Of the pack's rules only these."""
    priority: int | None = Field(default=None, ge=-1000, le=1000)
    evidence: Evidence | None = None
    """Who looked at it for you, and when again. Default: the pack's own source and day."""


class TaxRuleSpec(Strict):
    """When it matches, and what follows."""

    validity: Validity
    match: Match
    result: Result
    enabled: bool | None = None
    priority: int | None = Field(default=None, ge=-1000, le=1000)
    """Only breaks ties of equal specificity."""
    evidence: Evidence | None = None
    retroactive: bool | None = None
    """Says that a start in the past is meant."""
    key: Text | None = None
    """Its key at the marketplace; by default the name."""
    inherits: list[Name] | None = None
    """Templates applied left to right; own fields win. One that is reached twice counts where it is named
    last; where others only inherit it, before the first of them."""
