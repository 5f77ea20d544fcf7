"""MON rules: that every live store is watched, and what the scheduled job sees. Caller: `registry`.

Those of phase drift are judged by `acorn drift` and `acorn doctor` from recorded facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from acorn_gitops.engines.onboarding import duty
from acorn_gitops.engines.signals import Reading, readings
from acorn_gitops.model.finding import Finding, Place
from acorn_gitops.resources.buyers import ASKED
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import StoreData

WATCHED: Final = ("inventory-lag", "missed-orders", "order-gap", "account-state")
"""Signals without which a store is not live."""


def _told(context: Context, id: str, signal: str, hint: str) -> Iterator[Said]:
    seen: list[Reading] | None = context.shared.get("readings")
    if seen is None:
        seen = context.shared["readings"] = readings(context.configuration, context.now)
    for reading in seen:
        if reading.signal == signal and reading.level != "ok":
            store = context.configuration.stores.get(reading.store)
            yield Finding(
                id,
                reading.level,
                f"{reading.store}: {reading.words}",
                place=context.configuration.place(store, ("spec", "monitors"))
                if store is not None
                else Place("facts"),
                hint=_runbook(context, reading) or hint,
                source="",
                subject=f"Store/{reading.store}",
            )


def _runbook(context: Context, reading: Reading) -> str:
    store = context.configuration.stores.get(reading.store)
    for monitor in (store.spec.get("monitors") or ()) if store is not None else ():
        if monitor["signal"] == reading.signal and monitor.get("runbook"):
            return f"see {monitor['runbook']}"
    return ""


@rule(
    "MON-001",
    "error",
    "Stock is published in time",
    why="What is shown as available was sold an hour ago.",
    mend="Look at the inventory flow; `acorn doctor` names the first cause.",
    phase="drift",
)
def lag(context: Context) -> Iterator[Said]:
    """More than 15 minutes since the last published stock is a warning, more than 60 an error (facts:
    published)."""
    yield from _told(context, "MON-001", "inventory-lag", hint="look at the inventory flow of this store")


@rule(
    "MON-002",
    "error",
    "No order is missed",
    why="A customer has paid, and nobody packs.",
    mend="Fetch the orders that the backup has, and repair the primary channel.",
    phase="drift",
)
def missed(context: Context) -> Iterator[Said]:
    """No order was seen by the backup channel alone for more than ten minutes (facts: orders)."""
    yield from _told(
        context,
        "MON-002",
        "missed-orders",
        hint="fetch them from the backup, then repair the primary channel",
    )


@rule(
    "MON-003",
    "warning",
    "Orders keep coming",
    why="A broken listing sells nothing, silently.",
    mend="Buy something in the store; then look at prices, stock and the account.",
    phase="drift",
)
def gap(context: Context) -> Iterator[Said]:
    """Not more than six usual intervals without an order (facts: orders; the interval is that of the recorded
    orders)."""
    yield from _told(context, "MON-003", "order-gap", hint="look whether the store still sells at all")


@rule(
    "MON-004",
    "warning",
    "Messages are processed",
    why="A feed of which a tenth is refused is a catalogue with holes.",
    mend="Read the processing report, mend the rows and send them again.",
    phase="drift",
)
def failures(context: Context) -> Iterator[Said]:
    """No message of the last processing failed; five percent are an error (facts: processing)."""
    yield from _told(context, "MON-004", "processing-failures", hint="read the processing report")


@rule(
    "MON-005",
    "error",
    "Nothing is offered that is not there",
    why="An oversold order is cancelled, and the account is rated by it.",
    mend="Publish the allotted quantity; `acorn view inventory` shows it.",
    phase="drift",
)
def oversell(context: Context) -> Iterator[Said]:
    """No store publishes more than it was allotted (facts: published and stock)."""
    yield from _told(context, "MON-005", "oversell", hint="publish what `acorn view inventory` says")


@rule(
    "MON-006",
    "warning",
    "Every channel is up",
    why="On the backup there is no backup.",
    mend="Repair the channel while the other one carries its load.",
    phase="drift",
)
def channel(context: Context) -> Iterator[Said]:
    """No channel is down or replaced for more than five minutes (facts: channels)."""
    yield from _told(
        context, "MON-006", "channel-down", hint="repair it while the other one carries its load"
    )


@rule(
    "MON-007",
    "warning",
    "Our prices are ours",
    why="Somebody, or a repricer, sells at another price than was agreed.",
    mend="`acorn plan` puts it back; `acorn import --drifted` takes it into the specs.",
    phase="drift",
)
def own_price(context: Context) -> Iterator[Said]:
    """No price was changed outside since the last apply. A waiver of this rule for an address or a store
    acknowledges what was changed there, whichever field it is (rights excepted): `drift` is quiet about it,
    and `apply` leaves it until the waiver ends."""
    assert context.known is not None
    stores: dict[str, list[str]] = {}
    for address, path in context.known.drifted:
        if address.type == "listing" and path in ASKED:
            stores.setdefault(address.store, []).append(address.key)
    left: dict[str, list[str]] = {}
    for address, path in context.known.acknowledged:
        left.setdefault(f"{address.store}/{address.type}/{address.key}", []).append(path)
    for name, paths in sorted(left.items()):
        yield Finding(
            "MON-007",
            "warning",
            f"{name}: {', '.join(paths)} was changed outside" if paths[0] else f"{name} was deleted outside",
            place=None,
            hint="it stays so until then; `acorn apply` puts it back afterwards",
            source="",
            subject=name,
        )
    for store, keys in sorted(stores.items()):
        more = f" and {len(keys) - 3:,} more" if len(keys) > 3 else ""
        yield Finding(
            "MON-007",
            "warning",
            f"{store}: the price of {', '.join(keys[:3])}{more} was changed outside",
            place=None,
            hint="`acorn plan` puts it back; `acorn import --drifted` takes it into the specs",
            source="",
            subject=f"Store/{store}",
        )


@rule(
    "MON-008",
    "warning",
    "Nobody sells our product below our floor",
    why="The brand's price ends where the cheapest offer begins.",
    mend="Look at the evidence, and talk to the seller; acorn never acts on others' prices.",
    phase="drift",
    source="resale price maintenance is restricted in the EU, the UK and China: report, never enforce",
)
def foreign(context: Context) -> Iterator[Said]:
    """No foreign offer of a SKU lies below its floor or minimum advertised price there (facts: offers)."""
    yield from _told(
        context, "MON-008", "foreign-price", hint="keep the evidence; do not lower your own price by reflex"
    )


@rule(
    "MON-009",
    "error",
    "The account is in good standing",
    why="Suspended listings sell nothing, and the reason has a deadline.",
    mend="Answer the marketplace's notice; it has a date.",
    phase="drift",
)
def account(context: Context) -> Iterator[Said]:
    """The marketplace says that the account takes part and is not suspended (facts: participations)."""
    yield from _told(context, "MON-009", "account-state", hint="read the marketplace's notice today")


@rule(
    "MON-010",
    "warning",
    "An alert reaches somebody who knows what to do",
    why="An alert that nobody receives is a log line.",
    mend="Name a route of acorn.yaml and a runbook.",
)
def routed(context: Context) -> Iterator[Said]:
    """Every monitor names a route that there is (an unknown one is an error) and a runbook."""
    routes = context.configuration.settings.get("routes") or {}
    for store in context.configuration.stores.values():
        for index, monitor in enumerate(store.spec.get("monitors") or ()):
            at = ("spec", "monitors", index)
            if monitor.get("route") is not None and monitor["route"] not in routes:
                yield breach(
                    store,
                    (*at, "route"),
                    f"the alert {monitor['signal']} of {store.name} goes to {monitor['route']}, which is no route",
                    mend=f"declare it below `routes` in acorn.yaml; known: {', '.join(sorted(routes)) or 'none'}",
                    severity="error",
                )
                continue
            lacks = [name for name in ("route", "runbook") if not monitor.get(name)]
            if lacks:
                yield breach(
                    store,
                    at,
                    f"the alert {monitor['signal']} of {store.name} has no {' and no '.join(lacks)}",
                    mend="say who hears of it, and what to do",
                )


@rule(
    "MON-011",
    "error",
    "Credentials are renewed before they end",
    why="On the day on which a secret ends every store of the account stands still.",
    mend="Rotate the client secret, or renew the authorisation, and record the day.",
    source="Selling Partner API: rotating credentials (180 days), renewing authorisations (365 days)",
    phase="drift",
)
def credentials(context: Context) -> Iterator[Said]:
    """A client secret is a warning at 150 days and an error at 180; an authorisation at 335 and 365."""
    yield from _told(context, "MON-011", "credential-age", hint="rotate it, and record the new day")


@rule(
    "MON-012",
    "warning",
    "Our service is rated within the marketplace's bounds",
    why="Beyond them offers lose their place, and in the end the account.",
    mend="Look at the orders behind the rating; the marketplace lists them.",
    phase="drift",
    source="Seller Central: account health (order defects < 1 %, cancellations < 2.5 %, late < 4 %, valid tracking >= 95 %)",
)
def ratings(context: Context) -> Iterator[Said]:
    """Order defects below 1 %, cancellations below 2.5 %, late shipments below 4 %, valid tracking at least
    95 % (facts: performance)."""
    yield from _told(
        context, "MON-012", "performance", hint="look at the orders behind it; the marketplace lists them"
    )


@rule(
    "MON-020",
    "error",
    "A live store is watched",
    why="Without monitoring the first to notice is a customer.",
    mend="Add the monitor with its route and runbook.",
)
def watched(context: Context) -> Iterator[Said]:
    """A live storefront has monitors for stock delay, missed orders, order gaps and the account's state. No
    store has two monitors of one signal, and a warning comes before an error."""
    for store in context.configuration.stores.values():
        yield from _contradictory(context, store)
        if not duty(context.configuration, store, "monitors"):
            continue
        have = {m["signal"] for m in store.spec.get("monitors") or ()}
        lacks = [signal for signal in WATCHED if signal not in have]
        if lacks:
            yield breach(
                store,
                ("spec", "monitors"),
                f"{store.name} is live, and nobody watches {', '.join(lacks)}",
                mend="`acorn rules MON-001` and the following say what each of them sees",
            )


def _contradictory(context: Context, store: Spec[StoreData]) -> Iterator[Said]:
    seen: set[str] = set()
    for index, monitor in enumerate(store.spec.get("monitors") or ()):
        warn, fail = monitor.get("warnAt"), monitor.get("failAt")
        words = (
            f"{store.name} has two monitors of {monitor['signal']}"
            if monitor["signal"] in seen
            else f"{monitor['signal']} of {store.name} is an error from {fail} on, and a warning only from {warn}"
            if warn is not None and fail is not None and fail < warn
            else ""
        )
        seen.add(monitor["signal"])
        if words:
            yield breach(store, ("spec", "monitors", index), words, mend="keep one, with warnAt below failAt")
