"""What people say that they made by hand, beside what a store shows. Comes in: both. Goes out: the promotions
that there are, or may be. Callers: `standing`, reconcile `states`, apply `guard`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from acorn_gitops.engines.pricing.forms import (
    ANY,
    ATTESTED,
    Form,
    instant,
    joining,
    skus_of,
)
from acorn_gitops.model.resource import Attributes
from acorn_gitops.resources.promotion import EVERYTHING, JOINS

_MAY_BE: Final = "mayBe"
"""Of a promotion on record, the key of the one that a store shows and that it may be."""


def beside(
    promotions: Mapping[str, Attributes],
    attested: Mapping[str, Attributes],
    listings: Iterable[Attributes] = (),
) -> dict[str, Attributes]:
    """What a store shows, and what people say that they made there: without what it surely shows as well. One
    that is shown is one of those at most. `listings`: those that it shows; what was made for one SKU of a
    product may hold for each of them."""
    if not attested:
        return {**promotions}
    sure = {
        key: [name for name, by in promotions.items() if _shows(by, one)] for key, one in attested.items()
    }
    left, taken = {**attested}, set[str]()
    for key in sorted(sure, key=lambda key: (len(sure[key]), key)):
        if free := [name for name in sure[key] if name not in taken]:
            taken.add(free[0])
            del left[key]
    offered = [(str(one["sku"]), str(one["asin"])) for one in listings if one.get("sku") and one.get("asin")]
    found = {**promotions}
    for key, one in left.items():
        by = _shown_as(one, {name: by for name, by in promotions.items() if name not in taken})
        taken.add(by)
        found[key] = {**_on_products(one, offered), **({_MAY_BE: by} if by else {})}
    return found


def _on_products(attested: Attributes, offered: Iterable[tuple[str, str]]) -> Attributes:
    """A promotion, for all SKUs of its products. `offered`: SKUs and their products."""
    named = skus_of(("", attested))
    if ANY in named:
        return attested
    joins = {str(one) for one in attested.get(JOINS) or ()}
    joins |= {product for sku, product in offered if sku.casefold() in named}
    if not joins:
        return attested
    more = {sku for sku, product in offered if product in joins}
    return {**attested, "skus": sorted({*attested["skus"], *more}), JOINS: sorted(joins)}


def identified(promotions: Iterable[tuple[str, Mapping[str, object]]]) -> Iterator[tuple[str, list[Form]]]:
    """Promotions, each with what it may be: one that people made may be one that the store shows, with other
    days or other goods; it is the one or the other, and never both."""
    every = dict(promotions)
    forms: dict[str, list[Form]] = {key: [(key, one)] for key, one in every.items()}
    for key, one in every.items():
        if key.startswith(ATTESTED) and (by := str(one.get(_MAY_BE) or "")) in forms:
            forms[by] += forms.pop(key)
    yield from forms.items()


def _shown_as(attested: Attributes, shown: Mapping[str, Attributes]) -> str:
    """Which of these promotions it may be: the one that shares most of its goods; "" for none."""
    mine = {*skus_of((ATTESTED, attested))}
    alike = [key for key, by in shown.items() if _may_be_one(attested, by)]
    return max(alike, key=lambda key: len(mine & {*skus_of((key, shown[key]))}), default="")


def _may_be_one(attested: Mapping[str, object], by: Mapping[str, object]) -> bool:
    """Whether what people made may be what a store shows: by its code; without one, what somebody made in a
    console that takes as much off, for the same buyers."""
    code, shown = (str(one.get("code") or "").casefold() for one in (attested, by))
    if code or shown:
        return code == shown
    return bool(by.get("foreign")) and _is_alike(attested, by) and _sort(attested) == _sort(by)


def _is_alike(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether they take as much off for the same buyers."""
    pieces = [said.get("minimumQuantity") or 1 for said in (one, other)]
    audiences = [said.get("audience") or "all" for said in (one, other)]
    alike = all(one.get(name) == other.get(name) for name in ("discount", "minimumOrder"))
    return alike and pieces[0] == pieces[1] and audiences[0] == audiences[1]


def _sort(promotion: Mapping[str, object]) -> str:
    """What a console calls it: it has coupons, deals, and all the rest."""
    type = str(promotion.get("type")).casefold()
    return next((sort for sort in ("coupon", "deal") if sort in type), "")


def _shows(by: Attributes, attested: Attributes) -> bool:
    """Whether a store surely shows what people made: as much off, for the same buyers, on all of its goods
    and all of its days."""
    if not _may_be_one(attested, by) or not _is_alike(attested, by):
        return False
    named = {*skus_of(("", {"skus": attested.get("skus")}))}
    if EVERYTHING in (attested.get(JOINS) or ()):
        named.add(joining(EVERYTHING))
    everything = EVERYTHING in (by.get(JOINS) or ())
    try:
        longer = instant(by["start"]) <= instant(attested["start"]) and instant(attested["end"]) <= instant(
            by["end"]
        )
    except (KeyError, ValueError, OverflowError):
        return False
    return longer and (everything or named <= {*skus_of(("", by))})
