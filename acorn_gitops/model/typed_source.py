"""Writes `typed.py`, the types of plain specs. Comes in: the pydantic models. Goes out: source text. Callers:
whoever changes a model (`python -m acorn_gitops.model.typed_source`, formatted afterwards), and the test that
compares.

A resolved spec is a plain map that pydantic never touches (decision 1). What a type checker wants to know of
it is written down beside the models instead, and costs nothing while acorn runs.
"""

from __future__ import annotations

import inspect
import keyword
import types
import typing
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel

from acorn_gitops.model.kinds import Lifecycle
from acorn_gitops.model.project import ProjectSpec
from acorn_gitops.model.promo import PromoSpec
from acorn_gitops.model.role_permission import RolePermissionSpec
from acorn_gitops.model.sku_mapping import SkuMappingSpec
from acorn_gitops.model.store import StoreSpec
from acorn_gitops.model.tax_rule import TaxRuleSpec

ROOTS: Final[tuple[type[BaseModel], ...]] = (
    StoreSpec,
    SkuMappingSpec,
    RolePermissionSpec,
    TaxRuleSpec,
    PromoSpec,
    Lifecycle,
    ProjectSpec,
)
HEAD: Final = '''"""The types of plain specs: what `Spec.spec` may hold, by kind. Written by `typed_source` from the models.

Every field may be absent: a spec is what was declared. One that is null counts as absent
(`tests/test_null.py`), so that no type here says None.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict
'''


def source() -> str:
    """The text of `typed.py`, blocks before those that hold them."""
    writer = _Writer()
    for model in ROOTS:
        writer.name(model)
    return "\n\n".join([HEAD, *writer.blocks])


class _Writer:
    """Classes written so far, each once."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self._names: dict[type[BaseModel], str] = {}

    def name(self, model: type[BaseModel]) -> str:
        """What the type of a model is called; written when it is first asked for."""
        if model not in self._names:
            self._names[model] = self._free_name(model)
            fields = [(i.alias or name, self._type(i.annotation)) for name, i in model.model_fields.items()]
            self.blocks.append(_block(self._names[model], _doc(model), fields))
        return self._names[model]

    def _free_name(self, model: type[BaseModel]) -> str:
        """Two kinds may have a block of one name: the second is called after its file, too."""
        name = model.__name__.removesuffix("Spec") + "Data"
        if name not in self._names.values():
            return name
        file = model.__module__.rsplit(".", 1)[-1]
        return file.title().replace("_", "") + name

    def _type(self, annotation: Any) -> str:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is typing.Annotated:
            return self._type(arguments[0])
        if origin is Literal:
            return f"Literal[{', '.join(map(_literal, arguments))}]"
        if origin in (typing.Union, types.UnionType):
            parts = (self._type(one) for one in arguments if one is not type(None))
            return " | ".join(dict.fromkeys(parts))
        if origin in (list, dict, tuple):
            inside = ", ".join(self._type(one) for one in arguments if one is not ...)
            return f"{origin.__name__}[{inside}]"
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self.name(annotation)
        return "Any" if annotation is Any else str(annotation.__name__)


def _doc(model: type[BaseModel]) -> str:
    """A docstring as it stands in a class: Python 3.13 drops the indent of its lines, older ones keep it."""
    first, *others = inspect.cleandoc(model.__doc__ or "").split("\n")
    return "\n".join([first, *(f"    {line}" if line else "" for line in others)])


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _block(name: str, doc: str, fields: list[tuple[str, str]]) -> str:
    """A class; a call where a field is called as no attribute may be (`from`)."""
    if all(key.isidentifier() and not keyword.iskeyword(key) for key, _ in fields):
        rows = "".join(f"    {key}: {text}\n" for key, text in fields)
        return f'class {name}(TypedDict, total=False):\n    """{doc}"""\n\n{rows}'
    rows = "".join(f'        "{key}": {text},\n' for key, text in fields)
    return f'{name} = TypedDict(\n    "{name}",\n    {{\n{rows}    }},\n    total=False,\n)\n"""{doc}"""\n'


if __name__ == "__main__":
    print(source(), end="")
