"""Documents against the published schemas. Comes in: plain documents. Goes out: whether they are accepted,
and if not, findings in words. Callers: `load`, `project`.

Two steps with one meaning, held together by a property test: the schema files, compiled by jsonschema-rs,
accept a bulk document in microseconds; what they refuse goes to the pydantic models, which know why.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import orjson

from acorn_gitops.confine.text import cut
from acorn_gitops.model.finding import FieldPath
from acorn_gitops.model.resource import Document
from acorn_gitops.specs.amounts import advice
from acorn_gitops.specs.form import bounds, needs
from acorn_gitops.specs.scalars import quoted

if TYPE_CHECKING:
    from pydantic import BaseModel, TypeAdapter

KINDS = ("Store", "SkuMapping", "RolePermission", "TaxRule", "Promo")


class Problem(NamedTuple):
    """One thing wrong with a document, at a path in it. `key` says whether the key or its value is meant."""

    id: str
    path: FieldPath
    message: str
    hint: str
    key: bool = False


def schema_folder() -> Path:
    """Where the schema files are: in the installed package, or at the root of a checkout."""
    installed = Path(__file__).parent.parent / "schemas"
    return installed if installed.is_dir() else Path(__file__).parent.parent.parent / "schemas"


@cache
def schema(name: str) -> Document:
    """A published schema by name, e.g. `Store`."""
    loaded: dict[str, object] = orjson.loads((schema_folder() / f"{name}.json").read_bytes())
    return loaded


@cache
def _validator(name: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(
        schema(name), validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
    )


def accepts(kind: str, document: object) -> bool:
    """Whether the kind's schema accepts the document."""
    return bool(_validator(kind).is_valid(document))


@cache
def _adapter(model: type[BaseModel]) -> TypeAdapter[BaseModel]:
    """Made once: that takes milliseconds, and a file may hold thousands of wrong documents."""
    from pydantic import TypeAdapter

    return TypeAdapter(model)


def problems(kind: str, document: Document, *, partial: bool = False) -> list[Problem]:
    """Everything wrong with a document that the schema refused. `partial`: missing fields are no problem."""
    from pydantic import ValidationError

    from acorn_gitops.model import kinds
    from acorn_gitops.model.project import ProjectMetadata, ProjectSpec
    from acorn_gitops.model.sku_mapping import SkuMappingListSpec, SkuMappingSpec, SkuMappingTableSpec
    from acorn_gitops.model.tax_rule import TaxPackSpec, TaxRuleSpec
    from acorn_gitops.resources.registry import TYPES

    parts: dict[str, type[BaseModel]] = {"metadata": kinds.Metadata, "lifecycle": kinds.Lifecycle}
    spec = document.get("spec")
    if kind == "SkuMapping":
        keys = spec if isinstance(spec, dict) else {}
        parts["spec"] = (
            SkuMappingListSpec
            if "items" in keys
            else SkuMappingTableSpec
            if "table" in keys
            else SkuMappingSpec
        )
    elif kind == "TaxRule":
        parts["spec"] = TaxPackSpec if isinstance(spec, dict) and "pack" in spec else TaxRuleSpec
    elif kind == "Project":
        parts = {"metadata": ProjectMetadata, "spec": ProjectSpec}
    elif kind == "Policy":
        from acorn_gitops.model.policy import PolicyMetadata, PolicySpec

        parts = {"metadata": PolicyMetadata, "spec": PolicySpec}
    else:
        parts["spec"] = cast("type[BaseModel]", kinds.DOCUMENTS[kind].model_fields["spec"].annotation)
    found: list[Problem] = []
    allowed = {"apiVersion", "kind", *parts}
    for key in document:
        if key not in allowed:
            found.append(
                Problem(
                    "GEN-006",
                    (key,),
                    f"unknown field {_short(key)}",
                    hint=_did_you_mean(key, allowed),
                    key=True,
                )
            )
    if document.get("apiVersion") != kinds.API_VERSION:
        path = ("apiVersion",) if "apiVersion" in document else ()
        found.append(
            Problem("GEN-011", path, "this is not an acorn/v1 document", hint="write `apiVersion: acorn/v1`")
        )
    for part, model in parts.items():
        if part not in document:
            if part != "lifecycle" and not partial:
                found.append(Problem("GEN-008", (), f"{part} is missing", hint=f"add `{part}:`"))
            continue
        if document[part] is None and part == "lifecycle":
            continue
        try:
            _adapter(model).validate_python(document[part], strict=True, context={"types": [*TYPES]})
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                problem = _problem(kind, part, detail, document=document)
                if problem is not None and not (partial and problem.id == "GEN-008"):
                    found.append(problem)
    if not found and not partial and not accepts(kind, document):
        # Should the two ever disagree, a refused document must not vanish without a word.
        found = [
            Problem(
                "GEN-007",
                tuple(error.instance_path),
                f"the schema refuses this: {error.message[:200]}",
                hint="",
            )
            for error in _validator(kind).iter_errors(document)
        ]
    return _outermost(found)


def _outermost(found: list[Problem]) -> list[Problem]:
    """One problem for each place: a union reports every branch that did not match."""
    seen: dict[tuple[FieldPath, object], Problem] = {}
    for problem in found:
        key = (problem.path, problem.id == "GEN-008" and problem.message)
        if key not in seen:
            seen[key] = problem
    return list(seen.values())


def _value_at(document: Any, path: Iterable[object]) -> object:
    for part in path:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _real_path(document: Any, part: str, location: Iterable[Any]) -> FieldPath:
    """pydantic's location without the names of union branches."""
    path: list[str | int] = [part]
    current: Any = document.get(part)
    for step in location:
        if (isinstance(current, dict) and step in current) or (
            isinstance(current, list) and isinstance(step, int) and step < len(current)
        ):
            path.append(step)
            current = current[step]
    return tuple(path)


def _problem(kind: str, part: str, detail: Any, document: dict[str, object]) -> Problem | None:
    location = detail["loc"]
    path = _real_path(document, part, location)
    value = _value_at(document, path)
    field = str(location[-1]) if location else part
    type_ = detail["type"]
    if type_ == "extra_forbidden":
        known = _siblings(kind, part, location[:-1])
        if value is None and " " in field:
            hint = "a comma ends a value inside { }: put the whole text into quotes"
            return Problem("GEN-006", path, f"unknown field {_short(field)}", hint=hint, key=True)
        return Problem(
            "GEN-006", path, f"unknown field {_short(field)}", hint=_did_you_mean(field, known), key=True
        )
    if type_ == "missing":
        return Problem(
            "GEN-008", path, f"{'.'.join(map(str, path))}: {field} is missing", hint=f"add `{field}:`"
        )
    if type_ == "string_type" and isinstance(value, bool | int):
        shown = "true" if value is True else "false" if value is False else str(value)
        return Problem(
            "GEN-001",
            path,
            f"{_last_name(path)} is text, but {shown} without quotes is not",
            hint=f"write {quoted(shown)}",
        )
    if type_ in ("literal_error", "enum"):
        choices = [c.strip(" '") for c in detail["ctx"]["expected"].replace(" or ", ", ").split(",")]
        if field == "[key]":
            name = str(path[-1])
            return Problem(
                "GEN-006", path, f"unknown field {name}", hint=_did_you_mean(name, choices), key=True
            )
        return Problem(
            "GEN-007",
            path,
            f"{_last_name(path)} cannot be {_short(repr(value))}",
            hint="; ".join(
                [
                    *(h for h in [_did_you_mean(str(value), choices)] if h[:3] == "did"),
                    f"one of {', '.join(choices)}",
                ]
            ),
        )
    if type_ == "string_pattern_mismatch" and field == "[key]":
        return Problem(
            "GEN-007",
            path,
            f"{_last_name(path[:-1])} cannot have the key {_short(quoted(str(path[-1])))}",
            hint=f"a key must match {detail['ctx']['pattern']}",
            key=True,
        )
    if type_ == "string_pattern_mismatch":
        hint = _pattern_hint(kind, part, location) or f"it must match {detail['ctx']['pattern']}"
        if hint.startswith("write the amount"):
            hint = advice(str(value))
        return Problem(
            "GEN-007", path, f"{_last_name(path)} cannot be {_short(quoted(str(value)))}", hint=hint
        )
    if value is None and type_.endswith("_type"):
        return Problem(
            "GEN-007", path, f"{_last_name(path)} is empty", hint="give it a value, or remove the line"
        )
    form = needs(type_, _last_name(path), _walk_schema(kind, part, location), value=value)
    if form is not None:
        return Problem("GEN-007", path, *form)
    beyond = bounds(type_, _last_name(path), detail.get("ctx") or {}, value=value)
    if beyond is not None:
        return Problem("GEN-007", path, *beyond)
    message = detail["msg"].removeprefix("Value error, ")
    return Problem(
        "GEN-007", path, f"{_last_name(path)}: {_short(message[:1].lower() + message[1:])}", hint=""
    )


_SHOWN = 500
"""Characters of a value that a message repeats."""


def _short(text: str) -> str:
    return cut(text, _SHOWN)


def _last_name(path: FieldPath) -> str:
    for index in range(len(path) - 1, -1, -1):
        if isinstance(path[index], str):
            tail = "".join(f"[{i}]" for i in path[index + 1 :])
            return f"{path[index]}{tail}"
    return "this"


def _did_you_mean(word: str, choices: Iterable[str]) -> str:
    choices = sorted(choices)
    lowered = {c.lower(): c for c in choices}
    plain = word[:100].lower()
    if f"{plain}_{plain}" in lowered:
        return f"did you mean {lowered[f'{plain}_{plain}']}?"
    begun = [c for low, c in lowered.items() if low.startswith(f"{plain}_")]
    if len(begun) > 1:  # each means something else: a person decides
        return f"one of {', '.join(begun[:8])}"
    close = difflib.get_close_matches(word[:100].lower(), lowered, n=1, cutoff=0.6)
    if close:
        return f"did you mean {lowered[close[0]]}?"
    return f"known here: {', '.join(choices[:12])}" if choices else "remove it"


def _walk_schema(kind: str, part: str, location: Iterable[object]) -> Document:
    root = schema(kind)

    def follow(node: object) -> list[Document]:
        if not isinstance(node, dict):
            return []
        if "$ref" in node:
            return follow(root["$defs"][node["$ref"].rsplit("/", 1)[1]])
        branches = node.get("anyOf") or node.get("oneOf")
        if branches:
            return [leaf for branch in branches for leaf in follow(branch)]
        return [node]

    nodes = follow(root["properties"].get(part, {}))
    for step in location:
        following: list[dict[str, object]] = []
        for node in nodes:
            if isinstance(step, int):
                following += follow(node.get("items"))
            elif step in node.get("properties", {}):
                following += follow(node["properties"][step])
            elif isinstance(node.get("additionalProperties"), dict):
                following += follow(node["additionalProperties"])
            else:
                for inner in node.get("patternProperties", {}).values():
                    following += follow(inner)
        nodes = following or nodes
    merged: Document = {}
    for node in nodes:
        for key, value in node.items():
            if key == "properties":
                merged.setdefault("properties", {}).update(value)
            else:
                merged.setdefault(key, value)
    return merged


def _siblings(kind: str, part: str, location: Iterable[object]) -> list[str]:
    return list(_walk_schema(kind, part, location).get("properties", {}))


def _pattern_hint(kind: str, part: str, location: Iterable[object]) -> str:
    node = _walk_schema(kind, part, location)
    if "patternErrorMessage" in node:
        return str(node["patternErrorMessage"])
    words = str(node.get("description", ""))
    examples = node.get("examples")
    if examples:
        words += f" Example: {', '.join(map(str, examples[:2]))}"
    return words.strip()
