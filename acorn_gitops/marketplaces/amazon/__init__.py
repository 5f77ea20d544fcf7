"""The adapter for Amazon: its Selling Partner API. Comes in: settings. Goes out: a `Marketplace`. Found by
the entry point `amazon`; what it manages, observes and leaves to people is in docs/amazon.md.

`client` talks (with `login` for tokens and `limits` for how often), `operations` is the table of requests,
`participations`, `supply_sources`, `listings`, `sales` and `promotions` know one kind of thing each
(`catalogue` reads items, `offers` their prices, `submissions` sends changes of them, `feeds` many at once),
`fit` says what of the specs Amazon can hold, `adapter` joins them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from acorn_gitops.marketplaces.protocol import Settings

if TYPE_CHECKING:
    from acorn_gitops.marketplaces.amazon.adapter import AmazonAccount


def open_marketplace(
    settings: Settings,
    pause: Callable[[float], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    why_not: Callable[[], str] = str,
    present: Callable[[], datetime] = lambda: datetime.now(UTC),
    ending: Callable[[], bool] = bool,
) -> AmazonAccount:
    """Open a connection; nothing is sent yet. `pause` waits for so many seconds, `clock` tells seconds,
    `present` the instant, `why_not` why nothing may be written any more (empty where it may), `ending`
    whether nothing is waited for any more that goes on by itself."""
    from acorn_gitops.marketplaces.amazon.adapter import AmazonAccount
    from acorn_gitops.marketplaces.amazon.client import Client
    from acorn_gitops.marketplaces.amazon.login import LOGIN, Credentials

    client = Client(
        settings.name,
        settings.url,
        credentials=Credentials.parsed(settings.name, settings.token),
        login=str(settings.options.get("login") or LOGIN),
        pause=pause or time.sleep,
        clock=clock,
        why_not=why_not,
        present=present,
        ending=ending,
    )
    seller = str(settings.options.get("sellerId") or "")
    return AmazonAccount(
        settings.name,
        client,
        seller=seller,
        by_feed=_by_feed(settings),
        promotions=_reads_promotions(settings),
    )


def _reads_promotions(settings: Settings) -> bool:
    from acorn_gitops.model.finding import MarketplaceError

    said = settings.options.get("promotions", "ignored")
    if said not in ("read", "ignored"):
        raise MarketplaceError(
            f"{settings.name}: options.promotions is neither read nor ignored",
            hint="`read` reckons with coupons and deals of Seller Central; each takes ten seconds",
        )
    return bool(said == "read")


def _by_feed(settings: Settings) -> int:
    from acorn_gitops.marketplaces.amazon.adapter import BY_FEED
    from acorn_gitops.model.finding import MarketplaceError

    said = settings.options.get("feedsFrom", BY_FEED)
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        raise MarketplaceError(
            f"{settings.name}: options.feedsFrom is no number of changes",
            hint="write how many changes of a store at once go by a feed, or 0 for none ever",
        )
    return said
