"""Every type of resource, and what is derived from all of them. Comes in: the files of this room. Goes out:
tables. Callers: every room above that works with resources.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final, NamedTuple

from acorn_gitops import resources
from acorn_gitops.model.resource import Address
from acorn_gitops.resources.resource_type import ResourceType, SpecPath


class Reference(NamedTuple):
    """An attribute of the type `referring` holds the key of a resource of the type `referred`."""

    referred: str
    referring: str
    attribute: str


def _found() -> dict[str, ResourceType]:
    """By name, in the order of waves."""
    modules = [import_module(f"{resources.__name__}.{m.name}") for m in _files() if m.name != "registry"]
    types = [module.TYPE for module in modules if hasattr(module, "TYPE")]
    return {type.name: type for type in sorted(types, key=lambda type: (type.wave, type.name))}


def _files() -> list[pkgutil.ModuleInfo]:
    return list(pkgutil.iter_modules(resources.__path__))


TYPES: Final[Mapping[str, ResourceType]] = _found()
"""Every type by its name, lower waves first."""
LAST_WAVE: Final = max(type.wave for type in TYPES.values())
FIXED: Final[Mapping[str, frozenset[str]]] = {t.name: t.fixed for t in TYPES.values() if t.fixed}
"""By type, attributes that a marketplace fixes at creation."""
SETS: Final = frozenset[str]().union(*(type.sets for type in TYPES.values()))
"""Names of attributes whose order means nothing; compile sorts them."""
KEYED: Final[Mapping[str, str]] = {name: part for t in TYPES.values() for name, part in t.keyed.items()}
"""By the name of a list of blocks, the part by which one block is told from another."""
CLEARED: Final[Mapping[str, frozenset[str]]] = {t.name: t.cleared for t in TYPES.values() if t.cleared}
"""By type, what ends with its declaration."""
STORES: Final = frozenset(type.name for type in TYPES.values() if type.is_store)
"""Types that stand for a whole store."""
PRICED: Final = frozenset(type.name for type in TYPES.values() if type.priced)
"""What decides what buyers pay."""
REFERENCES: Final = tuple(
    Reference(referred, type.name, attribute)
    for type in TYPES.values()
    for attribute, referred in type.refers.items()
)
"""Every way in which one type refers to another; several may refer to the same."""


def fields_of(kind: str) -> frozenset[str]:
    """The attributes of all that a kind of spec becomes: what can be left to others."""
    return frozenset(name for type in TYPES.values() if type.kind == kind for name in type.properties)


def spec_paths(
    address: Address, attribute: str, value: object, spec: Mapping[str, object]
) -> Sequence[SpecPath]:
    """The places of a resolved spec to edit so that an attribute of a resource becomes a value; empty when no
    single place says it."""
    return TYPES[address.type].spec_paths(address, attribute, value, spec)


def parse_address(text: str) -> Address:
    """The address of `store/type/key`; ValueError where it is none, or there is no such type."""
    address = Address.parse(text)
    if address.type not in TYPES:
        raise ValueError(f"{text!r} is not an address like amz-de/listing/KTL-17-BLK")
    return address
