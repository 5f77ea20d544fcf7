"""`field: null` inside a spec means what leaving the field out means."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from acorn_gitops.model.promo import PromoSpec
from acorn_gitops.model.role_permission import RolePermissionSpec
from acorn_gitops.model.sku_mapping import SkuMappingSpec
from acorn_gitops.model.store import StoreSpec
from acorn_gitops.model.tax_rule import TaxRuleSpec
from acorn_gitops.rules.cases import base
from tests.rule_cases import lay_out

MODELS: dict[str, type[BaseModel]] = {
    "Store": StoreSpec,
    "SkuMapping": SkuMappingSpec,
    "RolePermission": RolePermissionSpec,
    "TaxRule": TaxRuleSpec,
    "Promo": PromoSpec,
}


def parts(annotation: Any) -> Iterator[Any]:
    """The models, lists and maps that a field may hold."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from parts(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for one in get_args(annotation):
            yield from parts(one)
    elif annotation is not type(None):
        yield annotation


def optional(model: type[BaseModel], value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Paths of fields that may be left out, of a block and of all blocks inside."""
    for name, info in model.model_fields.items():
        key = info.alias or name
        if not info.is_required():
            yield (*path, key)
        inside = value.get(key) if isinstance(value, dict) else None
        for part in parts(info.annotation):
            yield from within(part, inside, (*path, key))


def within(part: Any, value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(part, type) and issubclass(part, BaseModel):
        if isinstance(value, dict):
            yield from optional(part, value, path)
        return
    items: Any = (
        enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    )
    inner = get_args(part)[-1:] if get_origin(part) in (list, dict) else ()
    for key, entry in items:
        for one in inner:
            for alternative in parts(one):
                yield from within(alternative, entry, (*path, key))


def block_of(document: dict[str, Any], path: tuple[Any, ...]) -> Any:
    """The block that a path ends in; None where it is not there."""
    block: Any = document
    for key in path[:-1]:
        block = block[key] if isinstance(block, list) else (block or {}).get(key)
    return block


DOCUMENTS = {
    name: (document, [*optional(MODELS[kind], document, ())])
    for name, document in sorted(base().items())
    if (kind := name.partition("/")[0]) in MODELS
}
SAID = [
    (name, path)
    for name, (document, paths) in DOCUMENTS.items()
    for path in paths
    if path[-1] in (block_of(document, path) or ())
]


def found(folder: Path, name: str, document: dict[str, Any]) -> Any:
    """Findings of validate with one document changed: id, subject and words."""
    made = lay_out(folder, {name: None})
    kind, _, called = name.partition("/")
    body = {k: v for k, v in document.items() if k not in ("labels", "abstract")}
    metadata = {"name": called, **{k: document[k] for k in ("labels", "abstract") if k in document}}
    made.write({"apiVersion": "acorn/v1", "kind": kind, "metadata": metadata, "spec": body}, file="one.yaml")
    result = made.run("validate", "-o", "json")
    assert result.err == "", result
    return sorted((f["id"], f["subject"], f["message"]) for f in result.json["findings"])


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day of the small repository."""
    monkeypatch.setenv("ACORN_NOW", "2026-11-23T09:00:00Z")


@pytest.mark.parametrize(
    ("name", "path"), SAID, ids=lambda v: v if isinstance(v, str) else ".".join(map(str, v))
)
def test_a_field_that_is_null_is_a_field_that_is_not_there(
    tmp_path: Path, name: str, path: tuple[Any, ...]
) -> None:
    """No rule stumbles over a null, and none says otherwise than without the field."""
    nulled, without = copy.deepcopy(DOCUMENTS[name][0]), copy.deepcopy(DOCUMENTS[name][0])
    block_of(nulled, path)[path[-1]] = None
    del block_of(without, path)[path[-1]]
    assert found(tmp_path / "null", name, nulled) == found(tmp_path / "without", name, without)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_all_that_is_not_said_may_be_null(tmp_path: Path, name: str) -> None:
    """Every field that a document leaves out, written as null at once."""
    document, paths = DOCUMENTS[name]
    nulled = copy.deepcopy(document)
    for path in paths:
        block = block_of(nulled, path)
        if isinstance(block, dict):
            block.setdefault(path[-1], None)
    assert nulled != document
    assert found(tmp_path / "null", name, nulled) == found(tmp_path / "without", name, document)
