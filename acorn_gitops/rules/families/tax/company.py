"""TAX rules about companies: registrations, establishment, schemes. They need `entities` in acorn.yaml and
say nothing of stores whose company is not kept there. Caller: `registry`. Not tax advice."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from acorn_gitops.engines.tax import SIDES, Supply, country_of, matched_stores
from acorn_gitops.model.territory import BLOCS, EU, areas, covers, in_eu, of_address, state
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.families.tax.matrix import cells_of
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import EntityData, StoreData

CHECKED: Final = timedelta(days=90)
"""So long the answer of a register holds."""
_OWN: Final = {
    "AE": r"[0-9]{15}",
    "SA": r"3[0-9]{13}3",
    "JP": r"T[0-9]{13}",
    "ZA": r"4[0-9]{9}",
    "LI": r"[0-9]{5}",
}
"""Forms of numbers that python-stdnum does not know."""
_ALSO: Final = {"SG": r"M[0-9]{8}[A-Z]"}
"""Forms that a country gives beside the one that is checked: Singapore's GST office numbers those who have no
UEN, companies abroad among them (IRAS)."""
_BY_COUNTRY: Final = {
    "AU": "au.abn",
    "CA": "ca.bn",
    "IN": "in_.gstin",
    "SG": "sg.uen",
    "CN": "cn.uscc",
    "BR": "br.cnpj",
    "MX": "mx.rfc",
    "TR": "tr.vkn",
    "EG": "eg.tn",
    "US": "us.ein",
    "CH": "ch.vat",
    "NO": "no.mva",
    "NZ": "nz.ird",
    "KR": "kr.brn",
    "TH": "th.tin",
    "IS": "is_.vsk",
    "MC": "mc.tva",
}


def well_formed(country: str, number: str) -> bool | None:
    """Whether a tax number has its country's form and check digits (python-stdnum); None where no form is
    known. It says nothing of whether the number is registered."""
    text = re.sub(r"[\s.-]", "", number).upper()
    if country in _ALSO and re.fullmatch(_ALSO[country], text):
        return True
    if country in _OWN:
        return re.fullmatch(_OWN[country], text) is not None
    if country in ("GB", "IM"):  # the Isle of Man is numbered by the United Kingdom
        from stdnum.gb import vat as gb

        return bool(gb.is_valid(text)) and not text.startswith("XI")
    if country in EU or country == "XI":
        from stdnum.eu import vat as eu

        if country == "GR" and text[:2] == "GR":
            text = f"EL{text[2:]}"  # both are written (Directive 2006/112/EC Art. 215)
        prefix = {"GR": "EL"}.get(country, country)
        return text[:2] == prefix and bool(eu.is_valid(text))
    if country in _BY_COUNTRY:
        return bool(importlib.import_module(f"stdnum.{_BY_COUNTRY[country]}").is_valid(text))
    return None


def _hint(country: str, number: str) -> str:
    """What to do about a number that is none."""
    prefix = {"GR": "EL"}.get(country, country)
    if (country in EU or country == "XI") and well_formed(country, f"{prefix}{number}"):
        return f"write it with its prefix: {prefix}{number}"
    return "copy it again: form or check digits are wrong"


def _entities(context: Context) -> Mapping[str, EntityData]:
    return context.configuration.settings.get("entities") or {}


def _fronts(context: Context) -> Iterator[tuple[Spec[StoreData], EntityData, str]]:
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
    why="An invoice with a wrong number is no invoice, and a number that was struck off makes every sale a domestic one.",
    mend="Correct the number; ask the register and record `checkedAt` and the reference.",
    source="python-stdnum; VIES answers are recorded, never asked while validating",
)
def numbers(context: Context) -> Iterator[Said]:
    """Each registration of `entities`, a Chinese company's social credit code and an IOSS number have their
    form (an error; of countries that python-stdnum or we know a form of), and each registration was found
    valid within ninety days (a warning). An answer that did not come says nothing."""
    today = context.now.date()
    for name, entity in _entities(context).items():
        for field, module, words in (
            ("uscc", "cn.uscc", "social credit code"),
            ("iossNumber", "eu.oss", "IOSS number"),
        ):
            number = entity.get(field)
            if number and not importlib.import_module(f"stdnum.{module}").is_valid(number):
                yield context.configuration.setting(
                    "TAX-012",
                    "error",
                    ("entities", name, field),
                    f"{number} of {name} is no {words}",
                    "copy it again: form or check digits are wrong",
                )
        for index, one in enumerate(entity.get("registrations") or ()):
            at = ("entities", name, "registrations", index)
            what = f"{one['number']} of {name}"
            if well_formed(one["country"], one["number"]) is False:
                yield context.configuration.setting(
                    "TAX-012",
                    "error",
                    (*at, "number"),
                    f"{what} is no tax number of {one['country']}",
                    _hint(one["country"], one["number"]),
                )
            elif one.get("status") == "invalid":
                yield context.configuration.setting(
                    "TAX-012",
                    "error",
                    (*at, "status"),
                    f"{what} is not valid by its register",
                    "ask your tax adviser today",
                )
            elif not one.get("checkedAt"):
                yield context.configuration.setting(
                    "TAX-012",
                    "warning",
                    at,
                    f"{what} was never checked",
                    "ask the register, and record `checkedAt`",
                )
            elif date.fromisoformat(one["checkedAt"]) > today:
                yield context.configuration.setting(
                    "TAX-012",
                    "warning",
                    (*at, "checkedAt"),
                    f"{what} is said to be checked on {one['checkedAt']}, a day to come",
                    "write the day on which the register answered",
                )
            elif today - date.fromisoformat(one["checkedAt"]) > CHECKED:
                days = (today - date.fromisoformat(one["checkedAt"])).days
                yield context.configuration.setting(
                    "TAX-012",
                    "warning",
                    (*at, "checkedAt"),
                    f"{what} was checked {days} days ago",
                    "ask the register again",
                )


@rule(
    "TAX-014",
    "error",
    "Where stock lies, the company is registered",
    why="Goods in a country are a taxable presence there from the first pallet.",
    mend="Register there and add it to `entities`, or move the stock.",
    source="Union OSS does not replace the local registration for stock",
)
def stock_registered(context: Context) -> Iterator[Said]:
    """The company of each storefront has a registration in each country where its SKUs lie (outside the
    United States, whose states decide)."""
    from acorn_gitops.rules.families.onboarding import _feeds

    config = context.configuration
    told: set[tuple[str, str]] = set()
    for store, entity, _ in _fronts(context):
        have = {state(r["country"]) for r in entity.get("registrations") or ()}
        for name in sorted(_feeds(context).get(store.name, ())):
            country = state(of_address(config.stores[name].spec["physical"]["address"]))
            if country == "XI" and "GB" in have:
                continue  # one registration of the United Kingdom, with the prefix XI for goods from and to the EU
            key = (store.spec["legalEntity"], country)
            if country in have or country == "US" or key in told:
                continue
            told.add(key)
            yield breach(
                config.stores[name],
                ("spec", "physical", "address", "countryCode"),
                f"{store.spec['legalEntity']} sells from {name} in {country} and is not registered there",
                mend=f"register in {country} first, or take the location out of the sources",
            )


@rule(
    "TAX-015",
    "error",
    "Where the marketplace owes the tax, the seller does not",
    why="Tax paid by both is lost; tax paid by neither is owed with interest.",
    mend="Write a rule with `liableParty: marketplace` for these sales; `pack: eu-deemed-supplier` has it.",
    source="Directive 2006/112/EC Art. 14a; UK online marketplaces (VATREG37210)",
)
def deemed_supplier(context: Context) -> Iterator[Said]:
    """In an Amazon store in the EU (the UK), for sales to consumers there: of parcels from outside up to 150
    euros (135 pounds), and of goods that lie inside when the company is established outside, the seller is
    not the liable party. And where a storefront is a shop of our own, no marketplace is."""
    config = context.configuration
    told: set[tuple[str, str]] = set()
    entities = {s.name: e for s, e, _ in _fronts(context)}
    for cell in cells_of(context):
        winner, supply = cell.decision.winner, cell.supply
        if winner is None or cell.decision.problem or (supply.store, winner.name) in told:
            continue
        store = config.stores[supply.store]
        front = store.spec["storefront"]
        liable = winner.spec["result"]["liableParty"]
        if liable == "marketplace" and front["platform"] in OWN_SHOPS:
            told.add((supply.store, winner.name))
            yield breach(
                winner,
                ("spec", "result", "liableParty"),
                (
                    f"{supply.store} is a shop of our own ({front['platform']}): there is no marketplace that owes the tax, and {winner.name}"
                    " says so"
                ),
                mend="write liableParty: seller for it, and leave the store out of the rule for marketplaces",
            )
            continue
        if liable != "seller" or front["platform"] != "amazon" or supply.customer != "b2c":
            continue
        why = _deemed(supply, country_of(front), entities.get(supply.store))
        if why:
            told.add((supply.store, winner.name))
            yield breach(
                winner,
                ("spec", "result", "liableParty"),
                (
                    f"{why}: for sales to consumers in {supply.ship_to} through {supply.store} the marketplace owes the tax, and"
                    f" {winner.name} says the seller"
                ),
                mend="write liableParty: marketplace for such sales; packs eu-deemed-supplier and uk-online-marketplace have them (`countries` says for where)",
            )


OWN_SHOPS: Final = frozenset({"vendure", "shopify"})
"""Platforms that are software for a shop of one's own. Whether `other` is a marketplace is not known: Galaxus
and Kaufland are."""
_BOUNDS: Final = {"EU": (Decimal(150), "EUR"), "GB": (Decimal(135), "GBP")}
"""Consignments up to which the marketplace is the supplier of what is imported."""


def _deemed(supply: Supply, home: str | None, entity: EntityData | None) -> str:
    """Why the marketplace is the supplier of a sale to a consumer; empty where it is not, or where that is
    not known."""
    area = "EU" if home in EU else "GB" if home == "GB" else ""
    if not area or not covers(area, supply.ship_to, supply.ship_from):
        return ""
    if not covers(area, supply.ship_from, supply.ship_to):
        bound, currency = _BOUNDS[area]
        if supply.value is not None and (supply.value[1] != currency or supply.value[0] > bound):
            return ""
        return f"goods from {supply.ship_from} are imported, up to {bound} {currency}"
    if entity is None:
        return ""
    outside = not covers(area, entity["establishedIn"])
    return f"our company is established in {entity['establishedIn']}" if outside else ""


@rule(
    "TAX-016",
    "warning",
    "Sales to businesses in the EU are thought of",
    why="The first company that orders with a VAT id is charged a tax that it does not owe, and returns the goods.",
    mend="Write a rule for businesses with a valid VAT id; `pack: eu-intra-community` has it.",
    source="Directive 2006/112/EC Art. 138, 194",
)
def business_preset(context: Context) -> Iterator[Said]:
    """Where there are tax rules, every storefront of a marketplace in the EU is matched by one with
    intraCommunity or reverseCharge that holds today."""
    config = context.configuration
    thought = {
        name
        for tax in config.taxes.values()
        if tax.spec["result"]["treatment"] in ("intraCommunity", "reverseCharge")
        and tax.spec.get("enabled") is not False
        and tax.spec["validity"]["from"] <= context.today < (tax.spec["validity"].get("to") or "9999")
        for name in matched_stores(tax, config)
    }
    for store in config.stores.values() if config.taxes else ():
        front = store.spec.get("storefront")
        if not front or front["platform"] in OWN_SHOPS:
            continue  # whether a shop of our own sells to companies is ours to say
        if country_of(front) in EU and store.name not in thought:
            yield breach(
                store,
                (),
                f"no rule of {store.name} speaks of businesses with a VAT id",
                mend="write one, or include a pack, with `countries` where not all of its sales are yours",
            )


@rule(
    "TAX-017",
    "error",
    "The import scheme is for small parcels from outside",
    why="Above the bound customs wants the tax at the border, and it is paid twice.",
    mend='Add `value: {currency: EUR, max: "150"}` and a `shipFrom` outside the EU; never use your own IOSS number where the marketplace owes the tax.',
    source="Directive 2006/112/EC Art. 369l",
)
def import_scheme(context: Context) -> Iterator[Said]:
    """A rule with scheme ioss is bounded at 150 EUR, says where goods come from, and that is outside the EU;
    where the seller is liable, the company files the scheme, and the storefront is no marketplace's, which
    would be the supplier."""
    for tax in context.configuration.taxes.values():
        if tax.spec["result"].get("scheme") != "ioss":
            continue
        match = tax.spec["match"]
        bound = match.get("value") or {}
        most = bound.get("max")
        if most is None or bound["currency"] != "EUR" or Decimal(most) > 150:
            words = f"up to {most} {bound['currency']}" if most is not None else "of any value"
            yield breach(
                tax,
                ("spec", "match", "value"),
                f"{tax.name} uses IOSS for consignments {words}",
                mend='it ends at 150 EUR: value: {currency: EUR, max: "150"}',
            )
        inside = [c for c in (match.get("supply") or {}).get("shipFrom") or () if c in BLOCS or in_eu(c)]
        if inside:
            yield breach(
                tax,
                ("spec", "match", "supply", "shipFrom"),
                f"{tax.name} uses IOSS for goods from {', '.join(inside)}, which are no import",
                mend="inside the EU the Union scheme holds",
            )
        elif not (match.get("supply") or {}).get("shipFrom"):
            yield breach(
                tax,
                ("spec", "match"),
                f"{tax.name} uses IOSS wherever goods come from",
                mend="name where they are imported from: shipFrom: [CN]",
            )
        if tax.spec["result"]["liableParty"] == "seller":
            for name in matched_stores(tax, context.configuration):
                store = context.configuration.stores[name]
                if store.spec["storefront"]["platform"] == "amazon":
                    yield breach(
                        tax,
                        ("spec", "result", "scheme"),
                        f"{tax.name} uses our IOSS number in {name}, where Amazon is the supplier and uses its own",
                        mend="leave the store out; pack eu-deemed-supplier is for it",
                    )
                    break
                entity = context.configuration.entity(store)
                if entity is not None and "ioss" not in (entity.get("schemes") or ()):
                    yield breach(
                        tax,
                        ("spec", "result", "scheme"),
                        f"{tax.name} uses IOSS for {name}, whose company does not file it",
                        mend="add the scheme and number to `entities`, or let the marketplace be liable",
                    )
                    break


@rule(
    "TAX-018",
    "error",
    "Northern Ireland is not Great Britain",
    why="Goods follow EU rules there and British ones elsewhere; a GB number in an EU sale is not valid.",
    mend="Use XI for goods from or to Northern Ireland, GB for the rest.",
    source="Windsor Framework; VIES holds XI, not GB",
)
def northern_ireland(context: Context) -> Iterator[Said]:
    """No intra-community rule names GB, and no company has a GB number as one of a member state."""
    for tax in context.configuration.taxes.values():
        if tax.spec["result"]["treatment"] != "intraCommunity":
            continue
        supply = tax.spec["match"].get("supply") or {}
        for side in SIDES:
            if any(areas(place)[0] != "XI" and state(place) == "GB" for place in supply.get(side) or ()):
                yield breach(
                    tax,
                    ("spec", "match", "supply", side),
                    f"{tax.name} is intra-community and names GB",
                    mend="take GB out, which left; for goods to XI, which is inside, there is `pack: eu-union-oss`",
                )
    for name, entity in _entities(context).items():
        for index, one in enumerate(entity.get("registrations") or ()):
            prefix = re.sub(r"\s", "", one["number"]).upper()[:2]
            if (prefix == "GB" and one["country"] != "GB") or (prefix == "XI" and one["country"] != "XI"):
                yield context.configuration.setting(
                    "TAX-018",
                    "error",
                    ("entities", name, "registrations", index),
                    f"{one['number']} of {name} stands under {one['country']}",
                    f"write country: {prefix}",
                )
