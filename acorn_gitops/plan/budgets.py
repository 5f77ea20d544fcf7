"""How much one plan may do. Comes in: changes of a store, what is managed there, budgets of the project. Goes out: findings
for what is over budget. Caller: cli, for plans and before every apply.

Each store is judged by itself: ten deletions are a day's work in a catalogue of thousands and the end of a shop that
lists twelve things. A plan over budget is shown in full; only apply is refused, and the way past is a waiver in git.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from fnmatch import fnmatchcase
from typing import Any, Final

from acorn_gitops.model.finding import Finding
from acorn_gitops.plan.change import Action, Change
from acorn_gitops.plan.document import price_move

GUARDS: Final[dict[str, tuple[str, str]]] = {
    "BUD-001": (
        "More changes than the budget allows",
        "A slip in a selector or a table reaches every row at once.",
    ),
    "BUD-003": (
        "All prices of a store move further than the budget allows",
        "Each change is small, and together they are a sale that nobody decided.",
    ),
    "BUD-004": (
        "More permissions go than the budget allows",
        "An emptied selector locks everybody out in the middle of the season.",
    ),
    "BUD-002": (
        "A price moves further than the budget allows",
        "A lost digit is a price, too, and is sold at within minutes.",
    ),
}
"""Ids, what they say, and why."""
_COUNTED: Final[dict[str, tuple[Action, ...]]] = {
    "creates": ("create",),
    "updates": ("update", "replace"),
    "deletes": ("delete", "replace"),
    "changes": ("create", "update", "replace", "delete"),
}


def over_budget(
    store: str,
    changes: Sequence[Change],
    managed: Mapping[str, int],
    budgets: Mapping[str, Mapping[str, Any]],
) -> Iterator[Finding]:
    """What of a store's changes is over which budget. `managed`: resources by type that acorn manages there, before."""
    for name in sorted(budgets):
        budget = budgets[name]
        patterns = budget.get("stores")
        if patterns is not None and not any(fnmatchcase(store, pattern) for pattern in patterns):
            continue
        types = budget.get("types")
        chosen = [c for c in changes if c.writes and (types is None or c.address.type in types)]
        have = sum(count for type_, count in managed.items() if types is None or type_ in types)
        yield from _counts(store, name, budget, chosen, have)
        yield from _prices(name, budget, chosen)
        yield from _sum(store, name, budget, chosen)
        yield from _permissions(store, name, budget, chosen)


def _counts(
    store: str, name: str, budget: Mapping[str, Any], changes: Sequence[Change], have: int
) -> Iterator[Finding]:
    actions = Counter(change.action for change in changes)
    for part, counted in _COUNTED.items():
        allowance = budget.get(part)
        if not allowance:
            continue
        number = sum(actions[action] for action in counted)
        most, why = _most(allowance, have)
        if most is not None and number > most:
            yield Finding(
                "BUD-001",
                "warning",
                f"{store}: {number:,} {part}, and the budget {name} allows {most:,}{why}",
                None,
                _HINT,
                "",
                f"{store}/budget/{name}",
            )


def _most(allowance: Mapping[str, Any], have: int) -> tuple[int | None, str]:
    """The smaller of a count and a part; a part of a small store may be none at all."""
    found: list[tuple[int, str]] = []
    if allowance.get("count") is not None:
        found.append((int(allowance["count"]), ""))
    if allowance.get("percent") is not None:
        part = Decimal(have) * Decimal(allowance["percent"]) / 100
        found.append((int(part.to_integral_value(ROUND_FLOOR)), f" ({allowance['percent']} % of {have:,})"))
    return min(found, default=(None, ""), key=lambda f: f[0] if f[0] is not None else 0)


def _prices(name: str, budget: Mapping[str, Any], changes: Sequence[Change]) -> Iterator[Finding]:
    drop, rise = budget.get("priceDrop"), budget.get("priceRise")
    if drop is None and rise is None:
        return
    for change in changes:
        move = price_move(change)
        if move is None:
            continue
        currency, old, new, _ = move
        before, after = Decimal(old), Decimal(new)
        # Compared exactly: the percentage that is shown is rounded.
        if drop is not None and after < before and (before - after) * 100 > before * Decimal(drop):
            what, most = "falls", drop
        elif rise is not None and after > before and (after - before) * 100 > before * Decimal(rise):
            what, most = "rises", rise
        else:
            continue
        percent = f"by {abs((after - before) * 100 / before):.1f} %" if before else "from nothing"
        yield Finding(
            "BUD-002",
            "warning",
            f"{change.address} {what} from {old} to {new} {currency}, {percent}; the budget {name} allows {most} %",
            None,
            _HINT,
            "",
            str(change.address),
        )


def _sum(store: str, name: str, budget: Mapping[str, Any], changes: Sequence[Change]) -> Iterator[Finding]:
    most = budget.get("priceSum")
    if most is None:
        return
    sums: dict[str, list[Decimal]] = {}
    for change in changes:
        move = price_move(change)
        if move is not None:
            before, after = sums.setdefault(move[0], [Decimal(0), Decimal(0)])
            sums[move[0]] = [before + Decimal(move[1]), after + Decimal(move[2])]
    for currency, (before, after) in sorted(sums.items()):
        if abs(after - before) * 100 > before * Decimal(most):
            percent = f"{(after - before) * 100 / before:+.1f} %" if before else "from nothing"
            yield Finding(
                "BUD-003",
                "warning",
                f"{store}: prices move from {before} to {after} {currency} in sum, {percent}; the budget {name} allows {most} %",
                None,
                _HINT,
                "",
                f"{store}/budget/{name}",
            )


def _permissions(
    store: str, name: str, budget: Mapping[str, Any], changes: Sequence[Change]
) -> Iterator[Finding]:
    most = budget.get("permissionsRemoved")
    if most is None:
        return
    gone = sum(map(_taken, changes))
    if gone > most:
        yield Finding(
            "BUD-004",
            "warning",
            f"{store}: {gone:,} permission{'s' * (gone != 1)} would go, and the budget {name} allows {most:,}",
            None,
            _HINT,
            "",
            f"{store}/budget/{name}",
        )


def _taken(change: Change) -> int:
    """Grants that end, and rights (resource and verb) that a role loses."""
    if change.address.type == "grant":
        return int(change.action == "delete")
    if change.address.type != "role":
        return 0
    return len(_rights(change.before) - (_rights(change.after) if change.action != "delete" else set()))


def _rights(role: Mapping[str, Any] | None) -> set[tuple[str, str]]:
    return {
        (r, v) for rule in (role or {}).get("rules") or () for r in rule["resources"] for v in rule["verbs"]
    }


_HINT = "make it in smaller steps, or agree on a waiver in acorn.yaml; until then apply refuses the plan"
