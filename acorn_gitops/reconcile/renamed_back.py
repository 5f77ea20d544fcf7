"""What was renamed since, to be renamed back. Comes in: the specs as they are, and as they were. Goes out:
edits of the files as they were. Caller: `rolling_back`.

Whoever goes back behind a rename would have everything deleted and made anew, with all that the marketplace
keeps of it (reviews, texts, pictures). What was called otherwise then says so, by `movedFrom`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from acorn_gitops.model.finding import AcornError, FieldPath
from acorn_gitops.specs.configuration import Configuration, Spec
from acorn_gitops.specs.edit import Edit, set_values
from acorn_gitops.specs.load import Loaded


class Back(NamedTuple):
    """A resource that has another name now."""

    file: str
    document: int
    path: FieldPath
    now: str
    """What it is called now."""


Renames = Mapping[str, Mapping[str, str]]
"""By store, what listings are called now, by any of their former keys."""


def renamed_back(now: Loaded, then: Loaded, renames: Renames) -> list[Back]:
    """Where the specs as they were have to say what their resources are called now: as the specs of now say,
    and of listings as the ledger knows. What was declared in a table is left out: a row says no
    `movedFrom`."""
    return [*_documents(now.configuration, then.configuration), *_listings(now, then, renames)]


def edited(content: bytes, backs: list[Back]) -> bytes:
    """A file as it was, with what its resources are called now; as it was where it cannot be edited."""
    if not backs:
        return content
    edits = [Edit(one.document, one.path, one.now) for one in backs]
    try:
        return set_values(content.decode("utf-8"), backs[0].file, edits).encode()
    except (AcornError, UnicodeDecodeError):
        return content


def _documents(now: Configuration, then: Configuration) -> Iterator[Back]:
    kinds = ((now.roles, then.roles), (now.taxes, then.taxes), (now.promos, then.promos))
    for present, former in kinds:
        for spec in present.values():
            old = former.get(spec.moved_from or "")
            if old is not None and spec.name not in former and old.name not in present:
                yield from _back(then, old, ("metadata", "movedFrom"), now=spec.name)


def _listings(now: Loaded, then: Loaded, renames: Renames) -> Iterator[Back]:
    former = _keys(then.configuration)
    present = _keys(now.configuration)
    said = {(store, old): key for (store, key), (_, _, old) in present.items() if old}
    for (store, old), (spec, index, _) in former.items():
        if (store, old) in present:
            continue
        key = said.get((store, old)) or renames.get(store, {}).get(old, "")
        if (store, key) in present and (store, key) not in former:
            yield from _back(then.configuration, spec, ("spec", "listings", index, "movedFrom"), now=key)


def _keys(configuration: Configuration) -> Mapping[tuple[str, str], tuple[Spec, int, str]]:
    """By store and key: the SKU, the number of the listing in it, and its former key."""
    return {
        (entry["store"], entry.get("sellerSku") or spec.spec["sku"]): (
            spec,
            index,
            entry.get("movedFrom") or "",
        )
        for spec in configuration.skus
        for index, entry in enumerate(spec.spec.get("listings") or ())
    }


def _back(then: Configuration, spec: Spec, path: FieldPath, *, now: str) -> Iterator[Back]:
    layer = next((one for one in reversed(then.layers_of(spec)) if one.what == "spec"), None)
    if layer is None or not layer.raw.file.lower().endswith((".yaml", ".yml")):
        return
    if layer.raw.item_file != layer.raw.file:
        return  # the items lie in a table
    inner = path[1:] if layer.path[:1] == ("spec",) else path
    yield Back(layer.raw.file, layer.raw.position, path=(*layer.path, *inner), now=now)
