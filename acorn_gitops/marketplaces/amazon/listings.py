"""SKU mappings as listings items. Comes in: jobs. Goes out: rows. Caller: adapter.

Read whole by searching, in windows of time where there are more than a search shows; written by patches that
name only what changes. An instance of an attribute (an offer, a stock channel) is read, changed and sent back
whole, as Amazon forgets whatever of it is not said again; other instances are not touched. Accepted is not
applied: a write is done when it is seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.amazon import operations as op
from acorn_gitops.marketplaces.amazon.client import Client, Missing, Refusal
from acorn_gitops.marketplaces.amazon.on_its_way import Key, OnItsWay
from acorn_gitops.marketplaces.by_looking import Job, Raw, RemoteStore, Row, Rows, Trouble, live, one_by_one
from acorn_gitops.model.finding import Incomplete, MarketplaceError, Unreachable
from acorn_gitops.model.money import canonical
from acorn_gitops.model.resource import Attributes

Tree = Raw
PAGE: Final = 20
ASKED: Final = 20
"""SKUs that one search may name."""
MOST: Final = 5_000_000
"""Listings of one marketplace."""
SEARCHED: Final = 1000
"""What a search shows at most."""
DATA: Final = "summaries,attributes,fulfillmentAvailability"
NARROWEST: Final = timedelta(milliseconds=1)
PRICES: Final[Mapping[str, str]] = {
    "price": "our_price",
    "minPrice": "minimum_seller_allowed_price",
    "maxPrice": "maximum_seller_allowed_price",
    "mapPrice": "map_price",
}
OFFER: Final = "purchasable_offer"
SALE: Final = "discounted_price"
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

    def __init__(self, client: Client) -> None:
        self._client = client
        self._searches = 0
        self._on_its_way = OnItsWay()

    def rows(self, store: RemoteStore, keys: Collection[str] | None) -> Rows:
        """All of a marketplace, or those of these SKUs."""
        return self.rows_of(store, self.items(store, keys))

    def items(self, store: RemoteStore, keys: Collection[str] | None) -> list[Tree]:
        """The same, as Amazon has them."""
        found = self._every(store) if keys is None else self._these(store, sorted(keys))
        now = self._client.now()
        for raw in found:
            self._on_its_way.notice(
                _way(store, raw["sku"]), offer_of(store, raw.get("attributes") or {}), now
            )
        return found

    def rows_of(self, store: RemoteStore, items: Iterable[Tree]) -> Rows:
        """Rows of items that were read already."""
        several: dict[str, str] = {}
        found: list[tuple[str, Row]] = []
        for raw in items:
            found.append((_sku_of(store, raw), self._row(store, raw)))
            if why := _ambiguous(store, raw.get("attributes") or {}):
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
        return one_by_one(jobs, lambda job: self._send(store, _raw(job), self._change(store, job)))

    def delete(self, store: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """From this marketplace alone."""
        return one_by_one(jobs, lambda job: self._delete(store, job))

    def preview(self, store: RemoteStore, job: Job) -> Trouble:
        """Amazon's own verdict on a creation or a change, which has no effect; None where it would take it."""
        try:
            body = self._change(store, job) if job.row is not None else self._creation(store, job)
            if body.get("patches") == []:
                return None
            operation = op.PREVIEW_PATCH if "patches" in body else op.PREVIEW_PUT
            query = {"marketplaceIds": store.id, "mode": "VALIDATION_PREVIEW", "includedData": "issues"}
            answer = self._client.call(operation, _path(store, job.key), query, body)
        except Unreachable:
            raise
        except MarketplaceError as error:
            return error.message
        return None if answer.get("status") in ("VALID", "ACCEPTED") else _issues(answer)

    # -- reading ---------------------------------------------------------------------------------------------

    def _every(self, store: RemoteStore) -> list[Tree]:
        self._searches = 1
        first = self._page(store, {})
        if not 0 <= first["numberOfResults"] <= MOST:
            raise Incomplete(f"{store.store}: {first['numberOfResults']} listings make no sense")
        # What is left of the searches that it may take: looking for windows costs some on top of the pages.
        self._searches = 200 + 3 * (first["numberOfResults"] // PAGE)
        if first["numberOfResults"] <= SEARCHED:
            return list(self._pages(store, {}, first).values())
        start, end = self._edge(store, "ASC"), self._edge(store, "DESC")
        found = self._window(store, start, end)
        if len(found) < first["numberOfResults"]:
            raise Incomplete(
                f"{store.store}: {len(found)} of {first['numberOfResults']} listings were read",
                hint="run again; nothing was concluded from this",
            )
        return list(found.values())

    def _edge(self, store: RemoteStore, order: str) -> datetime:
        """When the oldest (ASC) or the newest (DESC) listing was created."""
        page = self._page(store, {"sortBy": "createdDate", "sortOrder": order})
        return _instant(_summary(store, page["items"][0])["createdDate"])

    def _window(self, store: RemoteStore, start: datetime, end: datetime) -> dict[str, Tree]:
        """What was created in a span of time, by SKU; halved until a search shows all of it."""
        query = {"createdAfter": _stamp(start), "createdBefore": _stamp(end)}
        first = self._page(store, query)
        if first["numberOfResults"] > SEARCHED:
            if end - start <= NARROWEST:
                raise Incomplete(
                    f"{store.store}: more than {SEARCHED} listings were created in one moment, and a search shows no more"
                )
            middle = start + (end - start) / 2
            return {**self._window(store, start, middle), **self._window(store, middle, end)}
        return self._pages(store, query, first)

    def _these(self, store: RemoteStore, skus: Sequence[str]) -> list[Tree]:
        found: list[Tree] = []
        self._searches = 200 + 3 * len(skus)
        # Names in a list are separated by commas, so that one with a comma is asked for by itself.
        plain = [sku for sku in skus if "," not in sku]
        for start in range(0, len(plain), ASKED):
            query = {"identifiers": ",".join(plain[start : start + ASKED]), "identifiersType": "SKU"}
            found += self._pages(store, query, self._page(store, query)).values()
        for sku in skus:
            if "," in sku and (raw := self._one(store, sku)) is not None:
                found.append(raw)
        wanted = set(skus)
        return [raw for raw in found if raw["sku"] in wanted]

    def _one(self, store: RemoteStore, sku: str) -> Tree | None:
        query = {"marketplaceIds": store.id, "includedData": DATA}
        try:
            raw: Tree = self._client.call(op.GET_LISTING, _path(store, sku), query)
        except Missing:
            return None
        if raw.get("sku") != sku:
            raise Incomplete(f"{store.store}: another SKU was answered than {one_line(sku, 60)}")
        return raw

    def _pages(self, store: RemoteStore, query: Mapping[str, str], page: Tree) -> dict[str, Tree]:
        """The rest of a search after its first page. Incomplete where it does not add up."""
        total, found, seen = page["numberOfResults"], dict[str, Tree](), set[str]()
        count = 0
        while True:
            for raw in page["items"]:
                found[str(raw["sku"])] = raw
                count += 1
            token = str((page.get("pagination") or {}).get("nextToken") or "")
            if not token:
                break
            if token in seen or count > SEARCHED or not page["items"]:
                raise Incomplete(f"{store.store}: the pages of listings do not come to an end")
            seen.add(token)
            page = self._page(store, {**query, "pageToken": token})
        if len(found) != total or count != total:
            raise Incomplete(
                f"{store.store}: {len(found)} of {total} listings were read",
                hint="run again; nothing was concluded from this",
            )
        return found

    def _page(self, store: RemoteStore, query: Mapping[str, str]) -> Tree:
        self._searches -= 1
        if self._searches < 0:
            raise Incomplete(f"{store.store}: reading its listings does not come to an end")
        fixed = {"marketplaceIds": store.id, "includedData": DATA, "pageSize": str(PAGE)}
        ordered = {"sortBy": "sku", "sortOrder": "ASC"}
        page: Tree = self._client.call(
            op.SEARCH_LISTINGS, {"sellerId": store.raw["sellerId"]}, {**fixed, **ordered, **query}
        )
        if type(page["numberOfResults"]) is not int or len(page["items"]) > PAGE:
            raise Incomplete(f"{store.store}: a page of listings makes no sense")
        return page

    def _row(self, store: RemoteStore, raw: Tree) -> Row:
        attributes = raw.get("attributes") or {}
        summary = _summary(store, raw)
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
            if amount is not None and (ours != "price" or _is_on(offer, now)):
                currency = str(offer["currency"])
                made[ours] = {"currency": currency, "value": canonical(format(amount, "f"), currency)}
        # Of an offer what a listing says; its sale price is a promotion, with a version of its own.
        rest = {name: value for name, value in offer.items() if name != SALE}
        told = {OFFER: str(sorted(rest.items())), STOCK: str(attributes.get(STOCK))}
        return Row(live(made, {}, str(raw["sku"]), told), raw)

    # -- writing ---------------------------------------------------------------------------------------------

    def _create(self, store: RemoteStore, job: Job) -> None:
        if self._one(store, job.key) is not None:
            raise MarketplaceError(
                "it is there already, and a search does not show it yet: run again in some minutes"
            )
        self._send(store, {"sku": job.key}, self._creation(store, job))

    def _send(self, store: RemoteStore, raw: Tree, body: Tree) -> None:
        if "patches" not in body:
            self._carry(op.PUT_LISTING, store, raw, body=body)
        elif body["patches"]:
            self._carry(op.PATCH_LISTING, store, raw, body=body)

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
                patches.append(_patch("replace", name, value))
            else:
                language = store.raw["language"] if name in WORDED.values() else ""
                # What is not for sale is for sale to nobody: businesses have an offer of their own.
                gone = offers_of(store, have) if name == OFFER else [_instance(store, have, name, language)]
                patches += [_patch("delete", name, one) for one in gone if one]
        if "fulfillment" in job.attributes:
            patches += self._other_channel(store, have, job.attributes)
        summary = _summary(store, raw)
        product = job.attributes.get("productType") or summary.get("productType") or "PRODUCT"
        return {"productType": product, "patches": patches}

    def _delete(self, store: RemoteStore, job: Job) -> None:
        self._submit(op.DELETE_LISTING, store, job.key, None)

    def _submit(self, operation: op.Operation, store: RemoteStore, sku: str, body: object) -> None:
        """Accepted, or MarketplaceError with what Amazon says is wrong: its 200 says nothing yet."""
        answer = self._client.call(operation, _path(store, sku), {"marketplaceIds": store.id}, body)
        if answer.get("status") == "ACCEPTED":
            return
        raise Refusal(_issues(answer))

    def _carry(self, operation: op.Operation, store: RemoteStore, raw: Tree, *, body: Tree) -> None:
        """Submit, and keep in mind the offer that is on its way; a refused one is not."""
        offer, key = _offer_in(body), _way(store, raw["sku"])
        found, now = offer_of(store, raw.get("attributes") or {}), self._client.now()
        try:
            self._submit(operation, store, raw["sku"], body)
        except Refusal:
            raise
        except Exception:
            if offer is not None:
                self._on_its_way.sent(key, found, offer, now, certain=False)
            raise
        if offer is not None:
            self._on_its_way.sent(key, found, offer, now)

    def send_offer(self, store: RemoteStore, raw: Tree, offer: Tree) -> None:
        """The whole offer of an item, as it shall be."""
        product = _summary(store, raw).get("productType") or "PRODUCT"
        body = {"productType": product, "patches": [_patch("replace", OFFER, offer)]}
        self._carry(op.PATCH_LISTING, store, raw, body=body)

    def offer(self, store: RemoteStore, raw: Tree) -> Tree:
        """The offer of an item as it is, or will be once what this run has sent is seen. MarketplaceError
        where somebody else changed it meanwhile."""
        found = offer_of(store, raw.get("attributes") or {})
        return self._on_its_way.offer(_way(store, raw["sku"]), found, self._client.now())

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
            **self.offer(store, raw),
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
            and not _is_on(offer, self._client.present())
        ):
            # It has ended, or has not begun.
            offer = {name: value for name, value in offer.items() if name not in ("start_at", "end_at")}
        return offer

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
        return [_patch("merge", STOCK, new), *(_patch("delete", STOCK, one) for one in old)]


def _issues(answer: Tree) -> str:
    """What Amazon says is wrong."""
    issues = [one for one in answer.get("issues") or () if one.get("severity") == "ERROR"]
    said = "; ".join(one_line(f"{one.get('code')} {one.get('message')}", 300) for one in issues[:5])
    return f"Amazon answers {one_line(str(answer.get('status')), 20)}: {said}"


def _raw(job: Job) -> Tree:
    """What Amazon said of the item that a job is about."""
    return dict(job.row.raw) if job.row is not None else {"sku": job.key}


def _way(store: RemoteStore, sku: str) -> Key:
    return str(store.raw.get("sellerId")), store.id, sku


def _offer_in(body: Tree) -> Tree | None:
    """The offer that a request leaves behind: empty for none, None where it says nothing of it."""
    if "attributes" in body:
        said = body["attributes"].get(OFFER)
        return dict(said[0]) if said else None
    for patch in body["patches"]:
        if patch["path"] == f"/attributes/{OFFER}":
            return {} if patch["op"] == "delete" else dict(patch["value"][0])
    return None


def _patch(operation: str, name: str, value: Tree) -> Tree:
    return {"op": operation, "path": f"/attributes/{name}", "value": [value]}


def _path(store: RemoteStore, sku: str) -> dict[str, str]:
    return {"sellerId": store.raw["sellerId"], "sku": sku}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _instant(text: str) -> datetime:
    """ValueError where it has no zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return found


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


def _ambiguous(store: RemoteStore, attributes: Tree) -> str:
    """Why nobody can say what an item costs; empty where it can be said."""
    mine = [
        one
        for one in attributes.get(OFFER) or ()
        if one.get("marketplace_id", store.id) == store.id
        and one.get("audience", "ALL") == "ALL"
        and one.get("currency") == store.raw["currency"]
    ]
    if len(mine) > 1:
        return f"there are {len(mine)} offers to everybody, and which one counts cannot be known"
    for name in PRICES.values() if mine else ():
        blocks = mine[0].get(name) or []
        if len(blocks) > 1 or any(len(block.get("schedule") or ()) > 1 for block in blocks):
            return f"its {name} has several amounts, and which one counts cannot be known"
    return ""


def _text(value: object) -> str | None:
    """A text that somebody can read; None for anything else."""
    return value if isinstance(value, str) and value and value.isprintable() else None


def _summary(store: RemoteStore, raw: Tree) -> Tree:
    """What Amazon says of a SKU in short; empty where it says nothing."""
    for one in raw.get("summaries") or ():
        if one.get("marketplaceId") == store.id:
            return dict(one)
    return {}


def offer_of(store: RemoteStore, attributes: Tree) -> Tree:
    """The offer to everybody, in the marketplace's currency."""
    for one in offers_of(store, attributes):
        if one.get("audience", "ALL") == "ALL" and one.get("currency") == store.raw["currency"]:
            return one
    return {}


def offers_of(store: RemoteStore, attributes: Tree) -> list[Tree]:
    """The offers in a marketplace: to everybody, and to businesses."""
    return [
        dict(one) for one in attributes.get(OFFER) or () if one.get("marketplace_id", store.id) == store.id
    ]


def is_sold(store: RemoteStore, attributes: Tree, now: datetime) -> bool:
    """Whether anybody can buy it now, but for stock: an offer has a price, and has begun and not ended."""
    return any(
        amount_of(offer, "our_price") is not None and _is_on(offer, now)
        for offer in offers_of(store, attributes)
    )


def _is_on(offer: Tree, now: datetime) -> bool:
    """Whether an offer has begun, and has not ended. What is no instant says nothing."""
    begins, ends = _when(offer.get("start_at")), _when(offer.get("end_at"))
    return (begins is None or begins <= now) and (ends is None or now < ends)


def _when(said: object) -> datetime | None:
    text = said.get("value") if isinstance(said, dict) else said
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _value(instance: Tree) -> object:
    value = instance.get("value")
    return value if isinstance(value, str) and value else None


def amount_of(offer: Tree, name: str) -> Decimal | None:
    """The amount of a price; None where there is none. An amount is a number, and nothing else is."""
    blocks = offer.get(name)
    if not blocks:
        return None
    amount = blocks[0]["schedule"][0]["value_with_tax"]
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise Incomplete(f"a price makes no sense: {one_line(str(amount), 40)}")
    found = Decimal(amount)
    if not 0 <= found < Decimal(10) ** 12 or -int(found.normalize().as_tuple().exponent) > 4:
        raise Incomplete(f"a price makes no sense: {one_line(str(amount), 40)}")
    return found


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
