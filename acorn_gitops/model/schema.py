"""JSON Schemas of the five kinds and of acorn.yaml, made from the pydantic models.

Comes in: the models. Goes out: schemas (draft 2020-12) fit for yaml-language-server: descriptions for
hover, enums and examples for completion, no noise from optional fields. Callers: `acorn schema`, tests.
The same files are the bulk gate at run time (`specs.gate`), so that the editor and the tool cannot disagree.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from acorn_gitops.model.kinds import DOCUMENTS
from acorn_gitops.model.policy import PolicyDocument
from acorn_gitops.model.project import ProjectDocument

DIALECT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://acorn-gitops.dev/schemas/v1"

Schema = dict[str, Any]


def all_schemas(types: Sequence[str]) -> dict[str, Schema]:
    """File name to schema, where there are these types of resources: one for each kind, `acorn.json` for any
    of them, `overlay.json` where nothing is required, `Project.json` for acorn.yaml."""
    out = {f"{kind}.json": _schema_of(model, kind) for kind, model in DOCUMENTS.items()}
    out["Project.json"] = _named(_schema_of(ProjectDocument, "Project"), types)
    out["Policy.json"] = _schema_of(PolicyDocument, "Policy")
    out["acorn.json"] = {
        "$schema": DIALECT,
        "$id": f"{BASE}/acorn.json",
        "title": "acorn spec",
        "description": "Any of the five kinds.",
        "oneOf": [{"$ref": f"{kind}.json"} for kind in DOCUMENTS],
    }
    branches: list[Schema] = []
    definitions: Schema = {}
    for kind in DOCUMENTS:
        partial = _without_required(copy.deepcopy(out[f"{kind}.json"]))
        partial["required"] = ["apiVersion", "kind", "metadata"]
        prefix = f"{kind}_"
        definitions.update({prefix + k: _prefixed(v, prefix) for k, v in partial.pop("$defs").items()})
        for key in ("$schema", "$id"):
            partial.pop(key)
        branches.append(_prefixed(partial, prefix))
    out["overlay.json"] = {
        "$schema": DIALECT,
        "$id": f"{BASE}/overlay.json",
        "title": "acorn overlay",
        "description": "A part of a spec, merged over the spec of the same kind and name in one environment.",
        "oneOf": branches,
        "$defs": definitions,
    }
    return out


class _Generator(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schema_of(model: type[BaseModel], name: str) -> Schema:
    raw = model.model_json_schema(schema_generator=_Generator)
    schema = _tidy(raw)
    assert isinstance(schema, dict)
    return {"$schema": DIALECT, "$id": f"{BASE}/{name}.json"} | schema


def _tidy(node: object) -> object:
    """Drop null defaults, fold `anyOf [T, null]` into a nullable type, copy descriptions to Markdown."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _tidy(value) for key, value in node.items()}
    if "patternProperties" in node:  # pydantic checks every key of a map; JSON Schema only when told
        node["additionalProperties"] = False
    if node.get("default", 0) is None:
        del node["default"]
    options = node.get("anyOf")
    if isinstance(options, list) and len(options) == 2 and {"type": "null"} in options:
        inner = next(o for o in options if o != {"type": "null"})
        outer = {key: value for key, value in node.items() if key != "anyOf"}
        if (
            "$ref" not in inner
            and isinstance(inner.get("type"), str)
            and "enum" not in inner
            and "const" not in inner
        ):
            node = {**inner, "type": [inner["type"], "null"], **outer}
        elif "enum" in inner:
            node = {**inner, **outer}
            node.pop("type", None)
            node["enum"] = [*inner["enum"], None]
    return node


def _named(node: object, types: Sequence[str]) -> Any:
    """With the names of types of resources where the models only say that there is one."""
    if isinstance(node, list):
        return [_named(item, types) for item in node]
    if not isinstance(node, dict):
        return node
    if "x-names" not in node:
        return {key: _named(value, types) for key, value in node.items()}
    return {"enum": [*types]} | {k: v for k, v in node.items() if k != "x-names"}


def _without_required(node: object) -> Any:
    if isinstance(node, list):
        return [_without_required(item) for item in node]
    if isinstance(node, dict):
        return {
            k: _without_required(v) for k, v in node.items() if k != "required" or not isinstance(v, list)
        }
    return node


def _prefixed(node: object, prefix: str) -> Any:
    if isinstance(node, list):
        return [_prefixed(item, prefix) for item in node]
    if isinstance(node, dict):
        return {
            k: v.replace("#/$defs/", f"#/$defs/{prefix}") if k == "$ref" else _prefixed(v, prefix)
            for k, v in node.items()
        }
    return node
