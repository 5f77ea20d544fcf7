"""`--select`: which part of the stores is meant. Comes in: patterns and stores' labels. Goes out: a filter.
Callers: cli.

A pattern is a store (`amz-de`, `amz-*`), an address (`*/listing/KTL-*`), a type in a store (`amz-de/listing`)
or a label (`region=eu`). Patterns are joined: what any of them means is selected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from acorn_gitops.model.resource import TYPES


class Selection:
    """Decides for stores and addresses. Empty: everything."""

    def __init__(self, patterns: Iterable[str], labels: Mapping[str, Mapping[str, str]]) -> None:
        self.patterns = [p.strip() for pattern in patterns for p in pattern.split(",") if p.strip()]
        self._stores: list[str] = []
        self._addresses: list[tuple[str, str, str]] = []
        for pattern in self.patterns:
            if "=" in pattern:
                key, _, value = pattern.partition("=")
                self._stores += [store for store, have in labels.items() if have.get(key) == value] or [""]
            elif "/" in pattern:
                store, type, key = (*pattern.split("/", 2), "*")[:3]
                if type not in TYPES and not any(c in type for c in "*?["):
                    raise ValueError(
                        f"{pattern!r}: there is no resource type {type}; one of {', '.join(TYPES)}"
                    )
                self._addresses.append((store, type, key))
            else:
                self._stores.append(pattern)

    def store(self, name: str) -> bool:
        """Whether anything of a store is selected: others are not even read."""
        if not self.patterns:
            return True
        return any(fnmatchcase(name, p) for p in self._stores) or any(
            fnmatchcase(name, a[0]) for a in self._addresses
        )

    def whole_store(self, name: str) -> bool:
        """Whether all of a store is selected."""
        return not self.patterns or any(fnmatchcase(name, p) for p in self._stores)

    def resource(self, store: str, type: str, key: str) -> bool:
        """Whether one resource is selected."""
        return self.whole_store(store) or any(
            fnmatchcase(store, s) and fnmatchcase(type, t) and fnmatchcase(key, k)
            for s, t, k in self._addresses
        )
