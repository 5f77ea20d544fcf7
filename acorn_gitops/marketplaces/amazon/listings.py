"""SKU mappings as listings items. Comes in: jobs. Goes out: rows. Caller: adapter.

Written by patches that name only what changes. An instance of an attribute (an offer, a stock channel) is
read, changed and sent back whole, as Amazon forgets whatever of it is not said again; other instances are not
touched. Accepted is not applied: a write is done when it is seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.catalogue import Catalogue, path_of, summary_of
from acorn_gitops.marketplaces.amazon.client import Client
from acorn_gitops.marketplaces.amazon.feeds import Submission
from acorn_gitops.marketplaces.amazon.offers import (
    BUSINESS,
    OFFER,
    PRICES,
    SALE,
    ambiguous,
    amount_of,
    business_of,
    is_on,
    is_sold,
    money_of,
    offer_of,
    offers_of,
    to_businesses,
)
from acorn_gitops.marketplaces.amazon.submissions import Submissions, issues_in, patch
from acorn_gitops.marketplaces.by_looking import Job, Raw, RemoteStore, Row, Rows, Trouble, live, one_by_one
from acorn_gitops.model.finding import Incomplete, MarketplaceError, Unreachable
from acorn_gitops.model.resource import Attributes
from acorn_gitops.resources.buyers import BUSINESS_PRICE, BUSINESS_TIERS

Tree = Raw
STOCK: Final = "fulfillment_availability"
PLAIN: Final[Mapping[str, str]] = {"condition": "condition_type", "ptc": "product_tax_code"}
"""Attributes of one value."""
WORDED: Final[Mapping[str, str]] = {"title": "item_name", "brand": "brand"}
"""Those of one value in a language."""
SELLER_SHIPS: Final = "DEFAULT"
_CHANNELS: Final[Mapping[str, str]] = {"na": "AMAZON_NA", "eu": "AMAZON_EU", "fe": "AMAZON_JP"}
"""By region, the channel of fulfilment by Amazon."""


class Listings:
    """`listing`: a SKU of the seller in one marketplace. A store's `raw` has sellerId, currency, region and
    language; its id is the marketplace's."""

    type = "listing"
    shared = False

    def __init__(self, client: Client, submissions: Submissions) -> None:
        self._client, self._submissions = client, submissions
        self._catalogue = Catalogue(client)

    def rows(self, store: RemoteStore, keys: Collection[str] | None) -> Rows:
        """All of a marketplace, or those of these SKUs."""
        return self.rows_of(store, self.items(store, keys))

    def items(self, store: RemoteStore, keys: Collection[str] | None) -> list[Tree]:
        """The same, as Amazon has them."""
        found = self._catalogue.items(store, keys)
        self._submissions.notice(store, found)
        return found

    def rows_of(self, store: RemoteStore, items: Iterable[Tree]) -> Rows:
        """Rows of items that were read already."""
        several: dict[str, str] = {}
        found: list[tuple[str, Row]] = []
        for raw in items:
            found.append((_sku_of(store, raw), self._row(store, raw)))
            if why := ambiguous(store, raw.get("attributes") or {}):
                several[raw["sku"]] = why
        rows = Rows("listings", found)
        for sku, why in several.items():
            rows.pop(sku, None)
            rows.twins[sku] = why
        return rows

    def create(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Each by one request: an offer on an item that Amazon has, or a product of one's own. What is there
        already is asked for by itself first: a search may not show it yet, and a put would take all that
        others have said of it."""
        return one_by_one(jobs, lambda job: self._create(store, job))

    def update(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Each by one patch."""
        return self._submissions.every(store, jobs, lambda job: self._patched(store, job))

    def delete(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """From this marketplace alone."""
        return self._submissions.every(store, jobs, lambda job: Submission(op.DELETE_LISTING, _raw(job)))

    def preview(self, store: RemoteStore, job: Job) -> Trouble:
        """Amazon's own verdict on a creation or a change, which has no effect; None where it would take
        it."""
        try:
            body = self._change(store, job) if job.row is not None else self._creation(store, job)
            if body.get("patches") == []:
                return None
            operation = op.PREVIEW_PATCH if "patches" in body else op.PREVIEW_PUT
            query = {"marketplaceIds": store.id, "mode": "VALIDATION_PREVIEW", "includedData": "issues"}
            answer = self._client.call(operation, path_of(store, job.key), query, body)
        except Unreachable:
            raise
        except MarketplaceError as error:
            return error.message
        return None if answer.get("status") in ("VALID", "ACCEPTED") else issues_in(answer)

    # -- reading ---------------------------------------------------------------------------------------------

    def _row(self, store: RemoteStore, raw: Tree) -> Row:
        attributes = raw.get("attributes") or {}
        summary = summary_of(store, raw)
        offer, now = offer_of(store, attributes), self._client.present()
        made: Attributes = {
            "sku": raw["sku"],
            "asin": _text(summary.get("asin")),
            "productType": _text(summary.get("productType")),
            "fulfillment": _fulfilment(raw),
            "status": "active" if is_sold(store, attributes, now) else "inactive",
        }
        for ours, theirs in PLAIN.items():
            made[ours] = _value(_instance(store, attributes, theirs))
        for ours, theirs in WORDED.items():
            made[ours] = _value(_instance(store, attributes, theirs, store.raw["language"]))
        for ours, theirs in PRICES.items():
            amount = amount_of(offer, theirs)
            # Nobody pays the price of an offer that has ended, or has not begun.
            if amount is not None and (ours != "price" or is_on(offer, now)):
                made[ours] = money_of(amount, str(offer["currency"]))
        made |= business_of(store, attributes, now)
        # Of an offer what a listing says; its sale price is a promotion, with a version of its own.
        rest = {name: value for name, value in offer.items() if name != SALE}
        business = offer_of(store, attributes, BUSINESS)
        told = {
            OFFER: str(sorted(rest.items())),
            BUSINESS: str(sorted(business.items())),
            STOCK: str(attributes.get(STOCK)),
        }
        return Row(live(made, {}, str(raw["sku"]), told), raw)

    # -- writing ---------------------------------------------------------------------------------------------

    def _create(self, store: RemoteStore, job: Job) -> None:
        if self._catalogue.one(store, job.key) is not None:
            raise MarketplaceError(
                "it is there already, and a search does not show it yet: run again in some minutes"
            )
        made = Submission(op.PUT_LISTING, {"sku": job.key}, self._creation(store, job))
        self._submissions.send(store, made)

    def _patched(self, store: RemoteStore, job: Job) -> Submission | None:
        body = self._change(store, job)
        return Submission(op.PATCH_LISTING, _raw(job), body) if body["patches"] else None

    def _creation(self, store: RemoteStore, job: Job) -> Tree:
        wish = job.merged
        attributes: Tree = {}
        if wish.get("asin"):
            attributes["merchant_suggested_asin"] = [_single(store, wish["asin"])]
        elif wish.get("gtin"):
            attributes["externally_assigned_product_identifier"] = [
                {**_single(store, wish["gtin"]), "type": _gtin_type(wish["gtin"])}
            ]
        if not wish.get("asin") and not wish.get("productType"):
            raise MarketplaceError(
                "Amazon needs to know the product: an `asin` to offer one that it has, or a `productType` for a new one"
            )
        channel = self._channel(store, wish)
        attributes[STOCK] = [channel if wish.get("fulfillment") == "afn" else {**channel, "quantity": 0}]
        for name, value in self._instances(store, {"sku": job.key}, wish).items():
            if value:
                attributes[name] = [value]
        if business := self._business(store, {}, wish):
            attributes[OFFER] = [*attributes.get(OFFER, ()), business]
        return {
            "productType": wish.get("productType") or "PRODUCT",
            "requirements": "LISTING_OFFER_ONLY" if wish.get("asin") else "LISTING",
            "attributes": attributes,
        }

    def _change(self, store: RemoteStore, job: Job) -> Tree:
        row, raw = job.row, _raw(job)
        have = raw.get("attributes") or {}
        if job.attributes.get("asin") and row is not None and row.live.attributes.get("asin"):
            raise MarketplaceError(
                "Amazon does not let a SKU move to another ASIN: delete the listing and make it anew, or use another sellerSku"
            )
        patches: list[Tree] = []
        for name, value in self._instances(store, raw, job.attributes).items():
            if value:
                patches.append(patch("replace", name, value))
            else:
                language = store.raw["language"] if name in WORDED.values() else ""
                # What is not for sale is for sale to nobody: businesses have an offer of their own.
                gone = offers_of(store, have) if name == OFFER else [_instance(store, have, name, language)]
                patches += [patch("delete", name, one) for one in gone if one]
        patches += self._business_patches(store, have, job.attributes)
        if "fulfillment" in job.attributes:
            patches += self._other_channel(store, have, job.attributes)
        summary = summary_of(store, raw)
        product = job.attributes.get("productType") or summary.get("productType") or "PRODUCT"
        return {"productType": product, "patches": patches}

    def _instances(self, store: RemoteStore, raw: Tree, wish: Attributes) -> dict[str, Tree]:
        """By Amazon's attribute, the instance as it shall be; empty for one that shall be gone."""
        made: dict[str, Tree] = {}
        for ours, theirs in PLAIN.items():
            if ours in wish:
                made[theirs] = _single(store, wish[ours]) if wish[ours] is not None else {}
        for ours, theirs in WORDED.items():
            if ours in wish:
                worded = {**_single(store, wish[ours]), "language_tag": store.raw["language"]}
                made[theirs] = worded if wish[ours] is not None else {}
        if wish.get("status") == "inactive":
            made[OFFER] = {}
        elif {*wish} & {*PRICES, "status"}:
            made[OFFER] = self._offer(store, raw, wish)
        return made

    def _offer(self, store: RemoteStore, raw: Tree, wish: Attributes) -> Tree:
        """The offer to everybody, with all that it has, and what is wished for in its place."""
        offer = {
            "marketplace_id": store.id,
            "currency": store.raw["currency"],
            "audience": "ALL",
            **self._submissions.offer(store, raw),
        }
        for ours, theirs in PRICES.items():
            if ours not in wish:
                continue
            money = wish[ours]
            if money is None:
                offer.pop(theirs, None)
            else:
                offer[theirs] = [{"schedule": [{"value_with_tax": Decimal(money["value"])}]}]
        if (
            wish.get("status") != "inactive"
            and wish.get("price")
            and not is_on(offer, self._client.present())
        ):
            # It has ended, or has not begun.
            offer = {name: value for name, value in offer.items() if name not in ("start_at", "end_at")}
        return offer

    def _business_patches(self, store: RemoteStore, have: Tree, wish: Attributes) -> list[Tree]:
        """What changes the offer to businesses; it goes with the others where the listing is no longer
        sold."""
        if wish.get("status") == "inactive" or {BUSINESS_PRICE, BUSINESS_TIERS}.isdisjoint(wish):
            return []
        old = offer_of(store, have, BUSINESS)
        made = self._business(store, old, wish)
        if made:
            return [patch("replace", OFFER, made)]
        return [patch("delete", OFFER, old)] if old else []

    def _business(self, store: RemoteStore, old: Tree, wish: Attributes) -> Tree:
        """The offer to businesses as it shall be; empty for none."""
        if wish.get("status") == "inactive" or {BUSINESS_PRICE, BUSINESS_TIERS}.isdisjoint(wish):
            return {}
        # Of an offer that has ended, or has not begun, nobody was shown anything: nothing of it comes back.
        made = to_businesses(old if is_on(old, self._client.present()) else {}, wish)
        whose = {"marketplace_id": store.id, "currency": store.raw["currency"], "audience": BUSINESS}
        return {**whose, **made} if made else {}

    def _channel(self, store: RemoteStore, wish: Attributes) -> Tree:
        code = _CHANNELS[store.raw["region"]] if wish.get("fulfillment") == "afn" else SELLER_SHIPS
        return {"fulfillment_channel_code": code, "marketplace_id": store.id}

    def _other_channel(self, store: RemoteStore, have: Tree, wish: Attributes) -> list[Tree]:
        """From the seller's own channel to Amazon's, or back."""
        new = self._channel(store, wish)
        old = [
            one
            for one in have.get(STOCK) or ()
            if _is_amazons(one) != _is_amazons(new)
            and (_is_amazons(one) or one.get("fulfillment_channel_code") == SELLER_SHIPS)
        ]
        # How many lie there is the warehouse's to say: what is there already keeps its number.
        return [patch("merge", STOCK, new), *(patch("delete", STOCK, one) for one in old)]


def _raw(job: Job) -> Tree:
    """What Amazon said of the item that a job is about."""
    return dict(job.row.raw) if job.row is not None else {"sku": job.key}


def _single(store: RemoteStore, value: object) -> Tree:
    return {"value": value, "marketplace_id": store.id}


def _instance(store: RemoteStore, attributes: Tree, name: str, language: str = "") -> Tree:
    """The instance of a marketplace (and a language); empty for none."""
    for one in attributes.get(name) or ():
        if one.get("marketplace_id", store.id) != store.id:
            continue
        if not language or one.get("language_tag", language) == language:
            return dict(one)
    return {}


def _sku_of(store: RemoteStore, raw: Tree) -> str:
    sku = raw["sku"]
    if not isinstance(sku, str) or not sku or not sku.isprintable() or len(sku) > 400:
        raise Incomplete(f"{store.store}: a SKU that is none: {one_line(str(sku), 60)}")
    return sku


def _text(value: object) -> str | None:
    """A text that somebody can read; None for anything else."""
    return value if isinstance(value, str) and value and value.isprintable() else None


def _value(instance: Tree) -> object:
    value = instance.get("value")
    return value if isinstance(value, str) and value else None


def _is_amazons(channel: Mapping[str, object]) -> bool:
    return str(channel.get("fulfillment_channel_code") or "").startswith("AMAZON_")


def _fulfilment(raw: Tree) -> str:
    codes = [str(one.get("fulfillmentChannelCode") or "") for one in raw.get("fulfillmentAvailability") or ()]
    codes += [
        str(one.get("fulfillment_channel_code") or "")
        for one in (raw.get("attributes") or {}).get(STOCK) or ()
    ]
    if not codes:
        return "mfn"  # nobody but the seller ships what Amazon does not have
    return "afn" if any(code.startswith("AMAZON_") for code in codes) else "mfn"


def _gtin_type(gtin: str) -> str:
    return {12: "upc", 14: "gtin"}.get(len(gtin), "ean")
