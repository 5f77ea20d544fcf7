"""INT rules: how data gets from our systems to a store and back. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from acorn_gitops.engines.onboarding import duty, is_live
from acorn_gitops.model.finding import FieldPath
from acorn_gitops.resources.location import SERVICES
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import FlowData, StoreData

TIER_ONE: Final = ("order", "inventory", "price")
"""Flows whose failure costs money within the hour."""
NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "product": ("sku", "title"),
    "inventory": ("sku", "quantity"),
    "order": ("order", "sku", "quantity"),
    "price": ("sku", "price", "currency"),
    "finance": ("settlement", "amount", "currency"),
}
"""Fields of the store that a flow must fill or read, by entity."""
KEYS: Final = frozenset({"sku", "order", "settlement"})
"""Fields by which rows are told apart: every flow of an entity has them, and none owns them."""
SLO_MINUTES: Final = 60
"""So old a shop's stock may be where its flow does not say (`sloMinutes`)."""
RATES: Final[dict[str, str]] = {
    "getOrders": "0.0167",
    "searchOrders": "0.0056",
    "createFeed": "0.0083",
    "createReport": "0.0167",
    "getListingsItem": "5",
    "patchListingsItem": "5",
}
"""Default requests a second of an account (usage plans in the Selling Partner API models, 2026-08-05)."""


def _flows(store: Spec[StoreData]) -> Iterator[tuple[int, FlowData]]:
    yield from enumerate((store.spec.get("integration") or {}).get("flows") or ())


@rule(
    "INT-001",
    "error",
    "What earns money has a second way",
    why="One channel fails one day, and orders are not shipped until somebody notices.",
    mend="Add a second channel of another kind: a report beside a notification, a file beside an interface.",
)
def two_ways(context: Context) -> Iterator[Said]:
    """A live storefront has flows of orders, inventory and prices, each with two channels of different
    kinds."""
    for store in context.configuration.stores.values():
        if not duty(context.configuration, store, "integration"):
            continue
        flows = list(_flows(store))
        for entity in TIER_ONE:
            mine = [(i, f) for i, f in flows if f["entity"] == entity]
            if not mine:
                yield breach(
                    store,
                    ("spec", "integration"),
                    f"{store.name} is live, and no flow carries {entity} data",
                    mend="declare the flow with its system and channels",
                )
            for index, flow in mine:
                kinds = {c["kind"] for c in flow["channels"]}
                if len(kinds) < 2:
                    yield breach(
                        store,
                        ("spec", "integration", "flows", index, "channels"),
                        (
                            f"{entity} data of {store.name} has {len(flow['channels'])} channel{'s' * (len(flow['channels']) != 1)},"
                            f" all of kind {next(iter(kinds))}"
                        ),
                        mend="add one of another kind",
                    )


@rule(
    "INT-002",
    "warning",
    "The second way is tried",
    why="A backup that was never used is a hope.",
    mend="Switch the first channel off for an hour, and record `lastFailoverTest`.",
)
def tried(context: Context) -> Iterator[Said]:
    """Every channel of a live storefront after a flow's first was tested within 180 days, and not on a day to
    come."""
    today = context.now.date()
    for store in context.configuration.stores.values():
        if not is_live(store):
            continue
        for index, flow in _flows(store):
            for number, channel in enumerate(flow["channels"][1:], 1):
                last = channel.get("lastFailoverTest")
                days = (today - date.fromisoformat(last)).days if last else None
                if days is None or not 0 <= days <= 180:
                    words = (
                        "was never tested"
                        if days is None
                        else f"was last tested {days} days ago"
                        if days > 0
                        else f"is said to have been tested on {last}, a day to come"
                    )
                    yield breach(
                        store,
                        ("spec", "integration", "flows", index, "channels", number),
                        f"the backup of {flow['entity']} data of {store.name} ({channel.get('name') or channel['kind']}) {words}",
                        mend="test it, and write down when",
                    )


@rule(
    "INT-003",
    "error",
    "A flow maps what the store needs",
    why="A field that is not mapped arrives empty, and an empty quantity sells or stops everything.",
    mend="Add the missing fields to `fieldMap`: ours on the left, the store's on the right.",
)
def mapped(context: Context) -> Iterator[Said]:
    """The flows of an entity in one direction have, among the targets of their `fieldMap`s together, the
    store's required fields; each has the key by which rows are told apart. A live storefront's flows all have
    a `fieldMap`."""
    for store in context.configuration.stores.values():
        together: dict[tuple[str, bool], set[str]] = {}
        for _, flow in _flows(store):
            together.setdefault((flow["entity"], flow["direction"] == "in"), set()).update(
                (flow.get("fieldMap") or {}).values()
            )
        for index, flow in _flows(store):
            if flow.get("fieldMap") is None:
                if is_live(store):
                    yield breach(
                        store,
                        ("spec", "integration", "flows", index),
                        f"the flow of {flow['entity']} data of {store.name} says no `fieldMap`",
                        mend=f"map at least {', '.join(NEEDED[flow['entity']])}",
                    )
                continue
            mine, all_ = set(flow["fieldMap"].values()), together[flow["entity"], flow["direction"] == "in"]
            lacks = [name for name in NEEDED[flow["entity"]] if name not in (mine if name in KEYS else all_)]
            if lacks:
                yield breach(
                    store,
                    ("spec", "integration", "flows", index, "fieldMap"),
                    f"the flow of {flow['entity']} data of {store.name} does not map {', '.join(lacks)}",
                    mend="name our field for each of them",
                )


@rule(
    "INT-004",
    "error",
    "One system writes a field",
    why="Two writers overwrite each other, and which of them was last is chance.",
    mend="Take the field out of one of the two flows: one system of record for each.",
)
def one_writer(context: Context) -> Iterator[Said]:
    """In one store, no two flows towards it from different systems have a target field of one entity in
    common, but for the keys by which rows are told apart (sku, order, settlement, and what the flow names as
    `key`)."""
    for store in context.configuration.stores.values():
        writers: dict[tuple[str, str], str] = {}
        for index, flow in _flows(store):
            if flow["direction"] == "in":
                continue
            for target in (flow.get("fieldMap") or {}).values():
                if target in KEYS or target == flow.get("key"):
                    continue
                first = writers.setdefault((flow["entity"], target), flow["system"])
                if first != flow["system"]:
                    yield breach(
                        store,
                        ("spec", "integration", "flows", index, "fieldMap"),
                        f"{flow['entity']}.{target} of {store.name} is written by {first} and by {flow['system']}",
                        mend="decide which of them knows it",
                    )


@rule(
    "INT-005",
    "error",
    "A shop that serves online orders reports its stock",
    why="Walk-in customers buy the last piece while the store still offers it.",
    mend="Give the shop an inventory flow from its till, as often as its `sloMinutes` says.",
)
def shop_feed(context: Context) -> Iterator[Said]:
    """A physical store that ships or hands over orders of a live storefront has an inventory flow out of its
    systems, whose fastest channel is a notification or asks often enough: within `sloMinutes`, or an hour
    where that is not said."""
    config = context.configuration
    from acorn_gitops.rules.families.onboarding import _feeds

    live = {s.name for s in config.stores.values() if duty(config, s, "integration")}
    used = {location for front, places in _feeds(context).items() if front in live for location in places}
    for name in sorted(used):
        store = config.stores[name]
        capabilities = store.spec["physical"].get("capabilities") or {}
        if not any((capabilities.get(c) or {}).get("enabled") for c in SERVICES):
            continue
        feeds = [(i, f) for i, f in _flows(store) if f["entity"] == "inventory" and f["direction"] != "in"]
        if not feeds:
            yield breach(
                store,
                ("spec", "integration"),
                f"{name} serves online orders, and no flow reports its stock",
                mend="connect its till or stock system",
            )
        for index, flow in feeds:
            every = min((c["everySeconds"] for c in flow["channels"] if c.get("everySeconds")), default=None)
            slo = flow.get("sloMinutes") or SLO_MINUTES
            if (
                any(c["kind"] == "notification" for c in flow["channels"])
                or (every or slo * 60 + 1) <= slo * 60
            ):
                continue
            asked = (
                f"is asked every {every // 60} minutes"
                if every
                else "nobody says how often it is asked (everySeconds)"
            )
            yield breach(
                store,
                ("spec", "integration", "flows", index),
                f"stock of {name} may be {slo} minutes old, and {asked}",
                mend="ask more often, or agree on a longer time and a larger buffer",
            )


@rule(
    "INT-006",
    "error",
    "What is asked fits what may be asked",
    why="Beyond the rate the marketplace answers with refusals, and the data is late for all stores of the account.",
    mend="Ask less often, or subscribe to notifications.",
    source="usage plans in the Selling Partner API models",
)
def within_rate(context: Context) -> Iterator[Said]:
    """For each seller account and operation with a known rate: the requests of all stores together stay
    within it."""
    asked: dict[tuple[str, str, str], list[tuple[Decimal, Spec[StoreData], FieldPath]]] = {}
    for store in context.configuration.stores.values():
        front = store.spec.get("storefront") or {}
        if front.get("platform") != "amazon":
            continue
        for index, flow in _flows(store):
            for number, channel in enumerate(flow["channels"]):
                if channel.get("name") in RATES and channel.get("everySeconds"):
                    account = (str(front.get("sellerId")), str(front.get("region")), channel["name"])
                    path: FieldPath = ("spec", "integration", "flows", index, "channels", number)
                    asked.setdefault(account, []).append((Decimal(1) / channel["everySeconds"], store, path))
    for (seller, region, operation), users in sorted(asked.items(), key=lambda a: a[0]):
        total = sum(rate for rate, _, _ in users)
        if total > Decimal(RATES[operation]):
            _, store, at = max(users, key=lambda u: (u[0], u[1].name))
            slowest = int(len(users) / Decimal(RATES[operation])) + 1
            yield breach(
                store,
                at,
                (
                    f"{operation} of {seller} in {region} is asked {total * 60:.1f} times a minute by {len(users)} channel"
                    f"{'s' * (len(users) != 1)}, and {Decimal(RATES[operation]) * 60:.1f} are allowed"
                ),
                mend=f"every {slowest} seconds or more each would fit",
            )


@rule(
    "INT-010",
    "warning",
    "Every system has somebody who answers",
    why="When data stops, the first hour is spent asking whose system it is.",
    mend="Fill version, owner, contact and hours of the system.",
)
def answered(context: Context) -> Iterator[Said]:
    """Each system that a flow names is described, with version, owner, contact and hours."""
    told: set[str] = set()
    for store in context.configuration.stores.values():
        systems = (store.spec.get("integration") or {}).get("systems") or {}
        for index, flow in _flows(store):
            name = flow["system"]
            lacks = [
                f for f in ("version", "owner", "contact", "hours") if not (systems.get(name) or {}).get(f)
            ]
            if not lacks or name in told:
                continue
            told.add(name)
            path = (
                ("spec", "integration", "systems", name)
                if name in systems
                else ("spec", "integration", "flows", index)
            )
            yield breach(
                store, path, f"the system {name} lacks {', '.join(lacks)}", mend="ask whoever runs it"
            )
