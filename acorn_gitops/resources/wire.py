"""The words in which attributes are described on the wire: JSON Schema, draft 2020-12. Comes in: nothing.
Goes out: parts of schemas. Callers: the types' files, the network API's contract.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]


def text(maximum: int = 500, **more: object) -> Schema:
    """Text that is not empty."""
    return {"type": "string", "minLength": 1, "maxLength": maximum, **more}


def block(properties: dict[str, Schema], *required: str) -> Schema:
    """An object with these properties and no others."""
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return schema | ({"required": list(required)} if required else {})


def one_of(*choices: str) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": list(choices)}


DATE: Final[Schema] = {"type": "string", "format": "date"}
INSTANT: Final[Schema] = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
}
DECIMAL: Final[Schema] = {"type": "string", "pattern": r"^-?[0-9]{1,13}(\.[0-9]{1,8})?$"}
MONEY: Final[Schema] = {"$ref": "#/components/schemas/Money"}
BOOL: Final[Schema] = {"type": "boolean"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 100_000_000}
TEXTS: Final[Schema] = {"type": "array", "items": text(), "maxItems": 200_000}
FREE: Final[Schema] = {"type": "object"}
SPANS: Final[Schema] = {
    "type": "array",
    "items": {"type": "array", "items": text(5), "minItems": 2, "maxItems": 2},
}
