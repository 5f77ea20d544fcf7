"""What the specs want, store by store. Comes in: resources as the kinds compile them. Goes out: a mapping
that diff walks one store at a time. Callers: the kinds' files, plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acorn_gitops.model.money import one_spelling
from acorn_gitops.model.resource import Desired
from acorn_gitops.resources.registry import TYPES

Key = tuple[str, str]
"""Resource type and key inside a store."""


_NUMBERED = frozenset(type.name for type in TYPES.values() if type.numbered)


class DesiredState:
    """Desired resources by store."""

    __slots__ = ("stores",)

    def __init__(self) -> None:
        self.stores: dict[str, dict[Key, Desired]] = {}

    def add(self, store: str, type: str, key: str, desired: Desired) -> None:
        """Add a resource. ValueError when the address is taken: two specs may never share one."""
        if type in _NUMBERED:
            desired = desired._replace(attributes=one_spelling(desired.attributes))
        shard = self.stores.get(store)
        if shard is None:
            shard = self.stores[store] = {}
        if shard.setdefault((type, key), desired) is not desired:
            first = shard[(type, key)].origin
            raise ValueError(f"{store}/{type}/{key} is declared by {first} and by {desired.origin}")

    def __len__(self) -> int:
        return sum(map(len, self.stores.values()))


def without_none(block: Mapping[str, object] | None) -> dict[str, Any]:
    """A block's declared, non-null fields: inside a block null means absent."""
    return {k: v for k, v in (block or {}).items() if v is not None}
