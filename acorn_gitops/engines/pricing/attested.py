"""What people say that they made by hand, beside what a store shows. Comes in: both. Goes out: the promotions
that there are, or may be. Callers: `standing`, reconcile `states`, apply `guard`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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


def beside(
    promotions: Mapping[str, Attributes],
    attested: Mapping[str, Attributes],
    listings: Iterable[Attributes] = (),
) -> dict[str, Attributes]:
    """What a store shows, and what people say that they made there: without what it surely shows as well.
    `listings`: those that it shows; what was made for one SKU of a product may hold for each of them."""
    shown = [*promotions.values()]
    hidden = {key: one for key, one in attested.items() if not any(_shows(by, one) for by in shown)}
    if not hidden:
        return {**promotions}
    offered = [(str(one["sku"]), str(one["asin"])) for one in listings if one.get("sku") and one.get("asin")]
    return {**promotions, **{key: _on_products(one, offered) for key, one in hidden.items()}}


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
        if key.startswith(ATTESTED) and (by := _shown_as(one, every)):
            forms[by] += forms.pop(key)
    yield from forms.items()


def _shown_as(attested: Mapping[str, object], every: Mapping[str, Mapping[str, object]]) -> str:
    """Which of these promotions it may be: the one that shares most of its goods; "" for none."""
    mine = {*skus_of((ATTESTED, attested))}
    alike = [key for key, by in every.items() if not key.startswith(ATTESTED) and _may_be_one(attested, by)]
    return max(alike, key=lambda key: len(mine & {*skus_of((key, every[key]))}), default="")


def _may_be_one(attested: Mapping[str, object], by: Mapping[str, object]) -> bool:
    """Whether what people made may be what a store shows: by its code; without one, what somebody made in a
    console that takes as much off, for the same buyers."""
    code = attested.get("code")
    if code or by.get("code"):
        return str(code).casefold() == str(by.get("code")).casefold()
    return bool(by.get("foreign")) and _is_alike(attested, by)


def _is_alike(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return all(one.get(name) == other.get(name) for name in ("discount", "audience", "minimumOrder"))


def _shows(by: Attributes, attested: Attributes) -> bool:
    """Whether a store surely shows what people made: as much off, for the same buyers, on all of its goods and
    all of its days."""
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
