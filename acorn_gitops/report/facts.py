"""What comes with a resource, in words that hide nothing: the rights of a role, whom a grant is for, what a
promotion takes off what. Comes in: attributes. Goes out: phrases. Callers: text, Markdown, HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acorn_gitops.confine.text import safe
from acorn_gitops.model.resource import attribute_of
from acorn_gitops.plan.change import Change, FieldChange
from acorn_gitops.report.words import cut, value
from acorn_gitops.resources.registry import TYPES
from acorn_gitops.resources.role import rights, worst_first


def shown(thing: object, width: int) -> str:
    """A value as harmless text, at most so wide; 0: as it is."""
    text = value(thing)
    return cut(text, width) if width else text


def phrases(type_: str, attributes: Mapping[str, object]) -> list[str]:
    """One phrase for each thing that a reviewer must see; none for types whose attributes are shown as they
    are."""
    known = TYPES.get(type_)
    try:
        return [*known.words(attributes, shown)] if known is not None else []
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # A plan's file may hold anything under a name: then its values speak for themselves.
        return [f"{name} {shown(value, 60)}" for name, value in attributes.items() if value is not None]


def changed_rights(before: Any, after: Any) -> list[str]:
    """What a role gives more (`+price.write`) and less."""
    old, new = rights(before, shown), rights(after, shown)
    return [
        *(f"+{safe(one)}" for one in worst_first(new - old)),
        *(f"-{safe(one)}" for one in worst_first(old - new)),
    ]


def rights_apart(change: Change) -> tuple[list[str], Sequence[FieldChange]]:
    """What a changed role gives more and less, right by right, and the other fields that change: by their
    place in a list nobody knows which right is meant."""
    if change.address.type != "role" or not change.fields:
        return [], change.fields
    said = changed_rights((change.before or {}).get("rules"), (change.after or {}).get("rules"))
    return said, [one for one in change.fields if attribute_of(one.path) != "rules"]
