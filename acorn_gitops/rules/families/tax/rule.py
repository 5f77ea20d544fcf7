"""TAX rules that specs alone decide. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from acorn_gitops.engines.tax import SIDES, country_of, matched_stores
from acorn_gitops.model.reference import as_of, countries_with_rates, rates_begin
from acorn_gitops.model.territory import BLOCS, in_eu, rate_places, rates_at, state
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import TaxRuleData

_RATED = frozenset({"standard", "reduced", "superReduced"})


@rule(
    "TAX-003",
    "error",
    "A rate stands where the treatment has one, and only there",
    why="An exempt supply with a rate, or a taxed one without, is a wrong invoice.",
    mend="Give taxed treatments a rate, and take it from the others.",
    source="EN 16931",
)
def rate_fits_treatment(context: Context) -> Iterator[Said]:
    """Exactly one of class, percent and `taxes` for standard, reduced and superReduced, and no class of
    another name; none or zero otherwise."""
    config = context.configuration
    for tax in config.taxes.values():
        result = tax.spec["result"]
        rate = result.get("rate") or {}
        given = [k for k in ("class", "percent") if rate.get(k) is not None]
        given += ["taxes"] if result.get("taxes") else []
        path = ("spec", "result", "rate")
        names = [one["name"] for one in result.get("taxes") or ()]
        if len(given) > 1:
            yield breach(
                tax,
                path,
                "a rate is a class, a percentage or several `taxes`, and only one of these",
                mend=f"remove {' or '.join(given)}",
            )
        elif len(set(names)) < len(names):
            yield breach(
                tax,
                ("spec", "result", "taxes"),
                "two of the taxes have one name",
                mend="one sale has each tax once",
            )
        elif result["treatment"] in _RATED and not given:
            yield breach(
                tax,
                ("spec", "result"),
                f"treatment {result['treatment']} needs a rate",
                mend='add `rate: {class: standard}` or `rate: {percent: "19"}`',
            )
        elif result["treatment"] in _RATED:
            yield from _of_another_class(tax)
        elif rate.get("class") not in (None, "zero") or Decimal(rate.get("percent") or 0) or names:
            yield breach(tax, path, f"treatment {result['treatment']} has no rate", mend="remove the rate")


def _of_another_class(tax: Spec[TaxRuleData]) -> Iterator[Said]:
    """A taxed treatment with the class of rate of another one."""
    result = tax.spec["result"]
    treatment, said = result["treatment"], (result.get("rate") or {}).get("class")
    if said is not None and said != treatment:
        yield breach(
            tax,
            ("spec", "result", "rate"),
            f"treatment {treatment} with the rate of class {said}",
            mend=f"write `class: {treatment}`, or `treatment: {said}`",
        )


@rule(
    "TAX-005",
    "error",
    "The rate class exists in the country",
    why="The marketplace would fall back to another rate.",
    mend="Choose a class that the country has: docs/reference-data.md lists them.",
    source="table of rates",
)
def class_exists(context: Context) -> Iterator[Said]:
    """For every country of the table whose rate is meant (of a bloc each member; where no country is named,
    those of its stores), on the first day of the rule's validity."""
    config = context.configuration
    for tax in config.taxes.values():
        rate = tax.spec["result"].get("rate") or {}
        name = rate.get("class")
        if name is None:
            continue
        supply = tax.spec["match"].get("supply") or {}
        start = max(tax.spec["validity"]["from"], rates_begin())
        named = supply.get(rate.get("of") or "shipTo")
        if not named:
            fronts = [config.stores[store].spec["storefront"] for store in matched_stores(tax, config)]
            named = sorted({home for front in fronts if (home := country_of(front)) is not None})
        for country in sorted({c for one in named for c in BLOCS.get(one, (one,))}):
            if not countries_with_rates().isdisjoint(rate_places(country)) and not rates_at(
                country, name, start
            ):
                yield breach(
                    tax,
                    ("spec", "result", "rate", "class"),
                    f"{country} has no rate of class {name} on {start} (table of {as_of('vat_rates')})",
                    mend="use another class, or a percentage with evidence",
                )


@rule(
    "TAX-007",
    "error",
    "A bound on the value leaves values",
    why="A rule that no sale can meet says nothing, and looks as if it did.",
    mend="Give `above`, `max` or both, with `above` below `max`.",
)
def bound_leaves_values(context: Context) -> Iterator[Said]:
    """match.value has above or max, and above lies below max."""
    config = context.configuration
    for tax in config.taxes.values():
        bound = tax.spec["match"].get("value")
        if not bound:
            continue
        above, most = bound.get("above"), bound.get("max")
        words = (
            "names neither `above` nor `max`"
            if above is None and most is None
            else f"holds above {above} and up to {most} {bound['currency']}: no value is both"
            if above is not None and most is not None and Decimal(above) >= Decimal(most)
            else None
        )
        if words:
            yield breach(
                tax,
                ("spec", "match", "value"),
                f"the bound on the value {words}",
                mend='write `max: "150"`, `above: "5000"`, or both',
            )


@rule(
    "TAX-010",
    "error",
    "Reverse charge and intra-community supply need a business with a valid VAT id",
    why="Without one the seller owes the tax after all.",
    mend="Add `customer: {type: b2b, vatId: valid}` to the match.",
    source="Directive 2006/112/EC Art. 138, 194-199a",
)
def business_only(context: Context) -> Iterator[Said]:
    """customer.type b2b and vatId valid."""
    config = context.configuration
    for tax in config.taxes.values():
        if tax.spec["result"]["treatment"] not in ("reverseCharge", "intraCommunity"):
            continue
        customer = tax.spec["match"].get("customer") or {}
        if customer.get("type") != "b2b" or customer.get("vatId") != "valid":
            yield breach(
                tax,
                ("spec", "match", "customer"),
                f"{tax.spec['result']['treatment']} without `type: b2b` and `vatId: valid`",
                mend="add both",
            )


@rule(
    "TAX-011",
    "error",
    "An intra-community supply crosses a border",
    why="Inside one country it is a domestic sale.",
    mend="Correct `shipFrom` and `shipTo`.",
    source="Directive 2006/112/EC Art. 138",
)
def crosses_border(context: Context) -> Iterator[Said]:
    """No place of shipTo has the tax of one in shipFrom, and all of them lie in the EU's VAT area."""
    config = context.configuration
    for tax in config.taxes.values():
        if tax.spec["result"]["treatment"] != "intraCommunity":
            continue
        supply = tax.spec["match"].get("supply") or {}
        sources = {state(place) for place in supply.get("shipFrom") or () if place not in BLOCS}
        for country in sorted({place for place in supply.get("shipTo") or () if state(place) in sources}):
            yield breach(
                tax,
                ("spec", "match", "supply", "shipTo"),
                f"{country} is both origin and destination",
                mend="split the rule",
            )
        for side in SIDES:
            for index, place in enumerate(supply.get(side) or ()):
                if place not in BLOCS and not in_eu(place) and state(place) != "GB":
                    yield breach(
                        tax,
                        ("spec", "match", "supply", side, index),
                        f"{place} lies outside the EU's VAT area: goods that go there are exported",
                        mend="take it out, and write a rule of treatment export; pack eu-export is one",
                    )


@rule(
    "TAX-013",
    "warning",
    "A reverse-charge invoice says so",
    why="Directive 2006/112/EC Art. 226(11a) asks for the words.",
    mend='Add `invoice.mention`, e.g. "Reverse charge".',
    source="Directive 2006/112/EC Art. 226(11a)",
)
def mention(context: Context) -> Iterator[Said]:
    """invoice.mention is given."""
    config = context.configuration
    for tax in config.taxes.values():
        if tax.spec["result"]["treatment"] == "reverseCharge" and not (
            tax.spec["result"].get("invoice") or {}
        ).get("mention"):
            yield breach(
                tax,
                ("spec", "result"),
                "reverse charge without an invoice mention",
                mend='add `invoice: {mention: "Reverse charge"}`',
            )


@rule(
    "TAX-042",
    "warning",
    "Evidence is reviewed in time",
    why="Rates and rules change.",
    mend="Look the rule up again, and write the next day of review.",
)
def review_due(context: Context) -> Iterator[Said]:
    """evidence.nextReview has not passed."""
    config = context.configuration
    today = context.now.date().isoformat()
    for tax in config.taxes.values():
        due = (tax.spec.get("evidence") or {}).get("nextReview")
        if due is not None and due < today:
            yield breach(
                tax,
                ("spec", "evidence", "nextReview"),
                f"the review was due on {due}",
                mend="check the source and move the date",
            )
