"""Compiles every kind. Comes in: a configuration that passed its checks. Goes out: `DesiredState`.
Caller: cli."""

from __future__ import annotations

from acorn_gitops.compile import promo, role_permission, sku_mapping, store, tax_rule
from acorn_gitops.compile.desired_state import DesiredState
from acorn_gitops.specs.configuration import Configuration


def connections_of(configuration: Configuration) -> dict[str, str]:
    """Which connection holds each store: the one it names, or the only one there is."""
    only = next(iter(configuration.connections)) if len(configuration.connections) == 1 else ""
    return {spec.name: spec.spec.get("connection") or only for spec in configuration.stores.values()}


def compile_configuration(configuration: Configuration) -> DesiredState:
    """All desired resources. The order of specs changes nothing."""
    state = DesiredState()
    for spec in configuration.stores.values():
        state.stores.setdefault(spec.name, {})
        store.compile_store(spec, state)
    tax_rule.compile_tax_classes(configuration, state)
    for spec in configuration.taxes.values():
        tax_rule.compile_tax_rule(spec, configuration, state)
    for spec in configuration.roles.values():
        role_permission.compile_role(spec, configuration, state)
    sku_mapping.compile_skus(configuration, state)
    if configuration.promos:
        catalogue = promo.Catalogue(configuration)
        for spec in configuration.promos.values():
            promo.compile_promo(spec, configuration, catalogue, state)
    return state
