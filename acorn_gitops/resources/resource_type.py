"""What is to be known of a type of resource. Comes in: nothing. Goes out: `ResourceType`. Callers: the types'
files, `registry`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from acorn_gitops.model.finding import FieldPath
from acorn_gitops.model.resource import Address
from acorn_gitops.resources.wire import Schema

Held = Mapping[str, Any]
"""Attributes of one resource."""
Show = Callable[[object, int], str]
"""A value as one line of harmless text, at most so many characters long (0: as long as it is)."""
Lookup = Callable[[str, str], Collection[str]]
"""What the resources of a type in the same store have as one attribute."""


class SpecPath(NamedTuple):
    """A place in a spec, below the document, and the value to write there."""

    path: FieldPath
    value: object


SpecPaths = Callable[[Address, str, object, Mapping[str, object]], Sequence[SpecPath]]
"""Where in a resolved spec an attribute of a resource is said, so that it becomes this value."""


def said_nowhere(*_: object) -> Sequence[SpecPath]:
    """For types of which no single place of a spec says an attribute."""
    return ()


def no_words(*_: object) -> Sequence[str]:
    """For types whose attributes are shown as they are."""
    return ()


def no_objection(*_: object) -> None:
    """For types about which a marketplace has no rules beyond their schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """One type of resource."""

    name: str
    """As in an address."""
    kind: str
    """The kind of spec that says it."""
    wave: int
    """Lower waves are created first and deleted last."""
    needs: str
    """On what whoever applies a change of it needs the right `apply`."""
    needs_by_field: Mapping[str, str] = field(default_factory=dict)
    """Attributes whose change is about something else."""
    properties: Mapping[str, Schema]
    """The attributes, as the network API takes them."""
    required: Sequence[str]
    """Those that a creation must have."""
    home: Literal["", "storefront", "location"] = ""
    """In which sort of store alone it can be; empty: in both."""
    is_store: bool = False
    """It stands for a whole store, bears its name, and is deleted only where the project says so."""
    fixed: frozenset[str] = frozenset()
    """Attributes that a marketplace fixes at creation: a change of one is a replacement."""
    sets: frozenset[str] = frozenset()
    """Names of attributes, at any depth, whose order means nothing."""
    keyed: Mapping[str, str] = field(default_factory=dict)
    """Of these, lists of blocks: the part of a block by which one is told from another."""
    cleared: frozenset[str] = frozenset()
    """Attributes that end with their declaration: unsaid, they are cleared."""
    refers: Mapping[str, str] = field(default_factory=dict)
    """Attributes that name a resource of another type in the same store."""
    numbered: bool = False
    """Its attributes hold decimal numbers beside amounts of money."""
    priced: bool = False
    """It decides what buyers pay."""
    told_apart: bool = False
    """Each content is told: where one of many is meant to be overlooked, the others must not cover it."""
    told_by_field: bool = False
    """Changes of the same fields are shown as one, whatever the values."""
    reading_rank: int = 9
    """What is read first where a list is cut: lower ones."""
    singular: str = ""
    """In words, where that is not the name."""
    plural: str = ""
    words: Callable[[Held, Show], Sequence[str]] = no_words
    """One phrase for each thing that a reviewer must see."""
    spec_paths: SpecPaths = said_nowhere
    objection: Callable[[Held, Lookup], tuple[str, str] | None] = no_objection
    """Why the embedded marketplace refuses it (title, detail), beyond schema and references."""

    def __post_init__(self) -> None:
        singular = self.singular or self.name
        object.__setattr__(self, "singular", singular)
        object.__setattr__(self, "plural", self.plural or f"{singular}s")
