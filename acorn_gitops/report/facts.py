"""What comes with a resource, in words that hide nothing: the rights of a role, whom a grant is for, what a promotion takes off
what. Comes in: attributes. Goes out: phrases. Callers: text, Markdown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from acorn_gitops.confine.text import safe
from acorn_gitops.report.words import cut, value

NAMED: Final = 12
"""So many SKUs of a promotion are named."""


def phrases(type_: str, attributes: Mapping[str, Any]) -> list[str]:
    """One phrase for each thing that a reviewer must see; none for types whose attributes are shown as they are."""
    if type_ == "role":
        return _role(attributes)
    if type_ == "grant":
        return [f"{attributes.get('role')} for {_who(attributes.get('subject'))}"]
    if type_ == "promotion":
        return _promotion(attributes)
    if type_ == "tax-rule":
        return _tax_rule(attributes)
    return []


def rights(rules: Sequence[Mapping[str, Any]] | None) -> set[str]:
    """`price.write` for each right of a role's rules, with the limits under which it is given."""
    return {
        f"{resource}.{verb}{_limits(rule)}"
        for rule in rules or ()
        for resource in rule.get("resources") or ()
        for verb in rule.get("verbs") or ()
    }


_POWERS: Final = ("*", "delete", "grant", "apply", "approve", "write", "plan", "export", "read")


def _power(right: str) -> tuple[int, str]:
    """What can do most harm is read first: a long list may be cut."""
    verb = right.partition(" ")[0].rpartition(".")[2]
    return (_POWERS.index(verb) if verb in _POWERS else 0), right


def changed_rights(before: Any, after: Any) -> list[str]:
    """What a role gives more (`+price.write`) and less."""
    old, new = rights(before), rights(after)
    return [
        *(f"+{safe(one)}" for one in sorted(new - old, key=_power)),
        *(f"-{safe(one)}" for one in sorted(old - new, key=_power)),
    ]


def _role(attributes: Mapping[str, Any]) -> list[str]:
    found = [f"may {', '.join(map(safe, sorted(rights(attributes.get('rules')), key=_power))) or 'nothing'}"]
    if attributes.get("validFrom") or attributes.get("validUntil"):
        found.append(
            f"from {safe(str(attributes.get('validFrom') or 'always'))} until {safe(str(attributes.get('validUntil') or 'ever'))}"
        )
    if attributes.get("breakGlass"):
        found.append("for emergencies (break glass)")
    return found


_RESULT: Final = ("treatment", "rate", "taxes", "scheme", "liableParty")
_TERMS: Final = ("validFrom", "validTo", "enabled", "priority")


def _tax_rule(attributes: Mapping[str, Any]) -> list[str]:
    """What is owed, by whom and when; then for which sales: all that it asks."""
    asked = [name for name in attributes if name not in (*_RESULT, *_TERMS)]
    found = [
        ", ".join(f"{name} {value(attributes[name])}" for name in names if attributes.get(name) is not None)
        for names in (_RESULT, _TERMS, asked)
    ]
    return [phrase for phrase in found if phrase]


def _limits(rule: Mapping[str, Any]) -> str:
    limits = rule.get("constraints")
    return f" (within {cut(value(limits), 80)})" if limits else ""


def _who(subject: Any) -> str:
    if not isinstance(subject, Mapping):
        return "nobody"
    return safe(f"{subject.get('kind')} {subject.get('id')}")


def _promotion(attributes: Mapping[str, Any]) -> list[str]:
    skus = [safe(str(sku)) for sku in attributes.get("skus") or ()]
    named = ", ".join(skus[:NAMED]) + (f" and {len(skus) - NAMED:,} more" if len(skus) > NAMED else "")
    what = " ".join(
        cut(value(attributes[name]), 60) for name in ("type", "discount") if attributes.get(name) is not None
    )
    found = [f"{what} on {named or 'no SKU'}"]
    found += [
        f"{name} {cut(value(attributes[name]), 60)}"
        for name in ("audience", "code", "stacking", "minimumOrder")
        if attributes.get(name) is not None
    ]
    if attributes.get("start") is not None:
        found.append(f"{safe(str(attributes['start']))} to {safe(str(attributes.get('end')))}")
    return found
