"""What is left of a price. Comes in: a configuration, a listing, a price. Goes out: the price without tax,
and the margin over the landed cost. Callers: rules, cli plan and views.

Margin = (price without tax - fees - cost) / price without tax. The tax is that of a sale to a consumer in
the store's country, from where the SKU's stock lies; of several such places the one with the highest rate
counts. Where the marketplace owes the tax it is in the price all the same, and goes to the marketplace.
Fees of the marketplace are those that were recorded (`engines.pricing.fees`); where nothing of the kind is
recorded for a store, none. Where tax, cost, an exchange rate or a recorded fee of today is not known, the
answer is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import TYPE_CHECKING, Final, NamedTuple

from acorn_gitops.engines.pricing.exchange import exchanged
from acorn_gitops.engines.pricing.fees import Fees, RecordedFees
from acorn_gitops.engines.pricing.offer import minor as _minor
from acorn_gitops.engines.sales import places_of, shipping_places, values_of
from acorn_gitops.engines.tax import Supply, country_of, decide
from acorn_gitops.model.money import quantum
from acorn_gitops.model.territory import rates_at
from acorn_gitops.specs.configuration import Configuration, Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import SkuMappingData

_UNTAXED = frozenset({"US", "CA"})
"""Where prices are shown without tax unless the store says otherwise."""


def least_prices(configuration: Configuration, today: str) -> Callable[[str, str], Net | None]:
    """(store, seller SKU): the lowest price that leaves the margin of its policy. Gathered when it is first
    asked."""
    margins = Margins(configuration, today)
    policed: dict[tuple[str, str], Spec[SkuMappingData]] | None = None

    def ask(store: str, key: str) -> Net | None:
        nonlocal policed
        if policed is None:
            policed = {
                (entry["store"], entry.get("sellerSku") or spec.spec["sku"]): spec
                for spec in configuration.skus
                if (spec.spec.get("pricePolicy") or {}).get("minMarginPercent") is not None
                for entry in spec.spec.get("listings") or ()
            }
        spec = policed.get((store, key))
        if spec is None:
            return None
        return margins.least(spec, store, configuration.stores[store].spec["storefront"]["currency"])

    return ask


Origins = tuple[str, ...]
"""Territories from where goods leave, sorted."""


class _Bound(NamedTuple):
    """A price leaves enough only if `price * self.price >= cost * self.cost + self.fees`; price and cost in
    minor units."""

    price: int
    cost: int
    fees: int


Bounds = tuple[_Bound, ...]

OUT_OF_REACH: Final = 10**12
"""Minor units: a price that nobody takes."""


class Net(NamedTuple):
    """An amount in a currency."""

    amount: Decimal
    currency: str


@dataclass
class Margins:
    """Prices of a configuration on a day (ISO text)."""

    configuration: Configuration
    today: str
    _rates: dict[tuple[str, str, Origins], Decimal | None] = field(default_factory=dict)
    _profiles: dict[tuple[str, tuple[str, ...], str, str], dict[str, Bounds | None]] = field(
        default_factory=dict
    )
    """What SKUs that are taxed, kept and bought alike have in common, by store; where fees are recorded,
    nothing is shared."""
    _sources: dict[tuple[str, ...], Origins] = field(default_factory=dict)
    _fees: RecordedFees = field(init=False)
    _bounds: dict[tuple[str, str, Origins, str, str, str, Fees, Decimal], Bounds | None] = field(
        default_factory=dict
    )
    _added: dict[tuple[str, str, Origins], Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._fees = RecordedFees(self.configuration, self.today)

    @cached_property
    def _where(self) -> dict[str, str]:
        return shipping_places(self.configuration)

    @cached_property
    def _places(self) -> dict[str, set[str]]:
        return places_of(self.configuration)

    def _origins(self, spec: Spec[SkuMappingData], store: str) -> Origins:
        """Where a SKU's stock lies; where all of the store's does when the SKU says nothing (a set of other
        SKUs). Empty: not known."""
        sources = (spec.spec.get("inventory") or {}).get("sources") or ()
        names = tuple(s["location"] for s in sources)
        found = self._sources.get(names)
        if found is None:
            found = self._sources[names] = tuple(sorted({self._where[n] for n in names if n in self._where}))
        return found or tuple(sorted(self._places.get(store, ())))

    def net(self, spec: Spec[SkuMappingData], store: str, price: Decimal, currency: str) -> Net | None:
        """A listed price without the tax of a sale to a consumer at home; None where that tax is not
        known."""
        tax_class = (spec.spec.get("attributes") or {}).get("taxClass") or ""
        rate = self._rate(store, tax_class, self._origins(spec, store))
        return None if rate is None else Net(price / (1 + rate / 100), currency)

    def percent(
        self, spec: Spec[SkuMappingData], store: str, price: Decimal, currency: str, *, places: int = 1
    ) -> Decimal | None:
        """The margin of a price in percent of what is left without tax, with so many decimals."""
        cost = (spec.spec.get("attributes") or {}).get("cost")
        net = self.net(spec, store, price, currency)
        if cost is None or net is None or net.amount <= 0:
            return None
        paid = self.exchange(Decimal(cost["value"]), cost["currency"], currency)
        fees = self._fees.of(spec, store, currency)
        if paid is None or fees is None:
            return None
        unit = quantum(currency)
        on_top = self._on_top(spec, store)
        if on_top is None:
            return None
        buyer = price * (1 + on_top / 100)
        kept = fees.of(int((buyer / unit).to_integral_value(ROUND_HALF_UP))) * Fraction(unit)
        paid += Decimal(kept.numerator) / Decimal(kept.denominator)
        return ((net.amount - paid) * 100 / net.amount).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)

    def enough(self, spec: Spec[SkuMappingData], least: str) -> Callable[[str, str, int], bool | None]:
        """(store, currency, price in minor units): whether it leaves at least so many percent. As `percent`,
        exactly and without fractions: for sweeps over a catalogue. None where something is not known."""
        facts = spec.spec["attributes"]
        cost = facts["cost"]
        sources = (spec.spec.get("inventory") or {}).get("sources") or ()
        profile = (
            facts.get("taxClass") or "",
            tuple([s["location"] for s in sources]),
            cost["currency"],
            least,
        )
        bounds = {} if self._fees.any else self._profiles.setdefault(profile, {})
        paid = _minor(cost["value"], cost["currency"])

        def ask(store: str, currency: str, price: int) -> bool | None:
            if store not in bounds:
                bounds[store] = self._bounds_of(spec, store, currency, least)
            found = bounds[store]
            if found is None:
                return None
            return all(price * times >= paid * of_cost + fees for times, of_cost, fees in found)

        return ask

    def least(self, spec: Spec[SkuMappingData], store: str, currency: str) -> Net | None:
        """The lowest price that leaves the margin of the SKU's policy; None without such a policy, or where
        something is not known. `OUT_OF_REACH` where no price does: fees and tax take more than the margin
        leaves."""
        percent = (spec.spec.get("pricePolicy") or {}).get("minMarginPercent")
        facts = spec.spec.get("attributes") or {}
        cost = facts.get("cost")
        if percent is None or cost is None:
            return None
        bounds = self._bounds_of(spec, store, currency, percent)
        if bounds is None:
            return None
        paid = _minor(cost["value"], cost["currency"])
        prices = [-(-(paid * b.cost + b.fees) // b.price) if b.price > 0 else OUT_OF_REACH for b in bounds]
        return Net(Decimal(max(prices)) * quantum(currency), currency)

    def _bounds_of(self, spec: Spec[SkuMappingData], store: str, currency: str, least: str) -> Bounds | None:
        """What a price must reach. Kept: a catalogue has few of them."""
        facts = spec.spec["attributes"]
        fees = self._fees.of(spec, store, currency)
        if fees is None:
            return None
        origins = self._origins(spec, store)
        on_top = self._on_top(spec, store)
        if on_top is None:
            return None
        key = (
            store,
            facts.get("taxClass") or "",
            origins,
            facts["cost"]["currency"],
            currency,
            least,
            fees,
            on_top,
        )
        if key not in self._bounds:
            self._bounds[key] = self._computed(*key)
        return self._bounds[key]

    def _computed(
        self,
        store: str,
        tax_class: str,
        origins: Origins,
        paid_in: str,
        currency: str,
        least: str,
        fees: Fees,
        on_top: Decimal,
    ) -> Bounds | None:
        rate = self._rate(store, tax_class, origins)
        exchanged = self.exchange(Decimal(1), paid_in, currency)
        kept = 1 - Fraction(Decimal(least)) / 100
        if rate is None or exchanged is None or not kept:
            return None
        # Enough is left when price / (1 + tax) * kept - share * what the buyer pays >= cost + fees.
        paid_by_buyer = 1 + Fraction(on_top) / 100
        scale = Fraction(quantum(paid_in)) / Fraction(quantum(currency))
        times = (1 + Fraction(rate) / 100) / kept
        found = []
        for share, fixed in fees.bounds():
            exact = 1 - share * paid_by_buyer * times, Fraction(exchanged) * scale * times, fixed * times
            common = lcm(*(part.denominator for part in exact))
            found.append(_Bound(*(int(part * common) for part in exact)))
        return tuple(found)

    def exchange(self, amount: Decimal, source: str, target: str) -> Decimal | None:
        """By the dated rates of acorn.yaml, in either direction; None where there is none."""
        return exchanged(self.configuration, amount, source, target=target)

    def _on_top(self, spec: Spec[SkuMappingData], store: str) -> Decimal | None:
        """Percent of tax that a buyer pays beside a listed price, and of which marketplaces take their fee,
        too: none where prices contain it, or where marketplaces leave it out (the untaxed prices of
        America). Where it is not known, the standard rate at home: no margin is thought larger than it is.
        None where there are fees and nobody says where home is."""
        front = self.configuration.stores[store].spec["storefront"]
        home = country_of(front)
        if front.get("pricesIncludeTax") is not False or home in _UNTAXED or not self._fees.any:
            return Decimal(0)
        if home is None:
            return None
        tax_class = (spec.spec.get("attributes") or {}).get("taxClass") or ""
        key = (store, tax_class, self._origins(spec, store))
        if key not in self._added:
            found = self._tax_at_home(store, home, tax_class, key[2])
            standard = rates_at(home, "standard", self.today)
            self._added[key] = found if found is not None else max(map(Decimal, standard), default=Decimal(0))
        return self._added[key]

    def _rate(self, store: str, tax_class: str, origins: Origins) -> Decimal | None:
        key = (store, tax_class, origins)
        if key not in self._rates:
            self._rates[key] = self._asked(*key)
        return self._rates[key]

    def _asked(self, store: str, tax_class: str, origins: Origins) -> Decimal | None:
        front = self.configuration.stores[store].spec["storefront"]
        home = country_of(front)
        included = front.get("pricesIncludeTax")
        if included is False or (included is None and home in _UNTAXED):
            return Decimal(0)
        if home is None:
            return None
        return self._tax_at_home(store, home, tax_class, origins)

    def _tax_at_home(self, store: str, home: str, tax_class: str, origins: Origins) -> Decimal | None:
        """The highest tax of a sale to a consumer at home, in percent; None where one is not known."""
        found: list[Decimal] = []
        for origin in origins or (home,):
            for value in values_of(self.configuration.taxes.values(), origin, home):
                supply = Supply(
                    store,
                    origin,
                    home,
                    customer="b2c",
                    vat_id="absent",
                    date=self.today,
                    tax_class=tax_class,
                    value=value,
                )
                rate = self._included(supply)
                if rate is None:
                    return None
                found.append(rate)
        return max(found)

    def _included(self, supply: Supply) -> Decimal | None:
        """The tax that a price for consumers holds, in percent; None where it is not known."""
        decision = decide(self.configuration, supply)
        if decision.winner is None or decision.problem:
            return None
        if decision.percent is not None:
            return Decimal(decision.percent)
        result = decision.winner.spec["result"]
        if result["liableParty"] == "marketplace":
            # The marketplace takes the tax out of what the buyer pays: at the country's standard rate, so
            # that no margin is thought larger than it is.
            rates = rates_at(supply.ship_to, "standard", supply.date)
            return Decimal(rates[0]) if len(rates) == 1 else None
        return Decimal(0) if result["treatment"] in ("zero", "exempt", "outOfScope", "export") else None
