"""Adapters by name. Comes in: settings. Goes out: an open marketplace. Caller: cli.

Found by the entry point group `acorn_gitops.marketplaces`; the built-in one needs no look-up, which would
cost start-up time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acorn_gitops.marketplaces.protocol import Marketplace, Settings
from acorn_gitops.model.finding import InvalidSpecs

GROUP = "acorn_gitops.marketplaces"


def open_marketplace(settings: Settings, **parts: Any) -> Marketplace:
    """The adapter that a connection names, opened. InvalidSpecs when there is none of that name."""
    if settings.adapter == "network":
        from acorn_gitops.marketplaces.network import open_marketplace as opener

        return opener(settings, **parts)
    from importlib.metadata import entry_points

    found = {point.name: point for point in entry_points(group=GROUP)}
    if settings.adapter not in found:
        known = ", ".join(sorted({*found, "network"}))
        raise InvalidSpecs(
            f"connection {settings.name}: there is no adapter {settings.adapter}", hint=f"installed: {known}"
        )
    chosen: Callable[..., Marketplace] = found[settings.adapter].load()
    return chosen(settings)
