"""Below what a listing must not be sold. Comes in: a SKU, a store, which floors are to be respected. Goes
out: the highest of them. Callers: `calendar`, rules `promo.price`, cli `price` and views.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal

from acorn_gitops.engines.pricing.offer import minor
from acorn_gitops.model.money import MoneyError
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import PromoData, SkuMappingData


_WORDS: Final[tuple[tuple[Literal["min", "map"], str], ...]] = (
    ("min", "floor"),
    ("map", "minimum advertised price"),
)


def floor_of(
    sku: Spec[SkuMappingData], store: str, currency: str, respect: frozenset[str]
) -> tuple[int, str] | None:
    """The highest floor of a listing that is to be respected, in minor units, and its name."""
    policy = sku.spec.get("pricePolicy") or {}
    floors = []
    for part, words in _WORDS:
        bound = (policy.get(part) or {}).get(store)
        if bound is not None and part in respect:
            try:
                floors.append((minor(bound, currency), words))
            except (MoneyError, KeyError):
                continue
    return max(floors, default=None)


def respected(promos: Iterable[Spec[PromoData]]) -> frozenset[str]:
    """Which floors hold while these promotions do: the floor always; the minimum advertised price unless each
    of them says what it respects, and that is not among it."""
    wanted = {"min"}
    for promo in promos:
        said = (promo.spec.get("floors") or {}).get("respect")
        wanted |= set(said) if said is not None else {"map"}
    return frozenset(wanted)
