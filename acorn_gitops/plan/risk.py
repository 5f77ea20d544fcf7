"""What a plan may cost. Comes in: changes, specs, recorded stock. Goes out: for each price change the margin
after it and what it means for the stock that is there; totals by store and currency. Callers: cli planning,
`document`, renderers.

stock times difference of price: what the pieces that may be sold there would bring more or less. It is no
forecast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from acorn_gitops.engines.inventory import Inventory
from acorn_gitops.engines.pricing.margin import Margins
from acorn_gitops.model.money import canonical
from acorn_gitops.model.resource import Address
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.document import Risk, price_move
from acorn_gitops.specs.configuration import Configuration


def risks_of(config: Configuration, changes: Iterable[Change], today: str) -> dict[Address, Risk]:
    """The risk of every change that moves a price. What is not known (cost, tax, stock) is left out, never
    guessed."""
    moved = [
        (change, move) for change in changes if change.writes and (move := price_move(change)) is not None
    ]
    if not moved:
        return {}
    skus = {spec.name: spec for spec in config.skus}
    margins, inventory = Margins(config, today), Inventory(config)
    counted = config.facts.has("stock")
    found: dict[Address, Risk] = {}
    for change, (currency, old, new, _) in moved:
        spec = skus.get(change.origin.name) if change.origin is not None else None
        if spec is None or change.address.store not in config.stores:
            continue
        margin = margins.percent(spec, change.address.store, Decimal(new), currency)
        allotment = inventory.allotment(spec.spec["sku"]) if counted else None
        stock = allotment.stores.get(change.address.store) if allotment is not None else None
        effect = (
            None if stock is None else canonical(str(abs((Decimal(new) - Decimal(old)) * stock)), currency)
        )
        if effect is not None and Decimal(new) < Decimal(old):
            effect = f"-{effect}"
        if margin is not None or stock is not None:
            found[change.address] = Risk(None if margin is None else str(margin), stock, effect)
    return found


class Total(NamedTuple):
    """All prices of one store in one currency. Sums are decimal text."""

    store: str
    currency: str
    up: int
    down: int
    before: str
    after: str
    effect: str
    """Stock times difference of those whose stock is known; "" where none is."""


def totals(changes: Iterable[Change], risks: Mapping[Address, Risk]) -> list[Total]:
    """By store and currency; currencies are never added up."""
    sums: dict[tuple[str, str], list[Decimal]] = {}
    counts: dict[tuple[str, str], list[int]] = {}
    for change in changes:
        move = price_move(change)
        if move is None or not change.writes:
            continue
        currency, old, new, _ = move
        key = (change.address.store, currency)
        amounts = sums.setdefault(key, [Decimal(0)] * 3)
        count = counts.setdefault(key, [0] * 3)
        amounts[0] += Decimal(old)
        amounts[1] += Decimal(new)
        count[0 if Decimal(new) > Decimal(old) else 1] += 1
        risk = risks.get(change.address)
        if risk is not None and risk.effect is not None:
            amounts[2] += Decimal(risk.effect)
            count[2] += 1
    return [
        Total(store, currency, counts[key][0], down=counts[key][1], before=str(sums[key][0]), after=str(sums[key][1]), effect=str(sums[key][2]) if counts[key][2] else "")
        for key in sorted(sums)
        for store, currency in [key]
    ]  # fmt: skip
