"""TAX rules about companies: registrations, establishment, schemes. They need `entities` in acorn.yaml and say nothing of
stores whose company is not kept there. Caller: `registry`. Not tax advice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from acorn_gitops.engines.tax import EU, country_of, matched_stores
from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.tax_matrix import _cells
from acorn_gitops.specs.configuration import Spec

CHECKED: Final = timedelta(days=90)
"""So long the answer of a register holds."""
_OWN: Final = {"AE": r"[0-9]{15}", "SA": r"3[0-9]{13}3", "JP": r"T[0-9]{13}"}
"""Forms of numbers that python-stdnum does not know."""
_BY_COUNTRY: Final = {
    "AU": "au.abn", "CA": "ca.bn", "IN": "in_.gstin", "SG": "sg.uen", "CN": "cn.uscc", "BR": "br.cnpj",
    "MX": "mx.rfc", "TR": "tr.vkn", "EG": "eg.tn", "US": "us.ein", "CH": "ch.vat", "NO": "no.mva",
}  # fmt: skip


def well_formed(country: str, number: str) -> bool | None:
    """Whether a tax number has its country's form and check digits (python-stdnum); None where no form is known. It says
    nothing of whether the number is registered."""
    import importlib

    text = re.sub(r"[\s.-]", "", number).upper()
    if country in _OWN:
        return re.fullmatch(_OWN[country], text) is not None
    if country == "GB":
        from stdnum.gb import vat as gb

        return bool(gb.is_valid(text)) and not text.startswith("XI")
    if country in EU or country == "XI":
        from stdnum.eu import vat as eu

        prefix = {"GR": "EL"}.get(country, country)
        return text[:2] == prefix and bool(eu.is_valid(text))
    if country in _BY_COUNTRY:
        return bool(importlib.import_module(f"stdnum.{_BY_COUNTRY[country]}").is_valid(text))
    return None


def _entities(context: Context) -> dict[str, Mapping[str, Any]]:
    entities: dict[str, Mapping[str, Any]] = context.configuration.settings.get("entities") or {}
    return entities


def _fronts(context: Context) -> Iterator[tuple[Spec, Mapping[str, Any], str]]:
    """Storefronts with their company and their country."""
    for store in context.configuration.stores.values():
        front = store.spec.get("storefront")
        entity = context.configuration.entity(store)
        home = country_of(front) if front else None
        if entity is not None and home is not None:
            yield store, entity, home


@rule(
    "TAX-012",
    "error",
    "Our tax numbers are right, and were checked",
    "An invoice with a wrong number is no invoice, and a number that was struck off makes every sale a domestic one.",
    mend="Correct the number; ask the register and record `checkedAt` and the reference.",
    source="python-stdnum; VIES answers are recorded, never asked while validating",
)
def numbers(context: Context) -> Iterator[Finding]:
    """Each registration of `entities` has its country's form (an error), and was found valid within ninety days (a warning).
    An answer that did not come says nothing."""
    today = context.now.date()
    for name, entity in _entities(context).items():
        for index, one in enumerate(entity.get("registrations") or ()):
            at = ("entities", name, "registrations", index)
            what = f"{one['number']} of {name}"
            if well_formed(one["country"], one["number"]) is False:
                yield context.configuration.setting("TAX-012", "error", (*at, "number"), f"{what} is no tax number of {one['country']}", "copy it again: form or check digits are wrong")  # fmt: skip
            elif one.get("status") == "invalid":
                yield context.configuration.setting("TAX-012", "error", (*at, "status"), f"{what} is not valid by its register", "ask your tax adviser today")  # fmt: skip
            elif not one.get("checkedAt"):
                yield context.configuration.setting("TAX-012", "warning", at, f"{what} was never checked", "ask the register, and record `checkedAt`")  # fmt: skip
            elif today - date.fromisoformat(one["checkedAt"]) > CHECKED:
                days = (today - date.fromisoformat(one["checkedAt"])).days
                yield context.configuration.setting("TAX-012", "warning", (*at, "checkedAt"), f"{what} was checked {days} days ago", "ask the register again")  # fmt: skip


@rule(
    "TAX-014",
    "error",
    "Where stock lies, the company is registered",
    "Goods in a country are a taxable presence there from the first pallet.",
    mend="Register there and add it to `entities`, or move the stock.",
    source="Union OSS does not replace the local registration for stock",
)
def stock_registered(context: Context) -> Iterator[Finding]:
    """The company of each storefront has a registration in each country where its SKUs lie (outside the United States, whose
    states decide)."""
    from acorn_gitops.rules.onboarding import _feeds

    config = context.configuration
    told: set[tuple[str, str]] = set()
    for store, entity, _ in _fronts(context):
        have = {r["country"] for r in entity.get("registrations") or ()}
        for name in sorted(_feeds(context).get(store.name, ())):
            country = config.stores[name].spec["physical"]["address"]["countryCode"]
            key = (store.spec["legalEntity"], country)
            if country in have or country == "US" or key in told:
                continue
            told.add(key)
            yield config.finding(
                "TAX-014",
                "error",
                config.stores[name],
                ("spec", "physical", "address", "countryCode"),
                f"{store.spec['legalEntity']} sells from {name} in {country} and is not registered there",
                f"register in {country} first, or take the location out of the sources",
            )


@rule(
    "TAX-015",
    "error",
    "Where the marketplace owes the tax, the seller does not",
    "Tax paid by both is lost; tax paid by neither is owed with interest.",
    mend="Write a rule with `liableParty: marketplace` for these sales; `pack: eu-deemed-supplier` has it.",
    source="Directive 2006/112/EC Art. 14a; UK online marketplaces (VATREG37210)",
)
def deemed_supplier(context: Context) -> Iterator[Finding]:
    """A company established outside the EU (the UK) that sells to consumers through an Amazon store in the EU (the UK) is not the
    liable party."""
    config = context.configuration
    told: set[str] = set()
    fronts = {
        s.name: (s, e, home)
        for s, e, home in _fronts(context)
        if s.spec["storefront"]["platform"] == "amazon"
    }
    if not fronts:
        return
    for cell in _cells(context):
        if cell.supply.store not in fronts or cell.supply.customer != "b2c" or cell.decision.winner is None:
            continue
        store, entity, home = fronts[cell.supply.store]
        abroad = (home in EU and entity["establishedIn"] not in EU) or (
            home == "GB" and entity["establishedIn"] != "GB"
        )
        winner = cell.decision.winner
        if abroad and winner.spec["result"]["liableParty"] == "seller" and store.name not in told:
            to = cell.supply.ship_to.partition("-")[0]
            if (home in EU and to in EU) or home == to:
                told.add(store.name)
                yield config.finding(
                    "TAX-015",
                    "error",
                    winner,
                    ("spec", "result", "liableParty"),
                    f"{store.spec['legalEntity']} is established in {entity['establishedIn']}; for sales to consumers in {to} through"
                    f" {store.name} the marketplace owes the tax, and {winner.name} says the seller",
                    "write liableParty: marketplace for such sellers",
                )


@rule(
    "TAX-016",
    "warning",
    "Sales to businesses in the EU are thought of",
    "The first company that orders with a VAT id is charged a tax that it does not owe, and returns the goods.",
    mend="Write a rule for businesses with a valid VAT id; `pack: eu-intra-community` has it.",
    source="Directive 2006/112/EC Art. 138, 194",
)
def business_preset(context: Context) -> Iterator[Finding]:
    """Every storefront of a known company in the EU is matched by a rule with intraCommunity or reverseCharge."""
    config = context.configuration
    thought = {
        name
        for tax in config.taxes.values()
        if tax.spec["result"]["treatment"] in ("intraCommunity", "reverseCharge")
        and tax.spec.get("enabled") is not False
        for name in matched_stores(tax, config)
    }
    for store, _, home in _fronts(context):
        if home in EU and store.name not in thought:
            yield config.finding(
                "TAX-016",
                "warning",
                store,
                (),
                f"no rule of {store.name} speaks of businesses with a VAT id",
                "write one, or include a pack",
            )


@rule(
    "TAX-017",
    "error",
    "The import scheme is for small parcels from outside",
    "Above the bound customs wants the tax at the border, and it is paid twice.",
    mend='Add `value: {currency: EUR, max: "150"}` and a `shipFrom` outside the EU; never use your own IOSS number where the marketplace owes the tax.',
    source="Directive 2006/112/EC Art. 369l",
)
def import_scheme(context: Context) -> Iterator[Finding]:
    """A rule with scheme ioss is bounded at 150 EUR, has no shipFrom in the EU, and where the seller is liable the company files
    the scheme."""
    for tax in context.configuration.taxes.values():
        if tax.spec["result"].get("scheme") != "ioss":
            continue
        match = tax.spec["match"]
        bound = match.get("value") or {}
        most = bound.get("max")
        if most is None or bound["currency"] != "EUR" or Decimal(most) > 150:
            words = f"up to {most} {bound['currency']}" if most is not None else "of any value"
            yield context.configuration.finding("TAX-017", "error", tax, ("spec", "match", "value"), f"{tax.name} uses IOSS for consignments {words}", 'it ends at 150 EUR: value: {currency: EUR, max: "150"}')  # fmt: skip
        inside = [
            c for c in (match.get("supply") or {}).get("shipFrom") or () if c in EU or c in ("EU", "EEA")
        ]
        if inside:
            yield context.configuration.finding("TAX-017", "error", tax, ("spec", "match", "supply", "shipFrom"), f"{tax.name} uses IOSS for goods from {', '.join(inside)}, which are no import", "inside the EU the Union scheme holds")  # fmt: skip
        if tax.spec["result"]["liableParty"] == "seller":
            for name in matched_stores(tax, context.configuration):
                entity = context.configuration.entity(context.configuration.stores[name])
                if entity is not None and "ioss" not in (entity.get("schemes") or ()):
                    yield context.configuration.finding("TAX-017", "error", tax, ("spec", "result", "scheme"), f"{tax.name} uses IOSS for {name}, whose company does not file it", "add the scheme and number to `entities`, or let the marketplace be liable")  # fmt: skip
                    break


@rule(
    "TAX-018",
    "error",
    "Northern Ireland is not Great Britain",
    "Goods follow EU rules there and British ones elsewhere; a GB number in an EU sale is not valid.",
    mend="Use XI for goods from or to Northern Ireland, GB for the rest.",
    source="Windsor Framework; VIES holds XI, not GB",
)
def northern_ireland(context: Context) -> Iterator[Finding]:
    """No intra-community rule names GB, and no company has a GB number as one of a member state."""
    for tax in context.configuration.taxes.values():
        if tax.spec["result"]["treatment"] != "intraCommunity":
            continue
        supply = tax.spec["match"].get("supply") or {}
        for side in ("shipFrom", "shipTo"):
            if "GB" in (supply.get(side) or ()):
                yield context.configuration.finding("TAX-018", "error", tax, ("spec", "match", "supply", side), f"{tax.name} is intra-community and names GB", "GB left; only XI (goods) is inside")  # fmt: skip
    for name, entity in _entities(context).items():
        for index, one in enumerate(entity.get("registrations") or ()):
            prefix = re.sub(r"\s", "", one["number"]).upper()[:2]
            if (prefix == "GB" and one["country"] != "GB") or (prefix == "XI" and one["country"] != "XI"):
                yield context.configuration.setting("TAX-018", "error", ("entities", name, "registrations", index), f"{one['number']} of {name} stands under {one['country']}", f"write country: {prefix}")  # fmt: skip
