"""What a promotion offers on a price. Comes in: the content of one promotion in one store. Goes out: an
`Offer`, in the currency's minor units. Callers: `calendar` for specs, `held` for what marketplaces hold, cli
`price_history` for what held once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from acorn_gitops.engines.pricing.price import WHOLE, Kind, Offer
from acorn_gitops.model.money import quantum

_TIERS: Final = {"salePrice": 10, "coupon": 30, "promoCode": 40, "buyXGetY": 50, "quantityTier": 50}
"""Where a promotion says no tier; every other type is a deal (20)."""

_MINOR: dict[tuple[str, str], int] = {}


class NotComputable(ValueError):
    """What the promotion takes off cannot be told: an amount in another currency, or none."""


def minor(value: str, currency: str) -> int:
    """An amount in the currency's minor unit. Memoised: a catalogue of 100,000 prices has a few thousand
    different ones."""
    found = _MINOR.get((value, currency))
    if found is None:
        found = _MINOR[value, currency] = int(Decimal(value) / quantum(currency))
    return found


def major(amount: int, currency: str) -> str:
    """Minor units as decimal text."""
    return str(amount * quantum(currency))


def audience_of(content: Mapping[str, Any]) -> str:
    """Who gets a promotion: what it says, else what its type means."""
    return content.get("audience") or ("prime" if content.get("type") == "primeExclusive" else "all")


def offer_of(name: str, content: Mapping[str, Any], currency: str, platform: str = "") -> Offer | None:
    """The offer of a promotion, and what it asks of a buyer; None where it leaves the price of a piece alone.
    `content` has type, discount (amounts of this store only), stacking, code, audience, minimumOrder,
    minimumQuantity. NotComputable when it is wrong. `platform`: where it is sold, as not every platform
    stacks as it is told."""
    type = content.get("type") or ""
    audience = audience_of(content)
    try:
        basket = _minor_of(content["minimumOrder"], currency) if content.get("minimumOrder") else 0
        what = _discount(content.get("discount"), currency, basket)
        stacking = _stacking(content.get("stacking"))
        choice, words = _choice(name, content)
        least = _count(content.get("minimumQuantity") or (2 if type == "quantityTier" else 1))
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        raise NotComputable(f"what {name} takes off cannot be computed") from None
    if what is None and type in _FREE:
        return None
    if what is None:
        raise NotComputable(f"what {name} takes off is not said")
    kind, value, pieces = what
    quantity = max(pieces, least)
    conditions = [words] if words else []
    if basket:
        conditions.append(f"from {content['minimumOrder']['value']} {currency}")
    if audience != "all":
        conditions.append(f"for {audience}")
    if quantity > 1:
        conditions.append(f"buying {quantity}")
    added = platform in ADDS
    return Offer(
        name,
        kind,
        value,
        tier=stacking.get("tier") or _TIERS.get(type, 20),
        priority=stacking.get("priority") or 0,
        group="" if added and not _keeps_group(platform, content) else stacking.get("group") or "",
        mode="additive" if added else stacking.get("mode") or "additive",
        condition=", ".join(conditions),
        audience=audience,
        choice=choice,
        quantity=quantity,
        basket=basket,
    )


def groups_hold(platform: str, contents: Iterable[Mapping[str, object]]) -> bool:
    """Whether a platform keeps promotions of these contents from meeting each other where they are in one
    group: several of them, on a platform that does not add them up."""
    every = [*contents]
    return len(every) > 1 and (platform not in ADDS or all(_keeps_group(platform, one) for one in every))


def _keeps_group(platform: str, content: Mapping[str, object]) -> bool:
    """Of promotions whose claim codes are preferential the best holds; what has no code has no such
    property."""
    return content.get("type") in ADDS[platform] and bool(content.get("code"))


ADDS: Final[Mapping[str, frozenset[str]]] = {
    # Coupons and deals are taken off one base (Seller Central, help about coupons). Of promotions whose claim
    # codes are "preferential" the best holds, so that a group can be kept among the types of the promotions
    # tool.
    "amazon": frozenset({"promoCode", "buyXGetY", "quantityTier"}),
    # It has no groups: every promotion whose conditions are met is taken off.
    "vendure": frozenset(),
}
"""Platforms that add promotions up whatever a spec says of groups and modes, and the types for which they can
keep a group."""


def _choice(name: str, content: Mapping[str, Any]) -> tuple[str, str]:
    """What a buyer has to do for it, and in words: the same code is entered once for all promotions that know
    it."""
    if content.get("code"):
        return f"code {content['code'].casefold()}", f"with code {content['code']}"
    if content.get("type") == "coupon":
        return f"coupon {name}", "with the coupon"
    return ("code", "with a code") if content.get("type") == "promoCode" else ("", "")


_FREE: Final = frozenset({"freeShipping"})
"""Types that leave the price of a piece alone."""
_PERCENT: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,9})?", re.ASCII)
_DISCOUNTS: Final = frozenset({"percent", "amount", "salePrice", "buyXGetY", "gift"})
_MODES: Final = frozenset({"additive", "multiplicative", "bestOnly"})


def _discount(discount: object, currency: str, basket: int) -> tuple[Kind, int, int] | None:
    """Kind, value, and of how many pieces; None where nothing is said. What is said in a way that nobody
    knows is a ValueError: it may take off anything."""
    if discount is None:
        return None
    if not isinstance(discount, dict) or discount.keys() - _DISCOUNTS:
        raise ValueError("no discount")
    said = [name for name in _DISCOUNTS - {"gift"} if discount.get(name) is not None]
    if not said:
        return None
    (one,) = said
    if one == "percent":
        return "percent", _billionths(discount[one]), 1
    if one == "amount":
        off = _minor_of(discount[one], currency)
        # Off a basket, a piece bears its part: the most where the basket is just full.
        return ("percent", min(WHOLE, -(-off * WHOLE // basket)), 1) if basket else ("amount", off, 1)
    if one == "salePrice":
        return "sale", _minor_of(discount[one], currency), 1
    block = discount[one]
    # Of a whole set: two for the price of one is half off each. A sixth of three cents is half a cent, which
    # is rounded up: so is the share.
    get, pieces = _count(block["get"]), _count(block["buy"]) + _count(block["get"])
    return "percent", -(-_billionths(block.get("discountPercent") or "100") * get // pieces), pieces


def _billionths(percent: object) -> int:
    if not isinstance(percent, str) or _PERCENT.fullmatch(percent) is None or Decimal(percent) > 100:
        raise ValueError("no percentage")
    return int(Decimal(percent) * WHOLE / 100)


def _count(number: object) -> int:
    if type(number) is not int or number < 1:
        raise ValueError("no number of pieces")
    return number


def _stacking(stacking: object) -> Mapping[str, Any]:
    said = {} if stacking is None else stacking
    if not isinstance(said, dict):
        raise TypeError("no stacking")
    numbers = all(type(said.get(name)) in (int, type(None)) for name in ("tier", "priority"))
    if said.get("mode") not in (None, *_MODES) or not isinstance(said.get("group") or "", str) or not numbers:
        raise ValueError("no stacking")
    return said


def _minor_of(money: Mapping[str, str], currency: str) -> int:
    if money["currency"] != currency:
        raise ValueError(f"{money['currency']} in a store of {currency}")
    amount = minor(money["value"], currency)
    if amount < 0:
        raise ValueError("less than nothing")
    return amount
