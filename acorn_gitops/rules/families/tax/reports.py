"""TAX rules about what the marketplace reports of us. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from acorn_gitops.engines.statements import TOLERANCE, differences
from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule


@rule(
    "TAX-030",
    "warning",
    "Our books say what the marketplace reports",
    why="The tax office gets the marketplace's figures, and asks why ours are others.",
    mend="Find the orders or refunds that one side lacks, before the return is filed.",
    phase="drift",
    source="DAC7; State Council Decree 810 (2025); the marketplaces' reports to tax offices",
)
def reported(context: Context) -> Iterator[Finding]:
    """Of every period that both sides reported (facts: finance), sales differ by no more than
    `policies.financeTolerance` percent (0.5). A period of which one side is silent says nothing: it is
    missing, not equal."""
    allowed = Decimal(context.configuration.policies.get("financeTolerance") or TOLERANCE)
    for found in differences(context.configuration):
        if found.percent > allowed:
            theirs, ours = found.theirs, found.ours
            yield Finding(
                "TAX-030",
                "warning",
                f"{theirs.store}: from {theirs.start} to {theirs.end} the marketplace reports {theirs.amounts['sales']}"
                f" {theirs.currency} of sales, and our books {ours.amounts['sales']}: {found.percent} % apart, more than {allowed} %",
                place=ours.row.place,
                hint="find the orders or refunds that one side lacks, before the return is filed",
                source="",
                subject=f"Store/{theirs.store}",
            )
