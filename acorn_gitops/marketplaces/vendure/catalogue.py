"""Listings as product variants with a price in each channel, stock rows at locations. Comes in: jobs. Goes
out: rows. Caller: adapter.

A variant is the whole server's: its SKU, name, state and tax category are one, its price and whether it is
offered are each channel's. A SKU that is there already is assigned to a further channel, never created again.
A new one is made whole, price included, in one mutation: at no moment is it on sale for nothing, and a run
that dies leaves none half made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from acorn_gitops.confine.text import normal
from acorn_gitops.marketplaces.by_looking import (
    Doubtful,
    Job,
    Raw,
    RemoteStore,
    Row,
    Rows,
    Trouble,
    Unsure,
    live,
    one_by_one,
)
from acorn_gitops.marketplaces.vendure import operations as op
from acorn_gitops.marketplaces.vendure.amounts import Amounts
from acorn_gitops.marketplaces.vendure.channels import DEFAULT, Locations, slug
from acorn_gitops.marketplaces.vendure.client import Client, Refusal
from acorn_gitops.marketplaces.vendure.tax import Categories
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import Attributes, Live

BATCH: Final = 250
"""Rows in one mutation: more make no difference to the server, and one that it refuses is sent again
alone."""
ASKED: Final = 500
"""SKUs in one filter."""
NOTHING: Final = "it has no price, and Vendure would sell it for nothing"
NO_BASE: Final = (
    "it has no price in the default channel, from which Vendure takes that of any other: give it one there"
)


class Listings:
    """`listing`: a variant in a channel, by its SKU."""

    type = "listing"
    shared = False

    def __init__(self, client: Client, amounts: Amounts, categories: Categories) -> None:
        self._client = client
        self._amounts = amounts
        self._categories = categories
        self._ids: dict[str, str] = {}

    def rows(self, channel: RemoteStore, keys: Collection[str] | None) -> Rows:
        """All of the channel, or those of these SKUs."""
        return Rows(
            "product variants",
            [
                (raw["sku"], Row(self._live(raw, channel), raw))
                for raw in self._read(op.VARIANTS, channel.token, keys)
            ],
        )

    def _read(self, operation: str, token: str, keys: Collection[str] | None) -> list[Raw]:
        if keys is None:
            return self._client.every(operation, "productVariants", None, token)
        found: list[dict[str, object]] = []
        names = sorted(keys)
        for start in range(0, len(names), ASKED):
            options = {"filter": {"sku": {"in": names[start : start + ASKED]}}}
            found += self._client.every(operation, "productVariants", {"options": options}, token)
        return [raw for raw in found if raw["sku"] in set(names)]

    def _live(self, raw: Raw, channel: RemoteStore) -> Live:
        """A variant, with what buyers can pay in other currencies of its channel."""
        own, open_ = channel.raw["defaultCurrencyCode"], channel.raw["availableCurrencyCodes"]
        others = {
            p["currencyCode"]: p["price"]
            for p in raw["prices"]
            if p["currencyCode"] != own and p["currencyCode"] in open_
        }
        found = live(self._said(raw, channel), raw, raw["id"])
        if not others:
            return found
        amounts = (self._amounts.money(price, currency) for currency, price in sorted(others.items()))
        return found._replace(also_for=tuple(f"{one['value']} {one['currency']}" for one in amounts))

    def _said(self, raw: Raw, channel: RemoteStore) -> Attributes:
        currency = channel.raw["defaultCurrencyCode"]
        price = next((p["price"] for p in raw["prices"] if p["currencyCode"] == currency), None)
        # Of what is not counted everything can be bought, whatever is kept back.
        own = not raw["useGlobalOutOfStockThreshold"] and raw["trackInventory"] != "FALSE"
        return {
            "sku": raw["sku"],
            "title": raw["name"] or None,
            "status": "active" if raw["enabled"] and raw["product"]["enabled"] else "inactive",
            "price": self._amounts.money(price, currency) if price is not None else None,
            "taxClass": slug(raw["taxCategory"]["name"]) if raw["taxCategory"] else None,
            "fulfillment": "mfn",
            "allocation": {"buffer": {"units": raw["outOfStockThreshold"]}} if own else None,
        }

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """New SKUs are made; those that another channel has are assigned to this one, with this one's
        price."""
        free = {job.key: NOTHING for job in jobs if _on_sale(job) and not job.merged.get("price")}
        made = iter(self._create(channel, [job for job in jobs if job.key not in free]))
        return [free[job.key] if job.key in free else next(made) for job in jobs]

    def _create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        held = self._read(op.VARIANTS_OF_SERVER, "", [job.key for job in jobs])
        known = {raw["sku"]: raw for raw in held}
        several = {sku for sku, count in Counter(raw["sku"] for raw in held).items() if count > 1}
        troubles: dict[str, Trouble] = dict.fromkeys(
            several,
            "other channels have several variants of this SKU, and which one is meant cannot be known",
        )
        fresh = [job for job in jobs if job.key not in known]
        shared = [job for job in jobs if job.key in known and job.key not in several]
        bases = self._bases(channel, shared)
        # Vendure would take one of nothing, or of what nobody knows, into the channel, and sell it for that.
        blind = {job.key: NO_BASE for job in shared if _on_sale(job) and not bases.get(job.key)}
        troubles |= blind
        shared = [job for job in shared if job.key not in blind]
        troubles |= zip(
            (job.key for job in fresh),
            self._each(fresh, lambda part: self._make(channel, part), once=True),
            strict=True,
        )
        assigned = self._each(shared, lambda part: self._assign(channel, part, known, bases))
        troubles |= zip((job.key for job in shared), assigned, strict=True)
        return [troubles.get(job.key) for job in jobs]

    def _make(self, channel: RemoteStore, jobs: Sequence[Job]) -> None:
        """Products in one request, their variants in another, each whole: there is no half-made listing."""
        fields, variables = op.CREATE_PRODUCT
        rows = [self._new(channel, job) for job in jobs]  # before anything is sent: it may be refused
        products = self._left_behind(channel, jobs)
        missing = [job for job in jobs if job.key not in products]
        if missing:
            names = {
                f"t{n}": [{**self._translation(channel, job), "slug": web_name(job), "description": ""}]
                for n, job in enumerate(missing)
            }
            made = self._client.write(op.many(fields, variables, len(missing)), names, channel.token)
            products |= {job.key: made[f"f{n}"]["id"] for n, job in enumerate(missing)}
        for row in rows:
            row["productId"] = products[row["sku"]]
        self._client.write(op.CREATE_VARIANTS, {"input": rows}, channel.token)

    def _left_behind(self, channel: RemoteStore, jobs: Sequence[Job]) -> dict[str, str]:
        """Products that an interrupted run made, and whose variants it did not: they are used, not made
        again. What other channels have is none of them: its variants would be sold there, too."""
        slugs = {web_name(job): job.key for job in jobs}
        options = {"filter": {"slug": {"in": sorted(slugs)}}}
        # By the whole server: a channel says of a product that it is its own, and nothing of others.
        found = self._client.every(op.EMPTY_PRODUCTS, "products", {"options": options})
        own = {DEFAULT, channel.raw["code"]}
        return {
            slugs[raw["slug"]]: raw["id"]
            for raw in found
            if raw["slug"] in slugs
            and raw["variantList"]["totalItems"] == 0
            and {one["code"] for one in raw["channels"]} == own
        }

    def _new(self, channel: RemoteStore, job: Job) -> Raw:
        wanted = job.merged
        fields = {k: v for k, v in self._fields(channel, job, "").items() if k not in ("id", "prices")}
        # `price`, and not `prices`: Vendure makes a new variant with the latter for nothing (observed in
        # 3.7.3).
        price = self._amounts.minor(wanted["price"]) if wanted.get("price") else 0
        return fields | {"sku": job.key, "price": price, "translations": [self._translation(channel, job)]}

    def _bases(self, channel: RemoteStore, jobs: Sequence[Job]) -> dict[str, int]:
        """By SKU, the price from which Vendure takes that of this channel: minor units."""
        name = "priceWithTax" if channel.raw["pricesIncludeTax"] else "price"
        try:
            priced = self._read(op.PRICES_OF_SERVER, "", [job.key for job in jobs]) if jobs else []
        except Refusal:  # a default channel without a tax zone has no prices
            return {}
        return {raw["sku"]: raw[name] for raw in priced if raw[name]}

    def _assign(
        self,
        channel: RemoteStore,
        jobs: Sequence[Job],
        known: Mapping[str, Raw],
        bases: Mapping[str, int],
    ) -> None:
        """Into this channel with this channel's price from the first moment: Vendure takes it from the
        default channel times a factor, so that the factor is what makes it right."""
        fields, variables = op.ASSIGN_VARIANT
        inputs: Raw = {}
        rows = []
        for n, job in enumerate(jobs):
            raw, base = known[job.key], bases.get(job.key)
            inputs[f"i{n}"] = {"productVariantIds": [raw["id"]], "channelId": channel.id}
            if base and job.merged.get("price"):
                inputs[f"i{n}"]["priceFactor"] = self._amounts.minor(job.merged["price"]) / base
            rows.append(self._fields(channel, job, raw["id"]))
        asleep = [{"id": row["id"], "enabled": False} for row in rows if row.get("enabled") is False]
        if asleep:
            # What shall not be sold here is off before it is here, at whatever it costs elsewhere.
            self._client.write(op.UPDATE_VARIANTS, {"input": asleep})
        self._client.write(op.many(fields, variables, len(jobs)), inputs)
        self._client.write(op.UPDATE_VARIANTS, {"input": rows}, channel.token)

    def _translation(self, channel: RemoteStore, job: Job) -> dict[str, str]:
        return {
            "languageCode": channel.raw["defaultLanguageCode"],
            "name": job.merged.get("title") or job.key,
        }

    def _category(self, name: str) -> str:
        if name not in self._ids:
            self._ids = {key: row.live.remote_id for key, row in self._categories.all().items()}
        if name not in self._ids:
            raise MarketplaceError(f"there is no tax class {name}")
        return self._ids[name]

    def update(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """What was sent only, many in one request."""

        def carry(part: Sequence[Job]) -> None:
            rows = []
            for job in part:
                assert job.row is not None
                rows.append(self._fields(channel, job, job.row.raw["id"]))
            self._client.write(op.UPDATE_VARIANTS, {"input": rows}, channel.token)

        sleeping, troubles = self._sleeping(jobs)
        sent = [job for job in jobs if job.key not in troubles]
        troubles |= zip((job.key for job in sent), self._each(sent, carry), strict=True)
        # What it costs first, and then it is sold.
        for id, keys in sleeping.items():
            refused = [key for key in keys if troubles[key] is not None]
            why = (
                f"its product (id {id}) stays switched off, as {refused[0]} of it was refused"
                if refused
                else self._switch_on(channel, id)
            )
            troubles |= {key: why for key in keys if troubles[key] is None}
        return [troubles[job.key] for job in jobs]

    def _switch_on(self, channel: RemoteStore, id: str) -> Trouble:
        try:
            self._client.write(op.ENABLE_PRODUCT, {"id": id}, channel.token)
        except Doubtful as doubt:
            return Unsure(doubt.message)
        except Refusal as refusal:
            return refusal.message
        return None

    def _sleeping(self, jobs: Sequence[Job]) -> tuple[dict[str, list[str]], dict[str, Trouble]]:
        """Products that are off and of which variants go on sale, with these; and the variants that cannot,
        since others of the same product would go on sale with them and nobody said so."""
        waiting: dict[str, list[str]] = {}
        for job in jobs:
            if job.row is None or "status" not in job.attributes or not _on_sale(job):
                continue
            product = job.row.raw["product"]
            if not product["enabled"]:
                waiting.setdefault(str(product["id"]), []).append(job.key)
        if not waiting:
            return {}, {}
        options = {"filter": {"id": {"in": sorted(waiting)}}}
        # By the whole server: a product is switched on for every channel that has it. What is off by itself
        # stays off.
        on = {
            str(raw["id"]): raw["variantList"]
            for raw in self._client.every(op.PRODUCTS, "products", {"options": options})
        }
        troubles: dict[str, Trouble] = {}
        for id, keys in sorted(waiting.items()):
            held = on.get(id, {"totalItems": 1, "items": []})
            others = held["totalItems"] - sum(one["sku"] in keys for one in held["items"])
            if not others:
                continue
            del waiting[id]
            why = f"its product (id {id}) is switched off, and {others} more variants would go on sale with it: switch it on there"
            troubles |= dict.fromkeys(keys, why)
        return waiting, troubles

    def _fields(self, channel: RemoteStore, job: Job, id: str) -> dict[str, object]:
        """An update's input. On sale only with a price: an active listing without one is refused."""
        sent, merged = job.attributes, job.merged
        fields: dict[str, object] = {"id": id}
        if job.row is not None and job.row.raw["sku"] != job.key:
            fields["sku"] = job.key
        if "title" in sent:
            fields["translations"] = [self._translation(channel, job)]
        if sent.get("price") is not None:
            fields["prices"] = [
                {"currencyCode": sent["price"]["currency"], "price": self._amounts.minor(sent["price"])}
            ]
        if sent.get("taxClass") is not None:
            fields["taxCategoryId"] = self._category(sent["taxClass"])
        if "status" in sent or job.row is None:
            fields["enabled"] = _on_sale(job)
        if fields.get("enabled") and not merged.get("price"):
            raise MarketplaceError(NOTHING)
        for name in ("price", "title", "taxClass"):
            if name in sent and sent[name] is None:
                raise MarketplaceError(f"{name} cannot be cleared in Vendure")
        if "allocation" in sent:
            units = ((sent["allocation"] or {}).get("buffer") or {}).get("units")
            fields["useGlobalOutOfStockThreshold"] = units is None
            if units is not None:
                fields |= {"outOfStockThreshold": units, "trackInventory": "TRUE"}
        return fields

    def delete(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Taken out of the channel; out of the default channel means out of the server."""

        def carry(part: Sequence[Job]) -> None:
            ids = [job.row.raw["id"] for job in part if job.row is not None]
            if channel.raw["code"] == DEFAULT:
                self._client.write(op.DELETE_VARIANTS, {"ids": ids}, channel.token)
            else:
                self._client.write(op.REMOVE_VARIANTS, {"ids": ids, "channel": channel.id})

        elsewhere = self._elsewhere(channel, jobs) if channel.raw["code"] == DEFAULT else {}
        done = iter(self._each([job for job in jobs if job.key not in elsewhere], carry))
        return [elsewhere[job.key] if job.key in elsewhere else next(done) for job in jobs]

    def _elsewhere(self, channel: RemoteStore, jobs: Sequence[Job]) -> dict[str, Trouble]:
        """SKUs that other channels have too, and why they are not deleted with the server's variant."""
        found = self._read(op.CHANNELS_OF_VARIANTS, channel.token, [job.key for job in jobs])
        held = {
            raw["sku"]: sorted(c["code"] for c in raw["channels"] if c["code"] != DEFAULT) for raw in found
        }
        return {
            sku: f"{', '.join(map(slug, codes))} sells it too, and would lose it: out of the default channel is out of the server"
            for sku, codes in held.items()
            if codes
        }

    def _each(
        self, jobs: Sequence[Job], carry: Callable[[Sequence[Job]], None], *, once: bool = False
    ) -> list[Trouble]:
        """Many together; those that are refused together, each alone. `once`: what may have been done must
        not be done again."""
        troubles: list[Trouble] = []
        for start in range(0, len(jobs), BATCH):
            part = jobs[start : start + BATCH]
            try:
                carry(part)
                troubles += [None] * len(part)
            except Doubtful as doubt:
                troubles += self._in_doubt(part, carry, doubt, once=once)
            except Refusal as refusal:
                troubles += (
                    [refusal.message] if len(part) == 1 else one_by_one(part, lambda job: carry([job]))
                )
            except MarketplaceError as error:
                if type(error) is not MarketplaceError:
                    raise
                troubles += [error.message] if len(part) == 1 else one_by_one(part, lambda job: carry([job]))
        return troubles

    def _in_doubt(
        self, part: Sequence[Job], carry: Callable[[Sequence[Job]], None], doubt: Doubtful, *, once: bool
    ) -> list[Trouble]:
        """Of many that may have been done, or not: each alone, but for those that are there by now. What may
        still come is left alone."""
        if len(part) == 1 or doubt.late:
            return [Unsure(doubt.message) for _ in part]
        keys = [job.key for job in part] if once else []
        there = {raw["sku"] for raw in self._read(op.VARIANTS_OF_SERVER, "", keys)} if keys else set()
        alone = iter(one_by_one([job for job in part if job.key not in there], lambda job: carry([job])))
        return [Unsure(doubt.message) if job.key in there else next(alone) for job in part]


def _on_sale(job: Job) -> bool:
    return (job.merged.get("status") or "active") == "active"


def web_name(job: Job) -> str:
    """The part of a web address that a product gets: its title and its SKU in plain letters."""
    plain = normal("NFKD", f"{job.merged.get('title') or ''} {job.key}").encode("ascii", "ignore")
    return re.sub(r"[^a-z0-9]+", "-", plain.decode().lower()).strip("-") or "product"


class Stock:
    """`stock`: a SKU's row at a location. How many lie there is the warehouse's to say; acorn only sees to it
    that there is a row."""

    type = "stock"
    shared = True
    """Vendure makes rows of its own accord."""

    def __init__(self, client: Client, locations: Locations) -> None:
        self._client = client
        self._locations = locations

    def rows(self, channel: RemoteStore, keys: Collection[str] | None) -> Rows:
        """SKUs that have a row at this location."""
        place = self._locations.all().get(channel.store)
        if place is None:
            return Rows()
        found: list[tuple[str, Row]] = []
        for raw in self._client.every(op.STOCK, "productVariants"):
            if keys is not None and raw["sku"] not in keys:
                continue
            if any(level["stockLocationId"] == place.live.remote_id for level in raw["stockLevels"]):
                found.append((raw["sku"], Row(live({}, {}, raw["id"]), raw)))
        return Rows("product variants", found)

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """A row with nothing on hand."""
        place = self._locations.all().get(channel.store)
        if place is None:
            return [f"there is no stock location {channel.store}" for _ in jobs]
        held = {raw["sku"]: raw["id"] for raw in self._client.every(op.STOCK, "productVariants")}

        def do(job: Job) -> None:
            if job.key not in held:
                raise MarketplaceError(f"there is no SKU {job.key}")
            levels = [{"stockLocationId": place.live.remote_id, "stockOnHand": 0}]
            self._client.write(op.UPDATE_VARIANTS, {"input": [{"id": held[job.key], "stockLevels": levels}]})

        return one_by_one(jobs, do)

    def update(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """There is nothing that could be changed."""
        return [None for _ in jobs]

    def delete(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Vendure keeps rows."""
        return ["Vendure keeps a SKU's row at a location" for _ in jobs]
