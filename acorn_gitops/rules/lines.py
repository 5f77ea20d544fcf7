"""Paths of what a spec says. Comes in: a value of a spec. Goes out: the path of every plain value in it.
Callers: rules that ask who wrote a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from acorn_gitops.model.finding import FieldPath


def leaves(value: object, path: FieldPath) -> Iterator[FieldPath]:
    """Every plain value below `path`."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path
