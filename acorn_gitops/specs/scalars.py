"""What a plain (unquoted) YAML scalar means here. Comes in: its text. Goes out: a value, or `Ambiguous`.
Callers: both parsers, so that they cannot disagree.

YAML 1.2's core schema with two refusals. Words and numbers that some YAML reader types differently
(`NO`, `12:30`, `00123`, `1_000`) and every float are refused: country codes, SKUs, postcodes and prices
are text here, and money must not pass through binary floats. The error shows the quoted form.
"""

from __future__ import annotations

import re
from typing import Final

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
_AMBIGUOUS: Final = re.compile(
    r"""(?:
      [yYnN] | yes|Yes|YES | no|No|NO | on|On|ON | off|Off|OFF      # YAML 1.1 booleans
    | [-+]?0[xXoObB][0-9a-fA-F_]+                                   # hexadecimal, octal, binary
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?              # base 60: 12:30
    | [-+]?(?:\.[0-9]|[0-9])[0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?   # octal 00123, 1_000, 19.90, 1e3, +12
    | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)
    | = | <<
    )\Z""",
    re.VERBOSE,
)


class Ambiguous(ValueError):
    """A plain scalar that different YAML readers type differently."""


def resolve(text: str) -> str | int | bool | None:
    """The value of a plain scalar; Ambiguous when it must be quoted."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if _INTEGER.match(text):
        return int(text)
    if _AMBIGUOUS.match(text):
        raise Ambiguous(text)
    return text


def quoted(text: str) -> str:
    """The text as a double-quoted scalar."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def needs_quotes(text: str) -> bool:
    """Whether the text, written plain, would be anything but this text."""
    if text != text.strip() or not text or text[0] in "!&*-?|>@`%{}[],#:'\"" or ": " in text or " #" in text:
        return True
    if text[-1] == ":" or any(c in text for c in "\n\t"):
        return True
    try:
        return resolve(text) != text
    except Ambiguous:
        return True
