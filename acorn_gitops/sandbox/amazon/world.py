"""What the emulated Amazon keeps. Comes in: a clock. Goes out: accounts with their stores, places and
listings, and what is still under way. Callers: the files of the APIs.

Nothing here happens by itself: what was accepted takes effect when its time has come and somebody looks
(`World.settle`), so that a test with a clock of its own sees every state in between.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any, Final

from acorn_gitops.model.reference import amazon_marketplaces
from acorn_gitops.sandbox.amazon.call import Json
from acorn_gitops.sandbox.amazon.documents import Documents
from acorn_gitops.sandbox.amazon.queued import Queue

START: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Listing:
    """A SKU of a seller in one marketplace."""

    product_type: str
    attributes: dict[str, list[Json]]
    """By name, instances; what is told apart by marketplace carries its id."""
    created: datetime
    updated: datetime
    asin: str = ""
    issues: list[Json] = field(default_factory=list)


@dataclass
class Account:
    """A selling partner in one region."""

    seller_id: str
    region: str
    refresh_token: str
    marketplaces: dict[str, str] = field(default_factory=dict)
    """Marketplaces in which it takes part, with the name of its store there."""
    supply_sources: dict[str, Json] = field(default_factory=dict)
    """By id."""
    listings: dict[tuple[str, str], Listing] = field(default_factory=dict)
    """By SKU and marketplace."""
    stock: dict[str, list[Json]] = field(default_factory=dict)
    """By SKU, instances of `fulfillment_availability`: one stock for all marketplaces of a region."""
    revision: int = 0
    """Counts what has become of its listings."""
    searched: dict[tuple[object, ...], list[str]] = field(default_factory=dict)
    """SKUs in order, by what was searched at the present revision: the pages of one search."""


@dataclass
class Promotion:
    """A coupon, a deal or the like, which somebody made in Seller Central."""

    id: str
    seller: str
    marketplace: str
    kind: str
    title: str
    start: datetime
    end: datetime
    created: datetime
    asins: Sequence[str] = ()
    skus: Sequence[str] = ()
    percent: int | Decimal | None = None
    amount: Decimal | None = None
    """Taken off, in the marketplace's currency."""
    price: Decimal | None = None
    """What a piece costs: deals and price discounts only."""
    quantity: int = 0
    """From so many pieces on."""
    basket: Decimal | None = None
    """From a basket of this amount on."""
    free: int = 0
    """So many pieces are given."""
    segment: str = ""
    """Who gets it (`PRIME_EXCLUSIVE`); empty for everybody."""
    catalog: bool = False
    """It is for all of the seller's goods."""
    code: str = ""
    """What a buyer says to get it; empty where nothing has to be said."""
    cancelled: bool = False


@dataclass
class Habits:
    """How the emulator behaves; set through `control`."""

    delay: float = 0.0
    """Seconds until what was accepted can be seen."""
    throttled: bool = True
    scale: float = 1.0
    """Times as many requests as documented are let through."""
    feed_seconds: float = 10.0
    """From a feed's creation until it is done."""
    report_seconds: float = 10.0
    sticky_sale: bool = False
    """A sale price that is taken out of an offer stays (a known fault of the real one)."""
    deaf: bool = False
    """What is accepted never takes effect."""
    archived_listed: bool = True
    """Archived supply sources are in the list."""


@dataclass
class Fault:
    """Something to go wrong with the next requests whose operation is named so."""

    kind: str
    operation: str
    times: int


class World:
    """Everything. `now` answers the present instant; `chance` makes ids, alike for one seed."""

    def __init__(self, now: Callable[[], datetime], *, seed: int = 1) -> None:
        self.now = now
        self.chance = Random(seed)
        self.accounts: dict[str, Account] = {}
        """By seller id."""
        self.clients: dict[str, str] = {}
        """Secrets of applications by client id; any are good where none are named."""
        self.habits = Habits()
        self.verdicts: dict[str, tuple[str, str]] = {}
        """By SKU, the code and the words with which every submission of it is refused."""
        self.product_types: dict[str, object] = {}
        """Schemas by name; PRODUCT alone where there are none."""
        self.restrictions: dict[tuple[str, str], tuple[str, str]] = {}
        """By ASIN and marketplace, the code and the words for which nobody may offer it."""
        self.promotions: dict[str, Promotion] = {}
        """By id."""
        self.destinations: dict[str, Json] = {}
        """By id, where notifications are to go."""
        self.subscriptions: dict[str, dict[str, Json]] = {}
        """By seller and type, which are wanted."""
        self.schedules: dict[str, dict[str, Json]] = {}
        """By seller and id, the reports that are wanted again and again."""
        self.faults: list[Fault] = []
        self.requests: dict[str, int] = {}
        """How often each operation was asked, refusals for haste included."""
        self.throttled: dict[str, int] = {}
        self.documents = Documents(self)
        self.feeds, self.reports = Queue(), Queue()
        self._pending: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0

    def id(self) -> str:
        """A new id."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def later(self, due: datetime, effect: Callable[[], None]) -> None:
        """Something that takes effect at an instant."""
        self._count += 1
        self._pending.append((due, self._count, effect))

    def settle(self) -> None:
        """All that is due takes effect, in the order in which it is."""
        now = self.now()
        self.feeds.settle(now)
        self.reports.settle(now)
        due = sorted(one for one in self._pending if one[0] <= now)
        if due:
            self._pending = [one for one in self._pending if one[0] > now]
            for _, _, effect in due:
                effect()

    def fault(self, operation: str) -> str:
        """What shall go wrong with this request; empty for nothing."""
        for fault in self.faults:
            if fault.times > 0 and fault.operation in ("*", operation):
                fault.times -= 1
                return fault.kind
        return ""

    def enroll(self, account: Mapping[str, Any]) -> Account:
        """Take in an account: `sellerId`, `region`, `refreshToken`, and `marketplaces` as ids. ValueError
        where it makes no sense."""
        known = amazon_marketplaces()
        ids = account.get("marketplaces") or []
        region = str(account.get("region") or "")
        for one in ids:
            if one not in known or known[one].region != region:
                raise ValueError(f"{one} is no marketplace of region {region!r}")
        made = Account(
            str(account["sellerId"]),
            region,
            str(account["refreshToken"]),
            marketplaces={one: str(account.get("storeName") or "Emulated store") for one in ids},
        )
        self.accounts[made.seller_id] = made
        return made
