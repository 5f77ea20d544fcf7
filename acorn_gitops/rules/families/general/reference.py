"""GEN rules over the whole configuration: names that refer to nothing. Caller: `registry`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, cast

from acorn_gitops.engines.tax import matched_stores
from acorn_gitops.model.finding import FieldPath
from acorn_gitops.model.selectors import CHOSEN, select
from acorn_gitops.model.territory import BLOCS, canonical
from acorn_gitops.model.territory import nearest as nearest_place
from acorn_gitops.resources.registry import fields_of
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec
from acorn_gitops.specs.near import Names

if TYPE_CHECKING:
    from acorn_gitops.model.typed import BudgetData

_SHARES: Final[tuple[Literal["weights", "min", "cap"], ...]] = ("weights", "min", "cap")


def nearest(word: str, known: Iterable[str]) -> str:
    """What may be meant by an unknown word; otherwise what there is."""
    names = _names(frozenset(known))
    close = names.near(word)
    if close:
        return f"did you mean {close}?"
    return f"known: {', '.join(names.names[:8])}" if names.names else "declare it first"


@lru_cache(maxsize=64)
def _names(known: frozenset[str]) -> Names:
    return Names(known)


@rule(
    "GEN-012",
    "error",
    "A name refers to nothing",
    why="The part that depends on it would silently not happen.",
    mend="Correct the name, or declare what is missing.",
    references=True,
)
def references(context: Context) -> Iterator[Said]:
    """Stores, locations, connections, price rules and countries that specs name, stores that budgets do, and
    fields that are left to others (`ignoreFields`, `ceded`); and no two documents make one resource: roles,
    tax rules and promotions with one `key`, a subject twice in a role."""
    config = context.configuration
    yield from _countries(context)
    yield from _fields(context)
    yield from _twice(context)
    yield from _budgets(context)
    storefronts = {n for n, s in config.stores.items() if s.spec["type"] == "storefront"}
    locations = config.stores.keys() - storefronts
    for store in config.stores.values():
        connection = store.spec.get("connection")
        if connection is not None and connection not in config.connections:
            yield breach(
                store,
                ("spec", "connection"),
                f"there is no connection {connection}",
                mend=nearest(connection, config.connections),
            )
        elif connection is None and len(config.connections) > 1:
            yield breach(
                store,
                (),
                f"store {store.name} names no connection, and there are {len(config.connections)}",
                mend=f"add `connection:`, one of {', '.join(config.connections)}",
            )
    for sku in config.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            if listing["store"] not in storefronts:
                name = listing["store"]
                what = (
                    f"{name} is a physical store, not a storefront"
                    if name in locations
                    else f"there is no store {name}"
                )
                yield breach(sku, ("spec", "listings", index, "store"), what, mend=nearest(name, storefronts))
            price = listing.get("price")
            if price and price.get("rule") is not None and price["rule"] not in config.price_rules:
                yield breach(
                    sku,
                    ("spec", "listings", index, "price", "rule"),
                    f"there is no price rule {price['rule']}",
                    mend=nearest(price["rule"], config.price_rules),
                )
        inventory = sku.spec.get("inventory")
        if inventory:
            for index, source in enumerate(inventory.get("sources") or ()):
                if source["location"] not in locations:
                    yield breach(
                        sku,
                        ("spec", "inventory", "sources", index, "location"),
                        f"there is no physical store {source['location']}",
                        mend=nearest(source["location"], locations),
                    )
            allocation = inventory.get("allocation") or {}
            for part in _SHARES:
                for name in allocation.get(part) or ():
                    if name not in config.stores:
                        yield breach(
                            sku,
                            ("spec", "inventory", "allocation", part, name),
                            f"there is no store {name}",
                            mend=nearest(name, config.stores),
                        )
        for bound, prices in (sku.spec.get("pricePolicy") or {}).items():
            if isinstance(prices, dict):
                for name in prices:
                    if name not in storefronts:
                        yield breach(
                            sku,
                            ("spec", "pricePolicy", bound, name),
                            f"there is no store {name}",
                            mend=nearest(name, storefronts),
                        )
    for spec in (*config.roles.values(), *config.promos.values()):
        for chosen in CHOSEN:
            for index, name in enumerate(spec.spec["stores"].get(chosen) or ()):
                if name not in config.stores:
                    yield breach(
                        spec,
                        ("spec", "stores", chosen, index),
                        f"there is no store {name}",
                        mend=nearest(name, config.stores),
                    )
    for tax in config.taxes.values():
        for index, name in enumerate((tax.spec["match"].get("stores") or {}).get("names") or ()):
            if name not in storefronts:
                yield breach(
                    spec,
                    ("spec", "match", "stores", "names", index),
                    f"there is no store {name}",
                    mend=nearest(name, storefronts),
                )
    for rule_name, price_rule in config.price_rules.items():
        if price_rule["fromStore"] not in storefronts:
            yield config.setting(
                "GEN-012",
                "error",
                ("priceRules", rule_name, "fromStore"),
                f"price rule {rule_name} takes prices from {price_rule['fromStore']}, which is no storefront",
                nearest(price_rule["fromStore"], storefronts),
            )


def _budgets(context: Context) -> Iterator[Said]:
    """A budget that holds for no store protects nothing, and one that an environment spells otherwise changes
    nothing."""
    config = context.configuration
    base = (config.settings.get("policies") or {}).get("budgets") or {}
    layers: list[tuple[tuple[str, ...], Mapping[str, BudgetData]]] = [(("policies", "budgets"), base)]
    for name, environment in (config.settings.get("environments") or {}).items():
        own = ((environment or {}).get("policies") or {}).get("budgets") or {}
        layers.append((("environments", name, "policies", "budgets"), own))
    for path, budgets in layers:
        for name, budget in budgets.items():
            for index, pattern in enumerate((budget or {}).get("stores") or ()):
                if not any(fnmatchcase(store, pattern) for store in config.stores):
                    yield config.setting(
                        "GEN-012",
                        "error",
                        (*path, name, "stores", index),
                        f"the budget {name} is for {pattern}, and no store is called so",
                        nearest(pattern, config.stores),
                    )
            close = _names(frozenset(base)).near(name, 0.85) if name not in base else ""
            if close:
                yield config.setting(
                    "GEN-012",
                    "warning",
                    (*path, name),
                    f"the environment has a budget {name} of its own, beside {close}",
                    f"did you mean {close}?",
                )


def _fields(context: Context) -> Iterator[Said]:
    """What is left to others is an attribute of the resource: otherwise it is overwritten, and nobody was
    told."""
    for spec in context.configuration.specs():
        known = fields_of(spec.kind)
        said = spec.lifecycle or {}
        for part in ("ignoreFields", "ceded"):
            names = cast("Iterable[str]", said.get(part) or ())
            for index, name in enumerate(names):
                band = said["ceded"][name] if part == "ceded" else None
                if band is not None and Decimal(band["min"]) > Decimal(band["max"]):
                    yield breach(
                        spec,
                        ("lifecycle", "ceded", name),
                        f"the band of {name} begins at {band['min']} and ends at {band['max']}: nothing lies in it",
                        mend="write the lower end as min, the upper one as max",
                    )
                if name not in known:
                    inner = next((word for word in re.split(r"[.\[]", name) if word in known), "")
                    yield breach(
                        spec,
                        ("lifecycle", part, name if part == "ceded" else index),
                        f"{part} names {name}, and a {spec.kind} has no such field",
                        mend=f"did you mean {inner}?" if inner else nearest(name, known),
                    )


_SPELT = {"UK": "GB", "EL": "GR"}
"""What tax offices write, and ISO 3166 does not."""


def _no_place(code: str) -> str:
    return f"there is no {'part of a country' if '-' in code else 'country'} {code}"


def _countries(context: Context) -> Iterator[Said]:
    config = context.configuration

    def wrong(place: object) -> str:
        code = str(place)
        return "" if code in BLOCS or canonical(code) is not None else code

    def hint(code: str) -> str:
        country, dash, part = code.partition("-")
        return f"write {_SPELT[country]}{dash}{part}" if country in _SPELT else nearest_place(code)

    for store in config.stores.values():
        front, physical = store.spec.get("storefront") or {}, store.spec.get("physical") or {}
        for path, value in (
            (("storefront", "country"), front.get("country")),
            (("physical", "address", "countryCode"), (physical.get("address") or {}).get("countryCode")),
        ):
            if value is not None and (code := wrong(value)):
                yield breach(store, ("spec", *path), _no_place(code), mend=hint(code))
    for tax in config.taxes.values():
        match = tax.spec["match"]
        supply, seller = match.get("supply") or {}, match.get("seller") or {}
        for block, part, places in (
            ("supply", "shipFrom", supply.get("shipFrom")),
            ("supply", "shipTo", supply.get("shipTo")),
            ("supply", "territoryExclude", supply.get("territoryExclude")),
            ("stores", "marketplaces", (match.get("stores") or {}).get("marketplaces")),
            ("seller", "establishedIn", seller.get("establishedIn")),
            ("seller", "establishedOutside", seller.get("establishedOutside")),
            ("seller", "registeredIn", seller.get("registeredIn")),
            ("seller", "notRegisteredIn", seller.get("notRegisteredIn")),
        ):
            for index, value in enumerate(places or ()):
                if code := wrong(value):
                    at = ("spec", "match", block, part, index)
                    yield breach(tax, at, _no_place(code), mend=hint(code))
    for name, entity in (config.settings.get("entities") or {}).items():
        home = entity.get("establishedIn")
        if home and (code := home if home in BLOCS else wrong(home)):
            at_entity = ("entities", name, "establishedIn")
            yield config.setting("GEN-012", "error", at_entity, _no_place(code), hint(code))
        for index, one in enumerate(entity.get("registrations") or ()):
            if code := wrong(one["country"]):
                within = ("entities", name, "registrations", index, "country")
                yield config.setting("GEN-012", "error", within, _no_place(code), hint(code))


def _twice(context: Context) -> Iterator[Said]:
    """Documents that would be one resource in some store."""
    config = context.configuration
    candidates = [(s.name, s.labels) for s in config.stores.values()]
    by_kind: tuple[list[tuple[Spec, str | None, Sequence[str]]], ...] = (
        [(s, s.spec.get("key"), select(s.spec["stores"], candidates)) for s in config.roles.values()],
        [(s, s.spec.get("key"), matched_stores(s, config)) for s in config.taxes.values()],
        [(s, s.spec.get("key"), select(s.spec["stores"], candidates)) for s in config.promos.values()],
    )
    for specs in by_kind:
        seen: dict[tuple[str, str], Spec] = {}
        told: set[str] = set()
        for spec, own, stores in specs:
            key = own or spec.name
            for store in stores:
                first = seen.setdefault((store, key), spec)
                if first is not spec and spec.name not in told:
                    told.add(spec.name)
                    at: FieldPath = ("spec", "key") if own else ()
                    words = f"{spec.name} and {first.name} have one key, {key}, and would be one {spec.kind} in {store}"
                    yield config.finding("GEN-010", "error", spec, at, words, "give one of them another key")
    for role in config.roles.values():
        named: set[tuple[str, str]] = set()
        for index, one in enumerate(role.spec["subjects"]):
            who = (one["kind"], one["id"].lower())
            if who in named:
                yield config.finding(
                    "GEN-010",
                    "error",
                    role,
                    ("spec", "subjects", index),
                    f"{one['id']} stands twice in {role.name}",
                    "keep one of the two",
                )
            named.add(who)
