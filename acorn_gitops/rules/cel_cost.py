"""How long a CEL expression may take. Comes in: an expression. Goes out: why it is too dear, or nothing.
Caller: `custom`.

CEL always ends, but `all` inside `all` inside `all` may end next week, and the engine takes no limit. So
loops are bounded before anything runs: at most two inside one another, never two over the changes of a plan,
and no long list written out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

DEEPEST: Final = 2
LONGEST: Final = 2_000
"""Characters."""
WRITTEN_OUT: Final = 200
"""Entries of lists that an expression writes out, all together."""
_LOOP: Final = re.compile(r"\.\s*(all|exists|exists_one|map|filter)\s*\(")
_TEXT: Final = re.compile(r"""[rR]?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")


class _Loop(NamedTuple):
    """A loop: over what, and from where to where."""

    over: str
    start: int
    end: int


def too_dear(expression: str) -> str:
    """Why an expression may run too long; empty where it may not."""
    if len(expression) > LONGEST:
        return f"it has {len(expression):,} characters, more than {LONGEST:,}"
    # Brackets and dots in texts mean nothing.
    bare = _TEXT.sub(lambda m: '"' + "_" * (len(m[0]) - 2) + '"', expression)
    if bare.count(",") > WRITTEN_OUT:
        return f"it writes out more than {WRITTEN_OUT} values; put them into the specs' labels"
    loops = list(_loops(bare))
    for loop in loops:
        around = [other for other in loops if other.start < loop.start and loop.end <= other.end]
        if len(around) + 1 > DEEPEST:
            return f"it has more than {DEEPEST} loops inside one another"
        if loop.over == "changes" and any(other.over == "changes" for other in around):
            return "it goes through all changes for each change"
    return ""


def _loops(bare: str) -> Iterator[_Loop]:
    for match in _LOOP.finditer(bare):
        depth, end = 1, len(bare)
        for index in range(match.end(), len(bare)):
            depth += {"(": 1, ")": -1}.get(bare[index], 0)
            if not depth:
                end = index
                break
        name = re.search(r"(\w+)\s*$", bare[: match.start()])
        yield _Loop(name[1] if name else "", match.end(), end)
