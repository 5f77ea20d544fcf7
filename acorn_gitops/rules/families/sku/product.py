"""SKU rules about products: what a set is made of, what a product type asks for. Caller: `registry`."""

from __future__ import annotations

from collections.abc import Iterator

from acorn_gitops.model.finding import Finding
from acorn_gitops.rules.context import Context
from acorn_gitops.rules.registry import rule
from acorn_gitops.specs.configuration import Spec


@rule(
    "SKU-024",
    "error",
    "Bundles and multipacks are made of mapped SKUs, without circles",
    "Their availability is computed from their parts.",
    mend="Map the component, or break the circle.",
)
def compositions(context: Context) -> Iterator[Finding]:
    """The fields fit the type, every component is mapped, and none contains itself."""
    config = context.configuration
    parts: dict[str, list[str]] = {}
    holders: list[Spec] = []
    for sku in config.skus:
        composition = sku.spec.get("composition")
        if not composition or composition["type"] == "single":
            continue
        holders.append(sku)
        path = ("spec", "composition")
        if composition["type"] == "multipack":
            inside = [composition["of"]] if composition.get("of") else []
            if not inside or composition.get("qty") is None:
                yield config.finding(
                    "SKU-024",
                    "error",
                    sku,
                    path,
                    "a multipack needs `of` and `qty`",
                    "name the SKU inside and how many",
                )
        else:
            inside = [part["sku"] for part in composition.get("components") or ()]
            if not inside:
                yield config.finding(
                    "SKU-024", "error", sku, path, "a bundle needs `components`", "name the SKUs inside"
                )
        parts[sku.spec["sku"]] = inside
    if not holders:
        return
    mapped = {sku.spec["sku"] for sku in config.skus}
    for sku in holders:
        for part in parts[sku.spec["sku"]]:
            if part not in mapped:
                yield config.finding(
                    "SKU-024",
                    "error",
                    sku,
                    ("spec", "composition"),
                    f"{part} is not mapped",
                    "map it, or correct the SKU",
                )
        if _contains_itself(sku.spec["sku"], parts):
            yield config.finding(
                "SKU-024",
                "error",
                sku,
                ("spec", "composition"),
                f"{sku.spec['sku']} contains itself",
                "break the circle",
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
    "The marketplace refuses the listing otherwise, hours later.",
    mend="Correct `attributes.extra` by the schema of the product type.",
    source="Product Type Definitions API 2020-09-01",
)
def product_type(context: Context) -> Iterator[Finding]:
    """`attributes.extra` against the JSON Schema that acorn.yaml names for `attributes.productType`."""
    config = context.configuration
    if not config.product_types:
        return
    from jsonschema import Draft202012Validator

    validators = {name: Draft202012Validator(schema) for name, schema in config.product_types.items()}
    for sku in config.skus:
        attributes = sku.spec.get("attributes") or {}
        validator = validators.get(attributes.get("productType") or "")
        if validator is None:
            continue
        for error in validator.iter_errors(attributes.get("extra") or {}):
            yield config.finding(
                "SKU-017",
                "error",
                sku,
                ("spec", "attributes", "extra", *error.path),
                error.message,
                f"see the schema of {attributes['productType']}",
            )
