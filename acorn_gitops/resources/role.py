"""Rights under a name, for a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from acorn_gitops.model.resource import Address
from acorn_gitops.resources.resource_type import Held, ResourceType, Show, SpecPath
from acorn_gitops.resources.wire import BOOL, DATE, FREE, TEXTS, block

_POWERS: Final = ("*", "delete", "grant", "apply", "approve", "write", "plan", "export", "read")
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "validFrom": ("validity", "from"),
    "validUntil": ("validity", "until"),
}


def rights(rules: Sequence[Mapping[str, Any]] | None, show: Show) -> set[str]:
    """`price.write` for each right of a role's rules, with the limits under which it is given."""
    return {
        f"{resource}.{verb}{_limits(rule, show)}"
        for rule in rules or ()
        for resource in rule.get("resources") or ()
        for verb in rule.get("verbs") or ()
    }


def worst_first(found: set[str]) -> list[str]:
    """Rights in the order in which they can do harm: a long list may be cut."""
    return sorted(found, key=_power)


def _power(right: str) -> tuple[int, str]:
    verb = right.partition(" ")[0].rpartition(".")[2]
    return (_POWERS.index(verb) if verb in _POWERS else 0), right


def _limits(rule: Mapping[str, object], show: Show) -> str:
    limits = rule.get("constraints")
    return f" (within {show(limits, 80)})" if limits else ""


def _words(held: Held, show: Show) -> Sequence[str]:
    may = [show(right, 0) for right in worst_first(rights(held.get("rules"), show))]
    found = [f"may {', '.join(may) or 'nothing'}"]
    since, until = held.get("validFrom"), held.get("validUntil")
    if since or until:
        found.append(f"from {show(str(since or 'always'), 0)} until {show(str(until or 'ever'), 0)}")
    if held.get("breakGlass"):
        found.append("for emergencies (break glass)")
    return found


def _spec_paths(
    address: Address, attribute: str, value: object, spec: Mapping[str, object]
) -> Sequence[SpecPath]:
    return [SpecPath(("spec", *_PLACES.get(attribute, (attribute,))), value)]


TYPE = ResourceType(
    name="role",
    kind="RolePermission",
    wave=1,
    needs="iam",
    numbered=True,
    told_apart=True,
    reading_rank=1,
    # A role without an end holds for ever, and no store may say otherwise.
    cleared=frozenset({"validFrom", "validUntil", "breakGlass"}),
    sets=frozenset({"rules", "resources", "verbs"}),
    properties={
        "rules": {
            "type": "array",
            "minItems": 1,
            "items": block({"resources": TEXTS, "verbs": TEXTS, "constraints": FREE}, "resources", "verbs"),
        },
        "validFrom": DATE,
        "validUntil": DATE,
        "breakGlass": BOOL,
    },
    required=("rules",),
    words=_words,
    spec_paths=_spec_paths,
)
