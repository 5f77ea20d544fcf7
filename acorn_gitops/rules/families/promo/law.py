"""PRO rules about what the law says of reductions: the lowest price of thirty days. Caller: `registry`.

They need what was in force before: the ledger's history and recorded prices. So they are judged with the
plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

from acorn_gitops.engines.pricing.offer import major
from acorn_gitops.engines.pricing.price import WHOLE
from acorn_gitops.engines.pricing.prior_price import DAYS
from acorn_gitops.engines.pricing.reductions import Reduction, reductions
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach

SHOWN: Final = 10


def _reductions(context: Context) -> list[Reduction]:
    found: list[Reduction] | None = context.shared.get("reductions")
    if found is None:
        assert context.known is not None
        found = context.shared["reductions"] = list(
            reductions(context.configuration, context.now, context.known.prices, begins=context.known.begins)
        )
    return found


def _words(real: Decimal) -> str:
    """A reduction against the lowest price before, in percent; below zero it is none."""
    if real > 0:
        return f"-{real} %"
    return "no reduction" if not real else f"{-real} % dearer"


@rule(
    "PRO-040",
    "error",
    "A reduction is one against the lowest price of thirty days",
    why="What is announced as a saving and is none is fined in every member state, and competitors watch for it.",
    mend="Take more off, wait until the lower price is thirty days old, or announce no reduction.",
    source="Directive 98/6/EC Art. 6a; CJEU C-330/23 (2024-09-26)",
    phase="plan",
)
def prior(context: Context) -> Iterator[Said]:
    """In EU stores: what is paid lies below the lowest price in force in the thirty days before, and an
    announced percentage is not larger than the one from that price. What counts is when the reduction was
    applied to a listing, whatever its window says of a time that is over. Perishables, new goods and
    reductions that grow step by step, for which states may differ, are not told apart: a waiver names them.
    Of a promotion that is there already and that a plan leaves as it is, a warning: refusing the plan would
    leave it there as well, and a price by hand beside it."""
    assert context.known is not None
    told: dict[str, int] = {}
    blocks: set[str] = set()
    for one in _reductions(context):
        before, most = one.before, one.most
        if before is None or most is None or one.is_one:
            continue
        name, currency, claimed = one.dated.promo.name, one.currency, one.claims
        told[name] = told.get(name, 0) + 1
        announced = context.known.announces(one.store, name, one.sku)
        blocks |= {name} if announced else set()
        if told[name] > SHOWN:
            continue
        real = (Decimal(before - one.pays) * 100 / before).quantize(Decimal("0.1")) if before else Decimal(0)
        said = (
            f", announced as -{round(Decimal(claimed) * 100 / WHOLE, 4).normalize():f} %" if claimed else ""
        )
        yield breach(
            one.dated.promo,
            ("spec", "discount"),
            (
                f"{one.sku} in {one.store} would cost {major(one.pays, currency)} {currency}{said}; the lowest price of the {DAYS} days before is"
                f" {major(before, currency)}, so it is {_words(real)}"
            ),
            mend=(
                f"a `salePrice` of at most {major(most if claimed else most - 1, currency)} {currency} would be honest"
                + ("; a percentage is taken off the price of today" if claimed else "")
            ),
            severity="error" if announced else "warning",
        )
    for name, count in told.items():
        if count > SHOWN:
            promo = context.configuration.promos[name]
            yield breach(
                promo,
                (),
                f"and {count - SHOWN:,} more listings of {name}",
                mend="see `acorn view promotions`",
                severity="error" if name in blocks else "warning",
            )


@rule(
    "PRO-041",
    "warning",
    "The prices of thirty days are known",
    why="Without them nobody can say whether the reduction is one.",
    mend="Record earlier prices in facts/prices.csv, or begin the promotion later.",
    source="Directive 98/6/EC Art. 6a",
    phase="plan",
)
def history(context: Context) -> Iterator[Said]:
    """In EU stores: for every announced reduction that begins now or within thirty days, or that a plan
    changes, the prices in force in all of the thirty days before it are known. What begins later will be
    known by then. Told once for a promotion."""
    unknown: dict[str, list[str]] = {}
    for one in _reductions(context):
        soon = context.now <= one.begin <= context.now + timedelta(days=DAYS)
        made = context.known is not None and context.known.announces(one.store, one.dated.promo.name, one.sku)
        if not one.complete and (soon or (one.before is None and made)):
            unknown.setdefault(one.dated.promo.name, []).append(f"{one.sku} in {one.store}")
    for name, listings in sorted(unknown.items()):
        more = f" and {len(listings) - 1:,} more" if len(listings) > 1 else ""
        yield breach(
            context.configuration.promos[name],
            (),
            f"the prices of the {DAYS} days before {name} are not known for {listings[0]}{more}",
            mend="record them in facts/prices.csv, or keep this ledger for thirty days",
        )
