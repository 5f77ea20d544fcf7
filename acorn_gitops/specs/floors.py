"""Bounds and costs that follow from others. Comes in: resolved SKUs, the currencies of their stores. Goes
out: the same SKUs with the bounds that nobody wrote out. Caller: `load`.

A set costs what its parts cost, may neither be sold nor advertised for less than their bounds together, and
must leave what they must; a policy may have a default for every store of one currency. What is written for a
store is as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import DefaultBoundsData, PricePolicyData, SkuMappingData

Bound: TypeAlias = Literal["min", "max", "map"]
PARTS: Final[tuple[Bound, ...]] = ("min", "max", "map")
_ADDED: Final[tuple[Bound, ...]] = ("min", "map")
"""Bounds of parts that are added up for a set."""
DEEPEST: Final = 20
"""Sets within sets that are looked into."""


def with_bounds(
    skus: Sequence[Spec[SkuMappingData]], currencies: Mapping[str, str]
) -> list[Spec[SkuMappingData]]:
    """Every SKU with its defaults written out, and every set with the floor and the cost of its parts."""
    if not any("composition" in s.spec or "default" in (s.spec.get("pricePolicy") or {}) for s in skus):
        return [*skus]
    found = {s.spec["sku"]: _with_default(s, currencies) for s in skus}
    defaults = {s.spec["sku"]: (s.spec.get("pricePolicy") or {}).get("default") or {} for s in skus}
    sets = _Sets(found, defaults, currencies)
    return [sets.filled(found[s.spec["sku"]]) for s in skus]


def _with_default(sku: Spec[SkuMappingData], currencies: Mapping[str, str]) -> Spec[SkuMappingData]:
    policy = sku.spec.get("pricePolicy") or {}
    default = policy.get("default")
    if not default:
        return sku
    stores = [entry["store"] for entry in sku.spec.get("listings") or ()]
    made = policy.copy()
    del made["default"]
    for part in PARTS:
        money = default.get(part)
        if money is not None:
            here = {store: money["value"] for store in stores if currencies.get(store) == money["currency"]}
            made[part] = {**here, **(policy.get(part) or {})}
    body = sku.spec.copy()
    body["pricePolicy"] = made
    return sku._replace(spec=body)


def unreached(
    skus: Sequence[Spec[SkuMappingData]], currencies: Mapping[str, str]
) -> dict[str, list[tuple[str, str]]]:
    """By name of a SKU's spec, the bounds (min, max, map) that a default says, and the stores that it does
    not reach: they sell in another currency, and no bound is written for them. Of sets also what their parts
    say."""
    found: dict[str, list[tuple[str, str]]] = {}
    known = {sku.spec["sku"]: sku for sku in skus}
    for sku in skus:
        policy = sku.spec.get("pricePolicy") or {}
        inside = [known[name] for name, _ in _inside(sku) if name in known]
        for part in PARTS:
            for entry in sku.spec.get("listings") or ():
                store = entry["store"]
                said = store in (policy.get(part) or {})
                lacking = (
                    _misses(one, part, store, currencies=currencies)
                    for one in (sku, *(inside if part in _ADDED else ()))
                )
                if not said and any(lacking):
                    found.setdefault(sku.name, []).append((part, store))
    return found


def uncovered(
    skus: Sequence[Spec[SkuMappingData]], currencies: Mapping[str, str]
) -> dict[str, list[tuple[str, str]]]:
    """By name of a set's spec, the stores that list it and for which it has no floor of its own, each with a
    part that has none there either: the sum of the others says less than it seems to."""
    sets = [sku for sku in skus if _inside(sku)]
    known = {sku.spec["sku"]: sku for sku in skus} if sets else {}
    found: dict[str, list[tuple[str, str]]] = {}
    seen: dict[tuple[str, str], str | None] = {}
    for sku in sets:
        for entry in sku.spec.get("listings") or ():
            store = entry["store"]
            part = _without_floor(sku, store, currencies.get(store, ""), known=known, seen=seen)
            if part is not None and part != sku.spec["sku"]:
                found.setdefault(sku.name, []).append((store, part))
    return found


def _without_floor(
    sku: Spec[SkuMappingData],
    store: str,
    currency: str,
    *,
    known: Mapping[str, Spec[SkuMappingData]],
    seen: dict[tuple[str, str], str | None],
) -> str | None:
    """The first part, itself where it has none, that has no floor in a store. `seen`: what was found before;
    a circle has none."""
    memo = (sku.spec["sku"], store)
    if memo in seen:
        return seen[memo]
    seen[memo] = sku.spec["sku"]
    policy = sku.spec.get("pricePolicy") or {}
    default = (policy.get("default") or {}).get("min")
    inside = [name for name, _ in _inside(sku)]
    if store in (policy.get("min") or {}) or (default is not None and default["currency"] == currency):
        seen[memo] = None
    elif inside:
        parts = (
            _without_floor(known[name], store, currency, known=known, seen=seen) if name in known else name
            for name in inside
        )
        seen[memo] = next((part for part in parts if part is not None), None)
    return seen[memo]


def _misses(sku: Spec[SkuMappingData], part: Bound, store: str, currencies: Mapping[str, str]) -> bool:
    """Whether a default of a SKU is in another currency than a store sells in, for which nothing is
    written."""
    policy = sku.spec.get("pricePolicy") or {}
    money = (policy.get("default") or {}).get(part)
    return (
        money is not None
        and currencies.get(store) != money["currency"]
        and store not in (policy.get(part) or {})
    )


class _Sets:
    """What sets are made of, each looked into once."""

    def __init__(
        self,
        skus: Mapping[str, Spec[SkuMappingData]],
        defaults: Mapping[str, DefaultBoundsData],
        currencies: Mapping[str, str],
    ) -> None:
        self._skus, self._defaults, self._currencies = skus, defaults, currencies
        """A default holds in stores, too, that do not list the part: sets are sold where their parts are
        not."""
        self._margins: dict[str, Decimal | None] = {}
        self._bounds: dict[tuple[str, str, str], Decimal | None] = {}
        self._costs: dict[str, tuple[Decimal, str] | None] = {}

    def filled(self, sku: Spec[SkuMappingData]) -> Spec[SkuMappingData]:
        """A set with the bounds, the cost and the margin of its parts where it has none of its own. Where its
        cost cannot be told and that of a part that asks can, the margin is asked for all the same: PRO-034
        says what is missing."""
        inside = _inside(sku)
        if not inside:
            return sku
        body = sku.spec.copy()
        policy: PricePolicyData = {**(body.get("pricePolicy") or {})}
        for part in _ADDED:
            bounds = dict(policy.get(part) or {})
            for entry in body.get("listings") or ():
                bound = self._bound(part, body["sku"], entry["store"], 0)
                if entry["store"] not in bounds and bound is not None:
                    bounds[entry["store"]] = str(bound)
            if bounds:
                policy[part] = bounds
        cost = self._cost(body["sku"], 0)
        attributes = body.get("attributes") or {}
        if cost is not None and attributes.get("cost") is None:
            body["attributes"] = {**attributes, "cost": {"currency": cost[1], "value": str(cost[0])}}
        margin = self._margin(body["sku"], 0)
        can_tell = cost is not None or any(
            self._margin(one, 1) is not None and self._cost(one, 1) is not None for one, _ in inside
        )
        if policy.get("minMarginPercent") is None and margin is not None and can_tell:
            policy["minMarginPercent"] = str(margin)
        if policy:
            body["pricePolicy"] = policy
        return sku._replace(spec=body)

    def _bound(self, part: Bound, sku: str, store: str, depth: int) -> Decimal | None:
        memo = (part, sku, store)
        if memo not in self._bounds:
            self._bounds[memo] = None  # a circle has none
            self._bounds[memo] = self._sum_of_bounds(part, sku, store, depth=depth)
        return self._bounds[memo]

    def _sum_of_bounds(self, part: Bound, sku: str, store: str, depth: int) -> Decimal | None:
        spec = self._skus.get(sku)
        if spec is None or depth > DEEPEST:
            return None
        said = ((spec.spec.get("pricePolicy") or {}).get(part) or {}).get(store)
        if said is not None:
            return Decimal(said)
        default = self._defaults[sku].get(part)
        if default is not None and default["currency"] == self._currencies.get(store):
            return Decimal(default["value"])
        inside = [(self._of_part(part, one, store, depth + 1), pieces) for one, pieces in _inside(spec)]
        if part == "min" and any(bound is not None for bound, _ in inside):
            # Beside parts that have a floor, one that has none is not given away: it counts as what it costs.
            inside = [
                (self._cost_in(one, store, depth + 1) if bound is None else bound, pieces)
                for (bound, pieces), (one, _) in zip(inside, _inside(spec), strict=True)
            ]
        known = [bound * pieces for bound, pieces in inside if bound is not None]
        if part == "map" and all(
            self._bound(part, one, store, depth + 1) is None for one, _ in _inside(spec)
        ):
            return None  # nothing is advertised: the floor says it all
        return sum(known, Decimal(0)) if known else None

    def _of_part(self, part: Bound, sku: str, store: str, depth: int) -> Decimal | None:
        """What a part adds to a bound of a set. Beside a part that has a minimum advertised price, one that
        has only a floor adds that: the set is no cheaper than its parts are alone."""
        bounds = [self._bound(part, sku, store, depth)]
        if part == "map":
            bounds.append(self._bound("min", sku, store, depth))
        return max((bound for bound in bounds if bound is not None), default=None)

    def _cost_in(self, sku: str, store: str, depth: int) -> Decimal | None:
        """What a SKU costs, where that is said in the currency of a store."""
        cost = self._cost(sku, depth)
        return cost[0] if cost is not None and cost[1] == self._currencies.get(store) else None

    def _margin(self, sku: str, depth: int) -> Decimal | None:
        if sku not in self._margins:
            self._margins[sku] = None
            self._margins[sku] = self._least_margin(sku, depth)
        return self._margins[sku]

    def _least_margin(self, sku: str, depth: int) -> Decimal | None:
        """The least that is asked of any part: the whole must leave at least that."""
        spec = self._skus.get(sku)
        if spec is None or depth > DEEPEST:
            return None
        said = (spec.spec.get("pricePolicy") or {}).get("minMarginPercent")
        if said is not None:
            return Decimal(said)
        asked = [self._margin(part, depth + 1) for part, _ in _inside(spec)]
        known = [margin for margin in asked if margin is not None]
        return min(known, default=None)

    def _cost(self, sku: str, depth: int) -> tuple[Decimal, str] | None:
        if sku not in self._costs:
            self._costs[sku] = None
            self._costs[sku] = self._sum_of_costs(sku, depth)
        return self._costs[sku]

    def _sum_of_costs(self, sku: str, depth: int) -> tuple[Decimal, str] | None:
        spec = self._skus.get(sku)
        if spec is None or depth > DEEPEST:
            return None
        said = (spec.spec.get("attributes") or {}).get("cost")
        if said is not None:
            return Decimal(said["value"]), said["currency"]
        parts = [(self._cost(part, depth + 1), pieces) for part, pieces in _inside(spec)]
        costs = [(cost[0] * pieces, cost[1]) for cost, pieces in parts if cost is not None]
        if not costs or len(costs) < len(parts) or len({currency for _, currency in costs}) > 1:
            return None
        return sum((amount for amount, _ in costs), Decimal(0)), costs[0][1]


def _inside(sku: Spec[SkuMappingData]) -> list[tuple[str, int]]:
    """What a set or multipack names: SKU and pieces; nothing for a single one."""
    composition = sku.spec.get("composition") or {}
    if composition.get("type") == "multipack" and composition.get("of"):
        return [(composition["of"], composition.get("qty") or 1)]
    if composition.get("type") == "bundle":
        return [(part["sku"], part["qty"]) for part in composition.get("components") or ()]
    return []
