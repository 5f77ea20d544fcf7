"""What the monitors see. Comes in: a configuration, recorded facts, the present instant. Goes out: readings:
signal, store, value, how bad. Callers: rules `monitor`, cli `doctor`.

A signal of which nothing was recorded has no reading: silence is not health, and `doctor` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from acorn_gitops.engines.inventory import Inventory, published
from acorn_gitops.specs.configuration import Configuration, Spec
from acorn_gitops.specs.facts import Row, at

if TYPE_CHECKING:
    from acorn_gitops.model.typed import PricePolicyData, StoreData

DEFAULTS: Final[dict[str, tuple[int | None, int | None, str]]] = {
    "inventory-lag": (15, 60, "minutes"),
    "missed-orders": (None, 1, "orders"),
    "order-gap": (6, None, "times the usual interval"),
    "processing-failures": (1, None, "messages"),
    "oversell": (None, 1, "pieces"),
    "channel-down": (5, None, "minutes"),
    "foreign-price": (1, None, "offers"),
    "account-state": (None, 1, "suspensions"),
    "performance": (1, None, "ratings"),
    "credential-age": (150, 180, "days"),
}
"""By signal: from where it is a warning, from where an error, and the unit."""
RATINGS: Final[dict[str, tuple[str, Decimal, bool]]] = {
    "orderDefects": ("order defects", Decimal(1), False),
    "cancellations": ("cancellations before shipping", Decimal("2.5"), False),
    "lateShipments": ("late shipments", Decimal(4), False),
    "validTracking": ("valid tracking", Decimal(95), True),
}
"""By column of the facts: words, Amazon's bound in percent, and whether the rating must be at least that (or
below it). Source: Seller Central, monitor your account health."""
SIGNALS: Final = {
    "MON-001": "inventory-lag",
    "MON-002": "missed-orders",
    "MON-003": "order-gap",
    "MON-004": "processing-failures",
    "MON-005": "oversell",
    "MON-006": "channel-down",
    "MON-007": "price-drift",
    "MON-008": "foreign-price",
    "MON-009": "account-state",
    "MON-011": "credential-age",
    "MON-012": "performance",
}
"""By rule of the drift job, the signal whose monitor names who hears of it."""
GRACE: Final = timedelta(minutes=10)
"""So long an order may be on its way from one channel to the other."""
AUTHORISED: Final = (335, 365)
"""Days after which an application's authorisation is to be renewed, and after which it ends (Selling Partner
API)."""


_STATES: Final = {"down": "has been down", "failover": "has run on its backup"}


class Reading(NamedTuple):
    """What a signal says of a store."""

    signal: str
    store: str
    value: int
    level: Literal["ok", "warning", "error"]
    words: str


def thresholds(store: Spec[StoreData] | None, signal: str) -> tuple[int | None, int | None]:
    """(warning, error) of a signal: the store's own monitor's, or the defaults."""
    warn, fail, _ = DEFAULTS[signal]
    for monitor in (store.spec.get("monitors") or ()) if store is not None else ():
        if monitor["signal"] == signal:
            warn = monitor["warnAt"] if monitor.get("warnAt") is not None else warn
            fail = monitor["failAt"] if monitor.get("failAt") is not None else fail
    return warn, fail


def level(
    value: int, warn: int | None, fail: int | None, *, above: bool = False
) -> Literal["ok", "warning", "error"]:
    """How bad a value is. `above`: the threshold itself is still good."""
    grace = 1 if above else 0
    if fail is not None and value >= fail + grace:
        return "error"
    return "warning" if warn is not None and value >= warn + grace else "ok"


def readings(config: Configuration, now: datetime) -> list[Reading]:
    """Every signal of which something was recorded, by store."""
    found = [
        *_lag(config, now),
        *_missed(config, now),
        *_gaps(config, now),
        *_failures(config),
        *_oversold(config),
        *_channels(config, now),
        *_foreign(config),
        *_accounts(config),
        *_ratings(config),
        *_credentials(config, now.date()),
    ]
    return sorted(found, key=lambda r: (r.store, r.signal))


def _by_store(config: Configuration, table: str) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for row in config.facts.rows(table):
        rows.setdefault(row["store"], []).append(row)
    return rows


def _read(
    config: Configuration, signal: str, store: str, value: int, words: str, *, above: bool = False
) -> Reading:
    warn, fail = thresholds(config.stores.get(store), signal)
    return Reading(signal, store, value, level=level(value, warn, fail, above=above), words=words)


def _lag(config: Configuration, now: datetime) -> Iterator[Reading]:
    for store, rows in _by_store(config, "published").items():
        minutes = int((now - max(at(r["asOf"]) for r in rows)).total_seconds() // 60)
        yield _read(
            config,
            "inventory-lag",
            store,
            value=minutes,
            words=f"stock was last published {minutes} minutes ago",
            above=True,
        )


def _missed(config: Configuration, now: datetime) -> Iterator[Reading]:
    for store, rows in _by_store(config, "orders").items():
        first = {r["order"] for r in rows if r["channel"] == "primary"}
        lost = sorted(
            r["order"]
            for r in rows
            if r["channel"] == "backup" and r["order"] not in first and now - at(r["seenAt"]) > GRACE
        )
        words = (
            f"{len(lost)} order{'s' * (len(lost) != 1)} came by the backup only: {', '.join(lost[:3])}"
            if lost
            else "no order is missing"
        )
        yield _read(config, "missed-orders", store, value=len(lost), words=words)


def _gaps(config: Configuration, now: datetime) -> Iterator[Reading]:
    for store, rows in _by_store(config, "orders").items():
        first: dict[str, datetime] = {}
        for row in rows:  # an order comes by several channels, and is one
            when = at(row["seenAt"])
            first[row["order"]] = min(when, first.get(row["order"], when))
        seen = sorted(first.values())
        if len(seen) < 3 or seen[-1] == seen[0]:
            continue
        usual = (seen[-1] - seen[0]) / (len(seen) - 1)
        times = int((now - seen[-1]) / usual)
        minutes = int(usual.total_seconds() // 60)
        yield _read(
            config, "order-gap", store, value=times, words=f"the last order is {times} usual intervals ago (one in {minutes} minutes)", above=True
        )  # fmt: skip


def _failures(config: Configuration) -> Iterator[Reading]:
    for store, rows in _by_store(config, "processing").items():
        last = max(rows, key=lambda r: at(r["asOf"]))
        failed, all_ = int(last["failed"]), int(last["messages"])
        words = f"{failed} of {all_} messages failed"
        reading = _read(config, "processing-failures", store, value=failed, words=words)
        if all_ and Decimal(failed) / all_ >= Decimal("0.05"):
            reading = reading._replace(level="error")
        yield reading


def _oversold(config: Configuration) -> Iterator[Reading]:
    offered: dict[str, dict[str, int]] = {}
    for (store, sku), there in published(config).items():
        offered.setdefault(store, {})[sku] = there.quantity
    if not offered or not config.facts.has("stock"):
        return
    inventory = Inventory(config)
    given = {a.sku: a for a in inventory.allotments()}
    counted = {row["sku"] for row in config.facts.rows("stock")}
    pooled = {s.spec["sku"] for s in config.skus if s.spec.get("inventory")} & counted
    for store, quantities in offered.items():
        worst: list[tuple[int, str]] = []
        for sku, quantity in quantities.items():
            allotment = given.get(sku)
            if allotment is None and sku not in pooled:
                continue  # its stock is not divided from here
            over = quantity - (allotment.stores.get(store, 0) if allotment is not None else 0)
            if over > 0:
                worst.append((over, sku))
        total = sum(over for over, _ in worst)
        words = (
            f"{total} pieces more are offered than allotted, most of {max(worst)[1]}"
            if worst
            else "nothing is offered twice"
        )
        yield _read(config, "oversell", store, value=total, words=words)


def _channels(config: Configuration, now: datetime) -> Iterator[Reading]:
    for store, rows in _by_store(config, "channels").items():
        down = [(int((now - at(r["since"])).total_seconds() // 60), r) for r in rows if r["state"] != "up"]
        longest = max(down, key=lambda d: d[0], default=None)
        words = (
            f"the channel {longest[1]['channel']} {_STATES[longest[1]['state']]} for {longest[0]} minutes"
            if longest
            else "every channel is up"
        )
        yield _read(
            config, "channel-down", store, value=longest[0] if longest else 0, words=words, above=True
        )


def _foreign(config: Configuration) -> Iterator[Reading]:
    if not config.facts.has("offers"):
        return
    floors: dict[tuple[str, str], PricePolicyData] = {}
    for sku in config.skus:
        policy = sku.spec.get("pricePolicy") or {}
        for store in {*(policy.get("min") or {}), *(policy.get("map") or {})}:
            floors[store, sku.spec["sku"]] = policy
    for store, rows in _by_store(config, "offers").items():
        front = config.stores.get(store)
        currency = (front.spec.get("storefront") or {}).get("currency") if front is not None else None
        low = []
        for row in rows:
            policy = floors.get((store, row["sku"]), {})
            said = ((part or {}).get(store) for part in (policy.get("min"), policy.get("map")))
            bounds = [Decimal(bound) for bound in said if bound]
            if bounds and row["currency"] == currency and Decimal(row["price"]) < max(bounds):
                low.append(
                    f"{row['seller']} sells {row['sku']} at {row['price']} {row['currency']}, below {max(bounds)}"
                )
        words = (
            low[0] + (f", and {len(low) - 1} more" if len(low) > 1 else "")
            if low
            else "no foreign offer is below our floors"
        )
        yield _read(config, "foreign-price", store, value=len(low), words=words)


def _accounts(config: Configuration) -> Iterator[Reading]:
    for store, rows in _by_store(config, "participations").items():
        last = max(rows, key=lambda r: at(r["asOf"]))
        bad = last.cells.get("suspended") == "yes" or last["participating"] == "no"
        words = (
            "listings are suspended, or the account does not take part"
            if bad
            else "the account is in good standing"
        )
        yield _read(config, "account-state", store, value=int(bad), words=words)


def out_of_bounds(row: Row) -> list[str]:
    """What a row of `performance` says that the marketplace does not accept, in words."""
    found = []
    for name, (words, bound, least) in RATINGS.items():
        value = Decimal(row.cells[name]) if name in row.cells else None
        if value is not None and (value < bound if least else value >= bound):
            found.append(f"{words} {value} % ({'at least' if least else 'below'} {bound} %)")
    return found


def _ratings(config: Configuration) -> Iterator[Reading]:
    for store, rows in _by_store(config, "performance").items():
        bad = out_of_bounds(max(rows, key=lambda r: at(r["asOf"])))
        words = "; ".join(bad) if bad else "every rating is within the marketplace's bounds"
        yield _read(config, "performance", store, value=len(bad), words=words)


def _credentials(config: Configuration, today: date) -> Iterator[Reading]:
    for store in config.stores.values():
        front = store.spec.get("storefront") or {}
        if front.get("credentialsRotated"):
            days = (today - date.fromisoformat(front["credentialsRotated"])).days
            yield _read(
                config,
                "credential-age",
                store.name,
                value=days,
                words=f"the client secret is {days} days old",
            )
        if front.get("authorizedAt"):
            days = (today - date.fromisoformat(front["authorizedAt"])).days
            yield Reading(
                "credential-age",
                store.name,
                days,
                level=level(days, *AUTHORISED),
                words=f"our application was authorised {days} days ago",
            )
