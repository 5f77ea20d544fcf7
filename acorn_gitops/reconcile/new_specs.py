"""Specs for what stores hold and nobody declares. Comes in: what stores hold, and the specs. Goes out: the
texts of new and extended files, and what stays unmanaged. Callers: `importing`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from acorn_gitops.compile.decompile import decompile
from acorn_gitops.marketplaces.protocol import Central
from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.reconcile.states import States, StoreView
from acorn_gitops.reconcile.written_back import extend
from acorn_gitops.specs.configuration import Spec
from acorn_gitops.specs.edit import written
from acorn_gitops.specs.resolve import name_of_sku
from acorn_gitops.specs.text import unseen

if TYPE_CHECKING:
    from acorn_gitops.model.typed import SkuMappingData


def new_specs(
    root: Path,
    state: States,
    collected: list[StoreView],
    to: str,
    refused: Collection[str] = (),
    without: Collection[Address] = (),
) -> tuple[dict[str, str], list[str]]:
    """New documents for resources that no spec declares, but for those that are refused (`Kind/name`), and
    `without` these. Of a store that is refused nothing is said: what others have as well is said for them."""
    config = state.loaded.configuration
    collected = [view for view in collected if f"Store/{view.store}" not in refused]
    foreign: dict[Address, Attributes] = {}
    unsayable: list[str] = []
    for view in collected:
        for key, have in view.live.items():
            address = Address(view.store, *key)
            if key in view.desired or not state.selection.resource(*address) or address in without:
                continue
            said, why = _sayable(address, have.attributes)
            if said is not None:
                foreign[address] = said
            unsayable += [why] if why else []
    twice = _of_others(state, collected)
    for address in foreign.keys() & twice.keys():
        del foreign[address]
    taken = {f"{s.kind}/{s.name}" for s in config.specs()}
    made = decompile(foreign, taken)
    files: dict[str, str] = {}
    notes = [f"{address} stays unmanaged: {why}" for address, why in made.unsaid]
    notes += [*made.undeclared, *sorted(unsayable)]
    notes += [
        f"{address} is {store}'s: this marketplace has it here, too"
        for address, store in sorted(twice.items())
    ]
    notes += [f"{view.store} stays as it is: {why}" for view in collected for why in view.ambiguous.values()]
    folder = to or f"{state.loaded.project.spec_paths[0].rstrip('/')}/imported"
    mapped = {s.spec["sku"]: s for s in config.skus}
    twins = {code.strip().casefold(): code for code in mapped}
    fresh: list[dict[str, object]] = []
    for item in made.skus:
        if item["sku"] in mapped or f"SkuMapping/{item.get('name') or name_of_sku(item['sku'])}" in refused:
            continue
        other = twins.setdefault(item["sku"].strip().casefold(), item["sku"])
        if other == item["sku"]:
            fresh.append(item)
        else:
            notes.append(
                f"{item['sku']!r} stays unmanaged: but for letters' case or blanks it is {other!r}; rename one of them"
            )
    notes += [
        f"{address} stays unmanaged: {address.key} is mapped already; name the place in its `inventory.sources`"
        for address in sorted(foreign)
        if address.type == "stock" and address.key in mapped
    ]
    extended: list[Spec[SkuMappingData]] = []
    for item in made.skus:
        spec = mapped.get(item["sku"])
        if spec is not None and f"SkuMapping/{spec.name}" not in refused:
            extended += extend(config, spec, item, files=files, notes=notes)
    for spec in extended:
        spec.spec["listings"].pop()  # it was there for the places of the next
    stores = [d for d in made.stores if f"Store/{d['metadata']['name']}" not in refused]
    by_kind: dict[str, list[dict[str, object]]] = {"stores": stores}
    for document in made.others:
        if f"{document['kind']}/{document['metadata']['name']}" in refused:
            continue
        by_kind.setdefault(
            {"RolePermission": "roles", "TaxRule": "tax", "Promo": "promos"}[document["kind"]], []
        ).append(document)
    if fresh:
        lists = {str(raw.data["metadata"]["name"]) for raw in config.raws.values()}
        name = _free("imported", {s.name for s in config.skus} | lists)
        by_kind["skus"] = [
            {
                "apiVersion": "acorn/v1",
                "kind": "SkuMapping",
                "metadata": {"name": name},
                "spec": {"items": fresh},
            }
        ]
    if len(config.connections) > 1:
        for document in stores:
            document["spec"]["connection"] = state.connections[document["metadata"]["name"]]
    for kind, documents in by_kind.items():
        if documents:
            path = _unused(root, f"{folder}/{kind}")
            files[path] = written(documents)
    return files, notes


_OPTIONAL: Final = frozenset({"title"})
"""What a spec need not say."""


def _sayable(address: Address, attributes: Attributes) -> tuple[Attributes | None, str]:
    """What a spec can say of a resource (None where it can say nothing), and what it cannot, in words: text
    that no spec may hold."""
    said = {name: value for name, value in attributes.items() if not _wrong(value)}
    odd = sorted(attributes.keys() - said.keys())
    lost = [f"its {name} holds {_wrong(attributes[name])}" for name in odd]
    if why := _wrong(address.key):
        lost.append(f"its key holds {why}")
    if not lost:
        return said, ""
    if not why and _OPTIONAL.issuperset(odd):
        return said, f"{address} is left as it is in part: {'; '.join(lost)}"
    return None, f"{address} stays unmanaged: {'; '.join(lost)}"


def _wrong(value: object) -> str:
    """What no spec can say of a value as it is: empty where it can."""
    if isinstance(value, str):
        return (unseen(value) or ("", ""))[1]
    inner = [*value, *value.values()] if isinstance(value, Mapping) else value
    return next(filter(None, map(_wrong, inner)), "") if isinstance(inner, list) else ""


def _of_others(state: States, collected: Sequence[StoreView]) -> dict[Address, str]:
    """Promotions that a marketplace shows in its central store, too, and the store whose they are: taken in
    twice they would be managed twice."""
    owners: dict[tuple[str, str], str] = {}
    mine: list[tuple[Address, tuple[str, str]]] = []
    for view in collected:
        marketplace = state.marketplaces.get(view.connection)
        if not isinstance(marketplace, Central):
            continue
        for (type, key), have in view.live.items():
            if type != "promotion" or not have.remote_id:
                continue
            identity = (view.connection, have.remote_id)
            if view.store == marketplace.central():
                mine.append((Address(view.store, type, key), identity))
            else:
                owners.setdefault(identity, view.store)
    return {address: owners[identity] for address, identity in mine if identity in owners}


def _free(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _unused(root: Path, stem: str) -> str:
    path, number = f"{stem}.yaml", 2
    while (root / path).exists():
        path, number = f"{stem}-{number}.yaml", number + 1
    return path
