"""TAX rules about all tax rules together: holes and ties in the matrix of sales. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from acorn_gitops.engines.sales import Cell, cell, sales, turning_points
from acorn_gitops.engines.tax import Supply
from acorn_gitops.model.territory import NORTHERN_IRELAND
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import TaxRuleData

SHOWN = 10
"""Of one kind, so many are told."""


AHEAD: Final = timedelta(days=366)
"""So far ahead the matrix is asked on every day on which a rule begins or ends."""


MOST: Final = 2_000_000
"""Rules that are asked for all sales of all days together: a real configuration with packs for thirty
countries asks a tenth."""


def cells_of(context: Context) -> list[Cell]:
    """The matrix of today; empty where it is too large to be asked (`too_many`)."""
    return _days(context)[""]


def too_many(context: Context) -> int:
    """How many sales there are at least, where they are too many; 0 otherwise."""
    _days(context)
    found: int = context.shared["tax sales"]
    return found


def _days(context: Context) -> dict[str, list[Cell]]:
    """The matrices of today ("") and of the days to come on which a rule begins or ends; of those only what
    is wrong. Computed once for all rules, and not at all beyond `MOST`."""
    found: dict[str, list[Cell]] | None = context.shared.get("tax matrix")
    if found is not None:
        return found
    config, now = context.configuration, context.now.date()
    found, left = {"": []}, MOST
    context.shared["tax sales"] = 0
    days = ["", *turning_points(config, context.today, (now + AHEAD).isoformat())] if config.taxes else []
    for day in days:
        asked: list[tuple[Supply, list[Spec[TaxRuleData]]]] = []
        for sale, rules in sales(config, day or now.isoformat()):
            left -= len(rules) + 1
            if left < 0:
                context.shared["tax sales"] = len(asked) + sum(map(len, found.values()))
                break
            asked.append((sale, rules))
        if left < 0:
            break
        cells = (cell(config, sale, rules) for sale, rules in asked)
        found[day] = [one for one in cells if not day or one.decision.problem]
    context.shared["tax matrix"] = found
    return found


def _later(context: Context) -> Iterator[tuple[str, list[Cell]]]:
    """What is wrong on days to come, where they differ from the one before."""
    yield from ((day, cells) for day, cells in _days(context).items() if day)


def _words(cell: Cell) -> str:
    supply = cell.supply
    who = "consumers" if supply.customer == "b2c" else f"businesses (VAT id {supply.vat_id})"
    goods = f" of class {supply.tax_class}" if supply.tax_class else ""
    goods += f" with code {supply.ptc}" if supply.ptc else ""
    goods = f" {supply.sku}" if supply.sku else goods
    goods += f" worth {supply.worth}" if supply.worth else ""
    return f"goods{goods} from {supply.ship_from} to {who} in {supply.ship_to} through {supply.store}"


@rule(
    "TAX-001",
    "error",
    "Every sale has a tax rule",
    references=True,
    why="A sale without a rule is invoiced by guess.",
    mend="Write a TaxRule for it; `acorn tax matrix` shows every sale. Where stores are taken in as they are, `severities: {TAX-001:"
    " warning}` in their environment tells it until the rules are there.",
)
def holes(context: Context) -> Iterator[Said]:
    """Every cell of `acorn tax matrix`, for consumers and for businesses with and without a VAT id, has a
    rule and a rate today; on days within a year on which a rule begins or ends, a hole is a warning. So is
    one in a territory beside a country that rules name (the Canary Islands beside Spain). Where there are no
    TaxRules at all, nothing is asked."""
    many = too_many(context)
    if many:
        yield context.configuration.setting(
            "TAX-001",
            "error",
            ("spec",),
            f"the tax rules speak of more sales than can be asked for, {many:,} of them so far: whether each has a rule is not known",
            "name blocs in place of countries, or fewer values, territories and days",
        )
    holes = [c for c in cells_of(context) if _is_hole(c)]
    yield from _beside(context, [c for c in holes if c.beside])
    found = [c for c in holes if not c.beside]
    for one in found[:SHOWN]:
        yield breach(
            context.configuration.stores[one.supply.store],
            (),
            f"{one.decision.problem} for {_words(one)}",
            mend="write a TaxRule for it; `acorn tax matrix` shows every sale",
        )
    if len(found) > SHOWN:
        yield breach(
            context.configuration.stores[found[SHOWN].supply.store],
            (),
            f"and {len(found) - SHOWN:,} more sales have no tax rule",
            mend="`acorn tax matrix` shows them all",
        )

    seen = {_sale(c) for c in found}
    for day, cells in _later(context):
        new = [c for c in cells if _is_hole(c) and not c.beside and _sale(c) not in seen]
        seen |= {_sale(c) for c in new}
        for one in new[:SHOWN]:
            yield breach(
                context.configuration.stores[one.supply.store],
                (),
                f"from {day} on: {one.decision.problem} for {_words(one)}",
                mend=f"let a rule begin that day; `acorn tax matrix --date {day}` shows every sale",
                severity="warning",
            )


def _beside(context: Context, cells: list[Cell]) -> Iterator[Said]:
    """Places whose country the rules name, and whose tax is another: told once for the stores that lack the
    same ones."""
    lacking: dict[str, set[str]] = {}
    for one in cells:
        lacking.setdefault(one.supply.store, set()).add(one.supply.ship_to)
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, found in lacking.items():
        alike.setdefault(tuple(sorted(found)), []).append(name)
    for places, stores in alike.items():
        more = f" and {len(stores) - 3} more" if len(stores) > 3 else ""
        yield breach(
            context.configuration.stores[stores[0]],
            (),
            (
                f"no rule of {', '.join(stores[:3])}{more} says what holds in {', '.join(places)}: for taxes on sales these are no"
                " part of the countries that rules name"
            ),
            mend=(
                "`pack: eu-union-oss` is for XI (Northern Ireland), to where goods from the EU are a sale inside it"
                if NORTHERN_IRELAND in places
                else "`pack: eu-export` without countries is for all of them; or do not deliver there, and say so in a rule"
            ),
            severity="warning",
        )


def _is_hole(cell: Cell) -> bool:
    return bool(cell.decision.problem) and not cell.decision.problem.startswith("tie")


def _sale(cell: Cell) -> Supply:
    return cell.supply._replace(date="")


@rule(
    "TAX-002",
    "error",
    "No two tax rules decide the same sale differently",
    why="Which of them holds would depend on chance.",
    mend="Make one rule more specific, or give one the higher `priority`.",
)
def ties(context: Context) -> Iterator[Said]:
    """In no cell of `acorn tax matrix`, today and on days within a year on which a rule begins or ends, do
    two equally specific rules of equal priority differ in their result."""
    told: set[str] = set()
    days = [("", cells_of(context)), *((f"from {day} on: ", cells) for day, cells in _later(context))]
    for since, one in ((since, one) for since, cells in days for one in cells):
        problem = one.decision.problem
        if not problem.startswith("tie") or problem in told:
            continue
        told.add(problem)
        tied = min((c.rule for c in one.decision.candidates if not c.lost), key=lambda r: r.name)
        yield breach(
            tied,
            ("spec", "match"),
            f"{since}{problem}: both decide {_words(one)}",
            mend="make one of them more specific, or give it `priority`",
        )
