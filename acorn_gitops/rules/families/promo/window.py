"""PRO rules that specs alone decide. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from acorn_gitops.engines.pricing.calendar import calendar_of
from acorn_gitops.engines.pricing.offer import major
from acorn_gitops.model.money import MoneyError, as_written
from acorn_gitops.model.reference import sale_zone
from acorn_gitops.model.selectors import CHOSEN, Grouped, select
from acorn_gitops.model.window import NoSuchTime, NoSuchZone, TwiceSuchTime, instant
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import MomentData, PromoData, SkuSelectionData, StoreData

SHOWN = 10
"""Of one promotion, so many listings are told."""
_NEEDS = {"salePrice": "salePrice", "percentOff": "percent", "amountOff": "amount", "buyXGetY": "buyXGetY"}


def _stores(context: Context, promo: Spec[PromoData]) -> list[Spec[StoreData]]:
    config = context.configuration
    fronts = [(s.name, s.labels) for s in config.stores.values() if s.spec["type"] == "storefront"]
    names = select(promo.spec["stores"], fronts)
    return [config.stores[n] for n in names]


def _moment(moment: MomentData, store: Spec[StoreData]) -> datetime:
    tz = sale_zone(store.spec.get("storefront") or {}) if moment["tz"] == "store" else moment["tz"]
    return instant(moment["local"], tz, moment.get("fold"))


@rule(
    "PRO-001",
    "error",
    "A promotion's window is not empty and not over",
    why="It would never hold, or hold at once.",
    mend="Correct start and end; remove promotions that are over.",
)
def window(context: Context) -> Iterator[Said]:
    """start < end in every store; over in every store is a warning."""
    config = context.configuration
    for promo in config.promos.values():
        over = 0
        stores = _stores(context, promo)
        for store in stores:
            try:
                start = _moment(promo.spec["window"]["start"], store)
                end = _moment(promo.spec["window"]["end"], store)
            except ValueError:
                continue
            if start >= end:
                yield breach(
                    promo,
                    ("spec", "window", "end"),
                    f"the window ends before it begins (in {store.name})",
                    mend="swap start and end",
                )
                break
            over += end <= context.now
        if stores and over == len(stores):
            yield breach(
                promo,
                ("spec", "window", "end"),
                "this promotion is over",
                mend="remove it when its prices are back",
                severity="warning",
            )


@rule(
    "PRO-002",
    "error",
    "The discount fits the type, and is one",
    why="A promotion without a discount confuses everybody.",
    mend="Give the type its discount: percent, amount, salePrice or buyXGetY, more than nothing and less than the price.",
)
def discount(context: Context) -> Iterator[Said]:
    """Exactly one discount field, the one that the type needs, of more than nothing; a sale price below the
    price of every listing that it is for, and an amount that leaves something of it."""
    config = context.configuration
    for promo in config.promos.values():
        path, words, mend = _no_discount(promo)
        if words:
            yield breach(promo, path, words, mend=mend)
    if any(_by_store(promo) for promo in config.promos.values()):
        yield from _raises(context)


def _by_store(promo: Spec[PromoData]) -> str:
    """The field of a discount that is an amount or a price of each store."""
    given = promo.spec.get("discount") or {}
    return next((name for name in ("salePrice", "amount") if given.get(name)), "")


def _no_discount(promo: Spec[PromoData]) -> tuple[tuple[str, ...], str, str]:
    """Where, what is wrong with a discount by itself, and what to do; no words where nothing is."""
    discount = promo.spec.get("discount") or {}
    given = {k for k, v in discount.items() if v is not None and k != "gift"}
    kind, path = promo.spec["type"], ("spec", "discount")
    if len(given) > 1:
        return path, f"a discount is one of {', '.join(sorted(given))}", "keep one"
    if not given:
        if kind == "freeShipping":
            return (), "", ""
        needs = _NEEDS.get(kind, "percent")
        return ("spec", "type"), f"{kind} needs a discount", f"add `discount: {{{needs}: …}}`"
    if kind in _NEEDS and _NEEDS[kind] not in given:
        return path, f"{kind} needs discount.{_NEEDS[kind]}", "change type or discount"
    if "percent" in given and not Decimal(discount["percent"]):
        return (*path, "percent"), "0 percent is no discount", "remove the promotion"
    block = discount.get("buyXGetY") or {}
    if block.get("discountPercent") is not None and not Decimal(block["discountPercent"]):
        return (*path, "buyXGetY", "discountPercent"), "0 percent is no discount", "remove the promotion"
    for store, money in (discount.get("amount") or {}).items():
        if not Decimal(money["value"]):
            return (*path, "amount", store, "value"), f"0 off in {store} is no discount", "take the store out"
    return (), "", ""


def _raises(context: Context) -> Iterator[Said]:
    """Sale prices that are none, and amounts that take all."""
    config, calendar = context.configuration, calendar_of(context.configuration)
    skus = {s.spec["sku"]: s for s in config.skus}
    told: dict[str, int] = {}
    for (store, sku), dated in calendar.offers.items():
        for one in dated:
            if one.offer.kind == "percent":
                continue
            for name, _, currency, price in calendar.prices_of(skus[sku]):
                if name != store or one.offer.value < price:
                    continue
                told[one.promo.name] = told.get(one.promo.name, 0) + 1
                if told[one.promo.name] > SHOWN:
                    continue
                field = _by_store(one.promo)
                off = f"{major(one.offer.value, currency)} {currency}"
                yield breach(
                    one.promo,
                    ("spec", "discount", field, store, "value"),
                    (
                        f"a sale price of {off} is no reduction for {sku} in {store}, which costs {major(price, currency)}"
                        if one.offer.kind == "sale"
                        else f"{off} off leaves nothing of {sku} in {store}, which costs {major(price, currency)}"
                    ),
                    mend=(
                        "go below its price, or exclude it by `skus.exclude`"
                        if one.offer.kind == "sale"
                        else "take less off, or exclude it by `skus.exclude`"
                    ),
                )
    for name, count in told.items():
        if count > SHOWN:
            yield breach(
                config.promos[name],
                ("spec", "discount"),
                f"and {count - SHOWN:,} more listings of {name}",
                mend="see `acorn view prices`",
            )


@rule(
    "PRO-003",
    "error",
    "Amounts are in each store's currency",
    why="Currencies are never converted silently.",
    mend="Give each selected store an amount in its own currency.",
)
def currencies(context: Context) -> Iterator[Said]:
    """amount, salePrice and minimumOrder name every selected store, in its currency, and no store that is not
    there; a budget is in the currency of every selected store."""
    config = context.configuration
    for promo in config.promos.values():
        yield from _budget_currency(context, promo)
        parts: list[tuple[tuple[str, ...], Any]] = [
            (("spec", "discount", k), v)
            for k, v in (promo.spec.get("discount") or {}).items()
            if k in ("amount", "salePrice") and v is not None
        ]
        if promo.spec.get("minimumOrder"):
            parts.append((("spec", "minimumOrder"), promo.spec["minimumOrder"]))
        for path, by_store in parts:
            for name in by_store:
                if name not in config.stores:
                    yield breach(
                        promo,
                        (*path, name),
                        f"there is no store {name}",
                        mend=f"known: {', '.join(sorted(config.stores)[:8])}",
                    )
            for store in _stores(context, promo):
                money = by_store.get(store.name)
                currency = store.spec["storefront"]["currency"] if store.spec.get("storefront") else None
                if money is None:
                    if path[-1] != "minimumOrder":
                        yield breach(
                            promo,
                            path,
                            f"there is no {path[-1]} for {store.name}",
                            mend="add it, or exclude the store",
                        )
                elif money["currency"] != currency:
                    yield breach(
                        promo,
                        (*path, store.name, "currency"),
                        f"{store.name} sells in {currency}, not {money['currency']}",
                        mend="give the amount in its currency",
                    )
                else:
                    try:
                        as_written(money["value"], money["currency"])
                    except MoneyError as error:
                        yield breach(
                            promo,
                            (*path, store.name, "value"),
                            str(error),
                            mend="write the amount that is meant: acorn never rounds",
                        )


def _budget_currency(context: Context, promo: Spec[PromoData]) -> Iterator[Said]:
    budget = (promo.spec.get("limits") or {}).get("budget")
    stores = _stores(context, promo) if budget else []
    known = {store.spec["storefront"]["currency"] for store in stores}
    if budget and known and known != {budget["currency"]}:
        one = f"give it in {sorted(known)[0]}"
        yield breach(
            promo,
            ("spec", "limits", "budget", "currency"),
            f"the budget is in {budget['currency']}, and {promo.name} runs in {', '.join(sorted(known))}",
            mend=one if len(known) == 1 else "write a promotion for the stores of each currency",
        )
    elif budget:
        try:
            as_written(budget["value"], budget["currency"])
        except MoneyError as error:
            yield breach(
                promo,
                ("spec", "limits", "budget", "value"),
                str(error),
                mend="write the amount that is meant: acorn never rounds",
            )


@rule(
    "PRO-004",
    "error",
    "A promotion selects stores and SKUs",
    why="An empty selector looks like a promotion and is none.",
    mend="Widen `stores` or `skus`, or remove the promotion.",
    references=True,
)
def selects(context: Context) -> Iterator[Said]:
    """At least one storefront; at least one SKU listed in one of them; named SKUs exist."""
    config = context.configuration
    by_sku = {s.spec["sku"]: s for s in config.skus} if config.promos else {}
    grouped = Grouped((s.spec["sku"], s.labels) for s in config.skus) if config.promos else Grouped(())
    for promo in config.promos.values():
        stores = {s.name for s in _stores(context, promo)}
        if not stores:
            yield breach(
                promo,
                ("spec", "stores"),
                "this selector matches no storefront",
                mend="to mean every storefront, write `all: true`",
            )
            continue
        selection = promo.spec["skus"]
        for part in CHOSEN:
            for index, name in enumerate(selection.get(part) or ()):
                if name not in by_sku:
                    yield breach(
                        promo,
                        ("spec", "skus", part, index),
                        f"there is no SKU {name}",
                        mend="map it, or correct it",
                    )
        chosen = grouped.select(selection)
        if not any(
            entry["store"] in stores for sku in chosen for entry in by_sku[sku].spec.get("listings") or ()
        ):
            yield breach(
                promo,
                ("spec", "skus"),
                "no selected SKU is listed in a selected store",
                mend=_unlisted(selection, chosen),
            )


def _unlisted(selection: SkuSelectionData, chosen: Collection[str]) -> str:
    """What to do about a selector: never to widen one that was narrow on purpose."""
    if not any(selection.get(part) for part in ("names", "labels", "all")):
        return "name SKUs or labels; to mean every SKU, write `all: true`"
    if not chosen:
        return "no SKU has these names or labels any more: correct them, or remove the promotion"
    return "list them there, or select other stores; or remove the promotion"


@rule(
    "PRO-012",
    "error",
    "Start and end are times that exist",
    why="The clocks skip an hour in spring; the promotion would begin at a guess.",
    mend="Choose a time outside the hour that the clocks skip.",
    source="IANA time zone database",
)
def gaps(context: Context) -> Iterator[Said]:
    """In every selected store's zone."""
    yield from _impossible(context, "PRO-012", NoSuchTime, hint="choose a time that exists on that day")


@rule(
    "PRO-013",
    "error",
    "Start and end are times that come once",
    why="The clocks repeat an hour in autumn.",
    mend="Add `fold: 0` for the first of the two hours, `fold: 1` for the second.",
    source="IANA time zone database; PEP 495",
)
def folds(context: Context) -> Iterator[Said]:
    """Or `fold` says which of the two is meant."""
    yield from _impossible(
        context, "PRO-013", TwiceSuchTime, hint="add `fold: 0` for the first, `fold: 1` for the second"
    )


def _impossible(context: Context, id: str, kind: type[ValueError], hint: str) -> Iterator[Said]:
    config = context.configuration
    for promo in config.promos.values():
        for edge in ("start", "end"):
            for store in _stores(context, promo):
                try:
                    _moment(promo.spec["window"][edge], store)
                except kind as error:
                    yield config.finding(
                        id, "error", promo, ("spec", "window", edge, "local"), f"{error} ({store.name})", hint
                    )
                    break
                except ValueError as error:
                    if id == "PRO-012" and not isinstance(error, NoSuchTime | TwiceSuchTime | NoSuchZone):
                        yield config.finding(
                            id,
                            "error",
                            promo,
                            ("spec", "window", edge, "local"),
                            str(error),
                            "write a date that exists",
                        )
                        break
