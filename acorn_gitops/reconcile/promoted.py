"""What a plan does to what buyers pay. Comes in: a store's three states, its changes, an instant. Goes out:
what falls for whom and how deep a promotion cuts, at the prices that the store will hold. Callers: `guards`
for budgets, `permitted` for limits of roles.

A price that specs leave to others is the store's, and so is one that they do not name. A promotion and a
price that fall in one plan fall together: what is paid after both is compared with what is paid now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, NamedTuple

from acorn_gitops.engines.pricing.falls import Falls
from acorn_gitops.engines.pricing.offer import NotComputable
from acorn_gitops.engines.pricing.standing import HeldPromotions
from acorn_gitops.model.money import quantum
from acorn_gitops.model.resource import Address, Attributes, is_money
from acorn_gitops.plan.budgets import Cut, judged_moves
from acorn_gitops.plan.change import Change, StoreResult, products_of
from acorn_gitops.reconcile.states import Depth, StoreView
from acorn_gitops.resources.buyers import EVERYBODY, Buyer, as_seen, buyers_of

MANY: Final = 5_000
"""From so many SKUs on, a promotion is measured by the prices of the whole store."""
_NO_NUMBERS = (ArithmeticError, LookupError, TypeError, ValueError)


class _Priced(NamedTuple):
    """A listing that will be there: its price then, and the one to compare it with."""

    key: str
    sku: str
    was: Mapping[str, str]
    then: Mapping[str, str]
    new: bool
    """Whether it comes with this plan, in the place of nothing."""
    former: str = ""
    """The SKU that it has until now, where it is renamed in place."""
    buyer: Buyer = EVERYBODY
    """Who is asked these prices."""


class Promoted:
    """One store before and after a plan, as buyers see it."""

    def __init__(self, view: StoreView, result: StoreResult, now: datetime) -> None:
        self._view, self._result, self._now = view, result, now
        self._promotions = [c for c in result.changes if c.address.type == "promotion" and c.writes]

    @cached_property
    def before(self) -> HeldPromotions:
        """The promotions that the store holds."""
        return self._held()

    @cached_property
    def after(self) -> HeldPromotions:
        """Those that it will hold."""
        held = self._held()
        for change in self._promotions:
            held.put(change.former.key, None)
            if change.action != "delete":
                held.put(change.address.key, self._content(change))
        return held

    def _held(self) -> HeldPromotions:
        view, products = self._view, products_of(self._result.changes)
        return HeldPromotions(self._now, view.promotions.items(), platform=view.platform, products=products)

    @cached_property
    def falls(self) -> Falls:
        """What is paid with the ones and with the others."""
        return Falls(self.before, self.after)

    def _content(self, change: Change) -> dict[str, object]:
        kept = self._view.promotions.get(change.former.key, {}) if change.action == "update" else {}
        return {**kept, **(change.after or {})}

    @cached_property
    def _listings(self) -> list[_Priced]:
        """Every listing that will have a price."""
        changes = self._result.changes
        managed = sum(type == "listing" for type, _ in self._view.applied)
        moves = {(move.change.address.key, move.buyer): move for move in judged_moves(changes, managed)}
        written = {c.address.key: c for c in changes if c.address.type == "listing" and c.writes}
        gone = {c.former.key for c in written.values() if c.action in ("replace", "delete") or c.moved_from}
        held = {key: body for key, body in self._view.listings.items() if key not in gone}
        found = []
        for key in sorted({*held, *written}):
            change = written.get(key)
            in_place = change is not None and change.action == "update" and change.moved_from is not None
            live = (
                self._view.listings.get(change.former.key, {}) if change and in_place else held.get(key, {})
            )
            listing = _then(change, live)
            if listing is None:
                continue
            sku = str(listing.get("sku") or key)
            former = str(live.get("sku") or change.former.key) if change and in_place else ""
            for buyer in buyers_of(live, listing):
                price = as_seen(listing, buyer).get("price")
                if price is None or not is_money(price):
                    continue
                move = moves.get((key, buyer))
                was = {"currency": move.currency, "value": move.old} if move is not None else price
                new = change is not None and change.action == "create" and move is None
                one = _Priced(key, sku, was, then=price, new=new, former=former, buyer=buyer)
                found.append(one)
        return found

    def cuts(self) -> Iterator[Cut]:
        """Listings for which buyers will pay less because promotions change, or because a price falls below
        one that stands; also those that are not for sale: that may change without a price or a promotion."""
        changed = frozenset(key for c in self._promotions for key in (c.former.key, c.address.key))
        moved = {c.address.key for c in self._result.changes if c.address.type == "listing" and c.writes}
        if not self._promotions and not (moved and self._view.promotions):
            return
        for one in self._listings:
            if not self._promotions and one.key not in moved:
                continue
            names = (one.sku, one.former or one.sku)
            reaching = self.before.on(*names) | self.after.on(*names)
            if not reaching or (one.was == one.then and not reaching & changed and not one.former):
                continue
            try:
                was, least = self.falls.deepest(
                    one.sku, one.was, one.then, former=one.former, buyer=one.buyer
                )
            except _NO_NUMBERS:
                continue  # a price that is no amount in the currency of the store: rules and guards tell
            if least < was:
                unit, address = quantum(one.then["currency"]), f"{self._view.store}/listing/{one.key}"
                yield Cut(address, one.then["currency"], was * unit, after=least * unit, new=one.new)

    def taken(self) -> Iterator[tuple[Address, str]]:
        """What each promotion that is made or changed takes off a listing at most, by itself, in percent with
        one decimal: for whoever reads the plan. Nothing of those for which no price is known."""
        for change in self._promotions:
            if change.action == "delete":
                continue
            share = self._share(self._content(change))
            if share is not None:
                tenths = min(share, Fraction(1)) * 1000
                yield change.address, str(Decimal(-(-tenths.numerator // tenths.denominator)) / 10)

    def _share(self, content: Mapping[str, Any]) -> Fraction | None:
        discount = content.get("discount")
        if not isinstance(discount, Mapping):
            return Fraction(0)
        try:
            if discount.get("percent") is not None:
                return Fraction(discount["percent"]) / 100
            if (block := discount.get("buyXGetY")) is not None:
                pieces = Fraction(int(block["get"]), int(block["buy"]) + int(block["get"]))
                return pieces * Fraction(block.get("discountPercent") or "100") / 100
            prices = [Fraction(price) for price in self._prices(content.get("skus") or ())]
            if discount.get("amount") is not None and prices and min(prices):
                return Fraction(discount["amount"]["value"]) / min(prices)
            if discount.get("salePrice") is not None and prices and max(prices):
                return max(1 - Fraction(discount["salePrice"]["value"]) / max(prices), Fraction(0))
        except _NO_NUMBERS:
            return None
        return None

    def _prices(self, skus: Sequence[str]) -> Iterator[str]:
        """The lowest and the highest price among these SKUs; of very many those of the whole store, which say
        no less."""
        if len(skus) > MANY:
            yield from self._range
            return
        for sku in skus:
            yield from self._by_sku.get(sku.casefold(), ())

    @cached_property
    def _by_sku(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in self._listings:
            found.setdefault(one.sku.casefold(), []).append(one.then["value"])
        return found

    @cached_property
    def _range(self) -> list[str]:
        every = [one.then["value"] for one in self._listings]
        return [min(every, key=Fraction), max(every, key=Fraction)] if every else []

    def depths(self) -> Iterator[tuple[Change, Depth]]:
        """For each promotion that is made, changed or ended, the most that buyers get off a listing where
        that makes them pay less, with all that holds then: percent of the price with one decimal, rounded up.
        Of one that is made anew also while it is gone: the run may end there. Listings that are not for sale
        count as well: they may be, tomorrow, by another's hand."""
        for change in self._promotions:
            yield change, self._depth(change)

    def _depth(self, change: Change) -> Depth:
        ends = change.action == "delete"
        then = self._deepest(change, None if ends else self._content(change))
        anew = change.action != "update" and not ends and self._is_there(change)
        gone = self._deepest(change, None) if anew else Fraction(0)
        if then is None or gone is None:
            return Depth(None, gone=then is not None)
        tenths = max(then, gone) * 1000
        return Depth(Decimal(-(-tenths.numerator // tenths.denominator)) / 10, gone=gone > then)

    def _is_there(self, change: Change) -> bool:
        return self.before.content(change.former.key) is not None

    def _deepest(self, change: Change, content: dict[str, object] | None) -> Fraction | None:
        was = self.before.content(change.former.key)
        proposed = self.after.proposed(change.address.key, content, instead_of=change.former.key)
        touched = proposed.skus | {str(sku).casefold() for sku in (was or {}).get("skus") or ()}
        try:
            most, judged = proposed.share(), set[str]()
        except _NO_NUMBERS:
            return None
        for one in self._listings:
            if one.sku.casefold() not in touched:
                continue
            judged.add(one.sku.casefold())
            try:
                most = max(
                    most,
                    proposed.deepest(one.sku, one.then, buyer=one.buyer, was=was, known=content is None),
                )
            except (NotComputable, *_NO_NUMBERS):
                if content is None:
                    continue  # of itself nobody could tell what it took off; that it ends takes off nothing
                return None
        if not proposed.by_percent() and proposed.skus - judged:
            return None  # an amount off a price that nobody knows yet may be all of it
        return most


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
