"""PRO rules about money: margins, spreads, budgets, committed quantities. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from acorn_gitops.engines.pricing.calendar import Listed, Low
from acorn_gitops.engines.pricing.lowest import lowest
from acorn_gitops.engines.pricing.margin import Margins
from acorn_gitops.engines.pricing.offer import major
from acorn_gitops.engines.sales import turning_points
from acorn_gitops.model.money import quantum
from acorn_gitops.model.reference import coupon_fee
from acorn_gitops.model.window import utc_text
from acorn_gitops.resources.buyers import EVERYBODY
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.families.promo.price import _calendar, _culprit, _lows, _names, margins_of
from acorn_gitops.rules.families.sku.stock import inventory_of
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import PromoData, SkuMappingData


def _policed(context: Context, field: str) -> list[Any]:
    """SKUs whose price policy says a field."""
    return [s for s in context.configuration.skus if (s.spec.get("pricePolicy") or {}).get(field) is not None]


@rule(
    "PRO-032",
    "error",
    "What is left of a price is enough",
    why="A campaign that sells everything at a loss is a success nobody survives.",
    mend="Raise the price, take less off, or lower `minMarginPercent` on purpose.",
)
def margin(context: Context) -> Iterator[Said]:
    """For SKUs with `attributes.cost` and `pricePolicy.minMarginPercent`: the margin of the list price, and
    of the lowest price over the calendar, without tax and without the fees that are recorded in
    `facts/fees.csv`; of promotions with the rates and fees of their days. Where the margin cannot be
    computed, PRO-034 says so."""
    config, margins = context.configuration, margins_of(context)
    policed = {id(sku) for sku in _policed(context, "minMarginPercent")}
    if not policed:
        return
    lows: dict[tuple[str, str], Low] = {}
    for one in _lows(context):
        at = (one.listed.store, one.listed.key)
        if at not in lows or one.pays < lows[at].pays:
            lows[at] = one
    calendar = _calendar(context)
    told: set[tuple[str, str]] = set()
    for sku in config.skus:
        if id(sku) not in policed or (sku.spec.get("attributes") or {}).get("cost") is None:
            continue
        least = sku.spec["pricePolicy"]["minMarginPercent"]
        judge = margins.enough(sku, least)
        asked = [
            (store, key, currency, price, EVERYBODY) for store, key, currency, price in calendar.least_of(sku)
        ]
        asked += [(b.store, b.key, b.currency, b.price, b.buyer) for b in calendar.of_businesses(sku)]
        for store, key, currency, price, buyer in asked:
            low = lows.get((store, key))
            pays = low.pays if low is not None and low.pays < price else price
            if (store, key) in told:
                continue
            enough = judge(store, currency, pays)
            if enough is False:
                left = _left(margins, sku, store, currency=currency, pays=pays, least=least)
                reduced = low is not None and low.pays < price
                culprit = _culprit(context, low) if low is not None and reduced else None
                why = (
                    f" through {_names(low)} from {utc_text(low.interval.start)}"
                    if low is not None and reduced
                    else ""
                )
                told.add((store, key))
                yield breach(
                    culprit or sku,
                    ("spec", "discount") if culprit else ("spec", "pricePolicy", "minMarginPercent"),
                    (
                        f"{sku.spec['sku']} in {store} leaves {left} % at {major(pays, currency)} {currency}{buyer.words}{why};"
                        f" its policy is {least} %"
                    ),
                    mend="`acorn view prices` shows every listing",
                )
    yield from _under_later_rates(context, policed, told)


def _left(
    margins: Margins, sku: Spec[SkuMappingData], store: str, *, currency: str, pays: int, least: str
) -> Decimal | None:
    """What a price leaves in percent, with as many decimals as show that it is less than asked."""
    for places in (1, 2, 4, 8):
        left = margins.percent(sku, store, Decimal(pays) * quantum(currency), currency, places=places)
        if left is None or left < Decimal(least):
            break
    return left


def _under_later_rates(context: Context, policed: set[int], told: set[tuple[str, str]]) -> Iterator[Said]:
    """Promotions that leave too little once a tax rule or a fee begins or ends that is known today. What a
    listing costs without promotions can be changed until then."""
    config, calendar = context.configuration, _calendar(context)
    last = max((one.end for dated in calendar.offers.values() for one in dated), default=None)
    days = [] if last is None else _later_days(context, last.date().isoformat())
    for day, following in pairwise([*days, None]):
        assert day is not None
        margins = Margins(config, day)
        for low in calendar.lows(
            since=_midnight(day), until=None if following is None else _midnight(following)
        ):
            sku, store = low.listed.sku, low.listed.store
            priced = (sku.spec.get("attributes") or {}).get("cost") is not None
            if id(sku) not in policed or not priced or (store, low.listed.key) in told:
                continue
            least, currency = sku.spec["pricePolicy"]["minMarginPercent"], low.listed.currency
            if margins.enough(sku, least)(store, currency, low.pays) is not False:
                continue
            told.add((store, low.listed.key))
            left = _left(margins, sku, store, currency=currency, pays=low.pays, least=least)
            yield breach(
                _culprit(context, low),
                ("spec", "discount"),
                f"{sku.spec['sku']} in {store} leaves {left} % at {major(low.pays, currency)} {currency} through {_names(low)}"
                f" under the tax rules and fees of {day}; its policy is {least} %",
                mend="take less off, or end it before that day",
            )


def _later_days(context: Context, until: str) -> list[str]:
    """Days after today on which a tax rule or a recorded fee begins or ends."""
    config, today = context.configuration, context.today
    fees = (day for row in config.facts.rows("fees") for day in (row["from"], row.cells.get("to")))
    days = {*turning_points(config, today, until), *(day for day in fees if day and today < day <= until)}
    return sorted(days)


def _midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


@rule(
    "PRO-033",
    "error",
    "One SKU costs much the same everywhere",
    why="Buyers and dealers compare across borders; the cheapest store serves all of them.",
    mend="Bring the prices together, or widen `spreadMaxPercent` on purpose.",
)
def spread(context: Context) -> Iterator[Said]:
    """For SKUs with `pricePolicy.spreadMaxPercent`: the dearest price without tax is at most so much above
    the cheapest, in one currency by `exchangeRates`. Stores whose tax or rate is not known are left out.
    Where promotions for everybody take prices further apart for a day or longer (the same window in two time
    zones is not meant), that is a warning."""
    calendar = _calendar(context)
    for sku in _policed(context, "spreadMaxPercent"):
        code, most = sku.spec["sku"], Decimal(sku.spec["pricePolicy"]["spreadMaxPercent"])
        listings = list(calendar.listings_of(sku))
        found = _apart(context, sku, [(one, one.price) for one in listings])
        if found is not None and found.percent > most:
            yield breach(
                sku,
                ("spec", "pricePolicy", "spreadMaxPercent"),
                f"{code} {found.words}; its policy is {most} %",
                mend="bring them together",
            )
            continue
        worst = max(_promoted(context, sku, listings), key=lambda t: t[0].percent, default=None)
        if worst is not None and worst[0].percent > most:
            wide, start, promo = worst
            yield breach(
                promo,
                ("spec", "stores"),
                f"from {utc_text(start)} {code} {wide.words}; its policy is {most} %",
                mend="promote it in all stores at once, or widen `spreadMaxPercent`",
                severity="warning",
            )


class _Apart(NamedTuple):
    """How far the prices of one SKU are apart."""

    percent: Decimal
    words: str


def _apart(
    context: Context, sku: Spec[SkuMappingData], prices: Iterable[tuple[Listed, int]]
) -> _Apart | None:
    """Of prices in minor units, without tax and in the base currency; None where fewer than two are known."""
    margins = margins_of(context)
    base = context.configuration.settings.get("baseCurrency") or "EUR"
    nets: list[tuple[Decimal, str]] = []
    for listed, pays in prices:
        net = margins.net(sku, listed.store, Decimal(pays) * quantum(listed.currency), listed.currency)
        amount = margins.exchange(net.amount, net.currency, base) if net is not None else None
        if amount:
            nets.append((amount, listed.store))
    if len(nets) < 2:
        return None
    (low, cheap), (high, dear) = min(nets), max(nets)
    percent = (high - low) * 100 / low
    there, here = (str(n.quantize(Decimal("0.01"), ROUND_HALF_UP)) for n in (high, low))
    return _Apart(
        percent, f"costs {there} {base} without tax in {dear} and {here} in {cheap}, {percent:.1f} % apart"
    )


def _promoted(
    context: Context, sku: Spec[SkuMappingData], listings: Sequence[Listed]
) -> Iterator[tuple[_Apart, datetime, Spec[PromoData]]]:
    """Every time of a day or longer in which promotions for everybody hold: how far prices are apart, and one
    of them."""
    calendar = _calendar(context)
    offers = {
        store: [d for d in dated if d.audience == "all" and not d.offer.condition]
        for store in {one.store for one in listings}
        if (dated := calendar.offers.get((store, sku.spec["sku"])))
    }
    edges = sorted({edge for dated in offers.values() for d in dated for edge in (d.start, d.end)})
    for start, end in pairwise(edges):
        if end <= context.now or end - start < _LONG:
            continue
        now = {store: [d for d in dated if d.start <= start < d.end] for store, dated in offers.items()}
        promo = next((d.promo for dated in now.values() for d in dated), None)
        pays = [
            (one, calendar.least(tuple(d.offer for d in now.get(one.store, ()))).pays(one.price))
            for one in listings
        ]
        found = _apart(context, sku, pays)
        if promo is not None and found is not None:
            yield found, start, promo


_LONG: Final = timedelta(days=1)


@rule(
    "PRO-050",
    "warning",
    "What is committed to a deal is there",
    why="A deal that sells out in an hour is paid for and remembered for what was missing.",
    mend="Lower `limits.quantity`, or move stock before the deal begins.",
)
def committed(context: Context) -> Iterator[Said]:
    """By recorded stock (facts: stock): `limits.quantity` of a promotion in each of its stores, with those of
    others that hold at the same time on the same SKUs and stores, is at most what these may promise."""
    config = context.configuration
    if not config.facts.has("stock"):
        return
    for promo in config.promos.values():
        quantity = (promo.spec.get("limits") or {}).get("quantity")
        if not quantity:
            continue
        mine, beside = set[tuple[str, str]](), dict[str, tuple[int, set[str]]]()
        for key, dated in _calendar(context).offers.items():
            here = next((d for d in dated if d.promo is promo), None)
            if here is None:
                continue
            mine.add(key)
            for other in dated:
                also = (other.promo.spec.get("limits") or {}).get("quantity")
                if also and other.promo is not promo and other.start < here.end and here.start < other.end:
                    beside.setdefault(other.promo.name, (also, set()))[1].add(key[0])
        there = 0
        for sku in sorted({sku for _, sku in mine}):
            allotment = inventory_of(context).allotment(sku)
            if allotment is not None:
                stores = [n for s, n in allotment.stores.items() if (s, sku) in mine]
                there += max(stores, default=0) if allotment.mode == "shared" else sum(stores)
        # Each store is given the whole limit, and knows nothing of the others.
        stores_of = {store for store, _ in mine}
        others = {name: pieces * len(where) for name, (pieces, where) in beside.items()}
        if there < quantity * len(stores_of) + sum(others.values()):
            more = "".join(f", {name} {pieces:,}" for name, pieces in sorted(others.items()))
            each = f" in each of {len(stores_of)} stores" if len(stores_of) > 1 else ""
            yield breach(
                promo,
                ("spec", "limits", "quantity"),
                f"{promo.name} commits {quantity:,} pieces{each}{more}, and {there:,} may be promised",
                mend="`acorn view inventory` shows them",
            )


@rule(
    "PRO-051",
    "warning",
    "The budget pays for the coupons that are expected",
    why="At four fifths of the budget Amazon takes the coupon down, in the middle of the campaign.",
    mend="Raise `limits.budget`, or lower `limits.redemptions`.",
    source="Seller Central: coupons end at 80 % of the budget; fees by currency are dated data",
)
def budget(context: Context) -> Iterator[Said]:
    """A coupon with redemptions and a budget: the budget is at least redemptions times the largest discount,
    and the marketplace's fee on the day on which it begins (docs/reference-data.md)."""
    config = context.configuration
    specs = {s.spec["sku"]: s for s in config.skus} if config.promos else {}
    for promo in config.promos.values():
        limits = promo.spec.get("limits") or {}
        money, times = limits.get("budget"), limits.get("redemptions")
        if promo.spec["type"] != "coupon" or not money or not times:
            continue
        deepest = dearest = Decimal(0)
        for (store, sku), dated in _calendar(context).offers.items():
            mine = [d.offer for d in dated if d.promo is promo]
            if not mine or config.stores[store].spec["storefront"]["currency"] != money["currency"]:
                continue
            for listed in _calendar(context).listings_of(specs[sku], store):
                pays = lowest(mine).pays(listed.price)
                deepest = max(deepest, Decimal(listed.price - pays) * quantum(listed.currency))
                dearest = max(dearest, Decimal(pays) * quantum(listed.currency))
        day = promo.spec["window"]["start"]["local"][:10]
        fee = (
            coupon_fee(money["currency"], day).of(times, dearest * times).quantize(quantum(money["currency"]))
        )
        needs = deepest * times + fee
        if deepest and Decimal(money["value"]) < needs:
            yield breach(
                promo,
                ("spec", "limits", "budget"),
                (
                    f"{times:,} redemptions of {promo.name} may cost {needs} {money['currency']} ({deepest} off each, and {fee} in fees), and"
                    f" its budget is {money['value']}"
                ),
                mend="raise the budget, or expect fewer",
            )


@rule(
    "PRO-052",
    "error",
    "A coupon has a budget",
    why="Without one it ends when the money does.",
    mend="Add `limits.budget`.",
    source="Seller Central: coupons",
)
def coupon_budget(context: Context) -> Iterator[Said]:
    """A promotion of type coupon in an Amazon store says `limits.budget`."""
    config = context.configuration
    for promo in config.promos.values():
        if promo.spec["type"] != "coupon" or (promo.spec.get("limits") or {}).get("budget"):
            continue
        stores = {store for store, dated in _calendar(context).promotions if dated.promo is promo}
        amazon = sorted(s for s in stores if config.stores[s].spec["storefront"]["platform"] == "amazon")
        if amazon:
            yield breach(
                promo,
                ("spec", "limits"),
                f"the coupon {promo.name} has no budget in {', '.join(amazon[:4])}",
                mend=f"add limits: {{budget: {{currency: {config.stores[amazon[0]].spec['storefront']['currency']}, value: AMOUNT}}}}",
            )


@rule(
    "PRO-005",
    "error",
    "A quantity tier says from how many pieces",
    why="Without a number nobody knows what one piece costs.",
    mend="Write `minimumQuantity`, e.g. 3.",
)
def tiers(context: Context) -> Iterator[Said]:
    """A promotion of type quantityTier has `minimumQuantity`."""
    for promo in context.configuration.promos.values():
        if promo.spec["type"] == "quantityTier" and promo.spec.get("minimumQuantity") is None:
            yield breach(
                promo,
                ("spec", "type"),
                f"{promo.name} does not say from how many pieces on it holds",
                mend="write minimumQuantity: NUMBER",
            )


@rule(
    "PRO-024",
    "error",
    "A promotion code has a code",
    why="Without one everybody has the discount, or nobody.",
    mend="Write `code`, or choose another type.",
)
def without_code(context: Context) -> Iterator[Said]:
    """A promotion of type promoCode has `code`."""
    for promo in context.configuration.promos.values():
        if promo.spec["type"] == "promoCode" and not promo.spec.get("code"):
            yield breach(
                promo,
                ("spec", "type"),
                f"{promo.name} is a promotion code without a code",
                mend="write code: CODE",
            )
