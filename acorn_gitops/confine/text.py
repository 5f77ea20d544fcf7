"""Takes the power out of foreign text. Comes in: what somebody else wrote. Goes out: the same, visible and
without effect. Callers: renderers (`safe`), cli for everything that leaves the process (`Output`), adapters
(`Redacted`).

A terminal obeys control characters, a reviewer is deceived by characters that cannot be seen, a log keeps a
token for ever.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from html import escape
from typing import IO, Final, Literal
from urllib.parse import quote, quote_plus

import orjson

COMMAND: Final = f"\x1b{os.urandom(8).hex()}::"
"""How a command of acorn's own to a CI runner begins, likewise; the rest of the line is foreign and is
escaped."""
OWN: Final = f"\x1b{os.urandom(8).hex()}["
"""How a control sequence of acorn's own begins, until it leaves the process: nobody outside can guess it."""
INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff"
    "\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What nobody sees, as a part of a character class: Unicode's Default_Ignorable_Code_Point, line separators,
and two blanks that count as letters or symbols. U+FE0F is judged by what stands before it: after a symbol it
makes an emoji."""
LONE_SELECTOR: Final = "(?<![\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff#*0-9])\ufe0f"
_UNSEEN: Final = re.compile(f"[{INVISIBLE}]|{LONE_SELECTOR}")
_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]|\r(?!\n)"
)
"""What terminals and editors act upon. Line ends and tabs are text."""
_COMMANDS: Final = re.compile(r"^(?P<before>[^\S\n]*):(?=:)|(?P<mark>##[A-Za-z]*)\[", re.MULTILINE)
"""What a CI runner obeys in a log: GitHub Actions a line that begins with `::`, and `##[` anywhere
(actions/runner, ActionCommand.cs); Azure Pipelines `##vso[`, TeamCity `##teamcity[`."""


MARKS: Final = 30
"""Combining marks after one letter, at most: Unicode's stream-safe text has no more, nor has any language.
Bringing more into order takes time with the square of their number."""


def piled_up(text: str) -> int:
    """Where more combining marks stand after one letter than any language has; -1 where nowhere."""
    with suppress(UnicodeEncodeError):
        text.encode("latin-1")  # at no cost, and Latin-1 has no marks
        return -1
    # Which marks there are is found quickly, and in most languages there is none.
    marks = "".join(sorted(letter for letter in {*text} if unicodedata.combining(letter)))
    found = re.search(f"[{marks}]{{{MARKS + 1}}}", text) if marks else None
    return found.start() if found is not None else -1


def normal(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """A text in a normal form of Unicode; as it is where marks are piled up in it."""
    return text if piled_up(text) >= 0 else unicodedata.normalize(form, text)


def safe(text: str) -> str:
    """In one line, without control, bidirectional or invisible characters; each is shown as `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    text = _UNSEEN.sub(_shown, text)
    return "".join(
        c if c.isprintable() and unicodedata.category(c) != "Cf" else f"\\u{ord(c):04x}" for c in text
    )


def one_line(text: str, most: int) -> str:
    """Foreign words for a message: harmless, in one line, and of bounded length."""
    shown = safe(text[: most + 1])
    return shown if len(text) <= most else f"{shown[:most]}…"


def cut(text: str, most: int) -> str:
    """A text of bounded length, as it is."""
    return text if len(text) <= most else f"{text[:most]}…"


def harmless(text: str) -> str:
    """Text of several lines that no terminal and no CI runner acts upon, in which acorn's own sequences have
    become real ones."""
    if COMMAND in text:
        return "\n".join(
            f"::{harmless(line.removeprefix(COMMAND)).lstrip(':')}"
            if line.startswith(COMMAND)
            else harmless(line)
            for line in text.split("\n")
        )
    if "::" in text or "##" in text:
        text = _COMMANDS.sub(_spelt, text)
    return "\x1b[".join(_OBEYED.sub(_shown, part) for part in text.split(OWN))


def _spelt(match: re.Match[str]) -> str:
    if match["mark"] is not None:
        return f"{match['mark']}\\u005b"
    return f"{match['before']}\\u003a"


def _shown(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def unseen(text: str) -> bool:
    """Whether a text holds a character that nobody sees."""
    return not text.isprintable() or _UNSEEN.search(text) is not None


_RUN: Final = re.compile(r"'*[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+([.,:/-][0-9]+)*%?", re.ASCII)
_RUN_BEHIND: Final = re.compile(r";(?='*[=+\-@\t\r])")
"""Where commas are decimal, a spreadsheet ends cells at semicolons, also in a file that has commas, and
between quotes that do not begin a cell."""
_KEPT_BEHIND: Final = re.compile(r";'(?='*[=+\-@\t\r])")


_NOTHING: Final = frozenset({"null", "none", "nan", "undefined", "n/a"})


def is_nothing(text: str) -> bool:
    """Whether a text is what programs write for no value at all."""
    return len(text) < 10 and text.lower() in _NOTHING


def cell(text: str) -> str:
    """Text for a cell of a CSV file: what a spreadsheet would run as a formula begins with an apostrophe,
    also behind a semicolon, and so does a word that others take for nothing; numbers do not. `uncell` takes
    it off again."""
    held = _RUN_BEHIND.sub(";'", text) if ";" in text else text
    return f"'{held}" if _is_marked(text) else held


def _is_marked(text: str) -> bool:
    runs = _RUN.match(text) and not _NUMBER.fullmatch(text)
    return bool(runs) or is_nothing(text.lstrip("'"))


def uncell(text: str) -> str:
    """The text of a cell that `cell` made, or that a spreadsheet wrote the same way."""
    found = text[1:] if text.startswith("'") and _is_marked(text[1:]) else text
    return _KEPT_BEHIND.sub(";", found) if ";'" in found else found


class Output:
    """A stream on its way out of the process: harmless, and never a reason to stop. What cannot be written is
    dropped, and `lost` says why: what is done does not depend on who reads about it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.lost: OSError | None = None

    def write(self, text: str) -> int:
        """Write, or drop it where nobody reads any more."""
        if self.lost is None:
            try:
                self._stream.write(harmless(text))
            except OSError as error:
                self.lost = error
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand it over, or drop it."""
        if self.lost is None:
            try:
                self._stream.flush()
            except OSError as error:
                self.lost = error

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


SHORTEST: Final = 8
"""Characters of a secret that is looked for in answers: shorter ones are in any text by chance."""
REDACTED: Final = "(secret)"
_ESCAPE: Final = re.compile(rb"\\(?:u00(2[013-9a-fA-F]|[3467][0-9a-fA-F]|5[0-9abd-fABD-F])|(/)|.)", re.DOTALL)
"""JSON's escapes. In groups: printable ASCII other than quotes and backslashes, which needs none; a slash."""


class Redacted:
    """Removes secrets from what comes back from where they were sent."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._texts = sorted({s for s in secrets if len(s) >= SHORTEST}, key=len, reverse=True)
        spelt = {form for s in self._texts for form in _spellings(s)}
        self._bytes = [form.encode() for form in sorted(spelt, key=len, reverse=True)]

    def also(self, secret: str) -> Redacted:
        """The same with one secret more."""
        return Redacted((*self._texts, secret))

    def content(self, body: bytes) -> bytes:
        """A body, as it travelled. What JSON spells with escapes and need not is spelt plainly first."""
        if not self._bytes:
            return body
        if b"\\" in body:
            body = _ESCAPE.sub(_plain, body)
        for secret in self._bytes:
            if secret in body:
                body = body.replace(secret, REDACTED.encode())
        return body

    def text(self, text: str) -> str:
        """A text, e.g. a header."""
        for secret in self._bytes:
            if secret.decode() in text:
                text = text.replace(secret.decode(), REDACTED)
        return text


def _spellings(secret: str) -> Iterator[str]:
    """A secret as itself, in JSON, in addresses (capital and small hexadecimal digits) and in HTML."""
    yield secret
    yield orjson.dumps(secret).decode()[1:-1]
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda two: two[0].lower(), encoded)
    yield escape(secret)
    yield escape(secret, quote=False)


def _plain(match: re.Match[bytes]) -> bytes:
    """What needs no escape, without it; any other as it is: behind a backslash that is meant nothing is
    one."""
    return bytes([int(match[1], 16)]) if match[1] else match[2] or match[0]
