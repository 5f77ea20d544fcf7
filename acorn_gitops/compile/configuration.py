"""Compiles every type of resource. Comes in: a configuration that passed its checks. Goes out:
`DesiredState`. Callers: reconcile, tests."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from acorn_gitops.compile.desired_state import DesiredState
from acorn_gitops.compile.translation import Translation
from acorn_gitops.resources.registry import TYPES
from acorn_gitops.specs.configuration import Configuration


def _translation(type: str) -> Translation:
    """That of the file of the same name."""
    module = import_module(f"acorn_gitops.compile.{type.replace('-', '_')}")
    found: Translation = module.TRANSLATION
    return found


TRANSLATIONS: Final[Mapping[str, Translation]] = {type: _translation(type) for type in TYPES}
"""By type, lower waves first."""


def connections_of(configuration: Configuration) -> dict[str, str]:
    """Which connection holds each store: the one it names, or the only one there is."""
    only = next(iter(configuration.connections)) if len(configuration.connections) == 1 else ""
    return {spec.name: spec.spec.get("connection") or only for spec in configuration.stores.values()}


def compile_configuration(configuration: Configuration) -> DesiredState:
    """All desired resources. The order of specs changes nothing."""
    state = DesiredState()
    for name in configuration.stores:
        state.stores[name] = {}
    for translation in TRANSLATIONS.values():
        translation.compile(configuration, state)
    return state
