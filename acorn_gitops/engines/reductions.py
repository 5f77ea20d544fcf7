"""Announced reductions against the lowest price of thirty days. Comes in: promotions, the present, who knows prices. Goes out:
each reduction of each listing, and whether it is one. Callers: rules, cli `calendar`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from acorn_gitops.engines.calendar import Dated, Listed, calendar_of
from acorn_gitops.engines.price import Offer, effective, part_of
from acorn_gitops.engines.prior_price import DAYS, Span, prior_price
from acorn_gitops.engines.tax import country_of
from acorn_gitops.model.territory import EU
from acorn_gitops.specs.configuration import Configuration

ANNOUNCED: Final = frozenset(
    {"salePrice", "percentOff", "amountOff", "coupon", "primeExclusive", "lightningDeal", "bestDeal"}
)
"""Types that show everybody a reduction."""


_NO_CONSUMERS: Final = frozenset({"b2b", "segment"})
"""Audiences to whom the directive does not speak."""


class Reduction(NamedTuple):
    """What a promotion does to one listing. Amounts in minor units."""

    dated: Dated
    sku: str
    store: str
    currency: str
    pays: int
    before: int | None
    """The lowest price of the thirty days before; None where nothing is known of them."""
    complete: bool
    """All thirty days are known."""

    @property
    def claims(self) -> int:
        """The percentage that is announced, in millionths; 0 where it is an amount or a price."""
        return self.dated.offer.value if self.dated.offer.kind == "percent" else 0

    @property
    def most(self) -> int | None:
        """What may be charged at most for the announced percentage to be one of the prior price; without a percentage, less
        than this."""
        return None if self.before is None else self.before - part_of(self.before, self.claims)

    @property
    def is_one(self) -> bool:
        """Not where it is known that something was cheaper before, or the percentage is larger than the real one."""
        return (
            self.before is None
            or self.most is None
            or (self.pays < self.before and (not self.claims or self.pays <= self.most))
        )


def reductions(
    configuration: Configuration,
    now: datetime,
    prices: Callable[[Listed, datetime], Sequence[Span]],
    *,
    certain: bool = False,
) -> Iterator[Reduction]:
    """Every announced reduction in the EU that holds now or later. `certain`: also those whose thirty days are all to come,
    with nothing else that lowers the price in them."""
    stores = configuration.stores.values()
    european = {s.name for s in stores if s.spec.get("storefront") and country_of(s.spec["storefront"]) in EU}
    if not configuration.promos or not european:
        return
    calendar = calendar_of(configuration)
    skus = {s.spec["sku"]: s for s in configuration.skus}
    zones = {s.name: s.spec["storefront"].get("timezone") or "UTC" for s in stores if s.name in european}
    month = timedelta(days=DAYS + 1)
    for (store, sku), every in calendar.offers.items():
        if store not in european:
            continue
        for dated in every:
            if (
                dated.promo.spec["type"] not in ANNOUNCED
                or dated.end <= now
                or dated.audience in _NO_CONSUMERS
            ):
                continue
            if not certain and dated.start - month >= now and len(every) == 1:
                continue
            beside = _beside(dated, every, now)
            for listed in calendar.listings_of(skus[sku], store):
                prior = prior_price(prices(listed, dated.start), dated.start, zones[store])
                amount, complete = (prior.amount, prior.complete) if prior is not None else (None, False)
                pays = max(effective(listed.price, offers).pays for offers in beside)
                yield Reduction(dated, sku, store, listed.currency, pays, amount, complete)


def _beside(dated: Dated, every: Sequence[Dated], now: datetime) -> list[list[Offer]]:
    """What holds together with a promotion, for everybody who has it, at each time of it that is still to come: what is announced is
    what is paid, whoever else lowers the price then."""
    others = [d for d in every if d is not dated and not d.offer.condition]
    begin = max(dated.start, now)
    edges = {begin, *(e for d in others for e in (d.start, d.end) if begin < e < dated.end)}
    return [[dated.offer, *(d.offer for d in others if d.start <= edge < d.end)] for edge in sorted(edges)]
