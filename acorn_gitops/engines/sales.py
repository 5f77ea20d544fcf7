"""Every sale that the specs speak of. Comes in: a configuration, a day. Goes out: sales with the rules that
may decide them, and the matrix of what holds. Callers: rules, margins, cli `tax` and views.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from acorn_gitops.engines.tax import Decision, Supply, country_of, decide, for_store
from acorn_gitops.model.territory import (
    BLOCS,
    asked_beside,
    canonical,
    country_of_code,
    covers,
    of_address,
    territories,
)
from acorn_gitops.specs.configuration import Configuration, Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import TaxRuleData


class Cell(NamedTuple):
    """One supply of the matrix, and what holds. `beside`: it has no answer, and is asked for only since its
    destination lies beside a country that rules name."""

    supply: Supply
    decision: Decision
    beside: bool = False


def cell(configuration: Configuration, asked: Supply, rules: list[Spec[TaxRuleData]]) -> Cell:
    """What the rules of a store say of a supply."""
    decision = decide(configuration, asked, rules)
    return Cell(asked, decision, bool(decision.problem) and _only_beside(asked, rules))


CUSTOMERS: Final = (("b2c", "absent"), ("b2b", "valid"), ("b2b", "present"), ("b2b", "absent"))
"""Who buys, and what they show: a VAT id that was checked, one that was only told, or none."""


def matrix(configuration: Configuration, date: str, store: str | None = None) -> list[Cell]:
    """Every sale (`sales`) with its decision."""
    return [cell(configuration, asked, rules) for asked, rules in sales(configuration, date, store)]


def sales(
    configuration: Configuration, date: str, store: str | None = None
) -> Iterator[tuple[Supply, list[Spec[TaxRuleData]]]]:
    """With the rules of its store, every supply that the specs speak of: through each storefront that lists
    something, from each place that holds stock for it, to its own country and to each territory that its
    rules name (a bloc means each of its members), for consumers and for businesses with a VAT id, an
    unchecked one and none, for each kind of goods that its listings have (tax class; product tax code and SKU
    where its rules name some); and where rules end or begin at a value, on both sides of it."""
    places, listed = places_of(configuration), _goods_of(configuration)
    for front in sorted(configuration.stores.values(), key=lambda s: s.name):
        block = front.spec.get("storefront")
        if block is None or store not in (None, front.name):
            continue
        if listed and front.name not in listed:
            continue  # nothing is listed there yet
        rules = [rule for rule in configuration.taxes.values() if for_store(rule, front)]
        home = country_of(block)
        sources = places.get(front.name) or ({home} if home else set())
        targets = _targets(rules, home, sources)
        for tax_class, ptc, sku in sorted(_kinds(listed.get(front.name, {_NOTHING}), rules)):
            for ship_from in sorted(sources):
                for ship_to in sorted(targets):
                    values = values_of(rules, ship_from, ship_to)
                    for customer, vat_id in CUSTOMERS:
                        for value in values:
                            asked = Supply(
                                front.name,
                                ship_from,
                                ship_to,
                                customer=customer,
                                vat_id=vat_id,
                                date=date,
                                sku=sku,
                                tax_class=tax_class,
                                ptc=ptc,
                                value=value,
                            )
                            yield asked, rules


def _targets(rules: Iterable[Spec[TaxRuleData]], home: str | None, sources: set[str]) -> set[str]:
    """Where a store's goods go: its own country, what its rules name, and the places beside these whose tax
    is another."""
    targets: set[str] = {home} if home else set()
    for rule in rules:
        supply = rule.spec["match"].get("supply") or {}
        # A rule for goods from elsewhere says nothing of where this store's goods go.
        if not supply.get("shipFrom") or any(covers(n, s) for n in supply["shipFrom"] for s in sources):
            for named in supply.get("shipTo") or ():
                targets.update(BLOCS.get(named, (named,)))
    if home in _OF_PARTS and any("-" in t and country_of_code(t) == home for t in targets):
        targets.discard(home)  # the country as a whole has no answer
    once = {canonical(target): target for target in sorted(targets, reverse=True)}
    return {*once.values(), *(asked_beside(targets) - once.keys())}


_OF_PARTS: Final = frozenset({"US", "CA"})
"""Countries whose tax on a sale is that of the state or the province."""


def _only_beside(supply: Supply, rules: Iterable[Spec[TaxRuleData]]) -> bool:
    """Whether a sale is asked for only since its destination lies beside a country that rules name: none
    names it itself."""
    place = territories().get(canonical(supply.ship_to) or "")
    if place is None or place.asked_with is None:
        return False
    return not any(
        canonical(named) == place.code
        for rule in rules
        for named in (rule.spec["match"].get("supply") or {}).get("shipTo") or ()
    )


def values_of(
    rules: Iterable[Spec[TaxRuleData]], ship_from: str, ship_to: str
) -> list[tuple[Decimal, str] | None]:
    """Values of a consignment, one in each band that the rules of a route distinguish; only None where none
    does."""
    edges: dict[str, set[Decimal]] = {}
    for rule in rules:
        match = rule.spec["match"]
        bound, supply = match.get("value"), match.get("supply") or {}
        if bound is None or any(
            named and not any(covers(name, place, other) for name in named)
            for named, place, other in (
                (supply.get("shipFrom"), ship_from, ship_to),
                (supply.get("shipTo"), ship_to, ship_from),
            )
        ):
            continue
        edges.setdefault(bound["currency"], set()).update(
            Decimal(bound[name]) for name in ("above", "max") if bound.get(name) is not None
        )
    return [
        (amount, currency)
        for currency, bounds in sorted(edges.items())
        for amount in (*sorted(bounds), *([max(bounds) + 1] if bounds else ()))
    ] or [None]


def places_of(configuration: Configuration) -> dict[str, set[str]]:
    """By storefront, the territories where stock for it lies and from where parcels leave."""
    where = shipping_places(configuration)
    found: dict[str, set[str]] = {}
    for locations, stores in stocked_at(configuration):
        sources = {where[location] for location in locations if location in where}
        for store in stores if sources else ():
            found.setdefault(store, set()).update(sources)
    return found


def stocked_at(configuration: Configuration) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Which locations supply which storefronts, as SKUs say it: a catalogue has few different answers."""
    return {
        (
            tuple([source["location"] for source in block.get("sources") or ()]),
            tuple([listing["store"] for listing in sku.spec.get("listings") or ()]),
        )
        for sku in configuration.skus
        if (block := sku.spec.get("inventory"))
    }


def shipping_places(configuration: Configuration) -> dict[str, str]:
    """Locations from where parcels may leave, with their territories."""
    where: dict[str, str] = {}
    for store in configuration.stores.values():
        physical = store.spec.get("physical")
        ship = ((physical or {}).get("capabilities") or {}).get("shipFromStore")
        if physical is not None and not (ship and ship.get("enabled") is False):
            where[store.name] = of_address(physical["address"])
    return where


Goods = tuple[str, str, str]
"""Tax class, product tax code and SKU; "" where nothing is said."""
_NOTHING: Final[Goods] = ("", "", "")


def _goods_of(configuration: Configuration) -> dict[str, set[Goods]]:
    """By storefront, what it lists. SKUs only where some rule names SKUs: a catalogue has few tax classes and
    codes."""
    named = {
        sku
        for tax in configuration.taxes.values()
        for sku in (tax.spec["match"].get("goods") or {}).get("skus") or ()
    }
    every: set[tuple[Goods, tuple[str, ...]]] = set()
    for sku in configuration.skus:
        facts = sku.spec.get("attributes") or {}
        code = sku.spec["sku"]
        goods = (facts.get("taxClass") or "", facts.get("ptc") or "", code if code in named else "")
        every.add((goods, tuple([listing["store"] for listing in sku.spec.get("listings") or ()])))
    found: dict[str, set[Goods]] = {}
    for goods, stores in every:
        for store in stores:
            found.setdefault(store, set()).add(goods)
    return found


def _kinds(listed: Iterable[Goods], rules: Iterable[Spec[TaxRuleData]]) -> set[Goods]:
    """What a store's rules can tell apart of its goods."""
    blocks = [rule.spec["match"].get("goods") or {} for rule in rules]
    by_code = any(block.get("ptc") for block in blocks)
    skus = {sku for block in blocks for sku in block.get("skus") or ()}
    return {(name, ptc if by_code else "", sku if sku in skus else "") for name, ptc, sku in listed}


def turning_points(configuration: Configuration, today: str, until: str) -> list[str]:
    """Days after today, up to `until`, on which a rule begins or ends: what holds changes on them only."""
    days = {
        day
        for tax in configuration.taxes.values()
        if tax.spec.get("enabled") is not False
        for day in (tax.spec["validity"]["from"], tax.spec["validity"].get("to"))
        if day is not None and today < day <= until
    }
    return sorted(days)
