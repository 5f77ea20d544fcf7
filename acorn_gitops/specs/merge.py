"""Strategic merge: maps deep, lists replaced, null clears. Comes in: layers of plain data. Goes out: one
tree, and on request which layer each value came from. Callers: `resolve`, `explain`.

A null stays in the merged tree: it says "clear this" to the marketplace, and hides what lower layers said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acorn_gitops.model.finding import FieldPath


def merge(under: object, over: object) -> Any:
    """`over` laid over `under`; neither is changed."""
    if type(over) is dict and type(under) is dict:
        out = dict(under)
        for key, value in over.items():
            out[key] = merge(out[key], value) if key in out else value
        return out
    return over


def merge_all(layers: Sequence[object]) -> Any:
    """All layers from lowest to highest."""
    out: Any = {}
    for layer in layers:
        out = merge(out, layer)
    return out


def origins(layers: Sequence[tuple[str, object]]) -> dict[FieldPath, str]:
    """The layer that each leaf of the merged tree came from, by path. Lists and empty maps are leaves."""
    found: dict[FieldPath, str] = {}

    def walk(name: str, value: object, path: FieldPath) -> None:
        if isinstance(value, Mapping) and value:
            found.pop(path, None)
            for key, inner in value.items():
                walk(name, inner, (*path, key))
            return
        for known in [p for p in found if p[: len(path)] == path]:
            del found[known]
        found[path] = name

    for name, layer in layers:
        walk(name, layer, ())
    return found
