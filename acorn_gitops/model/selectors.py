"""Choosing by name and label. Comes in: a selector and candidates. Goes out: names. Callers: compile, rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def labels_match(wanted: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether all wanted labels are there; a list of values means any of them."""
    for key, value in (wanted or {}).items():
        have = labels.get(key)
        if have is None or (have not in value if isinstance(value, list) else have != value):
            return False
    return True


def select(selector: Mapping[str, Any], candidates: Iterable[tuple[str, Mapping[str, str]]]) -> list[str]:
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
