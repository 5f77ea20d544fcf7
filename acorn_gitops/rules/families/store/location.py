"""STO rules about places: verified addresses, zones, what a shop can do and a marketplace allows. Caller:
`registry`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from acorn_gitops.engines.tax import country_of
from acorn_gitops.model.finding import Finding
from acorn_gitops.model.postal import address_hash
from acorn_gitops.model.window import same_time
from acorn_gitops.resources.location import SERVICES
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.families.onboarding import _feeds
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec
from acorn_gitops.specs.facts import Row, at

if TYPE_CHECKING:
    from acorn_gitops.model.typed import PhysicalData, StoreData

MAX_AGE = 365
"""Days for which a verification holds."""
SHORTEST = 16
"""Characters of an addressHash, at least."""
NEAR = 30
"""Metres below which two locations are taken for one."""


def _places(context: Context) -> Iterator[tuple[Spec[StoreData], PhysicalData]]:
    for store in context.configuration.stores.values():
        if store.spec.get("physical"):
            yield store, store.spec["physical"]


def _serves(physical: PhysicalData) -> list[str]:
    capabilities = physical.get("capabilities") or {}
    return [c for c in SERVICES if (capabilities.get(c) or {}).get("enabled")]


@rule(
    "STO-010",
    "error",
    "A shop that serves online orders has a verified address",
    why="The marketplace ships nothing from an address that it has not verified, and promises wrong dates meanwhile.",
    mend="Have the address verified in Seller Central, and record status, day, reference and addressHash.",
    source="MLI integration guide",
)
def verified(context: Context) -> Iterator[Said]:
    """`address.verification.status` is verified, with its reference and a day that has come, where
    `shipFromStore` or `bopis` is on and the shop feeds an Amazon storefront (for bopis: one in that
    programme), or feeds none yet where all storefronts are Amazon's. A rejected address serves nobody."""
    asking: dict[str, set[str]] = {}
    feeds = _feeds(context)
    fronts = [
        s.spec["storefront"]["platform"]
        for s in context.configuration.stores.values()
        if s.spec.get("storefront")
    ]
    if fronts and set(fronts) == {"amazon"}:
        fed = {place for places in feeds.values() for place in places}
        asking = {
            store.name: {"shipFromStore", "bopis"} for store, _ in _places(context) if store.name not in fed
        }
    for front, places in feeds.items():
        block = (
            context.configuration.stores[front].spec.get("storefront") or {}
            if front in context.configuration.stores
            else {}
        )
        if block.get("platform") == "amazon":
            picks_up = (block.get("entitlements") or {}).get("bopis") in ("requested", "granted")
            for place in places:
                asking.setdefault(place, set()).update(
                    {"shipFromStore", "bopis"} if picks_up else {"shipFromStore"}
                )
    for store, physical in _places(context):
        proof = physical["address"].get("verification") or {}
        rejected = proof.get("status") == "rejected"
        serves = [c for c in _serves(physical) if rejected or c in asking.get(store.name, ())]
        lacks = [name for name in ("at", "ref") if not proof.get(name)]
        early = proof.get("at") is not None and proof["at"] > context.today
        if serves and (proof.get("status") != "verified" or lacks or early):
            state = (
                proof.get("status") or "recorded nowhere as verified"
                if proof.get("status") != "verified"
                else f"said to be verified on {proof['at']}, a day to come"
                if early
                else f"verified without {' and '.join(lacks)}"
            )
            yield breach(
                store,
                ("spec", "physical", "address", "verification"),
                f"{store.name} offers {' and '.join(serves)}, and its address is {state}",
                mend=(
                    "have it verified, then record `verification` with"
                    f' status verified, at, ref and addressHash: "{address_hash(physical["address"])}"'
                ),
            )


@rule(
    "STO-011",
    "error",
    "The verified address is the address",
    why="After a move the proof is of another house.",
    mend="Have the new address verified, and record its addressHash; `acorn validate` prints it.",
)
def same_address(context: Context) -> Iterator[Said]:
    """`verification.addressHash` is that of the address as it stands (an error), and was looked at within a
    year (a warning)."""
    for store, physical in _places(context):
        proof = physical["address"].get("verification") or {}
        if proof.get("status") != "verified":
            continue
        now = address_hash(physical["address"])
        at = ("spec", "physical", "address", "verification")
        said = proof.get("addressHash") or ""
        short = 0 < len(said.removeprefix("sha256:")) < SHORTEST
        if not said or short or not now.startswith(said):
            what = (
                "says not which address was verified"
                if not said
                else f"names {len(said.removeprefix('sha256:'))} characters of a digest, too few to tell addresses apart"
                if short
                else "is of another address"
            )
            yield breach(
                store,
                (*at, "addressHash"),
                f"the verification of {store.name} {what}",
                mend=f'have this one verified, then write addressHash: "{now}"',
            )
        elif proof.get("at") and (context.now.date() - date.fromisoformat(proof["at"])).days > MAX_AGE:
            yield breach(
                store,
                (*at, "at"),
                f"the address of {store.name} was verified on {proof['at']}, more than a year ago",
                mend="have it verified again",
                severity="warning",
            )


@cache
def _zone_at(lat: str, lon: str) -> str:
    import tzfpy

    return str(tzfpy.get_tz(float(lon), float(lat)))  # degrees, no money


@cache
def _zones_of() -> dict[str, frozenset[str]]:
    """Countries of each zone, by the tz database's own table: the country that a zone is drawn for, and of a
    territory the state that it belongs to as well. What it draws for nobody alone (Kosovo) has the countries
    that share its clocks."""
    from importlib.resources import files

    found: dict[str, set[str]] = {}
    for name in ("zone.tab", "zone1970.tab"):
        alone = set(found)
        for line in (files("tzdata.zoneinfo") / name).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                countries, _, zone = line.split("\t")[:3]
                if zone not in alone:
                    found.setdefault(zone, set()).update(countries.split(","))
    found["Europe/Belgrade"] = {"RS", "XK"}
    return {
        zone: frozenset(countries | {_BELONGS[c] for c in countries if c in _BELONGS})
        for zone, countries in found.items()
    }


_BELONGS = {
    **dict.fromkeys(("PR", "VI", "GU", "AS", "MP", "UM"), "US"),
    **dict.fromkeys(("GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF", "WF", "PF", "NC"), "FR"),
    "AX": "FI",
    "SJ": "NO",
    "HK": "CN",
    "MO": "CN",
    "GL": "DK",
    "FO": "DK",
}
"""Territories with a country code of their own, by the state whose code their addresses may carry as well."""


@rule(
    "STO-013",
    "error",
    "A position lies in its country and zone",
    why="A swapped digit sends couriers to another town, and promotions begin an hour off.",
    mend="Copy latitude and longitude again; check the zone.",
    source="timezone boundaries (tzfpy); IANA time zone database",
)
def position(context: Context) -> Iterator[Said]:
    """`geo` lies in the address's country, its zone keeps the same time as `timezone`, and no two shops stand
    within 30 metres (a warning)."""
    seen: list[tuple[Spec[StoreData], float, float]] = []
    for store, physical in _places(context):
        geo = physical.get("geo")
        if not geo:
            continue
        at = ("spec", "physical", "geo")
        if abs(Decimal(geo["lat"])) > 90 or abs(Decimal(geo["lon"])) > 180:
            yield breach(
                store,
                at,
                f"{geo['lat']}, {geo['lon']} is nowhere on earth",
                mend="latitude is at most 90, longitude 180",
            )
            continue
        zone = _zone_at(geo["lat"], geo["lon"])
        country = physical["address"]["countryCode"]
        countries = _zones_of().get(zone, frozenset())
        if zone.startswith("Etc/"):
            yield breach(
                store,
                at,
                f"the position of {store.name} ({geo['lat']}, {geo['lon']}) lies at sea",
                mend="copy latitude and longitude again; are they swapped?",
            )
        elif countries and country not in countries:
            yield breach(
                store,
                at,
                f"the position of {store.name} lies in {', '.join(sorted(countries))} ({zone}), not in {country}",
                mend="copy latitude and longitude again; are they swapped?",
            )
        elif physical.get("timezone") and not same_time(zone, physical["timezone"], context.now):
            yield breach(
                store,
                ("spec", "physical", "timezone"),
                f"{store.name} lies in {zone}, whose clocks differ from {physical['timezone']}",
                mend=f"write {zone}, or correct the position",
            )
        lat, lon = float(geo["lat"]), float(geo["lon"])
        beside = 0
        for other, its_lat, its_lon in seen:
            metres = math.hypot(
                (lat - its_lat) * 111_320, (lon - its_lon) * 111_320 * math.cos(math.radians(lat))
            )
            beside += metres < NEAR
            if metres < NEAR and beside <= BESIDE:
                yield breach(
                    store,
                    at,
                    f"{store.name} and {other.name} stand {metres:.0f} metres apart",
                    mend="are they one shop?",
                    severity="warning",
                )
        if beside > BESIDE:
            yield breach(
                store,
                at,
                f"{beside - BESIDE:,} more stand beside {store.name}",
                mend="are they one shop?",
                severity="warning",
            )
        seen.append((store, lat, lon))


BESIDE = 3
"""Of one shop, so many that stand beside it are told."""


@rule(
    "STO-015",
    "error",
    "Multi-location inventory is used where it exists",
    why="Outside its limits the marketplace refuses, or takes the stock of one place for all of them.",
    mend="Set `entitlements.mli` to none, list the SKU with mfn, or leave one of the two programmes.",
    source="Supply Sources API: US marketplace only, no FBA stock, not together with BOPIS",
)
def multi_location(context: Context) -> Iterator[Said]:
    """Amazon's `entitlements.mli` is requested or granted in the United States only, not together with bopis
    in any store of the seller or in a shop that feeds Amazon's stores only, and no SKU that a location feeds
    is listed there with fulfilment by Amazon. Shops that ship for Amazon elsewhere are told as a note, unless
    the store says `mli: none`: Amazon does not know them as places."""
    config = context.configuration
    used = set()
    yield from _unknown_places(context)
    picking = {
        str(front.get("sellerId") or store.name)
        for store in config.stores.values()
        if (front := store.spec.get("storefront") or {}).get("platform") == "amazon"
        and (front.get("entitlements") or {}).get("bopis") in ("requested", "granted")
    }
    for store in config.stores.values():
        front = store.spec.get("storefront") or {}
        have = front.get("entitlements") or {}
        if front.get("platform") != "amazon" or have.get("mli") not in ("requested", "granted"):
            continue
        at = ("spec", "storefront", "entitlements", "mli")
        if front.get("marketplaceId") != "ATVPDKIKX0DER":
            yield breach(
                store,
                at,
                f"multi-location inventory is {have['mli']} for {store.name}, and exists in the United States only",
                mend="set it to none",
            )
        elif (
            have.get("bopis") in ("requested", "granted")
            or str(front.get("sellerId") or store.name) in picking
        ):
            yield breach(
                store,
                at,
                f"{store.name} cannot have multi-location inventory and pick-up at once",
                mend="leave one of the two programmes",
            )
        else:
            used.add(store.name)
    amazon = {
        n for n, s in config.stores.items() if (s.spec.get("storefront") or {}).get("platform") == "amazon"
    }
    for front_name in sorted(used):
        for place in sorted(_feeds(context).get(front_name, ())):
            elsewhere = any(
                place in places for front, places in _feeds(context).items() if front not in amazon
            )
            if "bopis" in _serves(config.stores[place].spec["physical"]) and not elsewhere:
                yield breach(
                    config.stores[place],
                    ("spec", "physical", "capabilities", "bopis"),
                    f"{place} offers pick-up and feeds {front_name}, which has multi-location inventory: Amazon allows one of the two",
                    mend="switch pick-up off, or set entitlements.mli to none",
                )
    for sku in config.skus if used else ():
        if not (sku.spec.get("inventory") or {}).get("sources"):
            continue
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            if listing["store"] in used and listing.get("fulfillment") == "afn":
                yield breach(
                    sku,
                    ("spec", "listings", index, "fulfillment"),
                    f"{sku.spec['sku']} is fulfilled by Amazon in {listing['store']}, which has multi-location inventory",
                    mend="list it with mfn, or take its sources away",
                )


def _unknown_places(context: Context) -> Iterator[Said]:
    config, shipping = context.configuration, dict[str, list[str]]()
    for front, places in sorted(_feeds(context).items()):
        store = config.stores.get(front)
        block = (store.spec.get("storefront") or {}) if store is not None else {}
        if block.get("platform") != "amazon" or country_of(block) in (None, "US"):
            continue
        if (block.get("entitlements") or {}).get("mli") == "none":
            continue  # somebody knows
        names = sorted(p for p in places if "shipFromStore" in _serves(config.stores[p].spec["physical"]))
        if names:
            shipping[front] = names
    if shipping:
        fronts, names = sorted(shipping), sorted({name for group in shipping.values() for name in group})
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        sold = ", ".join(fronts[:3]) + (f" and {len(fronts) - 3} more" if len(fronts) > 3 else "")
        yield breach(
            config.stores[fronts[0]],
            (),
            (
                f"Amazon knows locations in the United States only: what {shown} ship{'s' * (len(names) == 1)} for {sold} is one quantity"
                " there, without address and cut-off"
            ),
            mend="keep a buffer, let the shops ship by your own order system, and write entitlements: {mli: none}",
            severity="info",
        )


@rule(
    "STO-016",
    "warning",
    "Handling time belongs to pick-up",
    why="With multi-location inventory Amazon ignores it, and promises by its own shipping template.",
    mend="Remove `handlingTime`; set it in the shipping template.",
    source="Supply Sources API: update an existing supply source",
)
def handling(context: Context) -> Iterator[Said]:
    """No location that feeds a storefront with `mli: granted` says `handlingTime`."""
    config = context.configuration
    for name, fronts in _located(context, "mli").items():
        ship = (config.stores[name].spec["physical"].get("capabilities") or {}).get("shipFromStore") or {}
        if ship.get("handlingTime"):
            yield breach(
                config.stores[name],
                ("spec", "physical", "capabilities", "shipFromStore", "handlingTime"),
                f"{name} says a handling time and feeds {fronts[0]}, which has multi-location inventory",
                mend="set it in the shipping template",
            )


def _located(context: Context, programme: str) -> dict[str, list[str]]:
    """Locations that feed Amazon storefronts admitted to a programme, with those."""
    found: dict[str, list[str]] = {}
    for front, places in _feeds(context).items():
        store = context.configuration.stores.get(front)
        block = (store.spec.get("storefront") or {}) if store is not None else {}
        if (
            block.get("platform") == "amazon"
            and (block.get("entitlements") or {}).get(programme) == "granted"
        ):
            for place in places:
                found.setdefault(place, []).append(front)
    return {place: sorted(fronts) for place, fronts in sorted(found.items())}


@rule(
    "STO-017",
    "error",
    "With multi-location inventory the DEFAULT channel is empty",
    why="What stands in DEFAULT is sold beside the locations' stock, and lies nowhere.",
    mend="Set the quantity of the SKU's DEFAULT channel to 0; its locations have their own.",
    source="MLI integration guide",
    phase="plan",
)
def default_channel(context: Context) -> Iterator[Said]:
    """Of SKUs that locations feed in a storefront with `mli: granted`, no recorded quantity of channel
    DEFAULT is above 0 (facts: published)."""
    config = context.configuration
    fronts = {front for names in _located(context, "mli").values() for front in names}
    sourced = {s.spec["sku"] for s in config.skus if (s.spec.get("inventory") or {}).get("sources")}
    newest: dict[tuple[str, str], Row] = {}
    for row in config.facts.rows("published") if fronts else ():
        key = (row["store"], row["sku"])
        if row["store"] not in fronts or row["sku"] not in sourced or row.cells.get("channel") != "DEFAULT":
            continue
        if key not in newest or at(newest[key]["asOf"]) < at(row["asOf"]):
            newest[key] = row
    for (store, sku), row in sorted(newest.items()):
        if int(row["quantity"]):
            yield Finding(
                "STO-017",
                "error",
                f"{sku} offers {row['quantity']} in channel DEFAULT of {store}, beside its locations",
                place=row.place,
                hint="set that quantity to 0",
                source="",
                subject=f"Store/{store}",
            )


@rule(
    "STO-018",
    "warning",
    "A location stands in a shipping template",
    why="Without one Amazon does not offer its stock at all.",
    mend="Add the location to a template of Shipping Settings Automation, and record `shippingTemplate`.",
    source="MLI integration guide",
)
def template(context: Context) -> Iterator[Said]:
    """Every location that ships for a storefront with `mli: granted` records its `shippingTemplate`."""
    config = context.configuration
    for name, fronts in _located(context, "mli").items():
        physical = config.stores[name].spec["physical"]
        if "shipFromStore" in _serves(physical) and not physical.get("shippingTemplate"):
            yield breach(
                config.stores[name],
                ("spec", "physical"),
                f"{name} feeds {fronts[0]} by multi-location inventory and stands in no shipping template",
                mend="add it there, and record its name",
            )


@rule(
    "STO-019",
    "warning",
    "A shop can do what it promises",
    why="Orders that nobody packs are cancelled, and the account is rated by it.",
    mend="Write `throughput` with what the shop can pack, or switch the capability off.",
)
def capacity(context: Context) -> Iterator[Said]:
    """`throughput` is there and more than nothing where orders are served (zero is an error); no recorded
    forecast of a coming day is above it."""
    config = context.configuration
    for store, physical in _places(context):
        if not _serves(physical):
            continue
        cap = physical.get("throughput")
        at = ("spec", "physical", "throughput")
        if not cap:
            yield breach(
                store,
                at,
                f"{store.name} serves online orders and says not how many",
                mend="write throughput: {orders: 40, per: day}",
            )
            continue
        if not cap["orders"]:
            yield breach(
                store,
                at,
                f"{store.name} serves online orders, and can pack none",
                mend="switch the capability off",
                severity="error",
            )
        for row in config.facts.rows("forecast"):
            if row["location"] != store.name or row["date"] < context.today:
                continue
            most = cap["orders"] * (24 if cap["per"] == "hour" else 1)
            if int(row["orders"]) > most:
                yield breach(
                    store,
                    at,
                    f"{store.name} expects {row['orders']} orders on {row['date']} and can pack {most}",
                    mend="raise it with more hands, or move stock to another location",
                )
