"""The form of a value, for whoever wrote another. Comes in: the schema of a field, what stands there. Goes
out: what the field is, and how it is written. Caller: `gate`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from acorn_gitops.confine.text import cut
from acorn_gitops.specs.scalars import quoted

_KINDS: Final = {
    "dict": "a map",
    "model": "a map",
    "list": "a list",
    "string": "text",
    "int": "a whole number",
    "bool": "true or false",
    "float": "a number",
}
"""What pydantic calls a type, in words."""
_SHOWN: Final = 60
_AMOUNT: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_SHARE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
_DAY: Final = re.compile(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})$")
_LOCAL: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")


def needs(error: str, field: str, node: Mapping[str, Any], value: object) -> tuple[str, str] | None:
    """(what the field is, how it is written) for pydantic's error of a wrong type; None for other errors."""
    kind = error.removesuffix("_type").removesuffix("_attributes").removesuffix("_parsing")
    if kind not in _KINDS:
        return None
    fields = list(node.get("properties") or {})
    required = [name for name in node.get("required") or () if name in fields]
    words = f"{field} is {_KINDS[kind]}"
    if kind in ("dict", "model") and required:
        words = f"{field} needs {' and '.join(required)}"
    elif kind in ("dict", "model") and fields:
        words = f"{field} is a map of {', '.join(fields[:6])}"
    form = _form(kind, fields, required, node=node, value=value)
    return words, f"write `{field.partition('[')[0]}: {form}`" if form else ""


def _form(
    kind: str, fields: list[str], required: list[str], node: Mapping[str, object], value: object
) -> str:
    if kind == "list":
        return f"[{_said(value)}]" if isinstance(value, str | int) else ""
    if kind == "string":
        return quoted(str(value)) if isinstance(value, int | float) else ""
    if kind not in ("dict", "model"):
        return ""
    if {"currency", "value"} <= set(fields):
        return f"{{currency: EUR, value: {quoted(str(value)) if _AMOUNT.fullmatch(str(value)) else '…'}}}"
    if {"local", "tz"} <= set(fields):
        said = _DAY.sub(r"\1T00:00", str(value))  # a day begins at its midnight
        return f"{{local: {quoted(said) if _LOCAL.fullmatch(said) else '…'}, tz: store}}"
    if "percent" in fields and (share := _SHARE.fullmatch(str(value))):
        return f"{{percent: {quoted(share[1])}}}"
    if "names" in fields and value == "all":
        return "{all: true}"
    if "names" in fields and isinstance(value, str | list):
        named = value if isinstance(value, list) else [value]
        return f"{{names: [{', '.join(_said(one) for one in named[:4])}]}}"
    if required:
        return f"{{{', '.join(f'{name}: …' for name in required)}}}"
    if fields:
        return f"{{{fields[0]}: …}}"
    if isinstance(value, str | int | float):
        return f"{{NAME: {_said(value)}}}"
    return "{NAME: VALUE}"


def _said(value: object) -> str:
    text = cut(str(value), _SHOWN)
    return (
        text if isinstance(value, str) and text.replace("-", "").replace("_", "").isalpha() else quoted(text)
    )
