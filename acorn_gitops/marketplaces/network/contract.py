"""The retail network API as an OpenAPI 3.1 document. Comes in: nothing. Goes out: `openapi()`, and the JSON
Schema of each resource type's attributes. Callers: `acorn schema`, the sandbox (which enforces it), tests.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from acorn_gitops.resources.registry import FIXED, TYPES
from acorn_gitops.resources.wire import (
    MONEY,
    Schema,
    block,
    text,
)


def _nullable(schema: Schema) -> Schema:
    if "type" in schema and isinstance(schema["type"], str):
        out = {**schema, "type": [schema["type"], "null"]}
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
        return out
    return {"anyOf": [schema, {"type": "null"}]}


_KEY: Final[Schema] = text(400, pattern=r"^[^\u0000-\u001f\u007f]+$")

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


def misshapen(type: str, attributes: dict[str, Any]) -> str:
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
        found["properties"] = {name: _nullable(_bare(inner)) for name, inner in schema["properties"].items()}
        found["required"] = schema.get("required", [])
    return found


def _inlined(node: Any) -> Any:
    if isinstance(node, list):
        return [_inlined(n) for n in node]
    if isinstance(node, dict):
        if node.get("$ref") == MONEY["$ref"]:
            return _AMOUNT
        return {k: _inlined(v) for k, v in node.items()}
    return node


def openapi() -> Schema:
    """The whole document."""
    problem = {
        "description": "What is wrong, as RFC 9457.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    throttled = {
        **problem,
        "description": "Too many requests; wait as Retry-After says.",
        "headers": {"Retry-After": {"schema": {"type": "integer", "minimum": 0}}},
    }
    unavailable = {**problem, "description": "Not now; send the same again later."}
    errors = {"400": problem, "401": problem, "404": problem, "429": throttled, "503": unavailable}
    too_large = {"413": {**problem, "description": "The body is too large: send fewer rows."}}
    store = {
        "name": "store",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
    }
    type_ = {
        "name": "type",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": list(TYPES)},
    }
    owner = {
        "name": "owner",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
        "description": "Who applies: project/environment, URL-encoded.",
    }
    generation = {"application/json": {"schema": {"$ref": "#/components/schemas/Generation"}}}
    key = {
        "name": "key",
        "in": "path",
        "required": True,
        "schema": _KEY,
        "description": "URL-encoded; may contain slashes when encoded.",
    }
    etag = {"ETag": {"schema": {"type": "string"}, "description": "Version of the resource, for If-Match."}}
    resource = {"application/json": {"schema": {"$ref": "#/components/schemas/Resource"}}}
    if_match = {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "The version that was read; 412 when the resource has moved since.",
    }
    once = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 100},
        "description": "The same key and body have one effect, however often they are sent.",
    }
    changed = {
        "412": {**problem, "description": "The resource has moved."},
        "422": {**problem, "description": "A rule of the marketplace forbids it."},
        **too_large,
        "409": {
            **problem,
            "description": "It exists already, is still in use, or the key was used for something else.",
        },
    }
    attributes = {
        f"{_camel(t.name)}Attributes": block({**t.properties}) | {"required": list(t.required)}
        for t in TYPES.values()
    }
    patches = {
        f"{_camel(t.name)}Patch": block({k: _nullable(v) for k, v in t.properties.items()})
        for t in TYPES.values()
    }
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Retail network API",
            "version": "1.0.0",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "A small contract that a team can put in front of its own back office, so that acorn can manage it: "
            "stores and what they hold, versions by ETag, pages of one snapshot, batches that answer row by row.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": {
            "/v1/stores": {
                "get": {
                    "operationId": "listStores",
                    "summary": "Which stores there are.",
                    "responses": {
                        "200": {
                            "description": "All stores.",
                            "content": {
                                "application/json": {
                                    "schema": block(
                                        {
                                            "stores": {
                                                "type": "array",
                                                "items": block(
                                                    {"store": text(63), "resources": {"type": "integer"}},
                                                    "store",
                                                    "resources",
                                                ),
                                            }
                                        },
                                        "stores",
                                    )
                                }
                            },
                        },
                        "401": problem,
                        "429": throttled,
                        "503": unavailable,
                    },
                }
            },
            "/v1/stores/{store}/resources": {
                "get": {
                    "operationId": "listResources",
                    "summary": "What a store holds, as pages of one snapshot.",
                    "parameters": [
                        store,
                        {
                            "name": "limit",
                            "in": "query",
                            "schema": {"type": "integer", "minimum": 1, "maximum": 5000},
                        },
                        {"name": "cursor", "in": "query", "schema": {"type": "string", "maxLength": 600}},
                        {"name": "type", "in": "query", "schema": {"type": "string", "enum": list(TYPES)}},
                        {
                            "name": "owner",
                            "in": "query",
                            "schema": {"type": "string", "maxLength": 200},
                            "description": "Whose generation the first page tells, too.",
                        },
                        {
                            "name": "since",
                            "in": "query",
                            "schema": {"type": "string", "maxLength": 200},
                            "description": "A version of the store: only what was written after it, and what is gone since. Who"
                            " cannot tell answers with everything, and without `since`.",
                        },
                        {
                            "name": "If-None-Match",
                            "in": "header",
                            "required": False,
                            "schema": {"type": "string"},
                            "description": "A store version that the client remembers; 304 when it is current.",
                        },
                    ],
                    "responses": {
                        "304": {"description": "The store is at the version of If-None-Match."},
                        "200": {
                            "description": "A page. All pages of one reading have the same `snapshot` and `total`.",
                            "headers": {
                                "ETag": {
                                    "schema": {"type": "string"},
                                    "description": "Version of the whole store; moves with every change in it and never comes back.",
                                }
                            },
                            "content": {
                                "application/json": {"schema": {"$ref": "#/components/schemas/Page"}}
                            },
                        },
                        "410": {
                            **problem,
                            "description": "The cursor's snapshot is no longer kept: begin again.",
                        },
                        **errors,
                    },
                }
            },
            "/v1/stores/{store}/resources/{type}/{key}": {
                "get": {
                    "operationId": "getResource",
                    "summary": "One resource.",
                    "parameters": [store, type_, key],
                    "responses": {
                        "200": {"description": "The resource.", "headers": etag, "content": resource},
                        **errors,
                    },
                },
                "put": {
                    "operationId": "createResource",
                    "summary": "Create; refused when it exists.",
                    "parameters": [store, type_, key, once],
                    "requestBody": body,
                    "responses": {
                        "201": {"description": "Created.", "headers": etag, "content": resource},
                        **errors,
                        **changed,
                    },
                },
                "patch": {
                    "operationId": "updateResource",
                    "summary": "Change the given attributes; null clears one (RFC 7396, one level).",
                    "parameters": [store, type_, key, if_match, once],
                    "requestBody": body,
                    "responses": {
                        "200": {"description": "Changed.", "headers": etag, "content": resource},
                        **errors,
                        **changed,
                    },
                },
                "delete": {
                    "operationId": "deleteResource",
                    "summary": "Delete; deleting what is gone is 404.",
                    "parameters": [store, type_, key, if_match, once],
                    "responses": {"204": {"description": "Deleted."}, **errors, **changed},
                },
            },
            "/v1/stores/{store}/generations/{owner}": {
                "get": {
                    "operationId": "getGeneration",
                    "summary": "What an owner (project/environment) last applied to a store; number 0 before the first time.",
                    "parameters": [store, owner],
                    "responses": {
                        "200": {"description": "The generation.", "content": generation},
                        **errors,
                    },
                },
                "put": {
                    "operationId": "advanceGeneration",
                    "summary": "Begin the next generation; refused when `expected` is not the present one.",
                    "parameters": [store, owner],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Advance"}}},
                    },
                    "responses": {
                        "200": {"description": "The generation.", "content": generation},
                        **errors,
                        "412": {**problem, "description": "Another generation stands there."},
                        **too_large,
                    },
                },
            },
            "/v1/stores/{store}/owners/{owner}": {
                "post": {
                    "operationId": "claimResources",
                    "summary": "Mark resources as an owner's that are nobody's so far.",
                    "parameters": [store, owner],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Claim"}}},
                    },
                    "responses": {
                        "200": {
                            "description": "Whose each is now.",
                            "content": {
                                "application/json": {"schema": {"$ref": "#/components/schemas/Owners"}}
                            },
                        },
                        **errors,
                        **too_large,
                    },
                },
            },
            "/v1/stores/{store}/batch": {
                "post": {
                    "operationId": "writeBatch",
                    "summary": "Up to 500 writes in order, each answered for itself.",
                    "parameters": [
                        store,
                        {
                            "name": "validate",
                            "in": "query",
                            "schema": {"type": "boolean"},
                            "description": "Only say what would happen.",
                        },
                    ],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Batch"}}},
                    },
                    "responses": {
                        "200": {
                            "description": "A result for every row, in order.",
                            "content": {
                                "application/json": {"schema": {"$ref": "#/components/schemas/BatchResult"}}
                            },
                        },
                        **too_large,
                        **errors,
                        "412": {
                            **problem,
                            "description": "Nothing was done: another generation has begun (type urn:acorn:generation), or the"
                            " store is at another version (type urn:acorn:version).",
                        },
                    },
                }
            },
        },
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Money": _AMOUNT,
                "Problem": {
                    "type": "object",
                    "required": ["title", "status"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    },
                },
                "Resource": block(
                    {
                        "type": {"type": "string", "enum": list(TYPES)},
                        "key": _KEY,
                        "id": {"type": "string"},
                        "etag": text(100),
                        "attributes": {"type": "object"},
                        "owner": {
                            **text(200),
                            "description": "Who manages it: whoever wrote it last in a generation, or claimed it.",
                        },
                    },
                    "type",
                    "key",
                    "etag",
                    "attributes",
                ),
                "Page": block(
                    {
                        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Resource"}},
                        "total": {"type": "integer"},
                        "snapshot": text(100),
                        "next": {"type": ["string", "null"]},
                        "generation": {"$ref": "#/components/schemas/Generation"},
                        "owners": {
                            "type": "boolean",
                            "description": "Whether this marketplace keeps with each resource who manages it.",
                        },
                        "since": {
                            "type": "string",
                            "description": "Only what changed since this version is told.",
                        },
                        "all": {
                            "type": "integer",
                            "description": "With `since`: how many resources there are.",
                        },
                        "gone": {
                            "type": "array",
                            "description": "With `since`: what was there then and is not any more.",
                            "items": block(
                                {"type": {"type": "string", "enum": list(TYPES)}, "key": _KEY}, "type", "key"
                            ),
                        },
                    },
                    "items",
                    "total",
                    "snapshot",
                    "next",
                ),
                "Generation": block(
                    {
                        "number": {"type": "integer", "minimum": 0},
                        "head": {"type": "string", "maxLength": 100},
                    },
                    "number",
                    "head",
                ),
                "Advance": block(
                    {
                        "number": {"type": "integer", "minimum": 1, "maximum": (1 << 53) - 1},
                        "head": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[ -~]+$"},
                        "expected": {"type": "integer", "minimum": 0, "maximum": (1 << 53) - 2},
                    },
                    "number",
                    "head",
                    "expected",
                ),
                "Claim": block(
                    {
                        "items": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 5000,
                            "items": block(
                                {"type": {"type": "string", "enum": list(TYPES)}, "key": _KEY}, "type", "key"
                            ),
                        }
                    },
                    "items",
                ),
                "Owners": block(
                    {
                        "owners": {
                            "type": "array",
                            "description": "Row by row, whose it is now; null for what is not there.",
                            "items": {"type": ["string", "null"]},
                        }
                    },
                    "owners",
                ),
                "Batch": block(
                    {
                        "owner": {
                            **text(200),
                            "description": "Whose `generation` must be the present one of the store.",
                        },
                        "generation": {"type": "integer", "minimum": 0},
                        "ifVersion": {
                            **text(200),
                            "description": "The version at which the store must be. Of a batch that is repeated, rows that were"
                            " carried out already are answered again, and every other row with 412.",
                        },
                        "items": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 500,
                            "items": block(
                                {
                                    "op": {"type": "string", "enum": ["create", "update", "delete"]},
                                    "type": {"type": "string", "enum": list(TYPES)},
                                    "key": _KEY,
                                    "attributes": {"type": "object"},
                                    "ifMatch": text(100),
                                    "idempotencyKey": text(100),
                                    "takenFrom": {
                                        **text(200),
                                        "description": "Who manages the resource so far. A batch of one owner changes nothing that belongs"
                                        " to another one without naming him (409).",
                                    },
                                },
                                "op",
                                "type",
                                "key",
                                "idempotencyKey",
                            ),
                        },
                    },
                    "items",
                ),
                "BatchResult": block(
                    {
                        "version": {"type": "string", "description": "The store's version afterwards."},
                        "items": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["status"],
                                "properties": {
                                    "status": {"type": "integer"},
                                    "etag": {"type": "string"},
                                    "id": {"type": "string"},
                                    "problem": {"$ref": "#/components/schemas/Problem"},
                                },
                            },
                        },
                    },
                    "items",
                ),
                **attributes,
                **patches,
            },
        },
        "x-immutable-attributes": {t: sorted(names) for t, names in FIXED.items()},
    }


def _camel(type: str) -> str:
    return "".join(part.capitalize() for part in type.split("-"))
