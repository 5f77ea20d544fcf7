"""What the default branch calls the stores that a checkout writes to. Comes in: a workspace, a commit. Goes
out: names by store. Caller: `standing_still`.

At some marketplaces (Amazon's) a store's name is the specs' alone, and a checkout can choose another. What
was said of a storefront by its name counts for it all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import orjson

from acorn_gitops.compile.configuration import connections_of
from acorn_gitops.model.finding import AcornError
from acorn_gitops.provenance.earlier import SPECS
from acorn_gitops.reconcile.addresses import one_spelling
from acorn_gitops.reconcile.at_revision import at_revision
from acorn_gitops.reconcile.workspace import Workspace
from acorn_gitops.resources.registry import STORES
from acorn_gitops.specs.configuration import Configuration

if TYPE_CHECKING:
    from acorn_gitops.reconcile.states import States

_NAMED_THERE = frozenset({"network", "vendure"})
"""Adapters whose marketplaces know a store by the name that the specs give it."""
_TEXTS = (*SPECS, ".json")
"""How files are named that specs are made of."""
Place = tuple[str, str, str, str, str]
"""A sort of place, and what the marketplace calls it; whose it is: the seller, the address and the token.
Where these three are not as in the commit, nobody knows whether it is another one of the same name."""
ANY: Final[Place] = ("", "", "", "", "")
"""Of a store of which nobody knows which place it was."""


def called_there(
    workspace: Workspace, state: States, commit: str, environments: Iterable[str], stores: Iterable[str]
) -> Mapping[str, frozenset[str]] | None:
    """By store of a checkout, what it is called here and in a commit, in any of these environments; None
    where the specs of that commit cannot be read. A store that left the checkout is what the ledger says."""
    configuration = state.loaded.configuration
    names = {store: {store} for store in stores}
    here = {
        store: place
        for store in names
        if (place := _place_of(configuration, store) or _place_left(state, store)) is not None
    }
    if here:
        there = _places_in(workspace, commit, environments)
        if there is None:
            return None
        for store, place in here.items():
            if (store, place) not in there:
                names[store] |= {name for name, one in there if place == ANY or one[:2] == place[:2]}
    return {store: frozenset(found) for store, found in names.items()}


def _places_in(
    workspace: Workspace, commit: str, environments: Iterable[str]
) -> frozenset[tuple[str, Place]] | None:
    """The stores of a commit with their places, read once in a run."""
    wanted = (commit, *sorted(environments))
    if wanted not in workspace.places:
        workspace.places[wanted] = _read(workspace, commit, wanted[1:])
    return workspace.places[wanted]


def _read(
    workspace: Workspace, commit: str, environments: Iterable[str]
) -> frozenset[tuple[str, Place]] | None:
    found: set[tuple[str, Place]] = set()
    try:
        with at_revision(workspace, commit, endings=_TEXTS) as there:
            for environment in environments:
                there.environment = environment
                configuration = there.readable()
                for store in configuration.stores:
                    place = _place_of(configuration, store)
                    found |= {(store, place)} if place is not None else set()
    except AcornError:
        return None
    return frozenset(found)


def _place_left(state: States, store: str) -> Place | None:
    """The place that a store was which left the specs, by what was applied to it last."""
    if store in state.loaded.configuration.stores:
        return None
    for (type, _), applied in state.ledger.applied(store).items():
        said = orjson.loads(applied.attributes) if type in STORES else {}
        if said.get("marketplaceId"):
            return "front", str(said["marketplaceId"]), "", "", ""
        if said.get("code"):
            return "place", str(said["code"]), "", "", ""
    settings = state.loaded.configuration.connections.get(state.connection_of(store))
    return ANY if settings is not None and settings["adapter"] not in _NAMED_THERE else None


def _place_of(configuration: Configuration, store: str) -> Place | None:
    """Which place a store's name means, in the marketplace's own words; None where the name itself says it,
    or nothing does."""
    spec = configuration.stores.get(store)
    connection = connections_of(configuration).get(store, "")
    settings = configuration.connections.get(connection)
    if spec is None or settings is None or settings["adapter"] in _NAMED_THERE:
        return None
    front, shop = spec.spec.get("storefront") or {}, spec.spec.get("physical") or {}
    seller = front.get("sellerId") or (settings.get("options") or {}).get("sellerId")
    url = one_spelling(settings["adapter"], str(settings.get("url") or ""))
    whose = str(seller or ""), url, str(settings.get("token") or "")
    if front.get("marketplaceId"):
        return "front", str(front["marketplaceId"]), *whose
    return ("place", str(shop["code"]), *whose) if shop.get("code") else None
