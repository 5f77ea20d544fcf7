"""What a buyer pays by what a marketplace holds. Comes in: the promotions of one store as they are there, an
instant. Goes out: whether a change of a price or of a promotion takes what is paid below a floor, when and
through what. Callers: apply's price guard next to the write, reconcile `guards` for the plan.

Specs say what shall be; between two writes of a run, after half of one, or beside promotions that nobody
manages, something else is. Every moment from now on is looked at, boundary by boundary, for the buyer who
pays least then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from fractions import Fraction
from typing import Any

from acorn_gitops.engines.pricing.attested import identified
from acorn_gitops.engines.pricing.forms import (
    ANY,
    NONSENSE,
    Form,
    Money,
    Reach,
    Running,
    Variants,
    joining,
    reaching,
    running,
    skus_of,
)
from acorn_gitops.engines.pricing.lowest import lowest
from acorn_gitops.engines.pricing.offer import NotComputable, minor
from acorn_gitops.engines.pricing.price import WHOLE
from acorn_gitops.engines.pricing.worlds import (
    ANY_FALL,
    Asked,
    Breach,
    Stretch,
    first_breach,
    stretches,
)
from acorn_gitops.resources.buyers import EVERYBODY, Buyer
from acorn_gitops.resources.promotion import EVERYTHING

_Memo = tuple[Reach, Reach, str, str]
"""Promotions before and after, the currency, the audience of the buyer."""


class HeldPromotions:
    """The promotions of one store, as they are at this moment of a run."""

    def __init__(
        self,
        now: datetime,
        promotions: Iterable[tuple[str, Mapping[str, object]]] = (),
        platform: str = "",
        products: Mapping[str, str] | None = None,
    ) -> None:
        """`products`: of SKUs that are not listed yet, the product (ASIN) that they will offer: a promotion
        on a product, or on everything, holds for them from their first moment."""
        self._now = now
        self.platform = platform
        self._products = {sku.casefold(): product for sku, product in (products or {}).items()}
        self._forms: dict[str, tuple[Form, ...]] = {}
        self._skus: dict[str, set[tuple[str, int]]] = {}
        self._running: dict[tuple[str, int, str], Running | None] = {}
        self._stretches: dict[_Memo, list[Stretch]] = {}
        for key, forms in identified(promotions):
            self.may_be(key, forms)

    def put(self, key: str, attributes: Mapping[str, object] | None) -> None:
        """A promotion is now like this; None: it is gone."""
        self.may_be(key, [None if attributes is None else (key, attributes)])

    def may_be(self, key: str, forms: Sequence[Form]) -> None:
        """A promotion is in one of these forms, and nobody knows in which; the first is the one that was
        seen. One that may have another key by now has that in its form."""
        for number, form in enumerate(self._forms.pop(key, ())):
            for sku in skus_of(form):
                self._skus[sku].discard((key, number))
        for memo in [memo for memo in self._running if memo[0] == key]:
            del self._running[memo]
        self._stretches.clear()
        if any(form is not None for form in forms):
            self._forms[key] = tuple(forms)
            for number, form in enumerate(forms):
                for sku in skus_of(form):
                    self._skus.setdefault(sku, set()).add((key, number))

    def forms(self, key: str) -> tuple[Form, ...]:
        """What a promotion may be."""
        return self._forms.get(key, (None,))

    def content(self, key: str) -> Mapping[str, Any] | None:
        """A promotion as it was seen."""
        form = self.forms(key)[0]
        return form[1] if form is not None else None

    def on(self, *skus: str) -> frozenset[str]:
        """The promotions that name one of these SKUs in any letter case, and those of which nobody knows what
        they name."""
        return frozenset(key for key, _ in self.reach(*skus))

    def reach(self, *skus: str) -> Reach:
        """As `on`, with the forms of each that do."""
        names = (name for sku in skus for name in self._skus.get(sku.casefold(), ()))
        products = [self._products[sku.casefold()] for sku in skus if sku.casefold() in self._products]
        joined = (name for product in products for name in self._skus.get(joining(product), ()))
        everything = self._skus.get(joining(EVERYTHING), ())
        return frozenset((*names, *joined, *everything, *self._skus.get(ANY, ())))

    def breach(
        self,
        sku: str,
        after: Money,
        before: Money | None,
        floor: int,
        *,
        former: str = "",
        buyer: Buyer = EVERYBODY,
    ) -> Breach | None:
        """The first time at which a price `after` would be paid below a floor (minor units), and lower than
        `before` is paid then; before None: it is not for sale. `former`: the SKU that it has until now, where
        it is renamed in place: promotions on it may follow it. `buyer`: who is asked these prices.
        NotComputable when a promotion is in another currency, unless nobody pays less by what is known."""
        there = self.reach(former or sku)
        here = there | self.reach(sku)
        if not here:
            return None
        currency = after["currency"]
        paid = None
        if before is not None and before["currency"] == currency:
            paid = minor(before["value"], currency)
        prices = Asked(minor(after["value"], currency), paid)
        memo = (here, there, currency, buyer.audience)
        try:
            if memo not in self._stretches:
                self._stretches[memo] = self._between(here, there, currency, buyer=buyer)
        except NotComputable:
            if paid is None or prices.after < paid:
                raise
            known = self.known(here, currency)
            stretches = self._between(known, known & there, currency, buyer=buyer)
            if first_breach(stretches, prices, floor=ANY_FALL) is not None:
                raise
            return None
        return first_breach(self._stretches[memo], prices, floor=floor)

    def _between(self, here: Reach, there: Reach, currency: str, *, buyer: Buyer) -> list[Stretch]:
        """Of promotions that hold for a listing when it has its new SKU (`here`) and that did before."""
        before = reaching(self.running(there, currency), buyer)
        options = [
            [*zip(variants, before.get(key, (None,) * len(variants)), strict=True)]
            for key, variants in reaching(self.running(here, currency), buyer).items()
        ]
        return stretches(options)

    def known(self, reach: Reach, currency: str) -> Reach:
        """Those of them that can be understood."""
        found = set()
        for one in reach:
            with suppress(NotComputable, *NONSENSE):
                self._form(*one, currency)
                found.add(one)
        return frozenset(found)

    def check(self, key: str, currency: str) -> None:
        """NotComputable where nobody can tell what a promotion takes off."""
        for number in range(len(self.forms(key))):
            self._form(key, number, currency)

    def proposed(
        self,
        key: str,
        content: Mapping[str, object] | None,
        *,
        instead_of: str = "",
        stood: HeldPromotions | None = None,
    ) -> Proposed:
        """A change of one promotion (None: its end), to be judged before it is made; `instead_of` the one
        whose place it takes, where that has another key. `stood`: the promotions of an earlier moment, with
        which it is compared as well."""
        ended = frozenset({key, instead_of or key})
        return Proposed(self, key, content, ended=ended, stood=stood, now=self._now)

    def computable(self, reach: Reach, currency: str) -> dict[str, Running]:
        """Of these promotions, those that lower a price from now on and can be understood, each in the first
        of its forms that holds: what others do nobody knows."""
        found = self.running(self.known(reach, currency), currency).values()
        first = [next(one for one in variants if one is not None) for variants in found]
        return {one.offer.name: one for one in first}

    def running(self, reach: Reach, currency: str) -> dict[str, Variants]:
        """Of these promotions, those that may lower a price from now on: by key, form by form."""
        found = {}
        for key in sorted({key for key, _ in reach}):
            variants = tuple(
                self._form(key, number, currency) if (key, number) in reach else None
                for number in range(len(self._forms[key]))
            )
            if any(one is not None for one in variants):
                found[key] = variants
        return found

    def _form(self, key: str, number: int, currency: str) -> Running | None:
        memo = (key, number, currency)
        if memo not in self._running:
            form = self.forms(key)[number]
            self._running[memo] = (
                running(*form, currency, now=self._now, platform=self.platform) if form is not None else None
            )
        return self._running[memo]


class Proposed:
    """A promotion that is about to be written, beside those that are there."""

    def __init__(
        self,
        held: HeldPromotions,
        key: str,
        content: Mapping[str, object] | None,
        ended: frozenset[str],
        stood: HeldPromotions | None,
        now: datetime,
    ) -> None:
        self._held, self._key, self._content, self._now = held, key, content, now
        self._ended, self._stood = ended, stood
        self.skus = frozenset(skus_of((key, content) if content is not None else None))
        self._stretches: dict[tuple[Reach, bool, str, str], list[Stretch]] = {}

    def breach(
        self,
        sku: str,
        price: Money,
        floor: int,
        *,
        buyer: Buyer = EVERYBODY,
        stood: Money | None = None,
    ) -> Breach | None:
        """The first time at which the price of a SKU would be paid below a floor, and lower than without the
        change. `buyer`: who is asked that price. `stood`: the price at the earlier moment with which it is
        compared as well. NotComputable when a promotion is in another currency, unless nobody pays less by
        what is known."""
        here, currency = self._held.reach(sku), price["currency"]
        amount = minor(price["value"], currency)
        then = (
            minor(stood["value"], currency) if stood is not None and stood["currency"] == currency else None
        )
        prices = Asked(amount, amount, then)
        memo = (here, sku.casefold() in self.skus, currency, buyer.audience)
        try:
            if memo not in self._stretches:
                self._stretches[memo] = self._between(sku, here, currency, buyer=buyer)
        except NotComputable:
            known = self._held.known(here, currency)
            stretches = self._between(sku, known, currency, buyer=buyer)
            if first_breach(stretches, prices, floor=ANY_FALL) is not None:
                raise
            return None
        return first_breach(self._stretches[memo], prices, floor=floor)

    def _between(self, sku: str, here: Reach, currency: str, *, buyer: Buyer) -> list[Stretch]:
        mine = self._reaching(self._content, currency, buyer, sku=sku)
        seen = dict(reaching(self._held.running(here, currency), buyer))
        ended = {key: seen.pop(key, (None,)) for key in sorted(self._ended)}
        options = [[(one, one) for one in variants] for variants in seen.values()]
        for key, variants in ended.items():
            options.append([(mine if key == self._key else None, one) for one in variants])
        return stretches(options, self._earlier(sku, currency, buyer))

    def _earlier(self, sku: str, currency: str, buyer: Buyer) -> list[Running] | None:
        """What was on offer at the earlier moment, as it was seen; None where nothing is compared with it, or
        nobody can tell."""
        if self._stood is None:
            return None
        try:
            there = reaching(self._stood.running(self._stood.reach(sku), currency), buyer)
        except (NotComputable, *NONSENSE):
            return None
        return [next(one for one in variants if one is not None) for variants in there.values()]

    def by_percent(self) -> bool:
        """Whether it takes off a share, or nothing: then no price need be known for its depth."""
        discount = (self._content or {}).get("discount") or {}
        return isinstance(discount, Mapping) and {*discount} <= {"percent", "buyXGetY", "gift"}

    def share(self) -> Fraction:
        """The share that it takes off by itself, as it is said, also of goods of which no price is known: of
        X for Y the pieces that are given. 0 where it says none. ArithmeticError and its like for what is no
        share."""
        discount = (self._content or {}).get("discount") or {}
        if not isinstance(discount, Mapping):
            return Fraction(0)
        if (block := discount.get("buyXGetY")) is not None:
            pieces = Fraction(int(block["get"]), int(block["buy"]) + int(block["get"]))
            return pieces * Fraction(block.get("discountPercent") or "100") / 100
        said = discount.get("percent")
        return Fraction(said) / 100 if isinstance(said, str) else Fraction(0)

    def deepest(
        self,
        sku: str,
        price: Money,
        *,
        buyer: Buyer = EVERYBODY,
        was: Mapping[str, object] | None = None,
        known: bool = False,
    ) -> Fraction:
        """The most that a buyer gets off a price, as a part of it, at any time at which this promotion holds:
        by it alone, and with all that hold beside it where it makes the buyer pay less. `was`: what it is
        until now; where its change makes a buyer pay less, what he gets then counts as well, also where
        others take its place. `buyer`: who is asked that price. `known`: with those beside it that can be
        understood. NotComputable when one cannot."""
        currency, amount = price["currency"], minor(price["value"], price["currency"])
        if not amount:
            return Fraction(0)
        reach = self._held.reach(sku)
        if known:
            reach = self._held.known(reach, currency)
        others = {
            key: variants
            for key, variants in self._held.running(reach, currency).items()
            if key not in self._ended
        }
        mine = self._reaching(self._content, currency, buyer, sku=sku)
        former = self._reaching(was, currency, buyer, sku=sku)
        beside = reaching(others, buyer).values()
        most = self._alone(mine, amount)
        for had, has in ((None, mine), (former, mine)):
            if had == has:
                continue
            for stretch in stretches([*([(one, one) for one in some] for some in beside), [(has, had)]]):
                for pays in stretch.falls(amount, alone=had is not None):
                    most = max(most, Fraction(amount - pays - 1, amount))  # a cent may come from rounding
        return most

    def _reaching(
        self, content: Mapping[str, object] | None, currency: str, buyer: Buyer, *, sku: str
    ) -> Running | None:
        if content is None or sku.casefold() not in {*skus_of((self._key, content))}:
            return None
        one = running(self._key, content, currency, now=self._now, platform=self._held.platform)
        return reaching({"": (one,)}, buyer).get("", (None,))[0]

    @staticmethod
    def _alone(mine: Running | None, amount: int) -> Fraction:
        if mine is None:
            return Fraction(0)
        if mine.offer.kind == "percent":
            return Fraction(mine.offer.value, WHOLE)  # as it is said, not as it is rounded
        return Fraction(amount - lowest([mine.offer]).pays(amount), amount)
