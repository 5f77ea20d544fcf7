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
from acorn_gitops.model.resource import Attributes, is_money
from acorn_gitops.resources.registry import REFERENCES, STORES, TYPES
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
        self._values: dict[tuple[str, str], set[str]] = {}

    def refuses(
        self, operation: str, type: str, key: str, attributes: object, current: Row | None
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
            for name in TYPES[type].fixed:
                if name in attributes and current.attributes.get(name) not in (None, attributes[name]):
                    return Problem(422, "Immutable", f"{name} is fixed at creation")
            for name, value in attributes.items():
                if value is None and name in _required(type):
                    return Problem(422, "Not acceptable", f"{name} cannot be cleared")
        if type in STORES:
            return (
                Problem(422, "Wrong key", "a store's key is the store's name") if key != self._store else None
            )
        merged = {**(current.attributes if current is not None else {}), **attributes}
        return self._references(type, merged) or self._money(merged, type)

    def wrote(self, operation: str, type: str, key: str) -> None:
        """Forget what a write may have changed."""
        if type in STORES:
            self._front = None
        self._values = {known: values for known, values in self._values.items() if known[0] != type}

    def _home(self) -> Row | None:
        if self._front is None:
            self._front = self._database.get(self._store, "storefront", self._store) or self._database.get(
                self._store, "location", self._store
            )
        return self._front

    def _references(self, type: str, attributes: Attributes) -> Problem | None:
        home = self._home()
        if home is None:
            return Problem(422, "Unknown store", f"{self._store} has neither storefront nor location")
        known, here = TYPES[type], "storefront" if "currency" in home.attributes else "location"
        if known.home and known.home != here:
            return Problem(422, "Wrong store", f"{self._store} is a {here}; {type} belongs to a {known.home}")
        for name, referred in known.refers.items():
            key = attributes.get(name)
            if key and self._database.get(self._store, referred, key) is None:
                what = TYPES[referred].singular
                return Problem(422, f"Unknown {what}", f"{self._store} has no {what} {key}")
        why = known.objection(attributes, self._all)
        return None if why is None else Problem(422, *why)

    def _all(self, type: str, attribute: str) -> set[str]:
        """What all resources of a type have as one attribute."""
        if (type, attribute) not in self._values:
            rows = self._database.each(self._store, type)
            self._values[type, attribute] = {str(a.get(attribute)) for _, _, _, a in rows}
        return self._values[type, attribute]

    def _money(self, attributes: dict[str, object], type: str) -> Problem | None:
        home = self._home()
        currency = home.attributes.get("currency") if home is not None else None
        for name, value in _amounts(attributes, ""):
            # A role may be for stores of several currencies: what it limits is said in one.
            if type != "role" and currency is not None and value["currency"] != currency:
                return Problem(
                    422, "Wrong currency", f"{name} is in {value['currency']}, the store sells in {currency}"
                )
            try:
                canonical(value["value"], value["currency"])
            except (MoneyError, TypeError) as error:
                return Problem(422, "Bad amount", f"{name}: {error}")
        return None

    def _in_use(self, type: str, key: str) -> Problem | None:
        if type in STORES:
            others = sum(1 for _, t, _, _ in self._database.each(self._store) if t != type)
            return (
                Problem(409, "Still in use", f"{self._store} still holds {others} resources")
                if others
                else None
            )
        what = TYPES[type].singular
        for _, referring, attribute in (one for one in REFERENCES if one.referred == type):
            for _, _, user, attributes in self._database.each(self._store, referring):
                if attributes.get(attribute) == key:
                    return Problem(409, "Still in use", f"{referring} {user} names {what} {key}")
        return None


@cache
def _required(type: str) -> frozenset[str]:
    return frozenset(attributes_schema(type, creation=True).get("required", ()))


def _amounts(node: Any, path: str) -> Iterator[tuple[str, Attributes]]:
    """Every amount of money, wherever it stands."""
    if is_money(node):
        yield path, node
    elif isinstance(node, dict):
        for name, inner in node.items():
            yield from _amounts(inner, f"{path}.{name}" if path else name)
    elif isinstance(node, list):
        for inner in node:
            yield from _amounts(inner, path)
