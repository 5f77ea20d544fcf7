"""What a plan does to what buyers pay. Comes in: a store's three states, its changes, an instant. Goes out: what falls for whom and how
deep a promotion cuts, at the prices that the store will hold. Callers: `guards` for budgets, `permitted` for limits of roles.

A price that specs leave to others is the store's, and so is one that they do not name. A promotion and a price that fall in one
plan fall together: what is paid after both is compared with what is paid now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from acorn_gitops.cli.situation import StoreView
from acorn_gitops.engines.held import Falls, HeldPromotions
from acorn_gitops.engines.offer import NotComputable
from acorn_gitops.model.money import quantum
from acorn_gitops.model.resource import Attributes, is_money
from acorn_gitops.plan.budgets import Cut, judged_moves
from acorn_gitops.plan.change import Change, StoreResult

_NO_NUMBERS = (ArithmeticError, LookupError, TypeError, ValueError)


class _Priced(NamedTuple):
    """A listing that will be there: its price then, and the one to compare it with."""

    key: str
    sku: str
    was: Mapping[str, str]
    then: Mapping[str, str]
    sold: bool
    """Whether it will be for sale."""


class Promoted:
    """One store before and after a plan, as buyers see it."""

    def __init__(self, view: StoreView, result: StoreResult, now: datetime) -> None:
        self._view, self._result = view, result
        self._promotions = [c for c in result.changes if c.address.type == "promotion" and c.writes]
        self._before = HeldPromotions(now, view.promotions.items(), view.platform)
        self._after = HeldPromotions(now, view.promotions.items(), view.platform)
        for change in self._promotions:
            self._after.put(change.former.key, None)
            if change.action != "delete":
                self._after.put(change.address.key, self._content(change))

    def _content(self, change: Change) -> dict[str, Any]:
        kept = self._view.promotions.get(change.former.key, {}) if change.action == "update" else {}
        return {**kept, **(change.after or {})}

    @cached_property
    def _listings(self) -> list[_Priced]:
        """Every listing that will have a price."""
        changes = self._result.changes
        managed = sum(type == "listing" for type, _ in self._view.applied)
        moves = {change.address.key: move for change, move in judged_moves(changes, managed)}
        written = {c.address.key: c for c in changes if c.address.type == "listing" and c.writes}
        gone = {c.former.key for c in written.values() if c.action in ("replace", "delete")}
        held = {key: body for key, body in self._view.listings.items() if key not in gone}
        found = []
        for key in sorted({*held, *written}):
            listing = _then(written.get(key), held.get(key, {}))
            price = listing.get("price") if listing is not None else None
            if listing is None or price is None or not is_money(price):
                continue
            move = moves.get(key)
            was = {"currency": move[0], "value": move[1]} if move is not None else price
            sold = listing.get("status") != "inactive"
            found.append(_Priced(key, str(listing.get("sku") or key), was, price, sold))
        return found

    def cuts(self) -> Iterator[Cut]:
        """Listings for which buyers will pay less because promotions change, or because a price falls below one that stands."""
        changed = frozenset(key for c in self._promotions for key in (c.former.key, c.address.key))
        falls = Falls(self._before, self._after)
        for one in self._listings if self._promotions or self._view.promotions else ():
            reaching = self._before.on(one.sku) | self._after.on(one.sku)
            if not one.sold or not reaching or (one.was == one.then and not reaching & changed):
                continue
            try:
                was, least = falls.deepest(one.sku, one.was, one.then)
            except _NO_NUMBERS:
                continue  # what cannot be computed the last guard refuses
            if least < was:
                unit, address = quantum(one.then["currency"]), f"{self._view.store}/listing/{one.key}"
                yield Cut(address, one.then["currency"], was * unit, least * unit)

    def depths(self) -> Iterator[tuple[Change, Decimal | None]]:
        """For each promotion that is made or changed, the most that buyers get off a listing where it makes them pay less, with
        all that holds then: percent of the price with one decimal, rounded up. None where it cannot be computed. Listings that are
        not for sale count as well: they may be, tomorrow, by another's hand."""
        for change in self._promotions:
            if change.action != "delete":
                yield change, self._depth(change)

    def _depth(self, change: Change) -> Decimal | None:
        proposed = self._after.proposed(change.address.key, self._content(change))
        most, judged = proposed.share(), set[str]()
        for one in self._listings:
            if one.sku.casefold() not in proposed.skus:
                continue
            judged.add(one.sku.casefold())
            try:
                most = max(most, proposed.deepest(one.sku, one.then))
            except (NotComputable, *_NO_NUMBERS):
                return None
        if not proposed.by_percent() and proposed.skus - judged:
            return None  # an amount off a price that nobody knows yet may be all of it
        tenths = most * 1000
        return Decimal(-(-tenths.numerator // tenths.denominator)) / 10


def _then(change: Change | None, held: Attributes) -> Attributes | None:
    """A listing after a change; None where it is deleted."""
    if change is None:
        return held
    if change.action == "delete":
        return None
    if change.action != "update":
        return change.after or {}
    touched = change.touched
    return {**held, **{k: v for k, v in (change.after or {}).items() if k in touched}}
