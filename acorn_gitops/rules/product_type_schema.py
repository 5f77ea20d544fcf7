"""JSON Schema with the keywords of Amazon's product type definitions. Comes in: a schema. Goes out: a
validator. Caller: SKU-017.

Amazon's meta-schema (`…/product-types/meta-schema/v1`) adds keywords that plain JSON Schema passes over in
silence: `selectors` name what tells the items of a list apart, `minUniqueItems` and `maxUniqueItems` say
how many may share one combination of them, `minUtf8ByteLength` and `maxUtf8ByteLength` count bytes where
`maxLength` counts letters. `editable`, `hidden`, `enumNames` and `$lifecycle` describe, and refuse nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from jsonschema import Draft202012Validator, ValidationError, validators
from referencing import Registry

Errors = Iterator[ValidationError]
_extended: Any = validators.extend  # its signature is not written down


def product_type_validator(schema: object) -> object:
    """A validator that fetches nothing: what a reference names must stand in the schema itself. TypeError
    where the schema is none."""
    if not isinstance(schema, dict | bool):
        raise TypeError("a JSON Schema is an object")
    return _Validator(schema, registry=Registry())


def _most_alike(_: object, most: Any, items: object, schema: dict[str, object]) -> Errors:
    for combination, count in _counted(items, schema):
        if count > most:
            yield ValidationError(f"{count} items{combination}, and {most} is the most")


def _least_alike(_: object, least: Any, items: Any, schema: dict[str, object]) -> Errors:
    for combination, count in _counted(items, schema):
        if count < least:
            yield ValidationError(f"{count} items{combination}, and {least} is the least")


def _counted(items: object, schema: dict[str, Any]) -> Sequence[tuple[str, int]]:
    """How many items share each combination of selectors, with the combination in words."""
    if not isinstance(items, list):
        return []
    names = [name for name in schema.get("selectors") or () if isinstance(name, str)]
    found: Counter[bytes] = Counter()
    words: dict[bytes, str] = {}
    for item in items:
        chosen = {name: item.get(name) for name in names} if isinstance(item, dict) else {}
        key = orjson.dumps(chosen, option=orjson.OPT_SORT_KEYS)
        found[key] += 1
        said = ", ".join(f"{name} {value}" for name, value in chosen.items() if value is not None)
        words[key] = f" with {said}" if said else ""
    return [(words[key], count) for key, count in found.items()]


def _most_bytes(_: Any, most: Any, text: object, __: object) -> Errors:
    if isinstance(text, str) and len(text.encode(errors="replace")) > most:
        yield ValidationError(f"{text!r} has more than {most} bytes in UTF-8")


def _least_bytes(_: object, least: Any, text: object, __: object) -> Errors:
    if isinstance(text, str) and len(text.encode(errors="replace")) < least:
        yield ValidationError(f"{text!r} has fewer than {least} bytes in UTF-8")


_Validator = _extended(
    Draft202012Validator,
    {
        "maxUniqueItems": _most_alike,
        "minUniqueItems": _least_alike,
        "maxUtf8ByteLength": _most_bytes,
        "minUtf8ByteLength": _least_bytes,
    },
)
