"""What is read first: of many changes those that lose most, so that ten harmless lines cannot hide one. Comes
in: changes. Goes out: keys to sort by. Callers: text, Markdown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from acorn_gitops.model.money import percent_change
from acorn_gitops.model.resource import Address, is_money
from acorn_gitops.plan.change import Change
from acorn_gitops.plan.document import Plan, deepest_move, groups
from acorn_gitops.resources.buyers import asked
from acorn_gitops.resources.registry import TYPES

_WHOLE: Final = Decimal(-100)
"""What takes off an amount, or sets a price, may take everything: nothing here says what of."""


def effect(change: Change, plan: Plan) -> Decimal:
    """What a change means for the stock that is there, in money; 0 where nobody knows."""
    risk = plan.risks.get(change.address)
    return Decimal(risk.effect) if risk is not None and risk.effect is not None else Decimal(0)


def fall(change: Change, plan: Plan) -> Decimal:
    """How far the amount that falls most falls, in percent: -90 for what loses nine tenths. A promotion that
    comes or changes counts with what it takes off at most."""
    deepest = deepest_move(change)
    moved = [deepest] if deepest is not None else []
    moved += [moves(f.before, f.after) for f in change.fields]
    if change.address.type == "promotion" and change.action != "delete":
        said = plan.taken.get(change.address)
        moved.append(-Decimal(said) if said is not None else _taken((change.after or {}).get("discount")))
    return min(moved, default=Decimal(0))


def moves(before: object, after: object) -> Decimal:
    """By how much an amount changes, in percent; 0 for what is none."""
    if isinstance(before, dict) and isinstance(after, dict) and is_money(before) and is_money(after):
        return percent_change(before["value"], after["value"]) or Decimal(0)
    return Decimal(0)


def worst_first(members: Sequence[Change], plan: Plan) -> list[Change]:
    """Of changes that are told as one: what costs most for the stock that is there, then the deepest falls;
    of listings that come, the cheapest."""
    return sorted(
        members, key=lambda c: (min(effect(c, plan), Decimal(0)), fall(c, plan), _asked(c), str(c.address))
    )


def rights_first(addresses: Sequence[Address]) -> list[Address]:
    """Of what nobody manages: who may do what, then what lowers prices, then the rest as it is."""
    ranks = {type.name: type.reading_rank for type in TYPES.values()}
    return sorted(addresses, key=lambda address: ranks.get(address.type, len(ranks)))


def _asked(change: Change) -> Decimal:
    """The least that anybody is asked for a listing that comes."""
    prices = [price for (price,) in asked(change.after or {})] if not change.fields else []
    return min((Decimal(price["value"]) for price in prices if price is not None), default=Decimal(0))


def _taken(discount: object) -> Decimal:
    if not isinstance(discount, Mapping):
        return Decimal(0)
    try:
        if discount.get("percent") is not None:
            return -Decimal(discount["percent"])
        block = discount.get("buyXGetY")
        if block is not None:
            get, pieces = int(block["get"]), int(block["buy"]) + int(block["get"])
            return -Decimal(block.get("discountPercent") or "100") * get / pieces
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return _WHOLE
    return _WHOLE if any(said is not None for said in discount.values()) else Decimal(0)


def _gravity(change: Change, plan: Plan) -> tuple[Decimal, ...]:
    """Deletions, then who may do what, then what loses most money, then the deepest cut; all else in the
    plan's own order."""
    rights = change.address.type in ("role", "grant") and change.action != "delete"
    destroys = change.action in ("delete", "replace")
    return Decimal(not destroys), Decimal(not rights), effect(change, plan), fall(change, plan)


def gravest_first(plan: Plan) -> list[list[Change]]:
    """The plan's changes, those that are alike together: what destroys first, then who may do what, then what
    loses most."""
    found = [members for _, members in groups(plan.changes)]
    return sorted(found, key=lambda members: min((_gravity(change, plan) for change in members), default=()))
