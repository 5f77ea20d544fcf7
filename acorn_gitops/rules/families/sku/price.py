"""SKU rules about prices: amounts, price rules, floors and ceilings. Caller: `registry`. These loops see
every listing of a catalogue, so each does one thing and looks a place up only when something is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from acorn_gitops.model.money import MoneyError, as_written
from acorn_gitops.model.price_rule import can_end, priced_by_rule
from acorn_gitops.model.reference import minor_units
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.families.general.exchange_rates import OVER
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Configuration, Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ListingData, SkuMappingData


@rule(
    "SKU-014",
    "error",
    "Prices are in the store's currency and its decimals",
    why="A price in another currency or with a fraction of a yen is refused, or misread.",
    mend="Write the amount in the store's currency, quoted, with no more decimals than that currency has.",
    source="ISO 4217",
)
def prices(context: Context) -> Iterator[Said]:
    """Price: exactly one of value and rule; value needs a currency, which must be the store's. Floors,
    ceilings and costs have no more decimals than their currency."""
    config = context.configuration
    yield from _bounds(context)
    currencies = _currencies(context)
    units = minor_units()
    decimals = {name: units[currency] for name, currency in currencies.items() if currency in units}
    for sku in config.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            price = listing.get("price")
            if price is None:
                continue
            value, currency = price.get("value"), price.get("currency")
            expected = currencies.get(listing["store"])
            places = decimals.get(listing["store"])
            if value is not None and places is not None and currency == expected and "rule" not in price:
                # The schema has seen that it is a decimal amount: what is left is how many decimals it has.
                point = value.find(".")
                if point < 0 or len(value) - point - 1 <= places:
                    continue
            path = ("spec", "listings", index, "price")
            if (value is None) == (price.get("rule") is None):
                neither = value is None
                yield breach(
                    sku,
                    path,
                    f"the price has {'neither a value nor a rule' if neither else 'both a value and a rule'}",
                    mend=(
                        "fill it in (in a table: the cells price or priceRule), or leave the whole price out"
                        if neither
                        else "remove one of them"
                    ),
                )
                continue
            if value is None:
                continue
            if currency is None:
                yield breach(
                    sku, path, "the price has no currency", mend=f"add `currency: {expected or 'EUR'}`"
                )
            elif expected is not None and currency != expected:
                yield breach(
                    sku,
                    (*path, "currency"),
                    f"{listing['store']} sells in {expected}, not {currency}",
                    mend=f"write the price in {expected}",
                )
            else:
                try:
                    as_written(value, currency)
                except MoneyError as error:
                    yield breach(
                        sku,
                        (*path, "value"),
                        str(error),
                        mend="write the amount that is meant: acorn never rounds",
                    )


def _bounds(context: Context) -> Iterator[Said]:
    """Amounts of pricePolicy and cost."""
    config, currencies, units = context.configuration, _currencies(context), minor_units()
    for sku in config.skus:
        policy, cost = sku.spec.get("pricePolicy"), (sku.spec.get("attributes") or {}).get("cost")
        amounts = [
            (("spec", "pricePolicy", part, store), value, currencies.get(store))
            for part, by_store in (policy or {}).items()
            if isinstance(by_store, dict)
            for store, value in by_store.items()
            if value is not None
        ]
        if cost is not None:
            amounts.append((("spec", "attributes", "cost", "value"), cost["value"], cost["currency"]))
        for path, value, currency in amounts:
            point = value.find(".")
            if currency not in units or point < 0 or len(value) - point - 1 <= units[currency]:
                continue
            try:
                as_written(value, currency)
            except MoneyError as error:
                yield breach(sku, path, str(error), mend="write the amount that is meant: acorn never rounds")


@rule(
    "SKU-018",
    "error",
    "A price is more than nothing",
    why="A zero is what an emptied cell becomes in a spreadsheet, and is sold at within minutes.",
    mend="Write the price, or remove the line: what is absent is left as it is.",
)
def nothing(context: Context) -> Iterator[Said]:
    """A listing's price is above zero, also where a rule computes it. What is given away is a promotion."""
    config, currencies = context.configuration, _currencies(context)
    for sku in config.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            price = listing.get("price") or {}
            value = price.get("value")
            if value is None and price.get("rule"):
                value = _computed(
                    config, sku.spec["listings"], price["rule"], currency=currencies.get(listing["store"])
                )
                if value is not None and Decimal(value) <= 0:
                    yield breach(
                        sku,
                        ("spec", "listings", index, "price", "rule"),
                        f"{price['rule']} makes a price of {value} in {listing['store']}",
                        mend="correct the factor, the rate or the ending of the price rule",
                    )
                continue
            if value is not None and value[0] == "0" and not value.strip("0."):
                yield breach(
                    sku,
                    ("spec", "listings", index, "price", "value"),
                    f"the price in {listing['store']} is {value}",
                    mend="write the price; to leave it to somebody else, leave the whole price out",
                )


@rule(
    "SKU-019",
    "warning",
    "Where a table has prices, every row has one",
    why="An empty cell means that this price is not managed; it looks the same as one that was forgotten.",
    mend="Fill the cell, or take the row out.",
)
def empty_cells(context: Context) -> Iterator[Said]:
    """A listing of a table without price, where other rows of the same table have one."""
    config = context.configuration
    tables = {raw.item_file for raw in config.raws.values() if raw.item_file != raw.file}
    rows = [(sku, n, entry) for sku in config.skus if sku.file in tables for n, entry in _listings(sku)]
    priced = {sku.file for sku, _, entry in rows if entry.get("price")}
    for sku, index, entry in rows:
        if sku.file in priced and not entry.get("price"):
            yield breach(
                sku,
                ("spec", "listings", index),
                f"{sku.spec['sku']} has no price in {entry['store']}, so that whatever it is there stays",
                mend="fill in the price, or move rows without prices into a table of their own",
            )


def _listings(sku: Spec[SkuMappingData]) -> Iterator[tuple[int, dict[str, object]]]:
    yield from enumerate(sku.spec.get("listings") or ())


def _currencies(context: Context) -> dict[str, str]:
    return {
        name: store.spec["storefront"]["currency"]
        for name, store in context.configuration.stores.items()
        if store.spec.get("storefront")
    }


@rule(
    "SKU-015",
    "error",
    "Price rules end, and their exchange rates are fresh",
    why="A price from a stale rate loses money on every order.",
    mend="Renew the rate with its day, or break the circle.",
)
def price_rules(context: Context) -> Iterator[Said]:
    """No rule takes its price from a store that is itself priced by rule for that SKU; between two currencies
    it has an exchange rate; rates are at most 7 days old (older: a warning; older than a year: an error), and
    of no day to come. It ends in what the store's currency can end in."""
    config = context.configuration
    today, currencies = context.now.date(), _currencies(context)
    for name, price_rule in config.price_rules.items():
        fx, path = price_rule.get("fx"), ("priceRules", name, "fx", "asOf")
        days = (today - date.fromisoformat(fx["asOf"])).days if fx is not None else 0
        if fx is not None and not 0 <= days <= 7:
            yield config.setting(
                "SKU-015",
                "warning" if 0 < days <= OVER else "error",
                path,
                f"the exchange rate of price rule {name} is of {fx['asOf']}"
                + ("" if days > 0 else ", a day that is still to come"),
                "update rate and asOf in acorn.yaml",
                f"PriceRule/{name}",
            )
    told: set[tuple[str, str]] = set()
    for sku in config.skus:
        listings = sku.spec.get("listings") or ()
        if not any((entry.get("price") or {}).get("rule") for entry in listings):
            continue
        valued = {entry["store"] for entry in listings if (entry.get("price") or {}).get("value") is not None}
        for index, listing in enumerate(listings):
            rule_name = (listing.get("price") or {}).get("rule")
            source = config.price_rules.get(rule_name or "", {}).get("fromStore")
            if source is not None and source not in valued:
                yield breach(
                    sku,
                    ("spec", "listings", index, "price", "rule"),
                    f"{rule_name} takes the price of {source}, but {sku.spec['sku']} has no price of its own there",
                    mend=f"list it in {source} with a value",
                )
            elif rule_name and source is not None and (rule_name, listing["store"]) not in told:
                one, other = currencies.get(source), currencies.get(listing["store"])
                ending = config.price_rules[rule_name].get("ending")
                if ending is not None and other is not None and not can_end(ending, other):
                    told.add((rule_name, listing["store"]))
                    yield breach(
                        sku,
                        ("spec", "listings", index, "price", "rule"),
                        (
                            f"{rule_name} makes prices end in {ending} for {listing['store']}, which sells in {other}: no amount in"
                            f" {other} ends so"
                        ),
                        mend="use another price rule there, with an ending that this currency can have",
                    )
                    continue
                if one != other and None not in (one, other) and not config.price_rules[rule_name].get("fx"):
                    told.add((rule_name, listing["store"]))
                    yield breach(
                        sku,
                        ("spec", "listings", index, "price", "rule"),
                        f"{rule_name} takes a price in {one} for {listing['store']}, which sells in {other}, without an exchange rate",
                        mend=f'add fx: {{rate: "…", asOf: {today}, source: …}} to the price rule',
                    )


@rule(
    "SKU-016",
    "error",
    "A price lies between its floor and its ceiling",
    why="Below the floor every order loses money.",
    mend="Correct the price, or change the bound on purpose.",
)
def within_policy(context: Context) -> Iterator[Said]:
    """pricePolicy.min ≤ price ≤ pricePolicy.max, and min ≤ max; map is a floor too. A price by rule is
    computed first."""
    config = context.configuration
    currencies = _currencies(context)
    for sku in config.skus:
        policy = sku.spec.get("pricePolicy")
        if not policy:
            continue
        floors, ceilings, maps = policy.get("min") or {}, policy.get("max") or {}, policy.get("map") or {}
        for store in floors.keys() & ceilings.keys():
            if Decimal(floors[store]) > Decimal(ceilings[store]):
                yield breach(
                    sku,
                    ("spec", "pricePolicy", "min", store),
                    f"the floor {floors[store]} is above the ceiling {ceilings[store]}",
                    mend="swap them",
                )
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            price = listing.get("price") or {}
            value, by_rule, store = price.get("value"), price.get("rule"), listing["store"]
            if store not in floors and store not in ceilings and store not in maps:
                continue
            path = ("spec", "listings", index, "price", "rule" if by_rule else "value")
            if value is None and by_rule:
                value = _computed(config, sku.spec["listings"], by_rule, currency=currencies.get(store))
            if value is None:
                continue
            floor, ceiling = floors.get(store), ceilings.get(store)
            if floor is not None and _below(value, floor):
                yield breach(
                    sku,
                    path,
                    f"{value} is below the floor {floor} of {store}",
                    mend="raise the price, or lower pricePolicy.min",
                )
            if ceiling is not None and _below(ceiling, value):
                yield breach(
                    sku,
                    path,
                    f"{value} is above the ceiling {ceiling} of {store}",
                    mend="lower the price, or raise pricePolicy.max",
                )
            if store in maps and _below(value, maps[store]):
                yield breach(
                    sku,
                    path,
                    f"{value} is below the minimum advertised price {maps[store]}",
                    mend="raise the price, or lower pricePolicy.map",
                )


def _below(one: str, other: str) -> bool:
    """Whether an amount is less than another. Amounts with as many decimals, as nearly all have, compare as
    text."""
    if one[-3:-2] == other[-3:-2] == ".":
        return (len(one), one) < (len(other), other)
    return Decimal(one) < Decimal(other)


def _computed(
    config: Configuration, listings: list[ListingData], rule_name: str, currency: str | None
) -> str | None:
    """A price by rule; None where other rules have something to say first."""
    price_rule = config.price_rules.get(rule_name)
    if price_rule is None or currency is None:
        return None
    for listing in listings:
        base = (listing.get("price") or {}).get("value")
        if listing["store"] == price_rule["fromStore"] and base is not None:
            try:
                return priced_by_rule(base, price_rule, currency)
            except MoneyError:
                return None
    return None


@rule(
    "SKU-028",
    "warning",
    "A default bound reaches every store that sells the SKU",
    why="A floor in euros is none where prices are in pounds, and nobody is told by the price.",
    mend="Write pricePolicy.min (max, map) for the stores of other currencies.",
)
def defaults_that_reach(context: Context) -> Iterator[Said]:
    """Where `pricePolicy.default` says a floor, a ceiling or a MAP, every store that lists the SKU sells in
    its currency, or has one written for it."""
    config = context.configuration
    if not config.unreached:
        return
    words = {"min": "floor", "max": "ceiling", "map": "MAP"}
    for sku in config.skus:
        by_part: dict[str, list[str]] = {}
        for part, store in config.unreached.get(sku.name, ()):
            by_part.setdefault(part, []).append(store)
        for part, stores in by_part.items():
            shown = ", ".join(stores[:3]) + (f" and {len(stores) - 3:,} more" if len(stores) > 3 else "")
            yield breach(
                sku,
                ("spec", "pricePolicy", "default", part),
                f"{sku.spec['sku']} has no {words[part]} in {shown}: the default is in another currency",
                mend=f"write pricePolicy: {{{part}: {{{stores[0]}: AMOUNT}}}}",
            )


@rule(
    "SKU-029",
    "warning",
    "The floor of a set counts all of its parts",
    why="A part without a floor counts as what it costs, or as nothing: the set may be sold for what the others must bring.",
    mend="Write pricePolicy.min for the part, or for the set.",
)
def sets_that_are_covered(context: Context) -> Iterator[Said]:
    """Where one part of a set has a floor in a store that lists the set, all of them have, or the set has one
    of its own."""
    config = context.configuration
    for sku in config.skus:
        floors = (sku.spec.get("pricePolicy") or {}).get("min") or {}
        blank = [(store, part) for store, part in config.uncovered.get(sku.name, ()) if store in floors]
        for part in sorted({part for _, part in blank}):
            stores = [store for store, one in blank if one == part]
            shown = ", ".join(stores[:3]) + (f" and {len(stores) - 3:,} more" if len(stores) > 3 else "")
            yield breach(
                sku,
                ("spec", "composition"),
                f"{sku.spec['sku']} has the floor of its other parts in {shown}: {part} has none there",
                mend=f"write pricePolicy: {{min: {{{stores[0]}: AMOUNT}}}} for {part}, or for {sku.spec['sku']}",
            )
