"""How a store is run: its way in (onboarding), its data flows, its monitors, its way out. Records and duties,
never sent to a marketplace. Callers: `store`.

Nothing here is a secret or about a buyer: references, dates, digests of evidence.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from acorn_gitops.model.fields import Amount, Country, Currency, Date, Name, Sha256, Strict, Text

Signal = Literal[
    "inventory-lag",
    "missed-orders",
    "order-gap",
    "processing-failures",
    "oversell",
    "channel-down",
    "price-drift",
    "foreign-price",
    "account-state",
    "performance",
    "credential-age",
]
"""What is watched."""


class Access(Strict):
    """Whether the marketplace has let us in. By invitation at most of them."""

    status: Literal["none", "requested", "granted", "refused"]
    ref: Text | None = None
    """Case or letter in which it was granted."""
    date: Date | None = None


class Turnover(Strict):
    """Gross merchandise value of the last twelve months in one country."""

    marketplace: Country
    amount: Amount
    currency: Currency


class Eligibility(Strict):
    """Why we believe that we may sell there."""

    gmv12m: list[Turnover] | None = None
    marketplaces: list[Country] | None = None
    """Where we sell already."""
    itCapability: Text | None = None
    """Who connects the systems, and how."""


class Contact(Strict):
    """Who brought us in."""

    name: Text
    channel: Literal["account-manager", "recruitment", "summit", "case", "other"] | None = None
    date: Date | None = None


class PaperDocument(Strict):
    """A paper that was handed in."""

    type: Literal[
        "business-licence",
        "brand-certificate",
        "site-list",
        "turnover-band",
        "it-description",
        "tax-registration",
        "other",
    ]
    ref: Text | None = None
    sha256: Sha256 | None = None
    issued: Date | None = None
    expires: Date | None = None


class Assessment(Strict):
    """What the marketplace decided."""

    decision: Literal["pending", "accepted", "rejected"]
    decidedAt: Date | None = None
    ref: Text | None = None


class Agreement(Strict):
    """A contract."""

    title: Text
    parties: list[Text] | None = None
    effective: Date | None = None
    exitClause: Text | None = None
    """Where it says how it ends."""
    ref: Text | None = None


class Training(Strict):
    """A full rehearsal with people."""

    date: Date
    attendees: list[Text]
    """E-mail addresses, as in the roles."""
    scenarios: list[Text] | None = None
    result: Literal["passed", "failed"]


class Onboarding(Strict):
    """The way in, with its evidence."""

    access: Access | None = None
    eligibility: Eligibility | None = None
    contact: Contact | None = None
    documents: list[PaperDocument] | None = None
    assessment: Assessment | None = None
    agreements: list[Agreement] | None = None
    training: list[Training] | None = None


class System(Strict):
    """A system of ours that exchanges data with the store."""

    kind: Literal["erp", "wms", "oms", "pos", "pim", "middleware", "bi", "other"]
    version: Text | None = None
    owner: Text | None = None
    contact: Text | None = None
    hours: Text | None = None
    """When somebody answers."""


class Channel(Strict):
    """One way on which data travels."""

    kind: Literal["notification", "api", "report", "file"]
    name: Text | None = None
    """The operation, report or notification: getOrders, ORDER_CHANGE."""
    everySeconds: int | None = Field(default=None, ge=1, le=31_536_000)
    """How often it is asked."""
    lastFailoverTest: Date | None = None
    """When it was last tried in earnest, the others being off."""


class Flow(Strict):
    """One kind of data between a system and the store."""

    entity: Literal["product", "inventory", "order", "price", "finance"]
    direction: Literal["in", "out", "both"]
    """out: from our system to the store. in: from the store to our system."""
    system: Name
    channels: list[Channel] = Field(min_length=1)
    """The first is the usual one, the others stand by."""
    key: Text | None = None
    """By what rows are matched."""
    fieldMap: dict[Text, Text] | None = None
    """Our field: the store's."""
    sloMinutes: int | None = Field(default=None, ge=1, le=525_600)
    """So late it may be."""


class Integration(Strict):
    """Systems and flows."""

    systems: dict[Name, System] | None = None
    flows: list[Flow] | None = None


class Monitor(Strict):
    """Something that is watched, and who hears of it."""

    signal: Signal
    route: Name | None = None
    """A route of acorn.yaml."""
    runbook: Text | None = None
    """What to do."""
    severity: Literal["page", "ticket", "report"] | None = None
    warnAt: int | None = Field(default=None, ge=0, le=1_000_000)
    """From here a warning, in the signal's unit: minutes, days or things."""
    failAt: int | None = Field(default=None, ge=0, le=1_000_000)
    """From here an error."""


class Exit(Strict):
    """The way out, agreed while everybody is friends."""

    formats: list[Literal["json", "jsonl", "csv", "xml", "parquet"]] | None = None
    datasets: list[Literal["listings", "inventory", "orders", "prices", "promotions", "tax", "permissions", "finance"]] | None = (
        None
    )  # fmt: skip
    noticeDays: int | None = Field(default=None, ge=0, le=3650)
    exportWithinDays: int | None = Field(default=None, ge=0, le=3650)
    """Days after notice within which everything has been handed over."""
    retentionDays: int | None = Field(default=None, ge=0, le=7300)
    destructionProof: Text | None = None
    """How the other side proves that it has deleted what was ours."""
    noticeGiven: Date | None = None
    """The day on which notice was given; the store is exiting."""
    exportedAt: Date | None = None
    """The day on which everything was handed over."""
    destroyedAt: Date | None = None
