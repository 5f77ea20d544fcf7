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
_EXAMPLES: Final = {
    "list": "write `{}: [ONE, TWO]`, or each entry on a line that begins with `- `",
    "string": "write one text",
    "int": "write it in digits alone, as in `{}: 10`",
    "bool": "write `{0}: true` or `{0}: false`",
    "float": "write it in digits, as in `{}: 10`",
}
"""How a value of a kind is written, where what stands there does not say it."""
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
    name = field.partition("[")[0]
    return words, f"write `{name}: {form}`" if form else _EXAMPLES.get(kind, "").format(name)


def bounds(error: str, field: str, limits: Mapping[str, Any], value: object) -> tuple[str, str] | None:
    """(what is beyond which bound, what to do) for pydantic's error of a length or a size, with what it says
    about it (`ctx`); None for other errors."""
    if error in ("too_long", "too_short", "string_too_long", "string_too_short") and hasattr(
        value, "__len__"
    ):
        return _of_length(error, field, limits, size=len(value))
    for name, words in _BOUNDS.items():
        if error == name:
            limit = next(limits[key] for key in ("ge", "le", "gt", "lt") if key in limits)
            return f"{field} cannot be {_said_plainly(value)}", f"write a number {words} {limit:,}"
    return None


_BOUNDS: Final = {
    "greater_than_equal": "of at least",
    "less_than_equal": "of at most",
    "greater_than": "above",
    "less_than": "below",
}


def _of_length(error: str, field: str, limits: Mapping[str, Any], *, size: int) -> tuple[str, str]:
    unit = "character" if error.startswith("string") else "entry"
    if error.endswith("short"):
        least = _counted(limits["min_length"], unit)
        if not size:
            return f"{field} is empty", f"write at least {least}, or remove the line"
        return f"{field} has {_counted(size, unit)}", f"write at least {least}"
    most = _counted(limits["max_length"], unit)
    return f"{field} has {_counted(size, unit)}, and {most} {'is' if most[:2] == '1 ' else 'are'} the most", (
        f"shorten it to {most}" if unit == "character" else f"keep at most {most}"
    )


def _counted(number: int, unit: str) -> str:
    if number == 1:
        return f"1 {unit}"
    return f"{number:,} {'entries' if unit == 'entry' else f'{unit}s'}"


def _said_plainly(value: object) -> str:
    return cut(str(value), _SHOWN)


def _form(
    kind: str, fields: list[str], required: list[str], node: Mapping[str, object], value: object
) -> str:
    if kind == "list":
        return f"[{_said(value)}]" if isinstance(value, str | int) else ""
    if kind == "string":
        return quoted(str(value)) if isinstance(value, int | float) else ""
    if kind == "int":
        return digits[1] if (digits := re.fullmatch(r"(-?[0-9]{1,18})(\.0+)?", str(value))) else ""
    if kind == "bool":
        return {"true": "true", "yes": "true", "false": "false", "no": "false"}.get(str(value).lower(), "")
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
