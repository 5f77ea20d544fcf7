"""Parts of a run that take time, for whoever watches runs. Comes in: nothing. Goes out: the shape of what is
called when such a part begins. Callers: `reconcile`, `apply`; given in by whoever opens a workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

Spans: TypeAlias = Callable[[str, Mapping[str, str | int]], AbstractContextManager[object]]
"""Begins a part of a run, and answers what is left when it ends. Its name: a verb of acorn for a whole run
(`plan`, `apply`, `drift`); within it `load`, `rules`, and for a store `read`, `write` and `look`. What it is
about: `store`, `connection`, `type` of resource, `changes` (how many). No value of a spec, and no secret."""


def untold(name: str, about: Mapping[str, str | int]) -> AbstractContextManager[object]:
    """Nobody watches."""
    return nullcontext()
