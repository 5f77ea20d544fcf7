"""TAX rules that hold specs against the reference tables. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from acorn_gitops.engines.tax import country_of
from acorn_gitops.model.reference import as_of, rates_begin
from acorn_gitops.model.territory import BLOCS, rates_at
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.families.tax.matrix import cells_of
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach

STALE = 120
"""Days after which the table of rates should be looked at again."""


@rule(
    "TAX-020",
    "warning",
    "A listing in the United States or Canada has a product tax code",
    why="Without one Amazon calculates no tax at all (A_GEN_NOTAX).",
    mend="Add `attributes.ptc`, e.g. A_GEN_TAX.",
    source="Amazon seller tax settings: no code means A_GEN_NOTAX",
)
def tax_code(context: Context) -> Iterator[Said]:
    """`attributes.ptc` of a SKU that an Amazon storefront there lists. Where a rule says that the seller owes
    the tax, it is an error: Amazon would collect nothing for us."""
    config = context.configuration
    there = {
        name: country
        for name, store in config.stores.items()
        if (front := store.spec.get("storefront")) is not None
        and front.get("platform") == "amazon"
        and (country := country_of(front)) in ("US", "CA")
    }
    if not there:
        return
    owing = {
        cell.supply.store
        for cell in cells_of(context)
        if cell.decision.winner is not None and cell.decision.winner.spec["result"]["liableParty"] == "seller"
    }
    for sku in config.skus:
        if (sku.spec.get("attributes") or {}).get("ptc"):
            continue
        stores = sorted({e["store"] for e in sku.spec.get("listings") or () if e["store"] in there})
        if stores:
            yield breach(
                sku,
                ("spec", "attributes"),
                f"{sku.spec['sku']} has no product tax code and is sold in {', '.join(stores)}",
                mend="add attributes.ptc, e.g. A_GEN_TAX",
                severity="error" if owing & set(stores) else "warning",
            )


_CLASSES = {"standard": "standard", "reduced": "reduced", "superReduced": "super-reduced"}
"""Treatments that have a class of rate of the same name, in words."""


@rule(
    "TAX-040",
    "warning",
    "A percentage is one that the table knows",
    why="Rates change by law; a number in a spec does not.",
    mend="Correct it, or name the class of rate instead of a number.",
    source="table of rates",
)
def known_rate(context: Context) -> Iterator[Said]:
    """A rule with a percentage, today: it is one of the rates of its treatment (standard, reduced,
    superReduced) in each country and territory of the table."""
    config, today = context.configuration, context.now.date().isoformat()
    if today < rates_begin():
        return
    for tax in config.taxes.values():
        result = tax.spec["result"]
        rate = result.get("rate") or {}
        percent = rate.get("percent")
        validity = tax.spec["validity"]
        holds = validity["from"] <= today and (validity.get("to") or "9999") > today
        if percent is None or result["treatment"] not in _CLASSES or not holds:
            continue
        for country in (tax.spec["match"].get("supply") or {}).get(rate.get("of") or "shipTo") or ():
            if country in BLOCS or not rates_at(country, "standard", today):
                continue  # the table does not know it
            known = rates_at(country, result["treatment"], today)
            if all(Decimal(one) != Decimal(percent) for one in known):
                yield breach(
                    tax,
                    ("spec", "result", "rate", "percent"),
                    (
                        f"{percent} % is no {_CLASSES[result['treatment']]} rate of {country}:"
                        f" {', '.join(known) or 'it has none'} (table of {as_of('vat_rates')})"
                    ),
                    mend="correct it, or name the class of rate instead of a number",
                )


@rule(
    "TAX-041",
    "warning",
    "The table of rates is not old",
    why="A rate that changed since is not in it.",
    mend="Update acorn, or look the rates up and write percentages with evidence.",
)
def fresh_table(context: Context) -> Iterator[Said]:
    """Not older than 120 days, where any rule names a class of rate."""
    days = (context.now.date() - date.fromisoformat(as_of("vat_rates"))).days
    users = [
        t for t in context.configuration.taxes.values() if (t.spec["result"].get("rate") or {}).get("class")
    ]
    if users and days > STALE:
        first = min(users, key=lambda t: t.name)
        yield breach(
            first,
            ("spec", "result", "rate", "class"),
            f"the table of rates is of {as_of('vat_rates')}, {days} days ago",
            mend="update acorn, or look the rates up and write percentages with evidence",
        )
