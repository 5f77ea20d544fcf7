"""Bytes to text by rule. Comes in: a file's bytes. Goes out: text, or findings. Caller: `files`.

UTF-8 only; one byte order mark at the start is dropped; CRLF becomes LF; control characters, bidirectional
overrides and invisible spaces are refused, because a reviewer cannot see them; text must be NFC, so that
two spellings of é are not two names.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import Final

from acorn_gitops.confine.text import INVISIBLE, LONE_SELECTOR, MARKS, piled_up
from acorn_gitops.model.finding import Finding, Place

SHOWN: Final = 20
"""Faults of one kind that are told of one file: more help nobody, and a stranger can make millions."""
_LINE: Final = 2_000
"""Letters of a line that are shown: nobody reads a longer one."""
MAX_BYTES: Final = 128 * 1024 * 1024
_UNSAFE: Final = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\r\ufffe\uffff{INVISIBLE}]|{LONE_SELECTOR}")


def too_large(file: str) -> Finding:
    """The finding for a file above the limit."""
    message = f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB"
    return Finding(
        "GEN-004", "error", message, place=Place(file), hint="split it; one file for each brand or store"
    )


def decode(data: bytes, file: str) -> tuple[str, list[Finding]]:
    """The text of a file, and what is wrong with its characters. On findings the text is not to be used."""
    if len(data) > MAX_BYTES:
        return "", [too_large(file)]
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return "", [_undecodable(data, error.start, file)]
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if text.isascii() and text.isprintable():
        return text, []
    if "<<<<<<<" in text:
        last = max((match.start() for match in _CONFLICT_END.finditer(text)), default=-1)
        conflicts = (match for match in _CONFLICT.finditer(text) if match.start() < last)
        told = [_conflict(text, match.start(), file) for match in islice(conflicts, SHOWN)]
        if told:
            return text, told
    findings = [_unsafe(text, match.start(), file) for match in islice(_UNSAFE.finditer(text), SHOWN)]
    if not findings and (at := piled_up(text)) >= 0:
        findings.append(_piled_up(text, at, file))
    if not findings and not text.isascii() and not unicodedata.is_normalized("NFC", text):
        for number, line_text in enumerate(text.split("\n"), 1):
            if len(findings) == SHOWN:
                break
            if not unicodedata.is_normalized("NFC", line_text):
                normal = unicodedata.normalize("NFC", line_text)
                same = next(
                    (i for i, (a, b) in enumerate(zip(line_text, normal, strict=False)) if a != b),
                    len(normal),
                )
                findings.append(
                    Finding(
                        "GEN-013",
                        "error",
                        "text is not in Unicode normal form NFC: it can look equal to "
                        "another text and not be",
                        place=Place(file, number, same + 1),
                        hint="run `acorn fmt`",
                        source=line_text,
                    )
                )
    return text, findings


def _piled_up(text: str, at: int, file: str) -> Finding:
    line = text.count("\n", 0, at)
    column = at - (text.rfind("\n", 0, at) + 1)
    return Finding(
        "GEN-009",
        "error",
        f"more than {MARKS} combining marks stand after one letter, which no language has",
        place=Place(file, line + 1, column + 1),
        hint="delete them",
    )


def unseen(value: str) -> tuple[str, str] | None:
    """Of a value that was written with escapes, what `decode` would have refused of its characters: the
    finding's id, and what it is in words; None where nothing is wrong."""
    if value.isascii() and value.isprintable():
        return None
    found = _UNSAFE.search(value)
    if found is not None:
        name = unicodedata.name(found.group()[0], "without a name")
        return "GEN-009", f"an invisible or control character {name} (U+{ord(found.group()[0]):04X})"
    if piled_up(value) >= 0:
        return "GEN-009", f"more than {MARKS} combining marks after one letter"
    if not unicodedata.is_normalized("NFC", value):
        return (
            "GEN-013",
            "half of a letter (not in Unicode normal form NFC): it can look equal to another text and not be",
        )
    return None


_CONFLICT: Final = re.compile(r"^<{7}(?: |$)", re.MULTILINE)
_CONFLICT_END: Final = re.compile(r"^>{7}(?: |$)", re.MULTILINE)
"""What git writes where two sides of a merge differ."""


def _conflict(text: str, position: int, file: str) -> Finding:
    line = text.count("\n", 0, position) + 1
    return Finding(
        "GEN-002",
        "error",
        "unresolved merge conflict",
        place=Place(file, line, 1),
        hint="keep what is right of both sides, and remove the lines with <<<<<<<, ======= and >>>>>>>",
        source=text[position : text.find("\n", position)][:200],
    )


def _unsafe(text: str, position: int, file: str) -> Finding:
    line = text.count("\n", 0, position) + 1
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    character = text[position]
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    far = position - start > _LINE
    shown = (
        ""
        if far
        else _UNSAFE.sub(
            "\N{REPLACEMENT CHARACTER}", text[start : min(end, start + _LINE) if end >= 0 else start + _LINE]
        )
    )
    return Finding(
        "GEN-009",
        "error",
        f"invisible or control character {name} (U+{ord(character):04X})",
        place=Place(file, line, position - start + 1),
        hint="remove it: reviewers cannot see it",
        source=shown,
    )


def _undecodable(data: bytes, position: int, file: str) -> Finding:
    line = data.count(b"\n", 0, position) + 1
    start = data.rfind(b"\n", 0, position) + 1
    end = data.find(b"\n", position)
    before = data[start:position].decode("utf-8", "replace")
    after = data[position : end if end >= 0 else len(data)].decode("utf-8", "replace")
    return Finding(
        "GEN-009",
        "error",
        "the file is not UTF-8",
        place=Place(file, line, len(before) + 1),
        hint="save it as UTF-8 without BOM",
        source=_UNSAFE.sub("\N{REPLACEMENT CHARACTER}", before + after)[:200],
    )
