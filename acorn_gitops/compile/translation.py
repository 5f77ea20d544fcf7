"""How a type of resource comes from specs, and becomes a spec again. Comes in: nothing. Goes out:
`Translation`, `Drafts`. Callers: the types' files in this room, `configuration`, `decompile`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from acorn_gitops.compile.desired_state import DesiredState
from acorn_gitops.model.resource import Address, Attributes
from acorn_gitops.specs.configuration import Configuration

Document = dict[str, Any]
"""A spec as plain data."""
Row = tuple[str, str, Attributes]
"""Store, key and attributes of a resource."""


@dataclass
class Drafts:
    """Documents on the way back, before those that say the same become one."""

    stores: list[Document] = field(default_factory=list)
    skus: dict[str, list[Row]] = field(default_factory=dict)
    """By type, the rows from which SKU lists are made at the end."""
    others: dict[tuple[str, str, str], Document] = field(default_factory=dict)
    """Documents of the other kinds by store, kind and key."""
    unsaid: list[tuple[Address, str]] = field(default_factory=list)
    """What no spec can say, and why."""
    words: list[tuple[Address, str]] = field(default_factory=list)
    """What is a word in others' documents, and why it stays unsaid where none of them has it."""
    named: set[tuple[str, str, str]] = field(default_factory=set)
    """Store, type and key of such words that a document has."""


def nothing_against(_: Attributes) -> str:
    """For types of which a spec can say whatever fits its schema."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """The way there and back of one type."""

    compile: Callable[[Configuration, DesiredState], None]
    """Adds every resource of the type that the specs want."""
    alone: Callable[[str, str, Attributes], Document | None]
    """The document that one resource (store, key, attributes) would be by itself; None where it is none by
    itself. Raises where what it holds makes no sense."""
    add: Callable[[Drafts, Address, Attributes], None]
    """Puts one resource into the drafts. Called in the order of waves."""
    shared: bool = True
    """Documents of several stores that say the same become one that names them all."""
    unsayable: Callable[[Attributes], str] = nothing_against
    """Why no spec can say it, although it makes sense; empty where one can."""
