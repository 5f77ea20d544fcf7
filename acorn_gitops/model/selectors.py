"""Choosing by name and label. Comes in: a selector and candidates. Goes out: names. Callers: compile,
rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from acorn_gitops.model.typed import SelectorData

CHOSEN: Final[tuple[Literal["names", "exclude"], ...]] = ("names", "exclude")
"""Parts of a selector that name what they mean."""


def labels_match(wanted: Mapping[str, object] | None, labels: Mapping[str, str]) -> bool:
    """Whether all wanted labels are there; a list of values means any of them."""
    for key, value in (wanted or {}).items():
        have = labels.get(key)
        if have is None or (have not in value if isinstance(value, list) else have != value):
            return False
    return True


def select(selector: SelectorData, candidates: Iterable[tuple[str, Mapping[str, str]]]) -> list[str]:
    """Names among `candidates` (name, labels) that the selector means, sorted.

    Named ones and those whose labels match are joined, then `exclude` is taken away. An empty selector
    selects nothing: "everything" must be said by `all: true`.
    """
    names = frozenset(selector.get("names") or ())
    exclude = frozenset(selector.get("exclude") or ())
    labels = selector.get("labels")
    everything = selector.get("all") is True
    return sorted(
        name
        for name, have in candidates
        if name not in exclude and (everything or name in names or (labels and labels_match(labels, have)))
    )


class Grouped:
    """Candidates that many selectors choose from: those with the same labels are looked at once."""

    def __init__(self, candidates: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        self._groups: dict[tuple[tuple[str, str], ...], tuple[Mapping[str, str], list[str]]] = {}
        self._names: set[str] = set()
        last: Mapping[str, str] | None = None
        into: list[str] = []
        for name, labels in candidates:
            if labels is not last:  # the entries of one list share their labels
                last = labels
                into = self._groups.setdefault(tuple(sorted(labels.items())), (labels, []))[1]
            into.append(name)
            self._names.add(name)

    def select(self, selector: SelectorData) -> list[str]:
        """As `select`."""
        labels = selector.get("labels")
        found = {name for name in selector.get("names") or () if name in self._names}
        for have, names in self._groups.values():
            if selector.get("all") is True or (labels and labels_match(labels, have)):
                found.update(names)
        return sorted(found.difference(selector.get("exclude") or ()))
