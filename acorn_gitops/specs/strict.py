"""The full parser: YAML 1.2 with positions, refusing what can fool a reader. Comes in: clean text.
Goes out: documents as trees of `Node`, and every finding. Callers: `files` (on demand), `explain`, `gate`.

ruamel.yaml parses; this room composes its events, so that it can refuse duplicate keys, merge keys, tags,
unbounded nesting and alias bombs with a place, and keep line and column of every key and value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from acorn_gitops.confine.text import cut
from acorn_gitops.model.finding import Finding, Place
from acorn_gitops.specs.fast import MAX_DEPTH
from acorn_gitops.specs.scalars import Ambiguous, quoted, resolve
from acorn_gitops.specs.text import unseen

MOST: Final = 1_000
"""Faults of one file that are told."""
MAX_ALIASED_NODES: Final = 10_000
MAX_ALIASED_TEXT: Final = 1_000_000
"""Characters."""
_HALF: Final = re.compile("[\ud800-\udfff]")


class Node:
    """A value with its place. `children` maps keys (or indexes) to nodes, `keys` to the keys' places."""

    __slots__ = ("children", "column", "data", "keys", "line", "size", "text")

    def __init__(self, data: Any, line: int, column: int) -> None:
        self.data = data
        self.line = line
        self.column = column
        self.children: dict[object, Node] = {}
        self.keys: dict[object, tuple[int, int]] = {}
        self.size = 1
        self.text = len(data) if isinstance(data, str) else 0

    def at(self, path: Sequence[object]) -> tuple[int, int]:
        """Line and column of the value at a path, or of the deepest part of it that exists."""
        node = self
        for part in path:
            child = node.children.get(part)
            if child is None:
                break
            node = child
        return node.line, node.column

    def below(self, path: Sequence[object]) -> Node:
        """The value at a path that exists (`has`)."""
        node = self
        for part in path:
            node = node.children[part]
        return node

    def key_at(self, path: Sequence[object]) -> tuple[int, int]:
        """Line and column of the key at a path; of its value where there is no key."""
        node = self
        for part in path[:-1]:
            child = node.children.get(part)
            if child is None:
                return node.line, node.column
            node = child
        if path and path[-1] in node.keys:
            return node.keys[path[-1]]
        return self.at(path)

    def has(self, path: Sequence[object]) -> bool:
        """Whether the path exists in this document."""
        node = self
        for part in path:
            child = node.children.get(part)
            if child is None:
                return False
            node = child
        return True


class Composed(NamedTuple):
    """All documents of a text, and what is wrong with it."""

    documents: list[Node]
    findings: list[Finding]


class _TooMuch(Exception):
    pass


def compose(text: str, file: str, first_line: int = 1) -> Composed:
    """Compose every document. Findings carry `file:line:column`; a syntax error ends the text."""
    composer = _Composer(file, text.split("\n"), first_line)
    documents: list[Node] = []
    try:
        for node in composer.documents(_events(text)):
            if node is not None and not (node.data is None and not node.children):
                documents.append(node)
    except _TooMuch:
        pass
    except RecursionError:
        composer.fail("GEN-004", 0, 0, "collections are nested too deeply", f"at most {MAX_DEPTH} levels")
    except Exception as error:  # noqa: BLE001 - ruamel raises many kinds; each becomes one placed finding
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line, column = (mark.line, mark.column) if mark is not None else (0, 0)
        problem = str(getattr(error, "problem", None) or error).split("\n")[0]
        composer.fail(
            "GEN-002", line, column, f"this is not YAML: {problem}", _syntax_hint(problem, text, line)
        )
    return Composed(documents, composer.findings)


_FULL_WIDTH: Final = {
    "：": ":",
    "，": ",",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "｛": "{",
    "｝": "}",
    "［": "[",
    "］": "]",
    "＃": "#",
    "\u3000": "a space",
    "、": ",",
}
"""What an input method writes in place of YAML's own marks."""


def _syntax_hint(problem: str, text: str, line: int) -> str:
    lines = text.split("\n")[max(line - 1, 0) : line + 1]
    for number, words in reversed(list(enumerate(lines, max(line - 1, 0) + 1))):
        wide = next((c for c in words if c in _FULL_WIDTH), "")
        if wide:
            return f"line {number} has the full-width character {wide}; in YAML it is {_FULL_WIDTH[wide]}"
    if "\\t" in problem or "tab" in problem:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return 'quote a value that contains ": "'
    return "check indentation, quotes and brackets at this place"


def _events(text: str) -> Iterator[object]:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    return iter(yaml.parse(text))


class _Composer:
    def __init__(self, file: str, lines: list[str], first_line: int) -> None:
        self.file = file
        self.lines = lines
        self.first_line = first_line
        self.findings: list[Finding] = []
        self.anchors: dict[str, Node] = {}
        self.expanded = 0
        self.expanded_text = 0

    def fail(self, id: str, line: int, column: int, message: str, hint: str) -> None:
        if len(self.findings) >= MOST:
            return
        source = self.lines[line] if line < len(self.lines) else ""
        place = Place(self.file, line + self.first_line, column + 1)
        self.findings.append(Finding(id, "error", message, place=place, hint=hint, source=source))

    def documents(self, events: Iterator[object]) -> Iterator[Node | None]:
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                self.anchors = {}
                yield self.node(next(events), events, 0)

    def node(self, event: Any, events: Iterator[object], depth: int) -> Node:
        kind = type(event).__name__
        line, column = event.start_mark.line, event.start_mark.column
        if depth > MAX_DEPTH:
            self.fail(
                "GEN-004", line, column, "collections are nested too deeply", f"at most {MAX_DEPTH} levels"
            )
            raise _TooMuch
        if kind == "AliasEvent":
            return self.alias(event, line, column)
        tag = getattr(event, "tag", None)
        if tag is not None and not (kind == "ScalarEvent" and str(tag) in ("tag:yaml.org,2002:str", "!!str")):
            self.fail(
                "GEN-014", line, column, f"tags are not allowed ({tag})", "write the value without a tag"
            )
        node = Node(None, line + self.first_line, column + 1)
        anchor = event.anchor
        if kind == "ScalarEvent":
            node.data = self.scalar(event, line, column, forced=tag is not None)
            node.text = len(event.value)
        elif kind == "SequenceStartEvent":
            items: list[object] = []
            while type(event := next(events)).__name__ != "SequenceEndEvent":
                child = self.node(event, events, depth + 1)
                node.children[len(items)] = child
                node.size += child.size
                node.text += child.text
                items.append(child.data)
            node.data = items
        else:
            self.mapping(node, events, depth)
        if anchor is not None:
            self.anchors[anchor] = node
        return node

    def mapping(self, node: Node, events: Iterator[Any], depth: int) -> None:
        data: dict[object, object] = {}
        while type(event := next(events)).__name__ != "MappingEndEvent":
            line, column = event.start_mark.line, event.start_mark.column
            key_node = self.node(event, events, depth + 1)
            key = key_node.data
            child = self.node(next(events), events, depth + 1)
            if type(event).__name__ == "ScalarEvent" and event.value == "<<" and event.style is None:
                continue  # already refused as ambiguous
            if not isinstance(key, str):
                if not self.findings or self.findings[-1].place != Place(
                    self.file, line + self.first_line, column + 1
                ):
                    shown = event.value if type(event).__name__ == "ScalarEvent" else "this"
                    hint = (
                        f"write {quoted(shown)}"
                        if type(event).__name__ == "ScalarEvent"
                        else "use a plain word"
                    )
                    self.fail("GEN-001", line, column, f"the key {shown} is not text", hint)
                continue
            if key in data:
                first = node.keys[key][0]
                self.fail(
                    "GEN-003",
                    line,
                    column,
                    f"the key {key!r} stands here a second time (first in line {first})",
                    "remove one of them",
                )
                continue
            data[key] = child.data
            node.children[key] = child
            node.keys[key] = (line + self.first_line, column + 1)
            node.size += child.size
            node.text += len(key) + child.text
        node.data = data

    def scalar(self, event: Any, line: int, column: int, *, forced: bool) -> object:
        if forced or event.style is not None:
            if not event.value.isascii() and _HALF.search(event.value):
                self.fail(
                    "GEN-009",
                    line,
                    column,
                    "an escape here is half a character (a surrogate), which no text can hold",
                    "write the character itself",
                )
                return _HALF.sub("\N{REPLACEMENT CHARACTER}", event.value)
            if event.style == '"' and (why := unseen(event.value)):
                hint = "write it as it is read; what nobody sees is left out"
                self.fail(why[0], line, column, f"an escape here is {why[1]}", hint)
            return event.value
        try:
            return resolve(event.value)
        except Ambiguous:
            if event.value == "<<":
                self.fail(
                    "GEN-014",
                    line,
                    column,
                    "merge keys (<<) are not YAML 1.2",
                    "use `inherits` or `defaults`",
                )
            else:
                self.fail(
                    "GEN-001",
                    line,
                    column,
                    f"{cut(event.value, 80)} without quotes means different things to different YAML readers",
                    f"write {quoted(event.value)}" if len(event.value) <= 80 else "write it in quotes",
                )
            return event.value

    def alias(self, event: Any, line: int, column: int) -> Node:
        target = self.anchors.get(event.anchor)
        if target is None:
            self.fail(
                "GEN-002",
                line,
                column,
                f"the alias *{event.anchor} has no finished anchor before it",
                f"define &{event.anchor} first; an anchor cannot contain itself",
            )
            return Node(None, line + self.first_line, column + 1)
        self.expanded += target.size
        self.expanded_text += target.text
        if self.expanded > MAX_ALIASED_NODES or self.expanded_text > MAX_ALIASED_TEXT:
            self.fail(
                "GEN-004",
                line,
                column,
                f"aliases expand to more than {MAX_ALIASED_NODES:,} values, or {MAX_ALIASED_TEXT:,} characters",
                "write the values out, or use `defaults`",
            )
            raise _TooMuch
        copy = Node(target.data, line + self.first_line, column + 1)
        copy.children, copy.keys = target.children, target.keys
        copy.size, copy.text = target.size, target.text
        return copy
