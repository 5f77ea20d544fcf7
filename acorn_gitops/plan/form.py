"""The form of a saved plan. Comes in: a document from a file that anybody may have written. Goes out: what is
wrong with it, or nothing. Caller: `document`.

A plan travels as a build artifact. What does not have this form is not a plan that acorn wrote, and is
neither shown nor applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_args

from acorn_gitops.model.finding import Severity
from acorn_gitops.model.sound import unfit
from acorn_gitops.plan.change import Action, Reason

_WORD: Final = {
    "type": "string",
    "maxLength": 1_000,
    "pattern": r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$",
}
_NAMED: Final = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
_TEXT: Final = {"type": "string", "maxLength": 20_000}
_COUNT: Final = {"type": "integer", "minimum": 0, "maximum": 1 << 40}
_ADDRESS: Final = {"type": "string", "maxLength": 1_000, "pattern": "^[^/]+/[^/]+/."}
_WORDS: Final = {"type": "array", "items": _WORD}


def _object(properties: Mapping[str, object], *optional: str) -> dict[str, object]:
    """Newer versions may add fields: those are passed over."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
    }


_CHANGE: Final = _object(
    {
        "address": _ADDRESS,
        "action": {"enum": list(get_args(Action))},
        "reason": {"enum": list(get_args(Reason))},
        "before": {"type": ["object", "null"]},
        "after": {"type": ["object", "null"]},
        "fields": {
            "type": "array",
            "items": _object(
                {"path": _WORD, "before": {}, "after": {}, "reason": {"enum": list(get_args(Reason))}}
            ),
        },
        "origin": {
            "anyOf": [
                {"type": "null"},
                _object({"file": _WORD, "line": _COUNT, "kind": _WORD, "name": _WORD})
                | {"additionalProperties": False},
            ]
        },
        "fingerprint": _WORD,
        "moved_from": _WORD,
        "takes_percent": {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9])?$"},
        "money": _object(
            {
                "margin_percent": {"type": ["string", "null"], "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$"},
                "stock": {"type": ["integer", "null"]},
                "effect": {"type": ["string", "null"], "pattern": r"^-?[0-9]{1,18}(\.[0-9]{1,6})?$"},
            },
            "margin_percent",
            "stock",
            "effect",
        ),
    },
    "moved_from",
    "takes_percent",
    "money",
)
_STORE: Final = _object(
    {
        "store": _WORD,
        "connection": _WORD,
        "marketplace": _WORD,
        "binding": _WORD,
        "live": _COUNT,
        "in_sync": _COUNT,
        "ceded": _COUNT,
        "unmanaged": {"type": "array", "items": _ADDRESS},
        "notes": {"type": "array", "items": _TEXT},
        "error": _TEXT,
        "to_record": {"type": "array", "items": _ADDRESS},
    },
    "marketplace",
    "binding",
)
_FINDING: Final = _object(
    {
        "id": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{3}$"},
        "severity": {"enum": list(get_args(Severity))},
        "message": _TEXT,
        "place": {"type": ["string", "null"], "maxLength": 2_000},
        "hint": _TEXT,
    }
)
_PHASE: Final = _object(
    {
        "name": _NAMED,
        "stores": _WORDS,
        "may_fail": {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,4})?$"},
        "soak": _COUNT,
    }
)
SCHEMA: Final = _object(
    {
        "format_version": _WORD,
        "acorn_version": _WORD,
        "id": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "project": _NAMED,
        "environment": _NAMED,
        "commit": _WORD,
        "dirty": {"type": "boolean"},
        "created_at": _WORD,
        "config_digest": _WORD,
        "ledger_serial": _COUNT,
        "selected": _WORDS,
        "rollout": {"type": "array", "items": _PHASE, "maxItems": 10},
        "stores": {"type": "array", "items": _STORE},
        "changes": {"type": "array", "items": _CHANGE},
        "findings": {"type": "array", "items": _FINDING},
    },
    "rollout",
)


@cache
def _validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for({**SCHEMA, "$schema": "https://json-schema.org/draft/2020-12/schema"})


def misformed(document: Mapping[str, Any]) -> str:
    """What is wrong with a plan's document; empty where it has the form."""
    for error in _validator().iter_errors(document):
        where = "/".join(map(str, error.instance_path)) or "the document"
        return f"{where[:200]} is not what it must be"
    for number, change in enumerate(document["changes"]):
        values = {"before": change["before"], "after": change["after"], "fields": change["fields"]}
        wrong = unfit(values)
        if wrong:
            return f"changes/{number}: {wrong}"
        if not change["address"].isprintable():
            return f"changes/{number}/address is no address"
    return ""
