"""What a promotion offers on a price. Comes in: the content of one promotion in one store. Goes out: an `Offer`, in the
currency's minor units. Callers: `calendar` for specs, `held` for what marketplaces hold, cli `price_history` for what held once.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from acorn_gitops.engines.price import WHOLE, Kind, Offer
from acorn_gitops.model.money import quantum

_TIERS: Final = {"salePrice": 10, "coupon": 30, "promoCode": 40, "buyXGetY": 50, "quantityTier": 50}
"""Where a promotion says no tier; every other type is a deal (20)."""

_MINOR: dict[tuple[str, str], int] = {}


class NotComputable(ValueError):
    """What the promotion takes off cannot be told: an amount in another currency, or none."""


def minor(value: str, currency: str) -> int:
    """An amount in the currency's minor unit. Memoised: a catalogue of 100,000 prices has a few thousand different ones."""
    found = _MINOR.get((value, currency))
    if found is None:
        found = _MINOR[value, currency] = int(Decimal(value) / quantum(currency))
    return found


def major(amount: int, currency: str) -> str:
    """Minor units as decimal text."""
    return str(amount * quantum(currency))


def offer_of(name: str, content: Mapping[str, Any], currency: str) -> Offer | None:
    """The offer of a promotion to a buyer who does all that it asks; None where it leaves the price of a piece alone. `content`
    has type, discount (amounts of this store only), stacking, code, audience, minimumOrder. NotComputable when it is wrong."""
    discount = content.get("discount") or {}
    conditions = []
    if content.get("code"):
        conditions.append(f"with code {content['code']}")
    elif content.get("type") == "coupon":
        conditions.append("with the coupon")
    least = content.get("minimumOrder")
    if least:
        conditions.append(f"from {least['value']} {least['currency']}")
    if (content.get("audience") or "all") != "all":
        conditions.append(f"for {content['audience']}")
    try:
        what = _discount(discount, currency)
        if what is None:
            return None
        kind, value, asked = what
    except (KeyError, TypeError, InvalidOperation, ValueError):
        raise NotComputable(f"what {name} takes off cannot be computed") from None
    stacking = content.get("stacking") or {}
    return Offer(
        name,
        kind,
        value,
        stacking.get("tier") or _TIERS.get(content.get("type") or "", 20),
        stacking.get("priority") or 0,
        stacking.get("group") or "",
        stacking.get("mode") or "additive",
        ", ".join([*conditions, asked] if asked else conditions),
    )


def _discount(discount: Mapping[str, Any], currency: str) -> tuple[Kind, int, str] | None:
    if discount.get("percent") is not None:
        return "percent", int(Decimal(discount["percent"]) * WHOLE / 100), ""
    if discount.get("amount") is not None:
        return "amount", _minor_of(discount["amount"], currency), ""
    if discount.get("salePrice") is not None:
        return "sale", _minor_of(discount["salePrice"], currency), ""
    block = discount.get("buyXGetY")
    if block is None:
        return None
    # Of a whole set: two for the price of one is half off each.
    pieces = block["buy"] + block["get"]
    off = Decimal(block.get("discountPercent") or "100") * block["get"] / pieces
    return "percent", int(off * WHOLE / 100), f"buying {pieces}"


def _minor_of(money: Mapping[str, str], currency: str) -> int:
    if money["currency"] != currency:
        raise ValueError(f"{money['currency']} in a store of {currency}")
    return minor(money["value"], currency)
