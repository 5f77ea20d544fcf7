"""`--select`: which part of the stores is meant. Comes in: patterns and stores' labels. Goes out: a filter.
Callers: cli.

A pattern is a store (`amz-de`, `amz-*`), an address (`*/listing/KTL-*`), a type in a store
(`amz-de/listing`), a label (`region=eu`), or exactly one address, whatever its letters
(`=amz-de/listing/A[1],B`). Patterns are joined: what any of them means is selected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from glob import escape
from typing import Final

from acorn_gitops.resources.registry import TYPES, parse_address

EXACT: Final = "="
"""Before an address that is meant as it is written."""


class Selection:
    """Decides for stores and addresses. Empty: everything."""

    def __init__(self, patterns: Iterable[str], labels: Mapping[str, Mapping[str, str]]) -> None:
        if isinstance(patterns, str):
            raise ValueError(f"takes a list of patterns, and {patterns!r} is one text")  # noqa: TRY004 - told like any wrong pattern
        parts = [
            p.strip()
            for pattern in patterns
            for p in ([pattern] if pattern[:1] == EXACT else pattern.split(","))
        ]
        if not all(parts):
            raise ValueError("an empty pattern selects nothing")
        self.patterns = parts
        self._met: set[int] = set()
        self._stores: list[str] = []
        self._addresses: list[tuple[str, str, str]] = []
        for pattern in self.patterns:
            if pattern.startswith(EXACT):
                self._addresses.append(tuple(map(escape, parse_address(pattern[1:]))))  # type: ignore[arg-type]
            elif "=" in pattern:
                key, _, value = pattern.partition("=")
                stores = [store for store, have in labels.items() if have.get(key) == value]
                if not stores:
                    raise ValueError(f"{pattern!r}: no store has this label")
                self._stores += stores
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
        if self.whole_store(store):
            return True
        found = False
        for number, (s, t, k) in enumerate(self._addresses):
            if fnmatchcase(store, s) and fnmatchcase(type, t) and fnmatchcase(key, k):
                self._met.add(number)
                found = True
        return found

    def unknown_store(self, stores: Iterable[str]) -> str:
        """The first pattern that means none of these stores, or nothing."""
        known = list(stores)
        for pattern in (*self._stores, *(a[0] for a in self._addresses)):
            if not any(fnmatchcase(store, pattern) for store in known):
                return pattern
        return ""

    def idle(self, stores: Iterable[str]) -> list[str]:
        """Address patterns that met no resource of these stores, once all were asked for."""
        known = list(stores)
        return [
            "/".join(address)
            for number, address in enumerate(self._addresses)
            if number not in self._met
            and not all(self.whole_store(store) for store in known if fnmatchcase(store, address[0]))
        ]
