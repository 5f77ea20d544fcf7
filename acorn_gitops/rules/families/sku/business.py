"""SKU rules about what businesses are asked: a price of their own, and less for more pieces. Caller:
`registry`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from acorn_gitops.engines.pricing.calendar import listed_price
from acorn_gitops.model.money import MoneyError, as_written
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import ListingData, SkuMappingData

Path = tuple[str | int, ...]


class _Asked(NamedTuple):
    """An amount that businesses are asked: where it is written, for how many pieces, in what currency."""

    path: Path
    store: str
    pieces: int
    value: str
    currency: str

    @property
    def words(self) -> str:
        many = f" from {self.pieces:,} pieces" if self.pieces > 1 else ""
        return f"{self.value} for businesses{many}"


def _blocks(context: Context) -> Iterator[tuple[Spec[SkuMappingData], int, ListingData, list[_Asked]]]:
    """Listings with prices for businesses, and these as they are written."""
    stores = context.configuration.stores
    for sku in context.configuration.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            said = listing.get("business")
            store = stores.get(listing["store"]) if said else None
            if not said or store is None or not store.spec.get("storefront"):
                continue
            currency, here = store.spec["storefront"]["currency"], ("spec", "listings", index, "business")
            found: list[_Asked] = []
            if said.get("price"):
                found.append(_Asked((*here, "price"), store.name, 1, value=said["price"], currency=currency))
            for number, tier in enumerate(said.get("tiers") or ()):
                at, pieces = (*here, "tiers", number, "price"), tier["minimumQuantity"]
                found.append(_Asked(at, store.name, pieces, value=tier["price"], currency=currency))
            yield sku, index, listing, found


@rule(
    "SKU-032",
    "error",
    "Businesses pay less than everybody, and less for more",
    why="Budgets and floors of a business price are judged beside the price for everybody; a tier that is dearer is a slip.",
    mend="Write the price for everybody beside it, and let prices fall from tier to tier.",
    source="Amazon: a business price is not above the price for everybody; definitions of product types, quantity_discount_plan",
)
def steps_down(context: Context) -> Iterator[Said]:
    """A listing with `business` has a `price` that acorn manages. The business price is above zero, at most
    that price, and has the currency's decimals; each tier begins at more pieces than the one before, and a
    piece costs less than there."""
    for sku, index, listing, asked in _blocks(context):
        here = ("spec", "listings", index, "business")
        left = {*((sku.lifecycle or {}).get("ignoreFields") or ())}
        if not listing.get("price") or {"price", "listings"} & left:
            yield breach(
                sku,
                here,
                f"{sku.spec['sku']} in {listing['store']} asks businesses a price of their own, and not everybody",
                mend="write the `price` of the listing, too, and do not leave it to others",
                firm=True,
            )
            continue
        everybody = listed_price(context.configuration, sku, listing)
        last: _Asked | None = None
        for one in asked:
            why, mend = _wrong(one, last, everybody[1] if everybody is not None else None)
            if why:
                yield breach(sku, one.path, why, mend=mend)
                continue
            last = one


def _wrong(one: _Asked, last: _Asked | None, everybody: str | None) -> tuple[str, str]:
    """What is wrong with an amount, and what to do; empty where nothing is."""
    try:
        as_written(one.value, one.currency)
    except MoneyError as error:
        return str(error), "write the amount that is meant: acorn never rounds"
    amount = Decimal(one.value)
    if not amount:
        return f"{one.words} in {one.store} is nothing", "write the price"
    if everybody is not None and amount > Decimal(everybody):
        return (
            f"{one.words} in {one.store} is more than everybody pays ({everybody})",
            "lower it, or leave it out: businesses can always pay what everybody does",
        )
    if last is not None and one.pieces <= last.pieces:
        return f"{one.words} comes after {last.words}", "order the tiers by minimumQuantity, each once"
    if last is not None and amount >= Decimal(last.value):
        return f"{one.words} is no less than {last.words}", "let each tier cost less, or leave it out"
    return "", ""


@rule(
    "SKU-033",
    "error",
    "What businesses pay lies between the floor and the ceiling",
    why="Below the floor every order loses money, and a business orders many.",
    mend="Correct the price, or change the bound on purpose.",
)
def within_bounds(context: Context) -> Iterator[Said]:
    """pricePolicy.min and map ≤ what businesses are asked, for any number of pieces, ≤ pricePolicy.max."""
    for sku, _, _, asked in _blocks(context):
        policy = sku.spec.get("pricePolicy") or {}
        bounds = (
            ("below the floor", (policy.get("min") or {}), -1),
            ("below the minimum advertised price", (policy.get("map") or {}), -1),
            ("above the ceiling", (policy.get("max") or {}), 1),
        )
        for one in asked:
            for words, by_store, sign in bounds:
                bound = by_store.get(one.store)
                if bound is not None and (Decimal(one.value) - Decimal(bound)) * sign > 0:
                    yield breach(
                        sku,
                        one.path,
                        f"{one.words} is {words} {bound} of {one.store}",
                        mend="change the price, or the bound in pricePolicy",
                    )
