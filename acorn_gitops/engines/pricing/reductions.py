"""Announced reductions against the lowest price of thirty days. Comes in: promotions, the present, who knows
prices. Goes out: each reduction of each listing, and whether it is one. Callers: rules, cli `calendar`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from acorn_gitops.engines.pricing.calendar import Dated, Listed, calendar_of
from acorn_gitops.engines.pricing.price import Offer, effective, part_of
from acorn_gitops.engines.pricing.prior_price import DAYS, Span, prior_price
from acorn_gitops.engines.tax import country_of
from acorn_gitops.model.reference import sale_zone
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
    begin: datetime
    """When it begins, or began, to lower the price of this listing: whatever its window says, not before it
    was applied to it."""
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
        """The percentage that is announced, in billionths; 0 where it is an amount or a price."""
        return self.dated.offer.value if self.dated.offer.kind == "percent" else 0

    @property
    def most(self) -> int | None:
        """What may be charged at most for the announced percentage to be one of the prior price; without a
        percentage, less than this."""
        return None if self.before is None else self.before - part_of(self.before, self.claims)

    @property
    def is_one(self) -> bool:
        """Not where it is known that something was cheaper before, or the percentage is larger than the real
        one."""
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
    begins: Callable[[Dated, Listed], datetime],
    certain: bool = False,
) -> Iterator[Reduction]:
    """Every announced reduction in the EU that holds now or later. `begins`: when one really began.
    `certain`: also those whose thirty days are all to come, with nothing else that lowers the price in
    them."""
    stores = configuration.stores.values()
    european = {s.name for s in stores if s.spec.get("storefront") and country_of(s.spec["storefront"]) in EU}
    if not configuration.promos or not european:
        return
    calendar = calendar_of(configuration)
    skus = {s.spec["sku"]: s for s in configuration.skus}
    zones = {s.name: sale_zone(s.spec["storefront"]) for s in stores if s.name in european}
    month = timedelta(days=DAYS + 1)
    for (store, sku), every in calendar.offers.items():
        if store not in european:
            continue
        standing = _Standing(every, now)
        for dated in every:
            if (
                dated.promo.spec["type"] not in ANNOUNCED
                or dated.end <= now
                or dated.audience in _NO_CONSUMERS
            ):
                continue
            if not certain and dated.start - month >= now and len(every) == 1:
                continue
            for listed in calendar.listings_of(skus[sku], store):
                begin = begins(dated, listed)
                prior = prior_price(prices(listed, begin), begin, zones[store])
                amount, complete = (prior.amount, prior.complete) if prior is not None else (None, False)
                yield Reduction(
                    dated,
                    begin,
                    sku=sku,
                    store=store,
                    currency=listed.currency,
                    pays=standing.pays(dated, listed.price),
                    before=amount,
                    complete=complete,
                )


class _Standing:
    """What everybody has of one SKU's promotions, from boundary to boundary."""

    def __init__(self, every: Sequence[Dated], now: datetime) -> None:
        self._plain = [d for d in every if not d.offer.condition]
        self._edges = sorted({now, *(e for d in self._plain for e in (d.start, d.end))})
        self._offers: dict[datetime, tuple[Offer, ...]] = {}
        self._paid: dict[tuple[datetime, int], int] = {}
        self._now = now

    def pays(self, dated: Dated, listed: int) -> int:
        """The most that whoever has a promotion pays at any time of it that is still to come: what is
        announced is what is paid, whoever else lowers the price then."""
        begin = max(dated.start, self._now)
        first, last = bisect_right(self._edges, begin), bisect_left(self._edges, dated.end)
        times = [begin, *self._edges[first:last]]
        if dated.offer.condition:
            return max(effective(listed, [dated.offer, *self._at(time)]).pays for time in times)
        return max(self._everybody(time, listed) for time in times)

    def _everybody(self, time: datetime, listed: int) -> int:
        if (time, listed) not in self._paid:
            self._paid[time, listed] = effective(listed, self._at(time)).pays
        return self._paid[time, listed]

    def _at(self, time: datetime) -> tuple[Offer, ...]:
        if time not in self._offers:
            self._offers[time] = tuple(d.offer for d in self._plain if d.start <= time < d.end)
        return self._offers[time]
