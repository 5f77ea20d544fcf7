"""SKU rules about stock: who may claim it, what is kept back, what lies where. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from acorn_gitops.engines.inventory import Inventory
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import InventoryData, SkuMappingData, StoreData


_BY_STORE: Final[tuple[Literal["weights", "min", "cap"], ...]] = ("weights", "min", "cap")
"""What an allocation says by the name of a store."""


def _stocked(context: Context) -> list[tuple[Spec[SkuMappingData], InventoryData]]:
    """SKUs with an inventory, gathered once."""
    found: list[tuple[Spec[SkuMappingData], InventoryData]] | None = context.shared.get("stocked")
    if found is None:
        found = context.shared["stocked"] = [
            (sku, block) for sku in context.configuration.skus if (block := sku.spec.get("inventory"))
        ]
    return found


def inventory_of(context: Context) -> Inventory:
    """The inventory engine, made once."""
    engine: Inventory = context.shared.setdefault("inventory", Inventory(context.configuration))
    return engine


@rule(
    "SKU-020",
    "error",
    "Stock is divided among stores that sell it",
    why="A weight for a store that does not sell the SKU takes pieces from those that do.",
    mend="Name stores that list the SKU, with weights above nothing, or leave `weights` out for equal parts.",
)
def claims(context: Context) -> Iterator[Said]:
    """`weights`, `min` and `cap` name stores that list the SKU, or shops whose tills have a share of their
    own; a weight is more than nothing; in weighted mode every store that lists it has one; no minimum is
    above its cap."""
    shops = {s.name for s in context.configuration.stores.values() if s.spec.get("physical")}
    for sku, block in _stocked(context):
        allocation = block.get("allocation") or {}
        weights, bounded = allocation.get("weights"), allocation.get("min") or allocation.get("cap")
        if not weights and not bounded:
            continue
        sold = {e["store"] for e in sku.spec.get("listings") or ()}
        if weights and not bounded and sold == weights.keys() and min(weights.values()) > 0:
            continue
        at = ("spec", "inventory", "allocation")
        for part in _BY_STORE:
            for store, value in (allocation.get(part) or {}).items():
                if store not in sold and store not in shops:
                    yield breach(
                        sku,
                        (*at, part, store),
                        f"{part} of {sku.spec['sku']} name {store}, which does not sell it",
                        mend=f"it is sold in {', '.join(sorted(sold)[:6])}",
                    )
                elif value < 0 or (part == "weights" and value == 0):
                    yield breach(
                        sku,
                        (*at, part, store),
                        f"{part} of {sku.spec['sku']} give {store} {value}",
                        mend="write a number above nothing, or leave the store out",
                    )
        for store, least in (allocation.get("min") or {}).items():
            most = (allocation.get("cap") or {}).get(store)
            if most is not None and least > most:
                yield breach(
                    sku,
                    (*at, "min", store),
                    f"{store} is promised at least {least} and at most {most} of {sku.spec['sku']}",
                    mend="lower one, or raise the other",
                )
        if weights and allocation["mode"] == "weighted" and not sold <= weights.keys():
            for store in sorted(sold - weights.keys() - _by_marketplace(sku)):
                yield breach(
                    sku,
                    (*at, "weights"),
                    f"{store} sells {sku.spec['sku']} and has no weight, so it is given none",
                    mend="give it one, or list it as inactive",
                    severity="warning",
                )


def _by_marketplace(sku: Spec[SkuMappingData]) -> set[str]:
    return {
        e["store"]
        for e in sku.spec.get("listings") or ()
        if e.get("fulfillment") == "afn" or e.get("status") == "inactive"
    }


@rule(
    "SKU-021",
    "warning",
    "Promised minimums are there",
    why="What is promised to each store together is more than there is; the last store gets none.",
    mend="Lower `allocation.min`, or move stock.",
)
def minimums(context: Context) -> Iterator[Said]:
    """By recorded stock (facts: stock): the minimums of a SKU are together at most what may be promised."""
    if not context.configuration.facts.has("stock"):
        return
    for sku, block in _stocked(context):
        least = (block.get("allocation") or {}).get("min")
        if not least:
            continue
        allotment = inventory_of(context).allotment(sku.spec["sku"])
        if allotment is not None and sum(least.values()) > allotment.atp - allotment.bundled:
            yield breach(
                sku,
                ("spec", "inventory", "allocation", "min"),
                f"{sku.spec['sku']} promises {sum(least.values())} at least, and {allotment.atp - allotment.bundled} may be promised",
                mend="`acorn view inventory` shows where it goes",
            )


@rule(
    "SKU-023",
    "warning",
    "A shop keeps something for its customers",
    why="Somebody carries the last piece to the till while the store sells it online.",
    mend="Give the source a `reserve`, the shop a `safetyStock`, or the SKU a `buffer`.",
)
def kept_back(context: Context) -> Iterator[Said]:
    """A source where customers pick up, or whose till reports its stock, has a reserve, a safety stock, or
    the SKU a buffer. Told once for a shop."""
    config = context.configuration
    bare = {
        s.name
        for s in config.stores.values()
        if (p := s.spec.get("physical"))
        and (((p.get("capabilities") or {}).get("bopis") or {}).get("enabled") or _has_till(s))
        and not (p.get("safetyStock") or {}).get("default")
    }
    told: set[str] = set()
    for sku, block in _stocked(context) if bare else ():
        buffer = block.get("buffer") or {}
        if buffer.get("units") or Decimal(buffer.get("percent") or 0):
            continue
        for index, source in enumerate(block.get("sources") or ()):
            if source["location"] in bare - told and not source.get("reserve"):
                told.add(source["location"])
                yield breach(
                    sku,
                    ("spec", "inventory", "sources", index),
                    f"{source['location']} has customers of its own and keeps nothing of {sku.spec['sku']} for them",
                    mend="give the shop a safetyStock",
                )


def _has_till(store: Spec[StoreData]) -> bool:
    systems = (store.spec.get("integration") or {}).get("systems") or {}
    return any(system.get("kind") == "pos" for system in systems.values())


@rule(
    "SKU-025",
    "error",
    "Amazon's stock is not divided by us",
    why="What lies in Amazon's warehouse is counted and sold there; promised here as well, it is sold twice.",
    mend="Take the store out of the allocation, or list the SKU with mfn.",
)
def not_ours(context: Context) -> Iterator[Said]:
    """No weight, minimum or cap is for a store in which the SKU is fulfilled by Amazon only."""
    for sku, block in _stocked(context):
        allocation = block.get("allocation")
        if not allocation or all(e.get("fulfillment") != "afn" for e in sku.spec.get("listings") or ()):
            continue
        named = {store for part in _BY_STORE for store in allocation.get(part) or ()}
        ours = {e["store"] for e in sku.spec.get("listings") or () if e.get("fulfillment") != "afn"}
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            if listing.get("fulfillment") == "afn" and listing["store"] in named - ours:
                yield breach(
                    sku,
                    ("spec", "listings", index, "fulfillment"),
                    f"{sku.spec['sku']} is fulfilled by Amazon in {listing['store']}, and our pool is divided with it",
                    mend="take the store out of weights, min and cap",
                )


@rule(
    "SKU-026",
    "warning",
    "Stock lies at known addresses",
    why="A place that nobody has verified may not exist, or not be ours.",
    mend="Have the location's address verified.",
)
def known_places(context: Context) -> Iterator[Said]:
    """No source lies at a location whose address was rejected, is said to be unverified, or still waits for
    its verification. Told once for a location."""
    config = context.configuration
    states = {
        s.name: (s.spec["physical"]["address"].get("verification") or {}).get("status")
        for s in config.stores.values()
        if s.spec.get("physical")
    }
    told: set[str] = set()
    for sku, block in _stocked(context):
        for index, source in enumerate(block.get("sources") or ()):
            name = source["location"]
            if name in told or states.get(name) not in ("rejected", "unverified", "pending"):
                continue
            told.add(name)
            yield breach(
                sku,
                ("spec", "inventory", "sources", index, "location"),
                f"stock of {sku.spec['sku']} and maybe others lies at {name}, whose address is {states[name]}",
                mend="have it verified",
            )


@rule(
    "SKU-027",
    "error",
    "Stock is counted in the unit in which it is sold",
    why="Ten cases are not ten pieces.",
    mend="Correct `inventory.unit`, or convert the count before recording it.",
)
def units(context: Context) -> Iterator[Said]:
    """Recorded stock (facts: stock) is counted as `inventory.unit` says; each where it says nothing."""
    config = context.configuration
    if not config.facts.has("stock"):
        return
    wanted = {sku.spec["sku"]: (sku, block.get("unit") or "each") for sku, block in _stocked(context)}
    told: set[str] = set()
    for row in config.facts.rows("stock"):
        unit = row.cells.get("unit", "each")
        known = wanted.get(row["sku"])
        if known is not None and unit != known[1] and row["sku"] not in told:
            told.add(row["sku"])
            yield breach(
                known[0],
                ("spec", "inventory", "unit"),
                f"{row['sku']} is sold by the {known[1]}, and {row['location']} counts it by the {unit} ({row.place})",
                mend="count it in one unit",
            )
