"""The retail network API as an OpenAPI 3.1 document. Comes in: nothing. Goes out: `openapi()`, and the JSON
Schema of each resource type's attributes. Callers: `acorn schema`, the sandbox (which enforces it), tests.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from acorn_gitops.resources.registry import FIXED, TYPES
from acorn_gitops.resources.wire import (
    MONEY,
    Schema,
    block,
)


def _nullable(schema: Schema) -> Schema:
    if "type" in schema and isinstance(schema["type"], str):
        out = {**schema, "type": [schema["type"], "null"]}
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
        return out
    return {"anyOf": [schema, {"type": "null"}]}


_AMOUNT: Final[Schema] = block(
    {
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "value": {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,12})(\.[0-9]{1,4})?$"},
    },
    "currency",
    "value",
) | {"description": "An amount as decimal text with its currency's minor units. Never a number."}


def attributes_schema(type: str, *, creation: bool) -> Schema:
    """The JSON Schema of a type's attributes: on creation the required ones must be there; a patch may clear
    by null."""
    known = TYPES[type]
    properties, required = known.properties, known.required
    schema = block(
        {k: v if creation else _nullable(v) for k, v in properties.items()}, *(required if creation else ())
    )
    if creation:
        schema["properties"] = {k: v if k in required else _nullable(v) for k, v in properties.items()}
    return {**_inlined(schema), "$schema": "https://json-schema.org/draft/2020-12/schema"}


SHAPED: Final = frozenset(type.name for type in TYPES.values() if type.told_apart)
"""Types of which what is read is taken apart: rights, discounts, conditions."""


def misshapen(type: str, attributes: dict[str, object]) -> str:
    """What of a resource that is read back has not the shape that its type has: where text, a list or a block
    should be is something else. Names, lengths and attributes of tomorrow are nobody's business here. Empty
    where all is well."""
    validator = _shape(type)
    if validator.is_valid(attributes):
        return ""
    error = next(iter(validator.iter_errors(attributes)))
    return f"{'.'.join(map(str, error.instance_path))} is not what it can be: {error.message}"


@cache
def _shape(type: str) -> Any:
    import jsonschema_rs

    properties = {name: _nullable(_bare(schema)) for name, schema in TYPES[type].properties.items()}
    return jsonschema_rs.Draft202012Validator({"type": "object", "properties": properties})


def _bare(schema: Schema) -> Schema:
    """Of a schema what it says of shapes alone."""
    if "$ref" in schema:
        return {"type": "object"}
    found: Schema = {"type": schema["type"]}
    if "items" in schema:
        found["items"] = _bare(schema["items"])
    if "properties" in schema:
        required = schema.get("required", [])
        found["properties"] = {
            name: _bare(inner) if name in required else _nullable(_bare(inner))
            for name, inner in schema["properties"].items()
        }
        found["required"] = required
    return found


def _inlined(node: object) -> Any:
    if isinstance(node, list):
        return [_inlined(n) for n in node]
    if isinstance(node, dict):
        if node.get("$ref") == MONEY["$ref"]:
            return _AMOUNT
        return {k: _inlined(v) for k, v in node.items()}
    return node


def openapi() -> Schema:
    """The whole document: `openapi.json` beside this file, with what is known of types of resources."""
    document: Schema = orjson.loads(Path(__file__).with_name("openapi.json").read_bytes())
    schemas = document["components"]["schemas"]
    for known in TYPES.values():
        made = block({**known.properties}) | {"required": list(known.required)}
        schemas[f"{_camel(known.name)}Attributes"] = made
        patch = {name: _nullable(schema) for name, schema in known.properties.items()}
        schemas[f"{_camel(known.name)}Patch"] = block(patch)
    document["x-immutable-attributes"] = {type: sorted(names) for type, names in FIXED.items()}
    filled = _with_types(document)
    assert isinstance(filled, dict)
    return filled


_TYPES: Final = "types of resources"
"""In the document, in place of the names of all types."""


def _with_types(node: object) -> object:
    if isinstance(node, list):
        return [_with_types(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: [*TYPES] if key == "enum" and value == _TYPES else _with_types(value)
        for key, value in node.items()
    }


def _camel(type: str) -> str:
    return "".join(part.capitalize() for part in type.split("-"))
