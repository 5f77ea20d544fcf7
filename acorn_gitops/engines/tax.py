"""Which tax rule decides a supply. Comes in: a configuration and the facts of a supply. Goes out: who owes
the tax, the treatment, the rate, and why every other rule lost. Callers: `sales`, margins, rules, cli `tax`.

In this order: the rules that match in every dimension; where one of them makes the marketplace liable, none
by which the seller would be; of those the most specific, compared dimension by dimension from goods to
seller; of equals the higher priority. Equal rules with different results are a tie, and no rule at all is a
hole: both are errors, because a guess would be an invoice. So is a value that was not said, or that no
exchange rate turns into the currency of a bound, where the answer depends on it. Neither file order nor names
decide anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from acorn_gitops.engines.pricing.exchange import exchanged
from acorn_gitops.model.reference import amazon_marketplaces, rates_begin
from acorn_gitops.model.selectors import labels_match
from acorn_gitops.model.territory import areas, covers, rates_at, specificity, state
from acorn_gitops.specs.configuration import Configuration, Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import (
        EntityData,
        GoodsData,
        MatchData,
        ResultData,
        SellerData,
        StoreData,
        StorefrontData,
        StoreMatchData,
        TaxRuleData,
        ValueBoundData,
    )


class Supply(NamedTuple):
    """The facts of a sale. Territories are countries or subdivisions (DE, US-NY, ES-CN); `date` is ISO
    text."""

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
    """A rule and how it fares. `lost`: why it does not decide; empty for the one that does. `open`: what must
    be known before that can be said; its other dimensions match."""

    rule: Spec[TaxRuleData]
    rank: tuple[int, ...]
    lost: str = ""
    open: str = ""


class TaxPart(NamedTuple):
    """One of several taxes on one sale."""

    name: str
    percent: str
    liable: str


class Decision(NamedTuple):
    """What holds. `problem` is a hole, a tie, an unknown value or a missing rate, in words; then nothing else
    may be relied on. `percent` is the sum of `taxes` where a sale has several."""

    candidates: tuple[Candidate, ...]
    winner: Spec[TaxRuleData] | None
    percent: str | None
    problem: str = ""
    taxes: tuple[TaxPart, ...] = ()

    @property
    def words(self) -> str:
        """The result in a few words."""
        if self.winner is None or self.problem:
            return self.problem
        result = self.winner.spec["result"]
        rate = f" {self.percent} %" if self.percent is not None else ""
        liable = result["liableParty"]
        parts = [
            f"{one.name} {one.percent} %" + (f" owed by the {one.liable}" if one.liable != liable else "")
            for one in self.taxes
        ]
        return f"{liable}: {result['treatment']}{rate}" + (f" ({', '.join(parts)})" if parts else "")


def decide(
    configuration: Configuration, supply: Supply, rules: Iterable[Spec[TaxRuleData]] | None = None
) -> Decision:
    """Judge every rule of the configuration (or the given ones)."""
    asked = tuple(configuration.taxes.values() if rules is None else rules)
    judged = _judged(configuration, supply, asked)
    undecided = [c for c in judged if c.open]
    if not undecided:
        return _decided(judged, supply)
    if supply.value is None:
        return _for_any_value(configuration, supply, asked, undecided=undecided)
    answers = [
        _decided([c._replace(lost=c.open if out else "") if c.open else c for c in judged], supply)
        for out in (True, False)
    ]
    if _answer(answers[0]) == _answer(answers[1]):
        return answers[0]
    told = [c._replace(lost=c.lost or c.open) for c in judged]
    return Decision(_by_name(told), None, None, problem=f"the value decides, and {undecided[0].open}")


def _judged(
    configuration: Configuration, supply: Supply, rules: Iterable[Spec[TaxRuleData]]
) -> list[Candidate]:
    store = configuration.stores[supply.store]
    entity = configuration.entity(store)
    return [_judge(rule, supply, store, entity=entity, configuration=configuration) for rule in rules]


def _for_any_value(
    configuration: Configuration,
    supply: Supply,
    rules: Sequence[Spec[TaxRuleData]],
    undecided: Sequence[Candidate],
) -> Decision:
    """The answer for every value, where it is one; else a problem that says where the answers part."""
    bounds = [candidate.rule.spec["match"]["value"] for candidate in undecided]
    edges = {
        (bound["currency"], Decimal(bound[name]))
        for bound in bounds
        for name in ("above", "max")
        if bound.get(name) is not None
    }
    found: dict[tuple[object, ...], tuple[str, Decision]] = {}
    for currency, edge in sorted(edges):
        for words, amount in ((f"up to {edge}", edge), (f"above {edge}", edge + _A_LITTLE)):
            decision = decide(configuration, supply._replace(value=(amount, currency)), rules)
            found.setdefault(_answer(decision), (f"{words} {currency}", decision))
    told = _by_name([c._replace(lost=c.lost or c.open) for c in _judged(configuration, supply, rules)])
    if len(found) == 1:
        return next(iter(found.values()))[1]
    bands = "; ".join(f"{words} {decision.words}" for words, decision in found.values())
    return Decision(told, None, None, problem=f"the value decides, and none is said ({bands})")


_A_LITTLE: Final = Decimal("0.0001")
"""Less than any currency's smallest unit."""


def _answer(decision: Decision) -> tuple[object, ...]:
    return (
        decision.problem,
        decision.percent,
        None if decision.winner is None else _result(decision.winner),
    )


def _by_name(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(candidates, key=lambda c: c.rule.name))


def _decided(judged: Sequence[Candidate], supply: Supply) -> Decision:
    matching = [c for c in judged if not c.lost]
    others = _by_name(c for c in judged if c.lost)
    if not matching:
        return Decision(others, None, None, problem="no rule")
    first = [c for c in matching if _liable(c) == "marketplace"]
    if first:
        # A deemed supplier is one by law, whatever the seller has agreed for the same goods.
        words = f"{min(c.rule.name for c in first)} makes the marketplace liable, which comes before the seller's own rules"
        others = _by_name([*others, *(c._replace(lost=words) for c in matching if _liable(c) == "seller")])
        matching = [c for c in matching if _liable(c) != "seller"]
    order = sorted(matching, key=lambda c: (*_level(c), c.rule.name), reverse=True)
    best = order[0]
    equal = [c for c in order if _level(c) == _level(best)]
    lost = [c._replace(lost=_weaker(c, best)) for c in order if c not in equal]
    if any(_result(c.rule) != _result(best.rule) for c in equal):
        names = " and ".join(sorted(c.rule.name for c in equal))
        return Decision((*equal, *lost, *others), None, None, problem=f"tie of {names}")
    winner = min(equal, key=lambda c: c.rule.name)
    same = [c._replace(lost=f"says the same as {winner.rule.name}") for c in equal if c is not winner]
    percent, problem = _percent(winner.rule, supply)
    return Decision(
        (winner, *same, *lost, *others),
        winner.rule,
        percent,
        problem=problem,
        taxes=tax_parts(winner.rule.spec["result"]),
    )


def _liable(candidate: Candidate) -> str:
    return str(candidate.rule.spec["result"]["liableParty"])


def _level(candidate: Candidate) -> tuple[object, ...]:
    return candidate.rank, candidate.rule.spec.get("priority") or 0


_DIMENSIONS: Final = ("goods", "store", "ship-to", "ship-from", "VAT id", "customer", "value", "seller")


def _judge(
    rule: Spec[TaxRuleData],
    supply: Supply,
    store: Spec[StoreData],
    entity: EntityData | None,
    configuration: Configuration,
) -> Candidate:
    body = rule.spec
    match: MatchData = body["match"]
    if body.get("enabled") is False:
        return Candidate(rule, (), "it is switched off")
    validity = body["validity"]
    if supply.date < validity["from"]:
        return Candidate(rule, (), f"it holds from {validity['from']}")
    if validity.get("to") is not None and supply.date >= validity["to"]:
        return Candidate(rule, (), f"it held until {validity['to']}")
    places = match.get("supply") or {}
    value = _value(match.get("value"), supply, configuration)
    parts = (
        _goods(match.get("goods") or {}, supply),
        _store(match.get("stores") or {}, store),
        _territory(places.get("shipTo"), supply.ship_to, supply.ship_from, words="goes to"),
        _territory(places.get("shipFrom"), supply.ship_from, supply.ship_to, words="comes from"),
        _vat_id((match.get("customer") or {}).get("vatId"), supply),
        _customer((match.get("customer") or {}).get("type"), supply),
        1 if isinstance(value, _Open) else value,
        _seller(match.get("seller") or {}, entity, supply, configuration=configuration),
    )
    for excluded in places.get("territoryExclude") or ():
        if covers(excluded, supply.ship_to, supply.ship_from):
            return Candidate(rule, (), f"it excludes {excluded}")
    if _crosses_border(body["result"]) and state(supply.ship_from) == state(supply.ship_to):
        return Candidate(rule, (), f"it is for goods that cross a border, and these stay in {supply.ship_to}")
    for part in parts:
        if isinstance(part, str):
            return Candidate(rule, (), part)
    found = tuple(part for part in parts if isinstance(part, int))
    return Candidate(rule, found, "", open=value.words if isinstance(value, _Open) else "")


class _Open(NamedTuple):
    """What is not known of a value."""

    words: str


def _goods(goods: GoodsData, supply: Supply) -> int | str:
    said = {"skus": goods.get("skus"), "ptc": goods.get("ptc"), "taxClass": goods.get("taxClass")}
    level = 0
    for name, have, rank in (
        ("skus", supply.sku, 3),
        ("ptc", supply.ptc, 2),
        ("taxClass", supply.tax_class, 1),
    ):
        wanted = said[name]
        if not wanted:
            continue
        if have not in wanted:
            return f"{name} is {have or 'not said'}, not {', '.join(wanted)}"
        level = max(level, rank)
    return level


def _store(wanted: StoreMatchData, store: Spec[StoreData]) -> int | str:
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


def for_store(rule: Spec[TaxRuleData], store: Spec[StoreData]) -> bool:
    """Whether a rule speaks of a storefront."""
    return not isinstance(_store(rule.spec["match"].get("stores") or {}, store), str)


def matched_stores(spec: Spec[TaxRuleData], configuration: Configuration) -> list[str]:
    """Storefronts that the rule speaks of: every one when nothing is said, else by name, label or country."""
    return sorted(
        store.name
        for store in configuration.stores.values()
        if store.spec.get("storefront") and for_store(spec, store)
    )


def country_of(front: StorefrontData) -> str | None:
    """The country of a storefront: as declared, or its Amazon marketplace's."""
    if front.get("country") is not None:
        return str(front["country"])
    row = amazon_marketplaces().get(front.get("marketplaceId") or "")
    return row.country if row else None


def _crosses_border(result: ResultData) -> bool:
    """Whether what the rule speaks of begins with a border: an intra-Community supply (Directive 2006/112/EC
    Art. 138), or a seller's distance sale under the Union scheme (Art. 33(a), 369b)."""
    return result["treatment"] == "intraCommunity" or (
        result.get("scheme") == "union-oss" and result["liableParty"] == "seller"
    )


def _territory(wanted: Sequence[str] | None, place: str, other: str, words: str) -> int | str:
    return _of_territory(tuple(wanted), place, other, words) if wanted else 0


@lru_cache(maxsize=1 << 16)  # a matrix asks each rule for the same places again and again
def _of_territory(wanted: tuple[str, ...], place: str, other: str, words: str) -> int | str:
    found = [name for name in wanted if covers(name, place, other)]
    if found:
        return max(map(specificity, found))
    said = f"it {words} {place}, the rule is for {', '.join(wanted[:6])}"
    country = place.partition("-")[0]
    if any(covers(name, country) for name in wanted):
        said += f"; {place} is no part of that for taxes on sales"
    return said


def _vat_id(wanted: str | None, supply: Supply) -> int | str:
    if wanted in (None, "any"):
        return 0
    fits = supply.vat_id == wanted or (wanted == "present" and supply.vat_id == "valid")
    return (2 if wanted == "valid" else 1) if fits else f"the VAT id is {supply.vat_id}, not {wanted}"


def _customer(wanted: str | None, supply: Supply) -> int | str:
    if wanted in (None, "any"):
        return 0
    return 1 if wanted == supply.customer else f"the customer is {supply.customer}, not {wanted}"


SIDES: Final[tuple[Literal["shipFrom", "shipTo"], ...]] = ("shipFrom", "shipTo")
"""The two places of a supply."""
THRESHOLD: Final = Decimal(10_000)
"""Euros a year of sales to consumers in other member states, up to which the tax of departure may be charged
(Directive 2006/112/EC Art. 59c)."""


def _seller(
    wanted: SellerData,
    entity: EntityData | None,
    supply: Supply,
    configuration: Configuration,
) -> int | str:
    """Where acorn.yaml keeps the company, its facts decide; else a rule is taken as written for its seller. A
    registration in a part of a country is more specific than one in the country."""
    if not any(value for value in wanted.values() if value is not False):
        return 0
    level = 2 if any(specificity(one) == 3 for one in wanted.get("registeredIn") or ()) else 1
    if entity is None and wanted.get("underThreshold"):
        return "whether the seller stays below the threshold is not known"
    if entity is None:
        return level
    home = entity["establishedIn"]
    if wanted.get("establishedIn") and not any(covers(named, home) for named in wanted["establishedIn"]):
        return f"the seller is established in {home}, the rule is for {', '.join(wanted['establishedIn'])}"
    outside = [named for named in wanted.get("establishedOutside") or () if covers(named, home)]
    if outside:
        return f"the seller is established in {home}, the rule is for sellers outside {', '.join(outside)}"
    have = {
        area for r in entity.get("registrations") or () for area in (r["country"], areas(r["country"])[0])
    }
    lacks = [one for one in wanted.get("registeredIn") or () if not have & {one, areas(one)[0]}]
    if lacks:
        return f"the seller is not registered in {', '.join(lacks)}"
    held = [one for one in wanted.get("notRegisteredIn") or () if have & {one, areas(one)[0]}]
    if held:
        return f"the seller is registered in {', '.join(held)}"
    if not wanted.get("underThreshold"):
        return level
    worth = exchanged(configuration, *supply.value, "EUR") if supply.value is not None else None
    return _above_threshold(entity, int(supply.date[:4]), worth or Decimal(0)) or level


def _above_threshold(entity: EntityData, year: int, worth: Decimal) -> str:
    """Why the company's sales to other member states are not known to stay at the threshold or below it, this
    sale of so many euros included; empty where they are."""
    if "union-oss" in (entity.get("schemes") or ()):
        return "the seller files the Union scheme, and has so chosen the tax of the destination"
    recorded = {one["year"]: Decimal(one["value"]) for one in entity.get("distanceSales") or ()}
    for one, more in ((year - 1, Decimal(0)), (year, worth)):
        if one not in recorded:
            return f"the distance sales of {one} are not recorded (entities, distanceSales)"
        if recorded[one] + more > THRESHOLD:
            return f"the seller's distance sales of {one} are {recorded[one] + more} EUR, above {THRESHOLD}"
    return ""


def _value(bound: ValueBoundData | None, supply: Supply, configuration: Configuration) -> int | str | _Open:
    if bound is None:
        return 0
    above, most, currency = bound.get("above"), bound.get("max"), bound["currency"]
    if supply.value is None:
        words = " and ".join(
            f"{word} {edge} {currency}"
            for word, edge in (("above", above), ("up to", most))
            if edge is not None
        )
        return _Open(f"it holds {words}, and no value is said")
    amount, told = supply.value
    converted = exchanged(configuration, amount, told, target=currency)
    if converted is None:
        return _Open(f"acorn.yaml has no exchange rate {told}/{currency}")
    said = f"the value is {converted:.2f} {currency}," if told != currency else "the value is"
    if above is not None and converted <= Decimal(above):
        return f"{said} not above {above} {currency}"
    return 1 if most is None or converted <= Decimal(most) else f"{said} above {most} {currency}"


def _weaker(loser: Candidate, winner: Candidate) -> str:
    for name, ours, theirs in zip(_DIMENSIONS, loser.rank, winner.rank, strict=True):
        if ours != theirs:
            return f"{winner.rule.name} is more specific in {name}"
    return f"{winner.rule.name} has the higher priority"


def _result(rule: Spec[TaxRuleData]) -> tuple[object, ...]:
    result = rule.spec["result"]
    rate, invoice = result.get("rate") or {}, result.get("invoice") or {}
    return (
        result["liableParty"],
        result["treatment"],
        rate.get("class"),
        rate.get("class") and (rate.get("of") or "shipTo"),
        None if rate.get("percent") is None else Decimal(rate["percent"]),
        tuple(one._replace(percent=str(Decimal(one.percent).normalize())) for one in tax_parts(result)),
        result.get("scheme"),
        invoice.get("category"),
        invoice.get("mention"),
    )


def tax_parts(result: ResultData) -> tuple[TaxPart, ...]:
    """The taxes of a result that has several."""
    return tuple(
        TaxPart(one["name"], str(one["percent"]), one.get("liableParty") or result["liableParty"])
        for one in result.get("taxes") or ()
    )


def _percent(rule: Spec[TaxRuleData], supply: Supply) -> tuple[str | None, str]:
    result = rule.spec["result"]
    rate = result.get("rate") or {}
    if rate.get("percent") is not None:
        return str(rate["percent"]), ""
    if result.get("taxes"):
        return str(sum(Decimal(one.percent) for one in tax_parts(result))), ""
    if rate.get("class") is None:
        return None, ""
    place = supply.ship_from if rate.get("of") == "shipFrom" else supply.ship_to
    found = rates_at(place, rate["class"], supply.date)
    if len(found) == 1:
        return found[0], ""
    if supply.date < rates_begin():
        return None, f"the table of rates begins on {rates_begin()}, and the rule names a class"
    what = f"{rate['class']} rate in {place} on {supply.date}"
    if not found:
        return None, f"the table has no {what}"
    return None, f"the table has more than one {what}: {', '.join(f'{one} %' for one in found)}"
