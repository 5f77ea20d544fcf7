"""The bulk parser: the part of YAML 1.2 in which catalogues are written, line by line. Comes in: clean text.
Goes out: plain documents with line numbers, or `NotSimple`. Caller: `files`, which then asks `strict`.

Understood: block maps, block lists of maps or scalars, one-line flow collections, quoted scalars on one
line, comments, several documents. Anything else (anchors, tags, block scalars, folded lines, escapes, and
every error) is `NotSimple`: never guessed at. A differential test holds this parser against the strict one.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from acorn_gitops.model.resource import Document
from acorn_gitops.specs.scalars import Ambiguous, resolve

MAX_DEPTH: Final = 40
_MAX_BLOCK: Final = 18
_MAX_FLOW: Final = 18
"""Half of the depth for block and half for flow collections: deeper ones are left to the strict parser."""
_MAX_KEY: Final = 1000
"""YAML allows 1,024 characters before the colon of a key."""


class NotSimple(Exception):
    """Not in the subset; the strict parser must look."""


class Parsed(NamedTuple):
    """One document. `line` is where it begins, `item_lines` those of the entries of `spec.items`."""

    data: Document
    line: int
    item_lines: list[int]


_ENTRY: Final = re.compile(
    r"""(?:"([^"\\]*)"|'([^']*)'|([A-Za-z_$][A-Za-z0-9_$./-]*)):(?:\x20+(.*))?\Z""", re.VERBOSE
)
_DOUBLE: Final = re.compile(r'"([^"\\]*)"(?:\x20+#.*|\x20*)\Z')
_SINGLE: Final = re.compile(r"'((?:[^']|'')*)'(?:\x20+#.*|\x20*)\Z")
_TOKENS: Final = re.compile(
    r"""\x20*(?:
      ([{}\[\],])
    | (?:"([^"\\]*)"
       | '((?:[^']|'')*)'
       | ((?:[^\s{}\[\],:\#"'&*!|>%@`?-]|-(?=[^\s{}\[\],:]))(?:[^\s{}\[\],:]|:(?=[^\s{}\[\],])|\x20(?=[^\s{}\[\],:\#])|\x20(?=:[^\s{}\[\],]))*)
      )(\x20*:(?=\x20|\Z))?
    | (?<=[}\]\x20])(\#.*)
    | (.)
    )""",
    re.VERBOSE,
)
_plain_values: dict[str, object] = {}
_good_keys: set[str] = set()


def parse(text: str) -> list[Parsed]:
    """Every non-empty document of the text. NotSimple when any part of it is outside the subset."""
    documents: list[Parsed] = []
    current: dict[str, object] | None = None
    began = 0
    lines_of: dict[int, list[int]] = {}
    # Open containers from outside in, with the column of their entries.
    stack: list[tuple[int, Any]] = []
    pending: tuple[Any, object, int] | None = (
        None  # a map, its key that still waits for a value, the key's column
    )
    entry = _ENTRY.match
    for number, line in enumerate(text.split("\n"), 1):
        content = line.lstrip(" ")
        if not content or content[0] == "#":
            continue
        column = len(line) - len(content)
        if column == 0 and (content[:3] == "---" or content[:3] == "..." or content[0] == "%"):
            if content.rstrip(" ") != "---":
                raise NotSimple
            if current is not None:
                documents.append(_finish(current, began, lines_of))
            current, stack, pending = None, [], None
            lines_of = {}
            continue
        if "\t" in line:
            raise NotSimple
        if current is None:
            current, began = {}, number
            if column or content[:2] == "- " or content == "-":
                raise NotSimple
            stack = [(0, current)]
        is_item = content[:2] == "- "
        if pending is not None:
            owner, key, at = pending
            pending = None
            if is_item and column >= at:
                value: object = []
                owner[key] = value
                stack.append((column, value))
                lines_of[id(value)] = []
            elif column > at and not is_item:
                value = {}
                owner[key] = value
                stack.append((column, value))
        while stack and stack[-1][0] > column:
            stack.pop()
        if not stack or stack[-1][0] != column:
            raise NotSimple
        if len(stack) > _MAX_BLOCK:
            raise NotSimple
        container = stack[-1][1]
        if is_item:
            if type(container) is not list:
                raise NotSimple
            content = content[2:]
            stripped = content.lstrip(" ")
            column += 2 + len(content) - len(stripped)
            content = stripped
            lines_of[id(container)].append(number)
            if content[:1] == "{":
                container.append(_flow(content))
                continue
            match = entry(content)
            if match is None:
                if not content or (content[0] == "-" and (len(content) == 1 or content[1] == " ")):
                    raise NotSimple
                container.append(_value(content))
                continue
            item: dict[str, object] = {}
            container.append(item)
            stack.append((column, item))
            container = item
        else:
            if type(container) is list:  # a list may stand at its key's own column; this line ends it
                stack.pop()
                if not stack or stack[-1][0] != column:
                    raise NotSimple
                container = stack[-1][1]
                if type(container) is list:
                    raise NotSimple
            match = entry(content)
            if match is None:
                raise NotSimple
        double, single, plain, rest = match.groups()
        if plain is not None:
            key = plain
            if key not in _good_keys:
                _check_key(key)
        else:
            key = double if double is not None else single
            if len(key) > _MAX_KEY:
                raise NotSimple
        if key in container:
            raise NotSimple
        if rest is None or rest[:1] == "#":
            container[key] = None
            pending = (container, key, column)
        elif rest:
            # The commonest values by far, inlined: this loop is the floor of every cold plan.
            known = _plain_values.get(rest, _plain_values)
            container[key] = _value(rest) if known is _plain_values else known
        else:
            container[key] = None
            pending = (container, key, column)
    if current is not None:
        documents.append(_finish(current, began, lines_of))
    return documents


def _finish(data: dict[str, object], line: int, lines_of: dict[int, list[int]]) -> Parsed:
    spec = data.get("spec")
    items = spec.get("items") if type(spec) is dict else None
    if type(items) is not list:
        return Parsed(data, line, [])
    lines = lines_of.get(id(items), [])
    if len(lines) != len(items):  # a flow list: the strict parser knows where its entries stand
        raise NotSimple
    return Parsed(data, line, lines)


def _check_key(key: str) -> None:
    if len(key) > _MAX_KEY or _plain(key) != key:
        raise NotSimple
    _good_keys.add(key)


def _plain(text: str) -> object:
    try:
        return resolve(text)
    except Ambiguous:
        raise NotSimple from None


def _value(text: str) -> object:
    """A value on the rest of a line."""
    first = text[0]
    if first == '"':
        match = _DOUBLE.match(text)
        if match is None:
            raise NotSimple
        return match[1]
    if first == "'":
        match = _SINGLE.match(text)
        if match is None:
            raise NotSimple
        return match[1].replace("''", "'")
    if first == "{" or first == "[":
        return _flow(text)
    if first in "&*!|>%@`,]}#" or (first in "?:-" and (len(text) == 1 or text[1] == " ")):
        raise NotSimple
    comment = text.find(" #")
    raw = (text[:comment] if comment >= 0 else text).rstrip(" ")
    if ": " in raw or raw[-1] == ":":
        raise NotSimple
    value = _plain(raw)
    if len(text) < 40 and len(_plain_values) < 50_000:
        _plain_values[text] = value
    return value


class _Shape:
    """A one-line map whose keys, nesting and punctuation were seen before: only its values are looked at.

    In a catalogue nearly every line looks like the last one. A line that matches a shape would be read to the
    same map token by token: a value is a plain word without special characters, or stands in double quotes.
    """

    __slots__ = ("fields", "maps", "match")

    def __init__(
        self, pattern: str, maps: list[tuple[int, str]], fields: list[tuple[int, str, bool]]
    ) -> None:
        self.match = re.compile(pattern).match
        self.maps = maps
        self.fields = fields

    def build(self, values: tuple[str, ...]) -> dict[str, object]:
        """The map of one line."""
        root: dict[str, object] = {}
        if not self.maps:
            for (_, key, is_plain), value in zip(self.fields, values, strict=True):
                root[key] = self.plain(value) if is_plain else value
            return root
        built = [root]
        # A map takes its place among the fields of the map around it, so that keys keep their order.
        following = 0
        for (owner, key, is_plain), value in zip(self.fields, values, strict=True):
            while following < len(self.maps) and len(built) <= owner:
                at, name = self.maps[following]
                inner: dict[str, object] = {}
                built[at][name] = inner
                built.append(inner)
                following += 1
            built[owner][key] = self.plain(value) if is_plain else value
        return root

    @staticmethod
    def plain(text: str) -> object:
        """A plain value, remembered."""
        known = _plain_values.get(text, _plain_values)
        if known is _plain_values:
            known = _plain(text)
            if len(text) < 40 and len(_plain_values) < 50_000:
                _plain_values[text] = known
        return known


_shapes: dict[tuple[int, int], _Shape | None] = {}
_WORD: Final = r"([A-Za-z0-9_][A-Za-z0-9_./-]*)"


def _shape_of(text: str) -> _Shape | None:
    """The shape of a line that was read; None when it has lists, comments or unusual values."""
    pattern: list[str] = []
    maps: list[tuple[int, str]] = []
    fields: list[tuple[int, str, bool]] = []
    path = [-1]
    key = ""
    count = -1
    opened = False
    for match in _TOKENS.finditer(text):
        mark, double, single, plain, colon, comment, other = match.groups()
        if mark in ("[", "]") or single is not None or comment or other or (opened and mark == "}"):
            return None
        opened = mark == "{"
        if mark == "{":
            count += 1
            if count:
                maps.append((path[-1], key))
            path.append(count)
        elif mark == "}":
            path.pop()
        if mark or colon:
            if colon:
                key = plain if plain is not None else double
            pattern.append(re.escape(match[0]))
            continue
        begin, end = match.span(4 if plain is not None else 2)
        if plain is not None and re.fullmatch(_WORD, plain) is None:
            return None
        pattern.append(
            re.escape(text[match.start() : begin])
            + (_WORD if plain is not None else r'([^"\\]*)')
            + re.escape(text[end : match.end()])
        )
        fields.append((path[-1], key, plain is not None))
    return _Shape("".join(pattern) + r"\Z", maps, fields)


def _flow(text: str) -> object:
    """A flow collection that begins and ends on this line."""
    outline = (text.count(":"), text.count('"'))
    shape = _shapes.get(outline)
    if shape is not None:
        match = shape.match(text)
        if match is not None:
            return shape.build(match.groups())
    value = _tokens(text)
    if type(value) is dict and len(_shapes) < 1000:
        shape = _shape_of(text)
        match = shape.match(text) if shape is not None else None
        # Only a shape that reads its own line as the tokens do is kept.
        if shape is not None and match is not None and shape.build(match.groups()) == value:
            _shapes[outline] = shape
    return value


def _tokens(text: str) -> object:
    """A flow collection, token by token."""
    root: object = None
    top: Any = None  # the innermost open collection
    stack: list[object] = []
    key: Any = None
    want_value = False  # a key and its colon were read
    expect = True  # an entry may follow (after an opener or a comma)
    values = _plain_values
    for mark, double, single, plain, colon, comment, other in _TOKENS.findall(text.rstrip(" ")):
        if plain:
            if root is None or (top is None):
                raise NotSimple
            if colon:
                if type(top) is not dict or want_value or not expect:
                    raise NotSimple
                if plain not in _good_keys:
                    _check_key(plain)
                if plain in top:
                    raise NotSimple
                key = plain
                want_value = True
                expect = False
                continue
            known = values.get(plain, values)
            if known is values:
                known = _plain(plain)
                if len(plain) < 40 and len(values) < 50_000:
                    values[plain] = known
        elif mark:
            if mark == "{" or mark == "[":
                known = {} if mark == "{" else []
                if top is None:
                    if root is not None:
                        raise NotSimple
                    root = known
                elif type(top) is dict:
                    if not want_value:
                        raise NotSimple
                    top[key] = known
                    want_value = False
                else:
                    if not expect:
                        raise NotSimple
                    top.append(known)
                stack.append(known)
                if len(stack) > _MAX_FLOW:
                    raise NotSimple
                top = known
                expect = True
                continue
            if want_value or top is None:
                raise NotSimple
            if mark == ",":
                if expect:
                    raise NotSimple
                expect = True
                continue
            if (type(top) is dict) != (mark == "}"):
                raise NotSimple
            stack.pop()
            top = stack[-1] if stack else None
            expect = False
            continue
        elif other:
            raise NotSimple
        elif comment:
            if top is not None:
                raise NotSimple
            break
        else:
            if top is None:
                raise NotSimple
            known = double or single.replace("''", "'")
            if colon:
                if type(top) is not dict or want_value or not expect or known in top or len(known) > _MAX_KEY:
                    raise NotSimple
                key = known
                want_value = True
                expect = False
                continue
        if type(top) is dict:
            if not want_value:
                raise NotSimple
            top[key] = known
            want_value = False
        else:
            if not expect:
                raise NotSimple
            top.append(known)
        expect = False
    if top is not None or root is None:
        raise NotSimple
    return root
