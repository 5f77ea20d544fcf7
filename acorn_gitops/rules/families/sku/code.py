"""SKU rules about codes and what they stand for: SKUs, seller SKUs, GTINs. Caller: `registry`. These loops
see every listing of a catalogue, so each does one thing and looks a place up only when something is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from acorn_gitops.engines.sku_code import collision_key, normal_form
from acorn_gitops.model.finding import Severity
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec
from acorn_gitops.specs.tables import looks_like_a_month

if TYPE_CHECKING:
    from acorn_gitops.model.typed import SkuMappingData

_INSIDE = re.compile(r"[0-9](02|04|2[0-9])[0-9]{11}\Z|000000[02]")
"""As 14 digits: GS1 prefixes 02, 04 and 20 to 29 (restricted circulation), and GTIN-8 that begin with 0 or
2."""
_TIDY = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,38}[A-Z0-9]\Z")


def gtin_is_valid(text: str) -> bool:
    """The check digit of a GTIN-8, -12, -13 or -14 (GS1 General Specifications 7.9: weights 3 and 1 from the
    right)."""
    digits = [ord(c) - 48 for c in text]
    return (10 - (3 * sum(digits[-2::-2]) + sum(digits[-3::-2])) % 10) % 10 == digits[-1]


@rule(
    "SKU-001",
    "warning",
    "SKUs are upper case letters, digits, dot, underscore and hyphen",
    why="Slashes, spaces and commas break URLs and feeds at the marketplace.",
    mend="Rename it where it is still new; a waiver is for SKUs that live already, because no marketplace renames one.",
    source="amzn/selling-partner-api-models#4727, #2505",
)
def tidy(context: Context) -> Iterator[Said]:
    """A legacy SKU is allowed, but said; so is a seller SKU, which is what the marketplace gets."""
    match = _TIDY.match
    for sku in context.configuration.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            code = listing.get("sellerSku")
            if code is not None and match(code) is None:
                yield breach(
                    sku,
                    ("spec", "listings", index, "sellerSku"),
                    (
                        f"{code!r} is not a tidy seller SKU"
                        + (
                            ", and looks like a month that a spreadsheet made of a code"
                            * looks_like_a_month(code)
                        )
                    ),
                    mend=f"write it like {normal_form(code) or 'KTL-17-BLK'}, where it is still new",
                )
        if match(sku.spec["sku"]) is None:
            yield breach(
                sku,
                ("spec", "sku"),
                (
                    f"{sku.spec['sku']!r} is not a tidy SKU"
                    + (
                        ", and looks like a month that a spreadsheet made of a code"
                        * looks_like_a_month(sku.spec["sku"])
                    )
                ),
                mend="write it like KTL-17-BLK; `acorn sku normalize` shows what each would be",
            )


@rule(
    "SKU-002",
    "error",
    "No two SKUs differ only in case, spaces or punctuation",
    why="People and spreadsheets mix them up; so do marketplaces.",
    mend="Rename one of them.",
)
def collisions(context: Context) -> Iterator[Said]:
    """Compared in NFKC, upper case, with spaces, slash, underscore, dot and hyphen as one; and so are the
    seller SKUs of one store. Codes that differ in more than letters' case and blanks at their ends are told
    as a warning: shops hold such codes."""
    seen: dict[str, Spec[SkuMappingData]] = {}
    listed: dict[tuple[str, str], str] = {}
    for sku in context.configuration.skus:
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            code = listing.get("sellerSku")
            if code is None:
                continue
            other = listed.setdefault((listing["store"], collision_key(code)), code)
            if other != code:
                yield breach(
                    sku,
                    ("spec", "listings", index, "sellerSku"),
                    f"{code!r} collides with {other!r} in {listing['store']}",
                    mend="use one spelling, or give one of them another seller SKU",
                    severity=_how_bad(code, other),
                )
    for sku in context.configuration.skus:
        text = sku.spec["sku"]
        first = seen.setdefault(collision_key(text), sku)
        if first is not sku and first.spec["sku"] != text:
            yield breach(
                sku,
                ("spec", "sku"),
                f"{text!r} collides with {first.spec['sku']!r} ({first.origin})",
                mend="use one spelling, or give one of them another SKU",
                severity=_how_bad(text, first.spec["sku"]),
            )


def _how_bad(one: str, other: str) -> Severity:
    return "error" if one.strip().casefold() == other.strip().casefold() else "warning"


@rule(
    "SKU-004",
    "error",
    "An internal SKU is mapped once",
    why="Two mappings would fight over its listings.",
    mend="Remove one mapping, or merge them.",
)
def mapped_once(context: Context) -> Iterator[Said]:
    """No two mappings have the same `sku`, by exact text."""
    seen: dict[str, Spec[SkuMappingData]] = {}
    for sku in context.configuration.skus:
        first = seen.setdefault(sku.spec["sku"], sku)
        if first is not sku:
            yield breach(
                sku,
                ("spec", "sku"),
                f"{sku.spec['sku']} is already mapped in {first.origin}",
                mend="merge the two",
            )


@rule(
    "SKU-005",
    "warning",
    "A mapping has listings",
    why="A SKU that is listed nowhere does nothing.",
    mend="Add `listings`, or say `listings: []` for a component that is never sold alone.",
)
def listed(context: Context) -> Iterator[Said]:
    """Bundled components need none of their own; they are left alone when `listings: []` says so."""
    for sku in context.configuration.skus:
        if sku.spec.get("listings") is None:
            yield breach(
                sku,
                ("spec",),
                f"{sku.spec['sku']} has no listings",
                mend="add `listings:`, or `listings: []` when that is meant",
            )


@rule(
    "SKU-010",
    "error",
    "A seller SKU stands once in a store",
    why="The second listing would overwrite the first.",
    mend="Give one of them a `sellerSku` of its own.",
    source="Amazon: a seller SKU is unique in an account",
)
def seller_sku_once(context: Context) -> Iterator[Said]:
    """(store, sellerSku), the SKU itself where no sellerSku is given; and in one Amazon account a seller SKU
    is one product in all marketplaces."""
    seen: dict[tuple[str, str], Spec[SkuMappingData]] = {}
    yield from _one_product(context)
    for sku in context.configuration.skus:
        own = sku.spec["sku"]
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            key = (listing["store"], listing.get("sellerSku") or own)
            if key in seen:
                yield breach(
                    sku,
                    ("spec", "listings", index),
                    f"{key[1]} is listed twice in {key[0]}, first in {seen[key].origin}",
                    mend="remove one, or give it a sellerSku of its own",
                )
            else:
                seen[key] = sku


def _one_product(context: Context) -> Iterator[Said]:
    config = context.configuration
    accounts = {
        name: (front["sellerId"], front.get("region") or "")
        for name, store in config.stores.items()
        if (front := store.spec.get("storefront") or {}).get("platform") == "amazon" and front.get("sellerId")
    }
    seen: dict[tuple[object, str], tuple[Spec[SkuMappingData], str]] = {}
    for sku in config.skus if accounts else ():
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            code = listing.get("sellerSku")
            account = accounts.get(listing["store"])
            if code is None or account is None:
                continue
            first, store = seen.setdefault((account, code), (sku, listing["store"]))
            if first is not sku and store != listing["store"]:
                yield breach(
                    sku,
                    ("spec", "listings", index, "sellerSku"),
                    f"{code} is {first.spec['sku']} in {store}, and {sku.spec['sku']} in {listing['store']} of the same account",
                    mend="give each product a seller SKU of its own: an account knows it once",
                )


@rule(
    "SKU-011",
    "warning",
    "One offer for an item, condition and fulfilment in a store",
    why="Two SKUs on one ASIN compete with each other.",
    mend="List the item once, or give the second another condition.",
)
def offer_once(context: Context) -> Iterator[Said]:
    """(store, asin or GTIN, condition, fulfillment) of what is not inactive; new and mfn where nothing is
    said. A GTIN is one in all its lengths; of sets it says nothing."""
    seen: dict[tuple[str, str, str, str], Spec[SkuMappingData]] = {}
    for sku in context.configuration.skus:
        code = sku.spec.get("gtin")
        gtin = code.zfill(14) if code and not sku.spec.get("composition") else None
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            asin = listing.get("asin")
            if (asin is None and gtin is None) or listing.get("status") == "inactive":
                continue
            condition, fulfillment = (
                listing.get("condition") or "new_new",
                listing.get("fulfillment") or "mfn",
            )
            first, twin = sku, ""
            for name in (asin, gtin):
                if name is not None and first is sku:
                    first = seen.setdefault((listing["store"], name, condition, fulfillment), sku)
                    twin = name
            if first is not sku:
                what = twin if twin == asin else f"the GTIN {code}"
                yield breach(
                    sku,
                    ("spec", "listings", index, "asin") if twin == asin else ("spec", "gtin"),
                    f"{what} in {listing['store']} is already offered by {first.spec['sku']}",
                    mend="stop one of them, or vary condition or fulfilment",
                )


@rule(
    "SKU-013",
    "error",
    "A GTIN's check digit is right",
    why="A mistyped GTIN lists another product.",
    mend="Copy the GTIN from the package again; the last digit is computed from the others.",
    source="GS1 General Specifications",
)
def gtin(context: Context) -> Iterator[Said]:
    """GS1's check digit; not all zeros; and in Amazon's stores no number of the ranges that GS1 keeps for use
    inside a company (a warning). Fields of a product type (`attributes.extra`) name their type."""
    config = context.configuration
    amazon = {
        n for n, s in config.stores.items() if (s.spec.get("storefront") or {}).get("platform") == "amazon"
    }
    for sku in config.skus:
        text = sku.spec.get("gtin")
        if text and not (gtin_is_valid(text) and text.strip("0")):
            yield breach(
                sku,
                ("spec", "gtin"),
                f"the check digit of {text} is wrong" if text.strip("0") else f"{text} is no number",
                mend="compare with the package",
            )
        elif (
            text
            and _INSIDE.match(text.zfill(14))
            and any(e["store"] in amazon for e in sku.spec.get("listings") or ())
        ):
            yield breach(
                sku,
                ("spec", "gtin"),
                f"{text} is of the ranges that GS1 keeps for use inside a company: Amazon refuses it",
                mend="use the product's own number, or ask Amazon for an exemption",
                severity="warning",
            )
        facts = sku.spec.get("attributes") or {}
        if facts.get("extra") and facts.get("productType") is None:
            yield breach(
                sku,
                ("spec", "attributes", "extra"),
                f"{sku.spec['sku']} has fields of a product type, and says not of which",
                mend="add attributes.productType",
            )
