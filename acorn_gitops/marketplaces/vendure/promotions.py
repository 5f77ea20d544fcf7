"""Promotions. Comes in: jobs. Goes out: rows. Caller: adapter.

Known by name within a channel. What is read back is said in acorn's words where it is one of the shapes that
this module writes; any other is shown as `foreign`, so that a hand in the dashboard is seen and never
misread. Vendure puts every promotion into the default channel too; docs/vendure.md says what follows from
that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from acorn_gitops.marketplaces.by_looking import Job, Raw, RemoteStore, Row, Rows, Trouble, live, one_by_one
from acorn_gitops.marketplaces.vendure import operations as op
from acorn_gitops.marketplaces.vendure.amounts import Amounts
from acorn_gitops.marketplaces.vendure.channels import DEFAULT, channels, slug
from acorn_gitops.marketplaces.vendure.client import Client
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.resource import Attributes
from acorn_gitops.model.sound import is_percent

Operation = dict[str, object]


class Promotions:
    """`promotion`: one promotion of a channel."""

    type = "promotion"
    shared = False

    def __init__(self, client: Client, amounts: Amounts) -> None:
        self._client = client
        self._amounts = amounts

    def rows(self, channel: RemoteStore, keys: Collection[str] | None) -> Rows:
        """All of the channel, or those of these names."""
        raws = self._client.every(op.PROMOTIONS, "promotions", None, channel.token)
        if not raws:
            return Rows()
        variants = self._client.every(op.VARIANTS_OF_SERVER, "productVariants", None, channel.token)
        skus = {raw["id"]: raw["sku"] for raw in variants}
        found = [
            # It names variants by their ids: another SKU of one of them is no change of the promotion.
            (raw["name"], Row(live(self._said(raw, skus, channel), raw, raw["id"], told={"skus": None}), raw))
            for raw in raws
            if keys is None or raw["name"] in keys
        ]
        return Rows("promotions", found)

    def _said(self, raw: Raw, skus: Mapping[str, str], channel: RemoteStore) -> Attributes:
        said: Attributes = {
            "start": _instant(raw["startsAt"]),
            "end": _instant(raw["endsAt"]),
            "code": raw["couponCode"] or None,
        }
        limits = {"perCustomer": raw["perCustomerUsageLimit"], "redemptions": raw["usageLimit"]}
        said["limits"] = {k: v for k, v in limits.items() if v is not None} or None
        try:
            said |= self._meaning(raw, skus, channel)
        except (KeyError, ValueError, IndexError) as error:
            return {**said, "foreign": f"conditions and actions that no spec can say ({error})"}
        if not raw["enabled"]:
            said |= {"foreign": "it is switched off", "enabled": False}
        return said

    def _meaning(self, raw: Raw, skus: Mapping[str, str], channel: RemoteStore) -> Attributes:
        """Type, SKUs, discount and smallest basket. ValueError for any shape that this module does not
        write."""
        conditions = {c["code"]: _arguments(c) for c in raw["conditions"]}
        if len(raw["actions"]) != 1 or len(conditions) != len(raw["conditions"]):
            raise ValueError("several actions, or one condition twice")
        action, given = raw["actions"][0]["code"], _arguments(raw["actions"][0])
        currency = channel.raw["defaultCurrencyCode"]
        out: Attributes = {}
        smallest = conditions.pop("minimum_order_amount", None)
        if smallest is not None:
            if smallest["taxInclusive"] != _flag(channel.raw["pricesIncludeTax"]):
                raise ValueError("the smallest basket is not counted as prices are: with tax, or without")
            out["minimumOrder"] = self._amounts.money(int(smallest["amount"]), currency)
        if action == "buy_x_get_y_free":
            x = conditions.pop("buy_x_get_y_free")
            ids = orjson.loads(x["variantIdsX"])
            if sorted(ids) != sorted(orjson.loads(x["variantIdsY"])):
                raise ValueError("other products are bought than got")
            # Where the same goods are bought and got, those that are got count among the bought.
            buy, get = int(x["amountX"]) - int(x["amountY"]), int(x["amountY"])
            if buy < 1:
                raise ValueError("as many are given as must be taken")
            out |= {"type": "buyXGetY", "discount": {"buyXGetY": {"buy": buy, "get": get}}}
        else:
            held = conditions.pop("contains_products")
            ids = orjson.loads(held["productVariantIds"])
            if int(held["minimum"]) > 1:
                out["minimumQuantity"] = int(held["minimum"])
            if action == "products_percentage_discount":
                if sorted(orjson.loads(given["productVariantIds"])) != sorted(ids):
                    raise ValueError("other products are asked for than are discounted")
                percent = _percent(given["discount"])
                out |= {"type": "percentOff", "discount": {"percent": percent}}
            elif action == "order_fixed_discount":
                amount = self._amounts.money(int(given["discount"]), currency)
                out |= {"type": "amountOff", "discount": {"amount": amount}}
            elif action == "free_shipping":
                out["type"] = "freeShipping"
            else:
                raise ValueError(action)
        if conditions:
            raise ValueError(", ".join(sorted(conditions)))
        if raw["couponCode"]:
            out["type"] = "promoCode" if out["type"] in ("percentOff", "amountOff") else out["type"]
        return {**out, "skus": sorted(skus[str(i)] for i in ids)}

    def create(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """In this channel."""

        def do(job: Job) -> None:
            self._client.write(op.CREATE_PROMOTION, {"input": self._fields(channel, job)}, channel.token)

        return one_by_one(jobs, do)

    def update(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """Written whole: conditions and actions belong together, and what a hand added goes."""

        def do(job: Job) -> None:
            assert job.row is not None
            self._check_alone(channel, job)
            fields = {"id": job.row.raw["id"], **self._fields(channel, job)}
            if job.row.raw["name"] == job.key:
                del fields["translations"]  # the name is the key, and the description is not ours
            self._client.write(op.UPDATE_PROMOTION, {"input": fields}, channel.token)

        return one_by_one(jobs, do)

    def delete(self, channel: RemoteStore, jobs: Sequence[Job]) -> Sequence[Trouble]:
        """From the server, where it is one channel's."""

        def do(job: Job) -> None:
            assert job.row is not None
            self._check_alone(channel, job)
            self._client.write(op.DELETE_PROMOTION, {"id": job.row.raw["id"]}, channel.token)

        return one_by_one(jobs, do)

    def _check_alone(self, channel: RemoteStore, job: Job) -> None:
        """MarketplaceError where other channels have it, too: it is one thing for all of them, and what is
        written or deleted here would be so there. The default channel has everything."""
        assert job.row is not None
        id = str(job.row.raw["id"])
        for code, other in sorted(channels(self._client).items()):
            if code in (slug(DEFAULT), channel.store) or channel.raw["code"] == DEFAULT:
                continue
            options = {"filter": {"id": {"eq": id}}}
            if self._client.every(op.PROMOTION_IDS, "promotions", {"options": options}, other.token):
                raise MarketplaceError(
                    f"channel {code} has this promotion, too, and would be changed with it: take it out of one of them there"
                )

    def _fields(self, channel: RemoteStore, job: Job) -> dict[str, object]:
        wanted = job.merged
        ids = orjson.dumps(self._variants(channel, wanted["skus"])).decode()
        discount = wanted.get("discount") or {}
        conditions: list[Operation] = []
        if "buyXGetY" in discount:
            x = discount["buyXGetY"]
            conditions.append(
                _operation(
                    "buy_x_get_y_free",
                    amountX=x["buy"] + x["get"],  # those that are got count among the bought
                    variantIdsX=ids,
                    amountY=x["get"],
                    variantIdsY=ids,
                )
            )
            action = _operation("buy_x_get_y_free")
        else:
            least = wanted.get("minimumQuantity") or 1
            conditions.append(_operation("contains_products", minimum=least, productVariantIds=ids))
            if "percent" in discount:
                action = _operation(
                    "products_percentage_discount", discount=discount["percent"], productVariantIds=ids
                )
            elif "amount" in discount:
                action = _operation("order_fixed_discount", discount=self._amounts.minor(discount["amount"]))
            else:
                action = _operation("free_shipping")
        if wanted.get("minimumOrder"):
            conditions.append(
                _operation(
                    "minimum_order_amount",
                    amount=self._amounts.minor(wanted["minimumOrder"]),
                    taxInclusive=_flag(channel.raw["pricesIncludeTax"]),
                )
            )
        limits = wanted.get("limits") or {}
        return {
            "enabled": True,
            "startsAt": wanted["start"],
            "endsAt": wanted["end"],
            "couponCode": wanted.get("code"),
            "usageLimit": limits.get("redemptions"),
            "perCustomerUsageLimit": limits.get("perCustomer"),
            "conditions": conditions,
            "actions": [action],
            "translations": [
                {"languageCode": channel.raw["defaultLanguageCode"], "name": job.key, "description": ""}
            ],
        }

    def _variants(self, channel: RemoteStore, skus: Sequence[str]) -> list[str]:
        held = {
            raw["sku"]: raw["id"]
            for raw in self._client.every(op.VARIANTS_OF_SERVER, "productVariants", None, channel.token)
        }
        missing = [sku for sku in skus if sku not in held]
        if missing:
            raise MarketplaceError(f"{channel.store} does not list {', '.join(missing[:5])}")
        return [held[sku] for sku in skus]


def _flag(said: object) -> str:
    return "true" if said else "false"


def _percent(text: str) -> str:
    """A percentage among a promotion's arguments; ValueError for what is none: `1e999990` is short on the
    way, and a million digits afterwards."""
    if not is_percent(text):
        raise ValueError(f"a percentage that is none: {text[:60]}")
    return format(Decimal(text).normalize(), "f")


def _operation(code: str, **arguments: Any) -> Operation:
    return {
        "code": code,
        "arguments": [{"name": name, "value": str(value)} for name, value in arguments.items()],
    }


def _arguments(operation: Mapping[str, Any]) -> dict[str, str]:
    return {argument["name"]: argument["value"] for argument in operation["args"]}


def _instant(text: str | None) -> str | None:
    """`2026-11-26T23:00:00.000Z` to the second: what is declared has none finer."""
    return None if text is None else text.partition(".")[0].removesuffix("Z") + "Z"
