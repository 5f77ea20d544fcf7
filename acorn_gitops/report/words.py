"""Values as words. Comes in: attribute values. Goes out: short, harmless text. Callers: `text`,
`markdown`."""

from __future__ import annotations

import re
import textwrap
from typing import Any, Final

import orjson

from acorn_gitops.confine.text import safe
from acorn_gitops.model.money import percent_change
from acorn_gitops.model.resource import is_money
from acorn_gitops.resources.registry import TYPES

REASONS: Final[dict[str, str]] = {
    "declared": "new in the specs",
    "edited": "spec edited",
    "drifted": "changed outside",
    "edited+drifted": "spec edited and changed outside",
    "missing": "deleted outside",
    "undeclared": "left the specs",
    "renamed": "renamed",
    "exists": "was there before acorn",
    "gone": "already gone",
    "first": "never applied from here",
}


def in_words(signature: str) -> str:
    """What happens to a group (`document.signature`), with its reason as it is read: `price -10.0 % (spec
    edited)`."""
    for code, words in REASONS.items():
        if signature == code:
            return words
        signature = signature.replace(f"({code})", f"({words})")
    return signature


def plural(type: str, count: int) -> str:
    """`1 listing`, `2 tax classes`, `3 stores`."""
    known = TYPES.get(type)
    single, many = (known.singular, known.plural) if known is not None else (type, f"{type}s")
    return f"{count:,} {single if count == 1 else many}"


def value(thing: Any) -> str:
    """A value in one line."""
    if thing is None:
        return "(none)"
    if is_money(thing):
        return safe(f"{thing['value']} {thing['currency']}")
    if isinstance(thing, str):
        return safe(thing)
    if isinstance(thing, bool):
        return "true" if thing else "false"
    if isinstance(thing, list) and all(isinstance(v, str) for v in thing):
        return safe(", ".join(thing)) or "(empty)"
    if isinstance(thing, dict) and isinstance(thing.get("percents"), dict) and len(thing) == 1:
        return safe(", ".join(f"{name} {percent} %" for name, percent in thing["percents"].items()))
    if isinstance(thing, dict) and 0 < len(thing) <= 3 and all(isinstance(v, str) for v in thing.values()):
        return safe(" ".join(f"{name} {inner}" for name, inner in thing.items()))
    return safe(orjson.dumps(thing).decode())


def share_words(before: object, after: object) -> str:
    """By how much an amount moves: ` (-10.0 %)`; nothing for what is none."""
    if not (isinstance(before, dict) and isinstance(after, dict) and is_money(before) and is_money(after)):
        return ""
    moved = (
        percent_change(before["value"], after["value"]) if before["currency"] == after["currency"] else None
    )
    return f" ({moved:+} %)" if moved is not None else ""


_NARROW: Final = re.compile(r"[ -\u02ff\u2010-\u2300\u2713-\u2717]*\Z")
"""Letters and signs of which each takes one cell: for them no table of widths is needed."""


def cells(text: str) -> int:
    """How many cells of a terminal a text takes: 永 takes two, a combining accent none."""
    if _NARROW.match(text):
        return len(text)
    from wcwidth import wcswidth  # 25 ms, for letters of other widths only

    width = int(wcswidth(text))
    return width if width >= 0 else len(text)


def padded(text: str, width: int, *, right: bool = False) -> str:
    """As wide as a column, the text at its left or right."""
    blank = " " * max(0, width - cells(text))
    return blank + text if right else text + blank


def cut(text: str, width: int) -> str:
    """Shortened to so many cells in the middle, where names differ least."""
    if cells(text) <= width:
        return text
    if width < 5:
        return _begin(text, width)
    head = (width - 1) * 2 // 3
    return f"{_begin(text, head)}…{_begin(text[::-1], width - 1 - head)[::-1]}"


def _begin(text: str, width: int) -> str:
    """As many letters as fit."""
    if _NARROW.match(text):
        return text[:width]
    end = len(text)
    while end and cells(text[:end]) > width:
        end -= 1
    return text[:end]


def wrapped(text: str, width: int, *, first: str = "", then: str = "") -> list[str]:
    """Lines of a paragraph; what begins the first of them, and all others."""
    if _NARROW.match(text):
        return textwrap.wrap(
            text, width, initial_indent=first, subsequent_indent=then, break_on_hyphens=False
        )
    from wcwidth import wrap

    lines: list[str] = wrap(text, width, initial_indent=first, subsequent_indent=then, break_on_hyphens=False)
    return lines


def set_difference(before: object, after: object) -> tuple[list[str], list[str]] | None:
    """(added, removed) for two lists of text, else None."""
    if not (isinstance(before, list) and isinstance(after, list)):
        return None
    if not all(isinstance(v, str) for v in (*before, *after)):
        return None
    return sorted(set(after) - set(before)), sorted(set(before) - set(after))
