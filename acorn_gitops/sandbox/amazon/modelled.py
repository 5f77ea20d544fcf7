"""Answers as Amazon's own models have them: the cases of its static sandbox, and any answer on order. Comes
in: a folder of the official models (Swagger 2.0). Goes out: statuses and bodies. Caller: `app`.

Nothing is kept here: the same request is answered alike each time, as by the static sandbox at Amazon. The
models are not part of acorn; whoever wants these modes names a folder of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from acorn_gitops.sandbox.amazon.call import Json, Refused

_VERBS: Final = ("get", "put", "post", "patch", "delete")
_STATIC: Final = "x-amzn-api-sandbox"
_DEEPEST: Final = 8
"""Levels of an answer that is made from a schema."""
_NO_BODY: Final = 204
_TEXTS: Final = ("text", "US", "10:00", "a@example.com", "arn:aws:sqs:us-east-1:1:queue")
"""What a text is that a model says nothing of, or only its pattern."""
_UNMATCHED: Final = "Could not match input arguments"


class Case(NamedTuple):
    """What the static sandbox answers to a request like this."""

    status: int
    asks: Mapping[str, Any]
    """By parameter (`body` for the body), the value that it must have."""
    body: object
    """None where the answer has none."""


class Modelled(NamedTuple):
    """One operation of a model."""

    model: str
    """The file's name."""
    name: str
    """Its `operationId`."""
    method: str
    path: str
    cases: Sequence[Case]
    answers: Mapping[int, Json]
    """By status, what the model says of the answer."""


class Models:
    """All models of a folder. OSError or ValueError where one cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._definitions: dict[str, Json] = {}
        self.operations = [
            one for file in sorted(folder.glob("*.json")) for one in self._read(file.name, file.read_bytes())
        ]
        if not self.operations:
            raise ValueError("there is no model in it")

    def static(self, method: str, path: str, query: Mapping[str, str], body: object) -> tuple[int, object]:
        """Status and body as the static sandbox has them. Refused where no case fits."""
        operation, given = self._routed(method, path)
        asked: dict[str, object] = {**query, **given, "body": body}
        fitting = [case for case in operation.cases if _fits(case, asked)]
        if not fitting:
            raise Refused(400, "InvalidInput", _UNMATCHED)
        # The case that asks for most is meant; of two alike the first.
        best = max(fitting, key=lambda case: _count(case.asks))
        return best.status, best.body

    def ordered(self, name: str, status: int) -> tuple[int, object]:
        """An answer of an operation with a status, as its model shows or allows it. Refused where no model
        has it."""
        for operation in self.operations:
            if operation.name == name and status in operation.answers:
                return status, self._shown(operation, status)
        raise Refused(404, "NotFound", f"no model has an operation {name} that answers {status}")

    def contradictions(self) -> Iterator[str]:
        """Cases whose answer is not what their own model says: where and how, one sentence each."""
        for operation in self.operations:
            for case in operation.cases:
                if words := self._wrong(operation, case.status, case.body):
                    yield f"{operation.model} {operation.name} {case.status}: {words}"

    def _wrong(self, operation: Modelled, status: int, body: object) -> str:
        """Where a body is not what the model says, and how; empty where it is."""
        from jsonschema import Draft4Validator

        schema = operation.answers[status].get("schema")
        if schema is None or status == _NO_BODY:
            return ""
        whole = {**schema, "definitions": self._definitions[operation.model]}
        for error in sorted(Draft4Validator(whole).iter_errors(body), key=str):
            where = "/".join(map(str, error.absolute_path)) or "the body"
            return f"{where}: {error.message[:200]}"
        return ""

    def _read(self, model: str, content: bytes) -> Iterator[Modelled]:
        document = json.loads(content)
        self._definitions[model] = document.get("definitions") or {}
        for path, block in (document.get("paths") or {}).items():
            for verb in _VERBS:
                said = block.get(verb)
                if isinstance(said, dict):
                    answers = {int(code): one for code, one in said["responses"].items() if code.isdigit()}
                    cases = [case for code, one in answers.items() for case in _cases(code, one)]
                    yield Modelled(
                        model, said["operationId"], verb.upper(), path=path, cases=cases, answers=answers
                    )

    def _routed(self, method: str, path: str) -> tuple[Modelled, dict[str, str]]:
        parts = path.strip("/").split("/")
        for operation in self.operations:
            pattern = operation.path.strip("/").split("/")
            if operation.method != method or len(pattern) != len(parts):
                continue
            pairs = list(zip(pattern, parts, strict=True))
            if all(p == part for p, part in pairs if not p.startswith("{")):
                return operation, {p[1:-1]: unquote(part) for p, part in pairs if p.startswith("{")}
        raise Refused(404, "NotFound", "The resource is in none of the models.")

    def _shown(self, operation: Modelled, status: int) -> object:
        said = operation.answers[status]
        if status == _NO_BODY:
            return None
        for case in operation.cases:
            if (
                case.status == status
                and case.body is not None
                and not self._wrong(operation, status, case.body)
            ):
                return case.body
        for example in (said.get("examples") or {}).values():
            if not self._wrong(operation, status, example):
                return example
        schema = said.get("schema")
        made = _made(schema, self._definitions[operation.model], _DEEPEST) if schema is not None else None
        if status >= 400 and isinstance(made, dict) and "errors" in made:
            return {"errors": made["errors"]}  # whoever is refused is told nothing else
        return made


def _cases(status: int, said: Json) -> Iterator[Case]:
    block = said.get(_STATIC)
    for one in block.get("static", ()) if isinstance(block, dict) else ():
        parameters = (one.get("request") or {}).get("parameters") or {}
        asks = {name: value["value"] for name, value in parameters.items() if "value" in value}
        yield Case(status, asks, one.get("response") if "schema" in said and status != _NO_BODY else None)


def _fits(case: Case, asked: Mapping[str, object]) -> bool:
    return all(_holds(value, asked.get(name)) for name, value in case.asks.items())


def _count(value: object) -> int:
    """How much is asked for."""
    if isinstance(value, Mapping):
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1


def _holds(wanted: object, given: object) -> bool:
    """Whether a parameter has a value: of a list of a query the same items, of a body at least what is
    asked."""
    if isinstance(wanted, dict):
        return isinstance(given, dict) and all(
            _holds(value, given.get(name)) for name, value in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(given, str):
        return sorted(map(str, wanted)) == sorted(given.split(","))
    if isinstance(wanted, list):
        return (
            isinstance(given, list)
            and len(wanted) == len(given)
            and all(_holds(one, other) for one, other in zip(wanted, given, strict=True))
        )
    return given is not None and str(wanted) == str(given)


def _made(schema: Json, definitions: Mapping[str, Json], levels: int) -> object:
    """Something that a schema allows."""
    if "$ref" in schema:
        return _made(definitions[str(schema["$ref"]).rpartition("/")[2]], definitions, levels)
    for name in ("example", "default"):
        if name in schema and not isinstance(schema[name], dict):
            return schema[name]
    if schema.get("enum"):
        return schema["enum"][0]
    merged: Json = {**schema}
    for part in schema.get("allOf") or ():
        other = definitions[str(part["$ref"]).rpartition("/")[2]] if "$ref" in part else part
        merged = {
            **other,
            **merged,
            "properties": {**(other.get("properties") or {}), **(merged.get("properties") or {})},
        }
    if merged.get("type") == "array":
        items = merged.get("items") or {}
        count = max(int(merged.get("minItems", 0)), 1 if levels > 0 else 0)
        return [_made(items, definitions, levels - 1) for _ in range(count)]
    if "properties" in merged or merged.get("type") == "object":
        required = {*(merged.get("required") or ())}
        return {
            name: _made(one, definitions, levels - 1)
            for name, one in (merged.get("properties") or {}).items()
            if levels > 0 or name in required
        }
    return _plain(merged)


def _plain(schema: Json) -> object:
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), 1)
    if kind == "boolean":
        return True
    if schema.get("format") == "date-time":
        return "2026-01-01T00:00:00Z"
    if schema.get("format") == "date":
        return "2026-01-01"
    pattern = str(schema.get("pattern", ""))
    fitting = (one for one in _TEXTS if re.search(pattern, one))
    return next(fitting, _TEXTS[0]).ljust(int(schema.get("minLength", 0)), "x")
