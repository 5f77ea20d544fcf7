"""Packs of tax rules together, against an oracle that was written from the laws by somebody who had not read them: 271 sales with
who accounts for the tax, and at which rate. Places, days and values at their bounds, and sellers of four kinds."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from acorn_gitops.engines.tax import Decision, Supply, decide
from acorn_gitops.model.reference import tax_packs
from acorn_gitops.model.territory import EU, canonical, covers, in_eu
from acorn_gitops.specs.configuration import Configuration, Spec
from acorn_gitops.specs.packs import expanded, problems

VECTORS = json.loads((Path(__file__).parent / "data" / "tax-vectors.json").read_text())

EVERYWHERE = [
    "eu-domestic",
    "eu-union-oss",
    "eu-intra-community",
    "eu-export",
    "eu-below-threshold",
    "eu-reverse-charge-194",
    "uk-domestic",
    "uk-export",
    "jp-consumption",
    "au-domestic",
    "one-rate",
    "ca-registered",
    "ca-import",
    "nz-low-value",
    "eu-import",
    "uk-import",
]
MARKETPLACE = [
    "eu-deemed-supplier",
    "uk-online-marketplace",
    "us-marketplace-facilitator",
    "ca-platform",
    "sg-ovr",
    "ch-platform",
    "no-voec",
    "sa-platform",
    "au-low-value",
]
OWN_SHOP = ["uk-direct"]
COUNTRIES = {
    "eu-domestic": sorted(EU),
    "eu-below-threshold": sorted(EU),
    "eu-reverse-charge-194": ["ES", "IT"],
    "one-rate": ["CH", "NO", "NZ", "SA", "SG"],
}

OTHER_RULES = {
    "terr-in-14": "EL is told, with GR in its place",
    "eu-05": "which country a VAT id is of is no fact of a sale here",
    "a14a2-19": "Art. 194 is each state's choice, and the pack is included for two of them",
    "us-12": "a sale to the United States without its state is the marketplace's everywhere",
    **dict.fromkeys(["us-05", "us-06", "us-07", "us-08"], "in states without sales tax nothing is collected either"),
    **dict.fromkeys(["sa-01", "sa-04"], "the pack for a registered company is included"),
    **dict.fromkeys(["no-06", "ch-08"], "export is one half; a registration for mail order there is a rule of one's own"),
    **dict.fromkeys(["rate-14", "rate-16"], "the packs are for the standard rate"),
    **dict.fromkeys(["rate-05", "rate-11", "rate-18", "rate-19", "a14a2-17", "ch-11"], "a day before the table of rates"),
    **dict.fromkeys(
        ["terr-own-06", "terr-own-07", "terr-own-08", "terr-from-03", "terr-from-04", "au-09", "au-10", "a14a1-10", "us-09", "us-10", "a14a1-13", "gb-24", "au-11", "sg-05", "sa-05"],
        "no pack speaks of it: a hole, not another answer",
    ),
}  # fmt: skip
"""Vectors that have another answer than the law's, and why. Holes are looked at too: they must be holes."""


def answer(vector: dict[str, Any]) -> Decision:
    """What the packs say, each included for where the goods come from."""
    origin, destination = vector["origin"], vector["destination"]
    names = [*EVERYWHERE, *(MARKETPLACE if vector["viaMarketplace"] else OWN_SHOP)]
    if not vector["viaMarketplace"] and "ioss" in vector.get("sellerSchemes", ()):
        names.append("eu-ioss")
    rules = [rule for name in names for rule in included(name, origin, destination)]
    year = int(vector["date"][:4])
    sales = vector.get("crossBorderNetEur")
    entity = {
        "establishedIn": vector["sellerEstablishedIn"],
        "registrations": [{"country": country} for country in vector["sellerRegisteredIn"]],
        "schemes": vector.get("sellerSchemes", []),
        "distanceSales": [
            {"year": year - 1, "value": sales["previousYear"]},
            {"year": year, "value": sales["currentYearBefore"]},
        ]
        if sales
        else [],
    }
    front = {"platform": "amazon", "currency": "EUR", "country": destination[:2]}
    body = {"type": "storefront", "storefront": front, "legalEntity": "us"}
    store = Spec("Store", "shop", {}, body, "s.yaml", 1)
    config = Configuration(
        "t", "sandbox", {}, {}, {}, {}, {"shop": store}, [], {}, {r.name: r for r in rules}, {}, ""
    )
    rates = vector.get("exchangeRates") or {}
    if not rates and not vector.get("undecidable"):
        rates = {"GBP/EUR": {"rate": "1.15", "asOf": vector["date"]}}
    config.settings = {"entities": {"us": entity}, "exchangeRates": rates}  # type: ignore[misc]
    amount, _, currency = vector.get("value", "").partition(" ")
    return decide(
        config,
        Supply(
            "shop",
            origin,
            destination,
            "b2b" if vector["buyer"] == "business" else "b2c",
            vector["vatId"],
            vector["date"],
            value=(Decimal(amount), currency) if currency else None,
        ),
    )


def included(name: str, origin: str, destination: str) -> list[Spec]:
    """The rules of a pack. One about goods from abroad is included for where they come from, where that is abroad."""
    pack = tax_packs()[name, "2026.11"]
    spec: dict[str, Any] = {"pack": name, "version": "2026.11", "stores": {}}
    if name in COUNTRIES:
        spec["countries"] = COUNTRIES[name]
    if "shipFrom" in pack.takes:
        home = {"eu": "EU", "uk": "GB"}.get(name[:2], name[:2].upper())
        inside = in_eu(origin, destination) if home == "EU" else covers(home, origin, destination)
        spec["shipFrom"] = ["KR"] if inside else [origin]
    assert problems(spec) == []
    return [Spec("TaxRule", f"{name}-{rule}", {}, body, "t.yaml", 1) for rule, body in expanded(spec)]


WHO = {"marketplace": "marketplace", "seller": "seller", "customer": "buyer", "none": "nobody"}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_the_packs_say_what_the_law_says(vector: dict[str, Any]) -> None:
    """Who accounts for the tax, and at which rates where that is the seller; a code that does not exist is no place; what cannot be
    decided is not decided."""
    if vector["id"] == "terr-in-14" or vector.get("expectError"):
        assert canonical(vector["origin"]) is None or canonical(vector["destination"]) is None
        return
    decision = answer(vector)
    reason = OTHER_RULES.get(vector["id"])
    if reason is not None:
        if reason.startswith(("no pack", "a day before")):
            assert decision.problem, decision.words
        return
    if vector.get("undecidable"):
        assert decision.problem, decision.words
        return
    assert decision.winner is not None, (decision.words, vector)
    assert not decision.problem, (decision.words, vector)
    result = decision.winner.spec["result"]
    who = WHO[result["liableParty"]]
    if result["treatment"] == "intraCommunity":
        who = "seller"  # the seller's exempt supply; the customer accounts for the acquisition
    assert who in vector["right"], (decision.words, decision.winner.name, vector)
    if who == vector["right"][0] == "seller" and "rates" in vector:
        have = {p.name: Decimal(p.percent) for p in decision.taxes}
        wanted = {name: Decimal(rate) for name, rate in vector["rates"].items()}
        if len(wanted) > 1:
            assert have == wanted
        else:
            assert Decimal(decision.percent or 0) == sum(wanted.values()), (decision.words, vector)
