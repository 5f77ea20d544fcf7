"""`Promo`: a price reduction in a window of time. Windows are half-open; local times are of the store
unless another zone is named. Callers: `kinds`, schema writing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from acorn_gitops.model.fields import (
    Date,
    LabelText,
    LocalTime,
    Money,
    Name,
    Percent,
    Selector,
    SellerSku,
    Strict,
    Text,
)


class Moment(Strict):
    """A wall-clock time and whose clock it is."""

    local: LocalTime
    tz: Annotated[str, StringConstraints(pattern=r"^(store|UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2})$")]
    """`store` (each store's own zone), `UTC`, or an IANA zone."""
    fold: int | None = Field(default=None, ge=0, le=1)
    """Which of the two, when clocks go back and this time comes twice: 0 the first, 1 the second."""


class Window(Strict):
    """From `start` until before `end`."""

    start: Moment
    end: Moment


class SkuSelection(Strict):
    """Which SKUs; only those listed in a store take part there."""

    names: list[SellerSku] | None = None
    """SKUs, as written in their mappings."""
    labels: dict[LabelText, LabelText | list[LabelText]] | None = None
    exclude: list[SellerSku] | None = None
    all: bool | None = None
    """Every listed SKU. Must be said, never assumed."""


class BuyXGetY(Strict):
    """Buy so many, get so many."""

    buy: int = Field(ge=1, le=1000)
    get: int = Field(ge=1, le=1000)
    discountPercent: Percent | None = None
    """Off the ones got; default 100."""


class Discount(Strict):
    """Exactly one of these, and `gift` beside it."""

    percent: Percent | None = None
    amount: dict[Name, Money] | None = None
    """Off the price, by store: currencies are never converted silently."""
    salePrice: dict[Name, Money] | None = None
    """The price itself, by store."""
    buyXGetY: BuyXGetY | None = None
    gift: bool | None = None
    """Beside another: nothing need be left of the price. Only then may anything become free."""


class Stacking(Strict):
    """How it meets other promotions."""

    group: Name | None = None
    """Within a group only the best holds."""
    tier: Literal[10, 20, 30, 40, 50] | None = None
    """10 base or sale price, 20 deal, 30 coupon, 40 code, 50 basket."""
    mode: Literal["additive", "multiplicative", "bestOnly"] | None = None
    priority: int | None = Field(default=None, ge=-1000, le=1000)
    combinableWith: list[Text] | None = None


class Limits(Strict):
    """How much of it there is."""

    budget: Money | None = None
    redemptions: int | None = Field(default=None, ge=1, le=100_000_000)
    perCustomer: int | None = Field(default=None, ge=1, le=1_000_000)
    quantity: int | None = Field(default=None, ge=1, le=100_000_000)


class Floors(Strict):
    """Which floors it must respect."""

    respect: list[Literal["min", "map", "margin"]]


class PromoApproval(Strict):
    """Who agreed."""

    role: Name
    by: Text
    """The e-mail address with which they commit."""
    at: Date
    listings: int | None = Field(default=None, ge=0, le=100_000_000)
    """How many listings it was about: a selector by label may grow later."""


class PromoSpec(Strict):
    """What, where, when, how much."""

    type: Literal[
        "salePrice",
        "percentOff",
        "amountOff",
        "coupon",
        "primeExclusive",
        "lightningDeal",
        "bestDeal",
        "buyXGetY",
        "quantityTier",
        "freeShipping",
        "promoCode",
        "storeOnly",
    ]
    stores: Selector
    skus: SkuSelection
    window: Window
    discount: Discount | None = None
    audience: Literal["all", "prime", "b2b", "segment"] | None = None
    code: (
        Annotated[
            str,
            StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{1,49}$"),
            Field(
                json_schema_extra={
                    "patternErrorMessage": "a code is 2 to 50 letters, digits, hyphens, underscores or points, as the shop has it"
                }
            ),
        ]
        | None
    ) = None
    """Coupon or promotion code, for types that have one; letter case is kept, and means nothing to buyers."""
    minimumOrder: dict[Name, Money] | None = None
    """Smallest basket, by store."""
    minimumQuantity: int | None = Field(default=None, ge=2, le=1_000_000)
    """From so many pieces on: for quantity tiers."""
    stacking: Stacking | None = None
    limits: Limits | None = None
    floors: Floors | None = None
    approvals: list[PromoApproval] | None = None
    maxTotalPercent: Percent | None = None
    """The most that all stacked promotions may take off together."""
    key: Text | None = None
    """Its key at the marketplace; by default the name."""
    inherits: list[Name] | None = None
    """Templates applied left to right; own fields win. One that is reached twice counts where it is named
    last; where others only inherit it, before the first of them."""
