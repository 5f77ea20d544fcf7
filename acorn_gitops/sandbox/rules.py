"""What a marketplace refuses. Comes in: a write and the store as it is. Goes out: a problem, or nothing.
Caller: `app`.

Unique keys, known attributes, references that exist, the store's currency with its decimals, attributes that
are fixed at creation, and nothing deleted that is still in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from acorn_gitops.marketplaces.network.contract import attributes_schema
from acorn_gitops.model.money import MoneyError, canonical
from acorn_gitops.model.resource import IMMUTABLE, TYPES, is_money
from acorn_gitops.sandbox.database import Database, Row


class Problem(NamedTuple):
    """Why a write is refused."""

    status: int
    title: str
    detail: str


@cache
def _validator(type: str, creation: bool) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(
        attributes_schema(type, creation=creation), validate_formats=True
    )


class Rules:
    """Judges writes to one store; remembers what it looked up within a batch."""

    def __init__(self, database: Database, store: str) -> None:
        self._database = database
        self._store = store
        self._front: Row | None = None
        self._skus: set[str] | None = None

    def refuses(
        self, operation: str, type: str, key: str, attributes: Any, current: Row | None
    ) -> Problem | None:
        """The first reason against a write."""
        if type not in TYPES:
            return Problem(400, "Unknown type", type)
        if operation == "delete":
            return self._in_use(type, key)
        if not isinstance(attributes, dict):
            return Problem(400, "No attributes", "attributes must be an object")
        validator = _validator(type, operation == "create")
        if not validator.is_valid(attributes):
            error = next(iter(validator.iter_errors(attributes)))
            where = ".".join(map(str, error.instance_path)) or type
            return Problem(422, "Not acceptable", f"{where}: {error.message}")
        if operation == "update" and current is not None:
            for name in IMMUTABLE.get(type, frozenset()):
                if name in attributes and current.attributes.get(name) not in (None, attributes[name]):
                    return Problem(422, "Immutable", f"{name} is fixed at creation")
            for name, value in attributes.items():
                if value is None and name in _required(type):
                    return Problem(422, "Not acceptable", f"{name} cannot be cleared")
        if type in ("storefront", "location"):
            return (
                Problem(422, "Wrong key", "a store's key is the store's name") if key != self._store else None
            )
        merged = {**(current.attributes if current is not None else {}), **attributes}
        return self._references(type, merged) or self._money(merged, type)

    def wrote(self, operation: str, type: str, key: str) -> None:
        """Forget what a write may have changed."""
        if type in ("storefront", "location"):
            self._front = None
        if type == "listing":
            self._skus = None

    def _home(self) -> Row | None:
        if self._front is None:
            self._front = self._database.get(self._store, "storefront", self._store) or self._database.get(
                self._store, "location", self._store
            )
        return self._front

    def _references(self, type: str, attributes: dict[str, Any]) -> Problem | None:
        home = self._home()
        if home is None:
            return Problem(422, "Unknown store", f"{self._store} has neither storefront nor location")
        if type in ("listing", "promotion", "tax-rule", "tax-class") and "currency" not in home.attributes:
            return Problem(422, "Wrong store", f"{self._store} is a location; {type} belongs to a storefront")
        if type == "stock" and "currency" in home.attributes:
            return Problem(422, "Wrong store", f"{self._store} is a storefront; stock belongs to a location")
        tax_class = attributes.get("taxClass") if type == "listing" else None
        if tax_class and self._database.get(self._store, "tax-class", tax_class) is None:
            return Problem(422, "Unknown tax class", f"{self._store} has no tax class {tax_class}")
        if type == "grant" and self._database.get(self._store, "role", attributes["role"]) is None:
            return Problem(422, "Unknown role", f"{self._store} has no role {attributes['role']}")
        if type == "promotion":
            if attributes["start"] >= attributes["end"]:
                return Problem(422, "Empty window", "start must be before end")
            if self._skus is None:
                self._skus = {str(a.get("sku")) for _, _, _, a in self._database.each(self._store, "listing")}
            for sku in attributes["skus"]:
                if sku not in self._skus:
                    return Problem(422, "Unknown SKU", f"{self._store} does not list {sku}")
        return None

    def _money(self, attributes: dict[str, Any], type: str) -> Problem | None:
        home = self._home()
        currency = home.attributes.get("currency") if home is not None else None
        for name, value in _amounts(attributes, ""):
            if currency is not None and value["currency"] != currency:
                return Problem(
                    422, "Wrong currency", f"{name} is in {value['currency']}, the store sells in {currency}"
                )
            try:
                canonical(value["value"], value["currency"])
            except (MoneyError, TypeError) as error:
                return Problem(422, "Bad amount", f"{name}: {error}")
        return None

    def _in_use(self, type: str, key: str) -> Problem | None:
        if type in ("storefront", "location"):
            others = sum(1 for _, t, _, _ in self._database.each(self._store) if t != type)
            return (
                Problem(409, "Still in use", f"{self._store} still holds {others} resources")
                if others
                else None
            )
        if type == "tax-class":
            for _, _, sku, attributes in self._database.each(self._store, "listing"):
                if attributes.get("taxClass") == key:
                    return Problem(409, "Still in use", f"listing {sku} has tax class {key}")
        if type == "role":
            for _, _, grant, attributes in self._database.each(self._store, "grant"):
                if attributes.get("role") == key:
                    return Problem(409, "Still in use", f"grant {grant} names role {key}")
        return None


@cache
def _required(type: str) -> frozenset[str]:
    return frozenset(attributes_schema(type, creation=True).get("required", ()))


def _amounts(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every amount of money, wherever it stands."""
    if is_money(node):
        yield path, node
    elif isinstance(node, dict):
        for name, inner in node.items():
            yield from _amounts(inner, f"{path}.{name}" if path else name)
    elif isinstance(node, list):
        for inner in node:
            yield from _amounts(inner, path)
