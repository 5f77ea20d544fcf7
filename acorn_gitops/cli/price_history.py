"""Which prices were in force. Comes in: the ledger, recorded prices, the calendar. Goes out: for a listing, its prices over time
with the promotions that lowered them. Caller: planning, for rules about prior prices.

The ledger's audit trail is the history: append-only, and a changed row breaks its chain. What was in force before acorn,
or beside it, is recorded in facts/prices.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from acorn_gitops.engines.calendar import Listed, calendar_of, minor
from acorn_gitops.engines.price import WHOLE, Offer, effective
from acorn_gitops.engines.prior_price import DAYS, Span, spans_of
from acorn_gitops.ledger.ledger import Ledger
from acorn_gitops.model.money import MoneyError
from acorn_gitops.specs.configuration import Configuration
from acorn_gitops.specs.facts import at


class _Past(NamedTuple):
    """A promotion that held."""

    start: datetime
    end: datetime
    skus: frozenset[str]
    offer: Offer


class PriceHistory:
    """Read when the first rule asks."""

    def __init__(self, config: Configuration, ledger: Ledger, now: datetime) -> None:
        self._config, self._ledger, self._now = config, ledger, now
        self._lists: dict[tuple[str, str], list[tuple[datetime, str, str]]] | None = None
        self._promos: dict[str, list[_Past]] = {}
        self._recorded: dict[tuple[str, str], list[tuple[datetime, str, str]]] = {}
        self._sku_of: dict[tuple[str, str], str] = {}
        self._calendar = calendar_of(config)

    def prices(self, listed: Listed, start: datetime) -> Sequence[Span]:
        """What a buyer paid for a listing, and will until `start`; each price from when on, and until when."""
        sku = listed.sku.spec["sku"]
        if start - timedelta(days=DAYS) >= self._now:
            # All of these days are still to come: the price is the one that is wished for.
            return self._lowered([Span(self._now, None, listed.price)], listed.store, sku, start)
        if self._lists is None:
            self._load()
        assert self._lists is not None
        points = [
            *self._recorded.get((listed.store, sku), ()),
            *self._lists.get((listed.store, listed.key), ()),
        ]
        if {currency for _, _, currency in points if currency} != {listed.currency}:
            return []  # nothing, or another currency, which nobody can compare
        try:
            spans = spans_of(
                [(since, minor(amount, listed.currency) if amount else None) for since, amount, _ in points]
            )
        except (MoneyError, KeyError):
            return []
        return self._lowered(spans, listed.store, sku, start)

    def _lowered(self, spans: Sequence[Span], store: str, sku: str, start: datetime) -> list[Span]:
        """The spans, cut where promotions began and ended, at what was then paid. Only what begins before `start` counts."""
        past = [p for p in self._promos.get(store, ()) if sku in p.skus]
        planned = [
            _Past(max(d.start, self._now), d.end, frozenset([sku]), d.offer)
            for d in self._calendar.offers.get((store, sku), ())
            if self._now < d.start < start
        ]
        edges = sorted({e for p in (*past, *planned) for e in (p.start, p.end)})
        out: list[Span] = []
        for span in spans:
            cuts = [span.start, *(e for e in edges if e > span.start and (span.end is None or e < span.end))]
            for index, begin in enumerate(cuts):
                end = cuts[index + 1] if index + 1 < len(cuts) else span.end
                offers = [p.offer for p in (*past, *planned) if p.start <= begin < p.end]
                out.append(Span(begin, end, effective(span.amount, offers).pays))
        return out

    def _load(self) -> None:
        self._lists = {}
        for sku in self._config.skus:
            for entry in sku.spec.get("listings") or ():
                self._sku_of[entry["store"], entry.get("sellerSku") or sku.spec["sku"]] = sku.spec["sku"]
        for row in self._config.facts.rows("prices"):
            self._recorded.setdefault((row["store"], row["sku"]), []).append(
                (at(row["from"]), row["price"], row["currency"])
            )
        open_promos: dict[tuple[str, str], tuple[datetime, dict[str, Any]]] = {}
        promoted = {
            (store, key)
            for (store, key), sku in self._sku_of.items()
            if (store, sku) in self._calendar.offers
        }
        states = self._ledger.states(
            ("listing", "promotion"), lambda a: a.type == "promotion" or (a.store, a.key) in promoted
        )
        for stamp, address, attributes in states:
            when = datetime.fromisoformat(stamp).astimezone(UTC)
            key = (address.store, address.key)
            if address.type == "listing":
                price = (attributes or {}).get("price")
                if price is not None:
                    self._lists.setdefault(key, []).append((when, price["value"], price["currency"]))
                elif attributes is None:
                    self._lists.setdefault(key, []).append((when, "", ""))
                continue
            if key in open_promos:
                self._close(address.store, *open_promos.pop(key), when)
            if attributes is not None:
                open_promos[key] = (when, attributes)
        for (store, _), (since, attributes) in open_promos.items():
            self._close(store, since, attributes, self._now)

    def _close(self, store: str, since: datetime, attributes: dict[str, Any], until: datetime) -> None:
        """Of an applied promotion, the time in which it really held."""
        offer = _offer(attributes)
        start = max(since, datetime.fromisoformat(attributes["start"]))
        end = min(until, datetime.fromisoformat(attributes["end"]))
        if offer is not None and start < end:
            self._promos.setdefault(store, []).append(
                _Past(start, end, frozenset(attributes.get("skus") or ()), offer)
            )


def _offer(attributes: dict[str, Any]) -> Offer | None:
    """What everybody was offered; codes and baskets lower nobody's shown price."""
    discount = attributes.get("discount") or {}
    if attributes.get("code") or attributes.get("type") in (
        "promoCode",
        "coupon",
        "buyXGetY",
        "quantityTier",
        "freeShipping",
    ):
        return None
    if discount.get("percent") is not None:
        return Offer("past", "percent", int(Decimal(discount["percent"]) * WHOLE / 100))
    for name, kind in (("amount", "amount"), ("salePrice", "sale")):
        money = discount.get(name)
        if money is not None:
            return Offer("past", kind, minor(money["value"], money["currency"]))  # type: ignore[arg-type]
    return None
