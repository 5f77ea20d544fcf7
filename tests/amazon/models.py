"""Amazon's official models, read where they lie beside the repository. Comes in: an answer of the emulator. Goes out: how it
differs from what the model says. Callers: the tests of this folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft4Validator

FOLDER = Path(os.environ.get("ACORN_SP_API_MODELS") or Path(__file__).parents[3] / "shared" / "sp-api-models")
"""Swagger 2.0 documents, one for each API."""


class Modelled(NamedTuple):
    """An operation of a model."""

    name: str
    answers: Mapping[str, Any]
    """By status, the schema of the body; None where there is none."""
    headers: Mapping[str, frozenset[str]]
    """By status, the names of the headers that are described."""


def are_there() -> bool:
    """Whether there are models to compare with."""
    return FOLDER.is_dir() and any(FOLDER.glob("*.json"))


@cache
def operations() -> dict[tuple[str, str], Modelled]:
    """By method and path, every operation of every model."""
    found: dict[tuple[str, str], Modelled] = {}
    for file in sorted(FOLDER.glob("*.json")):
        document = json.loads(file.read_bytes())
        said = document.get("definitions", {})
        definitions = {name: strict(whole(one, said)) for name, one in said.items()}
        for path, block in document["paths"].items():
            for method, said in block.items():
                if method in ("get", "put", "post", "patch", "delete") and isinstance(said, dict):
                    answers = {
                        status: {**strict(one["schema"]), "definitions": definitions}
                        if "schema" in one
                        else None
                        for status, one in said["responses"].items()
                    }
                    headers = {s: frozenset(one.get("headers") or ()) for s, one in said["responses"].items()}
                    found[method.upper(), path] = Modelled(said["operationId"], answers, headers)
    return found


def whole(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema in which what is put together of several (`allOf`) is one."""
    if not isinstance(schema, dict) or "allOf" not in schema:
        return schema
    made: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    for part in schema["allOf"]:
        named = definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        found = whole(named, definitions)
        made["properties"] |= found.get("properties", {})
        made["required"] += found.get("required", [])
    return {name: value for name, value in made.items() if value}


def strict(schema: Any) -> Any:
    """A schema that takes no field which it does not name."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        name: strict(one) for name, one in schema.items() if name not in ("example", "examples", "x-example")
    }
    if (
        "properties" in schema
        and "additionalProperties" not in schema
        and isinstance(schema["properties"], dict)
    ):
        made["additionalProperties"] = False
    return made


def modelled(method: str, path: str) -> Modelled | None:
    """The operation of a request; None where no model knows it."""
    parts = path.strip("/").split("/")
    for (verb, pattern), one in operations().items():
        names = pattern.strip("/").split("/")
        alike = (n.startswith("{") or n == p for n, p in zip(names, parts, strict=False))
        if verb == method and len(names) == len(parts) and all(alike):
            return one
    return None


def differences(
    method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
) -> Iterator[str]:
    """How an answer is another than the model says."""
    one = modelled(method, path)
    if one is None or status >= 500 or (status in (404, 405) and str(status) not in one.answers):
        return  # nothing is said of it
    where = f"{one.name} {status}"
    if str(status) not in one.answers:
        yield f"{where}: the model knows {', '.join(sorted(one.answers))}"
        return
    schema = one.answers[str(status)]
    if not body:
        if schema is not None and status != 204:
            yield f"{where}: no body, and the model has one"
        return
    if schema is None and body == b"{}":
        return
    if schema is None:
        yield f"{where}: a body, and the model has none"
        return
    for error in sorted(Draft4Validator(schema).iter_errors(json.loads(body)), key=str):
        yield f"{where}: {'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:300]}"
