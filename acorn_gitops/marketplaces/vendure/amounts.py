"""Money between decimal text and Vendure's integers. Comes in: the server's precision. Goes out: `Amounts`.
Callers: `catalogue`, `promotions`.

Vendure counts in units of 10^-precision whatever the currency (two decimals by default, for yen too):
`globalSettings.serverConfig.moneyStrategyPrecision`. Floats never touch it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from acorn_gitops.confine.text import one_line
from acorn_gitops.marketplaces.vendure import operations as op
from acorn_gitops.marketplaces.vendure.client import Client
from acorn_gitops.model.finding import MarketplaceError
from acorn_gitops.model.money import MoneyError, canonical

MOST: Final = 10**15
"""Units of the smallest coin."""


class Amounts:
    """Converts exactly, or not at all. The precision is asked for once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._precision: int | None = None

    @property
    def precision(self) -> int:
        """Decimals that the server counts in."""
        if self._precision is None:
            found = self._client.read(op.SERVER)["globalSettings"]["serverConfig"]["moneyStrategyPrecision"]
            self._precision = int(found)
        return self._precision

    def minor(self, money: dict[str, str]) -> int:
        """An amount as the server's integer. MarketplaceError when it has more decimals than the server
        counts."""
        scaled = Decimal(money["value"]).scaleb(self.precision)
        if scaled != scaled.to_integral_value():
            raise MarketplaceError(
                f"{money['value']} {money['currency']} has more decimals than the server counts in"
            )
        return int(scaled)

    def money(self, minor: int, currency: str) -> dict[str, str]:
        """The server's integer as an amount. One that the currency has no coins for is shown as it is.
        ValueError for what is no amount: JSON knows numbers without end, and texts that look like some."""
        if type(minor) is not int or abs(minor) > MOST or type(currency) is not str:
            raise ValueError(f"an amount that is none: {one_line(repr(minor)[:100], 60)}")
        value = str(Decimal(minor).scaleb(-self.precision))
        try:
            return {"currency": currency, "value": canonical(value, currency)}
        except MoneyError:
            return {"currency": currency, "value": value}
