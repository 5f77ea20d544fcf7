"""Reference tables that ship as data, each with its source and as-of date: the 23 Amazon marketplaces of
the Selling Partner API, ISO 4217 minor units, VAT and GST rates. Comes in: JSON beside this file. Goes out:
read-only lookups. Callers: rules, compile, import. Tests compare them with independent packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

_DATA = Path(__file__).parent / "data"


class AmazonMarketplace(NamedTuple):
    """One row of the marketplace table. `timezone` is the civil zone of the sale day."""

    country: str
    marketplace_id: str
    currency: str
    region: str
    timezone: str
    languages: tuple[str, ...]
    domain: str


class RatePeriod(NamedTuple):
    """A rate and when it holds: half-open dates, None is open. `percent` is decimal text, `country` a country
    or a territory, `goods` some of what has it, in words."""

    country: str
    rate_class: str
    percent: str
    from_date: str | None
    to_date: str | None
    goods: str = ""


@cache
def table(name: str) -> Any:
    """A table of `data/`, by its file's name without ending: plain JSON values, not to be changed."""
    return orjson.loads((_DATA / f"{name}.json").read_bytes())


@cache
def minor_units() -> dict[str, int]:
    """Decimals of each currency (ISO 4217)."""
    return dict(table("currencies")["minorUnits"])


@cache
def amazon_marketplaces() -> dict[str, AmazonMarketplace]:
    """By marketplace id."""
    return {
        row["marketplaceId"]: AmazonMarketplace(
            row["country"],
            row["marketplaceId"],
            row["currency"],
            region=row["region"],
            timezone=row["timezone"],
            languages=tuple(row["languages"]),
            domain=row["domain"],
        )
        for row in table("marketplaces")["marketplaces"]
    }


def sale_zone(storefront: Mapping[str, object]) -> str:
    """The zone of a storefront's sale day: its own `timezone`; else the civil zone of its Amazon marketplace;
    else UTC."""
    said = storefront.get("timezone")
    if said:
        return str(said)
    row = amazon_marketplaces().get(str(storefront.get("marketplaceId")))
    return row.timezone if row is not None and storefront.get("platform") == "amazon" else "UTC"


def marketplace_of_country(country: str) -> AmazonMarketplace | None:
    """Amazon's marketplace in a country; the UK is GB."""
    for row in amazon_marketplaces().values():
        if row.country == country:
            return row
    return None


def forbidden_marketplace(marketplace_id: str) -> str | None:
    """Why this id must never be a store, or None."""
    data = table("marketplaces")
    if marketplace_id in data["notForStores"]["ids"]:
        return str(data["notForStores"]["why"])
    reason = data["unsupported"].get(marketplace_id)
    return str(reason) if reason else None


def is_shadow_marketplace(marketplace_id: str) -> bool:
    """Whether this id only ever stands in order data: orders from elsewhere, invoicing."""
    return marketplace_id in table("marketplaces")["notForStores"]["ids"]


class TaxPack(NamedTuple):
    """Tax rules that ship as data. Texts that begin with @ stand for what a spec fills in: @countries,
    @shipFrom, or @country for one rule of each country."""

    name: str
    version: str
    as_of: str
    words: str
    confidence: str
    takes: tuple[str, ...]
    asks: tuple[str, ...]
    """What must be said besides: a pack for some goods has no meaning for all of them."""
    countries: tuple[str, ...] | None
    everywhere: bool
    """Where no countries are said, it is for every place that its rules do not exclude."""
    note: str
    rules: tuple[dict[str, object], ...]


@cache
def tax_packs() -> dict[tuple[str, str], TaxPack]:
    """By name and version."""
    return {
        (row["name"], row["version"]): TaxPack(
            row["name"],
            row["version"],
            row["asOf"],
            words=row["words"],
            confidence=row["confidence"],
            takes=tuple(row["takes"]),
            asks=tuple(row.get("asks", ())),
            countries=tuple(row["countries"]) if row["countries"] else None,
            everywhere=row.get("allPlaces", False),
            note=row["note"],
            rules=tuple(row["rules"]),
        )
        for row in table("tax_packs")["packs"]
    }


class CouponFee(NamedTuple):
    """What a marketplace takes for a coupon beside its discount, in the currency's major unit."""

    each: Decimal
    """For each redemption."""
    once: Decimal
    percent: Decimal
    """Of what is sold with it."""
    at_most: Decimal | None
    """Of that part."""

    def of(self, redemptions: int, sales: Decimal) -> Decimal:
        """The fee of so many redemptions that sell for so much."""
        part = sales * self.percent / 100
        return (
            self.each * redemptions + self.once + (part if self.at_most is None else min(part, self.at_most))
        )


def coupon_fee(currency: str, day: str) -> CouponFee:
    """Amazon's fee in a currency on a day (ISO text); nothing where none is known."""
    for row in table("fees")["coupons"]:
        if (
            row["currency"] == currency
            and (row["from"] or "") <= day
            and (row["to"] is None or day < row["to"])
        ):
            most = row["atMost"]
            return CouponFee(
                Decimal(row["each"]),
                Decimal(row["once"]),
                Decimal(row["percent"]),
                at_most=None if most is None else Decimal(most),
            )
    return CouponFee(Decimal(0), Decimal(0), Decimal(0), at_most=None)


@cache
def rate_periods() -> tuple[RatePeriod, ...]:
    """Every dated rate of the table."""
    return tuple(
        RatePeriod(
            r["country"],
            r["rateClass"],
            r["percent"],
            from_date=r["from"],
            to_date=r["to"],
            goods=r.get("goods", ""),
        )
        for r in table("vat_rates")["rates"]
    )


def rates_on(country: str, rate_class: str, date: str) -> list[str]:
    """The percentages of a class in a country on a date (ISO text), as decimal text; none before the table
    begins."""
    return [
        p.percent
        for p in rate_periods()
        if p.country == country
        and p.rate_class == rate_class
        and (p.from_date or rates_begin()) <= date
        and (p.to_date is None or date < p.to_date)
    ]


def rates_begin() -> str:
    """The first day (ISO text) that the table of rates speaks of."""
    return str(table("vat_rates")["begins"])


def countries_with_rates() -> frozenset[str]:
    """Countries that the table knows anything about."""
    return frozenset(p.country for p in rate_periods())


def as_of(name: str) -> str:
    """The as-of date of `marketplaces`, `currencies` or `vat_rates`."""
    return str(table(name)["asOf"])
