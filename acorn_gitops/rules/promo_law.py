"""PRO rules about what the law says of reductions: the lowest price of thirty days. Caller: `registry`.

They need what was in force before: the ledger's history and recorded prices. So they are judged with the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

from acorn_gitops.engines.calendar import Dated, calendar_of, major
from acorn_gitops.engines.price import WHOLE, Offer, part_of
from acorn_gitops.engines.prior_price import DAYS, prior_price
from acorn_gitops.engines.tax import EU, country_of
from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule

ANNOUNCED: Final = frozenset(
    {"salePrice", "percentOff", "amountOff", "coupon", "primeExclusive", "lightningDeal", "bestDeal"}
)
"""Types that show everybody a reduction."""
SHOWN: Final = 10


def _reductions(context: Context) -> list[tuple[Dated, str, str, str, int, int | None, bool]]:
    """Every announced reduction in the EU that begins now or later: what is paid, and the prior price."""
    found: list[tuple[Dated, str, str, str, int, int | None, bool]] | None = context.shared.get("reductions")
    if found is not None:
        return found
    found = context.shared["reductions"] = []
    config = context.configuration
    assert context.known is not None
    european = {
        s.name
        for s in config.stores.values()
        if s.spec.get("storefront") and country_of(s.spec["storefront"]) in EU
    }
    if not config.promos or not european:
        return found
    calendar = calendar_of(config)
    skus = {s.spec["sku"]: s for s in config.skus}
    month = timedelta(days=DAYS)
    for (store, sku), every in calendar.offers.items():
        if store not in european:
            continue
        for dated in every:
            if dated.promo.spec["type"] not in ANNOUNCED or dated.end <= context.now:
                continue
            if dated.start - month >= context.now and len(every) == 1:
                continue  # all thirty days are still to come, and nothing else lowers the price in them
            pays = calendar.payer((dated.offer,))
            for listed in calendar.listings_of(skus[sku], store):
                prior = prior_price(context.known.prices(listed, dated.start), dated.start)
                amount, complete = (prior.amount, prior.complete) if prior is not None else (None, False)
                found.append((dated, sku, store, listed.currency, pays(listed.price), amount, complete))
    return found


def _claims(offer: Offer) -> int:
    """The percentage that is announced, in millionths; 0 where it is an amount or a price."""
    return offer.value if offer.kind == "percent" else 0


def _words(real: Decimal) -> str:
    """A reduction against the lowest price before, in percent; below zero it is none."""
    if real > 0:
        return f"-{real} %"
    return "no reduction" if not real else f"{-real} % dearer"


@rule(
    "PRO-040",
    "error",
    "A reduction is one against the lowest price of thirty days",
    "What is announced as a saving and is none is fined in every member state, and competitors watch for it.",
    mend="Take more off, wait until the lower price is thirty days old, or announce no reduction.",
    source="Directive 98/6/EC Art. 6a; CJEU C-330/23 (2024-09-26)",
    phase="plan",
)
def prior(context: Context) -> Iterator[Finding]:
    """In EU stores: what is paid lies below the lowest price in force in the thirty days before, and an announced percentage is
    not larger than the one from that price. Perishables, new goods and reductions that grow step by step, for which states
    may differ, are not told apart: a waiver names them."""
    told: dict[str, int] = {}
    for dated, sku, store, currency, pays, before, _ in _reductions(context):
        if before is None:
            continue
        claimed = _claims(dated.offer)
        honest = before - part_of(before, claimed) if claimed else before
        if pays < before and (not claimed or pays <= honest):
            continue
        name = dated.promo.name
        told[name] = told.get(name, 0) + 1
        if told[name] > SHOWN:
            continue
        real = (Decimal(before - pays) * 100 / before).quantize(Decimal("0.1")) if before else Decimal(0)
        said = f", announced as -{Decimal(claimed) * 100 / WHOLE:g} %" if claimed else ""
        yield context.configuration.finding(
            "PRO-040",
            "error",
            dated.promo,
            ("spec", "discount"),
            f"{sku} in {store} would cost {major(pays, currency)} {currency}{said}; the lowest price of the {DAYS} days before is"
            f" {major(before, currency)}, so it is {_words(real)}",
            f"at most {major(honest if claimed else before, currency)} {currency}"
            + ("" if claimed else ", and less than that,")
            + " would be honest",
        )
    for name, count in told.items():
        if count > SHOWN:
            promo = context.configuration.promos[name]
            yield context.configuration.finding(
                "PRO-040",
                "error",
                promo,
                (),
                f"and {count - SHOWN:,} more listings of {name}",
                "see `acorn view promotions`",
            )


@rule(
    "PRO-041",
    "warning",
    "The prices of thirty days are known",
    "Without them nobody can say whether the reduction is one.",
    mend="Record earlier prices in facts/prices.csv, or begin the promotion later.",
    source="Directive 98/6/EC Art. 6a",
    phase="plan",
)
def history(context: Context) -> Iterator[Finding]:
    """In EU stores: for every announced reduction that begins within thirty days, the prices in force in all of the thirty days
    before it are known. What begins later will be known by then. Told once for a promotion."""
    unknown: dict[str, list[str]] = {}
    for dated, sku, store, _, _, _, complete in _reductions(context):
        soon = context.now < dated.start <= context.now + timedelta(days=DAYS)
        if not complete and soon:
            unknown.setdefault(dated.promo.name, []).append(f"{sku} in {store}")
    for name, listings in sorted(unknown.items()):
        more = f" and {len(listings) - 1:,} more" if len(listings) > 1 else ""
        yield context.configuration.finding(
            "PRO-041",
            "warning",
            context.configuration.promos[name],
            (),
            f"the prices of the {DAYS} days before {name} are not known for {listings[0]}{more}",
            "record them in facts/prices.csv, or keep this ledger for thirty days",
        )
