"""Where the parts of one entry of a long list stand, without composing it. Comes in: its lines. Goes out:
positions, or None where its form is not one of the usual ones. Caller: `files.Reader`, which then composes.

A catalogue has one finding for each of its entries as easily as one: twenty thousand entries are composed in
minutes and looked through in a second. Understood are maps and lists in braces on one line, nested blocks
with one key in each line, and scalars on one line. Whatever else YAML has (anchors, aliases, tags, texts of
several lines, keys of several words in quotes) is left to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_KEY: Final = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_./-]*):(?: +|$)")
_PLAIN: Final = re.compile(r"[^\s,\[\]{}#&*!|>'\"%@`?:-][^,\[\]{}#&*!|>\"%@`:]*")
_NUMBERED: Final = re.compile(r"-?[0-9][0-9.]*")
_QUOTED: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\n]|\'\')*\'')
_BLANKS: Final = re.compile(r" *")


class Spot(NamedTuple):
    """A value: line and column (from 1), and what is in it by key or index, each with the line and column of
    the key."""

    line: int
    column: int
    parts: dict[object, tuple[int, int, Spot]]


class _Unusual(Exception):
    pass


def entry(lines: Sequence[str], begin: int) -> Spot | None:
    """The entry that begins on the first line with a dash; `begin` is that line's number. None for another
    form."""
    first = lines[0]
    dash = len(first) - len(first.lstrip(" "))
    if first[dash : dash + 2] != "- " or any("\t" in line or "#" in line for line in lines):
        return None
    column = dash + 2 + len(first[dash + 2 :]) - len(first[dash + 2 :].lstrip(" "))
    rows = [(begin, " " * column + first[column:])]
    rows += [(begin + n, line) for n, line in enumerate(lines[1:], 1) if line.strip()]
    try:
        if first[column : column + 1] == "{":
            if len(rows) > 1:
                return None
            found, end = _flow(first, column, begin)
            return found if not first[end:].strip() else None
        found, used = _block(rows, 0, column)
    except (_Unusual, IndexError):
        return None
    return found if used == len(rows) else None


def at(spot: Spot, path: Sequence[object], *, key: bool) -> tuple[int, int] | None:
    """Line and column of the value at a path (or of its key); None where the path leads nowhere."""
    where = (spot.line, spot.column)
    for number, part in enumerate(path):
        found = spot.parts.get(part)
        if found is None:
            return None
        line, column, spot = found
        last = number == len(path) - 1
        where = (line, column) if key and last and isinstance(part, str) else (spot.line, spot.column)
    return where


def _block(rows: list[tuple[int, str]], first: int, indent: int) -> tuple[Spot, int]:
    """A map or a list of lines that begin at a column, from row `first` on; answers the row after it."""
    number, line = rows[first]
    if line[indent : indent + 2] == "- ":
        return _list(rows, first, indent)
    parts: dict[object, tuple[int, int, Spot]] = {}
    row = first
    while row < len(rows):
        number, line = rows[row]
        depth = len(line) - len(line.lstrip(" "))
        if depth < indent:
            break
        match = _KEY.match(line, indent)
        if depth != indent or match is None or match[1] in parts:
            raise _Unusual
        begin = match.end()
        if begin < len(line.rstrip()):
            value, end = _value(line, begin, number)
            if line[end:].strip():
                raise _Unusual
            row += 1
        else:
            row += 1
            if row == len(rows):
                raise _Unusual
            deeper = len(rows[row][1]) - len(rows[row][1].lstrip(" "))
            if deeper < indent or (deeper == indent and rows[row][1][deeper : deeper + 2] != "- "):
                raise _Unusual
            value, row = _block(rows, row, deeper)
        parts[match[1]] = (number, indent + 1, value)
    number = rows[first][0]
    return Spot(number, indent + 1, parts), row


def _list(rows: list[tuple[int, str]], first: int, indent: int) -> tuple[Spot, int]:
    parts: dict[object, tuple[int, int, Spot]] = {}
    row = first
    while row < len(rows):
        number, line = rows[row]
        depth = len(line) - len(line.lstrip(" "))
        if depth < indent or line[indent : indent + 2] != "- ":
            break
        column = _BLANKS.match(line, indent + 2).end()  # type: ignore[union-attr]
        if line[column : column + 1] in ("{", "["):
            value, end = _flow(line, column, number)
            if line[end:].strip():
                raise _Unusual
            row += 1
        elif _KEY.match(line, column):
            inner = [*rows[:row], (number, " " * column + line[column:]), *rows[row + 1 :]]
            value, row = _block(inner, row, column)
        else:
            value, end = _value(line, column, number)
            if line[end:].strip():
                raise _Unusual
            row += 1
        parts[len(parts)] = (value.line, value.column, value)
    return Spot(rows[first][0], indent + 1, parts), row


def _value(line: str, begin: int, number: int) -> tuple[Spot, int]:
    if line[begin] in "{[":
        return _flow(line, begin, number)
    return Spot(number, begin + 1, {}), _scalar(line, begin)


def _scalar(line: str, begin: int) -> int:
    for pattern in (_QUOTED, _PLAIN, _NUMBERED):
        match = pattern.match(line, begin)
        if match is not None and match.end() > begin:
            return match.end()
    raise _Unusual


def _flow(line: str, begin: int, number: int) -> tuple[Spot, int]:
    """A map in braces, or a list in brackets, on one line."""
    closing, here = {"{": "}", "[": "]"}[line[begin]], begin + 1
    parts: dict[object, tuple[int, int, Spot]] = {}
    while True:
        here = _BLANKS.match(line, here).end()  # type: ignore[union-attr]
        if line[here] == closing:
            return Spot(number, begin + 1, parts), here + 1
        start = here
        name: object = len(parts)
        if closing == "}":
            match = _KEY.match(line, here)
            if match is None or match[1] in parts:
                raise _Unusual
            name, here = match[1], match.end()
        value, here = _value(line, here, number)
        column = start + 1 if closing == "}" else value.column
        parts[name] = (number, column, value)
        here = _BLANKS.match(line, here).end()  # type: ignore[union-attr]
        if line[here] == ",":
            here += 1
        elif line[here] != closing:
            raise _Unusual
