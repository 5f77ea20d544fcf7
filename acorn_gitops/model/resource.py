"""One thing that a marketplace holds. Comes in: nothing. Goes out: addresses, resources, digests.

Attributes are plain data in canonical form: money as {currency, value} with one spelling per amount,
instants in UTC, sets sorted. An absent attribute is not ours; None clears it. Callers: compile, plan,
apply, ledger, marketplaces, sandbox, report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
import xxhash

Attributes = dict[str, Any]
"""Canonical attributes of a resource, JSON-compatible."""

Document = dict[str, Any]
"""A document as it was parsed: maps, lists, texts, numbers, and nothing that says which."""


class Address(NamedTuple):
    """Where a resource lives: `store/type/key`."""

    store: str
    type: str
    key: str

    def __str__(self) -> str:
        return f"{self.store}/{self.type}/{self.key}"

    @staticmethod
    def parse(text: str) -> Address:
        """The address of `store/type/key`; ValueError when it is none. A key may contain slashes. Whether
        there is such a type is not asked (`resources.registry.parse_address`)."""
        parts = text.split("/", 2)
        if len(parts) != 3 or not all(parts):
            raise ValueError(f"{text!r} is not an address like amz-de/listing/KTL-17-BLK")
        return Address(*parts)


class Origin(NamedTuple):
    """The spec that a desired resource was compiled from."""

    file: str
    line: int
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Desired(NamedTuple):
    """A resource as the specs want it: declared attributes only, and where they were declared."""

    attributes: Attributes
    origin: Origin
    lifecycle: Mapping[str, Any] | None = None
    moved_from: str | None = None
    whole: Attributes | None = None
    """All that the spec says, where the marketplace holds less: the price guard looks at bounds here."""


def protects(lifecycle: Mapping[str, object] | None) -> bool:
    """Whether a lifecycle says preventDestroy."""
    return lifecycle is not None and lifecycle.get("preventDestroy") is True


class Live(NamedTuple):
    """A resource as the marketplace holds it. `etag` is opaque: good for If-Match, never compared for
    drift."""

    attributes: Attributes
    etag: str = ""
    remote_id: str = ""
    owner: str = ""
    """Who manages it (project/environment), where the marketplace keeps that; empty where it does not, or
    nobody does."""
    also_for: tuple[str, ...] = ()
    """Of a listing, amounts in further currencies that buyers can pay instead (`3.00 USD`), of which no spec
    can speak."""


def platform_of(store: str, resources: Mapping[tuple[str, str], Live | Desired]) -> str:
    """The platform that a store is on, of its resources by type and key; empty where none says it."""
    front = resources.get(("storefront", store))
    return str(front.attributes.get("platform") or "") if front is not None else ""


def attribute_of(path: str) -> str:
    """The attribute that a path of a field lies in: `hours` of `hours.monday[0]`."""
    return path.split(".")[0].split("[")[0]


def is_money(value: object) -> bool:
    """Whether a value is an amount of money: it is compared and shown as one thing."""
    return isinstance(value, dict) and value.keys() == {"currency", "value"}


def digest(attributes: Mapping[str, object]) -> str:
    """A short digest of canonical attributes, equal for equal content in any key order."""
    return xxhash.xxh3_128_hexdigest(orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS))


def project(live: Mapping[str, object], declared: Iterable[str]) -> Attributes:
    """The part of a live resource that the specs speak of."""
    return {name: live.get(name) for name in declared}
