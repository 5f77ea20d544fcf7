"""PRO rules about what promotions do to prices: floors, free goods, how promotions meet. Caller: `registry`.

They are judged over the whole calendar, boundary by boundary, in the worst case: every code used, every
audience.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from acorn_gitops.engines.pricing.calendar import Calendar, Dated, Listed, Low, calendar_of
from acorn_gitops.engines.pricing.floors import floor_of, respected
from acorn_gitops.engines.pricing.lowest import State
from acorn_gitops.engines.pricing.margin import Margins
from acorn_gitops.engines.pricing.offer import groups_hold, major
from acorn_gitops.model.window import utc_text
from acorn_gitops.resources.buyers import EVERYBODY
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import PromoData, SkuMappingData

SHOWN = 20
"""Of one promotion, so many listings are told."""
PAIRS = 3
"""Of one promotion, so many that it meets are told."""


class _Kind(NamedTuple):
    """What rules ask of a buyer's offers besides how low the price is: a deeper price of another kind hides
    no breach."""

    respect: frozenset[str]
    """Floors that hold then."""
    gift: bool
    """A promotion that says that it gives away takes part."""
    capped: frozenset[str]
    """Promotions with `maxTotalPercent` that take part."""


def _lows(context: Context) -> list[Low]:
    """For every listing its lowest price in each kind of time."""
    lows: list[Low] | None = context.shared.get("lows")
    if lows is None:
        promos = context.configuration.promos
        lows = context.shared["lows"] = (
            list(_calendar(context).lows(lambda state: _kind_of(state, promos), context.now))
            if promos
            else []
        )
    return lows


def _kind_of(state: State, promos: Mapping[str, Spec[PromoData]]) -> _Kind:
    respect = respected(promos[offer.name] for offer in state)
    capped = {o.name for o in state if promos[o.name].spec.get("maxTotalPercent") is not None}
    return _Kind(respect, any(_gift(promos[o.name]) for o in state), frozenset(capped))


def _gift(promo: Spec[PromoData]) -> bool:
    return (promo.spec.get("discount") or {}).get("gift") is True


def _calendar(context: Context) -> Calendar:
    return calendar_of(context.configuration)


def _culprit(context: Context, low: Low) -> Spec:
    """The promotion that takes most."""
    most = max((s for s in low.price.steps if s.taken), key=lambda s: s.taken, default=low.price.steps[0])
    return context.configuration.promos[most.offer.name]


def _listed(listed: Listed) -> str:
    """At which price, and whether it is somebody else's to set."""
    if listed.buyer != EVERYBODY:
        return f"{major(listed.price, listed.currency)}{listed.buyer.words}"
    ceded = "price" in ((listed.sku.lifecycle or {}).get("ceded") or {})
    return f"{'ceded down to' if ceded else 'listed'} {major(listed.price, listed.currency)}"


def _names(low: Low) -> str:
    return " and ".join(step.offer.name for step in low.price.steps if step.taken)


@rule(
    "PRO-030",
    "error",
    "No promotion takes a price below its floor",
    why="Below the floor every order loses money, and a marketplace does not stop there by itself.",
    mend="Take less off, exclude the SKU, or change its `pricePolicy`; `acorn price` shows every step.",
    source="Amazon adds the percentages of coupons and deals on one base",
)
def floors(context: Context) -> Iterator[Said]:
    """The lowest price over the calendar, all stackable promotions together, is at least pricePolicy.min; and
    at least pricePolicy.map unless every promotion says `floors.respect` without map."""
    promos = context.configuration.promos
    told: dict[str, int] = {}
    respected: dict[State, frozenset[str]] = {}
    below: dict[tuple[str, str], Low] = {}
    for low in _lows(context):
        listed = low.listed
        state = low.least.states[0]  # all of one kind
        respect = respected.get(state)
        if respect is None:
            respect = respected[state] = _kind_of(state, promos).respect
        floor = floor_of(listed.sku, listed.store, listed.currency, respect=respect)
        if floor is None or low.pays >= floor[0]:
            continue
        key = (listed.store, listed.key)
        if key not in below or low.pays < below[key].pays:
            below[key] = low
    for low in below.values():
        listed = low.listed
        floor = floor_of(listed.sku, listed.store, listed.currency, respect=respected[low.least.states[0]])
        assert floor is not None
        promo = _culprit(context, low)
        told[promo.name] = told.get(promo.name, 0) + 1
        if told[promo.name] > SHOWN:
            continue
        amount, words = floor
        yield breach(
            promo,
            ("spec", "discount"),
            (
                f"{listed.sku.spec['sku']} in {listed.store} falls to {major(low.pays, listed.currency)}"
                f" {listed.currency}, below its {words} {major(amount, listed.currency)}"
                f" ({_listed(listed)}, {_names(low)}, from {utc_text(low.interval.start)})"
            ),
            mend="take less off, exclude it by `skus.exclude`, or change pricePolicy",
        )
    for name, count in told.items():
        if count > SHOWN:
            yield breach(
                promos[name],
                (),
                f"and {count - SHOWN:,} more listings fall below their floors through {name}",
                mend="see `acorn price --store STORE --sku SKU`",
            )


@rule(
    "PRO-034",
    "error",
    "A floor that must be kept is there",
    why="A floor that nobody wrote is not zero: it is not known, and nothing can be held against it.",
    mend="Write `pricePolicy.min` for the store (`map`, or `minMarginPercent` with `attributes.cost`), or no longer ask for it.",
)
def floors_there(context: Context) -> Iterator[Said]:
    """Every SKU of a promotion that says `floors.respect` has what it says there; with `policies.floors:
    required` every active listing has `pricePolicy.min`, above zero. Where `minMarginPercent` is written, the
    margin can be computed: a cost, a tax rule and exchange rates are there."""
    config = context.configuration
    asks = {
        name: frozenset(said["respect"])
        for name, promo in config.promos.items()
        if (said := promo.spec.get("floors")) and said.get("respect")
    }
    required = config.policies.get("floors") == "required"
    margins = margins_of(context)
    yield from _unknown_margins(context, margins)
    if not asks and not required:
        return
    offers = _calendar(context).offers if asks else {}
    lacking: dict[tuple[str, str], list[str]] = {}
    for sku in config.skus:
        for index, entry in enumerate(sku.spec.get("listings") or ()):
            store = entry["store"]
            blank = dict(config.uncovered.get(sku.name, ())).get(store)
            if required and entry.get("status") != "inactive":
                yield from _floorless(sku, index, blank, margins=margins)
            for dated in offers.get((store, sku.spec["sku"]), ()):
                name = dated.promo.name
                asked = asks.get(name, frozenset())
                if blank and "min" in asked:
                    lacking.setdefault((name, "min"), []).append(
                        f"{sku.spec['sku']} in {store} (its part {blank})"
                    )
                    asked -= _MIN
                for part in _lacks(sku, store, asked, margins=margins):
                    lacking.setdefault((name, part), []).append(f"{sku.spec['sku']} in {store}")
    for (name, part), listings in sorted(lacking.items()):
        shown = ", ".join(listings[:3]) + (f" and {len(listings) - 3:,} more" if len(listings) > 3 else "")
        yield breach(
            config.promos[name],
            ("spec", "floors", "respect"),
            f"{name} must respect {_PARTS[part]}, and there is none for {shown}",
            mend=f"write pricePolicy.{_FIELD.get(part, part)} there, or exclude them by `skus.exclude`",
        )


def _floorless(
    sku: Spec[SkuMappingData], index: int, blank: str | None, *, margins: Margins
) -> Iterator[Said]:
    """A listing without a floor where each needs one; `blank`: the part of a set that has none."""
    store = sku.spec["listings"][index]["store"]
    if not blank and not _lacks(sku, store, _MIN, margins=margins):
        return
    why, whose = (
        (f", as its part {blank} has none", f" for {blank}, or for the set itself") if blank else ("", "")
    )
    yield breach(
        sku,
        ("spec", "listings", index),
        f"{sku.spec['sku']} has no floor in {store}{why}, and every listing needs one here",
        mend=f"write pricePolicy: {{min: {{{store}: AMOUNT}}}}{whose}",
    )


def _unknown_margins(context: Context, margins: Margins) -> Iterator[Said]:
    """SKUs whose policy asks for a margin that nobody can compute: without it any price would do."""
    config = context.configuration
    blind: dict[str, list[str]] = {}
    fronts = {
        s.name: s.spec["storefront"]["currency"] for s in config.stores.values() if s.spec.get("storefront")
    }
    for sku in config.skus:
        percent = (sku.spec.get("pricePolicy") or {}).get("minMarginPercent")
        if percent is None:
            continue
        if (sku.spec.get("attributes") or {}).get("cost") is None:
            yield breach(
                sku,
                ("spec", "pricePolicy", "minMarginPercent"),
                f"{sku.spec['sku']} must leave {percent} %, and its cost is not known",
                mend="write attributes.cost, or take minMarginPercent out on purpose",
            )
            continue
        judge = margins.enough(sku, percent)
        for entry in sku.spec.get("listings") or ():
            store = entry["store"]
            if store in fronts and judge(store, fronts[store], 1) is None:
                blind.setdefault(store, []).append(sku.spec["sku"])
    for store, skus in sorted(blind.items()):
        more = f" and {len(skus) - 3:,} more" if len(skus) > 3 else ""
        yield breach(
            config.stores[store],
            (),
            (
                f"the margin of {', '.join(skus[:3])}{more} in {store} is not known: a tax rule for consumers there, an exchange"
                " rate for the cost, or a recorded fee that holds today is missing"
            ),
            mend=(
                f"add a TaxRule, `exchangeRates` in acorn.yaml, or a row in facts/fees.csv; `acorn tax --store {store} --to COUNTRY` shows"
                " what is missing of taxes"
            ),
        )


_MIN = frozenset({"min"})
_PARTS = {
    "min": "the floor",
    "map": "the minimum advertised price",
    "margin": "the margin (minMarginPercent, attributes.cost, a tax rule and exchange rates)",
}
_FIELD = {"margin": "minMarginPercent"}


def _lacks(sku: Spec[SkuMappingData], store: str, parts: frozenset[str], margins: Margins) -> list[str]:
    policy = sku.spec.get("pricePolicy") or {}
    bounds = (("map", policy.get("map")), ("min", policy.get("min")))
    missing = (part for part, bound in bounds if not Decimal((bound or {}).get(store) or 0))
    lacking: list[str] = [part for part in missing if part in parts]
    if "margin" in parts:
        front = margins.configuration.stores[store].spec["storefront"]
        if margins.least(sku, store, front["currency"]) is None:
            lacking.append("margin")
    return lacking


def margins_of(context: Context) -> Margins:
    """The margins of the configuration, computed once for all rules."""
    margins: Margins = context.shared.setdefault("margins", Margins(context.configuration, context.today))
    return margins


def group_helps(context: Context, store: str, names: Iterable[str]) -> bool:
    """Whether promotions would not meet if they were in one group: whether the store's platform keeps
    groups."""
    config = context.configuration
    front = config.stores[store].spec["storefront"]
    return groups_hold(front["platform"], (config.promos[name].spec for name in names))


def _group_helps(context: Context, low: Low) -> bool:
    return group_helps(context, low.listed.store, [offer.name for offer in low.offers])


@rule(
    "PRO-031",
    "error",
    "Nothing becomes free by accident",
    why="Stacked discounts of 100 % give goods away.",
    mend="Put the promotions into one `stacking.group`, take less off, or say `discount.gift: true` where it is meant.",
)
def free(context: Context) -> Iterator[Said]:
    """No listing's price falls to zero, unless a promotion that takes part says `discount.gift: true`."""
    told: set[str] = set()
    for low in _lows(context):
        if low.pays or not low.listed.price:
            continue
        if any(_gift(context.configuration.promos[offer.name]) for offer in low.offers):
            continue
        promo = _culprit(context, low)
        if promo.name in told:
            continue
        told.add(promo.name)
        yield breach(
            promo,
            ("spec", "discount"),
            f"{low.listed.sku.spec['sku']} in {low.listed.store} becomes free through {_names(low)}",
            mend="take less off, "
            + ("put them into one stacking.group, " if _group_helps(context, low) else "")
            + "or say `gift: true` in the discount",
        )


@rule(
    "PRO-022",
    "error",
    "Stacked promotions take no more than was agreed",
    why="Each promotion was approved alone; together they may take twice as much.",
    mend="Put them into one `stacking.group`, or move a window.",
)
def total(context: Context) -> Iterator[Said]:
    """Where a promotion with `maxTotalPercent` takes part, all together take at most that share of the list
    price."""
    promos = context.configuration.promos
    capped = {name for name, promo in promos.items() if promo.spec.get("maxTotalPercent") is not None}
    told: set[str] = set()
    if not capped:
        return
    for low in _lows(context):
        for offer in low.offers:
            name = offer.name
            if name not in capped or name in told or not low.listed.price:
                continue
            cap = Decimal(promos[name].spec["maxTotalPercent"])
            off = Decimal(low.listed.price - low.pays)
            share = off * 100 / low.listed.price
            # Each discount is rounded half up: together they may pass the share by half a cent each.
            over = off - low.listed.price * cap / 100
            if over * 2 > len(low.offers) and any(
                step.taken for step in low.price.steps if step.offer is offer
            ):
                told.add(name)
                yield breach(
                    promos[name],
                    ("spec", "maxTotalPercent"),
                    f"{low.listed.sku.spec['sku']} in {low.listed.store} loses {share:.1f} % through {_names(low)}, more than {cap} %",
                    mend="put them into one stacking.group, or move a window"
                    if _group_helps(context, low)
                    else "move a window, or take less off",
                )


@rule(
    "PRO-020",
    "warning",
    "Promotions that overlap say how they meet",
    why="Two campaigns that nobody planned together stack by accident.",
    mend="Put both into one `stacking.group`, or say `stacking.mode` in both.",
)
def overlaps(context: Context) -> Iterator[Said]:
    """Two promotions of one tier, on one SKU in one store, at one time, are in one stacking.group or say a
    mode."""
    if len(context.configuration.promos) < 2:
        return
    told: set[tuple[str, str]] = set()
    count: Counter[str] = Counter()
    seen: set[tuple[int, ...]] = set()
    for (store, sku), dated in _calendar(context).offers.items():
        alike = tuple(map(id, dated))
        if len(dated) < 2 or alike in seen:
            continue  # told of another SKU already
        seen.add(alike)
        for index, one in enumerate(dated):
            for other in dated[index + 1 :]:
                # By name, not by the order of files: a waiver is for one of the two.
                first, second = sorted((one, other), key=lambda d: d.promo.name)
                pair = (first.promo.name, second.promo.name)
                if pair in told or one.offer.tier != other.offer.tier:
                    continue
                if one.end <= other.start or other.end <= one.start:
                    continue
                if one.offer.group and one.offer.group == other.offer.group:
                    continue
                if all((d.promo.spec.get("stacking") or {}).get("mode") for d in (one, other)):
                    continue
                if {one.audience, other.audience} == {"b2b", "prime"}:
                    continue  # nobody is both
                told.add(pair)
                count[first.promo.name] += 1
                if count[first.promo.name] > PAIRS:
                    continue
                sales = one.offer.kind == other.offer.kind == "sale"
                how = "the lower sale price holds" if sales else "they stack"
                yield breach(
                    first.promo,
                    ("spec", "stacking"),
                    f"{pair[0]} and {pair[1]} meet on {sku} in {store} from {utc_text(max(one.start, other.start))}, and {how}",
                    mend="give both one stacking.group (the better one holds), or say `stacking.mode`"
                    if group_helps(context, store, pair)
                    else "say `stacking.mode` in both where that is meant (this platform keeps no groups),"
                    " or move a window",
                )
    for name, pairs in sorted(count.items()):
        if pairs > PAIRS:
            yield breach(
                context.configuration.promos[name],
                ("spec", "stacking"),
                f"and {pairs - PAIRS:,} more promotions meet {name}",
                mend="`acorn calendar` shows when",
            )


@rule(
    "PRO-023",
    "warning",
    "One code means one promotion at a time",
    why="A shop takes one of two promotions under a code, or gives both: nobody chose which.",
    mend="Give one of them another code, or let one end before the other begins.",
)
def codes(context: Context) -> Iterator[Said]:
    """In each store, of promotions that hold at one time, no two have one `code` in any letter case."""
    by_code: dict[tuple[str, str], list[Dated]] = {}
    for store, dated in _calendar(context).promotions:
        code = dated.promo.spec.get("code")
        if code and dated.end > context.now:
            by_code.setdefault((store, code.casefold()), []).append(dated)
    told: set[tuple[str, str]] = set()
    for (store, _), alike in sorted(by_code.items(), key=lambda found: found[0]):
        ordered = sorted(alike, key=lambda d: (d.start, d.promo.name))
        one = ordered[0]
        for other in ordered[1:]:
            late = other.promo
            if other.start < one.end and (one.promo.name, late.name) not in told:
                told.add((one.promo.name, late.name))
                yield breach(
                    late,
                    ("spec", "code"),
                    f"{one.promo.name} and {late.name} hold at one time in {store} under the code {late.spec['code']}",
                    mend="give one of them another code",
                )
            if other.end > one.end:
                one = other
