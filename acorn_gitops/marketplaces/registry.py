"""Adapters by name. Comes in: settings. Goes out: an open marketplace. Caller: cli.

Found by the entry point group `acorn_gitops.marketplaces`; the built-in ones need no look-up, which would
cost start-up time."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from acorn_gitops.marketplaces.protocol import Marketplace, Settings
from acorn_gitops.model.finding import InvalidSpecs

GROUP: Final = "acorn_gitops.marketplaces"
BUILT_IN: Final = {
    "amazon": "acorn_gitops.marketplaces.amazon",
    "network": "acorn_gitops.marketplaces.network",
    "vendure": "acorn_gitops.marketplaces.vendure",
}


def open_marketplace(settings: Settings, **parts: object) -> Marketplace:
    """The adapter that a connection names, opened. InvalidSpecs when there is none of that name."""
    if settings.adapter in BUILT_IN:
        opener: Callable[..., Marketplace] = import_module(BUILT_IN[settings.adapter]).open_marketplace
        return opener(settings, **parts)
    from importlib.metadata import entry_points

    found = {point.name: point for point in entry_points(group=GROUP)}
    if settings.adapter not in found:
        known = ", ".join(sorted({*found, *BUILT_IN}))
        raise InvalidSpecs(
            f"connection {settings.name}: there is no adapter {settings.adapter}", hint=f"installed: {known}"
        )
    chosen: Callable[..., Marketplace] = found[settings.adapter].load()
    return chosen(settings)
