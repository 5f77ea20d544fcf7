"""SKU rules: identity, listings, prices, composition. Caller: `registry`. These loops see every listing of a
catalogue, so each does one thing and looks a place up only when something is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from acorn_gitops.engines.sku_code import collision_key, normal_form
from acorn_gitops.model.finding import Finding
from acorn_gitops.model.money import MoneyError, canonical
from acorn_gitops.model.price_rule import priced_by_rule
from acorn_gitops.model.reference import minor_units
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.specs.configuration import Configuration, Spec

_INSIDE = re.compile(r"[0-9](02|04|2[0-9])[0-9]{11}\Z|000000[02]")
"""As 14 digits: GS1 prefixes 02, 04 and 20 to 29 (restricted circulation), and GTIN-8 that begin with 0 or 2."""
_TIDY = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,38}[A-Z0-9]\Z")


def gtin_is_valid(text: str) -> bool:
    """The check digit of a GTIN-8, -12, -13 or -14 (GS1 General Specifications 7.9: weights 3 and 1 from the right)."""
    digits = [ord(c) - 48 for c in text]
    return (10 - (3 * sum(digits[-2::-2]) + sum(digits[-3::-2])) % 10) % 10 == digits[-1]


@rule(
    "SKU-001",
    "warning",
    "SKUs are upper case letters, digits, dot, underscore and hyphen",
    "Slashes, spaces and commas break URLs and feeds at the marketplace.",
    mend="Rename it where it is still new; a waiver is for SKUs that live already, because no marketplace renames one.",
    source="amzn/selling-partner-api-models#4727, #2505",
)
def tidy(context: Context) -> Iterator[Finding]:
    """A legacy SKU is allowed, but said; so is a seller SKU, which is what the marketplace gets."""
    match = _TIDY.match
    for sku in context.configuration.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            code = listing.get("sellerSku")
            if code is not None and match(code) is None:
                yield context.configuration.finding(
                    "SKU-001",
                    "warning",
                    sku,
                    ("spec", "listings", index, "sellerSku"),
                    f"{code!r} is not a tidy seller SKU",
                    f"write it like {normal_form(code) or 'KTL-17-BLK'}, where it is still new",
                )
        if match(sku.spec["sku"]) is None:
            yield context.configuration.finding(
                "SKU-001",
                "warning",
                sku,
                ("spec", "sku"),
                f"{sku.spec['sku']!r} is not a tidy SKU",
                "write it like KTL-17-BLK; `acorn sku normalize` shows what each would be",
            )


@rule(
    "SKU-002",
    "error",
    "No two SKUs differ only in case, spaces or punctuation",
    "People and spreadsheets mix them up; so do marketplaces.",
    mend="Rename one of them.",
)
def collisions(context: Context) -> Iterator[Finding]:
    """Compared in NFKC, upper case, with spaces, slash, underscore, dot and hyphen as one; and so are the seller SKUs of one store."""
    seen: dict[str, Spec] = {}
    listed: dict[tuple[str, str], str] = {}
    for sku in context.configuration.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            code = listing.get("sellerSku")
            if code is None:
                continue
            other = listed.setdefault((listing["store"], collision_key(code)), code)
            if other != code:
                yield context.configuration.finding(
                    "SKU-002",
                    "error",
                    sku,
                    ("spec", "listings", index, "sellerSku"),
                    f"{code!r} collides with {other!r} in {listing['store']}",
                    "use one spelling, or give one of them another seller SKU",
                )
    for sku in context.configuration.skus:
        text = sku.spec["sku"]
        first = seen.setdefault(collision_key(text), sku)
        if first is not sku and first.spec["sku"] != text:
            yield context.configuration.finding(
                "SKU-002",
                "error",
                sku,
                ("spec", "sku"),
                f"{text!r} collides with {first.spec['sku']!r} ({first.origin})",
                "use one spelling, or give one of them another SKU",
            )


@rule(
    "SKU-004",
    "error",
    "An internal SKU is mapped once",
    "Two mappings would fight over its listings.",
    mend="Remove one mapping, or merge them.",
)
def mapped_once(context: Context) -> Iterator[Finding]:
    """No two mappings have the same `sku`, by exact text."""
    seen: dict[str, Spec] = {}
    for sku in context.configuration.skus:
        first = seen.setdefault(sku.spec["sku"], sku)
        if first is not sku:
            yield context.configuration.finding(
                "SKU-004",
                "error",
                sku,
                ("spec", "sku"),
                f"{sku.spec['sku']} is already mapped in {first.origin}",
                "merge the two",
            )


@rule(
    "SKU-005",
    "warning",
    "A mapping has listings",
    "A SKU that is listed nowhere does nothing.",
    mend="Add `listings`, or say `listings: []` for a component that is never sold alone.",
)
def listed(context: Context) -> Iterator[Finding]:
    """Bundled components need none of their own; they are left alone when `listings: []` says so."""
    for sku in context.configuration.skus:
        if "listings" not in sku.spec:
            yield context.configuration.finding(
                "SKU-005",
                "warning",
                sku,
                ("spec",),
                f"{sku.spec['sku']} has no listings",
                "add `listings:`, or `listings: []` when that is meant",
            )


@rule(
    "SKU-010",
    "error",
    "A seller SKU stands once in a store",
    "The second listing would overwrite the first.",
    mend="Give one of them a `sellerSku` of its own.",
    source="Amazon: a seller SKU is unique in an account",
)
def seller_sku_once(context: Context) -> Iterator[Finding]:
    """(store, sellerSku), the SKU itself where no sellerSku is given; and in one Amazon account a seller SKU is one product in all
    marketplaces."""
    seen: dict[tuple[str, str], Spec] = {}
    yield from _one_product(context)
    for sku in context.configuration.skus:
        own = sku.spec["sku"]
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            key = (listing["store"], listing.get("sellerSku") or own)
            if key in seen:
                yield context.configuration.finding(
                    "SKU-010",
                    "error",
                    sku,
                    ("spec", "listings", index),
                    f"{key[1]} is listed twice in {key[0]}, first in {seen[key].origin}",
                    "remove one, or give it a sellerSku of its own",
                )
            else:
                seen[key] = sku


def _one_product(context: Context) -> Iterator[Finding]:
    config = context.configuration
    accounts = {
        name: (front["sellerId"], front.get("region") or "")
        for name, store in config.stores.items()
        if (front := store.spec.get("storefront") or {}).get("platform") == "amazon" and front.get("sellerId")
    }
    seen: dict[tuple[Any, str], tuple[Spec, str]] = {}
    for sku in config.skus if accounts else ():
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            code = listing.get("sellerSku")
            account = accounts.get(listing["store"])
            if code is None or account is None:
                continue
            first, store = seen.setdefault((account, code), (sku, listing["store"]))
            if first is not sku and store != listing["store"]:
                yield config.finding(
                    "SKU-010",
                    "error",
                    sku,
                    ("spec", "listings", index, "sellerSku"),
                    f"{code} is {first.spec['sku']} in {store}, and {sku.spec['sku']} in {listing['store']} of the same account",
                    "give each product a seller SKU of its own: an account knows it once",
                )


@rule(
    "SKU-011",
    "warning",
    "One offer for an item, condition and fulfilment in a store",
    "Two SKUs on one ASIN compete with each other.",
    mend="List the item once, or give the second another condition.",
)
def offer_once(context: Context) -> Iterator[Finding]:
    """(store, asin, condition, fulfillment) of what is not inactive; new and mfn where nothing is said."""
    seen: dict[tuple[str, str, str, str], Spec] = {}
    for sku in context.configuration.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            asin = listing.get("asin")
            if asin is None or listing.get("status") == "inactive":
                continue
            condition, fulfillment = (
                listing.get("condition") or "new_new",
                listing.get("fulfillment") or "mfn",
            )
            key = (listing["store"], asin, condition, fulfillment)
            first = seen.setdefault(key, sku)
            if first is not sku:
                yield context.configuration.finding(
                    "SKU-011",
                    "warning",
                    sku,
                    ("spec", "listings", index, "asin"),
                    f"{asin} in {key[0]} is already offered by {first.spec['sku']}",
                    "stop one of them, or vary condition or fulfilment",
                )


@rule(
    "SKU-013",
    "error",
    "A GTIN's check digit is right",
    "A mistyped GTIN lists another product.",
    mend="Copy the GTIN from the package again; the last digit is computed from the others.",
    source="GS1 General Specifications",
)
def gtin(context: Context) -> Iterator[Finding]:
    """GS1's check digit; not all zeros; and in Amazon's stores no number of the ranges that GS1 keeps for use inside a company (a
    warning). Fields of a product type (`attributes.extra`) name their type."""
    config = context.configuration
    amazon = {
        n for n, s in config.stores.items() if (s.spec.get("storefront") or {}).get("platform") == "amazon"
    }
    for sku in config.skus:
        text = sku.spec.get("gtin")
        if text and not (gtin_is_valid(text) and text.strip("0")):
            yield config.finding(
                "SKU-013",
                "error",
                sku,
                ("spec", "gtin"),
                f"the check digit of {text} is wrong" if text.strip("0") else f"{text} is no number",
                "compare with the package",
            )
        elif (
            text
            and _INSIDE.match(text.zfill(14))
            and any(e["store"] in amazon for e in sku.spec.get("listings") or ())
        ):
            yield config.finding(
                "SKU-013",
                "warning",
                sku,
                ("spec", "gtin"),
                f"{text} is of the ranges that GS1 keeps for use inside a company: Amazon refuses it",
                "use the product's own number, or ask Amazon for an exemption",
            )
        facts = sku.spec.get("attributes") or {}
        if facts.get("extra") and facts.get("productType") is None:
            yield config.finding(
                "SKU-013",
                "error",
                sku,
                ("spec", "attributes", "extra"),
                f"{sku.spec['sku']} has fields of a product type, and says not of which",
                "add attributes.productType",
            )


@rule(
    "SKU-014",
    "error",
    "Prices are in the store's currency and its decimals",
    "A price in another currency or with a fraction of a yen is refused, or misread.",
    mend="Write the amount in the store's currency, quoted, with no more decimals than that currency has.",
    source="ISO 4217",
)
def prices(context: Context) -> Iterator[Finding]:
    """Price: exactly one of value and rule; value needs a currency, which must be the store's. Floors, ceilings and costs have no more
    decimals than their currency."""
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
                yield config.finding(
                    "SKU-014",
                    "error",
                    sku,
                    path,
                    f"the price has {'neither a value nor a rule' if neither else 'both a value and a rule'}",
                    "fill it in (in a table: the cells price or priceRule), or leave the whole price out"
                    if neither
                    else "remove one of them",
                )
                continue
            if value is None:
                continue
            if currency is None:
                yield config.finding(
                    "SKU-014",
                    "error",
                    sku,
                    path,
                    "the price has no currency",
                    f"add `currency: {expected or 'EUR'}`",
                )
            elif expected is not None and currency != expected:
                yield config.finding(
                    "SKU-014",
                    "error",
                    sku,
                    (*path, "currency"),
                    f"{listing['store']} sells in {expected}, not {currency}",
                    f"write the price in {expected}",
                )
            else:
                try:
                    canonical(value, currency)
                except MoneyError as error:
                    yield config.finding(
                        "SKU-014",
                        "error",
                        sku,
                        (*path, "value"),
                        str(error),
                        "round it yourself: acorn never does",
                    )


def _bounds(context: Context) -> Iterator[Finding]:
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
                canonical(value, currency)
            except MoneyError as error:
                yield config.finding(
                    "SKU-014", "error", sku, path, str(error), "round it yourself: acorn never does"
                )


@rule(
    "SKU-018",
    "error",
    "A price is more than nothing",
    "A zero is what an emptied cell becomes in a spreadsheet, and is sold at within minutes.",
    mend="Write the price, or remove the line: what is absent is left as it is.",
)
def nothing(context: Context) -> Iterator[Finding]:
    """A listing's price is above zero, also where a rule computes it. What is given away is a promotion."""
    config, currencies = context.configuration, _currencies(context)
    for sku in config.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            price = listing.get("price") or {}
            value = price.get("value")
            if value is None and price.get("rule"):
                value = _computed(
                    config, sku.spec["listings"], price["rule"], currencies.get(listing["store"])
                )
                if value is not None and Decimal(value) <= 0:
                    yield config.finding(
                        "SKU-018",
                        "error",
                        sku,
                        ("spec", "listings", index, "price", "rule"),
                        f"{price['rule']} makes a price of {value} in {listing['store']}",
                        "correct the factor, the rate or the ending of the price rule",
                    )
                continue
            if value is not None and value[0] == "0" and not value.strip("0."):
                yield config.finding(
                    "SKU-018",
                    "error",
                    sku,
                    ("spec", "listings", index, "price", "value"),
                    f"the price in {listing['store']} is {value}",
                    "write the price; to leave it to somebody else, leave the whole price out",
                )


@rule(
    "SKU-019",
    "warning",
    "Where a table has prices, every row has one",
    "An empty cell means that this price is not managed; it looks the same as one that was forgotten.",
    mend="Fill the cell, or take the row out.",
)
def empty_cells(context: Context) -> Iterator[Finding]:
    """A listing of a table without price, where other rows of the same table have one."""
    config = context.configuration
    tables = {raw.item_file for raw in config.raws.values() if raw.item_file != raw.file}
    rows = [(sku, n, entry) for sku in config.skus if sku.file in tables for n, entry in _listings(sku)]
    priced = {sku.file for sku, _, entry in rows if entry.get("price")}
    for sku, index, entry in rows:
        if sku.file in priced and not entry.get("price"):
            yield config.finding(
                "SKU-019",
                "warning",
                sku,
                ("spec", "listings", index),
                f"{sku.spec['sku']} has no price in {entry['store']}, so that whatever it is there stays",
                "fill in the price, or move rows without prices into a table of their own",
            )


def _listings(sku: Spec) -> Iterator[tuple[int, dict[str, Any]]]:
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
    "A price from a stale rate loses money on every order.",
    mend="Renew the rate with its day, or break the circle.",
)
def price_rules(context: Context) -> Iterator[Finding]:
    """No rule takes its price from a store that is itself priced by rule for that SKU; between two currencies it has an exchange
    rate; rates are at most 7 days old (older: a warning), and of no day to come."""
    config = context.configuration
    today, currencies = context.now.date(), _currencies(context)
    for name, price_rule in config.price_rules.items():
        fx, path = price_rule.get("fx"), ("priceRules", name, "fx", "asOf")
        days = (today - date.fromisoformat(fx["asOf"])).days if fx is not None else 0
        if fx is not None and not 0 <= days <= 7:
            yield config.setting(
                "SKU-015",
                "warning" if days > 0 else "error",
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
                yield config.finding(
                    "SKU-015",
                    "error",
                    sku,
                    ("spec", "listings", index, "price", "rule"),
                    f"{rule_name} takes the price of {source}, but {sku.spec['sku']} has no price of its own there",
                    f"list it in {source} with a value",
                )
            elif rule_name and source is not None and (rule_name, listing["store"]) not in told:
                one, other = currencies.get(source), currencies.get(listing["store"])
                if one != other and None not in (one, other) and not config.price_rules[rule_name].get("fx"):
                    told.add((rule_name, listing["store"]))
                    yield config.finding(
                        "SKU-015",
                        "error",
                        sku,
                        ("spec", "listings", index, "price", "rule"),
                        f"{rule_name} takes a price in {one} for {listing['store']}, which sells in {other}, without an exchange rate",
                        f'add fx: {{rate: "…", asOf: {today}, source: …}} to the price rule',
                    )


@rule(
    "SKU-016",
    "error",
    "A price lies between its floor and its ceiling",
    "Below the floor every order loses money.",
    mend="Correct the price, or change the bound on purpose.",
)
def within_policy(context: Context) -> Iterator[Finding]:
    """pricePolicy.min ≤ price ≤ pricePolicy.max, and min ≤ max; map is a floor too. A price by rule is computed first."""
    config = context.configuration
    currencies = _currencies(context)
    for sku in config.skus:
        policy = sku.spec.get("pricePolicy")
        if not policy:
            continue
        floors, ceilings, maps = policy.get("min") or {}, policy.get("max") or {}, policy.get("map") or {}
        for store in floors.keys() & ceilings.keys():
            if Decimal(floors[store]) > Decimal(ceilings[store]):
                yield config.finding(
                    "SKU-016",
                    "error",
                    sku,
                    ("spec", "pricePolicy", "min", store),
                    f"the floor {floors[store]} is above the ceiling {ceilings[store]}",
                    "swap them",
                )
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            price = listing.get("price") or {}
            value, by_rule, store = price.get("value"), price.get("rule"), listing["store"]
            if store not in floors and store not in ceilings and store not in maps:
                continue
            path = ("spec", "listings", index, "price", "rule" if by_rule else "value")
            if value is None and by_rule:
                value = _computed(config, sku.spec["listings"], by_rule, currencies.get(store))
            if value is None:
                continue
            floor, ceiling = floors.get(store), ceilings.get(store)
            if floor is not None and _below(value, floor):
                yield config.finding(
                    "SKU-016",
                    "error",
                    sku,
                    path,
                    f"{value} is below the floor {floor} of {store}",
                    "raise the price, or lower pricePolicy.min",
                )
            if ceiling is not None and _below(ceiling, value):
                yield config.finding(
                    "SKU-016",
                    "error",
                    sku,
                    path,
                    f"{value} is above the ceiling {ceiling} of {store}",
                    "lower the price, or raise pricePolicy.max",
                )
            if store in maps and _below(value, maps[store]):
                yield config.finding(
                    "SKU-016",
                    "error",
                    sku,
                    path,
                    f"{value} is below the minimum advertised price {maps[store]}",
                    "raise the price, or lower pricePolicy.map",
                )


def _below(one: str, other: str) -> bool:
    """Whether an amount is less than another. Amounts with as many decimals, as nearly all have, compare as text."""
    if one[-3:-2] == other[-3:-2] == ".":
        return (len(one), one) < (len(other), other)
    return Decimal(one) < Decimal(other)


def _computed(
    config: Configuration, listings: list[dict[str, Any]], rule_name: str, currency: str | None
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
    "SKU-024",
    "error",
    "Bundles and multipacks are made of mapped SKUs, without circles",
    "Their availability is computed from their parts.",
    mend="Map the component, or break the circle.",
)
def compositions(context: Context) -> Iterator[Finding]:
    """The fields fit the type, every component is mapped, and none contains itself."""
    config = context.configuration
    parts: dict[str, list[str]] = {}
    holders: list[Spec] = []
    for sku in config.skus:
        composition = sku.spec.get("composition")
        if not composition or composition["type"] == "single":
            continue
        holders.append(sku)
        path = ("spec", "composition")
        if composition["type"] == "multipack":
            inside = [composition["of"]] if composition.get("of") else []
            if not inside or composition.get("qty") is None:
                yield config.finding(
                    "SKU-024",
                    "error",
                    sku,
                    path,
                    "a multipack needs `of` and `qty`",
                    "name the SKU inside and how many",
                )
        else:
            inside = [part["sku"] for part in composition.get("components") or ()]
            if not inside:
                yield config.finding(
                    "SKU-024", "error", sku, path, "a bundle needs `components`", "name the SKUs inside"
                )
        parts[sku.spec["sku"]] = inside
    if not holders:
        return
    mapped = {sku.spec["sku"] for sku in config.skus}
    for sku in holders:
        for part in parts[sku.spec["sku"]]:
            if part not in mapped:
                yield config.finding(
                    "SKU-024",
                    "error",
                    sku,
                    ("spec", "composition"),
                    f"{part} is not mapped",
                    "map it, or correct the SKU",
                )
        if _contains_itself(sku.spec["sku"], parts):
            yield config.finding(
                "SKU-024",
                "error",
                sku,
                ("spec", "composition"),
                f"{sku.spec['sku']} contains itself",
                "break the circle",
            )


def _contains_itself(sku: str, parts: dict[str, list[str]]) -> bool:
    reached: set[str] = set()
    todo = list(parts.get(sku, ()))
    while todo:
        part = todo.pop()
        if part == sku:
            return True
        if part not in reached:
            reached.add(part)
            todo += parts.get(part, ())
    return False


@rule(
    "SKU-017",
    "error",
    "Product attributes fit the schema of their product type",
    "The marketplace refuses the listing otherwise, hours later.",
    mend="Correct `attributes.extra` by the schema of the product type.",
    source="Product Type Definitions API 2020-09-01",
)
def product_type(context: Context) -> Iterator[Finding]:
    """`attributes.extra` against the JSON Schema that acorn.yaml names for `attributes.productType`."""
    config = context.configuration
    if not config.product_types:
        return
    from jsonschema import Draft202012Validator

    validators = {name: Draft202012Validator(schema) for name, schema in config.product_types.items()}
    for sku in config.skus:
        attributes = sku.spec.get("attributes") or {}
        validator = validators.get(attributes.get("productType") or "")
        if validator is None:
            continue
        for error in validator.iter_errors(attributes.get("extra") or {}):
            yield config.finding(
                "SKU-017",
                "error",
                sku,
                ("spec", "attributes", "extra", *error.path),
                error.message,
                f"see the schema of {attributes['productType']}",
            )
