"""SKU rules about what else a thing is called: ASINs, GTINs, pools. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import SkuMappingData


@rule(
    "SKU-012",
    "error",
    "One ASIN is one GTIN in a store, and one GTIN one ASIN",
    why="Two products on one page, or one product on two: buyers get the wrong thing, and reviews mix.",
    mend="Correct the ASIN or the GTIN that is mistyped.",
)
def one_page(context: Context) -> Iterator[Said]:
    """Among listings of one store: an ASIN with two GTINs, or a GTIN with two ASINs (multipacks and bundles
    are other products than their parts, and have their own). 614141020010 and 0614141020010 are one GTIN."""
    config = context.configuration
    # By store, so that nothing is built for the many listings that are alone on their page.
    asins: dict[str, dict[str, Spec[SkuMappingData]]] = {}
    gtins: dict[str, dict[str, tuple[str, Spec[SkuMappingData]]]] = {}
    for sku in config.skus:
        gtin = (sku.spec.get("gtin") or "").lstrip("0")
        if not gtin:
            continue
        for index, listing in enumerate(sku.spec.get("listings") or ()):
            asin = listing.get("asin")
            if asin is None:
                continue
            store = listing["store"]
            first = asins.setdefault(store, {}).setdefault(asin, sku)
            if first is not sku and first.spec["gtin"].lstrip("0") != gtin:
                yield breach(
                    sku,
                    ("spec", "listings", index, "asin"),
                    f"{asin} in {store} is GTIN {sku.spec['gtin']} here and {first.spec['gtin']} in {first.name}",
                    mend="one of the two is mistyped, or is another product",
                )
            here = gtins.setdefault(store, {})
            other = here.get(gtin)
            if other is None:
                here[gtin] = (asin, sku)
            elif other[0] != asin:
                yield breach(
                    sku,
                    ("spec", "listings", index, "asin"),
                    f"GTIN {sku.spec['gtin']} in {store} is {asin} here and {other[0]} in {other[1].name}",
                    mend="one of the two is mistyped, or the pages should be merged",
                )


@rule(
    "SKU-022",
    "error",
    "A SKU's location is in one pool only",
    why="The same pieces would be promised twice.",
    mend="Keep one of the two sources.",
)
def one_pool(context: Context) -> Iterator[Said]:
    """No location stands twice among a SKU's sources. A pool is a SKU's own: other SKUs at the same location
    may be of other pools, as their pieces are not the same."""
    config = context.configuration
    for sku in config.skus:
        seen: set[str] = set()
        for index, source in enumerate((sku.spec.get("inventory") or {}).get("sources") or ()):
            if source["location"] in seen:
                yield breach(
                    sku,
                    ("spec", "inventory", "sources", index, "location"),
                    f"{source['location']} stands twice among the sources of {sku.spec['sku']}",
                    mend="keep one of them",
                )
            seen.add(source["location"])
