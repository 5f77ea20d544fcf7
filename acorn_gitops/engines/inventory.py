"""What may be promised, where. Comes in: a configuration and recorded stock. Goes out: for each SKU what its
pool can promise and how that is divided among its stores. Callers: rules, cli `view inventory`.

Of a location's stock is taken what orders have reserved and what is kept for customers in the shop; of the
pool, the buffer. What is left is available to promise (ATP). Bundles take their part of their components
first, so that no piece is promised twice; then the stores' minimums are granted, and the rest is divided.
Every sum is exact: what is granted to stores and what is left over are together what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from acorn_gitops.specs.configuration import Configuration, Spec
from acorn_gitops.specs.facts import at

if TYPE_CHECKING:
    from acorn_gitops.model.typed import (
        BufferData,
        ComponentData,
        InventoryData,
        SkuMappingData,
        StockSourceData,
    )

ENOUGH: Final = 1_000_000_000
"""More than anybody has."""
Mode = Literal["weighted", "priority", "shared"]


class Share(NamedTuple):
    """What a store may claim: weight, least and most."""

    store: str
    weight: int = 1
    least: int = 0
    most: int | None = None


class Counted(NamedTuple):
    """Stock of a SKU at a location. `kept`: never offered online."""

    location: str
    on_hand: int
    reserved: int
    kept: int
    as_of: datetime

    @property
    def offers(self) -> int:
        """What it gives to the pool. More reserved than there is takes from the other locations; what is kept
        does not."""
        free = self.on_hand - self.reserved
        return max(free - self.kept, 0) if free > 0 else free


class Allotment(NamedTuple):
    """One SKU: what there is, what may be promised, and where."""

    sku: str
    pool: str
    mode: Mode
    counted: tuple[Counted, ...]
    buffer: int
    atp: int
    """Available to promise, before bundles take their part."""
    bundled: int
    """Of it, taken by bundles."""
    stores: Mapping[str, int]
    left: int
    """What no store may have, because of caps or because there is none."""
    made_of: tuple[tuple[str, int], ...] = ()
    """For bundles and multipacks: the SKUs inside, and how many of each."""
    as_of: datetime | None = None
    """The oldest count that it rests on."""

    @property
    def on_hand(self) -> int:
        """Everything that lies anywhere."""
        return sum(c.on_hand for c in self.counted)

    @property
    def reserved(self) -> int:
        """Everything that orders wait for."""
        return sum(c.reserved for c in self.counted)


def available(counted: Iterable[Counted], buffer: BufferData | None) -> tuple[int, int]:
    """(available to promise, buffer): never below nothing. The buffer is the larger of its units and its
    percentage of what the locations offer, rounded up."""
    offered = sum(c.offers for c in counted)
    units = int((buffer or {}).get("units") or 0)
    percent = Decimal((buffer or {}).get("percent") or "0")
    part = int((max(offered, 0) * percent / 100).to_integral_value(ROUND_CEILING))
    held = max(units, part)
    return max(offered - held, 0), held


def allocate(atp: int, mode: Mode, shares: Sequence[Share]) -> dict[str, int]:
    """What each store gets. weighted: minimums first, then by weight, the largest remainder first, ties by
    name. priority: the highest weight takes all it may, then the next. shared: everybody is offered
    everything, which may be sold twice. Caps always hold; nothing is granted that is not there."""
    order = sorted(shares, key=lambda s: (-s.weight, s.store))
    if mode == "shared":
        return {s.store: min(atp, atp if s.most is None else s.most) for s in order}
    granted: dict[str, int] = {}
    left = atp
    for share in order:
        least = share.least if share.most is None else min(share.least, share.most)
        granted[share.store] = min(least, left)
        left -= granted[share.store]
    if mode == "priority":
        for share in order:
            room = left if share.most is None else min(left, share.most - granted[share.store])
            granted[share.store] += room
            left -= room
        return granted
    active = [s for s in order if s.weight > 0]
    while active and left:
        parts = _by_weight(left, active)
        full = {
            s.store: s.most - granted[s.store]
            for s in active
            if s.most is not None and granted[s.store] + parts[s.store] > s.most
        }
        if not full:
            for store, part in parts.items():
                granted[store] += part
            break
        for store, room in full.items():
            granted[store] += room
            left -= room
        active = [s for s in active if s.store not in full]
    return granted


def _by_weight(amount: int, shares: Sequence[Share]) -> dict[str, int]:
    whole = sum(s.weight for s in shares)
    parts = {s.store: amount * s.weight // whole for s in shares}
    rest = amount - sum(parts.values())
    by_remainder = sorted(shares, key=lambda s: (-(amount * s.weight % whole), s.store))
    for share in by_remainder[:rest]:
        parts[share.store] += 1
    return parts


class Published(NamedTuple):
    """What a store offers of a SKU, over all its channels."""

    quantity: int
    since: datetime
    """The oldest of its readings."""


def published(config: Configuration) -> dict[tuple[str, str], Published]:
    """By (store, SKU), from recorded facts: of every channel its newest reading, summed."""
    newest: dict[tuple[str, str], dict[str, tuple[datetime, int]]] = {}
    for row in config.facts.rows("published"):
        channels = newest.setdefault((row["store"], row["sku"]), {})
        channel, moment = row.cells.get("channel", ""), at(row["asOf"])
        if channel not in channels or channels[channel][0] < moment:
            channels[channel] = (moment, int(row["quantity"]))
    return {
        key: Published(sum(q for _, q in channels.values()), min(m for m, _ in channels.values()))
        for key, channels in newest.items()
    }


DEEPEST: Final = 20
"""Sets within sets."""
MOST_PIECES: Final = 10**9
"""Of one piece in a set: more than there is of anything."""


@dataclass
class Inventory:
    """All stock of a configuration. `unknown` SKUs have a pool and no count: nothing is said of them."""

    configuration: Configuration
    _made_of: dict[str, Mapping[str, int]] = field(default_factory=dict)

    @cached_property
    def counts(self) -> dict[tuple[str, str], tuple[int, int, datetime]]:
        """By location and SKU: on hand, reserved, when."""
        found: dict[tuple[str, str], tuple[int, int, datetime]] = {}
        for row in self.configuration.facts.rows("stock"):
            key = (row["location"], row["sku"])
            counted = (int(row["onHand"]), int(row.cells.get("reserved", "0")), at(row["asOf"]))
            if key not in found or found[key][2] < counted[2]:
                found[key] = counted
        return found

    @cached_property
    def _specs(self) -> dict[str, Spec[SkuMappingData]]:
        return {s.spec["sku"]: s for s in self.configuration.skus}

    def known(self, sku: str) -> bool:
        """Whether any location of the SKU's pool was counted."""
        sources = (self._specs[sku].spec.get("inventory") or {}).get("sources") or ()
        return any((source["location"], sku) in self.counts for source in sources)

    @cached_property
    def _pools(self) -> dict[str, tuple[tuple[Counted, ...], int, int]]:
        """By SKU with counted stock: its counts, its buffer, what may be promised."""
        found = {}
        for sku, spec in self._specs.items():
            inventory = spec.spec.get("inventory")
            if inventory and self.known(sku):
                counted = tuple(self._counted(sku, inventory))
                atp, buffer = available(counted, inventory.get("buffer"))
                found[sku] = (counted, buffer, atp)
        return found

    def _counted(self, sku: str, inventory: InventoryData) -> Iterable[Counted]:
        for source in inventory.get("sources") or ():
            count = self.counts.get((source["location"], sku))
            if count is not None:
                yield Counted(source["location"], count[0], count[1], kept=self._kept(source), as_of=count[2])

    def _kept(self, source: StockSourceData) -> int:
        """The source's own reserve, or the shop's safety stock."""
        if source.get("reserve") is not None:
            return int(source["reserve"])
        store = self.configuration.stores.get(source["location"])
        physical = store.spec.get("physical") if store is not None else None
        return int(((physical or {}).get("safetyStock") or {}).get("default") or 0)

    def parts(self, sku: str) -> tuple[tuple[str, int], ...]:
        """What a bundle or multipack is made of in the end, by SKU; empty for a single one."""
        found, _ = self._gathered(sku, ())
        return tuple(sorted(found.items())) if set(found) != {sku} else ()

    def _gathered(self, sku: str, chain: tuple[str, ...]) -> tuple[Mapping[str, int], bool]:
        """The single pieces of one, and whether there is no circle in it. Each set is looked into once: sets
        of sets may name each other many times. A circle is a finding of its own (SKU-024)."""
        known = self._made_of.get(sku)
        if known is not None:
            return known, True
        spec = self._specs.get(sku)
        composition = (spec.spec.get("composition") or {}) if spec is not None else {}
        inside: Sequence[ComponentData] = ()
        if composition.get("type") == "multipack" and composition.get("of"):
            inside = [{"sku": composition["of"], "qty": composition.get("qty") or 1}]
        elif composition.get("type") == "bundle":
            inside = composition.get("components") or ()
        if not inside:
            return {sku: 1}, True
        if sku in chain or len(chain) >= DEEPEST:
            return {sku: 1}, False
        found: dict[str, int] = {}
        clean = True
        for part in inside:
            pieces, sound = self._gathered(part["sku"], (*chain, sku))
            clean = clean and sound
            for piece, count in pieces.items():
                found[piece] = min(found.get(piece, 0) + count * part["qty"], MOST_PIECES)
            if not sound:
                break  # what a circle is made of means nothing
        if clean:
            self._made_of[sku] = found
        return found, clean

    @cached_property
    def bundles(self) -> dict[str, int]:
        """How many of each bundle may be promised: as many as the scarcest part allows, before any part is
        sold alone; only what `allocation.min` of a part promises its stores is theirs before. Bundles that
        need the same part have an equal share of it, and of what is then left more are made, bundle after
        bundle by name, so that all of them together never need more than there is. No bundle takes more than
        its stores may sell."""
        made = {
            sku: parts
            for sku in self._specs
            if (parts := self.parts(sku)) and self._sold(sku) and all(p in self._pools for p, _ in parts)
        }
        uses: dict[str, int] = {}
        for parts in made.values():
            for part, _ in parts:
                uses[part] = uses.get(part, 0) + 1
        most = {sku: self._most(sku) for sku in made}
        left = {part: max(self._pools[part][2] - self._least(part), 0) for part in uses}
        found = {
            sku: min(most[sku], *(left[part] // (qty * uses[part]) for part, qty in parts))
            for sku, parts in made.items()
        }
        for sku, parts in made.items():
            for part, qty in parts:
                left[part] -= found[sku] * qty
        for sku, parts in sorted(made.items()):
            more = min(most[sku] - found[sku], *(left[part] // qty for part, qty in parts))
            if more > 0:
                found[sku] += more
                for part, qty in parts:
                    left[part] -= more * qty
        return found

    def _least(self, sku: str) -> int:
        """What the stores of a part that is sold alone are promised whatever else is sold."""
        least = [s.least if s.most is None else min(s.least, s.most) for s in self.shares(sku)]
        return max(least, default=0) if self._mode(sku) == "shared" else sum(least)

    def _most(self, sku: str) -> int:
        """The most that the stores of a bundle may sell together."""
        caps = [share.most for share in self.shares(sku)]
        if any(cap is None for cap in caps):
            return ENOUGH
        together = [cap for cap in caps if cap is not None]
        return max(together, default=0) if self._mode(sku) == "shared" else sum(together)

    def _sold(self, sku: str) -> bool:
        return any(
            entry.get("status") != "inactive" and entry.get("fulfillment") != "afn"
            for entry in self._specs[sku].spec.get("listings") or ()
        )

    def _mode(self, sku: str) -> Mode:
        mode: Mode = ((self._specs[sku].spec.get("inventory") or {}).get("allocation") or {}).get(
            "mode"
        ) or "weighted"
        return mode

    def shares(self, sku: str) -> list[Share]:
        """The stores that sell a SKU from this stock, and what they may claim; shops that `weights` or `min`
        name have a share of their own, for their tills. Without weights all weigh the same."""
        spec = self._specs[sku].spec
        allocation = (spec.get("inventory") or {}).get("allocation") or {}
        weights, least = allocation.get("weights") or {}, allocation.get("min") or {}
        most = allocation.get("cap") or {}
        stores = sorted(
            {
                entry["store"]
                for entry in spec.get("listings") or ()
                if entry.get("status") != "inactive" and entry.get("fulfillment") != "afn"
            }
            | {name for name in (*weights, *least) if self._is_shop(name)}
        )
        return [
            Share(s, max(weights.get(s, 0), 0) if weights else 1, least.get(s) or 0, most=most.get(s))
            for s in stores
        ]

    def _is_shop(self, name: str) -> bool:
        store = self.configuration.stores.get(name)
        return store is not None and store.spec.get("physical") is not None

    def allotment(self, sku: str) -> Allotment | None:
        """What may be promised of a SKU, and where; None where nothing was counted."""
        inventory = self._specs[sku].spec.get("inventory") or {}
        parts = self.parts(sku)
        taken = self._taken.get(sku, 0)
        if parts:
            if sku not in self.bundles:
                return None
            counted: tuple[Counted, ...] = ()
            atp, buffer = self.bundles[sku], 0
            held = inventory.get("buffer")
            if held:
                less, buffer = available(
                    [Counted("", atp, 0, kept=0, as_of=datetime.min.replace(tzinfo=UTC))], held
                )
                atp = less
            dates = [c.as_of for part, _ in parts for c in self._pools[part][0]]
        elif sku in self._pools:
            counted, buffer, atp = self._pools[sku]
            dates = [c.as_of for c in counted]
        else:
            return None
        mode = self._mode(sku)
        given = allocate(atp - taken, mode, self.shares(sku))
        left = atp - taken - (sum(given.values()) if mode != "shared" else max(given.values(), default=0))
        return Allotment(
            sku, inventory.get("pool") or "", mode, counted=counted, buffer=buffer, atp=atp, bundled=taken, stores=given, left=left, made_of=parts, as_of=min(dates, default=None)
        )  # fmt: skip

    @cached_property
    def _taken(self) -> dict[str, int]:
        """Pieces of each component that bundles take."""
        taken: dict[str, int] = {}
        for sku, number in self.bundles.items():
            for part, qty in self.parts(sku):
                taken[part] = taken.get(part, 0) + number * qty
        return taken

    def allotments(self) -> Iterable[Allotment]:
        """Every SKU of which anything is known, by SKU."""
        for sku in sorted(self._specs):
            found = self.allotment(sku)
            if found is not None:
                yield found
