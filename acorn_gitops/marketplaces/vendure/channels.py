"""Storefronts as channels with their seller, physical stores as stock locations. Comes in: channels, jobs.
Goes out: rows. Caller: adapter.

A channel needs a tax zone before anything in it can have a price: the zone of the storefront's country, made
when it is missing; without a country, that of the default channel.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from acorn_gitops.marketplaces.by_looking import Job, RemoteStore, Row, Rows, Trouble, live, one_by_one
from acorn_gitops.marketplaces.vendure import operations as op
from acorn_gitops.marketplaces.vendure.client import Client
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import Attributes

DEFAULT: Final = "__default_channel__"
_COUNTRY: Final = re.compile(r"[A-Z]{2}\Z")
_REGIONS: Final = {
    "en": "US", "zh": "CN", "ja": "JP", "sv": "SE", "da": "DK", "cs": "CZ", "ar": "AE", "hi": "IN", "ko": "KR",
    "el": "GR", "nb": "NO", "uk": "UA", "he": "IL", "vi": "VN", "et": "EE", "sl": "SI",
}  # fmt: skip
"""The region that a bare language means, where it is not the language's own letters (de is de_DE)."""


def slug(name: str) -> str:
    """A name of Vendure's as a store's name: `Default Stock Location` is default-stock-location."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-")


def language_tag(code: str) -> str:
    """Vendure's `de` as `de_DE`; codes with a region stay."""
    base, _, region = code.partition("_")
    return code if region or len(base) != 2 else f"{base}_{_REGIONS.get(base, base.upper())}"


def language_code(tag: str) -> str:
    """`de_DE` as Vendure's `de`; other regions of a language have codes of their own (de_AT)."""
    base = tag.partition("_")[0]
    return base if language_tag(base) == tag else tag


def channels(client: Client) -> dict[str, RemoteStore]:
    """Every channel by the store's name. MarketplaceError for twins."""
    found: dict[str, RemoteStore] = {}
    for raw in client.every(op.CHANNELS, "channels"):
        store = slug(raw["code"])
        if store in found:
            raise MarketplaceError(
                f"the channels {found[store].raw['code']} and {raw['code']} would both be {store}"
            )
        found[store] = RemoteStore(store, raw["id"], raw["token"], raw=raw)
    return found


class Places:
    """Zones and countries, looked up and made when they are missing."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def zone_of(self, country: str) -> str:
        """The id of the zone that is named after a country and has it alone; made when there is none."""
        zones = self._client.every(op.ZONES, "zones")
        named = [z for z in zones if z["name"] == country]
        if len(named) > 1:
            raise MarketplaceError(
                f"there are {len(named)} zones named {country}: which one is meant cannot be known"
            )
        if named:
            members = [m["code"] for m in named[0]["members"]]
            if members != [country]:
                raise MarketplaceError(f"the zone {country} has the members {', '.join(members) or 'none'}")
            return str(named[0]["id"])
        made = self._client.write(op.CREATE_ZONE, {"name": country, "members": [self._country(country)]})
        return str(made["createZone"]["id"])

    def _country(self, code: str) -> str:
        found = self._client.read(op.COUNTRIES, {"options": {"filter": {"code": {"eq": code}}}})
        items = found["countries"]["items"]
        if items:
            return str(items[0]["id"])
        made = self._client.write(op.CREATE_COUNTRY, {"code": code, "name": code})
        return str(made["createCountry"]["id"])


class Storefronts:
    """`storefront`: one channel."""

    type = "storefront"
    shared = False

    def __init__(self, client: Client, places: Places) -> None:
        self._client = client
        self._places = places

    def rows(self, channel: RemoteStore, keys: Collection[str] | None) -> Rows:
        """The channel itself."""
        found = channels(self._client).get(channel.store)
        if found is None:
            return Rows()
        raw = found.raw
        zone = (raw.get("defaultTaxZone") or {}).get("name") or ""
        spoken = raw["availableLanguageCodes"] or ()
        attributes: Attributes = {
            "platform": "vendure",
            "currency": raw["defaultCurrencyCode"],
            "languages": sorted(language_tag(c) for c in spoken),
            "defaultLanguage": language_tag(raw["defaultLanguageCode"]) if len(spoken) > 1 else None,
            "pricesIncludeTax": raw["pricesIncludeTax"],
            "country": zone if _COUNTRY.match(zone) else None,
            "sellerId": (raw.get("seller") or {}).get("name"),
        }
        return Rows("channels", [(channel.store, Row(live(attributes, raw, raw["id"]), raw))])

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """A channel whose code and token are the store's name. The token is no secret: shops send it
        openly."""

        def do(job: Job) -> None:
            fields = self._fields(job.merged, self._zone(job.merged))
            fields |= {"code": job.key, "token": job.key}
            made = self._client.write(op.CREATE_CHANNEL, {"input": fields})["createChannel"]["id"]
            held = [raw["id"] for raw in self._client.every(op.LOCATIONS, "stockLocations")]
            if held:
                self._client.write(op.ASSIGN_LOCATIONS, {"ids": held, "channel": made})

        return one_by_one(jobs, do)

    def update(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """What was sent only."""

        def do(job: Job) -> None:
            assert job.row is not None
            zone = self._zone(job.merged) if "country" in job.attributes else ""
            wanted = self._fields(job.merged, zone)
            changed = set(job.attributes)
            if "defaultLanguage" in changed:
                changed.add("languages")
            kept = {
                "pricesIncludeTax": "pricesIncludeTax",
                "defaultTaxZoneId": "country",
                "defaultShippingZoneId": "country",
                "availableLanguageCodes": "languages",
                "defaultLanguageCode": "languages",
                "sellerId": "sellerId",
            }
            fields = {k: v for k, v in wanted.items() if kept.get(k) in changed}
            self._client.write(op.UPDATE_CHANNEL, {"input": {"id": job.row.raw["id"], **fields}})

        return one_by_one(jobs, do)

    def delete(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Refused for the default channel, by Vendure."""

        def do(job: Job) -> None:
            assert job.row is not None
            self._client.write(op.DELETE_CHANNEL, {"id": job.row.raw["id"]})

        return one_by_one(jobs, do)

    def _zone(self, attributes: Attributes) -> str:
        if attributes.get("country"):
            return self._places.zone_of(attributes["country"])
        found = {c.raw["code"]: c.raw for c in channels(self._client).values()}
        zone = (found.get(DEFAULT) or {}).get("defaultTaxZone")
        if zone is None:
            raise MarketplaceError("the default channel has no tax zone", hint="give the store a `country`")
        return str(zone["id"])

    def _fields(self, attributes: Attributes, zone: str) -> dict[str, object]:
        tags = attributes.get("languages") or ()
        first = [tag for tag in tags if tag == attributes.get("defaultLanguage")]
        codes = [language_code(tag) for tag in (*first, *(t for t in tags if t not in first))] or ["en"]
        self._enable(codes)
        fields: dict[str, object] = {
            "pricesIncludeTax": attributes.get("pricesIncludeTax") is not False,
            "defaultCurrencyCode": attributes["currency"],
            "availableCurrencyCodes": [attributes["currency"]],
            "defaultLanguageCode": codes[0],
            "availableLanguageCodes": codes,
        }
        if zone:
            fields |= {"defaultTaxZoneId": zone, "defaultShippingZoneId": zone}
        if attributes.get("sellerId"):
            fields["sellerId"] = self._seller(attributes["sellerId"])
        return fields

    def _enable(self, codes: Sequence[str]) -> None:
        """Vendure refuses languages that its global settings do not have; they are added, none is taken
        away."""
        have = self._client.read(op.SERVER)["globalSettings"]["availableLanguages"]
        if missing := [code for code in codes if code not in have]:
            self._client.write(op.SET_LANGUAGES, {"codes": [*have, *missing]})

    def _seller(self, name: str) -> str:
        found = [s for s in self._client.every(op.SELLERS, "sellers") if s["name"] == name]
        if len(found) > 1:
            raise MarketplaceError(
                f"there are {len(found)} sellers named {name}: which one is meant cannot be known"
            )
        if found:
            return str(found[0]["id"])
        return str(self._client.write(op.CREATE_SELLER, {"name": name})["createSeller"]["id"])


class Locations:
    """`location`: one stock location, seen in every channel. Its name is the store's."""

    type = "location"
    shared = False

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> Rows:
        """Every location by the store's name."""
        return Rows(
            "stock locations",
            [
                (slug(raw["name"]), Row(live({"alias": raw["description"] or None}, raw, raw["id"]), raw))
                for raw in self._client.every(op.LOCATIONS, "stockLocations")
            ],
        )

    def rows(self, channel: RemoteStore, keys: Collection[str] | None) -> Rows:
        """The location itself."""
        return self.all().only([channel.store])

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """It holds stock for every channel that there is."""

        def do(job: Job) -> None:
            fields = {"name": job.key, "description": job.merged.get("alias") or ""}
            made = self._client.write(op.CREATE_LOCATION, {"input": fields})["createStockLocation"]
            for found in channels(self._client).values():
                if found.raw["code"] != DEFAULT:
                    self._client.write(op.ASSIGN_LOCATIONS, {"ids": [made["id"]], "channel": found.id})

        return one_by_one(jobs, do)

    def update(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Only its description can be said."""

        def do(job: Job) -> None:
            assert job.row is not None
            fields = {"id": job.row.raw["id"], "description": job.merged.get("alias") or ""}
            self._client.write(op.UPDATE_LOCATION, {"input": fields})

        return one_by_one(jobs, do)

    def delete(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Vendure refuses the last one."""

        def do(job: Job) -> None:
            assert job.row is not None
            self._client.write(op.DELETE_LOCATION, {"id": job.row.raw["id"]})

        return one_by_one(jobs, do)
