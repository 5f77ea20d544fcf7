"""PRO rules about how a promotion is carried, approved and combined. Caller: `registry`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from acorn_gitops.engines.access import one_spelling
from acorn_gitops.engines.pricing.calendar import Dated, calendar_of
from acorn_gitops.engines.pricing.lowest import EXCLUSIVE
from acorn_gitops.model.reference import amazon_marketplaces, sale_zone
from acorn_gitops.model.window import NoSuchZone, begin_of, utc_text, zone
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.families.promo.price import _calendar, group_helps
from acorn_gitops.rules.lines import leaves
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import PromoData, StorefrontData

DAYS_ONLY: Final = frozenset({"salePrice", "percentOff", "amountOff", "coupon"})
"""Types that Amazon carries by calendar days of the marketplace: sale prices (to which percentages and
amounts are expanded) and coupons."""


def _on_amazon(context: Context) -> Iterator[tuple[str, Dated]]:
    """Each dated promotion of a days-only type with one Amazon store."""
    stores = context.configuration.stores
    for store, one in _calendar(context).promotions:
        if stores[store].spec["storefront"]["platform"] == "amazon" and one.promo.spec["type"] in DAYS_ONLY:
            yield store, one


def _day_zone(front: StorefrontData) -> str:
    """The zone by whose days Amazon sells: that of its marketplace, whatever the store says of itself."""
    row = amazon_marketplaces().get(str(front.get("marketplaceId")))
    return row.timezone if row is not None else sale_zone(front)


def _midnight(context: Context, stores: Sequence[tuple[str, str, date]]) -> str:
    """How to write the midnight that keeps the days that are meant: `tz: store` says it only where the store
    lives by its marketplace's clock. `stores`: with the zone of their days, and the day that begins then."""
    fronts = context.configuration.stores
    zones = {place for _, place, _ in stores}
    days = {day for _, _, day in stores}
    text = f"{days.pop()}T00:00" if len(days) == 1 else "…T00:00"
    if all(sale_zone(fronts[store].spec["storefront"]) == place for store, place, _ in stores):
        return f'write {{local: "{text}", tz: store}}'
    if len(zones) == 1:
        return f'write {{local: "{text}", tz: {zones.pop()}}}'
    return "write a promotion for each of these zones, or give the stores the zones of their marketplaces"


def _day_meant(one: Dated, edge: str, there: date) -> date:
    """The day whose midnight is meant: the one that is written, where a midnight is. Otherwise the last day
    is meant as a whole, and ends where the next one begins. `there`: the day on which it is so far."""
    written = one.promo.spec["window"]["start" if edge == "start" else "end"]["local"]
    if written[11:16] == "00:00":
        return date.fromisoformat(written[:10])
    return there + timedelta(days=edge == "end")


def _hours(context: Context, edge: str, id: str) -> Iterator[Said]:
    told: dict[str, list[str]] = {}
    places: dict[str, Spec[PromoData]] = {}
    zones: dict[str, list[tuple[str, str, date]]] = {}
    for store, one in _on_amazon(context):
        place = _day_zone(context.configuration.stores[store].spec["storefront"])
        try:
            local = getattr(one, edge).astimezone(zone(place))
        except NoSuchZone:
            continue  # told by STO-025
        if local != begin_of(local.date(), place):
            told.setdefault(one.promo.name, []).append(f"{store} ({local:%Y-%m-%d %H:%M} in {place})")
            places[one.promo.name] = one.promo
            zones.setdefault(one.promo.name, []).append((store, place, _day_meant(one, edge, local.date())))
    for name, stores in sorted(told.items()):
        more = f" and {len(stores) - 3} more" if len(stores) > 3 else ""
        yield context.configuration.finding(
            id,
            "error",
            places[name],
            ("spec", "window", edge),
            f"Amazon runs a {places[name].spec['type']} from midnight to midnight of the marketplace, and this one {edge}s at another hour in {', '.join(stores[:3])}{more}",
            _midnight(context, zones[name]),
        )


@rule(
    "PRO-010",
    "error",
    "A promotion that is carried by days begins at midnight",
    why="Amazon knows no hours here: it would begin up to a day early, at the full discount.",
    mend='Write {local: "…T00:00", tz: store}, or use a type that has hours (lightningDeal).',
    source="purchasable_offer.discounted_price: start_at and end_at are dates",
)
def begins_at_midnight(context: Context) -> Iterator[Said]:
    """salePrice, percentOff, amountOff and coupon in Amazon stores begin at midnight of the marketplace."""
    yield from _hours(context, "start", "PRO-010")


@rule(
    "PRO-011",
    "error",
    "A promotion that is carried by days ends at midnight",
    why="The last day is sent inclusively: one that ends at noon would run till night.",
    mend='Write {local: "…T00:00", tz: store}: the first day on which it no longer holds.',
    source="purchasable_offer.discounted_price: end_at is inclusive",
)
def ends_at_midnight(context: Context) -> Iterator[Said]:
    """salePrice, percentOff, amountOff and coupon in Amazon stores end at midnight of the marketplace."""
    yield from _hours(context, "end", "PRO-011")


def _met(one: Dated, other: Dated) -> bool:
    """At one time, for one buyer: nobody is of two exclusive audiences."""
    apart = one.audience != other.audience and {one.audience, other.audience} <= EXCLUSIVE
    return one.start < other.end and other.start < one.end and not apart


def _allows(one: Spec[PromoData], other: Spec[PromoData]) -> bool:
    """Whether a promotion that says with what it combines names the other: by name, type, group, or `deal`
    for both kinds of deal."""
    said = (one.spec.get("stacking") or {}).get("combinableWith")
    if said is None:
        return True
    group = (other.spec.get("stacking") or {}).get("group")
    kind = other.spec["type"]
    names = {
        other.name,
        other.spec.get("key"),
        kind,
        group,
        "deal" if kind in ("lightningDeal", "bestDeal") else kind,
    }
    return bool(names & set(said))


@rule(
    "PRO-021",
    "error",
    "What must not be combined does not meet",
    why="The terms say one thing, the basket another.",
    mend="Move a window, put both into one `stacking.group`, or allow it by `combinableWith`.",
)
def combinations(context: Context) -> Iterator[Said]:
    """Two promotions that meet on a SKU allow each other: where one says `stacking.combinableWith`, it names
    the other's name, key, type or group. Those of one group never meet where the platform keeps groups: only
    the better holds."""
    if not any(
        (p.spec.get("stacking") or {}).get("combinableWith") is not None
        for p in context.configuration.promos.values()
    ):
        return
    told: set[tuple[str, str]] = set()
    count: Counter[str] = Counter()
    seen: set[tuple[int, ...]] = set()
    for (store, sku), dated in _calendar(context).offers.items():
        alike = tuple(map(id, dated))
        if alike in seen:
            continue  # told of another SKU already
        seen.add(alike)
        for index, one in enumerate(dated):
            for other in dated[index + 1 :]:
                pair = (min(one.promo.name, other.promo.name), max(one.promo.name, other.promo.name))
                if (
                    pair in told
                    or not _met(one, other)
                    or (one.offer.group and one.offer.group == other.offer.group)
                ):
                    continue
                refusing = next(
                    (a for a, b in ((one, other), (other, one)) if not _allows(a.promo, b.promo)), None
                )
                if refusing is not None:
                    told.add(pair)
                    count[refusing.promo.name] += 1
                if refusing is not None and count[refusing.promo.name] <= PAIRS:
                    rest = other if refusing is one else one
                    yield breach(
                        refusing.promo,
                        ("spec", "stacking", "combinableWith"),
                        (
                            f"{refusing.promo.name} does not combine with {rest.promo.name}, and they meet on {sku} in {store} from"
                            f" {utc_text(max(one.start, other.start))}"
                        ),
                        mend="move a window, or "
                        + (
                            "put both into one stacking.group"
                            if group_helps(context, store, (one.promo.name, other.promo.name))
                            else "allow it by `combinableWith`; this platform keeps no groups"
                        ),
                    )
    for name, pairs in sorted(count.items()):
        if pairs > PAIRS:
            yield breach(
                context.configuration.promos[name],
                ("spec", "stacking", "combinableWith"),
                f"{name} does not combine with {pairs - PAIRS:,} more that it meets",
                mend="move its window, or name them in combinableWith",
            )


PAIRS = 3
"""Of one promotion, so many that it must not meet are told."""


@rule(
    "PRO-060",
    "error",
    "A promotion is approved by somebody else, as it is",
    why="Who approves their own discount approves everything.",
    mend="Let somebody else approve it, after the last change.",
    phase="plan",
)
def approved(context: Context) -> Iterator[Said]:
    """Of a promotion with `approvals`: nobody among them wrote any line of it but the approvals (an error),
    and the latest is not older than the last change of such a line (a warning: rewritten history changes
    days, too), nor for fewer listings than it selects now, where it says how many (`listings`). Asked of git
    by e-mail address; uncommitted lines are as of now, by whoever acts."""
    assert context.known is not None
    config = context.configuration
    for promo in config.promos.values():
        approvals = promo.spec.get("approvals") or ()
        if not approvals:
            continue
        lines = {
            (place.file, place.line)
            for path in leaves({k: v for k, v in promo.spec.items() if k != "approvals"}, ("spec",))
            if (place := config.place(promo, path)).line
        }
        wrote = [found for line in sorted(lines) if (found := context.known.author(*line)) is not None]
        grown = _listings(context, promo)
        told = max((one["listings"] for one in approvals if one.get("listings") is not None), default=None)
        if told is not None and grown > told:
            yield breach(
                promo,
                ("spec", "approvals"),
                f"{promo.name} was approved for {told:,} listings and selects {grown:,}",
                mend="have it approved as it is now",
            )
        names = {one_spelling(name) for name, _ in wrote}
        for index, one in enumerate(approvals):
            if "@" not in one["by"]:
                yield breach(
                    promo,
                    ("spec", "approvals", index, "by"),
                    f"git knows nobody by {one['by']}: whether they wrote {promo.name} themselves cannot be told",
                    mend="write the e-mail address with which they commit",
                    severity="warning",
                )
            if one_spelling(one["by"]) in names:
                yield breach(
                    promo,
                    ("spec", "approvals", index, "by"),
                    f"{promo.name} was written and approved by {one['by']}",
                    mend="let somebody else approve it",
                )
        latest = max(one["at"] for one in approvals)
        changed = max((day for _, day in wrote), default="")
        if changed > latest:
            yield breach(
                promo,
                ("spec", "approvals"),
                f"{promo.name} was approved on {latest} and changed on {changed}",
                mend="have it approved as it is now",
                severity="warning",
            )


def _listings(context: Context, promo: Spec[PromoData]) -> int:
    """How many listings a promotion that lowers prices is about."""
    return sum(
        any(d.promo is promo for d in dated) for dated in calendar_of(context.configuration).offers.values()
    )
