"""Whether a text that was written anew still holds what people had noted in it. Comes in: the text before and
after. Goes out: the first comment that is gone. Callers: `fmt`, `edit`.

The library that edits YAML keeps nearly every comment: one that stands alone above an item which has another
at the end of its line can get lost, and nobody should find out in a review.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

_BEGINS: Final = re.compile(r"(?:^|(?<=\s))#")


class Lost(NamedTuple):
    """A comment that is gone: its words, and the line where it stood."""

    words: str
    line: int


def lost_comment(before: str, after: str) -> Lost | None:
    """The first comment of one text that the other no longer holds; None where all are there."""
    found = [*_comments(before)]
    there = Counter(words for words, _ in _comments(after))
    for words, count in Counter(words for words, _ in found).items():
        # What looks like a comment there is one in nearly all cases: only for the others the text is
        # searched.
        if there[words] < count and after.count(words) < min(count, before.count(words)):
            return Lost(words, next(line for one, line in found if one == words))
    return None


def _comments(text: str) -> Iterator[tuple[str, int]]:
    """What looks like a comment and says something: its words, and its line."""
    for number, line in enumerate(text.split("\n"), 1):
        begins = _BEGINS.search(line)
        if begins is not None and line[begins.start() :].replace("#", " ").strip():
            yield line[begins.start() :].strip(), number
