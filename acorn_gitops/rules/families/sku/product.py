"""SKU rules about products: what a set is made of, what a product type asks for. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson

from acorn_gitops.confine.bounded import Limits, Step, Unbounded, bounded
from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.rules.said import Said, breach
from acorn_gitops.specs.configuration import Spec

if TYPE_CHECKING:
    from acorn_gitops.model.typed import SkuMappingData


@rule(
    "SKU-024",
    "error",
    "Bundles and multipacks are made of mapped SKUs, without circles",
    why="Their availability is computed from their parts.",
    mend="Map the component, or break the circle.",
    references=True,
)
def compositions(context: Context) -> Iterator[Said]:
    """The fields fit the type, every component is mapped, and none contains itself."""
    config = context.configuration
    parts: dict[str, list[str]] = {}
    holders: list[Spec[SkuMappingData]] = []
    for sku in config.skus:
        composition = sku.spec.get("composition")
        if not composition or composition["type"] == "single":
            continue
        holders.append(sku)
        path = ("spec", "composition")
        if composition["type"] == "multipack":
            inside = [composition["of"]] if composition.get("of") else []
            if not inside or composition.get("qty") is None:
                yield breach(
                    sku, path, "a multipack needs `of` and `qty`", mend="name the SKU inside and how many"
                )
        else:
            inside = [part["sku"] for part in composition.get("components") or ()]
            if not inside:
                yield breach(sku, path, "a bundle needs `components`", mend="name the SKUs inside")
        parts[sku.spec["sku"]] = inside
    if not holders:
        return
    mapped = {sku.spec["sku"] for sku in config.skus}
    for sku in holders:
        for part in parts[sku.spec["sku"]]:
            if part not in mapped:
                yield breach(
                    sku, ("spec", "composition"), f"{part} is not mapped", mend="map it, or correct the SKU"
                )
        if _contains_itself(sku.spec["sku"], parts):
            yield breach(
                sku, ("spec", "composition"), f"{sku.spec['sku']} contains itself", mend="break the circle"
            )


def _contains_itself(sku: str, parts: dict[str, list[str]]) -> bool:
    reached: set[str] = set()
    todo = list(parts.get(sku, ()))
    while todo:
        part = todo.pop()
        if part == sku:
            return True
        if part not in reached:
            reached.add(part)
            todo += parts.get(part, ())
    return False


@rule(
    "SKU-017",
    "error",
    "Product attributes fit the schema of their product type",
    why="The marketplace refuses the listing otherwise, hours later.",
    mend="Correct `attributes.extra` by the schema of the product type.",
    source="Product Type Definitions API 2020-09-01",
)
def product_type(context: Context) -> Iterator[Said]:
    """`attributes.extra` against the JSON Schema that acorn.yaml names for `attributes.productType`."""
    config = context.configuration
    asked = [
        (index, str(attributes["productType"]), attributes.get("extra") or {})
        for index, sku in enumerate(config.skus)
        if (attributes := sku.spec.get("attributes") or {}).get("productType") in config.product_types
    ]
    if not asked:
        return
    # Schemas and their patterns are a stranger's: a reference may name a file, a pattern may never end.
    try:
        answer = bounded(lambda step: orjson.dumps([*_misfits(config.product_types, asked, step)]), LIMITS)
    except Unbounded as stopped:
        yield _unusable(context, stopped.step, f"checking against it does not come to an end: {stopped.why}")
        return
    for index, path, message in orjson.loads(answer):
        name = asked[index][1]
        if path is None:
            yield _unusable(context, name, message)
            continue
        sku = config.skus[asked[index][0]]
        where = ("spec", "attributes", "extra", *path)
        yield breach(sku, where, message, mend=f"see the schema of {name}")


LIMITS: Final = Limits(step=5, whole=120)
"""For the attributes of one SKU, and for all of them."""


def _misfits(
    schemas: Mapping[str, object], asked: Sequence[tuple[int, str, object]], step: Step
) -> Iterator[tuple[int, list[object] | None, str]]:
    """(index in `asked`, path, message) of what does not fit; path None once for a schema that cannot be
    used."""
    from acorn_gitops.rules.product_type_schema import product_type_validator

    broken = set[str]()
    validators: dict[str, Any] = {}
    told = 0
    for index, (_, name, extra) in enumerate(asked):
        step(name)
        if name in broken or told >= TOLD:
            continue
        try:
            if name not in validators:
                validators[name] = product_type_validator(schemas[name])
            for error in islice(validators[name].iter_errors(extra), EACH):
                told += 1
                yield index, [*error.path], error.message[:LONGEST]
        except Exception as error:  # noqa: BLE001 - whatever a schema makes the library do is told
            broken.add(name)
            yield index, None, _why(error)[:LONGEST]


def _why(error: Exception) -> str:
    from referencing.exceptions import Unresolvable

    if isinstance(error, RecursionError):
        return "it goes too deep"
    if isinstance(error, Unresolvable):
        return f"it refers to {error.ref}, and nothing outside the schema is read"
    return " ".join(str(error).split()) or "it makes no sense"


LONGEST: Final = 500
EACH: Final = 20
"""What is told of one SKU's attributes."""
TOLD: Final = 5_000
"""What is told of all: a schema that nothing fits would have as much to say as there are SKUs."""
"""Characters of a message: values of a spec are repeated in it."""


def _unusable(context: Context, name: str, why: str) -> Finding:
    config = context.configuration
    place = None
    if config.reader is not None and config.project_raw is not None:
        place = config.reader.place(config.project_raw, ("spec", "productTypes", name))
    return Finding(
        "SKU-017",
        "error",
        f"the schema of product type {name} cannot be used: {why}",
        place=place,
        hint="it may refer only to itself (`#/$defs/…`), and its patterns must be simple",
        firm=True,
    )
