"""Which tax rule decides a supply. Comes in: a configuration and the facts of a supply. Goes out: who owes the tax, the
treatment, the rate, and why every other rule lost. Callers: rules, cli `tax`.

In this order: the rules that match in every dimension; of those the most specific, compared dimension by dimension
from goods to seller; of equals the higher priority. Equal rules with different results are a tie, and no rule at all
is a hole: both are errors, because a guess would be an invoice. Neither file order nor names decide anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from acorn_gitops.model.reference import amazon_marketplaces, rates_begin, rates_on
from acorn_gitops.model.selectors import labels_match
from acorn_gitops.specs.configuration import Configuration, Spec

EU: Final = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
"""Member states (Treaty on European Union; unchanged since 2020-02-01)."""
OUTSIDE: Final = frozenset(
    [
        "DE-BUSINGEN",
        "DE-HELGOLAND",
        "ES-CE",
        "ES-CN",
        "ES-ML",
        "FI-01",
        "FR-GF",
        "FR-GP",
        "FR-MQ",
        "FR-RE",
        "FR-YT",
        "GR-69",
        "IT-CAMPIONE",
        "IT-LIVIGNO",
    ]
)
"""Territories of member states outside the EU's VAT area (Directive 2006/112/EC Art. 6)."""
BLOCS: Final[dict[str, frozenset[str]]] = {"EU": EU, "EEA": EU | {"IS", "LI", "NO"}}


class Supply(NamedTuple):
    """The facts of a sale. Territories are countries or subdivisions (DE, US-NY, ES-CN); `date` is ISO text."""

    store: str
    ship_from: str
    ship_to: str
    customer: str = "b2c"
    vat_id: str = "absent"
    date: str = ""
    sku: str = ""
    tax_class: str = ""
    ptc: str = ""
    value: tuple[Decimal, str] | None = None

    @property
    def worth(self) -> str:
        """The value in words; empty where none is said."""
        return f"{self.value[0]} {self.value[1]}" if self.value is not None else ""


class Candidate(NamedTuple):
    """A rule and how it fares. `lost`: why it does not decide; empty for the one that does."""

    rule: Spec
    rank: tuple[int, ...]
    lost: str = ""


class Decision(NamedTuple):
    """What holds. `problem` is a hole, a tie or a missing rate, in words; then nothing else may be relied on."""

    candidates: tuple[Candidate, ...]
    winner: Spec | None
    percent: str | None
    problem: str = ""

    @property
    def words(self) -> str:
        """The result in a few words."""
        if self.winner is None or self.problem:
            return self.problem
        result = self.winner.spec["result"]
        rate = f" {self.percent} %" if self.percent is not None else ""
        return f"{result['liableParty']}: {result['treatment']}{rate}"


def decide(configuration: Configuration, supply: Supply, rules: Iterable[Spec] | None = None) -> Decision:
    """Judge every rule of the configuration (or the given ones)."""
    store = configuration.stores[supply.store]
    entity = configuration.entity(store)
    judged = [
        _judge(rule, supply, store, entity)
        for rule in (configuration.taxes.values() if rules is None else rules)
    ]
    matching = [c for c in judged if not c.lost]
    others = sorted((c for c in judged if c.lost), key=lambda c: c.rule.name)
    if not matching:
        return Decision(tuple(others), None, None, "no rule")
    order = sorted(
        matching, key=lambda c: (c.rank, c.rule.spec.get("priority") or 0, c.rule.name), reverse=True
    )
    best = order[0]
    level = (best.rank, best.rule.spec.get("priority") or 0)
    equal = [c for c in order if (c.rank, c.rule.spec.get("priority") or 0) == level]
    lost = [c._replace(lost=_weaker(c, best)) for c in order if c not in equal]
    if any(_result(c.rule) != _result(best.rule) for c in equal):
        names = " and ".join(sorted(c.rule.name for c in equal))
        return Decision((*equal, *lost, *others), None, None, f"tie of {names}")
    winner = min(equal, key=lambda c: c.rule.name)
    same = [c._replace(lost=f"says the same as {winner.rule.name}") for c in equal if c is not winner]
    percent, problem = _percent(winner.rule, supply)
    return Decision((winner, *same, *lost, *others), winner.rule, percent, problem)


_DIMENSIONS: Final = ("goods", "store", "ship-to", "ship-from", "VAT id", "customer", "value", "seller")


def _judge(rule: Spec, supply: Supply, store: Spec, entity: Mapping[str, Any] | None) -> Candidate:
    body = rule.spec
    match: Mapping[str, Any] = body["match"]
    if body.get("enabled") is False:
        return Candidate(rule, (), "it is switched off")
    validity = body["validity"]
    if supply.date < validity["from"]:
        return Candidate(rule, (), f"it holds from {validity['from']}")
    if validity.get("to") is not None and supply.date >= validity["to"]:
        return Candidate(rule, (), f"it held until {validity['to']}")
    parts = (
        _goods(match.get("goods") or {}, supply),
        _store(match.get("stores") or {}, store),
        _territory((match.get("supply") or {}).get("shipTo"), supply.ship_to, "goes to"),
        _territory((match.get("supply") or {}).get("shipFrom"), supply.ship_from, "comes from"),
        _vat_id((match.get("customer") or {}).get("vatId"), supply),
        _customer((match.get("customer") or {}).get("type"), supply),
        _value(match.get("value"), supply),
        _seller(match.get("seller") or {}, entity),
    )
    for excluded in (match.get("supply") or {}).get("territoryExclude") or ():
        if _covers(excluded, supply.ship_to):
            return Candidate(rule, (), f"it excludes {excluded}")
    if _crosses_border(body["result"]) and _country(supply.ship_from) == _country(supply.ship_to):
        return Candidate(rule, (), f"it is for goods that cross a border, and these stay in {supply.ship_to}")
    for part in parts:
        if isinstance(part, str):
            return Candidate(rule, (), part)
    return Candidate(rule, tuple(part for part in parts if isinstance(part, int)))


def _goods(goods: Mapping[str, Any], supply: Supply) -> int | str:
    level = 0
    for name, have, rank in (
        ("skus", supply.sku, 3),
        ("ptc", supply.ptc, 2),
        ("taxClass", supply.tax_class, 1),
    ):
        wanted = goods.get(name)
        if not wanted:
            continue
        if have not in wanted:
            return f"{name} is {have or 'not said'}, not {', '.join(wanted)}"
        level = max(level, rank)
    return level


def _store(wanted: Mapping[str, Any], store: Spec) -> int | str:
    """Any of name, country of the marketplace, labels; the most specific counts."""
    if not any(wanted.values()):
        return 0
    if store.name in (wanted.get("names") or ()):
        return 3
    if country_of(store.spec["storefront"]) in (wanted.get("marketplaces") or ()):
        return 2
    if wanted.get("labels") and labels_match(wanted["labels"], store.labels):
        return 1
    return f"it is not for {store.name}"


def matched_stores(spec: Spec, configuration: Configuration) -> list[str]:
    """Storefronts that the rule speaks of: every one when nothing is said, else by name, label or country."""
    wanted = spec.spec["match"].get("stores") or {}
    return sorted(
        store.name
        for store in configuration.stores.values()
        if store.spec.get("storefront") and not isinstance(_store(wanted, store), str)
    )


def country_of(front: Mapping[str, Any]) -> str | None:
    """The country of a storefront: as declared, or its Amazon marketplace's."""
    if front.get("country") is not None:
        return str(front["country"])
    row = amazon_marketplaces().get(front.get("marketplaceId") or "")
    return row.country if row else None


def _crosses_border(result: Mapping[str, Any]) -> bool:
    """Whether what the rule speaks of begins with a border: an intra-Community supply (Directive 2006/112/EC Art. 138), or a
    seller's distance sale under the Union scheme (Art. 33(a), 369b)."""
    return result["treatment"] == "intraCommunity" or (
        result.get("scheme") == "union-oss" and result["liableParty"] == "seller"
    )


def _country(territory: str) -> str:
    return territory.partition("-")[0]


def _covers(named: str, territory: str) -> bool:
    """Whether a territory lies in a named one: itself, its country, or its bloc (whose VAT area leaves some territories out)."""
    country = _country(territory)
    if named in BLOCS and territory in OUTSIDE:
        return False
    return named in (territory, country) or country in BLOCS.get(named, ())


def _territory(wanted: Sequence[str] | None, territory: str, words: str) -> int | str:
    if not wanted:
        return 0
    found = [name for name in wanted if _covers(name, territory)]
    if not found:
        return f"it {words} {territory}, the rule is for {', '.join(wanted[:6])}"
    return max(3 if "-" in name else 1 if name in BLOCS else 2 for name in found)


def _vat_id(wanted: str | None, supply: Supply) -> int | str:
    if wanted in (None, "any"):
        return 0
    fits = supply.vat_id == wanted or (wanted == "present" and supply.vat_id == "valid")
    return (2 if wanted == "valid" else 1) if fits else f"the VAT id is {supply.vat_id}, not {wanted}"


def _customer(wanted: str | None, supply: Supply) -> int | str:
    if wanted in (None, "any"):
        return 0
    return 1 if wanted == supply.customer else f"the customer is {supply.customer}, not {wanted}"


def _seller(wanted: Mapping[str, Any], entity: Mapping[str, Any] | None) -> int | str:
    """Where acorn.yaml keeps the company, its facts decide; else a rule is taken as written for its seller."""
    if not any(wanted.values()):
        return 0
    if entity is None:
        return 1
    home = entity["establishedIn"]
    if wanted.get("establishedIn") and not any(_covers(named, home) for named in wanted["establishedIn"]):
        return f"the seller is established in {home}, the rule is for {', '.join(wanted['establishedIn'])}"
    outside = [named for named in wanted.get("establishedOutside") or () if _covers(named, home)]
    if outside:
        return f"the seller is established in {home}, the rule is for sellers outside {', '.join(outside)}"
    have = {r["country"] for r in entity.get("registrations") or ()}
    lacks = [country for country in wanted.get("registeredIn") or () if country not in have]
    return f"the seller is not registered in {', '.join(lacks)}" if lacks else 1


def _value(bound: Mapping[str, Any] | None, supply: Supply) -> int | str:
    if bound is None:
        return 0
    above, most, currency = bound.get("above"), bound.get("max"), bound["currency"]
    words = " and ".join(
        f"{word} {edge} {currency}" for word, edge in (("above", above), ("up to", most)) if edge is not None
    )
    if supply.value is None:
        return f"it holds {words}, and no value is said"
    amount, told = supply.value
    if told != currency:
        return f"it holds {words}, and the value is in {told}"
    if above is not None and amount <= Decimal(above):
        return f"the value is not above {above} {currency}"
    return 1 if most is None or amount <= Decimal(most) else f"the value is above {most} {currency}"


def _weaker(loser: Candidate, winner: Candidate) -> str:
    for name, ours, theirs in zip(_DIMENSIONS, loser.rank, winner.rank, strict=True):
        if ours != theirs:
            return f"{winner.rule.name} is more specific in {name}"
    return f"{winner.rule.name} has the higher priority"


def _result(rule: Spec) -> tuple[Any, ...]:
    result = rule.spec["result"]
    rate, invoice = result.get("rate") or {}, result.get("invoice") or {}
    return (
        result["liableParty"],
        result["treatment"],
        rate.get("class"),
        rate.get("class") and (rate.get("of") or "shipTo"),
        None if rate.get("percent") is None else Decimal(rate["percent"]),
        result.get("scheme"),
        invoice.get("category"),
        invoice.get("mention"),
    )


def _percent(rule: Spec, supply: Supply) -> tuple[str | None, str]:
    rate = rule.spec["result"].get("rate") or {}
    if rate.get("percent") is not None:
        return str(rate["percent"]), ""
    if rate.get("class") is None:
        return None, ""
    country = _country(supply.ship_from if rate.get("of") == "shipFrom" else supply.ship_to)
    found = sorted(set(rates_on(country, rate["class"], supply.date)))
    if len(found) == 1:
        return found[0], ""
    if supply.date < rates_begin():
        return None, f"the table of rates begins on {rates_begin()}, and the rule names a class"
    what = f"{rate['class']} rate in {country} on {supply.date}"
    return None, f"the table has no {what}" if not found else f"the table has {len(found)} {what}"


class Cell(NamedTuple):
    """One supply of the matrix, and what holds."""

    supply: Supply
    decision: Decision


CUSTOMERS: Final = (("b2c", "absent"), ("b2b", "valid"), ("b2b", "present"), ("b2b", "absent"))
"""Who buys, and what they show: a VAT id that was checked, one that was only told, or none."""


def matrix(configuration: Configuration, date: str, store: str | None = None) -> list[Cell]:
    """Every sale (`sales`) with its decision."""
    return [
        Cell(asked, decide(configuration, asked, rules)) for asked, rules in sales(configuration, date, store)
    ]


def sales(
    configuration: Configuration, date: str, store: str | None = None
) -> Iterator[tuple[Supply, list[Spec]]]:
    """With the rules of its store, every supply that the specs speak of: through each storefront that lists something, from each place that holds stock
    for it, to its own country and to each territory that its rules name (a bloc means each of its members), for
    consumers and for businesses with a VAT id, an unchecked one and none, for each kind of goods that its listings have
    (tax class; product tax code and SKU where its rules name some); and where rules end or begin at a value, on both sides
    of it."""
    places, listed = places_of(configuration), _goods_of(configuration)
    for front in sorted(configuration.stores.values(), key=lambda s: s.name):
        block = front.spec.get("storefront")
        if block is None or store not in (None, front.name):
            continue
        if listed and front.name not in listed:
            continue  # nothing is listed there yet
        rules = [
            rule
            for rule in configuration.taxes.values()
            if not isinstance(_store(rule.spec["match"].get("stores") or {}, front), str)
        ]
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
                                customer,
                                vat_id,
                                date,
                                sku,
                                tax_class,
                                ptc,
                                value,
                            )
                            yield asked, rules


def _targets(rules: Iterable[Spec], home: str | None, sources: set[str]) -> set[str]:
    """Where a store's goods go: its own country, and what its rules name."""
    targets = {home} if home else set()
    for rule in rules:
        supply = rule.spec["match"].get("supply") or {}
        # A rule for goods from elsewhere says nothing of where this store's goods go.
        if not supply.get("shipFrom") or any(_covers(n, s) for n in supply["shipFrom"] for s in sources):
            for named in supply.get("shipTo") or ():
                targets.update(BLOCS.get(named, (named,)))
    if any("-" in t and _country(t) == home for t in targets) and home == "US":
        targets.discard(home)  # there is no sales tax of the country itself
    return targets


def values_of(rules: Iterable[Spec], ship_from: str, ship_to: str) -> list[tuple[Decimal, str] | None]:
    """Values of a consignment, one in each band that the rules of a route distinguish; only None where none does."""
    edges: dict[str, set[Decimal]] = {}
    for rule in rules:
        match = rule.spec["match"]
        bound, supply = match.get("value"), match.get("supply") or {}
        if bound is None or any(
            named and not any(_covers(name, place) for name in named)
            for named, place in ((supply.get("shipFrom"), ship_from), (supply.get("shipTo"), ship_to))
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
            where[store.name] = territory_of(physical["address"])
    return where


def territory_of(address: Mapping[str, Any]) -> str:
    """Country, with the state where sales tax is the states'."""
    country = str(address["countryCode"])
    area = address.get("administrativeArea")
    return f"{country}-{area}" if area and country == "US" and len(area) == 2 else country


Goods = tuple[str, str, str]
"""Tax class, product tax code and SKU; "" where nothing is said."""
_NOTHING: Final[Goods] = ("", "", "")


def _goods_of(configuration: Configuration) -> dict[str, set[Goods]]:
    """By storefront, what it lists. SKUs only where some rule names SKUs: a catalogue has few tax classes and codes."""
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


def _kinds(listed: Iterable[Goods], rules: Iterable[Spec]) -> set[Goods]:
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
