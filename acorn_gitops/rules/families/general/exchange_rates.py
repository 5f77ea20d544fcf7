"""GEN rules about the exchange rates of acorn.yaml. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule

TOLD: Final = 31
"""Days after which a rate is told."""
OVER: Final = 366
"""Days after which a rate may decide nothing more."""


@rule(
    "GEN-023",
    "error",
    "Exchange rates are not old",
    why="Margins, floors in another currency, spreads of prices and bounds of tax rules are judged by them.",
    mend="Write today's rate with its day and its source.",
)
def fresh_rates(context: Context) -> Iterator[Finding]:
    """Each of `exchangeRates` is of the last 31 days (older: a warning; older than a year: an error), and of
    no day to come."""
    today = context.now.date()
    for pair, rate in (context.configuration.settings.get("exchangeRates") or {}).items():
        days = (today - date.fromisoformat(rate["asOf"])).days
        if 0 <= days <= TOLD:
            continue
        words = "a day that is still to come" if days < 0 else f"{days:,} days ago"
        yield context.configuration.setting(
            "GEN-023",
            "error" if days < 0 or days > OVER else "warning",
            ("exchangeRates", pair, "asOf"),
            f"the exchange rate {pair} is of {rate['asOf']}, {words}",
            "update rate and asOf in acorn.yaml",
        )
