"""The retail network API as an OpenAPI 3.1 document. Comes in: nothing. Goes out: `openapi()`, and the JSON
Schema of each resource type's attributes. Callers: `acorn schema`, the sandbox (which enforces it), tests.
"""

from __future__ import annotations

from typing import Any, Final

from acorn_gitops.model.resource import IMMUTABLE, TYPES

Schema = dict[str, Any]


def _text(maximum: int = 500, **more: Any) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": maximum, **more}


def _block(properties: dict[str, Schema], *required: str) -> Schema:
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return schema | ({"required": list(required)} if required else {})


def _nullable(schema: Schema) -> Schema:
    if "type" in schema and isinstance(schema["type"], str):
        out = {**schema, "type": [schema["type"], "null"]}
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
        return out
    return {"anyOf": [schema, {"type": "null"}]}


_KEY: Final[Schema] = _text(400, pattern=r"^[^\u0000-\u001f\u007f]+$")
_DATE: Final[Schema] = {"type": "string", "format": "date"}
_INSTANT: Final[Schema] = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
}
_DECIMAL: Final[Schema] = {"type": "string", "pattern": r"^-?[0-9]{1,13}(\.[0-9]{1,8})?$"}
_MONEY: Final[Schema] = {"$ref": "#/components/schemas/Money"}
_BOOL: Final[Schema] = {"type": "boolean"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 100_000_000}
_TEXTS: Final[Schema] = {"type": "array", "items": _text(), "maxItems": 200_000}
_FREE: Final[Schema] = {"type": "object"}
_SPANS: Final[Schema] = {
    "type": "array",
    "items": {"type": "array", "items": _text(5), "minItems": 2, "maxItems": 2},
}

ATTRIBUTES: Final[dict[str, tuple[dict[str, Schema], tuple[str, ...]]]] = {
    "storefront": (
        {
            "platform": _text(40),
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "sellerId": _text(100),
            "marketplaceId": _text(100),
            "country": _text(2),
            "region": _text(10),
            "environment": _text(20),
            "timezone": _text(60),
            "languages": _TEXTS,
            "pricesIncludeTax": _BOOL,
            "lifecycle": _text(20),
            "entitlements": _FREE,
        },
        ("platform", "currency"),
    ),
    "location": (
        {
            "code": _text(100),
            "alias": _text(),
            "timezone": _text(60),
            "address": _block(
                {
                    "countryCode": _text(2),
                    "lines": {**_TEXTS, "minItems": 1, "maxItems": 4},
                    "locality": _text(),
                    "administrativeArea": _text(),
                    "postalCode": _text(20),
                    "phone": _text(20),
                },
                "countryCode",
                "lines",
            ),
            "geo": _block({"lat": _DECIMAL, "lon": _DECIMAL}, "lat", "lon"),
            "hours": {"type": "object", "additionalProperties": _SPANS},
            "exceptions": {
                "type": "array",
                "items": _block({"date": _DATE, "hours": _SPANS}, "date", "hours"),
            },
            "capabilities": _FREE,
            "throughput": _block({"orders": _COUNT, "per": _text(10)}, "orders", "per"),
            "safetyStock": _block({"default": _COUNT}, "default"),
        },
        ("code", "address"),
    ),
    "tax-class": ({"name": _text(63)}, ("name",)),
    "tax-rule": (
        {
            "validFrom": _DATE,
            "validTo": _DATE,
            "liableParty": _text(20),
            "treatment": _text(20),
            "supply": _FREE,
            "customer": _FREE,
            "seller": _FREE,
            "goods": _FREE,
            "value": _FREE,
            "rate": _FREE,
            "taxes": {
                "type": "array",
                "minItems": 1,
                "maxItems": 5,
                "items": _block(
                    {"name": _text(30), "percent": _DECIMAL, "liableParty": _text(20)}, "name", "percent"
                ),
            },
            "scheme": _text(20),
            "invoice": _FREE,
            "enabled": _BOOL,
            "priority": {"type": "integer"},
        },
        ("validFrom", "liableParty", "treatment"),
    ),
    "role": (
        {
            "rules": {
                "type": "array",
                "minItems": 1,
                "items": _block(
                    {"resources": _TEXTS, "verbs": _TEXTS, "constraints": _FREE}, "resources", "verbs"
                ),
            },
            "validFrom": _DATE,
            "validUntil": _DATE,
            "breakGlass": _BOOL,
        },
        ("rules",),
    ),
    "grant": (
        {
            "role": _text(200),
            "subject": _block(
                {"kind": {"type": "string", "enum": ["user", "group", "app"]}, "id": _text(300)}, "kind", "id"
            ),
            "employment": _text(20),
            "mfa": _BOOL,
        },
        ("role", "subject"),
    ),
    "listing": (
        {
            "sku": _text(40),
            "gtin": _text(14),
            "asin": _text(10),
            "brand": _text(),
            "title": _text(),
            "productType": _text(),
            "taxClass": _text(63),
            "ptc": _text(60),
            "hs6": _text(6),
            "extra": _FREE,
            "condition": _text(40),
            "fulfillment": {"type": "string", "enum": ["mfn", "afn"]},
            "status": {"type": "string", "enum": ["active", "inactive"]},
            "price": _MONEY,
            "minPrice": _MONEY,
            "maxPrice": _MONEY,
            "mapPrice": _MONEY,
            "composition": _block(
                {
                    "type": _text(20),
                    "components": {
                        "type": "array",
                        "items": _block(
                            {"sku": _text(40), "qty": {"type": "integer", "minimum": 1}}, "sku", "qty"
                        ),
                    },
                },
                "type",
            ),
            "allocation": _block(
                {
                    "pool": _text(63),
                    "mode": _text(20),
                    "weight": _COUNT,
                    "min": _COUNT,
                    "cap": _COUNT,
                    "buffer": _FREE,
                },
                "pool",
            ),
        },
        ("sku",),
    ),
    "stock": ({"pool": _text(63), "priority": _COUNT, "reserve": _COUNT}, ("pool",)),
    "promotion": (
        {
            "type": _text(30),
            "skus": {**_TEXTS, "minItems": 1},
            "start": _INSTANT,
            "end": _INSTANT,
            "discount": _FREE,
            "minimumOrder": _MONEY,
            "minimumQuantity": {"type": "integer", "minimum": 2, "maximum": 1_000_000},
            "audience": _text(20),
            "code": _text(50),
            "stacking": _FREE,
            "limits": _FREE,
        },
        ("type", "skus", "start", "end"),
    ),
}
"""For each resource type: its attributes, and which of them a creation needs."""

MONEY: Final[Schema] = _block(
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
    properties, required = ATTRIBUTES[type]
    schema = _block(
        {k: v if creation else _nullable(v) for k, v in properties.items()}, *(required if creation else ())
    )
    if creation:
        schema["properties"] = {k: v if k in required else _nullable(v) for k, v in properties.items()}
    return {**_inlined(schema), "$schema": "https://json-schema.org/draft/2020-12/schema"}


def _inlined(node: Any) -> Any:
    if isinstance(node, list):
        return [_inlined(n) for n in node]
    if isinstance(node, dict):
        if node.get("$ref") == _MONEY["$ref"]:
            return MONEY
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
        f"{_camel(t)}Attributes": _block(p) | {"required": list(r)} for t, (p, r) in ATTRIBUTES.items()
    }
    patches = {
        f"{_camel(t)}Patch": _block({k: _nullable(v) for k, v in p.items()})
        for t, (p, _) in ATTRIBUTES.items()
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
                                    "schema": _block(
                                        {
                                            "stores": {
                                                "type": "array",
                                                "items": _block(
                                                    {"store": _text(63), "resources": {"type": "integer"}},
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
                "Money": MONEY,
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
                "Resource": _block(
                    {
                        "type": {"type": "string", "enum": list(TYPES)},
                        "key": _KEY,
                        "id": {"type": "string"},
                        "etag": _text(100),
                        "attributes": {"type": "object"},
                        "owner": {
                            **_text(200),
                            "description": "Who manages it: whoever wrote it last in a generation, or claimed it.",
                        },
                    },
                    "type",
                    "key",
                    "etag",
                    "attributes",
                ),
                "Page": _block(
                    {
                        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Resource"}},
                        "total": {"type": "integer"},
                        "snapshot": _text(100),
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
                            "items": _block(
                                {"type": {"type": "string", "enum": list(TYPES)}, "key": _KEY}, "type", "key"
                            ),
                        },
                    },
                    "items",
                    "total",
                    "snapshot",
                    "next",
                ),
                "Generation": _block(
                    {
                        "number": {"type": "integer", "minimum": 0},
                        "head": {"type": "string", "maxLength": 100},
                    },
                    "number",
                    "head",
                ),
                "Advance": _block(
                    {
                        "number": {"type": "integer", "minimum": 1, "maximum": (1 << 53) - 1},
                        "head": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[ -~]+$"},
                        "expected": {"type": "integer", "minimum": 0, "maximum": (1 << 53) - 2},
                    },
                    "number",
                    "head",
                    "expected",
                ),
                "Claim": _block(
                    {
                        "items": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 5000,
                            "items": _block(
                                {"type": {"type": "string", "enum": list(TYPES)}, "key": _KEY}, "type", "key"
                            ),
                        }
                    },
                    "items",
                ),
                "Owners": _block(
                    {
                        "owners": {
                            "type": "array",
                            "description": "Row by row, whose it is now; null for what is not there.",
                            "items": {"type": ["string", "null"]},
                        }
                    },
                    "owners",
                ),
                "Batch": _block(
                    {
                        "owner": {
                            **_text(200),
                            "description": "Whose `generation` must be the present one of the store.",
                        },
                        "generation": {"type": "integer", "minimum": 0},
                        "ifVersion": {
                            **_text(200),
                            "description": "The version at which the store must be. Of a batch that is repeated, rows that were"
                            " carried out already are answered again, and every other row with 412.",
                        },
                        "items": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 500,
                            "items": _block(
                                {
                                    "op": {"type": "string", "enum": ["create", "update", "delete"]},
                                    "type": {"type": "string", "enum": list(TYPES)},
                                    "key": _KEY,
                                    "attributes": {"type": "object"},
                                    "ifMatch": _text(100),
                                    "idempotencyKey": _text(100),
                                    "takenFrom": {
                                        **_text(200),
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
                "BatchResult": _block(
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
        "x-immutable-attributes": {t: sorted(names) for t, names in IMMUTABLE.items()},
    }


def _camel(type: str) -> str:
    return "".join(part.capitalize() for part in type.split("-"))
