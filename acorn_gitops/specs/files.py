"""One file to documents. Comes in: a path inside the repository. Goes out: raw documents with places, and
findings. Caller: `load`.

The fast parser looks first; what it does not understand, and every error, goes to the strict one. Parses of
larger files are remembered by content.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeGuard

from acorn_gitops.confine.paths import Escape, read_inside
from acorn_gitops.model.finding import FieldPath, Finding, Place
from acorn_gitops.model.resource import Document
from acorn_gitops.specs import fast, gate, quick, tables
from acorn_gitops.specs.cache import MINIMUM, ParseCache
from acorn_gitops.specs.leaks import leaks, masked
from acorn_gitops.specs.strict import Node, compose
from acorn_gitops.specs.text import MAX_BYTES, decode, too_large

READABLE = frozenset({"GEN-001", "GEN-003", "GEN-014"})
"""Findings of the strict parser after which a document is still a document."""


class Raw(NamedTuple):
    """A document as written. `accepted`: whether the kind's schema took it as it stands."""

    data: Document
    file: str
    line: int
    item_lines: list[int]
    item_file: str
    position: int
    accepted: bool

    @property
    def kind(self) -> str:
        """The kind as written, or nothing."""
        kind = self.data.get("kind")
        return kind if isinstance(kind, str) else ""

    @property
    def name(self) -> str:
        """The name as written, or nothing."""
        metadata = self.data.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return name if isinstance(name, str) else ""


class FileDocuments(NamedTuple):
    """What a file holds. `digest` is the SHA-256 of its bytes and of every table it names."""

    documents: list[Raw]
    findings: list[Finding]
    digest: str


class Reader:
    """Reads files of one repository, and finds places in them again when something is wrong."""

    def __init__(self, root: Path, cache: ParseCache | None) -> None:
        self.root = root
        self.cache = cache
        self._composed: dict[str, list[Node]] = {}
        self._texts: dict[str, str] = {}
        self._lines: dict[str, list[str]] = {}
        self._leaks: dict[str, list[Finding]] = {}
        self._encodings: dict[str, str] = {}
        self._items: dict[tuple[str, int, int], Node | None] = {}
        """Entries of long lists that were composed alone, by file and lines: many findings may be about
        one."""
        self._spots: dict[tuple[str, int, int], quick.Spot | None] = {}
        """The same, looked through without composing."""
        self._tables: dict[tuple[str, int], dict[str, object]] = {}
        self._cells: dict[tuple[str, int], tables.Cells] = {}

    def relative(self, path: Path) -> str:
        """The path as shown: from the root, with forward slashes; bytes that are no text as escapes."""
        return path.relative_to(self.root).as_posix().encode("utf-8", "backslashreplace").decode()

    def read(self, path: Path) -> FileDocuments:
        """All documents of a YAML file."""
        file = self.relative(path)
        try:
            size = path.stat().st_size
            data = path.read_bytes() if size <= MAX_BYTES else b""
        except OSError as error:
            finding = Finding("GEN-005", "error", f"cannot be read: {error.strerror}", place=Place(file))
            return FileDocuments([], [finding], "")
        if size > MAX_BYTES:
            return FileDocuments([], [too_large(file)], "")
        digest = hashlib.sha256(data).hexdigest()
        self._leaks[file] = leaks(data, file)
        slot = self.cache.name(data) if self.cache is not None and len(data) >= MINIMUM else None
        if slot is not None and self.cache is not None:
            stored = self.cache.get(slot)
            if _is_parse(stored):
                documents = [
                    Raw(d, file, line, item_lines=items, item_file=file, position=i, accepted=ok)
                    for i, (d, line, items, ok) in enumerate(stored)
                ]
                return self._with_tables(FileDocuments(documents, [], digest), path)
        text, findings = decode(data, file)
        if findings:
            return FileDocuments([], findings, digest)
        documents, findings = self._parse(text, file)
        if slot is not None and self.cache is not None and not findings:
            self.cache.put(slot, [(raw.data, raw.line, raw.item_lines, raw.accepted) for raw in documents])
        return self._with_tables(FileDocuments(documents, findings, digest), path)

    def _parse(self, text: str, file: str) -> tuple[list[Raw], list[Finding]]:
        try:
            parsed = fast.parse(text)
        except fast.NotSimple:
            composed = compose(text, file)
            findings = composed.findings
            parsed = []
            for node in composed.documents:
                if isinstance(node.data, dict):
                    parsed.append(fast.Parsed(node.data, node.line, _item_lines(node)))
                else:
                    findings.append(
                        Finding(
                            "GEN-007",
                            "error",
                            "a document must be a map",
                            place=Place(file, node.line, node.column),
                            hint="begin with `apiVersion: acorn/v1`",
                            source=text.split("\n")[node.line - 1],
                        )
                    )
            if any(finding.id not in READABLE for finding in findings):
                return [], findings
            # Every scalar has its place and its text: the schema can speak too, in the same run.
            refused = findings
        else:
            refused = []
        return [
            Raw(
                p.data,
                file,
                p.line,
                item_lines=p.item_lines,
                item_file=file,
                position=i,
                accepted=p.data.get("kind") in gate.KINDS and gate.accepts(p.data["kind"], p.data),
            )
            for i, p in enumerate(parsed)
        ], refused

    def _with_tables(self, read: FileDocuments, path: Path) -> FileDocuments:
        documents: list[Raw] = []
        findings = [*read.findings, *self._leaks.get(self.relative(path), ())]
        digest = read.digest
        for raw in read.documents:
            spec = raw.data.get("spec")
            table = spec.get("table") if isinstance(spec, dict) and raw.kind == "SkuMapping" else None
            if not raw.accepted or not isinstance(table, dict):
                documents.append(raw)
                continue
            at = self.place(raw, ("spec", "table", "file"))
            try:
                content = read_inside(self.root, table["file"], most=MAX_BYTES, beside=path.parent)
            except Escape as error:
                findings.append(
                    Finding("GEN-005", "error", str(error), place=at, hint="", source=self.source(at))
                )
                continue
            except OSError:
                findings.append(
                    Finding(
                        "GEN-005",
                        "error",
                        f"the table {table['file']} does not exist",
                        place=at,
                        hint="the path is relative to this document",
                        source=self.source(at),
                    )
                )
                continue
            digest = hashlib.sha256((digest + hashlib.sha256(content).hexdigest()).encode()).hexdigest()
            shown = self.relative(path.parent / table["file"])
            self._leaks[shown] = leaks(content, shown)
            findings += self._leaks[shown]
            table_raw, problems = self._table(raw, content, shown, table)
            findings += problems
            if table_raw is not None:
                documents.append(table_raw)
        return FileDocuments(documents, findings, digest)

    def _table(
        self, raw: Raw, content: bytes, shown: str, table: Document
    ) -> tuple[Raw | None, list[Finding]]:
        encoding = _marked(content) or table.get("encoding") or "utf-8"
        self._encodings[shown] = encoding
        self._tables[(raw.file, raw.position)] = table
        if encoding != "utf-8" and not _marked(content) and _is_utf_8(content):
            return None, [
                Finding(
                    "GEN-009",
                    "error",
                    f"the table is UTF-8, and not {encoding}: read so it would have other letters",
                    place=Place(shown, 1),
                    hint="take `encoding` out, or save it as it says",
                )
            ]
        if encoding != "utf-8":
            try:
                content = content.decode(encoding).encode()
            except UnicodeDecodeError as error:
                line = content.count(b"\n", 0, error.start) + 1
                return None, [
                    Finding(
                        "GEN-009",
                        "error",
                        f"the table is not {encoding}",
                        place=Place(shown, line),
                        hint="name its encoding, or save it as UTF-8",
                    )
                ]
        text, findings = decode(content, shown)
        if findings:
            hint = (
                "save it as UTF-8, or name below `table:` what the spreadsheet writes: `encoding: cp1250` (Polish, Czech, Hungarian),"
                " cp1252 (Western Europe), cp932 (Japan), gb18030 (China); the wrong one reads other letters"
            )
            wrong = encoding == "utf-8" and findings[0].message == "the file is not UTF-8"
            return None, [f._replace(hint=hint) for f in findings] if wrong else findings
        items, lines, findings = tables.read(text, shown, table)
        if findings:
            return None, findings
        spec = {
            "items": items,
            **({"defaults": raw.data["spec"]["defaults"]} if raw.data["spec"].get("defaults") else {}),
        }
        data = {**raw.data, "spec": spec}
        return raw._replace(
            data=data, item_lines=lines, item_file=shown, accepted=gate.accepts("SkuMapping", data)
        ), []

    def text(self, file: str) -> str:
        """The decoded text of a file; empty when it cannot be had."""
        if file not in self._texts:
            try:
                data = (self.root / file).read_bytes()
            except OSError:
                data = b""
            encoding = self._encodings.get(file, "utf-8")
            if encoding != "utf-8":
                data = data.decode(encoding, "replace").encode()
            self._texts[file] = decode(data, file)[0]
        return self._texts[file]

    def lines(self, file: str) -> list[str]:
        """The lines of a file: split once, however many findings ask."""
        if file not in self._lines:
            self._lines[file] = self.text(file).split("\n")
        return self._lines[file]

    def source(self, place: Place | None) -> str:
        """The line of text at a place."""
        if place is None or not place.line:
            return ""
        lines = self.lines(place.file)
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        return masked(line) if self._leaks.get(place.file) else line

    def nodes(self, raw: Raw, path: FieldPath) -> tuple[Node | None, FieldPath]:
        """The composed document and the path in it; for an entry of a long list only that entry is
        composed."""
        if raw.item_file != raw.file and path[:2] == ("spec", "items"):
            return None, path
        if len(path) >= 3 and path[:2] == ("spec", "items") and raw.item_lines and isinstance(path[2], int):
            span = self._span(raw, path[2])
            if span is None:
                return self._whole(raw), path
            begin, end = span
            lines = self.lines(raw.file)
            memo = (raw.file, begin, end)
            if memo not in self._items:
                composed = compose("\n".join(lines[begin - 1 : end]), raw.file, begin)
                # What only makes sense with the lines before it (an alias) needs the whole file.
                alone = composed.documents and all(f.id in READABLE for f in composed.findings)
                self._items[memo] = composed.documents[0] if alone else None
            item = self._items[memo]
            if item is not None:
                return item, (0, *path[3:])
        return self._whole(raw), path

    def _span(self, raw: Raw, index: int) -> tuple[int, int] | None:
        """The first and the last line of an entry; None for a list in brackets, or a dash on a line of its
        own."""
        begin = raw.item_lines[index]
        lines = self.lines(raw.file)
        if not lines[begin - 1].lstrip(" ").startswith("- "):
            return None
        following = raw.item_lines[index + 1 : index + 2]
        end = following[0] - 1 if following else begin
        if not following:
            indent = len(lines[begin - 1]) - len(lines[begin - 1].lstrip(" "))
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" " * (indent + 1))):
                end += 1
        return begin, end

    def _quickly(self, raw: Raw, path: FieldPath, *, key: bool) -> Place | None:
        """The place in an entry of a long list that is written in one of the usual forms."""
        if (
            len(path) < 3
            or path[:2] != ("spec", "items")
            or raw.item_file != raw.file
            or not raw.item_lines
            or not isinstance(path[2], int)
        ):
            return None
        span = self._span(raw, path[2])
        if span is None:
            return None
        memo = (raw.file, *span)
        if memo not in self._spots:
            self._spots[memo] = quick.entry(self.lines(raw.file)[span[0] - 1 : span[1]], span[0])
        spot = self._spots[memo]
        found = quick.at(spot, path[3:], key=key) if spot is not None else None
        return Place(raw.file, *found) if found is not None else None

    def _whole(self, raw: Raw) -> Node | None:
        if raw.file not in self._composed:
            documents = compose(self.text(raw.file), raw.file).documents
            self._composed[raw.file] = [node for node in documents if isinstance(node.data, dict)]
        documents = self._composed[raw.file]
        return documents[raw.position] if raw.position < len(documents) else None

    def place(self, raw: Raw, path: FieldPath, *, key: bool = False) -> Place:
        """File, line and column of a value (or its key) in a document."""
        seen = self._quickly(raw, path, key=key)
        if seen is not None:
            return seen
        node, inner = self.nodes(raw, path)
        if node is None:
            if path[:2] == ("spec", "items") and len(path) > 2:
                return self._cell(raw, int(path[2]), path[3:])
            return Place(raw.file, raw.line, 1)
        line, column = node.key_at(inner) if key else node.at(inner)
        return Place(raw.file, line, column)

    def put_cells(self, text: str, raw: Raw, edits: Sequence[tuple[FieldPath, object]]) -> str | None:
        """The text of a table with the cells changed that say the values at these paths; None where there is
        none for one of them, or the table is not kept in UTF-8."""
        table = self._tables.get((raw.file, raw.position))
        plain = self._encodings.get(raw.item_file, "utf-8") == "utf-8"
        if table is None or not plain:
            return None
        puts: list[tables.Put] = []
        for path, value in edits:
            if path[:2] != ("spec", "items") or not isinstance(value, str):
                return None
            puts.append(tables.Put(raw.data["spec"]["items"][path[2]]["sku"], path[3:], value))
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        put = tables.put(text[len(mark) :], raw.item_file, table=table, edits=puts)
        return mark + put if put is not None else None

    def is_utf8(self, file: str) -> bool:
        """Whether a file is kept in UTF-8, as far as it was read: only such are edited."""
        return self._encodings.get(file, "utf-8") == "utf-8"

    def exact(self, file: str) -> str:
        """The text of a file in UTF-8 with its mark and its line ends; empty when it cannot be had."""
        try:
            return (self.root / file).read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            return ""

    def _cell(self, raw: Raw, index: int, path: FieldPath) -> Place:
        """The cell of a table that a path of an item came from; the item's first row for what no cell
        says."""
        key = (raw.file, raw.position)
        if key not in self._cells:
            self._cells[key] = {}
            tables.read(self.text(raw.item_file), raw.item_file, self._tables[key], self._cells[key])
        sku = raw.data["spec"]["items"][index]["sku"]
        for length in range(len(path), 0, -1):
            found = self._cells[key].get((sku, path[:length]))
            if found is not None:
                return found
        return Place(raw.item_file, raw.item_lines[index], 1)

    def has(self, raw: Raw, path: FieldPath) -> bool:
        """Whether a document says anything at a path."""
        current: Any = raw.data
        for part in path:
            try:
                current = current[part]
            except (KeyError, IndexError, TypeError):
                return False
        return True


def _item_lines(node: Node) -> list[int]:
    spec = node.children.get("spec")
    items = spec.children.get("items") if spec is not None else None
    if items is None or not isinstance(items.data, list):
        return []
    return [items.children[i].line for i in range(len(items.data))]


def _is_parse(stored: object) -> TypeGuard[list[Any]]:
    """Whether a cache entry has the form of a parse: a damaged one costs time, nothing else."""
    return isinstance(stored, list) and all(
        isinstance(entry, list)
        and len(entry) == 4
        and isinstance(entry[0], dict)
        and isinstance(entry[1], int)
        and isinstance(entry[2], list)
        and isinstance(entry[3], bool)
        for entry in stored
    )


_MARKS: Final = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def _is_utf_8(content: bytes) -> bool:
    """Whether a text with letters beyond ASCII is UTF-8: no text of another encoding is so by chance."""
    if content.isascii():
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _marked(content: bytes) -> str:
    """The encoding that a file names by its first bytes; "" where it names none, or UTF-8."""
    return next((name for mark, name in _MARKS if content.startswith(mark)), "")
